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

impl<const NV: usize> Tile<NV> {
    /// Computes MR x NV vectors of C, continuing the sums that stand there unless `write` is `Set`.
    ///
    /// All vectors of C are read before the first is written: the last one may overlap its neighbour, and
    /// both then hold the same sums in the shared columns.
    ///
    /// # Safety
    /// Every element that the fields name for MR rows and `k` steps must be inside its allocation, and
    /// C must not overlap A or B.
    #[inline(always)]
    unsafe fn run<const MR: usize>(self, write: Write) {
        let mut acc = [[f32x8::splat(0.0); NV]; MR];
        if write == Write::Add {
            for (i, acc) in acc.iter_mut().enumerate() {
                for (v, acc) in acc.iter_mut().enumerate() {
                    // SAFETY: row i < MR and vector v of C are in bounds by the contract.
                    *acc = unsafe { load(self.c.add(i * self.c_row + self.c_at[v])) };
                }
            }
        }
        // Two loops and not one with strides: here the compiler sees either a pointer a row and one index, or
        // one pointer and constant offsets. With a stride it adds its way from row to row (a third slower).
        match self.a {
            ARows::InPlace { a, row } => {
                // SAFETY: row i < MR of A is in bounds by the contract.
                let rows: [*const f32; MR] = std::array::from_fn(|i| unsafe { a.add(i * row) });
                for p in 0..self.k {
                    // SAFETY: step p < k of A is in bounds by the contract.
                    unsafe { self.step(&mut acc, p, |i| *rows[i].add(p)) };
                }
            }
            ARows::Packed { a } => {
                for p in 0..self.k {
                    // SAFETY: step p < k of the packed block is in bounds by the contract.
                    unsafe { self.step(&mut acc, p, |i| *a.add(p * PACKED_ROWS + i)) };
                }
            }
        }
        for (i, acc) in acc.iter().enumerate() {
            for (v, acc) in acc.iter().enumerate() {
                // SAFETY: as for the loads of C.
                unsafe {
                    self.c
                        .add(i * self.c_row + self.c_at[v])
                        .cast::<[f32; 8]>()
                        .write_unaligned(acc.to_array());
                }
            }
        }
    }
}

impl<const NV: usize> Tile<NV> {
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
