//! Compressors and decompressors that no connection uses at the moment.
//!
//! They are large (see docs/topics/compression.md) and cost time to make; most connections are idle
//! most of the time. All connections of a process share one pool of each.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use zlib_rs::{Deflate, DeflateConfig, Inflate};

/// At most this many of each are kept.
const KEPT: usize = 16;

static COMPRESSORS: Mutex<Vec<(DeflateConfig, Box<Deflate>)>> = Mutex::new(Vec::new());
#[expect(clippy::vec_box, reason = "a connection holds a pointer, and none while it waits")]
static DECOMPRESSORS: Mutex<Vec<Box<Inflate>>> = Mutex::new(Vec::new());

/// A compressor without history; goes to the pool when it is dropped.
pub(super) struct Compressor {
    config: DeflateConfig,
    // `None` only while it is dropped.
    deflate: Option<Box<Deflate>>,
}

/// A decompressor without history; goes to the pool when it is dropped.
pub(super) struct Decompressor(Option<Box<Inflate>>);

impl Compressor {
    pub(super) fn take(config: DeflateConfig) -> Self {
        let pooled = {
            let mut pool = COMPRESSORS.lock().unwrap_or_else(PoisonError::into_inner);
            let at = pool.iter().rposition(|(c, _)| *c == config);
            at.map(|at| pool.swap_remove(at).1)
        };
        let deflate = match pooled {
            Some(mut deflate) => {
                deflate.reset();
                deflate
            }
            None => Box::new(Deflate::new_with_config(config)),
        };
        Self { config, deflate: Some(deflate) }
    }
}

impl Drop for Compressor {
    fn drop(&mut self) {
        let Some(deflate) = self.deflate.take() else { return };
        let mut pool = COMPRESSORS.lock().unwrap_or_else(PoisonError::into_inner);
        // The one that was put there first makes room: settings change with the program, not within it.
        let oldest = (pool.len() >= KEPT).then(|| pool.remove(0));
        pool.push((self.config, deflate));
        drop(pool);
        drop(oldest);
    }
}

impl Decompressor {
    pub(super) fn take() -> Self {
        let pooled = DECOMPRESSORS.lock().unwrap_or_else(PoisonError::into_inner).pop();
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
        let mut pool = DECOMPRESSORS.lock().unwrap_or_else(PoisonError::into_inner);
        if pool.len() < KEPT {
            pool.push(inflate);
        }
    }
}

macro_rules! handle {
    ($handle:ident, $field:tt, $inner:ty) => {
        impl Deref for $handle {
            type Target = $inner;

            fn deref(&self) -> &$inner {
                self.$field.as_ref().expect("taken out only by drop")
            }
        }

        impl DerefMut for $handle {
            fn deref_mut(&mut self) -> &mut $inner {
                self.$field.as_mut().expect("taken out only by drop")
            }
        }

        impl fmt::Debug for $handle {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($handle))
            }
        }
    };
}

handle!(Compressor, deflate, Deflate);
handle!(Decompressor, 0, Inflate);
