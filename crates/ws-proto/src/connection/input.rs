//! Received bytes that have not been parsed yet.

use std::fmt;
use std::mem;

use bytes::BytesMut;

use crate::Payload;
use crate::frame::{BLOCK, Mask, append};
use crate::payload::INLINE;

/// The least room to read into, in bytes.
const MIN_SPACE: usize = 4096;

/// Bytes are received to addresses that are multiples of this, where a cache line begins: a kernel copies up
/// to three times faster to there than to between, where memory comes to lie by itself.
const ALIGN: usize = 64;

/// Payloads of up to this many bytes share memory with their neighbours...
const SMALL: usize = 256;
/// ... that is this large, so that is the most that one of them can keep alive.
const SLAB: usize = 2048;

/// Memory to receive into, which a driver lends to one connection after the other: see
/// [`Connection::read_space`](crate::Connection::read_space).
///
/// It has a buffer for bytes as they arrive, and reuses the memory of payloads that were dropped: a
/// program that drops its messages, or sends them on, allocates nothing per message.
#[derive(Default)]
pub struct ReadMemory {
    /// All of it is initialised.
    buf: Vec<u8>,
    /// Where the next payload goes; empty, with some capacity behind it.
    slab: BytesMut,
}

impl ReadMemory {
    /// Memory that takes up to `capacity` bytes at once; at least 4096. Somewhat more than 64 KiB is a good
    /// size, since a message of 64 KiB then comes with its header at once: more doesn't save system calls,
    /// and falls out of the cache.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { buf: vec![0; capacity.max(MIN_SPACE) + ALIGN], slab: BytesMut::new() }
    }

    /// The buffer for bytes as they arrive, for use between connections: all of it is initialised.
    #[must_use]
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        let (front, capacity) = (self.front(), self.capacity());
        self.buf.get_mut(front..front + capacity).unwrap_or_default()
    }

    /// How many bytes it takes at once.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.buf.len() - if self.is_rest() { 0 } else { ALIGN }
    }

    /// Whether this is no memory to read into, but what was left unread when that was taken back.
    fn is_rest(&self) -> bool {
        self.buf.len() < MIN_SPACE + ALIGN
    }

    /// Where the buffer begins to be used.
    fn front(&self) -> usize {
        if self.is_rest() { 0 } else { self.buf.as_ptr().align_offset(ALIGN).min(ALIGN) }
    }

    /// Empty memory for a payload of `n` bytes.
    #[inline]
    fn make_room(slab: &mut BytesMut, n: usize) {
        // A payload that was refused.
        slab.clear();
        if slab.capacity() < n && !slab.try_reclaim(n) {
            *slab = BytesMut::with_capacity(if n <= SMALL { SLAB } else { n });
        }
    }
}

impl fmt::Debug for ReadMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadMemory").field("capacity", &self.capacity()).finish()
    }
}

/// A buffer with a window of unread bytes: `0 <= start <= end <= memory.buf.len()`.
///
/// The memory can be lent for a while and taken back, so that a connection that waits holds none:
/// parsing always reaches the end but for the header of one frame, or one control frame.
#[derive(Debug, Default)]
pub(super) struct Input {
    memory: ReadMemory,
    start: usize,
    end: usize,
}

