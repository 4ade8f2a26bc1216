//! With our library: one handler receives, and sends what it got through the halves of all.

use std::sync::Arc;

use echo_common::Args;
use tokio::sync::Mutex;
use websockets::{Error, PreparedMessage, Sender, WebSocket, serve};

type Everybody = Arc<Mutex<Vec<Sender>>>;

async fn relay(ws: WebSocket, everybody: Everybody) -> Result<(), Error> {
    let (sender, mut receiver) = ws.split();
    everybody.lock().await.push(sender);
    while let Some(message) = receiver.recv().await? {
        let prepared = PreparedMessage::new(message);
        for sender in everybody.lock().await.iter_mut() {
            // One that is gone is no affair of the others.
            let _ = sender.send(&prepared).await;
        }
    }
    Ok(())
}

pub fn run(args: Args) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async move {
        let everybody = Everybody::default();
        let handler = move |ws| relay(ws, Arc::clone(&everybody));
        let server = serve(args.addr, handler).await.expect("the address is free");
        server.wait().await;
    });
}
