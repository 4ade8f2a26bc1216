//! The hooks of a server: what they see of a client, and what they choose for its connection.

use std::future::{Future, IntoFuture, pending};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::unbounded_channel;
use ws_errors::InvalidStatus;
use ws_tokio::{
    Error, FailureKind, Handshake, Response, Serve, Server, ServerSettings, Subprotocol, WebSocket,
    connect, serve,
};

use crate::common::REQUEST;

/// Fails instead of waiting without end.
async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("this waits without end")
}

type Handler = fn(WebSocket) -> std::future::Ready<()>;

/// A server whose handler returns at once.
fn silent() -> Serve<Handler> {
    serve("127.0.0.1:0", |_| std::future::ready(()))
}

fn uri(server: &Server) -> String {
    format!("ws://{}/", server.local_addr())
}

/// The response to a request as it was sent, the head or all.
async fn answer(server: &Server, request: &str) -> String {
    let mut tcp = TcpStream::connect(server.local_addr()).await.unwrap();
    tcp.write_all(request.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    in_time(tcp.read_to_end(&mut response)).await.unwrap();
    String::from_utf8_lossy(&response).into_owned()
}

#[tokio::test]
async fn a_hook_knows_the_client_and_may_wait() {
    let (sender, mut seen) = unbounded_channel();
    let server = silent()
        .process_request(move |handshake| {
            let sender = sender.clone();
            async move {
                tokio::time::sleep(Duration::from_millis(10)).await;
                let addresses = (handshake.peer_addr(), handshake.local_addr());
                sender.send((handshake.request().target().to_owned(), addresses)).unwrap();
                assert!(handshake.response().is_none());
                Ok(handshake)
            }
        })
        .await
        .unwrap();
    let ws = in_time(connect(uri(&server) + "a?b").into_future()).await.unwrap();
    let expected = ("/a?b".to_owned(), (ws.local_addr(), Some(server.local_addr())));
    assert_eq!(in_time(seen.recv()).await.unwrap(), expected);
}

struct User(String);

#[tokio::test]
async fn the_handler_finds_what_the_hooks_have_left() {
    async fn greet(ws: WebSocket) -> Result<(), Error> {
        let (User(name), number) = (ws.data().unwrap(), ws.data::<u32>().unwrap());
        assert!(ws.data::<u64>().is_none());
        let sender = ws.sender();
        assert_eq!(sender.data::<u32>(), Some(number));
        ws.send(format!("{name} {number}")).await
    }
    let server = serve("127.0.0.1:0", greet)
        .process_request(async |it: Handshake| {
            Ok(it.data(1u32).data(User("Anna".to_owned())).data(2u32))
        })
        .process_response(async |it: Handshake| Ok(it.data(3u32)))
        .await
        .unwrap();
    let mut ws = in_time(connect(uri(&server)).into_future()).await.unwrap();
    assert!(ws.data::<User>().is_none());
    assert_eq!(in_time(ws.recv()).await.unwrap(), Some("Anna 3".into()));
}

#[tokio::test]
async fn headers_are_added_to_the_response_that_opens_a_connection() {
    let server = silent()
        .process_request(async |it: Handshake| {
            Ok(it.header("Set-Cookie", "a=1").header("Set-Cookie", "b=2"))
        })
        .await
        .unwrap();
    let ws = in_time(connect(uri(&server)).into_future()).await.unwrap();
    let headers = &ws.response().unwrap().headers;
    assert!(headers.get_all("Set-Cookie").eq(["a=1", "b=2"]), "{headers:?}");
    // A refusal isn't that response.
    let refusal = answer(&server, &REQUEST.replace("GET / ", "POST / ")).await;
    assert!(refusal.starts_with("HTTP/1.1 405 ") && !refusal.contains("Set-Cookie"), "{refusal}");
}

#[tokio::test]
async fn headers_of_the_first_hook_stay_out_of_refusals_that_the_second_hook_sees() {
    for name in ["Set-Cookie", "no header"] {
        let server = silent()
            .process_request(async move |it: Handshake| Ok(it.header(name, "a=1")))
            .process_response(async |it: Handshake| Ok(it.header("X-Seen", "yes")))
            .await
            .unwrap();
        let refusal = answer(&server, &REQUEST.replace("GET / ", "POST / ")).await;
        assert!(refusal.starts_with("HTTP/1.1 405 ") && refusal.contains("X-Seen"), "{refusal}");
        assert!(!refusal.contains("Set-Cookie"), "{refusal}");
    }
}

#[tokio::test]
async fn the_handshake_of_another_connection_opens_none() {
    let (sender, mut failures) = unbounded_channel();
    let kept = Arc::new(Mutex::new(None));
    let server = serve("127.0.0.1:0", async |_: WebSocket| {})
        .process_request(move |it| {
            let kept = Arc::clone(&kept);
            async move {
                let name = it.request().path().to_owned();
                let it = it.data(name);
                if it.request().path() == "/keep" {
                    *kept.lock().unwrap() = Some(it);
                    return pending().await;
                }
                Ok(kept.lock().unwrap().take().unwrap_or(it))
            }
        })
        .on_error(move |failure| _ = sender.send(failure.to_string()))
        .await
        .unwrap();
    let mut tcp = TcpStream::connect(server.local_addr()).await.unwrap();
    tcp.write_all(REQUEST.replace("GET / ", "GET /keep ").as_bytes()).await.unwrap();
    tokio::task::yield_now().await;
    let status = loop {
        let response = answer(&server, REQUEST).await;
        match &response[..12] {
            // The other one hasn't come yet.
            "HTTP/1.1 101" => {}
            status => break status.to_owned(),
        }
    };
    assert_eq!(status, "HTTP/1.1 500");
    let text = in_time(failures.recv()).await.unwrap();
    assert!(text.contains("a hook returned the handshake of another connection"), "{text}");
}

#[tokio::test]
async fn headers_that_cannot_be_are_the_fault_of_the_program() {
    for (name, value) in [
        ("A b", "c"),
        ("A", "b\r\nC: d"),
        ("connection", "close"),
        ("Upgrade", "h2c"),
        ("Content-Length", "5"),
        ("Transfer-Encoding", "chunked"),
        ("sec-websocket-Accept", "a"),
        ("Sec-WebSocket-Protocol", "a"),
    ] {
        for late in [false, true] {
            let (sender, mut failures) = unbounded_channel();
            let add = async move |it: Handshake| Ok(it.header(name, value));
            let server = match late {
                false => silent().process_request(add),
                true => silent().process_response(add),
            };
            let server = server.on_error(move |failure| {
                sender.send((failure.kind(), failure.status(), failure.to_string())).unwrap();
            });
            let server = server.await.unwrap();
            let response = answer(&server, REQUEST).await;
            assert!(response.starts_with("HTTP/1.1 500 "), "{name}: {response}");
            let (kind, status, text) = in_time(failures.recv()).await.unwrap();
            assert_eq!((kind, status), (FailureKind::Handshake, Some(500)));
            assert!(text.contains(": a hook added an invalid header: "), "{text}");
            assert!(!text.contains("C: d"), "{text}");
        }
    }
}

#[tokio::test]
async fn a_subprotocol_is_chosen_among_those_that_are_offered() {
    let server = silent()
        .subprotocols(["a"])
        .process_request(async |it: Handshake| {
            let offered = it.offered_subprotocols();
            match it.request().path() {
                "/last" => Ok(it.subprotocol(offered.last().cloned())),
                "/none" => Ok(it.subprotocol(None)),
                "/other" => Ok(it.subprotocol(Subprotocol::new("other").ok())),
                _ => Ok(it),
            }
        })
        .await
        .unwrap();
    for (path, offered, expected) in [
        ("", &["b", "a"][..], Ok(Some("a"))),
        ("last", &["b", "a", "c"], Ok(Some("c"))),
        ("none", &["a"], Ok(None)),
        ("none", &[], Ok(None)),
        ("last", &[], Ok(None)),
        ("other", &["a"], Err(500)),
        ("", &["b"], Err(400)),
    ] {
        let connecting = connect(uri(&server) + path).subprotocols(offered);
        let opened = in_time(connecting.into_future()).await;
        let chosen = match &opened {
            Ok(ws) => Ok(ws.subprotocol().map(Subprotocol::as_str)),
            Err(e) => Err(e.get::<InvalidStatus>().unwrap().response.status_code),
        };
        assert_eq!(chosen, expected, "/{path} {offered:?}");
    }
    let malformed = REQUEST.replace("Host:", "Sec-WebSocket-Protocol: a b\r\nHost:");
    let response = answer(&server, &malformed.replace("GET / ", "GET /last ")).await;
    assert!(response.starts_with("HTTP/1.1 400 "), "{response}");
}

#[tokio::test]
async fn a_response_is_inspected_and_replaced_before_it_is_sent() {
    let statuses = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&statuses);
    let server = silent()
        .origins(["https://example.com"])
        .process_request(async |it: Handshake| match it.request().path() {
            "/healthz" => Err(Response::text(200, "OK\n")),
            _ => Ok(it),
        })
        .process_response(move |it| {
            let response = it.response().unwrap();
            seen.lock().unwrap().push((response.status_code, it.request().path().to_owned()));
            let result = match (response.status_code, it.request().path()) {
                (403, "/page") => Err(Response::text(404, "nothing here\n")),
                (101, "/late") => Err(Response::text(503, "too late\n")),
                (101, "/101") => Err(Response::text(101, "")),
                _ => Ok(it.header("X-Seen", "yes")),
            };
            async move { result }
        })
        .await
        .unwrap();
    let with_origin = REQUEST.replace("Host:", "Origin: https://example.com\r\nHost:");
    for (request, path, status, seen, end) in [
        (&with_origin[..], "/", 101, true, "\r\n\r\n"),
        (REQUEST, "/", 403, true, ".\n"),
        (REQUEST, "/page", 404, false, "nothing here\n"),
        (&with_origin, "/late", 503, false, "too late\n"),
        (&with_origin, "/101", 500, false, ".\n"),
        (REQUEST, "/healthz", 200, false, "OK\n"),
    ] {
        let response = answer(&server, &request.replace("GET / ", &format!("GET {path} "))).await;
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {response}");
        assert_eq!(response.contains("\r\nX-Seen: yes\r\n"), seen, "{path}: {response}");
        let end = if status == 101 { "\r\n\r\n" } else { end };
        assert!(response.contains(end), "{path}: {response}");
    }
    // The program's own answer needs no inspection.
    let statuses: Vec<_> = statuses.lock().unwrap().iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses, [101, 403, 403, 101, 101]);
}

