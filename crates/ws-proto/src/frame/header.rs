//! The header of a frame ([RFC 6455 §5.2]).
//!
//! ```text
//!  byte 0       byte 1        0, 2 or 8 bytes        0 or 4 bytes
//! +-+---+----+ +-+-------+ +----------------------+ +-------------+
//! |F|RSV| op | |M| len 7 | | extended length      | | masking key |
//! +-+---+----+ +-+-------+ +----------------------+ +-------------+
//! ```
//!
//! [RFC 6455 §5.2]: https://www.rfc-editor.org/rfc/rfc6455#section-5.2

use ws_errors::{ProtocolError, ProtocolErrorKind};
use ws_types::{Opcode, Side};

/// The longest header of a frame, in bytes: 2, an extended length of 8 and a masking key of 4.
pub const MAX_HEADER_LEN: usize = 14;

/// The longest payload of a control frame, in bytes ([RFC 6455 §5.5](https://www.rfc-editor.org/rfc/rfc6455#section-5.5)).
pub(crate) const MAX_CONTROL_LEN: u64 = 125;

/// The header of a frame ([RFC 6455 §5.2]).
///
/// ```
/// use ws_proto::FrameHeader;
/// use ws_types::{Opcode, Side};
///
/// let header = FrameHeader { mask: Some([1, 2, 3, 4]), ..FrameHeader::new(Opcode::Text, 300) };
/// let mut bytes = Vec::new();
/// header.encode(&mut bytes);
/// assert_eq!(bytes, [0x81, 0xFE, 0x01, 0x2C, 1, 2, 3, 4]);
/// assert_eq!(FrameHeader::decode(&bytes, Side::Client)?, Some((header, 8)));
/// # Ok::<(), ws_errors::ProtocolError>(())
/// ```
///
/// [RFC 6455 §5.2]: https://www.rfc-editor.org/rfc/rfc6455#section-5.2
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "the fields of RFC 6455, which no revision extends")]
pub struct FrameHeader {
    /// Whether this is the last fragment of its message.
    pub fin: bool,
    /// The three bits that extensions own, as 0 to 7: RSV1 is 4, RSV2 is 2, RSV3 is 1.
    pub rsv: u8,
    /// What the frame is.
    pub opcode: Opcode,
    /// The masking key; frames of a client have one, frames of a server don't.
    pub mask: Option<[u8; 4]>,
    /// The length of the payload in bytes, below 2⁶³.
    pub payload_len: u64,
}

impl FrameHeader {
    /// The header of an unfragmented, unmasked frame without reserved bits.
    #[must_use]
    pub const fn new(opcode: Opcode, payload_len: u64) -> Self {
        Self { fin: true, rsv: 0, opcode, mask: None, payload_len }
    }

    /// Decodes the header at the front of `buf`, which came from `sender`; gives it with its length in
    /// bytes (2 to 14), or `None` when more bytes are needed. What the first two bytes forbid is
    /// reported as soon as these are there.
    ///
    /// Reserved bits are given, not judged: they belong to extensions.
    ///
    /// # Errors
    /// [`ProtocolError`] for an unknown opcode, a mask that the sender must have or mustn't have
    /// ([RFC 6455 §5.1](https://www.rfc-editor.org/rfc/rfc6455#section-5.1)), a fragmented or too long
    /// control frame ([§5.5](https://www.rfc-editor.org/rfc/rfc6455#section-5.5)), a length with its
    /// top bit set or not in its shortest form.
    #[inline]
    pub fn decode(buf: &[u8], sender: Side) -> Result<Option<(Self, usize)>, ProtocolError> {
        let &[b0, b1, ref rest @ ..] = buf else { return Ok(None) };
        let fin = b0 & 0x80 != 0;
        let rsv = (b0 >> 4) & 0b111;
        let opcode = Opcode::try_from(b0 & 0x0F)
            .map_err(|e| ProtocolError::new(ProtocolErrorKind::InvalidOpcode(e.0)))?;
        let masked = b1 & 0x80 != 0;
        if masked != (sender == Side::Client) {
            return Err(ProtocolErrorKind::IncorrectMasking.into());
        }
        let short = u64::from(b1 & 0x7F);
        if opcode.is_control() {
            if short > MAX_CONTROL_LEN {
                return Err(ProtocolErrorKind::ControlFrameTooLong(short).into());
            }
            if !fin {
                return Err(ProtocolErrorKind::FragmentedControlFrame.into());
            }
        }
        let (payload_len, rest, mut len) = match short {
            126 => {
                let Some((&length, rest)) = rest.split_first_chunk() else { return Ok(None) };
                (shortest(u64::from(u16::from_be_bytes(length)), 126)?, rest, 4)
            }
            127 => {
                let Some((&length, rest)) = rest.split_first_chunk() else { return Ok(None) };
                (shortest(u64::from_be_bytes(length), 0x1_0000)?, rest, 10)
            }
            short => (short, rest, 2),
        };
        let mask = if masked {
            let Some((&key, _)) = rest.split_first_chunk() else { return Ok(None) };
            len += 4;
            Some(key)
        } else {
            None
        };
        Ok(Some((Self { fin, rsv, opcode, mask, payload_len }, len)))
    }

    /// Appends the header in its shortest form: 2 to 14 bytes.
    #[inline]
    pub fn encode(&self, out: &mut Vec<u8>) {
        let (bytes, len) = self.to_array();
        out.extend_from_slice(bytes.get(..len).unwrap_or_default());
    }

    #[inline]
    pub(crate) const fn first_byte(self) -> u8 {
        (self.fin as u8) << 7 | self.rsv << 4 | self.opcode.as_u8()
    }

