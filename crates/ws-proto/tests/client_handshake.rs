//! The client's half of the opening handshake: the request, and each check of the answer, in order.

mod common;

use std::time::Duration;

use common::feed;
use ws_errors::{
    Headers, InvalidHandshake, InvalidHeaderValue, InvalidMessage, InvalidStatus, MessageCause,
    NegotiationError, StatusLineTooLong, WebSocketException,
};
use ws_proto::Uri;
use ws_proto::client::{ClientHandshake, ClientOptions, Negotiated};
use ws_proto::grammar::ExtensionHeader;
use ws_proto::http::{HandshakeLimits, Request, Response};
use ws_types::{Origin, Subprotocol};

/// 16 bytes whose base64, `dGhlIHNhbXBsZSBub25jZQ==`, is the key in the RFC's examples.
const NONCE: [u8; 16] = *b"the sample nonce";
/// For a handshake that began then.
const NOW: Duration = Duration::ZERO;
const LINES: [(&str, &str); 3] = [
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
];

#[track_caller]
fn handshake(uri: &str, options: ClientOptions) -> ClientHandshake {
    let uri = Uri::parse(uri).expect("a URI");
    ClientHandshake::new(&uri, &options, NONCE, Duration::ZERO).expect("valid options")
}

/// The request as on the wire.
#[track_caller]
fn sent(uri: &str, options: ClientOptions) -> String {
    let bytes = handshake(uri, options).request().serialize();
    bytes.into_iter().map(char::from).collect()
}

fn headers<const N: usize>(lines: [(&str, &str); N]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in lines {
        headers.insert(name, value).expect("valid");
    }
    headers
}

fn subprotocols<const N: usize>(names: [&str; N]) -> [Subprotocol; N] {
    names.map(|name| Subprotocol::new(name).expect("a token"))
}

fn plain() -> ClientOptions {
    ClientOptions::default().user_agent(None)
}

/// The parts of a [`Negotiated`] that can be compared.
#[derive(Debug, PartialEq)]
struct Agreed {
    response: Response,
    subprotocol: Option<Subprotocol>,
    extension_headers: Vec<ExtensionHeader>,
}

/// The outcome of an answer, the same however it is cut; and how much of it belongs to the handshake.
#[track_caller]
fn answer(
    data: &[u8],
    options: &ClientOptions,
) -> Result<Option<(Agreed, usize)>, InvalidHandshake> {
    feed(
        data,
        || Some(handshake("ws://localhost/", options.clone())),
        |state, data| {
            let used = state.as_mut().expect("more than one answer").receive_data(data, NOW)?;
            Ok(used.map(|used| {
                let negotiated = state.take().and_then(ClientHandshake::into_negotiated);
                let Negotiated { response, subprotocol, extension_headers, .. } =
                    negotiated.expect("accepted");
                (Agreed { response, subprotocol, extension_headers }, used)
            }))
        },
    )
}

