//! Failures of proxies ([RFC 9110 §9.3.6]).
//!
//! [RFC 9110 §9.3.6]: https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6

use crate::{MessageCause, Response};

/// The proxy doesn't open a connection to the server ([RFC 9110 §9.3.6]).
///
/// ```
/// use ws_errors::{Headers, InvalidProxyStatus, ProxyError, Response};
///
/// let response = Response::new(407, "Proxy Authentication Required", Headers::new(), "");
/// let error = ProxyError::from(InvalidProxyStatus::new(response));
/// assert_eq!(error.to_string(), "proxy rejected connection: HTTP 407");
/// ```
///
/// [RFC 9110 §9.3.6]: https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// A failure without a class of its own, such as `failed to connect to SOCKS proxy`.
    #[error("{msg}")]
    Base {
        /// The failure.
        msg: Box<str>,
        /// Whether it may pass, such as a server that the proxy can't reach.
        temporary: bool,
    },
    /// The response of the proxy isn't valid HTTP, or isn't complete.
    #[error(transparent)]
    InvalidProxyMessage(InvalidProxyMessage),
    /// The status of the proxy's response isn't one of 200 to 299.
    #[error(transparent)]
    InvalidProxyStatus(InvalidProxyStatus),
}

impl ProxyError {
    /// Makes the exception for a failure without a class of its own, which will not pass.
    #[must_use]
    pub fn new(msg: impl Into<Box<str>>) -> Self {
        Self::Base { msg: msg.into(), temporary: false }
    }

    /// Makes the exception for a failure without a class of its own, after which trying again may help.
    #[must_use]
    pub fn temporary(msg: impl Into<Box<str>>) -> Self {
        Self::Base { msg: msg.into(), temporary: true }
    }
}

/// The response of the proxy isn't valid HTTP/1, or isn't complete.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("did not receive a valid HTTP response from proxy")]
#[non_exhaustive]
pub struct InvalidProxyMessage {
    /// The fault, if known; `source()` returns it.
    #[source]
    pub cause: Option<MessageCause>,
}

impl InvalidProxyMessage {
    /// Makes the exception with this cause.
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
    /// The response. Its body isn't read, so it is empty.
    pub response: Box<Response>,
}

impl InvalidProxyStatus {
    /// Makes the exception for this response.
    #[must_use]
    pub fn new(response: impl Into<Box<Response>>) -> Self {
        Self { response: response.into() }
    }
}
