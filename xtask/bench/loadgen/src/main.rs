//! The load generator: one thread, epoll, raw sockets, no WebSocket library.
//!
//! Frames are built and masked before the clock starts; the hot loop is one `send` of a slice, one
//! `recv` and a walk over headers, so that the generator costs less than any server. `main` reads the
//! arguments; each mode has a file of its own and prints one line of `name=value` pairs.

mod corpus;
mod echo;
mod fanout;
mod frames;
mod handshake;
mod histogram;
mod idle;
mod process;
mod receive;
mod socket;

use std::collections::HashMap;
use std::io::Write as _;
use std::net::SocketAddrV4;

const USAGE: &str = "\
loadgen MODE --addr IP:PORT --pid SERVER_PID [--NAME VALUE]...

modes: echo, handshake, idle, fanout, corpus; each option is explained where its mode reads it
";

fn main() {
    let mut args = std::env::args().skip(1);
    let mode = args.next().unwrap_or_default();
    let options = Options::parse(args.collect());
    match mode.as_str() {
        "echo" => echo::run(&options),
        "handshake" => handshake::run(&options),
        "idle" => idle::run(&options),
        "fanout" => fanout::run(&options),
        "corpus" => {
            let text =
                corpus::json(&mut corpus::Rng::new(1), options.number("size", 2048.0) as usize);
            std::io::stdout().write_all(&text).expect("standard output");
        }
        _ => {
            eprint!("{USAGE}");
            std::process::exit(2);
        }
    }
}

/// `--name value` pairs and `--flag`s.
struct Options(HashMap<String, String>);

impl Options {
    fn parse(words: Vec<String>) -> Self {
        let mut options = HashMap::new();
        let mut words = words.into_iter().peekable();
        while let Some(word) = words.next() {
            let name = word.trim_start_matches("--").to_owned();
            let value = words.next_if(|next| !next.starts_with("--")).unwrap_or_default();
            options.insert(name, value);
        }
        Self(options)
    }

    fn text(&self, name: &str, default: &str) -> String {
        self.0.get(name).cloned().unwrap_or_else(|| default.to_owned())
    }

    fn number(&self, name: &str, default: f64) -> f64 {
        self.0.get(name).map_or(default, |v| v.parse().expect("a number"))
    }

    fn flag(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Where the server listens.
    fn addr(&self) -> SocketAddrV4 {
        self.text("addr", "").parse().expect("--addr IP:PORT")
    }

    /// The server, for its CPU time and memory.
    fn server(&self) -> process::Process {
        process::Process::new(self.number("pid", 0.0) as u32, self.0.get("allocations"))
    }
}

/// The server did something that no server may do: the measurement is worth nothing.
fn fail(why: &str) -> ! {
    eprintln!("{why}");
    std::process::exit(1)
}
