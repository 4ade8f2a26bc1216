//! [`HeadReader`]: finds the end of a head in received bytes, and enforces the limits.
//!
//! It judges the first line as soon as that is complete, and a line that can't be one of HTTP even
//! earlier: a peer that speaks another protocol may wait for us to speak.
//!
//! It looks at every byte once. Header lines are parsed once, when the head is complete, so a head that arrives
//! byte by byte costs at most twice as much as one that arrives at once.

use std::borrow::Cow;

use memchr::memchr;
use ws_errors::{
    HeaderLineTooLong, InvalidHandshake, MessageCause, NotHttp, SecurityError, SecurityErrorKind,
    TooManyHeaders,
};
use ws_headers::Headers;

use super::{HandshakeLimits, malformed};

/// Up to this many header lines are parsed without an allocation for the parser.
const STACK_HEADERS: usize = 32;

/// The first line of a head: of a request or of a response.
pub(super) trait FirstLine: Sized {
    /// Whether an empty line in front of it is ignored.
    const MAY_FOLLOW_EMPTY_LINE: bool;

    /// Whether a line of HTTP can start with these bytes, which aren't empty. At least the first five
    /// are there, unless they haven't arrived.
    fn can_start(start: &[u8]) -> bool;

    /// Parses a line, without its end. It passed [`can_start`](Self::can_start).
    fn parse(line: &[u8]) -> Result<Self, InvalidHandshake>;

    /// The error for a line above its limit.
    fn too_long(size: usize, max: usize) -> SecurityError;

    /// The exception for an unreadable head.
    fn exception(cause: MessageCause) -> InvalidHandshake;
}

/// Collects the bytes of one head after another.
///
/// A head that arrives in one piece, as nearly all do, isn't copied. Otherwise at most twice the
/// received bytes are allocated.
#[derive(Debug)]
pub(super) struct HeadReader<L> {
    max_line: usize,
    max_headers: usize,
    max_head: usize,
    /// The bytes of an incomplete head; empty when it arrives in one piece.
    buffer: Vec<u8>,
    /// Bytes of the incomplete line; at most `max_line`.
    line: usize,
    /// Bytes of all heads so far; at most `max_head`.
    total: usize,
    /// Complete header lines of this head.
    headers: usize,
    /// The first line, once it is complete, and its length with the end.
    first: Option<L>,
    first_len: usize,
    /// Whether the incomplete line ends with a carriage return so far.
    after_cr: bool,
    /// Whether an empty line in front of the first one was ignored.
    after_empty_line: bool,
}

/// A complete head, from its first line to the empty line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head<'a> {
    /// Its bytes behind the first line.
    bytes: &'a [u8],
    /// The number of header lines.
    headers: usize,
    /// The number of bytes of the last piece that belong to it.
    pub(super) used: usize,
}

