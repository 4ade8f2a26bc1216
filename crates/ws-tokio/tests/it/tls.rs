//! `wss://` over rustls, with certificates made here.

use std::future::IntoFuture;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, date_time_ymd};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use ws_tokio::rustls::server::WebPkiClientVerifier;
use ws_tokio::rustls::{self, RootCertStore, ServerConfig, version};
use ws_tokio::{ClientTls, Connect, Error, accept, connect};
use ws_types::Side;

use crate::certificates::{Authority, Identity, provider};
use crate::common::{TEXT, frame};

/// Fails instead of waiting without end, on a clock that runs.
async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("this waits without end")
}

fn server_config(
    identity: Identity,
    versions: &[&'static rustls::SupportedProtocolVersion],
    clients: Option<&Authority>,
) -> ServerConfig {
    let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(versions);
    let builder = builder.unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.root()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider());
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let mut config = builder.with_single_cert(identity.0, identity.1).unwrap();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

/// A server that echoes one message on each connection over TLS, and closes.
async fn echo(config: ServerConfig) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let serving = tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(tls) = acceptor.accept(tcp).await else { return };
                assert_eq!(tls.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
                let Ok(mut ws) = accept(tls).await else { return };
                if let Ok(Some(message)) = ws.recv().await {
                    _ = ws.send(message).await;
                }
                _ = ws.close(1000, "").await;
            });
        }
    });
    (addr, serving)
}

/// Echoes one message.
async fn talk(connect: Connect) -> Result<Option<rustls::ProtocolVersion>, Error> {
    let mut ws = in_time(connect.into_future()).await?;
    let version = ws.with_stream(|stream| {
        let tls = stream.tls().unwrap();
        assert!(tls.negotiated_cipher_suite().is_some() && tls.peer_certificates().is_some());
        assert_eq!(tls.alpn_protocol(), Some(&b"http/1.1"[..]));
        tls.protocol_version()
    });
    ws.send("hello").await?;
    assert_eq!(in_time(ws.recv()).await?, Some("hello".into()));
    assert_eq!(in_time(ws.recv()).await?, None);
    Ok(version.flatten())
}

