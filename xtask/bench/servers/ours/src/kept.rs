//! Our server in the loop that everybody writes, without compression: unlike the example, it keeps the
//! request of each connection. `echo-ours-kept ADDR`.

use websockets::{Error, WebSocket, serve};

async fn echo(mut ws: WebSocket) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let addr = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    serve(addr, echo).compression(None).await?.wait().await;
    Ok(())
}
