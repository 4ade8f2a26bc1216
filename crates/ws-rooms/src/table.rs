//! Which member sits in which rooms; without I/O.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use indexmap::IndexMap;

use crate::seat::Seat;

/// Topics and their members.
#[derive(Default)]
pub(crate) struct Table {
    rooms: HashMap<Arc<str>, Room>,
    /// The topics of each seat.
    topics: HashMap<u64, HashSet<Arc<str>>>,
}

/// A room that has members.
#[derive(Clone, Default)]
pub(crate) struct Room {
    /// By the numbers of their seats. It is copied when it changes while a message is being delivered.
    pub(crate) members: Arc<IndexMap<u64, Arc<Seat>>>,
    /// Held while a message is delivered, so that all members have the same order.
    pub(crate) delivering: Arc<Mutex<()>>,
}

/// A room that has its first member, or no member any more.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Change {
    Opened(Arc<str>),
    Closed(Arc<str>),
}

impl Table {
    /// Puts a member into a room; false if it has `limit` rooms already.
    pub(crate) fn join(
        &mut self,
        seat: &Arc<Seat>,
        topic: &str,
        limit: usize,
    ) -> (bool, Option<Change>) {
        let topics = self.topics.entry(seat.number).or_default();
        if topics.contains(topic) {
            return (true, None);
        }
        if topics.len() >= limit {
            return (false, None);
        }
        let existing = self.rooms.get_key_value(topic).map(|(topic, _)| Arc::clone(topic));
        let opened = existing.is_none();
        let topic = existing.unwrap_or_else(|| topic.into());
        topics.insert(Arc::clone(&topic));
        let room = self.rooms.entry(Arc::clone(&topic)).or_default();
        Arc::make_mut(&mut room.members).insert(seat.number, Arc::clone(seat));
        (true, opened.then_some(Change::Opened(topic)))
    }

    /// Takes a member out of a room; `None` unless it was in it.
    pub(crate) fn leave(&mut self, seat: u64, topic: &str) -> Option<Option<Change>> {
        let topics = self.topics.get_mut(&seat)?;
        let topic = topics.take(topic)?;
        if topics.is_empty() {
            self.topics.remove(&seat);
            shrink(&mut self.topics);
        }
        Some(self.empty(seat, topic))
    }

    /// Takes a member out of all its rooms.
    pub(crate) fn leave_all(&mut self, seat: u64) -> Vec<Change> {
        let topics = self.topics.remove(&seat).unwrap_or_default();
        shrink(&mut self.topics);
        topics.into_iter().filter_map(|topic| self.empty(seat, topic)).collect()
    }

    /// Empties the seat of a room.
    fn empty(&mut self, seat: u64, topic: Arc<str>) -> Option<Change> {
        let room = self.rooms.get_mut(&topic)?;
        let members = Arc::make_mut(&mut room.members);
        members.swap_remove(&seat);
        if !members.is_empty() {
            if members.len() < members.capacity() / 4 {
                members.shrink_to_fit();
            }
            return None;
        }
        self.rooms.remove(&topic);
        shrink(&mut self.rooms);
        Some(Change::Closed(topic))
    }

    pub(crate) fn room(&self, topic: &str) -> Option<Room> {
        self.rooms.get(topic).cloned()
    }

    pub(crate) fn topics(&self) -> impl Iterator<Item = &Arc<str>> {
        self.rooms.keys()
    }

    /// The topics of a seat.
    pub(crate) fn topics_of(&self, seat: u64) -> impl Iterator<Item = &Arc<str>> {
        self.topics.get(&seat).into_iter().flatten()
    }

    pub(crate) fn has(&self, topic: &str) -> bool {
        self.rooms.contains_key(topic)
    }
}

/// The memory follows the number of entries.
fn shrink<K: Eq + std::hash::Hash, V>(map: &mut HashMap<K, V>) {
    if map.len() < map.capacity() / 8 {
        map.shrink_to_fit();
    }
}
