//! Events for `tracing`: their levels, their fields, and what is in none of them.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::failures::{Client, reporting};

/// Keeps each event of one thread as a line.
#[derive(Clone)]
struct Collector {
    thread: ThreadId,
    lines: Arc<Mutex<Vec<String>>>,
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        _ = write!(self.0, " {}={value:?}", field.name());
    }
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "websockets"
    }

    fn event(&self, event: &Event<'_>) {
        if thread::current().id() != self.thread {
            return;
        }
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.lines.lock().unwrap().push(line.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        panic!("there are no spans yet")
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn each_failure_is_an_event_of_its_level_without_secrets() {
    use Client::*;
    // This thread runs all tasks of the test. A subscriber of a thread alone misses events that another
    // thread has tried first.
    let collector = Collector { thread: thread::current().id(), lines: Arc::default() };
    tracing::subscriber::set_global_default(collector.clone()).unwrap();
    for (client, path, level, parts) in [
        (Stays, "/own", "ERROR", &["the handler failed", "error=no such room"][..]),
        (Stays, "/boxed", "ERROR", &[r"error=no such\nroom"]),
        (Stays, "/panics", "ERROR", &["the handler panicked", "error=on purpose"]),
        (Asks(""), "/hook-panics", "ERROR", &["refused", "status=500"]),
        (Asks("Origin: https://a.b\r\n"), "/own", "DEBUG", &["refused", "status=403"]),
        (Asks(""), "/nowhere", "DEBUG", &["the program answered", "status=404"]),
        (Vanishes, "/receives", "DEBUG", &["the connection ended", "error=no close frame"]),
        (Vanishes, "/ignores", "DEBUG", &["the connection was cut"]),
        (Violates, "/receives", "DEBUG", &["error=sent 1002 (protocol error)"]),
        (Mutes, "/receives", "TRACE", &["ended with the server", "error=sent 1001"]),
    ] {
        let row = format!("{client:?} {path}");
        let (server, mut reported, mut begun) = reporting().await;
        let running = client.run(server.local_addr(), path);
        if path == "/nowhere" {
            running.await;
            server.shutdown().await;
        } else {
            let stopping = async {
                match level {
                    "TRACE" => _ = begun.recv().await,
                    // The hook is told after the event.
                    _ => _ = reported.recv().await,
                }
                server.shutdown().await;
            };
            tokio::join!(running, stopping);
        }
        let lines = std::mem::take(&mut *collector.lines.lock().unwrap());
        let [line] = &lines[..] else { panic!("{row}: {lines:?}") };
        assert!(line.starts_with(&format!("{level} ")), "{row}: {line}");
        for part in ["peer=127.0.0.1:", "method=\"GET\"", &format!("path={path:?}")] {
            assert!(line.contains(part), "{row}: {part} isn't in {line}");
        }
        for part in parts {
            assert!(line.contains(part), "{row}: {part} isn't in {line}");
        }
        assert!(!line.contains("secret") && !line.contains("token"), "{row}: {line}");
    }
}
