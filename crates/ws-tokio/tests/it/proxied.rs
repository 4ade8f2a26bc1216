//! Servers behind proxies: the PROXY protocol, and the headers that name the client.

use std::future::{Future, IntoFuture};
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use ws_errors::{HandshakeTimeout, InvalidStatus};
use ws_tokio::{
    Client, Error, Failure, FailureKind, ForwardedHeader, Handshake, Listen, Listener, Request,
    Serve, Server, ServerSettings, Transport, TrustedProxies, Upgrader, WebSocket, accept, client,
    serve,
};

use crate::common::{REQUEST, Raw, settle};

const PROXY: &str = "10.0.0.1:50000";
const STRANGER: &str = "192.0.2.99:50000";
const V1: &[u8] = b"PROXY TCP4 192.0.2.1 10.0.0.1 50412 443\r\n";
const V2: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x10\xc0\0\x02\x01\x0a\0\0\x01\xc4\xec\x01\xbb\x04\0\x01x";
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

/// Fails instead of waiting without end.
async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("this waits without end")
}

/// A network of streams in memory, in which connections have any address.
struct Network(UnboundedReceiver<(DuplexStream, Option<SocketAddr>)>);

impl Listener for Network {
    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Transport, Option<SocketAddr>)>> {
        let Poll::Ready(Some((stream, addr))) = self.0.poll_recv(cx) else { return Poll::Pending };
        Poll::Ready(Ok((Transport::Other(Box::new(stream)), addr)))
    }
}

struct World {
    network: UnboundedSender<(DuplexStream, Option<SocketAddr>)>,
    reports: UnboundedReceiver<Report>,
    _server: Server,
}

/// A failure, as far as these tests want to know.
#[derive(Debug)]
struct Report {
    kind: FailureKind,
    peer: Option<SocketAddr>,
    text: String,
    is_header: bool,
}

impl Report {
    fn new(failure: &Failure) -> Self {
        let error = failure.error().downcast_ref();
        Self {
            kind: failure.kind(),
            peer: failure.peer_addr(),
            text: failure.to_string(),
            is_header: matches!(error, Some(Error::ProxyHeader(_))),
        }
    }
}

fn ours() -> TrustedProxies {
    "10.0.0.0/8, fd00::/8, unix:".parse().unwrap()
}

/// Tells the client its address, as the hook and the handler know it; fails at the path `/fails`.
async fn tell(mut ws: WebSocket) -> Result<(), &'static str> {
    let Some(Seen(seen)) = ws.data() else { return Err("there was no hook") };
    assert_eq!(*seen, ws.peer_addr());
    if ws.request().is_some_and(|request| request.path() == "/fails") {
        return Err("on purpose");
    }
    let text = seen.map_or("nobody".to_owned(), |addr| addr.to_string());
    ws.send(text).await.map_err(|_| "cannot send")?;
    while let Ok(Some(_)) = ws.recv().await {}
    Ok(())
}

#[derive(Debug)]
struct Seen(Option<SocketAddr>);

type Handler =
    fn(WebSocket) -> std::pin::Pin<Box<dyn Future<Output = Result<(), &'static str>> + Send>>;

async fn world(
    listen: impl FnOnce(Listen) -> Listen,
    set: impl FnOnce(Serve<Handler>) -> Serve<Handler>,
) -> World {
    let (network, streams) = unbounded_channel();
    let (reports, reported) = unbounded_channel();
    let handler: Handler = |ws| Box::pin(tell(ws));
    let server = serve(listen(Listen::on(Network(streams))), handler)
        .process_request(async |handshake: Handshake| {
            let seen = Seen(handshake.peer_addr());
            Ok(handshake.data(seen))
        })
        .on_error(move |failure| _ = reports.send(Report::new(failure)));
    let server = set(server).await.unwrap();
    World { network, reports: reported, _server: server }
}

impl World {
    /// A connection to the server from this address, over a stream that holds so many bytes.
    fn connect(&self, from: &str, size: usize) -> DuplexStream {
        let (near, far) = duplex(size);
        let from = (!from.is_empty()).then(|| from.parse().unwrap());
        self.network.send((far, from)).unwrap();
        near
    }

