//! The connection is closed: by whom, and how ([RFC 6455 §7.1]).
//!
//! [RFC 6455 §7.1]: https://www.rfc-editor.org/rfc/rfc6455#section-7.1

use std::error::Error;
use std::fmt;

use ws_types::{Close, CloseCode};

use crate::WebSocketException;

/// The connection is closed, so that nothing can be sent or received any more.
///
/// The text tells the story: `received 1001 (going away) bye; then sent 1001 (going away) bye`,
/// `sent 1000 (OK); no close frame received`, `no close frame received or sent`, …. The reasons in it
/// are printed as [`Close`] does, with control characters escaped.
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
/// // The peer vanished.
/// let closed = ConnectionClosed::new(None, None, None, None);
/// assert!(matches!(closed, ConnectionClosed::ConnectionClosedError(_)));
/// assert_eq!(closed.code(), CloseCode::ABNORMAL_CLOSURE);
/// ```
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(transparent)]
#[non_exhaustive]
pub enum ConnectionClosed {
    /// The connection ended with an error.
    ConnectionClosedError(Box<ConnectionClosedError>),
    /// The connection ended properly.
    ConnectionClosedOK(Box<ConnectionClosedOK>),
}

impl ConnectionClosed {
    /// The exception for these close frames, in the class that they call for.
    ///
    /// That is [`ConnectionClosedOK`] if a close frame was received and one was sent, both with a code
    /// among 1000, 1001 and 1005 (none), and [`ConnectionClosedError`] otherwise.
    ///
    /// `rcvd_then_sent` counts only when there are two frames; `None` then stands for true. `cause` is
    /// what made us fail the connection, for `source()`; a connection that ended properly has none.
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

    /// The close frame that was received; `None` if none was.
    #[must_use]
    pub fn rcvd(&self) -> Option<&Close> {
        self.frames().rcvd
    }

    /// The close frame that was sent; `None` if none was.
    #[must_use]
    pub fn sent(&self) -> Option<&Close> {
        self.frames().sent
    }

    /// Whether the close frame was received first; `None` unless one was received and one was sent.
    #[must_use]
    pub fn rcvd_then_sent(&self) -> Option<bool> {
        self.frames().rcvd_then_sent
    }

    /// The code of the close frame that was received; 1006 if none was.
    #[must_use]
    pub fn code(&self) -> CloseCode {
        self.frames().code()
    }

    /// The reason of the close frame that was received; empty if none was.
    #[must_use]
    pub fn reason(&self) -> &str {
        self.frames().reason()
    }

    fn frames(&self) -> Frames<'_> {
        match self {
            Self::ConnectionClosedError(e) => e.frames(),
            Self::ConnectionClosedOK(e) => e.frames(),
        }
    }
}

/// The connection ended with an error: a close frame is missing, or one has a code other than 1000,
/// 1001 and 1005 (none).
///
/// [`ConnectionClosed::new`] makes it, so that the class always fits the frames.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ConnectionClosedError {
    /// The close frame that was received; `None` if none was.
    pub rcvd: Option<Close>,
    /// The close frame that was sent; `None` if none was.
    pub sent: Option<Close>,
    /// Whether the close frame was received first; `None` unless one was received and one was sent.
    pub rcvd_then_sent: Option<bool>,
    /// What made us fail the connection, such as a [`ProtocolError`](crate::ProtocolError); `None` if
    /// the peer or the network ended it. It is the `source()` of this exception.
    pub cause: Option<Box<WebSocketException>>,
}

impl Error for ConnectionClosedError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as &dyn Error)
    }
}

/// The connection ended properly: close frames were exchanged, both with a code among 1000, 1001 and
/// 1005 (none).
///
/// [`ConnectionClosed::new`] makes it, so that the class always fits the frames.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ConnectionClosedOK {
    /// The close frame that was received.
    pub rcvd: Option<Close>,
    /// The close frame that was sent.
    pub sent: Option<Close>,
    /// Whether the close frame was received first.
    pub rcvd_then_sent: Option<bool>,
}

impl Error for ConnectionClosedOK {}

/// What the two classes share.
macro_rules! closed {
    ($($class:ident)*) => {$(
        impl $class {
            /// The code of the close frame that was received; 1006 if none was.
            #[must_use]
            pub fn code(&self) -> CloseCode {
                self.frames().code()
            }

            /// The reason of the close frame that was received; empty if none was.
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

/// A view of the close frames of either class.
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

/// Whether there is a close frame, and one that doesn't speak of an error.
fn is_proper(close: Option<&Close>) -> bool {
    close.is_some_and(|close| {
        matches!(
            close.code,
            CloseCode::NORMAL_CLOSURE | CloseCode::GOING_AWAY | CloseCode::NO_STATUS_RCVD
        )
    })
}
