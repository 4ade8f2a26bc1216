//! Counts the allocations of any program, without building it anew: a library for `LD_PRELOAD` that
//! stands in front of glibc's allocator. Used in runs of their own, where no time is taken.
//!
//! The two counters, calls that gave memory and the bytes they asked for, are in the file that
//! `ALLOCATIONS` names, shared with whoever reads it.

use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering::Relaxed};

type Counters = [AtomicU64; 2];

/// Null as long as nothing is counted.
static COUNTERS: AtomicPtr<Counters> = AtomicPtr::new(ptr::null_mut());

#[used]
#[unsafe(link_section = ".init_array")]
static AT_START: extern "C" fn() = map_counters;

extern "C" fn map_counters() {
    // SAFETY: C strings end with a zero; `getenv` is called before there is a second thread, and each
    // result is checked before it is used. The mapping is never removed; it is page-aligned, and
    // `ftruncate` makes the file large enough for it.
    unsafe {
        let path = libc::getenv(c"ALLOCATIONS".as_ptr());
        if path.is_null() {
            return;
        }
        let fd = libc::open(path, libc::O_RDWR | libc::O_CLOEXEC);
        let len = size_of::<Counters>();
        if fd < 0 || libc::ftruncate(fd, len as libc::off_t) != 0 {
            return;
        }
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let counters = libc::mmap(ptr::null_mut(), len, access, libc::MAP_SHARED, fd, 0);
        libc::close(fd);
        if counters != libc::MAP_FAILED {
            COUNTERS.store(counters.cast(), Relaxed);
        }
    }
}

fn count(bytes: usize) {
    // SAFETY: null, or the mapping of `map_counters`, which stays.
    if let Some([calls, sum]) = unsafe { COUNTERS.load(Relaxed).as_ref() } {
        calls.fetch_add(1, Relaxed);
        sum.fetch_add(bytes as u64, Relaxed);
    }
}

// SAFETY: glibc exports these with these signatures, for allocators that stand in front of it.
unsafe extern "C" {
    fn __libc_malloc(size: usize) -> *mut c_void;
    fn __libc_calloc(count: usize, size: usize) -> *mut c_void;
    fn __libc_realloc(old: *mut c_void, size: usize) -> *mut c_void;
    fn __libc_memalign(align: usize, size: usize) -> *mut c_void;
}

// SAFETY (of the five below): each has the name, the signature and the contract of a function of C's
// standard library, whose only caller-visible part is passed on to glibc unchanged; `free` stays
// glibc's own. Nothing here allocates or panics.

#[unsafe(no_mangle)]
unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
    count(size);
    // SAFETY: see above.
    unsafe { __libc_malloc(size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn calloc(n: usize, size: usize) -> *mut c_void {
    count(n.saturating_mul(size));
    // SAFETY: see above.
    unsafe { __libc_calloc(n, size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn realloc(old: *mut c_void, size: usize) -> *mut c_void {
    count(size);
    // SAFETY: see above.
    unsafe { __libc_realloc(old, size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn aligned_alloc(align: usize, size: usize) -> *mut c_void {
    count(size);
    // SAFETY: see above.
    unsafe { __libc_memalign(align, size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_memalign(out: *mut *mut c_void, align: usize, size: usize) -> c_int {
    count(size);
    // SAFETY: see above; the caller's `out` is valid for one pointer.
    unsafe {
        let memory = __libc_memalign(align, size);
        if memory.is_null() {
            return libc::ENOMEM;
        }
        out.write(memory);
    }
    0
}
