//! Deadlines, on a clock that stands still unless everybody waits.

use std::future::IntoFuture;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::TcpSocket;
use tokio::time::{Instant, sleep};
use ws_errors::HandshakeTimeout;
use ws_tokio::{Accept, Error, HandshakeLimits, accept, client, connect};
use ws_types::{CloseCode, Side, State};

use crate::common::{
    CLOSE, PING, PONG, REQUEST, Raw, TEXT, client_of, close, frame, pair, server, settle, soon,
    text,
};
use crate::script::scripted;

const SECOND: Duration = Duration::from_secs(1);

/// The time that passed, in whole seconds.
fn seconds(since: Instant) -> u64 {
    since.elapsed().as_millis().div_ceil(1000) as u64
}

#[tokio::test(start_paused = true)]
async fn a_server_gives_up_on_a_silent_client() {
    let (near, mut far) = duplex(1000);
    let start = Instant::now();
    let error = soon(accept(near).into_future()).await.unwrap_err();
    assert!(error.get::<HandshakeTimeout>().is_some(), "{error:?}");
    assert!(error.is_timeout() && error.is_retryable());
    assert_eq!(start.elapsed(), 10 * SECOND);
    assert_eq!(far.read(&mut [0]).await.unwrap(), 0, "the stream is dropped, without an answer");
}

