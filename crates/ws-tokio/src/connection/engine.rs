//! The driver of a connection: what its handles ask for, and who waits for what. Moving bytes is in
//! `drive`.
//!
//! One [`Engine`] per connection, behind one mutex that is held for the time of a poll and never
//! across an await. Its `poll_*` functions may be called by
//!
//! - the *reader*, who wants events;
//! - the *writer*, who wants frames to leave;
//! - the *keeper*: the task of a server's handler between two polls of the handler, which sees to
//!   what the handler left undone (see [`Engine::poll_keep`]);
//! - the *companion*, where there is no keeper: a task that lets leave what was deferred (see
//!   `companion`).
//!
//! They may be different tasks. A stream wakes only the last task that waited on it, so whoever has to wait
//! does so in the name of all who wait ([`Engine::poll_for_all`]), and whoever gives up waiting wakes the
//! others ([`Shared::give_up`]).

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use tokio::task;
use tokio::time::{Instant, Sleep};
use ws_errors::WebSocketException;
use ws_proto::{Connection, Event, Message, MessageKind, Outgoing, Payload, PingId};
use ws_types::{Close, State};

use super::ahead::Ahead;
use super::buffers;
use super::companion::Companion;
use super::drive::Input;
use super::kept::{KEPT, Kept};
use super::waiter::{Waiter, everybody};
use crate::error::{Closed, Error};

/// Above this many queued bytes, `send` waits...
pub(super) const HIGH_MARK: usize = 64 << 10;
/// ... until there are no more than this.
const LOW_MARK: usize = 16 << 10;

/// What the handles of one connection share.
pub(crate) struct Shared<S> {
    pub(super) engine: Mutex<Engine<S>>,
}

impl<S> Shared<S> {
    pub(crate) fn new(io: S, conn: Connection, origin: Instant) -> Arc<Self>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let engine = |shared: &Weak<Self>| Engine {
            io: Some(io),
            conn,
            origin,
            sleep: None,
            timer_waker: None,
            failed: None,
            write_failed: false,
            written: false,
            shutdown: false,
            unflushed: false,
            blocked: false,
            draining: false,
            answers: 0,
            kept: Kept::default(),
            pongs: Vec::new(),
            reader: Waiter::default(),
            writer: Waiter::default(),
            keeper: Waiter::default(),
            keeping: None,
            companion: Companion::new(Weak::clone(shared)),
            deaf: false,
            stream_ended: false,
        };
        Arc::new_cyclic(|shared| Self { engine: Mutex::new(engine(shared)) })
    }

    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, Engine<S>> {
        // A panic under the lock is a bug of ours; the state is still the best there is.
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A reader or writer stops waiting: the others may have to take its place at the stream.
    pub(crate) fn give_up(&self, role: Role) {
        let mut engine = self.lock();
        match role {
            Role::Reader => engine.reader.waiting = false,
            Role::Writer => engine.writer.waiting = false,
        }
        engine.wake_all();
        engine.hand_over();
        if !engine.is_kept() {
            // The keeper may have left reading and the timer to this one.
            engine.keeper.call();
        }
    }
}

/// Who waits for a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Role {
    Reader,
    Writer,
}

/// A ping whose pong somebody waits for.
pub(super) struct PongWaiter {
    pub(super) id: PingId,
    pub(super) sent_at: Instant,
    pub(super) done: oneshot::Sender<Duration>,
}

pub(crate) struct Engine<S> {
    /// Dropped as soon as the connection is closed, whoever still holds a handle.
    pub(super) io: Option<S>,
    pub(crate) conn: Connection,
    /// What the protocol's times are counted from.
    pub(super) origin: Instant,
    pub(super) sleep: Option<Pin<Box<Sleep>>>,
    /// Whom `sleep` will wake.
    pub(super) timer_waker: Option<Waker>,
    /// Why the stream failed, if it did.
    pub(super) failed: Option<Arc<io::Error>>,
    pub(super) write_failed: bool,
    /// The stream took bytes since this was last asked.
    pub(super) written: bool,
    /// The writing side was closed.
    pub(super) shutdown: bool,
    /// Bytes were written that the stream may hold back until it is flushed.
    pub(super) unflushed: bool,
    /// The stream took no more when it was last tried.
    pub(super) blocked: bool,
    /// `send` waits for the low mark.
    pub(super) draining: bool,
    /// How many bytes of pongs were queued since everything had left.
    pub(super) answers: usize,
    pub(super) kept: Kept,
    pub(super) pongs: Vec<PongWaiter>,
    pub(super) reader: Waiter,
    pub(super) writer: Waiter,
    pub(super) keeper: Waiter,
    /// The task whose keeper looks after this connection each time before it yields.
    pub(crate) keeping: Option<task::Id>,
    pub(super) companion: Companion<S>,
    /// Data that arrives is dropped: the receiving half was, or has missed something already.
    pub(super) deaf: bool,
    /// The `Stream` gave its last item.
    pub(crate) stream_ended: bool,
}

