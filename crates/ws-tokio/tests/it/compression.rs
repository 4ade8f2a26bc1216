//! permessage-deflate, from its negotiation to the messages.

use std::future::IntoFuture;
use std::time::Duration;

use tokio::io::duplex;
use ws_proto::extension::{ClientDeflate, ServerDeflate};
use ws_proto::{Compress, PreparedMessage};
use ws_tokio::{Accept, Client, Message, WebSocket, accept, client};

use crate::common::{BINARY, Memory, REQUEST, Raw, TEXT, pair, soon};

/// The first bytes of frames with compressed messages.
const COMPRESSED_TEXT: u8 = 0xC1;
const COMPRESSED_BINARY: u8 = 0xC2;

const OFFER: &str = "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";

/// Our client and our server, in this order.
async fn pair_with(
    set_client: impl FnOnce(Client<Memory>) -> Client<Memory>,
    set_server: impl FnOnce(Accept<Memory>) -> Accept<Memory>,
) -> (WebSocket<Memory>, WebSocket<Memory>) {
    let (near, far) = duplex(4096);
    let client = set_client(client(near, "ws://localhost/")).into_future();
    let server = set_server(accept(far)).into_future();
    let (client, server) = tokio::join!(client, server);
    (client.unwrap(), server.unwrap())
}

/// Our server, and a client without rules that has offered compression.
async fn offered(deflate: ServerDeflate) -> (WebSocket<Memory>, Raw<Memory>) {
    let (near, far) = duplex(65_536);
    let request = REQUEST.strip_suffix("\r\n").unwrap().to_owned() + OFFER;
    let server = accept(near).compression(deflate).into_future();
    let (ws, raw) = tokio::join!(server, Raw::client_with(far, &request));
    (ws.unwrap(), raw)
}

/// The extensions as they stand in a header.
fn extensions(ws: &WebSocket<Memory>) -> Vec<String> {
    let extensions = ws.extensions();
    extensions.iter().map(ToString::to_string).collect()
}

/// Sends `messages` from one end to the other; they arrive unchanged.
async fn transfer(from: &mut WebSocket<Memory>, to: &mut WebSocket<Memory>, messages: &[Message]) {
    let sending = async {
        for message in messages {
            from.send(message.clone()).await.unwrap();
        }
        from.flush().await.unwrap();
    };
    let receiving = async {
        for message in messages {
            assert_eq!(to.recv().await.unwrap().as_ref(), Some(message));
        }
    };
    soon(async { tokio::join!(sending, receiving) }).await;
}

/// Short ones, long ones, compressible or not.
fn messages() -> Vec<Message> {
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let noise: Vec<u8> = (0..10_000).map(|_| noise()).collect();
    vec![
        Message::from(""),
        Message::from("short"),
        Message::from("a sentence about hedgehogs, ".repeat(20)),
        Message::from(noise.clone()),
        Message::from("a sentence about hedgehogs, ".repeat(2000)),
        Message::from(vec![0; 300_000]),
        Message::from(noise),
    ]
}

#[tokio::test(start_paused = true)]
async fn it_is_negotiated_by_default() {
    let (client, server) = pair_with(|client| client, |server| server).await;
    let agreed =
        ["permessage-deflate; server_max_window_bits=12; client_max_window_bits=12".to_owned()];
    assert_eq!(extensions(&client), agreed);
    assert_eq!(extensions(&server), agreed);
}

