//! The text of each class, byte for byte.

use std::error::Error;
use std::time::Duration;

use ws_errors::*;
use ws_types::{Close, ExtensionName, ExtensionParameter, Origin, State, Subprotocol};

/// Checks the text of a class, alone and inside the classes above it.
#[track_caller]
fn check(error: impl Into<WebSocketException> + Error, text: &str) {
    assert_eq!(error.to_string(), text);
    assert_eq!(error.into().to_string(), text);
}

fn response(status_code: u16) -> Response {
    Response::new(status_code, "reason", Headers::new(), "body")
}

#[test]
fn connection_closed() {
    let close = |code: u16, reason: &str| Some(Close::new(code, reason));
    for (rcvd, sent, rcvd_then_sent, text) in [
        (None, None, None, "no close frame received or sent"),
        (None, close(1000, "x"), None, "sent 1000 (OK) x; no close frame received"),
        (close(1001, ""), None, None, "received 1001 (going away); no close frame sent"),
        (
            close(1000, "a"),
            close(1000, "b"),
            Some(true),
            "received 1000 (OK) a; then sent 1000 (OK) b",
        ),
        (
            close(1000, "a"),
            close(1000, "b"),
            Some(false),
            "sent 1000 (OK) b; then received 1000 (OK) a",
        ),
        (
            close(1005, ""),
            close(1005, ""),
            Some(true),
            "received 1005 (no status received [internal]); \
             then sent 1005 (no status received [internal])",
        ),
        (
            close(1002, "incorrect masking"),
            close(4000, "…"),
            Some(false),
            "sent 4000 (private use) …; then received 1002 (protocol error) incorrect masking",
        ),
    ] {
        check(ConnectionClosed::new(rcvd, sent, rcvd_then_sent, None), text);
    }
}

#[test]
fn headers() {
    for (value, text) in [
        (None, "missing X header"),
        (Some(""), "empty X header"),
        (Some("a, b"), "invalid X header: a, b"),
    ] {
        check(InvalidHeader::new("X", value), text);
        check(InvalidHeaderValue::new("X", value.map(str::to_owned)), text);
        check(InvalidUpgrade::new("X", value), text);
        check(InvalidOrigin::new(value.map(Origin::from)), &text.replace('X', "Origin"));
    }
    for (error, header, pos, text) in [
        ("expected token", "a;", 1, "invalid X header: expected token at 1 in a;"),
        ("expected token", "", 0, "invalid X header: expected token at 0 in "),
        ("expected comma", "é\tb", 2, "invalid X header: expected comma at 2 in é\tb"),
    ] {
        check(InvalidHeaderFormat::new("X", error, header, pos), text);
    }
}

