//! [`Request`] and its reader.

use std::borrow::Cow;
use std::fmt;

use ws_errors::{
    HttpMessage, InvalidHandshake, InvalidHeaderValue, InvalidMessage, InvalidProtocol,
    MessageCause, NotHttp, RequestLineTooLong, SecurityError,
};
use ws_headers::Headers;
use ws_types::is_token;

use super::head::{FirstLine, HeadReader};
use super::percent::pairs;
use super::{HandshakeLimits, invalid_line, without_query};
use crate::grammar::{is_host, is_token_octet};

/// The version of HTTP that a request was made in.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
#[non_exhaustive]
pub enum HttpVersion {
    /// `HTTP/1.0`
    Http10,
    /// `HTTP/1.1`
    Http11,
    /// HTTP/2, whose requests another HTTP library reads and writes.
    Http2,
}

impl HttpVersion {
    /// The version as on the wire, `HTTP/1.0` or `HTTP/1.1`; or `HTTP/2`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        }
    }
}

impl fmt::Display for HttpVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The head of an HTTP/1.1 request: the client's half of an opening handshake, which has no body
/// ([RFC 6455 §4.1]). Or that of a request in HTTP/2, which another HTTP library reads or writes.
///
/// It always serializes to exactly one well-formed head: the method is a token, the target has
/// neither spaces nor control characters, and [`Headers`] refuses line breaks.
///
/// ```
/// use ws_proto::http::Request;
/// let mut request = Request::new("GET", "/chat")?;
/// request.headers_mut().insert("Host", "example.com")?;
/// assert_eq!(request.serialize(), b"GET /chat HTTP/1.1\r\nHost: example.com\r\n\r\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [RFC 6455 §4.1]: https://www.rfc-editor.org/rfc/rfc6455#section-4.1
///
/// `{:?}` leaves out the query, and credentials as [`Headers`] does.
#[derive(Clone, Eq, PartialEq)]
pub struct Request {
    /// Followed by a space and the `:protocol` of HTTP/2, if there is one: connections keep their requests, and few
    /// have it.
    method: Cow<'static, str>,
    target: Box<str>,
    version: HttpVersion,
    headers: Headers,
}

impl Request {
    /// Creates an HTTP/1.1 request without headers.
    ///
    /// `target` is path and query (`/chat?room=1`), or `host:port` for a `CONNECT` to a proxy.
    ///
    /// # Errors
    /// [`InvalidHeaderValue`], with `method` or `target` as the name, when the method isn't a token
    /// or the target is empty or has a character that isn't visible ASCII.
    pub fn new(
        method: impl Into<Cow<'static, str>>,
        target: impl Into<Box<str>>,
    ) -> Result<Self, InvalidHeaderValue> {
        let (method, target) = (method.into(), target.into());
        if !is_token(&method) {
            return Err(InvalidHeaderValue::new("method", Some(method.into_owned())));
        }
        if !is_visible(&target) {
            return Err(InvalidHeaderValue::new("target", Some(target.into())));
        }
        let (version, headers) = (HttpVersion::Http11, Headers::new());
        Ok(Self { method, target, version, headers })
    }

    /// Replaces the version of HTTP. In HTTP/2 the target is a whole URI.
    #[must_use]
    pub fn with_version(self, version: HttpVersion) -> Self {
        Self { version, ..self }
    }

    /// Makes it a request of HTTP/2 for another protocol (Extended CONNECT, [RFC 8441 §4]).
    ///
    /// ```
    /// use ws_proto::http::{HttpVersion, Request};
    /// let request = Request::new("CONNECT", "https://example.com/chat")?.with_protocol("websocket");
    /// assert_eq!((request.version(), request.protocol()), (HttpVersion::Http2, Some("websocket")));
    /// assert_eq!((request.host(), request.path()), (Some("example.com"), "/chat"));
    /// # Ok::<(), ws_errors::InvalidHeaderValue>(())
    /// ```
    ///
    /// [RFC 8441 §4]: https://www.rfc-editor.org/rfc/rfc8441#section-4
    #[must_use]
    pub fn with_protocol(self, protocol: &str) -> Self {
        let method = format!("{} {protocol}", self.method()).into();
        Self { method, version: HttpVersion::Http2, ..self }
    }

    /// The request as HTTP/1.1 has it, where `CONNECT` for another protocol, which has a path, is `GET`.
    pub(crate) fn in_http1(&self) -> Self {
        let request = self.clone().with_version(HttpVersion::Http11);
        match self.protocol() {
            Some(_) => Self { method: "GET".into(), ..request },
            None => request,
        }
    }

