//! WebSockets beside the routes of warp.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::upgrade::OnUpgrade;
use tokio::net::TcpListener;
use warp::http::{HeaderMap, Method, Request, Response};
use warp::path::FullPath;
use warp::{Filter, Rejection};
use websockets::bytes::Bytes;
use websockets::hyper::{Connections, WebSocket, upgrade};
use websockets::{Error, ServerSettings, Upgrader};

/// The head of a request, with the stream behind it.
fn head() -> impl Filter<Extract = (Request<()>,), Error = Rejection> + Clone {
    let query = warp::query::raw().or_else(async |_| Ok::<_, Rejection>((String::new(),)));
    warp::method()
        .and(warp::path::full())
        .and(query)
        .and(warp::header::headers_cloned())
        .and(warp::ext::optional())
        .and_then(convert)
}

async fn convert(
    method: Method,
    path: FullPath,
    query: String,
    headers: HeaderMap,
    stream: Option<OnUpgrade>,
) -> Result<Request<()>, Rejection> {
    let target = format!("{}?{query}", path.as_str());
    let request = Request::builder().method(method).uri(target.trim_end_matches('?'));
    let mut request = request.body(()).map_err(|_| warp::reject())?;
    *request.headers_mut() = headers;
    if let Some(stream) = stream {
        request.extensions_mut().insert(stream);
    }
    Ok(request)
}

async fn answer(
    mut request: Request<()>,
    addr: Option<SocketAddr>,
    upgrader: Upgrader,
    connections: Connections,
) -> Result<Response<Bytes>, Infallible> {
    let answer = match upgrade(&mut request, &upgrader) {
        Ok((answer, upgrade)) => {
            tokio::spawn(connections.run(upgrade.peer_addr(addr), echo));
            answer
        }
        Err(refusal) => refusal.response,
    };
    let (head, body) = answer.into_parts();
    Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
}

async fn echo(mut ws: WebSocket) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let connections = Connections::with_on_error(|failure| eprintln!("{failure}"));
    let upgrader = Upgrader::new(ServerSettings::new())?.connections(&connections);
    let routes = {
        let connections = connections.clone();
        let echo = head().and(warp::addr::remote()).and_then(move |request, addr| {
            answer(request, addr, upgrader.clone(), connections.clone())
        });
        warp::path!("page").map(|| "a page").or(warp::path!("echo").and(echo))
    };

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {}", listener.local_addr()?);
    let stop = async { _ = tokio::signal::ctrl_c().await };
    warp::serve(routes).incoming(listener).graceful(stop).run().await;
    let report = connections.shutdown().limit(Duration::from_secs(10)).await;
    println!("{} closed, {} cut", report.closed, report.cut);
    Ok(())
}
