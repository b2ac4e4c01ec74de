//! The register tile: up to 6 rows by 16 lanes, twelve sums that stay in registers.
//!
//! Written over arrays of known size, so that no index is checked inside the loops.

use crate::f32x8;

/// Pixels in a panel.
pub(super) const PIXELS: usize = 16;
/// Output channels across the lanes of a weight gradient.
pub(super) const LANES: usize = 16;
/// Rows of the tallest tile: 6 x 2 sums, two vectors of the panel and one broadcast fill 16 registers.
const ROWS: usize = 6;

type Sums<const MR: usize> = [[f32x8; 2]; MR];

/// Rows in tiles of nearly equal height, at most [`ROWS`]: 32 rows are 5 + 5 + 6 + 5 + 5 + 6, where 6 and a
/// rest of 2 would leave the multipliers waiting. First row and height.
fn tiles(rows: usize) -> impl Iterator<Item = (usize, usize)> {
    let n = rows.div_ceil(ROWS);
    (0..n).map(move |t| (t * rows / n, (t + 1) * rows / n - t * rows / n))
}

/// Calls `$run::<height>` for a height that is known at run time.
macro_rules! for_height {
    ($height:expr, $run:ident($($arg:expr),*)) => {
        match $height {
            1 => $run::<1>($($arg),*),
            2 => $run::<2>($($arg),*),
            3 => $run::<3>($($arg),*),
            4 => $run::<4>($($arg),*),
            5 => $run::<5>($($arg),*),
            _ => $run::<6>($($arg),*),
        }
    };
}

/// Lays a matrix `[rows, depth]` out tile by tile, `[depth, height]` each, as [`product`] reads it.
pub(super) fn pack_rows(rows: usize, depth: usize, at: impl Fn(usize, usize) -> f32, out: &mut [f32]) {
    for (first, height) in tiles(rows) {
        let tile = &mut out[first * depth..(first + height) * depth];
        for (k, tile) in tile.chunks_exact_mut(height).enumerate() {
            for (i, x) in tile.iter_mut().enumerate() {
                *x = at(first + i, k);
            }
        }
    }
}

/// sums[i] += sum_k a[k][i] b[k].
#[inline(always)]
fn product<const MR: usize>(mut sums: Sums<MR>, a: &[[f32; MR]], b: &[[f32; PIXELS]]) -> Sums<MR> {
    for (a, b) in a.iter().zip(b) {
        let b = halves(b);
        for (sums, a) in sums.iter_mut().zip(a) {
            let a = f32x8::splat(*a);
            sums[0] = a.mul_add(b[0], sums[0]);
            sums[1] = a.mul_add(b[1], sums[1]);
        }
    }
    sums
}

#[inline(always)]
fn halves(row: &[f32; 16]) -> [f32x8; 2] {
    let halves = row.as_chunks::<8>().0;
    [f32x8::new(halves[0]), f32x8::new(halves[1])]
}

#[inline(always)]
fn joined(sums: [f32x8; 2]) -> [f32; 16] {
    let mut row = [0.0; 16];
    row[..8].copy_from_slice(&sums[0].to_array());
    row[8..].copy_from_slice(&sums[1].to_array());
    row
}

/// A panel's place in y `[rows, pixels]`.
pub(super) struct Rows<'a> {
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
    for (first, height) in tiles(rows) {
        let a = &a[first * depth + k0 * height..first * depth + k1 * height];
        let start = match start {
            Start::Bias(bias) => Start::Bias(&bias[first..first + height]),
            other => other,
        };
        for_height!(height, rows_of_y(a, panel, start, first, &mut y));
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

#[inline(never)]
fn rows_of_y<const MR: usize>(
    a: &[f32],
    panel: &[[f32; PIXELS]],
    start: Start<'_>,
    first: usize,
    y: &mut Rows<'_>,
) {
    let at = |i: usize| (first + i) * y.pixels + y.first;
    let sums: Sums<MR> = match start {
        Start::Zero => [[f32x8::splat(0.0); 2]; MR],
        Start::Bias(bias) => std::array::from_fn(|i| [f32x8::splat(bias[i]); 2]),
        Start::Continued => std::array::from_fn(|i| {
            let mut row = [0.0; PIXELS];
            row[..y.valid].copy_from_slice(&y.y[at(i)..][..y.valid]);
            halves(&row)
        }),
    };
    let sums = product(sums, a.as_chunks().0, panel);
    for (i, sums) in sums.into_iter().enumerate() {
        let row = &mut y.y[at(i)..];
        if y.valid == PIXELS {
            // Two vectors, one by one: as sixteen floats they become the same call of memcpy as below.
            let (vectors, _) = row[..PIXELS].as_chunks_mut::<8>();
            for (out, sums) in vectors.iter_mut().zip(sums) {
                *out = sums.to_array();
            }
        } else {
            row[..y.valid].copy_from_slice(&joined(sums)[..y.valid]);
        }
    }
}

/// out = a b, with a `[rows, depth]` packed, b `[depth, 16]` and out `[rows, 16]`.
pub(super) fn multiply_into_panel(rows: usize, a: &[f32], b: &[[f32; PIXELS]], out: &mut [[f32; PIXELS]]) {
    let depth = b.len();
    for (first, height) in tiles(rows) {
        let a = &a[first * depth..(first + height) * depth];
        for_height!(height, rows_of_panel(a, b, &mut out[first..first + height]));
    }
}

#[inline(never)]
fn rows_of_panel<const MR: usize>(a: &[f32], b: &[[f32; PIXELS]], out: &mut [[f32; PIXELS]]) {
    let sums = product::<MR>([[f32x8::splat(0.0); 2]; MR], a.as_chunks().0, b);
    for (out, sums) in out.iter_mut().zip(sums) {
        *out = joined(sums);
    }
}

/// sums `[rows, lanes]` += sum over `count` panels of panel `[rows, 16]` times transposed `[16, lanes]`.
pub(super) fn add_outer(
    rows: usize,
    lanes: usize,
    count: usize,
    panels: &[[f32; PIXELS]],
    transposed: &[[f32; LANES]],
    sums: &mut [f32],
) {
    for (column, g) in transposed.chunks_exact(count * PIXELS).take(lanes / LANES).enumerate() {
        for (first, height) in tiles(rows) {
            let out = &mut sums[first * lanes..(first + height) * lanes];
            for_height!(height, outer(rows, first, panels, g, lanes, column, out));
        }
    }
}

#[inline(never)]
fn outer<const MR: usize>(
    rows: usize,
    first: usize,
    panels: &[[f32; PIXELS]],
    g: &[[f32; LANES]],
    lanes: usize,
    column: usize,
    out: &mut [f32],
) {
    let mut sums: Sums<MR> = [[f32x8::splat(0.0); 2]; MR];
    for (panel, g) in panels.chunks_exact(rows).zip(g.as_chunks::<PIXELS>().0) {
        let panel: &[[f32; PIXELS]; MR] = panel[first..].first_chunk().expect("a tile of rows");
        for (p, g) in g.iter().enumerate() {
            let g = halves(g);
            for (sums, row) in sums.iter_mut().zip(panel) {
                let x = f32x8::splat(row[p]);
                sums[0] = x.mul_add(g[0], sums[0]);
                sums[1] = x.mul_add(g[1], sums[1]);
            }
        }
    }
    for (out, sums) in out.chunks_exact_mut(lanes).zip(sums) {
        let out: &mut [f32; LANES] = out[column * LANES..].first_chunk_mut().expect("a whole column");
        let old = halves(out);
        *out = joined([old[0] + sums[0], old[1] + sums[1]]);
    }
}
