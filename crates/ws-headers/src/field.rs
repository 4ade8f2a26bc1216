//! Checked names and values, and the checks.

use std::fmt;
use std::str::FromStr;

use unicase::Ascii;

use crate::{InvalidHeaderName, InvalidHeaderValue};

/// The name of a header: a token ([RFC 9110 §5.1]) that keeps its spelling.
///
/// Comparison, order and hash ignore the case of ASCII letters. Pairs of a name and a value are the
/// items of `Headers::extend` and `Headers::into_iter`.
///
/// ```
/// use ws_headers::HeaderName;
///
/// let name = HeaderName::new("X-Request-ID")?;
/// assert_eq!(name, "x-request-id");
/// assert_eq!(name.as_str(), "X-Request-ID");
/// assert!(HeaderName::new("X-Request-ID:").is_err());
/// # Ok::<(), ws_headers::InvalidHeaderName>(())
/// ```
///
/// [RFC 9110 §5.1]: https://www.rfc-editor.org/rfc/rfc9110#section-5.1
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct HeaderName(Ascii<Box<str>>);

impl HeaderName {
    /// Makes a name of this text.
    ///
    /// # Errors
    /// [`InvalidHeaderName`] when `name` is empty, or contains anything but ASCII letters, digits and
    /// ``!#$%&'*+-.^_`|~``.
    pub fn new(name: impl Into<Box<str>>) -> Result<Self, InvalidHeaderName> {
        let name = name.into();
        check_name(&name)?;
        Ok(Self::trusted(name))
    }

    /// The name in its original spelling.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_ref()
    }

    /// Makes a name of text that was checked before.
    pub(crate) fn trusted(name: impl Into<Box<str>>) -> Self {
        Self(Ascii::new(name.into()))
    }
}

/// Ignores the case of ASCII letters.
impl PartialEq<str> for HeaderName {
    fn eq(&self, other: &str) -> bool {
        same_name(self.as_str(), other)
    }
}

/// Ignores the case of ASCII letters.
impl PartialEq<&str> for HeaderName {
    fn eq(&self, other: &&str) -> bool {
        same_name(self.as_str(), other)
    }
}

/// The value of a header: text of TAB, U+0020 to U+007E and U+0080 to U+00FF ([RFC 9110 §5.5]).
///
/// Each character stands for one octet on the wire (ISO-8859-1). The empty value is valid.
///
/// ```
/// use ws_headers::HeaderValue;
///
/// assert_eq!(HeaderValue::new("café")?, "café");
/// assert!(HeaderValue::new("a\r\nSet-Cookie: b").is_err());
/// # Ok::<(), ws_headers::InvalidHeaderValue>(())
/// ```
///
/// [RFC 9110 §5.5]: https://www.rfc-editor.org/rfc/rfc9110#section-5.5
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct HeaderValue(Box<str>);

impl HeaderValue {
    /// Makes a value of this text.
    ///
    /// # Errors
    /// [`InvalidHeaderValue`], with an empty name, when `value` contains a character above U+00FF or
    /// one of U+0000 to U+001F and U+007F, except TAB.
    pub fn new(value: impl Into<Box<str>>) -> Result<Self, InvalidHeaderValue> {
        let value = value.into();
        check_value("", &value)?;
        Ok(Self(value))
    }

    /// The text of the value.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Makes a value of text that was checked before.
    pub(crate) fn trusted(value: impl Into<Box<str>>) -> Self {
        Self(value.into())
    }
}

impl PartialEq<str> for HeaderValue {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other
    }
}

impl PartialEq<&str> for HeaderValue {
    fn eq(&self, other: &&str) -> bool {
        *self.0 == **other
    }
}

macro_rules! text {
    ($($name:ident, $error:ident, $inner:expr;)*) => {$(
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl FromStr for $name {
            type Err = $error;

            fn from_str(s: &str) -> Result<Self, $error> {
                Self::new(s)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = $error;

            fn try_from(s: &str) -> Result<Self, $error> {
                Self::new(s)
            }
        }

        impl TryFrom<String> for $name {
            type Error = $error;

            fn try_from(s: String) -> Result<Self, $error> {
                Self::new(s)
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                $inner(text).into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.as_str()).finish()
            }
        }
    )*};
}