/// The usual answer with the header `name` replaced by these values.
fn with(name: &str, values: &[&str]) -> Vec<u8> {
    let mut head = String::from("HTTP/1.1 101 Switching Protocols\r\n");
    for (name, value) in LINES.into_iter().filter(|(other, _)| *other != name) {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    for value in values {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    head.into_bytes()
}

#[test]
fn a_request_with_everything_has_these_bytes() -> Result<(), InvalidHandshake> {
    let options = ClientOptions::default()
        .origin(Origin::from("https://example.com"))
        .subprotocols(subprotocols(["chat", "superchat"]))
        .headers(headers([("X-A", "1"), ("Cookie", "b=2"), ("x-a", "caf\u{e9}")]))
        .user_agent("test/1.0");
    assert_eq!(
        sent("wss://hello:iloveyou@Example.com:8443/chat?room=1", options),
        "GET /chat?room=1 HTTP/1.1\r\n\
         Host: example.com:8443\r\n\
         Authorization: Basic aGVsbG86aWxvdmV5b3U=\r\n\
         Origin: https://example.com\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Protocol: chat, superchat\r\n\
         X-A: 1\r\n\
         Cookie: b=2\r\n\
         x-a: caf\u{e9}\r\n\
         User-Agent: test/1.0\r\n\
         \r\n"
    );
    Ok(())
}

#[test]
fn a_request_with_nothing_has_these_bytes() {
    // What is configured but empty isn't sent.
    let options = plain().subprotocols([""; 0]).headers(Headers::new());
    assert_eq!(
        sent("ws://localhost", options),
        "GET / HTTP/1.1\r\n\
         Host: localhost\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Version: 13\r\n\
         \r\n"
    );
}

#[test]
fn what_the_uri_has_is_sent_in_a_valid_request() {
    let request = sent("ws://u@localhost/{a}|%41%?<b>[]=\\%4", plain());
    let lines: Vec<&str> = request.lines().take(3).collect();
    assert_eq!(
        lines,
        [
            "GET /%7Ba%7D%7C%41%25?%3Cb%3E%5B%5D=%5C%254 HTTP/1.1",
            "Host: localhost",
            "Authorization: Basic dTo=", // "u:"
        ]
    );
    assert!(!sent("ws://@localhost/", plain()).contains("Authorization"));
}

#[test]
fn user_agent_names_this_crate_and_is_checked() {
    let request = sent("ws://localhost/", ClientOptions::default());
    let expected = concat!("\r\nUser-Agent: websockets/", env!("CARGO_PKG_VERSION"), "\r\n\r\n");
    assert!(request.ends_with(expected), "{request}");
    let (uri, value) = (Uri::parse("ws://localhost/").expect("a URI"), "a\r\nb: c");
    let options = ClientOptions::default().user_agent(value);
    let error = ClientHandshake::new(&uri, &options, NONCE, Duration::ZERO).unwrap_err();
    let error = error.get::<InvalidHeaderValue>().expect("an InvalidHeaderValue");
    assert_eq!((&*error.name, error.value.as_deref()), ("User-Agent", Some(value)));
}

#[test]
fn additional_headers_replace_what_they_may() {
    let options = ClientOptions::default().origin(Origin::from("https://a")).headers(headers([
        ("user-agent", "mine"),
        ("host", "virtual.example"),
        ("authorization", "Bearer abc"),
        ("origin", "https://b"),
    ]));
    let request = sent("ws://user:secret@localhost/", options);
    let lines: Vec<_> = request.lines().collect();
    assert_eq!(lines.get(1), Some(&"Host: virtual.example"));
    for line in ["user-agent: mine", "authorization: Bearer abc", "origin: https://b"] {
        let name = line.split(':').next().unwrap_or_default();
        let same = |other: &&&str| other.to_ascii_lowercase().starts_with(name);
        assert_eq!(lines.iter().filter(same).collect::<Vec<_>>(), [&line]);
    }
}

#[test]
fn refused_credentials_are_in_no_text() {
    let uri = Uri::parse("ws://localhost/?token=secret").expect("a URI");
    let fault = "contains a character that no header can hold";
    for (options, text) in [
        (
            plain().header("Authorization", "Bearer secret\n"),
            format!("invalid Authorization header: {fault}"),
        ),
        (plain().header("cookie", "secret\0"), format!("invalid cookie header: {fault}")),
        (
            plain().header("Proxy-Authorization", "secret\u{20ac}"),
            format!("invalid Proxy-Authorization header: {fault}"),
        ),
        (
            plain().basic_auth("a", "secret\n"),
            "invalid Authorization header: credentials contain a control character".to_owned(),
        ),
        (
            plain().basic_auth("secret:", "secret"),
            "invalid Authorization header: user name contains a colon".to_owned(),
        ),
    ] {
        let error = ClientHandshake::new(&uri, &options, NONCE, Duration::ZERO).unwrap_err();
        assert_eq!(error.to_string(), text);
        assert!(!format!("{error:?}{options:?}").contains("secret"), "{error:?}");
    }
    let options = plain().header("Authorization", "Bearer secret").header("Cookie", "secret");
    let handshake = ClientHandshake::new(&uri, &options, NONCE, Duration::ZERO).expect("valid");
    assert!(!format!("{options:?}{handshake:?}").contains("secret"), "{handshake:?}");
}

#[test]
fn headers_replace_all_that_were_added_and_their_faults() {
    let options = plain().header("X-A", "1").basic_auth("a", "b").header("X-B", "\n");
    let request = sent("ws://localhost/", options.headers(headers([("X-C", "3")])));
    assert!(request.ends_with("Sec-WebSocket-Version: 13\r\nX-C: 3\r\n\r\n"), "{request}");
}

#[test]
fn without_credentials_another_origin_learns_no_secret_and_gets_its_own_host() {
    let options = plain()
        .headers(headers([("host", "virtual.example"), ("authorization", "secret"), ("X-A", "1")]))
        .header("Proxy-Authorization", "secret")
        .header("Cookie", "secret")
        .without_credentials();
    assert!(options.added_headers().raw_items().eq([("X-A", "1")]));
    let request = sent("ws://other.example/", options);
    assert!(request.starts_with("GET / HTTP/1.1\r\nHost: other.example\r\n"), "{request}");
}

#[test]
fn additional_headers_cannot_contradict_the_handshake() {
    let uri = Uri::parse("ws://localhost/").expect("a URI");
    let refusal = "only the opening handshake itself may set it";
    let table = [
        (headers([("Sec-WebSocket-Key", "x")]), "Sec-WebSocket-Key", refusal),
        (headers([("sec-websocket-version", "8")]), "sec-websocket-version", refusal),
        (headers([("Sec-WebSocket-Protocol", "a")]), "Sec-WebSocket-Protocol", refusal),
        (headers([("Sec-WebSocket-Extensions", "a")]), "Sec-WebSocket-Extensions", refusal),
        (headers([("Upgrade", "h2c")]), "Upgrade", refusal),
        (headers([("CONNECTION", "close")]), "CONNECTION", refusal),
        (headers([("Content-Length", "5")]), "Content-Length", refusal),
        (headers([("Transfer-Encoding", "chunked")]), "Transfer-Encoding", refusal),
        (headers([("Host", "a"), ("host", "b")]), "Host", "multiple values"),
        (headers([("Origin", "a"), ("Origin", "a")]), "Origin", "multiple values"),
        (headers([("User-Agent", "a"), ("User-Agent", "b")]), "User-Agent", "multiple values"),
        (
            headers([("Authorization", "a"), ("Authorization", "b")]),
            "Authorization",
            "multiple values",
        ),
    ];
    for (headers, name, value) in table {
        let error = ClientHandshake::new(&uri, &plain().headers(headers), NONCE, Duration::ZERO)
            .unwrap_err();
        assert_eq!(error.to_string(), format!("invalid {name} header: {value}"));
    }
}

#[test]
fn an_origin_that_headers_cannot_hold_is_refused() {
    let uri = Uri::parse("ws://localhost/").expect("a URI");
    for origin in ["https://a\r\nX-Injected: 1", "https://\u{20ac}"] {
        let options = plain().origin(Origin::from(origin));
        let error = ClientHandshake::new(&uri, &options, NONCE, Duration::ZERO).unwrap_err();
        let error = error.get::<InvalidHeaderValue>().expect("an InvalidHeaderValue");
        assert_eq!((&*error.name, error.value.as_deref()), ("Origin", Some(origin)));
    }
}

#[test]
fn an_accepted_connection_has_its_response() {
    let head = with("Sec-WebSocket-Protocol", &["superchat"]);
    let data = [&*head, b"\x81\x05hello"].concat();
    let options = plain().subprotocols(subprotocols(["chat", "superchat"]));
    let (negotiated, used) = answer(&data, &options).expect("valid").expect("complete");
    assert_eq!(used, head.len());
    assert_eq!(negotiated.response.status_code, 101);
    assert!(negotiated.response.body.is_empty());
    assert_eq!(negotiated.subprotocol.expect("chosen"), "superchat");
    assert!(negotiated.extension_headers.is_empty());
}

/// Values of a header, and the text of the exception that they lead to; empty for none.
type Rows = &'static [(&'static [&'static str], &'static str)];

#[track_caller]
fn check(name: &str, options: &ClientOptions, rows: Rows) {
    for &(values, expected) in rows {
        let text = match answer(&with(name, values), options) {
            Ok(negotiated) => {
                assert!(negotiated.is_some());
                String::new()
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(text, expected, "{name}: {values:?}");
    }
}

#[test]
fn connection_grants_the_upgrade() {
    check(
        "Connection",
        &plain(),
        &[
            (&["Upgrade"], ""),
            (&["upgrade"], ""),             // nginx
            (&["keep-alive, Upgrade"], ""), // others compare the whole value, and refuse
            (&["keep-alive", "upgrade"], ""),
            (&[], "missing Connection header"),
            (&["close"], "invalid Connection header: close"),
            (&[""], "invalid Connection header: expected token at 0 in "),
            (&["a b"], "invalid Connection header: expected comma at 2 in a b"),
        ],
    );
}

#[test]
fn upgrade_grants_websocket_alone() {
    check(
        "Upgrade",
        &plain(),
        &[
            (&["websocket"], ""),
            (&["WebSocket"], ""), // older servers
            (&[], "missing Upgrade header"),
            (&["h2c"], "invalid Upgrade header: h2c"),
            (&["h2c, websocket"], "invalid Upgrade header: h2c, websocket"),
            (&["websocket", "websocket"], "invalid Upgrade header: websocket, websocket"),
            (&["/"], "invalid Upgrade header: expected protocol at 0 in /"),
        ],
    );
}

#[test]
fn accept_proves_that_the_key_was_read() {
    check(
        "Sec-WebSocket-Accept",
        &plain(),
        &[
            (&["s3pPLMBiTxaQ9kYGzzhZRbK+xOo="], ""),
            (&[], "missing Sec-WebSocket-Accept header"),
            (&[""], "empty Sec-WebSocket-Accept header"),
            (
                &["S3PPLMBITXAQ9KYGZZHZRBK+XOO="],
                "invalid Sec-WebSocket-Accept header: S3PPLMBITXAQ9KYGZZHZRBK+XOO=",
            ),
            (
                &["s3pPLMBiTxaQ9kYGzzhZRbK+xOo"],
                "invalid Sec-WebSocket-Accept header: s3pPLMBiTxaQ9kYGzzhZRbK+xOo",
            ),
            (
                &["s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="],
                "invalid Sec-WebSocket-Accept header: multiple values",
            ),
        ],
    );
}

#[test]
fn no_extension_can_be_accepted_since_none_is_offered() {
    check(
        "Sec-WebSocket-Extensions",
        &plain(),
        &[
            (&[], ""),
            (&["permessage-deflate"], "no extensions supported"),
            (&[""], "no extensions supported"),
            (&[";;"], "no extensions supported"),
        ],
    );
}

#[test]
fn the_subprotocol_is_one_of_those_offered() {
    check(
        "Sec-WebSocket-Protocol",
        &plain(),
        &[
            (&[], ""),
            (&["chat"], "no subprotocols supported"),
            (&[""], "no subprotocols supported"),
        ],
    );
    let options = plain().subprotocols(subprotocols(["chat", "superchat"]));
    check(
        "Sec-WebSocket-Protocol",
        &options,
        &[
            (&[], ""), // the server goes without
            (&["chat"], ""),
            (&["superchat"], ""),
            (&["chat,"], ""),
            (&["Chat"], "unsupported subprotocol: Chat"),
            (&["other"], "unsupported subprotocol: other"),
            (
                &["chat, superchat"],
                "invalid Sec-WebSocket-Protocol header: multiple values: chat, superchat",
            ),
            (
                &["superchat", "chat", "x"],
                "invalid Sec-WebSocket-Protocol header: multiple values: superchat, chat, x",
            ),
            (&["a b"], "invalid Sec-WebSocket-Protocol header: expected comma at 2 in a b"),
            (&[""], "invalid Sec-WebSocket-Protocol header: expected token at 0 in "),
        ],
    );
}

#[test]
fn refusals_to_negotiate_are_of_one_class() {
    for name in ["Sec-WebSocket-Extensions", "Sec-WebSocket-Protocol"] {
        let error = answer(&with(name, &["x"]), &plain()).unwrap_err();
        assert!(error.get::<NegotiationError>().is_some(), "{error:?}");
    }
}

#[test]
fn checks_are_made_in_order() {
    // Every part of the answer is wrong; mended one by one, each gives way to the next.
    let wrong = [
        ("Connection", "close", "Upgrade", "invalid Connection header: close"),
        ("Upgrade", "h2c", "websocket", "invalid Upgrade header: h2c"),
        (
            "Sec-WebSocket-Accept",
            "x",
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
            "invalid Sec-WebSocket-Accept header: x",
        ),
        ("Sec-WebSocket-Extensions", "x", "", "no extensions supported"),
        ("Sec-WebSocket-Protocol", "x", "", "no subprotocols supported"),
    ];
    for status_code in [404, 101] {
        for mended in 0..=wrong.len() {
            let mut head = format!("HTTP/1.1 {status_code} \r\nContent-Length: 0\r\n");
            for (i, (name, bad, good, _)) in wrong.iter().enumerate() {
                let value = if i < mended { *good } else { *bad };
                if !value.is_empty() {
                    head.push_str(&format!("{name}: {value}\r\n"));
                }
            }
            head.push_str("\r\n");
            let text = answer(head.as_bytes(), &plain()).err().map(|e| e.to_string());
            let expected = match status_code {
                101 => wrong.get(mended).map(|(.., text)| *text),
                _ => Some("server rejected WebSocket connection: HTTP 404"),
            };
            assert_eq!(text.as_deref(), expected);
        }
    }
}

#[test]
fn a_rejection_has_its_body() {
    let data = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\nX-A: b\r\n\r\nno way and more";
    let error = answer(data, &plain()).unwrap_err();
    let status = error.get::<InvalidStatus>().expect("an InvalidStatus");
    assert_eq!(status.response.status_code, 403);
    assert_eq!(status.response.reason_phrase, "Forbidden");
    assert_eq!(status.response.headers.get("x-a"), Ok(Some("b")));
    assert_eq!(status.response.body, b"no way");

    // One that lasts until the end of the stream.
    let mut handshake = handshake("ws://localhost/", plain());
    assert_eq!(handshake.receive_data(b"HTTP/1.1 503 \r\n\r\nlater", NOW), Ok(None));
    let error = handshake.receive_eof().unwrap_err();
    let status = error.get::<InvalidStatus>().expect("an InvalidStatus");
    assert_eq!((status.response.status_code, &*status.response.body), (503, &b"later"[..]));
    assert!(error.is_retryable());
    // The first error stays.
    assert_eq!(handshake.receive_data(b"x", NOW), Err(error.clone()));
    assert_eq!(handshake.receive_eof(), Err(error));
    assert!(handshake.into_negotiated().is_none());
}

#[test]
fn early_hints_come_before_the_answer() {
    let hints = &b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"[..];
    let data = [hints, hints, &with("", &[]), b"\x81\x00"].concat();
    let (negotiated, used) = answer(&data, &plain()).expect("valid").expect("complete");
    assert_eq!((negotiated.response.status_code, used), (101, data.len() - 2));
}

#[test]
fn what_is_not_http_is_an_invalid_message() {
    let options = plain();
    let long = format!("HTTP/1.1 101 {}", "a".repeat(8192));
    let error = answer(long.as_bytes(), &options).unwrap_err();
    assert!(error.get::<StatusLineTooLong>().is_some(), "{error:?}");
    let table = [
        ("HTTP/1.1 101 \nUpgrade: websocket\r\n\r\n".to_owned(), "line doesn't end with CRLF"),
        ("HTTP/1.1 abc\r\n\r\n".to_owned(), "invalid status line \"HTTP/1.1 abc\""),
        (
            "SSH-2.0-OpenSSH_9.6\r\n\r\n".to_owned(),
            "received \"SSH-2.0-OpenSSH_9.6\", which looks like SSH",
        ),
        ("HTTP/1.0 101 \r\n\r\n".to_owned(), "unsupported protocol; expected HTTP/1.1"),
        ("HTTP/1.1 404 \r\nA: b\r\n c\r\n\r\n".to_owned(), "invalid header name"),
        (
            format!("HTTP/1.1 101 \r\nA: {}", "a".repeat(8192)),
            "read 8193 bytes, expected no more than 8192 bytes",
        ),
        (
            format!("HTTP/1.1 101 \r\n{}", "A: b\r\n".repeat(129)),
            "expected no more than 128 headers",
        ),
    ];
    for (data, expected) in table {
        let error = answer(data.as_bytes(), &options).unwrap_err();
        assert_eq!(error.to_string(), "did not receive a valid HTTP response");
        let message = error.get::<InvalidMessage>().expect("an InvalidMessage");
        let cause = message.cause.as_ref().map(ToString::to_string);
        assert_eq!(cause.as_deref(), Some(expected));
    }
}

#[test]
fn the_end_of_the_stream_fails_an_incomplete_answer_only() {
    let data = with("", &[]);
    for n in 0..data.len() {
        let mut handshake = handshake("ws://localhost/", plain());
        assert_eq!(handshake.receive_data(data.split_at(n).0, NOW), Ok(None));
        let error = handshake.receive_eof().unwrap_err();
        let message = error.get::<InvalidMessage>().expect("an InvalidMessage");
        assert_eq!(message.cause, Some(MessageCause::UnexpectedEof));
        assert!(error.is_retryable());
    }
    let mut handshake = handshake("ws://localhost/", plain());
    assert_eq!(handshake.receive_data(&data, NOW), Ok(Some(data.len())));
    assert_eq!(handshake.receive_eof(), Ok(()));
    assert_eq!(handshake.receive_data(b"frames", NOW), Ok(Some(0)));
    assert!(handshake.into_negotiated().is_some());
}

#[test]
fn an_answer_that_does_not_come_in_time_fails_the_handshake() {
    let uri = Uri::parse("ws://localhost/").unwrap();
    let (second, began) = (Duration::from_secs(1), Duration::from_secs(100));
    let begin =
        |options: ClientOptions| ClientHandshake::new(&uri, &options, NONCE, began).unwrap();
    let head = with("", &[]);
    for (timeout, deadline) in [
        (plain(), Some(began + 10 * second)),
        (plain().open_timeout(3 * second), Some(began + 3 * second)),
        (plain().open_timeout(None), None),
    ] {
        for at in 0..head.len() {
            let mut handshake = begin(timeout.clone());
            assert_eq!(handshake.receive_data(&head[..at], NOW), Ok(None));
            assert_eq!(handshake.poll_timeout(), deadline, "cut at {at}");
            let Some(deadline) = deadline else {
                assert_eq!(handshake.handle_timeout(Duration::MAX), Ok(()), "cut at {at}");
                continue;
            };
            assert_eq!(handshake.handle_timeout(deadline - second), Ok(()), "cut at {at}");
            let error = handshake.handle_timeout(deadline).unwrap_err();
            assert_eq!(error.to_string(), "timed out during opening handshake");
            assert_eq!(handshake.poll_timeout(), None);
            assert_eq!(handshake.handle_timeout(began), Err(error.clone()), "cut at {at}");
            assert_eq!(handshake.receive_data(&head[at..], NOW), Err(error.clone()), "cut at {at}");
            assert_eq!(handshake.receive_eof(), Err(error), "cut at {at}");
            assert!(handshake.into_negotiated().is_none(), "cut at {at}");
        }
    }
    // Once the server has accepted, there is nothing to wait for.
    let mut handshake = begin(plain());
    assert_eq!(handshake.receive_data(&head, NOW), Ok(Some(head.len())));
    assert_eq!(handshake.poll_timeout(), None);
    assert_eq!(handshake.handle_timeout(Duration::MAX), Ok(()));
    assert!(handshake.into_negotiated().is_some());
}

/// The status and the body of an `InvalidStatus`.
#[track_caller]
fn refusal(error: &InvalidHandshake) -> (u16, &[u8]) {
    let status = error.get::<InvalidStatus>().unwrap_or_else(|| panic!("{error:?}"));
    (status.response.status_code, &status.response.body)
}

#[test]
fn a_refusal_is_told_at_the_time_limit_of_bodies_with_what_came_by_then() {
    /// A head, the body that comes, the status, and the body that is kept.
    type Row<'a> = (&'a [u8], &'a [u8], u16, &'a [u8]);
    let table: &[Row<'_>] = &[
        // Neither a length nor an end.
        (b"HTTP/1.1 401 Unauthorized\r\n\r\n", b"", 401, b""),
        (b"HTTP/1.0 503\r\n\r\n", b"later", 503, b"later"),
        // Less than was announced.
        (b"HTTP/1.1 403 \r\nContent-Length: 50\r\n\r\n", b"no", 403, b"no"),
        (b"HTTP/1.1 429 \r\nTransfer-Encoding: chunked\r\n\r\n", b"5\r\nslo", 429, b"slo"),
        (b"HTTP/2 502 \r\nTransfer-Encoding: chunked\r\n\r\n", b"oops", 502, b"oops"),
        // Contradictions.
        (b"HTTP/1.1 500 \r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", b"oops", 500, b"oops"),
        (b"HTTP/1.1 500 \r\nContent-Length: a\r\n\r\n", b"oops", 500, b"oops"),
        (b"HTTP/1.1 500 \r\nTransfer-Encoding: br\r\n\r\n", b"oops", 500, b"oops"),
    ];
    let began = Duration::from_secs(100);
    let (second, head_time) = (Duration::from_secs(1), began + Duration::from_secs(3));
    let uri = Uri::parse("ws://localhost/").unwrap();
    for &(head, body, status_code, expected) in table {
        let row = head.escape_ascii();
        for (timeout, limit, deadline) in [
            (Some(10 * second), second, head_time + second),
            (Some(10 * second), 8 * second, began + 10 * second),
            (Some(10 * second), Duration::MAX, began + 10 * second),
            (Some(10 * second), Duration::ZERO, head_time),
            (None, second, head_time + second),
        ] {
            let mut limits = HandshakeLimits::default();
            (limits.open_timeout, limits.max_body_time) = (timeout, limit);
            let options = plain().limits(limits);
            let mut handshake = ClientHandshake::new(&uri, &options, NONCE, began).unwrap();
            for byte in head {
                assert_eq!(handshake.response(), None);
                assert_eq!(handshake.poll_timeout(), timeout.map(|it| began + it), "{row}");
                assert_eq!(handshake.receive_data(&[*byte], head_time), Ok(None), "{row}");
            }
            for (i, byte) in body.iter().enumerate() {
                // However the body trickles, the limit stays.
                let now = head_time + Duration::from_nanos(i as u64);
                assert_eq!(handshake.receive_data(&[*byte], now), Ok(None), "{row}");
            }
            assert_eq!(handshake.poll_timeout(), Some(deadline), "{row}");
            assert_eq!(handshake.handle_timeout(deadline - Duration::from_nanos(1)), Ok(()));
            assert_eq!(handshake.response(), None);
            let error = handshake.handle_timeout(deadline).unwrap_err();
            assert_eq!(refusal(&error), (status_code, expected), "{row}");
            let expected = format!("server rejected WebSocket connection: HTTP {status_code}");
            assert_eq!(error.to_string(), expected);
            // The first error stays.
            assert_eq!(handshake.poll_timeout(), None);
            assert_eq!(handshake.receive_data(b"more", deadline), Err(error.clone()));
            assert_eq!(handshake.receive_eof(), Err(error));
            assert_eq!(handshake.response().map(|it| it.status_code), Some(status_code));
        }
    }
}

#[test]
fn a_refusal_is_told_at_once_when_its_body_is_complete_or_too_long() {
    let mut limits = HandshakeLimits::default();
    limits.max_body = 4;
    let options = plain().limits(limits);
    let table: &[(&[u8], u16, &[u8])] = &[
        (b"HTTP/1.1 204\r\n\r\n", 204, b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", 304, b""),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", 302, b""),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nOK", 200, b"OK"),
        (b"HTTP/1.1 299 Odd\r\nContent-Length: 2\r\n\r\nOK", 299, b"OK"), // no status that exists
        (b"HTTP/1.1 400 \r\nContent-Length: 5\r\n\r\nsorry", 400, b"sorr"),
        (b"HTTP/1.1 400 \r\nContent-Length: 500000000000\r\n\r\nsorry", 400, b"sorr"),
        (b"HTTP/1.1 400 \r\n\r\nsorry", 400, b"sorr"),
        (b"HTTP/1.1 999 \r\nTransfer-Encoding: chunked\r\n\r\n9\r\nsorry", 999, b"sorr"),
        (b"HTTP/1.1 404 \r\nTransfer-Encoding: x, Chunked\r\n\r\n2\r\nno\r\n0\r\n", 404, b"no"),
    ];
    for &(data, status_code, body) in table {
        let error = answer(data, &options).unwrap_err();
        assert_eq!(refusal(&error), (status_code, body), "{}", data.escape_ascii());
    }
}

#[test]
fn a_refusal_is_told_when_its_stream_ends_or_fails() {
    let table: &[(&[u8], u16, &[u8])] = &[
        (b"HTTP/1.1 401 \r\n\r\n", 401, b""),
        (b"HTTP/1.1 401 \r\n\r\nno", 401, b"no"),
        (b"HTTP/1.1 401 \r\nContent-Length: 5\r\n\r\nno", 401, b"no"),
        (b"HTTP/1.1 401 \r\nTransfer-Encoding: chunked\r\n\r\n5\r\nno", 401, b"no"),
        (b"HTTP/1.1 103 \r\n\r\nHTTP/1.1 401 \r\nTransfer-Encoding: a\r\n\r\nno", 401, b"no"),
    ];
    for &(data, status_code, body) in table {
        for at in 0..=data.len() {
            let (first, second) = data.split_at(at);
            let mut handshake = handshake("ws://localhost/", plain());
            assert_eq!(handshake.receive_data(first, NOW), Ok(None));
            assert_eq!(handshake.receive_data(second, NOW), Ok(None));
            let error = handshake.receive_eof().unwrap_err();
            assert_eq!(refusal(&error), (status_code, body), "{}", data.escape_ascii());
        }
    }
}

#[test]
fn the_response_stays_whatever_the_outcome() {
    let table: &[(Vec<u8>, Option<u16>)] = &[
        (with("", &[]), Some(101)),
        (with("Upgrade", &["h2c"]), Some(101)),
        (with("Sec-WebSocket-Accept", &["x"]), Some(101)),
        (with("Sec-WebSocket-Extensions", &["x"]), Some(101)),
        (with("Sec-WebSocket-Protocol", &["x"]), Some(101)),
        (b"HTTP/1.1 403 \r\nContent-Length: 0\r\n\r\n".to_vec(), Some(403)),
        (b"HTTP/1.1 403 \r\nContent-Length: 1\r\n\r\n".to_vec(), None),
        (b"HTTP/1.1 101 \r\nA b\r\n\r\n".to_vec(), None),
        (b"HTTP/1.0 101 \r\n\r\n".to_vec(), None),
    ];
    for (data, status_code) in table {
        let mut handshake = handshake("ws://localhost/", plain());
        assert_eq!(handshake.response(), None);
        _ = handshake.receive_data(data, NOW);
        let response = handshake.response();
        assert_eq!(response.map(|it| it.status_code), *status_code, "{}", data.escape_ascii());
        if response.is_some_and(|it| it.status_code == 101) {
            assert_eq!(response.unwrap().headers.get("Connection"), Ok(Some("Upgrade")));
        }
    }
}

/// Both halves of this crate understand each other.
#[test]
fn our_server_accepts_our_client() -> Result<(), InvalidHandshake> {
    use ws_proto::server::{ServerHandshake, ServerOptions, negotiate};

    let chat = subprotocols(["chat"]);
    let options = ClientOptions::default().subprotocols(chat.clone());
    let mut client = handshake("ws://localhost:8765/path", options);
    let mut server = ServerHandshake::new(&ServerOptions::default(), Duration::ZERO);
    let bytes = client.request().serialize();
    assert_eq!(server.receive_data(&bytes)?, Some(bytes.len()));
    let request = server.into_request().expect("complete");
    assert_eq!(&request, client.request());
    let negotiated = negotiate(&request, &ServerOptions::default().subprotocols(chat), None)?;
    let bytes = negotiated.response.serialize();
    assert_eq!(client.receive_data(&bytes, NOW)?, Some(bytes.len()));
    let on_client = client.into_negotiated().expect("accepted");
    assert_eq!(on_client.response, negotiated.response);
    assert_eq!(on_client.subprotocol, negotiated.subprotocol);
    Ok(())
}

#[test]
fn rfc8441_5_over_http2_there_is_no_key_and_success_opens() -> Result<(), WebSocketException> {
    let options = ClientOptions::default()
        .subprotocols(["chat"])
        .user_agent(None)
        .header("Host", "example.com")
        .header("Cookie", "a=b");
    for (uri, target) in [
        ("ws://localhost:8765/chat?a=b", "http://example.com/chat?a=b"),
        ("wss://localhost/", "https://example.com/"),
    ] {
        let handshake = ClientHandshake::over_http2(&uri.parse()?, &options, Duration::ZERO)?;
        let request = handshake.request();
        let head = (request.method(), request.protocol(), request.target());
        assert_eq!(head, ("CONNECT", Some("websocket"), target));
        let lines: Vec<_> = request.headers().raw_items().collect();
        let expected = [
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Protocol", "chat"),
            ("Cookie", "a=b"),
        ];
        assert_eq!(lines, expected);
    }
    for (status, subprotocol, expected) in [
        (200, Some("chat"), None),
        (204, None, None),
        (101, None, Some("server rejected WebSocket connection: HTTP 101")),
        (403, None, Some("server rejected WebSocket connection: HTTP 403")),
        (200, Some("other"), Some("unsupported subprotocol: other")),
    ] {
        let mut headers = Headers::new();
        if let Some(subprotocol) = subprotocol {
            headers.insert("sec-websocket-protocol", subprotocol).unwrap();
        }
        let uri = "ws://localhost/".parse()?;
        let mut handshake = ClientHandshake::over_http2(&uri, &options, Duration::ZERO)?;
        let received = handshake.receive_response(Response::new(status, "", headers, ""));
        let error = received.err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), expected, "{status} {subprotocol:?}");
        let chosen = handshake.into_negotiated().and_then(|negotiated| negotiated.subprotocol);
        assert_eq!(chosen.is_some(), expected.is_none() && subprotocol.is_some());
    }
    Ok(())
}

