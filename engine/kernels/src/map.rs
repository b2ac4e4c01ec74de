//! Elementwise maps over slices, eight lanes at a time.
//!
//! The tail of a slice is padded to a full vector and takes the same instructions, so the bits of an
//! element do not depend on where in a slice it stands.

use crate::exec::MAP_BLOCK;
use crate::{Exec, Write, f32x8, lanes};
use rayon::prelude::*;

/// out = f(x), or out += f(x).
///
/// # Panics
/// If the slices differ in length.
#[inline]
pub fn unary(exec: Exec, write: Write, x: &[f32], out: &mut [f32], f: impl Fn(f32x8) -> f32x8 + Sync) {
    assert_eq!(x.len(), out.len(), "a map needs slices of one length");
    blocks(exec, out, |at, out| {
        let x = &x[at..at + out.len()];
        match write {
            Write::Set => sweep(out, x, x, |_, x, _| f(x)),
            Write::Add => sweep(out, x, x, |o, x, _| o + f(x)),
        }
    });
}

/// out = f(a, b), or out += f(a, b).
///
/// # Panics
/// If the slices differ in length.
#[inline]
pub fn binary(
    exec: Exec,
    write: Write,
    a: &[f32],
    b: &[f32],
    out: &mut [f32],
    f: impl Fn(f32x8, f32x8) -> f32x8 + Sync,
) {
    assert!(a.len() == out.len() && b.len() == out.len(), "a map needs slices of one length");
    blocks(exec, out, |at, out| {
        let (a, b) = (&a[at..at + out.len()], &b[at..at + out.len()]);
        match write {
            Write::Set => sweep(out, a, b, |_, a, b| f(a, b)),
            Write::Add => sweep(out, a, b, |o, a, b| o + f(a, b)),
        }
    });
}

/// out = f(a, b, c), or out += f(a, b, c).
///
/// # Panics
/// If the slices differ in length.
#[inline]
pub fn ternary(
    exec: Exec,
    write: Write,
    [a, b, c]: [&[f32]; 3],
    out: &mut [f32],
    f: impl Fn(f32x8, f32x8, f32x8) -> f32x8 + Sync,
) {
    assert!([a, b, c].iter().all(|s| s.len() == out.len()), "a map needs slices of one length");
    blocks(exec, out, |at, out| {
        let n = out.len();
        let (a, b, c) = (&a[at..at + n], &b[at..at + n], &c[at..at + n]);
        let (out8, out_tail) = out.as_chunks_mut::<8>();
        let (a8, a_tail) = a.as_chunks::<8>();
        let (b8, b_tail) = b.as_chunks::<8>();
        let (c8, c_tail) = c.as_chunks::<8>();
        for (((o, a), b), c) in out8.iter_mut().zip(a8).zip(b8).zip(c8) {
            let y = f(f32x8::new(*a), f32x8::new(*b), f32x8::new(*c));
            *o = put(write, f32x8::new(*o), y).to_array();
        }
        if !out_tail.is_empty() {
            let y = f(padded(a_tail), padded(b_tail), padded(c_tail));
            lanes::store(put(write, padded(out_tail), y), out_tail);
        }
    });
}

#[inline]
fn put(write: Write, old: f32x8, new: f32x8) -> f32x8 {
    match write {
        Write::Set => new,
        Write::Add => old + new,
    }
}

/// Hands out blocks of `out` with the index of their first element, in parallel where that pays.
#[inline]
fn blocks(exec: Exec, out: &mut [f32], work: impl Fn(usize, &mut [f32]) + Sync) {
    if exec == Exec::Rayon && out.len() >= 2 * MAP_BLOCK {
        out.par_chunks_mut(MAP_BLOCK).enumerate().for_each(|(i, out)| work(i * MAP_BLOCK, out));
    } else {
        work(0, out);
    }
}

/// The one loop: out = f(out, a, b) with a padded tail.
#[inline]
fn sweep(out: &mut [f32], a: &[f32], b: &[f32], f: impl Fn(f32x8, f32x8, f32x8) -> f32x8) {
    let (out8, out_tail) = out.as_chunks_mut::<8>();
    let (a8, a_tail) = a.as_chunks::<8>();
    let (b8, b_tail) = b.as_chunks::<8>();
    for ((o, a), b) in out8.iter_mut().zip(a8).zip(b8) {
        *o = f(f32x8::new(*o), f32x8::new(*a), f32x8::new(*b)).to_array();
    }
    if !out_tail.is_empty() {
        lanes::store(f(padded(out_tail), padded(a_tail), padded(b_tail)), out_tail);
    }
}

/// Up to eight floats, filled up with ones: harmless to ln, sqrt and division.
#[inline]
fn padded(tail: &[f32]) -> f32x8 {
    f32x8::new(lanes::padded(tail, 1.0))
}

