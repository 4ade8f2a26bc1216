//! The closing handshake, and failing the connection ([RFC 6455 §5.5.1], [§7]).
//!
//! ```text
//!   OPEN ── send_close ──► CLOSING ── close frame received ──┐
//!    │                        │                              ├─► discarding ── end of stream ──► CLOSED
//!    ├── close frame received, echoed ───────────────────────┤                  or close timeout
//!    └── fail: close frame sent ─────────────────────────────┘
//! ```
//!
//! [RFC 6455 §5.5.1]: https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1
//! [§7]: https://www.rfc-editor.org/rfc/rfc6455#section-7

use std::time::Duration;

use ws_errors::{
    ConnectionClosed, InvalidState, ProtocolError, ProtocolErrorKind, WebSocketException,
};
use ws_types::{Close, CloseCode, Opcode, Side, State};

use super::Connection;
use super::timers::Deadline;
use crate::Payload;
use crate::frame::{MAX_CONTROL_LEN, Utf8Validator};

/// The longest reason of a close frame, in bytes.
const MAX_REASON_LEN: usize = 123;

/// The close frames of both sides, and what went wrong.
#[derive(Debug, Default)]
pub(super) struct Closing {
    rcvd: Option<Close>,
    sent: Option<Close>,
    /// Which came first; set when there are both.
    rcvd_then_sent: Option<bool>,
    cause: Option<Box<WebSocketException>>,
}

impl Connection {
    /// Begins the closing handshake: queues a close frame with this code and reason, or an empty one
    /// for [`Close::no_status`]. The connection is closing then; messages are still received until
    /// the peer's close frame comes.
    ///
    /// Inside a message that is being sent in pieces, the connection fails with 1011 instead.
    ///
    /// # Errors
    /// [`ProtocolError`] for a code that can't be sent, a reason without a code, or one of more than
    /// 123 bytes; the connection stays as it is. [`InvalidState`] unless the connection is open.
    pub fn send_close(&mut self, close: Close, now: Duration) -> Result<(), WebSocketException> {
        if self.state != State::Open {
            return Err(InvalidState::new(self.state).into());
        }
        let payload = encode(&close)?;
        if self.sending.is_some() {
            self.fail(
                Close::new(CloseCode::INTERNAL_ERROR, "close during fragmented message"),
                now,
            );
            return Ok(());
        }
        self.begin_closing(close, payload, now);
        Ok(())
    }

    /// Fails the connection ([RFC 6455 §7.1.7]): queues a close frame with this code and reason
    /// unless one was sent before, and drops all further input. A code that can't be sent, such as
    /// 1006, sends nothing. A reason is cut to 123 bytes.
    ///
    /// [RFC 6455 §7.1.7]: https://www.rfc-editor.org/rfc/rfc6455#section-7.1.7
    pub fn fail(&mut self, mut close: Close, now: Duration) {
        if self.state == State::Closed {
            return;
        }
        if close.reason.len() > MAX_REASON_LEN {
            let cut = (0..=MAX_REASON_LEN).rev().find_map(|n| close.reason.get(..n));
            close.reason = cut.unwrap_or_default().into();
        }
        if self.state == State::Open
            && close.code.is_sendable()
            && let Ok(payload) = encode(&close)
        {
            self.sending = None;
            self.begin_closing(close, payload, now);
        }
        self.discard_input(now);
    }

    /// Fails the connection because of what the peer did.
    pub(super) fn fail_because(&mut self, violation: WebSocketException, now: Duration) {
        let reason = match &violation {
            WebSocketException::TooManyFragments(_) => "too many fragments".to_owned(),
            violation => violation.to_string(),
        };
        let close = Close::new(violation.close_code(), reason);
        self.closing.get_or_insert_default().cause = Some(Box::new(violation));
        self.fail(close, now);
    }

    /// Queues a close frame and enters the state CLOSING.
    fn begin_closing(&mut self, close: Close, payload: Payload, now: Duration) {
        self.push_frame(true, Opcode::Close, payload);
        let closing = self.closing.get_or_insert_default();
        closing.sent = Some(close);
        closing.rcvd_then_sent = closing.rcvd.as_ref().map(|_| true);
        self.state = State::Closing;
        self.timers.stop_keepalive();
        self.expect_end(now);
    }

