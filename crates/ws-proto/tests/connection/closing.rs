//! The closing handshake ([RFC 6455 §5.5.1], [§7.1]), begun by either side, and what may be in a
//! close frame ([§7.4]).
//!
//! [RFC 6455 §5.5.1]: https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1
//! [§7.1]: https://www.rfc-editor.org/rfc/rfc6455#section-7.1
//! [§7.4]: https://www.rfc-editor.org/rfc/rfc6455#section-7.4

use ws_errors::{InvalidState, ProtocolError, ProtocolErrorKind, WebSocketException};
use ws_proto::{Connection, Event, Message};
use ws_types::{Close, CloseCode, Side, State};

use crate::feed::{NOW, Scenario, config, connect, give, sent, take_output};
use crate::frames::{Frame, SIDES, binary, close, close_empty, cont, frame, ping, pong, text};
use crate::pair::Pair;

fn closing_with(code: u16, reason: &'static str) -> impl Fn(&mut Connection) {
    move |conn| conn.send_close(Close::new(code, reason), NOW).unwrap()
}

#[test]
fn a_close_frame_is_echoed_byte_for_byte() {
    let longest = "r".repeat(123);
    let rows: [(Frame, u16, &str, bool); 8] = [
        (close_empty(), 1005, "", true),
        (close(1000, ""), 1000, "", true),
        (close(1000, "done"), 1000, "done", true),
        (close(1001, "Überlast ☃"), 1001, "Überlast ☃", true),
        (close(1011, "oops"), 1011, "oops", false),
        (close(3000, "a\0\u{1b}[2J"), 3000, "a\0\u{1b}[2J", false),
        (close(4999, ""), 4999, "", false),
        (close(1000, &longest), 1000, &longest, true),
    ];
    for side in SIDES {
        for (frame, code, reason, ok) in &rows {
            let outcome = Scenario::new(side).run(std::slice::from_ref(frame));
            let rcvd = Close::new(*code, *reason);
            assert_eq!(outcome.events, [Event::Close(rcvd.clone())]);
            assert_eq!(outcome.sent, std::slice::from_ref(frame));
            assert_eq!(outcome.state, State::Closing);
            assert_eq!(outcome.shutdown, side == Side::Server, "the server ends TCP first");
            assert_eq!(outcome.is_ok(), *ok, "{frame:?}");
            assert_eq!((outcome.closed.code(), outcome.closed.reason()), ((*code).into(), *reason));
            assert_eq!(outcome.closed.rcvd_then_sent(), Some(true));
            assert_eq!(outcome.closed.to_string(), format!("received {rcvd}; then sent {rcvd}"));
        }
    }
}

#[test]
fn a_close_frame_is_sent_with_code_and_reason_or_with_nothing() {
    let longest = "é".repeat(61) + "x"; // 123 bytes
    for (ours, frame) in [
        (Close::no_status(), close_empty()),
        (Close::new(1000, ""), close(1000, "")),
        (Close::new(1001, "bye"), close(1001, "bye")),
        (Close::new(4000, longest.as_str()), close(4000, &longest)),
    ] {
        for side in SIDES {
            let mut conn = connect(side, &config(|_| ()), NOW);
            conn.send_close(ours.clone(), NOW).unwrap();
            assert_eq!(sent(&mut conn), std::slice::from_ref(&frame));
            assert_eq!((conn.state(), conn.wants_shutdown()), (State::Closing, false));
            assert_eq!(conn.closed().sent(), Some(&ours));
            assert_eq!(conn.closed().rcvd(), None);

            // The peer answers with the same, or with something else.
            for answer in [frame.clone(), close(1001, "me too")] {
                let scenario =
                    Scenario::new(side).after(|conn| conn.send_close(ours.clone(), NOW).unwrap());
                let outcome = scenario.run(&[answer]);
                assert_eq!(outcome.sent, [], "an answer isn't answered");
                assert_eq!(outcome.state, State::Closing);
                assert_eq!(outcome.shutdown, side == Side::Server);
                assert_eq!(outcome.closed.sent(), Some(&ours));
                assert_eq!(outcome.closed.rcvd_then_sent(), Some(false));
                assert!(outcome.closed.to_string().starts_with(&format!("sent {ours}; then rec")));
            }
        }
    }
}

