//! Failed negotiation of extensions and subprotocols ([RFC 6455 §9.1], [§4.1]).
//!
//! [RFC 6455 §9.1]: https://www.rfc-editor.org/rfc/rfc6455#section-9.1
//! [§4.1]: https://www.rfc-editor.org/rfc/rfc6455#section-4.1

use std::fmt;

use ws_types::{ExtensionName, ExtensionParameter, Subprotocol};

/// Client and server don't agree on an extension or subprotocol.
///
/// ```
/// use ws_errors::{NegotiationError, NegotiationErrorKind};
///
/// let error = NegotiationError::from(NegotiationErrorKind::MissingSubprotocol);
/// assert_eq!(error.to_string(), "missing subprotocol");
/// // Other extensions have texts of their own.
/// let error = NegotiationError::new("expected server_no_context_takeover");
/// assert_eq!(error.to_string(), "expected server_no_context_takeover");
/// ```
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NegotiationError {
    /// An offered or accepted extension or subprotocol can't be used.
    #[error("{0}")]
    Base(NegotiationErrorKind),
    /// A parameter of an extension is repeated.
    #[error(transparent)]
    DuplicateParameter(DuplicateParameter),
    /// The extension has no parameter with this name.
    #[error(transparent)]
    InvalidParameterName(InvalidParameterName),
    /// The value of a parameter is missing or not allowed.
    #[error(transparent)]
    InvalidParameterValue(Box<InvalidParameterValue>),
}

impl NegotiationError {
    /// Makes the exception with a text of your own: [`NegotiationErrorKind::Custom`].
    #[must_use]
    pub fn new(msg: impl Into<Box<str>>) -> Self {
        Self::Base(NegotiationErrorKind::Custom(msg.into()))
    }
}

impl From<NegotiationErrorKind> for NegotiationError {
    fn from(kind: NegotiationErrorKind) -> Self {
        Self::Base(kind)
    }
}

/// The failure that a [`NegotiationError`] is about; `Display` writes its text.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum NegotiationErrorKind {
    /// The server accepted an extension although the client offered none.
    NoExtensions,
    /// The server accepted an extension that the client didn't offer, or not with these parameters.
    UnsupportedExtension(Box<UnsupportedExtension>),
    /// The server selected a subprotocol although the client offered none.
    NoSubprotocols,
    /// The server selected a subprotocol that the client didn't offer.
    UnsupportedSubprotocol(Subprotocol),
    /// The server requires a subprotocol, and the client offered none.
    MissingSubprotocol,
    /// The client offered none of the subprotocols that the server supports.
    InvalidSubprotocol {
        /// The subprotocols that the server supports, in its order of preference.
        expected: Box<[Subprotocol]>,
    },
    /// A text of an extension, or of a hook that selects the subprotocol.
    Custom(Box<str>),
}

impl fmt::Display for NegotiationErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoExtensions => f.write_str("no extensions supported"),
            Self::UnsupportedExtension(extension) => extension.fmt(f),
            Self::NoSubprotocols => f.write_str("no subprotocols supported"),
            Self::UnsupportedSubprotocol(chosen) => write!(f, "unsupported subprotocol: {chosen}"),
            Self::MissingSubprotocol => f.write_str("missing subprotocol"),
            Self::InvalidSubprotocol { expected } => {
                f.write_str("invalid subprotocol; expected one of ")?;
                separated(f, expected, |f, subprotocol| subprotocol.fmt(f))
            }
            Self::Custom(msg) => f.write_str(msg),
        }
    }
}

/// An extension that the server accepted and the client didn't offer, or not with these parameters
/// ([RFC 6455 §4.1]).
///
/// ```
/// use ws_errors::UnsupportedExtension;
/// use ws_types::{ExtensionName, ExtensionParameter};
///
/// let extension = UnsupportedExtension::new(
///     ExtensionName::new("x-op")?,
///     vec![ExtensionParameter::new("a", None)?, ExtensionParameter::new("b", Some("1"))?],
/// );
/// assert_eq!(
///     extension.to_string(),
///     "Unsupported extension: name = x-op, params = [('a', None), ('b', '1')]"
/// );
/// # Ok::<(), ws_types::InvalidToken>(())
/// ```
///
/// [RFC 6455 §4.1]: https://www.rfc-editor.org/rfc/rfc6455#section-4.1
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct UnsupportedExtension {
    /// The name of the extension.
    pub name: ExtensionName,
    /// Its parameters, in the server's order.
    pub params: Vec<ExtensionParameter>,
}

