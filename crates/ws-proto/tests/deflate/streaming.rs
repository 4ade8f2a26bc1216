//! Compressed messages piece by piece: bounded pieces, whole characters, messages that are skipped.

use ws_proto::{Connection, Event, Message, MessageKind};

use crate::bits::{Deflated, Item::*};
use crate::feed::{NOW, config, give, pull, sent, take_output, wait};
use crate::frames::{Frame, SIDES, binary, cont, ping, text, wire};
use crate::setup::{DEFAULT, RSV1, compressed, letters, marked};

/// The most that a piece of a compressed message has, in bytes.
const PIECE: usize = 64 << 10;

/// Pulls all pieces that can be had; gives their lengths.
fn pieces(conn: &mut Connection, into: &mut Vec<u8>) -> Vec<(usize, bool)> {
    let mut seen = Vec::new();
    while let Some(event) = conn.poll_chunk() {
        match event {
            Event::Chunk { data, last } => {
                if data.kind() == MessageKind::Text {
                    // Panics unless characters are whole.
                    assert_eq!(data.as_text().map(str::len), Some(data.len()));
                }
                into.extend_from_slice(data.as_bytes());
                seen.push((data.len(), last));
            }
            Event::Message(_) => panic!("not in pieces"),
            _ => {}
        }
    }
    seen
}

#[test]
fn pieces_are_bounded_whatever_the_ratio() {
    let message = vec![7; 20_000_000];
    for side in SIDES {
        let config = config(|c| c.max_message_size = None);
        let mut sender = DEFAULT.connect(side.peer(), &config);
        let payload = compressed(&mut sender, message.clone());
        assert!(payload.len() < 30_000);
        let bytes = wire(side.peer(), &[marked(payload)]);
        for step in [bytes.len(), 1000] {
            let mut conn = DEFAULT.connect(side, &config);
            let mut got = Vec::new();
            let mut last = 0;
            for piece in bytes.chunks(step) {
                conn.receive_data(piece, NOW);
                for (len, end) in pieces(&mut conn, &mut got) {
                    assert!(len <= PIECE, "{len}");
                    assert!(len > 0 || end, "an empty piece in the middle");
                    last += usize::from(end);
                }
                wait(&mut conn);
            }
            assert!(last == 1 && got == message, "{last}, {} bytes", got.len());
        }
    }
}

#[test]
fn pieces_of_text_end_where_characters_end() {
    for side in SIDES {
        let config = config(|c| c.max_message_size = None);
        // 3 bytes each: no power of two is a multiple of that.
        let message = "€".repeat(100_000);
        let mut sender = DEFAULT.connect(side.peer(), &config);
        sender.send(&*message).unwrap();
        let bytes = take_output(&mut sender);
        for step in [bytes.len(), 1] {
            let mut conn = DEFAULT.connect(side, &config);
            let mut got = Vec::new();
            for piece in bytes.chunks(step) {
                conn.receive_data(piece, NOW);
                for (len, _) in pieces(&mut conn, &mut got) {
                    assert!(len <= PIECE && len % 3 == 0);
                }
            }
            assert_eq!(got, message.as_bytes());
        }
        // One character over three fragments.
        let cut = |range: std::ops::Range<usize>| {
            Deflated::default().stored(false, &"€".as_bytes()[range]).bytes()
        };
        let frames = [
            text(cut(0..1)).rsv(RSV1).more(),
            cont(cut(1..2)).more(),
            cont([cut(2..3), vec![0x00]].concat()),
        ];
        let mut conn = DEFAULT.connect(side, &config);
        conn.receive_data(&wire(side.peer(), &frames), NOW);
        let mut got = Vec::new();
        assert_eq!(pieces(&mut conn, &mut got), [(3, true)]);
        assert_eq!(got, "€".as_bytes());
    }
}

/// How events are pulled after a message was skipped.
#[derive(Clone, Copy, Debug)]
enum Pull {
    Pieces,
    Messages,
}

