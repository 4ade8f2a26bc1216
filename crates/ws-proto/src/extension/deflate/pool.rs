//! Pools of compressors and decompressors, shared by all connections of a process.
//!
//! Both are large (see docs/topics/compression.md) and take time to create, while most connections
//! are idle most of the time:
//!
//! - A connection holds a decompressor while it decodes a message.
//! - A connection holds a compressor while it goes on sending, since the compressor remembers earlier
//!   messages: it is *lent*. Beyond [`MAX_LENT`], the pool reclaims one that wasn't used lately, and
//!   its connection continues with an empty window. This bounds the memory of all compressors.
//! - At most [`MAX_WIDE`] lent compressors have a window of 32 KiB; further ones get half of it. More
//!   don't fit the cache, which costs more time than they save bytes.

use std::collections::VecDeque;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zlib_rs::{Deflate, DeflateConfig, Inflate};

/// The most unused ones of each kind that are kept.
const MAX_FREE: usize = 8;

/// The most lent compressors: 42 MB at the default settings.
const MAX_LENT: usize = 256;

/// The most lent compressors with a window of 32 KiB. Of 64 connections that take turns, all with
/// such a window take 29 % more time than half of them, and save 2 % of the bytes (messages of 200
/// bytes, level 9, one core).
const MAX_WIDE: usize = 32;

/// The window bits of 32 KiB, as zlib takes them for raw deflate.
const WIDE_BITS: i32 = -15;

#[expect(clippy::vec_box, reason = "a connection holds a pointer, and none while it waits")]
static DECOMPRESSORS: Mutex<Vec<Box<Inflate>>> = Mutex::new(Vec::new());

/// Lent and free compressors, in the order to reclaim them.
static COMPRESSORS: Mutex<VecDeque<Arc<Slot>>> = Mutex::new(VecDeque::new());

/// A compressor, shared by the pool and the connection that holds it.
struct Slot {
    config: DeflateConfig,
    /// `None` when the pool has reclaimed it.
    deflate: Mutex<Option<Box<Deflate>>>,
    /// Whether it was used since the pool checked last.
    used: AtomicBool,
}

impl Slot {
    /// Tells whether no connection holds it.
    fn is_free(slot: &Arc<Self>) -> bool {
        Arc::strong_count(slot) == 1
    }
}

/// A connection's handle to a compressor; returns it to the pool when dropped.
#[derive(Default)]
pub(super) struct Compressor(Option<Arc<Slot>>);

impl Compressor {
    /// Uses the compressor; first takes one with an empty window from the pool if this connection has
    /// none, or the pool has reclaimed it.
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

    /// Tells whether the connection holds one, which may remember earlier messages.
    pub(super) fn is_held(&self) -> bool {
        self.0.is_some()
    }

    /// Returns it to the pool and forgets earlier messages.
    pub(super) fn release(&mut self) {
        let Some(slot) = self.0.take() else { return };
        drop(slot);
        let mut pool = lock(&COMPRESSORS);
        if pool.len() > MAX_FREE
            && pool.iter().filter(|slot| Slot::is_free(slot)).count() > MAX_FREE
        {
            let oldest = pool.iter().position(Slot::is_free).and_then(|at| pool.remove(at));
            // Free its memory after unlocking.
            drop(pool);
            drop(oldest);
        }
    }
}

/// Takes a free compressor out of the pool, or reclaims one if too many are lent. Returns also the
/// settings to use: a smaller window if too many wide ones are lent.
fn take(mut config: DeflateConfig) -> (DeflateConfig, Option<Box<Deflate>>) {
    let mut pool = lock(&COMPRESSORS);
    if config.window_bits == WIDE_BITS {
        let is_lent =
            |slot: &&Arc<Slot>| slot.config.window_bits == WIDE_BITS && !Slot::is_free(slot);
        if pool.iter().filter(is_lent).count() >= MAX_WIDE {
            config.window_bits += 1;
        }
    }
    let free = pool.iter().rposition(|slot| Slot::is_free(slot) && slot.config == config);
    let slot = match free {
        Some(at) => pool.remove(at),
        None => reclaim(&mut pool),
    };
    drop(pool);
    let deflate = slot.and_then(|slot| {
        let mut deflate = lock(&slot.deflate).take()?;
        // One with other settings is useless, but frees its memory.
        (slot.config == config).then(|| {
            deflate.reset();
            deflate
        })
    });
    (config, deflate)
}

/// Reclaims a compressor that wasn't used lately, if there are too many.
fn reclaim(pool: &mut VecDeque<Arc<Slot>>) -> Option<Arc<Slot>> {
    // After one round, none is marked as used.
    for _ in 0..=pool.len() {
        if pool.len() < MAX_LENT {
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

/// A decompressor with an empty window; returns to the pool when dropped.
pub(super) struct Decompressor(Option<Box<Inflate>>);

impl Decompressor {
    pub(super) fn take() -> Self {
        let pooled = lock(&DECOMPRESSORS).pop();
        Self(Some(match pooled {
            Some(mut inflate) => {
                inflate.reset(false);
                inflate
            }
            // A window of 32 KiB decodes everything, and takes no more memory than a smaller one.
            None => Box::new(Inflate::new(false, 15)),
        }))
    }
}

impl Drop for Decompressor {
    fn drop(&mut self) {
        let Some(inflate) = self.0.take() else { return };
        let mut pool = lock(&DECOMPRESSORS);
        if pool.len() < MAX_FREE {
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

/// Locks, ignoring poison: no panic leaves these values inconsistent.
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
        let mut all: Vec<_> = std::iter::repeat_with(Compressor::default).take(MAX_LENT).collect();
        let mut bits: Vec<_> = all.iter_mut().map(used).collect();
        let expected: Vec<_> =
            (0..MAX_LENT).map(|n| WIDE_BITS + i32::from(n >= MAX_WIDE)).collect();
        assert_eq!(bits, expected);
        // They keep their windows, and others can take a returned one.
        all[0].release();
        bits.rotate_left(1);
        all.rotate_left(1);
        assert_eq!(all.iter_mut().map(used).collect::<Vec<_>>(), {
            *bits.last_mut().unwrap() = WIDE_BITS;
            bits
        });
    }
}
