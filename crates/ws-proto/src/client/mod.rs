//! The client's half of the opening handshake ([RFC 6455 §4.1]).
//!
//! Start reading at [`ClientHandshake`]. The server's half is in [`server`](crate::server). The
//! driver opens the socket, asks the proxy, follows redirects and retries.
//!
//! [RFC 6455 §4.1]: https://www.rfc-editor.org/rfc/rfc6455#section-4.1

mod request;

use std::sync::Arc;
use std::time::Duration;

use ws_errors::{
    InvalidHandshake, InvalidHeader, InvalidHeaderValue, InvalidMethod, InvalidStatus,
    NegotiationErrorKind,
};
use ws_headers::{CREDENTIALS, Headers, InvalidHeaderField};
use ws_types::{Origin, Subprotocol};

use crate::extension::{self, ClientExtensionFactory, Extensions};
use crate::grammar::{
    ExtensionHeader, build_authorization_basic, join, parse_extension, parse_subprotocol,
};
use crate::handshake::{
    PRODUCT, accept_key, all, check_upgrade, deadline, key, required, subprotocols, timed_out,
};
use crate::http::{HandshakeLimits, Request, Response, ResponseReader};
use crate::uri::Uri;
use request::build_request;

/// Settings of a client for the opening handshake.
///
/// ```
/// use ws_proto::client::ClientOptions;
/// let options = ClientOptions::default()
///     .subprotocols(["graphql-transport-ws"])
///     .user_agent(None);
/// ```
#[derive(Clone, Debug)]
pub struct ClientOptions {
    origin: Option<Origin>,
    extensions: Vec<Arc<dyn ClientExtensionFactory>>,
    /// Or a name that isn't a token.
    subprotocols: Result<Vec<Subprotocol>, InvalidHeaderValue>,
    headers: Headers,
    /// A header that could not be added.
    invalid: Option<InvalidHandshake>,
    user_agent: Option<String>,
    limits: HandshakeLimits,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            origin: None,
            extensions: Vec::new(),
            subprotocols: Ok(Vec::new()),
            headers: Headers::new(),
            invalid: None,
            user_agent: Some(PRODUCT.to_owned()),
            limits: HandshakeLimits::default(),
        }
    }
}

impl ClientOptions {
    /// Sends an `Origin` header, as browsers do; `None` sends none. Default: none, as is right for
    /// other programs.
    #[must_use]
    pub fn origin(mut self, origin: impl Into<Option<Origin>>) -> Self {
        self.origin = origin.into();
        self
    }

    /// Adds an offer of an extension. Default: none.
    ///
    /// Offers added first are preferred; a further offer of the same extension is a fallback
    /// ([RFC 6455 §9.1]).
    ///
    /// [RFC 6455 §9.1]: https://www.rfc-editor.org/rfc/rfc6455#section-9.1
    #[must_use]
    pub fn extension(mut self, factory: impl ClientExtensionFactory + 'static) -> Self {
        self.extensions.push(Arc::new(factory));
        self
    }

    /// Offers subprotocols, the preferred one first ([RFC 6455 §1.9]). Default: none. A server may
    /// choose none of them; that isn't an error. [`ClientHandshake::new`] refuses a name that isn't a token.
    ///
    /// [RFC 6455 §1.9]: https://www.rfc-editor.org/rfc/rfc6455#section-1.9
    #[must_use]
    pub fn subprotocols(mut self, names: impl IntoIterator<Item: AsRef<str>>) -> Self {
        self.subprotocols = subprotocols(names);
        self
    }

