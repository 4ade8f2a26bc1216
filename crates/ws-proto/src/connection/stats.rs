//! Counters of a connection.

use std::time::Duration;

/// Counts since a connection was opened, its latency, and what waits now: see [`Connection::stats`](super::Connection::stats).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// From this side to the peer.
    pub sent: Traffic,
    /// From the peer to this side.
    pub received: Traffic,
    /// The time between the last ping that was answered and its pong; `None` before the first.
    pub latency: Option<Duration>,
    /// The bytes that are queued and were not written.
    pub unwritten: usize,
    /// The bytes that have arrived and were not given to the program.
    pub unread: usize,
}

/// Counts for one direction of a connection.
///
/// `wire_bytes` divided by `payload_bytes` tells what compression gains.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Traffic {
    /// Messages; one in pieces counts with the last of them. Received messages that were
    /// [skipped](crate::Oversize) count, too.
    pub messages: u64,
    /// The bytes of their payloads, not compressed. Pieces count at once; skipped ones don't.
    pub payload_bytes: u64,
    /// The bytes of all frames that were read, or written: headers included, compressed. The opening
    /// handshake isn't in it, nor is TLS.
    pub wire_bytes: u64,
    /// Pings, keepalive included.
    pub pings: u64,
    /// Pongs.
    pub pongs: u64,
}

impl Traffic {
    /// Counts a whole message.
    pub(super) fn message(&mut self, payload: usize) {
        self.piece(payload, true);
    }

    /// Counts a piece of a message.
    pub(super) fn piece(&mut self, payload: usize, last: bool) {
        self.messages += u64::from(last);
        self.payload_bytes += payload as u64;
    }
}
