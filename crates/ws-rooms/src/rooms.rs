//! Rooms and their members.

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task;
use ws_tokio::{Error, Outgoing, PreparedMessage, Sender, TrySendError};

use crate::backplane::{Backplane, BackplaneEvent, Outbox, Wire};
use crate::seat::{Delivery, Seat};
use crate::settings::MemberSettings;
use crate::table::{Change, Room, Table};
use crate::topic::{self, TopicError};

/// Rooms: each has a topic, and members that receive what is published on it.
///
/// A room comes with its first member and goes with its last one; there is nothing to create. Clones share the
/// rooms.
///
/// ```
/// use ws_rooms::Rooms;
/// use ws_tokio::{Error, WebSocket, connect, serve};
///
/// async fn chat(mut ws: WebSocket, rooms: Rooms) -> Result<(), Error> {
///     let member = rooms.member(ws.sender());
///     member.join("lobby")?;
///     while let Some(message) = ws.recv().await? {
///         member.publish("lobby", message);
///     }
///     Ok(())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let rooms = Rooms::new();
/// let handler = { let rooms = rooms.clone(); move |ws| chat(ws, rooms.clone()) };
/// let server = serve("127.0.0.1:0", handler).await?;
/// let url = format!("ws://{}/", server.local_addr());
///
/// let (mut ada, bob) = (connect(&url).await?, connect(&url).await?);
/// while rooms.len("lobby") < 2 { tokio::task::yield_now().await }
/// bob.send("hello").await?;
/// assert_eq!(ada.recv().await?, Some("hello".into()));
///
/// let published = rooms.publish("lobby", "closing time");
/// assert_eq!(published.sent, 2);
/// # Ok(()) }
/// ```
///
/// # Delivery
/// Publishing encodes a message once, and compresses it once for each setting that was negotiated. It
/// hands the message to each connection at once, and waits for none: what a connection can't take waits in
/// the [queue](MemberSettings::max_queue) of its member, and a full queue is the member's own
/// [fault](MemberSettings::when_full). All members in this process receive the messages of a topic in the same
/// order. Publishing takes the time of one write to each member, about 2 µs each on a usual machine; it blocks its
/// task, and others that publish on the same topic, for that time.
///
/// Over [several processes](RoomsBuilder::backplane), a message arrives at most once: see [`Backplane`].
#[derive(Clone)]
pub struct Rooms(Arc<Inner>);

/// Settings of [`Rooms`].
#[must_use = "it does nothing until it is built"]
pub struct RoomsBuilder {
    member: MemberSettings,
    max_topics: usize,
    max_message_size: usize,
    on_event: Box<dyn Fn(BackplaneEvent) + Send + Sync>,
    spawn: Option<Spawn>,
}

type Spawn = Box<dyn FnOnce(&Arc<Inner>) + Send>;

/// A connection that can join rooms. When it is dropped, it leaves them all; so it does when its connection
/// is closed, at the latest with the next message that is published.
pub struct Member {
    seat: Arc<Seat>,
    rooms: Rooms,
}

/// The fate of a message that was published: numbers of members of this process.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Published {
    /// Its connection has taken the message.
    pub sent: usize,
    /// The message waits in the member's queue.
    pub queued: usize,
    /// The message, or an older one, was dropped.
    pub dropped: usize,
    /// The member was closed, since it reads too slowly.
    pub closed: usize,
    /// The [backplane](RoomsBuilder::backplane) is behind or away, and takes no more: other processes don't
    /// receive the message.
    pub lost_elsewhere: bool,
}

/// A topic that a member can't join.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// It isn't a topic.
    #[error(transparent)]
    Topic(#[from] TopicError),
    /// The member is in as many rooms as it may be.
    #[error("the member is in {0} rooms, and may be in no more")]
    TooMany(usize),
}

impl From<JoinError> for Error {
    fn from(error: JoinError) -> Self {
        Self::Other(error.into())
    }
}

/// The part that clones share.
pub(crate) struct Inner {
    table: Mutex<Table>,
    settings: MemberSettings,
    max_topics: usize,
    pub(crate) max_message_size: usize,
    on_event: Box<dyn Fn(BackplaneEvent) + Send + Sync>,
    seats: AtomicU64,
    pub(crate) outbox: Option<Arc<Outbox>>,
}

impl Rooms {
    /// Rooms of this process, with the defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Rooms with settings.
    pub fn builder() -> RoomsBuilder {
        RoomsBuilder {
            member: MemberSettings::default(),
            max_topics: 100,
            max_message_size: 1 << 20,
            on_event: Box::new(|_| {}),
            spawn: None,
        }
    }