    /// Appends a header to those of the handshake: see [`headers`](Self::headers). [`ClientHandshake::new`]
    /// refuses one that isn't valid; the error doesn't have the value of one of the [`CREDENTIALS`].
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Err(error) = self.headers.insert(name, value) {
            self.invalid.get_or_insert(match error {
                InvalidHeaderField::Value(error) => error.into(),
                InvalidHeaderField::Name(_) => {
                    InvalidHeader::new(name, Some("the name isn't a token")).into()
                }
            });
        }
        self
    }

    /// Appends the header `Authorization` with a user name and a password ([RFC 7617 §2]).
    /// [`ClientHandshake::new`] refuses a user name with a colon, and control characters.
    ///
    /// [RFC 7617 §2]: https://www.rfc-editor.org/rfc/rfc7617#section-2
    #[must_use]
    pub fn basic_auth(mut self, user: &str, password: &str) -> Self {
        match build_authorization_basic(user, password) {
            Ok(value) => self.header("Authorization", &value),
            Err(error) => {
                self.invalid.get_or_insert(error.into());
                self
            }
        }
    }

    /// Forgets the headers with [`CREDENTIALS`], and `Host`, which names the server that they are for: for
    /// a redirect to another origin.
    #[must_use]
    pub fn without_credentials(mut self) -> Self {
        for name in CREDENTIALS.iter().chain(&["Host"]) {
            self.headers.remove(name);
        }
        self
    }

    /// The headers that were added to those of the handshake.
    #[must_use]
    pub fn added_headers(&self) -> &Headers {
        &self.headers
    }

    /// The `User-Agent` header, as set; `None` sends none.
    #[must_use]
    pub fn user_agent_header(&self) -> Option<&str> {
        self.user_agent.as_deref()
    }

    /// The limits on responses, as set by [`limits`](Self::limits).
    #[must_use]
    pub fn handshake_limits(&self) -> HandshakeLimits {
        self.limits
    }

    /// Replaces all added headers, those of [`header`](Self::header) and
    /// [`basic_auth`](Self::basic_auth) included, and forgets their faults. Default: none.
    ///
    /// `Host`, `Authorization`, `Origin` and `User-Agent` given here replace those of the handshake.
    /// [`ClientHandshake::new`] refuses headers that only the handshake may set: `Upgrade`,
    /// `Connection`, `Content-Length`, `Transfer-Encoding` and all that start with `Sec-WebSocket-`.
    #[doc(alias = "additional_headers")]
    #[must_use]
    pub fn headers(mut self, headers: Headers) -> Self {
        self.headers = headers;
        self.invalid = None;
        self
    }

    /// Takes over what a request that was made for another library says, unless these options say it, too: its headers,
    /// and `Sec-WebSocket-Protocol` as the [subprotocols](Self::subprotocols). Path and query are those of the URI.
    ///
    /// The handshake has a key, offers of extensions, `Upgrade`, `Connection` and a version of its own, in place of the
    /// request's ([RFC 6455 §4.1]).
    ///
    /// # Errors
    /// - [`InvalidMethod`] unless the method is `GET`;
    /// - [`InvalidHeaderValue`] when it asks for another version of the protocol than 13;
    /// - [`InvalidUpgrade`](ws_errors::InvalidUpgrade) when it asks for an upgrade to another protocol;
    /// - [`InvalidHeaderFormat`](ws_errors::InvalidHeaderFormat) for a subprotocol that isn't a token;
    /// - [`InvalidHeader`] when it announces a body, or has another header of the handshake.
    ///
    /// [RFC 6455 §4.1]: https://www.rfc-editor.org/rfc/rfc6455#section-4.1
    pub fn take_over(mut self, request: &Request) -> Result<Self, InvalidHandshake> {
        if request.in_http1().method() != "GET" {
            return Err(InvalidMethod::new(request.method()).into());
        }
        let (mut headers, subprotocols) = request::take_over(request.headers().clone())?;
        headers.retain(|name, _| !self.sets(name));
        self.headers.extend_from(&headers);
        if self.subprotocols.as_ref().is_ok_and(Vec::is_empty) {
            self.subprotocols = Ok(subprotocols);
        }
        Ok(self)
    }

    /// Whether a header was set by one of the methods.
    fn sets(&self, name: &str) -> bool {
        let is_default = || self.user_agent.as_deref() == Some(PRODUCT);
        match name {
            _ if self.headers.contains(name) => true,
            _ if name.eq_ignore_ascii_case("Origin") => self.origin.is_some(),
            _ if name.eq_ignore_ascii_case("User-Agent") => !is_default(),
            _ => false,
        }
    }

    /// Replaces the `User-Agent` header; `None` sends none. Default: `websockets/` and the version
    /// of this crate.
    ///
    /// [`ClientHandshake::new`] refuses a value that a header can't hold.
    #[doc(alias = "user_agent_header")]
    #[must_use]
    pub fn user_agent<'a>(mut self, user_agent: impl Into<Option<&'a str>>) -> Self {
        self.user_agent = user_agent.into().map(str::to_owned);
        self
    }

    /// Replaces the limits on responses, [`open_timeout`](Self::open_timeout) included.
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
}

