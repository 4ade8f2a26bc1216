#![doc = include_str!("../README.md")]
#![doc(html_root_url = "https://docs.rs/ws-proto/latest")]

pub mod client;
mod compress;
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
mod proxy;
mod redirect;
pub mod server;
mod uri;

pub use bytestring::ByteString;
pub use compress::Compress;
pub use config::{Config, Oversize};
pub use connection::{Connection, Event, Output, PingId, Stats, Traffic};
pub use frame::{
    FrameHeader, MAX_CONTROL_LEN, MAX_HEADER_LEN, apply_mask, decode_close, encode_close,
};
pub use message::{Message, MessageKind};
pub use outgoing::{Outgoing, PreparedMessage};
pub use payload::Payload;
pub use proxy::{ProxyScheme, ProxyUri, proxy_from_env};
pub use redirect::redirect;
pub use uri::Uri;

// The types in the signatures above, so that one dependency is enough.
pub use bytes;
pub use ws_errors as exceptions;
pub use ws_headers as datastructures;
pub use ws_headers::Headers;
pub use ws_types as typing;
pub use ws_types::{
    Close, CloseCode, ExtensionName, ExtensionParameter, Opcode, Origin, Side, State, Subprotocol,
};
