//! The server's half of the opening handshake: each check, in order, with the response it leads to.

mod common;

use std::time::Duration;

use common::feed;
use proptest::prelude::*;
use ws_errors::{
    AbortHandshake, Headers, HttpAnswer, InvalidHandshake, InvalidHeader, InvalidMessage,
    MessageCause, NegotiationError,
};
use ws_proto::http::{HttpVersion, Request, Response};
use ws_proto::server::{
    OriginRule, ServerHandshake, ServerOptions, negotiate, reject, remove_connection_headers,
    respond, shutting_down,
};
use ws_types::{Origin, Subprotocol};

const KEY: (&str, &str) = ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
const LINES: [(&str, &str); 5] = [
    ("Host", "example.com"),
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    KEY,
    ("Sec-WebSocket-Version", "13"),
];
const DATE: Option<&str> = Some("Tue, 15 Nov 1994 08:12:31 GMT");

/// A request with these headers, as it is read from the wire; with a `Host` header if they have none.
#[track_caller]
fn request(first_line: &str, lines: &[(&str, &str)]) -> Request {
    let mut head = format!("{first_line}\r\n");
    if !lines.iter().any(|(name, _)| *name == "Host") {
        head.push_str("Host: example.com\r\n");
    }
    for (name, value) in lines {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let octets: Vec<u8> = head.chars().map(|c| u8::try_from(c).expect("ISO-8859-1")).collect();
    let mut handshake = ServerHandshake::new(&ServerOptions::default(), Duration::ZERO);
    assert_eq!(handshake.receive_data(&octets), Ok(Some(octets.len())));
    handshake.into_request().expect("complete")
}

/// The usual request with the header `name` replaced by these values.
#[track_caller]
fn with(name: &str, values: &[&str]) -> Request {
    let mut lines: Vec<_> = LINES.into_iter().filter(|(other, _)| *other != name).collect();
    lines.extend(values.iter().map(|value| (name, *value)));
    request("GET / HTTP/1.1", &lines)
}

fn options() -> ServerOptions {
    ServerOptions::default()
}

fn subprotocols<const N: usize>(names: [&str; N]) -> [Subprotocol; N] {
    names.map(|name| Subprotocol::new(name).expect("a token"))
}

/// The status, and the line of the body that tells why, of the response to a request.
#[track_caller]
fn outcome(request: &Request, options: &ServerOptions) -> (u16, String) {
    match negotiate(request, options, DATE) {
        Ok(negotiated) => (negotiated.response.status_code, String::new()),
        Err(error) => {
            let response = reject(&error, None, options, DATE).expect("has an answer");
            let text = String::from_utf8(response.body).expect("UTF-8");
            let prefix = "Failed to open a WebSocket connection: ";
            let reason = text.strip_prefix(prefix).expect("the usual prefix");
            let reason = reason.split(".\n").next().unwrap_or_default();
            (response.status_code, reason.to_owned())
        }
    }
}

#[test]
fn an_accepted_request_gets_these_bytes() -> Result<(), InvalidHandshake> {
    let options =
        options().subprotocols(subprotocols(["superchat", "chat"])).server_header("test/1.0");
    let negotiated =
        negotiate(&with("Sec-WebSocket-Protocol", &["chat, superchat"]), &options, DATE)?;
    assert_eq!(
        String::from_utf8_lossy(&negotiated.response.serialize()),
        "HTTP/1.1 101 Switching Protocols\r\n\
         Date: Tue, 15 Nov 1994 08:12:31 GMT\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
         Sec-WebSocket-Protocol: superchat\r\n\
         Server: test/1.0\r\n\
         \r\n"
    );
    assert_eq!(negotiated.subprotocol, Some(Subprotocol::new("superchat").expect("a token")));
    assert_eq!((negotiated.origin, negotiated.extension_headers), (None, Vec::new()));
    Ok(())
}

#[test]
fn date_and_server_can_be_left_out() -> Result<(), InvalidHandshake> {
    let options = options().server_header(None);
    let negotiated = negotiate(&with("", &[]), &options, None)?;
    let names: Vec<_> = negotiated.response.headers.raw_items().map(|(name, _)| name).collect();
    assert_eq!(names, ["Upgrade", "Connection", "Sec-WebSocket-Accept"]);
    // A date with a line break in it isn't sent.
    let negotiated = negotiate(&with("", &[]), &options, Some("now\r\nX-Injected: 1"))?;
    assert_eq!(negotiated.response.headers.line_count(), 3);
    Ok(())
}

#[test]
fn server_header_names_this_crate_and_is_checked() -> Result<(), InvalidHandshake> {
    let response = shutting_down(&options(), None);
    let expected = concat!("websockets/", env!("CARGO_PKG_VERSION"));
    assert_eq!(response.headers.get("Server"), Ok(Some(expected)));
    options().validate()?;
    options().server_header(None).validate()?;
    let illegal = options().server_header("a\r\nb: c");
    let error = options().subprotocols(["chat", "a b"]).validate().unwrap_err();
    assert_eq!(error.to_string(), "invalid Sec-WebSocket-Protocol header: a b");
    let error = illegal.validate().unwrap_err();
    assert_eq!((&*error.name, error.value.as_deref()), ("Server", Some("a\r\nb: c")));
    // It is never sent, even by a driver that doesn't check.
    assert!(!shutting_down(&illegal, None).headers.contains("Server"));
    let negotiated = negotiate(&with("", &[]), &illegal, None)?;
    assert!(!negotiated.response.headers.contains("Server"));
    Ok(())
}

#[test]
fn rejections_have_these_bytes() {
    let cases: [(Request, &str); 5] = [
        (
            request("POST / HTTP/1.1", &LINES),
            "HTTP/1.1 405 Method Not Allowed\r\n\
             Date: Tue, 15 Nov 1994 08:12:31 GMT\r\n\
             Connection: close\r\n\
             Content-Length: 70\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\
             Allow: GET\r\n\
             Server: test/1.0\r\n\
             \r\n\
             Failed to open a WebSocket connection: unsupported HTTP method: POST.\n",
        ),
        (
            request("GET / HTTP/1.0", &LINES),
            "HTTP/1.1 505 HTTP Version Not Supported\r\n\
             Date: Tue, 15 Nov 1994 08:12:31 GMT\r\n\
             Connection: close\r\n\
             Content-Length: 75\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\
             Server: test/1.0\r\n\
             \r\n\
             Failed to open a WebSocket connection: unsupported HTTP version: HTTP/1.0.\n",
        ),
        (
            // A browser that visits the server with its address bar.
            request("GET / HTTP/1.1", &[("Host", "example.com"), ("Connection", "keep-alive")]),
            "HTTP/1.1 426 Upgrade Required\r\n\
             Date: Tue, 15 Nov 1994 08:12:31 GMT\r\n\
             Connection: close\r\n\
             Content-Length: 170\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\
             Upgrade: websocket\r\n\
             Server: test/1.0\r\n\
             \r\n\
             Failed to open a WebSocket connection: invalid Connection header: keep-alive.\n\
             \n\
             You cannot access a WebSocket server directly with a browser. \
             You need a WebSocket client.\n",
        ),
        (
            with("Sec-WebSocket-Version", &["8"]),
            "HTTP/1.1 400 Bad Request\r\n\
             Date: Tue, 15 Nov 1994 08:12:31 GMT\r\n\
             Connection: close\r\n\
             Content-Length: 80\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\
             Sec-WebSocket-Version: 13\r\n\
             Server: test/1.0\r\n\
             \r\n\
             Failed to open a WebSocket connection: invalid Sec-WebSocket-Version header: 8.\n",
        ),
        (
            with("Sec-WebSocket-Key", &[]),
            "HTTP/1.1 400 Bad Request\r\n\
             Date: Tue, 15 Nov 1994 08:12:31 GMT\r\n\
             Connection: close\r\n\
             Content-Length: 73\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\
             Server: test/1.0\r\n\
             \r\n\
             Failed to open a WebSocket connection: missing Sec-WebSocket-Key header.\n",
        ),
    ];
    let options = options().server_header("test/1.0");
    for (request, expected) in cases {
        let error = negotiate(&request, &options, DATE).unwrap_err();
        let method = Some(request.method());
        let response = reject(&error, method, &options, DATE).expect("has an answer");
        let bytes = String::from_utf8(response.serialize()).expect("UTF-8");
        assert_eq!(bytes, expected);
    }
}

#[test]
fn method_and_version_come_first() {
    let table = [
        ("POST / HTTP/1.1", 405, "unsupported HTTP method: POST"),
        ("HEAD / HTTP/1.1", 405, "unsupported HTTP method: HEAD"), // monitors
        ("get / HTTP/1.1", 405, "unsupported HTTP method: get"),
        ("CONNECT a:443 HTTP/1.1", 405, "unsupported HTTP method: CONNECT"), // open-proxy scanners
        ("OPTIONS * HTTP/1.1", 405, "unsupported HTTP method: OPTIONS"),
        ("GET / HTTP/1.0", 505, "unsupported HTTP version: HTTP/1.0"), // nginx without proxy_http_version
        ("POST / HTTP/1.0", 405, "unsupported HTTP method: POST"),
    ];
    for (line, status, reason) in table {
        // Other faults don't matter yet.
        assert_eq!(outcome(&request(line, &[]), &options()), (status, reason.to_owned()));
    }
}

/// Values of a header, and the status and the reason that they lead to.
type Rows = &'static [(&'static [&'static str], u16, &'static str)];