/// The outcome of an opening handshake on the client's side.
#[derive(Debug)]
#[non_exhaustive]
pub struct Negotiated {
    /// The response, `101 Switching Protocols`; in HTTP/2 one of success.
    pub response: Response,
    /// The subprotocol that the server has chosen from the offers, if any.
    pub subprotocol: Option<Subprotocol>,
    /// The extensions that the server has accepted, in its order and with its parameters.
    pub extension_headers: Vec<ExtensionHeader>,
    /// Their instances, for [`Connection`](crate::Connection).
    pub extensions: Extensions,
}

/// An opening handshake on the client's side.
///
/// 1. Write the request: `request().serialize()`.
/// 2. Feed received bytes to [`receive_data`](Self::receive_data) until it returns `Some` or an
///    error; at the end of the stream call [`receive_eof`](Self::receive_eof).
/// 3. Take the outcome with [`into_negotiated`](Self::into_negotiated).
///
/// Meanwhile, call [`handle_timeout`](Self::handle_timeout) at the time that
/// [`poll_timeout`](Self::poll_timeout) returns, and ask for that time after each read. If the
/// request can't be written, read on: a server that refuses early may have answered. After an error, close the connection without
/// reading further. The first error is kept; later calls repeat it.
///
/// ```
/// use std::time::Duration;
/// use ws_proto::client::{ClientHandshake, ClientOptions};
///
/// let uri = "ws://example.com/chat".parse()?;
/// let nonce = *b"the sample nonce"; // 16 random bytes
/// let now = Duration::ZERO; // since an origin that you choose
/// let mut handshake = ClientHandshake::new(&uri, &ClientOptions::default(), nonce, now)?;
/// let request = handshake.request().serialize();
/// assert!(request.starts_with(b"GET /chat HTTP/1.1\r\nHost: example.com\r\n"));
///
/// let answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
///     Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81";
/// assert_eq!(handshake.receive_data(answer, now)?, Some(answer.len() - 1)); // a frame has begun
/// let negotiated = handshake.into_negotiated().expect("the head is complete");
/// assert_eq!(negotiated.response.status_code, 101);
/// # Ok::<(), ws_errors::WebSocketException>(())
/// ```
#[doc(alias = "ClientProtocol")]
#[derive(Debug)]
pub struct ClientHandshake {
    request: Request,
    /// `None` in HTTP/2.
    key: Option<String>,
    extensions: Vec<Arc<dyn ClientExtensionFactory>>,
    subprotocols: Vec<Subprotocol>,
    limits: HandshakeLimits,
    deadline: Option<Duration>,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// The response is being received.
    Receiving(Box<ResponseReader>),
    Negotiated(Box<Negotiated>),
    /// With the response that is why, unless the error has it.
    Failed(InvalidHandshake, Option<Box<Response>>),
}

/// The parts of a [`Negotiated`] that the headers of the response decide.
type Agreed = (Option<Subprotocol>, Vec<ExtensionHeader>, Extensions);

