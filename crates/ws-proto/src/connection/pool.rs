//! Memory that the connections of a thread share: a connection takes it when bytes move, and gives it
//! back when it waits.

use std::cell::RefCell;

/// A thread keeps at most this many spare buffers of a kind.
const SPARE: usize = 8;

/// Spare buffers of one kind, for use in a `thread_local!`; without it, while the thread ends, buffers are
/// made anew, and freed.
pub(super) struct Pool<T>(RefCell<Vec<T>>);

impl<T> Pool<T> {
    pub(super) const fn new() -> Self {
        Self(RefCell::new(Vec::new()))
    }

    /// Takes a spare buffer, if there is one.
    pub(super) fn take(&self) -> Option<T> {
        self.0.borrow_mut().pop()
    }

    /// Keeps a buffer, unless there are enough.
    pub(super) fn give(&self, buffer: T) {
        let mut spare = self.0.borrow_mut();
        if spare.len() < SPARE {
            spare.push(buffer);
        }
    }
}
