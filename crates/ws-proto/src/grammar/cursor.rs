//! [`Cursor`]: the tokens, quoted strings and lists of all header parsers.

use ws_errors::InvalidHeaderFormat;

/// A position in the value of one header line.
///
/// Invariant: `pos <= header.len()`, and `pos` is on a character boundary, since the cursor steps
/// over whole characters only.
pub(crate) struct Cursor<'a> {
    name: &'static str,
    header: &'a str,
    pos: usize,
}

impl<'a> Cursor<'a> {
    /// Creates a cursor at the start of `header`, a value of the header called `name`.
    pub(crate) fn new(name: &'static str, header: &'a str) -> Self {
        Self { name, header, pos: 0 }
    }

    /// The rest of the value.
    fn rest(&self) -> &'a str {
        self.header.get(self.pos..).unwrap_or_default()
    }

    /// Tells whether the rest is empty.
    pub(crate) fn at_end(&self) -> bool {
        self.pos == self.header.len()
    }

    /// The next byte: an ASCII octet, or the first of the two bytes of an octet from 0x80 on.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.header.as_bytes().get(self.pos).copied()
    }

    /// Steps over the next character if it is the ASCII `octet`; tells whether it was.
    pub(crate) fn eat(&mut self, octet: u8) -> bool {
        let found = self.peek() == Some(octet);
        self.pos += usize::from(found);
        found
    }

    /// Steps over and returns the longest run, perhaps empty, of ASCII octets for which `predicate`
    /// holds.
    pub(crate) fn take_while(&mut self, predicate: impl Fn(u8) -> bool) -> &'a str {
        let rest = self.rest();
        let len = rest.bytes().position(|b| !(b.is_ascii() && predicate(b))).unwrap_or(rest.len());
        self.pos += len;
        rest.get(..len).unwrap_or_default()
    }

    /// Steps over optional white space: spaces and tabs.
    pub(crate) fn skip_ows(&mut self) {
        self.take_while(|b| matches!(b, b' ' | b'\t'));
    }

    /// Reads a token; fails with `error` if there is none.
    pub(crate) fn token(&mut self, error: &'static str) -> Result<&'a str, InvalidHeaderFormat> {
        match self.take_while(is_token_octet) {
            "" => Err(self.fail(error)),
            token => Ok(token),
        }
    }

    /// Reads a quoted string; returns its content, unescaped.
    ///
    /// Octets from 0x80 on are refused unless escaped, although RFC 9110 allows them.
    pub(crate) fn quoted_string(&mut self) -> Result<String, InvalidHeaderFormat> {
        let mut content = String::new();
        let mut chars = self.rest().char_indices();
        if let Some((_, '"')) = chars.next() {
            while let Some((at, c)) = chars.next() {
                match c {
                    '"' => {
                        self.pos += at + 1;
                        return Ok(content);
                    }
                    '\\' => match chars.next() {
                        Some((_, c @ ('\t' | ' '..='~' | '\u{80}'..='\u{ff}'))) => content.push(c),
                        _ => break,
                    },
                    '\t' | ' '..='~' => content.push(c),
                    _ => break,
                }
            }
        }
        Err(self.fail("expected quoted string"))
    }

    /// Reads the rest as a list of at least one item, skipping empty elements ([RFC 9110 §5.6.1]).
    ///
    /// [RFC 9110 §5.6.1]: https://www.rfc-editor.org/rfc/rfc9110#section-5.6.1
    pub(crate) fn list<T>(
        mut self,
        item: impl Fn(&mut Self) -> Result<T, InvalidHeaderFormat>,
    ) -> Result<Vec<T>, InvalidHeaderFormat> {
        let mut items = Vec::new();
        self.skip_commas();
        loop {
            items.push(item(&mut self)?);
            self.skip_ows();
            if !self.at_end() && self.skip_commas() == 0 {
                return Err(self.fail("expected comma"));
            }
            if self.at_end() {
                return Ok(items);
            }
        }
    }

    /// Steps over commas, each with the white space after it, and counts them.
    fn skip_commas(&mut self) -> usize {
        let mut commas = 0;
        while self.eat(b',') {
            self.skip_ows();
            commas += 1;
        }
        commas
    }

    /// The position, for [`back`](Self::back) and [`since`](Self::since).
    pub(crate) fn mark(&self) -> usize {
        self.pos
    }

    /// Returns to an earlier position.
    pub(crate) fn back(&mut self, mark: usize) {
        self.pos = mark;
    }

    /// The part from `mark` to the position.
    pub(crate) fn since(&self, mark: usize) -> &'a str {
        self.header.get(mark..self.pos).unwrap_or_default()
    }

    /// Creates the error for a fault at the position.
    pub(crate) fn fail(&self, error: &'static str) -> InvalidHeaderFormat {
        let pos = self.header.get(..self.pos).unwrap_or_default().chars().count();
        InvalidHeaderFormat::new(self.name, error, self.header, pos)
    }
}

/// Tells whether tokens may hold `octet` ([RFC 9110 §5.6.2]).
///
/// [RFC 9110 §5.6.2]: https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2
pub(crate) fn is_token_octet(octet: u8) -> bool {
    octet.is_ascii_alphanumeric()
        || matches!(octet, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}
