//! Routes: paths with parameters, hosts, plain HTTP, settings.

use std::future::{Future, IntoFuture};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use ws_errors::InvalidStatus;
use ws_tokio::{
    Error, Handshake, Proxy, Response, Router, Server, ServerSettings, WebSocket, connect,
};

use crate::common::REQUEST;

/// Fails instead of waiting without end.
async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("this waits without end")
}

/// The text that a path leads to, or the status of the refusal.
async fn at(server: &Server, path: &str) -> Result<String, u16> {
    let uri = format!("ws://{}{path}", server.local_addr());
    match in_time(connect(uri).into_future()).await {
        Ok(mut ws) => {
            let text = in_time(ws.recv()).await.unwrap().unwrap().into_text().unwrap();
            assert_eq!(in_time(ws.recv()).await.unwrap(), None);
            Ok(text.to_string())
        }
        Err(e) => {
            Err(e.get::<InvalidStatus>().unwrap_or_else(|| panic!("{e}")).response.status_code)
        }
    }
}

/// The response to a request that is no handshake.
async fn ask(server: &Server, request: &str) -> String {
    let mut tcp = TcpStream::connect(server.local_addr()).await.unwrap();
    tcp.write_all(request.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    in_time(tcp.read_to_end(&mut response)).await.unwrap();
    String::from_utf8_lossy(&response).into_owned()
}

async fn root(ws: WebSocket) -> Result<(), Error> {
    ws.send("root").await
}

async fn room(ws: WebSocket, name: String) -> Result<(), Error> {
    ws.send(format!("room {name}")).await
}

async fn user(ws: WebSocket, id: u32, topic: String, page: i8) -> Result<(), Error> {
    ws.send(format!("user {id} {topic} {page}")).await
}

#[tokio::test]
async fn the_path_finds_the_handler_and_its_parameters() {
    let server = Router::new()
        .route("/", root)
        .route("/room/{name}", room)
        .route("/room/lobby", async |ws: WebSocket| ws.send("lobby").await)
        .route("/users/{id}/{topic}/{page}", user)
        .route("/files/{*path}", async |ws: WebSocket, path: String| ws.send(path).await)
        .serve("127.0.0.1:0")
        .await
        .unwrap();
    for (path, expected) in [
        ("/", Ok("root")),
        ("", Ok("root")),
        ("/?a=b", Ok("root")),
        ("/room/rust", Ok("room rust")),
        ("/room/lobby", Ok("lobby")),
        ("/room/caf%C3%A9%2Fbar?x=/users/1", Ok("room café/bar")),
        ("/room/%C3", Err(404)),
        ("/room/", Err(404)),
        ("/room", Err(404)),
        ("/room/a/b", Err(404)),
        ("/users/7/news/-1", Ok("user 7 news -1")),
        ("/users/-7/news/1", Err(404)),
        ("/users/4294967296/news/1", Err(404)),
        ("/users/7/news/128", Err(404)),
        ("/files/a/b", Ok("a/b")),
        ("/nowhere", Err(404)),
        ("//", Err(404)),
    ] {
        assert_eq!(
            at(&server, path).await.as_deref().map_err(|status| *status),
            expected,
            "{path}"
        );
    }
    // What isn't a handshake is refused as elsewhere.
    let response = ask(&server, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(response.starts_with("HTTP/1.1 426 "), "{response}");
}

#[tokio::test]
async fn hosts_have_routers_of_their_own() {
    let text = |text: &'static str| move |ws: WebSocket| async move { ws.send(text).await };
    let server = Router::new()
        .route("/", text("default"))
        .host("[::2]", Router::new().route("/", text("six")))
        .host("Chat.test", Router::new().route("/", text("chat")).fallback(text("lost in chat")))
        .serve("127.0.0.1:0")
        .await
        .unwrap();
    for (uri, expected) in [
        ("ws://chat.test/", Ok("chat")),
        ("ws://CHAT.test:8080/", Ok("chat")),
        ("ws://chat.test./", Ok("chat")),
        ("ws://chat.test.:8080/", Ok("chat")),
        ("ws://[::2]:80/", Ok("six")),
        ("ws://[::2]/", Ok("six")),
        ("ws://chat.test/other", Ok("lost in chat")),
        ("ws://test/", Ok("default")),
        ("ws://other.chat.test/", Ok("default")),
        ("ws://[::1]/", Ok("default")),
        ("ws://test/other", Err(404)),
    ] {
        let to = connect(uri).connect_to(server.local_addr().to_string()).proxy(Proxy::direct());
        let result = match in_time(to.into_future()).await {
            Ok(mut ws) => Ok(in_time(ws.recv()).await.unwrap().unwrap().into_text().unwrap()),
            Err(e) => Err(e.get::<InvalidStatus>().unwrap().response.status_code),
        };
        assert_eq!(result.as_deref().map_err(|status| *status), expected, "{uri}");
    }
}

#[tokio::test]
async fn plain_http_is_served_on_the_same_port() {
    let served = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&served);
    let server = Router::new()
        .route("/", root)
        .http("/count", move |_: Handshake| {
            let count = count.fetch_add(1, Ordering::Relaxed);
            async move { Response::text(200, format!("{count}\n")) }
        })
        .http("/hello/{name}", async |handshake: Handshake, name: String| {
            let pairs: Vec<_> = handshake.request().query_pairs().collect();
            Response::text(200, format!("{name} {pairs:?}\n"))
        })
        .redirect("/old", "/hello/you#top")
        .serve("127.0.0.1:0")
        .await
        .unwrap();
    for (request, status, end) in [
        ("GET /count", "200 OK", "\r\n\r\n0\n"),
        ("GET /count", "200 OK", "\r\n\r\n1\n"),
        ("HEAD /count", "200 OK", "\r\n\r\n"),
        ("POST /count", "405 Method Not Allowed", "\r\n\r\nMethod Not Allowed\n"),
        ("GET /hello/%41?b=c+d", "200 OK", "\r\n\r\nA [(\"b\", \"c d\")]\n"),
        ("GET /hello/%ff", "404 Not Found", "\r\n\r\nNot Found\n"),
        ("GET /old?a=b", "307 Temporary Redirect", "\r\n\r\n"),
        ("OPTIONS *", "404 Not Found", "\r\n\r\nNot Found\n"),
    ] {
        let response = ask(&server, &format!("{request} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        assert!(response.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request}: {response}");
        assert!(response.ends_with(end), "{request}: {response}");
        let is_redirect = response.contains("\r\nLocation: /hello/you?a=b#top\r\n");
        assert_eq!(is_redirect, request.contains("/old"), "{response}");
        assert_eq!(response.contains("\r\nAllow: GET, HEAD\r\n"), request.contains("POST"));
    }
    // A handshake is a GET, too.
    assert_eq!(at(&server, "/count").await, Err(200));
    assert_eq!(served.load(Ordering::Relaxed), 4);
}

#[tokio::test]
async fn a_route_has_settings_of_its_own_and_the_server_has_its_hooks() {
    async fn echo(mut ws: WebSocket) -> Result<(), Error> {
        while let Some(message) = ws.recv().await? {
            ws.send(message).await?;
        }
        Ok(())
    }
    let small = ServerSettings::new().max_message_size(3);
    let server = Router::new()
        .route("/echo", echo)
        .route_with("/small", small, echo)
        .serve("127.0.0.1:0")
        .settings(ServerSettings::new().max_message_size(5))
        .process_request(async |it: Handshake| match it.request().query() {
            Some("secret") => Ok(it),
            _ => Err(Response::text(401, "")),
        })
        .await
        .unwrap();
    for (path, len, expected) in [
        ("/echo?secret", 5, Ok(5)),
        ("/echo?secret", 6, Err(1009)),
        ("/small?secret", 3, Ok(3)),
        ("/small?secret", 4, Err(1009)),
    ] {
        let uri = format!("ws://{}{path}", server.local_addr());
        let mut ws = in_time(connect(uri).into_future()).await.unwrap();
        ws.send(vec![0; len]).await.unwrap();
        let echoed = match in_time(ws.recv()).await {
            Ok(message) => Ok(message.unwrap().len()),
            Err(e) => Err(e.closed().unwrap().code().as_u16()),
        };
        assert_eq!(echoed, expected, "{path} {len}");
    }
    assert_eq!(at(&server, "/echo").await, Err(401));
}

#[tokio::test]
async fn routes_that_cannot_be_are_told_when_the_server_starts() {
    let nothing = async |_: WebSocket| {};
    for (router, expected) in [
        (Router::new().route("/a", nothing).route("/a", nothing), "the route /a can't be: "),
        (Router::new().route("/{a}", nothing), "the handler takes 0 parameters, the path has 1"),
        (Router::new().route("/a", room), "the handler takes 1 parameters, the path has 0"),
        (Router::new().route("a", nothing), "the route a can't be: a path begins with a slash"),
        (Router::new().route("/{a", room), "the route /{a can't be: "),
        (Router::new().host("a", Router::new().route("b", nothing)), "the route b can't be: "),
        (Router::new().host("a:80", Router::new()), "the host \"a:80\" can't be: a host is given"),
        (Router::new().host("", Router::new()), "the host \"\" can't be: a host is given"),
        (Router::new().host("a", Router::new()).host("A", Router::new()), "it has a router"),
        (
            Router::new().host("a", Router::new().host("b", Router::new())),
            "the host \"a\" can't be: its router has hosts of its own",
        ),
        (Router::new().redirect("/a", "/b\n"), "/a can't be redirected to \"/b\\n\""),
        (
            Router::new().route_with("/a", ServerSettings::new().server_header("\n"), nothing),
            "the route /a can't be: invalid Server header",
        ),
    ] {
        let error = router.serve("127.0.0.1:0").await.unwrap_err();
        assert!(matches!(error, Error::Other(_)), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    // Doubled braces are no parameter.
    let server = Router::new().route("/{{a}}", root).serve("127.0.0.1:0");
    let server = server.close_timeout(Duration::from_millis(10)).await.unwrap();
    let response = ask(&server, &REQUEST.replace("GET / ", "GET /{a} ")).await;
    assert!(response.starts_with("HTTP/1.1 101 "), "{response}");
}
