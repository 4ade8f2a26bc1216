//! Setters of the way to a server.

/// Setters of the way to a server, for types with a method `settings_mut`.
macro_rules! connect_settings {
    () => {
        /// How `wss://` servers are verified. Default: [`ClientTls::new`](crate::ClientTls::new).
        #[cfg(feature = "tls")]
        pub fn tls(mut self, tls: impl Into<$crate::ClientTls>) -> Self {
            self.settings_mut().dial.tls = tls.into();
            self
        }

        /// Makes the TLS for `wss://` with a function of your own, instead of rustls: it gets the host of the
        /// URI and a stream to it, and gives a stream. Works without the feature `tls`.
        pub fn tls_connector<F, O, S>(mut self, connector: F) -> Self
        where
            F: Fn(String, $crate::Transport) -> O + Send + Sync + 'static,
            O: std::future::Future<Output = std::io::Result<S>> + Send + 'static,
            S: $crate::Stream + 'static,
        {
            let connector = move |host: String, stream: $crate::Transport| {
                let connecting = connector(host, stream);
                let boxed = async move {
                    let stream: Box<dyn $crate::Stream> = Box::new(connecting.await?);
                    Ok(stream)
                };
                let boxed: std::pin::Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(boxed);
                boxed
            };
            self.settings_mut().dial.tls_connector = Some(std::sync::Arc::new(connector));
            self
        }

        /// The proxy. Default: the one that the environment names, if it does, for the host that is
        /// connected to; loopback takes none of these. A proxy that can't be used is an error, never a direct connection.
        pub fn proxy(mut self, proxy: impl Into<$crate::Proxy>) -> Self {
            self.settings_mut().dial.proxy = proxy.into();
            self
        }

        /// How `https://` proxies are verified. Default: [`ClientTls::new`](crate::ClientTls::new).
        #[cfg(feature = "tls")]
        pub fn proxy_tls(mut self, tls: impl Into<$crate::ClientTls>) -> Self {
            self.settings_mut().dial.proxy_tls = tls.into();
            self
        }

        /// Finds the addresses of hosts in another way than the system's.
        pub fn resolver(mut self, resolver: impl $crate::Resolve) -> Self {
            self.settings_mut().dial.tcp.resolver = Some(std::sync::Arc::new(resolver));
            self
        }

        /// Connects to this `host:port` instead of those of the URI; `Host` and the server's name stay those of
        /// the URI. A redirect to another origin is refused then. Connecting fails if it isn't valid.
        pub fn connect_to(mut self, authority: impl Into<String>) -> Self {
            self.settings_mut().dial.connect_to = Some(authority.into());
            self
        }

        /// Connects to this Unix socket instead of a TCP port, without a proxy. A redirect to another origin
        /// is refused then.
        #[cfg(unix)]
        #[doc(alias = "unix_connect")]
        pub fn unix_socket(mut self, path: impl Into<std::path::PathBuf>) -> Self {
            self.settings_mut().dial.unix_socket = Some(path.into());
            self
        }

        /// Limits the time for each address of the host, beside
        /// [`open_timeout`](Self::open_timeout) for all. An address that doesn't answer holds up the next one
        /// for a quarter of a second only. `None`, the default: no limit of its own.
        pub fn connect_timeout(mut self, timeout: impl Into<Option<std::time::Duration>>) -> Self {
            self.settings_mut().dial.tcp.connect_timeout = timeout.into();
            self
        }

        /// Whether small packets leave at once (`TCP_NODELAY`). Default: true, since messages are written
        /// whole anyway.
        pub fn nodelay(mut self, yes: bool) -> Self {
            self.settings_mut().dial.tcp.nodelay = yes;
            self
        }

        /// Lets TCP probe a connection on which nothing has arrived for this time. `None`, the default: no
        /// probes; the keepalive pings of WebSocket do more.
        pub fn tcp_keepalive(mut self, time: impl Into<Option<std::time::Duration>>) -> Self {
            self.settings_mut().dial.tcp.keepalive = time.into();
            self
        }

        /// The size of the system's buffer for what is sent, in bytes. Default: the system's choice.
        pub fn send_buffer_size(mut self, bytes: u32) -> Self {
            self.settings_mut().dial.tcp.send_buffer = Some(bytes);
            self
        }

        /// The size of the system's buffer for what is received, in bytes. Default: the system's choice.
        pub fn recv_buffer_size(mut self, bytes: u32) -> Self {
            self.settings_mut().dial.tcp.recv_buffer = Some(bytes);
            self
        }

        /// The local address to connect from. Default: the system's choice.
        pub fn local_addr(mut self, addr: impl Into<std::net::IpAddr>) -> Self {
            self.settings_mut().dial.tcp.local_addr = Some(addr.into());
            self
        }

        /// The network interface to connect through, such as `eth0`. Default: the system's choice.
        #[cfg(any(target_os = "linux", target_os = "android", target_os = "fuchsia"))]
        pub fn interface(mut self, name: impl Into<String>) -> Self {
            self.settings_mut().dial.tcp.interface = Some(name.into());
            self
        }

        /// Makes headers anew for each attempt, with the URI that it goes to: for tokens that expire. They
        /// are added to the others, and those with credentials aren't shown to another origin.
        ///
        /// The time that it takes counts for [`open_timeout`](Self::open_timeout). Its error becomes that of
        /// connecting; `?` converts those of this library and of I/O.
        pub fn headers_with<F, O>(mut self, make: F) -> Self
        where
            F: Fn(&ws_proto::Uri) -> O + Send + Sync + 'static,
            O: Future<Output = Result<ws_headers::Headers, $crate::Error>> + Send + 'static,
        {
            let make = move |uri: &ws_proto::Uri| {
                let made: std::pin::Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(make(uri));
                made
            };
            self.settings_mut().make_headers = Some(std::sync::Arc::new(make));
            self
        }

        /// Answers a server that refuses the request with 401 and a challenge: by Digest
        /// ([RFC 7616](https://www.rfc-editor.org/rfc/rfc7616#section-3)) with SHA-256 or MD5 if that is on
        /// offer, else by Basic ([RFC 7617](https://www.rfc-editor.org/rfc/rfc7617#section-2)). Nothing is
        /// sent before the server asks. [`basic_auth`](Self::basic_auth), and a user name in the URI, send
        /// Basic at once.
        ///
        /// Credentials that are refused aren't tried again in a weaker way, nor shown to another origin.
        #[cfg(feature = "auth")]
        pub fn credentials(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
            let (user, password) = (user.into(), password.into());
            let credentials = $crate::client::auth::Credentials { user, password };
            self.settings_mut().credentials = Some(credentials);
            self
        }

        /// The most redirects that are followed; 0 follows none: they are an
        /// [`InvalidStatus`](ws_errors::InvalidStatus). Default: 10. See [`redirect`](ws_proto::redirect).
        ///
        /// At another origin, the headers `Authorization`, `Proxy-Authorization` and `Cookie`, the user
        /// information of the URI and the client's certificate aren't shown.
        pub fn max_redirects(mut self, redirects: usize) -> Self {
            self.settings_mut().max_redirects = redirects;
            self
        }

        /// Asks before a redirect is followed, with the URIs that it leads from and to. If the function says
        /// no, it is an [`InvalidStatus`](ws_errors::InvalidStatus). Default: all are followed. It isn't asked
        /// about one from `wss` to `ws`, which is always refused.
        pub fn redirect_if(
            mut self,
            may_follow: impl Fn(&ws_proto::Uri, &ws_proto::Uri) -> bool + Send + Sync + 'static,
        ) -> Self {
            self.settings_mut().redirect_if = Some(std::sync::Arc::new(may_follow));
            self
        }
    };
}

pub(crate) use connect_settings;
