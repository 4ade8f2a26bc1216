//! What is sent while more messages wait in the buffer leaves with the replies to these. Here is who
//! sees to it that it leaves, when the application's task stops before it has answered them all.
//!
//! In a handler of `serve` that is the keeper, the code around the handler's future. Elsewhere it is the
//! *companion*: a task of the connection's own, made by the first frame that is deferred, and woken by
//! the first of each batch. The runtime runs it after the task that sends has yielded. It holds no
//! strong reference, and ends with the connection.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::{self, JoinHandle};

use super::engine::{Engine, Shared};
use super::waiter::Waiter;

/// The companion of a connection: a task, once one is needed.
pub(super) struct Companion<S> {
    /// What the task works for.
    shared: Weak<Shared<S>>,
    /// Makes the task. A pointer, so that only whoever opens a connection has to know that its stream
    /// can be sent to other threads.
    spawn: fn(&Handle, Weak<Shared<S>>) -> JoinHandle<()>,
    /// [`Engine::poll_flush`], for the same reason.
    flush: fn(&mut Engine<S>, &mut Context<'_>) -> Poll<()>,
    task: Option<JoinHandle<()>>,
    /// The task sleeps.
    waiter: Waiter,
}

impl<S> Companion<S> {
    /// The companion of a connection that hasn't deferred anything yet: no task.
    pub(super) fn new(shared: Weak<Shared<S>>) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        Self {
            shared,
            spawn: |runtime, shared| runtime.spawn(run(shared)),
            flush: Engine::poll_flush,
            task: None,
            waiter: Waiter::default(),
        }
    }

    /// The task, if there is one.
    pub(super) fn waiter(&self) -> &Waiter {
        &self.waiter
    }

    /// Makes the task look at the connection, if there is one.
    pub(super) fn wake(&mut self) {
        self.waiter.wake();
    }

    /// Makes the task look at the connection as soon as the current one has yielded; false if no task
    /// can do so.
    fn call(&mut self) -> bool {
        if task::try_id().is_none() && !runs_on_without_us() {
            return false;
        }
        match &self.task {
            Some(task) if !task.is_finished() => {
                self.waiter.wake();
                true
            }
            // There is none yet, or it ended with its runtime.
            _ => {
                let Ok(runtime) = Handle::try_current() else { return false };
                let task = (self.spawn)(&runtime, Weak::clone(&self.shared));
                let spawned = !task.is_finished();
                self.waiter = Waiter::default();
                self.task = Some(task);
                spawned
            }
        }
    }

    /// Ends the task: the connection has ended.
    pub(super) fn end(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
        self.waiter = Waiter::default();
    }
}

impl<S> Drop for Companion<S> {
    fn drop(&mut self) {
        self.end();
    }
}

impl<S> Engine<S> {
    /// Whether further frames have arrived.
    #[inline]
    pub(super) fn has_more(&self) -> bool {
        self.conn.has_buffered_frame() || self.kept.bytes() > 0
    }

    /// Whether what was queued may leave later, together with the replies to further messages that have
    /// arrived. If so, somebody will make it leave as soon as the current task has yielded.
    #[inline]
    pub(super) fn may_defer(&mut self) -> bool {
        self.is_kept() || self.defer()
    }

    fn defer(&mut self) -> bool {
        // While the stream takes nothing, `send` waits. Nobody will read what is in the buffer of a
        // receiver that is gone; `send` looks at it.
        !self.blocked && !self.deaf && self.companion.call()
    }

    /// Whether the current task is that of the handler, so that the keeper will look at the connection
    /// when it yields.
    pub(super) fn is_kept(&self) -> bool {
        self.keeping.is_some() && self.keeping == task::try_id()
    }

    /// Somebody who was the last to wait for the stream to take more stops waiting: the companion takes
    /// the place.
    #[inline]
    pub(super) fn hand_over(&mut self) {
        if self.blocked {
            self.companion.wake();
        }
    }
}

impl<S> Drop for Shared<S> {
    /// The last handle was dropped: what is queued leaves, as far as the stream takes it at once.
    fn drop(&mut self) {
        let engine = self.engine.get_mut().unwrap_or_else(PoisonError::into_inner);
        if engine.conn.output_len() > 0 {
            let flush = engine.companion.flush;
            // Not to be put off because the task has done much already: there is no later.
            let flushing = pin!(task::unconstrained(poll_fn(|cx| flush(engine, cx))));
            _ = flushing.poll(&mut Context::from_waker(Waker::noop()));
        }
    }
}

/// Whether the runtime goes on when the future that isn't a task of its own has returned. On a
/// current-thread runtime nothing runs after `block_on`, so that nothing may be left to be done.
fn runs_on_without_us() -> bool {
    Handle::try_current().is_ok_and(|it| it.runtime_flavor() == RuntimeFlavor::MultiThread)
}

/// The task: lets everything leave that is queued, each time it is woken.
fn run<S>(shared: Weak<Shared<S>>) -> impl Future<Output = ()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    poll_fn(move |cx| {
        let Some(shared) = shared.upgrade() else { return Poll::Ready(()) };
        let mut engine = shared.lock();
        if engine.conn.output_len() > 0 {
            // When the stream takes no more now, it wakes this task, or whoever waits for it after it.
            _ = engine.poll_flush(cx);
        }
        engine.companion.waiter.wait(cx);
        Poll::Pending
    })
}
