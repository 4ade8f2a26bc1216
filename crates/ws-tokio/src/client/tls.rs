//! [`ClientTls`]: TLS of a client, by rustls.

use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};

use rustls::ClientConfig;
use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsConnector, rustls};

use crate::crypto::default_provider;
use crate::error::Error;
use crate::trace::debug;

/// How a client verifies servers and shows itself to them, for `wss://`.
///
/// The default is right for servers on the internet: the platform's certificates and rules, on Linux those
/// of the files that the environment variables `SSL_CERT_FILE` and `SSL_CERT_DIR` name, if they are set.
/// It takes TLS 1.2 and 1.3.
///
/// The cryptography is ring's, or that of AWS-LC with the feature `aws-lc-rs` and without `ring`, or
/// [any other](Self::provider); never the default of the process. Files are read, once, when the first
/// connection needs them; clones share that.
///
/// ```no_run
/// # async fn run() -> Result<(), ws_tokio::Error> {
/// use ws_tokio::{ClientTls, connect};
/// use ws_tokio::rustls::pki_types::{CertificateDer, pem::PemObject};
///
/// let ours = CertificateDer::from_pem_file("ca.pem").expect("a certificate");
/// let tls = ClientTls::new().add_root(ours);
/// let ws = connect("wss://chat.internal/").tls(tls).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[must_use]
pub struct ClientTls {
    settings: Settings,
    /// Settings of rustls that the program made.
    given: Option<Arc<ClientConfig>>,
    /// Made of the settings, once.
    config: Arc<OnceLock<Arc<ClientConfig>>>,
    server_name: Option<String>,
}

#[derive(Clone)]
struct Settings {
    provider: Option<Arc<CryptoProvider>>,
    verification: Verification,
    roots: Vec<CertificateDer<'static>>,
    identity: Option<Arc<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>>,
}

/// The certificates that are trusted.
#[derive(Clone, Copy, Debug)]
enum Verification {
    /// The platform's, and those of the settings.
    Platform,
    /// Only those of the settings.
    Roots,
    /// Any.
    None,
}

impl Default for ClientTls {
    fn default() -> Self {
        Self::new()
    }
}

impl ClientTls {
    /// The defaults.
    pub fn new() -> Self {
        let settings = Settings {
            provider: None,
            verification: Verification::Platform,
            roots: Vec::new(),
            identity: None,
        };
        Self { settings, given: None, config: Arc::default(), server_name: None }
    }

    fn settings_mut(&mut self) -> &mut Settings {
        (self.given, self.config) = (None, Arc::default());
        &mut self.settings
    }

    /// Trusts this certificate of an authority, too. Connecting fails if it isn't valid.
    pub fn add_root(mut self, root: CertificateDer<'static>) -> Self {
        self.settings_mut().roots.push(root);
        self
    }

    /// Trusts only these certificates of authorities, not the platform's. Connecting fails if one isn't
    /// valid.
    pub fn only_roots(mut self, roots: impl IntoIterator<Item = CertificateDer<'static>>) -> Self {
        let settings = self.settings_mut();
        settings.roots = roots.into_iter().collect();
        settings.verification = Verification::Roots;
        self
    }

