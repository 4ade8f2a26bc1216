//! Masking ([RFC 6455 §5.3]).
//!
//! [RFC 6455 §5.3]: https://www.rfc-editor.org/rfc/rfc6455#section-5.3

use multiversion::multiversion;

/// A payload is copied and masked in pieces of this many bytes, which stay in the cache in between.
const PIECE: usize = 8 << 10;

/// From this many bytes on, wider vectors are worth a call.
const WIDE: usize = 512;

/// A masking key, turned so that its first byte meets the next byte of the payload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Mask(u32);

impl Mask {
    pub(crate) fn new(key: [u8; 4]) -> Self {
        Self(u32::from_le_bytes(key))
    }

    /// Masks or unmasks the next `data.len()` bytes of the payload.
    pub(crate) fn apply(&mut self, data: &mut [u8]) {
        let key = (u64::from(self.0) << 32 | u64::from(self.0)).to_le_bytes();
        match data.len() {
            0..WIDE => xor(data, key),
            _ => xor_wide(data, key),
        }
        #[expect(clippy::cast_possible_truncation, reason = "0 to 3")]
        let phase = (data.len() % 4) as u32;
        self.0 = self.0.rotate_right(8 * phase);
    }

    /// Appends the next `data.len()` bytes of the payload, masked.
    pub(crate) fn append(&mut self, out: &mut Vec<u8>, data: &[u8]) {
        for piece in data.chunks(PIECE) {
            let start = out.len();
            out.extend_from_slice(piece);
            self.apply(out.get_mut(start..).unwrap_or_default());
        }
    }
}

/// [`xor`] with the widest vectors that are common and that this CPU has.
#[multiversion(targets("x86_64+avx2"))]
fn xor_wide(data: &mut [u8], key: [u8; 8]) {
    xor(data, key);
}

/// Combines all bytes with the key, over and over.
#[inline(always)] // into both versions of `xor_wide`
fn xor(data: &mut [u8], key: [u8; 8]) {
    let xor_word = |word: &mut [u8; 8]| {
        *word = (u64::from_ne_bytes(*word) ^ u64::from_ne_bytes(key)).to_ne_bytes()
    };
    // Eight words at a time: the compiler makes vector code of the inner loop.
    let mut blocks = data.chunks_exact_mut(64);
    for block in &mut blocks {
        block.as_chunks_mut().0.iter_mut().for_each(xor_word);
    }
    let (words, tail) = blocks.into_remainder().as_chunks_mut();
    words.iter_mut().for_each(xor_word);
    for (byte, key) in tail.iter_mut().zip(key) {
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
pub fn apply_mask(payload: &mut [u8], key: [u8; 4]) {
    Mask::new(key).apply(payload);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// [RFC 6455 §5.3]: "transformed-octet-i = original-octet-i XOR masking-key-octet-j"
    fn rule(data: &[u8], key: [u8; 4]) -> Vec<u8> {
        data.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect()
    }

    proptest! {
        #[test]
        fn masking_in_pieces_equals_the_rule_of_the_rfc(
            data in prop::collection::vec(any::<u8>(), 0..300),
            key: [u8; 4],
            cut in 0..300usize,
        ) {
            let (head, tail) = data.split_at(cut.min(data.len()));
            let mut masked = data.clone();
            let mut mask = Mask::new(key);
            mask.apply(&mut masked[..head.len()]);
            mask.apply(&mut masked[head.len()..]);
            prop_assert_eq!(&masked, &rule(&data, key));
            let mut appended = vec![9];
            let mut mask = Mask::new(key);
            mask.append(&mut appended, head);
            mask.append(&mut appended, tail);
            prop_assert_eq!(&appended[1..], &masked[..]);
        }
    }

    #[test]
    fn payloads_of_all_kinds_of_length_are_masked_by_the_rule_of_the_rfc() {
        let key = [9, 8, 7, 6];
        for len in [WIDE - 1, WIDE, 3 * WIDE + 3, PIECE - 1, PIECE, 2 * PIECE + 133] {
            let data: Vec<u8> = (0..len).map(|i| (i / 3) as u8).collect();
            let mut out = Vec::new();
            Mask::new(key).append(&mut out, &data);
            assert_eq!(out, rule(&data, key), "{len}");
            apply_mask(&mut out, key);
            assert_eq!(out, data, "{len}");
        }
    }
}
