//! Requests and responses of HTTP/1.1, row by row, and the limits around them.

mod common;

use common::feed;
use proptest::prelude::*;
use ws_errors::{InvalidHandshake, InvalidMessage, MessageCause};
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
}

#[test]
fn a_request_is_taken_apart() {
    let head =
        b"GET /chat?room=1 HTTP/1.1\r\nHost: example.com\r\ncookie: a=1\r\nCookie: b=2\r\n\r\n";
    let data = [head, &b"\x81\x85"[..]].concat();
    let (request, used) = request(&data).unwrap().unwrap();
    assert_eq!(used, head.len());
    assert_eq!((request.method(), request.path()), ("GET", "/chat?room=1"));
    assert_eq!(request.version(), HttpVersion::Http11);
    // Repeated names don't overwrite each other, and keep their spelling.
    assert!(request.headers().raw_items().eq([
        ("Host", "example.com"),
        ("cookie", "a=1"),
        ("Cookie", "b=2"),
    ]));
    assert_eq!(request.serialize(), head);
}

#[test]
fn request_lines() {
    let valid: &[(&str, &str, &str, HttpVersion)] = &[
        ("GET / HTTP/1.1", "GET", "/", HttpVersion::Http11),
        ("GET / HTTP/1.0", "GET", "/", HttpVersion::Http10),
        ("POST /a HTTP/1.1", "POST", "/a", HttpVersion::Http11),
        ("M-SEARCH * HTTP/1.1", "M-SEARCH", "*", HttpVersion::Http11),
        ("CONNECT a:443 HTTP/1.1", "CONNECT", "a:443", HttpVersion::Http11),
        ("OPTIONS http://a/b HTTP/1.1", "OPTIONS", "http://a/b", HttpVersion::Http11),
    ];
    for &(line, method, path, version) in valid {
        let (request, _) = request(format!("{line}\r\n\r\n").as_bytes()).unwrap().unwrap();
        assert_eq!((request.method(), request.path()), (method, path), "{line}");
        assert_eq!(request.version(), version, "{line}");
    }
    let malformed: &[&[u8]] = &[
        b"GET /", // HTTP/0.9
        b"GET / HTTP/2.0",
        b"PRI * HTTP/2.0", // HTTP/2 with prior knowledge
        b"GET / HTTP/1.2",
        b"GET / http/1.1",
        b"GET / HTTP/1.1 ",
        b"GET / a HTTP/1.1",
        b"GET  / HTTP/1.1",
        b"GET /  HTTP/1.1",
        b" GET / HTTP/1.1",
        b"GET\t/ HTTP/1.1",
        b"G\"T / HTTP/1.1",
        b"GET /\x00 HTTP/1.1",
        b"GET /\x7f HTTP/1.1",
        b"GET /caf\xc3\xa9 HTTP/1.1", // not ASCII, though UTF-8
        b"GET /caf\xe9 HTTP/1.1",
        b"GET / HTTP/1.1\r",
        b"G\rET / HTTP/1.1",
        b"HTTP/1.1 101 Switching Protocols", // a server has called
        b"SSH-2.0-OpenSSH_9.6",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", // TLS on the port for ws://
    ];
    for line in malformed {
        let data = [line, &b"\r\nHost: a\r\n\r\n"[..]].concat();
        assert_ne!(cause(&data, request(&data)), "");
    }
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
        (b"\nGET / HTTP/1.1\r\n\r\n", "line doesn't end with CRLF"),
        (b"\r\nGET / HTTP/1.1\r\n\r\n", "first line is empty"),
        (b"\r\n\r\n", "first line is empty"),
    ];
    for &(data, expected) in table {
        assert_eq!(cause(data, request(data)), expected, "{:?}", data.escape_ascii());
    }
}

