//! tokio-websockets with the settings of its echo example: frames of any size, no limits.
//!
//! Best style: all that is ready is received, then all is fed and flushed once. Its reads flush what
//! is queued, so `Stream` to `Sink` with a late flush writes once per message.

use echo_common::{args, echo_in_chunks, echo_plain, serve};
use tokio_websockets::{Config, Limits, Message, ServerBuilder};

fn main() {
    serve(args(), |stream, args| async move {
        let builder = ServerBuilder::new()
            .config(Config::default().frame_size(usize::MAX))
            .limits(Limits::unlimited());
        let Ok((_, ws)) = builder.accept(stream).await else { return };
        let keep = |m: &Message| m.is_text() || m.is_binary();
        match args.plain {
            true => echo_plain(ws, keep).await,
            false => echo_in_chunks(ws, keep).await,
        }
    });
}
