//! Opcodes of frames ([RFC 6455 §5.2]).
//!
//! [RFC 6455 §5.2]: https://www.rfc-editor.org/rfc/rfc6455#section-5.2

/// The type of a frame: the low four bits of its first byte ([RFC 6455 §5.2]).
///
/// The reserved values, 3 to 7 and 11 to 15, have no variant: receiving one is a protocol error.
///
/// ```
/// use ws_types::Opcode;
///
/// let opcode = Opcode::try_from(0x9)?;
/// assert_eq!(opcode, Opcode::Ping);
/// assert!(opcode.is_control());
/// # Ok::<(), ws_types::InvalidOpcode>(())
/// ```
///
/// [RFC 6455 §5.2]: https://www.rfc-editor.org/rfc/rfc6455#section-5.2
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the six opcodes of RFC 6455; extensions own RSV bits, not opcodes"
)]
#[repr(u8)]
pub enum Opcode {
    /// 0x0: a fragment of a message after the first.
    #[doc(alias = "CONT")]
    Continuation = 0x0,
    /// 0x1: a text message, or its first fragment.
    Text = 0x1,
    /// 0x2: a binary message, or its first fragment.
    Binary = 0x2,
    /// 0x8: a close frame, part of the closing handshake.
    Close = 0x8,
    /// 0x9: a ping, answered by a pong.
    Ping = 0x9,
    /// 0xA: a pong, with the payload of the ping that it answers.
    Pong = 0xA,
}

impl Opcode {
    /// Whether this is a control frame: close, ping or pong ([RFC 6455 §5.5]).
    ///
    /// [RFC 6455 §5.5]: https://www.rfc-editor.org/rfc/rfc6455#section-5.5
    #[must_use]
    pub const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    /// Whether this is a data frame: text, binary or continuation ([RFC 6455 §5.6]).
    ///
    /// [RFC 6455 §5.6]: https://www.rfc-editor.org/rfc/rfc6455#section-5.6
    #[must_use]
    pub const fn is_data(self) -> bool {
        !self.is_control()
    }

    /// The value on the wire, 0 to 15.
    #[must_use]
    pub const fn as_u8(self) -> u8 {
        self as u8
    }
}

impl TryFrom<u8> for Opcode {
    type Error = InvalidOpcode;

    fn try_from(value: u8) -> Result<Self, InvalidOpcode> {
        Ok(match value {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            _ => return Err(InvalidOpcode(value)),
        })
    }
}

impl From<Opcode> for u8 {
    fn from(opcode: Opcode) -> Self {
        opcode.as_u8()
    }
}

/// A value isn't an opcode: [RFC 6455 §5.2] reserves it, or it is above 15.
///
/// [RFC 6455 §5.2]: https://www.rfc-editor.org/rfc/rfc6455#section-5.2
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("invalid opcode: {0:#x}")]
#[non_exhaustive]
pub struct InvalidOpcode(
    /// The refused value.
    pub u8,
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_an_opcode_or_refused() {
        for value in 0..=u8::MAX {
            match Opcode::try_from(value) {
                Ok(opcode) => assert_eq!(opcode.as_u8(), value),
                Err(InvalidOpcode(refused)) => {
                    assert_eq!(refused, value);
                    assert!(matches!(value, 3..=7 | 11..));
                }
            }
        }
        assert_eq!(InvalidOpcode(3).to_string(), "invalid opcode: 0x3");
    }

    #[test]
    fn control_and_data_are_opposites() {
        for opcode in [Opcode::Continuation, Opcode::Text, Opcode::Binary] {
            assert!(opcode.is_data() && !opcode.is_control());
        }
        for opcode in [Opcode::Close, Opcode::Ping, Opcode::Pong] {
            assert!(!opcode.is_data() && opcode.is_control());
        }
    }
}
