//! `fanout`: one message of one client makes the server send one message to every connection.

use std::io::Write;
use std::time::Instant;

use rustix::net::RecvFlags;

use crate::Options;
use crate::fail;
use crate::frames::{Block, Shape, extended};
use crate::socket::{Opening, Poll, progress};

/// Options: `conns`, `size` (of the message that is sent to all), `secs`, `warm`. The first
/// connection asks, by sending the message.
pub fn run(options: &Options) {
    let opening = Opening::new(options);
    let conns = options.number("conns", 10_000.0) as usize;
    let size = options.number("size", 125.0) as usize;
    let shape = Shape { kind: "bin", size, count: 1, raw: false, deflate: false, fragments: 1 };
    let block = Block::new(&shape);
    let warm = options.number("warm", 0.3);
    let end = warm + options.number("secs", 1.0);
    let server = options.server();
    let mut poll = Poll::new();
    let mut streams: Vec<_> = (0..conns).map(|_| opening.open(None)).collect();
    for (i, stream) in streams.iter().enumerate() {
        poll.add(stream, i as u64);
    }
    // A server's frame of this size: no masking key.
    let length = size + 2 + extended(block.wire[1]);
    let mut got = vec![0; conns];
    let mut buf = vec![0; 256 << 10];
    let zero = Instant::now();
    let (mut rounds, mut start) = (0u64, None);
    loop {
        got.fill(0);
        streams[0].write_all(&block.wire).expect("the message");
        let mut open = conns;
        while open > 0 {
            for i in 0..poll.wait_for_progress(rounds) {
                let (id, _) = poll.event(i);
                let read = rustix::net::recv(&streams[id], &mut buf[..], RecvFlags::empty());
                let Some((_, n)) = progress(read) else { continue };
                got[id] += n;
                if n == 0 || got[id] > length {
                    fail("closed, or more than one message");
                }
                if got[id] == length {
                    open -= 1;
                    if buf[..n].last() != block.payloads[0].last() {
                        fail("the content differs");
                    }
                }
            }
        }
        rounds += 1;
        let t = zero.elapsed().as_secs_f64();
        match start {
            None if t > warm => start = Some((t, rounds, server.usage())),
            Some((begun, before, used)) if t > end => {
                let count = ((rounds - before) * conns as u64) as f64;
                let cpu = (server.usage().cpu_ns - used.cpu_ns) as f64 / count;
                let allocations = server.usage().allocations[0] - used.allocations[0];
                print!("deliveries={count} rate={:.0} ", count / (t - begun));
                println!("cpu_ns={cpu:.1} allocations={:.4}", allocations as f64 / count);
                return;
            }
            _ => {}
        }
    }
}
