//! The driver of a connection: it moves bytes between the stream and the protocol.
//!
//! One [`Driver`] per connection, behind one mutex that is held for the time of a poll and never across an
//! await. [`poll_event`](Driver::poll_event) is its loop, composed of reading, [writing](super::write) and
//! the [timer](super::timer). A reader that waits for events turns it; else the
//! [background role](super::background), or a writer that has to wait.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Handle;
use tokio_util::io::poll_read_buf;
use ws_errors::{ConnectionClosed, WebSocketException};
use ws_proto::{Connection, Event, MAX_HEADER_LEN, Outgoing, Payload, Stats};
use ws_types::{Close, State};

use super::backlog::Backlog;
use super::pong::{PongWaiter, Pongs};
use super::state::{Driver, Leaving, Reader, Writing};
use super::timer::Timer;
use crate::error::{Closed, Error, is_end};
use crate::trace::{self, Trace};

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    /// Moves bytes until an event has arrived for the reader, or nothing moves any more. `None` when the
    /// connection is closed.
    pub(super) fn poll_event(&mut self, pieces: bool) -> Poll<Option<Event>> {
        loop {
            if let Some(event) = self.next_event(pieces) {
                return Poll::Ready(Some(event));
            }
            let written = self.poll_write();
            if self.conn.state() == State::Closed {
                self.finish();
                return Poll::Ready(None);
            }
            // A pong that has arrived counts, however late we look; but nothing stretches the closing.
            if self.conn.state() == State::Closing && self.poll_timer().is_ready() {
                continue;
            }
            // A peer that pings and doesn't read must not make us queue pongs without end. But messages of
            // our own stop no reading: two peers that send to each other would both wait without end.
            let may_read = written.is_ready() || self.unwritten_pongs <= self.settings.write_limit;
            if !may_read || self.poll_read().is_pending() {
                ready!(self.poll_timer());
            }
        }
    }

    /// The next event for the reader in what has arrived.
    pub(super) fn next_event(&mut self, pieces: bool) -> Option<Event> {
        loop {
            let event = if pieces { self.conn.poll_chunk() } else { self.conn.poll_event() }?;
            if trace::frames() {
                self.trace(|trace| trace.received(&event));
            }
            match &event {
                Event::Message(_) | Event::Chunk { .. } | Event::TooBig(_) => match self.reader {
                    Reader::Here => return Some(event),
                    Reader::Gone => continue,
                },
                Event::Ping(payload) => self.unwritten_pongs += MAX_HEADER_LEN + payload.len(),
                Event::Pong { acknowledges: Some(id), .. } => self.pongs.acknowledged(*id),
                _ => {}
            }
            if self.wants_control {
                return Some(event);
            }
        }
    }

    /// Reads once. Pending when nothing has arrived, unless nothing can be written either: then the
    /// connection ends.
    fn poll_read(&mut self) -> Poll<()> {
        let read = self.poll_arrived();
        if read.is_pending() && self.writing == Writing::Failed {
            self.abort();
            return Poll::Ready(());
        }
        read
    }

    /// Reads once. Pending when nothing has arrived.
    fn poll_arrived(&mut self) -> Poll<()> {
        if self.is_shut() && !self.lingers {
            self.conn.receive_eof();
            return Poll::Ready(());
        }
        let Some(stream) = &mut self.stream else {
            self.abort();
            return Poll::Ready(());
        };
        let cx = &mut Context::from_waker(&self.waker);
        let now = self.origin.elapsed();
        let read =
            self.conn.receive_with(now, |buffer| poll_read_buf(Pin::new(stream), cx, buffer));
        match read {
            Poll::Ready(Ok(0)) => self.conn.receive_eof(),
            Poll::Ready(Ok(_)) => {}
            Poll::Ready(Err(e)) if is_end(&e) => self.conn.receive_eof(),
            Poll::Ready(Err(e)) => {
                self.failed.get_or_insert_with(|| Arc::new(e));
                self.abort();
            }
            Poll::Pending => return Poll::Pending,
        }
        Poll::Ready(())
    }

    /// Does what is due; pending when nothing is.
    fn poll_timer(&mut self) -> Poll<()> {
        ready!(self.poll_deadline());
        let now = self.origin.elapsed();
        if self.writing.deadline().is_some_and(|deadline| deadline <= now) {
            self.failed.get_or_insert_with(|| Arc::new(io::ErrorKind::TimedOut.into()));
            self.abort();
        } else {
            let unwritten = !self.conn.output().is_empty();
            let pings = self.conn.stats().sent.pings;
            self.conn.handle_timeout(now);
            if self.conn.stats().sent.pings > pings {
                self.trace(|_| trace::trace!("> PING, to keep alive"));
                self.meter.publish(&self.conn);
            }
            if unwritten && self.conn.state() == State::Closed {
                self.writing = Writing::Failed;
            }
        }
        Poll::Ready(())
    }

    /// Ready when a deadline has come.
    pub(super) fn poll_deadline(&mut self) -> Poll<()> {
        // While nothing is read, the protocol wouldn't see the pongs.
        let is_paused = self.is_full() && !self.wakers.has_reader();
        let protocol = if is_paused { None } else { self.conn.poll_timeout() };
        let deadlines = [protocol, self.writing.deadline()];
        let Some(deadline) = deadlines.into_iter().flatten().min() else { return Poll::Pending };
        let cx = &mut Context::from_waker(&self.waker);
        self.timer.poll(cx, self.origin, deadline)
    }

    /// Does all that can be done while no reader waits; what arrives is kept for it. Ready when the
    /// connection is closed.
    pub(super) fn poll_unattended(&mut self) -> Poll<()> {
        if self.wakers.has_reader() {
            self.write_beside();
            return if self.stream.is_none() { Poll::Ready(()) } else { Poll::Pending };
        }
        while !self.is_full() {
            match ready!(self.poll_event(false)) {
                Some(event) => self.keep(event),
                None => return Poll::Ready(()),
            }
        }
        // Nothing is read until there is a reader: only what is queued leaves.
        loop {
            _ = self.poll_write();
            ready!(self.poll_timer());
            if self.conn.state() == State::Closed {
                self.finish();
                return Poll::Ready(());
            }
        }
    }

    /// Writes while a reader may wait, which doesn't know of the time that the stream has for it.
    pub(super) fn write_beside(&mut self) {
        // Outside of a runtime there is no timer: the background role may have one.
        if self.poll_write().is_pending()
            && (self.poll_deadline().is_ready() || Handle::try_current().is_err())
        {
            self.waker.wake_by_ref();
        }
    }

    /// Makes what is queued leave; gives what its sender has to wait for.
    pub(super) fn start_leaving(&mut self) -> Leaving {
        let end = self.queue_end();
        if self.reader == Reader::Gone {
            // Nobody else looks at what has arrived: a close frame, perhaps.
            _ = self.poll_unattended();
        } else if self.may_leave_later() {
            return Leaving::Done;
        }
        self.write_beside();
        let waits_here = self.is_hosted_here() && self.writing != Writing::Failed;
        if self.written() >= end || waits_here { Leaving::Done } else { Leaving::Until(end) }
    }

    /// Leaves it to the background role to write what is queued, if more messages wait, whose answers can
    /// leave together with it. Not while the stream takes nothing: then senders wait.
    fn may_leave_later(&mut self) -> bool {
        let more = self.conn.has_buffered_frame() || !self.backlog.is_empty();
        more && !matches!(self.writing, Writing::Blocked { .. }) && self.defer()
    }

    /// Queues frames.
    pub(super) fn queue<T>(
        &mut self,
        queue: impl FnOnce(&mut Connection) -> Result<T, WebSocketException>,
    ) -> Result<T, Error> {
        if self.stream.is_none() || self.writing == Writing::Failed {
            return Err(self.lost());
        }
        queue(&mut self.conn).map_err(|exception| match exception {
            // It was the peer or another task that closed, not a wrong use.
            WebSocketException::InvalidState(_) => self.lost(),
            exception => exception.into(),
        })
    }

    pub(super) fn queue_message(&mut self, message: Outgoing) -> Result<(), Error> {
        let traced = trace::frames().then(|| message.clone());
        self.queue(|conn| conn.send(message))?;
        self.sent(traced, true);
        Ok(())
    }

    pub(super) fn queue_piece(&mut self, piece: Outgoing, last: bool) -> Result<(), Error> {
        let traced = trace::frames().then(|| piece.clone());
        self.queue(|conn| conn.send_chunk(piece, last))?;
        self.sent(traced, last);
        Ok(())
    }

    pub(super) fn queue_ping(&mut self, payload: Option<Payload>) -> Result<PongWaiter, Error> {
        let now = self.origin.elapsed();
        let id = self.queue(|conn| conn.ping(payload, now))?;
        self.trace(|_| trace::trace!("> PING"));
        Ok(self.pongs.push(id))
    }

    pub(super) fn queue_pong(&mut self, payload: Payload) -> Result<(), Error> {
        self.queue(|conn| conn.pong(payload))?;
        self.trace(|_| trace::trace!("> PONG, unasked"));
        Ok(())
    }

    /// How the connection ended, for an operation that can't be done any more. If the stream takes nothing,
    /// that which has arrived is taken in first: there may be a close frame, which tells more.
    pub(super) fn lost(&mut self) -> Error {
        while self.writing == Writing::Failed && self.conn.state() == State::Open && !self.is_full()
        {
            match self.next_event(false) {
                Some(event) => {
                    self.keep(event);
                    self.wakers.wake_all();
                }
                None if self.conn.state() == State::Open && self.poll_arrived().is_ready() => {}
                None => break,
            }
        }
        self.closed_error()
    }

    /// Ready when there is [room](Self::has_room), or the connection is closed.
    pub(super) fn poll_room(&mut self) -> Poll<()> {
        if self.poll_write().is_ready() || self.has_room() {
            return Poll::Ready(());
        }
        // The peer may be waiting for us to read.
        self.poll_unattended()
    }
}

