//! Frames in memory: an endless stream of masked frames, as a client sends them.

use std::sync::Arc;

use bytes::Bytes;

/// The most that one read gives, in bytes.
pub const READ: usize = 64 << 10;

/// One message, and frames that carry it.
#[derive(Clone)]
pub struct Block {
    pub payload: Bytes,
    pub text: bool,
    /// Whole frames, each with another key.
    pub wire: Arc<[u8]>,
    /// The length of one of them.
    pub frame: usize,
}

impl Block {
    /// `kind`: `binary`, `ascii`, or `utf8`, in which most characters take more than one byte.
    pub fn new(size: usize, kind: &str) -> Self {
        let payload: Vec<u8> = match kind {
            "ascii" => (0..size).map(|i| 32 + (i * 37 % 95) as u8).collect(),
            "utf8" => {
                // 2, 3, 3, 4 and 1 bytes; what is left over is filled up.
                let text: String = "ж世界😀 ".chars().cycle().take(size).collect();
                let end = text.floor_char_boundary(size);
                let mut bytes = text.into_bytes();
                bytes.truncate(end);
                bytes.resize(size, b'x');
                bytes
            }
            _ => (0..size).map(|i| (i * 131 + (i >> 8) * 7) as u8).collect(),
        };
        let text = kind != "binary";
        let mut wire = vec![];
        let mut key = 1u32;
        while wire.len() < 256 << 10 || key < 3 {
            let mask = (0x9E37_79B9_u32.wrapping_mul(key) | 0x0101_0101).to_le_bytes();
            wire.push(if text { 0x81 } else { 0x82 });
            match size {
                0..126 => wire.push(0x80 | size as u8),
                126..65536 => {
                    wire.push(0xfe);
                    wire.extend((size as u16).to_be_bytes());
                }
                _ => {
                    wire.push(0xff);
                    wire.extend((size as u64).to_be_bytes());
                }
            }
            wire.extend(mask);
            wire.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
            key += 1;
        }
        let frame = wire.len() / (key as usize - 1);
        Self { payload: payload.into(), text, wire: wire.into(), frame }
    }
}

/// The endless stream of a block's frames.
pub struct Wire {
    bytes: Arc<[u8]>,
    at: usize,
}

impl Wire {
    pub fn new(block: &Block) -> Self {
        Self { bytes: Arc::clone(&block.wire), at: 0 }
    }

    /// The next bytes, at most `most` of them, as a read would give them.
    #[inline]
    pub fn next(&mut self, most: usize) -> &[u8] {
        let start = self.at;
        let end = (start + most.min(READ)).min(self.bytes.len());
        self.at = if end == self.bytes.len() { 0 } else { end };
        &self.bytes[start..end]
    }
}
