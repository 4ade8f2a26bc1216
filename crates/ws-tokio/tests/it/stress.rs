//! Both ends of a connection, each in two tasks that do whatever the dice say: every message arrives once
//! and in order, whatever was dropped half-way, and nobody waits without end.

use std::future::{Future, IntoFuture, poll_fn};
use std::io;
use std::ops::Range;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::sleep;
use ws_tokio::{Message, Receiver, Sender, TrySendError, accept, client};
use ws_types::Side;

use crate::common::{REQUEST, TEXT, frame, soon};

/// Random numbers that depend on the seed alone.
#[derive(Clone, Debug)]
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((x ^ (x >> 31)) % n as u64) as usize
    }

    fn fork(&mut self) -> Self {
        Self(self.below(usize::MAX) as u64)
    }
}

/// A stream that moves chunks of any size, and sometimes isn't ready although it could be.
#[derive(Debug)]
struct Choppy {
    io: DuplexStream,
    dice: Dice,
}

impl Choppy {
    fn hesitates(&mut self, cx: &Context<'_>) -> bool {
        let hesitates = self.dice.below(4) == 0;
        if hesitates {
            cx.waker().wake_by_ref();
        }
        hesitates
    }

    fn size(&mut self) -> usize {
        match self.dice.below(3) {
            0 => 1 + self.dice.below(10),
            1 => 1 + self.dice.below(1000),
            _ => 100_000,
        }
    }
}