#[tokio::test(start_paused = true)]
async fn a_server_gives_up_on_a_client_that_trickles() {
    let (near, mut far) = duplex(1000);
    let start = Instant::now();
    let trickling = tokio::spawn(async move {
        let mut written = 0;
        for byte in REQUEST.bytes() {
            if far.write_all(&[byte]).await.is_err() {
                break;
            }
            written += 1;
            sleep(SECOND).await;
        }
        written
    });
    let opening = accept(near).open_timeout(30 * SECOND).into_future();
    let error = soon(opening).await.unwrap_err();
    assert!(error.get::<HandshakeTimeout>().is_some(), "{error:?}");
    assert_eq!(start.elapsed(), 30 * SECOND);
    assert!((30..=31).contains(&soon(trickling).await.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn a_client_gives_up_on_a_silent_server() {
    let (near, mut far) = duplex(1000);
    let start = Instant::now();
    let error = soon(client(near, "ws://localhost/").into_future()).await.unwrap_err();
    assert!(error.get::<HandshakeTimeout>().is_some(), "{error:?}");
    assert_eq!(start.elapsed(), 10 * SECOND);
    far.read_to_end(&mut Vec::new()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_client_gives_up_on_a_server_that_trickles() {
    let (near, mut far) = duplex(1000);
    let start = Instant::now();
    let trickling = tokio::spawn(async move {
        for byte in b"HTTP/1.1 101 Switching Protocols\r\n" {
            if far.write_all(&[*byte]).await.is_err() {
                break;
            }
            sleep(SECOND).await;
        }
    });
    let opening = client(near, "ws://localhost/").open_timeout(3 * SECOND).into_future();
    let error = soon(opening).await.unwrap_err();
    assert!(error.get::<HandshakeTimeout>().is_some(), "{error:?}");
    assert_eq!(start.elapsed(), 3 * SECOND);
    soon(trickling).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_server_gives_up_on_a_client_that_does_not_read_the_response() {
    let (near, mut far) = duplex(64);
    let start = Instant::now();
    let opening = tokio::spawn(accept(near).into_future());
    far.write_all(REQUEST.as_bytes()).await.unwrap();
    let error = soon(opening).await.unwrap().unwrap_err();
    assert!(error.get::<HandshakeTimeout>().is_some(), "{error:?}");
    assert_eq!(start.elapsed(), 10 * SECOND);
    let mut response = Vec::new();
    far.read_to_end(&mut response).await.unwrap();
    assert_eq!(response.len(), 64);
}

#[tokio::test(start_paused = true)]
async fn a_client_gives_up_on_a_host_that_does_not_let_it_connect() {
    // Nobody accepts: the kernel answers the first few, then drops what comes.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let listener = socket.listen(1).unwrap();
    let uri = format!("ws://{}/", listener.local_addr().unwrap());
    let start = Instant::now();
    let clients: Vec<_> = (0..8).map(|_| tokio::spawn(connect(&uri).into_future())).collect();
    for client in clients {
        let error = soon(client).await.unwrap().unwrap_err();
        assert!(error.get::<HandshakeTimeout>().is_some(), "{error:?}");
    }
    assert_eq!(seconds(start), 10);
}

#[tokio::test(start_paused = true)]
async fn the_open_timeout_is_one_of_the_handshake_limits() {
    type Set = fn(Accept<DuplexStream>) -> Accept<DuplexStream>;
    let table: [(u32, Set); 3] = [
        (1, |accept| accept.open_timeout(SECOND)),
        (10, |accept| accept.open_timeout(SECOND).handshake_limits(HandshakeLimits::default())),
        (2, |accept| accept.handshake_limits(HandshakeLimits::default()).open_timeout(2 * SECOND)),
    ];
    for (expected, set) in table {
        let (near, _far) = duplex(1000);
        let start = Instant::now();
        let error = soon(set(accept(near)).into_future()).await.unwrap_err();
        assert!(error.get::<HandshakeTimeout>().is_some(), "{error:?}");
        assert_eq!(start.elapsed(), expected * SECOND);
    }
}

#[tokio::test(start_paused = true)]
async fn without_an_open_timeout_patience_has_no_end() {
    let (near, far) = duplex(1000);
    let late = async {
        sleep(3000 * SECOND).await;
        Raw::client(far).await
    };
    let opening = accept(near).open_timeout(None).into_future();
    let (ws, _raw) = soon(async { tokio::join!(opening, late) }).await;
    ws.unwrap();
}

#[tokio::test(start_paused = true)]
async fn closing_takes_ten_seconds_at_most() {
    for side in ["server", "client"] {
        let (mut ws, mut raw) = match side {
            "server" => server(4096, |accept| accept).await,
            _ => client_of(4096, |client| client).await,
        };
        let start = Instant::now();
        soon(ws.close(1000, "bye")).await.unwrap();
        assert_eq!(start.elapsed(), 10 * SECOND, "{side}");
        assert_eq!(ws.state(), State::Closed);
        // The stream was dropped, although the handle is still there.
        assert_eq!(soon(raw.rest()).await, [(CLOSE, close(1000, "bye"))], "{side}");
        let error = soon(ws.recv()).await.unwrap_err();
        assert_eq!(error.sent().map(|sent| sent.code), Some(CloseCode::NORMAL_CLOSURE));
        assert_eq!((error.rcvd(), ws.close_code()), (None, Some(CloseCode::ABNORMAL_CLOSURE)));
    }
}

#[tokio::test(start_paused = true)]
async fn closing_waits_for_the_end_of_the_stream_ten_seconds_at_most() {
    let (mut ws, mut raw) = client_of(4096, |client| client).await;
    raw.send(CLOSE, close(1000, "")).await;
    let start = Instant::now();
    // The server doesn't end the stream: nothing is wrong with the connection for that.
    assert_eq!(soon(ws.recv()).await.unwrap(), None);
    assert_eq!(start.elapsed(), 10 * SECOND);
    assert_eq!(soon(raw.rest()).await, [(CLOSE, close(1000, ""))]);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_data_does_not_stretch_the_closing_handshake() {
    let (ws, mut raw) = server(4096, |accept| accept.close_timeout(5 * SECOND)).await;
    let start = Instant::now();
    let flood = tokio::spawn(async move {
        let mut interval = tokio::time::interval(Duration::from_millis(10));
        let data = frame(Side::Client, TEXT, "more");
        while raw.io.write_all(&data).await.is_ok() {
            interval.tick().await;
        }
    });
    soon(ws.close(1000, "")).await.unwrap();
    assert_eq!(seconds(start), 5);
    soon(flood).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_answer_pings_is_disconnected() {
    for side in ["server", "client"] {
        let (mut ws, mut raw) = match side {
            "server" => server(4096, |accept| accept).await,
            _ => client_of(4096, |client| client).await,
        };
        let start = Instant::now();
        let receiving = tokio::spawn(async move { ws.recv().await.unwrap_err() });
        assert_eq!(soon(raw.next()).await.unwrap().0, PING, "{side}");
        assert_eq!(seconds(start), 20, "{side}");
        let reason = close(1011, "keepalive ping timeout");
        assert_eq!(soon(raw.next()).await, Some((CLOSE, reason)), "{side}");
        assert_eq!(seconds(start), 40, "{side}");
        drop(raw);
        let error = soon(receiving).await.unwrap();
        assert!(error.is_timeout() && error.is_retryable(), "{error:?}");
        assert_eq!(seconds(start), 40, "{side}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_answers_pings_stays_and_its_latency_is_known() {
    let (mut ws, mut raw) = server(4096, |accept| accept).await;
    assert_eq!(ws.latency(), None);
    let start = Instant::now();
    let receiving = tokio::spawn(async move { (ws.recv().await, ws) });
    for i in 1..=9 {
        let (first, payload) = soon(raw.next()).await.unwrap();
        assert_eq!(first, PING);
        assert_eq!(seconds(start), 20 * i, "ping {i}");
        sleep(3 * SECOND).await;
        raw.send(PONG, payload).await;
    }
    raw.send(TEXT, "still here").await;
    let (message, ws) = soon(receiving).await.unwrap();
    assert_eq!(message.unwrap(), Some(text("still here")));
    assert_eq!(ws.latency(), Some(3 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn our_client_and_server_keep_each_other_alive() {
    let (mut client, mut server) = pair(4096).await;
    let receiving = tokio::spawn(async move { server.recv().await });
    let waiting = tokio::time::timeout(600 * SECOND, client.recv());
    assert!(waiting.await.is_err());
    client.send("after ten minutes").await.unwrap();
    assert_eq!(soon(receiving).await.unwrap().unwrap(), Some(text("after ten minutes")));
}

#[tokio::test(start_paused = true)]
async fn without_a_ping_timeout_pings_go_on_unanswered() {
    let (ws, mut raw) =
        server(4096, |accept| accept.ping_timeout(None).ping_interval(7 * SECOND)).await;
    let start = Instant::now();
    let (_sender, mut receiver) = ws.split();
    let receiving = tokio::spawn(async move { receiver.recv().await });
    for i in 1..=20 {
        assert_eq!(soon(raw.next()).await.unwrap().0, PING);
        assert_eq!(seconds(start), 7 * i);
    }
    receiving.abort();
}

#[tokio::test(start_paused = true)]
async fn a_ping_resolves_with_its_pong_and_with_that_of_a_later_one() {
    let (ws, mut raw) = server(4096, |accept| accept.ping_interval(None)).await;
    let (sender, mut receiver) = ws.split();
    let first = sender.ping(Some(b"first".into())).await.unwrap();
    sleep(SECOND).await;
    let second = sender.ping(None).await.unwrap();
    let third = sender.ping(Some(b"third".into())).await.unwrap();
    drop(sender.ping(Some(b"dropped".into())).await.unwrap());
    // The payload of an unanswered ping can't be used again.
    assert!(matches!(sender.ping(Some(b"first".into())).await, Err(Error::WebSocket(_))));
    let receiving = tokio::spawn(async move { receiver.recv().await });
    assert_eq!(soon(raw.next()).await, Some((PING, b"first".to_vec())));
    let (_, payload) = soon(raw.next()).await.unwrap();
    sleep(SECOND).await;
    raw.send(PONG, "nobody asked").await;
    raw.send(PONG, payload).await;
    assert_eq!(soon(first).await, Some(2 * SECOND));
    assert_eq!(soon(second).await, Some(SECOND));
    assert_eq!(sender.latency(), Some(SECOND));
    // The connection ends before the third pong.
    drop(raw);
    assert_eq!(soon(third).await, None);
    soon(receiving).await.unwrap().unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_nothing_is_disconnected_while_we_receive() {
    let (ws, raw) = server(1000, |accept| accept).await;
    let (sender, mut receiver) = ws.split();
    let start = Instant::now();
    let sending = tokio::spawn(async move { sender.send(vec![0; 50_000]).await });
    settle().await;
    let error = soon(receiver.recv()).await.unwrap_err();
    // Twenty seconds to the ping, twenty for the pong; the closing goes on behind the error.
    assert_eq!(seconds(start), 40);
    assert!(error.is_timeout());
    assert_eq!(receiver.state(), State::Closing);
    sleep(11 * SECOND).await;
    assert_eq!(receiver.state(), State::Closed);
    drop(raw);
    sending.abort();
}

#[tokio::test(start_paused = true)]
async fn a_refused_client_that_stays_hides_no_error() {
    for open_timeout in [Some(10 * SECOND), Some(SECOND), None] {
        let (near, mut far) = duplex(1000);
        let start = Instant::now();
        far.write_all(REQUEST.replace("GET", "POST").as_bytes()).await.unwrap();
        let opening = accept(near).open_timeout(open_timeout).into_future();
        let error = soon(opening).await.unwrap_err();
        assert!(error.get::<ws_errors::InvalidMethod>().is_some(), "{error:?}");
        // The end of the stream is waited for, but not for long.
        assert_eq!(start.elapsed(), 2 * SECOND);
        let mut response = String::new();
        soon(far.read_to_string(&mut response)).await.unwrap();
        assert!(response.starts_with("HTTP/1.1 405 "), "{response}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pong_that_waits_to_be_read_counts_however_late() {
    let (mut ws, mut raw) = server(4096, |accept| accept.max_backlog(0)).await;
    let receiving = tokio::time::timeout(21 * SECOND, ws.recv());
    let answering = async {
        let (first, payload) = soon(raw.next()).await.unwrap();
        assert_eq!(first, PING);
        sleep(2 * SECOND).await;
        raw.send(PONG, payload).await;
    };
    let (received, ()) = tokio::join!(receiving, answering);
    received.unwrap_err();
    // Nobody looks while the deadline passes: there is no room for what may have arrived.
    sleep(60 * SECOND).await;
    raw.send(TEXT, "still here").await;
    assert_eq!(soon(ws.recv()).await.unwrap(), Some(text("still here")));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_nothing_is_disconnected_while_we_send() {
    for size in [100, 1 << 20] {
        let (ws, control) = scripted(|accept| accept).await;
        control.room(10);
        let start = Instant::now();
        let error = loop {
            if let Err(error) = soon(ws.send(vec![0; size])).await {
                break error;
            }
        };
        assert!(error.is_timeout(), "{error:?}");
        assert_eq!(seconds(start), 50);
        assert!(control.dropped());
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_slowly_is_not_taken_for_dead() {
    let (ws, control) = scripted(|accept| accept).await;
    control.room(10);
    // More than is kept: the pongs are somewhere behind it.
    for _ in 0..100 {
        control.bytes(frame(Side::Client, TEXT, "x".repeat(1000)));
    }
    let sending = tokio::spawn(async move {
        loop {
            if let Err(error) = ws.send(vec![0; 5000]).await {
                break error;
            }
        }
    });
    for _ in 0..100 {
        sleep(15 * SECOND).await;
        control.room(2000);
    }
    assert!(!sending.is_finished());
    let start = Instant::now();
    let error = soon(sending).await.unwrap();
    assert!(error.is_timeout(), "{error:?}");
    // From the last byte that it took: the write timeout.
    assert!((45..=60).contains(&seconds(start)), "{}", seconds(start));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_single_bytes_is_too_slow() {
    let (ws, control) =
        scripted(|accept| accept.ping_interval(None).write_timeout(30 * SECOND)).await;
    control.room(10);
    let start = Instant::now();
    let sending = tokio::spawn(async move { ws.send(vec![0; 5000]).await.unwrap_err() });
    while !sending.is_finished() {
        sleep(SECOND).await;
        control.room(10);
    }
    assert!(sending.await.unwrap().is_timeout());
    assert!((30..=31).contains(&seconds(start)));
    assert!(control.dropped());
}

#[tokio::test(start_paused = true)]
async fn times_of_any_length_are_fine() {
    let (near, far) = duplex(1000);
    let longest = Duration::MAX;
    let accepting = accept(near)
        .open_timeout(longest)
        .close_timeout(longest)
        .ping_interval(longest)
        .ping_timeout(longest);
    let opening = client(far, "ws://localhost/")
        .ping_interval(Duration::ZERO)
        .ping_timeout(None)
        .close_timeout(Duration::ZERO);
    let (server, client) = tokio::join!(accepting.into_future(), opening.into_future());
    let (mut server, mut client) = (server.unwrap(), client.unwrap());
    client.send("hello").await.unwrap();
    assert_eq!(soon(server.recv()).await.unwrap(), Some(text("hello")));
    let receiving = tokio::spawn(async move { server.recv().await });
    assert!(tokio::time::timeout(SECOND, client.recv()).await.is_err());
    // No time is left for the server's answer.
    soon(client.close(1000, "")).await.unwrap();
    let error = soon(client.recv()).await.unwrap_err();
    assert_eq!(error.sent().map(|sent| sent.code), Some(CloseCode::NORMAL_CLOSURE));
    soon(receiving).await.unwrap().unwrap();
}
