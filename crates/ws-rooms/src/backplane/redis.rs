//! Rooms over Redis, by its publish and subscribe.

use std::sync::Arc;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{
    AsyncConnectionConfig, Client, IntoConnectionInfo, ProtocolVersion, PushInfo, PushKind,
    RedisError, Value,
};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::{Backplane, BackplaneError, Command, Wire};

/// The longest time to connect, and to wait for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The time between two checks of the connection.
const CHECK: Duration = Duration::from_secs(15);

/// A backplane over Redis 6 or later, or a server that speaks the third version of its protocol, such as Valkey.
///
/// Each topic is a channel, `prefix.topic`, and needs the commands `PUBLISH`, `SUBSCRIBE`, `UNSUBSCRIBE` and `PING`. It
/// makes one connection, which is checked every 15 s. What this process can't take in time stays in the server, which
/// cuts it off above `client-output-buffer-limit pubsub`, 32 MiB by default; that is told like every loss of the
/// connection.
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
        let server = server.into_connection_info()?;
        let settings = server.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        Ok(Self(Client::open(server.set_redis_settings(settings))?))
    }
}

impl Backplane for RedisBackplane {
    async fn run(&mut self, wire: &Wire) -> Result<(), BackplaneError> {
        let lost = Arc::new(Notify::new());
        let config = config(wire, &lost);
        let connecting = self.0.get_multiplexed_async_connection_with_config(&config);
        serve(wire, timeout(PATIENCE, connecting).await??, &lost).await
    }
}

/// Settings of a connection that hands on what arrives, and says when it is lost.
fn config(wire: &Wire, lost: &Arc<Notify>) -> AsyncConnectionConfig {
    let (wire, lost) = (wire.clone(), Arc::clone(lost));
    // Called by the task of the connection, which reads on only afterwards.
    let take = move |push: PushInfo| {
        match (push.kind, &*push.data) {
            (PushKind::Message, [Value::BulkString(channel), Value::BulkString(payload)]) => {
                wire.deliver(&String::from_utf8_lossy(channel), payload);
            }
            (PushKind::Disconnection, _) => lost.notify_one(),
            _ => {}
        }
        Ok::<_, RedisError>(())
    };
    // Its own limits are a second to connect, and half of one to answer: less than a busy machine needs.
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE))
        .set_push_sender(take)
}

/// Carries messages both ways, until the connection is lost.
async fn serve(
    wire: &Wire,
    connection: MultiplexedConnection,
    lost: &Notify,
) -> Result<(), BackplaneError> {
    wire.connected();
    tokio::select! {
        () = lost.notified() => Err("the connection was lost".into()),
        ended = check(connection.clone()) => ended,
        ended = work(wire, connection) => ended,
    }
}

/// Checks the connection.
async fn check(mut connection: MultiplexedConnection) -> Result<(), BackplaneError> {
    loop {
        sleep(CHECK).await;
        ::redis::cmd("PING").query_async::<()>(&mut connection).await?;
    }
}

/// Does what the rooms want.
async fn work(wire: &Wire, mut connection: MultiplexedConnection) -> Result<(), BackplaneError> {
    while let Some(command) = wire.next().await {
        match command {
            Command::Subscribe(subjects) => connection.subscribe(subjects).await?,
            Command::Unsubscribe(subjects) => connection.unsubscribe(subjects).await?,
            Command::Publish(publications) => {
                let mut commands = ::redis::pipe();
                for it in &publications {
                    commands.cmd("PUBLISH").arg(&it.subject).arg(&*it.payload).ignore();
                }
                // Of those that fail some may have arrived: they count as lost nevertheless.
                commands.query_async::<()>(&mut connection).await?;
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

    /// A server, over a stream in memory, that falls silent at the first ping.
    struct Silent;

    impl Backplane for Silent {
        async fn run(&mut self, wire: &Wire) -> Result<(), BackplaneError> {
            let info = RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP3);
            let lost = Arc::new(Notify::new());
            let config = config(wire, &lost);
            let (connection, driver) =
                MultiplexedConnection::new_with_config(&info, server(), config).await?;
            tokio::spawn(driver);
            serve(wire, connection, &lost).await
        }
    }

    /// A connection to the server.
    fn server() -> DuplexStream {
        let (near, far) = tokio::io::duplex(1 << 16);
        tokio::spawn(async move {
            let mut far = BufReader::new(far);
            while let Some(command) = command(&mut far).await {
                let answer = match &*command[0] {
                    "HELLO" => "%1\r\n$5\r\nproto\r\n:3\r\n".to_owned(),
                    "SUBSCRIBE" => {
                        let (len, topic) = (command[1].len(), &command[1]);
                        format!(
                            ">3\r\n$9\r\nsubscribe\r\n${len}\r\n{topic}\r\n:1\r\n\
                             >3\r\n$7\r\nmessage\r\n$9\r\napp.lobby\r\n$4\r\nnews\r\n"
                        )
                    }
                    "PING" => std::future::pending().await,
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
    async fn what_the_server_pushes_is_looked_at_and_its_silence_is_noticed() {
        let (tell, mut events) = mpsc::unbounded_channel();
        let rooms = Rooms::builder().backplane("app", Silent);
        let rooms = rooms.on_event(move |event| _ = tell.send(event)).build();
        let (near, _far) = tokio::io::duplex(64);
        let settings = ws_tokio::ServerSettings::new();
        let ws = ws_tokio::Upgrader::new(settings).unwrap();
        let ws = ws.assume_open(near, b"", Default::default());
        let member = rooms.member(ws.sender());
        member.join("lobby").unwrap();
        let first = [events.recv().await.unwrap(), events.recv().await.unwrap()];
        let is_connected = |event| matches!(event, &BackplaneEvent::Connected { lost: 0, .. });
        assert!(first.iter().any(is_connected), "{first:?}");
        let is_ignored = |event: &BackplaneEvent| match event {
            BackplaneEvent::Ignored { subject, .. } => subject == "app.lobby",
            _ => false,
        };
        assert!(first.iter().any(is_ignored), "{first:?}");
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
