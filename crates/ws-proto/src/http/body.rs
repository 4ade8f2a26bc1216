//! [`BodyReader`]: keeps what comes of the body of a response, such as the error page of a server that
//! refuses the opening handshake. Bodies of requests aren't read.

use ws_headers::Headers;

use super::framing::{TRANSFER_ENCODING, codings, content_length, is_chunked};

/// Collects a body ([RFC 9112 §6]), whatever it looks like: a status that has arrived isn't lost to
/// the body behind it.
///
/// Framing is followed as far as it makes sense: what doesn't is kept as it came. Memory follows the
/// received bytes, never the declared length.
///
/// [RFC 9112 §6]: https://www.rfc-editor.org/rfc/rfc9112#section-6
#[derive(Debug)]
pub(super) struct BodyReader {
    max_body: usize,
    max_line: usize,
    /// The received bytes; at most `max_body`.
    body: Vec<u8>,
    framing: Framing,
}

#[derive(Debug)]
enum Framing {
    /// A declared length; this many bytes are missing.
    Length(u64),
    /// All bytes up to the end of the stream.
    Eof,
    /// Chunks. `line` has what came since the last byte of a chunk; at most `max_line` bytes.
    Chunked { line: Vec<u8>, next: Next },
}

/// The next part of a chunked body ([RFC 9112 §7.1]).
///
/// [RFC 9112 §7.1]: https://www.rfc-editor.org/rfc/rfc9112#section-7.1
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Next {
    /// A digit of the size of a chunk, or what follows them, after so many digits with this value.
    Size {
        digits: u8,
        value: u64,
    },
    /// The rest of the line behind the size, which is ignored.
    Extension(u64),
    /// The end of that line.
    SizeLf(u64),
    /// This many bytes of a chunk.
    Chunk(u64),
    /// The line break after a chunk.
    ChunkCr,
    ChunkLf,
    /// Nothing: the last chunk has come. The trailer isn't read.
    End,
}

impl BodyReader {
    /// Creates a reader for the body of a response with these headers.
    pub(super) fn new(headers: &Headers, max_body: usize, max_line: usize) -> Self {
        let framing = if headers.contains(TRANSFER_ENCODING) {
            // Codings before the last aren't undone.
            match codings(headers).last().is_some_and(is_chunked) {
                true => Framing::Chunked { line: Vec::new(), next: Next::START },
                false => Framing::Eof,
            }
        } else {
            content_length(headers).ok().flatten().map_or(Framing::Eof, Framing::Length)
        };
        Self { max_body, max_line, body: Vec::new(), framing }
    }

    /// The received bytes. Where not even a first chunk has begun, these need not be chunks: they are kept
    /// as they came.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        match self.framing {
            Framing::Chunked { mut line, next } if self.body.is_empty() && next.is_size() => {
                line.truncate(self.max_body);
                line
            }
            _ => self.body,
        }
    }

    /// Takes bytes from the server. Returns `None` while the body is incomplete and below the limit,
    /// then the number of bytes that were used.
    pub(super) fn receive(&mut self, data: &[u8]) -> Option<usize> {
        let mut rest = data;
        loop {
            let room = self.max_body.saturating_sub(self.body.len());
            let left = match &self.framing {
                Framing::Eof => u64::MAX,
                Framing::Length(left) => *left,
                Framing::Chunked { next: Next::Chunk(left), .. } => *left,
                Framing::Chunked { next: Next::End, .. } => 0,
                // Not a byte of the body.
                Framing::Chunked { .. } if room > 0 => {
                    let (&byte, tail) = rest.split_first()?;
                    rest = tail;
                    self.receive_between_chunks(byte);
                    continue;
                }
                Framing::Chunked { .. } => 0,
            };
            if room == 0 || left == 0 {
                return Some(data.len() - rest.len());
            }
            if rest.is_empty() {
                return None;
            }
            let len = rest.len().min(room).min(usize::try_from(left).unwrap_or(usize::MAX));
            let (part, tail) = rest.split_at(len);
            self.body.extend_from_slice(part);
            rest = tail;
            let left = left - len as u64;
            match &mut self.framing {
                Framing::Eof => {}
                Framing::Length(missing) => *missing = left,
                Framing::Chunked { next, .. } => {
                    *next = if left == 0 { Next::ChunkCr } else { Next::Chunk(left) };
                }
            }
        }
    }

    /// Takes a byte that is in front of a chunk, or behind one. If it can't be there, these aren't
    /// chunks: what came since the last of them, and all that follows, is kept as it is.
    fn receive_between_chunks(&mut self, byte: u8) {
        let Framing::Chunked { line, next } = &mut self.framing else { return };
        line.push(byte);
        match next.after(byte).filter(|_| line.len() <= self.max_line) {
            Some(after) => {
                if matches!(after, Next::Chunk(_) | Next::START) {
                    line.clear();
                }
                *next = after;
            }
            None => {
                let room = self.max_body.saturating_sub(self.body.len());
                self.body.extend_from_slice(line.get(..room).unwrap_or(line));
                self.framing = Framing::Eof;
            }
        }
    }
}

impl Next {
    const START: Self = Self::Size { digits: 0, value: 0 };

    /// Whether this is a part of the line in front of a chunk.
    fn is_size(self) -> bool {
        matches!(self, Self::Size { .. } | Self::Extension(_) | Self::SizeLf(_))
    }

    /// The part behind `byte`, which isn't one of a chunk; `None` if it can't be there.
    fn after(self, byte: u8) -> Option<Self> {
        match (self, byte) {
            (Self::Size { digits: 1.., value }, b'\r') => Some(Self::SizeLf(value)),
            (Self::Size { digits: 1.., value }, b';' | b' ' | b'\t') => {
                Some(Self::Extension(value))
            }
            (Self::Size { digits: digits @ 0..=15, value }, byte) => {
                let digit = char::from(byte).to_digit(16)?;
                Some(Self::Size { digits: digits + 1, value: value << 4 | u64::from(digit) })
            }
            (Self::Extension(value), b'\r') => Some(Self::SizeLf(value)),
            (Self::Extension(_), b'\n') => None,
            (Self::Extension(value), _) => Some(Self::Extension(value)),
            (Self::SizeLf(0), b'\n') => Some(Self::End),
            (Self::SizeLf(value), b'\n') => Some(Self::Chunk(value)),
            (Self::ChunkCr, b'\r') => Some(Self::ChunkLf),
            (Self::ChunkLf, b'\n') => Some(Self::START),
            _ => None,
        }
    }
}