#[track_caller]
fn check(name: &str, options: &ServerOptions, rows: Rows) {
    for &(values, status, reason) in rows {
        let request = with(name, values);
        assert_eq!(outcome(&request, options), (status, reason.to_owned()), "{name}: {values:?}");
    }
}

#[test]
fn connection_asks_for_an_upgrade() {
    check(
        "Connection",
        &options(),
        &[
            (&["Upgrade"], 101, ""),
            (&["upgrade"], 101, ""),
            (&["UPGRADE"], 101, ""),
            (&["keep-alive, Upgrade"], 101, ""), // Firefox
            (&["keep-alive", "Upgrade"], 101, ""),
            (&["keep-alive", "x,upgrade,y"], 101, ""),
            (&[], 426, "missing Connection header"),
            (&["close"], 426, "invalid Connection header: close"),
            (&["keep-alive", "a, b"], 426, "invalid Connection header: keep-alive, a, b"),
            (&["upgraded"], 426, "invalid Connection header: upgraded"),
            (&[""], 400, "invalid Connection header: expected token at 0 in "),
            (&["Upgrade", ""], 400, "invalid Connection header: expected token at 0 in "),
            (&["Upgrade;"], 400, "invalid Connection header: expected comma at 7 in Upgrade;"),
            (&["a, \u{e9}"], 400, "invalid Connection header: expected token at 3 in a, \u{e9}"),
        ],
    );
}

#[test]
fn upgrade_is_websocket_alone() {
    check(
        "Upgrade",
        &options(),
        &[
            (&["websocket"], 101, ""),
            (&["WebSocket"], 101, ""), // clients older than the RFC
            (&["websocket,"], 101, ""),
            (&[], 426, "missing Upgrade header"),
            (&["h2c"], 426, "invalid Upgrade header: h2c"), // Java's HTTP client
            (&["websocket/13"], 426, "invalid Upgrade header: websocket/13"),
            (&["h2c, websocket"], 426, "invalid Upgrade header: h2c, websocket"),
            (&["websocket", "websocket"], 426, "invalid Upgrade header: websocket, websocket"),
            (&[""], 400, "invalid Upgrade header: expected protocol at 0 in "),
            (&["/"], 400, "invalid Upgrade header: expected protocol at 0 in /"),
        ],
    );
}

