//! One server against the generator, and all servers interleaved over rounds.

use std::collections::HashMap;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use crate::options::Options;
use crate::servers::{self, Kind, Server};
use crate::stats::{self, Ratio};

/// Everything a part needs.
pub struct Bench {
    pub options: Options,
    pub servers: Vec<Server>,
    /// The most connections that a process may have.
    pub most: usize,
    /// The folder of the programs.
    bin: String,
    cores: usize,
    next_port: AtomicU16,
}

/// Server CPU per message or handshake, in nanoseconds: the figure of most tables.
pub const CPU: &str = "cpu_ns";

/// Numbers by name, as the generator printed them.
type Figures = HashMap<String, f64>;

/// The figures of several servers over several rounds.
pub struct Samples {
    rows: Vec<Row>,
}

struct Row {
    name: String,
    /// By round; `None` where it wasn't measured.
    figures: Vec<Option<Figures>>,
    error: Option<String>,
}

impl Bench {
    pub fn new(options: Options) -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|e| e.to_string())?;
        let bin = program.parent().ok_or("no folder")?.to_string_lossy().into_owned();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut servers = servers::all();
        if let Some(peers) = &options.peers {
            let named =
                |server: &Server, name: &String| server.is_peer() && server.library() == name;
            if let Some(name) = peers.iter().find(|name| !servers.iter().any(|s| named(s, name))) {
                return Err(format!("no peer `{name}`"));
            }
            servers
                .retain(|server| !server.is_peer() || peers.iter().any(|name| named(server, name)));
        }
        servers.extend(options.extra.iter().cloned());
        // A few descriptors are for other things.
        let most = raise_descriptors().saturating_sub(256);
        let next_port = AtomicU16::new(20_000 + (std::process::id() % 400) as u16 * 25);
        Ok(Self { options, servers, most, bin, cores, next_port })
    }

    /// The folder of the programs, where more may be written.
    pub fn folder(&self) -> &Path {
        Path::new(&self.bin)
    }

    /// The servers of some kinds, without TLS.
    pub fn servers(&self, wanted: impl Fn(&Server) -> bool) -> Vec<&Server> {
        self.servers.iter().filter(|server| !server.tls && wanted(server)).collect()
    }

    /// The servers over TLS.
    pub fn tls_servers(&self) -> Vec<&Server> {
        self.servers.iter().filter(|server| server.tls).collect()
    }

    /// Command, code, machine and rounds, as a line of Markdown.
    pub fn conditions(&self) -> String {
        let Options { rounds, secs, .. } = &self.options;
        format!("{}; {rounds} rounds of {secs} s.", self.machine())
    }

    /// Command, code and machine.
    pub fn machine(&self) -> String {
        let shell = |command: &str| {
            let output = Command::new("sh").args(["-c", command]).output();
            output.map_or_else(
                |e| e.to_string(),
                |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
            )
        };
        format!(
            "`{}`, {}, commit {}: {} × {}, Linux {}, {}; load {} when it began",
            self.options.command,
            shell("date -u +%Y-%m-%d"),
            shell("git describe --always --dirty"),
            self.cores,
            shell("sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1"),
            shell("uname -r"),
            shell("rustc -V | cut -d' ' -f1,2"),
            shell("cut -d' ' -f1 /proc/loadavg"),
        )
    }

    /// Measures all servers in each round, each time in another order.
    pub fn interleave(
        &self,
        servers: &[&Server],
        deflate: bool,
        mode: &str,
        args: &str,
    ) -> Samples {
        self.interleave_rounds(self.options.rounds, servers, deflate, mode, args)
    }

    pub fn interleave_rounds(
        &self,
        rounds: usize,
        servers: &[&Server],
        deflate: bool,
        mode: &str,
        args: &str,
    ) -> Samples {
        let row = |server: &&Server| Row {
            name: server.name.clone(),
            figures: vec![None; rounds],
            error: None,
        };
        let mut samples = Samples { rows: servers.iter().map(row).collect() };
        for round in 0..rounds {
            for i in 0..servers.len() {
                let i = (i + round) % servers.len();
                let row = &mut samples.rows[i];
                if row.error.is_some() {
                    continue;
                }
                match self.measure(servers[i], deflate, mode, args) {
                    Ok(figures) => row.figures[round] = Some(figures),
                    Err(error) => {
                        eprintln!("{}: {mode} {args}: {error}", row.name);
                        row.error = Some(error);
                    }
                }
            }
        }
        samples
    }

    fn measure(
        &self,
        server: &Server,
        deflate: bool,
        mode: &str,
        args: &str,
    ) -> Result<Figures, String> {
        let running = self.start(server, deflate)?;
        // The last core is the generator's, the first one the server's.
        let mut command = Command::new("taskset");
        command.args(["-c", &(self.cores - 1).to_string(), &format!("{}/loadgen", self.bin), mode]);
        command.args(["--addr", &running.addr, "--pid", &running.child.id().to_string()]);
        command.args(args.split_whitespace());
        if deflate {
            command.arg("--deflate");
        }
        if server.kind == Kind::Bytes {
            command.arg("--raw");
        }
        if server.tls {
            command.arg("--tls");
        }
        let output = command.output().map_err(|e| format!("taskset: {e}"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(said.trim().replace(['\n', '|'], " "));
        }
        let pairs = String::from_utf8_lossy(&output.stdout);
        let pairs = pairs.split_whitespace().filter_map(|pair| pair.split_once('='));
        Ok(pairs.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect())
    }

    fn start(&self, server: &Server, deflate: bool) -> Result<Running, String> {
        let addr = format!("127.0.0.1:{}", self.next_port.fetch_add(1, Ordering::Relaxed));
        let mut command = Command::new("taskset");
        command.args(["-c", "0"]).args(server.command(&self.bin, &addr, deflate));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().map_err(|e| format!("taskset: {e}"))?;
        let mut running = Running { child, addr };
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(5) {
            if TcpStream::connect(&running.addr).is_ok() {
                return Ok(running);
            }
            if running.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err("it did not start".to_owned())
    }
}

/// A server that runs; it is ended with this.
struct Running {
    child: Child,
    addr: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Samples {
    /// A figure of a server, by round; NaN where it is missing.
    fn values(&self, name: &str, figure: &str) -> Vec<f64> {
        let row = self.rows.iter().find(|row| row.name == name);
        let value = |figures: &Option<Figures>| {
            figures.as_ref().and_then(|f| f.get(figure)).copied().unwrap_or(f64::NAN)
        };
        row.map_or_else(Vec::new, |row| row.figures.iter().map(value).collect())
    }

    pub fn median(&self, name: &str, figure: &str) -> f64 {
        stats::median(&self.values(name, figure))
    }

    /// How often one server has a figure of another.
    pub fn ratio(&self, name: &str, base: &str, figure: &str) -> Ratio {
        stats::ratio(&self.values(name, figure), &self.values(base, figure))
    }

    /// The server with the least median among those wanted.
    pub fn best<'a>(&self, servers: &[&'a Server], figure: &str) -> Option<&'a str> {
        let known = servers.iter().map(|s| (s.name.as_str(), self.median(&s.name, figure)));
        let best = known.filter(|(_, x)| !x.is_nan()).min_by(|a, b| a.1.total_cmp(&b.1));
        best.map(|(name, _)| name)
    }
}

/// Raises the limit of file descriptors as far as it goes, for the programs that are started.
fn raise_descriptors() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    // If it can't be raised, fewer connections are made.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    getrlimit(Resource::Nofile).current.map_or(usize::MAX, |n| n as usize)
}
