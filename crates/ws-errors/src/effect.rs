//! Effects of exceptions: close codes, answers of a server, retries.
//!
//! No other place picks these numbers. The matches have no `_` arm, so a new class can't be forgotten:
//! `non_exhaustive` binds only other crates.

use ws_types::CloseCode;

use crate::{
    ConnectionClosed, HandshakeTimeout, InvalidHandshake, InvalidHeader, InvalidMessage,
    InvalidProxyMessage, InvalidProxyStatus, InvalidStatus, InvalidStatusCode, KeepaliveTimeout,
    MessageCause, ProxyError, SecurityError, SecurityErrorKind, WebSocketException,
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
            | Self::ConcurrencyError(_)
            | Self::KeepaliveTimeout(_) => CloseCode::INTERNAL_ERROR,
        }
    }

    /// Whether another connection may do better, as far as the exception tells; a failure of the network
    /// has no class here.
    ///
    /// | exception | retryable |
    /// | --- | --- |
    /// | [`InvalidHandshake`] | see [there](InvalidHandshake::is_retryable) |
    /// | [`ConnectionClosed`] | see [there](ConnectionClosed::is_retryable) |
    /// | [`KeepaliveTimeout`] | yes |
    /// | all others: broken rules, exceeded limits, misuse | no |
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::InvalidHandshake(e) => e.is_retryable(),
            Self::ConnectionClosed(e) => e.is_retryable(),
            Self::KeepaliveTimeout(_) => true,
            Self::InvalidState(_)
            | Self::InvalidURI(_)
            | Self::InvalidProxy(_)
            | Self::PayloadTooBig(_)
            | Self::TooManyFragments(_)
            | Self::ProtocolError(_)
            | Self::InvalidUtf8(_)
            | Self::ConcurrencyError(_) => false,
        }
    }

    /// Whether something took too long: the opening handshake, or the answer to a keepalive ping.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.find::<HandshakeTimeout>().is_some() || self.find::<KeepaliveTimeout>().is_some()
    }
}

impl ConnectionClosed {
    /// Whether another connection may do better.
    ///
    /// | ending | retryable |
    /// | --- | --- |
    /// | there is no close frame: the peer vanished, 1006 | yes |
    /// | the peer didn't answer keepalive pings | yes |
    /// | this side failed the connection for another [cause](Self::cause) | no |
    /// | 1001, 1011 to 1014, received, sent or both | yes |
    /// | any other code, or none in a close frame, received or sent | no |
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self.cause() {
            Some(cause) => cause.is_retryable(),
            None => {
                self.rcvd().into_iter().chain(self.sent()).all(|close| is_temporary(close.code))
            }
        }
    }
}

/// Whether a code tells of a state that may pass.
fn is_temporary(code: CloseCode) -> bool {
    matches!(
        code,
        CloseCode::GOING_AWAY
            | CloseCode::ABNORMAL_CLOSURE
            | CloseCode::INTERNAL_ERROR
            | CloseCode::SERVICE_RESTART
            | CloseCode::TRY_AGAIN_LATER
            | CloseCode::BAD_GATEWAY
    )
}

/// Whether a status tells of a state that may pass ([RFC 9110 §15.5], [§15.6]): 408, 425, 429, and from
/// 500 to 599 all but 501 and 505.
///
/// [RFC 9110 §15.5]: https://www.rfc-editor.org/rfc/rfc9110#section-15.5
/// [§15.6]: https://www.rfc-editor.org/rfc/rfc9110#section-15.6
fn is_temporary_status(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500..=599) && !matches!(status, 501 | 505)
}

impl InvalidHandshake {
    /// The answer of a server to a request that failed with this exception.
    ///
    /// | exception | status |
    /// | --- | --- |
    /// | [`InvalidMessage`] of a client that is gone, or doesn't speak HTTP | none |
    /// | [`InvalidMessage`] otherwise | 400 |
    /// | [`HandshakeTimeout`] | none |
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
            Self::InvalidMessage(e) => match e.cause {
                Some(MessageCause::Malformed(_) | MessageCause::SecurityError(_)) => 400,
                Some(MessageCause::UnexpectedEof | MessageCause::NotHttp(_)) | None => {
                    return HttpAnswer::Disconnect;
                }
            },
            Self::HandshakeTimeout(_) => return HttpAnswer::Disconnect,
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
                    | SecurityErrorKind::CrossOriginRedirect { .. }
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

    /// Whether the opening handshake failed for a reason that may pass: it took too long, the stream ended
    /// before the response did, the response of the server or proxy has status 408, 425, 429, or one from
    /// 500 to 599 other than 501 and 505, or a SOCKS proxy can't reach the server.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::HandshakeTimeout(_) => true,
            Self::InvalidMessage(InvalidMessage { cause, .. })
            | Self::ProxyError(ProxyError::InvalidProxyMessage(InvalidProxyMessage { cause })) => {
                matches!(cause, Some(MessageCause::UnexpectedEof))
            }
            Self::InvalidStatus(InvalidStatus { response })
            | Self::ProxyError(ProxyError::InvalidProxyStatus(InvalidProxyStatus { response })) => {
                is_temporary_status(response.status_code)
            }
            Self::InvalidStatusCode(InvalidStatusCode { status_code }) => {
                is_temporary_status(*status_code)
            }
            Self::ProxyError(ProxyError::Base { temporary, .. }) => *temporary,
            Self::Base { .. }
            | Self::SecurityError(_)
            | Self::InvalidMethod(_)
            | Self::InvalidProtocol(_)
            | Self::InvalidHeader(_)
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
