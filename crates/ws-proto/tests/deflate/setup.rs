//! Connections with negotiated settings, and what can be found out about an extension from outside.

use std::sync::Arc;

use ws_proto::extension::{
    ClientDeflate, ClientExtensionFactory, ClientWindow, Extension, Extensions, ServerDeflate,
    ServerExtensionFactory, WindowBits,
};
use ws_proto::grammar::parse_extension;
use ws_proto::{Compress, Config, Connection, Message};
use ws_types::{ExtensionParameter, Side};

use crate::bits::{Deflated, Item};
use crate::feed::{NOW, connect_with, give, sent, wait};
use crate::frames::{Frame, binary};
use crate::judge::Judge;

pub(crate) const RSV1: u8 = 4;

/// A negotiated setting: for each side, whether it takes its context over, and its window bits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Agreed {
    pub(crate) server_takeover: bool,
    pub(crate) client_takeover: bool,
    pub(crate) server_bits: u8,
    pub(crate) client_bits: u8,
}

/// The settings without any parameter.
pub(crate) const DEFAULT: Agreed =
    Agreed { server_takeover: true, client_takeover: true, server_bits: 15, client_bits: 15 };

/// Each takeover with windows from the least to the greatest that both sides can compress with.
pub(crate) fn combinations() -> impl Iterator<Item = Agreed> {
    let windows = [(9, 15), (10, 9), (12, 12), (15, 10)];
    (0..4).flat_map(move |takeover| {
        windows.map(|(server_bits, client_bits)| Agreed {
            server_takeover: takeover & 1 != 0,
            client_takeover: takeover & 2 != 0,
            server_bits,
            client_bits,
        })
    })
}

/// The window bits `n`, which must be legal.
pub(crate) fn window_bits(n: u8) -> WindowBits {
    n.try_into().unwrap()
}

/// The parameters of an offer or an answer, from their text.
pub(crate) fn params(params: &str) -> Vec<ExtensionParameter> {
    let header = format!("permessage-deflate{params}");
    parse_extension(&header).unwrap_or_else(|e| panic!("{header}: {e}")).remove(0).params
}

impl Agreed {
    pub(crate) fn takeover(&self, side: Side) -> bool {
        match side {
            Side::Client => self.client_takeover,
            Side::Server => self.server_takeover,
        }
    }

    pub(crate) fn bits(&self, side: Side) -> u8 {
        match side {
            Side::Client => self.client_bits,
            Side::Server => self.server_bits,
        }
    }

    /// One side's extension, made by a factory with this level, that compresses whatever its size.
    pub(crate) fn extension(&self, side: Side, level: u8) -> Box<dyn Extension> {
        match side {
            Side::Server => {
                let deflate = ServerDeflate::default()
                    .server_no_context_takeover(!self.server_takeover)
                    .client_no_context_takeover(!self.client_takeover)
                    .server_max_window_bits(window_bits(self.server_bits))
                    .client_max_window_bits(window_bits(self.client_bits))
                    .level(level.try_into().unwrap());
                // As a setting 8 counts as 9; the client may ask for it.
                let offer = format!(
                    "; client_max_window_bits; server_max_window_bits={}",
                    self.server_bits
                );
                deflate.min_size(0).process_offer(&params(&offer)).unwrap().1
            }
            Side::Client => {
                let deflate = ClientDeflate::default()
                    .server_no_context_takeover(!self.server_takeover)
                    .client_no_context_takeover(!self.client_takeover)
                    .server_max_window_bits(window_bits(self.server_bits))
                    .client_max_window_bits(ClientWindow::AtMost(window_bits(self.client_bits)))
                    .level(level.try_into().unwrap());
                let mut answer = format!(
                    "; server_max_window_bits={}; client_max_window_bits={}",
                    self.server_bits, self.client_bits
                );
                if !self.server_takeover {
                    answer += "; server_no_context_takeover";
                }
                ClientExtensionFactory::process_response(&deflate.min_size(0), &params(&answer))
                    .unwrap()
            }
        }
    }

    pub(crate) fn extensions(&self, side: Side) -> Extensions {
        vec![self.extension(side, 6)].into()
    }

    /// One side of a connection with this setting.
    pub(crate) fn connect(&self, side: Side, config: &Arc<Config>) -> Connection {
        connect_with(side, config, self.extensions(side), NOW)
    }
}

