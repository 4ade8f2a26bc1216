//! What a peer can do wrong with compressed messages, and what it gets for it.

use ws_errors::WebSocketException;
use ws_proto::{Compress, Config, Connection, Event, Message};
use ws_types::Side;

use crate::feed::{Outcome, Scenario, config, connect, pull, take_output};
use crate::frames::{Frame, SIDES, binary, cont, ping, text, wire};
use crate::{PLAIN, noise};

const HELLO: [u8; 7] = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00];

/// Gives frames to connections with the extension, in every way.
#[track_caller]
fn outcome(side: Side, limits: impl Fn(&mut Config), frames: &[Frame]) -> Outcome {
    let config = config(&limits);
    let setup = |conn: &mut Connection| *conn = PLAIN.open(side, &config);
    Scenario::new(side).config(&limits).after(setup).run(frames)
}

#[track_caller]
fn fails(limits: impl Fn(&mut Config), frames: &[Frame], code: u16, text: &str) {
    for side in SIDES {
        let outcome = outcome(side, &limits, frames);
        let close = outcome.sent.last().expect("a close frame");
        assert_eq!(close.opcode, 8, "{outcome:?}");
        assert_eq!(close.payload[..2], code.to_be_bytes(), "{outcome:?}");
        let cause = outcome.cause().map(ToString::to_string);
        assert_eq!(cause.as_deref(), Some(text));
    }
}

fn max(size: usize) -> impl Fn(&mut Config) {
    move |config| config.max_message_size = Some(size)
}

#[test]
fn reserved_bits_stand_where_they_may() {
    let reserved = "reserved bits must be 0";
    let again = "RSV1 bit set in continuation frame";
    let table: [(&[Frame], &str); 8] = [
        (&[text(&HELLO[..3]).rsv(4).more(), cont(&HELLO[3..]).rsv(4)], again),
        (&[text("a").more(), cont(HELLO).rsv(4)], reserved),
        (&[ping("a").rsv(4)], reserved),
        (&[text(&HELLO[..3]).rsv(4).more(), ping("a").rsv(4)], reserved),
        (&[text(HELLO).rsv(2)], reserved),
        (&[text(HELLO).rsv(1)], reserved),
        (&[text(HELLO).rsv(6)], reserved),
        (&[text(&HELLO[..3]).rsv(4).more(), cont(&HELLO[3..]).rsv(2)], reserved),
    ];
    for (frames, expected) in table {
        fails(|_| (), frames, 1002, expected);
    }
    // Without the extension, RSV1 means nothing.
    for side in SIDES {
        let outcome = Scenario::new(side).run(&[text(HELLO).rsv(4)]);
        assert_eq!(outcome.cause().map(ToString::to_string).as_deref(), Some(reserved));
        assert_eq!(outcome.sent[0].payload[..2], 1002_u16.to_be_bytes());
    }
}

#[test]
fn what_is_no_deflate_fails_with_1002() {
    let table: [&[u8]; 5] = [
        // A block of type 3.
        &[0x07],
        // Lengths that don't complement each other.
        &[0x00, 0x05, 0x00, 0x00, 0x00],
        // A reference to before the beginning.
        &[0xF2, 0x00, 0x11, 0x00, 0x00],
        // A dynamic block with more literal codes than there are.
        &[0xFD, 0xFF, 0xFF, 0xFF],
        // After a stream that has ended, something else.
        &[0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x07],
    ];
    for payload in table {
        fails(|_| (), &[text(payload).rsv(4)], 1002, "decompression failed");
    }
}

#[test]
fn text_is_checked_after_decompression() {
    // A stored block each.
    let stored = |data: &[u8]| {
        let len = data.len() as u16;
        [&[0][..], &len.to_le_bytes(), &(!len).to_le_bytes(), data, &[0]].concat()
    };
    let bad = stored(b"ab\xFFc");
    fails(|_| (), &[text(bad).rsv(4)], 1007, "invalid start byte at position 2");
    let short = stored("é".as_bytes().split_at(1).0);
    fails(|_| (), &[text(short).rsv(4)], 1007, "unexpected end of data at position 0");
}

/// A compressed message as our own encoder writes it.
fn compressed(side: Side, data: &[u8]) -> Vec<u8> {
    let mut sender = PLAIN.open(side.peer(), &config(|_| ()));
    sender.send(Message::from(data.to_vec()).compress(Compress::Always)).expect("open");
    take_output(&mut sender)
}

