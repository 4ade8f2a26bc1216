//! Rooms over Redis, by its publish and subscribe.

use std::time::Duration;

use ::redis::aio::{MultiplexedConnection, PubSub, PubSubSink};
use ::redis::{AsyncConnectionConfig, Client, IntoConnectionInfo, RedisError};
use futures_util::StreamExt;
use tokio::time::{sleep, timeout};

use super::{Backplane, BackplaneError, Command, Wire};

/// The longest time to connect, and to wait for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The time between two checks of the connections.
const CHECK: Duration = Duration::from_secs(15);

/// A backplane over Redis, or a server that speaks its protocol, such as Valkey.
///
/// Each topic is a channel, `prefix.topic`, and needs the commands `PUBLISH`, `SUBSCRIBE`, `UNSUBSCRIBE` and `PING`. It
/// makes two connections, which are checked every 15 s.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), redis::RedisError> {
/// use ws_rooms::{RedisBackplane, Rooms};
///
/// let rooms = Rooms::builder()
///     .backplane("chat", RedisBackplane::new("redis://127.0.0.1:6379/")?)
///     .on_event(|event| eprintln!("{event:?}"))
///     .build();
/// # drop(rooms); Ok(()) }
/// ```
///
/// For TLS, turn on a feature of the crate `redis`, such as `tokio-rustls-comp`.
#[derive(Debug)]
pub struct RedisBackplane(Client);

impl RedisBackplane {
    /// Takes a URL, such as `redis://user:password@host:6379/`, or what else the crate `redis` takes.
    ///
    /// # Errors
    /// The error of `redis` when that isn't a URL. Nothing is connected yet.
    pub fn new(server: impl IntoConnectionInfo) -> Result<Self, RedisError> {
        Ok(Self(Client::open(server)?))
    }
}

impl Backplane for RedisBackplane {
    async fn run(&mut self, wire: &Wire) -> Result<(), BackplaneError> {
        let connecting = async {
            // Its own limits are a second to connect, and half of one to answer: less than a busy machine needs.
            let config = AsyncConnectionConfig::new()
                .set_connection_timeout(Some(PATIENCE))
                .set_response_timeout(Some(PATIENCE));
            let publisher = self.0.get_multiplexed_async_connection_with_config(&config).await?;
            Ok::<_, RedisError>((publisher, self.0.get_async_pubsub().await?))
        };
        let (publisher, subscriber) = timeout(PATIENCE, connecting).await??;
        serve(wire, publisher, subscriber).await
    }
}

/// Carries messages both ways, until a connection is lost.
async fn serve(
    wire: &Wire,
    publisher: MultiplexedConnection,
    subscriber: PubSub,
) -> Result<(), BackplaneError> {
    let (subscriber, mut messages) = subscriber.split();
    wire.connected();
    let receiving = async {
        while let Some(message) = messages.next().await {
            wire.deliver(message.get_channel_name(), message.get_payload_bytes());
        }
        Err("the connection of the subscriptions was lost".into())
    };
    tokio::select! {
        ended = receiving => ended,
        ended = check(publisher.clone(), subscriber.clone()) => ended,
        ended = work(wire, publisher, subscriber) => ended,
    }
}

/// Checks both connections, also while there is work: it may need only one of them.
async fn check(
    mut publisher: MultiplexedConnection,
    mut subscriber: PubSubSink,
) -> Result<(), BackplaneError> {
    loop {
        sleep(CHECK).await;
        ::redis::cmd("PING").query_async::<()>(&mut publisher).await?;
        timeout(PATIENCE, subscriber.ping::<::redis::Value>()).await??;
    }
}

/// Does what the rooms want.
async fn work(
    wire: &Wire,
    mut publisher: MultiplexedConnection,
    mut subscriber: PubSubSink,
) -> Result<(), BackplaneError> {
    while let Some(command) = wire.next().await {
        match command {
            Command::Subscribe(subjects) => {
                timeout(PATIENCE, subscriber.subscribe(subjects)).await??;
            }
            Command::Unsubscribe(subjects) => {
                timeout(PATIENCE, subscriber.unsubscribe(subjects)).await??;
            }
            Command::Publish(publications) => {
                let mut commands = ::redis::pipe();
                for it in &publications {
                    commands.cmd("PUBLISH").arg(&it.subject).arg(&*it.payload).ignore();
                }
                // Of those that fail some may have arrived: they count as lost nevertheless.
                commands.query_async::<()>(&mut publisher).await?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ::redis::RedisConnectionInfo;
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream};
    use tokio::sync::mpsc;

    use super::*;
    use crate::{BackplaneEvent, Rooms};

    /// A server, over streams in memory, that stops to answer subscribers at their first ping.
    struct Silent;

    impl Backplane for Silent {
        async fn run(&mut self, wire: &Wire) -> Result<(), BackplaneError> {
            let info = RedisConnectionInfo::default();
            let config = AsyncConnectionConfig::new();
            let (publisher, driver) =
                MultiplexedConnection::new_with_config(&info, server(), config).await?;
            tokio::spawn(driver);
            serve(wire, publisher, PubSub::new(&info, server()).await?).await
        }
    }

    /// A connection to the server.
    fn server() -> DuplexStream {
        let (near, far) = tokio::io::duplex(1 << 16);
        tokio::spawn(async move {
            let mut far = BufReader::new(far);
            let mut subscribes = false;
            while let Some(command) = command(&mut far).await {
                let answer = match &*command[0] {
                    "SUBSCRIBE" => {
                        subscribes = true;
                        let (len, topic) = (command[1].len(), &command[1]);
                        format!("*3\r\n$9\r\nsubscribe\r\n${len}\r\n{topic}\r\n:1\r\n")
                    }
                    "PING" if subscribes => std::future::pending().await,
                    "PUBLISH" => ":0\r\n".to_owned(),
                    _ => "+OK\r\n".to_owned(),
                };
                far.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        near
    }

    /// The next command: an array of strings; `None` at the end.
    async fn command(stream: &mut BufReader<DuplexStream>) -> Option<Vec<String>> {
        let mut command = Vec::new();
        for _ in 0..number(stream).await? {
            let mut text = vec![0; number(stream).await? + 2];
            stream.read_exact(&mut text).await.ok()?;
            command.push(String::from_utf8_lossy(text.trim_ascii_end()).into_owned());
        }
        Some(command)
    }

    /// A line with a number behind its first character.
    async fn number(stream: &mut BufReader<DuplexStream>) -> Option<usize> {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        line.trim_ascii_end().get(1..)?.parse().ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_subscriber_is_noticed_while_others_are_published_to() {
        let (tell, mut events) = mpsc::unbounded_channel();
        let rooms = Rooms::builder().backplane("app", Silent);
        let rooms = rooms.on_event(move |event| _ = tell.send(event)).build();
        let (near, _far) = tokio::io::duplex(64);
        let settings = ws_tokio::ServerSettings::new();
        let ws = ws_tokio::Upgrader::new(settings).unwrap();
        let ws = ws.assume_open(near, b"", Default::default());
        let member = rooms.member(ws.sender());
        member.join("lobby").unwrap();
        assert!(matches!(events.recv().await, Some(BackplaneEvent::Connected { lost: 0, .. })));
        // Longer than a check takes.
        for _ in 0..10 {
            rooms.publish("elsewhere", "news");
            if let Ok(event) = timeout(Duration::from_secs(5), events.recv()).await {
                assert!(matches!(event, Some(BackplaneEvent::Disconnected { .. })), "{event:?}");
                return;
            }
        }
        panic!("nothing was noticed");
    }
}
