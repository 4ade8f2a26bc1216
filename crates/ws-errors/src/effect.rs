//! Effects of exceptions: close codes, answers of a server, retries.
//!
//! No other place picks these numbers. The matches have no `_` arm, so a new class can't be forgotten:
//! `non_exhaustive` binds only other crates.

use ws_types::CloseCode;

use crate::{
    InvalidHandshake, InvalidHeader, InvalidMessage, InvalidStatus, MessageCause, SecurityError,
    SecurityErrorKind, WebSocketException,
};

impl WebSocketException {
    /// The close code with which an endpoint fails the connection because of this exception
    /// ([RFC 6455 §7.4.1]).
    ///
    /// It is 1002 for [`ProtocolError`](crate::ProtocolError), 1007 for
    /// [`InvalidUtf8`](crate::InvalidUtf8), 1009 for [`PayloadTooBig`](crate::PayloadTooBig) and
    /// [`TooManyFragments`](crate::TooManyFragments), and 1011 for all others, which aren't the peer's
    /// fault. The code of a *closed* connection is
    /// [`ConnectionClosed::code`](crate::ConnectionClosed::code).
    ///
    /// [RFC 6455 §7.4.1]: https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1
    #[must_use]
    pub fn close_code(&self) -> CloseCode {
        match self {
            Self::ProtocolError(_) => CloseCode::PROTOCOL_ERROR,
            Self::InvalidUtf8(_) => CloseCode::INVALID_DATA,
            Self::PayloadTooBig(_) | Self::TooManyFragments(_) => CloseCode::MESSAGE_TOO_BIG,
            Self::ConnectionClosed(_)
            | Self::InvalidHandshake(_)
            | Self::InvalidState(_)
            | Self::InvalidURI(_)
            | Self::InvalidProxy(_)
            | Self::ConcurrencyError(_) => CloseCode::INTERNAL_ERROR,
        }
    }

    /// Whether opening a connection failed for a reason that may be temporary.
    ///
    /// It is true only where [`InvalidHandshake::is_retryable`] is. For
    /// [`ConnectionClosed`](crate::ConnectionClosed) it is false: only the application knows whether to
    /// open another connection, and what to send again on it.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::InvalidHandshake(e) => e.is_retryable(),
            Self::ConnectionClosed(_)
            | Self::InvalidState(_)
            | Self::InvalidURI(_)
            | Self::InvalidProxy(_)
            | Self::PayloadTooBig(_)
            | Self::TooManyFragments(_)
            | Self::ProtocolError(_)
            | Self::InvalidUtf8(_)
            | Self::ConcurrencyError(_) => false,
        }
    }
}

impl InvalidHandshake {
    /// The answer of a server to a request that failed with this exception.
    ///
    /// | exception | status |
    /// | --- | --- |
    /// | [`InvalidMessage`] | none |
    /// | [`AbortHandshake`](crate::AbortHandshake) | its own |
    /// | [`InvalidHeader`] and below, [`NegotiationError`](crate::NegotiationError) and below, except: | 400 |
    /// | – [`InvalidOrigin`](crate::InvalidOrigin) | 403 |
    /// | – [`InvalidUpgrade`](crate::InvalidUpgrade) | 426 |
    /// | [`InvalidMethod`](crate::InvalidMethod) | 405 |
    /// | [`RequestLineTooLong`](crate::RequestLineTooLong) | 414 |
    /// | [`HeaderLineTooLong`](crate::HeaderLineTooLong), [`TooManyHeaders`](crate::TooManyHeaders), [`SecurityErrorKind::HeadTooLarge`] | 431 |
    /// | [`InvalidProtocol`](crate::InvalidProtocol) | 505 |
    /// | all others: a failure in the server itself | 500 |
    pub fn http_status(&self) -> HttpAnswer {
        HttpAnswer::Status(match self {
            Self::InvalidMessage(_) => return HttpAnswer::Disconnect,
            Self::AbortHandshake(e) => e.status,
            Self::InvalidHeader(e) => match e {
                InvalidHeader::InvalidOrigin(_) => 403,
                InvalidHeader::InvalidUpgrade(_) => 426,
                InvalidHeader::Base { .. }
                | InvalidHeader::InvalidHeaderFormat(_)
                | InvalidHeader::InvalidHeaderValue(_) => 400,
            },
            Self::NegotiationError(_) => 400,
            Self::InvalidMethod(_) => 405,
            Self::InvalidProtocol(_) => 505,
            Self::SecurityError(e) => match e {
                SecurityError::RequestLineTooLong(_) => 414,
                SecurityError::HeaderLineTooLong(_)
                | SecurityError::TooManyHeaders(_)
                | SecurityError::Base(SecurityErrorKind::HeadTooLarge { .. }) => 431,
                SecurityError::StatusLineTooLong(_)
                | SecurityError::Base(
                    SecurityErrorKind::BodyTooLarge { .. }
                    | SecurityErrorKind::UnsizedBodyTooLarge { .. }
                    | SecurityErrorKind::ChunkTooLarge { .. }
                    | SecurityErrorKind::ChunkLineTooLong { .. }
                    | SecurityErrorKind::InvalidContentLength { .. }
                    | SecurityErrorKind::InvalidChunkSize { .. }
                    | SecurityErrorKind::InsecureRedirect { .. }
                    | SecurityErrorKind::TooManyRedirects { .. },
                ) => 500,
            },
            Self::Base { .. }
            | Self::ProxyError(_)
            | Self::InvalidStatus(_)
            | Self::InvalidStatusCode(_)
            | Self::RedirectHandshake(_) => 500,
        })
    }

    /// Whether the opening handshake failed for a reason that may be temporary: the stream ended before
    /// the response did, or the response has status 500, 502, 503 or 504.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::InvalidMessage(InvalidMessage { cause, .. }) => match cause {
                Some(MessageCause::UnexpectedEof) => true,
                Some(MessageCause::Malformed(_) | MessageCause::SecurityError(_)) | None => false,
            },
            Self::InvalidStatus(InvalidStatus { response }) => {
                matches!(response.status_code, 500 | 502..=504)
            }
            Self::Base { .. }
            | Self::SecurityError(_)
            | Self::ProxyError(_)
            | Self::InvalidMethod(_)
            | Self::InvalidProtocol(_)
            | Self::InvalidHeader(_)
            | Self::InvalidStatusCode(_)
            | Self::NegotiationError(_)
            | Self::AbortHandshake(_)
            | Self::RedirectHandshake(_) => false,
        }
    }
}

/// The answer of a server to a request that it refuses.
///
/// Unlike a number or an `Option`, it makes a server handle the case without a response.
#[must_use]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a server answers or it doesn't")]
pub enum HttpAnswer {
    /// A response with this status.
    Status(u16),
    /// No response: the server closes the TCP connection, since the request isn't valid HTTP.
    Disconnect,
}
