//! The servers that take part.

/// A program that echoes, and how it is called in the tables.
#[derive(Clone)]
pub struct Server {
    pub name: String,
    pub kind: Kind,
    /// Program and arguments; the program is one of this workspace, but for `Kind::Extra`.
    words: String,
    /// Whether it can compress.
    pub deflate: bool,
    /// Whether it takes TLS, and nothing else.
    pub tls: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Echoes bytes.
    Bytes,
    /// Echoes frames with the least code.
    Limit,
    Ours,
    /// A peer in its best style.
    Peer,
    /// A peer in the plain loop, if that isn't its best style anyway.
    PeerPlain,
    /// Takes no further flag: other programs with our library, or a server from the command line.
    Extra,
}

/// The name of our server in the tables.
pub const OURS: &str = "**websockets**";
/// The name of the limit.
pub const LIMIT: &str = "limit";

impl Server {
    fn new(name: &str, kind: Kind, words: &str) -> Self {
        let able = ["echo-ours", "echo-yawc", "echo-sockudo-ws", "echo-wtx"];
        let deflate = words.split(' ').next().is_some_and(|program| able.contains(&program));
        let tls = words.split(' ').any(|word| word == "--tls");
        Self { name: name.to_owned(), kind, words: words.to_owned(), deflate, tls }
    }

    /// A command line; it takes part in compression if a word begins with `--deflate`, over TLS if one is
    /// `--tls`.
    pub fn extra(name: &str, command: &str) -> Self {
        let deflate = command.split_whitespace().any(|word| word.starts_with("--deflate"));
        Self { deflate, ..Self::new(name, Kind::Extra, command) }
    }

    /// The same with further flags.
    pub fn with_flags(&self, flags: &str) -> Self {
        Self { words: format!("{} {flags}", self.words), ..self.clone() }
    }

    /// Ours, with further flags.
    fn ours(name: &str, flags: &str) -> Self {
        let words = format!("echo-ours --threads 1 --max-size 67108864 {flags}");
        Self::new(name, Kind::Ours, &words)
    }

    /// The library: the name without the style.
    pub fn library(&self) -> &str {
        self.name.split(',').next().unwrap_or(&self.name)
    }

    pub fn is_peer(&self) -> bool {
        matches!(self.kind, Kind::Peer | Kind::PeerPlain)
    }

    /// Whether it is a peer in the loop that everybody writes: two have no other.
    pub fn is_plain_peer(&self) -> bool {
        self.kind == Kind::PeerPlain || matches!(self.library(), "fastwebsockets" | "wtx")
    }

    /// The words of the command; programs of this workspace are in the folder `bin`.
    pub fn command(&self, bin: &str, addr: &str, deflate: bool) -> Vec<String> {
        let mut words: Vec<_> = self.words.split_whitespace().map(str::to_owned).collect();
        if let Some(program) = words.first_mut().filter(|program| !program.contains('/')) {
            *program = format!("{bin}/{program}");
        }
        words.extend(match (self.kind, deflate) {
            (Kind::Ours, false) => Some("--no-compression".to_owned()),
            (Kind::Ours | Kind::Extra, _) | (_, false) => None,
            (_, true) => Some("--deflate".to_owned()),
        });
        words.push(addr.to_owned());
        words
    }
}

/// All servers, in the order of the tables.
pub fn all() -> Vec<Server> {
    use Kind::*;
    let server = Server::new;
    vec![
        server("byte echo", Bytes, "echo-limits --raw"),
        server(LIMIT, Limit, "echo-limits"),
        Server::ours(OURS, ""),
        server("tokio-tungstenite", Peer, "echo-tokio-tungstenite"),
        server("tokio-tungstenite, plain", PeerPlain, "echo-tokio-tungstenite --plain"),
        server("tokio-websockets", Peer, "echo-tokio-websockets"),
        server("tokio-websockets, plain", PeerPlain, "echo-tokio-websockets --plain"),
        server("yawc", Peer, "echo-yawc"),
        server("yawc, plain", PeerPlain, "echo-yawc --plain"),
        server("sockudo-ws", Peer, "echo-sockudo-ws"),
        server("sockudo-ws, plain", PeerPlain, "echo-sockudo-ws --plain"),
        server("fastwebsockets", Peer, "echo-fastwebsockets"),
        server("wtx", Peer, "echo-wtx"),
        server(LIMIT, Limit, "echo-limits --tls"),
        server(OURS, Extra, "echo-ours-tls --tls"),
        server("tokio-tungstenite", Peer, "echo-tokio-tungstenite --tls"),
        server("tokio-websockets", Peer, "echo-tokio-websockets --tls"),
    ]
}

/// Ours, keeping the request of each connection.
pub fn kept() -> Server {
    Server::new("websockets, request kept", Kind::Extra, "echo-ours-kept")
}

/// Ours with the other settings of compression of the topic page on it.
pub fn deflating() -> [Server; 3] {
    [
        ("level 1", "--deflate-level 1"),
        ("level 5, 13 bits", "--deflate-level 5 --deflate-window-bits 13"),
        ("15 bits", "--deflate-window-bits 15"),
    ]
    .map(|(name, flags)| Server::ours(&format!("websockets, {name}"), flags))
}
