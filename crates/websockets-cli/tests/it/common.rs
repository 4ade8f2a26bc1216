//! Processes of the tool, and a server whose paths are its behaviors.

use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use websockets::datastructures::Headers;
use websockets::{
    Error, Event, Handshake, Message, Request, Response, Server, WebSocket, accept, serve,
};

/// Fails instead of waiting without end.
pub(crate) async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("this waits without end")
}

/// The end of a process.
#[derive(Debug, PartialEq)]
pub(crate) struct Ended {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The tool, in an environment without proxies.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_websockets"));
    command.args(args).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for name in ["ws", "wss", "socks", "http", "https", "all", "no"] {
        let name = format!("{name}_proxy");
        command.env_remove(name.to_uppercase()).env_remove(name);
    }
    command
}

/// Runs a command with this input.
pub(crate) async fn run_command(mut command: Command, input: &[u8]) -> Ended {
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let feed = async {
        // It may end without reading everything.
        _ = stdin.write_all(input).await;
        drop(stdin);
    };
    let (_, output) = in_time(async { tokio::join!(feed, child.wait_with_output()) }).await;
    let output = output.unwrap();
    Ended {
        status: output.status.code().expect("it wasn't killed"),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs the tool with this input.
pub(crate) async fn run(args: &[&str], input: &[u8]) -> Ended {
    run_command(command(args), input).await
}

/// Runs the tool with an input that doesn't end, until the server closes.
pub(crate) async fn listen(args: &[&str]) -> Ended {
    let mut tool = Running::start(args);
    let _stdin = tool.stdin.take();
    tool.end().await
}

/// Checks a run that ends with one line of error.
#[track_caller]
pub(crate) fn check_error(ended: &Ended, status: i32, text: &str, context: &str) {
    assert_eq!((ended.status, &*ended.stdout), (status, ""), "{context}: {ended:?}");
    let lines: Vec<_> = ended.stderr.lines().collect();
    let errors = lines.iter().filter(|line| line.starts_with("error: ")).count();
    assert_eq!(errors, 1, "{context}: {ended:?}");
    let last = lines.last().unwrap();
    assert!(last.starts_with("error: ") && last.contains(text), "{context}: {ended:?}");
}

/// A running tool.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) stdin: Option<ChildStdin>,
    pub(crate) stdout: Lines<BufReader<ChildStdout>>,
    pub(crate) stderr: Lines<BufReader<ChildStderr>>,
}

impl Running {
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut child = command(args).spawn().unwrap();
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let stderr = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, stdin, stdout, stderr }
    }

    /// Writes to standard input.
    pub(crate) async fn write(&mut self, bytes: &str) {
        self.stdin.as_mut().unwrap().write_all(bytes.as_bytes()).await.unwrap();
    }

    /// The next line of standard output.
    pub(crate) async fn line(&mut self) -> Option<String> {
        in_time(self.stdout.next_line()).await.unwrap()
    }

    /// Waits for a line of standard error.
    pub(crate) async fn said(&mut self, text: &str) -> String {
        loop {
            let line = in_time(self.stderr.next_line()).await.unwrap();
            let line = line.unwrap_or_else(|| panic!("it never said {text}"));
            if line.contains(text) {
                return line;
            }
        }
    }

    #[cfg(unix)]
    pub(crate) fn kill(&self, signal: nix::sys::signal::Signal) {
        let id = self.child.id().expect("it runs").try_into().unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(id), signal).unwrap();
    }

    /// Waits for the end; the rest of both outputs.
    pub(crate) async fn end(mut self) -> Ended {
        let (stdout, stderr, status) = in_time(async {
            tokio::join!(lines_of(&mut self.stdout), lines_of(&mut self.stderr), self.child.wait())
        })
        .await;
        Ended { status: status.unwrap().code().expect("it wasn't killed"), stdout, stderr }
    }
}

async fn lines_of<R: tokio::io::AsyncRead + Unpin>(lines: &mut Lines<BufReader<R>>) -> String {
    let mut text = String::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        text += &line;
        text.push('\n');
    }
    text
}

/// A server whose paths are its behaviors.
pub(crate) async fn server() -> Server {
    serve("127.0.0.1:0", behave).process_request(answering(answer)).await.unwrap()
}

/// A hook that answers requests itself, those for which there is a response.
pub(crate) fn answering<A>(
    answer: A,
) -> impl Fn(Handshake) -> Ready<Result<Handshake, Response>> + Send + Sync + 'static
where
    A: Fn(&Request) -> Option<Response> + Send + Sync + 'static,
{
    move |handshake| ready(answer(handshake.request()).map_or(Ok(handshake), Err))
}

