//! Helper program of the interop tests: our connections in other people's servers.
//!
//! usage: `interop_stacks hyper|axum|hyper-http2|axum-http2 [ADDR] [--tls]`
//!
//! Echoes, without a limit on messages, over HTTP/1.1 and HTTP/2; other requests get an empty page. With `--tls` it
//! makes a certificate, which nobody trusts, and offers `h2` and `http/1.1`. On `/version` the first message is the
//! version of HTTP. It prints `listening on ` and the URL. SIGINT or SIGTERM closes all connections. With `-http2` the
//! URL is that of a [`bridge`] for clients of HTTP/1.1.

mod bridge;

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::any;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::TlsAcceptor;
use tokio_util::either::Either;
use websockets::axum::WebSocketUpgrade;
use websockets::hyper::{Connections, WebSocket, is_upgrade_request, upgrade};
use websockets::rustls::ServerConfig;
use websockets::rustls::pki_types::PrivatePkcs8KeyDer;
use websockets::{Error, ServerSettings, Upgrader};

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let (mut stack, mut addr, mut tls) = (None, "127.0.0.1:0".to_owned(), None);
    for arg in std::env::args().skip(1) {
        match arg.as_str() {
            "--tls" => tls = Some(acceptor()?),
            "hyper" | "axum" | "hyper-http2" | "axum-http2" => stack = Some(arg),
            _ => addr = arg,
        }
    }
    let stack =
        stack.ok_or("usage: interop_stacks hyper|axum|hyper-http2|axum-http2 [ADDR] [--tls]")?;
    let (stack, bridged) = match stack.strip_suffix("-http2") {
        Some(stack) => (stack, true),
        None => (&*stack, false),
    };
    let settings = ServerSettings::new().max_message_size(None).max_fragments(None);
    let connections = Connections::with_on_error(|failure| eprintln!("{failure}"));
    let app = match stack {
        "hyper" => {
            let upgrader = Upgrader::new(settings)?.connections(&connections);
            axum::Router::new().fallback(by_hyper).with_state((upgrader, connections.clone()))
        }
        _ => {
            let state = (settings, connections.clone());
            axum::Router::new().fallback(any(by_axum)).with_state(state)
        }
    };
    let mut listener = TcpListener::bind(&addr).await?;
    let scheme = if tls.is_some() { "wss" } else { "ws" };
    println!("listening on {scheme}://{}", listener.local_addr()?);
    if bridged {
        let behind = TcpListener::bind("127.0.0.1:0").await?;
        let server = behind.local_addr()?;
        let front = std::mem::replace(&mut listener, behind);
        tokio::spawn(async move { bridge::run(front, server).await.expect("the bridge stands") });
    }
    let serving = async {
        loop {
            let (tcp, _) = listener.accept().await?;
            tcp.set_nodelay(true)?;
            let (app, tls) = (TowerToHyperService::new(app.clone()), tls.clone());
            tokio::spawn(async move {
                let stream = match tls {
                    Some(tls) => Either::Left(tls.accept(tcp).await?),
                    None => Either::Right(tcp),
                };
                let mut builder = Builder::new(TokioExecutor::new());
                builder.http2().enable_connect_protocol();
                builder.serve_connection_with_upgrades(TokioIo::new(stream), app).await
            });
        }
    };
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let result: Result<Infallible, std::io::Error> = tokio::select! {
        result = serving => result,
        _ = interrupt.recv() => return end(connections).await,
        _ = terminate.recv() => return end(connections).await,
    };
    match result? {}
}

async fn end(connections: Connections) -> Result<(), Failure> {
    let report = connections.shutdown().await;
    println!("{} closed, {} cut, {} failed", report.closed, report.cut, report.failed);
    Ok(())
}

/// TLS with a new certificate.
fn acceptor() -> Result<TlsAcceptor, Failure> {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let provider = Arc::new(websockets::rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key.into())?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn by_hyper(
    State((upgrader, connections)): State<(Upgrader, Connections)>,
    mut request: Request,
) -> Response {
    if !is_upgrade_request(&request) {
        return Html("").into_response();
    }
    match upgrade(&mut request, &upgrader) {
        Ok((response, upgrade)) => {
            tokio::spawn(connections.run(upgrade, echo));
            response.map(Body::new)
        }
        Err(refusal) => refusal.response.map(Body::new),
    }
}

async fn by_axum(
    State((settings, connections)): State<(ServerSettings, Connections)>,
    ws: Option<WebSocketUpgrade>,
) -> Response {
    match ws {
        Some(ws) => ws.settings(settings).connections(&connections).on_upgrade(echo),
        None => Html("").into_response(),
    }
}

async fn echo(mut ws: WebSocket) -> Result<(), Error> {
    if let Some(request) = ws.request().filter(|request| request.path() == "/version") {
        ws.send(request.version().as_str()).await?;
    }
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}
