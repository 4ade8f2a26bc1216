//! Rules about Rust source.

use super::{Finding, Tree, finding, line_of, scrub};

/// Files that may be longer than [`LONG`], each with its reason.
const LONG_FILES: &[(&str, &str)] = &[];

/// A file with more lines than this is asked whether it is two things.
const LONG: usize = 600;

/// Every file begins by saying what it is.
pub(super) fn modules_say_what_they_are(tree: &Tree, findings: &mut Vec<Finding>) {
    for (path, text) in tree.ending(".rs") {
        if !text.starts_with("//!") && !text.starts_with("#![doc = include_str!(") {
            let advice = "begin with `//!`: what is here, what isn't and where that lives";
            findings.push(finding(path, 1, "module-doc", advice));
        }
    }
}

/// Docs begin with a noun or a verb, not with a question word.
pub(super) fn docs_begin_with_the_thing(tree: &Tree, findings: &mut Vec<Finding>) {
    let doc = |line: &str| {
        let line = line.trim_start();
        let text = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"))?;
        Some(text.trim_start().to_owned())
    };
    for (path, text) in tree.ending(".rs") {
        let mut within = false;
        for (number, line) in (1..).zip(text.lines()) {
            let Some(doc) = doc(line) else {
                within = false;
                continue;
            };
            if !within && ["What ", "Who "].iter().any(|word| doc.starts_with(word)) {
                let advice = "begin with a noun or a verb";
                findings.push(finding(path, number, "doc-beginning", advice));
            }
            within = true;
        }
    }
}

/// A long file has its reason in [`LONG_FILES`], and no file stays there without need.
pub(super) fn long_files_have_a_reason(tree: &Tree, findings: &mut Vec<Finding>) {
    long_files(tree, LONG_FILES, findings);
}

fn long_files(tree: &Tree, known: &[(&str, &str)], findings: &mut Vec<Finding>) {
    for (path, text) in
        tree.ending(".rs").filter(|(path, _)| is_ours(path) && path.contains("/src/"))
    {
        let lines = text.lines().count();
        if lines > LONG && !known.iter().any(|(file, _)| *file == path) {
            let advice = format!("{lines} lines: split it, or give a reason in {}", file!());
            findings.push(finding(path, lines, "long-file", advice));
        }
    }
    for (path, reason) in known {
        let lines = tree.files.get(*path).map_or(0, |text| text.lines().count());
        if lines <= LONG || reason.is_empty() {
            let advice = format!("take it out of the list in {}, or give the reason", file!());
            findings.push(finding(path, 1, "long-file", advice));
        }
    }
}

/// No placeholder and no debugging aid is left behind.
pub(super) fn nothing_is_left_undone(tree: &Tree, findings: &mut Vec<Finding>) {
    for (path, text) in tree.ending(".rs") {
        let code = scrub::code(text);
        for (macro_name, advice) in [
            ("todo", "finish it"),
            ("unimplemented", "implement it, or make the type refuse it"),
            ("dbg", "remove it"),
        ] {
            for at in
                words(&code, macro_name).filter(|at| follows(&code, at + macro_name.len(), "!"))
            {
                findings.push(finding(path, line_of(text, at), "undone", advice));
            }
        }
    }
}

/// A test that is ignored and a lint that is silenced say why.
pub(super) fn exceptions_have_a_reason(tree: &Tree, findings: &mut Vec<Finding>) {
    for (path, text) in tree.ending(".rs") {
        for (at, attribute) in attributes(&scrub::code(text)) {
            let line = line_of(text, at);
            if attribute.trim() == "ignore" {
                findings.push(finding(path, line, "ignored", "say why: `#[ignore = \"…\"]`"));
            }
            let silences = ["allow", "expect"].into_iter().any(|lint_level| {
                words(attribute, lint_level)
                    .any(|at| follows(attribute, at + lint_level.len(), "("))
            });
            if silences && words(attribute, "reason").next().is_none() {
                findings.push(finding(path, line, "silenced", "say why: `reason = \"…\"`"));
            }
        }
    }
}

/// Published crates and xtask hold no unsafe code, not even where a lint doesn't look (a macro,
/// a file that no feature compiles).
pub(super) fn no_unsafe(tree: &Tree, findings: &mut Vec<Finding>) {
    for (path, text) in tree.ending(".rs").filter(|(path, _)| is_ours(path)) {
        let code = scrub::code(text);
        for at in words(&code, "unsafe") {
            let advice = "do it without, or with a well-kept crate that has a safe face";
            findings.push(finding(path, line_of(text, at), "unsafe", advice));
        }
    }
}

