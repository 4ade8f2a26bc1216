//! `--reconnect`.

use crate::common::{Ended, Running, Stubborn, check_error, in_time, listen, run};

#[tokio::test]
async fn lines_of_a_pause_are_sent_on_the_next_connection() {
    let server = Stubborn::new().await;
    let mut tool = Running::start(&["--reconnect", &server.url()]);
    let mut ws = server.ws().await;
    tool.write("one\n").await;
    assert_eq!(in_time(ws.recv()).await.unwrap(), Some("one".into()));
    // An abnormal end.
    drop(ws.into_inner());
    tool.said("again in").await;
    tool.write("two\nthree\n").await;
    drop(tool.stdin.take());
    let mut ws = server.ws().await;
    for line in ["two", "three"] {
        let message = in_time(ws.recv()).await.unwrap().unwrap();
        assert_eq!(message, line.into());
        ws.send(message).await.unwrap();
    }
    assert_eq!(in_time(ws.recv()).await.unwrap(), None);
    let ended = tool.end().await;
    assert_eq!(ended, Ended { status: 0, stdout: "two\nthree\n".into(), stderr: String::new() });
}

#[tokio::test]
async fn it_connects_again_after_1001_and_ends_after_1000() {
    let server = Stubborn::new().await;
    let mut tool = Running::start(&["--reconnect", &server.url()]);
    let ws = server.ws().await;
    ws.close(1001, "").await.unwrap();
    assert!(tool.said("again in").await.contains("1001"));
    let ws = server.ws().await;
    ws.close(1000, "").await.unwrap();
    let stdin = tool.stdin.take();
    assert_eq!(tool.end().await, Ended { status: 0, stdout: String::new(), stderr: String::new() });
    drop(stdin);
}

#[tokio::test]
async fn it_gives_up_when_that_helps_nothing() {
    let server = crate::common::server().await;
    let addr = server.local_addr();
    let refused = Stubborn::new().await.addr;
    for (args, url, text) in [
        (&["--reconnect", "--max-attempts", "1"][..], format!("ws://{refused}/"), "refused"),
        (&["--reconnect", "--max-attempts", "2"], format!("ws://{refused}/"), "refused"),
        (&["--reconnect"], format!("ws://{addr}/refuse/404"), "404"),
        (&["--reconnect"], format!("ws://{addr}/close/1008"), "1008"),
        (&["--reconnect", "--max-attempts", "1"], format!("ws://{addr}/close/1001"), "1001"),
        (&["--reconnect", "--max-attempts", "1"], format!("ws://{addr}/drop"), "no close frame"),
    ] {
        let ended = listen(&[args, &[&*url]].concat()).await;
        check_error(&ended, 1, text, &format!("{args:?} {url}"));
    }
}

#[tokio::test]
async fn the_end_of_the_input_ends_a_pause() {
    let refused = Stubborn::new().await.url();
    let ended = run(&["--reconnect", &refused], b"").await;
    check_error(&ended, 1, "refused", "no input");

    let server = Stubborn::new().await;
    let mut tool = Running::start(&["--reconnect", &server.url()]);
    drop(server.open().await);
    tool.said("again in").await;
    drop(tool.stdin.take());
    check_error(&tool.end().await, 1, "no close frame", "the end comes in the pause");
}
