//! [`WebSocketUpgrade`]: the extractor.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::LazyLock;

use axum::body::Body;
use axum::extract::{ConnectInfo, FromRequestParts, OptionalFromRequestParts, OriginalUri};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use hyper::upgrade::OnUpgrade;
use ws_hyper::{Connections, Upgrade, WebSocket, is_upgrade_request, upgrade};
use ws_tokio::protocol::grammar::parse_subprotocol;
use ws_tokio::{Error, HandshakeLimits, Outcome, ServerSettings, Subprotocol, Upgrader};

use crate::WebSocketUpgradeRejection;

/// Extracts the request to open a WebSocket; [`on_upgrade`](Self::on_upgrade) opens it.
///
/// ```
/// use axum::{Router, extract::State, response::Response, routing::any};
/// use ws_axum::{Connections, Error, WebSocket, WebSocketUpgrade};
///
/// async fn chat(State(connections): State<Connections>, ws: WebSocketUpgrade) -> Response {
///     ws.connections(&connections).max_message_size(64 << 10).on_upgrade(echo)
/// }
///
/// async fn echo(mut ws: WebSocket) -> Result<(), Error> {
///     while let Some(message) = ws.recv().await? {
///         ws.send(message).await?;
///     }
///     Ok(())
/// }
///
/// let app: Router = Router::new().route("/chat", any(chat)).with_state(Connections::new());
/// ```
///
/// A route with `get` serves HTTP/1.1; with `any` HTTP/2, too, where the method is `CONNECT`.
///
/// It rejects requests that aren't for a WebSocket. A handler that answers these, too, with a page for example, takes
/// an `Option<WebSocketUpgrade>`; only those that ask for a WebSocket in a wrong way are rejected then. What the
/// settings refuse, such as the origin, is refused in [`on_upgrade`](Self::on_upgrade).
#[must_use = "`on_upgrade` opens the connection"]
pub struct WebSocketUpgrade {
    request: Request<()>,
    requested: Vec<Subprotocol>,
    settings: ServerSettings,
    connections: Option<Connections>,
    peer_addr: Option<SocketAddr>,
    on_failed_upgrade: Option<OnFailed>,
    /// Changes to the upgrade, once there is one.
    notes: Vec<Note>,
    selected: Option<Subprotocol>,
}

type OnFailed = Box<dyn FnOnce(&Error) + Send>;
type Note = Box<dyn FnOnce(Upgrade) -> Upgrade + Send>;

impl WebSocketUpgrade {
    /// Replaces all settings: limits, keepalive, compression, origins. Call it before the methods that set one. Hooks
    /// aren't asked: middleware has their place. Default: those of [`ServerSettings`].
    ///
    /// Clone settings that were made once. They are cheap to clone.
    ///
    /// ```
    /// use axum::{Router, extract::State, response::Response, routing::any};
    /// use ws_axum::{ServerSettings, WebSocket, WebSocketUpgrade, ws_tokio::OriginRule};
    ///
    /// async fn chat(State(settings): State<ServerSettings>, ws: WebSocketUpgrade) -> Response {
    ///     ws.settings(settings).on_upgrade(async |ws: WebSocket| ws.send("hello").await)
    /// }
    ///
    /// let settings = ServerSettings::new().origins([OriginRule::SameHost]);
    /// let app: Router = Router::new().route("/chat", any(chat)).with_state(settings);
    /// ```
    pub fn settings(mut self, settings: ServerSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Limits received messages, in bytes after decompression, inclusive: see
    /// [`ServerSettings::max_message_size`]. `None`: no limit. Default: 1 MiB.
    pub fn max_message_size(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.settings = self.settings.max_message_size(bytes);
        self
    }

    /// Limits the payload of received data frames, in bytes, inclusive: see [`ServerSettings::max_frame_size`]. `None`,
    /// the default: only the limit on messages holds.
    pub fn max_frame_size(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.settings = self.settings.max_frame_size(bytes);
        self
    }

    /// The supported subprotocols, the preferred one first. A client that offers none of them is refused with 400.
    /// Default: none, whatever clients offer. A name that isn't a token is none that a client could offer.
    pub fn protocols<I>(mut self, protocols: I) -> Self
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let supported = protocols.into_iter().filter_map(|name| name.as_ref().parse().ok());
        let supported: Vec<Subprotocol> = supported.collect();
        self.selected = supported.iter().find(|name| self.requested.contains(name)).cloned();
        self.settings = self.settings.subprotocols(supported);
        self
    }

    /// The subprotocols that the client offers, the preferred one first.
    #[must_use]
    pub fn requested_protocols(&self) -> &[Subprotocol] {
        &self.requested
    }

    /// The first of the [supported](Self::protocols) subprotocols that the client offers; `None` if it offers none of
    /// them. Those of [`settings`](Self::settings) don't count here: call `protocols`.
    #[must_use]
    pub fn selected_protocol(&self) -> Option<&Subprotocol> {
        self.selected.as_ref()
    }

    /// Counts the connection among these, so that it is listed, and closed when they are
    /// [shut down](ws_tokio::Connections::shutdown); their `on_error` is told of its failure. While they drain, the
    /// response is 503. Default: it is on its own, and ends with the program.
    pub fn connections(mut self, connections: &Connections) -> Self {
        self.connections = Some(connections.clone());
        self
    }