#[test]
fn key_is_sixteen_bytes_in_base64() {
    check(
        "Sec-WebSocket-Key",
        &options(),
        &[
            (&["dGhlIHNhbXBsZSBub25jZQ=="], 101, ""),
            (&["++++++++++++++++++++/w=="], 101, ""),
            (&["dGhlIHNhbXBsZSBub25jZZ=="], 101, ""), // 22 random digits, which scripts send
            (&[], 400, "missing Sec-WebSocket-Key header"),
            (&[""], 400, "empty Sec-WebSocket-Key header"),
            (&["a", "b"], 400, "invalid Sec-WebSocket-Key header: multiple values"),
            (
                &["dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=="],
                400,
                "invalid Sec-WebSocket-Key header: multiple values",
            ),
            (
                &["dGhlIHNhbXBsZSBub25jZQ"],
                400,
                "invalid Sec-WebSocket-Key header: dGhlIHNhbXBsZSBub25jZQ",
            ),
            (
                &["dGhlIHNhbXBsZSBub25jZ==="],
                400,
                "invalid Sec-WebSocket-Key header: dGhlIHNhbXBsZSBub25jZ===",
            ),
            (
                &["dGhlIHNhbXBsZSBub25jZTE="],
                400,
                "invalid Sec-WebSocket-Key header: dGhlIHNhbXBsZSBub25jZTE=",
            ),
            (
                &["dGhlIHNhbXBsZSBub25j-_=="],
                400,
                "invalid Sec-WebSocket-Key header: dGhlIHNhbXBsZSBub25j-_==",
            ),
            (
                &["dGhl IHNhbXBsZSBub25jZQ=="],
                400,
                "invalid Sec-WebSocket-Key header: dGhl IHNhbXBsZSBub25jZQ==",
            ),
            (&["\u{e9}"], 400, "invalid Sec-WebSocket-Key header: \u{e9}"),
        ],
    );
}

#[test]
fn version_is_13() {
    check(
        "Sec-WebSocket-Version",
        &options(),
        &[
            (&["13"], 101, ""),
            (&[], 400, "missing Sec-WebSocket-Version header"),
            (&[""], 400, "empty Sec-WebSocket-Version header"),
            (&["8"], 400, "invalid Sec-WebSocket-Version header: 8"), // drafts of 2011
            (&["013"], 400, "invalid Sec-WebSocket-Version header: 013"),
            (&["13, 8"], 400, "invalid Sec-WebSocket-Version header: 13, 8"),
            (&["13", "13"], 400, "invalid Sec-WebSocket-Version header: multiple values"),
        ],
    );
}

#[test]
fn every_origin_is_allowed_unless_configured() -> Result<(), InvalidHandshake> {
    check(
        "Origin",
        &options(),
        &[
            (&[], 101, ""),
            (&[""], 101, ""),
            (&["null"], 101, ""), // sandboxed pages
            (&["https://example.com"], 101, ""),
            (&["a", "a"], 400, "invalid Origin header: multiple values"),
        ],
    );
    let negotiated = negotiate(&with("Origin", &["null"]), &options(), DATE)?;
    assert_eq!(negotiated.origin, Some(Origin::from("null")));
    Ok(())
}

#[test]
fn origins_are_compared_exactly() {
    let rows: Rows = &[
        (&["https://example.com"], 101, ""),
        (&["http://localhost:8000"], 101, ""),
        (&["https://example.com/"], 403, "invalid Origin header: https://example.com/"),
        (&["HTTPS://EXAMPLE.COM"], 403, "invalid Origin header: HTTPS://EXAMPLE.COM"),
        (&["https://example.com:443"], 403, "invalid Origin header: https://example.com:443"),
        (
            &["https://example.com.evil.example"],
            403,
            "invalid Origin header: https://example.com.evil.example",
        ),
        (&["null"], 403, "invalid Origin header: null"),
        (&[""], 403, "empty Origin header"),
        (
            &["https://example.com", "https://example.com"],
            400,
            "invalid Origin header: multiple values",
        ),
    ];
    let allowed = ["https://example.com", "http://localhost:8000"];
    let browsers = options().origins(allowed);
    check("Origin", &browsers, rows);
    check("Origin", &browsers, &[(&[], 403, "missing Origin header")]);
    let everybody = options().origins([
        OriginRule::from("https://example.com"),
        OriginRule::Exact(Origin::from("http://localhost:8000")),
        OriginRule::Absent,
    ]);
    check("Origin", &everybody, rows);
    check("Origin", &everybody, &[(&[], 101, "")]);
    let python_style = options().origins([None, Some(Origin::from("https://example.com"))]);
    check("Origin", &python_style, &[(&[], 101, ""), (&["https://example.com"], 101, "")]);
    let nobody = options().origins(Vec::<OriginRule>::new());
    check("Origin", &nobody, &[(&[], 403, "missing Origin header")]);
}

#[test]
fn origins_match_patterns_and_the_host_of_the_request() {
    let check = |rule: OriginRule, host: &str, origin: &str| {
        let head = format!(
            "GET / HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Version: 13\r\n\r\n"
        );
        let options = options().origins([rule]);
        let mut handshake = ServerHandshake::new(&options, Duration::ZERO);
        handshake.receive_data(head.as_bytes()).unwrap();
        negotiate(&handshake.into_request().unwrap(), &options, None).is_ok()
    };
    for (pattern, origin, expected) in [
        ("https://*.example.com", "https://a.example.com", true),
        ("https://*.example.com", "https://a.b-c.example.com", true),
        ("https://*.example.com", "https://example.com", false),
        ("https://*.example.com", "https://.example.com", false),
        ("https://*.example.com", "http://a.example.com", false),
        ("https://*.example.com", "https://evil.test/.example.com", false),
        ("https://*.example.com", "https://evil.test:1.example.com", false),
        ("https://*.example.com", "https://a.example.com.evil.test", false),
        ("https://*.example.com", "https://a.example.com:8443", false),
        ("*.example.com", "https://a.example.com", false),
        ("http://localhost:*", "http://localhost:8000", true),
        ("http://localhost:*", "http://localhost", false),
        ("http://localhost:*", "http://localhost:80@evil.test", false),
        ("https://*.a.*", "https://b.a.c", false),
        ("*", "null", false),
        ("nul*", "null", false),
        ("null", "null", true),
    ] {
        assert_eq!(check(pattern.into(), "a.test", origin), expected, "{pattern} {origin}");
    }
    for (host, origin, expected) in [
        ("example.com", "https://example.com", true),
        ("Example.com", "https://example.com", true),
        ("example.com", "http://example.com", true),
        ("example.com:443", "https://example.com", true),
        ("example.com:80", "https://example.com", false),
        ("example.com:8000", "http://example.com:8000", true),
        ("example.com:8000", "http://example.com", false),
        ("example.com", "https://a.example.com", false),
        ("a.example.com", "https://example.com", false),
        ("[::1]:8000", "http://[::1]:8000", true),
        ("example.com", "null", false),
        ("example.com", "example.com", false),
        ("example.com", "https://example.com/", false),
    ] {
        assert_eq!(check(OriginRule::SameHost, host, origin), expected, "{host} {origin}");
    }
}

