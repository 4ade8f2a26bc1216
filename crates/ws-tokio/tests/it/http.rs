//! Peers that speak HTTP and not WebSocket, or not even HTTP, on TCP sockets. Each case is named by
//! what the peer does.

use std::future::{Future, IntoFuture, pending};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use ws_errors::{
    AbortHandshake, HandshakeTimeout, InvalidHandshake, InvalidHeader, InvalidMessage,
    InvalidProtocol, InvalidStatus, MessageCause, OtherProtocol,
};
use ws_headers::Headers;
use ws_tokio::{Accept, Connect, Error, HandshakeLimits, Response, accept, connect};

use crate::common::{REQUEST, TEXT, answering};

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(20);

/// The time for the body of a refusal.
const BODY: Duration = Duration::from_millis(200);

/// The outcome of connecting to a server that does `serve` with its first connection, and the time that
/// it took.
async fn outcome<F>(
    serve: impl FnOnce(TcpStream) -> F,
    set: impl FnOnce(Connect) -> Connect,
) -> (Error, Duration)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("ws://{}/", listener.local_addr().unwrap());
    let mut limits = HandshakeLimits::default();
    limits.max_body_time = BODY;
    let client = tokio::spawn(set(connect(uri).handshake_limits(limits)).into_future());
    let server = tokio::spawn(serve(listener.accept().await.unwrap().0));
    let start = Instant::now();
    let result = tokio::time::timeout(LONG, client).await.expect("it takes a moment").unwrap();
    let took = start.elapsed();
    server.abort();
    (result.expect_err("the server refuses"), took)
}

/// The error of a server whose client does `talk`, with its result, and the time that it took.
async fn served<F, T>(
    talk: impl FnOnce(TcpStream) -> F,
    set: impl FnOnce(Accept<TcpStream>) -> Accept<TcpStream>,
) -> (Error, T, Duration)
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let tcp = TcpStream::connect(addr).await.unwrap();
    let client = tokio::spawn(talk(tcp));
    let start = Instant::now();
    let server = set(accept(listener.accept().await.unwrap().0)).into_future();
    let result = tokio::time::timeout(LONG, server).await.expect("it takes a moment");
    let took = start.elapsed();
    let talked = tokio::time::timeout(LONG, client).await.expect("it takes a moment").unwrap();
    (result.expect_err("the client doesn't want a WebSocket"), talked, took)
}

/// Sends bytes and keeps the connection open; gives what comes until the server ends it.
async fn say(mut tcp: TcpStream, bytes: impl AsRef<[u8]>) -> String {
    tcp.write_all(bytes.as_ref()).await.unwrap();
    let mut received = Vec::new();
    // It ends with a reset when the server hasn't read all.
    _ = tcp.read_to_end(&mut received).await;
    String::from_utf8(received).unwrap()
}

/// Sends a request, and gives the response.
async fn ask(mut tcp: TcpStream, request: impl AsRef<[u8]>) -> String {
    tcp.write_all(request.as_ref()).await.unwrap();
    let mut response = String::new();
    tcp.read_to_string(&mut response).await.expect("the response arrives whole");
    response
}

/// Reads the whole request.
async fn request(tcp: &mut TcpStream) {
    let mut received = Vec::new();
    while !received.ends_with(b"\r\n\r\n") {
        assert!(tcp.read_buf(&mut received).await.unwrap() > 0);
    }
}

/// Makes the end of the connection a reset.
fn reset(tcp: TcpStream) {
    tcp.set_zero_linger().unwrap();
    drop(tcp);
}

#[track_caller]
fn check_refusal(error: &Error, status_code: u16, body: &[u8]) {
    let status = error.get::<InvalidStatus>().unwrap_or_else(|| panic!("{error:?}"));
    assert_eq!(status.response.status_code, status_code);
    assert_eq!(status.response.body.escape_ascii().to_string(), body.escape_ascii().to_string());
    let expected = format!("server rejected WebSocket connection: HTTP {status_code}");
    assert_eq!(python(error), expected);
    assert!(!error.is_timeout());
}

