//! A WebSocket connection over a stream: [`WebSocket`], its halves, and what they share.

mod ahead;
pub(crate) mod buffers;
mod companion;
mod drive;
pub(crate) mod engine;
mod halves;
mod kept;
mod ops;
mod ping;
mod sink;
mod streaming;
mod waiter;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use ws_proto::grammar::{ExtensionHeader, parse_extension};
use ws_proto::http::{Request, Response};
use ws_proto::{Message, Outgoing, Payload};
use ws_types::{Close, CloseCode, State, Subprotocol};

use crate::Transport;
use crate::error::Error;
use ahead::Ahead;
use engine::Shared;

pub use halves::{Receiver, Sender};
pub use ping::PongWaiter;
pub use streaming::{MessageReader, MessageWriter};

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
/// # What happens by itself
/// While [`recv`](Self::recv) or [`close`](Self::close) waits, pings are answered, keepalive pings are
/// sent and checked, and the closing handshake is completed; also while [`send`](Self::send) waits for the
/// peer to read, as long as not too much waits to be received. In a handler of [`serve`](crate::serve())
/// this goes on while the handler waits for anything else, too. Elsewhere, a program that doesn't
/// receive for longer than the peer's keepalive allows is disconnected.
///
/// # Dropping
/// Dropping the connection without [`close`](Self::close) ends the TCP connection at once; the peer
/// sees an abnormal closure, code 1006. What is queued is written as far as the stream takes it at
/// once; only [`flush`](Self::flush) or [`close`](Self::close) waits for it. In a handler of [`serve`](crate::serve()), returning from the
/// handler closes the connection properly.
pub struct WebSocket<S = Transport> {
    shared: Arc<Shared<S>>,
    /// `None` when there is nothing in it: handlers hold it, sometimes twice.
    info: Option<Box<Info>>,
    /// The next message, if `send` has found it.
    next: Ahead,
}

/// What the opening handshake left.
#[derive(Default)]
pub(crate) struct Info {
    pub(crate) request: Option<Box<Request>>,
    pub(crate) response: Option<Box<Response>>,
    /// As in the response: most connections have the same few, and nobody looks at them.
    pub(crate) extensions: Box<str>,
    pub(crate) subprotocol: Option<Subprotocol>,
}

impl<S> WebSocket<S> {
    pub(crate) fn new(shared: Arc<Shared<S>>, info: Info) -> Self {
        let mut ws = Self { shared, info: Some(Box::new(info)), next: Ahead::default() };
        ws.drop_empty_info();
        ws
    }

    fn drop_empty_info(&mut self) {
        self.info.take_if(|info| {
            let Info { request, response, extensions, subprotocol } = &**info;
            request.is_none()
                && response.is_none()
                && extensions.is_empty()
                && subprotocol.is_none()
        });
    }

    pub(crate) fn shared(&self) -> Arc<Shared<S>> {
        Arc::clone(&self.shared)
    }

    /// The request of the opening handshake, unless it was [taken](Self::take_request).
    #[must_use]
    pub fn request(&self) -> Option<&Request> {
        self.info.as_ref()?.request.as_deref()
    }

    /// Takes the request of the opening handshake, so that its memory (about 1 KiB for a browser's) is
    /// freed when it is no longer needed.
    pub fn take_request(&mut self) -> Option<Request> {
        let request = self.info.as_mut()?.request.take()?;
        self.drop_empty_info();
        Some(*request)
    }

    /// The response of the opening handshake, on a client; a server doesn't keep it.
    #[must_use]
    pub fn response(&self) -> Option<&Response> {
        self.info.as_ref()?.response.as_deref()
    }

    /// The extensions that were agreed on, with their parameters as the server answered
    /// ([RFC 6455 §9.1](https://www.rfc-editor.org/rfc/rfc6455#section-9.1)).
    #[must_use]
    pub fn extensions(&self) -> Vec<ExtensionHeader> {
        // Empty without extensions; else it was parsed, or built, before.
        let info = self.info.as_ref();
        info.and_then(|info| parse_extension(&info.extensions).ok()).unwrap_or_default()
    }

    /// The subprotocol that was agreed on ([RFC 6455 §1.9](https://www.rfc-editor.org/rfc/rfc6455#section-1.9)).
    #[must_use]
    pub fn subprotocol(&self) -> Option<&Subprotocol> {
        self.info.as_ref()?.subprotocol.as_ref()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Receives the next message; `None` once the connection was closed properly: with 1000, 1001 or
    /// no code, by both sides. What arrived whole before a failure is received before the error.
    ///
    /// # Errors
    /// [`Error::Closed`] when the connection ended in any other way; each further call repeats it.
    ///
    /// # Cancel safety
    /// Cancel safe: if the future is dropped, nothing is lost.
    pub fn recv(&mut self) -> impl Future<Output = Result<Option<Message>, Error>> {
        self.shared.recv(&mut self.next)
    }

    /// Receives the next message piece by piece, as it arrives: for messages too long to be held in
    /// memory, or to be handled early. `None` once the connection was closed properly.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    /// Cancel safe. Dropping the [`MessageReader`] before the end drops the rest of the message.
    pub async fn recv_streaming(&mut self) -> Result<Option<MessageReader<'_, S>>, Error> {
        MessageReader::open(&self.shared, &mut self.next).await
    }

