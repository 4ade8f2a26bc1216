//! `ws://` and `wss://` URIs ([RFC 6455 §3]).
//!
//! The parser is written by hand: the grammar is small, and general URL parsers follow the rules for
//! links in web pages, which repair errors instead of refusing them. Host names that aren't ASCII are
//! refused without the feature `idna`, whose tables are large. In paths and queries, characters that can't stand there are
//! percent-encoded: people write them, and mean nothing else.
//!
//! [RFC 6455 §3]: https://www.rfc-editor.org/rfc/rfc6455#section-3

use core::net::Ipv6Addr;
use std::fmt::{self, Write as _};
use std::str::FromStr;

use ws_errors::{InvalidURI, redact_uri};
use ws_types::redact_query;

use crate::grammar::{build_host, is_name_octet, is_unreserved};
use crate::http::percent_decode;

/// A `ws://` or `wss://` URI, taken apart.
///
/// ```
/// use ws_proto::Uri;
/// let uri: Uri = "wss://user:secret@Example.com/chat?room=1".parse()?;
/// assert!(uri.secure());
/// assert_eq!((uri.host(), uri.port()), ("example.com", 443));
/// assert_eq!(uri.resource_name(), "/chat?room=1");
/// assert_eq!(uri.user_info(), Some(("user", "secret")));
/// assert_eq!(uri.to_string(), "wss://example.com/chat?room=1");
/// # Ok::<(), ws_errors::InvalidURI>(())
/// ```
///
/// `{}` leaves the user information out; for logs there is [`redacted`](Self::redacted).
#[doc(alias = "WebSocketURI")]
#[derive(Clone, Eq, PartialEq, Hash)]
pub struct Uri {
    secure: bool,
    host: Box<str>,
    port: u16,
    user_info: Option<(Box<str>, Box<str>)>,
    resource_name: Box<str>,
    /// The length of the path in `resource_name`; the query, if any, follows with its question mark.
    path_len: usize,
}

impl Uri {
    /// Parses a URI, like [`FromStr`].
    ///
    /// The scheme and the host are case-insensitive. An empty path is `/`; an empty query, an empty
    /// fragment and empty user information are dropped. A user name without a password has an empty one.
    ///
    /// Characters that a path or a query can't have ([RFC 3986 §3.3], [§3.4]) are percent-encoded, as
    /// UTF-8: those that aren't ASCII, ``" < > [ \ ] ^ ` { | }``, and a percent sign without two
    /// hexadecimal digits behind it. All else is kept as it is, percent-encoding included.
    ///
    /// ```
    /// # use ws_proto::Uri;
    /// let uri = Uri::parse("ws://user@localhost/100%/caf\u{e9}%20{a}?b=[1]")?;
    /// assert_eq!(uri.resource_name(), "/100%25/caf%C3%A9%20%7Ba%7D?b=%5B1%5D");
    /// assert_eq!(uri.user_info(), Some(("user", "")));
    /// # Ok::<(), ws_errors::InvalidURI>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidURI`], with the URI as [`redact_uri`] shows it, and with one of these as `msg`, checked in
    /// this order:
    /// - `contains a control character or a space`
    /// - `scheme isn't ws or wss`
    /// - `hostname isn't provided`
    /// - `hostname isn't ASCII` (with the feature `idna`: isn't a valid name),
    ///   `hostname contains an invalid character`, `IPv6 address is invalid`
    /// - `port isn't a number between 1 and 65535`
    /// - `fragment identifier is meaningless`
    /// - `user information is invalid`: a backslash, a percent sign without two digits after it,
    ///   octets that aren't UTF-8, control characters, or a colon in the user name; none of these
    ///   can be sent with Basic authentication.
    ///
    /// [RFC 3986 §3.3]: https://www.rfc-editor.org/rfc/rfc3986#section-3.3
    /// [§3.4]: https://www.rfc-editor.org/rfc/rfc3986#section-3.4
    #[doc(alias = "parse_uri")]
    pub fn parse(uri: &str) -> Result<Self, InvalidURI> {
        parse(uri).map_err(|msg| InvalidURI::new(redact_uri(uri), msg))
    }

