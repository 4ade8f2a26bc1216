//! Uses `ws-hyper` and nothing else of ours: a server and a client of hyper, over HTTP/2 in memory.

use std::convert::Infallible;

use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use ws_hyper::ws_tokio::ClientSettings;
use ws_hyper::{
    Body, Connections, Error, ServerSettings, Upgrader, WebSocket, connect_over_http2,
    is_upgrade_request, upgrade,
};

async fn shout(mut ws: WebSocket) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        ws.send(message.into_text()?.to_uppercase()).await?;
    }
    Ok(())
}

fn answer(
    mut request: Request<Incoming>,
    upgrader: &Upgrader,
    connections: &Connections,
) -> Response<Body> {
    if !is_upgrade_request(&request) {
        return Response::new("a page".into());
    }
    match upgrade(&mut request, upgrader) {
        Ok((response, upgrade)) => {
            tokio::spawn(connections.run(upgrade, shout));
            response
        }
        Err(refusal) => refusal.response,
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (near, far) = tokio::io::duplex(4096);
    let connections = Connections::new();
    let upgrader = Upgrader::new(ServerSettings::new())?.connections(&connections);
    let of_server = connections.clone();
    let service = service_fn(move |request| {
        let response = answer(request, &upgrader, &of_server);
        async { Ok::<_, Infallible>(response) }
    });
    let serving = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .enable_connect_protocol()
        .serve_connection(TokioIo::new(far), service);
    tokio::spawn(serving);

    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(near)).await?;
    tokio::spawn(connection);
    let page = Request::get("http://localhost/").body(Empty::<Bytes>::new())?;
    println!("client: {}", sender.send_request(page).await?.status());

    let settings = ClientSettings::new();
    let opening =
        connect_over_http2("ws://localhost/chat", settings, |request| sender.send_request(request));
    let mut ws = opening.await?;
    println!("client: opened with {}", ws.response().map_or(0, |response| response.status_code));
    ws.send("hello").await?;
    println!("client: {:?}", ws.recv().await?);
    let (report, end) = tokio::join!(connections.shutdown(), ws.recv());
    println!("client: {:?} {:?}", end?, ws.close_code());
    println!("server: {} closed, {} cut", report.closed, report.cut);
    Ok(())
}
