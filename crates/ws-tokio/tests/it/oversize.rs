//! Messages that are too big: skipped, if the program wishes it, and told once by whatever receives.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FusedStream;
use tokio::time::timeout;
use ws_proto::exceptions::PayloadTooBig;
use ws_tokio::{Error, Event, Message, Oversize, WebSocket, connect, serve};
use ws_types::State;

use crate::common::{
    CLOSE, FIRST_TEXT, LAST, MIDDLE, Memory, PING, PONG, Raw, TEXT, close, server, settle, soon,
    text,
};

const HALF: Duration = Duration::from_millis(500);

/// A server that skips messages of more than 10 bytes, and a client without rules.
async fn skipping() -> (WebSocket<Memory>, Raw<Memory>) {
    server(1 << 16, |accept| accept.max_message_size(10).oversize(Oversize::skip())).await
}

/// The error for a message that was skipped.
#[track_caller]
fn too_big<T: std::fmt::Debug>(result: Result<T, Error>) -> PayloadTooBig {
    let error = result.unwrap_err();
    assert!(error.closed().is_none() && !error.is_retryable());
    error.get::<PayloadTooBig>().unwrap().clone()
}

fn error(size: u64, current: Option<u64>) -> PayloadTooBig {
    PayloadTooBig::new(Some(size), current, 10)
}

/// The ways of receiving whole messages.
#[derive(Clone, Copy, Debug)]
enum Way {
    Recv,
    Stream,
    Events,
    EventStream,
    Pieces,
}