impl<S> Driver<S> {
    pub(super) fn stats(&self) -> Stats {
        let mut stats = self.conn.stats();
        stats.unread += self.backlog.bytes();
        stats
    }

    /// Runs code that makes events within the span of the connection.
    fn trace(&self, trace: impl FnOnce(&Trace)) {
        // The last handle is gone otherwise.
        if let Some(shared) = self.background.shared.upgrade() {
            shared.trace.within(|| trace(&shared.trace));
        }
    }

    /// Data was queued.
    fn sent(&self, traced: Option<Outgoing>, last: bool) {
        if let Some(message) = traced {
            let message = message.into_message();
            self.trace(|trace| trace.sent(&message, last));
        }
    }

    /// The bytes that the stream has taken.
    pub(super) fn written(&mut self) -> u64 {
        self.conn.output().written()
    }

    /// Whether another message can be queued.
    pub(super) fn has_room(&mut self) -> bool {
        self.conn.output().len() <= self.settings.write_limit
    }

    /// The end of what is queued, counted in bytes from the beginning.
    pub(super) fn queue_end(&mut self) -> u64 {
        self.written() + self.conn.output().len() as u64
    }

    /// Whether so much was kept for the reader that nothing more is read until it comes.
    fn is_full(&self) -> bool {
        self.reader == Reader::Here
            && self.backlog.bytes() >= self.settings.max_backlog
            && self.conn.state() == State::Open
    }

