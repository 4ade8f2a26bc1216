//! [`Headers`]: looking up, adding, removing.

use crate::field::{check_name, check_value, same_name};
use crate::iter::{GetAll, Items, Keys, RawItems, Values};
use crate::latin1::decode_latin1;
use crate::lines::Lines;
use crate::table::Table;
use crate::{InvalidHeaderField, MultipleValuesError, SetDefaultError};

/// HTTP headers: an ordered multi-map from names, whatever their case, to values.
///
/// Adding never replaces; every line keeps its place and its spelling. Asking for *the* value of a
/// name fails when there are several, so a repeated header is never mistaken for a single one.
///
/// Names are tokens ([RFC 9110 §5.1]); lookups ignore the case of ASCII letters. Values consist of
/// TAB, U+0020 to U+007E and U+0080 to U+00FF, each character standing for one octet on the wire
/// ([RFC 9110 §5.5]). Every method that adds a line enforces this, so the lines can be sent as they
/// are.
///
/// Two maps are equal when each name has the same values in the same order; the case of names and
/// the order between different names don't matter. Lookups don't allocate.
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
#[derive(Clone, Default)]
pub struct Headers {
    table: Table,
}

/// Bytes of name and value in a typical line, for capacities given in lines.
const TYPICAL_LINE: usize = 48;

impl Headers {
    /// Makes an empty map, without allocating.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes an empty map with room for about `lines` lines of 48 bytes each.
    ///
    /// The capacity is a hint: any number of lines, of any length, can follow.
    #[must_use]
    pub fn with_capacity(lines: usize) -> Self {
        let mut headers = Self::new();
        headers.reserve(lines, lines.saturating_mul(TYPICAL_LINE));
        headers
    }

    /// Reserves room for `lines` more lines, with names and values of `text` bytes in all.
    ///
    /// With the right numbers, filling an empty map takes two allocations, and more for the index
    /// of a map with more than 32 lines. The numbers are hints: a reservation that fails is ignored.
    pub fn reserve(&mut self, lines: usize, text: usize) {
        self.table.reserve(lines, text);
    }

    /// Releases spare memory. Worth calling on headers that live as long as their connection.
    pub fn shrink_to_fit(&mut self) {
        self.table.shrink_to_fit();
    }

    /// Adds a line at the end, after other values of the same name. O(1) amortised.
    ///
    /// # Errors
    /// [`InvalidHeaderField::Name`] when `name` isn't a token, [`InvalidHeaderField::Value`] when
    /// `value` contains a character above U+00FF or one of U+0000 to U+001F and U+007F, except TAB.
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

