//! Halves of a connection in different tasks.

use std::io::ErrorKind;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt as _};
use tokio::time::timeout;
use ws_tokio::{Close, Error, Event};
use ws_types::{Side, State};

use crate::common::{
    BINARY, CLOSE, PING, PONG, TEXT, close, frame, pair, server, settle, soon, text,
};
use crate::script::{frames, scripted};

#[tokio::test(start_paused = true)]
async fn a_receiver_alone_answers_pings_and_the_closing_handshake() {
    let (ws, mut raw) = server(4096, |accept| accept).await;
    let (sender, mut receiver) = ws.split();
    drop(sender);
    let receiving = tokio::spawn(async move {
        let message = receiver.recv().await.unwrap();
        (message, receiver.recv().await.unwrap(), receiver)
    });
    raw.send(PING, "are you there?").await;
    assert_eq!(soon(raw.next()).await, Some((PONG, b"are you there?".to_vec())));
    raw.send(TEXT, "hello").await;
    raw.send(CLOSE, close(1001, "bye")).await;
    assert_eq!(soon(raw.rest()).await, [(CLOSE, close(1001, "bye"))]);
    let (message, end, receiver) = soon(receiving).await.unwrap();
    assert_eq!((message, end), (Some(text("hello")), None));
    drop(raw);
    settle().await;
    assert_eq!(receiver.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_server_is_told_of_a_proper_end_before_the_peer_ends_the_stream() {
    for split in [false, true] {
        let (ws, mut raw) = server(4096, |accept| accept.close_timeout(None)).await;
        raw.send(CLOSE, close(1000, "bye")).await;
        let (sender, mut receiver) = ws.split();
        let sender = Some(sender).filter(|_| split);
        assert_eq!(soon(receiver.recv()).await.unwrap(), None);
        let state = (receiver.state(), receiver.close_code(), receiver.close_reason());
        assert_eq!(state, (State::Closing, Some(1000.into()), Some("bye".to_owned())));
        assert_eq!(soon(receiver.recv()).await.unwrap(), None);
        // What comes behind the close frame is dropped.
        raw.send(TEXT, "late").await;
        assert_eq!(soon(raw.rest()).await, [(CLOSE, close(1000, "bye"))]);
        drop(raw);
        // Without a `close_timeout` the background role has to look.
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!((receiver.state(), soon(receiver.recv()).await.unwrap()), (State::Closed, None));
        drop(sender);
    }
}

#[tokio::test(start_paused = true)]
async fn a_sender_alone_notices_that_the_peer_has_closed() {
    let (ws, mut raw) = server(4096, |accept| accept).await;
    let (sender, receiver) = ws.split();
    drop(receiver);
    // What arrives is dropped, whatever it is.
    raw.send(TEXT, "for nobody").await;
    raw.send(PING, "ping").await;
    sender.send("one").await.unwrap();
    assert_eq!(raw.next().await, Some((TEXT, b"one".to_vec())));
    raw.send(CLOSE, close(1000, "")).await;
    let mut sent = 0;
    let error = loop {
        match soon(sender.send("more")).await {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
        assert!(sent < 3, "the close frame goes unnoticed");
    };
    assert_eq!(error.rcvd().map(|rcvd| rcvd.code.as_u16()), Some(1000));
    let frames = soon(raw.rest()).await;
    assert_eq!(frames[0], (PONG, b"ping".to_vec()));
    assert_eq!(*frames.last().unwrap(), (CLOSE, close(1000, "")));
}

#[tokio::test(start_paused = true)]
async fn the_sender_closes_while_the_receiver_receives() {
    let (ws, mut raw) = server(4096, |accept| accept).await;
    let (sender, mut receiver) = ws.split();
    let receiving = tokio::spawn(async move {
        let mut messages = Vec::new();
        while let Some(message) = receiver.recv().await.unwrap() {
            messages.push(message);
        }
        messages
    });
    settle().await;
    let closing = tokio::spawn(async move { sender.close(1000, "enough").await });
    assert_eq!(soon(raw.next()).await, Some((CLOSE, close(1000, "enough"))));
    // Until the peer's close frame, messages are received.
    raw.send(TEXT, "one").await;
    settle().await;
    raw.send(TEXT, "two").await;
    raw.send(CLOSE, close(1000, "")).await;
    assert_eq!(soon(raw.next()).await, None);
    drop(raw);
    soon(closing).await.unwrap().unwrap();
    assert_eq!(soon(receiving).await.unwrap(), [text("one"), text("two")]);
}

#[tokio::test(start_paused = true)]
async fn closing_keeps_messages_for_a_receiver_that_comes_later() {
    let (ws, control) = scripted(|accept| accept).await;
    let (sender, mut receiver) = ws.split();
    for i in 0..100 {
        control.bytes(frame(Side::Client, TEXT, format!("message {i}")));
    }
    control.bytes(frame(Side::Client, CLOSE, close(1000, "")));
    control.end();
    soon(sender.close(1000, "")).await.unwrap();
    assert_eq!(receiver.state(), State::Closed);
    for i in 0..100 {
        assert_eq!(receiver.recv().await.unwrap(), Some(text(&format!("message {i}"))));
    }
    assert_eq!(receiver.recv().await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn after_a_blocked_send_is_dropped_the_receiver_takes_its_place() {
    let (ws, control) = scripted(|accept| accept.ping_interval(None)).await;
    let (sender, mut receiver) = ws.split();
    control.room(0);
    control.bytes(frame(Side::Client, PING, "ping"));
    let receiving = tokio::spawn(async move { receiver.recv().await });
    settle().await;
    // The sender waits last, so it is the one whom the stream will wake.
    let blocked = timeout(Duration::from_millis(1), sender.send("blocked"));
    assert!(blocked.await.is_err());
    control.room(usize::MAX);
    settle().await;
    let expected = vec![(PONG, b"ping".to_vec()), (TEXT, b"blocked".to_vec())];
    assert_eq!(frames(&control.written()), (expected, 0));
    control.bytes(frame(Side::Client, TEXT, "hello"));
    assert_eq!(soon(receiving).await.unwrap().unwrap(), Some(text("hello")));
}

#[tokio::test(start_paused = true)]
async fn after_a_recv_is_dropped_the_closing_sender_takes_its_place() {
    let (ws, mut raw) = server(4096, |accept| accept).await;
    let (sender, mut receiver) = ws.split();
    let closing = tokio::spawn(async move { sender.close(1000, "").await });
    assert_eq!(soon(raw.next()).await, Some((CLOSE, close(1000, ""))));
    assert!(timeout(Duration::from_millis(1), receiver.recv()).await.is_err());
    raw.send(CLOSE, close(1000, "")).await;
    assert_eq!(soon(raw.next()).await, None);
    drop(raw);
    soon(closing).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn messages_cross_in_both_directions() {
    let (client, server) = pair(1000).await;
    let run = |ws: ws_tokio::WebSocket<_>| async move {
        let (sender, mut receiver) = ws.split();
        let sending = tokio::spawn(async move {
            for i in 0..200_usize {
                sender.send(vec![i as u8; i * 7]).await.unwrap();
            }
            sender
        });
        for i in 0..200_usize {
            let message = receiver.recv().await.unwrap().unwrap();
            assert_eq!(message.as_bytes(), vec![i as u8; i * 7]);
        }
        (sending.await.unwrap(), receiver)
    };
    let (client, server) = soon(async { tokio::join!(run(client), run(server)) }).await;
    let ((sender, _client), (_sender, mut server)) = (client, server);
    let (closed, end) = soon(async { tokio::join!(sender.close(1000, ""), server.recv()) }).await;
    closed.unwrap();
    assert_eq!(end.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn long_messages_cross() {
    let (client, server) = pair(1000).await;
    let run = |ws: ws_tokio::WebSocket<_>| async move {
        let (sender, mut receiver) = ws.split();
        let sending = tokio::spawn(async move { sender.send(vec![1; 1_000_000]).await });
        let message = receiver.recv().await.unwrap().unwrap();
        assert_eq!(message.len(), 1_000_000);
        sending.await.unwrap().unwrap();
    };
    soon(async { tokio::join!(run(client), run(server)) }).await;
}

#[tokio::test(start_paused = true)]
async fn a_sender_learns_that_the_stream_failed_under_it() {
    let (ws, control) = scripted(|accept| accept).await;
    let (sender, mut receiver) = ws.split();
    control.room(10);
    let sending = tokio::spawn(async move {
        let error = sender.send(vec![0; 1000]).await.unwrap_err();
        (error, sender.send("again").await.unwrap_err())
    });
    settle().await;
    control.write_error(ErrorKind::ConnectionReset);
    let (error, again) = soon(sending).await.unwrap();
    for error in [error, again] {
        let transport = error.closed().and_then(|closed| closed.transport());
        assert_eq!(transport.map(std::io::Error::kind), Some(ErrorKind::ConnectionReset));
    }
    // What had arrived is received all the same.
    control.bytes(frame(Side::Client, BINARY, "before"));
    let message = soon(receiver.recv()).await.unwrap();
    assert_eq!(message, Some(b"before".into()));
    soon(receiver.recv()).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_send_that_did_not_leave_before_the_end_has_failed() {
    for end in ["stream", "time"] {
        let (ws, control) = scripted(|accept| accept).await;
        let (sender, mut receiver) = ws.split();
        control.room(10);
        let sending = tokio::spawn(async move { sender.send(vec![0; 1000]).await });
        settle().await;
        let receiving = tokio::spawn(async move { receiver.recv().await });
        settle().await;
        if end == "stream" {
            control.end();
        }
        let error = soon(sending).await.unwrap().unwrap_err();
        assert!(error.closed().is_some(), "{end}");
        soon(receiving).await.unwrap().unwrap_err();
    }
}

#[tokio::test(start_paused = true)]
async fn events_go_both_ways_through_the_halves_of_futures() {
    let (near, far) = pair(64).await;
    let (mut sink, stream) = far.into_events().split();
    // More than the stream holds, so that the halves wait for each other.
    let echoing = tokio::spawn(async move {
        let messages = stream
            .filter(|event| std::future::ready(matches!(event, Ok(Event::Message(_)) | Err(_))));
        let sent = messages.forward(&mut sink).await;
        (sent, sink)
    });
    let (mut sink, mut stream) = near.into_events().split();
    let sending = tokio::spawn(async move {
        for n in 0..100 {
            sink.send(Event::Message(text(&format!("message {n}")))).await?;
            let ping = Event::Ping(format!("ping {n}").into_bytes().into());
            sink.feed(ping.clone()).await?;
            // It isn't sent again.
            sink.send(ping).await?;
        }
        Ok::<_, Error>(sink)
    });
    let (mut messages, mut pongs) = (0, 0);
    while messages < 100 || pongs < 100 {
        match soon(stream.next()).await.unwrap().unwrap() {
            Event::Message(message) => {
                assert_eq!(message, text(&format!("message {messages}")));
                messages += 1;
            }
            Event::Pong { payload, .. } => {
                assert_eq!(payload, format!("ping {pongs}").as_bytes());
                pongs += 1;
            }
            other => panic!("{other:?}"),
        }
    }

    let mut sink = soon(sending).await.unwrap().unwrap();
    let piece = Event::Chunk { data: text("a"), last: true };
    let refused = soon(sink.send(piece)).await.unwrap_err();
    assert_eq!(refused.to_string(), "only messages and control frames can be sent");
    soon(sink.send(Event::Close(Close::new(3000, "enough")))).await.unwrap();
    assert!(matches!(soon(sink.send(Event::Message(text("late")))).await, Err(Error::Closed(_))));
    let close = soon(stream.next()).await.unwrap().unwrap();
    assert_eq!(close, Event::Close(Close::new(3000, "enough")));
    let (sent, _) = soon(echoing).await.unwrap();
    assert_eq!(
        sent.unwrap_err().to_string(),
        "received 3000 (registered) enough; then sent 3000 (registered) enough"
    );
    // The same for the other side, once, whichever way it is seen.
    let closed = soon(sink.close()).await.unwrap_err().to_string();
    assert_eq!(closed, "sent 3000 (registered) enough; then received 3000 (registered) enough");
    assert_eq!(soon(stream.next()).await.unwrap().unwrap_err().to_string(), closed);
    assert!(soon(stream.next()).await.is_none());
}
