//! Messages piece by piece, in both directions.

use std::fmt;

use tokio::io::{AsyncRead, AsyncWrite};
use ws_proto::{Event, Message, MessageKind, Outgoing};
use ws_types::{Close, CloseCode};

use super::ops::Begun;
use super::state::Shared;
use crate::error::Error;

/// A message that is being received: see [`WebSocket::recv_streaming`](crate::WebSocket::recv_streaming).
///
/// Memory stays bounded whatever the length of the message, but the limit on messages holds: raise it
/// for long ones. Pings are answered between the pieces.
pub struct MessageReader<'a, S> {
    shared: &'a Shared<S>,
    kind: MessageKind,
    next: Option<Message>,
    last: bool,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> MessageReader<'a, S> {
    pub(super) async fn open(shared: &'a Shared<S>) -> Result<Option<Self>, Error> {
        while let Some(event) = shared.receive(true).await? {
            match event {
                Event::Chunk { data, last } => {
                    return Ok(Some(Self { shared, kind: data.kind(), next: Some(data), last }));
                }
                Event::TooBig(e) => return Err(e.into()),
                _ => {}
            }
        }
        Ok(None)
    }

    /// Whether the message is text or binary.
    #[must_use]
    pub fn kind(&self) -> MessageKind {
        self.kind
    }

    /// Receives the next piece; `None` after the last one. Pieces of text end where a character ends;
    /// a piece may be empty.
    ///
    /// # Errors
    /// [`Error::Closed`] when the connection ended before the message did. [`Error::WebSocket`] with a
    /// [`PayloadTooBig`](ws_errors::PayloadTooBig) at the end of a message that has become too big, if
    /// such ones are [skipped](crate::Oversize::Skip): the pieces before it are all there is of it. Then
    /// `None`; the connection goes on.
    ///
    /// # Cancel safety
    /// Cancel safe: if the future is dropped, nothing is lost.
    pub async fn next(&mut self) -> Result<Option<Message>, Error> {
        if let Some(piece) = self.next.take() {
            return Ok(Some(piece));
        }
        while !self.last {
            match self.shared.receive(true).await? {
                Some(Event::Chunk { data, last }) => {
                    self.last = last;
                    return Ok(Some(data));
                }
                Some(Event::TooBig(e)) => {
                    self.last = true;
                    return Err(e.into());
                }
                Some(_) => {}
                None => {
                    self.last = true;
                    return Err(self.shared.lock().closed_error());
                }
            }
        }
        Ok(None)
    }
}

impl<S> Drop for MessageReader<'_, S> {
    /// The rest of the message is dropped, when it comes.
    fn drop(&mut self) {
        if !self.last {
            self.shared.lock().skip_message();
        }
    }
}

impl<S> fmt::Debug for MessageReader<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageReader").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A message that is being sent: see [`WebSocket::send_streaming`](crate::WebSocket::send_streaming).
///
/// Each piece is a fragment ([RFC 6455 §5.4]); all have to be of the kind of the first. From the first
/// piece on, other messages wait until this one has ended; pings and pongs don't. So a task that awaits
/// `send` before it has ended its own message in pieces waits for ever.
///
/// Dropping it after the first piece and before [`finish`](Self::finish) fails the connection with
/// 1011: there is no other way to take back half a message.
///
/// [RFC 6455 §5.4]: https://www.rfc-editor.org/rfc/rfc6455#section-5.4
pub struct MessageWriter<'a, S> {
    shared: &'a Shared<S>,
    begun: Option<Begun<'a>>,
}

impl<'a, S> MessageWriter<'a, S> {
    pub(super) fn new(shared: &'a Shared<S>) -> Self {
        Self { shared, begun: None }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> MessageWriter<'_, S> {
    /// Sends the next piece: a string begins or continues a text message, bytes a binary one. A wish
    /// about compression that comes with the first piece holds for the message.
    ///
    /// # Errors
    /// [`Error::Closed`] when the connection is closed or closing; [`Error::WebSocket`] with a
    /// [`ConcurrencyError`](ws_errors::ConcurrencyError) for a piece of the other kind.
    ///
    /// # Cancel safety
    /// As [`WebSocket::send`](crate::WebSocket::send).
    pub async fn write(&mut self, piece: impl Into<Outgoing>) -> Result<(), Error> {
        self.shared.send_piece(piece.into(), false, &mut self.begun).await
    }

    /// Ends the message; without any piece, nothing is sent at all.
    ///
    /// # Errors
    /// [`Error::Closed`] when the connection is closed or closing.
    ///
    /// # Cancel safety
    /// If the future is dropped while it waits for room, the message has not ended, and the connection
    /// fails with 1011.
    pub async fn finish(mut self) -> Result<(), Error> {
        let end = match &self.begun {
            None => return Ok(()),
            Some(Begun { kind: MessageKind::Text, .. }) => Message::text(""),
            Some(Begun { kind: MessageKind::Binary, .. }) => Message::binary(Vec::new()),
        };
        self.shared.send_piece(end.into(), true, &mut self.begun).await
    }
}

impl<S> Drop for MessageWriter<'_, S> {
    fn drop(&mut self) {
        if self.begun.is_some() {
            let close = Close::new(CloseCode::INTERNAL_ERROR, "error in fragmented message");
            self.shared.lock().fail(close);
        }
    }
}

impl<S> fmt::Debug for MessageWriter<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.begun.as_ref().map(|begun| begun.kind);
        f.debug_struct("MessageWriter").field("kind", &kind).finish_non_exhaustive()
    }
}
