//! Tasks that wait for a connection.

use std::sync::Arc;
use std::task::{Context, Wake, Waker};

/// A task that waits; the waker is kept for the next time, since it is nearly always the same.
#[derive(Default)]
pub(super) struct Waiter {
    waker: Option<Waker>,
    pub(super) waiting: bool,
}

impl Waiter {
    pub(super) fn wait(&mut self, cx: &Context<'_>) {
        match &mut self.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            None => self.waker = Some(cx.waker().clone()),
        }
        self.waiting = true;
    }

    pub(super) fn wake(&mut self) {
        if self.waiting {
            self.call();
        }
    }

    /// Wakes the task, even if it doesn't wait for this.
    pub(super) fn call(&mut self) {
        if let Some(waker) = &self.waker {
            self.waiting = false;
            waker.wake_by_ref();
        }
    }
}

/// Wakes the task of `cx` and those others that wait; `None` if there are none.
pub(super) fn everybody<'a>(
    waiters: impl Iterator<Item = &'a Waiter>,
    cx: &Context<'_>,
) -> Option<Waker> {
    let mut wakers: Vec<_> = waiters
        .filter_map(|waiter| waiter.waker.as_ref().filter(|_| waiter.waiting))
        .filter(|waker| !waker.will_wake(cx.waker()))
        .cloned()
        .collect();
    if wakers.is_empty() {
        return None;
    }
    wakers.push(cx.waker().clone());
    Some(Arc::new(Everybody(wakers)).into())
}

/// Wakes several tasks.
struct Everybody(Vec<Waker>);

impl Wake for Everybody {
    fn wake(self: Arc<Self>) {
        self.0.iter().for_each(Waker::wake_by_ref);
    }
}
