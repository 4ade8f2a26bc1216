//! Requests and responses of HTTP/1.1, row by row, and the limits around them.

mod common;

use std::time::Duration;

use common::feed;
use proptest::prelude::*;
use ws_errors::{
    HttpAnswer, InvalidHandshake, InvalidMessage, InvalidProtocol, MessageCause, OtherProtocol,
};
use ws_proto::http::{
    HandshakeLimits, HttpVersion, Request, RequestReader, Response, ResponseReader,
};

type Fed<T> = Result<Option<(T, usize)>, InvalidHandshake>;

#[track_caller]
fn request(data: &[u8]) -> Fed<Request> {
    feed(data, || RequestReader::new(HandshakeLimits::default()), RequestReader::receive_data)
}

#[track_caller]
fn response(data: &[u8]) -> Fed<Response> {
    feed(data, || ResponseReader::new(HandshakeLimits::default()), ResponseReader::receive_data)
}

#[track_caller]
fn limited_response(data: &[u8], limits: HandshakeLimits) -> Fed<Response> {
    feed(data, || ResponseReader::new(limits), ResponseReader::receive_data)
}

/// The text of the cause of an `InvalidMessage`.
#[track_caller]
fn cause<T: std::fmt::Debug>(data: &[u8], result: Fed<T>) -> String {
    let data = data.escape_ascii();
    let error = result.expect_err(&data.to_string());
    let message = error.get::<InvalidMessage>().unwrap_or_else(|| panic!("{data}: {error:?}"));
    message.cause.as_ref().map(ToString::to_string).unwrap_or_default()
}

fn limits(change: impl FnOnce(&mut HandshakeLimits)) -> HandshakeLimits {
    let mut limits = HandshakeLimits::default();
    change(&mut limits);
    limits
}

#[test]
fn default_limits() {
    let limits = HandshakeLimits::default();
    assert_eq!((limits.max_line, limits.max_headers), (8192, 128));
    assert_eq!((limits.max_head, limits.max_body), (131_072, 1_048_576));
    assert_eq!(limits.max_body_time, Duration::from_secs(1));
}

