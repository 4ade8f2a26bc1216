//! The face of `events` without the feature `tracing`: nobody listens.

use super::failure::Failure;

pub(super) fn are_heard() -> bool {
    false
}

pub(super) fn failed(_: &Failure) {}

pub(super) fn answered(_: &Failure, _: bool) {}
