//! `cargo xtask fuzz`: runs the fuzz targets of `ws-proto` for a while.
//!
//! The targets are in `crates/ws-proto/fuzz/`, a workspace of its own that needs a nightly
//! toolchain. What they reach is kept in `corpus/` there, an input that broke a promise in
//! `artifacts/`. cargo-fuzz is installed into the cache unless it is there.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use lexopt::prelude::*;

use crate::run::{self, Log, Outcome, Result};

/// How long each target runs, in seconds, unless `--seconds` is given.
const SECONDS: u32 = 60;

/// Reads the options and runs the targets, all of them unless some are named.
pub(crate) fn command(mut args: lexopt::Parser) -> Result {
    let (mut names, mut seconds) = (Vec::new(), SECONDS);
    while let Some(arg) = args.next().map_err(|e| e.to_string())? {
        match arg {
            Long("seconds") => {
                let value = args.value().and_then(|v| v.parse()).map_err(|e| e.to_string())?;
                // libFuzzer takes 0 for "forever".
                seconds = Some(value).filter(|&n| n > 0).ok_or("--seconds must be at least 1")?;
            }
            Value(name) => names.push(name.string().map_err(|e| e.to_string())?),
            other => return Err(other.unexpected().to_string()),
        }
    }
    let folder = run::root().join("crates/ws-proto/fuzz");
    let targets = choose(&targets(&folder)?, names)?;
    let mut log = Log::screen();
    let program = set_up(&mut log)?;
    let mut failed = Vec::new();
    for target in &targets {
        failed.extend(fuzz(&mut log, &program, &folder, target, seconds).err());
    }
    if failed.is_empty() { Ok(Outcome::Done) } else { Err(failed.join("\n")) }
}

/// The names of all targets: those of the programs.
fn targets(folder: &Path) -> Result<Vec<String>> {
    let programs = folder.join("fuzz_targets");
    let error = |e| format!("{}: {e}", programs.display());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&programs).map_err(error)? {
        let path = entry.map_err(error)?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

/// The targets to run: those that were asked for, which have to exist, or all.
fn choose(all: &[String], asked: Vec<String>) -> Result<Vec<String>> {
    if let Some(unknown) = asked.iter().find(|name| !all.contains(name)) {
        return Err(format!("no fuzz target `{unknown}`; there are {}", all.join(", ")));
    }
    Ok(if asked.is_empty() { all.to_vec() } else { asked })
}

/// Looks for the toolchain and for cargo-fuzz, which is installed if need be; gives its path.
fn set_up(log: &mut Log) -> Result<PathBuf> {
    if !succeeds(nightly("rustc").arg("--version")) {
        return Err("fuzzing needs a nightly toolchain: `rustup toolchain install nightly`".into());
    }
    // On the path, if somebody has installed it for himself.
    let program = PathBuf::from("cargo-fuzz");
    if succeeds(Command::new(&program).arg("--version")) {
        return Ok(program);
    }
    let home = run::cache("fuzz")?;
    let program = home.join("bin/cargo-fuzz");
    if !program.is_file() {
        let mut install = run::cargo(&["install", "--quiet", "--locked", "cargo-fuzz", "--root"]);
        log.run(install.arg(&home))?;
    }
    Ok(program)
}

/// Runs one target; the seeds are read beside what earlier runs have found.
fn fuzz(log: &mut Log, program: &Path, folder: &Path, target: &str, seconds: u32) -> Result<()> {
    let corpus = folder.join("corpus").join(target);
    run::make_folder(&corpus)?;
    let mut command = nightly(program);
    command.arg("run").arg("--fuzz-dir").arg(folder).arg(target);
    command.arg(corpus).arg(folder.join("seeds").join(target));
    command.args(["--", "-print_final_stats=1"]).arg(format!("-max_total_time={seconds}"));
    log.run(command.current_dir(folder))
}

/// A program that uses the nightly toolchain.
fn nightly(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly"]).arg(program);
    // Those of the toolchain that runs us would come before it.
    command.env_remove("CARGO").env_remove("RUSTC").env_remove("RUSTUP_TOOLCHAIN");
    command
}

/// Whether a program can be started and ends with status 0; what it prints is dropped.
fn succeeds(command: &mut Command) -> bool {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_has_seeds_and_an_entry_in_the_manifest() -> Result<()> {
        let folder = run::root().join("crates/ws-proto/fuzz");
        let manifest = run::read(&folder.join("Cargo.toml"))?;
        let targets = targets(&folder)?;
        assert!(!targets.is_empty());
        for target in targets {
            assert!(folder.join("seeds").join(&target).is_dir(), "{target} has no seeds");
            assert!(manifest.contains(&format!("name = \"{target}\"")), "{target} isn't built");
        }
        Ok(())
    }

    #[test]
    fn all_targets_run_unless_some_are_named() {
        let all = ["a", "b"].map(str::to_owned);
        assert_eq!(choose(&all, Vec::new()), Ok(all.to_vec()));
        assert_eq!(choose(&all, vec!["b".to_owned()]), Ok(vec!["b".to_owned()]));
        let error = choose(&all, vec!["c".to_owned()]).unwrap_err();
        assert!(error.contains("`c`") && error.contains("a, b"), "{error}");
    }
}
