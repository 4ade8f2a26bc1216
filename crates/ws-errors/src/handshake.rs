//! Failures of the opening handshake ([RFC 6455 §4]).
//!
//! The families below are in `header.rs`, `message.rs`, `negotiation.rs`, `proxy.rs` and `security.rs`.
//!
//! [RFC 6455 §4]: https://www.rfc-editor.org/rfc/rfc6455#section-4

use std::time::Duration;

use ws_headers::Headers;

use crate::{InvalidHeader, InvalidMessage, NegotiationError, ProxyError, Response, SecurityError};

/// The opening handshake failed: there is no connection.
///
/// ```
/// use ws_errors::{HttpAnswer, InvalidHandshake, InvalidMethod};
///
/// let error = InvalidHandshake::from(InvalidMethod::new("POST"));
/// assert_eq!(error.to_string(), "unsupported HTTP method: POST");
/// assert_eq!(error.http_status(), HttpAnswer::Status(405));
/// ```
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidHandshake {
    /// A failure without a class of its own, such as one in a hook of the application.
    #[error("{msg}")]
    Base {
        /// The failure, for the log and not for the peer.
        msg: Box<str>,
    },
    /// The handshake exceeds a limit, or breaks a rule that protects users.
    #[error(transparent)]
    SecurityError(SecurityError),
    /// The proxy doesn't open a connection to the server.
    #[error(transparent)]
    ProxyError(ProxyError),
    /// A request or response isn't valid HTTP, or isn't complete.
    #[error(transparent)]
    InvalidMessage(InvalidMessage),
    /// The method of the request isn't `GET`.
    #[error(transparent)]
    InvalidMethod(InvalidMethod),
    /// The HTTP version of the request isn't 1.1.
    #[error(transparent)]
    InvalidProtocol(InvalidProtocol),
    /// The status of the response isn't 101.
    #[error(transparent)]
    InvalidStatus(InvalidStatus),
    /// A header is missing or wrong.
    #[error(transparent)]
    InvalidHeader(InvalidHeader),
    /// The earlier form of `InvalidStatus`.
    #[error(transparent)]
    InvalidStatusCode(InvalidStatusCode),
    /// Client and server don't agree on an extension or subprotocol.
    #[error(transparent)]
    NegotiationError(NegotiationError),
    /// The application answers the request itself.
    #[error(transparent)]
    AbortHandshake(Box<AbortHandshake>),
    /// The server redirects the client.
    #[error(transparent)]
    RedirectHandshake(RedirectHandshake),
    /// The handshake took too long.
    #[error(transparent)]
    HandshakeTimeout(HandshakeTimeout),
}

impl InvalidHandshake {
    /// Makes the exception for a failure without a class of its own; answered with 500.
    #[must_use]
    pub fn new(msg: impl Into<Box<str>>) -> Self {
        Self::Base { msg: msg.into() }
    }
}

/// The opening handshake wasn't over in time.
///
/// Python raises its own `TimeoutError` instead, with this text.
///
/// ```
/// use std::time::Duration;
/// use ws_errors::{HandshakeTimeout, InvalidHandshake};
///
/// let error = HandshakeTimeout::new(Duration::from_secs(10));
/// assert_eq!(error.to_string(), "timed out during opening handshake");
/// assert!(InvalidHandshake::from(error).is_retryable());
/// ```
#[doc(alias = "TimeoutError")]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("timed out during opening handshake")]
#[non_exhaustive]
pub struct HandshakeTimeout {
    /// The time limit.
    pub open_timeout: Duration,
}

impl HandshakeTimeout {
    /// Makes the exception for a handshake with this time limit.
    #[must_use]
    pub fn new(open_timeout: Duration) -> Self {
        Self { open_timeout }
    }
}

/// The method of the request isn't `GET` ([RFC 6455 §4.1]); answered with 405.
///
/// [RFC 6455 §4.1]: https://www.rfc-editor.org/rfc/rfc6455#section-4.1
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("unsupported HTTP method: {method}")]
#[non_exhaustive]
pub struct InvalidMethod {
    /// The method, such as `POST`.
    pub method: Box<str>,
}

