//! Text that is safe to print.

use std::fmt::{self, Display, Formatter, Write};

/// Prints a value with control characters escaped, for terminals and logs.
///
/// Text of a peer, in a message, a header or a close reason, is printed unchanged otherwise. Unescaped, it could
/// move the cursor, forge a line of a log, or reverse the direction of writing.
///
/// ```
/// use ws_types::Escaped;
///
/// assert_eq!(Escaped("GET\u{1b}[2J").to_string(), r"GET\u{1b}[2J");
/// ```
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "made by writing `Escaped(value)`")]
pub struct Escaped<T>(
    /// The value, or a reference to it.
    pub T,
);

impl<T: Display> Display for Escaped<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(Escape(f), "{}", self.0)
    }
}

struct Escape<'a, 'b>(&'a mut Formatter<'b>);

impl Write for Escape<'_, '_> {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        s.chars().try_for_each(|c| match is_unsafe(c) {
            true => write!(self.0, "{}", c.escape_default()),
            false => self.0.write_char(c),
        })
    }
}

/// Whether `c` is a control character, ends a line, or changes the direction of writing.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
