//! Connections whose opening handshake goes through somebody else's HTTP: [`Upgrader`] and [`ClientUpgrader`].

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use ws_errors::{AbortHandshake, InvalidHandshake};
use ws_proto::client::{self, ClientHandshake};
use ws_proto::extension::Extensions;
use ws_proto::http::{HandshakeLimits, HttpVersion, Request, Response};
use ws_proto::server::{self, Negotiated, ServerHandshake, ServerOptions};
use ws_proto::{Config, Connection, Uri};
use ws_types::Subprotocol;

use crate::WebSocket;
use crate::client::ClientRequest;
use crate::connection::Info;
use crate::error::Error;
use crate::forwarded::Forwarded;
use crate::handshake::{begin, random};
use crate::server::Connections;
use crate::server::stop::Stop;
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
/// Hooks and the time limit of the opening handshake are those of the HTTP server. Its graceful shutdown knows nothing
/// of a connection once it is upgraded: [`Connections`] end them, and run their handlers.
#[derive(Clone)]
pub struct Upgrader {
    settings: Arc<ServerSettings>,
    /// The end of the connections that requests are judged for.
    stop: Option<Arc<Stop>>,
}

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
    opened: Opened,
}

/// All of a connection but the stream.
struct Opened {
    info: Info,
    extensions: Extensions,
    config: Arc<Config>,
    flow: FlowSettings,
    trace_payloads: bool,
    /// Of a server: who is believed when it names the client.
    forwarded: Forwarded,
    /// Of a client: the URI, and the seed of its masking keys.
    client: Option<(Uri, [u8; 32])>,
}

impl Upgrader {
    /// Takes the settings of a server. The responses have no `Server` header unless it is set, since the server is
    /// somebody else's.
    ///
    /// # Errors
    /// [`InvalidHeaderValue`](ws_errors::InvalidHeaderValue) when a setting is illegal.
    pub fn new(mut settings: ServerSettings) -> Result<Self, Error> {
        if settings.options.server_header_value() == ServerOptions::default().server_header_value()
        {
            settings.options = settings.options.server_header(None);
        }
        let settings = settings.complete();
        settings.options.validate()?;
        Ok(Self { settings: Arc::new(settings), stop: None })
    }

    /// Answers requests with 503 once these connections [drain](Connections::drain), or are
    /// [shut down](Connections::shutdown). Default: goes on.
    #[must_use]
    pub fn connections<S>(mut self, connections: &Connections<S>) -> Self {
        self.stop = Some(Arc::clone(connections.stop()));
        self
    }

    /// Checks a request, its `Host` too, and negotiates, as [`ws_proto::server::negotiate`] does. Send the
    /// [response](Upgrade::response), and take the stream from behind it.
    ///
    /// # Errors
    /// The [`Refusal`], with the response to send instead.
    #[expect(clippy::result_large_err, reason = "it is returned once for each connection")]
    pub fn negotiate(&self, request: Request) -> Result<Upgrade, Refusal> {
        let options = &self.settings.options;
        if self.stop.as_ref().is_some_and(|stop| stop.refuses()) {
            let Response { status_code, headers, body, .. } = server::shutting_down(options, None);
            let error = AbortHandshake::new(status_code, headers, body);
            return Err(self.refuse(error.into(), request.method(), request.version()));
        }
        let (method, version) = (request.method().to_owned(), request.version());
        let negotiated = check(request, options).and_then(|request| {
            server::negotiate(&request, options, None).map(|negotiated| (request, negotiated))
        });
        let (request, negotiated) =
            negotiated.map_err(|error| self.refuse(error, &method, version))?;
        let Negotiated { response, subprotocol, extension_headers, extensions, .. } = negotiated;
        let info = Info {
            request: Some(Box::new(request)),
            extensions: extension_headers.into(),
            subprotocol,
            ..Info::default()
        };
        Ok(Upgrade { response, opened: Opened::server(&self.settings, info, extensions) })
    }

