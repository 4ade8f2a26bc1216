//! [`Connections`]: those of a server, or of a program that opens them itself.

use std::collections::HashMap;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::io::{AsyncRead, AsyncWrite};

use super::failure::Failure;
use super::handler::{self, Outcome};
use super::report::Reports;
use super::shutdown::Shutdown;
use super::stop::{AbortOnDrop, Stop};
use crate::connection::state::Shared;
use crate::error::Error;
use crate::{Sender, Transport, WebSocket};

/// Connections that belong together, of a program whose HTTP server isn't [`serve`](crate::serve()): runs a handler for
/// each as `serve` does, lists them, and ends them all properly. An HTTP server knows nothing of a connection once it
/// is upgraded, so its own shutdown leaves these out.
///
/// Clones are one. Dropping them all changes nothing for the connections.
///
/// ```
/// use std::time::Duration;
/// use ws_tokio::{Connections, Error, WebSocket, accept, client};
/// use tokio::io::DuplexStream;
///
/// async fn echo(mut ws: WebSocket<DuplexStream>) -> Result<(), Error> {
///     while let Some(message) = ws.recv().await? {
///         ws.send(message).await?;
///     }
///     Ok(())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let connections = Connections::with_on_error(|failure| eprintln!("{failure}"));
/// let (near, far) = tokio::io::duplex(4096);
/// tokio::spawn(connections.run(accept(near), echo));
///
/// let mut ws = client(far, "ws://localhost/").await?;
/// let (end, report) = tokio::join!(
///     ws.recv(),
///     connections.shutdown().close(1012, "restarting").limit(Duration::from_secs(10)),
/// );
/// assert_eq!(end.unwrap_err().closed().unwrap().code(), 1012);
/// assert_eq!((report.closed, report.cut), (1, 0));
/// # Ok(()) }
/// ```
pub struct Connections<S = Transport>(Arc<Group<S>>);

/// The state of all clones.
pub(super) struct Group<S> {
    /// By their numbers.
    open: Mutex<HashMap<u64, Weak<Shared<S>>>>,
    pub(super) stop: Arc<Stop>,
    pub(super) reports: Reports,
}

impl<S> Connections<S> {
    /// No connections yet; nobody is told of those that fail.
    #[must_use]
    pub fn new() -> Self {
        Self::with(Reports::default())
    }

    /// No connections yet; calls `report` for each that fails, at most once, as
    /// [`Serve::on_error`](crate::Serve::on_error) does.
    #[must_use]
    pub fn with_on_error(report: impl Fn(&Failure) + Send + Sync + 'static) -> Self {
        Self::with(Reports { on_error: Some(Box::new(report)) })
    }

    pub(super) fn with(reports: Reports) -> Self {
        Self(Arc::new(Group { open: Mutex::default(), stop: Arc::new(Stop::new()), reports }))
    }

    /// The open connections, those whose handlers run: as handles that send, which have the facts, the counters and the
    /// [data](Sender::data) of each. Close one with [`start_close`](Sender::start_close), send with
    /// [`try_send`](Sender::try_send), which wait for nobody. A handle keeps the memory of its connection: drop it
    /// soon.
    #[must_use]
    pub fn list(&self) -> Vec<Sender<S>> {
        // Dropped after the lock: what is dropped last may do more.
        let shared: Vec<_> = self.0.open().values().filter_map(Weak::upgrade).collect();
        shared.into_iter().filter_map(Sender::of).collect()
    }

    /// The open connection with this [number](Sender::id); `None` if there is none any more.
    #[must_use]
    pub fn get(&self, id: u64) -> Option<Sender<S>> {
        let shared = self.0.open().get(&id)?.upgrade();
        Sender::of(shared?)
    }

    /// The number of open connections.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.open().len()
    }

    /// Whether no connection is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Refuses new requests from now on, where an [`Upgrader`](crate::Upgrader::connections) judges them for these
    /// connections; open ones go on. There is no way back; the next step is [`shutdown`](Self::shutdown).
    pub fn drain(&self) {
        self.stop().draining.store(true, Ordering::Release);
    }

    /// Whether these connections drain, or are shut down.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.stop().refuses()
    }

    /// Ends the connections properly: closes all with 1001 (going away), and waits until their handlers have returned.
    ///
    /// A handler that doesn't return is waited for without limit, unless there is a [limit](Shutdown::limit); so are
    /// connections that are being opened. One that is opened later is closed at once. Once this is over, it is cut.
    ///
    /// End the HTTP server behind them, or at the same time, not before: over HTTP/2 it waits for the connections.
    /// Requests that come meanwhile are refused with 503, if an [`Upgrader`](crate::Upgrader::connections) judges them.
    pub fn shutdown(&self) -> Shutdown {
        Shutdown::new(AbortOnDrop(Arc::clone(self.stop())))
    }

    pub(crate) fn stop(&self) -> &Arc<Stop> {
        &self.0.stop
    }

    pub(super) fn group(&self) -> &Group<S> {
        &self.0
    }

    /// Adds a connection, until the value is dropped.
    pub(super) fn insert(&self, ws: &WebSocket<S>) -> Registered<'_, S> {
        let shared = ws.share_info();
        let id = shared.trace.id;
        self.0.open().insert(id, Arc::downgrade(&shared));
        Registered { group: &self.0, id }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Connections<S> {
    /// Waits until a connection is open, then runs its handler, as [`serve`](crate::serve()) does: closes the
    /// connection when the handler returns, with 1000 or, after an error or a panic, with 1011; reports what goes
    /// wrong; lists the connection; closes it when these connections are [shut down](Self::shutdown).
    ///
    /// Spawn the future: the shutdown waits for it. `opening` is [`accept`](crate::accept()), for example. It should
    /// have a limit of time.
    ///
    /// # Cancel safety
    /// Dropping the future drops the connection; its peer sees an abnormal closure, code 1006.
    pub fn run<O, H, F>(&self, opening: O, handler: H) -> impl Future<Output = ()> + use<S, O, H, F>
    where
        O: IntoFuture<Output = Result<WebSocket<S>, Error>>,
        H: FnOnce(WebSocket<S>) -> F,
        F: Future<Output: Outcome>,
    {
        let (connections, opening) = (self.clone(), opening.into_future());
        self.stop().tasks.track_future(async move {
            let Group { stop, reports, .. } = connections.group();
            let late = stop.refuses();
            match stop.unless_aborted(opening).await {
                Some(Ok(ws)) => {
                    let mut caller = reports.caller(ws.peer_addr());
                    if let (Some(caller), Some(request)) = (&mut caller, ws.request()) {
                        caller.asks(request);
                    }
                    let _listed = connections.insert(&ws);
                    handler::run(ws, connections.group(), handler, caller).await;
                }
                Some(Err(e)) => reports.not_opened(None, e, late),
                None => {}
            }
        })
    }
}

impl<S> Group<S> {
    fn open(&self) -> MutexGuard<'_, HashMap<u64, Weak<Shared<S>>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Default for Connections<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Clone for Connections<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S> fmt::Debug for Connections<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// A place among the open connections.
pub(super) struct Registered<'a, S> {
    group: &'a Group<S>,
    id: u64,
}

impl<S> Drop for Registered<'_, S> {
    fn drop(&mut self) {
        let mut open = self.group.open();
        open.remove(&self.id);
        // The memory follows the number of connections.
        if open.len() < open.capacity() / 8 {
            open.shrink_to_fit();
        }
    }
}
