//! `cargo xtask deps`: what each crate costs its users in dependencies, against its budget.
//!
//! The counts and the reason of each dependency, taken from the comments of the manifests, are
//! kept in `docs/project/dependencies.md`, so that a change shows in its diff.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use crate::{
    run::{self, Log, Outcome, Result, cargo},
    tidy::manifest::{self, Kind},
    workspace::{self, Workspace},
};

/// The most packages that a crate may bring with default features: itself, proc macros and build
/// dependencies included.
const BUDGETS: &[(&str, usize)] = &[
    ("ws-types", 8),
    ("ws-headers", 12),
    ("ws-errors", 15),
    ("ws-proto", 36),
    ("ws-tokio", 49),
    ("ws-rooms", 51),
    ("ws-hyper", 56),
    ("ws-axum", 69),
];

/// Packages that a crate must never bring, whatever its features.
const BANNED: &[(&str, &str)] = &[("ws-proto", "tokio")];

/// The platform that is counted for, so that every machine writes the same table.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

const PAGE: &str = "docs/project/dependencies.md";

/// Reads the options: `--check` only compares the page, else a stale one is rewritten.
pub(crate) fn command(args: lexopt::Parser) -> Result {
    let [only_check] = run::flags(args, ["check"])?;
    check(&mut Log::screen(), !only_check)
}

/// The step of `ci`: rewrites nothing.
pub(crate) fn step(log: &mut Log) -> Result {
    check(log, false)
}

fn check(log: &mut Log, rewrite: bool) -> Result {
    let mut rows = Vec::new();
    let mut findings = Vec::new();
    for package in Workspace::load()?.published {
        let name = package.name;
        let default = tree(log, &name, &[])?;
        let all = tree(log, &name, &["--all-features"])?;
        findings.extend(judge(&name, &default, &all));
        log.line(&format!("{name}: {} by default, {} with all features", default.len(), all.len()));
        rows.push((name, default.len(), all.len()));
    }
    if !findings.is_empty() {
        return Err(findings.join("\n"));
    }
    let page = page(&rows, &reasons(&rows)?);
    let path = run::root().join(PAGE);
    let stale = run::read(&path).is_ok_and(|old| old != page) || !path.exists();
    match (stale, rewrite) {
        (false, _) => Ok(Outcome::Done),
        (true, false) => Err(format!("{PAGE} is stale: run `cargo xtask deps`")),
        (true, true) => {
            run::write(&path, &page)?;
            log.line(&format!("{PAGE} was stale and has been rewritten"));
            Ok(Outcome::Done)
        }
    }
}

/// All packages that `name` needs, itself included, each as "name version".
fn tree(log: &mut Log, name: &str, features: &[&str]) -> Result<BTreeSet<String>> {
    let common = ["tree", "--prefix", "none", "--edges", "normal,build", "--format", "{p}"];
    let mut command = cargo(&common);
    command.args(["--target", PLATFORM, "-p", name]).args(features);
    Ok(packages(&log.output(&mut command)?))
}

/// The distinct packages in the output of `cargo tree`.
fn packages(printed: &str) -> BTreeSet<String> {
    let words = |line: &str| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    printed.lines().filter(|line| !line.trim().is_empty()).map(words).collect()
}

/// The faults in the packages of one crate.
fn judge(name: &str, default: &BTreeSet<String>, all: &BTreeSet<String>) -> Vec<String> {
    let mut findings = Vec::new();
    if let Some((_, budget)) = BUDGETS.iter().find(|(krate, _)| *krate == name)
        && default.len() > *budget
    {
        let list: Vec<_> = default.iter().map(String::as_str).collect();
        let (count, list) = (default.len(), list.join(", "));
        findings.push(format!("{name} has {count} packages, its budget is {budget}: {list}"));
    }
    for (_, banned) in BANNED.iter().filter(|(krate, _)| *krate == name) {
        if all.iter().any(|package| package.split(' ').next() == Some(banned)) {
            findings.push(format!("{name} must never bring {banned}"));
        }
    }
    findings
}

/// The reason of each direct dependency, by crate and name.
type Reasons = BTreeMap<String, Vec<(String, String)>>;

