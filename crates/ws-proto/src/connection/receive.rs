//! From received bytes to messages and control frames ([RFC 6455 §5.4] to [§5.6], [§6.2]).
//!
//! One item is parsed per call, so that a violation behind whole messages takes effect only when it is
//! reached. Every byte is unmasked, checked and stored once, as it arrives.
//!
//! [RFC 6455 §5.4]: https://www.rfc-editor.org/rfc/rfc6455#section-5.4
//! [§5.6]: https://www.rfc-editor.org/rfc/rfc6455#section-5.6
//! [§6.2]: https://www.rfc-editor.org/rfc/rfc6455#section-6.2

use std::mem;

use bytes::buf::Limit;
use ws_errors::{PayloadTooBig, ProtocolErrorKind};
use ws_types::{Opcode, Side};

use super::assembler::{self, Assembler};
use super::read_buffer::ReadBuffer;
use super::violation::Violation;
use crate::extension::{DataFrame, Extensions};
use crate::frame::{FrameHeader, Mask};
use crate::{Config, Message, MessageKind, Payload};

/// So much of an unfinished frame, in bytes, shows that the peer is alive; a whole frame does, however
/// short it is.
const SIGN_OF_LIFE: u64 = 4096;

/// The receiving half of a connection. It knows nothing of what is sent, nor of the time.
#[derive(Debug)]
pub(super) struct Receiver {
    peer: Side,
    buffer: ReadBuffer,
    /// The data frame whose payload has not arrived whole.
    frame: Option<Frame>,
    /// The message whose last frame has not arrived whole. In a box, since an idle connection has none.
    message: Option<Box<Assembler>>,
    /// Whether the peer has shown that it is alive since this was last asked.
    alive: bool,
}

/// A data frame whose payload has not arrived whole.
#[derive(Debug)]
struct Frame {
    /// How many bytes of the payload were not taken in yet.
    remaining: u64,
    mask: Option<Mask>,
    fin: bool,
    /// Extensions decode the payload.
    encoded: bool,
    /// How many bytes at the front of the buffer were unmasked and are not decoded.
    unmasked: usize,
    /// How many bytes have arrived since the last sign of life.
    lifeless: u64,
}

/// A parsed item.
pub(super) enum Item {
    Message(Message),
    /// A piece of a message.
    Chunk {
        data: Message,
        last: bool,
    },
    /// The end of a message that was dropped, since it exceeded a limit.
    TooBig(Box<PayloadTooBig>),
    Control(Opcode, Payload),
}

impl Receiver {
    pub(super) fn new(peer: Side) -> Self {
        Self { peer, buffer: ReadBuffer::default(), frame: None, message: None, alive: false }
    }

    /// Lets `read` append bytes; gives how many it did, and its result.
    pub(super) fn read<R>(
        &mut self,
        read: impl FnOnce(&mut Limit<&mut Vec<u8>>) -> R,
    ) -> (usize, R) {
        if self.buffer.is_empty()
            && let (Some(frame), Some(message)) = (&mut self.frame, &mut self.message)
            && !frame.encoded
            && let Some(mut memory) = message.direct(frame.remaining)
        {
            self.buffer.release();
            let have = memory.get_ref().len();
            let result = read(&mut memory);
            let new = memory.get_mut().get_mut(have..).unwrap_or_default();
            if let Some(mask) = &mut frame.mask {
                mask.apply(new);
            }
            let n = new.len();
            self.alive |= frame.advance(n);
            return (n, result);
        }
        self.buffer.read(read)
    }

    /// Drops everything that has arrived.
    pub(super) fn discard(&mut self) {
        self.buffer.clear();
        self.frame = None;
        self.message = None;
    }

    /// Takes what was not parsed.
    pub(super) fn take_unread(&mut self) -> Vec<u8> {
        self.buffer.unread().to_vec()
    }

    /// The bytes that have arrived and were not handed out.
    pub(super) fn unread(&self) -> usize {
        self.buffer.unread().len() + self.message.as_ref().map_or(0, |message| message.buffered())
    }

    /// Whether the peer has shown that it is alive since this was last asked.
    pub(super) fn take_alive(&mut self) -> bool {
        mem::take(&mut self.alive)
    }

    /// Drops the rest of the current message, if pieces of it were handed out.
    pub(super) fn skip_message(&mut self) {
        if let Some(message) = &mut self.message {
            message.skip();
        }
    }

    /// Whether a whole frame waits to be parsed; a broken one counts as whole.
    pub(super) fn has_frame(&self) -> bool {
        if self.frame.is_some() {
            return false;
        }
        let unread = self.buffer.unread();
        match FrameHeader::decode(unread, self.peer) {
            Ok(Some((header, len))) => (unread.len() - len) as u64 >= header.payload_len,
            Ok(None) => false,
            Err(_) => true,
        }
    }

