//! Strings that name no place to connect to ([RFC 6455 §3]).
//!
//! [RFC 6455 §3]: https://www.rfc-editor.org/rfc/rfc6455#section-3

use std::error::Error;
use std::fmt;

/// A string isn't the URI of a WebSocket ([RFC 6455 §3]).
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
    /// The string; it may hold a password.
    pub uri: Box<str>,
    /// What is wrong with it; `None` when the program that raises the exception doesn't say.
    pub msg: Option<Box<str>>,
}

impl InvalidURI {
    /// The exception for `uri`, which is wrong as `msg` says.
    #[must_use]
    pub fn new(uri: impl Into<Box<str>>, msg: impl Into<Box<str>>) -> Self {
        Self { uri: uri.into(), msg: Some(msg.into()) }
    }

    /// The exception for `uri`, without saying what is wrong.
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
    /// The string; it may hold a password.
    pub proxy: Box<str>,
    /// What is wrong with it.
    pub msg: Box<str>,
}

impl InvalidProxy {
    /// The exception for `proxy`, which is wrong as `msg` says.
    #[must_use]
    pub fn new(proxy: impl Into<Box<str>>, msg: impl Into<Box<str>>) -> Self {
        Self { proxy: proxy.into(), msg: msg.into() }
    }
}
