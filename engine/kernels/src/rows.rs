//! Functions of whole rows: softmax, layer normalisation, unit length; each with its gradient.
//!
//! A matrix is given as a slice and its number of columns. Rows are independent, so one row has the bits it
//! has among many, and threads take blocks of rows.

use crate::exec::MAP_BLOCK;
use crate::{Exec, Write, f32x8, lanes, map, math, reduce};
use rayon::prelude::*;

/// Rows that one task takes, by the length of a row alone.
fn rows_per_task(cols: usize) -> usize {
    (MAP_BLOCK / cols.max(1)).max(1)
}

/// Calls `work(row, out)` for every row of `out`.
fn each_row(exec: Exec, cols: usize, out: &mut [f32], work: impl Fn(usize, &mut [f32]) + Sync) {
    assert!(cols > 0 && out.len().is_multiple_of(cols), "whole rows are needed");
    let rows = rows_per_task(cols);
    let block = |i: usize, out: &mut [f32]| {
        out.chunks_exact_mut(cols).enumerate().for_each(|(r, out)| work(i * rows + r, out));
    };
    if exec == Exec::Rayon && out.len() > rows * cols {
        out.par_chunks_mut(rows * cols).enumerate().for_each(|(i, out)| block(i, out));
    } else {
        out.chunks_mut(rows * cols).enumerate().for_each(|(i, out)| block(i, out));
    }
}

fn row(x: &[f32], i: usize, cols: usize) -> &[f32] {
    &x[i * cols..(i + 1) * cols]
}

/// The largest element; NaN is passed over, for it comes back through the exponentials.
fn largest(x: &[f32]) -> f32 {
    let (x8, tail) = x.as_chunks::<8>();
    let lanes = x8.iter().fold(f32x8::splat(f32::NEG_INFINITY), |m, x| f32x8::new(*x).fast_max(m));
    lanes.to_array().iter().chain(tail).fold(f32::NEG_INFINITY, |m, x| m.max(*x))
}

/// sum f(x) over a row, in f64 beyond the lanes.
fn sum_of(x: &[f32], f: impl Fn(f32x8) -> f32x8) -> f64 {
    let (x8, tail) = x.as_chunks::<8>();
    let sum = x8.iter().fold(f32x8::splat(0.0), |s, x| s + f(f32x8::new(*x)));
    let last = f(lanes::load(tail)).to_array();
    f64::from(sum.reduce_add()) + last[..tail.len()].iter().map(|x| f64::from(*x)).sum::<f64>()
}

/// sum a b over a row.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    reduce::dot(Exec::Serial, a, b) as f32
}

/// out_ij = e^(x_ij) / sum_k e^(x_ik), with the largest element of the row taken off first.
///
/// # Panics
/// If the slices are not whole rows of one matrix.
pub fn softmax(exec: Exec, x: &[f32], cols: usize, out: &mut [f32]) {
    assert_eq!(x.len(), out.len(), "one matrix in, one out");
    each_row(exec, cols, out, |i, out| {
        let x = row(x, i, cols);
        let max = f32x8::splat(largest(x));
        map::unary(Exec::Serial, Write::Set, x, out, |x| math::exp(x - max));
        let scale = (1.0 / sum_of(out, |e| e)) as f32;
        for y in out {
            *y *= scale;
        }
    });
}

/// dx = y (g - sum_k g_k y_k), the gradient of [`softmax`] from its output y.
///
/// # Panics
/// If the slices are not whole rows of one matrix.
pub fn softmax_backward(exec: Exec, write: Write, g: &[f32], y: &[f32], cols: usize, dx: &mut [f32]) {
    assert!(g.len() == dx.len() && y.len() == dx.len(), "one matrix in, one out");
    each_row(exec, cols, dx, |i, dx| {
        let (g, y) = (row(g, i, cols), row(y, i, cols));
        let mean = f32x8::splat(dot(g, y));
        map::binary(Exec::Serial, write, g, y, dx, |g, y| y * (g - mean));
    });
}

/// ln sum_k e^(x_k) of one row.
pub fn log_sum_exp(x: &[f32]) -> f64 {
    let max = largest(x);
    let m = f32x8::splat(max);
    f64::from(max) + sum_of(x, |x| math::exp(x - m)).ln()
}

/// out_ij = x_ij - ln sum_k e^(x_ik).
///
/// # Panics
/// If the slices are not whole rows of one matrix.
pub fn log_softmax(exec: Exec, x: &[f32], cols: usize, out: &mut [f32]) {
    assert_eq!(x.len(), out.len(), "one matrix in, one out");
    each_row(exec, cols, out, |i, out| {
        let x = row(x, i, cols);
        let max = largest(x);
        let m = f32x8::splat(max);
        // The maximum is taken off before the logarithm: large logits would lose it.
        let rest = f32x8::splat(sum_of(x, |x| math::exp(x - m)).ln() as f32);
        map::unary(Exec::Serial, Write::Set, x, out, |x| (x - m) - rest);
    });
}

