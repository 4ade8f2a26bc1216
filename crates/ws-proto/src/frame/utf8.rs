//! UTF-8 that arrives in pieces ([RFC 3629]); it fails at the first byte that can't be right.
//!
//! [RFC 3629]: https://www.rfc-editor.org/rfc/rfc3629

use std::str;

use ws_errors::InvalidUtf8;

/// The bytes as text, if they are.
pub(crate) fn decode_text(bytes: &[u8]) -> Result<&str, InvalidUtf8> {
    simdutf8::basic::from_utf8(bytes).map_err(|_| {
        // Only that it fails is known; the decoder tells where.
        let mut decoder = Utf8Decoder::default();
        let verdict = decoder.decode(bytes, &mut String::new()).and_then(|()| decoder.finish());
        verdict.err().unwrap_or_else(|| InvalidUtf8::new("invalid start byte", 0))
    })
}

/// Decodes a text that arrives in pieces. Every byte is looked at once; at most three bytes of an
/// unfinished character are kept between pieces.
#[derive(Clone, Debug, Default)]
pub(crate) struct Utf8Decoder {
    /// The unfinished character at the end of the last piece.
    carry: [u8; 4],
    carried: usize,
    /// How many bytes before the carry were valid.
    valid: u64,
}

impl Utf8Decoder {
    /// Decodes the next piece, and appends its characters to `text`, but for an unfinished one.
    pub(crate) fn decode(
        &mut self,
        mut piece: &[u8],
        text: &mut String,
    ) -> Result<(), InvalidUtf8> {
        if self.carried > 0 {
            piece = self.finish_character(piece, text)?;
        }
        let (whole, rest) = piece.split_at(piece.len() - unfinished(piece));
        let Ok(characters) = simdutf8::basic::from_utf8(whole) else {
            return self.locate(piece);
        };
        text.push_str(characters);
        self.valid += whole.len() as u64;
        if rest.is_empty() { Ok(()) } else { self.locate(rest) }
    }

    /// How many bytes of an unfinished character the last piece left over.
    pub(crate) fn carried(&self) -> usize {
        self.carried
    }

    /// Ends the text.
    pub(crate) fn finish(&self) -> Result<(), InvalidUtf8> {
        match self.carried {
            0 => Ok(()),
            _ => Err(InvalidUtf8::new("unexpected end of data", self.valid)),
        }
    }

    /// Moves bytes from the piece to the carry until the character there is finished or wrong.
    fn finish_character<'a>(
        &mut self,
        mut piece: &'a [u8],
        text: &mut String,
    ) -> Result<&'a [u8], InvalidUtf8> {
        while let Some((&byte, rest)) = piece.split_first() {
            if let Some(place) = self.carry.get_mut(self.carried) {
                *place = byte;
            }
            self.carried += 1;
            piece = rest;
            match str::from_utf8(self.carry.get(..self.carried).unwrap_or_default()) {
                Ok(character) => {
                    text.push_str(character);
                    self.valid += self.carried as u64;
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
    #[cold]
    fn locate(&mut self, piece: &[u8]) -> Result<(), InvalidUtf8> {
        let Err(e) = str::from_utf8(piece) else { return Ok(()) };
        let tail = piece.get(e.valid_up_to()..).unwrap_or_default();
        if e.error_len().is_some() {
            // A byte that can't begin a character, or one that can't go on with it.
            let error = match tail {
                [0x80..=0xC1 | 0xF5..=0xFF, ..] => "invalid start byte",
                _ => "invalid continuation byte",
            };
            return Err(InvalidUtf8::new(error, self.valid + e.valid_up_to() as u64));
        }
        for (place, &byte) in self.carry.iter_mut().zip(tail) {
            *place = byte;
        }
        self.carried = tail.len();
        Ok(())
    }
}

/// How many bytes at the end look like the beginning of a character: 0 to 3.
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

    /// Decodes `text` in two pieces, cut at `cut`.
    fn decode(text: &[u8], cut: usize) -> Result<String, InvalidUtf8> {
        let (mut decoder, mut out) = (Utf8Decoder::default(), String::new());
        decoder.decode(&text[..cut], &mut out)?;
        decoder.decode(&text[cut..], &mut out)?;
        decoder.finish()?;
        Ok(out)
    }

    /// Decodes `text` byte by byte; tells at which byte it fails.
    fn bytewise(text: &[u8]) -> Result<String, (usize, InvalidUtf8)> {
        let (mut decoder, mut out) = (Utf8Decoder::default(), String::new());
        for (i, byte) in text.iter().enumerate() {
            decoder.decode(&[*byte], &mut out).map_err(|e| (i, e))?;
        }
        decoder.finish().map_err(|e| (text.len(), e))?;
        Ok(out)
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
            assert_eq!(decode_text(text), Err(expected.clone()), "{text:x?}");
            for cut in 0..=text.len() {
                assert_eq!(decode(text, cut), Err(expected.clone()), "{text:x?} cut at {cut}");
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
            match (decode(&text, cut), whole) {
                (Ok(decoded), Ok(whole)) => prop_assert_eq!(decoded, whole),
                (Err(e), Err(whole)) => prop_assert_eq!(e.position, whole.valid_up_to() as u64),
                (decoded, whole) => prop_assert!(false, "{decoded:?} but {whole:?}"),
            }
        }
    }
}
