//! Grammars of the header fields that the opening handshake reads and writes.
//!
//! A value is a `&str` as [`Headers`](ws_headers::Headers) holds it: each character stands for an
//! octet (ISO-8859-1), without spaces and tabs at both ends. A parser takes one header line; where
//! several lines make one list, callers join the results. It reads its input once, and allocates
//! only its result.
//!
//! A malformed value is an [`InvalidHeaderFormat`](ws_errors::InvalidHeaderFormat). Its `pos` is the
//! offset of the fault in characters, which is the offset in octets on the wire.
//!
//! [`client`](crate::client) and [`server`](crate::server) decide what well-formed values mean.
//! Start reading at [`parse_connection`].
//!
//! Specifications: [RFC 9110 §5.6] (lists, tokens, quoted strings), [RFC 6455 §4.3] and [§9.1]
//! (the WebSocket headers), [RFC 7617] (Basic authentication).
//!
//! [RFC 9110 §5.6]: https://www.rfc-editor.org/rfc/rfc9110#section-5.6
//! [RFC 6455 §4.3]: https://www.rfc-editor.org/rfc/rfc6455#section-4.3
//! [§9.1]: https://www.rfc-editor.org/rfc/rfc6455#section-9.1
//! [RFC 7617]: https://www.rfc-editor.org/rfc/rfc7617

mod authorization;
mod connection;
mod cursor;
mod extension;
mod host;
mod subprotocol;

pub use authorization::{
    Credentials, build_authorization_basic, build_www_authenticate_basic, parse_authorization_basic,
};
pub use connection::{parse_connection, parse_upgrade};
pub(crate) use cursor::is_token_octet;
pub use extension::{ExtensionHeader, build_extension, parse_extension};
pub use host::build_host;
pub(crate) use host::{is_host, is_name_octet, is_unreserved};
pub(crate) use subprotocol::parse_subprotocol_names;
pub use subprotocol::{build_subprotocol, parse_subprotocol};

/// Joins `items` with `, `, the separator of every list that this crate writes.
pub(crate) fn join<T: std::fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    use std::fmt::Write as _;
    let mut list = String::new();
    for item in items {
        if !list.is_empty() {
            list.push_str(", ");
        }
        let _ = write!(list, "{item}"); // writing to a String can't fail
    }
    list
}
