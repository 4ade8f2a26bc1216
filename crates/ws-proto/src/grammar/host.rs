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

/// Whether `value` can be a `Host` header, or the authority of a request target: a host that isn't
/// empty, and perhaps a colon and a port from 0 to 65535, which may be left out behind its colon
/// ([RFC 9110 §7.2], [RFC 3986 §3.2]).
///
/// A host is a name, with percent-encoding perhaps, an IPv4 address, or an IP address in brackets. User
/// information isn't allowed ([RFC 9110 §4.2.4]), nor is the zone of an IPv6 address.
///
/// [RFC 9110 §7.2]: https://www.rfc-editor.org/rfc/rfc9110#section-7.2
/// [RFC 3986 §3.2]: https://www.rfc-editor.org/rfc/rfc3986#section-3.2
/// [RFC 9110 §4.2.4]: https://www.rfc-editor.org/rfc/rfc9110#section-4.2.4
pub(crate) fn is_host(value: &str) -> bool {
    let (is_valid, port) = match value.strip_prefix('[') {
        Some(rest) => {
            let Some((address, port)) = rest.split_once(']') else { return false };
            (address.parse::<Ipv6Addr>().is_ok() || is_future_address(address), port)
        }
        None => {
            let (name, port) = value.split_at(value.find(':').unwrap_or(value.len()));
            (is_name(name), port)
        }
    };
    is_valid && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

/// Digits, or nothing.
fn is_port(digits: &str) -> bool {
    digits.bytes().all(|b| b.is_ascii_digit())
        && (digits.is_empty() || digits.parse::<u16>().is_ok())
}

/// A `reg-name` that isn't empty ([RFC 3986 §3.2.2]).
///
/// [RFC 3986 §3.2.2]: https://www.rfc-editor.org/rfc/rfc3986#section-3.2.2
fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    while let Some(b) = bytes.next() {
        let is_digit = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_hexdigit());
        let is_valid = match b {
            b'%' => is_digit(bytes.next()) && is_digit(bytes.next()),
            b => is_name_octet(b),
        };
        if !is_valid {
            return false;
        }
    }
    !name.is_empty()
}

/// An `IPvFuture`, such as `v1.x` ([RFC 3986 §3.2.2]).
///
/// [RFC 3986 §3.2.2]: https://www.rfc-editor.org/rfc/rfc3986#section-3.2.2
fn is_future_address(text: &str) -> bool {
    let Some((version, address)) = text.split_once('.') else { return false };
    let version = version.strip_prefix(['v', 'V']).unwrap_or_default();
    !version.is_empty()
        && version.bytes().all(|b| b.is_ascii_hexdigit())
        && !address.is_empty()
        && address.bytes().all(|b| b == b':' || is_name_octet(b))
}

/// Whether `b` is an `unreserved` octet or one of `sub-delims`: those of a host name, and most of those of
/// a path ([RFC 3986 §2.2], [§2.3]).
///
/// [RFC 3986 §2.2]: https://www.rfc-editor.org/rfc/rfc3986#section-2.2
/// [§2.3]: https://www.rfc-editor.org/rfc/rfc3986#section-2.3
pub(crate) fn is_name_octet(b: u8) -> bool {
    is_unreserved(b) || b"!$&'()*+,;=".contains(&b)
}

/// Whether `b` is an `unreserved` octet ([RFC 3986 §2.3]).
///
/// [RFC 3986 §2.3]: https://www.rfc-editor.org/rfc/rfc3986#section-2.3
pub(crate) fn is_unreserved(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-._~".contains(&b)
}
