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

use super::Rsv;

/// The longest header of a frame, in bytes: 2, an extended length of 8 and a masking key of 4.
pub const MAX_HEADER_LEN: usize = 14;

/// The longest payload of a control frame, in bytes ([RFC 6455 §5.5](https://www.rfc-editor.org/rfc/rfc6455#section-5.5)).
pub const MAX_CONTROL_LEN: u64 = 125;

/// The header of a frame ([RFC 6455 §5.2]).
///
/// ```
/// use ws_proto::FrameHeader;
/// use ws_types::{Opcode, Side};
///
/// let header = FrameHeader { mask: Some([1, 2, 3, 4]), ..FrameHeader::new(Opcode::Text, 300) };
/// let mut bytes = Vec::new();
/// header.encode(&mut bytes)?;
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
    /// The three bits that belong to extensions.
    pub rsv: Rsv,
    /// The kind of the frame.
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
        Self { fin: true, rsv: Rsv::NONE, opcode, mask: None, payload_len }
    }

    /// Decodes the header at the front of `buf`, which came from `sender`; gives it with its length in
    /// bytes (2 to 14), or `None` when more bytes are needed. A rule that the first two bytes
    /// break is reported as soon as these are there.
    ///
    /// Reserved bits are given, not judged: they belong to extensions.
    ///
    /// # Errors
    /// [`ProtocolError`] for an unknown opcode, a mask that the sender must have or mustn't have
    /// ([RFC 6455 §5.1](https://www.rfc-editor.org/rfc/rfc6455#section-5.1)), a fragmented or too long
    /// control frame ([§5.5](https://www.rfc-editor.org/rfc/rfc6455#section-5.5)), a length with its
    /// top bit set or not in its shortest form.
    pub fn decode(buf: &[u8], sender: Side) -> Result<Option<(Self, usize)>, ProtocolError> {
        let &[b0, b1, ref rest @ ..] = buf else { return Ok(None) };
        let fin = b0 & 0x80 != 0;
        let rsv = Rsv::from_bits(b0 >> 4);
        let opcode = Opcode::try_from(b0 & 0x0F)?;
        let masked = b1 & 0x80 != 0;
        if masked != (sender == Side::Client) {
            return Err(ProtocolErrorKind::IncorrectMasking.into());
        }
        let short = u64::from(b1 & 0x7F);
        check_control(opcode, fin, short)?;
        let (payload_len, rest) = match short {
            126 => {
                let Some((&length, rest)) = rest.split_first_chunk() else { return Ok(None) };
                (check_length(u16::from_be_bytes(length).into(), 126)?, rest)
            }
            127 => {
                let Some((&length, rest)) = rest.split_first_chunk() else { return Ok(None) };
                (check_length(u64::from_be_bytes(length), 0x1_0000)?, rest)
            }
            short => (short, rest),
        };
        let (mask, rest) = match rest.split_first_chunk() {
            _ if !masked => (None, rest),
            Some((&key, rest)) => (Some(key), rest),
            None => return Ok(None),
        };
        Ok(Some((Self { fin, rsv, opcode, mask, payload_len }, buf.len() - rest.len())))
    }

    /// Appends the header in its shortest form: 2 to 14 bytes, which [`decode`](Self::decode) gives back.
    ///
    /// # Errors
    /// [`ProtocolError`] for a fragmented or too long control frame
    /// ([RFC 6455 §5.5](https://www.rfc-editor.org/rfc/rfc6455#section-5.5)), or a length of 2⁶³ bytes or
    /// more; nothing is appended.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), ProtocolError> {
        check_control(self.opcode, self.fin, self.payload_len)?;
        check_length(self.payload_len, 0)?;
        let (bytes, len) = self.to_array();
        out.extend_from_slice(bytes.get(..len).unwrap_or_default());
        Ok(())
    }

    /// The header in its shortest form, and how many bytes of the array that is.
    pub(crate) fn to_array(self) -> ([u8; MAX_HEADER_LEN], usize) {
        let mut bytes = [0; MAX_HEADER_LEN];
        let [b0, b1, extended @ ..] = &mut bytes;
        *b0 = u8::from(self.fin) << 7 | self.rsv.bits() << 4 | self.opcode.as_u8();
        *b1 = if self.mask.is_some() { 0x80 } else { 0 };
        let mut len = 2;
        let mut put = |field: &[u8]| {
            for (place, byte) in extended.iter_mut().skip(len - 2).zip(field) {
                *place = *byte;
            }
            len += field.len();
        };
        #[expect(clippy::cast_possible_truncation, reason = "each arm has its range")]
        match self.payload_len {
            0..126 => *b1 |= self.payload_len as u8,
            126..0x1_0000 => {
                *b1 |= 126;
                put(&(self.payload_len as u16).to_be_bytes());
            }
            _ => {
                *b1 |= 127;
                put(&self.payload_len.to_be_bytes());
            }
        }
        if let Some(key) = self.mask {
            put(&key);
        }
        (bytes, len)
    }
}

/// Control frames are short and whole ([RFC 6455 §5.5](https://www.rfc-editor.org/rfc/rfc6455#section-5.5)).
pub(crate) fn check_control(
    opcode: Opcode,
    fin: bool,
    payload_len: u64,
) -> Result<(), ProtocolError> {
    if opcode.is_control() {
        if payload_len > MAX_CONTROL_LEN {
            return Err(ProtocolErrorKind::ControlFrameTooLong(payload_len).into());
        }
        if !fin {
            return Err(ProtocolErrorKind::FragmentedControlFrame.into());
        }
    }
    Ok(())
}

/// The extended length, if it has no shorter form and its top bit is clear.
fn check_length(length: u64, least: u64) -> Result<u64, ProtocolError> {
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
        (any::<bool>(), (0..8u8).prop_map(Rsv::from_bits), opcodes, any::<Option<[u8; 4]>>(), len)
            .prop_map(|(fin, rsv, opcode, mask, len)| {
                let control = opcode.is_control();
                FrameHeader {
                    fin: fin || control,
                    rsv,
                    opcode,
                    mask,
                    payload_len: if control { len % 126 } else { len },
                }
            })
    }

    proptest! {
        #[test]
        fn headers_round_trip_and_need_every_byte(header in any_header()) {
            let mut bytes = Vec::new();
            header.encode(&mut bytes).unwrap();
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
                    header.encode(&mut again).unwrap();
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

    #[test]
    fn a_header_that_could_not_be_decoded_is_not_encoded() {
        use ProtocolErrorKind as K;
        let ping = |payload_len| FrameHeader::new(Opcode::Ping, payload_len);
        for (header, kind) in [
            (ping(126), K::ControlFrameTooLong(126)),
            (FrameHeader { fin: false, ..ping(0) }, K::FragmentedControlFrame),
            (FrameHeader::new(Opcode::Binary, 1 << 63), K::FrameLengthTooLong(1 << 63)),
        ] {
            let mut out = Vec::new();
            assert_eq!(header.encode(&mut out), Err(kind.into()));
            assert!(out.is_empty());
        }
    }
}
