//! What a server admits and offers.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ws_errors::{InvalidHeaderValue, NegotiationError};
use ws_types::{Origin, Subprotocol};

use crate::extension::ServerExtensionFactory;
use crate::handshake::{PRODUCT, checked};
use crate::http::{HandshakeLimits, Request};

/// Chooses a subprotocol, given the request and what it offers.
pub type SelectSubprotocol = Arc<
    dyn Fn(&Request, &[Subprotocol]) -> Result<Option<Subprotocol>, NegotiationError> + Send + Sync,
>;

/// What a server admits and offers in the opening handshake.
///
/// ```
/// use ws_proto::server::{OriginRule, ServerOptions};
/// let options = ServerOptions::default()
///     .origins([OriginRule::from("https://example.com"), OriginRule::Absent])
///     .subprotocols(["graphql-transport-ws".parse()?])
///     .server_header(None)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ServerOptions {
    pub(super) origins: Option<Vec<OriginRule>>,
    pub(super) extensions: Vec<Arc<dyn ServerExtensionFactory>>,
    pub(super) subprotocols: Vec<Subprotocol>,
    pub(super) select_subprotocol: Option<SelectSubprotocol>,
    pub(super) server_header: Option<String>,
    pub(super) limits: HandshakeLimits,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            origins: None,
            extensions: Vec::new(),
            subprotocols: Vec::new(),
            select_subprotocol: None,
            server_header: Some(PRODUCT.to_owned()),
            limits: HandshakeLimits::default(),
        }
    }
}

impl ServerOptions {
    /// Allows only these origins; an empty list allows none. Default: every origin, and none.
    ///
    /// Browsers always send the header, and scripts can't forge it. A server that knows its users
    /// by cookies must check it, or any page can act in their name ([RFC 6455 §10.2]).
    ///
    /// [RFC 6455 §10.2]: https://www.rfc-editor.org/rfc/rfc6455#section-10.2
    #[must_use]
    pub fn origins<R: Into<OriginRule>>(mut self, origins: impl IntoIterator<Item = R>) -> Self {
        self.origins = Some(origins.into_iter().map(Into::into).collect());
        self
    }

    /// Accepts an extension, if a client offers it. Default: none.
    ///
    /// Of several with the same name, the one that was given first is asked first.
    #[must_use]
    pub fn extension(mut self, factory: impl ServerExtensionFactory + 'static) -> Self {
        self.extensions.push(Arc::new(factory));
        self
    }

    /// Supports these subprotocols, the preferred one first. Default: none.
    ///
    /// With none, offers are ignored. With some, a client that doesn't offer one of them is
    /// rejected: have it accepted by [`select_subprotocol`](Self::select_subprotocol).
    #[must_use]
    pub fn subprotocols(mut self, subprotocols: impl IntoIterator<Item = Subprotocol>) -> Self {
        self.subprotocols = subprotocols.into_iter().collect();
        self
    }

    /// Chooses the subprotocol with a function, which takes the place of the rule described at
    /// [`subprotocols`](Self::subprotocols). It is given the request and what the client offers, in
    /// the client's order, and returns one of these, or `None` to go without.
    ///
    /// ```
    /// use ws_proto::server::ServerOptions;
    /// let options = ServerOptions::default()
    ///     .select_subprotocol(|_request, offered| Ok(offered.first().cloned()));
    /// ```
    #[must_use]
    pub fn select_subprotocol<F>(mut self, select: F) -> Self
    where
        F: Fn(&Request, &[Subprotocol]) -> Result<Option<Subprotocol>, NegotiationError>
            + Send
            + Sync
            + 'static,
    {
        self.select_subprotocol = Some(Arc::new(select));
        self
    }

    /// Replaces the `Server` header; `None` sends none. Default: `websockets/` and the version of
    /// this crate.
    ///
    /// # Errors
    /// [`InvalidHeaderValue`] when headers can't hold the value.
    pub fn server_header(mut self, server: Option<&str>) -> Result<Self, InvalidHeaderValue> {
        self.server_header = checked("Server", server)?;
        Ok(self)
    }

    /// Replaces the limits of what a client may send before it is accepted.
    #[doc(alias = "max_line")]
    #[must_use]
    pub fn limits(mut self, limits: HandshakeLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Replaces the limit of time alone: see [`HandshakeLimits::open_timeout`].
    #[must_use]
    pub fn open_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.limits.open_timeout = timeout;
        self
    }

    /// The limits of what a client may send, for [`ServerHandshake`](super::ServerHandshake).
    #[must_use]
    pub fn handshake_limits(&self) -> HandshakeLimits {
        self.limits
    }
}

impl fmt::Debug for ServerOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerOptions")
            .field("origins", &self.origins)
            .field("extensions", &self.extensions)
            .field("subprotocols", &self.subprotocols)
            .field("select_subprotocol", &self.select_subprotocol.is_some())
            .field("server_header", &self.server_header)
            .field("limits", &self.limits)
            .finish()
    }
}

/// One kind of request that [`ServerOptions::origins`] allows.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
#[non_exhaustive]
pub enum OriginRule {
    /// A request without an `Origin` header, which is to say, not from a browser.
    Absent,
    /// A request whose `Origin` header is this, octet by octet. Browsers write scheme and host in
    /// lower case, without a slash at the end and without a default port.
    Exact(Origin),
}

impl OriginRule {
    /// Whether a request with this `Origin` header is allowed.
    pub(super) fn allows(&self, origin: Option<&str>) -> bool {
        match self {
            Self::Absent => origin.is_none(),
            Self::Exact(allowed) => origin == Some(allowed.as_str()),
        }
    }
}

impl From<Origin> for OriginRule {
    fn from(origin: Origin) -> Self {
        Self::Exact(origin)
    }
}

impl From<Option<Origin>> for OriginRule {
    fn from(origin: Option<Origin>) -> Self {
        origin.map_or(Self::Absent, Self::Exact)
    }
}

impl From<&str> for OriginRule {
    fn from(origin: &str) -> Self {
        Self::Exact(origin.into())
    }
}
