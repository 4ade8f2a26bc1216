//! `cargo xtask autobahn`: the Autobahn test suite against our examples.
//!
//! The suite is installed by `xtask/autobahn/setup.sh`, which also ports it to Python 3; see the
//! README there. What each case must give is in `xtask/autobahn/expected.json`: `OK`, but for the
//! cases named there.

mod report;
mod suite;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use lexopt::prelude::*;

use self::{report::Report, suite::Suite};
use crate::{
    run::{self, Background, Log, Outcome, Result, cargo},
    workspace::Workspace,
};

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

/// The arguments.
#[derive(Debug)]
struct Run {
    role: Role,
    /// Patterns; empty means all.
    cases: Vec<String>,
    exclude: Vec<String>,
    /// Only those of the cases that `ci` runs.
    sample: bool,
    /// A server that is running already, to be tested instead of ours.
    url: Option<String>,
    /// The HTTP library whose server takes the place of ours: `hyper` or `axum`.
    through: Option<String>,
    /// A client to be tested instead of ours.
    command: Vec<OsString>,
}

impl Run {
    fn new(role: Role) -> Self {
        let (cases, exclude, command) = (Vec::new(), Vec::new(), Vec::new());
        Self { role, cases, exclude, sample: false, url: None, through: None, command }
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
                Long("sample") => run.sample = true,
                Long("url") if role == Role::Server => run.url = Some(args.value()?.string()?),
                Long("through") if role == Role::Server => {
                    run.through = Some(args.value()?.string()?);
                }
                Value(program) if role == Role::Client => {
                    run.command.push(program);
                    run.command.extend(args.raw_args()?);
                }
                other => return Err(other.unexpected()),
            }
        }
        Ok(run)
    }
}

/// Reads the options and tests one role.
pub(crate) fn command(args: lexopt::Parser) -> Result {
    test(&mut Log::screen(), &Run::parse(args).map_err(|e| e.to_string())?)?;
    Ok(Outcome::Done)
}

/// The step of `ci`: both roles, with the sample of the cases.
pub(crate) fn step(log: &mut Log) -> Result {
    for role in [Role::Server, Role::Client] {
        test(log, &Run { sample: true, ..Run::new(role) })?;
    }
    Ok(Outcome::Done)
}

/// Runs the cases and compares their results; any difference is an error.
fn test(log: &mut Log, run: &Run) -> Result<()> {
    let role = run.role.name();
    let target = Workspace::load()?.target;
    let suite = Suite::set_up(log)?;
    let out = target.join("autobahn").join(role);
    if out.exists() {
        std::fs::remove_dir_all(&out).map_err(run::about(&out))?;
    }
    let mut cases = suite.cases(log, &run.cases, &run.exclude)?;
    cases.retain(|case| !run.sample || in_sample(case));
    let parts = parts(&cases, &out);
    for part in &parts {
        run::make_folder(&part.out)?;
    }

    let start = Instant::now();
    match run.role {
        Role::Server => test_server(log, run, &suite, &target, &out, &parts)?,
        Role::Client => test_client(log, run, &suite, &target, &parts)?,
    }
    let time = start.elapsed();

    let report = Report::read(&cases, parts.iter().map(|part| part.out.as_path()))?;
    let page = out.join("index.html");
    let whose = if run.url.is_none() && run.command.is_empty() { "our" } else { "another" };
    let html = report.page(&format!("Autobahn test suite: {whose} {role}"), time)?;
    run::write(&page, &html)?;
    let differences = report.differences();
    for difference in &differences {
        log.line(&format!("  {difference}"));
    }
    log.line(&format!("report: {}", page.display()));
    let (count, seconds) = (cases.len(), time.as_secs());
    log.line(&format!("{role}, {count} cases in {seconds} s: {}", report.summary()));
    match differences.len() {
        0 => Ok(()),
        n => Err(format!("{n} results of the {role} differ from what is expected")),
    }
}

