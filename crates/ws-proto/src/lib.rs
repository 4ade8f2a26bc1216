#![doc = include_str!("../README.md")]

pub mod client;
mod config;
mod connection;
pub mod extension;
mod frame;
pub mod grammar;
mod handshake;
pub mod http;
mod message;
mod outgoing;
mod payload;
pub mod server;
mod uri;

pub use config::Config;
pub use connection::{Connection, Event, PingId, ReadMemory, ReadSpace, WriteMemory};
pub use frame::{FrameHeader, MAX_HEADER_LEN, apply_mask};
pub use message::{Message, MessageKind, Utf8Bytes};
pub use outgoing::{Compress, Outgoing, PreparedMessage};
pub use payload::Payload;
pub use uri::Uri;
