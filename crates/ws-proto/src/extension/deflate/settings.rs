//! Settings of permessage-deflate: [`ClientDeflate`] and [`ServerDeflate`].

use std::sync::Arc;
use std::time::Duration;

use super::values::{CompressionLevel, MemoryLevel, WindowBits};

/// Settings of this side's encoder, which aren't negotiated.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct EncoderSettings {
    pub(super) level: CompressionLevel,
    pub(super) memory_level: MemoryLevel,
    pub(super) strategy: DeflateStrategy,
    pub(super) min_size: usize,
    pub(super) idle: Duration,
}

impl Default for EncoderSettings {
    fn default() -> Self {
        Self {
            level: CompressionLevel::default(),
            memory_level: MemoryLevel::default(),
            strategy: DeflateStrategy::Default,
            min_size: 64,
            idle: Duration::from_secs(1),
        }
    }
}

/// The kinds of repetition that the compressor uses (zlib's strategy).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum DeflateStrategy {
    /// All repetitions: for most data.
    #[default]
    #[doc(alias = "Z_DEFAULT_STRATEGY")]
    Default,
    /// Repetitions of six bytes and more: for records of numbers, where shorter ones are chance. Makes
    /// long messages of such data up to 5 % smaller, and prose, source text and short messages as much
    /// larger. No effect below level 7.
    #[doc(alias = "Z_FILTERED")]
    Filtered,
}

macro_rules! common_settings {
    () => {
        fn encoder_mut(&mut self) -> &mut EncoderSettings {
            Arc::make_mut(&mut self.encoder)
        }

        /// Replaces the compression level. Default: 6, as in zlib.
        #[must_use]
        pub fn level(mut self, level: CompressionLevel) -> Self {
            self.encoder_mut().level = level;
            self
        }

        /// Replaces the memory level of the compressor. Default: 5, 165 KB with the default window.
        #[doc(alias = "memLevel")]
        #[must_use]
        pub fn memory_level(mut self, level: MemoryLevel) -> Self {
            self.encoder_mut().memory_level = level;
            self
        }

        /// The kinds of repetition to use. Default: all.
        #[must_use]
        pub fn strategy(mut self, strategy: DeflateStrategy) -> Self {
            self.encoder_mut().strategy = strategy;
            self
        }

        /// The least size of a message to compress, in bytes, unless it is sent with
        /// [`Compress::Always`](crate::Compress::Always). Default: 64; below that, compression saves
        /// less than TCP/IP adds.
        #[must_use]
        pub fn min_size(mut self, bytes: usize) -> Self {
            self.encoder_mut().min_size = bytes;
            self
        }

        /// The time without a message to compress after which, or at most twice that, a connection
        /// releases its compressor; the next message is compressed without reference to earlier ones.
        /// Default: 1 s, so that only connections that are sending need memory for it.
        #[must_use]
        pub fn compressor_idle(mut self, time: Duration) -> Self {
            self.encoder_mut().idle = time;
            self
        }

        /// Makes the server compress each message without reference to earlier ones
        /// ([RFC 7692 §7.1.1.1]): less memory on both sides, and worse compression of small messages.
        /// Default: off.
        ///
        /// [RFC 7692 §7.1.1.1]: https://www.rfc-editor.org/rfc/rfc7692#section-7.1.1.1
        #[must_use]
        pub fn server_no_context_takeover(mut self, yes: bool) -> Self {
            self.server_no_context_takeover = yes;
            self
        }

        /// Makes the client compress each message without reference to earlier ones
        /// ([RFC 7692 §7.1.1.2]). Default: off.
        ///
        /// [RFC 7692 §7.1.1.2]: https://www.rfc-editor.org/rfc/rfc7692#section-7.1.1.2
        #[must_use]
        pub fn client_no_context_takeover(mut self, yes: bool) -> Self {
            self.client_no_context_takeover = yes;
            self
        }
    };
}

/// permessage-deflate on a server ([RFC 7692 §7]): the parameters to accept, and the compression.
///
/// ```
/// use ws_proto::extension::{CompressionLevel, ServerDeflate, WindowBits};
/// let fast = ServerDeflate::default().level(CompressionLevel::BEST_SPEED);
/// let small = ServerDeflate::default().server_max_window_bits(WindowBits::new(10)?);
/// # Ok::<(), ws_proto::extension::InvalidSetting>(())
/// ```
///
/// [RFC 7692 §7]: https://www.rfc-editor.org/rfc/rfc7692#section-7
#[doc(alias = "ServerPerMessageDeflateFactory")]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServerDeflate {
    pub(super) encoder: Arc<EncoderSettings>,
    pub(super) server_no_context_takeover: bool,
    pub(super) client_no_context_takeover: bool,
    pub(super) server_max_window_bits: Option<WindowBits>,
    pub(super) client_max_window_bits: Option<WindowBits>,
    pub(super) require_client_max_window_bits: bool,
}

