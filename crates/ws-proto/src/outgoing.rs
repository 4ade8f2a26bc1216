//! Messages on their way out: [`Outgoing`], a message with a wish about its encoding, and
//! [`PreparedMessage`], encoded once for many connections.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use ws_types::Opcode;

use crate::extension::PreparedKey;
use crate::frame::{FrameHeader, Rsv};
use crate::{Compress, Message, MessageKind, Payload};

/// A message to be sent, with a wish about its encoding.
///
/// Functions that send take whatever converts into it: strings, byte buffers, a [`Message`], a
/// [`PreparedMessage`]; or what [`Message::compress`] gives:
///
/// ```
/// use ws_proto::{Compress, Message, Outgoing};
/// let image = Message::from(vec![0x89, b'P', b'N', b'G']);
/// let outgoing: Outgoing = image.compress(Compress::Never);
/// let outgoing: Outgoing = "text".into();
/// ```
#[derive(Clone, Debug)]
pub struct Outgoing {
    pub(crate) body: Body,
    pub(crate) compress: Compress,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    Message(Message),
    Prepared(PreparedMessage),
}

impl Outgoing {
    /// Whether it is text or binary.
    #[must_use]
    pub fn kind(&self) -> MessageKind {
        match &self.body {
            Body::Message(message) => message.kind(),
            Body::Prepared(prepared) => prepared.message().kind(),
        }
    }

    /// The length of the message in bytes, before it is encoded.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.body {
            Body::Message(message) => message.len(),
            Body::Prepared(prepared) => prepared.message().len(),
        }
    }

    /// Whether the message carries no bytes; such messages are legal.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its bytes, before they are encoded.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.body {
            Body::Message(message) => message.as_bytes(),
            Body::Prepared(prepared) => prepared.message().as_bytes(),
        }
    }

    /// The wish about its compression.
    #[must_use]
    pub fn compression(&self) -> Compress {
        self.compress
    }

    /// The message itself.
    #[must_use]
    pub fn into_message(self) -> Message {
        match self.body {
            Body::Message(message) => message,
            Body::Prepared(prepared) => prepared.message().clone(),
        }
    }
}

impl<M: Into<Message>> From<M> for Outgoing {
    fn from(message: M) -> Self {
        Self { body: Body::Message(message.into()), compress: Compress::Auto }
    }
}

impl From<PreparedMessage> for Outgoing {
    fn from(prepared: PreparedMessage) -> Self {
        Self { compress: prepared.0.compress, body: Body::Prepared(prepared) }
    }
}

impl From<&PreparedMessage> for Outgoing {
    fn from(prepared: &PreparedMessage) -> Self {
        prepared.clone().into()
    }
}

impl Message {
    /// The message with a wish about its compression, ready to be sent.
    #[must_use]
    pub fn compress(self, compress: Compress) -> Outgoing {
        Outgoing { body: Body::Message(self), compress }
    }
}

/// A message that is sent to many connections: it is encoded once, and compressed once for each
/// setting that was negotiated, whatever the number of connections.
///
/// On connections with context takeover it is compressed without reference to earlier messages, which
/// every peer can decode; what is sent after it refers to nothing before it, so that both sides agree
/// on the LZ77 window ([RFC 7692 §7.2.3.2]). Clients mask it anew each time.
///
/// Cloning it is cheap, and shares the encodings.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use ws_proto::extension::Extensions;
/// use ws_proto::{Config, Connection, PreparedMessage};
///
/// let news = PreparedMessage::new("hello, everybody");
/// let config = Arc::new(Config::default());
/// for _ in 0..3 {
///     let extensions = Extensions::default();
///     let mut connection = Connection::server(Arc::clone(&config), extensions, Duration::ZERO);
///     connection.send(&news)?;
///     assert_eq!(connection.output().len(), 2 + 16);
/// }
/// # Ok::<(), ws_errors::WebSocketException>(())
/// ```
///
/// [RFC 7692 §7.2.3.2]: https://www.rfc-editor.org/rfc/rfc7692#section-7.2.3.2
#[derive(Clone)]
pub struct PreparedMessage(Arc<Prepared>);

struct Prepared {
    message: Message,
    compress: Compress,
    plain: EncodedFrame,
    /// One entry for each setting of extensions that was met.
    encoded: Mutex<Vec<(PreparedKey, EncodedFrame)>>,
}

/// A whole message as one frame, unmasked.
#[derive(Clone, Debug)]
pub(crate) struct EncodedFrame {
    pub(crate) header: FrameHeader,
    header_len: usize,
    bytes: Bytes,
    /// Whether an extension has encoded it.
    transformed: bool,
}

impl PreparedMessage {
    /// Prepares a message. It is copied once, into its frame; one that is prepared already stays as it is.
    #[must_use]
    pub fn new(message: impl Into<Outgoing>) -> Self {
        let outgoing = message.into();
        if let Body::Prepared(prepared) = outgoing.body {
            return prepared;
        }
        let compress = outgoing.compress;
        let message = outgoing.into_message();
        let plain = EncodedFrame::new(message.kind(), None, message.as_bytes());
        Self(Arc::new(Prepared { message, compress, plain, encoded: Mutex::default() }))
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> &Message {
        &self.0.message
    }

    /// The frame without extensions.
    pub(crate) fn plain(&self) -> &EncodedFrame {
        &self.0.plain
    }

    /// The frame as it was encoded for a connection that `matches`.
    pub(crate) fn encoded(&self, matches: impl Fn(&PreparedKey) -> bool) -> Option<EncodedFrame> {
        let encoded = self.0.encoded.lock().unwrap_or_else(PoisonError::into_inner);
        encoded.iter().find(|(key, _)| matches(key)).map(|(_, frame)| frame.clone())
    }

    /// Keeps what it was encoded to.
    pub(crate) fn keep(&self, key: PreparedKey, frame: EncodedFrame) {
        let mut encoded = self.0.encoded.lock().unwrap_or_else(PoisonError::into_inner);
        // Two connections may have done the same work at once.
        if !encoded.iter().any(|(kept, _)| *kept == key) {
            encoded.push((key, frame));
        }
    }
}

impl fmt::Debug for PreparedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PreparedMessage").field(&self.0.message).finish()
    }
}

impl EncodedFrame {
    /// The frame of a message; `rsv` if an extension has encoded it.
    pub(crate) fn new(kind: MessageKind, rsv: Option<Rsv>, payload: &[u8]) -> Self {
        let header = FrameHeader {
            rsv: rsv.unwrap_or_default(),
            ..FrameHeader::new(Opcode::from(kind), payload.len() as u64)
        };
        let (head, header_len) = header.to_array();
        let bytes = [head.get(..header_len).unwrap_or_default(), payload].concat().into();
        Self { header, header_len, bytes, transformed: rsv.is_some() }
    }

    /// Header and payload.
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The payload alone.
    pub(crate) fn payload(&self) -> Payload {
        self.bytes.slice(self.header_len..).into()
    }

    /// Whether an extension has encoded it.
    pub(crate) fn is_transformed(&self) -> bool {
        self.transformed
    }
}
