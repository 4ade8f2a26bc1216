//! The rooms, as a backplane sees them, and the task that runs it.

use std::any::Any;
use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use ws_tokio::PreparedMessage;

use super::envelope::{self, Publisher};
use super::outbox::{Outbox, Publication, Work, batches};
use super::{Backplane, BackplaneError, BackplaneEvent, Command, Ignored};
use crate::rooms::Inner;
use crate::topic;

/// The first and the longest time between two attempts to connect.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LONGEST_RETRY: Duration = Duration::from_secs(1);
/// The time for which messages wait when an engine is back: the other processes have to be there, too.
const SETTLING: Duration = LONGEST_RETRY.saturating_mul(2);

/// The rooms, as a [`Backplane`] sees them. Clones stand for the same rooms.
#[derive(Clone)]
pub struct Wire(Arc<State>);

struct State {
    outbox: Arc<Outbox>,
    /// The outbox closes when the rooms are gone.
    rooms: Weak<Inner>,
    prefix: String,
    publisher: Publisher,
    progress: Mutex<Progress>,
}

/// The state of the present connection.
#[derive(Default)]
struct Progress {
    /// Topics that the engine was told to subscribe.
    subscribed: HashSet<Arc<str>>,
    /// Commands that come first.
    commands: VecDeque<Command>,
    phase: Phase,
    /// The time from which messages may leave.
    settled: Option<Instant>,
    /// The messages of the last command: they are lost if the connection is before the next one is asked for.
    leaving: u64,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Phase {
    /// It was never there.
    #[default]
    New,
    /// It was there, or could have been.
    Away,
    /// The engine is there; the topics that were there before are being subscribed.
    Subscribing,
    /// That was told.
    Connected,
}

impl Wire {
    /// Begins to run a backplane.
    pub(crate) fn spawn(rooms: &Arc<Inner>, prefix: String, backplane: impl Backplane) {
        let Some(outbox) = rooms.outbox.clone() else { return };
        let wire = Self(Arc::new(State {
            outbox,
            rooms: Arc::downgrade(rooms),
            prefix,
            // Without random bytes, addresses in memory are the best there is.
            publisher: random().unwrap_or_else(|| {
                (Arc::as_ptr(rooms).addr() as u128 ^ u128::from(std::process::id())).to_le_bytes()
            }),
            progress: Mutex::default(),
        }));
        tokio::spawn(wire.run(backplane));
    }

    /// Runs a backplane, again and again, until the rooms are gone.
    async fn run(self, mut backplane: impl Backplane) {
        let mut retry_in = FIRST_RETRY;
        while !self.0.outbox.is_closed() {
            let ended = self.run_once(&mut backplane).await;
            let Progress { phase, leaving, .. } = mem::take(&mut *self.progress());
            self.progress().phase = Phase::Away;
            self.lost(leaving);
            if phase == Phase::Connected {
                retry_in = FIRST_RETRY;
            }
            if self.0.outbox.is_closed() {
                return;
            }
            let error = ended.err().unwrap_or_else(|| "the backplane has ended".into());
            self.tell(BackplaneEvent::Disconnected { error: error.into(), retry_in });
            let again = Instant::now() + retry_in;
            while timeout_at(again, self.0.outbox.wait()).await.is_ok() {
                if self.0.outbox.is_closed() {
                    return;
                }
            }
            retry_in = LONGEST_RETRY.min(retry_in * 2);
        }
    }

    /// Runs a backplane until it ends. A panic is an end like others, or these rooms would be alone from then on.
    async fn run_once(&self, backplane: &mut impl Backplane) -> Result<(), BackplaneError> {
        let mut running = pin!(backplane.run(self));
        poll_fn(|cx| {
            let poll = || running.as_mut().poll(cx);
            catch_unwind(AssertUnwindSafe(poll))
                .unwrap_or_else(|panic| Poll::Ready(Err(panicked(&*panic))))
        })
        .await
    }

    /// Says that the engine is there. All topics that have members are to be subscribed now.
    pub fn connected(&self) {
        let rooms = self.0.rooms.upgrade();
        let table = rooms.as_ref().map(|rooms| rooms.table());
        let topics: Vec<_> = table.iter().flat_map(|table| table.topics()).cloned().collect();
        // Under the lock of the table: what changes after this look at it counts from here.
        self.0.outbox.forget_changes();
        drop(table);
        let mut progress = self.progress();
        let subjects = topics.iter().map(|topic| self.subject(topic)).collect();
        let commands = batches(subjects).into_iter().map(Command::Subscribe).collect();
        let subscribed = topics.into_iter().collect();
        let settled = (progress.phase != Phase::New).then(|| Instant::now() + SETTLING);
        *progress =
            Progress { subscribed, commands, phase: Phase::Subscribing, settled, leaving: 0 };
    }

