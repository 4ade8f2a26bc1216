//! `cargo xtask instructions`: how many instructions our code takes, against the recorded numbers.
//!
//! Time is noisy, counts are not: a regression shows on any machine. Each measure of
//! `xtask/bench/instructions/` runs twice under callgrind, with different numbers of messages; the
//! difference is what the messages cost, without the start of the program.

use std::{fmt::Write, path::PathBuf, process::Command};

use serde_json::{Map, Value, json};

use crate::{
    bench,
    run::{self, Log, Outcome, Result},
};

/// The most that a count may differ from the recorded one, in percent. Another version of a dependency or
/// another processor moves a count by less, but for one without AVX2; a change that is worth a thought moves it by
/// more.
const TOLERANCE: f64 = 3.0;

/// Reads the options; `--update` records the counts instead of comparing them.
pub(crate) fn command(args: lexopt::Parser) -> Result {
    let [update] = run::flags(args, ["update"])?;
    let mut log = Log::screen();
    if !update {
        return step(&mut log);
    }
    let measured = Counts { rustc: rustc()?, counts: measure(&mut log)? };
    run::write(&file(), &format!("{:#}\n", measured.to_json())).map(|()| Outcome::Done)
}

/// The step of `ci`: compares.
pub(crate) fn step(log: &mut Log) -> Result {
    let measured = Counts { rustc: rustc()?, counts: measure(log)? };
    compare(&recorded()?, &measured).map(|()| Outcome::Done)
}

/// Instructions per message, by the name of the measure, and the compiler that made the code.
#[derive(Clone, Debug)]
struct Counts {
    rustc: String,
    counts: Vec<(String, f64)>,
}

impl Counts {
    fn to_json(&self) -> Value {
        let entry = |(name, count): &(String, f64)| (name.clone(), json!(count));
        let counts: Map<_, _> = self.counts.iter().map(entry).collect();
        json!({ "rustc": self.rustc, "instructions": counts })
    }

    fn from_json(json: &str) -> Option<Self> {
        let json: Value = serde_json::from_str(json).ok()?;
        let entry = |(name, count): (&String, &Value)| Some((name.clone(), count.as_f64()?));
        let counts = json.get("instructions")?.as_object()?.iter().map(entry);
        let rustc = json.get("rustc")?.as_str()?.to_owned();
        Some(Self { rustc, counts: counts.collect::<Option<_>>()? })
    }

    fn get(&self, name: &str) -> Option<f64> {
        self.counts.iter().find(|(known, _)| known == name).map(|(_, count)| *count)
    }
}

fn file() -> PathBuf {
    bench::folder().join("instructions.json")
}

fn recorded() -> Result<Counts> {
    let counts = Counts::from_json(&run::read(&file())?);
    counts.ok_or_else(|| format!("{} doesn't hold counts", file().display()))
}

