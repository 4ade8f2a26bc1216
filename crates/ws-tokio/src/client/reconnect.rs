//! [`Reconnect`]: one connection after another.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use tokio::time::{Instant, sleep};
use ws_errors::ConnectionClosed;

use super::Connect;
use super::backoff::Backoff;
use crate::WebSocket;
use crate::error::Error;
use crate::trace::debug;

/// A connection that lasted so long was a success: the delays begin anew.
const LASTING: Duration = Duration::from_secs(30);

/// Connections to one server, one after another: see [`Connect::reconnect`].
///
/// [`next`](Self::next) connects; when that fails for a reason that [may pass](Error::is_retryable), it
/// tries again, after a [delay](Backoff) and no earlier than the server [asks for](Error::retry_after). Called
/// again, it connects again, if the last connection was lost or ended for such a reason (1001, 1011 to
/// 1014), or was dropped while it was open. After any other end, 1000 above all, it gives `None`. A connection
/// that was accepted and lost at once counts as a failure: the delays begin anew only after one that has lasted
/// for 30 s.
///
/// Each attempt starts at the URI, whatever a redirect said the last time.
///
/// ```no_run
/// # async fn run() -> Result<(), ws_tokio::Error> {
/// let mut connections = ws_tokio::connect("wss://example.com/feed").reconnect();
/// while let Some(ws) = connections.next().await {
///     let mut ws = ws?; // it gave up
///     ws.send(r#"{"subscribe": "prices"}"#).await.ok();
///     while let Ok(Some(message)) = ws.recv().await {
///         println!("{message:?}");
///     }
/// }
/// # Ok(()) }
/// ```
///
/// It is a [`Stream`], too. Dropping it ends the attempt in progress; connections that it gave live on.
#[must_use = "nothing happens unless `next` is awaited"]
pub struct Reconnect {
    /// Away while an attempt runs.
    state: Option<Box<State>>,
    running: Option<Running>,
}

type Running = Pin<Box<dyn Future<Output = (Box<State>, Option<Result<WebSocket, Error>>)> + Send>>;

struct State {
    connect: Connect,
    backoff: Backoff,
    retry_if: Option<RetryIf>,
    max_retry_after: Duration,
    max_attempts: Option<u32>,
    max_elapsed: Option<Duration>,
    on_retry: Option<OnRetry>,
    /// Failures in a row, and when they began.
    failures: u32,
    since: Option<Instant>,
    /// The last connection: when it was opened, and how it ended.
    last: Option<(Instant, Arc<OnceLock<ConnectionClosed>>)>,
    done: bool,
}

type RetryIf = Box<dyn Fn(&Error) -> bool + Send>;
type OnRetry = Box<dyn FnMut(&Error, Duration) + Send>;

impl Reconnect {
    pub(super) fn new(connect: Connect) -> Self {
        let state = State {
            connect,
            backoff: Backoff::new(),
            retry_if: None,
            max_retry_after: Duration::from_secs(600),
            max_attempts: None,
            max_elapsed: None,
            on_retry: None,
            failures: 0,
            since: None,
            last: None,
            done: false,
        };
        Self { state: Some(Box::new(state)), running: None }
    }

    fn set(mut self, set: impl FnOnce(&mut State)) -> Self {
        if let Some(state) = &mut self.state {
            set(state);
        }
        self
    }

    /// The delays between attempts. Default: [`Backoff::new`].
    pub fn backoff(self, backoff: Backoff) -> Self {
        self.set(|state| state.backoff = backoff)
    }

    /// Decides whether to try again after an error of connecting. Default: [`Error::is_retryable`].
    #[doc(alias = "process_exception")]
    pub fn retry_if(self, retry: impl Fn(&Error) -> bool + Send + 'static) -> Self {
        self.set(|state| state.retry_if = Some(Box::new(retry)))
    }

    /// The longest delay that a server may ask for. Default: 10 minutes.
    pub fn max_retry_after(self, max: Duration) -> Self {
        self.set(|state| state.max_retry_after = max)
    }

    /// Gives up after so many failures in a row, at least 1. `None`, the default: never.
    pub fn max_attempts(self, attempts: impl Into<Option<u32>>) -> Self {
        let attempts = attempts.into();
        self.set(|state| state.max_attempts = attempts)
    }

