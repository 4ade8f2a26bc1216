//! Helper program of the interop tests: a client that drives another library's server through
//! scenarios, and prints one line of JSON for each.
//!
//! usage: interop_client URL [--without SCENARIO]...
//!
//! The server knows the paths of `xtask/interop/README.md`. Each line has, besides `scenario`, `ok`,
//! `seconds` and `error`, the field `records`: what the server must have written down, by the name
//! of the connection. Nothing is compressed; `interop_deflate` does that. Exit status: 0 when all
//! scenarios passed.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use interop_programs::{frame, letters, pattern, quote};
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use websockets::{Close, CloseCode, Closed, Connect, Error, Message, WebSocket, connect};

const MIB: usize = 1 << 20;
/// Lengths at the borders of the three length fields (RFC 6455 section 5.2), and the default limit.
const SIZES: [usize; 7] = [0, 1, 125, 126, 65535, 65536, MIB];
/// For one scenario.
const LIMIT: Duration = Duration::from_secs(60);

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Outcome<T = ()> = Result<T, Failure>;
type Scenario<'a> = (&'static str, Pin<Box<dyn Future<Output = Outcome> + 'a>>);

#[tokio::main]
async fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let Some(url) = args.next() else {
        eprintln!("usage: interop_client URL [--without SCENARIO]...");
        return ExitCode::from(2);
    };
    let without: Vec<String> = args.filter(|arg| arg != "--without").collect();
    let server = Server { url, records: Arc::default() };
    let mut failed = 0;
    for (name, scenario) in scenarios(&server) {
        if without.iter().any(|left_out| left_out == name) {
            continue;
        }
        let start = Instant::now();
        let error = match tokio::time::timeout(LIMIT, scenario).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("took longer than {} s", LIMIT.as_secs())),
        };
        failed += usize::from(error.is_some());
        println!(
            r#"{{"scenario": {}, "ok": {}, "seconds": {:.2}, "error": {}, "records": {{{}}}}}"#,
            quote(&format!("client_{name}")),
            error.is_none(),
            start.elapsed().as_secs_f64(),
            error.map_or("null".to_owned(), |error| quote(&error)),
            server.take_records().join(", "),
        );
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn scenarios(server: &Server) -> Vec<Scenario<'_>> {
    vec![
        ("text", Box::pin(text(server))),
        ("binary", Box::pin(binary(server))),
        ("fragmented_send", Box::pin(fragmented_send(server))),
        ("fragmented_receive", Box::pin(fragmented_receive(server))),
        ("piecewise", Box::pin(piecewise(server))),
        ("ping_and_pong", Box::pin(ping_and_pong(server))),
        ("ping_by_server", Box::pin(ping_by_server(server))),
        ("close_by_client", Box::pin(close_by_client(server))),
        ("close_by_server", Box::pin(close_by_server(server))),
        ("over_the_limit", Box::pin(over_the_limit(server))),
        ("over_our_limit", Box::pin(over_our_limit(server))),
        ("subprotocol", Box::pin(subprotocol(server))),
        ("many_messages", Box::pin(many_messages(server))),
        ("sequential", Box::pin(sequential(server))),
        ("concurrent", Box::pin(concurrent(server))),
    ]
}

/// The server, and what it must have written down: members of a JSON object.
#[derive(Clone)]
struct Server {
    url: String,
    records: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn connect(&self, path: &str, name: &str) -> Connect {
        let mark = if path.contains('?') { '&' } else { '?' };
        let url = format!("{}{path}{mark}scenario=client_{name}", self.url);
        connect(url).open_timeout(LIMIT).compression(None)
    }

    async fn open(&self, path: &str, name: &str) -> Outcome<Link> {
        let ws = self.connect(path, name).await.map_err(|e| format!("{name}: opening: {e}"))?;
        Ok(self.link(ws, name))
    }

    fn link(&self, ws: WebSocket, name: &str) -> Link {
        let (server, name) = (self.clone(), name.to_owned());
        Link { ws, server, name, texts: 0, binaries: 0, bytes: 0, more: String::new() }
    }

