//! `cargo xtask bench`: our server and the peers, side by side on this machine.
//!
//! Everything that measures is in `xtask/bench/`, a workspace of its own; this builds it and starts its
//! driver, which reads the options. Only the help comes from here, since it needs no build.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{self, Log, Outcome, Result};
use crate::workspace::Workspace;

/// Builds all programs and runs the driver with the options of the command line.
pub(crate) fn command(mut args: lexopt::Parser) -> Result {
    let options: Vec<_> = args.raw_args().map_err(|e| e.to_string())?.collect();
    if options.iter().any(|option| option == "--help" || option == "-h") {
        print!("{}", include_str!("../bench/driver/usage.txt"));
        return Ok(Outcome::Done);
    }
    let mut log = Log::screen();
    let programs = build(&mut log, &[])?;
    log.run(Command::new(programs.join("bench")).args(options))?;
    Ok(Outcome::Done)
}

/// Builds the benchmark workspace, or some packages of it, and gives the folder of the programs.
pub(crate) fn build(log: &mut Log, packages: &[&str]) -> Result<PathBuf> {
    log.run(&mut cargo(&["build", "--release"], packages)?)?;
    Ok(target()?.join("release"))
}

/// `cargo` for the benchmark workspace, or for some packages of it.
pub(crate) fn cargo(args: &[&str], packages: &[&str]) -> Result<Command> {
    let mut cargo = run::cargo(args);
    cargo.arg("--manifest-path").arg(folder().join("Cargo.toml"));
    cargo.arg("--target-dir").arg(target()?);
    cargo.args(packages.iter().flat_map(|package| ["--package", package]));
    Ok(cargo)
}

/// Where it is built: its profile and its features are others than ours.
fn target() -> Result<PathBuf> {
    Ok(Workspace::load()?.target.join("bench"))
}

/// The benchmark workspace.
pub(crate) fn folder() -> PathBuf {
    Path::new(run::root()).join("xtask/bench")
}
