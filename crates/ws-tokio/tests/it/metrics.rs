//! Counters and gauges, as a recorder gets them.

use std::collections::BTreeMap;
use std::future::{Future, IntoFuture};
use std::time::Duration;

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use tokio::io::duplex;
use tokio::runtime::Builder;
use ws_tokio::{Error, Handshake, Response, WebSocket, accept, client, connect, serve};

use crate::common::{self, CLOSE, Raw, close, settle};

/// Fails instead of waiting without end.
async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("this waits without end")
}

/// The recorder of a test.
struct Recorded {
    snapshotter: Snapshotter,
    /// The sums: a snapshot has what was added since the one before.
    sums: BTreeMap<String, f64>,
}

impl Recorded {
    fn now(&mut self) -> &BTreeMap<String, f64> {
        for (key, _, _, value) in self.snapshotter.snapshot().into_vec() {
            let value = match value {
                DebugValue::Counter(count) => count as f64,
                DebugValue::Gauge(value) => value.into_inner(),
                DebugValue::Histogram(_) => panic!("there is none"),
            };
            let mut name = key.key().name().to_owned();
            for label in key.key().labels() {
                name = format!("{name} {}={}", label.key(), label.value());
            }
            *self.sums.entry(name).or_default() += value;
        }
        &self.sums
    }

    #[track_caller]
    fn check(&mut self, rows: &[(&str, u32)]) {
        let sums = self.now();
        for &(name, expected) in rows {
            let sum = sums.get(&format!("websockets_{name}")).copied().unwrap_or_default();
            assert_eq!(sum, f64::from(expected), "{name}: {sums:#?}");
        }
    }

