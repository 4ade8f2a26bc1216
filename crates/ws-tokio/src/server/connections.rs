//! The open connections of a server, and how they ended since it began to stop.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::shutdown::ShutdownReport;
use crate::connection::state::Shared;
use crate::{Sender, Transport, WebSocket};

#[derive(Default)]
pub(super) struct Connections {
    /// By their numbers.
    open: Mutex<HashMap<u64, Weak<Shared<Transport>>>>,
    pub(super) ended: Ended,
}

/// Counts of connections since the server began to stop.
#[derive(Default)]
pub(super) struct Ended {
    pub(super) closed: AtomicUsize,
    pub(super) cut: AtomicUsize,
    pub(super) failed: AtomicUsize,
}

impl Connections {
    /// Adds a connection, until the value is dropped.
    pub(super) fn insert(self: &Arc<Self>, ws: &WebSocket) -> Registered {
        let shared = ws.share_info();
        let id = shared.trace.id;
        self.open().insert(id, Arc::downgrade(&shared));
        Registered { connections: Arc::clone(self), id }
    }

    pub(super) fn senders(&self) -> Vec<Sender> {
        // Dropped after the lock: what is dropped last may do more.
        let shared: Vec<_> = self.open().values().filter_map(Weak::upgrade).collect();
        shared.into_iter().filter_map(Sender::of).collect()
    }

    pub(super) fn sender(&self, id: u64) -> Option<Sender> {
        let shared = self.open().get(&id)?.upgrade();
        Sender::of(shared?)
    }

    pub(super) fn len(&self) -> usize {
        self.open().len()
    }

    pub(super) fn report(&self) -> ShutdownReport {
        let Ended { closed, cut, failed } = &self.ended;
        let count = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        ShutdownReport { closed: count(closed), cut: count(cut), failed: count(failed) }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<u64, Weak<Shared<Transport>>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among the open connections.
pub(super) struct Registered {
    connections: Arc<Connections>,
    id: u64,
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut open = self.connections.open();
        open.remove(&self.id);
        // The memory follows the number of connections.
        if open.len() < open.capacity() / 8 {
            open.shrink_to_fit();
        }
    }
}
