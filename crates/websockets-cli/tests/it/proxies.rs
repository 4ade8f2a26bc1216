//! Proxies: chosen by option and by environment.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::common::{check_error, command, run, run_command, server};

/// A proxy that leads everybody to one server, and tells the heads of requests. It wants a password.
pub(crate) async fn proxy(to: SocketAddr) -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (sender, heads) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            let sender = sender.clone();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = near.read_u8().await else { return };
                    head.push(byte);
                }
                let head = String::from_utf8(head).unwrap();
                // me:secret
                let is_known = head.contains("Proxy-Authorization: Basic bWU6c2VjcmV0\r\n");
                sender.send(head).unwrap();
                if !is_known {
                    let refusal = "HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=r\r\nContent-Length: 0\r\n\r\n";
                    _ = near.write_all(refusal.as_bytes()).await;
                    return;
                }
                near.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                let mut far = TcpStream::connect(to).await.unwrap();
                _ = copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    (addr, heads)
}

#[tokio::test]
async fn the_proxy_of_the_option_is_used_always() {
    let server = server().await;
    let to = server.local_addr();
    let (proxy, mut heads) = proxy(to).await;
    let proxy = format!("http://me:secret@{proxy}");
    let connect_to = to.to_string();
    for (args, url, target) in [
        (&[][..], "ws://example.invalid/x", "example.invalid:80"),
        (&[], "ws://localhost:1234/x", "localhost:1234"),
        (&["--connect-to", &*connect_to], "ws://example.invalid/x", &*connect_to),
    ] {
        let mut command = command(&[args, &["--proxy", &*proxy, url]].concat());
        command.env("no_proxy", "*");
        let ended = run_command(command, b"hello\n").await;
        assert_eq!((ended.status, &*ended.stdout, &*ended.stderr), (0, "hello\n", ""), "{args:?}");
        let head = heads.recv().await.unwrap();
        assert!(head.starts_with(&format!("CONNECT {target} HTTP/1.1\r\n")), "{head}");
    }
}

#[tokio::test]
async fn the_proxy_of_the_environment_leaves_out_loopback_and_exceptions() {
    let server = server().await;
    let to = server.local_addr();
    let (proxy, mut heads) = proxy(to).await;
    let local = format!("ws://{to}/");
    let connect_to = to.to_string();
    for (args, url, exceptions, is_used) in [
        (&[][..], "ws://example.invalid/", "", true),
        (&["--proxy", "env"], "ws://example.invalid/", "other.invalid", true),
        (&["--proxy", "env"], &*local, "", false),
        (&["--proxy", "none", "--connect-to", &*connect_to], "ws://example.invalid/", "", false),
        // The host that is connected to counts.
        (&["--connect-to", &*connect_to], "ws://example.invalid/", "", false),
        (&["--connect-to", "other.invalid:80"], &*local, "", true),
    ] {
        let mut command = command(&[args, &[url]].concat());
        command.env("ws_proxy", format!("http://me:secret@{proxy}")).env("no_proxy", exceptions);
        command.arg("-v");
        let ended = run_command(command, b"hello\n").await;
        assert_eq!((ended.status, &*ended.stdout), (0, "hello\n"), "{args:?} {url}: {ended:?}");
        let told = format!("* asking a proxy for a tunnel proxy=http://{proxy} host=");
        assert_eq!(ended.stderr.contains(&told), is_used, "{args:?} {url}: {ended:?}");
        assert_eq!(heads.try_recv().is_ok(), is_used, "{args:?} {url}");
    }
}

#[tokio::test]
async fn a_proxy_that_can_not_be_used_is_an_error() {
    let server = server().await;
    let (proxy, _heads) = proxy(server.local_addr()).await;
    let wrong = format!("http://me:wrong@{proxy}");
    let ended = run(&["--proxy", &wrong, "ws://example.invalid/"], b"").await;
    check_error(&ended, 1, "407", "a wrong password");
    assert!(!ended.stderr.contains("wrong"), "{ended:?}");

    let mut command = command(&["ws://example.invalid/"]);
    command.env("all_proxy", "ftp://proxy");
    check_error(&run_command(command, b"").await, 2, "isn't a valid proxy", "the environment");
}