    /// Keeps data for the reader. While the connection closes, reading goes on: what is too much is
    /// dropped, and all that follows, so that nothing is missing in the middle.
    fn keep(&mut self, event: Event) {
        if self.backlog.bytes() >= self.settings.max_backlog {
            self.reader = Reader::Gone;
        }
        if self.reader == Reader::Here {
            self.backlog.push(event);
        }
    }

    /// The receiving half was dropped.
    pub(crate) fn drop_reader(&mut self) {
        self.reader = Reader::Gone;
        self.backlog = Backlog::default();
        self.wakers.wake_background();
    }

    /// Drops the rest of the message that is being received in pieces.
    pub(super) fn skip_message(&mut self) {
        if !self.backlog.skip_message() {
            self.conn.skip_message();
        }
    }

    /// Begins the closing handshake, unless that was done.
    pub(crate) fn start_close(&mut self, close: Close) -> Result<(), WebSocketException> {
        if self.conn.state() == State::Open {
            self.trace(|_| trace::debug!(%close, "closing"));
            self.conn.send_close(close, self.origin.elapsed())?;
            // There is a new deadline, and nothing can be sent any more.
            self.wakers.wake_all();
        }
        Ok(())
    }

    /// Fails the connection; the close frame leaves with whatever is done next.
    pub(super) fn fail(&mut self, close: Close) {
        self.conn.fail(close, self.origin.elapsed());
        self.wakers.wake_all();
    }

