//! User names and passwords: at once, when a server or proxy asks, and never to another origin.

use std::future::IntoFuture;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ws_errors::InvalidStatus;
use ws_tokio::{Connect, Error, Headers, Request, Response, Server, WebSocket, connect, serve};

use crate::common::answering;

/// Fails instead of waiting without end, on a clock that runs.
async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("this waits without end")
}

async fn open(connect: Connect) -> Result<WebSocket, Error> {
    in_time(connect.into_future()).await
}

/// A server that decides by the value of `Authorization`, and keeps those values.
async fn deciding<D>(decide: D) -> (Server, Arc<Mutex<Vec<Option<String>>>>)
where
    D: Fn(Option<&str>) -> Option<Response> + Send + Sync + 'static,
{
    let values = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&values);
    let hook = move |request: &Request| {
        let value = request.headers().get("Authorization").unwrap().map(str::to_owned);
        seen.lock().unwrap().push(value.clone());
        decide(value.as_deref())
    };
    let handler = |mut ws: WebSocket| async move { while let Ok(Some(_)) = ws.recv().await {} };
    (serve("127.0.0.1:0", handler).process_request(answering(hook)).await.unwrap(), values)
}

#[cfg(feature = "auth")]
fn challenge(challenges: &[&str]) -> Response {
    let lines: Vec<_> = challenges.iter().map(|it| ("WWW-Authenticate", *it)).collect();
    Response::new(401, "Unauthorized", Headers::try_from(lines).unwrap(), "")
}

const BASIC: &str = "Basic bWU6c2VjcmV0"; // me:secret

#[tokio::test]
async fn basic_authentication_is_sent_at_once() {
    let (server, values) = deciding(|_| None).await;
    let addr = server.local_addr();
    for connecting in [
        connect(format!("ws://me:secret@{addr}/")),
        connect(format!("ws://{addr}/")).basic_auth("me", "secret"),
        connect(format!("ws://you:other@{addr}/")).basic_auth("me", "secret"),
        connect(format!("ws://you:other@{addr}/")).header("Authorization", BASIC),
    ] {
        open(connecting).await.unwrap();
        assert_eq!(values.lock().unwrap().drain(..).collect::<Vec<_>>(), [Some(BASIC.to_owned())]);
    }
    let error = open(connect(format!("ws://{addr}/")).basic_auth("a:b", "c")).await.unwrap_err();
    assert!(error.to_string().contains("invalid Authorization header"), "{error}");
    assert!(values.lock().unwrap().is_empty());
}

