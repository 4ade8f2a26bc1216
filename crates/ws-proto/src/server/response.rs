//! Responses of a server: the one that opens a connection, and those that don't.

use std::error::Error;

use ws_errors::{AbortHandshake, HttpAnswer, InvalidHandshake};
use ws_headers::Headers;
use ws_types::Subprotocol;

use super::options::ServerOptions;
use crate::grammar::{ExtensionHeader, build_extension};
use crate::handshake::{ACCEPT_LEN, PROTOCOL, VERSION, put_accept_key};
use crate::http::Response;
use crate::http::framing::{CONTENT_LENGTH, TRANSFER_ENCODING};

/// The response that opens a connection: `101 Switching Protocols` ([RFC 6455 §4.2.2]); in HTTP/2, where there is no
/// key, 200 ([RFC 8441 §5]).
///
/// [RFC 6455 §4.2.2]: https://www.rfc-editor.org/rfc/rfc6455#section-4.2.2
/// [RFC 8441 §5]: https://www.rfc-editor.org/rfc/rfc8441#section-5
pub(super) fn opening(
    key: Option<&str>,
    extensions: &[ExtensionHeader],
    subprotocol: Option<&Subprotocol>,
    options: &ServerOptions,
    date: Option<&str>,
) -> Response {
    let mut headers = Headers::with_capacity(6);
    let mut insert = |name, value: &str| {
        // The date or the server's name may be invalid: left out then. The rest can't fail.
        let _ = headers.insert(name, value);
    };
    if let Some(date) = date {
        insert("Date", date);
    }
    if let Some(key) = key {
        insert("Upgrade", "websocket");
        insert("Connection", "Upgrade");
        insert("Sec-WebSocket-Accept", put_accept_key(key, &mut [0; ACCEPT_LEN]));
    }
    if !extensions.is_empty() {
        insert("Sec-WebSocket-Extensions", &build_extension(extensions));
    }
    if let Some(subprotocol) = subprotocol {
        insert("Sec-WebSocket-Protocol", subprotocol.as_str());
    }
    if let Some(server) = &options.server_header {
        insert("Server", server);
    }
    response(if key.is_some() { 101 } else { 200 }, headers, Vec::new())
}

/// Takes out the headers about a connection, which HTTP/2 doesn't have ([RFC 9113 §8.2.2]): call it on the response of
/// [`reject()`], [`respond`] or [`shutting_down`] to a request of HTTP/2.
///
/// [RFC 9113 §8.2.2]: https://www.rfc-editor.org/rfc/rfc9113#section-8.2.2
pub fn remove_connection_headers(response: &mut Response) {
    for name in ["Connection", "Keep-Alive", "Proxy-Connection", "Upgrade", TRANSFER_ENCODING] {
        response.headers.remove(name);
    }
}

/// Returns the response to a failed opening handshake; `None` when the client didn't speak HTTP/1:
/// then close the connection without one.
///
/// `error` comes from [`ServerHandshake`](super::ServerHandshake), from
/// [`negotiate`](super::negotiate), or from a hook of the application. Its class gives the status
/// ([`InvalidHandshake::http_status`]); the body explains it to people. [`AbortHandshake`] brings
/// its own status, headers and body; headers that HTTP needs are added if it lacks them.
///
/// `method` is that of the request, if it is known: `request.method()` or
/// [`ServerHandshake::method`](super::ServerHandshake::method). For `HEAD` the response has no body, and
/// the same headers ([RFC 9110 §9.3.2]). Nor has one with status 204, 304 or below 200; 204 and below
/// have no `Content-Length` either ([RFC 9110 §8.6]).
///
/// Close the connection after the response. The client may still be sending a body, and closing with
/// unread data resets a connection, which can destroy the response: so close the writing side first, and
/// read on for a while ([RFC 9112 §9.6]). `date` is as for [`negotiate`](super::negotiate).
///
/// ```
/// use ws_proto::server::{ServerOptions, reject};
/// let error = ws_errors::InvalidOrigin::new(Some("https://evil.example".into()));
/// let options = ServerOptions::default();
/// let response = reject(&error.into(), Some("GET"), &options, None).expect("has a status");
/// assert_eq!(response.status_code, 403);
/// assert_eq!(
///     response.body,
///     b"Failed to open a WebSocket connection: invalid Origin header: https://evil.example.\n",
/// );
/// ```
///
/// [RFC 9110 §9.3.2]: https://www.rfc-editor.org/rfc/rfc9110#section-9.3.2
/// [RFC 9110 §8.6]: https://www.rfc-editor.org/rfc/rfc9110#section-8.6
/// [RFC 9112 §9.6]: https://www.rfc-editor.org/rfc/rfc9112#section-9.6
#[must_use]
pub fn reject(
    error: &InvalidHandshake,
    method: Option<&str>,
    options: &ServerOptions,
    date: Option<&str>,
) -> Option<Response> {
    let mut response = match error {
        InvalidHandshake::AbortHandshake(abort) => abort_response(abort, options, date),
        error => refusal(error, options, date)?,
    };
    if method == Some("HEAD") {
        response.body = Vec::new();
    }
    Some(response)
}

