//! The seat of a member: its connection, and the messages that wait for it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::runtime::Handle;
use ws_tokio::PreparedMessage;

use crate::connection::{Attempt, Connection};
use crate::queue::{Pushed, Queue};
use crate::rooms::Inner;
use crate::settings::MemberSettings;

/// A member, as rooms hold it.
pub(crate) struct Seat {
    /// The number of the seat: a connection may have several.
    pub(crate) number: u64,
    pub(crate) connection: Box<dyn Connection>,
    pub(crate) settings: MemberSettings,
    queue: Mutex<Queue>,
    dropped: AtomicU64,
    /// It has left, or its connection is closed.
    gone: AtomicBool,
    runtime: Handle,
    rooms: Weak<Inner>,
}

/// The fate of a message for one member.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Delivery {
    Sent,
    Queued,
    Dropped,
    /// The member was closed, since it reads too slowly.
    TooSlow,
    Gone,
}

impl Seat {
    pub(crate) fn new(
        number: u64,
        connection: Box<dyn Connection>,
        settings: MemberSettings,
        rooms: Weak<Inner>,
    ) -> Self {
        Self {
            number,
            connection,
            settings,
            queue: Mutex::default(),
            dropped: AtomicU64::new(0),
            gone: AtomicBool::new(false),
            runtime: Handle::current(),
            rooms,
        }
    }

    /// Sends a message, or puts it into the queue of one that can't take it now.
    pub(crate) fn deliver(self: &Arc<Self>, message: &PreparedMessage) -> Delivery {
        let mut queue = self.queue();
        if self.is_gone() {
            return Delivery::Gone;
        }
        if !queue.is_sending() {
            match self.connection.try_send(message) {
                Attempt::Sent => return Delivery::Sent,
                Attempt::Full => {}
                Attempt::Closed => return Delivery::Gone,
            }
        }
        let MemberSettings { max_queue, when_full } = self.settings;
        match queue.push(message.clone(), max_queue, when_full) {
            Pushed::First => {
                let seat = Arc::clone(self);
                self.runtime.spawn(async move { seat.send_queue().await });
                Delivery::Queued
            }
            Pushed::Queued => Delivery::Queued,
            Pushed::Dropped => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                Delivery::Dropped
            }
            Pushed::Overflow => {
                queue.clear();
                self.connection.close_slow();
                Delivery::TooSlow
            }
        }
    }

    /// Sends what waits, in its order, at the speed of the peer.
    async fn send_queue(self: Arc<Self>) {
        loop {
            let Some(message) = self.queue().pop() else { return };
            if !self.connection.send(message).await {
                if let Some(rooms) = self.rooms.upgrade() {
                    rooms.remove(&self);
                }
                return;
            }
        }
    }

    /// The messages that were dropped since the member came.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    /// Takes no messages any more. Those that wait are sent as long as the connection is open.
    pub(crate) fn set_gone(&self) {
        self.gone.store(true, Ordering::Relaxed);
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
