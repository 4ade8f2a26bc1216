//! [`WebSocketUpgradeRejection`]: the response to a request that opens no connection.

use std::fmt;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use ws_hyper::Refusal;
use ws_tokio::exceptions::InvalidHandshake;

/// The rejection of a request that isn't one for a WebSocket, or breaks a rule of the opening handshake. As a response
/// it has the status that fits, such as 426 for a browser that opens the page, and a text for people.
pub struct WebSocketUpgradeRejection(Box<Refusal>);

impl WebSocketUpgradeRejection {
    pub(crate) fn new(refusal: Refusal) -> Self {
        Self(Box::new(refusal))
    }

    /// The reason.
    #[must_use]
    pub fn error(&self) -> &InvalidHandshake {
        &self.0.error
    }
}

impl IntoResponse for WebSocketUpgradeRejection {
    fn into_response(self) -> Response {
        self.0.response.map(Body::new)
    }
}

impl fmt::Debug for WebSocketUpgradeRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WebSocketUpgradeRejection").field(self.error()).finish()
    }
}

impl fmt::Display for WebSocketUpgradeRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.error())
    }
}

impl std::error::Error for WebSocketUpgradeRejection {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.error())
    }
}