#[test]
fn extensions_are_not_even_parsed_without_any_configured() {
    check(
        "Sec-WebSocket-Extensions",
        &options(),
        &[
            (&["permessage-deflate; client_max_window_bits"], 101, ""), // browsers
            (&[""], 101, ""),
            (&[";;; \u{e9} garbage"], 101, ""),
            (&["a", "b"], 101, ""),
        ],
    );
}

#[test]
fn subprotocols_without_any_configured_are_parsed_and_ignored() -> Result<(), InvalidHandshake> {
    check(
        "Sec-WebSocket-Protocol",
        &options(),
        &[
            (&[], 101, ""),
            (&["chat"], 101, ""),
            (&[""], 400, "invalid Sec-WebSocket-Protocol header: expected token at 0 in "),
            (
                &["chat", "a b"],
                400,
                "invalid Sec-WebSocket-Protocol header: expected comma at 2 in a b",
            ),
        ],
    );
    let negotiated = negotiate(&with("Sec-WebSocket-Protocol", &["chat"]), &options(), DATE)?;
    assert_eq!(negotiated.subprotocol, None);
    assert!(!negotiated.response.headers.contains("Sec-WebSocket-Protocol"));
    Ok(())
}

#[test]
fn the_servers_preference_decides_on_the_subprotocol() -> Result<(), InvalidHandshake> {
    let options = options().subprotocols(subprotocols(["superchat", "chat"]));
    check(
        "Sec-WebSocket-Protocol",
        &options,
        &[
            (&["chat"], 101, ""),
            (&[], 400, "missing subprotocol"),
            (&["Chat"], 400, "invalid subprotocol; expected one of superchat, chat"),
            (&["chat "], 101, ""),
            (&["chat,"], 101, ""),
            (
                &["chat;"],
                400,
                "invalid Sec-WebSocket-Protocol header: expected comma at 4 in chat;",
            ),
        ],
    );
    let table: &[(&[&str], &str)] = &[
        (&["chat"], "chat"),
        (&["chat, superchat"], "superchat"),
        (&["chat", "other, superchat"], "superchat"),
    ];
    for &(values, expected) in table {
        let negotiated = negotiate(&with("Sec-WebSocket-Protocol", values), &options, DATE)?;
        assert_eq!(negotiated.subprotocol.expect("chosen"), expected);
        let sent = negotiated.response.headers.get("Sec-WebSocket-Protocol");
        assert_eq!(sent, Ok(Some(expected)));
    }
    Ok(())
}

#[test]
fn a_function_can_choose_the_subprotocol() -> Result<(), InvalidHandshake> {
    let options =
        options().subprotocols(subprotocols(["ignored"])).select_subprotocol(|request, offered| {
            match offered {
                [] => Ok(None),
                [.., last] if request.path() == "/" => Ok(Some(last.clone())),
                _ => Err(NegotiationError::new("no, thanks")),
            }
        });
    let negotiated = negotiate(&with("Sec-WebSocket-Protocol", &["a", "b, c"]), &options, DATE)?;
    assert_eq!(negotiated.subprotocol.expect("chosen"), "c");
    assert_eq!(negotiate(&with("", &[]), &options, DATE)?.subprotocol, None);
    let mut lines = LINES.to_vec();
    lines.push(("Sec-WebSocket-Protocol", "a"));
    let elsewhere = request("GET /elsewhere HTTP/1.1", &lines);
    assert_eq!(outcome(&elsewhere, &options), (400, "no, thanks".to_owned()));
    Ok(())
}

#[test]
fn checks_are_made_in_order() {
    // Every header is wrong; mended one by one, each gives way to the next.
    let wrong = [
        ("Connection", "close", "Upgrade", "invalid Connection header: close"),
        ("Upgrade", "h2c", "websocket", "invalid Upgrade header: h2c"),
        ("Sec-WebSocket-Key", "x", KEY.1, "invalid Sec-WebSocket-Key header: x"),
        ("Sec-WebSocket-Version", "8", "13", "invalid Sec-WebSocket-Version header: 8"),
        ("Origin", "bad", "good", "invalid Origin header: bad"),
        ("Sec-WebSocket-Protocol", "a", "chat", "invalid subprotocol; expected one of chat"),
    ];
    let options = options().origins(["good"]).subprotocols(subprotocols(["chat"]));
    for mended in 0..=wrong.len() {
        let lines: Vec<_> = wrong
            .iter()
            .enumerate()
            .map(|(i, (name, bad, good, _))| (*name, if i < mended { *good } else { *bad }))
            .collect();
        let (_, reason) = outcome(&request("GET / HTTP/1.1", &lines), &options);
        assert_eq!(reason, wrong.get(mended).map_or("", |(.., reason)| reason));
    }
}

#[test]
fn limits_and_malformed_requests_are_answered() {
    let long = "a".repeat(8192);
    let table: &[(String, HttpAnswer)] = &[
        (format!("GET /{long}"), HttpAnswer::Status(414)),
        (format!("GET / HTTP/1.1\r\nA: {long}"), HttpAnswer::Status(431)),
        (format!("GET / HTTP/1.1\r\n{}", "A: b\r\n".repeat(129)), HttpAnswer::Status(431)),
        ("GET / HTTP/2.0\r\n\r\n".to_owned(), HttpAnswer::Status(505)),
        ("GET /\t HTTP/1.1\r\n\r\n".to_owned(), HttpAnswer::Status(400)),
        ("GET / HTTP/1.1\n".to_owned(), HttpAnswer::Status(400)),
        ("\r\n\r\n".to_owned(), HttpAnswer::Status(400)),
        ("GET /\r\n".to_owned(), HttpAnswer::Disconnect),
        ("\u{16}".to_owned(), HttpAnswer::Disconnect),
    ];
    for (data, expected) in table {
        let mut handshake = ServerHandshake::new(&ServerOptions::default(), Duration::ZERO);
        let error = handshake.receive_data(data.as_bytes()).unwrap_err();
        assert_eq!(error.http_status(), *expected);
        let response = reject(&error, None, &options(), DATE);
        match expected {
            HttpAnswer::Status(status) => {
                assert_eq!(response.map(|r| r.status_code), Some(*status))
            }
            HttpAnswer::Disconnect => assert_eq!(response, None),
        }
        // The first error stays.
        assert_eq!(handshake.receive_data(b"GET / HTTP/1.1\r\n\r\n"), Err(error.clone()));
        assert_eq!(handshake.receive_eof(), Err(error));
        assert_eq!(handshake.into_request(), None);
    }
}