    /// The method, `GET` for an opening handshake, in HTTP/2 `CONNECT`.
    #[must_use]
    pub fn method(&self) -> &str {
        self.method.split_once(' ').map_or(&*self.method, |(method, _)| method)
    }

    /// The request target as on the wire, in one of four forms ([RFC 9112 §3.2]): path and query
    /// (`/chat?room=1`), a whole URI (`http://example.com/chat?room=1`), an authority
    /// (`example.com:443`, for `CONNECT`), or `*`.
    ///
    /// [RFC 9112 §3.2]: https://www.rfc-editor.org/rfc/rfc9112#section-3.2
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The path, without the query: of the target, or of the URI in it, where an empty path is `/`.
    /// As on the wire: nothing is decoded. Empty for an authority and for `*`.
    ///
    /// ```
    /// use ws_proto::http::Request;
    /// let request = Request::new("GET", "/chat?room=1")?;
    /// assert_eq!((request.path(), request.query()), ("/chat", Some("room=1")));
    /// let request = Request::new("GET", "http://example.com?room=1")?;
    /// assert_eq!((request.path(), request.query()), ("/", Some("room=1")));
    /// assert_eq!(Request::new("OPTIONS", "*")?.path(), "");
    /// # Ok::<(), ws_errors::InvalidHeaderValue>(())
    /// ```
    #[must_use]
    pub fn path(&self) -> &str {
        match self.path_and_query() {
            Some(target) => match target.split('?').next() {
                None | Some("") => "/",
                Some(path) => path,
            },
            None => "",
        }
    }

    /// The query, without its question mark; `None` if there is none or it is empty. As on the wire:
    /// nothing is decoded.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        let (_, query) = self.path_and_query()?.split_once('?')?;
        Some(query).filter(|query| !query.is_empty())
    }

    /// The names and values of the query, as forms and browsers write it: `&` between pairs, `=` within, `+` for a space,
    /// percent-encoding ([URL Standard]). What can't be decoded is as on the wire.
    ///
    /// ```
    /// use ws_proto::http::Request;
    /// let request = Request::new("GET", "/chat?room=a%26b&name=Anna+B")?;
    /// let pairs: Vec<_> = request.query_pairs().collect();
    /// assert_eq!(pairs, [("room".into(), "a&b".into()), ("name".into(), "Anna B".into())]);
    /// # Ok::<(), ws_errors::InvalidHeaderValue>(())
    /// ```
    ///
    /// [URL Standard]: https://url.spec.whatwg.org/#urlencoded-parsing
    pub fn query_pairs(&self) -> impl Iterator<Item = (String, String)> {
        pairs(self.query().unwrap_or_default())
    }

    /// The host that the request is for, and its port if that is given: the authority of a target that
    /// is a whole URI, else the value of the `Host` header ([RFC 9112 §3.2.2], [§3.3]). `None` without
    /// such a target when there is no `Host` header, or several.
    ///
    /// As on the wire: in any case, with or without a default port.
    /// [`ServerHandshake`](crate::server::ServerHandshake) has checked the grammar; whether this host
    /// is served here is for the application to decide.
    ///
    /// ```
    /// use ws_proto::http::Request;
    /// let mut request = Request::new("GET", "/chat")?;
    /// request.headers_mut().insert("Host", "example.com:8765")?;
    /// assert_eq!(request.host(), Some("example.com:8765"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// [RFC 9112 §3.2.2]: https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2
    /// [§3.3]: https://www.rfc-editor.org/rfc/rfc9112#section-3.3
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.authority().or_else(|| self.headers.get("Host").ok().flatten())
    }

    /// The authority of a target that is a whole URI.
    pub(crate) fn authority(&self) -> Option<&str> {
        absolute_form(&self.target).map(|(authority, _)| authority)
    }

    /// The part of the target behind an authority; `None` if it is only an authority, or `*`.
    fn path_and_query(&self) -> Option<&str> {
        match absolute_form(&self.target) {
            Some((_, rest)) => Some(rest),
            None => Some(&*self.target).filter(|target| target.starts_with('/')),
        }
    }

    /// The version of HTTP, [`HttpVersion::Http11`] for an opening handshake, or [`HttpVersion::Http2`].
    #[must_use]
    pub fn version(&self) -> HttpVersion {
        self.version
    }

    /// The protocol that a request of HTTP/2 is for, its pseudo-header `:protocol` ([RFC 8441 §4]); `None` without one,
    /// as always in HTTP/1.
    ///
    /// [RFC 8441 §4]: https://www.rfc-editor.org/rfc/rfc8441#section-4
    #[must_use]
    pub fn protocol(&self) -> Option<&str> {
        self.method.split_once(' ').map(|(_, protocol)| protocol)
    }

    /// The headers, in their order and spelling.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The headers, mutable.
    pub fn headers_mut(&mut self) -> &mut Headers {
        &mut self.headers
    }

    /// Returns the request as on the wire, from the request line to the empty line. HTTP/2 has another form: of such a
    /// request this is a text for people, without `:protocol`.
    #[must_use]
    pub fn serialize(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        self.write_to(&mut out);
        out
    }

    /// Appends the request to `out`, as [`serialize`](Self::serialize) returns it.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        for part in [self.method(), " ", &self.target, " ", self.version.as_str(), "\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
        self.headers.write_to(out);
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = without_query(self.target.as_bytes());
        f.debug_struct("Request")
            .field("method", &self.method())
            .field("target", &format_args!("\"{}\"", target.escape_ascii()))
            .field("version", &self.version)
            .field("headers", &self.headers)
            .finish()
    }
}

