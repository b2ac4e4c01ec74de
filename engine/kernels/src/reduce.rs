//! Sums. A sum is split only into chunks fixed by its length and folded in index order, serially too.

use crate::exec::MAP_BLOCK;
use crate::{Exec, Write, f32x8};
use rayon::prelude::*;

/// Elements that are summed in f32 lanes before the total is carried on in f64: 128 additions a lane.
const CHUNK: usize = 1024;

/// The sum of all elements, 0 for none.
pub fn sum(exec: Exec, x: &[f32]) -> f64 {
    fold(exec, x.len(), |at, n| sum_chunk(&x[at..at + n]))
}

/// The sum of `a[i] b[i]`.
///
/// # Panics
/// If the slices differ in length.
pub fn dot(exec: Exec, a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len(), "a dot product needs slices of one length");
    fold(exec, a.len(), |at, n| {
        let (mut s, (a8, a_tail), (b8, b_tail)) =
            (f32x8::splat(0.0), a[at..at + n].as_chunks::<8>(), b[at..at + n].as_chunks::<8>());
        for (a, b) in a8.iter().zip(b8) {
            s = f32x8::new(*a).mul_add(f32x8::new(*b), s);
        }
        let tail: f64 = a_tail.iter().zip(b_tail).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
        f64::from(s.reduce_add()) + tail
    })
}

/// Adds up chunk sums in index order. In parallel the pieces are super-chunks of a fixed size whose sums
/// are kept apart until the end, and the serial sum keeps the same pieces apart.
fn fold(exec: Exec, len: usize, chunk_sum: impl Fn(usize, usize) -> f64 + Sync) -> f64 {
    let piece = |p: usize| -> f64 {
        let (from, to) = (p * MAP_BLOCK, ((p + 1) * MAP_BLOCK).min(len));
        (from..to).step_by(CHUNK).map(|at| chunk_sum(at, CHUNK.min(to - at))).sum()
    };
    let pieces = len.div_ceil(MAP_BLOCK);
    /// Pieces whose sums wait on the stack, so that a parallel sum allocates nothing.
    const WAITING: usize = 64;
    if exec == Exec::Serial || pieces < 2 {
        return (0..pieces).map(piece).sum();
    }
    let mut total = 0.0;
    for first in (0..pieces).step_by(WAITING) {
        let mut sums = [0.0; WAITING];
        let n = WAITING.min(pieces - first);
        sums[..n].par_iter_mut().enumerate().for_each(|(i, s)| *s = piece(first + i));
        for s in &sums[..n] {
            total += s;
        }
    }
    total
}

fn sum_chunk(x: &[f32]) -> f64 {
    let (x8, tail) = x.as_chunks::<8>();
    let mut s = f32x8::splat(0.0);
    for x in x8 {
        s += f32x8::new(*x);
    }
    f64::from(s.reduce_add()) + tail.iter().map(|x| f64::from(*x)).sum::<f64>()
}

/// `out[i] = sum_j x[i, j]` of a matrix `[rows, cols]`, or added.
///
/// # Panics
/// If `x` is not a whole number of rows.
pub fn rows(write: Write, x: &[f32], cols: usize, out: &mut [f32]) {
    assert_eq!(x.len(), out.len() * cols, "row sums need whole rows");
    for (x, out) in x.chunks_exact(cols).zip(out) {
        let s = sum(Exec::Serial, x) as f32;
        *out = if write == Write::Set { s } else { *out + s };
    }
}

/// Rows whose column sums are carried in f32 before they are added to the total.
const ROW_CHUNK: usize = 256;

/// `out[j] = sum_i x[i, j]` of a matrix `[rows, cols]`, or added.
///
/// # Panics
/// If `x` is not a whole number of rows.
pub fn columns(write: Write, x: &[f32], out: &mut [f32]) {
    let cols = out.len();
    assert!(cols > 0 && x.len().is_multiple_of(cols), "column sums need whole rows");
    if write == Write::Set {
        out.fill(0.0);
    }
    for x in x.chunks(ROW_CHUNK * cols) {
        for (j8, out) in out.chunks_mut(8).enumerate() {
            let (j, n) = (j8 * 8, out.len());
            let mut s = [0.0f32; 8];
            if n == 8 {
                let mut acc = f32x8::splat(0.0);
                for x in x.chunks_exact(cols) {
                    acc += f32x8::new(*x[j..].first_chunk::<8>().expect("eight columns are left"));
                }
                s = acc.to_array();
            } else {
                for x in x.chunks_exact(cols) {
                    for (s, x) in s.iter_mut().zip(&x[j..]) {
                        *s += x;
                    }
                }
            }
            for (out, s) in out.iter_mut().zip(s) {
                *out += s;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(n: usize) -> Vec<f32> {
        (0..n as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 24) as f32 - 0.5).collect()
    }

    #[test]
    fn sums_agree_with_f64_loops() {
        for n in (0..40).chain([1023, 1024, 1025, 100_003]) {
            let (x, y) = (noise(n), noise(n + 7)[7..].to_vec());
            let exact: f64 = x.iter().map(|x| f64::from(*x)).sum();
            let exact_dot: f64 = x.iter().zip(&y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
            for exec in [Exec::Serial, Exec::Rayon] {
                assert!((sum(exec, &x) - exact).abs() <= 1e-6 * (1.0 + n as f64).sqrt(), "{n}");
                assert!((dot(exec, &x, &y) - exact_dot).abs() <= 1e-6 * (1.0 + n as f64).sqrt(), "{n}");
            }
        }
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        let x = noise(3_000_001);
        let serial = sum(Exec::Serial, &x).to_bits();
        for threads in [1, 2, 3, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(|| sum(Exec::Rayon, &x)).to_bits(), serial);
        }
    }

    #[test]
    fn matrix_sums_agree_with_loops() {
        for (r, c) in [(1, 1), (3, 17), (300, 20), (7, 8), (513, 3)] {
            let x = noise(r * c);
            let (mut by_row, mut by_col) = (vec![1.0; r], vec![1.0; c]);
            rows(Write::Add, &x, c, &mut by_row);
            columns(Write::Add, &x, &mut by_col);
            for i in 0..r {
                let exact: f64 = (0..c).map(|j| f64::from(x[i * c + j])).sum();
                assert!((f64::from(by_row[i]) - 1.0 - exact).abs() < 1e-5);
            }
            for j in 0..c {
                let exact: f64 = (0..r).map(|i| f64::from(x[i * c + j])).sum();
                assert!((f64::from(by_col[j]) - 1.0 - exact).abs() < 1e-4);
            }
            columns(Write::Set, &x, &mut by_col);
            assert!((f64::from(by_col[0]) - (0..r).map(|i| f64::from(x[i * c])).sum::<f64>()).abs() < 1e-4);
        }
    }
}
