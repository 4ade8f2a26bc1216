//! Received bytes that have not been parsed yet.

use std::mem;

/// The least room to read into, in bytes.
const MIN_SPACE: usize = 4096;

/// A buffer with a window of unread bytes: `0 <= start <= end <= buf.len()`, all of `buf` initialised.
///
/// The memory can be lent for a while and taken back, so that a connection that waits holds none:
/// parsing always reaches the end but for the header of one frame, or one control frame.
#[derive(Debug, Default)]
pub(super) struct Input {
    buf: Vec<u8>,
    start: usize,
    end: usize,
}

impl Input {
    /// The bytes to parse next.
    #[inline]
    pub(super) fn unread(&self) -> &[u8] {
        self.buf.get(self.start..self.end).unwrap_or_default()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Takes up to `n` bytes off the front.
    #[inline]
    pub(super) fn take(&mut self, n: usize) -> &mut [u8] {
        let start = self.start;
        self.start = self.end.min(start + n);
        self.buf.get_mut(start..self.start).unwrap_or_default()
    }

    /// Forgets everything unread.
    pub(super) fn clear(&mut self) {
        self.start = 0;
        self.end = 0;
    }

    /// Memory for further bytes: what is left of the buffer, or that of a new one from `memory`.
    pub(super) fn space(&mut self, memory: impl FnOnce() -> Vec<u8>) -> &mut [u8] {
        if self.start > 0 {
            self.buf.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.buf.len() - self.end < MIN_SPACE {
            let mut memory = memory();
            // Nothing is written where the memory has been in use before.
            memory.resize(memory.capacity().max(self.end + MIN_SPACE), 0);
            if let (Some(to), Some(unread)) = (memory.get_mut(..self.end), self.buf.get(..self.end))
            {
                to.copy_from_slice(unread);
            }
            self.buf = memory;
        }
        self.buf.get_mut(self.end..).unwrap_or_default()
    }

    /// Appends a copy of `data`.
    pub(super) fn append(&mut self, data: &[u8]) {
        self.buf.truncate(self.end);
        self.buf.drain(..self.start);
        self.buf.extend_from_slice(data);
        self.start = 0;
        self.end = self.buf.len();
    }

    /// Counts `n` bytes of `space` as received.
    pub(super) fn commit(&mut self, n: usize) {
        self.end = self.buf.len().min(self.end + n);
    }

    /// Whether memory for received bytes is held.
    pub(super) fn has_memory(&self) -> bool {
        !self.buf.is_empty()
    }

    /// Takes the memory back; what is unread, if anything, moves to memory of its own size.
    pub(super) fn reclaim(&mut self) -> Vec<u8> {
        let unread = self.unread().to_vec();
        self.start = 0;
        self.end = unread.len();
        mem::replace(&mut self.buf, unread)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unread_bytes_survive_a_change_of_memory() {
        let mut input = Input::default();
        input.append(b"abcde");
        assert_eq!(input.take(2), b"ab");
        let memory = input.reclaim();
        assert_eq!(memory.len(), 5);
        assert_eq!(input.unread(), b"cde");
        assert_eq!(input.space(|| Vec::with_capacity(9000)).len(), 9000 - 3);
        assert_eq!(input.unread(), b"cde");
        assert_eq!(input.take(9), b"cde");
        assert!(input.is_empty());
        assert!(input.reclaim().capacity() >= 9000);
        assert!(!input.has_memory());
    }
}
