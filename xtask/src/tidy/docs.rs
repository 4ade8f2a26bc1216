//! Rules about documentation: the changelog, links, and the code in the README.

use std::{collections::BTreeSet, iter};

use super::{Finding, Tree, finding, line_of};

/// The changelog always has a place for the next entry.
pub(super) fn changelog(tree: &Tree, findings: &mut Vec<Finding>) {
    const PATH: &str = "docs/project/changelog.md";
    let text = tree.files.get(PATH).map_or("", String::as_str);
    if !text.lines().any(|line| line.trim_end() == "## Unreleased") {
        findings.push(finding(PATH, 1, "changelog", "keep a heading `## Unreleased`"));
    }
}

/// Links between our pages lead somewhere, and those of a published README also on a registry.
pub(super) fn links(tree: &Tree, findings: &mut Vec<Finding>) {
    for (path, text) in tree.ending(".md") {
        for (line, target) in markdown_links(text) {
            if target.contains("://") || target.contains("::") || target.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let Some(file) = resolve(path, file).filter(|file| tree.has(file)) else {
                findings.push(finding(path, line, "link", format!("`{target}` leads nowhere")));
                continue;
            };
            let text = tree.files.get(&file).map_or("", String::as_str);
            if !anchor.is_empty() && file.ends_with(".md") && !anchors(text).contains(anchor) {
                let advice = format!("`{file}` has no heading `#{anchor}`");
                findings.push(finding(path, line, "link", advice));
            }
            let published = path.strip_prefix("crates/").and_then(|rest| rest.split_once('/'));
            if let Some((name, "README.md")) = published
                && !file.starts_with(&format!("crates/{name}/"))
            {
                let advice = format!("`{target}` isn't part of the package: use an absolute link");
                findings.push(finding(path, line, "link", advice));
            }
        }
    }
}

/// Links to RFCs have one form, and the docs of an item name the section; what is about a whole
/// document (a page, the docs of a module) may link to the whole.
pub(super) fn rfc_links(tree: &Tree, findings: &mut Vec<Finding>) {
    const RULE: &str = "rfc-link";
    const FORM: &str = "https://www.rfc-editor.org/rfc/rfc";
    for (path, text) in tree.ending(".rs").chain(tree.ending(".md")) {
        // This file is about links, and its samples are wrong on purpose.
        if path == "xtask/src/tidy/docs.rs" {
            continue;
        }
        let other_hosts = ["tools.ietf.org/", "datatracker.ietf.org/", "rfc-editor.org/"];
        for (at, host) in other_hosts.iter().flat_map(|host| text.match_indices(host)) {
            let start = at.checked_sub("https://www.".len());
            let well_formed = start
                .and_then(|start| text.get(start..))
                .is_some_and(|link| link.starts_with(FORM));
            if host != "rfc-editor.org/" || !well_formed {
                findings.push(finding(
                    path,
                    line_of(text, at),
                    RULE,
                    format!("write it as {FORM}…"),
                ));
            }
        }
        for (at, _) in text.match_indices(FORM) {
            let rest = text.get(at + FORM.len()..).unwrap_or_default();
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"#-.".contains(c));
            let link = rest.get(..end.unwrap_or(rest.len())).unwrap_or(rest).trim_end_matches('.');
            let line =
                text.get(..at).and_then(|before| before.lines().next_back()).unwrap_or_default();
            let whole = path.ends_with(".md") || line.trim_start().starts_with("//!");
            if let Err(advice) = judge_rfc(link, whole) {
                findings.push(finding(path, line_of(text, at), RULE, advice));
            }
        }
    }
}

