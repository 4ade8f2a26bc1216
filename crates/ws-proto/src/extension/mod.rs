//! Extensions, which transform the payloads of data frames ([RFC 6455 §9]).
//!
//! A *factory* ([`ClientExtensionFactory`], [`ServerExtensionFactory`]) negotiates the parameters in
//! the opening handshake and creates an [`Extension`], which transforms the frames of one
//! connection. Give factories to
//! [`ClientOptions::extension`](crate::client::ClientOptions::extension) and
//! [`ServerOptions::extension`](crate::server::ServerOptions::extension), the preferred one first.
//! permessage-deflate, behind the feature `deflate`, implements the same traits.
#![cfg_attr(feature = "deflate", doc = "Factories: [`ServerDeflate`], [`ClientDeflate`].")]
//!
//! Extensions see data frames only, and neither add nor drop frames, nor change their opcode.
//! Control frames pass untouched ([RFC 7692 §5.1]). Text is checked as UTF-8 after all extensions
//! have decoded it.
//!
//! Example: an extension that inverts the bits of binary messages, and marks them with RSV2.
//!
//! ```
//! use ws_errors::{NegotiationError, ProtocolError};
//! use ws_proto::extension::{ClientExtensionFactory, DataFrame, Extension, Rsv, ServerExtensionFactory};
//! use ws_proto::MessageKind;
//! use ws_types::ExtensionParameter;
//!
//! /// The factory for both sides.
//! #[derive(Debug)]
//! struct Invert;
//!
//! /// The instance for one connection.
//! #[derive(Debug)]
//! struct Inverting;
//!
//! impl Extension for Inverting {
//!     fn reserved_bits(&self) -> Rsv {
//!         Rsv::RSV2
//!     }
//!
//!     fn encode(&mut self, frame: DataFrame, payload: &[u8], out: &mut Vec<u8>) -> Option<Rsv> {
//!         if frame.kind != MessageKind::Binary {
//!             return None; // sent unchanged
//!         }
//!         out.extend(payload.iter().map(|byte| !byte));
//!         // The first frame of a message carries the bit.
//!         Some(if frame.first { Rsv::RSV2 } else { Rsv::NONE })
//!     }
//!
//!     fn begin_decode(&mut self, frame: DataFrame) -> Result<bool, ProtocolError> {
//!         if frame.first && frame.kind == MessageKind::Text && !frame.rsv.is_empty() {
//!             return Err(ProtocolError::custom("inverted text"));
//!         }
//!         Ok(frame.kind == MessageKind::Binary)
//!     }
//!
//!     fn decode(
//!         &mut self,
//!         input: &mut &[u8],
//!         _end: bool,
//!         out: &mut Vec<u8>,
//!         room: usize,
//!     ) -> Result<bool, ProtocolError> {
//!         let (now, later) = input.split_at(input.len().min(room));
//!         out.extend(now.iter().map(|byte| !byte));
//!         *input = later;
//!         Ok(later.is_empty())
//!     }
//! }
//!
//! impl ClientExtensionFactory for Invert {
//!     fn name(&self) -> &str {
//!         "x-invert"
//!     }
//!
//!     fn offer(&self) -> Vec<ExtensionParameter> {
//!         Vec::new()
//!     }
//!
//!     fn process_response(&self, _: &[ExtensionParameter]) -> Result<Box<dyn Extension>, NegotiationError> {
//!         Ok(Box::new(Inverting))
//!     }
//! }
//!
//! impl ServerExtensionFactory for Invert {
//!     fn name(&self) -> &str {
//!         "x-invert"
//!     }
//!
//!     fn process_offer(
//!         &self,
//!         offer: &[ExtensionParameter],
//!     ) -> Result<(Vec<ExtensionParameter>, Box<dyn Extension>), NegotiationError> {
//!         match offer {
//!             [] => Ok((Vec::new(), Box::new(Inverting))),
//!             // Declines this offer; the client's next one is tried.
//!             [first, ..] => Err(NegotiationError::new(format!("unknown parameter: {first}"))),
//!         }
//!     }
//! }
//!
//! # use std::{sync::Arc, time::Duration};
//! # use ws_proto::{Config, Connection, Event, Message};
//! # use ws_proto::extension::Extensions;
//! # let (config, now) = (Arc::new(Config::default()), Duration::ZERO);
//! let extensions = || Extensions::from(vec![Box::new(Inverting) as Box<dyn Extension>]);
//! let mut client = Connection::client(Arc::clone(&config), extensions(), [7; 32], now);
//! let mut server = Connection::server(config, extensions(), now);
//! server.send(Message::from(vec![0x0F, 0xAA]))?;
//! let wire = server.output().take_all();
//! assert_eq!(wire, [0b1010_0010, 2, 0xF0, 0x55]); // FIN, RSV2, binary; 2 bytes
//! client.receive_data(&wire, now);
//! assert_eq!(client.poll_event(), Some(Event::Message(vec![0x0F, 0xAA].into())));
//! # Ok::<(), ws_errors::WebSocketException>(())
//! ```
//!
//! [RFC 6455 §9]: https://www.rfc-editor.org/rfc/rfc6455#section-9
//! [RFC 7692 §5.1]: https://www.rfc-editor.org/rfc/rfc7692#section-5.1