#[cfg(feature = "auth")]
#[tokio::test]
async fn a_challenge_is_answered_in_the_strongest_way() {
    const MD5: &str = r#"Digest realm="r", nonce="n", qop="auth", algorithm=MD5"#;
    const SHA: &str = r#"Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256"#;
    for (challenges, answer) in [
        (&["Basic realm=r"][..], BASIC),
        (&["Basic realm=r", MD5], "algorithm=MD5"),
        (&[MD5, "Basic realm=r", SHA], "algorithm=SHA-256"),
    ] {
        let (server, values) = deciding(move |value| match value {
            Some(value) if value.contains(answer) => None,
            _ => Some(challenge(challenges)),
        })
        .await;
        // The user name of the URI isn't shown before the server asks, nor then.
        let uri = format!("ws://you:other@{}/path?query", server.local_addr());
        open(connect(uri).credentials("me", "secret")).await.unwrap();
        let values = values.lock().unwrap();
        assert_eq!((values.len(), &values[0]), (2, &None), "{challenges:?}");
        let value = values[1].as_ref().unwrap();
        if value.starts_with("Digest") {
            assert!(value.contains(r#"username="me""#), "{value}");
            assert!(value.contains(r#"uri="/path?query""#), "{value}");
            assert!(!value.contains("secret"), "{value}");
        }
    }
}

#[cfg(feature = "auth")]
#[tokio::test]
async fn credentials_that_are_refused_are_not_shown_in_a_weaker_way() {
    let rounds = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&rounds);
    let (server, values) = deciding(move |_| {
        // First Digest, then only Basic.
        Some(match count.fetch_add(1, Ordering::SeqCst) {
            0 => challenge(&[r#"Digest realm="r", nonce="n", qop="auth""#]),
            _ => challenge(&["Basic realm=r"]),
        })
    })
    .await;
    let uri = format!("ws://{}/", server.local_addr());
    let error = open(connect(&uri).credentials("me", "wrong")).await.unwrap_err();
    assert_eq!(error.get::<InvalidStatus>().unwrap().response.status_code, 401);
    assert!(!error.is_retryable() && !format!("{error:?}").contains("wrong"), "{error:?}");
    assert_eq!(values.lock().unwrap().len(), 2);

    // A server that says that each challenge is stale gets a bounded number of answers.
    let stale = r#"Digest realm="r", nonce="n", qop="auth", stale=true"#;
    let (server, values) = deciding(move |_| Some(challenge(&[stale]))).await;
    let uri = format!("ws://{}/", server.local_addr());
    open(connect(uri).credentials("me", "secret")).await.unwrap_err();
    assert_eq!(values.lock().unwrap().len(), 4);
}

#[cfg(feature = "auth")]
#[tokio::test]
async fn another_origin_gets_no_answer() {
    let (other, values) = deciding(|_| Some(challenge(&["Basic realm=r"]))).await;
    let to = format!("ws://{}/", other.local_addr());
    let (server, _) = deciding(move |_| {
        let headers = Headers::try_from([("Location", &*to)]).unwrap();
        Some(Response::new(302, "Found", headers, ""))
    })
    .await;
    let uri = format!("ws://{}/", server.local_addr());
    open(connect(uri).credentials("me", "secret")).await.unwrap_err();
    assert_eq!(*values.lock().unwrap(), [None]);
}

#[tokio::test]
async fn headers_are_made_anew_for_each_attempt_and_origin() {
    let (other, values) = deciding(|_| None).await;
    let to = format!("ws://{}/end", other.local_addr());
    let (server, first) = deciding(move |value| match value {
        Some("Bearer 0 /") => {
            let headers = Headers::try_from([("Location", "/again")]).unwrap();
            Some(Response::new(307, "", headers, ""))
        }
        _ => {
            let headers = Headers::try_from([("Location", &*to)]).unwrap();
            Some(Response::new(307, "", headers, ""))
        }
    })
    .await;
    let count = Arc::new(AtomicUsize::new(0));
    let uri = format!("ws://{}/", server.local_addr());
    let made = Arc::clone(&count);
    let ws = open(connect(uri).headers_with(move |uri| {
        let token = format!("Bearer {} {}", made.fetch_add(1, Ordering::SeqCst), uri.path());
        async move {
            tokio::task::yield_now().await;
            Ok(Headers::try_from([("Authorization", &*token), ("X-Kept", "kept")])?)
        }
    }))
    .await
    .unwrap();
    let expected = ["Bearer 0 /", "Bearer 1 /again"].map(|it| Some(it.to_owned()));
    assert_eq!(*first.lock().unwrap(), expected);
    assert_eq!(*values.lock().unwrap(), [None], "another origin sees no token");
    assert_eq!(ws.request().unwrap().headers().get("X-Kept"), Ok(Some("kept")));
    assert_eq!(count.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn headers_that_can_not_be_made_fail_the_connection_in_time() {
    let nobody: SocketAddr = ([127, 0, 0, 1], 1).into();
    let connecting = || connect(format!("ws://{nobody}/")).open_timeout(Duration::from_millis(200));
    let failing = connecting().headers_with(|_| async {
        Err(Error::Io(std::io::Error::other("the token service is down")))
    });
    let error = open(failing).await.unwrap_err();
    assert!(error.to_string().ends_with(": the token service is down"), "{error}");
    let error = open(connecting().headers_with(|_| std::future::pending())).await.unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
}

#[tokio::test]
async fn a_refusal_by_another_server_is_not_followed() {
    let (tokens, _) = deciding(|_| {
        let headers = Headers::try_from([("Location", "/elsewhere")]).unwrap();
        Some(Response::new(307, "", headers, ""))
    })
    .await;
    let (server, values) = deciding(|_| None).await;
    let uri = format!("ws://{}/", server.local_addr());
    let tokens = format!("ws://{}/", tokens.local_addr());
    let error = open(connect(uri).headers_with(move |_| {
        let asking = connect(&tokens).max_redirects(0);
        async move { asking.await.map(|_| Headers::new()) }
    }))
    .await
    .unwrap_err();
    assert_eq!(error.get::<InvalidStatus>().unwrap().response.status_code, 307);
    assert_eq!(*values.lock().unwrap(), [None; 0]);
}

#[cfg(feature = "auth")]
#[tokio::test]
async fn a_header_of_the_program_is_not_replaced_by_an_answer() {
    let (server, values) = deciding(|_| Some(challenge(&["Basic realm=r"]))).await;
    let uri = format!("ws://{}/", server.local_addr());
    let error = open(
        connect(uri)
            .credentials("me", "secret")
            .headers_with(|_| async { Ok(Headers::try_from([("Authorization", "Bearer x")])?) }),
    )
    .await
    .unwrap_err();
    assert_eq!(error.get::<InvalidStatus>().unwrap().response.status_code, 401);
    assert_eq!(*values.lock().unwrap(), [Some("Bearer x".to_owned())]);
}

#[cfg(feature = "auth")]
#[tokio::test]
async fn a_proxy_can_ask_for_digest() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
    use tokio::net::{TcpListener, TcpStream};

    let (server, values) = deciding(|_| None).await;
    let target = server.local_addr();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = listener.local_addr().unwrap();
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heads);
    let _serving = tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(client.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            let is_digest = head.contains("Proxy-Authorization: Digest username=\"me\"");
            seen.lock().unwrap().push(head);
            if is_digest {
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                let mut server = TcpStream::connect(target).await.unwrap();
                tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await });
            } else {
                let refusal = "HTTP/1.1 407 \r\nProxy-Authenticate: Basic realm=r\r\n\
                    Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\r\n\r\n";
                client.write_all(refusal.as_bytes()).await.unwrap();
            }
        }
    });
    let uri = format!("http://me:secret@{proxy}");
    open(connect("ws://host.test/").proxy(uri)).await.unwrap();
    let heads = heads.lock().unwrap();
    assert_eq!(heads.len(), 2);
    assert!(heads[0].contains("Proxy-Authorization: Basic "), "{}", heads[0]);
    assert!(heads[1].contains("uri=\"host.test:80\""), "{}", heads[1]);
    assert_eq!(*values.lock().unwrap(), [None], "the server sees nothing of it");
}
