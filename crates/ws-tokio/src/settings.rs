//! Settings of clients and servers; `ws-proto` has the defaults.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ws_errors::ConnectionClosed;
use ws_proto::client::ClientOptions;
#[cfg(feature = "deflate")]
use ws_proto::extension::{ClientDeflate, ServerDeflate};
use ws_proto::server::ServerOptions;
use ws_proto::{Config, Uri};

use crate::client::auth::Credentials;
use crate::client::connect_settings;
use crate::client::dial::Dial;
use crate::client::open::MakeHeaders;
use crate::forwarded::Forwarded;
use crate::hooks::Hook;

/// Says whether a redirect from one URI to another may be followed.
pub(crate) type RedirectIf = Arc<dyn Fn(&Uri, &Uri) -> bool + Send + Sync>;

/// Settings of servers: a value that can be held before there is a stream, and that every builder takes.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), ws_tokio::Error> {
/// use ws_tokio::{ServerSettings, WebSocket, serve};
///
/// async fn ignore(_: WebSocket) {}
///
/// let settings = ServerSettings::new().max_message_size(64 << 10).ping_interval(None);
/// let server = serve("127.0.0.1:0", ignore).settings(settings.clone()).await?;
/// # server.shutdown().await;
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[must_use]
pub struct ServerSettings {
    pub(crate) config: Arc<Config>,
    pub(crate) flow: FlowSettings,
    pub(crate) trace_payloads: bool,
    pub(crate) forwarded: Forwarded,
    pub(crate) options: ServerOptions,
    #[cfg(feature = "deflate")]
    pub(crate) compression: Option<ServerDeflate>,
    pub(crate) process_request: Option<Hook>,
    /// The hook of a router, which is asked after that of the program.
    pub(crate) route: Option<Hook>,
    pub(crate) process_response: Option<Hook>,
}

/// Settings of clients: a value that can be held before there is a stream, and that every builder takes.
/// Those of the way to the server matter only to [`connect`](crate::connect()).
///
/// ```no_run
/// # async fn run() -> Result<(), ws_tokio::Error> {
/// use std::time::Duration;
/// use ws_tokio::{ClientSettings, connect};
///
/// let settings = ClientSettings::new().open_timeout(Duration::from_secs(3));
/// let one = connect("ws://localhost:8765/").settings(settings.clone()).await?;
/// let other = connect("ws://localhost:8766/").settings(settings).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[must_use]
pub struct ClientSettings {
    pub(crate) dial: Dial,
    pub(crate) max_redirects: usize,
    pub(crate) redirect_if: Option<RedirectIf>,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) make_headers: Option<MakeHeaders>,
    /// Where to note how the connection ended.
    pub(crate) ended: Option<Arc<OnceLock<ConnectionClosed>>>,
    pub(crate) config: Arc<Config>,
    pub(crate) flow: FlowSettings,
    pub(crate) trace_payloads: bool,
    pub(crate) options: ClientOptions,
    #[cfg(feature = "deflate")]
    pub(crate) compression: Option<ClientDeflate>,
}

/// Bounds on what waits between the program and the stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FlowSettings {
    pub(crate) max_backlog: usize,
    pub(crate) write_limit: usize,
    pub(crate) write_timeout: Option<Duration>,
}

impl Default for FlowSettings {
    fn default() -> Self {
        Self {
            max_backlog: 64 << 10,
            write_limit: 64 << 10,
            write_timeout: Some(Duration::from_secs(60)),
        }
    }
}