    /// Begins with these bytes, then opens a WebSocket connection, perhaps with a header.
    async fn open(
        &self,
        from: &str,
        begin: &[u8],
        header: Option<(&str, &str)>,
    ) -> Result<Opened, Error> {
        let mut near = self.connect(from, 1);
        near.write_all(begin).await?;
        open(near, "ws://localhost/", header).await
    }

    /// The next report, but for those of clients that have left.
    async fn report(&mut self) -> Report {
        loop {
            let report = in_time(self.reports.recv()).await.unwrap();
            if report.kind != FailureKind::Cut {
                return report;
            }
        }
    }
}

/// A connection, and the address that the server sees.
#[derive(Debug)]
struct Opened {
    _ws: WebSocket<DuplexStream>,
    seen: String,
}

async fn open(
    near: DuplexStream,
    uri: &str,
    header: Option<(&str, &str)>,
) -> Result<Opened, Error> {
    let set = |client: Client<DuplexStream>| match header {
        Some((name, value)) => client.header(name, value),
        None => client,
    };
    let mut ws = in_time(set(client(near, uri)).into_future()).await?;
    let seen = in_time(ws.recv()).await?.expect("it tells the address").into_text().unwrap();
    Ok(Opened { _ws: ws, seen: seen.to_string() })
}

fn seen(opened: Result<Opened, Error>) -> String {
    opened.unwrap().seen
}

#[tokio::test]
async fn the_proxy_protocol_names_the_client_in_both_versions_byte_by_byte() {
    let world = world(|listen| listen.proxy_protocol(ours()), |server| server).await;
    let v6 = b"PROXY TCP6 2001:db8::1 fd00::1 50412 443\r\n";
    let mapped = b"PROXY TCP6 ::ffff:192.0.2.1 fd00::1 50412 443\r\n";
    for (from, header, expected) in [
        (PROXY, V1, "192.0.2.1:50412"),
        (PROXY, V2, "192.0.2.1:50412"),
        (PROXY, v6, "[2001:db8::1]:50412"),
        (PROXY, mapped, "192.0.2.1:50412"),
        ("[fd00::1]:50000", V2, "192.0.2.1:50412"),
        ("[::ffff:10.0.0.1]:50000", V1, "192.0.2.1:50412"),
        // A Unix socket.
        ("", V1, "192.0.2.1:50412"),
        ("", b"PROXY UNKNOWN\r\n", "nobody"),
        // The proxy speaks for itself, or doesn't know.
        (PROXY, LOCAL, PROXY),
        (PROXY, b"PROXY UNKNOWN\r\n", PROXY),
        // Nobody else is asked for it.
        (STRANGER, b"", STRANGER),
    ] {
        let opened = world.open(from, header, None).await;
        assert_eq!(seen(opened), expected, "{from} {}", header.escape_ascii());
    }
}

#[tokio::test]
async fn bytes_behind_a_header_are_those_of_the_client() {
    let world = world(|listen| listen.proxy_protocol(ours()), |server| server).await;
    for header in [V1, V2] {
        // All at once: a header, a request, and a ping.
        let mut near = world.connect(PROXY, 4096);
        near.write_all(&[header, REQUEST.as_bytes(), b"\x89\x80\0\0\0\0"].concat()).await.unwrap();
        let mut raw = Raw::client_with(near, "").await;
        let mut frames = [in_time(raw.next()).await.unwrap(), in_time(raw.next()).await.unwrap()];
        frames.sort();
        assert_eq!(frames, [(0x81, b"192.0.2.1:50412".to_vec()), (0x8a, Vec::new())]);
    }
}