/// Receives a message, or that one was skipped; `None` at the end.
async fn receive(ws: &mut WebSocket<Memory>, way: Way) -> Option<Result<Message, PayloadTooBig>> {
    let event = match way {
        Way::Recv => match ws.recv().await {
            Ok(message) => return message.map(Ok),
            error => return Some(Err(too_big(error))),
        },
        Way::Stream => match ws.next().await? {
            Ok(message) => return Some(Ok(message)),
            error => {
                assert!(!ws.is_terminated());
                return Some(Err(too_big(error)));
            }
        },
        Way::Pieces => match ws.recv_streaming().await {
            Ok(None) => return None,
            Ok(Some(mut reader)) => {
                let mut whole = String::new();
                loop {
                    match reader.next().await {
                        Ok(Some(piece)) => whole += piece.as_text().unwrap(),
                        Ok(None) => return Some(Ok(Message::from(whole))),
                        error => return Some(Err(too_big(error))),
                    }
                }
            }
            error => return Some(Err(too_big(error))),
        },
        Way::Events => ws.recv_event().await.unwrap()?,
        Way::EventStream => ws.events().next().await?.unwrap(),
    };
    match event {
        Event::Message(message) => Some(Ok(message)),
        Event::TooBig(error) => Some(Err(error)),
        Event::Close(_) => None,
        event => panic!("{event:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn each_way_of_receiving_tells_it_once_and_goes_on() {
    for way in [Way::Recv, Way::Stream, Way::Events, Way::EventStream, Way::Pieces] {
        // While somebody receives, and out of the backlog.
        for late in [false, true] {
            let (mut ws, mut raw) = skipping().await;
            let sending = async {
                raw.send(TEXT, "one").await;
                raw.send(TEXT, [b'x'; 3000]).await;
                raw.send(TEXT, "two").await;
                raw.send(FIRST_TEXT, "12345").await;
                raw.send(MIDDLE, "678901").await;
                raw.send(LAST, "").await;
                raw.send(CLOSE, close(1000, "")).await;
            };
            let receiving = async {
                if late {
                    tokio::time::sleep(HALF).await;
                }
                let mut got = Vec::new();
                while let Some(result) = receive(&mut ws, way).await {
                    got.push(result);
                }
                got
            };
            let (got, ()) = soon(async { tokio::join!(receiving, sending) }).await;
            let expected =
                [Ok(text("one")), Err(error(3000, None)), Ok(text("two")), Err(error(6, Some(5)))];
            assert_eq!(got, expected, "{way:?}, late: {late}");
            assert_eq!(soon(ws.recv()).await.unwrap(), None, "a proper end");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn by_default_the_connection_fails() {
    let (mut ws, mut raw) = server(4096, |accept| accept.max_message_size(10)).await;
    raw.send(TEXT, "12345678901").await;
    let error = soon(ws.recv()).await.unwrap_err();
    assert_eq!(error.sent().map(|close| close.code.as_u16()), Some(1009));
    assert!(error.get::<PayloadTooBig>().is_some(), "the cause");
    assert!(error.closed().is_some(), "and the end");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_skipped_takes_no_room_in_the_backlog() {
    let set = |accept: ws_tokio::Accept<Memory>| {
        let accept = accept.max_message_size(10).oversize(Oversize::skip());
        accept.max_backlog(1000).ping_interval(None)
    };
    let (mut ws, mut raw) = server(4096, set).await;
    for n in 0..5 {
        raw.send(TEXT, vec![b'x'; 100_000]).await;
        raw.send(TEXT, [b'0' + n]).await;
    }
    // All of that was read, though nobody receives, or this would not be answered.
    raw.send(PING, "there?").await;
    let pong = timeout(HALF, raw.next()).await.expect("no pong");
    assert_eq!(pong, Some((PONG, b"there?".to_vec())));
    for n in 0..5 {
        assert_eq!(too_big(soon(ws.recv()).await), error(100_000, None));
        assert_eq!(soon(ws.recv()).await.unwrap(), Some(text(&n.to_string())));
    }
    // What tells of them takes some: a peer can't send without end.
    let flood = async {
        loop {
            raw.send(TEXT, "12345678901").await;
        }
    };
    assert!(timeout(60 * HALF, flood).await.is_err(), "reading stops");
    assert_eq!(ws.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn a_message_in_pieces_ends_with_the_error_where_it_becomes_too_big() {
    for late in [false, true] {
        let (mut ws, mut raw) = skipping().await;
        raw.send(FIRST_TEXT, "1234567").await;
        let mut reader = soon(ws.recv_streaming()).await.unwrap().unwrap();
        assert_eq!(soon(reader.next()).await.unwrap(), Some(text("1234567")));
        raw.send(MIDDLE, "8901").await;
        raw.send(LAST, "2").await;
        raw.send(TEXT, "next").await;
        if late {
            tokio::time::sleep(HALF).await;
        }
        assert_eq!(too_big(soon(reader.next()).await), error(4, Some(7)));
        assert_eq!(soon(reader.next()).await.unwrap(), None);
        drop(reader);
        assert_eq!(soon(ws.recv()).await.unwrap(), Some(text("next")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_is_dropped_takes_the_error_with_it() {
    // Before the message is too big, while it is dropped, and when its end lies in the backlog.
    for parts in 0..=2 {
        let (mut ws, mut raw) = skipping().await;
        raw.send(FIRST_TEXT, "1234567").await;
        let reader = soon(ws.recv_streaming()).await.unwrap().unwrap();
        let rest = [(MIDDLE, "8901"), (LAST, "2")];
        for (first, part) in &rest[..parts] {
            raw.send(*first, part).await;
        }
        tokio::time::sleep(HALF).await;
        settle().await;
        drop(reader);
        for (first, part) in &rest[parts..] {
            raw.send(*first, part).await;
        }
        raw.send(TEXT, "12345678901").await;
        raw.send(TEXT, "next").await;
        assert_eq!(too_big(soon(ws.recv()).await), error(11, None), "{parts}");
        assert_eq!(soon(ws.recv()).await.unwrap(), Some(text("next")), "{parts}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_gone_is_told_nothing() {
    let (ws, mut raw) = skipping().await;
    let (sender, receiver) = ws.split();
    drop(receiver);
    raw.send(TEXT, [b'x'; 3000]).await;
    raw.send(PING, "there?").await;
    assert_eq!(soon(raw.next()).await, Some((PONG, b"there?".to_vec())));
    raw.send(CLOSE, close(1000, "")).await;
    assert_eq!(soon(raw.rest()).await, [(CLOSE, close(1000, ""))]);
    drop(sender);
}

/// Answers each message, and each that is too big with its error.
async fn answer(mut ws: WebSocket) -> Result<(), Error> {
    loop {
        match ws.recv().await {
            Ok(Some(message)) => ws.send(message).await?,
            Ok(None) => return Ok(()),
            Err(Error::WebSocket(too_big)) => ws.send(too_big.to_string()).await?,
            Err(error) => return Err(error),
        }
    }
}

#[tokio::test]
async fn over_tcp_a_connection_outlives_messages_that_are_too_big() {
    let server = serve("127.0.0.1:0", answer)
        .max_message_size(1000)
        .oversize(Oversize::Skip { max_inflated: 4 << 20 })
        .await
        .unwrap();
    let mut ws = connect(format!("ws://{}/", server.local_addr())).await.unwrap();
    let long = "é".repeat(1 << 20);
    for _ in 0..3 {
        ws.send("one").await.unwrap();
        // Compressed, if that is there.
        ws.send(long.as_str()).await.unwrap();
        // In fragments, not compressed.
        let mut writer = ws.send_streaming();
        for piece in [&long.as_bytes()[..500], &long.as_bytes()[500..], b""] {
            writer
                .write(Message::from(piece.to_vec()).compress(ws_tokio::Compress::Never))
                .await
                .unwrap();
        }
        writer.finish().await.unwrap();
        ws.send("two").await.unwrap();
        let mut answers = Vec::new();
        for _ in 0..4 {
            let answer = soon(ws.recv()).await.unwrap().unwrap();
            answers.push(answer.as_text().unwrap().to_owned());
        }
        let [one, compressed, fragments, two] = &answers[..] else { unreachable!() };
        assert_eq!([one, two], ["one", "two"]);
        assert!(compressed.ends_with("exceeds limit of 1000 bytes"), "{compressed}");
        let size = long.len() - 500;
        let expected =
            format!("frame with {size} bytes after reading 500 bytes exceeds limit of 1000 bytes");
        assert_eq!(*fragments, expected);
    }
    ws.close(1000, "").await.unwrap();
    server.shutdown().await;
}
