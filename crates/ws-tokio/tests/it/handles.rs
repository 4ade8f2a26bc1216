//! The three handles, but for sending and receiving: facts, control frames, splitting and joining, sending
//! without waiting, and settings that make more than one connection.

use std::future::IntoFuture;
use std::time::Duration;

use tokio::io::{AsyncReadExt, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};
use ws_tokio::{
    ClientSettings, Error, Message, ReuniteError, ServerSettings, TrySendError, WebSocket, accept,
    client,
};
use ws_types::{CloseCode, Side, State, Subprotocol};

use crate::common::{
    BINARY, CLOSE, Memory, PING, PONG, TEXT, close, frame, pair, server, settle, soon, text,
};
use crate::script::{frames, scripted};

const SECOND: Duration = Duration::from_secs(1);

/// The facts of a handle that is open.
macro_rules! facts {
    ($handle:expr) => {{
        let handle = &$handle;
        assert_eq!((handle.state(), handle.close_code()), (State::Open, None));
        assert_eq!((handle.close_reason(), handle.latency()), (None, None));
        assert_eq!((handle.peer_addr(), handle.local_addr()), (None, None));
        assert_eq!(handle.with_stream(|_: &Memory| 1), Some(1));
        assert_eq!(handle.compression().is_some(), cfg!(feature = "deflate"));
        assert_eq!(handle.compression(), handle.extensions().first());
        assert!(format!("{handle:?}").contains("state: "));
        let target = handle.request().map(|it| it.target().to_owned());
        let status = handle.response().map(|it| it.status_code);
        (target, status, handle.subprotocol().cloned())
    }};
}

#[tokio::test(start_paused = true)]
async fn all_handles_know_the_same_facts() {
    let (near, far) = duplex(4096);
    let opening = client(near, "ws://localhost/chat?x=1").subprotocols(["one", "two"]);
    let accepting = accept(far).subprotocols(["two", "three"]);
    let (client, server) = tokio::join!(opening.into_future(), accepting.into_future());
    for (ws, status) in [(client.unwrap(), Some(101)), (server.unwrap(), None)] {
        let two = Subprotocol::new("two").unwrap();
        let expected = (Some("/chat?x=1".to_owned()), status, Some(two));
        assert_eq!(facts!(ws), expected);
        let (sender, receiver) = ws.split();
        assert_eq!((facts!(sender), facts!(receiver)), (expected.clone(), expected));
    }
}

#[tokio::test(start_paused = true)]
async fn facts_outlive_the_connection_on_all_handles() {
    let (near, far) = duplex(4096);
    let opening = client(near, "ws://localhost/chat?x=1").subprotocols(["two"]);
    let accepting = accept(far).subprotocols(["two"]);
    let (client, server) = tokio::join!(opening.into_future(), accepting.into_future());
    let (client, server) = (client.unwrap(), server.unwrap());
    let pongs = [client.ping(None).await.unwrap(), server.ping(None).await.unwrap()];
    // Nobody receives: the background roles take over, at the same time.
    let mut latencies = Vec::new();
    for pong in pongs {
        latencies.push(soon(pong).await.unwrap());
    }
    let (_, server_half) = server.split();
    let (sender, receiver) = client.split();
    let before = (sender.latency(), server_half.latency());
    assert!(before.0.is_some() && before.1.is_some());
    soon(server_half.close(4000, "bye")).await.unwrap();
    for _ in 0..2 {
        let codes = [sender.close_code(), receiver.close_code(), server_half.close_code()];
        assert_eq!(codes, [Some(CloseCode::from(4000)); 3]);
        for reason in [sender.close_reason(), receiver.close_reason(), server_half.close_reason()] {
            assert_eq!(reason.as_deref(), Some("bye"));
        }
        let states = [sender.state(), receiver.state(), server_half.state()];
        assert_eq!(states, [State::Closed; 3]);
        sleep(SECOND).await;
    }
    assert_eq!((sender.latency(), server_half.latency()), before);
    assert_eq!(sender.subprotocol(), server_half.subprotocol());
    assert_eq!(sender.request().unwrap().target(), "/chat?x=1");
    assert_eq!(server_half.request().unwrap().target(), "/chat?x=1");
    assert!(receiver.response().is_some() && server_half.response().is_none());
}

