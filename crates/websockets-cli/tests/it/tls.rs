//! TLS, with certificates made here.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use websockets::accept;
use websockets::rustls::pki_types::pem::PemObject;
use websockets::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use websockets::rustls::server::WebPkiClientVerifier;
use websockets::rustls::{RootCertStore, ServerConfig, crypto};

use crate::common::{check_error, run};

/// An authority, and files in a folder of their own.
pub(crate) struct Files {
    authority: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
}

impl Files {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "ours");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority = CertifiedIssuer::self_signed(params, key).unwrap();
        let folder = format!("websockets-cli-{name}-{}", std::process::id());
        let files = Self { authority, folder: std::env::temp_dir().join(folder) };
        std::fs::create_dir_all(&files.folder).unwrap();
        files.write("ca.pem", &files.authority.pem());
        files
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }

    /// A certificate and its key, as PEM.
    pub(crate) fn sign(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.authority).unwrap().pem(), key.serialize_pem())
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A server that echoes, for `localhost`.
async fn echo(files: &Files, asks_clients: bool) -> SocketAddr {
    let provider = Arc::new(crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let builder = if asks_clients {
        let mut roots = RootCertStore::empty();
        roots.add(files.authority.der().clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
        builder.with_client_cert_verifier(verifier.build().unwrap())
    } else {
        builder.with_no_client_auth()
    };
    let (cert, key) = files.sign("localhost");
    let cert = CertificateDer::from_pem_slice(cert.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(builder.with_single_cert(vec![cert], key).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(tls) = acceptor.accept(tcp).await else { return };
                let Ok(mut ws) = accept(tls).await else { return };
                while let Ok(Some(message)) = ws.recv().await {
                    _ = ws.send(message).await;
                }
            });
        }
    });
    addr
}

#[tokio::test]
async fn servers_are_verified_as_the_options_say() {
    let (files, other) = (Files::new("servers"), Files::new("others"));
    let addr = echo(&files, false).await;
    let (ca, wrong_ca) = (files.path("ca.pem"), other.path("ca.pem"));
    let both = files.write("both.pem", &(other.authority.pem() + &files.authority.pem()));
    let (by_name, by_ip) = ("wss://localhost:PORT/", "wss://127.0.0.1:PORT/");
    for (args, url, expected) in [
        (&["--ca-file", &*ca][..], by_name, Ok("")),
        (&["--ca-file", &*both], by_name, Ok("")),
        (&["--ca-file", &*wrong_ca], by_name, Err("certificate")),
        (&[], by_name, Err("certificate")),
        (&["--ca-file", &*ca], by_ip, Err("certificate")),
        (&["--ca-file", &*ca, "--server-name", "localhost"], by_ip, Ok("")),
        (&["--ca-file", &*ca, "--server-name", "other.invalid"], by_name, Err("certificate")),
        (&["-k"], by_ip, Ok("warning: ")),
        (&["--insecure", "--ca-file", &*wrong_ca], by_name, Ok("warning: ")),
    ] {
        let url = url.replace("PORT", &addr.port().to_string());
        let ended = run(&[args, &[&*url]].concat(), b"hello\n").await;
        match expected {
            Ok(warning) => {
                assert_eq!((ended.status, &*ended.stdout), (0, "hello\n"), "{args:?}: {ended:?}");
                let lines = usize::from(!warning.is_empty());
                let right =
                    ended.stderr.starts_with(warning) && ended.stderr.lines().count() == lines;
                assert!(right, "{args:?}: {ended:?}");
            }
            Err(text) => check_error(&ended, 1, text, &format!("{args:?} {url}")),
        }
    }
}

#[tokio::test]
async fn the_certificate_of_a_client_is_shown() {
    let files = Files::new("clients");
    let addr = echo(&files, true).await;
    let url = format!("wss://localhost:{}/", addr.port());
    let (cert, key) = files.sign("me");
    let (cert, key) = (files.write("cert.pem", &cert), files.write("key.pem", &key));
    let ca = files.path("ca.pem");
    let ended = run(&["--ca-file", &ca, "--cert", &cert, "--key", &key, &url], b"hello\n").await;
    assert_eq!((ended.status, &*ended.stdout, &*ended.stderr), (0, "hello\n", ""));
    // It asks in vain: with TLS 1.3, its alert may come after the client has begun to read.
    let ended = run(&["--ca-file", &ca, &url], b"hello\n").await;
    assert_eq!((ended.status, &*ended.stdout), (1, ""), "{ended:?}");
    let ended = run(&["--ca-file", &ca, "--cert", &key, "--key", &cert, &url], b"").await;
    check_error(&ended, 2, "key.pem", "swapped");
}

#[tokio::test]
async fn the_version_and_the_cipher_are_told() {
    let files = Files::new("verbose");
    let addr = echo(&files, false).await;
    let url = format!("wss://localhost:{}/", addr.port());
    let ended = run(&["-v", "--ca-file", &files.path("ca.pem"), &url], b"").await;
    assert!(ended.stderr.contains("\n* TLS is on version=TLSv1_3 cipher=TLS13_"), "{ended:?}");
}
