//! Connections over in-memory streams and loopback sockets, on a paused clock where time matters.

#![allow(clippy::indexing_slicing, reason = "a test that panics has failed, which is its purpose")]
#![allow(clippy::single_match, reason = "the arms say what each poll may give")]

mod ahead;
mod auth;
mod background;
mod cancel;
#[cfg(feature = "ring")]
mod certificates;
mod common;
#[cfg(feature = "deflate")]
mod compression;
mod connections;
mod dialing;
#[cfg(feature = "tracing")]
mod events;
mod failing;
mod failures;
mod halves;
mod handles;
mod hooks;
mod hostile;
mod http;
mod life;
mod limits;
mod listeners;
#[cfg(feature = "metrics")]
mod metrics;
mod oversize;
mod passwords;
#[cfg(feature = "proxy-protocol")]
mod proxied;
mod reconnecting;
mod resolver;
#[cfg(feature = "router")]
mod router;
mod script;
mod serve;
mod stress;
mod timeouts;
#[cfg(feature = "ring")]
mod tls;
#[cfg(feature = "ring")]
mod tls_servers;
mod unattended;
#[cfg(feature = "http")]
mod upgrades;
mod waiting;