impl ClientHandshake {
    /// Begins a handshake at `now`, before the driver connects. Times are since an origin that the
    /// driver chooses. `nonce` has to be random: it is no secret, but servers and caches on the way
    /// mustn't foresee it ([RFC 6455 §10.3]).
    ///
    /// # Errors
    /// - the first of [`ClientOptions::header`] and [`ClientOptions::basic_auth`]: [`InvalidHeaderValue`]
    ///   when a header can't hold the value, or Basic authentication the credentials; [`InvalidHeader`] when
    ///   a name isn't a token;
    /// - [`InvalidHeaderValue`] when a header can't hold the `Origin`, the `User-Agent`, a name of the subprotocols, or
    ///   the user information of the URI;
    /// - [`InvalidHeader`] when the added headers have one that only the handshake may set, or repeat one
    ///   that may appear once;
    /// - [`NegotiationError`](ws_errors::NegotiationError) when the name of an extension isn't a
    ///   token.
    ///
    /// [RFC 6455 §10.3]: https://www.rfc-editor.org/rfc/rfc6455#section-10.3
    pub fn new(
        uri: &Uri,
        options: &ClientOptions,
        nonce: [u8; 16],
        now: Duration,
    ) -> Result<Self, InvalidHandshake> {
        Self::begin(uri, options, Some(key(nonce)), now)
    }

    /// Begins a handshake over HTTP/2 ([RFC 8441 §5]), whose request and response another HTTP library writes and
    /// reads: see [`Request::protocol`] and [`receive_response`](Self::receive_response). Otherwise as
    /// [`new`](Self::new).
    ///
    /// # Errors
    /// As [`new`](Self::new).
    ///
    /// [RFC 8441 §5]: https://www.rfc-editor.org/rfc/rfc8441#section-5
    pub fn over_http2(
        uri: &Uri,
        options: &ClientOptions,
        now: Duration,
    ) -> Result<Self, InvalidHandshake> {
        Self::begin(uri, options, None, now)
    }

    fn begin(
        uri: &Uri,
        options: &ClientOptions,
        key: Option<String>,
        now: Duration,
    ) -> Result<Self, InvalidHandshake> {
        let request = build_request(uri, options, key.as_deref())?;
        let deadline = deadline(&options.limits, now);
        let reader = ResponseReader::new(options.limits);
        let phase = Phase::Receiving(Box::new(reader));
        let extensions = options.extensions.clone();
        let subprotocols = options.subprotocols.clone()?;
        let limits = options.limits;
        Ok(Self { request, key, extensions, subprotocols, limits, deadline, phase })
    }

    /// The request to send.
    #[doc(alias = "connect")]
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Takes bytes from the server, received at `now`. Returns `None` while the response is
    /// incomplete, then the number of bytes of `data` that belong to it; the rest begins the first
    /// frame.
    ///
    /// Informational responses that come first, such as `103 Early Hints`, are skipped
    /// ([RFC 9110 §15.2]).
    ///
    /// Once the head of a refusal is there, the handshake fails with [`InvalidStatus`], whatever
    /// becomes of the body: when it is complete or reaches
    /// [`max_body`](HandshakeLimits::max_body), when [`max_body_time`](HandshakeLimits::max_body_time)
    /// is over, or at the end of the stream; call [`receive_eof`](Self::receive_eof) when reading
    /// fails, too. See [`ResponseReader::receive_data`] about bodies.
    ///
    /// # Errors
    /// In this order:
    /// - [`StatusLineTooLong`](ws_errors::StatusLineTooLong) or
    ///   [`InvalidMessage`](ws_errors::InvalidMessage) when the server exceeds a limit on heads or
    ///   doesn't speak HTTP, or accepts in another version than HTTP/1.1;
    /// - [`InvalidStatus`] when the status isn't 101;
    /// - [`InvalidHeaderFormat`](ws_errors::InvalidHeaderFormat) or
    ///   [`InvalidUpgrade`](ws_errors::InvalidUpgrade) for `Connection` and `Upgrade`;
    /// - [`InvalidHeader`] or [`InvalidHeaderValue`] for `Sec-WebSocket-Accept`;
    /// - [`InvalidHeaderFormat`](ws_errors::InvalidHeaderFormat) or
    ///   [`NegotiationError`](ws_errors::NegotiationError) for an extension that wasn't offered, or
    ///   not with these parameters;
    /// - [`InvalidHeaderFormat`](ws_errors::InvalidHeaderFormat), [`InvalidHeader`] or
    ///   [`NegotiationError`](ws_errors::NegotiationError) for a subprotocol that wasn't offered,
    ///   or several.
    ///
    /// [RFC 9110 §15.2]: https://www.rfc-editor.org/rfc/rfc9110#section-15.2
    pub fn receive_data(
        &mut self,
        data: &[u8],
        now: Duration,
    ) -> Result<Option<usize>, InvalidHandshake> {
        let reader = match &mut self.phase {
            Phase::Receiving(reader) => reader,
            Phase::Negotiated(_) => return Ok(Some(0)),
            Phase::Failed(error, _) => return Err(error.clone()),
        };
        let in_body = reader.in_body();
        match reader.receive_data(data) {
            Ok(None) => {
                if !in_body && reader.in_body() {
                    let deadline = now.saturating_add(self.limits.max_body_time);
                    self.deadline = Some(self.deadline.map_or(deadline, |it| it.min(deadline)));
                }
                Ok(None)
            }
            Ok(Some((response, used))) => self.finish(response).map(|()| Some(used)),
            Err(error) => Err(self.fail(error, None)),
        }
    }

