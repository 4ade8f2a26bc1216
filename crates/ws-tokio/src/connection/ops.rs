//! The operations of a connection as futures, for all its handles.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{AcquireError, SemaphorePermit, TryAcquireError};
use tokio::task::coop;
use ws_proto::{Event, Message, MessageKind, Outgoing, Payload};
use ws_types::{Close, State};

use super::pong::PongWaiter;
use super::state::{Driver, Leaving, Shared, Writing};
use crate::error::{Error, TrySendError};

/// So many messages count as much as one read: a task yields after some thousand, which take a millisecond.
const RECEIVES_PER_UNIT: u8 = 64;

/// A task that waits for the connection. When it is dropped meanwhile, others take its place.
#[must_use = "nothing happens unless it is awaited"]
struct Waiting<'a, S, F> {
    shared: &'a Shared<S>,
    waits: bool,
    poll: F,
}

impl<S, T, F> Future for Waiting<'_, S, F>
where
    F: FnMut(&mut Driver<S>, &mut Context<'_>) -> Poll<T>,
{
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let waiting = self.get_mut();
        let result = (waiting.poll)(&mut waiting.shared.lock(), cx);
        waiting.waits = result.is_pending();
        result
    }
}

/// Nothing that it polls is pinned.
impl<S, F> Unpin for Waiting<'_, S, F> {}

impl<S, F> Drop for Waiting<'_, S, F> {
    fn drop(&mut self) {
        if self.waits {
            self.shared.lock().forget_waiters();
        }
    }
}

/// A message that is being sent: waits for its turn, for room, and until it has left. Written by hand, since
/// the futures of all three steps would lie in the future of every handler.
#[must_use = "nothing happens unless it is awaited"]
pub(super) struct Sending<'a, S> {
    shared: &'a Shared<S>,
    /// Until it is queued.
    message: Option<Outgoing>,
    turn: Turn<'a>,
    leaving: Leaving,
}

/// A message of which a part was queued.
pub(super) struct Begun<'a> {
    pub(super) kind: MessageKind,
    _turn: SemaphorePermit<'a>,
}

/// The right to queue a message.
enum Turn<'a> {
    None,
    /// Others are first. In a box, since that is rare.
    Awaited(Pin<Box<dyn Future<Output = Result<SemaphorePermit<'a>, AcquireError>> + Send + 'a>>),
    Taken {
        _turn: SemaphorePermit<'a>,
    },
}

impl<S: AsyncRead + AsyncWrite + Unpin> Future for Sending<'_, S> {
    type Output = Result<(), Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Self { shared, message, turn, leaving } = self.get_mut();
        if message.is_some() {
            let mut driver = shared.lock();
            // If nobody has the turn, nobody can take it before the message is queued.
            if !(shared.turn.available_permits() > 0 && driver.has_room()) {
                drop(driver);
                ready!(turn.poll(shared, cx));
                driver = shared.lock();
                ready!(driver.poll_ready(cx))?;
            }
            if let Some(message) = message.take() {
                driver.queue_message(message)?;
            }
            *leaving = driver.start_leaving();
            *turn = Turn::None;
        }
        if let Leaving::Until(end) = *leaving {
            ready!(shared.lock().poll_left(cx, end))?;
            *leaving = Leaving::Done;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S> Drop for Sending<'_, S> {
    fn drop(&mut self) {
        if matches!(self.turn, Turn::Taken { .. }) || matches!(self.leaving, Leaving::Until(_)) {
            self.shared.lock().forget_waiters();
        }
    }
}

