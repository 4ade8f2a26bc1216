//! The bytes of a binary message or control frame: [`Payload`].

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::{Deref, RangeBounds};

use bytes::Bytes;

/// Up to this many bytes live inside the [`Payload`]: as many as fit beside the length into the room
/// that a [`Bytes`] takes.
const INLINE: usize = 23;

/// The bytes of a binary message or control frame ([RFC 6455 §5.2]): immutable, cheap to clone and to
/// slice.
///
/// It behaves like [`Bytes`], and converts from and to it. It is a type of its own because most messages
/// are short: up to 23 bytes that are received in one read live in the value itself and cost no allocation.
/// More are a [`Bytes`] that shares its memory with nothing but its clones and slices.
///
/// ```
/// use bytes::Bytes;
/// use ws_proto::Payload;
///
/// let payload = Payload::from(vec![1, 2, 3]);
/// assert_eq!(payload, [1, 2, 3]);
/// assert_eq!(payload.slice(1..), [2, 3]);
/// assert_eq!(payload.iter().sum::<u8>(), 6);
/// let bytes: Bytes = payload.into();
/// assert_eq!(bytes, [1, 2, 3][..]);
/// ```
///
/// [RFC 6455 §5.2]: https://www.rfc-editor.org/rfc/rfc6455#section-5.2
#[derive(Clone)]
pub struct Payload(Repr);

#[derive(Clone)]
enum Repr {
    /// The first `len` bytes.
    Inline {
        len: u8,
        bytes: [u8; INLINE],
    },
    Shared(Bytes),
}

impl Payload {
    /// A payload without any bytes.
    #[must_use]
    pub const fn new() -> Self {
        Self(Repr::Inline { len: 0, bytes: [0; INLINE] })
    }

    /// A payload with a copy of these bytes; more than 23 take one allocation.
    #[must_use]
    pub fn copy_from_slice(bytes: &[u8]) -> Self {
        let mut inline = [0; INLINE];
        match inline.get_mut(..bytes.len()) {
            Some(room) => {
                room.copy_from_slice(bytes);
                #[expect(clippy::cast_possible_truncation, reason = "at most INLINE")]
                Self(Repr::Inline { len: bytes.len() as u8, bytes: inline })
            }
            None => Self(Repr::Shared(Bytes::copy_from_slice(bytes))),
        }
    }

    /// A part of the payload. It shares the memory, all of which stays as long as the part, unless the payload
    /// was received with up to 23 bytes.
    ///
    /// # Panics
    /// When the range is not inside the payload, like slicing does.
    #[must_use]
    pub fn slice(&self, range: impl RangeBounds<usize>) -> Self {
        match &self.0 {
            Repr::Inline { .. } => {
                let bounds = (range.start_bound().cloned(), range.end_bound().cloned());
                #[expect(clippy::indexing_slicing, reason = "documented to panic")]
                Self::copy_from_slice(&self[bounds])
            }
            Repr::Shared(bytes) => Self(Repr::Shared(bytes.slice(range))),
        }
    }

    /// The payload as [`Bytes`]: up to 23 received bytes are copied, more are not.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        match self.0 {
            Repr::Inline { .. } => Bytes::copy_from_slice(&self),
            Repr::Shared(bytes) => bytes,
        }
    }

    /// The payload as a `Vec`: without a copy when this is the only handle on memory of that size.
    #[must_use]
    pub fn into_vec(self) -> Vec<u8> {
        match self.0 {
            Repr::Inline { .. } => self.to_vec(),
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

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Repr::Shared(bytes) => bytes,
        }
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
    /// Without a copy.
    fn from(bytes: Bytes) -> Self {
        Self(Repr::Shared(bytes))
    }
}

impl From<Vec<u8>> for Payload {
    /// Without a copy.
    fn from(bytes: Vec<u8>) -> Self {
        Self::from(Bytes::from(bytes))
    }
}

impl From<&[u8]> for Payload {
    /// A copy; `Bytes::from_static` makes one of static bytes without a copy.
    fn from(bytes: &[u8]) -> Self {
        Self::copy_from_slice(bytes)
    }
}

impl<const N: usize> From<&[u8; N]> for Payload {
    /// A copy.
    fn from(bytes: &[u8; N]) -> Self {
        Self::copy_from_slice(bytes)
    }
}

impl From<&Vec<u8>> for Payload {
    /// A copy.
    fn from(bytes: &Vec<u8>) -> Self {
        Self::copy_from_slice(bytes)
    }
}

impl From<&str> for Payload {
    /// A copy of the text.
    fn from(text: &str) -> Self {
        Self::copy_from_slice(text.as_bytes())
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

impl FromIterator<u8> for Payload {
    fn from_iter<I: IntoIterator<Item = u8>>(bytes: I) -> Self {
        Self::from(Vec::from_iter(bytes))
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
        (**self).hash(state);
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
            let copied = Payload::copy_from_slice(&bytes);
            for payload in [copied, Payload::from(bytes.clone())] {
                assert_eq!(payload, bytes);
                assert_eq!(payload.clone().into_vec(), bytes);
                assert_eq!(payload.clone().into_bytes(), bytes);
                assert_eq!(payload.slice(usize::from(n) / 2..), bytes[usize::from(n) / 2..]);
            }
        }
    }

    #[test]
    fn what_comes_from_bytes_goes_back_to_bytes_without_a_copy() {
        for n in [0, 1, INLINE, INLINE + 1, 1000] {
            let bytes = Bytes::from(vec![7; n]);
            let (place, payload) = (bytes.as_ptr(), Payload::from(bytes));
            assert_eq!(payload.into_bytes().as_ptr(), place);
        }
    }

    #[test]
    fn a_slice_of_shared_bytes_shares_them() {
        let payload = Payload::from(vec![7; 100]);
        assert_eq!(payload.slice(10..90).as_ptr(), payload[10..].as_ptr());
    }

    #[test]
    fn debug_shows_at_most_64_bytes() {
        assert_eq!(format!("{:?}", Payload::from(b"a\r\"")), r#"b"a\r\"""#);
        assert!(format!("{:?}", Payload::from(vec![b'x'; 100])).ends_with("x\"… (100 bytes)"));
    }
}
