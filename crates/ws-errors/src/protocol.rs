//! What goes wrong on an open connection: frames that break the protocol, messages above a limit, and
//! operations that aren't possible.

use std::error::Error;
use std::fmt;

use ws_types::{InvalidOpcode, State};

/// A frame breaks the protocol; the connection is failed with 1002.
///
/// ```
/// use ws_errors::{ProtocolError, ProtocolErrorKind, WebSocketException};
/// use ws_types::CloseCode;
///
/// let error = ProtocolError::new(ProtocolErrorKind::InvalidOpcode(0x3));
/// assert_eq!(error.to_string(), "invalid opcode");
/// assert_eq!(WebSocketException::from(error).close_code(), CloseCode::PROTOCOL_ERROR);
/// ```
#[doc(alias = "WebSocketProtocolError")]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{kind}")]
#[non_exhaustive]
pub struct ProtocolError {
    /// Which rule is broken, and by what.
    pub kind: ProtocolErrorKind,
}

impl ProtocolError {
    /// The exception of this kind.
    #[must_use]
    pub fn new(kind: ProtocolErrorKind) -> Self {
        Self { kind }
    }

    /// The exception with a text of your own: [`ProtocolErrorKind::Custom`].
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

/// The early name of [`ProtocolError`].
pub type WebSocketProtocolError = ProtocolError;

/// What a [`ProtocolError`] is about; `Display` gives its text.
///
/// Most kinds are the peer's fault. [`ReasonWithoutCode`](Self::ReasonWithoutCode) is misuse by the
/// caller, whose connection goes on; [`ControlFrameTooLong`](Self::ControlFrameTooLong) and
/// [`InvalidStatusCode`](Self::InvalidStatusCode) can be either.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ProtocolErrorKind {
    /// The opcode is a reserved one, given here ([RFC 6455 §5.2](https://www.rfc-editor.org/rfc/rfc6455#section-5.2)).
    InvalidOpcode(u8),
    /// A frame of a client isn't masked, or one of a server is ([RFC 6455 §5.1](https://www.rfc-editor.org/rfc/rfc6455#section-5.1)).
    IncorrectMasking,
    /// A reserved bit is set that no extension in use defines for the frame ([RFC 6455 §5.2](https://www.rfc-editor.org/rfc/rfc6455#section-5.2)).
    ReservedBits,
    /// The payload of a control frame has more than 125 bytes, as many as given here ([RFC 6455 §5.5](https://www.rfc-editor.org/rfc/rfc6455#section-5.5)).
    ControlFrameTooLong(u64),
    /// A control frame is fragmented ([RFC 6455 §5.5](https://www.rfc-editor.org/rfc/rfc6455#section-5.5)).
    FragmentedControlFrame,
    /// The payload of a close frame is a single byte ([RFC 6455 §5.5.1](https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1)).
    CloseFrameTooShort,
    /// The code of a close frame, given here, can't be in one ([RFC 6455 §7.4](https://www.rfc-editor.org/rfc/rfc6455#section-7.4)).
    InvalidStatusCode(u16),
    /// A continuation frame continues nothing ([RFC 6455 §5.4](https://www.rfc-editor.org/rfc/rfc6455#section-5.4)).
    UnexpectedContinuation,
    /// A message begins within a fragmented one ([RFC 6455 §5.4](https://www.rfc-editor.org/rfc/rfc6455#section-5.4)).
    ExpectedContinuation,
    /// The close frame comes within a fragmented message ([RFC 6455 §5.4](https://www.rfc-editor.org/rfc/rfc6455#section-5.4)).
    IncompleteFragmentedMessage,
    /// A continuation frame of a compressed message has RSV1 set ([RFC 7692 §6.1](https://www.rfc-editor.org/rfc/rfc7692#section-6.1)).
    Rsv1InContinuation,
    /// The payload of a compressed message isn't deflate data ([RFC 7692 §6.2](https://www.rfc-editor.org/rfc/rfc7692#section-6.2)).
    DecompressionFailed,
    /// An extension refuses a frame, in its own words.
    Custom(&'static str),
    /// The length of a frame, given here, isn't in its shortest form ([RFC 6455 §5.2](https://www.rfc-editor.org/rfc/rfc6455#section-5.2)).
    FrameLengthNotMinimal(u64),
    /// The length of a frame, given here, has its top bit set ([RFC 6455 §5.2](https://www.rfc-editor.org/rfc/rfc6455#section-5.2)).
    FrameLengthTooLong(u64),
    /// A close frame was to be sent with a reason and without a code
    /// ([RFC 6455 §5.5.1](https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1)).
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
            Self::IncompleteFragmentedMessage => "incomplete fragmented message",
            Self::Rsv1InContinuation => "RSV1 bit set in continuation frame",
            Self::DecompressionFailed => "decompression failed",
            Self::Custom(msg) => msg,
            Self::FrameLengthNotMinimal(_) => "frame length isn't minimal",
            Self::FrameLengthTooLong(_) => "frame length above 63 bits",
            Self::ReasonWithoutCode => "cannot send a reason without a code",
        })
    }
}

