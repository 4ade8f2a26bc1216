//! The closing handshake, and failing the connection ([RFC 6455 §5.5.1], [§7]). Its phases are in `phase`.
//!
//! [RFC 6455 §5.5.1]: https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1
//! [§7]: https://www.rfc-editor.org/rfc/rfc6455#section-7

use std::time::Duration;

use ws_errors::{InvalidState, WebSocketException};
use ws_types::{Close, CloseCode, Opcode, Side};

use super::Connection;
use super::phase::Phase;
use crate::Payload;
use crate::frame::{MAX_REASON_LEN, decode_close, encode_close};

impl Connection {
    pub(super) fn start_close(
        &mut self,
        close: Close,
        now: Duration,
    ) -> Result<(), WebSocketException> {
        let Phase::Open { sending } = self.phase else {
            return Err(InvalidState::new(self.phase.state()).into());
        };
        let payload = encode_close(&close)?;
        if sending.is_some() {
            let reason = "close during fragmented message";
            self.fail_with(Close::new(CloseCode::INTERNAL_ERROR, reason), None);
            self.start_close_timeout(now);
            return Ok(());
        }
        self.push_control(Opcode::Close, payload.into());
        let mut ending = self.phase.take_ending();
        ending.sent = Some(close);
        self.phase = Phase::Closing(ending);
        self.start_close_timeout(now);
        Ok(())
    }

    /// Fails the connection because the peer has broken a rule.
    pub(super) fn fail_because(&mut self, violation: Box<WebSocketException>) {
        let reason = match &*violation {
            WebSocketException::TooManyFragments(_) => "too many fragments".to_owned(),
            violation => violation.to_string(),
        };
        self.fail_with(Close::new(violation.close_code(), reason), Some(violation));
    }

    /// Fails the connection ([RFC 6455 §7.1.7](https://www.rfc-editor.org/rfc/rfc6455#section-7.1.7)).
    pub(super) fn fail_with(&mut self, mut close: Close, cause: Option<Box<WebSocketException>>) {
        let is_open = match &self.phase {
            Phase::Open { .. } => true,
            Phase::Closing(_) => false,
            Phase::Discarding(_) | Phase::Closed(_) => return,
        };
        let mut ending = self.phase.take_ending();
        if close.reason.len() > MAX_REASON_LEN {
            // Where a character ends.
            let cut = (0..=MAX_REASON_LEN).rev().find_map(|end| close.reason.get(..end));
            close.reason = cut.unwrap_or_default().into();
        }
        // A code that can't be sent, such as 1006, sends nothing.
        if is_open
            && close.code != CloseCode::NO_STATUS_RCVD
            && let Ok(payload) = encode_close(&close)
        {
            self.push_control(Opcode::Close, payload.into());
            ending.sent = Some(close);
        }
        ending.failed = true;
        ending.cause = cause;
        self.phase = Phase::Discarding(ending);
        self.receiver.discard();
    }

    /// Takes a close frame; gives what it says unless it is a violation.
    pub(super) fn receive_close(&mut self, payload: &Payload) -> Option<Close> {
        let close = match decode_close(payload) {
            Ok(close) => close,
            Err(violation) => {
                self.fail_because(Box::new(violation));
                return None;
            }
        };
        // Inside a fragmented message, too: RFC 6455 §5.4 lets control frames be injected there. (The
        // Python library answers 1002 here, which the conformance suite doesn't accept.)
        let is_open = matches!(self.phase, Phase::Open { .. });
        if is_open {
            // RFC 6455 §5.5.1: "the endpoint typically echos the status code it received"
            self.push_control(Opcode::Close, payload.clone());
        }
        let mut ending = self.phase.take_ending();
        ending.rcvd = Some(close.clone());
        ending.rcvd_then_sent = Some(is_open);
        if is_open {
            ending.sent = Some(close.clone());
        }
        self.phase = Phase::Discarding(ending);
        self.receiver.discard();
        Some(close)
    }

    /// Lets the time for the closing handshake begin, if it has begun and its time hasn't.
    ///
    /// Not when a close frame or a violation is pulled, since that may be long after it arrived, and the
    /// answer has to leave: [`close_deadline`](Self::close_deadline) asks for the time then.
    pub(super) fn start_close_timeout(&mut self, now: Duration) {
        if let Phase::Closing(ending) | Phase::Discarding(ending) = &mut self.phase
            && ending.deadline.is_none()
            && let Some(timeout) = self.config.close_timeout
        {
            ending.deadline = Some(now.saturating_add(timeout));
        }
    }

    /// When the closing handshake is to have ended, or at once if its time is to begin.
    pub(super) fn close_deadline(&self) -> Option<Duration> {
        match &self.phase {
            Phase::Closing(ending) | Phase::Discarding(ending) => {
                self.config.close_timeout.and(ending.deadline.or(Some(self.now)))
            }
            Phase::Open { .. } | Phase::Closed(_) => None,
        }
    }

    /// The stream has ended.
    pub(super) fn set_closed(&mut self) {
        self.phase = Phase::Closed(self.phase.take_ending());
        // Nothing is received or sent any more: their memory isn't needed, nor a timer for it.
        self.receiver.discard();
        self.extensions = crate::extension::Extensions::default();
        self.encoder_idle = None;
    }

    /// RFC 6455 §7.1.1: the server closes the stream first, a client when the server has done so.
    pub(super) fn is_finished(&self) -> bool {
        match self.side {
            Side::Server => !self.phase.is_receiving(),
            Side::Client => matches!(self.phase, Phase::Closed(_)),
        }
    }
}
