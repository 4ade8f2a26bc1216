//! The stream of a connection, TCP or TLS, and the TLS that all servers share.

use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, version};
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

/// The stream of a connection: TCP or TLS. TLS is in a box: connections without it don't pay for its size.
pub type Transport = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// TLS 1.3 with the cryptography of ring and a new certificate for P-256. No tickets: each handshake is a
/// whole one.
pub fn tls() -> Arc<ServerConfig> {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]);
    let rcgen::CertifiedKey { cert, signing_key } = certified.expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&version::TLS13])
        .expect("ring has TLS 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key);
    let mut config = config.expect("the key is that of the certificate");
    config.send_tls13_tickets = 0;
    Arc::new(config)
}
