//! The end of a server and of its connections.

use std::future::IntoFuture;
use std::sync::mpsc::channel;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::any;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use ws_axum::{Connections, WebSocketUpgrade};
use ws_tokio::FailureKind;
use ws_tokio::connect;
use ws_tokio::exceptions::InvalidStatus;

use super::common::{ask, echo, in_time, open, serve};

async fn upgrade(State(connections): State<Connections>, ws: WebSocketUpgrade) -> Response {
    ws.connections(&connections).on_upgrade(echo)
}

#[tokio::test]
async fn the_shutdown_of_axum_and_of_the_connections_close_all_and_report() {
    let connections = Connections::new();
    let app = Router::new().route("/", any(upgrade)).with_state(connections.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = axum::serve(listener, app).with_graceful_shutdown(async {
        _ = stopped.await;
    });
    let serving = tokio::spawn(serving.into_future());
    let mut ws = open(connect(format!("ws://{addr}/"))).await;
    assert_eq!(ask(&mut ws, "hello").await, "hello");

    // axum alone leaves it open.
    stop.send(()).unwrap();
    in_time(serving).await.unwrap().unwrap();
    assert_eq!(ask(&mut ws, "still here").await, "still here");

    let shutdown = connections.shutdown().close(1012, "restarting");
    let (report, end) = tokio::join!(in_time(shutdown), in_time(ws.recv()));
    assert_eq!((report.closed, report.cut, report.failed), (1, 0, 0));
    assert_eq!(end.unwrap_err().rcvd().unwrap().to_string(), "1012 (service restart) restarting");
}

#[tokio::test]
async fn connections_that_drain_refuse_requests() {
    let connections = Connections::new();
    let app = Router::new().route("/", any(upgrade)).with_state(connections.clone());
    let addr = serve(app).await;
    let mut ws = open(connect(format!("ws://{addr}/"))).await;
    connections.drain();
    let error = in_time(connect(format!("ws://{addr}/")).into_future()).await.unwrap_err();
    assert_eq!(error.get::<InvalidStatus>().unwrap().response.status_code, 503);
    assert_eq!(ask(&mut ws, "still here").await, "still here");
}

#[tokio::test]
async fn failures_are_reported_to_the_connections() {
    let (sender, reports) = channel();
    let connections = Connections::with_on_error(move |failure| {
        sender.send((failure.kind(), failure.peer_addr(), failure.to_string())).unwrap();
    });
    let fail = async |State(connections): State<Connections>, ws: WebSocketUpgrade| {
        ws.connections(&connections).on_upgrade(async |_| Err("no such room"))
    };
    let app = Router::new().route("/room", any(fail)).with_state(connections);
    let addr = serve(app).await;
    let mut ws = open(connect(format!("ws://{addr}/room?token=secret"))).await;
    _ = in_time(ws.recv()).await;
    let (kind, peer, line) = reports.recv().unwrap();
    assert_eq!((kind, peer), (FailureKind::Handler, ws.local_addr()));
    let expected = format!("{} GET /room: the handler failed: no such room", peer.unwrap());
    assert_eq!(line, expected);
}
