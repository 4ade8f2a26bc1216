//! One connection after another, on real sockets, with delays of milliseconds.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpSocket;
use ws_errors::InvalidStatus;
use ws_tokio::{
    Backoff, Error, Headers, Incoming, Message, Outgoing, Reconnect, Response, Server, WebSocket,
    connect, serve,
};

use crate::common::answering;

const MOMENT: Duration = Duration::from_millis(20);

/// Fails instead of waiting without end, on a clock that runs.
async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("this waits without end")
}

/// Connections to an address, with short delays.
fn reconnect(addr: SocketAddr) -> Reconnect {
    let short = Backoff::new().initial(MOMENT).min(MOMENT).max(MOMENT);
    connect(format!("ws://{addr}/")).reconnect().backoff(short)
}

/// A server that answers each connection with its number, then does what the number says.
async fn numbering<F, O>(addr: SocketAddr, then: F) -> Server
where
    F: Fn(usize, WebSocket) -> O + Send + Sync + 'static,
    O: Future<Output = ()> + Send + 'static,
{
    let (count, then) = (Arc::new(AtomicUsize::new(0)), Arc::new(then));
    let handler = move |ws: WebSocket| {
        let (number, then) = (count.fetch_add(1, Ordering::SeqCst), Arc::clone(&then));
        async move {
            ws.send(number.to_string()).await.unwrap();
            then(number, ws).await;
        }
    };
    serve(addr, handler).await.unwrap()
}

fn any_port() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

fn number(number: usize) -> Message {
    number.to_string().into()
}

#[tokio::test]
async fn connections_follow_each_other_until_one_ends_for_good() {
    let server = numbering(any_port(), |number, ws| async move {
        match number {
            0 => drop(ws.into_inner()),        // lost
            1 => _ = ws.close(1012, "").await, // the service restarts
            2 => _ = ws.close(1001, "").await, // it goes away
            _ => _ = ws.close(1000, "").await,
        }
    })
    .await;
    let mut connections = reconnect(server.local_addr());
    for expected in 0..4 {
        let mut ws = in_time(connections.next()).await.unwrap().unwrap();
        assert_eq!(in_time(ws.recv()).await.unwrap(), Some(number(expected)));
        _ = in_time(ws.recv()).await;
    }
    assert!(in_time(connections.next()).await.is_none());
    assert!(in_time(connections.next()).await.is_none());
}

#[tokio::test]
async fn a_handle_survives_what_passes_and_says_so() {
    let server = numbering(any_port(), |number, mut ws| async move {
        match number {
            0 => drop(ws.into_inner()),
            1 => _ = ws.close(1001, "").await,
            _ => {
                while let Ok(Some(message)) = ws.recv().await {
                    _ = ws.send(message).await;
                }
            }
        }
    })
    .await;
    let mut feed = reconnect(server.local_addr()).into_handle();
    for expected in 0..3 {
        assert_eq!(in_time(feed.recv()).await.unwrap(), Some(Incoming::Connected));
        assert_eq!(in_time(feed.recv()).await.unwrap(), Some(Incoming::Message(number(expected))));
    }
    feed.send("hello").await.unwrap();
    assert_eq!(in_time(feed.recv()).await.unwrap(), Some(Incoming::Message("hello".into())));
    in_time(feed.close(1000, "")).await.unwrap();
}

#[tokio::test]
async fn a_server_that_restarts_is_found_again() {
    let stay =
        |_: usize, mut ws: WebSocket| async move { while let Ok(Some(_)) = ws.recv().await {} };
    let server = numbering(any_port(), stay).await;
    let addr = server.local_addr();
    let errors = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&errors);
    let reconnect = reconnect(addr).on_retry(move |error, delay| {
        assert!(delay <= MOMENT, "{delay:?}");
        told.lock().unwrap().push(error.to_string());
    });
    let mut feed = reconnect.into_handle();
    assert_eq!(in_time(feed.recv()).await.unwrap(), Some(Incoming::Connected));
    assert_eq!(in_time(feed.recv()).await.unwrap(), Some(Incoming::Message(number(0))));
    let receiving = tokio::spawn(async move {
        let incoming = feed.recv().await;
        (incoming, feed)
    });
    in_time(server.shutdown()).await;
    while errors.lock().unwrap().iter().filter(|it| it.contains("refused")).count() < 3 {
        tokio::time::sleep(MOMENT).await;
    }
    let _server = numbering(addr, stay).await;
    let (incoming, _feed) = in_time(receiving).await.unwrap();
    assert_eq!(incoming.unwrap(), Some(Incoming::Connected));
    assert!(errors.lock().unwrap()[0].contains("going away"), "the first one tells of the end");
}

