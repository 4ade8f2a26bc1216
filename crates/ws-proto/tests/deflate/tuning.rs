//! How messages are compressed: what to look for, within the window.

use std::fmt::Write;
use std::sync::Arc;

use ws_proto::extension::{
    CompressionLevel, DeflateStrategy, ServerDeflate, ServerExtensionFactory,
};
use ws_proto::{Compress, Config, Connection, Message, PreparedMessage};
use ws_types::Side;

use crate::encoder::messages;
use crate::feed::{NOW, connect_with, take_output};
use crate::judge::Judge;
use crate::setup::{Agreed, RSV1, compressed, letters, params};

const BITS: u8 = 11;

/// A server's end of a connection with this setting.
fn server(deflate: &ServerDeflate) -> Connection {
    let (_, extension) = deflate.process_offer(&params("")).unwrap();
    connect_with(Side::Server, &Arc::new(Config::default()), vec![extension], NOW)
}

/// Records of numbers, as JSON.
fn records() -> String {
    let mut state = 1_u32;
    let mut digits = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 8
    };
    let mut json = String::new();
    for n in 0..300 {
        let [id, bid, ask] = [digits(), digits(), digits()];
        writeln!(json, "{{\"id\":{id},\"n\":{n},\"bid\":{bid},\"ask\":{ask}}}").unwrap();
    }
    json
}

#[test]
fn mixed_messages_decode_within_the_window() {
    for side in [Side::Server, Side::Client] {
        for takeover in [true, false] {
            let agreed = Agreed {
                server_takeover: takeover,
                client_takeover: takeover,
                server_bits: BITS,
                client_bits: BITS,
            };
            let mut conn = agreed.connect(side, &Arc::new(Config::default()));
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
            assert!(judge.greatest <= 1 << BITS);
        }
    }
}

#[test]
fn a_prepared_message_is_compressed_for_each_strategy() {
    let prepared = PreparedMessage::new(records());
    let strategies =
        [DeflateStrategy::Default, DeflateStrategy::Filtered, DeflateStrategy::Default];
    let outputs = strategies.map(|strategy| {
        let deflate =
            ServerDeflate::default().strategy(strategy).level(CompressionLevel::BEST_COMPRESSION);
        let mut conn = server(&deflate);
        // It doesn't depend on what was sent before.
        compressed(&mut conn, letters(100, 7));
        conn.send(&prepared).unwrap();
        take_output(&mut conn)
    });
    assert_eq!(outputs[0], outputs[2]);
    assert_ne!(outputs[0], outputs[1], "one setting was taken for another");
}

#[test]
fn filtered_suits_numbers() {
    let json = records();
    let size = |deflate: ServerDeflate| {
        let payload = compressed(
            &mut server(&deflate.level(CompressionLevel::BEST_COMPRESSION)),
            json.clone(),
        );
        assert_eq!(Judge::default().message(&payload), Ok(json.clone().into_bytes()));
        payload.len()
    };
    let deflate = ServerDeflate::default;
    let plain = size(deflate());
    let filtered = size(deflate().strategy(DeflateStrategy::Filtered));
    assert!(filtered * 100 < plain * 97, "{filtered} of {plain}");
}
