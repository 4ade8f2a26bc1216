//! Rooms of several processes, over an engine within the test.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::io::{DuplexStream, duplex};
use tokio::sync::{mpsc, watch};
use ws_rooms::{
    Backplane, BackplaneError, BackplaneEvent, Command, Ignored, Member, Rooms, RoomsBuilder, Wire,
};
use ws_tokio::{Compress, Error, Message, WebSocket, accept, client};

/// A server of messages, which can be stopped.
#[derive(Clone)]
struct Engine {
    /// The subscribers of each subject.
    state: Arc<Mutex<HashMap<String, Subscribers>>>,
    up: watch::Sender<bool>,
}

type Subscribers = HashMap<u64, mpsc::UnboundedSender<(String, Bytes)>>;

/// A client of it.
struct Local(Engine, u64);

impl Engine {
    fn new() -> Self {
        Self { state: Arc::default(), up: watch::Sender::new(true) }
    }

    fn publish(&self, subject: &str, payload: impl Into<Bytes>) -> usize {
        let (state, payload) = (self.state.lock().unwrap(), payload.into());
        let subscribers: Vec<_> =
            state.get(subject).into_iter().flat_map(Subscribers::values).collect();
        let message = || (subject.to_owned(), payload.clone());
        subscribers.iter().filter(|subscriber| subscriber.send(message()).is_ok()).count()
    }

    fn subjects(&self) -> HashSet<String> {
        let state = self.state.lock().unwrap();
        state
            .iter()
            .filter(|(_, them)| !them.is_empty())
            .map(|(subject, _)| subject.clone())
            .collect()
    }

    /// Waits until these are the subjects that somebody has subscribed.
    async fn until_subjects(&self, expected: &[&str]) {
        let expected: HashSet<_> = expected.iter().map(|it| (*it).to_owned()).collect();
        while self.subjects() != expected {
            tokio::task::yield_now().await;
        }
    }
}

impl Backplane for Local {
    async fn run(&mut self, wire: &Wire) -> Result<(), BackplaneError> {
        let Self(engine, number) = self;
        let mut up = engine.up.subscribe();
        if !*up.borrow_and_update() {
            return Err("refused".into());
        }
        let (subscriber, mut messages) = mpsc::unbounded_channel();
        wire.connected();
        let ended = loop {
            tokio::select! {
                _ = up.changed() => break Err("the engine was stopped".into()),
                command = wire.next() => match command {
                    Some(Command::Subscribe(subjects)) => for subject in subjects {
                        let mut state = engine.state.lock().unwrap();
                        state.entry(subject).or_default().insert(*number, subscriber.clone());
                    },
                    Some(Command::Unsubscribe(subjects)) => for subject in subjects {
                        engine.state.lock().unwrap().get_mut(&subject).unwrap().remove(number);
                    },
                    Some(Command::Publish(publications)) => for it in publications {
                        engine.publish(&it.subject, it.payload);
                    },
                    Some(_) => {}
                    None => break Ok(()),
                },
                Some((subject, payload)) = messages.recv() => wire.deliver(&subject, &payload),
            }
        };
        for subscribers in engine.state.lock().unwrap().values_mut() {
            subscribers.remove(number);
        }
        ended
    }
}

/// A process: its rooms, and what they say.
fn process(engine: &Engine, number: u64) -> (Rooms, mpsc::UnboundedReceiver<BackplaneEvent>) {
    process_with(engine, number, Rooms::builder())
}

fn process_with(
    engine: &Engine,
    number: u64,
    builder: RoomsBuilder,
) -> (Rooms, mpsc::UnboundedReceiver<BackplaneEvent>) {
    let (tell, events) = mpsc::unbounded_channel();
    let builder = builder.on_event(move |event| _ = tell.send(event));
    (builder.backplane("app", Local(engine.clone(), number)).build(), events)
}

struct Peer {
    peer: WebSocket<DuplexStream>,
    member: Member,
    _ws: WebSocket<DuplexStream>,
}

impl Peer {
    async fn new(rooms: &Rooms, topics: &[&str]) -> Self {
        let (near, far) = duplex(1 << 16);
        let (ws, peer) = tokio::join!(async { accept(near).await }, async {
            client(far, "ws://localhost/").await
        });
        let ws = ws.unwrap();
        let member = rooms.member(ws.sender());
        for topic in topics {
            member.join(topic).unwrap();
        }
        Self { peer: peer.unwrap(), member, _ws: ws }
    }

    async fn recv(&mut self) -> Message {
        self.peer.recv().await.unwrap().unwrap()
    }
}

