//! JSON for people: one value a line.

use serde_json::Value;

/// The longest text that is indented, in bytes: the indentation of a hostile one takes a hundred times as much.
const LONGEST: usize = 64 << 10;

/// Indents a JSON text; `None` if it isn't one, or too long. All but its white space stays as it is: the order of
/// names, the digits of numbers, the escapes of strings.
pub(crate) fn indented(text: &str) -> Option<String> {
    if text.len() > LONGEST {
        return None;
    }
    // It is nested no deeper than 127 then.
    serde_json::from_str::<Value>(text).ok()?;
    let (mut shown, mut depth, mut string) = (String::new(), 0, Within::Nothing);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match (string, c) {
            (Within::Escape, _) => string = Within::String,
            (Within::String, '\\') => string = Within::Escape,
            (Within::String, '"') => string = Within::Nothing,
            (Within::String, _) => {}
            (Within::Nothing, '"') => string = Within::String,
            (Within::Nothing, '{' | '[') => {
                shown.push(c);
                while rest.next_if(|next| next.is_ascii_whitespace()).is_some() {}
                if let Some(end) = rest.next_if(|next| matches!(next, '}' | ']')) {
                    shown.push(end);
                } else {
                    depth += 1;
                    new_line(&mut shown, depth);
                }
                continue;
            }
            (Within::Nothing, '}' | ']') => {
                depth -= 1;
                new_line(&mut shown, depth);
            }
            (Within::Nothing, ',') => {
                shown.push(c);
                new_line(&mut shown, depth);
                continue;
            }
            (Within::Nothing, ':') => {
                shown.push_str(": ");
                continue;
            }
            (Within::Nothing, c) if c.is_ascii_whitespace() => continue,
            (Within::Nothing, _) => {}
        }
        shown.push(c);
    }
    Some(shown)
}

/// The part of a text that a character is in.
#[derive(Clone, Copy)]
enum Within {
    Nothing,
    String,
    /// Behind a backslash.
    Escape,
}

fn new_line(shown: &mut String, depth: usize) {
    shown.push('\n');
    shown.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_indented_and_nothing_else_changes() {
        for (text, expected) in [
            ("7", "7"),
            (" [ ] ", "[]"),
            ("{\n}", "{}"),
            (
                r#"{"b":1.0e5,"a":[1, 2 ,{}]}"#,
                "{\n  \"b\": 1.0e5,\n  \"a\": [\n    1,\n    2,\n    {}\n  ]\n}",
            ),
            (r#"["a{,:[ \" \\", "\u00e9"]"#, "[\n  \"a{,:[ \\\" \\\\\",\n  \"\\u00e9\"\n]"),
        ] {
            assert_eq!(indented(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "hello", "{", "[1,]", "{} {}", &"[".repeat(200)] {
            assert_eq!(indented(text), None, "{text}");
        }
        let deep = "[".repeat(127) + &"]".repeat(127);
        assert!(indented(&deep).is_some());
        assert_eq!(indented(&("[".repeat(128) + &"]".repeat(128))), None);
        assert_eq!(indented(&format!("\"{}\"", "a".repeat(LONGEST))), None);
    }
}
