//! `handshake`: connect, upgrade, close, some at a time.

use std::net::Ipv4Addr;
use std::time::Instant;

use crate::histogram::Histogram;
use crate::options::Options;
use crate::socket::{Opening, Poll};
use crate::stream::Stream;

/// Seconds before the clock starts.
const WARM: f64 = 0.2;

/// A connection that is being opened.
struct Attempt {
    stream: Stream,
    head: Vec<u8>,
    since: Instant,
}

/// Options: `secs`, `parallel` (being opened at any time), `browser`, `deflate`, `tls`.
pub fn run(options: &Options) {
    let opening = Opening::new(options);
    let end = WARM + options.number("secs", 1.0);
    let server = options.server();
    let mut poll = Poll::new();
    let mut opened = 0u32;
    let mut begin = |poll: &Poll, id: usize| {
        opened += 1;
        // Closed connections keep their port for a while: more addresses have more ports.
        let source = Ipv4Addr::new(127, 0, 2, 1 + (opened % 250) as u8);
        let since = Instant::now();
        let stream = opening.begin(Some(source));
        poll.add(&stream.tcp, id as u64);
        Attempt { stream, head: Vec::with_capacity(512), since }
    };
    let parallel = options.count("parallel", 16);
    let mut slots: Vec<_> = (0..parallel).map(|i| begin(&poll, i)).collect();
    let mut buf = vec![0; 64 << 10];
    let mut wall = Histogram::new();
    let zero = Instant::now();
    let mut done = 0u64;
    let mut start: Option<(u64, u64)> = None;
    loop {
        for i in 0..poll.wait_for_progress(done) {
            let (id, _) = poll.event(i);
            let Attempt { stream, head, since } = &mut slots[id];
            if opening.receive(stream, head, &mut buf) {
                wall.add(since.elapsed().as_nanos() as u64);
                done += 1;
                slots[id] = begin(&poll, id);
            }
        }
        let t = zero.elapsed().as_secs_f64();
        match start {
            None if t > WARM => {
                wall = Histogram::new();
                start = Some((done, server.cpu_ns()));
            }
            Some((before, used)) if t > end && done > before => {
                let cpu = (server.cpu_ns() - used) as f64 / (done - before) as f64;
                println!("cpu_ns={cpu:.0} p50={:.0}", wall.quantile(0.5));
                return;
            }
            _ => {}
        }
    }
}
