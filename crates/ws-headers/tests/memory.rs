//! Memory of the headers of an open connection, beside `http::HeaderMap` and pairs of strings.
//!
//! Runs alone in its process, without the test harness, so that nothing else allocates meanwhile.

mod common;

use std::alloc::System;

use common::BROWSER_REQUEST;
use http::{HeaderMap, HeaderName, HeaderValue};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use ws_headers::Headers;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    filling_and_keeping_a_browser_request();
    reading_allocates_nothing();
}

fn filling_and_keeping_a_browser_request() {
    let text: usize = lines().map(|(name, value)| name.len() + value.len()).sum();
    assert!((500..=700).contains(&text), "not a typical request: {text} bytes");

    let unprepared = measure("Headers, filled line by line", || {
        let mut headers = Headers::new();
        fill(&mut headers);
        headers.shrink_to_fit();
        headers
    });
    let prepared = measure("Headers, told the length", || {
        let mut headers = Headers::new();
        headers.reserve(12, text);
        fill(&mut headers);
        headers.shrink_to_fit();
        headers
    });
    let parsed = measure("Headers, of a parsed head", || {
        let pairs = lines().map(|(name, value)| (name, value.as_bytes()));
        Headers::from_latin1(pairs).expect("valid")
    });
    let map = measure("http::HeaderMap", || {
        let mut map = HeaderMap::with_capacity(12);
        for (name, value) in lines() {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a token");
            map.append(name, HeaderValue::from_bytes(value.as_bytes()).expect("valid"));
        }
        map
    });
    let pairs = measure("Vec<(String, String)>", || {
        let mut pairs = Vec::with_capacity(12);
        pairs.extend(lines().map(|(name, value)| (name.to_owned(), value.to_owned())));
        pairs
    });

    // The text, and two offsets for each line.
    assert_eq!(unprepared.held, text + 12 * 2 * size_of::<usize>());
    assert_eq!(prepared.held, unprepared.held);
    assert!(prepared.held <= 1000 && prepared.held < pairs.held && prepared.held < map.held);
    assert_eq!(prepared.calls, 2);
    assert_eq!((parsed.held, parsed.calls), (prepared.held, 2));
    assert!(unprepared.calls <= 12, "{}", unprepared.calls);
}

fn reading_allocates_nothing() {
    let mut headers = Headers::new();
    fill(&mut headers);
    // Small, then with an index.
    for more in [0, 100] {
        for n in 0..more {
            headers.insert(&format!("X-Header-{n}"), "value").expect("valid");
        }
        let (copy, names) = (headers.clone(), 12 + more);
        let reading = measure("reading", || {
            assert_eq!(headers.get("UPGRADE"), Ok(Some("websocket")));
            assert_eq!(headers.get_all("connection").next(), Some("Upgrade"));
            assert!(headers.contains("origin") && !headers.contains("authorization"));
            assert_eq!((headers.len(), headers.keys().count()), (names, names));
            assert_eq!((headers.items().count(), headers.raw_items().count()), (names, names));
            assert!(headers == copy);
        });
        assert_eq!(reading.calls, 0);
    }
}

fn lines() -> impl Iterator<Item = (&'static str, &'static str)> + Clone {
    BROWSER_REQUEST.split_terminator("\r\n").filter_map(|line| line.split_once(": "))
}

fn fill(headers: &mut Headers) {
    for (name, value) in lines() {
        headers.insert(name, value).expect("valid");
    }
}

struct Cost {
    /// Bytes on the heap that the value holds.
    held: usize,
    /// Number of calls of the allocator.
    calls: usize,
}

/// Measures and prints the cost of making a value.
fn measure<T>(label: &str, make: impl FnOnce() -> T) -> Cost {
    let region = Region::new(ALLOCATOR);
    let value = make();
    let change = region.change();
    drop(value);
    let held = change.bytes_allocated - change.bytes_deallocated;
    let calls = change.allocations + change.reallocations;
    println!("{label}: {held} bytes held, {calls} calls of the allocator");
    Cost { held, calls }
}