    /// Tells whether the connection is encrypted: `true` for `wss`, `false` for `ws`.
    #[must_use]
    pub fn secure(&self) -> bool {
        self.secure
    }

    /// The host to connect to, in lower case: a name, an IPv4 address, or an IPv6 address without
    /// its brackets, perhaps with a zone: `fe80::1%eth0`.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port to connect to; 80 for `ws` and 443 for `wss` unless given.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path, and the query behind a question mark unless it is empty ([RFC 6455 §3]). Starts with
    /// `/`, and is valid as the target of a request ([RFC 9112 §3.2.1]).
    ///
    /// [RFC 6455 §3]: https://www.rfc-editor.org/rfc/rfc6455#section-3
    /// [RFC 9112 §3.2.1]: https://www.rfc-editor.org/rfc/rfc9112#section-3.2.1
    #[must_use]
    pub fn resource_name(&self) -> &str {
        &self.resource_name
    }

    /// The path; starts with `/`.
    #[must_use]
    pub fn path(&self) -> &str {
        self.resource_name.get(..self.path_len).unwrap_or_default()
    }

    /// The query, without its question mark; `None` if there is none or it is empty.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.resource_name.get(self.path_len..).unwrap_or_default().strip_prefix('?')
    }

    /// The user name and the password, percent-decoded; `None` if the URI has neither. The request
    /// carries them in an `Authorization` header.
    #[must_use]
    pub fn user_info(&self) -> Option<(&str, &str)> {
        self.user_info.as_ref().map(|(user, password)| (&**user, &**password))
    }

    /// The value of the `Host` header: [`build_host`] of host and port, without the zone of an
    /// IPv6 address, which means nothing to the peer ([RFC 6874 §4]).
    ///
    /// ```
    /// # use ws_proto::Uri;
    /// let uri = Uri::parse("ws://[fe80::1%25eth0]:8765/")?;
    /// assert_eq!((uri.host(), &*uri.host_header()), ("fe80::1%eth0", "[fe80::1]:8765"));
    /// # Ok::<(), ws_errors::InvalidURI>(())
    /// ```
    ///
    /// [RFC 6874 §4]: https://www.rfc-editor.org/rfc/rfc6874#section-4
    #[must_use]
    pub fn host_header(&self) -> String {
        let host = self.host.split_once('%').map_or(&*self.host, |(address, _zone)| address);
        build_host(host, self.port, self.secure)
    }
}

impl Uri {
    /// The URI for people: without user information, and without the values of its query, which may be
    /// secrets. `{:?}` writes it, too.
    ///
    /// ```
    /// # use ws_proto::Uri;
    /// let uri = Uri::parse("wss://user:secret@example.com/chat?room=1&token=secret")?;
    /// assert_eq!(uri.redacted().to_string(), "wss://example.com/chat?room=***&token=***");
    /// # Ok::<(), ws_errors::InvalidURI>(())
    /// ```
    #[must_use]
    pub fn redacted(&self) -> impl fmt::Display + '_ {
        Redacted(self)
    }

    /// The same without user information.
    #[must_use]
    pub fn without_user_info(mut self) -> Self {
        self.user_info = None;
        self
    }

    /// The same with another path and query.
    pub(crate) fn with_resource(
        &self,
        path: &str,
        query: Option<&str>,
    ) -> Result<Self, InvalidURI> {
        let query = query.unwrap_or_default();
        if path.chars().chain(query.chars()).any(|c| c == ' ' || c.is_control()) {
            return Err(InvalidURI::new(redact_uri(path), CONTROL));
        }
        let (resource_name, path_len) = build_resource_name(path, query);
        Ok(Self { resource_name, path_len, ..self.clone() })
    }

    /// Writes all that comes before the query.
    fn fmt_base(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "wss" } else { "ws" };
        let host = build_host(&self.host, self.port, self.secure).replacen('%', "%25", 1);
        write!(f, "{scheme}://{host}{}", self.path())
    }
}

