//! From received bytes to messages and control frames ([RFC 6455 §5.4] to [§5.6], [§6.2]).
//!
//! One item is parsed per call, so that a violation behind whole messages takes effect only when it
//! is reached. Every byte is unmasked, checked and stored once, as it arrives.
//!
//! [RFC 6455 §5.4]: https://www.rfc-editor.org/rfc/rfc6455#section-5.4
//! [§5.6]: https://www.rfc-editor.org/rfc/rfc6455#section-5.6
//! [§6.2]: https://www.rfc-editor.org/rfc/rfc6455#section-6.2

use ws_errors::{
    InvalidUtf8, PayloadTooBig, ProtocolError, ProtocolErrorKind, TooManyFragments,
    WebSocketException,
};
use ws_types::{Opcode, Side};

use super::ReadSpace;
use super::input::{Input, ReadMemory};
use super::joined;
use super::partial::{DIRECT, Frame, Partial, check_encoded_len, check_len, check_text};
use crate::extension::{DataFrame, Extensions, Rsv};
use crate::frame::{FrameHeader, Mask};
use crate::payload::{INLINE, Words, is_ascii};
use crate::{Compress, Config, Message, MessageKind, Payload, Utf8Bytes};

/// While streaming, at most this many bytes are decoded at once: a little input can become a lot.
const DECODED_CHUNK: usize = 64 << 10;

/// What [`Receiver::next_short`] looks at: a header of 6 bytes, and a payload that fits a [`Payload`].
const FRONT: usize = 6 + size_of::<Words>();

/// What was parsed.
pub(super) enum Item {
    /// A whole message (`last`), or a piece of one while streaming.
    Data { message: Message, last: bool },
    /// A control frame.
    Control(Opcode, Payload),
}

/// What the peer did wrong; boxed, since it is rare and results are passed around for each message.
#[derive(Debug)]
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
    /// Messages of fewer bytes than this may be taken by [`next_whole`](Self::next_whole).
    whole_below: usize,
    pub(super) input: Input,
    /// The data frame whose payload has not arrived whole.
    frame: Option<Frame>,
    /// The message whose last frame has not arrived whole; in a box, since an idle connection has none.
    partial: Option<Box<Partial>>,
    /// What the peer did wrong, if it was found before somebody asked.
    violation: Option<Violation>,
}

impl Receiver {
    pub(super) fn new(peer: Side, limits: &Config) -> Self {
        let limits = [limits.max_message_size, limits.max_frame_size];
        let whole_below = limits.into_iter().flatten().fold(0xFFFF, usize::min) + 1;
        Self {
            peer,
            whole_below,
            input: Input::default(),
            frame: None,
            partial: None,
            violation: None,
        }
    }

