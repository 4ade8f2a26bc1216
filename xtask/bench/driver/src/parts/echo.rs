//! Echo: what a message costs a server, how many it takes, how long they take.

use crate::measure::{Bench, Samples};
use crate::page::Page;
use crate::plot::{self, Bar};
use crate::servers::{Kind, LIMIT, Launch, OURS, Server};
use crate::tables::{Table, number, size, times, with_interval};

/// A load: messages of one kind and size, over so many connections, so many in flight on each.
pub struct Scenario {
    pub name: &'static str,
    pub size: usize,
    pub conns: usize,
    pub depth: usize,
    pub kind: &'static str,
    /// Part of the quick run.
    quick: bool,
}

const fn scenario(
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
    scenario("16-c1", 16, [1, 1], "bin", false),
    scenario("16-c64", 16, [64, 1], "bin", true),
    scenario("16-d32", 16, [64, 32], "bin", true),
    scenario("125-c64", 125, [64, 1], "bin", false),
    scenario("125-d32", 125, [64, 32], "bin", false),
    scenario("1k-c1", KIB, [1, 1], "bin", false),
    scenario("1k-c64", KIB, [64, 1], "bin", false),
    scenario("1k-d32", KIB, [64, 32], "bin", true),
    scenario("text-1k-d32", KIB, [64, 32], "text", false),
    scenario("utf8-1k-d32", KIB, [64, 32], "utf8", false),
    scenario("frag-1k-d32", KIB, [64, 32], "frag", false),
    scenario("16k-c64", 16 * KIB, [64, 1], "bin", false),
    scenario("16k-d32", 16 * KIB, [64, 32], "bin", false),
    scenario("64k-c1", 64 * KIB, [1, 1], "bin", false),
    scenario("64k-c64", 64 * KIB, [64, 1], "bin", true),
    scenario("text-64k-c64", 64 * KIB, [64, 1], "text", false),
    scenario("utf8-64k-c64", 64 * KIB, [64, 1], "utf8", false),
    scenario("frag-64k-c64", 64 * KIB, [64, 1], "frag", false),
    scenario("1m-c1", MIB, [1, 1], "bin", true),
    scenario("1m-c16", MIB, [16, 1], "bin", false),
    scenario("text-1m-c1", MIB, [1, 1], "text", false),
    scenario("utf8-1m-c1", MIB, [1, 1], "utf8", false),
    scenario("16m-c1", 16 * MIB, [1, 1], "bin", false),
    scenario("utf8-16m-c1", 16 * MIB, [1, 1], "utf8", false),
];

/// The scenario of this name.
pub fn by_name(name: &str) -> &'static Scenario {
    SCENARIOS.iter().find(|scenario| scenario.name == name).expect("one of the list")
}

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
            "frag" => " in 8 fragments",
            _ => "",
        };
        format!("{}{kind}, {} × {}", size(self.size), self.conns, self.depth)
    }

    fn runs(&self, server: &Server) -> bool {
        match server.kind {
            Kind::Bytes => self.kind != "frag",
            // One message at a time leaves nothing to batch.
            Kind::PeerPlain => self.depth > 1,
            // It has two threads, and a limit of 1 MiB.
            Kind::Defaults => false,
            _ => true,
        }
    }
}

/// Whether this is how a peer does in the loop that everybody writes.
fn is_plain(server: &Server) -> bool {
    server.kind == Kind::PeerPlain || matches!(server.library(), "fastwebsockets" | "wtx")
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
        measured.push((scenario, bench.interleave(&servers, Launch::PLAIN, "echo", &args)));
    }
    if measured.is_empty() {
        return Err("no such scenario".to_owned());
    }
    page.section("echo", summary(bench, &measured));
    page.section("echo-all", all(bench, &measured));
    page.section("latency", latency(bench, &measured));
    page.section("memory", memory(bench, &measured));
    page.plot("echo", bars(bench, &measured));
    Ok(())
}

