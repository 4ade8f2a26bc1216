//! Moving bytes between a stream and the protocol: the half of the [`Engine`] that touches the stream
//! and the timer. Who waits for what is in `engine`.

use std::future::Future;
use std::io::{self, IoSlice};
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;
use tokio_util::io::poll_read_buf;
use ws_proto::{Event, MAX_HEADER_LEN, Message, PingId, ReadSpace};
use ws_types::State;

use super::buffers;
use super::engine::{Engine, HIGH_MARK};

impl<S: AsyncRead + AsyncWrite + Unpin> Engine<S> {
    /// The next event of interest to an application: a message, or a piece of one; `None` at the end. With a
    /// `place`, which has to be empty, a message may be put there instead, and the event is `None`: that saves
    /// moves. Not for pieces, nor while what arrives is dropped.
    #[inline]
    pub(super) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        stream: bool,
        mut place: Option<&mut Option<Message>>,
    ) -> Poll<Option<Event>> {
        loop {
            if let Some(place) = &mut place
                && self.conn.poll_message(place)
            {
                return Poll::Ready(None);
            }
            let origin = self.origin;
            let now = || origin.elapsed();
            let event = if stream { self.conn.poll_chunk(now) } else { self.conn.poll_event(now) };
            match event {
                Some(event @ (Event::Message(_) | Event::Chunk { .. })) => {
                    return Poll::Ready(Some(event));
                }
                Some(Event::Pong { acknowledges: Some(id), .. }) => self.answer_pongs(id),
                Some(Event::Ping(payload)) => self.answers += MAX_HEADER_LEN + payload.len(),
                Some(_) => {}
                None => {
                    if ready!(self.poll_input(cx, true)) == Input::Ended {
                        return Poll::Ready(None);
                    }
                }
            }
        }
    }

    /// Everything that arrived was parsed: lets everything leave that is queued, then waits for more, if
    /// `reading`, or for a deadline.
    pub(super) fn poll_input(&mut self, cx: &mut Context<'_>, reading: bool) -> Poll<Input> {
        let flushed = self.poll_flush(cx);
        let open = match self.conn.state() {
            State::Closed => {
                self.finish();
                return Poll::Ready(Input::Ended);
            }
            state => state == State::Open,
        };
        // A peer that pings and doesn't read must not make us queue answers without end. But messages of
        // our own stop no reading: two peers that send to each other would both wait without end.
        let reading = reading && (flushed.is_ready() || self.answers <= HIGH_MARK);
        // A pong that has arrived counts, however late we look; but nothing stretches the closing.
        let over = !open && self.poll_timer(cx).is_ready();
        if reading && !over {
            match self.poll_read(cx) {
                Poll::Ready(Ok(0)) => self.conn.receive_eof(),
                Poll::Ready(Ok(n)) => self.conn.received(n),
                Poll::Ready(Err(e)) => self.fail(e),
                // What could be read was read, and nothing can be written any more.
                Poll::Pending if self.write_failed => self.conn.abort(),
                Poll::Pending if self.poll_timer(cx).is_ready() => self.handle_timeout(),
                Poll::Pending => {
                    self.release_input();
                    return Poll::Pending;
                }
            }
            return Poll::Ready(Input::Progress);
        }
        if !over && self.poll_timer(cx).is_pending() {
            self.release_input();
            return Poll::Pending;
        }
        // We don't look for a pong: only a peer that takes nothing either is gone.
        if flushed.is_ready() || mem::take(&mut self.written) {
            self.conn.extend_ping_timeout(self.origin.elapsed());
        }
        self.handle_timeout();
        Poll::Ready(Input::Progress)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(io) = &mut self.io else { return Poll::Ready(Ok(0)) };
        let io = Pin::new(io);
        match self.conn.read_space(buffers::take_input) {
            ReadSpace::Input(space) => {
                let mut buf = ReadBuf::new(space);
                ready!(io.poll_read(cx, &mut buf))?;
                Poll::Ready(Ok(buf.filled().len()))
            }
            ReadSpace::Payload(mut space) => poll_read_buf(io, cx, &mut space),
            _ => Poll::Ready(Err(io::ErrorKind::Unsupported.into())),
        }
    }

    /// Writes what is queued, then closes the writing side if it is time; ready when all is done, or
    /// nothing can be written any more.
    #[inline]
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.conn.holds_output() && !(self.unflushed | self.blocked | self.wants_shutdown()) {
            return Poll::Ready(());
        }
        self.poll_write(cx)
    }

    #[inline(never)]
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(io) = &mut self.io else { return Poll::Ready(()) };
        self.blocked = true; // until proven otherwise
        let mut result = Ok(());
        while self.conn.output_len() > 0 && !self.write_failed && result.is_ok() {
            match ready!(write_front(io, cx, self.conn.output())) {
                Ok(0) => result = Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    self.conn.output().advance(n);
                    self.unflushed = true;
                    self.written = true;
                }
                Err(e) => result = Err(e),
            }
        }
        if self.unflushed && result.is_ok() {
            result = ready!(Pin::new(&mut *io).poll_flush(cx));
            self.unflushed = false;
        }
        if result.is_ok()
            && self.wants_shutdown()
            && let Some(io) = &mut self.io
        {
            result = ready!(Pin::new(io).poll_shutdown(cx));
            self.shutdown = true;
        }
        self.blocked = false;
        if let Err(e) = result {
            // Nothing can be written any more; what has arrived can still be read.
            self.failed.get_or_insert_with(|| Arc::new(e));
            self.write_failed = true;
            self.reader.wake();
        }
        if self.write_failed {
            let lost = self.conn.output_len();
            self.conn.output().advance(lost);
        }
        if let Some(memory) = self.conn.reclaim_output() {
            buffers::give_output(memory);
        }
        // A writer that waits may have lost its place at the stream to the reader.
        self.draining = false;
        self.answers = 0;
        self.writer.wake();
        self.keeper.wake();
        Poll::Ready(())
    }

    /// Ready when a deadline has come.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.conn.poll_timeout() else { return Poll::Pending };
        let Some(deadline) = self.origin.checked_add(deadline) else { return Poll::Pending };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        // The timer is set anew only when it would fire too late, or has fired; it is looked at only then,
        // or when another task is to be woken.
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        } else if self.timer_waker.as_ref().is_some_and(|it| it.will_wake(cx.waker()))
            && !sleep.is_elapsed()
        {
            return Poll::Pending;
        }
        match &mut self.timer_waker {
            Some(waker) => waker.clone_from(cx.waker()),
            waker => *waker = Some(cx.waker().clone()),
        }
        while sleep.as_mut().poll(cx).is_ready() {
            let now = self.origin.elapsed();
            if self.conn.poll_timeout().is_some_and(|deadline| deadline <= now) {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
        Poll::Pending
    }

    /// Does what is due.
    fn handle_timeout(&mut self) {
        let queued = self.conn.output_len();
        self.conn.handle_timeout(self.origin.elapsed());
        self.write_failed |= queued > 0 && self.conn.state() == State::Closed;
        self.sleep = None;
        self.timer_waker = None;
    }

    /// The stream failed.
    fn fail(&mut self, error: io::Error) {
        self.failed.get_or_insert_with(|| Arc::new(error));
        self.abort();
    }
}

