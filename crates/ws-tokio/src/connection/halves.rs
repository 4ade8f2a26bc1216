//! The two halves of a connection, for use in different tasks.

use std::future::Future;
use std::sync::Arc;
use std::{fmt, time::Duration};

use tokio::io::{AsyncRead, AsyncWrite};
use ws_proto::{Message, Outgoing, Payload};
use ws_types::{Close, CloseCode, State};

use super::ahead::Ahead;
use super::engine::Shared;
use super::{MessageReader, MessageWriter, PongWaiter};
use crate::Transport;
use crate::error::Error;

/// The sending half of a connection: see [`WebSocket::split`](crate::WebSocket::split).
///
/// The connection ends when both halves are dropped; close it before that.
pub struct Sender<S = Transport> {
    pub(super) shared: Arc<Shared<S>>,
}

/// The receiving half of a connection: see [`WebSocket::split`](crate::WebSocket::split).
///
/// While [`recv`](Self::recv) waits, pings are answered and the closing handshake is completed. After
/// this half is dropped, messages that arrive are dropped too.
pub struct Receiver<S = Transport> {
    pub(super) shared: Arc<Shared<S>>,
    /// What the connection had found before it was split.
    pub(super) next: Ahead,
}

impl<S> Sender<S> {
    pub(super) fn new(shared: Arc<Shared<S>>) -> Self {
        Self { shared }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sender<S> {
    /// Sends a message: see [`WebSocket::send`](crate::WebSocket::send), also for cancel safety.
    ///
    /// # Errors
    /// [`Error::Closed`] when the connection is closed or closing; the message was not sent.
    pub fn send(
        &mut self,
        message: impl Into<Outgoing>,
    ) -> impl Future<Output = Result<(), Error>> {
        self.shared.send(message.into(), None)
    }

    /// Queues a message without making it leave: see [`WebSocket::feed`](crate::WebSocket::feed).
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn feed(
        &mut self,
        message: impl Into<Outgoing>,
    ) -> impl Future<Output = Result<(), Error>> {
        self.shared.feed(message.into())
    }

    /// Makes everything leave that is queued: see [`WebSocket::flush`](crate::WebSocket::flush).
    ///
    /// # Errors
    /// [`Error::Closed`] when the stream failed.
    pub fn flush(&mut self) -> impl Future<Output = Result<(), Error>> {
        self.shared.flush()
    }

    /// Begins to send a message piece by piece: see
    /// [`WebSocket::send_streaming`](crate::WebSocket::send_streaming).
    pub fn send_streaming(&mut self) -> MessageWriter<'_, S> {
        MessageWriter::new(&self.shared)
    }

    /// Sends a ping: see [`WebSocket::ping`](crate::WebSocket::ping).
    ///
    /// # Errors
    /// [`Error::Closed`] when the connection is closed; [`Error::WebSocket`] for more than 125 bytes
    /// or a payload that an unanswered ping has.
    pub async fn ping(&mut self, payload: Option<Payload>) -> Result<PongWaiter, Error> {
        self.shared.ping(payload).await
    }

    /// Sends a pong that nobody asked for: see [`WebSocket::pong`](crate::WebSocket::pong).
    ///
    /// # Errors
    /// [`Error::Closed`] when the connection is closed; [`Error::WebSocket`] for more than 125 bytes.
    pub fn pong(&mut self, payload: impl Into<Payload>) -> impl Future<Output = Result<(), Error>> {
        self.shared.pong(payload.into())
    }

    /// Closes the connection: see [`WebSocket::close`](crate::WebSocket::close). The receiver, if it
    /// waits meanwhile, receives what arrives until the peer's close frame.
    ///
    /// # Errors
    /// [`Error::WebSocket`] for a code that can't be sent or a reason that is too long.
    pub fn close(
        &mut self,
        code: impl Into<CloseCode>,
        reason: impl Into<Box<str>>,
    ) -> impl Future<Output = Result<(), Error>> {
        self.shared.close(Close::new(code, reason))
    }
}

impl<S> Receiver<S> {
    pub(super) fn new(shared: Arc<Shared<S>>, next: Ahead) -> Self {
        Self { shared, next }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Receiver<S> {
    /// Receives the next message: see [`WebSocket::recv`](crate::WebSocket::recv). Cancel safe.
    ///
    /// # Errors
    /// [`Error::Closed`] unless the connection was closed properly.
    pub fn recv(&mut self) -> impl Future<Output = Result<Option<Message>, Error>> {
        self.shared.recv(&mut self.next)
    }

    /// Receives the next message piece by piece: see
    /// [`WebSocket::recv_streaming`](crate::WebSocket::recv_streaming).
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub async fn recv_streaming(&mut self) -> Result<Option<MessageReader<'_, S>>, Error> {
        MessageReader::open(&self.shared, &mut self.next).await
    }
}

impl<S> Drop for Receiver<S> {
    fn drop(&mut self) {
        self.shared.lock().reader_gone();
    }
}

macro_rules! half {
    ($($half:ident)*) => {$(
        impl<S> $half<S> {
            /// The state of the connection, as far as what has arrived was looked at.
            #[must_use]
            pub fn state(&self) -> State {
                self.shared.lock().conn.state()
            }

            /// The time between the last ping that was answered and its pong; `None` before the first.
            #[must_use]
            pub fn latency(&self) -> Option<Duration> {
                self.shared.lock().conn.latency()
            }
        }

        impl<S> fmt::Debug for $half<S> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($half))
                    .field("state", &self.shared.lock().conn.state())
                    .finish_non_exhaustive()
            }
        }
    )*};
}

half!(Sender Receiver);
