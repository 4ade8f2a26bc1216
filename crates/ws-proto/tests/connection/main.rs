//! The rules of [`ws_proto::Connection`], one scenario at a time, without sockets, tasks or a clock.
//!
//! Start reading at the helpers: `frames` writes and reads frames as a peer does, faults included,
//! without the crate's own encoder; `feed` gives the bytes of a scenario to a connection in every
//! way in which a driver may do it, and insists on one outcome; `pair` joins two connections by
//! byte queues under a fake clock.

#![expect(clippy::indexing_slicing, reason = "the tests choose the indexes; a panic is a failure")]

mod feed;
mod frames;
mod pair;

mod closing;
mod control;
mod direct;
mod ending;
mod failing;
mod handshake;
mod keepalive;
mod limits;
mod order;
mod oversize;
mod roundtrip;
mod sending;
mod stats;
mod streaming;
mod text;
