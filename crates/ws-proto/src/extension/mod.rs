//! Extensions: transforming the payloads of data frames ([RFC 6455 §9]).
//!
//! Two kinds of things make an extension. A *factory* ([`ClientExtensionFactory`],
//! [`ServerExtensionFactory`]) knows its name, offers or accepts parameters in the opening handshake,
//! and makes an [`Extension`], which transforms the frames of one connection. Give factories to
//! [`ClientOptions::extension`](crate::client::ClientOptions::extension) and
//! [`ServerOptions::extension`](crate::server::ServerOptions::extension), the preferred one first.
//! permessage-deflate, behind the feature `deflate`, is built with the same means.
#![cfg_attr(feature = "deflate", doc = "Factories: [`ServerDeflate`], [`ClientDeflate`].")]
//!
//! Extensions see data frames only, and keep them data frames of the same kind: control frames pass
//! untouched, as [RFC 7692 §5.1] has it, and no extension makes or swallows frames. The text of a text
//! message is checked as UTF-8 after all of them have decoded it.
//!
//! A worked example: an extension that turns the payload of binary messages upside down, bit by bit,
//! and marks them with RSV2.
//!
//! ```
//! use ws_errors::{NegotiationError, ProtocolError};
//! use ws_proto::extension::{ClientExtensionFactory, DataFrame, Extension, Rsv, ServerExtensionFactory};
//! use ws_proto::MessageKind;
//! use ws_types::ExtensionParameter;
//!
//! /// The factory, for both sides.
//! #[derive(Debug)]
//! struct Invert;
//!
//! /// What it makes: one per connection.
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
//!             return None; // sent as it is
//!         }
//!         out.extend(payload.iter().map(|byte| !byte));
//!         // The bit stands on the first frame of the message.
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
//!             // Declined; the client's next offer is looked at.
//!             [first, ..] => Err(NegotiationError::new(format!("what is {first}?"))),
//!         }
//!     }
//! }
//!
//! # use std::{sync::Arc, time::Duration};
//! # use ws_proto::{Config, Connection, Event, Message};
//! # use ws_proto::extension::Extensions;
//! # use bytes::Buf;
//! # let config = Arc::new(Config::default());
//! let extensions = || Extensions::from(vec![Box::new(Inverting) as Box<dyn Extension>]);
//! let mut client =
//!     Connection::client(Arc::clone(&config), [7; 32], Duration::ZERO).with_extensions(extensions());
//! let mut server = Connection::server(config, Duration::ZERO).with_extensions(extensions());
//! server.send(Message::from(vec![0x0F, 0xAA]))?;
//! let wire = server.output().copy_to_bytes(4);
//! assert_eq!(wire[..], [0b1010_0010, 2, 0xF0, 0x55]); // FIN, RSV2, binary; 2 bytes
//! client.receive_data(&wire);
//! assert_eq!(client.poll_event(|| Duration::ZERO), Some(Event::Message(vec![0x0F, 0xAA].into())));
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
use std::ops::{BitAnd, BitOr, Not};
use std::time::Duration;

use ws_errors::{NegotiationError, ProtocolError};
use ws_types::ExtensionParameter;

use crate::{Compress, MessageKind};

pub use chain::Extensions;
pub(crate) use chain::PreparedKey;
#[cfg(feature = "deflate")]
pub use deflate::{ClientDeflate, ClientWindow, DeflateStrategy, InvalidSetting, ServerDeflate};
pub(crate) use negotiate::{offers, process_offers, process_response};

/// Offers an extension in the client's half of the opening handshake, and takes the server's answer.
///
/// One factory makes one offer. A second factory with the same name makes a further offer, to fall
/// back on, behind the first in preference ([RFC 6455 §9.1]).
///
/// [RFC 6455 §9.1]: https://www.rfc-editor.org/rfc/rfc6455#section-9.1
#[doc(alias = "ClientPerMessageDeflateFactory")]
pub trait ClientExtensionFactory: fmt::Debug + Send + Sync {
    /// The name of the extension, a token.
    fn name(&self) -> &str;

    /// The parameters of the offer, in their order.
    #[doc(alias = "get_request_params")]
    fn offer(&self) -> Vec<ExtensionParameter>;

    /// Takes the parameters with which the server accepted the extension, and makes an instance for
    /// the connection.
    ///
    /// # Errors
    /// [`NegotiationError`] when they don't fit the offer. The next factory of this name is asked
    /// then; the connection fails when none is left.
    #[doc(alias = "process_response_params")]
    fn process_response(
        &self,
        response: &[ExtensionParameter],
    ) -> Result<Box<dyn Extension>, NegotiationError>;
}

/// Accepts or declines offers of an extension in the server's half of the opening handshake.
#[doc(alias = "ServerPerMessageDeflateFactory")]
pub trait ServerExtensionFactory: fmt::Debug + Send + Sync {
    /// The name of the extension, a token.
    fn name(&self) -> &str;

