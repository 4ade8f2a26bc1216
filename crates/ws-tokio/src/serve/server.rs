//! The accept loop, and stopping.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;
use ws_proto::encode_close;
use ws_proto::http::Request;
use ws_types::{Close, CloseCode};

use super::handler::{self, Outcome};
use super::report::Reports;
use super::stop::{Stage, Stop};
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
    local_addr: SocketAddr,
    stop: Arc<Stop>,
    tasks: TaskTracker,
}

impl Server {
    /// Starts to accept connections.
    pub(super) fn start<H, F>(listener: TcpListener, host: Host<H>) -> io::Result<Self>
    where
        H: Fn(WebSocket) -> F + Send + Sync + 'static,
        F: Future<Output: Outcome> + Send + 'static,
    {
        let local_addr = listener.local_addr()?;
        let stop = Arc::clone(&host.stop);
        let tasks = TaskTracker::new();
        tasks.spawn(accept(Arc::new(host), tasks.clone(), listener));
        tasks.close();
        Ok(Self { local_addr, stop, tasks })
    }

    /// The address that the server listens on; its port, when 0 was asked for.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
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

    /// Waits until the server ends, which it does only when its listening socket fails for good.
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
            .field("local_addr", &self.local_addr)
            .field("connections", &self.tasks.len().saturating_sub(1))
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
async fn accept<H, F>(host: Arc<Host<H>>, tasks: TaskTracker, listener: TcpListener)
where
    H: Fn(WebSocket) -> F + Send + Sync + 'static,
    F: Future<Output: Outcome> + Send + 'static,
{
    let accepting = async {
        loop {
            match listener.accept().await {
                Ok((tcp, addr)) => _ = tasks.spawn(open(Arc::clone(&host), tcp, addr)),
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

/// Opens a connection, and runs its handler.
fn open<H, F>(
    host: Arc<Host<H>>,
    tcp: TcpStream,
    addr: SocketAddr,
) -> impl Future<Output = ()> + Send
where
    H: Fn(WebSocket) -> F + Send + Sync + 'static,
    F: Future<Output: Outcome> + Send + 'static,
{
    let mut caller = host.reports.caller(addr);
    let trace = Trace::server(Some(addr), host.settings.trace_payloads);
    async move {
        let mut late = false;
        // In a box, since it is larger than all that follows, and over soon.
        let opening = Box::pin(trace.instrument(async {
            // It fails if the client is gone already.
            tcp.set_nodelay(true)?;
            let shutting_down = |request: &Request| {
                if let Some(caller) = &mut caller {
                    caller.asks(request);
                }
                late = host.stop.stage() != Stage::Serving;
                late
            };
            let io = Transport::Tcp(tcp);
            handshake::accept(io, &host.settings, shutting_down, trace.clone()).await
        }));
        match host.stop.unless_aborted(opening).await {
            Some(Ok(ws)) => handler::run(ws, &*host, caller).await,
            // The response has told a refused client why.
            Some(Err(e)) => trace.within(|| host.reports.not_opened(caller.as_deref(), e, late)),
            None => {}
        }
    }
}
