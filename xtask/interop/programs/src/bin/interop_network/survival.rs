//! Failures that a client survives: how soon it notices, and how soon it is connected again.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::process::{ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::process::Command;
use tokio::time::{sleep, timeout};
use websockets::datastructures::Headers;
use websockets::{
    Backoff, Connect, Error, Incoming, Message, Proxy, Reconnecting, Resolve, Resolving, Response,
    WebSocket, connect, serve,
};

use crate::parts::{Auth, Lab, Part, ServerTls, free_addr};
use crate::{Outcome, Scenario};

pub(crate) fn scenarios<'a>(lab: &'a Lab, table: &'a Table) -> Vec<Scenario<'a>> {
    let mut scenarios: Vec<Scenario<'_>> = Vec::new();
    macro_rules! add {
        ($($name:ident: $event:literal,)*) => {$(
            let scenario = async move { table.add($event, $name(lab).await?) };
            scenarios.push((concat!("survives_", stringify!($name)).to_owned(), Box::pin(scenario)));
        )*};
    }
    add! {
        restart: "the server restarts (`SIGTERM`)",
        crash: "the server is killed (`SIGKILL`)",
        tls_crash: "the TLS server is killed",
        nobody: "nobody listens yet",
        overload: "503 with `Retry-After: 2`",
        frozen_server: "the server's process hangs (`SIGSTOP`)",
        no_network: "the network loses all packets",
        frozen_proxy: "the proxy hangs",
        dead_address: "the first of two addresses is dead",
        frozen_tls: "the TLS server stops in the handshake",
        unknown_host: "the name can't be resolved for a while",
    }
    scenarios
}

/// The course of a scenario.
struct Course {
    /// From the failure to the first error; `None` if there was none.
    noticed: Option<Duration>,
    /// From the end of the failure to an echo.
    again: Duration,
    /// The errors that a program is told of, different ones only.
    errors: Vec<String>,
}

/// The courses of all scenarios.
#[derive(Default)]
pub(crate) struct Table(RefCell<Vec<String>>);

impl Table {
    fn add(&self, event: &str, course: Course) -> Outcome<String> {
        let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f64());
        let noticed = course.noticed.map_or_else(|| "–".to_owned(), seconds);
        let errors = course.errors.join(" · ");
        let row = format!("| {event} | {noticed} | {} | {errors} |", seconds(course.again));
        self.0.borrow_mut().push(row);
        Ok(format!("noticed: {noticed}; again: {}; {errors}", seconds(course.again)))
    }

    /// Prints the table, unless it is empty.
    pub(crate) fn print(&self) {
        let rows = self.0.borrow();
        if !rows.is_empty() {
            println!("\n| failure | noticed after | after its end | errors |");
            println!("| --- | --- | --- | --- |\n{}\n", rows.join("\n"));
        }
    }
}

/// The limit of an attempt, and of the answer to a ping.
const SHORT: Duration = Duration::from_secs(1);

/// A client that connects again, and the errors that it was told of.
struct Feed {
    handle: Reconnecting,
    told: Arc<Mutex<Vec<(Instant, String)>>>,
}

impl Feed {
    fn new(connect: Connect) -> Self {
        let told = Arc::new(Mutex::new(Vec::new()));
        let backoff = Backoff::new()
            .initial(Duration::from_millis(200))
            .min(Duration::from_millis(200))
            .max(SHORT);
        let log = Arc::clone(&told);
        let connections = connect
            .open_timeout(SHORT)
            .ping_interval(SHORT)
            .ping_timeout(SHORT)
            .reconnect()
            .backoff(backoff)
            .on_retry(move |error: &Error, _| {
                let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
                log.push((Instant::now(), error.to_string()));
            });
        Self { handle: connections.into_handle(), told }
    }

    /// A client of a part.
    fn of(part: &Part) -> Self {
        Self::new(connect(format!("ws://{}/", part.addr)).proxy(Proxy::direct()))
    }

    /// Waits for a connection, and for the echo of a message on it.
    async fn echo(&mut self) -> Outcome {
        loop {
            match self.handle.recv().await? {
                Some(Incoming::Connected) => _ = self.handle.send("hello").await,
                Some(Incoming::Message(message)) if message == Message::from("hello") => {
                    return Ok(());
                }
                Some(Incoming::Message(_)) => return Err("the echo is another message".into()),
                None => return Err("the connections have come to their end".into()),
            }
        }
    }

