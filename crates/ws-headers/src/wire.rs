//! `Headers` as bytes of the wire and as text.

use std::fmt;

use crate::Headers;
use crate::latin1::encode_latin1;

impl Headers {
    /// Returns the headers as bytes of the wire: `Name: value\r\n` for each line, then `\r\n`.
    ///
    /// Each character of a value becomes one octet (ISO-8859-1). No name and no value contains a line
    /// break, so none can forge a line.
    ///
    /// ```
    /// # use ws_headers::Headers;
    /// let headers = Headers::try_from([("Host", "example.com"), ("Server", "café")])?;
    /// assert_eq!(headers.serialize(), b"Host: example.com\r\nServer: caf\xE9\r\n\r\n");
    /// assert_eq!(Headers::new().serialize(), b"\r\n");
    /// # Ok::<(), ws_headers::InvalidHeaderField>(())
    /// ```
    #[must_use]
    pub fn serialize(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write_to(&mut out);
        out
    }

    /// Appends the bytes of [`serialize`](Self::serialize) to `out`.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        out.reserve(self.lines().text_len() + self.line_count() * ": \r\n".len() + "\r\n".len());
        for (name, value) in self {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            encode_latin1(value, out);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// `Name: value\r\n` for each line, then `\r\n`. Nothing is hidden: for logs there is `{:?}`.
impl fmt::Display for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in self {
            write!(f, "{name}: {value}\r\n")?;
        }
        f.write_str("\r\n")
    }
}

/// The lines as pairs, with control characters escaped, and `***` for values of
/// [`CREDENTIALS`](crate::CREDENTIALS) and `Set-Cookie`: `Headers([("Host", "a"), ("Cookie", "***")])`.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Headers").field(&self.raw_items()).finish()
    }
}
