#![doc = include_str!("../README.md")]
#![doc(html_root_url = "https://docs.rs/ws-tokio/latest")]

mod accept;
mod client;
mod connection;
#[cfg(feature = "tls")]
mod crypto;
mod error;
#[cfg(feature = "forwarded")]
mod forwarded;
#[cfg(not(feature = "forwarded"))]
#[path = "no_forwarded.rs"]
mod forwarded;
mod handshake;
mod hooks;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(not(feature = "metrics"))]
#[path = "no_metrics.rs"]
mod metrics;
mod server;
mod settings;
#[cfg(feature = "tracing")]
mod trace;
#[cfg(not(feature = "tracing"))]
#[path = "no_trace.rs"]
mod trace;
mod transport;
mod upgrade;

pub use accept::{Accept, accept};
#[cfg(feature = "tls")]
pub use client::ClientTls;
pub use client::{
    Backoff, Client, ClientRequest, Connect, Incoming, Proxy, Reconnect, Reconnecting, Resolve,
    Resolving, client, connect,
};
pub use connection::{
    EventStream, Events, MessageReader, MessageWriter, PongWaiter, Receiver, ReuniteError, Sender,
    WebSocket,
};
pub use error::{Closed, ConnectError, Error, TrySendError};
#[cfg(feature = "forwarded")]
pub use forwarded::{InvalidNetwork, TrustedProxies};
pub use hooks::Handshake;
#[cfg(feature = "tls")]
pub use server::ServerTls;
pub use server::{
    Connections, Failure, FailureKind, Listen, Listener, Outcome, Serve, Server, Shutdown,
    ShutdownReport, Username, basic_auth, credentials, serve,
};
#[cfg(feature = "router")]
pub use server::{RouteHandler, RoutedHandler, Router};
pub use settings::{ClientSettings, ServerSettings};
#[cfg(feature = "tls")]
pub use transport::TlsInfo;
pub use transport::{Stream, Transport};
pub use upgrade::{ClientUpgrader, Refusal, Upgrade, Upgrader};

// The types in the signatures above, so that one dependency is enough; whole crates have the names of
// Python's modules.
pub use bytes;
#[cfg(feature = "tls")]
pub use tokio_rustls::rustls;
pub use ws_errors as exceptions;
pub use ws_headers as datastructures;
pub use ws_headers::Headers;
pub use ws_proto as protocol;
#[doc(no_inline)]
pub use ws_proto::extension;
#[cfg(feature = "deflate")]
pub use ws_proto::extension::{
    ClientDeflate, ClientWindow, CompressionLevel, DeflateStrategy, InvalidSetting, MemoryLevel,
    ServerDeflate, WindowBits,
};
pub use ws_proto::grammar::ExtensionHeader;
pub use ws_proto::http::{HandshakeLimits, HttpVersion, Request, Response};
#[cfg(feature = "forwarded")]
pub use ws_proto::server::ForwardedHeader;
pub use ws_proto::server::OriginRule;
pub use ws_proto::{
    ByteString, Compress, Event, Message, MessageKind, Outgoing, Oversize, Payload, PingId,
    PreparedMessage, ProxyScheme, ProxyUri, Stats, Traffic, Uri,
};
pub use ws_types as typing;
pub use ws_types::{Close, CloseCode, Origin, State, Subprotocol};
