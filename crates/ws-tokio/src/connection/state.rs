//! The state of a connection over a stream, which all its handles share: data, without the rules.
//!
//! `driver` moves the bytes, `write` is its writing half, `background` looks after a connection of which
//! nobody receives, `ops` are the operations of the handles.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::{self, JoinHandle};
use tokio::time::{Instant, Sleep};
use ws_proto::Connection;

use super::backlog::Backlog;
use super::info::Info;
use super::pong::Pongs;
use super::timer::Timer;
use super::wakers::Wakers;
use crate::metrics::Meter;
use crate::settings::FlowSettings;
use crate::trace::Trace;

/// The part of a connection that its handles share.
pub(crate) struct Shared<S> {
    driver: Mutex<Driver<S>>,
    /// One permit, for whoever queues a message: first come, first served.
    pub(super) turn: Semaphore,
    pub(crate) trace: Trace,
    /// [`Driver::poll_write`]. A pointer, so that dropping a connection makes no demands on its stream.
    flush: fn(&mut Driver<S>) -> Poll<()>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Shared<S> {
    pub(crate) fn new(
        stream: S,
        conn: Connection,
        origin: Instant,
        settings: FlowSettings,
        trace: Trace,
    ) -> Arc<Self> {
        let wakers = Arc::new(Wakers::default());
        let driver = |background| Driver {
            stream: Some(stream),
            meter: Meter::open(conn.side()),
            conn,
            origin,
            settings,
            waker: Waker::from(Arc::clone(&wakers)),
            wakers,
            timer: Timer::default(),
            writing: Writing::Done,
            failed: None,
            lingers: true,
            unwritten_pongs: 0,
            reader: Reader::Here,
            wants_control: false,
            backlog: Backlog::default(),
            pongs: Pongs::default(),
            background,
            receives: 0,
            stream_ended: false,
            taken: false,
            info: None,
        };
        Arc::new_cyclic(|shared| Self {
            driver: Mutex::new(driver(Background::new(Weak::clone(shared)))),
            turn: Semaphore::new(1),
            trace,
            flush: Driver::poll_write,
        })
    }
}

impl<S> Shared<S> {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Driver<S>> {
        // A panic under the lock is a bug of ours; the state is still the best there is.
        self.driver.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Drop for Shared<S> {
    /// The last handle was dropped: what is queued leaves, as far as the stream takes it at once.
    fn drop(&mut self) {
        let flush = self.flush;
        let driver = self.driver.get_mut().unwrap_or_else(PoisonError::into_inner);
        // Not to be put off because the task has done much already: there is no later.
        let flush = poll_fn(|_| Poll::Ready(_ = flush(driver)));
        _ = pin!(task::unconstrained(flush)).poll(&mut Context::from_waker(Waker::noop()));
        if driver.stream.is_some() {
            driver.meter.close(&driver.conn, false);
        }
        // The task in the background, if there is one, ends.
        driver.wakers.wake_background();
    }
}

/// The state of a connection and its stream.
pub(crate) struct Driver<S> {
    /// Dropped as soon as the connection is closed, whoever still holds a handle.
    pub(super) stream: Option<S>,
    pub(crate) conn: Connection,
    pub(super) meter: Meter,
    /// The origin of the protocol's times.
    pub(super) origin: Instant,
    pub(super) settings: FlowSettings,
    pub(super) wakers: Arc<Wakers>,
    /// Wakes whoever waits; stream and timer are polled with no other one.
    pub(super) waker: Waker,
    pub(super) timer: Timer,
    pub(super) writing: Writing,
    /// The error of the stream, if it failed.
    pub(super) failed: Option<Arc<io::Error>>,
    /// Waits for the peer to end the stream, too. In HTTP/2 nothing is lost without: the stream is one of many.
    pub(crate) lingers: bool,
    /// The bytes of pongs that were queued since everything was written.
    pub(super) unwritten_pongs: usize,
    pub(super) reader: Reader,
    /// The reader wants control frames, too.
    pub(super) wants_control: bool,
    pub(super) backlog: Backlog,
    pub(super) pongs: Pongs,
    pub(super) background: Background<S>,
    /// Counts attempts to receive, for the budget of the task.
    pub(super) receives: u8,
    /// The `Stream` gave its last item.
    pub(super) stream_ended: bool,
    /// The program took the stream back, which ended the connection.
    pub(crate) taken: bool,
    /// The facts, for a server that lists its connections.
    pub(super) info: Option<Arc<Info>>,
}

/// The point that the sender of queued frames has to wait for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Leaving {
    /// Nothing: they have left, or the background role sees to it.
    Done,
    /// The stream has to take all bytes up to this one, counted from the beginning.
    Until(u64),
}

/// Whether anybody will take the data that arrives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reader {
    Here,
    /// The receiving half was dropped, or has missed data: all that follows is dropped.
    Gone,
}

/// How far the stream has taken what was queued.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Writing {
    /// Everything was written and flushed.
    Done,
    /// The stream may hold bytes back until it is flushed.
    Unflushed,
    /// The stream takes no more for now. It has to take `left` bytes until the deadline.
    Blocked { left: usize, deadline: Option<Duration> },
    /// The writing side was closed.
    Shut,
    /// The stream takes nothing any more.
    Failed,
}

