//! Settings of clients and servers; `ws-proto` has the defaults.

use std::fmt;
use std::sync::Arc;

use ws_proto::Config;
use ws_proto::client::ClientOptions;
#[cfg(feature = "deflate")]
use ws_proto::extension::{ClientDeflate, ServerDeflate};
use ws_proto::http::{Request, Response};
use ws_proto::server::ServerOptions;

/// Inspects a request before the handshake; a returned response is sent instead.
pub(crate) type ProcessRequest = Arc<dyn Fn(&Request) -> Option<Response> + Send + Sync>;

#[derive(Clone)]
pub(crate) struct ServerSettings {
    pub(crate) config: Arc<Config>,
    pub(crate) options: ServerOptions,
    #[cfg(feature = "deflate")]
    pub(crate) compression: Option<ServerDeflate>,
    pub(crate) process_request: Option<ProcessRequest>,
}

#[derive(Clone, Debug)]
pub(crate) struct ClientSettings {
    pub(crate) config: Arc<Config>,
    pub(crate) options: ClientOptions,
    #[cfg(feature = "deflate")]
    pub(crate) compression: Option<ClientDeflate>,
}

impl ServerSettings {
    pub(crate) fn new() -> Self {
        Self {
            config: Arc::default(),
            options: ServerOptions::default(),
            #[cfg(feature = "deflate")]
            compression: Some(ServerDeflate::default()),
            process_request: None,
        }
    }
}

impl ClientSettings {
    pub(crate) fn new() -> Self {
        Self {
            config: Arc::default(),
            options: ClientOptions::default(),
            #[cfg(feature = "deflate")]
            compression: Some(ClientDeflate::default()),
        }
    }
}

macro_rules! complete {
    ($($settings:ident)*) => {$(
        impl $settings {
            /// Adds compression as the last extension.
            #[cfg_attr(not(feature = "deflate"), expect(unused_mut, reason = "nothing is added"))]
            pub(crate) fn complete(mut self) -> Self {
                #[cfg(feature = "deflate")]
                if let Some(compression) = self.compression.take() {
                    self.options = self.options.extension(compression);
                }
                self
            }
        }
    )*};
}

complete!(ServerSettings ClientSettings);

impl fmt::Debug for ServerSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerSettings")
            .field("config", &self.config)
            .field("options", &self.options)
            .field("process_request", &self.process_request.is_some())
            .finish()
    }
}

/// Methods of all builders, which have a field `settings`.
macro_rules! common_settings {
    ($deflate:path, $factory:path) => {
        /// Limits received messages, in bytes after decompression, all fragments together, inclusive;
        /// a longer one fails the connection with 1009. `None`: no limit. Default: 1 MiB, so that a
        /// stranger can't fill the memory.
        #[doc(alias = "max_size")]
        pub fn max_message_size(mut self, bytes: impl Into<Option<usize>>) -> Self {
            std::sync::Arc::make_mut(&mut self.settings.config).max_message_size = bytes.into();
            self
        }

        /// Limits the payload of received frames, in bytes, inclusive; a longer one fails the
        /// connection with 1009. `None`, the default: only the limit on messages holds.
        pub fn max_frame_size(mut self, bytes: impl Into<Option<usize>>) -> Self {
            std::sync::Arc::make_mut(&mut self.settings.config).max_frame_size = bytes.into();
            self
        }

        /// Limits the fragments of a received message, inclusive; more fail the connection with 1009.
        /// `None`: no limit. Default: 4096.
        pub fn max_fragments(mut self, fragments: impl Into<Option<usize>>) -> Self {
            std::sync::Arc::make_mut(&mut self.settings.config).max_fragments = fragments.into();
            self
        }

        /// Limits the duration of the opening handshake, connecting included. `None`: no limit.
        /// Default: 10 s.
        pub fn open_timeout(mut self, timeout: impl Into<Option<std::time::Duration>>) -> Self {
            self.settings.options = self.settings.options.open_timeout(timeout);
            self
        }

        /// Limits the duration of the closing handshake, the end of the stream included. `None`: no
        /// limit. Default: 10 s.
        pub fn close_timeout(mut self, timeout: impl Into<Option<std::time::Duration>>) -> Self {
            std::sync::Arc::make_mut(&mut self.settings.config).close_timeout = timeout.into();
            self
        }

        /// The time between keepalive pings. `None`: no pings. Default: 20 s, which keeps proxies from
        /// closing an idle connection.
        pub fn ping_interval(mut self, interval: impl Into<Option<std::time::Duration>>) -> Self {
            std::sync::Arc::make_mut(&mut self.settings.config).ping_interval = interval.into();
            self
        }

        /// Limits the time from a keepalive ping to its pong; without one the connection fails with
        /// 1011. `None`: no limit. Default: 20 s.
        pub fn ping_timeout(mut self, timeout: impl Into<Option<std::time::Duration>>) -> Self {
            std::sync::Arc::make_mut(&mut self.settings.config).ping_timeout = timeout.into();
            self
        }

        /// The supported subprotocols, the preferred one first
        /// ([RFC 6455 §1.9](https://www.rfc-editor.org/rfc/rfc6455#section-1.9)). A server that has
        /// any refuses clients that offer none of them. Default: none.
        pub fn subprotocols(
            mut self,
            subprotocols: impl IntoIterator<Item = ws_types::Subprotocol>,
        ) -> Self {
            self.settings.options = self.settings.options.subprotocols(subprotocols);
            self
        }

        /// Compresses messages with permessage-deflate ([RFC 7692 §7]), if the peer supports it; `None`:
        /// no compression. Default: on, with default settings.
        ///
        /// An idle connection keeps only the last bytes that it received for it, at most 4 KiB if the
        /// peer lets its window be limited.
        ///
        /// [RFC 7692 §7]: https://www.rfc-editor.org/rfc/rfc7692#section-7
        #[cfg(feature = "deflate")]
        pub fn compression(mut self, deflate: impl Into<Option<$deflate>>) -> Self {
            self.settings.compression = deflate.into();
            self
        }

        /// Adds an extension of your own, preferred to later ones and to compression: see
        /// [`ws_proto::extension`].
        pub fn extension(mut self, factory: impl $factory + 'static) -> Self {
            self.settings.options = self.settings.options.extension(factory);
            self
        }

        /// Replaces all limits of the opening handshake, [`open_timeout`](Self::open_timeout) included.
        pub fn handshake_limits(mut self, limits: ws_proto::http::HandshakeLimits) -> Self {
            self.settings.options = self.settings.options.limits(limits);
            self
        }
    };
}

