//! Effects of each exception: close code, answer of a server, retry.

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
    ] {
        let error: WebSocketException = error;
        assert_eq!(error.close_code(), code, "{error:?}");
        assert!(error.close_code().is_sendable());
    }
}

#[test]
fn http_statuses() {
    use HttpAnswer::{Disconnect, Status};
    let rows: [(InvalidHandshake, HttpAnswer); 36] = [
        (RequestLineTooLong::new(2, 1).into(), Status(414)),
        (HeaderLineTooLong::new(2, 1).into(), Status(431)),
        (TooManyHeaders::new(2, 1).into(), Status(431)),
        (SecurityErrorKind::HeadTooLarge { size: 2, max: 1 }.into(), Status(431)),
        (InvalidMessage::new(HttpMessage::Request, None).into(), Disconnect),
        (InvalidMessage::new(HttpMessage::Request, MessageCause::UnexpectedEof).into(), Disconnect),
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
fn retryable() {
    let retryable = |error: InvalidHandshake| {
        let answer = error.is_retryable();
        assert_eq!(WebSocketException::from(error).is_retryable(), answer);
        answer
    };

    for status in 100..=599 {
        let expected = [500, 502, 503, 504].contains(&status);
        assert_eq!(retryable(InvalidStatus::new(response(status)).into()), expected, "{status}");
        assert!(!retryable(InvalidProxyStatus::new(response(status)).into()), "{status}");
        assert!(!retryable(InvalidStatusCode::new(status).into()), "{status}");
    }

    let message = |cause| InvalidMessage::new(HttpMessage::Response, cause).into();
    assert!(retryable(message(Some(MessageCause::UnexpectedEof))));
    assert!(!retryable(message(None)));
    assert!(!retryable(message(Some(MessageCause::Malformed("a".into())))));
    let limit = SecurityError::from(TooManyHeaders::new(2, 1));
    assert!(!retryable(message(Some(limit.clone().into()))));

    assert!(!retryable(limit.into()));
    assert!(!retryable(InvalidProxyMessage::new(MessageCause::UnexpectedEof).into()));
    assert!(!retryable(InvalidHandshake::new("a")));
    assert!(!retryable(InvalidHeader::new("Upgrade", None).into()));
    assert!(!retryable(NegotiationErrorKind::NoExtensions.into()));

    let closed = ConnectionClosed::new(None, Some(Close::new(1012, "")), None, None);
    assert!(!WebSocketException::from(closed).is_retryable());
    assert!(!WebSocketException::from(InvalidURI::without_msg("a")).is_retryable());
    assert!(!WebSocketException::from(ProtocolErrorKind::ReservedBits).is_retryable());
}

fn response(status_code: u16) -> Response {
    Response::new(status_code, "", Headers::new(), "")
}
