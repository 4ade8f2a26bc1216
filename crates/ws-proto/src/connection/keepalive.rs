//! Pings, pongs and the keepalive ([RFC 6455 §5.5.2], [§5.5.3]).
//!
//! [RFC 6455 §5.5.2]: https://www.rfc-editor.org/rfc/rfc6455#section-5.5.2
//! [§5.5.3]: https://www.rfc-editor.org/rfc/rfc6455#section-5.5.3

use std::collections::VecDeque;
use std::time::Duration;

use ws_errors::KeepaliveTimeout;

use crate::{Config, Payload};

/// Keepalive pings that don't wait for an answer are at least this far apart: something else has to get
/// its turn in between.
const MIN_INTERVAL: Duration = Duration::from_millis(1);

/// Names a ping that was sent on a connection; later pings have greater ids.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct PingId(u64);

/// The pings that were not answered yet, oldest first.
#[derive(Debug, Default)]
pub(super) struct Pings {
    unanswered: VecDeque<(PingId, Payload, Duration)>,
    sent: u64,
    latency: Option<Duration>,
}

impl Pings {
    /// Notes a ping; `None` if one with the same payload is unanswered.
    pub(super) fn push(&mut self, payload: Payload, now: Duration) -> Option<PingId> {
        if self.unanswered.iter().any(|(_, sent, _)| *sent == payload) {
            return None;
        }
        self.sent += 1;
        let id = PingId(self.sent);
        self.unanswered.push_back((id, payload, now));
        Some(id)
    }

    /// Four bytes that no unanswered ping carries.
    pub(super) fn fresh_payload(&self) -> Payload {
        #[expect(clippy::cast_possible_truncation, reason = "a counter that may wrap")]
        let mut n = self.sent as u32;
        loop {
            // Spread over all four bytes, so that consecutive payloads look different in a trace.
            let payload = Payload::copy_from_slice(&n.wrapping_mul(0x9E37_79B1).to_be_bytes());
            if !self.unanswered.iter().any(|(_, sent, _)| *sent == payload) {
                return payload;
            }
            n = n.wrapping_add(1);
        }
    }

    /// Takes a pong: it acknowledges the ping with its payload, and all earlier ones.
    pub(super) fn acknowledge(&mut self, payload: &Payload, now: Duration) -> Option<PingId> {
        let at = self.unanswered.iter().position(|(_, sent, _)| sent == payload)?;
        let (id, _, sent_at) = self.unanswered.drain(..=at).next_back()?;
        if self.unanswered.is_empty() {
            // An idle connection keeps no memory for it.
            self.unanswered = VecDeque::new();
        }
        self.latency = Some(now.saturating_sub(sent_at));
        Some(id)
    }

    fn forget(&mut self, id: PingId) {
        self.unanswered.retain(|(unanswered, ..)| *unanswered != id);
    }

    pub(super) fn latency(&self) -> Option<Duration> {
        self.latency
    }
}

/// The event that the keepalive waits for.
#[derive(Debug)]
pub(super) enum Keepalive {
    Off,
    /// The next ping is due then.
    Idle {
        ping_at: Duration,
        last: Option<PingId>,
    },
    /// The pong to the ping is overdue then, unless the peer shows otherwise that it is alive.
    Pinged {
        id: PingId,
        pong_until: Duration,
    },
}

/// The task that has come due.
pub(super) enum Due {
    Nothing,
    /// A ping with this payload.
    Ping(Payload),
    /// The peer is gone.
    Dead(KeepaliveTimeout),
}

impl Keepalive {
    /// A keepalive that begins at `now`.
    pub(super) fn new(config: &Config, now: Duration) -> Self {
        match config.ping_interval {
            Some(interval) => Self::Idle { ping_at: now.saturating_add(interval), last: None },
            None => Self::Off,
        }
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        match *self {
            Self::Off => None,
            Self::Idle { ping_at: at, .. } | Self::Pinged { pong_until: at, .. } => Some(at),
        }
    }

    /// Pings up to `id` were acknowledged.
    pub(super) fn acknowledged(
        &mut self,
        id: PingId,
        pings: &Pings,
        config: &Config,
        now: Duration,
    ) {
        if let Self::Pinged { id: pinged, .. } = *self
            && pinged <= id
            && let Some(interval) = config.ping_interval
        {
            // An interval after the last ping, as seen by the peer.
            let pause = interval.saturating_sub(pings.latency.unwrap_or_default());
            *self = Self::Idle { ping_at: now.saturating_add(pause), last: None };
        }
    }

    /// Tells what is to be done at `now`. The peer was last seen alive at `alive`.
    pub(super) fn handle_timeout(
        &mut self,
        pings: &mut Pings,
        config: &Config,
        alive: Duration,
        now: Duration,
    ) -> Due {
        match *self {
            Self::Idle { ping_at, last } if ping_at <= now => {
                if let Some(last) = last {
                    pings.forget(last);
                }
                let payload = pings.fresh_payload();
                let Some(id) = pings.push(payload.clone(), now) else { return Due::Nothing };
                *self = match (config.ping_timeout, config.ping_interval) {
                    (Some(timeout), _) => {
                        Self::Pinged { id, pong_until: now.saturating_add(timeout) }
                    }
                    // The lack of an answer doesn't matter; the ping is given up when the next one is due.
                    (None, interval) => {
                        let pause = interval.unwrap_or(Duration::MAX).max(MIN_INTERVAL);
                        Self::Idle { ping_at: now.saturating_add(pause), last: Some(id) }
                    }
                };
                Due::Ping(payload)
            }
            Self::Pinged { id, pong_until } if pong_until <= now => {
                let timeout = config.ping_timeout.unwrap_or(Duration::MAX);
                let pong_until = alive.saturating_add(timeout);
                if pong_until <= now {
                    *self = Self::Off;
                    return Due::Dead(KeepaliveTimeout::new(timeout));
                }
                *self = Self::Pinged { id, pong_until };
                Due::Nothing
            }
            _ => Due::Nothing,
        }
    }
}
