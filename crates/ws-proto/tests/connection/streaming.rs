//! Receiving messages in pieces, as they arrive.

use ws_proto::{Connection, Event, Message};
use ws_types::{Close, Side, State};

use crate::feed::{NOW, Scenario, config, connect, sent};
use crate::frames::{Frame, SIDES, binary, close, cont, ping, pong, text, wire};

fn chunk(data: impl Into<Message>, last: bool) -> Event {
    Event::Chunk { data: data.into(), last }
}

/// Gives frames of the peer, and pulls in pieces.
#[track_caller]
fn give(conn: &mut Connection, frames: &[Frame]) -> Vec<Event> {
    give_bytes(conn, &wire(conn.side().peer(), frames))
}

#[track_caller]
fn give_bytes(conn: &mut Connection, bytes: &[u8]) -> Vec<Event> {
    conn.receive_data(bytes, NOW);
    std::iter::from_fn(|| conn.poll_chunk()).collect()
}

fn open(side: Side) -> Connection {
    connect(side, &config(|_| ()), NOW)
}

#[test]
fn each_piece_comes_as_soon_as_it_has_arrived() {
    for side in SIDES {
        let mut conn = open(side);
        assert_eq!(give(&mut conn, &[binary("ab").more()]), [chunk(b"ab", false)]);
        assert_eq!(give(&mut conn, &[ping("p")]), [Event::Ping(b"p".into())]);
        assert_eq!(sent(&mut conn), [pong("p")]);
        // Inside a frame, too.
        let bytes = cont("cdef").bytes(side.peer());
        let (a, b) = bytes.split_at(bytes.len() - 3);
        assert_eq!(give_bytes(&mut conn, a), [chunk(b"c", false)]);
        assert_eq!(give_bytes(&mut conn, b), [chunk(b"def", true)]);
        // A message that has arrived whole is one piece.
        assert_eq!(
            give(&mut conn, &[text("whole"), text("")]),
            [chunk("whole", true), chunk("", true)]
        );
    }
}

#[test]
fn pieces_of_text_end_where_a_character_ends() {
    for side in SIDES {
        let mut conn = open(side);
        let face = "😀".as_bytes();
        assert_eq!(give(&mut conn, &[text(&face[..1]).more()]), []);
        assert_eq!(give(&mut conn, &[cont(&face[1..3]).more()]), []);
        let rest = [&face[3..], b"a\xC3"].concat();
        assert_eq!(give(&mut conn, &[cont(rest).more()]), [chunk("😀a", false)]);
        assert_eq!(give(&mut conn, &[cont(b"\xA9")]), [chunk("é", true)]);

        // Byte by byte, each piece is one whole character.
        let mut pieces = Vec::new();
        for byte in text("aé☃😀z").bytes(side.peer()) {
            pieces.extend(give_bytes(&mut conn, &[byte]));
        }
        assert_eq!(
            pieces,
            [
                chunk("a", false),
                chunk("é", false),
                chunk("☃", false),
                chunk("😀", false),
                chunk("z", true),
            ]
        );
    }
}

#[test]
fn empty_fragments_are_no_pieces_but_for_the_last() {
    for side in SIDES {
        let mut conn = open(side);
        assert_eq!(give(&mut conn, &[text("").more(), cont("").more()]), []);
        assert_eq!(give(&mut conn, &[cont("")]), [chunk("", true)]);
        let frames = [text("a").more(), cont("").more(), cont("")];
        assert_eq!(give(&mut conn, &frames), [chunk("a", false), chunk("", true)]);
    }
}

#[test]
fn pieces_put_together_are_the_messages() {
    for side in SIDES {
        let long = "x☃".repeat(50);
        let frames = [
            text("é").more(),
            cont(&long.as_bytes()[..102]).more(),
            cont(&long.as_bytes()[102..]),
            binary("").more(),
            cont([0xFF; 130]).more(),
            cont(""),
            text(""),
        ];
        let outcome = Scenario::new(side).streaming().run(&frames);
        assert_eq!(
            outcome.events,
            [chunk(format!("é{long}"), true), chunk(vec![0xFF; 130], true), chunk("", true),]
        );
    }
}

#[test]
fn the_rest_of_a_message_can_be_skipped() {
    for side in SIDES {
        let mut conn = open(side);
        give(&mut conn, &[text("a").more()]);
        conn.skip_message();
        let bytes = wire(side.peer(), &[cont("bc").more(), ping("p"), cont("d"), text("next")]);
        let mut events = Vec::new();
        for byte in bytes {
            events.extend(give_bytes(&mut conn, &[byte]));
        }
        let joined: String = events
            .iter()
            .filter_map(|event| match event {
                Event::Chunk { data, .. } => data.as_text(),
                _ => None,
            })
            .collect();
        assert_eq!((joined.as_str(), &events[0]), ("next", &Event::Ping(b"p".into())));
        assert_eq!(sent(&mut conn), [pong("p")]);
    }
}

