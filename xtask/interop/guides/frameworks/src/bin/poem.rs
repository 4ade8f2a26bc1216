//! WebSockets beside the routes of poem.

use std::time::Duration;

use poem::listener::TcpAcceptor;
use poem::web::Data;
use poem::{EndpointExt, IntoResponse, Request, Route, Server, Upgraded, get, handler, http};
use tokio::net::TcpListener;
use websockets::{Connections, Error, ServerSettings, Upgrader, WebSocket};

#[handler]
async fn upgrade(
    request: &Request,
    Data(upgrader): Data<&Upgrader>,
    Data(connections): Data<&Connections<Upgraded>>,
) -> poem::Result<poem::Response> {
    let answer = match upgrader.negotiate(convert(request)?) {
        Ok(upgrade) => {
            let stream = request.take_upgrade()?;
            let answer = upgrade.response().clone();
            let upgrade = upgrade.peer_addr(request.remote_addr().as_socket_addr().copied());
            let opening = async {
                let stream = stream.await.map_err(std::io::Error::other)?;
                Ok(upgrade.into_web_socket(stream, b""))
            };
            tokio::spawn(connections.run(opening, echo));
            answer
        }
        Err(refusal) => refusal.response,
    };
    let answer =
        http::Response::<Vec<u8>>::try_from(&answer).map_err(poem::error::InternalServerError)?;
    let (head, body) = answer.into_parts();
    Ok((head.status, head.headers, body).into_response())
}

fn convert(request: &Request) -> poem::Result<websockets::Request> {
    let mut head = http::Request::new(());
    *head.method_mut() = request.method().clone();
    *head.uri_mut() = request.original_uri().clone();
    *head.version_mut() = request.version();
    *head.headers_mut() = request.headers().clone();
    websockets::Request::try_from(&head).map_err(poem::error::BadRequest)
}

async fn echo(mut ws: WebSocket<Upgraded>) -> Result<(), Error> {
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
    let connections = Connections::<Upgraded>::with_on_error(|failure| eprintln!("{failure}"));
    let upgrader = Upgrader::new(ServerSettings::new())?.connections(&connections);
    let app = Route::new()
        .at("/page", get(page))
        .at("/echo", upgrade)
        .data(upgrader)
        .data(connections.clone());

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {}", listener.local_addr()?);
    let server = Server::new_with_acceptor(TcpAcceptor::from_tokio(listener)?);
    let stop = async { _ = tokio::signal::ctrl_c().await };
    server.run_with_graceful_shutdown(app, stop, None).await?;
    let report = connections.shutdown().limit(Duration::from_secs(10)).await;
    println!("{} closed, {} cut", report.closed, report.cut);
    Ok(())
}