#[tokio::test]
async fn a_client_talks_over_tls_of_both_versions() {
    let authority = Authority::new("ours");
    for (versions, expected) in [
        (&[&version::TLS12][..], &version::TLS12),
        (&[&version::TLS13], &version::TLS13),
        (&[&version::TLS12, &version::TLS13], &version::TLS13),
    ] {
        let (addr, _serving) =
            echo(server_config(authority.server("localhost"), versions, None)).await;
        let tls = ClientTls::new().only_roots([authority.root()]);
        let uri = format!("wss://localhost:{}/", addr.port());
        let version = talk(connect(uri).tls(tls)).await.unwrap();
        assert_eq!(version, Some(expected.version));
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_right_is_refused() {
    let (authority, other) = (Authority::new("ours"), Authority::new("theirs"));
    let mut expired = CertificateParams::new(["localhost".to_owned()]).unwrap();
    expired.not_before = date_time_ymd(2001, 1, 1);
    expired.not_after = date_time_ymd(2002, 1, 1);
    for (what, identity, text) in [
        ("expired", authority.sign(expired), "expired"),
        ("of another host", authority.server("example.com"), "not valid for name"),
        ("of an unknown authority", other.server("localhost"), "UnknownIssuer"),
    ] {
        let (addr, _serving) = echo(server_config(identity, &[&version::TLS13], None)).await;
        let tls = ClientTls::new().only_roots([authority.root()]);
        let uri = format!("wss://localhost:{}/", addr.port());
        let error = talk(connect(&uri).tls(tls.clone())).await.unwrap_err();
        let Error::Connect(e) = &error else { panic!("{what}: {error:?}") };
        assert!(matches!(e.cause(), Error::Tls(_)) && !error.is_retryable(), "{what}: {error:?}");
        assert!(error.to_string().contains(text), "{what}: {error}");
        assert!(error.to_string().contains(&uri), "{what}: {error}");

        let tls = tls.dangerous_no_verification();
        talk(connect(&uri).tls(tls)).await.unwrap_or_else(|e| panic!("{what}: {e:?}"));
    }
}

#[tokio::test]
async fn the_name_of_the_server_can_be_another_one_than_the_host() {
    let authority = Authority::new("ours");
    let config = server_config(authority.server("example.com"), &[&version::TLS13], None);
    let (addr, _serving) = echo(config).await;
    let tls = ClientTls::new().only_roots([authority.root()]);
    let uri = format!("wss://{addr}/");
    talk(connect(&uri).tls(tls.clone())).await.unwrap_err();
    talk(connect(&uri).tls(tls.clone().server_name("example.com"))).await.unwrap();
    let to =
        connect("wss://example.com/").connect_to(addr.to_string()).proxy(ws_tokio::Proxy::direct());
    talk(to.tls(tls.clone())).await.unwrap();
    let error = talk(connect(&uri).tls(tls.server_name("a b"))).await.unwrap_err();
    assert!(error.to_string().contains("invalid dns name"), "{error}");
}

#[tokio::test]
async fn a_client_shows_its_certificate_to_a_server_that_asks_for_one() {
    let (authority, other) = (Authority::new("ours"), Authority::new("theirs"));
    let config = server_config(authority.server("localhost"), &[&version::TLS13], Some(&authority));
    let (addr, _serving) = echo(config).await;
    let uri = format!("wss://localhost:{}/", addr.port());
    let tls = ClientTls::new().only_roots([authority.root()]);
    let with = |Identity(chain, key)| tls.clone().client_certificate(chain, key);
    talk(connect(&uri).tls(with(authority.server("me")))).await.unwrap();
    // TLS 1.3: the client learns of it when it waits for the response.
    for (tls, alert) in
        [(tls.clone(), "CertificateRequired"), (with(other.server("me")), "UnknownCA")]
    {
        let error = talk(connect(&uri).tls(tls)).await.unwrap_err();
        let Error::Connect(e) = &error else { panic!("{error:?}") };
        assert!(matches!(e.cause(), Error::Tls(_)) && !error.is_retryable(), "{error:?}");
        let text = format!("the TLS handshake failed: received fatal alert: {alert}");
        assert!(error.to_string().ends_with(&text), "{error}");
    }
}

#[tokio::test]
async fn another_origin_does_not_see_the_certificate() {
    let authority = Authority::new("ours");
    let config = || server_config(authority.server("localhost"), &[&version::TLS13], None);
    // It asks for a certificate, and tells whether it got one.
    let (addr, _serving) = {
        let config =
            server_config(authority.server("localhost"), &[&version::TLS13], Some(&authority));
        echo(config).await
    };
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = format!("wss://localhost:{}/", addr.port());
    let from = format!("wss://localhost:{}/", other.local_addr().unwrap().port());
    let acceptor = TlsAcceptor::from(Arc::new(config()));
    let _redirecting = tokio::spawn({
        let response = format!("HTTP/1.1 307 x\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
        async move {
            loop {
                let (tcp, _) = other.accept().await.unwrap();
                let Ok(mut tls) = acceptor.accept(tcp).await else { continue };
                _ = tls.read(&mut [0; 4096]).await;
                _ = tls.write_all(response.as_bytes()).await;
                _ = tls.shutdown().await;
            }
        }
    });
    let Identity(chain, key) = authority.server("me");
    let ours = ClientTls::new().only_roots([authority.root()]);
    let ours = ours.client_certificate(chain, key);
    talk(connect(&to).tls(ours.clone())).await.unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(authority.root()).unwrap();
    let Identity(chain, key) = authority.server("me");
    let mut given = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .unwrap();
    given.alpn_protocols = vec![b"http/1.1".to_vec()];
    let given = Arc::new(given);
    talk(connect(&to).tls(Arc::clone(&given))).await.unwrap();
    for error in [
        talk(connect(&from).tls(ours)).await.unwrap_err(),
        talk(connect(&from).tls(given)).await.unwrap_err(),
    ] {
        assert!(error.to_string().contains("CertificateRequired"), "{error:?}");
    }
}

#[tokio::test]
async fn roots_of_a_file_that_the_environment_names_are_trusted() {
    // A process of its own, since the environment belongs to all threads.
    const NAME: &str = "SSL_CERT_FILE";
    if let Ok(port) = std::env::var("WSS_PORT") {
        talk(connect(format!("wss://localhost:{port}/"))).await.unwrap();
        return;
    }
    let authority = Authority::new("ours");
    let config = server_config(authority.server("localhost"), &[&version::TLS13], None);
    let (addr, _serving) = echo(config).await;
    let file = std::env::temp_dir().join(format!("ws-tokio-root-{}.pem", addr.port()));
    std::fs::write(&file, authority.pem()).unwrap();
    let test = "tls::roots_of_a_file_that_the_environment_names_are_trusted";
    let mut child = tokio::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", test]).env(NAME, &file).env("WSS_PORT", addr.port().to_string());
    let output = in_time(child.output()).await.unwrap();
    std::fs::remove_file(file).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_told_at_its_first_bytes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("wss://{}/", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        // It keeps the connection open.
        _ = tcp.read_to_end(&mut Vec::new()).await;
    });
    let error = talk(connect(uri)).await.unwrap_err();
    assert!(error.to_string().ends_with("; the peer speaks no TLS"), "{error}");
    assert!(!error.is_retryable() && !error.is_timeout());
    in_time(serving).await.unwrap();
}

#[tokio::test]
async fn a_server_that_stops_in_the_tls_handshake_is_retryable() {
    for (end, timeout) in [("ends", false), ("is silent", true)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("wss://{}/", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move {
            let (mut tcp, _) = listener.accept().await.unwrap();
            _ = tcp.read(&mut [0; 4096]).await;
            if end == "is silent" {
                _ = tcp.read_to_end(&mut Vec::new()).await;
            }
        });
        let connecting = connect(uri).open_timeout(Duration::from_millis(300));
        let error = talk(connecting).await.unwrap_err();
        assert!(error.is_retryable(), "{end}: {error:?}");
        assert_eq!(error.is_timeout(), timeout, "{end}: {error:?}");
        let text = error.to_string();
        assert_eq!(text.ends_with(" in the TLS handshake"), timeout, "{end}: {error}");
        in_time(serving).await.unwrap();
    }
}

#[tokio::test]
async fn an_end_without_close_notify_is_clean_only_after_the_closing_handshake() {
    for clean in [true, false] {
        let authority = Authority::new("ours");
        let config = server_config(authority.server("localhost"), &[&version::TLS13], None);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = tokio::spawn(async move {
            let (tcp, _) = listener.accept().await.unwrap();
            let mut tls = TlsAcceptor::from(Arc::new(config)).accept(tcp).await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(tls.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            let key =
                head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
            let accept = ws_tokio::protocol::server::accept_key(key);
            let response = format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: {accept}\r\n\r\n"
            );
            tls.write_all(response.as_bytes()).await.unwrap();
            tls.write_all(&frame(Side::Server, TEXT, "last words")).await.unwrap();
            if clean {
                tls.write_all(&[0x88, 2, 3, 232]).await.unwrap();
                tls.flush().await.unwrap();
                let mut answer = [0; 8];
                tls.read_exact(&mut answer).await.unwrap();
            }
            tls.flush().await.unwrap();
            // The end of TCP, without an end of TLS.
            let (tcp, _) = tls.into_inner();
            drop(tcp);
        });
        let tls = ClientTls::new().only_roots([authority.root()]);
        let mut ws = in_time(connect(format!("wss://localhost:{port}/")).tls(tls).into_future())
            .await
            .unwrap();
        assert_eq!(in_time(ws.recv()).await.unwrap(), Some("last words".into()));
        let end = in_time(ws.recv()).await;
        match clean {
            true => assert_eq!(end.unwrap(), None),
            false => {
                let error = end.unwrap_err();
                assert_eq!(error.closed().unwrap().code(), 1006, "{error:?}");
                assert!(error.is_retryable(), "{error:?}");
                // As of a process that ends, without TLS.
                assert_eq!(error.to_string(), "no close frame received or sent");
            }
        }
        in_time(serving).await.unwrap();
    }
}

#[tokio::test]
async fn an_end_without_close_notify_ends_a_response_like_that_of_tcp() {
    for (answer, expected) in [
        ("", "did not receive a valid HTTP response (unexpected end of stream)"),
        ("HTTP/1.1 503 \r\n\r\nlater", "server rejected WebSocket connection: HTTP 503"),
        ("", "did not receive a valid HTTP response from proxy (unexpected end of stream)"),
        ("HTTP/1.1 503 \r\n\r\nlater", "proxy rejected connection: HTTP 503"),
    ] {
        let authority = Authority::new("ours");
        let config = server_config(authority.server("localhost"), &[&version::TLS13], None);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = tokio::spawn(async move {
            let (tcp, _) = listener.accept().await.unwrap();
            let mut tls = TlsAcceptor::from(Arc::new(config)).accept(tcp).await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(tls.read_u8().await.unwrap());
            }
            tls.write_all(answer.as_bytes()).await.unwrap();
            tls.flush().await.unwrap();
            drop(tls.into_inner());
        });
        let tls = ClientTls::new().only_roots([authority.root()]);
        let connecting = match expected.contains("proxy") {
            false => connect(format!("wss://localhost:{port}/")).tls(tls),
            true => {
                connect("ws://host.test/").proxy(format!("https://localhost:{port}")).proxy_tls(tls)
            }
        };
        let error = talk(connecting).await.unwrap_err();
        assert!(error.to_string().ends_with(expected), "{error}");
        assert!(error.is_retryable(), "{error:?}");
        in_time(serving).await.unwrap();
    }
}

#[tokio::test]
async fn a_connector_of_the_program_makes_the_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let mut ws = accept(tcp).await.unwrap();
        let message = ws.recv().await.unwrap().unwrap();
        ws.send(message).await.unwrap();
        ws.close(1000, "").await.unwrap();
    });
    // No TLS at all: a tunnel that is safe by itself.
    let mut ws = in_time(
        connect(format!("wss://localhost:{}/", addr.port()))
            .tls_connector(|host, stream| async move {
                assert_eq!(host, "localhost");
                Ok(stream)
            })
            .into_future(),
    )
    .await
    .unwrap();
    ws.send("hello").await.unwrap();
    assert_eq!(in_time(ws.recv()).await.unwrap(), Some("hello".into()));
    assert_eq!(in_time(ws.recv()).await.unwrap(), None);
    in_time(serving).await.unwrap();
}

