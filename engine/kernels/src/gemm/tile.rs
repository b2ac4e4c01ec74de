//! The register tile: MR rows x NV vectors of C stay in registers while k runs.
//!
//! 6 x 2 and 4 x 3 vectors are twelve accumulators, enough to cover the latency of two fused
//! multiply-adds a cycle, and leave registers for B and the broadcast of A (16 in all).

use crate::{Write, f32x8};

/// Where a tile finds its operands: `b(p, v) = b[p * b_k + b_at[v]..][..8]`, `c(i, v) = c[i * c_row + c_at[v]..][..8]`,
/// and A as [`ARows`] says.
#[derive(Clone, Copy)]
pub(super) struct Tile<const NV: usize> {
    pub(super) a: ARows,
    pub(super) b: *const f32,
    pub(super) b_k: usize,
    pub(super) b_at: [usize; NV],
    pub(super) c: *mut f32,
    pub(super) c_row: usize,
    pub(super) c_at: [usize; NV],
    /// Length of this piece of K.
    pub(super) k: usize,
    /// What the next column tile will want.
    pub(super) ahead: Ahead,
}

/// Cache lines to be fetched while the tile computes.
#[derive(Clone, Copy)]
pub(super) struct Ahead {
    pub(super) from: *const f32,
    pub(super) stride: usize,
    pub(super) lines: usize,
}

/// How the rows of A lie.
#[derive(Clone, Copy)]
pub(super) enum ARows {
    /// `a(i, p) = a[i * row + p]`: where the matrix lies.
    InPlace { a: *const f32, row: usize },
    /// `a(i, p) = a[p * PACKED_ROWS + i]`: packed.
    Packed { a: *const f32 },
}

/// Rows of A that stand side by side in a packed block: a multiple of the tile heights 4, 6 and 8.
pub(super) const PACKED_ROWS: usize = 24;

/// # Safety
/// `p` must be valid for reading eight floats; it need not be aligned.
#[inline(always)]
unsafe fn load(p: *const f32) -> f32x8 {
    // SAFETY: the caller promises eight readable floats, and the read is unaligned.
    f32x8::new(unsafe { p.cast::<[f32; 8]>().read_unaligned() })
}

/// Asks for the cache line at `p`, which need not be a valid address.
#[inline(always)]
fn prefetch<const HINT: i32>(p: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing and cannot fault, whatever the address.
    unsafe {
        use std::arch::x86_64::_mm_prefetch;
        _mm_prefetch::<HINT>(p.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = p;
}

/// Hints of [`prefetch`], as the instruction encodes them: into all caches, and into the second on.
const INTO_L1: i32 = 3;
const INTO_L2: i32 = 2;

impl<const NV: usize> Tile<NV> {
    /// Computes MR x NV vectors of C: the sum over this piece of K, stored or added to what stands there.
    ///
    /// All vectors of C are read before the first is written: the last one may overlap its neighbour, and
    /// both then hold the same sums in the shared columns.
    ///
    /// # Safety
    /// Every element that the fields name for MR rows and `k` steps must be inside its allocation, and
    /// C must not overlap A or B.
    #[inline(always)]
    unsafe fn run<const MR: usize>(self, write: Write) {
        // C is wanted k steps from now.
        for i in 0..MR {
            let row = self.c.wrapping_add(i * self.c_row).cast_const();
            prefetch::<INTO_L1>(row.wrapping_add(self.c_at[0]));
            prefetch::<INTO_L1>(row.wrapping_add(self.c_at[NV - 1] + 7));
        }
        let mut acc = [[f32x8::splat(0.0); NV]; MR];
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
                    let old = self.c_at.map(|at| load(row.add(at)));
                    for (acc, old) in acc.iter_mut().zip(old) {
                        *acc += old;
                    }
                }
                for (acc, at) in acc.iter().zip(self.c_at) {
                    row.add(at).cast::<[f32; 8]>().write_unaligned(acc.to_array());
                }
            }
        }
    }
}

impl<const NV: usize> Tile<NV> {
    /// acc(i, v) += a(p, i) b(p, v) for all steps, fetching a line for the next column tile in each of the first few.
    #[inline(always)]
    fn steps<const MR: usize>(&self, acc: &mut [[f32x8; NV]; MR], a: impl Fn(usize, usize) -> f32) {
        let fetched = self.ahead.lines.min(self.k);
        for p in 0..fetched {
            prefetch::<INTO_L2>(self.ahead.from.wrapping_add(p * self.ahead.stride));
            // SAFETY: p < k.
            unsafe { self.step(acc, p, |i| a(p, i)) };
        }
        for p in fetched..self.k {
            // SAFETY: p < k.
            unsafe { self.step(acc, p, |i| a(p, i)) };
        }
    }

    /// acc(i, v) += a(i) b(p, v).
    ///
    /// # Safety
    /// Step `p` of B must be in bounds.
    #[inline(always)]
    unsafe fn step<const MR: usize>(&self, acc: &mut [[f32x8; NV]; MR], p: usize, a: impl Fn(usize) -> f32) {
        let mut b = [f32x8::splat(0.0); NV];
        for (b, at) in b.iter_mut().zip(self.b_at) {
            // SAFETY: vector v of step p is in bounds by the contract.
            *b = unsafe { load(self.b.add(p * self.b_k + at)) };
        }
        for (i, acc) in acc.iter_mut().enumerate() {
            let x = f32x8::splat(a(i));
            for (acc, b) in acc.iter_mut().zip(b) {
                *acc = x.mul_add(b, *acc);
            }
        }
    }
}

macro_rules! tile_heights {
    ($name:ident, $nv:literal, $max:literal, [$($mr:literal)*]) => {
        impl Tile<$nv> {
            /// Rows of the tallest tile of this width.
            pub(super) const ROWS: usize = $max;

            /// The tile with `rows` rows, at most [`Self::ROWS`].
            ///
            /// # Safety
            /// As for [`Tile::run`].
            #[inline(never)]
            pub(super) unsafe fn $name(self, rows: usize, write: Write) {
                // SAFETY: passed on.
                unsafe {
                    match rows {
                        $($mr => self.run::<$mr>(write),)*
                        _ => unreachable!("a tile of this width has 1 to {} rows", $max),
                    }
                }
            }
        }
    };
}

tile_heights!(rows_x1, 1, 8, [1 2 3 4 5 6 7 8]);
tile_heights!(rows_x2, 2, 6, [1 2 3 4 5 6]);
tile_heights!(rows_x3, 3, 4, [1 2 3 4]);
