//! A message that has not arrived whole: its memory, its checks, and the limits ([RFC 6455 §5.4],
//! [§8.1]). Which frame may follow which is decided in `recv`.
//!
//! [RFC 6455 §5.4]: https://www.rfc-editor.org/rfc/rfc6455#section-5.4
//! [§8.1]: https://www.rfc-editor.org/rfc/rfc6455#section-8.1

use std::mem;

use bytes::BufMut;
use bytes::buf::Limit;
use ws_errors::{InvalidUtf8, PayloadTooBig, TooManyFragments};

use super::recv::Violation;
use crate::extension::Extensions;
use crate::frame::{FrameHeader, Mask, Utf8Validator, append};
use crate::payload::INLINE;
use crate::{Config, MessageKind, Payload};

/// A frame of which at least this much is missing, in bytes, is read straight into its message, once
/// as much of the message has arrived: what a header claims costs nothing.
pub(super) const DIRECT: u64 = 16 << 10;

/// At most this much, in bytes, is read at once, so that it is unmasked and checked in the cache.
const DIRECT_STEP: usize = 128 << 10;

/// A message of at least this much, in bytes, of which the extensions have more to give, is worth an
/// estimate of its length.
const EXPECTED: usize = 64 << 10;

/// A data frame whose payload has not arrived whole.
#[derive(Debug)]
pub(super) struct Frame {
    /// Not 0 between calls, unless the extensions have more to give.
    pub(super) remaining: u64,
    pub(super) mask: Option<Mask>,
    pub(super) fin: bool,
    /// Extensions decode the payload.
    pub(super) encoded: bool,
    /// How many bytes at the front of the input were unmasked and are not decoded.
    pub(super) unmasked: usize,
}

/// A message whose last frame has not arrived whole.
#[derive(Debug)]
pub(super) struct Partial {
    pub(super) kind: MessageKind,
    /// What has arrived; while streaming, what has not been handed out.
    pub(super) data: Vec<u8>,
    /// Up to here `data` was unmasked and checked; what is behind was read directly.
    pub(super) done: usize,
    /// How many bytes of the message have been announced by frame headers; of a message that
    /// extensions decode, how many have come out of them.
    pub(super) announced: u64,
    /// How many bytes the extensions have taken in.
    encoded: u64,
    /// What `announced` was when the current frame began.
    pub(super) before: u64,
    pub(super) fragments: usize,
    pub(super) utf8: Utf8Validator,
    /// Whether a piece of this message was handed out.
    pub(super) streamed: bool,
    /// Whether nobody wants the rest of it.
    pub(super) skipped: bool,
}

impl Frame {
    pub(super) fn new(header: &FrameHeader, mask: Option<Mask>) -> Self {
        let &FrameHeader { payload_len, fin, .. } = header;
        Self { remaining: payload_len, mask, fin, encoded: false, unmasked: 0 }
    }
}

impl Partial {
    pub(super) fn new(kind: MessageKind, announced: u64) -> Self {
        Self {
            kind,
            data: Vec::new(),
            done: 0,
            announced,
            encoded: 0,
            before: 0,
            fragments: 1,
            utf8: Utf8Validator::default(),
            streamed: false,
            skipped: false,
        }
    }

    /// Counts a further fragment, of `len` bytes.
    pub(super) fn add_fragment(&mut self, len: u64, limits: &Config) -> Result<(), Violation> {
        if let Some(max) = limits.max_fragments
            && self.fragments >= max
        {
            return Err(TooManyFragments::new(max).into());
        }
        self.fragments += 1;
        self.before = self.announced;
        self.announced = self.announced.saturating_add(len);
        Ok(())
    }

