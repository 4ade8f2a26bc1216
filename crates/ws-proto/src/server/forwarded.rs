//! [`forwarded_client`]: the client's address, as proxies in front of a server tell it.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::borrow::Cow;

use ws_headers::Headers;

use crate::grammar::is_token_octet;

/// The header in which proxies tell for whom they forward a request. A server heeds one of them, the one that its own
/// proxies write: the other one passes them as the client has sent it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ForwardedHeader {
    /// `Forwarded: for=192.0.2.1, for="[2001:db8::1]:4711";proto=https` ([RFC 7239 §4]).
    ///
    /// [RFC 7239 §4]: https://www.rfc-editor.org/rfc/rfc7239#section-4
    Forwarded,
    /// `X-Forwarded-For: 192.0.2.1, 2001:db8::1`, which most proxies write: no standard, but a list of addresses.
    /// One with a port, as some write it, is `192.0.2.1:4711` or `[2001:db8::1]:4711`.
    XForwardedFor,
}

/// The address of the client for whom a trusted proxy has forwarded a request; `None` if that isn't told. Port 0 stands
/// for one that isn't told; an address of IPv4 within one of IPv6 becomes one of IPv4.
///
/// Each proxy adds an element behind those that it has received ([RFC 7239 §4]). So the search goes from the last one
/// to the first one, passes the addresses for which `is_trusted` holds, and ends at the first other one: all in front
/// of it may be the client's invention. It also ends at an element that has no address (`unknown`, `_hidden`) or is
/// malformed: then the address behind it is the last one that is known, and the result.
///
/// Call it only for a request from a trusted peer. It allocates little, and its time is linear in the size of the
/// headers.
///
/// ```
/// use ws_proto::Headers;
/// use ws_proto::server::{ForwardedHeader, forwarded_client};
///
/// // The client has sent the first address, our outer proxy has added the second one, our inner proxy that of the outer.
/// let headers = Headers::try_from([("X-Forwarded-For", "127.0.0.1, 192.0.2.1, 10.0.0.7")])?;
/// let is_trusted = |ip: core::net::IpAddr| ip.to_string().starts_with("10.");
/// let client = forwarded_client(&headers, ForwardedHeader::XForwardedFor, is_trusted);
/// assert_eq!(client, Some(([192, 0, 2, 1], 0).into()));
/// # Ok::<(), ws_headers::InvalidHeaderField>(())
/// ```
///
/// [RFC 7239 §4]: https://www.rfc-editor.org/rfc/rfc7239#section-4
#[must_use]
pub fn forwarded_client(
    headers: &Headers,
    header: ForwardedHeader,
    is_trusted: impl Fn(IpAddr) -> bool,
) -> Option<SocketAddr> {
    let name = match header {
        ForwardedHeader::Forwarded => "Forwarded",
        ForwardedHeader::XForwardedFor => "X-Forwarded-For",
    };
    let lines: Vec<&str> = headers.get_all(name).collect();
    let elements =
        lines.into_iter().rev().flat_map(|line| Backwards { rest: Some(line), at: b',' });
    let mut client = None;
    for element in elements.filter(|element| !element.is_empty()) {
        let node = match header {
            ForwardedHeader::Forwarded => forwarded_for(element),
            ForwardedHeader::XForwardedFor => listed(element),
        };
        let Some(addr) = node else { break };
        client = Some(addr);
        if !is_trusted(addr.ip()) {
            break;
        }
    }
    client
}

/// The parts of a text from the last one to the first one, without the spaces and tabs around them. A separator within
/// a quoted string separates nothing.
///
/// Backwards, since what a proxy has added is well-formed, whatever the client has sent in front of it: a quotation
/// mark that the client has left open must not swallow it.
struct Backwards<'a> {
    rest: Option<&'a str>,
    at: u8,
}

impl<'a> Iterator for Backwards<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.rest?;
        let mut is_quoted = false;
        let cut = text.bytes().enumerate().rev().find(|&(at, octet)| {
            if octet == b'"' && !(is_quoted && is_escaped(text, at)) {
                is_quoted = !is_quoted;
            }
            octet == self.at && !is_quoted
        });
        let part = match cut {
            // The separator is ASCII, so both sides of it are boundaries of characters.
            Some((at, _)) => {
                self.rest = text.get(..at);
                text.get(at + 1..).unwrap_or_default()
            }
            None => {
                self.rest = None;
                text
            }
        };
        Some(part.trim_matches([' ', '\t']))
    }
}

/// Whether an odd number of backslashes is in front of the position.
fn is_escaped(text: &str, at: usize) -> bool {
    let before = text.as_bytes().get(..at).unwrap_or_default();
    before.iter().rev().take_while(|&&octet| octet == b'\\').count() % 2 == 1
}

/// The address in the parameter `for` of a `forwarded-element`, which it may have once ([RFC 7239 §4]).
///
/// [RFC 7239 §4]: https://www.rfc-editor.org/rfc/rfc7239#section-4
fn forwarded_for(element: &str) -> Option<SocketAddr> {
    let mut node = None;
    for pair in (Backwards { rest: Some(element), at: b';' }).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=')?;
        let value = unquoted(value)?;
        if name.eq_ignore_ascii_case("for") && node.replace(value).is_some() {
            return None;
        }
    }
    let node = node?;
    // An address of IPv6 has brackets ([RFC 7239 §6](https://www.rfc-editor.org/rfc/rfc7239#section-6)).
    node.parse::<Ipv6Addr>().is_err().then(|| address(&node)).flatten()
}

/// The content of a token or a quoted string.
fn unquoted(value: &str) -> Option<Cow<'_, str>> {
    let Some(quoted) = value.strip_prefix('"') else {
        return (!value.is_empty() && value.bytes().all(is_token_octet)).then_some(value.into());
    };
    let (mut content, mut chars) = (String::new(), quoted.chars());
    loop {
        match chars.next()? {
            '"' => return chars.next().is_none().then_some(content.into()),
            '\\' => content.push(chars.next()?),
            c => content.push(c),
        }
    }
}

/// An element of `X-Forwarded-For`.
fn listed(element: &str) -> Option<SocketAddr> {
    match element.parse::<Ipv6Addr>() {
        Ok(ip) => Some(SocketAddr::new(ip.to_canonical(), 0)),
        Err(_) => address(element),
    }
}

/// A `node` of [RFC 7239 §6] that is an address: of IPv4, or of IPv6 in brackets; perhaps with a port, which may be
/// hidden behind a name.
///
/// [RFC 7239 §6]: https://www.rfc-editor.org/rfc/rfc7239#section-6
fn address(node: &str) -> Option<SocketAddr> {
    let (ip, rest) = match node.strip_prefix('[') {
        Some(rest) => {
            let (ip, rest) = rest.split_once(']')?;
            (ip.parse::<Ipv6Addr>().ok()?.to_canonical(), rest)
        }
        None => {
            let (ip, rest) = node.split_at(node.find(':').unwrap_or(node.len()));
            (ip.parse::<Ipv4Addr>().ok()?.into(), rest)
        }
    };
    let port = match rest.strip_prefix(':') {
        None if rest.is_empty() => 0,
        None => return None,
        Some(name) if name.len() > 1 && name.starts_with('_') => {
            let is_name = |octet: u8| octet.is_ascii_alphanumeric() || b"._-".contains(&octet);
            name.bytes().all(is_name).then_some(0)?
        }
        Some(digits) if digits.bytes().all(|octet| octet.is_ascii_digit()) => {
            digits.parse().ok()?
        }
        Some(_) => return None,
    };
    Some(SocketAddr::new(ip, port))
}
