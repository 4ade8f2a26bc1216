//! Masking ([RFC 6455 §5.3]).
//!
//! [RFC 6455 §5.3]: https://www.rfc-editor.org/rfc/rfc6455#section-5.3

use crate::payload::Words;

/// A masking key, turned so that its first byte meets the next byte of the payload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Mask(u32);

impl Mask {
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

    /// A block of a payload that begins where a key does, masked or unmasked.
    #[inline]
    pub(crate) fn masked(self, block: &[u8; BLOCK]) -> [u8; BLOCK] {
        let wide = self.wide();
        let mut block = *block;
        block.as_chunks_mut::<8>().0.iter_mut().for_each(|word| *word = xor(*word, wide));
        block
    }

    /// Masks or unmasks the next `data.len()` bytes of the payload, and moves on behind them.
    #[inline]
    pub(crate) fn apply(&mut self, data: &mut [u8]) {
        let wide = self.wide();
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
        #[expect(clippy::cast_possible_truncation, reason = "0 to 3")]
        let phase = (data.len() % 4) as u32;
        self.0 = self.0.rotate_right(8 * phase);
    }
}

#[inline]
fn xor(a: [u8; 8], b: [u8; 8]) -> [u8; 8] {
    (u64::from_ne_bytes(a) ^ u64::from_ne_bytes(b)).to_ne_bytes()
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

/// Bytes are copied in pieces of this many: they are masked while they are in the first-level cache. And
/// where a copy of many bytes becomes one instruction, as on x86-64, that is many times slower when the
/// target isn't aligned, which behind a frame header it isn't.
pub(crate) const PIECE: usize = 1024;

/// Short payloads are unmasked in blocks of this many bytes while they are copied.
pub(crate) const BLOCK: usize = 64;

/// Appends `payload`, masked.
#[inline]
pub(crate) fn extend_masked(out: &mut Vec<u8>, payload: &[u8], key: [u8; 4]) {
    out.reserve(payload.len());
    let mut mask = Mask::new(key);
    for piece in payload.chunks(PIECE) {
        let start = out.len();
        out.extend_from_slice(piece);
        mask.apply(out.get_mut(start..).unwrap_or_default());
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
            extend_masked(&mut appended, &data, key);
            prop_assert_eq!(&appended[1..], &expected[..]);
        }
    }

    #[test]
    fn a_long_payload_is_masked_across_the_pieces() {
        let data: Vec<u8> = (0..20_001u32).map(|i| i as u8).collect();
        let mut out = Vec::new();
        extend_masked(&mut out, &data, [9, 8, 7, 6]);
        apply_mask(&mut out, [9, 8, 7, 6]);
        assert_eq!(out, data);
    }
}
