//! Index of a large map, from names to lines.

use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroUsize;

use indexmap::IndexMap;
use indexmap::map::raw_entry_v1::{RawEntryApiV1, RawEntryMut};
use unicase::Ascii;

use crate::field::same_name;
use crate::lines::Lines;

/// Finds the lines with a name. It stores only line numbers, so its methods take the [`Lines`].
///
/// The hash has a random key ([`RandomState`]), so a peer can't choose names that collide.
#[derive(Clone, Default)]
pub(crate) struct Index {
    /// First and last line of each distinct name, in order of first appearance. Keys are line
    /// numbers, hashed and compared as the names of those lines.
    names: IndexMap<usize, usize, RandomState>,
    /// For each line, the next one with the same name, which is never line 0.
    next: Vec<Option<NonZeroUsize>>,
}

impl Index {
    /// Number of distinct names.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// The index of these lines.
    pub(crate) fn new(lines: &Lines) -> Self {
        let mut index = Self::default();
        index.names.reserve(lines.len());
        index.next.reserve(lines.len());
        index.catch_up(lines);
        index
    }

    /// Adds the lines after those already in the index.
    pub(crate) fn catch_up(&mut self, lines: &Lines) {
        while let Some((name, _)) = lines.get(self.next.len()) {
            self.push(name, lines);
        }
    }

    fn push(&mut self, name: &str, lines: &Lines) {
        let line = self.next.len();
        let hash = self.hash(name);
        match self.names.raw_entry_mut_v1().from_hash(hash, |&first| is_named(lines, first, name)) {
            RawEntryMut::Vacant(entry) => {
                entry.insert_hashed_nocheck(hash, line, line);
            }
            RawEntryMut::Occupied(mut entry) => {
                let last = entry.insert(line);
                if let Some(next) = self.next.get_mut(last) {
                    *next = NonZeroUsize::new(line);
                }
            }
        }
        self.next.push(None);
    }

    /// The first line with this name.
    pub(crate) fn first(&self, lines: &Lines, name: &str) -> Option<usize> {
        let entry = self.names.raw_entry_v1();
        let found = entry.from_hash(self.hash(name), |&first| is_named(lines, first, name));
        found.map(|(&first, _)| first)
    }

    /// The first line of the `n`th name, counted from 0.
    pub(crate) fn nth_name(&self, n: usize) -> Option<usize> {
        self.names.get_index(n).map(|(&first, _)| first)
    }

    /// The line after `line` with the same name.
    pub(crate) fn next(&self, line: usize) -> Option<usize> {
        self.next.get(line).copied().flatten().map(NonZeroUsize::get)
    }

    pub(crate) fn shrink_to_fit(&mut self) {
        self.names.shrink_to_fit();
        self.next.shrink_to_fit();
    }

    fn hash(&self, name: &str) -> u64 {
        self.names.hasher().hash_one(Ascii::new(name))
    }
}

fn is_named(lines: &Lines, line: usize, name: &str) -> bool {
    lines.get(line).is_some_and(|(other, _)| same_name(other, name))
}