#[cfg_attr(
    not(feature = "deflate"),
    expect(clippy::derivable_impls, reason = "with compression it isn't")
)]
impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            config: Arc::default(),
            flow: FlowSettings::default(),
            trace_payloads: false,
            forwarded: Forwarded::default(),
            options: ServerOptions::default(),
            #[cfg(feature = "deflate")]
            compression: Some(ServerDeflate::default()),
            process_request: None,
            route: None,
            process_response: None,
        }
    }
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            dial: Dial::default(),
            max_redirects: 10,
            redirect_if: None,
            credentials: None,
            make_headers: None,
            ended: None,
            config: Arc::default(),
            flow: FlowSettings::default(),
            trace_payloads: false,
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
            .field("flow", &self.flow)
            .field("forwarded", &self.forwarded)
            .field("options", &self.options)
            .field("process_request", &self.process_request.is_some())
            .field("process_response", &self.process_response.is_some())
            .finish()
    }
}

impl fmt::Debug for ClientSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSettings")
            .field("credentials", &self.credentials)
            .field("dial", &self.dial)
            .field("max_redirects", &self.max_redirects)
            .field("config", &self.config)
            .field("flow", &self.flow)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// Setters of both sides, for types with a method `settings_mut`.
macro_rules! common_settings {
    ($deflate:path, $factory:path) => {
        /// Limits received messages, in bytes after decompression, all fragments together, inclusive;
        /// a longer one fails the connection with 1009, or is [skipped](Self::oversize). Control frames
        /// don't count: they have at most 125 bytes. `None`: no limit. Default: 1 MiB, so that a stranger
        /// can't fill the memory.
        #[doc(alias = "max_size")]
        pub fn max_message_size(mut self, bytes: impl Into<Option<usize>>) -> Self {
            std::sync::Arc::make_mut(&mut self.settings_mut().config).max_message_size =
                bytes.into();
            self
        }

        /// Limits the payload of received data frames, in bytes before decompression, inclusive; a
        /// longer one fails the connection with 1009, or its message is [skipped](Self::oversize).
        /// Control frames don't count. `None`, the default: only the limit on messages holds.
        pub fn max_frame_size(mut self, bytes: impl Into<Option<usize>>) -> Self {
            std::sync::Arc::make_mut(&mut self.settings_mut().config).max_frame_size = bytes.into();
            self
        }

        /// Chooses what happens to a received message above [`max_message_size`](Self::max_message_size),
        /// or with a frame above [`max_frame_size`](Self::max_frame_size). Default:
        /// [`Oversize::Fail`](crate::Oversize::Fail), which tells the peer at once.
        ///
        /// With [`Oversize::skip()`](crate::Oversize::skip) the connection goes on: the message is
        /// dropped as it arrives, and receiving gives an error in its place, once.
        pub fn oversize(mut self, oversize: ws_proto::Oversize) -> Self {
            std::sync::Arc::make_mut(&mut self.settings_mut().config).oversize = oversize;
            self
        }

        /// Limits the fragments of a received message, inclusive; more fail the connection with 1009.
        /// `None`: no limit. Default: 4096.
        pub fn max_fragments(mut self, fragments: impl Into<Option<usize>>) -> Self {
            std::sync::Arc::make_mut(&mut self.settings_mut().config).max_fragments =
                fragments.into();
            self
        }

        /// Limits the duration of the opening handshake. With [`connect`](crate::connect()), that is all
        /// it takes: resolving the host, connecting, proxies, TLS, redirects, challenges, and
        /// [`headers_with`](crate::Connect::headers_with). `None`: no limit. Default: 10 s.
        pub fn open_timeout(mut self, timeout: impl Into<Option<std::time::Duration>>) -> Self {
            let settings = self.settings_mut();
            settings.options = std::mem::take(&mut settings.options).open_timeout(timeout);
            self
        }

        /// Limits the duration of the closing handshake, the end of the stream included. `None`: no
        /// limit. Default: 10 s.
        pub fn close_timeout(mut self, timeout: impl Into<Option<std::time::Duration>>) -> Self {
            std::sync::Arc::make_mut(&mut self.settings_mut().config).close_timeout =
                timeout.into();
            self
        }

        /// The time between keepalive pings. `None`: no pings. Default: 20 s, which keeps proxies from
        /// closing an idle connection.
        pub fn ping_interval(mut self, interval: impl Into<Option<std::time::Duration>>) -> Self {
            std::sync::Arc::make_mut(&mut self.settings_mut().config).ping_interval =
                interval.into();
            self
        }

        /// Limits the time from a keepalive ping to its pong; without one the connection fails with
        /// 1011. `None`: no limit. Default: 20 s.
        pub fn ping_timeout(mut self, timeout: impl Into<Option<std::time::Duration>>) -> Self {
            std::sync::Arc::make_mut(&mut self.settings_mut().config).ping_timeout = timeout.into();
            self
        }

        /// Bounds the messages that are kept while nobody receives, in bytes; the message that reaches
        /// the bound is kept whole. Then reading stops until somebody receives. With 0, nothing is read
        /// while nobody receives, and our keepalive rests. Default: 64 KiB.
        #[doc(alias = "max_queue")]
        pub fn max_backlog(mut self, bytes: usize) -> Self {
            self.settings_mut().flow.max_backlog = bytes;
            self
        }

        /// Bounds the queue of what is sent, in bytes: while more are queued, sending waits. Default:
        /// 64 KiB.
        pub fn write_limit(mut self, bytes: usize) -> Self {
            self.settings_mut().flow.write_limit = bytes;
            self
        }

        /// Bounds how slowly the peer may read: when the stream takes no more, it has this time to take
        /// another 4 KiB, or all that is queued, else the connection is cut off (1006, with
        /// [`TimedOut`](std::io::ErrorKind::TimedOut) as the error of the stream). `None`: no bound.
        /// Default: 60 s, longer than the keepalive takes to find out that a peer is gone, which it
        /// can't while the backlog is full. Bytes that the stream itself holds back until it is flushed,
        /// as TLS may, aren't timed.
        pub fn write_timeout(mut self, timeout: impl Into<Option<std::time::Duration>>) -> Self {
            self.settings_mut().flow.write_timeout = timeout.into();
            self
        }

        /// Shows the beginnings of payloads, up to 75 characters, in events of level trace about messages and
        /// control frames. Default: off, since payloads may be secret.
        #[cfg(feature = "tracing")]
        pub fn trace_payloads(mut self, show: bool) -> Self {
            self.settings_mut().trace_payloads = show;
            self
        }

        /// The supported subprotocols, the preferred one first
        /// ([RFC 6455 §1.9](https://www.rfc-editor.org/rfc/rfc6455#section-1.9)). A server that has
        /// any refuses clients that offer none of them. Default: none. The connection isn't
        /// opened, the server not started, if a name isn't a token.
        pub fn subprotocols(mut self, names: impl IntoIterator<Item: AsRef<str>>) -> Self {
            let settings = self.settings_mut();
            settings.options = std::mem::take(&mut settings.options).subprotocols(names);
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
            self.settings_mut().compression = deflate.into();
            self
        }

        /// Adds an extension of your own, preferred to later ones and to compression: see
        /// [`ws_proto::extension`].
        pub fn extension(mut self, factory: impl $factory + 'static) -> Self {
            let settings = self.settings_mut();
            settings.options = std::mem::take(&mut settings.options).extension(factory);
            self
        }

        /// Replaces all limits of the opening handshake, [`open_timeout`](Self::open_timeout) included.
        pub fn handshake_limits(mut self, limits: ws_proto::http::HandshakeLimits) -> Self {
            let settings = self.settings_mut();
            settings.options = std::mem::take(&mut settings.options).limits(limits);
            self
        }
    };
}

