//! Compressors and decompressors: few, for many connections.
//!
//! They are large (see docs/topics/compression.md) and cost time to make, while most connections are
//! idle most of the time. All connections of a process share them:
//!
//! - A decompressor is held while a message is decoded, and given back after it.
//! - A compressor stays with its connection for as long as that goes on sending, since it remembers the
//!   messages before: it is *lent*. When there are more than [`MOST`], the pool takes one back that was
//!   not used lately, and its connection goes on with one that remembers nothing. So the memory of all
//!   compressors is bounded, however many connections send.
//! - Windows of 32 KiB are lent [`WIDE`] times; further connections get half of that: what doesn't fit the
//!   cache takes more time than it saves bytes.

use std::collections::VecDeque;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zlib_rs::{Deflate, DeflateConfig, Inflate};

/// At most this many of each kind are kept while nobody uses them.
const KEPT: usize = 8;

/// At most this many compressors are lent: at our defaults, that is 42 MB.
const MOST: usize = 256;

/// At most this many compressors with a window of 32 KiB are lent. Of 64 connections that take turns,
/// all with such a window cost 29 % more time than half of them, and save 2 % of the bytes (messages of
/// 200 bytes, level 9, one core).
const WIDE: usize = 32;

/// What makes a window of 32 KiB.
const WIDE_BITS: i32 = -15;

#[expect(clippy::vec_box, reason = "a connection holds a pointer, and none while it waits")]
static DECOMPRESSORS: Mutex<Vec<Box<Inflate>>> = Mutex::new(Vec::new());

/// Lent compressors and free ones, in the order in which they are to be taken back.
static COMPRESSORS: Mutex<VecDeque<Arc<Slot>>> = Mutex::new(VecDeque::new());

/// A compressor, for both the pool and the connection that it is lent to.
struct Slot {
    config: DeflateConfig,
    /// `None` when the pool has taken it back.
    deflate: Mutex<Option<Box<Deflate>>>,
    /// Whether it was used since the pool looked.
    used: AtomicBool,
}

impl Slot {
    /// Whether no connection holds it.
    fn is_free(slot: &Arc<Self>) -> bool {
        Arc::strong_count(slot) == 1
    }
}

/// What a connection has of a compressor.
#[derive(Default)]
pub(super) struct Compressor(Option<Arc<Slot>>);

impl Compressor {
    /// Uses the compressor. If there is none, or the pool has taken it back, then one that remembers
    /// nothing, which is kept for the next time.
    pub(super) fn with<T>(
        &mut self,
        config: DeflateConfig,
        compress: impl FnOnce(&mut Deflate) -> T,
    ) -> T {
        if let Some(slot) = &self.0
            && let Some(deflate) = &mut *lock(&slot.deflate)
        {
            slot.used.store(true, Ordering::Relaxed);
            return compress(deflate);
        }
        self.release();
        let (config, free) = take(config);
        let mut deflate = free.unwrap_or_else(|| Deflate::new_with_config(config).into());
        let result = compress(&mut deflate);
        let deflate = Mutex::new(Some(deflate));
        let slot = Arc::new(Slot { config, deflate, used: AtomicBool::new(true) });
        lock(&COMPRESSORS).push_back(Arc::clone(&slot));
        self.0 = Some(slot);
        result
    }

    /// Whether there is one that may remember something.
    pub(super) fn is_held(&self) -> bool {
        self.0.is_some()
    }

    /// Gives it back, with all that it remembers.
    pub(super) fn release(&mut self) {
        let Some(slot) = self.0.take() else { return };
        drop(slot);
        let mut pool = lock(&COMPRESSORS);
        if pool.len() > KEPT && pool.iter().filter(|slot| Slot::is_free(slot)).count() > KEPT {
            let oldest = pool.iter().position(Slot::is_free).and_then(|at| pool.remove(at));
            // Its memory is freed without the lock.
            drop(pool);
            drop(oldest);
        }
    }
}

