//! The settings of members.

/// Settings of a [`Member`](crate::Member): its queue, and what happens when that is full.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MemberSettings {
    pub(crate) max_queue: usize,
    pub(crate) when_full: WhenFull,
}

/// The policy for a member that reads too slowly, whose queue is full.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Hash)]
#[non_exhaustive]
pub enum WhenFull {
    /// Close its connection with 1013 (try again later), and take it out of all rooms. It can come back,
    /// knows that it has missed something, and can ask for it. The default, since nothing is lost in silence.
    #[default]
    Close,
    /// Drop the oldest message that waits: for news that replace older ones, such as prices or positions.
    DropOldest,
    /// Drop the new message: for those that make no sense without the ones before.
    DropNewest,
}

impl MemberSettings {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The most messages that wait for a member whose connection takes no more. Default: 64.
    ///
    /// They come on top of the [`write_limit`] bytes that the connection itself queues. What waits is shared
    /// among all members that wait for the same message, so that a slow member costs some bytes for each.
    /// With 0, nothing waits.
    ///
    /// [`write_limit`]: ws_tokio::ServerSettings::write_limit
    #[must_use]
    pub fn max_queue(mut self, messages: usize) -> Self {
        self.max_queue = messages;
        self
    }

    /// The policy for a queue that is full. Default: [`WhenFull::Close`].
    #[must_use]
    pub fn when_full(mut self, policy: WhenFull) -> Self {
        self.when_full = policy;
        self
    }
}

impl Default for MemberSettings {
    fn default() -> Self {
        Self { max_queue: 64, when_full: WhenFull::default() }
    }
}