    /// Makes a member of a connection, which is in no room yet.
    ///
    /// # Panics
    /// Outside of a runtime of tokio.
    #[must_use = "a member that is dropped leaves all rooms"]
    pub fn member<S>(&self, sender: Sender<S>) -> Member
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        self.member_with(sender, self.0.settings)
    }

    /// Makes a member with settings of its own.
    ///
    /// # Panics
    /// Outside of a runtime of tokio.
    #[must_use = "a member that is dropped leaves all rooms"]
    pub fn member_with<S>(&self, sender: Sender<S>, settings: MemberSettings) -> Member
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let number = self.0.seats.fetch_add(1, Ordering::Relaxed);
        let seat = Seat::new(number, Box::new(sender), settings, Arc::downgrade(&self.0));
        Member { seat: Arc::new(seat), rooms: self.clone() }
    }

    /// Publishes a message to all members of a room, on all processes. Nobody has to be there.
    pub fn publish(&self, topic: &str, message: impl Into<Outgoing>) -> Published {
        self.0.publish(topic, message.into(), None)
    }

    /// The number of members of a room in this process, those included whose connection has just broken.
    #[must_use]
    pub fn len(&self, topic: &str) -> usize {
        self.0.table().room(topic).map_or(0, |room| room.members.len())
    }

    /// Whether a room has no member in this process.
    #[must_use]
    pub fn is_empty(&self, topic: &str) -> bool {
        !self.0.table().has(topic)
    }

    /// The members of a room in this process whose connections are open, in no order: the
    /// [numbers](Sender::id) of their connections.
    #[must_use]
    pub fn members(&self, topic: &str) -> Vec<u64> {
        let room = self.0.table().room(topic).unwrap_or_default();
        let open = room.members.values().filter(|seat| seat.connection.is_open());
        open.map(|seat| seat.connection.id()).collect()
    }

    /// The topics that have members in this process, in no order.
    #[must_use]
    pub fn topics(&self) -> Vec<String> {
        self.0.table().topics().map(|topic| topic.to_string()).collect()
    }
}

impl Default for Rooms {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Rooms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rooms").field("topics", &self.topics()).finish_non_exhaustive()
    }
}

impl RoomsBuilder {
    /// Settings of members that have none of [their own](Rooms::member_with).
    pub fn member_settings(mut self, settings: MemberSettings) -> Self {
        self.member = settings;
        self
    }

    /// The most rooms that a member may be in at once: peers may choose them, and each costs memory.
    /// Default: 100.
    pub fn max_topics(mut self, topics: usize) -> Self {
        self.max_topics = topics;
        self
    }

    /// The longest message that is taken from the backplane, in bytes, inclusive. Default: 1 MiB, as what a
    /// connection receives.
    pub fn max_message_size(mut self, bytes: usize) -> Self {
        self.max_message_size = bytes;
        self
    }

    /// Connects the rooms of several processes by an engine. `prefix` keeps applications apart that share an
    /// engine; it may be empty. Default: the rooms of each process are its own.
    ///
    /// The connection to the engine is made in the background, and again whenever it is lost; what happens is
    /// told to [`on_event`](Self::on_event).
    pub fn backplane(mut self, prefix: &str, backplane: impl Backplane) -> Self {
        let prefix = prefix.to_owned();
        self.spawn = Some(Box::new(move |inner| Wire::spawn(inner, prefix, backplane)));
        self
    }

    /// A function that is told what happens to the backplane. It is called in the task of the backplane, and must
    /// not block; a panic of it has no effect. Default: nobody is told.
    pub fn on_event(mut self, tell: impl Fn(BackplaneEvent) + Send + Sync + 'static) -> Self {
        self.on_event = Box::new(tell);
        self
    }

    /// Makes the rooms, and begins to connect the backplane.
    ///
    /// # Panics
    /// With a backplane outside of a runtime of tokio.
    #[must_use]
    pub fn build(self) -> Rooms {
        let Self { member, max_topics, max_message_size, on_event, spawn } = self;
        let inner = Arc::new(Inner {
            table: Mutex::default(),
            settings: member,
            max_topics,
            max_message_size,
            on_event,
            seats: AtomicU64::new(0),
            outbox: spawn.is_some().then(Arc::default),
        });
        if let Some(spawn) = spawn {
            spawn(&inner);
        }
        Rooms(inner)
    }
}

impl fmt::Debug for RoomsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoomsBuilder")
            .field("member", &self.member)
            .field("max_topics", &self.max_topics)
            .field("max_message_size", &self.max_message_size)
            .finish_non_exhaustive()
    }
}

impl Member {
    /// Joins a room: the member receives what is published from now on. To join it again does nothing.
    ///
    /// # Errors
    /// [`JoinError::Topic`] for a topic that is empty or has more than 255 bytes; [`JoinError::TooMany`] when the
    /// member is in [as many rooms](RoomsBuilder::max_topics) as it may be.
    pub fn join(&self, topic: &str) -> Result<(), JoinError> {
        topic::check(topic)?;
        let Inner { max_topics, .. } = *self.rooms.0;
        let mut table = self.rooms.0.table();
        if self.seat.is_gone() {
            return Ok(());
        }
        let (joined, change) = table.join(&self.seat, topic, max_topics);
        self.rooms.0.changed(change);
        if joined { Ok(()) } else { Err(JoinError::TooMany(max_topics)) }
    }

