//! Limits on the connections of a server.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use ws_proto::http::Response;

/// The settings; `None`: no limit.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Limits {
    pub(super) connections: Option<usize>,
    pub(super) per_address: Option<usize>,
    pub(super) handshakes: Option<usize>,
}

/// The slots that are left.
pub(super) struct Slots {
    connections: Option<Arc<Semaphore>>,
    handshakes: Option<Arc<Semaphore>>,
    addresses: Option<Arc<Addresses>>,
}

impl Slots {
    pub(super) fn new(limits: Limits) -> Self {
        let semaphore = |slots: usize| Arc::new(Semaphore::new(slots.min(Semaphore::MAX_PERMITS)));
        let addresses = |max| Arc::new(Addresses { max, taken: Mutex::default() });
        Self {
            connections: limits.connections.map(semaphore),
            handshakes: limits.handshakes.map(semaphore),
            addresses: limits.per_address.map(addresses),
        }
    }

    /// The slot of a connection that was accepted; an error if its address has no more, which may not be known yet.
    /// Waits until its handshake may begin.
    pub(super) async fn enter(&self, addr: Option<IpAddr>) -> Result<Slot, Full> {
        if self.connections.is_none() && self.handshakes.is_none() && self.addresses.is_none() {
            return Ok(Slot(None));
        }
        let address = match (&self.addresses, addr) {
            (Some(addresses), Some(addr)) => Some(addresses.take(addr)?),
            _ => None,
        };
        let handshake = match &self.handshakes {
            // Nobody closes it.
            Some(handshakes) => Arc::clone(handshakes).acquire_owned().await.ok(),
            None => None,
        };
        Ok(Slot(Some(Box::new(Held { address, handshake, connection: None }))))
    }

    /// Takes a slot of an address that was not known before; an error if there is none.
    pub(super) fn take_address(&self, slot: &mut Slot, addr: IpAddr) -> Result<(), Full> {
        if let (Some(addresses), Some(held)) = (&self.addresses, &mut slot.0) {
            held.address = Some(addresses.take(addr)?);
        }
        Ok(())
    }

    /// Takes a slot among the open connections; the response if there is none.
    pub(super) fn open(&self, slot: &mut Slot) -> Result<(), Response> {
        let (Some(connections), Some(held)) = (&self.connections, &mut slot.0) else {
            return Ok(());
        };
        let Ok(permit) = Arc::clone(connections).try_acquire_owned() else {
            return Err(come_later(503, "The server has too many connections.\n"));
        };
        held.connection = Some(permit);
        Ok(())
    }
}

/// The slot of a connection, until it is dropped. Small, where there are no limits.
pub(super) struct Slot(Option<Box<Held>>);

struct Held {
    address: Option<Taken>,
    handshake: Option<OwnedSemaphorePermit>,
    connection: Option<OwnedSemaphorePermit>,
}

impl Slot {
    /// The opening handshake is over.
    pub(super) fn opened(&mut self) {
        if let Some(held) = &mut self.0 {
            held.handshake = None;
        }
    }
}

/// There is no slot.
pub(super) struct Full;

impl Full {
    /// The response for a client whose address has no more slots.
    pub(super) fn response(self) -> Response {
        come_later(429, "Your address has too many connections.\n")
    }
}

fn come_later(status: u16, text: &str) -> Response {
    let mut response = Response::text(status, text);
    _ = response.headers.insert("Retry-After", "5");
    response
}

struct Addresses {
    max: usize,
    taken: Mutex<HashMap<IpAddr, usize>>,
}

impl Addresses {
    fn take(self: &Arc<Self>, addr: IpAddr) -> Result<Taken, Full> {
        let addr = network(addr);
        let mut all = self.lock();
        let taken = all.entry(addr).or_default();
        if *taken >= self.max {
            // It is there already, unless nobody may connect.
            if *taken == 0 {
                all.remove(&addr);
            }
            return Err(Full);
        }
        *taken += 1;
        Ok(Taken { addresses: Arc::clone(self), addr })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A slot of an address, until it is dropped.
struct Taken {
    addresses: Arc<Addresses>,
    addr: IpAddr,
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut all = self.addresses.lock();
        match all.get_mut(&self.addr) {
            Some(taken) if *taken > 1 => *taken -= 1,
            _ => _ = all.remove(&self.addr),
        }
        if all.len() < all.capacity() / 8 {
            all.shrink_to_fit();
        }
    }
}

/// The network that one client usually has: an address of IPv4, 2^64 addresses of IPv6.
fn network(addr: IpAddr) -> IpAddr {
    match addr.to_canonical() {
        IpAddr::V6(addr) => Ipv6Addr::from_bits(addr.to_bits() & !u128::from(u64::MAX)).into(),
        addr => addr,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_network_share_its_places() {
        let limits = Limits { per_address: Some(2), ..Limits::default() };
        let slots = Slots::new(limits);
        let addresses = slots.addresses.as_ref().unwrap();
        let take = |addr: &str| addresses.take(addr.parse().unwrap()).ok();
        for (one, same, other) in [
            ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
            ("::ffff:192.0.2.3", "192.0.2.3", "::ffff:192.0.2.4"),
            ("2001:db8::1", "2001:db8::ffff:0:0:1", "2001:db8:0:1::1"),
        ] {
            let first = take(one).unwrap();
            let second = take(same).unwrap();
            assert!(take(one).is_none() && take(same).is_none(), "{one}");
            assert!(take(other).is_some(), "{other}");
            drop(first);
            assert!(take(one).is_some());
            drop(second);
        }
        assert!(addresses.lock().is_empty());
        let nobody = Slots::new(Limits { per_address: Some(0), ..Limits::default() });
        let addresses = nobody.addresses.unwrap();
        assert!(addresses.take(Ipv6Addr::LOCALHOST.into()).is_err());
        assert!(addresses.lock().is_empty());
    }
}
