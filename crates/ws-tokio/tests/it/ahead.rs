//! `send` looks for the next message, to know whether its own may leave later; whatever comes next
//! finds it, in its place.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FusedStream;
use tokio::time::sleep;
use ws_tokio::{Error, Message, WebSocket};
use ws_types::{Side, State};

use crate::common::{BINARY, TEXT, frame, soon};
use crate::script::{Control, Script, frames, scripted};

/// A connection that has received "first" and answered it, while `second` and what follows lie in its
/// buffer. To be called in a task, so that the answer may be deferred.
async fn answered(rest: &[Vec<u8>]) -> (WebSocket<Script>, Control) {
    let (mut ws, control) = scripted(|accept| accept).await;
    let mut bytes = frame(Side::Client, TEXT, "first");
    bytes.extend(rest.concat());
    control.bytes(bytes);
    let message = ws.recv().await.unwrap().unwrap();
    ws.send(message).await.unwrap();
    assert_eq!(control.writes(), 0);
    (ws, control)
}

/// Runs in a task of its own.
async fn in_a_task(test: impl Future<Output = ()> + Send + 'static) {
    soon(tokio::spawn(test)).await.unwrap();
}

fn second() -> Vec<u8> {
    frame(Side::Client, TEXT, "second, which has an allocation")
}

const SECOND: &str = "second, which has an allocation";

#[tokio::test(start_paused = true)]
async fn recv_finds_it_and_what_follows_in_order() {
    in_a_task(async {
        let third = frame(Side::Client, BINARY, "third");
        let (mut ws, _control) = answered(&[second(), third]).await;
        assert_eq!(ws.recv().await.unwrap(), Some(Message::text(SECOND)));
        assert_eq!(ws.recv().await.unwrap(), Some(Message::from(b"third")));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_second_answer_replaces_nothing() {
    in_a_task(async {
        let third = frame(Side::Client, BINARY, "third");
        let (mut ws, control) = answered(&[second(), third]).await;
        ws.send("another answer").await.unwrap();
        assert_eq!(ws.recv().await.unwrap(), Some(Message::text(SECOND)));
        assert_eq!(ws.recv().await.unwrap(), Some(Message::from(b"third")));
        sleep(Duration::from_millis(1)).await;
        let sent = [(TEXT, b"first".to_vec()), (TEXT, b"another answer".to_vec())];
        assert_eq!(frames(&control.written()), (sent.to_vec(), 0));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_finds_it() {
    in_a_task(async {
        let (mut ws, control) = answered(&[second()]).await;
        control.end();
        assert!(!ws.is_terminated());
        assert_eq!(ws.next().await.unwrap().unwrap(), Message::text(SECOND));
        assert!(ws.next().await.unwrap().is_err());
        assert!(ws.next().await.is_none());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_reader_of_pieces_finds_it_whole() {
    in_a_task(async {
        let third = frame(Side::Client, BINARY, "third");
        let (mut ws, _control) = answered(&[second(), third]).await;
        let mut reader = ws.recv_streaming().await.unwrap().unwrap();
        assert_eq!(reader.next().await.unwrap(), Some(Message::text(SECOND)));
        assert_eq!(reader.next().await.unwrap(), None);
        drop(reader);
        assert_eq!(ws.recv().await.unwrap(), Some(Message::from(b"third")));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_receiving_half_takes_it_over() {
    in_a_task(async {
        let (ws, _control) = answered(&[second()]).await;
        let (_sender, mut receiver) = ws.split();
        assert_eq!(receiver.recv().await.unwrap(), Some(Message::text(SECOND)));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn it_outlives_the_connection() {
    in_a_task(async {
        let (mut ws, control) = answered(&[second()]).await;
        control.end();
        ws.close(1000, "").await.unwrap();
        assert_eq!(ws.state(), State::Closed);
        assert_eq!(ws.recv().await.unwrap(), Some(Message::text(SECOND)));
        assert!(matches!(ws.recv().await, Err(Error::Closed(_))));
    })
    .await;
}

/// A violation in it takes effect when it is asked for, as if it hadn't been looked at.
#[tokio::test(start_paused = true)]
async fn a_violation_waits_until_it_is_reached() {
    for bad in ["\u{fe}".repeat(2), "\u{fe}".repeat(50)] {
        in_a_task(async move {
            let mut bad = bad.into_bytes();
            bad.pop();
            let follows = frame(Side::Client, TEXT, "after it");
            let (mut ws, _control) = answered(&[frame(Side::Client, TEXT, bad), follows]).await;
            assert_eq!(ws.state(), State::Open);
            ws.send("another answer").await.unwrap();
            assert_eq!(ws.state(), State::Open);
            let error = ws.recv().await.unwrap_err().to_string();
            assert!(error.contains("1007"), "{error}");
        })
        .await;
    }
}
