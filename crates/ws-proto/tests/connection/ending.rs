//! How a connection ends: by the end of the stream in every state, by the close timeout, by an error
//! of the stream ([RFC 6455 §7.1.1], [§7.1.5]).
//!
//! [RFC 6455 §7.1.1]: https://www.rfc-editor.org/rfc/rfc6455#section-7.1.1
//! [§7.1.5]: https://www.rfc-editor.org/rfc/rfc6455#section-7.1.5

use std::time::Duration;

use ws_errors::ConnectionClosed;
use ws_proto::{Connection, Event, Message};
use ws_types::{Close, Side, State};

use crate::feed::{NOW, Scenario, config, connect, give, pull, sent, take_output};
use crate::frames::{SIDES, binary, close, cont, ping, text, wire};
use crate::pair::Pair;

const SECOND: Duration = Duration::from_secs(1);
/// The default close timeout.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

fn close_1000(conn: &mut Connection) {
    conn.send_close(Close::new(1000, ""), NOW).unwrap();
}

#[test]
fn the_end_of_the_stream_without_a_closing_handshake_is_1006() {
    for side in SIDES {
        let long = [text("abc").more(), ping("p"), cont("defghi")];
        let bytes = wire(side.peer(), &long);
        // Between frames, inside a header, inside a payload, inside a message.
        for n in 0..bytes.len() {
            let outcome = Scenario::new(side).run_bytes(&bytes[..n]);
            assert_eq!(outcome.state, State::Open);
            assert_eq!(outcome.closed.to_string(), "no close frame received or sent");
            assert_eq!((outcome.closed.code(), outcome.is_ok()), (1006.into(), false));
            assert!(outcome.sent.iter().all(|frame| frame.opcode == 0xA), "nothing but the pong");
            assert!(outcome.events.iter().all(|event| matches!(event, Event::Ping(_))));
        }
    }
}

#[test]
fn whole_messages_before_the_end_of_the_stream_can_still_be_pulled() {
    for side in SIDES {
        let mut conn = connect(side, &config(|_| ()), NOW);
        let frames = [text("a"), binary("b"), text("cut")];
        let bytes = wire(side.peer(), &frames);
        conn.receive_data(&bytes[..bytes.len() - 1], NOW);
        conn.receive_eof();
        assert_eq!(conn.state(), State::Open);
        conn.receive_data(&[], NOW);
        conn.receive_data(&bytes[bytes.len() - 1..], NOW);
        assert_eq!(
            pull(&mut conn),
            [Event::Message(Message::from("a")), Event::Message(Message::from(b"b")),]
        );
        assert_eq!((conn.state(), conn.closed().code()), (State::Closed, 1006.into()));
        conn.receive_data(&bytes, NOW);
        assert_eq!(pull(&mut conn), [], "nothing comes after the end");
    }
}

