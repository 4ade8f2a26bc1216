//! The form of a message on a backplane.
//!
//! ```text
//! byte   0         1         2 … 17       18 …
//!        version   kind      publisher    message
//! ```
//!
//! The version is 1. The kind is 0 for binary and 1 for text, plus 2 if it is always to be compressed, 4 if
//! never.

use bytes::Bytes;
use ws_tokio::{Compress, Message, MessageKind, Outgoing};

use super::Ignored;

const VERSION: u8 = 1;
const TEXT: u8 = 1;
const ALWAYS: u8 = 2;
const NEVER: u8 = 4;

/// The number of a publisher, drawn at random.
pub(super) type Publisher = [u8; 16];

pub(super) fn encode(publisher: &Publisher, message: &Outgoing) -> Bytes {
    let kind = match message.kind() {
        MessageKind::Text => TEXT,
        MessageKind::Binary => 0,
    };
    let compress = match message.compression() {
        Compress::Auto => 0,
        Compress::Always => ALWAYS,
        Compress::Never => NEVER,
    };
    [&[VERSION, kind | compress], &publisher[..], message.as_bytes()].concat().into()
}

/// The message, and its publisher.
pub(super) fn decode(bytes: &[u8], limit: usize) -> Result<(Publisher, Outgoing), Ignored> {
    let Some((&[VERSION, kind], rest)) = bytes.split_first_chunk() else {
        return Err(Ignored::Format);
    };
    let (publisher, data) = rest.split_first_chunk().ok_or(Ignored::Format)?;
    if data.len() > limit {
        return Err(Ignored::TooBig(data.len()));
    }
    let message = if kind & TEXT == 0 {
        Message::binary(Bytes::copy_from_slice(data))
    } else {
        Message::text(str::from_utf8(data).map_err(|_| Ignored::Utf8)?.to_owned())
    };
    let compress = match kind & !TEXT {
        0 => Compress::Auto,
        ALWAYS => Compress::Always,
        NEVER => Compress::Never,
        _ => return Err(Ignored::Format),
    };
    Ok((*publisher, message.compress(compress)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLISHER: Publisher = *b"0123456789abcdef";

    #[test]
    fn a_message_is_the_same_again() {
        for message in [Message::text(""), Message::text("é"), Message::binary(vec![0, 255])] {
            for compress in [Compress::Auto, Compress::Always, Compress::Never] {
                let outgoing = message.clone().compress(compress);
                let bytes = encode(&PUBLISHER, &outgoing);
                assert_eq!(bytes.len(), 18 + message.len());
                let (publisher, decoded) = decode(&bytes, message.len()).unwrap();
                assert_eq!(publisher, PUBLISHER);
                assert_eq!(decoded.compression(), compress);
                assert_eq!(decoded.into_message(), message);
            }
        }
    }

    #[test]
    fn what_is_no_message_is_ignored() {
        let message = |kind: u8, data: &[u8]| [&[1, kind], &PUBLISHER[..], data].concat();
        let table = [
            (vec![], Ignored::Format),
            (b"hello".to_vec(), Ignored::Format),
            // Cut, of another version, of an unknown kind.
            (message(0, b"")[..17].to_vec(), Ignored::Format),
            ([&[2], &message(0, b"")[1..]].concat(), Ignored::Format),
            (message(6, b""), Ignored::Format),
            (message(8, b""), Ignored::Format),
            (message(1, b"\xff"), Ignored::Utf8),
            (message(1, b"12345"), Ignored::TooBig(5)),
        ];
        for (bytes, reason) in table {
            assert_eq!(decode(&bytes, 4).map(|_| ()), Err(reason), "{bytes:?}");
        }
        assert!(decode(&message(1, b"1234"), 4).is_ok());
    }
}