#[tokio::test]
async fn a_stranger_is_not_believed() {
    let mut world = world(
        |listen| listen.proxy_protocol(ours()),
        |server| server.forwarded(ForwardedHeader::XForwardedFor, ours()),
    )
    .await;
    let named = Some(("X-Forwarded-For", "192.0.2.1"));
    assert_eq!(seen(world.open(STRANGER, b"", named).await), STRANGER);
    for header in [V1, V2] {
        let mut near = world.connect(STRANGER, 4096);
        near.write_all(&[header, REQUEST.as_bytes()].concat()).await.unwrap();
        let mut answer = Vec::new();
        in_time(near.read_to_end(&mut answer)).await.unwrap();
        assert!(!answer.starts_with(b"HTTP/1.1 101"), "{}", answer.escape_ascii());
        let report = world.report().await;
        assert_eq!((report.kind, report.is_header), (FailureKind::Handshake, false), "{report:?}");
        assert_eq!(report.peer, Some(STRANGER.parse().unwrap()));
        assert!(report.text.contains("PROXY"), "{report:?}");
    }
}

#[tokio::test]
async fn a_proxy_without_a_header_is_dropped_and_reported() {
    let mut world = world(|listen| listen.proxy_protocol(ours()), |server| server).await;
    for (bytes, expected) in [
        (REQUEST.as_bytes(), "there is none"),
        (b"GET /?token=secret HTTP/1.1\r\n\r\n", "there is none"),
        (b"PROXY TCP4 192.0.2.1 10.0.0.1 50412\r\n\r\n", "is malformed"),
        (b"PROXY TCP4 256.0.2.1 10.0.0.1 50412 443\r\n", "is malformed"),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\0", "is malformed"),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff", "it has 65551 bytes, at most 4096 are accepted"),
    ] {
        let mut near = world.connect(PROXY, 4096);
        near.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        in_time(near.read_to_end(&mut answer)).await.unwrap();
        assert_eq!(answer, b"", "{}", bytes.escape_ascii());
        let report = world.report().await;
        assert_eq!((report.kind, report.is_header), (FailureKind::Handshake, true), "{report:?}");
        assert_eq!(report.peer, Some(PROXY.parse().unwrap()));
        assert!(report.text.ends_with(expected), "{report:?}");
        assert!(!report.text.contains("secret"), "{report:?}");
    }
    // It looks whether somebody listens.
    drop(world.connect(PROXY, 4096));
    let report = world.report().await;
    assert!(report.text.ends_with("before the end of the PROXY header"), "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_proxy_holds_nobody_up_and_is_dropped_in_time() {
    let mut world = world(
        |listen| listen.proxy_protocol(ours()),
        |server| server.open_timeout(Duration::from_secs(3)),
    )
    .await;
    let begun = tokio::time::Instant::now();
    let mut silent = world.connect(PROXY, 4096);
    silent.write_all(&V1[..20]).await.unwrap();
    assert_eq!(seen(world.open(PROXY, V1, None).await), "192.0.2.1:50412");
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(silent.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(begun.elapsed(), Duration::from_secs(3));
    let report = world.report().await;
    assert_eq!((report.kind, report.peer), (FailureKind::Handshake, Some(PROXY.parse().unwrap())));
    assert!(report.text.contains(&HandshakeTimeout::new(Duration::from_secs(3)).to_string()));
}

#[tokio::test]
async fn a_header_of_the_request_names_the_client() {
    use ForwardedHeader::{Forwarded, XForwardedFor};
    let via_xff = world(|it| it, |server| server.forwarded(XForwardedFor, ours())).await;
    let via_forwarded = world(|it| it, |server| server.forwarded(Forwarded, ours())).await;
    for (from, name, value, expected) in [
        (PROXY, "X-Forwarded-For", "192.0.2.1", "192.0.2.1:0"),
        (PROXY, "X-Forwarded-For", "2001:db8::1", "[2001:db8::1]:0"),
        (PROXY, "x-forwarded-for", "127.0.0.1, 192.0.2.1, 10.0.0.2", "192.0.2.1:0"),
        (PROXY, "X-Forwarded-For", "127.0.0.1, unknown, 10.0.0.2", "10.0.0.2:0"),
        (PROXY, "X-Forwarded-For", "127.0.0.1, x", PROXY),
        (PROXY, "X-Other", "192.0.2.1", PROXY),
        ("", "X-Forwarded-For", "192.0.2.1", "192.0.2.1:0"),
        ("", "X-Forwarded-For", "-", "nobody"),
        (STRANGER, "X-Forwarded-For", "192.0.2.1", STRANGER),
        (PROXY, "Forwarded", "for=192.0.2.1", PROXY),
    ] {
        let opened = via_xff.open(from, b"", Some((name, value))).await;
        assert_eq!(seen(opened), expected, "{from} {name}: {value}");
    }
    for (from, name, value, expected) in [
        (PROXY, "Forwarded", "for=127.0.0.1, for=\"192.0.2.1:80\", for=10.0.0.2", "192.0.2.1:80"),
        (PROXY, "Forwarded", "for=\"[2001:db8::1]\";proto=https", "[2001:db8::1]:0"),
        (PROXY, "Forwarded", "for=_hidden", PROXY),
        (PROXY, "X-Forwarded-For", "192.0.2.1", PROXY),
        (STRANGER, "Forwarded", "for=192.0.2.1", STRANGER),
    ] {
        let opened = via_forwarded.open(from, b"", Some((name, value))).await;
        assert_eq!(seen(opened), expected, "{from} {name}: {value}");
    }
}

#[tokio::test]
async fn a_proxy_of_http_may_stand_behind_one_of_bytes() {
    let world = world(
        |listen| listen.proxy_protocol("10.0.0.1".parse().unwrap()),
        |server| server.forwarded(ForwardedHeader::XForwardedFor, "10.0.0.7".parse().unwrap()),
    )
    .await;
    let inner = b"PROXY TCP4 10.0.0.7 10.0.0.1 50412 443\r\n";
    let named = Some(("X-Forwarded-For", "192.0.2.1"));
    assert_eq!(seen(world.open(PROXY, inner, named).await), "192.0.2.1:0");
    // The client of the outer one isn't believed.
    assert_eq!(seen(world.open(PROXY, V1, named).await), "192.0.2.1:50412");
}

#[tokio::test]
async fn reports_name_the_client() {
    let mut world = world(
        |listen| listen.proxy_protocol(ours()),
        |server| server.forwarded(ForwardedHeader::XForwardedFor, ours()),
    )
    .await;
    let path = "ws://localhost/fails";
    let mut near = world.connect(PROXY, 4096);
    near.write_all(V1).await.unwrap();
    assert!(open(near, path, None).await.is_err());
    let report = world.report().await;
    assert_eq!(report.text, "192.0.2.1:50412 GET /fails: the handler failed: on purpose");
    let mut near = world.connect(PROXY, 4096);
    near.write_all(LOCAL).await.unwrap();
    assert!(open(near, path, Some(("X-Forwarded-For", "192.0.2.2"))).await.is_err());
    let report = world.report().await;
    assert_eq!(report.text, "192.0.2.2:0 GET /fails: the handler failed: on purpose");
    // Its request is no HTTP: the first one names the client, the second one doesn't.
    let mut near = world.connect(PROXY, 4096);
    near.write_all(&[V1, b"EHLO x\r\n"].concat()).await.unwrap();
    let report = world.report().await;
    assert_eq!(report.peer, Some("192.0.2.1:50412".parse().unwrap()), "{report:?}");
    let mut near = world.connect(PROXY, 4096);
    near.write_all(&[LOCAL, b"EHLO x\r\n"].concat()).await.unwrap();
    let report = world.report().await;
    assert_eq!(report.peer, Some(PROXY.parse().unwrap()), "{report:?}");
    assert!(!report.is_header && report.kind == FailureKind::Handshake);
}

#[tokio::test]
async fn the_limit_of_an_address_is_that_of_the_client() {
    let world = world(
        |listen| listen.proxy_protocol(ours()),
        |server| {
            server.forwarded(ForwardedHeader::XForwardedFor, ours()).max_connections_per_address(2)
        },
    )
    .await;
    // Two of the PROXY protocol; the third one is dropped, without an answer.
    let mut open = Vec::new();
    for _ in 0..2 {
        open.push(world.open(PROXY, V1, None).await.unwrap());
    }
    let mut third = world.connect(PROXY, 4096);
    third.write_all(&[V1, REQUEST.as_bytes()].concat()).await.unwrap();
    let mut answer = Vec::new();
    in_time(third.read_to_end(&mut answer)).await.unwrap();
    assert_eq!(answer, b"");
    // The same one is told so behind a proxy of HTTP.
    let forwarded = |addr| Some(("X-Forwarded-For", addr));
    let error = world.open(PROXY, LOCAL, forwarded("192.0.2.1")).await.unwrap_err();
    assert_eq!(error.get::<InvalidStatus>().unwrap().response.status_code, 429);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(5)));
    // Others aren't, nor is the proxy itself.
    for addr in ["192.0.2.2", "192.0.2.2", "192.0.2.3", "-", "-", "-"] {
        open.push(world.open(PROXY, LOCAL, forwarded(addr)).await.unwrap());
    }
    let error = world.open(PROXY, LOCAL, forwarded("192.0.2.2")).await.unwrap_err();
    assert_eq!(error.get::<InvalidStatus>().unwrap().response.status_code, 429);
    // When one of them has gone, there is room again.
    drop(open);
    in_time(async {
        while world.open(PROXY, V1, None).await.is_err() {
            settle().await;
        }
    })
    .await;
}

