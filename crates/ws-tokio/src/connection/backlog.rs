//! Events that have arrived while nobody received.

use std::collections::VecDeque;

use ws_proto::Event;

/// Events for a reader that isn't there. In a box, since a connection rarely has any.
#[derive(Default)]
pub(super) struct Backlog(Option<Box<Queue>>);

/// Never empty.
#[derive(Default)]
struct Queue {
    events: VecDeque<Event>,
    bytes: usize,
}

impl Backlog {
    pub(super) fn push(&mut self, event: Event) {
        let queue = self.0.get_or_insert_default();
        queue.bytes += size(&event);
        queue.events.push_back(event);
    }

    /// Takes the next event for a reader of pieces or of whole messages. Of a message that was begun in
    /// pieces, a reader of whole messages doesn't get the rest.
    pub(super) fn pop(&mut self, pieces: bool) -> Option<Event> {
        loop {
            let queue = self.0.as_mut()?;
            let event = queue.events.pop_front()?;
            queue.bytes -= size(&event);
            if queue.events.is_empty() {
                self.0 = None;
            }
            match event {
                Event::Message(data) if pieces => return Some(Event::Chunk { data, last: true }),
                Event::Chunk { .. } if !pieces => {}
                event => return Some(event),
            }
        }
    }

    /// Drops the rest of the message that is being received in pieces; gives whether its end was there.
    pub(super) fn skip_message(&mut self) -> bool {
        let Some(queue) = &mut self.0 else { return false };
        let (mut ended, bytes) = (false, &mut queue.bytes);
        queue.events.retain(|event| {
            let end = match event {
                Event::Chunk { last, .. } if !ended => *last,
                Event::TooBig(_) if !ended => true,
                _ => return true,
            };
            (ended, *bytes) = (end, *bytes - size(event));
            false
        });
        self.0.take_if(|queue| queue.events.is_empty());
        ended
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The memory that the events take, about.
    pub(super) fn bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |queue| queue.bytes)
    }
}

fn size(event: &Event) -> usize {
    let payload = match event {
        Event::Message(data) | Event::Chunk { data, .. } => data.len(),
        Event::Ping(payload) | Event::Pong { payload, .. } => payload.len(),
        _ => 0,
    };
    payload + size_of::<Event>()
}
