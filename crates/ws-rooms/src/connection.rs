//! Connections of members, whatever their streams.

use std::future::Future;
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};
use ws_tokio::{CloseCode, PreparedMessage, Sender, State, TrySendError};

/// The sending half of a connection over any stream.
pub(crate) trait Connection: Send + Sync {
    fn id(&self) -> u64;

    fn is_open(&self) -> bool;

    fn try_send(&self, message: &PreparedMessage) -> Attempt;

    /// Sends a message, however long the peer takes; false when the connection is closed.
    fn send(&self, message: PreparedMessage) -> Pin<Box<dyn Future<Output = bool> + Send + '_>>;

    /// Begins to close a connection whose peer reads too slowly.
    fn close_slow(&self);
}

/// The fate of a message that couldn't wait.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Attempt {
    Sent,
    /// The connection takes no more for now.
    Full,
    /// The connection is closing or closed.
    Closed,
}

impl<S> Connection for Sender<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    fn id(&self) -> u64 {
        Self::id(self)
    }

    fn is_open(&self) -> bool {
        self.state() == State::Open
    }

    fn try_send(&self, message: &PreparedMessage) -> Attempt {
        match Self::try_send(self, message) {
            Ok(()) => Attempt::Sent,
            Err(TrySendError::Full(_)) => Attempt::Full,
            Err(_) => Attempt::Closed,
        }
    }

    fn send(&self, message: PreparedMessage) -> Pin<Box<dyn Future<Output = bool> + Send + '_>> {
        Box::pin(async move { Self::send(self, message).await.is_ok() })
    }

    fn close_slow(&self) {
        // Both can be sent.
        _ = self.start_close(CloseCode::TRY_AGAIN_LATER, "you read too slowly");
    }
}
