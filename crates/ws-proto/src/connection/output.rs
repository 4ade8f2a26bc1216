//! Frames that are to be written: small ones side by side in one buffer, large payloads by reference.

use std::collections::VecDeque;
use std::io::IoSlice; // data only: the type in which `Buf` hands out several slices
use std::mem;

use bytes::{Buf, Bytes};

use super::keys::MaskingKeys;
use crate::Payload;
use crate::frame::{FrameHeader, MAX_HEADER_LEN, Mask, append, long_header, short_header};
use crate::payload::Words;

/// From this length on, in bytes, an unmasked payload is queued by reference instead of copied.
const BY_REFERENCE: usize = 8 << 10;

/// With room for more parts than this, that room isn't lent to the next connection.
const MOST_PARTS: usize = 64;

/// Memory for frames that are to be written, which a driver lends to one connection after the other: see
/// [`Connection::lend_output`](crate::Connection::lend_output). The default allocates when it is used.
#[derive(Debug, Default)]
pub struct WriteMemory {
    queue: Option<Box<Queue>>,
}

impl WriteMemory {
    /// Memory for small frames of `capacity` bytes in all; it grows if more are queued. 16 KiB are a good
    /// size: a batch of replies fits, and it stays in the cache.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        let tail = Vec::with_capacity(capacity);
        Self { queue: Some(Box::new(Queue { tail, ..Queue::default() })) }
    }

    /// How many bytes of small frames it takes without growing.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| queue.tail.capacity())
    }
}

/// The frames that are to be written, and the memory in which they are. In a box, since a connection that
/// waits has neither.
#[derive(Debug, Default)]
pub(super) struct Output {
    queue: Option<Box<Queue>>,
}

impl Output {
    #[inline]
    fn queue(&mut self) -> &mut Queue {
        #[cold]
        fn make() -> Box<Queue> {
            Box::default()
        }
        self.queue.get_or_insert_with(make)
    }

    /// Queues a frame, masked if there are keys; its header has no mask yet.
    pub(super) fn push(
        &mut self,
        header: FrameHeader,
        keys: Option<&mut MaskingKeys>,
        payload: Payload,
    ) {
        if !self.push_copy(header.first_byte(), keys, &payload) {
            self.queue().push_by_reference(header, payload.into_bytes());
        }
    }

    /// Queues a frame with a copy of the payload, masked if there are keys. Tells whether it did: a long
    /// payload that isn't masked is better queued by reference.
    #[inline]
    pub(super) fn push_copy(
        &mut self,
        first_byte: u8,
        keys: Option<&mut MaskingKeys>,
        payload: &Payload,
    ) -> bool {
        let masked = keys.is_some();
        let next_key = |keys: &mut MaskingKeys| keys.next_key();
        match payload.words() {
            Some((words, len)) => {
                self.queue().push_words(first_byte, keys.map(next_key), words, len);
            }
            None if masked || payload.len() < BY_REFERENCE => {
                self.queue().push_bytes(first_byte, keys.map(next_key), payload);
            }
            None => return false,
        }
        true
    }

    /// Queues an unmasked frame that is encoded already, header and all.
    pub(super) fn push_encoded(&mut self, frame: &Bytes) {
        self.queue().push_encoded(frame);
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| queue.len())
    }

    /// Drops everything, with the memory.
    pub(super) fn discard(&mut self) {
        self.queue = None;
    }

    /// Whether memory is held.
    #[inline]
    pub(super) fn has_memory(&self) -> bool {
        self.queue.is_some()
    }

    /// Gives memory, to be used if none is held.
    pub(super) fn lend(&mut self, memory: WriteMemory) {
        if !self.has_memory() {
            self.queue = memory.queue;
        }
    }

    /// Takes the memory back once everything was written.
    pub(super) fn reclaim(&mut self) -> Option<WriteMemory> {
        let mut queue = self.queue.take_if(|queue| queue.len() == 0)?;
        queue.clear();
        Some(WriteMemory { queue: Some(queue) })
    }
}

impl Buf for Output {
    fn remaining(&self) -> usize {
        self.len()
    }

    fn chunk(&self) -> &[u8] {
        self.queue.as_ref().map_or(&[], |queue| queue.chunk())
    }

    fn chunks_vectored<'a>(&'a self, dst: &mut [IoSlice<'a>]) -> usize {
        self.queue.as_ref().map_or(0, |queue| queue.chunks_vectored(dst))
    }

    fn advance(&mut self, n: usize) {
        if let Some(queue) = &mut self.queue {
            queue.advance(n);
        }
    }
}

