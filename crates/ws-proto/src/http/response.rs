//! [`ResponseReader`]: reads a head, and a body unless the connection is upgraded.

pub use ws_errors::Response;
use ws_errors::{
    HttpMessage, InvalidHandshake, InvalidMessage, MessageCause, NotHttp, SecurityError,
    StatusLineTooLong,
};

use super::body::BodyReader;
use super::head::{FirstLine, HeadReader};
use super::{HandshakeLimits, invalid_line, malformed};

/// Reads a response, in pieces of any size: its head, and its body if there is one.
///
/// ```
/// use ws_proto::http::{HandshakeLimits, ResponseReader};
/// let mut reader = ResponseReader::new(HandshakeLimits::default());
/// assert!(reader.receive_data(b"HTTP/1.1 404 Not Fo")?.is_none());
/// let data = b"und\r\nContent-Length: 5\r\n\r\nsorry";
/// let (response, used) = reader.receive_data(data)?.expect("complete");
/// assert_eq!((response.status_code, &*response.body), (404, &b"sorry"[..]));
/// assert_eq!(used, data.len());
/// # Ok::<(), ws_errors::InvalidHandshake>(())
/// ```
#[derive(Debug)]
pub struct ResponseReader {
    max_body: usize,
    max_line: usize,
    head: HeadReader<StatusLine>,
    /// The response, while its body is being received.
    body: Option<(Response, BodyReader)>,
    for_proxy: bool,
}

impl ResponseReader {
    /// Creates a reader that enforces `limits`.
    #[must_use]
    pub fn new(limits: HandshakeLimits) -> Self {
        let head = HeadReader::new(limits);
        let HandshakeLimits { max_body, max_line, .. } = limits;
        Self { max_body, max_line, head, body: None, for_proxy: false }
    }

    /// Reads the response of a proxy to `CONNECT` instead: no body is read, since the bytes behind the
    /// head come through the tunnel.
    #[must_use]
    pub fn for_proxy(mut self) -> Self {
        self.for_proxy = true;
        self
    }

    /// Takes bytes from the server. Returns `None` while the response is incomplete, then the
    /// response and the number of bytes of `data` that belong to it. Feed nothing after that, nor
    /// after an error.
    ///
    /// Informational responses other than `101 Switching Protocols` are skipped
    /// ([RFC 9110 §15.2]).
    ///
    /// A refusal is read leniently, since its status matters and its details don't: in any version of
    /// HTTP, with a status up to 999, with or without a reason. Its body is the explanation for
    /// people: chunks are joined if `chunked` is the last transfer coding, others are left as they
    /// are; a body whose framing makes no sense is kept as it came. At
    /// [`max_body`](HandshakeLimits::max_body) the body is cut, and so the response is complete. A 101
    /// has to be of HTTP/1.1, as [RFC 6455 §4.1] demands.
    ///
    /// # Errors
    /// - [`StatusLineTooLong`] when the status line exceeds its limit;
    /// - [`InvalidMessage`] when another limit on the head is exceeded, or when this isn't the head of
    ///   a response; its source tells which. It is [`NotHttp`] at the first byte that isn't
    ///   one of `HTTP/`. Nothing is an error behind the head.
    ///
    /// [RFC 9110 §15.2]: https://www.rfc-editor.org/rfc/rfc9110#section-15.2
    /// [RFC 6455 §4.1]: https://www.rfc-editor.org/rfc/rfc6455#section-4.1
    pub fn receive_data(
        &mut self,
        data: &[u8],
    ) -> Result<Option<(Response, usize)>, InvalidHandshake> {
        let mut used = 0;
        while self.body.is_none() {
            let rest = data.get(used..).unwrap_or_default();
            let Some(head) = self.head.receive(rest)? else { return Ok(None) };
            used += head.used;
            let headers = head.headers().map_err(StatusLine::exception)?;
            let Some(StatusLine { http11, status_code, reason }) = self.head.restart() else {
                return Ok(None);
            };
            let response = Response::new(status_code, reason, headers, Vec::new());
            match status_code {
                101 if !http11 && !self.for_proxy => {
                    let cause = malformed("unsupported protocol; expected HTTP/1.1");
                    return Err(StatusLine::exception(cause));
                }
                100 | 102..=199 => {}
                101 | 204 | 304 => return Ok(Some((response, used))),
                _ if self.for_proxy => return Ok(Some((response, used))),
                _ => {
                    let body = BodyReader::new(&response.headers, self.max_body, self.max_line);
                    self.body = Some((response, body));
                }
            }
        }
        let Some((_, body)) = &mut self.body else { return Ok(None) };
        let Some(end) = body.receive(data.get(used..).unwrap_or_default()) else {
            return Ok(None);
        };
        Ok(self.take().map(|response| (response, used + end)))
    }

