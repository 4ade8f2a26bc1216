//! Servers with TLS: certificates that change, certificates of clients, clients that don't do their part.

use std::future::{Future, IntoFuture};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use ws_tokio::rustls::{ServerConfig, version};
use ws_tokio::{
    ClientTls, Connect, Error, FailureKind, Listen, Server, ServerTls, WebSocket, connect, serve,
};

use crate::certificates::{Authority, Identity, provider};

/// Fails instead of waiting without end.
async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("this waits without end")
}

fn tls(Identity(chain, key): Identity) -> ServerTls {
    ServerTls::new(chain, key)
}

/// Sends each client the number of certificates that it has shown.
async fn count(ws: WebSocket) -> Result<(), Error> {
    let shown = ws.with_stream(|stream| {
        let tls = stream.tls().unwrap();
        assert_eq!(tls.alpn_protocol(), Some(&b"http/1.1"[..]));
        tls.peer_certificates().map_or(0, <[_]>::len)
    });
    ws.send(shown.unwrap().to_string()).await
}

type Failures = UnboundedReceiver<(FailureKind, String)>;

async fn start(tls: ServerTls) -> (Server, Failures) {
    start_within(tls, Duration::from_secs(30)).await
}

async fn start_within(tls: ServerTls, limit: Duration) -> (Server, Failures) {
    let (sender, failures) = unbounded_channel();
    let server = serve(Listen::tcp("127.0.0.1:0").tls(tls), count)
        .open_timeout(limit)
        .on_error(move |failure| _ = sender.send((failure.kind(), failure.to_string())));
    (server.await.unwrap(), failures)
}

fn to(server: &Server, tls: &ClientTls) -> Connect {
    connect(format!("wss://localhost:{}/", server.local_addr().port())).tls(tls.clone())
}

/// The text that the server sends.
async fn receive(connect: Connect) -> Result<String, Error> {
    let mut ws = in_time(connect.into_future()).await?;
    let text = in_time(ws.recv()).await?.unwrap().into_text().unwrap();
    assert_eq!(in_time(ws.recv()).await?, None);
    Ok(text.to_string())
}

