//! How much of a peer's opening handshake is read, and how long is waited for it, before giving up.

use std::time::Duration;

/// The limits of an opening handshake, all inclusive.
///
/// Each of the sizes is enforced as soon as one byte too many has been received, whether or not the line or
/// head it belongs to is complete, so what a connection holds before it is open is bounded by
/// [`max_head`](Self::max_head), and on a client by that and [`max_body`](Self::max_body).
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
    /// Bytes of one line, its CRLF included. Default: 8,192, what most HTTP servers grant.
    pub max_line: usize,
    /// Header lines. Default: 128, several times what browsers send.
    pub max_headers: usize,
    /// Bytes of a whole head, that is of the first line, all headers and the empty line; on a
    /// client, of all heads together when informational responses come first. Default: 131,072:
    /// the limits above would let a megabyte pass, which no handshake needs.
    pub max_head: usize,
    /// Bytes of the body of a response that isn't the beginning of a WebSocket connection.
    /// Default: 1,048,576, enough for any error page.
    pub max_body: usize,
    /// How long the whole handshake may take: on a client from before it connects until the server has
    /// accepted, on a server from when it has accepted the stream until the response has left. `None`:
    /// forever. Default: 10 s, enough for a slow network that loses a few packets, and all that a peer
    /// who says nothing, or trickles, can hold.
    ///
    /// It is kept by [`ClientHandshake`](crate::client::ClientHandshake) and
    /// [`ServerHandshake`](crate::server::ServerHandshake); the readers of this module know no time.
    pub open_timeout: Option<Duration>,
}

impl Default for HandshakeLimits {
    fn default() -> Self {
        Self {
            max_line: 8192,
            max_headers: 128,
            max_head: 128 * 1024,
            max_body: 1024 * 1024,
            open_timeout: Some(Duration::from_secs(10)),
        }
    }
}
