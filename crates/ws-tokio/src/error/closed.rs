//! [`Closed`]: how a connection ended.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::ops::Deref;
use std::sync::Arc;

use ws_errors::{ConnectionClosed, WebSocketException};

use super::explained;

/// How a connection ended: the close frames of both sides, and what went wrong.
///
/// It dereferences to [`ConnectionClosed`], which has the frames, their order, `code()` and `reason()`.
/// [`source`](StdError::source) is the error of the stream, or else the [`cause`](Self::cause).
#[derive(Clone, Debug)]
pub struct Closed(Box<Ending>);

#[derive(Clone, Debug)]
struct Ending {
    exception: ConnectionClosed,
    transport: Option<Arc<io::Error>>,
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

    /// The reason why this side failed the connection, such as a broken rule; `None` if it didn't.
    #[must_use]
    pub fn cause(&self) -> Option<&WebSocketException> {
        self.0.exception.cause()
    }

    /// The error of the stream that ended the connection, if one did.
    #[must_use]
    pub fn transport(&self) -> Option<&io::Error> {
        self.0.transport.as_deref()
    }

    /// Whether both sides closed properly: with 1000, 1001 or no code.
    #[doc(alias = "ConnectionClosedOK")]
    #[must_use]
    pub fn is_ok(&self) -> bool {
        matches!(self.0.exception, ConnectionClosed::ConnectionClosedOK(_))
    }

    /// Whether something took too long: the answer to a keepalive ping, or writing.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.transport().is_some_and(|e| e.kind() == io::ErrorKind::TimedOut)
            || self.cause().is_some_and(WebSocketException::is_timeout)
    }
}

impl Deref for Closed {
    type Target = ConnectionClosed;

    fn deref(&self) -> &ConnectionClosed {
        &self.0.exception
    }
}

impl fmt::Display for Closed {
    /// Writes the text of the exception, the values that it leaves out, and the error of the stream.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        explained(&self.0.exception.clone().into(), f)?;
        match self.transport() {
            Some(e) => write!(f, " ({e})"),
            None => Ok(()),
        }
    }
}

impl StdError for Closed {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self.transport() {
            Some(e) => Some(e),
            None => self.0.exception.source(),
        }
    }
}
