//! Where the text of all headers is: one string, and the places where names and values end.
//!
//! ```text
//! text: H o s t e x a m p l e . c o m A c c e p t * / *
//! ends:         4                   15          21  24     → [(4, 15), (21, 24)]
//! ```
//!
//! So a map costs two allocations and 8 bytes for each line besides its text, which has less than
//! 4 GiB: who adds more is stopped by a panic, as by a `Vec` that would be larger than memory can be.

use std::mem;

use crate::field::{is_ascii_value, is_name, same_name};
use crate::iter::RawItems;

/// Lines in the order they were added. The caller checks what is pushed.
#[derive(Clone, Default)]
pub(crate) struct Lines {
    /// Names and values, one after the other.
    text: String,
    /// 0 <= `ends[i - 1].value` <= `ends[i].name` <= `ends[i].value` <= `text.len()`, all of them at
    /// the border of a character.
    ends: Vec<Ends>,
}

/// Where a line's name and value end in the text. The name begins where the line before ends.
#[derive(Clone, Copy)]
pub(crate) struct Ends {
    name: u32,
    value: u32,
}

impl Ends {
    /// Both are below 4 GiB: see [`Lines::check_room`].
    #[expect(clippy::cast_possible_truncation, reason = "checked before")]
    fn new(name: usize, value: usize) -> Self {
        Self { name: name as u32, value: value as u32 }
    }

    pub(crate) fn name(self) -> usize {
        self.name as usize
    }

    pub(crate) fn value(self) -> usize {
        self.value as usize
    }
}

impl Lines {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of all names and values.
    pub(crate) fn text_len(&self) -> usize {
        self.text.len()
    }

    /// Makes room; what can't be had now is left to fail when it is needed.
    pub(crate) fn reserve(&mut self, lines: usize, text: usize) {
        _ = self.ends.try_reserve(lines);
        _ = self.text.try_reserve(text);
    }

    pub(crate) fn shrink_to_fit(&mut self) {
        self.ends.shrink_to_fit();
        self.text.shrink_to_fit();
    }

    pub(crate) fn push(&mut self, name: &str, value: &str) {
        self.check_room(name.len() + value.len());
        self.push_with(name, |text| text.push_str(value));
    }

    /// Adds a line whose value is as on the wire, one octet for each character.
    pub(crate) fn push_latin1(&mut self, name: &str, value: &[u8]) {
        // An octet becomes two at most.
        self.check_room(name.len() + value.len().saturating_mul(2));
        self.push_with(name, |text| match str::from_utf8(value) {
            Ok(ascii) if ascii.is_ascii() => text.push_str(ascii),
            _ => text.extend(value.iter().copied().map(char::from)),
        });
    }

    /// Fills what is empty with lines of these names and values, `len` bytes in all, if they are valid, and
    /// ASCII; else it stays empty. Tells whether it did.
    pub(crate) fn fill_ascii<'a>(
        &mut self,
        pairs: impl Iterator<Item = (&'a str, &'a [u8])>,
        len: usize,
    ) -> bool {
        self.check_room(len);
        let mut text = mem::take(&mut self.text).into_bytes();
        let mut valid = true;
        for (name, value) in pairs {
            valid &= is_name(name);
            text.extend_from_slice(name.as_bytes());
            let name = text.len();
            text.extend_from_slice(value);
            self.ends.push(Ends::new(name, text.len()));
        }
        // Values may be any of these octets, and names are made of some of them.
        valid &= is_ascii_value(&text);
        if !valid {
            text.clear();
            self.ends.clear();
        }
        self.text = String::from_utf8(text).unwrap_or_default();
        valid
    }

    fn push_with(&mut self, name: &str, push_value: impl FnOnce(&mut String)) {
        self.text.push_str(name);
        let name = self.text.len();
        push_value(&mut self.text);
        self.ends.push(Ends::new(name, self.text.len()));
    }

    /// Before text is added: so many bytes are not too many.
    #[expect(clippy::expect_used, reason = "as the end of the address space, but nearer")]
    fn check_room(&self, more: usize) {
        let len = self.text.len().saturating_add(more);
        u32::try_from(len).expect("headers have less than 4 GiB");
    }

    /// Adds all lines of `other`.
    pub(crate) fn append(&mut self, other: &Self) {
        self.check_room(other.text.len());
        let base = self.text.len();
        self.text.push_str(&other.text);
        let moved = other.ends.iter().map(|e| Ends::new(base + e.name(), base + e.value()));
        self.ends.extend(moved);
    }

    /// Forgets the lines from `len` on.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.text.truncate(self.start(len));
        self.ends.truncate(len);
    }

    pub(crate) fn iter(&self) -> RawItems<'_> {
        RawItems::new(&self.text, &self.ends)
    }

    /// Name and value of a line.
    pub(crate) fn get(&self, line: usize) -> Option<(&str, &str)> {
        let ends = self.ends.get(line)?;
        let (name, value) = (ends.name(), ends.value());
        Some((self.text.get(self.start(line)..name)?, self.text.get(name..value)?))
    }

    /// The first line from `from` on that has this name; reads every line on the way.
    pub(crate) fn position(&self, from: usize, name: &str) -> Option<usize> {
        let len = u32::try_from(name.len()).ok()?;
        let mut start = u32::try_from(self.start(from)).ok()?;
        for (passed, ends) in self.ends.get(from..)?.iter().enumerate() {
            // Most names differ in length, so most lines cost one comparison; and most are spelled as
            // they are asked for.
            if ends.name.wrapping_sub(start) == len
                && let Some(other) = self.text.get(start as usize..ends.name())
                && (other == name || same_name(other, name))
            {
                return Some(from + passed);
            }
            start = ends.value;
        }
        None
    }

    /// Where a line begins in the text; the text's end for the line after the last.
    fn start(&self, line: usize) -> usize {
        let before = line.checked_sub(1).map(|before| self.ends.get(before));
        before.map_or(0, |ends| ends.map_or(self.text.len(), |ends| ends.value()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = u32::MAX as usize;

    #[test]
    fn there_is_room_for_all_that_offsets_can_tell() {
        let mut lines = Lines::default();
        lines.check_room(MOST);
        lines.push("Host", "x");
        lines.check_room(MOST - 5);
    }

    #[test]
    #[should_panic = "less than 4 GiB"]
    fn there_is_room_for_no_more() {
        let mut lines = Lines::default();
        lines.push("Host", "x");
        lines.check_room(MOST - 4);
    }
}
