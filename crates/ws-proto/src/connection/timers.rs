//! The deadlines of a connection, as data: the driver owns the clock and one timer.

use std::mem;
use std::time::Duration;

/// A deadline, since the driver's origin, or none; in half the room of an `Option<Duration>`. In
/// nanoseconds, which last for 584 years: what is later is at the end of time.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Deadline(u64);

impl Deadline {
    pub(super) const NONE: Self = Self(u64::MAX);
    const END_OF_TIME: Self = Self(u64::MAX - 1);

    pub(super) fn at(time: Duration) -> Self {
        u64::try_from(time.as_nanos()).map_or(Self::END_OF_TIME, Self).min(Self::END_OF_TIME)
    }

    pub(super) fn get(self) -> Option<Duration> {
        match self {
            Self::NONE => None,
            Self::END_OF_TIME => Some(Duration::MAX),
            Self(nanos) => Some(Duration::from_nanos(nanos)),
        }
    }

    /// Clears it; whether there was one.
    pub(super) fn clear(&mut self) -> bool {
        mem::replace(self, Self::NONE) != Self::NONE
    }
}

impl Default for Deadline {
    fn default() -> Self {
        Self::NONE
    }
}

impl From<Option<Duration>> for Deadline {
    fn from(time: Option<Duration>) -> Self {
        time.map_or(Self::NONE, Self::at)
    }
}

/// A deadline for each thing that a connection waits for.
#[derive(Debug, Default)]
pub(super) struct Timers {
    /// The closing handshake is to be over, TCP included.
    pub(super) close: Deadline,
    /// The next keepalive ping is due.
    pub(super) ping: Deadline,
    /// The pong to the last keepalive ping is overdue.
    pub(super) pong: Deadline,
    /// The encoders of the extensions are to forget, unless they were used in the meantime.
    pub(super) encoder: Deadline,
}

impl Timers {
    /// The earliest deadline.
    pub(super) fn next(&self) -> Option<Duration> {
        self.close.min(self.ping).min(self.pong).min(self.encoder).get()
    }

    /// Ends the keepalive.
    pub(super) fn stop_keepalive(&mut self) {
        self.ping = Deadline::NONE;
        self.pong = Deadline::NONE;
    }
}

/// Whether this deadline has come; if so, it is cleared.
pub(super) fn expired(deadline: &mut Deadline, now: Duration) -> bool {
    *deadline <= Deadline::at(now) && deadline.clear()
}
