//! The wish about a message's compression.

/// Whether a message is to be compressed, on a connection that can do that; elsewhere it makes no
/// difference.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "yes, no, or as it is best")]
pub enum Compress {
    /// As the settings of the connection have it: unless it is too short, or doesn't become shorter.
    #[default]
    Auto,
    /// In any case, unless the agreed window has 8 bits, for which zlib can't compress.
    Always,
    /// Not: for what is compressed already, such as images, and for secrets that stand beside text of
    /// an attacker's choice, whose length would tell something of them.
    Never,
}
