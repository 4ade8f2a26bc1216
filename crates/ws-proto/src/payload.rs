//! The bytes of a message: inside the value when they are few, shared when they are many.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::{Deref, RangeBounds};

use bytes::{Bytes, BytesMut};

/// Up to this many bytes a payload lives inside the [`Payload`] itself.
///
/// 23 is what fits beside the length into the room that a [`Bytes`] takes anyway.
pub(crate) const INLINE: usize = 23;

/// A short payload as three words, which are moved as such; what is behind its end has no meaning.
pub(crate) type Words = [[u8; 8]; 3];

/// Whether the first `len` bytes are ASCII; at most `INLINE` are.
#[inline]
pub(crate) fn is_ascii(words: Words, len: u8) -> bool {
    /// The high bits of so many bytes.
    #[expect(clippy::indexing_slicing, reason = "checked when it is compiled")]
    const HIGH_BITS: [[u64; 3]; INLINE + 1] = {
        let mut bits = [[0; 3]; INLINE + 1];
        let mut len = 1;
        while len <= INLINE {
            bits[len] = bits[len - 1];
            bits[len][(len - 1) / 8] |= 0x80 << (8 * ((len - 1) % 8));
            len += 1;
        }
        bits
    };
    let [w0, w1, w2] = words.map(u64::from_le_bytes);
    HIGH_BITS.get(usize::from(len)).is_some_and(|[b0, b1, b2]| w0 & b0 | w1 & b1 | w2 & b2 == 0)
}

/// Application data of a message or control frame ([RFC 6455 §5.2]): immutable, cheap to clone and to
/// slice, convertible from and to [`Bytes`].
///
/// Up to 23 bytes are kept in the value itself, which costs no allocation; more are a [`Bytes`]. A
/// received payload never keeps memory alive that isn't its own.
///
/// ```
/// use ws_proto::Payload;
/// let payload = Payload::from(vec![1, 2, 3]);
/// assert_eq!(payload, [1, 2, 3]);
/// assert_eq!(payload.slice(1..), [2, 3]);
/// ```
///
/// [RFC 6455 §5.2]: https://www.rfc-editor.org/rfc/rfc6455#section-5.2
#[derive(Clone)]
pub struct Payload(Repr);

#[derive(Clone)]
enum Repr {
    /// The last byte is the length: at most `INLINE`.
    Inline(Words),
    Shared(Bytes),
}

impl Payload {
    /// A payload without any bytes.
    #[must_use]
    pub const fn new() -> Self {
        Self(Repr::Inline([[0; 8]; 3]))
    }

    /// A payload with a copy of these bytes; allocates for more than 23.
    #[must_use]
    #[inline]
    pub fn copy_from_slice(bytes: &[u8]) -> Self {
        let mut words = [[0; 8]; 3];
        match words.as_flattened_mut().get_mut(..bytes.len()) {
            Some(room) if bytes.len() <= INLINE => {
                room.copy_from_slice(bytes);
                #[expect(clippy::cast_possible_truncation, reason = "at most INLINE")]
                Self::inline(words, bytes.len() as u8)
            }
            _ => Self(Repr::Shared(Bytes::copy_from_slice(bytes))),
        }
    }

    /// A payload of the first `len` of these bytes, at most `INLINE`.
    #[inline]
    pub(crate) fn inline([first, second, third]: Words, len: u8) -> Self {
        debug_assert!(usize::from(len) <= INLINE);
        // In a register: a byte written into a word in memory would have to be waited for.
        let last = u64::from_le_bytes(third) & u64::MAX >> 8 | u64::from(len) << 56;
        Self(Repr::Inline([first, second, last.to_le_bytes()]))
    }

    /// Takes all bytes out of `memory`, and leaves the capacity behind them.
    #[inline(always)] // what is moved right after it was written has to be waited for
    pub(crate) fn take_from(memory: &mut BytesMut) -> Self {
        if memory.len() <= INLINE {
            let payload = Self::copy_from_slice(memory);
            memory.clear();
            return payload;
        }
        Self(Repr::Shared(memory.split().freeze()))
    }

    /// A short payload, of which so many bytes have a meaning, at most `INLINE`.
    #[inline]
    pub(crate) fn words(&self) -> Option<(Words, u8)> {
        match self.0 {
            Repr::Inline(words @ [_, _, [.., len]]) => Some((words, len)),
            Repr::Shared(_) => None,
        }
    }

