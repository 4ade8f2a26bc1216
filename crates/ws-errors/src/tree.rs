//! The tree as tables: the classes below each class, and those above it.

use std::borrow::Borrow;

use ws_headers::InvalidHeaderValue;
use ws_types::InvalidOpcode;

use crate::exception::{Exception, Sealed, find};
use crate::{
    AbortHandshake, ConcurrencyError, ConcurrencyErrorKind, ConnectionClosed,
    ConnectionClosedError, ConnectionClosedOK, DuplicateParameter, HandshakeTimeout,
    HeaderLineTooLong, InvalidHandshake, InvalidHeader, InvalidHeaderFormat, InvalidMessage,
    InvalidMethod, InvalidOrigin, InvalidParameterName, InvalidParameterValue, InvalidProtocol,
    InvalidProxy, InvalidProxyMessage, InvalidProxyStatus, InvalidState, InvalidStatus,
    InvalidStatusCode, InvalidURI, InvalidUpgrade, InvalidUtf8, KeepaliveTimeout, NegotiationError,
    NegotiationErrorKind, PayloadTooBig, ProtocolError, ProtocolErrorKind, ProxyError,
    RedirectHandshake, RequestLineTooLong, SecurityError, SecurityErrorKind, StatusLineTooLong,
    TooManyFragments, TooManyHeaders, WebSocketException,
};

bases! {
    WebSocketException: ConnectionClosed InvalidHandshake InvalidState InvalidURI InvalidProxy
        PayloadTooBig TooManyFragments ProtocolError InvalidUtf8 ConcurrencyError KeepaliveTimeout;
    ConnectionClosed: ConnectionClosedError ConnectionClosedOK;
    InvalidHandshake[Base]: SecurityError ProxyError InvalidMessage InvalidMethod InvalidProtocol
        InvalidStatus InvalidHeader InvalidStatusCode NegotiationError AbortHandshake
        RedirectHandshake HandshakeTimeout;
    SecurityError[Base]: RequestLineTooLong StatusLineTooLong HeaderLineTooLong TooManyHeaders;
    ProxyError[Base]: InvalidProxyMessage InvalidProxyStatus;
    InvalidHeader[Base]: InvalidHeaderFormat InvalidHeaderValue InvalidOrigin InvalidUpgrade;
    NegotiationError[Base]: DuplicateParameter InvalidParameterName InvalidParameterValue;
}

leaves! {
    ConnectionClosedError ConnectionClosedOK
    RequestLineTooLong StatusLineTooLong HeaderLineTooLong TooManyHeaders
    InvalidProxyMessage InvalidProxyStatus
    InvalidMessage InvalidMethod InvalidProtocol InvalidStatus
    InvalidHeaderFormat InvalidHeaderValue InvalidOrigin InvalidUpgrade
    InvalidStatusCode
    DuplicateParameter InvalidParameterName InvalidParameterValue
    AbortHandshake RedirectHandshake HandshakeTimeout
    InvalidState InvalidURI InvalidProxy PayloadTooBig TooManyFragments ProtocolError InvalidUtf8
    ConcurrencyError KeepaliveTimeout
}

is_a! {
    ConnectionClosed: WebSocketException;
    ConnectionClosedError: ConnectionClosed: WebSocketException;
    ConnectionClosedOK: ConnectionClosed: WebSocketException;
    InvalidHandshake: WebSocketException;
    SecurityError: InvalidHandshake: WebSocketException;
    RequestLineTooLong: SecurityError: InvalidHandshake: WebSocketException;
    StatusLineTooLong: SecurityError: InvalidHandshake: WebSocketException;
    HeaderLineTooLong: SecurityError: InvalidHandshake: WebSocketException;
    TooManyHeaders: SecurityError: InvalidHandshake: WebSocketException;
    ProxyError: InvalidHandshake: WebSocketException;
    InvalidProxyMessage: ProxyError: InvalidHandshake: WebSocketException;
    InvalidProxyStatus: ProxyError: InvalidHandshake: WebSocketException;
    InvalidMessage: InvalidHandshake: WebSocketException;
    InvalidMethod: InvalidHandshake: WebSocketException;
    InvalidProtocol: InvalidHandshake: WebSocketException;
    InvalidStatus: InvalidHandshake: WebSocketException;
    InvalidHeader: InvalidHandshake: WebSocketException;
    InvalidHeaderFormat: InvalidHeader: InvalidHandshake: WebSocketException;
    InvalidHeaderValue: InvalidHeader: InvalidHandshake: WebSocketException;
    InvalidOrigin: InvalidHeader: InvalidHandshake: WebSocketException;
    InvalidUpgrade: InvalidHeader: InvalidHandshake: WebSocketException;
    InvalidStatusCode: InvalidHandshake: WebSocketException;
    NegotiationError: InvalidHandshake: WebSocketException;
    DuplicateParameter: NegotiationError: InvalidHandshake: WebSocketException;
    InvalidParameterName: NegotiationError: InvalidHandshake: WebSocketException;
    InvalidParameterValue: NegotiationError: InvalidHandshake: WebSocketException;
    AbortHandshake: InvalidHandshake: WebSocketException;
    RedirectHandshake: InvalidHandshake: WebSocketException;
    HandshakeTimeout: InvalidHandshake: WebSocketException;
    InvalidState: WebSocketException;
    InvalidURI: WebSocketException;
    InvalidProxy: WebSocketException;
    PayloadTooBig: WebSocketException;
    TooManyFragments: WebSocketException;
    ProtocolError: WebSocketException;
    InvalidUtf8: WebSocketException;
    ConcurrencyError: WebSocketException;
    KeepaliveTimeout: WebSocketException;
}

// Kinds, which convert into their class and those above it.
widen!(SecurityErrorKind: SecurityError: InvalidHandshake: WebSocketException);
widen!(NegotiationErrorKind: NegotiationError: InvalidHandshake: WebSocketException);
widen!(ProtocolErrorKind: ProtocolError: WebSocketException);
widen!(ConcurrencyErrorKind: ConcurrencyError: WebSocketException);
widen!(InvalidOpcode: ProtocolError: WebSocketException);