/// dx = g - e^y sum_k g_k, the gradient of [`log_softmax`] from its output y.
///
/// # Panics
/// If the slices are not whole rows of one matrix.
pub fn log_softmax_backward(exec: Exec, write: Write, g: &[f32], y: &[f32], cols: usize, dx: &mut [f32]) {
    assert!(g.len() == dx.len() && y.len() == dx.len(), "one matrix in, one out");
    each_row(exec, cols, dx, |i, dx| {
        let (g, y) = (row(g, i, cols), row(y, i, cols));
        let total = f32x8::splat(sum_of(g, |g| g) as f32);
        map::binary(Exec::Serial, write, g, y, dx, |g, y| g - math::exp(y) * total);
    });
}

/// Mean and 1 / sqrt(variance + eps) of each row, one after the other: `stats[2 i]`, `stats[2 i + 1]`. The
/// variance is the mean square deviation (biased).
///
/// # Panics
/// If the slices do not fit.
pub fn layer_stats(exec: Exec, x: &[f32], cols: usize, eps: f32, stats: &mut [f32]) {
    assert_eq!(x.len() * 2, stats.len() * cols, "two numbers for each row");
    each_row(exec, 2, stats, |i, stats| {
        let x = row(x, i, cols);
        let mean = (sum_of(x, |x| x) / cols as f64) as f32;
        let m = f32x8::splat(mean);
        let variance = sum_of(x, |x| (x - m) * (x - m)) / cols as f64;
        stats[0] = mean;
        stats[1] = (1.0 / (variance + f64::from(eps)).sqrt()) as f32;
    });
}

/// out = (x - mean) rstd w + b with the numbers of [`layer_stats`]; without `affine` w is 1 and b 0.
///
/// # Panics
/// If the slices do not fit.
pub fn layer_norm(
    exec: Exec,
    x: &[f32],
    stats: &[f32],
    affine: Option<(&[f32], &[f32])>,
    cols: usize,
    out: &mut [f32],
) {
    assert!(x.len() == out.len() && stats.len() * cols == x.len() * 2, "one matrix in, one out");
    each_row(exec, cols, out, |i, out| {
        let (x, mean, rstd) = (row(x, i, cols), f32x8::splat(stats[2 * i]), f32x8::splat(stats[2 * i + 1]));
        match affine {
            Some((w, b)) => {
                map::ternary(Exec::Serial, Write::Set, [x, w, b], out, |x, w, b| {
                    ((x - mean) * rstd).mul_add(w, b)
                });
            }
            None => map::unary(Exec::Serial, Write::Set, x, out, |x| (x - mean) * rstd),
        }
    });
}

/// dx = rstd (h - mean(h) - xhat mean(h xhat)) with h = g w and xhat = (x - mean) rstd.
///
/// # Panics
/// If the slices do not fit.
#[allow(clippy::too_many_arguments)]
pub fn layer_norm_backward(
    exec: Exec,
    write: Write,
    g: &[f32],
    x: &[f32],
    stats: &[f32],
    w: Option<&[f32]>,
    cols: usize,
    dx: &mut [f32],
) {
    assert!(g.len() == dx.len() && x.len() == dx.len() && stats.len() * cols == x.len() * 2, "one matrix");
    each_row(exec, cols, dx, |i, dx| {
        let (g, x, mean, rstd) = (row(g, i, cols), row(x, i, cols), stats[2 * i], stats[2 * i + 1]);
        let weight = |j: usize| w.map_or(1.0, |w| w[j]);
        let (mut sum, mut sum_x) = (0.0f64, 0.0f64);
        for (j, (g, x)) in g.iter().zip(x).enumerate() {
            let h = f64::from(g * weight(j));
            sum += h;
            sum_x += h * f64::from((x - mean) * rstd);
        }
        let n = cols as f64;
        let (a, b) = (f32x8::splat((sum / n) as f32), f32x8::splat((sum_x / n) as f32));
        let (mean, rstd) = (f32x8::splat(mean), f32x8::splat(rstd));
        match w {
            Some(w) => map::ternary(Exec::Serial, write, [g, x, w], dx, |g, x, w| {
                rstd * (g * w - a - (x - mean) * rstd * b)
            }),
            None => map::binary(Exec::Serial, write, g, x, dx, |g, x| rstd * (g - a - (x - mean) * rstd * b)),
        }
    });
}