/// `ws-proto` takes bytes and times and does nothing by itself.
pub(super) fn the_protocol_does_no_io(tree: &Tree, findings: &mut Vec<Finding>) {
    const WORDS: &[(&str, &str)] = &[
        ("async", "the driver waits, the protocol doesn't"),
        ("await", "the driver waits, the protocol doesn't"),
        ("tokio", "no runtime belongs here"),
        ("thread", "no thread belongs here"),
        ("Instant", "take the time as a `Duration` since the driver's origin"),
        ("SystemTime", "take the time as a `Duration` since the driver's origin"),
        ("getrandom", "take the seed from the driver"),
    ];
    const MODULES: &[&str] = &["env", "fs", "io", "net", "os", "process"];
    const HARMLESS: &[&str] = &[
        // Data only, and the type in which `bytes::Buf::chunks_vectored` hands out slices.
        "std::io::IoSlice",
        // Memory of a thread, whoever started that.
        "std::thread::LocalKey",
    ];
    for (path, text) in tree.ending(".rs") {
        if !path.starts_with("crates/ws-proto/src/") {
            continue;
        }
        let code = HARMLESS.iter().fold(scrub::code(text), |code, harmless| {
            code.replace(harmless, &" ".repeat(harmless.len()))
        });
        for (word, advice) in WORDS {
            for at in words(&code, word) {
                findings.push(finding(path, line_of(text, at), "sans-io", *advice));
            }
        }
        for (at, module) in modules_of_std(&code) {
            if MODULES.contains(&module) {
                let advice = format!("`std::{module}` belongs into a driver");
                findings.push(finding(path, line_of(text, at), "sans-io", advice));
            }
        }
    }
}

/// Whether the rules for what is published and for xtask itself hold for this file: for all but the
/// benchmark and the consumers, which are workspaces of their own.
fn is_ours(path: &str) -> bool {
    ["crates/", "xtask/src/", "xtask/interop/"].iter().any(|folder| path.starts_with(folder))
}

/// The modules of `std` that `code` names, as paths (`std::io`) and in groups (`std::{fmt, io}`).
fn modules_of_std(code: &str) -> Vec<(usize, &str)> {
    let mut modules = Vec::new();
    for at in words(code, "std") {
        let Some(path) =
            code.get(at + "std".len()..).and_then(|rest| rest.trim_start().strip_prefix("::"))
        else {
            continue;
        };
        let path = path.trim_start();
        match path.strip_prefix('{').and_then(|_| balanced(path, '{', '}')) {
            Some(group) => modules.extend(members(group).map(|module| (at, module))),
            None => modules.extend(members(path).take(1).map(|module| (at, module))),
        }
    }
    modules
}

/// The first identifier of each item of a `use` group.
fn members(group: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    group
        .split(move |c| {
            match c {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            c == ',' && depth == 0
        })
        .map(|item| {
            let item = item.trim_start();
            item.split(|c: char| !is_word(c)).next().unwrap_or_default()
        })
}

/// The insides of the attributes `#[…]` and `#![…]`, and where each begins.
fn attributes(code: &str) -> impl Iterator<Item = (usize, &str)> {
    code.match_indices('#').filter_map(|(at, _)| {
        let rest = code.get(at + 1..)?;
        let rest = rest.strip_prefix('!').unwrap_or(rest);
        Some((at, balanced(rest, '[', ']')?))
    })
}

/// The text between the bracket at the front and the one that closes it.
fn balanced(text: &str, open: char, close: char) -> Option<&str> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        if c == open {
            depth += 1;
        } else if c == close {
            depth = depth.checked_sub(1)?;
        }
        if depth == 0 {
            return text.get(open.len_utf8()..at);
        }
    }
    None
}

