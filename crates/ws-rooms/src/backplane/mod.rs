//! Rooms over several processes, by an engine that they share.

mod envelope;
#[cfg(feature = "nats")]
mod nats;
mod outbox;
#[cfg(feature = "redis")]
mod redis;
mod wire;

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "nats")]
pub use self::nats::NatsBackplane;
#[cfg(feature = "redis")]
pub use self::redis::RedisBackplane;
pub(crate) use outbox::Outbox;
pub use outbox::{Command, Publication};
pub use wire::Wire;

/// An error of an engine.
pub type BackplaneError = Box<dyn StdError + Send + Sync>;

/// An engine that carries messages between processes: `RedisBackplane`, `NatsBackplane`, or another one.
///
/// ```
/// use ws_rooms::{Backplane, BackplaneError, Command, Wire};
/// # use std::collections::HashSet;
/// # use tokio::sync::broadcast;
///
/// /// An engine within the process, for tests.
/// struct Local(broadcast::Sender<(String, bytes::Bytes)>);
///
/// impl Backplane for Local {
///     async fn run(&mut self, wire: &Wire) -> Result<(), BackplaneError> {
///         let (mut messages, mut subjects) = (self.0.subscribe(), HashSet::new());
///         wire.connected();
///         loop {
///             tokio::select! {
///                 command = wire.next() => match command {
///                     Some(Command::Subscribe(new)) => subjects.extend(new),
///                     Some(Command::Unsubscribe(old)) => subjects.retain(|it| !old.contains(it)),
///                     Some(Command::Publish(all)) => for it in all {
///                         self.0.send((it.subject, it.payload))?;
///                     },
///                     Some(_) => {}
///                     None => return Ok(()),
///                 },
///                 message = messages.recv() => {
///                     let (subject, payload) = message?;
///                     if subjects.contains(&subject) {
///                         wire.deliver(&subject, &payload);
///                     }
///                 }
///             }
///         }
///     }
/// }
/// ```
///
/// # Guarantees
/// A message arrives *at most once* at each process. What one process publishes on one topic arrives in its order.
/// Nothing that a process published comes back to it.
///
/// Messages that are published while the engine is away wait, up to 1,024 messages and 16 MiB. They leave two seconds
/// after it is back, so that the other processes, which try once a second, are there, too. Those that don't fit are
/// lost: [`Published`] says so at once, and [`BackplaneEvent::Connected`] tells their number. A process that was cut
/// off alone never gets what others published meanwhile: after [`BackplaneEvent::Connected`], members may have to be
/// told the present state.
///
/// Each message of the engine is checked as one of a peer: its size, its text, and its topic. But everybody who can
/// write to the engine can publish: keep it to yourself.
///
/// [`Published`]: crate::Published
pub trait Backplane: Send + 'static {
    /// Connects to the engine, says so by [`Wire::connected`], then does what [`Wire::next`] says, in its order, and
    /// hands on what arrives by [`Wire::deliver`]. It returns with `Ok` when `next` gives `None`, and with the
    /// error when the connection is lost; then it is called again, after a time that grows from 100 ms to
    /// 1 s. So it is after a panic.
    fn run(&mut self, wire: &Wire) -> impl Future<Output = Result<(), BackplaneError>> + Send;
}

/// An event of the backplane, for [`RoomsBuilder::on_event`](crate::RoomsBuilder::on_event).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum BackplaneEvent {
    /// The engine is there, and all topics are subscribed. If it was [away](Self::Disconnected), messages of other
    /// processes may have been missed meanwhile.
    #[non_exhaustive]
    Connected {
        /// The number of messages of this process that were lost since the last such event.
        lost: u64,
    },
    /// The connection to the engine is lost, or it could not be made.
    #[non_exhaustive]
    Disconnected {
        /// The reason.
        error: Arc<dyn StdError + Send + Sync>,
        /// When it is tried again.
        retry_in: Duration,
    },
    /// The engine has dropped messages for this process, which didn't take them fast enough.
    Missed,
    /// A message of the engine was ignored.
    #[non_exhaustive]
    Ignored {
        /// The subject that it came on.
        subject: String,
        /// The reason.
        reason: Ignored,
    },
}

impl fmt::Display for BackplaneEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected { lost: 0 } => write!(f, "the backplane is connected"),
            Self::Connected { lost: 1 } => {
                write!(f, "the backplane is connected; 1 message was lost")
            }
            Self::Connected { lost } => {
                write!(f, "the backplane is connected; {lost} messages were lost")
            }
            Self::Disconnected { error, retry_in } => {
                write!(f, "the backplane is away: {error}; trying again in {retry_in:?}")
            }
            Self::Missed => write!(f, "messages of the backplane were missed"),
            Self::Ignored { subject, reason } => {
                write!(f, "a message on {subject:?} was ignored: {reason}")
            }
        }
    }
}

/// The reason why a message of the engine was ignored.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Ignored {
    /// Its subject isn't one of these rooms.
    #[error("the subject isn't one of these rooms")]
    Subject,
    /// It wasn't published by rooms, or by those of another version.
    #[error("the message has another format")]
    Format,
    /// It has more bytes than [allowed](crate::RoomsBuilder::max_message_size).
    #[error("the message has {0} bytes, which is too much")]
    TooBig(usize),
    /// It is text that isn't UTF-8.
    #[error("the text isn't UTF-8")]
    Utf8,
}