#[test]
fn a_message_that_is_skipped_half_way_stays_in_the_window() {
    let config = config(|c| c.max_message_size = None);
    for side in SIDES {
        for way in [Pull::Pieces, Pull::Messages] {
            for reclaim in [false, true] {
                // The end of the long message is what the next one refers to.
                let end = letters(500, 6);
                let long = [vec![b'x'; 3_000_000], end.clone()].concat();
                let mut sender = DEFAULT.connect(side.peer(), &config);
                let first = compressed(&mut sender, long);
                let second = compressed(&mut sender, end.clone());
                assert!(second.len() < 20);
                for at in [first.len() / 2, 40, first.len()] {
                    let (a, b) = first.split_at(at);
                    let bytes =
                        wire(side.peer(), &[marked(a).more(), ping(""), cont(b), marked(&second)]);
                    let mut conn = DEFAULT.connect(side, &config);
                    let (now, later) = bytes.split_at(at / 2);
                    conn.receive_data(now, NOW);
                    let event = conn.poll_chunk();
                    assert!(matches!(event, Some(Event::Chunk { last: false, .. })), "{event:?}");
                    conn.skip_message();
                    let mut events = Vec::new();
                    for piece in [later, &[]].concat().chunks(777) {
                        conn.receive_data(piece, NOW);
                        match way {
                            Pull::Pieces => {
                                events.extend(std::iter::from_fn(|| conn.poll_chunk()));
                            }
                            Pull::Messages => events.extend(pull(&mut conn)),
                        }
                        if reclaim {
                            wait(&mut conn);
                        }
                    }
                    let [Event::Ping(_), rest @ ..] = &events[..] else {
                        panic!("{way:?}: {events:?}")
                    };
                    let got: Vec<u8> = rest
                        .iter()
                        .flat_map(|event| match event {
                            Event::Message(data) | Event::Chunk { data, .. } => {
                                data.as_bytes().to_vec()
                            }
                            event => panic!("{event:?}"),
                        })
                        .collect();
                    assert_eq!(got, end, "{way:?}, cut at {at}");
                }
            }
        }
    }
}

#[test]
fn a_message_that_is_skipped_is_checked_to_its_end() {
    for side in SIDES {
        let begin = Deflated::default().stored(false, b"abc").bytes();
        let rows: [(&str, Vec<Frame>, u16); 3] = [
            (
                "bad text",
                vec![cont([Deflated::default().stored(false, b"\xFF").bytes(), vec![0]].concat())],
                1007,
            ),
            ("corrupt", vec![cont([0x06])], 1002),
            (
                "too long",
                vec![cont(Deflated::default().fixed(false, &[Match(258, 3)]).message())],
                1009,
            ),
        ];
        for (name, frames, code) in rows {
            let config = config(|c| c.max_message_size = Some(100));
            let mut conn = DEFAULT.connect(side, &config);
            conn.receive_data(&wire(side.peer(), &[text(&begin).rsv(RSV1).more()]), NOW);
            assert!(conn.poll_chunk().is_some());
            conn.skip_message();
            assert_eq!(give(&mut conn, &frames), []);
            assert_eq!(sent(&mut conn)[0].payload[..2], code.to_be_bytes(), "{name}");
        }
    }
}

#[test]
fn compressed_and_uncompressed_messages_alternate_in_pieces() {
    for side in SIDES {
        let hello = Deflated::default().fixed(false, &[Literals(b"Hello")]).message();
        let again = Deflated::default().fixed(false, &[Match(5, 5)]).message();
        let frames = [
            marked(&hello),
            binary("plain"),
            marked(&again[..2]).more(),
            cont(&again[2..]),
            binary("pl").more(),
            cont("ain"),
            marked([0x00]),
            marked(&again),
        ];
        let mut conn = DEFAULT.connect(side, &config(|_| ()));
        let mut got = Vec::new();
        let mut ends = 0;
        for byte in wire(side.peer(), &frames) {
            conn.receive_data(&[byte], NOW);
            ends += pieces(&mut conn, &mut got).iter().filter(|(_, last)| *last).count();
            wait(&mut conn);
        }
        assert_eq!((got, ends), (b"HelloplainHelloplainHello".to_vec(), 6));
        let message = Message::from(b"Hello".to_vec());
        assert_eq!(give(&mut conn, &[marked(&again)]), [Event::Message(message)]);
    }
}
