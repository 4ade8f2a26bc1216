//! WebSockets beside the routes of actix-web, which hands out no stream: the bytes of both sides pass through pipes.

use std::time::Duration;

use actix_web::error::ErrorBadRequest;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{App, HttpRequest, HttpResponse, HttpResponseBuilder, HttpServer, get, rt, web};
use futures_util::StreamExt;
use tokio::io::{AsyncWriteExt, DuplexStream, WriteHalf};
use tokio_util::io::ReaderStream;
use websockets::{Connections, Error, Request, Response, ServerSettings, Upgrader, WebSocket};

async fn upgrade(
    request: HttpRequest,
    payload: Payload,
    upgrader: Data<Upgrader>,
    connections: Data<Connections<DuplexStream>>,
) -> actix_web::Result<HttpResponse> {
    let head = convert(&request).map_err(ErrorBadRequest)?;
    let upgrade = match upgrader.negotiate(head) {
        Ok(upgrade) => upgrade.peer_addr(request.peer_addr()),
        Err(refusal) => return Ok(answer(&refusal.response).body(refusal.response.body)),
    };
    let mut answer = answer(upgrade.response());
    let (near, far) = tokio::io::duplex(64 << 10);
    let (sent, received) = tokio::io::split(far);
    rt::spawn(copy(payload, received));
    let opening = async { Ok(upgrade.into_web_socket(near, b"")) };
    rt::spawn(connections.run(opening, echo));
    Ok(answer.upgrade("websocket").streaming(ReaderStream::new(sent)))
}

/// The head of a request.
fn convert(request: &HttpRequest) -> Result<Request, Error> {
    let mut converted = Request::new(request.method().to_string(), request.uri().to_string())?;
    for (name, value) in request.headers() {
        converted.headers_mut().insert_latin1(name.as_str(), value.as_bytes())?;
    }
    Ok(converted)
}

/// The head of a response; what is about the connection is actix-web's.
fn answer(response: &Response) -> HttpResponseBuilder {
    let status = StatusCode::from_u16(response.status_code);
    let mut builder = HttpResponse::build(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    for (name, value) in response.headers.raw_items() {
        if !name.eq_ignore_ascii_case("Connection") {
            builder.append_header((name, value));
        }
    }
    builder
}

/// Copies what the client sends, until its end.
async fn copy(mut payload: Payload, mut to: WriteHalf<DuplexStream>) {
    while let Some(Ok(bytes)) = payload.next().await {
        if to.write_all(&bytes).await.is_err() {
            return;
        }
    }
    _ = to.shutdown().await;
}

async fn echo(mut ws: WebSocket<DuplexStream>) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

#[get("/page")]
async fn page() -> &'static str {
    "a page"
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let connections = Connections::<DuplexStream>::with_on_error(|failure| eprintln!("{failure}"));
    let upgrader = Data::new(Upgrader::new(ServerSettings::new())?.connections(&connections));
    let shared = Data::new(connections.clone());
    let server = HttpServer::new(move || {
        let app = App::new().app_data(upgrader.clone()).app_data(shared.clone());
        app.service(page).route("/echo", web::route().to(upgrade))
    });
    let server = server.disable_signals().tcp_nodelay(true).bind("127.0.0.1:0")?;
    for addr in server.addrs() {
        println!("listening on {addr}");
    }
    let server = server.run();
    let (handle, serving) = (server.handle(), rt::spawn(server));

    tokio::signal::ctrl_c().await?;
    let closing = connections.shutdown().limit(Duration::from_secs(10));
    let (report, ()) = tokio::join!(closing, handle.stop(true));
    println!("{} closed, {} cut", report.closed, report.cut);
    serving.await??;
    Ok(())
}
