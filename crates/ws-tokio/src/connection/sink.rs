//! `Stream` and `Sink`, for use with combinators.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite};
use ws_proto::Message;
use ws_types::{Close, CloseCode, State};

use super::{Receiver, Sender, WebSocket};
use crate::error::Error;

macro_rules! stream {
    ($($handle:ident)*) => {$(
        /// Ends after a proper close; after any other end, gives the error once.
        impl<S: AsyncRead + AsyncWrite + Unpin> Stream for $handle<S> {
            type Item = Result<Message, Error>;

            fn poll_next(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<Option<Result<Message, Error>>> {
                if let Some(message) = self.next.take() {
                    return Poll::Ready(Some(Ok(message)));
                }
                let mut engine = self.shared.lock();
                if engine.stream_ended {
                    return Poll::Ready(None);
                }
                let item = ready!(engine.poll_recv(cx)).transpose();
                engine.stream_ended = !matches!(item, Some(Ok(_)));
                Poll::Ready(item)
            }
        }

        impl<S: AsyncRead + AsyncWrite + Unpin> FusedStream for $handle<S> {
            fn is_terminated(&self) -> bool {
                !self.next.is_some() && self.shared.lock().stream_ended
            }
        }
    )*};
}

macro_rules! sink {
    ($($handle:ident)*) => {$(
        /// `poll_ready` waits while too much is queued, `start_send` queues, `poll_flush` makes it
        /// leave, `poll_close` closes the connection with 1000.
        impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Message> for $handle<S> {
            type Error = Error;

            fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
                self.shared.lock().poll_ready(cx)
            }

            fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
                self.shared.lock().queue(|conn| conn.send(message))
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
                self.shared.lock().poll_leave(cx, false)
            }

            fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
                let mut engine = self.shared.lock();
                let mut close = (engine.conn.state() == State::Open)
                    .then(|| Close::new(CloseCode::NORMAL_CLOSURE, ""));
                engine.poll_close(cx, &mut close)
            }
        }
    )*};
}

stream!(WebSocket Receiver);
sink!(WebSocket Sender);