/// Checks the part of a link behind `…/rfc/rfc`, as `6455#section-5.2`.
fn judge_rfc(link: &str, may_be_whole: bool) -> Result<(), String> {
    let (number, anchor) = link.split_once('#').unwrap_or((link, ""));
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("`rfc{number}` is no RFC"));
    }
    if anchor.is_empty() {
        return if may_be_whole {
            Ok(())
        } else {
            Err("name the section: `#section-…`".to_owned())
        };
    }
    let well_formed = |section: &str| {
        section
            .split('.')
            .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric()))
    };
    let known = match anchor.strip_prefix("section-") {
        Some(section) if number == "6455" => {
            RFC6455.split_whitespace().any(|known| known == section)
        }
        Some(section) => well_formed(section) && section.starts_with(|c: char| c.is_ascii_digit()),
        None => anchor.strip_prefix("appendix-").is_some_and(well_formed),
    };
    if known { Ok(()) } else { Err(format!("RFC {number} has no `#{anchor}`")) }
}

/// The sections of RFC 6455, which most links lead to.
const RFC6455: &str = "
    1 1.1 1.2 1.3 1.4 1.5 1.6 1.7 1.8 1.9  2 2.1  3  4 4.1 4.2 4.2.1 4.2.2 4.3 4.4
    5 5.1 5.2 5.3 5.4 5.5 5.5.1 5.5.2 5.5.3 5.6 5.7 5.8  6 6.1 6.2
    7 7.1 7.1.1 7.1.2 7.1.3 7.1.4 7.1.5 7.1.6 7.1.7 7.2 7.2.1 7.2.2 7.2.3 7.3 7.4 7.4.1 7.4.2
    8 8.1  9 9.1 9.2  10 10.1 10.2 10.3 10.4 10.5 10.6 10.7 10.8
    11 11.1 11.1.1 11.1.2 11.2 11.3 11.3.1 11.3.2 11.3.3 11.3.4 11.3.5 11.4 11.5 11.6 11.7 11.8 11.9
    12 13 14 14.1 14.2";

/// Tests that the reference names, as `` `file::test` ``, are there.
pub(super) fn tests_exist(tree: &Tree, findings: &mut Vec<Finding>) {
    let sources: Vec<_> = tree.ending(".rs").filter(|(path, _)| path.contains("tests")).collect();
    for (path, text) in tree.ending(".md").filter(|(path, _)| path.starts_with("docs/reference/")) {
        for (line, prose) in prose(text) {
            // Every other part is code.
            for code in prose.split('`').skip(1).step_by(2) {
                let Some((file, test)) = code.split_once("::") else { continue };
                if !is_path(file) || !is_path(test) {
                    continue;
                }
                let module = file.rsplit('/').next().unwrap_or(file);
                let (file, folder) = (format!("/{module}.rs"), format!("/{module}/"));
                let function = format!("fn {test}(");
                let is_there = |(path, text): &(&str, &str)| {
                    (path.ends_with(&file) || path.contains(&folder)) && text.contains(&function)
                };
                if !sources.iter().any(is_there) {
                    findings.push(finding(
                        path,
                        line,
                        "test",
                        format!("there is no test `{code}`"),
                    ));
                }
            }
        }
    }
}

/// Whether this can be the path of a test's file, and no type.
fn is_path(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-/".contains(&b))
}

/// The Rust code of the README stands in the README of the umbrella crate, too, where it is a
/// doc test: so it is compiled, and the two don't drift apart.
pub(super) fn readme_code_is_compiled(tree: &Tree, findings: &mut Vec<Finding>) {
    let text = |path: &str| tree.files.get(path).map_or("", String::as_str);
    let tested: Vec<_> = rust_blocks(text("crates/websockets/README.md"))
        .filter(|(_, attributes, _)| !attributes.contains("ignore"))
        .map(|(_, _, block)| block)
        .collect();
    for (line, _, block) in rust_blocks(text("README.md")) {
        if !tested.contains(&block) {
            let advice = "have the same block in crates/websockets/README.md, where it is tested";
            findings.push(finding("README.md", line, "readme-code", advice));
        }
    }
}