text! {
    HeaderName, InvalidHeaderName, |name: HeaderName| name.0.into_inner();
    HeaderValue, InvalidHeaderValue, |value: HeaderValue| value.0;
}

/// Whether two names differ at most in the case of ASCII letters.
pub(crate) fn same_name(a: &str, b: &str) -> bool {
    Ascii::new(a) == Ascii::new(b)
}

/// Refuses names that aren't tokens ([RFC 9110 §5.6.2]).
///
/// [RFC 9110 §5.6.2]: https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2
pub(crate) fn check_name(name: &str) -> Result<(), InvalidHeaderName> {
    let valid = !name.is_empty() && name.bytes().fold(true, |token, b| token & is_token_octet(b));
    if valid { Ok(()) } else { Err(InvalidHeaderName::new(name)) }
}

/// The names of the headers whose values are credentials of a client: `Authorization`,
/// `Proxy-Authorization` and `Cookie`.
///
/// Refused values of these, and of `Set-Cookie`, aren't kept in errors, and `{:?}` of
/// [`Headers`](crate::Headers) writes `***` for them.
///
/// ```
/// use ws_headers::{CREDENTIALS, Headers};
///
/// let mut headers = Headers::try_from([("Host", "a"), ("Cookie", "session=secret")])?;
/// assert_eq!(format!("{headers:?}"), r#"Headers([("Host", "a"), ("Cookie", "***")])"#);
/// let error = headers.insert("Authorization", "Bearer secret\n").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "invalid Authorization header: contains a character that no header can hold",
/// );
/// for name in CREDENTIALS {
///     headers.remove(name);
/// }
/// assert_eq!(headers, Headers::try_from([("Host", "a")])?);
/// # Ok::<(), ws_headers::InvalidHeaderField>(())
/// ```
pub const CREDENTIALS: &[&str] = &["Authorization", "Proxy-Authorization", "Cookie"];

/// Whether values of the header `name` are secrets, so that no log may have them: those of [`CREDENTIALS`], and
/// `Set-Cookie`.
///
/// ```
/// assert!(ws_headers::is_secret("set-cookie"));
/// assert!(!ws_headers::is_secret("Host"));
/// ```
#[must_use]
pub fn is_secret(name: &str) -> bool {
    CREDENTIALS.iter().chain(&["Set-Cookie"]).any(|secret| same_name(secret, name))
}

/// A value of the header `name`, as `{:?}` shows it.
pub(crate) fn shown<'a>(name: &str, value: &'a str) -> &'a str {
    if is_secret(name) { "***" } else { value }
}

/// Refuses values that would break out of their line, or that ISO-8859-1 can't encode.
pub(crate) fn check_value(name: &str, value: &str) -> Result<(), InvalidHeaderValue> {
    // In UTF-8, U+0080 to U+00FF begin with C2 or C3, and all characters above with C4 or more.
    // Without branches, the compiler checks many bytes at once.
    let valid = value.bytes().fold(true, |valid, b| valid & is_value_octet(b) & (b < 0xC4));
    if valid {
        return Ok(());
    }
    // A line break at the end, from a file perhaps, shouldn't bring a password into a log.
    let value =
        if is_secret(name) { "contains a character that no header can hold" } else { value };
    Err(InvalidHeaderValue::new(name, Some(value.to_owned())))
}

/// Whether values may consist of these octets, all of them ASCII.
pub(crate) fn is_ascii_value(octets: &[u8]) -> bool {
    octets.iter().fold(true, |valid, &b| valid & is_value_octet(b) & b.is_ascii())
}

fn is_token_octet(b: u8) -> bool {
    TOKEN.get(usize::from(b)).is_some_and(|&token| token)
}

const fn is_value_octet(b: u8) -> bool {
    (b >= 0x20 && b != 0x7F) | (b == b'\t')
}

/// The octets of a token ([RFC 9110 §5.6.2](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2)).
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, within the table")]
static TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut octet = 0;
    while octet < table.len() {
        table[octet] = matches!(
            octet as u8,
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z'
                | b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~'
        );
        octet += 1;
    }
    table
};
