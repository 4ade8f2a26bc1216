//! Our server over TLS, in the plain loop, without compression: `echo-ours-tls --tls ADDR`.

use std::future::pending;

use echo_common::{MAX_MESSAGE, args, tls};
use websockets::{Error, Listen, ServerTls, WebSocket, serve};

async fn echo(mut ws: WebSocket) -> Result<(), Error> {
    // As in the example.
    drop(ws.take_request());
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let place = Listen::tcp(args().addr).tls(ServerTls::from(tls()));
    let _server = serve(place, echo).compression(None).max_message_size(MAX_MESSAGE).await?;
    pending().await
}
