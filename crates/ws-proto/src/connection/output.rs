//! Bytes to be written: small frames side by side in one buffer, long payloads by reference.

use std::collections::VecDeque;
use std::io::IoSlice; // data only: the type in which `Buf` hands out several slices

use bytes::{Buf, Bytes};

use super::pool::Pool;
use crate::Payload;
use crate::frame::{FrameHeader, Mask};

/// From this length on, in bytes, an unmasked payload is queued by reference instead of copied.
const BY_REFERENCE: usize = 8 << 10;

/// The capacity that a buffer for frames begins with, in bytes: a batch of replies fits, and stays in the
/// cache.
const CAPACITY: usize = 16 << 10;

/// Buffers that grew beyond this many bytes are freed.
const LARGEST: usize = 128 << 10;

thread_local! {
    static SPARE: Pool<Box<Queue>> = const { Pool::new() };
}

/// The bytes that a connection has to write, as a queue of slices: a [`Buf`].
///
/// Write from the front, vectored if the stream can do that, and [`advance`](Buf::advance) by as many
/// bytes as were written. Or [take](Self::take_all) all of them.
#[derive(Debug, Default)]
pub struct Output {
    /// From the pool, since a connection that waits has none.
    queue: Option<Box<Queue>>,
    written: u64,
}

impl Output {
    /// How many bytes are to be written.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| queue.len)
    }

    /// Whether everything was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes have been written: [advanced](Buf::advance) by, or [taken](Self::take_all).
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Takes all bytes, for drivers that don't need them in slices: one copy, and one allocation unless
    /// there are none.
    #[must_use]
    pub fn take_all(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; self.len()];
        self.copy_to_slice(&mut bytes);
        bytes
    }

    /// Queues a frame with this payload. The header tells its length, and whether and how it is masked.
    pub(super) fn push(&mut self, header: FrameHeader, payload: Payload) {
        let queue = self.queue.get_or_insert_with(Queue::take);
        queue.drop_written();
        let (head, head_len) = header.to_array();
        queue.tail.extend_from_slice(head.get(..head_len).unwrap_or_default());
        queue.len += head_len + payload.len();
        match header.mask {
            Some(key) => Mask::new(key).append(&mut queue.tail, &payload),
            None if payload.len() < BY_REFERENCE => queue.tail.extend_from_slice(&payload),
            None => queue.push_part(payload.into_bytes()),
        }
    }

    /// Queues an unmasked frame that is encoded already, header and all.
    pub(super) fn push_encoded(&mut self, frame: &Bytes) {
        let queue = self.queue.get_or_insert_with(Queue::take);
        queue.drop_written();
        queue.len += frame.len();
        match frame.len() {
            0..BY_REFERENCE => queue.tail.extend_from_slice(frame),
            _ => queue.push_part(frame.clone()),
        }
    }

    /// Drops everything, perhaps in the middle of a frame, because the stream takes nothing any more. End
    /// with [`receive_eof`](crate::Connection::receive_eof) or [`abort`](crate::Connection::abort).
    pub fn clear(&mut self) {
        if let Some(mut queue) = self.queue.take()
            && queue.reset()
        {
            _ = SPARE.try_with(|pool| pool.give(queue));
        }
    }
}

impl Buf for Output {
    fn remaining(&self) -> usize {
        self.len()
    }

    fn chunk(&self) -> &[u8] {
        self.queue.as_ref().and_then(|queue| queue.slices().next()).unwrap_or_default()
    }

    fn chunks_vectored<'a>(&'a self, dst: &mut [IoSlice<'a>]) -> usize {
        let slices = self.queue.iter().flat_map(|queue| queue.slices());
        let filled = dst.iter_mut().zip(slices).map(|(place, slice)| *place = IoSlice::new(slice));
        filled.count()
    }

    /// # Panics
    /// When `n` is more than there is.
    fn advance(&mut self, n: usize) {
        assert!(n <= self.len(), "{n} bytes can't be written of {}", self.len());
        self.written += n as u64;
        if let Some(queue) = &mut self.queue {
            queue.advance(n);
            if queue.len == 0 {
                self.clear();
            }
        }
    }
}

/// Bytes in the order in which they are written: `parts`, then `tail`.
#[derive(Debug)]
struct Queue {
    parts: VecDeque<Bytes>,
    tail: Vec<u8>,
    /// The bytes of the tail up to here were written.
    start: usize,
    /// The bytes of all of them that are to be written.
    len: usize,
}