/// Text isn't UTF-8; the connection is failed with 1007 ([RFC 6455 §8.1]).
///
/// Python has no such class: there a `UnicodeDecodeError` comes out.
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
    /// What is wrong: `invalid start byte`, `invalid continuation byte` or `unexpected end of data`.
    pub error: &'static str,
    /// How many bytes of the text are before the character that is wrong.
    pub position: u64,
}

impl InvalidUtf8 {
    /// The exception for a text that is wrong from the byte `position` on.
    #[must_use]
    pub fn new(error: &'static str, position: u64) -> Self {
        Self { error, position }
    }
}

/// A message exceeds its limit in bytes; the connection is failed with 1009 ([RFC 6455 §10.4]).
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
    /// The length of the frame that goes too far, in bytes; `None` when that shows only while it is
    /// decompressed.
    pub size: Option<u64>,
    /// How many bytes of the message came in earlier frames; `None` in the first one.
    pub current: Option<u64>,
    /// The limit of the whole message in bytes.
    pub max: u64,
}

impl PayloadTooBig {
    /// The exception for a frame of `size` bytes after `current` bytes, the limit of all being `max`.
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

/// A message has more fragments than its limit; the connection is failed with 1009
/// ([RFC 6455 §5.4]).
///
/// [RFC 6455 §5.4]: https://www.rfc-editor.org/rfc/rfc6455#section-5.4
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("fragmented message exceeds limit of {max_fragments} frames")]
#[non_exhaustive]
pub struct TooManyFragments {
    /// The limit, which one fragment more exceeded.
    pub max_fragments: usize,
}

impl TooManyFragments {
    /// The exception for one fragment more than `max_fragments`.
    #[must_use]
    pub fn new(max_fragments: usize) -> Self {
        Self { max_fragments }
    }
}

/// The connection is in a state that forbids the operation: misuse by the program itself.
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
    /// The state that the connection is in.
    pub state: State,
}

impl InvalidState {
    /// The exception for this state.
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

/// Two operations at once exclude each other: misuse by the program itself.
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
    /// Which operations they are.
    pub kind: ConcurrencyErrorKind,
}

impl ConcurrencyError {
    /// The exception of this kind.
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

/// What a [`ConcurrencyError`] is about; `Display` gives its text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ConcurrencyErrorKind {
    /// A message was to be received while another task receives.
    Recv,
    /// A message was to be received piece by piece while another task receives.
    RecvStreaming,
    /// A ping was to be sent while another one with the same payload waits for its pong.
    SamePing,
    /// A broadcast met a connection on which a fragmented message is being sent.
    FragmentedSend,
    /// A message was begun while another one is being sent in pieces
    /// ([RFC 6455 §5.4](https://www.rfc-editor.org/rfc/rfc6455#section-5.4)).
    MessageInProgress,
}

impl fmt::Display for ConcurrencyErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Recv => {
                "cannot call recv while another coroutine is already running recv or recv_streaming"
            }
            Self::RecvStreaming => {
                "cannot call recv_streaming while another coroutine is already running recv or \
                 recv_streaming"
            }
            Self::SamePing => "already waiting for a pong with the same data",
            Self::FragmentedSend => "sending a fragmented message",
            Self::MessageInProgress => "a message is being sent in pieces",
        })
    }
}