    /// Whether the head of the final response is there, and its body isn't complete.
    #[must_use]
    pub fn in_body(&self) -> bool {
        self.body.is_some()
    }

    /// Takes a response whose body isn't complete, with as much of it as has come: for when that took
    /// long enough. `None` unless [`in_body`](Self::in_body).
    pub fn take(&mut self) -> Option<Response> {
        let (mut response, body) = self.body.take()?;
        response.body = body.into_bytes();
        Some(response)
    }

    /// Takes the end of the stream; returns the response if its head is complete, with as much of the
    /// body as has come.
    ///
    /// # Errors
    /// [`InvalidMessage`], caused by the unexpected end, otherwise.
    pub fn receive_eof(&mut self) -> Result<Response, InvalidHandshake> {
        self.take().ok_or_else(|| StatusLine::exception(MessageCause::UnexpectedEof))
    }
}

/// The first line of a response ([RFC 9112 §4]).
///
/// [RFC 9112 §4]: https://www.rfc-editor.org/rfc/rfc9112#section-4
#[derive(Debug)]
struct StatusLine {
    /// Whether the version is HTTP/1.1 exactly.
    http11: bool,
    status_code: u16,
    reason: String,
}

impl FirstLine for StatusLine {
    const MAY_FOLLOW_EMPTY_LINE: bool = false;

    fn can_start(start: &[u8]) -> bool {
        start.iter().zip(b"HTTP/").all(|(a, b)| a == b)
    }

    fn parse(line: &[u8]) -> Result<Self, InvalidHandshake> {
        Self::split(line).ok_or_else(|| {
            Self::exception(match line.starts_with(b"HTTP/") {
                true => invalid_line("status line", line),
                false => NotHttp::new(line).into(),
            })
        })
    }

    fn too_long(size: usize, max: usize) -> SecurityError {
        StatusLineTooLong::new(size, max).into()
    }

    fn exception(cause: MessageCause) -> InvalidHandshake {
        match cause {
            MessageCause::SecurityError(error)
                if matches!(*error, SecurityError::StatusLineTooLong(_)) =>
            {
                (*error).into()
            }
            cause => InvalidMessage::new(HttpMessage::Response, cause).into(),
        }
    }
}

impl StatusLine {
    /// Takes a line apart. Its version may have one number or two, and without a reason the space in
    /// front of it may be missing.
    fn split(line: &[u8]) -> Option<Self> {
        let rest = line.strip_prefix(b"HTTP/")?;
        let mut parts = rest.splitn(3, |&b| b == b' ');
        let (version, status) = (parts.next()?, parts.next()?);
        let reason = parts.next().unwrap_or_default();
        let mut numbers = version.splitn(2, |&b| b == b'.');
        let is_number = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
        let &[hundreds @ b'1'..=b'9', tens @ b'0'..=b'9', units @ b'0'..=b'9'] = status else {
            return None;
        };
        let is_text = |&b: &u8| b == b'\t' || (b >= b' ' && b != 0x7f);
        (numbers.all(is_number) && reason.iter().all(is_text)).then(|| Self {
            http11: version == b"1.1",
            status_code: [hundreds, tens, units]
                .iter()
                .fold(0, |code, digit| code * 10 + u16::from(digit - b'0')),
            reason: reason.iter().copied().map(char::from).collect(),
        })
    }
}
