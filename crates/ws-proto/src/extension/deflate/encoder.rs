//! Compressing messages ([RFC 7692 §6.1], [§7.2.1]).
//!
//! [RFC 7692 §6.1]: https://www.rfc-editor.org/rfc/rfc7692#section-6.1
//! [§7.2.1]: https://www.rfc-editor.org/rfc/rfc7692#section-7.2.1

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use zlib_rs::{Deflate, DeflateConfig, DeflateFlush, Status, Strategy};

use super::TRAILER;
use super::pool::Compressor;
use super::settings::{DeflateStrategy, EncoderSettings};
use super::values::WindowBits;
use crate::Compress;
use crate::extension::DataFrame;

/// The least output space of the compressor, in bytes: with less, it could write the marker of a
/// flush twice.
const MIN_ROOM: usize = 64;

/// The most output space at once, in bytes: more would touch memory that isn't needed.
const MAX_ROOM: usize = 64 << 10;

/// The fingerprint of a connection that compresses nothing; no [`Encoder::key`] is equal to it.
pub(super) const UNCOMPRESSED_KEY: u64 = 0;

/// The compressing half of one connection.
#[derive(Debug)]
pub(super) struct Encoder {
    settings: Arc<EncoderSettings>,
    window_bits: WindowBits,
    takeover: bool,
    /// A fingerprint of the settings: encoders with equal ones compress alike.
    pub(super) key: u64,
    /// Invariant: its window is the end of the data that the peer's decoder has seen, or empty.
    compressor: Compressor,
    /// Whether the current message is compressed.
    encoding: bool,
}

impl Encoder {
    /// Creates an encoder without a compressor; `None` for a window of 8 bits, which zlib can't keep to.
    /// Each endpoint chooses which messages to compress ([RFC 7692 §6]), so that one compresses none.
    ///
    /// [RFC 7692 §6]: https://www.rfc-editor.org/rfc/rfc7692#section-6
    pub(super) fn new(
        settings: Arc<EncoderSettings>,
        window_bits: WindowBits,
        takeover: bool,
    ) -> Option<Self> {
        if window_bits < WindowBits::LEAST_ENCODER {
            return None;
        }
        let mut hasher = DefaultHasher::new();
        (&settings, window_bits, takeover).hash(&mut hasher);
        Some(Self {
            settings,
            window_bits,
            takeover,
            key: hasher.finish().max(UNCOMPRESSED_KEY + 1),
            compressor: Compressor::default(),
            encoding: false,
        })
    }

    /// Compresses the payload of a frame; `false` if it isn't to be compressed.
    pub(super) fn encode(&mut self, frame: DataFrame, payload: &[u8], out: &mut Vec<u8>) -> bool {
        if frame.first {
            let whole = frame.fin;
            self.encoding = match frame.compress {
                Compress::Auto => !whole || payload.len() >= self.settings.min_size,
                Compress::Always => true,
                Compress::Never => false,
            };
            if !self.takeover {
                self.compressor.release();
            }
        }
        if !self.encoding {
            return false;
        }
        self.compress(payload, out);
        if frame.fin {
            self.encoding = false;
            if out.ends_with(&TRAILER) {
                out.truncate(out.len() - TRAILER.len());
            } else {
                // Nothing was left to flush: an empty block, as in RFC 7692 §7.2.3.6.
                out.push(0x00);
            }
        }
        // A message that grows is sent uncompressed. The peer's decoder doesn't see it, so the
        // encoder has to forget it, with all before it: worth it only if that is little.
        let forgets_little = !self.takeover || payload.len() >= 1 << self.window_bits.get();
        if frame.first
            && frame.fin
            && out.len() >= payload.len()
            && frame.compress == Compress::Auto
            && forgets_little
        {
            self.forget();
            return false;
        }
        true
    }

    fn compress(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        let config = DeflateConfig {
            window_bits: -i32::from(self.window_bits.get()),
            mem_level: i32::from(self.settings.memory_level.get()),
            strategy: match self.settings.strategy {
                DeflateStrategy::Default => Strategy::Default,
                DeflateStrategy::Filtered => Strategy::Filtered,
            },
            ..DeflateConfig::new(i32::from(self.settings.level.get()))
        };
        self.compressor.with(config, |deflate| flush(deflate, payload, out));
    }

    /// Releases the compressor if its window isn't needed.
    pub(super) fn release(&mut self) {
        if !self.takeover && !self.encoding {
            self.compressor.release();
        }
    }

    /// The time without messages after which to forget; `None` without a compressor.
    pub(super) fn idle(&self) -> Option<Duration> {
        self.compressor.is_held().then_some(self.settings.idle)
    }

    /// Forgets earlier messages, and releases the compressor. This is safe within a message: each
    /// frame ends at the end of a byte and a block.
    pub(super) fn forget(&mut self) {
        self.compressor.release();
    }
}

/// Compresses all of `payload`, up to the end of a byte and a block.
fn flush(deflate: &mut Deflate, payload: &[u8], out: &mut Vec<u8>) {
    let mut left = payload;
    loop {
        let have = out.len();
        out.resize(have + (left.len() / 2 + MIN_ROOM).min(MAX_ROOM), 0);
        let (taken, written) = (deflate.total_in(), deflate.total_out());
        let room = out.get_mut(have..).unwrap_or_default();
        let space = room.len();
        let status = deflate.compress(left, room, DeflateFlush::SyncFlush);
        debug_assert!(matches!(status, Ok(Status::Ok | Status::BufError)), "{status:?}");
        #[expect(clippy::cast_possible_truncation, reason = "lengths of slices")]
        let (taken, written) =
            ((deflate.total_in() - taken) as usize, (deflate.total_out() - written) as usize);
        out.truncate(have + written);
        left = left.get(taken..).unwrap_or_default();
        if written < space {
            debug_assert!(left.is_empty(), "room was left, but not all was taken");
            return;
        }
    }
}
