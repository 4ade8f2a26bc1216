//! Facts of a connection that don't change.

use std::any::Any;
use std::net::SocketAddr;

use tokio::net::TcpStream;
use ws_proto::grammar::ExtensionHeader;
use ws_proto::http::{Request, Response};
use ws_types::Subprotocol;

use crate::Transport;

/// The results of the opening handshake, and the addresses.
#[derive(Default)]
pub(crate) struct Info {
    pub(crate) request: Option<Box<Request>>,
    pub(crate) response: Option<Box<Response>>,
    pub(crate) extensions: Vec<ExtensionHeader>,
    pub(crate) subprotocol: Option<Subprotocol>,
    pub(crate) peer_addr: Option<SocketAddr>,
    pub(crate) local_addr: Option<SocketAddr>,
}

impl Info {
    /// Notes the addresses of a stream that has any.
    pub(crate) fn with_addresses(mut self, stream: &dyn Any) -> Self {
        let addresses = if let Some(stream) = stream.downcast_ref::<Transport>() {
            (stream.peer_addr(), stream.local_addr())
        } else if let Some(stream) = stream.downcast_ref::<TcpStream>() {
            (stream.peer_addr(), stream.local_addr())
        } else {
            return self;
        };
        (self.peer_addr, self.local_addr) = (addresses.0.ok(), addresses.1.ok());
        self
    }
}
