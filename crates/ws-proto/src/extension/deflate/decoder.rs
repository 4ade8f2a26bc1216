//! Decompressing messages ([RFC 7692 §6.2], [§7.2.2]).
//!
//! [RFC 7692 §6.2]: https://www.rfc-editor.org/rfc/rfc7692#section-6.2
//! [§7.2.2]: https://www.rfc-editor.org/rfc/rfc7692#section-7.2.2

use ws_errors::{ProtocolError, ProtocolErrorKind};
use zlib_rs::{InflateFlush, Status};

use super::TRAILER;
use super::pool::Decompressor;
use crate::extension::DataFrame;

/// The most that is inflated at once, in bytes, so that it is checked and copied while it is in the
/// cache.
const MAX_STEP: usize = 32 << 10;

/// The least that is inflated at once.
const MIN_STEP: usize = 512;

/// At most this many deflate streams of one message may end before its end. Each costs a new start
/// with a copy of the window, so a peer could make us work for nothing; no compressor ends more than
/// one for each fragment, and 4,096 is the default limit of these.
const MAX_ENDS: u32 = 4096;

/// The decompressing half of one connection.
#[derive(Debug)]
pub(super) struct Decoder {
    takeover: bool,
    history: History,
    /// In use while a message arrives, and between messages that arrived together.
    decompressor: Option<Decompressor>,
    /// Whether the frame ends the message.
    fin: bool,
    /// Within a message.
    within: bool,
    /// Whether data of the message was fed, behind the last deflate stream that ended: if so, a trailer
    /// was left out.
    open: bool,
    /// How much of the trailer was fed, in bytes.
    trailer: usize,
    /// How many deflate streams of the message have ended.
    ends: u32,
}

impl Decoder {
    pub(super) fn new(window_bits: u8, takeover: bool) -> Self {
        Self {
            takeover,
            history: History { bytes: Vec::new(), window: 1 << window_bits },
            decompressor: None,
            fin: false,
            within: false,
            open: false,
            trailer: 0,
            ends: 0,
        }
    }

    /// A frame of a compressed message begins.
    pub(super) fn begin(&mut self, frame: DataFrame) {
        if frame.first {
            self.ends = 0;
            self.open = false;
            if !self.takeover {
                self.history.bytes.clear();
                self.decompressor = None;
            }
        }
        self.within = true;
        self.trailer = 0;
        self.fin = frame.fin;
    }

    /// As [`Extension::decode`](crate::extension::Extension::decode).
    pub(super) fn decode(
        &mut self,
        input: &mut &[u8],
        end: bool,
        out: &mut Vec<u8>,
        room: usize,
    ) -> Result<bool, ProtocolError> {
        let mut room = room;
        loop {
            let from_trailer = input.is_empty() && end && self.fin;
            if from_trailer && !self.open {
                break;
            }
            let source = match from_trailer {
                true => TRAILER.get(self.trailer..).unwrap_or_default(),
                false => *input,
            };
            let step = source.len().saturating_mul(4).clamp(MIN_STEP, MAX_STEP).min(room);
            if step == 0 {
                return Ok(false);
            }
            let decompressor = match &mut self.decompressor {
                Some(decompressor) => decompressor,
                none => none.insert(start(self.history.last())?),
            };
            let have = out.len();
            out.resize(have + step, 0);
            let (taken, written) = (decompressor.total_in(), decompressor.total_out());
            let space = out.get_mut(have..).unwrap_or_default();
            let status = decompressor.decompress(source, space, InflateFlush::SyncFlush);
            #[expect(clippy::cast_possible_truncation, reason = "lengths of slices")]
            let (taken, written) = (
                (decompressor.total_in() - taken) as usize,
                (decompressor.total_out() - written) as usize,
            );
            out.truncate(have + written);
            room -= written;
            self.history.append(out.get(have..).unwrap_or_default());
            match from_trailer {
                true => self.trailer += taken,
                false => {
                    self.open |= taken > 0;
                    *input = input.get(taken..).unwrap_or_default();
                }
            }
            match status {
                Ok(Status::Ok | Status::BufError) => {
                    let all_taken =
                        input.is_empty() && (!end || !self.fin || self.trailer == TRAILER.len());
                    if all_taken && written < step {
                        break;
                    }
                    if taken == 0 && written == 0 {
                        return Err(ProtocolErrorKind::DecompressionFailed.into());
                    }
                }
                Ok(Status::StreamEnd) => {
                    // RFC 7692 §7.2.3.4: a block with the BFINAL bit set; a further one may follow.
                    self.ends += 1;
                    if self.ends > MAX_ENDS {
                        return Err(ProtocolErrorKind::DecompressionFailed.into());
                    }
                    self.decompressor = None;
                    self.open = false;
                    if input.is_empty() {
                        break;
                    }
                }
                Err(_) => return Err(ProtocolErrorKind::DecompressionFailed.into()),
            }
        }
        if end && self.fin {
            self.within = false;
            self.decompressor = None;
        }
        Ok(true)
    }

    /// Gives the decompressor back between messages, and memory that isn't needed.
    pub(super) fn release(&mut self) {
        if self.within {
            return;
        }
        self.decompressor = None;
        if self.takeover { self.history.shrink() } else { self.history.bytes = Vec::new() }
    }
}

/// A decompressor that goes on where this history ends.
fn start(history: &[u8]) -> Result<Decompressor, ProtocolError> {
    let mut decompressor = Decompressor::take();
    if !history.is_empty() && decompressor.set_dictionary(history).is_err() {
        return Err(ProtocolErrorKind::DecompressionFailed.into());
    }
    Ok(decompressor)
}

/// What came out of the decoder last: as much of it as the peer may refer to.
#[derive(Debug)]
struct History {
    /// At most twice the window; the last bytes count.
    bytes: Vec<u8>,
    window: usize,
}

impl History {
    fn append(&mut self, new: &[u8]) {
        let new = new.get(new.len().saturating_sub(self.window)..).unwrap_or_default();
        if self.bytes.len() + new.len() > 2 * self.window {
            self.trim(self.window - new.len());
        }
        self.bytes.extend_from_slice(new);
    }

    /// What the peer may refer to.
    fn last(&self) -> &[u8] {
        self.bytes.get(self.bytes.len().saturating_sub(self.window)..).unwrap_or_default()
    }

    /// Keeps the last `n` bytes.
    fn trim(&mut self, n: usize) {
        self.bytes.drain(..self.bytes.len().saturating_sub(n));
    }

    /// Keeps little more than the window, and no more memory than that: an eighth more, so that not each
    /// short message moves the whole.
    fn shrink(&mut self) {
        let most = self.window + self.window / 8;
        if self.bytes.len() + self.window / 16 > most {
            self.trim(self.window);
        }
        self.bytes.shrink_to(most);
    }
}
