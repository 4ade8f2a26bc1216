//! The options of all modes, and how a mode ends when the server does what none may do.

use std::collections::HashMap;
use std::net::SocketAddrV4;

use crate::process::Process;

/// `--name value` pairs and `--flag`s.
pub struct Options(HashMap<String, String>);

impl Options {
    pub fn parse(words: Vec<String>) -> Self {
        let mut options = HashMap::new();
        let mut words = words.into_iter().peekable();
        while let Some(word) = words.next() {
            let name = word.trim_start_matches("--").to_owned();
            let value = words.next_if(|next| !next.starts_with("--")).unwrap_or_default();
            options.insert(name, value);
        }
        Self(options)
    }

    pub fn text(&self, name: &str, default: &str) -> String {
        self.0.get(name).cloned().unwrap_or_else(|| default.to_owned())
    }

    pub fn number(&self, name: &str, default: f64) -> f64 {
        self.0.get(name).map_or(default, |v| v.parse().expect("a number"))
    }

    pub fn count(&self, name: &str, default: usize) -> usize {
        self.number(name, default as f64) as usize
    }

    pub fn flag(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Where the server listens.
    pub fn addr(&self) -> SocketAddrV4 {
        self.text("addr", "").parse().expect("--addr IP:PORT")
    }

    /// The server, for its CPU time and memory.
    pub fn server(&self) -> Process {
        Process::new(self.count("pid", 0) as u32)
    }
}

/// The server did something that no server may do: the measurement is worth nothing.
pub fn fail(why: &str) -> ! {
    eprintln!("{why}");
    std::process::exit(1)
}
