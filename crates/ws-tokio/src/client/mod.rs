//! [`connect`] and [`client`]: the client's end of a connection.

use std::future::{Future, IntoFuture, ready};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use ws_proto::Uri;

use crate::error::{Attempt, ConnectError, Error};
use crate::handshake;
use crate::settings::{ClientSettings, builder_settings};
use crate::{Transport, WebSocket};

/// Connects to a WebSocket server at a `ws://` URI.
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
pub fn connect(uri: impl Into<String>) -> Connect {
    Connect { uri: uri.into(), settings: ClientSettings::new() }
}

/// Connects to a WebSocket server: see [`connect()`].
#[derive(Debug)]
#[must_use = "nothing happens unless it is awaited"]
pub struct Connect {
    uri: String,
    settings: ClientSettings,
}

impl Connect {
    builder_settings!(ClientSettings: client_settings);

    async fn run(self) -> Result<WebSocket, Error> {
        let uri = Uri::parse(&self.uri)?;
        let mut attempt = Attempt::default();
        let opened = handshake::connect(open(&uri, &mut attempt), &uri, &self.settings).await;
        opened.map_err(|cause| Error::Connect(ConnectError::new(uri, attempt, None, cause).into()))
    }
}

/// Opens a stream to the host of a URI: tries its addresses one after the other.
async fn open(uri: &Uri, attempt: &mut Attempt) -> Result<Transport, Error> {
    if uri.secure() {
        return Err(Error::TlsUnavailable);
    }
    let addrs = lookup_host((uri.host(), uri.port())).await.map_err(Error::Resolve)?;
    for addr in addrs {
        attempt.addr = Some(addr);
        match connect_to(addr).await {
            Ok(tcp) => {
                attempt.connected = true;
                return Ok(Transport::Tcp(tcp));
            }
            Err(e) => attempt.failed.push((addr, e)),
        }
    }
    attempt.addr = None;
    Err(match attempt.failed.last() {
        Some((_, e)) => Error::Io(
            e.raw_os_error().map_or_else(|| e.kind().into(), io::Error::from_raw_os_error),
        ),
        None => Error::Resolve(io::Error::new(io::ErrorKind::NotFound, "it has no address")),
    })
}

async fn connect_to(addr: SocketAddr) -> io::Result<TcpStream> {
    let tcp = TcpStream::connect(addr).await?;
    tcp.set_nodelay(true)?;
    Ok(tcp)
}

impl IntoFuture for Connect {
    type Output = Result<WebSocket, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    /// Fails with [`InvalidURI`](ws_errors::InvalidURI), or with [`Error::Connect`], whose cause is an
    /// exception of the opening handshake, among them [`HandshakeTimeout`](ws_errors::HandshakeTimeout);
    /// [`Error::Resolve`] for a host without an address; [`Error::Io`] when the network failed;
    /// [`Error::TlsUnavailable`] for `wss://`.
    fn into_future(mut self) -> Self::IntoFuture {
        self.settings = self.settings.complete();
        Box::pin(self.run())
    }
}

/// Opens a WebSocket connection on a stream that leads to a server; host, port and path of the URI go
/// into the request.
///
/// The stream may be anything: a Unix socket, a TLS stream, a tunnel. [`accept`](crate::accept()) has
/// an example.
pub fn client<S: AsyncRead + AsyncWrite + Unpin>(io: S, uri: impl Into<String>) -> Client<S> {
    Client { io, uri: uri.into(), settings: ClientSettings::new() }
}

/// Opens a WebSocket connection on a stream: see [`client()`].
#[derive(Debug)]
#[must_use = "nothing happens unless it is awaited"]
pub struct Client<S = Transport> {
    io: S,
    uri: String,
    settings: ClientSettings,
}

impl<S> Client<S> {
    builder_settings!(ClientSettings: client_settings);
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> IntoFuture for Client<S> {
    type Output = Result<WebSocket<S>, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    /// Fails with [`InvalidURI`](ws_errors::InvalidURI), or with [`Error::Connect`], whose cause is an
    /// exception of the opening handshake, among them [`HandshakeTimeout`](ws_errors::HandshakeTimeout),
    /// or [`Error::Io`] when the stream failed.
    fn into_future(self) -> Self::IntoFuture {
        let Self { io, uri, settings } = self;
        let settings = settings.complete();
        Box::pin(async move {
            let uri = Uri::parse(&uri)?;
            let attempt = Attempt { connected: true, ..Attempt::default() };
            let opened = handshake::connect(ready(Ok(io)), &uri, &settings).await;
            opened.map_err(|cause| {
                Error::Connect(ConnectError::new(uri, attempt, None, cause).into())
            })
        })
    }
}
