//! Drives the fuzzing server of the Autobahn test suite: runs all of its cases.
//!
//! usage: autobahn_client BASE_URL AGENT

use std::process::ExitCode;

use websockets::{Connect, Error, connect};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [base, agent] = &args[..] else {
        eprintln!("usage: autobahn_client BASE_URL AGENT");
        return ExitCode::from(2);
    };
    match run(base, agent).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("autobahn_client: {e}");
            ExitCode::FAILURE
        }
    }
}

async fn run(base: &str, agent: &str) -> Result<(), Box<dyn std::error::Error>> {
    let mut ws = unlimited(format!("{base}/getCaseCount")).await?;
    let count = ws.recv().await?.ok_or("the server doesn't tell how many cases there are")?;
    let count: usize = count.into_text()?.parse()?;
    ws.close(1000, "").await?;

    for case in 1..=count {
        let uri = format!("{base}/runCase?case={case}&agent={agent}");
        // Many cases end in an error on purpose: the server judges.
        if let Err(e) = echo(uri).await
            && e.closed().is_none()
        {
            return Err(e.into());
        }
    }

    let mut ws = unlimited(format!("{base}/updateReports?agent={agent}")).await?;
    // The reports are written when the server closes.
    while ws.recv().await?.is_some() {}
    Ok(())
}

async fn echo(uri: String) -> Result<(), Error> {
    let mut ws = unlimited(uri).await?;
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

/// A connection without limits on size and fragments.
fn unlimited(uri: String) -> Connect {
    connect(uri).max_message_size(None).max_fragments(None).ping_interval(None)
}
