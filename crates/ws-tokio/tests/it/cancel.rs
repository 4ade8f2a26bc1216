//! Futures that are dropped before they are ready: nothing is lost, nothing is sent in halves.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use ws_proto::Message;
use ws_types::{Side, State};

use crate::common::{
    BINARY, CLOSE, FIRST_BINARY, FIRST_TEXT, LAST, MIDDLE, PING, PONG, TEXT, close, frame, pair,
    soon, text,
};
use crate::script::{Control, frames, scripted};

/// Polls `n` times, then drops the future, unless it is ready before.
fn poll_times<T>(n: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    (0..n).find_map(|_| match future.as_mut().poll(&mut cx) {
        Poll::Ready(result) => Some(result),
        Poll::Pending => None,
    })
}

/// A long exchange: what the peer sends, and the messages in it.
fn exchange() -> (Vec<u8>, Vec<Message>) {
    let client = |first, payload: &[u8]| frame(Side::Client, first, payload);
    let long = |n: usize| (0..n).map(|i| i as u8).collect::<Vec<_>>();
    let mut bytes = Vec::new();
    let mut messages = Vec::new();
    for len in [0, 1, 23, 24, 125, 126, 5_000, 70_000] {
        bytes.extend(client(BINARY, &long(len)));
        messages.push(Message::from(long(len)));
        bytes.extend(client(PING, b"between"));
        // A character of two bytes is cut by the end of a fragment.
        bytes.extend(client(FIRST_TEXT, b"caf\xc3"));
        bytes.extend(client(PING, b"inside"));
        bytes.extend(client(MIDDLE, b"\xa9, "));
        bytes.extend(client(LAST, &[b'x'; 200]));
        messages.push(text(&format!("café, {}", "x".repeat(200))));
    }
    bytes.extend(client(FIRST_BINARY, &long(20_000)));
    bytes.extend(client(LAST, &long(20_000)));
    messages.push(Message::from([long(20_000), long(20_000)].concat()));
    (bytes, messages)
}

/// Sends the exchange in pieces of `size` bytes, with a pause after each, and closes.
fn send_in_pieces(control: &Control, bytes: &[u8], size: usize) {
    for piece in bytes.chunks(size) {
        control.bytes(piece);
        control.pause();
    }
    control.bytes(frame(Side::Client, CLOSE, close(1000, "")));
    control.pause();
    control.end();
}

