//! Rooms over Redis, by its publish and subscribe.

use std::time::Duration;

use ::redis::aio::{MultiplexedConnection, PubSubSink};
use ::redis::{AsyncConnectionConfig, Client, IntoConnectionInfo, RedisError};
use futures_util::StreamExt;
use tokio::time::timeout;

use super::{Backplane, BackplaneError, Command, Wire};

/// The longest time to connect, and to wait for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The time without work after which the connections are checked.
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
            ended = work(wire, publisher, subscriber) => ended,
        }
    }
}

/// Does what the rooms want.
async fn work(
    wire: &Wire,
    mut publisher: MultiplexedConnection,
    mut subscriber: PubSubSink,
) -> Result<(), BackplaneError> {
    loop {
        match timeout(CHECK, wire.next()).await {
            Ok(None) => return Ok(()),
            Ok(Some(Command::Subscribe(subjects))) => {
                timeout(PATIENCE, subscriber.subscribe(subjects)).await??;
            }
            Ok(Some(Command::Unsubscribe(subjects))) => {
                timeout(PATIENCE, subscriber.unsubscribe(subjects)).await??;
            }
            Ok(Some(Command::Publish(publications))) => {
                let mut commands = ::redis::pipe();
                for it in &publications {
                    commands.cmd("PUBLISH").arg(&it.subject).arg(&*it.payload).ignore();
                }
                // Of those that fail some may have arrived: they count as lost nevertheless.
                commands.query_async::<()>(&mut publisher).await?;
            }
            Err(_idle) => {
                ::redis::cmd("PING").query_async::<()>(&mut publisher).await?;
                timeout(PATIENCE, subscriber.ping::<::redis::Value>()).await??;
            }
        }
    }
}
