//! [`ResponseReader`]: reads a head, and a body unless the connection is upgraded.

use std::mem::MaybeUninit;

pub use ws_errors::Response;
use ws_errors::{HttpMessage, InvalidHandshake, InvalidMessage, MessageCause, SecurityError};

use super::body::BodyReader;
use super::head::{Head, HeadReader};
use super::{HandshakeLimits, STACK_HEADERS, collect, malformed, unparsable};

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
    limits: HandshakeLimits,
    head: HeadReader,
    /// The response, while its body is being received.
    body: Option<(Response, BodyReader)>,
    for_proxy: bool,
}

impl ResponseReader {
    /// Creates a reader that enforces `limits`.
    #[must_use]
    pub fn new(limits: HandshakeLimits) -> Self {
        let head = HeadReader::new(HttpMessage::Response, limits);
        Self { limits, head, body: None, for_proxy: false }
    }

    /// Reads the response of a proxy to `CONNECT` instead: HTTP/1.0 is accepted too, and no body is
    /// read, since the bytes behind the head come through the tunnel.
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
    /// # Errors
    /// - [`StatusLineTooLong`](ws_errors::StatusLineTooLong) when the status line exceeds its limit;
    /// - [`InvalidMessage`] when another limit is exceeded, or when this isn't an HTTP/1.1 response;
    ///   its source tells which.
    ///
    /// [RFC 9110 §15.2]: https://www.rfc-editor.org/rfc/rfc9110#section-15.2
    pub fn receive_data(
        &mut self,
        data: &[u8],
    ) -> Result<Option<(Response, usize)>, InvalidHandshake> {
        self.receive(data).map_err(exception)
    }

    fn receive(&mut self, data: &[u8]) -> Result<Option<(Response, usize)>, MessageCause> {
        let mut used = 0;
        while self.body.is_none() {
            let rest = data.get(used..).unwrap_or_default();
            let Some(head) = self.head.receive(rest)? else { return Ok(None) };
            used += head.used;
            let response = parse(head, self.for_proxy)?;
            match response.status_code {
                100 | 102..=199 => {}
                101 | 204 | 304 => return Ok(Some((response, used))),
                _ if self.for_proxy => return Ok(Some((response, used))),
                _ => {
                    let body = BodyReader::new(&response.headers, self.limits)?;
                    self.body = Some((response, body));
                }
            }
            self.head.restart();
        }
        let Some((_, body)) = &mut self.body else { return Ok(None) };
        let Some(end) = body.receive(data.get(used..).unwrap_or_default())? else {
            return Ok(None);
        };
        Ok(self.take().map(|response| (response, used + end)))
    }

    /// Takes the response, with the received part of its body.
    fn take(&mut self) -> Option<Response> {
        let (mut response, body) = self.body.take()?;
        response.body = body.into_bytes();
        Some(response)
    }

    /// Takes the end of the stream; returns the response if its body lasts until then.
    ///
    /// # Errors
    /// [`InvalidMessage`], caused by the unexpected end, otherwise.
    pub fn receive_eof(&mut self) -> Result<Response, InvalidHandshake> {
        let complete = self.body.as_ref().is_some_and(|(_, body)| body.lasts_until_eof());
        let response = if complete { self.take() } else { None };
        response.ok_or_else(|| exception(MessageCause::UnexpectedEof))
    }
}

/// The error for an unreadable response.
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

/// Parses a complete head whose lines all end with CRLF.
fn parse(head: Head<'_>, allow_http10: bool) -> Result<Response, MessageCause> {
    let mut on_stack = [MaybeUninit::uninit(); STACK_HEADERS];
    let mut on_heap = Vec::new();
    let lines = on_stack.get_mut(..head.headers).unwrap_or_else(|| {
        on_heap.resize(head.headers, MaybeUninit::uninit());
        &mut on_heap
    });
    let mut response = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    match config.parse_response_with_uninit_headers(&mut response, head.bytes, lines) {
        Ok(httparse::Status::Complete(len)) if len == head.bytes.len() => {}
        Ok(_) => return Err(malformed("unexpected end of head")),
        Err(error) => return Err(unparsable(error)),
    }
    if response.version != Some(1) && !allow_http10 {
        return Err(malformed("unsupported protocol; expected HTTP/1.1"));
    }
    let status_code = response.code.unwrap_or_default();
    if !(100..=599).contains(&status_code) {
        return Err(malformed("invalid status code; expected 100 to 599"));
    }
    // The second space is required, the reason after it isn't (RFC 9112 §4). The parser accepts a
    // line without the space, and returns no reason that isn't ASCII: so read it here.
    let line = head.bytes.split(|&b| b == b'\r').next().unwrap_or_default();
    let reason = line.get("HTTP/1.1 200".len()..).and_then(|rest| rest.strip_prefix(b" "));
    let reason = reason.ok_or(malformed("no space after the status code"))?;
    Ok(Response::new(
        status_code,
        reason.iter().copied().map(char::from).collect::<String>(),
        collect(response.headers)?,
        Vec::new(),
    ))
}
