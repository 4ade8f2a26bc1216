//! What can be set on a client or a server, with the defaults in `ws-proto`.

use std::fmt;
use std::sync::Arc;

use ws_proto::Config;
use ws_proto::client::ClientOptions;
#[cfg(feature = "deflate")]
use ws_proto::extension::{ClientDeflate, ServerDeflate};
use ws_proto::http::{Request, Response};
use ws_proto::server::ServerOptions;

/// Looks at a request before it is answered; a response that it gives is sent instead.
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
            /// The settings, with compression as the last of the extensions.
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

/// Methods of every builder; it has a field `settings`.
macro_rules! common_settings {
    ($deflate:path, $factory:path) => {
        /// The most bytes that a received message may have, all fragments together; a longer one
        /// fails the connection with 1009. `None`: no limit. Default: 1 MiB.
        #[doc(alias = "max_size")]
        pub fn max_message_size(mut self, bytes: impl Into<Option<usize>>) -> Self {
            std::sync::Arc::make_mut(&mut self.settings.config).max_message_size = bytes.into();
            self
        }

        /// The most bytes that a received frame may have. `None`, the default: only the limit on
        /// messages holds.
        pub fn max_frame_size(mut self, bytes: impl Into<Option<usize>>) -> Self {
            std::sync::Arc::make_mut(&mut self.settings.config).max_frame_size = bytes.into();
            self
        }

        /// The most fragments that a received message may have; more fail the connection with 1009.
        /// `None`: no limit. Default: 4096.
        pub fn max_fragments(mut self, fragments: impl Into<Option<usize>>) -> Self {
            std::sync::Arc::make_mut(&mut self.settings.config).max_fragments = fragments.into();
            self
        }

        /// How long the opening handshake may take, connecting included. `None`: forever.
        /// Default: 10 s.
        pub fn open_timeout(mut self, timeout: impl Into<Option<std::time::Duration>>) -> Self {
            self.settings.options = self.settings.options.open_timeout(timeout);
            self
        }

        /// How long the closing handshake may take, the end of the stream included. `None`: forever.
        /// Default: 10 s.
        pub fn close_timeout(mut self, timeout: impl Into<Option<std::time::Duration>>) -> Self {
            std::sync::Arc::make_mut(&mut self.settings.config).close_timeout = timeout.into();
            self
        }

        /// The time between keepalive pings. `None`: none are sent. Default: 20 s, which keeps proxies
        /// from closing an idle connection.
        pub fn ping_interval(mut self, interval: impl Into<Option<std::time::Duration>>) -> Self {
            std::sync::Arc::make_mut(&mut self.settings.config).ping_interval = interval.into();
            self
        }

        /// How long to wait for the pong to a keepalive ping before the connection fails with 1011.
        /// `None`: the lack of an answer doesn't matter. Default: 20 s.
        pub fn ping_timeout(mut self, timeout: impl Into<Option<std::time::Duration>>) -> Self {
            std::sync::Arc::make_mut(&mut self.settings.config).ping_timeout = timeout.into();
            self
        }

        /// The subprotocols that this side speaks, the preferred one first
        /// ([RFC 6455 §1.9](https://www.rfc-editor.org/rfc/rfc6455#section-1.9)). A server refuses
        /// clients that offer none of them, if there are any. Default: none.
        pub fn subprotocols(
            mut self,
            subprotocols: impl IntoIterator<Item = ws_types::Subprotocol>,
        ) -> Self {
            self.settings.options = self.settings.options.subprotocols(subprotocols);
            self
        }

        /// How messages are compressed with permessage-deflate ([RFC 7692 §7]); `None`: not at all.
        /// Default: the defaults of those settings.
        ///
        /// It is used if the peer can do it too. A connection without traffic keeps nothing of it but
        /// the last bytes that it received, at most 4 KiB if the peer lets its window be limited.
        ///
        /// [RFC 7692 §7]: https://www.rfc-editor.org/rfc/rfc7692#section-7
        #[cfg(feature = "deflate")]
        pub fn compression(mut self, deflate: impl Into<Option<$deflate>>) -> Self {
            self.settings.compression = deflate.into();
            self
        }

        /// Adds an extension of your own, preferred to those that were added after it, and to
        /// compression: see [`ws_proto::extension`].
        pub fn extension(mut self, factory: impl $factory + 'static) -> Self {
            self.settings.options = self.settings.options.extension(factory);
            self
        }

        /// The limits of the opening handshake, all of them: what the peer may send, and
        /// [`open_timeout`](Self::open_timeout).
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

        /// Accepts only requests with these origins; every browser sends one, and a server that
        /// cookies give access to has to check it ([RFC 6455 §10.2]). Default: any, or none at all.
        ///
        /// [RFC 6455 §10.2]: https://www.rfc-editor.org/rfc/rfc6455#section-10.2
        pub fn origins<R: Into<ws_proto::server::OriginRule>>(
            mut self,
            origins: impl IntoIterator<Item = R>,
        ) -> Self {
            self.settings.options = self.settings.options.origins(origins);
            self
        }

        /// Looks at each request before it is answered. If `process` gives a response, that is sent
        /// instead of opening a connection: a redirect, a refusal, an answer to a health check. Headers
        /// that HTTP needs and the response lacks are added, such as `Content-Length`. It is called in
        /// the task of the connection, and must not block; a panic, or a response with 101, is answered
        /// with 500.
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
        /// Those that make up the handshake, such as `Sec-WebSocket-Key`, are refused when
        /// connecting.
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