#[test]
fn requests_with_a_body_are_refused() {
    let table = [
        ("Content-Length: 0", ""),
        ("Content-Length: 0\r\ncontent-length: 0", ""),
        ("Content-Length: 1", "unsupported request body"),
        ("Content-Length: 00", "unsupported request body"),
        ("Content-Length: +0", "unsupported request body"),
        ("Content-Length: 0, 0", "unsupported request body"),
        ("Content-Length:", "unsupported request body"),
        ("Content-Length: 0\r\nContent-Length: 5", "unsupported request body"),
        ("Transfer-Encoding: chunked", "transfer codings aren't supported"),
        ("transfer-encoding: identity", "transfer codings aren't supported"),
        ("Transfer-Encoding:", "transfer codings aren't supported"),
    ];
    for (lines, expected) in table {
        let data = format!("GET / HTTP/1.1\r\n{lines}\r\n\r\n");
        match expected {
            "" => assert!(request(data.as_bytes()).unwrap().is_some(), "{lines}"),
            _ => assert_eq!(cause(data.as_bytes(), request(data.as_bytes())), expected, "{lines}"),
        }
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
            let (before, after) = data.split_at(cut);
            assert_eq!(request_error(before), "expected no more than 128 headers");
            let (before, _) = before.split_at(cut - 1);
            assert_eq!(request(before), Ok(None));
            assert!(!after.is_empty());
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
    assert!(matches!(error.http_status(), ws_errors::HttpAnswer::Status(431)));
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
        (b"HTTP/1.1 304 Not Modified", 304, "Not Modified"),
        (b"HTTP/1.1 204 caf\xe9\t!", 204, "caf\u{e9}\t!"),
        (b"HTTP/1.1 101  two spaces", 101, " two spaces"),
    ];
    for &(line, status_code, reason_phrase) in valid {
        let data = [line, b"\r\n\r\n"].concat();
        let (response, _) = response(&data).unwrap().unwrap();
        assert_eq!((response.status_code, &*response.reason_phrase), (status_code, reason_phrase));
    }
    let malformed: &[&[u8]] = &[
        b"HTTP/1.1 101", // the second space is required
        b"HTTP/1.1 099 ",
        b"HTTP/1.1 600 ",
        b"HTTP/1.1 000 ",
        b"HTTP/1.1 1000 ",
        b"HTTP/1.1 10 ",
        b"HTTP/1.1 +10 ",
        b"HTTP/1.1  101 ",
        b"HTTP/1.1 101\tOK",
        b"HTTP/1.0 101 ", // only proxies may
        b"HTTP/2.0 101 ",
        b"HTTP/1.1 101 O\x00K",
        b"HTTP/1.1 101 O\x7fK",
        b"HTTP/1.1 101 O\rK",
        b"ICY 200 OK", // Shoutcast
        b"GET / HTTP/1.1",
        b"220 mail.example ESMTP",
    ];
    for line in malformed {
        let data = [line, &b"\r\nA: b\r\n\r\n"[..]].concat();
        assert_ne!(cause(&data, response(&data)), "");
    }
}

#[test]
fn proxies_may_speak_http_1_0_and_have_no_body() {
    let new = || ResponseReader::new(HandshakeLimits::default()).for_proxy();
    let table: &[(&[u8], u16)] = &[
        (b"HTTP/1.0 200 Connection established\r\n\r\n", 200), // Squid
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", 200),
        (b"HTTP/1.1 407 \r\nTransfer-Encoding: x\r\n\r\n", 407),
    ];
    for &(head, status_code) in table {
        let data = [head, b"the tunnel"].concat();
        let (response, used) = feed(&data, new, ResponseReader::receive_data).unwrap().unwrap();
        assert_eq!((response.status_code, used), (status_code, head.len()));
        assert!(response.body.is_empty());
    }
}

