//! Closed connections ([RFC 6455 §7.1]).
//!
//! [RFC 6455 §7.1]: https://www.rfc-editor.org/rfc/rfc6455#section-7.1

use std::error::Error;
use std::fmt;

use ws_types::{Close, CloseCode};

use crate::WebSocketException;

/// The connection is closed: nothing can be sent or received any more ([RFC 6455 §7.1.4]).
///
/// The text lists the close frames in their order, such as `sent 1000 (OK); then received 1000 (OK)`,
/// `sent 1000 (OK); no close frame received` or `no close frame received or sent`. [`Close`] escapes the
/// control characters of reasons.
///
/// ```
/// use ws_errors::{ConnectionClosed, ConnectionClosedOK};
/// use ws_types::{Close, CloseCode};
///
/// let close = Some(Close::new(CloseCode::GOING_AWAY, "bye"));
/// let closed = ConnectionClosed::new(close.clone(), close, Some(true), None);
/// assert!(closed.get::<ConnectionClosedOK>().is_some());
/// assert_eq!((closed.code(), closed.reason()), (CloseCode::GOING_AWAY, "bye"));
///
/// // The stream ended without a closing handshake.
/// let closed = ConnectionClosed::new(None, None, None, None);
/// assert!(matches!(closed, ConnectionClosed::ConnectionClosedError(_)));
/// assert_eq!(closed.code(), CloseCode::ABNORMAL_CLOSURE);
/// ```
///
/// [RFC 6455 §7.1.4]: https://www.rfc-editor.org/rfc/rfc6455#section-7.1.4
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(transparent)]
#[non_exhaustive]
pub enum ConnectionClosed {
    /// The closing handshake is incomplete, or a code means an error.
    ConnectionClosedError(Box<ConnectionClosedError>),
    /// The closing handshake is complete, without an error.
    ConnectionClosedOK(Box<ConnectionClosedOK>),
}

impl ConnectionClosed {
    /// Makes the exception for these close frames, and picks its class.
    ///
    /// It is [`ConnectionClosedOK`] when a close frame was received and one was sent, both with code
    /// 1000, 1001 or 1005 (none); else [`ConnectionClosedError`].
    ///
    /// `rcvd_then_sent` matters only when there are two frames; `None` then means true. `cause` is the
    /// reason why this side failed the connection, returned by `source()`; `ConnectionClosedOK` drops
    /// it.
    #[must_use]
    pub fn new(
        rcvd: Option<Close>,
        sent: Option<Close>,
        rcvd_then_sent: Option<bool>,
        cause: Option<Box<WebSocketException>>,
    ) -> Self {
        let both = rcvd.is_some() && sent.is_some();
        let rcvd_then_sent = both.then(|| rcvd_then_sent.unwrap_or(true));
        if is_proper(rcvd.as_ref()) && is_proper(sent.as_ref()) {
            ConnectionClosedOK { rcvd, sent, rcvd_then_sent }.into()
        } else {
            ConnectionClosedError { rcvd, sent, rcvd_then_sent, cause }.into()
        }
    }

    /// The received close frame, if any.
    #[must_use]
    pub fn rcvd(&self) -> Option<&Close> {
        self.frames().rcvd
    }

    /// The sent close frame, if any.
    #[must_use]
    pub fn sent(&self) -> Option<&Close> {
        self.frames().sent
    }

    /// Whether the received close frame came first; `None` unless there are two.
    #[must_use]
    pub fn rcvd_then_sent(&self) -> Option<bool> {
        self.frames().rcvd_then_sent
    }

    /// The code of the received close frame; 1006 if there is none.
    #[must_use]
    pub fn code(&self) -> CloseCode {
        self.frames().code()
    }

    /// The reason of the received close frame; empty if there is none.
    #[must_use]
    pub fn reason(&self) -> &str {
        self.frames().reason()
    }