impl InvalidMethod {
    /// Makes the exception for this method.
    #[must_use]
    pub fn new(method: impl Into<Box<str>>) -> Self {
        Self { method: method.into() }
    }
}

/// The HTTP version of the request isn't 1.1 ([RFC 6455 §4.1]); answered with 505.
///
/// [RFC 6455 §4.1]: https://www.rfc-editor.org/rfc/rfc6455#section-4.1
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("unsupported HTTP version: {protocol}")]
#[non_exhaustive]
pub struct InvalidProtocol {
    /// The version, such as `HTTP/1.0`.
    pub protocol: Box<str>,
}

impl InvalidProtocol {
    /// Makes the exception for this version.
    #[must_use]
    pub fn new(protocol: impl Into<Box<str>>) -> Self {
        Self { protocol: protocol.into() }
    }
}

/// The status of the server's response isn't 101 ([RFC 6455 §4.1]).
///
/// ```
/// use ws_errors::{Headers, InvalidStatus, Response};
///
/// let error = InvalidStatus::new(Response::new(403, "Forbidden", Headers::new(), "no\n"));
/// assert_eq!(error.to_string(), "server rejected WebSocket connection: HTTP 403");
/// assert_eq!(error.response.body, b"no\n");
/// ```
///
/// [RFC 6455 §4.1]: https://www.rfc-editor.org/rfc/rfc6455#section-4.1
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("server rejected WebSocket connection: HTTP {}", .response.status_code)]
#[non_exhaustive]
pub struct InvalidStatus {
    /// The response, with as much of its body as was received within the limits of size and time.
    pub response: Box<Response>,
}

impl InvalidStatus {
    /// Makes the exception for this response.
    #[must_use]
    pub fn new(response: impl Into<Box<Response>>) -> Self {
        Self { response: response.into() }
    }
}

/// The status of the server's response isn't 101: the earlier form of [`InvalidStatus`].
///
/// Nothing here raises it; it serves programs that know only the number.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("server rejected WebSocket connection: HTTP {status_code}")]
#[non_exhaustive]
pub struct InvalidStatusCode {
    /// The status code.
    pub status_code: u16,
}

impl InvalidStatusCode {
    /// Makes the exception for this status code.
    #[must_use]
    pub fn new(status_code: u16) -> Self {
        Self { status_code }
    }
}

/// The application answers the request with a response of its own instead of accepting it.
///
/// A server raises it when its hook for requests returns a response.
///
/// ```
/// use ws_errors::{AbortHandshake, Headers, HttpAnswer, InvalidHandshake};
///
/// let error = AbortHandshake::new(200, Headers::new(), "OK\n");
/// assert_eq!(error.to_string(), "HTTP 200, 0 headers, 3 bytes");
/// assert_eq!(InvalidHandshake::from(error).http_status(), HttpAnswer::Status(200));
/// ```
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("HTTP {status}, {} headers, {} bytes", .headers.len(), .body.len())]
#[non_exhaustive]
pub struct AbortHandshake {
    /// The status code.
    pub status: u16,
    /// The headers; `Display` writes the number of distinct names.
    pub headers: Headers,
    /// The body; often empty.
    pub body: Vec<u8>,
}

impl AbortHandshake {
    /// Makes the exception for this response.
    #[must_use]
    pub fn new(status: u16, headers: Headers, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers, body: body.into() }
    }
}

/// The server redirects the client ([RFC 9110 §15.4]).
///
/// Nothing here raises it: a redirect is an [`InvalidStatus`], whose response has the `Location`. It
/// serves programs that follow redirects themselves.
///
/// [RFC 9110 §15.4]: https://www.rfc-editor.org/rfc/rfc9110#section-15.4
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("redirect to {uri}")]
#[non_exhaustive]
pub struct RedirectHandshake {
    /// The URI that the client is redirected to.
    pub uri: Box<str>,
}

impl RedirectHandshake {
    /// Makes the exception for this URI.
    #[must_use]
    pub fn new(uri: impl Into<Box<str>>) -> Self {
        Self { uri: uri.into() }
    }
}