impl Writing {
    /// The stream has taken `n` bytes.
    pub(super) fn wrote(&mut self, n: usize) {
        match self {
            Self::Blocked { left, .. } if *left > n => *left -= n,
            writing => *writing = Self::Unflushed,
        }
    }

    /// When a stream that takes no more is to have taken some.
    pub(super) fn deadline(self) -> Option<Duration> {
        match self {
            Self::Blocked { deadline, .. } => deadline,
            _ => None,
        }
    }
}

/// The background role of a connection.
pub(super) struct Background<S> {
    pub(super) host: Host,
    pub(super) watch: Watch,
    /// A reader was there since the role looked last.
    pub(super) attended: bool,
    /// The role was asked to write what is queued.
    pub(super) asked: bool,
    pub(super) shared: Weak<Shared<S>>,
    /// Spawns a task for the connection. A pointer, so that only opening a connection demands that its
    /// stream can be sent to other threads.
    pub(super) spawn: fn(&Handle, Spawn<S>) -> JoinHandle<()>,
    /// The task that closes the connection was spawned.
    pub(super) closing: bool,
}

/// A task for a connection.
pub(super) enum Spawn<S> {
    /// Plays the background role as long as there are handles.
    Background(Weak<Shared<S>>),
    /// Waits until the connection is closed, whoever holds a handle.
    Closing(Arc<Shared<S>>),
}

/// The task that plays the background role.
#[derive(Debug)]
pub(super) enum Host {
    Nobody,
    /// A task of its own. It holds no strong reference, and ends with the connection.
    Task(JoinHandle<()>),
    /// The task of a handler.
    Handler(task::Id),
}

/// The present work of the background role.
#[derive(Debug)]
pub(super) enum Watch {
    /// Nothing: it will be woken when the reader that waits leaves.
    Resting,
    /// It looks again then whether a reader was there meanwhile.
    Ticking(Pin<Box<Sleep>>),
    /// It drives the connection.
    TakenOver,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Background<S> {
    /// The role, which nobody plays yet.
    fn new(shared: Weak<Shared<S>>) -> Self {
        let spawn = |runtime: &Handle, task: Spawn<S>| {
            runtime.spawn(poll_fn(move |cx| match &task {
                Spawn::Background(shared) => {
                    let Some(shared) = shared.upgrade() else { return Poll::Ready(()) };
                    let mut driver = shared.lock();
                    driver.poll_background(cx);
                    if driver.stream.is_some() { Poll::Pending } else { Poll::Ready(()) }
                }
                Spawn::Closing(shared) => shared.lock().poll_closed(cx),
            }))
        };
        Self {
            host: Host::Nobody,
            watch: Watch::Resting,
            attended: true,
            asked: false,
            shared,
            spawn,
            closing: false,
        }
    }
}
