//! Decompressing messages ([RFC 7692 §6.2], [§7.2.2]).
//!
//! [RFC 7692 §6.2]: https://www.rfc-editor.org/rfc/rfc7692#section-6.2
//! [§7.2.2]: https://www.rfc-editor.org/rfc/rfc7692#section-7.2.2

use std::collections::VecDeque;

use ws_errors::{ProtocolError, ProtocolErrorKind};
use zlib_rs::{InflateFlush, Status};

use super::TRAILER;
use super::pool::Decompressor;
use super::values::WindowBits;
use crate::extension::DataFrame;

/// The most output of a step, in bytes. The decompressor ends each step with a copy of up to 32 KiB
/// into its window, so steps are long; but the output should still be in the cache afterwards.
const MAX_STEP: usize = 128 << 10;

/// The least output space of a step, in bytes.
const MIN_STEP: usize = 512;

/// The most deflate streams that may end within a message. Each costs a restart with a copy of the
/// window, so a peer could waste our time. No compressor ends more than one for each fragment, and
/// 4,096 is the default limit on these.
const MAX_ENDS: u32 = 4096;

/// The decompressing half of one connection.
#[derive(Debug)]
pub(super) struct Decoder {
    takeover: bool,
    history: History,
    /// Held within a message, and between messages that arrive together.
    decompressor: Option<Decompressor>,
    /// Whether the current frame is the last one of its message.
    fin: bool,
    /// Whether a message is incomplete.
    within: bool,
    /// Whether data was decoded since the message or the latest deflate stream began: then a trailer
    /// is missing at the end.
    open: bool,
    /// The number of bytes of the trailer that were decoded.
    trailer: usize,
    /// The number of deflate streams of the message that have ended.
    ends: u32,
}

impl Decoder {
    pub(super) fn new(window_bits: WindowBits, takeover: bool) -> Self {
        Self {
            takeover,
            history: History { bytes: VecDeque::new(), window: 1 << window_bits.get() },
            decompressor: None,
            fin: false,
            within: false,
            open: false,
            trailer: 0,
            ends: 0,
        }
    }

    /// Begins a frame of a compressed message.
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
        // The history has the bytes of `out` up to here.
        let mut kept = out.len();
        let done = loop {
            let from_trailer = input.is_empty() && end && self.fin;
            if from_trailer && !self.open {
                break true;
            }
            let source = match from_trailer {
                true => TRAILER.get(self.trailer..).unwrap_or_default(),
                false => *input,
            };
            let likely = source.len().saturating_mul(4).clamp(MIN_STEP, MAX_STEP);
            // Prefer another step to more memory.
            let step = match out.capacity() - out.len() {
                0..MIN_STEP => likely.min(room),
                spare => likely.min(room).min(spare),
            };
            if step == 0 {
                break false;
            }
            let decompressor = match &mut self.decompressor {
                Some(decompressor) => decompressor,
                none => none.insert(self.history.start()?),
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
                        break true;
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
                    self.history.append(out.get(kept..).unwrap_or_default());
                    kept = out.len();
                    if input.is_empty() {
                        break true;
                    }
                }
                Err(_) => return Err(ProtocolErrorKind::DecompressionFailed.into()),
            }
        };
        if done && end && self.fin {
            self.within = false;
            self.decompressor = None;
        }
        if self.within || self.takeover {
            self.history.append(out.get(kept..).unwrap_or_default());
        }
        Ok(done)
    }

    /// Releases the decompressor between messages, and the history if it isn't needed.
    pub(super) fn release(&mut self) {
        if self.within {
            return;
        }
        self.decompressor = None;
        if !self.takeover {
            self.history.bytes = VecDeque::new();
        }
    }
}

/// The latest output of the decoder: the bytes that the peer may refer to.
#[derive(Debug)]
struct History {
    /// At most the window, with little spare capacity, since idle connections keep it.
    bytes: VecDeque<u8>,
    window: usize,
}

impl History {
    fn append(&mut self, new: &[u8]) {
        let new = new.get(new.len().saturating_sub(self.window)..).unwrap_or_default();
        let over = (self.bytes.len() + new.len()).saturating_sub(self.window);
        self.bytes.drain(..over);
        let have = self.bytes.len();
        if self.bytes.capacity() - have < new.len() {
            // Grow by an eighth at least: short messages shouldn't each reallocate.
            self.bytes.reserve_exact(new.len().max(have / 8).min(self.window - have));
        }
        self.bytes.extend(new);
    }

    /// Returns a decompressor that continues from this history.
    fn start(&self) -> Result<Decompressor, ProtocolError> {
        let mut decompressor = Decompressor::take();
        let (first, second) = self.bytes.as_slices();
        for part in [first, second] {
            if !part.is_empty() && decompressor.set_dictionary(part).is_err() {
                return Err(ProtocolErrorKind::DecompressionFailed.into());
            }
        }
        Ok(decompressor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_history_is_the_last_bytes_in_no_more_memory_than_the_window() {
        for window in [256, 4096] {
            let mut history = History { bytes: VecDeque::new(), window };
            let mut all = Vec::new();
            for n in (0..200).chain([255, 256, 257, 4095, 4096, 4097, 10_000, 1, 0, 300]) {
                let new: Vec<u8> = (0..n).map(|i| (i * 7 + n) as u8).collect();
                history.append(&new);
                all.extend(new);
                let (first, second) = history.bytes.as_slices();
                assert_eq!([first, second].concat(), all[all.len().saturating_sub(window)..]);
                assert!(history.bytes.capacity() <= window.min(all.len() * 9 / 8));
            }
        }
    }
}