impl<S> Engine<S> {
    /// The receiving half was dropped.
    pub(crate) fn reader_gone(&mut self) {
        self.deaf = true;
        self.kept = Kept::default();
        self.writer.wake();
    }

    /// Begins the closing handshake, if that can be done.
    pub(crate) fn begin_close(&mut self, close: Close) {
        if self.conn.state() == State::Open {
            // The caller has checked code and reason.
            _ = self.conn.send_close(close, self.origin.elapsed());
            // There is a new deadline, and nothing can be sent any more.
            self.wake_all();
        }
    }

    /// Drops the rest of the message that is being received in pieces.
    pub(super) fn skip_message(&mut self) {
        if !self.kept.skip_pieces() {
            self.conn.skip_message();
        }
    }

    /// Wakes everybody who waits.
    pub(super) fn wake_all(&mut self) {
        self.reader.wake();
        self.writer.wake();
        self.keeper.wake();
    }

    /// From now on, a keeper looks after the connection before the current task yields.
    pub(crate) fn begin_keeping(&mut self) {
        self.keeping = task::try_id();
    }

    /// Fails the connection; the close frame leaves with whatever is done next.
    pub(crate) fn fail_connection(&mut self, close: Close) {
        self.conn.fail(close, self.origin.elapsed());
        self.wake_all();
    }

    /// Queues a frame.
    pub(super) fn queue<T>(
        &mut self,
        queue: impl FnOnce(&mut Connection) -> Result<T, WebSocketException>,
    ) -> Result<T, Error> {
        if self.conn.state() == State::Closed || self.write_failed {
            return Err(self.closed_error());
        }
        if !self.conn.holds_output() {
            self.conn.lend_output(buffers::take_output());
        }
        queue(&mut self.conn).map_err(|exception| match exception {
            // It was the peer or another task that closed, not a wrong use.
            WebSocketException::InvalidState(_) => self.closed_error(),
            exception => exception.into(),
        })
    }

    /// Queues a ping whose pong `done` will hear of.
    pub(super) fn ping(
        &mut self,
        payload: Option<Payload>,
        done: oneshot::Sender<Duration>,
    ) -> Result<(), Error> {
        let now = self.origin.elapsed();
        let id = self.queue(|conn| conn.ping(payload, now))?;
        self.pongs.retain(|waiter| !waiter.done.is_closed());
        self.pongs.push(PongWaiter { id, sent_at: Instant::now(), done });
        Ok(())
    }

    /// How the connection ended, for an operation that needed it open.
    pub(crate) fn closed_error(&self) -> Error {
        Error::Closed(Closed::new(self.conn.closed(), self.failed.clone()))
    }