fn rustc() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output();
    let output = output.map_err(|e| format!("rustc can't be started: {e}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Fails with a line for each measure that changed, in either direction: a gain that isn't recorded
/// would hide the next loss.
fn compare(recorded: &Counts, measured: &Counts) -> Result<()> {
    let mut lines = String::new();
    for (name, new) in &measured.counts {
        let _ = match recorded.get(name) {
            None => write!(lines, "\n{name}: {new} instructions, not recorded"),
            Some(old) => {
                let change = (new / old - 1.0) * 100.0;
                if change.abs() <= TOLERANCE {
                    continue;
                }
                let hint = if change < 0.0 { ", to be recorded" } else { "" };
                write!(
                    lines,
                    "\n{name}: {old} instructions before, {new} now ({change:+.1} %{hint})"
                )
            }
        };
    }
    for (name, _) in recorded.counts.iter().filter(|(name, _)| measured.get(name).is_none()) {
        let _ = write!(lines, "\n{name}: recorded, but not measured any more");
    }
    if lines.is_empty() {
        return Ok(());
    }
    let compiler = match recorded.rustc == measured.rustc {
        true => String::new(),
        false => {
            format!("; the compiler differs: {} recorded, {} here", recorded.rustc, measured.rustc)
        }
    };
    Err(format!(
        "instruction counts changed by more than {TOLERANCE} %{compiler}; \
        `cargo xtask instructions --update` records them{lines}"
    ))
}

/// Builds and counts all measures.
fn measure(log: &mut Log) -> Result<Vec<(String, f64)>> {
    let version = Command::new("valgrind").arg("--version").output();
    if !version.is_ok_and(|output| output.status.success()) {
        return Err("valgrind is missing: install the package `valgrind`".to_owned());
    }
    let program = bench::build(log, &["instructions"])?.join("instructions");
    let list = log.output(&mut Command::new(&program))?;
    let mut counts = Vec::new();
    for line in list.lines() {
        let measure =
            line.split_once('\t').and_then(|(name, size)| Some((name, size.parse().ok()?)));
        let (name, size): (&str, u32) = measure.ok_or("the list of measures has another form")?;
        // Enough to drown what differs from run to run, few enough to be quick.
        let (few, many) = if size >= 16 << 10 { (32, 160) } else { (1000, 6000) };
        let mut count = |messages: u32| -> Result<f64> {
            let mut valgrind = Command::new("valgrind");
            valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
            valgrind.arg(&program).args([name, &messages.to_string()]);
            collected(log, &mut valgrind)
        };
        let each = (count(many)? - count(few)?) / f64::from(many - few);
        let each = if each < 1000.0 { (each * 10.0).round() / 10.0 } else { each.round() };
        log.line(&format!("{name}: {each}"));
        counts.push((name.to_owned(), each));
    }
    Ok(counts)
}

/// Runs callgrind, which says on standard error how many instructions it has seen.
fn collected(log: &mut Log, valgrind: &mut Command) -> Result<f64> {
    let output = valgrind.output().map_err(|e| format!("valgrind can't be started: {e}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        log.line(&said);
        return Err(format!("valgrind ended with {}", output.status));
    }
    let collected = said.lines().find_map(|line| line.split_once("Collected : "));
    let collected = collected.and_then(|(_, count)| count.trim().parse().ok());
    collected.ok_or_else(|| format!("callgrind said no count: {said}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(rustc: &str, counts: &[(&str, f64)]) -> Counts {
        let own = |&(name, count): &(&str, f64)| (name.to_owned(), count);
        Counts { rustc: rustc.to_owned(), counts: counts.iter().map(own).collect() }
    }

    #[test]
    fn a_change_within_the_tolerance_passes() {
        let recorded = counts("rustc 1", &[("a", 100.0)]);
        for new in [97.5, 100.0, 102.5] {
            assert_eq!(compare(&recorded, &counts("rustc 2", &[("a", new)])), Ok(()));
        }
    }

    #[test]
    fn a_change_beyond_it_names_the_measure_and_both_counts() {
        let recorded = counts("rustc 1", &[("a", 100.0), ("b", 10.0)]);
        for new in [96.0, 104.0] {
            let error = compare(&recorded, &counts("rustc 1", &[("a", new), ("b", 10.0)]));
            let error = error.expect_err("4 % are too many");
            assert!(error.contains(&format!("a: 100 instructions before, {new} now")), "{error}");
            assert!(!error.contains("b:") && !error.contains("compiler"), "{error}");
        }
    }

    #[test]
    fn another_compiler_is_said_when_the_counts_differ() {
        let recorded = counts("rustc 1", &[("a", 100.0)]);
        let error = compare(&recorded, &counts("rustc 2", &[("a", 200.0)])).unwrap_err();
        assert!(error.contains("rustc 1 recorded, rustc 2 here"), "{error}");
    }

    #[test]
    fn a_measure_without_its_counterpart_fails() {
        let (none, one) = (counts("r", &[]), counts("r", &[("a", 1.0)]));
        assert!(compare(&none, &one).unwrap_err().contains("a: 1 instructions, not recorded"));
        assert!(compare(&one, &none).unwrap_err().contains("a: recorded, but not measured"));
    }

    #[test]
    fn counts_survive_the_file() {
        let written = counts("rustc 1", &[("decode 16 B", 69.5)]);
        let read = Counts::from_json(&written.to_json().to_string()).expect("what we write");
        assert_eq!(read.rustc, "rustc 1");
        assert_eq!(read.get("decode 16 B"), Some(69.5));
        assert!(Counts::from_json("{}").is_none());
    }
}