    /// Sends a message: a string makes text, bytes make binary. A [`PreparedMessage`] is encoded once
    /// for many connections; [`Message::compress`] gives a message with a wish about its compression.
    ///
    /// [`PreparedMessage`]: crate::PreparedMessage
    ///
    /// Waits while more than 64 KiB are queued, until 16 KiB are left. When it returns, the message
    /// leaves without any further call. If further whole messages have arrived already, the replies
    /// to all of them leave together, at the latest when the current task yields: whoever sends and
    /// then awaits anything else, a timer or a database, has sent. Otherwise the message was handed
    /// to the stream.
    ///
    /// That holds in handlers of [`serve`](crate::serve()) and in every task of tokio; a task that
    /// blocks its thread delays its own messages. Elsewhere each message is handed to the stream at
    /// once: outside of a runtime, and directly in `block_on` of a current-thread runtime (the body of
    /// `#[tokio::main(flavor = "current_thread")]`), where nothing runs any more when that returns. So
    /// spawn a loop that is to be fast.
    ///
    /// # Errors
    /// [`Error::Closed`] when the connection is closed or closing; the message was not sent. When a
    /// message that left later could not be written, the next call tells.
    ///
    /// # Cancel safety
    /// If the future is dropped, either the message was not taken, or it will go out whole with
    /// whatever is sent or received next; it isn't known which. [`feed`](Self::feed) tells.
    pub fn send(
        &mut self,
        message: impl Into<Outgoing>,
    ) -> impl Future<Output = Result<(), Error>> {
        self.shared.send(message.into(), Some(&mut self.next))
    }

    /// Queues a message without making it leave: that is done by the next [`flush`](Self::flush),
    /// [`send`](Self::send) or [`recv`](Self::recv), or when 64 KiB are queued; also when the replies
    /// leave that [`send`](Self::send) has left for later.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    /// If the future is dropped, the message was not taken.
    pub fn feed(
        &mut self,
        message: impl Into<Outgoing>,
    ) -> impl Future<Output = Result<(), Error>> {
        self.shared.feed(message.into())
    }

    /// Makes everything leave that is queued; returns when all of it was handed to the stream.
    ///
    /// # Errors
    /// [`Error::Closed`] when the stream failed.
    ///
    /// # Cancel safety
    /// Cancel safe: what was not written stays queued.
    pub fn flush(&mut self) -> impl Future<Output = Result<(), Error>> {
        self.shared.flush()
    }

    /// Begins to send a message piece by piece: for messages that aren't known as a whole, or too long
    /// to be held in memory. Nothing is sent before the first piece.
    pub fn send_streaming(&mut self) -> MessageWriter<'_, S> {
        MessageWriter::new(&self.shared)
    }

    /// Sends a ping ([RFC 6455 §5.5.2]). The returned future resolves to the time until its pong, or
    /// can be dropped; somebody has to receive meanwhile.
    ///
    /// `None` makes a payload that no unanswered ping has; at most 125 bytes.
    ///
    /// # Errors
    /// [`Error::Closed`] when the connection is closed; [`Error::WebSocket`] for more than 125 bytes
    /// or a payload that an unanswered ping has.
    ///
    /// # Cancel safety
    /// As [`send`](Self::send).
    ///
    /// [RFC 6455 §5.5.2]: https://www.rfc-editor.org/rfc/rfc6455#section-5.5.2
    pub async fn ping(&mut self, payload: Option<Payload>) -> Result<PongWaiter, Error> {
        self.shared.ping(payload).await
    }

    /// Sends a pong that nobody asked for ([RFC 6455 §5.5.3]); pings are answered without it.
    ///
    /// # Errors
    /// [`Error::Closed`] when the connection is closed; [`Error::WebSocket`] for more than 125 bytes.
    ///
    /// # Cancel safety
    /// As [`send`](Self::send).
    ///
    /// [RFC 6455 §5.5.3]: https://www.rfc-editor.org/rfc/rfc6455#section-5.5.3
    pub fn pong(&mut self, payload: impl Into<Payload>) -> impl Future<Output = Result<(), Error>> {
        self.shared.pong(payload.into())
    }

    /// Closes the connection: sends a close frame, waits for the peer's and for the end of the stream,
    /// at most for `close_timeout`. On a connection that is closing or closed already, only waits.
    ///
    /// Messages that arrive meanwhile can be received afterwards, about 64 KiB of them; what exceeds
    /// that is dropped. A reason has at most 123 bytes.
    ///
    /// # Errors
    /// [`Error::WebSocket`] for a code that can't be sent or a reason that is too long; the connection
    /// stays as it is.
    ///
    /// # Cancel safety
    /// Cancel safe: can be called again, or be left to [`recv`](Self::recv).
    pub fn close(
        &mut self,
        code: impl Into<CloseCode>,
        reason: impl Into<Box<str>>,
    ) -> impl Future<Output = Result<(), Error>> {
        self.shared.close(Close::new(code, reason))
    }

    /// Splits the connection into halves that can live in different tasks. A receiver alone keeps
    /// answering pings and completes the closing handshake; a sender alone, after the receiver was
    /// dropped, notices that the peer has closed.
    #[must_use]
    pub fn split(self) -> (Sender<S>, Receiver<S>) {
        (Sender::new(Arc::clone(&self.shared)), Receiver::new(self.shared, self.next))
    }

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

    /// The code of the close frame that was received, 1006 if there was none; `None` before the
    /// connection is closed.
    #[must_use]
    pub fn close_code(&self) -> Option<CloseCode> {
        self.shared.closed().map(|closed| closed.code())
    }

    /// The reason of the close frame that was received, empty if there was none; `None` before the
    /// connection is closed.
    #[must_use]
    pub fn close_reason(&self) -> Option<String> {
        self.shared.closed().map(|closed| closed.reason().to_owned())
    }
}

impl<S> fmt::Debug for WebSocket<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket")
            .field("state", &self.shared.lock().conn.state())
            .field("subprotocol", &self.subprotocol())
            .finish_non_exhaustive()
    }
}
