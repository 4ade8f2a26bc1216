//! [`TrustedProxies`], and the header in which they name the client. `no_forwarded.rs` is its face without the feature.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use ipnet::IpNet;
use ws_headers::Headers;
use ws_proto::server::{ForwardedHeader, forwarded_client};

/// The proxies and load balancers in front of a server that are believed when they name the client, by their networks:
/// for [`Listen::proxy_protocol`](crate::Listen) and [`forwarded`](crate::Serve::forwarded).
///
/// It is made of a text, such as a setting: addresses, networks as address and length of the prefix, and `unix:`,
/// between commas. `unix:` stands for peers without an address: those of Unix sockets, of [listeners](crate::Listener)
/// that give none, and, behind another HTTP server, all whose address [isn't noted](crate::Upgrade::peer_addr). An
/// address of IPv4 within one of IPv6 (`::ffff:10.0.0.1`) counts as one of IPv4. An empty text trusts nobody.
///
/// Name all networks from which a connection of your proxies can come, and none from which clients connect: a client
/// that is trusted can claim any address.
///
/// ```
/// use ws_tokio::TrustedProxies;
///
/// let trusted: TrustedProxies = "10.0.0.0/8, ::1, unix:".parse()?;
/// assert!(trusted.contains("10.1.2.3".parse()?));
/// assert!(!trusted.contains("192.0.2.1".parse()?));
/// assert_eq!(trusted.to_string(), "10.0.0.0/8, ::1/128, unix:");
///
/// let error = "10.0.0.0/33".parse::<TrustedProxies>().unwrap_err();
/// assert_eq!(error.to_string(), "not a network: 10.0.0.0/33");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TrustedProxies {
    networks: Arc<[IpNet]>,
    unix: bool,
}

impl TrustedProxies {
    /// Whether an address is in one of the networks.
    #[must_use]
    pub fn contains(&self, addr: IpAddr) -> bool {
        let addr = addr.to_canonical();
        self.networks.iter().any(|network| network.contains(&addr))
    }

    /// Whether a peer, of which there may be no address, is one of them.
    pub(crate) fn trusts(&self, peer: Option<SocketAddr>) -> bool {
        peer.map_or(self.unix, |peer| self.contains(peer.ip()))
    }
}

impl FromStr for TrustedProxies {
    type Err = InvalidNetwork;

    fn from_str(list: &str) -> Result<Self, InvalidNetwork> {
        let (mut networks, mut unix) = (Vec::new(), false);
        for item in list.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            match item {
                "unix:" => unix = true,
                _ => networks.push(network(item).ok_or_else(|| InvalidNetwork(item.into()))?),
            }
        }
        Ok(Self { networks: networks.into(), unix })
    }
}

/// A network, or an address as a network of one.
fn network(text: &str) -> Option<IpNet> {
    let network = match text.parse::<IpAddr>() {
        Ok(addr) => IpNet::from(addr),
        Err(_) => text.parse().ok()?,
    };
    // As addresses are compared.
    let mapped = match network {
        IpNet::V6(v6) => v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(96)),
        IpNet::V4(_) => None,
    };
    let network = match mapped {
        Some((addr, len)) => IpNet::new(addr.into(), len).ok()?,
        None => network,
    };
    Some(network.trunc())
}

impl fmt::Display for TrustedProxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, network) in self.networks.iter().enumerate() {
            write!(f, "{}{network}", if at == 0 { "" } else { ", " })?;
        }
        match (self.unix, self.networks.is_empty()) {
            (true, true) => f.write_str("unix:"),
            (true, false) => f.write_str(", unix:"),
            (false, _) => Ok(()),
        }
    }
}

/// A part of a list of [`TrustedProxies`] that isn't a network.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InvalidNetwork(Box<str>);

impl InvalidNetwork {
    /// The part of the list, without the spaces around it.
    #[must_use]
    pub fn network(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InvalidNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a network: {}", self.0.escape_debug())
    }
}

impl std::error::Error for InvalidNetwork {}

/// The header in which some peers name the client, and these peers; nobody by default.
#[derive(Clone, Debug, Default)]
pub(crate) struct Forwarded(Option<(ForwardedHeader, TrustedProxies)>);

impl Forwarded {
    pub(crate) fn new(header: ForwardedHeader, trusted: TrustedProxies) -> Self {
        Self(Some((header, trusted)))
    }

    /// Whether the request of this peer may name the client.
    pub(crate) fn trusts(&self, peer: Option<SocketAddr>) -> bool {
        self.0.as_ref().is_some_and(|(_, trusted)| trusted.trusts(peer))
    }

    /// The client that has sent a request; the peer, unless that is believed and names another one.
    pub(crate) fn client(&self, headers: &Headers, peer: Option<SocketAddr>) -> Option<SocketAddr> {
        let Some((header, trusted)) = self.0.as_ref().filter(|(_, it)| it.trusts(peer)) else {
            return peer;
        };
        forwarded_client(headers, *header, |addr| trusted.contains(addr)).or(peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_networks_addresses_and_unix_sockets() {
        type Row<'a> = (&'a str, Result<&'a str, &'a str>, &'a [&'a str], &'a [&'a str]);
        let rows: &[Row<'_>] = &[
            ("", Ok(""), &[], &["127.0.0.1", "::1"]),
            (" , ", Ok(""), &[], &["0.0.0.0"]),
            ("10.0.0.1", Ok("10.0.0.1/32"), &["10.0.0.1", "::ffff:10.0.0.1"], &["10.0.0.2"]),
            ("10.9.9.9/8,::1", Ok("10.0.0.0/8, ::1/128"), &["10.255.0.1", "::1"], &["11.0.0.0"]),
            ("fd00::/8", Ok("fd00::/8"), &["fdff::1"], &["fe00::1", "10.0.0.1"]),
            ("::ffff:10.0.0.0/104", Ok("10.0.0.0/8"), &["10.0.0.1", "::ffff:10.0.0.1"], &["::1"]),
            ("::ffff:10.0.0.1", Ok("10.0.0.1/32"), &["10.0.0.1"], &["10.0.0.2"]),
            ("0.0.0.0/0", Ok("0.0.0.0/0"), &["192.0.2.1"], &["2001:db8::1"]),
            ("unix:", Ok("unix:"), &[], &["127.0.0.1"]),
            ("unix:, ::1", Ok("::1/128, unix:"), &["::1"], &[]),
            ("10.0.0.0/33", Err("10.0.0.0/33"), &[], &[]),
            ("10.0.0.0/8 ::1", Err("10.0.0.0/8 ::1"), &[], &[]),
            ("::1, localhost", Err("localhost"), &[], &[]),
            ("10.0.0.1:80", Err("10.0.0.1:80"), &[], &[]),
            ("10.0.0.0/", Err("10.0.0.0/"), &[], &[]),
        ];
        for &(text, ref expected, inside, outside) in rows {
            let list = match (text.parse::<TrustedProxies>(), expected) {
                (Ok(list), Ok(shown)) => {
                    assert_eq!(list.to_string(), *shown, "{text}");
                    list
                }
                (Err(error), Err(part)) if error.network() == *part => continue,
                (parsed, _) => panic!("{text}: {parsed:?}"),
            };
            for addr in inside {
                assert!(list.contains(addr.parse().unwrap()), "{text}: {addr}");
            }
            for addr in outside {
                assert!(!list.contains(addr.parse().unwrap()), "{text}: {addr}");
            }
            assert_eq!(list.trusts(None), text.contains("unix:"), "{text}");
        }
    }
}