/// Where `word` stands in `code` as a whole identifier.
fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = code.get(..*at).and_then(|text| text.chars().next_back());
        let after = code.get(at + word.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

/// Whether `next` comes at `at`, blanks left out.
fn follows(code: &str, at: usize, next: &str) -> bool {
    code.get(at..).is_some_and(|rest| rest.trim_start().starts_with(next))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::{super::tests::check, *};

    #[test]
    fn a_module_without_its_first_line_is_found() {
        let good = [("crates/a/src/lib.rs", "#![doc = include_str!(\"../README.md\")]\n")];
        check(modules_say_what_they_are, &good, &[]);
        let bad = [("crates/a/src/a.rs", "use b;\n//! late"), ("xtask/src/b.rs", "//! b")];
        check(modules_say_what_they_are, &bad, &[("crates/a/src/a.rs", 1)]);
    }

    #[test]
    fn docs_that_begin_with_a_question_word_are_found() {
        let text = "//! What is here.\n\n/// Gives the rest.\n/// What is left stays.\nfn a() {}\n    /// Who calls.\n    fn b() {}\n// What holds.\n/// Whatever comes.\n";
        let found = [1, 6].map(|line| ("crates/a/src/a.rs", line));
        check(docs_begin_with_the_thing, &[("crates/a/src/a.rs", text)], &found);
    }

    #[test]
    fn a_long_file_needs_a_reason_and_a_short_one_loses_it() {
        let (long, short) = ("\n".repeat(LONG + 1), "\n".repeat(LONG));
        let files = [
            ("crates/a/src/long.rs", long.as_str()),
            ("crates/a/src/short.rs", &short),
            ("crates/a/tests/long.rs", &long),
        ];
        check(long_files_have_a_reason, &files, &[("crates/a/src/long.rs", LONG + 1)]);
        let known = |known: &[(&str, &str)]| {
            let own = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
            let mut findings = Vec::new();
            long_files(&Tree { files: files.iter().map(own).collect() }, known, &mut findings);
            findings.len()
        };
        assert_eq!(known(&[("crates/a/src/long.rs", "a table")]), 0);
        assert_eq!(known(&[("crates/a/src/long.rs", "")]), 1);
        assert_eq!(
            known(&[("crates/a/src/long.rs", "a table"), ("crates/a/src/short.rs", "x")]),
            1
        );
    }

    #[test]
    fn placeholders_are_found_in_code_only() {
        let bad = "//! todo!()\nfn a() {\n    todo!()\n}\nfn b() { std::unimplemented ! () }\nfn c() { dbg!(1); }";
        let expected =
            [("crates/a/src/a.rs", 3), ("crates/a/src/a.rs", 5), ("crates/a/src/a.rs", 6)];
        check(nothing_is_left_undone, &[("crates/a/src/a.rs", bad)], &expected);
        let good = "fn todo() -> &'static str { \"dbg!\" }\nfn my_todo(dbg: bool) { todo(!dbg) }";
        check(nothing_is_left_undone, &[("crates/a/src/a.rs", good)], &[]);
    }

    #[test]
    fn exceptions_without_a_reason_are_found() {
        let bad = "#![allow(dead_code)]\n#[ignore]\n#[allow(\n    a,\n    b\n)]\n#[cfg_attr(x, expect(y))]\n";
        let found = [1, 2, 3, 7].map(|line| ("crates/a/src/a.rs", line));
        check(exceptions_have_a_reason, &[("crates/a/src/a.rs", bad)], &found);
        let good = "#[allow(a, reason = \"b\")]\n#[ignore = \"slow\"]\n#[doc = \"allow(x)\"]\nfn f() { x.expect(1); allow(2) }";
        check(exceptions_have_a_reason, &[("crates/a/src/a.rs", good)], &[]);
    }

    #[test]
    fn unsafe_code_is_found_even_in_macros() {
        let bad = "#![forbid(unsafe_code)]\n// unsafe\nmacro_rules! m { () => { unsafe { x() } } }";
        let files =
            [("crates/a/src/a.rs", bad), ("xtask/bench/src/a.rs", bad), ("xtask/src/a.rs", bad)];
        check(no_unsafe, &files, &[("crates/a/src/a.rs", 3), ("xtask/src/a.rs", 3)]);
    }

    #[test]
    fn every_kind_of_io_in_the_protocol_is_found() {
        for bad in [
            "use std::net::TcpStream;",
            "use std::{fmt, net::{self, TcpStream}};",
            "use std::io::{IoSlice, Read};",
            "use std::{\n    collections::{BTreeMap, VecDeque},\n    io,\n};",
            "fn f(x: &mut dyn std::io::Read) {}",
            "fn f() { std :: fs::read(\"x\"); }",
            "fn f() { let now = Instant::now(); }",
            "fn f() { SystemTime::now(); }",
            "async fn f() {}",
            "fn f() { let g = async { x.await }; }",
            "use tokio::sync::Mutex;",
            "fn f() { getrandom::fill(&mut seed); }",
            "use std::thread;",
            "fn f() -> std::process::Command {}",
        ] {
            let mut findings = Vec::new();
            let files = [("crates/ws-proto/src/a/b.rs".to_owned(), bad.to_owned())].into();
            the_protocol_does_no_io(&Tree { files }, &mut findings);
            assert!(!findings.is_empty(), "{bad}");
        }
    }

    #[test]
    fn what_is_no_io_may_stay_in_the_protocol() {
        let good = "//! For tokio see std::io.\nuse std::{collections::{io_free, BTreeMap}, fmt, time::Duration};\nuse std::io::IoSlice;\nuse std::thread::LocalKey;\n\
                    fn f(cause: &dyn std::error::Error) -> std::fmt::Result { \"std::net\"; instant(); my::io() }";
        check(the_protocol_does_no_io, &[("crates/ws-proto/src/a.rs", good)], &[]);
        check(the_protocol_does_no_io, &[("crates/ws-tokio/src/a.rs", "use tokio::net;")], &[]);
    }
}
