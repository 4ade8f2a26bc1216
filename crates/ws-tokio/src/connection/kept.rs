//! What arrived while nobody received.

use std::collections::VecDeque;

use ws_proto::Event;

/// Up to this many bytes are kept for a reader that isn't there, and what follows in the message that
/// reaches the limit.
pub(super) const KEPT: usize = 64 << 10;

/// Messages, and before them the rest of one that is being received in pieces. In a box, since a
/// connection rarely has any.
#[derive(Default)]
pub(super) struct Kept(Option<Box<Queue>>);

/// Never empty.
#[derive(Default)]
struct Queue {
    events: VecDeque<Event>,
    bytes: usize,
}

impl Kept {
    pub(super) fn push(&mut self, event: Event) {
        let queue = self.0.get_or_insert_default();
        queue.bytes += Self::size(&event);
        queue.events.push_back(event);
    }

    fn pop(&mut self) -> Option<Event> {
        let queue = self.0.as_mut()?;
        let event = queue.events.pop_front()?;
        queue.bytes -= Self::size(&event);
        if queue.events.is_empty() {
            self.0 = None;
        }
        Some(event)
    }

    /// Takes the next event for a reader of pieces (`stream`) or of whole messages.
    #[cold]
    pub(super) fn take(&mut self, stream: bool) -> Option<Event> {
        loop {
            match self.pop()? {
                Event::Message(data) if stream => return Some(Event::Chunk { data, last: true }),
                // Of a message whose reader was forgotten.
                Event::Chunk { .. } if !stream => {}
                event => return Some(event),
            }
        }
    }

    /// The memory that what is kept takes, about.
    #[inline]
    pub(super) fn bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |queue| queue.bytes)
    }

    fn size(event: &Event) -> usize {
        let payload = match event {
            Event::Message(data) | Event::Chunk { data, .. } => data.len(),
            _ => 0,
        };
        payload + size_of::<Event>()
    }

    /// Drops the rest of the message that is being received in pieces; tells whether its end was there.
    pub(super) fn skip_pieces(&mut self) -> bool {
        while let Some(Event::Chunk { last, .. }) =
            self.0.as_ref().and_then(|queue| queue.events.front())
        {
            let last = *last;
            _ = self.pop();
            if last {
                return true;
            }
        }
        false
    }
}
