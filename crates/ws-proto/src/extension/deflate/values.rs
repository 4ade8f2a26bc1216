//! Numbers that are checked once: [`CompressionLevel`], [`MemoryLevel`] and [`WindowBits`].

/// The error for a setting of permessage-deflate that is out of its range.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{name} must be between {min} and {max}")]
#[non_exhaustive]
pub struct InvalidSetting {
    /// The name of the setting.
    pub name: &'static str,
    /// The least legal value.
    pub min: u8,
    /// The greatest legal value.
    pub max: u8,
    /// The given value.
    pub value: u8,
}

macro_rules! checked {
    ($(#[$doc:meta])* $type:ident, $name:literal, $min:literal..=$max:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $type(u8);

        impl $type {
            /// Checks the range.
            ///
            /// # Errors
            #[doc = concat!("[`InvalidSetting`] unless between ", $min, " and ", $max, ", inclusive.")]
            pub const fn new(value: u8) -> Result<Self, InvalidSetting> {
                match value {
                    $min..=$max => Ok(Self(value)),
                    _ => Err(InvalidSetting { name: $name, min: $min, max: $max, value }),
                }
            }

            /// The number.
            #[must_use]
            pub const fn get(self) -> u8 {
                self.0
            }
        }

        impl TryFrom<u8> for $type {
            type Error = InvalidSetting;

            fn try_from(value: u8) -> Result<Self, InvalidSetting> {
                Self::new(value)
            }
        }
    };
}

checked! {
    /// A compression level, from 0 (no compression) over 1 (fast) to 9 (small), as in zlib.
    ///
    /// ```
    /// use ws_proto::extension::CompressionLevel;
    /// assert_eq!(CompressionLevel::new(9)?, CompressionLevel::BEST_COMPRESSION);
    /// let e = CompressionLevel::new(10).unwrap_err();
    /// assert_eq!(e.to_string(), "compression level must be between 0 and 9");
    /// # Ok::<(), ws_proto::extension::InvalidSetting>(())
    /// ```
    CompressionLevel, "compression level", 0..=9
}

impl CompressionLevel {
    /// Level 0.
    #[doc(alias = "Z_NO_COMPRESSION")]
    pub const NO_COMPRESSION: Self = Self(0);
    /// Level 1.
    #[doc(alias = "Z_BEST_SPEED")]
    pub const BEST_SPEED: Self = Self(1);
    /// Level 9.
    #[doc(alias = "Z_BEST_COMPRESSION")]
    pub const BEST_COMPRESSION: Self = Self(9);
}

impl Default for CompressionLevel {
    /// Level 6, zlib's default: higher levels gain little for much time.
    fn default() -> Self {
        Self(6)
    }
}

checked! {
    /// A memory level, from 1 (little memory) to 9 (much), as in zlib.
    #[doc(alias = "memLevel")]
    MemoryLevel, "memory level", 1..=9
}

impl Default for MemoryLevel {
    /// Level 5, as in Python's `websockets`: with the default window a compressor needs 165 KB and fits
    /// the cache, which makes it faster than with more.
    fn default() -> Self {
        Self(5)
    }
}

checked! {
    /// The size of an LZ77 window as a power of two, from 8 (256 bytes) to 15 (32 KiB)
    /// ([RFC 7692 §7.1.2]).
    ///
    /// The least window that zlib compresses with is 9. A side that the peer limits to 8 bits sends all
    /// messages uncompressed; decoding 8 works.
    ///
    /// [RFC 7692 §7.1.2]: https://www.rfc-editor.org/rfc/rfc7692#section-7.1.2
    WindowBits, "window bits", 8..=15
}

impl WindowBits {
    /// 15 bits, 32 KiB: the window of a side that isn't limited.
    pub const MAX: Self = Self(15);

    /// 12 bits, a server's default.
    pub(super) const KIB_4: Self = Self(12);

    /// The least window that zlib compresses with.
    pub(super) const LEAST_ENCODER: Self = Self(9);

    /// The nearest window that zlib compresses with.
    pub(super) fn for_encoder(self) -> Self {
        self.max(Self::LEAST_ENCODER)
    }
}
