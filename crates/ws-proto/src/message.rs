//! Messages: [`Message`] and its two kinds.

use std::borrow::Cow;
use std::fmt;
use std::str::Utf8Error;

use bytes::Bytes;
use bytestring::ByteString;
use ws_types::Opcode;

use crate::Payload;

/// The two kinds of messages ([RFC 6455 §5.6]).
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
    fn from(kind: MessageKind) -> Self {
        match kind {
            MessageKind::Text => Self::Text,
            MessageKind::Binary => Self::Binary,
        }
    }
}

/// A whole message, text or binary ([RFC 6455 §5.6]).
///
/// Strings make text, bytes make binary. Text is a [`ByteString`], which dereferences to `str`, is cheap
/// to clone, and converts from and to [`String`] and [`Bytes`]; it was checked while it arrived. Binary
/// is a [`Payload`], which dereferences to `[u8]`.
///
/// ```
/// use ws_proto::Message;
///
/// let text = Message::from("{\"id\": 7}");
/// let binary = Message::from(vec![1, 2, 3]);
/// assert!(text.is_text() && binary.is_binary());
/// match &text {
///     Message::Text(text) => assert!(text.starts_with('{')),
///     Message::Binary(_) => unreachable!(),
/// }
/// assert_eq!(binary.as_bytes(), [1, 2, 3]);
/// ```
///
/// [RFC 6455 §5.6]: https://www.rfc-editor.org/rfc/rfc6455#section-5.6
#[derive(Clone, Eq, PartialEq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the two kinds of RFC 6455")]
pub enum Message {
    /// UTF-8 text.
    Text(ByteString),
    /// Arbitrary bytes.
    Binary(Payload),
}

impl Message {
    /// A text message.
    #[must_use]
    pub fn text(text: impl Into<ByteString>) -> Self {
        Self::Text(text.into())
    }

    /// A binary message.
    #[must_use]
    pub fn binary(bytes: impl Into<Payload>) -> Self {
        Self::Binary(bytes.into())
    }

    /// Whether it is text or binary.
    #[must_use]
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
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(payload) => payload,
        }
    }

    /// The text of a text message; `None` for a binary one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    /// The length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether the message carries no bytes; such messages are legal.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The message as text, checking a binary one; like Python's `decode=True`.
    ///
    /// # Errors
    /// [`Utf8Error`] when a binary message isn't UTF-8.
    pub fn into_text(self) -> Result<ByteString, Utf8Error> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Binary(payload) => ByteString::try_from(payload.into_bytes()),
        }
    }

    /// The bytes of the message, of either kind, without a copy; like Python's `decode=False`.
    #[must_use]
    pub fn into_payload(self) -> Payload {
        match self {
            Self::Text(text) => text.into_bytes().into(),
            Self::Binary(payload) => payload,
        }
    }

    /// The bytes of the message, of either kind: see [`Payload::into_bytes`].
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
    Text: &str, String, Box<str>, ByteString;
    Binary: Vec<u8>, &Vec<u8>, &[u8], Bytes, Payload;
}

impl<const N: usize> From<&[u8; N]> for Message {
    fn from(data: &[u8; N]) -> Self {
        Self::Binary(data.into())
    }
}

impl From<&String> for Message {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<Cow<'_, str>> for Message {
    fn from(text: Cow<'_, str>) -> Self {
        Self::from(text.into_owned())
    }
}

impl From<fmt::Arguments<'_>> for Message {
    /// The text that `format_args!` describes.
    fn from(text: fmt::Arguments<'_>) -> Self {
        Self::from(text.to_string())
    }
}

impl From<&Self> for Message {
    /// A clone, which shares long text and binary data.
    fn from(message: &Self) -> Self {
        message.clone()
    }
}

impl fmt::Debug for Message {
    /// The kind with the data, at most about 64 bytes of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => {
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
    }

    #[test]
    fn strings_make_text_and_bytes_make_binary_however_they_are_held() {
        let (text, binary) = (Message::text("text"), Message::binary("text"));
        let (string, bytes) = ("text".to_owned(), b"text".to_vec());
        for message in [
            Message::from(&*string),
            (&string).into(),
            Box::<str>::from("text").into(),
            Cow::from("text").into(),
            format_args!("te{}", "xt").into(),
            ByteString::from("text").into(),
            (&text).into(),
            string.into(),
        ] {
            assert_eq!(message, text);
        }
        for message in [
            Message::from(&*bytes),
            (&bytes).into(),
            b"text".into(),
            Bytes::from_static(b"text").into(),
            bytes.into(),
        ] {
            assert_eq!(message, binary);
        }
    }

    #[test]
    fn text_converts_from_and_to_strings_and_bytes_without_a_copy() {
        let string = "Größe ".repeat(9);
        let string = String::from(string.as_str()); // as large as it has to be
        let place = string.as_ptr();
        let Message::Text(text) = Message::from(string) else { panic!("a string makes text") };
        assert_eq!(text.as_ptr(), place);
        let bytes = text.into_bytes();
        assert_eq!(bytes.as_ptr(), place);
        let text = Message::from(bytes).into_text().unwrap();
        assert_eq!(text.as_ptr(), place);
        let string = String::from(text);
        assert_eq!(string.as_ptr(), place);
    }

    #[test]
    fn bad_utf8_is_refused_with_its_position() {
        let e = Message::from(b"ab\xffcd").into_text().unwrap_err();
        assert_eq!(e.valid_up_to(), 2);
        assert_eq!(Message::from("é".as_bytes().to_vec()).into_text().unwrap(), "é");
    }

    #[test]
    fn debug_is_bounded() {
        let text = format!("{:?}", Message::from("é".repeat(100)));
        assert!(text.ends_with("é\"… (200 bytes))"), "{text}");
        assert_eq!(format!("{:?}", Message::from("a\n")), r#"Text("a\n")"#);
    }
}