    fn told(&self) -> Vec<(Instant, String)> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for so many errors after a failure at `start`, lets `mend` end it, and waits for an echo.
    async fn survive<T>(
        mut self,
        start: Instant,
        failures: usize,
        mend: impl Future<Output = Outcome<T>>,
    ) -> Outcome<Course> {
        let told = Arc::clone(&self.told);
        let enough = || told.lock().unwrap_or_else(PoisonError::into_inner).len() >= failures;
        let mending = async {
            while !enough() {
                sleep(Duration::from_millis(5)).await;
            }
            let part = mend.await?;
            Outcome::Ok((Instant::now(), part))
        };
        let (mended, echo) = tokio::join!(mending, self.echo());
        let (mended, _part) = mended?;
        echo?;
        let again = if failures == 0 { start.elapsed() } else { mended.elapsed() };
        let told = self.told();
        let mut errors: Vec<String> = Vec::new();
        for (_, error) in &told {
            if !errors.contains(error) {
                errors.push(error.clone());
            }
        }
        let noticed = told.first().map(|(at, _)| at.duration_since(start));
        self.handle.close(1000, "").await?;
        Ok(Course { noticed, again, errors })
    }
}

/// The failures after which a scenario ends its obstacle: the loss of a connection, and attempts.
const FAILURES: usize = 3;

async fn restart(lab: &Lab) -> Outcome<Course> {
    let server = lab.echo_server().await?;
    let (addr, mut feed) = (server.addr, Feed::of(&server));
    feed.echo().await?;
    let start = Instant::now();
    let ends = async { server.stop().await };
    let survives = feed.survive(start, FAILURES, lab.echo_server_at(addr));
    let (ended, course) = tokio::join!(ends, survives);
    ended?;
    course
}

async fn crash(lab: &Lab) -> Outcome<Course> {
    let server = lab.echo_server().await?;
    let (addr, mut feed) = (server.addr, Feed::of(&server));
    feed.echo().await?;
    let start = Instant::now();
    server.kill().await?;
    feed.survive(start, FAILURES, lab.echo_server_at(addr)).await
}

async fn tls_crash(lab: &Lab) -> Outcome<Course> {
    let server = lab.echo_server().await?;
    let nginx = lab.nginx(ServerTls::new("valid"), server.addr).await?;
    let (addr, tls) = (nginx.addr, lab.certificates.tls());
    let mut feed = Feed::new(connect(format!("wss://{addr}/")).proxy(Proxy::direct()).tls(tls));
    feed.echo().await?;
    let start = Instant::now();
    nginx.kill().await?;
    feed.survive(start, FAILURES, lab.nginx_at(addr, ServerTls::new("valid"), server.addr)).await
}

async fn nobody(lab: &Lab) -> Outcome<Course> {
    let addr = free_addr()?;
    let feed = Feed::new(connect(format!("ws://{addr}/")).proxy(Proxy::direct()));
    feed.survive(Instant::now(), FAILURES, lab.echo_server_at(addr)).await
}

/// A server that refuses the first request.
async fn overload(_: &Lab) -> Outcome<Course> {
    let first = AtomicBool::new(true);
    let echo = |mut ws: WebSocket| async move {
        while let Some(message) = ws.recv().await? {
            ws.send(message).await?;
        }
        Ok::<_, Error>(())
    };
    let server = serve("127.0.0.1:0", echo).process_request(move |handshake| {
        let is_first = first.swap(false, Ordering::Relaxed);
        async move {
            if !is_first {
                return Ok(handshake);
            }
            let headers = Headers::try_from([("Retry-After", "2")]).unwrap_or_default();
            Err(Response::new(503, "", headers, ""))
        }
    });
    let server = server.await?;
    let feed = Feed::new(connect(format!("ws://{}/", server.local_addr())).proxy(Proxy::direct()));
    let start = Instant::now();
    let course = feed.survive(start, 1, async { Ok(()) }).await?;
    if start.elapsed() < Duration::from_secs(2) {
        return Err("it didn't wait".into());
    }
    server.shutdown().await;
    Ok(course)
}

async fn frozen_server(lab: &Lab) -> Outcome<Course> {
    let server = lab.echo_server().await?;
    let mut feed = Feed::of(&server);
    feed.echo().await?;
    let start = Instant::now();
    server.signal("STOP").await?;
    feed.survive(start, FAILURES, server.signal("CONT")).await
}

