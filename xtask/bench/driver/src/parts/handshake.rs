//! Handshakes: connect, upgrade, close, 16 at a time.

use super::{by_server, echo::CPU};
use crate::measure::Bench;
use crate::page::Page;
use crate::servers::{Kind, Launch};

pub fn run(bench: &Bench, page: &mut Page) -> Result<(), String> {
    let one = |kind| !matches!(kind, Kind::Bytes | Kind::PeerPlain | Kind::Defaults);
    let servers = bench.servers(|server| one(server.kind));
    let args = format!("--secs {}", bench.options.secs);
    let browser = format!("{args} --browser");
    let short = bench.interleave(&servers, Launch::PLAIN, "handshake", &args);
    let long = bench.interleave(&servers, Launch::PLAIN, "handshake", &browser);
    if bench.options.quick {
        let columns = [("5 header lines, µs", &short), ("12 header lines, µs", &long)];
        page.section("handshake", by_server(&servers, &columns, CPU, 1e3));
        return Ok(());
    }
    let all = bench.servers(|server| one(server.kind) || server.kind == Kind::Defaults);
    let two = bench.interleave(&all, Launch::TWO_THREADS, "handshake", &browser);
    let columns = [
        ("5 header lines, µs", &short),
        ("12 header lines, µs", &long),
        ("12 lines, two threads, µs", &two),
    ];
    page.section("handshake", by_server(&all, &columns, CPU, 1e3));
    Ok(())
}
