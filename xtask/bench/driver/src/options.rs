//! The arguments.

use lexopt::prelude::*;

use crate::parts::{self, Part};
use crate::servers::Server;

const HELP: &str = "\
Measures echo servers against each other on this machine.

usage: cargo xtask bench [options]

  --quick             under 5 minutes: fewer scenarios, rounds and connections; for development
  --parts A,B         of echo, threads, allocations, handshake, idle, deflate, codec, growth,
                      prepared (default: all)
  --scenarios A,B     of the parts echo and deflate, by the names that they print
  --peers A,B         only these peers (the limits and our own server always take part)
  --rounds N          default: 5; with --quick 3
  --secs S            measured time for each server and round (default: 0.4; with --quick 0.2)
  --extra NAME=CMD    one more server: a command that takes IP:PORT as its last argument
  --write             writes tables and plots to docs/topics/performance.md
  --help              prints this
";

pub struct Options {
    pub quick: bool,
    pub parts: Vec<&'static Part>,
    pub scenarios: Option<Vec<String>>,
    pub peers: Option<Vec<String>>,
    pub extra: Vec<Server>,
    pub rounds: usize,
    pub secs: f64,
    pub write: bool,
    /// As it was typed.
    pub command: String,
}

/// Reads the arguments; `None` when help was asked for.
pub fn read() -> Result<Option<Options>, String> {
    parse().map_err(|e| e.to_string())
}

fn parse() -> Result<Option<Options>, lexopt::Error> {
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
            Long("help") => {
                print!("{HELP}");
                return Ok(None);
            }
            other => return Err(other.unexpected()),
        }
    }
    let parts = match parts {
        None => parts::ALL.iter().collect(),
        Some(names) => {
            let find = |name: &String| {
                let part = parts::ALL.iter().find(|part| part.name == name);
                part.ok_or_else(|| lexopt::Error::from(format!("no part `{name}`")))
            };
            names.iter().map(find).collect::<Result<_, _>>()?
        }
    };
    let rounds = rounds.unwrap_or(if quick { 3 } else { 5 });
    let secs = secs.unwrap_or(if quick { 0.2 } else { 0.4 });
    let words: Vec<_> = std::env::args().skip(1).collect();
    let command = format!("cargo xtask bench {}", words.join(" ")).trim_end().to_owned();
    Ok(Some(Options { quick, parts, scenarios, peers, extra, rounds, secs, write, command }))
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::to_owned).collect()
}
