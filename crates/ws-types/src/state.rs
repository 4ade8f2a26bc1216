//! The state of a connection, with the four names of RFC 6455.

use std::fmt;

/// The state of a connection ([RFC 6455 §4.1], [§7.1.3], [§7.1.4]).
///
/// States follow each other in the order of the variants, which is that of `Ord`; some may be skipped.
///
/// ```
/// use ws_types::State;
/// assert!(State::Open < State::Closing);
/// assert_eq!(State::Open.to_string(), "OPEN");
/// ```
///
/// [RFC 6455 §4.1]: https://www.rfc-editor.org/rfc/rfc6455#section-4.1
/// [§7.1.3]: https://www.rfc-editor.org/rfc/rfc6455#section-7.1.3
/// [§7.1.4]: https://www.rfc-editor.org/rfc/rfc6455#section-7.1.4
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the four states of RFC 6455")]
pub enum State {
    /// The opening handshake is in progress.
    Connecting,
    /// Messages can be sent and received.
    Open,
    /// A close frame was sent or received, or the connection is being failed.
    Closing,
    /// The TCP connection is closed.
    Closed,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connecting => "CONNECTING",
            Self::Open => "OPEN",
            Self::Closing => "CLOSING",
            Self::Closed => "CLOSED",
        })
    }
}
