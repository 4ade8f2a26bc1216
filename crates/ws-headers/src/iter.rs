//! Iterators over headers.

use std::fmt::{self, Write};
use std::iter::FusedIterator;
use std::ops::Range;

use unicase::Ascii;

use crate::field::shown;
use crate::lines::Lines;
use crate::table::Table;
use crate::{HeaderName, HeaderValue, MultipleValuesError};

/// All lines, in order, with names and values as they were given: [`Headers::raw_items`] and
/// `&headers` give it.
///
/// [`Headers::raw_items`]: crate::Headers::raw_items
#[derive(Clone)]
pub struct RawItems<'a> {
    lines: &'a Lines,
    range: Range<usize>,
}

impl<'a> RawItems<'a> {
    pub(crate) fn new(lines: &'a Lines) -> Self {
        Self { lines, range: 0..lines.len() }
    }
}

impl<'a> Iterator for RawItems<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        self.lines.get(self.range.next()?)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.range.size_hint()
    }
}

impl DoubleEndedIterator for RawItems<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.lines.get(self.range.next_back()?)
    }
}

impl ExactSizeIterator for RawItems<'_> {}
impl FusedIterator for RawItems<'_> {}

/// All values of one header, in order: [`Headers::get_all`] gives it.
///
/// [`Headers::get_all`]: crate::Headers::get_all
#[derive(Clone)]
pub struct GetAll<'a> {
    table: &'a Table,
    /// The next line, if any.
    line: Option<usize>,
}

impl<'a> GetAll<'a> {
    pub(crate) fn new(table: &'a Table, name: &str) -> Self {
        Self { table, line: table.first(name) }
    }
}

impl<'a> Iterator for GetAll<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let line = self.line?;
        let (name, value) = self.table.lines().get(line)?;
        self.line = self.table.next(line, name);
        Some(value)
    }
}

impl FusedIterator for GetAll<'_> {}

/// The name of a header, printed in lower case. Comparison, order and hash ignore the case of ASCII
/// letters.
///
/// [`Headers::keys`](crate::Headers::keys) gives it. It borrows from the first line with that name, so
/// iterating doesn't allocate.
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
    /// The name in the spelling of its first line.
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

/// Distinct names in order of first appearance: [`Headers::keys`] gives it.
///
/// [`Headers::keys`]: crate::Headers::keys
#[derive(Clone)]
pub struct Keys<'a> {
    table: &'a Table,
    /// The position, as [`Table::next_name`] counts it.
    passed: usize,
}

impl<'a> Keys<'a> {
    pub(crate) fn new(table: &'a Table) -> Self {
        Self { table, passed: 0 }
    }

    /// The first line of the next name, its name and its value.
    fn next_line(&mut self) -> Option<(usize, &'a str, &'a str)> {
        let (line, passed) = self.table.next_name(self.passed)?;
        self.passed = passed;
        let (name, value) = self.table.lines().get(line)?;
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

/// Distinct names, each with its single value: [`Headers::items`] gives it.
///
/// [`Headers::items`]: crate::Headers::items
#[derive(Clone)]
pub struct Items<'a>(Keys<'a>);

impl<'a> Items<'a> {
    pub(crate) fn new(table: &'a Table) -> Self {
        Self(Keys::new(table))
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Result<(Key<'a>, &'a str), MultipleValuesError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (line, name, value) = self.0.next_line()?;
        let key = Key(Ascii::new(name));
        Some(match self.0.table.next(line, name) {
            None => Ok((key, value)),
            Some(_) => Err(MultipleValuesError::new(key)),
        })
    }
}

impl FusedIterator for Items<'_> {}

/// The single value of each name: [`Headers::values`] gives it.
///
/// [`Headers::values`]: crate::Headers::values
#[derive(Clone)]
pub struct Values<'a>(Items<'a>);

impl<'a> Values<'a> {
    pub(crate) fn new(table: &'a Table) -> Self {
        Self(Items::new(table))
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = Result<&'a str, MultipleValuesError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.0.next()?.map(|(_, value)| value))
    }
}

impl FusedIterator for Values<'_> {}

/// All lines as checked names and values, in order: `Headers::into_iter` gives it.
///
/// Each step allocates a name and a value; iterating over `&headers` borrows them.
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
        /// The items still to come, as a list.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_list().entries(self.clone()).finish()
            }
        }
    )*};
}

debug_as_list! { GetAll<'_> Keys<'_> Values<'_> }

/// The items still to come, as a list, with `***` for secrets as in `Headers`.
impl fmt::Debug for RawItems<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.clone().map(|(name, value)| (name, shown(name, value))))
            .finish()
    }
}

/// The items still to come, as a list, with `***` for secrets as in `Headers`.
impl fmt::Debug for Items<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let items = self.clone().map(|item| {
            item.map(|(name, value)| {
                let value = shown(name.as_written(), value);
                (name, value)
            })
        });
        f.debug_list().entries(items).finish()
    }
}

/// The items still to come, as a list, with `***` for secrets as in `Headers`.
impl fmt::Debug for IntoIter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let items = self.clone().map(|(name, value)| {
            let value = HeaderValue::trusted(shown(name.as_str(), value.as_str()));
            (name, value)
        });
        f.debug_list().entries(items).finish()
    }
}
