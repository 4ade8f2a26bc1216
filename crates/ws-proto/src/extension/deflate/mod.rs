//! permessage-deflate ([RFC 7692 §7]): compression of messages.
//!
//! `settings` is what users set, `params` the grammar and `negotiate` the tables of the opening
//! handshake, `encoder` and `decoder` what one connection does, `pool` where idle contexts are kept.
//!
//! The codec is zlib-rs through its own safe interface: it has window bits, memory level and
//! `set_dictionary`, which the wrappers over it lack in part. Two things that zlib would keep for us we
//! keep ourselves, because a connection is idle most of the time:
//!
//! - The last bytes that came out of the decoder (at most its window): with them, a decoder taken from
//!   the pool goes on where another one stopped, so that a connection that waits needs none.
//! - Nothing at all of the encoder: it may forget its window at any time, and only compresses a little
//!   worse then.
//!
//! [RFC 7692 §7]: https://www.rfc-editor.org/rfc/rfc7692#section-7

mod decoder;
mod encoder;
mod negotiate;
mod params;
mod pool;
mod settings;

use std::time::Duration;

use ws_errors::{ProtocolError, ProtocolErrorKind};

use super::{DataFrame, Extension, Rsv};
use decoder::Decoder;
use encoder::Encoder;

pub use settings::{ClientDeflate, ClientWindow, DeflateStrategy, InvalidSetting, ServerDeflate};

/// The name of the extension.
const NAME: &str = "permessage-deflate";

/// What ends each compressed message, and is left out ([RFC 7692 §7.2.1]).
///
/// [RFC 7692 §7.2.1]: https://www.rfc-editor.org/rfc/rfc7692#section-7.2.1
const TRAILER: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];

/// permessage-deflate at work on one connection.
#[derive(Debug)]
struct PerMessageDeflate {
    encoder: Encoder,
    decoder: Decoder,
    /// Whether the message that is being received is compressed.
    decoding: bool,
}

impl Extension for PerMessageDeflate {
    fn reserved_bits(&self) -> Rsv {
        Rsv::RSV1
    }

    fn encode(&mut self, frame: DataFrame, payload: &[u8], out: &mut Vec<u8>) -> Option<Rsv> {
        let encoded = self.encoder.encode(frame, payload, out);
        // RFC 7692 §6.1: RSV1 stands on the first fragment alone.
        encoded.then_some(if frame.first { Rsv::RSV1 } else { Rsv::NONE })
    }

    fn begin_decode(&mut self, frame: DataFrame) -> Result<bool, ProtocolError> {
        let marked = !frame.rsv.is_empty();
        if frame.first {
            self.decoding = marked;
        } else if marked {
            return Err(match self.decoding {
                true => ProtocolErrorKind::Rsv1InContinuation.into(),
                false => ProtocolErrorKind::ReservedBits.into(),
            });
        }
        if self.decoding {
            self.decoder.begin(frame);
        }
        Ok(self.decoding)
    }

    fn decode(
        &mut self,
        input: &mut &[u8],
        end: bool,
        out: &mut Vec<u8>,
        room: usize,
    ) -> Result<bool, ProtocolError> {
        self.decoder.decode(input, end, out, room)
    }

    fn release(&mut self) {
        self.decoder.release();
        self.encoder.release();
    }

    fn encoder_idle(&self) -> Option<Duration> {
        self.encoder.idle()
    }

    fn forget(&mut self) -> bool {
        self.encoder.forget();
        true
    }

    fn prepared_key(&self) -> Option<u64> {
        Some(self.encoder.key)
    }
}
