//! `handshake`: connect, upgrade, close, 16 at a time.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Instant;

use crate::options::{Options, fail};
use crate::socket::{self, Opening, Poll};

/// Connections that are being opened at any time.
const PARALLEL: usize = 16;
/// Seconds before the clock starts.
const WARM: f64 = 0.2;

/// Options: `secs`, `browser`, `deflate`.
pub fn run(options: &Options) {
    let opening = Opening::new(options);
    let request = opening.request();
    let end = WARM + options.number("secs", 1.0);
    let server = options.server();
    let mut poll = Poll::new();
    let mut opened = 0u32;
    let mut begin = |poll: &Poll, id: usize| {
        opened += 1;
        // Closed connections keep their port for a while: more addresses have more ports.
        let source = Ipv4Addr::new(127, 0, 2, 1 + (opened % 250) as u8);
        let mut stream = socket::connect(opening.addr, Some(source));
        stream.write_all(request.as_bytes()).expect("the request");
        poll.add(&stream, id as u64);
        (stream, Vec::with_capacity(512))
    };
    let mut slots: Vec<(TcpStream, Vec<u8>)> = (0..PARALLEL).map(|i| begin(&poll, i)).collect();
    let zero = Instant::now();
    let mut done = 0u64;
    let mut start: Option<(u64, u64)> = None;
    loop {
        for i in 0..poll.wait_for_progress(done) {
            let (id, _) = poll.event(i);
            let (stream, head) = &mut slots[id];
            let mut bytes = [0; 1024];
            match stream.read(&mut bytes) {
                Ok(n) if n > 0 => head.extend_from_slice(&bytes[..n]),
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => continue,
                ended => fail(&format!("closed during the handshake: {ended:?}")),
            }
            if head.ends_with(b"\r\n\r\n") {
                opening.check(head);
                done += 1;
                slots[id] = begin(&poll, id);
            }
        }
        let t = zero.elapsed().as_secs_f64();
        match start {
            None if t > WARM => start = Some((done, server.cpu_ns())),
            Some((before, used)) if t > end && done > before => {
                let cpu = (server.cpu_ns() - used) as f64 / (done - before) as f64;
                println!("cpu_ns={cpu:.0}");
                return;
            }
            _ => {}
        }
    }
}
