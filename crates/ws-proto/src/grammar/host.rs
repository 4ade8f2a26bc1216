//! `Host`: the host and port that a request is for.

use core::net::Ipv6Addr;

/// Writes a `Host` header ([RFC 9110 §7.2]): `host`, in brackets if it is an IPv6 address, and
/// `port` unless it is the default of the scheme, 443 if `secure` and else 80.
///
/// `host` has no brackets. A zone (`fe80::1%eth0`) is kept, but means nothing to the peer: leave it
/// out of what is sent.
///
/// ```
/// use ws_proto::grammar::build_host;
/// assert_eq!(build_host("example.com", 80, false), "example.com");
/// assert_eq!(build_host("example.com", 80, true), "example.com:80");
/// assert_eq!(build_host("::1", 8765, false), "[::1]:8765");
/// ```
///
/// [RFC 9110 §7.2]: https://www.rfc-editor.org/rfc/rfc9110#section-7.2
#[must_use]
pub fn build_host(host: &str, port: u16, secure: bool) -> String {
    let address = host.split_once('%').map_or(host, |(address, _zone)| address);
    let mut value = match address.parse::<Ipv6Addr>() {
        Ok(_) => format!("[{host}]"),
        Err(_) => host.to_owned(),
    };
    if port != if secure { 443 } else { 80 } {
        value.push(':');
        value.push_str(&port.to_string());
    }
    value
}
