//! Frames in memory: an endless stream of masked frames, as a client sends them.

use bytes::Bytes;

/// The most that one read gives, in bytes.
pub const READ: usize = 64 << 10;

/// One binary message, and frames that carry it.
pub struct Block {
    pub payload: Bytes,
    /// Whole frames, each with another key.
    wire: Bytes,
    /// The length of one of them.
    pub frame: usize,
}

impl Block {
    pub fn new(size: usize) -> Self {
        let payload: Vec<u8> = (0..size).map(|i| (i * 131 + (i >> 8) * 7) as u8).collect();
        let mut wire = vec![];
        let mut key = 1u32;
        while wire.len() < 256 << 10 || key < 3 {
            let mask = (0x9E37_79B9_u32.wrapping_mul(key) | 0x0101_0101).to_le_bytes();
            wire.push(0x82);
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
        Self { payload: payload.into(), wire: wire.into(), frame }
    }
}

/// The endless stream of a block's frames.
pub struct Wire {
    bytes: Bytes,
    at: usize,
}

impl Wire {
    pub fn new(block: &Block) -> Self {
        Self { bytes: block.wire.clone(), at: 0 }
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
