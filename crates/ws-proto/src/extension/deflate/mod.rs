//! permessage-deflate ([RFC 7692 §7]): compression of messages.
//!
//! `settings` are the factories, `values` their checked numbers, `params` and `negotiate` the opening handshake, `encoder` and
//! `decoder` the two halves of an instance, `pool` the shared compressors and decompressors.
//!
//! The codec is zlib-rs through its own safe interface, which has window bits, memory level and
//! `set_dictionary`; wrappers lack some of these. Most connections are idle most of the time, and
//! hold neither a compressor nor a decompressor then:
//!
//! - Of the decoder, they keep the last decompressed bytes, at most its window: a decompressor from
//!   the pool continues from these.
//! - Of the encoder, they keep nothing: it may forget its window at any time, and only compresses a
//!   little worse.
//!
//! [RFC 7692 §7]: https://www.rfc-editor.org/rfc/rfc7692#section-7

mod decoder;
mod encoder;
mod negotiate;
mod params;
mod pool;
mod settings;
mod values;

use std::time::Duration;

use ws_errors::{ProtocolError, ProtocolErrorKind};

use super::{DataFrame, Extension, Rsv};
use decoder::Decoder;
use encoder::{Encoder, UNCOMPRESSED_KEY};

pub use settings::{ClientDeflate, ClientWindow, DeflateStrategy, ServerDeflate};
pub use values::{CompressionLevel, InvalidSetting, MemoryLevel, WindowBits};

/// The name of the extension.
const NAME: &str = "permessage-deflate";

/// The end of each compressed message, which isn't sent ([RFC 7692 §7.2.1]).
///
/// [RFC 7692 §7.2.1]: https://www.rfc-editor.org/rfc/rfc7692#section-7.2.1
const TRAILER: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];

/// An instance of permessage-deflate for one connection.
#[derive(Debug)]
struct PerMessageDeflate {
    /// `None` sends all messages uncompressed: see [`Encoder::new`].
    encoder: Option<Encoder>,
    decoder: Decoder,
    /// Whether the message being received is compressed.
    decoding: bool,
}

impl Extension for PerMessageDeflate {
    fn reserved_bits(&self) -> Rsv {
        Rsv::RSV1
    }

    fn encode(&mut self, frame: DataFrame, payload: &[u8], out: &mut Vec<u8>) -> Option<Rsv> {
        let encoded = self.encoder.as_mut()?.encode(frame, payload, out);
        // RFC 7692 §6.1: only the first fragment carries RSV1.
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
        if let Some(encoder) = &mut self.encoder {
            encoder.release();
        }
    }

    fn encoder_idle(&self) -> Option<Duration> {
        self.encoder.as_ref()?.idle()
    }

    fn forget(&mut self) -> bool {
        if let Some(encoder) = &mut self.encoder {
            encoder.forget();
        }
        true
    }

    fn prepared_key(&self) -> Option<u64> {
        // Without an encoder, messages are the same whatever the settings.
        Some(self.encoder.as_ref().map_or(UNCOMPRESSED_KEY, |encoder| encoder.key))
    }
}