    /// How the connection ended, for a receiver: a proper end is none of its errors.
    pub(super) fn end(&self) -> Result<(), Error> {
        let closed = Closed::new(self.conn.closed(), self.failed.clone());
        if closed.is_ok() { Ok(()) } else { Err(Error::Closed(closed)) }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Engine<S> {
    /// The next message, or the end.
    #[inline]
    pub(super) fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Message>, Error>> {
        // The next of a batch: the way that most messages take.
        let mut next = None;
        if self.may_find_next() && self.conn.poll_message(&mut next) {
            return Poll::Ready(Ok(next));
        }
        let place = if self.deaf { None } else { Some(&mut next) };
        match ready!(self.poll_event_or(cx, false, place)) {
            Some(Event::Message(message)) => Poll::Ready(Ok(Some(message))),
            _ if next.is_some() => Poll::Ready(Ok(next)),
            _ => Poll::Ready(self.end().map(|()| None)),
        }
    }

    /// The next event of interest to an application: a message, a piece of one, or the end (`None`).
    #[inline]
    pub(crate) fn poll_event(&mut self, cx: &mut Context<'_>, stream: bool) -> Poll<Option<Event>> {
        self.poll_event_or(cx, stream, None)
    }

    /// [`poll_event`](Self::poll_event), or a message in `place`: see [`poll_next`](Self::poll_next).
    #[inline]
    fn poll_event_or(
        &mut self,
        cx: &mut Context<'_>,
        stream: bool,
        mut place: Option<&mut Option<Message>>,
    ) -> Poll<Option<Event>> {
        self.reader.waiting = false;
        if self.kept.bytes() > 0
            && let Some(event) = self.kept.take(stream)
        {
            return Poll::Ready(Some(event));
        }
        let event = loop {
            let mut event = self.poll_next(cx, stream, place.as_deref_mut());
            if event.is_pending() {
                event = self.poll_again(cx, |engine, cx| {
                    engine.poll_next(cx, stream, place.as_deref_mut())
                });
            }
            if !self.deaf || !matches!(event, Poll::Ready(Some(_))) {
                break event;
            }
        };
        match event {
            Poll::Pending => self.reader.wait(cx),
            // Those who wait for the connection to close take the place at the stream.
            Poll::Ready(_) => {
                self.writer.wake();
                self.keeper.wake();
                self.hand_over();
            }
        }
        event
    }

    /// Polls; if that has to wait, polls once more in the name of all who wait. A stream wakes only the
    /// last task that waited for it, and that one may never come back: nobody tells when a `Stream` or
    /// a `Sink` is polled no more.
    #[inline]
    fn poll_for_all<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut poll: impl FnMut(&mut Self, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        match poll(self, cx) {
            Poll::Pending => self.poll_again(cx, poll),
            ready @ Poll::Ready(_) => ready,
        }
    }

    #[inline]
    fn poll_again<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut poll: impl FnMut(&mut Self, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        if self.is_alone() {
            return Poll::Pending;
        }
        // The companion waits for the stream only if that takes nothing; else it sleeps.
        let companion = self.blocked.then_some(self.companion.waiter());
        let waiters = [&self.reader, &self.writer, &self.keeper].into_iter().chain(companion);
        match everybody(waiters, cx) {
            Some(waker) => poll(self, &mut Context::from_waker(&waker)),
            None => Poll::Pending,
        }
    }

    /// Queues a message as soon as there is room, takes it out of `message`, and lets it leave.
    ///
    /// If another message has arrived, it may leave with the answer to that one. So that message is
    /// looked for here, and put into `next`, where `recv` finds it without coming here.
    #[inline]
    pub(crate) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Option<Outgoing>,
        next: Option<&mut Ahead>,
    ) -> Poll<Result<(), Error>> {
        if message.is_some() {
            ready!(self.poll_feed(cx, message))?;
            let found = next.is_some_and(|next| {
                next.is_some() || (self.may_find_next() && self.conn.poll_message(next.place()))
            });
            if (found || self.has_more()) && self.may_defer() {
                return Poll::Ready(Ok(()));
            }
        }
        self.poll_leave(cx, true)
    }

    /// Queues a message as soon as there is room, and takes it out of `message`.
    #[inline]
    pub(super) fn poll_feed(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Option<Outgoing>,
    ) -> Poll<Result<(), Error>> {
        if message.is_some() {
            ready!(self.poll_ready(cx))?;
            self.queue(|conn| conn.send_from(message))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Whether nobody waits for anything.
    #[inline]
    fn is_alone(&self) -> bool {
        !(self.reader.waiting | self.writer.waiting | self.keeper.waiting | self.blocked)
    }

    /// Whether the next message may be looked for: something has arrived, and nobody else is concerned.
    #[inline]
    fn may_find_next(&self) -> bool {
        self.conn.has_input() && self.is_alone() && self.kept.bytes() == 0 && !self.deaf
    }

    /// Queues a piece of a message as soon as there is room, and lets it leave. `kind` is that of the
    /// message, once it was begun.
    pub(super) fn poll_send_piece(
        &mut self,
        cx: &mut Context<'_>,
        piece: &mut Option<Outgoing>,
        kind: &mut Option<MessageKind>,
    ) -> Poll<Result<(), Error>> {
        if piece.is_some() {
            ready!(self.poll_ready(cx))?;
            if let Some(piece) = piece.take() {
                let piece_kind = piece.kind();
                self.queue(|conn| conn.send_chunk(piece, false))?;
                *kind = Some(piece_kind);
            }
        }
        self.poll_leave(cx, true)
    }

    /// Waits until everything queued has left; `may_defer`: or until the keeper sees to it.
    pub(super) fn poll_leave(
        &mut self,
        cx: &mut Context<'_>,
        may_defer: bool,
    ) -> Poll<Result<(), Error>> {
        self.writer.waiting = false;
        if self.deaf {
            self.poll_unread(cx);
        }
        if self.poll_for_all(cx, Self::poll_flush).is_pending() {
            if may_defer && self.is_kept() && self.conn.output_len() <= HIGH_MARK {
                return Poll::Ready(Ok(()));
            }
            if self.poll_stand_in(cx).is_pending() {
                self.writer.wait(cx);
                return Poll::Pending;
            }
        }
        if self.write_failed {
            return Poll::Ready(Err(self.closed_error()));
        }
        Poll::Ready(Ok(()))
    }

    /// Ready when another message can be queued.
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.writer.waiting = false;
        let room = self.poll_for_all(cx, Self::poll_room);
        if room.is_pending() {
            _ = self.poll_stand_in(cx);
        }
        if self.conn.state() != State::Open || self.write_failed {
            return Poll::Ready(Err(self.closed_error()));
        }
        if room.is_pending() {
            self.writer.wait(cx);
        }
        room.map(Ok)
    }

    /// A writer that has to wait stands in for a reader that isn't there: deadlines hold, and the peer may
    /// be waiting for us to read. Ready when the connection is closed.
    fn poll_stand_in(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.reader.waiting && !self.is_kept() {
            self.poll_unread(cx);
        }
        if self.io.is_none() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Ready while there is room for another message.
    #[inline]
    pub(crate) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.draining && self.conn.output_len() <= HIGH_MARK {
            return Poll::Ready(());
        }
        self.draining = true;
        if self.poll_flush(cx).is_ready() || self.conn.output_len() <= LOW_MARK {
            self.draining = false;
            self.hand_over();
            return Poll::Ready(());
        }
        Poll::Pending
    }

    /// Begins the closing handshake if that can be done, then waits until the connection is closed.
    /// `close` is taken once it was begun.
    pub(crate) fn poll_close(
        &mut self,
        cx: &mut Context<'_>,
        close: &mut Option<Close>,
    ) -> Poll<Result<(), Error>> {
        self.writer.waiting = false;
        if let Some(close) = close.take()
            && self.conn.state() == State::Open
        {
            self.conn.send_close(close, self.origin.elapsed())?;
        }
        if self.poll_end(cx).is_pending() {
            self.writer.wait(cx);
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    /// The keeper's way to wait until the connection is closed.
    pub(crate) fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.keeper.waiting = false;
        let end = self.poll_end(cx);
        if end.is_pending() {
            self.keeper.wait(cx);
        }
        end
    }

    /// Ready when the connection is closed; what arrives meanwhile is kept for the reader.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_for_all(cx, |engine, cx| {
            loop {
                let stream = engine.conn.in_chunks();
                match ready!(engine.poll_next(cx, stream, None)) {
                    Some(event) => engine.keep(event),
                    None => return Poll::Ready(()),
                }
            }
        })
    }

