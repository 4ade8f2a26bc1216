//! `rooms`: one connection publishes, all others receive.

use std::net::Ipv4Addr;
use std::time::Instant;

use crate::frames::Block;
use crate::histogram::Histogram;
use crate::options::{Options, fail};
use crate::socket::{Opening, Poll};

/// Messages before the clock starts.
const WARM: usize = 3;

/// Options: `rooms`, `members` (of each room), `size`, `messages` (to each room). Prints the server's CPU time for
/// each delivered message, and the time until all members have a message.
pub fn run(options: &Options) {
    let opening = Opening::new(options);
    let members = options.count("rooms", 1) * options.count("members", 1000);
    let messages = options.count("messages", 20);
    let block = Block::new("text", options.count("size", 64), 1, true, false);
    // The same frame without a mask.
    let expected = Block::new("text", options.count("size", 64), 1, false, false).wire;
    let server = options.server();
    let mut poll = Poll::new();
    let mut buf = vec![0; 64 << 10];
    // The first is the one that publishes.
    let mut control = opening.open(None, &mut buf);
    let mut streams: Vec<_> = (0..members)
        .map(|i| {
            let stream = opening.open(Some(Ipv4Addr::new(127, 0, 1, 1)), &mut buf);
            poll.add(&stream.tcp, i as u64);
            (stream, 0)
        })
        .collect();
    let mut wall = Histogram::new();
    let mut used = 0;
    for message in 0..WARM + messages {
        if message == WARM {
            wall = Histogram::new();
            used = server.cpu_ns();
        }
        let start = Instant::now();
        if control.send(&block.wire) != Some(block.wire.len()) {
            fail("the message doesn't leave");
        }
        let mut left = members;
        while left > 0 {
            for i in 0..poll.wait_for_progress((members - left) as u64) {
                let (stream, got) = &mut streams[poll.event(i).0];
                let Some(n) = stream.recv(&mut buf[*got..]) else { continue };
                *got += n;
                match *got {
                    got if n == 0 || got > expected.len() => fail("something else"),
                    got if got < expected.len() => continue,
                    _ => {}
                }
                // Of one that came in pieces, the beginning was overwritten.
                if n == expected.len() && buf[..n] != expected {
                    fail("another message");
                }
                *got = 0;
                left -= 1;
            }
        }
        wall.add(start.elapsed().as_nanos() as u64);
    }
    let cpu = (server.cpu_ns() - used) as f64 / (members * messages) as f64;
    println!("cpu_ns={cpu:.0} p50={:.0}", wall.quantile(0.5));
}
