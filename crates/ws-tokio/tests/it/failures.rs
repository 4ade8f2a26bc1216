//! Reports of a server's failures, over sockets: each situation, its kind and its text.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use ws_headers::Headers;
use ws_tokio::{
    Closed, Compress, Error, Failure, FailureKind, Message, Response, Server, WebSocket, connect,
    serve,
};

use crate::common::{REQUEST, Raw, answering};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

const MOMENT: Duration = Duration::from_millis(100);

/// Fails instead of waiting without end.
async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("this waits without end")
}

/// An error of an application.
#[derive(Debug, thiserror::Error)]
enum AppError {
    #[error("no such room")]
    Room,
    #[error("talking failed")]
    Talk(#[from] Error),
    #[error(transparent)]
    Transparent(Error),
    #[error("cannot save")]
    Save(#[source] std::io::Error),
}

/// A handler whose behaviour is the path of its request.
fn handler(ws: WebSocket) -> impl Future<Output = Result<(), BoxError>> {
    let path = path_of(&ws);
    assert!(path != "/panics-at-once", "no await yet");
    behave(ws, path)
}

fn path_of(ws: &WebSocket) -> String {
    ws.request().unwrap().path().split('?').next().unwrap().to_owned()
}

async fn behave(mut ws: WebSocket, path: String) -> Result<(), BoxError> {
    match &*path {
        "/own" => Err(AppError::Room.into()),
        "/own-with-cause" => Err(AppError::Save(std::io::Error::other("the disk is full")).into()),
        "/boxed" => Err("no such\nroom".into()),
        "/anyhow" => Err(anyhow::anyhow!("no such room").context("cannot join").into()),
        "/panics" => panic!("on purpose"),
        "/panics-with-a-string" => panic!("on {}", ws.state()),
        "/panics-with-a-number" => std::panic::panic_any(7),
        "/receives" => Ok(receive(&mut ws).await?),
        "/receives-boxed" => Err(Box::new(receive(&mut ws).await.unwrap_err()) as BoxError),
        "/receives-from" => Err(AppError::from(receive(&mut ws).await.unwrap_err()).into()),
        "/receives-transparent" => {
            Err(AppError::Transparent(receive(&mut ws).await.unwrap_err()).into())
        }
        "/receives-io" => Err(std::io::Error::from(receive(&mut ws).await.unwrap_err()).into()),
        "/receives-anyhow" => Err(anyhow::Error::from(receive(&mut ws).await.unwrap_err()).into()),
        "/receives-context" => {
            Err(receive(&mut ws).await.context("cannot talk").unwrap_err().into())
        }
        "/fails-after-the-end" => {
            receive(&mut ws).await.unwrap_err();
            Err(AppError::Room.into())
        }
        "/ignores" => {
            _ = receive(&mut ws).await;
            Ok(())
        }
        "/sends" => loop {
            // So much that the stream takes it for a moment only.
            let message = Message::from(vec![0; 1 << 16]);
            ws.send(message.compress(Compress::Never)).await?;
        },
        "/feeds" => loop {
            if let Err(e) = ws.try_send("news") {
                return Err(e.into());
            }
            tokio::task::yield_now().await;
        },
        "/closes" => Ok(ws.close(4000, "enough").await?),
        "/takes-the-stream" => {
            assert!(ws.into_inner().is_some());
            Ok(())
        }
        "/relays" => Err(relay_to_a_dead_server().await.unwrap_err().into()),
        path => Err(format!("no behaviour {path}").into()),
    }
}

async fn receive(ws: &mut WebSocket) -> Result<(), Error> {
    while ws.recv().await?.is_some() {}
    Ok(())
}

/// A connection of another kind ends, not that of the handler.
async fn relay_to_a_dead_server() -> Result<Option<Message>, Error> {
    let server = serve("127.0.0.1:0", |_: WebSocket| std::future::pending::<()>()).await?;
    let mut ws = connect(format!("ws://{}/", server.local_addr())).await?;
    drop(server);
    ws.recv().await
}

/// The report of a failure, kept.
#[derive(Debug)]
pub(crate) struct Report {
    kind: FailureKind,
    line: String,
    method: Option<String>,
    path: Option<String>,
    status: Option<u16>,
    closed: Option<Closed>,
}

impl Report {
    fn new(failure: &Failure) -> Self {
        assert!(failure.peer_addr().is_some_and(|addr| addr.ip().is_loopback()));
        Self {
            kind: failure.kind(),
            line: failure.to_string(),
            method: failure.method().map(str::to_owned),
            path: failure.path().map(str::to_owned),
            status: failure.status(),
            closed: failure.closed().cloned(),
        }
    }
}

/// A server, the reports of its failures, and a word of each handler that has begun.
pub(crate) async fn reporting() -> (Server, UnboundedReceiver<Report>, UnboundedReceiver<()>) {
    let (reports, reported) = unbounded_channel();
    let (begins, begun) = unbounded_channel();
    let handler = move |ws| {
        _ = begins.send(());
        handler(ws)
    };
    let server = serve("127.0.0.1:0", handler)
        .origins([ws_tokio::OriginRule::Absent])
        .process_request(answering(|request| match request.path().split('?').next() {
            Some("/nowhere") => Some(Response::new(404, "Not Found", Headers::new(), "no\n")),
            Some("/hook-panics") => panic!("a hook, on purpose"),
            _ => None,
        }))
        .open_timeout(Duration::from_secs(5))
        .close_timeout(MOMENT)
        .on_error(move |failure| _ = reports.send(Report::new(failure)))
        .await
        .unwrap();
    (server, reported, begun)
}

/// The behaviour of a client.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Client {
    /// Receives until the end.
    Stays,
    /// Ends the stream without a close frame.
    Vanishes,
    /// Receives a little, then resets the connection.
    Resets,
    /// Closes with this code, properly.
    Closes(u16),
    /// Sends a frame with a reserved opcode.
    Violates,
    /// Takes no notice of a close frame.
    Mutes,
    /// Sends these bytes instead of a request, and reads the answer.
    Sends(&'static str),
    /// Sends a request with these lines more, and reads the answer.
    Asks(&'static str),
}

impl Client {
    pub(crate) async fn run(self, addr: SocketAddr, path: &str) {
        let target = format!("{path}?token=secret");
        let request = REQUEST
            .replace("GET / ", &format!("GET {target} "))
            .replace("Host:", "Authorization: Basic c2VjcmV0 secret\r\nCookie: secret\r\nHost:");
        let tcp = async || TcpStream::connect(addr).await.unwrap();
        match self {
            Self::Stays | Self::Closes(_) => {
                let uri = format!("ws://{addr}{target}");
                let mut ws = connect(uri).await.unwrap();
                if let Self::Closes(code) = self {
                    ws.close(code, "").await.unwrap();
                }
                _ = receive(&mut ws).await;
            }
            Self::Vanishes => drop(Raw::client_with(tcp().await, &request).await),
            Self::Resets => {
                let mut raw = Raw::client_with(tcp().await, &request).await;
                raw.io.read_exact(&mut [0; 10]).await.unwrap();
            }
            Self::Violates => {
                let mut raw = Raw::client_with(tcp().await, &request).await;
                raw.send(0x83, "").await;
                raw.rest().await;
            }
            Self::Mutes => {
                let mut raw = Raw::client_with(tcp().await, &request).await;
                raw.rest().await;
            }
            Self::Sends(bytes) => Self::exchange(tcp().await, bytes).await,
            Self::Asks(lines) => {
                let request = request.replace("Host:", &format!("{lines}Host:"));
                Self::exchange(tcp().await, &request).await;
            }
        }
    }

    async fn exchange(mut tcp: TcpStream, bytes: &str) {
        tcp.write_all(bytes.as_bytes()).await.unwrap();
        tcp.shutdown().await.unwrap();
        tcp.read_to_end(&mut Vec::new()).await.unwrap();
    }
}

/// A client, the path that it asks for, the kind of the failure, and parts of its line.
type Row = (Client, &'static str, FailureKind, &'static [&'static str]);

const ROWS: &[Row] = {
    use Client::*;
    use FailureKind::*;
    const GONE: &str = ": the connection ended: no close frame received or sent";
    &[
        (Stays, "/own", Handler, &[": the handler failed: no such room"]),
        (Stays, "/own-with-cause", Handler, &["failed: cannot save: the disk is full"]),
        (Stays, "/boxed", Handler, &[r": the handler failed: no such\nroom"]),
        (Stays, "/anyhow", Handler, &[": the handler failed: cannot join: no such room"]),
        (Stays, "/panics", Panic, &[": the handler panicked: on purpose"]),
        (Stays, "/panics-with-a-string", Panic, &[": the handler panicked: on OPEN"]),
        (Stays, "/panics-with-a-number", Panic, &["panicked: its value isn't a string"]),
        (Stays, "/panics-at-once", Panic, &[": the handler panicked: no await yet"]),
        (Vanishes, "/receives", Closed, &[GONE]),
        (Vanishes, "/receives-boxed", Closed, &[GONE]),
        (Vanishes, "/receives-from", Closed, &[": the connection ended: talking failed"]),
        (Vanishes, "/receives-transparent", Closed, &[GONE]),
        (Vanishes, "/receives-io", Closed, &[GONE]),
        (Vanishes, "/receives-anyhow", Closed, &[GONE]),
        (Vanishes, "/receives-context", Closed, &[": cannot talk: no close frame received"]),
        (Resets, "/sends", Closed, &[": the connection ended: no close frame", "(os error "]),
        (Resets, "/feeds", Closed, &[": the connection ended: "]),
        (Vanishes, "/ignores", Cut, &[": the connection was cut: no close frame"]),
        (Violates, "/receives", Closed, &[": the connection ended: sent 1002", "opcode"]),
        (Violates, "/ignores", Cut, &[": the connection was cut: sent 1002", "opcode"]),
        (Closes(4000), "/receives", Closed, &[": the connection ended: received 4000"]),
        (Closes(1000), "/sends", Closed, &[": the connection ended: received 1000"]),
        (
            Mutes,
            "/closes",
            Cut,
            &[": the connection was cut: sent 4000", "no close frame received"],
        ),
        (
            Vanishes,
            "/fails-after-the-end",
            Handler,
            &["failed: no such room (the connection had ended: no close frame received or sent)"],
        ),
        (Stays, "/relays", Handler, &[": the handler failed: no close frame received or sent"]),
        (
            Asks("Origin: https://evil.example\r\n"),
            "/receives",
            Handshake,
            &[": the opening handshake was refused with 403: invalid Origin header: https://evil"],
        ),
        (Asks("Upgrade: h2c\r\n"), "/", Handshake, &["refused with 4"]),
        (Asks(""), "/hook-panics", Handshake, &["refused with 500: a hook panicked"]),
    ]
};

#[tokio::test]
async fn each_failure_is_reported_once_with_its_kind_and_a_line() {
    for &(client, path, kind, parts) in ROWS {
        let row = format!("{client:?} {path}");
        let (server, mut reported, _) = reporting().await;
        in_time(client.run(server.local_addr(), path)).await;
        let report = in_time(reported.recv()).await.expect(&row);
        in_time(server.shutdown()).await;
        assert_eq!(report.kind, kind, "{row}: {report:?}");
        let line = &report.line;
        assert!(line.starts_with("127.0.0.1:"), "{row}: {line}");
        assert!(line.contains(&format!(" GET {path}: ")), "{row}: {line}");
        for part in parts {
            assert!(line.contains(part), "{row}: {line}");
        }
        assert!(!format!("{report:?}").contains("secret"), "{row}: {report:?}");
        assert_eq!((&*report.method.unwrap(), &*report.path.unwrap()), ("GET", path), "{row}");
        let is_end = matches!(kind, FailureKind::Closed | FailureKind::Cut);
        assert_eq!(report.closed.is_some(), is_end || path.contains("-the-end"), "{row}");
        assert_eq!(report.status.is_some(), kind == FailureKind::Handshake, "{row}");
        assert!(in_time(reported.recv()).await.is_none(), "{row}: a second report");
    }
}

#[tokio::test]
async fn a_request_that_is_none_is_reported_without_a_path() {
    for bytes in [
        // The beginning of a TLS hello.
        "\x16\x03\x01\x02\0\x01\0\x01\x7c\x03\x03",
        "",
        "GET /chat?token=secret HT",
        "GET /chat?token=secret\r\n\r\n",
        "GET /chat?a b=secret HTTP/1.1\r\n\r\n",
        "GET /chat?token=secret HTTP/9.9\r\nHost: a\r\n\r\n",
        "GET ws://user:secret@host HTTP/1.1\r\nAuthorization secret\r\n\r\n",
    ] {
        let (server, mut reported, _) = reporting().await;
        in_time(Client::Sends(bytes).run(server.local_addr(), "")).await;
        let report = in_time(reported.recv()).await.expect(bytes);
        assert_eq!(report.kind, FailureKind::Handshake, "{bytes}");
        assert!(report.line.contains(": the opening handshake "), "{bytes}: {}", report.line);
        assert!(!format!("{report:?}").contains("secret"), "{bytes}: {report:?}");
        assert_eq!((report.method, report.path), (None, None), "{bytes}");
        in_time(server.shutdown()).await;
        assert!(in_time(reported.recv()).await.is_none(), "{bytes}");
    }
}

#[tokio::test]
async fn a_request_whose_target_has_secrets_is_reported_without_them() {
    for target in
        ["http://host/chat?token=secret", "ws://user:secret@host/chat", "user:secret@host:80"]
    {
        let (server, mut reported, _) = reporting().await;
        let request = format!("POST {target} HTTP/1.1\r\nHost: host\r\nCookie: secret\r\n\r\n");
        let tcp = TcpStream::connect(server.local_addr()).await.unwrap();
        in_time(Client::exchange(tcp, &request)).await;
        let report = in_time(reported.recv()).await.expect(target);
        assert!(!format!("{report:?}").contains("secret"), "{report:?}");
        assert!(report.status.is_some(), "{report:?}");
        assert!(report.path.is_none_or(|path| path == "/chat"), "{}", report.line);
        drop(server);
    }
}

#[tokio::test]
async fn a_client_that_is_too_slow_to_ask_is_reported() {
    let (reports, mut reported) = unbounded_channel();
    let server = serve("127.0.0.1:0", handler)
        .open_timeout(MOMENT)
        .on_error(move |failure| _ = reports.send(failure.to_string()))
        .await
        .unwrap();
    let tcp = TcpStream::connect(server.local_addr()).await.unwrap();
    let line = in_time(reported.recv()).await.unwrap();
    let (addr, text) = line.split_once(": ").unwrap();
    assert_eq!(addr, tcp.local_addr().unwrap().to_string());
    assert!(text.starts_with("the opening handshake failed: timed out"), "{line}");
}

#[tokio::test]
async fn a_clean_end_is_not_reported() {
    for (client, path) in [
        (Client::Closes(1000), "/receives"),
        (Client::Closes(1001), "/ignores"),
        (Client::Closes(4000), "/ignores"),
        (Client::Stays, "/closes"),
        (Client::Stays, "/takes-the-stream"),
        // The program answers these itself.
        (Client::Asks(""), "/nowhere"),
    ] {
        let (server, mut reported, _) = reporting().await;
        in_time(client.run(server.local_addr(), path)).await;
        in_time(server.shutdown()).await;
        let report = in_time(reported.recv()).await;
        assert!(report.is_none(), "{client:?} {path}: {report:?}");
    }
}

#[tokio::test]
async fn an_end_that_the_server_brings_about_is_told_apart() {
    for (client, path, reported_as) in [
        (Client::Stays, "/receives", None),
        (Client::Stays, "/ignores", None),
        (Client::Stays, "/sends", Some(FailureKind::Shutdown)),
        (Client::Mutes, "/receives", Some(FailureKind::Shutdown)),
        (Client::Mutes, "/receives-anyhow", Some(FailureKind::Shutdown)),
        (Client::Mutes, "/ignores", Some(FailureKind::Shutdown)),
        (Client::Mutes, "/fails-after-the-end", Some(FailureKind::Handler)),
    ] {
        let row = format!("{client:?} {path}");
        let (server, mut reported, mut begun) = reporting().await;
        let running = tokio::spawn(client.run(server.local_addr(), path));
        in_time(begun.recv()).await.unwrap();
        in_time(server.shutdown()).await;
        let report = in_time(reported.recv()).await;
        assert_eq!(report.as_ref().map(|report| report.kind), reported_as, "{row}: {report:?}");
        if let Some(report) = report.filter(|_| reported_as == Some(FailureKind::Shutdown)) {
            let expected = ": the connection ended with the server: sent 1001 (going away)";
            assert!(report.line.contains(expected), "{row}: {report:?}");
            assert!(report.closed.is_some(), "{row}");
        }
        in_time(running).await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_is_dropped_reports_nothing() {
    let (server, mut reported, _) = reporting().await;
    let mut ws = connect(format!("ws://{}/receives", server.local_addr())).await.unwrap();
    drop(server);
    in_time(ws.recv()).await.unwrap_err();
    assert!(in_time(reported.recv()).await.is_none());
}

#[tokio::test]
async fn a_hook_that_panics_ends_nothing() {
    let (reports, mut reported) = unbounded_channel();
    let server = serve("127.0.0.1:0", handler)
        .on_error(move |failure| {
            _ = reports.send(failure.kind());
            panic!("a hook, on purpose");
        })
        .await
        .unwrap();
    for _ in 0..2 {
        for (path, kind) in [("own", FailureKind::Handler), ("panics", FailureKind::Panic)] {
            let mut ws = connect(format!("ws://{}/{path}", server.local_addr())).await.unwrap();
            let error = in_time(ws.recv()).await.unwrap_err();
            assert_eq!(error.rcvd().map(|close| close.code.as_u16()), Some(1011), "{path}");
            assert_eq!(reported.recv().await, Some(kind));
        }
        // The request is refused, and its answer arrives.
        in_time(Client::Sends("POST / HTTP/1.1\r\n\r\n").run(server.local_addr(), "")).await;
        assert_eq!(reported.recv().await, Some(FailureKind::Handshake));
    }
    in_time(server.shutdown()).await;
}
