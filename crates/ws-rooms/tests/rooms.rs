//! Rooms of connections over in-memory streams and loopback sockets.

use std::time::Duration;

use tokio::io::{AsyncReadExt, DuplexStream, duplex};
use ws_rooms::{JoinError, MemberSettings, Published, Rooms, TopicError, WhenFull, broadcast};
use ws_tokio::{
    CloseCode, Error, PreparedMessage, Sender, WebSocket, accept, client, connect, serve,
};

/// The ends of a connection whose stream takes `capacity` bytes, and which queues one message beyond.
async fn pair(capacity: usize) -> (WebSocket<DuplexStream>, WebSocket<DuplexStream>) {
    let (near, far) = duplex(capacity);
    let (server, client) = tokio::join!(async { accept(near).write_limit(0).await }, async {
        client(far, "ws://localhost/").await
    });
    (server.unwrap(), client.unwrap())
}

fn settings(max_queue: usize, when_full: WhenFull) -> MemberSettings {
    MemberSettings::new().max_queue(max_queue).when_full(when_full)
}

async fn texts(ws: &mut WebSocket<DuplexStream>, n: usize) -> Vec<String> {
    let mut texts = Vec::new();
    for _ in 0..n {
        texts.push(ws.recv().await.unwrap().unwrap().into_text().unwrap().to_string());
    }
    texts
}

#[tokio::test]
async fn what_is_published_reaches_the_members_of_the_room_but_not_its_sender() -> Result<(), Error>
{
    let rooms = Rooms::new();
    let (ada, mut ada_peer) = pair(4096).await;
    let (bob, mut bob_peer) = pair(4096).await;
    let (eve, mut eve_peer) = pair(4096).await;
    let [a, b, e] = [&ada, &bob, &eve].map(|ws| rooms.member(ws.sender()));
    a.join("lobby")?;
    b.join("lobby")?;
    e.join("cellar")?;
    assert_eq!((rooms.len("lobby"), rooms.len("cellar"), rooms.len("attic")), (2, 1, 0));

    assert_eq!(a.publish("lobby", "from ada").sent, 1);
    assert_eq!(e.publish("lobby", "from outside").sent, 2);
    assert_eq!(rooms.publish("lobby", vec![1, 2]).sent, 2);
    assert_eq!(rooms.publish("attic", "nobody"), Published::default());
    assert_eq!(rooms.publish("cellar", "down here").sent, 1);

    assert_eq!(texts(&mut bob_peer, 2).await, ["from ada", "from outside"]);
    assert_eq!(texts(&mut ada_peer, 1).await, ["from outside"]);
    assert_eq!(texts(&mut eve_peer, 1).await, ["down here"]);
    for peer in [&mut ada_peer, &mut bob_peer] {
        assert_eq!(peer.recv().await?, Some(vec![1, 2].into()));
    }
    Ok(())
}

