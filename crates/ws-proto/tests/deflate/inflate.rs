//! An inflate of our own ([RFC 1951]), slow and strict, to judge what the encoder writes: it tells the
//! greatest distance that was referred to.
//!
//! [RFC 1951]: https://www.rfc-editor.org/rfc/rfc1951

/// What the messages of one connection inflate to, one after the other.
#[derive(Default)]
pub(crate) struct Judge {
    /// All messages so far.
    out: Vec<u8>,
}

/// What came of one message.
pub(crate) struct Verdict {
    pub(crate) data: Vec<u8>,
    /// The greatest distance of a copy; 0 without any.
    pub(crate) distance: usize,
    /// How far the copies reach behind the beginning of the message.
    pub(crate) behind: usize,
}

impl Judge {
    /// Inflates a message: the payload without the trailer.
    #[track_caller]
    pub(crate) fn message(&mut self, payload: &[u8]) -> Verdict {
        assert!(!payload.ends_with(&[0, 0, 0xFF, 0xFF]), "the trailer is left out");
        let bytes = [payload, &[0, 0, 0xFF, 0xFF]].concat();
        let start = self.out.len();
        let mut verdict = Verdict { data: Vec::new(), distance: 0, behind: 0 };
        let mut bits = Bits { bytes: &bytes, at: 0 };
        while bits.at < bytes.len() * 8 {
            assert_eq!(bits.take(1), 0, "the encoder never sets BFINAL");
            match bits.take(2) {
                0 => {
                    bits.at = bits.at.next_multiple_of(8);
                    let (len, not) = (bits.take(16), bits.take(16));
                    assert_eq!(len ^ not, 0xFFFF, "the length and its complement");
                    self.out.extend((0..len).map(|_| bits.take(8) as u8));
                }
                1 => {
                    let literal = (0..288).map(|n| match n {
                        0..144 => 8,
                        144..256 => 9,
                        256..280 => 7,
                        _ => 8,
                    });
                    let literal = Huffman::new(&literal.collect::<Vec<_>>());
                    self.block(&mut bits, &literal, &Huffman::new(&[5; 30]), start, &mut verdict);
                }
                2 => {
                    let (literal, distance) = dynamic(&mut bits);
                    self.block(&mut bits, &literal, &distance, start, &mut verdict);
                }
                _ => panic!("a block of type 3"),
            }
        }
        verdict.data = self.out[start..].to_vec();
        verdict
    }

    #[track_caller]
    fn block(
        &mut self,
        bits: &mut Bits<'_>,
        literal: &Huffman,
        distance: &Huffman,
        start: usize,
        verdict: &mut Verdict,
    ) {
        loop {
            let symbol = literal.decode(bits);
            let length = match symbol {
                0..256 => {
                    self.out.push(symbol as u8);
                    continue;
                }
                256 => return,
                257..265 => symbol - 254,
                285 => 258,
                _ => {
                    let extra = (symbol - 261) / 4;
                    ((4 + (symbol - 265) % 4) << extra) + 3 + bits.take(extra)
                }
            };
            let code = distance.decode(bits);
            let distance = match code {
                0..4 => code + 1,
                _ => ((2 + code % 2) << (code / 2 - 1)) + 1 + bits.take(code / 2 - 1),
            };
            let from = self.out.len().checked_sub(distance).expect("within what came before");
            verdict.distance = verdict.distance.max(distance);
            verdict.behind = verdict.behind.max(start.saturating_sub(from));
            for at in from..from + length {
                self.out.push(self.out[at]);
            }
        }
    }
}

/// The two codes of a dynamic block.
#[track_caller]
fn dynamic(bits: &mut Bits<'_>) -> (Huffman, Huffman) {
    const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
    let (literals, distances) = (bits.take(5) + 257, bits.take(5) + 1);
    let count = bits.take(4) + 4;
    let mut lengths = [0; 19];
    for at in &ORDER[..count] {
        lengths[*at] = bits.take(3);
    }
    let code = Huffman::new(&lengths);
    let mut lengths = Vec::new();
    while lengths.len() < literals + distances {
        let (length, times) = match code.decode(bits) {
            16 => (*lengths.last().expect("one to repeat"), 3 + bits.take(2)),
            17 => (0, 3 + bits.take(3)),
            18 => (0, 11 + bits.take(7)),
            length => (length, 1),
        };
        lengths.extend(std::iter::repeat_n(length, times));
    }
    assert_eq!(lengths.len(), literals + distances, "no more lengths than announced");
    (Huffman::new(&lengths[..literals]), Huffman::new(&lengths[literals..]))
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    /// The next bits as a number, the lowest first.
    #[track_caller]
    fn take(&mut self, count: usize) -> usize {
        let bit = |at: usize| usize::from(self.bytes[at / 8] >> (at % 8) & 1);
        let value = (0..count).map(|i| bit(self.at + i) << i).sum();
        self.at += count;
        value
    }
}

/// The codes, by their length and value, and their symbols.
struct Huffman(Vec<(usize, usize, usize)>);

impl Huffman {
    fn new(lengths: &[usize]) -> Self {
        let mut codes = Vec::new();
        let mut code = 0;
        for length in 1..16 {
            code <<= 1;
            for (symbol, _) in lengths.iter().enumerate().filter(|(_, own)| **own == length) {
                codes.push((length, code, symbol));
                code += 1;
            }
        }
        Self(codes)
    }

    #[track_caller]
    fn decode(&self, bits: &mut Bits<'_>) -> usize {
        let mut code = 0;
        for length in 1..16 {
            code = code << 1 | bits.take(1);
            if let Ok(at) = self.0.binary_search_by_key(&(length, code), |(l, c, _)| (*l, *c)) {
                return self.0[at].2;
            }
        }
        panic!("no such code");
    }
}

#[test]
fn the_judge_knows_the_examples_of_rfc_7692() {
    let mut judge = Judge::default();
    let first = judge.message(&[0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]);
    assert_eq!((&*first.data, first.distance, first.behind), (&b"Hello"[..], 0, 0));
    // An H, and the other four letters of the message before.
    let second = judge.message(&[0xF2, 0x00, 0x11, 0x00, 0x00]);
    assert_eq!((&*second.data, second.distance, second.behind), (&b"Hello"[..], 5, 4));
    let stored = judge.message(&[0, 5, 0, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0]);
    assert_eq!((&*stored.data, stored.distance), (&b"Hello"[..], 0));
}
