//! Thousands of connections to one process, and a shutdown that loses none of them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::sync::{Barrier, Semaphore};
use tokio::task::JoinSet;
use websockets::rustls::pki_types::CertificateDer;
use websockets::{ClientSettings, ClientTls, CloseCode, WebSocket, connect};

use crate::process::Server;
use crate::{Outcome, ensure, summary};

/// The messages of each connection before the shutdown.
const MESSAGES: usize = 5;

/// The most connections that are opened at once.
const OPENING: usize = 100;

pub(crate) async fn plain(connections: usize) -> Outcome<String> {
    let server = Server::start(&[]).await?;
    let url = format!("ws://{}/echo", server.addr);
    crowd(server, url, ClientSettings::new(), connections).await
}

pub(crate) async fn tls(connections: usize) -> Outcome<String> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".into()])?;
    let folder = std::env::temp_dir().join(format!("interop_crowd-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let file = |name: &str, text: String| -> Outcome<PathBuf> {
        let path = folder.join(name);
        std::fs::write(&path, text)?;
        Ok(path)
    };
    let cert_file = file("cert.pem", cert.pem())?;
    let key_file = file("key.pem", signing_key.serialize_pem())?;
    let files = [cert_file, key_file].map(|path| path.display().to_string());
    let server = Server::start(&["--tls", &files[0], &files[1]]).await?;
    std::fs::remove_dir_all(&folder)?;
    let url = format!("wss://localhost:{}/echo", server.addr.port());
    let settings = ClientSettings::new()
        .tls(ClientTls::new().only_roots([CertificateDer::from(cert.der().to_vec())]))
        .connect_to(server.addr.to_string());
    crowd(server, url, settings, connections).await
}

async fn crowd(
    mut server: Server,
    url: String,
    settings: ClientSettings,
    connections: usize,
) -> Outcome<String> {
    let before = server.memory()?;
    let start = Instant::now();
    let opening = Arc::new(Semaphore::new(OPENING));
    // Three times all wait for all: when they are open, when they have talked, when the last message has left.
    let barrier = Arc::new(Barrier::new(connections + 1));
    let mut clients = JoinSet::new();
    for i in 0..connections {
        let (url, settings) = (url.clone(), settings.clone());
        let (opening, barrier) = (Arc::clone(&opening), Arc::clone(&barrier));
        clients.spawn(async move {
            let permit = opening.acquire().await?;
            let ws = connect(&url).settings(settings).open_timeout(Duration::from_secs(60)).await;
            drop(permit);
            client(ws?, i, &barrier).await
        });
    }
    // One that fails would let all others wait.
    let everybody = async {
        barrier.wait().await;
        let opened = start.elapsed();
        barrier.wait().await;
        let talked = start.elapsed() - opened;
        let after = server.memory()?;
        barrier.wait().await;
        server.signal("TERM").await?;
        Outcome::Ok((opened, talked, after))
    };
    let failed = async {
        match clients.join_next().await {
            Some(Ok(Err(e))) => e,
            other => format!("a client has ended: {other:?}").into(),
        }
    };
    let (opened, talked, after) = tokio::select! {
        result = everybody => result?,
        e = failed => return Err(e),
    };
    let (mut times, mut echoes) = (Vec::new(), 0);
    while let Some(client) = clients.join_next().await {
        let (client, last) = client??;
        echoes += client.len() as u64 + u64::from(last);
        times.extend(client);
    }
    let report = server.report().await?;
    // A message that a handler gets when the server has said that it closes can't be answered.
    for (name, expected) in [
        ("closed", connections as u64),
        ("cut", 0),
        ("failed", 0),
        ("echoed", echoes),
        ("failures", 0),
    ] {
        ensure(report.get(name) == Some(&expected), || {
            format!("{name} != {expected}: {report:?}")
        })?;
    }
    let memory = after.saturating_sub(before) * 1024 / connections as u64;
    Ok(format!(
        "{connections} opened in {:.1} s; {} echoes in {:.1} s ({}); {memory} bytes of memory a connection; the \
         shutdown, with a message of each on its way, closed all with 1001 and lost none of {echoes} echoes",
        opened.as_secs_f64(),
        times.len(),
        talked.as_secs_f64(),
        summary(&mut times),
    ))
}

/// Talks, then leaves a message on its way while the server is shut down; gives the times of echoes, and
/// whether that message had one.
async fn client(mut ws: WebSocket, i: usize, barrier: &Barrier) -> Outcome<(Vec<Duration>, bool)> {
    barrier.wait().await;
    let mut times = Vec::new();
    for n in 0..MESSAGES {
        let (text, start) = (format!("message {n} of {i}"), Instant::now());
        ws.send(text.as_str()).await?;
        ensure(ws.recv().await? == Some(text.into()), || "another message".to_owned())?;
        times.push(start.elapsed());
    }
    barrier.wait().await;
    ws.send("the last one").await?;
    barrier.wait().await;
    let last = ws.recv().await?;
    let answered = last.is_some();
    ensure(last.is_none_or(|last| last == "the last one".into()), || "another one".to_owned())?;
    ensure(!answered || ws.recv().await?.is_none(), || "one too many".to_owned())?;
    ensure(ws.close_code() == Some(CloseCode::GOING_AWAY), || format!("{:?}", ws.close_code()))?;
    Ok((times, answered))
}