/// Whether `ci` runs the case.
///
/// Of 12.\* and 13.\*, where most of the time goes (`12.PAYLOAD.SIZE`, `13.PARAMETERS.SIZE`), these
/// are the five shortest sizes with each payload and each set of parameters; and each other size
/// with one payload and with one set of parameters.
fn in_sample(case: &str) -> bool {
    let numbers: Vec<usize> = case.split('.').filter_map(|number| number.parse().ok()).collect();
    match numbers[..] {
        [12, payload, size] => size <= 5 || size % 5 == payload % 5,
        [13, parameters, size] => size <= 5 || size % 7 == parameters % 7,
        _ => true,
    }
}

/// Cases for one start of the suite.
#[derive(Debug)]
struct Part {
    name: String,
    cases: Vec<String>,
    /// The folder for its reports.
    out: PathBuf,
    /// Whether nothing else may run meanwhile: a peer that reads two frames at once, since it is
    /// late, may get another verdict.
    alone: bool,
}

/// 12.1, 12.2 and so on are parts, and all cases that are no matter of compression are one.
fn parts(cases: &[String], out: &Path) -> Vec<Part> {
    let mut parts = BTreeMap::new();
    for case in cases {
        let compressed = ["12.", "13."].iter().any(|section| case.starts_with(section));
        let subsection = case.rsplit_once('.').filter(|_| compressed);
        let name = subsection.map_or("basic", |(name, _)| name);
        parts.entry((compressed, name)).or_insert_with(Vec::new).push(case.clone());
    }
    let part = |((compressed, name), cases): ((bool, &str), _)| {
        let (name, out) = (name.to_owned(), out.join(name));
        Part { name, cases, out, alone: !compressed }
    };
    parts.into_iter().map(part).collect()
}

/// Runs the parts, as many at once as there are cores: in each of them, the suite and whom it tests
/// wait for each other.
fn run_parts(
    log: &mut Log,
    parts: &[Part],
    run: impl Fn(&Part) -> Result<()> + Sync,
) -> Result<()> {
    let ended = Mutex::new((log, Vec::new()));
    let one = |part: &Part| {
        let start = Instant::now();
        let result = run(part);
        let (count, seconds) = (part.cases.len(), start.elapsed().as_secs_f64());
        let mut ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.0.line(&format!("{}: {count} cases in {seconds:.0} s", part.name));
        ended.1.extend(result.err());
    };
    let (alone, together): (Vec<_>, Vec<_>) = parts.iter().partition(|part| part.alone);
    alone.into_iter().for_each(one);
    run::in_parallel(&together, |part| one(part));
    let failed = ended.into_inner().unwrap_or_else(PoisonError::into_inner).1;
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
}

fn test_server(
    log: &mut Log,
    run: &Run,
    suite: &Suite,
    target: &Path,
    out: &Path,
    parts: &[Part],
) -> Result<()> {
    let subject = out.join("subject.log");
    let (server, url) = match &run.url {
        Some(url) => (None, url.clone()),
        None => {
            let command = match &run.through {
                Some(stack) => {
                    let mut command = Command::new(stacks(log, target)?);
                    command.arg(stack);
                    command
                }
                None => {
                    let mut command = Command::new(example(log, target, "echo_server")?);
                    command.args(["127.0.0.1:0", "--max-size", "none", "--max-fragments", "none"]);
                    command
                }
            };
            let (server, url) = Background::serve(command, "listening on ", &subject)?;
            (Some(server), url)
        }
    };
    run_parts(log, parts, |part| suite.test_server(&url, &part.cases, &part.out))?;
    if let Some(server) = server {
        server.terminate()?;
        no_panic(&subject)?;
    }
    Ok(())
}

fn test_client(
    log: &mut Log,
    run: &Run,
    suite: &Suite,
    target: &Path,
    parts: &[Part],
) -> Result<()> {
    let (program, args) = match run.command.split_first() {
        Some((program, args)) => (program.clone(), Some(args)),
        None => (example(log, target, "autobahn_client")?.into(), None),
    };
    let command = |url: &str| {
        let mut command = Command::new(&program);
        match args {
            Some(args) => command.args(args),
            None => command.args([url, AGENT]),
        };
        command.env("AUTOBAHN_URL", url).env("AUTOBAHN_AGENT", AGENT);
        command
    };
    run_parts(log, parts, |part| {
        let subject = part.out.join("subject.log");
        suite.test_client(command, &part.cases, &part.out)?;
        no_panic(&subject)
    })
}

