//! The messages that wait for a member, with a limit; without I/O.

use std::collections::VecDeque;

use ws_tokio::PreparedMessage;

use crate::WhenFull;

/// The messages that wait for a member whose connection takes no more.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: VecDeque<PreparedMessage>,
    /// A task sends what waits: until it is done, everything has to wait, so that nothing overtakes.
    sending: bool,
}

/// The fate of a message.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Pushed {
    /// It waits; nobody sends yet, so that the caller has to begin.
    First,
    /// It waits.
    Queued,
    /// It waits in the place of the oldest one, or is the one that was dropped.
    Dropped,
    /// The queue is full, and the member has to go.
    Overflow,
}

impl Queue {
    /// Whether messages have to wait behind others.
    pub(crate) fn is_sending(&self) -> bool {
        self.sending
    }

    pub(crate) fn push(
        &mut self,
        message: PreparedMessage,
        limit: usize,
        when_full: WhenFull,
    ) -> Pushed {
        if self.waiting.len() < limit {
            self.waiting.push_back(message);
            return if std::mem::replace(&mut self.sending, true) {
                Pushed::Queued
            } else {
                Pushed::First
            };
        }
        match when_full {
            WhenFull::DropOldest => {
                // With a limit of 0 nothing ever waits.
                if self.waiting.pop_front().is_some() {
                    self.waiting.push_back(message);
                }
                Pushed::Dropped
            }
            WhenFull::DropNewest => Pushed::Dropped,
            WhenFull::Close => Pushed::Overflow,
        }
    }

    /// The next message to send; with the last one, sending ends.
    pub(crate) fn pop(&mut self) -> Option<PreparedMessage> {
        let next = self.waiting.pop_front();
        if next.is_none() {
            *self = Self::default();
        }
        next
    }

    /// The member has gone.
    pub(crate) fn clear(&mut self) {
        self.waiting = VecDeque::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(queue: &mut Queue, text: &str, when_full: WhenFull) -> Pushed {
        queue.push(PreparedMessage::new(text), 2, when_full)
    }

    fn rest(mut queue: Queue) -> Vec<String> {
        let mut rest = Vec::new();
        while let Some(message) = queue.pop() {
            rest.push(message.message().as_text().unwrap().to_owned());
        }
        assert!(!queue.is_sending());
        rest
    }

    #[test]
    fn a_full_queue_drops_the_oldest_the_newest_or_the_member() {
        let table = [
            (WhenFull::DropOldest, Pushed::Dropped, ["b", "c"]),
            (WhenFull::DropNewest, Pushed::Dropped, ["a", "b"]),
            (WhenFull::Close, Pushed::Overflow, ["a", "b"]),
        ];
        for (when_full, pushed, kept) in table {
            let mut queue = Queue::default();
            assert_eq!(push(&mut queue, "a", when_full), Pushed::First);
            assert_eq!(push(&mut queue, "b", when_full), Pushed::Queued);
            assert_eq!(push(&mut queue, "c", when_full), pushed, "{when_full:?}");
            assert_eq!(rest(queue), kept, "{when_full:?}");
        }
    }

    #[test]
    fn nothing_waits_with_a_limit_of_0() {
        for when_full in [WhenFull::DropOldest, WhenFull::DropNewest] {
            let mut queue = Queue::default();
            let pushed = queue.push(PreparedMessage::new("a"), 0, when_full);
            assert_eq!(pushed, Pushed::Dropped);
            assert!(!queue.is_sending());
            assert_eq!(queue.pop().map(|_| ()), None);
        }
    }

    #[test]
    fn sending_ends_when_nothing_waits() {
        let mut queue = Queue::default();
        assert_eq!(push(&mut queue, "a", WhenFull::DropNewest), Pushed::First);
        assert!(queue.pop().is_some());
        // Its last message may still be on its way.
        assert!(queue.is_sending());
        assert_eq!(push(&mut queue, "b", WhenFull::DropNewest), Pushed::Queued);
        assert_eq!(rest(queue), ["b"]);
    }
}
