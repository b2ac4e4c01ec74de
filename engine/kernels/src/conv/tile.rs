//! The register tile: up to 6 rows by 16 lanes in vectors of eight, twelve sums that stay in registers; or up to 12 rows
//! in vectors of sixteen.
//!
//! Written over arrays of known size, so that no index is checked inside the loops.

use crate::cpu::Level;
use crate::f32x8;
use crate::vector::Vector;

/// Pixels in a panel.
pub(super) const PIXELS: usize = 16;
/// Output channels across the lanes of a weight gradient.
pub(super) const LANES: usize = 16;

type Sums<V, const NV: usize, const MR: usize> = [[V; NV]; MR];

/// Rows of the tallest tile: 6 x 2 sums of eight, two vectors of the panel and one broadcast fill 16 registers; 12 sums of
/// sixteen cover the latency of two multiply-adds a cycle.
fn tallest(level: Level) -> usize {
    if level == Level::Built { 6 } else { 12 }
}

/// Rows in tiles of nearly equal height, at most [`tallest`]: 32 rows are 5 + 5 + 6 + 5 + 5 + 6, where 6 and a
/// rest of 2 would leave the multipliers waiting. First row and height.
fn tiles(level: Level, rows: usize) -> impl Iterator<Item = (usize, usize)> {
    let n = rows.div_ceil(tallest(level));
    (0..n).map(move |t| (t * rows / n, (t + 1) * rows / n - t * rows / n))
}

/// Calls `$run` for vectors and a height that are known at run time.
macro_rules! for_height {
    ($level:expr, $height:expr, $run:ident($($arg:expr),*)) => {
        match ($level, $height) {
            (Level::Built, 1) => $run::eight::<1>($($arg),*),
            (Level::Built, 2) => $run::eight::<2>($($arg),*),
            (Level::Built, 3) => $run::eight::<3>($($arg),*),
            (Level::Built, 4) => $run::eight::<4>($($arg),*),
            (Level::Built, 5) => $run::eight::<5>($($arg),*),
            (Level::Built, _) => $run::eight::<6>($($arg),*),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the processor has AVX-512F, or the level would be another one.
            (_, height) => unsafe {
                match height {
                    1 => $run::sixteen::<1>($($arg),*),
                    2 => $run::sixteen::<2>($($arg),*),
                    3 => $run::sixteen::<3>($($arg),*),
                    4 => $run::sixteen::<4>($($arg),*),
                    5 => $run::sixteen::<5>($($arg),*),
                    6 => $run::sixteen::<6>($($arg),*),
                    7 => $run::sixteen::<7>($($arg),*),
                    8 => $run::sixteen::<8>($($arg),*),
                    9 => $run::sixteen::<9>($($arg),*),
                    10 => $run::sixteen::<10>($($arg),*),
                    11 => $run::sixteen::<11>($($arg),*),
                    _ => $run::sixteen::<12>($($arg),*),
                }
            },
            #[cfg(not(target_arch = "x86_64"))]
            _ => unreachable!("vectors of sixteen are those of x86-64"),
        }
    };
}

/// A module of the tile for vectors of eight and of sixteen floats.
macro_rules! both_widths {
    ($name:ident($($arg:ident: $type:ty),*)) => {
        mod $name {
            use super::*;

            #[inline(never)]
            #[allow(clippy::too_many_arguments, reason = "the tile's own arguments")]
            pub(super) fn eight<const MR: usize>($($arg: $type),*) {
                // SAFETY: the program was compiled for vectors of eight.
                unsafe { super::with::$name::<f32x8, 2, MR>($($arg),*) }
            }

            /// # Safety
            /// The processor must have AVX-512F.
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f")]
            #[inline(never)]
            #[allow(clippy::too_many_arguments, reason = "the tile's own arguments")]
            pub(super) unsafe fn sixteen<const MR: usize>($($arg: $type),*) {
                // SAFETY: passed on.
                unsafe { super::with::$name::<crate::vector::F32x16, 1, MR>($($arg),*) }
            }
        }
    };
}

both_widths!(rows_of_y(a: &[f32], panel: &[[f32; PIXELS]], start: Start<'_>, first: usize, y: &mut Rows<'_>));
both_widths!(rows_of_panel(a: &[f32], b: &[[f32; PIXELS]], out: &mut [[f32; PIXELS]]));
both_widths!(outer(rows: usize, first: usize, panels: &[[f32; PIXELS]], g: &[[f32; LANES]], lanes: usize, column: usize, out: &mut [f32]));