/// The broadcast maps of a matrix `[rows, cols]` with a row `[cols]` or a column `[rows]`.
pub mod broadcast {
    use super::*;

    /// `out[i, j] = f(a[i, j], row[j])`, or added.
    pub fn row(
        write: Write,
        a: &[f32],
        row: &[f32],
        out: &mut [f32],
        f: impl Fn(f32x8, f32x8) -> f32x8 + Sync,
    ) {
        assert_eq!(a.len(), out.len(), "a map needs slices of one length");
        for (a, out) in a.chunks_exact(row.len()).zip(out.chunks_exact_mut(row.len())) {
            binary(Exec::Serial, write, a, row, out, &f);
        }
    }

    /// `out[i, j] += row[j]`.
    ///
    /// # Panics
    /// If `out` is not a whole number of rows.
    pub fn add_row(exec: Exec, row: &[f32], out: &mut [f32]) {
        assert!(!row.is_empty() && out.len().is_multiple_of(row.len()), "whole rows are added to");
        let add = |out: &mut [f32]| {
            for out in out.chunks_exact_mut(row.len()) {
                unary(Exec::Serial, Write::Add, row, out, |x| x);
            }
        };
        let block = MAP_BLOCK.div_ceil(row.len()) * row.len();
        if exec == Exec::Rayon && out.len() >= 2 * block {
            out.par_chunks_mut(block).for_each(add);
        } else {
            add(out);
        }
    }

    /// `out[i, j] = f(a[i, j], column[i])`, or added.
    pub fn column(
        write: Write,
        a: &[f32],
        column: &[f32],
        out: &mut [f32],
        f: impl Fn(f32x8, f32x8) -> f32x8 + Sync,
    ) {
        assert_eq!(a.len(), out.len(), "a map needs slices of one length");
        let cols = a.len() / column.len();
        for ((a, out), c) in a.chunks_exact(cols).zip(out.chunks_exact_mut(cols)).zip(column) {
            let c = f32x8::splat(*c);
            unary(Exec::Serial, write, a, out, |x| f(x, c));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(n: usize, scale: f32) -> Vec<f32> {
        (0..n).map(|i| (i as f32 - n as f32 / 3.0) * scale).collect()
    }

    #[test]
    fn every_length_agrees_with_a_scalar_loop() {
        for n in (0..40).chain([MAP_BLOCK * 2 + 5]) {
            let (a, b, c) = (ramp(n, 0.1), ramp(n, -0.2), ramp(n, 0.3));
            for exec in [Exec::Serial, Exec::Rayon] {
                let mut out = vec![f32::NAN; n];
                unary(exec, Write::Set, &a, &mut out, |x| x + x);
                assert!(out.iter().zip(&a).all(|(o, a)| *o == a + a));
                binary(exec, Write::Add, &a, &b, &mut out, |x, y| x * y);
                assert!((0..n).all(|i| out[i] == a[i] + a[i] + a[i] * b[i]));
                ternary(exec, Write::Set, [&a, &b, &c], &mut out, |x, y, z| x * y - z);
                assert!((0..n).all(|i| out[i] == a[i] * b[i] - c[i]));
                ternary(exec, Write::Add, [&a, &b, &c], &mut out, |_, _, z| z);
                assert!((0..n).all(|i| out[i] == a[i] * b[i] - c[i] + c[i]));
            }
        }
    }

    #[test]
    fn broadcasts_agree_with_a_scalar_loop() {
        for (rows, cols) in [(1, 1), (3, 17), (5, 8), (4, 1), (1, 20)] {
            let (a, r, c) = (ramp(rows * cols, 0.1), ramp(cols, 1.0), ramp(rows, 2.0));
            let mut out = vec![0.0; rows * cols];
            broadcast::row(Write::Set, &a, &r, &mut out, |x, y| x + y);
            assert!((0..rows * cols).all(|i| out[i] == a[i] + r[i % cols]));
            broadcast::column(Write::Add, &a, &c, &mut out, |x, y| x * y);
            assert!((0..rows * cols).all(|i| out[i] == a[i] + r[i % cols] + a[i] * c[i / cols]));
            out.copy_from_slice(&a);
            broadcast::add_row(Exec::Serial, &r, &mut out);
            assert!((0..rows * cols).all(|i| out[i] == a[i] + r[i % cols]));
        }
        let (rows, cols) = (2000, 37);
        let (a, r) = (ramp(rows * cols, 0.1), ramp(cols, 1.0));
        for exec in [Exec::Serial, Exec::Rayon] {
            let mut out = a.clone();
            broadcast::add_row(exec, &r, &mut out);
            assert!((0..rows * cols).all(|i| out[i] == a[i] + r[i % cols]));
        }
    }
}
