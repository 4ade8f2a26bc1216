//! The one timer of a connection.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until};

/// A timer that is set anew only when it would fire too late, or has fired.
#[derive(Default)]
pub(super) struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    /// Ready when `deadline`, counted from `origin`, has come; else `cx`, always of the same waker, is
    /// woken then or earlier. Outside of a runtime nobody is woken.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        origin: Instant,
        deadline: Duration,
    ) -> Poll<()> {
        // Beyond the end of time nothing happens.
        let Some(deadline) = origin.checked_add(deadline) else { return Poll::Pending };
        match &mut self.0 {
            Some(sleep) if !sleep.is_elapsed() => {
                if sleep.deadline() <= deadline {
                    return Poll::Pending;
                }
                sleep.as_mut().reset(deadline);
            }
            _ if deadline <= Instant::now() => return Poll::Ready(()),
            _ if Handle::try_current().is_err() => return Poll::Pending,
            // Not reset: its runtime may be gone.
            Some(sleep) => sleep.set(sleep_until(deadline)),
            none => *none = Some(Box::pin(sleep_until(deadline))),
        }
        let Some(sleep) = &mut self.0 else { return Poll::Pending };
        // Not to be put off because the task has done much already: it would seem to be set.
        pin!(unconstrained(sleep.as_mut())).poll(cx)
    }
}
