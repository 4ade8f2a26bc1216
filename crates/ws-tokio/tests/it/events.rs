//! Events for `tracing`: their levels, their fields, and what is in none of them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::sync::{LazyLock, Mutex, MutexGuard};
use std::thread::{self, ThreadId};
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use ws_errors::InvalidStatus;
use ws_tokio::{Headers, Response, WebSocket, connect, serve};

#[cfg(feature = "auth")]
use crate::dialing::http_proxy;
use crate::failures::{Client, reporting};

use crate::common::answering;

/// Keeps the events of the threads that want theirs, each as a line: level, fields, and those of the spans.
/// One for all tests: a subscriber of a thread alone misses events that another thread has tried first.
struct Collector;

#[derive(Default)]
struct Collected {
    lines: HashMap<ThreadId, Vec<String>>,
    spans: Vec<String>,
}

static COLLECTED: LazyLock<Mutex<Collected>> = LazyLock::new(|| {
    tracing::subscriber::set_global_default(Collector).unwrap();
    Mutex::default()
});

thread_local! {
    static ENTERED: RefCell<Vec<Id>> = const { RefCell::new(Vec::new()) };
}

fn collected() -> MutexGuard<'static, Collected> {
    COLLECTED.lock().unwrap()
}

/// From now on, keeps the events of this thread, which has to run all tasks of its test; gives those so far.
fn lines() -> Vec<String> {
    collected().lines.insert(thread::current().id(), Vec::new()).unwrap_or_default()
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        _ = write!(self.0, " {}={value:?}", field.name());
    }
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "websockets"
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        let mut collected = collected();
        for id in ENTERED.with_borrow(Clone::clone) {
            line.0 += &format!(" [{}]", collected.spans[id.into_u64() as usize - 1]);
        }
        if let Some(lines) = collected.lines.get_mut(&thread::current().id()) {
            lines.push(line.0);
        }
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut line = Line(attributes.metadata().name().to_owned());
        attributes.record(&mut line);
        let spans = &mut collected().spans;
        spans.push(line.0);
        Id::from_u64(spans.len() as u64)
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        let span = &mut collected().spans[id.into_u64() as usize - 1];
        let mut line = Line(std::mem::take(span));
        values.record(&mut line);
        *span = line.0;
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, id: &Id) {
        ENTERED.with_borrow_mut(|entered| entered.push(id.clone()));
    }

    fn exit(&self, id: &Id) {
        assert_eq!(ENTERED.with_borrow_mut(Vec::pop).as_ref(), Some(id));
    }
}

#[tokio::test]
async fn each_failure_is_an_event_of_its_level_without_secrets() {
    use Client::*;
    lines();
    for (client, path, level, parts) in [
        (Stays, "/own", "ERROR", &["the handler failed", "error=no such room"][..]),
        (Stays, "/boxed", "ERROR", &[r"error=no such\nroom"]),
        (Stays, "/panics", "ERROR", &["the handler panicked", "error=on purpose"]),
        (Asks(""), "/hook-panics", "ERROR", &["refused", "status=500"]),
        (Asks("Origin: https://a.b\r\n"), "/own", "DEBUG", &["refused", "status=403"]),
        (Asks(""), "/nowhere", "DEBUG", &["the program answered", "status=404"]),
        (Vanishes, "/receives", "DEBUG", &["the connection ended", "error=no close frame"]),
        (Vanishes, "/ignores", "DEBUG", &["the connection was cut"]),
        (Violates, "/receives", "DEBUG", &["error=sent 1002 (protocol error)"]),
        (Mutes, "/receives", "TRACE", &["ended with the server", "error=sent 1001"]),
    ] {
        let row = format!("{client:?} {path}");
        let (server, mut reported, mut begun) = reporting().await;
        let running = client.run(server.local_addr(), path);
        if path == "/nowhere" {
            running.await;
            server.shutdown().await;
        } else {
            let stopping = async {
                match level {
                    "TRACE" => _ = begun.recv().await,
                    // The hook is told after the event.
                    _ => _ = reported.recv().await,
                }
                server.shutdown().await;
            };
            tokio::join!(running, stopping);
        }
        let lines = lines();
        assert!(!lines.iter().any(|line| line.contains("secret")), "{row}: {lines:?}");
        // The others are about the connection.
        let lines: Vec<_> = lines.iter().filter(|line| line.contains(" method=")).collect();
        let [line] = &lines[..] else { panic!("{row}: {lines:?}") };
        assert!(line.contains(" [connection id="), "{row}: {line}");
        assert!(line.starts_with(&format!("{level} ")), "{row}: {line}");
        let part = "side=\"server\" peer=127.0.0.1:";
        assert!(line.contains(part), "{row}: {part} isn't in {line}");
        for part in ["peer=127.0.0.1:", "method=\"GET\"", &format!("path={path:?}")] {
            assert!(line.contains(part), "{row}: {part} isn't in {line}");
        }
        for part in parts {
            assert!(line.contains(part), "{row}: {part} isn't in {line}");
        }
        assert!(!line.contains("secret") && !line.contains("token"), "{row}: {line}");
    }
}

