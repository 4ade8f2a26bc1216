//! Effects of each exception: close code, answer of a server, retry.

use std::time::Duration;

use ws_errors::*;
use ws_types::{Close, State};

#[test]
fn close_codes() {
    let closed = Some(Close::new(1002, ""));
    for (error, code) in [
        (ProtocolErrorKind::IncorrectMasking.into(), 1002),
        (InvalidUtf8::new("invalid start byte", 0).into(), 1007),
        (PayloadTooBig::new(None, None, 1).into(), 1009),
        (TooManyFragments::new(1).into(), 1009),
        (ConnectionClosed::new(closed, None, None, None).into(), 1011),
        (InvalidHandshake::new("a").into(), 1011),
        (InvalidState::new(State::Closed).into(), 1011),
        (InvalidURI::without_msg("a").into(), 1011),
        (InvalidProxy::new("a", "b").into(), 1011),
        (ConcurrencyErrorKind::SamePing.into(), 1011),
        (KeepaliveTimeout::new(Duration::from_secs(20)).into(), 1011),
    ] {
        let error: WebSocketException = error;
        assert_eq!(error.close_code(), code, "{error:?}");
        assert!(error.close_code().is_sendable());
    }
}

#[test]
fn http_statuses() {
    use HttpAnswer::{Disconnect, Status};
    let request = |cause| InvalidMessage::new(HttpMessage::Request, cause).into();
    let rows: [(InvalidHandshake, HttpAnswer); 41] = [
        (RequestLineTooLong::new(2, 1).into(), Status(414)),
        (HeaderLineTooLong::new(2, 1).into(), Status(431)),
        (TooManyHeaders::new(2, 1).into(), Status(431)),
        (SecurityErrorKind::HeadTooLarge { size: 2, max: 1 }.into(), Status(431)),
        (request(None), Disconnect),
        (request(Some(MessageCause::UnexpectedEof)), Disconnect),
        (request(Some(NotHttp::new(b"EHLO x").into())), Disconnect),
        (HandshakeTimeout::new(Duration::from_secs(10)).into(), Disconnect),
        (request(Some(MessageCause::Malformed("a".into()))), Status(400)),
        (request(Some(SecurityError::from(TooManyHeaders::new(2, 1)).into())), Status(400)),
        (InvalidMethod::new("POST").into(), Status(405)),
        (InvalidProtocol::new("HTTP/1.0").into(), Status(505)),
        (InvalidUpgrade::new("Connection", None).into(), Status(426)),
        (InvalidHeaderFormat::new("Connection", "expected token", "", 0).into(), Status(400)),
        (InvalidHeader::new("Sec-WebSocket-Key", None).into(), Status(400)),
        (InvalidHeaderValue::new("Sec-WebSocket-Key", Some("a".into())).into(), Status(400)),
        (InvalidOrigin::new(None).into(), Status(403)),
        (NegotiationErrorKind::MissingSubprotocol.into(), Status(400)),
        (DuplicateParameter::new("a").into(), Status(400)),
        (InvalidParameterName::new("a").into(), Status(400)),
        (InvalidParameterValue::new("a", None).into(), Status(400)),
        (NegotiationError::new("a").into(), Status(400)),
        (AbortHandshake::new(302, Headers::new(), "").into(), Status(302)),
        (AbortHandshake::new(503, Headers::new(), "").into(), Status(503)),
        // The others aren't the client's fault.
        (InvalidHandshake::new("a"), Status(500)),
        (StatusLineTooLong::new(2, 1).into(), Status(500)),
        (SecurityErrorKind::BodyTooLarge { size: 2, max: 1 }.into(), Status(500)),
        (SecurityErrorKind::UnsizedBodyTooLarge { size: 2, max: 1 }.into(), Status(500)),
        (SecurityErrorKind::ChunkTooLarge { size: 2, after: 0, max: 1 }.into(), Status(500)),
        (SecurityErrorKind::ChunkLineTooLong { size: 2, max: 1 }.into(), Status(500)),
        (SecurityErrorKind::InvalidContentLength { value: "a".into() }.into(), Status(500)),
        (SecurityErrorKind::InvalidChunkSize { value: "g".into() }.into(), Status(500)),
        (SecurityErrorKind::InsecureRedirect { uri: "ws://a/".into() }.into(), Status(500)),
        (SecurityErrorKind::CrossOriginRedirect { uri: "ws://a/".into() }.into(), Status(500)),
        (SecurityErrorKind::TooManyRedirects { max: 10 }.into(), Status(500)),
        (ProxyError::new("a").into(), Status(500)),
        (InvalidProxyMessage::new(None).into(), Status(500)),
        (InvalidProxyStatus::new(response(407)).into(), Status(500)),
        (InvalidStatus::new(response(403)).into(), Status(500)),
        (InvalidStatusCode::new(403).into(), Status(500)),
        (RedirectHandshake::new("ws://a/").into(), Status(500)),
    ];
    for (error, answer) in rows {
        assert_eq!(error.http_status(), answer, "{error:?}");
    }
}

