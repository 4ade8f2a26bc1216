//! Messages that are too big and skipped, uncompressed: `deflate/oversize` has the compressed ones.

use ws_errors::{
    InvalidUtf8, PayloadTooBig, ProtocolError, ProtocolErrorKind, TooManyFragments,
    WebSocketException,
};
use ws_proto::{Config, Connection, Event, Message, Oversize};
use ws_types::{Close, Side, State};

use crate::feed::{NOW, Outcome, Scenario, config, connect, give, pull, sent};
use crate::frames::{Frame, SIDES, binary, close, cont, header, ping, pong, text, wire};

/// Messages of up to 4 bytes pass, longer ones are skipped.
fn skip(config: &mut Config) {
    config.max_message_size = Some(4);
    config.oversize = Oversize::skip();
}

fn run(side: Side, frames: &[Frame], change: fn(&mut Config)) -> Outcome {
    Scenario::new(side).config(change).run(frames)
}

fn too_big(size: u64, current: Option<u64>, max: u64) -> Event {
    Event::TooBig(PayloadTooBig::new(Some(size), current, max))
}

fn message(message: impl Into<Message>) -> Event {
    Event::Message(message.into())
}

fn chunk(data: impl Into<Message>, last: bool) -> Event {
    Event::Chunk { data: data.into(), last }
}

#[test]
fn a_message_above_the_limit_is_told_in_its_place_and_the_next_one_received() {
    for side in SIDES {
        for long in ["12345", &"é".repeat(20_000)] {
            let frames = [text("one"), text(long), binary("two"), binary(long), text("")];
            let outcome = run(side, &frames, skip);
            let event = too_big(long.len() as u64, None, 4);
            let expected = [message("one"), event.clone(), message(b"two"), event, message("")];
            assert_eq!(outcome.events, expected);
            assert_eq!((outcome.sent, outcome.state), (vec![], State::Open));
        }
    }
}

#[test]
fn fragments_are_dropped_with_control_frames_handled_between_them() {
    for side in SIDES {
        let frames = [
            text("ab").more(),
            ping("1"),
            cont("cde").more(),
            ping("2"),
            cont("").more(),
            cont([b'x'; 1000]).more(),
            pong("3"),
            cont(""),
            text("next"),
        ];
        let outcome = run(side, &frames, skip);
        let three = Event::Pong { payload: b"3".into(), acknowledges: None };
        let expected = [
            Event::Ping(b"1".into()),
            Event::Ping(b"2".into()),
            three,
            too_big(3, Some(2), 4),
            message("next"),
        ];
        assert_eq!(outcome.events, expected);
        assert_eq!((outcome.sent, outcome.state), (vec![pong("1"), pong("2")], State::Open));
    }
}

#[test]
fn a_message_with_a_frame_above_the_limit_on_frames_is_skipped() {
    for side in SIDES {
        let frames = [
            binary("ab").more(),
            cont("cdefg").more(),
            cont("hijklm"),
            binary("abcd").more(),
            cont("efgh"),
        ];
        let outcome = run(side, &frames, |c| {
            c.max_frame_size = Some(4);
            c.oversize = Oversize::skip();
        });
        assert_eq!(outcome.events, [too_big(5, None, 4), message(b"abcdefgh")]);
        assert_eq!(outcome.sent, []);
    }
}

#[test]
fn a_limit_of_0_skips_all_that_is_not_empty() {
    for side in SIDES {
        let frames =
            [text("a"), text(""), binary("").more(), cont("b"), binary("").more(), cont("")];
        let outcome = run(side, &frames, |c| {
            c.max_message_size = Some(0);
            c.oversize = Oversize::Skip { max_inflated: 0 };
        });
        let event = too_big(1, None, 0);
        assert_eq!(outcome.events, [event.clone(), message(""), event, message(b"")]);
        assert_eq!(outcome.sent, []);
    }
}

#[test]
fn rules_hold_for_a_message_that_is_skipped() {
    let utf8 = |error, position| WebSocketException::from(InvalidUtf8::new(error, position));
    let protocol = |kind| WebSocketException::from(ProtocolError::new(kind));
    let long = [&[b'x'; 9000][..], b"\xFF"].concat();
    for side in SIDES {
        let rows: [(&str, Vec<Frame>, WebSocketException); 8] = [
            ("bad text in one frame", vec![text(&long)], utf8("invalid start byte", 9000)),
            (
                "bad text before the limit",
                vec![text(b"a\xFF").more(), cont("12345")],
                utf8("invalid start byte", 1),
            ),
            (
                "bad text in a later fragment",
                vec![text("12345").more(), cont(b"ab\xC3").more(), cont("a")],
                utf8("invalid continuation byte", 7),
            ),
            (
                "half a character at the end",
                vec![text("1234").more(), cont(b"5\xC3")],
                utf8("unexpected end of data", 5),
            ),
            (
                "another message in between",
                vec![binary("12345").more(), binary("6")],
                protocol(ProtocolErrorKind::ExpectedContinuation),
            ),
            (
                "a fragment behind it",
                vec![binary("12345"), cont("6")],
                protocol(ProtocolErrorKind::UnexpectedContinuation),
            ),
            (
                "a reserved bit",
                vec![binary("12345").more(), cont("6").rsv(4)],
                protocol(ProtocolErrorKind::ReservedBits),
            ),
            (
                "too many fragments",
                vec![binary("12345").more(), cont("").more(), cont("").more(), cont("")],
                TooManyFragments::new(3).into(),
            ),
        ];
        for (name, frames, cause) in rows {
            let outcome = run(side, &frames, |c| {
                skip(c);
                c.max_fragments = Some(3);
            });
            assert_eq!(outcome.cause(), Some(&cause), "{name}");
            let told = outcome.events.len();
            assert_eq!(told, usize::from(name == "a fragment behind it"), "{name}");
        }
        // Masked by the wrong side.
        let mut bytes = wire(side.peer(), &[text("12345").more()]);
        bytes.extend(wire(side, &[cont("6")]));
        let outcome = Scenario::new(side).config(skip).run_bytes(&bytes);
        let cause = protocol(ProtocolErrorKind::IncorrectMasking);
        assert_eq!(outcome.cause(), Some(&cause));
    }
}

