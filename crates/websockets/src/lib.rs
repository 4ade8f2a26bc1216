#![doc = include_str!("../README.md")]

pub use ws_tokio::{
    Accept, Client, Closed, Compress, Connect, Error, HandshakeLimits, Message, MessageKind,
    MessageReader, MessageWriter, OriginRule, Outcome, Outgoing, Payload, PongWaiter,
    PreparedMessage, Receiver, Request, Response, Sender, Serve, Server, Transport, Utf8Bytes,
    WebSocket, accept, client, connect, serve,
};
#[cfg(feature = "deflate")]
pub use ws_tokio::{ClientDeflate, ServerDeflate};
pub use ws_types::{Close, CloseCode, Origin, Subprotocol};

/// Data structures for headers: Python's `websockets.datastructures`.
pub mod datastructures {
    pub use ws_headers::{Headers, MultipleValuesError};
}

/// The exception hierarchy: Python's `websockets.exceptions`.
pub mod exceptions {
    pub use ws_errors::*;
}

/// Compression, and extensions of your own: Python's `websockets.extensions`.
pub mod extensions {
    pub use ws_proto::extension::*;
}

/// Names and values of the protocol: Python's `websockets.typing`.
pub mod typing {
    pub use ws_types::*;
}

/// The protocol without I/O: Python's `websockets.protocol`.
pub mod protocol {
    pub use ws_proto::*;
}
