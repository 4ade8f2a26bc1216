//! Failing the connection ([RFC 6455 §7.1.7]) in every state.
//!
//! [RFC 6455 §7.1.7]: https://www.rfc-editor.org/rfc/rfc6455#section-7.1.7

use ws_proto::{Connection, Event, Message};
use ws_types::{Close, Side, State};

use crate::feed::{NOW, Scenario, config, connect, give, sent, take_output};
use crate::frames::{SIDES, close, cont, ping, text};

fn failed(code: u16, reason: &'static str) -> impl Fn(&mut Connection) {
    move |conn| conn.fail(Close::new(code, reason), NOW)
}

#[test]
fn failing_an_open_connection_sends_a_close_frame_and_drops_what_comes() {
    for side in SIDES {
        let mut conn = connect(side, &config(|_| ()), NOW);
        failed(1011, "trouble")(&mut conn);
        assert_eq!(sent(&mut conn), [close(1011, "trouble")]);
        assert_eq!((conn.state(), conn.wants_shutdown()), (State::Closing, side == Side::Server));

        let later = [text("a"), ping("p"), close(1000, ""), cont("bad")];
        let outcome = Scenario::new(side).after(failed(1011, "trouble")).run(&later);
        assert_eq!((outcome.events.len(), outcome.sent.len()), (0, 0));
        let text = "sent 1011 (internal error) trouble; no close frame received";
        assert_eq!(outcome.closed.to_string(), text);
        assert_eq!(outcome.cause(), None, "it wasn't the peer's fault");
    }
}

#[test]
fn failing_drops_what_was_received_and_not_pulled() {
    for side in SIDES {
        let mut conn = connect(side, &config(|_| ()), NOW);
        let before = [text("a").more(), cont("b"), text("c"), text("d").more()];
        conn.receive_data(&crate::frames::wire(side.peer(), &before), NOW);
        let first = conn.poll_event();
        assert_eq!(first, Some(Event::Message(Message::from("ab"))));
        failed(1008, "")(&mut conn);
        assert_eq!(conn.poll_event(), None);
        assert!(!conn.has_buffered_frame());
    }
}

#[test]
fn failing_a_closing_connection_sends_nothing_more() {
    for side in SIDES {
        for (answered, expected) in [
            (false, "sent 1000 (OK); no close frame received"),
            (true, "sent 1000 (OK); then received 1000 (OK)"),
        ] {
            let mut conn = connect(side, &config(|_| ()), NOW);
            conn.send_close(Close::new(1000, ""), NOW).unwrap();
            if answered {
                give(&mut conn, &[close(1000, "")]);
            }
            take_output(&mut conn);
            failed(1011, "trouble")(&mut conn);
            assert_eq!(sent(&mut conn), []);
            assert_eq!(give(&mut conn, &[close(1001, ""), text("a")]), []);
            assert_eq!(conn.closed().to_string(), expected);
            assert_eq!(
                (conn.state(), conn.wants_shutdown()),
                (State::Closing, side == Side::Server)
            );
        }
    }
}

#[test]
fn failing_a_closed_connection_changes_nothing() {
    for side in SIDES {
        let mut conn = connect(side, &config(|_| ()), NOW);
        conn.receive_eof();
        assert_eq!(conn.poll_event(), None);
        failed(1011, "trouble")(&mut conn);
        assert_eq!((conn.state(), conn.output().len()), (State::Closed, 0));
        assert_eq!(conn.closed().to_string(), "no close frame received or sent");
    }
}

#[test]
fn failing_with_a_code_that_cannot_be_sent_sends_nothing() {
    for side in SIDES {
        for code in [1005, 1006, 1015, 0, 2000, 5000] {
            let mut conn = connect(side, &config(|_| ()), NOW);
            failed(code, "lost")(&mut conn);
            assert_eq!((conn.output().len(), conn.closed().sent()), (0, None), "{code}");
            assert_eq!(give(&mut conn, &[text("a"), close(1000, "")]), [], "{code}");
            conn.receive_eof();
            assert_eq!(conn.poll_event(), None);
            assert_eq!(conn.state(), State::Closed);
            assert_eq!(conn.closed().to_string(), "no close frame received or sent");
            assert_eq!(conn.closed().code(), 1006);
        }
    }
}

#[test]
fn a_reason_that_is_too_long_is_cut_where_a_character_ends() {
    for (reason, kept) in [
        ("x".repeat(123), 123),
        ("x".repeat(124), 123),
        ("é".repeat(100), 122),
        ("x".to_owned() + &"é".repeat(100), 123),
        ("😀".repeat(40), 120),
    ] {
        let mut conn = connect(Side::Server, &config(|_| ()), NOW);
        conn.fail(Close::new(1011, reason.as_str()), NOW);
        assert_eq!(sent(&mut conn), [close(1011, &reason[..kept])]);
        assert_eq!(conn.closed().sent(), Some(&Close::new(1011, &reason[..kept])));
    }
}

#[test]
fn failing_ends_a_message_that_is_sent_in_fragments() {
    for side in SIDES {
        let mut conn = connect(side, &config(|_| ()), NOW);
        conn.send_chunk(Message::from("a"), false).unwrap();
        failed(1011, "error in fragmented message")(&mut conn);
        let reason = "error in fragmented message";
        assert_eq!(sent(&mut conn), [text("a").more(), close(1011, reason)]);
        assert!(conn.send_chunk(Message::from("b"), true).is_err());
        assert!(conn.send(Message::from("c")).is_err());
        assert_eq!(sent(&mut conn), []);
    }
}
