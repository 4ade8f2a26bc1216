//! The server's half of the opening handshake ([RFC 6455 §4.2]).
//!
//! Three steps, with room for hooks between them: [`ServerHandshake`] reads the request,
//! [`negotiate`] checks it and returns the response that opens the connection, and [`reject()`]
//! turns an error into the response that doesn't. The client's half is in
//! [`client`](crate::client).
//!
//! ```
//! use std::time::Duration;
//! use ws_proto::server::{ServerHandshake, ServerOptions, negotiate, reject};
//!
//! let options = ServerOptions::default();
//! let now = Duration::ZERO; // since an origin that you choose
//! let mut handshake = ServerHandshake::new(&options, now);
//! let request = b"GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\n\
//!     Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
//!     Sec-WebSocket-Version: 13\r\n\r\n";
//! assert_eq!(handshake.receive_data(request)?, Some(request.len()));
//! let request = handshake.into_request().expect("the head is complete");
//!
//! let date = Some("Tue, 15 Nov 1994 08:12:31 GMT");
//! let response = match negotiate(&request, &options, date) {
//!     Ok(negotiated) => negotiated.response,
//!     Err(error) => reject(&error, Some(request.method()), &options, date).expect("it is a request"),
//! };
//! assert_eq!(response.status_code, 101);
//! assert_eq!(
//!     response.headers.get("Sec-WebSocket-Accept"),
//!     Ok(Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")),
//! );
//! # Ok::<(), ws_errors::InvalidHandshake>(())
//! ```
//!
//! [RFC 6455 §4.2]: https://www.rfc-editor.org/rfc/rfc6455#section-4.2

mod forwarded;
mod handshake;
mod negotiation;
mod options;
mod origin;
mod response;

pub use forwarded::{ForwardedHeader, forwarded_client};
pub use handshake::ServerHandshake;
pub use negotiation::{Negotiated, is_opening, negotiate};
pub use options::ServerOptions;
pub use origin::OriginRule;
pub use response::{reject, remove_connection_headers, respond, shutting_down};

pub use crate::handshake::accept_key;