/// Reads the head of a request, in pieces of any size.
///
/// ```
/// use ws_proto::http::{HandshakeLimits, RequestReader};
/// let mut reader = RequestReader::new(HandshakeLimits::default());
/// assert!(reader.receive_data(b"GET /chat HTT")?.is_none());
/// let (request, used) = reader.receive_data(b"P/1.1\r\nHost: x\r\n\r\nmore")?.expect("complete");
/// assert_eq!((request.path(), used), ("/chat", 18));
/// # Ok::<(), ws_errors::InvalidHandshake>(())
/// ```
#[derive(Debug)]
pub struct RequestReader {
    head: HeadReader<RequestLine>,
}

impl RequestReader {
    /// Creates a reader that enforces `limits`.
    #[must_use]
    pub fn new(limits: HandshakeLimits) -> Self {
        Self { head: HeadReader::new(limits) }
    }

    /// Takes bytes from the client. Returns `None` while the head is incomplete, then the request and
    /// the number of bytes of `data` that belong to its head. Feed nothing after that, nor after an
    /// error.
    ///
    /// Lines end with CRLF, and continuation lines are refused ([RFC 9112 §2.2], [§5.2]). One empty
    /// line in front of the request is ignored. Values are ISO-8859-1. HTTP/1.0 is read too;
    /// [`negotiate`](crate::server::negotiate) refuses it. HTTP/1.2 and above count as HTTP/1.1.
    ///
    /// # Errors
    /// - [`RequestLineTooLong`],
    ///   [`HeaderLineTooLong`](ws_errors::HeaderLineTooLong),
    ///   [`TooManyHeaders`](ws_errors::TooManyHeaders) and
    ///   [`SecurityError`] (the whole head) when a limit is exceeded;
    /// - [`InvalidProtocol`] at the end of the first line, when it is of another major version of
    ///   HTTP;
    /// - [`InvalidMessage`] when this isn't an HTTP request. Its cause is [`NotHttp`] at the first byte,
    ///   when no request begins with it, and at the end of the first line, when no word after the first
    ///   begins with `HTTP/`, in any case, or at a header of the PROXY protocol, in text or binary;
    ///   [`Malformed`](MessageCause::Malformed) otherwise, with the line if that is the fault.
    ///
    /// [RFC 9112 §2.2]: https://www.rfc-editor.org/rfc/rfc9112#section-2.2
    /// [§5.2]: https://www.rfc-editor.org/rfc/rfc9112#section-5.2
    pub fn receive_data(
        &mut self,
        data: &[u8],
    ) -> Result<Option<(Request, usize)>, InvalidHandshake> {
        let Some(head) = self.head.receive(data)? else { return Ok(None) };
        let used = head.used;
        let headers = head.headers().map_err(RequestLine::exception)?;
        let Some(RequestLine { method, target, version }) = self.head.restart() else {
            return Err(self.eof_error());
        };
        Ok(Some((Request { method, target, version, headers }, used)))
    }

    /// The method, once the first line is there, until the request is complete; kept when a later line
    /// fails.
    pub(crate) fn method(&self) -> Option<&str> {
        self.head.first_line().map(|line| &*line.method)
    }

    /// The error for a stream that ends before the request is complete: [`InvalidMessage`], caused by
    /// the unexpected end.
    #[must_use]
    pub fn eof_error(&self) -> InvalidHandshake {
        RequestLine::exception(MessageCause::UnexpectedEof)
    }
}

/// The first line of a request ([RFC 9112 §3]).
///
/// [RFC 9112 §3]: https://www.rfc-editor.org/rfc/rfc9112#section-3
#[derive(Debug)]
struct RequestLine {
    method: Cow<'static, str>,
    target: Box<str>,
    version: HttpVersion,
}

