//! Helper program of the interop tests: our client against TLS servers and proxies of others, and through
//! failures of the network; our server behind load balancers of others.
//!
//! usage: `interop_network ECHO_SERVER PYTHON TLS_SERVER [NAME]...`
//!
//! ECHO_SERVER is our example, PYTHON an interpreter with the library `websockets`, TLS_SERVER the script for it.
//! Scenarios whose names begin with a NAME are run; without one, all. Each starts the programs that it needs on
//! loopback, ends them, and prints a line of JSON. At last there is the table of what the client survived. Exit
//! status: 0 when all passed; else the folder of settings and logs stays, and is named.
//!
//! - [`certificates`], [`parts`]: the servers and proxies, and the files they need
//! - [`tls`], [`proxies`], [`balancers`], [`survival`]: the scenarios

mod balancers;
mod certificates;
mod parts;
mod proxies;
mod survival;
mod tls;

use std::pin::Pin;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use interop_programs::{pattern, quote};
use tokio::signal::unix::{SignalKind, signal};
use websockets::{Connect, Error, Message, Transport};

use parts::Lab;
use survival::Table;

pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// A name, and something that gives the interesting part of what was seen.
pub(crate) type Scenario<'a> = (String, Pin<Box<dyn Future<Output = Outcome<String>> + 'a>>);

/// The longest time for one scenario.
const LIMIT: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (echo_server, python, tls_server, names) = match &args[..] {
        // Within a network of its own, which `survival` makes.
        [flag, echo_server, folder] if flag == "--isolated" => {
            return survival::isolated(echo_server, folder).await;
        }
        [echo_server, python, tls_server, names @ ..] => (echo_server, python, tls_server, names),
        _ => {
            eprintln!("usage: interop_network ECHO_SERVER PYTHON TLS_SERVER [NAME]...");
            return ExitCode::from(2);
        }
    };
    let folder = std::env::temp_dir().join(format!("interop_network-{}", std::process::id()));
    let result = match Lab::new(&folder, echo_server, python, tls_server) {
        // Processes end with the scenario that is dropped.
        Ok(lab) => tokio::select! {
            result = run(&lab, names) => result,
            () = asked_to_end() => Err("stopped".into()),
        },
        Err(e) => Err(e),
    };
    match result {
        Ok(()) => {
            // Nobody needs it any more.
            _ = std::fs::remove_dir_all(&folder);
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("interop_network: {e}; settings and logs are in {}", folder.display());
            ExitCode::FAILURE
        }
    }
}

async fn asked_to_end() {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

async fn run(lab: &Lab, names: &[String]) -> Outcome {
    let table = Table::default();
    let mut failed = 0;
    let scenarios = tls::scenarios(lab).into_iter().chain(proxies::scenarios(lab));
    let scenarios = scenarios.chain(balancers::scenarios(lab));
    for (name, scenario) in scenarios.chain(survival::scenarios(lab, &table)) {
        if !names.is_empty() && !names.iter().any(|wanted| name.starts_with(wanted)) {
            continue;
        }
        let start = Instant::now();
        let result = match tokio::time::timeout(LIMIT, scenario).await {
            Ok(result) => result,
            Err(_) => Err(format!("took longer than {} s", LIMIT.as_secs()).into()),
        };
        failed += usize::from(result.is_err());
        let result = match &result {
            Ok(saw) => format!(r#""error": null, "saw": {}"#, quote(saw)),
            Err(e) => format!(r#""error": {}, "saw": null"#, quote(&e.to_string())),
        };
        let (ok, seconds) = (result.starts_with(r#""error": null"#), start.elapsed());
        println!(
            r#"{{"scenario": {}, "ok": {ok}, "seconds": {:.2}, {result}}}"#,
            quote(&name),
            seconds.as_secs_f64(),
        );
    }
    table.print();
    if failed == 0 { Ok(()) } else { Err(format!("{failed} scenarios failed").into()) }
}

/// Echoes a text and a long binary message, and closes; gives the version of TLS.
pub(crate) async fn talk(connect: Connect) -> Outcome<String> {
    let mut ws = connect.await?;
    for message in [Message::from("hello"), Message::from(pattern(100_000))] {
        ws.send(message.clone()).await?;
        if ws.recv().await? != Some(message) {
            return Err("the echo is another message".into());
        }
    }
    let version = ws.with_stream(|stream| match stream {
        Transport::Tls(tls) => tls.get_ref().1.protocol_version().map(|it| format!("{it:?}")),
        _ => None,
    });
    ws.close(1000, "").await?;
    Ok(version.flatten().unwrap_or_else(|| "echo".to_owned()))
}

/// Expects connecting to fail, with a text that has these parts; gives the text.
pub(crate) async fn refused(connect: Connect, retryable: bool, parts: &[&str]) -> Outcome<String> {
    let Err(error) = connect.await else { return Err("it could connect".into()) };
    check(&error, retryable, parts)
}

fn check(error: &Error, retryable: bool, parts: &[&str]) -> Outcome<String> {
    let text = error.to_string();
    if let Some(part) = parts.iter().find(|part| !text.contains(**part)) {
        return Err(format!("the error has no {part:?}: {text}").into());
    }
    if error.is_retryable() != retryable {
        let word = if retryable { "isn't" } else { "is" };
        return Err(format!("the error {word} retryable: {text}").into());
    }
    if text.contains(parts::PASSWORD) {
        return Err(format!("the error shows the password: {text}").into());
    }
    Ok(text)
}
