//! Within axum: our extractor beside our own server, and beside axum's own WebSocket.

use crate::echo::{Scenario, scenario};
use crate::measure::{Bench, CPU};
use crate::page::Page;
use crate::servers::{OURS, Server};
use crate::tables::{Table, number, times, with_interval};

const SCENARIOS: &[Scenario] = &[
    scenario("axum-16-d1", 16, [64, 1], "bin", true),
    scenario("axum-1k-d1", 1 << 10, [64, 1], "bin", true),
    scenario("axum-16-d32", 16, [64, 32], "bin", true),
    scenario("axum-1k-d32", 1 << 10, [64, 32], "bin", true),
];

const EXTRACTOR: &str = "ws-axum";
const THEIRS: [&str; 2] = ["axum's own", "axum's own, plain"];

pub fn run(bench: &Bench, page: &mut Page) -> Result<(), String> {
    let servers = servers(bench);
    let all: Vec<_> = servers.iter().collect();
    let head = ["messages, connections × in flight", "serve, ns", EXTRACTOR].into_iter();
    let mut table = Table::new(head.chain(THEIRS).chain(["ws-axum / axum's best"]));
    let theirs: Vec<_> = servers.iter().filter(|it| THEIRS.contains(&it.name.as_str())).collect();
    for scenario in SCENARIOS {
        eprintln!("  {}: {}", scenario.name, scenario.describe());
        let samples = bench.interleave(&all, false, "echo", &scenario.args(bench.options.secs));
        let first = [scenario.describe(), number(samples.median(OURS, CPU))];
        let extractor = with_interval(samples.ratio(EXTRACTOR, OURS, CPU));
        let others = THEIRS.map(|name| times(samples.ratio(name, OURS, CPU).median));
        let best = samples.best(&theirs, CPU).unwrap_or_default();
        let last = with_interval(samples.ratio(EXTRACTOR, best, CPU));
        table.row(first.into_iter().chain([extractor]).chain(others).chain([last]));
    }
    page.section("axum-echo", format!("{}\n{}", table.finish(), bench.conditions()));

    let conns = bench.most.min(if bench.options.quick { 1000 } else { 5000 });
    let args = format!("--size 100 --browser --conns {conns}");
    let idle = bench.interleave_rounds(1, &all, false, "idle", &args);
    let mut table = Table::new(["server", "idle: bytes"]);
    for server in &servers {
        let bytes = number(idle.median(&server.name, "anonymous").round());
        table.row([server.name.clone(), bytes]);
    }
    let text = format!("{}\n{} connections.", table.finish(), number(conns as f64));
    page.section("axum-idle", text);
    Ok(())
}

fn servers(bench: &Bench) -> Vec<Server> {
    let ours = bench.servers.iter().filter(|server| server.name == OURS && !server.tls).cloned();
    let [batched, plain] = THEIRS;
    let within = [
        Server::extra(EXTRACTOR, "echo-axum-ours"),
        Server::extra(batched, "echo-axum"),
        Server::extra(plain, "echo-axum --plain"),
    ];
    ours.chain(within).collect()
}