    /// Parses the next item, or as far as the input goes. With `pieces`, a message is handed out as it
    /// arrives, and so is one of which pieces were handed out before; else as a whole.
    pub(super) fn next(
        &mut self,
        limits: &Config,
        extensions: &mut Extensions,
        pieces: bool,
    ) -> Result<Option<Item>, Violation> {
        loop {
            if self.frame.is_some() {
                let frame_end = self.take_payload(limits, extensions, pieces)?;
                if let Some(item) = self.hand_out(frame_end, pieces)? {
                    return Ok(Some(item));
                }
                if !frame_end {
                    return Ok(None);
                }
            }
            let unread = self.buffer.unread();
            let Some((header, len)) = FrameHeader::decode(unread, self.peer)? else {
                return Ok(None);
            };
            let is_whole = header.payload_len <= (unread.len() - len) as u64;
            if header.opcode.is_control() {
                // Extensions own the bits of data frames only.
                if !header.rsv.is_empty() {
                    return Err(ProtocolErrorKind::ReservedBits.into());
                }
                if !is_whole {
                    return Ok(None);
                }
                let payload = Payload::copy_from_slice(self.take_whole(&header, len));
                return Ok(Some(Item::Control(header.opcode, payload)));
            }
            let (kind, first) = self.check_order(header.opcode)?;
            let encoded = extensions.begin_decode(DataFrame {
                first,
                fin: header.fin,
                rsv: header.rsv,
                ..DataFrame::new(kind)
            })?;
            if !encoded
                && first
                && header.fin
                && is_whole
                && assembler::check_len(header.payload_len, 0, limits).is_ok()
            {
                let message = assembler::whole(kind, self.take_whole(&header, len))?;
                return Ok(Some(Item::whole(message, pieces)));
            }
            self.buffer.take(len);
            let message = self.message.get_or_insert_with(|| Box::new(Assembler::new(kind)));
            message.begin_frame(header.payload_len, encoded, limits)?;
            self.frame = Some(Frame::new(&header, encoded));
        }
    }

    /// Takes a frame that is there as a whole, with a header of `len` bytes; gives its payload, unmasked.
    fn take_whole(&mut self, header: &FrameHeader, len: usize) -> &[u8] {
        self.alive = true;
        self.buffer.take(len);
        #[expect(clippy::cast_possible_truncation, reason = "at most what is buffered")]
        let payload = self.buffer.take(header.payload_len as usize);
        if let Some(key) = header.mask {
            Mask::new(key).apply(payload);
        }
        payload
    }

    /// Checks a data frame against the order of fragments; gives the kind of its message, and whether it
    /// is the first frame of that.
    fn check_order(&self, opcode: Opcode) -> Result<(MessageKind, bool), Violation> {
        let begins = match opcode {
            Opcode::Text => Some(MessageKind::Text),
            Opcode::Binary => Some(MessageKind::Binary),
            _ => None,
        };
        match (&self.message, begins) {
            // RFC 6455 §5.4: "The fragments of one message MUST NOT be interleaved"
            (Some(_), Some(_)) => Err(ProtocolErrorKind::ExpectedContinuation.into()),
            (Some(message), None) => Ok((message.kind(), false)),
            (None, Some(kind)) => Ok((kind, true)),
            (None, None) => Err(ProtocolErrorKind::UnexpectedContinuation.into()),
        }
    }

    /// Takes in what has arrived of the current frame's payload; gives whether that is all of it.
    fn take_payload(
        &mut self,
        limits: &Config,
        extensions: &mut Extensions,
        pieces: bool,
    ) -> Result<bool, Violation> {
        let (Some(frame), Some(message)) = (&mut self.frame, &mut self.message) else {
            return Ok(true);
        };
        loop {
            let arrived = self.buffer.peek(usize::try_from(frame.remaining).unwrap_or(usize::MAX));
            if let (Some(mask), Some(masked)) = (&mut frame.mask, arrived.get_mut(frame.unmasked..))
            {
                mask.apply(masked);
            }
            let mut left = &*arrived;
            let done = if frame.encoded {
                let end = arrived.len() as u64 == frame.remaining;
                message.decode(extensions, &mut left, end, limits)?
            } else {
                // Between fragments, more may come than is known.
                let rest = if frame.fin { frame.remaining } else { u64::MAX };
                message.push(arrived, usize::try_from(rest).unwrap_or(usize::MAX))?;
                left = &[];
                true
            };
            let n = arrived.len() - left.len();
            frame.unmasked = left.len();
            self.buffer.take(n);
            self.alive |= frame.advance(n);
            if done {
                return Ok(frame.remaining == 0);
            }
            if (pieces || message.is_streamed()) && message.has_data() {
                return Ok(false);
            }
        }
    }

    /// Hands out the current message if it has ended, or a piece of it if pieces are wanted.
    fn hand_out(&mut self, frame_end: bool, pieces: bool) -> Result<Option<Item>, Violation> {
        let fin = self.frame.as_ref().is_some_and(|frame| frame.fin);
        if frame_end {
            self.frame = None;
        }
        if frame_end && fin {
            let Some(message) = self.message.take() else { return Ok(None) };
            message.finish()?;
            let pieces = pieces || message.is_streamed();
            return Ok(message.into_message().map(|message| match message {
                Ok(message) => Item::whole(message, pieces),
                Err(too_big) => Item::TooBig(too_big),
            }));
        }
        let Some(message) = &mut self.message else { return Ok(None) };
        if !pieces && !message.is_streamed() {
            return Ok(None);
        }
        Ok(message.take_piece().map(|data| Item::Chunk { data, last: false }))
    }
}

impl Item {
    /// A whole message, or the last piece of one.
    fn whole(message: Message, pieces: bool) -> Self {
        match pieces {
            true => Self::Chunk { data: message, last: true },
            false => Self::Message(message),
        }
    }
}

impl Frame {
    fn new(header: &FrameHeader, encoded: bool) -> Self {
        let &FrameHeader { payload_len, fin, .. } = header;
        let mask = header.mask.map(Mask::new);
        Self { remaining: payload_len, mask, fin, encoded, unmasked: 0, lifeless: 0 }
    }

    /// Counts `n` bytes as taken in; gives whether they show that the peer is alive.
    fn advance(&mut self, n: usize) -> bool {
        self.remaining = self.remaining.saturating_sub(n as u64);
        self.lifeless += n as u64;
        let alive = self.lifeless >= SIGN_OF_LIFE || self.remaining == 0;
        if alive {
            self.lifeless = 0;
        }
        alive
    }
}
