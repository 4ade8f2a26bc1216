//! permessage-deflate: an echo of JSON.

use super::echo::CPU;
use crate::measure::Bench;
use crate::page::Page;
use crate::servers::{self, Kind, Launch};
use crate::tables::{Table, number, size, times};

pub fn run(bench: &Bench, page: &mut Page) -> Result<(), String> {
    let settings = servers::deflating();
    let mut servers = bench.servers(|server| {
        server.deflate && server.kind != Kind::PeerPlain && server.kind != Kind::Defaults
    });
    servers.extend(&settings);
    let loads: &[(usize, usize)] = match bench.options.quick {
        true => &[(2 << 10, 64)],
        false => &[(200, 64), (2 << 10, 64), (16 << 10, 64), (64 << 10, 16), (1 << 20, 1)],
    };
    let mut columns = vec![];
    for &(bytes, conns) in loads {
        let name = size(bytes).replace(' ', "");
        if bench.options.scenarios.as_ref().is_some_and(|wanted| !wanted.contains(&name)) {
            continue;
        }
        eprintln!("  {name}");
        let secs = bench.options.secs;
        let args = format!("--kind json --size {bytes} --conns {conns} --deflate --secs {secs}");
        columns.push((bytes, bench.interleave(&servers, Launch::DEFLATE, "echo", &args)));
    }
    let heads = columns.iter().flat_map(|(bytes, _)| {
        [format!("{}: MB per CPU second", size(*bytes)), "ratio".to_owned()]
    });
    let mut table = Table::new(std::iter::once("server".to_owned()).chain(heads));
    for server in &servers {
        let name = server.name.as_str();
        let cells = columns.iter().flat_map(|(_, samples)| {
            let mean = samples.median(name, "mean");
            let speed = mean / samples.median(name, CPU) * 1e3;
            [number(speed), times(mean / samples.median(name, "wire_in"))]
        });
        table.row(std::iter::once(name.to_owned()).chain(cells));
    }
    page.section("deflate", table.finish());
    Ok(())
}
