//! A small inflate of our own ([RFC 1951]), which judges what the encoder emits.
//!
//! [RFC 1951]: https://www.rfc-editor.org/rfc/rfc1951

/// The output so far, over all messages of a connection.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    history: Vec<u8>,
    /// The greatest distance that was referred to.
    pub(crate) greatest: usize,
}

/// Why data isn't deflate data.
pub(crate) type Fault = &'static str;

impl Judge {
    /// Forgets what has come out: a message follows that mustn't refer to it.
    pub(crate) fn forget(&mut self) {
        self.history.clear();
    }

    /// Decodes the payload of one compressed message, whose trailer was left out
    /// ([RFC 7692 §7.2.2](https://www.rfc-editor.org/rfc/rfc7692#section-7.2.2)): it has to end, with
    /// the trailer, at the end of an empty stored block that isn't a final one.
    pub(crate) fn message(&mut self, payload: &[u8]) -> Result<Vec<u8>, Fault> {
        if payload.ends_with(&[0, 0, 0xFF, 0xFF]) {
            return Err("the trailer was not left out");
        }
        let data = [payload, &[0, 0, 0xFF, 0xFF]].concat();
        let have = self.history.len();
        let mut bits = Bits { data: &data, at: 0 };
        loop {
            let before = self.history.len();
            let is_final = bits.take(1)? == 1;
            let kind = bits.take(2)?;
            match kind {
                0 => self.stored(&mut bits)?,
                1 => {
                    let mut lengths = [8; 288];
                    lengths[144..256].fill(9);
                    lengths[256..280].fill(7);
                    self.block(&mut bits, &Code::new(&lengths), &Code::new(&[5; 30]))?;
                }
                2 => {
                    let (literals, distances) = codes(&mut bits)?;
                    self.block(&mut bits, &literals, &distances)?;
                }
                _ => return Err("block of a reserved type"),
            }
            if is_final {
                return Err("a final block");
            }
            if bits.at == 8 * data.len() {
                return match (kind, self.history.len() == before) {
                    (0, true) => Ok(self.history[have..].to_vec()),
                    _ => Err("the last block is no flush"),
                };
            }
        }
    }

    fn stored(&mut self, bits: &mut Bits<'_>) -> Result<(), Fault> {
        bits.at = bits.at.next_multiple_of(8);
        let (len, check) = (bits.take(16)?, bits.take(16)?);
        if len ^ check != 0xFFFF {
            return Err("stored length");
        }
        let start = bits.at / 8;
        let stored = bits.data.get(start..start + len).ok_or("unexpected end")?;
        self.history.extend_from_slice(stored);
        bits.at += 8 * len;
        Ok(())
    }

    fn block(
        &mut self,
        bits: &mut Bits<'_>,
        literals: &Code,
        distances: &Code,
    ) -> Result<(), Fault> {
        loop {
            let symbol = match literals.read(bits)? {
                byte @ 0..256 => {
                    self.history.push(byte as u8);
                    continue;
                }
                256 => return Ok(()),
                symbol => symbol - 257,
            };
            let (base, extra) = *LENGTHS.get(symbol).ok_or("length symbol")?;
            let len = base + bits.take(extra)?;
            let symbol = distances.read(bits)?;
            let (base, extra) = distance(symbol)?;
            let distance = base + bits.take(extra)?;
            self.greatest = self.greatest.max(distance);
            let start = self.history.len().checked_sub(distance).ok_or("distance too far back")?;
            let end = self.history.len() + len;
            while self.history.len() < end {
                // As much as there is; a match may overlap what it makes.
                let step = (end - self.history.len()).min(self.history.len() - start);
                self.history.extend_from_within(start..start + step);
            }
        }
    }
}

/// Base and extra bits of each length symbol, from 257 on.
pub(crate) const LENGTHS: [(usize, usize); 29] = {
    let mut table = [(0, 0); 29];
    let (mut base, mut n) = (3, 0);
    while n < 28 {
        let extra = if n < 8 { 0 } else { n / 4 - 1 };
        table[n] = (base, extra);
        base += 1 << extra;
        n += 1;
    }
    table[28] = (258, 0);
    table
};

