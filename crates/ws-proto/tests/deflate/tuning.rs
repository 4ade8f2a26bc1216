//! How messages are compressed: settings for long ones, and what to look for.

use std::fmt::Write;
use std::sync::Arc;

use ws_proto::extension::{
    ClientDeflate, ClientExtensionFactory, ClientWindow, DeflateStrategy, Extension, LongMessages,
    ServerDeflate, ServerExtensionFactory,
};
use ws_proto::{Compress, Config, Connection, Message, PreparedMessage};
use ws_types::Side;

use crate::encoder::messages;
use crate::feed::{NOW, connect, take_output};
use crate::judge::Judge;
use crate::setup::{RSV1, compressed, letters, noise, params};

const BITS: u8 = 11;
const WINDOW: usize = 1 << BITS;

/// Messages from 300 bytes on, with half the window.
fn long() -> LongMessages {
    LongMessages::from_size(300).level(9).and_then(|long| long.max_window_bits(BITS - 1)).unwrap()
}

fn server(long: LongMessages, takeover: bool) -> Box<dyn Extension> {
    let deflate = ServerDeflate::default().server_max_window_bits(BITS).unwrap();
    let deflate = deflate.long_messages(long).server_no_context_takeover(!takeover);
    deflate.process_offer(&params("")).unwrap().1
}

fn client(long: LongMessages, takeover: bool) -> Box<dyn Extension> {
    let deflate =
        ClientDeflate::default().client_max_window_bits(ClientWindow::AtMost(BITS)).unwrap();
    let deflate = deflate.long_messages(long).client_no_context_takeover(!takeover);
    deflate.process_response(&params("")).unwrap()
}

fn conn(side: Side, takeover: bool) -> Connection {
    let extension = match side {
        Side::Server => server(long(), takeover),
        Side::Client => client(long(), takeover),
    };
    connect(side, &Arc::new(Config::default()), NOW).with_extensions(vec![extension].into())
}

/// Whether the message refers to those before.
fn refers_back(conn: &mut Connection, message: &[u8]) -> bool {
    let payload = compressed(conn, message.to_vec());
    Judge::default().message(&payload) != Ok(message.to_vec())
}

#[test]
fn settings_change_when_a_window_of_other_messages_was_sent() {
    for side in [Side::Server, Side::Client] {
        let mut conn = conn(side, true);
        let (short, long) = (letters(100, 1), letters(300, 2));
        assert!(!refers_back(&mut conn, &short));
        assert!(refers_back(&mut conn, &short));
        assert!(!refers_back(&mut conn, &long), "nothing to be found in it");
        for _ in 0..5 {
            assert!(refers_back(&mut conn, &long), "600 to 1,800 bytes of 2,048");
        }
        // Short ones count against them: 1,600, then 1,900 and 2,200 bytes.
        compressed(&mut conn, short.clone());
        compressed(&mut conn, short.clone());
        assert!(refers_back(&mut conn, &long), "1,900 bytes of 2,048");
        assert!(!refers_back(&mut conn, &long), "2,200 bytes: the settings have changed");
        assert!(refers_back(&mut conn, &long));
        assert!(!refers_back(&mut conn, &short), "nothing to be found in it");
        for _ in 0..9 {
            assert!(refers_back(&mut conn, &short), "200 to 1,000 bytes of 1,024");
        }
        assert!(!refers_back(&mut conn, &short), "the settings have changed");
        assert!(refers_back(&mut conn, &short));
    }
}

#[test]
fn most_of_the_bytes_decide_when_lengths_alternate() {
    let mut conn = conn(Side::Server, true);
    let (short, long) = (letters(100, 1), letters(300, 2));
    let mut changes = Vec::new();
    for n in 0..100 {
        compressed(&mut conn, short.clone());
        if !refers_back(&mut conn, &long) {
            changes.push(n);
        }
    }
    // The first is new; 200 bytes more each time are 2,200 with the tenth and 300 of its own.
    assert_eq!(changes, [0, 9]);
}

#[test]
fn what_grows_is_sent_as_it_is_if_the_window_of_its_settings_is_no_longer() {
    let mut conn = conn(Side::Server, true);
    conn.send(Message::from(noise(1_100, 1))).unwrap();
    let [frame] = &crate::feed::sent(&mut conn)[..] else { panic!("not one frame") };
    assert_eq!((frame.rsv, frame.payload.len()), (0, 1_100));
}