/// A server that refuses everybody.
async fn refusing(status: u16, retry_after: &'static str) -> (Server, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let requests = Arc::clone(&count);
    let server = serve(any_port(), |_: WebSocket| async {}).process_request(answering(move |_| {
        requests.fetch_add(1, Ordering::SeqCst);
        let headers = Headers::try_from([("Retry-After", retry_after)]).unwrap();
        Some(Response::new(status, "", headers, ""))
    }));
    (server.await.unwrap(), count)
}

#[tokio::test]
async fn a_refusal_that_will_not_pass_is_given_at_once() {
    let (server, requests) = refusing(401, "1").await;
    let mut connections = reconnect(server.local_addr());
    let error = in_time(connections.next()).await.unwrap().unwrap_err();
    assert_eq!(error.get::<InvalidStatus>().unwrap().response.status_code, 401);
    assert!(in_time(connections.next()).await.is_none());
    assert_eq!(requests.load(Ordering::SeqCst), 1);

    // Unless the program knows better.
    let mut connections = reconnect(server.local_addr()).retry_if(|_| true).max_attempts(3);
    in_time(connections.next()).await.unwrap().unwrap_err();
    assert_eq!(requests.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_server_can_ask_for_a_delay_within_a_bound() {
    let (server, _) = refusing(503, "3600").await;
    for (max, expected) in [(2 * MOMENT, 2 * MOMENT), (Duration::ZERO, Duration::ZERO)] {
        let delays = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&delays);
        let mut connections = reconnect(server.local_addr())
            .backoff(Backoff::new().initial(Duration::ZERO).min(Duration::ZERO))
            .max_retry_after(max)
            .max_attempts(3)
            .on_retry(move |_, delay| told.lock().unwrap().push(delay));
        let error = in_time(connections.next()).await.unwrap().unwrap_err();
        assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)));
        assert_eq!(*delays.lock().unwrap(), [expected, expected]);
    }
}

#[tokio::test]
async fn attempts_and_their_time_are_bounded() {
    // Nobody listens, nor can anybody else.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(any_port()).unwrap();
    let nobody = socket.local_addr().unwrap();
    let failures = Arc::new(AtomicUsize::new(0));
    let told = Arc::clone(&failures);
    let counting = |reconnect: Reconnect| {
        let told = Arc::clone(&told);
        reconnect.on_retry(move |_, _| _ = told.fetch_add(1, Ordering::SeqCst))
    };
    let mut connections = counting(reconnect(nobody)).max_attempts(4);
    let error = in_time(connections.next()).await.unwrap().unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    assert_eq!(failures.swap(0, Ordering::SeqCst), 3, "nothing follows the last attempt");
    assert!(in_time(connections.next()).await.is_none());

    let mut connections = counting(reconnect(nobody)).max_elapsed(10 * MOMENT);
    in_time(connections.next()).await.unwrap().unwrap_err();
    assert!((1..=10).contains(&failures.load(Ordering::SeqCst)));
    let mut connections = counting(reconnect(nobody)).max_elapsed(Duration::MAX).max_attempts(1);
    in_time(connections.next()).await.unwrap().unwrap_err();
}

#[tokio::test]
async fn connections_that_are_lost_at_once_are_failures_in_a_row() {
    let server = numbering(any_port(), |_, ws| async move { drop(ws.into_inner()) }).await;
    let mut connections = reconnect(server.local_addr()).max_attempts(3);
    for _ in 0..3 {
        let mut ws = in_time(connections.next()).await.unwrap().unwrap();
        while let Ok(Some(_)) = in_time(ws.recv()).await {}
    }
    let error = in_time(connections.next()).await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Closed(_)), "{error:?}");
    assert!(in_time(connections.next()).await.is_none());
}