/// Whether one of the lines, behind the first `from` ones, has all parts; gives the place behind it.
#[track_caller]
fn find(lines: &[String], from: usize, parts: &[&str]) -> usize {
    let is = |line: &String| parts.iter().all(|part| line.contains(part));
    match lines.iter().skip(from).position(is) {
        Some(at) => from + at + 1,
        None => panic!("{parts:?} isn't behind line {from} of {lines:#?}"),
    }
}

#[tokio::test]
async fn a_connection_tells_its_story_within_its_span() {
    let echo = |mut ws: WebSocket| async move {
        tracing::info!(target: "websockets", id = ws.id(), "an event of the handler");
        while let Ok(Some(message)) = ws.recv().await {
            _ = ws.send(message).await;
        }
    };
    let server = serve("127.0.0.1:0", echo).trace_payloads(true);
    let server = server.process_request(answering(|request| {
        let headers = Headers::try_from([("Location", "/chat?token=secret")]).unwrap();
        (request.path() == "/old").then(|| Response::new(302, "", headers, ""))
    }));
    let server = server.await.unwrap();
    let addr = server.local_addr();
    lines();
    let mut ws = connect(format!("ws://me:secret@{addr}/old?key=secret")).await.unwrap();
    ws.send("hello").await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some("hello".into()));
    _ = ws.ping(None).await.unwrap().await;
    let (id, peer) = (ws.id(), ws.local_addr().unwrap());
    ws.close(1000, "bye").await.unwrap();
    server.shutdown().await;
    let lines = lines();
    assert!(!lines.iter().any(|line| line.contains("secret")), "{lines:#?}");

    let client = &*format!("[connection id={id} side=\"client\" path=\"/old\"");
    let mut at = 0;
    for parts in [
        &["DEBUG", "connecting", "uri=ws://", "/old?key=***"][..],
        &["DEBUG", "resolved"],
        &["DEBUG", "connected", &format!("addr={addr}")],
        &["DEBUG", "following a redirect", "/chat?token=***"],
        &["DEBUG", "open", "compression=true", &format!(" peer={addr}]")],
        &["TRACE", "> TEXT", "len=5"],
        &["TRACE", "< TEXT", "len=5"],
        &["TRACE", "> PING"],
        &["TRACE", "< PONG"],
        &["DEBUG", "closing", "close=1000 (OK) bye"],
        &["TRACE", "< CLOSE 1000 (OK) bye"],
        &["DEBUG", "closed: sent 1000 (OK) bye", "sent=1 ", "received=1 "],
    ] {
        at = find(&lines, at, &[parts, &[client]].concat());
    }
    assert!(!lines.iter().any(|line| line.contains("hello") && line.contains(client)));

    let parts = [" side=\"server\"", &format!(" peer={peer} path=\"/chat\"]")];
    let mut at = find(&lines, 0, &["INFO", "an event of the handler", parts[0], parts[1]]);
    for event in
        ["< TEXT len=5 payload=\"hello\"", "> TEXT len=5 payload=\"hello\"", "< PING", "closed: "]
    {
        at = find(&lines, at, &[event, parts[0], parts[1]]);
    }
}

#[cfg(feature = "proxy-protocol")]
#[tokio::test]
async fn the_span_has_the_client_that_a_proxy_names_and_no_other_address() {
    use tokio::io::AsyncWriteExt;
    use ws_tokio::{ForwardedHeader, Listen};
    let echo = async |mut ws: WebSocket| while let Ok(Some(_)) = ws.recv().await {};
    let listen = Listen::tcp("127.0.0.1:0").proxy_protocol("127.0.0.1, 10.0.0.1".parse().unwrap());
    let server = serve(listen, echo)
        .forwarded(ForwardedHeader::XForwardedFor, "10.0.0.1".parse().unwrap())
        .await
        .unwrap();
    lines();
    for (named, expected) in [("192.0.2.1", "192.0.2.1:80"), ("10.0.0.1", "192.0.2.2:0")] {
        let mut tcp = tokio::net::TcpStream::connect(server.local_addr()).await.unwrap();
        let header = format!("PROXY TCP4 {named} 127.0.0.1 80 80\r\n");
        tcp.write_all(header.as_bytes()).await.unwrap();
        let client =
            ws_tokio::client(tcp, "ws://localhost/").header("X-Forwarded-For", "192.0.2.2");
        client.await.unwrap().close(1000, "").await.unwrap();
        let lines = lines();
        let at = find(&lines, 0, &["< GET", "side=\"server\"", &format!(" peer={expected}")]);
        let at = find(&lines, at, &["open", "side=\"server\"", &format!(" peer={expected}")]);
        let line = &lines[at - 1];
        assert!(!line.contains("peer=127.") && !line.contains("peer=10."), "{line}");
    }
    server.shutdown().await;
}

