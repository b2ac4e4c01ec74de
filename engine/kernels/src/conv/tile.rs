//! The register tile: up to [`Lanes::ROWS`] rows by sixteen lanes, whose sums stay in registers.
//!
//! Sixteen floats are two registers of AVX2 or one of AVX-512; [`cpu::level`](crate::cpu::level) says which run. The functions are
//! generic over them and `#[inline(always)]`: they become part of a function that has the instructions.
//! Written over arrays of known size, so that no index is checked inside the loops.

use crate::cpu::Level;
use crate::f32x8;
use crate::vector::Vector;

/// Pixels in a panel.
pub(super) const PIXELS: usize = 16;
/// Output channels across the lanes of a weight gradient.
pub(super) const LANES: usize = 16;

/// Sixteen floats.
trait Lanes: Vector {
    /// Rows of the tallest tile.
    const ROWS: usize;
}

/// 6 x 2 sums, two vectors of the panel and one broadcast fill 16 registers.
impl Lanes for [f32x8; 2] {
    const ROWS: usize = 6;
}

/// Sixteen sums and one vector of the panel, of 32 registers: a broadcast is part of the multiplication.
#[cfg(all(target_arch = "x86_64", target_feature = "fma"))]
impl Lanes for crate::vector::F32x16 {
    const ROWS: usize = 16;
}

/// Rows of the tallest tile.
fn tallest(level: Level) -> usize {
    match level {
        #[cfg(all(target_arch = "x86_64", target_feature = "fma"))]
        Level::Avx512 | Level::Avx512InHalves => crate::vector::F32x16::ROWS,
        _ => <[f32x8; 2]>::ROWS,
    }
}

/// Rows in tiles of nearly equal height: 32 rows are 5 + 5 + 6 + 5 + 5 + 6, where 6 and a rest of 2 would leave the multipliers
/// waiting. First row and height.
fn tiles(rows: usize, tallest: usize) -> impl Iterator<Item = (usize, usize)> {
    let n = rows.div_ceil(tallest);
    (0..n).map(move |t| (t * rows / n, (t + 1) * rows / n - t * rows / n))
}

/// Lays a matrix `[rows, depth]` out tile by tile, `[depth, height]` each, as [`product`] reads it.
pub(super) fn pack_rows(
    level: Level,
    rows: usize,
    depth: usize,
    at: impl Fn(usize, usize) -> f32,
    out: &mut [f32],
) {
    for (first, height) in tiles(rows, tallest(level)) {
        let tile = &mut out[first * depth..(first + height) * depth];
        for (k, tile) in tile.chunks_exact_mut(height).enumerate() {
            for (i, x) in tile.iter_mut().enumerate() {
                *x = at(first + i, k);
            }
        }
    }
}

/// Calls `$run::<V, height>` for a height that is known at run time, at most `V::ROWS`.
macro_rules! for_height {
    ($height:expr, $run:ident($($arg:expr),*)) => {
        for_height!(@ $height, $run($($arg),*), 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16)
    };
    (@ $height:expr, $run:ident $args:tt, $($n:literal)*) => {
        match $height {
            $($n if $n <= V::ROWS => for_height!(= $run, $n, $args),)*
            other => unreachable!("no tile has {other} rows"),
        }
    };
    (= $run:ident, $n:literal, ($($arg:expr),*)) => {
        $run::<V, $n>($($arg),*)
    };
}

