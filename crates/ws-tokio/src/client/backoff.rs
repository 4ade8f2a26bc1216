//! [`Backoff`]: how long to wait before the next attempt; no I/O.

use std::time::Duration;

/// The delays between attempts to connect: a random one first, so that many clients don't come back at the
/// same time, then longer and longer ones.
///
/// The defaults are Python's: between 0 and 5 s, then 3.1 s, each 1.618 times as long as the one before, at most
/// 90 s.
///
/// ```
/// use std::time::Duration;
/// use ws_tokio::Backoff;
///
/// let impatient = Backoff::new().initial(Duration::from_secs(1)).max(Duration::from_secs(10));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Backoff {
    initial: Duration,
    min: Duration,
    max: Duration,
    factor: f64,
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

impl Backoff {
    /// The defaults.
    pub fn new() -> Self {
        Self {
            initial: Duration::from_secs(5),
            min: Duration::from_millis(3100),
            max: Duration::from_secs(90),
            factor: 1.618,
        }
    }

    /// The first delay is a random one below this. Default: 5 s.
    pub fn initial(mut self, initial: Duration) -> Self {
        self.initial = initial;
        self
    }

    /// The second delay. Default: 3.1 s.
    pub fn min(mut self, min: Duration) -> Self {
        self.min = min;
        self
    }

    /// The longest delay. Default: 90 s.
    pub fn max(mut self, max: Duration) -> Self {
        self.max = max;
        self
    }

    /// How many times as long as the one before each delay is, from the third on; less than 1 counts as 1.
    /// Default: 1.618.
    pub fn factor(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }

    /// The delay after this many failures in a row, at least 1. `random` is between 0 and 1.
    pub(super) fn delay(&self, failures: u32, random: f64) -> Duration {
        let seconds = match failures {
            0 | 1 => self.initial.as_secs_f64() * random,
            _ => {
                let grown = self.factor.max(1.0).powf(f64::from(failures - 2));
                self.min.as_secs_f64() * grown
            }
        };
        Duration::try_from_secs_f64(seconds).map_or(self.max, |delay| delay.min(self.max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_are_those_of_python() {
        let backoff = Backoff::new();
        assert_eq!(backoff.delay(1, 0.0), Duration::ZERO);
        assert_eq!(backoff.delay(1, 0.5), Duration::from_millis(2500));
        let rounded =
            |failures| (backoff.delay(failures, 0.5).as_secs_f64() * 100.0).round() / 100.0;
        let delays: Vec<_> = (2..=12).map(rounded).collect();
        assert_eq!(delays, [3.1, 5.02, 8.12, 13.13, 21.25, 34.38, 55.62, 89.99, 90.0, 90.0, 90.0]);
        assert_eq!(backoff.delay(u32::MAX, 0.5), Duration::from_secs(90));
    }

    #[test]
    fn odd_settings_do_no_harm() {
        let backoff = Backoff::new().factor(0.5).initial(Duration::MAX).min(Duration::MAX);
        assert_eq!(backoff.delay(1, 1.0), Duration::from_secs(90));
        assert_eq!(backoff.delay(7, f64::NAN), Duration::from_secs(90));
        let constant = Backoff::new().factor(f64::NAN);
        assert_eq!(constant.delay(9, 0.0), Duration::from_millis(3100));
    }
}