#[tokio::test]
async fn accept_and_upgrader_heed_the_header_of_the_request_too() {
    // Streams in memory have no address, like Unix sockets.
    let settings = ServerSettings::new().forwarded(ForwardedHeader::XForwardedFor, ours());
    let expected = Some("192.0.2.1:0".parse().unwrap());
    let (near, far) = duplex(4096);
    let client = client(near, "ws://localhost/").header("X-Forwarded-For", "192.0.2.1");
    let server = accept(far).settings(settings.clone());
    let (client, server) = tokio::join!(client.into_future(), server.into_future());
    client.unwrap();
    assert_eq!(server.unwrap().peer_addr(), expected);

    let upgrader = Upgrader::new(settings).unwrap();
    let mut request = Request::new("GET", "/").unwrap();
    for line in REQUEST.lines().skip(1).chain(["X-Forwarded-For: 192.0.2.1"]) {
        if let Some((name, value)) = line.split_once(": ") {
            request.headers_mut().insert(name, value).unwrap();
        }
    }
    let upgrade = upgrader.negotiate(request).unwrap();
    assert_eq!(upgrade.into_web_socket(duplex(1).0, b"").peer_addr(), expected);
}

#[cfg(feature = "ring")]
#[tokio::test]
async fn the_header_comes_before_tls() {
    use crate::certificates::{Authority, Identity};
    use ws_tokio::{ClientTls, ServerTls, connect};
    let authority = Authority::new("ours");
    let Identity(chain, key) = authority.server("localhost");
    let listen = Listen::tcp("127.0.0.1:0")
        .tls(ServerTls::new(chain, key))
        .proxy_protocol("127.0.0.1".parse().unwrap());
    let server = serve(listen, async |ws: WebSocket| {
        assert!(ws.with_stream(|stream| stream.tls().is_some()).unwrap());
        // The proxy's own address is the stream's.
        let proxy = ws.with_stream(|stream| stream.peer_addr().unwrap().ip()).unwrap();
        ws.send(format!("{} by {proxy}", ws.peer_addr().unwrap())).await
    })
    .await
    .unwrap();
    // A proxy of bytes, which writes the header.
    let proxy = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (through, addr) = (proxy.local_addr().unwrap(), server.local_addr());
    tokio::spawn(async move {
        for header in [V1, V2] {
            let (mut near, _) = proxy.accept().await.unwrap();
            let mut far = tokio::net::TcpStream::connect(addr).await.unwrap();
            far.write_all(header).await.unwrap();
            _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
        }
    });
    for _ in 0..2 {
        let tls = ClientTls::new().only_roots([authority.root()]);
        let connect = connect("wss://localhost/").connect_to(through.to_string()).tls(tls);
        let mut ws = in_time(connect.into_future()).await.unwrap();
        let text = in_time(ws.recv()).await.unwrap().unwrap();
        assert_eq!(text, "192.0.2.1:50412 by 127.0.0.1".into());
        assert_eq!(in_time(ws.recv()).await.unwrap(), None);
    }
}
