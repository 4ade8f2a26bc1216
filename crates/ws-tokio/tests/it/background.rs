//! The plain loop outside of `serve`: replies to what arrived together leave together, and no reply
//! waits for anything.

use std::future::{Future, IntoFuture, pending};
use std::io::ErrorKind;
use std::sync::mpsc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{self, Handle};
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep, timeout};
use ws_tokio::{Error, Message, WebSocket, connect, serve};
use ws_types::Side;

use crate::common::{BINARY, CLOSE, PING, PONG, Raw, close, frame, settle, soon};
use crate::script::{Control, Script, frames, scripted};

/// Frames that arrive with one read.
fn batch(side: Side, n: u8) -> Vec<u8> {
    (0..n).flat_map(|i| frame(side, BINARY, [i; 20])).collect()
}

/// The first `n` messages of a batch, as a server sends them back.
fn replies(n: u8) -> (Vec<(u8, Vec<u8>)>, usize) {
    ((0..n).map(|i| (BINARY, vec![i; 20])).collect(), 0)
}

async fn echo<S>(mut ws: WebSocket<S>) -> Result<(), Error>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

/// Answers one message.
async fn reply(ws: &mut WebSocket<Script>) -> Result<(), Error> {
    let message = ws.recv().await?.expect("a message");
    ws.send(message).await
}

/// A connection that received a batch of two, answered the first, and has the other in its buffer:
/// the answer was deferred, and the background task hasn't run. To be called in a task.
async fn deferred() -> (WebSocket<Script>, Control) {
    // Without keepalive, a connection doesn't depend on the timer of its first runtime.
    let (mut ws, control) = scripted(|accept| accept.ping_interval(None)).await;
    control.bytes(batch(Side::Client, 2));
    reply(&mut ws).await.unwrap();
    assert_eq!(control.writes(), 0);
    (ws, control)
}

#[tokio::test(start_paused = true)]
async fn replies_to_a_batch_leave_in_one_write() {
    let (ws, control) = scripted(|accept| accept).await;
    let echoing = tokio::spawn(echo(ws));
    for i in 1..=5 {
        control.bytes(batch(Side::Client, 32));
        settle().await;
        assert_eq!(control.writes(), i);
        assert_eq!(frames(&control.written()), replies(32));
    }
    // One message leaves at once, too.
    control.bytes(batch(Side::Client, 1));
    settle().await;
    assert_eq!((frames(&control.written()), control.writes()), (replies(1), 6));
    echoing.abort();
}

#[test]
fn replies_to_a_batch_leave_in_one_write_on_threads() {
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.unwrap().block_on(async {
        let run = tokio::spawn(async {
            let (mut ws, control) = scripted(|accept| accept).await;
            for i in 1..=100 {
                control.bytes(batch(Side::Client, 32));
                for _ in 0..32 {
                    reply(&mut ws).await.unwrap();
                }
                // The background task is next on this thread, and no other thread can take it: nothing has
                // left but with the last reply.
                assert_eq!((control.writes(), frames(&control.written())), (i, replies(32)));
                tokio::task::yield_now().await;
            }
        });
        soon(run).await.unwrap();
    });
}

