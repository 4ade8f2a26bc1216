//! Errors: what can't be a header, and a single value asked for where there are several.

use std::error::Error;
use std::fmt::{self, Write};

/// A single value was asked for, and the header has several.
///
/// The text is the name in quotes: `'Server'`. Ask for [`get_all`](crate::Headers::get_all) when
/// repeats are fine; a program that expects one value has met a malformed message.
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
    /// The name, as the caller wrote it; lower-cased where an iterator met the repeats.
    pub name: String,
}

impl MultipleValuesError {
    /// The error for the header `name`.
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

/// A name that is no token, so that no header can have it ([RFC 9110 §5.1]).
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
    /// The refused name.
    pub name: String,
}

impl InvalidHeaderName {
    /// The error for `name`.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }
}

/// A value that can't be used: absent where one is needed, empty, or otherwise wrong.
///
/// This crate makes it only for values that hold a character that header values can't hold
/// ([RFC 9110 §5.5]); programs above use it for values that break the rules of their header.
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
    /// The header's name; empty for a value that was checked on its own.
    pub name: String,
    /// The refused value; `None` when the header is missing. Control characters are escaped by
    /// `Display`, not here.
    pub value: Option<String>,
}

impl InvalidHeaderValue {
    /// The error for the header `name` with this value, or without any.
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

/// A header that can't be stored: its name or its value isn't valid.
///
/// `Display` and `source` are those of the error inside.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "a field has a name and a value, nothing else")]
pub enum InvalidHeaderField {
    /// The name is no token.
    #[error(transparent)]
    Name(#[from] InvalidHeaderName),
    /// The value has a character that values can't have.
    #[error(transparent)]
    Value(#[from] InvalidHeaderValue),
}

/// Why [`Headers::setdefault`](crate::Headers::setdefault) has no value to give.
///
/// `Display` and `source` are those of the error inside.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "the header is repeated, or can't be added")]
pub enum SetDefaultError {
    /// The header is there more than once.
    #[error(transparent)]
    MultipleValues(#[from] MultipleValuesError),
    /// The header is absent, and the default can't be added.
    #[error(transparent)]
    InvalidHeaderField(#[from] InvalidHeaderField),
}

/// Writes `text` with its control characters escaped, so that it can't forge lines of a log.
fn write_escaped(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    for c in text.chars() {
        if c.is_control() { write!(f, "{}", c.escape_debug())? } else { f.write_char(c)? }
    }
    Ok(())
}
