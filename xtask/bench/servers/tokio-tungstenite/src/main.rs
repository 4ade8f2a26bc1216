//! tokio-tungstenite with its default buffers (128 KiB to read, 128 KiB to write).
//!
//! Best style: `Stream` and `Sink`, one flush when nothing more is ready.

use echo_common::{MAX_MESSAGE, args, echo_batched, echo_plain, serve};
use tokio_tungstenite::tungstenite::{Message, protocol::WebSocketConfig};

fn main() {
    serve(args(), |stream, args| async move {
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_MESSAGE));
        let accepted = tokio_tungstenite::accept_async_with_config(stream, Some(config)).await;
        let Ok(ws) = accepted else { return };
        let keep = |m: &Message| m.is_text() || m.is_binary();
        match args.plain {
            true => echo_plain(ws, keep).await,
            false => echo_batched(ws, keep).await,
        }
    });
}
