//! Programs that do the same with different libraries: each client talks to each server, and all print the same.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// The lines of a client that the server lets in, and of one that it refuses.
const CLIENT: &str = "subprotocol: shout\nHELLO\n[3, 2, 1]\npong\nclosed: 4000 done\n";
const REFUSED: &str = "refused: 401\n";
/// The line of a server for each connection.
const SERVER: &str = "closed: 4000 done";

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Program {
    Ours,
    Events,
    Tungstenite,
    FastWebSockets,
    Axum,
    AxumOurs,
    Python,
    Node,
}

use Program::{Axum, AxumOurs, Events, FastWebSockets, Node, Ours, Python, Tungstenite};

impl Program {
    fn command(self) -> Command {
        let script = |interpreter: PathBuf, path: PathBuf| {
            let mut command = Command::new(interpreter);
            command.env("PYTHONDONTWRITEBYTECODE", "1").arg(path);
            command
        };
        match self {
            Ours => Command::new(env!("CARGO_BIN_EXE_ours")),
            Events => Command::new(env!("CARGO_BIN_EXE_events")),
            Tungstenite => Command::new(env!("CARGO_BIN_EXE_tungstenite")),
            FastWebSockets => Command::new(env!("CARGO_BIN_EXE_fastwebsockets")),
            Axum => Command::new(env!("CARGO_BIN_EXE_axum")),
            AxumOurs => Command::new(env!("CARGO_BIN_EXE_axum_ours")),
            Python => {
                let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/python.py");
                script(variable("GUIDES_PYTHON"), path)
            }
            Node => script("node".into(), variable("GUIDES_NODE")),
        }
    }
}

/// Where `cargo xtask interop --guides` has put something.
fn variable(name: &str) -> PathBuf {
    let value = std::env::var_os(name);
    value.unwrap_or_else(|| panic!("{name} is set by `cargo xtask interop --guides`")).into()
}

/// A server that runs, until it is dropped.
struct Server {
    _child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    url: String,
}

impl Server {
    async fn start(program: Program) -> Self {
        let mut command = program.command();
        let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next_line().await.unwrap().expect("it says where it listens");
        let url = line.strip_prefix("listening on ").expect("it says where it listens").to_owned();
        Self { _child: child, lines, url }
    }
}

/// Lets a client talk to a server, and gives what it prints.
async fn talk(client: Program, server: &Server, token: &str) -> String {
    let mut command = client.command();
    command.args([&*server.url, token]).kill_on_drop(true).stderr(Stdio::inherit());
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{client:?} ended with {}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// Lets each of the clients talk to each of the servers.
async fn check(clients: &[Program], servers: &[Program]) {
    for &program in servers {
        let mut server = Server::start(program).await;
        for &client in clients {
            let talked = async {
                assert_eq!(talk(client, &server, "secret").await, CLIENT, "{client:?}");
                assert_eq!(talk(client, &server, "guess").await, REFUSED, "{client:?}");
                server.lines.next_line().await.unwrap()
            };
            let line = tokio::time::timeout(Duration::from_secs(60), talked).await;
            let line = line.expect("it takes less than a minute");
            assert_eq!(line.as_deref(), Some(SERVER), "{client:?} to {program:?}");
        }
    }
}

#[tokio::test]
async fn tokio_tungstenite_can_be_replaced_on_each_side() {
    check(&[Tungstenite, Ours, Events], &[Tungstenite, Ours, Events]).await;
}

#[tokio::test]
async fn fastwebsockets_can_be_replaced_on_each_side() {
    check(&[FastWebSockets, Ours], &[FastWebSockets, Ours]).await;
}

#[tokio::test]
async fn the_extractor_of_axum_can_be_replaced() {
    check(&[Tungstenite, Ours], &[Axum, AxumOurs]).await;
}

#[tokio::test]
async fn websockets_of_python_can_be_replaced_on_each_side() {
    check(&[Python, Ours], &[Python, Ours]).await;
}

#[tokio::test]
async fn ws_of_node_can_be_replaced_on_each_side() {
    check(&[Node, Ours], &[Node, Ours]).await;
}
