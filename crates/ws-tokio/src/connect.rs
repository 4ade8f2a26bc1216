//! [`connect`] and [`client`]: the client's end of a connection.

use std::future::{Future, IntoFuture, ready};
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use ws_proto::Uri;

use crate::error::Error;
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
        if uri.secure() {
            return Err(Error::TlsUnavailable);
        }
        let tcp = async {
            let tcp = TcpStream::connect((uri.host(), uri.port())).await?;
            tcp.set_nodelay(true)?;
            Ok(Transport::Tcp(tcp))
        };
        handshake::connect(tcp, &uri, &self.settings).await
    }
}

impl IntoFuture for Connect {
    type Output = Result<WebSocket, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    /// Fails with [`InvalidURI`](ws_errors::InvalidURI) or another exception of the opening
    /// handshake, with [`Error::TlsUnavailable`] for `wss://`, with [`Error::Io`] when the network
    /// failed, with [`Error::OpenTimeout`] when it took too long.
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

    /// Fails with [`InvalidURI`](ws_errors::InvalidURI) or another exception of the opening
    /// handshake, with [`Error::Io`] when the stream failed, with [`Error::OpenTimeout`] when it took
    /// too long.
    fn into_future(self) -> Self::IntoFuture {
        let Self { io, uri, settings } = self;
        let settings = settings.complete();
        Box::pin(async move {
            let uri = Uri::parse(&uri)?;
            handshake::connect(ready(Ok(io)), &uri, &settings).await
        })
    }
}
