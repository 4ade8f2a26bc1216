//! Allocations per echoed message, in runs of their own under a counting allocator.

use super::echo;
use crate::measure::Bench;
use crate::page::Page;
use crate::servers::Kind;
use crate::tables::{Table, number};

pub fn run(bench: &Bench, page: &mut Page) -> Result<(), String> {
    let names = ["16-c64", "16-d32", "1k-d32", "64k-c64", "1m-c1"];
    let scenarios: Vec<_> = names.iter().map(|name| echo::by_name(name)).collect();
    let heads = scenarios.iter().map(|scenario| scenario.describe());
    let mut table = Table::new(std::iter::once("server".to_owned()).chain(heads));
    let wanted = |kind| !matches!(kind, Kind::Bytes | Kind::Defaults | Kind::PeerPlain);
    for server in bench.servers(|server| wanted(server.kind)) {
        let mut cells = vec![server.name.clone()];
        for scenario in &scenarios {
            let counted = bench.count_allocations(server, &scenario.args(0.15));
            cells.push(match counted {
                Ok(figures) => {
                    let [calls, bytes] = ["allocations", "allocated"]
                        .map(|name| figures.get(name).copied().unwrap_or(f64::NAN));
                    format!("{} ({} B)", number(calls), number(bytes.round()))
                }
                Err(error) => {
                    eprintln!("  {}: {}: {error}", server.name, scenario.name);
                    "–".to_owned()
                }
            });
        }
        table.row(cells);
    }
    page.section("allocations", table.finish());
    Ok(())
}
