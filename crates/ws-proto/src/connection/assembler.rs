//! A message whose last frame has not arrived whole: its memory, its checks and its limits
//! ([RFC 6455 §5.4], [§8.1]). The order of frames is judged in `receive`.
//!
//! [RFC 6455 §5.4]: https://www.rfc-editor.org/rfc/rfc6455#section-5.4
//! [§8.1]: https://www.rfc-editor.org/rfc/rfc6455#section-8.1

use std::mem;

use bytes::BufMut;
use bytes::buf::Limit;
use ws_errors::{PayloadTooBig, ProtocolError, TooManyFragments};

use super::read_buffer::{give_memory, take_memory};
use super::violation::Violation;
use crate::extension::Extensions;
use crate::frame::{Utf8Decoder, decode_text};
use crate::{Config, Message, MessageKind, Oversize, Payload};

/// Once this much of a binary message has arrived, and this much of its frame is missing, in bytes, the
/// rest of the frame is read straight into the message: what a header claims costs nothing.
const DIRECT: usize = 16 << 10;

/// At most this much, in bytes, is read straight into a message at once, so that it is unmasked in the
/// cache.
const DIRECT_STEP: usize = 128 << 10;

/// Text that is dropped is checked in steps of this many bytes, so that it takes no more memory.
const CHECKED_STEP: usize = 4 << 10;

/// Extensions decode at most this many bytes at once: a little input can become a lot. With the beginning
/// of a character that was left over before, a piece of text has at most 64 KiB.
const DECODED_STEP: usize = (64 << 10) - 3;

/// A message that is being received.
#[derive(Debug)]
pub(super) struct Assembler {
    data: Data,
    /// The bytes of the message so far, in all: as many as frame headers have announced, or as have come
    /// out of the extensions; only the latter once it is too big.
    size: u64,
    /// The `size` when the current frame began.
    before: u64,
    fragments: usize,
    /// Pieces of the message were handed out.
    streamed: bool,
    /// The rest of the message isn't wanted.
    skipped: bool,
    /// The limit that the message has exceeded: it is dropped, and its end tells so. In a box, since that
    /// is rare.
    too_big: Option<Box<PayloadTooBig>>,
}

/// Data that has arrived and was not handed out, unmasked and decoded.
#[derive(Debug)]
enum Data {
    Text { text: String, decoder: Utf8Decoder },
    Binary(Vec<u8>),
}

impl Assembler {
    /// A message of which no frame has begun.
    pub(super) fn new(kind: MessageKind) -> Self {
        let data = match kind {
            MessageKind::Text => {
                Data::Text { text: String::new(), decoder: Utf8Decoder::default() }
            }
            MessageKind::Binary => Data::Binary(Vec::new()),
        };
        let (streamed, skipped, too_big) = (false, false, None);
        Self { data, size: 0, before: 0, fragments: 0, streamed, skipped, too_big }
    }

    pub(super) fn kind(&self) -> MessageKind {
        match self.data {
            Data::Text { .. } => MessageKind::Text,
            Data::Binary(_) => MessageKind::Binary,
        }
    }

    /// Whether pieces of the message were handed out, and more are wanted.
    pub(super) fn is_streamed(&self) -> bool {
        self.streamed && !self.skipped
    }

    /// The bytes that were not handed out.
    pub(super) fn buffered(&self) -> usize {
        match &self.data {
            Data::Text { text, .. } => text.len(),
            Data::Binary(data) => data.len(),
        }
    }

    /// Drops the rest of the message, if pieces of it were handed out: then nothing waits to be handed out.
    pub(super) fn skip(&mut self) {
        self.skipped = self.streamed;
    }

    /// Counts a frame, which announces `len` bytes, whether they are `encoded` or not.
    pub(super) fn begin_frame(
        &mut self,
        len: u64,
        encoded: bool,
        limits: &Config,
    ) -> Result<(), Violation> {
        while let Err(too_big) = self.check_frame(len, encoded, limits) {
            self.exceed(too_big, limits)?;
        }
        if let Some(max) = limits.max_fragments
            && self.fragments >= max
        {
            return Err(TooManyFragments::new(max).into());
        }
        self.fragments += 1;
        self.before = self.size;
        if !encoded && self.too_big.is_none() {
            self.size = self.size.saturating_add(len);
        }
        Ok(())
    }

    /// Checks the length of a frame against the limits that hold for it.
    fn check_frame(&self, len: u64, encoded: bool, limits: &Config) -> Result<(), PayloadTooBig> {
        match (encoded, &self.too_big) {
            (false, None) => check_len(len, self.size, limits),
            // It is dropped as it arrives.
            (false, Some(_)) => Ok(()),
            (true, None) => {
                check_encoded_len(len, self.max_size(limits))?;
                check_frame_len(len, limits)
            }
            (true, Some(_)) => check_encoded_len(len, self.max_size(limits)),
        }
    }

