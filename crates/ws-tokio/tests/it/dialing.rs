//! Ways to a server: addresses, proxies, redirects. On real sockets.

use std::collections::HashMap;
use std::future::IntoFuture;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use ws_errors::{
    HandshakeTimeout, InvalidProxy, InvalidProxyMessage, InvalidProxyStatus, InvalidStatus,
    SecurityError, SecurityErrorKind,
};
use ws_tokio::{
    ClientSettings, Connect, Error, Headers, Proxy, Request, Resolve, Resolving, Response, Server,
    WebSocket, connect, serve,
};

use crate::common::answering;

/// Fails instead of waiting without end, on a clock that runs.
async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("this waits without end")
}

/// A server that echoes.
async fn echo() -> Server {
    let echo = |mut ws: WebSocket| async move {
        while let Some(message) = ws.recv().await? {
            ws.send(message).await?;
        }
        Ok::<_, Error>(())
    };
    serve("127.0.0.1:0", echo).await.unwrap()
}

/// Echoes one message.
async fn talk(connect: Connect) -> Result<WebSocket, Error> {
    let mut ws = in_time(connect.into_future()).await?;
    ws.send("hello").await?;
    assert_eq!(in_time(ws.recv()).await?, Some("hello".into()));
    Ok(ws)
}

/// An address where nobody answers: the kernel drops what comes. It needs the guards.
async fn dead() -> (SocketAddr, impl Sized) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let listener = socket.listen(1).unwrap();
    let addr = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    for _ in 0..8 {
        let connecting = TcpStream::connect(addr);
        waiting.push(tokio::time::timeout(Duration::from_millis(50), connecting).await);
    }
    (addr, (listener, waiting))
}

/// An address that refuses connections, and belongs to nobody else as long as the socket lives.
fn refusing() -> (SocketAddr, TcpSocket) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    (socket.local_addr().unwrap(), socket)
}

/// A table of hosts.
struct Hosts(HashMap<&'static str, Vec<SocketAddr>>);

impl Resolve for Hosts {
    fn resolve(&self, host: &str, _: u16) -> Resolving {
        let addrs = self.0.get(host).cloned();
        Box::pin(async move { addrs.ok_or_else(|| io::Error::other("no such host")) })
    }
}

fn host(addrs: impl IntoIterator<Item = SocketAddr>) -> Hosts {
    Hosts(HashMap::from([("host.test", addrs.into_iter().collect())]))
}

#[tokio::test]
async fn a_dead_address_does_not_hold_up_the_next_one() {
    let server = echo().await;
    let ((dead, _guard), (refusing, _socket)) = (dead().await, refusing());
    for addrs in [
        vec![dead, server.local_addr()],
        vec![refusing, server.local_addr()],
        vec![dead, refusing, server.local_addr()],
        vec![server.local_addr(), dead],
    ] {
        let connecting = connect("ws://host.test/").resolver(host(addrs)).proxy(Proxy::direct());
        let ws = talk(connecting).await.unwrap();
        assert_eq!(ws.peer_addr(), Some(server.local_addr()));
        assert_eq!(ws.request().unwrap().headers().get("Host"), Ok(Some("host.test")));
    }
}

#[tokio::test]
async fn an_error_names_all_addresses_that_were_tried() {
    let ((one, _socket), (two, _other)) = (refusing(), refusing());
    let connecting = || connect("ws://host.test/").proxy(Proxy::direct());
    let error = talk(connecting().resolver(host([one, two]))).await.unwrap_err();
    let refused = "Connection refused (os error 111)";
    assert_eq!(
        error.to_string(),
        format!("cannot connect to ws://host.test/: {one}: {refused}, {two}: {refused}")
    );
    assert!(error.is_retryable());

    let (dead, _guard) = dead().await;
    let limited = connecting().open_timeout(Duration::from_millis(600));
    let error = talk(limited.resolver(host([one, dead]))).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "cannot connect to ws://host.test/: timed out during opening handshake (after 0.6 s) \
             while connecting to {dead}; before that: {one}: {refused}"
        )
    );
    let limited = connecting().connect_timeout(Duration::from_millis(100));
    let error = talk(limited.resolver(host([dead]))).await.unwrap_err();
    assert!(error.is_timeout() && error.get::<HandshakeTimeout>().is_none(), "{error:?}");

    let error = talk(connecting().resolver(Hosts(HashMap::new()))).await.unwrap_err();
    let Error::Connect(e) = &error else { panic!("{error:?}") };
    assert!(matches!(e.cause(), Error::Resolve(_)) && error.is_retryable());
    assert_eq!(
        error.to_string(),
        "cannot connect to ws://host.test/: cannot resolve the host: no such host"
    );
    let error = talk(connecting().resolver(host([]))).await.unwrap_err();
    assert!(error.to_string().ends_with("it has no address"), "{error}");
}

