//! Requests and responses that aren't HTTP, or aren't complete.

use std::fmt;

use crate::SecurityError;

/// What was received isn't a request or response of HTTP/1.1, or isn't complete.
///
/// ```
/// use std::error::Error;
/// use ws_errors::{HttpAnswer, HttpMessage, InvalidHandshake, InvalidMessage, MessageCause};
///
/// let error = InvalidMessage::new(HttpMessage::Request, MessageCause::UnexpectedEof);
/// assert_eq!(error.to_string(), "did not receive a valid HTTP request");
/// assert_eq!(error.source().unwrap().to_string(), "unexpected end of stream");
/// // A server doesn't answer what it can't understand.
/// assert_eq!(InvalidHandshake::from(error).http_status(), HttpAnswer::Disconnect);
/// ```
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("did not receive a valid HTTP {message}")]
#[non_exhaustive]
pub struct InvalidMessage {
    /// What was expected.
    pub message: HttpMessage,
    /// What is wrong; it is the `source()` of this exception. `None` when the program that raises it
    /// doesn't say.
    #[source]
    pub cause: Option<MessageCause>,
}

impl InvalidMessage {
    /// The exception for this message with this cause.
    #[must_use]
    pub fn new(message: HttpMessage, cause: impl Into<Option<MessageCause>>) -> Self {
        Self { message, cause: cause.into() }
    }
}

/// What an endpoint waits for in the opening handshake.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "HTTP has these two")]
pub enum HttpMessage {
    /// A server waits for a request.
    Request,
    /// A client waits for a response.
    Response,
}

impl fmt::Display for HttpMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request => "request",
            Self::Response => "response",
        })
    }
}

/// Why something isn't a valid message of HTTP: the cause of [`InvalidMessage`] and
/// [`InvalidProxyMessage`](crate::InvalidProxyMessage).
///
/// It is no class of the tree: an `InvalidMessage` that is caused by a `SecurityError` isn't one.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageCause {
    /// The stream ended before the message did.
    #[error("unexpected end of stream")]
    UnexpectedEof,
    /// The message breaks the grammar or the rules of HTTP; the text says how.
    #[error("{0}")]
    Malformed(Box<str>),
    /// The message exceeds a limit.
    #[error("{0}")]
    SecurityError(Box<SecurityError>),
}

impl From<SecurityError> for MessageCause {
    fn from(e: SecurityError) -> Self {
        Self::SecurityError(Box::new(e))
    }
}
