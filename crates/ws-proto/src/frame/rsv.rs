//! The reserved bits of a frame, which extensions use.

use std::fmt;
use std::ops::{BitAnd, BitOr, Not};

/// A set of the three reserved bits of a frame ([RFC 6455 §5.2]).
///
/// ```
/// use ws_proto::extension::Rsv;
/// let both = Rsv::RSV1 | Rsv::RSV3;
/// assert_eq!(both & Rsv::RSV3, Rsv::RSV3);
/// assert!((both & Rsv::RSV2).is_empty());
/// assert_eq!(both.bits(), 0b101);
/// ```
///
/// [RFC 6455 §5.2]: https://www.rfc-editor.org/rfc/rfc6455#section-5.2
#[derive(Clone, Copy, Default, Eq, PartialEq)]
pub struct Rsv(u8);

impl Rsv {
    /// No bit.
    pub const NONE: Self = Self(0);
    /// The first bit; permessage-deflate uses it.
    pub const RSV1: Self = Self(4);
    /// The second bit.
    pub const RSV2: Self = Self(2);
    /// The third bit.
    pub const RSV3: Self = Self(1);

    /// Creates a set from bits as in [`FrameHeader::rsv`](crate::FrameHeader::rsv); ignores others.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & 0b111)
    }

    /// The bits as a number from 0 to 7: RSV1 is 4, RSV2 is 2, RSV3 is 1.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Tells whether no bit is set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl BitOr for Rsv {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for Rsv {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl Not for Rsv {
    type Output = Self;

    fn not(self) -> Self {
        Self::from_bits(!self.0)
    }
}

impl fmt::Debug for Rsv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rsv({:03b})", self.0)
    }
}
