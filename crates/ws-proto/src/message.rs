//! Messages: what an application sends and receives.

use std::fmt;
use std::str::Utf8Error;

use bytes::Bytes;
use ws_types::Opcode;

use crate::Payload;

/// Text that is known to be UTF-8, in shared memory if it has more than 23 bytes.
///
/// It is cheap to clone, and converts from and to [`Bytes`] without a copy of more than that. The library
/// forbids itself unsafe code, so a `&str` can only be had by checking the bytes again:
/// [`as_str`](Self::as_str) does that at several bytes per nanosecond. Take it once and keep the reference;
/// length, comparison and conversion to bytes cost nothing. For that reason it doesn't dereference to `str`.
#[derive(Clone, Default, Eq, PartialEq, Hash)]
#[repr(C)] // so that the word without meaning is the last
pub struct Utf8Bytes(Payload, Checked);

/// A word of which one value is used. With the others, a [`Message`] and what contains it tell which
/// variant they are, in a place behind the payload. In front of it, where it would be otherwise, it is in
/// the way: a payload is moved by 16 bytes at a time, and a load of 16 bytes has to wait when half of them
/// were just written by themselves.
#[derive(Clone, Copy, Default, Eq, PartialEq, Hash)]
#[repr(u64)]
enum Checked {
    #[default]
    Yes = 1,
}

impl Utf8Bytes {
    /// The empty text.
    #[must_use]
    pub const fn new() -> Self {
        Self(Payload::new(), Checked::Yes)
    }

    /// Text that was checked by the caller.
    pub(crate) const fn checked(payload: Payload) -> Self {
        Self(payload, Checked::Yes)
    }

    /// The text as a string slice, after a pass over its bytes.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "never panics: the bytes were checked before")]
    pub fn as_str(&self) -> &str {
        simdutf8::basic::from_utf8(&self.0).expect("the text was checked when it was made")
    }

    /// The bytes of the text.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no text at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes of the text as a payload, without a copy.
    #[must_use]
    pub fn into_payload(self) -> Payload {
        self.0
    }
}

impl AsRef<str> for Utf8Bytes {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<[u8]> for Utf8Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<&str> for Utf8Bytes {
    fn from(text: &str) -> Self {
        Self::checked(Payload::copy_from_slice(text.as_bytes()))
    }
}

impl From<String> for Utf8Bytes {
    fn from(text: String) -> Self {
        Self::checked(Payload::from(text.into_bytes()))
    }
}

impl TryFrom<Payload> for Utf8Bytes {
    type Error = Utf8Error;

    /// Checks the payload; a failure names the position of the first bad byte.
    fn try_from(payload: Payload) -> Result<Self, Utf8Error> {
        match simdutf8::basic::from_utf8(&payload) {
            Ok(_) => Ok(Self::checked(payload)),
            // The fast check doesn't say where; the standard library does.
            Err(_) => std::str::from_utf8(&payload).map(|_| Self::new()),
        }
    }
}

impl TryFrom<Bytes> for Utf8Bytes {
    type Error = Utf8Error;

    fn try_from(bytes: Bytes) -> Result<Self, Utf8Error> {
        Self::try_from(Payload::from(bytes))
    }
}

impl TryFrom<Vec<u8>> for Utf8Bytes {
    type Error = Utf8Error;

    fn try_from(bytes: Vec<u8>) -> Result<Self, Utf8Error> {
        Self::try_from(Payload::from(bytes))
    }
}

impl From<Utf8Bytes> for String {
    fn from(text: Utf8Bytes) -> Self {
        text.as_str().to_owned()
    }
}

impl PartialEq<str> for Utf8Bytes {
    fn eq(&self, other: &str) -> bool {
        self.0 == *other.as_bytes()
    }
}

impl PartialEq<&str> for Utf8Bytes {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

impl PartialEq<String> for Utf8Bytes {
    fn eq(&self, other: &String) -> bool {
        self == other.as_str()
    }
}

impl fmt::Display for Utf8Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Utf8Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// Which of the two kinds of data a message carries ([RFC 6455 §5.6]).
///
/// [RFC 6455 §5.6]: https://www.rfc-editor.org/rfc/rfc6455#section-5.6
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the two kinds of RFC 6455")]
pub enum MessageKind {
    /// UTF-8 text.
    Text,
    /// Arbitrary bytes.
    Binary,
}

impl From<MessageKind> for Opcode {
    /// The opcode of the first frame of such a message.
    #[inline]
    fn from(kind: MessageKind) -> Self {
        match kind {
            MessageKind::Text => Self::Text,
            MessageKind::Binary => Self::Binary,
        }
    }
}

/// A whole message, text or binary ([RFC 6455 §5.6]).
///
/// Strings make text, byte buffers make binary:
///
/// ```
/// use ws_proto::Message;
/// let text = Message::from("hello");
/// let binary = Message::from(vec![1, 2, 3]);
/// assert!(text.is_text() && binary.is_binary());
/// assert_eq!(text.as_bytes(), b"hello");
/// ```
///
/// [RFC 6455 §5.6]: https://www.rfc-editor.org/rfc/rfc6455#section-5.6
#[derive(Clone, Eq, PartialEq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the two kinds of RFC 6455")]
pub enum Message {
    /// UTF-8 text.
    Text(Utf8Bytes),
    /// Arbitrary bytes.
    Binary(Payload),
}

impl Message {
    /// A text message.
    #[must_use]
    pub fn text(text: impl Into<Utf8Bytes>) -> Self {
        Self::Text(text.into())
    }