/// The request for another library, with these lines.
fn habitual<const N: usize>(lines: [(&str, &str); N]) -> Request {
    let mut request = Request::new("GET", "/elsewhere").expect("valid");
    *request.headers_mut() = headers(lines);
    request
}

#[test]
fn what_a_request_for_another_library_carries_by_habit_is_taken_over() {
    let request = habitual([
        ("Host", "front.example"),
        ("Connection", "keep-alive, Upgrade"),
        ("Upgrade", "WebSocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="),
        ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
        ("Sec-WebSocket-Protocol", "chat, superchat"),
        ("Content-Length", "0"),
        ("Cookie", "a=1"),
        ("Cookie", "b=2"),
    ]);
    let options = plain().take_over(&request).expect("no contradiction");
    assert_eq!(
        sent("ws://localhost/chat", options),
        "GET /chat HTTP/1.1\r\nHost: front.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Protocol: chat, superchat\r\nCookie: a=1\r\nCookie: b=2\r\n\r\n"
    );
}

#[test]
fn what_options_say_counts_more_than_a_request_that_is_taken_over() {
    let request = habitual([
        ("X-Tenant", "theirs"),
        ("Sec-WebSocket-Protocol", "theirs"),
        ("Origin", "https://theirs.example"),
        ("User-Agent", "theirs"),
        ("Authorization", "Basic theirs"),
    ]);
    let taken = |options: ClientOptions| {
        sent("ws://localhost/", options.take_over(&request).expect("no contradiction"))
    };
    let ours = ClientOptions::default()
        .header("X-Tenant", "ours")
        .subprotocols(["ours"])
        .origin(Origin::from("https://ours.example"))
        .user_agent("ours")
        .basic_auth("ours", "");
    let sent_by_us = taken(ours);
    assert!(!sent_by_us.contains("theirs"), "{sent_by_us}");
    assert_eq!(sent_by_us.matches("ours").count(), 4, "{sent_by_us}");
    assert!(!taken(plain()).contains("User-Agent"), "none was wished for");
    assert_eq!(taken(ClientOptions::default()).matches("theirs").count(), 5);
}

