//! Which frames may come, and in which order ([RFC 6455 §5.1], [§5.2], [§5.4]).
//!
//! [RFC 6455 §5.1]: https://www.rfc-editor.org/rfc/rfc6455#section-5.1
//! [§5.2]: https://www.rfc-editor.org/rfc/rfc6455#section-5.2
//! [§5.4]: https://www.rfc-editor.org/rfc/rfc6455#section-5.4

use ws_errors::{ProtocolError, ProtocolErrorKind};
use ws_proto::{Event, Message};
use ws_types::{Side, State};

use crate::feed::{NOW, Scenario, config, connect, give, sent};
use crate::frames::{
    Frame, SIDES, binary, close, close_empty, cont, frame, ping, pong, text, wire,
};

/// Checks that frames fail the connection with 1002, for this reason.
#[track_caller]
fn fails(side: Side, frames: &[Frame], kind: ProtocolErrorKind) {
    let outcome = Scenario::new(side).run(frames);
    check(side, &outcome, kind);
}

#[track_caller]
fn check(side: Side, outcome: &crate::feed::Outcome, kind: ProtocolErrorKind) {
    let reason = kind.to_string();
    assert_eq!(outcome.cause(), Some(&ProtocolError::new(kind).into()), "{side}");
    assert_eq!(outcome.sent.last(), Some(&close(1002, &reason)), "{side}");
    assert_eq!(outcome.state, State::Closing);
    // RFC 6455 §7.1.1: the server closes first; a client waits for it.
    assert_eq!(outcome.shutdown, side == Side::Server);
    let text = format!("sent 1002 (protocol error) {reason}; no close frame received");
    assert_eq!(outcome.closed.to_string(), text);
    assert_eq!(outcome.closed.code(), 1006);
}

#[test]
fn rfc6455_5_4_messages_are_whole_or_in_fragments() {
    for side in SIDES {
        let long = "x".repeat(300);
        for (frames, expected) in [
            (vec![text("")], vec![Message::from("")]),
            (vec![binary(b"")], vec![Message::from(b"")]),
            (
                vec![text("a"), binary(b"\xFF"), text(&long)],
                vec![Message::from("a"), Message::from(b"\xFF"), Message::from(long.as_str())],
            ),
            (vec![text("a").more(), cont("b")], vec![Message::from("ab")]),
            (vec![binary("a").more(), cont("b").more(), cont("c")], vec![Message::from(b"abc")]),
            // All fragments may be empty, the last one too.
            (vec![text("").more(), cont("").more(), cont("")], vec![Message::from("")]),
            (vec![text("a").more(), cont("")], vec![Message::from("a")]),
            (
                vec![text("").more(), cont("a"), text("b")],
                vec![Message::from("a"), Message::from("b")],
            ),
        ] {
            let outcome = Scenario::new(side).run(&frames);
            let expected: Vec<Event> = expected.into_iter().map(Event::Message).collect();
            assert_eq!(outcome.events, expected, "{frames:?}");
            assert_eq!(outcome.sent, [], "{frames:?}");
            assert_eq!(outcome.state, State::Open);
        }
    }
}

#[test]
fn rfc6455_5_4_messages_are_not_interleaved() {
    use ProtocolErrorKind::ExpectedContinuation;
    for side in SIDES {
        for first in [text("a").more(), binary("a").more(), text("").more()] {
            for second in [text("b"), binary("b"), text("b").more(), binary("").more()] {
                fails(side, &[first.clone(), second.clone()], ExpectedContinuation);
                fails(side, &[first.clone(), cont("").more(), second], ExpectedContinuation);
            }
        }
    }
}

#[test]
fn rfc6455_5_4_a_continuation_frame_continues_something() {
    use ProtocolErrorKind::UnexpectedContinuation;
    for side in SIDES {
        fails(side, &[cont("a")], UnexpectedContinuation);
        fails(side, &[cont("").more()], UnexpectedContinuation);
        fails(side, &[text("a"), cont("b")], UnexpectedContinuation);
        fails(side, &[text("a").more(), cont("b"), cont("c")], UnexpectedContinuation);
        fails(side, &[ping(""), cont("b")], UnexpectedContinuation);
    }
}

#[test]
fn rfc6455_5_2_reserved_bits_are_0_without_an_extension() {
    for side in SIDES {
        for rsv in 1..8 {
            for frame in [text("a"), binary(""), ping("a"), pong(""), close(1000, "")] {
                fails(side, &[frame.rsv(rsv)], ProtocolErrorKind::ReservedBits);
            }
            let frames = [text("a").more(), cont("b").rsv(rsv)];
            fails(side, &frames, ProtocolErrorKind::ReservedBits);
        }
    }
}

#[test]
fn rfc6455_5_2_unknown_opcodes_fail() {
    for side in SIDES {
        for opcode in (3..=7).chain(11..=15) {
            fails(side, &[frame(opcode, "a")], ProtocolErrorKind::InvalidOpcode(opcode));
            fails(side, &[frame(opcode, "").more()], ProtocolErrorKind::InvalidOpcode(opcode));
        }
    }
}

