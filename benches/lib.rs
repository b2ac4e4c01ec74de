//! What the benchmarks measure themselves against: the limits of the machine they run on, now.
//!
//! A shared machine changes its speed from minute to minute, so a time alone says little. [`Beside`] samples the
//! limits right before and right after the work and does not count attempts around which they differ.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints what it measured")]

mod limits;
pub mod pattern;
mod runs;
pub mod training;

pub use limits::{Beside, Limits, Rate, fma_peak};
pub use runs::{AssumeNegative, Steps, features};

/// The peak at which the figures of the project's notes were taken; rates of vector math are quoted for it.
pub const REFERENCE_PEAK: f64 = 81.6;

/// The middle of some numbers; of an even count the mean of the two in the middle, NaN of none.
pub fn median(x: &[f64]) -> f64 {
    let mut x = x.to_vec();
    x.sort_by(f64::total_cmp);
    let n = x.len();
    if n == 0 { f64::NAN } else { 0.5 * (x[(n - 1) / 2] + x[n / 2]) }
}

/// Floats that start at a cache line, as those of a tape do.
pub struct Aligned {
    storage: Vec<f32>,
    start: usize,
    len: usize,
}

impl Aligned {
    /// The first numbers of [`pattern`].
    pub fn noise(len: usize) -> Self {
        let storage = vec![0.0; len + 16];
        let start = storage.as_ptr().align_offset(64).min(16);
        let mut aligned = Self { storage, start, len };
        aligned.get().copy_from_slice(&pattern::series(len, pattern::INPUT));
        aligned
    }

    /// The floats.
    pub fn get(&mut self) -> &mut [f32] {
        &mut self.storage[self.start..self.start + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
    }
}
