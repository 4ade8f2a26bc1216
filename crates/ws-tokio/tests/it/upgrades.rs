//! Connections over streams that another HTTP server or client has upgraded: hyper's.

use std::convert::Infallible;
use std::future::{Future, IntoFuture};
use std::net::SocketAddr;
use std::time::Duration;

use http::{Response, StatusCode};
use http_body_util::{Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use ws_errors::{InvalidHeader, InvalidStatus};
use ws_tokio::{
    ClientSettings, ClientUpgrader, Error, OriginRule, Request, ServerSettings, Upgrader,
    WebSocket, connect,
};

/// Fails instead of waiting without end.
async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("this waits without end")
}

type Upgraded = TokioIo<hyper::upgrade::Upgraded>;

async fn echo(mut ws: WebSocket<Upgraded>) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

/// Answers a request of hyper: by a connection that echoes, or a refusal.
async fn answer(
    upgrader: Upgrader,
    mut request: http::Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let upgrade = upgrader.negotiate(Request::try_from(&request).unwrap());
    let response = match upgrade {
        Ok(upgrade) => {
            let response = upgrade.response().clone();
            let upgraded = hyper::upgrade::on(&mut request);
            tokio::spawn(async move {
                let ws = upgrade.into_web_socket(TokioIo::new(upgraded.await.unwrap()), b"");
                assert_eq!(ws.request().unwrap().path(), "/chat");
                _ = echo(ws).await;
            });
            response
        }
        Err(refusal) => refusal.response,
    };
    Ok(Response::<Vec<u8>>::try_from(&response).unwrap().map(Full::from))
}

/// A server of hyper.
async fn serve(settings: ServerSettings) -> (SocketAddr, JoinHandle<()>) {
    let upgrader = Upgrader::new(settings).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            let upgrader = upgrader.clone();
            let service = service_fn(move |request| answer(upgrader.clone(), request));
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(tcp), service)
                .with_upgrades();
            tokio::spawn(connection);
        }
    });
    (addr, serving)
}

/// Opens a connection by a client of hyper.
async fn open(addr: SocketAddr, settings: ClientSettings) -> Result<WebSocket<Upgraded>, Error> {
    let upgrader = ClientUpgrader::new(format!("ws://{addr}/chat"), settings)?;
    let tcp = TcpStream::connect(addr).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(tcp)).await.unwrap();
    tokio::spawn(connection.with_upgrades());
    let request = http::Request::try_from(upgrader.request()).unwrap();
    let response = sender.send_request(request.map(|()| Empty::<Bytes>::new())).await.unwrap();
    let upgrade = upgrader.receive_response(ws_tokio::Response::try_from(&response).unwrap())?;
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    let upgraded = hyper::upgrade::on(response).await.unwrap();
    Ok(upgrade.into_web_socket(TokioIo::new(upgraded), b""))
}

async fn talk<S>(mut ws: WebSocket<S>) -> WebSocket<S>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let long = "a".repeat(100_000);
    for text in ["hello", &long] {
        ws.send(text).await.unwrap();
        assert_eq!(in_time(ws.recv()).await.unwrap(), Some(text.into()));
    }
    in_time(ws.close(1000, "done")).await.unwrap();
    assert_eq!(ws.close_code(), Some(1000.into()));
    ws
}

#[tokio::test]
async fn hyper_and_this_library_talk_in_both_directions() {
    let (addr, serving) = serve(ServerSettings::new().subprotocols(["chat"])).await;
    let ours = connect(format!("ws://{addr}/chat")).subprotocols(["chat"]);
    let ours = in_time(ours.into_future()).await.unwrap();
    let theirs = in_time(open(addr, ClientSettings::new().subprotocols(["chat"]))).await.unwrap();
    for (subprotocol, extensions) in
        [(ours.subprotocol(), ours.extensions()), (theirs.subprotocol(), theirs.extensions())]
    {
        assert_eq!(subprotocol.unwrap().as_str(), "chat");
        assert_eq!(extensions.len(), usize::from(cfg!(feature = "deflate")));
    }
    assert_eq!(theirs.request().unwrap().path(), "/chat");
    assert_eq!(theirs.response().unwrap().status_code, 101);
    talk(ours).await;
    let theirs = talk(theirs).await;
    assert_eq!(theirs.stats().received.messages, 2);
    serving.abort();
}

