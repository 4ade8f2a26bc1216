//! The encoder's output ([RFC 7692 §6.1], [§7.2.1]), before a judge of our own.
//!
//! [RFC 7692 §6.1]: https://www.rfc-editor.org/rfc/rfc7692#section-6.1
//! [§7.2.1]: https://www.rfc-editor.org/rfc/rfc7692#section-7.2.1

use std::sync::Arc;

use ws_proto::extension::{ServerDeflate, ServerExtensionFactory};
use ws_proto::{Compress, Config, Connection, Message, MessageKind, PreparedMessage};
use ws_types::Side;

use crate::feed::{NOW, connect_with, sent};
use crate::frames::{Frame, SIDES};
use crate::judge::Judge;
use crate::setup::{Agreed, DEFAULT, RSV1, combinations, compressed, letters, noise, params};

fn config() -> Arc<Config> {
    Arc::new(Config::default())
}

/// Messages of many sizes and kinds, with repetitions near and far.
pub(crate) fn messages() -> Vec<Vec<u8>> {
    let mut messages: Vec<Vec<u8>> = vec![
        vec![],
        vec![0],
        b"Hello".to_vec(),
        b"Hello".to_vec(),
        vec![],
        vec![0xFF; 63],
        vec![7; 100_000],
        noise(50, 1),
        noise(700, 2),
        noise(20_000, 3),
        letters(3_000, 4),
        letters(70_000, 5),
        letters(3_000, 4),
        (0..=255).collect(),
        [0x00, 0x00, 0xFF, 0xFF].repeat(50),
        vec![0x00, 0x00, 0xFF, 0xFF],
    ];
    let json: String =
        (0..400).map(|i| format!("{{\"id\":{i},\"price\":{}}},", i * 7 % 1000)).collect();
    messages.push(json.clone().into_bytes());
    for len in [31, 64, 200, 249, 250, 251, 500, 511, 512, 513, 1_023, 4_096, 5_000] {
        messages.push(json.as_bytes()[..len].to_vec());
    }
    for len in [1, 124, 125, 126, 127, 65_535, 65_536] {
        messages.push(letters(len, 6));
    }
    messages
}

/// Decodes a message that was sent as these frames.
fn judged(judge: &mut Judge, frames: &[Frame]) -> Vec<u8> {
    assert!(!frames.is_empty());
    for (at, frame) in frames.iter().enumerate() {
        assert_eq!(frame.fin, at + 1 == frames.len());
        assert!(frame.rsv == 0 || (frame.rsv == RSV1 && at == 0), "RSV1 on the first frame alone");
    }
    let payload: Vec<u8> = frames.iter().flat_map(|frame| frame.payload.clone()).collect();
    match frames[0].rsv {
        0 => payload,
        _ => judge.message(&payload).unwrap_or_else(|fault| panic!("{fault}: {frames:?}")),
    }
}

#[track_caller]
fn check(conn: &mut Connection, judge: &mut Judge, message: &[u8]) {
    let message = message.to_vec();
    assert_eq!(judged(judge, &sent(conn)), message);
}

#[test]
fn every_message_decodes_within_the_window() {
    let agreed = (9..=15).flat_map(|bits| {
        [true, false].map(|takeover| Agreed {
            server_takeover: takeover,
            client_takeover: takeover,
            server_bits: bits,
            client_bits: bits,
        })
    });
    for (n, agreed) in agreed.enumerate() {
        let ways = [(Side::Server, 1), (Side::Client, 6), (Side::Server, 9), (Side::Client, 0)];
        for (side, level) in [ways[n % 2], ways[2 + n / 2 % 2]] {
            let mut conn = connect_with(side, &config(), vec![agreed.extension(side, level)], NOW);
            let mut judge = Judge::default();
            for (n, message) in messages().into_iter().enumerate() {
                for compress in [Compress::Always, [Compress::Auto, Compress::Never][n % 2]] {
                    if !agreed.takeover(side) {
                        judge.forget();
                    }
                    conn.send(Message::from(message.clone()).compress(compress)).unwrap();
                    check(&mut conn, &mut judge, &message);
                }
            }
            assert!(judge.greatest <= 1 << agreed.bits(side), "{agreed:?} {side:?} {level}");
            let least = if level == 0 { 0 } else { 1 << (agreed.bits(side) - 2) };
            assert!(judge.greatest >= least, "{agreed:?} {side:?} {level}: {}", judge.greatest);
        }
    }
}