#[test]
fn bodies() {
    type Row = (&'static str, &'static [u8], Result<Option<(&'static [u8], usize)>, &'static str>);
    // headers, what follows the head, the body and how much was used of what follows
    let table: &[Row] = &[
        ("Content-Length: 0", b"", Ok(Some((b"", 0)))),
        ("Content-Length: 5", b"sorry", Ok(Some((b"sorry", 5)))),
        ("Content-Length: 005", b"sorry, really", Ok(Some((b"sorry", 5)))),
        ("Content-Length: 5", b"sorr", Ok(None)),
        ("Content-Length: 16", b"0123456789abcdef", Ok(Some((b"0123456789abcdef", 16)))),
        ("Content-Length: 17", b"", Err("body too large: 17 bytes")),
        (
            "Content-Length: 999999999999999999",
            b"",
            Err("body too large: 999999999999999999 bytes"),
        ),
        (
            "Content-Length: 1000000000000000000",
            b"",
            Err("invalid content length: 1000000000000000000"),
        ),
        ("Content-Length: -1", b"", Err("invalid content length: -1")),
        ("Content-Length: +1", b"", Err("invalid content length: +1")),
        ("Content-Length: 0x1", b"", Err("invalid content length: 0x1")),
        ("Content-Length: 1, 1", b"", Err("invalid content length: 1, 1")),
        ("Content-Length:", b"", Err("invalid content length: ")),
        ("Content-Length: 1\r\nContent-Length: 1", b"", Err("repeated Content-Length")),
        ("A: b", b"until the end", Ok(None)),
        ("A: b", b"0123456789abcdef", Ok(None)),
        ("A: b", b"0123456789abcdefg", Err("read 17 bytes, expected no more than 16 bytes")),
        ("Transfer-Encoding: chunked", b"0\r\n\r\n", Ok(Some((b"", 5)))),
        ("Transfer-Encoding: chunked", b"5\r\nsorry\r\n0\r\n\r\nmore", Ok(Some((b"sorry", 15)))),
        ("transfer-encoding: chunked", b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", Ok(Some((b"abc", 18)))),
        (
            "Transfer-Encoding: chunked",
            b"00A\r\n0123456789\r\n000\r\n\r\n",
            Ok(Some((b"0123456789", 24))),
        ),
        ("Transfer-Encoding: chunked", b"1;a=\"b;c\"\r\nx\r\n0;d\r\n\r\n", Ok(Some((b"x", 21)))),
        ("Transfer-Encoding: chunked", b"0\r\nA: b\r\nC:d \r\n\r\n", Ok(Some((b"", 17)))),
        ("Transfer-Encoding: chunked\r\nContent-Length: x", b"0\r\n\r\n", Ok(Some((b"", 5)))),
        ("Transfer-Encoding: chunked", b"1\r\nx", Ok(None)),
        (
            "Transfer-Encoding: chunked",
            b"10\r\n0123456789abcdef\r\n0\r\n\r\n",
            Ok(Some((b"0123456789abcdef", 27))),
        ),
        ("Transfer-Encoding: chunked", b"11\r\n", Err("chunk too large: 17 bytes after 0 bytes")),
        (
            "Transfer-Encoding: chunked",
            b"1\r\nx\r\n10\r\n",
            Err("chunk too large: 16 bytes after 1 bytes"),
        ),
        (
            "Transfer-Encoding: chunked",
            b"fffffffffffffff\r\n",
            Err("chunk too large: 1152921504606846975 bytes after 0 bytes"),
        ),
        (
            "Transfer-Encoding: chunked",
            b"0000000000000001\r\n",
            Err("invalid chunk size: 0000000000000001"),
        ),
        ("Transfer-Encoding: chunked", b"\r\n", Err("invalid chunk size: ")),
        ("Transfer-Encoding: chunked", b"x\r\n", Err("invalid chunk size: x")),
        ("Transfer-Encoding: chunked", b"-1\r\n", Err("invalid chunk size: -1")),
        ("Transfer-Encoding: chunked", b"1 \r\n", Err("invalid chunk size: 1 ")),
        ("Transfer-Encoding: chunked", b"\xe9\r\n", Err("invalid chunk size: \\xe9")),
        ("Transfer-Encoding: chunked", b"1\nx", Err("line doesn't end with CRLF")),
        ("Transfer-Encoding: chunked", b"1\r\nx\n\r", Err("line doesn't end with CRLF")),
        ("Transfer-Encoding: chunked", b"1\r\nxyz1", Err("chunk without CRLF")),
        ("Transfer-Encoding: chunked", b"0\r\nA\r\n", Err("invalid trailer")),
        ("Transfer-Encoding: chunked", b"0\r\n A: b\r\n", Err("invalid trailer")),
        ("Transfer-Encoding: chunked", b"0\r\nA: \x00\r\n", Err("invalid trailer")),
        ("Transfer-Encoding: chunked", b"0\r\nA: b\r\nC: d\r\nE", Ok(None)),
        (
            "Transfer-Encoding: chunked",
            b"0\r\nA: b\r\nC: d\r\nE: f\r\n",
            Err("expected no more than 2 headers"),
        ),
        (
            "Transfer-Encoding: chunked",
            b"1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            Err("read 46 bytes, expected no more than 45 bytes"),
        ),
        (
            "Transfer-Encoding: chunked",
            b"0\r\nA: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            Err("read 46 bytes, expected no more than 45 bytes"),
        ),
        ("Transfer-Encoding: Chunked", b"", Err("unsupported transfer coding")),
        ("Transfer-Encoding: gzip, chunked", b"", Err("unsupported transfer coding")),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            b"",
            Err("repeated Transfer-Encoding"),
        ),
    ];
    let limits = limits(|limits| {
        limits.max_body = 16;
        limits.max_line = 45;
        limits.max_headers = 2;
    });
    for &(headers, rest, expected) in table {
        let head = format!("HTTP/1.1 404 Not Found\r\n{headers}\r\n\r\n");
        let data = [head.as_bytes(), rest].concat();
        let row = data.escape_ascii();
        match expected {
            Err(expected) => {
                assert_eq!(cause(&data, limited_response(&data, limits)), expected, "{row}")
            }
            Ok(None) => assert_eq!(limited_response(&data, limits), Ok(None), "{row}"),
            Ok(Some((body, used))) => {
                let (response, total) = limited_response(&data, limits).unwrap().unwrap();
                assert_eq!(response.body, body, "{row}");
                assert_eq!(total - head.len(), used, "{row}");
            }
        }
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
fn a_body_of_undeclared_length_ends_with_the_stream() {
    let table: &[(&[u8], Option<&[u8]>)] = &[
        (b"HTTP/1.1 500 \r\n\r\noops", Some(b"oops")),
        (b"HTTP/1.1 500 \r\n\r\n", Some(b"")),
        (b"", None),
        (b"HTTP/1.1 500 \r\n", None),
        (b"HTTP/1.1 500 \r\nContent-Length: 5\r\n\r\noops", None),
        (b"HTTP/1.1 500 \r\nTransfer-Encoding: chunked\r\n\r\n4\r\noops\r\n", None),
    ];
    for &(data, expected) in table {
        let mut reader = ResponseReader::new(HandshakeLimits::default());
        assert_eq!(reader.receive_data(data), Ok(None));
        match (reader.receive_eof(), expected) {
            (Ok(response), Some(body)) => assert_eq!(response.body, body),
            (Err(error), None) => {
                let message = error.get::<InvalidMessage>().unwrap();
                assert_eq!(message.cause, Some(MessageCause::UnexpectedEof));
                assert!(error.is_retryable());
            }
            (result, _) => panic!("{:?}: {result:?}", data.escape_ascii()),
        }
    }
}

#[test]
fn requests_cannot_be_split_by_what_they_are_made_of() {
    for method in ["", "G T", "GET\r\nA: b", "G\u{e9}T"] {
        assert!(Request::new(method, "/").is_err(), "{method:?}");
    }
    for path in ["", "/a b", "/ HTTP/1.1\r\nA: b", "/caf\u{e9}", "/\x7f"] {
        assert!(Request::new("GET", path).is_err(), "{path:?}");
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
        path in "/[!-~]{0,20}",
        lines in prop::collection::vec(("[A-Za-z-]{1,12}", "([!-~\u{80}-\u{ff}]([ -~\t]{0,9}[!-~])?)?"), 0..8),
    ) {
        let mut original = Request::new(method, path).unwrap();
        for (name, value) in &lines {
            original.headers_mut().insert(name, value).unwrap();
        }
        let is_body = |name: &str| {
            name.eq_ignore_ascii_case("content-length") || name.eq_ignore_ascii_case("transfer-encoding")
        };
        prop_assume!(!lines.iter().any(|(name, _)| is_body(name)));
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
        data.extend_from_slice(b"0\r\n\r\n");
        let (response, used) = response(&data).unwrap().unwrap();
        prop_assert_eq!(used, data.len());
        prop_assert_eq!(response.body, chunks.concat().into_bytes());
    }
}
