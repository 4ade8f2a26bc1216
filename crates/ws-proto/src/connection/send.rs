//! From messages and control frames to queued bytes ([RFC 6455 §6.1]).
//!
//! [RFC 6455 §6.1]: https://www.rfc-editor.org/rfc/rfc6455#section-6.1

use std::time::Duration;

use ws_errors::{
    ConcurrencyError, ConcurrencyErrorKind, InvalidState, ProtocolErrorKind, WebSocketException,
};
use ws_types::{Opcode, State};

use super::{Connection, PingId};
use crate::extension::{DataFrame, Rsv};
use crate::frame::{FrameHeader, MAX_CONTROL_LEN};
use crate::outgoing::{Body, EncodedFrame};
use crate::{Compress, MessageKind, Outgoing, Payload, PreparedMessage};

impl Connection {
    /// Queues a message, as one frame. Large payloads of a server are queued by reference, those of a
    /// client are copied while they are masked.
    ///
    /// # Errors
    /// [`InvalidState`] unless the connection is open; [`ProtocolError`](ws_errors::ProtocolError)
    /// inside a message that is being sent in pieces. The message is dropped.
    #[inline]
    pub fn send(&mut self, message: impl Into<Outgoing>) -> Result<(), WebSocketException> {
        self.send_from(&mut Some(message.into()))
    }

    /// [`send`](Self::send) for a message that lies somewhere already, so that it needn't be moved: the
    /// place is empty once it was queued. From an empty place nothing is queued.
    ///
    /// # Errors
    /// Those of [`send`](Self::send), but the message stays in its place.
    #[inline]
    pub fn send_from(&mut self, place: &mut Option<Outgoing>) -> Result<(), WebSocketException> {
        self.check_sending(None)?;
        if let Some(Outgoing { body: Body::Message(message), .. }) = place
            && self.extensions.is_empty()
        {
            let first_byte = 0x80 | Opcode::from(message.kind()).as_u8();
            if self.output.push_copy(first_byte, self.keys.as_deref_mut(), message.payload()) {
                *place = None;
                return Ok(());
            }
        }
        if let Some(message) = place.take() {
            self.send_any(message);
        }
        Ok(())
    }

    /// Queues a message that is more than a header and a copy.
    #[inline(never)]
    fn send_any(&mut self, message: Outgoing) {
        let Outgoing { body, compress } = message;
        match body {
            Body::Message(message) if self.extensions.is_empty() => {
                self.push_frame(true, message.kind().into(), message.into_payload());
            }
            Body::Message(message) => {
                let (kind, payload) = (message.kind(), message.into_payload());
                let frame = DataFrame { kind, first: true, fin: true, rsv: Rsv::NONE, compress };
                self.push_data(frame, payload);
            }
            Body::Prepared(prepared) => self.push_prepared(&prepared, compress),
        }
    }

    /// Queues one piece of a message, as one fragment; `last` ends the message. Control frames may be
    /// queued between the pieces, other messages may not ([RFC 6455 §5.4]). The wish about compression
    /// that comes with the first piece holds for all of them.
    ///
    /// # Errors
    /// [`InvalidState`] unless the connection is open; [`ProtocolError`](ws_errors::ProtocolError)
    /// when the piece isn't of the same kind as the one before.
    ///
    /// [RFC 6455 §5.4]: https://www.rfc-editor.org/rfc/rfc6455#section-5.4
    pub fn send_chunk(
        &mut self,
        data: impl Into<Outgoing>,
        last: bool,
    ) -> Result<(), WebSocketException> {
        let data = data.into();
        let (kind, compress) = (data.kind(), data.compress);
        self.check_sending(Some(kind))?;
        let first = self.sending.is_none();
        self.sending = (!last).then_some(kind);
        let frame = DataFrame { kind, first, fin: last, rsv: Rsv::NONE, compress };
        self.push_data(frame, data.into_message().into_payload());
        Ok(())
    }

    /// Queues a data frame, after the extensions have encoded it.
    fn push_data(&mut self, frame: DataFrame, payload: Payload) {
        let (rsv, payload) = match self.extensions.encode(frame, &payload) {
            Some((rsv, encoded)) => {
                self.encoder_used = true;
                (rsv, Payload::from(encoded))
            }
            None => (Rsv::NONE, payload),
        };
        let opcode = if frame.first { frame.kind.into() } else { Opcode::Continuation };
        let header = FrameHeader {
            fin: frame.fin,
            rsv: rsv.bits(),
            ..FrameHeader::new(opcode, payload.len() as u64)
        };
        self.push(header, payload);
    }

    /// Queues a prepared message: encodes it if it wasn't for the extensions of this connection.
    fn push_prepared(&mut self, prepared: &PreparedMessage, compress: Compress) {
        if self.extensions.is_empty() {
            return self.push_encoded(prepared.plain());
        }
        if let Some(encoded) = prepared.encoded(|key| self.extensions.matches(key)) {
            if encoded.is_transformed() {
                // The decoder of the peer will have seen it, the encoder here hasn't.
                self.extensions.forget();
            }
            return self.push_encoded(&encoded);
        }
        let message = prepared.message();
        let kind = message.kind();
        let frame = DataFrame { kind, first: true, fin: true, rsv: Rsv::NONE, compress };
        match self.extensions.prepared_key() {
            Some(key) if self.extensions.forget() => {
                let encoded = self.extensions.encode(frame, message.as_bytes());
                self.extensions.forget();
                let encoded = match encoded {
                    Some((rsv, payload)) => EncodedFrame::new(kind, Some(rsv), &payload),
                    None => prepared.plain().clone(),
                };
                self.push_encoded(&encoded);
                prepared.keep(key, encoded);
            }
            _ => self.push_data(frame, message.clone().into_payload()),
        }
    }

    /// Queues a frame that is encoded but for the mask.
    fn push_encoded(&mut self, frame: &EncodedFrame) {
        match self.keys {
            None => self.output.push_encoded(frame.bytes()),
            Some(_) => self.push(frame.header, frame.payload()),
        }
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
        self.push(FrameHeader { fin, ..FrameHeader::new(opcode, payload.len() as u64) }, payload);
    }

    #[inline]
    fn push(&mut self, header: FrameHeader, payload: Payload) {
        self.output.push(header, self.keys.as_deref_mut(), payload);
    }
}
