//! Servers on loopback: handlers, what they leave undone, and stopping.

use std::future::{Future, IntoFuture, pending};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::unbounded_channel;
use ws_errors::InvalidHeaderValue;
use ws_tokio::{Error, Response, Server, WebSocket, connect, serve};
use ws_types::Side;

use crate::common::{BINARY, REQUEST, Raw, answering, frame, soon};

const MOMENT: Duration = Duration::from_millis(100);

/// Fails instead of waiting without end, on a clock that runs: all that is waited for takes moments.
async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("this waits without end")
}

fn uri(server: &Server) -> String {
    format!("ws://{}/", server.local_addr())
}

#[tokio::test]
async fn a_reply_leaves_although_the_handler_stops_in_the_middle_of_a_batch() {
    let server = serve("127.0.0.1:0", |mut ws: WebSocket| async move {
        let message = ws.recv().await?.unwrap();
        ws.send(message).await?;
        pending::<Result<(), Error>>().await
    })
    .await
    .unwrap();
    let mut ws = connect(uri(&server)).await.unwrap();
    for i in 0..32u8 {
        ws.feed(vec![i; 20]).await.unwrap();
    }
    // All of them in one write: the handler's first message has others behind it.
    ws.flush().await.unwrap();
    let reply = soon(ws.recv()).await.unwrap().unwrap();
    assert_eq!(reply.as_bytes(), [0; 20]);
}

#[tokio::test]
async fn a_busy_handler_still_answers_pings_and_keeps_what_arrives() {
    let (go, gone) = tokio::sync::oneshot::channel::<()>();
    let gone = std::sync::Mutex::new(Some(gone));
    let server = serve("127.0.0.1:0", move |mut ws: WebSocket| {
        let gone = gone.lock().unwrap().take();
        async move {
            gone.unwrap().await.unwrap();
            while let Some(message) = ws.recv().await? {
                ws.send(message).await?;
            }
            Ok::<_, Error>(())
        }
    })
    .await
    .unwrap();
    let mut ws = connect(uri(&server)).await.unwrap();
    for i in 0..10u8 {
        ws.send(vec![i]).await.unwrap();
    }
    let pong = ws.ping(None).await.unwrap();
    let received = tokio::select! {
        latency = pong => { assert!(latency.is_some()); None }
        received = ws.recv() => Some(received),
    };
    assert!(received.is_none(), "the handler is busy");
    go.send(()).unwrap();
    for i in 0..10u8 {
        assert_eq!(soon(ws.recv()).await.unwrap().unwrap().as_bytes(), [i]);
    }
}

#[tokio::test]
async fn the_end_of_the_handler_closes_with_its_outcome() {
    let server = serve("127.0.0.1:0", |ws: WebSocket| async move {
        match ws.request().unwrap().path() {
            "/ok" => Ok(()),
            "/error" => Err("no"),
            _ => panic!("on purpose"),
        }
    })
    .await
    .unwrap();
    for (path, code) in [("ok", 1000), ("error", 1011), ("panic", 1011)] {
        let mut ws = connect(format!("{}{path}", uri(&server))).await.unwrap();
        assert_eq!(soon(ws.recv()).await.is_ok(), code == 1000, "{path}");
        assert_eq!(ws.close_code().map(|code| code.as_u16()), Some(code), "{path}");
    }
}

#[tokio::test]
async fn shutdown_closes_with_1001_and_waits_for_the_handlers() {
    let (done, mut dones) = unbounded_channel();
    let server = serve("127.0.0.1:0", move |mut ws: WebSocket| {
        let done = done.clone();
        async move {
            while ws.recv().await?.is_some() {}
            done.send(()).unwrap();
            Ok::<_, Error>(())
        }
    })
    .await
    .unwrap();
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(connect(uri(&server)).await.unwrap());
    }
    let clients = clients.into_iter().map(|mut ws| async move {
        assert_eq!(soon(ws.recv()).await.unwrap(), None);
        ws.close_code().map(|code| code.as_u16())
    });
    let clients: Vec<_> = clients.map(tokio::spawn).collect();
    soon(server.shutdown()).await;
    for _ in 0..3 {
        dones.try_recv().expect("the handler has returned");
    }
    for client in clients {
        assert_eq!(client.await.unwrap(), Some(1001));
    }
}

#[tokio::test]
async fn dropping_the_server_drops_its_connections() {
    let server = serve("127.0.0.1:0", |_ws: WebSocket| pending::<()>()).await.unwrap();
    let mut ws = connect(uri(&server)).await.unwrap();
    drop(server);
    let error = soon(ws.recv()).await.unwrap_err();
    assert_eq!(error.closed().map(|closed| closed.code().as_u16()), Some(1006));
}

