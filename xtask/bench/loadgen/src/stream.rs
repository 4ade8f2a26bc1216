//! The stream of a connection: TCP, or TLS over it.

use std::cell::RefCell;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;

use rustix::net::{RecvFlags, SendFlags};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, version,
};

use crate::options::fail;
use crate::socket::progress;

/// The longest record of TLS, and some more.
const RECORD: usize = 17 << 10;
/// How much is read at once.
const READ: usize = 256 << 10;

thread_local! {
    /// Encrypted bytes, between the socket and TLS.
    static ENCRYPTED: RefCell<Vec<u8>> = RefCell::new(vec![0; READ]);
}

pub struct Stream {
    pub tcp: TcpStream,
    tls: Option<Box<ClientConnection>>,
}

impl Stream {
    pub fn new(tcp: TcpStream, tls: Option<&Arc<ClientConfig>>) -> Self {
        let name = ServerName::from(std::net::IpAddr::from(Ipv4Addr::LOCALHOST));
        let session = |config: &Arc<ClientConfig>| {
            ClientConnection::new(Arc::clone(config), name).expect("a legal configuration")
        };
        Self { tcp, tls: tls.map(session).map(Box::new) }
    }

    /// Takes the first of some bytes, and gives their number; with TLS they may stay here until they are
    /// [flushed](Self::flush). `None`: it would block.
    pub fn send(&mut self, bytes: &[u8]) -> Option<usize> {
        let Self { tcp, tls } = self;
        let Some(tls) = tls else {
            return progress(rustix::net::send(tcp, bytes, SendFlags::NOSIGNAL));
        };
        flush(tls, tcp).then(|| {
            let taken = tls.writer().write(bytes).expect("a buffer takes it");
            flush(tls, tcp);
            taken
        })
    }

    /// Writes what TLS holds back; whether all has left.
    pub fn flush(&mut self) -> bool {
        self.tls.as_mut().is_none_or(|tls| flush(tls, &self.tcp))
    }

    /// How many of `n` bytes that nobody needs the kernel can drop.
    pub fn droppable(&self, n: usize) -> usize {
        if self.tls.is_none() { n } else { 0 }
    }

    /// Receives bytes and drops them.
    pub fn drop_received(&self, buf: &mut [u8]) -> Option<usize> {
        receive(&self.tcp, buf, RecvFlags::TRUNC)
    }

    /// Receives up to the length of `buf`, with TLS more than a record. `None`: it would block; 0: the end.
    pub fn recv(&mut self, buf: &mut [u8]) -> Option<usize> {
        let Self { tcp, tls } = self;
        let Some(tls) = tls else { return receive(tcp, buf, RecvFlags::empty()) };
        ENCRYPTED.with_borrow_mut(|encrypted| {
            // TLS may have the beginning of a record that is completed now.
            let room = buf.len().checked_sub(RECORD).expect("room for a record").min(READ);
            loop {
                let n = receive(tcp, &mut encrypted[..room], RecvFlags::empty())?;
                let (mut rest, mut len) = (&encrypted[..n], 0);
                while !rest.is_empty() {
                    tls.read_tls(&mut rest).expect("all before was taken");
                    tls.process_new_packets().unwrap_or_else(|e| fail(&format!("TLS: {e}")));
                    // It fails when nothing is left.
                    while let Ok(n @ 1..) = tls.reader().read(&mut buf[len..]) {
                        len += n;
                    }
                }
                // The end of a handshake.
                flush(tls, tcp);
                if n == 0 || len > 0 {
                    return Some(len);
                }
            }
        })
    }
}

fn receive(tcp: &TcpStream, buf: &mut [u8], flags: RecvFlags) -> Option<usize> {
    progress(rustix::net::recv(tcp, buf, flags)).map(|(_, n)| n)
}

fn flush(tls: &mut ClientConnection, mut tcp: &TcpStream) -> bool {
    while tls.wants_write() {
        match tls.write_tls(&mut tcp) {
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::WouldBlock => return false,
            Err(e) => fail(&format!("socket: {e}")),
        }
    }
    true
}

/// TLS 1.3 with the cryptography of ring. Certificates aren't verified: that would cost the client alone. No
/// session is resumed.
pub fn tls() -> Arc<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13])
        .expect("ring has TLS 1.3");
    let trusting = builder.dangerous().with_custom_certificate_verifier(Arc::new(Trust));
    let mut config = trusting.with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.into()
}

/// Trusts every server.
#[derive(Debug)]
struct Trust;

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}
