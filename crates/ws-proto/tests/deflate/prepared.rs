//! Messages that are encoded once for many connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Buf;
use ws_errors::ProtocolError;
use ws_proto::extension::{DataFrame, Extension, Rsv};
use ws_proto::{Compress, Connection, Event, Message, PreparedMessage};
use ws_types::Side;

use crate::custom::Flip;
use crate::feed::{NOW, config, connect, connect_with, give, pull, sent, take_output, wait};
use crate::frames::{SIDES, parse_with_keys};
use crate::judge::Judge;
use crate::setup::{Agreed, DEFAULT, RSV1, combinations, compressed, letters, noise};

/// Counts how often it encodes; turns bits around.
#[derive(Debug)]
struct Counting {
    encoded: Arc<AtomicUsize>,
    key: Option<u64>,
    forgets: bool,
}

impl Extension for Counting {
    fn reserved_bits(&self) -> Rsv {
        Rsv::RSV3
    }

    fn encode(&mut self, _: DataFrame, payload: &[u8], out: &mut Vec<u8>) -> Option<Rsv> {
        self.encoded.fetch_add(1, Ordering::Relaxed);
        out.extend(payload.iter().map(|byte| !byte));
        Some(Rsv::RSV3)
    }

    fn begin_decode(&mut self, _: DataFrame) -> Result<bool, ProtocolError> {
        Ok(false)
    }

    fn decode(
        &mut self,
        _: &mut &[u8],
        _: bool,
        _: &mut Vec<u8>,
        _: usize,
    ) -> Result<bool, ProtocolError> {
        unreachable!("nothing is to be decoded")
    }

    fn forget(&mut self) -> bool {
        self.forgets
    }

    fn prepared_key(&self) -> Option<u64> {
        self.key
    }
}

fn counted(prepared: &PreparedMessage, keys: &[Option<u64>], forgets: bool) -> usize {
    let encoded = Arc::new(AtomicUsize::new(0));
    for key in keys {
        let counting = Counting { encoded: Arc::clone(&encoded), key: *key, forgets };
        let mut conn = connect_with(
            Side::Server,
            &config(|_| ()),
            vec![Box::new(counting) as Box<dyn Extension>],
            NOW,
        );
        conn.send(prepared).unwrap();
        let frames = sent(&mut conn);
        let plain: Vec<u8> = frames[0].payload.iter().map(|byte| !byte).collect();
        assert_eq!((frames[0].rsv, &*plain), (1, prepared.message().as_bytes()));
    }
    encoded.load(Ordering::Relaxed)
}

#[test]
fn a_prepared_message_is_encoded_once_for_each_setting() {
    let prepared = || PreparedMessage::new("news");
    assert_eq!(counted(&prepared(), &[Some(1); 50], true), 1);
    assert_eq!(counted(&prepared(), &[Some(1), Some(2), Some(1), Some(2), Some(3)], true), 3);
    let shared = prepared();
    assert_eq!(counted(&shared, &[Some(7)], true), 1);
    assert_eq!(counted(&shared.clone(), &[Some(7), Some(7)], true), 0);
    // What can't be prepared is encoded each time.
    assert_eq!(counted(&prepared(), &[None; 5], true), 5);
    assert_eq!(counted(&prepared(), &[Some(1); 5], false), 5);
}

#[test]
fn whoever_encodes_it_goes_on_like_the_others() {
    let text = letters(300, 1);
    let prepared = PreparedMessage::new(text.clone());
    for side in SIDES {
        let next = |_| {
            let mut conn = DEFAULT.connect(side, &config(|_| ()));
            conn.send(&prepared).unwrap();
            sent(&mut conn);
            compressed(&mut conn, text.clone())
        };
        let [first, second] = [0, 1].map(next);
        assert_eq!(first, second);
        assert_eq!(Judge::default().message(&second), Ok(text.clone()));
    }
}