#[tokio::test]
async fn a_refusal_has_its_status_and_text() {
    let settings = ServerSettings::new().origins([OriginRule::Absent]);
    let (addr, serving) = serve(settings).await;
    let settings = ClientSettings::new().origin(ws_tokio::Origin::from("https://example.com"));
    let error = in_time(open(addr, settings)).await.unwrap_err();
    assert_eq!(error.get::<InvalidStatus>().unwrap().response.status_code, 403);
    in_time(open(addr, ClientSettings::new())).await.unwrap();
    serving.abort();
}

#[test]
fn a_request_is_checked_as_if_it_were_read_here() {
    let upgrader = Upgrader::new(ServerSettings::new()).unwrap();
    let request = |host: Option<&str>| {
        let mut request = Request::new("GET", "/").unwrap();
        let headers = request.headers_mut();
        for (name, value) in [
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("Sec-WebSocket-Version", "13"),
        ] {
            headers.insert(name, value).unwrap();
        }
        if let Some(host) = host {
            headers.insert("Host", host).unwrap();
        }
        request
    };
    assert_eq!(upgrader.negotiate(request(Some("a"))).unwrap().response().status_code, 101);
    for host in [None, Some("a b")] {
        let refusal = upgrader.negotiate(request(host)).unwrap_err();
        assert_eq!(refusal.response.status_code, 400);
        assert!(refusal.to_string().contains("Host header"), "{refusal}");
    }
    let many = (0..130).map(|n| (format!("X-{n}"), "a".to_owned())).collect();
    for (lines, status) in [
        (vec![("X".to_owned(), "a".repeat(9000))], 431),
        (many, 431),
        ((0..20).map(|n| (format!("X-{n}"), "a".repeat(8000))).collect(), 431),
        (vec![("X".to_owned(), "a".repeat(8000))], 101),
    ] {
        let mut request = request(Some("a"));
        for (name, value) in &lines {
            request.headers_mut().insert(name.as_str(), value.as_str()).unwrap();
        }
        let judged = upgrader.negotiate(request).map(|upgrade| upgrade.response().status_code);
        let found = judged.unwrap_or_else(|refusal| refusal.response.status_code);
        assert_eq!(found, status, "{}", lines.len());
    }
    let error = Error::from(upgrader.negotiate(request(None)).unwrap_err().error);
    assert!(error.get::<InvalidHeader>().is_some(), "{error:?}");
    Upgrader::new(ServerSettings::new().server_header("a\nb")).unwrap_err();
}

#[tokio::test]
async fn frames_that_were_read_with_the_handshake_are_the_first_ones() {
    let (near, far) = tokio::io::duplex(4096);
    let upgrader = Upgrader::new(ServerSettings::new()).unwrap();
    let client = ClientUpgrader::new("ws://localhost/", ClientSettings::new()).unwrap();
    let upgrade = upgrader.negotiate(client.request().clone()).unwrap();
    let response = upgrade.response().clone();
    let frame = crate::common::frame(ws_types::Side::Client, crate::common::TEXT, "early");
    let mut server = upgrade.into_web_socket(far, &frame);
    assert_eq!(in_time(server.recv()).await.unwrap(), Some("early".into()));
    let frame = crate::common::frame(ws_types::Side::Server, crate::common::TEXT, "welcome");
    let mut client = client.receive_response(response).unwrap().into_web_socket(near, &frame);
    assert_eq!(in_time(client.recv()).await.unwrap(), Some("welcome".into()));
    let (closed, end) = tokio::join!(in_time(client.close(1000, "")), in_time(server.recv()));
    closed.unwrap();
    assert_eq!(end.unwrap(), None);
}