/// Takes a free compressor out of the pool; or, if too many are lent, one of those. With it, the settings to
/// use, since there may be too many wide windows.
fn take(mut config: DeflateConfig) -> (DeflateConfig, Option<Box<Deflate>>) {
    let mut pool = lock(&COMPRESSORS);
    if config.window_bits == WIDE_BITS {
        let is_lent =
            |slot: &&Arc<Slot>| slot.config.window_bits == WIDE_BITS && !Slot::is_free(slot);
        if pool.iter().filter(is_lent).count() >= WIDE {
            config.window_bits += 1;
        }
    }
    let free = pool.iter().rposition(|slot| Slot::is_free(slot) && slot.config == config);
    let slot = match free {
        Some(at) => pool.remove(at),
        None => take_back(&mut pool),
    };
    drop(pool);
    let deflate = slot.and_then(|slot| {
        let mut deflate = lock(&slot.deflate).take()?;
        // One with other settings is of no use, but its memory is free again.
        (slot.config == config).then(|| {
            deflate.reset();
            deflate
        })
    });
    (config, deflate)
}

/// When there are too many, gives one that was not used lately.
fn take_back(pool: &mut VecDeque<Arc<Slot>>) -> Option<Arc<Slot>> {
    // After one round, nobody has a second chance left.
    for _ in 0..=pool.len() {
        if pool.len() < MOST {
            return None;
        }
        let slot = pool.pop_front()?;
        if Slot::is_free(&slot) || !slot.used.swap(false, Ordering::Relaxed) {
            return Some(slot);
        }
        pool.push_back(slot);
    }
    None
}

impl Drop for Compressor {
    fn drop(&mut self) {
        self.release();
    }
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor").field("is_held", &self.is_held()).finish()
    }
}

/// A decompressor that remembers nothing; goes back to the pool when it is dropped.
pub(super) struct Decompressor(Option<Box<Inflate>>);

impl Decompressor {
    pub(super) fn take() -> Self {
        let pooled = lock(&DECOMPRESSORS).pop();
        Self(Some(match pooled {
            Some(mut inflate) => {
                inflate.reset(false);
                inflate
            }
            // A window of 32 KiB can decode everything, and costs the same as a smaller one.
            None => Box::new(Inflate::new(false, 15)),
        }))
    }
}

impl Drop for Decompressor {
    fn drop(&mut self) {
        let Some(inflate) = self.0.take() else { return };
        let mut pool = lock(&DECOMPRESSORS);
        if pool.len() < KEPT {
            pool.push(inflate);
        }
    }
}

impl Deref for Decompressor {
    type Target = Inflate;

    fn deref(&self) -> &Inflate {
        self.0.as_ref().expect("taken out only by drop")
    }
}

impl DerefMut for Decompressor {
    fn deref_mut(&mut self) -> &mut Inflate {
        self.0.as_mut().expect("taken out only by drop")
    }
}

impl fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decompressor")
    }
}

/// What is under these locks stays whole whatever panics.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_windows_are_lent_to_few() {
        let wide = DeflateConfig { window_bits: WIDE_BITS, ..DeflateConfig::new(1) };
        let used = |compressor: &mut Compressor| {
            compressor.with(wide, |_| ());
            compressor.0.as_ref().unwrap().config.window_bits
        };
        let mut all: Vec<_> = std::iter::repeat_with(Compressor::default).take(MOST).collect();
        let mut bits: Vec<_> = all.iter_mut().map(used).collect();
        let expected: Vec<_> = (0..MOST).map(|n| WIDE_BITS + i32::from(n >= WIDE)).collect();
        assert_eq!(bits, expected);
        // They stay as they are, and what is given back can be had by others.
        all[0].release();
        bits.rotate_left(1);
        all.rotate_left(1);
        assert_eq!(all.iter_mut().map(used).collect::<Vec<_>>(), {
            *bits.last_mut().unwrap() = WIDE_BITS;
            bits
        });
    }
}
