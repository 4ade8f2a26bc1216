//! A writer of deflate data ([RFC 1951]), block by block and with all the faults one can write; nothing
//! here uses the codec under test.
//!
//! [RFC 1951]: https://www.rfc-editor.org/rfc/rfc1951

use crate::judge::{LENGTHS, distance};

/// A part of a block with the fixed codes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Item<'a> {
    Literals(&'a [u8]),
    /// So many bytes, from this distance back.
    Match(usize, usize),
}

/// Deflate data; empty at first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deflated {
    bytes: Vec<u8>,
    /// How many bits of the last byte are used; 0 for all.
    used: usize,
}

impl Deflated {
    /// A stored block, of at most 65,535 bytes.
    pub(crate) fn stored(self, last: bool, data: &[u8]) -> Self {
        let len = u16::try_from(data.len()).unwrap();
        let mut out = self.put(u32::from(last), 3).aligned();
        out.bytes.extend(len.to_le_bytes());
        out.bytes.extend((!len).to_le_bytes());
        out.bytes.extend(data);
        out
    }

    /// A block with the fixed codes.
    pub(crate) fn fixed(self, last: bool, items: &[Item<'_>]) -> Self {
        let mut out = self.put(u32::from(last) | 1 << 1, 3);
        for item in items {
            out = match *item {
                Item::Literals(bytes) => bytes.iter().fold(out, |out, byte| out.literal(*byte)),
                Item::Match(len, back) => out.reference(len, back),
            };
        }
        out.huffman(0, 7)
    }

    /// An empty stored block: what a flush leaves behind.
    pub(crate) fn flush(self) -> Self {
        self.stored(false, &[])
    }

    /// Fills the last byte with zeros.
    pub(crate) fn aligned(mut self) -> Self {
        self.used = 0;
        self
    }

    /// The bytes as they are.
    pub(crate) fn bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The payload of a message: flushed, without the trailer.
    pub(crate) fn message(self) -> Vec<u8> {
        let mut bytes = self.flush().bytes;
        bytes.truncate(bytes.len() - 4);
        bytes
    }

    fn literal(self, byte: u8) -> Self {
        match u32::from(byte) {
            byte @ 0..144 => self.huffman(0x30 + byte, 8),
            byte => self.huffman(0x190 + byte - 144, 9),
        }
    }

    fn reference(self, len: usize, back: usize) -> Self {
        let at = (0..29).rev().find(|at| LENGTHS[*at].0 <= len).unwrap();
        let (base, extra) = LENGTHS[at];
        let out = match at {
            0..23 => self.huffman(at as u32 + 1, 7),
            _ => self.huffman(0xC0 + at as u32 - 23, 8),
        };
        let out = out.put((len - base) as u32, extra);
        let at = (0..30).rev().find(|at| distance(*at).unwrap().0 <= back).unwrap();
        let (base, extra) = distance(at).unwrap();
        out.huffman(at as u32, 5).put((back - base) as u32, extra)
    }

    /// Appends a Huffman code, which starts with its highest bit.
    fn huffman(self, code: u32, len: usize) -> Self {
        self.put(code.reverse_bits() >> (32 - len), len)
    }

    /// Appends `len` bits, the lowest first.
    pub(crate) fn put(mut self, bits: u32, len: usize) -> Self {
        for i in 0..len {
            if self.used == 0 {
                self.bytes.push(0);
            }
            if let Some(byte) = self.bytes.last_mut() {
                *byte |= ((bits >> i & 1) as u8) << self.used;
            }
            self.used = (self.used + 1) % 8;
        }
        self
    }
}

#[test]
fn the_judge_reads_what_the_writer_writes() {
    let all: Vec<u8> = (0..=255).collect();
    let items =
        [Item::Literals(&all), Item::Match(3, 1), Item::Match(258, 256), Item::Match(115, 2)];
    let mut expected = all.clone();
    for (len, back) in [(3, 1), (258, 256), (115, 2)] {
        (0..len).for_each(|_| expected.push(expected[expected.len() - back]));
    }
    let mut judge = crate::judge::Judge::default();
    let data = Deflated::default().fixed(false, &items).message();
    assert_eq!(judge.message(&data), Ok(expected));
    for (len, back) in [(4, 5), (10, 4), (11, 7), (257, 8), (130, 33), (12, 600)] {
        let data = Deflated::default().stored(false, b"").fixed(false, &[Item::Match(len, back)]);
        assert_eq!(judge.message(&data.message()).map(|data| data.len()), Ok(len));
    }
}
