//! [`upgrade`]: connections of a server.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::pin::Pin;

use http::{Method, Request, Response, StatusCode, Version, header};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use ws_tokio::bytes::Bytes;
#[cfg(not(feature = "http2"))]
use ws_tokio::exceptions::InvalidProtocol;
use ws_tokio::exceptions::{HandshakeTimeout, InvalidHandshake};
use ws_tokio::protocol::server::is_opening;
use ws_tokio::{Error, HttpVersion, Subprotocol, Upgrader};

use crate::{Body, WebSocket};

/// Whether a request asks to open a WebSocket, rightly or not: [`upgrade`] judges it.
///
/// ```
/// let page = http::Request::get("/").body(())?;
/// assert!(!ws_hyper::is_upgrade_request(&page));
/// let upgrade = http::Request::get("/chat")
///     .header("Connection", "Upgrade")
///     .header("Upgrade", "websocket")
///     .body(())?;
/// assert!(ws_hyper::is_upgrade_request(&upgrade));
/// # Ok::<(), http::Error>(())
/// ```
#[must_use]
pub fn is_upgrade_request<B>(request: &Request<B>) -> bool {
    // Most requests have neither, and need no second look.
    let may_be = match request.version() {
        Version::HTTP_2 => request.method() == Method::CONNECT,
        _ => request.headers().contains_key(header::UPGRADE),
    };
    #[cfg(not(feature = "http2"))]
    if request.version() == Version::HTTP_2 {
        // Its `:protocol` isn't known. A page in response, with a status of success, would open a connection for the
        // client.
        return may_be && request.headers().contains_key(header::SEC_WEBSOCKET_VERSION);
    }
    may_be && convert(request).is_ok_and(|request| is_opening(&request))
}

/// Judges a request that hyper has received: gives the response to send, and the [`Upgrade`], which becomes the
/// connection once the response has left. Await it in a task of its own, since hyper sends the response only after the
/// service has returned it.
///
/// The request is checked as if this library had read it: limits on the head, host, origin. Over HTTP/2 ([RFC 8441 §5])
/// it needs the feature `http2`, without which the response is 505, and a server with `enable_connect_protocol()`.
///
/// ```
/// use std::convert::Infallible;
/// use http::{Request, Response};
/// use hyper::body::Incoming;
/// use ws_hyper::{Body, Connections, WebSocket, upgrade};
/// use ws_tokio::{Error, Upgrader};
///
/// async fn echo(mut ws: WebSocket) -> Result<(), Error> {
///     while let Some(message) = ws.recv().await? {
///         ws.send(message).await?;
///     }
///     Ok(())
/// }
///
/// async fn service(
///     mut request: Request<Incoming>,
///     upgrader: Upgrader,
///     connections: Connections,
/// ) -> Result<Response<Body>, Infallible> {
///     Ok(match upgrade(&mut request, &upgrader) {
///         Ok((response, upgrade)) => {
///             tokio::spawn(connections.run(upgrade, echo));
///             response
///         }
///         Err(refusal) => refusal.response,
///     })
/// }
/// ```
///
/// # Errors
/// The [`Refusal`] of a request that isn't one for a WebSocket, that breaks a rule, or that the settings refuse. Its
/// error is an [`InvalidHandshake`] without a class, its status 500, when the request doesn't come from a server of
/// hyper, or was upgraded before.
///
/// A server of HTTP/1.1 has to allow upgrades: `serve_connection` needs `with_upgrades()`, the servers of hyper-util
/// `serve_connection_with_upgrades`. That can't be seen here: without, the client gets the response, then the end of
/// the stream, and the [`Upgrade`] fails.
///
/// [RFC 8441 §5]: https://www.rfc-editor.org/rfc/rfc8441#section-5
#[expect(clippy::result_large_err, reason = "it is returned once for each connection")]
pub fn upgrade<B>(
    request: &mut Request<B>,
    upgrader: &Upgrader,
) -> Result<(Response<Body>, Upgrade), Refusal> {
    let refuse = |request: &Request<B>, error| {
        let version = match request.version() {
            version if version >= Version::HTTP_2 => HttpVersion::Http2,
            _ => HttpVersion::Http11,
        };
        Refusal::from(upgrader.refuse(error, request.method().as_str(), version))
    };
    let converted = convert(request).map_err(|error| refuse(request, error))?;
    let upgrade = upgrader.negotiate(converted)?;
    if request.extensions().get::<OnUpgrade>().is_none() {
        let error =
            "the request can't be upgraded: it isn't of a server of hyper, or was upgraded before";
        return Err(refuse(request, InvalidHandshake::new(error)));
    }
    let response = response(upgrade.response());
    let on_upgrade = hyper::upgrade::on(request);
    let open_timeout = upgrader.handshake_limits().open_timeout;
    Ok((response, Upgrade { upgrade, on_upgrade, open_timeout }))
}