#[tokio::test(start_paused = true)]
async fn addresses_are_those_of_a_tcp_stream() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let opening = client(TcpStream::connect(addr).await.unwrap(), "ws://localhost/").into_future();
    let accepting = accept(listener.accept().await.unwrap().0).into_future();
    let (client, server) = tokio::join!(opening, accepting);
    let (client, server) = (client.unwrap(), server.unwrap());
    let (sender, receiver) = server.split();
    assert_eq!(client.peer_addr(), Some(addr));
    for found in [sender.local_addr(), receiver.local_addr()] {
        assert_eq!(found, Some(addr));
    }
    for found in [sender.peer_addr(), receiver.peer_addr()] {
        assert_eq!(found, client.local_addr());
    }
    assert_eq!(sender.with_stream(|tcp| tcp.local_addr().unwrap()), Some(addr));
}

#[tokio::test(start_paused = true)]
async fn try_send_gives_the_message_back_while_too_much_is_queued() {
    let (ws, control) = scripted(|accept| accept.write_limit(1000)).await;
    control.room(0);
    // What exceeds the limit is taken, since messages are queued whole.
    ws.try_send(vec![1; 600]).unwrap();
    ws.try_send(vec![2; 600]).unwrap();
    let Err(TrySendError::Full(message)) = ws.try_send(vec![3; 600]) else { panic!("not full") };
    control.room(usize::MAX);
    settle().await;
    ws.try_send(message).unwrap();
    let sent = [1, 2, 3].map(|i| (BINARY, vec![i; 600]));
    assert_eq!(frames(&control.written()), (sent.to_vec(), 0));
}

#[tokio::test(start_paused = true)]
async fn try_send_fails_once_the_connection_is_closing_or_closed() {
    let (ws, control) = scripted(|accept| accept).await;
    ws.start_close(1000, "").unwrap();
    for end in [false, true] {
        if end {
            control.bytes(frame(Side::Client, CLOSE, close(1000, "")));
            control.end();
            soon(ws.close(1000, "")).await.unwrap();
        }
        let error = ws.try_send("too late").unwrap_err();
        let TrySendError::Closed(error) = error else { panic!("{error:?}") };
        assert!(matches!(error, Error::Closed(_)));
    }
}

#[tokio::test(start_paused = true)]
async fn senders_live_as_long_as_they_like_and_the_connection_as_long_as_any_handle() {
    let (ws, mut raw) = server(4096, |accept| accept.ping_interval(None)).await;
    let sender = ws.sender();
    let other = sender.clone();
    drop(ws);
    sender.send("one").await.unwrap();
    drop(sender);
    other.send("two").await.unwrap();
    assert_eq!(soon(raw.next()).await, Some((TEXT, b"one".to_vec())));
    assert_eq!(soon(raw.next()).await, Some((TEXT, b"two".to_vec())));
    drop(other);
    assert_eq!(soon(raw.rest()).await, []);
}

