//! One connection of a server: its handler, and what is done around each of its polls.

use std::error::Error as StdError;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::WaitForCancellationFuture;
use ws_types::{Close, CloseCode, State};

use super::connections::Group;
use super::failure::{Caller, FailureKind};
use super::report::{Returned, is_orderly};
use super::stop::{Ended, Stage};
use crate::WebSocket;
use crate::connection::state::Shared;

/// The result of a handler: `()`, or a `Result` whose error closes the connection with 1011.
pub trait Outcome: sealed::Sealed {
    #[doc(hidden)]
    fn into_result(self) -> Result<(), Box<dyn StdError + Send + Sync>>;
}

mod sealed {
    #[expect(unnameable_types, reason = "that is its purpose")]
    pub trait Sealed {}
}

impl sealed::Sealed for () {}
impl Outcome for () {
    fn into_result(self) -> Result<(), Box<dyn StdError + Send + Sync>> {
        Ok(())
    }
}

impl<E: Into<Box<dyn StdError + Send + Sync>>> sealed::Sealed for Result<(), E> {}
impl<E: Into<Box<dyn StdError + Send + Sync>>> Outcome for Result<(), E> {
    fn into_result(self) -> Result<(), Box<dyn StdError + Send + Sync>> {
        self.map_err(Into::into)
    }
}

/// Runs the handler of a connection, then closes the connection; drops both when the connections of the group are
/// to be dropped. Reports a failure, at most one.
pub(super) fn run<S, H, F>(
    ws: WebSocket<S>,
    group: &Group<S>,
    handler: H,
    caller: Option<Box<Caller>>,
) -> impl Future<Output = ()>
where
    S: AsyncRead + AsyncWrite + Unpin,
    H: FnOnce(WebSocket<S>) -> F,
    F: Future<Output: Outcome>,
{
    // Made here, since an async block holds twice all that moves within it.
    let mut hosted = Hosted {
        shared: ws.shared(),
        group,
        caller,
        stage: Stage::Serving,
        registered: false,
        stopped: false,
    };
    async move {
        let succeeded = {
            // A panic before the first await is one of the handler's too.
            let start = || hosted.shared.trace.within(|| handler(ws));
            let started = catch_unwind(AssertUnwindSafe(start));
            let Ok(handler) = started.map_err(|panic| hosted.returned(Err(panic))) else {
                return hosted.close(false).await;
            };
            let mut handler = pin!(handler);
            let mut next_stage = pin!(hosted.group.stop.after(Stage::Serving));
            hosted.shared.lock().begin_hosting();
            poll_fn(|cx| hosted.poll(handler.as_mut(), next_stage.as_mut(), cx)).await
        };
        if let Some(succeeded) = succeeded {
            hosted.close(succeeded).await;
        }
    }
}

