//! Connections whose opening handshake goes through somebody else's HTTP: [`Upgrader`] and [`ClientUpgrader`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use ws_errors::InvalidHandshake;
use ws_proto::client::{self, ClientHandshake};
use ws_proto::extension::Extensions;
use ws_proto::http::{Request, Response};
use ws_proto::server::{self, Negotiated, ServerHandshake, ServerOptions};
use ws_proto::{Config, Connection, Uri};
use ws_types::Subprotocol;

use crate::WebSocket;
use crate::connection::Info;
use crate::error::Error;
use crate::handshake::{begin, random};
use crate::settings::{ClientSettings, FlowSettings, ServerSettings};
use crate::trace::Trace;

/// Judges the requests that an HTTP server has received, and makes connections of the streams that it hands out: all that
/// [`accept`](crate::accept()) does, but for reading the request and writing the response.
///
/// ```
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
/// use ws_tokio::{Error, Request, ServerSettings, Upgrader, client};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let upgrader = Upgrader::new(ServerSettings::new().max_message_size(64 << 10))?;
///
/// let (near, mut far) = tokio::io::duplex(4096);
/// let client = tokio::spawn(async move { client(near, "ws://localhost/").await?.recv().await });
///
/// // This would be the part of the HTTP server.
/// # let mut head = vec![0; 4096];
/// # let len = far.read(&mut head).await?;
/// # let mut reader = ws_tokio::protocol::http::RequestReader::new(Default::default());
/// # let (request, _): (Request, usize) = reader.receive_data(&head[..len])?.unwrap();
/// let upgrade = upgrader.negotiate(request).map_err(|refusal| refusal.error)?;
/// far.write_all(&upgrade.response().serialize()).await?;
///
/// let ws = upgrade.into_web_socket(far, b"");
/// ws.send("hello").await?;
/// ws.close(1000, "").await?;
/// assert_eq!(client.await.unwrap()?, Some("hello".into()));
/// # Ok(()) }
/// ```
///
/// Hooks and the time limit of the opening handshake are those of the HTTP server; so is its graceful shutdown, which
/// knows nothing of a connection once it is upgraded.
#[derive(Clone, Debug)]
pub struct Upgrader(Arc<ServerSettings>);

/// The client's end of an opening handshake that an HTTP client does: gives the request to send, and judges the
/// response.
///
/// ```no_run
/// # async fn run<S>(send: impl AsyncFnOnce(&ws_tokio::Request) -> (ws_tokio::Response, S)) -> Result<(), ws_tokio::Error>
/// # where S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static {
/// use ws_tokio::{ClientSettings, ClientUpgrader};
///
/// let upgrader = ClientUpgrader::new("wss://example.com/chat", ClientSettings::new())?;
/// let (response, stream) = send(upgrader.request()).await;
/// let ws = upgrader.receive_response(response)?.into_web_socket(stream, b"");
/// ws.send("hello").await?;
/// # Ok(()) }
/// ```
///
/// The way to the server, redirects, challenges and the time limit are the HTTP client's.
#[derive(Debug)]
pub struct ClientUpgrader {
    handshake: ClientHandshake,
    settings: ClientSettings,
    uri: Uri,
    seed: [u8; 32],
}

/// The refusal of a request.
#[derive(Debug)]
#[non_exhaustive]
pub struct Refusal {
    /// The reason.
    pub error: InvalidHandshake,
    /// The response to send, which says it to people.
    pub response: Response,
}

/// An opening handshake that has succeeded: it becomes a connection as soon as there is the stream.
#[must_use = "the stream makes a connection of it"]
pub struct Upgrade {
    response: Response,
    info: Info,
    extensions: Extensions,
    config: Arc<Config>,
    flow: FlowSettings,
    trace_payloads: bool,
    /// Of a client: the URI, and the seed of its masking keys.
    client: Option<(Uri, [u8; 32])>,
}

impl Upgrader {
    /// Takes the settings of a server.
    ///
    /// # Errors
    /// [`InvalidHeaderValue`](ws_errors::InvalidHeaderValue) when a setting is illegal.
    pub fn new(settings: ServerSettings) -> Result<Self, Error> {
        let settings = settings.complete();
        settings.options.validate()?;
        Ok(Self(Arc::new(settings)))
    }