    /// The bytes.
    #[must_use]
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline(words @ [_, _, [.., len]]) => {
                words.as_flattened().get(..usize::from(*len)).unwrap_or_default()
            }
            Repr::Shared(bytes) => bytes,
        }
    }

    /// A part of the payload; one of more than 23 bytes shares its memory.
    ///
    /// # Panics
    /// When the range is not inside the payload, like slicing does.
    #[must_use]
    pub fn slice(&self, range: impl RangeBounds<usize>) -> Self {
        match &self.0 {
            Repr::Inline(_) => {
                let bounds = (range.start_bound().cloned(), range.end_bound().cloned());
                #[expect(clippy::indexing_slicing, reason = "documented to panic")]
                Self::copy_from_slice(&self.as_slice()[bounds])
            }
            Repr::Shared(bytes) => Self::from(bytes.slice(range)),
        }
    }

    /// The payload as [`Bytes`]: without a copy for more than 23 bytes, else with a small one.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        match self.0 {
            Repr::Inline(_) => Bytes::copy_from_slice(self.as_slice()),
            Repr::Shared(bytes) => bytes,
        }
    }

    /// The payload as a `Vec`: without a copy when this is the only handle on memory of that size.
    #[must_use]
    pub fn into_vec(self) -> Vec<u8> {
        match self.0 {
            Repr::Inline(_) => self.as_slice().to_vec(),
            Repr::Shared(bytes) => bytes.into(),
        }
    }
}

impl Default for Payload {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for Payload {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl AsRef<[u8]> for Payload {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Borrow<[u8]> for Payload {
    fn borrow(&self) -> &[u8] {
        self
    }
}

impl From<Bytes> for Payload {
    /// Without a copy of more than 23 bytes.
    #[inline]
    fn from(bytes: Bytes) -> Self {
        if bytes.len() <= INLINE {
            Self::copy_from_slice(&bytes)
        } else {
            Self(Repr::Shared(bytes))
        }
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        if bytes.len() <= INLINE {
            Self::copy_from_slice(&bytes)
        } else {
            Self::from(Bytes::from(bytes))
        }
    }
}

impl From<&'static [u8]> for Payload {
    fn from(bytes: &'static [u8]) -> Self {
        Self::from(Bytes::from_static(bytes))
    }
}

impl<const N: usize> From<&'static [u8; N]> for Payload {
    fn from(bytes: &'static [u8; N]) -> Self {
        Self::from(bytes.as_slice())
    }
}

impl From<Payload> for Bytes {
    fn from(payload: Payload) -> Self {
        payload.into_bytes()
    }
}

impl From<Payload> for Vec<u8> {
    fn from(payload: Payload) -> Self {
        payload.into_vec()
    }
}

impl Eq for Payload {}

impl<T: AsRef<[u8]> + ?Sized> PartialEq<T> for Payload {
    fn eq(&self, other: &T) -> bool {
        **self == *other.as_ref()
    }
}

impl Hash for Payload {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}

impl fmt::Debug for Payload {
    /// As a byte string, at most 64 bytes of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.get(..64).unwrap_or(self);
        write!(f, "b\"{}\"", shown.escape_ascii())?;
        if shown.len() < self.len() { write!(f, "… ({} bytes)", self.len()) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_as_small_as_bytes() {
        assert_eq!(size_of::<Payload>(), size_of::<Bytes>());
    }

    #[test]
    fn payloads_of_every_small_length_round_trip() {
        for n in 0..64u8 {
            let bytes: Vec<u8> = (0..n).collect();
            let payload = Payload::copy_from_slice(&bytes);
            assert_eq!(payload, bytes);
            assert_eq!(payload.clone().into_vec(), bytes);
            assert_eq!(payload.clone().into_bytes(), bytes);
            assert_eq!(payload.slice(usize::from(n) / 2..), bytes[usize::from(n) / 2..]);
            assert_eq!(Payload::from(bytes.clone()), payload);
        }
    }

    #[test]
    fn only_the_bytes_of_a_short_payload_decide_whether_it_is_ascii() {
        for place in 0..INLINE {
            let mut words = [[0; 8]; 3];
            words.as_flattened_mut()[place] = 0x80;
            for len in 0..=INLINE {
                assert_eq!(is_ascii(words, len as u8), place >= len, "{place} of {len}");
            }
        }
    }

    #[test]
    fn short_bytes_become_a_payload_without_shared_memory() {
        assert!(Payload::from(Bytes::from_static(&[7; INLINE])).words().is_some());
        assert!(Payload::from(Bytes::from_static(&[7; INLINE + 1])).words().is_none());
    }

    #[test]
    fn slicing_a_large_payload_shares_its_memory() {
        let payload = Payload::from(vec![7; 100]);
        let part = payload.slice(10..90);
        assert_eq!(part.as_ptr(), payload.as_slice()[10..].as_ptr());
    }

    #[test]
    fn debug_shows_at_most_64_bytes() {
        assert_eq!(format!("{:?}", Payload::from(b"a\r\"")), r#"b"a\r\"""#);
        assert!(format!("{:?}", Payload::from(vec![b'x'; 100])).ends_with("x\"… (100 bytes)"));
    }
}
