//! Runs that come to no connection, and wrong arguments.

use crate::common::{Stubborn, check_error, run, server};

#[tokio::test]
async fn wrong_arguments_are_told_with_status_2() {
    let folder = std::env::temp_dir();
    let folder = folder.to_str().unwrap();
    let junk = std::env::temp_dir().join(format!("websockets-cli-junk-{}", std::process::id()));
    tokio::fs::write(&junk, "no certificate").await.unwrap();
    let junk = junk.to_str().unwrap();
    let url = "ws://127.0.0.1:1/";
    for (args, text) in [
        (&["http:///"][..], "isn't a valid URI"),
        (&["localhost"], "isn't a valid URI"),
        (&["ws://"], "isn't a valid URI"),
        (&["--proxy", "ftp://proxy", url], "isn't a valid proxy"),
        (&["--proxy", "direct", url], "isn't a valid proxy"),
        (&["--ca-file", "/no/such/file", url], "/no/such/file"),
        (&["--ca-file", folder, url], folder),
        (&["--ca-file", junk, url], "no certificate"),
        (&["--cert", junk, "--key", junk, url], junk),
        (&["--server-name", "a b", url], "a b"),
        (&["-H", "Bad Name: x", url], "Bad Name"),
        (&["-H", "Authorization secret", url], "isn't `Name: value`"),
        (&["-u", "secret", url], "isn't NAME:PASSWORD"),
        (&["-H", "X: a\nb", url], "X"),
        (&["-H", "Sec-WebSocket-Key: x", url], "Sec-WebSocket-Key"),
        (&["-H", "Host: a", "-H", "Host: b", url], "Host"),
        (&["--user-agent", "a\nb", url], "User-Agent"),
        (&["-s", "a b", url], "a b"),
        (&["--connect-to", "a/b", url], "a/b"),
        (&["--connect-to", "host:port", url], "host:port"),
    ] {
        let ended = run(args, b"").await;
        check_error(&ended, 2, text, &format!("{args:?}"));
        assert!(!ended.stderr.contains("secret"), "{ended:?}");
    }
    _ = tokio::fs::remove_file(junk).await;
    // The parser of the arguments adds lines about the usage.
    for args in [
        &[][..],
        &[url, url],
        &["--no-such-option", url],
        &["--bind", "localhost", url],
        &["--open-timeout", "soon", url],
        &["--open-timeout", "-1", url],
        &["--ping-interval", "0", url],
        &["--max-size", "1k", url],
        &["--max-redirects", "none", url],
        &["--max-attempts", "3", url],
        &["--reconnect", "--max-attempts", "0", url],
        &["--cert", "c.pem", url],
        &["--key", "k.pem", url],
    ] {
        let ended = run(args, b"").await;
        assert_eq!((ended.status, &*ended.stdout), (2, ""), "{args:?}");
        assert!(ended.stderr.starts_with("error: "), "{args:?}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn help_and_version_are_output() {
    let help = run(&["--help"], b"").await;
    assert_eq!((help.status, &*help.stderr), (0, ""));
    assert!(
        help.stdout.contains("Examples:") && help.stdout.contains("--ca-file"),
        "{}",
        help.stdout
    );
    assert!(help.stdout.lines().all(|line| line.chars().count() <= 100), "{}", help.stdout);
    let version = run(&["--version"], b"").await;
    let expected = format!("websockets {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!((version.status, version.stdout), (0, expected));
}

#[tokio::test]
async fn connecting_that_fails_is_told_in_one_line_with_status_1() {
    let server = server().await;
    let addr = server.local_addr();
    let refused = Stubborn::new().await.addr;
    for (args, url, text) in [
        (&[][..], format!("ws://{refused}/"), "onnection refused"),
        (&[], "ws://host.invalid/".into(), "cannot resolve the host"),
        (&[], format!("ws://{addr}/refuse/404"), "404"),
        (&[], format!("ws://{addr}/refuse/503"), "503"),
        (&[], format!("wss://{addr}/"), "the TLS handshake failed"),
        (&[], format!("ws://{addr}/redirect/11"), "more than 10 redirects"),
        (&["--max-redirects", "1"], format!("ws://{addr}/redirect/2"), "more than 1 redirect"),
        (&["--max-redirects", "0"], format!("ws://{addr}/redirect/1"), "302"),
        (&["-u", "me:secret"], format!("ws://{addr}/refuse/401"), "401"),
    ] {
        let ended = run(&[args, &[&*url]].concat(), b"").await;
        check_error(&ended, 1, text, &format!("{args:?} {url}"));
        assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
        assert!(!ended.stderr.contains("secret"), "{ended:?}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_in_time_is_told() {
    let server = Stubborn::new().await;
    let ended = run(&["--open-timeout", "0.2", &server.url()], b"").await;
    check_error(&ended, 1, "timed out", "--open-timeout");
}

#[tokio::test]
async fn redirects_are_followed() {
    let server = server().await;
    let url = format!("ws://{}/redirect/10", server.local_addr());
    let ended = run(&[&url], b"hello\n").await;
    assert_eq!((ended.status, &*ended.stdout, &*ended.stderr), (0, "hello\n", ""));
    let url = format!("ws://{}/redirect/2", server.local_addr());
    assert_eq!(run(&["--max-redirects", "2", &url], b"").await.status, 0);
}
