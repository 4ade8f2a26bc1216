//! The little of HTTP/1.1 that an opening handshake takes: one request without a body, one
//! response ([RFC 9112]).
//!
//! Heads are parsed by httparse once they are complete. Around it, this module enforces what that
//! parser leaves open: limits (while a line is still incomplete, not only at its end), CRLF at the
//! end of each line, a first line that comes first, the space before the reason phrase, the range
//! of status codes, ASCII request targets. Proxies and servers that disagree about such things can
//! be played off against each other, so nothing is tolerated that isn't in the grammar.
//!
//! What the headers mean is decided in [`client`](crate::client) and [`server`](crate::server).
//! Start reading at [`RequestReader`].
//!
//! [RFC 9112]: https://www.rfc-editor.org/rfc/rfc9112

mod body;
mod head;
mod limits;
mod request;
mod response;

pub use limits::HandshakeLimits;
pub use request::{HttpVersion, Request, RequestReader};
pub use response::{Response, ResponseReader};

use ws_errors::MessageCause;
use ws_headers::Headers;

/// How many header lines are parsed without allocating for the parser; more are fine.
const STACK_HEADERS: usize = 128;

/// Collects parsed header lines, in their order and spelling, none of them overwriting another.
fn collect(lines: &[httparse::Header<'_>]) -> Result<Headers, MessageCause> {
    // The parser has checked names and values by the same rules.
    Headers::from_latin1(lines.iter().map(|line| (line.name, line.value)))
        .map_err(|_| malformed("invalid header"))
}

/// The cause for bytes that aren't HTTP, or are what no endpoint of ours wants.
fn malformed(text: &'static str) -> MessageCause {
    MessageCause::Malformed(text.into())
}

/// The cause for what the parser has found.
fn unparsable(error: httparse::Error) -> MessageCause {
    malformed(match error {
        httparse::Error::HeaderName => "invalid header name",
        httparse::Error::HeaderValue => "invalid header value",
        httparse::Error::NewLine => "invalid line break",
        httparse::Error::Status => "invalid status line",
        httparse::Error::Token => "invalid request line",
        httparse::Error::TooManyHeaders => "too many headers",
        httparse::Error::Version => "unsupported HTTP version",
    })
}