    /// Adds a line whose value is given as octets of the wire (ISO-8859-1): [`insert`](Self::insert)
    /// for parsers.
    ///
    /// # Errors
    /// [`InvalidHeaderField`] as for [`insert`](Self::insert).
    ///
    /// ```
    /// # use ws_headers::Headers;
    /// let mut headers = Headers::new();
    /// headers.insert_latin1("Server", b"caf\xE9")?;
    /// assert_eq!(headers.get("Server")?, Some("café"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn insert_latin1(&mut self, name: &str, value: &[u8]) -> Result<(), InvalidHeaderField> {
        self.insert(name, &decode_latin1(value))
    }

    /// Makes a map of the lines of a parsed head, whose values are given as octets of the wire
    /// (ISO-8859-1).
    ///
    /// Does the same as [`insert_latin1`](Self::insert_latin1) for each line, and reserves the memory
    /// for all of them first.
    ///
    /// # Errors
    /// [`InvalidHeaderField`] as for [`insert`](Self::insert), for the first line that isn't valid.
    ///
    /// ```
    /// # use ws_headers::Headers;
    /// let parsed = [("Host", &b"example.com"[..]), ("Server", b"caf\xE9")];
    /// let headers = Headers::from_latin1(parsed)?;
    /// assert!(headers.raw_items().eq([("Host", "example.com"), ("Server", "café")]));
    /// # Ok::<(), ws_headers::InvalidHeaderField>(())
    /// ```
    pub fn from_latin1<'a>(
        lines: impl IntoIterator<Item = (&'a str, &'a [u8]), IntoIter: Clone>,
    ) -> Result<Self, InvalidHeaderField> {
        let lines = lines.into_iter();
        let (count, text) = lines.clone().fold((0, 0usize), |(count, text), (name, value)| {
            (count + 1, text.saturating_add(name.len() + value.len()))
        });
        if let Some(lines) = Lines::from_ascii(lines.clone(), count, text) {
            return Ok(Self { table: Table::new(lines) });
        }
        let mut headers = Self::new();
        headers.reserve(count, text);
        for (name, value) in lines {
            headers.insert_latin1(name, value)?;
        }
        Ok(headers)
    }

    /// Removes all values of `name`, then adds `value` at the end. O(n) in the number of lines.
    ///
    /// # Errors
    /// [`InvalidHeaderField`] as for [`insert`](Self::insert); the map is unchanged then.
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

    /// Returns the single value of `name`, after adding `default` if there is none.
    ///
    /// A `default` that isn't needed isn't checked.
    ///
    /// # Errors
    /// [`SetDefaultError::MultipleValues`] when there are several values,
    /// [`SetDefaultError::InvalidHeaderField`] when there is none and `default` can't be added.
    ///
    /// ```
    /// # use ws_headers::Headers;
    /// let mut headers = Headers::new();
    /// assert_eq!(headers.setdefault("Server", "ours")?, "ours");
    /// assert_eq!(headers.setdefault("server", "theirs")?, "ours");
    /// # Ok::<(), ws_headers::SetDefaultError>(())
    /// ```
    pub fn setdefault(&mut self, name: &str, default: &str) -> Result<&str, SetDefaultError> {
        let line = match self.table.first(name) {
            Some(line) if self.table.next(line, name).is_some() => {
                return Err(MultipleValuesError::new(name).into());
            }
            Some(line) => line,
            None => {
                let line = self.line_count();
                self.insert(name, default)?;
                line
            }
        };
        Ok(self.lines().get(line).map_or("", |(_, value)| value))
    }

    /// Adds all lines of `other`, with their spelling and their repeats.
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
        self.table.append(&other.table);
    }

    /// Adds a line for each pair of name and value, or none at all.
    ///
    /// # Errors
    /// [`InvalidHeaderField`] as for [`insert`](Self::insert), for the first pair that isn't
    /// valid; the map is unchanged then.
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
                self.table.truncate(before);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Removes all values of `name`; returns whether there were any. O(n) in the number of lines.
    ///
    /// The other lines keep their order.
    #[doc(alias = "__delitem__")]
    pub fn remove(&mut self, name: &str) -> bool {
        let found = self.contains(name);
        if found {
            self.retain(|other, _| !same_name(other, name));
        }
        found
    }

    /// Removes and returns the single value of `name`; `None` when there is none.
    ///
    /// # Errors
    /// [`MultipleValuesError`] when there are several; the map is unchanged then.
    pub fn pop(&mut self, name: &str) -> Result<Option<String>, MultipleValuesError> {
        let value = self.get(name)?.map(str::to_owned);
        self.remove(name);
        Ok(value)
    }

    /// Removes the first name and returns it, in lower case, with its single value; `None` when the
    /// map is empty.
    ///
    /// # Errors
    /// [`MultipleValuesError`] when the name has several values; the map is unchanged then.
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

    /// Keeps only the lines for which `keep` returns true, given the name as written and the value.
    /// O(n) in the number of lines.
    ///
    /// ```
    /// # use ws_headers::Headers;
    /// let mut headers = Headers::try_from([("Cookie", "a"), ("Cookie", "b"), ("Host", "c")])?;
    /// headers.retain(|_, value| value != "a");
    /// assert_eq!(headers.get("Cookie")?, Some("b"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn retain(&mut self, keep: impl FnMut(&str, &str) -> bool) {
        self.table.retain(keep);
    }

    /// Removes all headers; keeps the memory for others, except that of the index.
    pub fn clear(&mut self) {
        self.table.truncate(0);
    }

    /// Returns the single value of `name`; `None` when there is none.
    ///
    /// # Errors
    /// [`MultipleValuesError`] when there are several; [`get_all`](Self::get_all) returns them.
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
        let Some(line) = self.table.first(name) else { return Ok(None) };
        match self.table.next(line, name) {
            None => Ok(self.lines().get(line).map(|(_, value)| value)),
            Some(_) => Err(MultipleValuesError::new(name)),
        }
    }

    /// Iterates over all values of `name`, in order; over nothing when it is absent.
    pub fn get_all(&self, name: &str) -> GetAll<'_> {
        GetAll::new(&self.table, name)
    }

    /// Whether `name` has a value.
    #[doc(alias = "__contains__")]
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.table.first(name).is_some()
    }

    /// Iterates over the distinct names in lower case, in order of first appearance.
    ///
    /// ```
    /// # use ws_headers::Headers;
    /// let headers = Headers::try_from([("Host", "a"), ("Via", "b"), ("HOST", "c")])?;
    /// assert!(headers.keys().map(|key| key.to_string()).eq(["host", "via"]));
    /// # Ok::<(), ws_headers::InvalidHeaderField>(())
    /// ```
    #[doc(alias = "__iter__")]
    pub fn keys(&self) -> Keys<'_> {
        Keys::new(&self.table)
    }

    /// Iterates over the distinct names, each with its single value, or the error for a name with
    /// several.
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
        Items::new(&self.table)
    }

    /// Iterates over the single value of each distinct name, or the error for a name with several.
    ///
    /// ```
    /// # use ws_headers::Headers;
    /// let headers = Headers::try_from([("Host", "a"), ("Via", "b")])?;
    /// assert_eq!(headers.values().collect::<Result<Vec<_>, _>>()?, ["a", "b"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn values(&self) -> Values<'_> {
        Values::new(&self.table)
    }

    /// Iterates over all lines, in order, with names and values as they were given.
    pub fn raw_items(&self) -> RawItems<'_> {
        RawItems::new(self.lines())
    }

    /// Number of distinct names; [`line_count`](Self::line_count) is the number of lines.
    #[doc(alias = "__len__")]
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.name_count()
    }

    /// Number of lines: each value of each name counts.
    #[must_use]
    pub fn line_count(&self) -> usize {
        self.lines().len()
    }

    /// Whether there are no headers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.line_count() == 0
    }

    pub(crate) fn lines(&self) -> &Lines {
        self.table.lines()
    }

    pub(crate) fn into_lines(self) -> Lines {
        self.table.into_lines()
    }

    /// Adds a line that was checked before.
    pub(crate) fn push(&mut self, name: &str, value: &str) {
        self.table.push(name, value);
    }
}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        // As many lines on both sides: if each name of one has the same values in the other, then
        // the other has no further name.
        self.line_count() == other.line_count()
            && self
                .keys()
                .all(|key| self.get_all(key.as_written()).eq(other.get_all(key.as_written())))
    }
}

impl Eq for Headers {}