/// The recipes show the same code.
#[cfg(unix)]
#[tokio::test]
async fn another_tls_library_connects() {
    let authority = Authority::new("ours");
    let config = server_config(authority.server("localhost"), &[&version::TLS13], None);
    let (addr, _serving) = echo(config).await;
    let mut config = s2n_tls::config::Builder::new();
    config.set_security_policy(&s2n_tls::security::DEFAULT_TLS13).unwrap();
    config.trust_pem(authority.pem().as_bytes()).unwrap();
    config.set_application_protocol_preference(["http/1.1"]).unwrap();
    let connector = s2n_tls_tokio::TlsConnector::new(config.build().unwrap());
    let connecting = connect(format!("wss://localhost:{}/", addr.port()));
    let connecting = connecting.tls_connector(move |host, stream| {
        let connector = connector.clone();
        async move { connector.connect(&host, stream).await.map_err(std::io::Error::other) }
    });
    let mut ws = in_time(connecting.into_future()).await.unwrap();
    assert!(ws.with_stream(|stream| stream.tls().is_none()).unwrap());
    ws.send("hello").await.unwrap();
    assert_eq!(in_time(ws.recv()).await.unwrap(), Some("hello".into()));
    assert_eq!(in_time(ws.recv()).await.unwrap(), None);
}

#[tokio::test]
async fn settings_of_rustls_are_taken_as_they_are() {
    let authority = Authority::new("ours");
    let config =
        server_config(authority.server("localhost"), &[&version::TLS12, &version::TLS13], None);
    let (addr, _serving) = echo(config).await;
    let mut roots = RootCertStore::empty();
    roots.add(authority.root()).unwrap();
    let mut config = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&version::TLS12])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let uri = format!("wss://localhost:{}/", addr.port());
    talk(connect(uri).tls(Arc::new(config))).await.unwrap();
}