    /// Keeps data for the reader, unless there is too much already: then all that follows is dropped,
    /// so that nothing is missing in the middle.
    fn keep(&mut self, event: Event) {
        self.deaf |= self.kept.bytes() >= KEPT;
        if !self.deaf {
            self.kept.push(event);
        }
        self.reader.wake();
    }

    /// What is to be done for this connection before its task yields: what a handler has sent and not
    /// flushed leaves now. If the handler doesn't wait for a message, pings are answered, pongs and
    /// the peer's close frame are seen all the same, as long as not too much waits for the handler.
    pub(crate) fn poll_keep(&mut self, cx: &mut Context<'_>) {
        let output = self.conn.output_len();
        self.keeper.wait(cx);
        self.keeper.waiting = false;
        if output > 0 || self.unflushed {
            let flushed = self.poll_for_all(cx, Self::poll_flush);
            self.keeper.waiting = flushed.is_pending();
            if self.conn.output_len() < output {
                self.writer.wake();
            }
        }
        if !self.reader.waiting {
            self.poll_unread(cx);
            self.release_input();
        }
    }

    /// Takes in what has arrived while nobody receives, unless too much waits already: then only
    /// deadlines are seen to.
    fn poll_unread(&mut self, cx: &mut Context<'_>) {
        _ = self.poll_for_all(cx, |engine, cx| {
            while engine.kept.bytes() < KEPT {
                let stream = engine.conn.in_chunks();
                match ready!(engine.poll_next(cx, stream, None)) {
                    Some(event) => engine.keep(event),
                    None => return Poll::Ready(()),
                }
            }
            while ready!(engine.poll_input(cx, false)) == Input::Progress {}
            Poll::Ready(())
        });
    }
}