/// Bytes that no compressor finds anything in; the same for the same seed.
pub(crate) fn noise(len: usize, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9) | 1;
    let step = |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 11) as u8
    };
    (0..len).map(step).collect()
}

/// The same with 64 symbols only, for which a Huffman code is worth it.
pub(crate) fn letters(len: usize, seed: u32) -> Vec<u8> {
    noise(len, seed).iter().map(|byte| b'!' + byte % 64).collect()
}

/// Sends a message in any case compressed, and gives the payload of its frame.
#[track_caller]
pub(crate) fn compressed(conn: &mut Connection, message: impl Into<Message>) -> Vec<u8> {
    conn.send(message.into().compress(Compress::Always)).unwrap();
    let [frame] = &sent(conn)[..] else { panic!("not one frame") };
    assert_eq!((frame.rsv, frame.fin), (RSV1, true));
    frame.payload.clone()
}

/// A compressed binary message of one frame.
pub(crate) fn marked(payload: impl AsRef<[u8]>) -> Frame {
    binary(payload).rsv(RSV1)
}

/// Finds out what an extension does, from what it emits and what it accepts.
pub(crate) fn probe(side: Side, make: &dyn Fn() -> Box<dyn Extension>) -> Agreed {
    let mut config = Config::default();
    config.ping_interval = None;
    let config = Arc::new(config);
    let conn = || connect_with(side, &config, vec![make()], NOW);
    let (bits, takeover) = probe_encoder(&mut conn());
    let peer_takeover = refers_back(&mut conn(), 1);
    let peer_bits = match peer_takeover {
        true => (8..=15).rev().find(|bits| refers_back(&mut conn(), 1 << bits)).unwrap_or(0),
        false => (8..=15).rev().find(|bits| spans(&mut conn(), 1 << bits)).unwrap_or(0),
    };
    match side {
        Side::Server => Agreed {
            server_takeover: takeover,
            client_takeover: peer_takeover,
            server_bits: bits,
            client_bits: peer_bits,
        },
        Side::Client => Agreed {
            server_takeover: peer_takeover,
            client_takeover: takeover,
            server_bits: peer_bits,
            client_bits: bits,
        },
    }
}

fn probe_encoder(conn: &mut Connection) -> (u8, bool) {
    // A mark that comes again as far behind as each window allows, less what zlib can't use of it.
    let mark = |bits: u32| {
        let mark = letters(40, 1000 + bits);
        [&mark[..], &letters((1 << bits) - 300 - 40, bits), &mark].concat()
    };
    let message: Vec<u8> = (9..=15).flat_map(mark).collect();
    let mut judge = Judge::default();
    conn.send(Message::from(message.clone()).compress(Compress::Always)).unwrap();
    let [frame] = &sent(conn)[..] else { panic!("not one frame") };
    if frame.rsv == 0 {
        // zlib can't do 8 bits; there is no context to take over or not.
        return (8, true);
    }
    assert_eq!(judge.message(&frame.payload), Ok(message));
    // zlib leaves the last 262 bytes of a window unused.
    let bits = (judge.greatest + 262).next_power_of_two().trailing_zeros() as u8;
    let again = letters(100, 77);
    compressed(conn, again.clone());
    let takeover = Judge::default().message(&compressed(conn, again)).is_err();
    (bits, takeover)
}

/// Whether a message may refer so far back to the one before, after the memory was taken back.
fn refers_back(conn: &mut Connection, distance: usize) -> bool {
    let data = noise(40_000, 5);
    let first = Deflated::default().stored(false, &data).message();
    assert_eq!(give(conn, &[marked(first)]).len(), 1);
    wait(conn);
    let second = Deflated::default().fixed(false, &[Item::Match(3, distance)]).message();
    let events = give(conn, &[marked(second)]);
    match &events[..] {
        [ws_proto::Event::Message(message)] => {
            let end = if distance < 3 {
                vec![data[39_999]; 3]
            } else {
                data[40_000 - distance..][..3].to_vec()
            };
            assert_eq!(message.as_bytes(), end);
            true
        }
        _ => false,
    }
}

/// Whether a message may refer so far back within itself, behind the end of a deflate stream.
fn spans(conn: &mut Connection, distance: usize) -> bool {
    let data = Deflated::default().stored(true, &noise(40_000, 5)).aligned();
    let message =
        [data.bytes(), Deflated::default().fixed(false, &[Item::Match(3, distance)]).message()];
    give(conn, &[marked(message.concat())]).len() == 1
}
