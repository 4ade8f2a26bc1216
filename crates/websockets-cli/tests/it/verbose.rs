//! The description of connections on standard error.

use crate::common::{Ended, run, server};
use crate::proxies::proxy;

/// Checks that lines of standard error, or beginnings of them, are there in this order.
#[track_caller]
fn check_order(ended: &Ended, lines: &[&str]) {
    let mut rest = ended.stderr.lines();
    for line in lines {
        assert!(rest.any(|found| found.starts_with(line)), "{line}\n{}", ended.stderr);
    }
}

#[tokio::test]
async fn heads_of_all_exchanges_are_shown_without_secrets() {
    let server = server().await;
    let addr = server.local_addr();
    let url = format!("ws://me:secret@{addr}/redirect/1?token=secret");
    let args = [
        "-v",
        "-H",
        "Cookie: id=secret",
        "-H",
        "Proxy-Authorization: secret",
        "-H",
        "X: shown",
        &*url,
    ];
    let ended = run(&args, b"hello\n").await;
    assert_eq!((ended.status, &*ended.stdout), (0, "hello\n"), "{ended:?}");
    let headers =
        [&*format!("> Host: {addr}"), "> Authorization: ***", "> Cookie: ***", "> X: shown", ">"];
    let attempt =
        [&*format!("* connecting addr={addr}"), &*format!("* connected addr={addr} local=")];
    check_order(
        &ended,
        &[
            &[&*format!("* connecting uri=ws://{addr}/redirect/1?token=***")][..],
            &attempt,
            &["> GET /redirect/1?token=*** HTTP/1.1"],
            &headers,
            &["< HTTP/1.1 302 ", "< Location: /redirect/0", "<"],
            &[&*format!("* following a redirect to=ws://{addr}/redirect/0")],
            &attempt,
            &["> GET /redirect/0 HTTP/1.1"],
            &headers,
            &["< HTTP/1.1 101 Switching Protocols", "< Upgrade: websocket", "<"],
            &["* open", "* closing close=1000 (OK)", "* closed: sent 1000 (OK)"],
        ]
        .concat(),
    );
    assert!(!ended.stderr.contains("secret"), "{}", ended.stderr);
    let marked = |line: &str| line.starts_with(['*', '<', '>']);
    assert!(ended.stderr.lines().all(marked), "{}", ended.stderr);
}

#[tokio::test]
async fn heads_of_a_proxy_and_of_challenges_are_shown() {
    let server = server().await;
    let (proxy, _heads) = proxy(server.local_addr()).await;
    let proxy = format!("http://me:secret@{proxy}");
    let args = ["-v", "--proxy", &*proxy, "-u", "me:secret", "ws://example.invalid/basic"];
    let ended = run(&args, b"").await;
    assert_eq!(ended.status, 0, "{ended:?}");
    let tunnel = [
        "> CONNECT example.invalid:80 HTTP/1.1",
        "> Proxy-Authorization: ***",
        "< HTTP/1.1 200 OK",
    ];
    let request = "> GET /basic HTTP/1.1";
    check_order(
        &ended,
        &[
            &tunnel[..],
            &[request, "< HTTP/1.1 401 No", "< WWW-Authenticate: Basic realm=r"],
            &["* answering a challenge scheme=Basic"],
            &tunnel,
            &[request, "> Authorization: ***", "< HTTP/1.1 101 "],
        ]
        .concat(),
    );
    assert!(!ended.stderr.contains("secret") && !ended.stderr.contains("Basic b"), "{ended:?}");

    // A proxy that refuses.
    let ended =
        run(&["-v", "--proxy", &proxy.replace("secret", "wrong"), "ws://a.invalid/"], b"").await;
    assert_eq!(ended.status, 1, "{ended:?}");
    check_order(
        &ended,
        &[
            "> CONNECT a.invalid:80 ",
            "< HTTP/1.1 407 No",
            "< Proxy-Authenticate: Basic",
            "<",
            "error: ",
        ],
    );
}

#[tokio::test]
async fn a_refusal_is_shown_with_its_head() {
    let server = server().await;
    let url = format!("ws://{}/refuse/404", server.local_addr());
    let ended = run(&["--verbose", &url], b"").await;
    assert_eq!(ended.status, 1);
    for line in ["< HTTP/1.1 404 No", "< Set-Cookie: ***", "<"] {
        assert!(ended.stderr.lines().any(|found| found == line), "{line}\n{}", ended.stderr);
    }
    assert!(ended.stderr.lines().last().unwrap().starts_with("error: "), "{}", ended.stderr);
}
