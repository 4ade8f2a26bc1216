//! Counters and gauges for the recorder that the program installs, with the feature `metrics`: the crate of that name.
//! `no_metrics.rs` is the face without it.
//!
//! `docs/reference/metrics.md` lists them. Nothing is counted here for each message: a connection counts anyway
//! ([`Stats`]), and what has been added to its counts is published now and then.

use metrics::{SharedString, counter, gauge};
use ws_proto::{Connection, Stats, Traffic};
use ws_types::{CloseCode, Side};

use crate::FailureKind;

const OPEN: &str = "websockets_connections";
const OPENED: &str = "websockets_connections_opened_total";
const CLOSED: &str = "websockets_connections_closed_total";
const REFUSED: &str = "websockets_handshakes_refused_total";
const FAILURES: &str = "websockets_failures_total";
/// In the order of [`Counts`].
const COUNTS: [&str; 3] =
    ["websockets_messages_total", "websockets_payload_bytes_total", "websockets_wire_bytes_total"];
const DIRECTIONS: [&str; 2] = ["sent", "received"];

/// Messages, bytes of payloads and of frames.
type Counts = [u64; 3];

/// Publishes the counts of one connection.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// So much was published, sent and received.
    published: [Counts; 2],
}

impl Meter {
    /// A connection is open.
    pub(crate) fn open(side: Side) -> Self {
        counter!(OPENED, "side" => name(side)).increment(1);
        gauge!(OPEN, "side" => name(side)).increment(1.0);
        Self::default()
    }

    /// Adds what was counted since the last time.
    pub(crate) fn publish(&mut self, conn: &Connection) {
        let side = name(conn.side());
        let Stats { sent, received, .. } = conn.stats();
        for (at, traffic) in [sent, received].into_iter().enumerate() {
            let Traffic { messages, payload_bytes, wire_bytes, .. } = traffic;
            let counts: Counts = [messages, payload_bytes, wire_bytes];
            let (Some(published), Some(&direction)) =
                (self.published.get_mut(at), DIRECTIONS.get(at))
            else {
                continue;
            };
            for ((name, count), old) in COUNTS.into_iter().zip(counts).zip(published) {
                let more = count.saturating_sub(*old);
                if more > 0 {
                    counter!(name, "side" => side, "direction" => direction).increment(more);
                    *old = count;
                }
            }
        }
    }

    /// The connection has ended; with a close code, unless the program has `taken` the stream.
    pub(crate) fn close(&mut self, conn: &Connection, taken: bool) {
        self.publish(conn);
        let side = name(conn.side());
        gauge!(OPEN, "side" => side).decrement(1.0);
        let code = if taken { "taken".into() } else { class(conn.closed().code()) };
        counter!(CLOSED, "side" => side, "code" => code).increment(1);
    }
}

/// A server has answered a request without opening a connection.
pub(crate) fn refused(status: u16) {
    counter!(REFUSED, "status" => status.to_string()).increment(1);
}

/// A connection of a server has failed.
pub(crate) fn failed(kind: FailureKind) {
    let kind = match kind {
        FailureKind::Accept => "accept",
        FailureKind::Handshake => "handshake",
        FailureKind::Handler => "handler",
        FailureKind::Panic => "panic",
        FailureKind::Closed => "closed",
        FailureKind::Cut => "cut",
        FailureKind::Shutdown => "shutdown",
    };
    counter!(FAILURES, "side" => "server", "kind" => kind).increment(1);
}

/// A client couldn't open a connection.
pub(crate) fn not_connected() {
    counter!(FAILURES, "side" => "client", "kind" => "connect").increment(1);
}

fn name(side: Side) -> &'static str {
    match side {
        Side::Client => "client",
        Side::Server => "server",
    }
}

/// The code, or its range: a peer could make as many series of its own codes as it likes.
fn class(code: CloseCode) -> SharedString {
    match u16::from(code) {
        code @ 1000..=1015 => code.to_string().into(),
        3000..=3999 => "3xxx".into(),
        4000..=4999 => "4xxx".into(),
        _ => "other".into(),
    }
}