    /// Ends the connection; what was not written is lost, and its senders will know. Gives the bytes that
    /// were read and not parsed.
    fn abort(&mut self) -> Vec<u8> {
        if !self.conn.output().is_empty() || self.writing == Writing::Unflushed {
            self.writing = Writing::Failed;
        }
        self.conn.abort()
    }

    /// The connection is closed: drops the stream, and wakes everybody.
    pub(crate) fn finish(&mut self) {
        self.abort();
        self.end_stream();
    }

    /// Gives up the stream, and lets everybody know.
    fn end_stream(&mut self) -> Option<S> {
        let stream = self.stream.take()?;
        self.meter.close(&self.conn, self.taken);
        self.trace(|_| {
            let Stats { sent, received, .. } = self.conn.stats();
            trace::debug!(
                sent = sent.messages,
                sent_bytes = sent.wire_bytes,
                received = received.messages,
                received_bytes = received.wire_bytes,
                "closed: {}",
                self.closed_error(),
            );
            _ = (sent, received);
        });
        self.timer = Timer::default();
        self.pongs = Pongs::default();
        self.wakers.wake_all();
        // For those that wait behind a message that will not be finished.
        self.background.close_turn();
        Some(stream)
    }

    /// Takes the stream, and the bytes that were read and not parsed. The connection ends here.
    pub(super) fn take_stream(&mut self) -> Option<(S, Vec<u8>)> {
        let unread = self.abort();
        self.taken |= self.stream.is_some();
        let stream = self.end_stream()?;
        Some((stream, unread))
    }

    /// How the connection ended, for an operation that needed it open.
    pub(crate) fn closed_error(&self) -> Error {
        Error::Closed(Closed::new(self.conn.closed(), self.failed.clone()))
    }

    /// How closing ended: an error if this side has failed the connection, or it was lost before it was to
    /// be closed.
    pub(super) fn close_result(&self) -> Result<(), Error> {
        let closed = self.conn.closed();
        let lost = closed.rcvd().is_none() && closed.sent().is_none();
        if self.conn.has_failed() || lost { Err(self.closed_error()) } else { Ok(()) }
    }

    /// How the connection ended, if it did, and no frame can change that any more.
    pub(super) fn ended(&self) -> Option<ConnectionClosed> {
        let is_over = self.is_shut() || self.conn.state() == State::Closed;
        is_over.then(|| self.conn.closed())
    }

    /// Nothing will be received or sent any more; the peer may still have to end the stream.
    pub(super) fn is_shut(&self) -> bool {
        self.writing == Writing::Shut
    }

    /// How the connection ended, for a reader: a proper end is none of its errors.
    pub(super) fn end(&self) -> Result<(), Error> {
        let closed = Closed::new(self.conn.closed(), self.failed.clone());
        if closed.is_ok() { Ok(()) } else { Err(Error::Closed(closed)) }
    }
}