    /// The limit on what comes out of the extensions; another one once the first was exceeded.
    fn max_size(&self, limits: &Config) -> Option<u64> {
        match (&self.too_big, limits.oversize) {
            (Some(_), Oversize::Skip { max_inflated }) => Some(max_inflated),
            _ => limits.max_message_size.map(|max| max as u64),
        }
    }

    /// Takes note that the message exceeds the limit that holds for it: a violation, or it is dropped.
    #[cold]
    fn exceed(&mut self, too_big: PayloadTooBig, limits: &Config) -> Result<(), Violation> {
        if self.too_big.is_some() || limits.oversize == Oversize::Fail {
            return Err(too_big.into());
        }
        self.too_big = Some(Box::new(too_big));
        self.free();
        Ok(())
    }

    /// Drops what has arrived.
    fn free(&mut self) {
        match &mut self.data {
            Data::Text { text, .. } => *text = String::new(),
            Data::Binary(data) => *data = Vec::new(),
        }
    }

    /// Appends bytes, unmasked. At most `rest` are to come, these among them; `usize::MAX` if that isn't
    /// known.
    pub(super) fn push(&mut self, bytes: &[u8], rest: usize) -> Result<(), Violation> {
        if self.skipped || self.too_big.is_some() {
            return self.check_dropped(bytes);
        }
        match &mut self.data {
            Data::Text { text, decoder } => {
                // The beginning of a character may have been left over, and takes room with its rest.
                let carried = decoder.carried();
                let new = carried + bytes.len();
                if text.capacity() - text.len() < new {
                    text.reserve_exact(growth(text.len(), new, rest.saturating_add(carried)));
                }
                decoder.decode(bytes, text)?;
            }
            Data::Binary(data) => {
                if data.capacity() - data.len() < bytes.len() {
                    data.reserve_exact(growth(data.len(), bytes.len(), rest));
                }
                data.extend_from_slice(bytes);
            }
        }
        Ok(())
    }

    /// Checks bytes that nobody gets.
    fn check_dropped(&mut self, bytes: &[u8]) -> Result<(), Violation> {
        if let Data::Text { text, decoder } = &mut self.data {
            for step in bytes.chunks(CHECKED_STEP) {
                decoder.decode(step, text)?;
                text.clear();
            }
        }
        Ok(())
    }

    /// Memory for the next bytes of the message, if they are best read straight into it; `missing` are
    /// still to come in the frame.
    pub(super) fn direct(&mut self, missing: u64) -> Option<Limit<&mut Vec<u8>>> {
        let Data::Binary(data) = &mut self.data else { return None };
        let missing = usize::try_from(missing).unwrap_or(usize::MAX);
        if missing.min(data.len()) < DIRECT {
            return None;
        }
        // Growth follows what was received: at most twice that; and not before a third of it was used,
        // since each time may move the message.
        if data.capacity() - data.len() < missing.min(DIRECT_STEP / 2).min(data.len() / 2) {
            data.reserve_exact(missing.min(data.len()));
        }
        let room = data.capacity() - data.len();
        Some(data.limit(missing.min(room).min(DIRECT_STEP)))
    }

    /// Lets the extensions decode from the front of `input`, one step; `end` tells that the frame ends
    /// with this input. Gives whether all of it was decoded, and nothing more can come of it.
    pub(super) fn decode(
        &mut self,
        extensions: &mut Extensions,
        input: &mut &[u8],
        end: bool,
        limits: &Config,
    ) -> Result<bool, Violation> {
        let mut out = take_memory();
        let done = self.decode_into(&mut out, extensions, input, end, limits);
        give_memory(out);
        done
    }

    fn decode_into(
        &mut self,
        out: &mut Vec<u8>,
        extensions: &mut Extensions,
        input: &mut &[u8],
        end: bool,
        limits: &Config,
    ) -> Result<bool, Violation> {
        let max = self.max_size(limits);
        // One byte more than allowed shows that it is too much.
        let left = max.map_or(u64::MAX, |max| max.saturating_sub(self.size).saturating_add(1));
        let budget = usize::try_from(left).unwrap_or(usize::MAX);
        let current = (self.before > 0).then_some(self.before);
        let too_big = |max| PayloadTooBig::new(None, current, max);
        let mut room = DECODED_STEP.min(budget);
        loop {
            let before = input.len();
            let decoded = extensions.decode(input, end, out, room);
            self.size += out.len() as u64;
            // In the order of the bytes, so that the first violation counts, however they came.
            self.push(out, usize::MAX)?;
            while let Some(max) = self.max_size(limits)
                && self.size > max
            {
                self.exceed(too_big(max), limits)?;
            }
            if decoded? {
                return Ok(true);
            }
            if !out.is_empty() || input.len() < before {
                return Ok(false);
            }
            // It gives more at once than there is room for.
            if room == budget {
                let Some(max) = max else {
                    return Err(ProtocolError::custom("an extension makes no progress").into());
                };
                self.exceed(too_big(max), limits)?;
                return Ok(false);
            }
            room = room.saturating_mul(2).min(budget);
        }
    }