#[test]
fn a_request_that_asks_for_something_else_is_not_taken_over() {
    let refused = |request: Request| plain().take_over(&request).expect_err("refused").to_string();
    let post = Request::new("POST", "/").expect("valid");
    assert_eq!(refused(post), "unsupported HTTP method: POST");
    let of = |name, value| refused(habitual([(name, value)]));
    assert_eq!(of("Upgrade", "h2c"), "invalid Upgrade header: h2c");
    assert_eq!(of("Sec-WebSocket-Version", "8"), "invalid Sec-WebSocket-Version header: 8");
    let own = "only the opening handshake itself may set it";
    assert_eq!(of("Content-Length", "5"), format!("invalid Content-Length header: {own}"));
    assert_eq!(
        of("Transfer-Encoding", "chunked"),
        format!("invalid Transfer-Encoding header: {own}")
    );
    assert_eq!(
        of("Sec-WebSocket-Accept", "x"),
        format!("invalid Sec-WebSocket-Accept header: {own}")
    );
    assert!(
        of("Sec-WebSocket-Protocol", "a b").starts_with("invalid Sec-WebSocket-Protocol header")
    );
}

#[test]
fn a_subprotocol_that_is_not_a_token_is_refused_whatever_headers_are_set_later() {
    let options = plain().subprotocols(["chat", "a b"]).headers(Headers::new());
    let uri = Uri::parse("ws://localhost/").expect("a URI");
    let error = ClientHandshake::new(&uri, &options, NONCE, NOW).expect_err("not a token");
    assert_eq!(error.to_string(), "invalid Sec-WebSocket-Protocol header: a b");
    // A better list takes its place.
    assert!(ClientHandshake::new(&uri, &options.subprotocols(["chat"]), NONCE, NOW).is_ok());
}
