//! Connections over in-memory streams and loopback sockets, on a paused clock where time matters.

mod cancel;
mod common;
mod halves;
mod script;
mod timeouts;
