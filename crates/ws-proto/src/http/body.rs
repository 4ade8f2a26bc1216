//! [`BodyReader`]: reads the body of a response, such as the error page of a server that refuses the
//! opening handshake. Requests have no body here; [`request`](super::request) refuses it.

use ws_errors::{
    HeaderLineTooLong, MessageCause, SecurityError, SecurityErrorKind, TooManyHeaders,
};
use ws_headers::Headers;

use super::{HandshakeLimits, malformed};

/// Collects a body ([RFC 9112 §6]).
///
/// Memory follows the received bytes, never the declared length.
///
/// [RFC 9112 §6]: https://www.rfc-editor.org/rfc/rfc9112#section-6
#[derive(Debug)]
pub(super) struct BodyReader {
    limits: HandshakeLimits,
    /// The received bytes; at most `limits.max_body`.
    body: Vec<u8>,
    framing: Framing,
}

#[derive(Debug)]
enum Framing {
    /// A declared length; this many bytes are missing.
    Length(usize),
    /// All bytes up to the end of the stream.
    Eof,
    /// Chunks, the last of which is empty, and a trailer.
    Chunked { line: Vec<u8>, next: Next },
}

/// The next part of a chunked body.
#[derive(Clone, Copy, Debug)]
enum Next {
    /// A line that starts with the size of a chunk.
    Size,
    /// This many bytes of a chunk.
    Chunk(usize),
    /// The line break after a chunk.
    ChunkEnd,
    /// A line of the trailer, after this many others; an empty one ends it.
    Trailer(usize),
}

impl BodyReader {
    /// Creates a reader for the body of a response with these headers.
    pub(super) fn new(headers: &Headers, limits: HandshakeLimits) -> Result<Self, MessageCause> {
        let coding = headers.get("Transfer-Encoding");
        let coding = coding.map_err(|_| malformed("repeated Transfer-Encoding"))?;
        let length = headers.get("Content-Length");
        let length = length.map_err(|_| malformed("repeated Content-Length"))?;
        let framing = match (coding, length) {
            (Some("chunked"), _) => Framing::Chunked { line: Vec::new(), next: Next::Size },
            (Some(_), _) => return Err(malformed("unsupported transfer coding")),
            (None, Some(length)) => Framing::Length(content_length(length, limits.max_body)?),
            (None, None) => Framing::Eof,
        };
        Ok(Self { limits, body: Vec::new(), framing })
    }

    /// Tells whether the end of the stream completes the body.
    pub(super) fn lasts_until_eof(&self) -> bool {
        matches!(self.framing, Framing::Eof)
    }

    /// The received bytes.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.body
    }

    /// Takes bytes from the server. Returns `None` while the body is incomplete, then the number of
    /// bytes that belong to it.
    pub(super) fn receive(&mut self, data: &[u8]) -> Result<Option<usize>, MessageCause> {
        match &mut self.framing {
            Framing::Length(left) => {
                let chunk = data.get(..*left).unwrap_or(data);
                self.body.extend_from_slice(chunk);
                *left -= chunk.len();
                Ok((*left == 0).then_some(chunk.len()))
            }
            Framing::Eof => {
                if data.len() > self.limits.max_body.saturating_sub(self.body.len()) {
                    let max = self.limits.max_body;
                    let size = max.saturating_add(1);
                    return Err(security(SecurityErrorKind::UnsizedBodyTooLarge { size, max }));
                }
                self.body.extend_from_slice(data);
                Ok(None)
            }
            Framing::Chunked { line, next } => {
                receive_chunks(&mut self.body, line, next, &self.limits, data)
            }
        }
    }
}