/// The action of a server after its response.
#[derive(Clone, Copy, Debug)]
enum Then {
    Close,
    Reset,
    /// Nothing, without end.
    Wait,
    /// Writes these bytes again and again, quickly or slowly.
    Write(&'static [u8], Duration),
}

async fn answer(mut tcp: TcpStream, response: &'static [u8], then: Then) {
    request(&mut tcp).await;
    tcp.write_all(response).await.unwrap();
    match then {
        Then::Close => drop(tcp),
        // So that the response is there before.
        Then::Reset => {
            tokio::time::sleep(BODY / 4).await;
            reset(tcp);
        }
        Then::Wait => pending().await,
        Then::Write(bytes, interval) => {
            while tcp.write_all(bytes).await.is_ok() {
                tokio::time::sleep(interval).await;
            }
        }
    }
}

/// A response, what comes after it, and the status and the body of the refusal.
type Refusal = (&'static str, &'static [u8], Then, u16, &'static [u8]);

async fn check_refusals(rows: &[Refusal], max: Duration) {
    for &(name, response, then, status_code, body) in rows {
        let (error, took) = outcome(|tcp| answer(tcp, response, then), |it| it).await;
        println!("{name}: {error:?}");
        check_refusal(&error, status_code, body);
        assert!(took < max, "{name}: {took:?}");
    }
}

const MANY: Duration = Duration::from_secs(5);

/// The text of the exception, as Python has it.
fn python(error: &Error) -> String {
    error.get::<InvalidHandshake>().map_or_else(|| error.to_string(), ToString::to_string)
}

#[tokio::test]
async fn a_refusal_whose_connection_stays_open_is_no_timeout() {
    let rows: &[Refusal] = &[
        ("no length", b"HTTP/1.1 401 Unauthorized\r\n\r\n", Then::Wait, 401, b""),
        ("HTTP/1.0", b"HTTP/1.0 503 \r\n\r\nlater", Then::Wait, 503, b"later"),
        ("too short", b"HTTP/1.1 403 \r\nContent-Length: 9\r\n\r\nno", Then::Wait, 403, b"no"),
        (
            "half a chunk",
            b"HTTP/1.1 502 \r\nTransfer-Encoding: chunked\r\n\r\n8\r\noops",
            Then::Wait,
            502,
            b"oops",
        ),
        (
            "two lengths",
            b"HTTP/1.1 500 \r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\noops",
            Then::Wait,
            500,
            b"oops",
        ),
        (
            "unknown coding",
            b"HTTP/1.1 500 \r\nTransfer-Encoding: br\r\n\r\noops",
            Then::Wait,
            500,
            b"oops",
        ),
    ];
    check_refusals(rows, MANY).await;
}

#[tokio::test]
async fn a_refusal_whose_body_is_cut_or_reset_is_told() {
    let rows: &[Refusal] = &[
        ("cut", b"HTTP/1.1 401 \r\nContent-Length: 9\r\n\r\nno", Then::Close, 401, b"no"),
        (
            "cut chunk",
            b"HTTP/1.1 403 \r\nTransfer-Encoding: chunked\r\n\r\n9\r\nno",
            Then::Close,
            403,
            b"no",
        ),
        ("ended", b"HTTP/1.0 500 oops\r\n\r\noops", Then::Close, 500, b"oops"),
        ("reset", b"HTTP/1.1 401 \r\nContent-Length: 9\r\n\r\nno", Then::Reset, 401, b"no"),
        ("reset without body", b"HTTP/1.1 429\r\n\r\n", Then::Reset, 429, b""),
        (
            "reset chunk",
            b"HTTP/1.1 403 \r\nTransfer-Encoding: chunked\r\n\r\n9\r\nno",
            Then::Reset,
            403,
            b"no",
        ),
    ];
    check_refusals(rows, MANY).await;
}

#[tokio::test]
async fn a_refusal_whose_body_is_complete_is_told_at_once() {
    let rows: &[Refusal] = &[
        ("empty", b"HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n", Then::Wait, 404, b""),
        ("204", b"HTTP/1.1 204\r\n\r\n", Then::Wait, 204, b""),
        ("304", b"HTTP/1.1 304 \r\nContent-Length: 5\r\n\r\n", Then::Wait, 304, b""),
        ("length", b"HTTP/1.1 404 \r\nContent-Length: 2\r\n\r\nno", Then::Wait, 404, b"no"),
        (
            "chunks",
            b"HTTP/1.1 404 \r\nTRANSFER-ENCODING: Chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n",
            Then::Wait,
            404,
            b"no",
        ),
        ("hints before", b"HTTP/1.1 103 \r\n\r\nHTTP/1.1 204 \r\n\r\n", Then::Wait, 204, b""),
    ];
    // Not even the time for bodies passes.
    for &(name, response, then, status_code, body) in rows {
        let mut limits = HandshakeLimits::default();
        (limits.max_body_time, limits.open_timeout) = (LONG, Some(LONG));
        let set = |it: Connect| it.handshake_limits(limits);
        let (error, took) = outcome(|tcp| answer(tcp, response, then), set).await;
        check_refusal(&error, status_code, body);
        assert!(took < MANY, "{name}: {took:?}");
    }
}

#[tokio::test]
async fn a_refusal_whose_body_has_no_end_is_cut_by_size_or_time() {
    const HTML: &[u8] = &[b'a'; 1 << 16];
    for (name, interval, least, most) in
        [("fast", Duration::ZERO, 1 << 20, 1 << 20), ("slow", BODY / 8, 1 << 16, (1 << 20) - 1)]
    {
        for head in [
            &b"HTTP/1.1 503 \r\n\r\n"[..],
            b"HTTP/1.1 503 \r\nContent-Length: 99999999999\r\n\r\n",
            b"HTTP/1.1 503 \r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFF\r\n",
        ] {
            let serve = |tcp| answer(tcp, head, Then::Write(HTML, interval));
            let set = |it: Connect| match name {
                "fast" => it.handshake_limits(HandshakeLimits::default()),
                _ => it,
            };
            let (error, took) = outcome(serve, set).await;
            let status = error.get::<InvalidStatus>().unwrap_or_else(|| panic!("{error:?}"));
            assert_eq!(status.response.status_code, 503, "{name}");
            let len = status.response.body.len();
            assert!((least..=most).contains(&len), "{name}: {len} bytes in {took:?}");
            assert!(took < MANY, "{name}: {took:?}");
        }
    }
}

/// Makes a request of more bytes than the buffers of two sockets hold.
fn long(it: Connect) -> Connect {
    let mut headers = Headers::new();
    for _ in 0..1600 {
        headers.insert("Cookie", &"a".repeat(8000)).unwrap();
    }
    it.headers(headers)
}

#[tokio::test]
async fn a_server_that_accepts_before_it_has_read_the_request_gets_it_whole() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("ws://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let mut tcp = listener.accept().await.unwrap().0;
        let mut received = vec![0; 1000];
        tcp.read_exact(&mut received).await.unwrap();
        let head = String::from_utf8(received.clone()).unwrap();
        let line = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
        let accept = ws_proto::server::accept_key(line.unwrap());
        let response = format!(
            "HTTP/1.1 101\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        tcp.write_all(response.as_bytes()).await.unwrap();
        tokio::time::sleep(BODY).await;
        while !received.windows(4).any(|end| end == b"\r\n\r\n") {
            received.drain(..received.len() - 3);
            assert!(tcp.read_buf(&mut received).await.unwrap() > 0);
        }
        // Not before the end of the request.
        while received.ends_with(b"\r\n\r\n") {
            assert!(tcp.read_buf(&mut received).await.unwrap() > 0);
        }
        let at = received.windows(4).position(|end| end == b"\r\n\r\n").unwrap();
        received[at + 4]
    });
    let opening = long(connect(uri)).into_future();
    let ws = tokio::time::timeout(LONG, opening).await.unwrap().unwrap();
    ws.send("hello").await.unwrap();
    assert_eq!(tokio::time::timeout(LONG, server).await.unwrap().unwrap(), TEXT);
}

#[tokio::test]
async fn a_refusal_that_comes_before_the_request_is_read_is_told() {
    const RESPONSE: &[u8] = b"HTTP/1.1 431 Too Large\r\nContent-Length: 3\r\n\r\nno\n";
    // It never reads, and waits.
    let serve = |mut tcp: TcpStream| async move {
        tcp.write_all(RESPONSE).await.unwrap();
        pending().await
    };
    check_refusal(&outcome(serve, long).await.0, 431, b"no\n");
    // It closes its writing side.
    let serve = |mut tcp: TcpStream| async move {
        tcp.write_all(RESPONSE).await.unwrap();
        tcp.shutdown().await.unwrap();
        pending().await
    };
    check_refusal(&outcome(serve, long).await.0, 431, b"no\n");
    // It closes with unread data, which is a reset.
    let serve = |mut tcp: TcpStream| async move {
        tcp.write_all(RESPONSE).await.unwrap();
        tokio::time::sleep(BODY / 2).await;
        reset(tcp);
    };
    check_refusal(&outcome(serve, long).await.0, 431, b"no\n");
    // A response without any end, too.
    let serve = |mut tcp: TcpStream| async move {
        tcp.write_all(b"HTTP/1.1 400 \r\n\r\nbad").await.unwrap();
        pending().await
    };
    check_refusal(&outcome(serve, long).await.0, 400, b"bad");
    // Without a response, the error of the stream it is.
    let serve = |tcp: TcpStream| async move {
        tokio::time::sleep(BODY / 2).await;
        reset(tcp);
    };
    let (error, _) = outcome(serve, long).await;
    let Error::Connect(e) = &error else { panic!("{error:?}") };
    assert!(matches!(e.cause(), Error::Io(_)), "{error:?}");
}

#[tokio::test]
async fn a_response_that_does_not_come_is_a_timeout_and_one_that_ends_early_is_invalid() {
    let set = |it: Connect| it.open_timeout(BODY);
    for part in [&b""[..], b"HTTP/1.1 4", b"HTTP/1.1 401 \r\nA: b\r\n", b"HTTP/1.1 100 \r\n\r\n"] {
        let (error, _) = outcome(|tcp| answer(tcp, part, Then::Wait), set).await;
        assert!(error.get::<HandshakeTimeout>().is_some(), "{error:?}");
        let (error, _) = outcome(|tcp| answer(tcp, part, Then::Close), |it| it).await;
        assert!(error.get::<InvalidMessage>().is_some(), "{error:?}");
        assert_eq!(python(&error), "did not receive a valid HTTP response");
    }
}

/// The kept line and the protocol of a peer that doesn't speak HTTP.
#[track_caller]
fn not_http(error: &Error) -> (String, Option<OtherProtocol>) {
    let message = error.get::<InvalidMessage>().unwrap_or_else(|| panic!("{error:?}"));
    match &message.cause {
        Some(MessageCause::NotHttp(first)) => {
            (first.line.escape_ascii().to_string(), first.protocol)
        }
        cause => panic!("{cause:?}"),
    }
}

#[tokio::test]
async fn a_server_that_speaks_another_protocol_is_known_at_its_first_bytes() {
    let rows: &[(&str, &[u8], &str, Option<OtherProtocol>)] = &[
        (
            "sends a TLS alert",
            b"\x15\x03\x03\0\x02\x02\x46",
            r"\x15\x03\x03\x00\x02\x02F",
            Some(OtherProtocol::Tls),
        ),
        (
            "greets with SSH",
            b"SSH-2.0-OpenSSH_9.6\r\n",
            "SSH-2.0-OpenSSH_9.6",
            Some(OtherProtocol::Ssh),
        ),
        ("greets with SMTP", b"220 a ESMTP\r\n", "220 a ESMTP", Some(OtherProtocol::Smtp)),
        ("is a Redis", b"-ERR wrong\r\n", "-ERR wrong", Some(OtherProtocol::Redis)),
        (
            "speaks HTTP/2",
            b"\0\0\x12\x04\0\0\0\0\0",
            r"\x00\x00\x12\x04\x00\x00\x00\x00\x00",
            Some(OtherProtocol::Http2),
        ),
        ("streams music", b"ICY 200 OK\r\n", "ICY 200 OK", None),
        ("greets without a line end", b"+", "+", None),
    ];
    for &(name, bytes, line, protocol) in rows {
        for then in [Then::Wait, Then::Close] {
            let (error, took) = outcome(|tcp| answer(tcp, bytes, then), |it| it).await;
            assert_eq!(not_http(&error), (line.to_owned(), protocol), "a server that {name}");
            assert_eq!(python(&error), "did not receive a valid HTTP response");
            assert!(took < MANY, "{name}: {took:?}");
        }
    }
    // HTTP, but not as it should be.
    let bytes = b"HTTP/1.1 abc\r\n";
    let (error, _) = outcome(|tcp| answer(tcp, bytes, Then::Wait), |it| it).await;
    let message = error.get::<InvalidMessage>().unwrap();
    assert_eq!(
        message.cause,
        Some(MessageCause::Malformed("invalid status line \"HTTP/1.1 abc\"".into()))
    );
}

#[tokio::test]
async fn a_client_that_speaks_another_protocol_is_cut_off_at_its_first_bytes() {
    let rows: &[(&str, &[u8], &str, Option<OtherProtocol>)] = &[
        ("wants TLS", b"\x16\x03\x01\x02\0", r"\x16\x03\x01\x02\x00", Some(OtherProtocol::Tls)),
        ("speaks SSH", b"SSH-2.0-OpenSSH_9.6\r\n", "SSH-2.0-OpenSSH_9.6", Some(OtherProtocol::Ssh)),
        ("speaks SMTP", b"EHLO example.com\r\n", "EHLO example.com", Some(OtherProtocol::Smtp)),
        ("looks for a Redis", b"*1\r\n$4\r\nPING\r\n", "*1", Some(OtherProtocol::Redis)),
        (
            "is a proxy that tells of another",
            b"PROXY TCP4 192.0.2.1 192.0.2.2 50412 80\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 50412 80",
            Some(OtherProtocol::ProxyProtocol),
        ),
        (
            "is a proxy that tells of another in binary",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x02\xc4\xec\0\x50GET / HTTP/1.1\r\n",
            r"\r\n\r\n\x00\r\nQUIT\n",
            Some(OtherProtocol::ProxyProtocol),
        ),
        ("sends a frame", b"\x81\x80\0\0\0\0", r"\x81\x80\x00\x00\x00\x00", None),
        ("speaks HTTP/0.9", b"GET /\r\n", "GET /", None),
        ("types", b"hello\n", "hello", None),
    ];
    for &(name, bytes, line, protocol) in rows {
        let (error, received, took) = served(|tcp| say(tcp, bytes), |it| it).await;
        assert_eq!(not_http(&error), (line.to_owned(), protocol), "a client that {name}");
        assert_eq!(received, "", "a client that {name}");
        assert!(took < MANY, "{name}: {took:?}");
    }
}

#[tokio::test]
async fn a_client_whose_first_line_is_wrong_is_answered_before_the_second() {
    let rows: &[(&str, &[u8], &str)] = &[
        ("speaks HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 HTTP Version Not Supported"),
        ("wants HTTP/3", b"GET / HTTP/3.0\r\n", "505 HTTP Version Not Supported"),
        ("sends a space too much", b"GET  / HTTP/1.1\r\n", "400 Bad Request"),
        ("sends a path that isn't ASCII", b"GET /\xe9 HTTP/1.1\r\n", "400 Bad Request"),
        ("sends a method that is no token", b"G@T / HTTP/1.1\r\n", "400 Bad Request"),
        ("writes HTTP in lower case", b"GET / http/1.1\r\n", "400 Bad Request"),
        ("sends two empty lines", b"\r\n\r\n", "400 Bad Request"),
        ("ends its lines with LF", b"GET / HTTP/1.1\n", "400 Bad Request"),
    ];
    for &(name, bytes, status) in rows {
        let (error, received, _) = served(|tcp| ask(tcp, bytes), |it| it).await;
        let head = format!("HTTP/1.1 {status}\r\n");
        assert!(received.starts_with(&head), "a client that {name}: {received}");
        let is_version = error.get::<InvalidProtocol>().is_some();
        assert_eq!(is_version, status.starts_with("505"), "a client that {name}: {error:?}");
        assert!(is_version || error.get::<InvalidMessage>().is_some(), "{name}: {error:?}");
    }
}

/// The hook of a server that must not be asked.
fn unasked(accept: Accept<TcpStream>) -> Accept<TcpStream> {
    accept.process_request(answering(|request| {
        panic!("the hook is asked about {}", request.target())
    }))
}

#[tokio::test]
async fn a_client_whose_host_is_not_one_is_refused_before_the_hook_is_asked() {
    let rows = [
        ("sends none", "", "missing Host header"),
        ("sends an empty one", "Host:\r\n", "empty Host header"),
        ("sends two", "Host: a\r\nHost: b\r\n", "invalid Host header: multiple values"),
        ("sends one twice", "Host: a\r\nhost: a\r\n", "invalid Host header: multiple values"),
        ("sends a URI", "Host: http://a/\r\n", "invalid Host header: http://a/"),
        ("sends a list", "Host: a, b\r\n", "invalid Host header: a, b"),
        ("sends half an address", "Host: [::1\r\n", "invalid Host header: [::1"),
    ];
    for (name, host, text) in rows {
        let request = REQUEST.replace("Host: localhost\r\n", host);
        // A host in the target doesn't replace the header.
        for target in ["/", "http://other.example/q"] {
            let request = request.replace("GET / ", &format!("GET {target} "));
            let (error, response, _) = served(|tcp| ask(tcp, request), unasked).await;
            let header = error.get::<InvalidHeader>().map(InvalidHeader::name);
            assert_eq!(header, Some("Host"), "{target}, {name}");
            assert_eq!(python(&error), text, "{target}, a client that {name}");
            assert!(response.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{name}: {response}");
            assert!(response.ends_with(&format!(" {text}.\n")), "{name}: {response}");
        }
    }
}

#[tokio::test]
async fn a_client_that_sends_a_whole_uri_reaches_its_path_and_host() {
    let rows = [
        ("/chat?room=1", "/chat", Some("room=1"), "localhost"),
        ("http://example.com/chat?room=1", "/chat", Some("room=1"), "example.com"),
        ("WS://example.com:8765", "/", None, "example.com:8765"),
        ("https://[::1]?room=1", "/", Some("room=1"), "[::1]"),
    ];
    for (target, path, query, host) in rows {
        let (sender, seen) = std::sync::mpsc::channel();
        let set = |it: Accept<TcpStream>| {
            it.process_request(answering(move |request| {
                let (path, query) = (request.path().to_owned(), request.query().map(str::to_owned));
                let (target, host) =
                    (request.target().to_owned(), request.host().map(str::to_owned));
                sender.send((target, path, query, host)).unwrap();
                Some(Response::new(404, "", Headers::new(), "no\n"))
            }))
        };
        let request = REQUEST.replace("GET / ", &format!("GET {target} "));
        let (_, response, _) = served(|tcp| ask(tcp, request), set).await;
        assert!(response.starts_with("HTTP/1.1 404 "), "{response}");
        let (seen_target, seen_path, seen_query, seen_host) = seen.try_recv().unwrap();
        assert_eq!((&*seen_target, &*seen_path), (target, path));
        assert_eq!((seen_query.as_deref(), seen_host.as_deref()), (query, Some(host)), "{target}");
    }
    for target in ["http://user@a/", "http:///", "http://a:b/", "ftp://a/", "chat", "/p#x", "*"] {
        let request = REQUEST.replace("GET / ", &format!("GET {target} "));
        let (error, response, _) = served(|tcp| ask(tcp, request), unasked).await;
        assert!(response.starts_with("HTTP/1.1 400 "), "{target}: {response}");
        assert!(error.get::<InvalidMessage>().is_some(), "{error:?}");
        assert!(response.contains(&format!("invalid request target \"{target}\"")), "{response}");
    }
}

/// A hook that answers all requests with 200.
fn fine(accept: Accept<TcpStream>) -> Accept<TcpStream> {
    accept.process_request(answering(|request| {
        let text = format!("{} {}\n", request.method(), request.path());
        Some(Response::new(200, "OK", Headers::new(), text))
    }))
}

#[tokio::test]
async fn a_hook_answers_clients_whatever_their_request_is() {
    let rows = [
        ("GET / HTTP/1.1", "Host: a\r\n", "", "GET /\n"),
        ("GET /health HTTP/1.0", "", "", "GET /health\n"),
        ("OPTIONS * HTTP/1.1", "Host: a\r\n", "", "OPTIONS \n"),
        ("POST /a HTTP/1.1", "Host: a\r\nContent-Length: 5\r\n", "hello", "POST /a\n"),
        ("POST /a HTTP/1.0", "Content-Length: 5\r\n", "hello", "POST /a\n"),
        ("PUT /a HTTP/1.1", "Host: a\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n", "PUT /a\n"),
        ("GET /a HTTP/1.1", "Host: a\r\nContent-Length: 5, 5\r\n", "hello", "GET /a\n"),
        ("BREW /pot HTTP/1.1", "Host: a\r\n", "", "BREW /pot\n"),
        // It waits with the body until it is asked for it.
        (
            "POST /a HTTP/1.1",
            "Host: a\r\nContent-Length: 99999\r\nExpect: 100-continue\r\n",
            "",
            "POST /a\n",
        ),
    ];
    for (line, headers, body, text) in rows {
        let request = format!("{line}\r\n{headers}\r\n{body}");
        let (error, response, took) = served(|tcp| ask(tcp, request), fine).await;
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{line}: {response}");
        assert!(response.ends_with(&format!("\r\n\r\n{text}")), "{line}: {response}");
        let length = format!("\r\nContent-Length: {}\r\n", text.len());
        assert!(response.contains(&length), "{line}: {response}");
        assert!(error.get::<AbortHandshake>().is_some(), "{line}: {error:?}");
        assert!(took < MANY, "{line}: {took:?}");
    }
}

#[tokio::test]
async fn a_client_that_asks_with_head_gets_no_body() {
    type Set = fn(Accept<TcpStream>) -> Accept<TcpStream>;
    let rows: [(&str, Set, &str, u16); 6] = [
        ("HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n", fine, "200 OK", 8),
        ("HEAD /a HTTP/1.0\r\n\r\n", fine, "200 OK", 8),
        ("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", |it| it, "405 Method Not Allowed", 70),
        ("HEAD / HTTP/1.1\r\n\r\n", fine, "400 Bad Request", 60),
        ("HEAD / HTTP/1.1\r\nHost: a\r\nA b\r\n\r\n", fine, "400 Bad Request", 98),
        (
            "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
            |it| it.process_request(answering(|_| panic!("on purpose"))),
            "500 Internal Server Error",
            76,
        ),
    ];
    for (request, set, status, len) in rows {
        let (_, response, _) = served(|tcp| ask(tcp, request), set).await;
        assert!(response.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request}: {response}");
        assert!(response.ends_with("\r\n\r\n"), "{request}: {response}");
        assert_eq!(response.matches("\r\n\r\n").count(), 1, "{request}: {response}");
        let length = format!("\r\nContent-Length: {len}\r\n");
        assert!(response.contains(&length), "{request}: {response}");
    }
}

#[tokio::test]
async fn a_client_that_sends_a_body_which_nobody_wants_is_refused() {
    let rows = [
        ("POST", "Content-Length: 5", "405 Method Not Allowed", "unsupported HTTP method: POST"),
        (
            "PUT",
            "Transfer-Encoding: chunked",
            "405 Method Not Allowed",
            "unsupported HTTP method: PUT",
        ),
        (
            "DELETE",
            "Content-Length: 0",
            "405 Method Not Allowed",
            "unsupported HTTP method: DELETE",
        ),
        ("GET", "Content-Length: 5", "400 Bad Request", "invalid Content-Length header: 5"),
        ("GET", "Content-Length: 5, 5", "400 Bad Request", "invalid Content-Length header: 5, 5"),
        (
            "GET",
            "Transfer-Encoding: chunked",
            "400 Bad Request",
            "invalid Transfer-Encoding header: chunked",
        ),
    ];
    for (method, header, status, text) in rows {
        let request = REQUEST.replace("GET / ", &format!("{method} / "));
        let request = request.replace("Host", &format!("{header}\r\nHost")) + "hello";
        let (error, response, _) = served(|tcp| ask(tcp, request), |it| it).await;
        assert!(response.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{method}: {response}");
        assert!(response.ends_with(&format!(" {text}.\n")), "{method}: {response}");
        assert_eq!(python(&error), text);
    }
}

#[tokio::test]
async fn a_client_whose_request_has_no_clear_end_is_refused_before_the_hook_is_asked() {
    let rows = [
        ("HTTP/1.1", "Content-Length: 5\r\nContent-Length: 6", "Content-Length"),
        ("HTTP/1.1", "Content-Length: 5, 6", "Content-Length"),
        ("HTTP/1.1", "Content-Length: five", "Content-Length"),
        ("HTTP/1.1", "Content-Length: 5\r\nTransfer-Encoding: chunked", "Content-Length"),
        ("HTTP/1.1", "Transfer-Encoding: gzip", "Transfer-Encoding"),
        ("HTTP/1.1", "Transfer-Encoding: chunked, chunked", "Transfer-Encoding"),
        ("HTTP/1.0", "Transfer-Encoding: chunked", "Transfer-Encoding"),
    ];
    for (version, headers, name) in rows {
        for method in ["GET", "POST", "HEAD"] {
            let request = format!("{method} / {version}\r\nHost: a\r\n{headers}\r\n\r\nhello");
            let (error, response, _) = served(|tcp| ask(tcp, request), unasked).await;
            assert!(response.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{headers}: {response}");
            let header = error.get::<InvalidHeader>().map(InvalidHeader::name);
            assert_eq!(header, Some(name), "{headers}: {error:?}");
        }
    }
}

#[tokio::test]
async fn a_client_that_still_sends_gets_its_answer_all_the_same() {
    /// Sends, waits, sends all the rest, and only then reads.
    async fn send(mut tcp: TcpStream, head: &'static str, body: usize, pause: Duration) -> String {
        tcp.write_all(head.as_bytes()).await.unwrap();
        tokio::time::sleep(pause).await;
        for _ in 0..body / 1000 {
            tcp.write_all(&[b'a'; 1000]).await.expect("the server reads on");
        }
        tokio::time::sleep(pause).await;
        let mut response = String::new();
        tcp.read_to_string(&mut response).await.expect("the response arrives whole");
        response
    }
    const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n";
    const BAD: &str = "GET /\x7f HTTP/1.1\r\n";
    const NO_HOST: &str = "GET / HTTP/1.1\r\n\r\n";
    let moment = Duration::from_millis(100);
    type Set = fn(Accept<TcpStream>) -> Accept<TcpStream>;
    let rows: [(&str, Set, usize, Duration, &str); 6] = [
        (POST, fine, 900_000, Duration::ZERO, "200 OK"),
        (POST, fine, 900_000, moment, "200 OK"),
        (POST, |it| it, 900_000, moment, "405 Method Not Allowed"),
        // The time limit of the handshake passes meanwhile.
        (
            POST,
            |it| it.open_timeout(Duration::from_millis(50)),
            900_000,
            moment,
            "405 Method Not Allowed",
        ),
        (BAD, |it| it, 100_000, moment, "400 Bad Request"),
        (NO_HOST, |it| it, 100_000, moment, "400 Bad Request"),
    ];
    for (head, set, body, pause, status) in rows {
        let (error, response, took) = served(|tcp| send(tcp, head, body, pause), set).await;
        assert!(response.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{head}: {response}");
        assert!(!error.is_timeout(), "{head}: {error:?}");
        assert!(took < MANY, "{head}: {took:?}");
    }
}

#[tokio::test]
async fn responses_that_have_no_body_by_their_status_get_none() {
    for (status, length) in [(204, false), (103, false), (304, true), (100, false), (199, false)] {
        let set = |it: Accept<TcpStream>| {
            it.process_request(answering(move |_| {
                let mut headers = Headers::new();
                headers.insert("Content-Length", "5").unwrap();
                Some(Response::new(status, "", headers, "hello"))
            }))
        };
        let (_, response, _) = served(|tcp| ask(tcp, REQUEST), set).await;
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{response}");
        assert!(response.ends_with("\r\n\r\n"), "{response}");
        assert_eq!(response.contains("Content-Length"), length, "{response}");
    }
}

#[tokio::test]
async fn a_server_that_shuts_down_does_not_wait_long_for_a_refused_client() {
    let server = ws_tokio::serve("127.0.0.1:0", |_: ws_tokio::WebSocket| async {}).await.unwrap();
    let mut tcp = TcpStream::connect(server.local_addr()).await.unwrap();
    tcp.write_all(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut response = String::new();
    tcp.read_to_string(&mut response).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 405 "), "{response}");
    // It keeps its end of the connection, and goes on sending.
    let start = Instant::now();
    let sending = tokio::spawn(async move {
        while tcp.write_all(b"a").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    tokio::time::timeout(LONG, server.shutdown()).await.expect("it takes a moment");
    assert!(start.elapsed() < MANY, "{:?}", start.elapsed());
    tokio::time::timeout(LONG, sending).await.expect("the connection is closed").unwrap();
}
