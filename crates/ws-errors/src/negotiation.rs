//! Extensions and subprotocols that aren't agreed on ([RFC 6455 §9.1], [§4.1]).
//!
//! [RFC 6455 §9.1]: https://www.rfc-editor.org/rfc/rfc6455#section-9.1
//! [§4.1]: https://www.rfc-editor.org/rfc/rfc6455#section-4.1

use std::fmt;

use ws_types::{ExtensionName, ExtensionParameter, Subprotocol};

/// The two sides don't agree on an extension or a subprotocol.
///
/// ```
/// use ws_errors::{NegotiationError, NegotiationErrorKind};
///
/// let error = NegotiationError::from(NegotiationErrorKind::MissingSubprotocol);
/// assert_eq!(error.to_string(), "missing subprotocol");
/// // Extensions of your own say what they refuse in their own words.
/// let error = NegotiationError::new("expected server_no_context_takeover");
/// assert_eq!(error.to_string(), "expected server_no_context_takeover");
/// ```
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NegotiationError {
    /// What was offered or accepted can't be used.
    #[error("{0}")]
    Base(NegotiationErrorKind),
    /// A parameter of an extension is repeated.
    #[error(transparent)]
    DuplicateParameter(DuplicateParameter),
    /// A parameter of an extension has a name that the extension doesn't know.
    #[error(transparent)]
    InvalidParameterName(InvalidParameterName),
    /// A parameter of an extension has a value that the extension doesn't take.
    #[error(transparent)]
    InvalidParameterValue(Box<InvalidParameterValue>),
}

impl NegotiationError {
    /// The exception with a text of your own: [`NegotiationErrorKind::Custom`].
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

/// What a [`NegotiationError`] is about; `Display` gives its text.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum NegotiationErrorKind {
    /// The server accepted an extension, and the client offered none.
    NoExtensions,
    /// The server accepted an extension that the client didn't offer, or not with these parameters.
    UnsupportedExtension(Box<UnsupportedExtension>),
    /// The server chose a subprotocol, and the client offered none.
    NoSubprotocols,
    /// The server chose a subprotocol that the client didn't offer.
    UnsupportedSubprotocol(Subprotocol),
    /// The server wants a subprotocol, and the client offered none.
    MissingSubprotocol,
    /// The client offered none of the subprotocols that the server has.
    InvalidSubprotocol {
        /// Those that the server has, in its order of preference.
        expected: Box<[Subprotocol]>,
    },
    /// In the words of an extension, or of a hook that selects the subprotocol.
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

/// An extension as the server accepted it, although the client didn't offer it like that.
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
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct UnsupportedExtension {
    /// The extension.
    pub name: ExtensionName,
    /// Its parameters, in the server's order.
    pub params: Vec<ExtensionParameter>,
}

impl UnsupportedExtension {
    /// This extension with these parameters.
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

/// A parameter of an extension is repeated.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("duplicate parameter: {name}")]
#[non_exhaustive]
pub struct DuplicateParameter {
    /// The parameter's name.
    pub name: Box<str>,
}

impl DuplicateParameter {
    /// The exception for the parameter `name`.
    #[must_use]
    pub fn new(name: impl Into<Box<str>>) -> Self {
        Self { name: name.into() }
    }
}

/// A parameter of an extension has a name that the extension doesn't know.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("invalid parameter name: {name}")]
#[non_exhaustive]
pub struct InvalidParameterName {
    /// The parameter's name.
    pub name: Box<str>,
}

impl InvalidParameterName {
    /// The exception for the parameter `name`.
    #[must_use]
    pub fn new(name: impl Into<Box<str>>) -> Self {
        Self { name: name.into() }
    }
}

/// A parameter of an extension has a value that the extension doesn't take, or lacks one.
///
/// ```
/// use ws_errors::InvalidParameterValue;
///
/// let error = InvalidParameterValue::new("server_max_window_bits", Some("16"));
/// assert_eq!(error.to_string(), "invalid value for parameter server_max_window_bits: 16");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct InvalidParameterValue {
    /// The parameter's name.
    pub name: Box<str>,
    /// The refused value; `None` when it is missing.
    pub value: Option<Box<str>>,
}

impl InvalidParameterValue {
    /// The exception for the parameter `name` with this value, or without any.
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

/// A token in quotes, as Python writes it: in double quotes if it has an apostrophe.
fn quoted(token: &str) -> String {
    if token.contains('\'') { format!("\"{token}\"") } else { format!("'{token}'") }
}
