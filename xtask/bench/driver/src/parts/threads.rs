//! The same echoes with two server threads, and with our defaults.

use super::echo::{self, CPU};
use crate::measure::Bench;
use crate::page::Page;
use crate::servers::{Kind, LIMIT, Launch, OURS, Server};
use crate::tables::{Table, number, times, with_interval};

pub fn run(bench: &Bench, page: &mut Page) -> Result<(), String> {
    const DEFAULTS: &str = "websockets, defaults";
    let quick = bench.options.quick;
    let names: &[&str] =
        if quick { &["16-d32"] } else { &["16-c64", "16-d32", "125-d32", "1k-d32", "64k-c64"] };
    let mut table = Table::new([
        "messages, connections × in flight",
        "limit, ns",
        "ours / limit",
        "ours with default settings / limit",
        "best peer / limit",
        "best peer",
        "messages/s: limit",
        "ours",
        "best peer",
    ]);
    for scenario in names.iter().map(|name| echo::by_name(name)) {
        eprintln!("  {}", scenario.describe());
        let servers = bench.servers(|server| !matches!(server.kind, Kind::Bytes | Kind::PeerPlain));
        let args = scenario.args(bench.options.secs);
        let samples = bench.interleave(&servers, Launch::TWO_THREADS, "echo", &args);
        let best = samples.best(&bench.servers(Server::is_peer), CPU).unwrap_or("–");
        let rate = |name| number(samples.median(name, "rate"));
        table.row([
            scenario.describe(),
            number(samples.median(LIMIT, CPU)),
            with_interval(samples.ratio(OURS, LIMIT, CPU)),
            with_interval(samples.ratio(DEFAULTS, LIMIT, CPU)),
            times(samples.ratio(best, LIMIT, CPU).median),
            best.to_owned(),
            rate(LIMIT),
            rate(OURS),
            rate(best),
        ]);
    }
    page.section("threads", table.finish());
    Ok(())
}
