//! Iterators over headers.

use std::fmt::{self, Write};
use std::iter::FusedIterator;
use std::ops::Range;
use std::slice;

use unicase::Ascii;

use crate::lines::{Ends, Lines};
use crate::{HeaderName, HeaderValue, Headers, MultipleValuesError};

/// All lines with name and value as they were given, in order: what
/// [`Headers::raw_items`] and `&headers` iterate over.
#[derive(Clone)]
pub struct RawItems<'a> {
    /// The text of the lines to come.
    text: &'a str,
    /// Where `text` begins in the text of all lines, which `ends` refers to.
    start: usize,
    ends: slice::Iter<'a, Ends>,
}

impl<'a> RawItems<'a> {
    pub(crate) fn new(text: &'a str, ends: &'a [Ends]) -> Self {
        Self { text, start: 0, ends: ends.iter() }
    }
}

impl<'a> Iterator for RawItems<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let ends = self.ends.next()?;
        let (line, rest) = self.text.split_at_checked(ends.value() - self.start)?;
        let name = ends.name() - self.start;
        (self.text, self.start) = (rest, ends.value());
        line.split_at_checked(name)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.ends.size_hint()
    }
}

impl DoubleEndedIterator for RawItems<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let ends = self.ends.next_back()?;
        let start = self.ends.as_slice().last().map_or(self.start, |before| before.value());
        let (rest, line) = self.text.split_at_checked(start - self.start)?;
        self.text = rest;
        line.split_at_checked(ends.name() - start)
    }
}

impl ExactSizeIterator for RawItems<'_> {}
impl FusedIterator for RawItems<'_> {}

/// All values of one header, in order: what [`Headers::get_all`] gives.
#[derive(Clone)]
pub struct GetAll<'a> {
    headers: &'a Headers,
    /// The next line, if any.
    line: Option<usize>,
}

impl<'a> GetAll<'a> {
    pub(crate) fn new(headers: &'a Headers, line: Option<usize>) -> Self {
        Self { headers, line }
    }
}

impl<'a> Iterator for GetAll<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let line = self.line?;
        let (name, value) = self.headers.lines().get(line)?;
        self.line = self.headers.next_line(line, name);
        Some(value)
    }
}

impl FusedIterator for GetAll<'_> {}

/// A name among the [`keys`](Headers::keys): shown in lower case, compared without regard to the
/// case of ASCII letters.
///
/// It borrows the spelling of the name's first line, so that iterating allocates nothing.
///
/// ```
/// # use ws_headers::Headers;
/// let headers = Headers::try_from([("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")])?;
/// for key in headers.keys() {
///     assert_eq!(key.to_string(), "sec-websocket-key");
///     assert_eq!(key, "Sec-Websocket-Key");
///     assert_eq!(key.as_written(), "Sec-WebSocket-Key");
/// }
/// # Ok::<(), ws_headers::InvalidHeaderField>(())
/// ```
#[derive(Clone, Copy, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Key<'a>(Ascii<&'a str>);

impl<'a> Key<'a> {
    /// The name as its first line spells it.
    #[must_use]
    pub fn as_written(self) -> &'a str {
        self.0.into_inner()
    }
}

/// Ignores the case of ASCII letters.
impl PartialEq<str> for Key<'_> {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

/// Ignores the case of ASCII letters.
impl PartialEq<&str> for Key<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

impl From<Key<'_>> for String {
    /// The name in lower case.
    fn from(key: Key<'_>) -> Self {
        key.as_written().to_ascii_lowercase()
    }
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_written().chars().try_for_each(|c| f.write_char(c.to_ascii_lowercase()))
    }
}

impl fmt::Debug for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// Distinct names in order of first appearance: what [`Headers::keys`] gives.
#[derive(Clone)]
pub struct Keys<'a> {
    headers: &'a Headers,
    /// How many names were passed in a map with an index, how many lines in one without.
    passed: usize,
}

impl<'a> Keys<'a> {
    pub(crate) fn new(headers: &'a Headers) -> Self {
        Self { headers, passed: 0 }
    }

    /// The first line of the next name, its name and its value.
    fn next_line(&mut self) -> Option<(usize, &'a str, &'a str)> {
        let (passed, line) = self.headers.first_line_from(self.passed)?;
        self.passed = passed;
        let (name, value) = self.headers.lines().get(line)?;
        Some((line, name, value))
    }
}

impl<'a> Iterator for Keys<'a> {
    type Item = Key<'a>;

    fn next(&mut self) -> Option<Key<'a>> {
        self.next_line().map(|(_, name, _)| Key(Ascii::new(name)))
    }
}

impl FusedIterator for Keys<'_> {}

/// Distinct names, each with its single value: what [`Headers::items`] gives.
#[derive(Clone)]
pub struct Items<'a>(Keys<'a>);

impl<'a> Items<'a> {
    pub(crate) fn new(headers: &'a Headers) -> Self {
        Self(Keys::new(headers))
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Result<(Key<'a>, &'a str), MultipleValuesError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (line, name, value) = self.0.next_line()?;
        let key = Key(Ascii::new(name));
        Some(match self.0.headers.next_line(line, name) {
            None => Ok((key, value)),
            Some(_) => Err(MultipleValuesError::new(key)),
        })
    }
}

impl FusedIterator for Items<'_> {}

/// The single value of each name: what [`Headers::values`] gives.
#[derive(Clone)]
pub struct Values<'a>(Items<'a>);

impl<'a> Values<'a> {
    pub(crate) fn new(headers: &'a Headers) -> Self {
        Self(Items::new(headers))
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = Result<&'a str, MultipleValuesError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.0.next()?.map(|(_, value)| value))
    }
}

impl FusedIterator for Values<'_> {}

/// All lines as checked names and values, in order: what `Headers::into_iter` gives.
///
/// Each step allocates the two texts; iterate over `&headers` to borrow them.
#[derive(Clone)]
pub struct IntoIter {
    lines: Lines,
    range: Range<usize>,
}

impl IntoIter {
    pub(crate) fn new(lines: Lines) -> Self {
        Self { range: 0..lines.len(), lines }
    }

    fn line(&self, line: usize) -> Option<(HeaderName, HeaderValue)> {
        let (name, value) = self.lines.get(line)?;
        Some((HeaderName::trusted(name), HeaderValue::trusted(value)))
    }
}

impl Iterator for IntoIter {
    type Item = (HeaderName, HeaderValue);

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.range.next()?;
        self.line(line)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.range.size_hint()
    }
}

impl DoubleEndedIterator for IntoIter {
    fn next_back(&mut self) -> Option<Self::Item> {
        let line = self.range.next_back()?;
        self.line(line)
    }
}

impl ExactSizeIterator for IntoIter {}
impl FusedIterator for IntoIter {}

macro_rules! debug_as_list {
    ($($name:ty)*) => {$(
        /// What is still to come, as a list.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_list().entries(self.clone()).finish()
            }
        }
    )*};
}

debug_as_list! { RawItems<'_> GetAll<'_> Keys<'_> Items<'_> Values<'_> IntoIter }
