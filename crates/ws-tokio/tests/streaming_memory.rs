//! A message of any length costs no more memory than a few of its pieces, a decompression bomb no more than
//! the limit on messages, and a message that is skipped no more than the buffers. Alone in its program, since
//! it counts what is allocated.

use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

use allocation_counter::measure;
use bytes::Buf;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use ws_proto::exceptions::PayloadTooBig;
use ws_proto::extension::{ClientDeflate, ClientExtensionFactory, Rsv};
use ws_proto::{Compress, Connection, FrameHeader, Message, apply_mask};
use ws_tokio::{Error, Oversize, WebSocket, accept, client};
use ws_types::Opcode;

const MIB: u64 = 1 << 20;

/// How long the message is, in bytes: 4 GiB, more than 32 bits can count; less without optimisation,
/// where that takes minutes.
const LONG: u64 = if cfg!(debug_assertions) { 32 * MIB } else { 4096 * MIB };

/// The length of a piece as it is sent, in bytes.
const PIECE: u64 = 64 << 10;

/// The size of a decompressed compression bomb, in bytes; less without optimisation, too.
const BOMB: u64 = if cfg!(debug_assertions) { 64 * MIB } else { 1024 * MIB };

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";

/// The value of all bytes of the piece at `at`.
fn filling(at: u64) -> u8 {
    (at / PIECE % 251) as u8
}

/// Client and server without limits, with or without compression.
async fn pair(compressed: bool) -> (WebSocket<DuplexStream>, WebSocket<DuplexStream>) {
    let (near, far) = duplex(1 << 16);
    let mut client = client(near, "ws://localhost/").ping_interval(None);
    let server = accept(far).ping_interval(None).max_message_size(None).max_fragments(None);
    if !compressed {
        client = client.compression(None);
    }
    let (client, server) = tokio::join!(client.into_future(), server.into_future());
    let (client, server) = (client.unwrap(), server.unwrap());
    assert_eq!(client.extensions().is_empty(), !compressed);
    (client, server)
}

async fn send(ws: &mut WebSocket<DuplexStream>) {
    let mut writer = ws.send_streaming();
    let mut at = 0;
    while at < LONG {
        writer.write(vec![filling(at); PIECE as usize]).await.unwrap();
        at += PIECE;
    }
    writer.finish().await.unwrap();
    ws.flush().await.unwrap();
}

async fn receive(ws: &mut WebSocket<DuplexStream>) {
    let mut reader = ws.recv_streaming().await.unwrap().unwrap();
    let mut at = 0;
    while let Some(piece) = reader.next().await.unwrap() {
        let mut left = piece.as_bytes();
        while !left.is_empty() {
            let (part, rest) = left.split_at(left.len().min((PIECE - at % PIECE) as usize));
            let expected = filling(at);
            // Without a way out of the loop, the compiler makes it fast.
            assert!(part.iter().fold(true, |same, byte| same & (*byte == expected)), "at {at}");
            at += part.len() as u64;
            left = rest;
        }
    }
    assert_eq!(at, LONG);
}

/// The compressed payload of a message of zeros.
fn bomb() -> Vec<u8> {
    let deflate = ClientDeflate::default().process_response(&[]).unwrap();
    let mut conn =
        Connection::client(Arc::default(), vec![deflate].into(), [7; 32], Duration::ZERO);
    let mut payload = Vec::new();
    for at in (0..BOMB).step_by(MIB as usize) {
        let zeros = Message::from(vec![0; MIB as usize]).compress(Compress::Always);
        conn.send_chunk(zeros, at + MIB == BOMB).unwrap();
        let len = conn.output().len();
        let mut frame = conn.output().copy_to_bytes(len).to_vec();
        let (header, len) = FrameHeader::decode(&frame, conn.side()).unwrap().unwrap();
        let encoded = frame.get_mut(len..).unwrap();
        apply_mask(encoded, header.mask.unwrap());
        payload.extend_from_slice(encoded);
    }
    payload
}

/// Lets it arrive at a server with the default limits, in one frame.
async fn explode(payload: &[u8]) {
    let (near, mut far) = duplex(1 << 16);
    far.write_all(REQUEST).await.unwrap();
    let mut ws = accept(near).await.unwrap();
    assert_eq!(ws.extensions().len(), 1);
    let sending = async {
        let mut header = Vec::new();
        let mask = Some([0; 4]);
        let frame = FrameHeader::new(Opcode::Binary, payload.len() as u64);
        FrameHeader { mask, rsv: Rsv::RSV1, ..frame }.encode(&mut header).unwrap();
        far.write_all(&header).await.unwrap();
        far.write_all(payload).await.unwrap();
        far.shutdown().await.unwrap();
        let mut answer = Vec::new();
        far.read_to_end(&mut answer).await.unwrap();
    };
    let ((), received) = tokio::join!(sending, ws.recv());
    let Err(Error::Closed(closed)) = received else { panic!("received {received:?}") };
    assert_eq!(closed.exception().sent().map(|close| close.code.as_u16()), Some(1009));
}

/// Lets a message arrive at a server that skips it, in one frame with this payload, so many times over.
async fn skip(rsv: Rsv, payload: &[u8], times: u64) {
    let (near, mut far) = duplex(1 << 12);
    far.write_all(REQUEST).await.unwrap();
    let oversize = Oversize::Skip { max_inflated: BOMB };
    let mut ws = accept(near).max_message_size(1000).oversize(oversize).await.unwrap();
    let sending = async {
        let mut header = Vec::new();
        let mask = Some([0; 4]);
        let frame = FrameHeader::new(Opcode::Text, payload.len() as u64 * times);
        FrameHeader { mask, rsv, ..frame }.encode(&mut header).unwrap();
        far.write_all(&header).await.unwrap();
        for _ in 0..times {
            far.write_all(payload).await.unwrap();
        }
    };
    let ((), received) = tokio::join!(sending, ws.recv());
    let Err(Error::WebSocket(error)) = received else { panic!("received {received:?}") };
    assert!(error.get::<PayloadTooBig>().is_some());
    ws.send("next").await.unwrap();
}

#[test]
fn long_messages_and_bombs_stay_small() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for compressed in [false, true] {
        let (mut client, mut server) = runtime.block_on(pair(compressed));
        let used = measure(|| {
            runtime.block_on(async { tokio::join!(send(&mut client), receive(&mut server)) });
        });
        let most = used.bytes_max;
        println!("{LONG} bytes, compressed: {compressed}: at most {most} bytes held");
        assert!(most < 2 * MIB, "{most} bytes");
    }
    let payload = bomb();
    assert!((payload.len() as u64) < MIB * 9 / 8, "the header alone would be refused");
    let used = measure(|| runtime.block_on(explode(&payload)));
    println!("{BOMB} bytes in {}: at most {} bytes held", payload.len(), used.bytes_max);
    // It got as far as to fill the message.
    assert!((MIB..4 * MIB).contains(&used.bytes_max), "{} bytes", used.bytes_max);
    for (rsv, payload, times) in [(Rsv::NONE, vec![b'x'; 1 << 16], 1024), (Rsv::RSV1, payload, 1)] {
        // A thread of its own makes the buffers that the connections of a thread share.
        let used = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            measure(|| runtime.block_on(skip(rsv, &payload, times)))
        });
        let most = used.join().unwrap().bytes_max;
        println!("64 MiB or more, skipped, {rsv:?}: at most {most} bytes held");
        // Two buffers of 68 KiB, for input and for what is inflated; the inflater with its window and the tail
        // that it keeps, 80 KiB; and 16 KiB to send.
        assert!(most < 256 << 10, "{most} bytes");
    }
}
