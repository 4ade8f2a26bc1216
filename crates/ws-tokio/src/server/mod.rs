//! [`serve`]: a server with its accept loop, handlers and graceful shutdown.

mod auth;
mod connections;
#[cfg(feature = "tracing")]
mod events;
#[cfg(not(feature = "tracing"))]
#[path = "no_events.rs"]
mod events;
mod failure;
mod handler;
mod host;
mod limits;
mod listen;
#[cfg(not(feature = "proxy-protocol"))]
#[path = "no_proxy_header.rs"]
mod proxy_header;
#[cfg(feature = "proxy-protocol")]
mod proxy_header;
mod report;
#[cfg(feature = "router")]
mod router;
mod shutdown;
pub(crate) mod stop;
#[cfg(feature = "tls")]
mod tls;

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;

use crate::WebSocket;
use crate::error::Error;
use crate::hooks::Hook;
use crate::settings::{ServerSettings, builder_settings};

pub use auth::{Username, basic_auth, credentials};
pub use connections::Connections;
pub use failure::{Failure, FailureKind};
pub use handler::Outcome;
use host::Host;
pub use host::Server;
use limits::Limits;
pub use listen::{Listen, Listener};
use report::Reports;
#[cfg(feature = "router")]
pub use router::{RouteHandler, RoutedHandler, Router};
pub use shutdown::{Shutdown, ShutdownReport};
#[cfg(feature = "tls")]
pub use tls::ServerTls;

/// Serves WebSocket connections at an address or another [place](Listen): calls `handler` for each, in a task of its own.
///
/// Await the builder, after setting what differs from the defaults; then it listens. Hold on to the
/// [`Server`]: dropping it ends the server and all its connections.
///
/// ```
/// use ws_tokio::{Error, WebSocket, serve};
///
/// async fn echo(mut ws: WebSocket) -> Result<(), Error> {
///     while let Some(message) = ws.recv().await? {
///         ws.send(message).await?;
///     }
///     Ok(())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let server = serve("127.0.0.1:0", echo)
///     .max_message_size(64 << 10)
///     .on_error(|failure| eprintln!("{failure}"))
///     .await?;
/// assert_ne!(server.local_addr().port(), 0);
/// server.shutdown().await;
/// # Ok(()) }
/// ```
///
/// # Errors of connections
/// An error that the handler returns, its panic, a refused or broken opening handshake, a connection that
/// was cut: each goes to the hook [`on_error`](Serve::on_error) and, with the feature `tracing`, to an event
/// of the target `websockets`. Without both they are dropped: a library writes nothing to standard error by
/// itself. (The message that Rust prints for every panic is the one exception.)
///
/// # The end of the handler
/// When the handler returns, its connection is closed: with 1000 after `()` or `Ok`, with 1011 after
/// an error or a panic, unless the handler has closed it before.
///
/// That holds even if other tasks have [halves](WebSocket::split) of the connection. A handler that spawns
/// tasks and returns closes the connection under them: let it wait for them.
///
/// ```
/// # use tokio::sync::mpsc::{Receiver, channel};
/// use ws_tokio::{Error, Sender, WebSocket};
///
/// async fn feed(sender: Sender, mut news: Receiver<String>) -> Result<(), Error> {
///     while let Some(text) = news.recv().await {
///         sender.send(text).await?;
///     }
///     Ok(())
/// }
///
/// async fn handler(mut ws: WebSocket) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
///     let (publish, news) = channel(16);
///     let feeding = tokio::spawn(feed(ws.sender(), news));
///     while let Some(message) = ws.recv().await? {
///         if publish.send(message.into_text()?.to_uppercase()).await.is_err() {
///             break;
///         }
///     }
///     drop(publish);
///     // Without this line the last texts would be lost, and the error of `feed`.
///     feeding.await??;
///     Ok(())
/// }
/// # _ = ws_tokio::serve("127.0.0.1:0", handler);
/// ```
pub fn serve<H, F>(listen: impl Into<Listen>, handler: H) -> Serve<H>
where
    H: Fn(WebSocket) -> F + Send + Sync + 'static,
    F: Future<Output: Outcome> + Send + 'static,
{
    Serve {
        listen: vec![listen.into()],
        handler,
        settings: ServerSettings::new(),
        reports: Reports::default(),
        limits: Limits::default(),
        route: None,
        misuse: None,
    }
}