#[test]
fn each_message_in_pieces_decodes_and_rsv1_is_on_the_first_frame() {
    for agreed in combinations() {
        for side in SIDES {
            let mut conn = agreed.connect(side, &config());
            let mut judge = Judge::default();
            for (n, message) in messages().into_iter().enumerate() {
                if !agreed.takeover(side) {
                    judge.forget();
                }
                let compress = [Compress::Auto, Compress::Always, Compress::Never][n % 3];
                let size = [1, 7, 100, 5_000, 100_000][n % 5].max(message.len() / 20);
                for piece in message.chunks(size.max(1)) {
                    conn.send_chunk(Message::from(piece.to_vec()).compress(compress), false)
                        .unwrap();
                    if n % 2 == 0 {
                        // An empty fragment in the middle.
                        conn.send_chunk(Message::from(Vec::new()), false).unwrap();
                    }
                }
                conn.send_chunk(Message::from(Vec::new()).compress(compress), true).unwrap();
                let frames = sent(&mut conn);
                // A whole message may be better off without.
                if frames.len() > 1 || compress == Compress::Always {
                    let expected = if compress == Compress::Never { 0 } else { RSV1 };
                    assert_eq!(frames[0].rsv, expected, "{n}");
                }
                assert_eq!(judged(&mut judge, &frames), message, "{n}");
            }
            assert!(judge.greatest <= 1 << agreed.bits(side));
        }
    }
}

#[test]
fn rfc7692_7_2_3_6_an_empty_message_is_a_single_zero() {
    for agreed in combinations() {
        for side in SIDES {
            let mut conn = agreed.connect(side, &config());
            for _ in 0..3 {
                assert_eq!(compressed(&mut conn, ""), [0x00]);
                compressed(&mut conn, letters(300, 1));
                assert_eq!(compressed(&mut conn, Vec::new()), [0x00]);
                conn.send(Message::from("").compress(Compress::Never)).unwrap();
                let frames = sent(&mut conn);
                assert_eq!((frames[0].rsv, frames[0].payload.len()), (0, 0));
            }
        }
    }
}

#[test]
fn without_takeover_no_message_refers_to_another() {
    for side in SIDES {
        let agreed = Agreed { server_takeover: false, client_takeover: false, ..DEFAULT };
        let mut conn = agreed.connect(side, &config());
        let text = letters(500, 9);
        let first = compressed(&mut conn, text.clone());
        for _ in 0..3 {
            assert_eq!(compressed(&mut conn, text.clone()), first);
            assert_eq!(Judge::default().message(&first), Ok(text.clone()));
        }
        // Within a message, of course: the second piece refers to the first.
        conn.send_chunk(text.clone(), false).unwrap();
        conn.send_chunk(text.clone(), true).unwrap();
        let frames = sent(&mut conn);
        assert!(frames[1].payload.len() < 20, "{frames:?}");
        assert_eq!(judged(&mut Judge::default(), &frames), [&text[..], &text].concat());
    }
}

#[test]
fn with_takeover_a_message_refers_to_the_ones_before() {
    for side in SIDES {
        let mut conn = DEFAULT.connect(side, &config());
        let text = letters(500, 9);
        let first = compressed(&mut conn, text.clone());
        let second = compressed(&mut conn, text);
        assert!(second.len() < 20 && first.len() > 300, "{} {}", first.len(), second.len());
    }
}

#[test]
fn short_messages_are_sent_as_they_are_unless_asked_for() {
    let made = |set: fn(ServerDeflate) -> ServerDeflate| {
        let (_, extension) = set(ServerDeflate::default()).process_offer(&params("")).unwrap();
        connect_with(Side::Server, &config(), vec![extension], NOW)
    };
    let rsv = |conn: &mut Connection, len: usize, compress| {
        conn.send(Message::from(vec![b'a'; len]).compress(compress)).unwrap();
        sent(conn)[0].rsv
    };
    let mut conn = made(|deflate| deflate);
    assert_eq!(rsv(&mut conn, 63, Compress::Auto), 0);
    assert_eq!(rsv(&mut conn, 64, Compress::Auto), RSV1);
    assert_eq!(rsv(&mut conn, 1, Compress::Always), RSV1);
    assert_eq!(rsv(&mut conn, 1_000_000, Compress::Never), 0);
    let mut conn = made(|deflate| deflate.min_size(1_000));
    assert_eq!(rsv(&mut conn, 999, Compress::Auto), 0);
    assert_eq!(rsv(&mut conn, 1_000, Compress::Auto), RSV1);
    let mut conn = made(|deflate| deflate.min_size(usize::MAX));
    assert_eq!(rsv(&mut conn, 1_000_000, Compress::Auto), 0);
}

