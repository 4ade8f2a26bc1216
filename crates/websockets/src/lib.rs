#![doc = include_str!("../README.md")]

pub use ws_tokio::{
    Accept, ByteString, Client, ClientSettings, Close, CloseCode, Closed, Compress, Connect,
    ConnectError, Error, Event, EventStream, Events, Failure, FailureKind, Handshake,
    HandshakeLimits, Message, MessageKind, MessageReader, MessageWriter, Origin, OriginRule,
    Outcome, Outgoing, Oversize, Payload, PongWaiter, PreparedMessage, Proxy, Receiver, Request,
    Response, ReuniteError, Sender, Serve, Server, ServerSettings, State, Subprotocol, Transport,
    TrySendError, WebSocket, accept, bytes, client, connect, serve,
};
pub use ws_tokio::{
    Backoff, ClientRequest, ClientUpgrader, Connections, Incoming, Listen, Listener, Reconnect,
    Reconnecting, Refusal, Resolve, Resolving, Shutdown, ShutdownReport, Stats, Stream, Traffic,
    Upgrade, Upgrader, Username, basic_auth, credentials,
};
#[cfg(feature = "deflate")]
pub use ws_tokio::{ClientDeflate, ServerDeflate};
#[cfg(feature = "tls")]
pub use ws_tokio::{ClientTls, ServerTls, TlsInfo, rustls};
#[cfg(feature = "forwarded")]
pub use ws_tokio::{ForwardedHeader, InvalidNetwork, TrustedProxies};
#[cfg(feature = "router")]
pub use ws_tokio::{RouteHandler, RoutedHandler, Router};

// Crates of their own, under the names of the libraries that they are for.
#[cfg(feature = "axum")]
pub use ws_axum as axum;
#[cfg(feature = "hyper")]
pub use ws_hyper as hyper;

// Each item has one place in the documentation: the root, if many programs need it, else one of these
// modules. The modules are complete nevertheless: they begin with a link to everything.

/// Data structures for headers: Python's `websockets.datastructures`.
pub mod datastructures {
    #[doc(no_inline)]
    pub use ws_headers::*;
    pub use ws_headers::{
        GetAll, HeaderName, HeaderValue, Headers, IntoIter, InvalidHeaderField, InvalidHeaderName,
        Items, Key, Keys, MultipleValuesError, RawItems, SetDefaultError, Values,
    };
}

/// The exception hierarchy: Python's `websockets.exceptions`.
pub mod exceptions {
    #[doc(no_inline)]
    pub use ws_errors::*;
    pub use ws_errors::{
        AbortHandshake, ConcurrencyError, ConcurrencyErrorKind, ConnectionClosed,
        ConnectionClosedError, ConnectionClosedOK, DuplicateParameter, Escaped, Exception,
        HandshakeTimeout, HeaderLineTooLong, HttpAnswer, HttpMessage, InvalidHandshake,
        InvalidHeader, InvalidHeaderFormat, InvalidHeaderValue, InvalidMessage, InvalidMethod,
        InvalidOrigin, InvalidParameterName, InvalidParameterValue, InvalidProtocol, InvalidProxy,
        InvalidProxyMessage, InvalidProxyStatus, InvalidState, InvalidStatus, InvalidStatusCode,
        InvalidURI, InvalidUpgrade, InvalidUtf8, KeepaliveTimeout, MessageCause, NegotiationError,
        NegotiationErrorKind, NotHttp, OtherProtocol, PayloadTooBig, ProtocolError,
        ProtocolErrorKind, ProxyError, RedirectHandshake, RequestLineTooLong, SecurityError,
        SecurityErrorKind, StatusLineTooLong, TooManyFragments, TooManyHeaders,
        UnsupportedExtension, WebSocketException, WebSocketProtocolError,
    };
}

/// Compression, and extensions of your own: Python's `websockets.extensions`.
pub mod extensions {
    #[cfg(feature = "deflate")]
    #[doc(no_inline)]
    pub use ws_proto::extension::{ClientDeflate, ServerDeflate};
    pub use ws_proto::extension::{
        ClientExtensionFactory, DataFrame, Extension, Extensions, Rsv, ServerExtensionFactory,
    };
    #[cfg(feature = "deflate")]
    pub use ws_proto::extension::{
        ClientWindow, CompressionLevel, DeflateStrategy, InvalidSetting, MemoryLevel, WindowBits,
    };
    pub use ws_proto::grammar::ExtensionHeader;
}

/// Names and values of the protocol: Python's `websockets.typing`.
pub mod typing {
    #[doc(no_inline)]
    pub use ws_types::*;
    pub use ws_types::{
        ExtensionName, ExtensionParameter, InvalidOpcode, InvalidToken, Opcode, Side, is_token,
    };
}

/// The protocol without I/O: Python's `websockets.protocol`. The crate `ws-proto` has its own documentation.
pub mod protocol {
    pub use ws_proto::http::HttpVersion;
    #[doc(no_inline)]
    pub use ws_proto::*;
    pub use ws_proto::{
        Config, Connection, FrameHeader, Output, PingId, ProxyScheme, ProxyUri, Uri,
    };
}

/// Rooms and broadcast, over one machine or many.
#[cfg(feature = "rooms")]
pub mod rooms {
    #[doc(no_inline)]
    pub use ws_rooms::*;
}
