//! Extensions and permessage-deflate ([RFC 7692]), one scenario at a time, without sockets or a clock.
//!
//! `frames` and `feed` are those of the tests of the connection.
//!
//! [RFC 7692]: https://www.rfc-editor.org/rfc/rfc7692

#![expect(clippy::indexing_slicing, reason = "the tests choose the indexes; a panic is a failure")]

#[expect(dead_code, reason = "made for the tests of the connection, which use all of it")]
#[path = "../connection/feed.rs"]
mod feed;
#[expect(dead_code, reason = "made for the tests of the connection, which use all of it")]
#[path = "../connection/frames.rs"]
mod frames;

mod encoder;
mod handshake;
mod inflate;
mod messages;
mod negotiation;
mod prepared;
mod violations;

use std::sync::Arc;

use ws_proto::extension::{
    ClientDeflate, ClientExtensionFactory, ClientWindow, Extension, Extensions, ServerDeflate,
    ServerExtensionFactory,
};
use ws_proto::{Config, Connection};
use ws_types::Side;

/// What a connection agrees on: the same for both directions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) bits: u8,
    pub(crate) takeover: bool,
}

pub(crate) const PLAIN: Setting = Setting { bits: 15, takeover: true };

impl Setting {
    pub(crate) fn extension(self, side: Side) -> Box<dyn Extension> {
        let Self { bits, takeover } = self;
        let client = ClientDeflate::default()
            .server_no_context_takeover(!takeover)
            .client_no_context_takeover(!takeover)
            .server_max_window_bits(bits)
            .and_then(|client| client.client_max_window_bits(ClientWindow::AtMost(bits)))
            .expect("in range");
        let server = ServerDeflate::default()
            .server_max_window_bits(None)
            .and_then(|server| server.client_max_window_bits(None))
            .expect("in range");
        let (answer, on_server) = server.accept(&client.offer()).expect("agreed");
        match side {
            Side::Client => client.accept(&answer).expect("agreed"),
            Side::Server => on_server,
        }
    }

    pub(crate) fn open(self, side: Side, config: &Arc<Config>) -> Connection {
        let extensions = Extensions::from(vec![self.extension(side)]);
        feed::connect(side, config, feed::NOW).with_extensions(extensions)
    }
}

/// Bytes without repetitions, the same in each run.
pub(crate) fn noise(len: usize, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(0x9E37_79B9) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 11) as u8
    };
    (0..len).map(|_| next()).collect()
}
