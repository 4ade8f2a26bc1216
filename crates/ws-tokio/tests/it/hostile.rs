//! Peers that break off, vanish or ask for too much.

use std::future::IntoFuture;
use std::io::ErrorKind;

use ws_tokio::{Error, accept};
use ws_types::Side;

use crate::common::{BINARY, PING, frame, settle, soon};
use crate::script::{frames, script, scripted};

#[tokio::test(start_paused = true)]
async fn what_arrived_whole_is_received_before_a_reset() {
    let (mut ws, control) = scripted(|accept| accept).await;
    control.bytes(frame(Side::Client, BINARY, "one"));
    control.bytes(frame(Side::Client, BINARY, "two"));
    control.read_error(ErrorKind::ConnectionReset);
    for expected in ["one", "two"] {
        let message = soon(ws.recv()).await.unwrap().unwrap();
        assert_eq!(message.as_bytes(), expected.as_bytes());
    }
    for _ in 0..2 {
        let Error::Closed(closed) = soon(ws.recv()).await.unwrap_err() else { panic!() };
        assert_eq!(closed.transport().map(std::io::Error::kind), Some(ErrorKind::ConnectionReset));
        assert_eq!((closed.rcvd(), closed.sent()), (None, None));
        assert_eq!(closed.to_string(), "no close frame received or sent (connection reset)");
    }
    assert!(control.dropped(), "the stream is dropped while the handle lives");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_the_peer_has_ended_is_dropped_at_once() {
    let (mut ws, control) = scripted(|accept| accept).await;
    control.bytes(frame(Side::Client, BINARY, "one"));
    control.end();
    assert_eq!(soon(ws.recv()).await.unwrap(), Some(b"one".into()));
    let error = soon(ws.recv()).await.unwrap_err();
    assert_eq!(error.to_string(), "no close frame received or sent");
    assert!(control.dropped() && !control.shut());
}

#[tokio::test(start_paused = true)]
async fn what_arrived_whole_is_received_before_a_violation() {
    let (mut ws, control) = scripted(|accept| accept).await;
    let mut bytes = frame(Side::Client, BINARY, "one");
    bytes.extend(frame(Side::Client, 0xC2, "reserved bit"));
    control.bytes(bytes);
    control.end();
    assert_eq!(soon(ws.recv()).await.unwrap(), Some(b"one".into()));
    let error = soon(ws.recv()).await.unwrap_err();
    assert_eq!(error.sent().map(|sent| sent.code.as_u16()), Some(1002));
    let (sent, rest) = frames(&after_response(&control.written()));
    assert_eq!((sent.len(), rest), (1, 0));
    assert_eq!(sent[0].1[..2], 1002u16.to_be_bytes());
    assert!(control.shut());
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_fed_messages_leaves_in_one_write() {
    let (ws, control) = scripted(|accept| accept).await;
    for i in 0..10u8 {
        ws.feed(vec![i; 100]).await.unwrap();
    }
    assert_eq!(control.writes(), 0);
    ws.flush().await.unwrap();
    assert_eq!(control.writes(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_head_of_16_mib_is_refused_after_the_limit() {
    let (io, control) = script();
    control.bytes("GET / HTTP/1.1\r\n");
    for _ in 0..(16 << 20) / 4096 {
        control.bytes(format!("X-Filler: {}\r\n", "a".repeat(4096 - 12)));
    }
    let error = soon(accept(io).into_future()).await.unwrap_err();
    assert!(error.get::<ws_errors::SecurityError>().is_some(), "{error}");
    assert!(control.written().starts_with(b"HTTP/1.1 431 "));
    // The limit, and what is read on so that the refusal isn't lost to a reset.
    assert!(control.read() <= (128 << 10) + (1 << 20) + (64 << 10), "{} bytes", control.read());
}

/// The bytes that were written after the response of the handshake.
fn after_response(written: &[u8]) -> Vec<u8> {
    let end = written.windows(4).position(|end| end == b"\r\n\r\n").map_or(0, |at| at + 4);
    written[end..].to_vec()
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_pings_and_never_reads_is_not_answered_without_end() {
    let (ws, control) = scripted(|accept| accept).await;
    let (_sender, mut receiver) = ws.split();
    control.room(0);
    for _ in 0..20_000 {
        control.bytes(frame(Side::Client, PING, [0; 125]));
    }
    let receiving = tokio::spawn(async move { receiver.recv().await });
    settle().await;
    // What may be queued, and what one read takes in.
    assert!(control.read() <= (64 << 10) + (64 << 10), "{} bytes", control.read());
    soon(receiving).await.unwrap().unwrap_err();
    // The closing goes on behind the error, for as long as it may.
    tokio::time::sleep(std::time::Duration::from_secs(11)).await;
    assert!(control.dropped());
}
