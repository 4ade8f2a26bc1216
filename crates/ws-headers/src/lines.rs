//! Storage of lines: one string with all names and values, and the offsets where they end.
//!
//! ```text
//! text: H o s t e x a m p l e . c o m A c c e p t * / *
//! ends:         4                   15          21  24     → [(4, 15), (21, 24)]
//! ```
//!
//! This takes two allocations for all lines, and two `usize` for each line besides its text.

use crate::field::{check_name, is_ascii_value, same_name};

/// Lines in the order they were added. The caller checks names and values.
#[derive(Clone, Default)]
pub(crate) struct Lines {
    /// Names and values, one after the other.
    text: String,
    /// `ends[i - 1].value` <= `ends[i].name` <= `ends[i].value` <= `text.len()`, each at a boundary
    /// of characters.
    ends: Vec<Ends>,
}

/// Offsets into the text: the ends of a name and of its value. The name begins where the line before
/// ends, the value where the name ends.
#[derive(Clone, Copy)]
struct Ends {
    name: usize,
    value: usize,
}

impl Lines {
    /// The lines of a parsed head if all of them are valid and ASCII, else `None`.
    ///
    /// Reserves room for `count` lines and `len` bytes of text. Checking all text at once takes half
    /// of the time that checking each line takes.
    pub(crate) fn from_ascii<'a>(
        lines: impl Iterator<Item = (&'a str, &'a [u8])>,
        count: usize,
        len: usize,
    ) -> Option<Self> {
        let (mut text, mut ends) = (Vec::new(), Vec::new());
        _ = text.try_reserve(len);
        _ = ends.try_reserve(count);
        for (name, value) in lines {
            check_name(name).ok()?;
            text.extend_from_slice(name.as_bytes());
            let name = text.len();
            text.extend_from_slice(value);
            ends.push(Ends { name, value: text.len() });
        }
        // Names consist of octets that values may contain.
        if !is_ascii_value(&text) {
            return None;
        }
        Some(Self { text: String::from_utf8(text).ok()?, ends })
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of all names and values.
    pub(crate) fn text_len(&self) -> usize {
        self.text.len()
    }

    /// Makes room. A failure is ignored: the numbers are hints, and adding lines allocates anyway.
    pub(crate) fn reserve(&mut self, lines: usize, text: usize) {
        _ = self.ends.try_reserve(lines);
        _ = self.text.try_reserve(text);
    }

    pub(crate) fn shrink_to_fit(&mut self) {
        self.ends.shrink_to_fit();
        self.text.shrink_to_fit();
    }

    pub(crate) fn push(&mut self, name: &str, value: &str) {
        self.text.push_str(name);
        let name = self.text.len();
        self.text.push_str(value);
        self.ends.push(Ends { name, value: self.text.len() });
    }

    /// Adds all lines of `other`.
    pub(crate) fn append(&mut self, other: &Self) {
        let base = self.text.len();
        self.text.push_str(&other.text);
        let moved = other.ends.iter().map(|e| Ends { name: base + e.name, value: base + e.value });
        self.ends.extend(moved);
    }

    /// Removes the lines from `len` on.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.text.truncate(self.start(len));
        self.ends.truncate(len);
    }

    /// Name and value of a line.
    pub(crate) fn get(&self, line: usize) -> Option<(&str, &str)> {
        let (start, ends) = (self.start(line), self.ends.get(line)?);
        self.text.get(start..ends.value)?.split_at_checked(ends.name - start)
    }

    /// The first line from `from` on with this name; reads every line on the way.
    pub(crate) fn position(&self, from: usize, name: &str) -> Option<usize> {
        let mut start = self.start(from);
        for (line, ends) in (from..).zip(self.ends.get(from..)?) {
            // Most names differ in length, and most of the others are spelled alike.
            if ends.name - start == name.len()
                && let Some(other) = self.text.get(start..ends.name)
                && (other == name || same_name(other, name))
            {
                return Some(line);
            }
            start = ends.value;
        }
        None
    }

    /// Where a line begins in the text; the end of the text for the line after the last.
    fn start(&self, line: usize) -> usize {
        match line.checked_sub(1) {
            None => 0,
            Some(before) => self.ends.get(before).map_or(self.text.len(), |ends| ends.value),
        }
    }
}
