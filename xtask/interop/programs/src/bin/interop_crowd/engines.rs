//! Rooms of two processes over an engine, which goes away and comes back.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use websockets::{Message, WebSocket, connect};

use crate::process::{Engine, Server, free_addr};
use crate::{Outcome, ensure, summary};

const MEMBERS: usize = 1000;
/// The messages of each of two publishers to all members.
const MESSAGES: usize = 50;
/// The messages whose time is taken.
const PROBES: usize = 1000;
const AWAY: Duration = Duration::from_secs(5);
/// The messages that are published at once while the engine is away; 1,024 of them can wait.
const BURST: usize = 3000;

#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Redis,
    Nats,
}

impl Kind {
    async fn start(self) -> Outcome<(Engine, [String; 2])> {
        let addr = free_addr()?;
        let (ip, port) = (addr.ip().to_string(), addr.port().to_string());
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let (program, args, option, url) = match self {
            Self::Redis => {
                let args =
                    words(&["--bind", &ip, "--port", &port, "--save", "", "--appendonly", "no"]);
                ("redis-server", args, "--redis", format!("redis://{addr}/"))
            }
            Self::Nats => (
                "nats-server",
                words(&["-a", &ip, "-p", &port]),
                "--nats",
                format!("nats://{addr}"),
            ),
        };
        Ok((Engine::start(program, args, addr).await?, [option.to_owned(), url]))
    }
}

pub(crate) async fn two_processes(kind: Kind) -> Outcome<String> {
    let (mut engine, [option, url]) = kind.start().await?;
    let mut servers = Vec::new();
    for _ in 0..2 {
        let mut server = Server::start(&[&option, &url]).await?;
        server.until("backplane the backplane is connected").await?;
        servers.push(server);
    }
    let [one, two] = &mut servers[..] else { return Err("two servers".into()) };
    let ordered = many_members(one, two).await?;
    let added = latency(one, two).await?;
    let outage = outage(&mut engine, one, two).await?;
    Ok(format!("{ordered}; {added}; {outage}"))
}

async fn join(server: &Server, topic: &str) -> Outcome<WebSocket> {
    let mut ws = connect(format!("ws://{}/{topic}", server.addr)).await?;
    ensure(recv(&mut ws).await? == "joined", || "not joined".to_owned())?;
    Ok(ws)
}

async fn recv(ws: &mut WebSocket) -> Outcome<String> {
    let message = timeout(Duration::from_secs(60), ws.recv()).await;
    let message: Option<Message> = message.map_err(|_| "no message came for a minute")??;
    Ok(message.ok_or("closed")?.into_text()?.to_string())
}

/// Members on both sides that have seen each other, so that the engine knows the topic.
async fn meet(one: &mut WebSocket, two: &mut WebSocket) -> Outcome {
    loop {
        one.send("are you there?").await?;
        recv(one).await?;
        if let Ok(message) = timeout(Duration::from_millis(200), two.recv()).await {
            return message?.map(drop).ok_or_else(|| "closed".into());
        }
    }
}

/// 1,000 members on each side get the messages of publishers on both sides in order.
async fn many_members(one: &Server, two: &Server) -> Outcome<String> {
    let (mut first, mut second) = (join(one, "many").await?, join(two, "many").await?);
    meet(&mut first, &mut second).await?;
    meet(&mut second, &mut first).await?;
    let mut members = Vec::new();
    for i in 0..2 * MEMBERS {
        members.push(join(if i < MEMBERS { one } else { two }, "many").await?);
    }
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for mut ws in members {
        tasks.spawn(async move {
            let mut next = [0, 0];
            while next != [MESSAGES, MESSAGES] {
                let text = recv(&mut ws).await?;
                let Some((from, number)) = text.split_once(' ') else { continue };
                let Ok(from) = from.parse::<usize>() else { continue };
                let next = next.get_mut(from).ok_or("an unknown publisher")?;
                ensure(number.parse() == Ok(*next), || format!("{text} instead of {next}"))?;
                *next += 1;
            }
            Outcome::Ok(())
        });
    }
    for (from, mut ws) in [first, second].into_iter().enumerate() {
        tasks.spawn(async move {
            for number in 0..MESSAGES {
                let text = format!("{from} {number}");
                ws.send(text.as_str()).await?;
                while recv(&mut ws).await? != text {}
            }
            Outcome::Ok(())
        });
    }
    while let Some(task) = tasks.join_next().await {
        task??;
    }
    Ok(format!(
        "{MEMBERS} members on each of two processes had {MESSAGES} messages of each side in order, within {:.1} s",
        start.elapsed().as_secs_f64(),
    ))
}

