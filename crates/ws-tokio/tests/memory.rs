//! What a frame header claims costs no memory. Alone in its program, since it counts allocations.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::io::{AsyncWriteExt, duplex};
use ws_proto::FrameHeader;
use ws_tokio::accept;
use ws_types::Opcode;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

/// The bytes that a connection holds more after it has received a header that claims `len` bytes.
async fn cost_of_claim(len: u64) -> isize {
    let (near, mut far) = duplex(4096);
    far.write_all(REQUEST).await.unwrap();
    let mut ws = accept(near).await.unwrap();
    let mut header = Vec::new();
    let mask = Some([1, 2, 3, 4]);
    FrameHeader { mask, ..FrameHeader::new(Opcode::Binary, len) }.encode(&mut header);
    far.write_all(&header).await.unwrap();
    let region = Region::new(ALLOCATOR);
    tokio::select! {
        biased;
        received = ws.recv() => panic!("received {received:?}"),
        () = tokio::task::yield_now() => {}
    }
    let change = region.change();
    change.bytes_allocated as isize - change.bytes_deallocated as isize
}

#[test]
fn a_claimed_megabyte_costs_no_more_than_ten_bytes() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        // The first connection of a thread makes the buffers that all of them share.
        cost_of_claim(10).await;
        let small = cost_of_claim(10).await;
        let large = cost_of_claim(1_000_000).await;
        assert!(large <= small, "10 bytes: {small}, 1 MB: {large}");
    });
}
