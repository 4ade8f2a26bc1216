//! `Headers` beside `http::HeaderMap` and `Vec<(String, String)>`: times for the headers of a
//! browser's request and of longer ones. Run with `cargo bench -p ws-headers --bench headers`;
//! `cargo test -p ws-headers --test memory` prints the memory.
//!
//! Each figure is the best of many short rounds, which other work on the machine can only make
//! larger.

#[path = "../tests/common/mod.rs"]
mod common;

use std::hint::black_box;
use std::time::{Duration, Instant};

use common::BROWSER_REQUEST;
use http::{HeaderMap, HeaderName, HeaderValue};
use httparse::{EMPTY_HEADER, Header};
use ws_headers::Headers;

/// Headers of the opening handshake; the last two are absent.
const WANTED: [&str; 8] = [
    "Host",
    "Origin",
    "Upgrade",
    "Connection",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Version",
    "Sec-WebSocket-Protocol",
    "Authorization",
];

fn main() {
    // Without the argument of `cargo bench`, everything runs once, as a test.
    let rounds = if std::env::args().any(|arg| arg == "--bench") { 300 } else { 1 };
    for lines in [12, 32, 33, 128] {
        let head = head_of(lines);
        println!("\n{lines} lines, {} bytes", head.len());
        compare(&head, rounds);
    }
}

/// A browser's request, with headers as proxies and tracing add them.
fn head_of(lines: usize) -> String {
    let mut head = BROWSER_REQUEST.to_owned();
    head.extend((12..lines).map(|n| format!("X-Forwarded-Thing-{n}: value-{n}\r\n")));
    head + "\r\n"
}

/// Prints one table.
fn compare(head: &str, rounds: u32) {
    row("", ["Headers", "HeaderMap", "Vec of pairs"].map(Some));

    let parsed = time(rounds, || parse(head, |lines| lines.len()));
    row("parse (ns)", [parsed; 3].map(Some));
    let filled = [
        time(rounds, || parse(head, fill_headers)),
        time(rounds, || parse(head, fill_map)),
        time(rounds, || parse(head, fill_pairs)),
    ];
    row("parse and fill (ns)", filled.map(Some));

    let headers = parse(head, fill_headers);
    let map = parse(head, fill_map);
    let pairs = parse(head, fill_pairs);
    let found = [
        time(rounds, || WANTED.map(|name| headers.get(name).map_or(0, length))),
        time(rounds, || WANTED.map(|name| map.get(name).map_or(0, HeaderValue::len))),
        time(rounds, || WANTED.map(|name| length(find(&pairs, name)))),
    ];
    row("look up 8 names (ns)", found.map(Some));
    let names = WANTED.map(|name| HeaderName::try_from(name).expect("a token"));
    let found =
        time(rounds, || names.each_ref().map(|name| map.get(name).map_or(0, HeaderValue::len)));
    row("  as HeaderName (ns)", [None, Some(found), None]);

    let passed = [
        time(rounds, || headers.raw_items().map(|(n, v)| n.len() + v.len()).sum::<usize>()),
        time(rounds, || map.iter().map(|(n, v)| n.as_str().len() + v.len()).sum::<usize>()),
        time(rounds, || pairs.iter().map(|(n, v)| n.len() + v.len()).sum::<usize>()),
    ];
    row("iterate (ns)", passed.map(Some));
    row("serialise (ns)", [Some(time(rounds, || headers.serialize())), None, None]);
}

/// Prints a line of the table.
fn row(label: &str, cells: [Option<impl ToString>; 3]) {
    let [a, b, c] = cells.map(|cell| cell.map_or_else(String::new, |cell| cell.to_string()));
    println!("{label:24}{a:>14}{b:>14}{c:>14}");
}

fn parse<T>(head: &str, fill: impl FnOnce(&[Header<'_>]) -> T) -> T {
    let mut lines = [EMPTY_HEADER; 128];
    let parsed = httparse::parse_headers(head.as_bytes(), &mut lines);
    fill(parsed.expect("a valid head").unwrap().1)
}

/// As a server does it.
fn fill_headers(lines: &[Header<'_>]) -> Headers {
    Headers::from_latin1(lines.iter().map(|line| (line.name, line.value))).expect("valid")
}

fn fill_map(lines: &[Header<'_>]) -> HeaderMap {
    let mut map = HeaderMap::with_capacity(lines.len());
    for line in lines {
        let name = HeaderName::from_bytes(line.name.as_bytes()).expect("a token");
        map.append(name, HeaderValue::from_bytes(line.value).expect("valid"));
    }
    map
}

fn fill_pairs(lines: &[Header<'_>]) -> Vec<(String, String)> {
    let text = |value: &[u8]| String::from_utf8(value.to_owned()).expect("ASCII");
    lines.iter().map(|line| (line.name.to_owned(), text(line.value))).collect()
}

fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

fn length(value: Option<&str>) -> usize {
    value.map_or(0, str::len)
}

/// The best time of a call, in nanoseconds.
fn time<T>(rounds: u32, mut call: impl FnMut() -> T) -> usize {
    const CALLS: u32 = 500;
    let mut best = Duration::MAX;
    for _ in 0..rounds {
        let start = Instant::now();
        for _ in 0..CALLS {
            black_box(call());
        }
        best = best.min(start.elapsed());
    }
    (best / CALLS).as_nanos().try_into().unwrap_or(usize::MAX)
}