async fn connected(events: &mut mpsc::UnboundedReceiver<BackplaneEvent>) -> u64 {
    match events.recv().await {
        Some(BackplaneEvent::Connected { lost, .. }) => lost,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn messages_reach_the_members_of_other_processes_once_and_in_order() {
    let engine = Engine::new();
    let ((one, _e1), (two, _e2)) = (process(&engine, 1), process(&engine, 2));
    let (mut ada, mut bob) = (Peer::new(&one, &["lobby"]).await, Peer::new(&two, &["lobby"]).await);
    let mut eve = Peer::new(&two, &["a.*"]).await;
    engine.until_subjects(&["app.lobby", "app.a%2E%2A"]).await;

    for i in 0..1000 {
        assert!(!ada.member.publish("lobby", format!("{i}")).lost_elsewhere);
        if i % 100 == 0 {
            tokio::task::yield_now().await;
        }
    }
    one.publish("a.*", vec![7]);
    bob.member.publish("lobby", Message::text("back").compress(Compress::Never));
    for i in 0..1000 {
        assert_eq!(bob.recv().await, format!("{i}").into());
    }
    // The first that ada gets, since she has published the others.
    assert_eq!(ada.recv().await, "back".into());
    assert_eq!(eve.recv().await, vec![7].into());
    // Nothing has come back: the next is the next.
    one.publish("lobby", "all");
    assert_eq!(ada.recv().await, "all".into());
    assert_eq!(bob.recv().await, "all".into());
}

#[tokio::test]
async fn topics_are_subscribed_while_they_have_members() -> Result<(), Error> {
    let engine = Engine::new();
    let (rooms, _events) = process(&engine, 1);
    engine.until_subjects(&[]).await;
    let many: Vec<_> = (0..90).map(|i| format!("t{i}")).collect();
    let ada = Peer::new(&rooms, &many.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let bob = Peer::new(&rooms, &["t0"]).await;
    let subjects: Vec<_> = many.iter().map(|topic| format!("app.{topic}")).collect();
    engine.until_subjects(&subjects.iter().map(String::as_str).collect::<Vec<_>>()).await;
    drop(ada);
    engine.until_subjects(&["app.t0"]).await;
    bob.member.leave("t0");
    engine.until_subjects(&[]).await;
    bob.member.join("t0")?;
    engine.until_subjects(&["app.t0"]).await;
    // The task ends with the rooms.
    drop((bob, rooms));
    engine.until_subjects(&[]).await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn while_the_engine_is_away_messages_wait_and_losses_are_told() {
    let engine = Engine::new();
    let ((one, mut events), (two, mut others)) = (process(&engine, 1), process(&engine, 2));
    assert_eq!((connected(&mut events).await, connected(&mut others).await), (0, 0));
    let (mut ada, mut bob) = (Peer::new(&one, &["lobby"]).await, Peer::new(&two, &["lobby"]).await);
    engine.until_subjects(&["app.lobby"]).await;

    engine.up.send_replace(false);
    let Some(BackplaneEvent::Disconnected { error, retry_in, .. }) = events.recv().await else {
        panic!()
    };
    assert_eq!((error.to_string().as_str(), retry_in.as_millis()), ("the engine was stopped", 100));
    // It is tried again, less and less often.
    for expected in [200, 400] {
        let Some(BackplaneEvent::Disconnected { error, retry_in, .. }) = events.recv().await else {
            panic!()
        };
        assert_eq!((error.to_string().as_str(), retry_in.as_millis()), ("refused", expected));
    }
    let lost =
        (0..1500).filter(|i| ada.member.publish("lobby", i.to_string()).lost_elsewhere).count();
    assert_eq!(lost, 1500 - 1024);
    // Members of this process miss nothing.
    bob.member.publish("lobby", "from two");
    assert_eq!(one.publish("lobby", "here").sent, 1);
    assert_eq!(ada.recv().await, "here".into());

    engine.up.send_replace(true);
    let told = |event: Option<BackplaneEvent>| match event {
        Some(BackplaneEvent::Connected { lost, .. }) => Some(lost),
        Some(BackplaneEvent::Disconnected { .. }) => None,
        other => panic!("{other:?}"),
    };
    let lost = loop {
        if let Some(lost) = told(events.recv().await) {
            break lost;
        }
    };
    assert_eq!(lost, 1500 - 1024 + 1);
    loop {
        if let Some(lost) = told(others.recv().await) {
            assert_eq!(lost, 0);
            break;
        }
    }
    // What has waited arrives, since the other process has come back, too.
    assert_eq!(bob.recv().await, "0".into());
    // All is as before.
    ada.member.publish("lobby", "again");
    while bob.recv().await != "again".into() {}
    bob.member.publish("lobby", "me too");
    while ada.recv().await != "me too".into() {}
}

#[tokio::test]
async fn what_the_engine_delivers_is_checked() {
    let engine = Engine::new();
    let builder = Rooms::builder().max_message_size(4);
    let (rooms, mut events) = process_with(&engine, 1, builder);
    let mut ada = Peer::new(&rooms, &["lobby"]).await;
    connected(&mut events).await;
    engine.until_subjects(&["app.lobby"]).await;
    let message = |kind: u8, data: &[u8]| [&[1, kind], &[9; 16][..], data].concat();
    let table = [
        (b"hello".to_vec(), Ignored::Format),
        (message(1, b"\xff"), Ignored::Utf8),
        (message(0, b"12345"), Ignored::TooBig(5)),
    ];
    for (payload, expected) in table {
        assert_eq!(engine.publish("app.lobby", payload), 1);
        let Some(BackplaneEvent::Ignored { subject, reason, .. }) = events.recv().await else {
            panic!()
        };
        assert_eq!((subject.as_str(), reason), ("app.lobby", expected));
    }
    assert_eq!(engine.publish("app.lobby", message(0, b"1234")), 1);
    assert_eq!(ada.recv().await, b"1234".to_vec().into());
}

#[tokio::test]
async fn a_message_without_a_topic_goes_nowhere() {
    let engine = Engine::new();
    let (rooms, _events) = process(&engine, 1);
    let published = rooms.publish("", "nowhere");
    assert_eq!((published.sent, published.lost_elsewhere), (0, false));
}

/// An engine that breaks with each message.
struct Broken;

impl Backplane for Broken {
    async fn run(&mut self, wire: &Wire) -> Result<(), BackplaneError> {
        wire.connected();
        loop {
            match wire.next().await {
                Some(Command::Publish(publications)) => {
                    return Err(format!("{} broke it", publications.len()).into());
                }
                Some(_) => {}
                None => return Ok(()),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn messages_that_were_leaving_when_the_engine_broke_count_as_lost() {
    let (tell, mut events) = mpsc::unbounded_channel();
    let rooms = Rooms::builder()
        .on_event(move |event| _ = tell.send(event.to_string()))
        .backplane("app", Broken)
        .build();
    for i in 0..3 {
        assert!(!rooms.publish("lobby", format!("{i}")).lost_elsewhere);
    }
    let expected = [
        "the backplane is connected",
        "the backplane is away: 3 broke it; trying again in 100ms",
        "the backplane is connected; 3 messages were lost",
    ];
    for expected in expected {
        assert_eq!(events.recv().await.as_deref(), Some(expected));
    }
    rooms.publish("lobby", "one more");
    let expected = [
        "the backplane is away: 1 broke it; trying again in 100ms",
        "the backplane is connected; 1 message was lost",
    ];
    for expected in expected {
        assert_eq!(events.recv().await.as_deref(), Some(expected));
    }
}

/// An engine whose first run panics.
struct Panicking(Local, bool);

impl Backplane for Panicking {
    async fn run(&mut self, wire: &Wire) -> Result<(), BackplaneError> {
        if std::mem::replace(&mut self.1, false) {
            panic!("a defect");
        }
        self.0.run(wire).await
    }
}

#[tokio::test(start_paused = true)]
async fn panics_of_the_engine_and_of_those_who_are_told_end_nothing() {
    let engine = Engine::new();
    let (tell, mut events) = mpsc::unbounded_channel();
    let builder = Rooms::builder().on_event(move |event| {
        _ = tell.send(event);
        panic!("told");
    });
    let backplane = Panicking(Local(engine.clone(), 1), true);
    let rooms = builder.backplane("app", backplane).build();
    let Some(BackplaneEvent::Disconnected { error, .. }) = events.recv().await else { panic!() };
    assert_eq!(error.to_string(), "the backplane panicked: a defect");
    assert_eq!(connected(&mut events).await, 0);

    let mut ada = Peer::new(&rooms, &["lobby"]).await;
    engine.until_subjects(&["app.lobby"]).await;
    engine.publish("app.lobby", "not from rooms");
    assert!(matches!(events.recv().await, Some(BackplaneEvent::Ignored { .. })));
    let (other, _events) = process(&engine, 2);
    other.publish("lobby", "hello");
    assert_eq!(ada.recv().await, "hello".into());
}
