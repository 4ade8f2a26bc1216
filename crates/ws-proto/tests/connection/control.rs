//! Control frames ([RFC 6455 §5.5]): length, fragmentation, pings and their pongs, anywhere between
//! the fragments of a message.
//!
//! [RFC 6455 §5.5]: https://www.rfc-editor.org/rfc/rfc6455#section-5.5

use ws_errors::{ProtocolError, ProtocolErrorKind, WebSocketException};
use ws_proto::{Event, Message, Payload};
use ws_types::{Close, Side, State};

use crate::feed::{NOW, Scenario, config, connect, give, pull, sent, take_output};
use crate::frames::{SIDES, binary, close, close_empty, cont, frame, ping, pong, text, wire};

#[test]
fn rfc6455_5_5_control_frames_have_at_most_125_bytes() {
    for side in SIDES {
        for opcode in [8, 9, 10] {
            for len in [126, 127, 300, 70_000] {
                let outcome = Scenario::new(side).run(&[frame(opcode, vec![b'x'; len])]);
                let announced = if len < 65_536 { 126 } else { 127 };
                let kind = ProtocolErrorKind::ControlFrameTooLong(announced);
                assert_eq!(outcome.cause(), Some(&ProtocolError::new(kind).into()));
                assert_eq!(outcome.sent, [close(1002, "control frame too long")]);
            }
        }
        let longest = vec![b'x'; 125];
        let outcome = Scenario::new(side).run(&[ping(&longest), pong(&longest)]);
        let payload = Payload::from(longest.clone());
        assert_eq!(
            outcome.events,
            [Event::Ping(payload.clone()), Event::Pong { payload, acknowledges: None },]
        );
        assert_eq!(outcome.sent, [pong(&longest)]);
    }
}

#[test]
fn rfc6455_5_5_control_frames_are_not_fragmented() {
    for side in SIDES {
        for control in [ping("a"), pong(""), close(1000, ""), close_empty()] {
            for before in [vec![], vec![text("x").more()]] {
                let frames = [before, vec![control.clone().more(), cont("")]].concat();
                let outcome = Scenario::new(side).run(&frames);
                assert_eq!(outcome.sent, [close(1002, "fragmented control frame")]);
                assert_eq!(outcome.events, []);
            }
        }
    }
}

#[test]
fn rfc6455_5_5_2_pings_are_answered_with_their_payload_in_order() {
    for side in SIDES {
        let payloads: [&[u8]; 4] = [b"", b"a", b"\0\xFF\x80", &[7; 125]];
        let outcome = Scenario::new(side).run(&payloads.map(ping));
        assert_eq!(outcome.sent, payloads.map(pong));
        assert_eq!(outcome.events, payloads.map(|p| Event::Ping(Payload::copy_from_slice(p))));
        assert_eq!(outcome.state, State::Open);
    }
}

#[test]
fn rfc6455_5_5_3_pongs_that_nobody_asked_for_are_ignored() {
    for side in SIDES {
        let outcome = Scenario::new(side).run(&[pong(""), pong("heartbeat"), text("a")]);
        assert_eq!(
            outcome.events,
            [
                Event::Pong { payload: b"".into(), acknowledges: None },
                Event::Pong { payload: b"heartbeat".into(), acknowledges: None },
                Event::Message(Message::from("a")),
            ]
        );
        assert_eq!((outcome.sent, outcome.state), (vec![], State::Open));
    }
}

#[test]
fn rfc6455_5_4_control_frames_come_between_fragments() {
    for side in SIDES {
        let frames =
            [text("é").more(), ping("1"), cont("").more(), pong("2"), ping("3"), cont("ü")];
        let outcome = Scenario::new(side).run(&frames);
        // Control frames are seen when they come; the message, at its end.
        assert_eq!(
            outcome.events,
            [
                Event::Ping(b"1".into()),
                Event::Pong { payload: b"2".into(), acknowledges: None },
                Event::Ping(b"3".into()),
                Event::Message(Message::from("éü")),
            ]
        );
        assert_eq!(outcome.sent, [pong("1"), pong("3")]);
    }
}