impl<'a> Turn<'a> {
    fn poll<S>(&mut self, shared: &'a Shared<S>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            *self = match self {
                Self::Taken { .. } => return Poll::Ready(()),
                Self::None => match shared.turn.try_acquire() {
                    Ok(_turn) => Self::Taken { _turn },
                    Err(_) => Self::Awaited(Box::pin(shared.turn.acquire())),
                },
                // It fails when the connection has ended, which the driver tells.
                Self::Awaited(turn) => match ready!(turn.as_mut().poll(cx)) {
                    Ok(_turn) => Self::Taken { _turn },
                    Err(_) => return Poll::Ready(()),
                },
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    /// The next message; `None` after a proper end, an error that ends nothing for one that was skipped.
    pub(super) fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Message>, Error>> {
        loop {
            match ready!(self.poll_receive(cx, false))? {
                Some(Event::Message(message)) => return Poll::Ready(Ok(Some(message))),
                Some(Event::TooBig(e)) => return Poll::Ready(Err(e.into())),
                // A control frame, or the rest of a message whose reader was forgotten.
                Some(_) => {}
                None => return Poll::Ready(Ok(None)),
            }
        }
    }

    /// The next event for the reader; `None` after a proper end.
    pub(super) fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        pieces: bool,
    ) -> Poll<Result<Option<Event>, Error>> {
        self.attend();
        ready!(self.poll_budget(cx));
        let waiting = self.backlog.pop(pieces).or_else(|| self.next_event(pieces));
        if waiting.is_some() {
            return Poll::Ready(Ok(waiting));
        }
        // Before the stream is asked: it may wake at once.
        self.wakers.add_reader(cx.waker());
        let event = match self.poll_event(pieces) {
            Poll::Ready(event) => event,
            // Nothing will come: the reader needn't wait for the rest of the closing.
            Poll::Pending if self.conn.has_failed() || self.is_shut() => {
                self.finish_closing();
                None
            }
            Poll::Pending => return Poll::Pending,
        };
        self.wakers.remove_reader();
        Poll::Ready(if event.is_none() { self.end().map(|()| None) } else { Ok(event) })
    }

    /// Takes from the budget of the task, now and then: one read brings thousands of short messages, and tokio counts
    /// reads. Without, a peer that floods one connection would keep the others of its thread waiting.
    fn poll_budget(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.receives = self.receives.wrapping_add(1);
        if self.receives.is_multiple_of(RECEIVES_PER_UNIT) {
            ready!(coop::poll_proceed(cx)).made_progress();
        }
        Poll::Ready(())
    }

    /// Ready when all that is queued, or the bytes up to `end`, counted from the beginning, were handed to the
    /// stream.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>, end: u64) -> Poll<Result<(), Error>> {
        self.wakers.add_writer(cx.waker());
        if self.poll_write().is_pending() && self.written() < end {
            ready!(self.poll_unattended());
        }
        let lost = self.writing == Writing::Failed;
        Poll::Ready(if lost { Err(self.lost()) } else { Ok(()) })
    }

    /// Ready when the stream has taken all bytes up to `end`, counted from the beginning.
    fn poll_left(&mut self, cx: &mut Context<'_>, end: u64) -> Poll<Result<(), Error>> {
        self.wakers.add_writer(cx.waker());
        if self.poll_write().is_pending() && self.written() < end {
            // The peer may be waiting for us to read.
            ready!(self.poll_unattended());
        }
        Poll::Ready(if self.written() < end { Err(self.lost()) } else { Ok(()) })
    }

    /// Ready when the connection is closed.
    pub(crate) fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.wakers.add_writer(cx.waker());
        self.poll_unattended()
    }

    /// Ready when a message can be queued.
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.is_open() && !self.has_room() {
            self.wakers.add_writer(cx.waker());
            ready!(self.poll_room());
        }
        Poll::Ready(if self.is_open() { Ok(()) } else { Err(self.lost()) })
    }
}

impl<S> Driver<S> {
    /// A task waits no longer: those that still do come again.
    fn forget_waiters(&self) {
        self.waker.wake_by_ref();
    }