/// A task may hide a panic, so its message is looked for.
fn no_panic(log: &Path) -> Result<()> {
    match run::read(log)?.lines().find(|line| line.contains("panicked at")) {
        Some(line) => Err(format!("{line} (see {})", log.display())),
        None => Ok(()),
    }
}

/// Builds our server within other HTTP libraries and gives its path.
fn stacks(log: &mut Log, target: &Path) -> Result<PathBuf> {
    let package = ["-p", "interop-programs", "--features", "stacks"];
    log.run(&mut cargo(&[&["build", "--release"], &package[..]].concat()))?;
    Ok(target.join("release/interop_stacks"))
}

/// Builds an example of the umbrella in release mode and gives its path.
fn example(log: &mut Log, target: &Path, name: &str) -> Result<PathBuf> {
    log.run(&mut cargo(&["build", "--release", "-p", "websockets-kit", "--example", name]))?;
    Ok(target.join("release/examples").join(name))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn options_are_read_for_each_role() {
        let parse = |args: &[&str]| Run::parse(lexopt::Parser::from_args(args));
        let run = parse(&["server", "--cases", "1.*", "2.*", "--sample"]).expect("it is right");
        assert_eq!((run.role, run.sample), (Role::Server, true));
        assert_eq!((run.cases, run.exclude), (vec!["1.*".to_owned(), "2.*".to_owned()], vec![]));
        let run =
            parse(&["client", "--exclude", "9.*", "--", "node", "--x", "y"]).expect("it is right");
        assert_eq!(run.command, ["node", "--x", "y"]);
        assert_eq!((run.exclude, run.sample), (vec!["9.*".to_owned()], false));
        for wrong in [
            &[][..],
            &["peer"],
            &["client", "--url", "x"],
            &["server", "x"],
            &["server", "--sample", "x"],
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_sample_has_each_size_each_payload_and_each_set_of_parameters() {
        for (section, groups) in [(12, 5), (13, 7)] {
            let case = |group, size| in_sample(&format!("{section}.{group}.{size}"));
            for group in 1..=groups {
                assert!((1..=5).all(|size| case(group, size)), "{section}.{group}");
                assert!((6..=18).any(|size| case(group, size)), "{section}.{group}");
            }
            for size in 6..=18 {
                let count = (1..=groups).filter(|&group| case(group, size)).count();
                assert_eq!(count, 1, "{section}.*.{size}");
            }
        }
        assert!(["1.1.1", "9.8.6", "10.1.1", "7.13.2"].into_iter().all(in_sample));
    }

    #[test]
    fn cases_with_compression_are_parts_by_subsection_and_the_others_run_alone() {
        let cases = ["1.1.1", "9.8.6", "12.1.1", "12.1.18", "13.2.3"].map(str::to_owned);
        let parts = parts(&cases, Path::new("out"));
        let parts = parts.iter().map(|part| (part.name.as_str(), part.cases.len(), part.alone));
        let wanted = [("basic", 2, true), ("12.1", 2, false), ("13.2", 1, false)];
        assert_eq!(parts.collect::<Vec<_>>(), wanted);
    }

    #[test]
    fn each_part_runs_once_and_a_failed_one_is_no_affair_of_the_others() {
        let cases: Vec<_> = (1..=9).map(|size| format!("12.{size}.1")).collect();
        let ran = AtomicUsize::new(0);
        let ended = run_parts(&mut Log::screen(), &parts(&cases, Path::new("out")), |part| {
            ran.fetch_add(1, Ordering::Relaxed);
            if part.name == "12.3" { Err("it failed".to_owned()) } else { Ok(()) }
        });
        assert_eq!((ran.into_inner(), ended), (9, Err("it failed".to_owned())));
    }
}
