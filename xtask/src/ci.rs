//! `cargo xtask ci`: the steps that a merge needs, in an order that finds cheap mistakes first.

use std::{
    io::Write,
    time::{Duration, Instant},
};

use lexopt::prelude::*;

use crate::{
    autobahn, cargo_steps, consumers, deps, features, instructions, interop,
    run::{self, Log, Outcome, Result},
    tidy,
    workspace::Workspace,
};

/// One check, runnable alone as `cargo xtask NAME`.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    /// One line for the help.
    pub(crate) about: &'static str,
    pub(crate) run: fn(&mut Log) -> Result,
    /// Whether `ci` shows the output of a step that passes, too.
    shown: bool,
}

/// A step of which `ci` shows nothing but the time, unless it fails.
const fn quiet(name: &'static str, run: fn(&mut Log) -> Result, about: &'static str) -> Step {
    Step { name, about, run, shown: false }
}

/// All steps. The order also lets each reuse what the earlier ones built.
pub(crate) const STEPS: &[Step] = &[
    quiet(
        "fmt",
        cargo_steps::fmt,
        "formatting, of the crates and of the programs outside the workspace",
    ),
    quiet("tidy", tidy::step, "rules of this repository that no other tool checks"),
    quiet(
        "clippy",
        cargo_steps::clippy,
        "no warning, on all targets, with default and with all features",
    ),
    quiet("docs", cargo_steps::docs, "rustdoc without a warning, with and without private items"),
    Step {
        name: "test",
        about: "all tests and doc tests with all features",
        run: cargo_steps::test,
        shown: true,
    },
    quiet("features", features::step, "each crate with no feature and with each feature alone"),
    quiet("deps", deps::step, "the number of dependencies of each crate against its budget"),
    quiet(
        "wasm",
        cargo_steps::wasm,
        "ws-proto for wasm32-unknown-unknown, if that target is installed",
    ),
    quiet("consumers", consumers::step, "each crate used alone by a program outside the workspace"),
    quiet(
        "package",
        cargo_steps::package,
        "each crate as it would be published, built from its package",
    ),
    quiet(
        "instructions",
        instructions::step,
        "instruction counts of the codec and of an echo against the recorded ones",
    ),
    quiet("autobahn", autobahn::step, "the Autobahn test suite against our server and our client"),
    quiet("interop", interop::step, "Python, Node and Chromium against our server and our client"),
];

/// Reads the options and runs the steps.
///
/// Each step runs, whatever became of those before; the error counts the ones that failed.
pub(crate) fn command(mut args: lexopt::Parser) -> Result {
    let mut without = Vec::new();
    while let Some(arg) = args.next().map_err(|e| e.to_string())? {
        match arg {
            Long("without") => {
                let name = args.value().and_then(|v| v.string()).map_err(|e| e.to_string())?;
                if !STEPS.iter().any(|step| step.name == name) {
                    return Err(format!("no step `{name}`; see `cargo xtask --help`"));
                }
                without.push(name);
            }
            other => return Err(other.unexpected().to_string()),
        }
    }
    let logs = Workspace::load()?.target.join("xtask");
    run::make_folder(&logs)?;

    let start = Instant::now();
    let mut lines = Vec::new();
    let mut failed = 0;
    for step in STEPS {
        let (verdict, time) = if without.iter().any(|name| name == step.name) {
            ("left out".to_owned(), Duration::ZERO)
        } else {
            print!("{:<12} ", step.name);
            if step.shown {
                println!();
            }
            // The name is to be seen while the step runs.
            let _ = std::io::stdout().flush();
            let start = Instant::now();
            let mut log = match step.shown {
                true => Log::screen(),
                false => Log::file(&logs.join(format!("{}.log", step.name)))?,
            };
            let verdict = match (step.run)(&mut log) {
                Ok(Outcome::Done) => "ok".to_owned(),
                Ok(Outcome::Skipped(why)) => format!("skipped: {why}"),
                Err(message) => {
                    failed += 1;
                    println!("FAILED");
                    log.replay();
                    format!("FAILED: {message}")
                }
            };
            println!("{}", line("", &verdict, start.elapsed()).trim_start());
            (verdict, start.elapsed())
        };
        lines.push(line(step.name, &verdict, time));
    }

    println!("\nSummary");
    for line in lines {
        println!("{line}");
    }
    println!("{}", line("all", if failed == 0 { "ok" } else { "FAILED" }, start.elapsed()));
    match failed {
        0 => Ok(Outcome::Done),
        n => Err(format!("{n} of {} steps failed", STEPS.len())),
    }
}

fn line(name: &str, verdict: &str, time: Duration) -> String {
    format!("{name:<12} {:>6.1} s  {verdict}", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_has_a_name_of_its_own_and_says_what_it_does() {
        for (i, step) in STEPS.iter().enumerate() {
            assert!(!step.about.is_empty());
            assert!(STEPS.iter().skip(i + 1).all(|later| later.name != step.name), "{}", step.name);
        }
    }
}
