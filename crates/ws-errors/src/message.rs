//! Requests and responses that aren't valid HTTP, or aren't complete.

use std::fmt;

use crate::SecurityError;

/// A request or response isn't valid HTTP/1.1, or isn't complete ([RFC 9112 §2.1]).
///
/// ```
/// use std::error::Error;
/// use ws_errors::{HttpAnswer, HttpMessage, InvalidHandshake, InvalidMessage, MessageCause};
///
/// let error = InvalidMessage::new(HttpMessage::Request, MessageCause::UnexpectedEof);
/// assert_eq!(error.to_string(), "did not receive a valid HTTP request");
/// assert_eq!(error.source().unwrap().to_string(), "unexpected end of stream");
/// // A server doesn't answer it.
/// assert_eq!(InvalidHandshake::from(error).http_status(), HttpAnswer::Disconnect);
/// ```
///
/// [RFC 9112 §2.1]: https://www.rfc-editor.org/rfc/rfc9112#section-2.1
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("did not receive a valid HTTP {message}")]
#[non_exhaustive]
pub struct InvalidMessage {
    /// The expected message.
    pub message: HttpMessage,
    /// The fault, if known; `source()` returns it.
    #[source]
    pub cause: Option<MessageCause>,
}

impl InvalidMessage {
    /// Makes the exception for this message with this cause.
    #[must_use]
    pub fn new(message: HttpMessage, cause: impl Into<Option<MessageCause>>) -> Self {
        Self { message, cause: cause.into() }
    }
}

/// The message of HTTP that an endpoint expects in the opening handshake.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "HTTP has these two")]
pub enum HttpMessage {
    /// A request, expected by a server.
    Request,
    /// A response, expected by a client.
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

/// The cause of an [`InvalidMessage`] or [`InvalidProxyMessage`](crate::InvalidProxyMessage).
///
/// It isn't a class of the tree: `get` doesn't find a `SecurityError` that is a cause.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageCause {
    /// The stream ended before the message did.
    #[error("unexpected end of stream")]
    UnexpectedEof,
    /// The message breaks the grammar or the rules of HTTP, as the text says.
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
