//! How far a server has come, which its connections look at.

use std::future::Future;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};
use ws_types::{Close, CloseCode};

/// How a server tells its connections that it stops.
pub(super) struct Stop {
    /// As a number, so that a connection that is busy can look at it for nothing.
    pub(super) stage: AtomicU8,
    /// Cancelled when the stage leaves [`Stage::Serving`].
    pub(super) closing: CancellationToken,
    /// Cancelled when it reaches [`Stage::Aborted`].
    pub(super) aborted: CancellationToken,
    /// Requests are refused, and connections go on.
    pub(super) draining: AtomicBool,
    /// The close frame of all connections; 1001 unless it is set before the server closes.
    pub(super) close: OnceLock<Close>,
}

/// How far a server has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
#[repr(u8)]
pub(super) enum Stage {
    Serving,
    /// Connections are to be closed.
    Closing,
    /// Connections are to be dropped.
    Aborted,
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
    pub(super) fn refuses(&self) -> bool {
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
}