/// Serves WebSocket connections: see [`serve()`].
#[must_use = "nothing happens unless it is awaited"]
pub struct Serve<H> {
    listen: Vec<Listen>,
    handler: H,
    settings: ServerSettings,
    reports: Reports,
    limits: Limits,
    /// The hook of a router.
    route: Option<Hook>,
    /// A fault of the program that makes it impossible to serve.
    misuse: Option<String>,
}

impl<H> Serve<H> {
    builder_settings!(ServerSettings: server_settings);

    /// Listens in this place, too.
    pub fn listen(mut self, listen: impl Into<Listen>) -> Self {
        self.listen.push(listen.into());
        self
    }

    /// Limits the open connections, inclusive. A client above it is answered with 503 and `Retry-After: 5`, whatever it asks
    /// for. 0: all are answered so. `None`, the default: no limit but the file descriptors of the process.
    pub fn max_connections(mut self, connections: impl Into<Option<usize>>) -> Self {
        self.limits.connections = connections.into();
        self
    }

    /// Limits the connections of one address, inclusive, those that are being opened included; a network of IPv6 with
    /// 64 bits counts as one address. A connection above it is dropped as soon as it is accepted, without a response,
    /// which costs least. `None`, the default: no limit.
    ///
    /// Behind a proxy all clients have its address, unless it names them: then the limit holds for the addresses that
    /// it names, and not for its own. A connection above it is dropped behind the header of the PROXY protocol, or
    /// answered with 429 and `Retry-After: 5` when the address is in a header of the request.
    pub fn max_connections_per_address(mut self, connections: impl Into<Option<usize>>) -> Self {
        self.limits.per_address = connections.into();
        self
    }

    /// Limits the opening handshakes, that of TLS included, at a time. While there are as many, no more connections are
    /// accepted, but for one of each listener: they wait in the system's [backlog](Listen::backlog), with 0 without
    /// end. `None`, the default: no limit, since clients that open connections and are silent would otherwise keep the
    /// others out, for as long as [`open_timeout`](Self::open_timeout) allows.
    pub fn max_handshakes(mut self, handshakes: impl Into<Option<usize>>) -> Self {
        self.limits.handshakes = handshakes.into();
        self
    }

    /// Calls `report` for each connection that fails, at most once: see [`FailureKind`] for the cases.
    /// Default: nobody is told.
    ///
    /// `on_error(|failure| eprintln!("{failure}"))` prints a line for each. Not reported are a handler that
    /// returned without an error from a connection that was closed properly, or with any code; an answer
    /// from [`process_request`](Self::process_request); clients that [limits](Self::max_connections) or the end of the
    /// server keep out; and connections that end since the [`Server`] was dropped. A stranger can cause as many
    /// failed handshakes and cut connections as it likes.
    ///
    /// `report` runs in the task of the connection, before the close frame of a handler's error leaves, or
    /// in the task that accepts connections; it must not block. A panic in it ends nothing else. A connection
    /// holds the address of its peer and its path for this, some 100 bytes.
    pub fn on_error(mut self, report: impl Fn(&Failure) + Send + Sync + 'static) -> Self {
        self.reports.on_error = Some(Box::new(report));
        self
    }
}

impl<H> fmt::Debug for Serve<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve")
            .field("listen", &self.listen)
            .field("settings", &self.settings)
            .field("on_error", &self.reports.on_error.is_some())
            .finish_non_exhaustive()
    }
}

impl<H, F> IntoFuture for Serve<H>
where
    H: Fn(WebSocket) -> F + Send + Sync + 'static,
    F: Future<Output: Outcome> + Send + 'static,
{
    type Output = Result<Server, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    /// Fails with [`Error::Resolve`] or [`Error::Listen`] when an address can't be resolved or listened on,
    /// with [`Error::Other`] when a certificate can't be used, and with
    /// [`InvalidHeaderValue`](ws_errors::InvalidHeaderValue) when a setting is illegal.
    fn into_future(self) -> Self::IntoFuture {
        let Self { listen, handler, settings, reports, limits, route, misuse } = self;
        let mut settings = settings.complete();
        settings.route = route;
        Box::pin(async move {
            settings.options.validate()?;
            if let Some(misuse) = misuse {
                return Err(Error::Other(misuse.into()));
            }
            let mut bound = Vec::new();
            for listen in listen {
                bound.extend(listen.bind().await?);
            }
            Ok(Server::start(bound, Host::new(handler, settings, reports, limits)))
        })
    }
}