#[test]
fn binary_data_that_is_skipped_may_be_anything() {
    for side in SIDES {
        let outcome = run(side, &[binary(b"\xFF\xFF\xFF").more(), cont(b"\xC3\xC3")], skip);
        assert_eq!(outcome.events, [too_big(2, Some(3), 4)]);
    }
}

#[test]
fn a_message_that_is_cut_off_while_it_is_skipped_is_not_told() {
    for side in SIDES {
        let frames = [text("12345").more(), close(1000, "bye")];
        let outcome = run(side, &frames, skip);
        assert_eq!(outcome.events, [Event::Close(Close::new(1000, "bye"))]);
        assert!(outcome.is_ok());
        let outcome = run(side, &frames[..1], skip);
        assert_eq!((outcome.events, outcome.sent), (vec![], vec![]));
        // In the middle of a frame, too.
        let bytes = wire(side.peer(), &[binary([0; 5000])]);
        let outcome = Scenario::new(side).config(skip).run_bytes(&bytes[..4000]);
        assert_eq!((outcome.events, outcome.sent), (vec![], vec![]));
    }
}

#[test]
fn a_length_that_no_message_can_have_costs_nothing() {
    for side in SIDES {
        let mut bytes = binary("abc").more().bytes(side.peer());
        bytes.extend(header(&cont(""), side.peer(), (1 << 63) - 1));
        bytes.extend([b'a'; 300]);
        let outcome = Scenario::new(side).config(skip).run_bytes(&bytes);
        assert_eq!((outcome.events.len(), outcome.sent.len()), (0, 0));
        assert_eq!(outcome.state, State::Open);
    }
}

#[test]
fn pieces_that_were_handed_out_are_all_there_is_of_a_message() {
    for side in SIDES {
        let frames = [
            text("ab").more(),
            cont("c").more(),
            cont("de").more(),
            cont("f"),
            binary("12345"),
            text("next"),
        ];
        let outcome = Scenario::new(side).config(skip).streaming().run(&frames);
        let expected =
            [chunk("abc", false), too_big(2, Some(3), 4), too_big(5, None, 4), chunk("next", true)];
        assert_eq!(outcome.events, expected);
        assert_eq!(outcome.sent, []);
    }
}

fn begun(side: Side) -> Connection {
    let mut conn = connect(side, &config(skip), NOW);
    conn.receive_data(&text("ab").more().bytes(side.peer()), NOW);
    assert_eq!(conn.poll_chunk(), Some(chunk("ab", false)));
    conn
}

#[test]
fn a_message_of_which_pieces_were_handed_out_is_told_to_a_receiver_of_messages() {
    for side in SIDES {
        let mut conn = begun(side);
        let frames = [cont("cde").more(), cont("f"), text("next")];
        assert_eq!(give(&mut conn, &frames), [too_big(3, Some(2), 4), message("next")]);
    }
}

#[test]
fn a_message_that_nobody_wants_is_not_told() {
    for side in SIDES {
        // Before it is too big, or after that.
        let mut conn = begun(side);
        conn.skip_message();
        let frames = [cont("cde").more(), cont([0x61; 100]), text("next")];
        assert_eq!(give(&mut conn, &frames), [message("next")]);
        let mut conn = begun(side);
        assert_eq!(give(&mut conn, &frames[..1]), []);
        conn.skip_message();
        assert_eq!(give(&mut conn, &frames[1..]), [message("next")]);
        assert_eq!(sent(&mut conn), []);
        // Its text is checked all the same.
        let mut conn = begun(side);
        conn.skip_message();
        assert_eq!(give(&mut conn, &[cont("cde").more(), cont(b"\xFF")]), []);
        assert_eq!(sent(&mut conn), [close(1007, "invalid start byte at position 5")]);
    }
}

#[test]
fn a_connection_that_closes_skips_messages_too() {
    for side in SIDES {
        let closing = |conn: &mut Connection| conn.send_close(Close::new(1000, ""), NOW).unwrap();
        let scenario = Scenario::new(side).config(skip).after(closing);
        let outcome = scenario.run(&[text("12345"), text("1234"), close(1000, "")]);
        let end = Event::Close(Close::new(1000, ""));
        assert_eq!(outcome.events, [too_big(5, None, 4), message("1234"), end]);
        assert!(outcome.is_ok());
    }
}

#[test]
fn a_message_below_the_limit_is_not_touched_by_the_setting() {
    for side in SIDES {
        let mut conn = connect(side, &config(skip), NOW);
        conn.receive_data(&wire(side.peer(), &[text("12").more(), cont("34"), text("1234")]), NOW);
        assert_eq!(pull(&mut conn), [message("1234"), message("1234")]);
    }
}
