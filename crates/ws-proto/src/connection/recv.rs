//! From received bytes to messages and control frames ([RFC 6455 §5.4] to [§5.6], [§6.2]).
//!
//! One item is parsed per call, so that a violation behind whole messages takes effect only when it
//! is reached. Every byte is unmasked, checked and stored once, as it arrives.
//!
//! [RFC 6455 §5.4]: https://www.rfc-editor.org/rfc/rfc6455#section-5.4
//! [§5.6]: https://www.rfc-editor.org/rfc/rfc6455#section-5.6
//! [§6.2]: https://www.rfc-editor.org/rfc/rfc6455#section-6.2

use std::mem;

use bytes::BufMut;
use bytes::buf::Limit;
use ws_errors::{
    InvalidUtf8, PayloadTooBig, ProtocolError, ProtocolErrorKind, TooManyFragments,
    WebSocketException,
};
use ws_types::{Opcode, Side};

use super::ReadSpace;
use super::input::{Input, ReadMemory};
use crate::frame::{FrameHeader, Mask, Utf8Validator};
use crate::payload::INLINE;
use crate::{Config, Message, MessageKind, Payload};

/// A frame of which at least this much is missing, in bytes, is read straight into its message, once
/// as much of the message has arrived: what a header claims costs nothing.
const DIRECT: u64 = 16 << 10;

/// At most this much, in bytes, is read at once, so that it is unmasked and checked in the cache.
const DIRECT_STEP: usize = 128 << 10;

/// What was parsed.
pub(super) enum Item {
    /// A whole message (`last`), or a piece of one while streaming.
    Data { message: Message, last: bool },
    /// A control frame.
    Control(Opcode, Payload),
}

/// What the peer did wrong; boxed, since it is rare and results are passed around for each message.
pub(super) struct Violation(pub(super) Box<WebSocketException>);

macro_rules! violations {
    ($($class:ty),*) => {$(
        impl From<$class> for Violation {
            #[cold]
            fn from(violation: $class) -> Self {
                Self(Box::new(violation.into()))
            }
        }
    )*};
}

violations!(ProtocolError, ProtocolErrorKind, InvalidUtf8, PayloadTooBig, TooManyFragments);

/// The receiving half of a connection: no knowledge of what is sent.
#[derive(Debug)]
pub(super) struct Receiver {
    peer: Side,
    pub(super) input: Input,
    /// The data frame whose payload has not arrived whole.
    frame: Option<Frame>,
    /// The message whose last frame has not arrived whole.
    partial: Option<Partial>,
}

#[derive(Debug)]
struct Frame {
    /// Never 0 between calls.
    remaining: u64,
    mask: Option<Mask>,
    fin: bool,
}

#[derive(Debug)]
struct Partial {
    kind: MessageKind,
    /// What has arrived; while streaming, what has not been handed out.
    data: Vec<u8>,
    /// Up to here `data` was unmasked and checked; what is behind was read directly.
    done: usize,
    /// How many bytes of the message have been announced by frame headers.
    announced: u64,
    fragments: usize,
    utf8: Utf8Validator,
    /// Whether a piece of this message was handed out.
    streamed: bool,
    /// Whether nobody wants the rest of it.
    skipped: bool,
}

impl Receiver {
    pub(super) fn new(peer: Side) -> Self {
        Self { peer, input: Input::default(), frame: None, partial: None }
    }

    /// Whether pieces of a message were handed out, and more are to come.
    pub(super) fn in_chunks(&self) -> bool {
        self.partial.as_ref().is_some_and(|partial| partial.streamed && !partial.skipped)
    }

    /// Drops the rest of the current message, if pieces of it were handed out.
    pub(super) fn skip(&mut self) {
        if let Some(partial) = self.partial.as_mut().filter(|partial| partial.streamed) {
            partial.skipped = true;
        }
    }

    /// Whether a whole frame lies in the input; a broken one counts as whole.
    #[inline]
    pub(super) fn has_frame(&self) -> bool {
        if self.frame.is_some() {
            return false;
        }
        let unread = self.input.unread();
        // Short frames, without a second thought.
        if let &[_, b1, ..] = unread
            && b1 & 0x7F < 126
        {
            return unread.len() >= 2 + usize::from(b1 >> 7) * 4 + usize::from(b1 & 0x7F);
        }
        match FrameHeader::decode(unread, self.peer) {
            Ok(Some((header, len))) => (unread.len() - len) as u64 >= header.payload_len,
            Ok(None) => false,
            Err(_) => true,
        }
    }

