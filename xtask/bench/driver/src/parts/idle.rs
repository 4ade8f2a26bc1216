//! What an idle connection keeps.

use crate::measure::Bench;
use crate::page::Page;
use crate::plot::{self, Bar};
use crate::servers::{self, Kind, Launch, OURS, Server};
use crate::tables::{Table, number};

pub fn run(bench: &Bench, page: &mut Page) -> Result<(), String> {
    // A few descriptors are for other things.
    let most = bench.descriptors.saturating_sub(256);
    let conns = most.min(if bench.options.quick { 2000 } else { 10_000 });
    let mut columns = vec![
        ("12 header lines, 100 B", "--size 100 --browser", Launch::PLAIN),
        ("12 header lines, 64 KiB", "--size 65536 --browser", Launch::PLAIN),
    ];
    if !bench.options.quick {
        columns.extend([
            ("5 header lines, 100 B", "--size 100", Launch::PLAIN),
            ("5 header lines, 64 KiB", "--size 65536", Launch::PLAIN),
        ]);
    }
    // A browser's offer lets the server limit the client's window; a second later compressors are idle.
    columns.extend([
        ("compression, 100 B", "--size 100 --browser --deflate", Launch::DEFLATE),
        ("compression, 64 KiB", "--size 65536 --browser --deflate", Launch::DEFLATE),
        ("no takeover, 100 B", "--size 100 --browser --deflate --no-takeover", Launch::DEFLATE),
        ("no takeover, 64 KiB", "--size 65536 --browser --deflate --no-takeover", Launch::DEFLATE),
    ]);
    let heads = columns.iter().map(|(head, ..)| *head);
    let mut table = Table::new(std::iter::once("server").chain(heads));
    let wanted = |kind| !matches!(kind, Kind::Bytes | Kind::PeerPlain);
    let kept = servers::kept();
    let mut servers = bench.servers(|server| wanted(server.kind));
    servers.push(&kept);
    let mut rows: Vec<Vec<f64>> = vec![vec![]; servers.len()];
    for &(_, args, launch) in &columns {
        let able =
            |server: &Server| server.deflate && server.kind != Kind::Defaults || !launch.deflate;
        let some: Vec<_> = servers.iter().copied().filter(|server| able(server)).collect();
        // Peers keep half a megabyte for each.
        let conns = if launch.deflate { conns.min(1000) } else { conns };
        let args = format!("{args} --conns {conns}");
        // Memory doesn't vary: once is enough.
        let samples = bench.interleave_rounds(1, &some, launch, "idle", &args);
        for (row, server) in rows.iter_mut().zip(&servers) {
            row.push(samples.median(&server.name, "anonymous"));
        }
    }
    let mut bars = vec![];
    for (row, server) in rows.iter().zip(&servers) {
        let cells = row.iter().map(|&bytes| number(bytes.round()));
        table.row(std::iter::once(server.name.clone()).chain(cells));
        bars.push(Bar { label: server.name.clone(), value: row[1], ours: server.name == OURS });
    }
    page.section(
        "idle",
        format!("{conns} connections, with compression {}.\n\n{}", conns.min(1000), table.finish()),
    );
    let group = ("opened by a browser, after one message of 64 KiB".to_owned(), bars);
    page.plot("idle", plot::bars("Bytes that an idle connection keeps", 256.0, &[group]));
    Ok(())
}
