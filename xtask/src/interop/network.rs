//! TLS servers, proxies and failures of the network, by `interop_network`; thousands of connections, and rooms over
//! engines, by `interop_crowd`; and the programs that they start.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use super::{Ours, Peers, ours};
use crate::run::{Log, Result};

/// The programs that have to be there, each with Debian's package.
const PROGRAMS: &[(&str, &str)] = &[
    ("openssl", "openssl"),
    ("nginx", "nginx"),
    ("squid", "squid"),
    ("/usr/lib/squid/basic_ncsa_auth", "squid"),
    ("/usr/lib/squid/digest_file_auth", "squid"),
    ("tinyproxy", "tinyproxy-bin"),
    ("haproxy", "haproxy"),
    ("microsocks", "microsocks"),
    ("danted", "dante-server"),
    ("redis-server", "redis-server"),
    ("nats-server", "nats-server"),
    ("kill", "procps"),
    ("unshare", "util-linux"),
    ("ip", "iproute2"),
];

/// Runs the scenarios; fails when one does, or when a program is missing that can't be installed.
pub(super) fn test(log: &mut Log, peers: &Peers, programs: &Ours) -> Result<()> {
    let path = path();
    install(log, &missing(PROGRAMS, &path), &path)?;
    let mut command = Command::new(&programs.interop_network);
    command.arg(&programs.echo_server).arg(&peers.python).arg(ours("tls_server.py"));
    let network = log.run(command.env("PATH", &path));
    let crowd = log.run(Command::new(&programs.interop_crowd).env("PATH", &path));
    let mut all = network.and(crowd);
    if let Some(chromium) = &peers.chromium {
        for (script, server) in [
            ("chat.py", &programs.chat),
            ("axum_chat.py", &programs.axum_chat),
            ("http2.py", &programs.interop_stacks),
        ] {
            let mut browser = peers.script(script);
            let talk = browser.arg(chromium).arg(server).env("PATH", &path);
            all = all.and(log.run(talk));
        }
    }
    all
}

/// Where to look for programs: servers are at places that not everybody has in `PATH`.
fn path() -> OsString {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(":/usr/local/sbin:/usr/sbin:/sbin");
    path
}

/// The programs that aren't at any place of `path`.
fn missing<'a>(programs: &[(&'a str, &'a str)], path: &OsString) -> Vec<(&'a str, &'a str)> {
    let folders: Vec<PathBuf> = std::env::split_paths(path).collect();
    let is_there = |name: &str| folders.iter().any(|folder| folder.join(name).is_file());
    programs.iter().copied().filter(|(name, _)| !is_there(name)).collect()
}

/// Installs the packages of these programs, if this is Debian in a container.
fn install(log: &mut Log, programs: &[(&str, &str)], path: &OsString) -> Result<()> {
    if programs.is_empty() {
        return Ok(());
    }
    let mut packages: Vec<&str> = programs.iter().map(|(_, package)| *package).collect();
    packages.dedup();
    let names: Vec<&str> = programs.iter().map(|(name, _)| *name).collect();
    let by_hand = format!(
        "missing: {}; install them: apt-get install --no-install-recommends {}",
        names.join(", "),
        packages.join(" ")
    );
    let is_root = log.output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if !is_root || !missing(&[("apt-get", "apt")], path).is_empty() {
        return Err(by_hand);
    }
    // It would start them as services, for the whole network.
    if Path::new("/run/systemd/system").exists() {
        return Err(format!("{by_hand} (not done here, since systemd would start the servers)"));
    }
    log.run(Command::new("apt-get").args(["update", "-qq"]))?;
    let mut command = Command::new("apt-get");
    command.args(["install", "-y", "-qq", "--no-install-recommends"]).args(&packages);
    log.run(command.env("DEBIAN_FRONTEND", "noninteractive"))?;
    let missing = missing(programs, path);
    let names: Vec<&str> = missing.iter().map(|(name, _)| *name).collect();
    match names[..] {
        [] => Ok(()),
        _ => Err(format!("still missing after the installation: {}", names.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_that_are_missing_are_found() {
        let programs = [("sh", "dash"), ("no-such-program-here", "x"), ("/bin/sh", "dash")];
        assert_eq!(missing(&programs, &path()), [("no-such-program-here", "x")]);
    }
}
