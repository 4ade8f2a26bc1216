//! [`ServerOptions`]: settings of a server for the opening handshake.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ws_errors::{InvalidHeaderValue, NegotiationError};
use ws_headers::HeaderValue;
use ws_types::Subprotocol;

use super::origin::OriginRule;
use crate::extension::ServerExtensionFactory;
use crate::handshake::{PRODUCT, subprotocols};
use crate::http::{HandshakeLimits, Request};

/// Chooses a subprotocol, given the request and its offers.
pub(super) type SelectSubprotocol = Arc<
    dyn Fn(&Request, &[Subprotocol]) -> Result<Option<Subprotocol>, NegotiationError> + Send + Sync,
>;

/// Settings of a server for the opening handshake.
///
/// ```
/// use ws_proto::server::{OriginRule, ServerOptions};
/// let options = ServerOptions::default()
///     .origins([OriginRule::from("https://example.com"), OriginRule::Absent])
///     .subprotocols(["graphql-transport-ws"])
///     .server_header(None);
/// ```
#[derive(Clone)]
pub struct ServerOptions {
    pub(super) origins: Option<Vec<OriginRule>>,
    pub(super) extensions: Vec<Arc<dyn ServerExtensionFactory>>,
    /// Or a name that isn't a token.
    pub(super) subprotocols: Result<Vec<Subprotocol>, InvalidHeaderValue>,
    pub(super) select_subprotocol: Option<SelectSubprotocol>,
    pub(super) server_header: Option<String>,
    pub(super) limits: HandshakeLimits,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            origins: None,
            extensions: Vec::new(),
            subprotocols: Ok(Vec::new()),
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

    /// Adds an extension, to be accepted when a client offers it. Default: none.
    ///
    /// Of several factories with the same name, the one added first is asked first.
    #[must_use]
    pub fn extension(mut self, factory: impl ServerExtensionFactory + 'static) -> Self {
        self.extensions.push(Arc::new(factory));
        self
    }

    /// Supports these subprotocols, the preferred one first ([RFC 6455 §1.9]). Default: none.
    ///
    /// [`validate`](Self::validate) refuses a name that isn't a token.
    ///
    /// With none, offers are ignored. With some, a client that offers none of them is rejected;
    /// [`select_subprotocol`](Self::select_subprotocol) can let it in.
    ///
    /// [RFC 6455 §1.9]: https://www.rfc-editor.org/rfc/rfc6455#section-1.9
    #[must_use]
    pub fn subprotocols(mut self, names: impl IntoIterator<Item: AsRef<str>>) -> Self {
        self.subprotocols = subprotocols(names);
        self
    }

    /// Chooses the subprotocol with a function, instead of the rule of
    /// [`subprotocols`](Self::subprotocols). It takes the request and the client's offers, in their
    /// order, and returns one of them, `None` to go without, or an error to reject the client.
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
    /// [`validate`](Self::validate) checks the value; an illegal one is never sent.
    #[must_use]
    pub fn server_header<'a>(mut self, server: impl Into<Option<&'a str>>) -> Self {
        self.server_header = server.into().map(str::to_owned);
        self
    }

    /// The `Server` header, as set; `None` sends none.
    #[must_use]
    pub fn server_header_value(&self) -> Option<&str> {
        self.server_header.as_deref()
    }

    /// Replaces the limits on requests, [`open_timeout`](Self::open_timeout) included.
    #[doc(alias = "max_line")]
    #[must_use]
    pub fn limits(mut self, limits: HandshakeLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Replaces the time limit alone: see [`HandshakeLimits::open_timeout`]. `None`: no limit.
    /// Default: 10 s.
    #[must_use]
    pub fn open_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.limits.open_timeout = timeout.into();
        self
    }

    /// The limits on requests, as set by [`limits`](Self::limits).
    #[must_use]
    pub fn handshake_limits(&self) -> HandshakeLimits {
        self.limits
    }

    /// Checks the settings that a setter can't: call it once, before the server starts.
    ///
    /// # Errors
    /// [`InvalidHeaderValue`] when a header can't hold the value of [`server_header`](Self::server_header), or the name
    /// of one of the [`subprotocols`](Self::subprotocols).
    ///
    /// ```
    /// use ws_proto::server::ServerOptions;
    /// let options = ServerOptions::default().server_header("a\r\nb: c");
    /// assert_eq!(&*options.validate().unwrap_err().name, "Server");
    /// ```
    pub fn validate(&self) -> Result<(), InvalidHeaderValue> {
        match &self.server_header {
            Some(value) if HeaderValue::new(&**value).is_err() => {
                Err(InvalidHeaderValue::new("Server", Some(value.clone())))
            }
            _ => self.subprotocols.as_ref().map(drop).map_err(Clone::clone),
        }
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
