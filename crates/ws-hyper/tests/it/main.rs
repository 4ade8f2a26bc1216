//! Connections of servers and clients of hyper, over loopback sockets.

#![allow(clippy::indexing_slicing, reason = "a test that panics has failed, which is its purpose")]

#[cfg(feature = "client")]
mod client;
mod common;
mod http1;
#[cfg(all(feature = "client", feature = "http2"))]
mod http2;
#[cfg(feature = "tower")]
mod layer;
