//! Frames as a client sends them, built once, and the headers that a server sends.

use crate::corpus::{self, Rng};
use crate::fail;

/// Messages in a row, encoded.
pub struct Block {
    pub wire: Vec<u8>,
    /// Where each message begins in `wire`, and where the last one ends.
    pub offsets: Vec<usize>,
    pub payloads: Vec<Vec<u8>>,
    pub opcode: u8,
}

/// What the messages are made of.
pub struct Shape<'a> {
    /// `bin`, `text` (ASCII), `utf8`, `json`, `frag` (binary in fragments) or `fragtext`.
    pub kind: &'a str,
    pub size: usize,
    pub count: usize,
    /// Frames as a server sends them, for an echo of bytes.
    pub raw: bool,
    pub deflate: bool,
    /// Fragments of a message whose kind begins with `frag`.
    pub fragments: usize,
}

impl Block {
    pub fn new(shape: &Shape<'_>) -> Self {
        let mut rng = Rng::new(42);
        let opcode = if matches!(shape.kind, "bin" | "frag") { 2 } else { 1 };
        let mut block = Self { wire: vec![], offsets: vec![0], payloads: vec![], opcode };
        for _ in 0..shape.count {
            let payload = match shape.kind {
                "bin" | "frag" => corpus::binary(&mut rng, shape.size),
                "text" => corpus::ascii(&mut rng, shape.size),
                "utf8" | "fragtext" => corpus::utf8(&mut rng, shape.size),
                "json" => corpus::json(&mut rng, shape.size),
                _ => fail("no such kind"),
            };
            let mut key = || (!shape.raw).then(|| (rng.next() as u32 | 0x0101_0101).to_le_bytes());
            if shape.kind.starts_with("frag") {
                let step = payload.len().div_ceil(shape.fragments).max(1);
                let count = payload.chunks(step).len();
                for (i, fragment) in payload.chunks(step).enumerate() {
                    let first = if i == 0 { opcode } else { 0 };
                    let fin = if i + 1 == count { FIN } else { 0 };
                    frame(&mut block.wire, fin | first, fragment, key());
                }
            } else if shape.deflate {
                frame(&mut block.wire, FIN | RSV1 | opcode, &deflated(&payload), key());
            } else {
                frame(&mut block.wire, FIN | opcode, &payload, key());
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
