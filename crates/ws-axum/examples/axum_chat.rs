//! A chat with a login: middleware finds the user by a cookie, then the extractor opens the connection.
//!
//! usage: axum_chat [ADDR]; then open http://127.0.0.1:8080/ in two browsers. The password is sesame.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Extension, Form, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{any, get, post};
use ws_axum::ws_tokio::{OriginRule, PreparedMessage};
use ws_axum::{Connections, ServerSettings, WebSocket, WebSocketUpgrade};

type App = State<(Connections, Arc<Mutex<HashMap<String, Arc<str>>>>)>;

async fn log_in(app: App, Form(form): Form<HashMap<String, String>>) -> Response {
    let (Some(name), Some("sesame")) = (form.get("name"), form.get("pass").map(|it| &**it)) else {
        return (StatusCode::FORBIDDEN, "The password is wrong.").into_response();
    };
    let mut token = [0; 16];
    getrandom::fill(&mut token).expect("the system has random bytes");
    let token = format!("{:032x}", u128::from_ne_bytes(token));
    let cookie = format!("session={token}; HttpOnly; SameSite=Strict");
    app.1.lock().unwrap().insert(token, name.as_str().into());
    ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response()
}

async fn authenticate(app: App, mut request: Request, next: Next) -> Response {
    let cookies = request.headers().get(header::COOKIE).and_then(|it| it.to_str().ok());
    let token = cookies.and_then(|it| it.split("; ").find_map(|it| it.strip_prefix("session=")));
    let user: Option<Arc<str>> = token.and_then(|token| app.1.lock().unwrap().get(token).cloned());
    let Some(user) = user else { return StatusCode::UNAUTHORIZED.into_response() };
    request.extensions_mut().insert(user);
    next.run(request).await
}

async fn chat(app: App, Extension(name): Extension<Arc<str>>, ws: WebSocketUpgrade) -> Response {
    let State((members, _)) = app;
    let settings = ServerSettings::new().origins([OriginRule::SameHost]);
    ws.settings(settings).connections(&members).on_upgrade(move |mut ws: WebSocket| async move {
        say(&members, format!("{name} has come"));
        while let Ok(Some(message)) = ws.recv().await {
            say(&members, format!("{name}: {}", message.into_text().unwrap_or_default()));
        }
        say(&members, format!("{name} has left"));
    })
}

/// Sends to all, and waits for none: who reads too slowly misses it.
fn say(members: &Connections, text: String) {
    let news = PreparedMessage::new(text);
    members.list().iter().for_each(|member| _ = member.try_send(&news));
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let State(app) = App::default();
    let router = axum::Router::new()
        .route("/chat", any(chat).layer(from_fn_with_state(app.clone(), authenticate)))
        .route("/login", post(log_in))
        .route("/", get(Html(include_str!("axum_chat.html"))))
        .with_state(app.clone());
    let addr = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let listener = tokio::net::TcpListener::bind(addr).await?;
    let stop = async move {
        _ = tokio::signal::ctrl_c().await;
        println!("{:?}", app.0.shutdown().close(1012, "restarting").await);
    };
    axum::serve(listener, router).with_graceful_shutdown(stop).await
}