#[tokio::test(start_paused = true)]
async fn recv_dropped_after_any_number_of_polls_loses_nothing() {
    let (bytes, expected) = exchange();
    for size in [11, 1000, 1 << 16] {
        for polls in [1, 2, 3, 7] {
            let (mut ws, control) = scripted(|accept| accept).await;
            send_in_pieces(&control, &bytes, size);
            let mut messages = Vec::new();
            let mut ended = false;
            for _ in 0..2 * bytes.len() {
                match poll_times(polls, ws.recv()) {
                    Some(Ok(Some(message))) => messages.push(message),
                    Some(Ok(None)) => {
                        ended = true;
                        break;
                    }
                    Some(Err(error)) => panic!("{error}"),
                    None => {}
                }
            }
            assert!(ended && messages == expected, "{size} bytes, {polls} polls");
            let pongs = frames(&control.written()).0;
            assert_eq!(pongs.iter().filter(|(first, _)| *first == PONG).count(), 16);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn recv_in_select_with_futures_that_are_ready_loses_nothing() {
    let (client, mut server) = pair(100).await;
    let sending = tokio::spawn(async move {
        for i in 0..200_usize {
            client.send(vec![i as u8; i * 3]).await.unwrap();
        }
        client.close(1000, "").await.unwrap();
    });
    let mut received = 0_usize;
    let mut interrupted = 0;
    soon(async {
        loop {
            tokio::select! {
                message = server.recv() => {
                    let Some(message) = message.unwrap() else { break };
                    assert_eq!(message, Message::from(vec![received as u8; received * 3]));
                    received += 1;
                }
                () = tokio::task::yield_now() => interrupted += 1,
            }
        }
    })
    .await;
    sending.await.unwrap();
    assert_eq!(received, 200);
    assert!(interrupted > 200, "{interrupted}");
}

#[tokio::test(start_paused = true)]
async fn streaming_reader_dropped_futures_lose_nothing() {
    let (bytes, expected) = exchange();
    for size in [11, 1000, 1 << 16] {
        let (mut ws, control) = scripted(|accept| accept).await;
        send_in_pieces(&control, &bytes, size);
        let mut messages = Vec::new();
        let mut polls = 0..4 * bytes.len();
        'messages: loop {
            let mut reader = loop {
                polls.next().unwrap();
                match poll_times(1, ws.recv_streaming()) {
                    Some(reader) => match reader.unwrap() {
                        Some(reader) => break reader,
                        None => break 'messages,
                    },
                    None => {}
                }
            };
            let kind = reader.kind();
            let mut whole = Vec::new();
            loop {
                polls.next().unwrap();
                match poll_times(1, reader.next()) {
                    Some(Ok(Some(piece))) => {
                        assert_eq!(piece.kind(), kind);
                        whole.extend_from_slice(piece.as_bytes());
                    }
                    Some(Ok(None)) => break,
                    Some(Err(error)) => panic!("{error}"),
                    None => {}
                }
            }
            let expected: &Message = &expected[messages.len()];
            assert_eq!(kind, expected.kind());
            messages.push(whole);
        }
        let expected: Vec<_> = expected.iter().map(Message::as_bytes).collect();
        assert!(messages == expected, "{size} bytes");
    }
}

/// Sends messages, dropping each future after `polls` polls, while the stream takes `room` bytes
/// before each. Gives what `send` said and what arrived.
async fn send_and_drop(
    polls: usize,
    room: usize,
    mut send: impl AsyncFnMut(&mut ws_tokio::WebSocket<crate::script::Script>, Message) -> bool,
) -> (Vec<(Message, Option<bool>)>, Vec<Message>) {
    let (mut ws, control) = scripted(|accept| accept).await;
    control.step(1000);
    let mut sent = Vec::new();
    for i in 0..100_usize {
        control.room(room);
        let len = [0, 5, 3_000, 200, 40_000][i % 5];
        let message = Message::from(vec![i as u8; len + 1]);
        let result = poll_times(polls, send(&mut ws, message.clone()));
        sent.push((message, result));
    }
    control.room(usize::MAX);
    soon(ws.flush()).await.unwrap();
    let (frames, rest) = frames(&control.written());
    assert_eq!(rest, 0, "half a message");
    let arrived = frames.into_iter().map(|(first, payload)| {
        assert_eq!(first, BINARY);
        Message::from(payload)
    });
    (sent, arrived.collect())
}

#[tokio::test(start_paused = true)]
async fn a_dropped_send_goes_whole_or_not_at_all() {
    let mut undecided = 0;
    for polls in [1, 2, 5] {
        for room in [0, 1, 999, 5_000, 50_000] {
            let (sent, arrived) =
                send_and_drop(polls, room, async |ws, m| ws.send(m).await.is_ok()).await;
            let mut arrived = arrived.into_iter().peekable();
            for (message, result) in sent {
                // In order, each once; what `send` accepted has arrived.
                if arrived.next_if_eq(&message).is_none() {
                    assert_eq!(result, None, "{polls} polls, room {room}");
                    undecided += 1;
                }
            }
            assert_eq!(arrived.next(), None, "{polls} polls, room {room}");
        }
    }
    assert!(undecided > 0, "no future was dropped that had not taken its message");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_feed_has_not_taken_its_message() {
    for room in [0, 5_000, 50_000] {
        let (sent, arrived) = send_and_drop(1, room, async |ws, m| ws.feed(m).await.is_ok()).await;
        assert!(sent.iter().any(|(_, result)| result.is_none()), "room {room}");
        let accepted: Vec<_> =
            sent.into_iter().filter_map(|(message, result)| result.map(|_| message)).collect();
        assert!(accepted == arrived, "room {room}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_flush_keeps_what_was_not_written() {
    let (ws, control) = scripted(|accept| accept).await;
    control.room(0);
    for i in 0..20_u8 {
        ws.feed(vec![i; 100]).await.unwrap();
    }
    for _ in 0..300 {
        control.room(7);
        if let Some(result) = poll_times(1, ws.flush()) {
            result.unwrap();
            break;
        }
    }
    let (frames, rest) = frames(&control.written());
    let expected: Vec<_> = (0..20_u8).map(|i| (BINARY, vec![i; 100])).collect();
    assert_eq!((frames, rest), (expected, 0));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_close_has_begun_and_is_left_to_recv() {
    let (mut ws, control) = scripted(|accept| accept).await;
    assert!(poll_times(1, ws.close(3000, "first")).is_none());
    assert_eq!(ws.state(), State::Closing);
    // A second call waits for the first closing handshake.
    assert!(poll_times(1, ws.close(1000, "second")).is_none());
    control.bytes(frame(Side::Client, TEXT, "late"));
    control.bytes(frame(Side::Client, CLOSE, close(3000, "first")));
    control.end();
    assert_eq!(soon(ws.recv()).await.unwrap(), Some(text("late")));
    let error = soon(ws.recv()).await.unwrap_err();
    assert_eq!(error.closed().map(|closed| closed.rcvd_then_sent()), Some(Some(false)));
    soon(ws.close(1000, "")).await.unwrap();
    let (frames, rest) = frames(&control.written());
    assert_eq!((frames, rest), (vec![(CLOSE, close(3000, "first"))], 0));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_write_of_a_piece_goes_whole_or_not_at_all() {
    for room in [0, 1, 5_000, 30_000] {
        let (ws, control) = scripted(|accept| accept).await;
        let mut written = Vec::new();
        let mut writer = ws.send_streaming();
        for i in 0..50_u8 {
            control.room(room);
            let piece = vec![i; 4_000];
            written.push((piece.clone(), poll_times(1, writer.write(piece)).is_some()));
        }
        control.room(usize::MAX);
        soon(writer.finish()).await.unwrap();
        let (frames, rest) = frames(&control.written());
        assert_eq!(rest, 0);
        let mut frames = frames.into_iter().peekable();
        let mut first = FIRST_BINARY;
        for (piece, accepted) in written {
            if frames.next_if_eq(&(first, piece)).is_some() {
                first = MIDDLE;
            } else {
                assert!(!accepted, "room {room}");
            }
        }
        assert_eq!(frames.next(), Some((LAST, Vec::new())), "room {room}");
        assert_eq!(frames.next(), None, "room {room}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_never_finished_fails_the_connection() {
    let (mut ws, control) = scripted(|accept| accept).await;
    let mut writer = ws.send_streaming();
    writer.write("begun").await.unwrap();
    drop(writer);
    control.end();
    let error = soon(ws.recv()).await.unwrap_err();
    assert_eq!(error.sent().map(|sent| sent.code.as_u16()), Some(1011));
    let (frames, _) = frames(&control.written());
    let reason = close(1011, "error in fragmented message");
    assert_eq!(frames, [(FIRST_TEXT, b"begun".to_vec()), (CLOSE, reason)]);
}
