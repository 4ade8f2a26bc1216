//! Rooms over NATS.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event};
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

use super::{Backplane, BackplaneError, Command, Wire};

/// The longest time to connect, and to hand messages to the server.
const PATIENCE: Duration = Duration::from_secs(10);

/// A backplane over NATS.
///
/// Each topic is a subject, `prefix.topic`. It makes one connection. The server's `max_payload`, usually
/// 1 MiB, limits the messages: those that are longer are lost, and counted.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use ws_rooms::{NatsBackplane, Rooms};
///
/// let rooms = Rooms::builder()
///     .backplane("chat", NatsBackplane::new("nats://127.0.0.1:4222"))
///     .on_event(|event| eprintln!("{event:?}"))
///     .build();
/// # drop(rooms); }
/// ```
pub struct NatsBackplane {
    server: String,
    options: ConnectOptions,
}

impl NatsBackplane {
    /// Takes a URL, such as `nats://127.0.0.1:4222`, or several, separated by commas.
    #[must_use]
    pub fn new(server: impl Into<String>) -> Self {
        Self::with_options(server, ConnectOptions::new())
    }

    /// Takes options, too: credentials, TLS. The callback for events is replaced.
    #[must_use]
    pub fn with_options(server: impl Into<String>, options: ConnectOptions) -> Self {
        Self { server: server.into(), options }
    }
}

impl fmt::Debug for NatsBackplane {
    /// The URL may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsBackplane").finish_non_exhaustive()
    }
}

impl Backplane for NatsBackplane {
    async fn run(&mut self, wire: &Wire) -> Result<(), BackplaneError> {
        let (tell, mut events) = mpsc::unbounded_channel();
        let options = self.options.clone().event_callback(move |event| {
            _ = tell.send(event);
            std::future::ready(())
        });
        let servers: Vec<_> = self.server.split(',').map(str::trim).collect();
        let client = timeout(PATIENCE, options.connect(servers)).await??;
        wire.connected();
        let watching = async {
            while let Some(event) = events.recv().await {
                match event {
                    // Its client would connect again, but in silence.
                    Event::Disconnected | Event::Closed => break,
                    Event::SlowConsumer(_) => wire.missed(),
                    _ => {}
                }
            }
            Err("the connection was lost".into())
        };
        tokio::select! {
            ended = watching => ended,
            ended = work(wire, client) => ended,
        }
    }
}

/// Does what the rooms want.
async fn work(wire: &Wire, client: Client) -> Result<(), BackplaneError> {
    // Each subscription has a task, so that many of them cost nothing while they are silent.
    let mut tasks = JoinSet::new();
    let mut subscriptions: HashMap<String, AbortHandle> = HashMap::new();
    while let Some(command) = wire.next().await {
        match command {
            Command::Subscribe(subjects) => {
                for subject in subjects {
                    let mut messages = client.subscribe(subject.clone()).await?;
                    let wire = wire.clone();
                    let task = tasks.spawn(async move {
                        while let Some(message) = messages.next().await {
                            wire.deliver(&message.subject, &message.payload);
                        }
                    });
                    subscriptions.insert(subject, task);
                }
                timeout(PATIENCE, client.flush()).await??;
            }
            Command::Unsubscribe(subjects) => {
                // Each unsubscribes when it is dropped. That is awaited: a topic that is subscribed again would have
                // two subscriptions else, and its members each message twice.
                let ended = subjects.iter().filter_map(|subject| subscriptions.remove(subject));
                let ended: Vec<AbortHandle> = ended.collect();
                ended.iter().for_each(AbortHandle::abort);
                for _ in ended {
                    tasks.join_next().await;
                }
            }
            Command::Publish(publications) => {
                let publishing = async {
                    for it in publications {
                        if it.payload.len() > client.max_payload() {
                            wire.lost(1);
                        } else {
                            client.publish(it.subject, it.payload).await?;
                        }
                    }
                    Ok::<_, BackplaneError>(client.flush().await?)
                };
                timeout(PATIENCE, publishing).await??;
            }
        }
    }
    Ok(())
}