/// The block behind a line `<!-- file: PATH -->` of a page is that file, so that pages show what the tests run.
pub(super) fn files_are_shown_as_they_are(tree: &Tree, findings: &mut Vec<Finding>) {
    for (path, text) in tree.ending(".md").filter(|(path, _)| path.starts_with("docs/")) {
        let lines: Vec<_> = text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            let Some(file) =
                line.strip_prefix("<!-- file: ").and_then(|it| it.strip_suffix(" -->"))
            else {
                continue;
            };
            let block = lines.get(index + 1..).unwrap_or_default();
            let shown = block.split_first().filter(|(fence, _)| fence.starts_with("```"));
            let advice = match (tree.files.get(file), shown) {
                (None, _) => format!("there is no `{file}`"),
                (_, None) => "put the fenced block on the next line".to_owned(),
                (Some(text), Some((_, shown))) => {
                    let shown = shown.iter().copied().take_while(|line| *line != "```");
                    if text.lines().eq(shown) {
                        continue;
                    }
                    format!("copy `{file}` into the block")
                }
            };
            findings.push(finding(path, index + 1, "shown-file", advice));
        }
    }
}

/// The fenced Rust blocks: line, what stands behind `rust`, content. Lines that rustdoc hides are
/// left out.
fn rust_blocks(text: &str) -> impl Iterator<Item = (usize, &str, String)> {
    let mut lines = text.lines().enumerate();
    iter::from_fn(move || {
        let (start, attributes) = lines
            .find_map(|(i, line)| Some((i + 1, line.trim_start().strip_prefix("```rust")?)))?;
        let body = lines
            .by_ref()
            .map(|(_, line)| line)
            .take_while(|line| !line.trim_start().starts_with("```"));
        let shown = body.filter(|line| *line != "#" && !line.starts_with("# "));
        Some((start, attributes, shown.collect::<Vec<_>>().join("\n")))
    })
}

/// The targets of links, inline and as definitions, outside of code.
fn markdown_links(text: &str) -> Vec<(usize, &str)> {
    let mut links = Vec::new();
    for (line, prose) in prose(text) {
        for (at, _) in prose.match_indices("](") {
            let in_code =
                prose.get(..at).is_some_and(|before| before.matches('`').count() % 2 == 1);
            let target = prose.get(at + 2..).and_then(|rest| rest.split([')', ' ']).next());
            links.extend(target.filter(|_| !in_code).map(|target| (line, target)));
        }
        if let Some((_, target)) = prose.strip_prefix('[').and_then(|rest| rest.split_once("]: ")) {
            links.extend(target.split_whitespace().next().map(|target| (line, target)));
        }
    }
    links
}

/// The lines outside of fenced blocks, counted from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fenced && !fence).then_some((index + 1, line))
    })
}

