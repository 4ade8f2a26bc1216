//! All kinds of hostile clients at once, while good ones are served.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use websockets::connect;

use crate::process::Server;
use crate::server::PER_ADDRESS;
use crate::{Outcome, ensure, summary};

const HALF_OPEN: usize = 1000;
const DEAF: usize = 200;
const GOOD: usize = 20;
const DURATION: Duration = Duration::from_secs(10);
/// The most memory that all of this may take, in MiB. One that never reads can have four times 64 KiB: replies that
/// wait, one reply more, messages that wait, and one that is being received; 200 have 50 MiB. The rest is for all
/// others, and for what the allocator keeps of it.
const MEMORY: u64 = 128;

/// The attackers' counts, and whether they are to end.
#[derive(Default)]
struct Tally {
    done: AtomicBool,
    refused: AtomicUsize,
    admitted: AtomicUsize,
    flooded: AtomicUsize,
}

pub(crate) async fn all_at_once() -> Outcome<String> {
    let mut server = Server::start(&["--guarded"]).await?;
    let (addr, done) = (server.addr, Arc::new(AtomicBool::new(false)));
    let before = server.memory()?;
    let mut good = JoinSet::new();
    for _ in 0..GOOD {
        good.spawn(be_good(addr, Arc::clone(&done)));
    }
    // In a process of their own, so that the good ones don't wait for them.
    let mut attack = Command::new(std::env::current_exe()?);
    attack.arg("attack").arg(addr.to_string()).stdout(Stdio::piped()).kill_on_drop(true);
    let attack = attack.spawn()?;
    let start = Instant::now();
    let mut most = before;
    while start.elapsed() < DURATION {
        sleep(Duration::from_millis(100)).await;
        most = most.max(server.memory()?);
    }
    done.store(true, Ordering::Relaxed);
    let mut times = Vec::new();
    while let Some(client) = good.join_next().await {
        times.extend(client??);
    }
    let attacked = timeout(Duration::from_secs(30), attack.wait_with_output()).await??;
    let attacked = String::from_utf8(attacked.stdout)?;
    server.signal("TERM").await?;
    let report = server.report().await?;
    let memory = most.saturating_sub(before) / 1024;
    ensure(memory <= MEMORY, || format!("{memory} MiB of memory"))?;
    ensure(attacked.contains(" refused"), || format!("the attack failed: {attacked}"))?;
    let echoes = times.len();
    Ok(format!(
        "{HALF_OPEN} half-open handshakes, {DEAF} that never read, {}: good clients had {echoes} echoes, {}; {memory} \
         MiB more memory at most, {MEMORY} allowed; {report:?}",
        attacked.trim(),
        summary(&mut times),
    ))
}

/// Attacks a server for some time, and tells the counts.
pub(crate) async fn attack(addr: &str) -> Outcome {
    let (addr, tally) = (addr.parse()?, Arc::new(Tally::default()));
    let mut bad = JoinSet::new();
    for i in 0..HALF_OPEN {
        // Below the limit of each address, which would end them at once.
        bad.spawn(be_half_open(addr, [127, 0, 1, u8::try_from(i / 250)?], Arc::clone(&tally)));
    }
    for _ in 0..DEAF {
        bad.spawn(be_deaf(addr, Arc::clone(&tally)));
    }
    for _ in 0..4 {
        bad.spawn(connect_all_the_time(addr, Arc::clone(&tally)));
    }
    for _ in 0..2 {
        bad.spawn(send_all_the_time(addr, Arc::clone(&tally)));
    }
    sleep(DURATION).await;
    tally.done.store(true, Ordering::Relaxed);
    bad.shutdown().await;
    let count = |count: &AtomicUsize| count.load(Ordering::Relaxed);
    let (admitted, refused) = (count(&tally.admitted), count(&tally.refused));
    ensure(admitted > 0 && refused > 0, || format!("{admitted} admitted, {refused} not"))?;
    println!(
        "{} connections from one address with at most {PER_ADDRESS} open ({refused} refused), {} MiB of messages",
        admitted + refused,
        count(&tally.flooded) >> 20,
    );
    Ok(())
}

