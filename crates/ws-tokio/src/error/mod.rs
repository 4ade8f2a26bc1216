//! Errors of a connection over a stream: the exceptions of the protocol, and those that a network adds.

mod closed;
mod connect;
#[cfg(test)]
mod tests;

use std::error::Error as StdError;
use std::fmt::{self, Write as _};
use std::io;
use std::time::{Duration, SystemTime};

use ws_errors::{
    AbortHandshake, ConcurrencyError, ConnectionClosed, ConnectionClosedError, ConnectionClosedOK,
    DuplicateParameter, Escaped, Exception, HandshakeTimeout, HeaderLineTooLong, InvalidHandshake,
    InvalidHeader, InvalidHeaderFormat, InvalidHeaderValue, InvalidMessage, InvalidMethod,
    InvalidOrigin, InvalidParameterName, InvalidParameterValue, InvalidProtocol, InvalidProxy,
    InvalidProxyMessage, InvalidProxyStatus, InvalidState, InvalidStatus, InvalidStatusCode,
    InvalidURI, InvalidUpgrade, InvalidUtf8, KeepaliveTimeout, NegotiationError, PayloadTooBig,
    ProtocolError, ProxyError, RedirectHandshake, RequestLineTooLong, SecurityError,
    StatusLineTooLong, TooManyFragments, TooManyHeaders, WebSocketException,
};
use ws_proto::Outgoing;
use ws_proto::http::Response;
use ws_types::Close;

pub use closed::Closed;
pub use connect::ConnectError;
pub(crate) use connect::{Attempt, Stage};

/// Any error of this crate.
///
/// Its text is a whole line for people: the text of Python's class, the values that it leaves out, and for
/// a connection that could not be opened the URI and the addresses. `{:?}`, which a `main` that returns an
/// error prints, is that line with its causes. Control characters are escaped in both; neither has a
/// password or a value of a query.
///
/// Three endings of a connection are told apart: after a proper close nothing fails, `recv` gives
/// `None`; a peer that vanished is a [`Closed`](Self::Closed) without close frames, whose
/// [`transport`](Closed::transport) is the error of the stream, if there was one; for a peer that
/// broke the rules, [`Closed`](Self::Closed) has a [`cause`](Closed::cause).
///
/// ```
/// use ws_errors::{InvalidStatus, ProtocolError};
/// use ws_tokio::Error;
///
/// fn advice(error: &Error) -> &'static str {
///     match error {
///         _ if error.is_closed_ok() => "the peer is done",
///         _ if error.is_timeout() => "the peer is slow, or gone",
///         _ if error.is_retryable() => "try again later",
///         _ if error.get::<ProtocolError>().is_some() => "the peer is broken",
///         Error::Closed(_) => "the connection is closed",
///         _ if error.get::<InvalidStatus>().is_some() => "the server refused",
///         _ => "give up",
///     }
/// }
/// ```
#[non_exhaustive]
pub enum Error {
    /// The connection is closed, or closing: what was asked for can't be done.
    Closed(Closed),
    /// A connection could not be opened; with the URI, the addresses, and the reason, which is one of the
    /// other variants. [`get`](Self::get) and the other methods look through it.
    Connect(Box<ConnectError>),
    /// Any other exception of the protocol: of the opening handshake, of negotiation, of a wrong use; or a
    /// [`PayloadTooBig`] that stands for a message that was [skipped](crate::Oversize::Skip), behind which
    /// the connection goes on. [`closed`](Self::closed) tells such a message, with `None`, from one that
    /// failed the connection.
    WebSocket(Box<WebSocketException>),
    /// A host name could not be resolved.
    Resolve(io::Error),
    /// A server can't listen in this place, an address or a path.
    Listen(Box<str>, io::Error),
    /// The stream failed before there was a connection.
    Io(io::Error),
    /// The TLS handshake failed: a certificate that isn't valid, a server that doesn't speak TLS.
    Tls(io::Error),
    /// A `wss://` URI needs TLS: the feature `tls` (with `ring` or `aws-lc-rs`), or a
    /// [`tls_connector`](crate::Connect::tls_connector).
    TlsUnavailable,
    /// A proxy that is to begin each connection with a header of the PROXY protocol has sent something else: see
    /// `Listen::proxy_protocol`. The text says what is wrong with it.
    ProxyHeader(Box<str>),
    /// Any other error of this library: a token, a header name or a setting that is invalid, a header that
    /// is repeated, a queue that is full.
    Other(Box<dyn StdError + Send + Sync>),
}

