//! The arguments, which `usage.txt` explains.

use lexopt::prelude::*;

use crate::servers::Server;

pub struct Options {
    pub quick: bool,
    pub parts: Option<Vec<String>>,
    pub scenarios: Option<Vec<String>>,
    pub peers: Option<Vec<String>>,
    pub extra: Vec<Server>,
    pub rounds: usize,
    pub secs: f64,
    pub write: bool,
    /// As it was typed.
    pub command: String,
}

impl Options {
    /// Whether parts are measured only in part, or not as well.
    pub fn is_partial(&self) -> bool {
        let Self { quick, scenarios, peers, extra, .. } = self;
        *quick || scenarios.is_some() || peers.is_some() || !extra.is_empty()
    }
}

/// Reads the arguments.
pub fn read() -> Result<Options, String> {
    parse().map_err(|e| format!("{e}; see `cargo xtask bench --help`"))
}

fn parse() -> Result<Options, lexopt::Error> {
    let (mut quick, mut write) = (false, false);
    let (mut parts, mut scenarios, mut peers) = (None, None, None);
    let (mut rounds, mut secs, mut extra) = (None, None, vec![]);
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            Long("quick") => quick = true,
            Long("write") => write = true,
            Long("parts") => parts = Some(list(&args.value()?.string()?)),
            Long("scenarios") => scenarios = Some(list(&args.value()?.string()?)),
            Long("peers") => peers = Some(list(&args.value()?.string()?)),
            Long("rounds") => rounds = Some(args.value()?.parse()?),
            Long("secs") => secs = Some(args.value()?.parse()?),
            Long("extra") => {
                let value = args.value()?.string()?;
                let (name, command) = value.split_once('=').ok_or("--extra NAME=COMMAND")?;
                extra.push(Server::extra(name, command));
            }
            other => return Err(other.unexpected()),
        }
    }
    let rounds = rounds.unwrap_or(if quick { 3 } else { 5 });
    let secs = secs.unwrap_or(if quick { 0.2 } else { 0.4 });
    let words: Vec<_> = std::env::args().skip(1).collect();
    let command = format!("cargo xtask bench {}", words.join(" ")).trim_end().to_owned();
    Ok(Options { quick, parts, scenarios, peers, extra, rounds, secs, write, command })
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::to_owned).collect()
}
