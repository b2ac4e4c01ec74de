//! What the benchmarks measure themselves against: the limits of the machine they run on, now.
//!
//! A shared machine changes its speed from minute to minute, so a time alone says little. [`against_peak`] samples
//! the limit right before and right after the work and throws the attempt away where the two differ.

use lacuna_kernels::f32x8;
use std::hint::black_box;
use std::time::Instant;

/// Fused multiply-adds a second of one core, in GF/s (two operations each), sampled for about a millisecond.
///
/// Twelve independent chains of eight lanes: enough to cover the latency of two pipes. In a build without fused
/// multiply-adds it is the rate of a multiplication and an addition.
pub fn fma_peak() -> f64 {
    const ROUNDS: usize = 4000;
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

/// Bytes a second that one core copies between buffers far larger than the caches, read and written, in GB/s.
pub fn copy_rate() -> f64 {
    const FLOATS: usize = 16 << 20;
    let (from, mut to) = (vec![1.0f32; FLOATS], vec![0.0f32; FLOATS]);
    let mut best = 0.0f64;
    for _ in 0..3 {
        let start = Instant::now();
        to.copy_from_slice(black_box(&from));
        black_box(&mut to);
        best = best.max((8 * FLOATS) as f64 / start.elapsed().as_secs_f64() * 1e-9);
    }
    best
}

/// A rate beside the peak of the same moment.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Work a second, in 1e9 of whatever was counted.
    pub giga: f64,
    /// The FMA peak around it, GF/s.
    pub peak: f64,
}

impl Rate {
    /// The rate as a percentage of the peak.
    pub fn percent(self) -> f64 {
        100.0 * self.giga / self.peak
    }
}

/// The median rate of `work`, which does `count` units a call, over `attempts` attempts of at least `seconds`
/// each, keeping only those around which the peak changed by less than 5 %; `None` if there is none.
pub fn against_peak(attempts: usize, seconds: f64, count: f64, mut work: impl FnMut()) -> Option<Rate> {
    work();
    let mut rates = Vec::new();
    for _ in 0..attempts {
        let before = fma_peak();
        let (mut calls, start) = (0u32, Instant::now());
        while calls == 0 || start.elapsed().as_secs_f64() < seconds {
            work();
            calls += 1;
        }
        let giga = count * f64::from(calls) / start.elapsed().as_secs_f64() * 1e-9;
        let after = fma_peak();
        if (before - after).abs() <= 0.05 * before.max(after) {
            rates.push(Rate { giga, peak: 0.5 * (before + after) });
        }
    }
    rates.sort_by(|a, b| a.percent().total_cmp(&b.percent()));
    rates.get(rates.len() / 2).copied()
}
