//! [`OriginRule`]: which pages may connect.

use ws_types::Origin;

use crate::http::Request;

/// A rule of [`ServerOptions::origins`](super::ServerOptions::origins): a request is allowed if one of them allows it.
///
/// Which to choose: [`SameHost`](Self::SameHost), where page and server have one host; else the origins of your pages, each
/// [exactly](Self::Exact). A [`Pattern`](Self::Pattern) trusts all that it matches, so keep it to hosts that are all
/// yours. Add [`Absent`](Self::Absent) for clients that aren't browsers.
///
/// ```
/// use ws_proto::server::{OriginRule, ServerOptions};
/// let options = ServerOptions::default().origins([
///     "https://example.com".into(),
///     "https://*.example.com".into(),
///     OriginRule::SameHost,
/// ]);
/// ```
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
#[non_exhaustive]
pub enum OriginRule {
    /// Allows a request without an `Origin` header; it doesn't come from a browser.
    Absent,
    /// Allows a request whose `Origin` header equals this, octet by octet. Browsers write scheme and
    /// host in lower case, without a slash at the end and without a default port.
    Exact(Origin),
    /// Allows a request whose `Origin` header matches this, in which the first `*` stands for one or more letters, digits,
    /// dots and hyphens, and all else for itself: `https://*.example.com` for all hosts below this one,
    /// `http://localhost:*` for all ports. Mind the dot: `https://*example.com` allows `https://badexample.com`, and
    /// `https://example.com*` allows `https://example.com.evil.test`. The origin `null`, of sandboxed pages, matches no
    /// pattern. To allow all origins, set no rules.
    Pattern(Box<str>),
    /// Allows a request whose `Origin` header has the host and the port that the request is for, whatever the scheme. A
    /// proxy in front has to pass on the header `Host`.
    ///
    /// It trusts any name by which the server is reached. A server on `localhost`, or in a network where addresses alone
    /// keep strangers out, names its origins [exactly](Self::Exact): a page of any site can give its own name that address
    /// (DNS rebinding).
    SameHost,
}

impl OriginRule {
    /// Tells whether a request with this `Origin` header is allowed.
    pub(super) fn allows(&self, origin: Option<&str>, request: &Request) -> bool {
        match (self, origin) {
            (Self::Absent, origin) => origin.is_none(),
            (Self::Exact(allowed), Some(origin)) => origin == allowed.as_str(),
            (Self::Pattern(pattern), Some(origin)) => matches(pattern, origin),
            (Self::SameHost, Some(origin)) => {
                request.host().is_some_and(|host| is_same_host(origin, host))
            }
            (_, None) => false,
        }
    }
}

fn matches(pattern: &str, origin: &str) -> bool {
    let Some((begin, end)) = pattern.split_once('*') else { return pattern == origin };
    // Pages without an origin of their own send this; any site can have such pages.
    if origin == "null" {
        return false;
    }
    let middle = origin.strip_prefix(begin).and_then(|rest| rest.strip_suffix(end));
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    middle.is_some_and(|middle| !middle.is_empty() && middle.bytes().all(is_name))
}

fn is_same_host(origin: &str, host: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let default = if scheme == "https" { ":443" } else { ":80" };
    let without_default =
        |host: &str| host.strip_suffix(default).unwrap_or(host).to_ascii_lowercase();
    without_default(authority) == without_default(host)
}

impl From<Origin> for OriginRule {
    fn from(origin: Origin) -> Self {
        Self::Exact(origin)
    }
}

impl From<Option<Origin>> for OriginRule {
    fn from(origin: Option<Origin>) -> Self {
        origin.map_or(Self::Absent, Self::Exact)
    }
}

impl From<&str> for OriginRule {
    /// A pattern if there is a `*`, which no origin has; else an exact origin.
    fn from(origin: &str) -> Self {
        match origin.contains('*') {
            true => Self::Pattern(origin.into()),
            false => Self::Exact(origin.into()),
        }
    }
}