/// Redirects, refusals and challenges.
fn answer(request: &Request) -> Option<Response> {
    let path = request.path();
    let respond = |status, name: &str, value: &str| {
        Some(Response::new(status, "No", Headers::try_from([(name, value)]).unwrap(), ""))
    };
    if let Some(count) = path.strip_prefix("/redirect/") {
        let to = match count.parse::<u32>().unwrap() {
            0 => return None,
            count => format!("/redirect/{}", count - 1),
        };
        return respond(302, "Location", &to);
    }
    if let Some(status) = path.strip_prefix("/refuse/") {
        return respond(status.parse().unwrap(), "Set-Cookie", "id=secret");
    }
    let authorization = request.headers().get("Authorization").unwrap();
    match (path, authorization) {
        ("/digest", None) => respond(
            401,
            "WWW-Authenticate",
            r#"Digest realm="r", nonce="n", qop="auth", Basic realm="r""#,
        ),
        ("/digest", Some(value)) if !value.starts_with("Digest username=\"me\"") => {
            respond(403, "X", "x")
        }
        ("/basic", None) => respond(401, "WWW-Authenticate", "Basic realm=r"),
        _ => None,
    }
}

async fn behave(mut ws: WebSocket) -> Result<(), Error> {
    let request = ws.take_request().unwrap();
    let path = request.path().to_owned();
    if let Some(name) = path.strip_prefix("/header/") {
        for value in request.headers().get_all(name) {
            ws.send(value).await?;
        }
        return ws.close(1000, "").await;
    }
    if let Some(code) = path.strip_prefix("/close/") {
        return ws.close(code.parse::<u16>().unwrap(), "as you wish").await;
    }
    if let Some(len) = path.strip_prefix("/long/") {
        ws.send("x".repeat(len.parse().unwrap())).await?;
        return ws.close(1000, "").await;
    }
    match &*path {
        "/peer" => {
            let ip = ws.peer_addr().unwrap().ip();
            ws.send(ip.to_string()).await?;
            ws.close(1000, "").await
        }
        "/odd" => {
            for text in [
                "two\nlines",
                "\u{1b}[31mred\u{7}",
                "abc\u{202e}cba",
                "tab\tülk 漢字 'q' \"q\" \\",
                "",
            ] {
                ws.send(text).await?;
            }
            ws.send(Message::from(b"bin \"q\" \\ \x00\x7f\xff\n".to_vec())).await?;
            ws.close(1000, "").await
        }
        "/endless" => loop {
            ws.send("endless").await?;
            tokio::task::yield_now().await;
        },
        "/ping" => {
            while let Some(event) = ws.recv_event().await? {
                if matches!(event, Event::Ping(_)) {
                    ws.send("ping").await?;
                    ws.start_close(1000, "")?;
                }
            }
            Ok(())
        }
        "/basic" | "/digest" => ws.close(1000, "").await,
        "/drop" => {
            drop(ws.into_inner());
            Ok(())
        }
        // The kind of each message.
        "/kinds" => {
            while let Some(message) = ws.recv().await? {
                let text = match message {
                    Message::Text(text) => format!("text {text}"),
                    Message::Binary(bytes) => format!("binary {}", bytes.escape_ascii()),
                };
                ws.send(text).await?;
            }
            Ok(())
        }
        _ => {
            while let Some(message) = ws.recv().await? {
                ws.send(message).await?;
            }
            Ok(())
        }
    }
}

/// A server of which nothing but the opening handshake works: the stream of its first connection.
pub(crate) struct Stubborn {
    listener: TcpListener,
    pub(crate) addr: SocketAddr,
}

impl Stubborn {
    pub(crate) async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        Self { listener, addr }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/", self.addr)
    }

    /// The next connection, without an opening handshake.
    pub(crate) async fn tcp(&self) -> TcpStream {
        in_time(self.listener.accept()).await.unwrap().0
    }

    /// The next connection, as a WebSocket.
    pub(crate) async fn ws(&self) -> WebSocket<TcpStream> {
        in_time(async { accept(self.tcp().await).await }).await.unwrap()
    }

    /// The next connection, after its opening handshake.
    pub(crate) async fn open(&self) -> TcpStream {
        self.ws().await.into_inner().unwrap().0
    }
}

/// Waits for the first byte of a close frame, on a stream without other frames.
pub(crate) async fn closing(stream: &mut TcpStream) {
    assert_eq!(in_time(stream.read_u8()).await.unwrap(), 0x88);
}