    /// Makes a server's connection of a stream whose opening handshake is done: by other means, or by a process that
    /// hands its streams over. Nothing is checked. `read` are the bytes that were read behind the handshake; the
    /// extensions are those that were agreed on, `Extensions::default()` for none.
    ///
    /// [`request`](WebSocket::request) and all else that comes from the handshake is absent. Call it within a runtime
    /// of tokio, so that the connection looks after itself.
    ///
    /// ```
    /// use ws_tokio::protocol::extension::Extensions;
    /// use ws_tokio::{ClientSettings, ClientUpgrader, Error, ServerSettings, Upgrader};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let (near, far) = tokio::io::duplex(4096);
    /// let server = Upgrader::new(ServerSettings::new())?;
    /// let server = server.assume_open(far, b"", Extensions::default());
    /// let client = ClientUpgrader::new("ws://localhost/", ClientSettings::new())?;
    /// let mut client = client.assume_open(near, b"", Extensions::default());
    ///
    /// server.send("hello").await?;
    /// assert_eq!(client.recv().await?, Some("hello".into()));
    /// # Ok(()) }
    /// ```
    #[doc(alias = "from_raw_socket")]
    #[doc(alias = "from_partially_read")]
    #[doc(alias = "ServerProtocol")]
    pub fn assume_open<S>(&self, stream: S, read: &[u8], extensions: Extensions) -> WebSocket<S>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        Opened::server(&self.settings, Info::default(), extensions).into_web_socket(stream, read)
    }

    /// Refuses a request with this method and version of HTTP, for a reason of the program: makes the response, in
    /// which a reason that isn't the client's fault stays untold (500). [`AbortHandshake`] has a response of its own.
    #[must_use]
    pub fn refuse(&self, error: InvalidHandshake, method: &str, version: HttpVersion) -> Refusal {
        let response = server::reject(&error, Some(method), &self.settings.options, None);
        // Only what isn't HTTP has none.
        let mut response = response.unwrap_or_else(|| Response::text(400, ""));
        if version == HttpVersion::Http2 {
            server::remove_connection_headers(&mut response);
        }
        Refusal { error, response }
    }

    /// The limits of the opening handshake: its time limit is for whoever waits for the stream to keep.
    #[must_use]
    pub fn handshake_limits(&self) -> HandshakeLimits {
        self.settings.options.handshake_limits()
    }
}

/// Checks what the HTTP server may not have checked.
fn check(request: Request, options: &ServerOptions) -> Result<Request, InvalidHandshake> {
    let mut handshake = ServerHandshake::new(options, Duration::ZERO);
    handshake.receive_request(request)?;
    handshake.into_request().ok_or_else(|| InvalidHandshake::new("no request"))
}

impl ClientUpgrader {
    /// Makes the request for a `ws://` or `wss://` URI, which HTTP clients may call `http://` or `https://`.
    ///
    /// # Errors
    /// [`InvalidURI`](ws_errors::InvalidURI), or an exception of the opening handshake when a setting is illegal;
    /// [`Error::Io`] when the system has no random bytes.
    pub fn new(request: impl Into<ClientRequest>, settings: ClientSettings) -> Result<Self, Error> {
        let (uri, settings) = request.into().of_http_client().into_parts(settings)?;
        let (nonce, seed) = random()?;
        let handshake = ClientHandshake::new(&uri, &settings.options, nonce, Duration::ZERO)?;
        Ok(Self { handshake, settings, uri, seed })
    }

    /// Makes the request, as [`new`](Self::new), over HTTP/2, an extended `CONNECT` with a
    /// [`protocol`](Request::protocol) ([RFC 8441 §5]).
    ///
    /// # Errors
    /// As [`new`](Self::new).
    ///
    /// [RFC 8441 §5]: https://www.rfc-editor.org/rfc/rfc8441#section-5
    pub fn over_http2(
        request: impl Into<ClientRequest>,
        settings: ClientSettings,
    ) -> Result<Self, Error> {
        let (uri, settings) = request.into().of_http_client().into_parts(settings)?;
        let (_, seed) = random()?;
        let handshake = ClientHandshake::over_http2(&uri, &settings.options, Duration::ZERO)?;
        Ok(Self { handshake, settings, uri, seed })
    }

    /// The limits of the opening handshake, which are for the HTTP client to keep.
    #[must_use]
    pub fn handshake_limits(&self) -> HandshakeLimits {
        self.settings.options.handshake_limits()
    }

    /// The request to send: all of its headers belong to the handshake. An HTTP client that writes `Host` or
    /// `User-Agent` itself may leave out these two.
    #[must_use]
    pub fn request(&self) -> &Request {
        self.handshake.request()
    }