impl Error {
    /// This error as an exception `T`, at whatever depth of the hierarchy `T` sits, or a `T` among its
    /// causes, such as the violation that ended a connection.
    #[must_use]
    pub fn get<T: Exception>(&self) -> Option<&T> {
        match self {
            Self::Closed(closed) => closed.exception().get().or_else(|| closed.cause()?.find()),
            Self::WebSocket(exception) => exception.find(),
            Self::Connect(e) => e.cause().get(),
            Self::Resolve(_)
            | Self::Listen(..)
            | Self::Io(_)
            | Self::Tls(_)
            | Self::TlsUnavailable
            | Self::ProxyHeader(_)
            | Self::Other(_) => None,
        }
    }

    /// Whether trying to connect again, later, may help.
    ///
    /// | error | retryable |
    /// | --- | --- |
    /// | a host that can't be resolved | yes |
    /// | a network that can't be reached; a connection that is refused or reset, or ends too early; a Unix socket that isn't there | yes |
    /// | anything that [took too long](Self::is_timeout) | yes |
    /// | other errors of a stream before the connection is open, such as a bad certificate | no |
    /// | a refusal with 408, 425, 429, or one of 500 to 599 but 501 and 505 | yes |
    /// | a server that a SOCKS proxy can't reach | yes |
    /// | any other status; a response that isn't right, or isn't HTTP | no |
    /// | a peer that vanished from an open connection (1006), or didn't answer keepalive pings | yes |
    /// | a connection closed with 1001, or 1011 to 1014 | yes |
    /// | a connection closed with any other code, or none; broken rules, exceeded limits | no |
    /// | a bad URI, a setting that is invalid, a server that can't listen, any other misuse | no |
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Closed(closed) => closed.is_retryable(),
            Self::Connect(e) => e.is_retryable(),
            Self::WebSocket(exception) => exception.is_retryable(),
            Self::Io(e) | Self::Tls(e) => is_temporary(e),
            Self::Resolve(_) => true,
            Self::Listen(..) | Self::TlsUnavailable | Self::ProxyHeader(_) | Self::Other(_) => {
                false
            }
        }
    }

    /// How long the server asks to wait before trying again: the `Retry-After` header of its refusal, which
    /// is a number of seconds or a date ([RFC 9110 §10.2.3]). `None` without a valid one; zero for a date
    /// that has passed. A server may ask for any time: bound it.
    ///
    /// [RFC 9110 §10.2.3]: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let value = self.response()?.headers.get("Retry-After").ok()??;
        if value.bytes().all(|b| b.is_ascii_digit()) {
            return value.parse().ok().map(Duration::from_secs);
        }
        let date = httpdate::parse_http_date(value).ok()?;
        Some(date.duration_since(SystemTime::now()).unwrap_or_default())
    }

    /// Whether something took too long: opening the connection, the stream, or a keepalive pong.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        match self {
            Self::Closed(closed) => closed.is_timeout(),
            Self::Connect(e) => e.cause().is_timeout(),
            Self::WebSocket(exception) => exception.is_timeout(),
            Self::Io(e) | Self::Tls(e) | Self::Resolve(e) => e.kind() == io::ErrorKind::TimedOut,
            Self::Listen(..) | Self::TlsUnavailable | Self::ProxyHeader(_) | Self::Other(_) => {
                false
            }
        }
    }

    /// Whether both sides have closed the connection properly, with 1000, 1001 or no code: for
    /// [`send`](crate::Sender::send) and the like, which fail then, while `recv` gives `None`.
    #[doc(alias = "ConnectionClosedOK")]
    #[must_use]
    pub fn is_closed_ok(&self) -> bool {
        self.closed().is_some_and(Closed::is_ok)
    }

    /// The response of the server that refused the connection, or whose `101` isn't right. Of a body, as
    /// much as was received within the limits of size and time.
    #[must_use]
    pub fn response(&self) -> Option<&Response> {
        if let Self::Connect(e) = self {
            return e.response();
        }
        let refusal = self.get::<InvalidStatus>().map(|e| &*e.response);
        refusal.or_else(|| self.get::<InvalidProxyStatus>().map(|e| &*e.response))
    }

    /// The close frame that the peer sent, if it did.
    #[must_use]
    pub fn rcvd(&self) -> Option<&Close> {
        self.closed()?.rcvd()
    }

    /// The close frame that this side sent, if it did.
    #[must_use]
    pub fn sent(&self) -> Option<&Close> {
        self.closed()?.sent()
    }

    /// How the connection ended, if it did.
    #[must_use]
    pub fn closed(&self) -> Option<&Closed> {
        match self {
            Self::Closed(closed) => Some(closed),
            _ => None,
        }
    }

    /// Writes the text, with control characters as they are.
    fn text(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(closed) => write!(f, "{closed}"),
            Self::Connect(e) => write!(f, "{e}"),
            Self::WebSocket(exception) => explained(exception, f),
            Self::Resolve(e) => write!(f, "cannot resolve the host: {e}"),
            Self::Listen(place, e) => write!(f, "cannot listen on {place}: {e}"),
            Self::Io(e) => write!(f, "{e}"),
            Self::Tls(e) => {
                write!(f, "the TLS handshake failed: {e}")?;
                // The peer may be a proxy, too.
                if is_not_tls(e) { f.write_str("; the peer speaks no TLS") } else { Ok(()) }
            }
            Self::TlsUnavailable => f.write_str("wss:// needs the feature tls"),
            Self::ProxyHeader(fault) => write!(f, "invalid PROXY header: {fault}"),
            Self::Other(e) => match e.downcast_ref::<ws_headers::MultipleValuesError>() {
                // Its text is only the name, as in Python.
                Some(e) => write!(f, "the header {e} appears more than once"),
                None => write!(f, "{e}"),
            },
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Text<'a>(&'a Error);
        impl fmt::Display for Text<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.text(f)
            }
        }
        write!(f, "{}", Escaped(Text(self)))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            let text = Escaped(error).to_string();
            // The reason of a close frame has the text of the cause.
            if !line.contains(&text) {
                _ = write!(line, ": {text}");
            }
            cause = error.source();
        }
        f.write_str(&line)
    }
}

