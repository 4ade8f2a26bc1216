//! The server's half of the opening handshake ([RFC 6455 §4.2]).
//!
//! Three steps, with room for hooks between them: [`ServerHandshake`] reads the request, [`accept`]
//! checks it and gives the response that opens the connection, and [`reject()`] turns an exception
//! into the response that doesn't. The client's half is in [`client`](crate::client); what both
//! share is in `handshake`.
//!
//! ```
//! use std::time::Duration;
//! use ws_proto::server::{ServerHandshake, ServerOptions, accept, reject};
//!
//! let options = ServerOptions::default();
//! let now = Duration::ZERO; // since an origin that you choose
//! let mut handshake = ServerHandshake::new(options.handshake_limits(), now);
//! let request = b"GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\n\
//!     Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
//!     Sec-WebSocket-Version: 13\r\n\r\n";
//! assert_eq!(handshake.receive_data(request)?, Some(request.len()));
//! let request = handshake.into_request().expect("the head is complete");
//!
//! let date = Some("Tue, 15 Nov 1994 08:12:31 GMT");
//! let response = match accept(&request, &options, date) {
//!     Ok(accepted) => accepted.response,
//!     Err(error) => reject(&error, &options, date).expect("it is a request"),
//! };
//! assert_eq!(response.status_code, 101);
//! assert_eq!(
//!     response.headers.get("Sec-WebSocket-Accept"),
//!     Ok(Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")),
//! );
//! # Ok::<(), ws_errors::InvalidHandshake>(())
//! ```
//!
//! [RFC 6455 §4.2]: https://www.rfc-editor.org/rfc/rfc6455#section-4.2

mod options;
mod reject;

pub use options::{OriginRule, SelectSubprotocol, ServerOptions};
pub use reject::{reject, respond, shutting_down};

pub use crate::handshake::accept_key;

use std::time::Duration;

use ws_errors::{
    InvalidHandshake, InvalidHeaderValue, InvalidMethod, InvalidOrigin, InvalidProtocol,
    NegotiationErrorKind,
};
use ws_headers::Headers;
use ws_types::{Origin, Subprotocol};

use crate::extension::{self, Extensions};
use crate::grammar::{
    ExtensionHeader, build_extension, parse_extension, parse_subprotocol, parse_subprotocol_names,
};
use crate::handshake::{
    ACCEPT_LEN, all, check_upgrade, deadline, is_key, put_accept_key, required, single, timed_out,
};
use crate::http::{HandshakeLimits, HttpVersion, Request, RequestReader, Response};

/// Reads the request of an opening handshake, from the server's side.
///
/// Feed what the client sends to [`receive_data`](Self::receive_data), until it returns how many of
/// the bytes belong to the request, or an error; then take the request with
/// [`into_request`](Self::into_request), or turn the error into a response with [`reject()`].
/// Meanwhile, and until the response has left, call [`handle_timeout`](Self::handle_timeout) when
/// [`poll_timeout`](Self::poll_timeout) says so. The first error is kept, and returned by every later
/// call.
#[derive(Debug)]
pub struct ServerHandshake {
    deadline: Option<Duration>,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Receiving(RequestReader),
    Received(Request),
    Failed(InvalidHandshake),
}

impl ServerHandshake {
    /// A handshake that begins `now`, of which nothing has been received yet. Times are since an origin
    /// that the driver chooses.
    #[must_use]
    pub fn new(limits: HandshakeLimits, now: Duration) -> Self {
        let phase = Phase::Receiving(RequestReader::new(limits));
        Self { deadline: deadline(&limits, now), phase }
    }

    /// Takes bytes from the client. Returns `None` if more are needed; otherwise the request is
    /// complete, and the result is how many of `data` belong to it. The rest belongs to the first
    /// frame: clients may send frames before they are accepted, although they shouldn't.
    ///
    /// # Errors
    /// Those of [`RequestReader::receive_data`].
    pub fn receive_data(&mut self, data: &[u8]) -> Result<Option<usize>, InvalidHandshake> {
        let reader = match &mut self.phase {
            Phase::Receiving(reader) => reader,
            Phase::Received(_) => return Ok(Some(0)),
            Phase::Failed(error) => return Err(error.clone()),
        };
        match reader.receive_data(data) {
            Ok(None) => Ok(None),
            Ok(Some((request, used))) => {
                self.phase = Phase::Received(request);
                Ok(Some(used))
            }
            Err(error) => Err(self.fail(error)),
        }
    }

