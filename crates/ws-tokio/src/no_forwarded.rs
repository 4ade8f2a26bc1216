//! The face of `forwarded` without the feature of that name: nobody is believed.

use std::net::SocketAddr;

use ws_headers::Headers;

#[derive(Clone, Debug, Default)]
pub(crate) struct Forwarded(());

#[expect(clippy::unused_self, reason = "with the feature, there may be somebody")]
impl Forwarded {
    pub(crate) fn trusts(&self, _: Option<SocketAddr>) -> bool {
        false
    }

    pub(crate) fn client(&self, _: &Headers, peer: Option<SocketAddr>) -> Option<SocketAddr> {
        peer
    }
}