#[test]
fn a_request_is_taken_apart() {
    let head =
        b"GET /chat?room=1 HTTP/1.1\r\nHost: example.com\r\ncookie: a=1\r\nCookie: b=2\r\n\r\n";
    let data = [head, &b"\x81\x85"[..]].concat();
    let (request, used) = request(&data).unwrap().unwrap();
    assert_eq!(used, head.len());
    assert_eq!((request.method(), request.path()), ("GET", "/chat"));
    assert_eq!((request.target(), request.query()), ("/chat?room=1", Some("room=1")));
    assert_eq!(request.host(), Some("example.com"));
    assert_eq!(request.version(), HttpVersion::Http11);
    // Repeated names don't overwrite each other, and keep their spelling.
    assert!(request.headers().raw_items().eq([
        ("Host", "example.com"),
        ("cookie", "a=1"),
        ("Cookie", "b=2"),
    ]));
    assert_eq!(request.serialize(), head);
    let text = format!("{request:?}");
    assert!(
        text.starts_with(r#"Request { method: "GET", target: "/chat?***", version: Http11"#),
        "{text}"
    );
    assert!(text.contains(r#"("cookie", "***")"#), "{text}");
}

#[test]
fn request_lines() {
    let valid: &[(&str, &str, &str, HttpVersion)] = &[
        ("GET / HTTP/1.1", "GET", "/", HttpVersion::Http11),
        ("GET / HTTP/1.0", "GET", "/", HttpVersion::Http10),
        ("GET / HTTP/1.2", "GET", "/", HttpVersion::Http11),
        ("GET / HTTP/1.9", "GET", "/", HttpVersion::Http11),
        ("\r\nGET / HTTP/1.1", "GET", "/", HttpVersion::Http11),
        ("POST /a HTTP/1.1", "POST", "/a", HttpVersion::Http11),
        ("PROXY / HTTP/1.1", "PROXY", "/", HttpVersion::Http11),
        ("M-SEARCH * HTTP/1.1", "M-SEARCH", "*", HttpVersion::Http11),
        ("CONNECT a:443 HTTP/1.1", "CONNECT", "a:443", HttpVersion::Http11),
        ("OPTIONS http://a/b HTTP/1.1", "OPTIONS", "http://a/b", HttpVersion::Http11),
    ];
    for &(line, method, target, version) in valid {
        let data = format!("{line}\r\n\r\n");
        let (request, used) = request(data.as_bytes()).unwrap().unwrap();
        assert_eq!((request.method(), request.target()), (method, target), "{line}");
        assert_eq!(used, data.len());
        assert_eq!(request.version(), version, "{line}");
    }
    let malformed: &[&[u8]] = &[
        b"GET / HTTP/1.1 ",
        b"GET / HTTP/1",
        b"GET / HTTP/1.",
        b"GET / HTTP/1.x",
        b"GET / HTTP/1.10",
        b"GET / HTTP/22.0",
        b"GET / HTTP/2.0.0",
        b"GET / HTTP/1.1\r",
        b"GET / HTTP/1.1 a",
        b"GET / HTTP/1.1 HTTP/x",
        b"GET / HTTP/",
        b"GET / HTTP/x",
        b"GET / http/1.1",
        b"GET / Http/2.0",
        b"GET HTTP/1.1",
        b"GET\t/ HTTP/1.1",
        b"GET /\tHTTP/1.1",
        b"G@T / HTTP/1.1",
        b"G\"T / HTTP/1.1",
        b"G\rET / HTTP/1.1",
        b"G\xc3\x89T / HTTP/1.1",
        b"g@t p http/x",
        b"GET / a HTTP/1.1",
        b"GET  / HTTP/1.1",
        b"GET /  HTTP/1.1",
        b"GET  HTTP/1.1",
        b"GET /\x00 HTTP/1.1",
        b"GET /\x7f HTTP/1.1",
        b"GET /\t HTTP/1.1",
        b"GET /caf\xc3\xa9 HTTP/1.1", // not ASCII, though UTF-8
        b"GET /caf\xe9 HTTP/1.1",
    ];
    for line in malformed {
        let expected = format!("invalid request line \"{}\"", line.escape_ascii());
        // Judged at the end of the line.
        let data = [line, &b"\r\n"[..]].concat();
        assert_eq!(cause(&data, request(&data)), expected);
        assert_eq!(request(line), Ok(None));
    }
    for (line, shown) in [
        ("GET /chat?token=secret HTTP/1", "line \"GET /chat?***\""),
        ("GET /chat ?token=secret HTTP/1.1", "line \"GET /chat ?***\""),
        ("GET chat?token=secret HTTP/1.1", "target \"chat?***\""),
        ("GET /?a=b#secret HTTP/1.1", "target \"/?***\""),
        ("GET chat? HTTP/1.1", "target \"chat?\""),
    ] {
        let data = format!("{line}\r\n");
        assert_eq!(
            cause(data.as_bytes(), request(data.as_bytes())),
            format!("invalid request {shown}")
        );
    }
    let long = format!("GET {} HTTP/1.1\r\n", "/ ".repeat(100));
    let expected = format!("invalid request line \"GET {}\"...", "/ ".repeat(30));
    assert_eq!(cause(long.as_bytes(), request(long.as_bytes())), expected);
}

#[test]
fn targets() {
    /// A method and a target; path, query and host in it.
    type Row<'a> = (&'a str, &'a str, Option<(&'a str, Option<&'a str>, &'a str)>);
    let table: &[Row<'_>] = &[
        ("GET", "/", Some(("/", None, "a:1"))),
        ("GET", "/chat?room=1?x", Some(("/chat", Some("room=1?x"), "a:1"))),
        ("GET", "/?", Some(("/", None, "a:1"))),
        ("GET", "//host/path", Some(("//host/path", None, "a:1"))),
        ("GET", "/http://b/?c", Some(("/http://b/", Some("c"), "a:1"))),
        ("GET", "/%2e%2e/", Some(("/%2e%2e/", None, "a:1"))),
        // What proxies get, and servers have to understand.
        ("GET", "http://b/chat?room=1", Some(("/chat", Some("room=1"), "b"))),
        ("GET", "HTTPS://B:8765/chat", Some(("/chat", None, "B:8765"))),
        ("GET", "ws://b", Some(("/", None, "b"))),
        ("GET", "wss://[::1]:2?c", Some(("/", Some("c"), "[::1]:2"))),
        ("GET", "http://b/c://d?e://f", Some(("/c://d", Some("e://f"), "b"))),
        ("OPTIONS", "*", Some(("", None, "a:1"))),
        ("GET", "*", None),
        ("CONNECT", "b:443", Some(("", None, "a:1"))),
        ("CONNECT", "[::1]:443", Some(("", None, "a:1"))),
        ("GET", "http:///chat", None),
        ("GET", "http://", None),
        ("GET", "http://b:c/", None),
        ("GET", "http://user@b/", None),
        ("GET", "http://b,c d/", None),
        ("GET", "http://[::1/", None),
        // No form has a fragment.
        ("GET", "/#", None),
        ("GET", "/chat#top", None),
        ("GET", "/chat?room=1#top", None),
        ("GET", "http://b#c", None),
        ("GET", "http://b/chat#top", None),
        ("OPTIONS", "*#", None),
        ("CONNECT", "b:443#", None),
        ("GET", "ftp://b/", None),
        ("GET", "http:b", None),
        ("GET", "://b/", None),
        ("GET", "b:443", None),
        ("GET", "chat", None),
        ("GET", "?room=1", None),
        ("GET", "**", None),
        ("CONNECT", "/", None),
        ("CONNECT", "*", Some(("", None, "a:1"))), // a name by its grammar
        ("CONNECT", "b:443/c", None),
    ];
    for &(method, target, expected) in table {
        let head = format!("{method} {target} HTTP/1.1\r\n");
        let Some((path, query, host)) = expected else {
            let cause = cause(head.as_bytes(), request(head.as_bytes()));
            let what = if target.contains(' ') { "line" } else { "target" };
            assert!(cause.starts_with(&format!("invalid request {what} \"")), "{target}: {cause}");
            continue;
        };
        let head = format!("{head}Host: a:1\r\n\r\n");
        let (request, _) = request(head.as_bytes()).unwrap().unwrap();
        assert_eq!((request.path(), request.query()), (path, query), "{target}");
        assert_eq!((request.target(), request.host()), (target, Some(host)));
        assert_eq!(request.serialize(), head.as_bytes());
    }
    let mut request = Request::new("GET", "/").unwrap();
    assert_eq!(request.host(), None);
    request.headers_mut().insert("Host", "a").unwrap();
    assert_eq!(request.host(), Some("a"));
    request.headers_mut().insert("Host", "a").unwrap();
    assert_eq!(request.host(), None);
}

#[test]
fn other_versions_of_http_are_told_by_their_first_line() {
    let table = [
        ("GET / HTTP/2.0", "HTTP/2.0"),
        ("PRI * HTTP/2.0", "HTTP/2.0"), // HTTP/2 with prior knowledge
        ("GET / HTTP/3.0", "HTTP/3.0"),
        ("GET / HTTP/0.9", "HTTP/0.9"),
        ("GET / HTTP/2", "HTTP/2"),
        ("POST /caf\u{e9} HTTP/9.9", "HTTP/9.9"),
    ];
    for (line, version) in table {
        let data = format!("{line}\r\n");
        let error = request(data.as_bytes()).unwrap_err();
        let protocol = error.get::<InvalidProtocol>().unwrap_or_else(|| panic!("{error:?}"));
        assert_eq!(&*protocol.protocol, version);
        assert_eq!(error.http_status(), HttpAnswer::Status(505));
    }
}

/// The kept line, and the protocol, of bytes that aren't HTTP.
#[track_caller]
fn not_http<T: std::fmt::Debug>(data: &[u8], result: Fed<T>) -> (String, Option<OtherProtocol>) {
    let error = result.expect_err(&data.escape_ascii().to_string());
    match error.get::<InvalidMessage>().and_then(|message| message.cause.as_ref()) {
        Some(MessageCause::NotHttp(first)) => {
            assert_eq!(error.http_status(), HttpAnswer::Disconnect);
            (first.line.escape_ascii().to_string(), first.protocol)
        }
        cause => panic!("{}: {cause:?}", data.escape_ascii()),
    }
}

#[test]
fn requests_of_other_protocols_are_refused_at_their_first_byte_or_line() {
    use OtherProtocol::{Http2, ProxyProtocol, Redis, Smtp, Ssh, Tls};
    // What suffices, the line that is kept, and the protocol.
    let table: &[(&[u8], &str, Option<OtherProtocol>)] = &[
        (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            r"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            Some(Tls),
        ),
        (b"\x16", r"\x16", None),
        (b"\x00\x00\x12\x04", r"\x00\x00\x12\x04", Some(Http2)),
        (b"\x80", r"\x80", None),
        (b" GET / HTTP/1.1", " GET / HTTP/1.1", None),
        (b"\nGET / HTTP/1.1", "", None),
        (b"\rGET / HTTP/1.1", r"\rGET / HTTP/1.1", None),
        (b"\r\n\x16\x03\x01", r"\x16\x03\x01", Some(Tls)),
        (b"{\"id\":1}", r#"{\"id\":1}"#, None),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "SSH-2.0-OpenSSH_9.6", Some(Ssh)),
        (b"EHLO example.com\r\n", "EHLO example.com", Some(Smtp)),
        (b"*1\r\n$4\r\nPING\r\n", "*1", Some(Redis)),
        (
            b"PROXY TCP4 192.0.2.1 192.0.2.2 50412 80\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 50412 80",
            Some(ProxyProtocol),
        ),
        (b"PROXY UNKNOWN\r\n", "PROXY UNKNOWN", Some(ProxyProtocol)),
        (
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0cGET / HTTP/1.1\r\n",
            r"\r\n\r\n\x00\r\nQUIT\n",
            Some(ProxyProtocol),
        ),
        (b"hello\n", "hello", None),
        (b"GET /\r\n", "GET /", None), // HTTP/0.9
        (b"GET\r\n", "GET", None),
        (b"GET /http/1.1\r\n", "GET /http/1.1", None),
        (b"GET / HTTP\r\n", "GET / HTTP", None),
        (b"HTTP/1.1\r\n", "HTTP/1.1", None),
        (b"HTTP/1.1 101 Switching Protocols\r\n", "HTTP/1.1 101 Switching Protocols", None), // a server has called
    ];
    for &(data, line, protocol) in table {
        assert_eq!(not_http(data, request(data)), (line.to_owned(), protocol));
        // Nothing less does.
        if data.contains(&b'\n') && !data.starts_with(b"\n") && !data.starts_with(b"\r\n") {
            let (before, _) = data.split_at(data.iter().position(|&b| b == b'\n').unwrap());
            assert_eq!(request(before), Ok(None), "{}", data.escape_ascii());
        }
    }
}

#[test]
fn two_empty_lines_are_the_proxy_protocol_only_with_its_whole_signature() {
    let header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11";
    for at in 0..=header.len() {
        let (first, second) = header.split_at(at);
        let mut reader = RequestReader::new(HandshakeLimits::default());
        let result = match reader.receive_data(first) {
            Ok(None) => reader.receive_data(second),
            result => result,
        };
        if (4..12).contains(&at) {
            // An answer doesn't wait for bytes that may never come.
            assert_eq!(result.as_ref().unwrap_err().http_status(), HttpAnswer::Status(400));
            assert_eq!(cause(header, result), "first line is empty", "cut at {at}");
        } else {
            let (line, protocol) = not_http(header, result);
            assert_eq!(line, r"\r\n\r\n\x00\r\nQUIT\n", "cut at {at}");
            assert_eq!(protocol, Some(OtherProtocol::ProxyProtocol), "cut at {at}");
        }
    }
}

#[test]
fn responses_of_other_protocols_are_refused_at_the_first_byte_that_differs() {
    use OtherProtocol::{Http2, Redis, Smtp, Ssh, Tls};
    // What may come first, what suffices with it, and the protocol.
    let table: &[(&[u8], &[u8], Option<OtherProtocol>)] = &[
        (b"", b"\x15\x03\x03\x00\x02\x02\x46", Some(Tls)), // an alert of a server that wants TLS
        (b"", b"\x00\x00\x12\x04\x00", Some(Http2)),
        (b"", b"SSH-2.0-OpenSSH_9.6", Some(Ssh)),
        (b"", b"220 mail.example ESMTP", Some(Smtp)),
        (b"", b"-ERR unknown command", Some(Redis)),
        (b"", b"GET / HTTP/1.1", None),
        (b"", b"ICY 200 OK", None), // Shoutcast
        (b"", b"\r", None),
        (b"", b" ", None),
        (b"H", b"X", None),
        (b"HTT", b"P 1", None),
        (b"HTTP", b"\r", None),
        (b"HTTP", b"x", None),
        (b"", b"http/1.1 200 OK", None),
    ];
    for &(before, rest, protocol) in table {
        let new = || ResponseReader::new(HandshakeLimits::default());
        assert_eq!(feed(before, new, ResponseReader::receive_data), Ok(None));
        let data = [before, rest].concat();
        let (line, found) = not_http(&data, response(&data));
        assert_eq!(found, protocol, "{line}");
        let enough = data.split_at(before.len() + if before == b"HTT" { 2 } else { 1 }).0;
        not_http(enough, response(enough));
    }
    // After an informational response, too.
    let data = b"HTTP/1.1 100 \r\n\r\nhello";
    assert_eq!(not_http(data, response(data)), ("hello".to_owned(), None));
}

#[test]
fn header_lines() {
    /// A line, and the name and the value in it.
    type Row<'a> = (&'a [u8], Option<(&'a str, &'a str)>);
    let table: &[Row<'_>] = &[
        (b"A: b", Some(("A", "b"))),
        (b"A:b", Some(("A", "b"))),
        (b"A:", Some(("A", ""))),
        (b"A: \t ", Some(("A", ""))),
        (b"A: \t b c\t ", Some(("A", "b c"))),
        (b"A: b:c", Some(("A", "b:c"))),
        (b"A: b\tc", Some(("A", "b\tc"))),
        (b"!#$%&'*+-.^_`|~: b", Some(("!#$%&'*+-.^_`|~", "b"))),
        // Octets from 0x80 on are characters of ISO-8859-1, whatever they were meant to be.
        (b"A: caf\xe9", Some(("A", "caf\u{e9}"))),
        (b"A: caf\xc3\xa9", Some(("A", "caf\u{c3}\u{a9}"))),
        (b"A: \x80\xff", Some(("A", "\u{80}\u{ff}"))),
        (b"A", None),
        (b": b", None),
        (b"A : b", None),
        (b" A: b", None),
        (b"A: b\r\n c", None), // a continuation line
        (b"A: b\r\n\tc: d", None),
        (b"(A): b", None),
        (b"A\xe9: b", None),
        (b"A: b\x00", None),
        (b"A: b\x1bc", None),
        (b"A: b\x7f", None),
        (b"A: b\rc: d", None),
        (b"A: b\r", None),
    ];
    for &(line, expected) in table {
        let data = [b"GET / HTTP/1.1\r\n", line, b"\r\n\r\n"].concat();
        match expected {
            Some(expected) => {
                let (request, _) = request(&data).unwrap().unwrap();
                assert!(request.headers().raw_items().eq([expected]), "{:?}", line.escape_ascii());
            }
            None => assert_ne!(cause(&data, request(&data)), ""),
        }
        // The same rules hold for responses.
        let data = [b"HTTP/1.1 101 \r\n", line, b"\r\n\r\n"].concat();
        match expected {
            Some(expected) => {
                let (response, _) = response(&data).unwrap().unwrap();
                assert!(response.headers.raw_items().eq([expected]), "{:?}", line.escape_ascii());
            }
            None => assert_ne!(cause(&data, response(&data)), ""),
        }
    }
}

#[test]
fn lines_end_with_crlf_and_the_first_comes_first() {
    let table: &[(&[u8], &str)] = &[
        (b"GET / HTTP/1.1\n\n", "line doesn't end with CRLF"),
        (b"GET / HTTP/1.1\nHost: a\r\n\r\n", "line doesn't end with CRLF"),
        (b"GET / HTTP/1.1\r\nHost: a\n\r\n", "line doesn't end with CRLF"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\n", "line doesn't end with CRLF"),
        (b"\r\n\r\nGET / HTTP/1.1\r\n\r\n", "first line is empty"),
        (b"\r\n\r\n", "first line is empty"),
        (b"\r\nGET / HTTP/1.1\n", "line doesn't end with CRLF"),
    ];
    for &(data, expected) in table {
        assert_eq!(cause(data, request(data)), expected, "{:?}", data.escape_ascii());
    }
}

#[test]
fn the_body_of_a_request_is_not_read() {
    for lines in ["Content-Length: 5", "Transfer-Encoding: chunked", "Content-Length: x"] {
        let head = format!("POST / HTTP/1.1\r\n{lines}\r\n\r\n");
        let (request, used) = request(format!("{head}hello").as_bytes()).unwrap().unwrap();
        assert_eq!((request.method(), used), ("POST", head.len()));
    }
}

#[test]
fn line_limits_count_the_line_break_and_trip_before_it() {
    let limits = limits(|limits| limits.max_line = 24);
    let new = || RequestReader::new(limits);
    let status = |data: &[u8]| match feed(data, new, RequestReader::receive_data) {
        Ok(Some(_)) => "complete".to_owned(),
        Ok(None) => "incomplete".to_owned(),
        Err(error) => match error {
            InvalidHandshake::SecurityError(error) => {
                assert_eq!(error.to_string(), "read 25 bytes, expected no more than 24 bytes");
                format!("{error:?}").split(['(', ' ']).next().unwrap_or_default().to_owned()
            }
            error => error.to_string(),
        },
    };
    assert_eq!(status(b"GET /3456789 HTTP/1.1\r\n\r\n"), "complete");
    assert_eq!(status(b"GET /34567890 HTTP/1.1\r\n\r\n"), "complete"); // 24 bytes with CRLF
    assert_eq!(status(b"GET /345678901 HTTP/1.1\r\n\r\n"), "RequestLineTooLong");
    assert_eq!(status(b"GET /345678901 HTTP/1.1\r"), "incomplete"); // 24 bytes without a line feed
    assert_eq!(status(b"GET /345678901 HTTP/1.1\r\n"), "RequestLineTooLong");
    assert_eq!(status(&[b'x'; 24]), "incomplete");
    assert_eq!(status(&[b'x'; 25]), "RequestLineTooLong");
    assert_eq!(status(b"GET / HTTP/1.1\r\nA: 4567890123456789012\r\n"), "incomplete");
    assert_eq!(status(b"GET / HTTP/1.1\r\nA: 45678901234567890123\r\n"), "HeaderLineTooLong");
    assert_eq!(status(b"GET / HTTP/1.1\r\nA: 4567890123456789012345"), "HeaderLineTooLong");
}

#[test]
fn header_129_trips_before_the_block_ends() {
    for (count, complete) in [(128, true), (129, false)] {
        let mut data = b"GET / HTTP/1.1\r\n".to_vec();
        data.extend_from_slice(&b"A: b\r\n".repeat(count));
        data.extend_from_slice(b"\r\n");
        let result = request(&data);
        if complete {
            let (request, used) = result.unwrap().unwrap();
            assert_eq!((request.headers().get_all("a").count(), used), (128, data.len()));
        } else {
            assert_eq!(result.unwrap_err().to_string(), "expected no more than 128 headers");
            // Its first byte is enough.
            let cut = data.len() - b"A: b\r\n\r\n".len() + 1;
            let (before, _) = data.split_at(cut);
            assert_eq!(request_error(before), "expected no more than 128 headers");
            let (before, _) = before.split_at(cut - 1);
            assert_eq!(request(before), Ok(None));
        }
    }
    let limits = limits(|limits| limits.max_headers = 1000);
    let data = [&b"GET / HTTP/1.1\r\n"[..], &b"A: b\r\n".repeat(1000), b"\r\n"].concat();
    let (request, _) = RequestReader::new(limits).receive_data(&data).unwrap().unwrap();
    assert_eq!(request.headers().get_all("A").count(), 1000);
}

fn request_error(data: &[u8]) -> String {
    request(data).unwrap_err().to_string()
}

#[test]
fn a_head_of_many_long_lines_trips_the_limit_of_bytes_in_all() {
    let limits = limits(|limits| limits.max_head = 64);
    let new = || RequestReader::new(limits);
    let head = |padding: usize| {
        format!("GET / HTTP/1.1\r\nA: {}\r\nB: {}\r\n\r\n", "a".repeat(20), "b".repeat(padding))
    };
    assert_eq!(head(16).len(), 64);
    let (_, used) = feed(head(16).as_bytes(), new, RequestReader::receive_data).unwrap().unwrap();
    assert_eq!(used, 64);
    let error = feed(head(17).as_bytes(), new, RequestReader::receive_data).unwrap_err();
    assert_eq!(error.to_string(), "read 65 bytes, expected no more than 64 bytes");
    assert!(matches!(error.http_status(), HttpAnswer::Status(431)));
}

#[test]
fn sixteen_mebibytes_are_refused_at_the_limit() {
    let line = [&[b'a'; 4000], &b": b\r\n"[..]].concat();
    let endless_headers = line.repeat((16 << 20) / line.len());
    let endless_line = vec![b'a'; 16 << 20];
    for (flood, max) in [(&endless_headers, 131_072), (&endless_line, 8192)] {
        let flood = [b"GET / HTTP/1.1\r\n", &**flood].concat();
        for size in [1, 1000, 65_536, flood.len()] {
            let mut reader = RequestReader::new(HandshakeLimits::default());
            let mut accepted = 0;
            for piece in flood.chunks(size) {
                match reader.receive_data(piece) {
                    Ok(None) => accepted += piece.len(),
                    Ok(Some(_)) => panic!("complete"),
                    Err(error) => {
                        let expected = format!("expected no more than {max} bytes");
                        assert!(error.to_string().ends_with(&expected), "{error}");
                        break;
                    }
                }
            }
            assert!(accepted <= max + b"GET / HTTP/1.1\r\n".len(), "{accepted} in {size}s");
        }
    }
}

#[test]
fn the_end_of_the_stream_is_the_cause() {
    let head = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    for n in 0..head.len() {
        let mut reader = RequestReader::new(HandshakeLimits::default());
        assert_eq!(reader.receive_data(head.split_at(n).0), Ok(None));
        let error = reader.eof_error();
        assert_eq!(error.to_string(), "did not receive a valid HTTP request");
        let message = error.get::<InvalidMessage>().unwrap();
        assert_eq!(message.cause, Some(MessageCause::UnexpectedEof));
    }
}

#[test]
fn status_lines() {
    let valid: &[(&[u8], u16, &str)] = &[
        (b"HTTP/1.1 101 Switching Protocols", 101, "Switching Protocols"),
        (b"HTTP/1.1 101 ", 101, ""),
        (b"HTTP/1.1 101", 101, ""), // many servers leave the space out
        (b"HTTP/1.1 304 Not Modified", 304, "Not Modified"),
        (b"HTTP/1.1 304", 304, ""),
        (b"HTTP/1.1 204 caf\xe9\t!", 204, "caf\u{e9}\t!"),
        (b"HTTP/1.1 101  two spaces", 101, " two spaces"),
        // A refusal is understood in any version.
        (b"HTTP/1.0 503 Service Unavailable", 503, "Service Unavailable"), // HAProxy
        (b"HTTP/0.9 404 Not Found", 404, "Not Found"),
        (b"HTTP/1.2 403", 403, ""),
        (b"HTTP/2.0 200 OK", 200, "OK"),
        (b"HTTP/2 421 Misdirected", 421, "Misdirected"),
        (b"HTTP/3 500 ", 500, ""),
        (b"HTTP/1.1 600 ", 600, ""),
        (b"HTTP/1.1 999 Request denied", 999, "Request denied"), // LinkedIn
    ];
    for &(line, status_code, reason_phrase) in valid {
        let data = [line, b"\r\nContent-Length: 0\r\n\r\n"].concat();
        let (response, _) = response(&data).unwrap().unwrap();
        assert_eq!((response.status_code, &*response.reason_phrase), (status_code, reason_phrase));
    }
    let malformed: &[(&[u8], &str)] = &[
        (b"HTTP/1.1 099 ", "invalid status line \"HTTP/1.1 099 \""),
        (b"HTTP/1.1 000 ", "invalid status line \"HTTP/1.1 000 \""),
        (b"HTTP/1.1 1000 ", "invalid status line \"HTTP/1.1 1000 \""),
        (b"HTTP/1.1 10 ", "invalid status line \"HTTP/1.1 10 \""),
        (b"HTTP/1.1 +10 ", "invalid status line \"HTTP/1.1 +10 \""),
        (b"HTTP/1.1  101 ", "invalid status line \"HTTP/1.1  101 \""),
        (b"HTTP/1.1 101\tOK", "invalid status line \"HTTP/1.1 101\\tOK\""),
        (b"HTTP/1.1 abc", "invalid status line \"HTTP/1.1 abc\""),
        (b"HTTP/1.1", "invalid status line \"HTTP/1.1\""),
        (b"HTTP/ 101 ", "invalid status line \"HTTP/ 101 \""),
        (b"HTTP/1. 404 ", "invalid status line \"HTTP/1. 404 \""),
        (b"HTTP/1.1.1 404 ", "invalid status line \"HTTP/1.1.1 404 \""),
        (b"HTTP/a 404 ", "invalid status line \"HTTP/a 404 \""),
        (b"HTTP/1.1 101 O\x00K", "invalid status line \"HTTP/1.1 101 O\\x00K\""),
        (b"HTTP/1.1 101 O\x7fK", "invalid status line \"HTTP/1.1 101 O\\x7fK\""),
        (b"HTTP/1.1 404 O\rK", "invalid status line \"HTTP/1.1 404 O\\rK\""),
        // Only this version has the upgrade.
        (b"HTTP/1.0 101 ", "unsupported protocol; expected HTTP/1.1"),
        (b"HTTP/1.2 101 ", "unsupported protocol; expected HTTP/1.1"),
        (b"HTTP/2.0 101 ", "unsupported protocol; expected HTTP/1.1"),
        (b"HTTP/01.1 101 ", "unsupported protocol; expected HTTP/1.1"),
    ];
    for &(line, expected) in malformed {
        let data = [line, &b"\r\nA: b\r\n\r\n"[..]].concat();
        assert_eq!(cause(&data, response(&data)), expected);
    }
    let long = format!("HTTP/1.1 {}", "x".repeat(100));
    let expected = format!("invalid status line \"HTTP/1.1 {}\"...", "x".repeat(64 - 9));
    assert_eq!(cause(long.as_bytes(), response(format!("{long}\r\n\r\n").as_bytes())), expected);
}

#[test]
fn the_response_of_a_proxy_has_no_body() {
    let new = || ResponseReader::new(HandshakeLimits::default()).for_proxy();
    let table: &[(&[u8], u16)] = &[
        (b"HTTP/1.0 200 Connection established\r\n\r\n", 200), // Squid
        (b"HTTP/1.1 200\r\n\r\n", 200),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", 200),
        (b"HTTP/1.1 407 \r\nTransfer-Encoding: x\r\n\r\n", 407),
        (b"HTTP/1.1 999 \r\nContent-Length: x\r\n\r\n", 999),
    ];
    for &(head, status_code) in table {
        let data = [head, b"the tunnel"].concat();
        let (response, used) = feed(&data, new, ResponseReader::receive_data).unwrap().unwrap();
        assert_eq!((response.status_code, used), (status_code, head.len()));
        assert!(response.body.is_empty());
    }
}

/// Whether a body is known to be complete.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    /// After so many bytes behind the head.
    After(usize),
    /// At the end of the stream, however early that is.
    Eof,
}

#[test]
fn bodies() {
    use End::{After, Eof};
    const CHUNKED: &str = "Transfer-Encoding: chunked";
    type Row = (&'static str, &'static [u8], &'static [u8], End);
    // headers, what follows the head, the body, and its end
    let table: &[Row] = &[
        ("Content-Length: 0", b"", b"", After(0)),
        ("Content-Length: 0", b"more", b"", After(0)),
        ("Content-Length: 5", b"sorry", b"sorry", After(5)),
        ("Content-Length: 005", b"sorry, really", b"sorry", After(5)),
        ("Content-Length: 1\r\nContent-Length: 1", b"xy", b"x", After(1)),
        ("Content-Length: 1, 01", b"xy", b"x", After(1)),
        // It is cut.
        ("Content-Length: 5", b"sorr", b"sorr", Eof),
        ("Content-Length: 5", b"", b"", Eof),
        // It reaches the limit, or exceeds it.
        ("Content-Length: 16", b"0123456789abcdef", b"0123456789abcdef", After(16)),
        ("Content-Length: 17", b"0123456789abcdefg", b"0123456789abcdef", After(16)),
        ("Content-Length: 999999999999999999", b"01234", b"01234", Eof),
        ("A: b", b"0123456789abcdef", b"0123456789abcdef", After(16)),
        ("A: b", b"0123456789abcdefg", b"0123456789abcdef", After(16)),
        ("A: b", b"0123456789abcde", b"0123456789abcde", Eof),
        // The end of the stream is its end.
        ("A: b", b"until the end", b"until the end", Eof),
        ("A: b", b"", b"", Eof),
        // The length makes no sense.
        ("Content-Length: 1\r\nContent-Length: 2", b"sorry", b"sorry", Eof),
        ("Content-Length: 1, 2", b"sorry", b"sorry", Eof),
        ("Content-Length: -1", b"sorry", b"sorry", Eof),
        ("Content-Length: +1", b"sorry", b"sorry", Eof),
        ("Content-Length: 0x1", b"sorry", b"sorry", Eof),
        ("Content-Length:", b"sorry", b"sorry", Eof),
        ("Content-Length: 99999999999999999999999999", b"sorry", b"sorry", Eof),
        // Chunks.
        (CHUNKED, b"0\r\n\r\n", b"", After(3)),
        (CHUNKED, b"5\r\nsorry\r\n0\r\n\r\nmore", b"sorry", After(13)),
        (CHUNKED, b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", b"abc", After(16)),
        (CHUNKED, b"00A\r\n0123456789\r\n000\r\n\r\n", b"0123456789", After(22)),
        (CHUNKED, b"0000000000000001\r\nx\r\n0\r\n", b"x", After(24)),
        (CHUNKED, b"1;a=\"b;c\"\r\nx\r\n0;d\r\n\r\n", b"x", After(19)),
        (CHUNKED, b"1 \r\nx\r\n0\t;a\r\n\r\n", b"x", After(13)), // padded by old servers
        (CHUNKED, b"0\r\nA: b\r\nC:d \r\n\r\n", b"", After(3)),
        (CHUNKED, b"1\r\nx", b"x", Eof),
        (CHUNKED, b"4\r\nab", b"ab", Eof),
        (CHUNKED, b"1\r\nx\r\n4", b"x", Eof),
        (CHUNKED, b"", b"", Eof),
        ("transfer-ENCODING: Chunked", b"1\r\nx\r\n0\r\n", b"x", After(9)),
        ("Transfer-Encoding: chunked\r\nContent-Length: x", b"1\r\nx\r\n0\r\n", b"x", After(9)),
        ("Transfer-Encoding: chunked\r\nContent-Length: 3", b"1\r\nx\r\n0\r\n", b"x", After(9)),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", b"0\r\n", b"", After(3)),
        // Other codings are left as they are.
        ("Transfer-Encoding: gzip, chunked", b"2\r\n\x1f\x8b\r\n0\r\n", b"\x1f\x8b", After(10)),
        ("Transfer-Encoding: gzip\r\nTransfer-Encoding: CHUNKED ,", b"0\r\n", b"", After(3)),
        ("Transfer-Encoding: gzip", b"\x1f\x8b", b"\x1f\x8b", Eof),
        ("Transfer-Encoding: chunked, gzip", b"1\r\nx", b"1\r\nx", Eof),
        ("Transfer-Encoding: chunky\r\nContent-Length: 1", b"sorry", b"sorry", Eof),
        ("Transfer-Encoding:", b"sorry", b"sorry", Eof),
        // Too long for the limit.
        (CHUNKED, b"10\r\n0123456789abcdef\r\n0\r\n", b"0123456789abcdef", After(20)),
        (CHUNKED, b"11\r\n0123456789abcdefg", b"0123456789abcdef", After(20)),
        (CHUNKED, b"fffffffffffffff\r\n0123", b"0123", Eof),
        // These aren't chunks, or aren't any longer.
        (CHUNKED, b"<p>sorry</p>", b"<p>sorry</p>", Eof),
        (CHUNKED, b"\r\n", b"\r\n", Eof),
        (CHUNKED, b"x\r\n", b"x\r\n", Eof),
        (CHUNKED, b"-1\r\n", b"-1\r\n", Eof),
        (CHUNKED, b"00000000000000001", b"0000000000000000", After(17)),
        (CHUNKED, b"\xe9\r\n", b"\xe9\r\n", Eof),
        (CHUNKED, b"1\nx", b"1\nx", Eof),
        (CHUNKED, b"1;\nx", b"1;\nx", Eof),
        (CHUNKED, b"1\rx", b"1\rx", Eof),
        // There is no first chunk.
        (CHUNKED, b"DEAD", b"DEAD", Eof),
        (CHUNKED, b"DEAD;beef\r", b"DEAD;beef\r", Eof),
        (CHUNKED, b"1;aaaaaaaaaaaaaaaaaaaaa", b"1;aaaaaaaaaaaaaa", Eof),
        (CHUNKED, b"DEAD\r\n", b"", Eof),
        (CHUNKED, b"1\r\nx\n\r", b"x\n\r", Eof),
        (CHUNKED, b"1\r\nx\r\r", b"x\r\r", Eof),
        (CHUNKED, b"1\r\nxyz1", b"xyz1", Eof),
        (CHUNKED, b"1\r\nx\r\nsorry", b"xsorry", Eof),
        (
            CHUNKED,
            b"1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            b"1;aaaaaaaaaaaaaa",
            After(46),
        ),
    ];
    let limits = limits(|limits| {
        limits.max_body = 16;
        limits.max_line = 45;
    });
    for &(headers, rest, body, end) in table {
        let head = format!("HTTP/1.1 404 Not Found\r\n{headers}\r\n\r\n");
        let data = [head.as_bytes(), rest].concat();
        let row = data.escape_ascii();
        match (limited_response(&data, limits).unwrap(), end) {
            (Some((response, total)), After(used)) => {
                assert_eq!(
                    (response.body.escape_ascii().to_string(), total - head.len()),
                    (body.escape_ascii().to_string(), used),
                    "{row}"
                );
            }
            (None, Eof) => {
                // The end, or the failure, of the stream doesn't hide the status.
                let mut reader = ResponseReader::new(limits);
                assert_eq!(reader.receive_data(&data), Ok(None), "{row}");
                assert!(reader.in_body());
                let response = reader.receive_eof().unwrap();
                assert_eq!((response.status_code, &*response.body), (404, body), "{row}");
            }
            (result, end) => panic!("{row}: {result:?}, but {end:?}"),
        }
    }
}

#[test]
fn without_room_for_a_body_none_is_waited_for() {
    let limits = limits(|limits| limits.max_body = 0);
    for headers in ["A: b", "Content-Length: 5", "Transfer-Encoding: chunked"] {
        let head = format!("HTTP/1.1 404 Not Found\r\n{headers}\r\n\r\n");
        let (response, used) = limited_response(head.as_bytes(), limits).unwrap().unwrap();
        assert_eq!((response.status_code, used), (404, head.len()));
    }
}

#[test]
fn some_responses_never_have_a_body() {
    for status_code in [101, 204, 304] {
        let head = format!("HTTP/1.1 {status_code} \r\nContent-Length: 5\r\n\r\n");
        let data = format!("{head}\x01\x02");
        let (response, used) = response(data.as_bytes()).unwrap().unwrap();
        assert_eq!((response.status_code, used), (status_code, head.len()));
    }
}

#[test]
fn informational_responses_are_skipped_and_counted() {
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n";
    let last = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
    let data = format!("HTTP/1.1 100 Continue\r\n\r\n{hints}{hints}{last}frames");
    let (response, used) = response(data.as_bytes()).unwrap().unwrap();
    assert_eq!((response.status_code, used), (101, data.len() - "frames".len()));
    assert!(response.headers.raw_items().eq([("Upgrade", "websocket")]));

    let limits = limits(|limits| limits.max_head = 200);
    let error = limited_response(hints.repeat(100).as_bytes(), limits);
    assert_eq!(cause(hints.as_bytes(), error), "read 201 bytes, expected no more than 200 bytes");
}

#[test]
fn the_end_of_the_stream_fails_a_response_without_a_whole_head() {
    for data in ["", "HTTP/1.1 500 \r\n", "HTTP/1.1 100 \r\n\r\n", "HTTP/1.1 500 \r\nA: b\r\n\r"] {
        let mut reader = ResponseReader::new(HandshakeLimits::default());
        assert_eq!(reader.receive_data(data.as_bytes()), Ok(None));
        assert!(!reader.in_body());
        assert_eq!(reader.take(), None);
        let error = reader.receive_eof().unwrap_err();
        let message = error.get::<InvalidMessage>().unwrap();
        assert_eq!(message.cause, Some(MessageCause::UnexpectedEof));
        assert!(error.is_retryable());
    }
}

#[test]
fn requests_cannot_be_split_by_what_they_are_made_of() {
    for method in ["", "G T", "GET\r\nA: b", "G\u{e9}T"] {
        assert!(Request::new(method, "/").is_err(), "{method:?}");
    }
    for target in ["", "/a b", "/ HTTP/1.1\r\nA: b", "/caf\u{e9}", "/\x7f"] {
        let error = Request::new("GET", target).unwrap_err();
        assert_eq!((&*error.name, error.value.as_deref()), ("target", Some(target)));
    }
    let mut request = Request::new("GET", "/").unwrap();
    assert!(request.headers_mut().insert("A", "b\r\nC: d").is_err());
    assert_eq!(request.serialize(), b"GET / HTTP/1.1\r\n\r\n");
}

proptest! {
    #[test]
    fn readers_take_anything(data: Vec<u8>) {
        let _ = request(&data);
        let _ = response(&data);
    }

    /// Bytes that are almost a head reach further into the parser than arbitrary ones.
    #[test]
    fn readers_take_what_looks_like_a_head(
        lines in prop::collection::vec("(A|Content-Length|Transfer-Encoding)?[ :\t]{0,2}(0|1|chunked)?(\r\n|\r\n|\n|\r)", 0..6),
        rest in prop::collection::vec("[01;A: ]{0,2}(\r\n|\n)", 0..6),
    ) {
        let rest = format!("{}\r\n{}", lines.concat(), rest.concat());
        let _ = request(format!("GET / HTTP/1.1\r\n{rest}").as_bytes());
        let _ = response(format!("HTTP/1.1 404 \r\n{rest}").as_bytes());
    }

    #[test]
    fn requests_round_trip(
        method in "[A-Z-]{1,8}",
        target in "/[!\"$-~]{0,20}",
        lines in prop::collection::vec(("[A-Za-z-]{1,12}", "([!-~\u{80}-\u{ff}]([ -~\t]{0,9}[!-~])?)?"), 0..8),
    ) {
        let mut original = Request::new(method, target).unwrap();
        for (name, value) in &lines {
            original.headers_mut().insert(name, value).unwrap();
        }
        let bytes = original.serialize();
        let (parsed, used) = request(&bytes).unwrap().unwrap();
        prop_assert_eq!(used, bytes.len());
        prop_assert!(parsed.headers().raw_items().eq(original.headers().raw_items()));
        prop_assert_eq!(parsed, original);
    }

    #[test]
    fn chunked_bodies_are_joined(chunks in prop::collection::vec("[a-z\r\n]{1,20}", 0..6)) {
        let mut data = b"HTTP/1.1 404 \r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for chunk in &chunks {
            data.extend_from_slice(format!("{:x}\r\n{chunk}\r\n", chunk.len()).as_bytes());
        }
        data.extend_from_slice(b"0\r\n");
        let (response, used) = response(&data).unwrap().unwrap();
        prop_assert_eq!(used, data.len());
        prop_assert_eq!(response.body, chunks.concat().into_bytes());
    }
}

#[test]
fn a_query_is_split_before_it_is_decoded() {
    for (query, expected) in [
        ("", &[][..]),
        ("&&", &[]),
        ("room=1&name=Anna+B", &[("room", "1"), ("name", "Anna B")]),
        ("a%26b=c%3Dd%2B&=x", &[("a&b", "c=d+"), ("", "x")]),
        ("a=b=c&a&caf%C3%A9=%e2%82%ac", &[("a", "b=c"), ("a", ""), ("café", "€")]),
        ("a=%zz&b=%C3", &[("a", "%zz"), ("b", "%C3")]),
    ] {
        let request = Request::new("GET", format!("/?{query}")).unwrap();
        let pairs: Vec<_> = request.query_pairs().collect();
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(pairs, expected, "{query}");
    }
}

#[cfg(feature = "http")]
#[test]
fn requests_are_converted_from_and_to_those_of_another_library() {
    for (uri, target) in [
        ("/chat?room=1", Some("/chat?room=1")),
        ("http://example.com/chat?room=1", Some("http://example.com/chat?room=1")),
        ("http://example.com", Some("http://example.com/")),
        ("example.com:443", Some("example.com:443")),
        ("*", Some("*")),
        ("/é", None),
    ] {
        let theirs = http::Request::get(uri).header("X", "caf\u{e9}").body(());
        let ours = theirs.ok().and_then(|theirs| Request::try_from(&theirs).ok());
        assert_eq!(ours.as_ref().map(Request::target), target, "{uri}");
        let Some(ours) = ours else { continue };
        assert_eq!(ours.method(), "GET");
        let back = http::Request::try_from(&ours).unwrap();
        assert_eq!((back.method(), back.version()), (&http::Method::GET, http::Version::HTTP_11));
        assert_eq!(Request::try_from(&back).unwrap(), ours, "{uri}");
    }
    for (version, expected) in [
        (http::Version::HTTP_10, Ok(HttpVersion::Http10)),
        (http::Version::HTTP_11, Ok(HttpVersion::Http11)),
        (http::Version::HTTP_2, Ok(HttpVersion::Http2)),
        (http::Version::HTTP_3, Err("HTTP/3.0")),
    ] {
        let theirs = http::Request::get("/").version(version).body(()).unwrap();
        let converted = Request::try_from(&theirs).map(|request| request.version());
        let converted = converted.map_err(|e| e.to_string());
        assert_eq!(converted.is_ok(), expected.is_ok(), "{version:?}: {converted:?}");
        match expected {
            Ok(version) => assert_eq!(converted, Ok(version)),
            Err(name) => assert!(converted.unwrap_err().contains(name)),
        }
    }
}
