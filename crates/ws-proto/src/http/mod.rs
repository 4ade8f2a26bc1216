//! The part of HTTP/1.1 that an opening handshake needs: one request without a body, one response
//! ([RFC 9112]).
//!
//! httparse parses heads, once they are complete. This module adds what httparse doesn't check:
//! limits, also on incomplete lines; CRLF at the end of each line; no empty line before the first;
//! the space before the reason phrase; the range of status codes; ASCII request targets. Nothing
//! outside the grammar is tolerated, since disagreement between proxies and servers allows attacks
//! (request smuggling).
//!
//! [`client`](crate::client) and [`server`](crate::server) decide what the headers mean. Start
//! reading at [`RequestReader`].
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

/// Up to this many header lines are parsed without an allocation for the parser.
const STACK_HEADERS: usize = 128;

/// Collects parsed header lines, in their order and spelling, repeated ones included.
fn collect(lines: &[httparse::Header<'_>]) -> Result<Headers, MessageCause> {
    // The parser has checked names and values by the same rules.
    Headers::from_latin1(lines.iter().map(|line| (line.name, line.value)))
        .map_err(|_| malformed("invalid header"))
}

/// The cause for bytes that aren't HTTP, or that no endpoint here accepts.
fn malformed(text: &'static str) -> MessageCause {
    MessageCause::Malformed(text.into())
}

/// The cause for an error of the parser.
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