fn reasons(rows: &[(String, usize, usize)]) -> Result<Reasons> {
    let mut reasons = Reasons::new();
    for (name, ..) in rows {
        let text = run::read(
            &run::root().join("crates").join(workspace::folder(name)).join("Cargo.toml"),
        )?;
        let list = manifest::dependencies(&text)
            .into_iter()
            .filter(|dependency| dependency.kind != Kind::Dev)
            .map(|dependency| (dependency.name, dependency.reason.unwrap_or_default()))
            .collect();
        reasons.insert(name.clone(), list);
    }
    Ok(reasons)
}

/// The whole page.
fn page(rows: &[(String, usize, usize)], reasons: &Reasons) -> String {
    let mut page = String::from(
        "# Dependencies\n\n\
         Written by `cargo xtask deps`; `cargo xtask ci` fails when it is stale or a budget is exceeded.\n\n\
         Packages that a crate brings: itself, normal and build dependencies and proc macros, as\n\
         `cargo tree --edges normal,build` counts them for Linux on x86-64.\n\n\
         | crate | default features | budget | all features |\n| --- | ---: | ---: | ---: |\n",
    );
    for (name, default, all) in rows {
        let budget = BUDGETS.iter().find(|(krate, _)| krate == name);
        let budget = budget.map_or_else(|| "–".to_owned(), |(_, budget)| budget.to_string());
        // Writing to a string can't fail.
        let _ = writeln!(page, "| `{name}` | {default} | {budget} | {all} |");
    }
    page.push_str("\n## Why each is there\n\nThe comments of the manifests.\n");
    for (name, ..) in rows {
        let Some(list) = reasons.get(name).filter(|list| !list.is_empty()) else { continue };
        let _ = writeln!(page, "\n### {name}\n");
        // What shares a comment shares a line.
        for group in list.chunk_by(|(_, one), (_, next)| one == next) {
            let names: Vec<_> = group.iter().map(|(name, _)| format!("`{name}`")).collect();
            let reason = group.first().map_or("", |(_, reason)| reason.as_str());
            let _ = writeln!(page, "- {}: {reason}", names.join(", "));
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_package_is_counted_once_per_version() {
        let printed = "ws-types v0.1.0 (/x/ws-types)\nthiserror v2.0.1\n\
                       thiserror-impl v2.0.1 (proc-macro)\nthiserror v2.0.1 (*)\nthiserror v1.0.0\n\n";
        let expected =
            ["thiserror v1.0.0", "thiserror v2.0.1", "thiserror-impl v2.0.1", "ws-types v0.1.0"];
        assert_eq!(packages(printed), set(&expected));
    }

    #[test]
    fn a_budget_is_kept_to_the_last_package() {
        let eight = set(&["a", "b", "c", "d", "e", "f", "g", "h"]);
        assert_eq!(judge("ws-types", &eight, &eight), [""; 0]);
        let nine = set(&["a", "b", "c", "d", "e", "f", "g", "h", "i"]);
        assert_eq!(judge("ws-types", &nine, &nine).len(), 1);
        assert_eq!(judge(workspace::UMBRELLA, &nine, &nine), [""; 0]);
    }

    #[test]
    fn the_page_shows_counts_budgets_and_reasons() {
        let rows = [("ws-types".to_owned(), 7, 9), (workspace::UMBRELLA.to_owned(), 50, 50)];
        let reason = |name: &str, why: &str| (name.to_owned(), why.to_owned());
        let list = vec![reason("a", "Reads."), reason("b", "Reads."), reason("c", "Writes.")];
        let page = page(&rows, &[("ws-types".to_owned(), list)].into());
        for line in [
            "| `ws-types` | 7 | 8 | 9 |",
            "| `websockets-kit` | 50 | – | 50 |",
            "- `a`, `b`: Reads.",
            "- `c`: Writes.",
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
        assert!(!page.contains("### websockets-kit"));
    }

    #[test]
    fn a_runtime_below_the_driver_is_found_behind_any_feature() {
        let none = set(&["ws-proto v0.1.0"]);
        let some = set(&["ws-proto v0.1.0", "tokio v1.44.0"]);
        assert_eq!(judge("ws-proto", &none, &some), ["ws-proto must never bring tokio"]);
        assert_eq!(judge("ws-proto", &none, &set(&["tokio-util v0.7.0"])), [""; 0]);
    }
}