#[test]
fn causes_are_told_to_the_client() {
    let cause = MessageCause::Malformed("the cause".into());
    let error = InvalidMessage::new(ws_errors::HttpMessage::Request, cause);
    let response = reject(&error.into(), None, &options(), DATE).expect("has an answer");
    assert_eq!(
        String::from_utf8_lossy(&response.body),
        "Failed to open a WebSocket connection: did not receive a valid HTTP request; the cause.\n"
    );
    // A client that is gone gets no answer.
    let error = InvalidMessage::new(ws_errors::HttpMessage::Request, MessageCause::UnexpectedEof);
    assert_eq!(reject(&error.into(), None, &options(), DATE), None);
    // What fails in the application is nobody else's business.
    let error = InvalidHandshake::new("the password of the database is wrong");
    let response = reject(&error, None, &options(), DATE).expect("has an answer");
    assert_eq!(response.status_code, 500);
    assert_eq!(
        String::from_utf8_lossy(&response.body),
        "Failed to open a WebSocket connection.\nSee server log for more information.\n"
    );
}

#[test]
fn an_application_can_answer_itself() -> Result<(), Box<dyn std::error::Error>> {
    let mut headers = Headers::new();
    headers.insert("Location", "/new")?;
    headers.insert("content-type", "text/html")?;
    let abort = AbortHandshake::new(301, headers, "<a href=/new>");
    let options = options().server_header("test/1.0");
    let response = reject(&abort.into(), Some("GET"), &options, DATE).expect("has an answer");
    assert_eq!(
        String::from_utf8_lossy(&response.serialize()),
        "HTTP/1.1 301 Moved Permanently\r\n\
         Location: /new\r\n\
         content-type: text/html\r\n\
         Date: Tue, 15 Nov 1994 08:12:31 GMT\r\n\
         Connection: close\r\n\
         Content-Length: 13\r\n\
         Server: test/1.0\r\n\
         \r\n\
         <a href=/new>"
    );
    // No content: no length, and no body, whatever was given.
    for (status, line) in [(204, "204 No Content"), (103, "103 "), (304, "304 Not Modified")] {
        for name in ["Content-Length", "Transfer-Encoding"] {
            let mut headers = Headers::new();
            headers.insert(name, "4")?;
            let abort = AbortHandshake::new(status, headers, "body");
            let response = reject(&abort.into(), Some("GET"), &options, None).expect("has one");
            // That of 304 would be the length of another response.
            let kept = if status == 304 { format!("{name}: 4\r\n") } else { String::new() };
            assert_eq!(
                String::from_utf8_lossy(&response.serialize()),
                format!("HTTP/1.1 {line}\r\n{kept}Connection: close\r\nServer: test/1.0\r\n\r\n")
            );
        }
    }
    Ok(())
}

#[test]
fn a_server_that_stops_says_so() {
    let response = shutting_down(&options(), DATE);
    assert_eq!((response.status_code, &*response.reason_phrase), (503, "Service Unavailable"));
    assert_eq!(response.body, b"Server is shutting down.\n");
    let response = respond(404, "Not Found\n", &options(), None);
    assert_eq!((response.status_code, &*response.body), (404, &b"Not Found\n"[..]));
}

#[test]
fn reason_phrases_cannot_split_a_response() {
    let empty: &[u8] = b"";
    let response = Response::new(200, "a\r\nb: c\u{e9}\u{20ac}", Headers::new(), empty);
    assert_eq!(response.serialize(), b"HTTP/1.1 200 a??b: c\xe9?\r\n\r\n");
}

#[test]
fn what_follows_the_request_is_not_touched() {
    let head = b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n";
    let data = [&head[..], b"\x81\x80\x00\x00\x00\x00"].concat();
    let result = feed(
        &data,
        || ServerHandshake::new(&ServerOptions::default(), Duration::ZERO),
        |handshake, data| {
            let used = handshake.receive_data(data)?;
            Ok(used.map(|used| (handshake.request().cloned(), used)))
        },
    );
    let (request, used) = result.unwrap().unwrap();
    assert_eq!(used, head.len());
    assert_eq!(request.map(|request| request.path().to_owned()).as_deref(), Some("/"));
}

#[test]
fn the_end_of_the_stream_fails_an_incomplete_request_only() {
    let mut handshake = ServerHandshake::new(&ServerOptions::default(), Duration::ZERO);
    assert_eq!(handshake.receive_data(b"GET / HTTP/1.1\r\n"), Ok(None));
    assert_eq!(handshake.request(), None);
    let error = handshake.receive_eof().unwrap_err();
    let message = error.get::<InvalidMessage>().expect("an InvalidMessage");
    assert_eq!(message.cause, Some(MessageCause::UnexpectedEof));
    assert_eq!(handshake.receive_data(b"\r\n"), Err(error));

    let mut handshake = ServerHandshake::new(&ServerOptions::default(), Duration::ZERO);
    assert_eq!(handshake.receive_data(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), Ok(Some(27)));
    assert_eq!(handshake.receive_eof(), Ok(()));
    assert_eq!(handshake.receive_data(b"frames"), Ok(Some(0)));
    assert!(handshake.into_request().is_some());
}

#[test]
fn a_request_that_is_not_answered_in_time_fails_the_handshake() {
    let (second, began) = (Duration::from_secs(1), Duration::from_secs(100));
    let deadline = began + 10 * second;
    let early = deadline - Duration::from_nanos(1);
    // Nothing received, half a request, a whole one that is not answered yet.
    for data in ["", "GET / HTTP/1.1\r\nHost:", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"] {
        let mut handshake = ServerHandshake::new(&ServerOptions::default(), began);
        assert_eq!(handshake.handle_timeout(began), Ok(()));
        let received = handshake.receive_data(data.as_bytes());
        assert_eq!(handshake.poll_timeout(), Some(deadline), "{data:?}");
        assert_eq!(handshake.handle_timeout(early), Ok(()), "{data:?}");
        assert_eq!(handshake.receive_data(b""), received.map(|used| used.map(|_| 0)), "{data:?}");
        let error = handshake.handle_timeout(deadline).unwrap_err();
        assert_eq!(error.to_string(), "timed out during opening handshake");
        assert_eq!(handshake.poll_timeout(), None);
        assert_eq!(handshake.handle_timeout(began), Err(error.clone()), "{data:?}");
        assert_eq!(handshake.receive_data(b"\r\n\r\n"), Err(error.clone()), "{data:?}");
        assert_eq!(handshake.receive_eof(), Err(error), "{data:?}");
        assert_eq!(handshake.into_request(), None, "{data:?}");
    }
}

