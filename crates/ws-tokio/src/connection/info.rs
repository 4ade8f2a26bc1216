//! Facts of a connection that don't change.

use std::any::Any;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::net::TcpStream;
use ws_errors::ConnectionClosed;
use ws_proto::grammar::ExtensionHeader;
use ws_proto::http::{Request, Response};
use ws_types::Subprotocol;

use crate::Transport;
use crate::hooks::Data;

/// The connections of this process that were begun.
static CONNECTIONS: AtomicUsize = AtomicUsize::new(0);

/// A number for a new connection, from 1.
pub(crate) fn next_id() -> u64 {
    CONNECTIONS.fetch_add(1, Ordering::Relaxed) as u64 + 1
}

/// The results of the opening handshake, and the addresses.
#[derive(Default)]
pub(crate) struct Info {
    pub(crate) request: Option<Box<Request>>,
    pub(crate) response: Option<Box<Response>>,
    pub(crate) extensions: Box<[ExtensionHeader]>,
    pub(crate) subprotocol: Option<Subprotocol>,
    pub(crate) peer_addr: Option<SocketAddr>,
    pub(crate) local_addr: Option<SocketAddr>,
    /// The values that hooks of the program have left for the handler.
    pub(crate) data: Data,
    /// Where to note how the connection ended, when its reader is dropped.
    pub(crate) ended: Option<Arc<OnceLock<ConnectionClosed>>>,
}

impl Info {
    /// Notes the addresses of a stream that has any.
    pub(crate) fn with_addresses(mut self, stream: &dyn Any) -> Self {
        let tcp = match stream.downcast_ref() {
            Some(transport) => Transport::tcp(transport),
            None => stream.downcast_ref::<TcpStream>(),
        };
        self.peer_addr = tcp.and_then(|tcp| tcp.peer_addr().ok());
        self.local_addr = tcp.and_then(|tcp| tcp.local_addr().ok());
        self
    }
}
