//! Connections that fail: the error is told as soon as it is known, and the closing goes on behind it.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use ws_errors::{InvalidUtf8, KeepaliveTimeout, PayloadTooBig, ProtocolError, TooManyFragments};
use ws_tokio::Error;
use ws_types::{CloseCode, Side, State};

use crate::common::{
    BINARY, CLOSE, FIRST_TEXT, MIDDLE, TEXT, client_of, close, frame, server, settle, soon,
};
use crate::script::{frames, scripted};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn recv_tells_of_a_broken_peer_at_once_and_the_closing_goes_on() {
    type Is = fn(&Error) -> bool;
    let table: [(&str, Vec<u8>, u16, Is); 6] = [
        ("a reserved bit", frame(Side::Server, 0xC1, "x"), 1002, |e| {
            e.get::<ProtocolError>().is_some()
        }),
        ("a mask", frame(Side::Client, TEXT, "x"), 1002, |e| e.get::<ProtocolError>().is_some()),
        ("bad text", frame(Side::Server, TEXT, b"\xff"), 1007, |e| {
            e.get::<InvalidUtf8>().is_some()
        }),
        ("a message that is too big", frame(Side::Server, BINARY, [0; 101]), 1009, |e| {
            e.get::<PayloadTooBig>().is_some()
        }),
        (
            "too many fragments",
            [frame(Side::Server, FIRST_TEXT, ""), frame(Side::Server, MIDDLE, "")].concat(),
            1009,
            |e| e.get::<TooManyFragments>().is_some(),
        ),
        ("a bad close frame", frame(Side::Server, CLOSE, [3]), 1002, |e| {
            e.get::<ProtocolError>().is_some()
        }),
    ];
    for (what, bytes, code, is) in table {
        let (mut ws, mut raw) =
            client_of(4096, |client| client.max_message_size(100).max_fragments(1)).await;
        raw.write(&bytes).await;
        let start = Instant::now();
        for _ in 0..2 {
            let error = soon(ws.recv()).await.unwrap_err();
            assert!(is(&error) && !error.is_retryable(), "{what}: {error:?}");
            assert_eq!(error.sent().unwrap().code, code, "{what}");
        }
        assert_eq!((start.elapsed(), ws.state()), (Duration::ZERO, State::Closing), "{what}");
        // Even when nobody holds the connection any more, the peer learns why, and has its time to close.
        drop(ws);
        let (opcode, payload) = soon(raw.next()).await.unwrap();
        assert_eq!((opcode, &payload[..2]), (CLOSE, &code.to_be_bytes()[..]), "{what}");
        sleep(5 * SECOND).await;
        raw.send(CLOSE, close(code, "")).await;
        assert_eq!(
            soon(raw.next()).await,
            None,
            "{what}: a client waits for the server to end the stream"
        );
        assert_eq!(start.elapsed(), 10 * SECOND, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn recv_tells_of_a_dead_peer_when_the_pong_is_overdue() {
    let (ws, control) = scripted(|accept| accept.ping_timeout(5 * SECOND)).await;
    let (sender, mut receiver) = ws.split();
    let start = Instant::now();
    let error = soon(receiver.recv()).await.unwrap_err();
    assert_eq!(start.elapsed().as_secs(), 25);
    assert!(error.is_timeout() && error.is_retryable(), "{error:?}");
    assert_eq!(error.get::<KeepaliveTimeout>().unwrap().ping_timeout, 5 * SECOND);
    assert_eq!(
        error.to_string(),
        "sent 1011 (internal error) keepalive ping timeout; no close frame received \
         (keepalive ping timeout: no pong within 5 s)"
    );
    let again = sender.send("too late").await.unwrap_err();
    assert!(again.is_timeout(), "{again:?}");
    assert_eq!(
        frames(&control.written()).0.last(),
        Some(&(CLOSE, close(1011, "keepalive ping timeout")))
    );
    sleep(11 * SECOND).await;
    assert!(control.dropped());
}

#[tokio::test(start_paused = true)]
async fn messages_before_the_violation_are_received_first() {
    let (mut ws, mut raw) = server(4096, |accept| accept).await;
    raw.send(TEXT, "one").await;
    raw.send(0xC1, "bad").await;
    sleep(SECOND).await;
    assert_eq!(soon(ws.recv()).await.unwrap(), Some("one".into()));
    let start = Instant::now();
    assert!(soon(ws.recv()).await.unwrap_err().get::<ProtocolError>().is_some());
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn close_is_not_ok_for_a_connection_that_failed() {
    for what in ["violation", "keepalive", "half a message", "lost before", "reset before"] {
        let (mut ws, control) = scripted(|accept| accept).await;
        match what {
            "violation" => control.bytes(frame(Side::Client, 0xC1, "bad")),
            "keepalive" => sleep(41 * SECOND).await,
            "half a message" => {
                let mut writer = ws.send_streaming();
                writer.write("half").await.unwrap();
            }
            "lost before" => control.end(),
            _ => control.read_error(ErrorKind::ConnectionReset),
        }
        if what != "half a message" {
            soon(ws.recv()).await.unwrap_err();
        }
        let start = Instant::now();
        let error = soon(ws.close(1000, "")).await.unwrap_err();
        assert!(error.closed().is_some(), "{what}: {error:?}");
        assert!(start.elapsed() <= 10 * SECOND, "{what}");
        assert_eq!(ws.state(), State::Closed, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn close_is_ok_once_the_connection_is_closed_however_the_peer_took_it() {
    for what in
        ["answers", "has closed before", "closes with an error", "ends the stream", "is silent"]
    {
        let (ws, control) = scripted(|accept| accept).await;
        match what {
            "answers" => {}
            "has closed before" => control.bytes(frame(Side::Client, CLOSE, close(1001, ""))),
            "closes with an error" => control.bytes(frame(Side::Client, CLOSE, close(1011, ""))),
            _ => {}
        }
        settle().await;
        let closing = ws.close(1000, "");
        match what {
            "answers" => control.bytes(frame(Side::Client, CLOSE, close(1000, ""))),
            "ends the stream" => control.end(),
            _ => {}
        }
        soon(closing).await.unwrap_or_else(|e| panic!("{what}: {e:?}"));
        assert_eq!(ws.state(), State::Closed, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_send_that_meets_the_proper_close_of_the_peer_says_so() {
    for way in ["send", "feed and flush", "try_send", "in pieces"] {
        let (mut ws, control) = scripted(|accept| accept.ping_interval(None)).await;
        // The peer has closed, and its socket takes nothing any more; nobody has read its close frame.
        control.bytes(frame(Side::Client, TEXT, "last words"));
        control.bytes(frame(Side::Client, CLOSE, close(1000, "done")));
        control.write_error(ErrorKind::BrokenPipe);
        let error = match way {
            "send" => ws.send("line").await.unwrap_err(),
            "feed and flush" => {
                ws.feed("line").await.unwrap();
                ws.flush().await.unwrap_err()
            }
            "try_send" => {
                _ = ws.try_send("line");
                ws.try_send("line").unwrap_err().into()
            }
            _ => ws.send_streaming().write("line").await.unwrap_err(),
        };
        assert!(error.is_closed_ok() && !error.is_retryable(), "{way}: {error:?}");
        assert_eq!(error.rcvd().map(|close| &*close.reason), Some("done"), "{way}");
        // Nothing that had arrived is lost.
        assert_eq!(soon(ws.recv()).await.unwrap(), Some("last words".into()), "{way}");
        assert_eq!(soon(ws.recv()).await.unwrap(), None, "{way}");
        assert_eq!(ws.close_code(), Some(CloseCode::NORMAL_CLOSURE), "{way}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_waits_gets_what_a_failed_send_found() {
    let (ws, control) = scripted(|accept| accept.ping_interval(None)).await;
    let (sender, mut receiver) = ws.split();
    let receiving = tokio::spawn(async move { (receiver.recv().await, receiver.recv().await) });
    settle().await;
    control.write_error(ErrorKind::BrokenPipe);
    control.bytes(frame(Side::Client, TEXT, "last words"));
    control.bytes(frame(Side::Client, CLOSE, close(1000, "")));
    let error = sender.send("line").await.unwrap_err();
    assert!(error.is_closed_ok(), "{error:?}");
    let (message, end) = soon(receiving).await.unwrap();
    assert_eq!((message.unwrap(), end.unwrap()), (Some("last words".into()), None));
}