#[cfg(feature = "auth")]
#[tokio::test]
async fn heads_of_all_exchanges_are_told_without_secrets() {
    let server = serve("127.0.0.1:0", |_: WebSocket| async {});
    let server = server.process_request(answering(|request| {
        let headers: &[_] = match (request.path(), request.headers().contains("Authorization")) {
            ("/old", _) => &[
                ("Location", "/@me?token=secret@host"),
                ("Set-Cookie", "id=secret"),
                ("X", "\u{85}\u{9b}2J"),
            ],
            (_, true) => return None,
            (_, false) => &[("WWW-Authenticate", "Basic realm=r")],
        };
        let status = if headers.len() > 1 { 302 } else { 401 };
        let headers = Headers::try_from(headers).unwrap();
        Some(Response::new(status, "N\u{f6}\u{85}", headers, "a body"))
    }));
    let server = server.await.unwrap();
    let answer = "HTTP/1.1 200 OK\r\nSet-Cookie: secret\r\nX: tunnel\r\n\r\n";
    let (proxy, ..) = http_proxy(server.local_addr(), answer).await;
    lines();
    let connecting = connect("ws://host.test/old?key=secret")
        .proxy(format!("http://me:secret@{proxy}"))
        .header("cookie", "id=secret")
        .credentials("me", "secret");
    connecting.await.unwrap();
    server.shutdown().await;
    let lines = lines();
    assert!(!lines.iter().any(|line| line.contains("secret")), "{lines:#?}");
    let heads = lines.iter().filter(|line| line.contains("> ") || line.contains("< "));
    assert!(!heads.clone().any(|line| line.contains("a body")), "{lines:#?}");
    assert!(heads.clone().all(|line| !line.contains(char::is_control)), "{lines:#?}");

    let tunnel = [
        &[
            r#"> CONNECT host.test:80 HTTP/1.1 headers=["Host: host.test:80", "#,
            r#"Authorization: ***"]"#,
        ][..],
        &[r#"< HTTP/1.1 200 OK headers=["Set-Cookie: ***", "X: tunnel"]"#],
    ];
    let redirect = [
        "HTTP/1.1 302 N\u{f6}",
        r#"["Location: /@me?token=***", "Set-Cookie: ***", "X: \u{85}\u{9b}2J""#,
    ];
    let old = [r#"GET /old?key=*** HTTP/1.1 headers=["Host: host.test", "#, "\"cookie: ***\""];
    let new = [r#"GET /@me?token=*** HTTP/1.1 headers=["Host: host.test", "#];
    let mut at = 0;
    for parts in [
        tunnel[0],
        tunnel[1],
        &[&["> "], &old[..]].concat(),
        &[&["< "], &redirect[..]].concat(),
        &["following a redirect"],
        tunnel[0],
        tunnel[1],
        &[&["> "], &new[..]].concat(),
        &["< HTTP/1.1 401 ", "WWW-Authenticate: Basic realm=r"],
        &["answering a challenge"],
        tunnel[0],
        tunnel[1],
        &[&["> ", "Authorization: ***"], &new[..]].concat(),
        &["< HTTP/1.1 101 Switching Protocols headers=[", "Upgrade: websocket"],
        &["open"],
    ] {
        at = find(&lines, at, &[&["DEBUG", " side=\"client\""], parts].concat());
    }
    let mut at = 0;
    for parts in [
        &[&["< ", "path=\"/old\""], &old[..]].concat()[..],
        &[&["> "], &redirect[..]].concat(),
        &[&["< ", "path=\"/@me\""], &new[..]].concat(),
        &["> HTTP/1.1 401 ", "WWW-Authenticate: Basic realm=r"],
        &[&["< ", "Authorization: ***"], &new[..]].concat(),
        &["> HTTP/1.1 101 Switching Protocols headers=[", "Upgrade: websocket"],
    ] {
        at = find(&lines, at, &[&["DEBUG", " side=\"server\""], parts].concat());
    }
}

#[tokio::test]
async fn failed_attempts_and_the_next_ones_are_told() {
    let server = serve("127.0.0.1:0", |_: WebSocket| async {});
    let server =
        server.process_request(answering(|_| Some(Response::new(503, "", Headers::new(), ""))));
    let server = server.await.unwrap();
    lines();
    let uri = format!("ws://{}/?key=secret", server.local_addr());
    let short =
        ws_tokio::Backoff::new().initial(Duration::from_millis(1)).max(Duration::from_millis(1));
    let mut connections = connect(uri).reconnect().backoff(short).max_attempts(2);
    let error = connections.next().await.unwrap().unwrap_err();
    assert!(error.get::<InvalidStatus>().is_some());
    let lines = lines();
    let at = find(&lines, 0, &["DEBUG", "HTTP 503", "side=\"client\""]);
    let at = find(&lines, at, &["DEBUG", "will connect again after: ", "delay=", "failures=1"]);
    find(&lines, at, &["DEBUG", "HTTP 503", "side=\"client\""]);
    assert!(!lines.iter().any(|line| line.contains("secret")), "{lines:#?}");
}
