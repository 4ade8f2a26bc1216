//! The handles that a program holds: [`WebSocket`], and its halves [`Sender`] and [`Receiver`].
//!
//! Each of their methods is written once, in the macro of the handles that have it.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use ws_proto::grammar::ExtensionHeader;
use ws_proto::http::{Request, Response};
use ws_proto::{Event, Message, Outgoing, Payload, Stats};
use ws_types::{Close, CloseCode, State, Subprotocol};

use super::info::Info;
use super::pong::PongWaiter;
use super::state::Shared;
use super::streaming::{MessageReader, MessageWriter};
use crate::Transport;
use crate::error::{Error, TrySendError};

/// A WebSocket connection, client's or server's, over a stream `S`.
///
/// ```no_run
/// # async fn run() -> Result<(), ws_tokio::Error> {
/// let mut ws = ws_tokio::connect("ws://localhost:8765/").await?;
/// ws.send("hello").await?;
/// while let Some(message) = ws.recv().await? {
///     println!("{message:?}");
/// }
/// # Ok(()) }
/// ```
///
/// # Background
/// The connection looks after itself: pings are answered, keepalive pings are sent and checked, the closing
/// handshake is completed, and a close or a failure is noticed, so that the next [`send`](Self::send) fails.
/// While a program waits in [`recv`](Self::recv) that happens at once; when it is busy elsewhere or only
/// sends, the connection takes over within half a second. This needs a runtime of tokio with time enabled;
/// outside of one, only the methods that are awaited do it.
///
/// Messages that arrive while nobody receives are kept, up to
/// [`max_backlog`](crate::ClientSettings::max_backlog). Then reading stops until somebody receives: our
/// keepalive rests meanwhile; the peer's may cut us off, since its pings aren't read; and a close behind the
/// kept messages isn't seen.
///
/// # Dropping
/// Dropping all handles without [`close`](Self::close) ends the TCP connection at once; the peer
/// sees an abnormal closure, code 1006. Queued messages are written as far as the stream takes them
/// at once; only [`flush`](Self::flush) and [`close`](Self::close) wait for that, and so they should before
/// [`std::process::exit`], which runs nothing else. Once a receiver was told that the connection has failed,
/// it is closed in the background even if its handles are dropped, within `close_timeout`. In a handler of
/// [`serve`](crate::serve()), returning from the handler closes the connection properly, even if handles
/// of it live on elsewhere.
pub struct WebSocket<S = Transport> {
    pub(super) shared: Reading<S>,
}

/// The sending half of a connection: see [`WebSocket::split`] and [`WebSocket::sender`].
///
/// Its clones can send from many tasks: first come, first served. The connection ends when all handles
/// are dropped; close it before that.
pub struct Sender<S = Transport> {
    pub(super) shared: Arc<Shared<S>>,
    info: Arc<Info>,
}

/// The receiving half of a connection: see [`WebSocket::split`].
///
/// After this half is dropped, messages that arrive are dropped too.
pub struct Receiver<S = Transport> {
    pub(super) shared: Reading<S>,
}

/// The connection, with the right to receive. When it is dropped, data that arrives is dropped, too.
pub(super) struct Reading<S> {
    shared: Arc<Shared<S>>,
    info: Arc<Info>,
}

impl<S> Deref for Reading<S> {
    type Target = Arc<Shared<S>>;

    fn deref(&self) -> &Arc<Shared<S>> {
        &self.shared
    }
}

impl<S> Drop for Reading<S> {
    fn drop(&mut self) {
        let mut driver = self.shared.lock();
        if let Some(ended) = &self.info.ended
            && driver.conn.state() != State::Open
        {
            _ = ended.set(driver.conn.closed());
        }
        driver.drop_reader();
    }
}

impl<S> WebSocket<S> {
    fn info(&self) -> &Arc<Info> {
        &self.shared.info
    }
}

impl<S> Receiver<S> {
    fn info(&self) -> &Arc<Info> {
        &self.shared.info
    }
}

impl<S> Sender<S> {
    fn info(&self) -> &Arc<Info> {
        &self.info
    }

    /// A handle of a connection whose facts are [shared](WebSocket::share_info).
    pub(crate) fn of(shared: Arc<Shared<S>>) -> Option<Self> {
        let info = shared.lock().info.clone()?;
        Some(Self { shared, info })
    }
}