    /// Whether a response with this status may open the connection: 101, over HTTP/2 one of success. The body of
    /// another one explains a refusal.
    #[must_use]
    pub fn opens(&self, status_code: u16) -> bool {
        self.handshake.opens(status_code)
    }

    /// Judges the response; then take the stream from behind it.
    ///
    /// # Errors
    /// [`InvalidStatus`](ws_errors::InvalidStatus) unless the status is 101, over HTTP/2 one of success; other
    /// exceptions of the opening handshake when the headers aren't what was asked for.
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
            extensions: extension_headers.into(),
            subprotocol,
            ..Info::default()
        };
        let opened = Opened::client(self.settings, (self.uri, self.seed), info, extensions);
        Ok(Upgrade { response, opened })
    }

    /// Makes a client's connection of a stream whose opening handshake is done: see [`Upgrader::assume_open`]. The URI
    /// is for logs.
    #[doc(alias = "from_raw_socket")]
    #[doc(alias = "from_partially_read")]
    #[doc(alias = "ClientProtocol")]
    pub fn assume_open<S>(self, stream: S, read: &[u8], extensions: Extensions) -> WebSocket<S>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        Opened::client(self.settings, (self.uri, self.seed), Info::default(), extensions)
            .into_web_socket(stream, read)
    }
}

impl Upgrade {
    /// The response `101 Switching Protocols`, over HTTP/2 200: the one to send, or the one that was received.
    #[must_use]
    pub fn response(&self) -> &Response {
        &self.response
    }

    /// The subprotocol that was agreed on.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&Subprotocol> {
        self.opened.info.subprotocol.as_ref()
    }

    /// Notes the address of the peer, which a stream of another HTTP library doesn't tell:
    /// [`WebSocket::peer_addr`].
    pub fn peer_addr(mut self, addr: impl Into<Option<SocketAddr>>) -> Self {
        self.opened.info.peer_addr = addr.into();
        self
    }

    /// Leaves a value for the handler, which finds it by [`WebSocket::data`]. It replaces another of the same type.
    pub fn data<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.opened.info.data.insert(value);
        self
    }

    /// Makes the connection. `read` are the bytes that were read behind the handshake and belong to it: begun or whole
    /// frames. Call it within a runtime of tokio, so that the connection looks after itself.
    pub fn into_web_socket<S>(self, stream: S, read: &[u8]) -> WebSocket<S>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        self.opened.into_web_socket(stream, read)
    }
}

impl Opened {
    fn server(settings: &ServerSettings, info: Info, extensions: Extensions) -> Self {
        Self {
            info,
            extensions,
            config: Arc::clone(&settings.config),
            flow: settings.flow,
            trace_payloads: settings.trace_payloads,
            forwarded: settings.forwarded.clone(),
            client: None,
        }
    }

    fn client(
        settings: ClientSettings,
        client: (Uri, [u8; 32]),
        info: Info,
        extensions: Extensions,
    ) -> Self {
        Self {
            info: Info { ended: settings.ended, ..info },
            extensions,
            config: settings.config,
            flow: settings.flow,
            trace_payloads: settings.trace_payloads,
            forwarded: Forwarded::default(),
            client: Some(client),
        }
    }

    fn into_web_socket<S>(self, stream: S, read: &[u8]) -> WebSocket<S>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self { info, extensions, config, flow, trace_payloads, forwarded, client } = self;
        let (origin, now) = (Instant::now(), Duration::ZERO);
        let noted = info.peer_addr;
        let mut info = info.with_addresses(&stream);
        info.peer_addr = noted.or(info.peer_addr);
        if let (None, Some(request)) = (&client, &info.request) {
            info.peer_addr = forwarded.client(request.headers(), info.peer_addr);
        }
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
        let is_http2 = |request: &Request| request.version() == HttpVersion::Http2;
        let lingers = !info.request.as_deref().is_some_and(is_http2);
        let ws = begin(stream, conn, read, info, origin, flow, trace);
        {
            let shared = ws.shared();
            let mut driver = shared.lock();
            driver.lingers = lingers;
            driver.spawn_background();
        }
        ws
    }
}

impl fmt::Debug for Upgrader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgrader").field("settings", &self.settings).finish_non_exhaustive()
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
