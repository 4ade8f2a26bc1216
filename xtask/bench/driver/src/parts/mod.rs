//! What is measured, one file for each part.

mod allocations;
mod codec;
mod deflate;
mod echo;
mod growth;
mod handshake;
mod idle;
mod prepared;
mod threads;

use crate::measure::{Bench, Samples};
use crate::page::Page;
use crate::servers::{LIMIT, OURS, Server};
use crate::tables::{Table, number, times, with_interval};

/// One part of the benchmark.
pub struct Part {
    pub name: &'static str,
    pub run: fn(&Bench, &mut Page) -> Result<(), String>,
}

/// All parts, in the order they run.
pub const ALL: &[Part] = &[
    Part { name: "echo", run: echo::run },
    Part { name: "threads", run: threads::run },
    Part { name: "allocations", run: allocations::run },
    Part { name: "handshake", run: handshake::run },
    Part { name: "idle", run: idle::run },
    Part { name: "deflate", run: deflate::run },
    Part { name: "codec", run: codec::run },
    Part { name: "growth", run: growth::run },
    Part { name: "prepared", run: prepared::run },
];

/// A table with one row for each server: for each column of samples a figure, divided by `unit`, and
/// how often it is that of the limit.
fn by_server(servers: &[&Server], columns: &[(&str, &Samples)], figure: &str, unit: f64) -> String {
    let heads = columns.iter().flat_map(|(head, _)| [(*head).to_owned(), "× limit".to_owned()]);
    let mut table = Table::new(std::iter::once("server".to_owned()).chain(heads));
    for server in servers {
        let name = server.name.as_str();
        let cells = columns.iter().flat_map(|(_, samples)| {
            let x = samples.median(name, figure) / unit;
            let ratio = samples.ratio(name, LIMIT, figure);
            [number(x), if name == OURS { with_interval(ratio) } else { times(ratio.median) }]
        });
        table.row(std::iter::once(name.to_owned()).chain(cells));
    }
    table.finish()
}
