#![doc = include_str!("../README.md")]
#![doc(html_root_url = "https://docs.rs/ws-hyper/latest")]

#[cfg(feature = "client")]
mod client;
#[cfg(feature = "tower")]
mod layer;
mod server;

#[cfg(feature = "client")]
pub use client::connect;
#[cfg(all(feature = "client", feature = "http2"))]
pub use client::connect_over_http2;
#[cfg(feature = "tower")]
pub use layer::{ResponseFuture, WebSocketLayer, WebSocketService};
pub use server::{Refusal, Upgrade, is_upgrade_request, upgrade};

/// The stream of an upgraded connection, whatever hyper reads and writes beneath it: TCP, TLS, one of many in HTTP/2.
pub type Upgraded = hyper_util::rt::TokioIo<hyper::upgrade::Upgraded>;

/// A WebSocket connection that hyper has upgraded.
pub type WebSocket = ws_tokio::WebSocket<Upgraded>;

/// The sending half of a connection that hyper has upgraded.
pub type Sender = ws_tokio::Sender<Upgraded>;

/// The receiving half of a connection that hyper has upgraded.
pub type Receiver = ws_tokio::Receiver<Upgraded>;

/// The connections of a server of hyper: runs their handlers, lists them, and ends them properly.
pub type Connections = ws_tokio::Connections<Upgraded>;

/// The body of a response to an opening handshake.
pub type Body = http_body_util::Full<ws_tokio::bytes::Bytes>;

// The types in the signatures above, so that one dependency is enough.
#[doc(no_inline)]
pub use ws_tokio::{self, ClientRequest, ClientSettings, Error, ServerSettings, Upgrader};
