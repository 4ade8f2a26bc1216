//! Each program as its users run it: started, talked to, and stopped by Ctrl-C.

use std::process::Stdio;
use std::time::Duration;

use http_body_util::Empty;
use hyper::client::conn::http2;
use hyper::{Request, StatusCode, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use websockets::bytes::Bytes;
use websockets::hyper::connect_over_http2;
use websockets::{ClientSettings, Error, connect};

/// A program that runs, until it is dropped.
struct Program {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    errors: Lines<BufReader<ChildStderr>>,
    addr: String,
}

impl Program {
    async fn start(path: &str) -> Self {
        let mut command = Command::new(path);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("it can be started");
        let errors = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next_line().await.unwrap().expect("it says where it listens");
        let addr = line.strip_prefix("listening on ").expect("it says where it listens").to_owned();
        Self { child, lines, errors, addr }
    }

    /// The first line and the body of the response to a request without a body.
    async fn ask(&self, request: &str) -> (String, String) {
        let mut tcp = TcpStream::connect(&self.addr).await.unwrap();
        let head = format!("{request}\r\nHost: {}\r\nConnection: close\r\n\r\n", self.addr);
        tcp.write_all(head.as_bytes()).await.unwrap();
        let mut response = String::new();
        tcp.read_to_string(&mut response).await.unwrap();
        let (head, body) = response.split_once("\r\n\r\n").expect("a response has a head");
        (head.lines().next().unwrap().to_owned(), body.to_owned())
    }

    /// Waits until it has reported this.
    async fn reported(&mut self, text: &str) {
        while let Some(line) = self.errors.next_line().await.unwrap() {
            if line.contains(text) {
                return;
            }
        }
        panic!("it hasn't reported `{text}`");
    }

    /// Ctrl-C.
    async fn interrupt(&self) {
        let pid = self.child.id().expect("it still runs").to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().await.unwrap().success());
    }

    /// Its last words, and whether it ended with success.
    async fn end(mut self) -> (Option<String>, bool) {
        let line = self.lines.next_line().await.unwrap();
        (line, self.child.wait().await.unwrap().success())
    }
}

/// All that the page `docs/howto/frameworks.md` says of a program.
async fn check(path: &str) {
    let checked = tokio::time::timeout(Duration::from_secs(60), talk(path)).await;
    checked.expect("it takes less than a minute");
}

async fn talk(path: &str) {
    let mut program = Program::start(path).await;
    let uri = format!("ws://{}/echo?a=b", program.addr);

    let mut ws = connect(&uri).await.unwrap();
    assert_eq!(ws.extensions().len(), 1, "it is compressed");
    let long = "a long text ".repeat(30_000);
    for text in ["hello", "", &long] {
        ws.send(text).await.unwrap();
        assert_eq!(ws.recv().await.unwrap(), Some(text.into()));
    }
    let bytes: Vec<u8> = (0..70_000_u32).flat_map(u32::to_le_bytes).collect();
    ws.send(&bytes).await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(bytes.into()));
    ws.close(4000, "done").await.unwrap();
    assert_eq!(ws.close_code(), Some(4000.into()));

    let (status, body) = program.ask("GET /page HTTP/1.1").await;
    assert_eq!((&*status, &*body), ("HTTP/1.1 200 OK", "a page"));
    let (status, _) = program.ask("GET /echo HTTP/1.1").await;
    assert_eq!(status, "HTTP/1.1 426 Upgrade Required");
    let bad = "GET /echo HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket";
    let (status, _) = program.ask(bad).await;
    assert_eq!(status, "HTTP/1.1 400 Bad Request");

    drop(connect(&uri).await.unwrap());
    program.reported(" GET /echo: the connection ended: no close frame received or sent").await;
    let mut ws = connect(&uri).await.unwrap();
    ws.send("still here").await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some("still here".into()));
    program.interrupt().await;
    let end = ws.recv().await.map_err(|error| match error {
        Error::Closed(closed) => closed.code(),
        error => panic!("{error}"),
    });
    assert!(end == Ok(None) && ws.close_code() == Some(1001.into()), "{end:?}");
    let (words, succeeded) = program.end().await;
    assert_eq!(words.as_deref(), Some("1 closed, 0 cut"));
    assert!(succeeded, "it ends with success");
}

#[tokio::test]
async fn actix_web_serves_websockets_through_a_pair_of_pipes() {
    check(env!("CARGO_BIN_EXE_actix")).await;
}

#[tokio::test]
async fn poem_serves_websockets_over_the_stream_that_it_hands_out() {
    check(env!("CARGO_BIN_EXE_poem")).await;
}

#[tokio::test]
async fn salvo_serves_websockets_by_the_extensions_of_its_requests() {
    check(env!("CARGO_BIN_EXE_salvo")).await;
}

#[tokio::test]
async fn warp_serves_websockets_by_a_filter() {
    check(env!("CARGO_BIN_EXE_warp")).await;
}

#[tokio::test]
async fn salvo_serves_websockets_over_http2_too() {
    let mut program = Program::start(env!("CARGO_BIN_EXE_salvo")).await;
    let checked = tokio::time::timeout(Duration::from_secs(60), async {
        let io = TokioIo::new(TcpStream::connect(&program.addr).await.unwrap());
        let (mut sender, connection) =
            http2::handshake::<_, _, Empty<Bytes>>(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        // The settings of the server come before its first answer.
        let page = Request::get(format!("http://{}/page", program.addr)).body(Empty::new());
        let page = sender.send_request(page.unwrap()).await.unwrap();
        assert_eq!((page.status(), page.version()), (StatusCode::OK, Version::HTTP_2));

        let uri = format!("ws://{}/echo", program.addr);
        let send = |request| sender.send_request(request);
        let mut ws = connect_over_http2(uri, ClientSettings::new(), send).await.unwrap();
        ws.send("hello").await.unwrap();
        assert_eq!(ws.recv().await.unwrap(), Some("hello".into()));
        program.interrupt().await;
        assert_eq!((ws.recv().await.unwrap(), ws.close_code()), (None, Some(1001.into())));
        program.lines.next_line().await.unwrap()
    });
    let words = checked.await.expect("it takes less than a minute");
    assert_eq!(words.as_deref(), Some("1 closed, 0 cut"));
}
