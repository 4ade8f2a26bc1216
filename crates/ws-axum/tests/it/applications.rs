//! The extractor in applications: with state, middleware and layers around, and other extractors beside it.

use std::future::IntoFuture;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Extension, FromRef, Path, Request, State};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Router, http};
use tower_http::cors::CorsLayer;
use tower_http::trace::TraceLayer;
use ws_axum::{Connections, WebSocket, WebSocketUpgrade, WebSocketUpgradeRejection};
use ws_tokio::connect;
use ws_tokio::exceptions::InvalidStatus;

use super::common::{ask, echo, in_time, open, serve};

#[derive(Clone)]
struct App {
    connections: Connections,
    greeting: Arc<str>,
}

impl FromRef<App> for Connections {
    fn from_ref(app: &App) -> Self {
        app.connections.clone()
    }
}

#[derive(Clone)]
struct User(String);

/// Lets in those with a token, as middleware of applications does.
async fn log_in(State(_): State<App>, mut request: Request, next: Next) -> Response {
    let token = request.headers().get("authorization").and_then(|it| it.to_str().ok());
    let Some(name) = token.and_then(|token| token.strip_prefix("Bearer ")) else {
        return (StatusCode::UNAUTHORIZED, "Log in first.\n").into_response();
    };
    let user = User(name.to_owned());
    request.extensions_mut().insert(user);
    next.run(request).await
}

async fn room(
    State(app): State<App>,
    State(connections): State<Connections>,
    Extension(User(name)): Extension<User>,
    Path(room): Path<u32>,
    ConnectInfo(addr): ConnectInfo<SocketAddr>,
    ws: WebSocketUpgrade,
) -> Response {
    let ws = ws.connections(&connections).data(User(name.clone()));
    ws.on_upgrade(move |mut ws: WebSocket| async move {
        assert_eq!(ws.peer_addr(), Some(addr));
        let path = ws.take_request().unwrap().path().to_owned();
        ws.send(format!("{} {name} in {room}, {path}", app.greeting)).await?;
        echo(ws).await
    })
}

#[tokio::test]
async fn it_works_with_state_middleware_layers_and_other_extractors() {
    let app = App { connections: Connections::new(), greeting: "hello".into() };
    let connections = app.connections.clone();
    let api = Router::new()
        .route("/room/{room}", get(room))
        .layer(from_fn_with_state(app.clone(), log_in))
        .layer(CorsLayer::permissive())
        .layer(TraceLayer::new_for_http());
    let addr = serve(Router::new().nest("/api", api).with_state(app)).await;
    let uri = format!("ws://{addr}/api/room/3");
    let refused = in_time(connect(&uri).into_future()).await.unwrap_err();
    let response = &refused.get::<InvalidStatus>().unwrap().response;
    assert_eq!((response.status_code, &*response.body), (401, &b"Log in first.\n"[..]));

    let mut ws = open(connect(&uri).header("Authorization", "Bearer Anna")).await;
    let greeting = in_time(ws.recv()).await.unwrap();
    assert_eq!(greeting, Some("hello Anna in 3, /api/room/3".into()));
    assert!(ws.response().unwrap().headers.contains("Access-Control-Allow-Origin"));
    assert_eq!(ask(&mut ws, "echo").await, "echo");
    let listed = connections.list();
    assert_eq!(listed[0].data::<User>().unwrap().0, "Anna");
    assert_eq!(listed[0].peer_addr(), ws.local_addr());
    listed[0].start_close(4000, "enough").unwrap();
    drop(listed);
    let closed = in_time(ws.recv()).await.unwrap_err();
    assert_eq!(closed.rcvd().unwrap().reason.as_ref(), "enough");
}

#[tokio::test]
async fn the_end_of_the_handler_closes_with_its_outcome() {
    async fn nothing(ws: WebSocketUpgrade) -> Response {
        ws.on_upgrade(|_| async {})
    }
    async fn success(ws: WebSocketUpgrade) -> Response {
        ws.on_upgrade(|ws| async move { ws.send("hello").await })
    }
    async fn failure(ws: WebSocketUpgrade) -> Response {
        ws.on_upgrade(async |_| Err("no such room"))
    }
    async fn panic(ws: WebSocketUpgrade) -> Response {
        ws.on_upgrade(async |_| -> () { panic!("at the disco") })
    }
    let app = Router::new()
        .route("/nothing", any(nothing))
        .route("/success", any(success))
        .route("/failure", any(failure))
        .route("/panic", any(panic));
    let addr = serve(app).await;
    for (path, code) in [("nothing", 1000), ("success", 1000), ("failure", 1011), ("panic", 1011)] {
        let mut ws = open(connect(format!("ws://{addr}/{path}"))).await;
        while let Ok(Some(_)) = in_time(ws.recv()).await {}
        assert_eq!(ws.close_code(), Some(code.into()), "{path}");
    }
}

#[tokio::test]
async fn a_route_answers_other_requests_with_a_page_and_layers_change_responses() {
    async fn page(ws: Option<WebSocketUpgrade>) -> Response {
        match ws {
            Some(ws) => ws.on_upgrade(echo),
            None => "a page".into_response(),
        }
    }
    async fn reasons(ws: Result<WebSocketUpgrade, WebSocketUpgradeRejection>) -> Response {
        match ws {
            Ok(ws) => ws.on_upgrade(echo),
            Err(rejection) => format!("a page: {rejection}").into_response(),
        }
    }
    let add = async |request: Request, next: Next| -> Response {
        let mut response = next.run(request).await;
        let cookie = HeaderValue::from_static("seen=1");
        response.headers_mut().insert(http::header::SET_COOKIE, cookie);
        response
    };
    let app = Router::new().route("/", get(page)).route("/reasons", get(reasons));
    let addr = serve(app.layer(from_fn(add))).await;
    let upgrade = "Connection: Upgrade\nUpgrade: websocket";
    for (lines, status, text) in [
        ("GET / HTTP/1.1\nHost: a\nConnection: close".to_owned(), 200, "\r\na page"),
        (
            "GET /reasons HTTP/1.1\nHost: a\nConnection: close".to_owned(),
            200,
            "a page: invalid Connection header: close",
        ),
        (format!("GET / HTTP/1.1\nHost: a\n{upgrade}"), 400, "missing Sec-WebSocket-Key header"),
    ] {
        let response = super::common::raw(addr, &lines).await;
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{response}");
        assert!(response.contains(text), "{response}");
    }
    let mut ws = open(connect(format!("ws://{addr}/"))).await;
    assert_eq!(ws.response().unwrap().headers.get("Set-Cookie"), Ok(Some("seen=1")));
    assert_eq!(ask(&mut ws, "echo").await, "echo");
}