type Measured = [(&'static Scenario, Samples)];

/// Ours against the limit, the best peer, and the best peer in the plain loop.
fn summary(bench: &Bench, measured: &Measured) -> String {
    let mut table = Table::new([
        "messages, connections × in flight",
        "limit, ns",
        "ours, ns",
        "ours / limit",
        "best peer",
        "ours / best peer",
        "best peer in the plain loop",
        "ours / that",
    ]);
    let peers = bench.servers(Server::is_peer);
    let plain = bench.servers(|server| server.is_peer() && is_plain(server));
    for (scenario, samples) in measured {
        let best = samples.best(&peers, CPU).unwrap_or("–");
        let best_plain = match scenario.depth {
            1 => None,
            _ => samples.best(&plain, CPU),
        };
        table.row([
            scenario.describe(),
            number(samples.median(LIMIT, CPU)),
            number(samples.median(OURS, CPU)),
            with_interval(samples.ratio(OURS, LIMIT, CPU)),
            best.to_owned(),
            with_interval(samples.ratio(OURS, best, CPU)),
            best_plain.unwrap_or("–").to_owned(),
            best_plain
                .map_or("–".to_owned(), |name| times(samples.ratio(OURS, name, CPU).median)),
        ]);
    }
    table.finish()
}

/// Server CPU per message, in nanoseconds.
pub const CPU: &str = "cpu_ns";

/// Every server as a multiple of the limit.
fn all(bench: &Bench, measured: &Measured) -> String {
    let servers = bench.servers(|server| !matches!(server.kind, Kind::Limit | Kind::Defaults));
    let names = servers.iter().map(|server| server.name.as_str());
    let mut table =
        Table::new(["messages, connections × in flight", "limit, ns"].into_iter().chain(names));
    for (scenario, samples) in measured {
        let cells =
            servers.iter().map(|server| times(samples.ratio(&server.name, LIMIT, CPU).median));
        let head = [scenario.describe(), number(samples.median(LIMIT, CPU))];
        table.row(head.into_iter().chain(cells));
    }
    table.finish()
}

/// Throughput and latency: the limit, ours, and the peer that is best at each.
fn latency(bench: &Bench, measured: &Measured) -> String {
    let mut table = Table::new([
        "messages, connections × in flight",
        "messages/s: limit",
        "ours",
        "best peer",
        "p50, µs: limit",
        "ours",
        "best peer",
        "p99, µs: limit",
        "ours",
        "best peer",
    ]);
    let peers = bench.servers(Server::is_peer);
    for (scenario, samples) in measured {
        let fastest = peers
            .iter()
            .map(|server| samples.median(&server.name, "rate"))
            .fold(f64::NAN, f64::max);
        let mut cells = vec![scenario.describe()];
        cells.extend([LIMIT, OURS].map(|name| number(samples.median(name, "rate"))));
        cells.push(number(fastest));
        for figure in ["p50", "p99"] {
            let best = samples.best(&peers, figure).unwrap_or_default();
            let value = |name| number(samples.median(name, figure) / 1e3);
            cells.extend([LIMIT, OURS, best].map(value));
        }
        table.row(cells);
    }
    table.finish()
}

/// The most resident memory, in MiB.
fn memory(bench: &Bench, measured: &Measured) -> String {
    let names: Vec<_> = bench.servers.iter().map(|server| server.name.as_str()).collect();
    let shown = ["16-d32", "1k-d32", "64k-c64", "1m-c16", "16m-c1"];
    let measured: Vec<_> = measured.iter().filter(|(s, _)| shown.contains(&s.name)).collect();
    let heads = measured.iter().map(|(scenario, _)| scenario.describe());
    let mut table = Table::new(std::iter::once("server".to_owned()).chain(heads));
    for name in names {
        let peak = |samples: &Samples| samples.median(name, "peak") / MIB as f64;
        if measured.iter().any(|(_, samples)| !peak(samples).is_nan()) {
            let cells = measured.iter().map(|(_, samples)| number(peak(samples)));
            table.row(std::iter::once(name.to_owned()).chain(cells));
        }
    }
    table.finish()
}

fn bars(bench: &Bench, measured: &Measured) -> String {
    let shown = ["16-c64", "16-d32", "1k-d32", "64k-c64", "1m-c1"];
    let groups: Vec<_> = measured
        .iter()
        .filter(|(scenario, _)| shown.contains(&scenario.name))
        .map(|(scenario, samples)| {
            let bar = |name: &str| Bar {
                label: name.to_owned(),
                value: samples.ratio(name, LIMIT, CPU).median,
                ours: name == OURS,
            };
            let wanted = |server: &&&Server| !matches!(server.kind, Kind::Bytes | Kind::Limit);
            let servers = bench.servers(|_| true);
            let bars = servers.iter().filter(wanted).map(|server| bar(&server.name)).collect();
            (scenario.describe(), bars)
        })
        .collect();
    plot::bars("Server CPU per echoed message, as a multiple of the limit", 0.8, &groups)
}
