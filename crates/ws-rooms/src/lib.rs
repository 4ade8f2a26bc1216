#![doc = include_str!("../README.md")]
#![doc(html_root_url = "https://docs.rs/ws-rooms/latest")]

mod backplane;
mod connection;
mod queue;
mod rooms;
mod seat;
mod settings;
mod table;
mod topic;

#[cfg(feature = "nats")]
pub use backplane::NatsBackplane;
#[cfg(feature = "redis")]
pub use backplane::RedisBackplane;
pub use backplane::{
    Backplane, BackplaneError, BackplaneEvent, Command, Ignored, Publication, Wire,
};
pub use rooms::{JoinError, Member, Published, Rooms, RoomsBuilder, broadcast};
pub use settings::{MemberSettings, WhenFull};
pub use topic::TopicError;

// The types in the signatures above.
pub use ws_tokio;
