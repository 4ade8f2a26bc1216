//! Addresses of proxies, the choice of one from the environment, and the request to it; no I/O.
//!
//! The rules of the variables are those of Python's `websockets`, and of curl but for empty values.

use core::net::IpAddr;
use std::fmt;

use ws_errors::{InvalidHeaderValue, InvalidProxy, redact_uri};
use ws_types::is_scheme;

use crate::Uri;
use crate::grammar::{build_authorization_basic, build_host};
use crate::http::Request;
use crate::uri::{CONTROL, parse_host_and_port, parse_user_info};

/// The protocol of a proxy.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
#[non_exhaustive]
pub enum ProxyScheme {
    /// `http`: a tunnel by `CONNECT` ([RFC 9110 §9.3.6](https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6)).
    Http,
    /// `https`: the same over TLS.
    Https,
    /// `socks5`: SOCKS 5 ([RFC 1928 §3](https://www.rfc-editor.org/rfc/rfc1928#section-3)); the client resolves
    /// the host.
    Socks5,
    /// `socks5h`: SOCKS 5; the proxy resolves the host.
    Socks5h,
}

impl ProxyScheme {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Socks5 => "socks5",
            Self::Socks5h => "socks5h",
        }
    }
}

/// The address of a proxy, taken apart.
///
/// ```
/// use ws_proto::{ProxyScheme, ProxyUri};
/// let proxy: ProxyUri = "http://user:secret@proxy.example:3128".parse()?;
/// assert_eq!((proxy.scheme(), proxy.host(), proxy.port()), (ProxyScheme::Http, "proxy.example", 3128));
/// assert_eq!(proxy.to_string(), "http://proxy.example:3128");
/// # Ok::<(), ws_errors::InvalidProxy>(())
/// ```
///
/// `{}` and `{:?}` leave the user information out.
#[derive(Clone, Eq, PartialEq, Hash)]
pub struct ProxyUri {
    scheme: ProxyScheme,
    host: Box<str>,
    port: u16,
    user_info: Option<(Box<str>, Box<str>)>,
}

impl ProxyUri {
    /// Parses the address of a proxy, like [`FromStr`](std::str::FromStr).
    ///
    /// # Errors
    /// [`InvalidProxy`], with the address as [`redact_uri`] shows it, and with one of these as `msg`: `contains
    /// a control character or a space`, `scheme … isn't supported` (empty if there is none), `path is
    /// meaningless`, `query component is meaningless`, `fragment identifier is meaningless`, and those of
    /// [`Uri::parse`] about host, port and user information.
    #[doc(alias = "parse_proxy")]
    pub fn parse(proxy: &str) -> Result<Self, InvalidProxy> {
        parse(proxy).map_err(|msg| InvalidProxy::new(redact_uri(proxy), msg))
    }

    /// The protocol.
    #[must_use]
    pub fn scheme(&self) -> ProxyScheme {
        self.scheme
    }

    /// The host: a name, an IPv4 address, or an IPv6 address without its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port; 443 for `https` and 80 for the others unless given, as in Python.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The user name and the password, percent-decoded; `None` if the address has none.
    #[must_use]
    pub fn user_info(&self) -> Option<(&str, &str)> {
        self.user_info.as_ref().map(|(user, password)| (&**user, &**password))
    }

    /// The request for a tunnel: `CONNECT`, with the user information as `Proxy-Authorization`
    /// ([RFC 9110 §9.3.6]).
    ///
    /// - `host` is the host at the far end, as [`Uri::host`] gives it: without brackets. The zone of an IPv6
    ///   address, which means nothing to the proxy, is left out.
    /// - `port` is its port, which is always sent.
    /// - `user_agent` is the value of a `User-Agent` header for the proxy; `None` sends none.
    ///
    /// # Errors
    /// [`InvalidHeaderValue`] when a header can't hold the host, the user agent or the user information.
    ///
    /// [RFC 9110 §9.3.6]: https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6
    pub fn connect_request(
        &self,
        host: &str,
        port: u16,
        user_agent: Option<&str>,
    ) -> Result<Request, InvalidHeaderValue> {
        let host = host.split('%').next().unwrap_or(host);
        // The port is always there: the scheme that gives it a default is unknown to the proxy.
        let target = build_host(host, port, port != 443);
        let mut request = Request::new("CONNECT", &*target)?;
        let headers = request.headers_mut();
        // RFC 9112 §3.2: "[...] a field value for Host that is identical to that authority component"
        headers.insert("Host", &target).map_err(value)?;
        if let Some(user_agent) = user_agent {
            headers.insert("User-Agent", user_agent).map_err(value)?;
        }
        if let Some((user, password)) = self.user_info() {
            let authorization = build_authorization_basic(user, password)?;
            headers.insert("Proxy-Authorization", &authorization).map_err(value)?;
        }
        Ok(request)
    }
}

