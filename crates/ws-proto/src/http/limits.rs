//! [`HandshakeLimits`]: size and time limits of the opening handshake.

use std::time::Duration;

/// Size and time limits of the opening handshake, all inclusive.
///
/// The first byte above a limit on lines and heads fails the handshake, even if the line or head is
/// still incomplete. So [`max_head`](Self::max_head) bounds the memory of a connection before it is
/// open, on a client together with [`max_body`](Self::max_body), at which a body is cut.
///
/// ```
/// use ws_proto::http::HandshakeLimits;
/// let mut limits = HandshakeLimits::default();
/// limits.max_line = 16 * 1024; // cookies of this site are huge
/// assert_eq!(limits.max_headers, 128);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
#[non_exhaustive]
pub struct HandshakeLimits {
    /// Bytes of one line, its CRLF included. Default: 8,192, as in most HTTP servers.
    pub max_line: usize,
    /// Header lines. Default: 128, several times what browsers send.
    pub max_headers: usize,
    /// Bytes of a head: first line, headers and empty line; on a client, of all heads together when
    /// informational responses come first. Default: 131,072; the limits above would allow a
    /// megabyte, which no handshake needs.
    pub max_head: usize,
    /// Bytes that are kept of the body of a response other than 101; the rest isn't read. Default:
    /// 1,048,576, enough for error pages.
    pub max_body: usize,
    /// Time that is spent on the body of a response other than 101, from the end of its head; what
    /// came by then is kept. Zero keeps what came together with the head. Default: 1 s: the status
    /// is known, so only an explanation is waited for, and it nearly always comes along.
    ///
    /// [`ClientHandshake`](crate::client::ClientHandshake) enforces it; the readers of this module
    /// know no time.
    pub max_body_time: Duration,
    /// Duration of the handshake: on a client from before it connects until the response is
    /// complete, on a server from the accepted stream until the response has left.
    /// `None`: no limit. Default: 10 s, enough for a slow network that loses a few packets.
    ///
    /// [`ClientHandshake`](crate::client::ClientHandshake) and
    /// [`ServerHandshake`](crate::server::ServerHandshake) enforce it.
    pub open_timeout: Option<Duration>,
}

impl Default for HandshakeLimits {
    fn default() -> Self {
        Self {
            max_line: 8192,
            max_headers: 128,
            max_head: 128 * 1024,
            max_body: 1024 * 1024,
            max_body_time: Duration::from_secs(1),
            open_timeout: Some(Duration::from_secs(10)),
        }
    }
}
