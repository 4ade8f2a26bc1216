//! `Connection` and `Upgrade`: the request to switch protocols, and the protocol to switch to.

use ws_errors::InvalidHeaderFormat;

use super::cursor::Cursor;

/// Parses a `Connection` header into its options, in their order and spelling
/// ([RFC 9110 §7.6.1]).
///
/// It is a list: Firefox sends `keep-alive, Upgrade`. Options are case-insensitive.
///
/// # Errors
/// [`InvalidHeaderFormat`] (`expected token`, `expected comma`) when the value isn't a list of
/// tokens with at least one of them.
///
/// ```
/// use ws_proto::grammar::parse_connection;
/// assert_eq!(parse_connection("keep-alive, Upgrade")?, ["keep-alive", "Upgrade"]);
/// let error = parse_connection("keep-alive Upgrade").unwrap_err();
/// assert_eq!((error.error, error.pos), ("expected comma", 11));
/// # Ok::<(), ws_errors::InvalidHeaderFormat>(())
/// ```
///
/// [RFC 9110 §7.6.1]: https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1
pub fn parse_connection(header: &str) -> Result<Vec<&str>, InvalidHeaderFormat> {
    Cursor::new("Connection", header).list(|cursor| cursor.token("expected token"))
}

/// Parses an `Upgrade` header into its protocols, each a name with an optional `/version`, in
/// their order and spelling ([RFC 9110 §7.8]).
///
/// # Errors
/// [`InvalidHeaderFormat`] (`expected protocol`, `expected comma`) when the value isn't a list of
/// protocols with at least one of them.
///
/// ```
/// use ws_proto::grammar::parse_upgrade;
/// assert_eq!(parse_upgrade("websocket")?, ["websocket"]);
/// assert_eq!(parse_upgrade("TLS/1.0, HTTP/1.1")?, ["TLS/1.0", "HTTP/1.1"]);
/// # Ok::<(), ws_errors::InvalidHeaderFormat>(())
/// ```
///
/// [RFC 9110 §7.8]: https://www.rfc-editor.org/rfc/rfc9110#section-7.8
pub fn parse_upgrade(header: &str) -> Result<Vec<&str>, InvalidHeaderFormat> {
    Cursor::new("Upgrade", header).list(|cursor| {
        let start = cursor.mark();
        cursor.token("expected protocol")?;
        let end_of_name = cursor.mark();
        // Step back before a slash without a version: "expected comma" at the slash is the error.
        if cursor.eat(b'/') && cursor.token("expected protocol").is_err() {
            cursor.back(end_of_name);
        }
        Ok(cursor.since(start))
    })
}
