//! Failures of an open connection: frames that break the protocol, messages above a limit, and misuse
//! by the caller.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use ws_types::{InvalidOpcode, State};

/// A frame breaks the protocol; the connection fails with 1002 ([RFC 6455 §5]).
///
/// ```
/// use ws_errors::{ProtocolError, ProtocolErrorKind, WebSocketException};
/// use ws_types::CloseCode;
///
/// let error = ProtocolError::new(ProtocolErrorKind::InvalidOpcode(0x3));
/// assert_eq!(error.to_string(), "invalid opcode");
/// assert_eq!(WebSocketException::from(error).close_code(), CloseCode::PROTOCOL_ERROR);
/// ```
///
/// [RFC 6455 §5]: https://www.rfc-editor.org/rfc/rfc6455#section-5
#[doc(alias = "WebSocketProtocolError")]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{kind}")]
#[non_exhaustive]
pub struct ProtocolError {
    /// The broken rule, with the value that breaks it.
    pub kind: ProtocolErrorKind,
}

impl ProtocolError {
    /// Makes the exception of this kind.
    #[must_use]
    pub fn new(kind: ProtocolErrorKind) -> Self {
        Self { kind }
    }

    /// Makes the exception with a text of an extension: [`ProtocolErrorKind::Custom`].
    #[must_use]
    pub fn custom(msg: &'static str) -> Self {
        Self::new(ProtocolErrorKind::Custom(msg))
    }
}

impl From<ProtocolErrorKind> for ProtocolError {
    fn from(kind: ProtocolErrorKind) -> Self {
        Self::new(kind)
    }
}

impl From<InvalidOpcode> for ProtocolError {
    fn from(e: InvalidOpcode) -> Self {
        Self::new(ProtocolErrorKind::InvalidOpcode(e.0))
    }
}

/// The earlier name of [`ProtocolError`].
pub type WebSocketProtocolError = ProtocolError;

/// The rule that a [`ProtocolError`] is about; `Display` writes its text.
///
/// Most kinds are the peer's fault. [`ReasonWithoutCode`](Self::ReasonWithoutCode) is misuse by the
/// caller, whose connection goes on; [`ControlFrameTooLong`](Self::ControlFrameTooLong) and
/// [`InvalidStatusCode`](Self::InvalidStatusCode) can be either.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ProtocolErrorKind {
    /// The opcode, given here, is reserved ([RFC 6455 §5.2]).
    ///
    /// [RFC 6455 §5.2]: https://www.rfc-editor.org/rfc/rfc6455#section-5.2
    InvalidOpcode(u8),
    /// A client's frame isn't masked, or a server's frame is ([RFC 6455 §5.1]).
    ///
    /// [RFC 6455 §5.1]: https://www.rfc-editor.org/rfc/rfc6455#section-5.1
    IncorrectMasking,
    /// A reserved bit is set, and no negotiated extension defines it for this frame ([RFC 6455 §5.2]).
    ///
    /// [RFC 6455 §5.2]: https://www.rfc-editor.org/rfc/rfc6455#section-5.2
    ReservedBits,
    /// The payload of a control frame is longer than 125 bytes; its length is given here
    /// ([RFC 6455 §5.5]).
    ///
    /// [RFC 6455 §5.5]: https://www.rfc-editor.org/rfc/rfc6455#section-5.5
    ControlFrameTooLong(u64),
    /// A control frame is fragmented ([RFC 6455 §5.5]).
    ///
    /// [RFC 6455 §5.5]: https://www.rfc-editor.org/rfc/rfc6455#section-5.5
    FragmentedControlFrame,
    /// The payload of a close frame is one byte, too short for a code ([RFC 6455 §5.5.1]).
    ///
    /// [RFC 6455 §5.5.1]: https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1
    CloseFrameTooShort,
    /// The code of a close frame, given here, isn't allowed in one ([RFC 6455 §7.4]).
    ///
    /// [RFC 6455 §7.4]: https://www.rfc-editor.org/rfc/rfc6455#section-7.4
    InvalidStatusCode(u16),
    /// A continuation frame comes outside a fragmented message ([RFC 6455 §5.4]).
    ///
    /// [RFC 6455 §5.4]: https://www.rfc-editor.org/rfc/rfc6455#section-5.4
    UnexpectedContinuation,
    /// A message begins inside a fragmented message ([RFC 6455 §5.4]).
    ///
    /// [RFC 6455 §5.4]: https://www.rfc-editor.org/rfc/rfc6455#section-5.4
    ExpectedContinuation,
    /// A continuation frame of a compressed message has RSV1 set ([RFC 7692 §6.1]).
    ///
    /// [RFC 7692 §6.1]: https://www.rfc-editor.org/rfc/rfc7692#section-6.1
    Rsv1InContinuation,
    /// The payload of a compressed message isn't DEFLATE data ([RFC 7692 §6.2]).
    ///
    /// [RFC 7692 §6.2]: https://www.rfc-editor.org/rfc/rfc7692#section-6.2
    DecompressionFailed,
    /// An extension refuses a frame, with a text of its own.
    Custom(&'static str),
    /// The length of a frame, given here, isn't in the shortest encoding ([RFC 6455 §5.2]).
    ///
    /// [RFC 6455 §5.2]: https://www.rfc-editor.org/rfc/rfc6455#section-5.2
    FrameLengthNotMinimal(u64),
    /// The length of a frame, given here, has its most significant bit set ([RFC 6455 §5.2]).
    ///
    /// [RFC 6455 §5.2]: https://www.rfc-editor.org/rfc/rfc6455#section-5.2
    FrameLengthTooLong(u64),
    /// The caller closes with a reason and without a code ([RFC 6455 §5.5.1]).
    ///
    /// [RFC 6455 §5.5.1]: https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1
    ReasonWithoutCode,
}

