//! The differences that `docs/howto/from-tokio-tungstenite.md` lists: both libraries in the same situations.

use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::join;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, accept_async, client_async};
use websockets::{State, WebSocket, accept, client};

/// One end of a stream as a peer without a library, whose other end a program of a library has.
struct Peer(DuplexStream);

impl Peer {
    /// The head of a request or a response, without the empty line.
    async fn read_head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") && !matches!(self.0.read_buf(&mut head).await, Ok(0)) {}
        String::from_utf8(head).unwrap().trim_end().to_owned()
    }

    /// Opens a connection as its server.
    async fn open(&mut self, headers: &str) {
        let request = self.read_head().await;
        let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
        let accept = derive_accept_key(key.expect("a request has a key").as_bytes());
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: {accept}\r\n{headers}\r\n"
        );
        self.0.write_all(head.as_bytes()).await.unwrap();
    }

    /// Opens a connection as its server, sends these bytes and the end, and gives the first frame of the answer.
    async fn serve(mut self, headers: &str, bytes: &[u8]) -> String {
        self.open(headers).await;
        self.0.write_all(bytes).await.unwrap();
        self.0.shutdown().await.unwrap();
        self.frame().await
    }

    /// Asks for a connection as its client, sends these bytes and the end, and gives the first line of the answer.
    async fn ask(mut self, headers: &str, bytes: &[u8]) -> String {
        self.0.write_all(format!("GET / HTTP/1.1\r\n{headers}\r\n").as_bytes()).await.unwrap();
        let answer = self.read_head().await.lines().next().unwrap_or("nothing").to_owned();
        _ = self.0.write_all(bytes).await;
        _ = self.0.shutdown().await;
        self.0.read_to_end(&mut Vec::new()).await.unwrap();
        answer
    }

    /// The first frame that arrives: its opcode, and the code of a close frame.
    async fn frame(&mut self) -> String {
        let mut head = [0; 2];
        if self.0.read_exact(&mut head).await.is_err() {
            return "nothing".to_owned();
        }
        let masked = head[1] & 0x80 != 0;
        let mut rest = vec![0; usize::from(head[1] & 0x7f) + if masked { 4 } else { 0 }];
        self.0.read_exact(&mut rest).await.unwrap();
        let payload: Vec<u8> = match rest.split_first_chunk::<4>() {
            Some((key, payload)) if masked => {
                payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect()
            }
            _ => rest,
        };
        match (head[0] & 0xf, payload.first_chunk()) {
            (8, Some(code)) => format!("close {}", u16::from_be_bytes(*code)),
            (8, None) => "close".to_owned(),
            (10, _) => "pong".to_owned(),
            (opcode, _) => format!("opcode {opcode}"),
        }
    }
}

/// All that a program of tokio-tungstenite sees of a connection.
async fn theirs(mut ws: WebSocketStream<DuplexStream>) -> String {
    let mut seen = Vec::new();
    while let Some(message) = ws.next().await {
        seen.push(match message {
            Ok(Message::Close(None)) => "Close".to_owned(),
            Ok(Message::Close(Some(frame))) => format!("Close {}", u16::from(frame.code)),
            Ok(Message::Ping(_)) => "Ping".to_owned(),
            Ok(message) => format!("{} bytes", message.len()),
            Err(tungstenite::Error::Utf8(_)) => "Utf8".to_owned(),
            Err(error) => format!("{error:?}"),
        });
    }
    seen.push("None".to_owned());
    seen.join(", ")
}

/// All that a program of ours sees of a connection, up to its end.
async fn ours(mut ws: WebSocket<DuplexStream>) -> String {
    let mut seen = Vec::new();
    loop {
        match ws.recv().await {
            Ok(Some(message)) => seen.push(format!("{} bytes", message.len())),
            Ok(None) => seen.push("None".to_owned()),
            Err(error) => seen.push(match (error.rcvd(), error.sent()) {
                (Some(rcvd), _) => format!("received {}", u16::from(rcvd.code)),
                (None, Some(sent)) => format!("sent {}", u16::from(sent.code)),
                (None, None) => "lost".to_owned(),
            }),
        }
        if ws.state() == State::Closed || seen.last().is_some_and(|last| !last.ends_with("bytes")) {
            return seen.join(", ");
        }
    }
}

/// Compares what both programs saw, and what they answered.
#[track_caller]
fn compare(what: &str, found: [(String, String); 2], expected: [(&str, &str); 2]) {
    let found = found.each_ref().map(|(seen, answer)| (seen.as_str(), answer.as_str()));
    assert_eq!(found, expected, "{what}");
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(20);
    tokio::time::timeout(limit, future).await.expect("it takes less than 20 seconds")
}

