//! `cargo xtask interop`: other people's libraries against ours.
//!
//! The peers are in `xtask/interop/`: Python `websockets` (`peer.py`), Node's `ws` (`node.js`) and
//! Chromium (`browser.py`). What they need is installed into the cache; Chromium has to be there.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use lexopt::prelude::*;

use crate::{
    run::{self, Background, Log, Outcome, Result, cargo},
    workspace::Workspace,
};

/// Reads the options and runs the scenarios.
pub(crate) fn command(mut args: lexopt::Parser) -> Result {
    let (mut self_test, mut with_chromium) = (false, true);
    while let Some(arg) = args.next().map_err(|e| e.to_string())? {
        match arg {
            Long("self-test") => self_test = true,
            Long("without-chromium") => with_chromium = false,
            other => return Err(other.unexpected().to_string()),
        }
    }
    run(&mut Log::screen(), self_test, with_chromium)
}

/// The step of `ci`.
pub(crate) fn step(log: &mut Log) -> Result {
    run(log, false, true)
}

fn run(log: &mut Log, self_test: bool, with_chromium: bool) -> Result {
    let target = Workspace::load()?.target;
    let out = target.join("interop");
    std::fs::create_dir_all(&out).map_err(|e| format!("{}: {e}", out.display()))?;
    let peers = Peers::set_up(log)?;
    let chromium = if with_chromium { chromium() } else { None };

    let server = if self_test { peers.server() } else { echo_server(log, &target)? };
    // Python's server knows the paths of the README, and writes down what it saw.
    let scenarios = if self_test { Scenarios::Paths } else { Scenarios::Echo };
    let record = out.join("server.log");
    let (server, rest) = Background::serve(server, "listening on ws://", &record)?;
    let url = format!("ws://{rest}");
    let mut failed = Vec::new();
    for mut client in peers.clients(&url, scenarios, &record, chromium.as_deref()) {
        failed.extend(log.run(&mut client).err());
    }
    failed.extend(server.terminate().err());
    if !failed.is_empty() {
        return Err(failed.join("\n"));
    }
    match (chromium, with_chromium) {
        (None, true) => Ok(Outcome::Skipped("only Chromium: it isn't installed".to_owned())),
        _ => Ok(Outcome::Done),
    }
}

/// Our server, which echoes on every path.
fn echo_server(log: &mut Log, target: &Path) -> Result<Command> {
    log.run(&mut cargo(&["build", "--release", "-p", "websockets", "--example", "echo_server"]))?;
    let mut command = Command::new(target.join("release/examples/echo_server"));
    command.arg(format!("127.0.0.1:{}", run::free_port()?));
    Ok(command)
}

/// Which scenarios a server can take part in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Scenarios {
    /// Those in which it only echoes.
    Echo,
    /// All: it does what the path says and writes down what it saw.
    Paths,
}

/// The peers, installed.
struct Peers {
    python: PathBuf,
    node: PathBuf,
}

impl Peers {
    /// Installs what is missing in the cache.
    fn set_up(log: &mut Log) -> Result<Self> {
        let home = run::cache("interop")?;
        let python = home.join("venv/bin/python");
        install(&home, "requirements.txt", |folder| {
            log.run(
                Command::new("python3").args(["-m", "venv", "--clear", "venv"]).current_dir(folder),
            )?;
            let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
            log.run(Command::new(&python).args(pip).arg("requirements.txt").current_dir(folder))
        })?;
        install(&home, "package.json", |folder| {
            let npm = ["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"];
            log.run(Command::new("npm").args(npm).current_dir(folder))
        })?;
        // Node looks for packages beside the script.
        let node = home.join("node.js");
        copy(&ours("node.js"), &node)?;
        Ok(Self { python, node })
    }

    /// Python's server, on a port that it chooses.
    fn server(&self) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(ours("peer.py")).arg("server");
        command
    }

    /// The commands that drive the server at `url` and fail when anything is wrong. `record` is
    /// what the server prints.
    fn clients(
        &self,
        url: &str,
        scenarios: Scenarios,
        record: &Path,
        chromium: Option<&Path>,
    ) -> Vec<Command> {
        let mut python = Command::new(&self.python);
        python.arg(ours("peer.py")).args(["client", url]);
        let mut node = Command::new("node");
        node.arg(&self.node).arg(url);
        let browser = chromium.map(|chromium| {
            let mut browser = Command::new(&self.python);
            browser.arg(ours("browser.py")).arg(chromium).arg(url);
            browser
        });
        if scenarios == Scenarios::Echo {
            return [Some(python), Some(node), browser].into_iter().flatten().collect();
        }
        node.arg("--paths");
        let mut commands = vec![node];
        for mut command in [Some(python), browser].into_iter().flatten() {
            command.args(["--paths", "--log"]).arg(record);
            commands.push(command);
        }
        commands
    }
}

/// Calls `install` in `home` with the list of packages `name`, unless that very list has been
/// installed before.
fn install(home: &Path, name: &str, install: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let (source, done) = (ours(name), home.join(format!("{name}.installed")));
    let wanted = run::read(&source)?;
    if run::read(&done).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    copy(&source, &home.join(name))?;
    install(home)?;
    std::fs::write(&done, wanted).map_err(|e| format!("{}: {e}", done.display()))
}

/// Where Debian, other systems and Chrome's own package put it.
fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    std::env::split_paths(&path)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|program| program.is_file())
}

/// A file of `xtask/interop/`.
fn ours(name: &str) -> PathBuf {
    run::root().join("xtask/interop").join(name)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::copy(from, to).map(drop).map_err(|e| format!("{}: {e}", to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_installed_once_until_their_list_changes() -> Result<()> {
        let home = std::env::temp_dir().join(format!("xtask-interop-{}", std::process::id()));
        std::fs::create_dir_all(&home).map_err(|e| e.to_string())?;
        let mut calls = 0;
        let mut once = |result: Result<()>| {
            install(&home, "requirements.txt", |_| {
                calls += 1;
                result
            })
        };
        assert!(once(Err("no network".to_owned())).is_err());
        once(Ok(()))?;
        once(Err("not to be called".to_owned()))?;
        std::fs::write(home.join("requirements.txt.installed"), "old")
            .map_err(|e| e.to_string())?;
        once(Ok(()))?;
        std::fs::remove_dir_all(&home).map_err(|e| e.to_string())?;
        assert_eq!(calls, 3);
        Ok(())
    }
}