    /// The next work, in its order; `None` when the rooms are gone. To ask for the next command means that the
    /// one before is done; messages of one that isn't when [`Backplane::run`] returns count as lost.
    ///
    /// # Cancel safety
    /// Cancel safe: no work is lost.
    pub async fn next(&self) -> Option<Command> {
        self.progress().leaving = 0;
        loop {
            if let Some(command) = self.progress().commands.pop_front() {
                return Some(command);
            }
            if self.progress().phase == Phase::Subscribing {
                self.progress().phase = Phase::Connected;
                self.tell(BackplaneEvent::Connected { lost: self.0.outbox.take_lost() });
            }
            let settled = self.progress().settled.filter(|settled| *settled > Instant::now());
            match self.0.outbox.pop(settled.is_none()) {
                Work::Closed => return None,
                Work::Nothing => match settled {
                    Some(settled) => _ = timeout_at(settled, self.0.outbox.wait()).await,
                    None => self.0.outbox.wait().await,
                },
                Work::Changed(topics) => self.subscribe(topics),
                Work::Publish(messages) => {
                    self.progress().leaving = messages.len() as u64;
                    let publication = |(topic, message): (Box<str>, _)| Publication {
                        subject: self.subject(&topic),
                        payload: envelope::encode(&self.0.publisher, &message),
                    };
                    return Some(Command::Publish(messages.into_iter().map(publication).collect()));
                }
            }
        }
    }

    /// Makes commands of topics that came or went.
    fn subscribe(&self, topics: HashSet<Arc<str>>) {
        let (mut new, mut old) = (Vec::new(), Vec::new());
        let mut progress = self.progress();
        for topic in topics {
            let subject = self.subject(&topic);
            if progress.subscribed.remove(&topic) {
                old.push(subject);
            } else {
                progress.subscribed.insert(topic);
                new.push(subject);
            }
        }
        let new = batches(new).into_iter().map(Command::Subscribe);
        progress.commands.extend(new.chain(batches(old).into_iter().map(Command::Unsubscribe)));
    }

    /// Hands on a message of the engine. What these rooms published themselves is dropped.
    pub fn deliver(&self, subject: &str, payload: &[u8]) {
        let Some(rooms) = self.0.rooms.upgrade() else { return };
        match self.decode(subject, payload, &rooms) {
            Ok((publisher, ..)) if publisher == self.0.publisher => {}
            Ok((_, topic, message)) => {
                let room = rooms.table().room(&topic);
                if let Some(room) = room {
                    rooms.deliver(&room, &message, None);
                }
            }
            Err(reason) => {
                // It is somebody else's text.
                let subject = subject.chars().take(800).collect();
                rooms.tell(BackplaneEvent::Ignored { subject, reason });
            }
        }
    }

    fn decode(
        &self,
        subject: &str,
        payload: &[u8],
        rooms: &Inner,
    ) -> Result<(Publisher, String, PreparedMessage), Ignored> {
        let topic = topic::decode(&self.0.prefix, subject).ok_or(Ignored::Subject)?;
        let (publisher, message) = envelope::decode(payload, rooms.max_message_size)?;
        Ok((publisher, topic, PreparedMessage::new(message)))
    }

    /// Counts messages that the engine doesn't take, such as those that are too long for it.
    pub fn lost(&self, messages: u64) {
        self.0.outbox.lose(messages);
    }

    /// Says that the engine has dropped messages for this process.
    pub fn missed(&self) {
        self.tell(BackplaneEvent::Missed);
    }

    fn subject(&self, topic: &str) -> String {
        topic::encode(&self.0.prefix, topic)
    }

    fn tell(&self, event: BackplaneEvent) {
        if let Some(rooms) = self.0.rooms.upgrade() {
            rooms.tell(event);
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.0.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("prefix", &self.0.prefix).finish_non_exhaustive()
    }
}

fn panicked(value: &(dyn Any + Send)) -> BackplaneError {
    let text = match value.downcast_ref::<&str>() {
        Some(text) => text,
        None => value.downcast_ref::<String>().map_or("its value isn't a string", String::as_str),
    };
    format!("the backplane panicked: {text}").into()
}

fn random() -> Option<Publisher> {
    let mut publisher = Publisher::default();
    getrandom::fill(&mut publisher).ok().map(|()| publisher)
}