/// Methods of all handles.
macro_rules! all {
    ($($handle:ident)*) => {$(
        /// # Facts
        impl<S> $handle<S> {
            /// The number of the connection, which no other one of this process has: for logs. Events of
            /// `tracing` have it, too.
            #[must_use]
            pub fn id(&self) -> u64 {
                self.shared.trace.id
            }

            /// The state of the connection, as far as what has arrived was looked at.
            #[must_use]
            pub fn state(&self) -> State {
                self.shared.lock().conn.state()
            }

            /// The code of the close frame that was received, 1006 if there was none; `None` before that
            /// is sure, which may be a moment after a call has failed: what has arrived is looked at first.
            #[must_use]
            pub fn close_code(&self) -> Option<CloseCode> {
                self.shared.lock().ended().map(|closed| closed.code())
            }

            /// The reason of the close frame that was received, empty if there was none; `None` before
            /// the connection is closed.
            #[must_use]
            pub fn close_reason(&self) -> Option<String> {
                self.shared.lock().ended().map(|closed| closed.reason().to_owned())
            }

            /// The time between the last ping that was answered and its pong; `None` before the first.
            #[must_use]
            pub fn latency(&self) -> Option<Duration> {
                self.stats().latency
            }

            /// Counts of messages, bytes, pings and pongs in both directions, and what waits now: what is
            /// queued for the peer, and what has arrived and wasn't received. For metrics; a call costs
            /// some tens of nanoseconds.
            #[must_use]
            pub fn stats(&self) -> Stats {
                self.shared.lock().stats()
            }

            /// The request of the opening handshake; `None` if it was
            /// [taken](WebSocket::take_request), or somebody else did the handshake.
            #[must_use]
            pub fn request(&self) -> Option<&Request> {
                self.info().request.as_deref()
            }

            /// The value of this type that a hook of the server has [left](crate::Handshake::data) for the
            /// handler, or the program with an [`Upgrade`](crate::Upgrade::data): the user that logged in, for
            /// example.
            #[must_use]
            pub fn data<T: Send + Sync + 'static>(&self) -> Option<&T> {
                self.info().data.get()
            }

            /// The response of the opening handshake, on a client; a server doesn't keep it.
            #[must_use]
            pub fn response(&self) -> Option<&Response> {
                self.info().response.as_deref()
            }

            /// The subprotocol that was agreed on
            /// ([RFC 6455 §1.9](https://www.rfc-editor.org/rfc/rfc6455#section-1.9)).
            #[must_use]
            pub fn subprotocol(&self) -> Option<&Subprotocol> {
                self.info().subprotocol.as_ref()
            }

            /// The extensions that were agreed on, with their parameters as the server answered
            /// ([RFC 6455 §9.1](https://www.rfc-editor.org/rfc/rfc6455#section-9.1)).
            #[must_use]
            pub fn extensions(&self) -> &[ExtensionHeader] {
                &self.info().extensions
            }

            /// The parameters of permessage-deflate, if messages may be compressed
            /// ([RFC 7692 §7](https://www.rfc-editor.org/rfc/rfc7692#section-7)).
            #[must_use]
            pub fn compression(&self) -> Option<&ExtensionHeader> {
                self.info().extensions.iter().find(|it| it.name == "permessage-deflate")
            }

            /// The address of the peer, if the stream is a [`Transport`] or a `TcpStream`, or it was
            /// [noted](crate::Upgrade::peer_addr); known after the end, too. Of a client behind a proxy that a
            /// server trusts, it is the client's; then that of the proxy is the
            /// [stream's](Transport::peer_addr).
            #[must_use]
            #[doc(alias = "remote_address")]
            pub fn peer_addr(&self) -> Option<SocketAddr> {
                self.info().peer_addr
            }

            /// The address of this end, if the stream is a [`Transport`] or a `TcpStream`.
            #[must_use]
            #[doc(alias = "local_address")]
            pub fn local_addr(&self) -> Option<SocketAddr> {
                self.info().local_addr
            }

            /// Looks at the stream; `None` when the connection is closed. The connection waits
            /// meanwhile: be short, and call none of its methods, which would wait without end.
            pub fn with_stream<T>(&self, look: impl FnOnce(&S) -> T) -> Option<T> {
                self.shared.lock().stream.as_ref().map(look)
            }
        }

        /// # Control frames
        impl<S: AsyncRead + AsyncWrite + Unpin> $handle<S> {
            /// Sends a ping ([RFC 6455 §5.5.2]). The returned future resolves to the time until its
            /// pong, or can be dropped.
            ///
            /// `None` makes a payload that no unanswered ping has; at most 125 bytes.
            ///
            /// # Errors
            /// [`Error::Closed`] when the connection is closed; [`Error::WebSocket`] for more than 125
            /// bytes or a payload that an unanswered ping has.
            ///
            /// # Cancel safety
            /// As [`send`](WebSocket::send).
            ///
            /// [RFC 6455 §5.5.2]: https://www.rfc-editor.org/rfc/rfc6455#section-5.5.2
            pub fn ping(
                &self,
                payload: Option<Payload>,
            ) -> impl Future<Output = Result<PongWaiter, Error>> {
                self.shared.ping(payload)
            }

            /// Queues a ping at once, for code that can't await: see [`ping`](Self::ping). `write_limit`
            /// doesn't bound these: don't queue them faster than the peer may answer.
            ///
            /// # Errors
            /// As [`ping`](Self::ping).
            pub fn queue_ping(&self, payload: Option<Payload>) -> Result<PongWaiter, Error> {
                self.shared.queue_now(|driver| driver.queue_ping(payload))
            }

            /// Sends a pong that nobody asked for ([RFC 6455 §5.5.3]); pings are answered without it.
            ///
            /// # Errors
            /// [`Error::Closed`] when the connection is closed; [`Error::WebSocket`] for more than 125
            /// bytes.
            ///
            /// # Cancel safety
            /// As [`send`](WebSocket::send).
            ///
            /// [RFC 6455 §5.5.3]: https://www.rfc-editor.org/rfc/rfc6455#section-5.5.3
            pub fn pong(
                &self,
                payload: impl Into<Payload>,
            ) -> impl Future<Output = Result<(), Error>> {
                self.shared.pong(payload.into())
            }

            /// Queues a pong at once, for code that can't await: see [`pong`](Self::pong). `write_limit`
            /// doesn't bound these.
            ///
            /// # Errors
            /// As [`pong`](Self::pong).
            pub fn queue_pong(&self, payload: impl Into<Payload>) -> Result<(), Error> {
                let payload = payload.into();
                self.shared.queue_now(|driver| driver.queue_pong(payload))
            }

            /// Closes the connection: sends a close frame, waits for the peer's and for the end of the
            /// stream, at most for `close_timeout`. On a connection that is closing or closed already,
            /// only waits.
            ///
            /// Hold no lock meanwhile that others need; [`start_close`](Self::start_close) waits for nobody. A
            /// stream of your own has to end for the peer when it is shut down, or each close takes
            /// `close_timeout`.
            ///
            /// Messages that arrive meanwhile can be received afterwards, as many as the backlog holds;
            /// what exceeds that is dropped. A receiver that waits meanwhile receives them. A reason
            /// has at most 123 bytes.
            ///
            /// The code 1005 sends a close frame without a code, which is only possible without a reason.
            ///
            /// # Errors
            /// [`Error::WebSocket`] for a code that can't be sent or a reason that is too long; the
            /// connection stays as it is. [`Error::Closed`] when this side has failed the connection, or it
            /// was lost before there was a close frame; a peer that closes with an error, or doesn't
            /// answer, is none of its errors.
            ///
            /// # Cancel safety
            /// Cancel safe: can be called again. Once the future was polled, the closing handshake goes
            /// on without it.
            pub fn close(
                &self,
                code: impl Into<CloseCode>,
                reason: impl Into<Box<str>>,
            ) -> impl Future<Output = Result<(), Error>> {
                self.shared.close(Close::new(code, reason))
            }

            /// Begins to close the connection, for code that can't await: queues a close frame, and
            /// leaves the rest of the closing handshake to the connection. On a connection that is
            /// closing or closed already it does nothing.
            ///
            /// # Errors
            /// [`Error::WebSocket`] for a code that can't be sent or a reason that is too long.
            pub fn start_close(
                &self,
                code: impl Into<CloseCode>,
                reason: impl Into<Box<str>>,
            ) -> Result<(), Error> {
                let close = Close::new(code, reason);
                self.shared.queue_now(|driver| Ok(driver.start_close(close)?))
            }
        }

        impl<S> fmt::Debug for $handle<S> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($handle))
                    .field("state", &self.state())
                    .field("subprotocol", &self.subprotocol())
                    .field("peer_addr", &self.peer_addr())
                    .finish_non_exhaustive()
            }
        }
    )*};
}