#[tokio::test]
async fn clients_see_and_answer_what_the_guide_says() {
    let long = [&[0x82, 127, 0, 0, 0, 0, 0, 0x20, 0, 0][..], &vec![0; 2 << 20]].concat();
    // The bytes of the server; for each client, what its program sees and what it answers.
    for (what, bytes, expected) in [
        (
            "1000",
            &b"\x88\x02\x03\xe8"[..],
            [("Close 1000, None", "close 1000"), ("None", "close 1000")],
        ),
        ("1001", b"\x88\x02\x03\xe9", [("Close 1001, None", "close 1001"), ("None", "close 1001")]),
        ("no code", b"\x88\x00", [("Close, None", "close"), ("None", "close")]),
        (
            "4000",
            b"\x88\x02\x0f\xa0",
            [("Close 4000, None", "close 4000"), ("received 4000", "close 4000")],
        ),
        (
            "1005",
            b"\x88\x02\x03\xed",
            [("Close 1002, None", "close 1002"), ("sent 1002", "close 1002")],
        ),
        (
            "the end",
            b"",
            [("Protocol(ResetWithoutClosingHandshake), None", "nothing"), ("lost", "nothing")],
        ),
        ("no UTF-8", b"\x81\x01\xff", [("Utf8, None", "nothing"), ("sent 1007", "close 1007")]),
        (
            "RSV2",
            b"\xa1\x00",
            [("Protocol(NonZeroReservedBits), None", "nothing"), ("sent 1002", "close 1002")],
        ),
        (
            "2 MiB",
            &long,
            [
                ("2097152 bytes, Protocol(ResetWithoutClosingHandshake), None", "nothing"),
                ("sent 1009", "close 1009"),
            ],
        ),
        (
            "a ping",
            b"\x89\x00",
            [("Ping, Protocol(ResetWithoutClosingHandshake), None", "pong"), ("lost", "pong")],
        ),
    ] {
        let (near, far) = duplex(4 << 20);
        let theirs = async { theirs(client_async("ws://localhost/", near).await.unwrap().0).await };
        let first = in_time(async { join!(theirs, Peer(far).serve("", bytes)) }).await;
        let (near, far) = duplex(4 << 20);
        let ours = async { ours(client(near, "ws://localhost/").await.unwrap()).await };
        let second = in_time(async { join!(ours, Peer(far).serve("", bytes)) }).await;
        compare(what, [first, second], expected);
    }
}

#[tokio::test]
async fn servers_see_and_answer_what_the_guide_says() {
    let good = "Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
    let (opened, refused) = ("HTTP/1.1 101 Switching Protocols", "refused");
    // The headers of the client, and a frame; for each server, what its program sees and its first line.
    for (what, headers, frame, expected) in [
        ("good", good, &b"\x88\x80\0\0\0\0"[..], [("Close, None", opened), ("None", opened)]),
        (
            "no mask",
            good,
            b"\x81\x00",
            [("Protocol(UnmaskedFrameFromClient), None", opened), ("sent 1002", opened)],
        ),
        (
            "no WebSocket",
            "Host: a\r\n",
            b"",
            [(refused, "nothing"), (refused, "HTTP/1.1 426 Upgrade Required")],
        ),
        (
            "no Host",
            &good.replace("Host: a\r\n", ""),
            b"",
            [("lost", opened), (refused, "HTTP/1.1 400 Bad Request")],
        ),
        (
            "a subprotocol",
            &format!("{good}Sec-WebSocket-Protocol: a\r\n"),
            b"",
            [("lost", opened), ("lost", opened)],
        ),
    ] {
        let (near, far) = duplex(4 << 20);
        let theirs = async {
            match accept_async(near).await {
                Ok(ws) => {
                    theirs(ws).await.replace("Protocol(ResetWithoutClosingHandshake), None", "lost")
                }
                Err(_) => refused.to_owned(),
            }
        };
        let first = in_time(async { join!(theirs, Peer(far).ask(headers, frame)) }).await;
        let (near, far) = duplex(4 << 20);
        let ours = async {
            match accept(near).await {
                Ok(ws) => ours(ws).await,
                Err(_) => refused.to_owned(),
            }
        };
        let second = in_time(async { join!(ours, Peer(far).ask(headers, frame)) }).await;
        compare(what, [first, second], expected);
    }
}

#[tokio::test]
async fn a_server_may_leave_the_subprotocol_out() {
    let (near, far) = duplex(4096);
    let mut request = "ws://localhost/".into_client_request().unwrap();
    request.headers_mut().insert("Sec-WebSocket-Protocol", "a".parse().unwrap());
    let (opened, _) =
        in_time(async { join!(client_async(request, near), Peer(far).serve("", b"")) }).await;
    let error = opened.unwrap_err().to_string();
    assert_eq!(error, "WebSocket protocol error: SubProtocol error: Server sent no subprotocol");

    let (near, far) = duplex(4096);
    let opening = client(near, "ws://localhost/").subprotocols(["a"]);
    let (opened, _) =
        in_time(async { join!(opening.into_future(), Peer(far).serve("", b"")) }).await;
    assert_eq!(opened.unwrap().subprotocol(), None);
}

#[tokio::test]
async fn closing_waits_only_here() {
    let close = b"\x88\x02\x03\xe8";
    let (near, far) = duplex(4096);
    let mut peer = Peer(far);
    let (opened, ()) =
        in_time(async { join!(client_async("ws://localhost/", near), peer.open("")) }).await;
    let mut ws = opened.unwrap().0;
    // The peer hasn't answered.
    in_time(ws.close(None)).await.unwrap();
    assert_eq!(in_time(peer.frame()).await, "close");

    let (near, far) = duplex(4096);
    let mut peer = Peer(far);
    let opening = client(near, "ws://localhost/").into_future();
    let (opened, ()) = in_time(async { join!(opening, peer.open("")) }).await;
    let ws = opened.unwrap();
    let mut closing = pin!(ws.close(1000, ""));
    let answer = in_time(async {
        tokio::select! {
            biased;
            closed = &mut closing => panic!("closed before the answer: {closed:?}"),
            answer = peer.frame() => answer,
        }
    });
    assert_eq!(answer.await, "close 1000");
    peer.0.write_all(close).await.unwrap();
    drop(peer);
    in_time(closing).await.unwrap();
}
