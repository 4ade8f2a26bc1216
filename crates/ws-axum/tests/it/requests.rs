//! Requests that are accepted, rejected and refused.

use std::future::IntoFuture;
use std::sync::mpsc::channel;

use axum::Router;
use axum::extract::{FromRequestParts, State};
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use ws_axum::{Connections, ServerSettings, WebSocketUpgrade};
use ws_tokio::exceptions::{HandshakeTimeout, InvalidOrigin, InvalidStatus, PayloadTooBig};
use ws_tokio::{Error, HandshakeLimits, Origin, OriginRule, connect};

use super::common::{ask, echo, in_time, open, raw, serve};

const OPENING: &str = "Upgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 13\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";

#[tokio::test]
async fn requests_that_open_no_connection_have_their_status_and_text() {
    async fn upgrade(ws: WebSocketUpgrade) -> Response {
        ws.on_upgrade(echo)
    }
    let app = Router::new().route("/get", get(upgrade)).route("/any", any(upgrade));
    let addr = serve(app).await;
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    for (lines, status, text) in [
        ("GET /any HTTP/1.1\nHost: a".to_owned(), 426, "You need a WebSocket client."),
        ("GET /get HTTP/1.1\nHost: a".to_owned(), 426, "You need a WebSocket client."),
        (format!("POST /any HTTP/1.1\nHost: a\n{OPENING}"), 405, "unsupported HTTP method: POST"),
        (
            format!("POST /get HTTP/1.1\nHost: a\nContent-Length: 0\nConnection: close\n{key}"),
            405,
            "",
        ),
        (
            format!("GET /get HTTP/1.1\nHost: a\n{}", OPENING.replace("13", "8")),
            400,
            "invalid Sec-WebSocket-Version header: 8",
        ),
        (
            format!("GET /get HTTP/1.1\nHost: a\n{}", OPENING.replace(key, "X: y")),
            400,
            "missing Sec-WebSocket-Key header",
        ),
        (format!("GET /get HTTP/1.1\nHost: a\nHost: b\n{OPENING}"), 400, "Host header"),
        (format!("GET /get HTTP/1.1\nHost: a\nContent-Length: 1\n{OPENING}\n\nx"), 400, "Length"),
    ] {
        let response = raw(addr, &lines).await;
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{lines}: {response}");
        assert!(response.contains(text), "{lines}: {response}");
    }
}

#[tokio::test]
async fn a_request_that_is_not_of_hyper_is_a_fault_of_the_server() {
    let mut request = Request::get("/chat").header("Host", "a");
    for line in OPENING.lines() {
        let (name, value) = line.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    let (mut parts, ()) = request.body(()).unwrap().into_parts();
    let rejection = WebSocketUpgrade::from_request_parts(&mut parts, &()).await.unwrap_err();
    assert!(rejection.to_string().contains("can't be upgraded"), "{rejection}");
    assert_eq!(rejection.into_response().status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn settings_hold_and_a_refused_origin_is_reported() {
    let (sender, failures) = channel();
    let upgrade = async move |State(settings): State<ServerSettings>, ws: WebSocketUpgrade| {
        ws.settings(settings)
            .max_message_size(10)
            .on_failed_upgrade(move |error: &Error| {
                sender.send(error.get::<InvalidOrigin>().is_some()).unwrap();
            })
            .on_upgrade(echo)
    };
    let mut limits = HandshakeLimits::default();
    limits.max_line = 10_000;
    let settings = ServerSettings::new().origins([OriginRule::SameHost]).handshake_limits(limits);
    let addr = serve(Router::new().route("/", get(upgrade)).with_state(settings)).await;
    let connect = || connect(format!("ws://{addr}/"));
    let evil = connect().origin(Origin::from("https://evil.example"));
    let error = in_time(evil.into_future()).await.unwrap_err();
    assert_eq!(error.get::<InvalidStatus>().unwrap().response.status_code, 403);
    assert_eq!(failures.try_iter().collect::<Vec<_>>(), [true]);
    let long = connect().header("Cookie", &"a".repeat(11_000));
    let error = in_time(long.into_future()).await.unwrap_err();
    assert_eq!(error.get::<InvalidStatus>().unwrap().response.status_code, 431);
    assert_eq!(failures.try_iter().collect::<Vec<_>>(), [false]);

    // A long header: above the limit of the defaults, and within that of the settings.
    let ws = connect().origin(Origin::from(&*format!("http://{addr}")));
    let mut ws = open(ws.header("Cookie", &"a".repeat(9000))).await;
    assert_eq!(ws.compression().is_some(), cfg!(feature = "deflate"));
    assert_eq!(ask(&mut ws, "0123456789").await, "0123456789");
    ws.send("0123456789a").await.unwrap();
    let closed = in_time(ws.recv()).await.unwrap_err();
    assert!(closed.get::<PayloadTooBig>().is_none() && closed.get::<HandshakeTimeout>().is_none());
    assert_eq!(closed.closed().unwrap().code(), 1009);
    assert!(failures.try_recv().is_err());
}

#[tokio::test]
async fn subprotocols_are_selected_among_those_that_are_requested() {
    async fn upgrade(ws: WebSocketUpgrade) -> Response {
        let requested: Vec<_> = ws.requested_protocols().iter().map(ToString::to_string).collect();
        let ws = ws.protocols(["no token", "graphql-ws", "chat"]);
        let selected = ws.selected_protocol().map(ToString::to_string);
        ws.on_upgrade(move |ws| async move {
            assert_eq!(ws.subprotocol().map(ToString::to_string), selected);
            ws.send(requested.join(" ")).await
        })
    }
    let addr = serve(Router::new().route("/", any(upgrade))).await;
    let connect = |names: &[&str]| connect(format!("ws://{addr}/")).subprotocols(names);
    let mut ws = open(connect(&["soap", "chat", "graphql-ws"])).await;
    assert_eq!(ws.subprotocol().unwrap().as_str(), "graphql-ws");
    assert_eq!(in_time(ws.recv()).await.unwrap(), Some("soap chat graphql-ws".into()));
    for names in [&[][..], &["soap"]] {
        let error = in_time(connect(names).into_future()).await.unwrap_err();
        assert_eq!(error.get::<InvalidStatus>().unwrap().response.status_code, 400);
    }
}

#[tokio::test]
async fn invalid_settings_are_answered_with_500_and_reported() {
    let (sender, failures) = channel();
    let upgrade = async move |ws: WebSocketUpgrade| {
        ws.settings(ServerSettings::new().server_header("a\nb"))
            .connections(&Connections::new())
            .on_failed_upgrade(move |error| sender.send(error.to_string()).unwrap())
            .on_upgrade(echo)
    };
    let addr = serve(Router::new().route("/", any(upgrade))).await;
    let response =
        raw(addr, &format!("GET / HTTP/1.1\nHost: a\nConnection: close\n{OPENING}")).await;
    assert!(response.starts_with("HTTP/1.1 500 "), "{response}");
    assert!(failures.recv().unwrap().contains("Server header"));
}