#[test]
fn failed_handshakes_are_retryable_if_their_reason_may_pass() {
    let retryable = |error: InvalidHandshake| {
        let answer = error.is_retryable();
        assert_eq!(WebSocketException::from(error).is_retryable(), answer);
        answer
    };

    for status in 100..=999 {
        let expected = matches!(status, 408 | 425 | 429 | 500 | 502..=504 | 506..=599);
        assert_eq!(retryable(InvalidStatus::new(response(status)).into()), expected, "{status}");
        assert_eq!(
            retryable(InvalidProxyStatus::new(response(status)).into()),
            expected,
            "{status}"
        );
        assert_eq!(retryable(InvalidStatusCode::new(status).into()), expected, "{status}");
    }

    let limit = SecurityError::from(TooManyHeaders::new(2, 1));
    for (cause, expected) in [
        (Some(MessageCause::UnexpectedEof), true),
        (None, false),
        (Some(MessageCause::Malformed("a".into())), false),
        (Some(NotHttp::new(b"SSH-2.0-x").into()), false),
        (Some(limit.clone().into()), false),
    ] {
        let error = InvalidMessage::new(HttpMessage::Response, cause.clone());
        assert_eq!(retryable(error.into()), expected, "{cause:?}");
        let error = InvalidProxyMessage::new(cause.clone());
        assert_eq!(retryable(error.into()), expected, "{cause:?}");
    }

    assert!(retryable(HandshakeTimeout::new(Duration::from_secs(10)).into()));
    assert!(!retryable(limit.into()));
    assert!(!retryable(InvalidHandshake::new("a")));
    assert!(!retryable(ProxyError::new("a").into()));
    assert!(retryable(ProxyError::temporary("a").into()));
    assert!(!retryable(InvalidHeader::new("Upgrade", None).into()));
    assert!(!retryable(NegotiationErrorKind::NoExtensions.into()));
}

#[test]
fn closed_connections_are_retryable_by_their_codes_and_causes() {
    let temporary = [1001, 1006, 1011, 1012, 1013, 1014];
    for code in 0..=5000 {
        let expected = temporary.contains(&code);
        let close = Some(Close::new(code, ""));
        for closed in [
            ConnectionClosed::new(close.clone(), None, None, None),
            ConnectionClosed::new(None, close.clone(), None, None),
            ConnectionClosed::new(close.clone(), close.clone(), Some(true), None),
            ConnectionClosed::new(close.clone(), close.clone(), Some(false), None),
        ] {
            assert_eq!(closed.is_retryable(), expected, "{closed}");
            assert_eq!(WebSocketException::from(closed).is_retryable(), expected);
        }
    }
    // The peer vanished.
    assert!(ConnectionClosed::new(None, None, None, None).is_retryable());
    // One of the codes says that it won't help.
    let (away, done) = (Some(Close::new(1001, "")), Some(Close::new(1000, "")));
    assert!(!ConnectionClosed::new(away.clone(), done.clone(), None, None).is_retryable());
    assert!(!ConnectionClosed::new(done, away, None, None).is_retryable());

    let after = |cause: WebSocketException| {
        let sent = Some(Close::new(cause.close_code(), cause.to_string()));
        ConnectionClosed::new(None, sent, None, Some(Box::new(cause))).is_retryable()
    };
    assert!(after(KeepaliveTimeout::new(Duration::from_secs(20)).into()));
    assert!(!after(ProtocolErrorKind::ReservedBits.into()));
    assert!(!after(PayloadTooBig::new(None, None, 1).into()));
    assert!(!after(TooManyFragments::new(1).into()));
    assert!(!after(InvalidUtf8::new("invalid start byte", 0).into()));
}

#[test]
fn misuse_is_not_retryable() {
    for error in [
        InvalidURI::without_msg("a").into(),
        InvalidProxy::new("a", "b").into(),
        InvalidState::new(State::Closed).into(),
        ConcurrencyErrorKind::SamePing.into(),
        WebSocketException::from(ProtocolErrorKind::ReasonWithoutCode),
    ] {
        assert!(!error.is_retryable() && !error.is_timeout(), "{error}");
    }
}

#[test]
fn timeouts_are_told_by_their_class() {
    let keepalive = WebSocketException::from(KeepaliveTimeout::new(Duration::from_secs(20)));
    assert!(keepalive.is_timeout());
    let sent = Some(Close::new(1011, "keepalive ping timeout"));
    let closed =
        |cause| WebSocketException::from(ConnectionClosed::new(None, sent.clone(), None, cause));
    assert!(closed(Some(Box::new(keepalive))).is_timeout());
    // The text alone is no time-out.
    assert!(!closed(None).is_timeout());
    assert!(WebSocketException::from(HandshakeTimeout::new(Duration::ZERO)).is_timeout());
    assert!(!WebSocketException::from(InvalidHandshake::new("timed out")).is_timeout());
    assert!(!WebSocketException::from(InvalidStatus::new(response(504))).is_timeout());
}

#[test]
fn causes_are_found_behind_the_class() {
    let limit = SecurityError::from(TooManyHeaders::new(2, 1));
    let message = InvalidMessage::new(HttpMessage::Response, MessageCause::from(limit.clone()));
    let proxy = InvalidProxyMessage::new(MessageCause::from(limit));
    for error in [WebSocketException::from(message), proxy.into()] {
        assert!(error.get::<TooManyHeaders>().is_none());
        assert!(
            error.find::<TooManyHeaders>().is_some() && error.find::<SecurityError>().is_some()
        );
        assert!(error.find::<InvalidHandshake>().is_some());
        assert!(error.find::<ProtocolError>().is_none());
    }
}

fn response(status_code: u16) -> Response {
    Response::new(status_code, "", Headers::new(), "")
}
