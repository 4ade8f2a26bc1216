//! The least that decoding and encoding are: one copy, and one XOR.

use std::hint::black_box;

use echo_common::minimal;
use instructions::codec::per_write;
use instructions::wire::{Block, READ};

use crate::Operation;
use crate::stream::Stream;

/// How much is copied at once. glibc copies more than about 2 KiB with an instruction that is ten times
/// slower when the target isn't aligned, as a payload behind a header is not.
const CHUNK: usize = 1024;

/// Moves the bytes, and leaves them masked.
pub fn copy(operation: Operation, block: &Block, count: usize) -> u64 {
    limit(operation, block, count, false)
}

/// Moves and unmasks the bytes, and checks text.
pub fn copy_and_unmask(operation: Operation, block: &Block, count: usize) -> u64 {
    limit(operation, block, count, true)
}

fn limit(operation: Operation, block: &Block, count: usize, mask: bool) -> u64 {
    match operation {
        Operation::Decode => decode(block, count, mask),
        Operation::Encode => encode(block, count, false, mask),
        Operation::EncodeMasked => encode(block, count, true, mask),
    }
}

fn decode(block: &Block, count: usize, unmask: bool) -> u64 {
    let mut stream = Stream::new(block);
    let mut buf = vec![0; READ + block.frame];
    let (mut have, mut done, mut sum) = (0, 0, 0);
    while done < count {
        let end = (have + READ).min(buf.len());
        have += stream.pull(&mut buf[have..end]);
        let mut at = 0;
        while let Some(header) = minimal::header(&buf[at..have]) {
            let start = at + header.size;
            if have - start < header.len {
                break;
            }
            at = start + header.len;
            let payload = &mut buf[start..at];
            if unmask {
                minimal::unmask(payload, header.key);
                assert!(!block.text || simdutf8::basic::from_utf8(payload).is_ok());
            }
            black_box(&payload);
            sum += header.len as u64;
            done += 1;
        }
        buf.copy_within(at..have, 0);
        have -= at;
    }
    sum
}

fn encode(block: &Block, count: usize, key: bool, mask: bool) -> u64 {
    let len = block.payload.len();
    let per_write = per_write(len);
    let mut out = vec![0; per_write * (len + 14)];
    let (mut at, mut sum, mut random) = (0, 0, 0x9E37u32);
    for i in 1..=count {
        at += minimal::put_header(&mut out[at..], true, 2, len);
        if key {
            random = random.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
            out[at..at + 4].copy_from_slice(&random.to_le_bytes());
            at += 4;
        }
        let to = out[at..at + len].chunks_mut(CHUNK);
        for (to, from) in to.zip(block.payload.chunks(CHUNK)) {
            to.copy_from_slice(from);
            if key && mask {
                minimal::unmask(to, random.to_le_bytes());
            }
        }
        at += len;
        if i % per_write == 0 || i == count {
            sum += black_box(&out[..at]).len() as u64;
            at = 0;
        }
    }
    sum
}
