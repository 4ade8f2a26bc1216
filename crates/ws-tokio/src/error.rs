//! Errors of a connection over a stream: the exceptions of the protocol, and those that a network adds.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::ops::Deref;
use std::sync::Arc;

use ws_errors::{
    ConnectionClosed, Exception, InvalidHandshake, InvalidHeaderValue, InvalidURI,
    WebSocketException,
};
use ws_proto::Outgoing;
use ws_types::Close;

/// Any error of this crate.
///
/// Three endings of a connection are told apart: after a proper close nothing fails, `recv` gives
/// `None`; a peer that vanished is a [`Closed`](Self::Closed) without close frames, whose
/// [`transport`](Closed::transport) is the error of the stream, if there was one; for a peer that
/// broke the rules, [`Closed`](Self::Closed) has a [`cause`](StdError::source).
///
/// ```
/// use ws_errors::{InvalidStatus, ProtocolError};
/// use ws_tokio::Error;
///
/// fn advice(error: &Error) -> &'static str {
///     match error {
///         _ if error.is_timeout() => "the peer is slow, or gone",
///         _ if error.is_retryable() => "try again later",
///         Error::Closed(closed) if closed.rcvd().is_none() => "the peer vanished",
///         Error::Closed(_) => "the connection is closed",
///         _ if error.get::<InvalidStatus>().is_some() => "the server refused",
///         _ => "give up",
///     }
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The connection is closed, or closing: what was asked for can't be done.
    Closed(Closed),
    /// Any other exception of the protocol: of the opening handshake, of negotiation, of a wrong use.
    WebSocket(Box<WebSocketException>),
    /// The network failed before there was a connection.
    Io(io::Error),
    /// Opening the connection took longer than `open_timeout`.
    OpenTimeout,
    /// A `wss://` URI needs TLS, which this crate doesn't have yet. Until then, open a TLS stream with
    /// a crate of your choice, and hand it to [`client`](crate::client()).
    TlsUnavailable,
}

/// How a connection ended: the close frames of both sides, and what went wrong.
///
/// It dereferences to [`ConnectionClosed`], which has the frames, their order, `code()` and
/// `reason()`.
#[derive(Clone, Debug)]
pub struct Closed(Box<Ending>);

#[derive(Clone, Debug)]
struct Ending {
    exception: ConnectionClosed,
    transport: Option<Arc<io::Error>>,
}

/// A message that [`try_send`](crate::Sender::try_send) couldn't send.
#[derive(Debug)]
#[non_exhaustive]
pub enum TrySendError {
    /// Too much is queued, another task waits to send, or a message is being sent in pieces: here is the
    /// message again.
    Full(Outgoing),
    /// The message can't be sent at all.
    Closed(Error),
}

impl fmt::Display for TrySendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => f.write_str("sending would have to wait"),
            Self::Closed(error) => error.fmt(f),
        }
    }
}

impl StdError for TrySendError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Full(_) => None,
            Self::Closed(error) => error.source(),
        }
    }
}

impl From<Error> for TrySendError {
    fn from(error: Error) -> Self {
        Self::Closed(error)
    }
}

impl Closed {
    pub(crate) fn new(exception: ConnectionClosed, transport: Option<Arc<io::Error>>) -> Self {
        Self(Box::new(Ending { exception, transport }))
    }

    /// The exception as Python has it.
    #[must_use]
    pub fn exception(&self) -> &ConnectionClosed {
        &self.0.exception
    }

    /// The error of the stream that ended the connection, if one did.
    #[must_use]
    pub fn transport(&self) -> Option<&io::Error> {
        self.0.transport.as_deref()
    }

    /// Whether both sides closed properly: with 1000, 1001 or no code.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        matches!(self.0.exception, ConnectionClosed::ConnectionClosedOK(_))
    }
}

impl Deref for Closed {
    type Target = ConnectionClosed;

    fn deref(&self) -> &ConnectionClosed {
        &self.0.exception
    }
}

impl Error {
    /// This error as an exception `T`, at whatever depth of the hierarchy `T` sits.
    #[must_use]
    pub fn get<T: Exception>(&self) -> Option<&T> {
        match self {
            Self::Closed(closed) => closed.exception().get(),
            Self::WebSocket(exception) => exception.get(),
            Self::Io(_) | Self::OpenTimeout | Self::TlsUnavailable => None,
        }
    }

    /// Whether trying to connect again, later, may help: errors of the network, time-outs, a server
    /// that ended the stream during the handshake or answered with 500, 502, 503 or 504.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Closed(closed) => closed.exception().is_retryable(),
            Self::WebSocket(exception) => exception.is_retryable(),
            Self::Io(_) | Self::OpenTimeout => true,
            Self::TlsUnavailable => false,
        }
    }

    /// Whether something took too long: opening the connection, the stream, or a keepalive pong.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        match self {
            Self::Closed(closed) => {
                closed.transport().is_some_and(|e| e.kind() == io::ErrorKind::TimedOut)
                    || closed.cause().is_some_and(WebSocketException::is_timeout)
            }
            Self::WebSocket(exception) => exception.is_timeout(),
            Self::TlsUnavailable => false,
            Self::Io(e) => e.kind() == io::ErrorKind::TimedOut,
            Self::OpenTimeout => true,
        }
    }

    /// The close frame that the peer sent, if it did.
    #[must_use]
    pub fn rcvd(&self) -> Option<&Close> {
        self.closed()?.rcvd()
    }

    /// The close frame that this side sent, if it did.
    #[must_use]
    pub fn sent(&self) -> Option<&Close> {
        self.closed()?.sent()
    }

    /// How the connection ended, if it did.
    #[must_use]
    pub fn closed(&self) -> Option<&Closed> {
        match self {
            Self::Closed(closed) => Some(closed),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(closed) => closed.exception().fmt(f),
            Self::WebSocket(exception) => exception.fmt(f),
            Self::Io(e) => e.fmt(f),
            Self::OpenTimeout => f.write_str("timed out during opening handshake"),
            Self::TlsUnavailable => f.write_str("wss:// needs TLS, which is not supported yet"),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Closed(closed) => match closed.transport() {
                Some(e) => Some(e),
                None => closed.exception().source(),
            },
            Self::WebSocket(exception) => exception.source(),
            Self::Io(e) => e.source(),
            Self::OpenTimeout | Self::TlsUnavailable => None,
        }
    }
}

macro_rules! from {
    ($($class:ty),*) => {$(
        impl From<$class> for Error {
            fn from(exception: $class) -> Self {
                Self::WebSocket(Box::new(exception.into()))
            }
        }
    )*};
}

from!(WebSocketException, InvalidHandshake, InvalidHeaderValue, InvalidURI);

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::Io(_) => match error {
                Error::Io(e) => return e,
                error => return Self::other(error),
            },
            Error::OpenTimeout => io::ErrorKind::TimedOut,
            Error::TlsUnavailable => io::ErrorKind::Unsupported,
            Error::Closed(_) => io::ErrorKind::ConnectionAborted,
            Error::WebSocket(_) => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}