#[test]
fn a_ping_between_fragments_that_are_sent_is_answered_between_them() {
    for side in SIDES {
        let mut conn = connect(side, &config(|_| ()), NOW);
        conn.send_chunk(Message::from("a"), false).unwrap();
        assert_eq!(give(&mut conn, &[ping("p")]).len(), 1);
        conn.send_chunk(Message::from("b"), true).unwrap();
        assert_eq!(sent(&mut conn), [text("a").more(), pong("p"), cont("b")]);
    }
}

/// (what was done to the connection, whether pings are still answered)
type Row = (&'static str, fn(&mut ws_proto::Connection), bool);

#[test]
fn pings_are_answered_and_sent_until_a_close_frame_was_received() {
    let rows: [Row; 5] = [
        ("open", |_| (), true),
        ("close sent", |c| c.send_close(Close::new(1000, ""), NOW).unwrap(), true),
        ("close received", |c| _ = give(c, &[close_empty()]), false),
        ("failed", |c| c.fail(Close::new(1011, ""), NOW), false),
        ("closed", |conn| _ = conn.abort(), false),
    ];
    for side in SIDES {
        for (what, setup, answered) in rows {
            let outcome = Scenario::new(side).after(setup).run(&[ping("p")]);
            let expected = if answered { vec![pong("p")] } else { vec![] };
            assert_eq!(outcome.sent, expected, "{what}");

            let mut conn = connect(side, &config(|_| ()), NOW);
            setup(&mut conn);
            take_output(&mut conn);
            let pinged = conn.ping(Some(Payload::from(b"a")), NOW);
            let ponged = conn.pong(Payload::from(b"b"));
            if answered {
                assert!(pinged.is_ok() && ponged.is_ok(), "{what}");
                assert_eq!(sent(&mut conn), [ping("a"), pong("b")], "{what}");
            } else {
                assert!(matches!(pinged, Err(WebSocketException::InvalidState(_))), "{what}");
                assert!(matches!(ponged, Err(WebSocketException::InvalidState(_))), "{what}");
                assert_eq!(sent(&mut conn), [], "{what}");
            }
        }
    }
}

#[test]
fn pings_and_pongs_that_are_too_long_are_refused() {
    for side in SIDES {
        let mut conn = connect(side, &config(|_| ()), NOW);
        let long = Payload::from(vec![0; 126]);
        let error = ProtocolError::new(ProtocolErrorKind::ControlFrameTooLong(126)).into();
        assert_eq!(conn.ping(Some(long.clone()), NOW), Err(error));
        assert_eq!(conn.pong(long.clone()).unwrap_err().to_string(), "control frame too long");
        assert_eq!(sent(&mut conn), []);
        assert_eq!(conn.state(), State::Open);
        // What was refused isn't waited for.
        assert_eq!(give(&mut conn, &[pong(&long[..125])]).len(), 1);
        conn.ping(Some(long.slice(..125)), NOW).unwrap();
        assert_eq!(sent(&mut conn), [ping(&long[..125])]);
    }
}

#[test]
fn one_event_per_pull_so_that_replies_are_in_order() {
    let mut conn = connect(Side::Server, &config(|_| ()), NOW);
    conn.receive_data(&wire(Side::Client, &[ping("1"), binary("x"), ping("2")]), NOW);
    assert_eq!(conn.poll_event(), Some(Event::Ping(b"1".into())));
    assert_eq!(sent(&mut conn), [pong("1")], "the second ping wasn't looked at");
    assert_eq!(conn.poll_event(), Some(Event::Message(Message::from(b"x"))));
    conn.send(Message::from(b"y")).unwrap();
    assert_eq!(pull(&mut conn), [Event::Ping(b"2".into())]);
    assert_eq!(sent(&mut conn), [binary("y"), pong("2")]);
}
