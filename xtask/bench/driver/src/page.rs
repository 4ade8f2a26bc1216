//! `docs/topics/performance.md`: what stands between markers is replaced, the rest is written by hand.

use std::fs;
use std::path::{Path, PathBuf};

/// What a run made for the page.
#[derive(Default)]
pub struct Page {
    sections: Vec<(&'static str, String)>,
    /// Name and content of each SVG file.
    plots: Vec<(&'static str, String)>,
}

impl Page {
    /// Adds what belongs between `<!-- bench:NAME -->` and `<!-- /bench:NAME -->`, and prints it.
    pub fn section(&mut self, name: &'static str, text: String) {
        println!("## {name}\n\n{}\n", text.trim_end());
        self.sections.push((name, text));
    }

    /// Adds the plot `docs/topics/performance/NAME.svg`.
    pub fn plot(&mut self, name: &'static str, svg: String) {
        self.plots.push((name, svg));
    }

    /// Replaces the sections that were made, and no others, and writes the plots.
    pub fn write(&self) -> Result<(), String> {
        let topics = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/topics");
        let path = topics.join("performance.md");
        let mut text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        for (name, section) in &self.sections {
            text = replace(&text, name, section)?;
        }
        let folder = topics.join("performance");
        fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let write = |path: PathBuf, text: &str| {
            fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))
        };
        for (name, svg) in &self.plots {
            write(folder.join(format!("{name}.svg")), svg)?;
        }
        write(path, &text)
    }
}

/// Puts `section` between its markers.
fn replace(text: &str, name: &str, section: &str) -> Result<String, String> {
    let (begin, end) = (format!("<!-- bench:{name} -->\n"), format!("<!-- /bench:{name} -->"));
    let missing = || format!("performance.md has no `{}` or no `{end}`", begin.trim_end());
    let (before, rest) = text.split_once(&begin).ok_or_else(missing)?;
    let (_, after) = rest.split_once(&end).ok_or_else(missing)?;
    Ok(format!("{before}{begin}\n{}\n\n{end}{after}", section.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let text = "a\n<!-- bench:x -->\nold\n<!-- /bench:x -->\nb\n";
        let new = replace(text, "x", "new").unwrap();
        assert_eq!(new, "a\n<!-- bench:x -->\n\nnew\n\n<!-- /bench:x -->\nb\n");
        assert_eq!(replace(&new, "x", "new").unwrap(), new);
        assert!(replace(text, "y", "new").is_err());
    }
}