/// A queue of bytes, written from the front: `parts`, then `tail`.
#[derive(Debug, Default)]
struct Queue {
    parts: VecDeque<Part>,
    tail: Vec<u8>,
    /// How much of `tail` was written; not 0 only while `parts` is empty.
    tail_start: usize,
    /// The bytes of all parts that are still to be written.
    parts_len: usize,
}

#[derive(Debug)]
enum Part {
    Owned { data: Vec<u8>, start: usize },
    Header { data: [u8; MAX_HEADER_LEN], start: usize, end: usize },
    Shared(Bytes),
}

impl Part {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Owned { data, start } => data.get(*start..),
            Self::Header { data, start, end } => data.get(*start..*end),
            Self::Shared(bytes) => Some(&bytes[..]),
        }
        .unwrap_or_default()
    }

    fn advance(&mut self, n: usize) {
        match self {
            Self::Owned { start, .. } | Self::Header { start, .. } => *start += n,
            Self::Shared(bytes) => bytes.advance(n),
        }
    }
}

impl Queue {
    /// Queues a frame with a short payload, the first `len` bytes of `words`.
    #[inline]
    fn push_words(&mut self, first_byte: u8, key: Option<[u8; 4]>, words: Words, len: u8) {
        // It is 23 at most; this way the compiler sees that it is short.
        let (head, _) = short_header(first_byte, (len & 0x1F).into(), key);
        match key {
            Some(key) => self.put_words::<6>(head, Mask::new(key).applied(words), len),
            None => self.put_words::<2>(head, words, len),
        }
    }

    /// Appends the first `N` bytes of `head`, behind which it is 0, and the first `len` bytes of `words`.
    /// All of them are written, which is quicker than to write as many as are needed.
    #[inline]
    fn put_words<const N: usize>(&mut self, head: [u8; 8], words: Words, len: u8) {
        let (up, down) = (8 * N, 64 - 8 * N);
        let [w0, w1, w2] = words.map(u64::from_le_bytes);
        let frame = [
            u64::from_le_bytes(head) | w0 << up,
            w0 >> down | w1 << up,
            w1 >> down | w2 << up,
            w2 >> down,
        ];
        let end = self.tail.len() + N + usize::from(len);
        self.tail.extend_from_slice(frame.map(u64::to_le_bytes).as_flattened());
        self.tail.truncate(end);
    }

    /// Queues a frame with a payload of any length.
    #[inline(never)]
    fn push_bytes(&mut self, first_byte: u8, key: Option<[u8; 4]>, payload: &[u8]) {
        self.tail.reserve(MAX_HEADER_LEN + payload.len());
        let start = self.tail.len();
        let head_len = if let Ok(len) = u16::try_from(payload.len()) {
            let (head, head_len) = short_header(first_byte, len, key);
            self.tail.extend_from_slice(&head);
            head_len
        } else {
            let (head, head_len) = long_header(first_byte, payload.len() as u64, key);
            self.tail.extend_from_slice(&head);
            head_len
        };
        self.tail.truncate(start + head_len);
        append(&mut self.tail, payload, &mut key.map(Mask::new));
    }

    /// Queues an unmasked frame, without a copy of its payload.
    fn push_by_reference(&mut self, header: FrameHeader, payload: Bytes) {
        let (head, len) = header.to_array();
        if self.tail.len() > self.tail_start {
            self.tail.extend_from_slice(head.get(..len).unwrap_or_default());
            self.close_tail();
        } else {
            self.parts_len += len;
            self.parts.push_back(Part::Header { data: head, start: 0, end: len });
        }
        self.parts_len += payload.len();
        self.parts.push_back(Part::Shared(payload));
    }

    /// Queues an unmasked frame that is encoded already, header and all.
    fn push_encoded(&mut self, frame: &Bytes) {
        if frame.len() < BY_REFERENCE {
            self.tail.reserve(frame.len());
            append(&mut self.tail, frame, &mut None);
            return;
        }
        if self.tail.len() > self.tail_start {
            self.close_tail();
        }
        self.parts_len += frame.len();
        self.parts.push_back(Part::Shared(frame.clone()));
    }

    /// What is in the tail becomes a part, so that other parts can follow.
    fn close_tail(&mut self) {
        self.parts_len += self.tail.len() - self.tail_start;
        let start = mem::take(&mut self.tail_start);
        self.parts.push_back(Part::Owned { data: mem::take(&mut self.tail), start });
    }

    #[inline]
    fn len(&self) -> usize {
        self.parts_len + self.tail.len() - self.tail_start
    }

