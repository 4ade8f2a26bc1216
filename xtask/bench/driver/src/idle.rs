//! Idle: the memory that a connection keeps.

use crate::measure::Bench;
use crate::page::Page;
use crate::servers::{self, Kind};
use crate::tables::{Table, number};

/// A column: its head, the generator's arguments, and whether compression is on.
const COLUMNS: &[(&str, &str, bool)] = &[
    ("5 header lines, 100 B", "--size 100", false),
    ("12 header lines, 100 B", "--size 100 --browser", false),
    ("12 header lines, 64 KiB", "--size 65536 --browser", false),
    // A browser's offer lets the server limit the client's window.
    ("compression, 100 B", "--size 100 --browser", true),
    ("compression, 64 KiB", "--size 65536 --browser", true),
];

pub fn run(bench: &Bench, page: &mut Page) -> Result<(), String> {
    let conns = bench.most.min(if bench.options.quick { 2000 } else { 10_000 });
    let kept = servers::kept();
    let mut servers = bench.servers(|server| !matches!(server.kind, Kind::Bytes | Kind::PeerPlain));
    servers.push(&kept);
    let columns: Vec<_> = COLUMNS
        .iter()
        .map(|&(_, args, deflate)| {
            let able: Vec<_> = servers.iter().copied().filter(|s| s.deflate || !deflate).collect();
            // Peers keep half a megabyte for each with compression. Without, memory doesn't vary: once is
            // enough; with it, a server that lacks CPU gives back late what it lent.
            let (conns, rounds) = if deflate { (conns.min(1000), 3) } else { (conns, 1) };
            let args = format!("{args} --conns {conns}");
            bench.interleave_rounds(rounds, &able, deflate, "idle", &args)
        })
        .collect();
    let mut table = Table::new(["server"].into_iter().chain(COLUMNS.iter().map(|column| column.0)));
    for server in servers {
        let bytes = columns.iter().map(|samples| samples.median(&server.name, "anonymous").round());
        table.row(std::iter::once(server.name.clone()).chain(bytes.map(number)));
    }
    let [all, compressed] = [conns, conns.min(1000)].map(|conns| number(conns as f64));
    let text = format!("{}\n{all} connections, {compressed} with compression.", table.finish());
    page.section("idle", text);
    Ok(())
}
