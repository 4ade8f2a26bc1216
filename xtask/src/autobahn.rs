//! `cargo xtask autobahn`: the Autobahn test suite against our examples.
//!
//! The suite is installed by `xtask/autobahn/setup.sh`, which also ports it to Python 3; see the
//! README there. What each case must give is in `xtask/autobahn/expected-{server,client}.json`:
//! `OK`, but for the cases named there.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use lexopt::prelude::*;
use serde_json::Value as Json;

use crate::{
    run::{self, Background, Log, Outcome, Result, cargo},
    workspace::Workspace,
};

/// Left out unless `--cases` asks for them: permessage-deflate, which isn't there yet.
const NOT_YET: &[&str] = &["12.*", "13.*"];

/// The longest time that a run may take.
const LIMIT: Duration = Duration::from_secs(900);

/// The name under which we stand in the reports.
const AGENT: &str = "websockets";

/// Whom the suite tests.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Role {
    Server,
    Client,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
        }
    }
}

/// What the arguments ask for.
#[derive(Debug)]
struct Run {
    role: Role,
    /// Patterns; empty means all.
    cases: Vec<String>,
    exclude: Vec<String>,
    port: Option<u16>,
    /// A server that is running already, to be tested instead of ours.
    url: Option<String>,
    /// A client to be tested instead of ours.
    command: Vec<OsString>,
}

impl Run {
    fn new(role: Role) -> Self {
        let (cases, exclude, command) = (Vec::new(), Vec::new(), Vec::new());
        Self { role, cases, exclude, port: None, url: None, command }
    }

    fn parse(mut args: lexopt::Parser) -> std::result::Result<Self, lexopt::Error> {
        let role = match args.next()? {
            Some(Value(role)) if role == "server" => Role::Server,
            Some(Value(role)) if role == "client" => Role::Client,
            Some(other) => return Err(other.unexpected()),
            None => return Err("`server` or `client` is missing".into()),
        };
        let mut run = Self::new(role);
        while let Some(arg) = args.next()? {
            let strings =
                |args: &mut lexopt::Parser| -> std::result::Result<Vec<_>, lexopt::Error> {
                    args.values()?.map(|value| value.string()).collect()
                };
            match arg {
                Long("cases") => run.cases.extend(strings(&mut args)?),
                Long("exclude") => run.exclude.extend(strings(&mut args)?),
                Long("port") => run.port = Some(args.value()?.parse()?),
                Long("url") if role == Role::Server => run.url = Some(args.value()?.string()?),
                Value(program) if role == Role::Client => {
                    run.command.push(program);
                    run.command.extend(args.raw_args()?);
                }
                other => return Err(other.unexpected()),
            }
        }
        if run.cases.is_empty() {
            run.exclude.extend(NOT_YET.iter().map(ToString::to_string));
        }
        Ok(run)
    }
}

/// Reads the options and tests one role.
pub(crate) fn command(args: lexopt::Parser) -> Result {
    test(&mut Log::screen(), &Run::parse(args).map_err(|e| e.to_string())?)?;
    Ok(Outcome::Done)
}

/// The step of `ci`: both roles, all cases that we should pass.
pub(crate) fn step(log: &mut Log) -> Result {
    for role in [Role::Server, Role::Client] {
        let mut run = Run::new(role);
        run.exclude.extend(NOT_YET.iter().map(ToString::to_string));
        test(log, &run)?;
    }
    Ok(Outcome::Done)
}

/// Runs the cases and compares their results; any difference is an error.
fn test(log: &mut Log, run: &Run) -> Result<()> {
    let target = Workspace::load()?.target;
    let suite = Suite::set_up(log)?;
    let out = target.join("autobahn").join(run.role.name());
    if out.exists() {
        std::fs::remove_dir_all(&out).map_err(|e| format!("{}: {e}", out.display()))?;
    }
    std::fs::create_dir_all(&out).map_err(|e| format!("{}: {e}", out.display()))?;

    let start = Instant::now();
    match run.role {
        Role::Server => test_server(log, run, &suite, &target, &out)?,
        Role::Client => test_client(log, run, &suite, &target, &out)?,
    }
    let seconds = start.elapsed().as_secs_f64();

    let report = Report::read(run.role, &out)?;
    log.line(&format!("{} cases in {seconds:.0} s", report.results.len()));
    for key in KEYS {
        log.line(&format!("{key}: {}", report.counts(key)));
    }
    log.line(&format!("report: {}", out.join("index.html").display()));
    let differences = report.differences();
    for difference in &differences {
        log.line(&format!("  {difference}"));
    }
    match differences.len() {
        0 => Ok(()),
        n => Err(format!("{n} results of the {} differ from what is expected", run.role.name())),
    }
}