#[test]
fn skipping_when_nothing_was_handed_out_does_nothing() {
    for side in SIDES {
        let mut conn = open(side);
        conn.skip_message();
        assert_eq!(give(&mut conn, &[text("a")]), [chunk("a", true)]);
        conn.skip_message();
        assert_eq!(give(&mut conn, &[text(b"\xC3").more()]), []);
        conn.skip_message();
        assert_eq!(give(&mut conn, &[cont(b"\xA9")]), [chunk("é", true)]);
    }
}

#[test]
fn pulling_whole_messages_goes_on_in_pieces_with_one_that_was_begun_so() {
    for side in SIDES {
        let mut conn = open(side);
        assert_eq!(give(&mut conn, &[text("a").more()]), [chunk("a", false)]);
        let bytes = wire(side.peer(), &[cont("bc").more(), ping("p"), cont("d"), text("next")]);
        conn.receive_data(&bytes, NOW);
        let events: Vec<_> = std::iter::from_fn(|| conn.poll_event()).collect();
        assert_eq!(
            events,
            [
                chunk("bc", false),
                Event::Ping(b"p".into()),
                chunk("d", true),
                Event::Message(Message::from("next")),
            ]
        );
        // Inside a frame, too; what was skipped is not handed out.
        let bytes = binary("abcd").bytes(side.peer());
        let (front, rest) = bytes.split_at(bytes.len() - 2);
        assert_eq!(give_bytes(&mut conn, front), [chunk(b"ab", false)]);
        conn.skip_message();
        conn.receive_data(&[rest, &text("x").bytes(side.peer())].concat(), NOW);
        assert_eq!(conn.poll_event(), Some(Event::Message(Message::from("x"))));
    }
}

#[test]
fn a_message_begun_whole_can_go_on_in_pieces() {
    for side in SIDES {
        let mut conn = open(side);
        conn.receive_data(
            &wire(side.peer(), &[text("ab").more(), ping("p"), cont("c").more()]),
            NOW,
        );
        assert_eq!(conn.poll_event(), Some(Event::Ping(b"p".into())));
        assert_eq!(conn.poll_event(), None);
        assert_eq!(give(&mut conn, &[cont("d")]), [chunk("abcd", true)]);

        conn.receive_data(&wire(side.peer(), &[text("ab").more()]), NOW);
        assert_eq!(conn.poll_event(), None);
        assert_eq!(give(&mut conn, &[cont("c").more()]), [chunk("abc", false)]);
        assert_eq!(give(&mut conn, &[cont("d")]), [chunk("d", true)]);
    }
}

#[test]
fn rules_hold_for_pieces_and_for_what_is_skipped() {
    for side in SIDES {
        let rows: [(Frame, u16, &str); 4] = [
            (cont(b"c\xFF"), 1007, "invalid start byte at position 3"),
            (cont(b"\xE2\x98"), 1007, "unexpected end of data at position 2"),
            (text("x"), 1002, "expected a continuation frame"),
            (
                cont("0123456789"),
                1009,
                "frame with 10 bytes after reading 2 bytes exceeds limit of 10 bytes",
            ),
        ];
        for (bad, code, reason) in rows {
            for skip in [false, true] {
                let config = config(|c| c.max_message_size = Some(10));
                let mut conn = connect(side, &config, NOW);
                assert_eq!(give(&mut conn, &[text("ab").more()]), [chunk("ab", false)]);
                if skip {
                    conn.skip_message();
                }
                assert_eq!(give(&mut conn, std::slice::from_ref(&bad)), [], "{bad:?}");
                assert_eq!(sent(&mut conn), [close(code, reason)], "{bad:?}");
            }
        }
    }
}

#[test]
fn a_message_that_is_cut_off_never_has_a_last_piece() {
    for side in SIDES {
        let mut conn = open(side);
        assert_eq!(give(&mut conn, &[text("a").more()]), [chunk("a", false)]);
        conn.receive_eof();
        assert_eq!(give_bytes(&mut conn, &[]), []);
        assert_eq!(conn.state(), State::Closed);

        let mut conn = open(side);
        assert_eq!(
            give(&mut conn, &[text("a").more(), close(1000, "")]),
            [chunk("a", false), Event::Close(Close::new(1000, "")),]
        );
    }
}
