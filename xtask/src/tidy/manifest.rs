//! Rules about the manifests of our crates, and the little reading of TOML that they need.

use super::{Finding, Tree, finding};
use crate::workspace::{LAYERS, UMBRELLA, folder};

/// One entry of a dependency table.
#[derive(Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Counted from 1.
    line: usize,
    /// The comment behind it, or the one above it and its direct neighbours.
    pub(crate) reason: Option<String>,
}

/// The use of a dependency.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Normal,
    Build,
    Dev,
}

/// The layers are fixed, so that each layer can be understood and used alone.
pub(super) fn crate_graph(tree: &Tree, findings: &mut Vec<Finding>) {
    const RULE: &str = "crate-graph";
    for (name, allowed) in LAYERS {
        let path = format!("crates/{}/Cargo.toml", folder(name));
        let Some(text) = tree.files.get(&path) else {
            findings.push(finding(&path, 1, RULE, format!("the crate `{name}` is missing")));
            continue;
        };
        let used = dependencies(text);
        let used = || used.iter().filter(|dependency| dependency.kind != Kind::Dev);
        for dependency in used().filter(|dependency| is_layer(&dependency.name)) {
            if !allowed.contains(&dependency.name.as_str()) {
                let advice = format!("`{name}` must not depend on `{}`", dependency.name);
                findings.push(finding(&path, dependency.line, RULE, advice));
            }
        }
        for missing in allowed.iter().filter(|layer| !used().any(|d| d.name == **layer)) {
            let advice = format!("`{name}` stands on `{missing}`");
            findings.push(finding(&path, 1, RULE, advice));
        }
    }
    for (path, _) in tree.ending("/Cargo.toml") {
        let known = |name: &str| LAYERS.iter().any(|(layer, _)| folder(layer) == name);
        if let Some(name) = path.strip_prefix("crates/").and_then(|p| p.strip_suffix("/Cargo.toml"))
            && !name.contains('/')
            && !known(name)
        {
            let advice = "give the crate its place in `LAYERS` of xtask/src/workspace.rs";
            findings.push(finding(path, 1, RULE, advice));
        }
    }
    for dependency in
        tree.files.get("xtask/Cargo.toml").map(|text| dependencies(text)).iter().flatten()
    {
        if is_layer(&dependency.name) {
            let advice = "the tasks must run while our crates don't compile";
            findings.push(finding("xtask/Cargo.toml", dependency.line, RULE, advice));
        }
    }
}

fn is_layer(name: &str) -> bool {
    LAYERS.iter().any(|(layer, _)| *layer == name)
}

/// Each dependency says why it is there.
pub(super) fn dependencies_have_a_reason(tree: &Tree, findings: &mut Vec<Finding>) {
    for (path, text) in tree.ending("Cargo.toml") {
        if !path.starts_with("crates/") || path.matches('/').count() != 2 {
            continue;
        }
        for dependency in dependencies(text).iter().filter(|dependency| dependency.reason.is_none())
        {
            let advice = format!("say in a comment above why `{}` is needed", dependency.name);
            findings.push(finding(path, dependency.line, "dependency-reason", advice));
        }
    }
}

/// `websockets` on the registry is somebody else's: neither a manifest nor a page depends on it.
pub(super) fn the_package_is_ours(tree: &Tree, findings: &mut Vec<Finding>) {
    const FOREIGN: &str = "websockets";
    let advice = || format!("`{FOREIGN}` is somebody else's package: depend on `{UMBRELLA}`");
    for (path, text) in tree.ending("Cargo.toml") {
        for dependency in dependencies(text).iter().filter(|d| d.name == FOREIGN) {
            findings.push(finding(path, dependency.line, "package-name", advice()));
        }
    }
    for (path, text) in tree.ending(".md") {
        for (index, line) in text.lines().enumerate() {
            let key = line.split(['=', '.']).next().unwrap_or_default();
            let entry = line.contains('=') && key.trim() == FOREIGN;
            let mut words = line.split(|c: char| c.is_whitespace() || "`'\",;".contains(c));
            let added = line.contains("cargo add") && words.any(|word| word == FOREIGN);
            if entry || added {
                findings.push(finding(path, index + 1, "package-name", advice()));
            }
        }
    }
}