#[test]
fn rfc6455_5_1_clients_mask_and_servers_do_not() {
    for side in SIDES {
        for frame in [text("a"), binary(""), ping("a"), close(1000, ""), text("").more()] {
            // As if the side itself had sent it.
            let outcome = Scenario::new(side).run_bytes(&frame.bytes(side));
            check(side, &outcome, ProtocolErrorKind::IncorrectMasking);
        }
    }
}

#[test]
fn rfc6455_5_2_lengths_have_their_shortest_form_and_63_bits() {
    use ProtocolErrorKind::{FrameLengthNotMinimal, FrameLengthTooLong};
    for (length, kind) in [
        (&[126, 0, 0][..], FrameLengthNotMinimal(0)),
        (&[126, 0, 125], FrameLengthNotMinimal(125)),
        (&[127, 0, 0, 0, 0, 0, 0, 0, 1], FrameLengthNotMinimal(1)),
        (&[127, 0, 0, 0, 0, 0, 0, 255, 255], FrameLengthNotMinimal(0xFFFF)),
        (&[127, 128, 0, 0, 0, 0, 0, 0, 0], FrameLengthTooLong(1 << 63)),
        (&[127, 255, 255, 255, 255, 255, 255, 255, 255], FrameLengthTooLong(u64::MAX)),
    ] {
        for side in SIDES {
            let mut bytes = [&[0x82], length].concat();
            if side == Side::Server {
                bytes[1] |= 0x80;
            }
            let outcome = Scenario::new(side).config(|c| c.max_message_size = None);
            check(side, &outcome.run_bytes(&bytes), kind);
        }
    }
}

#[test]
fn what_two_bytes_forbid_fails_at_the_second_byte() {
    use ProtocolErrorKind as K;
    for (bytes, kind) in [
        ([0x83, 0x80], K::InvalidOpcode(3)),
        ([0x81, 0x00], K::IncorrectMasking),
        ([0x89, 0xFE], K::ControlFrameTooLong(126)),
        ([0x08, 0x80], K::FragmentedControlFrame),
    ] {
        check(Side::Server, &Scenario::new(Side::Server).run_bytes(&bytes), kind);
    }
}

#[test]
fn whole_messages_before_a_violation_come_first_and_can_be_answered() {
    for side in SIDES {
        let frames = [text("a"), ping("p"), text("b").more(), cont("c"), cont("bad")];
        let outcome = Scenario::new(side).run(&frames);
        assert_eq!(
            outcome.events,
            [
                Event::Message(Message::from("a")),
                Event::Ping(b"p".into()),
                Event::Message(Message::from("bc")),
            ]
        );
        check(side, &outcome, ProtocolErrorKind::UnexpectedContinuation);

        // The same in one piece, with an answer to each message as soon as it is pulled.
        let mut conn = connect(side, &config(|_| ()), NOW);
        conn.receive_data(&wire(side.peer(), &frames), NOW);
        while let Some(event) = conn.poll_event() {
            assert_eq!(conn.state(), State::Open, "the violation wasn't reached");
            if let Event::Message(message) = event {
                conn.send(message).unwrap();
            }
        }
        let reason = "unexpected continuation frame";
        assert_eq!(sent(&mut conn), [text("a"), pong("p"), text("bc"), close(1002, reason)]);
    }
}

#[test]
fn after_a_violation_nothing_is_taken_in() {
    for side in SIDES {
        let later = [text("a"), ping("p"), close(1000, ""), cont("x")];
        let bytes = [&[0x83, 0x83][..], &wire(side.peer(), &later)].concat();
        let outcome = Scenario::new(side).run_bytes(&bytes);
        assert_eq!((outcome.events.len(), outcome.sent.len()), (0, 1));
        assert_eq!(outcome.closed.rcvd(), None, "even a close frame comes too late");
    }
}

#[test]
fn has_buffered_frame_tells_whether_a_whole_frame_waits() {
    for side in SIDES {
        let mut conn = connect(side, &config(|_| ()), NOW);
        let bytes = wire(side.peer(), &[text("abc"), ping(""), close_empty()]);
        let first = text("abc").bytes(side.peer()).len();
        conn.receive_data(&bytes[..first - 1], NOW);
        assert!(!conn.has_buffered_frame());
        conn.receive_data(&bytes[first - 1..], NOW);
        assert!(conn.has_buffered_frame());
        // Pulled one by one: the message, the ping, the close frame.
        for more in [true, true, false] {
            assert!(conn.poll_event().is_some());
            assert_eq!(conn.has_buffered_frame(), more);
        }
        assert_eq!(give(&mut conn, &[text("late")]), []);
        assert!(!conn.has_buffered_frame(), "what comes after a close frame waits for nobody");
    }
}
