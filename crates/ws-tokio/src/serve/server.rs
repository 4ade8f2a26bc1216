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
use ws_types::{Close, CloseCode};

use super::handler::{self, Outcome};
use super::stop::{Stage, Stop};
use crate::settings::ServerSettings;
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
    pub(super) fn start<H, F>(
        listener: TcpListener,
        handler: Arc<H>,
        settings: Arc<ServerSettings>,
    ) -> io::Result<Self>
    where
        H: Fn(WebSocket) -> F + Send + Sync + 'static,
        F: Future<Output: Outcome> + Send + 'static,
    {
        let local_addr = listener.local_addr()?;
        let stop = Arc::new(Stop::new());
        let tasks = TaskTracker::new();
        let accepting =
            Accepting { handler, settings, stop: Arc::clone(&stop), tasks: tasks.clone() };
        tasks.spawn(accepting.run(listener));
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

/// The tools of the accept loop.
struct Accepting<H> {
    handler: Arc<H>,
    settings: Arc<ServerSettings>,
    stop: Arc<Stop>,
    tasks: TaskTracker,
}

impl<H, F> Accepting<H>
where
    H: Fn(WebSocket) -> F + Send + Sync + 'static,
    F: Future<Output: Outcome> + Send + 'static,
{
    async fn run(self, listener: TcpListener) {
        let stop = Arc::clone(&self.stop);
        let accept = async {
            loop {
                match listener.accept().await {
                    Ok((tcp, _)) => self.spawn(tcp),
                    // The client gave up before it was accepted.
                    Err(e) if e.kind() == io::ErrorKind::ConnectionAborted => {}
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                }
            }
        };
        stop.closing.run_until_cancelled(accept).await;
    }

    fn spawn(&self, tcp: TcpStream) {
        let (handler, settings) = (Arc::clone(&self.handler), Arc::clone(&self.settings));
        let stop = Arc::clone(&self.stop);
        self.tasks.spawn(async move {
            if tcp.set_nodelay(true).is_err() {
                return; // the client is gone already
            }
            // In a box, since it is larger than all that follows, and over soon.
            let opening = Box::pin(async {
                let shutting_down = || stop.stage() != Stage::Serving;
                handshake::accept(Transport::Tcp(tcp), &settings, shutting_down).await
            });
            let opened = stop.unless_aborted(opening).await;
            drop(settings);
            // The response has told a refused client why.
            if let Some(Ok(ws)) = opened {
                handler::run(ws, &*handler, &stop).await;
            }
        });
    }
}
