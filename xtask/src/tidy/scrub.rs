//! Rust source without its comments and literals, so that a rule about code reads code only.

/// `source` with every comment, string and character literal overwritten by blanks. Each byte
/// keeps its place, each line its number.
pub(super) fn code(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    // Whether the character before could be the end of an identifier: `br` in `abr"` is no prefix.
    let mut in_word = false;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment(rest),
            '"' => string(rest),
            '\'' => character(rest),
            'r' | 'b' | 'c' if !in_word => prefixed(rest),
            _ => 0,
        };
        if length == 0 {
            out.push(first);
            rest = rest.split_at(first.len_utf8()).1;
        } else {
            let (blanked, after) = rest.split_at(length);
            out.extend(blanked.bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }));
            rest = after;
        }
        in_word = length == 0 && (first.is_alphanumeric() || first == '_');
    }
    out
}

/// The length of the block comment at the front; they nest.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut bytes = rest.bytes().enumerate().peekable();
    while let Some((at, byte)) = bytes.next() {
        let next = bytes.peek().map(|(_, byte)| *byte);
        match (byte, next) {
            (b'/', Some(b'*')) => depth += 1,
            (b'*', Some(b'/')) => depth -= 1,
            _ => continue,
        }
        bytes.next();
        if depth == 0 {
            return at + 2;
        }
    }
    rest.len()
}

/// The length of the literal at the front, from its opening quote.
fn string(rest: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in rest.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The length of the character literal at the front; 0 if this is a lifetime or a label.
fn character(rest: &str) -> usize {
    let inside = rest.get(1..).unwrap_or_default();
    match inside.chars().next() {
        Some('\\') => {
            // The escaped character may be a quote itself.
            let after = inside.char_indices().nth(2).map_or(inside.len(), |(at, _)| at);
            let tail = inside.get(after..).unwrap_or_default();
            tail.find('\'').map_or(0, |end| 1 + after + end + 1)
        }
        Some(c) if inside.get(c.len_utf8()..).is_some_and(|tail| tail.starts_with('\'')) => {
            1 + c.len_utf8() + 1
        }
        _ => 0,
    }
}

/// The length of a literal like `r#"…"#`, `b"…"`, `br"…"` or `c"…"`; 0 if there is none.
fn prefixed(rest: &str) -> usize {
    let prefix = ["br", "cr", "r", "b", "c"].into_iter().find(|prefix| {
        let tail = rest.strip_prefix(prefix).unwrap_or_default();
        tail.trim_start_matches('#').starts_with('"')
    });
    let Some(prefix) = prefix else { return 0 };
    let tail = rest.strip_prefix(prefix).unwrap_or_default();
    let hashes = tail.len() - tail.trim_start_matches('#').len();
    if !prefix.ends_with('r') {
        return if hashes == 0 { prefix.len() + string(tail) } else { 0 };
    }
    let end = format!("\"{}", "#".repeat(hashes));
    let start = hashes + 1;
    let body = tail.get(start..).unwrap_or_default();
    body.find(&end).map_or(rest.len(), |at| prefix.len() + start + at + end.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_comments_are_blanked_and_code_is_kept() {
        for (source, expected) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"f("x\"y", 1)"#, "f(      , 1)"),
            ("f(r#\"a\"b\"#)", "f(        )"),
            ("f(br\"\\\", b\"\\\"\", c\"x\")", "f(     ,      ,     )"),
            ("('\"', '\\'', 'é', b'x')", "(   ,     ,     , b   )"),
            ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
            ("abr\"x\"", "abr   "),
            ("r#type", "r#type"),
            ("\"two\nlines\"", "    \n      "),
            ("\"open", "     "),
        ] {
            assert_eq!(code(source), expected, "{source}");
        }
    }

    #[test]
    fn every_byte_keeps_its_place_wherever_the_source_is_cut() {
        let source = "a /* é */ r##\"x\"## '\\u{e9}' \"\\\\\" // end\nb\n";
        for end in (0..=source.len()).filter(|end| source.is_char_boundary(*end)) {
            let cut = source.get(..end).unwrap_or_default();
            let code = code(cut);
            assert_eq!(code.len(), cut.len(), "{cut}");
            assert_eq!(code.matches('\n').count(), cut.matches('\n').count(), "{cut}");
        }
    }
}