    /// Leaves a value for those who see the connection in a [list](ws_tokio::Connections::list), who find it by
    /// [`data`](ws_tokio::Sender::data): the user, for example. It replaces another of the same type.
    pub fn data<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.notes.push(Box::new(|upgrade| upgrade.data(value)));
        self
    }

    /// Replaces the address of the client, which is known only behind
    /// [`into_make_service_with_connect_info`](axum::Router::into_make_service_with_connect_info): by the one that a
    /// proxy tells, for example.
    pub fn peer_addr(mut self, addr: impl Into<Option<SocketAddr>>) -> Self {
        self.peer_addr = addr.into();
        self
    }

    /// Calls `report` if no connection is opened: if the request is refused by the settings, or the client is gone
    /// before the response has left. Default: the `on_error` of the [connections](Self::connections) is told of the
    /// latter.
    pub fn on_failed_upgrade(mut self, report: impl FnOnce(&Error) + Send + 'static) -> Self {
        self.on_failed_upgrade = Some(Box::new(report));
        self
    }

    /// Opens the connection: gives the response for the handler of axum to return, then runs `handler` in a task of its
    /// own.
    ///
    /// When `handler` returns, the connection is closed: with 1000 after `()` or `Ok`, with 1011 after an error or a
    /// panic, unless it was closed before. Whatever it does, pings are answered and the limits hold.
    ///
    /// A request that the settings refuse gets another response, such as 403 for its origin.
    #[must_use = "the connection is opened only if the response is returned"]
    pub fn on_upgrade<H, F>(self, handler: H) -> Response
    where
        H: FnOnce(WebSocket) -> F + Send + 'static,
        F: Future<Output: Outcome> + Send + 'static,
    {
        let Self { mut request, settings, peer_addr, on_failed_upgrade, notes, .. } = self;
        let failed = |error: &Error| {
            if let Some(report) = on_failed_upgrade {
                report(error);
            }
        };
        let connections = self.connections.unwrap_or_default();
        let upgrader = match Upgrader::new(settings) {
            Ok(upgrader) => upgrader.connections(&connections),
            Err(error) => {
                failed(&error);
                return StatusCode::INTERNAL_SERVER_ERROR.into_response();
            }
        };
        match upgrade(&mut request, &upgrader) {
            Ok((response, upgrade)) => {
                let upgrade = upgrade.peer_addr(peer_addr);
                let upgrade = notes.into_iter().fold(upgrade, |upgrade, note| note(upgrade));
                let opening = async { upgrade.await.inspect_err(failed) };
                tokio::spawn(connections.run(opening, handler));
                response.map(Body::new)
            }
            Err(refusal) => {
                let response = refusal.response.map(Body::new);
                failed(&refusal.error.into());
                response
            }
        }
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for WebSocketUpgrade {
    type Rejection = WebSocketUpgradeRejection;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &S,
    ) -> Result<Option<Self>, Self::Rejection> {
        match is_upgrade_request(&head(parts)) {
            true => {
                let extracted = <Self as FromRequestParts<S>>::from_request_parts(parts, state);
                extracted.await.map(Some)
            }
            false => Ok(None),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for WebSocketUpgrade {
    type Rejection = WebSocketUpgradeRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let request = head(parts);
        // A request can be upgraded once.
        parts.extensions.remove::<OnUpgrade>();
        // With the settings of the handler, its limits too, it is judged again.
        static RULES: LazyLock<Upgrader> = LazyLock::new(|| {
            let mut limits = HandshakeLimits::default();
            (limits.max_line, limits.max_headers, limits.max_head) =
                (usize::MAX, usize::MAX, usize::MAX);
            let settings = ServerSettings::new().handshake_limits(limits);
            Upgrader::new(settings).expect("the defaults are valid")
        });
        if let Err(refusal) = upgrade(&mut request.clone(), &RULES) {
            return Err(WebSocketUpgradeRejection::new(refusal));
        }
        let addr = parts.extensions.get().map(|ConnectInfo(addr): &ConnectInfo<SocketAddr>| *addr);
        Ok(Self {
            requested: requested(request.headers()),
            request,
            settings: ServerSettings::new(),
            connections: None,
            peer_addr: addr,
            on_failed_upgrade: None,
            notes: Vec::new(),
            selected: None,
        })
    }
}

/// The head of the request, as the client sent it, with what hyper adds for upgrades and HTTP/2.
fn head(parts: &Parts) -> Request<()> {
    let mut request = Request::new(());
    *request.method_mut() = parts.method.clone();
    *request.version_mut() = parts.version;
    *request.headers_mut() = parts.headers.clone();
    // A router that is nested in another one sees only a part of the path.
    let original = parts.extensions.get().map(|OriginalUri(uri)| uri);
    *request.uri_mut() = original.unwrap_or(&parts.uri).clone();
    *request.extensions_mut() = parts.extensions.clone();
    request
}

/// The offered subprotocols; none if a header line is malformed, which is refused anyway.
fn requested(headers: &HeaderMap) -> Vec<Subprotocol> {
    let lines = headers.get_all("sec-websocket-protocol").iter();
    let parsed = lines.filter_map(|line| parse_subprotocol(line.to_str().ok()?).ok());
    parsed.flatten().collect()
}

impl fmt::Debug for WebSocketUpgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketUpgrade")
            .field("requested", &self.requested)
            .field("settings", &self.settings)
            .field("peer_addr", &self.peer_addr)
            .finish_non_exhaustive()
    }
}