struct Redacted<'a>(&'a Uri);

impl fmt::Display for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt_base(f)?;
        match self.0.query() {
            Some(query) => write!(f, "?{}", redact_query(query)),
            None => Ok(()),
        }
    }
}

impl FromStr for Uri {
    type Err = InvalidURI;

    fn from_str(uri: &str) -> Result<Self, InvalidURI> {
        Self::parse(uri)
    }
}

impl TryFrom<&str> for Uri {
    type Error = InvalidURI;

    fn try_from(uri: &str) -> Result<Self, InvalidURI> {
        Self::parse(uri)
    }
}

impl TryFrom<String> for Uri {
    type Error = InvalidURI;

    fn try_from(uri: String) -> Result<Self, InvalidURI> {
        Self::parse(&uri)
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_base(f)?;
        match self.query() {
            Some(query) => write!(f, "?{query}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uri({})", self.redacted())
    }
}

fn parse(uri: &str) -> Result<Uri, &'static str> {
    if uri.contains(|c: char| c == ' ' || c.is_control()) {
        return Err(CONTROL);
    }
    let (rest, fragment) = split_at(uri, "#");
    let (scheme, rest) = rest.split_once(':').unwrap_or(("", rest));
    let secure = scheme.eq_ignore_ascii_case("wss");
    if !secure && !scheme.eq_ignore_ascii_case("ws") {
        return Err("scheme isn't ws or wss");
    }
    let rest = rest.strip_prefix("//").ok_or("hostname isn't provided")?;
    let (authority, resource) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (user_info, host_and_port) = match authority.rsplit_once('@') {
        Some((user_info, rest)) => (Some(user_info).filter(|text| !text.is_empty()), rest),
        None => (None, authority),
    };
    let (host, port) = parse_host_and_port(host_and_port)?;
    let port = port.unwrap_or(if secure { 443 } else { 80 });
    if !fragment.is_empty() {
        return Err("fragment identifier is meaningless");
    }
    let user_info = user_info.map(parse_user_info).transpose()?;
    let (path, query) = split_at(resource, "?");
    let (resource_name, path_len) = build_resource_name(path, query);
    Ok(Uri { secure, host, port, user_info, resource_name, path_len })
}

/// Puts a path and a query together, percent-encoded; gives the length of the path, too.
fn build_resource_name(path: &str, query: &str) -> (Box<str>, usize) {
    let mut resource_name = String::with_capacity(path.len() + query.len() + 1);
    percent_encode(if path.is_empty() { "/" } else { path }, &mut resource_name);
    let path_len = resource_name.len();
    if !query.is_empty() {
        resource_name.push('?');
        percent_encode(query, &mut resource_name);
    }
    (resource_name.into(), path_len)
}

pub(crate) const CONTROL: &str = "contains a control character or a space";

/// Splits at the first `separator`; without one, what follows it is empty.
fn split_at<'a>(text: &'a str, separator: &str) -> (&'a str, &'a str) {
    text.split_once(separator).unwrap_or((text, ""))
}

/// `host`, `host:`, `host:port`; the host may be an IPv6 address in brackets ([RFC 3986 §3.2]).
///
/// [RFC 3986 §3.2]: https://www.rfc-editor.org/rfc/rfc3986#section-3.2
pub(crate) fn parse_host_and_port(text: &str) -> Result<(Box<str>, Option<u16>), &'static str> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']').ok_or("IPv6 address is invalid")?;
            (parse_ipv6_address(address)?, port)
        }
        None => {
            let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            (parse_name(name)?, port)
        }
    };
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        None => return Err("IPv6 address is invalid"), // something between the bracket and the port
        Some("") => None,
        Some(digits) => Some(parse_port(digits).ok_or("port isn't a number between 1 and 65535")?),
    };
    Ok((host, port))
}

/// A port in decimal digits; leading zeros are fine, a sign isn't.
fn parse_port(digits: &str) -> Option<u16> {
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().filter(|&port| port != 0)
}

