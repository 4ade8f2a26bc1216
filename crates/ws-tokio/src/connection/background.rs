//! The background role: it looks after a connection of which nobody receives.
//!
//! A program may be busy with other things, may only send, or may hold a receiving half without polling
//! it. Then somebody else has to answer pings, keep the keepalive, notice a close or a failure, and write
//! what was queued to leave [with later replies](Driver::start_leaving). That is one role, played by a task of the
//! connection's own, or by the task of a handler of `serve` between two polls of the handler.
//!
//! It costs nothing while a reader waits: then it rests. When the reader leaves, it ticks; if no reader was
//! there for [`GRACE`], it takes over, until a reader comes; if one waits then, it rests. So a reader that
//! comes and goes wakes it once for many messages.

use std::future::Future;
use std::mem;
use std::sync::Weak;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task;
use tokio::time::Instant;

use super::state::{Background, Driver, Host, Reader, Spawn, Watch};

/// So long after a reader was there last, at most twice that, the background role takes over.
const GRACE: Duration = Duration::from_millis(200);

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    /// Plays the background role.
    pub(super) fn poll_background(&mut self, cx: &mut Context<'_>) {
        self.background.asked = false;
        self.write_beside();
        let may_rest = match &self.background.watch {
            // In the task of the handler, which the message has woken anyway, resting saves the timer.
            _ if matches!(self.background.host, Host::Handler(_)) => true,
            Watch::Resting => false,
            Watch::Ticking(sleep) => sleep.is_elapsed(),
            Watch::TakenOver => true,
        };
        if self.wakers.set_background(cx.waker(), may_rest) {
            self.background.watch = Watch::Resting;
        } else if self.poll_grace(cx).is_ready() {
            self.background.watch = Watch::TakenOver;
            _ = self.poll_unattended();
        }
    }

    /// Ready when no reader is there that should drive the connection.
    fn poll_grace(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // Data is dropped, or a deadline has come: there is nothing to wait for.
        if self.reader == Reader::Gone || self.stream.is_none() || self.poll_deadline().is_ready() {
            return Poll::Ready(());
        }
        let Background { watch, attended, .. } = &mut self.background;
        loop {
            match watch {
                Watch::Resting => {
                    *attended = false;
                    *watch = Watch::Ticking(Box::pin(tokio::time::sleep(GRACE)));
                }
                Watch::Ticking(sleep) => {
                    ready!(sleep.as_mut().poll(cx));
                    if !mem::take(attended) {
                        return Poll::Ready(());
                    }
                    sleep.as_mut().reset(Instant::now() + GRACE);
                }
                Watch::TakenOver => return Poll::Ready(()),
            }
        }
    }

    /// Plays the background role in the task of a handler, after each of its polls.
    pub(crate) fn poll_hosted(&mut self, cx: &mut Context<'_>) {
        if self.is_hosted_here() {
            self.poll_background(cx);
        }
    }
}

impl<S> Background<S> {
    /// Nobody gets a turn to queue messages any more.
    pub(super) fn close_turn(&self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.turn.close();
        }
    }
}

impl<S> Driver<S> {
    /// From now on, the current task plays the background role, with the code around its handler.
    pub(crate) fn begin_hosting(&mut self) {
        let Some(id) = task::try_id() else { return };
        if let Host::Task(task) = mem::replace(&mut self.background.host, Host::Handler(id)) {
            // Nothing would wake it again.
            task.abort();
        }
    }

    /// The handler has returned.
    pub(crate) fn end_hosting(&mut self) {
        if self.is_hosted_here() {
            self.background.host = Host::Nobody;
        }
    }

    /// Whether the current task plays the background role when its handler has yielded.
    pub(super) fn is_hosted_here(&self) -> bool {
        matches!(&self.background.host, Host::Handler(host) if task::try_id() == Some(*host))
    }

    /// Spawns the task that plays the background role, unless there is one; false without a runtime.
    pub(crate) fn spawn_background(&mut self) -> bool {
        let background = &mut self.background;
        match &background.host {
            Host::Task(task) if !task.is_finished() => true,
            // There is none yet, or it ended with its runtime.
            _ => {
                let Ok(runtime) = Handle::try_current() else { return false };
                let task = (background.spawn)(
                    &runtime,
                    Spawn::Background(Weak::clone(&background.shared)),
                );
                let spawned = !task.is_finished();
                background.host = Host::Task(task);
                background.watch = Watch::Resting;
                spawned
            }
        }
    }

    /// Finishes the closing handshake of a connection that has failed, even if all its handles are dropped
    /// now that they know. It takes at most the `close_timeout`; without one, only as long as there are
    /// handles.
    pub(super) fn finish_closing(&mut self) {
        let background = &mut self.background;
        if background.closing || self.conn.poll_timeout().is_none() || self.is_hosted_here() {
            return;
        }
        if let (Ok(runtime), Some(shared)) =
            (Handle::try_current(), self.background.shared.upgrade())
        {
            self.background.closing = true;
            _ = (self.background.spawn)(&runtime, Spawn::Closing(shared));
        }
    }

    /// Leaves it to the background role to write what is queued, as soon as the current task has yielded.
    /// False if nobody can do so.
    pub(super) fn defer(&mut self) -> bool {
        if self.is_hosted_here() {
            return true;
        }
        // On a current-thread runtime nothing runs after `block_on`, so that nothing may be left. And a
        // handler in another task may not yield for long: then a task of its own plays the role.
        let flavor = Handle::try_current().map(|it| it.runtime_flavor());
        let runs_later =
            task::try_id().is_some() || matches!(flavor, Ok(RuntimeFlavor::MultiThread));
        if !runs_later || !self.spawn_background() {
            return false;
        }
        if !mem::replace(&mut self.background.asked, true) {
            self.wakers.wake_background();
        }
        true
    }

    /// A reader is there.
    pub(super) fn attend(&mut self) {
        self.background.attended = true;
        if matches!(self.background.watch, Watch::TakenOver) {
            self.background.watch = Watch::Resting;
            self.wakers.wake_background();
        }
    }
}
