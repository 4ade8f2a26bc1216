//! Requests and responses that aren't valid HTTP, or aren't complete.

use std::borrow::Cow;
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
/// // A server doesn't answer a client that is gone.
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
    /// The first line can't be one of HTTP: the peer speaks another protocol.
    #[error("{0}")]
    NotHttp(Box<NotHttp>),
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

impl From<NotHttp> for MessageCause {
    fn from(e: NotHttp) -> Self {
        Self::NotHttp(Box::new(e))
    }
}

/// The beginning of a stream on which another protocol than HTTP is spoken.
///
/// ```
/// use ws_errors::{NotHttp, OtherProtocol};
///
/// let first = NotHttp::new(b"SSH-2.0-OpenSSH_9.6\r\n");
/// assert_eq!(&*first.line, b"SSH-2.0-OpenSSH_9.6");
/// assert_eq!(first.protocol, Some(OtherProtocol::Ssh));
/// assert_eq!(first.to_string(), r#"received "SSH-2.0-OpenSSH_9.6", which looks like SSH"#);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct NotHttp {
    /// The first line as far as it was received when it was judged, without its end; at most 64 bytes. For
    /// version 2 of the PROXY protocol, its signature of 12 bytes, which begins with line breaks. In a line
    /// that looks like a request, `***` stands for all behind a question mark.
    pub line: Box<[u8]>,
    /// The protocol that it looks like; `None` if that isn't known.
    pub protocol: Option<OtherProtocol>,
}

impl NotHttp {
    /// Keeps the first line of `received`, and recognises its protocol.
    #[must_use]
    pub fn new(received: &[u8]) -> Self {
        if received.starts_with(PROXY_V2) {
            let protocol = Some(OtherProtocol::ProxyProtocol);
            return Self { line: PROXY_V2.into(), protocol };
        }
        let line = received.split(|&b| b == b'\n').next().unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = line.get(..MAX_LINE).unwrap_or(line);
        let protocol = OtherProtocol::of(line);
        Self { line: without_query(line, protocol).into(), protocol }
    }
}

impl fmt::Display for NotHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "received \"{}\", which ", self.line.escape_ascii())?;
        match self.protocol {
            Some(protocol) => write!(f, "looks like {protocol}"),
            None => f.write_str("isn't HTTP"),
        }
    }
}

/// A line for people. One of no known protocol that begins with a word may be a request without a version:
/// its query may hold a secret.
fn without_query(line: &[u8], protocol: Option<OtherProtocol>) -> Cow<'_, [u8]> {
    let word = line.iter().position(|&b| b == b' ').and_then(|end| line.get(..end));
    let is_request = protocol.is_none()
        && word.and_then(|word| str::from_utf8(word).ok()).is_some_and(ws_types::is_token);
    match line.iter().position(|&b| b == b'?').and_then(|at| line.split_at_checked(at + 1)) {
        Some((front, [_, ..])) if is_request => {
            let mut line = [front, b"***"].concat();
            line.truncate(MAX_LINE);
            Cow::Owned(line)
        }
        _ => Cow::Borrowed(line),
    }
}

/// So much of a line that isn't HTTP is kept, in bytes.
const MAX_LINE: usize = 64;

/// The signature of version 2 of the PROXY protocol.
const PROXY_V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// A protocol that is met where HTTP is expected, by its first bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum OtherProtocol {
    /// TLS: a client that wants `wss://`, or a server that expects it.
    Tls,
    /// HTTP/2 without an upgrade.
    Http2,
    /// SSH.
    Ssh,
    /// SMTP, or FTP, whose servers greet alike.
    Smtp,
    /// Redis.
    Redis,
    /// The [PROXY protocol]: a load balancer that tells the address of a client first, in text (version 1)
    /// or binary (version 2). Switch it off there, or read its header before the stream is handed over.
    ///
    /// [PROXY protocol]: https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt
    ProxyProtocol,
}

impl OtherProtocol {
    fn of(line: &[u8]) -> Option<Self> {
        Some(match line {
            // A record with a handshake or an alert, of any version.
            [0x15 | 0x16, 3, ..] => Self::Tls,
            // A frame with settings, which is the first of a server.
            [0, 0, _, 4, ..] => Self::Http2,
            [b'S', b'S', b'H', b'-', ..] => Self::Ssh,
            [b'2', b'2', b'0', b' ' | b'-', ..] => Self::Smtp,
            [b'-', b'E', b'R', b'R', ..] | [b'-', b'N', b'O', b'A', b'U', b'T', b'H', ..] => {
                Self::Redis
            }
            [b'P', b'R', b'O', b'X', b'Y', b' ', ..] => Self::ProxyProtocol,
            [b'*', b'1'..=b'9', rest @ ..] if rest.iter().all(u8::is_ascii_digit) => Self::Redis,
            _ => {
                let verb = line.get(..5).unwrap_or_default();
                let is = |name: &[u8]| verb.eq_ignore_ascii_case(name);
                return (is(b"EHLO ") || is(b"HELO ")).then_some(Self::Smtp);
            }
        })
    }
}

impl fmt::Display for OtherProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls => "TLS",
            Self::Http2 => "HTTP/2",
            Self::Ssh => "SSH",
            Self::Smtp => "SMTP or FTP",
            Self::Redis => "Redis",
            Self::ProxyProtocol => "the PROXY protocol",
        })
    }
}