/// An IPv6 address, perhaps with a zone. The percent sign before the zone should be encoded
/// ([RFC 6874 §2]), but needn't be.
///
/// [RFC 6874 §2]: https://www.rfc-editor.org/rfc/rfc6874#section-2
fn parse_ipv6_address(text: &str) -> Result<Box<str>, &'static str> {
    const INVALID: &str = "IPv6 address is invalid";
    let (address, zone) = split_at(text, "%");
    address.parse::<Ipv6Addr>().map_err(|_| INVALID)?;
    let mut host = address.to_ascii_lowercase();
    if address.len() < text.len() {
        let zone = zone.strip_prefix("25").filter(|zone| !zone.is_empty()).unwrap_or(zone);
        if zone.is_empty() || !zone.bytes().all(is_unreserved) {
            return Err(INVALID);
        }
        host.push('%');
        host.push_str(zone);
    }
    Ok(host.into())
}

/// A name, or an IPv4 address: a `reg-name` without percent-encoding ([RFC 3986 §3.2.2]).
///
/// [RFC 3986 §3.2.2]: https://www.rfc-editor.org/rfc/rfc3986#section-3.2.2
fn parse_name(name: &str) -> Result<Box<str>, &'static str> {
    if name.is_empty() {
        return Err("hostname isn't provided");
    }
    if !name.is_ascii() {
        return international(name).ok_or("hostname isn't ASCII");
    }
    if !name.bytes().all(is_name_octet) {
        return Err("hostname contains an invalid character");
    }
    Ok(name.to_ascii_lowercase().into())
}

/// The ASCII form of a name that isn't ASCII ([RFC 5890 §2.3.2.1]).
///
/// [RFC 5890 §2.3.2.1]: https://www.rfc-editor.org/rfc/rfc5890#section-2.3.2.1
#[cfg(feature = "idna")]
fn international(name: &str) -> Option<Box<str>> {
    idna::domain_to_ascii_strict(name).ok().map(Into::into)
}

#[cfg(not(feature = "idna"))]
fn international(_: &str) -> Option<Box<str>> {
    None
}

/// `user:password` or `user`, each percent-decoded. An empty user name and an empty password are fine.
pub(crate) fn parse_user_info(text: &str) -> Result<(Box<str>, Box<str>), &'static str> {
    const INVALID: &str = "user information is invalid";
    let (user, password) = split_at(text, ":");
    // Web browsers end the authority at a backslash: what they take for the host would differ.
    if text.contains('\\') {
        return Err(INVALID);
    }
    let user = percent_decode(user).ok_or(INVALID)?;
    let password = percent_decode(password).ok_or(INVALID)?;
    // RFC 7617 §2: neither may hold control characters, and a colon would end the user name.
    if user.contains(':') || user.chars().chain(password.chars()).any(char::is_control) {
        return Err(INVALID);
    }
    Ok((user.into(), password.into()))
}

/// Appends a path or a query to `encoded`, with the bytes percent-encoded that its grammar doesn't have:
/// `*( pchar / "/" )` and `*( pchar / "/" / "?" )` ([RFC 3986 §3.3], [§3.4]). A path that was split off
/// has no question mark.
///
/// [RFC 3986 §3.3]: https://www.rfc-editor.org/rfc/rfc3986#section-3.3
/// [§3.4]: https://www.rfc-editor.org/rfc/rfc3986#section-3.4
fn percent_encode(text: &str, encoded: &mut String) {
    let mut rest = text.as_bytes();
    while let Some((&b, behind)) = rest.split_first() {
        let is_legal = match b {
            b'%' => matches!(behind, [x, y, ..] if x.is_ascii_hexdigit() && y.is_ascii_hexdigit()),
            b':' | b'@' | b'/' | b'?' => true,
            _ => is_name_octet(b),
        };
        if is_legal {
            encoded.push(char::from(b));
        } else {
            let _ = write!(encoded, "%{b:02X}"); // writing to a String can't fail
        }
        rest = behind;
    }
}