/// `$name(level, ...)` calls `$generic::<V>(...)` inside a function that has the instructions of V.
macro_rules! by_level {
    ($(#[$doc:meta])* $name:ident = $generic:ident($($arg:ident: $type:ty),* $(,)?)) => {
        $(#[$doc])*
        #[allow(clippy::too_many_arguments)]
        pub(super) fn $name(level: Level, $($arg: $type),*) {
            #[cfg(all(target_arch = "x86_64", target_feature = "fma"))]
            if level != Level::Built {
                #[target_feature(enable = "avx512f")]
                fn wide($($arg: $type),*) {
                    // SAFETY: the processor has AVX-512F where this function runs.
                    unsafe { $generic::<crate::vector::F32x16>($($arg),*) }
                }
                // SAFETY: the processor has AVX-512F, or `level` would not say so.
                return unsafe { wide($($arg),*) };
            }
            let _ = level;
            // SAFETY: the program was compiled for vectors of eight.
            unsafe { $generic::<[f32x8; 2]>($($arg),*) }
        }
    };
}

/// sums[i] += sum_k a[k][i] b[k].
///
/// # Safety
/// The processor has the vector; so for every function below.
#[inline(always)]
unsafe fn product<V: Lanes, const MR: usize>(sums: &mut [V; MR], a: &[[f32; MR]], b: &[[f32; PIXELS]]) {
    for (a, b) in a.iter().zip(b) {
        // SAFETY: b is sixteen floats, and the caller says that the processor has the vector.
        unsafe {
            let b = V::load(b.as_ptr());
            for (sum, a) in sums.iter_mut().zip(a) {
                *sum = V::splat(*a).mul_add(b, *sum);
            }
        }
    }
}

/// A panel's place in y `[rows, pixels]`.
pub(super) struct Rows<'a> {
    pub(super) y: &'a mut [f32],
    pub(super) pixels: usize,
    pub(super) first: usize,
    /// Pixels of the panel that exist.
    pub(super) valid: usize,
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

by_level! {
    /// y = start + a b over one piece of the depth.
    multiply = multiply_with(
        rows: usize,
        depth: usize,
        piece: (usize, usize),
        a: &[f32],
        panel: &[[f32; PIXELS]],
        start: Start<'_>,
        y: &mut Rows<'_>,
    )
}

#[inline(always)]
unsafe fn multiply_with<V: Lanes>(
    rows: usize,
    depth: usize,
    (k0, k1): (usize, usize),
    a: &[f32],
    panel: &[[f32; PIXELS]],
    start: Start<'_>,
    y: &mut Rows<'_>,
) {
    for (first, height) in tiles(rows, V::ROWS) {
        let a = &a[first * depth + k0 * height..first * depth + k1 * height];
        let start = match start {
            Start::Bias(bias) => Start::Bias(&bias[first..first + height]),
            other => other,
        };
        // SAFETY: passed on.
        unsafe { for_height!(height, rows_of_y(a, panel, start, first, y)) };
    }
}

#[inline(always)]
unsafe fn rows_of_y<V: Lanes, const MR: usize>(
    a: &[f32],
    panel: &[[f32; PIXELS]],
    start: Start<'_>,
    first: usize,
    y: &mut Rows<'_>,
) {
    // SAFETY: every load and store is of sixteen floats that are there.
    unsafe {
        let mut sums = [V::splat(0.0); MR];
        for (i, sum) in sums.iter_mut().enumerate() {
            match start {
                Start::Zero => {}
                Start::Bias(bias) => *sum = V::splat(bias[i]),
                Start::Continued => {
                    let row = &y.y[(first + i) * y.pixels + y.first..][..y.valid];
                    *sum = match row.first_chunk::<PIXELS>() {
                        Some(full) => V::load(full.as_ptr()),
                        None => {
                            let mut padded = [0.0; PIXELS];
                            padded[..row.len()].copy_from_slice(row);
                            V::load(padded.as_ptr())
                        }
                    };
                }
            }
        }
        product(&mut sums, a.as_chunks().0, panel);
        for (i, sum) in sums.into_iter().enumerate() {
            let row = &mut y.y[(first + i) * y.pixels + y.first..][..y.valid];
            match row.first_chunk_mut::<PIXELS>() {
                Some(full) => sum.store(full.as_mut_ptr()),
                None => {
                    let mut padded = [0.0; PIXELS];
                    sum.store(padded.as_mut_ptr());
                    row.copy_from_slice(&padded[..row.len()]);
                }
            }
        }
    }
}

by_level! {
    /// out = a b, with a `[rows, depth]` packed, b `[depth, 16]` and out `[rows, 16]`.
    multiply_into_panel = multiply_into_panel_with(
        rows: usize,
        a: &[f32],
        b: &[[f32; PIXELS]],
        out: &mut [[f32; PIXELS]],
    )
}

#[inline(always)]
unsafe fn multiply_into_panel_with<V: Lanes>(
    rows: usize,
    a: &[f32],
    b: &[[f32; PIXELS]],
    out: &mut [[f32; PIXELS]],
) {
    let depth = b.len();
    for (first, height) in tiles(rows, V::ROWS) {
        let a = &a[first * depth..(first + height) * depth];
        // SAFETY: passed on.
        unsafe { for_height!(height, rows_of_panel(a, b, &mut out[first..first + height])) };
    }
}

#[inline(always)]
unsafe fn rows_of_panel<V: Lanes, const MR: usize>(
    a: &[f32],
    b: &[[f32; PIXELS]],
    out: &mut [[f32; PIXELS]],
) {
    // SAFETY: the rows of the panel have sixteen floats.
    unsafe {
        let mut sums = [V::splat(0.0); MR];
        product(&mut sums, a.as_chunks().0, b);
        for (out, sum) in out.iter_mut().zip(sums) {
            sum.store(out.as_mut_ptr());
        }
    }
}

by_level! {
    /// sums `[rows, lanes]` += sum over `count` panels of panel `[rows, 16]` times transposed `[16, lanes]`.
    add_outer = add_outer_with(
        rows: usize,
        lanes: usize,
        count: usize,
        panels: &[[f32; PIXELS]],
        transposed: &[[f32; LANES]],
        sums: &mut [f32],
    )
}

#[inline(always)]
unsafe fn add_outer_with<V: Lanes>(
    rows: usize,
    lanes: usize,
    count: usize,
    panels: &[[f32; PIXELS]],
    transposed: &[[f32; LANES]],
    sums: &mut [f32],
) {
    for (column, g) in transposed.chunks_exact(count * PIXELS).take(lanes / LANES).enumerate() {
        for (first, height) in tiles(rows, V::ROWS) {
            let out = &mut sums[first * lanes..(first + height) * lanes];
            // SAFETY: passed on.
            unsafe { for_height!(height, outer(rows, first, panels, g, lanes, column, out)) };
        }
    }
}

#[inline(always)]
unsafe fn outer<V: Lanes, const MR: usize>(
    rows: usize,
    first: usize,
    panels: &[[f32; PIXELS]],
    g: &[[f32; LANES]],
    lanes: usize,
    column: usize,
    out: &mut [f32],
) {
    // SAFETY: every load and store is of sixteen floats that are there.
    unsafe {
        let mut sums = [V::splat(0.0); MR];
        for (panel, g) in panels.chunks_exact(rows).zip(g.as_chunks::<PIXELS>().0) {
            let panel: &[[f32; PIXELS]; MR] = panel[first..].first_chunk().expect("a tile of rows");
            for (p, g) in g.iter().enumerate() {
                let g = V::load(g.as_ptr());
                for (sum, row) in sums.iter_mut().zip(panel) {
                    *sum = V::splat(row[p]).mul_add(g, *sum);
                }
            }
        }
        for (out, sum) in out.chunks_exact_mut(lanes).zip(sums) {
            let out: &mut [f32; LANES] = out[column * LANES..].first_chunk_mut().expect("a whole column");
            V::load(out.as_ptr()).add(sum).store(out.as_mut_ptr());
        }
    }
}
