//! `echo`: N connections, each with D messages in flight, or all of them at one constant rate.

use std::collections::VecDeque;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::net::{RecvFlags, SendFlags};

use crate::Options;
use crate::frames::{Block, Shape};
use crate::histogram::Histogram;
use crate::process::{Process, Usage};
use crate::receive::Receiver;
use crate::socket::{self, Opening, Poll, progress};

struct Connection {
    stream: TcpStream,
    id: u64,
    /// The message to send next, and how much of it was sent.
    next: usize,
    offset: usize,
    /// How many messages may be sent now.
    credits: usize,
    waits_for_room: bool,
    receiver: Receiver,
    /// When the messages in flight were sent, or were due.
    sent: VecDeque<u64>,
}

/// What each connection sends in plain bytes before the measured time, with compression: more than the
/// largest window.
const WINDOW: usize = 48 << 10;

/// The state of the process and of the counters when the measured time began.
struct Start {
    time: u64,
    messages: u64,
    /// The bytes of their payloads.
    plain: u64,
    received: u64,
    server: Usage,
    own: Usage,
}

/// Options: `conns`, `depth` (in flight on each), `rate` (messages a second over all connections,
/// instead of `depth`), `size`, `kind`, `fragments`, `secs`, `warm`, `raw`, `deflate`, `browser`.
pub fn run(options: &Options) {
    let conns = options.number("conns", 1.0) as usize;
    let rate = options.number("rate", 0.0);
    let depth = options.number("depth", 1.0) as usize;
    let size = options.number("size", 16.0) as usize;
    let kind = options.text("kind", "bin");
    let (raw, deflate) = (options.flag("raw"), options.flag("deflate"));
    let warm = (options.number("warm", 0.15) * 1e9) as u64;
    let secs = (options.number("secs", 1.0) * 1e9) as u64;
    let server = options.server();
    let count = match kind.as_str() {
        // Far more than a window of 32 KiB holds, or a compressor would find each one again.
        "json" => ((512 << 10) / size.max(1)).clamp(64, 4096),
        _ => ((256 << 10) / size.max(1)).clamp(depth.clamp(2, 64), 1024),
    };
    let fragments = options.number("fragments", 8.0) as usize;
    let block = Block::new(&Shape { kind: &kind, size, count, raw, deflate, fragments });

    let mut poll = Poll::new();
    let opening = Opening::new(options);
    // The ratio changes until the windows are full.
    let fill = if deflate { (conns * WINDOW) as u64 } else { 0 };
    let mut connections: Vec<_> = (0..conns)
        .map(|i| {
            let first = i * count / conns;
            let stream = match raw {
                true => socket::connect(opening.addr, None),
                false => opening.open(None),
            };
            poll.add(&stream, i as u64);
            Connection {
                stream,
                id: i as u64,
                next: first,
                offset: 0,
                credits: if rate > 0.0 { 0 } else { depth },
                waits_for_room: false,
                receiver: Receiver::new(first, i, deflate, &block),
                sent: VecDeque::with_capacity(depth),
            }
        })
        .collect();

    let own = Process::this();
    let mut buf = vec![0; 4 << 20];
    let mut latency = Histogram::new();
    let (mut messages, mut plain, mut received) = (0, 0, 0);
    // With a rate: how many messages were due so far.
    let mut due = 0;
    let zero = Instant::now();
    let now = || zero.elapsed().as_nanos() as u64;
    for connection in &mut connections {
        connection.send(&block, now(), &poll);
    }
    let mut start: Option<Start> = None;
    loop {
        let events = if rate > 0.0 {
            let t = now();
            while due as f64 <= t as f64 / 1e9 * rate {
                let connection = &mut connections[due as usize % conns];
                connection.credits += 1;
                connection.send(&block, (due as f64 / rate * 1e9) as u64, &poll);
                due += 1;
            }
            let next = (due as f64 / rate * 1e9) as u64;
            poll.wait(Duration::from_nanos(next.saturating_sub(now())))
        } else {
            poll.wait_for_progress(messages)
        };
        let t = now();
        let before = messages;
        for i in 0..events {
            let (id, input) = poll.event(i);
            let connection = &mut connections[id];
            let mut t = t;
            loop {
                if !input {
                    break;
                }
                let droppable = connection.receiver.droppable().min(buf.len());
                let (room, flags) = match droppable {
                    0 => (256 << 10, RecvFlags::empty()),
                    // The kernel doesn't copy it.
                    n => (n, RecvFlags::TRUNC),
                };
                let read = rustix::net::recv(&connection.stream, &mut buf[..room], flags);
                let Some((_, n)) = progress(read) else { break };
                if n == 0 {
                    crate::fail("the server closed the connection");
                }
                if droppable > 0 {
                    connection.receiver.dropped(n);
                } else {
                    t = now();
                    let Connection { receiver, sent, credits, .. } = connection;
                    receiver.take(&block, &buf[..n], |len, wire| {
                        messages += 1;
                        plain += len as u64;
                        received += wire as u64;
                        *credits += usize::from(rate == 0.0);
                        match sent.pop_front() {
                            Some(at) => latency.add(t.saturating_sub(at)),
                            None => crate::fail("more echoes than messages"),
                        }
                    });
                }
                if n < room {
                    break;
                }
            }
            if connection.credits > 0 {
                connection.send(&block, t, &poll);
            }
        }
        // From the end of a message to the end of another one: there may be few.
        let ended = messages > before;
        match &start {
            None if ended && t >= warm && plain >= fill => {
                latency = Histogram::new();
                let (server, own) = (server.usage(), own.usage());
                start = Some(Start { time: now(), messages, plain, received, server, own });
            }
            Some(start) if ended && t >= start.time + secs => {
                let time = now() - start.time;
                report(start, &server, &own, time, messages, plain, received, &latency, &block);
                return;
            }
            _ => {}
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "one call, the end of the one loop above")]
fn report(
    start: &Start,
    server: &Process,
    own: &Process,
    time: u64,
    messages: u64,
    plain: u64,
    received: u64,
    latency: &Histogram,
    block: &Block,
) {
    let (used, gen_used) = (server.usage(), own.usage());
    let count = (messages - start.messages) as f64;
    let mean = (plain - start.plain) as f64 / count;
    let secs = time as f64 / 1e9;
    let cpu = (used.cpu_ns - start.server.cpu_ns) as f64;
    let delta = |now: u64, before: u64| (now - before) as f64;
    let [user, system] = [0, 1].map(|i| delta(used.ticks[i], start.server.ticks[i]));
    let [calls, bytes] = [0, 1].map(|i| delta(used.allocations[i], start.server.allocations[i]));
    print!("msgs={count} secs={secs:.4} rate={:.1} ", count / secs);
    print!("mbps={:.2} cpu_ns={:.1} ", count * mean / secs / 1e6, cpu / count);
    print!("server_cpu={:.4} ", cpu / time as f64);
    print!("gen_cpu={:.4} ", delta(gen_used.cpu_ns, start.own.cpu_ns) / time as f64);
    print!("user={user} system={system} ");
    for (name, p) in [("p50", 0.5), ("p99", 0.99), ("p999", 0.999)] {
        print!("{name}={:.0} ", latency.quantile(p));
    }
    print!("allocations={:.4} allocated={:.1} ", calls / count, bytes / count);
    print!("peak={} ", server.memory("VmHWM"));
    print!("mean={mean:.1} wire_in={:.1} ", delta(received, start.received) / count);
    println!("wire_out={:.1}", block.wire.len() as f64 / block.len() as f64);
}

impl Connection {
    /// Sends as many of the messages that may be sent as the socket takes; `t` is when they count as
    /// sent: with the first byte that is accepted.
    fn send(&mut self, block: &Block, t: u64, poll: &Poll) {
        while self.credits > 0 {
            let upto = (self.next + self.credits).min(block.len());
            let start = block.offsets[self.next] + self.offset;
            let bytes = &block.wire[start..block.offsets[upto]];
            let sent = rustix::net::send(&self.stream, bytes, SendFlags::NOSIGNAL);
            let Some(n) = progress(sent) else {
                if !self.waits_for_room {
                    self.waits_for_room = true;
                    poll.watch_output(&self.stream, self.id, true);
                }
                return;
            };
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
        if self.waits_for_room {
            self.waits_for_room = false;
            poll.watch_output(&self.stream, self.id, false);
        }
    }
}