mod chain;
#[cfg(feature = "deflate")]
mod deflate;
mod negotiate;

use std::any::Any;
use std::fmt;
use std::time::Duration;

use ws_errors::{NegotiationError, ProtocolError};
use ws_types::ExtensionParameter;

use crate::{Compress, MessageKind};

pub use chain::Extensions;
pub(crate) use chain::PreparedKey;
#[cfg(feature = "deflate")]
pub use deflate::{
    ClientDeflate, ClientWindow, CompressionLevel, DeflateStrategy, InvalidSetting, MemoryLevel,
    ServerDeflate, WindowBits,
};
pub(crate) use negotiate::{offers, process_offers, process_response};

pub use crate::frame::Rsv;

/// Negotiates an extension on the client's side of the opening handshake.
///
/// One factory makes one offer. A second factory with the same name makes a fallback offer
/// ([RFC 6455 §9.1]).
///
/// [RFC 6455 §9.1]: https://www.rfc-editor.org/rfc/rfc6455#section-9.1
#[doc(alias = "ClientPerMessageDeflateFactory")]
pub trait ClientExtensionFactory: fmt::Debug + Send + Sync {
    /// The name of the extension; a token.
    fn name(&self) -> &str;

    /// Returns the parameters of the offer, in their order.
    #[doc(alias = "get_request_params")]
    fn offer(&self) -> Vec<ExtensionParameter>;

    /// Checks the parameters of the server's response; returns an instance for the connection.
    ///
    /// # Errors
    /// [`NegotiationError`] when they don't fit the offer. Then the next factory of this name is
    /// asked; if none accepts, the handshake fails.
    #[doc(alias = "process_response_params")]
    fn process_response(
        &self,
        params: &[ExtensionParameter],
    ) -> Result<Box<dyn Extension>, NegotiationError>;
}

/// Negotiates an extension on the server's side of the opening handshake.
#[doc(alias = "ServerPerMessageDeflateFactory")]
pub trait ServerExtensionFactory: fmt::Debug + Send + Sync {
    /// The name of the extension; a token.
    fn name(&self) -> &str;

    /// Accepts or declines the parameters of one offer; returns those of the response, and an
    /// instance for the connection.
    ///
    /// # Errors
    /// [`NegotiationError`] declines the offer. Then the next factory of this name is asked, after
    /// that the client's next offer is tried; if none fits, the connection doesn't use the extension.
    #[doc(alias = "process_request_params")]
    fn process_offer(
        &self,
        params: &[ExtensionParameter],
    ) -> Result<(Vec<ExtensionParameter>, Box<dyn Extension>), NegotiationError>;
}

/// An instance of an extension for one connection: see the example of the [module](self).
///
/// With several extensions, sent frames pass through them in the order of the server's response,
/// received frames in the opposite order ([RFC 6455 §9.1]).
///
/// [RFC 6455 §9.1]: https://www.rfc-editor.org/rfc/rfc6455#section-9.1
pub trait Extension: Any + fmt::Debug + Send {
    /// The reserved bits that the extension uses. A bit belongs to at most one extension of a
    /// connection: of two that claim it, the second isn't accepted.
    fn reserved_bits(&self) -> Rsv;