impl<S> Engine<S> {
    /// Whether the writing side is to be closed, other than by dropping the stream. When the peer has ended
    /// the stream without a closing handshake, it is dropped at once: that tells as much, for less.
    #[inline]
    fn wants_shutdown(&self) -> bool {
        let cut_off = self.conn.state() == State::Closed && self.conn.close_sent().is_none();
        self.conn.wants_shutdown() && !(self.shutdown | self.write_failed | cut_off)
    }

    /// Gives the memory for reading back to the thread, if what is unread is small beside it.
    pub(super) fn release_input(&mut self) {
        if self.conn.holds_input() {
            buffers::give_input(self.conn.reclaim_input());
        }
    }

    /// Ends the connection; what was not written is lost, and its senders will know.
    fn abort(&mut self) {
        self.write_failed |= self.conn.output_len() > 0;
        self.conn.abort();
    }

    /// Ends the connection and drops the stream, whoever still holds a handle.
    pub(crate) fn drop_stream(&mut self) {
        self.finish();
    }

    /// The connection is closed: wakes everybody who waits for anything.
    fn finish(&mut self) {
        // The peer ended the stream with something still to be written.
        self.abort();
        self.release_input();
        self.io = None;
        self.sleep = None;
        self.timer_waker = None;
        self.pongs = Vec::new();
        self.companion.end();
        self.wake_all();
    }

    fn answer_pongs(&mut self, id: PingId) {
        let now = Instant::now();
        for waiter in self.pongs.extract_if(.., |waiter| waiter.id <= id) {
            // Whoever asked may have stopped waiting.
            _ = waiter.done.send(now - waiter.sent_at);
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Input {
    /// Something happened: look for events again.
    Progress,
    /// The connection is closed.
    Ended,
}

/// Writes from the front of the queue, with one call.
fn write_front(
    io: &mut (impl AsyncWrite + Unpin),
    cx: &mut Context<'_>,
    output: &impl Buf,
) -> Poll<io::Result<usize>> {
    let first = output.chunk();
    if first.len() == output.remaining() || !io.is_write_vectored() {
        return Pin::new(io).poll_write(cx, first);
    }
    let mut slices = [IoSlice::new(&[]); 16];
    let n = output.chunks_vectored(&mut slices);
    Pin::new(io).poll_write_vectored(cx, slices.get(..n).unwrap_or_default())
}