    /// Whether a response with this status may open the connection: 101, in HTTP/2 one of success. The body of another
    /// one explains a refusal.
    #[must_use]
    pub fn opens(&self, status_code: u16) -> bool {
        match self.key {
            Some(_) => status_code == 101,
            None => matches!(status_code, 200..=299),
        }
    }

    /// Takes the response from an HTTP client that has read it, instead of
    /// [`receive_data`](Self::receive_data).
    ///
    /// # Errors
    /// [`InvalidStatus`] unless its status is 101, in HTTP/2 one of success; exceptions of negotiation, and those about
    /// headers, when they aren't as [RFC 6455 §4.1] demands.
    ///
    /// [RFC 6455 §4.1]: https://www.rfc-editor.org/rfc/rfc6455#section-4.1
    pub fn receive_response(&mut self, response: Response) -> Result<(), InvalidHandshake> {
        match &self.phase {
            Phase::Receiving(_) => self.finish(response),
            Phase::Negotiated(_) => Ok(()),
            Phase::Failed(error, _) => Err(error.clone()),
        }
    }

    /// Takes the end of the stream, or its failure. Does nothing once the response is complete.
    ///
    /// # Errors
    /// [`InvalidStatus`] when the head of a refusal has been received, otherwise
    /// [`InvalidMessage`](ws_errors::InvalidMessage), caused by the unexpected end.
    pub fn receive_eof(&mut self) -> Result<(), InvalidHandshake> {
        let reader = match &mut self.phase {
            Phase::Receiving(reader) => reader,
            Phase::Negotiated(_) => return Ok(()),
            Phase::Failed(error, _) => return Err(error.clone()),
        };
        match reader.receive_eof() {
            Ok(response) => self.finish(response),
            Err(error) => Err(self.fail(error, None)),
        }
    }

