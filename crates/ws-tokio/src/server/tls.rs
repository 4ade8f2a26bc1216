//! [`ServerTls`]: TLS of a server, by rustls.

use std::fmt;
use std::io;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{TlsAcceptor, rustls};

use crate::crypto::default_provider;
use crate::error::Error;
use crate::trace::debug;

/// The certificate of a server and how it verifies clients, for `wss://`: see [`Listen::tls`](crate::Listen::tls).
///
/// It takes TLS 1.2 and 1.3. The cryptography is that of [`ClientTls`](crate::ClientTls).
///
/// Clones are one: a program that keeps one can [replace the certificate](Self::set_certificate) while the
/// server runs. Handshakes that have begun go on with the old one.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use ws_tokio::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
/// use ws_tokio::{Listen, ServerTls, WebSocket, serve};
///
/// let chain = CertificateDer::pem_file_iter("chain.pem")?.collect::<Result<Vec<_>, _>>()?;
/// let tls = ServerTls::new(chain, PrivateKeyDer::from_pem_file("key.pem")?);
/// let server = serve(Listen::tcp("0.0.0.0:443").tls(tls.clone()), |_: WebSocket| async {}).await?;
///
/// // Later, when the files have changed:
/// let chain = CertificateDer::pem_file_iter("chain.pem")?.collect::<Result<Vec<_>, _>>()?;
/// tls.set_certificate(chain, PrivateKeyDer::from_pem_file("key.pem")?)?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[must_use]
pub struct ServerTls(Arc<RwLock<Shared>>);

/// The state of all clones.
struct Shared {
    settings: Settings,
    /// The certificate until the settings of rustls are made.
    identity: Option<Identity>,
    /// The present settings of rustls.
    config: Option<Arc<ServerConfig>>,
    /// A setting came after the settings of rustls.
    late: bool,
}

#[derive(Default)]
struct Settings {
    provider: Option<Arc<CryptoProvider>>,
    clients: Option<Clients>,
    /// The settings of rustls are the program's.
    given: bool,
}

/// The verification of clients.
struct Clients {
    roots: Vec<CertificateDer<'static>>,
    required: bool,
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

impl ServerTls {
    fn with(
        settings: Settings,
        identity: Option<Identity>,
        config: Option<Arc<ServerConfig>>,
    ) -> Self {
        Self(Arc::new(RwLock::new(Shared { settings, identity, config, late: false })))
    }

    /// Shows this certificate, with the chain behind it. Awaiting the server fails with [`Error::Other`] if the key
    /// doesn't fit.
    pub fn new(
        chain: impl IntoIterator<Item = CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Self {
        Self::with(Settings::default(), Some((chain.into_iter().collect(), key)), None)
    }

    /// Takes only clients that show a certificate of one of these authorities. Default: asks clients for none.
    ///
    /// Like each setting, it holds for all clones. Set it before a server runs: a server that starts after a setting
    /// came too late, or came to settings of rustls, fails with [`Error::Other`].
    pub fn client_roots(self, roots: impl IntoIterator<Item = CertificateDer<'static>>) -> Self {
        self.clients(roots, true)
    }

    /// Verifies the certificate of a client that shows one: by one of these authorities. The handler sees it by
    /// [`Transport::tls`](crate::Transport::tls). Set it before a server runs, as
    /// [`client_roots`](Self::client_roots); of the two, the last one holds.
    pub fn optional_client_roots(
        self,
        roots: impl IntoIterator<Item = CertificateDer<'static>>,
    ) -> Self {
        self.clients(roots, false)
    }

    fn clients(
        self,
        roots: impl IntoIterator<Item = CertificateDer<'static>>,
        required: bool,
    ) -> Self {
        let clients = Clients { roots: roots.into_iter().collect(), required };
        self.set(|settings| settings.clients = Some(clients))
    }

    /// Takes the cryptography from this provider. Set it before a server runs, as
    /// [`client_roots`](Self::client_roots).
    pub fn provider(self, provider: impl Into<Arc<CryptoProvider>>) -> Self {
        let provider = provider.into();
        self.set(|settings| settings.provider = Some(provider))
    }

    fn set(self, set: impl FnOnce(&mut Settings)) -> Self {
        let mut shared = self.write();
        set(&mut shared.settings);
        shared.late |= shared.config.is_some();
        drop(shared);
        self
    }

    /// Replaces the certificate of all clones, for handshakes that begin from now on.
    ///
    /// # Errors
    /// [`Error::Other`] if the key doesn't fit, or this was made of settings of rustls; nothing changes.
    pub fn set_certificate(
        &self,
        chain: impl IntoIterator<Item = CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<(), Error> {
        let chain = chain.into_iter().collect();
        let mut shared = self.write();
        if shared.settings.given {
            return Err(Error::Other("use set_config: these are settings of rustls".into()));
        }
        shared.config = Some(Arc::new(shared.settings.config((chain, key))?));
        Ok(())
    }

    /// Replaces the settings of rustls of all clones, for handshakes that begin from now on.
    pub fn set_config(&self, config: Arc<ServerConfig>) {
        self.write().config = Some(config);
    }

    /// Makes the settings of rustls, unless that was done.
    pub(super) fn prepare(&self) -> Result<(), Error> {
        let mut shared = self.write();
        if shared.late {
            let text =
                "a setting of TLS came after a server has begun, or after settings of rustls";
            return Err(Error::Other(text.into()));
        }
        if let (Some((chain, key)), None) = (&shared.identity, &shared.config) {
            // Kept for another attempt, if there is an error.
            let config = shared.settings.config((chain.clone(), key.clone_key()))?;
            shared.config = Some(Arc::new(config));
        }
        shared.identity = None;
        Ok(())
    }

    fn config(&self) -> Option<Arc<ServerConfig>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).config.clone()
    }

    fn write(&self) -> RwLockWriteGuard<'_, Shared> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does the handshake of TLS.
    pub(super) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> Result<TlsStream<S>, Error> {
        let Some(config) = self.config() else { return Err(Error::TlsUnavailable) };
        let stream = TlsAcceptor::from(config).accept(stream).await.map_err(Error::Tls)?;
        debug!(version = ?stream.get_ref().1.protocol_version(), "TLS is on");
        Ok(stream)
    }
}

impl From<Arc<ServerConfig>> for ServerTls {
    /// Uses these settings of rustls as they are. They should allow ALPN `http/1.1`, or have no protocols.
    fn from(config: Arc<ServerConfig>) -> Self {
        Self::with(Settings { given: true, ..Settings::default() }, None, Some(config))
    }
}

impl Settings {
    fn config(&self, identity: Identity) -> Result<ServerConfig, Error> {
        self.try_config(identity)
            .map_err(|e| Error::Other(format!("invalid settings of TLS: {e}").into()))
    }

    fn try_config(&self, (chain, key): Identity) -> io::Result<ServerConfig> {
        let provider = match &self.provider {
            Some(provider) => Arc::clone(provider),
            None => default_provider()?,
        };
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        let builder = match &self.clients {
            None => builder.with_no_client_auth(),
            Some(Clients { roots: trusted, required }) => {
                let mut roots = RootCertStore::empty();
                for root in trusted {
                    roots.add(root.clone()).map_err(io::Error::other)?;
                }
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier = if *required { verifier } else { verifier.allow_unauthenticated() };
                builder.with_client_cert_verifier(verifier.build().map_err(io::Error::other)?)
            }
        };
        let mut config = builder.with_single_cert(chain, key).map_err(io::Error::other)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = self.0.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("ServerTls")
            .field("verifies_clients", &shared.settings.clients.is_some())
            .finish_non_exhaustive()
    }
}
