//! What the benchmarks measure themselves against: the limits of the machine they run on, now.
//!
//! A shared machine changes its speed from minute to minute, so a time alone says little. [`Beside`] samples the
//! limits right before and right after the work and does not count attempts around which they differ.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints what it measured")]

mod limits;
pub mod pattern;
mod runs;
pub mod training;

pub use limits::{Beside, Copy, Limits, Rate, fma_peak};
pub use runs::{Steps, features};

/// The peak at which the figures of the project's notes were taken; rates of vector math are quoted for it.
pub const REFERENCE_PEAK: f64 = 81.6;

/// Floats that start at a cache line, as those of a tape do.
pub struct Aligned {
    storage: Vec<f32>,
    start: usize,
    len: usize,
}

impl Aligned {
    /// Numbers in (-1/2, 1/2) without a pattern.
    pub fn noise(len: usize) -> Self {
        let storage = vec![0.0; len + 16];
        let start = storage.as_ptr().align_offset(64).min(16);
        let mut aligned = Self { storage, start, len };
        for (x, i) in aligned.get().iter_mut().zip(0u32..) {
            *x = (i.wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 24) as f32 - 0.5;
        }
        aligned
    }

    /// The floats.
    pub fn get(&mut self) -> &mut [f32] {
        &mut self.storage[self.start..self.start + self.len]
    }
}
