//! Servers that ask for a user name and a password.

use std::future::{Future, IntoFuture};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use ws_errors::InvalidStatus;
use ws_headers::Headers;
use ws_tokio::{Connect, Error, Username, WebSocket, basic_auth, connect, credentials, serve};

use crate::common::REQUEST;

/// Fails instead of waiting without end.
async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("this waits without end")
}

async fn greet(ws: WebSocket) -> Result<(), Error> {
    ws.send(ws.data::<Username>().unwrap().to_string()).await
}

/// The name under which the server knows the client, or the text of its refusal.
async fn name(connect: Connect) -> Result<String, String> {
    match in_time(connect.into_future()).await {
        Ok(mut ws) => {
            Ok(in_time(ws.recv()).await.unwrap().unwrap().into_text().unwrap().to_string())
        }
        Err(e) => {
            let response = &e.get::<InvalidStatus>().unwrap().response;
            assert_eq!(response.status_code, 401);
            let challenge = response.headers.get("WWW-Authenticate").unwrap();
            assert_eq!(challenge, Some(r#"Basic realm="a \"b\" ?", charset="UTF-8""#));
            Err(String::from_utf8(response.body.clone()).unwrap())
        }
    }
}

#[tokio::test]
async fn a_user_is_let_in_by_name_and_password() {
    let users = credentials([("anna", "s:cret"), ("ben", ""), ("zoë", "€")]);
    let server = serve("127.0.0.1:0", greet)
        .process_request(basic_auth("a \"b\" \u{1}", users))
        .await
        .unwrap();
    let at = |user: &str| connect(format!("ws://{user}{}/", server.local_addr()));
    let (missing, unsupported, invalid) =
        ("Missing credentials\n", "Unsupported credentials\n", "Invalid credentials\n");
    for (user, expected) in [
        ("anna:s:cret@", Ok("anna")),
        ("ben:@", Ok("ben")),
        ("ben@", Ok("ben")),
        ("zo%C3%AB:%E2%82%AC@", Ok("zoë")),
        ("", Err(missing)),
        ("anna:secret@", Err(invalid)),
        ("anna:@", Err(invalid)),
        ("ben:s:cret@", Err(invalid)),
        ("Anna:s:cret@", Err(invalid)),
        (":@", Err(invalid)),
    ] {
        let name = name(at(user)).await;
        assert_eq!(name.as_deref().map_err(|text| &**text), expected, "{user}");
    }
    for value in ["Bearer abc", "Basic abc", "Basic", "Basic /zo6"] {
        let headers = Headers::try_from([("Authorization", value)]).unwrap();
        assert_eq!(name(at("").headers(headers)).await, Err(unsupported.to_owned()), "{value}");
    }
}

#[tokio::test]
async fn of_several_credentials_none_is_taken() {
    let server = serve("127.0.0.1:0", async |_: WebSocket| {})
        .process_request(basic_auth("chat", credentials([("a", "")])))
        .close_timeout(Duration::from_millis(10))
        .await
        .unwrap();
    let ours = "Authorization: Basic YTo=\r\n";
    for (other, expected) in [("", "101"), ("Authorization: Basic Yjo=\r\n", "401")] {
        for lines in [format!("{ours}{other}"), format!("{other}{ours}")] {
            let mut tcp = TcpStream::connect(server.local_addr()).await.unwrap();
            let request = REQUEST.replace("Host:", &format!("{lines}Host:"));
            tcp.write_all(request.as_bytes()).await.unwrap();
            let mut status = [0; 12];
            in_time(tcp.read_exact(&mut status)).await.unwrap();
            let status = String::from_utf8_lossy(&status);
            assert_eq!(status, format!("HTTP/1.1 {expected}"), "{lines}");
        }
    }
}

#[tokio::test]
async fn a_check_may_wait_and_a_hook_may_ask_it() {
    let ask =
        std::sync::Arc::new(basic_auth("a \"b\" \u{1}", async |name: String, word: String| {
            tokio::time::sleep(Duration::from_millis(1)).await;
            name == word
        }));
    let server = serve("127.0.0.1:0", greet).process_request(move |handshake| {
        let ask = std::sync::Arc::clone(&ask);
        async move { ask(handshake).await.map(|it| it.header("X-Known", "yes")) }
    });
    let server = server.await.unwrap();
    let at = |user: &str| connect(format!("ws://{user}@{}/", server.local_addr()));
    assert_eq!(name(at("a:a")).await, Ok("a".to_owned()));
    assert_eq!(name(at("a:b")).await, Err("Invalid credentials\n".to_owned()));
}