    /// From now on, extensions are to be told of each frame.
    pub(super) fn tell_extensions(&mut self) {
        self.whole_below = 0;
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

    /// Whether there is nothing to be parsed.
    #[inline]
    pub(super) fn is_drained(&self) -> bool {
        self.input.is_empty() && self.frame.is_none() && self.violation.is_none()
    }

    /// Whether a whole frame lies in the input; a broken one counts as whole.
    #[inline]
    pub(super) fn has_frame(&self) -> bool {
        if self.frame.is_some() {
            return false;
        }
        if self.violation.is_some() {
            return true;
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

    /// Puts the message at the front of the input into `place`, which is empty, if it came in one frame of
    /// less than 64 KiB that is there as a whole, and tells whether it did. Most messages do, and here a
    /// few comparisons tell; [`next`](Self::next) sees to everything else.
    #[inline]
    pub(super) fn next_whole(&mut self, place: &mut Option<Message>) -> bool {
        self.try_next_whole(place).is_some()
    }

    #[inline]
    fn try_next_whole(&mut self, place: &mut Option<Message>) -> Option<()> {
        let &[b0, b1, ..] = self.input.unread() else { return None };
        let kind = match b0 {
            0x81 => MessageKind::Text,
            0x82 => MessageKind::Binary,
            _ => return None,
        };
        // With a mask where there mustn't be one, or without, the length is above 127.
        let len = match self.peer {
            Side::Client => b1 ^ 0x80,
            Side::Server => b1,
        };
        // Within a message, or in the payload of a frame, these bytes mean something else. That the place
        // is empty is asked so that nothing has to be dropped there later.
        if self.partial.is_some() || place.is_some() {
            return None;
        }
        match usize::from(len) {
            0..=INLINE => self.next_short(kind, len, place),
            _ => self.next_long(kind, len, place),
        }
    }

    /// A message that fits the [`Payload`] itself.
    #[inline(never)]
    fn next_short(
        &mut self,
        kind: MessageKind,
        len: u8,
        place: &mut Option<Message>,
    ) -> Option<()> {
        let (front, unread) = self.input.peek::<FRONT>()?;
        let [_, _, front @ ..] = front;
        let (key, words, before) = match self.peer {
            Side::Client => {
                let (key, words) = front.split_first_chunk::<4>()?;
                (*key, words.as_chunks().0, 6)
            }
            Side::Server => ([0; 4], front.as_chunks().0, 2),
        };
        let whole = before + usize::from(len);
        if whole > unread || usize::from(len) >= self.whole_below {
            return None;
        }
        let words = Mask::new(key).applied(*words.first_chunk()?);
        if kind == MessageKind::Text && !is_ascii(words, len) && !is_utf8(words, len) {
            return None;
        }
        self.input.skip(whole);
        // Each kind is made where it is to be: what is moved right after it was written has to be waited
        // for.
        *place = Some(match kind {
            MessageKind::Text => Message::Text(Utf8Bytes::checked(Payload::inline(words, len))),
            MessageKind::Binary => Message::Binary(Payload::inline(words, len)),
        });
        Some(())
    }

    /// A message of less than 64 KiB, of which the second byte gives this length.
    #[inline(never)]
    fn next_long(&mut self, kind: MessageKind, len: u8, place: &mut Option<Message>) -> Option<()> {
        let unread = self.input.unread();
        let (len, rest) = match (len, unread) {
            (0..126, [_, _, rest @ ..]) => (usize::from(len), rest),
            (126, [_, _, l0, l1, rest @ ..]) => {
                let len = u16::from_be_bytes([*l0, *l1]);
                if len < 126 {
                    return None;
                }
                (usize::from(len), rest)
            }
            _ => return None,
        };
        let (mask, rest) = match (self.peer, rest) {
            (Side::Client, [k0, k1, k2, k3, rest @ ..]) => {
                (Some(Mask::new([*k0, *k1, *k2, *k3])), rest)
            }
            (Side::Client, _) => return None,
            (Side::Server, rest) => (None, rest),
        };
        if len >= self.whole_below || len > rest.len() {
            return None;
        }
        self.input.skip(unread.len() - rest.len());
        let payload = self.input.unmask(len, mask);
        if kind == MessageKind::Text
            && let Err(violation) = check_text(payload)
        {
            self.violation = Some(violation.into());
            // What follows is for nobody.
            self.whole_below = 0;
            return None;
        }
        *place = Some(match kind {
            MessageKind::Text => Message::Text(Utf8Bytes::checked(self.input.payload())),
            MessageKind::Binary => Message::Binary(self.input.payload()),
        });
        Some(())
    }

    /// Parses the next item, or as far as the input goes. With `stream`, data is handed out as it
    /// arrives; else whole messages are.
    #[inline]
    pub(super) fn next(
        &mut self,
        limits: &Config,
        extensions: &mut Extensions,
        stream: bool,
    ) -> Result<Option<Item>, Violation> {
        if let Some(violation) = self.violation.take() {
            return Err(violation);
        }
        loop {
            if let Some(frame) = &self.frame {
                let progress = match frame.encoded {
                    true => self.continue_encoded(limits, extensions, stream)?,
                    false => self.continue_frame(stream)?,
                };
                match progress {
                    Progress::Item(item) => return Ok(Some(item)),
                    Progress::FrameEnd => {}
                    Progress::NeedsInput => return Ok(None),
                }
            }
            let unread = self.input.unread();
            let Some((header, len)) = FrameHeader::decode(unread, self.peer)? else {
                return Ok(None);
            };
            if header.rsv != 0 && (extensions.is_empty() || header.opcode.is_control()) {
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

            let first = self.check_order(&header)?;
            let frame = Frame::new(&header, mask);
            if !extensions.is_empty() && self.begin_encoded(&header, first, extensions)? {
                check_encoded_len(header.payload_len, limits)?;
                self.input.take(len);
                match (first, &mut self.partial) {
                    (None, Some(partial)) => partial.add_fragment(0, limits)?,
                    (kind, partial) => {
                        *partial =
                            Some(Box::new(Partial::new(kind.unwrap_or(MessageKind::Binary), 0)));
                    }
                }
                self.frame = Some(Frame { encoded: true, ..frame });
                continue;
            }
            let Some(kind) = first else {
                if let Some(partial) = &mut self.partial {
                    check_len(header.payload_len, partial.announced, limits)?;
                    partial.add_fragment(header.payload_len, limits)?;
                }
                self.input.take(len);
                self.frame = Some(frame);
                continue;
            };
            if !header.fin
                && !stream
                && extensions.is_empty()
                && let Some(message) = joined::take(&mut self.input, kind, self.peer, limits)
            {
                return Ok(Some(Item::Data { message, last: true }));
            }
            check_len(header.payload_len, 0, limits)?;
            self.input.take(len);
            if header.fin && header.payload_len <= buffered as u64 {
                #[expect(clippy::cast_possible_truncation, reason = "at most what is buffered")]
                let payload = self.input.take_payload(header.payload_len as usize, mask);
                if kind == MessageKind::Text {
                    check_text(&payload)?;
                }
                let message = Message::checked(kind, payload);
                return Ok(Some(Item::Data { message, last: true }));
            }
            self.partial = Some(Box::new(Partial::new(kind, header.payload_len)));
            self.frame = Some(frame);
        }
    }

    /// Checks a data frame against the order of fragments; gives the kind of the message that it
    /// begins, or `None` when it continues one.
    #[inline]
    fn check_order(&self, header: &FrameHeader) -> Result<Option<MessageKind>, Violation> {
        let kind = match header.opcode {
            Opcode::Text => Some(MessageKind::Text),
            Opcode::Binary => Some(MessageKind::Binary),
            _ => None,
        };
        match (&self.partial, kind) {
            // RFC 6455 §5.4: "The fragments of one message MUST NOT be interleaved"
            (Some(_), Some(_)) => Err(ProtocolErrorKind::ExpectedContinuation.into()),
            (None, None) => Err(ProtocolErrorKind::UnexpectedContinuation.into()),
            (_, kind) => Ok(kind),
        }
    }

    /// Tells the extensions of a data frame; gives whether they decode it.
    fn begin_encoded(
        &self,
        header: &FrameHeader,
        first: Option<MessageKind>,
        extensions: &mut Extensions,
    ) -> Result<bool, Violation> {
        let begun = self.partial.as_ref().map(|partial| partial.kind);
        let frame = DataFrame {
            kind: first.or(begun).unwrap_or(MessageKind::Binary),
            first: first.is_some(),
            fin: header.fin,
            rsv: Rsv::from_bits(header.rsv),
            compress: Compress::Auto,
        };
        Ok(extensions.begin_decode(frame)?)
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
        self.end_step(frame_end, fin, stream)
    }

    /// Decodes what has arrived of the current frame's payload.
    fn continue_encoded(
        &mut self,
        limits: &Config,
        extensions: &mut Extensions,
        stream: bool,
    ) -> Result<Progress, Violation> {
        let (Some(frame), Some(partial)) = (&mut self.frame, &mut self.partial) else {
            return Ok(Progress::FrameEnd);
        };
        let arrived = self.input.front(usize::try_from(frame.remaining).unwrap_or(usize::MAX));
        if let (Some(mask), Some(masked)) = (&mut frame.mask, arrived.get_mut(frame.unmasked..)) {
            mask.apply(masked);
        }
        let mut left = &*arrived;
        // Whoever asks for whole messages doesn't want the rest of this one.
        partial.skipped |= partial.streamed && !stream;
        let done = loop {
            let room = match stream || partial.skipped {
                true => DECODED_CHUNK.saturating_sub(partial.data.len()),
                false => usize::MAX,
            };
            let taken = (arrived.len() - left.len()) as u64;
            let remaining = frame.remaining - taken;
            let done = partial.decode(extensions, &mut left, remaining, room, limits)?;
            if partial.skipped {
                partial.data.clear();
            }
            if done || (stream && !partial.skipped) {
                break done;
            }
        };
        frame.unmasked = left.len();
        let taken = arrived.len() - left.len();
        frame.remaining -= taken as u64;
        self.input.take(taken);
        let (frame_end, fin) = (done && frame.remaining == 0, frame.fin);
        self.end_step(frame_end, fin, stream)
    }

    /// What follows from a part of a frame's payload, which ends the frame or not.
    fn end_step(
        &mut self,
        frame_end: bool,
        fin: bool,
        stream: bool,
    ) -> Result<Progress, Violation> {
        let Some(partial) = &mut self.partial else { return Ok(Progress::FrameEnd) };
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
        self.violation = None;
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
            && !frame.encoded
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

/// Whether the first `len` bytes are UTF-8. A function of its own, so that who doesn't need it needs none of
/// its registers.
#[inline(never)]
fn is_utf8(words: Words, len: u8) -> bool {
    std::str::from_utf8(&Payload::inline(words, len)).is_ok()
}