impl UnsupportedExtension {
    /// Makes the description of this extension with these parameters.
    #[must_use]
    pub fn new(name: ExtensionName, params: impl Into<Vec<ExtensionParameter>>) -> Self {
        Self { name, params: params.into() }
    }
}

impl fmt::Display for UnsupportedExtension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unsupported extension: name = {}, params = [", self.name)?;
        separated(f, &self.params, |f, param| {
            write!(f, "({}, ", quoted(param.name()))?;
            match param.value() {
                None => f.write_str("None)"),
                Some(value) => write!(f, "{})", quoted(value)),
            }
        })?;
        f.write_str("]")
    }
}

impl From<UnsupportedExtension> for NegotiationErrorKind {
    fn from(extension: UnsupportedExtension) -> Self {
        Self::UnsupportedExtension(Box::new(extension))
    }
}

/// A parameter of an extension is repeated ([RFC 6455 §9.1]).
///
/// [RFC 6455 §9.1]: https://www.rfc-editor.org/rfc/rfc6455#section-9.1
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("duplicate parameter: {name}")]
#[non_exhaustive]
pub struct DuplicateParameter {
    /// The name of the parameter.
    pub name: Box<str>,
}

impl DuplicateParameter {
    /// Makes the exception for the parameter `name`.
    #[must_use]
    pub fn new(name: impl Into<Box<str>>) -> Self {
        Self { name: name.into() }
    }
}

/// The extension has no parameter with this name ([RFC 6455 §9.1]).
///
/// [RFC 6455 §9.1]: https://www.rfc-editor.org/rfc/rfc6455#section-9.1
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("invalid parameter name: {name}")]
#[non_exhaustive]
pub struct InvalidParameterName {
    /// The name of the parameter.
    pub name: Box<str>,
}

impl InvalidParameterName {
    /// Makes the exception for the parameter `name`.
    #[must_use]
    pub fn new(name: impl Into<Box<str>>) -> Self {
        Self { name: name.into() }
    }
}

/// The value of a parameter of an extension is missing or not allowed ([RFC 6455 §9.1]).
///
/// ```
/// use ws_errors::InvalidParameterValue;
///
/// let error = InvalidParameterValue::new("server_max_window_bits", Some("16"));
/// assert_eq!(error.to_string(), "invalid value for parameter server_max_window_bits: 16");
/// ```
///
/// [RFC 6455 §9.1]: https://www.rfc-editor.org/rfc/rfc6455#section-9.1
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct InvalidParameterValue {
    /// The name of the parameter.
    pub name: Box<str>,
    /// The refused value; `None` when it is missing.
    pub value: Option<Box<str>>,
}

impl InvalidParameterValue {
    /// Makes the exception for the parameter `name`; `None` when it has no value.
    #[must_use]
    pub fn new(name: impl Into<Box<str>>, value: Option<&str>) -> Self {
        Self { name: name.into(), value: value.map(Into::into) }
    }
}

impl fmt::Display for InvalidParameterValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match self.value.as_deref() {
            None => write!(f, "missing value for parameter {name}"),
            Some("") => write!(f, "empty value for parameter {name}"),
            Some(value) => write!(f, "invalid value for parameter {name}: {value}"),
        }
    }
}

impl std::error::Error for InvalidParameterValue {}

/// Writes `items` with `, ` between them.
fn separated<T>(
    f: &mut fmt::Formatter<'_>,
    items: &[T],
    mut item: impl FnMut(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    let mut separator = "";
    for it in items {
        f.write_str(separator)?;
        item(f, it)?;
        separator = ", ";
    }
    Ok(())
}

/// Puts a token in quotes as Python does: in double quotes if it contains an apostrophe.
fn quoted(token: &str) -> String {
    if token.contains('\'') { format!("\"{token}\"") } else { format!("'{token}'") }
}
