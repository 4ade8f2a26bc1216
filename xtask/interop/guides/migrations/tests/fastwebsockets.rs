//! The differences that `docs/howto/from-fastwebsockets.md` lists, as fastwebsockets has them.

use std::time::Duration;

use fastwebsockets::handshake::{self, generate_key};
use fastwebsockets::{FragmentCollector, OpCode, Role, WebSocket, WebSocketError};
use futures_util::FutureExt;
use http_body_util::Empty;
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(20);
    tokio::time::timeout(limit, future).await.expect("it takes less than 20 seconds")
}

/// The frame that a server reads of these bytes, and the bytes that it answers.
async fn read(bytes: &[u8]) -> (Result<(OpCode, usize), WebSocketError>, Vec<u8>) {
    let (near, mut far) = duplex(4 << 20);
    far.write_all(bytes).await.unwrap();
    let mut ws = FragmentCollector::new(WebSocket::after_handshake(near, Role::Server));
    let frame = in_time(ws.read_frame()).await.map(|frame| (frame.opcode, frame.payload.len()));
    drop(ws);
    let mut answer = Vec::new();
    in_time(far.read_to_end(&mut answer)).await.unwrap();
    (frame, answer)
}

#[tokio::test]
async fn a_server_reads_frames_without_a_mask() {
    let (frame, answer) = read(b"\x82\x01a").await;
    assert!(matches!(frame, Ok((OpCode::Binary, 1))) && answer.is_empty(), "{frame:?}");
}

#[tokio::test]
async fn the_limit_is_one_of_frames() {
    let (frame, answer) = read(&[0x82, 127, 0, 0, 0, 0, 4, 0, 0, 0]).await;
    assert!(matches!(frame, Err(WebSocketError::FrameTooLarge)) && answer.is_empty(), "{frame:?}");
    let two = [[0x02, 127, 0, 0, 0, 0, 0, 16, 0, 0], [0x80, 127, 0, 0, 0, 0, 0, 16, 0, 0]];
    let bytes = two.map(|head| [&head[..], &vec![0; 1 << 20]].concat()).concat();
    let (near, mut far) = duplex(4 << 20);
    far.write_all(&bytes).await.unwrap();
    let mut ws = WebSocket::after_handshake(near, Role::Server);
    ws.set_max_message_size((1 << 20) + 1);
    let frame = in_time(FragmentCollector::new(ws).read_frame()).await.unwrap().payload.len();
    assert_eq!(frame, 2 << 20);
}

#[tokio::test]
async fn a_broken_rule_has_no_close_frame_but_a_bad_code() {
    for bytes in [&b"\xa1\x00"[..], b"\x81\x01\xff", b"\x80\x00"] {
        let (frame, answer) = read(bytes).await;
        assert!(frame.is_err() && answer.is_empty(), "{bytes:?}: {frame:?} {answer:?}");
    }
    let (frame, answer) = read(b"\x88\x02\x03\xed").await;
    assert!(matches!(frame, Err(WebSocketError::InvalidCloseCode)), "{frame:?}");
    assert_eq!(answer, b"\x88\x02\x03\xea");
}

#[tokio::test]
async fn a_dropped_read_loses_bytes() {
    let (near, mut far) = duplex(4096);
    let mut ws = WebSocket::after_handshake(near, Role::Server);
    far.write_all(b"\x82\x02a").await.unwrap();
    assert!(ws.read_frame().now_or_never().is_none());
    far.write_all(b"b\x82\x01c").await.unwrap();
    drop(far);
    let frame = in_time(ws.read_frame()).await.map(|frame| frame.payload.to_vec());
    assert!(!matches!(&frame, Ok(payload) if payload == b"ab"), "{frame:?}");
}

#[tokio::test]
async fn a_client_does_not_check_the_accept_value() {
    let (near, mut far) = duplex(4096);
    let request = Request::get("ws://localhost/")
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Key", generate_key())
        .header("Sec-WebSocket-Version", "13")
        .body(Empty::<Bytes>::new());
    let response =
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    let server = async {
        _ = far.read(&mut [0; 4096]).await.unwrap();
        far.write_all(response.as_bytes()).await.unwrap();
    };
    let executor = TokioExecutor::new();
    let opening = handshake::client(&executor, request.unwrap(), near);
    let (opened, ()) = in_time(async { tokio::join!(opening, server) }).await;
    assert!(opened.is_ok());
}