/// The request as one of this library.
fn convert<B>(request: &Request<B>) -> Result<ws_tokio::Request, InvalidHandshake> {
    let converted = ws_tokio::Request::try_from(request)?;
    #[cfg(not(feature = "http2"))]
    if request.version() == Version::HTTP_2 {
        // Its `:protocol` isn't known.
        return Err(InvalidProtocol::new(converted.version().as_str()).into());
    }
    #[cfg(feature = "http2")]
    if request.version() == Version::HTTP_2
        && let Some(protocol) = request.extensions().get::<hyper::ext::Protocol>()
    {
        return Ok(converted.with_protocol(protocol.as_str()));
    }
    Ok(converted)
}

/// A response as one for hyper.
fn response(response: &ws_tokio::Response) -> Response<Body> {
    match Response::<Vec<u8>>::try_from(response) {
        Ok(converted) => converted.map(|body| Body::new(Bytes::from(body))),
        // Only a status that isn't one, of the program's own.
        Err(_) => {
            let mut response = Response::new(Body::default());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        }
    }
}

/// An opening handshake that has succeeded: awaited, it becomes the [connection](WebSocket), as soon as hyper has sent
/// the response.
///
/// It gives the connection by itself; [`Connections::run`](ws_tokio::Connections::run) runs a handler for it.
///
/// # Errors
/// [`Error::Io`], with hyper's error within, when the client is gone, the response was never sent, or the server allows
/// no upgrades; [`HandshakeTimeout`] when the response could not be sent within the
/// [`open_timeout`](ws_tokio::ServerSettings::open_timeout), counted from when it is awaited.
///
/// # Cancel safety
/// Dropping it drops the connection.
#[must_use = "the connection is opened when it is awaited"]
pub struct Upgrade {
    upgrade: ws_tokio::Upgrade,
    on_upgrade: OnUpgrade,
    open_timeout: Option<std::time::Duration>,
}

impl Upgrade {
    /// The subprotocol that was agreed on.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&Subprotocol> {
        self.upgrade.subprotocol()
    }

    /// Notes the address of the client, which hyper doesn't know, for
    /// [`WebSocket::peer_addr`](ws_tokio::WebSocket::peer_addr), reports and events.
    pub fn peer_addr(mut self, addr: impl Into<Option<std::net::SocketAddr>>) -> Self {
        self.upgrade = self.upgrade.peer_addr(addr);
        self
    }

    /// Leaves a value for the handler, and for those who see the connection in a list:
    /// [`WebSocket::data`](ws_tokio::WebSocket::data). It replaces another of the same type.
    pub fn data<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.upgrade = self.upgrade.data(value);
        self
    }
}

impl IntoFuture for Upgrade {
    type Output = Result<WebSocket, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { upgrade, on_upgrade, open_timeout } = self;
        Box::pin(async move {
            let upgraded = match open_timeout {
                None => on_upgrade.await,
                Some(limit) => match tokio::time::timeout(limit, on_upgrade).await {
                    Ok(upgraded) => upgraded,
                    Err(_) => return Err(HandshakeTimeout::new(limit).into()),
                },
            };
            let upgraded = TokioIo::new(upgraded.map_err(io::Error::other)?);
            Ok(upgrade.into_web_socket(upgraded, b""))
        })
    }
}

impl fmt::Debug for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgrade").field("upgrade", &self.upgrade).finish_non_exhaustive()
    }
}

/// The refusal of a request.
#[derive(Debug)]
#[non_exhaustive]
pub struct Refusal {
    /// The reason.
    pub error: InvalidHandshake,
    /// The response to send, which says it to people.
    pub response: Response<Body>,
}

impl From<ws_tokio::Refusal> for Refusal {
    fn from(refusal: ws_tokio::Refusal) -> Self {
        Self { response: response(&refusal.response), error: refusal.error }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.error)
    }
}

impl std::error::Error for Refusal {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}