impl Queue {
    /// An empty one, out of the pool if that has one.
    fn take() -> Box<Self> {
        let spare = SPARE.try_with(Pool::take).ok().flatten();
        spare.unwrap_or_else(|| {
            let tail = Vec::with_capacity(CAPACITY);
            Box::new(Self { parts: VecDeque::new(), tail, start: 0, len: 0 })
        })
    }

    /// Empties it; gives whether its memory is worth to be kept.
    fn reset(&mut self) -> bool {
        self.parts.clear();
        self.tail.clear();
        (self.start, self.len) = (0, 0);
        self.tail.capacity() <= LARGEST
    }

    /// Frees the memory of written bytes, once there are more of them in the tail than unwritten ones: so each
    /// byte moves once, about.
    fn drop_written(&mut self) {
        if self.start > self.tail.len() - self.start {
            self.tail.drain(..self.start);
            self.start = 0;
        }
    }

    /// Queues bytes behind the tail, without a copy of them.
    fn push_part(&mut self, part: Bytes) {
        if self.start < self.tail.len() {
            self.parts.push_back(Bytes::copy_from_slice(self.unwritten_tail()));
        }
        self.tail.clear();
        self.start = 0;
        self.parts.push_back(part);
    }

    fn unwritten_tail(&self) -> &[u8] {
        self.tail.get(self.start..).unwrap_or_default()
    }

    /// None of them is empty.
    fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let parts = self.parts.iter().map(|part| &**part).chain([self.unwritten_tail()]);
        parts.filter(|slice| !slice.is_empty())
    }

    fn advance(&mut self, mut n: usize) {
        self.len -= n;
        while let Some(part) = self.parts.front_mut() {
            let step = part.len().min(n);
            part.advance(step);
            n -= step;
            if part.has_remaining() {
                return;
            }
            self.parts.pop_front();
        }
        self.start += n;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ws_types::Opcode;

    use super::*;
    use crate::apply_mask;

    proptest! {
        #[test]
        fn partial_writes_keep_the_order(
            sizes in prop::collection::vec(prop_oneof![0..200usize, 8_000..9_000usize], 0..12),
            mask: Option<[u8; 4]>,
            writes in prop::collection::vec(1..9_000usize, 1..40),
        ) {
            let mut output = Output::default();
            let mut expected = Vec::new();
            let mut written = Vec::new();
            let mut writes = writes.into_iter().cycle();
            for (i, size) in sizes.into_iter().enumerate() {
                let mut payload = vec![i as u8; size];
                let header = FrameHeader { mask, ..FrameHeader::new(Opcode::Binary, size as u64) };
                output.push(header, Payload::from(payload.clone()));
                header.encode(&mut expected).unwrap();
                apply_mask(&mut payload, mask.unwrap_or_default());
                expected.extend(payload);
                if i % 3 == 0 {
                    write(&mut output, &mut written, writes.next().unwrap());
                }
                prop_assert_eq!(output.len() + written.len(), expected.len());
            }
            if writes.next().unwrap() % 2 == 0 {
                written.extend(output.take_all());
            }
            while output.has_remaining() {
                write(&mut output, &mut written, writes.next().unwrap());
            }
            prop_assert_eq!(written, expected);
            prop_assert!(output.queue.is_none(), "nothing is held when nothing is queued");
        }
    }

    #[test]
    fn written_bytes_hold_no_memory_while_others_wait() {
        let mut output = Output::default();
        let mask = Some([1, 2, 3, 4]);
        let header = FrameHeader { mask, ..FrameHeader::new(Opcode::Binary, 1000) };
        for _ in 0..10_000 {
            output.push(header, Payload::from(vec![0; 1000]));
            // Something is always left.
            output.advance(output.len().saturating_sub(500));
        }
        let capacity = output.queue.expect("500 bytes are left").tail.capacity();
        assert!(capacity <= CAPACITY, "{capacity}");
    }

    /// Writes at most `n` bytes of what a vectored write would see.
    fn write(output: &mut Output, written: &mut Vec<u8>, n: usize) {
        let mut slices = [IoSlice::new(&[]); 4];
        let count = output.chunks_vectored(&mut slices);
        let seen = slices[..count].iter().map(|slice| &slice[..]).collect::<Vec<_>>().concat();
        assert!(seen.starts_with(output.chunk()));
        let n = n.min(seen.len());
        written.extend_from_slice(&seen[..n]);
        output.advance(n);
    }
}
