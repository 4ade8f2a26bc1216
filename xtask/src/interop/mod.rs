//! `cargo xtask interop`: other people's libraries against ours.
//!
//! The peers are in `xtask/interop/`: Python `websockets` (`peer.py`), Node's `ws` (`node.js`) and
//! Chromium (`browser.py`). What they need is installed into the cache; Chromium has to be there.
//! The scenarios are theirs and `interop_client`'s; here is who talks to whom, and in [`deflate`] with
//! which compression. [`network`] has TLS servers, proxies and failures, crowds and engines. The programs of [`guides`]
//! use other libraries, or stand beside ours in one program with them.

mod deflate;
mod guides;
mod network;
mod tap;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    run::{self, Background, Log, Outcome, Result, cargo},
    workspace::Workspace,
};

/// The arguments.
#[derive(Clone, Copy, Debug)]
struct Options {
    /// The peers among themselves.
    self_test: bool,
    chromium: bool,
    part: Part,
}

/// The scenarios to be run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Part {
    /// All but those of the network.
    Usual,
    All,
    /// Only what is about compression.
    Deflate,
    /// Only TLS servers, proxies and failures.
    Network,
    /// Only the programs with other libraries.
    Guides,
}

/// Reads the options and runs the scenarios.
pub(crate) fn command(args: lexopt::Parser) -> Result {
    let names = ["self-test", "without-chromium", "deflate", "all", "network", "guides"];
    let [self_test, without_chromium, deflate, all, network, guides] = run::flags(args, names)?;
    let part = match (deflate, all, network, guides) {
        (false, false, false, false) => Part::Usual,
        (true, false, false, false) => Part::Deflate,
        (false, true, false, false) if !self_test => Part::All,
        (false, false, true, false) if !self_test => Part::Network,
        (false, false, false, true) if !self_test => Part::Guides,
        _ => return Err("options that exclude each other; see `cargo xtask --help`".to_owned()),
    };
    run(&mut Log::screen(), Options { self_test, chromium: !without_chromium, part })
}

/// The step of `ci`.
pub(crate) fn step(log: &mut Log) -> Result {
    run(log, Options { self_test: false, chromium: true, part: Part::Usual })
}

fn run(log: &mut Log, options: Options) -> Result {
    let target = Workspace::load()?.target;
    let out = target.join("interop");
    run::make_folder(&out)?;
    let peers = Peers::set_up(log, if options.chromium { chromium() } else { None })?;
    if options.part == Part::Guides {
        guides::test(log, &target, &peers)?;
        return Ok(Outcome::Done);
    }
    let ours =
        if options.self_test { None } else { Some(Ours::build(log, &target, options.part)?) };

    let mut failed = Vec::new();
    if matches!(options.part, Part::Usual | Part::All) {
        match &ours {
            Some(ours) => test_ours(log, &out, &peers, ours, &mut failed)?,
            None => test_peers(log, &out, &peers, &mut failed)?,
        }
    }
    if options.part != Part::Network {
        failed.extend(deflate::test(log, &out, &peers, ours.as_ref()));
    }
    if let (Some(ours), Part::All | Part::Network) = (&ours, options.part) {
        failed.extend(network::test(log, &peers, ours).err());
    }
    if options.part == Part::All {
        failed.extend(guides::test(log, &target, &peers).err());
    }
    if !failed.is_empty() {
        return Err(failed.join("\n"));
    }
    match (peers.chromium, options.chromium && options.part != Part::Network) {
        (None, true) => Ok(Outcome::Skipped("only Chromium: it isn't installed".to_owned())),
        _ => Ok(Outcome::Done),
    }
}

/// The peers among themselves, without compression.
fn test_peers(log: &mut Log, out: &Path, peers: &Peers, failed: &mut Vec<String>) -> Result<()> {
    for (name, server) in [("python", peers.python_server()), ("node", peers.node_server())] {
        let server = Serving::start(server, &out.join(format!("{name}.log")))?;
        for mut client in peers.clients(&server, Paths::Known) {
            // Node's library hands out whole messages only.
            if name == "node" && client.get_program() == peers.python {
                client.args(["--without", "piecewise"]);
            }
            failed.extend(log.run(&mut client).err());
        }
        failed.extend(server.program.terminate().err());
    }
    Ok(())
}

/// Our programs and the peers, without compression.
fn test_ours(
    log: &mut Log,
    out: &Path,
    peers: &Peers,
    ours: &Ours,
    failed: &mut Vec<String>,
) -> Result<()> {
    for (name, server, paths) in [
        ("echo_server", ours.echo_server(), Paths::Unknown),
        ("interop_server", Command::new(&ours.interop_server), Paths::Known),
    ] {
        let server = Serving::start(server, &out.join(format!("{name}.log")))?;
        for mut client in peers.clients(&server, paths) {
            failed.extend(log.run(&mut client).err());
        }
        failed.extend(server.program.terminate().err());
    }
    for (name, server) in [("python", peers.python_server()), ("node", peers.node_server())] {
        let server = Serving::start(server, &out.join(format!("{name}.log")))?;
        let mut client = peers.script("client.py");
        client.arg(&ours.interop_client).arg(&server.url).arg(&server.record);
        if name == "node" {
            client.args(["--without", "piecewise"]);
        }
        failed.extend(log.run(&mut client).err());
        failed.extend(server.program.terminate().err());
    }
    let mut programs = peers.script("programs.py");
    programs.arg(&ours.client).arg(&ours.echo_server);
    failed.extend(log.run(&mut programs).err());
    Ok(())
}