    /// Parses the next item, or as far as the input goes. With `stream`, data is handed out as it
    /// arrives; else whole messages are.
    #[inline]
    pub(super) fn next(
        &mut self,
        limits: &Config,
        stream: bool,
    ) -> Result<Option<Item>, Violation> {
        loop {
            if self.frame.is_some() {
                match self.continue_frame(stream)? {
                    Progress::Item(item) => return Ok(Some(item)),
                    Progress::FrameEnd => {}
                    Progress::NeedsInput => return Ok(None),
                }
            }
            let unread = self.input.unread();
            let Some((header, len)) = FrameHeader::decode(unread, self.peer)? else {
                return Ok(None);
            };
            if header.rsv != 0 {
                return Err(ProtocolErrorKind::ReservedBits.into());
            }
            let buffered = unread.len() - len;
            let mut mask = header.mask.map(Mask::new);
            if header.opcode.is_control() {
                check_len(header.payload_len, 0, limits)?;
                #[expect(clippy::cast_possible_truncation, reason = "at most 125")]
                let payload_len = header.payload_len as usize;
                if buffered < payload_len {
                    return Ok(None);
                }
                self.input.take(len);
                let payload = self.input.take(payload_len);
                if let Some(mask) = &mut mask {
                    mask.apply(payload);
                }
                let payload = Payload::copy_from_slice(payload);
                return Ok(Some(Item::Control(header.opcode, payload)));
            }

            let Some(kind) = self.begin_frame(&header, limits)? else {
                // A frame of a message that has begun.
                self.input.take(len);
                let frame = Frame { remaining: header.payload_len, mask, fin: header.fin };
                self.frame = Some(frame);
                continue;
            };
            if header.fin && header.payload_len <= INLINE.min(buffered) as u64 {
                // A short message: a copy of constant length, if there is as much to copy.
                let rest = self.input.unread().get(len..).unwrap_or_default();
                if let Some(data) = rest.first_chunk() {
                    let mut data = *data;
                    if let Some(mask) = mask {
                        mask.apply_short(&mut data);
                    }
                    #[expect(clippy::cast_possible_truncation, reason = "at most INLINE")]
                    let payload = Payload::inline(data, header.payload_len as u8);
                    if kind == MessageKind::Text && std::str::from_utf8(&payload).is_err() {
                        return Err(bad_text(&payload).into());
                    }
                    self.input.take(len + payload.len());
                    let message = Message::checked(kind, payload);
                    return Ok(Some(Item::Data { message, last: true }));
                }
            }
            self.input.take(len);
            if header.fin && header.payload_len <= buffered as u64 {
                #[expect(clippy::cast_possible_truncation, reason = "at most what is buffered")]
                let data = self.input.take_payload(header.payload_len as usize, mask);
                if kind == MessageKind::Text && simdutf8::basic::from_utf8(&data).is_err() {
                    return Err(bad_text(&data).into());
                }
                let message = Message::checked(kind, Payload::from(data.freeze()));
                return Ok(Some(Item::Data { message, last: true }));
            }
            self.partial = Some(Partial::new(kind, header.payload_len));
            self.frame = Some(Frame { remaining: header.payload_len, mask, fin: header.fin });
        }
    }

    /// Checks a data frame against the order of fragments and the limits; gives the kind of the
    /// message that it begins, or `None` when it continues one.
    #[inline]
    fn begin_frame(
        &mut self,
        header: &FrameHeader,
        limits: &Config,
    ) -> Result<Option<MessageKind>, Violation> {
        let kind = match header.opcode {
            Opcode::Text => Some(MessageKind::Text),
            Opcode::Binary => Some(MessageKind::Binary),
            _ => None,
        };
        match (&mut self.partial, kind) {
            // RFC 6455 §5.4: "The fragments of one message MUST NOT be interleaved"
            (Some(_), Some(_)) => Err(ProtocolErrorKind::ExpectedContinuation.into()),
            (None, None) => Err(ProtocolErrorKind::UnexpectedContinuation.into()),
            (None, Some(_)) => {
                check_len(header.payload_len, 0, limits)?;
                Ok(kind)
            }
            (Some(partial), None) => {
                if let Some(max) = limits.max_fragments
                    && partial.fragments >= max
                {
                    return Err(TooManyFragments::new(max).into());
                }
                check_len(header.payload_len, partial.announced, limits)?;
                partial.fragments += 1;
                partial.announced = partial.announced.saturating_add(header.payload_len);
                Ok(None)
            }
        }
    }