impl fmt::Display for ProtocolErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidOpcode(_) => "invalid opcode",
            Self::IncorrectMasking => "incorrect masking",
            Self::ReservedBits => "reserved bits must be 0",
            Self::ControlFrameTooLong(_) => "control frame too long",
            Self::FragmentedControlFrame => "fragmented control frame",
            Self::CloseFrameTooShort => "close frame too short",
            Self::InvalidStatusCode(_) => "invalid status code",
            Self::UnexpectedContinuation => "unexpected continuation frame",
            Self::ExpectedContinuation => "expected a continuation frame",
            Self::Rsv1InContinuation => "RSV1 bit set in continuation frame",
            Self::DecompressionFailed => "decompression failed",
            Self::Custom(msg) => msg,
            Self::FrameLengthNotMinimal(_) => "frame length isn't minimal",
            Self::FrameLengthTooLong(_) => "frame length above 63 bits",
            Self::ReasonWithoutCode => "cannot send a reason without a code",
        })
    }
}

/// A text message or close reason isn't UTF-8; the connection fails with 1007 ([RFC 6455 §8.1]).
///
/// Python raises its own `UnicodeDecodeError` instead.
///
/// ```
/// use ws_errors::{InvalidUtf8, WebSocketException};
/// use ws_types::CloseCode;
///
/// let error = InvalidUtf8::new("invalid start byte", 4);
/// assert_eq!(error.to_string(), "invalid start byte at position 4");
/// assert_eq!(WebSocketException::from(error).close_code(), CloseCode::INVALID_DATA);
/// ```
///
/// [RFC 6455 §8.1]: https://www.rfc-editor.org/rfc/rfc6455#section-8.1
#[doc(alias = "UnicodeDecodeError")]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{error} at position {position}")]
#[non_exhaustive]
pub struct InvalidUtf8 {
    /// The fault: `invalid start byte`, `invalid continuation byte` or `unexpected end of data`.
    pub error: &'static str,
    /// The offset of the invalid character in the text, in bytes.
    pub position: u64,
}

impl InvalidUtf8 {
    /// Makes the exception for text that is invalid at the byte `position`.
    #[must_use]
    pub fn new(error: &'static str, position: u64) -> Self {
        Self { error, position }
    }
}

/// A message exceeds a limit in bytes: the connection fails with 1009, or the message is skipped
/// ([RFC 6455 §10.4]).
///
/// ```
/// use ws_errors::PayloadTooBig;
///
/// let error = PayloadTooBig::new(Some(400), Some(700), 1_000);
/// assert_eq!(
///     error.to_string(),
///     "frame with 400 bytes after reading 700 bytes exceeds limit of 1000 bytes"
/// );
/// ```
///
/// [RFC 6455 §10.4]: https://www.rfc-editor.org/rfc/rfc6455#section-10.4
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct PayloadTooBig {
    /// The length of the frame in bytes; `None` when the limit was exceeded while decompressing it.
    pub size: Option<u64>,
    /// Bytes of the message in earlier frames; `None` for the first frame.
    pub current: Option<u64>,
    /// The limit in bytes, inclusive: on the whole message, on a frame, or on the inflated bytes of a
    /// compressed message that is skipped.
    pub max: u64,
}