    /// A binary message.
    #[must_use]
    pub fn binary(bytes: impl Into<Payload>) -> Self {
        Self::Binary(bytes.into())
    }

    /// A message of this kind from bytes that were checked.
    #[inline]
    pub(crate) fn checked(kind: MessageKind, payload: Payload) -> Self {
        match kind {
            MessageKind::Text => Self::Text(Utf8Bytes::checked(payload)),
            MessageKind::Binary => Self::Binary(payload),
        }
    }

    /// Whether it is text or binary.
    #[must_use]
    #[inline]
    pub const fn kind(&self) -> MessageKind {
        match self {
            Self::Text(_) => MessageKind::Text,
            Self::Binary(_) => MessageKind::Binary,
        }
    }

    /// Whether this is a text message.
    #[must_use]
    pub const fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }

    /// Whether this is a binary message.
    #[must_use]
    pub const fn is_binary(&self) -> bool {
        matches!(self, Self::Binary(_))
    }

    /// The bytes of the message, of either kind.
    #[must_use]
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(payload) => payload,
        }
    }

    /// The text of a text message, after a pass over its bytes; `None` for a binary one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text.as_str()),
            Self::Binary(_) => None,
        }
    }

    /// The length in bytes.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether the message carries no bytes; such messages are legal.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of the message, of either kind.
    #[inline]
    pub(crate) fn payload(&self) -> &Payload {
        match self {
            Self::Text(text) => &text.0,
            Self::Binary(payload) => payload,
        }
    }

    /// The bytes of the message, of either kind, without a copy.
    #[must_use]
    #[inline]
    pub fn into_payload(self) -> Payload {
        match self {
            Self::Text(text) => text.into_payload(),
            Self::Binary(payload) => payload,
        }
    }

    /// The message as text, checking a binary one; like Python's `decode=True`.
    ///
    /// # Errors
    /// [`Utf8Error`] when a binary message isn't UTF-8.
    pub fn into_text(self) -> Result<Utf8Bytes, Utf8Error> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Binary(payload) => Utf8Bytes::try_from(payload),
        }
    }

    /// The bytes of the message, of either kind; like Python's `decode=False`.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.into_payload().into_bytes()
    }
}

macro_rules! message_from {
    ($($kind:ident: $($from:ty),*;)*) => {$($(
        impl From<$from> for Message {
            fn from(data: $from) -> Self {
                Self::$kind(data.into())
            }
        }
    )*)*};
}

message_from! {
    Text: &str, String, Utf8Bytes;
    Binary: Vec<u8>, Bytes, Payload, &'static [u8];
}

impl<const N: usize> From<&'static [u8; N]> for Message {
    fn from(data: &'static [u8; N]) -> Self {
        Self::Binary(data.into())
    }
}

impl fmt::Debug for Message {
    /// The kind with the data, at most about 64 bytes of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => {
                let text = text.as_str();
                let mut end = text.len().min(64);
                while !text.is_char_boundary(end) {
                    end -= 1;
                }
                let shown = text.get(..end).unwrap_or_default();
                write!(f, "Text({shown:?}")?;
                if end < text.len() {
                    write!(f, "… ({} bytes)", text.len())?;
                }
                f.write_str(")")
            }
            Self::Binary(payload) => write!(f, "Binary({payload:?})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_at_most_40_bytes() {
        assert!(size_of::<Message>() <= 40);
        assert!(size_of::<Option<Message>>() <= 40);
        // The word behind the payload is that of the message.
        assert_eq!(size_of::<Utf8Bytes>(), 40);
    }

    #[test]
    fn bad_utf8_is_refused_with_its_position() {
        let e = Utf8Bytes::try_from(Payload::from(b"ab\xffcd")).unwrap_err();
        assert_eq!(e.valid_up_to(), 2);
        assert!(Message::from(b"\xc3\x28").into_text().is_err());
        assert_eq!(Message::from("é".as_bytes().to_vec()).into_text().unwrap(), "é");
    }

    #[test]
    fn debug_is_bounded() {
        let text = format!("{:?}", Message::from("é".repeat(100)));
        assert!(text.ends_with("é\"… (200 bytes))"), "{text}");
        assert_eq!(format!("{:?}", Message::from("a\n")), r#"Text("a\n")"#);
    }
}
