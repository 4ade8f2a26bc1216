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
    /// Writes the text between unsafe characters at once: standard error has no buffer, each piece is a
    /// system call.
    fn write_str(&mut self, s: &str) -> fmt::Result {
        s.split_inclusive(is_unsafe).try_for_each(|piece| {
            let safe = piece.trim_end_matches(is_unsafe);
            self.0.write_str(safe)?;
            let rest = piece.get(safe.len()..).unwrap_or_default();
            write!(self.0, "{}", rest.escape_default())
        })
    }
}

/// Whether `c` is a control character, ends a line, or changes the direction of writing.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps the pieces apart that are written.
    #[derive(Default)]
    struct Pieces(Vec<String>);

    impl Write for Pieces {
        fn write_str(&mut self, s: &str) -> fmt::Result {
            self.0.extend((!s.is_empty()).then(|| s.to_owned()));
            Ok(())
        }
    }

    #[test]
    fn text_between_unsafe_characters_is_written_at_once() {
        let cases = [
            ("all is well – äöü", "all is well – äöü", 1),
            // The length of an escape is that of its pieces.
            ("a b\ncd\u{202e}", r"a b\ncd\u{202e}", 2 + 2 + 8),
            ("", "", 0),
        ];
        for (text, escaped, writes) in cases {
            let mut pieces = Pieces::default();
            write!(pieces, "{}", Escaped(text)).expect("it takes everything");
            assert_eq!((pieces.0.concat().as_str(), pieces.0.len()), (escaped, writes), "{text:?}");
        }
    }
}
