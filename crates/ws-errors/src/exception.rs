//! The root of the tree, and the trait that all its classes share.

use std::any::Any;
use std::error::Error;

use crate::{
    ConcurrencyError, ConnectionClosed, InvalidHandshake, InvalidProxy, InvalidState, InvalidURI,
    InvalidUtf8, PayloadTooBig, ProtocolError, TooManyFragments,
};

/// Any exception of the protocol.
///
/// [`get`](Self::get) tells whether it is of a class, however deep in the tree; the variants serve to
/// treat whole families at once. `Display` and `source` are those of the exception inside.
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
/// // Broad: a class with all that is below it.
/// assert!(error.get::<InvalidHandshake>().is_some());
/// // The same by patterns.
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
    /// The connection is in a state that forbids the operation.
    InvalidState(InvalidState),
    /// A string isn't the URI of a WebSocket.
    InvalidURI(InvalidURI),
    /// A string isn't the address of a proxy.
    InvalidProxy(InvalidProxy),
    /// A message exceeds its limit in bytes.
    PayloadTooBig(Box<PayloadTooBig>),
    /// A message exceeds its limit in fragments.
    TooManyFragments(TooManyFragments),
    /// A frame breaks the protocol.
    ProtocolError(ProtocolError),
    /// Text isn't UTF-8.
    InvalidUtf8(InvalidUtf8),
    /// Two operations at once exclude each other.
    ConcurrencyError(ConcurrencyError),
}

/// A class of the tree: `InvalidHeaderFormat` is an `InvalidHeader` is an `InvalidHandshake` is a
/// `WebSocketException`.
///
/// The classes of this crate implement it, and nothing else does. It serves `get`, which each class
/// with classes below it has: [`WebSocketException::get`], [`InvalidHandshake::get`], ….
pub trait Exception: Error + Any + Send + Sync + Sealed {
    /// The exception one level further down; `None` when this is the narrowest class that fits.
    fn narrower(&self) -> Option<&dyn Exception> {
        None
    }
}

/// Keeps [`Exception`] to the classes of this crate.
#[expect(unnameable_types, reason = "nobody else shall implement it")]
pub trait Sealed {}

/// `exception`, or what is below it, as a `T`.
pub(crate) fn find<T: Exception>(exception: &dyn Exception) -> Option<&T> {
    let mut at = exception;
    loop {
        if let Some(found) = (at as &dyn Any).downcast_ref() {
            return Some(found);
        }
        at = at.narrower()?;
    }
}