#[tokio::test]
async fn a_connection_has_the_settings_that_a_hook_has_chosen() {
    let small = ServerSettings::new().max_message_size(4);
    let strict = ServerSettings::new().origins(["https://example.com"]);
    let server = serve("127.0.0.1:0", async |mut ws: WebSocket| {
        while let Some(message) = ws.recv().await? {
            ws.send(message).await?;
        }
        Ok::<_, Error>(())
    })
    .process_request(move |it| {
        let it = match it.request().path() {
            "/small" => it.settings(small.clone()),
            "/strict" => it.settings(strict.clone()),
            _ => it,
        };
        async move { Ok(it) }
    })
    .await
    .unwrap();
    let mut ws = in_time(connect(uri(&server)).into_future()).await.unwrap();
    ws.send("hello").await.unwrap();
    assert_eq!(in_time(ws.recv()).await.unwrap(), Some("hello".into()));

    let mut ws = in_time(connect(uri(&server) + "small").into_future()).await.unwrap();
    ws.send("hello").await.unwrap();
    assert_eq!(in_time(ws.recv()).await.unwrap_err().closed().unwrap().code(), 1009);

    let error = in_time(connect(uri(&server) + "strict").into_future()).await.unwrap_err();
    assert_eq!(error.get::<InvalidStatus>().unwrap().response.status_code, 403);
}

#[tokio::test]
async fn a_hook_that_panics_or_waits_for_ever_ends_its_connection_alone() {
    let (sender, mut failures) = unbounded_channel();
    let hook = async |it: Handshake| match it.request().path() {
        "/panic" => {
            tokio::task::yield_now().await;
            panic!("on purpose")
        }
        "/wait" => pending().await,
        _ => Ok(it),
    };
    let server = silent()
        .process_request(hook)
        .open_timeout(Duration::from_secs(1))
        .on_error(move |failure| _ = sender.send(failure.to_string()))
        .await
        .unwrap();
    let error = in_time(connect(uri(&server) + "panic").into_future()).await.unwrap_err();
    assert_eq!(error.get::<InvalidStatus>().unwrap().response.status_code, 500);
    let text = in_time(failures.recv()).await.unwrap();
    assert!(text.ends_with("with 500: a hook panicked"), "{text}");
    let mut ws = in_time(connect(uri(&server)).into_future()).await.unwrap();
    assert_eq!(in_time(ws.recv()).await.unwrap(), None);
    in_time(connect(uri(&server) + "wait").into_future()).await.unwrap_err();
    let text = in_time(failures.recv()).await.unwrap();
    assert!(text.contains("timed out during opening handshake"), "{text}");
}