    /// Ends the message.
    pub(super) fn finish(&self) -> Result<(), Violation> {
        match &self.data {
            Data::Text { decoder, .. } => Ok(decoder.finish()?),
            Data::Binary(_) => Ok(()),
        }
    }

    /// Whether anything waits to be handed out.
    pub(super) fn has_data(&self) -> bool {
        self.buffered() > 0
    }

    /// Takes what has arrived since the last time, if anything.
    pub(super) fn take_piece(&mut self) -> Option<Message> {
        if !self.has_data() {
            return None;
        }
        self.streamed = true;
        Some(self.take())
    }

    /// Takes the message that has ended, or its last piece; `None` if it isn't wanted, the error if it was
    /// dropped.
    pub(super) fn into_message(mut self) -> Option<Result<Message, Box<PayloadTooBig>>> {
        match self.too_big.take() {
            _ if self.skipped => None,
            None => Some(Ok(self.take())),
            Some(too_big) => Some(Err(too_big)),
        }
    }

    fn take(&mut self) -> Message {
        match &mut self.data {
            Data::Text { text, .. } => {
                let mut text = mem::take(text);
                if text.capacity() - text.len() > text.len() / 8 {
                    text.shrink_to_fit();
                }
                Message::Text(text.into())
            }
            Data::Binary(data) => {
                let mut data = mem::take(data);
                if data.capacity() - data.len() > data.len() / 8 {
                    data.shrink_to_fit();
                }
                Message::Binary(data.into())
            }
        }
    }
}

/// A message that came in one frame, unmasked.
pub(super) fn whole(kind: MessageKind, payload: &[u8]) -> Result<Message, Violation> {
    Ok(match kind {
        MessageKind::Text => Message::Text(decode_text(payload)?.into()),
        MessageKind::Binary => Message::Binary(Payload::copy_from_slice(payload)),
    })
}

/// How much to reserve for `new` bytes behind `have` others: at most twice of what was received, so that
/// memory follows that and not what was announced; and not more than `rest`, which is known to come.
fn growth(have: usize, new: usize, rest: usize) -> usize {
    new.max(have).min(rest.max(new))
}

/// Checks the length of a frame against the limits, `before` bytes of its message having come earlier.
pub(super) fn check_len(len: u64, before: u64, limits: &Config) -> Result<(), PayloadTooBig> {
    if let Some(max) = limits.max_message_size
        && len > (max as u64).saturating_sub(before)
    {
        let current = (before > 0).then_some(before);
        return Err(PayloadTooBig::new(Some(len), current, max as u64));
    }
    check_frame_len(len, limits)
}

/// Checks the length of a frame that extensions decode. The limit `max` holds for what comes out of them;
/// what goes in may be a little longer, if it resists compression.
fn check_encoded_len(len: u64, max: Option<u64>) -> Result<(), PayloadTooBig> {
    match max {
        Some(max) if len > max.saturating_add(max / 8).saturating_add(1024) => {
            Err(PayloadTooBig::new(Some(len), None, max))
        }
        _ => Ok(()),
    }
}

fn check_frame_len(len: u64, limits: &Config) -> Result<(), PayloadTooBig> {
    match limits.max_frame_size.map(|max| max as u64) {
        Some(max) if len > max => Err(PayloadTooBig::new(Some(len), None, max)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_cut_within_characters_takes_no_more_memory_than_it_needs() {
        let text = "€".repeat(1000);
        for size in 1..=text.len() {
            let mut message = Assembler::new(MessageKind::Text);
            let mut rest = text.len();
            for piece in text.as_bytes().chunks(size) {
                message.push(piece, rest).unwrap();
                rest -= piece.len();
            }
            let Data::Text { text: received, .. } = &message.data else { unreachable!() };
            assert_eq!(*received, text);
            assert!(received.capacity() <= text.len() + 3, "{size}: {}", received.capacity());
        }
    }

    #[test]
    fn a_message_that_becomes_too_big_gives_its_memory_back_and_takes_no_more() {
        let (max_message_size, oversize) = (Some(100_000), Oversize::skip());
        let limits = Config { max_message_size, oversize, ..Config::default() };
        for kind in [MessageKind::Text, MessageKind::Binary] {
            let mut message = Assembler::new(kind);
            for len in [50_000, 50_000, 1, 1 << 40] {
                message.begin_frame(len, false, &limits).unwrap();
                message.push(&[b'a'; 50_000], usize::MAX).unwrap();
            }
            let capacity = match &message.data {
                Data::Text { text, .. } => text.capacity(),
                Data::Binary(data) => data.capacity(),
            };
            assert!(capacity <= CHECKED_STEP, "{kind:?}: {capacity}");
            // What was dropped uncompressed doesn't count towards the bound on what is inflated.
            message.begin_frame(16 << 20, true, &limits).unwrap();
            assert_eq!(message.size, 100_000);
            let error = PayloadTooBig::new(Some(1), Some(100_000), 100_000);
            assert_eq!(message.into_message(), Some(Err(Box::new(error))));
        }
    }
}
