//! The headers that tell where a body ends ([RFC 9112 §6]).
//!
//! [RFC 9112 §6]: https://www.rfc-editor.org/rfc/rfc9112#section-6

use ws_headers::Headers;

pub(crate) const CONTENT_LENGTH: &str = "Content-Length";
pub(crate) const TRANSFER_ENCODING: &str = "Transfer-Encoding";

/// The values of `Content-Length` aren't one number, perhaps repeated.
#[derive(Debug)]
pub(crate) struct InvalidLength;

/// The length that all values of `Content-Length` agree on, in bytes; `None` if there is no such
/// header ([RFC 9112 §6.3]).
///
/// [RFC 9112 §6.3]: https://www.rfc-editor.org/rfc/rfc9112#section-6.3
pub(crate) fn content_length(headers: &Headers) -> Result<Option<u64>, InvalidLength> {
    let mut lengths = items(headers, CONTENT_LENGTH).map(|text| {
        let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u64>().ok().filter(|_| is_number).ok_or(InvalidLength)
    });
    let Some(first) = lengths.next().transpose()? else { return Ok(None) };
    lengths.try_for_each(|other| if other? == first { Ok(()) } else { Err(InvalidLength) })?;
    Ok(Some(first))
}

/// The transfer codings of a message, in the order in which they were applied.
pub(crate) fn codings(headers: &Headers) -> impl Iterator<Item = &str> {
    items(headers, TRANSFER_ENCODING).filter(|coding| !coding.is_empty())
}

/// Whether a transfer coding is the one that marks the end of the body.
pub(crate) fn is_chunked(coding: &str) -> bool {
    coding.eq_ignore_ascii_case("chunked")
}

/// The items of a list header, from all its lines, without white space at their ends.
fn items<'a>(headers: &'a Headers, name: &str) -> impl Iterator<Item = &'a str> {
    let items = headers.get_all(name).flat_map(|line| line.split(','));
    items.map(|item| item.trim_matches([' ', '\t']))
}