#[tokio::test(start_paused = true)]
async fn either_side_can_do_without() {
    for (of_client, of_server) in [(false, true), (true, false), (false, false)] {
        let (mut client, mut server) = pair_with(
            |client| if of_client { client } else { client.compression(None) },
            |server| if of_server { server } else { server.compression(None) },
        )
        .await;
        assert_eq!([extensions(&client), extensions(&server)], [Vec::<String>::new(), Vec::new()]);
        transfer(&mut client, &mut server, &messages()).await;
        transfer(&mut server, &mut client, &messages()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn messages_arrive_unchanged_with_takeover_and_without() {
    for (of_client, of_server) in [(false, false), (true, false), (false, true), (true, true)] {
        let (mut client, mut server) = pair_with(
            |client| {
                let deflate = ClientDeflate::default().client_no_context_takeover(of_client);
                client.compression(deflate.server_no_context_takeover(of_server))
            },
            |server| server,
        )
        .await;
        let agreed = extensions(&server).concat();
        assert_eq!(agreed.contains("client_no_context_takeover"), of_client, "{agreed}");
        assert_eq!(agreed.contains("server_no_context_takeover"), of_server, "{agreed}");
        for _ in 0..3 {
            transfer(&mut client, &mut server, &messages()).await;
            transfer(&mut server, &mut client, &messages()).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn only_with_takeover_a_message_refers_to_the_one_before() {
    let text = "nothing in here is said twice, but for the words that everybody uses: zyxwvutsr";
    for no_takeover in [false, true] {
        let deflate = ServerDeflate::default().server_no_context_takeover(no_takeover);
        let (ws, mut raw) = offered(deflate).await;
        let mut lengths = Vec::new();
        for _ in 0..2 {
            ws.send(Message::from(text).compress(Compress::Always)).await.unwrap();
            ws.flush().await.unwrap();
            let (first, payload) = soon(raw.next()).await.unwrap();
            assert_eq!(first, COMPRESSED_TEXT);
            lengths.push(payload.len());
        }
        assert_eq!(lengths[0] == lengths[1], no_takeover, "{lengths:?}");
        assert!(no_takeover || lengths[1] < 16, "{lengths:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_wish_of_the_sender_counts() {
    let (ws, mut raw) = offered(ServerDeflate::default()).await;
    let long = Message::from("la ".repeat(100));
    let short = Message::from(vec![7; 3]);
    let cases = [
        (&long, Compress::Auto, COMPRESSED_TEXT),
        (&long, Compress::Never, TEXT),
        (&long, Compress::Always, COMPRESSED_TEXT),
        (&short, Compress::Auto, BINARY),
        (&short, Compress::Never, BINARY),
        (&short, Compress::Always, COMPRESSED_BINARY),
    ];
    for (message, compress, first) in cases {
        for prepared in [false, true] {
            let outgoing = message.clone().compress(compress);
            match prepared {
                false => ws.send(outgoing).await.unwrap(),
                true => ws.send(&PreparedMessage::new(outgoing)).await.unwrap(),
            }
            ws.flush().await.unwrap();
            let (seen, payload) = soon(raw.next()).await.unwrap();
            assert_eq!(seen, first, "{compress:?} for {} bytes", message.len());
            if first & 0x40 == 0 {
                assert_eq!(payload, message.as_bytes());
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn prepared_messages_arrive_everywhere_between_others() {
    let prepared = PreparedMessage::new("news for all, news for everybody, ".repeat(9));
    let news = prepared.message().clone();
    let between = Message::from("news for one alone, not for everybody, ".repeat(9));
    let mut pairs = vec![pair(4096).await];
    for no_takeover in [false, true] {
        let deflate = ServerDeflate::default().server_no_context_takeover(no_takeover);
        pairs.push(pair_with(|client| client, |server| server.compression(deflate)).await);
    }
    for _ in 0..3 {
        for (client, server) in &mut pairs {
            for _ in 0..2 {
                client.send(&prepared).await.unwrap();
                client.send(between.clone()).await.unwrap();
                client.send(&prepared).await.unwrap();
                client.flush().await.unwrap();
                for expected in [&news, &between, &news] {
                    assert_eq!(soon(server.recv()).await.unwrap().as_ref(), Some(expected));
                }
                // The other way round.
                std::mem::swap(client, server);
            }
        }
        // Meanwhile the compressors are given back.
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn halves_compress_and_decompress_in_tasks_of_their_own() {
    let (client, server) = pair_with(|client| client, |server| server).await;
    let mut tasks = tokio::task::JoinSet::new();
    for ws in [client, server] {
        let (sender, mut receiver) = ws.split();
        tasks.spawn(async move {
            for message in messages() {
                sender.send(message).await.unwrap();
            }
            let mut writer = sender.send_streaming();
            for _ in 0..50 {
                writer.write("in pieces, ".repeat(30)).await.unwrap();
            }
            writer.finish().await.unwrap();
            sender.flush().await.unwrap();
        });
        tasks.spawn(async move {
            for message in messages() {
                assert_eq!(receiver.recv().await.unwrap(), Some(message));
            }
            let mut reader = receiver.recv_streaming().await.unwrap().unwrap();
            let mut text = String::new();
            while let Some(piece) = reader.next().await.unwrap() {
                text.push_str(piece.as_text().unwrap());
            }
            drop(reader);
            assert_eq!(text, "in pieces, ".repeat(1500));
            // Nobody drops his end before the other has received everything.
            receiver.recv().await.map(|_| ()).unwrap_err();
        });
    }
    // The two senders and nobody else come to an end by themselves.
    for _ in 0..2 {
        soon(tasks.join_next()).await.unwrap().unwrap();
    }
    tasks.abort_all();
    while let Some(ended) = tasks.join_next().await {
        assert!(ended.is_ok() || ended.unwrap_err().is_cancelled());
    }
}