/// The response to a request that this crate refuses.
fn refusal(
    error: &InvalidHandshake,
    options: &ServerOptions,
    date: Option<&str>,
) -> Option<Response> {
    let HttpAnswer::Status(status) = error.http_status() else { return None };
    let mut text = format!("Failed to open a WebSocket connection: {error}.\n");
    match status {
        400 => {
            text.truncate(text.len() - ".\n".len());
            let mut cause = error.source();
            while let Some(error) = cause {
                text.push_str(&format!("; {error}"));
                cause = error.source();
            }
            text.push_str(".\n");
            if matches!(error, InvalidHandshake::InvalidHeader(header) if header.name() == PROTOCOL)
            {
                text.push_str(NOT_FOR_BROWSERS);
            }
        }
        426 => text.push_str(NOT_FOR_BROWSERS),
        500 => {
            text.clear();
            text.push_str(
                "Failed to open a WebSocket connection.\n\
                 See server log for more information.\n",
            );
        }
        _ => {}
    }
    let extra = match (status, error) {
        (405, _) => Some(("Allow", "GET")),
        (426, _) => Some(("Upgrade", "websocket")),
        // RFC 6455 §4.2.2: "[...] and a |Sec-WebSocket-Version| header field indicating the
        // version(s) the server is capable of understanding."
        (_, InvalidHandshake::InvalidHeader(header))
            if header.name() == "Sec-WebSocket-Version" =>
        {
            Some(("Sec-WebSocket-Version", VERSION))
        }
        _ => None,
    };
    Some(build(status, text, extra, options, date))
}

/// Returns a response with this status and text, for an application that answers a request without
/// opening a connection: `Content-Type: text/plain; charset=utf-8`, and `Connection: close`.
///
/// ```
/// use ws_proto::server::{ServerOptions, respond};
/// let response = respond(200, "OK\n", &ServerOptions::default(), None);
/// assert_eq!((&*response.reason_phrase, &*response.body), ("OK", &b"OK\n"[..]));
/// assert_eq!(response.headers.get("Content-Length"), Ok(Some("3")));
/// ```
#[must_use]
pub fn respond(
    status_code: u16,
    text: impl Into<String>,
    options: &ServerOptions,
    date: Option<&str>,
) -> Response {
    build(status_code, text.into(), None, options, date)
}

/// Returns the response of a server that is about to stop: `503 Service Unavailable`.
#[must_use]
pub fn shutting_down(options: &ServerOptions, date: Option<&str>) -> Response {
    respond(503, "Server is shutting down.\n", options, date)
}

fn build(
    status_code: u16,
    text: String,
    extra: Option<(&str, &str)>,
    options: &ServerOptions,
    date: Option<&str>,
) -> Response {
    let mut headers = Headers::with_capacity(6);
    let length = text.len().to_string();
    let lines = [
        date.map(|date| ("Date", date)),
        Some(("Connection", "close")),
        Some((CONTENT_LENGTH, &*length)),
        Some(("Content-Type", TEXT)),
        extra,
        options.server_header.as_deref().map(|server| ("Server", server)),
    ];
    for (name, value) in lines.into_iter().flatten() {
        // The date or the server's name may be invalid: left out then.
        let _ = headers.insert(name, value);
    }
    response(status_code, headers, text.into_bytes())
}

/// Completes the response of the application with the headers that HTTP needs.
fn abort_response(abort: &AbortHandshake, options: &ServerOptions, date: Option<&str>) -> Response {
    let mut headers = abort.headers.clone();
    let has_body = !matches!(abort.status, 100..=199 | 204 | 304);
    if matches!(abort.status, 100..=199 | 204) {
        headers.remove(CONTENT_LENGTH);
        headers.remove(TRANSFER_ENCODING);
    }
    let length = abort.body.len().to_string();
    let framed = headers.contains(TRANSFER_ENCODING);
    let lines = [
        date.map(|date| ("Date", date)),
        Some(("Connection", "close")),
        (has_body && !framed).then_some((CONTENT_LENGTH, &*length)),
        (has_body && !abort.body.is_empty()).then_some(("Content-Type", TEXT)),
        options.server_header.as_deref().map(|server| ("Server", server)),
    ];
    for (name, value) in lines.into_iter().flatten() {
        if !headers.contains(name) {
            let _ = headers.insert(name, value);
        }
    }
    let body = if has_body { abort.body.clone() } else { Vec::new() };
    response(abort.status, headers, body)
}

/// A response with the usual reason phrase.
fn response(status_code: u16, headers: Headers, body: Vec<u8>) -> Response {
    Response::new(status_code, reason_phrase(status_code), headers, body)
}

/// The reason phrase that goes with a status ([RFC 9110 §15]); empty for rare ones.
///
/// [RFC 9110 §15]: https://www.rfc-editor.org/rfc/rfc9110#section-15
fn reason_phrase(status_code: u16) -> &'static str {
    match status_code {
        101 => "Switching Protocols",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        413 => "Content Too Large",
        414 => "URI Too Long",
        418 => "I'm a Teapot",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}

const NOT_FOR_BROWSERS: &str = "\nYou cannot access a WebSocket server directly with a browser. \
                                You need a WebSocket client.\n";

const TEXT: &str = "text/plain; charset=utf-8";
