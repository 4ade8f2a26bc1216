//! [`Headers`]: looking up, adding, removing.

use crate::field::{check_latin1, check_name, check_value, same_name};
use crate::index::Index;
use crate::iter::{GetAll, Items, Keys, RawItems, Values};
use crate::lines::Lines;
use crate::{InvalidHeaderField, MultipleValuesError, SetDefaultError};

/// HTTP headers: an ordered map from names, whatever their case, to one or more values.
///
/// Adding never replaces; every line keeps its place and its spelling. Asking for *the* value of a
/// name fails when there are several, so that a repeated header is never mistaken for a single one.
///
/// Names are tokens ([RFC 9110 §5.1]). Values are text of TAB, U+0020 to U+007E and U+0080 to
/// U+00FF, each character standing for one octet of the wire ([RFC 9110 §5.5]). There is no way to
/// get anything else in, so what comes out can be written on a wire as it is.
///
/// Names are folded as ASCII. No method panics, unless names and values come to have 4 GiB in all.
/// Looking up allocates nothing. Two maps are equal when each name has the same values in the same
/// order: neither the case of names nor the order between different names counts.
///
/// ```
/// use ws_headers::Headers;
///
/// let mut headers = Headers::new();
/// headers.insert("Host", "example.com")?;
/// headers.insert("Set-Cookie", "a=1")?;
/// headers.insert("set-cookie", "b=2")?;
///
/// assert_eq!(headers.get("HOST")?, Some("example.com"));
/// assert_eq!(headers.get("Origin")?, None);
/// assert!(headers.get("Set-Cookie").is_err());
/// assert!(headers.get_all("Set-Cookie").eq(["a=1", "b=2"]));
/// assert_eq!((headers.len(), headers.line_count()), (2, 3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [RFC 9110 §5.1]: https://www.rfc-editor.org/rfc/rfc9110#section-5.1
/// [RFC 9110 §5.5]: https://www.rfc-editor.org/rfc/rfc9110#section-5.5
// The lines are everything; the index only makes large maps fast and is there if and only if there
// are more than MAX_SCANNED lines. `first_line`, `next_line` and `first_line_from` hide the
// difference, `reindex` ends every change.
#[derive(Clone, Default)]
pub struct Headers {
    lines: Lines,
    index: Option<Box<Index>>,
}

/// Up to so many lines, reading them one by one is at least as fast as hashing a name, and an
/// index would only cost memory. A peer that chooses the names gains nothing below this number.
const MAX_SCANNED: usize = 32;

/// Bytes of name and value in a typical line, for capacities given in lines.
const TYPICAL_LINE: usize = 48;

impl Headers {
    /// No headers. Allocates nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// No headers yet, and room for about so many lines (of 48 bytes each).
    ///
    /// The number is a hint: any number of lines, of any length, can follow.
    #[must_use]
    pub fn with_capacity(lines: usize) -> Self {
        let mut headers = Self::new();
        headers.reserve(lines, lines.saturating_mul(TYPICAL_LINE));
        headers
    }

    /// Makes room for so many more lines, with names and values of `text` bytes in all.
    ///
    /// Filling a map from a request head whose length is known takes two allocations this way.
    /// These numbers are a hint, like those of [`with_capacity`](Self::with_capacity).
    pub fn reserve(&mut self, lines: usize, text: usize) {
        self.lines.reserve(lines, text);
    }

    /// Gives spare memory back. Worth calling on headers that live as long as their connection.
    pub fn shrink_to_fit(&mut self) {
        self.lines.shrink_to_fit();
        if let Some(index) = &mut self.index {
            index.shrink_to_fit();
        }
    }