impl StdError for Error {
    /// The cause, unless the text has it already.
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Closed(closed) => closed.source(),
            Self::Connect(e) => e.cause().source(),
            Self::Io(e) | Self::Tls(e) | Self::Resolve(e) | Self::Listen(_, e) => e.source(),
            Self::Other(e) => e.source(),
            Self::WebSocket(_) | Self::TlsUnavailable | Self::ProxyHeader(_) => None,
        }
    }
}

/// Writes the text of an exception, and the values that it leaves out.
fn explained(exception: &WebSocketException, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{exception}")?;
    match exception.detail() {
        Some(detail) => write!(f, " ({detail})"),
        None => Ok(()),
    }
}

/// Whether the peer has answered a TLS handshake with something else.
#[cfg(feature = "tls")]
fn is_not_tls(e: &io::Error) -> bool {
    use tokio_rustls::rustls::{Error as Tls, InvalidMessage};
    let error = e.get_ref().and_then(|e| e.downcast_ref());
    matches!(error, Some(Tls::InvalidMessage(InvalidMessage::InvalidContentType)))
}

#[cfg(not(feature = "tls"))]
fn is_not_tls(_: &io::Error) -> bool {
    false
}

/// Whether an error of a stream that wasn't open yet may pass.
fn is_temporary(e: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        e.kind(),
        Kind::ConnectionRefused
            | Kind::ConnectionReset
            | Kind::ConnectionAborted
            | Kind::NotConnected
            | Kind::BrokenPipe
            | Kind::UnexpectedEof
            | Kind::WriteZero
            | Kind::TimedOut
            | Kind::HostUnreachable
            | Kind::NetworkUnreachable
            | Kind::NetworkDown
            // No local port is free.
            | Kind::AddrNotAvailable
            | Kind::Interrupted
            | Kind::WouldBlock
    )
}

/// Whether an error of reading is only the end of the stream: TCP's, without an end of TLS. The protocols here
/// tell themselves whether anything is missing.
pub(crate) fn is_end(e: &io::Error) -> bool {
    e.kind() == io::ErrorKind::UnexpectedEof
}