impl Input {
    /// The bytes to parse next.
    #[inline]
    pub(super) fn unread(&self) -> &[u8] {
        self.memory.buf.get(self.start..self.end).unwrap_or_default()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Takes up to `n` bytes off the front.
    #[inline]
    pub(super) fn take(&mut self, n: usize) -> &mut [u8] {
        let start = self.start;
        self.start = self.end.min(start.saturating_add(n));
        self.memory.buf.get_mut(start..self.start).unwrap_or_default()
    }

    /// Up to `n` bytes at the front, which stay there.
    pub(super) fn front(&mut self, n: usize) -> &mut [u8] {
        let end = self.end.min(self.start.saturating_add(n));
        self.memory.buf.get_mut(self.start..end).unwrap_or_default()
    }

    /// The `N` bytes of memory at the front, and how many of them, or more, are unread; `None` near the
    /// end of the memory.
    #[inline]
    pub(super) fn peek<const N: usize>(&self) -> Option<(&[u8; N], usize)> {
        let front = self.memory.buf.get(self.start..)?.first_chunk()?;
        Some((front, self.end - self.start))
    }

    /// Drops `n` bytes at the front, which are unread.
    #[inline]
    pub(super) fn skip(&mut self, n: usize) {
        debug_assert!(n <= self.end - self.start);
        self.start += n;
    }

    /// Takes a payload of `n` bytes off the front and unmasks it, for [`payload`](Self::payload) to give.
    #[inline(always)] // to call it takes a short message as long as to copy it
    pub(super) fn unmask(&mut self, n: usize, mask: Option<Mask>) -> &[u8] {
        let start = self.start;
        self.start = self.end.min(start + n);
        let ReadMemory { buf, slab } = &mut self.memory;
        // What is behind the payload may be copied with it.
        let room = n.next_multiple_of(BLOCK);
        ReadMemory::make_room(slab, room);
        let blocks = buf.get(start..start + room).map(|blocks| blocks.as_chunks().0);
        match (mask, blocks) {
            (mask, Some([block])) => {
                slab.extend_from_slice(&mask.unwrap_or(Mask::NONE).applied_to_block(block));
                slab.truncate(n);
            }
            (Some(mask), Some(blocks)) => {
                mask.append_blocks(slab, blocks);
                slab.truncate(n);
            }
            (mut mask, _) => {
                append(slab, buf.get(start..self.start).unwrap_or_default(), &mut mask);
            }
        }
        slab
    }

    /// The payload that was unmasked last, in memory of its own.
    #[inline]
    pub(super) fn payload(&mut self) -> Payload {
        Payload::take_from(&mut self.memory.slab)
    }

    /// Takes a payload of `n` bytes off the front, unmasked; a short one needs no memory.
    pub(super) fn take_payload(&mut self, n: usize, mask: Option<Mask>) -> Payload {
        if n > INLINE {
            self.unmask(n, mask);
            return self.payload();
        }
        let payload = self.take(n);
        if let Some(mut mask) = mask {
            mask.apply(payload);
        }
        Payload::copy_from_slice(payload)
    }

    /// The bytes to parse next, and empty memory for a payload of `n` bytes that is made of them.
    pub(super) fn unread_and_room(&mut self, n: usize) -> (&[u8], &mut BytesMut) {
        let ReadMemory { buf, slab } = &mut self.memory;
        ReadMemory::make_room(slab, n);
        (buf.get(self.start..self.end).unwrap_or_default(), slab)
    }

    /// Forgets everything unread.
    pub(super) fn clear(&mut self) {
        self.start = 0;
        self.end = 0;
    }

    /// Memory for further bytes: what is left of the buffer, or that of a new one from `memory`.
    pub(super) fn space(&mut self, memory: impl FnOnce() -> ReadMemory) -> &mut [u8] {
        let unread = self.end - self.start;
        // What is unread ends where the next bytes are best read to.
        let place = |memory: &ReadMemory| memory.front() + unread.next_multiple_of(ALIGN) - unread;
        let start = place(&self.memory);
        if unread == 0 && start <= self.memory.buf.len() {
            (self.start, self.end) = (start, start);
        } else if self.start > start + ALIGN {
            // Not for less than a cache line: the whole would be moved for each byte that comes.
            self.memory.buf.copy_within(self.start..self.end, start);
            (self.start, self.end) = (start, start + unread);
        }
        if self.memory.buf.len() - self.end < MIN_SPACE {
            let mut memory = memory();
            let least = unread + MIN_SPACE + 2 * ALIGN;
            if memory.buf.len() < least {
                memory.buf.resize(least, 0);
            }
            let start = place(&memory);
            let to = memory.buf.get_mut(start..start + unread).unwrap_or_default();
            to.copy_from_slice(self.unread());
            self.memory = memory;
            (self.start, self.end) = (start, start + unread);
        }
        let end = self.memory.buf.len().min(self.end + self.memory.capacity());
        self.memory.buf.get_mut(self.end..end).unwrap_or_default()
    }

    /// Appends a copy of `data`.
    pub(super) fn append(&mut self, data: &[u8]) {
        let buf = &mut self.memory.buf;
        buf.truncate(self.end);
        // What was parsed is dropped when it is half of the buffer: each byte moves once, about.
        if self.start * 2 >= self.end {
            buf.drain(..self.start);
            self.start = 0;
        }
        buf.extend_from_slice(data);
        self.end = buf.len();
    }

    /// Counts `n` bytes of `space` as received.
    pub(super) fn commit(&mut self, n: usize) {
        self.end = self.memory.buf.len().min(self.end + n);
    }

    /// Whether memory for received bytes is held.
    pub(super) fn has_memory(&self) -> bool {
        !self.memory.buf.is_empty()
    }

    /// Takes the memory back; what is unread, if anything, moves to memory of its own size.
    pub(super) fn reclaim(&mut self) -> ReadMemory {
        let buf = if self.is_empty() { Vec::new() } else { self.unread().to_vec() };
        self.start = 0;
        self.end = buf.len();
        mem::replace(&mut self.memory, ReadMemory { buf, slab: BytesMut::new() })
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
        assert_eq!(memory.capacity(), 5);
        assert_eq!(input.unread(), b"cde");
        let space = input.space(|| ReadMemory::with_capacity(9000));
        assert!(space.len() > 9000 - ALIGN);
        assert_eq!(space.as_ptr().align_offset(ALIGN), 0);
        assert_eq!(input.unread(), b"cde");
        assert_eq!(input.take(1), b"c");
        // What a frame still misses may be more than an address can be.
        assert_eq!(input.take(usize::MAX), b"de");
        assert!(input.is_empty());
        assert_eq!(input.reclaim().capacity(), 9000);
        assert!(!input.has_memory());
    }

    #[test]
    fn short_payloads_take_no_memory() {
        let mut input = Input::default();
        input.append(&[7; 30]);
        assert_eq!(input.take_payload(INLINE, Some(Mask::new([7; 4]))), [0; INLINE]);
        assert_eq!(input.memory.slab.capacity(), 0);
        assert_eq!(input.take_payload(7, None), [7; 7]);
    }

    #[test]
    fn dropped_payloads_give_their_memory_back() {
        let mut input = Input::default();
        for n in [100, 200, 5000, 5000] {
            input.append(&vec![7; 4 * n]);
            let mut take = |mask: Option<Mask>| {
                assert_eq!(input.unmask(n, mask).len(), n);
                input.payload()
            };
            let (first, second) = (take(None), take(Some(Mask::new([1, 2, 3, 4]))));
            assert_eq!((first.len(), second.len()), (n, n));
            assert_eq!(second[..4], [6, 5, 4, 3]);
            let place = second.as_ptr();
            drop((first, second));
            if n > SMALL {
                assert_eq!(take(None).as_ptr(), place);
            }
            input.clear();
        }
    }
}
