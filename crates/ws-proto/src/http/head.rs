//! [`HeadReader`]: finds the end of a head in received bytes, and enforces the limits.
//!
//! It looks at every byte once. A head is parsed once, when it is complete, so a head that arrives
//! byte by byte costs at most twice as much as one that arrives at once.

use memchr::memchr;
use ws_errors::{
    HeaderLineTooLong, HttpMessage, MessageCause, RequestLineTooLong, SecurityError,
    SecurityErrorKind, StatusLineTooLong, TooManyHeaders,
};
use ws_headers::Headers;

use super::{HandshakeLimits, malformed};

/// Up to this many header lines are parsed without an allocation for the parser.
const STACK_HEADERS: usize = 32;

/// Collects the bytes of one head after another.
///
/// A head that arrives in one piece, as nearly all do, isn't copied. Otherwise at most twice the
/// received bytes are allocated.
#[derive(Debug)]
pub(super) struct HeadReader {
    message: HttpMessage,
    limits: HandshakeLimits,
    /// The bytes of an incomplete head; empty when it arrives in one piece.
    buffer: Vec<u8>,
    /// Bytes of the incomplete line; at most `limits.max_line`.
    line: usize,
    /// Whether the incomplete line ends with a carriage return so far.
    after_cr: bool,
    /// Complete lines of this head; the first one isn't a header.
    lines: usize,
    /// The length of the first line with its end, once it is complete.
    first_len: usize,
    /// Bytes of all heads so far; at most `limits.max_head`.
    total: usize,
}

/// A complete head, from its first line to the empty line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head<'a> {
    /// All its bytes.
    bytes: &'a [u8],
    /// The length of its first line with the end.
    first_len: usize,
    /// The number of header lines.
    lines: usize,
    /// The number of bytes of the last piece that belong to it.
    pub(super) used: usize,
}

impl Head<'_> {
    /// The first line, without its end.
    pub(super) fn first_line(&self) -> &[u8] {
        self.bytes.get(..self.first_len.saturating_sub(2)).unwrap_or_default()
    }

    /// Parses the other lines: headers in their order and spelling, repeated ones included.
    pub(super) fn headers(&self) -> Result<Headers, MessageCause> {
        let lines = self.bytes.get(self.first_len..).unwrap_or_default();
        let mut on_stack = [httparse::EMPTY_HEADER; STACK_HEADERS];
        let mut on_heap = Vec::new();
        let parsed = on_stack.get_mut(..self.lines).unwrap_or_else(|| {
            on_heap.resize(self.lines, httparse::EMPTY_HEADER);
            &mut on_heap
        });
        match httparse::parse_headers(lines, parsed) {
            Ok(httparse::Status::Complete((len, parsed))) if len == lines.len() => {
                // The parser has checked names and values by the same rules.
                Headers::from_latin1(parsed.iter().map(|line| (line.name, line.value)))
                    .map_err(|_| malformed("invalid header"))
            }
            Ok(_) => Err(malformed("unexpected end of head")),
            Err(error) => Err(malformed(match error {
                httparse::Error::HeaderName => "invalid header name",
                httparse::Error::HeaderValue => "invalid header value",
                httparse::Error::TooManyHeaders => "too many headers",
                _ => "invalid line break",
            })),
        }
    }
}

impl HeadReader {
    pub(super) fn new(message: HttpMessage, limits: HandshakeLimits) -> Self {
        let buffer = Vec::new();
        Self { message, limits, buffer, line: 0, after_cr: false, lines: 0, first_len: 0, total: 0 }
    }

    /// Takes bytes from the peer; returns the head when they complete it. Call
    /// [`restart`](Self::restart) before reading another head.
    pub(super) fn receive<'a>(
        &'a mut self,
        data: &'a [u8],
    ) -> Result<Option<Head<'a>>, MessageCause> {
        let Some(used) = self.scan(data)? else {
            self.buffer.extend_from_slice(data);
            return Ok(None);
        };
        let mut bytes = data.get(..used).unwrap_or_default();
        if !self.buffer.is_empty() {
            self.buffer.extend_from_slice(bytes);
            bytes = &self.buffer;
        }
        let lines = self.lines.saturating_sub(1);
        Ok(Some(Head { bytes, first_len: self.first_len, lines, used }))
    }

    /// Prepares for another head; `total` goes on counting.
    pub(super) fn restart(&mut self) {
        *self = Self { total: self.total, ..Self::new(self.message, self.limits) };
    }

    /// Finds the end of the head in `data`; returns the number of bytes up to it. The result doesn't
    /// depend on how the stream is cut into pieces.
    fn scan(&mut self, data: &[u8]) -> Result<Option<usize>, MessageCause> {
        let mut rest = data;
        while let Some(&first) = rest.first() {
            if self.line == 0 && self.lines > self.limits.max_headers && first != b'\r' {
                let max = self.limits.max_headers;
                return Err(SecurityError::from(TooManyHeaders::new(self.lines, max)).into());
            }
            // The line has to end within this window: at the limit without its end, the next byte
            // exceeds the limit.
            let line_room = self.limits.max_line.saturating_sub(self.line);
            let head_room = self.limits.max_head.saturating_sub(self.total);
            let window = rest.get(..line_room.min(head_room)).unwrap_or(rest);
            let Some(newline) = memchr(b'\n', window) else {
                if window.len() < rest.len() {
                    return Err(self.too_long(line_room <= head_room));
                }
                self.line += rest.len();
                self.total += rest.len();
                self.after_cr = rest.last() == Some(&b'\r');
                return Ok(None);
            };
            let (line, tail) = rest.split_at(newline + 1);
            self.total += line.len();
            let after_cr = match line.len() {
                1 => self.line > 0 && self.after_cr,
                _ => line.ends_with(b"\r\n"),
            };
            if !after_cr {
                return Err(malformed("line doesn't end with CRLF"));
            }
            if self.line + line.len() == 2 {
                if self.lines == 0 {
                    return Err(malformed("first line is empty"));
                }
                return Ok(Some(data.len() - tail.len()));
            }
            if self.lines == 0 {
                self.first_len = self.line + line.len();
            }
            self.lines += 1;
            self.line = 0;
            rest = tail;
        }
        Ok(None)
    }

    /// The cause for a byte above the limit on lines (`line`), or else on the head.
    fn too_long(&self, line: bool) -> MessageCause {
        let max = if line { self.limits.max_line } else { self.limits.max_head };
        let size = max.saturating_add(1);
        let error = match (self.lines, self.message) {
            _ if !line => SecurityErrorKind::HeadTooLarge { size, max }.into(),
            (0, HttpMessage::Request) => RequestLineTooLong::new(size, max).into(),
            (0, HttpMessage::Response) => StatusLineTooLong::new(size, max).into(),
            _ => HeaderLineTooLong::new(size, max).into(),
        };
        SecurityError::into(error)
    }
}
