//! With tokio-tungstenite: the sending halves of all, under one lock.

use std::sync::Arc;

use echo_common::{Args, serve};
use futures_util::stream::SplitSink;
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_tungstenite::{WebSocketStream, tungstenite::Message};

type Everybody = Arc<Mutex<Vec<SplitSink<WebSocketStream<TcpStream>, Message>>>>;

async fn relay(stream: TcpStream, everybody: Everybody) {
    let Ok(ws) = tokio_tungstenite::accept_async(stream).await else { return };
    let (sink, mut stream) = ws.split();
    everybody.lock().await.push(sink);
    while let Some(Ok(message)) = stream.next().await {
        for sink in everybody.lock().await.iter_mut() {
            let _ = sink.send(message.clone()).await;
        }
    }
}

pub fn run(args: Args) {
    let everybody = Everybody::default();
    serve(args, move |stream, _| relay(stream, Arc::clone(&everybody)));
}
