//! [`connect`] and [`client`]: the client's end of a connection.
//!
//! `open` makes the attempts of one connection, with the help of `redirect` and `auth`; `dial` opens a stream
//! to a server, with `tcp`, `proxy` and `tls`. `reconnect` and `reconnecting` open one connection after another.

#[cfg_attr(
    not(feature = "auth"),
    expect(dead_code, reason = "without the feature no challenge is answered")
)]
pub(crate) mod auth;
mod backoff;
pub(crate) mod dial;
pub(crate) mod open;
mod proxy;
mod reconnect;
mod reconnecting;
mod redirect;
mod request;
mod settings;
mod tcp;
#[cfg(feature = "tls")]
mod tls;

use std::fmt;
use std::future::{Future, IntoFuture, ready};
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use crate::error::{Attempt, ConnectError, Error, Stage};
use crate::handshake;
use crate::metrics;
use crate::settings::{ClientSettings, builder_settings};
use crate::trace::Trace;
use crate::{Transport, WebSocket};

pub use backoff::Backoff;
pub use proxy::Proxy;
pub use reconnect::Reconnect;
pub use reconnecting::{Incoming, Reconnecting};
pub use request::ClientRequest;
pub(crate) use settings::connect_settings;
pub use tcp::{Resolve, Resolving};
#[cfg(feature = "tls")]
pub use tls::ClientTls;

/// Connects to a WebSocket server at a `ws://` or `wss://` URI; the latter needs the feature `tls`. A request of the
/// crate `http` brings headers along: see [`ClientRequest`].
///
/// The addresses of the host are tried one after the other, a quarter of a second apart, and the first
/// connection wins ([RFC 8305 §5]). Redirects are followed, proxies of the environment are used.
///
/// [RFC 8305 §5]: https://www.rfc-editor.org/rfc/rfc8305#section-5
///
/// Await the builder, after setting what differs from the defaults:
///
/// ```no_run
/// # async fn run() -> Result<(), ws_tokio::Error> {
/// use std::time::Duration;
///
/// let mut ws = ws_tokio::connect("ws://localhost:8765/chat")
///     .open_timeout(Duration::from_secs(3))
///     .await?;
/// ws.send("hello").await?;
/// # Ok(()) }
/// ```
pub fn connect(request: impl Into<ClientRequest>) -> Connect {
    Connect { request: request.into(), settings: ClientSettings::new() }
}

/// Connects to a WebSocket server: see [`connect()`].
#[derive(Clone)]
#[must_use = "nothing happens unless it is awaited"]
pub struct Connect {
    request: ClientRequest,
    settings: ClientSettings,
}

impl Connect {
    builder_settings!(ClientSettings: client_settings);
    connect_settings!();

    /// Connects again and again: see [`Reconnect`].
    pub fn reconnect(self) -> Reconnect {
        Reconnect::new(self)
    }
}

impl IntoFuture for Connect {
    type Output = Result<WebSocket, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    /// Fails with [`InvalidURI`](ws_errors::InvalidURI), with an exception of the opening handshake that the
    /// [`ClientRequest`] contradicts, or with [`Error::Connect`], whose cause is one of these: an exception of the
    /// opening handshake, among them [`HandshakeTimeout`](ws_errors::HandshakeTimeout) and, for redirects,
    /// [`SecurityError`](ws_errors::SecurityError); [`Error::Resolve`] for a host without an address; [`Error::Io`]
    /// when the network failed; [`Error::Tls`], or [`Error::TlsUnavailable`] for `wss://` without the feature `tls`;
    /// [`InvalidProxy`](ws_errors::InvalidProxy) and [`ProxyError`](ws_errors::ProxyError); an error of
    /// [`headers_with`](Connect::headers_with).
    ///
    /// If the future is dropped, the attempt ends, and nothing is left of it.
    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let (uri, settings) = self.request.into_parts(self.settings)?;
            open::open(uri, settings).await
        })
    }
}

/// Opens a WebSocket connection on a stream that leads to a server; host, port and path of the URI go
/// into the request.
///
/// The stream may be anything: a Unix socket, a TLS stream, a tunnel. [`accept`](crate::accept()) has
/// an example. There is one attempt: redirects aren't followed, challenges not answered, and
/// [`headers_with`](Connect::headers_with) isn't asked.
pub fn client<S: AsyncRead + AsyncWrite + Unpin>(
    io: S,
    request: impl Into<ClientRequest>,
) -> Client<S> {
    Client { io, request: request.into(), settings: ClientSettings::new() }
}

/// Opens a WebSocket connection on a stream: see [`client()`].
#[must_use = "nothing happens unless it is awaited"]
pub struct Client<S = Transport> {
    io: S,
    request: ClientRequest,
    settings: ClientSettings,
}

impl<S> Client<S> {
    builder_settings!(ClientSettings: client_settings);
}

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect")
            .field("uri", &self.request)
            .field("settings", &self.settings)
            .finish()
    }
}

impl<S> fmt::Debug for Client<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("uri", &self.request)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> IntoFuture for Client<S> {
    type Output = Result<WebSocket<S>, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    /// Fails with [`InvalidURI`](ws_errors::InvalidURI), with an exception of the opening handshake that the
    /// [`ClientRequest`] contradicts, or with [`Error::Connect`], whose cause is an exception of the opening handshake,
    /// among them [`HandshakeTimeout`](ws_errors::HandshakeTimeout), or [`Error::Io`] when the stream failed.
    fn into_future(self) -> Self::IntoFuture {
        let Self { io, request, settings } = self;
        Box::pin(async move {
            let (uri, settings) = request.into_parts(settings)?;
            let attempt = Attempt { connected: true, stage: Stage::Response, ..Attempt::default() };
            let mut response = None;
            let (stream, origin, trace) =
                (ready(Ok(io)), Instant::now(), Trace::client(&uri, settings.trace_payloads));
            let opening =
                handshake::connect(stream, &uri, &settings, origin, &mut response, &trace);
            let opened = trace.instrument(opening).await;
            opened.map_err(|cause| {
                metrics::not_connected();
                Error::from(ConnectError::new(uri, attempt, response, cause))
            })
        })
    }
}
