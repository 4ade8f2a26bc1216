//! The suite itself: how it is installed, which cases it has, and running some of them.

use std::{
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use serde_json::json;

use super::AGENT;
use crate::run::{self, Background, Log, Result};

/// The longest time that the cases of one start may take.
const LIMIT: Duration = Duration::from_secs(900);

/// The test suite, installed.
#[derive(Debug)]
pub(super) struct Suite {
    wstest: PathBuf,
    python: PathBuf,
}

impl Suite {
    /// Installs it into the cache, if it isn't there.
    pub(super) fn set_up(log: &mut Log) -> Result<Self> {
        log.line("Setting up the Autobahn test suite (a few seconds, the first time)");
        let home = run::cache("autobahn")?;
        let mut setup = Command::new("bash");
        setup.arg(file("setup.sh")).env("AUTOBAHN_HOME", &home);
        let wstest = PathBuf::from(log.output(&mut setup)?.trim());
        Ok(Self { wstest, python: home.join("venv/bin/python") })
    }

    /// The cases that the patterns name, in the order of the suite; no pattern means all.
    pub(super) fn cases(
        &self,
        log: &mut Log,
        patterns: &[String],
        excluded: &[String],
    ) -> Result<Vec<String>> {
        let patterns = if patterns.is_empty() { "*".to_owned() } else { patterns.join(" ") };
        let mut command = Command::new(&self.python);
        command.arg(file("cases.py")).args([patterns, excluded.join(" ")]);
        Ok(log.output(&mut command)?.lines().map(str::to_owned).collect())
    }

    /// Runs cases against the server at `url`; the reports go to the folder `out`.
    pub(super) fn test_server(&self, url: &str, cases: &[String], out: &Path) -> Result<()> {
        self.start("fuzzingclient", url, cases, out)?.wait(LIMIT)
    }

    /// Runs cases against the client that `command` makes for the URL to connect to.
    pub(super) fn test_client(
        &self,
        command: impl FnOnce(&str) -> Command,
        cases: &[String],
        out: &Path,
    ) -> Result<()> {
        let port = run::free_port()?;
        let url = format!("ws://127.0.0.1:{port}");
        let mut server = self.start("fuzzingserver", &url, cases, out)?;
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if server.has_ended()? || Instant::now() > deadline {
                return Err(format!("the fuzzing server doesn't listen: see {}", out.display()));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Background::start(&mut command(&url), &out.join("subject.log"))?.wait(LIMIT)
    }

    /// Starts the suite, as a client of the server at `url` or as a server there.
    fn start(&self, mode: &str, url: &str, cases: &[String], out: &Path) -> Result<Background> {
        let spec = json!({
            "outdir": out,
            "cases": cases,
            "exclude-agent-cases": {},
            // For the client.
            "servers": [{ "agent": AGENT, "url": url }],
            // For the server.
            "url": url,
            "interface": "127.0.0.1",
        });
        let path = out.join("spec.json");
        run::write(&path, &spec.to_string())?;
        let mut command = Command::new(&self.wstest);
        // No port for its web pages, which nobody looks at.
        command.args(["-m", mode, "-u", "0", "-s"]).arg(&path);
        Background::start(&mut command, &out.join("wstest.log"))
    }
}

/// A file of `xtask/autobahn/`.
pub(super) fn file(name: &str) -> PathBuf {
    run::root().join("xtask/autobahn").join(name)
}
