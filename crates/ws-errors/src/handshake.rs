//! Opening handshakes that fail ([RFC 6455 §4]).
//!
//! The families below have files of their own: `header.rs`, `message.rs`, `negotiation.rs`, `proxy.rs`
//! and `security.rs`.
//!
//! [RFC 6455 §4]: https://www.rfc-editor.org/rfc/rfc6455#section-4

use ws_headers::Headers;

use crate::{InvalidHeader, InvalidMessage, NegotiationError, ProxyError, Response, SecurityError};

/// The opening handshake failed, so that there is no connection.
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
    /// The application stopped the handshake: something failed in a hook of its own.
    #[error("{msg}")]
    Base {
        /// What failed, in the application's words: for its log, not for the peer.
        msg: Box<str>,
    },
    /// A limit was exceeded, or a rule that protects users was broken.
    #[error(transparent)]
    SecurityError(SecurityError),
    /// The proxy doesn't give a connection.
    #[error(transparent)]
    ProxyError(ProxyError),
    /// What was received isn't HTTP, or isn't complete.
    #[error(transparent)]
    InvalidMessage(InvalidMessage),
    /// The request has another method than `GET`.
    #[error(transparent)]
    InvalidMethod(InvalidMethod),
    /// The request has another version of HTTP than 1.1.
    #[error(transparent)]
    InvalidProtocol(InvalidProtocol),
    /// The response has another status than 101.
    #[error(transparent)]
    InvalidStatus(InvalidStatus),
    /// A header is missing, or isn't as it has to be.
    #[error(transparent)]
    InvalidHeader(InvalidHeader),
    /// Early form of `InvalidStatus`.
    #[error(transparent)]
    InvalidStatusCode(InvalidStatusCode),
    /// The sides have no extension or subprotocol that both want.
    #[error(transparent)]
    NegotiationError(NegotiationError),
    /// The application answers the request on its own.
    #[error(transparent)]
    AbortHandshake(Box<AbortHandshake>),
    /// The server sends the client elsewhere.
    #[error(transparent)]
    RedirectHandshake(RedirectHandshake),
}

impl InvalidHandshake {
    /// The exception for what failed in a hook of the application: not the peer's fault.
    #[must_use]
    pub fn new(msg: impl Into<Box<str>>) -> Self {
        Self::Base { msg: msg.into() }
    }
}

/// The request has another method than `GET` ([RFC 6455 §4.1]).
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
    /// The exception for this method.
    #[must_use]
    pub fn new(method: impl Into<Box<str>>) -> Self {
        Self { method: method.into() }
    }
}

/// The request has another version of HTTP than 1.1 ([RFC 6455 §4.1]).
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
    /// The exception for this version.
    #[must_use]
    pub fn new(protocol: impl Into<Box<str>>) -> Self {
        Self { protocol: protocol.into() }
    }
}

/// The server's response has another status than 101 ([RFC 6455 §4.1]).
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
    /// The whole response.
    pub response: Box<Response>,
}

impl InvalidStatus {
    /// The exception for this response.
    #[must_use]
    pub fn new(response: impl Into<Box<Response>>) -> Self {
        Self { response: response.into() }
    }
}

/// The server's response has another status than 101: early form of [`InvalidStatus`], which holds the
/// whole response. Nothing here raises it; it is for programs that know only the number.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("server rejected WebSocket connection: HTTP {status_code}")]
#[non_exhaustive]
pub struct InvalidStatusCode {
    /// The status code.
    pub status_code: u16,
}

impl InvalidStatusCode {
    /// The exception for this status code.
    #[must_use]
    pub fn new(status_code: u16) -> Self {
        Self { status_code }
    }
}

/// The application stops the handshake on purpose and answers the request with a response of its own.
///
/// The server's hook for requests is the public way to do this.
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
    /// The headers; the text counts their distinct names.
    pub headers: Headers,
    /// The body; often empty.
    pub body: Vec<u8>,
}

impl AbortHandshake {
    /// The exception for this answer.
    #[must_use]
    pub fn new(status: u16, headers: Headers, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers, body: body.into() }
    }
}

/// The server sends the client elsewhere ([RFC 9110 §15.4]).
///
/// The client follows redirects itself and doesn't raise this.
///
/// [RFC 9110 §15.4]: https://www.rfc-editor.org/rfc/rfc9110#section-15.4
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("redirect to {uri}")]
#[non_exhaustive]
pub struct RedirectHandshake {
    /// Where to.
    pub uri: Box<str>,
}

impl RedirectHandshake {
    /// The exception for this target.
    #[must_use]
    pub fn new(uri: impl Into<Box<str>>) -> Self {
        Self { uri: uri.into() }
    }
}
