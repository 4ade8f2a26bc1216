//! The HTTP response that exceptions hold.

use ws_headers::Headers;

/// A response of HTTP/1.1 with its body ([RFC 9112 §6]).
///
/// It has no limits of its own: the reader of a peer's response applies them.
///
/// [RFC 9112 §6]: https://www.rfc-editor.org/rfc/rfc9112#section-6
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Response {
    /// The status code, such as 101.
    pub status_code: u16,
    /// The reason phrase of the status line, such as `Switching Protocols`; may be empty.
    pub reason_phrase: String,
    /// The header lines.
    pub headers: Headers,
    /// The body after decoding the transfer coding; may be empty.
    pub body: Vec<u8>,
}

impl Response {
    /// Makes a response of these parts.
    #[must_use]
    pub fn new(
        status_code: u16,
        reason_phrase: impl Into<String>,
        headers: Headers,
        body: impl Into<Vec<u8>>,
    ) -> Self {
        Self { status_code, reason_phrase: reason_phrase.into(), headers, body: body.into() }
    }
}