#[test]
fn two_close_frames_without_a_code_are_a_proper_end() {
    for side in SIDES {
        let scenario =
            Scenario::new(side).after(|c| c.send_close(Close::no_status(), NOW).unwrap());
        assert!(scenario.run(&[close_empty()]).is_ok());
        // One proper code doesn't make up for one that isn't.
        assert!(!Scenario::new(side).after(closing_with(1000, "")).run(&[close(1002, "")]).is_ok());
        assert!(!Scenario::new(side).after(closing_with(1011, "")).run(&[close(1000, "")]).is_ok());
    }
}

#[test]
fn rfc6455_7_4_1_reserved_codes_are_never_sent() {
    let mut conn = connect(Side::Server, &config(|_| ()), NOW);
    let sendable = |code| matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
    for code in (0..=u16::MAX).filter(|code| !sendable(*code) && *code != 1005) {
        let error = ProtocolError::new(ProtocolErrorKind::InvalidStatusCode(code)).into();
        assert_eq!(conn.send_close(Close::new(code, ""), NOW), Err(error));
        assert_eq!((conn.state(), conn.output().len()), (State::Open, 0), "{code}");
    }
    for code in (0..=u16::MAX).filter(|code| sendable(*code)) {
        let mut conn = connect(Side::Server, &config(|_| ()), NOW);
        conn.send_close(Close::new(code, ""), NOW).unwrap();
        assert_eq!(sent(&mut conn), [close(code, "")]);
    }
}

#[test]
fn what_a_close_frame_cannot_hold_is_refused_and_changes_nothing() {
    for side in SIDES {
        let mut conn = connect(side, &config(|_| ()), NOW);
        let long = "é".repeat(62); // 124 bytes
        for (close, kind) in [
            (Close::new(1005, "why"), ProtocolErrorKind::ReasonWithoutCode),
            (Close::new(1000, long.as_str()), ProtocolErrorKind::ControlFrameTooLong(126)),
        ] {
            let error = ProtocolError::new(kind).into();
            assert_eq!(conn.send_close(close, NOW), Err(error));
            assert_eq!((conn.state(), conn.output().len()), (State::Open, 0));
            assert_eq!(conn.closed().sent(), None);
        }
        conn.send(Message::from("still open")).unwrap();
        assert_eq!(sent(&mut conn), [text("still open")]);
    }
}

/// (what a peer sends as the payload of a close frame, our code, our reason)
const INVALID: [(&[u8], u16, &str); 16] = [
    (b"\x03", 1002, "close frame too short"),
    (&[0, 0], 1002, "invalid status code"),
    (&999_u16.to_be_bytes(), 1002, "invalid status code"),
    (&1004_u16.to_be_bytes(), 1002, "invalid status code"),
    (&1005_u16.to_be_bytes(), 1002, "invalid status code"),
    (&1006_u16.to_be_bytes(), 1002, "invalid status code"),
    (&1015_u16.to_be_bytes(), 1002, "invalid status code"),
    (&1016_u16.to_be_bytes(), 1002, "invalid status code"),
    (&2999_u16.to_be_bytes(), 1002, "invalid status code"),
    (&5000_u16.to_be_bytes(), 1002, "invalid status code"),
    (&[255, 255, b'o', b'k'], 1002, "invalid status code"),
    (b"\x03\xE8\xFF", 1007, "invalid start byte at position 0"),
    (b"\x03\xE8ab\xC3(", 1007, "invalid continuation byte at position 2"),
    (b"\x03\xE8\xED\xA0\x80", 1007, "invalid continuation byte at position 0"),
    (b"\x03\xE8snow \xE2\x98", 1007, "unexpected end of data at position 5"),
    // The reason is read before the code is judged.
    (b"\x03\xED\x80", 1007, "invalid start byte at position 0"),
];

