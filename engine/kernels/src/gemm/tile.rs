//! The register tile: MR rows x NV vectors of C stay in registers while k runs.
//!
//! With vectors of eight floats 6 x 2 and 4 x 3 of them are twelve accumulators, enough to cover the latency of two fused
//! multiply-adds a cycle, and leave registers for B and the broadcast of A (16 in all). AVX-512 has 32 registers of sixteen floats:
//! 12 x 2 and 8 x 3 are twenty-four accumulators, and a row of B is used twice as often.

use crate::vector::Vector;
use crate::{Write, f32x8};
use std::marker::PhantomData;

/// Where a tile finds its operands: `b(p, v) = b[p * b_k + b_at[v]..][..LANES]`, `c(i, v) = c[i * c_row + c_at[v]..][..LANES]`,
/// and A as [`ARows`] says.
pub(super) struct Tile<'a, V, const NV: usize> {
    pub(super) a: ARows,
    pub(super) b: *const f32,
    pub(super) b_k: usize,
    pub(super) b_at: [usize; NV],
    pub(super) c: *mut f32,
    pub(super) c_row: usize,
    pub(super) c_at: [usize; NV],
    /// Length of this piece of K.
    pub(super) k: usize,
    /// What the next column tile will want of B, and the next block of rows of A.
    pub(super) ahead: &'a mut [Ahead; 2],
    pub(super) vector: PhantomData<V>,
}

/// Cache lines to be fetched into the second-level cache while tiles compute, run after run. The addresses need not be valid.
#[derive(Clone, Copy)]
pub(super) struct Ahead {
    /// The next line, and how many are left of its run.
    at: *const f32,
    in_run: usize,
    /// Lines that lie side by side, and floats from the end of a run to the beginning of the next.
    run: usize,
    gap: isize,
    /// Lines that are left.
    lines: usize,
    /// Lines for [`STRETCH`] steps of k.
    burst: usize,
}

/// Floats of a cache line.
pub(super) const LINE: usize = 16;

/// Steps of k between two bursts of prefetches: a loop of its own for them leaves the registers of the other alone.
const STRETCH: usize = 16;

impl Ahead {
    /// Nothing to fetch.
    pub(super) const NOTHING: Self =
        Self { at: std::ptr::null(), in_run: 1, run: 1, gap: 0, lines: 0, burst: 1 };

    /// The `runs` x `floats` floats whose rows lie `stride` apart, over so many steps of k.
    pub(super) fn rows(from: *const f32, runs: usize, floats: usize, stride: usize, steps: usize) -> Self {
        let run = floats.div_ceil(LINE);
        let lines = runs * run;
        let burst = (lines * STRETCH).div_ceil(steps.max(1));
        Self { at: from, in_run: run, run, gap: stride as isize - (run * LINE) as isize, lines, burst }
    }

    /// Asks for the lines of one stretch.
    #[inline(always)]
    fn fetch(&mut self) {
        for _ in 0..self.burst.min(self.lines) {
            prefetch::<INTO_L2>(self.at);
            self.at = self.at.wrapping_add(LINE);
            self.lines -= 1;
            self.in_run -= 1;
            if self.in_run == 0 {
                self.in_run = self.run;
                self.at = self.at.wrapping_offset(self.gap);
            }
        }
    }
}

/// How the rows of A lie.
#[derive(Clone, Copy)]
pub(super) enum ARows {
    /// `a(i, p) = a[i * row + p]`: where the matrix lies.
    InPlace { a: *const f32, row: usize },
    /// `a(i, p) = a[p * PACKED_ROWS + i]`: packed.
    Packed { a: *const f32 },
}

/// Rows of A that stand side by side in a packed block: a multiple of the tile heights 4, 6, 8 and 12.
pub(super) const PACKED_ROWS: usize = 24;