    /// Leaves a room; false if the member isn't in it. A message that is being published at the same time may
    /// still arrive.
    pub fn leave(&self, topic: &str) -> bool {
        let mut table = self.rooms.0.table();
        let left = table.leave(self.seat.number, topic);
        let was_in = left.is_some();
        self.rooms.0.changed(left.flatten());
        was_in
    }

    /// Publishes a message to all other members of a room, on all processes. The member needn't be in it.
    pub fn publish(&self, topic: &str, message: impl Into<Outgoing>) -> Published {
        self.rooms.0.publish(topic, message.into(), Some(self.seat.number))
    }

    /// The topics of its rooms, in no order.
    #[must_use]
    pub fn topics(&self) -> Vec<String> {
        let table = self.rooms.0.table();
        table.topics_of(self.seat.number).map(|topic| topic.to_string()).collect()
    }

    /// The number of messages that were dropped, since the member reads too slowly.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.seat.dropped()
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.rooms.0.remove(&self.seat);
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member")
            .field("connection", &self.seat.connection.id())
            .field("topics", &self.topics())
            .field("dropped", &self.dropped())
            .finish_non_exhaustive()
    }
}

impl Inner {
    pub(crate) fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, topic: &str, message: Outgoing, except: Option<u64>) -> Published {
        let room = self.table().room(topic);
        let lost_elsewhere = match &self.outbox {
            // What isn't a topic has no members anywhere.
            Some(outbox) if topic::check(topic).is_ok() => !outbox.publish(topic, &message),
            _ => false,
        };
        let published = room.map_or_else(Published::default, |room| {
            self.deliver(&room, &PreparedMessage::new(message), except)
        });
        Published { lost_elsewhere, ..published }
    }

    /// Delivers a message to the members of a room.
    pub(crate) fn deliver(
        &self,
        room: &Room,
        message: &PreparedMessage,
        except: Option<u64>,
    ) -> Published {
        let mut gone = Vec::new();
        let order = room.delivering.lock().unwrap_or_else(PoisonError::into_inner);
        let published = at_once(|| {
            let mut published = Published::default();
            for seat in room.members.values().filter(|seat| Some(seat.number) != except) {
                let delivery = seat.deliver(message);
                published.count(delivery);
                if matches!(delivery, Delivery::TooSlow | Delivery::Gone) {
                    gone.push(seat);
                }
            }
            published
        });
        drop(order);
        for seat in gone {
            self.remove(seat);
        }
        published
    }

    /// Calls `on_event`, whose panic ends nothing.
    pub(crate) fn tell(&self, event: BackplaneEvent) {
        _ = catch_unwind(AssertUnwindSafe(|| (self.on_event)(event)));
    }

    /// Takes a member out of all rooms, for good.
    pub(crate) fn remove(&self, seat: &Arc<Seat>) {
        let mut table = self.table();
        seat.set_gone();
        for change in table.leave_all(seat.number) {
            self.changed(Some(change));
        }
    }

    /// Lets the backplane know, under the lock of the table.
    fn changed(&self, change: Option<Change>) {
        if let (Some(outbox), Some(Change::Opened(topic) | Change::Closed(topic))) =
            (&self.outbox, change)
        {
            outbox.changed(topic);
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(outbox) = &self.outbox {
            outbox.close();
        }
    }
}

impl Published {
    fn count(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Sent => self.sent += 1,
            Delivery::Queued => self.queued += 1,
            Delivery::Dropped => self.dropped += 1,
            Delivery::TooSlow => self.closed += 1,
            Delivery::Gone => {}
        }
    }
}

/// Sends a message to connections, and waits for none: encoded once, and compressed once for each setting
/// that was negotiated. Connections that aren't open are skipped; [`Published::dropped`] counts those that can't
/// take a message now.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), ws_tokio::Error> {
/// use ws_tokio::{connect, serve};
///
/// let server = serve("127.0.0.1:0", async |mut ws| ws.recv().await.map(drop)).await?;
/// let mut ws = connect(format!("ws://{}/", server.local_addr())).await?;
///
/// let published = ws_rooms::broadcast(server.connections(), "restart at noon");
/// assert_eq!(published.sent, 1);
/// assert_eq!(ws.recv().await?, Some("restart at noon".into()));
/// # Ok(()) }
/// ```
pub fn broadcast<S>(
    connections: impl IntoIterator<Item = Sender<S>>,
    message: impl Into<Outgoing>,
) -> Published
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let message = PreparedMessage::new(message);
    let mut published = Published::default();
    at_once(|| {
        for connection in connections {
            match connection.try_send(&message) {
                Ok(()) => published.sent += 1,
                Err(TrySendError::Full(_)) => published.dropped += 1,
                Err(_) => {}
            }
        }
    });
    published
}

/// Runs code that writes to many streams: a task that has written to some would be told by tokio that
/// streams take no more, so that it yields.
fn at_once<T>(write: impl FnOnce() -> T) -> T {
    let mut write = Some(write);
    let poll = poll_fn(|_| write.take().map_or(Poll::Pending, |write| Poll::Ready(write())));
    match pin!(task::unconstrained(poll)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("the first poll is ready"),
    }
}