fn test_server(log: &mut Log, run: &Run, suite: &Suite, target: &Path, out: &Path) -> Result<()> {
    let mut server = None;
    let url = match &run.url {
        Some(url) => url.clone(),
        None => {
            let program = example(log, target, "echo_server")?;
            let address = format!("127.0.0.1:{}", run.port.map_or_else(run::free_port, Ok)?);
            let mut command = Command::new(program);
            command.args([&address, "--max-size", "none", "--max-fragments", "none"]);
            let ready = "listening on ws://";
            server = Some(Background::serve(command, ready, &out.join("subject.log"))?.0);
            format!("ws://{address}")
        }
    };
    let spec = suite.write_spec(log, "client", &url, run, out)?;
    suite.start("fuzzingclient", &spec, out)?.wait(LIMIT)?;
    if let Some(server) = server {
        server.terminate()?;
    }
    no_panic(out)
}

fn test_client(log: &mut Log, run: &Run, suite: &Suite, target: &Path, out: &Path) -> Result<()> {
    let port = run.port.map_or_else(run::free_port, Ok)?;
    let url = format!("ws://127.0.0.1:{port}");
    let mut command = match run.command.split_first() {
        Some((program, args)) => {
            let mut command = Command::new(program);
            command.args(args);
            command
        }
        None => {
            let mut command = Command::new(example(log, target, "autobahn_client")?);
            command.args([url.as_str(), AGENT]);
            command
        }
    };
    command.env("AUTOBAHN_URL", &url).env("AUTOBAHN_AGENT", AGENT);
    let spec = suite.write_spec(log, "server", &url, run, out)?;
    let mut server = suite.start("fuzzingserver", &spec, out)?;
    let deadline = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if server.has_ended()? || Instant::now() > deadline {
            return Err(format!("the fuzzing server doesn't listen: see {}", out.display()));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Background::start(&mut command, &out.join("subject.log"))?.wait(LIMIT)?;
    no_panic(out)
}

/// A task may hide a panic, so its message is looked for.
fn no_panic(out: &Path) -> Result<()> {
    let log = out.join("subject.log");
    let said = run::read(&log).unwrap_or_default();
    match said.lines().find(|line| line.contains("panicked at")) {
        Some(line) => Err(format!("{line} (see {})", log.display())),
        None => Ok(()),
    }
}

/// Builds an example of `websockets` in release mode and gives its path.
fn example(log: &mut Log, target: &Path, name: &str) -> Result<PathBuf> {
    log.run(&mut cargo(&["build", "--release", "-p", "websockets", "--example", name]))?;
    Ok(target.join("release/examples").join(name))
}

/// The test suite, installed.
struct Suite {
    wstest: PathBuf,
    python: PathBuf,
}

impl Suite {
    /// Installs it into the cache, if it isn't there.
    fn set_up(log: &mut Log) -> Result<Self> {
        log.line("Setting up the Autobahn test suite (a few seconds, the first time)");
        let home = run::cache("autobahn")?;
        let mut setup = Command::new("bash");
        setup.arg(run::root().join("xtask/autobahn/setup.sh")).env("AUTOBAHN_HOME", &home);
        let wstest = PathBuf::from(log.output(&mut setup)?.trim());
        Ok(Self { wstest, python: home.join("venv/bin/python") })
    }

    /// Writes the specification of a run; `mode` is the part that the suite plays.
    fn write_spec(
        &self,
        log: &mut Log,
        mode: &str,
        url: &str,
        run: &Run,
        out: &Path,
    ) -> Result<PathBuf> {
        let cases = if run.cases.is_empty() { "*".to_owned() } else { run.cases.join(" ") };
        let mut command = Command::new(&self.python);
        command.arg(run::root().join("xtask/autobahn/spec.py")).args([mode, url, AGENT]);
        let spec = log.output(command.arg(out).args([cases, run.exclude.join(" ")]))?;
        let path = out.join("spec.json");
        std::fs::write(&path, spec).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(path)
    }

    fn start(&self, mode: &str, spec: &Path, out: &Path) -> Result<Background> {
        let mut command = Command::new(&self.wstest);
        // The port of its web pages, which nobody looks at.
        command.args(["-m", mode, "-u", "0", "-s"]).arg(spec);
        Background::start(&mut command, &out.join("wstest.log"))
    }
}

/// The two verdicts on each case: on what was sent and received, and on how the connection ended.
const KEYS: [&str; 2] = ["behavior", "behaviorClose"];

/// What came out, what was asked for and what is expected.
#[derive(Debug)]
struct Report {
    /// The cases that were asked for.
    selected: Vec<String>,
    /// The suite's verdicts by case.
    results: BTreeMap<String, Json>,
    /// For each of [`KEYS`]: verdict to cases.
    expected: Json,
}

impl Report {
    fn read(role: Role, out: &Path) -> Result<Self> {
        let json = |path: &Path| -> Result<Json> {
            serde_json::from_str(&run::read(path)?).map_err(|e| format!("{}: {e}", path.display()))
        };
        let expected = format!("xtask/autobahn/expected-{}.json", role.name());
        let selected = json(&out.join("spec.json"))?;
        let selected = selected.get("expected").and_then(Json::as_array).cloned();
        let index = json(&out.join("index.json"))?;
        let results = index.get(AGENT).and_then(Json::as_object);
        Ok(Self {
            selected: selected
                .iter()
                .flatten()
                .filter_map(|case| Some(case.as_str()?.to_owned()))
                .collect(),
            results: results.into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect(),
            expected: json(&run::root().join(expected))?,
        })
    }

    /// How often each verdict was given.
    fn counts(&self, key: &str) -> String {
        let mut counts = BTreeMap::new();
        for verdict in self.results.values() {
            *counts.entry(text(verdict, key)).or_insert(0_usize) += 1;
        }
        let counts: Vec<_> = counts.iter().map(|(name, n)| format!("{name} {n}")).collect();
        counts.join(", ")
    }

    /// A line for each verdict that isn't the expected one, and for each case without any.
    fn differences(&self) -> Vec<String> {
        let mut differences = Vec::new();
        for case in &self.selected {
            let Some(result) = self.results.get(case) else {
                differences.push(format!("{case}: not run"));
                continue;
            };
            for key in KEYS {
                let (got, expected) = (text(result, key), self.expected(key, case));
                if got != expected {
                    let code = result.get("remoteCloseCode").unwrap_or(&Json::Null);
                    differences.push(format!(
                        "{case}: {key} is {got}, expected {expected} (close code {code}, see {})",
                        text(result, "reportfile")
                    ));
                }
            }
        }
        differences
    }

    /// The verdict that the case should get.
    fn expected(&self, key: &str, case: &str) -> &str {
        let lists = self.expected.get(key).and_then(Json::as_object);
        let named =
            |list: &Json| list.as_array().is_some_and(|list| list.iter().any(|c| c == case));
        let other = lists.into_iter().flatten().find(|(_, list)| named(list));
        other.map_or("OK", |(verdict, _)| verdict)
    }
}

fn text<'a>(json: &'a Json, key: &str) -> &'a str {
    json.get(key).and_then(Json::as_str).unwrap_or("nothing")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(one: &str, two: &str) -> Report {
        let result = |verdict: &str| json!({ "behavior": verdict, "behaviorClose": "OK", "reportfile": "x.json" });
        Report {
            selected: ["1.1.1", "7.1.6"].map(str::to_owned).into(),
            results: [("1.1.1".to_owned(), result(one)), ("7.1.6".to_owned(), result(two))].into(),
            expected: json!({ "behavior": { "INFORMATIONAL": ["7.1.6"] }, "behaviorClose": {} }),
        }
    }

    #[test]
    fn only_the_expected_verdicts_pass() {
        assert_eq!(report("OK", "INFORMATIONAL").differences(), [""; 0]);
        for (one, two) in
            [("NON-STRICT", "INFORMATIONAL"), ("INFORMATIONAL", "INFORMATIONAL"), ("OK", "OK")]
        {
            assert_eq!(report(one, two).differences().len(), 1, "{one} {two}");
        }
        let mut unclean = report("OK", "INFORMATIONAL");
        unclean.results.get_mut("1.1.1").expect("it is there")["behaviorClose"] = json!("UNCLEAN");
        assert_eq!(unclean.differences().len(), 1);
    }

    #[test]
    fn a_case_that_was_not_run_is_a_difference() {
        let mut report = report("OK", "INFORMATIONAL");
        report.results.remove("1.1.1");
        assert_eq!(report.differences(), ["1.1.1: not run"]);
    }

    #[test]
    fn verdicts_are_counted() {
        assert_eq!(report("OK", "OK").counts("behavior"), "OK 2");
        assert_eq!(report("OK", "INFORMATIONAL").counts("behavior"), "INFORMATIONAL 1, OK 1");
    }

    #[test]
    fn options_are_read_for_each_role() {
        let parse = |args: &[&str]| Run::parse(lexopt::Parser::from_args(args));
        let run =
            parse(&["server", "--cases", "1.*", "2.*", "--port", "9001"]).expect("it is right");
        assert_eq!((run.role, run.port), (Role::Server, Some(9001)));
        assert_eq!((run.cases, run.exclude), (vec!["1.*".to_owned(), "2.*".to_owned()], vec![]));
        let run =
            parse(&["client", "--exclude", "9.*", "--", "node", "--x", "y"]).expect("it is right");
        assert_eq!(run.command, ["node", "--x", "y"]);
        assert_eq!(run.exclude, ["9.*", "12.*", "13.*"]);
        for wrong in [
            &[][..],
            &["peer"],
            &["client", "--url", "x"],
            &["server", "x"],
            &["server", "--port", "x"],
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_is_expected_can_be_read() {
        for role in ["server", "client"] {
            let path = run::root().join(format!("xtask/autobahn/expected-{role}.json"));
            let expected: Json =
                serde_json::from_str(&run::read(&path).expect("it is there")).expect("it is JSON");
            for key in KEYS {
                assert!(expected.get(key).is_some_and(Json::is_object), "{role}: {key}");
            }
        }
    }
}
