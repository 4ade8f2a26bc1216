//! A server of hyper, and what is done with connections to it.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use ws_hyper::{Body, Connections, WebSocket, is_upgrade_request, upgrade};
use ws_tokio::{Error, ServerSettings, Upgrader};

/// Fails instead of waiting without end.
pub(crate) async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("this waits without end")
}

pub(crate) async fn echo(mut ws: WebSocket) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

/// The answer of a server whose connections echo; to other requests, a page.
fn answer(
    mut request: Request<Incoming>,
    addr: SocketAddr,
    upgrader: &Upgrader,
    connections: &Connections,
) -> Response<Body> {
    if request.uri().path() == "/page" && !is_upgrade_request(&request) {
        return Response::new("a page".into());
    }
    match upgrade(&mut request, upgrader) {
        Ok((response, upgrade)) => {
            let upgrade = upgrade.peer_addr(addr).data("Anna");
            tokio::spawn(connections.run(upgrade, echo));
            response
        }
        Err(refusal) => refusal.response,
    }
}

/// Serves HTTP/1.1 and HTTP/2 at this address, for as long as the test runs.
pub(crate) async fn serve(settings: ServerSettings, connections: &Connections) -> SocketAddr {
    let connections = connections.clone();
    let upgrader = Upgrader::new(settings).unwrap().connections(&connections);
    let answer = move |request, addr| answer(request, addr, &upgrader, &connections);
    serve_with(answer, true).await
}

/// Serves with these answers; with or without upgrades.
pub(crate) async fn serve_with<A>(answer: A, upgrades: bool) -> SocketAddr
where
    A: Fn(Request<Incoming>, SocketAddr) -> Response<Body> + Send + Sync + 'static,
{
    let answer = Arc::new(answer);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http2().enable_connect_protocol();
        loop {
            let (tcp, addr) = listener.accept().await.unwrap();
            let answer = Arc::clone(&answer);
            let service = service_fn(move |request| {
                let response = answer(request, addr);
                async move { Ok::<_, Infallible>(response) }
            });
            let builder = builder.clone();
            // Whoever is gone is gone.
            tokio::spawn(async move {
                match upgrades {
                    true => {
                        let serving =
                            builder.serve_connection_with_upgrades(TokioIo::new(tcp), service);
                        _ = serving.await;
                    }
                    false => {
                        let http1 = hyper::server::conn::http1::Builder::new();
                        _ = http1.serve_connection(TokioIo::new(tcp), service).await;
                    }
                }
            });
        }
    });
    addr
}

/// Sends and receives messages, and closes.
pub(crate) async fn talk<S>(mut ws: ws_tokio::WebSocket<S>) -> ws_tokio::WebSocket<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let long = "a".repeat(300_000);
    for text in ["hello", &long] {
        ws.send(text).await.unwrap();
        assert_eq!(in_time(ws.recv()).await.unwrap(), Some(text.into()));
    }
    in_time(ws.close(4000, "done")).await.unwrap();
    assert_eq!(ws.close_code(), Some(4000.into()));
    ws
}
