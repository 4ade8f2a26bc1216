//! Frames as a client sends them, built once, and the headers that a server sends.

use crate::corpus::{self, Rng};
use crate::options::fail;

/// Messages in a row, encoded.
pub struct Block {
    pub wire: Vec<u8>,
    /// Where each message begins in `wire`, and where the last one ends.
    pub offsets: Vec<usize>,
    pub payloads: Vec<Vec<u8>>,
    pub opcode: u8,
}

impl Block {
    /// `count` messages of `kind`: `bin`, `text` (ASCII), `utf8` or `json`. Without `masked`, they are as a
    /// server sends them, for an echo of bytes.
    pub fn new(kind: &str, size: usize, count: usize, masked: bool, deflate: bool) -> Self {
        let mut rng = Rng::new(42);
        let opcode = if kind == "bin" { 2 } else { 1 };
        let mut block = Self { wire: vec![], offsets: vec![0], payloads: vec![], opcode };
        for _ in 0..count {
            let payload = match kind {
                "bin" => corpus::binary(&mut rng, size),
                "text" => corpus::ascii(&mut rng, size),
                "utf8" => corpus::utf8(&mut rng, size),
                "json" => corpus::json(&mut rng, size),
                _ => fail("no such kind"),
            };
            let key = masked.then(|| (rng.next() as u32 | 0x0101_0101).to_le_bytes());
            match deflate {
                true => frame(&mut block.wire, FIN | RSV1 | opcode, &deflated(&payload), key),
                false => frame(&mut block.wire, FIN | opcode, &payload, key),
            }
            block.offsets.push(block.wire.len());
            block.payloads.push(payload);
        }
        block
    }

    pub fn len(&self) -> usize {
        self.payloads.len()
    }
}

pub const FIN: u8 = 0x80;
pub const RSV1: u8 = 0x40;

/// Appends a frame; `first` is its first byte.
fn frame(out: &mut Vec<u8>, first: u8, payload: &[u8], key: Option<[u8; 4]>) {
    out.push(first);
    let mask = if key.is_some() { 0x80 } else { 0 };
    match payload.len() {
        n @ 0..126 => out.push(mask | n as u8),
        n @ 126..65536 => {
            out.push(mask | 126);
            out.extend((n as u16).to_be_bytes());
        }
        n => {
            out.push(mask | 127);
            out.extend((n as u64).to_be_bytes());
        }
    }
    match key {
        Some(key) => {
            out.extend(key);
            out.extend(payload.iter().enumerate().map(|(i, b)| b ^ key[i & 3]));
        }
        None => out.extend(payload),
    }
}

/// A message compressed on its own, as a client without context takeover sends it, with a window of 12
/// bits, which every server lets it have.
fn deflated(payload: &[u8]) -> Vec<u8> {
    let mut deflater =
        flate2::Compress::new_with_window_bits(flate2::Compression::new(6), false, 12);
    let mut out = Vec::with_capacity(payload.len() + 64);
    deflater.compress_vec(payload, &mut out, flate2::FlushCompress::Sync).expect("deflate");
    assert_eq!(deflater.total_in() as usize, payload.len());
    assert!(out.ends_with(&[0, 0, 0xff, 0xff]));
    out.truncate(out.len() - 4);
    out
}

/// How many bytes the extended length takes, from the second byte of a header.
pub fn extended(second: u8) -> usize {
    match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    }
}

/// Reads a whole header of a server's frame: its first byte, the payload's length, its own length.
#[inline]
pub fn header(bytes: &[u8]) -> (u8, usize, usize) {
    match bytes[1] {
        126 => (bytes[0], u16::from_be_bytes([bytes[2], bytes[3]]) as usize, 4),
        127 => {
            let length = u64::from_be_bytes(bytes[2..10].try_into().expect("eight bytes"));
            (bytes[0], length as usize, 10)
        }
        n if n < 126 => (bytes[0], n as usize, 2),
        _ => fail("a masked frame from a server"),
    }
}
