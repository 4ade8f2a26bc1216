//! Processes that scenarios start: servers of this program, and engines.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{sleep, timeout};

use crate::Outcome;

/// The time until a process has to say something that is awaited.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server of this program. It is killed when this is dropped.
pub(crate) struct Server {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    pub(crate) addr: SocketAddr,
    /// The lines before the one that was awaited last.
    said: Vec<String>,
}

impl Server {
    /// Starts a server, and waits until it listens.
    pub(crate) async fn start(settings: &[&str]) -> Outcome<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("serve").args(settings).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn()?;
        let stdout = child.stdout.take().ok_or("no standard output")?;
        let lines = BufReader::new(stdout).lines();
        let addr = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Self { child, lines, addr, said: Vec::new() };
        // What comes before it is kept.
        server.addr = server.read_until("listening ").await?.parse()?;
        Ok(server)
    }

    /// Waits for a line with this beginning, and gives the rest of it; the lines before it are dropped.
    pub(crate) async fn until(&mut self, beginning: &str) -> Outcome<String> {
        let is_it = |line: &String| line.starts_with(beginning);
        if let Some(at) = self.said.iter().position(is_it) {
            let found = self.said.drain(..=at).next_back();
            return Ok(found.unwrap_or_default().split_off(beginning.len()));
        }
        let found = self.read_until(beginning).await?;
        self.said.clear();
        Ok(found)
    }

    async fn read_until(&mut self, beginning: &str) -> Outcome<String> {
        let found = async {
            loop {
                let line = self.lines.next_line().await?.ok_or("the server has ended")?;
                if let Some(rest) = line.strip_prefix(beginning) {
                    return Outcome::Ok(rest.to_owned());
                }
                self.said.push(line);
            }
        };
        let found = timeout(PATIENCE, found).await;
        found.unwrap_or_else(|_| Err("it doesn't come".into())).map_err(|e| {
            format!("waiting for a line {beginning:?}: {e}; the server said {:?}", self.said).into()
        })
    }

    pub(crate) async fn signal(&self, name: &str) -> Outcome {
        let pid = self.child.id().ok_or("the process has ended")?.to_string();
        let status = Command::new("kill").args(["-s", name, &pid]).status().await?;
        if status.success() { Ok(()) } else { Err(format!("no signal {name} to {pid}").into()) }
    }

    /// The report of a server that was asked to end, by names.
    pub(crate) async fn report(&mut self) -> Outcome<HashMap<String, u64>> {
        let line = self.until("report ").await?;
        let pair = |word: &str| {
            let (name, number) = word.split_once('=')?;
            Some((name.to_owned(), number.parse().ok()?))
        };
        let report: Option<HashMap<_, _>> = line.split(' ').map(pair).collect();
        report.ok_or_else(|| format!("no report: {line}").into())
    }

    /// The resident memory, in KiB.
    pub(crate) fn memory(&self) -> Outcome<u64> {
        let pid = self.child.id().ok_or("the process has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next());
        Ok(kib.ok_or("no VmRSS")?.parse()?)
    }
}

/// Another program, which listens.
pub(crate) struct Engine {
    child: Child,
    program: &'static str,
    args: Vec<String>,
    addr: SocketAddr,
}

impl Engine {
    pub(crate) async fn start(
        program: &'static str,
        args: Vec<String>,
        addr: SocketAddr,
    ) -> Outcome<Self> {
        let child = Self::spawn(program, &args)?;
        let engine = Self { child, program, args, addr };
        engine.until_it_listens().await?;
        Ok(engine)
    }

    fn spawn(program: &str, args: &[String]) -> Outcome<Child> {
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.kill_on_drop(true).spawn();
        Ok(child.map_err(|e| format!("{program} can't be started: {e}"))?)
    }

    async fn until_it_listens(&self) -> Outcome {
        let listens = async {
            while TcpStream::connect(self.addr).await.is_err() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        Ok(timeout(PATIENCE, listens).await.map_err(|_| "the engine doesn't listen")?)
    }

    pub(crate) async fn stop(&mut self) -> Outcome {
        Ok(self.child.kill().await?)
    }

    pub(crate) async fn restart(&mut self) -> Outcome {
        self.child = Self::spawn(self.program, &self.args)?;
        self.until_it_listens().await
    }
}

/// An address that nothing listens on now.
pub(crate) fn free_addr() -> Outcome<SocketAddr> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}