    /// Takes the parameters of one offer; gives those of the answer, and an instance for the
    /// connection.
    ///
    /// # Errors
    /// [`NegotiationError`] declines this offer. The next factory of this name is asked then, after
    /// that the client's next offer; if none fits, the connection goes without the extension.
    #[doc(alias = "process_request_params")]
    fn process_offer(
        &self,
        offer: &[ExtensionParameter],
    ) -> Result<(Vec<ExtensionParameter>, Box<dyn Extension>), NegotiationError>;
}

/// An extension at work on one connection: see the [module](self) for an example.
///
/// When several are in use, what is sent passes through them in the order of the server's answer, what
/// is received in the opposite order ([RFC 6455 §9.1]).
///
/// [RFC 6455 §9.1]: https://www.rfc-editor.org/rfc/rfc6455#section-9.1
pub trait Extension: Any + fmt::Debug + Send {
    /// The reserved bits that it may set, and that mean something to it. A bit belongs to one
    /// extension of a connection at most: of two that claim it, the second is not accepted.
    fn reserved_bits(&self) -> Rsv;

    /// Encodes the payload of a frame that is to be sent: appends it to `out`, and gives the reserved
    /// bits to set. `None` lets the frame go as it is, without any of its bits; `out` is ignored then.
    fn encode(&mut self, frame: DataFrame, payload: &[u8], out: &mut Vec<u8>) -> Option<Rsv>;

    /// A data frame begins to arrive. `true` lets its payload pass through [`decode`](Self::decode),
    /// `false` leaves it as it is.
    ///
    /// # Errors
    /// [`ProtocolError`] when its reserved bits make no sense; the connection fails with 1002.
    fn begin_decode(&mut self, frame: DataFrame) -> Result<bool, ProtocolError>;

    /// Decodes what has arrived of the frame's payload: takes bytes off the front of `input`, appends
    /// at most `room` bytes to `out`. `end` tells that the frame ends with this input.
    ///
    /// `true` means that everything was taken, and nothing more can come of it. `false` means that the
    /// room didn't suffice: it is called again, with what was left of `input`, perhaps with more behind
    /// it, and new room. Output that can't be cut may leave room unused.
    ///
    /// `room` is what bounds the memory of the receiver, and stops a decompression bomb at the limit
    /// on messages.
    ///
    /// # Errors
    /// [`ProtocolError`] when the payload makes no sense; the connection fails with 1002.
    fn decode(
        &mut self,
        input: &mut &[u8],
        end: bool,
        out: &mut Vec<u8>,
        room: usize,
    ) -> Result<bool, ProtocolError>;

    /// The connection waits: memory for decoding that can be had again later is to be given back.
    fn release(&mut self) {}

    /// How long after the last message [`forget`](Self::forget) is to be called. `None`, the default:
    /// there is nothing to be forgotten.
    fn encoder_idle(&self) -> Option<Duration> {
        None
    }

    /// Forgets what [`encode`](Self::encode) remembers of earlier messages, and gives its memory back:
    /// the next message is encoded like the first one of a connection. `false`, the default: it can't.
    fn forget(&mut self) -> bool {
        false
    }

    /// Whatever decides how a message without history is encoded, as a number: two instances with the
    /// same number encode it alike. `None`, the default: messages can't be prepared for it.
    ///
    /// A [`PreparedMessage`](crate::PreparedMessage) is encoded once for each number, between two
    /// calls of [`forget`](Self::forget).
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
    /// The kind of the message that the frame belongs to.
    pub kind: MessageKind,
    /// Whether it is the first frame of its message.
    pub first: bool,
    /// Whether it is the last frame of its message.
    pub fin: bool,
    /// When decoding, the bits of the extension that are set; when encoding, none.
    pub rsv: Rsv,
    /// When encoding, the wish of the sender; when decoding, [`Compress::Auto`].
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

/// A set of the three reserved bits of a frame ([RFC 6455 §5.2]).
///
/// ```
/// use ws_proto::extension::Rsv;
/// let both = Rsv::RSV1 | Rsv::RSV3;
/// assert_eq!(both & Rsv::RSV3, Rsv::RSV3);
/// assert!((both & Rsv::RSV2).is_empty());
/// assert_eq!(both.bits(), 0b101);
/// ```
///
/// [RFC 6455 §5.2]: https://www.rfc-editor.org/rfc/rfc6455#section-5.2
#[derive(Clone, Copy, Default, Eq, PartialEq)]
pub struct Rsv(u8);

impl Rsv {
    /// No bit.
    pub const NONE: Self = Self(0);
    /// The first bit; permessage-deflate has it.
    pub const RSV1: Self = Self(4);
    /// The second bit.
    pub const RSV2: Self = Self(2);
    /// The third bit.
    pub const RSV3: Self = Self(1);

    /// The set with these bits, as [`FrameHeader::rsv`](crate::FrameHeader::rsv) has them; others are
    /// ignored.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & 0b111)
    }

    /// The bits as 0 to 7: RSV1 is 4, RSV2 is 2, RSV3 is 1.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether no bit is set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl BitOr for Rsv {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for Rsv {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl Not for Rsv {
    type Output = Self;

    fn not(self) -> Self {
        Self::from_bits(!self.0)
    }
}

impl fmt::Debug for Rsv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rsv({:03b})", self.0)
    }
}