/// Base and extra bits of a distance symbol.
pub(crate) fn distance(symbol: usize) -> Result<(usize, usize), Fault> {
    match symbol {
        0..4 => Ok((symbol + 1, 0)),
        4..30 => {
            let extra = symbol / 2 - 1;
            Ok((1 + ((2 + symbol % 2) << extra), extra))
        }
        _ => Err("distance symbol"),
    }
}

/// The two codes at the front of a dynamic block.
fn codes(bits: &mut Bits<'_>) -> Result<(Code, Code), Fault> {
    const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
    let (literals, distances, lengths) =
        (257 + bits.take(5)?, 1 + bits.take(5)?, 4 + bits.take(4)?);
    let mut meta = [0; 19];
    for at in &ORDER[..lengths] {
        meta[*at] = bits.take(3)? as u8;
    }
    let meta = Code::new(&meta);
    let mut lengths = Vec::new();
    while lengths.len() < literals + distances {
        let (value, times) = match meta.read(bits)? {
            16 => (*lengths.last().ok_or("nothing to repeat")?, 3 + bits.take(2)?),
            17 => (0, 3 + bits.take(3)?),
            18 => (0, 11 + bits.take(7)?),
            len => (len as u8, 1),
        };
        lengths.resize(lengths.len() + times, value);
    }
    if lengths.len() > literals + distances || lengths[256] == 0 {
        return Err("code lengths");
    }
    let (literals, distances) = lengths.split_at(literals);
    Ok((Code::new(literals), Code::new(distances)))
}

/// A Huffman code: the symbols by length of their code, in order.
struct Code(Vec<Vec<usize>>);

impl Code {
    fn new(lengths: &[u8]) -> Self {
        let of = |len| (0..lengths.len()).filter(|at| lengths[*at] == len).collect();
        Self((1..=15).map(of).collect())
    }

    fn read(&self, bits: &mut Bits<'_>) -> Result<usize, Fault> {
        let (mut code, mut first, mut window) = (0, 0, bits.peek());
        for (len, symbols) in self.0.iter().enumerate() {
            code = code << 1 | window & 1;
            window >>= 1;
            if let Some(symbol) = symbols.get(code - first) {
                bits.take(len + 1)?;
                return Ok(*symbol);
            }
            first = (first + symbols.len()) << 1;
        }
        Err("no such code")
    }
}

struct Bits<'a> {
    data: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    /// The next 17 bits or more; zeros follow the end.
    fn peek(&self) -> usize {
        let byte = |n| usize::from(*self.data.get(self.at / 8 + n).unwrap_or(&0));
        (byte(0) | byte(1) << 8 | byte(2) << 16) >> (self.at % 8)
    }

    /// Takes up to 16 bits.
    fn take(&mut self, n: usize) -> Result<usize, Fault> {
        let value = self.peek() & ((1 << n) - 1);
        self.at += n;
        if self.at > 8 * self.data.len() { Err("unexpected end") } else { Ok(value) }
    }
}

#[test]
fn the_judge_knows_the_examples_of_rfc7692_7_2_3() {
    let mut judge = Judge::default();
    let first = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00];
    assert_eq!(judge.message(&first), Ok(b"Hello".to_vec()));
    assert_eq!(judge.greatest, 0);
    assert_eq!(judge.message(&[0xF2, 0x00, 0x11, 0x00, 0x00]), Ok(b"Hello".to_vec()));
    assert_eq!(judge.greatest, 5);
    assert_eq!(judge.message(&[0x00]), Ok(Vec::new()));
    let stored = [0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00];
    assert_eq!(judge.message(&stored), Ok(b"Hello".to_vec()));
    let two = [0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00];
    assert_eq!(judge.message(&two), Ok(b"Hello".to_vec()));
    let last = [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00];
    assert_eq!(judge.message(&last), Err("a final block"));
    let mut fresh = Judge::default();
    assert_eq!(fresh.message(&[0xF2, 0x00, 0x11, 0x00, 0x00]), Err("distance too far back"));
    assert_eq!(fresh.message(&[0x00, 0x00, 0x00, 0xFF, 0xFF]), Err("the trailer was not left out"));
}