#[test]
fn the_first_failure_stays_when_the_time_is_over() {
    let mut handshake = ServerHandshake::new(&ServerOptions::default(), Duration::ZERO);
    let error = handshake.receive_data(b"\r\n\r\n").unwrap_err();
    assert_eq!(handshake.poll_timeout(), None);
    assert_eq!(handshake.handle_timeout(Duration::MAX), Err(error));
}

#[test]
fn the_open_timeout_is_an_option_that_can_be_absent_or_endless() {
    let began = Duration::from_secs(1);
    for (timeout, deadline) in [
        (None, None),
        (Some(Duration::from_secs(3)), Some(Duration::from_secs(4))),
        (Some(Duration::ZERO), Some(began)),
        (Some(Duration::MAX), Some(Duration::MAX)),
    ] {
        let mut handshake = ServerHandshake::new(&options().open_timeout(timeout), began);
        assert_eq!(handshake.poll_timeout(), deadline, "{timeout:?}");
        let due = deadline.is_some_and(|deadline| deadline <= Duration::from_secs(4));
        let result = handshake.handle_timeout(Duration::from_secs(4));
        assert_eq!(result.is_err(), due, "{timeout:?}");
    }
}

#[test]
fn a_request_tells_clearly_where_it_ends() {
    // Headers, and the text of the exception; empty for none.
    let table = [
        ("", ""),
        ("Content-Length: 0", ""),
        ("Content-Length: 5", ""),
        ("Content-Length: 005", ""),
        ("Content-Length: 5\r\ncontent-length: 5", ""),
        ("Content-Length: 5, 5", ""),
        ("Content-Length: 18446744073709551615", ""),
        ("Transfer-Encoding: chunked", ""),
        ("transfer-encoding: CHUNKED", ""),
        ("Transfer-Encoding: gzip, chunked", ""),
        ("Transfer-Encoding: gzip\r\nTransfer-Encoding: , chunked ,", ""),
        ("Content-Length: 5\r\nContent-Length: 6", "invalid Content-Length header: 5, 6"),
        ("Content-Length: 5, 6", "invalid Content-Length header: 5, 6"),
        ("Content-Length: 5,", "invalid Content-Length header: 5,"),
        ("Content-Length:", "empty Content-Length header"),
        ("Content-Length: x", "invalid Content-Length header: x"),
        ("Content-Length: +5", "invalid Content-Length header: +5"),
        ("Content-Length: -5", "invalid Content-Length header: -5"),
        ("Content-Length: 0x5", "invalid Content-Length header: 0x5"),
        ("Content-Length: 5 5", "invalid Content-Length header: 5 5"),
        (
            "Content-Length: 18446744073709551616",
            "invalid Content-Length header: 18446744073709551616",
        ),
        (
            "Content-Length: 5\r\nTransfer-Encoding: chunked",
            "invalid Content-Length header: together with Transfer-Encoding",
        ),
        (
            "Transfer-Encoding: chunked\r\nContent-Length: 0",
            "invalid Content-Length header: together with Transfer-Encoding",
        ),
        ("Transfer-Encoding:", "empty Transfer-Encoding header"),
        ("Transfer-Encoding: gzip", "invalid Transfer-Encoding header: gzip"),
        ("Transfer-Encoding: identity", "invalid Transfer-Encoding header: identity"),
        ("Transfer-Encoding: chunked, gzip", "invalid Transfer-Encoding header: chunked, gzip"),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "invalid Transfer-Encoding header: chunked, chunked",
        ),
        ("Transfer-Encoding: chunked;a=b", "invalid Transfer-Encoding header: chunked;a=b"),
        ("Transfer-Encoding: \u{b}chunked", "malformed"),
    ];
    for (lines, expected) in table {
        for (version, method) in [("1.1", "POST"), ("1.1", "HEAD"), ("1.0", "POST")] {
            let head = format!("{method} / HTTP/{version}\r\nHost: a\r\n{lines}\r\n\r\n");
            let head =
                if lines.is_empty() { head.replace("\r\n\r\n\r\n", "\r\n\r\n") } else { head };
            let result = feed(
                head.as_bytes(),
                || ServerHandshake::new(&ServerOptions::default(), Duration::ZERO),
                |handshake, data| {
                    let result = handshake.receive_data(data);
                    let is_whole = !matches!(result, Ok(None));
                    assert!(!is_whole || handshake.method() == Some(method));
                    Ok(result?.map(|used| ((), used)))
                },
            );
            let is_old = version == "1.0" && lines.to_ascii_lowercase().starts_with("transfer-");
            let expected = match expected {
                "" if is_old => "invalid Transfer-Encoding header: unknown in HTTP/1.0",
                expected => expected,
            };
            match result {
                Ok(received) => {
                    assert_eq!((received, expected), (Some(((), head.len())), ""), "{head}");
                }
                Err(error) => {
                    assert_eq!(error.http_status(), HttpAnswer::Status(400), "{head}");
                    match error.get::<InvalidHeader>() {
                        Some(_) if is_old => assert_ne!(expected, "", "{head}"),
                        Some(_) => assert_eq!(error.to_string(), expected, "{head}"),
                        None => assert_eq!(expected, "malformed", "{head}: {error:?}"),
                    }
                }
            }
        }
    }
}