impl Default for ServerDeflate {
    fn default() -> Self {
        Self {
            encoder: Arc::default(),
            server_no_context_takeover: false,
            client_no_context_takeover: false,
            server_max_window_bits: Some(WindowBits::KIB_4),
            client_max_window_bits: Some(WindowBits::KIB_4),
            require_client_max_window_bits: false,
        }
    }
}

impl ServerDeflate {
    common_settings!();

    /// Limits the server's own window ([RFC 7692 §7.1.2.1]); 8 counts as 9, zlib's least. `None`: no
    /// limit but the client's. Default: 12, 4 KiB: most of the effect for a fraction of the memory, on
    /// both sides. With 15, at most 32 connections of a process use such a window at the same time;
    /// others use half of it. If the client limits it to 8, the server compresses nothing.
    ///
    /// [RFC 7692 §7.1.2.1]: https://www.rfc-editor.org/rfc/rfc7692#section-7.1.2.1
    #[must_use]
    pub fn server_max_window_bits(mut self, bits: impl Into<Option<WindowBits>>) -> Self {
        self.server_max_window_bits = bits.into().map(WindowBits::for_encoder);
        self
    }

    /// Limits the client's window ([RFC 7692 §7.1.2.2]), if the client offers that. An idle connection
    /// keeps as many bytes. `None`: no limit but the client's. Default: 12, 4 KiB.
    ///
    /// [RFC 7692 §7.1.2.2]: https://www.rfc-editor.org/rfc/rfc7692#section-7.1.2.2
    #[must_use]
    pub fn client_max_window_bits(mut self, bits: impl Into<Option<WindowBits>>) -> Self {
        self.client_max_window_bits = bits.into();
        self
    }

    /// Declines the offers of clients that can't limit their window. No effect without
    /// [`client_max_window_bits`](Self::client_max_window_bits). Default: off.
    #[must_use]
    pub fn require_client_max_window_bits(mut self, yes: bool) -> Self {
        self.require_client_max_window_bits = yes;
        self
    }
}

/// permessage-deflate on a client ([RFC 7692 §7]): one offer, and the compression.
///
/// ```
/// use ws_proto::extension::{ClientDeflate, ClientExtensionFactory};
/// let deflate = ClientDeflate::default().server_no_context_takeover(true);
/// let params: Vec<_> = deflate.offer().iter().map(ToString::to_string).collect();
/// assert_eq!(params, ["server_no_context_takeover", "client_max_window_bits"]);
/// ```
///
/// [RFC 7692 §7]: https://www.rfc-editor.org/rfc/rfc7692#section-7
#[doc(alias = "ClientPerMessageDeflateFactory")]
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ClientDeflate {
    pub(super) encoder: Arc<EncoderSettings>,
    pub(super) server_no_context_takeover: bool,
    pub(super) client_no_context_takeover: bool,
    pub(super) server_max_window_bits: Option<WindowBits>,
    pub(super) client_max_window_bits: ClientWindow,
}

/// The offer of a client about its own window ([RFC 7692 §7.1.2.2]).
///
/// [RFC 7692 §7.1.2.2]: https://www.rfc-editor.org/rfc/rfc7692#section-7.1.2.2
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the three offers that RFC 7692 knows")]
pub enum ClientWindow {
    /// No offer: the server can't limit it.
    Unlimited,
    /// The server may limit it. If it does so to 8, the client compresses nothing: zlib can't.
    #[default]
    Any,
    /// It is at most this, and the server may limit it further, as with [`Any`](Self::Any). 8 counts
    /// as 9, zlib's least.
    AtMost(WindowBits),
}

impl ClientDeflate {
    common_settings!();

    /// Asks the server to limit its window ([RFC 7692 §7.1.2.1]). `None`, the default: no limit, which
    /// every server supports. Many decline 8; [`ServerDeflate`] accepts it, but compresses nothing then.
    ///
    /// [RFC 7692 §7.1.2.1]: https://www.rfc-editor.org/rfc/rfc7692#section-7.1.2.1
    #[must_use]
    pub fn server_max_window_bits(mut self, bits: impl Into<Option<WindowBits>>) -> Self {
        self.server_max_window_bits = bits.into();
        self
    }

    /// Replaces the offer about the client's own window. Default: the server may limit it.
    #[must_use]
    pub fn client_max_window_bits(mut self, window: ClientWindow) -> Self {
        self.client_max_window_bits = match window {
            ClientWindow::AtMost(bits) => ClientWindow::AtMost(bits.for_encoder()),
            window => window,
        };
        self
    }
}