    /// Takes in what has arrived of the current frame's payload.
    fn continue_frame(&mut self, stream: bool) -> Result<Progress, Violation> {
        let (Some(frame), Some(partial)) = (&mut self.frame, &mut self.partial) else {
            return Ok(Progress::FrameEnd);
        };
        partial.take_direct(frame)?;
        if frame.remaining > 0 && !self.input.is_empty() {
            let n = usize::try_from(frame.remaining).unwrap_or(usize::MAX);
            partial.take_input(frame, self.input.take(n))?;
        }
        let (frame_end, fin) = (frame.remaining == 0, frame.fin);
        if frame_end {
            self.frame = None;
        }
        let message_end = frame_end && fin;
        if message_end && partial.kind == MessageKind::Text {
            partial.utf8.finish()?;
        }
        if partial.skipped || (partial.streamed && !stream) {
            partial.skipped = true;
            partial.data.clear();
            partial.done = 0;
            if message_end {
                self.partial = None;
            }
        } else if message_end {
            let Some(mut partial) = self.partial.take() else { return Ok(Progress::FrameEnd) };
            let message = Message::checked(partial.kind, partial.take_payload(0));
            return Ok(Progress::Item(Item::Data { message, last: true }));
        } else if stream {
            let unfinished = partial.utf8.unfinished();
            if partial.data.len() > unfinished {
                partial.streamed = true;
                let message = Message::checked(partial.kind, partial.take_payload(unfinished));
                return Ok(Progress::Item(Item::Data { message, last: false }));
            }
        }
        Ok(if frame_end { Progress::FrameEnd } else { Progress::NeedsInput })
    }

    /// Drops everything that arrived.
    pub(super) fn discard(&mut self) {
        self.input.clear();
        self.frame = None;
        self.partial = None;
    }

    /// Whether bytes were read straight into the message that were not looked at yet.
    pub(super) fn has_direct(&self) -> bool {
        self.partial.as_ref().is_some_and(|partial| partial.done < partial.data.len())
    }

    /// Where the next bytes are best read to: the memory of the message, if the rest of a frame's
    /// payload is long and the input is empty; else the input.
    pub(super) fn read_space(&mut self, memory: impl FnOnce() -> ReadMemory) -> ReadSpace<'_> {
        if self.input.is_empty()
            && let (Some(frame), Some(partial)) = (&self.frame, &mut self.partial)
            && frame.remaining >= DIRECT
            && partial.data.len() as u64 >= DIRECT
        {
            return ReadSpace::Payload(partial.space(frame));
        }
        ReadSpace::Input(self.input.space(memory))
    }
}

enum Progress {
    Item(Item),
    FrameEnd,
    NeedsInput,
}

impl Partial {
    fn new(kind: MessageKind, announced: u64) -> Self {
        Self {
            kind,
            data: Vec::new(),
            done: 0,
            announced,
            fragments: 1,
            utf8: Utf8Validator::default(),
            streamed: false,
            skipped: false,
        }
    }

    /// Memory for the rest of a frame's payload, or a part of it.
    fn space(&mut self, frame: &Frame) -> Limit<&mut Vec<u8>> {
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
    fn take_direct(&mut self, frame: &mut Frame) -> Result<(), Violation> {
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
    fn take_input(&mut self, frame: &mut Frame, new: &mut [u8]) -> Result<(), Violation> {
        if let Some(mask) = &mut frame.mask {
            mask.apply(new);
        }
        if self.kind == MessageKind::Text {
            self.utf8.feed(new)?;
        }
        let have = self.data.len();
        if self.data.capacity() - have < new.len() {
            // Never more than the message is known to need, never much more than was received. In
            // between fragments it isn't known: one byte each must not move the message each time.
            let known = frame.fin || have == 0;
            let most =
                usize::try_from(frame.remaining).ok().filter(|_| known).unwrap_or(usize::MAX);
            self.data.reserve_exact(most.min(new.len().saturating_mul(2).max(have)));
        }
        self.data.extend_from_slice(new);
        self.done = self.data.len();
        frame.remaining -= new.len() as u64;
        Ok(())
    }

    /// Takes the data out, but for an unfinished character at its end.
    fn take_payload(&mut self, unfinished: usize) -> Payload {
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
fn check_len(len: u64, before: u64, limits: &Config) -> Result<(), Violation> {
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

/// Says where a text that came in one frame goes wrong.
#[cold]
fn bad_text(data: &[u8]) -> InvalidUtf8 {
    let mut validator = Utf8Validator::default();
    let verdict = validator.feed(data).and_then(|()| validator.finish());
    verdict.err().unwrap_or_else(|| InvalidUtf8::new("invalid start byte", 0))
}
