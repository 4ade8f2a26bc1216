//! Extensions and permessage-deflate ([RFC 7692]), one scenario at a time, without sockets or a clock.
//!
//! `frames` and `feed` are those of the tests of the connection.
//!
//! [RFC 7692]: https://www.rfc-editor.org/rfc/rfc7692

#![expect(clippy::indexing_slicing, reason = "the tests choose the indexes; a panic is a failure")]

#[expect(dead_code, reason = "made for the tests of the connection, which use all of it")]
#[path = "../connection/feed.rs"]
mod feed;
#[expect(dead_code, reason = "made for the tests of the connection, which use all of it")]
#[path = "../connection/frames.rs"]
mod frames;

mod negotiation;
