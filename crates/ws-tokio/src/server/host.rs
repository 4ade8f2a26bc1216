//! The accept loop, and stopping.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use ws_proto::http::Request;
use ws_proto::server::shutting_down;

use super::connections::{Connections, Group};
use super::handler::{self, Outcome};
use super::limits::{Limits, Slot, Slots};
use super::listen::Bound;
use super::proxy_header;
use super::report::Reports;
use super::shutdown::Shutdown;
use super::stop::AbortOnDrop;
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
    connections: Connections,
    guard: AbortOnDrop,
}

impl Server {
    /// Starts to accept connections.
    pub(super) fn start<H, F>(bound: Vec<Bound>, host: Host<H>) -> Self
    where
        H: Fn(WebSocket) -> F + Send + Sync + 'static,
        F: Future<Output: Outcome> + Send + 'static,
    {
        let local_addrs = bound.iter().filter_map(|bound| bound.listener.local_addr()).collect();
        let (connections, host) = (host.connections.clone(), Arc::new(host));
        let stop = Arc::clone(connections.stop());
        for bound in bound {
            stop.tasks.spawn(accept(Arc::clone(&host), bound));
        }
        stop.tasks.close();
        Self { local_addrs, connections, guard: AbortOnDrop(stop) }
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
        self.connections.list()
    }

    /// The open connection with this [number](Sender::id); `None` if there is none any more.
    #[must_use]
    pub fn connection(&self, id: u64) -> Option<Sender> {
        self.connections.get(id)
    }

    /// Answers new requests with 503 from now on, whatever they are for: a load balancer that asks sends new clients
    /// elsewhere. Open connections go on. There is no way back; the next step is [`shutdown`](Self::shutdown).
    pub fn drain(&self) {
        self.connections.drain();
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
        Shutdown::new(self.guard)
    }

    /// Waits without end: for a `main` that serves for ever, or a branch of `select!`. Nothing can end the server
    /// meanwhile, since [`shutdown`](Self::shutdown) takes it; but if all [listeners](crate::Listener) have panicked,
    /// the wait is over when the last connection has ended.
    ///
    /// # Cancel safety
    /// Dropping the future does nothing to the server.
    pub async fn wait(&self) {
        self.guard.0.tasks.wait().await;
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
    handler: H,
    settings: ServerSettings,
    connections: Connections,
    slots: Slots,
}

impl<H> Host<H> {
    pub(super) fn new(
        handler: H,
        settings: ServerSettings,
        reports: Reports,
        limits: Limits,
    ) -> Self {
        let connections = Connections::with(reports);
        Self { handler, settings, connections, slots: Slots::new(limits) }
    }
}

/// Accepts connections, and spawns a task for each.
async fn accept<H, F>(host: Arc<Host<H>>, mut bound: Bound)
where
    H: Fn(WebSocket) -> F + Send + Sync + 'static,
    F: Future<Output: Outcome> + Send + 'static,
{
    let Group { stop, reports, .. } = host.connections.group();
    let accepting = async {
        loop {
            match poll_fn(|cx| bound.listener.poll_accept(cx)).await {
                Ok((stream, addr)) => {
                    let has_header = bound.proxies.trusts(addr);
                    let is_proxy = has_header || host.settings.forwarded.trusts(addr);
                    let client = addr.filter(|_| !is_proxy);
                    let Ok(slot) = host.slots.enter(client.map(|addr| addr.ip())).await else {
                        continue;
                    };
                    let arrival = Arrival {
                        stream,
                        addr,
                        has_header,
                        #[cfg(feature = "tls")]
                        tls: bound.tls.clone(),
                    };
                    let accepted = Accepted { arrival, client, slot };
                    stop.tasks.spawn(open(Arc::clone(&host), accepted));
                }
                Err(e) => {
                    // The client may have given up before it was accepted.
                    let pauses = e.kind() != io::ErrorKind::ConnectionAborted;
                    reports.not_accepted(e);
                    match pauses {
                        true => tokio::time::sleep(ACCEPT_PAUSE).await,
                        // A listener of the program may say so without end.
                        false => tokio::task::yield_now().await,
                    }
                }
            }
        }
    };
    stop.closing.run_until_cancelled(accepting).await;
}

/// A connection that was accepted.
struct Accepted {
    arrival: Arrival,
    /// The address of the client, unless the peer is a proxy that names it later.
    client: Option<SocketAddr>,
    slot: Slot,
}

/// A stream before anything was read.
struct Arrival {
    stream: Transport,
    addr: Option<SocketAddr>,
    /// A proxy names the client in front of all else.
    has_header: bool,
    #[cfg(feature = "tls")]
    tls: Option<ServerTls>,
}

impl Arrival {
    /// The stream for the opening handshake, after that of TLS if there is one.
    #[cfg_attr(not(feature = "tls"), expect(clippy::unused_async, reason = "with TLS it waits"))]
    async fn prepare(self) -> Result<Transport, Error> {
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
    let Accepted { arrival, client, mut slot } = accepted;
    let mut caller = host.connections.group().reports.caller(arrival.addr);
    let trace = Trace::server(client, host.settings.trace_payloads);
    // In a box, which is gone when the stream is there.
    let arrival = Box::new(arrival);
    async move {
        let group = host.connections.group();
        let mut late = false;
        // In a box, since it is larger than all that follows, and over soon.
        let opening = Box::pin(trace.instrument(async {
            let (settings, origin) = (&host.settings, Instant::now());
            let mut arrival = arrival;
            let mut peer = arrival.addr;
            if arrival.has_header {
                let limit = settings.options.handshake_limits().open_timeout;
                let reading = pin!(proxy_header::read(&mut arrival.stream));
                let named = handshake::within(origin, limit, reading).await?;
                peer = named.or(peer);
                if !settings.forwarded.trusts(peer) {
                    trace.peer(peer);
                    if let Some(caller) = &mut caller {
                        caller.is(peer);
                    }
                    // As late as it is known; dropped like the others.
                    if let Some(client) = named
                        && host.slots.take_address(&mut slot, client.ip()).is_err()
                    {
                        return Ok(None);
                    }
                }
            }
            let refuse = |request: &Request, client: Option<SocketAddr>| {
                if let Some(caller) = &mut caller {
                    caller.is(client);
                    caller.asks(request);
                }
                late = group.stop.refuses();
                if late {
                    return Some(shutting_down(&settings.options, None));
                }
                // The request has named it.
                if let Some(client) = client.filter(|_| client != peer)
                    && let Err(full) = host.slots.take_address(&mut slot, client.ip())
                {
                    return Some(full.response());
                }
                host.slots.open(&mut slot).err()
            };
            let stream = Box::pin(arrival.prepare());
            let trace = trace.clone();
            handshake::accept(stream, peer.as_ref(), origin, settings, refuse, trace)
                .await
                .map(Some)
        }));
        match group.stop.unless_aborted(opening).await {
            Some(Ok(Some(ws))) => {
                slot.opened();
                let _listed = host.connections.insert(&ws);
                handler::run(ws, group, &host.handler, caller).await;
            }
            // The response has told a refused client why.
            Some(Err(e)) => trace.within(|| group.reports.not_opened(caller.as_deref(), e, late)),
            Some(Ok(None)) | None => {}
        }
    }
}
