//! [`ConnectError`]: a connection that could not be opened, and what was tried.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use ws_proto::http::Response;
use ws_proto::{ProxyUri, Uri};

use super::{Error, explained};

/// A connection that could not be opened: where to, how far it came, and why not.
///
/// Its text names the URI, without user information and the values of the query, and the address that was
/// tried, or all of them with their errors.
#[derive(Debug)]
pub struct ConnectError {
    uri: Uri,
    attempt: Attempt,
    response: Option<Box<Response>>,
    cause: Error,
}

/// The progress of an attempt to connect.
#[derive(Debug, Default)]
pub(crate) struct Attempt {
    /// The proxy, if there is one: the addresses are its own.
    pub(crate) proxy: Option<ProxyUri>,
    /// The address that is being tried, or that is connected.
    pub(crate) addr: Option<SocketAddr>,
    /// There is a connection to the address.
    pub(crate) connected: bool,
    pub(crate) stage: Stage,
    /// The addresses that could not be connected to.
    pub(crate) failed: Vec<(SocketAddr, io::Error)>,
}

/// The thing that an attempt waits for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Stage {
    /// Headers that the program makes.
    #[default]
    Headers,
    Resolving,
    Connecting,
    ProxyTls,
    Proxy,
    Tls,
    Response,
}

impl ConnectError {
    pub(crate) fn new(
        uri: Uri,
        attempt: Attempt,
        response: Option<Box<Response>>,
        cause: Error,
    ) -> Self {
        Self { uri, attempt, response, cause }
    }

    /// The URI that was to be connected to.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The address that was being connected to, or that a connection was made to, when it failed; `None`
    /// if the host was being resolved, all addresses had failed, or the stream has no address.
    #[must_use]
    pub fn addr(&self) -> Option<SocketAddr> {
        self.attempt.addr
    }

    /// The proxy, if there is one: the addresses are its own.
    #[must_use]
    pub fn proxy(&self) -> Option<&ProxyUri> {
        self.attempt.proxy.as_ref()
    }

    /// The addresses that could not be connected to, in the order of the attempts, each with its error.
    #[must_use]
    pub fn failed(&self) -> &[(SocketAddr, io::Error)] {
        &self.attempt.failed
    }

    /// The reason. If no address could be connected to, it is the error of the last one.
    #[must_use]
    pub fn cause(&self) -> &Error {
        &self.cause
    }

    /// The response of the server, if one was received: a refusal, or a `101` that isn't right.
    pub(super) fn response(&self) -> Option<&Response> {
        self.response.as_deref().or_else(|| self.cause.response())
    }

    pub(super) fn is_retryable(&self) -> bool {
        self.cause.is_retryable()
            || (matches!(self.cause, Error::Io(_))
                && self.failed().iter().any(|(_, e)| super::is_temporary(e)))
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { uri, attempt, cause, .. } = self;
        write!(f, "cannot connect to {}", uri.redacted())?;
        if let Some(proxy) = &attempt.proxy {
            write!(f, " through {proxy}")?;
        }
        if attempt.connected
            && let Some(addr) = attempt.addr
        {
            write!(f, " at {addr}")?;
        }
        f.write_str(": ")?;
        let mut failed = attempt.failed.iter().peekable();
        if attempt.addr.is_none() && failed.peek().is_some() {
            // The cause is the last one of these.
            return list(f, failed);
        }
        match cause {
            Error::WebSocket(exception) => explained(exception, f)?,
            cause => cause.text(f)?,
        }
        if cause.is_timeout() {
            let host = attempt.proxy.as_ref().map_or(uri.host(), ProxyUri::host);
            match (attempt.stage, attempt.addr) {
                (Stage::Headers, _) => f.write_str(" while the headers were made")?,
                (Stage::Connecting, Some(addr)) => write!(f, " while connecting to {addr}")?,
                (Stage::Resolving | Stage::Connecting, _) => write!(f, " while resolving {host}")?,
                (Stage::ProxyTls, _) => f.write_str(" in the TLS handshake of the proxy")?,
                (Stage::Proxy, _) => f.write_str(" while waiting for the proxy")?,
                (Stage::Tls, _) => f.write_str(" in the TLS handshake")?,
                (Stage::Response, _) => f.write_str(" while waiting for the response")?,
            }
        }
        if failed.peek().is_some() {
            f.write_str("; before that: ")?;
            list(f, failed)?;
        }
        Ok(())
    }
}

/// Writes addresses with their errors.
fn list<'a>(
    f: &mut fmt::Formatter<'_>,
    failed: impl Iterator<Item = &'a (SocketAddr, io::Error)>,
) -> fmt::Result {
    for (at, (addr, e)) in failed.enumerate() {
        let separator = if at == 0 { "" } else { ", " };
        write!(f, "{separator}{addr}: {e}")?;
    }
    Ok(())
}
