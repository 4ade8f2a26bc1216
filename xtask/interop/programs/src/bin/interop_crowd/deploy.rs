//! A new process beside the old one, on the same port; the old one is shut down.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;
use websockets::{CloseCode, Error, connect};

use crate::process::{Server, free_addr};
use crate::{Outcome, ensure};

const CLIENTS: usize = 100;
/// The number of times that a new process takes the place of the old one.
const DEPLOYMENTS: usize = 5;

#[derive(Default)]
struct Tally {
    done: AtomicBool,
    echoes: AtomicU64,
    /// Messages without an echo: they left when the server had begun to close.
    unanswered: AtomicU64,
    reconnections: AtomicU64,
    failed_attempts: AtomicU64,
}

pub(crate) async fn beside_the_old_one() -> Outcome<String> {
    let addr = free_addr()?.to_string();
    let mut server = Server::start(&[&addr, "--reuse-port"]).await?;
    let tally = Arc::new(Tally::default());
    let mut clients = JoinSet::new();
    for i in 0..CLIENTS {
        clients.spawn(client(format!("ws://{addr}/echo"), i, Arc::clone(&tally)));
    }
    let (mut received, mut echoed, mut closed) = (0, 0, 0);
    let mut end = async |server: &mut Server| {
        server.signal("TERM").await?;
        let report = server.report().await?;
        let count = |name| report.get(name).copied().unwrap_or(u64::MAX);
        ensure(count("cut") == 0 && count("failed") == 0, || format!("{report:?}"))?;
        received += count("received");
        echoed += count("echoed");
        closed += count("closed");
        Outcome::Ok(())
    };
    for _ in 0..DEPLOYMENTS {
        sleep(Duration::from_millis(500)).await;
        let new = Server::start(&[&addr, "--reuse-port"]).await?;
        end(&mut server).await?;
        server = new;
    }
    sleep(Duration::from_millis(500)).await;
    tally.done.store(true, Ordering::Relaxed);
    while let Some(client) = clients.join_next().await {
        client??;
    }
    end(&mut server).await?;
    let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let echoes = count(&tally.echoes);
    ensure(echoed == echoes, || format!("{echoed} echoed, of which {echoes} arrived"))?;
    // A message that a handler gets when the server has said that it closes can't be answered.
    let late = received - echoed;
    ensure(late <= count(&tally.unanswered), || format!("{late} had no answer"))?;
    ensure(closed >= (CLIENTS * DEPLOYMENTS) as u64, || format!("{closed} were closed"))?;
    Ok(format!(
        "{DEPLOYMENTS} deployments under {CLIENTS} clients: all {echoes} messages that a server received before \
         it closed were echoed; {} that left while it closed had no answer; {} connections again, {} attempts failed",
        count(&tally.unanswered),
        count(&tally.reconnections),
        count(&tally.failed_attempts),
    ))
}

/// Sends, and counts echoes; connects again when the server goes away.
async fn client(url: String, i: usize, tally: Arc<Tally>) -> Outcome {
    let add = |count: &AtomicU64| _ = count.fetch_add(1, Ordering::Relaxed);
    loop {
        let mut ws = match connect(&url).await {
            Ok(ws) => ws,
            // It was in the queue of a process that went away.
            Err(e) if e.is_retryable() => {
                add(&tally.failed_attempts);
                sleep(Duration::from_millis(5)).await;
                continue;
            }
            Err(e) => return Err(e.into()),
        };
        let text = format!("a message of {i}");
        let ended: Result<Option<()>, Error> = async {
            while !tally.done.load(Ordering::Relaxed) {
                ws.send(text.as_str()).await?;
                add(&tally.unanswered);
                match ws.recv().await? {
                    Some(message) if message == text.as_str().into() => {}
                    Some(_) => return Ok(None),
                    None => return Ok(Some(())),
                }
                add(&tally.echoes);
                tally.unanswered.fetch_sub(1, Ordering::Relaxed);
            }
            ws.close(1000, "").await?;
            Ok(Some(()))
        }
        .await;
        match ended {
            Ok(Some(())) => {}
            Ok(None) => return Err("another message".into()),
            // It was closed between two messages.
            Err(e) if e.is_closed_ok() => {}
            Err(e) => return Err(e.into()),
        }
        if tally.done.load(Ordering::Relaxed) {
            return Ok(());
        }
        ensure(ws.close_code() == Some(CloseCode::GOING_AWAY), || {
            format!("{:?}", ws.close_code())
        })?;
        add(&tally.reconnections);
    }
}