/// Methods of handles that send.
macro_rules! sending {
    ($($handle:ident)*) => {$(
        /// # Sending messages
        impl<S: AsyncRead + AsyncWrite + Unpin> $handle<S> {
            /// Sends a message: a string makes text, bytes make binary. A [`PreparedMessage`] is encoded
            /// once for many connections; [`Message::compress`] gives a message with a wish about its
            /// compression.
            ///
            /// [`PreparedMessage`]: crate::PreparedMessage
            ///
            /// When it returns, the message was handed to the stream, but for two cases. If further
            /// messages have arrived already, it leaves together with the replies to these, at the latest
            /// when the current task yields: so a loop that receives and sends answers a batch of messages
            /// with one write. And in the task of a handler of [`serve`](crate::serve()), up to
            /// [`write_limit`] bytes wait for a peer that doesn't read. In both, the message leaves without
            /// any further call. A task that blocks its thread delays its own messages.
            ///
            /// If several tasks send, it is first come, first served.
            ///
            /// [`write_limit`]: crate::ClientSettings::write_limit
            ///
            /// # Errors
            /// [`Error::Closed`] when the connection is closed or closing; the message was not sent, or not
            /// whole. If the peer has closed properly meanwhile, [`Error::is_closed_ok`] is true. When a message that left later could not be written, the next call fails.
            ///
            /// # Cancel safety
            /// If the future is dropped, either the message was not queued, or it leaves whole; it isn't
            /// known which. [`feed`](Self::feed) tells.
            pub fn send(
                &self,
                message: impl Into<Outgoing>,
            ) -> impl Future<Output = Result<(), Error>> {
                self.shared.send(message.into())
            }

            /// Sends a message if that takes no waiting: see [`send`](Self::send).
            ///
            /// # Errors
            /// [`TrySendError::Full`], with the message, while too much is queued, another task waits to
            /// send, or a message is being sent in pieces; [`TrySendError::Closed`] when the connection is closed or closing.
            pub fn try_send(&self, message: impl Into<Outgoing>) -> Result<(), TrySendError> {
                self.shared.try_send(message.into())
            }

            /// Queues a message without making it leave: it leaves with the next [`send`](Self::send) or
            /// [`flush`](Self::flush), when the program receives, or when the queue is full.
            ///
            /// # Errors
            /// As [`send`](Self::send).
            ///
            /// # Cancel safety
            /// If the future is dropped, the message was not queued.
            pub fn feed(
                &self,
                message: impl Into<Outgoing>,
            ) -> impl Future<Output = Result<(), Error>> {
                self.shared.feed(message.into())
            }

            /// Waits until everything that is queued when it is first polled was handed to the stream.
            ///
            /// # Errors
            /// [`Error::Closed`] when the stream failed.
            ///
            /// # Cancel safety
            /// Cancel safe: what was not written stays queued, and leaves.
            pub fn flush(&self) -> impl Future<Output = Result<(), Error>> {
                self.shared.flush()
            }

            /// Begins to send a message piece by piece: for messages that aren't known as a whole, or
            /// are too long to be held in memory. Nothing is sent before the first piece.
            pub fn send_streaming(&self) -> MessageWriter<'_, S> {
                MessageWriter::new(&self.shared)
            }
        }
    )*};
}