#[test]
fn the_first_message_decides_at_once_and_its_settings_hold() {
    for side in [Side::Server, Side::Client] {
        // A mark that comes again beyond half the window.
        let mark = letters(40, 1);
        let far = [&mark[..], &letters(1_000, 2), &mark].concat();
        for (len, is_found) in [(far.len(), false), (299, true)] {
            let mut conn = conn(side, true);
            let mut judge = Judge::default();
            for piece in far.chunks(len) {
                let payload = compressed(&mut conn, piece.to_vec());
                assert_eq!(judge.message(&payload), Ok(piece.to_vec()));
            }
            assert_eq!(judge.greatest >= 1_000, is_found, "{side:?} {len} {}", judge.greatest);
        }
    }
}

#[test]
fn a_message_as_long_as_the_window_changes_the_settings_at_once() {
    let mut conn = conn(Side::Server, true);
    let (short, long) = (letters(100, 1), letters(WINDOW, 2));
    assert!(!refers_back(&mut conn, &short));
    assert!(!refers_back(&mut conn, &[&short[..], &long].concat()), "could refer to the first");
}

#[test]
fn mixed_messages_decode_within_the_window() {
    for side in [Side::Server, Side::Client] {
        for takeover in [true, false] {
            let mut conn = conn(side, takeover);
            let mut judge = Judge::default();
            for (n, message) in messages().into_iter().cycle().take(200).enumerate() {
                if !takeover {
                    judge.forget();
                }
                if n % 7 == 3 {
                    let (first, last) = message.split_at(message.len() / 3);
                    conn.send_chunk(Message::from(first.to_vec()), false).unwrap();
                    conn.send_chunk(Message::from(last.to_vec()), true).unwrap();
                } else {
                    conn.send(Message::from(message.clone()).compress(Compress::Always)).unwrap();
                }
                let frames = crate::feed::sent(&mut conn);
                let payload: Vec<u8> = frames.iter().flat_map(|f| f.payload.clone()).collect();
                match frames[0].rsv {
                    RSV1 => assert_eq!(judge.message(&payload), Ok(message)),
                    _ => assert_eq!(payload, message),
                }
            }
            assert!(judge.greatest <= WINDOW);
        }
    }
}

#[test]
fn a_prepared_message_is_compressed_for_each_of_these_settings() {
    let texts =
        [letters(200, 1), [&letters(40, 1)[..], &letters(1_000, 2), &letters(40, 1)].concat()];
    for text in texts {
        let prepared = PreparedMessage::new(text.clone());
        let settings = [long(), LongMessages::from_size(usize::MAX), long()];
        let outputs = settings.map(|settings| {
            let mut conn = connect(Side::Server, &Arc::new(Config::default()), NOW)
                .with_extensions(vec![server(settings, true)].into());
            // It doesn't depend on what was sent before.
            compressed(&mut conn, letters(100, 7));
            conn.send(&prepared).unwrap();
            take_output(&mut conn)
        });
        assert_eq!(outputs[0], outputs[2]);
        assert_eq!(outputs[0] == outputs[1], text.len() < 300, "one setting was taken for another");
    }
}

#[test]
fn filtered_suits_numbers() {
    let mut state = 1_u32;
    let mut digits = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 8
    };
    let mut json = String::new();
    for n in 0..300 {
        writeln!(
            json,
            "{{\"id\":{},\"n\":{n},\"bid\":{},\"ask\":{}}}",
            digits(),
            digits(),
            digits()
        )
        .unwrap();
    }
    let size = |deflate: ServerDeflate| {
        let extension = deflate.level(9).unwrap().process_offer(&params("")).unwrap().1;
        let mut conn = connect(Side::Server, &Arc::new(Config::default()), NOW)
            .with_extensions(vec![extension].into());
        let payload = compressed(&mut conn, json.clone());
        assert_eq!(Judge::default().message(&payload), Ok(json.clone().into_bytes()));
        payload.len()
    };
    let deflate = ServerDeflate::default;
    let plain = size(deflate());
    let filtered = size(deflate().strategy(DeflateStrategy::Filtered));
    assert!(filtered * 100 < plain * 97, "{filtered} of {plain}");
    let long = LongMessages::from_size(0).level(9).unwrap().strategy(DeflateStrategy::Filtered);
    assert_eq!(size(deflate().long_messages(long)), filtered);
}