    /// The time for [`handle_timeout`](Self::handle_timeout); `None` once the handshake is over, and
    /// without an [`open_timeout`](ClientOptions::open_timeout) before there is the head of a refusal.
    ///
    /// It changes only in [`receive_data`](Self::receive_data): to an earlier time, when that takes the
    /// end of such a head.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.deadline.filter(|_| matches!(self.phase, Phase::Receiving(_)))
    }

    /// Fails the handshake if its deadline is `now` or earlier; drop the stream then.
    ///
    /// # Errors
    /// After the deadline, [`InvalidStatus`] when the head of a refusal has been received, otherwise
    /// [`HandshakeTimeout`](ws_errors::HandshakeTimeout).
    pub fn handle_timeout(&mut self, now: Duration) -> Result<(), InvalidHandshake> {
        let due = self.poll_timeout().is_some_and(|deadline| deadline <= now);
        match &mut self.phase {
            Phase::Failed(error, _) => Err(error.clone()),
            Phase::Receiving(reader) if due => match reader.take() {
                Some(response) => self.finish(response),
                None => Err(self.fail(timed_out(self.limits.open_timeout), None)),
            },
            Phase::Receiving(_) | Phase::Negotiated(_) => Ok(()),
        }
    }

    /// The final response, once it has been received: also one that is refused, by its status or by a
    /// later check. `None` for a 101 in HTTP/1.0, which isn't valid HTTP.
    #[must_use]
    pub fn response(&self) -> Option<&Response> {
        match &self.phase {
            Phase::Receiving(_) => None,
            Phase::Negotiated(negotiated) => Some(&negotiated.response),
            Phase::Failed(InvalidHandshake::InvalidStatus(error), _) => Some(&error.response),
            Phase::Failed(_, response) => response.as_deref(),
        }
    }

    /// The outcome; `None` unless [`receive_data`](Self::receive_data) has told that the handshake
    /// is complete.
    #[must_use]
    pub fn into_negotiated(self) -> Option<Negotiated> {
        match self.phase {
            Phase::Negotiated(negotiated) => Some(*negotiated),
            Phase::Receiving(_) | Phase::Failed(..) => None,
        }
    }

    fn finish(&mut self, response: Response) -> Result<(), InvalidHandshake> {
        if !self.opens(response.status_code) {
            return Err(self.fail(InvalidStatus::new(response).into(), None));
        }
        match self.check(&response.headers) {
            Ok((subprotocol, extension_headers, extensions)) => {
                let negotiated =
                    Negotiated { response, subprotocol, extension_headers, extensions };
                self.phase = Phase::Negotiated(Box::new(negotiated));
                Ok(())
            }
            Err(error) => Err(self.fail(error, Some(Box::new(response)))),
        }
    }

    fn fail(
        &mut self,
        error: InvalidHandshake,
        response: Option<Box<Response>>,
    ) -> InvalidHandshake {
        self.phase = Phase::Failed(error.clone(), response);
        error
    }

    /// Validates the headers of a response that opens the connection ([RFC 6455 §4.1]; [RFC 8441 §5], where nothing
    /// shows that the server has read the request but the status).
    ///
    /// [RFC 6455 §4.1]: https://www.rfc-editor.org/rfc/rfc6455#section-4.1
    /// [RFC 8441 §5]: https://www.rfc-editor.org/rfc/rfc8441#section-5
    fn check(&self, headers: &Headers) -> Result<Agreed, InvalidHandshake> {
        const NAME: &str = "Sec-WebSocket-Accept";
        if let Some(key) = &self.key {
            check_upgrade(headers)?;
            let accept = required(headers, NAME)?;
            if accept != accept_key(key) {
                return Err(InvalidHeaderValue::new(NAME, Some(accept.into())).into());
            }
        }
        let (extension_headers, extensions) = self.check_extensions(headers)?;
        let subprotocol = self.check_subprotocol(headers)?;
        Ok((subprotocol, extension_headers, extensions))
    }

    fn check_extensions(
        &self,
        headers: &Headers,
    ) -> Result<(Vec<ExtensionHeader>, Extensions), InvalidHandshake> {
        const NAME: &str = "Sec-WebSocket-Extensions";
        if !headers.contains(NAME) {
            return Ok(Default::default());
        }
        // Without an offer, the details of the answer don't matter.
        if self.extensions.is_empty() {
            return Err(NegotiationErrorKind::NoExtensions.into());
        }
        let accepted = all(headers, NAME, parse_extension)?;
        let extensions = extension::process_response(&self.extensions, &accepted)?;
        Ok((accepted, extensions))
    }

    fn check_subprotocol(
        &self,
        headers: &Headers,
    ) -> Result<Option<Subprotocol>, InvalidHandshake> {
        const NAME: &str = "Sec-WebSocket-Protocol";
        if !headers.contains(NAME) {
            return Ok(None);
        }
        if self.subprotocols.is_empty() {
            return Err(NegotiationErrorKind::NoSubprotocols.into());
        }
        let mut chosen = all(headers, NAME, parse_subprotocol)?;
        match (chosen.pop(), chosen.is_empty()) {
            (Some(one), true) if self.subprotocols.contains(&one) => Ok(Some(one)),
            (Some(one), true) => Err(NegotiationErrorKind::UnsupportedSubprotocol(one).into()),
            (last, _) => {
                chosen.extend(last);
                let value = format!("multiple values: {}", join(&chosen));
                Err(InvalidHeader::new(NAME, Some(&value)).into())
            }
        }
    }
}
