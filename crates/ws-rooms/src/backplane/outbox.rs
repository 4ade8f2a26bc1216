//! The work that waits for the backplane, with a limit.

use std::collections::{HashSet, VecDeque};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;
use ws_tokio::Outgoing;

/// The most messages that wait for an engine that is behind or away, and the most bytes.
const MAX_WAITING: usize = 1024;
const MAX_BYTES: usize = 16 << 20;
/// The most subjects or messages of one command.
const MAX_BATCH: usize = 256;

/// Work for a [`Backplane`](super::Backplane), at most 256 of a kind at once.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Command {
    /// Messages on these subjects are wanted.
    Subscribe(Vec<String>),
    /// Messages on these subjects are wanted no longer.
    Unsubscribe(Vec<String>),
    /// These messages are to be published, in this order.
    Publish(Vec<Publication>),
}

/// A message to be published by the engine.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Publication {
    /// The subject: printable ASCII without blanks, in which a dot separates the prefix from the topic, and no
    /// other character has a meaning for an engine. At most 800 bytes, if the prefix has at most 30.
    pub subject: String,
    /// The message, in a form of ours.
    pub payload: Bytes,
}

/// The work that waits.
#[derive(Default)]
pub(crate) struct Outbox {
    state: Mutex<State>,
    notify: Notify,
}

#[derive(Default)]
struct State {
    /// Topics that came or went since the engine was told last. One that came and went isn't among them: peers may
    /// choose topics, and the engine may be away for long.
    changed: HashSet<Arc<str>>,
    messages: VecDeque<(Box<str>, Outgoing)>,
    bytes: usize,
    lost: u64,
    closed: bool,
}

/// The next work.
#[derive(Debug)]
pub(super) enum Work {
    /// These topics came, if the engine doesn't know them, or went.
    Changed(HashSet<Arc<str>>),
    Publish(Vec<(Box<str>, Outgoing)>),
    Nothing,
    Closed,
}

impl Outbox {
    /// Takes a message; false if too many wait.
    pub(crate) fn publish(&self, topic: &str, message: &Outgoing) -> bool {
        let mut state = self.state();
        if state.messages.len() >= MAX_WAITING || state.bytes + message.len() > MAX_BYTES {
            state.lost += 1;
            return false;
        }
        state.bytes += message.len();
        state.messages.push_back((topic.into(), message.clone()));
        drop(state);
        self.notify.notify_one();
        true
    }

    /// A topic has its first member, or none any more.
    pub(crate) fn changed(&self, topic: Arc<str>) {
        let mut state = self.state();
        if !state.changed.remove(&topic) {
            state.changed.insert(topic);
        }
        drop(state);
        self.notify.notify_one();
    }

    /// The engine is told of all topics anew.
    pub(super) fn forget_changes(&self) {
        self.state().changed = HashSet::new();
    }

    /// The rooms are gone.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.notify.notify_one();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state().closed
    }

    /// Counts messages that were lost on their way to the engine.
    pub(super) fn lose(&self, messages: u64) {
        self.state().lost += messages;
    }

    /// The messages that were lost since it was asked last.
    pub(super) fn take_lost(&self) -> u64 {
        mem::take(&mut self.state().lost)
    }

    /// Takes what is to be done next. Subscriptions come first: a message that is published after a member
    /// has joined isn't missed. Without `messages`, these go on waiting.
    pub(super) fn pop(&self, messages: bool) -> Work {
        let mut state = self.state();
        if state.closed {
            return Work::Closed;
        }
        if !state.changed.is_empty() {
            return Work::Changed(mem::take(&mut state.changed));
        }
        let n = if messages { state.messages.len().min(MAX_BATCH) } else { 0 };
        if n == 0 {
            return Work::Nothing;
        }
        let batch: Vec<_> = state.messages.drain(..n).collect();
        state.bytes -= batch.iter().map(|(_, message)| message.len()).sum::<usize>();
        Work::Publish(batch)
    }

    /// Waits until there may be work.
    pub(super) async fn wait(&self) {
        self.notify.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// In pieces that one command may have.
pub(super) fn batches(mut subjects: Vec<String>) -> Vec<Vec<String>> {
    let mut batches = Vec::new();
    while subjects.len() > MAX_BATCH {
        let rest = subjects.split_off(MAX_BATCH);
        batches.push(mem::replace(&mut subjects, rest));
    }
    if !subjects.is_empty() {
        batches.push(subjects);
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publish(outbox: &Outbox, len: usize) -> bool {
        outbox.publish("t", &vec![0; len].into())
    }

    #[test]
    fn messages_wait_up_to_a_number_and_a_size() {
        let outbox = Outbox::default();
        let taken = (0..2 * MAX_WAITING).filter(|_| publish(&outbox, 1)).count();
        assert_eq!((taken, outbox.take_lost()), (MAX_WAITING, MAX_WAITING as u64));
        assert!(matches!(outbox.pop(true), Work::Publish(batch) if batch.len() == MAX_BATCH));
        assert!(publish(&outbox, 1));

        let outbox = Outbox::default();
        assert!(publish(&outbox, MAX_BYTES));
        assert!(!publish(&outbox, 1));
        assert!(matches!(outbox.pop(true), Work::Publish(_)));
        assert!(publish(&outbox, MAX_BYTES));
    }

    #[test]
    fn a_topic_that_comes_again_is_told_once_and_before_messages() {
        let outbox = Outbox::default();
        publish(&outbox, 1);
        // It comes, goes, and comes.
        for _ in 0..3 {
            outbox.changed("t".into());
        }
        assert!(matches!(outbox.pop(false), Work::Changed(topics) if topics.len() == 1));
        assert!(matches!(outbox.pop(false), Work::Nothing));
        assert!(matches!(outbox.pop(true), Work::Publish(_)));
        assert!(matches!(outbox.pop(true), Work::Nothing));
        outbox.close();
        assert!(matches!(outbox.pop(true), Work::Closed));
    }

    #[test]
    fn topics_that_come_and_go_while_the_engine_is_away_leave_nothing() {
        let outbox = Outbox::default();
        for n in 0..1000 {
            let topic: Arc<str> = n.to_string().into();
            outbox.changed(Arc::clone(&topic));
            outbox.changed(topic);
        }
        assert!(outbox.state().changed.is_empty());
        assert!(matches!(outbox.pop(true), Work::Nothing));
    }

    #[test]
    fn batches_hold_all_in_order() {
        for n in [0, 1, MAX_BATCH, MAX_BATCH + 1, 3 * MAX_BATCH] {
            let all: Vec<_> = (0..n).map(|i| i.to_string()).collect();
            let batches = batches(all.clone());
            assert!(batches.iter().all(|batch| (1..=MAX_BATCH).contains(&batch.len())));
            assert_eq!(batches.concat(), all);
        }
    }
}