/// Methods of the builders of servers.
macro_rules! server_settings {
    () => {
        $crate::settings::common_settings!(
            ws_proto::extension::ServerDeflate,
            ws_proto::extension::ServerExtensionFactory
        );

        /// Accepts only requests with these origins. Every browser sends one, and a server that knows
        /// its users by cookies has to check it ([RFC 6455 §10.2]). Default: accepts any, or none.
        ///
        /// [RFC 6455 §10.2]: https://www.rfc-editor.org/rfc/rfc6455#section-10.2
        pub fn origins<R: Into<ws_proto::server::OriginRule>>(
            mut self,
            origins: impl IntoIterator<Item = R>,
        ) -> Self {
            self.settings.options = self.settings.options.origins(origins);
            self
        }

        /// Inspects each request before the handshake. A response from `process` is sent instead of
        /// opening a connection: a redirect, a refusal, an answer to a health check. Headers that HTTP
        /// needs, such as `Content-Length`, are added if it lacks them. `process` runs in the task of
        /// the connection and must not block. A panic, or a response with 101, is answered with 500.
        pub fn process_request(
            mut self,
            process: impl Fn(&ws_proto::http::Request) -> Option<ws_proto::http::Response>
            + Send
            + Sync
            + 'static,
        ) -> Self {
            self.settings.process_request = Some(std::sync::Arc::new(process));
            self
        }

        /// The `Server` header of responses; `None` sends none. Default: the name and version of
        /// this library. Awaiting the builder fails with
        /// [`InvalidHeaderValue`](ws_errors::InvalidHeaderValue) when a header can't hold the value.
        pub fn server_header<'a>(mut self, value: impl Into<Option<&'a str>>) -> Self {
            self.settings.options = self.settings.options.server_header(value);
            self
        }
    };
}

/// Methods of the builders of clients.
macro_rules! client_settings {
    () => {
        $crate::settings::common_settings!(
            ws_proto::extension::ClientDeflate,
            ws_proto::extension::ClientExtensionFactory
        );

        /// Sends an `Origin` header, as browsers do; `None` sends none. Default: none.
        pub fn origin(mut self, origin: impl Into<Option<ws_types::Origin>>) -> Self {
            self.settings.options = self.settings.options.origin(origin);
            self
        }

        /// Appends headers to the request, such as `Authorization` or `Cookie`. Default: none.
        ///
        /// Connecting fails if one belongs to the handshake itself, such as `Sec-WebSocket-Key`.
        #[doc(alias = "additional_headers")]
        pub fn headers(mut self, headers: ws_headers::Headers) -> Self {
            self.settings.options = self.settings.options.headers(headers);
            self
        }

        /// The `User-Agent` header; `None` sends none. Default: the name and version of this library.
        /// Awaiting the builder fails with [`InvalidHeaderValue`](ws_errors::InvalidHeaderValue) when
        /// a header can't hold the value.
        #[doc(alias = "user_agent_header")]
        pub fn user_agent<'a>(mut self, value: impl Into<Option<&'a str>>) -> Self {
            self.settings.options = self.settings.options.user_agent(value);
            self
        }
    };
}

pub(crate) use {client_settings, common_settings, server_settings};
