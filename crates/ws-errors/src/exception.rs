//! The root of the tree, and the trait of all its classes.

use std::any::Any;
use std::error::Error;

use crate::{
    ConcurrencyError, ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidProxy,
    InvalidProxyMessage, InvalidState, InvalidURI, InvalidUtf8, KeepaliveTimeout, MessageCause,
    PayloadTooBig, ProtocolError, ProxyError, TooManyFragments,
};

/// Any exception of the protocol.
///
/// [`get`](Self::get) finds a class at any depth of the tree; matching on variants handles whole
/// families at once. `Display` and `source` are those of the inner exception.
///
/// ```
/// use ws_errors::{InvalidHandshake, InvalidHeader, InvalidHeaderFormat, WebSocketException};
///
/// let error = InvalidHeaderFormat::new("Upgrade", "expected protocol", "|", 0);
/// let error = WebSocketException::from(error);
/// assert_eq!(error.to_string(), "invalid Upgrade header: expected protocol at 0 in |");
///
/// // Narrow: one class, with its fields.
/// assert_eq!(error.get::<InvalidHeaderFormat>().map(|e| e.pos), Some(0));
/// // Broad: a class and all classes below it.
/// assert!(error.get::<InvalidHandshake>().is_some());
/// // The same with patterns.
/// assert!(matches!(
///     error,
///     WebSocketException::InvalidHandshake(InvalidHandshake::InvalidHeader(
///         InvalidHeader::InvalidHeaderFormat(e),
///     )) if e.pos == 0
/// ));
/// ```
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(transparent)]
#[non_exhaustive]
pub enum WebSocketException {
    /// The connection is closed.
    ConnectionClosed(ConnectionClosed),
    /// The opening handshake failed.
    InvalidHandshake(InvalidHandshake),
    /// The state of the connection forbids the operation.
    InvalidState(InvalidState),
    /// A string isn't a WebSocket URI.
    InvalidURI(InvalidURI),
    /// A string isn't the address of a proxy.
    InvalidProxy(InvalidProxy),
    /// A message exceeds the limit in bytes.
    PayloadTooBig(Box<PayloadTooBig>),
    /// A message exceeds the limit in fragments.
    TooManyFragments(TooManyFragments),
    /// A frame breaks the protocol.
    ProtocolError(ProtocolError),
    /// A text message or close reason isn't UTF-8.
    InvalidUtf8(InvalidUtf8),
    /// An operation conflicts with one in progress.
    ConcurrencyError(ConcurrencyError),
    /// The peer has not answered a keepalive ping in time.
    KeepaliveTimeout(KeepaliveTimeout),
}

impl WebSocketException {
    /// Returns the exception as a `T`, as [`get`](Self::get) does, or else a `T` among its causes:
    /// the violation that ended a connection, the limit that an HTTP message exceeds.
    ///
    /// ```
    /// use ws_errors::{ConnectionClosed, ProtocolError, ProtocolErrorKind, WebSocketException};
    ///
    /// let cause = Some(Box::new(ProtocolErrorKind::IncorrectMasking.into()));
    /// let error = WebSocketException::from(ConnectionClosed::new(None, None, None, cause));
    /// assert!(error.get::<ProtocolError>().is_none());
    /// assert!(error.find::<ProtocolError>().is_some());
    /// ```
    #[must_use]
    pub fn find<T: Exception>(&self) -> Option<&T> {
        use InvalidHandshake as H;
        self.get().or_else(|| match self {
            Self::ConnectionClosed(closed) => closed.cause()?.find(),
            Self::InvalidHandshake(
                H::InvalidMessage(InvalidMessage { cause, .. })
                | H::ProxyError(ProxyError::InvalidProxyMessage(InvalidProxyMessage { cause })),
            ) => match cause {
                Some(MessageCause::SecurityError(limit)) => limit.get(),
                _ => None,
            },
            _ => None,
        })
    }
}

/// A class of the tree: the bound of `get`, as in [`WebSocketException::get`] and
/// [`InvalidHandshake::get`].
///
/// Only the classes of this crate implement it.
pub trait Exception: Error + Any + Send + Sync + Sealed {
    /// Returns the exception one level down; `None` when this is the narrowest class.
    fn narrower(&self) -> Option<&dyn Exception> {
        None
    }
}

/// Keeps [`Exception`] to the classes of this crate.
#[expect(unnameable_types, reason = "seals the trait")]
pub trait Sealed {}

/// Returns the first `T` from `exception` downwards.
pub(crate) fn find<T: Exception>(exception: &dyn Exception) -> Option<&T> {
    let mut at = exception;
    loop {
        if let Some(found) = (at as &dyn Any).downcast_ref() {
            return Some(found);
        }
        at = at.narrower()?;
    }
}
