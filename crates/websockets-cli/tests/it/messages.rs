//! Lines and messages, and how a connection ends.

use crate::common::{Ended, Running, Stubborn, check_error, in_time, listen, run, server};

#[tokio::test]
async fn lines_are_sent_and_messages_are_printed() {
    let server = server().await;
    let addr = server.local_addr();
    for (args, path, input, expected) in [
        (&[][..], "/", &b"one\ntwo\r\n\nlast \xc3\xbc"[..], "one\ntwo\n\nlast ü\n"),
        (&["connect"], "/", b"one", "one\n"),
        (&[], "/", b"", ""),
        (&[], "/kinds", b"a\nb", "text a\ntext b\n"),
        (&["--binary"], "/kinds", b"a\n\xff\r\n\n", "binary a\nbinary \\xff\nbinary \n"),
        (
            &[],
            "/odd",
            b"",
            "two\\nlines\n\\u{1b}[31mred\\u{7}\nabc\\u{202e}cba\ntab\\tülk 漢字 'q' \"q\" \\\n\n\
             bin \"q\" \\ \\x00\\x7f\\xff\\n\n",
        ),
    ] {
        let url = format!("ws://{addr}{path}");
        let args: Vec<_> = args.iter().copied().chain([&*url]).collect();
        let expected = Ended { status: 0, stdout: expected.into(), stderr: String::new() };
        assert_eq!(run(&args, input).await, expected, "{args:?} {input:?}");
    }
}

#[tokio::test]
async fn many_lines_pass_in_both_directions() {
    let server = server().await;
    let url = format!("ws://{}/", server.local_addr());
    let lines: String = (0..100_000).map(|line| format!("{line}\n")).collect();
    let ended = run(&[&url], lines.as_bytes()).await;
    assert!(ended.stdout == lines && ended.status == 0, "{}: {}", ended.status, ended.stderr);
}

#[tokio::test]
async fn messages_are_printed_as_they_come() {
    let server = server().await;
    let mut tool = Running::start(&[&format!("ws://{}/", server.local_addr())]);
    for line in ["one", "two"] {
        tool.write(&format!("{line}\n")).await;
        assert_eq!(tool.line().await.as_deref(), Some(line));
    }
    drop(tool.stdin.take());
    assert_eq!(tool.end().await, Ended { status: 0, stdout: String::new(), stderr: String::new() });
}

#[tokio::test]
async fn the_end_of_the_input_closes_with_1000_and_prints_what_still_arrives() {
    let server = Stubborn::new().await;
    let mut tool = Running::start(&[&server.url()]);
    let mut ws = server.ws().await;
    tool.write("last\n").await;
    assert_eq!(in_time(ws.recv()).await.unwrap(), Some("last".into()));
    drop(tool.stdin.take());
    // The server hasn't read the close frame.
    for at in 0..10 {
        ws.send(format!("late {at}")).await.unwrap();
    }
    assert_eq!(in_time(ws.recv()).await.unwrap(), None);
    assert_eq!(ws.close_code(), Some(1000.into()));
    let ended = tool.end().await;
    let late: String = (0..10).map(|at| format!("late {at}\n")).collect();
    assert_eq!(ended, Ended { status: 0, stdout: late, stderr: String::new() });
}

#[tokio::test]
async fn the_exit_status_tells_how_the_connection_ended() {
    let server = server().await;
    let addr = server.local_addr();
    for path in ["/close/1000", "/close/1001", "/header/none"] {
        let expected = Ended { status: 0, stdout: String::new(), stderr: String::new() };
        assert_eq!(listen(&[&format!("ws://{addr}{path}")]).await, expected, "{path}");
    }
    for (path, text) in [
        ("/close/1008", "1008 (policy violation) as you wish"),
        ("/close/1011", "1011"),
        ("/close/4000", "4000"),
        ("/drop", "no close frame received or sent"),
        ("/long/1048577", "1009"),
    ] {
        check_error(&listen(&[&format!("ws://{addr}{path}")]).await, 1, text, path);
    }
}

#[tokio::test]
async fn a_line_that_is_not_utf_8_is_an_error() {
    let server = server().await;
    let url = format!("ws://{}/", server.local_addr());
    let ended = run(&[&url], b"good\nb\xffd\nmore\n").await;
    assert_eq!((ended.status, &*ended.stdout), (1, "good\n"));
    assert_eq!(ended.stderr, "error: line 2 of the input isn't UTF-8\n");
}

#[tokio::test]
async fn a_reader_that_goes_away_ends_it_quietly() {
    let server = server().await;
    let mut tool = Running::start(&[&format!("ws://{}/endless", server.local_addr())]);
    assert_eq!(tool.line().await.as_deref(), Some("endless"));
    let Running { mut child, stdin, stdout, mut stderr } = tool;
    drop(stdout);
    let status = in_time(child.wait()).await.unwrap();
    assert_eq!((status.code(), in_time(stderr.next_line()).await.unwrap()), (Some(0), None));
    drop(stdin);
}

#[tokio::test]
async fn a_peer_that_does_not_close_is_an_error() {
    let server = Stubborn::new().await;
    let url = server.url();
    let args = ["--close-timeout", "0.2", &url];
    let (ended, _stream) = tokio::join!(run(&args, b"one\n"), server.open());
    check_error(&ended, 1, "1000", "no answer to the close frame");
}