/// The anchors of the headings of a page.
fn anchors(text: &str) -> BTreeSet<String> {
    prose(text)
        .filter(|(_, line)| line.starts_with('#'))
        .map(|(_, line)| {
            let heading = line.trim_start_matches('#').trim().to_lowercase();
            let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

/// The path that `target` means on the page `from`; `None` when it leaves the repository.
fn resolve(from: &str, target: &str) -> Option<String> {
    if target.is_empty() {
        return Some(from.to_owned());
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.trim_end_matches('/').split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::{super::tests::check, *};

    #[test]
    fn a_changelog_without_a_place_for_the_next_entry_is_found() {
        let path = "docs/project/changelog.md";
        check(changelog, &[(path, "# Changelog\n\n## Unreleased\n")], &[]);
        check(changelog, &[(path, "# Changelog\n\nUnreleased\n## 0.1.0\n")], &[(path, 1)]);
        check(changelog, &[], &[(path, 1)]);
    }

    #[test]
    fn tests_that_are_not_there_are_found() {
        let source = ("crates/a/tests/it/tls.rs", "async fn it_works() {}\nfn other() {}");
        let page =
            "`it/tls::it_works` `tls::other` `ClientTls::new` `a`\n`tls::gone`\n`dns::other`";
        let path = "docs/reference/features.md";
        check(tests_exist, &[source, (path, page)], &[(path, 2), (path, 3)]);
        check(tests_exist, &[source, ("docs/howto/a.md", page)], &[]);
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let there = ("docs/topics/a.md", "# A title, `b`\n");
        let good = "[a](../topics/a.md) [b](../topics/a.md#a-title-b) [c](../topics/) [d](https://x)\n\
                    `[e](no)`\n```\n[f](no)\n```\n[g](#here) [i](../../README.md)\n# Here\n[h]: ../topics/a.md\n";
        check(links, &[there, ("docs/howto/b.md", good), ("README.md", "[docs](docs)")], &[]);
        let bad = "[a](a.md)\n[b](../topics/a.md#b)\n[c](../../../x)\n[d]: no.md\n[e](#no)";
        let found = [1, 2, 3, 4, 5].map(|line| ("docs/howto/b.md", line));
        check(links, &[there, ("docs/howto/b.md", bad)], &found);
    }

    #[test]
    fn a_link_that_breaks_on_a_registry_is_found() {
        let files = [
            ("crates/a/README.md", "[in](src/lib.rs)\n[out](../../docs/x.md)"),
            ("crates/a/src/lib.rs", ""),
            ("docs/x.md", ""),
        ];
        check(links, &files, &[("crates/a/README.md", 2)]);
    }

    #[test]
    fn links_to_rfcs_are_checked() {
        let good = "//! <https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1>.\n\
                    //! [x]: https://www.rfc-editor.org/rfc/rfc7692#section-7.2.3.6\n\
                    //! (https://www.rfc-editor.org/rfc/rfc5234#appendix-B.1).";
        check(rfc_links, &[("crates/a/src/a.rs", good)], &[]);
        let whole = "[RFC 6455]: https://www.rfc-editor.org/rfc/rfc6455";
        check(rfc_links, &[("README.md", whole)], &[]);
        check(rfc_links, &[("crates/a/src/a.rs", &format!("//! {whole}"))], &[]);
        for bad in [
            "https://www.rfc-editor.org/rfc/rfc6455",
            "https://www.rfc-editor.org/rfc/rfc6455#section-5.9",
            "https://www.rfc-editor.org/rfc/rfc6455#section-",
            "https://www.rfc-editor.org/rfc/rfc7692#section-7..1",
            "https://www.rfc-editor.org/rfc/rfc7692#page-3",
            "https://www.rfc-editor.org/rfc/rfcX#section-1",
            "http://www.rfc-editor.org/rfc/rfc6455#section-1",
            "https://rfc-editor.org/rfc/rfc6455#section-1",
            "https://www.rfc-editor.org/info/rfc6455",
            "https://tools.ietf.org/html/rfc6455#section-1",
            "https://datatracker.ietf.org/doc/html/rfc6455#section-1",
        ] {
            check(rfc_links, &[("crates/a/src/a.rs", bad)], &[("crates/a/src/a.rs", 1)]);
        }
    }

    #[test]
    fn a_block_that_differs_from_its_file_is_found() {
        let page = |block: &str| format!("# A\n\n<!-- file: xtask/a.rs -->\n{block}\ntext\n");
        let check = |block: &str, expected| {
            let files = [("xtask/a.rs", "a();\n\nb();\n"), ("docs/howto/a.md", &page(block))];
            check(files_are_shown_as_they_are, &files, expected);
        };
        check("```rust\na();\n\nb();\n```", &[]);
        let found = &[("docs/howto/a.md", 3)];
        for bad in [
            "```rust\na();\n```",
            "```rust\na();\n\nb();\nc();\n```",
            "\n```rust\na();\n\nb();\n```",
        ] {
            check(bad, found);
        }
        let files = [("docs/howto/a.md", &*page("```rust\n```"))];
        super::super::tests::check(files_are_shown_as_they_are, &files, found);
    }

    #[test]
    fn readme_code_that_no_test_compiles_is_found() {
        let tested = "```rust\n# use a;\nb();\n```\n```rust,ignore\nc();\n```";
        let check = |readme, expected: &[(&str, usize)]| {
            check(
                readme_code_is_compiled,
                &[("README.md", readme), ("crates/websockets/README.md", tested)],
                expected,
            );
        };
        check("text\n```rust\nb();\n```\n```sh\nc\n```", &[]);
        check(
            "text\n```rust\nb(1);\n```\n```rust\nc();\n```",
            &[("README.md", 2), ("README.md", 5)],
        );
    }
}