#[tokio::test]
async fn options_of_tcp_reach_the_socket() {
    let server = echo().await;
    let settings = ClientSettings::new()
        .connect_to(server.local_addr().to_string())
        .proxy(Proxy::direct())
        .nodelay(false)
        .tcp_keepalive(Duration::from_secs(30))
        .send_buffer_size(50_000)
        .recv_buffer_size(60_000)
        .local_addr([127, 0, 0, 9]);
    let ws = talk(connect("ws://host.test:81/").settings(settings)).await.unwrap();
    assert_eq!(ws.local_addr().unwrap().ip(), std::net::IpAddr::from([127, 0, 0, 9]));
    assert_eq!(ws.request().unwrap().headers().get("Host"), Ok(Some("host.test:81")));
    ws.with_stream(|stream| {
        let ws_tokio::Transport::Tcp(tcp) = stream else { panic!("{stream:?}") };
        assert!(!tcp.nodelay().unwrap());
        let socket = socket2::SockRef::from(tcp);
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(30));
        // The kernel doubles what is asked for.
        assert!(socket.send_buffer_size().unwrap() <= 100_000);
        assert!(socket.recv_buffer_size().unwrap() <= 120_000);
    })
    .unwrap();
    let by_default = talk(connect(format!("ws://{}/", server.local_addr()))).await.unwrap();
    by_default.with_stream(|stream| {
        let ws_tokio::Transport::Tcp(tcp) = stream else { panic!("{stream:?}") };
        assert!(tcp.nodelay().unwrap());
    });
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_leads_to_a_server() {
    let path = std::env::temp_dir().join(format!("ws-tokio-{}.sock", std::process::id()));
    _ = std::fs::remove_file(&path);
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let serving = tokio::spawn(async move {
        let mut ws = ws_tokio::accept(listener.accept().await.unwrap().0).await.unwrap();
        let message = ws.recv().await.unwrap().unwrap();
        ws.send(message).await.unwrap();
    });
    let ws = talk(connect("ws://localhost/").unix_socket(&path)).await.unwrap();
    assert_eq!(ws.peer_addr(), None);
    in_time(serving).await.unwrap();
    std::fs::remove_file(&path).unwrap();
    let error = talk(connect("ws://localhost/").unix_socket(&path)).await.unwrap_err();
    let expected = format!("{}: No such file", path.display());
    assert!(error.to_string().contains(&expected) && error.is_retryable(), "{error}");
}

/// A proxy that answers each `CONNECT` with `answer`, and connects to `target` if that is a 2xx. Gives its
/// address, and the heads of the requests.
pub(crate) async fn http_proxy(
    target: SocketAddr,
    answer: &'static str,
) -> (SocketAddr, Arc<Mutex<Vec<String>>>, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (addr, heads) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
    let seen = Arc::clone(&heads);
    let serving = tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(tunnel(client, target, answer, Arc::clone(&seen)));
        }
    });
    (addr, heads, serving)
}

async fn tunnel<S: AsyncRead + AsyncWrite + Unpin>(
    mut client: S,
    target: SocketAddr,
    answer: &str,
    heads: Arc<Mutex<Vec<String>>>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = client.read_u8().await else { return };
        head.push(byte);
    }
    heads.lock().unwrap().push(String::from_utf8(head).unwrap());
    _ = client.write_all(answer.as_bytes()).await;
    _ = client.flush().await;
    if answer.contains(" 200") || answer.contains(" 299") {
        let mut server = TcpStream::connect(target).await.unwrap();
        _ = copy_bidirectional(&mut client, &mut server).await;
    } else if !answer.is_empty() {
        _ = client.shutdown().await;
    } else {
        // It hangs.
        _ = client.read_to_end(&mut Vec::new()).await;
    }
}