#[tokio::test]
async fn requests_of_the_crate_http_are_sent_with_their_headers() {
    let server = ws_tokio::serve("127.0.0.1:0", async |ws: WebSocket| {
        let request = http::Request::<()>::try_from(ws.request().unwrap()).unwrap();
        let token = request.headers()["authorization"].to_str().unwrap();
        let subprotocol = ws.subprotocol().unwrap();
        ws.send(format!("{} {token} {subprotocol}", request.uri())).await
    });
    let server = server.subprotocols(["chat"]).await.unwrap();
    let uri: http::Uri = format!("ws://{}/chat?room=1", server.local_addr()).parse().unwrap();
    let request = http::Request::get(uri.clone())
        .header("Authorization", "Bearer abc")
        .header("Host", uri.authority().unwrap().as_str())
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")
        .header("Sec-WebSocket-Protocol", "chat")
        .body(())
        .unwrap();

    let mut ws = in_time(connect(request.clone()).into_future()).await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some("/chat?room=1 Bearer abc chat".into()));
    // The other functions take it, too, and settings count more.
    let tcp = TcpStream::connect(uri.authority().unwrap().as_str()).await.unwrap();
    let opening = ws_tokio::client(tcp, request).header("Authorization", "Bearer xyz");
    let mut ws = in_time(opening.into_future()).await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some("/chat?room=1 Bearer xyz chat".into()));
    let upgrader = ClientUpgrader::new(&uri, ClientSettings::new()).unwrap();
    assert_eq!(upgrader.request().target(), "/chat?room=1");
    in_time(server.shutdown().into_future()).await;
}

#[tokio::test]
async fn a_request_of_the_crate_http_that_contradicts_the_handshake_is_refused() {
    let error = |request: http::Request<()>| async {
        let connecting = connect(request);
        assert_eq!(
            format!("{connecting:?}").split(',').next(),
            Some(r#"Connect { uri: "ws://localhost/?a=***""#)
        );
        in_time(connecting.into_future()).await.unwrap_err().to_string()
    };
    let get = || http::Request::get("ws://localhost/?a=secret");
    let post = http::Request::post("ws://localhost/?a=secret").body(()).unwrap();
    assert_eq!(error(post).await, "unsupported HTTP method: POST (expected GET)");
    let body = get().header("Content-Length", "3").body(()).unwrap();
    let expected = "invalid content-length header: only the opening handshake itself may set it";
    assert_eq!(error(body).await, expected);
    let relative = in_time(connect(http::Request::new(())).into_future()).await.unwrap_err();
    assert!(relative.get::<ws_errors::InvalidURI>().is_some(), "{relative}");
}

#[cfg(feature = "url")]
#[tokio::test]
async fn urls_of_the_crate_url_are_targets() {
    let url = url::Url::parse("ws://example.com:80/a b?c=é").unwrap();
    for upgrader in [
        ClientUpgrader::new(&url, ClientSettings::new()),
        ClientUpgrader::new(url.clone(), ClientSettings::new()),
    ] {
        assert_eq!(upgrader.unwrap().request().target(), "/a%20b?c=%C3%A9");
    }
}

#[test]
fn responses_name_no_server_unless_the_program_does() {
    let server = |settings| {
        let client = ClientUpgrader::new("http://localhost/", ClientSettings::new()).unwrap();
        let upgrade = Upgrader::new(settings).unwrap().negotiate(client.request().clone()).unwrap();
        upgrade.response().headers.get("Server").unwrap().map(str::to_owned)
    };
    assert_eq!(server(ServerSettings::new()), None);
    assert_eq!(server(ServerSettings::new().server_header("mine")).as_deref(), Some("mine"));
}

#[test]
fn http_clients_may_say_http_and_https() {
    for (uri, host) in
        [("http://localhost/a", "localhost"), ("https://localhost:80/a", "localhost:80")]
    {
        let upgrader = ClientUpgrader::new(uri, ClientSettings::new()).unwrap();
        let request = upgrader.request();
        assert_eq!((request.target(), request.host()), ("/a", Some(host)));
    }
    ClientUpgrader::new("httpx://localhost/", ClientSettings::new()).unwrap_err();
}
