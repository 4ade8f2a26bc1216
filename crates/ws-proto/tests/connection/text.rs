//! Text is UTF-8, and fails at the first byte that can't be ([RFC 6455 §8.1]).
//!
//! [RFC 6455 §8.1]: https://www.rfc-editor.org/rfc/rfc6455#section-8.1

use ws_errors::{InvalidUtf8, WebSocketException};
use ws_proto::{Event, Message};
use ws_types::{Side, State};

use crate::feed::{NOW, Scenario, config, connect, pull, sent};
use crate::frames::{Frame, SIDES, binary, close, cont, header, ping, pong, text};

const START: &str = "invalid start byte";
const CONTINUATION: &str = "invalid continuation byte";
const END: &str = "unexpected end of data";

/// (text, up to which byte it has to come for the fault to be seen, the fault, its position)
const BAD: [(&[u8], usize, &str, u64); 17] = [
    (b"\x80", 1, START, 0),
    (b"\xBF", 1, START, 0),
    (b"abc\xFFdef", 4, START, 3),
    (b"\xFE", 1, START, 0),
    (b"a\xC0\x80", 2, START, 1),        // an overlong NUL
    (b"\xC1\xBF", 1, START, 0),         // overlong
    (b"\xF5\x80\x80\x80", 1, START, 0), // above U+10FFFF
    (b"\xC3\x28", 2, CONTINUATION, 0),
    (b"\xE0\x9F\xBF", 2, CONTINUATION, 0),     // overlong
    (b"ab\xED\xA0\x80", 4, CONTINUATION, 2),   // the first surrogate
    (b"\xED\xBF\xBF", 2, CONTINUATION, 0),     // the last one
    (b"\xF0\x8F\xBF\xBF", 2, CONTINUATION, 0), // overlong
    (b"\xF4\x90\x80\x80", 2, CONTINUATION, 0), // U+110000
    (b"\xF0\x9F\x98\x28", 4, CONTINUATION, 0),
    ("κόσμε\u{10FFFF}".as_bytes().split_at(13).0, 14, END, 10),
    (b"\xE2\x98", 3, END, 0),
    (b"12\xC3", 4, END, 2),
];

#[test]
fn rfc6455_8_1_text_that_is_not_utf8_fails_with_1007_and_the_position() {
    for side in SIDES {
        for (bytes, _, error, position) in BAD {
            let reason = format!("{error} at position {position}");
            let cause = WebSocketException::from(InvalidUtf8::new(error, position));
            // In one frame, and in fragments cut everywhere: the position counts in the message.
            let mut ways = vec![vec![text(bytes)]];
            ways.extend(
                (0..=bytes.len())
                    .map(|at| vec![text(&bytes[..at]).more(), ping("p"), cont(&bytes[at..])]),
            );
            ways.push(in_bytes(bytes));
            for frames in ways {
                let outcome = Scenario::new(side).run(&frames);
                assert_eq!(outcome.cause(), Some(&cause), "{frames:?}");
                assert_eq!(outcome.sent.last(), Some(&close(1007, &reason)), "{frames:?}");
                let messages = |event: &&Event| matches!(event, Event::Message(_));
                assert_eq!(outcome.events.iter().find(messages), None);
            }
        }
    }
}

/// A text in fragments of one byte.
fn in_bytes(bytes: &[u8]) -> Vec<Frame> {
    let mut frames: Vec<Frame> = bytes.chunks(1).map(|byte| cont(byte).more()).collect();
    frames.insert(0, text("").more());
    frames.push(cont(""));
    frames
}

#[test]
fn a_fault_is_seen_at_its_byte_before_the_frame_is_whole() {
    for side in SIDES {
        for (bytes, seen, error, position) in BAD {
            if error == END {
                continue; // Only the end of the message tells.
            }
            // A frame of 1,000 bytes, of which these come first.
            let mut conn = connect(side, &config(|_| ()), NOW);
            let head = header(&text(""), side.peer(), 1000);
            let whole = [bytes, &[b' '; 1000]].concat();
            let wire = text(&whole[..1000]).bytes(side.peer());
            for (i, byte) in wire[..head.len() + seen].iter().enumerate() {
                assert_eq!(conn.state(), State::Open, "{bytes:x?} at byte {i}");
                conn.receive_data(&[*byte], NOW);
                assert_eq!(pull(&mut conn), []);
            }
            let reason = format!("{error} at position {position}");
            assert_eq!(sent(&mut conn), [close(1007, reason)], "{bytes:x?}");
        }
    }
}

#[test]
fn characters_may_be_cut_by_fragments_and_control_frames() {
    let all = "a é ☃ 😀 \u{0} \u{7F} \u{80} \u{7FF} \u{800} \u{FFFF} \u{10000} \u{10FFFF}";
    for side in SIDES {
        let outcome = Scenario::new(side).run(&[text(all)]);
        assert_eq!(outcome.events, [Event::Message(Message::from(all))]);
        let outcome = Scenario::new(side).run(&in_bytes(all.as_bytes()));
        assert_eq!(outcome.events, [Event::Message(Message::from(all))]);

        let face = "😀".as_bytes();
        let frames = [
            text(&face[..1]).more(),
            ping("\u{FF}"),
            cont(&face[1..3]).more(),
            cont("").more(),
            cont(&face[3..]),
        ];
        let outcome = Scenario::new(side).run(&frames);
        assert_eq!(outcome.events.last(), Some(&Event::Message(Message::from("😀"))));
        assert_eq!(outcome.sent, [pong("\u{FF}")]);
    }
}

#[test]
fn binary_messages_and_pings_may_hold_anything() {
    for side in SIDES {
        for (bytes, ..) in BAD {
            let frames = [binary(bytes), ping(bytes), binary(bytes).more(), cont(bytes)];
            let outcome = Scenario::new(side).run(&frames);
            assert_eq!((outcome.events.len(), outcome.state), (3, State::Open), "{bytes:x?}");
        }
    }
}

#[test]
fn a_text_does_not_continue_in_the_next_message() {
    let outcome = Scenario::new(Side::Server).run(&[text(b"\xC3"), text(b"\xA9")]);
    assert_eq!(outcome.events, []);
    assert_eq!(outcome.sent, [close(1007, "unexpected end of data at position 0")]);
}

#[test]
fn a_message_before_a_bad_text_comes_first() {
    for side in SIDES {
        let outcome = Scenario::new(side).run(&[text("good"), text("bad \u{FF}"), text(b"\xFF")]);
        assert_eq!(outcome.events.len(), 2);
        assert_eq!(outcome.sent, [close(1007, "invalid start byte at position 0")]);
    }
}
