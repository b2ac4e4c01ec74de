//! What the benchmarks measure themselves against: the limits of the machine they run on, now.
//!
//! A shared machine changes its speed from minute to minute, so a time alone says little. [`Beside`] samples the
//! limits right before and right after the work and does not count attempts around which they differ.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints what it measured")]

mod steps;

pub use steps::{Steps, features};

use criterion::{BenchmarkGroup, Throughput, measurement::WallTime};
use lacuna_kernels::f32x8;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// The peak at which the figures of the project's notes were taken; rates of vector math are quoted for it.
pub const REFERENCE_PEAK: f64 = 81.6;

/// Fused multiply-adds a second of one core, in GF/s (two operations each), sampled for about a millisecond.
///
/// Twelve independent chains of eight lanes: enough to cover the latency of two pipes. In a build without fused
/// multiply-adds it is the rate of a multiplication and an addition.
pub fn fma_peak() -> f64 {
    const ROUNDS: usize = 32_000;
    let mut best = 0.0f64;
    for _ in 0..5 {
        let (x, y) = (black_box(f32x8::splat(0.999)), black_box(f32x8::splat(0.001)));
        let mut chains = [f32x8::splat(1.0); 12];
        let start = Instant::now();
        for _ in 0..ROUNDS {
            for _ in 0..4 {
                for chain in &mut chains {
                    *chain = chain.mul_add(x, y);
                }
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        black_box(chains);
        best = best.max((ROUNDS * 4 * 12 * 8 * 2) as f64 / seconds * 1e-9);
    }
    best
}

/// Copies between two buffers far larger than the second-level cache.
pub struct Copy {
    from: Vec<f32>,
    to: Vec<f32>,
}

impl Default for Copy {
    fn default() -> Self {
        const FLOATS: usize = 4 << 20;
        Self { from: vec![1.0; FLOATS], to: vec![0.0; FLOATS] }
    }
}

impl Copy {
    /// Bytes read and written a second by one core, in GB/s: the best of three.
    pub fn rate(&mut self) -> f64 {
        (0..3).map(|_| self.once()).fold(0.0, f64::max)
    }

    fn once(&mut self) -> f64 {
        let start = Instant::now();
        self.to.copy_from_slice(black_box(&self.from));
        black_box(&mut self.to);
        (8 * self.from.len()) as f64 / start.elapsed().as_secs_f64() * 1e-9
    }
}

/// The machine's limits at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// GF/s of fused multiply-adds.
    pub peak: f64,
    /// GB/s of copying.
    pub copy: f64,
}

impl Limits {
    fn within(self, other: Limits, share: f64) -> bool {
        let near = |a: f64, b: f64| (a - b).abs() <= share * a.max(b);
        near(self.peak, other.peak) && near(self.copy, other.copy)
    }
}

/// A kernel's rate, and the limits around it.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Work a second, in 1e9 of whatever was counted.
    pub giga: f64,
    /// The limits of the same moment.
    pub limits: Limits,
}

/// Runs criterion benchmarks and prints each beside the limits of its own moment.
#[derive(Default)]
pub struct Beside {
    copy: Copy,
}

/// Attempts at a sample around which the limits hold still, before one is given up.
const ATTEMPTS: usize = 6;
/// How long the work runs before its limits are sampled.
const WARM: Duration = Duration::from_millis(5);
/// How far the limits before and after a sample may lie apart.
const STEADY: f64 = 0.05;

impl Beside {
    /// One criterion benchmark of `work`, which does `count` units a call. Criterion gets every sample; the line
    /// printed below it, by `show`, is the median of the samples around which the limits held still.
    pub fn bench(
        &mut self,
        group: &mut BenchmarkGroup<'_, WallTime>,
        name: &str,
        count: f64,
        mut work: impl FnMut(),
        show: impl Fn(Rate) -> String,
    ) {
        group.throughput(Throughput::Elements(count as u64));
        let (mut rates, mut samples) = (Vec::new(), 0);
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|iterations| {
                let mut seconds = 0.0;
                // A short sample is a warm-up: its time is needed, its rate means nothing.
                for _ in 0..ATTEMPTS {
                    // The clock follows what a core does: a peak taken right after a copy reads up to 15 % higher than
                    // one taken amid work. So the work runs for a while before the peak, which also fills the caches.
                    let copy = self.copy.rate();
                    let warm = Instant::now();
                    while warm.elapsed() < WARM {
                        work();
                    }
                    let before = Limits { copy, peak: fma_peak() };
                    let start = Instant::now();
                    for _ in 0..iterations {
                        work();
                    }
                    seconds = start.elapsed().as_secs_f64();
                    let after = Limits { peak: fma_peak(), copy: self.copy.rate() };
                    if seconds < 1e-3 {
                        break;
                    }
                    samples += 1;
                    if before.within(after, STEADY) {
                        let limits = Limits {
                            peak: 0.5 * (before.peak + after.peak),
                            copy: 0.5 * (before.copy + after.copy),
                        };
                        rates.push(Rate { giga: count * iterations as f64 / seconds * 1e-9, limits });
                        break;
                    }
                }
                Duration::from_secs_f64(seconds)
            });
        });
        rates.sort_by(|a, b| (a.giga / a.limits.peak).total_cmp(&(b.giga / b.limits.peak)));
        match rates.get(rates.len() / 2) {
            Some(rate) => println!(
                "    {}; peak {:.1} GF/s, copy {:.1} GB/s, median of {} steady samples of {samples}\n",
                show(*rate),
                rate.limits.peak,
                rate.limits.copy,
                rates.len()
            ),
            None if samples > 0 => {
                println!("    the machine's speed changed during each of {samples} samples\n")
            }
            None => {} // not measured: filtered out, or run as a test
        }
    }
}

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
