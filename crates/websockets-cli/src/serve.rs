//! `websockets serve`: a server that echoes, or where all hear each other.

use tokio::select;
use websockets::rooms::Rooms;
use websockets::rustls::pki_types::PrivateKeyDer;
use websockets::rustls::pki_types::pem::PemObject;
use websockets::{
    Error, Listen, Server, ServerSettings, ServerTls, Subprotocol, WebSocket, basic_auth,
    credentials, serve,
};

use crate::args::{self, Limit, ServeArgs};
use crate::notices::Notices;
use crate::session::Outcome;
use crate::settings::{certificates, of_file, text};
use crate::signals::Signals;

/// Where it listens unless it is told.
const ADDR: &str = "127.0.0.1:8765";

/// The topic of all members of a chat.
const ROOM: &str = "chat";

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
    let subprotocols =
        args.subprotocols.iter().map(|name| name.parse::<Subprotocol>().map_err(text));
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
    let rooms = is_chat.then(Rooms::new);
    let mut places = places.into_iter();
    let first = places.next().unwrap_or_else(|| ADDR.into());
    let handler = move |ws| {
        let rooms = rooms.clone();
        async {
            match rooms {
                Some(rooms) => chat(ws, rooms).await,
                None => echo(ws).await,
            }
        }
    };
    let serving = serve(first, handler).settings(settings);
    places
        .fold(serving, |serving, place| serving.listen(place))
        .on_error(|failure| Notices::Plain.say(&failure.to_string()))
        .await
}

async fn echo(mut ws: WebSocket) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

/// All hear what one says.
async fn chat(mut ws: WebSocket, rooms: Rooms) -> Result<(), Error> {
    let member = rooms.member(ws.sender());
    member.join(ROOM)?;
    while let Some(message) = ws.recv().await? {
        member.publish(ROOM, message);
    }
    Ok(())
}