    /// Lets the extensions decode from `input`, at most `room` bytes; stops at the limit on messages.
    /// The frame lacks `remaining` bytes, `input` among them.
    pub(super) fn decode(
        &mut self,
        extensions: &mut Extensions,
        input: &mut &[u8],
        remaining: u64,
        room: usize,
        limits: &Config,
    ) -> Result<bool, Violation> {
        let (have, before) = (self.data.len(), input.len());
        // One byte more than allowed shows that it is too much.
        let budget = limits.max_message_size.map_or(usize::MAX, |max| {
            max.saturating_add(1)
                .saturating_sub(usize::try_from(self.announced).unwrap_or(usize::MAX))
        });
        let end = before as u64 == remaining;
        if room == usize::MAX {
            self.expect(before as u64, remaining, budget);
        }
        let decoded = extensions.decode(input, end, &mut self.data, room.min(budget));
        self.encoded += (before - input.len()) as u64;
        let new = self.data.get(have..).unwrap_or_default();
        self.announced += new.len() as u64;
        // In the order of the bytes, so that the first violation counts, however they came.
        if self.kind == MessageKind::Text {
            self.utf8.feed(new)?;
        }
        let check_budget = |stuck: bool| match limits.max_message_size {
            Some(max) if stuck || self.announced > max as u64 => {
                let current = (self.before > 0).then_some(self.before);
                Err(PayloadTooBig::new(None, current, max as u64))
            }
            _ => Ok(()),
        };
        check_budget(false)?;
        self.done = self.data.len();
        let done = decoded?;
        // What can't be cut shows it by making no use of what is left.
        check_budget(!done && new.is_empty() && input.len() == before && budget <= room)?;
        Ok(done)
    }

    /// Makes room for what will come out of the rest of a frame, judging by what came out so far: a
    /// long message that doubles its memory until it fits would move, and be cut at the end. Growth
    /// follows what was received, to at most twice that, and comes only when the memory is short of what
    /// will come out of `input` bytes, or many small ones would each move the message.
    fn expect(&mut self, input: u64, remaining: u64, budget: usize) {
        let have = self.data.len();
        if have < EXPECTED || self.encoded == 0 {
            return;
        }
        let out_of = |bytes: u64| {
            let out = u128::from(bytes) * u128::from(self.announced) / u128::from(self.encoded);
            usize::try_from(out).unwrap_or(usize::MAX)
        };
        if self.data.capacity() - have >= out_of(input) {
            return;
        }
        // What is left over stays below an eighth, which is not cut.
        let rest = out_of(remaining);
        let room = rest.saturating_add(rest / 32).saturating_add(have / 32);
        self.data.reserve_exact(room.min(budget).min(have));
    }

    /// Memory for the rest of a frame's payload, or a part of it.
    pub(super) fn space(&mut self, frame: &Frame) -> Limit<&mut Vec<u8>> {
        let waiting = self.data.len() - self.done;
        let missing = usize::try_from(frame.remaining).unwrap_or(usize::MAX) - waiting;
        if self.data.capacity() - self.data.len() < missing.min(DIRECT_STEP / 2) {
            // Growth follows what was received: at most twice that.
            self.data.reserve_exact(missing.min(self.data.len()));
        }
        let room = self.data.capacity() - self.data.len();
        (&mut self.data).limit(missing.min(room).min(DIRECT_STEP))
    }

    /// Unmasks and checks what was read straight into `data`.
    pub(super) fn take_direct(&mut self, frame: &mut Frame) -> Result<(), Violation> {
        let new = self.data.get_mut(self.done..).unwrap_or_default();
        if new.is_empty() {
            return Ok(());
        }
        if let Some(mask) = &mut frame.mask {
            mask.apply(new);
        }
        if self.kind == MessageKind::Text {
            self.utf8.feed(new)?;
        }
        frame.remaining -= new.len() as u64;
        self.done = self.data.len();
        Ok(())
    }

    /// Appends what arrived in the input.
    pub(super) fn take_input(&mut self, frame: &mut Frame, new: &[u8]) -> Result<(), Violation> {
        let have = self.data.len();
        if self.data.capacity() - have < new.len() {
            // Never more than the message is known to need, never much more than was received. In
            // between fragments it isn't known: one byte each must not move the message each time.
            let known = frame.fin || have == 0;
            let most =
                usize::try_from(frame.remaining).ok().filter(|_| known).unwrap_or(usize::MAX);
            self.data.reserve_exact(most.min(new.len().saturating_mul(2).max(have)));
        }
        append(&mut self.data, new, &mut frame.mask);
        if self.kind == MessageKind::Text {
            self.utf8.feed(self.data.get(have..).unwrap_or_default())?;
        }
        self.done = self.data.len();
        frame.remaining -= new.len() as u64;
        Ok(())
    }

