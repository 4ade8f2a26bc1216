//! Waiting for pongs.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;
use ws_proto::PingId;

/// Waits for the pong to one ping: see [`WebSocket::ping`](crate::WebSocket::ping).
///
/// Resolves to the time between ping and pong, or to `None` when the connection was closed before. A
/// pong acknowledges its ping and all earlier ones. Dropping it is fine.
#[derive(Debug)]
pub struct PongWaiter(oneshot::Receiver<Duration>);

/// The pings whose pongs are waited for.
#[derive(Default)]
pub(super) struct Pongs(Vec<Awaited>);

struct Awaited {
    id: PingId,
    sent_at: Instant,
    done: oneshot::Sender<Duration>,
}

impl Pongs {
    pub(super) fn push(&mut self, id: PingId) -> PongWaiter {
        let (done, pong) = oneshot::channel();
        self.0.retain(|awaited| !awaited.done.is_closed());
        self.0.push(Awaited { id, sent_at: Instant::now(), done });
        PongWaiter(pong)
    }

    /// All pings up to this one were acknowledged.
    pub(super) fn acknowledged(&mut self, id: PingId) {
        for awaited in self.0.extract_if(.., |awaited| awaited.id <= id) {
            // The task that asked may have stopped waiting.
            _ = awaited.done.send(awaited.sent_at.elapsed());
        }
    }
}

impl Future for PongWaiter {
    type Output = Option<Duration>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Duration>> {
        Pin::new(&mut self.0).poll(cx).map(Result::ok)
    }
}
