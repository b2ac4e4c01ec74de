//! Products of builds without fused multiply-add.

use super::Matrix;
use crate::Write;
use crate::cpu::Level;

/// C = A B or C += A B through `matrixmultiply`, which is faster than our tile where the compiler may
/// use SSE2 only.
pub(super) fn multiply(_: Level, write: Write, a: Matrix<'_>, b: Matrix<'_>, c: &mut [f32]) {
    let beta = if write == Write::Set { 0.0 } else { 1.0 };
    // SAFETY: `Matrix` is only built over slices that hold every element its sizes and strides name,
    // row blocks keep that true, and `c` has M * N elements, which the caller has asserted.
    unsafe {
        matrixmultiply::sgemm(
            a.rows,
            a.cols,
            b.cols,
            1.0,
            a.data.as_ptr(),
            a.row_stride as isize,
            a.col_stride as isize,
            b.data.as_ptr(),
            b.row_stride as isize,
            b.col_stride as isize,
            beta,
            c.as_mut_ptr(),
            b.cols as isize,
            1,
        );
    }
}