#[tokio::test]
async fn a_tunnel_through_an_http_proxy_leads_to_the_server() {
    let server = echo().await;
    // A body that a 2xx announces doesn't exist.
    for answer in [
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.0 200 Connection established\r\nContent-Length: 1000\r\n\r\n",
        "HTTP/1.1 299 \r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ] {
        let (proxy, heads, _serving) = http_proxy(server.local_addr(), answer).await;
        let uri = format!("http://user:pass%20word@{proxy}");
        let ws = talk(connect("ws://host.test/path").proxy(uri).user_agent("test")).await.unwrap();
        assert_eq!(ws.peer_addr(), Some(proxy));
        assert_eq!(
            *heads.lock().unwrap(),
            ["CONNECT host.test:80 HTTP/1.1\r\nHost: host.test:80\r\nUser-Agent: test\r\n\
              Proxy-Authorization: Basic dXNlcjpwYXNzIHdvcmQ=\r\n\r\n"]
        );
        let request = ws.request().unwrap();
        assert_eq!(request.headers().get("Proxy-Authorization"), Ok(None), "not for the server");
    }
}

#[tokio::test]
async fn a_proxy_that_can_not_be_used_is_an_error_that_names_it() {
    let server = echo().await;
    type Is = fn(&Error) -> bool;
    let table: [(&str, Is, bool, &str); 6] = [
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 5\r\n\r\nhello",
            |e| e.get::<InvalidProxyStatus>().is_some_and(|e| e.response.status_code == 407),
            false,
            "proxy rejected connection: HTTP 407 (Proxy Authentication Required)",
        ),
        (
            "HTTP/1.1 503 \r\nRetry-After: 7\r\n\r\n",
            |e| e.retry_after() == Some(Duration::from_secs(7)),
            true,
            "proxy rejected connection: HTTP 503",
        ),
        (
            "SSH-2.0-x\r\n",
            |e| e.get::<InvalidProxyMessage>().is_some(),
            false,
            "did not receive a valid HTTP response from proxy (received \"SSH-2.0-x\", which looks like SSH)",
        ),
        (
            "HTTP/1.1 2",
            |e| e.get::<InvalidProxyMessage>().is_some(),
            true,
            "did not receive a valid HTTP response from proxy (unexpected end of stream)",
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\n\r\n",
            |e| e.get::<InvalidProxyStatus>().is_some(),
            false,
            "proxy rejected connection: HTTP 101 (Switching Protocols)",
        ),
        (
            "",
            |e| e.get::<HandshakeTimeout>().is_some() && e.is_timeout(),
            true,
            "timed out during opening handshake (after 0.5 s) while waiting for the proxy",
        ),
    ];
    for (answer, is, retryable, text) in table {
        let (proxy, _, _serving) = http_proxy(server.local_addr(), answer).await;
        let uri = format!("http://user:secret@{proxy}");
        let connecting = connect("ws://host.test/").proxy(uri);
        let error = talk(connecting.open_timeout(Duration::from_millis(500))).await.unwrap_err();
        assert!(is(&error), "{error:?}");
        assert_eq!(error.is_retryable(), retryable, "{error:?}");
        let at = format!("cannot connect to ws://host.test/ through http://{proxy} at {proxy}: ");
        assert_eq!(error.to_string(), at + text);
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
    let (nobody, _socket) = refusing();
    let error =
        talk(connect("ws://host.test/").proxy(format!("http://{nobody}"))).await.unwrap_err();
    assert!(error.to_string().contains("through http://127.0.0.1"), "{error}");
    let error = talk(connect("ws://host.test/").proxy("http://user:secret@proxy/path")).await;
    let error = error.unwrap_err();
    assert!(error.get::<InvalidProxy>().is_some() && !error.is_retryable(), "{error:?}");
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
}

