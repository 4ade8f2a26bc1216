//! `Sec-WebSocket-Extensions`: the offered or the accepted extensions.

use std::fmt;

use ws_errors::InvalidHeaderFormat;
use ws_types::{ExtensionName, ExtensionParameter, is_token};

use super::cursor::Cursor;

/// One extension, as offered by a client or accepted by a server ([RFC 6455 §9.1]).
///
/// It displays as on the wire, `name; flag; parameter=value`. Nothing is ever quoted, since values
/// are tokens.
///
/// ```
/// use ws_proto::grammar::ExtensionHeader;
/// use ws_types::ExtensionParameter;
/// let params = vec![ExtensionParameter::new("a", Some("1"))?, ExtensionParameter::new("b", None)?];
/// let header = ExtensionHeader { name: "x-foo".parse()?, params };
/// assert_eq!(header.to_string(), "x-foo; a=1; b");
/// # Ok::<(), ws_types::InvalidToken>(())
/// ```
///
/// [RFC 6455 §9.1]: https://www.rfc-editor.org/rfc/rfc6455#section-9.1
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "the grammar of RFC 6455 has nothing else")]
pub struct ExtensionHeader {
    /// The name of the extension; case-sensitive.
    pub name: ExtensionName,
    /// Its parameters, in their order. Repeated ones are kept: the extension decides about them.
    pub params: Vec<ExtensionParameter>,
}

impl fmt::Display for ExtensionHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        self.params.iter().try_for_each(|param| write!(f, "; {param}"))
    }
}

const NAME: &str = "Sec-WebSocket-Extensions";

/// Parses a `Sec-WebSocket-Extensions` header ([RFC 6455 §9.1]).
///
/// Names and parameters are case-sensitive. A parameter without `=` has no value, which differs
/// from an empty one. A quoted value is unquoted, and has to be a token.
///
/// # Errors
/// [`InvalidHeaderFormat`] (`expected token`, `expected comma`, `expected quoted string`,
/// `invalid quoted header content`) when the value isn't a list of extensions with at least one of
/// them.
///
/// ```
/// use ws_proto::grammar::parse_extension;
/// let offers = parse_extension("permessage-deflate; client_max_window_bits, x-b; a=\"1\"")?;
/// assert_eq!(offers[0].name, "permessage-deflate");
/// assert_eq!(offers[0].params[0].name(), "client_max_window_bits");
/// assert_eq!(offers[0].params[0].value(), None);
/// assert_eq!(offers[1].params[0].value(), Some("1"));
/// # Ok::<(), ws_errors::InvalidHeaderFormat>(())
/// ```
///
/// [RFC 6455 §9.1]: https://www.rfc-editor.org/rfc/rfc6455#section-9.1
pub fn parse_extension(header: &str) -> Result<Vec<ExtensionHeader>, InvalidHeaderFormat> {
    Cursor::new(NAME, header).list(|cursor| {
        let name = name(cursor)?;
        cursor.skip_ows();
        let mut params = Vec::new();
        while cursor.eat(b';') {
            cursor.skip_ows();
            params.push(parameter(cursor)?);
        }
        Ok(ExtensionHeader { name, params })
    })
}

/// Writes a `Sec-WebSocket-Extensions` header: the extensions, joined with `, `.
///
/// The result is empty if and only if `extensions` is: leave the header out then.
///
/// ```
/// use ws_proto::grammar::{build_extension, parse_extension};
/// let text = "permessage-deflate; client_max_window_bits; server_max_window_bits=12, x-b";
/// assert_eq!(build_extension(&parse_extension(text)?), text);
/// # Ok::<(), ws_errors::InvalidHeaderFormat>(())
/// ```
#[must_use]
pub fn build_extension(extensions: &[ExtensionHeader]) -> String {
    super::join(extensions)
}

fn name(cursor: &mut Cursor<'_>) -> Result<ExtensionName, InvalidHeaderFormat> {
    let token = cursor.token("expected token")?;
    ExtensionName::new(token).map_err(|_| cursor.fail("expected token"))
}

fn parameter(cursor: &mut Cursor<'_>) -> Result<ExtensionParameter, InvalidHeaderFormat> {
    let name = cursor.token("expected token")?;
    cursor.skip_ows();
    let quoted;
    let value = if cursor.eat(b'=') {
        cursor.skip_ows();
        let value = if cursor.peek() == Some(b'"') {
            let opening = cursor.mark();
            quoted = cursor.quoted_string()?;
            // RFC 6455 §9.1: "the value after quoted-string unescaping MUST conform to the
            // 'token' ABNF".
            if !is_token(&quoted) {
                cursor.back(opening);
                return Err(cursor.fail("invalid quoted header content"));
            }
            quoted.as_str()
        } else {
            cursor.token("expected token")?
        };
        cursor.skip_ows();
        Some(value)
    } else {
        None
    };
    ExtensionParameter::new(name, value).map_err(|_| cursor.fail("expected token"))
}
