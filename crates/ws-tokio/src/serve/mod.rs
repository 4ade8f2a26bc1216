//! [`serve`]: a server with its accept loop, handlers and graceful shutdown.

mod handler;
mod server;
mod stop;

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;

use tokio::net::{TcpListener, ToSocketAddrs, lookup_host};

use crate::WebSocket;
use crate::error::Error;
use crate::settings::{ServerSettings, builder_settings};

pub use handler::Outcome;
pub use server::Server;

/// Serves WebSocket connections on a TCP address: calls `handler` for each, in a task of its own.
///
/// When the handler returns, its connection is closed: with 1000 after `()` or `Ok`, with 1011 after
/// an error or a panic, unless the handler has closed it before.
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
/// let server = serve("127.0.0.1:0", echo).max_message_size(64 << 10).await?;
/// assert_ne!(server.local_addr().port(), 0);
/// server.shutdown().await;
/// # Ok(()) }
/// ```
pub fn serve<A, H, F>(addr: A, handler: H) -> Serve<A, H>
where
    A: ToSocketAddrs + Send + 'static,
    H: Fn(WebSocket) -> F + Send + Sync + 'static,
    F: Future<Output: Outcome> + Send + 'static,
{
    Serve { addr, handler, settings: ServerSettings::new() }
}

/// Serves WebSocket connections: see [`serve()`].
#[derive(Debug)]
#[must_use = "nothing happens unless it is awaited"]
pub struct Serve<A, H> {
    addr: A,
    handler: H,
    settings: ServerSettings,
}

impl<A, H> Serve<A, H> {
    builder_settings!(ServerSettings: server_settings);
}

impl<A, H, F> IntoFuture for Serve<A, H>
where
    A: ToSocketAddrs + Send + 'static,
    H: Fn(WebSocket) -> F + Send + Sync + 'static,
    F: Future<Output: Outcome> + Send + 'static,
{
    type Output = Result<Server, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    /// Fails with [`Error::Resolve`] or [`Error::Listen`] when the address can't be resolved or listened
    /// on, and with [`InvalidHeaderValue`](ws_errors::InvalidHeaderValue) when a setting is illegal.
    fn into_future(self) -> Self::IntoFuture {
        let Self { addr, handler, settings } = self;
        let settings = settings.complete();
        Box::pin(async move {
            settings.options.validate()?;
            let addrs: Box<[_]> = lookup_host(addr).await.map_err(Error::Resolve)?.collect();
            let started = async {
                let listener = TcpListener::bind(&*addrs).await?;
                Server::start(listener, Arc::new(handler), Arc::new(settings))
            };
            let started = started.await;
            started.map_err(|e| Error::Listen(addrs, e))
        })
    }
}