impl AsyncRead for Choppy {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.hesitates(cx) {
            return Poll::Pending;
        }
        let n = self.size().min(buf.remaining());
        let mut part = ReadBuf::new(buf.initialize_unfilled_to(n));
        std::task::ready!(Pin::new(&mut self.io).poll_read(cx, &mut part))?;
        let n = part.filled().len();
        buf.advance(n);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Choppy {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.hesitates(cx) {
            return Poll::Pending;
        }
        let n = self.size().min(buf.len());
        Pin::new(&mut self.io).poll_write(cx, &buf[..n])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.hesitates(cx) {
            return Poll::Pending;
        }
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.hesitates(cx) {
            return Poll::Pending;
        }
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// Polls `n` times, letting other tasks run in between, then drops the future unless it is ready before.
async fn poll_times<T>(mut n: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        if let Poll::Ready(result) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(result));
        }
        n = n.saturating_sub(1);
        if n == 0 {
            return Poll::Ready(None);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

/// A message that tells its number; in pieces of at least four bytes.
fn message(number: u32, dice: &mut Dice) -> Message {
    let len = [0, 1, 20, 300, 9_000, 70_000][dice.below(6)];
    let mut data = number.to_be_bytes().to_vec();
    data.resize(4 + len, number as u8);
    Message::from(data)
}

fn number(message: &Message) -> u32 {
    let (head, filler) = message.as_bytes().split_first_chunk().unwrap();
    let number = u32::from_be_bytes(*head);
    assert!(filler.iter().all(|&byte| byte == number as u8));
    number
}

/// The last message.
const END: u32 = u32::MAX;

/// Sends; tells the numbers of the messages that were sent, and whether that is sure.
async fn send_all(
    mut sender: Sender<Choppy>,
    mut dice: Dice,
) -> (Sender<Choppy>, Vec<(u32, bool)>) {
    let mut sent = Vec::new();
    let mut pongs = Vec::new();
    for i in 0..40 {
        let polls = 1 + dice.below(4);
        let next = message(i, &mut dice);
        let sure = match dice.below(10) {
            0..=2 => Some(sender.send(next).await.map(|()| true)),
            3 => Some(sender.feed(next).await.map(|()| true)),
            4 => Some(SinkExt::send(&mut sender, next).await.map(|()| true)),
            // If it is dropped, nobody knows.
            5 => Some(
                poll_times(polls, sender.send(next)).await.map_or(Ok(false), |r| r.map(|()| true)),
            ),
            // If it is dropped, the message was not taken.
            6 => poll_times(polls, sender.feed(next)).await.map(|r| r.map(|()| true)),
            7 => {
                let data = next.as_bytes().to_vec();
                let (head, rest) = data.split_at(4);
                let mut writer = sender.send_streaming();
                writer.write(head.to_vec()).await.unwrap();
                for piece in rest.chunks(1 + rest.len() / 3) {
                    writer.write(piece.to_vec()).await.unwrap();
                }
                Some(writer.finish().await.map(|()| true))
            }
            8 => {
                pongs.push(sender.ping(None).await.unwrap());
                sender.pong(b"unasked".to_vec()).await.unwrap();
                None
            }
            _ => {
                sleep(Duration::from_millis(dice.below(20) as u64)).await;
                _ = poll_times(polls, sender.flush()).await;
                // On in another task.
                sender = tokio::spawn(async move { sender }).await.unwrap();
                None
            }
        };
        if let Some(sure) = sure {
            sent.push((i, sure.unwrap()));
        }
    }
    sender.send(END.to_be_bytes().to_vec()).await.unwrap();
    sent.push((END, true));
    for pong in pongs {
        assert!(pong.await.is_some());
    }
    (sender, sent)
}

/// Receives up to the end of the connection; tells the numbers. `ended` hears of the last message.
async fn receive_all(
    mut receiver: Receiver<Choppy>,
    mut dice: Dice,
    ended: UnboundedSender<()>,
) -> Vec<u32> {
    let mut received = Vec::new();
    loop {
        let polls = 1 + dice.below(4);
        let next = match dice.below(7) {
            0..=1 => receiver.recv().await.unwrap().map(|m| number(&m)),
            2 => match poll_times(polls, receiver.recv()).await {
                Some(message) => message.unwrap().map(|m| number(&m)),
                None => continue,
            },
            3 => match poll_times(polls, receiver.next()).await {
                Some(message) => message.transpose().unwrap().map(|m| number(&m)),
                None => {
                    sleep(Duration::from_millis(dice.below(30) as u64)).await;
                    continue;
                }
            },
            4 => {
                sleep(Duration::from_millis(dice.below(20) as u64)).await;
                receiver = tokio::spawn(async move { receiver }).await.unwrap();
                continue;
            }
            way => match receiver.recv_streaming().await.unwrap() {
                Some(mut reader) => {
                    let mut data = Vec::new();
                    // Sometimes the rest is dropped.
                    while way == 5 || data.len() < 4 {
                        match poll_times(polls, reader.next()).await {
                            Some(Ok(Some(piece))) => data.extend_from_slice(piece.as_bytes()),
                            Some(Ok(None)) => break,
                            Some(Err(error)) => panic!("{error}"),
                            None => sleep(Duration::from_millis(1)).await,
                        }
                    }
                    Some(number(&Message::from(data)))
                }
                None => None,
            },
        };
        let Some(next) = next else { return received };
        received.push(next);
        if next == END {
            ended.send(()).unwrap();
        }
    }
}

/// Messages that were sent for sure have arrived, in order, each once; those that nobody knows of, once at most.
fn check(sent: &[(u32, bool)], received: &[u32], seed: u64) {
    let mut received = received.iter().peekable();
    for &(number, sure) in sent {
        let arrived = received.next_if_eq(&&number).is_some();
        assert!(arrived || !sure, "seed {seed}: {number} is missing, {:?} came", received.peek());
    }
    assert_eq!(received.next(), None, "seed {seed}");
}

async fn run(seed: u64) {
    let mut dice = Dice(seed);
    let (near, far) = duplex([50, 1000, 20_000][dice.below(3)]);
    let near = Choppy { io: near, dice: dice.fork() };
    let far = Choppy { io: far, dice: dice.fork() };
    let interval = [None, Some(Duration::from_millis(7))][dice.below(2)];
    let client = client(near, "ws://localhost/").ping_interval(interval);
    let server = accept(far).ping_interval(interval);
    let (client, server) = tokio::join!(client.into_future(), server.into_future());
    let (ended, mut ends) = unbounded_channel();
    let mut ends_of = Vec::new();
    for ws in [client.unwrap(), server.unwrap()] {
        let (sender, receiver) = ws.split();
        ends_of.push((
            tokio::spawn(send_all(sender, dice.fork())),
            tokio::spawn(receive_all(receiver, dice.fork(), ended.clone())),
        ));
    }
    let mut senders = Vec::new();
    let mut receivers = Vec::new();
    let mut all_sent = Vec::new();
    for (sending, receiving) in ends_of {
        let (sender, sent) = sending.await.unwrap();
        senders.push(sender);
        all_sent.push(sent);
        receivers.push(receiving);
    }
    for _ in 0..2 {
        ends.recv().await.unwrap();
    }
    // One or the other closes, or both at once; sometimes not at the first attempt.
    for _ in 0..dice.below(3) {
        senders.swap(0, 1);
    }
    let (first, second) = senders.split_at_mut(1);
    _ = poll_times(dice.below(3), first[0].close(1000, "")).await;
    if dice.below(2) == 0 {
        let (a, b) = tokio::join!(first[0].close(1000, ""), second[0].close(1000, ""));
        a.and(b).unwrap();
    } else {
        first[0].close(1000, "").await.unwrap();
    }
    for (receiving, sent) in receivers.into_iter().zip(all_sent.iter().rev()) {
        check(sent, &receiving.await.unwrap(), seed);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_and_nobody_hangs() {
    on_a_paused_clock(0..60, run).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_between_threads() {
    on_threads(1000..1020, run).await;
}

/// Runs each seed, until nothing would happen any more.
async fn on_a_paused_clock<R>(seeds: Range<u64>, run: impl Fn(u64) -> R)
where
    R: Future<Output = ()> + Send + 'static,
{
    for seed in seeds {
        let run = tokio::spawn(run(seed));
        soon(async { run.await.unwrap_or_else(|e| panic!("seed {seed}: {e}")) }).await;
    }
}

/// Runs each seed, for a minute at most.
async fn on_threads<R>(seeds: Range<u64>, run: impl Fn(u64) -> R)
where
    R: Future<Output = ()> + Send + 'static,
{
    for seed in seeds {
        let run = tokio::time::timeout(Duration::from_secs(60), tokio::spawn(run(seed)));
        run.await.unwrap_or_else(|_| panic!("seed {seed} hangs")).unwrap();
    }
}

/// A message of one of many senders, that tells both numbers.
fn numbered(sender: u8, number: u32, dice: &mut Dice) -> Message {
    let len = [0, 1, 20, 300, 9_000, 70_000][dice.below(6)];
    let mut data = vec![sender];
    data.extend_from_slice(&number.to_be_bytes());
    data.resize(5 + len, sender ^ number as u8);
    Message::from(data)
}

fn numbers(message: &Message) -> (u8, u32) {
    let (&[sender, ref number @ ..], filler) = message.as_bytes().split_first_chunk::<5>().unwrap();
    let number = u32::from_be_bytes(*number);
    assert!(filler.iter().all(|&byte| byte == sender ^ number as u8), "a torn message");
    (sender, number)
}

/// Sends from one of many tasks, and gives up now and then.
async fn send_some(sender: Sender<Choppy>, name: u8, mut dice: Dice) -> Vec<(u32, bool)> {
    let mut sent = Vec::new();
    for i in 0..30 {
        let message = numbered(name, i, &mut dice);
        let polls = 1 + dice.below(6);
        match dice.below(8) {
            0..=2 => {
                sender.send(message).await.unwrap();
                sent.push((i, true));
            }
            3..=5 => {
                let done = poll_times(polls, sender.send(message)).await;
                sent.push((i, done.map(Result::unwrap).is_some()));
            }
            6 => {
                if poll_times(polls, sender.feed(message)).await.map(Result::unwrap).is_some() {
                    sent.push((i, true));
                }
            }
            _ => match sender.try_send(message) {
                Ok(()) => sent.push((i, true)),
                Err(TrySendError::Full(_)) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            },
        }
    }
    sender.flush().await.unwrap();
    sent
}

/// Sixteen tasks that share one connection.
async fn run_many(seed: u64) {
    const SENDERS: u8 = 16;
    let mut dice = Dice(seed);
    let (near, far) = duplex([50, 1000, 20_000][dice.below(3)]);
    let near = Choppy { io: near, dice: dice.fork() };
    let far = Choppy { io: far, dice: dice.fork() };
    let limit = [0, 1000, 64 << 10][dice.below(3)];
    let client = client(near, "ws://localhost/").write_limit(limit);
    let (client, server) = tokio::join!(client.into_future(), accept(far).into_future());
    let (client, mut server) = (client.unwrap(), server.unwrap());
    let sending: Vec<_> = (0..SENDERS)
        .map(|name| tokio::spawn(send_some(client.sender(), name, dice.fork())))
        .collect();
    let closing = tokio::spawn(async move {
        let mut all_sent = Vec::new();
        for task in sending {
            all_sent.push(task.await.unwrap());
        }
        client.close(1000, "").await.unwrap();
        all_sent
    });
    let mut received = vec![Vec::new(); usize::from(SENDERS)];
    while let Some(message) = server.recv().await.unwrap() {
        let (sender, number) = numbers(&message);
        received[usize::from(sender)].push(number);
        // Not for a time: so many tasks wake each other at this stream that a paused clock stands still.
        if dice.below(50) == 0 {
            for _ in 0..dice.below(1000) {
                tokio::task::yield_now().await;
            }
        }
    }
    for (sent, received) in closing.await.unwrap().iter().zip(received) {
        check(sent, &received, seed);
    }
}

#[tokio::test(start_paused = true)]
async fn of_many_senders_nothing_is_torn_lost_or_sent_twice() {
    on_a_paused_clock(0..4, run_many).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_senders_on_threads_nothing_is_torn_lost_or_sent_twice() {
    on_threads(2000..2003, run_many).await;
}

/// One read brings thousands of messages, whatever tokio counts.
#[tokio::test]
async fn a_flood_of_short_messages_lets_other_tasks_have_their_turns() {
    const MESSAGES: usize = 100_000;
    let (near, mut far) = duplex(2 << 20);
    far.write_all(REQUEST.as_bytes()).await.unwrap();
    far.write_all(&frame(Side::Client, TEXT, "x").repeat(MESSAGES)).await.unwrap();
    let mut ws = accept(near).await.unwrap();
    let turns = Arc::new(AtomicUsize::new(0));
    let counting = tokio::spawn({
        let turns = Arc::clone(&turns);
        async move {
            loop {
                turns.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        }
    });
    for _ in 0..MESSAGES {
        assert_eq!(ws.recv().await.unwrap(), Some("x".into()));
    }
    let turns = turns.load(Ordering::Relaxed);
    assert!(turns >= 10, "{turns} turns");
    counting.abort();
}