/// Methods of handles that receive.
macro_rules! receiving {
    ($($handle:ident)*) => {$(
        /// # Receiving messages
        impl<S: AsyncRead + AsyncWrite + Unpin> $handle<S> {
            /// Receives the next message; `None` once the connection was closed properly: with 1000, 1001 or no code,
            /// by both sides. A server needn't wait for the client to end the stream, too: that goes on behind it, for
            /// `close_timeout` at most. Messages that arrived whole before a failure are received before the error.
            ///
            /// # Errors
            /// [`Error::Closed`] when the connection ended in any other way, a close frame of the peer with
            /// another code among them: [`rcvd`](Error::rcvd) has it. Each further call repeats it. It comes
            /// as soon as it is known: that the peer broke a rule, or didn't answer a keepalive ping. The
            /// closing handshake goes on behind it.
            /// [`Error::WebSocket`] with a [`PayloadTooBig`](ws_errors::PayloadTooBig), once, for a
            /// message that was too big and [skipped](crate::Oversize::Skip): the next call goes on with
            /// the message behind it.
            ///
            /// # Cancel safety
            /// Cancel safe: if the future is dropped, nothing is lost.
            pub fn recv(&mut self) -> impl Future<Output = Result<Option<Message>, Error>> {
                self.shared.recv()
            }

            /// Receives the next event: a message, the end of one that was too big and
            /// [skipped](crate::Oversize::Skip), a ping (answered already), a pong, or the peer's close
            /// frame; `None` once the connection was closed properly. For programs that want to see
            /// control frames; [`recv`](Self::recv) is enough for all others. [`Event::Chunk`] isn't among
            /// them: messages come whole.
            ///
            /// From the first call on, control frames that arrive while nobody receives are kept, too.
            ///
            /// # Errors
            /// [`Error::Closed`] when the connection ended in any other way; each further call repeats
            /// it.
            ///
            /// # Cancel safety
            /// Cancel safe: if the future is dropped, nothing is lost.
            pub fn recv_event(&mut self) -> impl Future<Output = Result<Option<Event>, Error>> {
                self.shared.lock().wants_control = true;
                self.shared.receive(false)
            }

            /// Receives the next message piece by piece, as it arrives: for messages too long to be held
            /// in memory, or to be handled early. `None` once the connection was closed properly.
            ///
            /// # Errors
            /// As [`recv`](Self::recv). Once there is a [`MessageReader`], it tells that its message has
            /// become too big.
            ///
            /// # Cancel safety
            /// Cancel safe. Dropping the [`MessageReader`] before the end drops the rest of the message.
            pub async fn recv_streaming(&mut self) -> Result<Option<MessageReader<'_, S>>, Error> {
                MessageReader::open(&self.shared).await
            }
        }
    )*};
}

