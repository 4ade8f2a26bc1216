//! Percent-encoded text, and queries made of it.

/// Decodes percent-encoding ([RFC 3986 §2.1]): a part of a path, for example. `None` unless two hexadecimal digits follow
/// each percent sign and the result is UTF-8.
///
/// ```
/// use ws_proto::http::percent_decode;
/// assert_eq!(percent_decode("caf%C3%A9%2F+").as_deref(), Some("café/+"));
/// assert_eq!(percent_decode("%C3"), None);
/// assert_eq!(percent_decode("100%"), None);
/// ```
///
/// [RFC 3986 §2.1]: https://www.rfc-editor.org/rfc/rfc3986#section-2.1
#[must_use]
pub fn percent_decode(text: &str) -> Option<String> {
    decode(text.bytes())
}

fn decode(mut bytes: impl Iterator<Item = u8>) -> Option<String> {
    let mut decoded = Vec::with_capacity(bytes.size_hint().1.unwrap_or_default());
    while let Some(b) = bytes.next() {
        decoded.push(match b {
            b'%' => hex_digit(bytes.next()?)? << 4 | hex_digit(bytes.next()?)?,
            b => b,
        });
    }
    String::from_utf8(decoded).ok()
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// The pairs of a query as forms write it: between them `&`, in them `=`, and `+` for a space. What can't be decoded is
/// as on the wire.
pub(super) fn pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    let text = |part: &str| {
        let spaced = part.bytes().map(|b| if b == b'+' { b' ' } else { b });
        decode(spaced).unwrap_or_else(|| part.to_owned())
    };
    query.split('&').filter(|pair| !pair.is_empty()).map(move |pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (text(name), text(value))
    })
}
