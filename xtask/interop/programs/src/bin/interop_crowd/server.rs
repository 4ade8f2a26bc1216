//! The server of the scenarios: `interop_crowd serve [ADDR] [OPTION]...`.
//!
//! On `/echo` it echoes. Any other path is a topic: it publishes each text to all its members, the sender too;
//! `burst N` makes it publish the texts `burst 0` to `burst N - 1` on its own, and tell how many other processes don't get.
//!
//! - `--redis URL`, `--nats URL`: the engine of the rooms
//! - `--tls CERT KEY`: files in PEM
//! - `--reuse-port`: listens beside another process
//! - `--guarded`: limits for hostile clients
//!
//! It prints `listening ADDR`, then `backplane …` for each event, and on SIGTERM, which shuts it down, a
//! `report`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use websockets::rooms::{MemberSettings, NatsBackplane, RedisBackplane, Rooms};
use websockets::rustls::pki_types::pem::PemObject;
use websockets::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use websockets::{Error, FailureKind, Listen, ServerSettings, ServerTls, WebSocket, serve};

use crate::Outcome;

/// The connections of an address, if the server is guarded.
pub(crate) const PER_ADDRESS: usize = 500;
/// The time for a handshake, if the server is guarded.
pub(crate) const OPEN_TIMEOUT: Duration = Duration::from_secs(3);

/// Messages that were received and echoed.
#[derive(Default)]
struct Counts {
    received: AtomicU64,
    echoed: AtomicU64,
    failures: AtomicU64,
}

pub(crate) async fn run(args: &[String]) -> Outcome {
    let mut addr = SocketAddr::from(([127, 0, 0, 1], 0));
    let (mut tls, mut reuse_port, mut guarded) = (None, false, false);
    let mut rooms = Rooms::builder()
        .member_settings(MemberSettings::new().max_queue(4096))
        .on_event(|event| println!("backplane {event}"));
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} needs a value"));
        match arg.as_str() {
            "--redis" => rooms = rooms.backplane("crowd", RedisBackplane::new(value()?.as_str())?),
            "--nats" => rooms = rooms.backplane("crowd", NatsBackplane::new(value()?.as_str())),
            "--tls" => {
                let certs: Result<Vec<_>, _> = CertificateDer::pem_file_iter(value()?)?.collect();
                tls = Some(ServerTls::new(certs?, PrivateKeyDer::from_pem_file(value()?)?));
            }
            "--reuse-port" => reuse_port = true,
            "--guarded" => guarded = true,
            addr_arg => addr = addr_arg.parse()?,
        }
    }
    let (rooms, counts) = (rooms.build(), Arc::new(Counts::default()));
    let mut listen = Listen::tcp(addr).reuse_port(reuse_port).backlog(4096);
    if let Some(tls) = tls {
        listen = listen.tls(tls);
    }
    let (handler_counts, error_counts) = (Arc::clone(&counts), Arc::clone(&counts));
    let mut serving =
        serve(listen, move |ws| handle(ws, rooms.clone(), Arc::clone(&handler_counts))).on_error(
            move |failure| {
                if failure.kind() != FailureKind::Shutdown {
                    error_counts.failures.fetch_add(1, Ordering::Relaxed);
                }
            },
        );
    if guarded {
        let settings = ServerSettings::new()
            .open_timeout(OPEN_TIMEOUT)
            .write_timeout(Duration::from_secs(5))
            .max_message_size(64 << 10);
        serving = serving.settings(settings).max_connections_per_address(PER_ADDRESS);
    }
    let server = serving.await?;
    println!("listening {}", server.local_addr());

    signal(SignalKind::terminate())?.recv().await;
    let report = server.shutdown().limit(Duration::from_secs(60)).await;
    let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
    println!(
        "report closed={} cut={} failed={} received={} echoed={} failures={}",
        report.closed,
        report.cut,
        report.failed,
        count(&counts.received),
        count(&counts.echoed),
        count(&counts.failures),
    );
    Ok(())
}

async fn handle(ws: WebSocket, rooms: Rooms, counts: Arc<Counts>) -> Result<(), Error> {
    match ws.request().map(|request| request.path().to_owned()).as_deref() {
        Some("/echo") | None => echo(ws, &counts).await,
        Some(topic) => room(ws, topic, rooms).await,
    }
}

async fn echo(mut ws: WebSocket, counts: &Counts) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        counts.received.fetch_add(1, Ordering::Relaxed);
        ws.send(message).await?;
        counts.echoed.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

async fn room(mut ws: WebSocket, topic: &str, rooms: Rooms) -> Result<(), Error> {
    let member = rooms.member(ws.sender());
    member.join(topic)?;
    ws.send("joined").await?;
    while let Some(message) = ws.recv().await? {
        let burst = message.as_text().and_then(|text| text.strip_prefix("burst ")?.parse().ok());
        let Some(burst) = burst else {
            rooms.publish(topic, message);
            continue;
        };
        let burst = 0..burst;
        let lost =
            burst.filter(|i: &u64| rooms.publish(topic, format!("burst {i}")).lost_elsewhere);
        let lost = lost.count();
        ws.send(format!("lost {lost}")).await?;
    }
    Ok(())
}