#[test]
fn a_request_for_a_websocket_has_no_body() {
    let lines = |extra: (&'static str, &'static str)| [&LINES[..], &[extra]].concat();
    let table = [
        ("GET / HTTP/1.1", ("Content-Length", "0"), 101, ""),
        ("GET / HTTP/1.1", ("Content-Length", "0, 00"), 101, ""),
        ("GET / HTTP/1.1", ("Content-Length", "5"), 400, "invalid Content-Length header: 5"),
        (
            "GET / HTTP/1.1",
            ("Transfer-Encoding", "chunked"),
            400,
            "invalid Transfer-Encoding header: chunked",
        ),
        ("POST / HTTP/1.1", ("Content-Length", "5"), 405, "unsupported HTTP method: POST"),
        ("PUT / HTTP/1.1", ("Transfer-Encoding", "chunked"), 405, "unsupported HTTP method: PUT"),
        ("GET / HTTP/1.0", ("Content-Length", "5"), 505, "unsupported HTTP version: HTTP/1.0"),
    ];
    for (line, extra, status, reason) in table {
        let outcome = outcome(&request(line, &lines(extra)), &options());
        assert_eq!(outcome, (status, reason.to_owned()), "{line} {extra:?}");
    }
    // Before other faults.
    let post = request("GET / HTTP/1.1", &[("Content-Length", "5")]);
    assert_eq!(outcome(&post, &options()).1, "invalid Content-Length header: 5");
}