    /// Takes a close frame; gives what it says unless it is a violation.
    pub(super) fn receive_close(&mut self, payload: &Payload, now: Duration) -> Option<Close> {
        let close = match decode(payload) {
            Ok(close) => close,
            Err(violation) => {
                self.fail_because(violation, now);
                return None;
            }
        };
        let closing = self.closing.get_or_insert_default();
        closing.rcvd = Some(close.clone());
        if closing.sent.is_some() {
            closing.rcvd_then_sent = Some(false);
        }
        // Inside a fragmented message, too: RFC 6455 §5.4 lets control frames be injected there. (The
        // Python library answers 1002 here, which the conformance suite doesn't accept.)
        if self.state == State::Open {
            // RFC 6455 §5.5.1: "the endpoint typically echos the status code it received"
            self.sending = None;
            self.begin_closing(close.clone(), payload.clone(), now);
        }
        self.discard_input(now);
        Some(close)
    }

    fn discard_input(&mut self, now: Duration) {
        if self.state == State::Open {
            // It failed with a code that isn't sent: nothing can be sent any more either.
            self.state = State::Closing;
            self.sending = None;
            self.timers.stop_keepalive();
        }
        self.discarding = true;
        self.receiver.discard();
        self.expect_end(now);
    }

    /// From now on, the stream is expected to end; the timer runs from the first call.
    fn expect_end(&mut self, now: Duration) {
        if self.timers.close == Deadline::NONE {
            self.timers.close = self.config.close_timeout.map(|t| now.saturating_add(t)).into();
        }
    }

    /// The stream is gone.
    pub(super) fn set_closed(&mut self) {
        self.state = State::Closed;
        self.discarding = true;
        self.timers = super::Timers::default();
        // Nothing is sent or received any more: their memory isn't needed, nor a timer for it.
        self.extensions = super::Extensions::default();
        self.encoder_used = false;
    }

    /// Whether the writing side of the stream is to be closed now: everything was written, and nothing
    /// will follow. A server does this once the close frames were exchanged, a client when the server
    /// has done it ([RFC 6455 §7.1.1]).
    ///
    /// [RFC 6455 §7.1.1]: https://www.rfc-editor.org/rfc/rfc6455#section-7.1.1
    #[must_use]
    pub fn wants_shutdown(&self) -> bool {
        let finished = match self.side {
            Side::Server => self.discarding,
            Side::Client => self.state == State::Closed,
        };
        finished && self.output.len() == 0
    }

    /// How the connection ended: final once the state is closed, before that what is known so far.
    #[must_use]
    pub fn closed(&self) -> ConnectionClosed {
        let Some(closing) = &self.closing else {
            return ConnectionClosed::new(None, None, None, None);
        };
        ConnectionClosed::new(
            closing.rcvd.clone(),
            closing.sent.clone(),
            closing.rcvd_then_sent,
            closing.cause.clone(),
        )
    }

    /// The close frame that was received, if one was.
    #[must_use]
    pub fn close_rcvd(&self) -> Option<&Close> {
        self.closing.as_ref()?.rcvd.as_ref()
    }

    /// The close frame that was sent, if one was.
    #[must_use]
    pub fn close_sent(&self) -> Option<&Close> {
        self.closing.as_ref()?.sent.as_ref()
    }
}

/// The payload of a close frame.
fn encode(close: &Close) -> Result<Payload, ProtocolError> {
    if close.code == CloseCode::NO_STATUS_RCVD {
        return match close.reason.is_empty() {
            true => Ok(Payload::new()),
            false => Err(ProtocolErrorKind::ReasonWithoutCode.into()),
        };
    }
    if !close.code.is_sendable() {
        return Err(ProtocolErrorKind::InvalidStatusCode(close.code.as_u16()).into());
    }
    let len = 2 + close.reason.len() as u64;
    if len > MAX_CONTROL_LEN {
        return Err(ProtocolErrorKind::ControlFrameTooLong(len).into());
    }
    let mut payload = close.code.as_u16().to_be_bytes().to_vec();
    payload.extend_from_slice(close.reason.as_bytes());
    Ok(Payload::from(payload))
}

/// What the payload of a close frame says.
fn decode(payload: &[u8]) -> Result<Close, WebSocketException> {
    let Some((&code, reason)) = payload.split_first_chunk() else {
        return match payload {
            [] => Ok(Close::no_status()),
            _ => Err(ProtocolErrorKind::CloseFrameTooShort.into()),
        };
    };
    let code = CloseCode::new(u16::from_be_bytes(code));
    let mut validator = Utf8Validator::default();
    validator.feed(reason).and_then(|()| validator.finish())?;
    if !code.is_sendable() {
        return Err(ProtocolErrorKind::InvalidStatusCode(code.as_u16()).into());
    }
    Ok(Close::new(code, String::from_utf8_lossy(reason)))
}
