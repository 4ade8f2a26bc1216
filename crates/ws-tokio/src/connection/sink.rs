//! `Stream` and `Sink`, for use with combinators.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite};
use ws_proto::{Event, Message};
use ws_types::{Close, CloseCode};

use super::handles::{Receiver, Sender, WebSocket};
use super::state::Shared;
use crate::error::Error;

macro_rules! stream {
    ($($handle:ident)*) => {$(
        /// Ends after a proper close; after any other end, gives the error once. An
        /// [`Error::WebSocket`] stands for a message that was [skipped](crate::Oversize::Skip), and doesn't
        /// end it.
        impl<S: AsyncRead + AsyncWrite + Unpin> Stream for $handle<S> {
            type Item = Result<Message, Error>;

            fn poll_next(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<Option<Result<Message, Error>>> {
                let mut driver = self.shared.lock();
                if driver.stream_ended {
                    return Poll::Ready(None);
                }
                let item = ready!(driver.poll_recv(cx)).transpose();
                driver.stream_ended = matches!(item, None | Some(Err(Error::Closed(_))));
                Poll::Ready(item)
            }
        }

        impl<S: AsyncRead + AsyncWrite + Unpin> FusedStream for $handle<S> {
            fn is_terminated(&self) -> bool {
                self.shared.lock().stream_ended
            }
        }
    )*};
}

macro_rules! sink {
    ($($handle:ident)*) => {$(
        /// `poll_ready` waits while too much is queued, `start_send` queues, `poll_flush` makes it
        /// leave, `poll_close` closes the connection with 1000.
        ///
        /// A `Sink` can't keep its place in a queue between two calls: in between, other clones may
        /// queue messages, and `start_send` within a message that is being sent in pieces fails. For the
        /// same reason `poll_flush` waits for what others queue meanwhile, too.
        impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Message> for $handle<S> {
            type Error = Error;

            fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
                self.shared.lock().poll_ready(cx)
            }

            fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
                self.shared.lock().queue_message(message.into())
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
                self.shared.lock().poll_flush(cx, u64::MAX)
            }

            fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
                let mut driver = self.shared.lock();
                driver.start_close(Close::new(CloseCode::NORMAL_CLOSURE, ""))?;
                ready!(driver.poll_closed(cx));
                Poll::Ready(driver.close_result())
            }
        }
    )*};
}

stream!(WebSocket Receiver);
sink!(WebSocket Sender);

macro_rules! events {
    ($($handle:ident)*) => {$(
        impl<S> $handle<S> {
            /// The events of the connection as a `Stream`: see [`recv_event`](Self::recv_event).
            pub fn events(&mut self) -> Events<'_, S> {
                Events { shared: &self.shared }
            }
        }
    )*};
}

events!(WebSocket Receiver);

/// The events of a connection as a `Stream`: see [`WebSocket::events`].
#[must_use = "a stream does nothing unless it is polled"]
pub struct Events<'a, S> {
    shared: &'a Shared<S>,
}

impl<S> fmt::Debug for Events<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> FusedStream for Events<'_, S> {
    fn is_terminated(&self) -> bool {
        self.shared.lock().stream_ended
    }
}

/// Ends after a proper close; after any other end, gives the error once.
impl<S: AsyncRead + AsyncWrite + Unpin> Stream for Events<'_, S> {
    type Item = Result<Event, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Event, Error>>> {
        let mut driver = self.shared.lock();
        if driver.stream_ended {
            return Poll::Ready(None);
        }
        driver.wants_control = true;
        let item = ready!(driver.poll_receive(cx, false)).transpose();
        driver.stream_ended = !matches!(item, Some(Ok(_)));
        Poll::Ready(item)
    }
}
