//! `websockets serve`: a server that echoes, or where all hear each other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::select;
use tokio::time::timeout;
use websockets::rustls::pki_types::PrivateKeyDer;
use websockets::rustls::pki_types::pem::PemObject;
use websockets::{
    Error, Listen, Message, PreparedMessage, Sender, Server, ServerSettings, ServerTls, WebSocket,
    basic_auth, credentials, serve,
};

use crate::args::{self, Limit, ServeArgs};
use crate::notices::Notices;
use crate::session::Outcome;
use crate::settings::{certificates, of_file, text};
use crate::signals::Signals;

/// Where it listens unless it is told.
const ADDR: &str = "127.0.0.1:8765";

/// The longest time that one who speaks waits for one who listens.
const PATIENCE: Duration = Duration::from_secs(5);

/// Serves until a signal.
pub(crate) async fn run(args: ServeArgs) -> Outcome {
    let (places, settings) = match (places(&args), settings(&args)) {
        (Ok(places), Ok(settings)) => (places, settings),
        (Err(text), _) | (_, Err(text)) => return Outcome::Misused(text),
    };
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(e) => return Outcome::Failed(format!("no signals: {e}")),
    };
    let server = match listen(places, settings, args.chat).await {
        Ok(server) => server,
        // A certificate that can't be used.
        Err(error @ Error::Other(_)) => return Outcome::Misused(text(error)),
        Err(error) => return Outcome::Failed(text(error)),
    };
    let scheme = if args.cert.is_some() { "wss" } else { "ws" };
    for addr in server.local_addrs() {
        Notices::Plain.say(&format!("listening on {scheme}://{addr}/"));
    }
    #[cfg(unix)]
    for path in &args.unix {
        Notices::Plain.say(&format!("listening on unix:{}", path.display()));
    }
    signals.next().await;
    select! {
        _ = server.shutdown() => Outcome::Clean,
        signal = signals.next() => Outcome::Signalled(signal),
    }
}

/// The places to listen on; the error is the text of a line.
fn places(args: &ServeArgs) -> Result<Vec<Listen>, String> {
    let mut places: Vec<_> = args.addrs.iter().map(Listen::from).collect();
    #[cfg(unix)]
    places.extend(args.unix.iter().map(Listen::unix));
    if places.is_empty() {
        places.push(ADDR.into());
    }
    let (Some(cert), Some(key)) = (&args.cert, &args.key) else { return Ok(places) };
    let chain = certificates(cert)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|e| of_file(key, e))?;
    let mut tls = ServerTls::new(chain, key);
    if let Some(roots) = &args.client_ca {
        tls = tls.client_roots(certificates(roots)?);
    }
    Ok(places.into_iter().map(|place| place.tls(tls.clone())).collect())
}

/// The settings of connections; the error is the text of a line.
fn settings(args: &ServeArgs) -> Result<ServerSettings, String> {
    let mut settings = ServerSettings::new();
    let subprotocols = args.subprotocols.iter().map(|name| name.parse().map_err(text));
    settings = settings.subprotocols(subprotocols.collect::<Result<Vec<_>, _>>()?);
    if !args.origins.is_empty() {
        settings = settings.origins(args.origins.iter().map(|origin| &**origin));
    }
    if let Some(user) = &args.user {
        let (name, password) = args::user(user)?;
        settings =
            settings.process_request(basic_auth("websockets", credentials([(name, password)])));
    }
    if let Some(Limit(bytes)) = args.max_size {
        settings = settings.max_message_size(bytes);
    }
    if let Some(Limit(interval)) = args.ping_interval {
        settings = settings.ping_interval(interval);
    }
    if args.no_compression {
        settings = settings.compression(None);
    }
    Ok(settings)
}

async fn listen(
    places: Vec<Listen>,
    settings: ServerSettings,
    is_chat: bool,
) -> Result<Server, Error> {
    let room = is_chat.then(Arc::<Room>::default);
    let mut places = places.into_iter();
    let first = places.next().unwrap_or_else(|| ADDR.into());
    let serving = serve(first, move |ws| handle(ws, room.clone())).settings(settings);
    places
        .fold(serving, |serving, place| serving.listen(place))
        .on_error(|failure| Notices::Plain.say(&failure.to_string()))
        .await
}

async fn handle(ws: WebSocket, room: Option<Arc<Room>>) -> Result<(), Error> {
    match room {
        Some(room) => chat(ws, &room).await,
        None => echo(ws).await,
    }
}

async fn echo(mut ws: WebSocket) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

/// Those who hear each other, by the numbers of their connections.
#[derive(Default)]
struct Room(Mutex<HashMap<u64, Sender>>);

impl Room {
    fn members(&self) -> MutexGuard<'_, HashMap<u64, Sender>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends to all but one.
    async fn say(&self, from: u64, message: Message) {
        let message = PreparedMessage::new(message);
        let others: Vec<_> = self
            .members()
            .iter()
            .filter(|(id, _)| **id != from)
            .map(|(_, sender)| sender.clone())
            .collect();
        for other in others {
            // One that doesn't read mustn't silence the others.
            if timeout(PATIENCE, other.send(&message)).await.is_err() {
                _ = other.start_close(1008, "you read too slowly");
            }
        }
    }
}

async fn chat(mut ws: WebSocket, room: &Room) -> Result<(), Error> {
    let id = ws.id();
    room.members().insert(id, ws.sender());
    let ended = async {
        while let Some(message) = ws.recv().await? {
            room.say(id, message).await;
        }
        Ok(())
    };
    let ended = ended.await;
    room.members().remove(&id);
    ended
}