    /// The header in its shortest form, and how many bytes of the array that is.
    pub(crate) fn to_array(self) -> ([u8; MAX_HEADER_LEN], usize) {
        let Ok(len) = u16::try_from(self.payload_len) else {
            return long_header(self.first_byte(), self.payload_len, self.mask);
        };
        let (short, n) = short_header(self.first_byte(), len, self.mask);
        let mut bytes = [0; MAX_HEADER_LEN];
        if let Some(front) = bytes.first_chunk_mut() {
            *front = short;
        }
        (bytes, n)
    }
}

/// The header of a frame with less than 64 KiB, and its length, behind which there are zeros: made in a
/// register.
#[inline]
pub(crate) fn short_header(first_byte: u8, len: u16, key: Option<[u8; 4]>) -> ([u8; 8], usize) {
    let (bits, n) = match len {
        0..=125 => (u64::from(len) << 8, 2),
        _ => (126 << 8 | u64::from(len.swap_bytes()) << 16, 4),
    };
    let bits = bits | u64::from(first_byte);
    match key.map(u32::from_le_bytes) {
        Some(key) => ((bits | 0x8000 | u64::from(key) << (8 * n)).to_le_bytes(), n + 4),
        None => (bits.to_le_bytes(), n),
    }
}

/// The header of a frame with 64 KiB or more, and its length.
pub(crate) fn long_header(
    first_byte: u8,
    len: u64,
    key: Option<[u8; 4]>,
) -> ([u8; MAX_HEADER_LEN], usize) {
    let masked = if key.is_some() { 0x80 } else { 0 };
    let [k0, k1, k2, k3] = key.unwrap_or_default();
    let [l0, l1, l2, l3, l4, l5, l6, l7] = len.to_be_bytes();
    let bytes = [first_byte, masked | 127, l0, l1, l2, l3, l4, l5, l6, l7, k0, k1, k2, k3];
    (bytes, if key.is_some() { 14 } else { 10 })
}

/// The extended length, if it has no shorter form and its top bit is clear.
fn shortest(length: u64, least: u64) -> Result<u64, ProtocolError> {
    if length >> 63 != 0 {
        return Err(ProtocolErrorKind::FrameLengthTooLong(length).into());
    }
    // RFC 6455 §5.2: "in all cases, the minimal number of bytes MUST be used to encode the length"
    if length < least {
        return Err(ProtocolErrorKind::FrameLengthNotMinimal(length).into());
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_header() -> impl Strategy<Value = FrameHeader> {
        let opcodes = prop::sample::select(vec![
            Opcode::Continuation,
            Opcode::Text,
            Opcode::Binary,
            Opcode::Close,
            Opcode::Ping,
            Opcode::Pong,
        ]);
        let len = prop_oneof![0..=200u64, 65_000..=66_000u64, 0..1u64 << 63];
        (any::<bool>(), 0..8u8, opcodes, any::<Option<[u8; 4]>>(), len).prop_map(
            |(fin, rsv, opcode, mask, len)| {
                let control = opcode.is_control();
                FrameHeader {
                    fin: fin || control,
                    rsv,
                    opcode,
                    mask,
                    payload_len: if control { len % 126 } else { len },
                }
            },
        )
    }

    proptest! {
        #[test]
        fn headers_round_trip_and_need_every_byte(header in any_header()) {
            let mut bytes = Vec::new();
            header.encode(&mut bytes);
            let sender = if header.mask.is_some() { Side::Client } else { Side::Server };
            for n in 0..bytes.len() {
                prop_assert_eq!(FrameHeader::decode(&bytes[..n], sender), Ok(None));
            }
            prop_assert_eq!(FrameHeader::decode(&bytes, sender), Ok(Some((header, bytes.len()))));
            bytes.push(0);
            prop_assert_eq!(FrameHeader::decode(&bytes, sender), Ok(Some((header, bytes.len() - 1))));
        }

        #[test]
        fn arbitrary_bytes_decode_or_fail(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
            for sender in [Side::Client, Side::Server] {
                if let Ok(Some((header, n))) = FrameHeader::decode(&bytes, sender) {
                    let mut again = Vec::new();
                    header.encode(&mut again);
                    prop_assert_eq!(&again[..], &bytes[..n]);
                }
            }
        }
    }

    #[test]
    fn rfc6455_5_2_bad_headers_fail_at_the_earliest_byte() {
        use ProtocolErrorKind as K;
        for (bytes, kind) in [
            (&[0x83, 0x80][..], K::InvalidOpcode(3)),
            (&[0x8B, 0x80], K::InvalidOpcode(11)),
            (&[0x81, 0x00], K::IncorrectMasking),
            (&[0x89, 0xFE], K::ControlFrameTooLong(126)),
            (&[0x88, 0xFF], K::ControlFrameTooLong(127)),
            (&[0x09, 0x80], K::FragmentedControlFrame),
            (&[0x82, 0xFE, 0, 125], K::FrameLengthNotMinimal(125)),
            (&[0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], K::FrameLengthNotMinimal(65_535)),
            (&[0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0], K::FrameLengthTooLong(1 << 63)),
        ] {
            assert_eq!(FrameHeader::decode(bytes, Side::Client), Err(kind.into()), "{bytes:x?}");
            assert_eq!(FrameHeader::decode(&bytes[..bytes.len() - 1], Side::Client), Ok(None));
        }
        assert_eq!(
            FrameHeader::decode(&[0x81, 0x80], Side::Server),
            Err(K::IncorrectMasking.into())
        );
    }
}
