//! Waiting for a pong.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::oneshot;

/// Waits for the pong to one ping: see [`WebSocket::ping`](crate::WebSocket::ping).
///
/// Resolves to the time between ping and pong, or to `None` when the connection was closed before. A
/// pong acknowledges its ping and all earlier ones. Dropping it is fine.
pub struct PongWaiter(oneshot::Receiver<Duration>);

impl PongWaiter {
    pub(super) fn new(pong: oneshot::Receiver<Duration>) -> Self {
        Self(pong)
    }
}

impl Future for PongWaiter {
    type Output = Option<Duration>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Duration>> {
        Pin::new(&mut self.0).poll(cx).map(Result::ok)
    }
}

impl fmt::Debug for PongWaiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PongWaiter")
    }
}
