//! Options and their effects.

use crate::common::{Ended, answering, check_error, listen, run, server};

#[tokio::test]
async fn options_reach_the_server() {
    let server = server().await;
    let addr = server.local_addr();
    let port = addr.port();
    let host = format!("{addr}\n");
    let to = addr.to_string();
    let product = format!("websockets/{}\n", env!("CARGO_PKG_VERSION"));
    let deflate = "permessage-deflate; client_max_window_bits\n";
    for (args, path, expected) in [
        (&["-H", "X-A: b: c", "--header", "X-A:d"][..], "/header/X-A", "b: c\nd\n"),
        (&["-H", "X-A:"], "/header/X-A", "\n"),
        (&["-s", "a", "--subprotocol", "b"], "/header/Sec-WebSocket-Protocol", "a, b\n"),
        (&["--origin", "https://example.com"], "/header/Origin", "https://example.com\n"),
        (&[], "/header/Origin", ""),
        (&["--user-agent", "me/1"], "/header/User-Agent", "me/1\n"),
        (&[], "/header/User-Agent", &product),
        (&[], "/header/Sec-WebSocket-Extensions", deflate),
        (&["--no-compression"], "/header/Sec-WebSocket-Extensions", ""),
        (&[], "/header/Host", &host),
        (&["-H", "Host: other"], "/header/Host", "other\n"),
        (&["-u", "me:secret"], "/header/Authorization", ""),
        (&["-u", "me:secret"], "/basic", ""),
        (&["--user", "me:sec:ret"], "/digest", ""),
        (&["-H", "Authorization: Bearer x", "-u", "me:x"], "/header/Authorization", "Bearer x\n"),
        (&["--bind", "127.0.0.1"], "/peer", "127.0.0.1\n"),
        #[cfg(target_os = "linux")]
        (&["--bind", "127.0.0.9"], "/peer", "127.0.0.9\n"),
        (&["--ping-interval", "0.05"], "/ping", "ping\n"),
        (&["--ping-interval", "none"], "/peer", "127.0.0.1\n"),
        (&["--open-timeout", "5.5", "--connect-timeout", "4"], "/peer", "127.0.0.1\n"),
        (&["--close-timeout", "0.5"], "/peer", "127.0.0.1\n"),
        (&["--max-size", "3"], "/long/3", "xxx\n"),
        (&["--proxy", "none"], "/peer", "127.0.0.1\n"),
        (&["--proxy", "env"], "/peer", "127.0.0.1\n"),
        (&["-k"], "/peer", "127.0.0.1\n"),
    ] {
        let url = format!("ws://127.0.0.1:{port}{path}");
        let ended = listen(&[args, &[&*url]].concat()).await;
        assert_eq!((ended.status, &*ended.stdout), (0, expected), "{args:?} {path}: {ended:?}");
        let warned = ended.stderr.starts_with("warning: ") && ended.stderr.lines().count() == 1;
        assert!(ended.stderr.is_empty() || (args == ["-k"] && warned), "{args:?}: {ended:?}");
    }
    for (args, path, text) in [
        (&["--max-size", "3"][..], "/long/4", "1009"),
        (&["-u", "me:wrong", "--max-redirects", "0"], "/refuse/401", "401"),
    ] {
        let url = format!("ws://{addr}{path}");
        check_error(&listen(&[args, &[&*url]].concat()).await, 1, text, &format!("{args:?}"));
    }
    // The longest message is longer than the pipe.
    let url = format!("ws://{addr}/long/2000000");
    let ended = listen(&["--max-size", "none", &url]).await;
    assert_eq!((ended.status, ended.stdout.len()), (0, 2_000_001));

    let args = ["--connect-to", &*to, "ws://example.invalid/header/Host"];
    let expected = Ended { status: 0, stdout: "example.invalid\n".into(), stderr: String::new() };
    assert_eq!(listen(&args).await, expected);
}

#[tokio::test]
async fn credentials_of_the_url_are_sent_at_once_and_those_of_the_options_win() {
    let server = server().await;
    let addr = server.local_addr();
    let url = format!("ws://me:secret@{addr}/header/Authorization");
    for (args, expected) in [
        (&[][..], "Basic bWU6c2VjcmV0\n"),
        (&["-u", "you:other"], ""),
        (&["-H", "Authorization: mine"], "mine\n"),
        (&["-H", "Authorization: mine", "-u", "you:other"], "mine\n"),
    ] {
        let ended = listen(&[args, &[&*url]].concat()).await;
        assert_eq!((ended.status, &*ended.stdout, &*ended.stderr), (0, expected, ""), "{args:?}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_takes_the_place_of_the_url() {
    let path = std::env::temp_dir().join(format!("websockets-cli-{}.sock", std::process::id()));
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let serving = tokio::spawn(async move {
        let ws = websockets::accept(listener.accept().await.unwrap().0).await.unwrap();
        let host = ws.request().unwrap().host().unwrap().to_owned();
        ws.send(host).await.unwrap();
        ws.close(1000, "").await
    });
    let args = ["--unix", path.to_str().unwrap(), "ws://example.invalid/"];
    let ended = listen(&args).await;
    _ = std::fs::remove_file(&path);
    assert_eq!((ended.status, &*ended.stdout, &*ended.stderr), (0, "example.invalid\n", ""));
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_fixed_way_holds_for_one_origin_only() {
    let server = server().await;
    let other = crate::common::Stubborn::new().await;
    // The server redirects within its own origin only, so the URL is another one.
    let to = server.local_addr().to_string();
    let ended = run(&["--connect-to", &to, "ws://example.invalid/redirect/3"], b"").await;
    assert_eq!(ended.status, 0, "{ended:?}");
    let redirecting = websockets::serve("127.0.0.1:0", |_: websockets::WebSocket| async {});
    let location = other.url();
    let redirecting = redirecting
        .process_request(answering(move |_| {
            let headers = websockets::datastructures::Headers::try_from([("Location", &*location)]);
            Some(websockets::Response::new(302, "Found", headers.unwrap(), ""))
        }))
        .await
        .unwrap();
    let to = redirecting.local_addr().to_string();
    let ended = run(&["--connect-to", &to, "ws://example.invalid/"], b"").await;
    check_error(&ended, 1, "redirect", "another origin");
}