/// Names here are tokens, so that only a value can be refused.
fn value(error: ws_headers::InvalidHeaderField) -> InvalidHeaderValue {
    match error {
        ws_headers::InvalidHeaderField::Value(error) => error,
        ws_headers::InvalidHeaderField::Name(error) => {
            InvalidHeaderValue::new("name", Some(error.to_string()))
        }
    }
}

impl std::str::FromStr for ProxyUri {
    type Err = InvalidProxy;

    fn from_str(proxy: &str) -> Result<Self, InvalidProxy> {
        Self::parse(proxy)
    }
}

impl fmt::Display for ProxyUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = build_host(&self.host, self.port, self.port != 443);
        write!(f, "{}://{host}", self.scheme.as_str())
    }
}

impl fmt::Debug for ProxyUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProxyUri({self})")
    }
}

fn parse(proxy: &str) -> Result<ProxyUri, String> {
    if proxy.contains(|c: char| c == ' ' || c.is_control()) {
        return Err(CONTROL.to_owned());
    }
    // Other text before it may be a password.
    let parts = proxy.split_once("://").filter(|(scheme, _)| is_scheme(scheme));
    let (scheme, rest) = parts.unwrap_or(("", proxy));
    let scheme = match &*scheme.to_ascii_lowercase() {
        "http" => ProxyScheme::Http,
        "https" => ProxyScheme::Https,
        "socks5" => ProxyScheme::Socks5,
        "socks5h" => ProxyScheme::Socks5h,
        other => return Err(format!("scheme {other} isn't supported")),
    };
    let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    match rest.strip_prefix('/').unwrap_or(rest) {
        "" => {}
        rest if rest.starts_with('?') => return Err("query component is meaningless".to_owned()),
        rest if rest.starts_with('#') => {
            return Err("fragment identifier is meaningless".to_owned());
        }
        _ => return Err("path is meaningless".to_owned()),
    }
    let (user_info, host_and_port) = match authority.rsplit_once('@') {
        Some((user_info, rest)) => (Some(user_info), rest),
        None => (None, authority),
    };
    let (host, port) = parse_host_and_port(host_and_port)?;
    let port = port.unwrap_or(if scheme == ProxyScheme::Https { 443 } else { 80 });
    let user_info = user_info.filter(|it| !it.is_empty()).map(parse_user_info).transpose()?;
    Ok(ProxyUri { scheme, host, port, user_info })
}

