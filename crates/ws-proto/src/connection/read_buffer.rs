//! Received bytes that have not been parsed yet.

use bytes::BufMut;
use bytes::buf::Limit;

use super::pool::Pool;

/// The capacity of a buffer, in bytes: 64 KiB, and room for a header, so that a message of 64 KiB comes
/// in one read. A larger one saves no system calls, and falls out of the cache.
const CAPACITY: usize = 68 << 10;

/// Buffers that grew beyond this many bytes are freed.
const LARGEST: usize = 2 * CAPACITY;

/// Bytes are read to an address that is a multiple of this, where a cache line begins: a kernel copies up
/// to three times faster to there.
const ALIGN: usize = 64;

thread_local! {
    static SPARE: Pool<Vec<u8>> = const { Pool::new() };
}

/// Takes an empty buffer of at least 68 KiB out of the pool.
pub(super) fn take_memory() -> Vec<u8> {
    let spare = SPARE.try_with(Pool::take).ok().flatten();
    spare.unwrap_or_else(|| Vec::with_capacity(CAPACITY))
}

/// Gives a buffer back to the pool, if it is one of its kind.
pub(super) fn give_memory(mut memory: Vec<u8>) {
    if (CAPACITY..=LARGEST).contains(&memory.capacity()) {
        memory.clear();
        _ = SPARE.try_with(|pool| pool.give(memory));
    }
}

/// Received bytes, of which those from `start` on are unread. `start <= bytes.len()`.
///
/// The memory comes from the pool when bytes are read, and goes back to it when none come: what is unread
/// then, the beginning of a header or of a control frame, moves to memory of its own size.
#[derive(Debug, Default)]
pub(super) struct ReadBuffer {
    bytes: Vec<u8>,
    start: usize,
}

impl ReadBuffer {
    /// The bytes to parse next.
    pub(super) fn unread(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.bytes.len()
    }

    /// Up to `n` bytes at the front, which stay there.
    pub(super) fn peek(&mut self, n: usize) -> &mut [u8] {
        let end = self.bytes.len().min(self.start.saturating_add(n));
        self.bytes.get_mut(self.start..end).unwrap_or_default()
    }

    /// Takes up to `n` bytes off the front.
    pub(super) fn take(&mut self, n: usize) -> &mut [u8] {
        let start = self.start;
        self.start = self.bytes.len().min(start.saturating_add(n));
        self.bytes.get_mut(start..self.start).unwrap_or_default()
    }

    /// Lets `read` append bytes; gives how many it did, and its result.
    pub(super) fn read<R>(
        &mut self,
        read: impl FnOnce(&mut Limit<&mut Vec<u8>>) -> R,
    ) -> (usize, R) {
        self.make_room();
        let have = self.bytes.len();
        let room = self.bytes.capacity() - have;
        let result = read(&mut (&mut self.bytes).limit(room));
        let n = self.bytes.len().saturating_sub(have);
        if n == 0 {
            self.release();
        }
        (n, result)
    }

    /// Makes room behind what is unread.
    fn make_room(&mut self) {
        let unread = self.bytes.len() - self.start;
        if self.bytes.capacity() < CAPACITY {
            let mut bytes = take_memory();
            let padding = padding(&bytes, unread);
            bytes.resize(padding, 0);
            bytes.extend_from_slice(self.unread());
            (self.bytes, self.start) = (bytes, padding);
        }
        let padding = padding(&self.bytes, unread);
        // Only what is short beside what was parsed: so each byte moves once, about.
        if self.start > padding.max(unread) {
            self.bytes.copy_within(self.start.., padding);
            self.bytes.truncate(padding + unread);
            self.start = padding;
        }
        self.bytes.reserve(CAPACITY / 2);
    }

    /// Gives the memory back.
    pub(super) fn release(&mut self) {
        let unread = self.unread().to_vec();
        give_memory(std::mem::replace(&mut self.bytes, unread));
        self.start = 0;
    }

    /// Drops everything unread, and gives the memory back.
    pub(super) fn clear(&mut self) {
        self.start = self.bytes.len();
        self.release();
    }
}

/// How many bytes in front of what is unread let the bytes that are read behind it begin a cache line.
fn padding(bytes: &[u8], unread: usize) -> usize {
    bytes.as_ptr().wrapping_add(unread).align_offset(ALIGN).min(ALIGN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn append(buffer: &mut ReadBuffer, data: &[u8]) {
        buffer.read(|memory| memory.put_slice(data));
    }

    #[test]
    fn unread_bytes_survive_the_change_of_memory() {
        let mut buffer = ReadBuffer::default();
        append(&mut buffer, b"abcde");
        assert_eq!(buffer.take(2), b"ab");
        buffer.release();
        assert_eq!((buffer.unread(), buffer.bytes.capacity()), (&b"cde"[..], 3));
        append(&mut buffer, b"f");
        assert_eq!(buffer.peek(2), b"cd");
        // The missing part of a frame may be more than an address can be.
        assert_eq!(buffer.take(usize::MAX), b"cdef");
        assert!(buffer.is_empty());
        append(&mut buffer, b"");
        assert_eq!(buffer.bytes.capacity(), 0, "nothing is held while nothing comes");
    }

    #[test]
    fn bytes_are_read_to_the_beginning_of_a_cache_line() {
        let mut buffer = ReadBuffer::default();
        for n in [1, 100, 5000] {
            append(&mut buffer, &[7; 5001]);
            buffer.take(buffer.unread().len() - n);
            let (_, place) = buffer.read(|memory| {
                assert!(memory.remaining_mut() >= CAPACITY / 2);
                memory.put_u8(7);
                memory.get_ref().as_ptr_range().end
            });
            if n <= 100 {
                assert_eq!(place.wrapping_sub(1).align_offset(ALIGN), 0);
            }
            assert_eq!(buffer.unread(), vec![7; n + 1]);
            buffer.clear();
        }
    }
}
