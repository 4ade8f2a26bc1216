//! [`Shutdown`]: the proper end of a server, or of other connections.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use ws_proto::encode_close;
use ws_types::{Close, CloseCode};

use super::stop::{AbortOnDrop, Stage, Stop};

/// The proper end of a server, or of other connections, a future: see [`Server::shutdown`](crate::Server::shutdown) and
/// [`Connections::shutdown`](crate::Connections::shutdown).
///
/// # Cancel safety
/// Dropping it ends them at once: peers see an abnormal closure, code 1006.
#[must_use = "dropping it ends the connections at once"]
pub struct Shutdown {
    guard: AbortOnDrop,
    close: Close,
    limit: Option<Duration>,
    running: Option<Pin<Box<dyn Future<Output = ShutdownReport> + Send>>>,
}

/// The outcome of a [shutdown](crate::Server::shutdown): of the connections that were open when it began, and of those
/// that were opened in that moment.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Connections that were closed properly, by both sides.
    pub closed: usize,
    /// Connections that ended without a closing handshake: peers that didn't answer in time, or vanished; handlers
    /// that didn't return within the [limit](Shutdown::limit).
    pub cut: usize,
    /// Handlers that failed or panicked, whatever became of their connections. One that passes on the end of its
    /// connection isn't counted.
    pub failed: usize,
}

impl Shutdown {
    pub(super) fn new(guard: AbortOnDrop) -> Self {
        let close = Close::new(CloseCode::GOING_AWAY, "");
        Self { guard, close, limit: None, running: None }
    }

    /// The code and the reason that the connections are closed with. Default: 1001 (going away), without a reason. A pair
    /// that can't be sent becomes that.
    pub fn close(mut self, code: impl Into<CloseCode>, reason: impl Into<Box<str>>) -> Self {
        let close = Close::new(code, reason);
        if close.code.is_sendable() && encode_close(&close).is_ok() {
            self.close = close;
        }
        self
    }

    /// Cuts the connections that are left after this time, at whatever point their handlers wait. Default: waits
    /// without limit.
    ///
    /// A handler that blocks its thread can't be cut, and neither can a future of [`run`](crate::Connections::run) that
    /// nobody polls: the wait for them goes on.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }
}

async fn run(stop: Arc<Stop>, close: Close, limit: Option<Duration>) -> ShutdownReport {
    // The first one counts.
    _ = stop.close.set(close);
    stop.enter(Stage::Closing);
    stop.tasks.close();
    match limit {
        None => stop.tasks.wait().await,
        Some(limit) => {
            if tokio::time::timeout(limit, stop.tasks.wait()).await.is_err() {
                stop.enter(Stage::Aborted);
                stop.tasks.wait().await;
            }
        }
    }
    stop.report()
}

impl Future for Shutdown {
    type Output = ShutdownReport;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<ShutdownReport> {
        let Self { guard, close, limit, running } = &mut *self;
        let begin = || Box::pin(run(Arc::clone(&guard.0), close.clone(), *limit)) as Pin<Box<_>>;
        running.get_or_insert_with(begin).as_mut().poll(cx)
    }
}

impl fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shutdown")
            .field("close", &self.close)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
