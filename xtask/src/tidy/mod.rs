//! `cargo xtask tidy`: rules of this repository that no other tool checks.
//!
//! All files are read into a [`Tree`] first, each rule is a function from that tree to findings,
//! and all findings are printed. `cargo test` runs the same rules on the same tree, and each rule
//! on samples that break it.

mod docs;
pub(crate) mod manifest;
mod scrub;
mod source;

use std::{collections::BTreeMap, fmt, path::Path};

use crate::run::{self, Log, Outcome, Result};

/// Something that breaks a rule.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Finding {
    /// From the root of the workspace, with `/`.
    path: String,
    /// Counted from 1.
    line: usize,
    rule: &'static str,
    /// The mend.
    advice: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.path, self.line, self.rule, self.advice)
    }
}

/// The files of the repository: path from its root, with `/`, to text; empty if that isn't UTF-8.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    files: BTreeMap<String, String>,
}

/// A rule: what of this tree breaks it.
type Rule = fn(&Tree, &mut Vec<Finding>);

/// All rules.
const RULES: &[Rule] = &[
    top_level,
    source::modules_say_what_they_are,
    source::docs_begin_with_the_thing,
    source::long_files_have_a_reason,
    source::nothing_is_left_undone,
    source::exceptions_have_a_reason,
    source::no_unsafe,
    source::the_protocol_does_no_io,
    manifest::crate_graph,
    manifest::dependencies_have_a_reason,
    manifest::the_package_is_ours,
    docs::changelog,
    docs::links,
    docs::rfc_links,
    docs::readme_code_is_compiled,
    docs::files_are_shown_as_they_are,
    docs::tests_exist,
];

/// Runs every rule; fails when one finds anything.
pub(crate) fn step(log: &mut Log) -> Result {
    let findings = Tree::load(run::root())?.findings();
    for finding in &findings {
        log.line(&finding.to_string());
    }
    match findings.len() {
        0 => Ok(Outcome::Done),
        n => Err(format!("{n} findings")),
    }
}

impl Tree {
    /// Reads all files below `root` but those that were built.
    fn load(root: &Path) -> Result<Self> {
        let mut tree = Self::default();
        tree.add(root, "")?;
        Ok(tree)
    }

    fn add(&mut self, folder: &Path, prefix: &str) -> Result<()> {
        const BUILT: &[&str] =
            &["target", ".git", "__pycache__", "node_modules", "corpus", "artifacts", "coverage"];
        let error = |e| format!("{}: {e}", folder.display());
        for entry in std::fs::read_dir(folder).map_err(error)? {
            let entry = entry.map_err(error)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = entry.file_type().map_err(error)?;
            if kind.is_dir() {
                if !BUILT.contains(&name.as_str()) {
                    self.add(&entry.path(), &format!("{prefix}{name}/"))?;
                }
            } else if kind.is_file() {
                let text = String::from_utf8(std::fs::read(entry.path()).map_err(error)?);
                self.files.insert(format!("{prefix}{name}"), text.unwrap_or_default());
            }
        }
        Ok(())
    }

    /// The findings of all rules, in the order of the files.
    fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for rule in RULES {
            rule(self, &mut findings);
        }
        findings.sort();
        findings
    }

    /// The files whose path ends with `suffix`.
    fn ending<'a>(&'a self, suffix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let all = self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()));
        all.filter(move |(path, _)| path.ends_with(suffix))
    }

    /// Whether there is such a file, or a folder that holds one; the root is `""`.
    fn has(&self, path: &str) -> bool {
        let inside = |file: &String| path.is_empty() || file.starts_with(&format!("{path}/"));
        self.files.contains_key(path) || self.files.keys().any(inside)
    }
}

/// The top level holds a fixed set of names, so that a newcomer sees the whole at a glance.
fn top_level(tree: &Tree, findings: &mut Vec<Finding>) {
    const NAMES: &[&str] = &[
        "Cargo.toml",
        "Cargo.lock",
        "crates",
        "xtask",
        "docs",
        "README.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
    ];
    let mut last = "";
    for path in tree.files.keys() {
        let name = path.split('/').next().unwrap_or(path);
        if name != last && !name.starts_with('.') && !NAMES.contains(&name) {
            let advice = "the top level holds crates, xtask, docs, the README, the licences, \
                          Cargo's two files and dotfiles";
            findings.push(finding(name, 1, "top-level", advice));
        }
        last = name;
    }
}

/// A finding; `line` counts from 1.
fn finding(path: &str, line: usize, rule: &'static str, advice: impl Into<String>) -> Finding {
    Finding { path: path.to_owned(), line, rule, advice: advice.into() }
}

/// The line, counted from 1, on which the byte at `offset` of `text` stands.
fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs one rule on a tree of (path, text); what it finds as "path:line advice" fragments.
    #[track_caller]
    pub(super) fn check(rule: Rule, files: &[(&str, &str)], expected: &[(&str, usize)]) {
        let own = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
        let tree = Tree { files: files.iter().map(own).collect() };
        let mut findings = Vec::new();
        rule(&tree, &mut findings);
        findings.sort();
        let found: Vec<_> = findings.iter().map(|f| (f.path.as_str(), f.line)).collect();
        assert_eq!(found, expected, "{findings:#?}");
    }

    #[test]
    fn this_repository_is_tidy() {
        let findings = Tree::load(run::root()).expect("the repository can be read").findings();
        let lines: Vec<_> = findings.iter().map(ToString::to_string).collect();
        assert!(lines.is_empty(), "{} findings\n{}", lines.len(), lines.join("\n"));
    }

    #[test]
    fn a_stray_name_at_the_top_is_found_once() {
        let good = [("Cargo.toml", ""), (".ci/run", ""), ("docs/a.md", ""), ("LICENSE-MIT", "")];
        check(top_level, &good, &[]);
        let bad = [("notes.txt", ""), ("src/a.rs", ""), ("src/b.rs", "")];
        check(top_level, &bad, &[("notes.txt", 1), ("src", 1)]);
    }

    #[test]
    fn a_finding_reads_like_a_message_of_a_compiler() {
        let finding = finding("a/b.rs", 3, "rule", "do that");
        assert_eq!(finding.to_string(), "a/b.rs:3: rule: do that");
    }
}
