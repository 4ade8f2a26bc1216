//! The operations of a connection as futures, for all its handles.

use std::future::poll_fn;
use std::ops::Deref;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use ws_errors::{ConnectionClosed, WebSocketException};
use ws_proto::{Connection, Event, Message, MessageKind, Payload};
use ws_types::{Close, State};

use super::PongWaiter;
use super::engine::{Role, Shared};
use crate::error::Error;

/// Tells the other waiters when a future is dropped that was waiting: they may have to take its place
/// at the stream, which wakes only one.
struct Waiting<'a, S> {
    shared: &'a Shared<S>,
    role: Role,
    waiting: bool,
}

impl<S> Waiting<'_, S> {
    fn note<T>(&mut self, poll: Poll<T>) -> Poll<T> {
        self.waiting = poll.is_pending();
        poll
    }
}

impl<S> Drop for Waiting<'_, S> {
    fn drop(&mut self) {
        if self.waiting {
            self.shared.give_up(self.role);
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Shared<S> {
    /// Polls until ready; `poll` is called with the connection locked.
    #[inline]
    async fn wait<T>(
        &self,
        role: Role,
        mut poll: impl FnMut(&mut super::engine::Engine<S>, &mut Context<'_>) -> Poll<T>,
    ) -> T {
        let mut waiting = Waiting { shared: self, role, waiting: false };
        poll_fn(|cx| {
            let result = poll(&mut self.lock(), cx);
            waiting.note(result)
        })
        .await
    }

    pub(super) async fn recv(&self) -> Result<Option<Message>, Error> {
        self.wait(Role::Reader, |engine, cx| engine.poll_recv(cx)).await
    }

    pub(super) async fn event(&self, stream: bool) -> Result<Option<Event>, Error> {
        self.wait(Role::Reader, |engine, cx| match ready!(engine.poll_event(cx, stream)) {
            Some(event) => Poll::Ready(Ok(Some(event))),
            None => Poll::Ready(engine.end().map(|()| None)),
        })
        .await
    }

    pub(super) async fn send(&self, message: Message) -> Result<(), Error> {
        let mut message = Some(message);
        self.wait(Role::Writer, |engine, cx| engine.poll_send(cx, &mut message, true)).await
    }

    pub(super) async fn feed(&self, message: Message) -> Result<(), Error> {
        let mut message = Some(message);
        self.wait(Role::Writer, |engine, cx| engine.poll_send(cx, &mut message, false)).await
    }

    pub(super) async fn flush(&self) -> Result<(), Error> {
        self.wait(Role::Writer, |engine, cx| engine.poll_leave(cx, false)).await
    }

    /// Queues a frame when there is room, and lets it leave.
    pub(super) async fn queue<T>(
        &self,
        queue: impl FnOnce(&mut Connection, Duration) -> Result<T, WebSocketException>,
    ) -> Result<T, Error> {
        let mut queue = Some(queue);
        let mut queued = None;
        self.wait(Role::Writer, |engine, cx| {
            if let Some(queue) = queue.take() {
                // Control frames are small: they don't wait for room, only for their leaving.
                queued = Some(engine.queue(queue)?);
            }
            engine.poll_leave(cx, true)
        })
        .await?;
        queued.ok_or_else(|| self.lock().closed_error())
    }

    pub(super) async fn ping(&self, payload: Option<Payload>) -> Result<PongWaiter, Error> {
        let (done, pong) = oneshot::channel();
        let mut ping = Some((payload, done));
        self.wait(Role::Writer, |engine, cx| {
            if let Some((payload, done)) = ping.take() {
                engine.ping(payload, done)?;
            }
            engine.poll_leave(cx, true)
        })
        .await?;
        Ok(PongWaiter::new(pong))
    }

    pub(super) async fn send_piece(
        &self,
        piece: Message,
        kind: &mut Option<MessageKind>,
    ) -> Result<(), Error> {
        let mut piece = Some(piece);
        self.wait(Role::Writer, |engine, cx| engine.poll_send_piece(cx, &mut piece, kind)).await
    }

    pub(super) async fn pong(&self, payload: Payload) -> Result<(), Error> {
        self.queue(|conn, _| conn.pong(payload)).await
    }

    pub(super) async fn close(&self, close: Close) -> Result<(), Error> {
        let mut close = Some(close);
        self.wait(Role::Writer, |engine, cx| engine.poll_close(cx, &mut close)).await
    }

    pub(super) fn closed(&self) -> Option<ConnectionClosed> {
        let engine = self.lock();
        let engine = engine.deref();
        (engine.conn.state() == State::Closed).then(|| engine.conn.closed())
    }
}
