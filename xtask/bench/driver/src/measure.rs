//! One server against the generator, and all servers interleaved over rounds.

use std::collections::HashMap;
use std::fs;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use crate::options::Options;
use crate::servers::{self, Kind, Launch, Server};
use crate::stats::{self, Ratio};

/// Everything a part needs.
pub struct Bench {
    pub options: Options,
    pub servers: Vec<Server>,
    /// The most file descriptors that a process may have.
    pub descriptors: usize,
    /// The folder of the programs.
    bin: String,
    cores: usize,
    next_port: AtomicU16,
}

/// What the generator printed.
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
            for name in peers {
                if !servers.iter().any(|s| s.is_peer() && s.library() == name) {
                    return Err(format!("no peer `{name}`"));
                }
            }
            let asked = |s: &Server| peers.iter().any(|name| s.library() == name);
            servers.retain(|server| !server.is_peer() || asked(server));
        }
        servers.extend(options.extra.iter().cloned());
        let descriptors = raise_descriptors();
        let port = 20_000 + (std::process::id() % 400) as u16 * 25;
        let next_port = AtomicU16::new(port);
        Ok(Self { options, servers, descriptors, bin, cores, next_port })
    }

    /// The servers of some kinds.
    pub fn servers(&self, wanted: impl Fn(&Server) -> bool) -> Vec<&Server> {
        self.servers.iter().filter(|server| wanted(server)).collect()
    }

    /// Machine, compiler and command, as a line of Markdown.
    pub fn conditions(&self) -> String {
        let shell = |command: &str| {
            let output = Command::new("sh").args(["-c", command]).output();
            output.map_or_else(
                |e| e.to_string(),
                |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
            )
        };
        format!(
            "`{}`, {}: {} × {}, Linux {}, {}; load {} when it began. {} rounds of {} s each after \
            0.15 s of warming up.",
            self.options.command,
            shell("date -u +%Y-%m-%d"),
            self.cores,
            shell("sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1"),
            shell("uname -r"),
            shell("rustc -V"),
            shell("cut -d' ' -f1 /proc/loadavg"),
            self.options.rounds,
            self.options.secs,
        )
    }

    /// Measures all servers in each round, each time in another order. The arguments may depend on the
    /// server.
    pub fn interleave(
        &self,
        servers: &[&Server],
        launch: Launch,
        mode: &str,
        args: &str,
    ) -> Samples {
        self.interleave_rounds(self.options.rounds, servers, launch, mode, args)
    }

    pub fn interleave_rounds(
        &self,
        rounds: usize,
        servers: &[&Server],
        launch: Launch,
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
                let raw = if servers[i].kind == Kind::Bytes { " --raw" } else { "" };
                match self.measure(servers[i], launch, mode, &format!("{args}{raw}"), None) {
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

    /// Runs another program of this workspace, on the generator's core; what it prints.
    pub fn program(&self, name: &str, args: &[&str]) -> Result<String, String> {
        let mut command = Command::new("taskset");
        command.args(["-c", &(self.cores - 1).to_string(), &format!("{}/{name}", self.bin)]);
        let output = command.args(args).output().map_err(|e| format!("taskset: {e}"))?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(format!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim())),
        }
    }

    /// One run in which allocations are counted, and nothing else is to be believed.
    pub fn count_allocations(&self, server: &Server, args: &str) -> Result<Figures, String> {
        let counters = PathBuf::from(format!("{}/allocations.{}", self.bin, std::process::id()));
        fs::write(&counters, [0; 16]).map_err(|e| format!("{}: {e}", counters.display()))?;
        let counted = self.measure(server, Launch::PLAIN, "echo", args, Some(&counters));
        let _ = fs::remove_file(&counters);
        counted
    }

    fn measure(
        &self,
        server: &Server,
        launch: Launch,
        mode: &str,
        args: &str,
        counters: Option<&PathBuf>,
    ) -> Result<Figures, String> {
        let running = self.start(server, launch, counters)?;
        // The last core is the generator's; the server has the first ones.
        let mut command = Command::new("taskset");
        command.args(["-c", &(self.cores - 1).to_string(), &format!("{}/loadgen", self.bin), mode]);
        command.args(["--addr", &running.addr, "--pid", &running.child.id().to_string()]);
        command.args(args.split_whitespace());
        if let Some(counters) = counters {
            command.arg("--allocations").arg(counters);
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

    fn start(
        &self,
        server: &Server,
        launch: Launch,
        counters: Option<&PathBuf>,
    ) -> Result<Running, String> {
        let port = self.next_port.fetch_add(1, Ordering::Relaxed);
        let addr = format!("127.0.0.1:{port}");
        let threads = match server.kind {
            Kind::Defaults => self.cores,
            _ => launch.threads.min(self.cores),
        };
        let mut command = Command::new("taskset");
        command.args(["-c", &format!("0-{}", threads - 1)]);
        command.args(server.command(&self.bin, &addr, launch));
        if let Some(counters) = counters {
            command.env("LD_PRELOAD", format!("{}/liballocations.so", self.bin));
            command.env("ALLOCATIONS", counters);
        }
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
    pub fn values(&self, name: &str, figure: &str) -> Vec<f64> {
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
