//! JSON-RPC 2.0: a hundred tasks call over one connection, and get their answers in any order.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use websockets::{ByteString, Error, Message, Receiver, Sender, WebSocket, connect, serve};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The client's end. Its clones call over the same connection.
#[derive(Clone)]
struct Rpc {
    sender: Sender,
    calls: Arc<Mutex<Calls>>,
}

/// The calls that wait for their answers, by id.
#[derive(Default)]
struct Calls {
    last_id: u64,
    waiting: HashMap<u64, oneshot::Sender<Value>>,
}

impl Calls {
    fn add(&mut self, answer: oneshot::Sender<Value>) -> u64 {
        self.last_id += 1;
        self.waiting.insert(self.last_id, answer);
        self.last_id
    }
}

impl Rpc {
    fn new(ws: WebSocket) -> Self {
        let (sender, receiver) = ws.split();
        let calls = Arc::default();
        tokio::spawn(hand_out(receiver, Arc::clone(&calls)));
        Self { sender, calls }
    }

    async fn call(&self, method: &str, params: Value) -> Result<Value, Failure> {
        let (answer, answered) = oneshot::channel();
        let id = self.calls.lock().unwrap().add(answer);
        let call = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.sender.send(call.to_string()).await?;
        // An error if the connection ends first.
        let mut answer = answered.await?;
        answer.get_mut("result").map(Value::take).ok_or_else(|| answer.to_string().into())
    }
}

/// Gives each answer to the task that waits for it.
async fn hand_out(mut receiver: Receiver, calls: Arc<Mutex<Calls>>) {
    while let Ok(Some(Message::Text(text))) = receiver.recv().await
        && let Ok(answer) = serde_json::from_str::<Value>(&text)
        && let Some(id) = answer.get("id").and_then(Value::as_u64)
    {
        if let Some(call) = calls.lock().unwrap().waiting.remove(&id) {
            // The task may have stopped waiting.
            _ = call.send(answer);
        }
    }
    // In this order, no call is sent after the last look.
    _ = receiver.close(1000, "").await;
    calls.lock().unwrap().waiting.clear();
}

/// The server's end: a task for each call, so that a slow one stops no other.
async fn answer_calls(mut ws: WebSocket) -> Result<(), Error> {
    while let Some(Message::Text(text)) = ws.recv().await? {
        let sender = ws.sender();
        tokio::spawn(async move { sender.send(answer(text).await.to_string()).await });
    }
    Ok(())
}

async fn answer(text: ByteString) -> Value {
    let Ok(call) = serde_json::from_str::<Value>(&text) else {
        let error = json!({ "code": -32700, "message": "parse error" });
        return json!({ "jsonrpc": "2.0", "id": null, "error": error });
    };
    let n = call.pointer("/params/0").and_then(Value::as_u64).unwrap_or_default();
    // Work that takes some calls longer than others.
    tokio::time::sleep(Duration::from_millis(n % 7)).await;
    json!({ "jsonrpc": "2.0", "id": call.get("id"), "result": n.wrapping_mul(n) })
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let server =
        serve("127.0.0.1:0", answer_calls).on_error(|failure| eprintln!("{failure}")).await?;
    let rpc = Rpc::new(connect(format!("ws://{}/", server.local_addr())).await?);

    let mut tasks = JoinSet::new();
    for n in 0..100_u64 {
        let rpc = rpc.clone();
        tasks.spawn(async move { (n, rpc.call("square", json!([n])).await) });
    }
    while let Some(task) = tasks.join_next().await {
        let (n, square) = task.expect("no task panics");
        let square = square?;
        assert_eq!(square, n * n);
        println!("{n} squared is {square}");
    }

    rpc.sender.close(1000, "").await?;
    server.shutdown().await;
    Ok(())
}