    /// Waits for a sum.
    async fn until(&mut self, name: &str, expected: u32) {
        let name = format!("websockets_{name}");
        in_time(async {
            while self.now().get(&name) != Some(&f64::from(expected)) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    }
}

/// Runs a test on this thread, with a recorder.
fn recording<F: Future<Output = ()>>(paused: bool, test: impl FnOnce(Recorded) -> F) {
    let recorder = DebuggingRecorder::new();
    let recorded = Recorded { snapshotter: recorder.snapshotter(), sums: BTreeMap::new() };
    let runtime = Builder::new_current_thread().enable_all().start_paused(paused).build().unwrap();
    let _guard = metrics::set_default_local_recorder(&recorder);
    runtime.block_on(test(recorded));
}

async fn echo(mut ws: WebSocket) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

#[test]
fn both_sides_count_connections_messages_and_bytes() {
    recording(false, async |mut recorded: Recorded| {
        let server = serve("127.0.0.1:0", echo).await.unwrap();
        let mut ws = connect(format!("ws://{}/", server.local_addr())).await.unwrap();
        recorded.check(&[
            ("connections side=client", 1),
            ("connections side=server", 1),
            ("connections_opened_total side=server", 1),
            ("messages_total side=client direction=sent", 0),
        ]);
        for text in ["hello", "again"] {
            ws.send(text).await.unwrap();
            assert_eq!(in_time(ws.recv()).await.unwrap(), Some(text.into()));
        }
        ws.close(1000, "").await.unwrap();
        recorded.until("connections_closed_total side=server code=1000", 1).await;
        recorded.check(&[
            ("connections side=client", 0),
            ("connections side=server", 0),
            ("connections_opened_total side=client", 1),
            ("connections_closed_total side=client code=1000", 1),
            ("messages_total side=client direction=sent", 2),
            ("messages_total side=client direction=received", 2),
            ("messages_total side=server direction=sent", 2),
            ("messages_total side=server direction=received", 2),
            ("payload_bytes_total side=server direction=received", 10),
            // Two frames of text, and one that closes; masked.
            ("wire_bytes_total side=server direction=received", 2 * 11 + 8),
            ("wire_bytes_total side=client direction=received", 2 * 7 + 4),
            ("failures_total side=server kind=cut", 0),
        ]);
        server.shutdown().await;
    });
}

#[test]
fn an_open_connection_is_counted_at_each_keepalive_ping() {
    recording(true, async |mut recorded: Recorded| {
        let (near, far) = duplex(4096);
        let server = accept(far).ping_interval(Duration::from_secs(5));
        let client = client(near, "ws://localhost/").ping_interval(None);
        let (client, server) = tokio::join!(client.into_future(), server.into_future());
        let (client, mut server) = (client.unwrap(), server.unwrap());
        client.send("hello").await.unwrap();
        assert_eq!(server.recv().await.unwrap(), Some("hello".into()));
        let received = "messages_total side=server direction=received";
        recorded.check(&[(received, 0)]);
        // The clock is paused: this waits for no time.
        tokio::time::sleep(Duration::from_secs(6)).await;
        recorded.check(&[(received, 1), ("connections side=server", 1)]);
        // It is added once.
        tokio::time::sleep(Duration::from_secs(5)).await;
        recorded.check(&[(received, 1), ("messages_total side=client direction=sent", 0)]);
        drop(client);
        server.recv().await.unwrap_err();
        recorded.check(&[
            (received, 1),
            ("messages_total side=client direction=sent", 1),
            ("connections side=server", 0),
            ("connections side=client", 0),
            ("connections_closed_total side=server code=1006", 1),
            ("connections_closed_total side=client code=1006", 1),
        ]);
    });
}

#[test]
fn refusals_and_failures_are_counted_by_status_and_kind() {
    recording(false, async |mut recorded: Recorded| {
        let server = serve("127.0.0.1:0", async |mut ws: WebSocket| {
            match ws.request().map(|request| request.path().to_owned()).as_deref() {
                Some("/fails") => Err("on purpose"),
                Some("/panics") => panic!("on purpose"),
                _ => {
                    _ = ws.recv().await;
                    Ok(())
                }
            }
        })
        .process_request(async |handshake: Handshake| match handshake.request().path() {
            "/healthz" => Err(Response::text(200, "OK\n")),
            _ => Ok(handshake),
        })
        .origins(["https://example.com"])
        .await
        .unwrap();
        let to = |path: &str| connect(format!("ws://{}{path}", server.local_addr()));
        let ours = ws_types::Origin::from("https://example.com");
        to("/").await.unwrap_err();
        to("/healthz").await.unwrap_err();
        recorded.until("handshakes_refused_total status=200", 1).await;
        recorded.check(&[
            ("handshakes_refused_total status=403", 1),
            ("failures_total side=server kind=handshake", 1),
            ("failures_total side=client kind=connect", 2),
            ("connections_opened_total side=server", 0),
        ]);
        for (path, kind) in [("/fails", "handler"), ("/panics", "panic")] {
            let mut ws = to(path).origin(ours.clone()).await.unwrap();
            in_time(ws.recv()).await.unwrap_err();
            recorded.until(&format!("failures_total side=server kind={kind}"), 1).await;
        }
        drop(to("/").origin(ours.clone()).await.unwrap());
        recorded.until("failures_total side=server kind=cut", 1).await;
        recorded.check(&[
            ("connections side=server", 0),
            ("connections side=client", 0),
            ("failures_total side=server kind=handler", 1),
        ]);
    });
}

#[test]
fn close_codes_of_peers_make_no_series_of_their_own() {
    recording(false, async |mut recorded: Recorded| {
        for (code, shown) in [
            (1001, "1001"),
            (1011, "1011"),
            (3000, "3xxx"),
            (3999, "3xxx"),
            (4000, "4xxx"),
            (4999, "4xxx"),
        ] {
            let (mut ws, mut raw) = common::server(4096, |accept| accept).await;
            raw.send(CLOSE, close(code, "")).await;
            drop(raw);
            _ = in_time(ws.recv()).await;
            drop(ws);
            let counted = format!("websockets_connections_closed_total side=server code={shown}");
            assert!(recorded.now().contains_key(&counted), "{code}");
        }
        let codes = recorded.now().keys().filter(|name| name.contains("code=")).count();
        assert_eq!(codes, 4);
        // The program goes on with the stream.
        let (ws, _raw) = common::server(4096, |accept| accept).await;
        assert!(ws.into_inner().is_some());
        recorded.check(&[("connections_closed_total side=server code=taken", 1)]);
        // A connection whose handles are gone, on a stream that nobody polls any more.
        let (near, far) = duplex(4096);
        let (ws, raw) = tokio::join!(accept(near).into_future(), Raw::client(far));
        drop(ws.unwrap());
        settle().await;
        drop(raw);
        recorded.check(&[("connections side=server", 0)]);
    });
}