    /// Takes the data out, but for an unfinished character at its end.
    pub(super) fn take_payload(&mut self, unfinished: usize) -> Payload {
        let keep = self.data.split_off(self.data.len() - unfinished);
        self.done = keep.len();
        let mut data = mem::replace(&mut self.data, keep);
        if data.capacity() - data.len() > data.len() / 8 {
            data.shrink_to_fit();
        }
        Payload::from(data)
    }
}

/// Checks the length of a frame against the limits, `before` bytes of its message having come earlier.
#[inline]
pub(super) fn check_len(len: u64, before: u64, limits: &Config) -> Result<(), Violation> {
    if let Some(max) = limits.max_message_size
        && len > (max as u64).saturating_sub(before)
    {
        let current = (before > 0).then_some(before);
        return Err(PayloadTooBig::new(Some(len), current, max as u64).into());
    }
    match limits.max_frame_size {
        Some(max) if len > max as u64 => {
            Err(PayloadTooBig::new(Some(len), None, max as u64).into())
        }
        _ => Ok(()),
    }
}

/// Checks the length of a frame that extensions decode. The limit on messages holds for what comes out
/// of them; what goes in may be a little longer, if it resists compression.
pub(super) fn check_encoded_len(len: u64, limits: &Config) -> Result<(), Violation> {
    if let Some(max) = limits.max_message_size {
        let max = max as u64;
        if len > max.saturating_add(max / 8).saturating_add(1024) {
            return Err(PayloadTooBig::new(Some(len), None, max).into());
        }
    }
    match limits.max_frame_size {
        Some(max) if len > max as u64 => {
            Err(PayloadTooBig::new(Some(len), None, max as u64).into())
        }
        _ => Ok(()),
    }
}

/// Checks a text that came in one frame.
#[inline]
pub(super) fn check_text(text: &[u8]) -> Result<(), InvalidUtf8> {
    // The fast check is for many bytes, the other one for few.
    let valid = match text.len() {
        0..=INLINE => text.is_ascii() || std::str::from_utf8(text).is_ok(),
        _ => simdutf8::basic::from_utf8(text).is_ok(),
    };
    if valid { Ok(()) } else { Err(bad_text(text)) }
}

/// Says where a text that came in one frame goes wrong.
#[cold]
fn bad_text(data: &[u8]) -> InvalidUtf8 {
    let mut validator = Utf8Validator::default();
    let verdict = validator.feed(data).and_then(|()| validator.finish());
    verdict.err().unwrap_or_else(|| InvalidUtf8::new("invalid start byte", 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_decoded_message_moves_a_few_times_and_ends_with_little_to_spare() {
        // Pieces of a frame, each of which decodes to sixteen times its size: 4 MiB and a bit in all.
        for piece in [1, 64, 4096] {
            let (count, out) = ((4 << 20) / (16 * piece) + 3, 16 * piece);
            let mut partial = Partial::new(MessageKind::Binary, 0);
            let mut moves = 0;
            for i in 0..count {
                let before = partial.data.capacity();
                partial.expect(piece as u64, ((count - i) * piece) as u64, usize::MAX);
                partial.data.resize(partial.data.len() + out, 0);
                partial.encoded += piece as u64;
                partial.announced += out as u64;
                assert!(partial.data.capacity() <= (2 * partial.data.len()).max(2 * EXPECTED));
                moves += usize::from(partial.data.capacity() != before);
            }
            assert!(moves <= 32, "{moves} moves in {count} pieces");
            let (len, capacity) = (partial.data.len(), partial.data.capacity());
            assert!(capacity <= len + len / 8, "{capacity} bytes for {len}");
        }
    }
}
