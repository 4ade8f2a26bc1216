#![doc = include_str!("../README.md")]
//!
//! # Where to look
//!
//! Here are the classes, their texts, and what follows from them: the close code
//! ([`WebSocketException::close_code`]), the answer over HTTP ([`InvalidHandshake::http_status`]) and
//! whether trying again may help ([`WebSocketException::is_retryable`]). What raises them lives above,
//! in `ws-proto`; I/O errors and timeouts are no exceptions of the protocol and live in `ws-tokio`.
//! Start reading at [`WebSocketException`].

#[macro_use]
mod macros;

mod closed;
mod effect;
mod escape;
mod exception;
mod handshake;
mod header;
mod message;
mod negotiation;
mod protocol;
mod proxy;
mod response;
mod security;
mod tree;
mod uri;

pub use closed::{ConnectionClosed, ConnectionClosedError, ConnectionClosedOK};
pub use effect::HttpAnswer;
pub use escape::Escaped;
pub use exception::{Exception, WebSocketException};
pub use handshake::{
    AbortHandshake, InvalidHandshake, InvalidMethod, InvalidProtocol, InvalidStatus,
    InvalidStatusCode, RedirectHandshake,
};
pub use header::{InvalidHeader, InvalidHeaderFormat, InvalidOrigin, InvalidUpgrade};
pub use message::{HttpMessage, InvalidMessage, MessageCause};
pub use negotiation::{
    DuplicateParameter, InvalidParameterName, InvalidParameterValue, NegotiationError,
    NegotiationErrorKind, UnsupportedExtension,
};
pub use protocol::{
    ConcurrencyError, ConcurrencyErrorKind, InvalidState, InvalidUtf8, PayloadTooBig,
    ProtocolError, ProtocolErrorKind, TooManyFragments, WebSocketProtocolError,
};
pub use proxy::{InvalidProxyMessage, InvalidProxyStatus, ProxyError};
pub use response::Response;
pub use security::{
    HeaderLineTooLong, RequestLineTooLong, SecurityError, SecurityErrorKind, StatusLineTooLong,
    TooManyHeaders,
};
pub use uri::{InvalidProxy, InvalidURI};
pub use ws_headers::{Headers, InvalidHeaderValue, MultipleValuesError};