/// The entries of all dependency tables, in the order of the file.
///
/// A comment holds for the entries that follow it without a blank line or another comment.
pub(crate) fn dependencies(manifest: &str) -> Vec<Dependency> {
    let mut found: Vec<Dependency> = Vec::new();
    let mut table: Option<Kind> = None;
    let mut reason: Option<String> = None;
    let mut last_was_comment = false;
    // How many brackets of a value are still open.
    let mut open = 0;
    for (index, line) in manifest.lines().enumerate() {
        let (content, comment) = split_comment(line);
        let content = content.trim();
        if open > 0 {
            open += balance(content);
            continue;
        }
        match (content, comment) {
            ("", None) => reason = None,
            ("", Some(comment)) => {
                reason = match reason.take().filter(|_| last_was_comment) {
                    Some(above) => Some(format!("{above} {comment}")),
                    None => Some(comment.to_owned()),
                };
            }
            (header, _) if header.starts_with('[') => {
                let (kind, name) = dependency_table(header);
                let above = reason.take().filter(|_| last_was_comment);
                table = kind.filter(|_| name.is_none());
                if let (Some(kind), Some(name)) = (kind, name) {
                    found.push(Dependency { name, kind, line: index + 1, reason: above });
                }
            }
            (entry, behind) => {
                open += balance(entry);
                if let Some(kind) = table {
                    let key = entry.split(['=', '.']).next().unwrap_or_default();
                    let name = key.trim().trim_matches('"').to_owned();
                    let reason = behind.map(str::to_owned).or_else(|| reason.clone());
                    found.push(Dependency { name, kind, line: index + 1, reason });
                }
            }
        }
        last_was_comment = content.is_empty() && comment.is_some();
    }
    found
}

/// Which dependencies a table header like `[target.'cfg(unix)'.dependencies]` opens; for
/// `[dependencies.name]` also the name.
fn dependency_table(header: &str) -> (Option<Kind>, Option<String>) {
    let path = header.trim_start_matches('[').trim_end_matches(']');
    // The condition of a target may hold dots, but ends with a quote.
    let path = path.strip_prefix("target.").map_or(path, |target| {
        target.rsplit_once("'.").map_or_else(
            || target.split_once('.').map_or(target, |(_, rest)| rest),
            |(_, rest)| rest,
        )
    });
    let (table, name) =
        path.split_once('.').map_or((path, None), |(table, name)| (table, Some(name)));
    let kind = match table {
        "dependencies" => Some(Kind::Normal),
        "build-dependencies" => Some(Kind::Build),
        "dev-dependencies" => Some(Kind::Dev),
        _ => None,
    };
    (kind, name.map(str::to_owned))
}

/// A line as what stands before its comment, and the comment without its mark.
fn split_comment(line: &str) -> (&str, Option<&str>) {
    let mut quote = None;
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            (None, '#') => {
                let (content, comment) = line.split_at(at);
                return (content, Some(comment.trim_start_matches('#').trim()));
            }
            _ => {}
        }
    }
    (line, None)
}

/// How many brackets a piece of a value opens, less those that it closes.
fn balance(text: &str) -> i32 {
    text.chars().fold(0, |sum, c| match c {
        '[' | '{' => sum + 1,
        ']' | '}' => sum - 1,
        _ => sum,
    })
}

#[cfg(test)]
mod tests {
    use super::{super::tests::check, *};

