//! TCP connections to a host: its addresses, and the one that can be reached soonest (RFC 8305).

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::error::{Attempt, Error, Stage};
use crate::trace::debug;

/// The time before the next address is tried beside those that have not answered yet
/// ([RFC 8305 §5](https://www.rfc-editor.org/rfc/rfc8305#section-5)).
const STAGGER: Duration = Duration::from_millis(250);

/// Finds the addresses of a host, instead of the system: see [`Connect::resolver`](crate::Connect::resolver).
///
/// ```
/// use std::collections::HashMap;
/// use std::io;
/// use std::net::{IpAddr, SocketAddr};
/// use ws_tokio::{Resolve, Resolving};
///
/// /// A fixed table.
/// struct Hosts(HashMap<String, IpAddr>);
///
/// impl Resolve for Hosts {
///     fn resolve(&self, host: &str, port: u16) -> Resolving {
///         let addr = self.0.get(host).map(|ip| SocketAddr::new(*ip, port));
///         Box::pin(async move { Ok(Vec::from([addr.ok_or(io::ErrorKind::NotFound)?])) })
///     }
/// }
/// ```
pub trait Resolve: Send + Sync + 'static {
    /// Finds the addresses of `host`, which is no address itself, the preferred ones first. None is an
    /// error, too.
    fn resolve(&self, host: &str, port: u16) -> Resolving;
}

/// The addresses of a host, some day.
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Settings of TCP connections.
#[derive(Clone)]
pub(crate) struct TcpSettings {
    pub(crate) nodelay: bool,
    pub(crate) keepalive: Option<Duration>,
    pub(crate) send_buffer: Option<u32>,
    pub(crate) recv_buffer: Option<u32>,
    pub(crate) local_addr: Option<IpAddr>,
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "fuchsia"))]
    pub(crate) interface: Option<String>,
    /// The time for each address.
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) resolver: Option<Arc<dyn Resolve>>,
}

impl Default for TcpSettings {
    fn default() -> Self {
        Self {
            nodelay: true,
            keepalive: None,
            send_buffer: None,
            recv_buffer: None,
            local_addr: None,
            #[cfg(any(target_os = "linux", target_os = "android", target_os = "fuchsia"))]
            interface: None,
            connect_timeout: None,
            resolver: None,
        }
    }
}

impl fmt::Debug for TcpSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpSettings")
            .field("nodelay", &self.nodelay)
            .field("keepalive", &self.keepalive)
            .field("send_buffer", &self.send_buffer)
            .field("recv_buffer", &self.recv_buffer)
            .field("local_addr", &self.local_addr)
            .field("connect_timeout", &self.connect_timeout)
            .field("resolver", &self.resolver.is_some())
            .finish_non_exhaustive()
    }
}

