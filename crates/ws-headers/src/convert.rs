//! Conversions from and into pairs of name and value.

use crate::iter::{IntoIter, RawItems};
use crate::{HeaderName, HeaderValue, Headers, InvalidHeaderField};

/// Makes a map with a line for each pair, in order.
///
/// ```
/// # use ws_headers::Headers;
/// assert_eq!(Headers::try_from([("Host", "a"), ("Via", "b")])?.len(), 2);
/// assert!(Headers::try_from([("Host:", "a")]).is_err());
/// # Ok::<(), ws_headers::InvalidHeaderField>(())
/// ```
impl<N: AsRef<str>, V: AsRef<str>, const L: usize> TryFrom<[(N, V); L]> for Headers {
    type Error = InvalidHeaderField;

    fn try_from(pairs: [(N, V); L]) -> Result<Self, InvalidHeaderField> {
        Self::try_from(pairs.as_slice())
    }
}

/// Makes a map with a line for each pair, in order.
impl<N: AsRef<str>, V: AsRef<str>> TryFrom<Vec<(N, V)>> for Headers {
    type Error = InvalidHeaderField;

    fn try_from(pairs: Vec<(N, V)>) -> Result<Self, InvalidHeaderField> {
        Self::try_from(pairs.as_slice())
    }
}

/// Makes a map with a line for each pair, in order, and reserves the memory for all of them first.
impl<N: AsRef<str>, V: AsRef<str>> TryFrom<&[(N, V)]> for Headers {
    type Error = InvalidHeaderField;

    fn try_from(pairs: &[(N, V)]) -> Result<Self, InvalidHeaderField> {
        let text = pairs.iter().map(|(name, value)| name.as_ref().len() + value.as_ref().len());
        let mut headers = Self::new();
        headers.reserve(pairs.len(), text.fold(0, usize::saturating_add));
        headers.try_extend(pairs.iter().map(|(name, value)| (name, value)))?;
        Ok(headers)
    }
}

/// Adds a line for each pair. Names and values are checked already.
impl Extend<(HeaderName, HeaderValue)> for Headers {
    fn extend<I: IntoIterator<Item = (HeaderName, HeaderValue)>>(&mut self, pairs: I) {
        for (name, value) in pairs {
            self.push(name.as_str(), value.as_str());
        }
    }
}

/// Makes a map with a line for each pair. Names and values are checked already.
///
/// ```
/// # use ws_headers::{HeaderName, HeaderValue, Headers};
/// let pair = (HeaderName::new("Host")?, HeaderValue::new("example.com")?);
/// let headers: Headers = [pair].into_iter().collect();
/// assert_eq!(headers.get("host")?, Some("example.com"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl FromIterator<(HeaderName, HeaderValue)> for Headers {
    fn from_iter<I: IntoIterator<Item = (HeaderName, HeaderValue)>>(pairs: I) -> Self {
        let mut headers = Self::new();
        headers.extend(pairs);
        headers
    }
}

impl IntoIterator for Headers {
    type Item = (HeaderName, HeaderValue);
    type IntoIter = IntoIter;

    /// Iterates over all lines as checked names and values, which another map takes without a check.
    fn into_iter(self) -> IntoIter {
        IntoIter::new(self.into_lines())
    }
}

impl<'a> IntoIterator for &'a Headers {
    type Item = (&'a str, &'a str);
    type IntoIter = RawItems<'a>;

    /// Iterates over all lines, as [`Headers::raw_items`] does.
    fn into_iter(self) -> RawItems<'a> {
        self.raw_items()
    }
}
