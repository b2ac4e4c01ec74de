//! Eight floats at a time from slices of any length: the last chunk is padded when it is read and cut when it is written.
//!
//! ```
//! use lacuna_kernels::lanes;
//!
//! let x = [1.0, 2.0, 3.0];
//! let mut y = [0.0; 3];
//! lanes::store(lanes::load(&x) * 2.0, &mut y);
//! assert_eq!(y, [2.0, 4.0, 6.0]);
//! ```

use crate::f32x8;

/// Floats of a vector.
pub const LANES: usize = 8;

/// The first eight elements; behind the last one 0.
#[inline(always)]
pub fn load(x: &[f32]) -> f32x8 {
    load_or(x, 0.0)
}

/// The first eight elements; behind the last one `padding`.
#[inline(always)]
pub fn load_or(x: &[f32], padding: f32) -> f32x8 {
    match x.first_chunk() {
        Some(full) => f32x8::new(*full),
        None => f32x8::new(padded(x, padding)),
    }
}

/// The elements of a slice of at most eight; behind the last one `padding`.
///
/// # Panics
/// If there are more than eight.
#[inline(always)]
pub fn padded<T: Copy>(x: &[T], padding: T) -> [T; LANES] {
    let mut lanes = [padding; LANES];
    lanes[..x.len()].copy_from_slice(x);
    lanes
}

/// Writes the first eight elements of `out`, or as many as it has.
#[inline(always)]
pub fn store(x: f32x8, out: &mut [f32]) {
    let lanes = x.to_array();
    match out.first_chunk_mut() {
        Some(full) => *full = lanes,
        None => out.copy_from_slice(&lanes[..out.len()]),
    }
}

/// The first `n` lanes of x, and `rest` in the others.
#[inline(always)]
pub fn first(x: f32x8, n: usize, rest: f32) -> f32x8 {
    if n >= LANES {
        return x;
    }
    let mut lanes = x.to_array();
    lanes[n..].fill(rest);
    f32x8::new(lanes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_is_read_padded_and_written_cut() {
        let x: Vec<f32> = (1..=11).map(|i| i as f32).collect();
        for n in 0..=x.len() {
            let expected: Vec<f32> = (0..LANES).map(|i| if i < n { x[i] } else { -1.0 }).collect();
            let lanes = load_or(&x[..n], -1.0);
            assert_eq!(lanes.to_array()[..], expected);
            assert_eq!(first(f32x8::new(*x.first_chunk().unwrap()), n, -1.0).to_array()[..], expected);
            let mut out = vec![0.0; n];
            store(lanes, &mut out);
            assert_eq!(out[..n.min(LANES)], x[..n.min(LANES)]);
            assert!(out[n.min(LANES)..].iter().all(|x| *x == 0.0), "nothing behind the eighth is written");
        }
        assert_eq!(padded(&[true; 3], false), [true, true, true, false, false, false, false, false]);
    }
}