    /// Forgets what was written; keeps the memory.
    fn clear(&mut self) {
        self.tail.clear();
        self.tail_start = 0;
        if self.parts.capacity() > MOST_PARTS {
            self.parts = VecDeque::new();
        }
    }
}

impl Buf for Queue {
    fn remaining(&self) -> usize {
        self.len()
    }

    fn chunk(&self) -> &[u8] {
        match self.parts.front() {
            Some(part) => part.bytes(),
            None => self.tail.get(self.tail_start..).unwrap_or_default(),
        }
    }

    fn chunks_vectored<'a>(&'a self, dst: &mut [IoSlice<'a>]) -> usize {
        let tail = self.tail.get(self.tail_start..).filter(|tail| !tail.is_empty());
        let slices = self.parts.iter().map(Part::bytes).chain(tail);
        let mut n = 0;
        for (place, slice) in dst.iter_mut().zip(slices) {
            *place = IoSlice::new(slice);
            n += 1;
        }
        n
    }

    fn advance(&mut self, mut n: usize) {
        while let Some(part) = self.parts.front_mut() {
            let len = part.bytes().len();
            let step = len.min(n);
            self.parts_len -= step;
            n -= step;
            if step < len {
                part.advance(step);
                return;
            }
            self.parts.pop_front();
        }
        self.tail_start += n;
        if self.tail_start >= self.tail.len() {
            self.tail.clear();
            self.tail_start = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ws_types::Opcode;

    use super::*;

    #[test]
    fn frames_of_every_short_form_are_those_of_the_long_one() {
        let lengths = (0..300).chain([0xFFFF, 0x1_0000, 0x1_1111]);
        for (len, mask) in lengths.flat_map(|len| [(len, None), (len, Some([1, 2, 3, 4]))]) {
            let payload = Payload::from((0..len).map(|n| n as u8).collect::<Vec<_>>());
            let header = FrameHeader { mask, ..FrameHeader::new(Opcode::Text, len) };
            let mut expected = vec![9; 3];
            header.encode(&mut expected);
            append(&mut expected, &payload, &mut mask.map(Mask::new));

            let mut queue = Queue { tail: vec![9; 3], ..Queue::default() };
            if let Some((words, len)) = payload.words() {
                queue.push_words(header.first_byte(), mask, words, len);
                assert_eq!(queue.tail, expected, "{len} {mask:?}");
                queue.tail.truncate(3);
            }
            queue.push_bytes(header.first_byte(), mask, &payload);
            assert_eq!(queue.tail, expected, "{len} {mask:?}");
        }
    }

    proptest! {
        #[test]
        fn partial_writes_keep_the_order(
            sizes in prop::collection::vec(prop_oneof![0..200usize, 8_000..9_000usize], 0..12),
            masked: bool,
            writes in prop::collection::vec(1..9_000usize, 1..40),
        ) {
            let mut output = Output::default();
            let mut expected = Vec::new();
            let mut written = Vec::new();
            let mut writes = writes.into_iter().cycle();
            let [mut keys, mut same] = [(); 2].map(|()| masked.then(|| MaskingKeys::new([7; 32])));
            for (i, size) in sizes.into_iter().enumerate() {
                let payload = vec![i as u8; size];
                let header = FrameHeader::new(Opcode::Binary, size as u64);
                let mask = same.as_mut().map(MaskingKeys::next_key);
                FrameHeader { mask, ..header }.encode(&mut expected);
                append(&mut expected, &payload, &mut mask.map(Mask::new));
                output.push(header, keys.as_mut(), Payload::from(payload));
                if i % 3 == 0 {
                    write(&mut output, &mut written, writes.next().unwrap());
                }
                prop_assert_eq!(output.len() + written.len(), expected.len());
            }
            while output.has_remaining() {
                prop_assert!(output.reclaim().is_none());
                write(&mut output, &mut written, writes.next().unwrap());
            }
            prop_assert_eq!(written, expected);
            output.reclaim();
            prop_assert!(!output.has_memory());
        }
    }

    /// Writes at most `n` bytes of what a vectored write would see.
    fn write(output: &mut Output, written: &mut Vec<u8>, n: usize) {
        let mut slices = [IoSlice::new(&[]); 4];
        let count = output.chunks_vectored(&mut slices);
        let seen: Vec<u8> = slices[..count].iter().flat_map(|s| s.to_vec()).collect();
        assert!(seen.starts_with(output.chunk()));
        let n = n.min(seen.len());
        written.extend_from_slice(&seen[..n]);
        output.advance(n);
    }
}