    const SAMPLE: &str = r#"[package]
name = "x" # not a dependency

[dependencies]
# Reads
# heads.
httparse.workspace = true
sha1 = "1" # the accept value

base64 = { version = "1", features = [
    "a", # no entry
] }
[target.'cfg(target.os = "x")'.dependencies]
# Waits.
tokio = "1"
[build-dependencies.cc]
version = "1"
[dev-dependencies]
# Tests.
"expect-test" = "1"
proptest = "1"
[features]
default = []
"#;

    #[test]
    fn every_form_of_a_dependency_is_read() {
        let found: Vec<_> = dependencies(SAMPLE)
            .into_iter()
            .map(|d| (d.name, d.kind, d.line, d.reason.unwrap_or_default()))
            .collect();
        let expected = [
            ("httparse", Kind::Normal, 7, "Reads heads."),
            ("sha1", Kind::Normal, 8, "the accept value"),
            ("base64", Kind::Normal, 10, ""),
            ("tokio", Kind::Normal, 15, "Waits."),
            ("cc", Kind::Build, 16, ""),
            ("expect-test", Kind::Dev, 20, "Tests."),
            ("proptest", Kind::Dev, 21, "Tests."),
        ]
        .map(|(name, kind, line, reason)| (name.to_owned(), kind, line, reason.to_owned()));
        assert_eq!(found, expected);
    }

    #[test]
    fn a_dependency_without_a_reason_is_found() {
        let path = "crates/a/Cargo.toml";
        check(dependencies_have_a_reason, &[(path, SAMPLE)], &[(path, 10), (path, 16)]);
        check(dependencies_have_a_reason, &[("crates/a/fuzz/Cargo.toml", SAMPLE)], &[]);
    }

    #[test]
    fn a_line_that_installs_the_package_of_somebody_else_is_found() {
        let page = "websockets = \"0.1\"\nRun `cargo add websockets`.\ncargo add websockets-kit\n\
                    websockets-kit = { path = \"websockets\" }\nuse websockets::serve;\n";
        let manifest = "[dependencies]\nwebsockets.workspace = true\nwebsockets-kit = \"0.1\"\n";
        let files = [("docs/a.md", page), ("xtask/a/Cargo.toml", manifest)];
        let found = [("docs/a.md", 1), ("docs/a.md", 2), ("xtask/a/Cargo.toml", 2)];
        check(the_package_is_ours, &files, &found);
    }

    /// A tree whose graph is right, then changed.
    fn graph(change: impl FnOnce(&mut Vec<(String, String)>), expected: &[(&str, usize)]) {
        let mut files: Vec<_> = LAYERS
            .iter()
            .map(|(name, below)| {
                let entries: String =
                    below.iter().map(|b| format!("{b}.workspace = true\n")).collect();
                (
                    format!("crates/{}/Cargo.toml", folder(name)),
                    format!("[dependencies]\n{entries}"),
                )
            })
            .collect();
        change(&mut files);
        let files: Vec<_> = files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
        check(crate_graph, &files, expected);
    }

    #[test]
    fn a_layer_that_knows_too_much_or_too_little_is_found() {
        graph(|_| {}, &[]);
        let types = "crates/ws-types/Cargo.toml";
        graph(|files| files[0].1.push_str("ws-proto = \"1\"\n"), &[(types, 2)]);
        graph(|files| files[0].1.push_str("[dev-dependencies]\nws-proto = \"1\"\n"), &[]);
        graph(|files| files[3].1.clear(), &[("crates/ws-proto/Cargo.toml", 1); 3]);
        graph(|files| drop(files.remove(0)), &[(types, 1)]);
    }

    #[test]
    fn a_crate_without_a_place_and_a_task_that_needs_our_crates_are_found() {
        let new = ("crates/ws-new/Cargo.toml".to_owned(), String::new());
        graph(|files| files.push(new), &[("crates/ws-new/Cargo.toml", 1)]);
        let xtask = ("xtask/Cargo.toml".to_owned(), "[dependencies]\nws-types = \"1\"".to_owned());
        graph(|files| files.push(xtask), &[("xtask/Cargo.toml", 2)]);
    }
}
