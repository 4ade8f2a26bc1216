//! From messages and control frames to queued bytes ([RFC 6455 §6.1]).
//!
//! [RFC 6455 §6.1]: https://www.rfc-editor.org/rfc/rfc6455#section-6.1

use std::time::Duration;

use ws_errors::{
    ConcurrencyError, ConcurrencyErrorKind, InvalidState, ProtocolErrorKind, WebSocketException,
};
use ws_types::{Opcode, State};

use super::{Connection, PingId};
use crate::frame::{FrameHeader, MAX_CONTROL_LEN};
use crate::{Message, MessageKind, Payload};

impl Connection {
    /// Queues a message, as one frame. Large payloads of a server are queued by reference, those of a
    /// client are copied while they are masked.
    ///
    /// # Errors
    /// [`InvalidState`] unless the connection is open; [`ProtocolError`](ws_errors::ProtocolError)
    /// inside a message that is being sent in pieces. The message is dropped.
    #[inline]
    pub fn send(&mut self, message: Message) -> Result<(), WebSocketException> {
        self.check_sending(None)?;
        let opcode = match message.kind() {
            MessageKind::Text => Opcode::Text,
            MessageKind::Binary => Opcode::Binary,
        };
        self.push_frame(true, opcode, message.into_payload());
        Ok(())
    }

    /// Queues one piece of a message, as one fragment; `last` ends the message. Control frames may be
    /// queued between the pieces, other messages may not ([RFC 6455 §5.4]).
    ///
    /// # Errors
    /// [`InvalidState`] unless the connection is open; [`ProtocolError`](ws_errors::ProtocolError)
    /// when the piece isn't of the same kind as the one before.
    ///
    /// [RFC 6455 §5.4]: https://www.rfc-editor.org/rfc/rfc6455#section-5.4
    pub fn send_chunk(&mut self, data: Message, last: bool) -> Result<(), WebSocketException> {
        let kind = data.kind();
        self.check_sending(Some(kind))?;
        let opcode = match (self.sending, kind) {
            (Some(_), _) => Opcode::Continuation,
            (None, MessageKind::Text) => Opcode::Text,
            (None, MessageKind::Binary) => Opcode::Binary,
        };
        self.sending = (!last).then_some(kind);
        self.push_frame(last, opcode, data.into_payload());
        Ok(())
    }

    /// Whether a message can be sent now: any one, or a piece of one of this kind.
    #[inline]
    fn check_sending(&self, piece: Option<MessageKind>) -> Result<(), WebSocketException> {
        if self.state != State::Open {
            return Err(InvalidState::new(self.state).into());
        }
        if self.sending.is_some() && self.sending != piece {
            return Err(ProtocolErrorKind::ExpectedContinuation.into());
        }
        Ok(())
    }

    /// Queues a ping; `None` makes a payload of 4 bytes that no unanswered ping has. The event
    /// [`Pong`](super::Event::Pong) tells when it was answered.
    ///
    /// # Errors
    /// [`ProtocolError`](ws_errors::ProtocolError) for more than 125 bytes; [`ConcurrencyError`] when
    /// a ping with the same payload is unanswered; [`InvalidState`] when the connection is closed or
    /// a close frame was received.
    pub fn ping(
        &mut self,
        payload: Option<Payload>,
        now: Duration,
    ) -> Result<PingId, WebSocketException> {
        self.check_control(payload.as_deref().unwrap_or_default())?;
        let payload = payload.unwrap_or_else(|| self.pings.fresh_payload());
        let Some(id) = self.pings.push(payload.clone(), now) else {
            return Err(ConcurrencyError::new(ConcurrencyErrorKind::SamePing).into());
        };
        self.push_frame(true, Opcode::Ping, payload);
        Ok(id)
    }

    /// Queues a pong that nobody asked for, such as a one-way heartbeat ([RFC 6455 §5.5.3]); pings are
    /// answered without it.
    ///
    /// # Errors
    /// [`ProtocolError`](ws_errors::ProtocolError) for more than 125 bytes; [`InvalidState`] when the
    /// connection is closed or a close frame was received.
    ///
    /// [RFC 6455 §5.5.3]: https://www.rfc-editor.org/rfc/rfc6455#section-5.5.3
    pub fn pong(&mut self, payload: Payload) -> Result<(), WebSocketException> {
        self.check_control(&payload)?;
        self.push_frame(true, Opcode::Pong, payload);
        Ok(())
    }

    fn check_control(&self, payload: &[u8]) -> Result<(), WebSocketException> {
        if self.state == State::Closed || self.discarding {
            return Err(InvalidState::new(self.state).into());
        }
        let len = payload.len() as u64;
        if len > MAX_CONTROL_LEN {
            return Err(ProtocolErrorKind::ControlFrameTooLong(len).into());
        }
        Ok(())
    }

    /// Queues a frame, masked if this is a client.
    #[inline]
    pub(super) fn push_frame(&mut self, fin: bool, opcode: Opcode, payload: Payload) {
        let mask = self.keys.as_mut().map(|keys| keys.next_key());
        let header = FrameHeader { fin, mask, ..FrameHeader::new(opcode, payload.len() as u64) };
        self.output.push(header, payload);
    }
}
