//! The codec by itself: `ws_proto::Connection`, driven as a driver does, without a stream.

use std::hint::black_box;
use std::io::IoSlice;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut};
use ws_proto::extension::Extensions;
use ws_proto::{Config, Connection, Event, Message, Payload};

use crate::wire::{Block, READ, Wire};

/// Decodes `count` messages; the sum of their lengths.
pub fn decode(block: &Block, count: usize) -> u64 {
    let mut connection = Connection::server(config(), Extensions::default(), Duration::ZERO);
    let mut wire = Wire::new(block);
    let (mut done, mut sum) = (0, 0);
    while done < count {
        connection.receive_with(Duration::ZERO, |buffer| {
            buffer.put_slice(wire.next(buffer.remaining_mut()));
        });
        while done < count
            && let Some(event) = connection.poll_event()
        {
            let Event::Message(message) = black_box(event) else {
                unreachable!("only messages are sent")
            };
            sum += message.len() as u64;
            done += 1;
        }
    }
    sum
}

/// Encodes `count` messages, unmasked; how many bytes were written.
pub fn encode_server(block: &Block, count: usize) -> u64 {
    encode(Connection::server(config(), Extensions::default(), Duration::ZERO), block, count)
}

/// Encodes `count` messages, masked; how many bytes were written.
pub fn encode_client(block: &Block, count: usize) -> u64 {
    let extensions = Extensions::default();
    encode(Connection::client(config(), extensions, [7; 32], Duration::ZERO), block, count)
}

fn encode(mut connection: Connection, block: &Block, count: usize) -> u64 {
    let message = Message::binary(Payload::from(block.payload.clone()));
    let mut written = 0;
    // How many messages leave in one write.
    let per_write = (READ / block.payload.len()).clamp(1, 32);
    for i in 1..=count {
        connection.send(message.clone()).expect("it is open");
        if i % per_write == 0 || i == count {
            written += write(&mut connection);
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
