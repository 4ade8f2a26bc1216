//! `Sec-WebSocket-Protocol`: the offered subprotocols, or the chosen one.

use ws_errors::InvalidHeaderFormat;
use ws_types::Subprotocol;

use super::cursor::Cursor;

/// Parses a `Sec-WebSocket-Protocol` header into subprotocols, in their order
/// ([RFC 6455 §11.3.4]).
///
/// # Errors
/// [`InvalidHeaderFormat`] (`expected token`, `expected comma`) when the value isn't a list of
/// tokens with at least one of them.
///
/// ```
/// use ws_proto::grammar::parse_subprotocol;
/// assert_eq!(parse_subprotocol("v12.stomp, graphql-ws")?, ["v12.stomp", "graphql-ws"]);
/// # Ok::<(), ws_errors::InvalidHeaderFormat>(())
/// ```
///
/// [RFC 6455 §11.3.4]: https://www.rfc-editor.org/rfc/rfc6455#section-11.3.4
pub fn parse_subprotocol(header: &str) -> Result<Vec<Subprotocol>, InvalidHeaderFormat> {
    parse(header, |token| Subprotocol::new(token).ok())
}

/// [`parse_subprotocol`] with borrowed names.
pub(crate) fn parse_subprotocol_names(header: &str) -> Result<Vec<&str>, InvalidHeaderFormat> {
    parse(header, Some)
}

fn parse<'a, T>(
    header: &'a str,
    new: impl Fn(&'a str) -> Option<T>,
) -> Result<Vec<T>, InvalidHeaderFormat> {
    Cursor::new("Sec-WebSocket-Protocol", header).list(|cursor| {
        let token = cursor.token("expected token")?;
        new(token).ok_or_else(|| cursor.fail("expected token"))
    })
}

/// Writes a `Sec-WebSocket-Protocol` header: the names, joined with `, `.
///
/// The result is empty if and only if `subprotocols` is: leave the header out then.
///
/// ```
/// use ws_proto::grammar::build_subprotocol;
/// let subprotocols = ["soap".parse()?, "wamp".parse()?];
/// assert_eq!(build_subprotocol(&subprotocols), "soap, wamp");
/// # Ok::<(), ws_types::InvalidToken>(())
/// ```
#[must_use]
pub fn build_subprotocol(subprotocols: &[Subprotocol]) -> String {
    super::join(subprotocols)
}
