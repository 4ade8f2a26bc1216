//! The part of HTTP/1.1 that an opening handshake needs: one request, whose body isn't
//! read, and one response
//! ([RFC 9112]).
//!
//! httparse parses header lines, once a head is complete. This module adds what httparse doesn't
//! check: limits, also on incomplete lines; CRLF at the end of each line; first lines, which are
//! judged as soon as they are there; ASCII request targets. Nothing outside the grammar is tolerated in a
//! request, nor in a response that opens a connection, since disagreement between proxies and servers
//! allows attacks (request smuggling). A response that refuses one only explains a failure, so its status
//! line and body are read leniently: see [`ResponseReader::receive_data`].
//!
//! [`client`](crate::client) and [`server`](crate::server) decide what the headers mean. Start
//! reading at [`RequestReader`].
//!
//! [RFC 9112]: https://www.rfc-editor.org/rfc/rfc9112

mod body;
#[cfg(feature = "http")]
mod convert;
pub(crate) mod framing;
mod head;
mod limits;
mod percent;
mod request;
mod response;

pub use limits::HandshakeLimits;
pub use percent::percent_decode;
pub use request::{HttpVersion, Request, RequestReader};
pub use response::{Response, ResponseReader};

use std::borrow::Cow;

use ws_errors::MessageCause;

/// The cause for a line that breaks the grammar: its text has the line, bounded and escaped.
fn invalid_line(name: &str, line: &[u8]) -> MessageCause {
    const MAX: usize = 64;
    let (shown, more) = match line.get(..MAX) {
        Some(shown) if line.len() > MAX => (shown, "..."),
        _ => (line, ""),
    };
    MessageCause::Malformed(format!("invalid {name} \"{}\"{more}", shown.escape_ascii()).into())
}

/// A request line or target for people: without the query, which may hold a secret, and all behind it.
fn without_query(line: &[u8]) -> Cow<'_, [u8]> {
    match line.iter().position(|&b| b == b'?').and_then(|at| line.split_at_checked(at + 1)) {
        Some((front, [_, ..])) => Cow::Owned([front, b"***"].concat()),
        _ => Cow::Borrowed(line),
    }
}

/// The cause for bytes that aren't HTTP, or that no endpoint here accepts.
fn malformed(text: &'static str) -> MessageCause {
    MessageCause::Malformed(text.into())
}
