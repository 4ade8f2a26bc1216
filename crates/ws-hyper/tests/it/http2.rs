//! Connections over HTTP/2.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::mpsc::channel;
use std::time::Duration;

use http::{Method, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http2::SendRequest;
use hyper::ext::Protocol;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use ws_hyper::{Connections, WebSocket, connect_over_http2, upgrade};
use ws_tokio::exceptions::InvalidStatus;
use ws_tokio::{ClientSettings, OriginRule, ServerSettings, Upgrader};

use super::common::{echo, in_time, serve, serve_with, talk};

type Sender = SendRequest<Empty<Bytes>>;

async fn until(condition: impl Fn() -> bool) {
    in_time(async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

/// An HTTP/2 connection, whose settings have arrived.
async fn open(addr: SocketAddr) -> Sender {
    let tcp = TcpStream::connect(addr).await.unwrap();
    let io = TokioIo::new(tcp);
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let page = Request::get(format!("http://{addr}/page")).body(Empty::new()).unwrap();
    let page = in_time(sender.send_request(page)).await.unwrap();
    assert_eq!((page.status(), page.version()), (StatusCode::OK, Version::HTTP_2));
    sender
}

#[tokio::test]
async fn rfc8441_5_several_connections_share_one_of_http2() {
    let connections = Connections::new();
    let addr = serve(ServerSettings::new().subprotocols(["chat"]), &connections).await;
    let sender = open(addr).await;
    let connect = async |path: &str| {
        let mut sender = sender.clone();
        let settings = ClientSettings::new().subprotocols(["chat"]);
        let uri = format!("ws://{addr}/{path}");
        let ws = connect_over_http2(uri, settings, |request| sender.send_request(request));
        in_time(ws).await.unwrap()
    };
    let (one, mut other) = (connect("one").await, connect("other").await);
    for ws in [&one, &other] {
        assert_eq!(ws.subprotocol().unwrap().as_str(), "chat");
        assert_eq!(ws.compression().is_some(), cfg!(feature = "deflate"));
        assert_eq!(ws.response().unwrap().status_code, 200);
    }
    other.send("hello").await.unwrap();
    in_time(other.recv()).await.unwrap();
    let paths: Vec<_> =
        connections.list().iter().map(|it| it.request().unwrap().path().to_owned()).collect();
    assert!(paths.contains(&"/one".into()) && paths.contains(&"/other".into()), "{paths:?}");
    talk(one).await;
    until(|| connections.len() == 1).await;
    let (report, end) = tokio::join!(in_time(connections.shutdown()), in_time(other.recv()));
    assert_eq!(end.unwrap(), None);
    assert_eq!((report.closed, report.cut), (1, 0));
}

#[tokio::test]
async fn a_client_that_leaves_its_stream_open_holds_up_no_closing() {
    let connections = Connections::new();
    let addr = serve(ServerSettings::new().close_timeout(None), &connections).await;
    let mut sender = open(addr).await;
    let request = Request::connect(format!("http://{addr}/"))
        .extension(Protocol::from_static("websocket"))
        .header("Sec-WebSocket-Version", "13");
    let request = request.body(Empty::new()).unwrap();
    let response = in_time(sender.send_request(request)).await.unwrap();
    let mut stream = TokioIo::new(in_time(hyper::upgrade::on(response)).await.unwrap());
    until(|| connections.len() == 1).await;
    stream.write_all(b"\x88\x82\0\0\0\0\x03\xE8").await.unwrap();
    let mut received = Vec::new();
    // As a browser does, it sends nothing after this.
    in_time(stream.read_to_end(&mut received)).await.unwrap();
    assert_eq!(received, b"\x88\x02\x03\xE8");
    until(|| connections.is_empty()).await;
}

#[tokio::test]
async fn refusals_over_http2_have_their_status_and_text() {
    let settings = ServerSettings::new().origins([OriginRule::SameHost]);
    let addr = serve(settings, &Connections::new()).await;
    let mut sender = open(addr).await;
    let uri = format!("ws://{addr}/");
    let evil = ClientSettings::new().origin(ws_tokio::Origin::from("https://evil.example"));
    let refused = connect_over_http2(&uri, evil, |request| sender.send_request(request));
    let error = in_time(refused).await.unwrap_err();
    let response = &error.get::<InvalidStatus>().unwrap().response;
    assert_eq!(response.status_code, 403);
    let text =
        "Failed to open a WebSocket connection: invalid Origin header: https://evil.example.\n";
    assert_eq!(response.body, text.as_bytes());

    let same = ClientSettings::new().origin(ws_tokio::Origin::from(&*format!("http://{addr}")));
    let ws = connect_over_http2(&uri, same, |request| sender.send_request(request));
    talk(in_time(ws).await.unwrap()).await;

    for (method, status, text) in [
        (Method::GET, 400, "missing :protocol header"),
        (Method::POST, 400, "missing :protocol header"),
    ] {
        let request = Request::builder().method(&method).uri(format!("http://{addr}/chat"));
        let response = in_time(sender.send_request(request.body(Empty::new()).unwrap())).await;
        let response = response.unwrap();
        assert_eq!(response.status(), status, "{method}");
        let body = in_time(response.into_body().collect()).await.unwrap().to_bytes();
        assert!(String::from_utf8_lossy(&body).contains(text), "{method}: {body:?}");
    }
}

#[tokio::test]
async fn a_stream_of_http2_that_is_cut_leaves_the_others() {
    let connections = Connections::new();
    let addr = serve(ServerSettings::new(), &connections).await;
    let mut sender = open(addr).await;
    let uri = format!("ws://{addr}/");
    let settings = ClientSettings::new();
    let ws = connect_over_http2(&uri, settings.clone(), |request| sender.send_request(request));
    let mut cut = in_time(ws).await.unwrap();
    cut.send("hello").await.unwrap();
    in_time(cut.recv()).await.unwrap();
    drop(cut);
    until(|| connections.is_empty()).await;
    let ws = connect_over_http2(&uri, settings, |request| sender.send_request(request));
    talk(in_time(ws).await.unwrap()).await;
}

#[tokio::test]
async fn a_peer_that_does_not_read_its_stream_is_cut_and_the_others_go_on() {
    let (sender, reports) = channel();
    let connections = Connections::with_on_error(move |failure| {
        let closed = failure.closed().cloned();
        sender.send(closed.and_then(|closed| Some(closed.transport()?.kind()))).unwrap();
    });
    let settings = ServerSettings::new().write_timeout(Duration::from_millis(100));
    let upgrader = Upgrader::new(settings).unwrap();
    let of_server = connections.clone();
    let answer = move |mut request: Request<_>, _| {
        let floods = request.uri().path() == "/flood";
        match upgrade(&mut request, &upgrader) {
            Ok((response, upgrade)) => {
                let handler = async move |ws: WebSocket| {
                    if !floods {
                        return echo(ws).await;
                    }
                    loop {
                        ws.send(vec![0; 64 << 10]).await?;
                    }
                };
                tokio::spawn(of_server.run(upgrade, handler));
                response
            }
            Err(_) => Response::new("a page".into()),
        }
    };
    let addr = serve_with(answer, true).await;
    let mut sender = open(addr).await;
    // It reads nothing unless it is asked for a message.
    let settings = ClientSettings::new().max_backlog(0);
    #[cfg(feature = "deflate")]
    let settings = settings.compression(None);
    let uri = format!("ws://{addr}/flood");
    let ws = connect_over_http2(uri, settings, |request| sender.send_request(request));
    let mut flooded = in_time(ws).await.unwrap();
    let reported = tokio::task::spawn_blocking(move || reports.recv());
    assert_eq!(in_time(reported).await.unwrap(), Ok(Some(ErrorKind::TimedOut)));

    let uri = format!("ws://{addr}/");
    let settings = ClientSettings::new();
    let ws = connect_over_http2(uri, settings, |request| sender.send_request(request));
    talk(in_time(ws).await.unwrap()).await;
    while let Ok(Some(_)) = in_time(flooded.recv()).await {}
    assert_eq!(flooded.close_code(), Some(1006.into()));
}
