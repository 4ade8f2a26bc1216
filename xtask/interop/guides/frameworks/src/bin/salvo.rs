//! WebSockets beside the routes of salvo.

use std::time::Duration;

use http_body_util::BodyExt;
use salvo::conn::tcp::TcpAcceptor;
use salvo::hyper::http;
use salvo::{Request, Response, Router, Server, handler};
use tokio::net::TcpListener;
use websockets::hyper::{Connections, WebSocket, upgrade};
use websockets::{Error, ServerSettings, Upgrader};

struct Echo {
    upgrader: Upgrader,
    connections: Connections,
}

#[handler]
impl Echo {
    async fn handle(&self, request: &mut Request, response: &mut Response) {
        let addr = request.remote_addr().clone().into_std();
        let answer = match upgrade(&mut head(request), &self.upgrader) {
            Ok((answer, upgrade)) => {
                tokio::spawn(self.connections.run(upgrade.peer_addr(addr), echo));
                answer
            }
            Err(refusal) => refusal.response,
        };
        let (head, body) = answer.into_parts();
        let Ok(body) = body.collect().await;
        response.status_code(head.status).body(body.to_bytes());
        *response.headers_mut() = head.headers;
    }
}

/// The head of a request, with the stream behind it.
fn head(request: &mut Request) -> http::Request<()> {
    let mut head = http::Request::new(());
    *head.method_mut() = request.method().clone();
    *head.uri_mut() = request.uri().clone();
    *head.version_mut() = request.version();
    *head.headers_mut() = request.headers().clone();
    *head.extensions_mut() = std::mem::take(request.extensions_mut());
    head
}

async fn echo(mut ws: WebSocket) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

#[handler]
async fn page() -> &'static str {
    "a page"
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let connections = Connections::with_on_error(|failure| eprintln!("{failure}"));
    let upgrader = Upgrader::new(ServerSettings::new())?.connections(&connections);
    let router = Router::new()
        .push(Router::with_path("page").get(page))
        .push(Router::with_path("echo").goal(Echo { upgrader, connections: connections.clone() }));

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {}", listener.local_addr()?);
    let mut server = Server::new(TcpAcceptor::try_from(listener)?);
    // Clients of HTTP/2 may open WebSockets, too.
    server.http2_mut().enable_connect_protocol();
    let handle = server.handle();
    let serving = tokio::spawn(server.serve(router));

    tokio::signal::ctrl_c().await?;
    handle.stop_graceful(None);
    let report = connections.shutdown().limit(Duration::from_secs(10)).await;
    println!("{} closed, {} cut", report.closed, report.cut);
    serving.await?;
    Ok(())
}