/// The time that the engine adds.
async fn latency(one: &Server, two: &Server) -> Outcome<String> {
    let (mut here, mut there) = (join(one, "probe").await?, join(two, "probe").await?);
    meet(&mut here, &mut there).await?;
    meet(&mut there, &mut here).await?;
    // What the meetings have left.
    for ws in [&mut here, &mut there] {
        while timeout(Duration::from_millis(300), ws.recv()).await.is_ok() {}
    }
    let (mut local, mut remote) = (Vec::new(), Vec::new());
    for number in 0..PROBES {
        let (text, start) = (number.to_string(), Instant::now());
        here.send(text.as_str()).await?;
        ensure(recv(&mut here).await? == text, || "another message".to_owned())?;
        local.push(start.elapsed());
        ensure(recv(&mut there).await? == text, || "another message there".to_owned())?;
        remote.push(start.elapsed());
    }
    Ok(format!("here: {}; over the engine: {}", summary(&mut local), summary(&mut remote)))
}

/// The engine is away for five seconds.
async fn outage(engine: &mut Engine, one: &mut Server, two: &mut Server) -> Outcome<String> {
    let (mut here, mut there) = (join(one, "outage").await?, join(two, "outage").await?);
    meet(&mut here, &mut there).await?;
    let start = Instant::now();
    let publishing = async {
        let mut number = 0;
        // Longer than it is away.
        while start.elapsed() < AWAY + Duration::from_secs(5) {
            here.send(format!("n {number}")).await?;
            while !recv(&mut here).await?.starts_with("n ") {}
            number += 1;
            sleep(Duration::from_millis(20)).await;
        }
        here.send("end").await?;
        Outcome::Ok(number)
    };
    let receiving = async {
        let mut numbers: Vec<usize> = Vec::new();
        loop {
            match recv(&mut there).await?.split_once(' ') {
                Some(("n", number)) => numbers.push(number.parse()?),
                Some(_) => {}
                None => return Outcome::Ok(numbers),
            }
        }
    };
    let stopping = async {
        sleep(Duration::from_secs(1)).await;
        engine.stop().await?;
        sleep(AWAY).await;
        engine.restart().await
    };
    let (published, numbers, stopped) = tokio::join!(publishing, receiving, stopping);
    let (published, numbers) = (published?, numbers?);
    stopped?;
    ensure(numbers.is_sorted(), || "out of order".to_owned())?;
    let lost = published - numbers.len();
    let mut told = Vec::new();
    for server in [&mut *one, &mut *two] {
        server.until("backplane the backplane is away").await?;
        let told_lost = server.until("backplane the backplane is connected").await?;
        told.push(if told_lost.is_empty() { "none" } else { "some" }.to_owned() + &told_lost);
    }
    // At most what was on its way when the engine went.
    ensure(lost <= 20, || format!("{lost} of {published} were lost"))?;

    let burst = burst(engine, one, &mut here, &mut there).await?;
    Ok(format!(
        "away for {} s: {} of {published} arrived, in order, {lost} lost; told: {told:?}; {burst}",
        AWAY.as_secs(),
        numbers.len(),
    ))
}

/// More messages than can wait.
async fn burst(
    engine: &mut Engine,
    one: &mut Server,
    here: &mut WebSocket,
    there: &mut WebSocket,
) -> Outcome<String> {
    engine.stop().await?;
    one.until("backplane the backplane is away").await?;
    here.send(format!("burst {BURST}")).await?;
    let mut local = 0;
    let refused: usize = loop {
        let text = recv(here).await?;
        match text.split_once(' ') {
            Some(("burst", _)) => local += 1,
            Some(("lost", number)) => break number.parse()?,
            _ => {}
        }
    };
    while local < BURST {
        local += usize::from(recv(here).await?.starts_with("burst "));
    }
    engine.restart().await?;
    let told = one.until("backplane the backplane is connected").await?;
    let told: usize = told.split(' ').find_map(|word| word.parse().ok()).unwrap_or(0);
    let mut arrived = 0;
    loop {
        // As long as others wait, there is no room for it.
        here.send("end").await?;
        while let Ok(message) = timeout(Duration::from_millis(300), there.recv()).await {
            let text = message?.ok_or("closed")?.into_text()?;
            arrived += usize::from(text.starts_with("burst "));
        }
        if arrived > 0 {
            break;
        }
    }
    ensure(told == refused && arrived + refused == BURST, || {
        format!("{arrived} arrived, {refused} were refused, {told} were told, of {BURST}")
    })?;
    Ok(format!("of {BURST} at once, {arrived} waited and arrived, {refused} were lost and told"))
}

/// Without an engine, rooms are those of the process, and all is told.
pub(crate) async fn never_there() -> Outcome<String> {
    let url = format!("redis://:secret@{}/", free_addr()?);
    let mut server = Server::start(&["--redis", &url]).await?;
    let said = server.until("backplane the backplane is away").await?;
    ensure(!said.contains("secret"), || said.clone())?;
    let (here, mut other) = (join(&server, "topic").await?, join(&server, "topic").await?);
    here.send("hello").await?;
    ensure(recv(&mut other).await? == "hello", || "another message".to_owned())?;
    Ok(format!("members of one process hear each other; told: away{said}"))
}