/// A network of our own, in another process, of which the only interface goes down.
async fn no_network(lab: &Lab) -> Outcome<Course> {
    let script = r#"ip link set lo up && exec "$0" --isolated "$@""#;
    let mut command = Command::new("unshare");
    // With its first process, all others of its own end, too.
    command.args(["--map-root-user", "--net", "--pid", "--fork", "--kill-child"]);
    command.args(["sh", "-c", script]);
    command.arg(std::env::current_exe()?).arg(&lab.echo_server).arg(&lab.folder);
    command.stdin(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
    let output = command.output().await.map_err(|e| format!("unshare can't be started: {e}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let mut lines = said.lines();
    let mut time = || lines.next()?.parse().ok().map(Duration::from_secs_f64);
    let (Some(noticed), Some(again), true) = (time(), time(), output.status.success()) else {
        return Err("no network of our own, or a failure in it: see above".into());
    };
    Ok(Course { noticed: Some(noticed), again, errors: lines.map(str::to_owned).collect() })
}

/// The part of [`no_network`] that runs in the network of our own; prints two times and the errors.
pub(crate) async fn isolated(echo_server: &str, folder: &str) -> ExitCode {
    let folder = std::path::Path::new(folder).join("isolated");
    let course = async {
        let lab = Lab::new(&folder, echo_server, "", "")?;
        let server = lab.echo_server().await?;
        let mut feed = Feed::of(&server);
        feed.echo().await?;
        let start = Instant::now();
        interface("down").await?;
        feed.survive(start, FAILURES, interface("up")).await
    };
    match timeout(crate::LIMIT / 2, course).await {
        Ok(Ok(Course { noticed, again, errors })) => {
            let noticed = noticed.unwrap_or_default().as_secs_f64();
            println!("{noticed}\n{}\n{}", again.as_secs_f64(), errors.join("\n"));
            ExitCode::SUCCESS
        }
        Ok(Err(e)) => {
            eprintln!("interop_network: in a network of its own: {e}");
            ExitCode::FAILURE
        }
        Err(_) => ExitCode::FAILURE,
    }
}

/// Sets the loopback interface up or down.
async fn interface(state: &str) -> Outcome {
    let status = Command::new("ip").args(["link", "set", "lo", state]).status().await?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("the interface can't be set {state}").into())
    }
}

async fn frozen_proxy(lab: &Lab) -> Outcome<Course> {
    let (server, proxy) = (lab.echo_server().await?, lab.tinyproxy(Auth::None).await?);
    proxy.signal("STOP").await?;
    let through = connect(format!("ws://{}/", server.addr)).proxy(format!("http://{}", proxy.addr));
    Feed::new(through).survive(Instant::now(), FAILURES, proxy.signal("CONT")).await
}

async fn frozen_tls(lab: &Lab) -> Outcome<Course> {
    let server = lab.echo_server().await?;
    let nginx = lab.nginx(ServerTls::new("valid"), server.addr).await?;
    nginx.signal("STOP").await?;
    let to = connect(format!("wss://{}/", nginx.addr)).proxy(Proxy::direct());
    let feed = Feed::new(to.tls(lab.certificates.tls()));
    feed.survive(Instant::now(), FAILURES, nginx.signal("CONT")).await
}

/// Addresses of a host; an error as long as there is none.
#[derive(Clone, Default)]
struct Hosts(Arc<Mutex<Vec<SocketAddr>>>);

impl Resolve for Hosts {
    fn resolve(&self, _: &str, _: u16) -> Resolving {
        let addrs = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Box::pin(async move {
            match addrs.is_empty() {
                true => Err(io::Error::other("temporary failure in name resolution")),
                false => Ok(addrs),
            }
        })
    }
}

impl Hosts {
    fn set(&self, addrs: impl IntoIterator<Item = SocketAddr>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = addrs.into_iter().collect();
    }

    fn feed(&self) -> Feed {
        Feed::new(connect("ws://host.test/").resolver(self.clone()).proxy(Proxy::direct()))
    }
}

async fn unknown_host(lab: &Lab) -> Outcome<Course> {
    let (server, hosts) = (lab.echo_server().await?, Hosts::default());
    let mend = async {
        hosts.set([server.addr]);
        Ok(())
    };
    hosts.feed().survive(Instant::now(), FAILURES, mend).await
}

/// An address where nobody answers, since the queue of the listener is full, and one with a server.
async fn dead_address(lab: &Lab) -> Outcome<Course> {
    let (server, hosts) = (lab.echo_server().await?, Hosts::default());
    let (dead, _listener, _waiting) = dead().await?;
    hosts.set([dead, server.addr]);
    hosts.feed().survive(Instant::now(), 0, async { Ok(()) }).await
}

async fn dead() -> Outcome<(SocketAddr, TcpListener, Vec<TcpStream>)> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 0, 2], 0)))?;
    let listener = socket.listen(1)?;
    let (addr, mut waiting) = (listener.local_addr()?, Vec::new());
    while let Ok(stream) = timeout(Duration::from_millis(100), TcpStream::connect(addr)).await {
        waiting.push(stream?);
    }
    Ok((addr, listener, waiting))
}
