//! The accept loop, and stopping.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio_util::task::TaskTracker;
use ws_proto::http::Request;
use ws_proto::server::shutting_down;

use super::connections::Connections;
use super::handler::{self, Outcome};
use super::limits::{Limits, Slot, Slots};
use super::listen::Bound;
use super::report::Reports;
use super::shutdown::Shutdown;
use super::stop::{Stage, Stop};
#[cfg(feature = "tls")]
use super::tls::ServerTls;
use crate::error::Error;
use crate::settings::ServerSettings;
use crate::trace::Trace;
use crate::{Sender, Transport, WebSocket, handshake};

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
    pub(super) stop: Arc<Stop>,
    pub(super) tasks: TaskTracker,
    pub(super) connections: Arc<Connections>,
}

impl Server {
    /// Starts to accept connections.
    pub(super) fn start<H, F>(bound: Vec<Bound>, host: Host<H>) -> Self
    where
        H: Fn(WebSocket) -> F + Send + Sync + 'static,
        F: Future<Output: Outcome> + Send + 'static,
    {
        let local_addrs = bound.iter().filter_map(|bound| bound.listener.local_addr()).collect();
        let stop = Arc::clone(&host.stop);
        let (connections, host) = (Arc::clone(&host.connections), Arc::new(host));
        let tasks = TaskTracker::new();
        for bound in bound {
            tasks.spawn(accept(Arc::clone(&host), tasks.clone(), bound));
        }
        tasks.close();
        Self { local_addrs, stop, tasks, connections }
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

    /// The open connections, those whose handlers run: as handles that send, which have the facts, the counters and
    /// the [data](Sender::data) of each. Close one with [`start_close`](Sender::start_close), send with
    /// [`try_send`](Sender::try_send), which wait for nobody. A handle keeps the memory of its connection: drop it soon.
    #[must_use]
    pub fn connections(&self) -> Vec<Sender> {
        self.connections.senders()
    }

    /// The open connection with this [number](Sender::id); `None` if there is none any more.
    #[must_use]
    pub fn connection(&self, id: u64) -> Option<Sender> {
        self.connections.sender(id)
    }

    /// Answers new requests with 503 from now on, whatever they are for: a load balancer that asks sends new clients
    /// elsewhere. Open connections go on. There is no way back; the next step is [`shutdown`](Self::shutdown).
    pub fn drain(&self) {
        self.stop.draining.store(true, Ordering::Release);
    }

    /// Ends the server properly: stops accepting, answers requests that come late with 503, closes all
    /// connections with 1001 (going away), and waits until their handlers have returned.
    ///
    /// A handler that doesn't return is waited for without limit, unless there is a [limit](Shutdown::limit). Clients that
    /// have connected and sent no request are waited for, too, as long as [`open_timeout`](crate::Serve::open_timeout)
    /// allows.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # async fn stop(server: ws_tokio::Server) {
    /// let report = server.shutdown().close(1012, "restarting").limit(Duration::from_secs(10)).await;
    /// println!("{} closed, {} cut", report.closed, report.cut);
    /// # }
    /// ```
    pub fn shutdown(self) -> Shutdown {
        Shutdown::new(self)
    }

    /// Waits without end: for a `main` that serves for ever, or a branch of `select!`. Nothing can end the server
    /// meanwhile, since [`shutdown`](Self::shutdown) takes it; but if all [listeners](crate::Listener) have panicked,
    /// the wait is over when the last connection has ended.
    ///
    /// # Cancel safety
    /// Dropping the future does nothing to the server.
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
            .field("connections", &self.connections.len())
            .finish_non_exhaustive()
    }
}

/// All that the connections of a server share.
pub(super) struct Host<H> {
    pub(super) handler: H,
    settings: ServerSettings,
    pub(super) stop: Arc<Stop>,
    pub(super) reports: Reports,
    pub(super) connections: Arc<Connections>,
    slots: Slots,
}

impl<H> Host<H> {
    pub(super) fn new(
        handler: H,
        settings: ServerSettings,
        reports: Reports,
        limits: Limits,
    ) -> Self {
        let (stop, connections) = (Arc::new(Stop::new()), Arc::default());
        Self { handler, settings, stop, reports, connections, slots: Slots::new(limits) }
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
                    let Ok(slot) = host.slots.enter(addr.map(|addr| addr.ip())).await else {
                        continue;
                    };
                    let accepted = Accepted {
                        stream,
                        addr,
                        #[cfg(feature = "tls")]
                        tls: bound.tls.clone(),
                        slot,
                    };
                    tasks.spawn(open(Arc::clone(&host), accepted));
                }
                Err(e) => {
                    // The client may have given up before it was accepted.
                    let pauses = e.kind() != io::ErrorKind::ConnectionAborted;
                    host.reports.not_accepted(e);
                    match pauses {
                        true => tokio::time::sleep(ACCEPT_PAUSE).await,
                        // A listener of the program may say so without end.
                        false => tokio::task::yield_now().await,
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
    slot: Slot,
}

/// The stream for the opening handshake, after that of TLS if there is one.
#[cfg_attr(not(feature = "tls"), expect(clippy::unused_async, reason = "with TLS it waits"))]
async fn prepare(
    stream: Transport,
    #[cfg(feature = "tls")] tls: Option<ServerTls>,
) -> Result<Transport, Error> {
    if let Transport::Tcp(tcp) = &stream {
        // It fails if the client is gone already.
        tcp.set_nodelay(true)?;
    }
    #[cfg(feature = "tls")]
    if let Some(tls) = tls {
        return Ok(Transport::Tls(Box::new(tls.accept(stream).await?.into())));
    }
    Ok(stream)
}

/// Opens a connection, and runs its handler.
fn open<H, F>(host: Arc<Host<H>>, accepted: Accepted) -> impl Future<Output = ()> + Send
where
    H: Fn(WebSocket) -> F + Send + Sync + 'static,
    F: Future<Output: Outcome> + Send + 'static,
{
    let Accepted { stream, addr, mut slot, .. } = accepted;
    let mut caller = host.reports.caller(addr);
    let trace = Trace::server(addr, host.settings.trace_payloads);
    // In a box, which is gone when the stream is there.
    #[cfg(feature = "tls")]
    let stream = Box::pin(prepare(stream, accepted.tls));
    #[cfg(not(feature = "tls"))]
    let stream = Box::pin(prepare(stream));
    async move {
        let mut late = false;
        // In a box, since it is larger than all that follows, and over soon.
        let opening = Box::pin(trace.instrument(async {
            let refuse = |request: &Request| {
                if let Some(caller) = &mut caller {
                    caller.asks(request);
                }
                late = host.stop.refuses();
                if late {
                    return Some(shutting_down(&host.settings.options, None));
                }
                host.slots.open(&mut slot).err()
            };
            let (settings, trace) = (&host.settings, trace.clone());
            handshake::accept(stream, settings, refuse, trace).await
        }));
        match host.stop.unless_aborted(opening).await {
            Some(Ok(ws)) => {
                slot.opened();
                let _listed = host.connections.insert(&ws);
                handler::run(ws, &*host, caller).await;
            }
            // The response has told a refused client why.
            Some(Err(e)) => trace.within(|| host.reports.not_opened(caller.as_deref(), e, late)),
            None => {}
        }
    }
}
