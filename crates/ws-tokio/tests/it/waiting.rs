//! Tasks that share a connection: nobody waits for something that another one has seen to.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt as _};
use tokio::time::{sleep, timeout};
use ws_tokio::Message;
use ws_types::Side;

use crate::common::{
    BINARY, CLOSE, FIRST_TEXT, LAST, PING, PONG, TEXT, close, frame, settle, soon, text,
};
use crate::script::{frames, scripted};

const INSTANT: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// Polls once, as the task that this is called in; the future isn't ready.
async fn poll_once<T>(mut future: Pin<&mut impl Future<Output = T>>) {
    let pending = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await;
    assert!(pending);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_stopped_reading_goes_on_when_the_sender_has_written() {
    let (ws, control) = scripted(|accept| accept.ping_interval(None)).await;
    let (sender, mut receiver) = ws.split();
    control.room(0);
    let mut sending = pin!(sender.send(vec![0; 100_000]));
    poll_once(sending.as_mut()).await;
    // With so much queued, the receiver doesn't read.
    let receiving = tokio::spawn(async move { receiver.recv().await });
    settle().await;
    poll_once(sending.as_mut()).await;
    control.bytes(frame(Side::Client, TEXT, "hello"));
    control.room(usize::MAX);
    soon(sending).await.unwrap();
    assert_eq!(soon(receiving).await.unwrap().unwrap(), Some(text("hello")));
}

#[tokio::test(start_paused = true)]
async fn a_pong_leaves_although_a_sender_stops_waiting_in_the_middle() {
    let (ws, control) = scripted(|accept| accept.ping_interval(None)).await;
    let (sender, mut receiver) = ws.split();
    control.room(0);
    sender.feed(vec![0; 70_000]).await.unwrap();
    control.bytes(frame(Side::Client, PING, "ping"));
    let receiving = tokio::spawn(async move { receiver.recv().await });
    settle().await;
    // It waits for some room, not for everything to leave.
    let mut feeding = pin!(sender.feed("more"));
    poll_once(feeding.as_mut()).await;
    control.room(60_000);
    soon(feeding).await.unwrap();
    control.room(usize::MAX);
    settle().await;
    control.bytes(frame(Side::Client, TEXT, "hello"));
    assert_eq!(soon(receiving).await.unwrap().unwrap(), Some(text("hello")));
    let (written, rest) = frames(&control.written());
    assert!(written.contains(&(PONG, b"ping".to_vec())) && rest == 0);
}

#[tokio::test(start_paused = true)]
async fn a_blocked_sender_goes_on_after_a_stream_is_polled_no_more() {
    let (ws, control) = scripted(|accept| accept.ping_interval(None)).await;
    let (sender, mut receiver) = ws.split();
    control.room(0);
    let sending = tokio::spawn(async move { sender.send("blocked").await });
    settle().await;
    assert!(timeout(INSTANT, receiver.next()).await.is_err());
    control.room(usize::MAX);
    soon(sending).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_closing_sender_goes_on_after_a_stream_is_polled_no_more() {
    let (ws, control) = scripted(|accept| accept.close_timeout(None)).await;
    let (sender, mut receiver) = ws.split();
    let closing = tokio::spawn(async move { sender.close(1000, "").await });
    settle().await;
    assert!(timeout(INSTANT, receiver.next()).await.is_err());
    control.bytes(frame(Side::Client, CLOSE, close(1000, "")));
    control.end();
    soon(closing).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_pong_leaves_after_a_sink_is_polled_no_more() {
    let (ws, control) = scripted(|accept| accept.ping_interval(None)).await;
    let (mut sender, mut receiver) = ws.split();
    control.room(0);
    control.bytes(frame(Side::Client, PING, "ping"));
    let receiving = tokio::spawn(async move { receiver.recv().await });
    settle().await;
    let message = Message::from("blocked");
    assert!(timeout(INSTANT, SinkExt::send(&mut sender, message)).await.is_err());
    control.room(usize::MAX);
    settle().await;
    let expected = vec![(PONG, b"ping".to_vec()), (TEXT, b"blocked".to_vec())];
    assert_eq!(frames(&control.written()), (expected, 0));
    control.bytes(frame(Side::Client, TEXT, "hello"));
    assert_eq!(soon(receiving).await.unwrap().unwrap(), Some(text("hello")));
}

#[tokio::test(start_paused = true)]
async fn closing_beside_a_message_in_pieces_mixes_up_nothing() {
    let (ws, control) = scripted(|accept| accept).await;
    let (sender, mut receiver) = ws.split();
    control.bytes(frame(Side::Client, FIRST_TEXT, "one, "));
    let mut reader = soon(receiver.recv_streaming()).await.unwrap().unwrap();
    assert_eq!(reader.next().await.unwrap(), Some(text("one, ")));
    let closing = tokio::spawn(async move { sender.close(1000, "").await });
    settle().await;
    control.bytes(frame(Side::Client, 0, "two, "));
    control.bytes(frame(Side::Client, LAST, "three"));
    control.bytes(frame(Side::Client, BINARY, "another"));
    control.bytes(frame(Side::Client, FIRST_TEXT, "dropped, "));
    control.bytes(frame(Side::Client, LAST, "too"));
    control.bytes(frame(Side::Client, CLOSE, close(1000, "")));
    control.end();
    soon(closing).await.unwrap().unwrap();
    let mut rest = String::new();
    while let Some(piece) = reader.next().await.unwrap() {
        rest.push_str(std::str::from_utf8(piece.as_bytes()).unwrap());
    }
    assert_eq!(rest, "two, three");
    drop(reader);
    assert_eq!(receiver.recv().await.unwrap(), Some(b"another".into()));
    // A reader that is dropped drops the rest of its message, not of the connection.
    let reader = receiver.recv_streaming().await.unwrap().unwrap();
    assert_eq!(reader.kind(), ws_tokio::MessageKind::Text);
    drop(reader);
    assert_eq!(receiver.recv().await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn what_is_dropped_while_closing_is_the_end_not_the_middle() {
    let (ws, control) = scripted(|accept| accept).await;
    let (sender, mut receiver) = ws.split();
    let closing = tokio::spawn(async move { sender.close(1000, "").await });
    settle().await;
    let send = |range: std::ops::Range<u8>| {
        for i in range {
            control.bytes(frame(Side::Client, BINARY, vec![i; 20_000]));
        }
    };
    let mut received = Vec::new();
    for range in [0..10, 10..12, 12..20] {
        send(range);
        settle().await;
        received.push(soon(receiver.recv()).await.unwrap().unwrap().as_bytes()[0]);
    }
    control.bytes(frame(Side::Client, CLOSE, close(1000, "")));
    control.end();
    soon(closing).await.unwrap().unwrap();
    while let Some(message) = soon(receiver.recv()).await.unwrap() {
        received.push(message.as_bytes()[0]);
    }
    assert!(received.len() >= 3);
    let prefix: Vec<_> = (0..received.len() as u8).collect();
    assert_eq!(received, prefix);
}

/// The beginning of what arrives while closing is kept; a reader that has taken it gets nothing of the rest.
#[tokio::test(start_paused = true)]
async fn a_reader_that_missed_data_gets_none_that_follows() {
    let (mut ws, control) = scripted(|accept| accept.max_backlog(1000)).await;
    ws.start_close(1000, "").unwrap();
    let message = |i: u8| frame(Side::Client, BINARY, [i; 600]);
    (0..10).for_each(|i| control.bytes(message(i)));
    sleep(SECOND).await;
    let receiving = tokio::spawn(async move {
        let mut received = Vec::new();
        while let Some(message) = ws.recv().await.unwrap() {
            received.push(message.as_bytes()[0]);
        }
        received
    });
    settle().await;
    // It waits, and has missed 2 to 9.
    control.bytes(message(10));
    settle().await;
    control.bytes(frame(Side::Client, CLOSE, close(1000, "")));
    control.end();
    assert_eq!(soon(receiving).await.unwrap(), [0, 1]);
}

/// A message in pieces never looks whole when it isn't.
#[tokio::test(start_paused = true)]
async fn a_reader_of_pieces_that_missed_one_gets_an_error() {
    let (mut ws, control) = scripted(|accept| accept.max_backlog(1000)).await;
    let sender = ws.sender();
    control.bytes(frame(Side::Client, BINARY & 0x0F, [0; 10]));
    let mut reader = soon(ws.recv_streaming()).await.unwrap().unwrap();
    assert!(soon(reader.next()).await.unwrap().is_some());
    sender.start_close(1000, "").unwrap();
    (1..10).for_each(|i| control.bytes(frame(Side::Client, 0, [i; 600])));
    sleep(SECOND).await;
    control.bytes(frame(Side::Client, 0x80, "the end"));
    control.bytes(frame(Side::Client, CLOSE, close(1000, "")));
    control.end();
    let error = soon(async {
        loop {
            match reader.next().await {
                Ok(piece) => assert!(piece.is_some(), "the message looks whole"),
                Err(e) => return e,
            }
        }
    })
    .await;
    assert!(error.closed().is_some(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn flush_waits_for_what_was_queued_before_it() {
    let (ws, control) = scripted(|accept| accept.ping_interval(None)).await;
    control.room(0);
    let sender = ws.sender();
    sender.feed("first").await.unwrap();
    let flushing = tokio::spawn(async move { sender.flush().await });
    settle().await;
    assert!(!flushing.is_finished());
    let sender = ws.sender();
    sender.feed("another").await.unwrap();
    control.room("..first".len());
    soon(flushing).await.unwrap().unwrap();
    assert_eq!(frames(&control.written()).0, [(TEXT, b"first".to_vec())]);
}

#[tokio::test(start_paused = true)]
async fn flush_tells_that_the_stream_was_taken_before_all_had_left() {
    let (ws, control) = scripted(|accept| accept).await;
    control.room(0);
    let sender = ws.sender();
    sender.feed("lost").await.unwrap();
    let flushing = tokio::spawn(async move { sender.flush().await });
    settle().await;
    assert!(ws.into_inner().is_some());
    assert!(soon(flushing).await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_message_in_pieces_that_was_not_begun_holds_up_no_other() {
    let (ws, control) = scripted(|accept| accept.ping_interval(None).write_limit(10)).await;
    control.room(0);
    ws.sender().feed("fills the queue").await.unwrap();
    let mut writer = ws.send_streaming();
    timeout(SECOND, writer.write("a piece")).await.unwrap_err();
    control.room(1000);
    soon(ws.send("another")).await.unwrap();
    writer.write("a piece").await.unwrap();
    writer.finish().await.unwrap();
    let sent = [
        (TEXT, b"fills the queue".to_vec()),
        (TEXT, b"another".to_vec()),
        (FIRST_TEXT, b"a piece".to_vec()),
        (LAST, Vec::new()),
    ];
    assert_eq!(frames(&control.written()).0, sent);
}
