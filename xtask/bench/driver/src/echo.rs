//! Echo: what a message costs a server, and how long it takes.

use crate::measure::{Bench, CPU, Samples};
use crate::page::Page;
use crate::servers::{Kind, LIMIT, OURS, Server};
use crate::tables::{Table, number, size, times, with_interval};

/// A load: messages of one kind and size, over so many connections, so many in flight on each.
pub struct Scenario {
    pub name: &'static str,
    size: usize,
    conns: usize,
    depth: usize,
    kind: &'static str,
    /// Part of the quick run.
    quick: bool,
}

pub const fn scenario(
    name: &'static str,
    size: usize,
    [conns, depth]: [usize; 2],
    kind: &'static str,
    quick: bool,
) -> Scenario {
    Scenario { name, size, conns, depth, kind, quick }
}

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

const SCENARIOS: &[Scenario] = &[
    scenario("16-d32", 16, [64, 32], "bin", true),
    scenario("125-d32", 125, [64, 32], "bin", false),
    scenario("1k-d32", KIB, [64, 32], "bin", true),
    scenario("text-1k-d32", KIB, [64, 32], "text", false),
    scenario("utf8-1k-d32", KIB, [64, 32], "utf8", false),
    scenario("16-c1", 16, [1, 1], "bin", false),
    scenario("16-c64", 16, [64, 1], "bin", true),
    scenario("125-c64", 125, [64, 1], "bin", false),
    scenario("1k-c1", KIB, [1, 1], "bin", false),
    scenario("1k-c64", KIB, [64, 1], "bin", false),
    scenario("64k-c1", 64 * KIB, [1, 1], "bin", false),
    scenario("64k-c64", 64 * KIB, [64, 1], "bin", true),
    scenario("text-64k-c64", 64 * KIB, [64, 1], "text", false),
    scenario("utf8-64k-c64", 64 * KIB, [64, 1], "utf8", false),
    scenario("1m-c1", MIB, [1, 1], "bin", true),
    scenario("1m-c16", MIB, [16, 1], "bin", false),
    scenario("text-1m-c1", MIB, [1, 1], "text", false),
    scenario("utf8-1m-c1", MIB, [1, 1], "utf8", false),
    scenario("16m-c1", 16 * MIB, [1, 1], "bin", false),
    scenario("utf8-16m-c1", 16 * MIB, [1, 1], "utf8", false),
];

impl Scenario {
    /// The generator's arguments.
    pub fn args(&self, secs: f64) -> String {
        // A message of 16 MiB takes a while.
        let secs = if self.size >= 4 * MIB { secs.max(1.0) } else { secs };
        let Self { size, conns, depth, kind, .. } = self;
        format!("--size {size} --conns {conns} --depth {depth} --kind {kind} --secs {secs}")
    }

    pub fn describe(&self) -> String {
        let kind = match self.kind {
            "text" => " ASCII text",
            "utf8" => " multi-byte text",
            _ => "",
        };
        format!("{}{kind}, {} × {}", size(self.size), self.conns, self.depth)
    }

    /// The section of the page, one for each question.
    fn section(&self) -> &'static str {
        match (self.depth, self.size) {
            (2.., _) => "in-flight",
            (_, ..=KIB) => "one-in-flight",
            _ => "long",
        }
    }

    /// One message at a time leaves nothing to batch, so a peer's two styles are the same.
    fn runs(&self, server: &Server) -> bool {
        server.kind != Kind::PeerPlain || self.depth > 1
    }
}

pub fn run(bench: &Bench, page: &mut Page) -> Result<(), String> {
    let options = &bench.options;
    let wanted = |s: &&Scenario| match &options.scenarios {
        Some(names) => names.iter().any(|name| name == s.name),
        None => s.quick || !options.quick,
    };
    let mut measured = vec![];
    for scenario in SCENARIOS.iter().filter(wanted) {
        eprintln!("  {}: {}", scenario.name, scenario.describe());
        let servers = bench.servers(|server| scenario.runs(server));
        let args = scenario.args(options.secs);
        measured.push((scenario, bench.interleave(&servers, false, "echo", &args)));
    }
    if measured.is_empty() {
        return Err("no such scenario".to_owned());
    }
    for rows in measured.chunk_by(|(one, _), (next, _)| one.section() == next.section()) {
        let section = rows[0].0.section();
        page.section(section, table(bench, section, rows));
    }
    Ok(())
}

/// Every server as a multiple of the limit, and ours against the best peer; with many messages in
/// flight also the best peer in the plain loop, with one the latency. Intervals stand where servers differ
/// by more than rounds do, and beside what is said of us and others.
fn table(bench: &Bench, section: &str, rows: &[(&Scenario, Samples)]) -> String {
    let one = |kind| !matches!(kind, Kind::Limit | Kind::PeerPlain);
    let servers = bench.servers(|server| one(server.kind));
    let peers = bench.servers(|server| server.kind == Kind::Peer);
    let plain = bench.servers(Server::is_plain_peer);
    let mut head = vec!["messages, connections × in flight", "limit, ns"];
    head.extend(servers.iter().map(|server| server.name.as_str()));
    head.push("ours / best peer");
    head.extend(match section {
        "in-flight" => &["best peer in the plain loop"][..],
        "one-in-flight" => &["p50, µs: limit", "ours", "p99, µs: limit", "ours"],
        _ => &[],
    });
    let mut table = Table::new(head);
    for (scenario, samples) in rows {
        let mut cells = vec![scenario.describe(), number(samples.median(LIMIT, CPU))];
        cells.extend(servers.iter().map(|server| {
            let ratio = samples.ratio(&server.name, LIMIT, CPU);
            let ours = server.name == OURS && section == "in-flight";
            if ours { with_interval(ratio) } else { times(ratio.median) }
        }));
        let best = samples.best(&peers, CPU).unwrap_or_default();
        cells.push(with_interval(samples.ratio(OURS, best, CPU)));
        match section {
            "in-flight" => {
                let name = samples.best(&plain, CPU).unwrap_or_default();
                let ratio = times(samples.ratio(name, LIMIT, CPU).median);
                cells.push(format!("{}: {ratio}", name.trim_end_matches(", plain")));
            }
            "one-in-flight" => {
                for figure in ["p50", "p99"] {
                    let value = |name| number(samples.median(name, figure) / 1e3);
                    cells.extend([LIMIT, OURS].map(value));
                }
            }
            _ => {}
        }
        table.row(cells);
    }
    table.finish()
}