#[test]
fn rfc6455_7_4_invalid_close_frames_fail_the_connection() {
    for side in SIDES {
        for (payload, code, reason) in INVALID {
            for inside in [vec![], vec![text("x").more()]] {
                let frames = [inside, vec![frame(0x8, payload)]].concat();
                let outcome = Scenario::new(side).run(&frames);
                assert_eq!(outcome.sent, [close(code, reason)], "{payload:x?}");
                assert_eq!(outcome.events, [], "{payload:x?}");
                assert_eq!(outcome.closed.rcvd(), None, "{payload:x?}");
                assert_eq!(outcome.cause().unwrap().to_string(), reason);
                assert_eq!(outcome.cause().unwrap().close_code(), code);
                assert_eq!(outcome.shutdown, side == Side::Server);
            }
        }
    }
}

#[test]
fn invalid_close_frames_in_answer_to_ours_end_the_connection_without_another_one() {
    for side in SIDES {
        for (payload, _, reason) in INVALID {
            let scenario = Scenario::new(side).after(closing_with(1000, "bye"));
            let outcome = scenario.run(&[frame(0x8, payload), text("late")]);
            assert_eq!((outcome.sent.len(), outcome.events.len()), (0, 0), "{payload:x?}");
            assert_eq!(outcome.shutdown, side == Side::Server);
            assert_eq!(outcome.cause().unwrap().to_string(), reason);
            let text = "sent 1000 (OK) bye; no close frame received";
            assert_eq!(outcome.closed.to_string(), text);
        }
    }
}

#[test]
fn after_our_close_frame_messages_still_arrive_and_pings_are_answered() {
    for side in SIDES {
        let frames = [text("a"), ping("p"), binary("b").more(), ping("q"), cont("c")];
        let scenario = Scenario::new(side).after(closing_with(1000, ""));
        let outcome = scenario.run(&[&frames[..], &[close(1000, "")]].concat());
        assert_eq!(
            outcome.events,
            [
                Event::Message(Message::from("a")),
                Event::Ping(b"p".into()),
                Event::Ping(b"q".into()),
                Event::Message(Message::from(b"bc")),
                Event::Close(Close::new(1000, "")),
            ]
        );
        assert_eq!(outcome.sent, [pong("p"), pong("q")]);
        assert!(outcome.is_ok());
    }
}

#[test]
fn after_their_close_frame_everything_is_dropped() {
    for side in SIDES {
        let garbage = frame(0xF, "garbage").rsv(7).more();
        for later in [text("a"), ping("p"), close(1011, "again"), cont("x"), garbage] {
            let frames = [close(1000, "bye"), later.clone()];
            let outcome = Scenario::new(side).run(&frames);
            assert_eq!(outcome.events, [Event::Close(Close::new(1000, "bye"))], "{later:?}");
            assert_eq!(outcome.sent, [close(1000, "bye")], "{later:?}");
            assert!(outcome.is_ok());

            let outcome = Scenario::new(side).after(closing_with(1001, "")).run(&frames);
            assert_eq!(outcome.events.len(), 1, "{later:?}");
            assert_eq!(outcome.sent, [], "{later:?}");
            assert!(outcome.is_ok());
        }
    }
}

#[test]
fn a_close_frame_between_fragments_is_answered_like_any_other() {
    // RFC 6455 §5.4: "Control frames MAY be injected in the middle of a fragmented message."
    for side in SIDES {
        let outcome = Scenario::new(side).run(&[text("a").more(), close(1000, "bye"), cont("b")]);
        assert_eq!(outcome.events, [Event::Close(Close::new(1000, "bye"))]);
        assert_eq!(outcome.sent, [close(1000, "bye")]);
        assert!(outcome.is_ok());
    }
}

#[test]
fn a_close_frame_while_we_send_fragments_ends_the_message() {
    for side in SIDES {
        let mut conn = connect(side, &config(|_| ()), NOW);
        conn.send_chunk(Message::from("a"), false).unwrap();
        assert_eq!(give(&mut conn, &[close(1000, "")]).len(), 1);
        assert_eq!(sent(&mut conn), [text("a").more(), close(1000, "")]);
        let error = InvalidState::new(State::Closing).into();
        assert_eq!(conn.send_chunk(Message::from("b"), true), Err(error));
    }
}

