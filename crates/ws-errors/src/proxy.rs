//! Proxies that don't give a connection ([RFC 9110 §9.3.6]).
//!
//! [RFC 9110 §9.3.6]: https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6

use crate::{MessageCause, Response};

/// The proxy doesn't give a connection to the server.
///
/// ```
/// use ws_errors::{Headers, InvalidProxyStatus, ProxyError, Response};
///
/// let response = Response::new(407, "Proxy Authentication Required", Headers::new(), "");
/// let error = ProxyError::from(InvalidProxyStatus::new(response));
/// assert_eq!(error.to_string(), "proxy rejected connection: HTTP 407");
/// ```
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// A failure without a class of its own, such as `failed to connect to SOCKS proxy`.
    #[error("{msg}")]
    Base {
        /// What failed.
        msg: Box<str>,
    },
    /// What the proxy sent isn't HTTP, or isn't complete.
    #[error(transparent)]
    InvalidProxyMessage(InvalidProxyMessage),
    /// The proxy's response has a status other than 200 to 299.
    #[error(transparent)]
    InvalidProxyStatus(InvalidProxyStatus),
}

impl ProxyError {
    /// The exception for a failure without a class of its own.
    #[must_use]
    pub fn new(msg: impl Into<Box<str>>) -> Self {
        Self::Base { msg: msg.into() }
    }
}

/// What the proxy sent isn't a response of HTTP/1, or isn't complete.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("did not receive a valid HTTP response from proxy")]
#[non_exhaustive]
pub struct InvalidProxyMessage {
    /// What is wrong; it is the `source()` of this exception. `None` when the program that raises it
    /// doesn't say.
    #[source]
    pub cause: Option<MessageCause>,
}

impl InvalidProxyMessage {
    /// The exception with this cause.
    #[must_use]
    pub fn new(cause: impl Into<Option<MessageCause>>) -> Self {
        Self { cause: cause.into() }
    }
}

/// The proxy's response has a status other than 200 to 299.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("proxy rejected connection: HTTP {}", .response.status_code)]
#[non_exhaustive]
pub struct InvalidProxyStatus {
    /// The response; its body is never read, so it is empty.
    pub response: Box<Response>,
}

impl InvalidProxyStatus {
    /// The exception for this response.
    #[must_use]
    pub fn new(response: impl Into<Box<Response>>) -> Self {
        Self { response: response.into() }
    }
}