    /// Expects a record; `fields` are members of a JSON object.
    fn expect_record(&self, name: &str, fields: &str) {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.push(format!("{}: {{{fields}}}", quote(&format!("client_{name}"))));
    }

    fn take_records(&self) -> Vec<String> {
        std::mem::take(&mut self.records.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A connection, and what was sent on it.
struct Link {
    ws: WebSocket,
    server: Server,
    name: String,
    texts: usize,
    binaries: usize,
    bytes: usize,
    /// Further fields of the record.
    more: String,
}

impl Link {
    fn count(&mut self, message: &Message) {
        match message {
            Message::Text(_) => self.texts += 1,
            Message::Binary(_) => self.binaries += 1,
        }
        self.bytes += message.len();
    }

    async fn send(&mut self, message: Message) -> Outcome {
        self.count(&message);
        Ok(self.ws.send(message).await?)
    }

    async fn expect(&mut self, message: Message) -> Outcome {
        expect(&self.name, self.ws.recv().await?, Some(message))
    }

    async fn echo(&mut self, message: impl Into<Message>) -> Outcome {
        let message = message.into();
        self.send(message.clone()).await?;
        self.expect(message).await
    }

    /// Closes, and checks what this side saw.
    async fn close(mut self, code: u16, reason: &str) -> Outcome {
        self.ws.close(code, reason).await?;
        let ended = self.ws.recv().await;
        let proper = code == 1000 || code == 1001;
        expect("whether recv gives None", matches!(ended, Ok(None)), proper)?;
        expect("whether recv fails", matches!(ended, Err(Error::Closed(_))), !proper)?;
        let closed = self.closed().await?;
        expect("the close frame that was sent", closed.sent(), Some(&Close::new(code, reason)))?;
        expect("the code that was answered", closed.code().as_u16(), code)?;
        expect("that the server closed first", closed.rcvd_then_sent(), Some(false))?;
        self.record(&closed, true);
        Ok(())
    }

    /// How the connection ended; after a proper close, too, the error of sending tells.
    async fn closed(&mut self) -> Outcome<Closed> {
        match self.ws.send("").await {
            Err(Error::Closed(closed)) => Ok(closed),
            other => Err(format!("{}: sending after the end: {other:?}", self.name).into()),
        }
    }

    /// Expects the server to have seen what this side saw. Without `answered`, it needn't have
    /// received this side's close frame.
    fn record(&self, closed: &Closed, answered: bool) {
        let mut fields = format!(
            r#""texts": {}, "binaries": {}, "bytes": {}, "sent": {}{}"#,
            self.texts,
            self.binaries,
            self.bytes,
            frame(closed.rcvd()),
            self.more,
        );
        if answered {
            fields += &format!(
                r#", "rcvd": {}, "rcvd_then_sent": {}"#,
                frame(closed.sent()),
                closed.rcvd_then_sent() == Some(false),
            );
        }
        self.server.expect_record(&self.name, &fields);
    }
}

async fn text(server: &Server) -> Outcome {
    let mut link = server.open("/echo", "text").await?;
    for size in SIZES {
        link.echo(letters(size)).await?;
    }
    for text in ["\u{20ac}", &"\u{1f980}".repeat(1000), "\0", "\u{7ff}\u{ffff}"] {
        link.echo(text).await?;
    }
    link.close(1000, "").await
}

async fn binary(server: &Server) -> Outcome {
    let mut link = server.open("/echo", "binary").await?;
    for size in SIZES {
        link.echo(pattern(size)).await?;
    }
    link.close(1000, "").await
}

async fn fragmented_send(server: &Server) -> Outcome {
    let mut link = server.open("/echo", "fragmented_send").await?;
    let (b, long) = ("b".repeat(70000), pattern(70000));
    let texts: [Vec<Message>; 2] =
        [vec!["a".into(), "".into(), "é".into(), b.clone().into()], vec!["".into(), "".into()]];
    let binaries: [Vec<Message>; 2] =
        [vec![b"a".into(), b"".into(), long.clone().into()], vec![b"".into()]];
    for pieces in texts.into_iter().chain(binaries) {
        let mut whole = Vec::new();
        let is_text = pieces.iter().all(Message::is_text);
        let mut writer = link.ws.send_streaming();
        for piece in pieces {
            whole.extend_from_slice(piece.as_bytes());
            writer.write(piece).await?;
        }
        writer.finish().await?;
        let whole = match is_text {
            true => Message::text(String::from_utf8(whole)?),
            false => Message::from(whole),
        };
        link.count(&whole);
        link.expect(whole).await?;
    }
    link.close(1000, "").await
}

async fn fragmented_receive(server: &Server) -> Outcome {
    for (kind, whole) in
        [("text", Message::from(letters(70000))), ("binary", Message::from(pattern(70000)))]
    {
        let path = format!("/fragmented?size=70000&fragments=7&type={kind}");
        let mut link = server.open(&path, &format!("fragmented_receive_{kind}")).await?;
        link.expect(whole.clone()).await?;
        link.close(1000, "").await?;

        let mut link = server.open(&path, &format!("fragmented_stream_{kind}")).await?;
        let mut reader = link.ws.recv_streaming().await?.ok_or("closed instead of a message")?;
        expect("the kind of the message", reader.kind(), whole.kind())?;
        let (mut pieces, mut bytes) = (0, Vec::new());
        while let Some(piece) = reader.next().await? {
            expect("the kind of a piece", piece.kind(), whole.kind())?;
            pieces += usize::from(!piece.is_empty());
            bytes.extend_from_slice(piece.as_bytes());
        }
        drop(reader);
        expect("the pieces together", bytes == whole.as_bytes(), true)?;
        expect("that they are at least the 7 fragments", pieces >= 7, true)?;
        link.close(1000, "").await?;
    }
    Ok(())
}

/// The echo of a piece arrives before the next piece is sent.
async fn piecewise(server: &Server) -> Outcome {
    let mut link = server.open("/piecewise", "piecewise").await?;
    let pieces = ["first, ", "sécond, ", "third"].map(Message::from);
    link.count(&"first, sécond, third".into());
    let Link { ws, server, name, texts, binaries, bytes, .. } = link;
    let (sender, mut receiver) = ws.split();
    let mut writer = sender.send_streaming();
    let (first, rest) = pieces.split_first().ok_or("no pieces")?;
    writer.write(first.clone()).await?;
    let mut reader = receiver.recv_streaming().await?.ok_or("closed instead of a message")?;
    expect("the first piece", reader.next().await?, Some(first.clone()))?;
    for piece in rest {
        writer.write(piece.clone()).await?;
        expect("a later piece", next_of(&mut reader).await?, Some(piece.clone()))?;
    }
    writer.finish().await?;
    expect("the end of the message", next_of(&mut reader).await?, None)?;
    drop(reader);
    sender.close(1000, "").await?;
    expect("the end", receiver.recv().await?, None)?;
    let fields = format!(
        r#""texts": {texts}, "binaries": {binaries}, "bytes": {bytes}, "rcvd": {0}, "sent": {0}"#,
        frame(Some(&Close::new(1000, ""))),
    );
    server.expect_record(&name, &fields);
    Ok(())
}

/// The next piece that isn't empty.
async fn next_of(
    reader: &mut websockets::MessageReader<'_, websockets::Transport>,
) -> Outcome<Option<Message>> {
    loop {
        match reader.next().await? {
            Some(piece) if piece.is_empty() => {}
            other => return Ok(other),
        }
    }
}

async fn ping_and_pong(server: &Server) -> Outcome {
    let mut link = server.open("/echo", "ping_and_pong").await?;
    expect("the latency before any ping", link.ws.latency(), None)?;
    let payloads = [Vec::new(), b"x".to_vec(), pattern(125)];
    for payload in &payloads {
        let pong = link.ws.ping(Some(payload.clone().into())).await?;
        let latency = tokio::select! {
            latency = pong => latency.ok_or("closed instead of a pong")?,
            message = link.ws.recv() => return Err(format!("not a pong: {message:?}").into()),
        };
        for latency in [Some(latency), link.ws.latency()] {
            let plausible = latency.is_some_and(|time| !time.is_zero() && time < LIMIT);
            expect("that the latency is plausible", (plausible, latency), (true, latency))?;
        }
    }
    link.ws.pong(b"nobody asked").await?;
    link.echo("still there").await?;
    let hex = payloads
        .map(|payload| quote(&payload.iter().map(|b| format!("{b:02x}")).collect::<String>()));
    link.more = format!(r#", "pings": [{}]"#, hex.join(", "));
    link.close(1000, "").await?;

    // A payload of the library's choice.
    let mut link = server.open("/echo", "ping_of_its_own").await?;
    let pong = link.ws.ping(None).await?;
    let (pong, message) = tokio::join!(pong, link.echo("after the ping"));
    message?;
    expect("that there is a latency", pong.is_some(), true)?;
    link.close(1000, "").await
}

async fn ping_by_server(server: &Server) -> Outcome {
    let mut link = server.open("/ping?payload=marco", "ping_by_server").await?;
    link.expect("pong marco".into()).await?;
    link.close(1000, "").await
}

async fn close_by_client(server: &Server) -> Outcome {
    let variants = [(4321, "au revoir, é"), (1000, ""), (1001, &*"r".repeat(123))];
    for (number, (code, reason)) in variants.into_iter().enumerate() {
        let link = server.open("/echo", &format!("close_by_client_{number}")).await?;
        link.close(code, reason).await?;
    }
    Ok(())
}

async fn close_by_server(server: &Server) -> Outcome {
    let path = "/close?code=4002&reason=that%27s+all%2C+%C3%A9";
    let close = Close::new(4002, "that's all, é");
    let mut link = server.open(path, "close_by_server").await?;
    let ended = link.ws.recv().await;
    expect("whether recv fails", matches!(ended, Err(Error::Closed(_))), true)?;
    let closed = link.closed().await?;
    expect("the close frame that was received", closed.rcvd(), Some(&close))?;
    expect("the code that was answered", closed.sent().map(|sent| sent.code), Some(close.code))?;
    expect("that the server closed first", closed.rcvd_then_sent(), Some(true))?;
    expect("close_code()", link.ws.close_code(), Some(close.code))?;
    expect("close_reason()", link.ws.close_reason().as_deref(), Some(&*close.reason))?;
    link.record(&closed, true);

    let mut link = server.open("/close?code=1001", "closed_properly_by_server").await?;
    expect("the end", link.ws.recv().await?, None)?;
    let closed = link.closed().await?;
    expect("the close frame that was received", closed.rcvd(), Some(&Close::new(1001, "")))?;
    link.record(&closed, true);
    Ok(())
}

async fn over_the_limit(server: &Server) -> Outcome {
    for whole in [true, false] {
        let mut link = server.open("/echo", &format!("over_the_limit_{whole}")).await?;
        // Not counted: the server doesn't take it.
        if whole {
            link.ws.send(pattern(MIB + 1)).await?;
        } else {
            let mut writer = link.ws.send_streaming();
            writer.write(pattern(MIB)).await?;
            writer.write(b"x").await?;
            writer.finish().await?;
        }
        let ended = link.ws.recv().await;
        expect("whether recv fails", matches!(ended, Err(Error::Closed(_))), true)?;
        let closed = link.closed().await?;
        let too_big = Some(CloseCode::MESSAGE_TOO_BIG);
        expect("the code that was received", closed.rcvd().map(|close| close.code), too_big)?;
        expect("the code that was answered", closed.sent().map(|close| close.code), too_big)?;
        link.record(&closed, false);
    }
    Ok(())
}

async fn over_our_limit(server: &Server) -> Outcome {
    for (path, name) in [
        ("/big?size=1001", "over_our_limit_big"),
        ("/fragmented?size=1001&fragments=2&type=binary", "over_our_limit_fragmented"),
    ] {
        let mut link = server.link(server.connect(path, name).max_message_size(1000).await?, name);
        let ended = link.ws.recv().await;
        expect("whether recv fails", matches!(ended, Err(Error::Closed(_))), true)?;
        let closed = link.closed().await?;
        let too_big = Some(CloseCode::MESSAGE_TOO_BIG);
        expect("the code that was sent", closed.sent().map(|close| close.code), too_big)?;
        let fields = format!(r#""rcvd": {}"#, frame(closed.sent()));
        server.expect_record(name, &fields);
    }
    // A message at the limit is no problem.
    let name = "at_our_limit";
    let connecting = server.connect("/big?size=1000", name).max_message_size(1000);
    let mut link = server.link(connecting.await?, name);
    link.expect(pattern(1000).into()).await?;
    link.close(1000, "").await
}

async fn subprotocol(server: &Server) -> Outcome {
    for (number, (offered, chosen)) in
        [(&["superchat"][..], "superchat"), (&["chat", "x"], "chat")].into_iter().enumerate()
    {
        let name = format!("subprotocol_{number}");
        let connecting = server.connect("/subprotocol", &name).subprotocols(offered);
        let mut link = server.link(connecting.await?, &name);
        expect("the subprotocol", link.ws.subprotocol().map(|name| name.as_str()), Some(chosen))?;
        link.expect(chosen.into()).await?;
        link.more = format!(r#", "subprotocol": {}"#, quote(chosen));
        link.close(1000, "").await?;
    }
    let mut link = server.open("/subprotocol", "no_subprotocol").await?;
    expect("the subprotocol", link.ws.subprotocol(), None)?;
    link.expect("None".into()).await?;
    link.more = r#", "subprotocol": null"#.to_owned();
    link.close(1000, "").await
}

async fn many_messages(server: &Server) -> Outcome {
    let link = server.open("/echo", "many_messages").await?;
    let sizes: Vec<usize> = (0..2000).map(|i| (i * 37) % 3000).collect();
    let Link { ws, server, name, .. } = link;
    let (sender, mut receiver) = ws.split();
    let sending = async {
        for &size in &sizes {
            sender.send(pattern(size)).await?;
        }
        sender.flush().await.map_err(Failure::from)
    };
    let receiving = async {
        for &size in &sizes {
            expect("one of many", receiver.recv().await?, Some(pattern(size).into()))?;
        }
        Ok(())
    };
    tokio::try_join!(sending, receiving)?;
    sender.close(1000, "").await?;
    let bytes: usize = sizes.iter().sum();
    let fields = format!(r#""texts": 0, "binaries": {}, "bytes": {bytes}"#, sizes.len());
    server.expect_record(&name, &fields);
    Ok(())
}

async fn sequential(server: &Server) -> Outcome {
    for number in 0..500 {
        let mut link = server.open("/echo", &format!("sequential_{number}")).await?;
        link.echo(number.to_string()).await?;
        link.close(1000, "").await?;
    }
    Ok(())
}

async fn concurrent(server: &Server) -> Outcome {
    const COUNT: usize = 200;
    // All are open before the first sends.
    let meeting = Arc::new(Barrier::new(COUNT));
    let mut tasks = JoinSet::new();
    for number in 0..COUNT {
        let (server, meeting) = (server.clone(), Arc::clone(&meeting));
        tasks.spawn(async move {
            let mut link = server.open("/echo", &format!("concurrent_{number}")).await?;
            meeting.wait().await;
            for size in [1, 126, 65536] {
                let own = number.to_le_bytes().into_iter().chain(pattern(size));
                link.echo(own.collect::<Vec<u8>>()).await?;
            }
            link.close(1000, "").await
        });
    }
    while let Some(result) = tasks.join_next().await {
        result??;
    }
    Ok(())
}

#[track_caller]
fn expect<T: PartialEq + Debug>(what: &str, got: T, wanted: T) -> Outcome {
    if got == wanted {
        return Ok(());
    }
    let line = std::panic::Location::caller().line();
    Err(format!("line {line}: {what}: got {got:?}, wanted {wanted:?}").into())
}
