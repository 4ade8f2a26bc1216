//! The bytes that an idle connection of a server holds, and the allocations that each message takes, sent on or
//! dropped. Alone in its program, since it counts allocations.

use std::alloc::System;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, Stats, StatsAlloc};
use tokio::runtime::{Builder, Runtime};
use ws_proto::MessageKind;
use ws_tokio::{Error, Message, Server, WebSocket, connect, serve};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The lines of a browser.
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8765\r\nConnection: Upgrade\r\n\
    Pragma: no-cache\r\nCache-Control: no-cache\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) \
    AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\nUpgrade: websocket\r\n\
    Origin: http://127.0.0.1:8765\r\nSec-WebSocket-Version: 13\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A text of five bytes, masked with zeros, and the echo of it.
const HELLO: &[u8] = b"\x81\x85\0\0\0\0hello";
const ECHO: &[u8] = b"\x81\x05hello";

/// The plain loop.
async fn echo(mut ws: WebSocket) -> Result<(), Error> {
    drop(ws.take_request());
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

/// The same, and the request is kept.
async fn echo_and_keep(mut ws: WebSocket) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

/// Drops what is binary, echoes text.
async fn swallow(mut ws: WebSocket) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        if message.kind() == MessageKind::Text {
            ws.send(message).await?;
        }
    }
    Ok(())
}

/// Opens a connection with a request of a browser, and lets one message be echoed.
fn open(addr: SocketAddr) -> TcpStream {
    let mut tcp = TcpStream::connect(addr).unwrap();
    tcp.write_all(REQUEST).unwrap();
    let mut head = Vec::with_capacity(1024);
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        tcp.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", head.escape_ascii());
    tcp.write_all(HELLO).unwrap();
    let mut echo = [0; ECHO.len()];
    tcp.read_exact(&mut echo).unwrap();
    assert_eq!(echo, ECHO);
    tcp
}

/// The bytes on the heap that each connection holds while it waits for its second message.
fn held(runtime: &Runtime, server: &Server) -> usize {
    const CONNECTIONS: usize = 100;
    let addr = server.local_addr();
    let opening = move || {
        // What all connections share is made for the first ones.
        let _first: [TcpStream; 20] = std::array::from_fn(|_| open(addr));
        let mut open_ones = Vec::with_capacity(CONNECTIONS);
        let region = Region::new(ALLOCATOR);
        open_ones.extend((0..CONNECTIONS).map(|_| open(addr)));
        let Stats { bytes_allocated, bytes_deallocated, bytes_reallocated, .. } = region.change();
        assert!(bytes_reallocated.unsigned_abs() < bytes_allocated);
        (bytes_allocated - bytes_deallocated) / CONNECTIONS
    };
    runtime.block_on(runtime.spawn_blocking(opening)).unwrap()
}

/// How often each of `count` messages of `len` bytes makes client and server allocate together, when
/// each sends on what it receives.
async fn sent_on(server: &Server, len: usize, count: usize) -> f64 {
    let mut ws = connect(format!("ws://{}/", server.local_addr())).compression(None).await.unwrap();
    ws.send(vec![7; len]).await.unwrap();
    for _ in 0..20 {
        let message = ws.recv().await.unwrap().unwrap();
        ws.send(message).await.unwrap();
    }
    let region = Region::new(ALLOCATOR);
    for _ in 0..count {
        let message = ws.recv().await.unwrap().unwrap();
        assert_eq!(message.len(), len);
        ws.send(message).await.unwrap();
    }
    per_message(&region, count)
}

/// The same for a client that sends copies of one message, which the server drops.
async fn dropped(server: &Server, len: usize, count: usize) -> f64 {
    let mut ws = connect(format!("ws://{}/", server.local_addr())).compression(None).await.unwrap();
    let message = Message::from(vec![7; len]);
    let mut region = Region::new(ALLOCATOR);
    for count in [20, count] {
        region.reset();
        for _ in 0..count {
            ws.send(message.clone()).await.unwrap();
        }
        // The server has got so far.
        ws.send("end").await.unwrap();
        assert_eq!(ws.recv().await.unwrap().unwrap().as_bytes(), b"end");
    }
    per_message(&region, count)
}

fn per_message(region: &Region<'_, System>, count: usize) -> f64 {
    let Stats { allocations, reallocations, .. } = region.change();
    (allocations + reallocations) as f64 / count as f64
}

#[test]
fn connections_are_small_and_messages_allocate_little() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let server = runtime.block_on(async { serve("127.0.0.1:0", echo).await }).unwrap();
    let kept = runtime.block_on(async { serve("127.0.0.1:0", echo_and_keep).await }).unwrap();
    let heard = async { serve("127.0.0.1:0", echo).on_error(|_| {}).await };
    let heard = runtime.block_on(heard).unwrap();
    let swallowing = runtime.block_on(async { serve("127.0.0.1:0", swallow).await }).unwrap();

    // The counts that were published.
    let metrics = if cfg!(feature = "metrics") { 48 } else { 0 };
    // Of these, tokio takes 256 for the socket and 112 for the timer; 640 are the task with its handler.
    // The counters are 80 of them, the number and the span 16, what hooks left 24, a place
    // in the list about 46. No memory for reading or writing is among them.
    let bytes = held(&runtime, &server);
    assert!(bytes <= 2040 + metrics, "{bytes} bytes");
    let bytes = held(&runtime, &kept);
    assert!(bytes <= 2680 + metrics, "{bytes} bytes with the request");
    // The peer's address takes 48, the method and the path 5.
    let bytes = held(&runtime, &heard);
    assert!(bytes <= 2093 + metrics, "{bytes} bytes with a hook");

    // One for each message that is received, none for up to 23 bytes. Client and server together; what is
    // dropped arrives in batches, and these differ.
    let rows = [
        (16, 0.0, 0.05),
        (23, 0.0, 0.05),
        (24, 2.0, 1.05),
        (125, 2.0, 1.05),
        // A frame that is cut by the end of a read takes two more.
        (1 << 10, 2.0, 1.2),
        (16 << 10, 4.0, 4.0),
        (64 << 10, 4.0, 4.0),
        // What doesn't fit the memory for reading gets memory of its own on each side, which grows with
        // what arrives: a header that claims much must cost nothing.
        (1 << 20, 24.0, 18.0),
    ];
    for (len, most, most_dropped) in rows {
        let allocations = runtime.block_on(sent_on(&server, len, 200));
        assert!(allocations <= most, "{allocations} allocations for {len} bytes sent on");
        let allocations = runtime.block_on(dropped(&swallowing, len, 200));
        assert!(allocations <= most_dropped, "{allocations} allocations for {len} bytes dropped");
    }
}