/// The code around a handler. However this ends: a connection doesn't outlive its handler, whoever still
/// holds a part of it.
struct Hosted<'a, S> {
    shared: Arc<Shared<S>>,
    group: &'a Group<S>,
    /// `None` if nobody listens to reports.
    caller: Option<Box<Caller>>,
    stage: Stage,
    /// The task is woken when the next stage comes.
    registered: bool,
    /// The connection was open when the end of all began.
    stopped: bool,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Hosted<'a, S> {
    /// Polls the handler; gives whether it has succeeded, `None` when the server is dropped.
    fn poll(
        &mut self,
        handler: Pin<&mut impl Future<Output: Outcome>>,
        mut next_stage: Pin<&mut WaitForCancellationFuture<'a>>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<bool>> {
        let stop = &self.group.stop;
        // The task's waker never changes, so it is registered once for each stage.
        while !self.registered || stop.stage() > self.stage {
            self.registered = true;
            if next_stage.as_mut().poll(cx).is_pending() {
                break;
            }
            self.stage = stop.stage();
            if self.stage == Stage::Aborted {
                self.count(|ended| &ended.cut);
                return Poll::Ready(None);
            }
            let mut driver = self.shared.lock();
            self.stopped = driver.conn.state() == State::Open;
            // Its code can be sent.
            _ = driver.start_close(stop.close());
            next_stage.set(stop.after(self.stage));
            self.registered = false;
        }
        let poll = || self.shared.trace.within(|| handler.poll(cx).map(Outcome::into_result));
        let polled = catch_unwind(AssertUnwindSafe(poll));
        let returned = match polled {
            Ok(Poll::Pending) => {
                self.shared.lock().poll_hosted(cx);
                return Poll::Pending;
            }
            Ok(Poll::Ready(result)) => Ok(result),
            Err(panic) => Err(panic),
        };
        Poll::Ready(Some(self.returned(returned)))
    }

    /// Reports the end of the handler; gives whether it has succeeded.
    fn returned(&self, returned: Returned) -> bool {
        let Self { shared, group, caller, stopped, .. } = self;
        let report = || group.reports.returned(caller.as_deref(), shared, *stopped, returned);
        let failed = shared.trace.within(report);
        if matches!(failed, Some(FailureKind::Handler | FailureKind::Panic)) {
            self.count(|ended| &ended.failed);
        }
        failed.is_none()
    }

    /// Counts an end, once the server has begun to stop.
    fn count(&self, which: impl FnOnce(&Ended) -> &AtomicUsize) {
        if self.group.stop.stage() != Stage::Serving {
            which(&self.group.stop.ended).fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Closes the connection, unless that was done.
    async fn close(&self, succeeded: bool) {
        let Self { shared, group, caller, stopped, .. } = self;
        let code = match succeeded {
            true => CloseCode::NORMAL_CLOSURE,
            false => CloseCode::INTERNAL_ERROR,
        };
        {
            let mut driver = shared.lock();
            driver.end_hosting();
            // The handler is gone: what still arrives is for nobody.
            driver.drop_reader();
            _ = driver.start_close(Close::new(code, ""));
        }
        let closed = group.stop.unless_aborted(poll_fn(|cx| shared.lock().poll_closed(cx))).await;
        self.count(|ended| match closed.is_some() && is_orderly(shared) {
            true => &ended.closed,
            false => &ended.cut,
        });
        if closed.is_some() && succeeded {
            let report = || group.reports.ended(caller.as_deref(), shared, *stopped);
            shared.trace.within(report);
        }
    }
}

impl<S> Drop for Hosted<'_, S> {
    fn drop(&mut self) {
        self.shared.lock().finish();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::time::Instant;
    use ws_proto::{Config, Connection};

    use super::super::connections::Connections;
    use super::*;
    use crate::connection::Info;
    use crate::connection::state::Driver;
    use crate::trace::Trace;
    use crate::{Error, ServerSettings, Transport};

    async fn echo(mut ws: WebSocket<tokio::io::DuplexStream>) -> Result<(), Error> {
        while let Some(message) = ws.recv().await? {
            ws.send(message).await?;
        }
        Ok(())
    }

    /// The parts of one idle connection of a server, but for its socket and its timer. The runtime
    /// rounds the size of a task up to a multiple of 128, so a few bytes more may cost so many.
    #[test]
    fn a_connection_and_its_future_are_small() {
        let conn =
            Connection::server(Arc::new(Config::default()), Default::default(), Duration::ZERO);
        let (io, _peer) = tokio::io::duplex(1);
        let settings = ServerSettings::new();
        let shared =
            Shared::new(io, conn, Instant::now(), settings.flow, Trace::server(None, false));
        let ws = WebSocket::new(shared, Info::default());
        let connections = Connections::new();
        let future = run(ws, connections.group(), &echo, None);
        assert!(size_of_val(&future) <= 392, "{}", size_of_val(&future));
        // The counts that were published.
        let metrics = if cfg!(feature = "metrics") { 48 } else { 0 };
        let size = size_of::<Driver<Transport>>();
        assert!(size <= 656 + metrics, "{size}");
    }
}