#[test]
fn an_encoding_is_not_taken_for_one_of_another_extension() {
    // The same number, but another type, or in another order.
    let encoded = Arc::new(AtomicUsize::new(0));
    let counting = || Counting { encoded: Arc::clone(&encoded), key: Some(0), forgets: true };
    let prepared = PreparedMessage::new(letters(200, 1));
    let one: fn(Counting) -> Vec<Box<dyn Extension>> = |c| vec![Box::new(c)];
    let both: fn(Counting) -> Vec<Box<dyn Extension>> =
        |c| vec![Box::new(c), DEFAULT.extension(Side::Server, 6)];
    let other: fn(Counting) -> Vec<Box<dyn Extension>> =
        |c| vec![DEFAULT.extension(Side::Server, 6), Box::new(c)];
    let mut payloads = Vec::new();
    for (n, make) in [one, both, other, both, one].into_iter().enumerate() {
        let mut conn = connect_with(Side::Server, &config(|_| ()), make(counting()), NOW);
        conn.send(&prepared).unwrap();
        assert_eq!(encoded.load(Ordering::Relaxed), (n + 1).min(3));
        payloads.push(take_output(&mut conn));
    }
    assert_eq!((&payloads[0], &payloads[1]), (&payloads[4], &payloads[3]));
    assert!(payloads[0] != payloads[1] && payloads[1] != payloads[2]);
    let mut conn = connect_with(
        Side::Server,
        &config(|_| ()),
        vec![Box::<Flip>::default() as Box<dyn Extension>],
        NOW,
    );
    conn.send(&prepared).unwrap();
    assert_eq!(sent(&mut conn)[0].rsv, 2, "that of the other type has RSV3");
}

#[test]
fn large_encodings_are_shared_by_all_connections_of_a_server() {
    let message = letters(100_000, 3);
    let prepared = PreparedMessage::new(message.clone());
    let mut places = Vec::new();
    for n in 0..6 {
        let mut conn = match n % 2 {
            0 => DEFAULT.connect(Side::Server, &config(|_| ())),
            _ => connect(Side::Server, &config(|_| ()), NOW),
        };
        conn.send(&prepared).unwrap();
        let len = conn.output().len();
        assert_eq!(conn.output().chunk().len(), len, "in one piece");
        places.push(conn.output().chunk().as_ptr());
    }
    assert_eq!([places[0], places[1]], [places[2], places[3]]);
    assert_eq!([places[0], places[1]], [places[4], places[5]]);
    assert_ne!(places[0], places[1]);
}

#[test]
fn a_client_masks_a_prepared_message_anew() {
    for len in [5, 100, 200, 100_000] {
        let prepared = PreparedMessage::new(letters(len, 3));
        for deflate in [false, true] {
            let mut conn = match deflate {
                true => DEFAULT.connect(Side::Client, &config(|_| ())),
                false => connect(Side::Client, &config(|_| ()), NOW),
            };
            for _ in 0..3 {
                conn.send(&prepared).unwrap();
            }
            let frames = parse_with_keys(Side::Client, &take_output(&mut conn));
            assert_eq!(frames.len(), 3);
            assert!(frames[0].1 != frames[1].1 && frames[1].1 != frames[2].1);
            assert!(frames[0].0 == frames[1].0 && frames[1].0 == frames[2].0);
            let expected = if deflate { RSV1 } else { 0 };
            assert_eq!(frames[0].0.rsv, expected);
        }
    }
}

#[test]
fn wishes_about_compression_are_kept() {
    for side in SIDES {
        for (len, compress, rsv) in [
            (10, Compress::Always, RSV1),
            (10_000, Compress::Always, RSV1),
            (10, Compress::Never, 0),
            (10_000, Compress::Never, 0),
            (10_000, Compress::Auto, RSV1),
        ] {
            let prepared = PreparedMessage::new(Message::from(letters(len, 3)).compress(compress));
            for _ in 0..2 {
                let mut conn = DEFAULT.connect(side, &config(|_| ()));
                conn.send(&prepared).unwrap();
                let frames = sent(&mut conn);
                assert_eq!(frames[0].rsv, rsv, "{len} {compress:?}");
            }
            // And where there is no compression.
            let mut conn = connect(side, &config(|_| ()), NOW);
            conn.send(&prepared).unwrap();
            assert_eq!(sent(&mut conn)[0].payload, letters(len, 3));
        }
        // What doesn't shrink is sent as it is.
        let prepared = PreparedMessage::new(noise(1000, 1));
        let agreed = Agreed { server_takeover: false, client_takeover: false, ..DEFAULT };
        for _ in 0..2 {
            let mut conn = agreed.connect(side, &config(|_| ()));
            conn.send(&prepared).unwrap();
            assert_eq!(sent(&mut conn)[0].payload, noise(1000, 1));
        }
    }
}