#[tokio::test]
async fn the_environment_names_the_proxy_but_not_for_loopback() {
    // A process of its own, since the environment belongs to all threads.
    if let Ok(server) = std::env::var("SERVER") {
        let through = talk(connect("ws://host.test/")).await.unwrap();
        let direct = talk(connect(format!("ws://{server}/"))).await.unwrap();
        assert_eq!(direct.peer_addr(), Some(server.parse().unwrap()));
        assert_ne!(through.peer_addr(), direct.peer_addr());
        // The address that is connected to decides, not the host of the URI.
        let local = talk(connect("ws://host.test/").connect_to(&*server)).await.unwrap();
        assert_eq!(local.peer_addr(), direct.peer_addr());
        let error = talk(connect("ws://host.test/").proxy(Proxy::direct())).await.unwrap_err();
        assert!(error.is_retryable(), "{error:?}");
        return;
    }
    let server = echo().await;
    let (proxy, heads, _serving) = http_proxy(server.local_addr(), "HTTP/1.1 200 OK\r\n\r\n").await;
    let test = "dialing::the_environment_names_the_proxy_but_not_for_loopback";
    let mut child = tokio::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", test]).env("SERVER", server.local_addr().to_string());
    for name in ["ws_proxy", "socks_proxy", "https_proxy", "http_proxy", "no_proxy"] {
        child.env_remove(name).env_remove(name.to_uppercase());
    }
    child.env("all_proxy", format!("http://{proxy}"));
    let output = in_time(child.output()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
    assert_eq!(heads.lock().unwrap().len(), 1);
}

#[cfg(feature = "ring")]
#[tokio::test]
async fn a_proxy_over_tls_is_checked_on_its_own_terms() {
    use tokio_rustls::TlsAcceptor;
    use ws_tokio::ClientTls;
    use ws_tokio::rustls::{self, ServerConfig, pki_types::PrivatePkcs8KeyDer};

    let server = echo().await;
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let cert = key.cert.der().clone();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![cert.clone()],
            PrivatePkcs8KeyDer::from(key.signing_key.serialize_der()).into(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let target = server.local_addr();
    let _serving = tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(tls) = acceptor.accept(tcp).await else { return };
                tunnel(tls, target, "HTTP/1.1 200 OK\r\n\r\n", Arc::default()).await;
            });
        }
    });
    let connecting = || connect("ws://host.test/").proxy(format!("https://localhost:{port}"));
    let trusting = ClientTls::new().only_roots([cert]);
    talk(connecting().proxy_tls(trusting.clone())).await.unwrap();
    let error = talk(connecting().tls(trusting)).await.unwrap_err();
    let Error::Connect(e) = &error else { panic!("{error:?}") };
    assert!(matches!(e.cause(), Error::Tls(_)) && !error.is_retryable(), "{error:?}");
}

/// A SOCKS 5 proxy that wants this user, if any, and leads to `target`, whatever it is asked for. Gives its
/// address, and the hosts that it was asked for.
#[cfg(feature = "socks")]
async fn socks_proxy(
    target: SocketAddr,
    user: Option<&'static str>,
) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    async fn open(
        client: &mut TcpStream,
        user: Option<&str>,
        hosts: Arc<Mutex<Vec<String>>>,
    ) -> io::Result<()> {
        let mut bytes = vec![0; 2];
        client.read_exact(&mut bytes).await?;
        let mut methods = vec![0; bytes[1].into()];
        client.read_exact(&mut methods).await?;
        let method = if user.is_some() { 2 } else { 0 };
        if !methods.contains(&method) {
            client.write_all(&[5, 0xFF]).await?;
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        client.write_all(&[5, method]).await?;
        if let Some(user) = user {
            assert_eq!(client.read_u8().await?, 1);
            let mut parts = Vec::new();
            for _ in 0..2 {
                let mut part = vec![0; client.read_u8().await?.into()];
                client.read_exact(&mut part).await?;
                parts.push(String::from_utf8(part).unwrap());
            }
            let right = parts.join(":") == user;
            client.write_all(&[1, u8::from(!right)]).await?;
            if !right {
                return Err(io::ErrorKind::PermissionDenied.into());
            }
        }
        let mut request = [0; 4];
        client.read_exact(&mut request).await?;
        assert_eq!(request[..3], [5, 1, 0]);
        let len = match request[3] {
            1 => 4,
            3 => client.read_u8().await?.into(),
            _ => 16,
        };
        let mut host = vec![0; len];
        client.read_exact(&mut host).await?;
        let port = client.read_u16().await?;
        let host = match request[3] {
            3 => String::from_utf8(host).unwrap(),
            _ => host.iter().map(u8::to_string).collect::<Vec<_>>().join("."),
        };
        hosts.lock().unwrap().push(format!("{host}:{port}"));
        client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await
    }

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (addr, hosts) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
    let seen = Arc::clone(&hosts);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            if open(&mut client, user, Arc::clone(&seen)).await.is_ok() {
                let mut server = TcpStream::connect(target).await.unwrap();
                _ = copy_bidirectional(&mut client, &mut server).await;
            }
        }
    });
    (addr, hosts)
}

