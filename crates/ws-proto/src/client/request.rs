//! The request of an opening handshake.

use ws_errors::{InvalidHandshake, InvalidHeader, InvalidHeaderValue};
use ws_headers::Headers;
use ws_types::Subprotocol;

use super::ClientOptions;
use crate::extension;
use crate::grammar::{
    build_authorization_basic, build_extension, build_subprotocol, parse_subprotocol,
};
use crate::handshake::{VERSION, all, check_protocol, single};
use crate::http::Request;
use crate::uri::Uri;

/// Builds the request, with its headers in the usual order; without a key, that of HTTP/2.
pub(super) fn build_request(
    uri: &Uri,
    options: &ClientOptions,
    key: Option<&str>,
) -> Result<Request, InvalidHandshake> {
    if let Some(error) = &options.invalid {
        return Err(error.clone());
    }
    let extra = &options.headers;
    check_headers(extra)?;
    let host = single(extra, "Host")?.map_or_else(|| uri.host_header(), str::to_owned);
    let mut request = match key {
        Some(_) => Request::new("GET", uri.resource_name())?,
        None => {
            // RFC 8441 §5: the scheme is that of HTTP.
            let scheme = if uri.secure() { "https" } else { "http" };
            let target = format!("{scheme}://{host}{}", uri.resource_name());
            Request::new("CONNECT", target)?.with_protocol("websocket")
        }
    };
    let headers = request.headers_mut();
    let mut insert = |name, value: &str| {
        headers.insert(name, value).map_err(|_| InvalidHeaderValue::new(name, Some(value.into())))
    };
    if key.is_some() {
        insert("Host", &host)?;
    }
    if let (Some((user, password)), None) = (uri.user_info(), single(extra, "Authorization")?) {
        insert("Authorization", &build_authorization_basic(user, password)?)?;
    }
    if let (Some(origin), None) = (&options.origin, single(extra, "Origin")?) {
        insert("Origin", origin.as_str())?;
    }
    if let Some(key) = key {
        insert("Upgrade", "websocket")?;
        insert("Connection", "Upgrade")?;
        insert("Sec-WebSocket-Key", key)?;
    }
    insert("Sec-WebSocket-Version", VERSION)?;
    if !options.extensions.is_empty() {
        let offers = build_extension(&extension::offers(&options.extensions)?);
        insert("Sec-WebSocket-Extensions", &offers)?;
    }
    let subprotocols = options.subprotocols.as_ref().map_err(Clone::clone)?;
    if !subprotocols.is_empty() {
        insert("Sec-WebSocket-Protocol", &build_subprotocol(subprotocols))?;
    }
    for (name, value) in extra.raw_items().filter(|(name, _)| !name.eq_ignore_ascii_case("Host")) {
        headers
            .insert(name, value)
            .map_err(|_| InvalidHeaderValue::new(name, Some(value.into())))?;
    }
    if let (Some(user_agent), None) = (&options.user_agent, single(extra, "User-Agent")?) {
        headers
            .insert("User-Agent", user_agent)
            .map_err(|_| InvalidHeaderValue::new("User-Agent", Some(user_agent.clone())))?;
    }
    Ok(request)
}

/// Splits the headers of a request for another library in those to add, and the offered subprotocols. What every
/// handshake has is dropped once it is seen to ask for nothing else.
pub(super) fn take_over(
    mut headers: Headers,
) -> Result<(Headers, Vec<Subprotocol>), InvalidHandshake> {
    if headers.contains("Upgrade") {
        check_protocol(&headers)?;
    }
    check_version(&headers)?;
    let subprotocols = all(&headers, "Sec-WebSocket-Protocol", parse_subprotocol)?;
    if single(&headers, "Content-Length")? == Some("0") {
        headers.remove("Content-Length");
    }
    for name in ["Upgrade", "Connection"] {
        headers.remove(name);
    }
    for name in ["Extensions", "Key", "Protocol", "Version"] {
        headers.remove(&format!("Sec-WebSocket-{name}"));
    }
    check_headers(&headers)?;
    Ok((headers, subprotocols))
}

fn check_version(headers: &Headers) -> Result<(), InvalidHandshake> {
    match single(headers, "Sec-WebSocket-Version")? {
        None | Some(VERSION) => Ok(()),
        Some(other) => {
            Err(InvalidHeaderValue::new("Sec-WebSocket-Version", Some(other.into())).into())
        }
    }
}

/// Refuses headers that contradict those of the handshake, or announce a body.
fn check_headers(headers: &Headers) -> Result<(), InvalidHandshake> {
    const PREFIX: &str = "sec-websocket-";
    const OWNED: [&str; 4] = ["upgrade", "connection", "content-length", "transfer-encoding"];
    for (name, _) in headers.raw_items() {
        let lower = name.to_ascii_lowercase();
        if lower.starts_with(PREFIX) || OWNED.contains(&&*lower) {
            let value = "only the opening handshake itself may set it";
            return Err(InvalidHeader::new(name, Some(value)).into());
        }
    }
    Ok(())
}
