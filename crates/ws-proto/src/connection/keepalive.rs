//! Pings, pongs and the keepalive ([RFC 6455 §5.5.2], [§5.5.3]).
//!
//! [RFC 6455 §5.5.2]: https://www.rfc-editor.org/rfc/rfc6455#section-5.5.2
//! [§5.5.3]: https://www.rfc-editor.org/rfc/rfc6455#section-5.5.3

use std::collections::VecDeque;
use std::time::Duration;

use ws_types::{Close, CloseCode, Opcode, State};

use super::Connection;
use super::timers::{Deadline, expired};
use crate::Payload;

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
    /// The keepalive ping that was not answered yet.
    keepalive: Option<PingId>,
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
}

impl Connection {
    /// Takes a pong: it acknowledges the ping with its payload, and all earlier ones.
    pub(super) fn acknowledge(
        &mut self,
        payload: &Payload,
        now: impl FnOnce() -> Duration,
    ) -> Option<PingId> {
        let pings = &mut self.pings;
        let at = pings.unanswered.iter().position(|(_, sent, _)| sent == payload)?;
        let (id, _, sent_at) = pings.unanswered.drain(..=at).next_back()?;
        if pings.unanswered.is_empty() {
            pings.unanswered = VecDeque::new();
        }
        let now = now();
        let latency = now.saturating_sub(sent_at);
        pings.latency = Some(latency);
        if pings.keepalive.take_if(|keepalive| *keepalive <= id).is_some()
            && self.timers.pong.clear()
            && self.state == State::Open
        {
            // An interval after the last ping, as seen by the peer.
            let interval = self.config.ping_interval;
            self.timers.ping =
                interval.map(|i| now.saturating_add(i.saturating_sub(latency))).into();
        }
        Some(id)
    }

    /// The time between the last ping that was answered and its pong; `None` before the first.
    #[must_use]
    pub const fn latency(&self) -> Option<Duration> {
        self.pings.latency
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next; `None` if there is nothing
    /// to wait for. It changes rarely: a timer needs to be re-armed only when this moves forward, and
    /// may fire early.
    #[must_use]
    #[inline]
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.timers.next()
    }

    /// Waits for the pong to the last keepalive ping a whole ping timeout longer, from `now` on: for a
    /// driver that knows the peer to be there, although it hasn't looked for the pong.
    pub fn extend_ping_timeout(&mut self, now: Duration) {
        if let Some(timeout) = self.config.ping_timeout
            && self.timers.pong != Deadline::NONE
        {
            self.timers.pong = Deadline::at(now.saturating_add(timeout));
        }
    }

    /// Does what is due at `now`: a keepalive ping; failing a connection whose peer didn't answer one
    /// in time; closing a connection whose closing handshake took too long, after which the stream
    /// is to be dropped; giving back the memory of a compressor that wasn't used for a while. Does
    /// nothing when nothing is due.
    pub fn handle_timeout(&mut self, now: Duration) {
        if expired(&mut self.timers.close, now) {
            self.abort();
        } else if expired(&mut self.timers.pong, now) {
            self.fail(Close::new(CloseCode::INTERNAL_ERROR, "keepalive ping timeout"), now);
        } else if expired(&mut self.timers.ping, now) {
            // Without a time-out, the last keepalive ping may be unanswered still; it is given up.
            let last = self.pings.keepalive.take();
            self.pings.unanswered.retain(|(id, ..)| Some(*id) != last);
            let payload = self.pings.fresh_payload();
            self.pings.keepalive = self.pings.push(payload.clone(), now);
            self.push_frame(true, Opcode::Ping, payload);
            match self.config.ping_timeout {
                Some(timeout) => self.timers.pong = Deadline::at(now.saturating_add(timeout)),
                None => {
                    let interval = self.config.ping_interval;
                    self.timers.ping =
                        interval.map(|i| now.saturating_add(i.max(MIN_INTERVAL))).into();
                }
            }
        } else if expired(&mut self.timers.encoder, now) {
            match self.encoder_used {
                true => self.schedule_forgetting(now),
                false => _ = self.extensions.forget(),
            }
        }
    }

    /// The encoders forget, unless they are used again before.
    pub(super) fn schedule_forgetting(&mut self, now: Duration) {
        self.encoder_used = false;
        let idle = self.extensions.encoder_idle();
        self.timers.encoder = idle.map(|idle| now.saturating_add(idle)).into();
    }
}