    /// Adds a line at the end. Values that the name already has stay.
    ///
    /// # Errors
    /// [`InvalidHeaderField::Name`] when `name` is no token, [`InvalidHeaderField::Value`] when
    /// `value` has a control character (TAB and U+0080 to U+009F are none here) or a character
    /// above U+00FF.
    ///
    /// # Panics
    /// When names and values come to have 4 GiB in all.
    ///
    /// ```
    /// # use ws_headers::{Headers, InvalidHeaderField};
    /// let mut headers = Headers::new();
    /// headers.insert("X-Trace", "1")?;
    ///
    /// let injected = headers.insert("X-Trace", "2\r\nSet-Cookie: admin=1");
    /// assert!(matches!(injected, Err(InvalidHeaderField::Value(_))));
    /// assert_eq!(headers.to_string(), "X-Trace: 1\r\n\r\n");
    /// # Ok::<(), InvalidHeaderField>(())
    /// ```
    #[doc(alias = "__setitem__")]
    pub fn insert(&mut self, name: &str, value: &str) -> Result<(), InvalidHeaderField> {
        check_name(name)?;
        check_value(name, value)?;
        self.push(name, value);
        Ok(())
    }

    /// Adds a line whose value is given as on the wire, in ISO-8859-1.
    ///
    /// This is [`insert`](Self::insert) for parsers: the octets are decoded straight into the map.
    ///
    /// # Errors
    /// [`InvalidHeaderField`] as for [`insert`](Self::insert).
    ///
    /// # Panics
    /// When names and values come to have 4 GiB in all.
    ///
    /// ```
    /// # use ws_headers::Headers;
    /// let mut headers = Headers::new();
    /// headers.insert_latin1("Server", b"caf\xE9")?;
    /// assert_eq!(headers.get("Server")?, Some("café"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn insert_latin1(&mut self, name: &str, value: &[u8]) -> Result<(), InvalidHeaderField> {
        check_name(name)?;
        check_latin1(name, value)?;
        self.lines.push_latin1(name, value);
        self.reindex();
        Ok(())
    }

    /// The headers of a head that was parsed: a line for each pair, whose value is given as on the wire,
    /// in ISO-8859-1.
    ///
    /// It does what [`insert_latin1`](Self::insert_latin1) does for each. If all text is ASCII, as it nearly
    /// always is, it is looked at at once, and takes two allocations; more than 32 lines take further ones,
    /// for the index.
    ///
    /// # Errors
    /// [`InvalidHeaderField`] as for [`insert`](Self::insert), for the first pair that isn't valid.
    ///
    /// # Panics
    /// When names and values come to have 4 GiB in all.
    ///
    /// ```
    /// # use ws_headers::Headers;
    /// let parsed = [("Host", &b"example.com"[..]), ("Server", b"caf\xE9")];
    /// let headers = Headers::from_latin1(parsed)?;
    /// assert!(headers.raw_items().eq([("Host", "example.com"), ("Server", "café")]));
    /// # Ok::<(), ws_headers::InvalidHeaderField>(())
    /// ```
    pub fn from_latin1<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a [u8]), IntoIter: Clone>,
    ) -> Result<Self, InvalidHeaderField> {
        let pairs = pairs.into_iter();
        let (lines, text) = pairs.clone().fold((0, 0usize), |(lines, text), (name, value)| {
            (lines + 1, text.saturating_add(name.len() + value.len()))
        });
        let mut headers = Self::new();
        headers.reserve(lines, text);
        if !headers.lines.fill_ascii(pairs.clone(), text) {
            for (name, value) in pairs {
                check_name(name)?;
                check_latin1(name, value)?;
                headers.lines.push_latin1(name, value);
            }
        }
        headers.reindex();
        Ok(headers)
    }

    /// Removes all values of `name`, then adds this one at the end.
    ///
    /// Takes time in proportion to the whole map.
    ///
    /// # Errors
    /// [`InvalidHeaderField`] as for [`insert`](Self::insert); nothing has changed then.
    ///
    /// # Panics
    /// When names and values come to have 4 GiB in all.
    ///
    /// ```
    /// # use ws_headers::Headers;
    /// let mut headers = Headers::try_from([("User-Agent", "curl"), ("Accept", "*/*")])?;
    /// headers.replace("user-agent", "mine")?;
    /// assert!(headers.raw_items().eq([("Accept", "*/*"), ("user-agent", "mine")]));
    /// # Ok::<(), ws_headers::InvalidHeaderField>(())
    /// ```
    pub fn replace(&mut self, name: &str, value: &str) -> Result<(), InvalidHeaderField> {
        check_name(name)?;
        check_value(name, value)?;
        self.remove(name);
        self.push(name, value);
        Ok(())
    }

    /// The single value of `name`, after adding `default` if there is none.
    ///
    /// # Errors
    /// [`SetDefaultError::MultipleValues`] when there are several,
    /// [`SetDefaultError::InvalidHeaderField`] when there is none and `default` can't be added.
    ///
    /// # Panics
    /// When names and values come to have 4 GiB in all.
    ///
    /// ```
    /// # use ws_headers::Headers;
    /// let mut headers = Headers::new();
    /// assert_eq!(headers.setdefault("Server", "ours")?, "ours");
    /// assert_eq!(headers.setdefault("server", "theirs")?, "ours");
    /// # Ok::<(), ws_headers::SetDefaultError>(())
    /// ```
    pub fn setdefault(&mut self, name: &str, default: &str) -> Result<&str, SetDefaultError> {
        let line = match self.first_line(name) {
            Some(line) if self.next_line(line, name).is_some() => {
                return Err(MultipleValuesError::new(name).into());
            }
            Some(line) => line,
            None => {
                let line = self.line_count();
                self.insert(name, default)?;
                line
            }
        };
        Ok(self.lines.get(line).map_or("", |(_, value)| value))
    }

    /// Adds all lines of `other`, with their spelling and their repeats.
    ///
    /// # Panics
    /// When names and values come to have 4 GiB in all.
    ///
    /// ```
    /// # use ws_headers::Headers;
    /// let mut headers = Headers::try_from([("Via", "a")])?;
    /// headers.extend_from(&Headers::try_from([("via", "b")])?);
    /// assert!(headers.get_all("Via").eq(["a", "b"]));
    /// # Ok::<(), ws_headers::InvalidHeaderField>(())
    /// ```
    #[doc(alias = "update")]
    pub fn extend_from(&mut self, other: &Self) {
        self.lines.append(&other.lines);
        self.reindex();
    }

    /// Adds a line for each pair, or none at all.
    ///
    /// # Errors
    /// [`InvalidHeaderField`] as for [`insert`](Self::insert), for the first pair that isn't
    /// valid; nothing has changed then.
    ///
    /// # Panics
    /// When names and values come to have 4 GiB in all.
    ///
    /// ```
    /// # use ws_headers::Headers;
    /// let mut headers = Headers::new();
    /// headers.try_extend([("Host", "example.com"), ("Accept", "*/*")])?;
    /// assert!(headers.try_extend([("Fine", "1"), ("Not fine", "2")]).is_err());
    /// assert_eq!(headers.line_count(), 2);
    /// # Ok::<(), ws_headers::InvalidHeaderField>(())
    /// ```
    #[doc(alias = "update")]
    pub fn try_extend<N, V>(
        &mut self,
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Result<(), InvalidHeaderField>
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        let before = self.line_count();
        for (name, value) in pairs {
            if let Err(error) = self.insert(name.as_ref(), value.as_ref()) {
                self.truncate(before);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Removes all values of `name`; whether there were any.
    ///
    /// The order of the rest stays. Takes time in proportion to the whole map.
    #[doc(alias = "__delitem__")]
    pub fn remove(&mut self, name: &str) -> bool {
        let found = self.contains(name);
        if found {
            self.retain(|other, _| !same_name(other, name));
        }
        found
    }

    /// Removes the single value of `name` and gives it; `None` when there is none.
    ///
    /// # Errors
    /// [`MultipleValuesError`] when there are several; nothing has changed then.
    pub fn pop(&mut self, name: &str) -> Result<Option<String>, MultipleValuesError> {
        let value = self.get(name)?.map(str::to_owned);
        self.remove(name);
        Ok(value)
    }

    /// Removes the first name and gives it, lower-cased, with its single value; `None` when empty.
    ///
    /// # Errors
    /// [`MultipleValuesError`] when it has several values; nothing has changed then.
    ///
    /// ```
    /// # use ws_headers::Headers;
    /// let mut headers = Headers::try_from([("Host", "example.com"), ("Accept", "*/*")])?;
    /// assert_eq!(headers.popitem()?, Some(("host".to_owned(), "example.com".to_owned())));
    /// assert_eq!(headers.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn popitem(&mut self) -> Result<Option<(String, String)>, MultipleValuesError> {
        let Some((key, value)) = self.items().next().transpose()? else { return Ok(None) };
        let (name, value) = (String::from(key), value.to_owned());
        self.remove(&name);
        Ok(Some((name, value)))
    }

    /// Keeps the lines for which `keep` says so, given name (as written) and value of each.
    ///
    /// Takes time in proportion to the whole map.
    ///
    /// ```
    /// # use ws_headers::Headers;
    /// let mut headers = Headers::try_from([("Cookie", "a"), ("Cookie", "b"), ("Host", "c")])?;
    /// headers.retain(|_, value| value != "a");
    /// assert_eq!(headers.get("Cookie")?, Some("b"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &str) -> bool) {
        let mut kept = Lines::default();
        kept.reserve(self.lines.len(), self.lines.text_len());
        for (name, value) in self.raw_items().filter(|(name, value)| keep(name, value)) {
            kept.push(name, value);
        }
        if kept.len() < self.lines.len() {
            self.lines = kept;
            self.index = None;
            self.reindex();
        }
    }

    /// Removes all headers; keeps the memory for others, except that of the index.
    pub fn clear(&mut self) {
        self.truncate(0);
    }

    /// The single value of `name`; `None` when there is none.
    ///
    /// # Errors
    /// [`MultipleValuesError`] when there are several.
    ///
    /// ```
    /// # use ws_headers::{Headers, MultipleValuesError};
    /// let headers = Headers::try_from([("Host", "a"), ("Via", "b"), ("Via", "c")])?;
    /// assert_eq!(headers.get("host"), Ok(Some("a")));
    /// assert_eq!(headers.get("Origin"), Ok(None));
    /// assert_eq!(headers.get("VIA"), Err(MultipleValuesError::new("VIA")));
    /// # Ok::<(), ws_headers::InvalidHeaderField>(())
    /// ```
    #[doc(alias = "__getitem__")]
    pub fn get(&self, name: &str) -> Result<Option<&str>, MultipleValuesError> {
        let Some(line) = self.first_line(name) else { return Ok(None) };
        match self.next_line(line, name) {
            None => Ok(self.lines.get(line).map(|(_, value)| value)),
            Some(_) => Err(MultipleValuesError::new(name)),
        }
    }

    /// All values of `name`, in order; none when it is absent.
    pub fn get_all(&self, name: &str) -> GetAll<'_> {
        GetAll::new(self, self.first_line(name))
    }

    /// Whether `name` has a value.
    #[doc(alias = "__contains__")]
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.first_line(name).is_some()
    }

    /// Distinct names in lower case, in order of first appearance.
    ///
    /// ```
    /// # use ws_headers::Headers;
    /// let headers = Headers::try_from([("Host", "a"), ("Via", "b"), ("HOST", "c")])?;
    /// assert!(headers.keys().map(|key| key.to_string()).eq(["host", "via"]));
    /// # Ok::<(), ws_headers::InvalidHeaderField>(())
    /// ```
    #[doc(alias = "__iter__")]
    pub fn keys(&self) -> Keys<'_> {
        Keys::new(self)
    }

    /// Each distinct name with its single value, or the error for a name with several.
    ///
    /// ```
    /// # use ws_headers::Headers;
    /// let headers = Headers::try_from([("Host", "a"), ("Via", "b"), ("Via", "c")])?;
    /// let mut items = headers.items();
    /// assert!(items.next().is_some_and(|item| item.is_ok_and(|(name, _)| name == "host")));
    /// assert!(items.next().is_some_and(|item| item.is_err_and(|error| error.name == "via")));
    /// # Ok::<(), ws_headers::InvalidHeaderField>(())
    /// ```
    pub fn items(&self) -> Items<'_> {
        Items::new(self)
    }

    /// The single value of each distinct name, or the error for a name with several.
    ///
    /// ```
    /// # use ws_headers::Headers;
    /// let headers = Headers::try_from([("Host", "a"), ("Via", "b")])?;
    /// assert_eq!(headers.values().collect::<Result<Vec<_>, _>>()?, ["a", "b"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn values(&self) -> Values<'_> {
        Values::new(self)
    }

    /// All lines, in order, with names and values as they were given.
    pub fn raw_items(&self) -> RawItems<'_> {
        self.lines.iter()
    }

    /// How many distinct names there are. For lines see [`line_count`](Self::line_count).
    #[doc(alias = "__len__")]
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.index {
            Some(index) => index.len(),
            None => self.keys().count(),
        }
    }

    /// How many lines there are: each value of each name counts.
    #[must_use]
    pub fn line_count(&self) -> usize {
        self.lines.len()
    }

    /// Whether there are no headers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.line_count() == 0
    }

    pub(crate) fn lines(&self) -> &Lines {
        &self.lines
    }

    pub(crate) fn into_lines(self) -> Lines {
        self.lines
    }

    /// Adds a line that was checked before.
    pub(crate) fn push(&mut self, name: &str, value: &str) {
        self.lines.push(name, value);
        self.reindex();
    }

    /// Forgets the lines from `len` on.
    fn truncate(&mut self, len: usize) {
        self.lines.truncate(len);
        self.index = None;
        self.reindex();
    }

    /// Brings the index up to the lines that were added; after a removal it has to be dropped first.
    fn reindex(&mut self) {
        match &mut self.index {
            Some(index) => index.catch_up(&self.lines),
            None if self.lines.len() > MAX_SCANNED => {
                self.index = Some(Box::new(Index::new(&self.lines)));
            }
            None => {}
        }
    }

    /// The first line with this name.
    pub(crate) fn first_line(&self, name: &str) -> Option<usize> {
        match &self.index {
            Some(index) => index.first(&self.lines, name),
            None => self.lines.position(0, name),
        }
    }

    /// The line after `line` with the same name, which is `name`.
    pub(crate) fn next_line(&self, line: usize, name: &str) -> Option<usize> {
        match &self.index {
            Some(index) => index.next(line),
            None => self.lines.position(line + 1, name),
        }
    }

    /// The first line of the name after those `passed`, and the new value of `passed`, which
    /// counts names if there is an index, else lines.
    pub(crate) fn first_line_from(&self, mut passed: usize) -> Option<(usize, usize)> {
        if let Some(index) = &self.index {
            return Some((passed + 1, index.nth_name(passed)?));
        }
        loop {
            let line = passed;
            let (name, _) = self.lines.get(line)?;
            passed += 1;
            if self.lines.position(0, name) == Some(line) {
                return Some((passed, line));
            }
        }
    }
}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        // As many lines on both sides: if each name of one has the same values in the other, then
        // the other has no name besides.
        self.line_count() == other.line_count()
            && self
                .keys()
                .all(|key| self.get_all(key.as_written()).eq(other.get_all(key.as_written())))
    }
}

impl Eq for Headers {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_lines_have_an_index_however_they_came() {
        for lines in [MAX_SCANNED, MAX_SCANNED + 1] {
            let names: Vec<String> = (0..lines).map(|n| format!("X-{n}")).collect();
            let pairs = || names.iter().map(|name| (name.as_str(), "value"));
            let octets = |value: &'static [u8]| names.iter().map(move |name| (&**name, value));
            let mut ways: [Headers; 4] = Default::default();
            let [inserted, latin1, extended, copied] = &mut ways;
            pairs().for_each(|(name, value)| inserted.insert(name, value).unwrap());
            octets(b"value").for_each(|(name, value)| latin1.insert_latin1(name, value).unwrap());
            extended.try_extend(pairs()).unwrap();
            copied.extend_from(inserted);
            let parsed =
                [&b"value"[..], b"caf\xE9"].map(|v| Headers::from_latin1(octets(v)).unwrap());
            for headers in ways.iter().chain(&parsed) {
                assert_eq!(headers.line_count(), lines);
                assert_eq!(headers.index.is_some(), lines > MAX_SCANNED);
            }
        }
    }
}
