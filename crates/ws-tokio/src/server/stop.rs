//! How far the end of connections has come, which they look at, and what became of them.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};
use tokio_util::task::TaskTracker;
use ws_types::{Close, CloseCode};

use super::shutdown::ShutdownReport;

/// How connections are told that they end together, and counted.
pub(crate) struct Stop {
    /// As a number, so that a connection that is busy can look at it for nothing.
    stage: AtomicU8,
    /// Cancelled when the stage leaves [`Stage::Serving`].
    pub(super) closing: CancellationToken,
    /// Cancelled when it reaches [`Stage::Aborted`].
    aborted: CancellationToken,
    /// Requests are refused, and connections go on.
    pub(super) draining: AtomicBool,
    /// The close frame of all connections; 1001 unless it is set before they are closed.
    pub(super) close: OnceLock<Close>,
    /// The tasks that are waited for at the end.
    pub(super) tasks: TaskTracker,
    pub(super) ended: Ended,
}

/// How far the end has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
#[repr(u8)]
pub(super) enum Stage {
    Serving,
    /// Connections are to be closed.
    Closing,
    /// Connections are to be dropped.
    Aborted,
}

/// Counts of connections since they were told to end.
#[derive(Default)]
pub(super) struct Ended {
    pub(super) closed: AtomicUsize,
    pub(super) cut: AtomicUsize,
    pub(super) failed: AtomicUsize,
}

impl Stop {
    pub(super) fn new() -> Self {
        let aborted = CancellationToken::new();
        Self {
            stage: AtomicU8::new(Stage::Serving as u8),
            closing: aborted.child_token(),
            aborted,
            draining: AtomicBool::new(false),
            close: OnceLock::new(),
            tasks: TaskTracker::new(),
            ended: Ended::default(),
        }
    }

    pub(super) fn stage(&self) -> Stage {
        match self.stage.load(Ordering::Acquire) {
            0 => Stage::Serving,
            1 => Stage::Closing,
            _ => Stage::Aborted,
        }
    }

    /// Whether new connections are refused.
    pub(crate) fn refuses(&self) -> bool {
        self.stage() != Stage::Serving || self.draining.load(Ordering::Acquire)
    }

    pub(super) fn enter(&self, stage: Stage) {
        self.stage.fetch_max(stage as u8, Ordering::AcqRel);
        match stage {
            Stage::Serving => {}
            Stage::Closing => self.closing.cancel(),
            Stage::Aborted => self.aborted.cancel(),
        }
    }

    /// Waits for the stage after this one.
    pub(super) fn after(&self, stage: Stage) -> WaitForCancellationFuture<'_> {
        match stage {
            Stage::Serving => self.closing.cancelled(),
            Stage::Closing | Stage::Aborted => self.aborted.cancelled(),
        }
    }

    /// Runs `future`, unless the connections are to be dropped.
    pub(super) async fn unless_aborted<F: Future>(&self, future: F) -> Option<F::Output> {
        self.aborted.run_until_cancelled(future).await
    }

    pub(super) fn close(&self) -> Close {
        self.close.get_or_init(|| Close::new(CloseCode::GOING_AWAY, "")).clone()
    }

    pub(super) fn report(&self) -> ShutdownReport {
        let Ended { closed, cut, failed } = &self.ended;
        let count = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        ShutdownReport { closed: count(closed), cut: count(cut), failed: count(failed) }
    }
}

/// Drops all connections when it is dropped.
pub(super) struct AbortOnDrop(pub(super) Arc<Stop>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.enter(Stage::Aborted);
    }
}