#[test]
fn the_end_of_the_stream_in_every_state() {
    type Row = (fn(&mut Connection), &'static str, bool);
    let rows: [Row; 6] = [
        (|_| (), "no close frame received or sent", false),
        (close_1000, "sent 1000 (OK); no close frame received", false),
        (
            |conn| _ = give(conn, &[close(1000, "")]),
            "received 1000 (OK); then sent 1000 (OK)",
            true,
        ),
        (
            |conn| {
                close_1000(conn);
                give(conn, &[close(1001, "")]);
            },
            "sent 1000 (OK); then received 1001 (going away)",
            true,
        ),
        (
            |conn| conn.fail(Close::new(1011, ""), NOW),
            "sent 1011 (internal error); no close frame received",
            false,
        ),
        (|conn| _ = conn.abort(), "no close frame received or sent", false),
    ];
    for side in SIDES {
        for (setup, expected, ok) in rows {
            let outcome = Scenario::new(side).after(setup).run(&[]);
            assert_eq!(outcome.closed.to_string(), expected);
            assert_eq!(outcome.is_ok(), ok, "{expected}");
            assert_eq!((outcome.events.len(), outcome.sent.len()), (0, 0), "{expected}");
        }
    }
}

#[test]
fn a_broken_stream_closes_at_once_and_drops_everything() {
    for side in SIDES {
        let mut conn = connect(side, &config(|_| ()), NOW);
        conn.receive_data(&wire(side.peer(), &[text("a")]), NOW);
        conn.send(Message::from("b")).unwrap();
        conn.abort();
        assert_eq!((conn.state(), conn.output().len()), (State::Closed, 0));
        assert_eq!(pull(&mut conn), []);
        assert_eq!(conn.poll_timeout(), None);
        assert!(conn.send(Message::from("c")).is_err());
        assert_eq!(conn.closed().to_string(), "no close frame received or sent");

        // After the close frames were exchanged, the end was a proper one all the same.
        let mut conn = connect(side, &config(|_| ()), NOW);
        give(&mut conn, &[close(1000, "")]);
        conn.abort();
        assert!(matches!(conn.closed(), ConnectionClosed::ConnectionClosedOK(_)));
    }
}

#[test]
fn a_silent_peer_is_dropped_when_the_close_timeout_expires() {
    for side in SIDES {
        let mut pair = Pair::open(&config(|_| ()));
        pair.cut_wire();
        pair.end(side).conn.send_close(Close::new(1000, ""), Duration::ZERO).unwrap();
        pair.advance(CLOSE_TIMEOUT - Duration::from_nanos(1));
        assert_eq!(pair.end(side).conn.state(), State::Closing);
        pair.advance(Duration::from_nanos(1));
        let conn = &pair.end(side).conn;
        assert_eq!((conn.state(), conn.poll_timeout()), (State::Closed, None));
        assert_eq!(conn.closed().to_string(), "sent 1000 (OK); no close frame received");
    }
}

#[test]
fn the_close_timeout_runs_from_the_first_close_frame_to_the_end_of_tcp() {
    for side in SIDES {
        let mut conn = connect(side, &config(|c| c.ping_interval = None), NOW);
        assert_eq!(conn.poll_timeout(), None);
        conn.send_close(Close::new(1000, ""), NOW).unwrap();
        assert_eq!(conn.poll_timeout(), Some(NOW + CLOSE_TIMEOUT));
        // The answer doesn't set it back, nor does failing.
        conn.receive_data(&wire(side.peer(), &[close(1000, "")]), NOW + SECOND);
        assert!(conn.poll_event().is_some());
        conn.fail(Close::new(1011, ""), NOW + 2 * SECOND);
        assert_eq!(conn.poll_timeout(), Some(NOW + CLOSE_TIMEOUT));
        conn.handle_timeout(NOW + CLOSE_TIMEOUT);
        assert_eq!(conn.state(), State::Closed);
        let expected = "sent 1000 (OK); then received 1000 (OK)";
        assert_eq!(conn.closed().to_string(), expected);
    }
}

#[test]
fn the_close_timeout_runs_however_closing_begins() {
    type Begin = fn(&mut Connection);
    let begins: [Begin; 4] = [
        |conn| _ = give(conn, &[close(1000, "")]),
        |conn| _ = give(conn, &[cont("bad")]),
        |conn| conn.fail(Close::new(1011, ""), NOW),
        |conn| conn.fail(Close::new(1006, ""), NOW),
    ];
    for side in SIDES {
        for begin in begins {
            let mut conn = connect(side, &config(|c| c.ping_interval = None), Duration::ZERO);
            begin(&mut conn);
            // Right now, unless it is known when it began.
            conn.handle_timeout(NOW);
            assert_eq!(conn.poll_timeout(), Some(NOW + CLOSE_TIMEOUT));
            take_output(&mut conn);
            conn.handle_timeout(NOW + CLOSE_TIMEOUT);
            assert_eq!((conn.state(), conn.output().len()), (State::Closed, 0));
        }
    }
}

#[test]
fn the_close_timeout_runs_from_when_a_close_frame_or_a_violation_is_pulled() {
    let (late, end) = (NOW + 60 * SECOND, NOW + 60 * SECOND + CLOSE_TIMEOUT);
    for side in SIDES {
        for frame in [close(1000, ""), cont("bad")] {
            for waiting in [false, true] {
                let mut conn = connect(side, &config(|c| c.ping_interval = None), NOW);
                conn.receive_data(&wire(side.peer(), &[text("slow"), frame.clone()]), NOW);
                assert!(conn.poll_event().is_some());
                // The program takes a minute for this message.
                conn.poll_event();
                assert!(conn.poll_timeout().is_some_and(|due| due <= late));
                match waiting {
                    true => conn.receive_data(&[], late),
                    false => conn.handle_timeout(late),
                }
                assert_eq!((conn.state(), sent(&mut conn).len()), (State::Closing, 1));
                assert_eq!(conn.poll_timeout(), Some(end));
                conn.handle_timeout(end);
                assert_eq!(conn.state(), State::Closed);
            }
        }
    }
}

#[test]
fn without_a_close_timeout_closing_takes_as_long_as_it_takes() {
    let mut pair = Pair::open(&config(|c| c.close_timeout = None));
    pair.cut_wire();
    pair.client.conn.send_close(Close::new(1000, ""), Duration::ZERO).unwrap();
    assert_eq!(pair.client.conn.poll_timeout(), None, "and the keepalive is over");
    pair.client.conn.handle_timeout(Duration::MAX);
    assert_eq!(pair.client.conn.state(), State::Closing);
}

#[test]
fn deadlines_beyond_the_end_of_time_do_not_overflow() {
    let config = config(|c| {
        c.close_timeout = Some(Duration::MAX);
        c.ping_interval = Some(Duration::MAX);
    });
    let mut conn = connect(Side::Server, &config, NOW);
    assert_eq!(conn.poll_timeout(), Some(Duration::MAX));
    conn.send_close(Close::new(1000, ""), NOW).unwrap();
    assert_eq!(conn.poll_timeout(), Some(Duration::MAX));
}

#[test]
fn a_timer_that_fires_early_does_nothing() {
    for side in SIDES {
        let mut conn = connect(side, &config(|_| ()), NOW);
        conn.handle_timeout(NOW);
        assert_eq!((conn.output().len(), conn.poll_timeout()), (0, Some(NOW + 20 * SECOND)));
        conn.send_close(Close::new(1000, ""), NOW).unwrap();
        conn.handle_timeout(NOW + 9 * SECOND);
        assert_eq!(conn.state(), State::Closing);
    }
}