#[test]
fn closing_is_for_open_connections() {
    for side in SIDES {
        for (setup, state) in [
            (Box::new(closing_with(1000, "")) as Box<dyn Fn(&mut Connection)>, State::Closing),
            (Box::new(|c: &mut Connection| _ = give(c, &[close(1000, "")])), State::Closing),
            (Box::new(|c: &mut Connection| c.fail(Close::new(1002, ""), NOW)), State::Closing),
            (Box::new(|c: &mut Connection| _ = c.abort()), State::Closed),
        ] {
            let mut conn = connect(side, &config(|_| ()), NOW);
            setup(&mut conn);
            take_output(&mut conn);
            let before = conn.closed();
            let error = conn.send_close(Close::new(1001, ""), NOW).unwrap_err();
            assert_eq!(error, InvalidState::new(state).into());
            assert_eq!((conn.output().len(), conn.closed()), (0, before));
        }
    }
}

#[test]
fn either_side_can_close_and_the_server_ends_tcp_first() {
    for side in SIDES {
        for ours in [Close::no_status(), Close::new(1000, "bye"), Close::new(4001, "")] {
            let mut pair = Pair::open(&config(|_| ()));
            pair.end(side).conn.send(Message::from("last words")).unwrap();
            pair.end(side).conn.send_close(ours.clone(), NOW).unwrap();
            pair.drive();
            assert_eq!(pair.shutdowns, [Side::Server, Side::Client]);
            assert_eq!(pair.end(side).events(), [Event::Close(ours.clone())]);
            assert_eq!(
                pair.end(side.peer()).events(),
                [Event::Message(Message::from("last words")), Event::Close(ours.clone()),]
            );
            for (end, order) in [(side, Some(false)), (side.peer(), Some(true))] {
                let conn = &pair.end(end).conn;
                assert_eq!((conn.state(), conn.poll_timeout()), (State::Closed, None));
                assert_eq!(conn.closed().rcvd(), Some(&ours));
                assert_eq!(conn.closed().sent(), Some(&ours));
                assert_eq!(conn.closed().rcvd_then_sent(), order);
                assert_eq!(conn.closed().code(), ours.code);
            }
        }
    }
}

#[test]
fn when_both_close_at_once_both_sent_first() {
    let mut pair = Pair::open(&config(|_| ()));
    pair.client.conn.send_close(Close::new(1000, "c"), NOW).unwrap();
    pair.server.conn.send_close(Close::new(1001, "s"), NOW).unwrap();
    pair.drive();
    let closed = pair.client.conn.closed().to_string();
    assert_eq!(closed, "sent 1000 (OK) c; then received 1001 (going away) s");
    let closed = pair.server.conn.closed().to_string();
    assert_eq!(closed, "sent 1001 (going away) s; then received 1000 (OK) c");
    assert_eq!(pair.shutdowns, [Side::Server, Side::Client]);
    assert_eq!((pair.client.events().len(), pair.server.events().len()), (1, 1));
}

#[test]
fn a_server_waits_for_its_close_frame_to_be_written_before_it_ends_tcp() {
    use bytes::Buf;
    let mut conn = connect(Side::Server, &config(|_| ()), NOW);
    give(&mut conn, &[close(1000, "bye")]);
    while !conn.output().is_empty() {
        assert!(!conn.wants_shutdown());
        conn.output().advance(1);
    }
    assert!(conn.wants_shutdown());
}

#[test]
fn codes_on_the_wire_are_kept_whatever_they_are_called() {
    let outcome = Scenario::new(Side::Client).run(&[close(1014, "")]);
    assert_eq!(outcome.closed.rcvd().map(|close| close.code), Some(CloseCode::BAD_GATEWAY));
    let error: WebSocketException = outcome.closed.into();
    assert!(error.get::<ws_errors::ConnectionClosedError>().is_some());
}