#[tokio::test(start_paused = true)]
async fn halves_that_belong_together_are_reunited_and_strangers_are_not() {
    let (one, mut other) = pair(4096).await;
    let (sender, receiver) = one.split();
    let stranger = other.sender();
    let error = receiver.reunite(stranger).unwrap_err();
    assert_eq!(error.to_string(), "the halves belong to different connections");
    let ReuniteError { receiver, sender: stranger, .. } = error;
    // The strangers work as before.
    stranger.send("from the other").await.unwrap();
    let clone = sender.clone();
    let mut one = receiver.reunite(sender).unwrap();
    assert_eq!(soon(one.recv()).await.unwrap(), Some(text("from the other")));
    one.send("hello").await.unwrap();
    clone.send("again").await.unwrap();
    assert_eq!(soon(other.recv()).await.unwrap(), Some(text("hello")));
    assert_eq!(soon(other.recv()).await.unwrap(), Some(text("again")));
    // And can be split again.
    let (sender, receiver) = one.split();
    let one = receiver.reunite(clone).unwrap();
    drop(sender);
    assert_eq!(one.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn the_stream_is_taken_with_what_was_read_behind_the_last_frame() {
    let (mut ws, mut raw) = server(4096, |accept| accept).await;
    let sender = ws.sender();
    let mut bytes = frame(Side::Client, TEXT, "switch");
    bytes.extend_from_slice(b"\x81another protocol");
    raw.write(&bytes).await;
    assert_eq!(soon(ws.recv()).await.unwrap(), Some(text("switch")));
    let (mut stream, unread) = ws.into_inner().unwrap();
    assert_eq!(unread, b"\x81another protocol"[..]);
    raw.write(b", more").await;
    let mut more = [0; 6];
    stream.read_exact(&mut more).await.unwrap();
    assert_eq!(&more, b", more");
    // For others, the connection has ended, without a close frame.
    assert_eq!(sender.state(), State::Closed);
    sender.send("too late").await.unwrap_err();
    drop(stream);
    assert_eq!(soon(raw.rest()).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_closed_connection_has_no_stream_to_take() {
    let (ws, raw) = server(4096, |accept| accept).await;
    drop(raw);
    sleep(SECOND).await;
    assert_eq!(ws.with_stream(|_| ()), None);
    assert!(ws.into_inner().is_none());
}

#[tokio::test(start_paused = true)]
async fn code_that_cannot_await_queues_control_frames() {
    let (ws, mut raw) = server(4096, |accept| accept).await;
    let (sender, receiver) = ws.split();
    receiver.queue_pong("unasked".as_bytes()).unwrap();
    let pong = sender.queue_ping(Some(b"ping".into())).unwrap();
    assert!(matches!(receiver.queue_ping(Some(b"ping".into())), Err(Error::WebSocket(_))));
    assert!(matches!(receiver.queue_pong(vec![0; 126]), Err(Error::WebSocket(_))));
    assert!(matches!(sender.start_close(1005, "no code"), Err(Error::WebSocket(_))));
    assert_eq!(soon(raw.next()).await, Some((PONG, b"unasked".to_vec())));
    assert_eq!(soon(raw.next()).await, Some((PING, b"ping".to_vec())));
    raw.send(PONG, "ping").await;
    assert!(soon(pong).await.is_some());
    receiver.start_close(1001, "bye").unwrap();
    receiver.start_close(4000, "not twice").unwrap();
    assert_eq!(soon(raw.next()).await, Some((CLOSE, close(1001, "bye"))));
    assert_eq!(sender.state(), State::Closing);
    raw.send(CLOSE, close(1001, "bye")).await;
    // The rest of the handshake happens by itself.
    let start = Instant::now();
    assert_eq!(soon(raw.rest()).await, []);
    drop(raw);
    sleep(SECOND).await;
    assert!(start.elapsed() < 2 * SECOND);
    assert_eq!(receiver.close_code(), Some(CloseCode::GOING_AWAY));
    for error in [sender.queue_ping(None).map(drop), sender.queue_pong(Vec::new())] {
        assert!(matches!(error, Err(Error::Closed(_))));
    }
    sender.start_close(1000, "").unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_close_that_was_only_started_ends_at_its_timeout() {
    let (ws, raw) = server(4096, |accept| accept.close_timeout(3 * SECOND)).await;
    ws.start_close(1000, "").unwrap();
    sleep(3 * SECOND).await;
    settle().await;
    assert_eq!(ws.state(), State::Closed);
    drop(raw);
}

#[tokio::test(start_paused = true)]
async fn settings_are_used_for_two_connections() {
    let clients = ClientSettings::new().ping_interval(7 * SECOND).origin(None);
    let servers = ServerSettings::new().max_message_size(10).ping_interval(None);
    let open = async || -> (WebSocket<Memory>, WebSocket<Memory>) {
        let (near, far) = duplex(4096);
        let opening = client(near, "ws://localhost/").settings(clients.clone()).into_future();
        let accepting = accept(far).settings(servers.clone()).into_future();
        let (client, server) = tokio::join!(opening, accepting);
        (client.unwrap(), server.unwrap())
    };
    for _ in 0..2 {
        let (mut client, mut server) = open().await;
        assert_eq!(client.compression().is_some(), cfg!(feature = "deflate"));
        client.send("short").await.unwrap();
        assert_eq!(soon(server.recv()).await.unwrap(), Some(text("short")));
        sleep(8 * SECOND).await;
        assert!(client.latency().is_some() && server.latency().is_none());
        client.send("longer than ten").await.unwrap();
        let error = soon(server.recv()).await.unwrap_err();
        assert_eq!(error.sent().map(|it| it.code), Some(CloseCode::MESSAGE_TOO_BIG));
        soon(client.recv()).await.unwrap_err();
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_in_pieces_makes_the_messages_of_others_wait() {
    let (ws, mut raw) = server(4096, |accept| accept).await;
    let (sender, _receiver) = ws.split();
    let other = sender.clone();
    let mut writer = sender.send_streaming();
    writer.write("one, ").await.unwrap();
    let waiting = tokio::spawn(async move {
        other.ping(Some(b"between".into())).await.unwrap();
        other.send("another").await
    });
    settle().await;
    writer.write("two").await.unwrap();
    assert!(!waiting.is_finished());
    writer.finish().await.unwrap();
    soon(waiting).await.unwrap().unwrap();
    let mut sent = Vec::new();
    for _ in 0..5 {
        sent.push(soon(raw.next()).await.unwrap());
    }
    let expected: [(u8, &[u8]); 5] =
        [(0x01, b"one, "), (PING, b"between"), (0, b"two"), (0x80, b""), (TEXT, b"another")];
    assert_eq!(sent, expected.map(|(first, payload)| (first, payload.to_vec())));
}

#[tokio::test(start_paused = true)]
async fn blocked_senders_are_served_in_the_order_in_which_they_came() {
    let (ws, control) = scripted(|accept| accept.write_limit(100)).await;
    control.room(0);
    let mut tasks = Vec::new();
    for i in 0..50_u8 {
        let sender = ws.sender();
        tasks.push(tokio::spawn(async move { sender.send(vec![i; 80]).await }));
        settle().await;
    }
    for _ in 0..200 {
        control.room(47);
        settle().await;
    }
    for task in tasks {
        soon(task).await.unwrap().unwrap();
    }
    let sent: Vec<_> = (0..50).map(|i| (BINARY, vec![i; 80])).collect();
    assert_eq!(frames(&control.written()), (sent, 0));
    assert_eq!(ws.try_send(Message::from("after")).ok(), Some(()));
}

#[tokio::test(start_paused = true)]
async fn all_handles_count_what_was_sent_received_and_waits() {
    let (near, far) = duplex(64 << 10);
    let opening = client(near, "ws://localhost/").into_future();
    let (client, server) = tokio::join!(opening, accept(far).into_future());
    let (client, mut server) = (client.unwrap(), server.unwrap());
    let sender = client.sender();
    let long = "compressible ".repeat(100);
    sender.send(&long).await.unwrap();
    client.send("short").await.unwrap();
    _ = client.ping(None).await.unwrap();
    assert_eq!(client.stats(), sender.stats());
    let sent = client.stats().sent;
    let payload = (long.len() + 5) as u64;
    assert_eq!((sent.messages, sent.payload_bytes, sent.pings), (2, payload, 1));
    assert_eq!(sent.wire_bytes < payload / 4, cfg!(feature = "deflate"));
    assert_eq!(client.stats().unwritten, 0);

    // The background role keeps what has arrived.
    sleep(SECOND).await;
    assert_eq!(server.stats().received, sent);
    assert!(server.stats().unread as u64 >= payload, "{:?}", server.stats());
    for _ in 0..2 {
        soon(server.recv()).await.unwrap().unwrap();
    }
    assert_eq!(server.stats().unread, 0);
    assert_eq!((client.stats().received.pongs, client.stats().latency.is_some()), (1, true));
}
