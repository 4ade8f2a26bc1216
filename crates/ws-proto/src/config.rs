//! Limits and timeouts of a connection, in one place.

use std::time::Duration;

/// Limits and timeouts of a [`Connection`](crate::Connection); the defaults are Python's.
///
/// ```
/// use ws_proto::Config;
/// let mut config = Config::default();
/// config.max_message_size = Some(64 << 10);
/// config.ping_interval = None;
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// The most bytes that a received message may have, all fragments together, after extensions;
    /// a longer one fails the connection with 1009. Control frames don't count: they have at most 125
    /// bytes. `None`: no limit. Default: 1 MiB, which is far above what most applications exchange, and
    /// what a server can afford per connection.
    pub max_message_size: Option<usize>,
    /// The most bytes that the payload of a received data frame may have, before extensions; a longer
    /// one fails the connection with 1009. Control frames don't count. `None`, the default: only the
    /// limit on messages holds.
    pub max_frame_size: Option<usize>,
    /// The most fragments that a received message may have, at least 1; more fail the connection with 1009.
    /// `None`: no limit. Default: 4096.
    pub max_fragments: Option<usize>,
    /// How long a closing handshake may take, from the first close frame to the end of the TCP
    /// connection. `None`: forever. Default: 10 s.
    pub close_timeout: Option<Duration>,
    /// The time between keepalive pings. `None`: none are sent. Default: 20 s, which keeps proxies
    /// from closing an idle connection (many do after 60 s, some after 30 s).
    pub ping_interval: Option<Duration>,
    /// How long to wait for the pong to a keepalive ping before failing the connection with 1011.
    /// `None`: pings are sent, the lack of an answer doesn't matter. Default: 20 s.
    pub ping_timeout: Option<Duration>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_message_size: Some(1 << 20),
            max_frame_size: None,
            max_fragments: Some(4096),
            close_timeout: Some(Duration::from_secs(10)),
            ping_interval: Some(Duration::from_secs(20)),
            ping_timeout: Some(Duration::from_secs(20)),
        }
    }
}
