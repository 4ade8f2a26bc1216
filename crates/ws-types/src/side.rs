//! The two sides of a connection.

use std::fmt;

/// The side of an endpoint: client or server.
///
/// Clients mask their frames ([RFC 6455 §5.1]); servers close the TCP connection first
/// ([RFC 6455 §7.1.1]).
///
/// ```
/// use ws_types::Side;
/// assert_eq!(Side::Client.peer(), Side::Server);
/// ```
///
/// [RFC 6455 §5.1]: https://www.rfc-editor.org/rfc/rfc6455#section-5.1
/// [RFC 6455 §7.1.1]: https://www.rfc-editor.org/rfc/rfc6455#section-7.1.1
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a connection has two sides")]
pub enum Side {
    /// The endpoint that opened the connection.
    Client,
    /// The endpoint that accepted it.
    Server,
}

impl Side {
    /// The side of the peer.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Server => "server",
        })
    }
}
