//! Clients of this library and servers of axum, over loopback sockets.

#![allow(clippy::indexing_slicing, reason = "a test that panics has failed, which is its purpose")]

mod applications;
mod common;
#[cfg(feature = "http2")]
mod http2;
mod requests;
mod shutdown;
