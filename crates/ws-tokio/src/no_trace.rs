//! The face of `trace` without the feature `tracing`: nobody listens.

use std::future::Future;
use std::net::SocketAddr;

use ws_proto::http::{Request, Response};
use ws_proto::{Event, Message, Uri};

use crate::connection::{Info, next_id};

macro_rules! debug {
    ($($arg:tt)*) => {
        ()
    };
}

pub(crate) use {debug, debug as trace};

#[derive(Clone, Debug)]
pub(crate) struct Trace {
    pub(crate) id: u64,
}

#[expect(clippy::unused_self, reason = "with the feature, there is a span")]
impl Trace {
    pub(crate) fn client(_: &Uri, _: bool) -> Self {
        Self { id: next_id() }
    }

    pub(crate) fn server(_: Option<SocketAddr>, _: bool) -> Self {
        Self { id: next_id() }
    }

    pub(crate) fn peer(&self, _: Option<SocketAddr>) {}

    pub(crate) fn path(&self, _: &str) {}

    pub(crate) fn within<R>(&self, run: impl FnOnce() -> R) -> R {
        run()
    }

    pub(crate) fn instrument<F: Future>(&self, future: F) -> F {
        future
    }

    pub(crate) fn opened(&self, _: &Info) {}

    pub(crate) fn received(&self, _: &Event) {}

    pub(crate) fn sent(&self, _: &Message, _: bool) {}
}

pub(crate) fn request(_: &str, _: &Request) {}

pub(crate) fn response(_: &str, _: &Response) {}

pub(crate) fn frames() -> bool {
    false
}