/// out_j = sum_i g_ij xhat_ij, the gradient of [`layer_norm`] with respect to w, or added.
///
/// # Panics
/// If the slices do not fit.
pub fn layer_norm_backward_weight(write: Write, g: &[f32], x: &[f32], stats: &[f32], dw: &mut [f32]) {
    let cols = dw.len();
    assert!(g.len() == x.len() && stats.len() * cols == x.len() * 2, "one matrix");
    if write == Write::Set {
        dw.fill(0.0);
    }
    for ((g, x), s) in g.chunks_exact(cols).zip(x.chunks_exact(cols)).zip(stats.as_chunks::<2>().0) {
        let (mean, rstd) = (f32x8::splat(s[0]), f32x8::splat(s[1]));
        map::binary(Exec::Serial, Write::Add, g, x, dw, |g, x| g * ((x - mean) * rstd));
    }
}

/// out_i = x_i / max(|x_i|, eps) for each row, with |x_i| the Euclidean length. `norms` gets the divisors.
///
/// # Panics
/// If the slices do not fit.
pub fn l2_normalize(exec: Exec, x: &[f32], cols: usize, eps: f32, norms: &mut [f32], out: &mut [f32]) {
    assert!(x.len() == out.len() && norms.len() * cols == x.len(), "one matrix in, one out");
    for (norm, x) in norms.iter_mut().zip(x.chunks_exact(cols)) {
        let length = reduce::dot(Exec::Serial, x, x).sqrt() as f32;
        *norm = if length < eps { eps } else { length };
    }
    let norms = &*norms;
    each_row(exec, cols, out, |i, out| {
        let norm = f32x8::splat(norms[i]);
        map::unary(Exec::Serial, Write::Set, row(x, i, cols), out, |x| x / norm);
    });
}

/// dx = (g - y (y . g)) / |x|, and g / eps where the row was shorter than eps.
///
/// # Panics
/// If the slices do not fit.
#[allow(clippy::too_many_arguments)]
pub fn l2_normalize_backward(
    exec: Exec,
    write: Write,
    g: &[f32],
    y: &[f32],
    norms: &[f32],
    cols: usize,
    eps: f32,
    dx: &mut [f32],
) {
    assert!(g.len() == dx.len() && y.len() == dx.len() && norms.len() * cols == dx.len(), "one matrix");
    each_row(exec, cols, dx, |i, dx| {
        let (g, y, norm) = (row(g, i, cols), row(y, i, cols), f32x8::splat(norms[i]));
        let along = f32x8::splat(if norms[i] <= eps { 0.0 } else { dot(g, y) });
        map::binary(Exec::Serial, write, g, y, dx, |g, y| y.mul_neg_add(along, g) / norm);
    });
}

/// out `[cols, rows]` = the transpose of x `[rows, cols]`, or added.
///
/// # Panics
/// If the slices do not fit.
pub fn transpose(exec: Exec, write: Write, x: &[f32], cols: usize, out: &mut [f32]) {
    assert_eq!(x.len(), out.len(), "one matrix in, one out");
    let rows = x.len() / cols.max(1);
    if x.is_empty() {
        return;
    }
    each_row(exec, rows, out, |j, out| {
        for (out, x) in out.iter_mut().zip(x[j..].iter().step_by(cols)) {
            *out = if write == Write::Set { *x } else { *out + x };
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_at_the_extremes() {
        let mut p = [0.0; 4];
        for row in [[1e4, -1e4, 0.0, 0.0], [f32::MAX, f32::MIN, 0.0, 1.0]] {
            softmax(Exec::Serial, &row, 4, &mut p);
            assert_eq!(p, [1.0, 0.0, 0.0, 0.0]);
        }
        softmax(Exec::Serial, &[f32::NEG_INFINITY, 1.0, 1.0, f32::NEG_INFINITY], 4, &mut p);
        assert_eq!(p, [0.0, 0.5, 0.5, 0.0]);
        log_softmax(Exec::Serial, &[f32::NEG_INFINITY, 1e4, 1e4, -1e4], 4, &mut p);
        assert_eq!((p[0], p[3]), (f32::NEG_INFINITY, -2e4 - 2f32.ln()));
        assert!((p[1] + 2f32.ln()).abs() < 1e-6);
        softmax(Exec::Serial, &[0.0, f32::NAN, 0.0, 0.0], 4, &mut p);
        assert!(p.iter().all(|p| p.is_nan()));
    }

    #[test]
    fn every_width_sums_to_one_and_threads_change_no_bit() {
        for cols in (1..=17).chain([20, 100, 1000]) {
            let rows = 40_000 / cols;
            let x: Vec<f32> = (0..rows * cols).map(|i| (i as f32 * 0.7).sin() * 5.0).collect();
            let run = |exec| {
                let mut y = vec![f32::NAN; x.len()];
                softmax(exec, &x, cols, &mut y);
                y
            };
            let y = run(Exec::Serial);
            assert!(y.chunks_exact(cols).all(|y| (y.iter().sum::<f32>() - 1.0).abs() < 1e-5), "{cols}");
            assert_eq!(y, run(Exec::Rayon));
        }
    }
}
