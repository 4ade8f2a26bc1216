//! How far a connection has come ([RFC 6455 §4.1], [§7.1]): the closing handshake as data.
//!
//! ```text
//!   OPEN ── we send a close frame ──► CLOSING ── we receive one ──┐
//!    │                                  │                         │
//!    ├── we receive a close frame ──────┼─────────────────────────┼─► DISCARDING ── end of ──► CLOSED
//!    │   and echo it                    │                         │   the stream, or time-out
//!    └── the connection fails ──────────┴─────────────────────────┘
//! ```
//!
//! [RFC 6455 §4.1]: https://www.rfc-editor.org/rfc/rfc6455#section-4.1
//! [§7.1]: https://www.rfc-editor.org/rfc/rfc6455#section-7.1

use std::time::Duration;

use ws_errors::{ConnectionClosed, WebSocketException};
use ws_types::{Close, State};

use crate::MessageKind;

/// The phase of a connection, with the data that only this phase has.
#[derive(Debug)]
pub(super) enum Phase {
    /// Messages go both ways.
    Open {
        /// The kind of the message that is being sent in pieces.
        sending: Option<MessageKind>,
    },
    /// We have sent a close frame, and receive messages until the peer's comes.
    Closing(Box<Ending>),
    /// The close frames were exchanged, or the connection has failed: everything that arrives is dropped.
    Discarding(Box<Ending>),
    /// The stream has ended.
    Closed(Box<Ending>),
}

/// The close frames of both sides, and what went wrong.
#[derive(Clone, Debug, Default)]
pub(super) struct Ending {
    pub(super) rcvd: Option<Close>,
    pub(super) sent: Option<Close>,
    /// Which came first; set when there are both.
    pub(super) rcvd_then_sent: Option<bool>,
    /// This side has failed the connection.
    pub(super) failed: bool,
    pub(super) cause: Option<Box<WebSocketException>>,
    /// The stream is to end until then; `None` as long as the time hasn't begun.
    pub(super) deadline: Option<Duration>,
}

impl Phase {
    pub(super) fn state(&self) -> State {
        match self {
            Self::Open { .. } => State::Open,
            Self::Closing(_) | Self::Discarding(_) => State::Closing,
            Self::Closed(_) => State::Closed,
        }
    }

    /// Whether messages and control frames are taken in.
    pub(super) fn is_receiving(&self) -> bool {
        matches!(self, Self::Open { .. } | Self::Closing(_))
    }

    /// How the connection has ended, as far as that is known.
    pub(super) fn ending(&self) -> Option<&Ending> {
        match self {
            Self::Open { .. } => None,
            Self::Closing(ending) | Self::Discarding(ending) | Self::Closed(ending) => Some(ending),
        }
    }

    /// Takes the ending out, to go on with it in another phase.
    pub(super) fn take_ending(&mut self) -> Box<Ending> {
        match std::mem::replace(self, Self::Open { sending: None }) {
            Self::Open { .. } => Box::default(),
            Self::Closing(ending) | Self::Discarding(ending) | Self::Closed(ending) => ending,
        }
    }

    pub(super) fn closed(&self) -> ConnectionClosed {
        let Ending { rcvd, sent, rcvd_then_sent, cause, .. } =
            self.ending().cloned().unwrap_or_default();
        ConnectionClosed::new(rcvd, sent, rcvd_then_sent, cause)
    }
}