/// Chooses the proxy for a connection to `uri` from environment variables, which `var` gives; `None` for a
/// direct connection.
///
/// For `ws`: `ws_proxy`, `socks_proxy`, `https_proxy`, `http_proxy`, `all_proxy`; for `wss`: `wss_proxy`,
/// `socks_proxy`, `https_proxy`, `all_proxy`. The first that is set counts; the lower-case name goes before the
/// upper-case one; an empty value means no proxy, whereas curl goes on to the next variable. `HTTP_PROXY` is ignored where `REQUEST_METHOD` is set: in a
/// CGI program it comes from a header of the request. On Windows, where the case of names doesn't count,
/// `http_proxy` is ignored there, too. An `http://` address in `socks_proxy` means `socks5h://`.
///
/// Loopback addresses and `localhost` are never proxied, nor are the hosts of `no_proxy`, a list with commas
/// of names (which include the names below them, with or without a dot or `*.` in front), addresses, networks
/// (`10.0.0.0/8`), each perhaps with a port, or `*`.
///
/// # Errors
/// [`InvalidProxy`] for a variable that isn't the address of a proxy: never a direct connection instead.
#[doc(alias = "get_proxy")]
pub fn proxy_from_env(
    uri: &Uri,
    var: impl Fn(&str) -> Option<String>,
) -> Result<Option<ProxyUri>, InvalidProxy> {
    let either = |name: &str| var(name).or_else(|| var(&name.to_ascii_uppercase()));
    if is_loopback(uri.host())
        || either("no_proxy").is_some_and(|list| is_excepted(&list, uri.host(), uri.port()))
    {
        return Ok(None);
    }
    let names: &[&str] = match uri.secure() {
        true => &["wss_proxy", "socks_proxy", "https_proxy", "all_proxy"],
        false => &["ws_proxy", "socks_proxy", "https_proxy", "http_proxy", "all_proxy"],
    };
    let value = names.iter().find_map(|&name| {
        let is_cgi = name == "http_proxy" && var("REQUEST_METHOD").is_some();
        let value = match is_cgi {
            true if cfg!(windows) => None,
            true => var(name),
            false => either(name),
        };
        value.map(|value| (name, value))
    });
    let Some((name, value)) = value.filter(|(_, value)| !value.is_empty()) else {
        return Ok(None);
    };
    let socks = match value.strip_prefix("http://") {
        Some(rest) if name == "socks_proxy" => Some(format!("socks5h://{rest}")),
        _ => None,
    };
    ProxyUri::parse(socks.as_deref().unwrap_or(&value)).map(Some)
}

fn is_loopback(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|addr| addr.to_canonical().is_loopback())
}

/// Whether a list of exceptions has the host.
fn is_excepted(list: &str, host: &str, port: u16) -> bool {
    let host = host.split('%').next().unwrap_or(host);
    list.split(',').map(str::trim).filter(|item| !item.is_empty()).any(|item| {
        if item == "*" {
            return true;
        }
        let (item, item_port) = split_port(item);
        if item_port.is_some_and(|it| it != port) {
            return false;
        }
        match host.parse::<IpAddr>() {
            Ok(addr) => matches_network(item, addr.to_canonical()),
            Err(_) => {
                let name = item.strip_prefix("*.").or(item.strip_prefix('.')).unwrap_or(item);
                let name = name.to_ascii_lowercase();
                let host = host.strip_suffix('.').unwrap_or(host);
                host.strip_suffix(&*name)
                    .is_some_and(|above| above.is_empty() || above.ends_with('.'))
            }
        }
    })
}

/// Splits `host:port`, `[address]:port`, or neither; an address without brackets has no port.
fn split_port(item: &str) -> (&str, Option<u16>) {
    if let Some((address, rest)) = item.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (address, rest.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match item.split_once(':') {
        Some((host, port)) if !port.contains(':') => match port.parse() {
            Ok(port) => (host, Some(port)),
            Err(_) => (item, None),
        },
        _ => (item, None),
    }
}

/// Whether an address is in a network, `10.0.0.0/8`, or equal to an address.
fn matches_network(item: &str, addr: IpAddr) -> bool {
    let (network, bits) = item.split_once('/').unwrap_or((item, ""));
    let Ok(network) = network.parse::<IpAddr>() else { return false };
    let (network, addr, width) = match (network.to_canonical(), addr) {
        (IpAddr::V4(network), IpAddr::V4(addr)) => {
            (u128::from(network.to_bits()), u128::from(addr.to_bits()), 32)
        }
        (IpAddr::V6(network), IpAddr::V6(addr)) => (network.to_bits(), addr.to_bits(), 128),
        _ => return false,
    };
    let bits = if bits.is_empty() { Ok(width) } else { bits.parse::<u32>() };
    match bits {
        Ok(bits) if bits <= width => {
            let shift = width - bits;
            network.checked_shr(shift).unwrap_or(0) == addr.checked_shr(shift).unwrap_or(0)
        }
        _ => false,
    }
}
