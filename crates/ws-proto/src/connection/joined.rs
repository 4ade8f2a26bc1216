//! A message whose fragments have all arrived, one right behind the other ([RFC 6455 §5.4]): it is put
//! together in memory of its own size. All that is less simple than that goes through `partial`.
//!
//! [RFC 6455 §5.4]: https://www.rfc-editor.org/rfc/rfc6455#section-5.4

use ws_types::{Opcode, Side};

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
    while let Some((header, payload, behind)) = split(rest, peer) {
        append(out, payload, &mut header.mask.map(Mask::new));
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
        let (header, payload, behind) = split(rest, peer)?;
        // The caller has seen the first one.
        let continues = frames == 0 || header.opcode == Opcode::Continuation;
        frames += 1;
        len += payload.len();
        rest = behind;
        let within = frames <= max_frames && payload.len() <= max_frame && len <= max_len;
        if !continues || header.rsv != 0 || !within {
            return None;
        }
        if header.fin {
            return Some((len, unread.len() - rest.len()));
        }
    }
}

/// The frame at the front, if it is there as a whole: its header, its payload, and what is behind it.
#[inline]
fn split(bytes: &[u8], peer: Side) -> Option<(FrameHeader, &[u8], &[u8])> {
    let (header, len) = FrameHeader::decode(bytes, peer).ok()??;
    let payload_len = usize::try_from(header.payload_len).ok()?;
    let (payload, behind) = bytes.get(len..)?.split_at_checked(payload_len)?;
    Some((header, payload, behind))
}
