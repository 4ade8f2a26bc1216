//! [`Reconnecting`]: one handle that lives across connections.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use ws_proto::{Message, Outgoing};
use ws_types::{Close, CloseCode};

use super::reconnect::Reconnect;
use crate::WebSocket;
use crate::error::Error;

/// A connection that is opened again when it is lost: see [`Reconnect::into_handle`].
///
/// [`recv`](Self::recv) gives what arrives on one connection after another, and says when there is a new
/// one, so that a subscription is sent again. While it waits, it connects, with the delays and bounds of
/// [`Reconnect`].
///
/// ```no_run
/// # async fn run() -> Result<(), ws_tokio::Error> {
/// use ws_tokio::{Incoming, connect};
///
/// let mut feed = connect("wss://example.com/feed").reconnect().into_handle();
/// while let Some(incoming) = feed.recv().await? {
///     match incoming {
///         // If the connection is lost again at once, `recv` opens another one.
///         Incoming::Connected => _ = feed.send(r#"{"subscribe": "prices"}"#).await,
///         Incoming::Message(message) => println!("{message:?}"),
///     }
/// }
/// # Ok(()) }
/// ```
pub struct Reconnecting {
    connections: Reconnect,
    ws: Option<WebSocket>,
    unsent: VecDeque<Outgoing>,
    unsent_len: usize,
    keep_unsent: usize,
}

/// Something that a [`Reconnecting`] received.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a connection, or a message on it")]
pub enum Incoming {
    /// There is a connection, the first one or another: whatever the server forgets with a connection has to
    /// be sent again.
    Connected,
    /// A message.
    Message(Message),
}

impl Reconnect {
    /// One handle that lives across the connections. Nothing is opened before [`Reconnecting::recv`] is
    /// awaited.
    #[must_use]
    pub fn into_handle(self) -> Reconnecting {
        Reconnecting {
            connections: self,
            ws: None,
            unsent: VecDeque::new(),
            unsent_len: 0,
            keep_unsent: 0,
        }
    }
}

impl Reconnecting {
    /// Keeps messages that are sent while there is no connection, up to so many bytes, with some 100 more for
    /// each message; they are sent while `recv` waits, when there is a connection, after
    /// [`Incoming::Connected`] was received and what was sent then. Default: 0, such messages are an error.
    ///
    /// Only these are kept: a message that was given to a connection may have arrived, and is never sent
    /// twice.
    #[must_use]
    pub fn keep_unsent(mut self, bytes: usize) -> Self {
        self.keep_unsent = bytes;
        self
    }

    /// The present connection, if there is one.
    #[must_use]
    pub fn connection(&self) -> Option<&WebSocket> {
        self.ws.as_ref()
    }

    /// Receives what comes next; `None` once the server has closed the connection for good: with 1000, no
    /// code, or one that isn't [retryable](ws_errors::ConnectionClosed::is_retryable) though proper.
    ///
    /// # Errors
    /// [`Error::Closed`] when the connection ended in a way that another one won't mend; the error of
    /// connecting when it gave up. Each is given once; `None` follows.
    ///
    /// # Cancel safety
    /// Cancel safe: if the future is dropped, nothing is lost.
    pub async fn recv(&mut self) -> Result<Option<Incoming>, Error> {
        loop {
            let Some(ws) = &mut self.ws else {
                let Some(ws) = self.connections.next().await else { return Ok(None) };
                self.ws = Some(ws?);
                return Ok(Some(Incoming::Connected));
            };
            match recv_and_send(ws, &mut self.unsent, &mut self.unsent_len).await {
                Ok(Some(message)) => return Ok(Some(Incoming::Message(message))),
                // A message that was skipped.
                Err(error) if error.closed().is_none() => return Err(error),
                Err(error) if !error.is_retryable() => {
                    self.ws = None;
                    return Err(error);
                }
                // The next connection, if there is to be one.
                Ok(None) | Err(_) => self.ws = None,
            }
        }
    }

    /// Sends a message on the present connection: see [`WebSocket::send`].
    ///
    /// # Errors
    /// [`Error::Closed`] when the connection is closed or closing; the message may have arrived, and isn't
    /// sent again. Without a connection, [`NotConnected`](std::io::ErrorKind::NotConnected) in
    /// [`Error::Io`], if it can't be [kept](Self::keep_unsent).
    ///
    /// # Cancel safety
    /// As [`WebSocket::send`].
    pub async fn send(&mut self, message: impl Into<Outgoing>) -> Result<(), Error> {
        let message = message.into();
        if let Some(ws) = &self.ws {
            return ws.send(message).await;
        }
        let size = size(&message);
        if size > self.keep_unsent.saturating_sub(self.unsent_len) {
            return Err(Error::Io(std::io::ErrorKind::NotConnected.into()));
        }
        self.unsent_len += size;
        self.unsent.push_back(message);
        Ok(())
    }

    /// The messages that are kept and were not given to a connection.
    #[must_use]
    pub fn unsent(&self) -> usize {
        self.unsent.len()
    }

    /// Closes the present connection, if there is one, and opens no other: see [`WebSocket::close`]. Messages
    /// that are still kept are dropped.
    ///
    /// # Errors
    /// As [`WebSocket::close`].
    ///
    /// # Cancel safety
    /// If the future is dropped, the connection is dropped too.
    pub async fn close(
        self,
        code: impl Into<CloseCode>,
        reason: impl Into<Box<str>>,
    ) -> Result<(), Error> {
        let Close { code, reason, .. } = Close::new(code, reason);
        match self.ws {
            Some(ws) => ws.close(code, reason).await,
            None => Ok(()),
        }
    }
}

/// Receives, and meanwhile sends what was kept, as fast as the connection takes it.
async fn recv_and_send(
    ws: &mut WebSocket,
    unsent: &mut VecDeque<Outgoing>,
    unsent_len: &mut usize,
) -> Result<Option<Message>, Error> {
    let sender = ws.sender();
    while let Some(message) = unsent.front().cloned() {
        let mut queued = pin!(sender.feed(message));
        let mut received = pin!(ws.recv());
        let queued = poll_fn(|cx| match received.as_mut().poll(cx) {
            // A message that isn't queued yet stays where it is.
            Poll::Ready(received) => Poll::Ready(Err(received)),
            Poll::Pending => queued.as_mut().poll(cx).map(Ok),
        });
        match queued.await {
            Err(received) => return received,
            // From here on it may arrive.
            Ok(Ok(())) => {
                if let Some(sent) = unsent.pop_front() {
                    *unsent_len = unsent_len.saturating_sub(size(&sent));
                }
            }
            // `recv` tells of the end.
            Ok(Err(_)) => break,
        }
    }
    ws.recv().await
}

/// The memory that a kept message counts for.
fn size(message: &Outgoing) -> usize {
    message.len().saturating_add(size_of::<Outgoing>())
}

impl fmt::Debug for Reconnecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reconnecting")
            .field("connection", &self.ws)
            .field("unsent", &self.unsent.len())
            .finish_non_exhaustive()
    }
}