/// Setters of servers.
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
            let settings = self.settings_mut();
            settings.options = std::mem::take(&mut settings.options).origins(origins);
            self
        }

        /// Believes these peers when they name the client in this header of a request, as proxies do that speak HTTP.
        /// Then `peer_addr`, in hooks, on connections and in reports, is the client's address: of the addresses in the
        /// header the last one that isn't a trusted proxy's, since all in front of it may be invented
        /// ([`forwarded_client`](ws_proto::server::forwarded_client)). Without a valid address there it stays that of
        /// the proxy. The port is 0 unless the header has one. Default: nobody is believed.
        ///
        /// Choose the header that the proxies write, which has to be one that they don't pass on unseen: nginx writes
        /// `X-Forwarded-For` with `proxy_set_header`, haproxy with `option forwardfor`.
        ///
        /// The client is known as soon as there is a whole request; earlier failures, such as that of a TLS handshake,
        /// have the address of the proxy. [`max_connections_per_address`](crate::Serve::max_connections_per_address)
        /// then answers those above the limit with 429. With [`Upgrader`](crate::Upgrader), the peer is that of the
        /// stream; a stream that has no address of TCP counts as a Unix socket.
        ///
        /// ```
        /// # use ws_tokio::{ForwardedHeader, WebSocket, serve};
        /// # async fn handler(_: WebSocket) {}
        /// let trusted = "10.0.0.0/8, unix:".parse()?;
        /// let server = serve("10.0.0.1:8765", handler).forwarded(ForwardedHeader::XForwardedFor, trusted);
        /// # Ok::<(), ws_tokio::InvalidNetwork>(())
        /// ```
        #[cfg(feature = "forwarded")]
        pub fn forwarded(
            mut self,
            header: ws_proto::server::ForwardedHeader,
            trusted: $crate::TrustedProxies,
        ) -> Self {
            self.settings_mut().forwarded = $crate::forwarded::Forwarded::new(header, trusted);
            self
        }

        /// Looks at each request before it is judged. The hook returns the [`Handshake`](crate::Handshake), and it
        /// goes on; or a response, which is sent instead of opening a connection: a redirect, a refusal, an
        /// answer to a health check. Headers that HTTP needs, such as `Content-Length`, and the usual reason
        /// are added if it lacks them. Default: none.
        ///
        /// ```
        /// # use ws_tokio::{Handshake, Response, WebSocket, serve};
        /// # async fn handler(_: WebSocket) {}
        /// let server = serve("127.0.0.1:0", handler).process_request(async |handshake: Handshake| {
        ///     match handshake.request().path() {
        ///         "/healthz" => Err(Response::text(200, "OK\n")),
        ///         _ => Ok(handshake),
        ///     }
        /// });
        /// ```
        ///
        /// It is asked about every valid request: with HEAD or OPTIONS too, with a body, which isn't read, or in
        /// HTTP/1.0. When the handshake goes on, these are refused.
        /// [`path()`](ws_proto::http::Request::path) is without the query. The answer to HEAD loses its body
        /// and keeps its headers.
        ///
        /// The hook runs in the task of the connection, within the [time limit](Self::open_timeout) of the
        /// handshake, after which it is dropped. A panic, or a response with 101, is answered with 500.
        pub fn process_request<P, F>(mut self, hook: P) -> Self
        where
            P: Fn($crate::hooks::Handshake) -> F + Send + Sync + 'static,
            F: std::future::Future<
                    Output = Result<$crate::hooks::Handshake, ws_proto::http::Response>,
                > + Send
                + 'static,
        {
            self.settings_mut().process_request = Some($crate::hooks::hook(hook));
            self
        }

        /// Looks at each response before it is sent, 101 or a refusal of this library:
        /// [`Handshake::response`](crate::Handshake::response). The hook returns the
        /// [`Handshake`](crate::Handshake), perhaps with more headers, or another response, instead of opening a
        /// connection. It isn't asked about responses of
        /// [`process_request`](Self::process_request), nor where there is no valid request. Otherwise as there.
        /// Default: none.
        pub fn process_response<P, F>(mut self, hook: P) -> Self
        where
            P: Fn($crate::hooks::Handshake) -> F + Send + Sync + 'static,
            F: std::future::Future<
                    Output = Result<$crate::hooks::Handshake, ws_proto::http::Response>,
                > + Send
                + 'static,
        {
            self.settings_mut().process_response = Some($crate::hooks::hook(hook));
            self
        }

        /// The `Server` header of responses; `None` sends none. Default: the name and version of
        /// this library. Awaiting the builder fails with
        /// [`InvalidHeaderValue`](ws_errors::InvalidHeaderValue) when a header can't hold the value.
        pub fn server_header<'a>(mut self, value: impl Into<Option<&'a str>>) -> Self {
            let settings = self.settings_mut();
            settings.options = std::mem::take(&mut settings.options).server_header(value);
            self
        }
    };
}

