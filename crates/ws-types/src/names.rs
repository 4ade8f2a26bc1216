//! Values of headers of the opening handshake: origins, subprotocols, names and parameters of
//! extensions.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

/// The value of an `Origin` header: the origin of a page, as a browser sends it ([RFC 6455 §10.2]).
///
/// It holds any text and compares it byte by byte. The empty string is a value, and so is `null`,
/// which browsers send for sandboxed pages; `Option::None` stands for a missing header.
///
/// [RFC 6455 §10.2]: https://www.rfc-editor.org/rfc/rfc6455#section-10.2
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Origin(Box<str>);

impl Origin {
    /// Makes an origin of any text, such as `https://example.com`.
    #[must_use]
    pub fn new(value: impl Into<Box<str>>) -> Self {
        Self(value.into())
    }
}

impl From<&str> for Origin {
    fn from(value: &str) -> Self {
        Self(value.into())
    }
}

impl From<String> for Origin {
    fn from(value: String) -> Self {
        Self(value.into())
    }
}

/// The name of a subprotocol, as in `Sec-WebSocket-Protocol` ([RFC 6455 §1.9]).
///
/// It is a token; upper and lower case differ.
///
/// [RFC 6455 §1.9]: https://www.rfc-editor.org/rfc/rfc6455#section-1.9
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Subprotocol(Box<str>);

/// The name of an extension, as in `Sec-WebSocket-Extensions` ([RFC 6455 §9.1]).
///
/// It is a token; upper and lower case differ.
///
/// [RFC 6455 §9.1]: https://www.rfc-editor.org/rfc/rfc6455#section-9.1
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct ExtensionName(Box<str>);

/// A parameter of an extension: a name, with or without a value ([RFC 6455 §9.1]).
///
/// Both are tokens. The grammar allows quotes around a value, but the quoted text has to be a token
/// too, so `Display` writes it without quotes.
///
/// ```
/// use ws_types::ExtensionParameter;
/// let bits = ExtensionParameter::new("client_max_window_bits", Some("12"))?;
/// assert_eq!(bits.to_string(), "client_max_window_bits=12");
/// let flag = ExtensionParameter::new("server_no_context_takeover", None)?;
/// assert_eq!((flag.name(), flag.value()), ("server_no_context_takeover", None));
/// # Ok::<(), ws_types::InvalidToken>(())
/// ```
///
/// [RFC 6455 §9.1]: https://www.rfc-editor.org/rfc/rfc6455#section-9.1
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub struct ExtensionParameter {
    name: Box<str>,
    value: Option<Box<str>>,
}

impl ExtensionParameter {
    /// Makes a parameter; `None` for a parameter without a value.
    ///
    /// # Errors
    /// [`InvalidToken`] when the name or the value isn't a token.
    pub fn new(name: impl Into<Box<str>>, value: Option<&str>) -> Result<Self, InvalidToken> {
        let name = name.into();
        if !is_token(&name) {
            return Err(InvalidToken { expected: "extension parameter name", value: name });
        }
        match value {
            Some(value) if !is_token(value) => {
                Err(InvalidToken { expected: "extension parameter value", value: value.into() })
            }
            value => Ok(Self { name, value: value.map(Into::into) }),
        }
    }

    /// The name; upper and lower case differ.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value; `None` for a parameter without one, such as `server_no_context_takeover`.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }
}

impl fmt::Display for ExtensionParameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match &self.value {
            Some(value) => write!(f, "={value}"),
            None => Ok(()),
        }
    }
}

/// A string isn't a token where one is required.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("invalid {expected}: {value}")]
#[non_exhaustive]
pub struct InvalidToken {
    /// The use of the string: `subprotocol`, `extension name`, `extension parameter name` or
    /// `extension parameter value`.
    pub expected: &'static str,
    /// The refused string; `Display` doesn't escape it.
    pub value: Box<str>,
}

macro_rules! text {
    ($($name:ident)*) => {$(
        impl $name {
            /// The text of the value.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                *self.0 == *other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                *self.0 == **other
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.0).finish()
            }
        }
    )*};
}

macro_rules! token {
    ($($name:ident, $expected:literal;)*) => {$(
        impl $name {
            /// Makes a name of a token.
            ///
            /// # Errors
            /// [`InvalidToken`] when `value` isn't a token, which [`is_token`] tells.
            pub fn new(value: impl Into<Box<str>>) -> Result<Self, InvalidToken> {
                let value = value.into();
                if is_token(&value) { Ok(Self(value)) } else { Err(InvalidToken { expected: $expected, value }) }
            }
        }

        impl FromStr for $name {
            type Err = InvalidToken;

            fn from_str(value: &str) -> Result<Self, InvalidToken> {
                Self::new(value)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = InvalidToken;

            fn try_from(value: &str) -> Result<Self, InvalidToken> {
                Self::new(value)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidToken;

            fn try_from(value: String) -> Result<Self, InvalidToken> {
                Self::new(value)
            }
        }
    )*};
}

text!(Origin Subprotocol ExtensionName);
token!(Subprotocol, "subprotocol"; ExtensionName, "extension name";);

/// Whether `s` is a token of HTTP: one or more ASCII letters, digits and ``!#$%&'*+-.^_`|~``
/// ([RFC 9110 §5.6.2]).
///
/// ```
/// use ws_types::is_token;
/// assert!(is_token("permessage-deflate"));
/// assert!(!is_token("a b") && !is_token(""));
/// ```
///
/// [RFC 9110 §5.6.2]: https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2
#[must_use]
pub const fn is_token(s: &str) -> bool {
    let mut rest = s.as_bytes();
    while let [first, tail @ ..] = rest {
        if !matches!(
            first,
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z'
                | b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~'
        ) {
            return false;
        }
        rest = tail;
    }
    !s.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_exactly_those_of_rfc9110() {
        for c in 0..=0x17fu32 {
            let s = char::from_u32(c).unwrap().to_string();
            let expected = s.len() == 1
                && (s.as_bytes()[0].is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(&s));
            assert_eq!(is_token(&s), expected, "{s:?}");
        }
        assert!(!is_token(""));
    }

    #[test]
    fn subprotocols_are_case_sensitive_tokens() {
        assert_ne!(Subprotocol::new("Chat").unwrap(), Subprotocol::new("chat").unwrap());
        for bad in ["", "a b", "a,b", "\"a\"", "é", "a\r\nb"] {
            let e = Subprotocol::new(bad).unwrap_err();
            assert_eq!(e.to_string(), format!("invalid subprotocol: {bad}"));
        }
    }

    #[test]
    fn parameters_refuse_what_would_need_quotes() {
        assert!(ExtensionParameter::new("a", Some("")).is_err());
        assert!(ExtensionParameter::new("a;b", None).is_err());
        assert_ne!(
            ExtensionParameter::new("a", None).unwrap(),
            ExtensionParameter::new("a", Some("b")).unwrap()
        );
    }
}