    /// Gives up when the failures in a row have lasted so long, the next delay included. `None`, the default:
    /// never.
    pub fn max_elapsed(self, time: impl Into<Option<Duration>>) -> Self {
        let time = time.into();
        self.set(|state| state.max_elapsed = time)
    }

    /// Is told of each failure after which there will be another attempt, and of the delay before it: for a
    /// log, or a light on a panel. A connection that ended, or was dropped, within 30 s is a failure, too; if
    /// there was no close frame, the error says so.
    pub fn on_retry(self, told: impl FnMut(&Error, Duration) + Send + 'static) -> Self {
        self.set(|state| state.on_retry = Some(Box::new(told)))
    }

    /// The next connection; `None` when the last one ended for good, or an error was given.
    ///
    /// # Errors
    /// The error of the last attempt, when it isn't retryable, or a bound was reached; `None` follows.
    ///
    /// # Cancel safety
    /// Cancel safe: if the future is dropped, the next call goes on where it was.
    pub async fn next(&mut self) -> Option<Result<WebSocket, Error>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl Stream for Reconnect {
    type Item = Result<WebSocket, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(state) = self.state.take() {
            self.running = Some(Box::pin(state.next()));
        }
        let Some(running) = &mut self.running else { return Poll::Ready(None) };
        let (state, next) = ready!(running.as_mut().poll(cx));
        (self.running, self.state) = (None, Some(state));
        Poll::Ready(next)
    }
}

impl State {
    async fn next(mut self: Box<Self>) -> (Box<Self>, Option<Result<WebSocket, Error>>) {
        let next = self.connection().await;
        (self, next)
    }

    async fn connection(&mut self) -> Option<Result<WebSocket, Error>> {
        if self.done {
            return None;
        }
        if let Some((opened, ended)) = self.last.take() {
            if ended.get().is_some_and(|ended| !ended.is_retryable()) {
                self.done = true;
                return None;
            }
            if opened.elapsed() >= LASTING {
                (self.failures, self.since) = (0, None);
            } else {
                let end = ended.get().cloned();
                let end = end.unwrap_or_else(|| ConnectionClosed::new(None, None, None, None));
                if let Err(error) = self.failed(end.into()).await {
                    return Some(Err(error));
                }
            }
        }
        loop {
            let ended = Arc::default();
            let mut connect = self.connect.clone();
            connect.settings.ended = Some(Arc::clone(&ended));
            match connect.await {
                Ok(ws) => {
                    self.last = Some((Instant::now(), ended));
                    return Some(Ok(ws));
                }
                Err(error) => {
                    let retry = match &self.retry_if {
                        Some(retry) => retry(&error),
                        None => error.is_retryable(),
                    };
                    if !retry {
                        self.done = true;
                        return Some(Err(error));
                    }
                    if let Err(error) = self.failed(error).await {
                        return Some(Err(error));
                    }
                }
            }
        }
    }

    /// Waits before the next attempt, or gives the error back if there will be none.
    async fn failed(&mut self, error: Error) -> Result<(), Error> {
        let since = *self.since.get_or_insert_with(Instant::now);
        self.failures = self.failures.saturating_add(1);
        let delay = self.backoff.delay(self.failures, random());
        let asked = error.retry_after().unwrap_or_default().min(self.max_retry_after);
        let delay = delay.max(asked);
        let too_many = self.max_attempts.is_some_and(|max| self.failures >= max);
        let too_long =
            self.max_elapsed.is_some_and(|max| since.elapsed().saturating_add(delay) > max);
        if too_many || too_long {
            self.done = true;
            return Err(error);
        }
        debug!(?delay, failures = self.failures, "will connect again after: {error}");
        if let Some(told) = &mut self.on_retry {
            told(&error, delay);
        }
        sleep(delay).await;
        Ok(())
    }
}

/// A number between 0 and 1.
fn random() -> f64 {
    // Without randomness, clients may come back at the same time: no reason to fail.
    getrandom::u32().map_or(0.5, |random| f64::from(random) / f64::from(u32::MAX))
}

impl fmt::Debug for Reconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Reconnect");
        if let Some(state) = &self.state {
            debug.field("connect", &state.connect).field("backoff", &state.backoff);
            debug.field("failures", &state.failures);
        }
        debug.finish_non_exhaustive()
    }
}
