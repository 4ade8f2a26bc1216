//! TLS: an echo, the handshake, and the memory of an idle connection.

use crate::echo::{Scenario, scenario};
use crate::measure::{Bench, CPU, Samples};
use crate::page::Page;
use crate::servers::{Kind, LIMIT, OURS};
use crate::tables::{Table, number, times, with_interval};

const SCENARIOS: &[Scenario] = &[
    scenario("tls-16-d32", 16, [64, 32], "bin", true),
    scenario("tls-1k-d32", 1 << 10, [64, 32], "bin", true),
    scenario("tls-1m-c1", 1 << 20, [1, 1], "bin", true),
];

pub fn run(bench: &Bench, page: &mut Page) -> Result<(), String> {
    let (secs, conditions) = (bench.options.secs, bench.conditions());
    let measured = SCENARIOS.iter().map(|scenario| {
        eprintln!("  {}: {}", scenario.name, scenario.describe());
        let servers = bench.tls_servers();
        (scenario, bench.interleave(&servers, false, "echo", &scenario.args(secs)))
    });
    page.section("tls-echo", echo(bench, measured));
    // One at a time: the time of one is the work of both ends, and no waiting for others.
    let args = format!("--parallel 1 --secs {secs}");
    let handshakes = bench.interleave(&bench.tls_servers(), false, "handshake", &args);
    let conns = bench.most.min(if bench.options.quick { 500 } else { 2000 });
    let args = format!("--size 100 --conns {conns}");
    let idle = bench.interleave_rounds(1, &bench.tls_servers(), false, "idle", &args);
    let table = connection(bench, &handshakes, &idle);
    page.section("tls-connection", format!("{table}\n{conditions}"));
    Ok(())
}

/// Every server as a multiple of the limit, and ours against the best peer.
fn echo<'a>(bench: &Bench, rows: impl Iterator<Item = (&'a Scenario, Samples)>) -> String {
    let servers = bench.tls_servers();
    let names = || servers.iter().map(|server| server.name.as_str()).filter(|&it| it != LIMIT);
    let peers: Vec<_> = servers.iter().copied().filter(|it| it.kind == Kind::Peer).collect();
    let head = ["messages, connections × in flight", "limit, ns"].into_iter();
    let mut table = Table::new(head.chain(names()).chain(["ours / best peer"]));
    for (scenario, samples) in rows {
        let first = [scenario.describe(), number(samples.median(LIMIT, CPU))];
        let multiples = names().map(|name| multiple(&samples, name, CPU));
        let best = samples.best(&peers, CPU).unwrap_or_default();
        let last = with_interval(samples.ratio(OURS, best, CPU));
        table.row(first.into_iter().chain(multiples).chain([last]));
    }
    table.finish()
}

/// The cost of opening a connection, and the memory that it keeps.
fn connection(bench: &Bench, handshakes: &Samples, idle: &Samples) -> String {
    let mut table = Table::new([
        "server",
        "handshake: server CPU, µs",
        "× limit",
        "time, µs",
        "× limit",
        "idle: bytes",
    ]);
    for server in bench.tls_servers() {
        let name = server.name.as_str();
        let times = [CPU, "p50"].into_iter().flat_map(|figure| {
            let time = number(handshakes.median(name, figure) / 1e3);
            [time, multiple(handshakes, name, figure)]
        });
        let bytes = number(idle.median(name, "anonymous").round());
        table.row(std::iter::once(name.to_owned()).chain(times).chain([bytes]));
    }
    table.finish()
}

/// A multiple of the limit, for ours with its interval.
fn multiple(samples: &Samples, name: &str, figure: &str) -> String {
    let ratio = samples.ratio(name, LIMIT, figure);
    if name == OURS { with_interval(ratio) } else { times(ratio.median) }
}