impl FirstLine for RequestLine {
    // RFC 9112 §2.2: "[...] SHOULD ignore at least one empty line (CRLF) received prior to the
    // request-line."
    const MAY_FOLLOW_EMPTY_LINE: bool = true;

    fn can_start(start: &[u8]) -> bool {
        matches!(start, [b'\r'] | [b'\r', b'\n', ..])
            || start.first().is_some_and(|&b| is_token_octet(b))
    }

    fn parse(line: &[u8]) -> Result<Self, InvalidHandshake> {
        if !names_http(line) {
            return Err(Self::exception(NotHttp::new(line).into()));
        }
        let Some((method, target, version)) = split(line) else {
            return Err(invalid("line", line));
        };
        let version = match version {
            [b'1', b'.', b'0'] => HttpVersion::Http10,
            [b'1', b'.', b'1'..=b'9'] => HttpVersion::Http11,
            [b'0' | b'2'..=b'9'] | [b'0' | b'2'..=b'9', b'.', b'0'..=b'9'] => {
                return Err(InvalidProtocol::new(format!("HTTP/{}", version.escape_ascii())).into());
            }
            _ => return Err(invalid("line", line)),
        };
        let target = str::from_utf8(target).unwrap_or_default();
        if !is_visible(target) {
            return Err(invalid("line", line));
        }
        if !is_target(method, target) {
            return Err(invalid("target", target.as_bytes()));
        }
        let method = match method {
            "GET" => Cow::Borrowed("GET"),
            other => Cow::Owned(other.to_owned()),
        };
        Ok(Self { method, target: target.into(), version })
    }

    fn too_long(size: usize, max: usize) -> SecurityError {
        RequestLineTooLong::new(size, max).into()
    }

    /// The cause itself for the limits, else [`InvalidMessage`].
    fn exception(cause: MessageCause) -> InvalidHandshake {
        match cause {
            MessageCause::SecurityError(error) => (*error).into(),
            cause => InvalidMessage::new(HttpMessage::Request, cause).into(),
        }
    }
}

/// The error for a part of a request that breaks the grammar, or for the line.
fn invalid(part: &str, text: &[u8]) -> InvalidHandshake {
    RequestLine::exception(invalid_line(&format!("request {part}"), &without_query(text)))
}

/// Whether a word after the first begins with `HTTP/`, in any case. A person or a program that writes such
/// a line takes itself for a client of HTTP, and reads what is wrong with it.
fn names_http(line: &[u8]) -> bool {
    let mut words = line.split(u8::is_ascii_whitespace).skip(1);
    words.any(|word| word.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"HTTP/")))
}

/// Splits a request line into method, target and the numbers of the version; `None` unless it begins with a
/// token, and its last word begins with `HTTP/`.
fn split(line: &[u8]) -> Option<(&str, &[u8], &[u8])> {
    let (method, rest) = line.split_at(line.iter().position(|&b| b == b' ')?);
    let method = str::from_utf8(method).ok().filter(|method| is_token(method))?;
    let (_, rest) = rest.split_first()?;
    let (target, version) = rest.split_at(rest.iter().rposition(|&b| b == b' ')?);
    Some((method, target, version.strip_prefix(b" HTTP/")?))
}

/// Whether `target` isn't empty, and consists of visible ASCII characters.
fn is_visible(target: &str) -> bool {
    !target.is_empty() && target.bytes().all(|b| b.is_ascii_graphic())
}

/// Whether `target` has one of the forms of [RFC 9112 §3.2], none of which has a fragment: that is for the
/// client alone.
///
/// [RFC 9112 §3.2]: https://www.rfc-editor.org/rfc/rfc9112#section-3.2
fn is_target(method: &str, target: &str) -> bool {
    if target.contains('#') {
        return false;
    }
    match absolute_form(target) {
        Some((authority, _)) => is_host(authority),
        None if method == "CONNECT" => is_host(target),
        // RFC 9112 §3.2.4: `*` isn't for a resource, as GET is.
        None => target.starts_with('/') || (target == "*" && method != "GET"),
    }
}

/// Splits a target that is a whole URI into its authority and the rest; `None` if it isn't one, or
/// has another scheme than those of HTTP and WebSocket.
fn absolute_form(target: &str) -> Option<(&str, &str)> {
    // Nearly always it is a path.
    if target.starts_with('/') {
        return None;
    }
    let (scheme, rest) = target.split_once("://")?;
    let is_known = ["http", "https", "ws", "wss"].iter().any(|it| it.eq_ignore_ascii_case(scheme));
    is_known.then(|| rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len())))
}
