//! Lines, found by name: few are read one by one, many have an index.

use crate::index::Index;
use crate::lines::Lines;

/// Lines, with an index if and only if there are more than [`MAX_SCANNED`] of them.
///
/// Every change ends with `reindex`.
#[derive(Clone, Default)]
pub(crate) struct Table {
    lines: Lines,
    index: Option<Box<Index>>,
}

/// Reading up to this many lines is at least as fast as hashing a name, and an index would only
/// cost memory. Below it, a peer can't slow a look-up down by its choice of names.
const MAX_SCANNED: usize = 32;

impl Table {
    pub(crate) fn new(lines: Lines) -> Self {
        let mut table = Self { lines, index: None };
        table.reindex();
        table
    }

    pub(crate) fn lines(&self) -> &Lines {
        &self.lines
    }

    pub(crate) fn into_lines(self) -> Lines {
        self.lines
    }

    pub(crate) fn reserve(&mut self, lines: usize, text: usize) {
        self.lines.reserve(lines, text);
    }

    pub(crate) fn shrink_to_fit(&mut self) {
        self.lines.shrink_to_fit();
        if let Some(index) = &mut self.index {
            index.shrink_to_fit();
        }
    }

    /// Adds a line. The caller has checked name and value.
    pub(crate) fn push(&mut self, name: &str, value: &str) {
        self.lines.push(name, value);
        self.reindex();
    }

    /// Adds all lines of `other`.
    pub(crate) fn append(&mut self, other: &Self) {
        self.lines.append(&other.lines);
        self.reindex();
    }

    /// Keeps the lines for which `keep` returns true, by copying them. O(n).
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&str, &str) -> bool) {
        let mut kept = Lines::default();
        kept.reserve(self.lines.len(), self.lines.text_len());
        for (name, value) in (0..self.lines.len()).filter_map(|line| self.lines.get(line)) {
            if keep(name, value) {
                kept.push(name, value);
            }
        }
        if kept.len() < self.lines.len() {
            self.lines = kept;
            self.index = None;
            self.reindex();
        }
    }

    /// Removes the lines from `len` on.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.lines.truncate(len);
        self.index = None;
        self.reindex();
    }

    /// Number of distinct names.
    pub(crate) fn name_count(&self) -> usize {
        match &self.index {
            Some(index) => index.len(),
            None => (0..self.lines.len()).filter(|&line| self.is_first(line)).count(),
        }
    }

    /// The first line with this name.
    pub(crate) fn first(&self, name: &str) -> Option<usize> {
        match &self.index {
            Some(index) => index.first(&self.lines, name),
            None => self.lines.position(0, name),
        }
    }

    /// The line after `line` with the same name, which is `name`.
    pub(crate) fn next(&self, line: usize, name: &str) -> Option<usize> {
        match &self.index {
            Some(index) => index.next(line),
            None => self.lines.position(line + 1, name),
        }
    }

    /// The first line of the next name, and the new value of `passed`: the number of names passed
    /// if there is an index, of lines if there is none.
    pub(crate) fn next_name(&self, passed: usize) -> Option<(usize, usize)> {
        match &self.index {
            Some(index) => Some((index.nth_name(passed)?, passed + 1)),
            None => {
                let line = (passed..self.lines.len()).find(|&line| self.is_first(line))?;
                Some((line, line + 1))
            }
        }
    }

    /// Whether no earlier line has the name of this one. Reads them, so only small maps use it.
    fn is_first(&self, line: usize) -> bool {
        self.lines.get(line).is_some_and(|(name, _)| self.lines.position(0, name) == Some(line))
    }

    /// Adds new lines to the index. After a removal, the index has to be dropped first.
    fn reindex(&mut self) {
        match &mut self.index {
            Some(index) => index.catch_up(&self.lines),
            None if self.lines.len() > MAX_SCANNED => {
                self.index = Some(Box::new(Index::new(&self.lines)));
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_lines_have_an_index_and_few_have_none() {
        let table = |lines: usize| {
            let mut table = Table::default();
            (0..lines).for_each(|n| table.push(&format!("X-{n}"), "value"));
            table
        };
        let (few, many) = (table(MAX_SCANNED), table(MAX_SCANNED + 1));
        assert!(few.index.is_none() && many.index.is_some());
        assert!(Table::new(few.lines.clone()).index.is_none());
        assert!(Table::new(many.lines.clone()).index.is_some());

        let mut changed = table(1);
        changed.append(&few);
        assert!(changed.index.is_some());
        changed.truncate(MAX_SCANNED);
        assert!(changed.index.is_none());
        changed.append(&many);
        assert!(changed.index.is_some());
        changed.retain(|name, _| name != "X-0");
        assert!(changed.index.is_some());
        changed.retain(|name, _| name == "X-1");
        assert!(changed.index.is_none());
    }
}
