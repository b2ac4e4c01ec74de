//! Matrix products C = A B and C += A B with strided inputs, so that a transpose costs nothing.
//!
//! Heads on features multiply shapes that general libraries serve badly: 16 rows, 2048 features, 17
//! classes. `tile` holds a register tile that reads B `[K, N]` where it lies and lets the last vector
//! overlap its neighbour where N is no multiple of 8; `blocked` walks it over the product.
//! Both are compiled for vectors of eight and of sixteen floats, and [`cpu::level`](crate::cpu::level) says which run.
//! The portable build, whose vectors have no fused multiply-add, leaves every product to
//! `matrixmultiply`.
//!
//! Every element of C is a sum over pieces of 256 steps of K, added in order, each piece one chain of fused
//! multiply-adds. Neither tiles nor packing nor threads can show in it, and row i of a product does not depend
//! on how many rows stand beside it: predicting one row gives the bits of predicting many.

#[cfg(target_feature = "fma")]
mod blocked;
#[cfg(not(target_feature = "fma"))]
mod portable;
#[cfg(target_feature = "fma")]
mod tile;

#[cfg(not(target_feature = "fma"))]
use portable::multiply;

use crate::cpu::{Level, level};
use crate::exec::GEMM_BLOCK_FLOP;
use crate::{Exec, Write};
use rayon::prelude::*;

/// A matrix inside a slice: element (i, j) stands at `i * row_stride + j * col_stride`.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a> Matrix<'a> {
    /// A row-major matrix `[rows, cols]`.
    ///
    /// # Panics
    /// If the slice does not have `rows * cols` elements.
    #[track_caller]
    pub fn new(data: &'a [f32], rows: usize, cols: usize) -> Self {
        assert_eq!(Some(data.len()), rows.checked_mul(cols), "a [{rows}, {cols}] matrix has other elements");
        Self { data, rows, cols, row_stride: cols, col_stride: 1 }
    }

    /// The transpose `[cols, rows]` of the same elements; nothing is moved.
    pub fn transposed(self) -> Self {
        Self {
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
            ..self
        }
    }

    /// Rows `from..from + rows`.
    fn row_block(self, from: usize, rows: usize) -> Self {
        Self { data: self.data.get(from * self.row_stride..).unwrap_or(&[]), rows, ..self }
    }
}

/// C = A B or C += A B, with A `[M, K]`, B `[K, N]` and C `[M, N]` row-major.
///
/// # Panics
/// If the shapes do not fit.
#[track_caller]
pub fn gemm(exec: Exec, write: Write, a: Matrix<'_>, b: Matrix<'_>, c: &mut [f32]) {
    gemm_with(level(), exec, write, a, b, c);
}

/// The same with vectors that the processor has.
#[track_caller]
fn gemm_with(level: Level, exec: Exec, write: Write, a: Matrix<'_>, b: Matrix<'_>, c: &mut [f32]) {
    assert_eq!(a.cols, b.rows, "[{}, {}] x [{}, {}]: inner sizes differ", a.rows, a.cols, b.rows, b.cols);
    assert_eq!(Some(c.len()), a.rows.checked_mul(b.cols), "the product is [{}, {}]", a.rows, b.cols);
    if c.is_empty() {
        return;
    }
    if a.cols == 0 {
        if write == Write::Set {
            c.fill(0.0);
        }
        return;
    }
    let rows = rows_per_task(a.rows, a.cols, b.cols);
    if exec == Exec::Serial || a.rows <= rows {
        multiply(level, write, a, b, c);
    } else {
        multiply_in_parallel(level, write, a, b, c, rows);
    }
}

/// Rows of C that one task computes: an eighth of the product, so that B is read rarely and the tasks still even out,
/// within limits. A multiple of the tile heights 4 and 6.
fn rows_per_task(m: usize, k: usize, n: usize) -> usize {
    let least = GEMM_BLOCK_FLOP / (2 * k * n).max(1);
    m.div_ceil(8).min(192).max(least).clamp(24, 4096).next_multiple_of(12)
}

fn multiply_in_parallel(
    level: Level,
    write: Write,
    a: Matrix<'_>,
    b: Matrix<'_>,
    c: &mut [f32],
    rows: usize,
) {
    c.par_chunks_mut(rows * b.cols).enumerate().for_each(|(i, c)| {
        multiply(level, write, a.row_block(i * rows, c.len() / b.cols), b, c);
    });
}

/// C = A B or C += A B for one task.
#[cfg(target_feature = "fma")]
fn multiply(level: Level, write: Write, a: Matrix<'_>, b: Matrix<'_>, c: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if sixteen_pay(level, b.cols) {
        // SAFETY: the processor has AVX-512F, or `level` would not say so.
        return unsafe { blocked::multiply::<crate::vector::F32x16, 16>(write, a, b, c) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = level;
    // SAFETY: the program was compiled for vectors of eight.
    unsafe { blocked::multiply::<crate::f32x8, 8>(write, a, b, c) }
}

/// Whether `n` columns take less time in vectors of sixteen than of eight. Where one of sixteen costs two of eight, the
/// unused lanes of the last one count, against fewer loads.
#[cfg(all(target_feature = "fma", target_arch = "x86_64"))]
fn sixteen_pay(level: Level, n: usize) -> bool {
    let (eights, sixteens) = (n.div_ceil(8), n.div_ceil(16));
    match level {
        _ if n < 16 => false,
        Level::Built => false,
        Level::Avx512InHalves => 20 * sixteens <= 11 * eights,
        Level::Avx512 => true,
    }
}

#[cfg(test)]
mod tests;
