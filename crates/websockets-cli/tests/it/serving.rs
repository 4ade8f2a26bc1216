//! `websockets serve`.

use nix::sys::signal::Signal::{SIGINT, SIGTERM};
use tokio::net::TcpStream;
use websockets::{Event, Message, WebSocket, client, connect};

use crate::common::{Ended, Running, check_error, closing, in_time, run};
use crate::tls::Files;

/// Starts a server in one place, and more with these arguments; its URL.
async fn start(args: &[&str]) -> (Running, String) {
    let mut server = Running::start(&[&["serve", "127.0.0.1:0"], args].concat());
    let line = server.said("listening on ").await;
    (server, line.strip_prefix("listening on ").unwrap().to_owned())
}

/// Ends a server properly; the rest of its outputs.
async fn stop(server: Running) -> Ended {
    server.kill(SIGTERM);
    server.end().await
}

async fn open(url: &str) -> WebSocket {
    in_time(connect(url).into_future()).await.unwrap()
}

#[tokio::test]
async fn a_server_echoes_until_a_signal() {
    for signal in [SIGINT, SIGTERM] {
        let (server, url) = start(&[]).await;
        assert!(url.starts_with("ws://127.0.0.1:") && url.ends_with('/'), "{url}");
        let ended = run(&[&url], b"one\ntwo\n").await;
        assert_eq!((ended.status, &*ended.stdout), (0, "one\ntwo\n"), "{ended:?}");
        let ended = run(&["--binary", &url], b"\xff\n").await;
        assert_eq!((ended.status, &*ended.stdout), (0, "\\xff\n"), "{ended:?}");
        let mut ws = open(&url).await;
        server.kill(signal);
        assert_eq!(in_time(ws.recv()).await.unwrap(), None);
        assert_eq!(ws.close_code(), Some(1001.into()), "{signal}");
        let expected = Ended { status: 0, stdout: String::new(), stderr: String::new() };
        assert_eq!(server.end().await, expected, "{signal}");
    }
}

#[tokio::test]
async fn a_second_signal_ends_a_server_at_once() {
    let (server, url) = start(&[]).await;
    let addr = url.strip_prefix("ws://").unwrap().strip_suffix('/').unwrap();
    let tcp = TcpStream::connect(addr).await.unwrap();
    let (mut stream, _) = client(tcp, &url).await.unwrap().into_inner().unwrap();
    server.kill(SIGTERM);
    closing(&mut stream).await;
    server.kill(SIGINT);
    assert_eq!(server.end().await.status, 130);
}

#[tokio::test]
async fn replies_come_before_the_answer_to_a_close() {
    let (server, url) = start(&[]).await;
    let lines: String = (0..20_000).map(|line| format!("{line}\n")).collect();
    let ended = run(&[&url], lines.as_bytes()).await;
    assert!(ended.status == 0 && ended.stdout == lines, "{}", ended.stdout.len());
    stop(server).await;
}

#[tokio::test]
async fn a_server_listens_in_all_places() {
    let files = Files::new("places");
    let (first, second) = (files.path("1.sock"), files.path("2.sock"));
    let (mut server, url) = start(&["localhost:0", "--unix", &first, "--unix", &second]).await;
    let other = server.said("ws://").await;
    server.said(&format!("listening on unix:{first}")).await;
    server.said(&format!("listening on unix:{second}")).await;
    let other = other.strip_prefix("listening on ").unwrap();
    assert_ne!(url, other);
    for args in [
        &[&*url][..],
        &[other],
        &["--unix", &first, "ws://localhost/"],
        &["--unix", &second, "ws://localhost/"],
    ] {
        let ended = run(args, b"hello\n").await;
        assert_eq!((ended.status, &*ended.stdout), (0, "hello\n"), "{args:?}: {ended:?}");
    }
    stop(server).await;
    assert!(!std::fs::exists(&first).unwrap() && !std::fs::exists(&second).unwrap());

    // The default address is left out.
    let mut server = Running::start(&["serve", "--unix", &first]);
    assert_eq!(server.said("").await, format!("listening on unix:{first}"));
    assert_eq!(stop(server).await.stderr, "");
}

#[tokio::test]
async fn a_client_finds_a_unix_socket_that_was_replaced() {
    let files = Files::new("replaced");
    let path = files.path("1.sock");
    let serve = ["serve", "--unix", &*path];
    let mut server = Running::start(&serve);
    server.said("listening on ").await;
    let mut tool = Running::start(&["--reconnect", "--unix", &path, "ws://localhost/"]);
    tool.write("one\n").await;
    assert_eq!(tool.line().await.as_deref(), Some("one"));
    stop(server).await;
    tool.said("No such file").await;
    let mut server = Running::start(&serve);
    server.said("listening on ").await;
    tool.write("two\n").await;
    assert_eq!(tool.line().await.as_deref(), Some("two"));
    drop(tool.stdin.take());
    assert_eq!(tool.end().await.status, 0);
    stop(server).await;
}