/// Asks for the cache line at `p`, which need not be a valid address.
#[inline(always)]
fn prefetch<const HINT: i32>(p: *const f32) {
    // An interpreter has no caches.
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a prefetch reads nothing and cannot fault, whatever the address.
    unsafe {
        use std::arch::x86_64::_mm_prefetch;
        _mm_prefetch::<HINT>(p.cast());
    }
    #[cfg(any(not(target_arch = "x86_64"), miri))]
    let _ = p;
}

/// Hints of [`prefetch`], as the instruction encodes them: into all caches, and into the second on.
const INTO_L1: i32 = 3;
const INTO_L2: i32 = 2;

impl<V: Vector, const NV: usize> Tile<'_, V, NV> {
    /// Computes MR x NV vectors of C: the sum over this piece of K, stored or added to what stands there.
    ///
    /// All vectors of C are read before the first is written: the last one may overlap its neighbour, and
    /// both then hold the same sums in the shared columns.
    ///
    /// # Safety
    /// Every element that the fields name for MR rows and `k` steps must be inside its allocation, and
    /// C must not overlap A or B.
    #[inline(always)]
    unsafe fn run<const MR: usize>(mut self, write: Write) {
        // C is wanted k steps from now.
        for i in 0..MR {
            let row = self.c.wrapping_add(i * self.c_row).cast_const();
            prefetch::<INTO_L1>(row.wrapping_add(self.c_at[0]));
            prefetch::<INTO_L1>(row.wrapping_add(self.c_at[NV - 1] + V::LANES - 1));
        }
        // SAFETY: the caller runs a tile of vectors that the processor has; so below.
        let mut acc = [[unsafe { V::splat(0.0) }; NV]; MR];
        // Two loops and not one with strides: here the compiler sees either a pointer a row and one index, or
        // one pointer and constant offsets. With a stride it adds its way from row to row (a third slower).
        match self.a {
            ARows::InPlace { a, row } => {
                // SAFETY: row i < MR of A is in bounds by the contract.
                let rows: [*const f32; MR] = std::array::from_fn(|i| unsafe { a.add(i * row) });
                // SAFETY: step p < k of A is in bounds by the contract.
                self.steps(&mut acc, |p, i| unsafe { *rows[i].add(p) });
            }
            // SAFETY: step p < k of the packed block is in bounds by the contract.
            ARows::Packed { a } => self.steps(&mut acc, |p, i| unsafe { *a.add(p * PACKED_ROWS + i) }),
        }
        for (i, acc) in acc.iter_mut().enumerate() {
            // SAFETY: row i < MR and its vectors of C are in bounds by the contract.
            unsafe {
                let row = self.c.add(i * self.c_row);
                if write == Write::Add {
                    let old = self.c_at.map(|at| V::load(row.add(at)));
                    for (acc, old) in acc.iter_mut().zip(old) {
                        *acc = acc.add(old);
                    }
                }
                for (acc, at) in acc.iter().zip(self.c_at) {
                    acc.store(row.add(at));
                }
            }
        }
    }
}

impl<V: Vector, const NV: usize> Tile<'_, V, NV> {
    /// acc(i, v) += a(p, i) b(p, v) for all steps, fetching while there is something to fetch.
    #[inline(always)]
    fn steps<const MR: usize>(&mut self, acc: &mut [[V; NV]; MR], a: impl Fn(usize, usize) -> f32) {
        let mut done = 0;
        while self.k - done > STRETCH && self.ahead.iter().any(|ahead| ahead.lines > 0) {
            self.ahead.iter_mut().for_each(Ahead::fetch);
            for p in done..done + STRETCH {
                // SAFETY: p < k.
                unsafe { self.step(acc, p, |i| a(p, i)) };
            }
            done += STRETCH;
        }
        for p in done..self.k {
            // SAFETY: p < k.
            unsafe { self.step(acc, p, |i| a(p, i)) };
        }
    }

    /// acc(i, v) += a(i) b(p, v).
    ///
    /// # Safety
    /// Step `p` of B must be in bounds.
    #[inline(always)]
    unsafe fn step<const MR: usize>(&self, acc: &mut [[V; NV]; MR], p: usize, a: impl Fn(usize) -> f32) {
        // SAFETY: vector v of step p is in bounds by the contract.
        let b = self.b_at.map(|at| unsafe { V::load(self.b.add(p * self.b_k + at)) });
        for (i, acc) in acc.iter_mut().enumerate() {
            // SAFETY: the caller runs a tile of vectors that the processor has.
            unsafe {
                let x = V::splat(a(i));
                for (acc, b) in acc.iter_mut().zip(b) {
                    *acc = x.mul_add(b, *acc);
                }
            }
        }
    }
}

