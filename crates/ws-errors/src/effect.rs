//! What follows from an exception: a close code, an answer over HTTP, another attempt.
//!
//! No other place picks these numbers. The matches have no `_` arm, so that a new class can't be
//! forgotten: `non_exhaustive` binds only other crates.

use ws_types::CloseCode;

use crate::{
    InvalidHandshake, InvalidHeader, InvalidMessage, InvalidStatus, MessageCause, SecurityError,
    SecurityErrorKind, WebSocketException,
};

impl WebSocketException {
    /// The close code for failing a connection because of this exception
    /// ([RFC 6455 §7.4.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1)).
    ///
    /// It is 1002 for a [`ProtocolError`](crate::ProtocolError), 1007 for
    /// [`InvalidUtf8`](crate::InvalidUtf8), 1009 for [`PayloadTooBig`](crate::PayloadTooBig) and
    /// [`TooManyFragments`](crate::TooManyFragments), and 1011 for all others: what else gets here isn't
    /// the peer's fault. The code that a *closed* connection has is
    /// [`ConnectionClosed::code`](crate::ConnectionClosed::code).
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

    /// Whether opening a connection failed for a reason that may pass, so that trying again makes sense.
    ///
    /// It is true only for an opening handshake of which [`InvalidHandshake::is_retryable`] says so.
    /// For [`ConnectionClosed`](crate::ConnectionClosed) it is false: nothing failed to open, the same
    /// operation can't succeed on a closed connection, and whether to open another one, and what to send
    /// again on it, only the application knows.
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
    /// How a server answers a request that failed with this exception.
    ///
    /// | exception | answer |
    /// | --- | --- |
    /// | [`InvalidMessage`] | none |
    /// | [`AbortHandshake`](crate::AbortHandshake) | its own status |
    /// | [`InvalidHeader`] and below, [`NegotiationError`](crate::NegotiationError) and below, except: | 400 |
    /// | – [`InvalidOrigin`](crate::InvalidOrigin) | 403 |
    /// | – [`InvalidUpgrade`](crate::InvalidUpgrade) | 426 |
    /// | [`InvalidMethod`](crate::InvalidMethod) | 405 |
    /// | [`RequestLineTooLong`](crate::RequestLineTooLong) | 414 |
    /// | [`HeaderLineTooLong`](crate::HeaderLineTooLong), [`TooManyHeaders`](crate::TooManyHeaders), [`SecurityErrorKind::HeadTooLarge`] | 431 |
    /// | [`InvalidProtocol`](crate::InvalidProtocol) | 505 |
    /// | all others: what failed in the server itself | 500 |
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

    /// Whether the handshake failed for a reason that may pass, so that trying again makes sense.
    ///
    /// That is a stream that ended before the response did, or a response with the status 500, 502, 503
    /// or 504. All else will most likely fail again.
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

/// How a server answers a request that it refuses.
///
/// It is no number and no `Option`, so that a server has to say what it does without an answer.
#[must_use]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a server answers or it doesn't")]
pub enum HttpAnswer {
    /// With a response of this status.
    Status(u16),
    /// Not at all: it closes the TCP connection, since what it received wasn't HTTP.
    Disconnect,
}
