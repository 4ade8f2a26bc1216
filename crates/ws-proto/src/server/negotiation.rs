//! [`negotiate`]: checks a request and negotiates.

use ws_errors::{
    InvalidHandshake, InvalidHeader, InvalidHeaderValue, InvalidMethod, InvalidOrigin,
    InvalidProtocol, NegotiationErrorKind,
};
use ws_headers::Headers;
use ws_types::{Origin, Subprotocol};

use super::options::ServerOptions;
use super::response::opening;
use crate::extension::{self, Extensions};
use crate::grammar::{
    ExtensionHeader, join, parse_extension, parse_subprotocol, parse_subprotocol_names,
};
use crate::handshake::{PROTOCOL, VERSION, all, check_upgrade, is_key, required, single};
use crate::http::framing::{CONTENT_LENGTH, TRANSFER_ENCODING, content_length};
use crate::http::{HttpVersion, Request, Response};

/// The outcome of an opening handshake on the server's side: send the response, and the connection
/// is open.
#[derive(Debug)]
#[non_exhaustive]
pub struct Negotiated {
    /// The response, `101 Switching Protocols`; in HTTP/2 200.
    pub response: Response,
    /// The value of the `Origin` header; `None` if there was none.
    pub origin: Option<Origin>,
    /// The chosen subprotocol, if any.
    pub subprotocol: Option<Subprotocol>,
    /// The accepted extensions, in the order and with the parameters of the response.
    pub extension_headers: Vec<ExtensionHeader>,
    /// Their instances, for [`Connection`](crate::Connection).
    pub extensions: Extensions,
}

/// Checks a request and negotiates, in this order: method, version of HTTP, no body, `Connection`,
/// `Upgrade`, `Sec-WebSocket-Key`, `Sec-WebSocket-Version`, `Origin`, extensions, subprotocol
/// ([RFC 6455 §4.2.1], [§4.2.2]).
///
/// A request of HTTP/2 ([`Request::with_protocol`]) passes the checks of [RFC 8441 §5] instead: method and `:protocol`,
/// no `Content-Length`, not even 0, then `Sec-WebSocket-Version` and all that follows. It has neither a key nor
/// `Connection` and `Upgrade`.
///
/// `date` is the value of the `Date` header (`Tue, 15 Nov 1994 08:12:31 GMT`, [RFC 9110 §5.6.7]),
/// from the driver's clock. Without it, or when a header can't hold it, the header is left out.
///
/// # Errors
/// In this order; [`reject()`](super::reject()) turns them into responses:
/// - [`InvalidMethod`] unless it is `GET`;
/// - [`InvalidProtocol`] unless it is HTTP/1.1;
/// - in HTTP/2, instead of these two, [`InvalidHeader`] unless it is `CONNECT` with a `:protocol`,
///   [`InvalidHeaderValue`] unless that is `websocket`;
/// - [`InvalidHeaderValue`] for `Content-Length` or `Transfer-Encoding` when there is a body: its
///   bytes would be taken for frames; in HTTP/2 for any `Content-Length`;
/// - [`InvalidHeaderFormat`](ws_errors::InvalidHeaderFormat) or
///   [`InvalidUpgrade`](ws_errors::InvalidUpgrade) unless `Connection` lists `upgrade` and `Upgrade`
///   is `websocket`;
/// - [`InvalidHeader`] or [`InvalidHeaderValue`] for a key that is
///   absent, repeated, or not the base64 of 16 bytes, then for a version that isn't 13;
/// - [`InvalidHeader`] for several origins, or [`InvalidOrigin`] for one
///   that isn't allowed;
/// - [`InvalidHeaderFormat`](ws_errors::InvalidHeaderFormat) for malformed offers of extensions, if
///   the server has any extension;
/// - [`InvalidHeaderFormat`](ws_errors::InvalidHeaderFormat) or
///   [`NegotiationError`](ws_errors::NegotiationError) when no subprotocol can be agreed on.
///
/// [RFC 6455 §4.2.1]: https://www.rfc-editor.org/rfc/rfc6455#section-4.2.1
/// [§4.2.2]: https://www.rfc-editor.org/rfc/rfc6455#section-4.2.2
/// [RFC 8441 §5]: https://www.rfc-editor.org/rfc/rfc8441#section-5
/// [RFC 9110 §5.6.7]: https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7
#[doc(alias = "accept")]
#[doc(alias = "process_request")]
pub fn negotiate(
    request: &Request,
    options: &ServerOptions,
    date: Option<&str>,
) -> Result<Negotiated, InvalidHandshake> {
    let headers = request.headers();
    let key = match request.version() {
        HttpVersion::Http2 => {
            check_protocol(request)?;
            // RFC 9113 §8.1.1: the length is that of all DATA frames, those of the connection among them.
            if headers.contains(CONTENT_LENGTH) {
                return Err(unexpected(headers, CONTENT_LENGTH));
            }
            check_no_body(headers)?;
            None
        }
        version => {
            if request.method() != "GET" {
                return Err(InvalidMethod::new(request.method()).into());
            }
            if version != HttpVersion::Http11 {
                return Err(InvalidProtocol::new(version.as_str()).into());
            }
            check_no_body(headers)?;
            check_upgrade(headers)?;
            let key = required(headers, "Sec-WebSocket-Key")?;
            if !is_key(key) {
                return Err(InvalidHeaderValue::new("Sec-WebSocket-Key", Some(key.into())).into());
            }
            Some(key)
        }
    };
    let version = required(headers, "Sec-WebSocket-Version")?;
    if version != VERSION {
        return Err(InvalidHeaderValue::new("Sec-WebSocket-Version", Some(version.into())).into());
    }
    let origin = check_origin(request, options)?;
    let (extension_headers, extensions) = match options.extensions.is_empty() {
        // A server without extensions ignores the offers, however malformed.
        true => Default::default(),
        false => {
            let offers = all(headers, "Sec-WebSocket-Extensions", parse_extension)?;
            extension::process_offers(&options.extensions, &offers)
        }
    };
    let subprotocol = select_subprotocol(request, options)?;
    let response = opening(key, &extension_headers, subprotocol.as_ref(), options, date);
    Ok(Negotiated { response, origin, subprotocol, extension_headers, extensions })
}