#[test]
fn what_does_not_shrink_is_sent_as_it_is_and_never_referred_to() {
    // A message in which the peer doesn't see what the encoder saw must not be in its window: that
    // has corrupted connections of others.
    for agreed in combinations() {
        for side in SIDES {
            let mut conn = agreed.connect(side, &config());
            let mut judge = Judge::default();
            let mut plain = 0;
            for n in 0..8 {
                let message = noise(1 << (9 + n), 30);
                // The end of the message comes again, near enough to be referred to.
                let end = message[message.len() - 200..].to_vec();
                for message in [message.clone(), end, message] {
                    if !agreed.takeover(side) {
                        judge.forget();
                    }
                    conn.send(message.clone()).unwrap();
                    let frames = sent(&mut conn);
                    plain += usize::from(frames[0].rsv == 0);
                    assert!(frames[0].payload.len() <= message.len() + message.len() / 100 + 16);
                    assert_eq!(judged(&mut judge, &frames), message);
                }
            }
            assert!(plain > 0, "{agreed:?}");
        }
    }
}

#[test]
fn prepared_messages_in_between_leave_a_stream_that_decodes() {
    for agreed in combinations() {
        for side in SIDES {
            let mut conn = agreed.connect(side, &config());
            let mut judge = Judge::default();
            let news = letters(400, 8);
            let prepared = PreparedMessage::new(news.clone());
            for n in 0..40_u32 {
                if !agreed.takeover(side) {
                    judge.forget();
                }
                match n % 4 {
                    0 | 2 => {
                        let message = letters(300 + n as usize, n % 3);
                        conn.send(message.clone()).unwrap();
                        check(&mut conn, &mut judge, &message);
                    }
                    1 => {
                        conn.send(&prepared).unwrap();
                        let frames = sent(&mut conn);
                        assert_eq!((frames.len(), frames[0].rsv), (1, RSV1));
                        // On its own it refers to nothing.
                        assert_eq!(Judge::default().message(&frames[0].payload), Ok(news.clone()));
                        assert_eq!(judged(&mut judge, &frames), news);
                    }
                    _ => {
                        // The same text as in the prepared message, in other ways.
                        let compress = [Compress::Never, Compress::Auto][n as usize / 4 % 2];
                        conn.send(Message::from(news.clone()).compress(compress)).unwrap();
                        check(&mut conn, &mut judge, &news);
                    }
                }
            }
            assert!(judge.greatest <= 1 << agreed.bits(side));
        }
    }
}

#[test]
fn compressed_text_and_binary_have_their_opcodes() {
    for side in SIDES {
        let mut conn = DEFAULT.connect(side, &config());
        let text = "läuft ".repeat(30);
        for (message, kind, opcode) in [
            (Message::from(&*text), MessageKind::Text, 1),
            (Message::from(text.clone().into_bytes()), MessageKind::Binary, 2),
        ] {
            assert_eq!(message.kind(), kind);
            conn.send(message.clone()).unwrap();
            conn.send_chunk(message.clone(), false).unwrap();
            conn.ping(Some(ws_proto::Payload::copy_from_slice(b"between")), NOW).unwrap();
            conn.send_chunk(message, true).unwrap();
            let frames = sent(&mut conn);
            let seen: Vec<_> = frames.iter().map(|f| (f.opcode, f.rsv, f.fin)).collect();
            let expected =
                [(opcode, RSV1, true), (opcode, RSV1, false), (9, 0, true), (0, 0, true)];
            assert_eq!(seen, expected);
            // The answer that frees the ping for the next round.
            crate::feed::give(&mut conn, &[crate::frames::pong("between")]);
        }
    }
}
