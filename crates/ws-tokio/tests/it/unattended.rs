//! Connections of which nobody receives: they look after themselves all the same.

use std::future::{Future, IntoFuture, poll_fn};
use std::io::ErrorKind;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::net::TcpListener;
use tokio::runtime::{self, Handle};
use tokio::sync::oneshot;
use tokio::task::coop;
use tokio::time::{Instant, sleep, timeout};
use ws_tokio::{Accept, Error, Event, Transport, TrySendError, WebSocket, accept, connect, serve};
use ws_types::{Side, State};

use crate::common::{
    BINARY, CLOSE, Memory, PING, PONG, Raw, TEXT, close, frame, pair, server, settle, soon, text,
};
use crate::script::{frames, scripted};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// The background role has taken over then, whatever happened before.
const HALF: Duration = Duration::from_millis(500);

fn code(error: &Error) -> Option<u16> {
    error.rcvd().map(|close| close.code.as_u16())
}

/// Polls a future once; it isn't ready.
async fn poll_once<F: Future + Unpin>(future: &mut F) {
    poll_fn(|cx| {
        assert!(std::pin::Pin::new(&mut *future).poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
}

/// Sends every 50 ms until that fails; gives the error and the number of messages.
async fn send_only<S>(ws: &WebSocket<S>) -> (usize, Error)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let mut sent = 0;
    loop {
        match ws.send("still here").await {
            Ok(()) => sent += 1,
            Err(error) => return (sent, error),
        }
        sleep(50 * MS).await;
    }
}

#[tokio::test]
async fn a_client_that_only_sends_is_not_cut_off_and_learns_of_the_close() {
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = std::sync::Mutex::new(Some(stopped));
    let server = serve("127.0.0.1:0", move |mut ws: WebSocket| {
        let mut stopped = stopped.lock().unwrap().take().unwrap();
        async move {
            let mut received = 0;
            loop {
                tokio::select! {
                    _ = &mut stopped => {
                        assert!(received > 10);
                        return Ok(());
                    }
                    message = ws.recv() => match message? {
                        Some(_) => received += 1,
                        None => return Err(Error::Io(ErrorKind::UnexpectedEof.into())),
                    },
                }
            }
        }
    })
    .ping_interval(300 * MS)
    .ping_timeout(300 * MS)
    .await
    .unwrap();
    let ws = connect(format!("ws://{}/", server.local_addr())).await.unwrap();
    let sending = tokio::spawn(async move { send_only(&ws).await });
    sleep(3 * SECOND).await;
    assert!(!sending.is_finished(), "{:?}", sending.await.unwrap().1);
    let start = Instant::now();
    stop.send(()).unwrap();
    let (sent, error) = timeout(20 * SECOND, sending).await.unwrap().unwrap();
    assert!(start.elapsed() < SECOND, "{:?}", start.elapsed());
    assert_eq!(code(&error), Some(1000), "{sent} messages: {error:?}");
}

#[tokio::test]
async fn a_server_that_only_sends_is_not_cut_off_and_learns_of_the_close() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("ws://{}/", listener.local_addr().unwrap());
    let accepting = async {
        let tcp = listener.accept().await.unwrap().0;
        accept(tcp).ping_interval(300 * MS).ping_timeout(300 * MS).await
    };
    let connecting = connect(uri).ping_interval(300 * MS).ping_timeout(300 * MS).into_future();
    let (server, client) = tokio::join!(accepting, connecting);
    let (server, mut client) = (server.unwrap(), client.unwrap());
    let sending = tokio::spawn(async move { send_only(&server).await });
    let until = Instant::now() + 3 * SECOND;
    let mut received = 0;
    while let Ok(message) = tokio::time::timeout_at(until, client.recv()).await {
        assert_eq!(message.unwrap(), Some(text("still here")));
        received += 1;
    }
    assert!(received > 10 && !sending.is_finished());
    let start = Instant::now();
    client.close(1000, "").await.unwrap();
    let (_, error) = timeout(20 * SECOND, sending).await.unwrap().unwrap();
    assert!(start.elapsed() < SECOND, "{:?}", start.elapsed());
    assert_eq!(code(&error), Some(1000));
}

/// How a program neglects the connection that it holds.
#[derive(Clone, Copy, Debug)]
enum Neglect {
    /// It never receives.
    Never,
    /// It has received, and never does so again.
    NoMore,
    /// It holds the future of `recv`, which it polled once.
    HeldFuture,
    /// It polled the `Stream` once.
    PolledStream,
    /// It polled the `Stream` once, in a task that has ended.
    StreamOfOther,
}

const ALL: [Neglect; 5] = [
    Neglect::Never,
    Neglect::NoMore,
    Neglect::HeldFuture,
    Neglect::PolledStream,
    Neglect::StreamOfOther,
];

/// A client without rules whose server neglects its connection, but for one `send` when it is told.
async fn neglected(
    how: Neglect,
    set: impl FnOnce(Accept<Memory>) -> Accept<Memory>,
) -> (Raw<Memory>, oneshot::Sender<()>, tokio::task::JoinHandle<Result<(), Error>>) {
    let (ws, mut raw) = server(4096, set).await;
    let (go, gone) = oneshot::channel();
    if matches!(how, Neglect::NoMore) {
        raw.send(TEXT, "hello").await;
    }
    let task = tokio::spawn(async move {
        let (sender, mut receiver) = ws.split();
        match how {
            Neglect::Never => {}
            Neglect::NoMore => _ = receiver.recv().await.unwrap().unwrap(),
            Neglect::HeldFuture => {
                let mut held = Box::pin(receiver.recv());
                poll_once(&mut held).await;
                gone.await.unwrap();
                return sender.send("news?").await;
            }
            Neglect::PolledStream => poll_once(&mut receiver.next()).await,
            Neglect::StreamOfOther => {
                let other = tokio::spawn(async move {
                    poll_once(&mut receiver.next()).await;
                    receiver
                });
                receiver = other.await.unwrap();
            }
        }
        gone.await.unwrap();
        let result = sender.send("news?").await;
        drop(receiver);
        result
    });
    settle().await;
    (raw, go, task)
}

#[tokio::test(start_paused = true)]
async fn pings_are_answered_within_half_a_second() {
    for how in ALL {
        let (mut raw, _go, _task) = neglected(how, |accept| accept.ping_interval(None)).await;
        for i in 0..100 {
            raw.send(PING, [i]).await;
            let pong = timeout(HALF, raw.next()).await;
            assert_eq!(pong.expect("no pong"), Some((PONG, vec![i])), "{how:?}");
            sleep(Duration::from_millis(137 * u64::from(i % 9))).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn keepalive_pings_go_out_and_are_checked() {
    for how in ALL {
        let (mut raw, _go, task) = neglected(how, |accept| accept).await;
        let start = Instant::now();
        for i in 1..=5 {
            let (first, payload) = soon(raw.next()).await.unwrap();
            assert_eq!(first, PING, "{how:?}");
            let late = start.elapsed() - i * 20 * SECOND;
            assert!(late <= i * HALF, "{how:?}: {late:?}");
            raw.send(PONG, payload).await;
        }
        let start = Instant::now();
        let mut ends = soon(raw.rest()).await;
        assert_eq!(ends.remove(0).0, PING, "{how:?}");
        assert_eq!(ends, [(CLOSE, close(1011, "keepalive ping timeout"))], "{how:?}");
        assert!((40 * SECOND..42 * SECOND).contains(&start.elapsed()), "{:?}", start.elapsed());
        assert!(!task.is_finished());
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_frame_is_answered_and_the_next_send_tells_it() {
    for how in ALL {
        let (mut raw, go, task) = neglected(how, |accept| accept).await;
        raw.send(CLOSE, close(4000, "moving")).await;
        let start = Instant::now();
        assert_eq!(soon(raw.rest()).await, [(CLOSE, close(4000, "moving"))], "{how:?}");
        assert!(start.elapsed() <= HALF, "{how:?}: {:?}", start.elapsed());
        drop(raw);
        go.send(()).unwrap();
        let error = soon(task).await.unwrap().unwrap_err();
        assert_eq!(code(&error), Some(4000), "{how:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_fails_is_noticed() {
    for how in ["end", "error"] {
        let (ws, control) = scripted(|accept| accept).await;
        sleep(SECOND).await;
        match how {
            "end" => control.end(),
            _ => control.read_error(ErrorKind::ConnectionReset),
        }
        sleep(HALF).await;
        assert_eq!(ws.state(), State::Closed, "{how}");
        assert!(control.dropped(), "{how}");
        let error = ws.send("too late").await.unwrap_err();
        assert_eq!(error.closed().unwrap().transport().is_some(), how == "error");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_write_ends_the_connection_at_once() {
    let (ws, control) = scripted(|accept| accept.ping_interval(None)).await;
    sleep(SECOND).await;
    control.write_error(ErrorKind::BrokenPipe);
    ws.send("lost").await.unwrap_err();
    settle().await;
    assert_eq!(ws.state(), State::Closed);
    assert!(control.dropped());
}

/// A reader may be about to come back for what has arrived.
#[tokio::test(start_paused = true)]
async fn a_failed_write_ends_the_connection_within_half_a_second_of_the_last_recv() {
    let (ws, control) = scripted(|accept| accept.ping_interval(None)).await;
    control.write_error(ErrorKind::BrokenPipe);
    ws.send("lost").await.unwrap_err();
    assert_eq!(ws.close_code(), None);
    sleep(HALF).await;
    assert_eq!((ws.state(), ws.close_code()), (State::Closed, Some(1006.into())));
}

#[tokio::test(start_paused = true)]
async fn keepalive_goes_on_when_a_receiver_with_a_full_backlog_is_dropped() {
    let (ws, control) = scripted(|accept| accept.max_backlog(1000)).await;
    control.bytes(frame(Side::Client, BINARY, [1; 2000]));
    sleep(SECOND).await;
    let (sender, receiver) = ws.split();
    drop(receiver);
    sleep(25 * SECOND).await;
    assert_eq!(frames(&control.written()).0[0].0, PING);
    sleep(25 * SECOND).await;
    assert_eq!(sender.state(), State::Closed, "nothing answers");
}

#[tokio::test(start_paused = true)]
async fn without_a_backlog_nothing_is_read_while_nobody_receives() {
    let (mut ws, control) = scripted(|accept| accept.max_backlog(0)).await;
    let mut bytes = frame(Side::Client, TEXT, "switch");
    bytes.extend_from_slice(b"\x81another protocol");
    control.bytes(&bytes);
    assert_eq!(soon(ws.recv()).await.unwrap(), Some(text("switch")));
    let read = control.read();
    control.bytes("more of it");
    sleep(60 * SECOND).await;
    assert_eq!(control.read(), read);
    assert_eq!(control.written(), b"", "neither a ping nor a close frame");
    let (_stream, unread) = ws.into_inner().unwrap();
    assert_eq!(unread, b"\x81another protocol"[..]);
}

/// But a reader that waits is served as ever, and so is a connection without a reader.
#[tokio::test(start_paused = true)]
async fn without_a_backlog_the_keepalive_runs_while_somebody_receives_or_nobody_can() {
    for drops in [false, true] {
        let (ws, control) = scripted(|accept| accept.max_backlog(0)).await;
        let (sender, mut receiver) = ws.split();
        let receiving = (!drops).then(|| tokio::spawn(async move { receiver.recv().await }));
        sleep(21 * SECOND).await;
        assert_eq!(frames(&control.written()).0[0].0, PING, "dropped: {drops}");
        sleep(35 * SECOND).await;
        assert_eq!(sender.state(), State::Closed);
        if let Some(receiving) = receiving {
            assert!(receiving.await.unwrap().is_err());
        }
    }
}

/// Pongs that have left hold up no reading, however busy the queue is.
#[tokio::test(start_paused = true)]
async fn pongs_that_have_left_count_no_more() {
    let (mut ws, control) = scripted(|accept| accept.write_limit(200)).await;
    let sender = ws.sender();
    let receiving = tokio::spawn(async move { ws.recv().await });
    control.room(0);
    sender.queue_pong(vec![0; 50]).unwrap();
    for i in 0..100_u8 {
        control.room(0);
        sender.queue_pong(vec![0; 100]).unwrap();
        control.bytes(frame(Side::Client, PING, [i; 50]));
        settle().await;
        // As much as was added: something is always left in the queue.
        control.room(2 + 100 + 2 + 50);
        settle().await;
    }
    control.bytes(frame(Side::Client, TEXT, "still read"));
    settle().await;
    assert!(receiving.is_finished());
    assert_eq!(receiving.await.unwrap().unwrap(), Some(text("still read")));
}

#[tokio::test(start_paused = true)]
async fn one_side_that_only_sends_and_one_that_only_receives_stay_together() {
    for sender in ["client", "server"] {
        let (client, server) = pair(4096).await;
        let (sends, mut receives) =
            if sender == "client" { (client, server) } else { (server, client) };
        let receiving = tokio::spawn(async move {
            let mut received = 0;
            while receives.recv().await.unwrap().is_some() {
                received += 1;
            }
            received
        });
        for _ in 0..600 {
            sends.send("tick").await.unwrap();
            sleep(SECOND).await;
        }
        assert_eq!(sends.state(), State::Open);
        assert!(sends.latency().is_some(), "keepalive has checked the peer");
        soon(sends.close(1000, "")).await.unwrap();
        assert_eq!(soon(receiving).await.unwrap(), 600);
    }
}

#[tokio::test(start_paused = true)]
async fn what_arrives_meanwhile_is_received_later_in_order_and_whole() {
    let (mut ws, mut raw) = server(500, |accept| accept).await;
    let sending = tokio::spawn(async move {
        for i in 0..200_u8 {
            raw.send(BINARY, vec![i; usize::from(i) * 10]).await;
            if i == 100 {
                sleep(10 * SECOND).await;
            }
        }
        raw
    });
    sleep(5 * SECOND).await;
    for i in 0..200_u8 {
        let message = soon(ws.recv()).await.unwrap().unwrap();
        assert_eq!(message.as_bytes(), vec![i; usize::from(i) * 10]);
        if i % 50 == 0 {
            sleep(SECOND).await;
        }
    }
    soon(sending).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_full_backlog_stops_reading_and_the_keepalive_until_somebody_receives() {
    const BOUND: usize = 10_000;
    let (mut ws, control) = scripted(|accept| accept.max_backlog(BOUND)).await;
    for i in 0..100_u8 {
        control.bytes(frame(Side::Client, BINARY, [i; 1000]));
    }
    control.bytes(frame(Side::Client, PING, "behind"));
    control.bytes(frame(Side::Client, CLOSE, close(1000, "")));
    control.end();
    sleep(HALF).await;
    let read = control.read();
    assert!((BOUND..BOUND + 6000).contains(&read), "{read} bytes were read");
    // Neither pings nor their timeouts, and the close frame isn't seen.
    sleep(600 * SECOND).await;
    assert_eq!((control.read(), control.writes(), ws.state()), (read, 0, State::Open));
    ws.send("I am busy").await.unwrap();
    sleep(HALF).await;
    assert_eq!(frames(&control.written()), (vec![(TEXT, b"I am busy".to_vec())], 0));
    for i in 0..100_u8 {
        assert_eq!(soon(ws.recv()).await.unwrap().unwrap().as_bytes(), [i; 1000]);
        if i == 20 {
            // As much as was taken is read again.
            sleep(HALF).await;
            let more = control.read() - read;
            assert!((15_000..30_000).contains(&more), "{more} bytes");
        }
    }
    assert_eq!(soon(ws.recv()).await.unwrap(), None);
    let (written, _) = frames(&control.written());
    let last = written.split_last_chunk::<2>().unwrap().1;
    assert_eq!(*last, [(PONG, b"behind".to_vec()), (CLOSE, close(1000, ""))]);
}

#[tokio::test(start_paused = true)]
async fn control_frames_are_kept_once_they_are_wanted() {
    let (mut ws, mut raw) = server(4096, |accept| accept).await;
    raw.send(PING, "not wanted").await;
    raw.send(TEXT, "one").await;
    sleep(SECOND).await;
    assert_eq!(soon(ws.recv_event()).await.unwrap(), Some(Event::Message(text("one"))));
    raw.send(PING, "wanted").await;
    raw.send(TEXT, "two").await;
    raw.send(PONG, "unasked").await;
    raw.send(CLOSE, close(1001, "bye")).await;
    sleep(SECOND).await;
    let pongs = [(PONG, b"not wanted".to_vec()), (PONG, b"wanted".to_vec())];
    let answers = soon(raw.rest()).await;
    assert_eq!(answers, [&pongs[..], &[(CLOSE, close(1001, "bye"))]].concat());
    drop(raw);
    let mut events = ws.events();
    assert!(matches!(soon(events.next()).await, Some(Ok(Event::Ping(p))) if p == b"wanted"[..]));
    assert!(matches!(events.next().await, Some(Ok(Event::Message(m))) if m == text("two")));
    let pong = events.next().await;
    assert!(
        matches!(pong, Some(Ok(Event::Pong { payload, acknowledges: None })) if payload == b"unasked"[..])
    );
    assert!(matches!(events.next().await, Some(Ok(Event::Close(c))) if &*c.reason == "bye"));
    assert!(events.next().await.is_none());
    assert!(events.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn the_write_timeout_holds_beside_a_reader_that_waits() {
    for way in ["send", "try_send", "queue_pong", "queue_ping"] {
        for limit in [0, 30] {
            let set = |accept: Accept<_>| accept.ping_interval(None).write_timeout(limit * SECOND);
            let (ws, control) = scripted(set).await;
            let (sender, mut receiver) = ws.split();
            let receiving = tokio::spawn(async move { receiver.recv().await });
            settle().await;
            control.room(3);
            let start = Instant::now();
            match way {
                "send" => _ = tokio::spawn(async move { sender.send("hello").await }),
                "try_send" => sender.try_send("hello").unwrap(),
                "queue_pong" => sender.queue_pong("hello".as_bytes()).unwrap(),
                _ => drop(sender.queue_ping(None).unwrap()),
            }
            let error = soon(receiving).await.unwrap().unwrap_err();
            assert!(error.is_timeout(), "{way}: {error:?}");
            assert_eq!(start.elapsed(), limit * SECOND, "{way}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn deadlines_hold_although_a_task_has_used_up_its_budget() {
    // How much a task may do before it has to yield, as far as the runtime sees to it.
    const BUDGET: usize = 128;
    for left in 0..10 {
        let (mut ws, mut raw) = server(4096, |accept| accept).await;
        let receiving = tokio::spawn(async move {
            let mut receiving = pin!(ws.recv());
            let mut used_at = None;
            poll_fn(|cx| {
                if used_at.replace(Instant::now()) != Some(Instant::now()) {
                    for _ in left..BUDGET {
                        assert!(pin!(coop::consume_budget()).poll(cx).is_ready());
                    }
                }
                receiving.as_mut().poll(cx).map(drop)
            })
            .await;
        });
        let start = Instant::now();
        for i in 1..=5 {
            let (first, payload) = soon(raw.next()).await.unwrap();
            assert_eq!((first, start.elapsed()), (PING, i * 20 * SECOND), "{left}");
            raw.send(PONG, payload).await;
        }
        receiving.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn code_outside_of_any_runtime_can_send_for_a_connection_without_a_receiver() {
    let (ws, control) = scripted(|accept| accept).await;
    let (sender, receiver) = ws.split();
    drop(receiver);
    // The background role hasn't been played yet: no timer was set.
    let sender = thread::spawn(move || {
        sender.try_send("one").unwrap();
        sender.queue_pong("two".as_bytes()).unwrap();
        sender
    });
    let sender = sender.join().unwrap();
    settle().await;
    let sent = vec![(TEXT, b"one".to_vec()), (PONG, b"two".to_vec())];
    assert_eq!(frames(&control.written()), (sent, 0));
    // And the timer is set now.
    sleep(21 * SECOND).await;
    assert_eq!(frames(&control.written()).0[0].0, PING);
    drop(sender);
}

#[test]
fn a_connection_with_a_keepalive_outlives_its_runtime() {
    let runtime = || runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    let (mut ws, control) = first.block_on(async {
        let (mut ws, control) = scripted(|accept| accept.ping_interval(SECOND)).await;
        assert!(timeout(MS, ws.recv()).await.is_err());
        (ws, control)
    });
    drop(first);
    runtime().block_on(async {
        let answering = async {
            while control.writes() == 0 {
                sleep(10 * MS).await;
            }
            control.bytes(frame(Side::Client, TEXT, "hello"));
        };
        let (message, ()) = tokio::join!(timeout(20 * SECOND, ws.recv()), answering);
        assert_eq!(message.unwrap().unwrap(), Some(text("hello")));
    });
    assert_eq!(frames(&control.written()).0[0].0, PING);
}

#[tokio::test(start_paused = true)]
async fn who_waits_behind_an_unfinished_message_learns_that_the_connection_closed() {
    let (ws, control) = scripted(|accept| accept).await;
    let sender = ws.sender();
    let mut writer = ws.send_streaming();
    writer.write("beginning").await.unwrap();
    let other = sender.clone();
    let waiting = tokio::spawn(async move { sender.send("behind").await });
    settle().await;
    assert!(matches!(other.try_send("full"), Err(TrySendError::Full(_))));
    control.bytes(frame(Side::Client, CLOSE, close(1000, "")));
    control.end();
    let error = soon(waiting).await.unwrap().unwrap_err();
    assert_eq!(code(&error), Some(1000));
    assert!(matches!(other.try_send("closed"), Err(TrySendError::Closed(_))));
    writer.write("more").await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn without_a_receiver_a_message_that_did_not_leave_has_failed() {
    for end in ["end", "error"] {
        let (ws, control) = scripted(|accept| accept).await;
        let (sender, receiver) = ws.split();
        drop(receiver);
        control.room(0);
        match end {
            "end" => control.end(),
            _ => control.read_error(ErrorKind::ConnectionReset),
        }
        let error = soon(sender.send("lost")).await.unwrap_err();
        assert!(error.closed().is_some(), "{end}");
    }
}

#[tokio::test(start_paused = true)]
async fn messages_one_by_one_wake_the_background_role_rarely() {
    let (ws, control) = scripted(|accept| accept).await;
    let echoing = tokio::spawn(async move {
        let mut ws = ws;
        while let Some(message) = ws.recv().await? {
            ws.send(message).await?;
        }
        Ok::<_, Error>(())
    });
    sleep(SECOND).await;
    let control = Arc::new(control);
    let mut woken = 0;
    for n in 0..100 {
        // What is woken from outside of the runtime waits in a queue that can be looked at.
        let outside = Arc::clone(&control);
        let send = move || outside.bytes(frame(Side::Client, TEXT, "hello"));
        thread::spawn(send).join().unwrap();
        woken += Handle::current().metrics().global_queue_depth();
        settle().await;
        assert_eq!(control.writes(), n + 1);
    }
    assert!((100..=102).contains(&woken), "{woken} wake-ups for 100 messages");
    echoing.abort();
}

/// How often the runtime wakes in 19 s, with or without a connection that waits in `recv`.
fn wakes_of_an_idle_runtime(has_connection: bool) -> u64 {
    let runtime = runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.unwrap().block_on(async {
        if has_connection {
            let (mut ws, control) = scripted(|accept| accept.ping_interval(None)).await;
            tokio::spawn(async move {
                while let Some(message) = ws.recv().await? {
                    ws.send(message).await?;
                }
                Ok::<_, Error>(())
            });
            control.bytes(frame(Side::Client, TEXT, "hello"));
            settle().await;
            assert_eq!(control.writes(), 1);
        }
        sleep(HALF).await;
        let metrics = Handle::current().metrics();
        let before = metrics.worker_park_count(0);
        sleep(19 * SECOND).await;
        metrics.worker_park_count(0) - before
    })
}

#[test]
fn a_connection_that_waits_in_recv_sets_no_timer_but_the_keepalive() {
    assert_eq!(wakes_of_an_idle_runtime(true), wakes_of_an_idle_runtime(false));
}

#[tokio::test]
async fn a_transport_has_addresses_and_a_socket_to_look_at() {
    let server = serve("127.0.0.1:0", |mut ws: WebSocket| async move { ws.recv().await.map(drop) })
        .await
        .unwrap();
    let ws = connect(format!("ws://{}/", server.local_addr())).await.unwrap();
    let port = |transport: &Transport| match transport {
        Transport::Tcp(tcp) => tcp.local_addr().unwrap().port(),
        _ => unreachable!(),
    };
    assert_eq!(ws.with_stream(port), ws.local_addr().map(|it| it.port()));
    assert_eq!(ws.peer_addr(), Some(server.local_addr()));
    timeout(20 * SECOND, ws.close(1000, "")).await.unwrap().unwrap();
    assert_eq!(ws.with_stream(port), None);
    assert_eq!(ws.peer_addr(), Some(server.local_addr()));
}

/// A waker that does nothing; only how many of its clones are kept matters.
struct Kept;

impl std::task::Wake for Kept {
    fn wake(self: Arc<Self>) {}
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_gives_up_is_forgotten() {
    let (ws, control) = scripted(|accept| accept.write_limit(0)).await;
    control.room(0);
    ws.feed("blocks").await.unwrap();
    let kept = Arc::new(Kept);
    for i in 0..10 {
        let waker = Arc::clone(&kept).into();
        let cx = &mut std::task::Context::from_waker(&waker);
        assert!(pin!(ws.send("one")).poll(cx).is_pending());
        assert!(pin!(ws.feed("two")).poll(cx).is_pending());
        assert!(pin!(ws.ping(None)).poll(cx).is_pending());
        assert!(pin!(ws.flush()).poll(cx).is_pending());
        if i == 9 {
            assert!(pin!(ws.close(1000, "")).poll(cx).is_pending());
        }
        drop(waker);
        assert_eq!(Arc::strong_count(&kept), 1);
    }
}
