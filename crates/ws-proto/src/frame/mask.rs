//! Masking ([RFC 6455 §5.3]).
//!
//! [RFC 6455 §5.3]: https://www.rfc-editor.org/rfc/rfc6455#section-5.3

use std::ops::DerefMut;

use bytes::BufMut;
use multiversion::multiversion;

use crate::payload::Words;

/// From this many bytes on, wider vectors are worth a call.
const WIDE: usize = 512;
/// From this many bytes on, larger blocks are worth the trouble.
const LONG: usize = 8 << 10;

/// A masking key, turned so that its first byte meets the next byte of the payload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Mask(u32);

impl Mask {
    /// The key that changes nothing.
    pub(crate) const NONE: Self = Self(0);

    pub(crate) fn new(key: [u8; 4]) -> Self {
        Self(u32::from_le_bytes(key))
    }

    /// The key twice.
    #[inline]
    fn wide(self) -> [u8; 8] {
        (u64::from(self.0) << 32 | u64::from(self.0)).to_le_bytes()
    }

    /// A short payload, masked or unmasked.
    #[inline]
    pub(crate) fn applied(self, words: Words) -> Words {
        let wide = self.wide();
        words.map(|word| xor(word, wide))
    }

    /// A block, masked or unmasked.
    #[inline]
    pub(crate) fn applied_to_block(self, block: &[u8; BLOCK]) -> [u8; BLOCK] {
        xor_block(block, self.wide())
    }

    /// Appends the next `data.len()` bytes of the payload, masked or unmasked, and moves on behind them.
    #[inline]
    pub(crate) fn append(&mut self, out: &mut impl Memory, data: &[u8]) {
        let (blocks, tail) = data.as_chunks();
        self.append_blocks(out, blocks);
        if !tail.is_empty() {
            let start = out.len();
            out.put_slice(tail);
            self.apply(out.get_mut(start..).unwrap_or_default());
        }
    }

    /// Appends whole blocks, which leave the key as it is.
    #[inline]
    pub(crate) fn append_blocks(self, out: &mut impl Memory, blocks: &[[u8; BLOCK]]) {
        let wide = self.wide();
        match blocks.len() * BLOCK {
            0..WIDE => xor_blocks(out, blocks, wide),
            WIDE..LONG => xor_many_blocks(out, blocks, wide),
            _ => {
                // Two fit the registers, too.
                let (pairs, rest) = blocks.as_flattened().as_chunks::<{ 2 * BLOCK }>();
                xor_many_blocks(out, pairs, wide);
                xor_blocks(out, rest.as_chunks::<BLOCK>().0, wide);
            }
        }
    }

    /// Masks or unmasks the next `data.len()` bytes of the payload, and moves on behind them.
    #[inline]
    pub(crate) fn apply(&mut self, data: &mut [u8]) {
        match data.len() {
            0..WIDE => xor_all(data, self.wide()),
            _ => xor_many(data, self.wide()),
        }
        #[expect(clippy::cast_possible_truncation, reason = "0 to 3")]
        let phase = (data.len() % 4) as u32;
        self.0 = self.0.rotate_right(8 * phase);
    }
}

#[inline]
fn xor(a: [u8; 8], b: [u8; 8]) -> [u8; 8] {
    (u64::from_ne_bytes(a) ^ u64::from_ne_bytes(b)).to_ne_bytes()
}

/// The same for many bytes, with the widest vectors that are common and that this CPU has.
#[multiversion(targets("x86_64+avx2"))]
fn xor_many(data: &mut [u8], wide: [u8; 8]) {
    xor_all(data, wide);
}

/// The same for blocks that are to be appended.
#[multiversion(targets("x86_64+avx2"))]
fn xor_many_blocks<M: Memory, const N: usize>(out: &mut M, blocks: &[[u8; N]], wide: [u8; 8]) {
    xor_blocks(out, blocks, wide);
}

/// Appends blocks, each of them combined with the key.
#[inline(always)]
fn xor_blocks<const N: usize>(out: &mut impl Memory, blocks: &[[u8; N]], wide: [u8; 8]) {
    for block in blocks {
        out.put_slice(&xor_block(block, wide));
    }
}