/// A client that must be served throughout.
async fn be_good(addr: SocketAddr, done: Arc<AtomicBool>) -> Outcome<Vec<Duration>> {
    let mut ws = connect(format!("ws://{addr}/echo")).await?;
    let mut times = Vec::new();
    while !done.load(Ordering::Relaxed) {
        let start = Instant::now();
        ws.send("good").await?;
        ensure(ws.recv().await? == Some("good".into()), || "no echo".to_owned())?;
        times.push(start.elapsed());
        sleep(Duration::from_millis(20)).await;
    }
    ws.close(1000, "").await?;
    Ok(times)
}

async fn stream_from(ip: [u8; 4], addr: SocketAddr) -> Outcome<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((ip, 0)))?;
    Ok(socket.connect(addr).await?)
}

/// Begins handshakes and never ends one.
async fn be_half_open(addr: SocketAddr, ip: [u8; 4], tally: Arc<Tally>) -> Outcome {
    while !tally.done.load(Ordering::Relaxed) {
        let mut stream = stream_from(ip, addr).await?;
        stream.write_all(b"GET /echo HTTP/1.1\r\nHost: ").await?;
        // Until the server has enough of it.
        let mut rest = Vec::new();
        _ = stream.read_to_end(&mut rest).await;
    }
    Ok(())
}

const REQUEST: &[u8] =
    b"GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// A frame of 64 KiB, with a masking key of zero.
fn long_frame() -> Vec<u8> {
    let mut frame = vec![0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    frame.resize(14 + (64 << 10), 0);
    frame
}

/// Sends what is echoed, and reads nothing.
async fn be_deaf(addr: SocketAddr, tally: Arc<Tally>) -> Outcome {
    while !tally.done.load(Ordering::Relaxed) {
        let mut stream = stream_from([127, 0, 2, 1], addr).await?;
        stream.write_all(REQUEST).await?;
        let frame = long_frame();
        while stream.write_all(&frame).await.is_ok() {}
    }
    Ok(())
}

/// Opens connections, keeps them, and opens more.
async fn connect_all_the_time(addr: SocketAddr, tally: Arc<Tally>) -> Outcome {
    let mut kept = Vec::new();
    while !tally.done.load(Ordering::Relaxed) {
        let mut stream = stream_from([127, 0, 3, 1], addr).await?;
        _ = stream.write_all(REQUEST).await;
        let mut status = [0; 12];
        match timeout(Duration::from_secs(5), stream.read_exact(&mut status)).await {
            Ok(Ok(_)) if status.ends_with(b"101") => {
                tally.admitted.fetch_add(1, Ordering::Relaxed);
                kept.push(stream);
            }
            _ => _ = tally.refused.fetch_add(1, Ordering::Relaxed),
        }
    }
    Ok(())
}

/// Sends short messages as fast as they are taken, and reads their echoes.
async fn send_all_the_time(addr: SocketAddr, tally: Arc<Tally>) -> Outcome {
    let mut stream = stream_from([127, 0, 4, 1], addr).await?;
    stream.write_all(REQUEST).await?;
    let frames = [0x82, 0x84, 0, 0, 0, 0, 1, 2, 3, 4].repeat(1000);
    let (mut read, mut write) = stream.split();
    let sending = async {
        while write.write_all(&frames).await.is_ok() {
            tally.flooded.fetch_add(frames.len(), Ordering::Relaxed);
        }
    };
    let reading = async {
        let mut buffer = vec![0; 64 << 10];
        while read.read(&mut buffer).await.is_ok_and(|n| n > 0) {}
    };
    tokio::select! {
        () = sending => {}
        () = reading => {}
    }
    Ok(())
}
