//! Connections over HTTP/2, without TLS and by prior knowledge.

use std::future::IntoFuture;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{any, get};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tower_http::trace::TraceLayer;
use ws_axum::{Connections, WebSocket, WebSocketUpgrade};
use ws_hyper::connect_over_http2;
use ws_tokio::ClientSettings;
use ws_tokio::exceptions::InvalidStatus;

use super::common::{ask, echo, in_time};

async fn upgrade(State(connections): State<Connections>, ws: WebSocketUpgrade) -> Response {
    ws.connections(&connections).protocols(["chat"]).on_upgrade(|ws: WebSocket| async move {
        assert_eq!(ws.request().unwrap().path(), "/api/any");
        echo(ws).await
    })
}

#[tokio::test]
async fn rfc8441_5_a_route_for_any_method_serves_http2() {
    let connections = Connections::new();
    let api = Router::new()
        .route("/any", any(upgrade))
        .route("/get", get(upgrade))
        .layer(TraceLayer::new_for_http())
        .with_state(connections.clone());
    let app = Router::new().nest("/api", api).route("/", get("a page"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = axum::serve(listener, app).with_graceful_shutdown(async {
        _ = stopped.await;
    });
    let serving = tokio::spawn(serving.into_future());
    let io = TokioIo::new(TcpStream::connect(addr).await.unwrap());
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    // With the response, the settings have arrived.
    let page = hyper::Request::get(format!("http://{addr}/")).body(Empty::<Bytes>::new()).unwrap();
    assert_eq!(in_time(sender.send_request(page)).await.unwrap().status(), 200);

    let settings = ClientSettings::new().subprotocols(["chat"]);
    let uri = format!("ws://{addr}/api/any");
    let opened = connect_over_http2(uri, settings.clone(), |request| sender.send_request(request));
    let mut ws = in_time(opened).await.unwrap();
    assert_eq!(ws.subprotocol().unwrap().as_str(), "chat");
    assert_eq!(ask(&mut ws, "hello").await, "hello");

    // axum's own refusal.
    let uri = format!("ws://{addr}/api/get");
    let refused = connect_over_http2(uri, settings, |request| sender.send_request(request));
    let error = in_time(refused).await.unwrap_err();
    assert_eq!(error.get::<InvalidStatus>().unwrap().response.status_code, 405);

    // Both ends at once: axum waits for the streams of HTTP/2.
    drop((stop, sender));
    let shutdown = in_time(connections.shutdown());
    let (report, end, served) = tokio::join!(shutdown, in_time(ws.recv()), in_time(serving));
    assert_eq!((report.closed, report.cut), (1, 0));
    assert_eq!(end.unwrap(), None);
    served.unwrap().unwrap();
}