#[tokio::test]
async fn refusals_are_plain_http() {
    let server = serve("127.0.0.1:0", |_ws: WebSocket| async {})
        .origins(["https://example.com"])
        .process_request(answering(|request| match request.path() {
            "/health" => Some(Response::new(200, "OK", ws_headers::Headers::new(), "fine\n")),
            "/teapot" => {
                Some(Response::new(418, "Short And Stout", ws_headers::Headers::new(), ""))
            }
            "/101" => Some(Response::new(101, "", ws_headers::Headers::new(), "")),
            "/panic" => panic!("on purpose"),
            _ => None,
        }))
        .await
        .unwrap();
    for (request, status) in [
        (REQUEST.to_owned(), "403 Forbidden"),
        (REQUEST.replace("GET / ", "GET /health "), "200 OK"),
        (REQUEST.replace("GET / ", "GET /teapot "), "418 Short And Stout"),
        (REQUEST.replace("GET / ", "GET /101 "), "500 Internal Server Error"),
        (REQUEST.replace("GET / ", "GET /panic "), "500 Internal Server Error"),
        (REQUEST.replace("GET / ", "POST / "), "405 Method Not Allowed"),
        (REQUEST.replace("Upgrade: websocket", "Upgrade: h2c"), "426 Upgrade Required"),
        (REQUEST.replace("dGhl", "!Ghl"), "400 Bad Request"),
        (REQUEST.replace("HTTP/1.1", "HTTP/1.0"), "505 HTTP Version Not Supported"),
        (
            REQUEST.replace("Host:", &format!("X: {}\r\nHost:", "a".repeat(9000))),
            "431 Request Header Fields Too Large",
        ),
    ] {
        let mut tcp = TcpStream::connect(server.local_addr()).await.unwrap();
        tcp.write_all(request.as_bytes()).await.unwrap();
        let mut response = String::new();
        soon(tcp.read_to_string(&mut response)).await.unwrap();
        assert!(response.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request} {response}");
        for header in ["Content-Length: ", "Connection: close\r\n", "Server: "] {
            assert!(response.contains(&format!("\r\n{header}")), "{request} {response}");
        }
    }
}

#[tokio::test]
async fn a_sender_in_another_task_learns_that_the_handler_has_returned() {
    let (done, mut dones) = unbounded_channel();
    let server = serve("127.0.0.1:0", move |ws: WebSocket| {
        let done = done.clone();
        async move {
            let (sender, _receiver) = ws.split();
            tokio::spawn(async move {
                while sender.send(vec![0; 1 << 20]).await.is_ok() {}
                done.send(()).unwrap();
            });
            tokio::time::sleep(MOMENT).await;
        }
    })
    .close_timeout(MOMENT)
    .await
    .unwrap();
    let raw = Raw::client(TcpStream::connect(server.local_addr()).await.unwrap()).await;
    in_time(dones.recv()).await.unwrap();
    in_time(server.shutdown()).await;
    drop(raw);
}

#[tokio::test]
async fn shutdown_takes_no_longer_than_closing_although_another_task_receives() {
    let (done, mut dones) = unbounded_channel();
    let server = serve("127.0.0.1:0", move |mut ws: WebSocket| {
        let done = done.clone();
        async move {
            done.send(()).unwrap();
            _ = tokio::spawn(async move { ws.recv().await.unwrap_err() }).await;
        }
    });
    let server = server.ping_interval(None).close_timeout(MOMENT).await.unwrap();
    let raw = Raw::client(TcpStream::connect(server.local_addr()).await.unwrap()).await;
    in_time(dones.recv()).await.unwrap();
    tokio::time::sleep(MOMENT).await;
    in_time(server.shutdown()).await;
    drop(raw);
}

#[tokio::test]
async fn a_peer_that_sends_and_never_reads_is_disconnected() {
    for streaming in [false, true] {
        let (done, mut dones) = unbounded_channel();
        let server = serve("127.0.0.1:0", move |ws: WebSocket| {
            let done = done.clone();
            async move {
                let (sender, mut receiver) = ws.split();
                let mut reader = None;
                if streaming {
                    reader = receiver.recv_streaming().await.unwrap();
                    assert!(reader.is_some());
                } else {
                    receiver.recv().await.unwrap().unwrap();
                }
                while sender.send(vec![0; 1 << 20]).await.is_ok() {}
                done.send(()).unwrap();
                drop(reader);
            }
        })
        .ping_interval(MOMENT)
        .ping_timeout(MOMENT)
        .close_timeout(MOMENT)
        .write_timeout(MOMENT)
        .max_message_size(None)
        .await
        .unwrap();
        let tcp = TcpStream::connect(server.local_addr()).await.unwrap();
        let (mut reading, mut writing) = Raw::client(tcp).await.io.into_split();
        let flood = tokio::spawn(async move {
            let mut data = frame(Side::Client, BINARY, vec![0; 1000]);
            if streaming {
                data = frame(Side::Client, BINARY, vec![0; 1 << 20]);
            }
            while writing.write_all(&data).await.is_ok() {}
        });
        in_time(dones.recv()).await.unwrap();
        in_time(flood).await.unwrap();
        // What the server had written by then is still there.
        _ = in_time(reading.read(&mut [0])).await;
    }
}

#[tokio::test]
async fn dropping_the_server_ends_connections_that_other_tasks_hold() {
    let server = serve("127.0.0.1:0", |mut ws: WebSocket| async move {
        tokio::spawn(async move { while let Ok(Some(_)) = ws.recv().await {} }).await
    })
    .await
    .unwrap();
    let mut ws = connect(uri(&server)).await.unwrap();
    ws.send("hello").await.unwrap();
    drop(server);
    in_time(ws.recv()).await.unwrap_err();
}

#[tokio::test]
async fn an_illegal_header_is_refused_when_a_builder_is_awaited() {
    let illegal = "a\r\nb: c";
    let server = serve("127.0.0.1:0", |_: WebSocket| async {}).server_header(illegal);
    let error = in_time(server.into_future()).await.unwrap_err();
    assert_eq!(&*error.get::<InvalidHeaderValue>().unwrap().name, "Server");

    let (near, far) = tokio::io::duplex(1);
    let error = in_time(ws_tokio::accept(near).server_header(illegal).into_future()).await;
    assert_eq!(&*error.unwrap_err().get::<InvalidHeaderValue>().unwrap().name, "Server");
    let error = in_time(ws_tokio::client(far, "ws://localhost/").user_agent(illegal).into_future());
    assert_eq!(&*error.await.unwrap_err().get::<InvalidHeaderValue>().unwrap().name, "User-Agent");
}