    /// Shows this certificate, with the chain behind it, to servers that ask for one. Connecting fails if
    /// the key doesn't fit.
    pub fn client_certificate(
        mut self,
        chain: impl IntoIterator<Item = CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Self {
        self.settings_mut().identity = Some(Arc::new((chain.into_iter().collect(), key)));
        self
    }

    /// Expects this name in the server's certificate, and asks for it (SNI), instead of the host of the
    /// URI. Connecting fails if it is neither a DNS name nor an IP address.
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// Takes the cryptography from this provider.
    pub fn provider(mut self, provider: impl Into<Arc<CryptoProvider>>) -> Self {
        self.settings_mut().provider = Some(provider.into());
        self
    }

    /// Accepts any certificate: anybody on the way can read and change everything. Only for tests, and for
    /// servers that are reached by a way that is safe without TLS.
    pub fn dangerous_no_verification(mut self) -> Self {
        self.settings_mut().verification = Verification::None;
        self
    }

    /// The server name that was set.
    pub(super) fn fixed_server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// The same without the client's certificate.
    pub(super) fn without_identity(&self) -> Self {
        let mut tls = self.clone();
        if let Some(given) = &self.given {
            let mut config = ClientConfig::clone(given);
            config.client_auth_cert_resolver = Arc::new(NoIdentity);
            return Self { server_name: tls.server_name, ..Self::from(Arc::new(config)) };
        }
        if self.settings.identity.is_some() {
            tls.settings_mut().identity = None;
        }
        tls
    }

    /// Does the TLS handshake on a stream to `host`.
    pub(super) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        host: &str,
        stream: S,
    ) -> Result<TlsStream<S>, Error> {
        let name = self.server_name.as_deref().unwrap_or(host);
        // A zone means nothing to the peer.
        let name = name.split('%').next().unwrap_or(name);
        let name = ServerName::try_from(name).map_err(io::Error::other).map_err(Error::Tls)?;
        let config = self.config().await.map_err(Error::Tls)?;
        let connecting = TlsConnector::from(config).connect(name.to_owned(), stream);
        let stream = connecting.await.map_err(Error::Tls)?;
        debug!(
            version = stream.get_ref().1.protocol_version().map(tracing::field::debug),
            cipher = stream
                .get_ref()
                .1
                .negotiated_cipher_suite()
                .map(|it| tracing::field::debug(it.suite())),
            "TLS is on"
        );
        Ok(stream)
    }

    /// The settings of rustls, made at the first use, in a thread that may block.
    async fn config(&self) -> io::Result<Arc<ClientConfig>> {
        if let Some(config) = self.given.as_ref().or_else(|| self.config.get()) {
            return Ok(Arc::clone(config));
        }
        let settings = self.settings.clone();
        let made = tokio::task::spawn_blocking(move || settings.config()).await??;
        Ok(Arc::clone(self.config.get_or_init(|| Arc::new(made))))
    }
}

impl From<Arc<ClientConfig>> for ClientTls {
    /// Uses these settings of rustls as they are; those of this type, but for the
    /// [server name](ClientTls::server_name), replace them. They should allow ALPN `http/1.1`, or have no
    /// protocols.
    fn from(config: Arc<ClientConfig>) -> Self {
        Self { given: Some(config), ..Self::new() }
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls")
            .field("verification", &self.settings.verification)
            .field("roots", &self.settings.roots.len())
            .field("client_certificate", &self.settings.identity.is_some())
            .field("server_name", &self.server_name)
            .finish_non_exhaustive()
    }
}

impl Settings {
    fn config(&self) -> io::Result<ClientConfig> {
        let provider = match &self.provider {
            Some(provider) => Arc::clone(provider),
            None => default_provider()?,
        };
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        let builder = match self.verification {
            Verification::Platform => {
                let verifier = self.platform_verifier(provider).map_err(io::Error::other)?;
                builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
            }
            Verification::Roots => {
                let mut roots = RootCertStore::empty();
                for root in &self.roots {
                    roots.add(root.clone()).map_err(io::Error::other)?;
                }
                builder.with_root_certificates(roots)
            }
            Verification::None => {
                let verifier = NoVerification(provider);
                builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
            }
        };
        let mut config = match self.identity.as_deref() {
            Some((chain, key)) => builder
                .with_client_auth_cert(chain.clone(), key.clone_key())
                .map_err(io::Error::other)?,
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    fn platform_verifier(&self, provider: Arc<CryptoProvider>) -> Result<Verifier, rustls::Error> {
        if self.roots.is_empty() {
            return Verifier::new(provider);
        }
        Verifier::new_with_extra_roots(self.roots.iter().cloned(), provider)
    }
}

/// Shows no certificate of the client.
#[derive(Debug)]
struct NoIdentity;

impl ResolvesClientCert for NoIdentity {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// Takes any certificate; only checks that the server has the key of the one that it shows.
#[derive(Debug)]
struct NoVerification(Arc<CryptoProvider>);

impl ServerCertVerifier for NoVerification {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
