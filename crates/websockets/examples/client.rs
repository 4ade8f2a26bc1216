//! Sends each line of standard input as a text message, prints what arrives.
//!
//! usage: client URL

use std::process::ExitCode;

use tokio::io::{AsyncBufReadExt, BufReader};
use websockets::{Error, Message, connect};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [url] = &args[..] else {
        eprintln!("usage: client URL");
        return ExitCode::from(2);
    };
    let code = match run(url).await {
        Ok(()) => 0,
        // The server has closed while a line was being sent.
        Err(e) if e.is_closed_ok() => 0,
        Err(e) => {
            eprintln!("client: {e}");
            1
        }
    };
    // The thread that reads standard input can't be interrupted: don't wait for it.
    std::process::exit(code)
}

async fn run(url: &str) -> Result<(), Error> {
    let mut ws = connect(url).await?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    loop {
        tokio::select! {
            message = ws.recv() => match message? {
                Some(message) => show(&message),
                None => return Ok(()),
            },
            line = lines.next_line() => match line? {
                Some(line) => ws.send(line).await?,
                None => break,
            },
        }
    }
    ws.close(1000, "").await?;
    // Messages that arrived until the server closed.
    while let Some(message) = ws.recv().await? {
        show(&message);
    }
    Ok(())
}

fn show(message: &Message) {
    match message.as_text() {
        Some(text) => println!("{}", escape(text)),
        None => println!("{}", message.as_bytes().escape_ascii()),
    }
}

/// The text on one line, fit for a terminal: control characters are escaped.
fn escape(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, c| {
        if c.is_control() {
            out.extend(c.escape_default())
        } else {
            out.push(c)
        }
        out
    })
}