#[cfg(feature = "socks")]
#[tokio::test]
async fn a_tunnel_through_a_socks_proxy_leads_to_the_server() {
    let server = echo().await;
    for (scheme, user, credentials, asked) in [
        ("socks5h", None, "", "host.test:80"),
        ("socks5h", Some("me:secret"), "me:secret@", "host.test:80"),
        ("socks5", None, "", "127.0.0.1:80"),
    ] {
        let (proxy, hosts) = socks_proxy(server.local_addr(), user).await;
        let uri = format!("{scheme}://{credentials}{proxy}");
        let connecting = connect("ws://host.test/").proxy(uri);
        talk(connecting.resolver(host([([127, 0, 0, 1], 80).into()]))).await.unwrap();
        assert_eq!(*hosts.lock().unwrap(), [asked], "{scheme}");
    }
    let (proxy, _) = socks_proxy(server.local_addr(), Some("me:secret")).await;
    for credentials in ["", "me:wrong@"] {
        let uri = format!("socks5h://{credentials}{proxy}");
        let error = talk(connect("ws://host.test/").proxy(uri)).await.unwrap_err();
        let proxy_error = error.get::<ws_errors::ProxyError>();
        assert!(proxy_error.is_some() && !error.is_retryable(), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("failed to connect to SOCKS proxy: "), "{text}");
        assert!(!text.contains("wrong"), "{text}");
    }
}

#[cfg(feature = "socks")]
#[tokio::test]
async fn a_server_that_a_socks_proxy_can_not_reach_may_come_back() {
    for (code, retryable) in
        [(1, true), (2, false), (3, true), (4, true), (5, true), (6, true), (7, false), (8, false)]
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            // It reaches neither address.
            for _ in 0..if retryable { 2 } else { 1 } {
                let (mut client, _) = listener.accept().await.unwrap();
                client.read_exact(&mut [0; 3]).await.unwrap();
                client.write_all(&[5, 0]).await.unwrap();
                client.read_exact(&mut [0; 10]).await.unwrap();
                client.write_all(&[5, code, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
            }
        });
        let addrs = host([([127, 0, 0, 1], 80).into(), ([127, 0, 0, 2], 80).into()]);
        let connecting = connect("ws://host.test/").proxy(format!("socks5://{proxy}"));
        let error = talk(connecting.resolver(addrs)).await.unwrap_err();
        assert!(error.get::<ws_errors::ProxyError>().is_some(), "{code}: {error:?}");
        assert_eq!(error.is_retryable(), retryable, "{code}: {error:?}");
        assert!(error.to_string().contains(&format!("through socks5://{proxy}")), "{error}");
        in_time(serving).await.unwrap();
    }
}

/// A server that redirects, by the path of the request, and keeps the requests.
async fn redirecting(to: SocketAddr) -> (Server, Arc<Mutex<Vec<Request>>>) {
    let requests = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&requests);
    let handler = |mut ws: WebSocket| async move {
        while let Some(message) = ws.recv().await? {
            ws.send(message).await?;
        }
        Ok::<_, Error>(())
    };
    let server = serve("127.0.0.1:0", handler).process_request(answering(move |request| {
        seen.lock().unwrap().push(request.clone());
        let path = request.path();
        let (status, location) = match path {
            "/other" => (302, format!("http://user:new@{to}/end")),
            "/relative" => (307, "end?a=b".to_owned()),
            "/circle" => (301, "/circle".to_owned()),
            "/nowhere" => (302, "ftp://host.test/".to_owned()),
            "/missing" => {
                return Some(Response::new(302, "Found", Headers::new(), "no Location\n"));
            }
            _ => match path.strip_prefix("/count/").and_then(|count| count.parse::<u32>().ok()) {
                None | Some(0) => return None,
                Some(count) => (308, format!("/count/{}", count - 1)),
            },
        };
        let headers = Headers::try_from([("Location", &*location)]).unwrap();
        Some(Response::new(status, "", headers, ""))
    }));
    (server.await.unwrap(), requests)
}