#[test]
fn prepared_messages_of_many_settings_reach_every_peer() {
    let news: Vec<PreparedMessage> = [letters(300, 1), letters(30, 1), letters(20_000, 2), vec![]]
        .map(|bytes| PreparedMessage::new(Message::from(bytes).compress(Compress::Always)))
        .into();
    let mut pairs: Vec<[Connection; 2]> = combinations()
        .flat_map(|agreed| SIDES.map(|side| (agreed, side)))
        .map(|(agreed, side)| [side, side.peer()].map(|side| agreed.connect(side, &config(|_| ()))))
        .collect();
    for n in 0..12 {
        for [sender, receiver] in &mut pairs {
            let mut expected = Vec::new();
            // Ordinary ones in between, which have the same text.
            if n % 3 > 0 {
                let message = Message::from(letters(300, n % 2));
                sender.send(message.clone()).unwrap();
                expected.push(Event::Message(message));
            }
            for prepared in news.iter().skip(n as usize % 4) {
                sender.send(prepared).unwrap();
                expected.push(Event::Message(prepared.message().clone()));
            }
            receiver.receive_data(&take_output(sender), NOW);
            assert_eq!(pull(receiver), expected);
            if n % 2 == 0 {
                wait(receiver);
            }
        }
    }
}

#[test]
fn encodings_of_different_settings_are_kept_apart() {
    // A window of 512 bytes mustn't get what was made for 32 KiB.
    let text = letters(5_000, 1);
    let message = [&text[..], &text].concat();
    let prepared = PreparedMessage::new(message.clone());
    for bits in [15, 9, 12, 9, 15] {
        let agreed = Agreed { server_bits: bits, ..DEFAULT };
        let mut conn = agreed.connect(Side::Server, &config(|_| ()));
        conn.send(&prepared).unwrap();
        let mut judge = Judge::default();
        assert_eq!(judge.message(&sent(&mut conn)[0].payload), Ok(message.clone()));
        assert!(judge.greatest <= 1 << bits, "{} for {bits}", judge.greatest);
    }
}

#[test]
fn a_prepared_message_is_refused_where_any_other_would_be() {
    let prepared = PreparedMessage::new(letters(300, 1));
    for side in SIDES {
        let mut conn = DEFAULT.connect(side, &config(|_| ()));
        conn.send_chunk("begun", false).unwrap();
        conn.send(&prepared).unwrap_err();
        conn.send_chunk("ended", true).unwrap();
        conn.send(&prepared).unwrap();
        let frames = sent(&mut conn);
        assert_eq!(frames.len(), 3);
        let mut peer = DEFAULT.connect(side.peer(), &config(|_| ()));
        assert_eq!(give(&mut peer, &frames).len(), 2);
        conn.fail(ws_types::Close::new(ws_types::CloseCode::GOING_AWAY, ""), Duration::ZERO);
        conn.send(&prepared).unwrap_err();
    }
}

#[test]
fn as_a_piece_of_a_message_it_is_like_any_other() {
    let prepared = PreparedMessage::new("a piece");
    for side in SIDES {
        let mut conn = DEFAULT.connect(side, &config(|_| ()));
        conn.send_chunk(&prepared, false).unwrap();
        conn.send_chunk(&prepared, true).unwrap();
        let mut peer = DEFAULT.connect(side.peer(), &config(|_| ()));
        peer.receive_data(&take_output(&mut conn), NOW);
        assert_eq!(pull(&mut peer), [Event::Message("a piecea piece".into())]);
    }
}
