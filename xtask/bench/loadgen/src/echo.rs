//! `echo`: N connections, each with D messages in flight.

use std::collections::VecDeque;
use std::time::Instant;

use crate::frames::Block;
use crate::histogram::Histogram;
use crate::options::{Options, fail};
use crate::receive::Receiver;
use crate::socket::{self, Opening, Poll};
use crate::stream::Stream;

struct Connection {
    stream: Stream,
    id: u64,
    /// The message to send next, and how much of it was sent.
    next: usize,
    offset: usize,
    /// How many messages may be sent now.
    credits: usize,
    waits_for_room: bool,
    receiver: Receiver,
    /// When the messages in flight were sent.
    sent: VecDeque<u64>,
}

/// With compression, each connection sends this many plain bytes before the measured time: more than the largest
/// window.
const WINDOW: usize = 48 << 10;
/// Nanoseconds before the measured time.
const WARM: u64 = 150_000_000;

/// The echoes so far, and their cost.
#[derive(Clone, Copy)]
struct Totals {
    time: u64,
    messages: u64,
    /// The bytes of their payloads, and those on the wire.
    plain: u64,
    wire: u64,
    server_ns: u64,
}

/// Options: `conns`, `depth` (in flight on each), `size`, `kind`, `secs`, `raw`, `deflate`, `browser`, `tls`.
pub fn run(options: &Options) {
    let (conns, depth) = (options.count("conns", 1), options.count("depth", 1));
    let (size, kind) = (options.count("size", 16), options.text("kind", "bin"));
    let (raw, deflate) = (options.flag("raw"), options.flag("deflate"));
    let secs = (options.number("secs", 1.0) * 1e9) as u64;
    let count = match kind.as_str() {
        // Far more than a window of 32 KiB holds, or a compressor would find each one again.
        "json" => ((512 << 10) / size.max(1)).clamp(64, 4096),
        _ => ((256 << 10) / size.max(1)).clamp(depth.clamp(2, 64), 1024),
    };
    let block = Block::new(&kind, size, count, !raw, deflate);

    let mut poll = Poll::new();
    let opening = Opening::new(options);
    // The ratio changes until the windows are full.
    let fill = if deflate { (conns * WINDOW) as u64 } else { 0 };
    let mut buf = vec![0; 4 << 20];
    let mut connections: Vec<_> = (0..conns)
        .map(|i| {
            let next = i * count / conns;
            let stream = match raw {
                true => Stream::new(socket::connect(opening.addr, None), None),
                false => opening.open(None, &mut buf),
            };
            poll.add(&stream.tcp, i as u64);
            Connection {
                stream,
                id: i as u64,
                next,
                offset: 0,
                credits: depth,
                waits_for_room: false,
                receiver: Receiver::new(next, i, deflate, &block),
                sent: VecDeque::with_capacity(depth),
            }
        })
        .collect();

    let server = options.server();
    let mut latency = Histogram::new();
    let (mut messages, mut plain, mut wire_in) = (0, 0, 0);
    let zero = Instant::now();
    let now = || zero.elapsed().as_nanos() as u64;
    for connection in &mut connections {
        connection.send(&block, now(), &poll);
    }
    let mut start: Option<Totals> = None;
    loop {
        let events = poll.wait_for_progress(messages);
        let woken = now();
        let before = messages;
        for i in 0..events {
            let (id, input) = poll.event(i);
            let connection = &mut connections[id];
            let mut t = woken;
            loop {
                if !input {
                    break;
                }
                let Connection { stream, receiver, .. } = &mut *connection;
                let droppable = stream.droppable(receiver.droppable()).min(buf.len());
                let (room, received) = match droppable {
                    0 => (256 << 10, stream.recv(&mut buf[..256 << 10])),
                    // The kernel doesn't copy it.
                    n => (n, stream.drop_received(&mut buf[..n])),
                };
                let Some(n) = received else { break };
                if n == 0 {
                    fail("the server closed the connection");
                }
                if droppable > 0 {
                    connection.receiver.dropped(n);
                } else {
                    t = now();
                    let Connection { receiver, sent, credits, .. } = connection;
                    receiver.take(&block, &buf[..n], |len, wire| {
                        messages += 1;
                        plain += len as u64;
                        wire_in += wire as u64;
                        *credits += 1;
                        match sent.pop_front() {
                            Some(at) => latency.add(t.saturating_sub(at)),
                            None => fail("more echoes than messages"),
                        }
                    });
                }
                if n < room {
                    break;
                }
            }
            if connection.credits > 0 || connection.waits_for_room {
                connection.send(&block, t, &poll);
            }
        }
        // From the end of a message to the end of another one: there may be few.
        if messages == before {
            continue;
        }
        let totals =
            || Totals { time: now(), messages, plain, wire: wire_in, server_ns: server.cpu_ns() };
        match &start {
            None if woken >= WARM && plain >= fill => {
                latency = Histogram::new();
                start = Some(totals());
            }
            Some(start) if woken >= start.time + secs => return report(start, &totals(), &latency),
            _ => {}
        }
    }
}

fn report(start: &Totals, end: &Totals, latency: &Histogram) {
    let count = (end.messages - start.messages) as f64;
    let mean = |from: u64, to: u64| (to - from) as f64 / count;
    print!("cpu_ns={:.1} ", mean(start.server_ns, end.server_ns));
    print!("p50={:.0} p99={:.0} ", latency.quantile(0.5), latency.quantile(0.99));
    println!("mean={:.1} wire_in={:.1}", mean(start.plain, end.plain), mean(start.wire, end.wire));
}

impl Connection {
    /// Sends as many of the messages that may be sent as the socket takes; `t` is when they count as
    /// sent: with the first byte that is accepted.
    fn send(&mut self, block: &Block, t: u64, poll: &Poll) {
        while self.credits > 0 {
            let upto = (self.next + self.credits).min(block.len());
            let start = block.offsets[self.next] + self.offset;
            let bytes = &block.wire[start..block.offsets[upto]];
            let Some(n) = self.stream.send(bytes) else { break };
            let end = start + n;
            let first = self.next + usize::from(self.offset > 0);
            let begun = block.offsets[first..upto].iter().filter(|&&at| at < end).count();
            self.sent.extend(std::iter::repeat_n(t, begun));
            while self.next < upto && block.offsets[self.next + 1] <= end {
                self.next += 1;
                self.credits -= 1;
            }
            self.offset = end - block.offsets[self.next];
            if self.next == block.len() {
                self.next = 0;
            }
        }
        let waits = !self.stream.flush() || self.credits > 0;
        if self.waits_for_room != waits {
            self.waits_for_room = waits;
            poll.watch_output(&self.stream.tcp, self.id, waits);
        }
    }
}