#[test]
fn names_and_values_of_headers_are_those_in_the_text() {
    for (error, name, value) in [
        (InvalidHeader::new("X", None), "X", None),
        (InvalidHeader::new("X", Some("a")), "X", Some("a")),
        (InvalidHeaderValue::new("X", Some("a".into())).into(), "X", Some("a")),
        (InvalidUpgrade::new("X", Some("a")).into(), "X", Some("a")),
        (InvalidOrigin::new(Some("a".into())).into(), "Origin", Some("a")),
        (InvalidOrigin::new(None).into(), "Origin", None),
        (
            InvalidHeaderFormat::new("X", "expected token", "a;", 1).into(),
            "X",
            Some("expected token at 1 in a;"),
        ),
    ] {
        assert_eq!((error.name(), error.value().as_deref()), (name, value));
        let text = match value {
            None => format!("missing {name} header"),
            Some(value) => format!("invalid {name} header: {value}"),
        };
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn security() {
    check(RequestLineTooLong::new(8193, 8192), "read 8193 bytes, expected no more than 8192 bytes");
    check(StatusLineTooLong::new(8193, 8192), "read 8193 bytes, expected no more than 8192 bytes");
    check(HeaderLineTooLong::new(8193, 8192), "read 8193 bytes, expected no more than 8192 bytes");
    check(TooManyHeaders::new(129, 128), "expected no more than 128 headers");

    use SecurityErrorKind as K;
    for (kind, text) in [
        (K::HeadTooLarge { size: 9, max: 8 }, "read 9 bytes, expected no more than 8 bytes"),
        (K::BodyTooLarge { size: 9, max: 8 }, "body too large: 9 bytes"),
        (K::UnsizedBodyTooLarge { size: 9, max: 8 }, "read 9 bytes, expected no more than 8 bytes"),
        (K::ChunkTooLarge { size: 9, after: 4, max: 8 }, "chunk too large: 9 bytes after 4 bytes"),
        (K::ChunkLineTooLong { size: 9, max: 8 }, "read 9 bytes, expected no more than 8 bytes"),
        (K::InvalidContentLength { value: "-1".into() }, "invalid content length: -1"),
        (K::InvalidChunkSize { value: "g".into() }, "invalid chunk size: g"),
        (
            K::InsecureRedirect { uri: "ws://a/".into() },
            "cannot follow redirect to non-secure URI ws://a/",
        ),
        (
            K::CrossOriginRedirect { uri: "ws://a/".into() },
            "cannot follow cross-origin redirect to ws://a/ with a fixed address",
        ),
        (K::TooManyRedirects { max: 10 }, "more than 10 redirects"),
    ] {
        check(SecurityError::from(kind), text);
    }
}

#[test]
fn handshakes() {
    check(InvalidHandshake::new("database is down"), "database is down");
    check(InvalidMethod::new("POST"), "unsupported HTTP method: POST");
    check(InvalidProtocol::new("HTTP/1.0"), "unsupported HTTP version: HTTP/1.0");
    check(InvalidStatus::new(response(401)), "server rejected WebSocket connection: HTTP 401");
    check(InvalidStatusCode::new(401), "server rejected WebSocket connection: HTTP 401");
    check(RedirectHandshake::new("ws://a/"), "redirect to ws://a/");

    let headers = Headers::try_from([("Allow", "GET"), ("allow", "HEAD"), ("Age", "1")]).unwrap();
    check(AbortHandshake::new(405, headers, "no\n"), "HTTP 405, 2 headers, 3 bytes");

    check(ProxyError::new("failed to connect to SOCKS proxy"), "failed to connect to SOCKS proxy");
    check(InvalidProxyMessage::new(None), "did not receive a valid HTTP response from proxy");
    check(InvalidProxyStatus::new(response(407)), "proxy rejected connection: HTTP 407");
}

#[test]
fn messages() {
    use HttpMessage::{Request, Response};
    check(InvalidMessage::new(Request, None), "did not receive a valid HTTP request");
    check(InvalidMessage::new(Response, None), "did not receive a valid HTTP response");
    check(HandshakeTimeout::new(Duration::from_secs(10)), "timed out during opening handshake");
}

#[test]
fn other_protocols_are_recognised_by_their_first_bytes() {
    for (received, text) in [
        (
            &b"\x16\x03\x01\x02\x00\x01"[..],
            r#"received "\x16\x03\x01\x02\x00\x01", which looks like TLS"#,
        ),
        (
            b"\x15\x03\x03\x00\x02\x02F",
            r#"received "\x15\x03\x03\x00\x02\x02F", which looks like TLS"#,
        ),
        (b"\0\0\x12\x04\0\0", r#"received "\x00\x00\x12\x04\x00\x00", which looks like HTTP/2"#),
        (b"SSH-2.0-x\r\nmore", r#"received "SSH-2.0-x", which looks like SSH"#),
        (b"220 mail ready\r\n", r#"received "220 mail ready", which looks like SMTP or FTP"#),
        (b"ehlo x\r\n", r#"received "ehlo x", which looks like SMTP or FTP"#),
        (b"-ERR unknown\r\n", r#"received "-ERR unknown", which looks like Redis"#),
        (b"*1\r\n$4\r\nPING\r\n", r#"received "*1", which looks like Redis"#),
        (
            b"PROXY TCP4 192.0.2.1 192.0.2.2 50412 80\r\nGET / HTTP/1.1\r\n",
            r#"received "PROXY TCP4 192.0.2.1 192.0.2.2 50412 80", which looks like the PROXY protocol"#,
        ),
        (b"PROXY UNKNOWN\r\n", r#"received "PROXY UNKNOWN", which looks like the PROXY protocol"#),
        (b"proxy UNKNOWN\r\n", r#"received "proxy UNKNOWN", which isn't HTTP"#),
        (
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c",
            r#"received "\r\n\r\n\x00\r\nQUIT\n", which looks like the PROXY protocol"#,
        ),
        (b"\r\n\r\n\0\r\nQUIT", r#"received "", which isn't HTTP"#),
        (b"* OK ready\r\n", r#"received "* OK ready", which isn't HTTP"#),
        (b"\"\x1b[2J\n", r#"received "\"\x1b[2J", which isn't HTTP"#),
        (b"", r#"received "", which isn't HTTP"#),
        // A request, perhaps.
        (b"GET /chat?token=secret\r\n", r#"received "GET /chat?***", which isn't HTTP"#),
        (b"GET /chat?", r#"received "GET /chat?", which isn't HTTP"#),
        (b"\x01 a?b", r#"received "\x01 a?b", which isn't HTTP"#),
        (b"{\"a\": \"b?\"}", r#"received "{\"a\": \"b?\"}", which isn't HTTP"#),
        (b"220 ready?!", r#"received "220 ready?!", which looks like SMTP or FTP"#),
    ] {
        assert_eq!(NotHttp::new(received).to_string(), text);
    }
    assert_eq!(NotHttp::new(&[&b"GET /"[..], &[b'a'; 57], b"?secret"].concat()).line.len(), 64);
    assert_eq!(NotHttp::new(&[b'a'; 1000]).line.len(), 64);
}

#[test]
fn details_are_the_values_that_texts_leave_out() {
    use HttpMessage::{Request, Response};
    use ProtocolErrorKind as K;
    let tls = || MessageCause::from(NotHttp::new(b"\x15\x03\x03"));
    let limit = MessageCause::from(SecurityError::from(HeaderLineTooLong::new(9, 8)));
    let mut headers = Headers::new();
    headers.insert("Location", "/login?next=secret").unwrap();
    let redirect = ws_errors::Response::new(302, "Found", headers, "");
    let closed = |reason: &str, cause: WebSocketException| {
        let sent = Some(Close::new(cause.close_code(), reason));
        ConnectionClosed::new(None, sent, None, Some(Box::new(cause)))
    };
    let rows: &[(WebSocketException, Option<&str>)] = &[
        (K::InvalidOpcode(11).into(), Some("0xb")),
        (K::ReservedBits.into(), None),
        (closed("invalid opcode", K::InvalidOpcode(11).into()).into(), Some("invalid opcode: 0xb")),
        (closed("", K::InvalidOpcode(11).into()).into(), Some("invalid opcode: 0xb")),
        (closed("", K::ReservedBits.into()).into(), Some("reserved bits must be 0")),
        (closed("reserved bits must be 0", K::ReservedBits.into()).into(), None),
        (InvalidOrigin::new(Some("https://a".into())).into(), Some("not allowed")),
        (InvalidOrigin::new(None).into(), None),
        (ConnectionClosed::new(None, None, None, None).into(), None),
        (KeepaliveTimeout::new(Duration::from_millis(250)).into(), Some("no pong within 0.25 s")),
        (HandshakeTimeout::new(Duration::from_secs(10)).into(), Some("after 10 s")),
        (
            InvalidMessage::new(Response, tls()).into(),
            Some(r#"received "\x15\x03\x03", which looks like TLS; the server wants wss://"#),
        ),
        (
            InvalidMessage::new(Request, tls()).into(),
            Some(r#"received "\x15\x03\x03", which looks like TLS; the client wants wss://"#),
        ),
        (InvalidMessage::new(Request, None).into(), None),
        (
            InvalidMessage::new(Response, limit).into(),
            Some("read 9 bytes, expected no more than 8 bytes: a header line"),
        ),
        (RequestLineTooLong::new(9, 8).into(), Some("the request line")),
        (InvalidStatus::new(response(401)).into(), Some("reason")),
        (InvalidStatus::new(redirect).into(), Some("Found, redirect to /login?next=***")),
        (
            InvalidProxyMessage::new(tls()).into(),
            Some(r#"received "\x15\x03\x03", which looks like TLS; the proxy wants https://"#),
        ),
        (InvalidProtocol::new("HTTP/1.0").into(), Some("expected HTTP/1.1")),
        (InvalidUpgrade::new("Upgrade", None).into(), Some("expected websocket")),
        (InvalidHeader::new("Cookie", Some("multiple values")).into(), None),
        (InvalidURI::new("localhost:80", "b").into(), Some("did you mean ws://localhost:80?")),
        (InvalidURI::new("http://a/", "b").into(), Some("did you mean ws://a/?")),
        (InvalidURI::new("https://a/", "b").into(), Some("did you mean wss://a/?")),
        (InvalidURI::new("ws://a:x/", "b").into(), None),
        (InvalidURI::new("/chat", "b").into(), None),
        (InvalidURI::new("//a/chat", "b").into(), None),
        (InvalidURI::new("ws:a", "b").into(), None),
        (InvalidURI::new("WSS:/a", "b").into(), None),
        (InvalidURI::new("ws", "b").into(), Some("did you mean ws://ws?")),
        (InvalidURI::new("http://***@a/", "b").into(), None),
        (InvalidURI::new("a/?b=***", "b").into(), None),
        (InvalidURI::new("", "b").into(), None),
    ];
    for (error, detail) in rows {
        assert_eq!(error.detail().as_deref(), *detail, "{error}");
    }
}

#[test]
fn text_of_a_response_is_bounded_and_has_no_secrets() {
    let a = "a".repeat(300);
    for (phrase, location, detail) in [
        ("", "https://u:secret@a/?b=secret#secret", "redirect to https://***@a/?b=***#***".into()),
        ("", "//u:secret@a/", "redirect to ***@a/".into()),
        ("", "//u:se?cret@a/", "redirect to ***".into()),
        ("", &*a, format!("redirect to {}...", "a".repeat(256))),
        ("", &a[..256], format!("redirect to {}", "a".repeat(256))),
        (&"\u{e9}".repeat(65), "/", format!("{}..., redirect to /", "\u{e9}".repeat(64))),
        (&a[..64], "/", format!("{}, redirect to /", "a".repeat(64))),
    ] {
        let headers = Headers::try_from([("Location", location)]).unwrap();
        let error = InvalidStatus::new(Response::new(302, phrase, headers, ""));
        assert_eq!(WebSocketException::from(error).detail(), Some(detail), "{location}");
    }
}

#[test]
fn negotiation() {
    check(DuplicateParameter::new("a"), "duplicate parameter: a");
    check(InvalidParameterName::new("a"), "invalid parameter name: a");
    check(InvalidParameterValue::new("a", None), "missing value for parameter a");
    check(InvalidParameterValue::new("a", Some("")), "empty value for parameter a");
    check(InvalidParameterValue::new("a", Some("16")), "invalid value for parameter a: 16");

    let subprotocol = |name: &str| Subprotocol::new(name).unwrap();
    let unsupported = |params: &[(&str, Option<&str>)]| {
        let params = params.iter().map(|&(name, value)| ExtensionParameter::new(name, value));
        let params = params.collect::<Result<Vec<_>, _>>().unwrap();
        UnsupportedExtension::new(ExtensionName::new("x-op").unwrap(), params).into()
    };
    use NegotiationErrorKind as K;
    for (kind, text) in [
        (K::NoExtensions, "no extensions supported"),
        (unsupported(&[]), "Unsupported extension: name = x-op, params = []"),
        (
            unsupported(&[("a", None), ("b", Some("1")), ("it's", Some("'"))]),
            "Unsupported extension: name = x-op, \
             params = [('a', None), ('b', '1'), (\"it's\", \"'\")]",
        ),
        (K::NoSubprotocols, "no subprotocols supported"),
        (K::UnsupportedSubprotocol(subprotocol("chat")), "unsupported subprotocol: chat"),
        (K::MissingSubprotocol, "missing subprotocol"),
        (
            K::InvalidSubprotocol { expected: [subprotocol("a"), subprotocol("b")].into() },
            "invalid subprotocol; expected one of a, b",
        ),
        (K::Custom("expected server_max_window_bits".into()), "expected server_max_window_bits"),
    ] {
        check(NegotiationError::from(kind), text);
    }
}

#[test]
fn addresses() {
    check(InvalidURI::new("a", "b"), "a isn't a valid URI: b");
    check(InvalidURI::without_msg("a"), "a isn't a valid URI");
    check(InvalidProxy::new("a", "b"), "a isn't a valid proxy: b");
}

#[test]
fn frames() {
    use ProtocolErrorKind as K;
    for (kind, text) in [
        (K::InvalidOpcode(3), "invalid opcode"),
        (K::IncorrectMasking, "incorrect masking"),
        (K::ReservedBits, "reserved bits must be 0"),
        (K::ControlFrameTooLong(126), "control frame too long"),
        (K::FragmentedControlFrame, "fragmented control frame"),
        (K::CloseFrameTooShort, "close frame too short"),
        (K::InvalidStatusCode(1006), "invalid status code"),
        (K::UnexpectedContinuation, "unexpected continuation frame"),
        (K::ExpectedContinuation, "expected a continuation frame"),
        (K::Rsv1InContinuation, "RSV1 bit set in continuation frame"),
        (K::DecompressionFailed, "decompression failed"),
        (K::FrameLengthNotMinimal(1), "frame length isn't minimal"),
        (K::FrameLengthTooLong(1 << 63), "frame length above 63 bits"),
        (K::ReasonWithoutCode, "cannot send a reason without a code"),
    ] {
        check(WebSocketProtocolError::new(kind), text);
    }
    check(InvalidUtf8::new("invalid start byte", 7), "invalid start byte at position 7");
}

#[test]
fn limits() {
    for (size, current, text) in [
        (Some(5), None, "frame with 5 bytes exceeds limit of 3 bytes"),
        (None, None, "frame exceeds limit of 3 bytes"),
        (Some(5), Some(2), "frame with 5 bytes after reading 2 bytes exceeds limit of 3 bytes"),
        (None, Some(2), "frame after reading 2 bytes exceeds limit of 3 bytes"),
    ] {
        check(PayloadTooBig::new(size, current, 3), text);
    }
    check(TooManyFragments::new(4096), "fragmented message exceeds limit of 4096 frames");
}

#[test]
fn misuse() {
    check(KeepaliveTimeout::new(Duration::from_secs(20)), "keepalive ping timeout");
    check(InvalidState::new(State::Connecting), "connection is connecting");
    check(InvalidState::new(State::Open), "connection is open");
    check(InvalidState::new(State::Closing), "connection is closing");
    check(InvalidState::new(State::Closed), "connection is closed");

    use ConcurrencyErrorKind as K;
    for (kind, text) in [
        (K::SamePing, "already waiting for a pong with the same data"),
        (K::MessageInProgress, "a message is being sent in pieces"),
    ] {
        check(ConcurrencyError::new(kind), text);
    }
}

#[test]
fn causes_print_each_text_once() {
    let chain = |error: &dyn Error| {
        let mut texts = vec![error.to_string()];
        let mut cause = error.source();
        while let Some(error) = cause {
            texts.push(error.to_string());
            cause = error.source();
        }
        texts
    };

    let cause = MessageCause::Malformed("line doesn't end with CRLF".into());
    let error = WebSocketException::from(InvalidMessage::new(HttpMessage::Request, cause));
    assert_eq!(
        chain(&error),
        ["did not receive a valid HTTP request", "line doesn't end with CRLF"]
    );

    let cause = MessageCause::from(SecurityError::from(TooManyHeaders::new(129, 128)));
    let error = WebSocketException::from(InvalidProxyMessage::new(cause));
    assert_eq!(
        chain(&error),
        ["did not receive a valid HTTP response from proxy", "expected no more than 128 headers"]
    );
    assert_eq!(error.get::<SecurityError>(), None);

    let cause = WebSocketException::from(ProtocolErrorKind::IncorrectMasking);
    let sent = Some(Close::new(cause.close_code(), cause.to_string()));
    let error = ConnectionClosed::new(None, sent, None, Some(Box::new(cause.clone())));
    let error = WebSocketException::from(error);
    assert_eq!(
        chain(&error),
        [
            "sent 1002 (protocol error) incorrect masking; no close frame received",
            "incorrect masking"
        ]
    );
    assert_eq!(error.source().and_then(|e| e.downcast_ref()), Some(&cause));

    assert_eq!(chain(&WebSocketException::from(InvalidMethod::new("PUT"))).len(), 1);
}

#[test]
fn escaped_texts_hold_no_control_characters() {
    for (hostile, escaped) in [
        ("GET\r\nx", r"GET\r\nx"),
        ("\0\u{1b}[31m\u{7f}\u{9b}", r"\u{0}\u{1b}[31m\u{7f}\u{9b}"),
        ("a\u{2028}b\u{202e}c\u{2066}d\u{200f}", r"a\u{2028}b\u{202e}c\u{2066}d\u{200f}"),
        (r"é 漢字 \n", r"é 漢字 \n"),
    ] {
        let error = WebSocketException::from(InvalidMethod::new(hostile));
        assert_eq!(error.to_string(), format!("unsupported HTTP method: {hostile}"));
        assert_eq!(Escaped(&error).to_string(), format!("unsupported HTTP method: {escaped}"));
    }

    // Escaped text stays as it is.
    let closed = ConnectionClosed::new(Some(Close::new(4000, "a\r\n\u{1b}[2J")), None, None, None);
    let text = r"received 4000 (private use) a\r\n\u{1b}[2J; no close frame sent";
    check(closed.clone(), text);
    assert_eq!(Escaped(closed).to_string(), text);
}
