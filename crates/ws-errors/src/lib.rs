#![doc = include_str!("../README.md")]
#![doc(html_root_url = "https://docs.rs/ws-errors/latest")]
//!
//! # Where to look
//!
//! Start reading at [`WebSocketException`]. The effects of an exception are beside the classes:
//! [`WebSocketException::close_code`], [`InvalidHandshake::http_status`],
//! [`WebSocketException::is_retryable`] and [`WebSocketException::is_timeout`]. `ws-proto` raises the
//! exceptions, those of time-outs included; I/O errors aren't exceptions of the protocol, and are in
//! `ws-tokio`.

#[macro_use]
mod macros;

mod closed;
mod detail;
mod effect;
mod exception;
mod handshake;
mod header;
#[cfg(feature = "http")]
mod http;
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
pub use exception::{Exception, WebSocketException};
pub use handshake::{
    AbortHandshake, HandshakeTimeout, InvalidHandshake, InvalidMethod, InvalidProtocol,
    InvalidStatus, InvalidStatusCode, RedirectHandshake,
};
pub use header::{InvalidHeader, InvalidHeaderFormat, InvalidOrigin, InvalidUpgrade};
pub use message::{HttpMessage, InvalidMessage, MessageCause, NotHttp, OtherProtocol};
pub use negotiation::{
    DuplicateParameter, InvalidParameterName, InvalidParameterValue, NegotiationError,
    NegotiationErrorKind, UnsupportedExtension,
};
pub use protocol::{
    ConcurrencyError, ConcurrencyErrorKind, InvalidState, InvalidUtf8, KeepaliveTimeout,
    PayloadTooBig, ProtocolError, ProtocolErrorKind, TooManyFragments, WebSocketProtocolError,
};
pub use proxy::{InvalidProxyMessage, InvalidProxyStatus, ProxyError};
pub use response::Response;
pub use security::{
    HeaderLineTooLong, RequestLineTooLong, SecurityError, SecurityErrorKind, StatusLineTooLong,
    TooManyHeaders,
};
pub use uri::{InvalidProxy, InvalidURI};
pub use ws_headers::{Headers, InvalidHeaderValue, MultipleValuesError};
pub use ws_types::{Escaped, redact_uri};
