//! One connection of a server: its handler, and what is done around each of its polls.

use std::error::Error as StdError;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use tokio::io::{AsyncRead, AsyncWrite};
use ws_types::{Close, CloseCode};

use super::stop::{Stage, Stop};
use crate::WebSocket;
use crate::connection::state::Shared;

/// The result of a handler: `()`, or a `Result` whose error closes the connection with 1011.
pub trait Outcome: sealed::Sealed {
    #[doc(hidden)]
    fn succeeded(&self) -> bool;
}

mod sealed {
    #[expect(unnameable_types, reason = "that is its purpose")]
    pub trait Sealed {}
}

impl sealed::Sealed for () {}
impl Outcome for () {
    fn succeeded(&self) -> bool {
        true
    }
}

impl<E: Into<Box<dyn StdError + Send + Sync>>> sealed::Sealed for Result<(), E> {}
impl<E: Into<Box<dyn StdError + Send + Sync>>> Outcome for Result<(), E> {
    fn succeeded(&self) -> bool {
        self.is_ok()
    }
}

/// Runs the handler of a connection, then closes the connection; drops both when the server is dropped.
#[expect(clippy::manual_async_fn, reason = "an async fn holds its arguments twice")]
pub(super) fn run<S, H, F>(ws: WebSocket<S>, handler: &H, stop: &Stop) -> impl Future<Output = ()>
where
    S: AsyncRead + AsyncWrite + Unpin,
    H: Fn(WebSocket<S>) -> F,
    F: Future<Output: Outcome>,
{
    async move {
        let shared = ws.shared();
        let _end = DropStream(&shared);
        let succeeded = {
            // A panic before the first await is one of the handler's too.
            let Ok(handler) = catch_unwind(AssertUnwindSafe(|| handler(ws))) else {
                stop.unless_aborted(close(&shared, false)).await;
                return;
            };
            let mut handler = pin!(handler);
            let mut stage = Stage::Serving;
            let mut next_stage = pin!(stop.after(stage));
            let mut registered = false;
            shared.lock().begin_hosting();
            poll_fn(|cx| {
                // The task's waker never changes, so it is registered once for each stage.
                while !registered || stop.stage() > stage {
                    registered = true;
                    if next_stage.as_mut().poll(cx).is_pending() {
                        break;
                    }
                    stage = stop.stage();
                    if stage == Stage::Aborted {
                        return Poll::Ready(None);
                    }
                    // Its code can be sent.
                    _ = shared.lock().start_close(stop.close());
                    next_stage.set(stop.after(stage));
                    registered = false;
                }
                let result = catch_unwind(AssertUnwindSafe(|| {
                    handler.as_mut().poll(cx).map(|o| o.succeeded())
                }));
                match result {
                    Ok(Poll::Pending) => {
                        shared.lock().poll_hosted(cx);
                        Poll::Pending
                    }
                    Ok(Poll::Ready(succeeded)) => Poll::Ready(Some(succeeded)),
                    Err(_) => Poll::Ready(Some(false)),
                }
            })
            .await
        };
        if let Some(succeeded) = succeeded {
            stop.unless_aborted(close(&shared, succeeded)).await;
        }
    }
}

/// Closes the connection, unless that was done.
async fn close<S: AsyncRead + AsyncWrite + Unpin>(shared: &Shared<S>, succeeded: bool) {
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
    poll_fn(|cx| shared.lock().poll_closed(cx)).await;
}

/// However this ends: a connection doesn't outlive its handler, whoever still holds a part of it.
struct DropStream<'a, S>(&'a Shared<S>);

impl<S> Drop for DropStream<'_, S> {
    fn drop(&mut self) {
        self.0.lock().finish();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::time::Instant;
    use ws_proto::{Config, Connection};

    use super::*;
    use crate::connection::Info;
    use crate::connection::state::Driver;
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
        let shared = Shared::new(io, conn, Instant::now(), settings.flow);
        let ws = WebSocket::new(shared, Info::default());
        let stop = Stop::new();
        let future = run(ws, &echo, &stop);
        assert!(size_of_val(&future) <= 416, "{}", size_of_val(&future));
        assert!(size_of::<Driver<Transport>>() <= 640, "{}", size_of::<Driver<Transport>>());
    }
}