#[tokio::test]
async fn a_server_shows_a_certificate_and_asks_for_one() {
    let files = Files::new("serve");
    let (cert, key) = files.sign("localhost");
    let (cert, key) = (files.write("cert.pem", &cert), files.write("key.pem", &key));
    let ca = files.path("ca.pem");
    let args = ["--ca-file", &*ca, "--server-name", "localhost"];
    let shown = ["--cert", &*cert, "--key", &*key];
    for asks in [false, true] {
        let asking = if asks { &["--client-ca", &*ca][..] } else { &[] };
        let (server, url) = start(&[&shown[..], asking].concat()).await;
        assert!(url.starts_with("wss://127.0.0.1:"), "{url}");
        let ended = run(&[&args[..], &shown, &[&url]].concat(), b"hello\n").await;
        assert_eq!((ended.status, &*ended.stdout), (0, "hello\n"), "{ended:?}");
        let ended = run(&[&args[..], &[&url]].concat(), b"hello\n").await;
        assert_eq!(ended.status, i32::from(asks), "{ended:?}");
        stop(server).await;
    }
}

#[tokio::test]
async fn a_server_takes_only_clients_that_it_knows() {
    let args = ["--origin", "https://a.test", "--user", "me:se:cret", "--subprotocol", "chat.v2"];
    let (server, url) = start(&args).await;
    let (known, here) = (["-u", "me:se:cret"], ["--origin", "https://a.test"]);
    for (args, status) in [
        (&[][..], "401"),
        (&here, "401"),
        (&["-u", "me:wrong"], "401"),
        (&["-u", "you:se:cret"], "401"),
        (&known, "403"),
        (&[&known[..], &["--origin", "https://b.test"]].concat(), "403"),
        (&[&known[..], &here, &["-s", "other", "-s", "chat.v2"]].concat(), ""),
    ] {
        let ended = run(&[&["-v"], args, &[&url]].concat(), b"hello\n").await;
        if status.is_empty() {
            assert_eq!((ended.status, &*ended.stdout), (0, "hello\n"), "{ended:?}");
            let chosen = "\n< Sec-WebSocket-Protocol: chat.v2\n";
            assert!(ended.stderr.contains(chosen), "{ended:?}");
        } else {
            check_error(&ended, 1, status, &format!("{args:?}"));
        }
    }
    let ended = stop(server).await;
    assert!(!ended.stderr.contains("cret"), "{ended:?}");
}

#[tokio::test]
async fn settings_of_a_server_have_their_effect() {
    let args = ["--max-size", "10", "--no-compression", "--ping-interval", "0.05"];
    let (server, url) = start(&args).await;
    let ended = run(&[&url], b"0123456789\n01234567890\n").await;
    assert_eq!(ended.status, 1, "{ended:?}");
    assert!(ended.stdout == "0123456789\n" && ended.stderr.contains(" 1009 "), "{ended:?}");
    let mut ws = open(&url).await;
    assert!(ws.extensions().is_empty());
    let event = in_time(ws.recv_event()).await.unwrap().unwrap();
    assert!(matches!(event, Event::Ping(_)), "{event:?}");
    drop(ws);
    stop(server).await;
}

#[tokio::test]
async fn all_others_hear_a_message_of_a_chat() {
    let (server, url) = start(&["--chat"]).await;
    let mut members = Vec::new();
    for _ in 0..3 {
        members.push(open(&url).await);
    }
    for from in 0..3 {
        for message in [Message::from(format!("from {from}")), vec![0xff].into()] {
            members[from].send(message.clone()).await.unwrap();
            for (at, member) in members.iter_mut().enumerate().filter(|(at, _)| *at != from) {
                assert_eq!(in_time(member.recv()).await.unwrap().as_ref(), Some(&message), "{at}");
            }
        }
    }
    stop(server).await;
    for mut member in members {
        assert_eq!(in_time(member.recv()).await.unwrap(), None, "its own message");
    }
}

#[tokio::test]
async fn a_server_that_can_not_listen_is_told() {
    let (server, url) = start(&[]).await;
    let taken = url.strip_prefix("ws://").unwrap().strip_suffix('/').unwrap();
    let files = Files::new("wrong");
    let (cert, key) = files.sign("localhost");
    let (cert, key) = (files.write("cert.pem", &cert), files.write("key.pem", &key));
    let other = files.write("other.pem", &files.sign("localhost").1);
    for (args, status, text) in [
        (&[taken][..], 1, "in use"),
        (&["host.invalid:0"], 1, "host.invalid"),
        (&["--unix", "/no/such/folder/a.sock"], 1, "/no/such/folder"),
        (&["--cert", "/no/such/file", "--key", &*key], 2, "/no/such/file"),
        (&["--cert", &*cert, "--key", "/no/such/file"], 2, "/no/such/file"),
        (&["--cert", &*cert, "--key", &*other], 2, ""),
        (&["--cert", &*cert, "--key", &*key, "--client-ca", &*key], 2, "no certificate"),
        (&["--user", "secret"], 2, "isn't NAME:PASSWORD"),
        (&["--subprotocol", "a b"], 2, "a b"),
    ] {
        let ended = run(&[&["serve"], args].concat(), b"").await;
        check_error(&ended, status, text, &format!("{args:?}"));
        assert!(ended.stderr.lines().count() == 1 && !ended.stderr.contains("secret"), "{ended:?}");
    }
    for args in [&["8765"][..], &["ws://127.0.0.1:1/"], &["--cert", &cert], &["--client-ca", &cert]]
    {
        let ended = run(&[&["serve"], args].concat(), b"").await;
        assert_eq!((ended.status, &*ended.stdout), (2, ""), "{args:?}: {ended:?}");
    }
    let help = run(&["serve", "--help"], b"").await;
    assert!(help.status == 0 && help.stdout.contains("--client-ca"), "{help:?}");
    assert!(help.stdout.lines().all(|line| line.chars().count() <= 100), "{}", help.stdout);
    stop(server).await;
}
