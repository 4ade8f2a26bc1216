//! `Headers` as text and as bytes of a wire.

use std::fmt;

use crate::Headers;

impl Headers {
    /// The headers as they go on the wire: `Name: value\r\n` for each line, then `\r\n`.
    ///
    /// Each character of a value becomes one octet (ISO-8859-1). No line can be forged, since no
    /// name and no value holds a line break.
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

    /// Appends what [`serialize`](Self::serialize) gives to `out`.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        out.reserve(self.lines().text_len() + self.line_count() * ": \r\n".len() + "\r\n".len());
        for (name, value) in self {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            write_latin1(value, out);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// The text of the headers: `Name: value\r\n` for each line, then `\r\n`.
impl fmt::Display for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in self {
            write!(f, "{name}: {value}\r\n")?;
        }
        f.write_str("\r\n")
    }
}

/// The lines as pairs, with control characters escaped: `Headers([("Host", "example.com")])`.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// The pairs in brackets.
        struct Pairs<'a>(&'a Headers);

        impl fmt::Debug for Pairs<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_list().entries(self.0).finish()
            }
        }

        f.debug_tuple("Headers").field(&Pairs(self)).finish()
    }
}

/// Appends a checked value, one octet for each character.
pub(crate) fn write_latin1(value: &str, out: &mut Vec<u8>) {
    if value.is_ascii() {
        out.extend_from_slice(value.as_bytes());
    } else {
        // Checked values hold nothing above U+00FF.
        out.extend(value.chars().map(|c| u8::try_from(c).unwrap_or(b'?')));
    }
}
