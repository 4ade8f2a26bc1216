//! Values on the wire: ISO-8859-1, one octet for each character.

use std::borrow::Cow;

/// The text that octets stand for; borrowed when they are ASCII, as they nearly always are.
pub(crate) fn decode_latin1(octets: &[u8]) -> Cow<'_, str> {
    match str::from_utf8(octets) {
        Ok(text) if text.is_ascii() => Cow::Borrowed(text),
        _ => Cow::Owned(octets.iter().copied().map(char::from).collect()),
    }
}

/// Appends a checked value to `out`.
pub(crate) fn encode_latin1(value: &str, out: &mut Vec<u8>) {
    if value.is_ascii() {
        out.extend_from_slice(value.as_bytes());
    } else {
        // Checked values contain nothing above U+00FF.
        out.extend(value.chars().map(|c| u8::try_from(c).unwrap_or(b'?')));
    }
}
