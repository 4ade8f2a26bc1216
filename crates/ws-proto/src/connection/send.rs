//! From messages and control frames to queued bytes ([RFC 6455 §6.1]).
//!
//! [RFC 6455 §6.1]: https://www.rfc-editor.org/rfc/rfc6455#section-6.1

use ws_errors::{ConcurrencyError, ConcurrencyErrorKind, InvalidState, WebSocketException};
use ws_types::Opcode;

use super::Connection;
use super::phase::Phase;
use crate::extension::DataFrame;
use crate::frame::{FrameHeader, check_control};
use crate::outgoing::{Body, EncodedFrame};
use crate::{Compress, Outgoing, Payload, PreparedMessage};

impl Connection {
    pub(super) fn send_message(&mut self, message: Outgoing) -> Result<(), WebSocketException> {
        match self.phase {
            Phase::Open { sending: None } => {}
            Phase::Open { sending: Some(_) } => return Err(message_in_progress()),
            _ => return Err(InvalidState::new(self.phase.state()).into()),
        }
        self.sent.message(message.len());
        let Outgoing { body, compress } = message;
        match body {
            Body::Message(message) => {
                let frame = DataFrame { compress, ..DataFrame::new(message.kind()) };
                self.push_data(frame, message.into_payload());
            }
            Body::Prepared(prepared) => self.push_prepared(&prepared, compress),
        }
        Ok(())
    }

    pub(super) fn send_piece(
        &mut self,
        piece: Outgoing,
        last: bool,
    ) -> Result<(), WebSocketException> {
        let (kind, compress) = (piece.kind(), piece.compress);
        let state = self.phase.state();
        let Phase::Open { sending } = &mut self.phase else {
            return Err(InvalidState::new(state).into());
        };
        if sending.is_some_and(|sending| sending != kind) {
            return Err(message_in_progress());
        }
        let first = sending.is_none();
        *sending = (!last).then_some(kind);
        self.sent.piece(piece.len(), last);
        let frame = DataFrame { first, fin: last, compress, ..DataFrame::new(kind) };
        self.push_data(frame, piece.into_message().into_payload());
        Ok(())
    }

    /// Queues a data frame, after the extensions have encoded it.
    fn push_data(&mut self, mut frame: DataFrame, mut payload: Payload) {
        if let Some((rsv, encoded)) = self.extensions.encode(frame, &payload) {
            (frame.rsv, payload) = (rsv, encoded.into());
            self.encoder_used = true;
        }
        let opcode = if frame.first { frame.kind.into() } else { Opcode::Continuation };
        let header = FrameHeader::new(opcode, payload.len() as u64);
        self.push(FrameHeader { fin: frame.fin, rsv: frame.rsv, ..header }, payload);
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
        let frame = DataFrame { compress, ..DataFrame::new(message.kind()) };
        match self.extensions.prepared_key() {
            Some(key) if self.extensions.forget() => {
                let encoded = self.extensions.encode(frame, message.as_bytes());
                self.extensions.forget();
                let encoded = match encoded {
                    Some((rsv, payload)) => EncodedFrame::new(frame.kind, Some(rsv), &payload),
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

    /// Checks whether a ping or pong with this payload can be sent.
    pub(super) fn check_can_send(
        &self,
        opcode: Opcode,
        payload: &[u8],
    ) -> Result<(), WebSocketException> {
        if !self.phase.is_receiving() {
            return Err(InvalidState::new(self.phase.state()).into());
        }
        Ok(check_control(opcode, true, payload.len() as u64)?)
    }

    /// Queues a control frame.
    pub(super) fn push_control(&mut self, opcode: Opcode, payload: Payload) {
        match opcode {
            Opcode::Ping => self.sent.pings += 1,
            Opcode::Pong => self.sent.pongs += 1,
            _ => {}
        }
        self.push(FrameHeader::new(opcode, payload.len() as u64), payload);
    }

    /// Queues a frame, masked if this is a client.
    fn push(&mut self, header: FrameHeader, payload: Payload) {
        let mask = self.keys.as_mut().map(|keys| keys.next_key());
        self.output.push(FrameHeader { mask, ..header }, payload);
    }
}

/// The caller has begun a message within another one.
#[cold]
fn message_in_progress() -> WebSocketException {
    ConcurrencyError::new(ConcurrencyErrorKind::MessageInProgress).into()
}