#[tokio::test]
async fn an_attempt_goes_on_when_the_wait_for_it_is_given_up() {
    // It listens later.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(any_port()).unwrap();
    let addr = socket.local_addr().unwrap();
    let retries = Arc::new(AtomicUsize::new(0));
    let told = Arc::clone(&retries);
    let mut connections =
        reconnect(addr).on_retry(move |_, _| _ = told.fetch_add(1, Ordering::SeqCst));
    while retries.load(Ordering::SeqCst) < 2 {
        _ = tokio::time::timeout(MOMENT / 4, connections.next()).await.map_err(|_| ());
    }
    let listener = socket.listen(8).unwrap();
    let serving =
        tokio::spawn(async move { ws_tokio::accept(listener.accept().await.unwrap().0).await });
    in_time(connections.next()).await.unwrap().unwrap();
    in_time(serving).await.unwrap().unwrap();
}

#[tokio::test]
async fn messages_that_were_not_sent_are_kept_within_a_bound_and_sent_once() {
    let received = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&received);
    let server = numbering(any_port(), move |_, mut ws| {
        let seen = Arc::clone(&seen);
        async move {
            while let Ok(Some(message)) = ws.recv().await {
                seen.lock().unwrap().push(message.clone());
                _ = ws.send(message).await;
            }
        }
    })
    .await;
    let mut feed = reconnect(server.local_addr()).into_handle();
    let error = feed.send("nobody").await.unwrap_err();
    assert!(matches!(&error, Error::Io(e) if e.kind() == std::io::ErrorKind::NotConnected));

    let mut feed = feed.keep_unsent(2 * (5 + size_of::<Outgoing>()));
    feed.send("12345").await.unwrap();
    feed.send("67890").await.unwrap();
    feed.send("").await.unwrap_err();
    assert_eq!(feed.unsent(), 2);
    assert_eq!(in_time(feed.recv()).await.unwrap(), Some(Incoming::Connected));
    feed.send("subscribe").await.unwrap();
    for expected in ["0", "subscribe", "12345", "67890"] {
        assert_eq!(in_time(feed.recv()).await.unwrap(), Some(Incoming::Message(expected.into())));
    }
    assert_eq!(*received.lock().unwrap(), ["subscribe", "12345", "67890"].map(Message::from));
    assert_eq!(feed.unsent(), 0);
}

#[tokio::test]
async fn messages_that_are_kept_do_not_hold_up_what_arrives() {
    // It sends a lot before it receives, and so does the client.
    const MESSAGES: usize = 200;
    let sent = "x".repeat(50_000);
    let echo = sent.clone();
    let server = numbering(any_port(), move |_, mut ws| {
        let echo = echo.clone();
        async move {
            for _ in 0..MESSAGES {
                ws.send(&*echo).await.unwrap();
            }
            for _ in 0..MESSAGES {
                assert_eq!(ws.recv().await.unwrap().unwrap().len(), echo.len());
            }
            ws.close(1000, "").await.unwrap();
        }
    })
    .await;
    let mut feed = reconnect(server.local_addr()).into_handle().keep_unsent(usize::MAX);
    for _ in 0..MESSAGES {
        feed.send(&*sent).await.unwrap();
    }
    let mut received = 0;
    while let Some(incoming) = in_time(feed.recv()).await.unwrap() {
        received += usize::from(matches!(incoming, Incoming::Message(_)));
    }
    assert_eq!((received, feed.unsent()), (1 + MESSAGES, 0));
}

#[tokio::test]
async fn an_end_that_another_connection_will_not_mend_is_an_error_once() {
    let server =
        numbering(any_port(), |_, ws| async move { _ = ws.close(1008, "go away").await }).await;
    let mut feed = reconnect(server.local_addr()).into_handle();
    assert_eq!(in_time(feed.recv()).await.unwrap(), Some(Incoming::Connected));
    assert_eq!(in_time(feed.recv()).await.unwrap(), Some(Incoming::Message(number(0))));
    let error = in_time(feed.recv()).await.unwrap_err();
    assert_eq!(error.rcvd().map(|close| close.code.as_u16()), Some(1008));
    assert_eq!(in_time(feed.recv()).await.unwrap(), None);
}
