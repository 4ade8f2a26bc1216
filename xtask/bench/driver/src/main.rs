//! The driver: starts servers, runs the generator against them, interleaved over rounds, and makes
//! tables. `cargo xtask bench` builds everything and calls this.
//!
//! `servers` says who takes part, `measure` runs them against the generator. Each part of the benchmark
//! is a file with a function from a [`Bench`] to sections of the [`Page`]; here they are put together,
//! and no module imports another in a circle.

mod axum;
mod build;
mod deflate;
mod echo;
mod handshake;
mod idle;
mod measure;
mod options;
mod page;
mod rooms;
mod servers;
mod stats;
mod tables;
mod tls;

use std::process::ExitCode;

use measure::Bench;
use options::Options;
use page::Page;

/// A part of the benchmark.
struct Part {
    name: &'static str,
    /// Measures one thing and adds its tables.
    run: fn(&Bench, &mut Page) -> Result<(), String>,
    kind: Kind,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind {
    /// Its figures are of one run with those of the others of its kind.
    Shared,
    /// Its tables say themselves how they were made, so they may be written alone.
    Apart,
    /// The same, and it runs only when it is asked for.
    OnDemand,
}

const fn part(
    name: &'static str,
    run: fn(&Bench, &mut Page) -> Result<(), String>,
    kind: Kind,
) -> Part {
    Part { name, run, kind }
}

/// All parts, in the order they run.
const PARTS: &[Part] = &[
    part("echo", echo::run, Kind::Shared),
    part("handshake", handshake::run, Kind::Shared),
    part("idle", idle::run, Kind::Shared),
    part("deflate", deflate::run, Kind::Shared),
    part("tls", tls::run, Kind::Apart),
    part("rooms", rooms::run, Kind::Apart),
    part("axum", axum::run, Kind::Apart),
    part("build", build::run, Kind::OnDemand),
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
    let known = |name: &String| PARTS.iter().any(|part| part.name == name);
    if let Some(name) = options.parts.iter().flatten().find(|name| !known(name)) {
        return Err(format!("no part `{name}`"));
    }
    let parts: Vec<_> = PARTS.iter().filter(|part| wanted(part, &options)).collect();
    let shared = parts.iter().any(|part| part.kind == Kind::Shared);
    if options.write && (options.is_partial() || shared && options.parts.is_some()) {
        return Err("--write needs a whole run: the page is of one state".to_owned());
    }
    let bench = Bench::new(options)?;
    let mut page = Page::default();
    if shared {
        page.section("conditions", bench.conditions());
    }
    for part in parts {
        eprintln!("{}", part.name);
        (part.run)(&bench, &mut page)?;
    }
    if bench.options.write { page.write() } else { Ok(()) }
}

fn wanted(part: &Part, options: &Options) -> bool {
    match &options.parts {
        Some(parts) => parts.iter().any(|name| name == part.name),
        None => part.kind != Kind::OnDemand,
    }
}
