//! [`Response`]: an HTTP response, which some exceptions hold.

use ws_headers::Headers;

/// An HTTP/1.1 response with its body ([RFC 9112 §6]).
///
/// It is defined here because [`InvalidStatus`](crate::InvalidStatus) and
/// [`InvalidProxyStatus`](crate::InvalidProxyStatus) hold one. Its public home is
/// `ws_proto::http::Response`, beside `Request`. Nothing is checked: whoever reads a response from a
/// peer limits it.
///
/// ```
/// use ws_errors::{Headers, Response};
/// let mut headers = Headers::new();
/// headers.insert("Content-Length", "3")?;
/// let response = Response::new(200, "OK", headers, "hi\n");
/// assert_eq!(response.serialize(), b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [RFC 9112 §6]: https://www.rfc-editor.org/rfc/rfc9112#section-6
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Response {
    /// The status code, such as 101.
    pub status_code: u16,
    /// The reason phrase, such as `Switching Protocols`; may be empty.
    pub reason_phrase: String,
    /// The header lines.
    pub headers: Headers,
    /// The body, without any transfer coding; may be empty.
    pub body: Vec<u8>,
}

impl Response {
    /// Creates a response from its parts.
    #[must_use]
    pub fn new(
        status_code: u16,
        reason_phrase: impl Into<String>,
        headers: Headers,
        body: impl Into<Vec<u8>>,
    ) -> Self {
        Self { status_code, reason_phrase: reason_phrase.into(), headers, body: body.into() }
    }

    /// Creates a response with this text, plain and in UTF-8. The usual reason is added when a server of this library
    /// sends it.
    ///
    /// ```
    /// use ws_errors::Response;
    /// let response = Response::text(404, "There is no such room.\n");
    /// assert_eq!(response.headers.get("Content-Type"), Ok(Some("text/plain; charset=utf-8")));
    /// ```
    #[must_use]
    pub fn text(status_code: u16, text: impl Into<String>) -> Self {
        Self::of_type(status_code, "text/plain; charset=utf-8", text.into())
    }

    /// Creates a response with this page, in UTF-8; else as [`text`](Self::text). Escape what comes from others.
    ///
    /// ```
    /// use ws_errors::Response;
    /// let response = Response::html(200, "<!doctype html><title>Chat</title>");
    /// assert_eq!(response.headers.get("Content-Type"), Ok(Some("text/html; charset=utf-8")));
    /// ```
    #[must_use]
    pub fn html(status_code: u16, page: impl Into<String>) -> Self {
        Self::of_type(status_code, "text/html; charset=utf-8", page.into())
    }

    fn of_type(status_code: u16, content_type: &str, text: String) -> Self {
        let mut headers = Headers::new();
        // It is valid.
        _ = headers.insert("Content-Type", content_type);
        Self::new(status_code, "", headers, text)
    }

    /// Returns the response as on the wire: status line, headers, empty line and body.
    ///
    /// The headers have to tell where the body ends; nothing is added to them. Characters of the
    /// reason phrase that can't stand there, such as line breaks, become question marks.
    #[must_use]
    pub fn serialize(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256 + self.body.len());
        self.write_to(&mut out);
        out
    }

    /// Appends the response to `out`, as [`serialize`](Self::serialize) returns it.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"HTTP/1.1 ");
        match self.status_code {
            101 => out.extend_from_slice(b"101 "),
            code => out.extend_from_slice(format!("{code:03} ").as_bytes()),
        }
        let reason = &self.reason_phrase;
        match reason.bytes().all(|b| matches!(b, b'\t' | b' '..=b'~')) {
            true => out.extend_from_slice(reason.as_bytes()),
            false => out.extend(reason.chars().map(|c| match u8::try_from(c) {
                Ok(octet @ (b'\t' | b' '..=b'~' | 0x80..)) => octet,
                Ok(_) | Err(_) => b'?',
            })),
        }
        out.extend_from_slice(b"\r\n");
        self.headers.write_to(out);
        out.extend_from_slice(&self.body);
    }
}
