//! The accept loop, and stopping.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::TaskTracker;
use ws_proto::encode_close;
use ws_proto::http::Request;
use ws_types::{Close, CloseCode};

use super::handler::{self, Outcome};
use super::listen::Bound;
use super::report::Reports;
use super::stop::{Stage, Stop};
#[cfg(feature = "tls")]
use super::tls::ServerTls;
use crate::error::Error;
use crate::settings::ServerSettings;
use crate::trace::Trace;
use crate::{Transport, WebSocket, handshake};

/// How long to wait when a connection can't be accepted because the process or the system is out of
/// file descriptors or memory: trying again at once would keep a core busy and help nobody.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A running server: see [`serve`](crate::serve()).
///
/// Dropping it ends the server at once: its connections are dropped, their peers see an abnormal
/// closure, code 1006. [`shutdown`](Self::shutdown) ends it properly.
#[must_use = "dropping the server ends it"]
pub struct Server {
    local_addrs: Box<[SocketAddr]>,
    listeners: usize,
    stop: Arc<Stop>,
    tasks: TaskTracker,
}

impl Server {
    /// Starts to accept connections.
    pub(super) fn start<H, F>(bound: Vec<Bound>, host: Host<H>) -> Self
    where
        H: Fn(WebSocket) -> F + Send + Sync + 'static,
        F: Future<Output: Outcome> + Send + 'static,
    {
        let local_addrs = bound.iter().filter_map(|bound| bound.listener.local_addr()).collect();
        let (listeners, stop, host) = (bound.len(), Arc::clone(&host.stop), Arc::new(host));
        let tasks = TaskTracker::new();
        for bound in bound {
            tasks.spawn(accept(Arc::clone(&host), tasks.clone(), bound));
        }
        tasks.close();
        Self { local_addrs, listeners, stop, tasks }
    }

    /// The first address of TCP that the server listens on; its port, when 0 was asked for.
    ///
    /// # Panics
    /// When it listens on none, but on a Unix socket or the like: see [`local_addrs`](Self::local_addrs).
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        *self.local_addrs.first().expect("the server listens on no address of TCP")
    }

    /// The addresses of TCP that the server listens on, in the order in which they were given.
    #[must_use]
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.local_addrs
    }

    /// Ends the server properly: stops accepting, answers requests that come late with 503, closes all
    /// connections with 1001 (going away), and waits until their handlers have returned.
    ///
    /// A handler that doesn't return is waited for without limit: combine this with a time-out, and
    /// drop the future to end everything at once.
    ///
    /// # Cancel safety
    /// Dropping the future ends the server at once.
    pub async fn shutdown(self) {
        self.shutdown_with(CloseCode::GOING_AWAY, "").await;
    }

    /// Like [`shutdown`](Self::shutdown), with a code and reason of your choice; a pair that can't be
    /// sent becomes 1001.
    pub async fn shutdown_with(self, code: impl Into<CloseCode>, reason: impl Into<Box<str>>) {
        let close = Close::new(code, reason);
        if close.code.is_sendable() && encode_close(&close).is_ok() {
            // Nobody else sets it: `self` is consumed.
            _ = self.stop.close.set(close);
        }
        self.stop.enter(Stage::Closing);
        self.tasks.wait().await;
    }

    /// Waits until the server ends: without end, unless it is stopped from another task.
    pub async fn wait(&self) {
        self.tasks.wait().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.enter(Stage::Aborted);
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("local_addrs", &self.local_addrs)
            .field("connections", &self.tasks.len().saturating_sub(self.listeners))
            .finish_non_exhaustive()
    }
}

/// All that the connections of a server share.
pub(super) struct Host<H> {
    pub(super) handler: H,
    settings: ServerSettings,
    pub(super) stop: Arc<Stop>,
    pub(super) reports: Reports,
}

impl<H> Host<H> {
    pub(super) fn new(handler: H, settings: ServerSettings, reports: Reports) -> Self {
        Self { handler, settings, stop: Arc::new(Stop::new()), reports }
    }
}

/// Accepts connections, and spawns a task for each.
async fn accept<H, F>(host: Arc<Host<H>>, tasks: TaskTracker, mut bound: Bound)
where
    H: Fn(WebSocket) -> F + Send + Sync + 'static,
    F: Future<Output: Outcome> + Send + 'static,
{
    let accepting = async {
        loop {
            match poll_fn(|cx| bound.listener.poll_accept(cx)).await {
                Ok((stream, addr)) => {
                    let accepted = Accepted {
                        stream,
                        addr,
                        #[cfg(feature = "tls")]
                        tls: bound.tls.clone(),
                    };
                    tasks.spawn(open(Arc::clone(&host), accepted));
                }
                Err(e) => {
                    // The client may have given up before it was accepted.
                    let pauses = e.kind() != io::ErrorKind::ConnectionAborted;
                    host.reports.not_accepted(e);
                    if pauses {
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        }
    };
    host.stop.closing.run_until_cancelled(accepting).await;
}

/// A connection that was accepted.
struct Accepted {
    stream: Transport,
    addr: Option<SocketAddr>,
    #[cfg(feature = "tls")]
    tls: Option<ServerTls>,
}

impl Accepted {
    /// The stream for the opening handshake, after that of TLS if there is one.
    async fn stream(self) -> Result<Transport, Error> {
        if let Transport::Tcp(tcp) = &self.stream {
            // It fails if the client is gone already.
            tcp.set_nodelay(true)?;
        }
        #[cfg(feature = "tls")]
        if let Some(tls) = self.tls {
            return Ok(Transport::Tls(Box::new(tls.accept(self.stream).await?.into())));
        }
        Ok(self.stream)
    }
}

/// Opens a connection, and runs its handler.
fn open<H, F>(host: Arc<Host<H>>, accepted: Accepted) -> impl Future<Output = ()> + Send
where
    H: Fn(WebSocket) -> F + Send + Sync + 'static,
    F: Future<Output: Outcome> + Send + 'static,
{
    let mut caller = host.reports.caller(accepted.addr);
    let trace = Trace::server(accepted.addr, host.settings.trace_payloads);
    // In a box, which is gone when the stream is there.
    let stream = Box::pin(accepted.stream());
    async move {
        let mut late = false;
        // In a box, since it is larger than all that follows, and over soon.
        let opening = Box::pin(trace.instrument(async {
            let shutting_down = |request: &Request| {
                if let Some(caller) = &mut caller {
                    caller.asks(request);
                }
                late = host.stop.stage() != Stage::Serving;
                late
            };
            let (settings, trace) = (&host.settings, trace.clone());
            handshake::accept(stream, settings, shutting_down, trace).await
        }));
        match host.stop.unless_aborted(opening).await {
            Some(Ok(ws)) => handler::run(ws, &*host, caller).await,
            // The response has told a refused client why.
            Some(Err(e)) => trace.within(|| host.reports.not_opened(caller.as_deref(), e, late)),
            None => {}
        }
    }
}
