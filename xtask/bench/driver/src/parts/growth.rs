//! How cost grows with the number of connections, at one rate over all of them.

use super::echo::CPU;
use crate::measure::Bench;
use crate::page::Page;
use crate::plot;
use crate::servers::{Kind, LIMIT, Launch, OURS};
use crate::tables::{Table, number};

/// Messages a second, over all connections.
const RATE: u32 = 20_000;

pub fn run(bench: &Bench, page: &mut Page) -> Result<(), String> {
    let most = bench.descriptors.saturating_sub(256);
    let counts: &[usize] =
        if bench.options.quick { &[1, 1000] } else { &[1, 10, 100, 1000, 10_000] };
    let counts: Vec<usize> = counts.iter().map(|&count| count.min(most)).collect();
    let wanted = |kind| matches!(kind, Kind::Limit | Kind::Ours | Kind::Peer | Kind::Extra);
    let servers = bench.servers(|server| wanted(server.kind));
    let mut text = String::new();
    let launches =
        [(Launch::PLAIN, "One server thread"), (Launch::TWO_THREADS, "Two server threads")];
    for (launch, title) in launches.into_iter().take(if bench.options.quick { 1 } else { 2 }) {
        let mut columns = vec![];
        for &conns in &counts {
            eprintln!("  {conns}, {title}");
            let secs = bench.options.secs;
            let args = format!("--size 125 --conns {conns} --rate {RATE} --secs {secs} --warm 0.3");
            columns.push(bench.interleave(&servers, launch, "echo", &args));
        }
        let heads =
            counts.iter().map(|count| number(*count as f64).replace(".00", "").replace(".0", ""));
        let mut table = Table::new(std::iter::once("server".to_owned()).chain(heads));
        let mut lines = vec![];
        for server in &servers {
            let name = server.name.as_str();
            let costs: Vec<f64> =
                columns.iter().map(|samples| samples.median(name, CPU) / 1e3).collect();
            let cells = columns.iter().zip(&costs).map(|(samples, &cost)| {
                format!("{} ({})", number(cost), number(samples.median(name, "p99") / 1e3))
            });
            table.row(std::iter::once(name.to_owned()).chain(cells));
            lines.push((name.to_owned(), costs));
        }
        text.push_str(&format!("{title}:\n\n{}\n", table.finish()));
        if launch.threads == 1 {
            // Ours is drawn last, so that no other line hides it, in the first color.
            lines.sort_by_key(|(name, _)| (name != OURS, name != LIMIT));
            let xs: Vec<f64> = counts.iter().map(|&count| count as f64).collect();
            let title = "Server CPU per message at 20,000 messages a second, µs";
            page.plot("growth", plot::lines(title, "connections", &xs, &lines));
        }
    }
    page.section("growth", text);
    Ok(())
}
