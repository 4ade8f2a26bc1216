//! Who takes part.

use std::ffi::OsString;

/// A program that echoes, and how it is called in the tables.
#[derive(Clone)]
pub struct Server {
    pub name: String,
    pub kind: Kind,
    /// Of this workspace; for `Kind::Extra` the whole command.
    program: String,
    args: &'static [&'static str],
    /// Whether it can compress.
    pub deflate: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Echoes bytes.
    Bytes,
    /// Echoes frames with the least code.
    Limit,
    Ours,
    /// Ours, called without any flag.
    Defaults,
    /// A peer in its best style.
    Peer,
    /// A peer in the plain loop, if that isn't its best style anyway.
    PeerPlain,
    /// From the command line.
    Extra,
}

/// How a server is run.
#[derive(Clone, Copy)]
pub struct Launch {
    pub threads: usize,
    pub deflate: bool,
}

impl Launch {
    pub const PLAIN: Self = Self { threads: 1, deflate: false };
    pub const DEFLATE: Self = Self { threads: 1, deflate: true };
    pub const TWO_THREADS: Self = Self { threads: 2, deflate: false };
}

impl Server {
    fn new(name: &str, kind: Kind, program: &str, args: &'static [&'static str]) -> Self {
        let deflate = ["echo-ours", "echo-yawc", "echo-sockudo-ws", "echo-wtx"].contains(&program);
        Self { name: name.to_owned(), kind, program: program.to_owned(), args, deflate }
    }

    /// A command line; it takes part in compression if a word begins with `--deflate`.
    pub fn extra(name: &str, command: &str) -> Self {
        let deflate = command.split_whitespace().any(|word| word.starts_with("--deflate"));
        Self { deflate, ..Self::new(name, Kind::Extra, command, &[]) }
    }

    /// The library: the name without the style.
    pub fn library(&self) -> &str {
        self.name.split(',').next().unwrap_or(&self.name)
    }

    pub fn is_peer(&self) -> bool {
        matches!(self.kind, Kind::Peer | Kind::PeerPlain)
    }

    /// The words of the command; programs of this workspace are in the folder `bin`.
    pub fn command(&self, bin: &str, addr: &str, launch: Launch) -> Vec<OsString> {
        let threads = launch.threads.to_string();
        let mut words: Vec<String> = match self.kind {
            Kind::Extra => self.program.split_whitespace().map(str::to_owned).collect(),
            _ => vec![format!("{bin}/{}", self.program)],
        };
        words.extend(self.args.iter().map(|&arg| arg.to_owned()));
        let flags: &[&str] = match (self.kind, launch.deflate) {
            (Kind::Extra | Kind::Defaults, _) => &[],
            (Kind::Ours, true) => &["--threads", &threads, "--max-size", "67108864"],
            (Kind::Ours, false) => {
                &["--threads", &threads, "--max-size", "67108864", "--no-compression"]
            }
            (_, true) => &["--threads", &threads, "--deflate"],
            (_, false) => &["--threads", &threads],
        };
        words.extend(flags.iter().map(|&flag| flag.to_owned()));
        words.push(addr.to_owned());
        words.into_iter().map(Into::into).collect()
    }
}

/// The name of our server in the tables.
pub const OURS: &str = "**websockets**";
/// The name of the limit.
pub const LIMIT: &str = "limit";

/// All servers, in the order of the tables.
pub fn all() -> Vec<Server> {
    use Kind::*;
    let server = Server::new;
    vec![
        server("byte echo", Bytes, "echo-limits", &["--raw"]),
        server(LIMIT, Limit, "echo-limits", &[]),
        server(OURS, Ours, "echo-ours", &[]),
        server("websockets, defaults", Defaults, "echo-ours", &[]),
        server("tokio-tungstenite", Peer, "echo-tokio-tungstenite", &[]),
        server("tokio-tungstenite, plain", PeerPlain, "echo-tokio-tungstenite", &["--plain"]),
        server("tokio-websockets", Peer, "echo-tokio-websockets", &[]),
        server("tokio-websockets, plain", PeerPlain, "echo-tokio-websockets", &["--plain"]),
        server("yawc", Peer, "echo-yawc", &[]),
        server("yawc, plain", PeerPlain, "echo-yawc", &["--plain"]),
        server("sockudo-ws", Peer, "echo-sockudo-ws", &[]),
        server("sockudo-ws, plain", PeerPlain, "echo-sockudo-ws", &["--plain"]),
        server("fastwebsockets", Peer, "echo-fastwebsockets", &[]),
        server("wtx", Peer, "echo-wtx", &[]),
    ]
}

/// Ours with the builder's defaults, keeping the request of each connection.
pub fn kept() -> Server {
    Server::new("websockets, request kept", Kind::Defaults, "echo-ours-kept", &[])
}

/// Ours with other settings of compression than the defaults.
pub fn deflating() -> Vec<Server> {
    let ours = |name: &str, args| {
        Server::new(&format!("websockets, {name}"), Kind::Ours, "echo-ours", args)
    };
    vec![
        ours("level 5, 13 bits", &["--deflate-level", "5", "--deflate-window-bits", "13"]),
        ours("15 bits", &["--deflate-window-bits", "15"]),
        ours("level 1", &["--deflate-level", "1"]),
    ]
}

/// The programs that send one message to all.
pub fn fanouts() -> Vec<Server> {
    vec![
        Server::new(LIMIT, Kind::Limit, "fanout", &["--writes"]),
        Server::new(OURS, Kind::Peer, "fanout", &[]),
        Server::new("tokio-tungstenite", Kind::Peer, "fanout", &["--tungstenite"]),
    ]
}
