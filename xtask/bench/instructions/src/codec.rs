//! The codec by itself: `ws_proto::Connection`, driven as a driver does, without a stream.

use std::hint::black_box;
use std::io::IoSlice;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut};
use ws_proto::{Config, Connection, Event, Message, Payload, ReadMemory, ReadSpace, WriteMemory};

use crate::wire::{Block, READ, Wire};

/// Decodes `count` messages; the sum of their lengths.
pub fn decode(block: &Block, count: usize) -> u64 {
    let mut connection = Connection::server(config(), Duration::ZERO);
    let mut wire = Wire::new(block);
    let (mut done, mut sum, mut place) = (0, 0, None);
    while done < count {
        let n = match connection.read_space(|| ReadMemory::with_capacity(READ)) {
            ReadSpace::Input(space) => {
                let bytes = wire.next(space.len());
                space[..bytes.len()].copy_from_slice(bytes);
                bytes.len()
            }
            ReadSpace::Payload(mut space) => {
                let bytes = wire.next(space.remaining_mut());
                space.put_slice(bytes);
                bytes.len()
            }
            _ => unreachable!("there are two kinds of space"),
        };
        connection.received(n);
        while done < count && poll(&mut connection, &mut place) {
            sum += place.as_ref().map_or(0, |message| message.len() as u64);
            black_box(&place);
            place = None;
            done += 1;
        }
    }
    sum
}

/// Pulls the next message, as `ws-tokio` does: most are found by `poll_message`.
#[inline]
fn poll(connection: &mut Connection, place: &mut Option<Message>) -> bool {
    if connection.poll_message(place) {
        return true;
    }
    match connection.poll_event(|| Duration::ZERO) {
        Some(Event::Message(message)) => {
            *place = Some(message);
            true
        }
        Some(_) => unreachable!("only messages are sent"),
        None => false,
    }
}

/// Encodes `count` messages, unmasked; how many bytes were written.
pub fn encode_server(block: &Block, count: usize) -> u64 {
    encode(Connection::server(config(), Duration::ZERO), block, count)
}

/// Encodes `count` messages, masked; how many bytes were written.
pub fn encode_client(block: &Block, count: usize) -> u64 {
    encode(Connection::client(config(), [7; 32], Duration::ZERO), block, count)
}

fn encode(mut connection: Connection, block: &Block, count: usize) -> u64 {
    let message = Message::binary(Payload::from(block.payload.clone()));
    let (mut memory, mut written) = (Some(WriteMemory::default()), 0);
    // How many messages leave in one write.
    let per_write = (READ / block.payload.len()).clamp(1, 32);
    for i in 1..=count {
        if !connection.holds_output() {
            connection.lend_output(memory.take().unwrap_or_default());
        }
        connection.send(message.clone()).expect("it is open");
        if i % per_write == 0 || i == count {
            written += write(&mut connection);
            memory = connection.reclaim_output();
        }
    }
    written
}

/// A vectored write that takes everything.
fn write(connection: &mut Connection) -> u64 {
    let mut written = 0;
    let output = connection.output();
    while output.has_remaining() {
        let mut slices = [IoSlice::new(&[]); 64];
        let n = output.chunks_vectored(&mut slices);
        let len = black_box(&slices[..n]).iter().map(|slice| slice.len()).sum();
        output.advance(len);
        written += len as u64;
    }
    written
}

/// No limit on messages.
fn config() -> Arc<Config> {
    let mut config = Config::default();
    config.max_message_size = None;
    Arc::new(config)
}
