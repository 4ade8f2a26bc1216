//! The operations of a connection as futures, for all its handles.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use ws_errors::{ConnectionClosed, WebSocketException};
use ws_proto::{Connection, Event, Message, MessageKind, Outgoing, Payload};
use ws_types::{Close, State};

use super::PongWaiter;
use super::ahead::Ahead;
use super::engine::{Engine, Role, Shared};
use crate::error::Error;

/// An operation in progress: polls with the connection locked, until ready.
///
/// When it is dropped while it waits, the other waiters are told: they may have to take its place at
/// the stream, which wakes only one.
#[must_use = "nothing happens unless it is awaited"]
pub(super) struct Op<'a, S, F> {
    shared: &'a Shared<S>,
    role: Role,
    waiting: bool,
    poll: F,
}

impl<S, T, F> Future for Op<'_, S, F>
where
    F: FnMut(&mut Engine<S>, &mut Context<'_>) -> Poll<T> + Unpin,
{
    type Output = T;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let op = self.get_mut();
        let result = (op.poll)(&mut op.shared.lock(), cx);
        op.waiting = result.is_pending();
        result
    }
}

impl<S, F> Drop for Op<'_, S, F> {
    #[inline]
    fn drop(&mut self) {
        if self.waiting {
            self.shared.give_up(self.role);
        }
    }
}

/// [`Op`], unless there is a message already.
#[must_use = "nothing happens unless it is awaited"]
struct Recv<'a, F> {
    next: &'a mut Ahead,
    op: F,
}

impl<F> Future for Recv<'_, F>
where
    F: Future<Output = Result<Option<Message>, Error>> + Unpin,
{
    type Output = F::Output;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        match self.next.take() {
            Some(message) => Poll::Ready(Ok(Some(message))),
            None => Pin::new(&mut self.op).poll(cx),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Shared<S> {
    fn op<T, F>(&self, role: Role, poll: F) -> Op<'_, S, F>
    where
        F: FnMut(&mut Engine<S>, &mut Context<'_>) -> Poll<T>,
    {
        Op { shared: self, role, waiting: false, poll }
    }

    /// `next`: a message that was found before.
    pub(super) fn recv(
        &self,
        next: &mut Ahead,
    ) -> impl Future<Output = Result<Option<Message>, Error>> {
        Recv { next, op: self.op(Role::Reader, |engine, cx| engine.poll_recv(cx)) }
    }

    pub(super) fn event(&self, stream: bool) -> impl Future<Output = Result<Option<Event>, Error>> {
        self.op(Role::Reader, move |engine, cx| match ready!(engine.poll_event(cx, stream)) {
            Some(event) => Poll::Ready(Ok(Some(event))),
            None => Poll::Ready(engine.end().map(|()| None)),
        })
    }

    /// `next`: where to put the next message, if there is one: see [`Engine::poll_send`].
    pub(super) fn send(
        &self,
        message: Outgoing,
        mut next: Option<&mut Ahead>,
    ) -> impl Future<Output = Result<(), Error>> {
        let mut message = Some(message);
        self.op(Role::Writer, move |engine, cx| {
            engine.poll_send(cx, &mut message, next.as_deref_mut())
        })
    }

    pub(super) fn feed(&self, message: Outgoing) -> impl Future<Output = Result<(), Error>> {
        let mut message = Some(message);
        self.op(Role::Writer, move |engine, cx| engine.poll_feed(cx, &mut message))
    }

    pub(super) fn flush(&self) -> impl Future<Output = Result<(), Error>> {
        self.op(Role::Writer, |engine, cx| engine.poll_leave(cx, false))
    }

    /// Queues a frame, and lets it leave. Control frames and ends of messages are small: they don't
    /// wait for room, only for their leaving.
    pub(super) fn queue(
        &self,
        queue: impl FnOnce(&mut Connection) -> Result<(), WebSocketException> + Unpin,
    ) -> impl Future<Output = Result<(), Error>> {
        let mut queue = Some(queue);
        self.op(Role::Writer, move |engine, cx| {
            if let Some(queue) = queue.take() {
                engine.queue(queue)?;
            }
            engine.poll_leave(cx, true)
        })
    }

    pub(super) async fn ping(&self, payload: Option<Payload>) -> Result<PongWaiter, Error> {
        let (done, pong) = oneshot::channel();
        let mut ping = Some((payload, done));
        self.op(Role::Writer, move |engine, cx| {
            if let Some((payload, done)) = ping.take() {
                engine.ping(payload, done)?;
            }
            engine.poll_leave(cx, true)
        })
        .await?;
        Ok(PongWaiter::new(pong))
    }

    pub(super) fn send_piece(
        &self,
        piece: Outgoing,
        kind: &mut Option<MessageKind>,
    ) -> impl Future<Output = Result<(), Error>> {
        let mut piece = Some(piece);
        self.op(Role::Writer, move |engine, cx| engine.poll_send_piece(cx, &mut piece, kind))
    }

    pub(super) fn pong(&self, payload: Payload) -> impl Future<Output = Result<(), Error>> {
        self.queue(|conn| conn.pong(payload))
    }

    pub(super) fn close(&self, close: Close) -> impl Future<Output = Result<(), Error>> {
        let mut close = Some(close);
        self.op(Role::Writer, move |engine, cx| engine.poll_close(cx, &mut close))
    }

    pub(super) fn closed(&self) -> Option<ConnectionClosed> {
        let engine = self.lock();
        (engine.conn.state() == State::Closed).then(|| engine.conn.closed())
    }
}