    fn is_open(&self) -> bool {
        self.conn.state() == State::Open && self.stream.is_some()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Shared<S> {
    pub(super) fn recv(&self) -> impl Future<Output = Result<Option<Message>, Error>> {
        self.waiting(|driver, cx| driver.poll_recv(cx))
    }

    pub(super) fn receive(
        &self,
        pieces: bool,
    ) -> impl Future<Output = Result<Option<Event>, Error>> {
        self.waiting(move |driver, cx| driver.poll_receive(cx, pieces))
    }

    fn waiting<T, F>(&self, poll: F) -> Waiting<'_, S, F>
    where
        F: FnMut(&mut Driver<S>, &mut Context<'_>) -> Poll<T>,
    {
        Waiting { shared: self, waits: false, poll }
    }

    /// The right to queue messages: first come, first served.
    pub(super) async fn take_turn(&self) -> Result<SemaphorePermit<'_>, Error> {
        self.turn.acquire().await.map_err(|_| self.lock().closed_error())
    }

    pub(super) fn send(&self, message: Outgoing) -> Sending<'_, S> {
        Sending { shared: self, message: Some(message), turn: Turn::None, leaving: Leaving::Done }
    }

    pub(super) async fn feed(&self, message: Outgoing) -> Result<(), Error> {
        let _turn = self.take_turn().await?;
        self.queue(|driver| driver.queue_message(message)).await
    }

    pub(super) fn try_send(&self, message: Outgoing) -> Result<(), TrySendError> {
        let _turn = match self.turn.try_acquire() {
            Ok(turn) => turn,
            // Others wait for their turn.
            Err(TryAcquireError::NoPermits) => return Err(TrySendError::Full(message)),
            Err(TryAcquireError::Closed) => return Err(self.lock().closed_error().into()),
        };
        let mut driver = self.lock();
        if !driver.has_room() && driver.poll_write().is_pending() && !driver.has_room() {
            return Err(TrySendError::Full(message));
        }
        driver.queue_message(message)?;
        driver.start_leaving();
        Ok(())
    }

    /// Sends a piece of a message. `begun` is there from the time when its first piece was queued until its
    /// last one was.
    pub(super) async fn send_piece<'a>(
        &'a self,
        piece: Outgoing,
        last: bool,
        begun: &mut Option<Begun<'a>>,
    ) -> Result<(), Error> {
        let turn = if begun.is_none() { Some(self.take_turn().await?) } else { None };
        self.queue_and_leave(|driver| {
            let kind = piece.kind();
            driver.queue_piece(piece, last)?;
            if last {
                *begun = None;
            } else if let Some(turn) = turn {
                *begun = Some(Begun { kind, _turn: turn });
            }
            Ok(())
        })
        .await
    }

    pub(super) async fn ping(&self, payload: Option<Payload>) -> Result<PongWaiter, Error> {
        self.queue_and_leave(|driver| driver.queue_ping(payload)).await
    }

    pub(super) async fn pong(&self, payload: Payload) -> Result<(), Error> {
        self.queue_and_leave(|driver| driver.queue_pong(payload)).await
    }

    /// Queues a control frame now, however much is queued.
    pub(super) fn queue_now<T>(
        &self,
        queue: impl FnOnce(&mut Driver<S>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut driver = self.lock();
        let queued = queue(&mut driver)?;
        driver.start_leaving();
        Ok(queued)
    }

    /// Queues frames as soon as there is room, and waits until they have left.
    async fn queue_and_leave<T>(
        &self,
        queue: impl FnOnce(&mut Driver<S>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let start = |driver: &mut Driver<S>| Ok((queue(driver)?, driver.start_leaving()));
        let (queued, leaving) = self.queue(start).await?;
        if let Leaving::Until(end) = leaving {
            self.waiting(|driver, cx| driver.poll_left(cx, end)).await?;
        }
        Ok(queued)
    }

    /// Queues frames as soon as there is room.
    fn queue<T>(
        &self,
        queue: impl FnOnce(&mut Driver<S>) -> Result<T, Error>,
    ) -> impl Future<Output = Result<T, Error>> {
        let mut queue = Some(queue);
        self.waiting(move |driver, cx| {
            ready!(driver.poll_ready(cx))?;
            queue.take().map_or(Poll::Pending, |queue| Poll::Ready(queue(driver)))
        })
    }

    pub(super) fn flush(&self) -> impl Future<Output = Result<(), Error>> {
        let mut end = None;
        self.waiting(move |driver, cx| {
            let end = *end.get_or_insert_with(|| driver.queue_end());
            driver.poll_flush(cx, end)
        })
    }

    pub(super) fn close(&self, close: Close) -> impl Future<Output = Result<(), Error>> {
        let mut close = Some(close);
        self.waiting(move |driver, cx| {
            if let Some(close) = close.take() {
                driver.start_close(close)?;
            }
            ready!(driver.poll_closed(cx));
            Poll::Ready(driver.close_result())
        })
    }
}
