//! The driver: starts servers, runs the generator against them, interleaved over rounds, and makes
//! tables. `cargo xtask bench` builds everything and calls this.
//!
//! `servers` says who takes part, `measure` runs them against the generator. Each part of the benchmark
//! is a file with a function from a [`Bench`] to sections of the [`Page`]; here they are put together,
//! and no module imports another in a circle.

mod deflate;
mod echo;
mod handshake;
mod idle;
mod measure;
mod options;
mod page;
mod servers;
mod stats;
mod tables;

use std::process::ExitCode;

use measure::Bench;
use page::Page;

/// Measures one thing and adds its tables.
type Part = fn(&Bench, &mut Page) -> Result<(), String>;

/// All parts, in the order they run.
const PARTS: &[(&str, Part)] = &[
    ("echo", echo::run),
    ("handshake", handshake::run),
    ("idle", idle::run),
    ("deflate", deflate::run),
];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("bench: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let options = options::read()?;
    let unknown = |name: &&String| PARTS.iter().all(|(part, _)| part != name);
    if let Some(name) = options.parts.iter().flatten().find(unknown) {
        return Err(format!("no part `{name}`"));
    }
    let bench = Bench::new(options)?;
    let mut page = Page::default();
    page.section("conditions", bench.conditions());
    for (name, part) in PARTS {
        if bench.options.parts.as_ref().is_none_or(|parts| parts.iter().any(|part| part == name)) {
            eprintln!("{name}");
            part(&bench, &mut page)?;
        }
    }
    if bench.options.write { page.write() } else { Ok(()) }
}
