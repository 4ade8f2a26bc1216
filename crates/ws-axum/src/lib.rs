#![doc = include_str!("../README.md")]
#![doc(html_root_url = "https://docs.rs/ws-axum/latest")]

mod extractor;
mod rejection;

pub use extractor::WebSocketUpgrade;
pub use rejection::WebSocketUpgradeRejection;

pub use ws_hyper::{Connections, Receiver, Sender, Upgraded, WebSocket};
// The types in the signatures above, so that one dependency is enough.
#[doc(no_inline)]
pub use ws_tokio::{
    self, Close, CloseCode, Error, Event, EventStream, Message, OriginRule, Outcome,
    PreparedMessage, ServerSettings, ShutdownReport, Subprotocol,
};