#[test]
fn the_limit_holds_for_what_comes_out() {
    for side in SIDES {
        for data in [vec![b'a'; 3000], noise(3000, 9)] {
            let bytes = compressed(side, &data);
            for (limit, fits) in [(3000, true), (3001, true), (2999, false), (1, false), (0, false)]
            {
                let mut conn = PLAIN.open(side, &config(max(limit)));
                conn.receive_data(&bytes);
                let events = pull(&mut conn);
                if fits {
                    assert!(events == [Event::Message(data.clone().into())], "limit {limit}");
                    continue;
                }
                assert_eq!(events, []);
                assert_eq!(
                    u16::from(conn.close_sent().expect("failed").code),
                    1009,
                    "limit {limit}"
                );
            }
        }
        // With a limit of 0, empty messages are what is left.
        let mut conn = PLAIN.open(side, &config(max(0)));
        conn.receive_data(&compressed(side, b""));
        assert_eq!(pull(&mut conn), [Event::Message(Vec::new().into())]);
    }
}

#[test]
fn a_message_over_the_limit_says_what_came_before() {
    let table: [(&[Frame], Option<u64>); 2] = [
        (&[text(HELLO).rsv(4)], None),
        // 00 00 ff ff keeps the stream whole between the fragments.
        (
            &[
                text([0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF]).rsv(4).more(),
                cont([0xCA, 0xC9, 0xC9, 0x07, 0x00]),
            ],
            Some(2),
        ),
    ];
    for (frames, current) in table {
        for side in SIDES {
            let mut conn = PLAIN.open(side, &config(max(4)));
            conn.receive_data(&wire(side.peer(), frames));
            assert_eq!(pull(&mut conn), []);
            assert_eq!(u16::from(conn.close_sent().expect("failed").code), 1009);
            conn.receive_eof();
            assert_eq!(pull(&mut conn), []);
            let closed = conn.closed();
            let ws_errors::ConnectionClosed::ConnectionClosedError(error) = &closed else {
                panic!("{closed:?}")
            };
            let Some(WebSocketException::PayloadTooBig(too_big)) = error.cause.as_deref() else {
                panic!("{closed:?}")
            };
            assert_eq!((too_big.size, too_big.current, too_big.max), (None, current, 4));
        }
    }
}

#[test]
fn a_bomb_goes_off_at_the_limit() {
    for side in SIDES {
        let bytes = compressed(side, &vec![0; 64 << 20]);
        let mut conn = PLAIN.open(side, &config(|_| ()));
        conn.receive_data(&bytes[..bytes.len() / 2]);
        assert_eq!(pull(&mut conn), []);
        assert_eq!(u16::from(conn.close_sent().expect("failed").code), 1009);
    }
}

#[test]
fn streams_without_end_are_too_many() {
    // An empty stream that ends, in two bytes.
    let payload = [0x03, 0x00].repeat(5000);
    for side in SIDES {
        let mut conn = PLAIN.open(side, &config(|_| ()));
        conn.receive_data(&binary(&payload).rsv(4).bytes(side.peer()));
        assert_eq!(pull(&mut conn), []);
        let close = conn.close_sent().expect("failed");
        assert_eq!((close.code.into(), &*close.reason), (1002_u16, "decompression failed"));
        // A thousand are strange, but fine.
        let mut conn = PLAIN.open(side, &config(|_| ()));
        conn.receive_data(&binary(&payload[..2000]).rsv(4).bytes(side.peer()));
        assert_eq!(pull(&mut conn), [Event::Message(Vec::new().into())]);
    }
}

#[test]
fn frames_far_above_the_limit_are_refused_by_their_header() {
    for side in SIDES {
        let mut conn = connect(side, &config(max(1000)), crate::feed::NOW)
            .with_extensions(vec![PLAIN.extension(side)].into());
        // An eighth and 1 KiB more than the limit is what may arrive.
        let frame = binary(vec![0; 1000 + 125 + 1024 + 1]).rsv(4);
        let header_only = frame.bytes(side.peer())[..8].to_vec();
        conn.receive_data(&header_only);
        assert_eq!(pull(&mut conn), []);
        assert_eq!(u16::from(conn.close_sent().expect("failed").code), 1009);
    }
}
