//! `cargo xtask bench`: our server and the peers, side by side on this machine.
//!
//! Everything that measures is in `xtask/bench/`, a workspace of its own; this builds it and starts its
//! driver, which reads the options.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{self, Log, Outcome, Result};
use crate::workspace::Workspace;

/// Builds all programs and runs the driver with the options of the command line.
pub(crate) fn command(mut args: lexopt::Parser) -> Result {
    let mut log = Log::screen();
    let programs = build(&mut log, &[])?;
    let options = args.raw_args().map_err(|e| e.to_string())?;
    log.run(Command::new(programs.join("bench")).args(options))?;
    Ok(Outcome::Done)
}

/// Builds the benchmark workspace, or some packages of it, and gives the folder of the programs.
pub(crate) fn build(log: &mut Log, packages: &[&str]) -> Result<PathBuf> {
    let target = Workspace::load()?.target.join("bench");
    let mut build = run::cargo(&["build", "--release", "--manifest-path"]);
    build.arg(folder().join("Cargo.toml")).arg("--target-dir").arg(&target);
    for package in packages {
        build.args(["--package", package]);
    }
    log.run(&mut build)?;
    Ok(target.join("release"))
}

/// The benchmark workspace.
pub(crate) fn folder() -> PathBuf {
    Path::new(run::root()).join("xtask/bench")
}
