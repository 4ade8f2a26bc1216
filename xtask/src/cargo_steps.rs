//! The steps that are little more than one call of cargo.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::{
    bench,
    run::{self, Log, Outcome, Result, cargo},
};

/// Checks the formatting of the workspace and of the packages inside it that are no members.
pub(crate) fn fmt(log: &mut Log) -> Result {
    log.run(&mut cargo(&["fmt", "--all", "--check"]))?;
    for manifest in outside_packages()? {
        let manifest = manifest.to_string_lossy();
        // Without `--all` there is nothing to format in a workspace without a package at its root.
        log.run(&mut cargo(&["fmt", "--all", "--check", "--manifest-path", &manifest]))?;
    }
    Ok(Outcome::Done)
}

/// The manifests of packages that live in this repository but not in the workspace.
fn outside_packages() -> Result<Vec<PathBuf>> {
    let mut manifests = vec![
        run::root().join("crates/ws-proto/fuzz/Cargo.toml"),
        run::root().join("xtask/bench/Cargo.toml"),
        run::root().join("xtask/interop/guides/Cargo.toml"),
    ];
    let consumers = run::root().join("xtask/consumers");
    for entry in std::fs::read_dir(&consumers).map_err(run::about(&consumers))? {
        manifests.push(entry.map_err(|e| e.to_string())?.path().join("Cargo.toml"));
    }
    manifests.retain(|manifest| manifest.is_file());
    manifests.sort();
    Ok(manifests)
}

/// Runs clippy with the features people get by default and with all of them; then on what in the
/// benchmark workspace is built on our crates or measures them. Its peers take minutes to build.
pub(crate) fn clippy(log: &mut Log) -> Result {
    let common = ["clippy", "--workspace", "--all-targets"];
    for features in [&[][..], &["--all-features"]] {
        log.run(cargo(&common).args(features).args(["--", "-D", "warnings"]))?;
    }
    let packages = ["bench", "echo-limits", "echo-ours", "instructions", "loadgen"];
    let mut clippy = bench::cargo(&["clippy"], &packages)?;
    log.run(clippy.args(["--all-targets", "--", "-D", "warnings"]))?;
    Ok(Outcome::Done)
}

/// Builds the documentation: first for us, then, to be left in the target folder, for users.
pub(crate) fn docs(log: &mut Log) -> Result {
    let common = ["doc", "--workspace", "--no-deps", "--all-features"];
    let users = ["--exclude", "interop-programs", "--exclude", "xtask"];
    for private in [&["--document-private-items"][..], &users] {
        log.run(cargo(&common).args(private).env("RUSTDOCFLAGS", "-D warnings"))?;
    }
    Ok(Outcome::Done)
}

/// Runs all tests, doc tests included, and those of the benchmark's driver. Without HTTP/2, `ws-hyper` behaves
/// otherwise.
pub(crate) fn test(log: &mut Log) -> Result {
    log.run(&mut cargo(&["test", "--workspace", "--all-features", "--no-fail-fast"]))?;
    log.run(&mut cargo(&["test", "--package", "ws-hyper", "--tests"]))?;
    log.run(&mut bench::cargo(&["test"], &["bench"])?)?;
    Ok(Outcome::Done)
}

/// Builds `ws-proto` where there is no operating system to do I/O with.
pub(crate) fn wasm(log: &mut Log) -> Result {
    const TARGET: &str = "wasm32-unknown-unknown";
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let libdir =
        Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output();
    let installed =
        libdir.is_ok_and(|out| Path::new(String::from_utf8_lossy(&out.stdout).trim_end()).is_dir());
    if !installed {
        return Ok(Outcome::Skipped(format!(
            "{TARGET} isn't installed; `tidy` proves that ws-proto does no I/O"
        )));
    }
    for features in [&[][..], &["--all-features"]] {
        log.run(cargo(&["check", "-p", "ws-proto", "--target", TARGET]).args(features))?;
    }
    Ok(Outcome::Done)
}

/// Makes the packages and builds each from its package; what one needs of another comes from
/// there, too, so nothing has to be published first.
///
/// In a directory of its own each time: cargo keeps what it has unpacked, by directory and version, and
/// would build against what was packed there before.
pub(crate) fn package(log: &mut Log) -> Result {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|e| e.to_string())?;
    let target = run::root().join(format!("target/package-{}", now.as_nanos()));
    let mut package = cargo(&["package", "--workspace", "--allow-dirty", "--exclude", "xtask"]);
    package.args(["--exclude", "interop-programs", "--target-dir"]).arg(&target);
    let packaged = log.run(&mut package);
    // It is in nobody's way if it stays.
    _ = std::fs::remove_dir_all(&target);
    packaged?;
    Ok(Outcome::Done)
}
