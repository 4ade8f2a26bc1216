//! permessage-deflate: an echo of JSON.

use crate::measure::{Bench, CPU};
use crate::page::Page;
use crate::servers::{self, Kind};
use crate::tables::{Table, number, size, times};

/// Size of the messages and number of connections.
const LOADS: &[(usize, usize)] =
    &[(2 << 10, 64), (200, 64), (16 << 10, 64), (64 << 10, 16), (1 << 20, 1)];

pub fn run(bench: &Bench, page: &mut Page) -> Result<(), String> {
    let settings = servers::deflating();
    let mut servers = bench.servers(|server| server.deflate && server.kind != Kind::PeerPlain);
    servers.extend(&settings);
    let mut loads = LOADS[..if bench.options.quick { 1 } else { LOADS.len() }].to_vec();
    loads.sort();
    let measure = |&(bytes, conns): &(usize, usize)| {
        eprintln!("  {}", size(bytes));
        let secs = bench.options.secs;
        let args = format!("--kind json --size {bytes} --conns {conns} --secs {secs}");
        bench.interleave(&servers, true, "echo", &args)
    };
    let columns: Vec<_> = loads.iter().map(measure).collect();
    let heads = loads.iter().flat_map(|(bytes, _)| [size(*bytes), "ratio".to_owned()]);
    let mut table = Table::new(std::iter::once("server".to_owned()).chain(heads));
    for server in &servers {
        let name = server.name.as_str();
        let cells = columns.iter().flat_map(|samples| {
            let mean = samples.median(name, "mean");
            let speed = mean / samples.median(name, CPU) * 1e3;
            [number(speed), times(mean / samples.median(name, "wire_in"))]
        });
        table.row(std::iter::once(name.to_owned()).chain(cells));
    }
    page.section("deflate", table.finish());
    Ok(())
}
