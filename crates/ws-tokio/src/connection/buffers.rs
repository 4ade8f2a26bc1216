//! Memory that connections of one thread share: a connection that waits holds none.

use std::cell::RefCell;

use ws_proto::{ReadMemory, WriteMemory};

/// How much is read at once, in bytes: 64 KiB, and some more, so that a message of this size comes with its
/// header in one read, not in one and another one for the last 14 bytes.
const INPUT: usize = 68 << 10;

/// Buffers for small frames that are to be written start with this capacity, in bytes; those that
/// grew beyond eight times of it are not kept: a message of 64 KiB that was masked into it fits.
const OUTPUT: usize = 16 << 10;

/// How many buffers of each kind a thread keeps: more than one, since a connection keeps its buffers
/// while its handler waits for something else in the middle of a batch.
const KEPT: usize = 8;

#[derive(Default)]
struct Buffers {
    input: Vec<ReadMemory>,
    output: Vec<WriteMemory>,
}

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::default();
}

/// Memory to read into.
pub(crate) fn take_input() -> ReadMemory {
    BUFFERS.with_borrow_mut(|b| b.input.pop()).unwrap_or_else(|| ReadMemory::with_capacity(INPUT))
}

pub(crate) fn give_input(memory: ReadMemory) {
    // A connection that was given less than this had the end of a frame in it.
    if memory.capacity() >= INPUT {
        BUFFERS.with_borrow_mut(|b| keep(&mut b.input, memory));
    }
}

/// Memory to put frames into; empty.
pub(crate) fn take_output() -> WriteMemory {
    BUFFERS
        .with_borrow_mut(|b| b.output.pop())
        .unwrap_or_else(|| WriteMemory::with_capacity(OUTPUT))
}

pub(crate) fn give_output(memory: WriteMemory) {
    if (OUTPUT..=8 * OUTPUT).contains(&memory.capacity()) {
        // Not when a connection is dropped while its thread ends.
        _ = BUFFERS.try_with(|b| keep(&mut b.borrow_mut().output, memory));
    }
}

fn keep<T>(kept: &mut Vec<T>, memory: T) {
    if kept.len() < KEPT {
        kept.push(memory);
    }
}
