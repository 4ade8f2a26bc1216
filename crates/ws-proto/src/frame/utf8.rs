//! Incremental validation of UTF-8 ([RFC 3629]), which fails at the first byte that can't be right.
//!
//! [RFC 3629]: https://www.rfc-editor.org/rfc/rfc3629

use std::str;

use ws_errors::InvalidUtf8;

/// Checks a text that arrives in pieces. Every byte is looked at once; at most three bytes of an
/// unfinished character are kept between pieces.
#[derive(Clone, Debug, Default)]
pub(crate) struct Utf8Validator {
    /// The unfinished character at the end of what was fed.
    carry: [u8; 4],
    carried: u8,
    /// How many bytes before the carry were found valid.
    valid: u64,
}

impl Utf8Validator {
    /// Takes the next piece of the text.
    #[inline]
    pub(crate) fn feed(&mut self, mut piece: &[u8]) -> Result<(), InvalidUtf8> {
        if self.carried > 0 {
            piece = self.complete(piece)?;
        }
        // A piece may end within a character: that is no reason to look at all of it again.
        let (whole, rest) = piece.split_at(piece.len() - unfinished(piece));
        if simdutf8::basic::from_utf8(whole).is_err() {
            return self.locate(piece);
        }
        self.valid += whole.len() as u64;
        if rest.is_empty() { Ok(()) } else { self.locate(rest) }
    }

    /// How many bytes of what was fed belong to an unfinished character: 0 to 3.
    pub(crate) fn unfinished(&self) -> usize {
        usize::from(self.carried)
    }

    /// Ends the text.
    pub(crate) fn finish(&self) -> Result<(), InvalidUtf8> {
        match self.carried {
            0 => Ok(()),
            _ => Err(InvalidUtf8::new("unexpected end of data", self.valid)),
        }
    }

    /// Moves bytes from the piece to the carry until the character there is finished or wrong.
    fn complete<'a>(&mut self, mut piece: &'a [u8]) -> Result<&'a [u8], InvalidUtf8> {
        while let Some((&byte, rest)) = piece.split_first() {
            let carried = usize::from(self.carried);
            if let Some(place) = self.carry.get_mut(carried) {
                *place = byte;
            }
            self.carried += 1;
            piece = rest;
            let seen = self.carry.get(..=carried).unwrap_or_default();
            match str::from_utf8(seen) {
                Ok(_) => {
                    self.valid += seen.len() as u64;
                    self.carried = 0;
                    break;
                }
                Err(e) if e.error_len().is_some() => {
                    return Err(InvalidUtf8::new("invalid continuation byte", self.valid));
                }
                Err(_) => {}
            }
        }
        Ok(piece)
    }

    /// Finds where a piece that isn't valid as a whole goes wrong; an unfinished end is carried.
    fn locate(&mut self, piece: &[u8]) -> Result<(), InvalidUtf8> {
        let Err(e) = str::from_utf8(piece) else { return Ok(()) };
        self.valid += e.valid_up_to() as u64;
        let tail = piece.get(e.valid_up_to()..).unwrap_or_default();
        if e.error_len().is_some() {
            // A byte that can't begin a character, or one that can't go on with it.
            let error = match tail {
                [0x80..=0xC1 | 0xF5..=0xFF, ..] => "invalid start byte",
                _ => "invalid continuation byte",
            };
            return Err(InvalidUtf8::new(error, self.valid));
        }
        for (place, &byte) in self.carry.iter_mut().zip(tail) {
            *place = byte;
        }
        #[expect(clippy::cast_possible_truncation, reason = "an unfinished character: at most 3")]
        {
            self.carried = tail.len() as u8;
        }
        Ok(())
    }
}

/// How many bytes at the end look like the beginning of a character: 0 to 3.
#[inline]
fn unfinished(piece: &[u8]) -> usize {
    match *piece {
        [.., 0xC0..=0xFF] => 1,
        [.., 0xE0..=0xFF, 0x80..0xC0] => 2,
        [.., 0xF0..=0xFF, 0x80..0xC0, 0x80..0xC0] => 3,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Feeds `text` in two pieces, cut at `cut`; gives how many bytes had been fed at the failure.
    fn feed(text: &[u8], cut: usize) -> Result<(), InvalidUtf8> {
        let mut validator = Utf8Validator::default();
        validator.feed(&text[..cut])?;
        validator.feed(&text[cut..])?;
        validator.finish()
    }

    fn bytewise(text: &[u8]) -> Result<(), (usize, InvalidUtf8)> {
        let mut validator = Utf8Validator::default();
        for (i, byte) in text.iter().enumerate() {
            validator.feed(&[*byte]).map_err(|e| (i, e))?;
        }
        validator.finish().map_err(|e| (text.len(), e))
    }

    #[test]
    fn bad_texts_fail_with_the_words_and_the_position_that_python_gives() {
        for (text, at, error, position) in [
            (&b"\x80"[..], 0, "invalid start byte", 0),
            (b"ab\xff", 2, "invalid start byte", 2),
            (b"a\xc0\xaf", 1, "invalid start byte", 1),
            (b"a\xc3(", 2, "invalid continuation byte", 1),
            (b"\xe0\x80\x80", 1, "invalid continuation byte", 0), // overlong
            (b"\xed\xa0\x80", 1, "invalid continuation byte", 0), // surrogate
            (b"\xf4\x90\x80\x80", 1, "invalid continuation byte", 0), // above U+10FFFF
            (b"\xf0\x9f\x98a", 3, "invalid continuation byte", 0),
            (b"ok \xf0\x9f\x98", 6, "unexpected end of data", 3),
        ] {
            let expected = InvalidUtf8::new(error, position);
            assert_eq!(bytewise(text), Err((at, expected.clone())), "{text:x?}");
            for cut in 0..=text.len() {
                assert_eq!(feed(text, cut), Err(expected.clone()), "{text:x?} cut at {cut}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_verdict_of_the_whole(
            text in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..40),
                ".{0,40}".prop_map(String::into_bytes),
            ],
            cut in 0..200usize,
        ) {
            let whole = str::from_utf8(&text);
            let cut = cut.min(text.len());
            let fed = feed(&text, cut);
            prop_assert_eq!(fed.is_ok(), whole.is_ok());
            if let (Err(fed), Err(whole)) = (fed, whole) {
                prop_assert_eq!(fed.position, whole.valid_up_to() as u64);
            }
        }
    }
}
