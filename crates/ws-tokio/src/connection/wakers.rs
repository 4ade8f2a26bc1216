//! The tasks that wait for a connection, and the one waker with which stream and timer are polled.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

/// The tasks that wait for a connection.
///
/// Stream and timer only know the waker that is made of this. So it doesn't matter which task has polled
/// them last: whoever waits is woken.
#[derive(Default)]
pub(super) struct Wakers(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    /// The receiving task.
    reader: Option<Waker>,
    /// Tasks that wait for room, for everything to be written, or for the end.
    writers: Vec<Waker>,
    /// The background role: woken while no reader waits.
    background: Option<Waker>,
    /// The background role leaves the connection to the reader that waits, and wants to know when that
    /// leaves.
    resting: bool,
}

impl Wakers {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A reader waits, until it is woken or leaves.
    pub(super) fn add_reader(&self, waker: &Waker) {
        self.lock().reader = Some(waker.clone());
    }

    /// The reader waits no longer.
    pub(super) fn remove_reader(&self) {
        let mut waiting = self.lock();
        waiting.reader = None;
        let background = waiting.end_rest();
        drop(waiting);
        wake([background]);
    }

    pub(super) fn has_reader(&self) -> bool {
        self.lock().reader.is_some()
    }

    /// A writer waits, until it is woken.
    pub(super) fn add_writer(&self, waker: &Waker) {
        let mut waiting = self.lock();
        if !waiting.writers.iter().any(|writer| writer.will_wake(waker)) {
            waiting.writers.push(waker.clone());
        }
    }

    pub(super) fn wake_writers(&self) {
        let writers = mem::take(&mut self.lock().writers);
        wake(writers.into_iter().map(Some));
    }

    /// The background role has looked at the connection. Gives whether it rests: if a reader waits, and
    /// did all the time, or the role `may_rest` all the same.
    pub(super) fn set_background(&self, waker: &Waker, may_rest: bool) -> bool {
        let mut waiting = self.lock();
        waiting.background.get_or_insert_with(|| waker.clone()).clone_from(waker);
        waiting.resting = (waiting.resting || may_rest) && waiting.reader.is_some();
        waiting.resting
    }

    pub(super) fn wake_background(&self) {
        let background = self.lock().background.clone();
        wake([background]);
    }

    /// Wakes everybody.
    pub(super) fn wake_all(self: &Arc<Self>) {
        self.lock().resting = true; // so that the background role is among them
        self.wake_by_ref();
    }
}

impl Waiting {
    /// The background role to be woken, if it rests.
    fn end_rest(&mut self) -> Option<Waker> {
        mem::take(&mut self.resting).then(|| self.background.clone()).flatten()
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    /// The stream is ready, or the timer has fired.
    fn wake_by_ref(self: &Arc<Self>) {
        let mut waiting = self.lock();
        let (reader, writers) = (waiting.reader.take(), mem::take(&mut waiting.writers));
        let background = match reader {
            // A reader that is woken may never come: the background role finds out.
            Some(_) => waiting.end_rest(),
            None => waiting.background.clone(),
        };
        drop(waiting);
        wake(writers.into_iter().map(Some).chain([reader, background]));
    }
}

/// Wakes tasks, with nothing locked.
fn wake(wakers: impl IntoIterator<Item = Option<Waker>>) {
    wakers.into_iter().flatten().for_each(Waker::wake);
}