impl TcpSettings {
    /// Finds the addresses of a host.
    pub(super) async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
        let addrs = match (&self.resolver, host.parse()) {
            (_, Ok(ip)) => Ok(vec![SocketAddr::new(ip, port)]),
            // A zone of an IPv6 address is the system's affair.
            (Some(resolver), Err(_)) if !host.contains('%') => resolver.resolve(host, port).await,
            (_, Err(_)) => lookup_host((host, port)).await.map(Iterator::collect),
        };
        let addrs: Vec<_> = addrs.map_err(Error::Resolve)?;
        if addrs.is_empty() {
            let e = io::Error::new(io::ErrorKind::NotFound, "it has no address");
            return Err(Error::Resolve(e));
        }
        Ok(addrs)
    }

    /// Connects to a host: to its addresses one after the other, families in turn, the next one
    /// when the last has failed or [`STAGGER`] has passed; the first connection wins
    /// ([RFC 8305 §5](https://www.rfc-editor.org/rfc/rfc8305#section-5)).
    pub(super) async fn connect(
        &self,
        host: &str,
        port: u16,
        attempt: &mut Attempt,
    ) -> Result<TcpStream, Error> {
        (attempt.stage, attempt.addr, attempt.connected) = (Stage::Resolving, None, false);
        let addrs = interleave(self.resolve(host, port).await?);
        debug!(host, ?addrs, "resolved");
        let mut waiting = addrs.into_iter();
        attempt.stage = Stage::Connecting;
        // Dropping it ends all attempts.
        let mut running = JoinSet::new();
        loop {
            if let Some(addr) = waiting.next() {
                attempt.addr = Some(addr);
                debug!(%addr, "connecting");
                let settings = self.clone();
                running.spawn(async move { (addr, settings.connect_to(addr).await) });
            }
            let finished = match waiting.len() {
                0 => running.join_next().await,
                _ => match timeout(STAGGER, running.join_next()).await {
                    Ok(finished) => finished,
                    // The next one begins beside the others.
                    Err(_) => continue,
                },
            };
            match finished {
                Some(Ok((addr, Ok(tcp)))) => {
                    attempt.addr = Some(addr);
                    attempt.connected = true;
                    debug!(%addr, local = tcp.local_addr().ok().map(tracing::field::display), "connected");
                    return Ok(tcp);
                }
                Some(Ok((addr, Err(e)))) => {
                    debug!(%addr, error = %e, "cannot connect");
                    attempt.failed.push((addr, e));
                }
                // The runtime shuts down.
                Some(Err(e)) => return Err(Error::Io(io::Error::other(e))),
                None => break,
            }
        }
        attempt.addr = None;
        let last = attempt.failed.last().map(|(_, e)| match e.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code),
            None => e.kind().into(),
        });
        Err(Error::Io(last.unwrap_or_else(|| io::ErrorKind::NotFound.into())))
    }

    async fn connect_to(&self, addr: SocketAddr) -> io::Result<TcpStream> {
        let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if let Some(bytes) = self.send_buffer {
            socket.set_send_buffer_size(bytes)?;
        }
        if let Some(bytes) = self.recv_buffer {
            socket.set_recv_buffer_size(bytes)?;
        }
        #[cfg(any(target_os = "linux", target_os = "android", target_os = "fuchsia"))]
        if let Some(interface) = &self.interface {
            socket.bind_device(Some(interface.as_bytes()))?;
        }
        if let Some(local) = self.local_addr {
            socket.bind(SocketAddr::new(local, 0))?;
        }
        let connecting = socket.connect(addr);
        let tcp = match self.connect_timeout {
            Some(limit) => timeout(limit, connecting).await??,
            None => connecting.await?,
        };
        tcp.set_nodelay(self.nodelay)?;
        if let Some(time) = self.keepalive {
            SockRef::from(&tcp).set_tcp_keepalive(&TcpKeepalive::new().with_time(time))?;
        }
        Ok(tcp)
    }
}

/// Puts the families in turn, beginning with that of the first address
/// ([RFC 8305 §4](https://www.rfc-editor.org/rfc/rfc8305#section-4)).
fn interleave(addrs: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = addrs.first().map(SocketAddr::is_ipv4) else { return addrs };
    let (mine, others): (Vec<_>, Vec<_>) =
        addrs.into_iter().partition(|addr| addr.is_ipv4() == first);
    let mut others = others.into_iter();
    let mut turns = Vec::with_capacity(mine.len() + others.len());
    for addr in mine {
        turns.push(addr);
        turns.extend(others.next());
    }
    turns.extend(others);
    turns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns() {
        for (given, expected) in [
            ("", ""),
            ("4a", "4a"),
            ("6a 6b 4a 4b", "6a 4a 6b 4b"),
            ("4a 4b 4c 6a", "4a 6a 4b 4c"),
            ("4a 6a 6b 6c", "4a 6a 6b 6c"),
        ] {
            let addr = |text: &str| -> SocketAddr {
                let last = text.as_bytes()[1];
                match &text[..1] {
                    "4" => ([192, 0, 2, last], 80).into(),
                    _ => ([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(last)], 80).into(),
                }
            };
            let addrs = |text: &str| text.split_whitespace().map(addr).collect::<Vec<_>>();
            assert_eq!(interleave(addrs(given)), addrs(expected));
        }
    }
}
