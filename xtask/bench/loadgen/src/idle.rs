//! `idle`: what an open connection keeps, after one message, when nothing happens.

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::frames::{Block, extended, header};
use crate::options::{Options, fail};
use crate::socket::Opening;
use crate::stream::Stream;

/// Connections from one source address.
const PER_ADDRESS: usize = 20_000;

/// How long nothing is sent before memory is read: longer than what servers keep for a while, as ours does
/// with compressors, for up to two seconds.
const IDLE: Duration = Duration::from_secs(3);

/// Options: `conns`, `size`, `browser`, `deflate`, `tls`.
pub fn run(options: &Options) {
    let opening = Opening::new(options);
    let conns = options.count("conns", 10_000);
    let deflate = options.flag("deflate");
    let kind = if deflate { "json" } else { "bin" };
    let block = Block::new(kind, options.count("size", 100), 1, true, deflate);
    let server = options.server();
    let mut buf = vec![0; 1 << 20];
    // A first connection, closed again, so that what is allocated once doesn't count.
    drop(one(&opening, &block, &mut buf, None));
    std::thread::sleep(Duration::from_millis(150));
    let before = server.memory();
    let held: Vec<Stream> = (0..conns)
        .map(|i| {
            let source = Ipv4Addr::new(127, 0, 1, 1 + (i / PER_ADDRESS) as u8);
            one(&opening, &block, &mut buf, Some(source))
        })
        .collect();
    // The time itself is what is measured: what a connection still holds after it. Nothing tells from
    // outside that a server has given back all it will.
    std::thread::sleep(IDLE);
    let grown = server.memory() as f64 - before as f64;
    println!("conns={} anonymous={:.1}", held.len(), grown / conns as f64);
}

/// Opens a connection and waits for the echo of one message.
fn one(opening: &Opening, block: &Block, buf: &mut [u8], source: Option<Ipv4Addr>) -> Stream {
    let mut stream = opening.open(source, buf);
    let mut sent = 0;
    while sent < block.wire.len() {
        sent += stream.send(&block.wire[sent..]).unwrap_or(0);
    }
    stream.flush();
    let mut have = 0;
    loop {
        match stream.recv(&mut buf[have..]) {
            Some(n @ 1..) => have += n,
            _ => fail("closed before the echo"),
        }
        if have < 2 || have < 2 + extended(buf[1]) {
            continue;
        }
        // `echo` checks the content.
        let (_, len, size) = header(buf);
        if have >= len + size {
            return stream;
        }
    }
}