/// [`BodyReader::receive`] for a chunked body ([RFC 9112 §7.1]).
///
/// [RFC 9112 §7.1]: https://www.rfc-editor.org/rfc/rfc9112#section-7.1
fn receive_chunks(
    body: &mut Vec<u8>,
    line: &mut Vec<u8>,
    next: &mut Next,
    limits: &HandshakeLimits,
    data: &[u8],
) -> Result<Option<usize>, MessageCause> {
    let mut rest = data;
    while !rest.is_empty() {
        if let Next::Chunk(left) = *next {
            let (chunk, tail) = rest.split_at(left.min(rest.len()));
            body.extend_from_slice(chunk);
            rest = tail;
            *next = match left - chunk.len() {
                0 => Next::ChunkEnd,
                left => Next::Chunk(left),
            };
            continue;
        }
        let room = match next {
            Next::ChunkEnd => 2,
            _ => limits.max_line,
        };
        let window = rest.get(..room.saturating_sub(line.len())).unwrap_or(rest);
        let Some(newline) = window.iter().position(|&b| b == b'\n') else {
            if window.len() < rest.len() {
                let (size, max) = (limits.max_line.saturating_add(1), limits.max_line);
                return Err(match next {
                    Next::Size => security(SecurityErrorKind::ChunkLineTooLong { size, max }),
                    Next::Trailer(_) => security(HeaderLineTooLong::new(size, max)),
                    Next::ChunkEnd | Next::Chunk(_) => malformed("chunk without CRLF"),
                });
            }
            line.extend_from_slice(rest);
            return Ok(None);
        };
        let (end_of_line, tail) = rest.split_at(newline + 1);
        line.extend_from_slice(end_of_line);
        rest = tail;
        let Some(text) = line.strip_suffix(b"\r\n") else {
            return Err(malformed("line doesn't end with CRLF"));
        };
        *next = match *next {
            Next::Size => match chunk_size(text, body.len(), limits.max_body)? {
                0 => Next::Trailer(0),
                size => Next::Chunk(size),
            },
            Next::ChunkEnd | Next::Chunk(_) => Next::Size,
            Next::Trailer(_) if text.is_empty() => return Ok(Some(data.len() - rest.len())),
            Next::Trailer(lines) if lines < limits.max_headers => {
                check_trailer(text)?;
                Next::Trailer(lines + 1)
            }
            Next::Trailer(lines) => {
                return Err(security(TooManyHeaders::new(lines + 1, limits.max_headers)));
            }
        };
        line.clear();
    }
    Ok(None)
}

/// The value of a `Content-Length` header: 1 to 18 digits, not above the limit.
fn content_length(text: &str, max: usize) -> Result<usize, MessageCause> {
    let digits = (1..=18).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let length = text.parse::<u64>().ok().filter(|_| digits);
    let size = length
        .ok_or_else(|| security(SecurityErrorKind::InvalidContentLength { value: text.into() }))?;
    let max = max as u64;
    match usize::try_from(size) {
        Ok(length) if size <= max => Ok(length),
        _ => Err(security(SecurityErrorKind::BodyTooLarge { size, max })),
    }
}

/// The size of a chunk, from the line before it: 1 to 15 hexadecimal digits, then perhaps
/// extensions, which are ignored. Refuses a chunk that takes the body above the limit.
fn chunk_size(line: &[u8], before: usize, max: usize) -> Result<usize, MessageCause> {
    let text = line.split(|&b| b == b';').next().unwrap_or_default();
    let digits = (1..=15).contains(&text.len()) && text.iter().all(u8::is_ascii_hexdigit);
    let size = str::from_utf8(text).ok().filter(|_| digits);
    let size = size.and_then(|text| u64::from_str_radix(text, 16).ok());
    let size = size.ok_or_else(|| {
        let value = text.escape_ascii().to_string().into();
        security(SecurityErrorKind::InvalidChunkSize { value })
    })?;
    let (after, max) = (before as u64, max as u64);
    match usize::try_from(size) {
        Ok(length) if size <= max.saturating_sub(after) => Ok(length),
        _ => Err(security(SecurityErrorKind::ChunkTooLarge { size, after, max })),
    }
}

/// The cause for an exceeded limit.
fn security(error: impl Into<SecurityError>) -> MessageCause {
    error.into().into()
}

/// Checks that a line of the trailer is a header; its value is dropped.
fn check_trailer(line: &[u8]) -> Result<(), MessageCause> {
    let mut line = line.splitn(2, |&b| b == b':');
    let name = line.next().and_then(|name| str::from_utf8(name).ok()).unwrap_or_default();
    let value = line.next();
    let is_value = |value: &[u8]| value.iter().all(|&b| b == b'\t' || (b >= b' ' && b != 0x7f));
    if ws_types::is_token(name) && value.is_some_and(is_value) {
        Ok(())
    } else {
        Err(malformed("invalid trailer"))
    }
}