impl PayloadTooBig {
    /// Makes the exception for a frame of `size` bytes after `current` bytes, with the limit `max`.
    #[must_use]
    pub fn new(size: Option<u64>, current: Option<u64>, max: u64) -> Self {
        Self { size, current, max }
    }
}

impl fmt::Display for PayloadTooBig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("frame ")?;
        if let Some(size) = self.size {
            write!(f, "with {size} bytes ")?;
        }
        if let Some(current) = self.current {
            write!(f, "after reading {current} bytes ")?;
        }
        write!(f, "exceeds limit of {} bytes", self.max)
    }
}

impl Error for PayloadTooBig {}

/// A message exceeds the limit in fragments; the connection fails with 1009 ([RFC 6455 §5.4]).
///
/// [RFC 6455 §5.4]: https://www.rfc-editor.org/rfc/rfc6455#section-5.4
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("fragmented message exceeds limit of {max_fragments} frames")]
#[non_exhaustive]
pub struct TooManyFragments {
    /// The limit, inclusive.
    pub max_fragments: usize,
}

impl TooManyFragments {
    /// Makes the exception for a message of more than `max_fragments` fragments.
    #[must_use]
    pub fn new(max_fragments: usize) -> Self {
        Self { max_fragments }
    }
}

/// The peer has not answered a keepalive ping in time; the connection fails with 1011
/// ([RFC 6455 §5.5.2]).
///
/// Python has no class for it, only the reason of the close frame.
///
/// ```
/// use std::time::Duration;
/// use ws_errors::{KeepaliveTimeout, WebSocketException};
///
/// let error = KeepaliveTimeout::new(Duration::from_secs(20));
/// assert_eq!(error.to_string(), "keepalive ping timeout");
/// assert!(WebSocketException::from(error).is_timeout());
/// ```
///
/// [RFC 6455 §5.5.2]: https://www.rfc-editor.org/rfc/rfc6455#section-5.5.2
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("keepalive ping timeout")]
#[non_exhaustive]
pub struct KeepaliveTimeout {
    /// The time that the peer had for its pong.
    pub ping_timeout: Duration,
}

impl KeepaliveTimeout {
    /// Makes the exception for a peer that had `ping_timeout` to answer.
    #[must_use]
    pub fn new(ping_timeout: Duration) -> Self {
        Self { ping_timeout }
    }
}

/// The state of the connection forbids the operation: misuse by the caller.
///
/// ```
/// use ws_errors::InvalidState;
/// use ws_types::State;
///
/// assert_eq!(InvalidState::new(State::Closing).to_string(), "connection is closing");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct InvalidState {
    /// The state of the connection.
    pub state: State,
}

impl InvalidState {
    /// Makes the exception for this state.
    #[must_use]
    pub fn new(state: State) -> Self {
        Self { state }
    }
}

impl fmt::Display for InvalidState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Connecting => "connection is connecting",
            State::Open => "connection is open",
            State::Closing => "connection is closing",
            State::Closed => "connection is closed",
        })
    }
}

impl Error for InvalidState {}

/// An operation conflicts with one in progress on the same connection: misuse by the caller.
///
/// ```
/// use ws_errors::{ConcurrencyError, ConcurrencyErrorKind};
///
/// let error = ConcurrencyError::new(ConcurrencyErrorKind::SamePing);
/// assert_eq!(error.to_string(), "already waiting for a pong with the same data");
/// ```
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{kind}")]
#[non_exhaustive]
pub struct ConcurrencyError {
    /// The operations in conflict.
    pub kind: ConcurrencyErrorKind,
}

impl ConcurrencyError {
    /// Makes the exception of this kind.
    #[must_use]
    pub fn new(kind: ConcurrencyErrorKind) -> Self {
        Self { kind }
    }
}

impl From<ConcurrencyErrorKind> for ConcurrencyError {
    fn from(kind: ConcurrencyErrorKind) -> Self {
        Self::new(kind)
    }
}

/// The operations that a [`ConcurrencyError`] is about; `Display` writes its text.
///
/// Python's kinds for two tasks that receive aren't among them: receiving borrows the connection mutably, so
/// the compiler refuses the second one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ConcurrencyErrorKind {
    /// Sending a ping while another ping with the same payload is unanswered.
    SamePing,
    /// Beginning a message while another one is being sent in pieces ([RFC 6455 §5.4]).
    ///
    /// [RFC 6455 §5.4]: https://www.rfc-editor.org/rfc/rfc6455#section-5.4
    MessageInProgress,
}

impl fmt::Display for ConcurrencyErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SamePing => "already waiting for a pong with the same data",
            Self::MessageInProgress => "a message is being sent in pieces",
        })
    }
}
