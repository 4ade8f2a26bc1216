//! `Stream` and `Sink`, for use with combinators.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite};
use ws_errors::{ConcurrencyError, ConcurrencyErrorKind};
use ws_proto::{Event, Message};
use ws_types::{Close, CloseCode};

use super::handles::{Receiver, Sender, WebSocket};
use super::state::Shared;
use crate::Transport;
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

impl<S> WebSocket<S> {
    /// Makes it a `Stream` and a `Sink` of [events](Event), control frames among them: the shape that connections of
    /// other libraries have.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), ws_tokio::Error> {
    /// use futures_util::{SinkExt, StreamExt};
    /// use ws_tokio::{Close, Event, Message, accept, client};
    ///
    /// let (near, far) = tokio::io::duplex(4096);
    /// let (ws, peer) = tokio::try_join!(client(near, "ws://localhost/"), accept(far))?;
    /// let (mut sink, mut stream) = ws.into_events().split();
    /// let receiving = tokio::spawn(async move { peer.into_events().collect::<Vec<_>>().await });
    ///
    /// sink.send(Event::Message("hello".into())).await?;
    /// sink.send(Event::Ping("?".into())).await?;
    /// assert!(matches!(stream.next().await, Some(Ok(Event::Pong { .. }))));
    /// sink.send(Event::Close(Close::new(1000, ""))).await?;
    /// assert_eq!(stream.next().await.transpose()?, Some(Event::Close(Close::new(1000, ""))));
    ///
    /// let [Ok(Event::Message(Message::Text(text))), Ok(Event::Ping(_)), Ok(Event::Close(_))] =
    ///     &receiving.await.unwrap()[..]
    /// else {
    ///     panic!("these have been sent")
    /// };
    /// assert_eq!(text, "hello");
    /// # Ok(()) }
    /// ```
    pub fn into_events(self) -> EventStream<S> {
        EventStream { ws: self }
    }
}

/// A connection as a `Stream` and a `Sink` of events: see [`WebSocket::into_events`].
///
/// The stream has what [`recv_event`](WebSocket::recv_event) gives, and ends after a proper close; after any other end,
/// it gives the error once. Pings have been answered when they come.
///
/// The sink takes messages, pings, pongs and a close frame, after which it takes nothing more. Pings and pongs wait
/// with the messages before them, until the sink is flushed. A ping with the data of one that is unanswered isn't sent
/// again: the peer owes that pong already. Closing the sink closes the connection with 1000, unless a close frame was
/// sent. Both can be split by `StreamExt::split`; [`WebSocket::split`] costs less.
#[must_use = "a stream does nothing unless it is polled"]
pub struct EventStream<S = Transport> {
    ws: WebSocket<S>,
}

impl<S> EventStream<S> {
    /// The connection, for all else that it can do.
    pub fn get_ref(&self) -> &WebSocket<S> {
        &self.ws
    }

    /// The connection as it was.
    pub fn into_inner(self) -> WebSocket<S> {
        self.ws
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for EventStream<S> {
    type Item = Result<Event, Error>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Event, Error>>> {
        Pin::new(&mut self.ws.events()).poll_next(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> FusedStream for EventStream<S> {
    fn is_terminated(&self) -> bool {
        self.ws.is_terminated()
    }
}

/// `start_send` fails with [`Error::Other`] for the events that only arrive, pieces of messages and
/// [`TooBig`](Event::TooBig); otherwise it is that of [`WebSocket`].
impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Event> for EventStream<S> {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.ws).poll_ready(cx)
    }

    fn start_send(self: Pin<&mut Self>, event: Event) -> Result<(), Error> {
        let mut driver = self.ws.shared.lock();
        match event {
            Event::Message(message) => driver.queue_message(message.into()),
            Event::Ping(payload) => match driver.queue_ping(Some(payload)) {
                Err(e) if is_same_ping(&e) => Ok(()),
                queued => queued.map(drop),
            },
            Event::Pong { payload, .. } => driver.queue_pong(payload),
            Event::Close(close) => Ok(driver.start_close(close)?),
            _ => Err(Error::Other("only messages and control frames can be sent".into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.ws).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.ws).poll_close(cx)
    }
}

fn is_same_ping(error: &Error) -> bool {
    let kind = error.get::<ConcurrencyError>().map(|error| error.kind);
    kind == Some(ConcurrencyErrorKind::SamePing)
}

impl<S> fmt::Debug for EventStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream").field("ws", &self.ws).finish()
    }
}

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
