//! The way to a server: direct or through a proxy, plain or with TLS.

use std::fmt;
use std::future::Future;
use std::io;
#[cfg(unix)]
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use ws_errors::InvalidURI;
use ws_proto::Uri;
use ws_proto::http::HandshakeLimits;

use super::proxy::{Proxy, Target, tunnel};
use super::tcp::TcpSettings;
#[cfg(feature = "tls")]
use super::tls::ClientTls;
use crate::Transport;
use crate::error::{Attempt, Error, Stage};
use crate::trace::debug;
use crate::transport::Stream;

/// Makes a stream with TLS out of one that leads to a host.
pub(crate) type TlsConnector = Arc<
    dyn Fn(String, Transport) -> Pin<Box<dyn Future<Output = io::Result<Box<dyn Stream>>> + Send>>
        + Send
        + Sync,
>;

/// Settings of the way to a server.
#[derive(Clone, Default)]
pub(crate) struct Dial {
    pub(crate) tcp: TcpSettings,
    pub(crate) proxy: Proxy,
    /// `host:port` to connect to, instead of those of the URI.
    pub(crate) connect_to: Option<String>,
    #[cfg(unix)]
    pub(crate) unix_socket: Option<PathBuf>,
    #[cfg(feature = "tls")]
    pub(crate) tls: ClientTls,
    #[cfg(feature = "tls")]
    pub(crate) proxy_tls: ClientTls,
    pub(crate) tls_connector: Option<TlsConnector>,
}

impl fmt::Debug for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Dial");
        debug.field("tcp", &self.tcp).field("proxy", &self.proxy);
        debug.field("connect_to", &self.connect_to);
        #[cfg(unix)]
        debug.field("unix_socket", &self.unix_socket);
        #[cfg(feature = "tls")]
        debug.field("tls", &self.tls).field("proxy_tls", &self.proxy_tls);
        debug.field("tls_connector", &self.tls_connector.is_some()).finish()
    }
}

impl Dial {
    /// Opens a stream to the server of a URI.
    pub(super) async fn open(
        &self,
        uri: &Uri,
        user_agent: Option<&str>,
        limits: HandshakeLimits,
        attempt: &mut Attempt,
    ) -> Result<Transport, Error> {
        if uri.secure() && !self.has_tls() {
            return Err(Error::TlsUnavailable);
        }
        let mut stream = self.route(uri, user_agent, limits, attempt).await?;
        if uri.secure() {
            attempt.stage = Stage::Tls;
            stream = self.tls(uri.host(), stream).await?;
        }
        attempt.stage = Stage::Response;
        Ok(stream)
    }

    fn has_tls(&self) -> bool {
        cfg!(feature = "tls") || self.tls_connector.is_some()
    }

    /// Whether the way to the server is fixed, so that it holds for one origin only.
    pub(super) fn is_fixed(&self) -> bool {
        #[cfg(unix)]
        let is_unix = self.unix_socket.is_some();
        #[cfg(not(unix))]
        let is_unix = false;
        #[cfg(feature = "tls")]
        let is_named = self.tls.fixed_server_name().is_some();
        #[cfg(not(feature = "tls"))]
        let is_named = false;
        is_unix || is_named || self.connect_to.is_some()
    }

    /// The same for another origin: without the client's certificate.
    pub(super) fn forget_identity(&mut self) {
        #[cfg(feature = "tls")]
        {
            self.tls = self.tls.without_identity();
        }
    }

    /// Opens a stream without TLS.
    async fn route(
        &self,
        uri: &Uri,
        user_agent: Option<&str>,
        limits: HandshakeLimits,
        attempt: &mut Attempt,
    ) -> Result<Transport, Error> {
        #[cfg(unix)]
        if let Some(path) = &self.unix_socket {
            debug!(path = %path.display(), "connecting");
            let stream = tokio::net::UnixStream::connect(path).await.map_err(|e| {
                let kind = match e.kind() {
                    // A server that restarts has removed it: as with TCP, nobody listens for a while.
                    io::ErrorKind::NotFound => io::ErrorKind::ConnectionRefused,
                    kind => kind,
                };
                io::Error::new(kind, format!("{}: {e}", path.display()))
            })?;
            debug!(path = %path.display(), "connected");
            attempt.connected = true;
            return Ok(Transport::Unix(stream));
        }
        let target = self.connect_to.as_ref().map(|it| parse_authority(it, uri)).transpose()?;
        let target = target.as_ref().unwrap_or(uri);
        let (host, port) = (target.host(), target.port());
        match self.proxy.choose(target)? {
            Some(proxy) => {
                let target = Target { host, port };
                tunnel(&proxy, target, self, user_agent, limits, attempt).await
            }
            None => self.tcp.connect(host, port, attempt).await.map(Transport::Tcp),
        }
    }

    async fn tls(&self, host: &str, stream: Transport) -> Result<Transport, Error> {
        if let Some(connector) = &self.tls_connector {
            let stream = connector(host.to_owned(), stream).await.map_err(Error::Tls)?;
            return Ok(Transport::Other(stream));
        }
        #[cfg(feature = "tls")]
        return Ok(Transport::Tls(Box::new(self.tls.connect(host, stream).await?.into())));
        #[cfg(not(feature = "tls"))]
        Err(Error::TlsUnavailable)
    }

    /// Does the TLS handshake with a proxy.
    #[cfg(feature = "tls")]
    pub(super) async fn proxy_tls(
        &self,
        host: &str,
        stream: Transport,
    ) -> Result<Transport, Error> {
        Ok(Transport::Tls(Box::new(self.proxy_tls.connect(host, stream).await?.into())))
    }

    #[cfg(not(feature = "tls"))]
    #[expect(clippy::unused_async, reason = "with the feature it waits")]
    pub(super) async fn proxy_tls(&self, _: &str, _: Transport) -> Result<Transport, Error> {
        Err(Error::TlsUnavailable)
    }
}

/// Takes `host:port` apart; without a port, it is the usual one for `uri`.
fn parse_authority(authority: &str, uri: &Uri) -> Result<Uri, InvalidURI> {
    if authority.contains(['/', '?', '#', '@']) {
        return Err(InvalidURI::new("the address to connect to", "it isn't a host and a port"));
    }
    // A URI has the same grammar.
    Uri::parse(&format!("{}://{authority}", if uri.secure() { "wss" } else { "ws" }))
}
