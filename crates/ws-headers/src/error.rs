//! Errors: invalid names and values, and repeats where a single value is expected.

use std::error::Error;
use std::fmt::{self, Write};

/// A header has several values where a single one is expected.
///
/// [`get_all`](crate::Headers::get_all) returns all of them. A message that repeats a header which
/// must not be repeated is malformed.
///
/// `Display` writes only the name in quotes, such as `'Server'`, which is the text of Python
/// `websockets`. Add context before showing it to people.
///
/// ```
/// # use ws_headers::Headers;
/// let headers = Headers::try_from([("Server", "a"), ("server", "b")])?;
/// let error = headers.get("SERVER").unwrap_err();
/// assert_eq!(error.name, "SERVER");
/// assert_eq!(error.to_string(), "'SERVER'");
/// # Ok::<(), ws_headers::InvalidHeaderField>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct MultipleValuesError {
    /// The name as the caller spelled it; in lower case when an iterator found the repeats.
    pub name: String,
}

impl MultipleValuesError {
    /// Makes the error for the header `name`.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }
}

impl fmt::Display for MultipleValuesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An apostrophe may be part of a name, a quotation mark may not.
        let quote = if self.name.contains('\'') { '"' } else { '\'' };
        f.write_char(quote)?;
        write_escaped(f, &self.name)?;
        f.write_char(quote)
    }
}

impl Error for MultipleValuesError {}

/// A name isn't a token, as the name of a header has to be ([RFC 9110 §5.1]).
///
/// ```
/// # use ws_headers::{HeaderName, InvalidHeaderName};
/// assert_eq!(HeaderName::new("a b"), Err(InvalidHeaderName::new("a b")));
/// assert_eq!(InvalidHeaderName::new("a b").to_string(), r#"invalid header name: "a b""#);
/// ```
///
/// [RFC 9110 §5.1]: https://www.rfc-editor.org/rfc/rfc9110#section-5.1
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("invalid header name: {name:?}")]
#[non_exhaustive]
pub struct InvalidHeaderName {
    /// The refused name; `Display` escapes control characters.
    pub name: String,
}

impl InvalidHeaderName {
    /// Makes the error for `name`.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }
}

/// The value of a header is missing, empty or wrong.
///
/// This crate returns it for values with a character that no header value may contain
/// ([RFC 9110 §5.5]). Other crates use it for values that break the rules of their header.
///
/// ```
/// # use ws_headers::InvalidHeaderValue;
/// let text = |value: Option<&str>| InvalidHeaderValue::new("Age", value.map(str::to_owned)).to_string();
/// assert_eq!(text(None), "missing Age header");
/// assert_eq!(text(Some("")), "empty Age header");
/// assert_eq!(text(Some("old\r\n")), r"invalid Age header: old\r\n");
/// ```
///
/// [RFC 9110 §5.5]: https://www.rfc-editor.org/rfc/rfc9110#section-5.5
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct InvalidHeaderValue {
    /// The header's name; empty when [`HeaderValue::new`](crate::HeaderValue::new) refused the value.
    pub name: String,
    /// The refused value; `None` when the header is missing. `Display` escapes control characters,
    /// this field doesn't. For a value that may be a secret, the fault instead: see
    /// [`CREDENTIALS`](crate::CREDENTIALS).
    pub value: Option<String>,
}

impl InvalidHeaderValue {
    /// Makes the error for the header `name`; `None` when it is missing.
    #[must_use]
    pub fn new(name: impl Into<String>, value: Option<String>) -> Self {
        Self { name: name.into(), value }
    }
}

impl fmt::Display for InvalidHeaderValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.value.as_deref() {
            None => "missing",
            Some("") => "empty",
            Some(_) => "invalid",
        })?;
        if !self.name.is_empty() {
            f.write_char(' ')?;
            write_escaped(f, &self.name)?;
        }
        f.write_str(" header")?;
        match self.value.as_deref() {
            None | Some("") => Ok(()),
            Some(value) => {
                f.write_str(": ")?;
                write_escaped(f, value)
            }
        }
    }
}

impl Error for InvalidHeaderValue {}

/// A header can't be added: its name or its value isn't valid.
///
/// `Display` and `source` are those of the inner error.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "a field has a name and a value, nothing else")]
pub enum InvalidHeaderField {
    /// The name isn't a token.
    #[error(transparent)]
    Name(#[from] InvalidHeaderName),
    /// The value contains a character that values may not contain.
    #[error(transparent)]
    Value(#[from] InvalidHeaderValue),
}

/// [`Headers::setdefault`](crate::Headers::setdefault) can't return a single value.
///
/// `Display` and `source` are those of the inner error.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "the header is repeated, or can't be added")]
pub enum SetDefaultError {
    /// The header has several values.
    #[error(transparent)]
    MultipleValues(#[from] MultipleValuesError),
    /// The header is absent, and the default can't be added.
    #[error(transparent)]
    InvalidHeaderField(#[from] InvalidHeaderField),
}

/// Writes `text` with control characters escaped, so that it can't forge lines of a log.
fn write_escaped(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    for c in text.chars() {
        // As `ws_types::Escaped` does it: also characters that end a line or change the direction.
        let is_unsafe = c.is_control()
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if is_unsafe { write!(f, "{}", c.escape_debug())? } else { f.write_char(c)? }
    }
    Ok(())
}