/// A block, combined with the key.
#[inline(always)]
fn xor_block<const N: usize>(block: &[u8; N], wide: [u8; 8]) -> [u8; N] {
    let mut block = *block;
    block.as_chunks_mut::<8>().0.iter_mut().for_each(|word| *word = xor(*word, wide));
    block
}

/// Combines all bytes with the key, over and over.
#[inline(always)]
fn xor_all(data: &mut [u8], wide: [u8; 8]) {
    // Eight words at a time: the compiler makes vector code of the inner loop.
    let mut blocks = data.chunks_exact_mut(64);
    for block in &mut blocks {
        for word in block.as_chunks_mut::<8>().0 {
            *word = xor(*word, wide);
        }
    }
    let (words, tail) = blocks.into_remainder().as_chunks_mut::<8>();
    for word in words {
        *word = xor(*word, wide);
    }
    for (byte, key) in tail.iter_mut().zip(wide) {
        *byte ^= key;
    }
}

/// Masks or unmasks a whole payload in place: the two are the same ([RFC 6455 §5.3]).
///
/// ```
/// let mut payload = *b"hello";
/// ws_proto::apply_mask(&mut payload, [1, 2, 3, 4]);
/// assert_eq!(payload, *b"igohn");
/// ws_proto::apply_mask(&mut payload, [1, 2, 3, 4]);
/// assert_eq!(payload, *b"hello");
/// ```
///
/// [RFC 6455 §5.3]: https://www.rfc-editor.org/rfc/rfc6455#section-5.3
#[inline]
pub fn apply_mask(payload: &mut [u8], key: [u8; 4]) {
    Mask::new(key).apply(payload);
}

/// Where a copy of many bytes becomes one instruction, as on x86-64, that is many times slower when the
/// target isn't aligned, which behind a frame header it isn't. So bytes are copied in pieces of this many.
const PIECE: usize = 1024;

/// Bytes are masked in blocks of this many while they are copied: a block fits the registers.
pub(crate) const BLOCK: usize = 128;

/// What masked bytes are appended to: a `Vec` or a `BytesMut`.
pub(crate) trait Memory: BufMut + DerefMut<Target = [u8]> {}

impl<M: BufMut + DerefMut<Target = [u8]>> Memory for M {}

/// Appends the next bytes of a payload, masked or unmasked if there is a mask.
#[inline]
pub(crate) fn append(out: &mut impl Memory, data: &[u8], mask: &mut Option<Mask>) {
    match mask {
        Some(mask) => mask.append(out, data),
        None => data.chunks(PIECE).for_each(|piece| out.put_slice(piece)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn masking_in_pieces_equals_the_rule_of_the_rfc(
            data in prop::collection::vec(any::<u8>(), 0..300),
            key: [u8; 4],
            cut in 0..300usize,
        ) {
            let expected: Vec<u8> =
                data.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]).collect();
            let mut masked = data.clone();
            let (head, tail) = masked.split_at_mut(cut.min(data.len()));
            let mut mask = Mask::new(key);
            mask.apply(head);
            mask.apply(tail);
            prop_assert_eq!(&masked, &expected);
            if let ([a, b, c, ..], _) = data.as_chunks() {
                let short = Mask::new(key).applied([*a, *b, *c]);
                prop_assert_eq!(short.as_flattened(), &expected[..24]);
            }
            let mut appended = vec![9];
            let mut mask = Some(Mask::new(key));
            append(&mut appended, &data[..cut.min(data.len())], &mut mask);
            append(&mut appended, &data[cut.min(data.len())..], &mut mask);
            prop_assert_eq!(&appended[1..], &expected[..]);
        }
    }

    #[test]
    fn payloads_of_all_kinds_of_length_are_masked_by_the_rule_of_the_rfc() {
        let key = [9, 8, 7, 6];
        for len in [WIDE - 1, WIDE, 3 * WIDE + 3, LONG - 1, LONG, 2 * LONG + BLOCK + 5] {
            let data: Vec<u8> = (0..len).map(|i| (i / 3) as u8).collect();
            let expected: Vec<u8> =
                data.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]).collect();
            let mut out = Vec::new();
            append(&mut out, &data, &mut Some(Mask::new(key)));
            assert_eq!(out, expected, "{len}");
            apply_mask(&mut out, key);
            assert_eq!(out, data, "{len}");
        }
    }
}
