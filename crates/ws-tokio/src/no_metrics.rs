//! The face of `metrics` without the feature of that name: nobody counts.

use ws_proto::Connection;
use ws_types::Side;

use crate::FailureKind;

#[derive(Debug)]
pub(crate) struct Meter;

#[expect(clippy::unused_self, reason = "with the feature, there are counts")]
impl Meter {
    pub(crate) fn open(_: Side) -> Self {
        Self
    }

    pub(crate) fn publish(&mut self, _: &Connection) {}

    pub(crate) fn close(&mut self, _: &Connection, _: bool) {}
}

pub(crate) fn refused(_: u16) {}

pub(crate) fn failed(_: FailureKind) {}

pub(crate) fn not_connected() {}
