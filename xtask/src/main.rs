//! The tasks of the workspace: `cargo xtask --help`.
//!
//! `main` finds the command and hands over; each command has a file of its own. What several of
//! them need is in [`run`] (programs) and [`workspace`] (`cargo metadata`).

mod autobahn;
mod bench;
mod cargo_steps;
mod ci;
mod consumers;
mod deps;
mod features;
mod fuzz;
mod instructions;
mod interop;
mod run;
mod tidy;
mod workspace;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use lexopt::prelude::*;

use run::Outcome;

/// The text that `cargo xtask --help` prints before and after the list of steps.
const USAGE: &str = "\
Tasks of the websockets workspace.

Usage: cargo xtask <command> [options]

All that a merge needs:
  ci [--without STEP]...   runs the steps below, one after the other, all of them even when one fails

The steps, each a command of its own:
";

/// The rest of the help.
const DETAILS: &str = "
Options:
  deps [--check]           without --check a stale docs/project/dependencies.md is rewritten
  instructions [--update]  --update writes xtask/bench/instructions.json
  autobahn server|client [--cases PATTERN...] [--exclude PATTERN...] [--sample]
                           runs the Autobahn cases, by default all 517, against our examples (release
                           build), compares each with xtask/autobahn/expected.json and writes the page
                           target/autobahn/{server,client}/index.html; --sample: what `ci` runs, all
                           but some of 12.* and 13.*
    server --url URL       the same against a server that is already running
    server --through LIB   the same with our connections in a server of hyper or axum
    client -- COMMAND...   the same with another client; it finds AUTOBAHN_URL and AUTOBAHN_AGENT
  interop [--deflate] [--self-test] [--without-chromium] [--all | --network | --guides]
                           --deflate: only what is about compression; --self-test lets the peers
                           talk to each other, without our library; --all: also TLS servers,
                           proxies and failures of the network, with programs of Debian, and
                           programs with other libraries; --network, --guides: only these

Besides the steps:
  bench [OPTION]...        our server and the peers, side by side; `bench --help` lists the options,
                           `--quick` takes under five minutes
  fuzz [TARGET]... [--seconds N]
                           runs the fuzz targets of ws-proto, or those named, for 60 or N seconds
                           each; needs a nightly toolchain

Tools that a step needs (Python packages, npm's ws, cargo-fuzz) are installed into
$XDG_CACHE_HOME/websockets-xtask, by default ~/.cache/websockets-xtask.
";

fn main() -> ExitCode {
    match dispatch() {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Skipped(why)) => {
            println!("skipped: {why}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the command that the arguments name.
fn dispatch() -> run::Result {
    let mut args = lexopt::Parser::from_env();
    let command = match args.next().map_err(text)? {
        None | Some(Short('h') | Long("help")) => return help(),
        Some(Value(command)) => command.string().map_err(text)?,
        Some(other) => return Err(text(other.unexpected())),
    };
    match command.as_str() {
        "help" => help(),
        "ci" => ci::command(args),
        "autobahn" => autobahn::command(args),
        "bench" => bench::command(args),
        "instructions" => instructions::command(args),
        "interop" => interop::command(args),
        "fuzz" => fuzz::command(args),
        "deps" => deps::command(args),
        name => match ci::STEPS.iter().find(|step| step.name == name) {
            Some(step) => match args.next().map_err(text)? {
                None => (step.run)(&mut run::Log::screen()),
                Some(Short('h') | Long("help")) => help(),
                Some(other) => Err(text(other.unexpected())),
            },
            None => Err(format!("no command `{name}`; see `cargo xtask --help`")),
        },
    }
}

/// Prints the commands.
fn help() -> run::Result {
    let steps = ci::STEPS.iter().map(|step| format!("  {:<24} {}\n", step.name, step.about));
    let help: String = [USAGE.to_owned()].into_iter().chain(steps).collect();
    // Whoever reads it may close the pipe before the end.
    _ = io::stdout().write_all((help + DETAILS).as_bytes());
    Ok(Outcome::Done)
}

/// An error of the argument parser as one line.
fn text(error: lexopt::Error) -> String {
    error.to_string()
}
