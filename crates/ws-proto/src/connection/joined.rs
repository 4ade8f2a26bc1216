//! A message whose fragments have all arrived, one right behind the other ([RFC 6455 §5.4]): it is put
//! together in memory of its own size. All that is less simple than that goes through `partial`.
//!
//! [RFC 6455 §5.4]: https://www.rfc-editor.org/rfc/rfc6455#section-5.4

use ws_types::Side;

use super::input::Input;
use super::partial::check_text;
use crate::frame::{FrameHeader, Mask, append};
use crate::{Config, Message, MessageKind, Payload};

/// Takes a message that begins at the front of the input, if all of it is there and nothing is wrong
/// with it; else nothing is taken, and whoever looks at the fragments one by one finds what it is.
pub(super) fn take(
    input: &mut Input,
    kind: MessageKind,
    peer: Side,
    limits: &Config,
) -> Option<Message> {
    let (len, end) = measure(input.unread(), peer, limits)?;
    let (unread, out) = input.unread_and_room(len);
    let mut rest = unread.get(..end)?;
    while let Some(Fragment { mask, payload, behind, .. }) = split(rest, peer) {
        append(out, payload, &mut mask.map(Mask::new));
        rest = behind;
    }
    if kind == MessageKind::Text && check_text(out).is_err() {
        out.clear();
        return None;
    }
    let payload = Payload::take_from(out);
    input.skip(end);
    Some(Message::checked(kind, payload))
}

/// How long the payload of the message at the front is, and how long its frames are.
fn measure(unread: &[u8], peer: Side, limits: &Config) -> Option<(usize, usize)> {
    let max_frames = limits.max_fragments.unwrap_or(usize::MAX);
    let max_len = limits.max_message_size.unwrap_or(usize::MAX);
    let max_frame = limits.max_frame_size.unwrap_or(usize::MAX);
    let (mut rest, mut len, mut frames) = (unread, 0, 0);
    loop {
        let Fragment { first_byte, payload, behind, .. } = split(rest, peer)?;
        // The caller has seen the opcode of the first one. Reserved bits are 0 without extensions.
        let expected_zero = if frames == 0 { 0x70 } else { 0x7F };
        let continues = first_byte & expected_zero == 0;
        frames += 1;
        len += payload.len();
        rest = behind;
        let within = frames <= max_frames && payload.len() <= max_frame && len <= max_len;
        if !continues || !within {
            return None;
        }
        if first_byte & 0x80 != 0 {
            return Some((len, unread.len() - rest.len()));
        }
    }
}

/// The frame at the front, which is there as a whole.
struct Fragment<'a> {
    first_byte: u8,
    mask: Option<[u8; 4]>,
    payload: &'a [u8],
    behind: &'a [u8],
}

#[inline(always)]
fn split(bytes: &[u8], peer: Side) -> Option<Fragment<'_>> {
    let &[first_byte, second, ref rest @ ..] = bytes else { return None };
    // With a mask where there mustn't be one, or without, this is above 127.
    let (len, rest) = match (second ^ if peer == Side::Client { 0x80 } else { 0 }, rest) {
        (short @ 0..126, rest) => (usize::from(short), rest),
        (126, &[l0, l1, ref rest @ ..]) if l0 > 0 || l1 >= 126 => {
            (usize::from(u16::from_be_bytes([l0, l1])), rest)
        }
        _ => return split_long(bytes, peer),
    };
    let (mask, rest) = match peer {
        Side::Client => rest.split_first_chunk().map(|(&key, rest)| (Some(key), rest))?,
        Side::Server => (None, rest),
    };
    let (payload, behind) = rest.split_at_checked(len)?;
    Some(Fragment { first_byte, mask, payload, behind })
}

/// The same for a frame of 64 KiB or more, and one that is wrong.
#[cold]
fn split_long(bytes: &[u8], peer: Side) -> Option<Fragment<'_>> {
    let (header, len) = FrameHeader::decode(bytes, peer).ok()??;
    let payload_len = usize::try_from(header.payload_len).ok()?;
    let (payload, behind) = bytes.get(len..)?.split_at_checked(payload_len)?;
    Some(Fragment { first_byte: header.first_byte(), mask: header.mask, payload, behind })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message of two frames, of which the second begins with these bytes.
    fn taken(peer: Side, second: &[u8]) -> Option<Message> {
        let first: &[u8] = match peer {
            Side::Client => &[2, 0x82, 0, 0, 0, 0, 7, 7],
            Side::Server => &[2, 2, 7, 7],
        };
        let mut input = Input::default();
        input.append(&[first, second, &[7; 200]].concat());
        let before = input.unread().len();
        let message = take(&mut input, MessageKind::Binary, peer, &Config::default());
        assert_eq!(message.is_none(), input.unread().len() == before);
        message
    }

    #[test]
    fn fragments_are_joined_and_whatever_is_wrong_is_left() {
        let len = |peer, second: &[u8]| taken(peer, second).map(|message| message.len());
        assert_eq!(len(Side::Server, &[0x80, 3]), Some(5));
        assert_eq!(len(Side::Server, &[0x80, 126, 0, 126]), Some(128));
        assert_eq!(len(Side::Client, &[0x80, 0x83, 0, 0, 0, 0]), Some(5));
        assert_eq!(len(Side::Client, &[0x80, 0xFE, 0, 126, 0, 0, 0, 0]), Some(128));
        for (peer, second) in [
            (Side::Server, &[0x80, 126, 0, 125][..]), // not its shortest form
            (Side::Client, &[0x80, 0xFE, 0, 125, 0, 0, 0, 0]), // the same
            (Side::Server, &[0x80, 0x83]),            // a mask
            (Side::Client, &[0x80, 3]),               // none
            (Side::Server, &[0xC0, 3]),               // a reserved bit
            (Side::Server, &[0x82, 3]),               // another message
            (Side::Server, &[0x8A, 3]),               // a control frame
            (Side::Server, &[0x80, 126, 1, 0]),       // not there as a whole
        ] {
            assert_eq!(len(peer, second), None, "{second:x?}");
        }
    }
}