#[test]
fn the_method_is_known_from_the_first_line_on() {
    let table: &[(&[u8], Option<&str>)] = &[
        (b"", None),
        (b"HEAD / HTTP/1.1\r", None),
        (b"HEAD / HTTP/1.1\r\n", Some("HEAD")),
        (b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", Some("HEAD")),
        (b"GET / HTTP/1.1\r\n\r\n", Some("GET")), // no Host
        (b"BREW / HTTP/1.1\r\nA b\r\n\r\n", Some("BREW")), // no header
        (b"HEAD / HTTP/1.1\r\nA: b\n", Some("HEAD")),
        (b"HEAD / HTTP/2.0\r\n", None),
        (b"\x16", None),
    ];
    for &(data, expected) in table {
        for at in 0..=data.len() {
            let (first, second) = data.split_at(at);
            let mut handshake = ServerHandshake::new(&ServerOptions::default(), Duration::ZERO);
            _ = handshake.receive_data(first);
            _ = handshake.receive_data(second);
            assert_eq!(handshake.method(), expected, "{}", data.escape_ascii());
            _ = handshake.handle_timeout(Duration::MAX);
            assert_eq!(handshake.method(), expected, "{}", data.escape_ascii());
        }
    }
}

#[test]
fn the_response_to_head_has_only_the_headers_of_its_body() {
    let errors: [InvalidHandshake; 5] = [
        AbortHandshake::new(200, Headers::new(), "fine\n").into(),
        InvalidHeader::new("Host", None).into(),
        ws_errors::InvalidMethod::new("HEAD").into(),
        InvalidHandshake::new("a hook panicked"),
        InvalidMessage::new(
            ws_errors::HttpMessage::Request,
            MessageCause::Malformed("invalid header name".into()),
        )
        .into(),
    ];
    for error in errors {
        let full = reject(&error, Some("GET"), &options(), DATE).expect("has an answer");
        let head = reject(&error, Some("HEAD"), &options(), DATE).expect("has an answer");
        let len = full.body.len().to_string();
        assert_eq!(head.headers.get("Content-Length"), Ok(Some(&*len)));
        assert_eq!((head.status_code, &head.headers), (full.status_code, &full.headers));
        assert!(head.body.is_empty() && !full.body.is_empty());
        // Methods are case-sensitive.
        assert_eq!(reject(&error, Some("head"), &options(), DATE), Some(full.clone()));
        assert_eq!(reject(&error, None, &options(), DATE), Some(full));
    }
}

#[test]
fn host_is_one_valid_host() {
    let table: &[(&[&str], &str)] = &[
        (&["example.com"], ""),
        (&["EXAMPLE.com:8765"], ""),
        (&["example.com:"], ""),
        (&["example.com:0"], ""),
        (&["localhost:65535"], ""),
        (&["127.0.0.1:80"], ""),
        (&["[::1]"], ""),
        (&["[2001:db8::1]:8765"], ""),
        (&["[::ffff:127.0.0.1]"], ""),
        (&["[v1.x:y]:1"], ""),
        (&["my_service"], ""), // Docker
        (&["a.b-c~!$&'()*+,;="], ""),
        (&["caf%C3%A9"], ""),
        (&[], "missing Host header"),
        (&[""], "empty Host header"),
        (&["a", "a"], "invalid Host header: multiple values"),
        (&["a", "b"], "invalid Host header: multiple values"),
        (&["", ""], "invalid Host header: multiple values"),
        (&["a, b"], "invalid Host header: a, b"),
        (&["a b"], "invalid Host header: a b"),
        (&[":80"], "invalid Host header: :80"),
        (&["a:b"], "invalid Host header: a:b"),
        (&["a:-1"], "invalid Host header: a:-1"),
        (&["a:65536"], "invalid Host header: a:65536"),
        (&["a:80:80"], "invalid Host header: a:80:80"),
        (&["a/b"], "invalid Host header: a/b"),
        (&["http://a"], "invalid Host header: http://a"),
        (&["user@a"], "invalid Host header: user@a"),
        (&["user:pass@a"], "invalid Host header: user:pass@a"),
        (&["a?b"], "invalid Host header: a?b"),
        (&["a#b"], "invalid Host header: a#b"),
        (&["a\\b"], "invalid Host header: a\\b"),
        (&["a%"], "invalid Host header: a%"),
        (&["a%2"], "invalid Host header: a%2"),
        (&["a%zz"], "invalid Host header: a%zz"),
        (&["caf\u{e9}"], "invalid Host header: caf\u{e9}"),
        (&["::1"], "invalid Host header: ::1"),
        (&["[::1"], "invalid Host header: [::1"),
        (&["[::1]a"], "invalid Host header: [::1]a"),
        (&["[a]"], "invalid Host header: [a]"),
        (&["[]"], "invalid Host header: []"),
        (&["[v.x]"], "invalid Host header: [v.x]"),
        (&["[v1.]"], "invalid Host header: [v1.]"),
        (&["[x1.y]"], "invalid Host header: [x1.y]"),
        (&["[fe80::1%25eth0]"], "invalid Host header: [fe80::1%25eth0]"),
    ];
    for version in ["1.1", "1.0"] {
        for &(hosts, expected) in table {
            let lines: String = hosts.iter().map(|host| format!("host: {host}\r\n")).collect();
            let head = format!("GET / HTTP/{version}\r\n{lines}Upgrade: websocket\r\n\r\n");
            let octets: Vec<u8> = head.chars().map(|c| u8::try_from(c).unwrap()).collect();
            let result = feed(
                &octets,
                || ServerHandshake::new(&ServerOptions::default(), Duration::ZERO),
                |handshake, data| {
                    let used = handshake.receive_data(data)?;
                    Ok(used.map(|used| (handshake.request().cloned(), used)))
                },
            );
            // HTTP/1.0 knows no such header, but only requires nothing.
            let expected = if (version, hosts) == ("1.0", &[]) { "" } else { expected };
            match result {
                Ok(received) => {
                    let request = received.unwrap().0.unwrap();
                    assert_eq!(request.host(), hosts.first().copied());
                    assert_eq!(expected, "", "{hosts:?}");
                }
                Err(error) => {
                    assert_eq!(error.to_string(), expected);
                    assert_eq!(error.http_status(), HttpAnswer::Status(400));
                    let header = error.get::<InvalidHeader>().unwrap();
                    assert_eq!(header.name(), "Host");
                }
            }
        }
    }
}

proptest! {
    /// Whatever the headers are, a request is accepted or gets a response.
    #[test]
    fn every_request_has_an_answer(
        lines in prop::collection::vec((0..LINES.len() + 3, "[ -~\t\u{80}-\u{ff}]{0,12}"), 0..8),
    ) {
        let names = ["Origin", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"];
        let mut head = LINES.to_vec();
        for (i, value) in &lines {
            match (head.get_mut(*i), names.get(i.wrapping_sub(LINES.len()))) {
                (Some(line), None) => line.1 = value,
                (_, name) => head.push((name.unwrap_or(&"Origin"), value)),
            }
        }
        // Refused before all others.
        prop_assume!(head.iter().all(|(name, value)| *name != "Host" || value.trim() == "example.com"));
        let options = options().origins(["", "null"]).subprotocols(subprotocols(["a"]));
        let request = request("GET / HTTP/1.1", &head);
        let status = match negotiate(&request, &options, DATE) {
            Ok(negotiated) => negotiated.response.status_code,
            Err(error) => reject(&error, None, &options, DATE).map_or(0, |response| response.status_code),
        };
        prop_assert!([101, 400, 403, 426].contains(&status), "{}", status);
    }
}

/// A request of HTTP/2 with these headers.
fn http2(method: &'static str, target: &str, lines: &[(&str, &str)]) -> Request {
    let mut request = Request::new(method, target).unwrap().with_version(HttpVersion::Http2);
    for (name, value) in lines {
        request.headers_mut().insert(name, value).unwrap();
    }
    request
}

#[test]
fn rfc8441_5_a_request_of_http2_is_answered_with_200_and_no_key() {
    let lines = [("sec-websocket-version", "13"), ("sec-websocket-protocol", "chat, superchat")];
    let options = options().subprotocols(subprotocols(["superchat"])).server_header(None);
    let request = http2("CONNECT", "https://server.example.com/chat", &lines);
    let negotiated = negotiate(&request.with_protocol("websocket"), &options, DATE).unwrap();
    let Response { status_code, headers, body, .. } = negotiated.response;
    assert_eq!((status_code, body), (200, Vec::new()));
    let lines: Vec<_> = headers.raw_items().collect();
    assert_eq!(lines, [("Date", DATE.unwrap()), ("Sec-WebSocket-Protocol", "superchat")]);
}

#[test]
fn rfc8441_5_requests_of_http2_are_checked_in_this_order() {
    let origins = options().origins([OriginRule::SameHost]);
    let version = ("sec-websocket-version", "13");
    let origin = ("origin", "https://example.com");
    let uri = "https://example.com/chat";
    for (method, protocol, lines, status, reason) in [
        ("GET", None, vec![], 400, "missing :protocol header"),
        ("GET", Some("websocket"), vec![], 400, "missing :protocol header"),
        ("CONNECT", None, vec![version], 400, "missing :protocol header"),
        // RFC 9298 has this one.
        (
            "CONNECT",
            Some("connect-udp"),
            vec![version],
            400,
            "invalid :protocol header: connect-udp",
        ),
        (
            "CONNECT",
            Some("websocket"),
            vec![("content-length", "3")],
            400,
            "invalid Content-Length header: 3",
        ),
        // Each frame would be more than that.
        (
            "CONNECT",
            Some("websocket"),
            vec![version, origin, ("content-length", "0")],
            400,
            "invalid Content-Length header: 0",
        ),
        ("CONNECT", Some("websocket"), vec![], 400, "missing Sec-WebSocket-Version header"),
        ("CONNECT", Some("websocket"), vec![version], 403, "missing Origin header"),
        (
            "CONNECT",
            Some("websocket"),
            vec![version, ("origin", "https://evil.example")],
            403,
            "invalid Origin header: https://evil.example",
        ),
        ("CONNECT", Some("websocket"), vec![version, origin], 200, ""),
    ] {
        let mut request = http2(method, uri, &lines);
        if let Some(protocol) = protocol {
            request = request.with_protocol(protocol);
        }
        let (found, text) = match negotiate(&request, &origins, None) {
            Ok(negotiated) => (negotiated.response.status_code, String::new()),
            Err(error) => {
                let mut response = reject(&error, Some(method), &origins, None).unwrap();
                remove_connection_headers(&mut response);
                assert!(!response.headers.contains("Connection"), "{response:?}");
                (response.status_code, error.to_string())
            }
        };
        assert_eq!((found, &*text), (status, reason), "{method} {protocol:?} {lines:?}");
    }
}

#[test]
fn rfc9113_8_3_1_a_host_of_http2_is_the_authority() {
    for (target, host, expected) in [
        ("https://example.com/", None, ""),
        ("https://example.com:8443/", Some("Example.com:8443"), ""),
        ("https://example.com/", Some("evil.example"), "invalid Host header: evil.example"),
        ("https://example.com/", Some("example.com:8443"), "invalid Host header: example.com:8443"),
        ("https://user@example.com/", None, "did not receive a valid HTTP request"),
        ("/", Some("example.com"), ""),
        ("/", None, "missing Host header"),
    ] {
        let lines: Vec<_> = host.map(|host| ("host", host)).into_iter().collect();
        let mut handshake = ServerHandshake::new(&options(), Duration::ZERO);
        let request = http2("CONNECT", target, &lines).with_protocol("websocket");
        let received = handshake.receive_request(request);
        let text = received.err().map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(text, expected, "{target} {host:?}");
    }
}
