//! The deadlines of a connection, as data: the driver owns the clock and one timer.

use std::time::Duration;

/// A deadline for each thing that a connection waits for; times are since the driver's origin.
#[derive(Debug, Default)]
pub(super) struct Timers {
    /// The closing handshake is to be over, TCP included.
    pub(super) close: Option<Duration>,
    /// The next keepalive ping is due.
    pub(super) ping: Option<Duration>,
    /// The pong to the last keepalive ping is overdue.
    pub(super) pong: Option<Duration>,
    /// The encoders of the extensions are to forget, unless they were used in the meantime.
    pub(super) encoder: Option<Duration>,
}

impl Timers {
    /// The earliest deadline.
    pub(super) fn next(&self) -> Option<Duration> {
        [self.close, self.ping, self.pong, self.encoder].into_iter().flatten().min()
    }

    /// Ends the keepalive.
    pub(super) fn stop_keepalive(&mut self) {
        self.ping = None;
        self.pong = None;
    }
}

/// Whether this deadline has come; if so, it is cleared.
pub(super) fn expired(deadline: &mut Option<Duration>, now: Duration) -> bool {
    deadline.take_if(|deadline| *deadline <= now).is_some()
}