#[tokio::test]
async fn a_server_talks_over_tls_beside_plain_tcp() {
    let authority = Authority::new("ours");
    let secure = Listen::tcp("127.0.0.1:0").tls(tls(authority.server("localhost")));
    let server = serve("127.0.0.1:0", async |ws: WebSocket| {
        let is_secure = ws.with_stream(|stream| stream.tls().is_some());
        ws.send(is_secure.unwrap().to_string()).await
    })
    .listen(secure)
    .await
    .unwrap();
    let [plain, secure] = *server.local_addrs() else { panic!("{server:?}") };
    let client = ClientTls::new().only_roots([authority.root()]);
    let over_tls = connect(format!("wss://localhost:{}/", secure.port())).tls(client);
    assert_eq!(receive(over_tls).await.unwrap(), "true");
    assert_eq!(receive(connect(format!("ws://{plain}/"))).await.unwrap(), "false");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_are_replaced_under_load_without_a_failed_handshake() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let tls = tls(old.server("localhost"));
    let (server, _failures) = start(tls.clone()).await;
    let both = ClientTls::new().only_roots([old.root(), new.root()]);
    let (done, opened) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let (to, done, opened) = (to(&server, &both), Arc::clone(&done), Arc::clone(&opened));
            tokio::spawn(async move {
                while !done.load(Ordering::Relaxed) {
                    receive(to.clone()).await.unwrap();
                    opened.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for round in 1..=20 {
        let authority = if round % 2 == 0 { &old } else { &new };
        let Identity(chain, key) = authority.server("localhost");
        tls.set_certificate(chain, key).unwrap();
        in_time(async {
            while opened.load(Ordering::Relaxed) < round * 10 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    }
    done.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    // The last one is of the old authority.
    receive(to(&server, &ClientTls::new().only_roots([old.root()]))).await.unwrap();
    receive(to(&server, &ClientTls::new().only_roots([new.root()]))).await.unwrap_err();

    // A key of another certificate changes nothing.
    let (Identity(chain, _), Identity(_, key)) = (new.server("localhost"), new.server("localhost"));
    let error = tls.set_certificate(chain, key).unwrap_err();
    assert!(matches!(error, Error::Other(_)), "{error:?}");
    receive(to(&server, &ClientTls::new().only_roots([old.root()]))).await.unwrap();
}

#[tokio::test]
async fn a_key_of_another_certificate_is_told_before_the_server_listens() {
    let authority = Authority::new("ours");
    let Identity(chain, _) = authority.server("localhost");
    let Identity(_, key) = authority.server("localhost");
    let listen = Listen::tcp("127.0.0.1:0").tls(ServerTls::new(chain, key));
    let error = serve(listen, count).await.unwrap_err();
    assert!(matches!(error, Error::Other(_)), "{error:?}");
    let text = "invalid settings of TLS: keys may not be consistent: KeyMismatch";
    assert_eq!(error.to_string(), text);
}

#[tokio::test]
async fn certificates_of_clients_are_required_or_optional() {
    let (authority, other) = (Authority::new("ours"), Authority::new("theirs"));
    let client = ClientTls::new().only_roots([authority.root()]);
    let with = |Identity(chain, key)| client.clone().client_certificate(chain, key);
    let required = tls(authority.server("localhost")).client_roots([authority.root()]);
    let optional = tls(authority.server("localhost")).optional_client_roots([authority.root()]);
    for (tls, without) in [(required, None), (optional, Some("0"))] {
        let (server, mut failures) = start(tls).await;
        assert_eq!(receive(to(&server, &with(authority.server("me")))).await.unwrap(), "1");
        assert_eq!(receive(to(&server, &client)).await.ok().as_deref(), without);
        if without.is_none() {
            let (kind, text) = in_time(failures.recv()).await.unwrap();
            assert_eq!(kind, FailureKind::Handshake);
            assert!(text.ends_with("peer sent no certificates"), "{text}");
        }
        receive(to(&server, &with(other.server("me")))).await.unwrap_err();
        let (_, text) = in_time(failures.recv()).await.unwrap();
        assert!(text.contains("UnknownIssuer"), "{text}");
    }
}

#[tokio::test]
async fn all_clones_verify_clients() {
    let authority = Authority::new("ours");
    let client = ClientTls::new().only_roots([authority.root()]);
    let kept = tls(authority.server("localhost"));
    let first = Listen::tcp("127.0.0.1:0").tls(kept.clone());
    let second = Listen::tcp("127.0.0.1:0").tls(kept.clone().client_roots([authority.root()]));
    let server = serve(first, count).listen(second).await.unwrap();
    for replaced in [false, true] {
        if replaced {
            let Identity(chain, key) = authority.server("localhost");
            kept.set_certificate(chain, key).unwrap();
        }
        for addr in server.local_addrs() {
            let uri = format!("wss://localhost:{}/", addr.port());
            receive(connect(&uri).tls(client.clone())).await.unwrap_err();
            let Identity(chain, key) = authority.server("me");
            let known = client.clone().client_certificate(chain, key);
            assert_eq!(receive(connect(&uri).tls(known)).await.unwrap(), "1");
        }
    }
}

#[tokio::test]
async fn settings_that_come_too_late_fail_the_next_server() {
    let authority = Authority::new("ours");
    let kept = tls(authority.server("localhost"));
    let (_server, _) = start(kept.clone()).await;
    let listen = Listen::tcp("127.0.0.1:0").tls(kept.client_roots([authority.root()]));
    let error = serve(listen, count).await.unwrap_err();
    assert!(error.to_string().starts_with("a setting of TLS came after a server"), "{error}");
}

#[tokio::test]
async fn a_certificate_that_failed_fails_again() {
    let authority = Authority::new("ours");
    let Identity(chain, _) = authority.server("localhost");
    let Identity(_, key) = authority.server("localhost");
    let tls = ServerTls::new(chain, key);
    for _ in 0..2 {
        let listen = Listen::tcp("127.0.0.1:0").tls(tls.clone());
        let error = serve(listen, count).await.unwrap_err();
        assert!(error.to_string().contains("KeyMismatch"), "{error}");
    }
}

#[tokio::test]
async fn settings_of_rustls_are_taken_as_they_are_and_replaced() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let config = |Identity(chain, key)| {
        let builder = ServerConfig::builder_with_provider(provider());
        let builder = builder.with_protocol_versions(&[&version::TLS12]).unwrap();
        let mut config = builder.with_no_client_auth().with_single_cert(chain, key).unwrap();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Arc::new(config)
    };
    let tls = ServerTls::from(config(old.server("localhost")));
    let (server, _failures) = start(tls.clone()).await;
    let client = ClientTls::new().only_roots([old.root()]);
    let ws = in_time(to(&server, &client).into_future()).await.unwrap();
    let version = ws.with_stream(|stream| stream.tls().unwrap().protocol_version());
    assert_eq!(version.flatten(), Some(version::TLS12.version));

    let Identity(chain, key) = new.server("localhost");
    let error = tls.set_certificate(chain, key).unwrap_err();
    assert!(error.to_string().contains("use set_config"), "{error}");
    tls.set_config(config(new.server("localhost")));
    receive(to(&server, &ClientTls::new().only_roots([new.root()]))).await.unwrap();
}

#[tokio::test]
async fn a_client_that_stops_in_the_tls_handshake_holds_nobody_up() {
    let authority = Authority::new("ours");
    let limit = Duration::from_millis(500);
    let (server, mut failures) = start_within(tls(authority.server("localhost")), limit).await;
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(TcpStream::connect(server.local_addr()).await.unwrap());
    }
    // The begin of a client hello.
    silent[0].write_all(b"\x16\x03\x01\x02\x00\x01").await.unwrap();
    let client = ClientTls::new().only_roots([authority.root()]);
    assert_eq!(receive(to(&server, &client)).await.unwrap(), "0");
    for mut tcp in silent {
        let (kind, text) = in_time(failures.recv()).await.unwrap();
        assert_eq!(kind, FailureKind::Handshake);
        assert!(text.ends_with("timed out during opening handshake (after 0.5 s)"), "{text}");
        assert!(matches!(in_time(tcp.read(&mut [0])).await, Ok(0) | Err(_)));
    }
    in_time(server.shutdown()).await;
}

#[tokio::test]
async fn a_client_without_tls_is_told_by_an_alert() {
    let authority = Authority::new("ours");
    let (server, mut failures) = start(tls(authority.server("localhost"))).await;
    let uri = format!("ws://localhost:{}/", server.local_addr().port());
    let error = in_time(connect(uri).into_future()).await.unwrap_err();
    assert!(error.to_string().contains("the server wants wss://"), "{error}");
    let (kind, text) = in_time(failures.recv()).await.unwrap();
    assert_eq!(kind, FailureKind::Handshake);
    assert!(text.ends_with("; the peer speaks no TLS"), "{text}");
}