    /// The reason why this side failed the connection; `None` if it didn't.
    #[must_use]
    pub fn cause(&self) -> Option<&WebSocketException> {
        match self {
            Self::ConnectionClosedError(e) => e.cause.as_deref(),
            Self::ConnectionClosedOK(_) => None,
        }
    }

    fn frames(&self) -> Frames<'_> {
        match self {
            Self::ConnectionClosedError(e) => e.frames(),
            Self::ConnectionClosedOK(e) => e.frames(),
        }
    }
}

/// The connection closed with an error: a close frame is missing, or one has a code other than 1000,
/// 1001 and 1005 (none).
///
/// [`ConnectionClosed::new`] makes it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ConnectionClosedError {
    /// The received close frame, if any.
    pub rcvd: Option<Close>,
    /// The sent close frame, if any.
    pub sent: Option<Close>,
    /// Whether the received close frame came first; `None` unless there are two.
    pub rcvd_then_sent: Option<bool>,
    /// The reason why this side failed the connection, such as a
    /// [`ProtocolError`](crate::ProtocolError); `None` if it didn't. `source()` returns it.
    pub cause: Option<Box<WebSocketException>>,
}

impl Error for ConnectionClosedError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as &dyn Error)
    }
}

/// The connection closed without an error: a close frame was received and one was sent, both with code
/// 1000, 1001 or 1005 (none).
///
/// [`ConnectionClosed::new`] makes it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ConnectionClosedOK {
    /// The received close frame.
    pub rcvd: Option<Close>,
    /// The sent close frame.
    pub sent: Option<Close>,
    /// Whether the received close frame came first.
    pub rcvd_then_sent: Option<bool>,
}

impl Error for ConnectionClosedOK {}

/// Methods and text of both classes.
macro_rules! closed {
    ($($class:ident)*) => {$(
        impl $class {
            /// The code of the received close frame; 1006 if there is none.
            #[must_use]
            pub fn code(&self) -> CloseCode {
                self.frames().code()
            }

            /// The reason of the received close frame; empty if there is none.
            #[must_use]
            pub fn reason(&self) -> &str {
                self.frames().reason()
            }

            fn frames(&self) -> Frames<'_> {
                Frames {
                    rcvd: self.rcvd.as_ref(),
                    sent: self.sent.as_ref(),
                    rcvd_then_sent: self.rcvd_then_sent,
                }
            }
        }

        impl fmt::Display for $class {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.frames().fmt(f)
            }
        }
    )*};
}

closed!(ConnectionClosedError ConnectionClosedOK);

/// The close frames of either class.
struct Frames<'a> {
    rcvd: Option<&'a Close>,
    sent: Option<&'a Close>,
    rcvd_then_sent: Option<bool>,
}

impl<'a> Frames<'a> {
    fn code(&self) -> CloseCode {
        self.rcvd.map_or(CloseCode::ABNORMAL_CLOSURE, |close| close.code)
    }

    fn reason(&self) -> &'a str {
        self.rcvd.map_or("", |close| &close.reason)
    }
}

impl fmt::Display for Frames<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.rcvd, self.sent) {
            (None, None) => f.write_str("no close frame received or sent"),
            (None, Some(sent)) => write!(f, "sent {sent}; no close frame received"),
            (Some(rcvd), None) => write!(f, "received {rcvd}; no close frame sent"),
            (Some(rcvd), Some(sent)) => match self.rcvd_then_sent {
                Some(false) => write!(f, "sent {sent}; then received {rcvd}"),
                _ => write!(f, "received {rcvd}; then sent {sent}"),
            },
        }
    }
}

/// Whether there is a close frame, and its code doesn't mean an error.
fn is_proper(close: Option<&Close>) -> bool {
    close.is_some_and(|close| {
        matches!(
            close.code,
            CloseCode::NORMAL_CLOSURE | CloseCode::GOING_AWAY | CloseCode::NO_STATUS_RCVD
        )
    })
}
