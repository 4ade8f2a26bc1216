//! Feature `http`: conversions with [`http::HeaderMap`].

use ::http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::latin1::encode_latin1;
use crate::{Headers, InvalidHeaderField};

/// Copies a [`HeaderMap`]: names in lower case, in the order of that map; the values of a name keep
/// their order.
///
/// Fails for names that aren't tokens, such as those with `"`, which the map accepts.
///
/// ```
/// # use ws_headers::Headers;
/// let mut map = http::HeaderMap::new();
/// map.insert("host", http::HeaderValue::from_static("example.com"));
/// assert_eq!(Headers::try_from(&map)?, Headers::try_from([("Host", "example.com")])?);
/// # Ok::<(), ws_headers::InvalidHeaderField>(())
/// ```
impl TryFrom<&HeaderMap> for Headers {
    type Error = InvalidHeaderField;

    fn try_from(map: &HeaderMap) -> Result<Self, InvalidHeaderField> {
        let text = map.iter().map(|(name, value)| name.as_str().len() + value.len());
        let mut headers = Self::new();
        headers.reserve(map.len(), text.fold(0, usize::saturating_add));
        for (name, value) in map {
            headers.insert_latin1(name.as_str(), value.as_bytes())?;
        }
        Ok(headers)
    }
}

/// Copies the headers into a [`HeaderMap`], which doesn't keep the spelling of names.
///
/// Fails for more distinct names than that map can hold, at most 32,768, and for a name of more than
/// 65,535 bytes.
impl TryFrom<&Headers> for HeaderMap {
    type Error = ::http::Error;

    fn try_from(headers: &Headers) -> Result<Self, ::http::Error> {
        let mut map = Self::try_with_capacity(headers.len())?;
        let mut octets = Vec::new();
        for (name, value) in headers {
            octets.clear();
            encode_latin1(value, &mut octets);
            let name = HeaderName::from_bytes(name.as_bytes())?;
            map.try_append(name, HeaderValue::from_bytes(&octets)?)?;
        }
        Ok(map)
    }
}
