//! One message sent to many connections, in a plain loop.

use super::by_server;
use crate::measure::Bench;
use crate::page::Page;
use crate::servers::{self, Launch};

pub fn run(bench: &Bench, page: &mut Page) -> Result<(), String> {
    let most = bench.descriptors.saturating_sub(256);
    let conns = most.min(if bench.options.quick { 1000 } else { 10_000 });
    let fanouts = servers::fanouts();
    let servers: Vec<_> = fanouts.iter().collect();
    let secs = bench.options.secs.max(0.5);
    let measure = |bytes: usize| {
        let args = format!("--conns {conns} --size {bytes} --secs {secs}");
        bench.interleave(&servers, Launch::PLAIN, "fanout", &args)
    };
    let (small, large) = (measure(125), measure(4096));
    let columns = [("125 B, ns per delivery", &small), ("4 KiB, ns per delivery", &large)];
    let table = by_server(&servers, &columns, "cpu_ns", 1.0);
    page.section("prepared", format!("{conns} connections.\n\n{table}"));
    Ok(())
}
