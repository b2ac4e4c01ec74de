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
    match (exec, Tasks::of(a.rows, a.cols, b.cols)) {
        (Exec::Rayon, Tasks::Rows(rows)) if rows < a.rows => {
            c.par_chunks_mut(rows * b.cols).enumerate().for_each(|(i, c)| {
                multiply(level, write, a.row_block(i * rows, c.len() / b.cols), b, c);
            });
        }
        #[cfg(target_feature = "fma")]
        (Exec::Rayon, Tasks::Columns(tasks)) => multiply_columns(level, write, a, b, c, tasks),
        _ => multiply(level, write, a, b, c),
    }
}

/// How a product is cut into tasks. Their number is even where there are several: two threads get the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tasks {
    /// So many rows of C each.
    Rows(usize),
    /// So many ranges of columns.
    Columns(usize),
}

/// Fewest rows of a task: two tiles.
const TASK_ROWS: usize = 24;
/// Fewest columns of a product that is cut by columns.
const TASK_COLUMNS: usize = 256;

impl Tasks {
    /// Eight tasks where that leaves enough to do for each of them. Rows where there are enough for as many tasks as columns
    /// allow, since the rows of C of a task lie together; else columns: a product of 16 rows has no others, and one of 128 would
    /// have each task pack all of B.
    fn of(m: usize, k: usize, n: usize) -> Self {
        let even = |tasks: usize| if tasks < 2 { 1 } else { tasks & !1 };
        let most = 2 * m * k * n / GEMM_BLOCK_FLOP;
        let by_rows = even(m.div_ceil(192).next_multiple_of(8).min(m / TASK_ROWS).min(most));
        let by_columns = if n < TASK_COLUMNS { 1 } else { even((n / 32).min(8).min(most)) };
        match by_columns > by_rows && cfg!(target_feature = "fma") {
            true => Tasks::Columns(by_columns),
            false => Tasks::Rows(m.div_ceil(by_rows)),
        }
    }
}

/// C = A B or C += A B for one task.
#[cfg(target_feature = "fma")]
fn multiply(level: Level, write: Write, a: Matrix<'_>, b: Matrix<'_>, c: &mut [f32]) {
    // SAFETY: C is borrowed mutably and has M N elements, which the caller has asserted.
    unsafe { multiply_part(level, write, a, b, c.as_mut_ptr(), (0, 1)) }
}

/// C = A B or C += A B, with columns cut into so many tasks.
#[cfg(target_feature = "fma")]
fn multiply_columns(level: Level, write: Write, a: Matrix<'_>, b: Matrix<'_>, c: &mut [f32], tasks: usize) {
    /// The elements of C, of which every task writes its own columns.
    struct Columns(*mut f32);
    // SAFETY: tasks write disjoint elements and read none of another's.
    unsafe impl Sync for Columns {}
    impl Columns {
        fn pointer(&self) -> *mut f32 {
            self.0
        }
    }
    let columns = Columns(c.as_mut_ptr());
    (0..tasks).into_par_iter().for_each(|task| {
        // SAFETY: C has M N elements, is borrowed mutably for as long as the tasks run, and the parts of different tasks are
        // different column tiles.
        unsafe { multiply_part(level, write, a, b, columns.pointer(), (task, tasks)) }
    });
}

/// C = A B or C += A B for part i of n of the column tiles.
///
/// # Safety
/// `c` points to the M N elements of C, nobody else reads or writes those of this part meanwhile, and A and B do not overlap it.
#[cfg(target_feature = "fma")]
unsafe fn multiply_part(
    level: Level,
    write: Write,
    a: Matrix<'_>,
    b: Matrix<'_>,
    c: *mut f32,
    part: (usize, usize),
) {
    #[cfg(target_arch = "x86_64")]
    if sixteen_pay(level, b.cols) {
        // SAFETY: the processor has AVX-512F, or `level` would not say so; the rest is passed on.
        return unsafe { blocked::multiply::<crate::vector::F32x16, 16>(write, a, b, c, part) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = level;
    // SAFETY: the program was compiled for vectors of eight; the rest is passed on.
    unsafe { blocked::multiply::<crate::f32x8, 8>(write, a, b, c, part) }
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
