//! The length that a frame header claims costs no memory, a message in crumbs costs few allocations, and a program
//! that doesn't batch pays for no task. Alone in its program, since it counts allocations.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
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
    FrameHeader { mask, ..FrameHeader::new(Opcode::Binary, len) }.encode(&mut header).unwrap();
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

/// The bytes that a connection in a task holds more once it has answered messages in batches of `size`.
async fn cost_of_answers(size: usize) -> isize {
    let (near, mut far) = duplex(4096);
    far.write_all(REQUEST).await.unwrap();
    let mut ws = accept(near).await.unwrap();
    let mut frame = Vec::new();
    let mask = Some([0; 4]);
    FrameHeader { mask, ..FrameHeader::new(Opcode::Binary, 5) }.encode(&mut frame).unwrap();
    frame.extend_from_slice(b"12345");
    let batch = frame.repeat(size);
    let mut answers = vec![0; 1000];
    let answering = async move {
        // The stream makes its buffers, the connection its timer; nothing is deferred yet.
        far.write_all(&batch).await.unwrap();
        let mut received = Vec::new();
        for _ in 0..size {
            received.push(ws.recv().await.unwrap().unwrap());
        }
        for message in received {
            ws.send(message).await.unwrap();
        }
        assert!(far.read(&mut answers).await.unwrap() > 0);
        let region = Region::new(ALLOCATOR);
        for _ in 0..10 {
            far.write_all(&batch).await.unwrap();
            for _ in 0..size {
                let message = ws.recv().await.unwrap().unwrap();
                ws.send(message).await.unwrap();
            }
            assert_eq!(far.read(&mut answers).await.unwrap(), 7 * size);
            tokio::task::yield_now().await;
        }
        let change = region.change();
        change.bytes_allocated as isize - change.bytes_deallocated as isize
    };
    tokio::spawn(answering).await.unwrap()
}

#[test]
fn claims_crumbs_and_answers_cost_nothing() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        // The first connection of a thread makes the buffers that all of them share.
        cost_of_claim(10).await;
        let small = cost_of_claim(10).await;
        let large = cost_of_claim(1_000_000).await;
        assert!(large <= small, "10 bytes: {small}, 1 MB: {large}");
        // Answers leave nothing behind, whether they leave alone or together.
        assert_eq!(cost_of_answers(1).await, 0);
        assert_eq!(cost_of_answers(8).await, 0);
        let moves = moves_of_fragments().await;
        assert!(moves < 20, "the message was moved {moves} times");
    });
}

/// How often memory moved while a message of 100,000 bytes and 4,000 fragments of one byte arrived.
async fn moves_of_fragments() -> usize {
    let (near, mut far) = duplex(200_000);
    far.write_all(REQUEST).await.unwrap();
    let mut ws = accept(near).await.unwrap();
    let mask = Some([1, 2, 3, 4]);
    let mut bytes = Vec::new();
    let first = FrameHeader { fin: false, mask, ..FrameHeader::new(Opcode::Binary, 100_000) };
    first.encode(&mut bytes).unwrap();
    bytes.extend([0; 100_000]);
    for i in 0..4000 {
        let next = FrameHeader::new(Opcode::Continuation, 1);
        FrameHeader { fin: i == 3999, mask, ..next }.encode(&mut bytes).unwrap();
        bytes.push(0);
    }
    far.write_all(&bytes).await.unwrap();
    let region = Region::new(ALLOCATOR);
    let message = ws.recv().await.unwrap().unwrap();
    let moves = region.change().reallocations;
    assert_eq!(message.len(), 104_000);
    moves
}
