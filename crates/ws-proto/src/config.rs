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
    /// a longer one fails the connection with 1009, or is [skipped](Self::oversize). Control frames don't
    /// count: they have at most 125 bytes. `None`: no limit. Default: 1 MiB, which is far above what most
    /// applications exchange, and what a server can afford per connection.
    pub max_message_size: Option<usize>,
    /// The most bytes that the payload of a received data frame may have, before extensions; a longer
    /// one fails the connection with 1009, or its message is [skipped](Self::oversize). Control frames
    /// don't count. `None`, the default: only the limit on messages holds.
    pub max_frame_size: Option<usize>,
    /// The reaction to a message above [`max_message_size`](Self::max_message_size), or with a frame
    /// above [`max_frame_size`](Self::max_frame_size). Default: [`Oversize::Fail`], which tells the peer
    /// at once, and costs nothing more.
    pub oversize: Oversize,
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
            oversize: Oversize::Fail,
            max_fragments: Some(4096),
            close_timeout: Some(Duration::from_secs(10)),
            ping_interval: Some(Duration::from_secs(20)),
            ping_timeout: Some(Duration::from_secs(20)),
        }
    }
}

/// The reaction to a received message that is too big: see [`Config::oversize`].
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use ws_proto::{Config, Connection, Event, Message, Oversize};
///
/// let mut config = Config::default();
/// config.max_message_size = Some(5);
/// config.oversize = Oversize::skip();
/// # let now = Duration::ZERO;
/// let mut conn = Connection::client(Arc::new(config), Default::default(), [7; 32], now);
/// conn.receive_data(b"\x81\x06longer\x81\x05short", now);
/// let Some(Event::TooBig(error)) = conn.poll_event() else { panic!("not skipped") };
/// assert_eq!(error.to_string(), "frame with 6 bytes exceeds limit of 5 bytes");
/// assert_eq!(conn.poll_event(), Some(Event::Message(Message::from("short"))));
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Oversize {
    /// Fails the connection with 1009 ([RFC 6455 §7.4.1]).
    ///
    /// [RFC 6455 §7.4.1]: https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1
    #[default]
    Fail,
    /// Drops the message as it arrives, in constant memory, and goes on with the next one.
    /// [`Event::TooBig`](crate::Event::TooBig) comes at its end.
    ///
    /// All other rules still hold for the message: those on the order and the number of fragments, on
    /// masking, on text. Of an uncompressed message any number of bytes is dropped: they cost the peer as
    /// much as us.
    Skip {
        /// The most bytes of a message that are decompressed, so that they can be dropped: later messages
        /// may refer to them ([RFC 7692 §7.1.1]). More fail the connection with 1009.
        ///
        /// The peer pays a thousandth of what it makes us decompress, and that in one go, while the task
        /// does nothing else. With less than `max_message_size`, compressed messages aren't skipped.
        ///
        /// [RFC 7692 §7.1.1]: https://www.rfc-editor.org/rfc/rfc7692#section-7.1.1
        max_inflated: u64,
    },
}

impl Oversize {
    /// [`Skip`](Self::Skip), with at most 16 MiB of a compressed message: 16 times the default limit on
    /// messages, and about 2 ms of work for the 16 KiB that a peer can make it of.
    #[must_use]
    pub const fn skip() -> Self {
        Self::Skip { max_inflated: 16 << 20 }
    }
}