/// Setters of clients.
macro_rules! client_settings {
    () => {
        $crate::settings::common_settings!(
            ws_proto::extension::ClientDeflate,
            ws_proto::extension::ClientExtensionFactory
        );

        /// Sends an `Origin` header, as browsers do; `None` sends none. Default: none.
        pub fn origin(mut self, origin: impl Into<Option<ws_types::Origin>>) -> Self {
            let settings = self.settings_mut();
            settings.options = std::mem::take(&mut settings.options).origin(origin);
            self
        }

        /// Adds a header to the request, such as `Authorization` or `Cookie`.
        ///
        /// Connecting fails if it isn't valid, or belongs to the handshake itself, such as
        /// `Sec-WebSocket-Key`.
        pub fn header(mut self, name: &str, value: &str) -> Self {
            let settings = self.settings_mut();
            settings.options = std::mem::take(&mut settings.options).header(name, value);
            self
        }

        /// Sends a user name and a password with the request, by Basic authentication
        /// ([RFC 7617](https://www.rfc-editor.org/rfc/rfc7617#section-2)); they replace those of the URI.
        /// Anybody on the way can read them, unless the connection is encrypted.
        ///
        /// Connecting fails if the user name has a colon, or either a control character.
        pub fn basic_auth(mut self, user: &str, password: &str) -> Self {
            let settings = self.settings_mut();
            settings.options = std::mem::take(&mut settings.options).basic_auth(user, password);
            self
        }

        /// Replaces the headers that are added to the request, such as `Authorization` or `Cookie`. Default: none.
        ///
        /// Connecting fails if one belongs to the handshake itself, such as `Sec-WebSocket-Key`.
        #[doc(alias = "additional_headers")]
        pub fn headers(mut self, headers: ws_headers::Headers) -> Self {
            let settings = self.settings_mut();
            settings.options = std::mem::take(&mut settings.options).headers(headers);
            self
        }

        /// The `User-Agent` header; `None` sends none. Default: the name and version of this library.
        /// Awaiting the builder fails with [`InvalidHeaderValue`](ws_errors::InvalidHeaderValue) when
        /// a header can't hold the value.
        #[doc(alias = "user_agent_header")]
        pub fn user_agent<'a>(mut self, value: impl Into<Option<&'a str>>) -> Self {
            let settings = self.settings_mut();
            settings.options = std::mem::take(&mut settings.options).user_agent(value);
            self
        }
    };
}

impl ServerSettings {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    fn settings_mut(&mut self) -> &mut Self {
        self
    }

    server_settings!();
}

impl ClientSettings {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    fn settings_mut(&mut self) -> &mut Self {
        self
    }

    client_settings!();
    connect_settings!();
}

/// The methods of a builder with a field `settings`.
macro_rules! builder_settings {
    ($settings:ident: $methods:ident) => {
        /// Replaces all settings with these.
        pub fn settings(mut self, settings: $crate::settings::$settings) -> Self {
            self.settings = settings;
            self
        }

        fn settings_mut(&mut self) -> &mut $crate::settings::$settings {
            &mut self.settings
        }

        $crate::settings::$methods!();
    };
}

pub(crate) use {builder_settings, client_settings, common_settings, server_settings};
