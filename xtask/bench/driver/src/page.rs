//! `docs/topics/performance.md`: what stands between markers is replaced, the rest is written by hand.

use std::fs;
use std::path::Path;

/// The sections that a run made for the page.
#[derive(Default)]
pub struct Page {
    sections: Vec<(&'static str, String)>,
}

impl Page {
    /// Adds what belongs between `<!-- bench:NAME -->` and `<!-- /bench:NAME -->`, and prints it.
    pub fn section(&mut self, name: &'static str, text: String) {
        println!("## {name}\n\n{}\n", text.trim_end());
        self.sections.push((name, text));
    }

    /// Replaces the sections that were made, and no others.
    pub fn write(&self) -> Result<(), String> {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/topics/performance.md");
        let error = |e| format!("{}: {e}", path.display());
        let mut text = fs::read_to_string(&path).map_err(error)?;
        for (name, section) in &self.sections {
            text = replace(&text, name, section)?;
        }
        fs::write(&path, &text).map_err(error)
    }
}

/// Puts `section` between its markers.
fn replace(text: &str, name: &str, section: &str) -> Result<String, String> {
    let (begin, end) = (format!("<!-- bench:{name} -->\n"), format!("<!-- /bench:{name} -->"));
    let missing = || format!("performance.md has no `{}` or no `{end}`", begin.trim_end());
    let (before, rest) = text.split_once(&begin).ok_or_else(missing)?;
    let (_, after) = rest.split_once(&end).ok_or_else(missing)?;
    Ok(format!("{before}{begin}{}\n{end}{after}", section.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let text = "a\n<!-- bench:x -->\nold\n<!-- /bench:x -->\nb\n";
        let new = replace(text, "x", "new").unwrap();
        assert_eq!(new, "a\n<!-- bench:x -->\nnew\n<!-- /bench:x -->\nb\n");
        assert_eq!(replace(&new, "x", "new").unwrap(), new);
        assert!(replace(text, "y", "new").is_err());
    }
}