impl Head<'_> {
    /// Parses the header lines: in their order and spelling, repeated ones included.
    pub(super) fn headers(&self) -> Result<Headers, MessageCause> {
        let mut on_stack = [httparse::EMPTY_HEADER; STACK_HEADERS];
        let mut on_heap = Vec::new();
        let parsed = on_stack.get_mut(..self.headers).unwrap_or_else(|| {
            on_heap.resize(self.headers, httparse::EMPTY_HEADER);
            &mut on_heap
        });
        match httparse::parse_headers(self.bytes, parsed) {
            Ok(httparse::Status::Complete((len, parsed))) if len == self.bytes.len() => {
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

impl<L: FirstLine> HeadReader<L> {
    pub(super) fn new(limits: HandshakeLimits) -> Self {
        let HandshakeLimits { max_line, max_headers, max_head, .. } = limits;
        Self {
            max_line,
            max_headers,
            max_head,
            buffer: Vec::new(),
            line: 0,
            total: 0,
            headers: 0,
            first: None,
            first_len: 0,
            after_cr: false,
            after_empty_line: false,
        }
    }

    /// Takes bytes from the peer; returns the head when they complete it. Call
    /// [`restart`](Self::restart) before reading another head.
    pub(super) fn receive<'a>(
        &'a mut self,
        data: &'a [u8],
    ) -> Result<Option<Head<'a>>, InvalidHandshake> {
        let mut start = 0;
        let Some(used) = self.scan(data, &mut start)? else {
            self.buffer.extend_from_slice(data.get(start..).unwrap_or_default());
            return Ok(None);
        };
        let mut bytes = data.get(start..used).unwrap_or_default();
        if !self.buffer.is_empty() {
            self.buffer.extend_from_slice(bytes);
            bytes = &self.buffer;
        }
        let bytes = bytes.get(self.first_len..).unwrap_or_default();
        Ok(Some(Head { bytes, headers: self.headers, used }))
    }

    /// The first line, if it is complete; kept when a later line fails.
    pub(super) fn first_line(&self) -> Option<&L> {
        self.first.as_ref()
    }

    /// Takes the first line, and prepares for another head; `total` goes on counting.
    pub(super) fn restart(&mut self) -> Option<L> {
        let first = self.first.take();
        self.buffer = Vec::new();
        (self.line, self.headers, self.first_len) = (0, 0, 0);
        (self.after_cr, self.after_empty_line) = (false, false);
        first
    }

    /// Finds the end of the head in `data`; returns the number of bytes up to it. Sets `start` to the
    /// number of bytes that are ignored. The result doesn't depend on how the stream is cut into
    /// pieces, but for the text of [`NotHttp`], and for [two empty lines](two_empty_lines).
    fn scan(&mut self, data: &[u8], start: &mut usize) -> Result<Option<usize>, InvalidHandshake> {
        let mut rest = data;
        while let Some(&first) = rest.first() {
            if self.first.is_none() {
                self.check_start(rest)?;
            } else if self.line == 0 && self.headers >= self.max_headers && first != b'\r' {
                let error = TooManyHeaders::new(self.headers + 1, self.max_headers);
                return Err(L::exception(SecurityError::from(error).into()));
            }
            // The line has to end within this window: at the limit without its end, the next byte
            // exceeds the limit.
            let line_room = self.max_line.saturating_sub(self.line);
            let head_room = self.max_head.saturating_sub(self.total);
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
            let is_empty = after_cr && self.line + line.len() == 2;
            let first = match self.first {
                None if !is_empty => Some(L::parse(strip_end(&self.joined(line)))?),
                _ => None,
            };
            if !after_cr {
                return Err(L::exception(malformed("line doesn't end with CRLF")));
            }
            if let Some(first) = first {
                (self.first, self.first_len) = (Some(first), self.line + line.len());
            } else if !is_empty {
                self.headers += 1;
            } else if self.first.is_some() {
                return Ok(Some(data.len() - tail.len()));
            } else if self.after_empty_line || !L::MAY_FOLLOW_EMPTY_LINE {
                return Err(L::exception(two_empty_lines(tail)));
            } else {
                self.after_empty_line = true;
                self.buffer.clear();
                *start = data.len() - tail.len();
            }
            self.line = 0;
            rest = tail;
        }
        Ok(None)
    }

    /// Fails unless the first line, whose next bytes are `rest`, can still become one of HTTP.
    fn check_start(&self, rest: &[u8]) -> Result<(), InvalidHandshake> {
        const ENOUGH: usize = 5;
        if self.line >= ENOUGH || L::can_start(&self.joined(rest)) {
            return Ok(());
        }
        Err(L::exception(NotHttp::new(&self.joined(rest)).into()))
    }

    /// The received part of the first line, which `rest` completes.
    fn joined<'a>(&self, rest: &'a [u8]) -> Cow<'a, [u8]> {
        match self.line {
            0 => Cow::Borrowed(rest),
            _ => Cow::Owned([&*self.buffer, rest].concat()),
        }
    }

    /// The error for a byte above the limit on lines (`line`), or else on the head.
    fn too_long(&self, line: bool) -> InvalidHandshake {
        let max = if line { self.max_line } else { self.max_head };
        let size = max.saturating_add(1);
        let error = match (&self.first, line) {
            (_, false) => SecurityErrorKind::HeadTooLarge { size, max }.into(),
            (None, true) => L::too_long(size, max),
            (Some(_), true) => HeaderLineTooLong::new(size, max).into(),
        };
        L::exception(error.into())
    }
}

/// The cause for two empty lines, with `rest` behind them: they also begin the binary header of the PROXY
/// protocol, whose bytes nearly always come together. If they don't, nothing waits for the others, since a
/// person who sends two empty lines may wait for an answer.
fn two_empty_lines(rest: &[u8]) -> MessageCause {
    const SIGNATURE: usize = 12;
    let received: Vec<u8> = b"\r\n\r\n".iter().chain(rest).take(SIGNATURE).copied().collect();
    let first = NotHttp::new(&received);
    match first.protocol {
        Some(_) => first.into(),
        None => malformed("first line is empty"),
    }
}

/// A line without its line feed, and without the carriage return in front of it, if there is one.
fn strip_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}