/// Lays a matrix `[rows, depth]` out tile by tile, `[depth, height]` each, as [`product`] reads it.
pub(super) fn pack_rows(
    level: Level,
    rows: usize,
    depth: usize,
    at: impl Fn(usize, usize) -> f32,
    out: &mut [f32],
) {
    for (first, height) in tiles(level, rows) {
        let tile = &mut out[first * depth..(first + height) * depth];
        for (k, tile) in tile.chunks_exact_mut(height).enumerate() {
            for (i, x) in tile.iter_mut().enumerate() {
                *x = at(first + i, k);
            }
        }
    }
}

/// A panel's place in y `[rows, pixels]`.
pub(super) struct Rows<'a> {
    pub(super) level: Level,
    pub(super) y: &'a mut [f32],
    pub(super) pixels: usize,
    pub(super) first: usize,
    /// Pixels of the panel that exist.
    pub(super) valid: usize,
}

/// y = start + a b over one piece of the depth.
pub(super) fn multiply(
    rows: usize,
    depth: usize,
    (k0, k1): (usize, usize),
    a: &[f32],
    panel: &[[f32; PIXELS]],
    start: Start<'_>,
    mut y: Rows<'_>,
) {
    for (first, height) in tiles(y.level, rows) {
        let a = &a[first * depth + k0 * height..first * depth + k1 * height];
        let start = match start {
            Start::Bias(bias) => Start::Bias(&bias[first..first + height]),
            other => other,
        };
        for_height!(y.level, height, rows_of_y(a, panel, start, first, &mut y));
    }
}

/// What a sum starts from.
#[derive(Clone, Copy)]
pub(super) enum Start<'a> {
    Zero,
    /// One number a row.
    Bias(&'a [f32]),
    /// What stands in y.
    Continued,
}

/// out = a b, with a `[rows, depth]` packed, b `[depth, 16]` and out `[rows, 16]`.
pub(super) fn multiply_into_panel(
    level: Level,
    rows: usize,
    a: &[f32],
    b: &[[f32; PIXELS]],
    out: &mut [[f32; PIXELS]],
) {
    let depth = b.len();
    for (first, height) in tiles(level, rows) {
        let a = &a[first * depth..(first + height) * depth];
        for_height!(level, height, rows_of_panel(a, b, &mut out[first..first + height]));
    }
}

/// sums `[rows, lanes]` += sum over `count` panels of panel `[rows, 16]` times transposed `[16, lanes]`.
pub(super) fn add_outer(
    level: Level,
    [rows, lanes, count]: [usize; 3],
    panels: &[[f32; PIXELS]],
    transposed: &[[f32; LANES]],
    sums: &mut [f32],
) {
    for (column, g) in transposed.chunks_exact(count * PIXELS).take(lanes / LANES).enumerate() {
        for (first, height) in tiles(level, rows) {
            let out = &mut sums[first * lanes..(first + height) * lanes];
            for_height!(level, height, outer(rows, first, panels, g, lanes, column, out));
        }
    }
}

/// The tiles, for any vector.
mod with {
    use super::{LANES, PIXELS, Rows, Start, Sums, Vector};

    /// sums[i] += sum_k a[k][i] b[k].
    ///
    /// # Safety
    /// The processor must have the vector; so for every function here.
    #[inline(always)]
    unsafe fn product<V: Vector, const NV: usize, const MR: usize>(
        mut sums: Sums<V, NV, MR>,
        a: &[[f32; MR]],
        b: &[[f32; PIXELS]],
    ) -> Sums<V, NV, MR> {
        for (a, b) in a.iter().zip(b) {
            // SAFETY: passed on.
            unsafe { add_product(&mut sums, b, |i| a[i]) };
        }
        sums
    }

    /// sums[i] += a(i) b.
    ///
    /// # Safety
    /// The processor must have the vector.
    #[inline(always)]
    unsafe fn add_product<V: Vector, const NV: usize, const MR: usize>(
        sums: &mut Sums<V, NV, MR>,
        b: &[f32; PIXELS],
        a: impl Fn(usize) -> f32,
    ) {
        // SAFETY: the caller promises the vector.
        unsafe {
            let b = vectors::<V, NV>(b);
            for (i, sums) in sums.iter_mut().enumerate() {
                let a = V::splat(a(i));
                for (sum, b) in sums.iter_mut().zip(b) {
                    *sum = a.mul_add(b, *sum);
                }
            }
        }
    }