/// A server that runs.
struct Serving {
    program: Background,
    url: String,
    /// Where it chooses a subprotocol.
    choosing: String,
    /// The file that it writes its records to.
    record: PathBuf,
}

impl Serving {
    /// Starts a server, and waits until it says where it listens.
    fn start(server: Command, record: &Path) -> Result<Self> {
        let (program, rest) = Background::serve(server, "listening on ", record)?;
        let mut urls = rest.split(' ').map(str::to_owned);
        let url = urls.next().unwrap_or_default();
        let choosing = urls.next().unwrap_or_else(|| url.clone());
        Ok(Self { program, url, choosing, record: record.to_owned() })
    }
}

/// Our programs, built for release.
struct Ours {
    echo_server: PathBuf,
    client: PathBuf,
    axum_chat: PathBuf,
    chat: PathBuf,
    interop_server: PathBuf,
    interop_client: PathBuf,
    interop_deflate: PathBuf,
    interop_network: PathBuf,
    interop_crowd: PathBuf,
    interop_stacks: PathBuf,
}

impl Ours {
    fn build(log: &mut Log, target: &Path, part: Part) -> Result<Self> {
        let build = |args: &[&str]| cargo(&[&["build", "--release", "-p"], args].concat());
        log.run(&mut build(&["websockets-kit", "--examples"]))?;
        log.run(&mut build(&["interop-programs"]))?;
        if matches!(part, Part::All | Part::Network) {
            let chat = ["websockets-kit", "--example", "chat", "--features", "nats,redis"];
            log.run(&mut build(&chat))?;
            log.run(&mut build(&["ws-axum", "--example", "axum_chat", "--features", "http2"]))?;
            log.run(&mut build(&["interop-programs", "--features", "crowd,stacks"]))?;
        }
        let release = target.join("release");
        let example = |name| release.join("examples").join(name);
        Ok(Self {
            echo_server: example("echo_server"),
            client: example("client"),
            axum_chat: example("axum_chat"),
            chat: example("chat"),
            interop_server: release.join("interop_server"),
            interop_client: release.join("interop_client"),
            interop_deflate: release.join("interop_deflate"),
            interop_network: release.join("interop_network"),
            interop_crowd: release.join("interop_crowd"),
            interop_stacks: release.join("interop_stacks"),
        })
    }

    /// Our server, which echoes on every path, without compression.
    fn echo_server(&self) -> Command {
        let mut command = Command::new(&self.echo_server);
        command.args(["127.0.0.1:0", "--no-compression"]);
        command
    }
}

/// Whether a server knows the paths of the README, and writes down what it saw.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Paths {
    Known,
    /// It only echoes.
    Unknown,
}

/// The peers, installed.
struct Peers {
    python: PathBuf,
    /// The folder of the scripts for Node, beside their packages.
    node: PathBuf,
    chromium: Option<PathBuf>,
}

impl Peers {
    /// Installs what is missing in the cache.
    fn set_up(log: &mut Log, chromium: Option<PathBuf>) -> Result<Self> {
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
        for script in ["node.js", "deflate.js"] {
            copy(&ours(script), &home.join(script))?;
        }
        Ok(Self { python, node: home, chromium })
    }

    /// One of our scripts in Python.
    fn script(&self, name: &str) -> Command {
        let mut command = Command::new(&self.python);
        // The repository stays as it is.
        command.env("PYTHONDONTWRITEBYTECODE", "1").arg(ours(name));
        command
    }

    /// One of our scripts for Node.
    fn node(&self, name: &str) -> Command {
        let mut command = Command::new("node");
        command.arg(self.node.join(name));
        command
    }

    /// Python's server, on a port that it chooses.
    fn python_server(&self) -> Command {
        let mut command = self.script("peer.py");
        command.arg("server");
        command
    }

    /// Node's server, on a port that it chooses.
    fn node_server(&self) -> Command {
        let mut command = self.node("node.js");
        command.arg("server");
        command
    }

    /// The commands that drive a server and fail when anything is wrong.
    fn clients(&self, server: &Serving, paths: Paths) -> Vec<Command> {
        let mut python = self.script("peer.py");
        python.args(["client", &server.url]);
        let mut node = self.node("node.js");
        node.args(["client", &server.url]);
        let mut commands = vec![python, node];
        if let Some(chromium) = &self.chromium {
            let mut browser = self.script("browser.py");
            browser.arg(chromium).arg(&server.url);
            commands.push(browser);
        }
        if paths == Paths::Known {
            for command in &mut commands {
                command.args(["--paths", "--choosing", &server.choosing, "--log"]);
                command.arg(&server.record);
            }
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
    run::write(&done, &wanted)
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
    std::fs::copy(from, to).map(drop).map_err(run::about(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_installed_once_until_their_list_changes() -> Result<()> {
        let home = std::env::temp_dir().join(format!("xtask-interop-{}", std::process::id()));
        run::make_folder(&home)?;
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
        run::write(&home.join("requirements.txt.installed"), "old")?;
        once(Ok(()))?;
        std::fs::remove_dir_all(&home).map_err(|e| e.to_string())?;
        assert_eq!(calls, 3);
        Ok(())
    }
}