#[tokio::test]
async fn redirects_are_followed_up_to_the_limit() {
    let (server, requests) = redirecting(([127, 0, 0, 1], 1).into()).await;
    let at = |path: &str| connect(format!("ws://me:secret@{}{path}", server.local_addr()));
    talk(at("/relative")).await.unwrap();
    let seen = std::mem::take(&mut *requests.lock().unwrap());
    assert_eq!(seen.iter().map(Request::target).collect::<Vec<_>>(), ["/relative", "/end?a=b"]);
    // The origin is the same.
    assert!(seen.iter().all(|request| request.headers().contains("Authorization")));

    talk(at("/count/10")).await.unwrap();
    talk(at("/count/3").max_redirects(3)).await.unwrap();
    for (connecting, max, requested) in [
        (at("/count/11"), 10, 11),
        (at("/circle"), 10, 11),
        (at("/count/4").max_redirects(3), 3, 4),
    ] {
        requests.lock().unwrap().clear();
        let error = talk(connecting).await.unwrap_err();
        let Some(SecurityError::Base(kind)) = error.get() else { panic!("{error:?}") };
        assert_eq!(*kind, SecurityErrorKind::TooManyRedirects { max });
        assert_eq!(requests.lock().unwrap().len(), requested);
    }
    for (connecting, text) in [
        (at("/relative").max_redirects(0), "HTTP 307"),
        (
            at("/relative")
                .redirect_if(|from, to| (from.path(), to.path()) != ("/relative", "/end")),
            "HTTP 307",
        ),
        (at("/missing"), "HTTP 302 (Found)"),
    ] {
        let error = talk(connecting).await.unwrap_err();
        assert!(error.get::<InvalidStatus>().is_some(), "{error:?}");
        assert!(error.to_string().contains(text), "{error}");
    }
    let error = talk(at("/nowhere")).await.unwrap_err();
    assert!(error.to_string().contains("scheme isn't ws or wss"), "{error}");
}

#[tokio::test]
async fn another_origin_sees_no_credentials_and_only_where_the_way_is_open() {
    let (other, requests) = redirecting(([127, 0, 0, 1], 1).into()).await;
    let (server, _) = redirecting(other.local_addr()).await;
    let uri = format!("ws://me:secret@{}/other", server.local_addr());
    let with_headers = |connecting: Connect| {
        connecting
            .header("Cookie", "secret")
            .header("X-Kept", "kept")
            .header("Proxy-Authorization", "secret")
    };
    let ws = talk(with_headers(connect(&uri))).await.unwrap();
    assert_eq!(ws.peer_addr(), Some(other.local_addr()));
    let request = requests.lock().unwrap().pop().unwrap();
    assert_eq!(request.headers().get("X-Kept"), Ok(Some("kept")));
    for name in ["Cookie", "Proxy-Authorization"] {
        assert_eq!(request.headers().get(name), Ok(None), "{name}");
    }
    // Those of the new URI, not ours.
    assert_eq!(request.headers().get("Authorization"), Ok(Some("Basic dXNlcjpuZXc=")));

    let fixed = connect(&uri).connect_to(server.local_addr().to_string());
    let error = talk(fixed).await.unwrap_err();
    let Some(SecurityError::Base(SecurityErrorKind::CrossOriginRedirect { uri })) = error.get()
    else {
        panic!("{error:?}");
    };
    assert_eq!(**uri, format!("ws://{}/end", other.local_addr()));
}

#[tokio::test]
async fn headers_in_one_line_are_checked_when_connecting() {
    let server = echo().await;
    let uri = format!("ws://{}/", server.local_addr());
    let ws = talk(
        connect(&uri).header("Authorization", "Bearer x").header("X-A", "1").header("X-A", "2"),
    )
    .await
    .unwrap();
    let headers = ws.request().unwrap().headers().clone();
    assert_eq!(headers.get("Authorization"), Ok(Some("Bearer x")));
    assert_eq!(headers.get_all("X-A").collect::<Vec<_>>(), ["1", "2"]);
    for (name, value, text) in [
        ("a b", "c", "invalid a b header: the name isn't a token"),
        ("X", "a\r\nb: c", r"invalid X header: a\r\nb: c"),
        (
            "Sec-WebSocket-Key",
            "x",
            "invalid Sec-WebSocket-Key header: only the opening handshake itself may set it",
        ),
    ] {
        let error = talk(connect(&uri).header(name, value)).await.unwrap_err();
        assert!(error.to_string().ends_with(text), "{error}");
    }
}