    /// Sixteen floats in vectors.
    ///
    /// # Safety
    /// The processor must have the vector.
    #[inline(always)]
    unsafe fn vectors<V: Vector, const NV: usize>(row: &[f32; 16]) -> [V; NV] {
        const { assert!(NV * V::LANES == 16) };
        // SAFETY: NV vectors are sixteen floats.
        unsafe {
            let mut vectors = [V::splat(0.0); NV];
            for (v, vector) in vectors.iter_mut().enumerate() {
                *vector = V::load(row.as_ptr().add(v * V::LANES));
            }
            vectors
        }
    }

    /// Writes vectors of sixteen floats.
    ///
    /// # Safety
    /// The processor must have the vector.
    #[inline(always)]
    unsafe fn put<V: Vector, const NV: usize>(vectors: [V; NV], row: &mut [f32; 16]) {
        const { assert!(NV * V::LANES == 16) };
        for (v, vector) in vectors.into_iter().enumerate() {
            // SAFETY: NV vectors are sixteen floats.
            unsafe { vector.store(row.as_mut_ptr().add(v * V::LANES)) };
        }
    }

    /// # Safety
    /// The processor must have the vector.
    #[inline(always)]
    pub(super) unsafe fn rows_of_y<V: Vector, const NV: usize, const MR: usize>(
        a: &[f32],
        panel: &[[f32; PIXELS]],
        start: Start<'_>,
        first: usize,
        y: &mut Rows<'_>,
    ) {
        let at = |i: usize| (first + i) * y.pixels + y.first;
        // SAFETY: the caller promises the vector.
        unsafe {
            let mut sums: Sums<V, NV, MR> = [[V::splat(0.0); NV]; MR];
            match start {
                Start::Zero => {}
                Start::Bias(bias) => {
                    for (sums, bias) in sums.iter_mut().zip(bias) {
                        *sums = [V::splat(*bias); NV];
                    }
                }
                Start::Continued => {
                    for (i, sums) in sums.iter_mut().enumerate() {
                        let mut row = [0.0; PIXELS];
                        row[..y.valid].copy_from_slice(&y.y[at(i)..][..y.valid]);
                        *sums = vectors(&row);
                    }
                }
            }
            let sums = product(sums, a.as_chunks().0, panel);
            for (i, sums) in sums.into_iter().enumerate() {
                let row = &mut y.y[at(i)..];
                match row.first_chunk_mut() {
                    Some(row) if y.valid == PIXELS => put(sums, row),
                    _ => {
                        let mut whole = [0.0; PIXELS];
                        put(sums, &mut whole);
                        row[..y.valid].copy_from_slice(&whole[..y.valid]);
                    }
                }
            }
        }
    }

    /// # Safety
    /// The processor must have the vector.
    #[inline(always)]
    pub(super) unsafe fn rows_of_panel<V: Vector, const NV: usize, const MR: usize>(
        a: &[f32],
        b: &[[f32; PIXELS]],
        out: &mut [[f32; PIXELS]],
    ) {
        // SAFETY: the caller promises the vector.
        unsafe {
            let sums: Sums<V, NV, MR> = product([[V::splat(0.0); NV]; MR], a.as_chunks().0, b);
            for (out, sums) in out.iter_mut().zip(sums) {
                put(sums, out);
            }
        }
    }

    /// # Safety
    /// The processor must have the vector.
    #[inline(always)]
    pub(super) unsafe fn outer<V: Vector, const NV: usize, const MR: usize>(
        rows: usize,
        first: usize,
        panels: &[[f32; PIXELS]],
        g: &[[f32; LANES]],
        lanes: usize,
        column: usize,
        out: &mut [f32],
    ) {
        // SAFETY: the caller promises the vector.
        unsafe {
            let mut sums: Sums<V, NV, MR> = [[V::splat(0.0); NV]; MR];
            for (panel, g) in panels.chunks_exact(rows).zip(g.as_chunks::<PIXELS>().0) {
                let panel: &[[f32; PIXELS]; MR] = panel[first..].first_chunk().expect("a tile of rows");
                for (p, g) in g.iter().enumerate() {
                    add_product(&mut sums, g, |i| panel[i][p]);
                }
            }
            for (out, sums) in out.chunks_exact_mut(lanes).zip(sums) {
                let out: &mut [f32; LANES] = out[column * LANES..].first_chunk_mut().expect("a whole column");
                let mut sum = vectors::<V, NV>(out);
                for (old, sum) in sum.iter_mut().zip(sums) {
                    *old = old.add(sum);
                }
                put(sum, out);
            }
        }
    }
}
