#![doc = include_str!("../README.md")]

mod accept;
mod connect;
mod connection;
mod error;
mod handshake;
mod serve;
mod settings;
mod transport;

pub use accept::{Accept, accept};
pub use connect::{Client, Connect, client, connect};
pub use connection::{MessageReader, MessageWriter, PongWaiter, Receiver, Sender, WebSocket};
pub use error::{Closed, Error};
pub use serve::{Outcome, Serve, Server, serve};
pub use transport::Transport;

pub use ws_proto::extension;
#[cfg(feature = "deflate")]
pub use ws_proto::extension::{
    ClientDeflate, ClientWindow, DeflateStrategy, InvalidSetting, ServerDeflate,
};
pub use ws_proto::grammar::ExtensionHeader;
pub use ws_proto::http::{HandshakeLimits, Request, Response};
pub use ws_proto::server::OriginRule;
pub use ws_proto::{Compress, Message, MessageKind, Outgoing, Payload, PreparedMessage, Utf8Bytes};
