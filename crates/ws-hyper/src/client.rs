//! [`connect`]: connections of a client.

use std::error::Error as StdError;
use std::future::Future;
use std::io;

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use ws_tokio::exceptions::HandshakeTimeout;
use ws_tokio::{ClientRequest, ClientSettings, ClientUpgrader, Error, HandshakeLimits};

use crate::WebSocket;

/// Opens a connection over one of hyper's, or by any other client whose responses are hyper's: `send` sends the
/// request.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use http_body_util::Empty;
/// use hyper::body::Bytes;
/// use hyper_util::rt::TokioIo;
/// use ws_tokio::ClientSettings;
///
/// let tcp = tokio::net::TcpStream::connect("localhost:8765").await?;
/// let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(tcp)).await?;
/// tokio::spawn(connection.with_upgrades());
///
/// let settings = ClientSettings::new();
/// let uri = "ws://localhost:8765/chat";
/// let ws = ws_hyper::connect(uri, settings, |request: http::Request<Empty<Bytes>>| {
///     sender.send_request(request)
/// })
/// .await?;
/// ws.send("hello").await?;
/// # Ok(()) }
/// ```
///
/// The target of the request is path and query. A client that looks for the server itself wants a whole URI: set it in
/// `send`. The way to the server, redirects and challenges are the HTTP client's; settings about them have no effect.
///
/// # Errors
/// [`InvalidURI`](ws_tokio::exceptions::InvalidURI); [`Error::Io`], with the error of `send` within;
/// [`InvalidStatus`](ws_tokio::exceptions::InvalidStatus) when the server refuses, and other exceptions of the opening
/// handshake; [`HandshakeTimeout`] when all of it takes longer than
/// [`open_timeout`](ws_tokio::ClientSettings::open_timeout).
///
/// # Cancel safety
/// Dropping the future drops the handshake, and the HTTP connection may be left in the middle of it: drop that, too.
pub async fn connect<B, F, E>(
    request: impl Into<ClientRequest>,
    settings: ClientSettings,
    send: impl FnOnce(Request<B>) -> F,
) -> Result<WebSocket, Error>
where
    B: Default,
    F: Future<Output = Result<Response<Incoming>, E>>,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    open(ClientUpgrader::new(request, settings)?, send).await
}

/// Opens a connection over one of hyper's that speaks HTTP/2 ([RFC 8441 §5]), beside other requests: see [`connect`].
///
/// The server has to allow it by a setting of HTTP/2, `SETTINGS_ENABLE_CONNECT_PROTOCOL`, which comes at the beginning
/// of a connection. If it doesn't, or that hasn't come yet, hyper refuses to send the request.
///
/// # Errors
/// As [`connect`].
///
/// # Cancel safety
/// Dropping the future drops the handshake; other requests of the HTTP connection go on.
///
/// [RFC 8441 §5]: https://www.rfc-editor.org/rfc/rfc8441#section-5
#[cfg(feature = "http2")]
pub async fn connect_over_http2<B, F, E>(
    request: impl Into<ClientRequest>,
    settings: ClientSettings,
    send: impl FnOnce(Request<B>) -> F,
) -> Result<WebSocket, Error>
where
    B: Default,
    F: Future<Output = Result<Response<Incoming>, E>>,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    open(ClientUpgrader::over_http2(request, settings)?, send).await
}

async fn open<B, F, E>(
    upgrader: ClientUpgrader,
    send: impl FnOnce(Request<B>) -> F,
) -> Result<WebSocket, Error>
where
    B: Default,
    F: Future<Output = Result<Response<Incoming>, E>>,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    let limits = upgrader.handshake_limits();
    let opening = async {
        let request = Request::try_from(upgrader.request()).map_err(io::Error::other)?;
        #[cfg_attr(not(feature = "http2"), expect(unused_mut, reason = "nothing is added"))]
        let mut request = request.map(|()| B::default());
        #[cfg(feature = "http2")]
        if let Some(protocol) = upgrader.request().protocol() {
            request.extensions_mut().insert(hyper::ext::Protocol::from(protocol));
        }
        let mut response = send(request).await.map_err(io::Error::other)?;
        let mut head = ws_tokio::Response::try_from(&response).map_err(Error::from)?;
        let on_upgrade = hyper::upgrade::on(&mut response);
        if !upgrader.opens(head.status_code) {
            head.body = body(response.into_body(), &limits).await;
        }
        let upgrade = upgrader.receive_response(head)?;
        let upgraded = on_upgrade.await.map_err(io::Error::other)?;
        Ok(upgrade.into_web_socket(TokioIo::new(upgraded), b""))
    };
    match limits.open_timeout {
        None => opening.await,
        Some(limit) => match tokio::time::timeout(limit, opening).await {
            Ok(opened) => opened,
            Err(_) => Err(HandshakeTimeout::new(limit).into()),
        },
    }
}

/// The body of a refusal, as much of it as the limits on size and time allow.
async fn body(mut body: Incoming, limits: &HandshakeLimits) -> Vec<u8> {
    let mut read = Vec::new();
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await {
            let Some(data) = frame.data_ref() else { continue };
            let left = limits.max_body.saturating_sub(read.len());
            read.extend_from_slice(data.get(..left).unwrap_or(data));
            if data.len() >= left {
                break;
            }
        }
    };
    // What has come by then explains enough.
    _ = tokio::time::timeout(limits.max_body_time, reading).await;
    read
}
