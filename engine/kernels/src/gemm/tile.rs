//! The register tile: MR rows x NV vectors of C stay in registers while k runs.
//!
//! 6 x 2 and 4 x 3 vectors are twelve accumulators, enough to cover the latency of two fused
//! multiply-adds a cycle, and leave registers for B and the broadcast of A (16 in all).

use crate::{Write, f32x8};

/// Where a tile finds its operands. `a(i, p) = a[i * a_row + p * a_k]`, `b(p, v) = b[p * b_k + at[v]..][..8]`,
/// `c(i, v) = c[i * c_row + at[v]..][..8]`.
#[derive(Clone, Copy)]
pub(super) struct Tile<const NV: usize> {
    pub(super) a: *const f32,
    pub(super) a_row: usize,
    pub(super) a_k: usize,
    pub(super) b: *const f32,
    pub(super) b_k: usize,
    pub(super) b_at: [usize; NV],
    pub(super) c: *mut f32,
    pub(super) c_row: usize,
    pub(super) c_at: [usize; NV],
    /// Length of this piece of K.
    pub(super) k: usize,
}

/// # Safety
/// `p` must be valid for reading eight floats; it need not be aligned.
#[inline(always)]
unsafe fn load(p: *const f32) -> f32x8 {
    // SAFETY: the caller promises eight readable floats, and the read is unaligned.
    f32x8::new(unsafe { p.cast::<[f32; 8]>().read_unaligned() })
}

impl<const NV: usize> Tile<NV> {
    /// Computes `rows` x NV vectors of C, continuing the sums that stand there unless `write` is `Set`.
    ///
    /// All vectors of C are read before the first is written: the last one may overlap its neighbour, and
    /// both then hold the same sums in the shared columns.
    ///
    /// # Safety
    /// Every element that the fields name for `rows` rows and `k` steps must be inside its allocation, and
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
        let (mut a, mut b) = (self.a, self.b);
        for _ in 0..self.k {
            let mut bv = [f32x8::splat(0.0); NV];
            for (v, bv) in bv.iter_mut().enumerate() {
                // SAFETY: step p < k and vector v of B are in bounds by the contract.
                *bv = unsafe { load(b.add(self.b_at[v])) };
            }
            for (i, acc) in acc.iter_mut().enumerate() {
                // SAFETY: row i < MR and step p < k of A are in bounds by the contract.
                let x = f32x8::splat(unsafe { *a.add(i * self.a_row) });
                for (acc, bv) in acc.iter_mut().zip(bv) {
                    *acc = x.mul_add(bv, *acc);
                }
            }
            // `wrapping_add`: after the last step the pointers may stand behind their allocations.
            a = a.wrapping_add(self.a_k);
            b = b.wrapping_add(self.b_k);
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
