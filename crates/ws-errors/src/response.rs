//! An HTTP response, as exceptions hold it.

use ws_headers::Headers;

/// A response of HTTP/1.1, complete with its body ([RFC 9112 §6]).
///
/// Whoever reads one from a peer limits it first; nothing is checked here.
///
/// [RFC 9112 §6]: https://www.rfc-editor.org/rfc/rfc9112#section-6
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Response {
    /// The status code, such as 101.
    pub status_code: u16,
    /// What is behind the status code on its line, such as `Switching Protocols`; may be empty.
    pub reason_phrase: String,
    /// The header lines.
    pub headers: Headers,
    /// The body, without any transfer coding; may be empty.
    pub body: Vec<u8>,
}

impl Response {
    /// A response with these parts.
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
