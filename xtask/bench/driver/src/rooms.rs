//! Rooms: the cost of a message for each member.

use crate::measure::{Bench, CPU};
use crate::page::Page;
use crate::servers::{LIMIT, OURS, Server};
use crate::tables::{Table, number, times, with_interval};

/// Rooms, members of each, and messages to each.
const SCENARIOS: &[(usize, usize, usize)] = &[(1, 5000, 40), (1000, 10, 20)];

pub fn run(bench: &Bench, page: &mut Page) -> Result<(), String> {
    let head = ["rooms × members", "limit, ns", OURS, "tokio-tungstenite, channels"];
    let extra = bench.options.extra.iter().map(|server| server.name.as_str());
    let mut table = Table::new(head.into_iter().chain(extra.clone()).chain(["all have it, ms"]));
    for &(rooms, members, messages) in SCENARIOS {
        eprintln!("  {rooms} × {members}");
        let servers = servers(bench, rooms);
        let all: Vec<_> = servers.iter().collect();
        let args = format!("--rooms {rooms} --members {members} --messages {messages}");
        let samples = bench.interleave(&all, false, "rooms", &args);
        let cells = servers.iter().map(|server| match server.name.as_str() {
            LIMIT => number(samples.median(LIMIT, CPU)),
            OURS => with_interval(samples.ratio(OURS, LIMIT, CPU)),
            name => times(samples.ratio(name, LIMIT, CPU).median),
        });
        let first = format!("{rooms} × {members}");
        let last = number(samples.median(OURS, "p50") / 1e6);
        table.row([first].into_iter().chain(cells).chain([last]));
    }
    page.section("rooms", format!("{}\n{}", table.finish(), bench.conditions()));
    Ok(())
}

fn servers(bench: &Bench, rooms: usize) -> Vec<Server> {
    let server =
        |name: &str, program: &str| Server::extra(name, &format!("{program} --rooms {rooms}"));
    let mut servers = vec![
        server(LIMIT, "rooms-limit"),
        server(OURS, "rooms-ours"),
        server("tokio-tungstenite, channels", "rooms-tokio-tungstenite"),
    ];
    let extra = bench.options.extra.iter();
    servers.extend(extra.map(|it| it.with_flags(&format!("--rooms {rooms}"))));
    servers
}