all!(WebSocket Sender Receiver);
sending!(WebSocket Sender);
receiving!(WebSocket Receiver);

impl<S> WebSocket<S> {
    pub(crate) fn new(shared: Arc<Shared<S>>, info: Info) -> Self {
        Self { shared: Reading { shared, info: Arc::new(info) } }
    }

    pub(crate) fn shared(&self) -> Arc<Shared<S>> {
        Arc::clone(&self.shared)
    }

    /// A handle that sends on this connection, to be given to another task.
    #[must_use]
    pub fn sender(&self) -> Sender<S> {
        Sender { shared: self.shared(), info: Arc::clone(self.info()) }
    }

    /// Splits the connection into halves that can live in different tasks.
    /// [`reunite`](Receiver::reunite) joins them again.
    #[must_use]
    pub fn split(self) -> (Sender<S>, Receiver<S>) {
        let sender = self.sender();
        (sender, Receiver { shared: self.shared })
    }

    /// Takes the request of the opening handshake, so that its memory (about 1 KiB for a browser's) is
    /// freed when it is no longer needed. While other handles of this connection exist, it is a copy.
    pub fn take_request(&mut self) -> Option<Request> {
        let Reading { shared, info } = &mut self.shared;
        // Locked, so that the server that lists its connections can't miss it meanwhile.
        let mut driver = shared.lock();
        let is_listed = driver.info.take().is_some();
        let request = match Arc::get_mut(info) {
            Some(info) => info.request.take(),
            None => info.request.clone(),
        };
        driver.info = is_listed.then(|| Arc::clone(info));
        request.map(|request| *request)
    }

    /// Shares the facts with the server that lists its connections.
    pub(crate) fn share_info(&self) -> Arc<Shared<S>> {
        self.shared.lock().info = Some(Arc::clone(self.info()));
        self.shared()
    }

    /// Takes the stream, and the bytes that were read from it and not parsed. The connection ends here,
    /// without a close frame, for other handles too: for protocols that go on without WebSocket.
    ///
    /// Messages that are queued, and those that wait to be received, are dropped: [`flush`](Self::flush)
    /// and receive first. `None` when the connection is closed.
    ///
    /// Bytes of another protocol that arrive before this call may be taken for frames, which fails the
    /// connection: the peer has to wait for an answer before it switches, or the connection needs a
    /// [`max_backlog`](crate::ClientSettings::max_backlog) of 0, with which nothing is read while nobody
    /// receives.
    #[must_use]
    pub fn into_inner(self) -> Option<(S, Bytes)> {
        let (stream, unread) = self.shared.lock().take_stream()?;
        Some((stream, unread.into()))
    }
}

impl<S> Receiver<S> {
    /// Joins the halves of a connection again. Other clones of the sender stay as they are.
    ///
    /// # Errors
    /// [`ReuniteError`], with both halves, if they don't belong to the same connection.
    #[doc(alias = "unsplit")]
    pub fn reunite(self, sender: Sender<S>) -> Result<WebSocket<S>, ReuniteError<S>> {
        if !Arc::ptr_eq(&self.shared, &sender.shared) {
            return Err(ReuniteError { receiver: self, sender });
        }
        Ok(WebSocket { shared: self.shared })
    }
}

/// Halves of two connections can't be joined: see [`Receiver::reunite`].
#[derive(Debug)]
#[non_exhaustive]
pub struct ReuniteError<S = Transport> {
    /// The receiving half, as it was.
    pub receiver: Receiver<S>,
    /// The sending half, as it was.
    pub sender: Sender<S>,
}

impl<S> fmt::Display for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the halves belong to different connections")
    }
}

impl<S: fmt::Debug> std::error::Error for ReuniteError<S> {}

impl<S> Clone for Sender<S> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), info: Arc::clone(&self.info) }
    }
}
