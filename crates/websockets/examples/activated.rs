//! An echo server whose socket systemd opens: no client is refused while the server starts or restarts.
//!
//! Try it: `systemd-socket-activate -l 127.0.0.1:8765 target/debug/examples/activated`. For good, two units:
//!
//! ```ini
//! # echo.socket
//! [Socket]
//! ListenStream=8765
//! [Install]
//! WantedBy=sockets.target
//!
//! # echo.service
//! [Service]
//! ExecStart=/usr/local/bin/activated
//! ```

use std::time::Duration;

use listenfd::ListenFd;
use tokio::signal::unix::{SignalKind, signal};
use websockets::{Error, WebSocket, serve};

async fn echo(mut ws: WebSocket) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // `systemctl stop` sends it.
    let mut terminate = signal(SignalKind::terminate())?;
    let listener = ListenFd::from_env().take_tcp_listener(0)?;
    let listener = listener.ok_or("there is no socket: it has to be started by systemd")?;
    let server = serve(listener, echo).on_error(|failure| eprintln!("{failure}")).await?;
    terminate.recv().await;
    server.shutdown().limit(Duration::from_secs(10)).await;
    Ok(())
}