/// The error of a stream before there is a connection. With TLS 1.3, a server that doesn't accept the client's
/// certificate says so behind the TLS handshake.
pub(crate) fn of_stream(e: io::Error) -> Error {
    #[cfg(feature = "tls")]
    if e.get_ref().is_some_and(|e| e.is::<tokio_rustls::rustls::Error>()) {
        return Error::Tls(e);
    }
    Error::Io(e)
}

macro_rules! from {
    ($($class:ty)*) => {$(
        impl From<$class> for Error {
            fn from(exception: $class) -> Self {
                Self::WebSocket(Box::new(exception.into()))
            }
        }
    )*};
}

from! {
    WebSocketException
    InvalidHandshake SecurityError RequestLineTooLong StatusLineTooLong HeaderLineTooLong TooManyHeaders
    ProxyError InvalidProxyMessage InvalidProxyStatus InvalidMessage InvalidMethod InvalidProtocol
    InvalidStatus InvalidHeader InvalidHeaderFormat InvalidHeaderValue InvalidOrigin InvalidUpgrade
    InvalidStatusCode NegotiationError DuplicateParameter InvalidParameterName InvalidParameterValue
    AbortHandshake RedirectHandshake HandshakeTimeout
    InvalidState InvalidURI InvalidProxy PayloadTooBig TooManyFragments ProtocolError InvalidUtf8
    ConcurrencyError KeepaliveTimeout
    ws_types::InvalidOpcode
}

impl From<ConnectError> for Error {
    fn from(error: ConnectError) -> Self {
        Self::Connect(Box::new(error))
    }
}

impl From<Closed> for Error {
    fn from(closed: Closed) -> Self {
        Self::Closed(closed)
    }
}

macro_rules! closed {
    ($($class:ty)*) => {$(
        impl From<$class> for Error {
            fn from(exception: $class) -> Self {
                Self::Closed(Closed::new(exception.into(), None))
            }
        }
    )*};
}

closed! { ConnectionClosed ConnectionClosedError ConnectionClosedOK }

macro_rules! other {
    ($($error:ty)*) => {$(
        impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::Other(Box::new(error))
            }
        }
    )*};
}

other! {
    ws_types::InvalidToken
    ws_headers::InvalidHeaderField ws_headers::InvalidHeaderName ws_headers::MultipleValuesError
    ws_headers::SetDefaultError
    std::str::Utf8Error
}
#[cfg(feature = "deflate")]
other! { ws_proto::extension::InvalidSetting }
#[cfg(feature = "forwarded")]
other! { crate::InvalidNetwork }

impl From<TrySendError> for Error {
    /// The message of a queue that is full is lost.
    fn from(error: TrySendError) -> Self {
        match error {
            TrySendError::Closed(error) => error,
            full @ TrySendError::Full(_) => Self::Other(full.to_string().into()),
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error {
            Error::Io(e) => return e,
            _ if error.is_timeout() => io::ErrorKind::TimedOut,
            Error::Connect(ref e) => match e.cause() {
                Error::Io(e) | Error::Tls(e) | Error::Resolve(e) => e.kind(),
                Error::TlsUnavailable => io::ErrorKind::Unsupported,
                _ => io::ErrorKind::InvalidData,
            },
            Error::Tls(ref e) | Error::Resolve(ref e) | Error::Listen(_, ref e) => e.kind(),
            Error::TlsUnavailable => io::ErrorKind::Unsupported,
            Error::Closed(_) => io::ErrorKind::ConnectionAborted,
            Error::WebSocket(_) | Error::ProxyHeader(_) | Error::Other(_) => {
                io::ErrorKind::InvalidData
            }
        };
        Self::new(kind, error)
    }
}

/// A message that [`try_send`](crate::Sender::try_send) couldn't send.
#[derive(Debug)]
#[non_exhaustive]
pub enum TrySendError {
    /// Too much is queued, another task waits to send, or a message is being sent in pieces: here is the
    /// message again.
    Full(Outgoing),
    /// The message can't be sent at all.
    Closed(Error),
}

impl fmt::Display for TrySendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => f.write_str("sending would have to wait"),
            Self::Closed(error) => write!(f, "{error}"),
        }
    }
}

impl StdError for TrySendError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Full(_) => None,
            Self::Closed(error) => error.source(),
        }
    }
}

impl From<Error> for TrySendError {
    fn from(error: Error) -> Self {
        Self::Closed(error)
    }
}
