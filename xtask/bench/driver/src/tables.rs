//! Markdown tables and the numbers in them.

use std::fmt::Write;

use crate::stats::Ratio;

/// A table; the first column is text, the others are numbers.
pub struct Table {
    columns: usize,
    text: String,
}

impl Table {
    pub fn new<S: AsRef<str>>(head: impl IntoIterator<Item = S>) -> Self {
        let mut table = Self { columns: 0, text: String::new() };
        let head: Vec<S> = head.into_iter().collect();
        table.columns = head.len();
        table.row(head);
        table.text.push_str("| --- |");
        table.text.push_str(&" --: |".repeat(table.columns - 1));
        table.text.push('\n');
        table
    }

    pub fn row<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.text.push('|');
        let mut n = 0;
        for cell in cells {
            let _ = write!(self.text, " {} |", cell.as_ref());
            n += 1;
        }
        assert_eq!(n, self.columns, "each row has all columns");
        self.text.push('\n');
    }

    pub fn finish(self) -> String {
        self.text
    }
}

/// Three significant digits, thousands apart; a dash for what is missing.
pub fn number(x: f64) -> String {
    if x.is_nan() {
        return "–".to_owned();
    }
    if x.abs() < 100.0 {
        return if x.abs() < 10.0 { format!("{x:.2}") } else { format!("{x:.1}") };
    }
    let digits = format!("{x:.0}");
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1.23`
pub fn times(x: f64) -> String {
    if x.is_nan() { "–".to_owned() } else { format!("{x:.2}") }
}

/// `1.23 (1.20–1.27)`
pub fn with_interval(ratio: Ratio) -> String {
    if ratio.median.is_nan() {
        return "–".to_owned();
    }
    format!("{:.2} ({:.2}–{:.2})", ratio.median, ratio.low, ratio.high)
}

/// `16 B`, `64 KiB`, `1 MiB`
pub fn size(bytes: usize) -> String {
    match bytes {
        n if n >= 1 << 20 => format!("{} MiB", n >> 20),
        n if n >= 1 << 10 => format!("{} KiB", n >> 10),
        n => format!("{n} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_readable() {
        let cases = [(0.5, "0.50"), (12.34, "12.3"), (999.4, "999"), (1234567.0, "1,234,567")];
        for (x, expected) in cases {
            assert_eq!(number(x), expected);
        }
        assert_eq!(number(f64::NAN), "–");
    }

    #[test]
    fn a_table_has_a_rule_under_its_head() {
        let mut table = Table::new(["a", "b"]);
        table.row(["x", "1"]);
        assert_eq!(table.finish(), "| a | b |\n| --- | --: |\n| x | 1 |\n");
    }
}
