//! Handshakes: connect, upgrade, close, 16 at a time.

use crate::measure::{Bench, CPU};
use crate::page::Page;
use crate::servers::{Kind, LIMIT, OURS};
use crate::tables::{Table, number, times, with_interval};

pub fn run(bench: &Bench, page: &mut Page) -> Result<(), String> {
    let servers = bench.servers(|server| !matches!(server.kind, Kind::Bytes | Kind::PeerPlain));
    let args = format!("--secs {}", bench.options.secs);
    let columns = [args.clone(), format!("{args} --browser")]
        .map(|args| bench.interleave(&servers, false, "handshake", &args));
    let mut table =
        Table::new(["server", "5 header lines, µs", "× limit", "12 header lines, µs", "× limit"]);
    for server in servers {
        let name = server.name.as_str();
        let cells = columns.iter().flat_map(|samples| {
            let ratio = samples.ratio(name, LIMIT, CPU);
            let ratio = if name == OURS { with_interval(ratio) } else { times(ratio.median) };
            [number(samples.median(name, CPU) / 1e3), ratio]
        });
        table.row(std::iter::once(name.to_owned()).chain(cells));
    }
    page.section("handshake", table.finish());
    Ok(())
}