    /// Takes note of the end of the stream.
    ///
    /// # Errors
    /// [`InvalidMessage`](ws_errors::InvalidMessage), caused by the unexpected end, unless the
    /// request was complete before.
    pub fn receive_eof(&mut self) -> Result<(), InvalidHandshake> {
        match &mut self.phase {
            Phase::Receiving(reader) => {
                let error = reader.eof_error();
                Err(self.fail(error))
            }
            Phase::Received(_) => Ok(()),
            Phase::Failed(error) => Err(error.clone()),
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None` when there is nothing to wait
    /// for: once the handshake has failed, or without a
    /// [limit](HandshakeLimits::open_timeout). It doesn't change before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.deadline.filter(|_| !matches!(self.phase, Phase::Failed(_)))
    }

    /// Fails the handshake if it should be over at `now`; the stream is to be dropped, without an
    /// answer. Does nothing when nothing is due.
    ///
    /// # Errors
    /// [`InvalidHandshake::Base`] when the time is over.
    pub fn handle_timeout(&mut self, now: Duration) -> Result<(), InvalidHandshake> {
        match &self.phase {
            Phase::Failed(error) => Err(error.clone()),
            _ if self.poll_timeout().is_some_and(|deadline| deadline <= now) => {
                Err(self.fail(timed_out()))
            }
            _ => Ok(()),
        }
    }

    /// The request, if it is complete.
    #[must_use]
    pub fn request(&self) -> Option<&Request> {
        match &self.phase {
            Phase::Received(request) => Some(request),
            Phase::Receiving(_) | Phase::Failed(_) => None,
        }
    }

    /// The request, if it is complete.
    #[must_use]
    pub fn into_request(self) -> Option<Request> {
        match self.phase {
            Phase::Received(request) => Some(request),
            Phase::Receiving(_) | Phase::Failed(_) => None,
        }
    }

    fn fail(&mut self, error: InvalidHandshake) -> InvalidHandshake {
        self.phase = Phase::Failed(error.clone());
        error
    }
}

/// A connection that the server can accept, by sending the response.
#[derive(Debug)]
#[non_exhaustive]
pub struct Accepted {
    /// The response, `101 Switching Protocols`.
    pub response: Response,
    /// The value of the `Origin` header; `None` if there was none.
    pub origin: Option<Origin>,
    /// The subprotocol that was chosen, if any.
    pub subprotocol: Option<Subprotocol>,
    /// The extensions that were accepted, in the order of the response and with its parameters.
    pub extensions: Vec<ExtensionHeader>,
    /// The same, ready for [`Connection::with_extensions`](crate::Connection::with_extensions).
    pub negotiated: Extensions,
}

/// Checks a request, and negotiates, in this order: method, version of HTTP, `Connection`,
/// `Upgrade`, `Sec-WebSocket-Key`, `Sec-WebSocket-Version`, `Origin`, extensions, subprotocol
/// ([RFC 6455 §4.2.1], [§4.2.2]).
///
/// `date` is the value of the `Date` header (`Tue, 15 Nov 1994 08:12:31 GMT`, [RFC 9110 §5.6.7]),
/// from the driver's clock; without it the header is left out.
///
/// # Errors
/// In this order:
/// - [`InvalidMethod`] unless it is `GET`;
/// - [`InvalidProtocol`] unless it is HTTP/1.1;
/// - [`InvalidHeaderFormat`](ws_errors::InvalidHeaderFormat) or
///   [`InvalidUpgrade`](ws_errors::InvalidUpgrade) unless `Connection` lists `upgrade` and `Upgrade`
///   is `websocket`;
/// - [`InvalidHeader`](ws_errors::InvalidHeader) or [`InvalidHeaderValue`] for a key that is
///   absent, repeated, or not the base64 of 16 bytes, then for a version that isn't 13;
/// - [`InvalidHeader`](ws_errors::InvalidHeader) for several origins, or [`InvalidOrigin`] for one
///   that isn't allowed;
/// - [`InvalidHeaderFormat`](ws_errors::InvalidHeaderFormat) for malformed offers of extensions, if
///   there are any to be accepted;
/// - [`InvalidHeaderFormat`](ws_errors::InvalidHeaderFormat) or [`NegotiationError`](ws_errors::NegotiationError) when no
///   subprotocol can be agreed on.
///
/// [RFC 6455 §4.2.1]: https://www.rfc-editor.org/rfc/rfc6455#section-4.2.1
/// [§4.2.2]: https://www.rfc-editor.org/rfc/rfc6455#section-4.2.2
/// [RFC 9110 §5.6.7]: https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7
pub fn accept(
    request: &Request,
    options: &ServerOptions,
    date: Option<&str>,
) -> Result<Accepted, InvalidHandshake> {
    if request.method() != "GET" {
        return Err(InvalidMethod::new(request.method()).into());
    }
    if request.version() != HttpVersion::Http11 {
        return Err(InvalidProtocol::new(request.version().as_str()).into());
    }
    let headers = request.headers();
    check_upgrade(headers)?;
    let key = required(headers, "Sec-WebSocket-Key")?;
    if !is_key(key) {
        return Err(InvalidHeaderValue::new("Sec-WebSocket-Key", Some(key.into())).into());
    }
    let version = required(headers, "Sec-WebSocket-Version")?;
    if version != "13" {
        return Err(InvalidHeaderValue::new("Sec-WebSocket-Version", Some(version.into())).into());
    }
    let origin = check_origin(headers, options)?;
    let (extensions, negotiated) = match options.extensions.is_empty() {
        // A server without any ignores the offers, however malformed.
        true => Default::default(),
        false => {
            let offers = all(headers, "Sec-WebSocket-Extensions", parse_extension)?;
            extension::process_offers(&options.extensions, &offers)
        }
    };
    let subprotocol = select_subprotocol(request, options)?;

    let mut response_headers = Headers::with_capacity(6);
    let mut insert = |name, value: &str| {
        // All values are tokens, base64, or checked before; a date that isn't is left out.
        let _ = response_headers.insert(name, value);
    };
    if let Some(date) = date {
        insert("Date", date);
    }
    insert("Upgrade", "websocket");
    insert("Connection", "Upgrade");
    insert("Sec-WebSocket-Accept", put_accept_key(key, &mut [0; ACCEPT_LEN]));
    if !extensions.is_empty() {
        insert("Sec-WebSocket-Extensions", &build_extension(&extensions));
    }
    if let Some(subprotocol) = &subprotocol {
        insert("Sec-WebSocket-Protocol", subprotocol.as_str());
    }
    if let Some(server) = &options.server_header {
        insert("Server", server);
    }
    let response = reject::response(101, response_headers, Vec::new());
    Ok(Accepted { response, origin, subprotocol, extensions, negotiated })
}

/// Checks where the page comes from that made the browser connect ([RFC 6455 §10.2]).
///
/// [RFC 6455 §10.2]: https://www.rfc-editor.org/rfc/rfc6455#section-10.2
fn check_origin(
    headers: &Headers,
    options: &ServerOptions,
) -> Result<Option<Origin>, InvalidHandshake> {
    let origin = single(headers, "Origin")?;
    match &options.origins {
        Some(rules) if !rules.iter().any(|rule| rule.allows(origin)) => {
            Err(InvalidOrigin::new(origin.map(Origin::from)).into())
        }
        _ => Ok(origin.map(Origin::from)),
    }
}

/// Chooses a subprotocol: the first of the server's that the client offers too.
fn select_subprotocol(
    request: &Request,
    options: &ServerOptions,
) -> Result<Option<Subprotocol>, InvalidHandshake> {
    const NAME: &str = "Sec-WebSocket-Protocol";
    if let Some(select) = &options.select_subprotocol {
        let offered = all(request.headers(), NAME, parse_subprotocol)?;
        return Ok(select(request, &offered)?);
    }
    let offered = all(request.headers(), NAME, parse_subprotocol_names)?;
    let available = &options.subprotocols;
    if available.is_empty() {
        return Ok(None);
    }
    if offered.is_empty() {
        return Err(NegotiationErrorKind::MissingSubprotocol.into());
    }
    match available.iter().find(|subprotocol| offered.contains(&subprotocol.as_str())) {
        Some(subprotocol) => Ok(Some(subprotocol.clone())),
        None => {
            let expected = available.as_slice().into();
            Err(NegotiationErrorKind::InvalidSubprotocol { expected }.into())
        }
    }
}
