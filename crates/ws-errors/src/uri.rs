//! Invalid URIs of WebSockets and addresses of proxies ([RFC 6455 §3]).
//!
//! [RFC 6455 §3]: https://www.rfc-editor.org/rfc/rfc6455#section-3

use std::error::Error;
use std::fmt;

/// A string isn't a WebSocket URI ([RFC 6455 §3]).
///
/// ```
/// use ws_errors::InvalidURI;
///
/// let error = InvalidURI::new("http://localhost", "scheme isn't ws or wss");
/// assert_eq!(error.to_string(), "http://localhost isn't a valid URI: scheme isn't ws or wss");
/// let error = InvalidURI::without_msg("http://localhost");
/// assert_eq!(error.to_string(), "http://localhost isn't a valid URI");
/// ```
///
/// [RFC 6455 §3]: https://www.rfc-editor.org/rfc/rfc6455#section-3
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct InvalidURI {
    /// The string; from `ws-proto` as [`redact_uri`](crate::redact_uri) shows it.
    pub uri: Box<str>,
    /// The fault, if known.
    pub msg: Option<Box<str>>,
}

impl InvalidURI {
    /// Makes the exception for `uri` with the fault `msg`.
    #[must_use]
    pub fn new(uri: impl Into<Box<str>>, msg: impl Into<Box<str>>) -> Self {
        Self { uri: uri.into(), msg: Some(msg.into()) }
    }

    /// Makes the exception for `uri` without a fault, as in early versions of Python `websockets`.
    #[must_use]
    pub fn without_msg(uri: impl Into<Box<str>>) -> Self {
        Self { uri: uri.into(), msg: None }
    }
}

impl fmt::Display for InvalidURI {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} isn't a valid URI", self.uri)?;
        match &self.msg {
            Some(msg) => write!(f, ": {msg}"),
            None => Ok(()),
        }
    }
}

impl Error for InvalidURI {}

/// A string isn't the address of a proxy.
///
/// ```
/// use ws_errors::InvalidProxy;
///
/// let error = InvalidProxy::new("http://proxy/path", "path is meaningless");
/// assert_eq!(error.to_string(), "http://proxy/path isn't a valid proxy: path is meaningless");
/// ```
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{proxy} isn't a valid proxy: {msg}")]
#[non_exhaustive]
pub struct InvalidProxy {
    /// The string; from `ws-proto` as [`redact_uri`](crate::redact_uri) shows it.
    pub proxy: Box<str>,
    /// The fault.
    pub msg: Box<str>,
}

impl InvalidProxy {
    /// Makes the exception for `proxy` with the fault `msg`.
    #[must_use]
    pub fn new(proxy: impl Into<Box<str>>, msg: impl Into<Box<str>>) -> Self {
        Self { proxy: proxy.into(), msg: msg.into() }
    }
}