#[tokio::test]
async fn members_come_and_go() -> Result<(), Error> {
    let rooms = Rooms::new();
    let (ws, _peer) = pair(4096).await;
    let member = rooms.member(ws.sender());
    member.join("a")?;
    member.join("a")?;
    member.join("b")?;
    assert_eq!(rooms.members("a"), [ws.id()]);
    let mut topics = member.topics();
    topics.sort();
    assert_eq!(topics, ["a", "b"]);
    assert_eq!(rooms.len("a"), 1);

    assert!(member.leave("a"));
    assert!(!member.leave("a"));
    assert!(rooms.is_empty("a"));
    assert_eq!(rooms.topics(), ["b"]);

    // Twice the same connection: two members.
    let other = rooms.member(ws.sender());
    other.join("b")?;
    assert_eq!(rooms.publish("b", "twice").sent, 2);
    drop(other);
    assert_eq!(rooms.len("b"), 1);
    drop(member);
    assert!(rooms.topics().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_topic_that_is_none_and_one_too_many_are_refused() {
    let rooms = Rooms::builder().max_topics(2).build();
    let (ws, _peer) = pair(4096).await;
    let member = rooms.member(ws.sender());
    assert_eq!(member.join(""), Err(JoinError::Topic(TopicError::Empty)));
    assert_eq!(member.join(&"x".repeat(256)), Err(JoinError::Topic(TopicError::TooLong(256))));
    assert_eq!(member.join("a"), Ok(()));
    assert_eq!(member.join("b"), Ok(()));
    assert_eq!(member.join("c"), Err(JoinError::TooMany(2)));
    assert_eq!(member.join("a"), Ok(()));
    assert!(rooms.is_empty("c"));
    member.leave("a");
    assert_eq!(member.join("c"), Ok(()));
}

#[tokio::test]
async fn a_member_that_broke_is_gone_from_all_rooms() -> Result<(), Error> {
    let rooms = Rooms::new();
    let (ws, peer) = pair(4096).await;
    let member = rooms.member(ws.sender());
    member.join("a")?;
    member.join("b")?;
    drop(peer);
    // Until it is noticed.
    let (stays, _peer) = pair(4096).await;
    let other = rooms.member(stays.sender());
    other.join("a")?;
    while rooms.len("a") == 2 {
        rooms.publish("a", "anybody there?");
        tokio::task::yield_now().await;
    }
    assert!(rooms.is_empty("b"));
    assert_eq!(rooms.members("a"), [stays.id()]);
    // It can't come back.
    member.join("b")?;
    assert!(rooms.is_empty("b"));
    Ok(())
}

#[tokio::test]
async fn a_slow_member_gets_all_that_its_queue_holds_in_order() -> Result<(), Error> {
    let rooms = Rooms::new();
    let (ws, mut peer) = pair(64).await;
    let member = rooms.member_with(ws.sender(), settings(100, WhenFull::Close));
    member.join("a")?;
    let mut total = Published::default();
    for i in 0..50 {
        let published = rooms.publish("a", format!("message {i:>20}"));
        total.sent += published.sent;
        total.queued += published.queued;
    }
    assert!(total.sent >= 1 && total.queued > 40, "{total:?}");
    assert_eq!(total.sent + total.queued, 50);
    let expected: Vec<_> = (0..50).map(|i| format!("message {i:>20}")).collect();
    assert_eq!(texts(&mut peer, 50).await, expected);
    // It has caught up: nothing waits any more.
    while rooms.publish("a", "direct").sent == 0 {
        texts(&mut peer, 1).await;
    }
    assert_eq!(member.dropped(), 0);
    Ok(())
}

#[tokio::test]
async fn a_member_that_is_too_slow_loses_the_oldest_or_the_newest() -> Result<(), Error> {
    for (when_full, last_is_there) in [(WhenFull::DropOldest, true), (WhenFull::DropNewest, false)]
    {
        let rooms = Rooms::new();
        let (ws, mut peer) = pair(64).await;
        let member = rooms.member_with(ws.sender(), settings(3, when_full));
        member.join("a")?;
        let mut kept = 0;
        for i in 0..50 {
            let published = rooms.publish("a", format!("message {i:>20}"));
            kept += published.sent + published.queued;
        }
        assert_eq!(member.dropped(), 50 - kept as u64, "{when_full:?}");
        assert!(member.dropped() > 40, "{when_full:?}");
        let arrived = texts(&mut peer, kept).await;
        let number = |text: &String| text[8..].trim().parse::<usize>().unwrap();
        let numbers: Vec<_> = arrived.iter().map(number).collect();
        assert!(numbers.is_sorted(), "{numbers:?}");
        assert_eq!(numbers.last() == Some(&49), last_is_there, "{numbers:?}");
        assert_eq!(numbers.first(), Some(&0));
    }
    Ok(())
}

#[tokio::test]
async fn a_member_that_is_too_slow_is_closed_with_1013() -> Result<(), Error> {
    let rooms = Rooms::builder().member_settings(settings(2, WhenFull::Close)).build();
    let (ws, mut peer) = pair(64).await;
    let (good, mut good_peer) = pair(1 << 16).await;
    let (member, other) = (rooms.member(ws.sender()), rooms.member(good.sender()));
    member.join("a")?;
    member.join("b")?;
    other.join("a")?;
    let mut closed = 0;
    for i in 0..20 {
        let published = rooms.publish("a", format!("message {i:>20}"));
        closed += published.closed;
    }
    assert_eq!(closed, 1);
    assert_eq!((rooms.len("a"), rooms.len("b")), (1, 0));
    // The others have missed nothing.
    assert_eq!(texts(&mut good_peer, 20).await.len(), 20);
    // It learns why, as soon as it reads.
    let received = async { while peer.recv().await.is_ok_and(|message| message.is_some()) {} };
    let ((), _) = tokio::join!(received, ws.close(1000, ""));
    assert_eq!(peer.close_code(), Some(CloseCode::TRY_AGAIN_LATER));
    assert_eq!(peer.close_reason().as_deref(), Some("you read too slowly"));
    Ok(())
}

#[tokio::test]
async fn messages_wait_behind_one_that_is_sent_in_pieces() -> Result<(), Error> {
    let rooms = Rooms::new();
    let (ws, mut peer) = pair(4096).await;
    let member = rooms.member(ws.sender());
    member.join("a")?;
    let mut writer = ws.send_streaming();
    writer.write("first ").await?;
    assert_eq!(rooms.publish("a", "second").queued, 1);
    assert_eq!(rooms.publish("a", "third").queued, 1);
    writer.write("half").await?;
    writer.finish().await?;
    assert_eq!(texts(&mut peer, 3).await, ["first half", "second", "third"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all_members_have_the_same_order() -> Result<(), Error> {
    let rooms = Rooms::builder().member_settings(settings(1000, WhenFull::Close)).build();
    let mut connections = Vec::new();
    for _ in 0..8 {
        let (ws, peer) = pair(256).await;
        let member = rooms.member(ws.sender());
        member.join("a")?;
        connections.push((ws, peer, member));
    }
    let publishers: Vec<_> = (0..4)
        .map(|publisher| {
            let rooms = rooms.clone();
            tokio::spawn(async move {
                for i in 0..100 {
                    rooms.publish("a", format!("{publisher} {i}"));
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    let mut orders = Vec::new();
    for (_, peer, _) in &mut connections {
        orders.push(texts(peer, 400).await);
    }
    for publisher in publishers {
        publisher.await.unwrap();
    }
    assert!(orders.iter().all(|order| *order == orders[0]));
    for publisher in ["0 ", "1 ", "2 ", "3 "] {
        let own: Vec<_> = orders[0].iter().filter(|it| it.starts_with(publisher)).collect();
        let expected: Vec<_> = (0..100).map(|i| format!("{publisher}{i}")).collect();
        assert!(own.into_iter().eq(&expected));
    }
    Ok(())
}

/// More members than tokio lets a task write to before it has to yield.
#[tokio::test]
async fn a_message_leaves_to_all_members_at_once() -> Result<(), Error> {
    const MEMBERS: usize = 300;
    let rooms = Rooms::new();
    let handler = {
        let rooms = rooms.clone();
        move |mut ws: WebSocket| {
            let rooms = rooms.clone();
            async move {
                let member = rooms.member(ws.sender());
                member.join("a")?;
                ws.recv().await.map(drop)
            }
        }
    };
    let server = serve("127.0.0.1:0", handler).await?;
    let mut peers = Vec::new();
    for _ in 0..MEMBERS {
        peers.push(connect(format!("ws://{}/", server.local_addr())).await?);
    }
    while rooms.len("a") < MEMBERS {
        tokio::task::yield_now().await;
    }
    assert_eq!(rooms.publish("a", "all").sent, MEMBERS);
    // Nothing has run since.
    let unwritten = |sender: Sender| sender.stats().unwritten;
    assert_eq!(server.connections().into_iter().map(unwritten).sum::<usize>(), 0);

    assert_eq!(broadcast(server.connections(), "again").sent, MEMBERS);
    for peer in &mut peers {
        assert_eq!(peer.recv().await?, Some("all".into()));
        assert_eq!(peer.recv().await?, Some("again".into()));
    }
    server.shutdown().limit(Duration::ZERO).await;
    Ok(())
}

#[tokio::test]
async fn a_broadcast_skips_those_that_are_closed_or_full() -> Result<(), Error> {
    let (full, _full_peer) = pair(64).await;
    let (closed, closed_peer) = pair(4096).await;
    let (good, mut good_peer) = pair(4096).await;
    while full.try_send("0123456789").is_ok() {}
    drop(closed_peer);
    let connections = || [&full, &closed, &good].map(|ws| ws.sender());
    while broadcast(connections(), "news").sent > 1 {
        tokio::task::yield_now().await;
    }
    let published = broadcast(connections(), PreparedMessage::new("last"));
    assert_eq!((published.sent, published.dropped), (1, 1));
    while good_peer.recv().await? != Some("last".into()) {}
    Ok(())
}

/// A member of any stream, whose peer speaks in bytes: the message is one unmasked frame.
#[tokio::test]
async fn a_message_is_one_frame() -> Result<(), Error> {
    let rooms = Rooms::new();
    let (ws, peer) = pair(4096).await;
    let member = rooms.member(ws.sender());
    member.join("a")?;
    let (mut bytes, _) = peer.into_inner().unwrap();
    rooms.publish("a", "hello");
    let mut frame = [0; 7];
    bytes.read_exact(&mut frame).await?;
    assert_eq!(&frame, b"\x81\x05hello");
    Ok(())
}
