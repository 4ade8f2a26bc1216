//! `cargo xtask consumers`: each crate used alone by a tiny program outside the workspace.
//!
//! Inside the workspace a crate can live on features that its neighbours turn on. The programs in
//! `xtask/consumers/` are workspaces of their own, so they see what a user sees. Each prints what
//! it found out, and that must equal the `expected.txt` beside it. The command-line tool has no library
//! that could be used.

use std::{path::Path, process::Command};

use crate::{
    run::{self, Log, Outcome, Result, cargo},
    workspace::{self, LAYERS, TOOL, Workspace},
};

/// Builds and runs the program of each crate; the first that fails is the error.
pub(crate) fn step(log: &mut Log) -> Result {
    let target = Workspace::load()?.target;
    let libraries = LAYERS.iter().map(|(package, _)| *package).filter(|package| *package != TOOL);
    for name in libraries.map(workspace::folder) {
        let folder = run::root().join("xtask/consumers").join(name);
        if !folder.is_dir() {
            return Err(format!("xtask/consumers/{name} is missing: {name} isn't used by anyone"));
        }
        consume(log, name, &folder, &target)?;
    }
    Ok(Outcome::Done)
}

/// Builds the program `use-NAME` in `folder`, runs it and compares what it prints.
fn consume(log: &mut Log, name: &str, folder: &Path, target: &Path) -> Result<()> {
    // Our lock file, so that it is built with the versions that were tested (and are downloaded).
    let lock = folder.join("Cargo.lock");
    std::fs::copy(run::root().join("Cargo.lock"), &lock).map_err(run::about(&lock))?;
    log.run(cargo(&["build", "--quiet"]).current_dir(folder).env("CARGO_TARGET_DIR", target))?;

    let program = target.join("debug").join(format!("use-{name}"));
    let printed = log.output(&mut Command::new(program))?;
    log.line(printed.trim_end());
    let expected = run::read(&folder.join("expected.txt"))?;
    if printed == expected {
        Ok(())
    } else {
        Err(format!("xtask/consumers/{name}: expected\n{expected}\nbut it printed\n{printed}"))
    }
}
