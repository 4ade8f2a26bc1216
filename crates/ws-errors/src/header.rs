//! Missing and wrong headers of the opening handshake ([RFC 6455 §4.2.1], [§4.1]).
//!
//! [RFC 6455 §4.2.1]: https://www.rfc-editor.org/rfc/rfc6455#section-4.2.1
//! [§4.1]: https://www.rfc-editor.org/rfc/rfc6455#section-4.1

use std::borrow::Cow;

use ws_headers::InvalidHeaderValue;
use ws_types::Origin;

/// A header of the opening handshake is missing or wrong.
///
/// The text is `missing {name} header`, `empty {name} header` or `invalid {name} header: {value}`.
///
/// ```
/// use ws_errors::{HttpAnswer, InvalidHandshake, InvalidHeader};
///
/// let error = InvalidHeader::new("Sec-WebSocket-Key", None);
/// assert_eq!(error.to_string(), "missing Sec-WebSocket-Key header");
/// assert_eq!((error.name(), error.value()), ("Sec-WebSocket-Key", None));
/// assert_eq!(InvalidHandshake::from(error).http_status(), HttpAnswer::Status(400));
/// ```
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidHeader {
    /// The header is missing or repeated.
    #[error("{}", describe(name, value.as_deref()))]
    Base {
        /// The header's name.
        name: Box<str>,
        /// The fault, such as `multiple values`; `None` when the header is missing.
        value: Option<Box<str>>,
    },
    /// The value doesn't match the header's grammar.
    #[error(transparent)]
    InvalidHeaderFormat(Box<InvalidHeaderFormat>),
    /// The value matches the grammar and isn't acceptable.
    #[error(transparent)]
    InvalidHeaderValue(Box<InvalidHeaderValue>),
    /// The origin isn't allowed.
    #[error(transparent)]
    InvalidOrigin(InvalidOrigin),
    /// `Upgrade` or `Connection` doesn't request or accept a WebSocket.
    #[error(transparent)]
    InvalidUpgrade(InvalidUpgrade),
}

impl InvalidHeader {
    /// Makes the exception for the header `name`; `None` when it is missing.
    #[must_use]
    pub fn new(name: impl Into<Box<str>>, value: Option<&str>) -> Self {
        Self::Base { name: name.into(), value: value.map(Into::into) }
    }

    /// The header's name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Base { name, .. } => name,
            Self::InvalidHeaderFormat(e) => &e.name,
            Self::InvalidHeaderValue(e) => &e.name,
            Self::InvalidOrigin(_) => ORIGIN,
            Self::InvalidUpgrade(e) => &e.name,
        }
    }

    /// The value or its fault, as in the text; `None` when the header is missing.
    ///
    /// For [`InvalidHeaderFormat`] it is `{error} at {pos} in {header}`, which allocates.
    #[must_use]
    pub fn value(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Base { value, .. } => value.as_deref().map(Cow::Borrowed),
            Self::InvalidHeaderFormat(e) => {
                Some(Cow::Owned(format!("{} at {} in {}", e.error, e.pos, e.header)))
            }
            Self::InvalidHeaderValue(e) => e.value.as_deref().map(Cow::Borrowed),
            Self::InvalidOrigin(e) => e.origin.as_ref().map(|o| Cow::Borrowed(o.as_str())),
            Self::InvalidUpgrade(e) => e.value.as_deref().map(Cow::Borrowed),
        }
    }
}

/// A header's value doesn't match the header's grammar.
///
/// ```
/// use ws_errors::InvalidHeaderFormat;
///
/// let error = InvalidHeaderFormat::new("Connection", "expected comma", "a b", 2);
/// assert_eq!(error.to_string(), "invalid Connection header: expected comma at 2 in a b");
/// ```
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("invalid {name} header: {error} at {pos} in {header}")]
#[non_exhaustive]
pub struct InvalidHeaderFormat {
    /// The header's name.
    pub name: Box<str>,
    /// The fault, such as `expected token`.
    pub error: &'static str,
    /// The whole received value of the header line; may be empty. `***` instead of credentials.
    pub header: Box<str>,
    /// The position of the fault in the value, in characters from 0. A character is one octet on the
    /// wire.
    pub pos: usize,
}

impl InvalidHeaderFormat {
    /// Makes the exception for the value `header` of the header `name`, with a fault at the character
    /// `pos`.
    #[must_use]
    pub fn new(
        name: impl Into<Box<str>>,
        error: &'static str,
        header: impl Into<Box<str>>,
        pos: usize,
    ) -> Self {
        Self { name: name.into(), error, header: header.into(), pos }
    }
}

/// The server doesn't allow the origin ([RFC 6455 §10.2]); answered with 403.
///
/// [RFC 6455 §10.2]: https://www.rfc-editor.org/rfc/rfc6455#section-10.2
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{}", describe(ORIGIN, .origin.as_ref().map(Origin::as_str)))]
#[non_exhaustive]
pub struct InvalidOrigin {
    /// The refused origin; `None` when the header is missing.
    pub origin: Option<Origin>,
}

impl InvalidOrigin {
    /// Makes the exception for this origin; `None` when the header is missing.
    #[must_use]
    pub fn new(origin: Option<Origin>) -> Self {
        Self { origin }
    }
}

/// `Upgrade` or `Connection` doesn't request or accept the upgrade to a WebSocket
/// ([RFC 6455 §4.2.1]); a server answers with 426.
///
/// [RFC 6455 §4.2.1]: https://www.rfc-editor.org/rfc/rfc6455#section-4.2.1
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{}", describe(name, value.as_deref()))]
#[non_exhaustive]
pub struct InvalidUpgrade {
    /// `Upgrade` or `Connection`.
    pub name: Box<str>,
    /// The items of all its lines, joined with `, `; `None` when the header is missing.
    pub value: Option<Box<str>>,
}

impl InvalidUpgrade {
    /// Makes the exception for the header `name`; `None` when it is missing.
    #[must_use]
    pub fn new(name: impl Into<Box<str>>, value: Option<&str>) -> Self {
        Self { name: name.into(), value: value.map(Into::into) }
    }
}

const ORIGIN: &str = "Origin";

/// The text of all these exceptions.
fn describe(name: &str, value: Option<&str>) -> String {
    match value {
        None => format!("missing {name} header"),
        Some("") => format!("empty {name} header"),
        Some(value) => format!("invalid {name} header: {value}"),
    }
}