/// The tiles of a vector, one, two or three of them wide.
pub(super) trait Tiles: Vector {
    /// Rows of the tallest tile of each width.
    const ROWS: [usize; 3];

    /// The tile with `rows` rows, at most `ROWS[0]`.
    ///
    /// # Safety
    /// As for [`Tile::run`], on a processor that has the vector.
    unsafe fn rows_x1(tile: Tile<'_, Self, 1>, rows: usize, write: Write);

    /// The tile with `rows` rows, at most `ROWS[1]`.
    ///
    /// # Safety
    /// As for [`Tiles::rows_x1`].
    unsafe fn rows_x2(tile: Tile<'_, Self, 2>, rows: usize, write: Write);

    /// The tile with `rows` rows, at most `ROWS[2]`.
    ///
    /// # Safety
    /// As for [`Tiles::rows_x1`].
    unsafe fn rows_x3(tile: Tile<'_, Self, 3>, rows: usize, write: Write);
}

/// A tile whose height is known at run time, as a function that has the instructions of its vector.
macro_rules! heights {
    ($vector:ty, $nv:literal, [$($mr:literal)*] $(, $feature:literal)?) => {{
        $(#[target_feature(enable = $feature)])?
        #[inline(never)]
        unsafe fn of_rows(tile: Tile<'_, $vector, $nv>, rows: usize, write: Write) {
            // SAFETY: passed on.
            unsafe {
                match rows {
                    $($mr => tile.run::<$mr>(write),)*
                    _ => unreachable!("no tile of this width has {rows} rows"),
                }
            }
        }
        of_rows
    }};
}

macro_rules! tiles {
    ($vector:ty, [$r1:literal $r2:literal $r3:literal], [$($h1:literal)*], [$($h2:literal)*], [$($h3:literal)*] $(, $feature:literal)?) => {
        impl Tiles for $vector {
            const ROWS: [usize; 3] = [$r1, $r2, $r3];

            unsafe fn rows_x1(tile: Tile<'_, Self, 1>, rows: usize, write: Write) {
                // SAFETY: passed on; so below.
                unsafe { heights!($vector, 1, [$($h1)*] $(, $feature)?)(tile, rows, write) }
            }

            unsafe fn rows_x2(tile: Tile<'_, Self, 2>, rows: usize, write: Write) {
                // SAFETY: passed on.
                unsafe { heights!($vector, 2, [$($h2)*] $(, $feature)?)(tile, rows, write) }
            }

            unsafe fn rows_x3(tile: Tile<'_, Self, 3>, rows: usize, write: Write) {
                // SAFETY: passed on.
                unsafe { heights!($vector, 3, [$($h3)*] $(, $feature)?)(tile, rows, write) }
            }
        }
    };
}

tiles!(f32x8, [8 6 4], [1 2 3 4 5 6 7 8], [1 2 3 4 5 6], [1 2 3 4]);
#[cfg(target_arch = "x86_64")]
tiles!(
    crate::vector::F32x16,
    [12 12 8],
    [1 2 3 4 5 6 7 8 9 10 11 12],
    [1 2 3 4 5 6 7 8 9 10 11 12],
    [1 2 3 4 5 6 7 8],
    "avx512f"
);
