//! An allocator for an instance that lives for one call: it hands memory out in order, and takes back only the last.
#![allow(unsafe_code, reason = "an allocator cannot be written without; there is one thread, and no other allocator")]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::ptr;

const PAGE: usize = 65_536;
/// Memory is asked for in steps of 1 MiB, since each step is a call of the host.
const STEP_PAGES: usize = 16;

struct Bump {
    /// The first free address.
    next: Cell<usize>,
    /// The end of what the host has given.
    end: Cell<usize>,
}

#[global_allocator]
static MEMORY: Bump = Bump { next: Cell::new(0), end: Cell::new(0) };

// SAFETY: wasm32-unknown-unknown without atomics, which is what guests are built for, has one thread.
unsafe impl Sync for Bump {}

impl Bump {
    /// Makes room for `size` bytes behind `self.next`, and says where they start.
    #[cold]
    fn grow(&self, size: usize, align: usize) -> Option<usize> {
        // The new pages lie behind the old ones, save for the first time.
        let pages = size.checked_add(align)?.div_ceil(PAGE);
        let given = [pages.max(STEP_PAGES), pages].into_iter().find_map(|pages| {
            let before = core::arch::wasm32::memory_grow(0, pages);
            (before != usize::MAX).then_some((before * PAGE, pages * PAGE))
        });
        let (start, bytes) = given?;
        if start != self.end.get() {
            self.next.set(start);
        }
        // The last page of the address space ends where no pointer can: leave its last bytes alone.
        self.end.set(start.checked_add(bytes).unwrap_or(usize::MAX - PAGE + 1));
        self.fits(size, align)
    }

    fn fits(&self, size: usize, align: usize) -> Option<usize> {
        let start = self.next.get().checked_add(align - 1)? & !(align - 1);
        let end = start.checked_add(size)?;
        if end > self.end.get() {
            return None;
        }
        self.next.set(end);
        Some(start)
    }
}

// SAFETY: `fits` hands out each address of the memory that the host gave once, until it is the last and is taken back.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let (size, align) = (layout.size(), layout.align());
        let start = self.fits(size, align).or_else(|| self.grow(size, align));
        start.map_or(ptr::null_mut(), ptr::with_exposed_provenance_mut)
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        if memory.addr() + layout.size() == self.next.get() {
            self.next.set(memory.addr());
        }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let start = memory.addr();
        if start + layout.size() == self.next.get()
            && let Some(end) = start.checked_add(size).filter(|end| *end <= self.end.get())
        {
            self.next.set(end);
            return memory;
        }
        if size <= layout.size() {
            return memory;
        }
        // SAFETY: the caller gives a layout of this alignment and a size that is in range for it.
        let moved = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !moved.is_null() {
            // SAFETY: both hold the old layout's bytes, and what was handed out twice does not exist.
            unsafe { ptr::copy_nonoverlapping(memory, moved, layout.size()) };
        }
        moved
    }
}
