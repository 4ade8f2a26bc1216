//! The layer for services of tower.

use std::convert::Infallible;
use std::future::IntoFuture;
use std::net::SocketAddr;

use http::{Extensions, Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::{Layer, ServiceExt, service_fn};
use ws_hyper::{Body, Connections, WebSocket, WebSocketLayer};
use ws_tokio::exceptions::InvalidStatus;
use ws_tokio::{Error, OriginRule, ServerSettings, Upgrader, connect};

use super::common::{echo, in_time, talk};

#[derive(Clone)]
struct User(&'static str);

/// Greets the user that a layer has found.
async fn greet(ws: WebSocket) -> Result<(), Error> {
    let User(name) = ws.data::<Extensions>().unwrap().get().unwrap();
    ws.send(format!("hello {name} at {}", ws.peer_addr().unwrap())).await?;
    echo(ws).await
}

async fn serve(connections: &Connections) -> SocketAddr {
    let settings = ServerSettings::new().origins([OriginRule::Absent]);
    let layer = WebSocketLayer::new(Upgrader::new(settings).unwrap(), connections, greet);
    let page = service_fn(|_: Request<Incoming>| async {
        Ok::<_, Infallible>(Response::new(Body::from("a page")))
    });
    let service = layer.layer(page);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (tcp, addr) = listener.accept().await.unwrap();
            let service = service.clone().map_request(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(User("Anna"));
                request.extensions_mut().insert(addr);
                request
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(tcp), TowerToHyperService::new(service))
                .with_upgrades();
            tokio::spawn(connection);
        }
    });
    addr
}

#[tokio::test]
async fn a_layer_answers_websockets_and_passes_other_requests_on() {
    let connections = Connections::new();
    let addr = serve(&connections).await;
    let mut tcp = TcpStream::connect(addr).await.unwrap();
    tcp.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut response = String::new();
    in_time(tcp.read_to_string(&mut response)).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 200 ") && response.ends_with("a page"), "{response}");

    let uri = format!("ws://{addr}/");
    let mut ws = in_time(connect(&uri).into_future()).await.unwrap();
    let greeting = format!("hello Anna at {}", ws.local_addr().unwrap());
    assert_eq!(in_time(ws.recv()).await.unwrap(), Some(greeting.into()));
    assert_eq!(connections.len(), 1);
    talk(ws).await;

    let evil = connect(&uri).origin(ws_tokio::Origin::from("https://evil.example"));
    let error = in_time(evil.into_future()).await.unwrap_err();
    assert_eq!(error.get::<InvalidStatus>().unwrap().response.status_code, 403);
    in_time(connections.shutdown()).await;
    let error = in_time(connect(&uri).into_future()).await.unwrap_err();
    assert_eq!(error.get::<InvalidStatus>().unwrap().response.status_code, 503);
}
