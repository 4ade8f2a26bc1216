//! Shared by both opening handshakes: the key and its accept value, the deadline, and checks of
//! headers.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha1::{Digest as _, Sha1};
use ws_errors::{
    HandshakeTimeout, InvalidHandshake, InvalidHeader, InvalidHeaderValue, InvalidUpgrade,
};
use ws_headers::Headers;
use ws_types::Subprotocol;

use crate::grammar::{join, parse_connection, parse_upgrade};
use crate::http::HandshakeLimits;

/// Returns the value of `Sec-WebSocket-Accept` for this `Sec-WebSocket-Key` ([RFC 6455 §4.2.2]):
/// the SHA-1 of the key and a constant, in base64.
///
/// It shows that a WebSocket server has read the request; it protects nothing.
///
/// ```
/// use ws_proto::server::accept_key;
/// assert_eq!(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// ```
///
/// [RFC 6455 §4.2.2]: https://www.rfc-editor.org/rfc/rfc6455#section-4.2.2
#[must_use]
pub fn accept_key(key: &str) -> String {
    put_accept_key(key, &mut [0; ACCEPT_LEN]).to_owned()
}

/// The length of an [`accept_key`], in digits.
pub(crate) const ACCEPT_LEN: usize = 28;

/// [`accept_key`] in the caller's memory.
pub(crate) fn put_accept_key<'a>(key: &str, digits: &'a mut [u8; ACCEPT_LEN]) -> &'a str {
    const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    let hash = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    // 20 bytes make 28 digits, which are ASCII.
    _ = STANDARD.encode_slice(hash, digits);
    str::from_utf8(digits).unwrap_or_default()
}

/// The pseudo-header of HTTP/2 that names the protocol that a request is for ([RFC 8441 §4]).
///
/// [RFC 8441 §4]: https://www.rfc-editor.org/rfc/rfc8441#section-4
pub(crate) const PROTOCOL: &str = ":protocol";

/// The only version of the protocol: the value of `Sec-WebSocket-Version`.
pub(crate) const VERSION: &str = "13";

/// The name and version of this crate, for `Server` and `User-Agent` headers.
pub(crate) const PRODUCT: &str = concat!("websockets/", env!("CARGO_PKG_VERSION"));

/// Encodes 16 random bytes as the value of `Sec-WebSocket-Key`.
pub(crate) fn key(nonce: [u8; 16]) -> String {
    STANDARD.encode(nonce)
}

/// The subprotocols of these names, in their order.
pub(crate) fn subprotocols(
    names: impl IntoIterator<Item: AsRef<str>>,
) -> Result<Vec<Subprotocol>, InvalidHeaderValue> {
    let parse = |name: &str| {
        name.parse()
            .map_err(|_| InvalidHeaderValue::new("Sec-WebSocket-Protocol", Some(name.into())))
    };
    names.into_iter().map(|name| parse(name.as_ref())).collect()
}

/// Whether `key` is the base64 of 16 bytes.
///
/// The last digit carries two bits only. Its other four aren't checked: in clients that draw 22
/// random digits they aren't zero.
pub(crate) fn is_key(key: &str) -> bool {
    let is_digit = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    key.len() == 24 && key.strip_suffix("==").is_some_and(|digits| digits.bytes().all(is_digit))
}

/// The deadline of a handshake that begins at `now`; `None` for no limit.
pub(crate) fn deadline(limits: &HandshakeLimits, now: Duration) -> Option<Duration> {
    limits.open_timeout.map(|timeout| now.saturating_add(timeout))
}

/// The error of a handshake that isn't over at its deadline.
pub(crate) fn timed_out(open_timeout: Option<Duration>) -> InvalidHandshake {
    HandshakeTimeout::new(open_timeout.unwrap_or(Duration::MAX)).into()
}

/// The value of a header that may appear at most once.
pub(crate) fn single<'a>(
    headers: &'a Headers,
    name: &'static str,
) -> Result<Option<&'a str>, InvalidHeader> {
    headers.get(name).map_err(|_| InvalidHeader::new(name, Some("multiple values")))
}

/// The value of a header that has to appear exactly once.
pub(crate) fn required<'a>(
    headers: &'a Headers,
    name: &'static str,
) -> Result<&'a str, InvalidHeader> {
    single(headers, name)?.ok_or_else(|| InvalidHeader::new(name, None))
}

/// Checks that `Connection` has the option `upgrade` and that `Upgrade` is `websocket` alone
/// ([RFC 6455 §4.1], [§4.2.1]), both in any case.
///
/// [RFC 6455 §4.1]: https://www.rfc-editor.org/rfc/rfc6455#section-4.1
/// [§4.2.1]: https://www.rfc-editor.org/rfc/rfc6455#section-4.2.1
pub(crate) fn check_upgrade(headers: &Headers) -> Result<(), InvalidHandshake> {
    if !is_only(headers, "Connection", "upgrade") {
        let connection = all(headers, "Connection", parse_connection)?;
        if !connection.iter().any(|option| option.eq_ignore_ascii_case("upgrade")) {
            return Err(not_upgraded("Connection", &connection).into());
        }
    }
    check_protocol(headers)
}

/// Checks that `Upgrade` is `websocket` alone, in any case.
pub(crate) fn check_protocol(headers: &Headers) -> Result<(), InvalidHandshake> {
    if !is_only(headers, "Upgrade", "websocket") {
        let upgrade = all(headers, "Upgrade", parse_upgrade)?;
        if !matches!(*upgrade, [protocol] if protocol.eq_ignore_ascii_case("websocket")) {
            return Err(not_upgraded("Upgrade", &upgrade).into());
        }
    }
    Ok(())
}

/// Whether the header has one line with this item alone, as is nearly always so: no list is made.
fn is_only(headers: &Headers, name: &str, item: &str) -> bool {
    headers.get(name).is_ok_and(|line| line.is_some_and(|it| it.eq_ignore_ascii_case(item)))
}

/// The items of a list header, from all its lines.
pub(crate) fn all<'a, T, E>(
    headers: &'a Headers,
    name: &str,
    parse: impl Fn(&'a str) -> Result<Vec<T>, E>,
) -> Result<Vec<T>, E> {
    let mut lines = headers.get_all(name);
    // Nearly always there is one line.
    let mut items = lines.next().map_or(Ok(Vec::new()), &parse)?;
    for line in lines {
        items.append(&mut parse(line)?);
    }
    Ok(items)
}

fn not_upgraded(name: &'static str, items: &[&str]) -> InvalidUpgrade {
    let items = (!items.is_empty()).then(|| join(items));
    InvalidUpgrade::new(name, items.as_deref())
}