#[tokio::test(start_paused = true)]
async fn a_reply_leaves_when_its_task_waits_for_anything() {
    for waits in ["forever", "for a timer"] {
        let (mut ws, control) = scripted(|accept| accept).await;
        control.bytes(batch(Side::Client, 32));
        let task = tokio::spawn(async move {
            for _ in 0..3 {
                reply(&mut ws).await.unwrap();
            }
            match waits {
                "forever" => pending().await,
                _ => sleep(Duration::from_secs(5)).await,
            }
            reply(&mut ws).await.unwrap();
            pending::<()>().await;
        });
        let start = Instant::now();
        settle().await;
        assert_eq!((frames(&control.written()), control.writes()), (replies(3), 1), "{waits}");
        assert_eq!(start.elapsed(), Duration::ZERO, "{waits}");
        sleep(Duration::from_secs(10)).await;
        let later = usize::from(waits == "for a timer");
        assert_eq!(frames(&control.written()).0.len(), later, "{waits}");
        task.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_leaves_in_a_local_task() {
    let local = LocalSet::new();
    let (ws, control) = local.run_until(scripted(|accept| accept)).await;
    control.bytes(batch(Side::Client, 32));
    let (mut other, stopped) = local.run_until(scripted(|accept| accept)).await;
    stopped.bytes(batch(Side::Client, 2));
    local.spawn_local(echo(ws));
    local.spawn_local(async move {
        reply(&mut other).await.unwrap();
        pending::<()>().await;
    });
    local.run_until(settle()).await;
    assert_eq!((frames(&control.written()), control.writes()), (replies(32), 1));
    assert_eq!((frames(&stopped.written()), stopped.writes()), (replies(1), 1));
}

/// A client whose peer sends batches, over TCP; and the peer.
async fn over_tcp() -> (WebSocket, Raw<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("ws://{}/", listener.local_addr().unwrap());
    let accepting = async { Raw::server(listener.accept().await.unwrap().0).await };
    let (ws, raw) = tokio::join!(connect(uri).into_future(), accepting);
    (ws.unwrap(), raw)
}

async fn stops_in_the_middle(mut ws: WebSocket) {
    let message = ws.recv().await.unwrap().unwrap();
    ws.send(message).await.unwrap();
    pending::<()>().await;
}

#[test]
fn over_tcp_a_reply_leaves_although_the_client_stops_in_the_middle_of_a_batch() {
    for threads in [0, 1, 2] {
        let runtime = match threads {
            0 => runtime::Builder::new_current_thread().enable_all().build(),
            n => runtime::Builder::new_multi_thread().worker_threads(n).enable_all().build(),
        };
        runtime.unwrap().block_on(async {
            for in_task in [true, false] {
                let (ws, mut raw) = over_tcp().await;
                raw.write(&batch(Side::Server, 32)).await;
                let stops = stops_in_the_middle(ws);
                let answer = raw.next();
                let answer = match in_task {
                    true => {
                        let task = tokio::spawn(stops);
                        let answer = soon(answer).await;
                        task.abort();
                        answer
                    }
                    false => tokio::select! {
                        () = stops => None,
                        answer = soon(answer) => answer,
                    },
                };
                assert_eq!(answer, Some((BINARY, vec![0; 20])), "{threads} {in_task}");
            }
        });
    }
}

#[test]
fn a_reply_leaves_before_block_on_returns() {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (mut ws, control) = runtime.block_on(scripted(|accept| accept));
    control.bytes(batch(Side::Client, 3));
    for i in 0..3 {
        runtime.block_on(reply(&mut ws)).unwrap();
        // Nobody drives the runtime now.
        assert_eq!(frames(&control.written()).0, [(BINARY, vec![i; 20])]);
    }
}

#[test]
fn without_a_runtime_send_flushes() {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (mut ws, control) = runtime.block_on(scripted(|accept| accept.ping_interval(None)));
    drop(runtime);
    control.bytes(batch(Side::Client, 3));
    for i in 0..3 {
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        let replied = std::pin::pin!(reply(&mut ws)).poll(&mut cx);
        assert!(replied.is_ready());
        assert_eq!(frames(&control.written()).0, [(BINARY, vec![i; 20])]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_has_one_task_in_the_background_and_only_while_it_lives() {
    let alive = || Handle::current().metrics().num_alive_tasks();
    let (ws, control) = scripted(|accept| accept).await;
    let echoing = tokio::spawn(echo(ws));
    for n in [1, 2] {
        for _ in 0..100 {
            control.bytes(batch(Side::Client, n));
            settle().await;
            assert_eq!(alive(), 2);
        }
    }
    assert_eq!(control.writes(), 200);
    control.end();
    soon(echoing).await.unwrap().unwrap_err();
    settle().await;
    assert_eq!(alive(), 0);
    assert!(control.dropped());

    // Also when it is dropped while it is open.
    let task = tokio::spawn(async {
        let (ws, _control) = deferred().await;
        settle().await;
        ws
    });
    let ws = soon(task).await.unwrap();
    assert_eq!(alive(), 1);
    drop(ws);
    settle().await;
    assert_eq!(alive(), 0);

    // Also when the connection ends before its handles do.
    let task = tokio::spawn(async {
        let (mut ws, control) = deferred().await;
        settle().await;
        control.read_error(ErrorKind::ConnectionReset);
        ws.recv().await.unwrap().unwrap();
        ws.recv().await.unwrap_err();
        ws
    });
    let ws = soon(task).await.unwrap();
    settle().await;
    assert_eq!(alive(), 0);
    drop(ws);
}

#[tokio::test(start_paused = true)]
async fn the_sender_batches_while_messages_wait_for_the_receiver() {
    let (ws, control) = scripted(|accept| accept).await;
    let (sender, mut receiver) = ws.split();
    control.bytes(batch(Side::Client, 2));
    receiver.recv().await.unwrap();
    let sending = tokio::spawn(async move {
        for i in 0..10 {
            sender.send(vec![i; 20]).await.unwrap();
        }
        pending::<()>().await;
    });
    settle().await;
    assert_eq!((frames(&control.written()), control.writes()), (replies(10), 1));
    // Without a receiver, what waits is for nobody, and `send` has to look at it.
    drop(receiver);
    sending.abort();
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_leaves_when_the_last_handle_is_dropped() {
    for room in [0, 5, 1000] {
        let task = tokio::spawn(async move {
            let (ws, control) = deferred().await;
            control.room(room);
            drop(ws);
            control
        });
        let control = soon(task).await.unwrap();
        let written = control.written();
        let whole = batch(Side::Server, 1);
        assert_eq!(written, whole[..room.min(whole.len())], "room for {room} bytes");
        assert!(control.dropped());
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_leaves_when_its_task_ends() {
    let (mut ws, control) = scripted(|accept| accept).await;
    control.bytes(batch(Side::Client, 8));
    let task = tokio::spawn(async move {
        reply(&mut ws).await.unwrap();
        reply(&mut ws).await.unwrap();
    });
    task.await.unwrap();
    assert_eq!(frames(&control.written()), replies(2));
}

#[tokio::test(start_paused = true)]
async fn the_next_call_tells_that_the_background_could_not_write() {
    for next in ["send", "recv"] {
        let task = tokio::spawn(async move {
            let (mut ws, control) = deferred().await;
            control.write_error(ErrorKind::ConnectionReset);
            settle().await;
            if next == "send" {
                return ws.send("more").await.unwrap_err();
            }
            // What had arrived is received all the same.
            assert_eq!(ws.recv().await.unwrap(), Some(Message::from(vec![1; 20])));
            ws.recv().await.unwrap_err()
        });
        let error = soon(task).await.unwrap();
        let transport = error.closed().and_then(|closed| closed.transport());
        assert_eq!(transport.map(std::io::Error::kind), Some(ErrorKind::ConnectionReset), "{next}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_waits_learns_that_nothing_can_be_written() {
    let (ws, control) = scripted(|accept| accept).await;
    let (sender, mut receiver) = ws.split();
    let receiving = tokio::spawn(async move { receiver.recv().await });
    settle().await;
    control.write_error(ErrorKind::ConnectionReset);
    sender.send("more").await.unwrap_err();
    let start = Instant::now();
    soon(receiving).await.unwrap().unwrap_err();
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn while_the_stream_takes_nothing_send_waits() {
    let task = tokio::spawn(async {
        let (ws, control) = deferred().await;
        control.room(3);
        settle().await;
        assert_eq!(control.written().len(), 3, "the background task has tried");
        let waits = timeout(Duration::from_secs(1), ws.send("second")).await;
        assert!(waits.is_err(), "the stream has not taken it");
        // Its place at the stream is the background task's again; nobody else is there to write.
        control.room(usize::MAX);
        settle().await;
        assert_eq!(control.written().len(), 19 + 8);
        // And from now on, replies wait for each other again.
        ws.send("third").await.unwrap();
        assert_eq!(control.written().len(), 0);
        settle().await;
        assert_eq!(control.written().len(), 7);
    });
    soon(task).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_stops_gives_its_place_at_the_stream_to_the_background() {
    for stops in ["dropped", "ready"] {
        let task = tokio::spawn(async move {
            let (mut ws, control) = deferred().await;
            control.room(0);
            settle().await;
            ws.recv().await.unwrap();
            // The reader waits last, so it is the one whom the stream would wake.
            if stops == "ready" {
                control.pause();
                control.bytes(frame(Side::Client, PING, ""));
                control.bytes(batch(Side::Client, 1));
                ws.recv().await.unwrap();
            } else {
                timeout(Duration::from_secs(1), ws.recv()).await.unwrap_err();
            }
            control.room(usize::MAX);
            settle().await;
            (stops, frames(&control.written()).0)
        });
        let (stops, mut written) = soon(task).await.unwrap();
        if stops == "ready" {
            assert_eq!(written.pop(), Some((PONG, Vec::new())));
        }
        assert_eq!((written, 0), replies(1), "{stops}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_has_room_gives_its_place_at_the_stream_to_the_background() {
    let task = tokio::spawn(async {
        let (ws, control) = deferred().await;
        control.room(0);
        settle().await;
        ws.feed(vec![0; 70_000]).await.unwrap();
        let fed = tokio::spawn(async move {
            ws.feed("one more").await.unwrap();
            ws
        });
        settle().await;
        // There is room again, but the stream doesn't take all.
        control.room(60_000);
        let _ws = soon(fed).await.unwrap();
        control.room(usize::MAX);
        settle().await;
        control.written().len()
    });
    assert_eq!(soon(task).await.unwrap(), 22 + 70_010 + 10);
}

#[tokio::test(start_paused = true)]
async fn a_sender_alone_does_not_wait_for_messages_that_nobody_will_read() {
    let task = tokio::spawn(async {
        let (ws, control) = scripted(|accept| accept).await;
        let (sender, mut receiver) = ws.split();
        let closing = frame(Side::Client, CLOSE, close(1000, ""));
        control.bytes([batch(Side::Client, 3), closing].concat());
        receiver.recv().await.unwrap();
        drop(receiver);
        sender.send("one").await.unwrap();
        sender.send("two").await.unwrap_err()
    });
    let error = soon(task).await.unwrap();
    assert_eq!(error.rcvd().map(|rcvd| rcvd.code.as_u16()), Some(1000));
}

#[tokio::test]
async fn a_handler_needs_no_task_in_the_background() {
    let server = serve("127.0.0.1:0", echo).await.unwrap();
    let mut raw = Raw::client(TcpStream::connect(server.local_addr()).await.unwrap()).await;
    raw.write(&batch(Side::Client, 32)).await;
    for i in 0..32 {
        assert_eq!(soon(raw.next()).await, Some((BINARY, vec![i; 20])));
    }
    // The one that accepts, and the handler.
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 2);
}

#[test]
fn what_is_sent_leaves_when_the_runtime_ends_before_the_background_ran() {
    // After each task, the runtime looks whether `block_on` is done.
    let runtime =
        runtime::Builder::new_current_thread().enable_all().event_interval(1).build().unwrap();
    let control = runtime.block_on(async {
        let (done, is_done) = tokio::sync::oneshot::channel();
        tokio::spawn(async move {
            let (_ws, control) = deferred().await;
            done.send(control).unwrap();
            pending::<()>().await;
        });
        is_done.await.unwrap()
    });
    assert_eq!(control.written(), b"", "the background task has run: this shows nothing");
    drop(runtime);
    assert_eq!(frames(&control.written()), replies(1));
}

#[test]
fn a_connection_that_outlives_its_background_task_gets_another() {
    let runtime = || runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    let (mut ws, control) = first.block_on(async {
        let (ws, control) = tokio::spawn(deferred()).await.unwrap();
        settle().await;
        assert_eq!(frames(&control.written()), replies(1));
        control.bytes(batch(Side::Client, 2));
        (ws, control)
    });
    drop(first);
    runtime().block_on(async {
        let task = tokio::spawn(async move {
            ws.recv().await.unwrap();
            reply(&mut ws).await.unwrap();
            pending::<()>().await;
        });
        settle().await;
        assert_eq!(frames(&control.written()), replies(1));
        assert_eq!(Handle::current().metrics().num_alive_tasks(), 2);
        task.abort();
    });
}

#[test]
fn a_half_in_a_task_of_its_own_does_not_wait_for_the_handler() {
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.unwrap().block_on(async {
        let (arrived, has_arrived) = mpsc::channel();
        let has_arrived = std::sync::Mutex::new(Some(has_arrived));
        let server = serve("127.0.0.1:0", move |ws: WebSocket| {
            let has_arrived = has_arrived.lock().unwrap().take();
            async move {
                let (sender, mut receiver) = ws.split();
                let half = tokio::spawn(async move {
                    let message = receiver.recv().await?.unwrap();
                    sender.send(message).await?;
                    pending::<Result<(), Error>>().await
                });
                // The handler keeps its thread busy until the half's message has arrived.
                let waiting = tokio::task::block_in_place(|| {
                    has_arrived.unwrap().recv_timeout(Duration::from_secs(60))
                });
                half.abort();
                waiting
            }
        });
        let server = server.await.unwrap();
        let tcp = TcpStream::connect(server.local_addr()).await.unwrap();
        let mut raw = Raw::client(tcp).await;
        raw.io.write_all(&batch(Side::Client, 32)).await.unwrap();
        assert_eq!(soon(raw.next()).await, Some((BINARY, vec![0; 20])));
        arrived.send(()).unwrap();
        // The handler has not failed.
        assert_eq!(soon(raw.next()).await, Some((CLOSE, close(1000, ""))));
    });
}