/// Whether a request asks to open a WebSocket, rightly or not: by `Upgrade` and `Connection`, in HTTP/2 by method and
/// `:protocol`. For a server that answers other requests, too.
///
/// ```
/// use ws_proto::http::Request;
/// use ws_proto::server::is_opening;
/// let mut request = Request::new("GET", "/chat")?;
/// assert!(!is_opening(&request));
/// request.headers_mut().insert("Connection", "keep-alive, Upgrade")?;
/// request.headers_mut().insert("Upgrade", "websocket")?;
/// assert!(is_opening(&request));
/// assert!(is_opening(&Request::new("CONNECT", "https://example.com/")?.with_protocol("websocket")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn is_opening(request: &Request) -> bool {
    match request.version() {
        HttpVersion::Http2 => check_protocol(request).is_ok(),
        HttpVersion::Http10 | HttpVersion::Http11 => check_upgrade(request.headers()).is_ok(),
    }
}

/// Checks that a request of HTTP/2 is one for a WebSocket ([RFC 8441 §5]).
///
/// [RFC 8441 §5]: https://www.rfc-editor.org/rfc/rfc8441#section-5
fn check_protocol(request: &Request) -> Result<(), InvalidHandshake> {
    match request.protocol().filter(|_| request.method() == "CONNECT") {
        Some("websocket") => Ok(()),
        Some(other) => Err(InvalidHeaderValue::new(PROTOCOL, Some(other.into())).into()),
        None => Err(InvalidHeader::new(PROTOCOL, None).into()),
    }
}

/// Checks that no body is announced, however short.
fn check_no_body(headers: &Headers) -> Result<(), InvalidHandshake> {
    let name = match content_length(headers) {
        _ if headers.contains(TRANSFER_ENCODING) => TRANSFER_ENCODING,
        Ok(None | Some(0)) => return Ok(()),
        Ok(Some(_)) | Err(_) => CONTENT_LENGTH,
    };
    Err(unexpected(headers, name))
}

fn unexpected(headers: &Headers, name: &str) -> InvalidHandshake {
    InvalidHeaderValue::new(name, Some(join(headers.get_all(name)))).into()
}

/// Checks the origin of the page that made the browser connect ([RFC 6455 §10.2]).
///
/// [RFC 6455 §10.2]: https://www.rfc-editor.org/rfc/rfc6455#section-10.2
fn check_origin(
    request: &Request,
    options: &ServerOptions,
) -> Result<Option<Origin>, InvalidHandshake> {
    let origin = single(request.headers(), "Origin")?;
    match &options.origins {
        Some(rules) if !rules.iter().any(|rule| rule.allows(origin, request)) => {
            Err(InvalidOrigin::new(origin.map(Origin::from)).into())
        }
        _ => Ok(origin.map(Origin::from)),
    }
}

/// Chooses the first of the server's subprotocols that the client offers too.
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
    let available = options.subprotocols.as_deref().unwrap_or_default();
    if available.is_empty() {
        return Ok(None);
    }
    if offered.is_empty() {
        return Err(NegotiationErrorKind::MissingSubprotocol.into());
    }
    match available.iter().find(|subprotocol| offered.contains(&subprotocol.as_str())) {
        Some(subprotocol) => Ok(Some(subprotocol.clone())),
        None => {
            let expected = available.into();
            Err(NegotiationErrorKind::InvalidSubprotocol { expected }.into())
        }
    }
}