    /// Encodes the payload of a frame to send: appends it to `out`, and returns the reserved bits to
    /// set. `None` sends the payload unchanged, without reserved bits, and ignores `out`.
    fn encode(&mut self, frame: DataFrame, payload: &[u8], out: &mut Vec<u8>) -> Option<Rsv>;

    /// Begins a received data frame. `true` passes its payload through [`decode`](Self::decode),
    /// `false` leaves it unchanged.
    ///
    /// # Errors
    /// [`ProtocolError`] for illegal reserved bits; the connection fails with 1002.
    fn begin_decode(&mut self, frame: DataFrame) -> Result<bool, ProtocolError>;

    /// Decodes a part of the payload: takes bytes off the front of `input`, and appends at most
    /// `room` bytes to `out`. `end`: the frame ends with this input.
    ///
    /// Returns `true` when all input is taken and no more output is pending. Returns `false` when
    /// `room` is used up: then it is called again, with the rest of `input`, perhaps more behind it,
    /// and new room. Output that can't be split may leave room unused.
    ///
    /// `room` bounds the memory of the receiver: it stops a decompression bomb at the limit on
    /// messages.
    ///
    /// # Errors
    /// [`ProtocolError`] for a malformed payload; the connection fails with 1002.
    fn decode(
        &mut self,
        input: &mut &[u8],
        end: bool,
        out: &mut Vec<u8>,
        room: usize,
    ) -> Result<bool, ProtocolError>;

    /// Releases memory that can be allocated again later, since the connection waits for input.
    /// Default: does nothing.
    fn release(&mut self) {}

    /// The time from the last message to the call of [`forget`](Self::forget). `None`, the default:
    /// it isn't called.
    fn encoder_idle(&self) -> Option<Duration> {
        None
    }

    /// Resets the encoder and releases its memory: the next message is encoded like the first one of
    /// a connection. Returns `false`, the default, if the extension can't.
    fn forget(&mut self) -> bool {
        false
    }

    /// A fingerprint of the encoder's settings: instances with equal ones encode a first message
    /// alike. `None`, the default: messages can't be prepared.
    ///
    /// A [`PreparedMessage`](crate::PreparedMessage) is encoded once for each fingerprint, between
    /// two calls of [`forget`](Self::forget).
    fn prepared_key(&self) -> Option<u64> {
        None
    }
}

/// A data frame without its payload, as an extension sees it.
///
/// An extension can be driven without a [`Connection`](crate::Connection), in its tests for example:
///
/// ```
/// # #[cfg(feature = "deflate")] {
/// use ws_proto::MessageKind;
/// use ws_proto::extension::{
///     ClientDeflate, ClientExtensionFactory, DataFrame, Extension, Rsv, ServerDeflate,
///     ServerExtensionFactory,
/// };
///
/// let client = ClientDeflate::default();
/// let (params, mut server) = ServerDeflate::default().process_offer(&client.offer())?;
/// let mut client = client.process_response(&params)?;
///
/// let mut frame = DataFrame::new(MessageKind::Text);
/// let mut encoded = Vec::new();
/// let rsv = server.encode(frame, "word ".repeat(20).as_bytes(), &mut encoded);
/// assert_eq!(rsv, Some(Rsv::RSV1));
///
/// frame.rsv = Rsv::RSV1;
/// assert!(client.begin_decode(frame)?);
/// let (mut input, mut decoded) = (&encoded[..], Vec::new());
/// assert!(client.decode(&mut input, true, &mut decoded, 1024)?);
/// assert_eq!(decoded, "word ".repeat(20).as_bytes());
/// # }
/// # Ok::<(), ws_errors::WebSocketException>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct DataFrame {
    /// The kind of the message.
    pub kind: MessageKind,
    /// Whether it is the first frame of its message.
    pub first: bool,
    /// Whether it is the last frame of its message.
    pub fin: bool,
    /// The set bits that belong to the extension, when decoding; none when encoding.
    pub rsv: Rsv,
    /// The choice of the sender, when encoding; [`Compress::Auto`] when decoding.
    pub compress: Compress,
}

impl DataFrame {
    /// Creates the only frame of a message: first and last, without reserved bits, with
    /// [`Compress::Auto`]. Change the fields for other frames.
    #[must_use]
    pub const fn new(kind: MessageKind) -> Self {
        Self { kind, first: true, fin: true, rsv: Rsv::NONE, compress: Compress::Auto }
    }
}