    /// Checks a request, its `Host` too, and negotiates, as [`ws_proto::server::negotiate`] does. Send the
    /// [response](Upgrade::response), and take the stream from behind it.
    ///
    /// # Errors
    /// The [`Refusal`], with the response to send instead.
    #[expect(clippy::result_large_err, reason = "it is returned once for each connection")]
    pub fn negotiate(&self, request: Request) -> Result<Upgrade, Refusal> {
        let ServerSettings { options, config, flow, trace_payloads, .. } = &*self.0;
        let method = request.method().to_owned();
        let negotiated = check(request, options).and_then(|request| {
            server::negotiate(&request, options, None).map(|negotiated| (request, negotiated))
        });
        match negotiated {
            Ok((request, negotiated)) => {
                let Negotiated { response, subprotocol, extension_headers, extensions, .. } =
                    negotiated;
                let info = Info {
                    request: Some(Box::new(request)),
                    extensions: extension_headers.into(),
                    subprotocol,
                    ..Info::default()
                };
                let (config, flow, trace_payloads) = (Arc::clone(config), *flow, *trace_payloads);
                let client = None;
                Ok(Upgrade { response, info, extensions, config, flow, trace_payloads, client })
            }
            Err(error) => {
                let response = server::reject(&error, Some(&method), options, None);
                // Only what isn't HTTP has none.
                let response = response.unwrap_or_else(|| Response::text(400, ""));
                Err(Refusal { error, response })
            }
        }
    }
}

/// Checks what the HTTP server may not have checked.
fn check(request: Request, options: &ServerOptions) -> Result<Request, InvalidHandshake> {
    let mut handshake = ServerHandshake::new(options, Duration::ZERO);
    handshake.receive_request(request)?;
    handshake.into_request().ok_or_else(|| InvalidHandshake::new("no request"))
}

impl ClientUpgrader {
    /// Makes the request for a `ws://` or `wss://` URI.
    ///
    /// # Errors
    /// [`InvalidURI`](ws_errors::InvalidURI), or an exception of the opening handshake when a setting is illegal;
    /// [`Error::Io`] when the system has no random bytes.
    pub fn new(uri: impl AsRef<str>, settings: ClientSettings) -> Result<Self, Error> {
        let (uri, settings) = (Uri::parse(uri.as_ref())?, settings.complete());
        let (nonce, seed) = random()?;
        let handshake = ClientHandshake::new(&uri, &settings.options, nonce, Duration::ZERO)?;
        Ok(Self { handshake, settings, uri, seed })
    }

    /// The request to send: all of its headers, `Host` included, belong to the handshake.
    #[must_use]
    pub fn request(&self) -> &Request {
        self.handshake.request()
    }

    /// Judges the response; then take the stream from behind it.
    ///
    /// # Errors
    /// [`InvalidStatus`](ws_errors::InvalidStatus) unless the status is 101; other exceptions of the opening handshake when
    /// the headers aren't what was asked for.
    pub fn receive_response(mut self, response: Response) -> Result<Upgrade, Error> {
        self.handshake.receive_response(response)?;
        let request = self.handshake.request().clone();
        let Some(negotiated) = self.handshake.into_negotiated() else {
            return Err(InvalidHandshake::new("the response is incomplete").into());
        };
        let client::Negotiated { response, subprotocol, extension_headers, extensions, .. } =
            negotiated;
        let info = Info {
            request: Some(Box::new(request)),
            response: Some(Box::new(response.clone())),
            ended: self.settings.ended,
            extensions: extension_headers.into(),
            subprotocol,
            ..Info::default()
        };
        let ClientSettings { config, flow, trace_payloads, .. } = self.settings;
        let client = Some((self.uri, self.seed));
        Ok(Upgrade { response, info, extensions, config, flow, trace_payloads, client })
    }
}

impl Upgrade {
    /// The response `101 Switching Protocols`: the one to send, or the one that was received.
    #[must_use]
    pub fn response(&self) -> &Response {
        &self.response
    }

    /// The subprotocol that was agreed on.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&Subprotocol> {
        self.info.subprotocol.as_ref()
    }

    /// Makes the connection. `read` are the bytes that were read behind the handshake and belong to it: begun or whole
    /// frames. Call it within a runtime of tokio, so that the connection looks after itself.
    pub fn into_web_socket<S>(self, stream: S, read: &[u8]) -> WebSocket<S>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self { info, extensions, config, flow, trace_payloads, client, .. } = self;
        let (origin, now) = (Instant::now(), Duration::ZERO);
        let info = info.with_addresses(&stream);
        let (conn, trace) = match client {
            Some((uri, seed)) => {
                let trace = Trace::client(&uri, trace_payloads);
                trace.peer(info.peer_addr);
                (Connection::client(config, extensions, seed, now), trace)
            }
            None => {
                let trace = Trace::server(info.peer_addr, trace_payloads);
                if let Some(request) = &info.request {
                    trace.path(request.path());
                }
                (Connection::server(config, extensions, now), trace)
            }
        };
        let ws = begin(stream, conn, read, info, origin, flow, trace);
        ws.shared().lock().spawn_background();
        ws
    }
}

impl fmt::Debug for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgrade").field("response", &self.response).finish_non_exhaustive()
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
