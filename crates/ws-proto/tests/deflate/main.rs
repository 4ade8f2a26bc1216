//! permessage-deflate and the extension mechanism, from the outside
//! ([RFC 7692](https://www.rfc-editor.org/rfc/rfc7692)).
//!
//! Start reading at the helpers: `judge` decodes what our encoder emits, and `bits` writes what our
//! decoder is to read, both without the codec under test; `setup` makes connections with negotiated
//! settings; `feed`, `frames` and `pair` are those of the target `connection`.

#![expect(clippy::indexing_slicing, reason = "the tests choose the indexes; a panic is a failure")]

mod bits;
#[path = "../connection/feed.rs"]
#[allow(dead_code, reason = "the target `connection` uses the rest")]
mod feed;
#[path = "../connection/frames.rs"]
#[allow(dead_code, reason = "the target `connection` uses the rest")]
mod frames;
mod judge;
#[path = "../connection/pair.rs"]
#[allow(dead_code, reason = "the target `connection` uses the rest")]
mod pair;
mod setup;

mod allowed;
mod custom;
mod encoder;
mod handshakes;
mod idle;
mod negotiation;
mod oversize;
mod prepared;
mod received;
mod streaming;
mod talk;
mod tuning;
mod violations;
mod window_8;
