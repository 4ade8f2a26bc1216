//! The face of `proxy_header` without the feature `proxy-protocol`: nobody sends one.

use std::future::{Ready, ready};
use std::net::SocketAddr;

use crate::error::Error;

#[derive(Clone, Debug, Default)]
pub(super) struct Proxies(());

#[expect(clippy::unused_self, reason = "with the feature, there may be somebody")]
impl Proxies {
    pub(super) fn trusts(&self, _: Option<SocketAddr>) -> bool {
        false
    }
}

pub(super) fn read<S>(_: &mut S) -> Ready<Result<Option<SocketAddr>, Error>> {
    ready(Ok(None))
}
