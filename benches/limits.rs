//! The machine's limits, sampled beside the work.

use crate::training::Work;
use criterion::{BenchmarkGroup, Throughput, measurement::WallTime};
use lacuna_kernels::{cpu, peak::multiply_adds};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::hint::black_box;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Fused multiply-adds a second of one core, in GF/s (two operations each), with the vectors that products use
/// ([`cpu::level`]): the best of five samples of 0.2 milliseconds.
pub fn fma_peak() -> f64 {
    const STEPS: usize = 128_000;
    let sample = || {
        let start = Instant::now();
        multiply_adds(cpu::level(), STEPS) / start.elapsed().as_secs_f64() * 1e-9
    };
    (0..5).map(|_| sample()).fold(0.0, f64::max)
}

/// Copies between two buffers far larger than the second-level cache.
struct Copy {
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
    fn rate(&mut self) -> f64 {
        (0..3).map(|_| self.once()).fold(0.0, f64::max)
    }

    fn once(&mut self) -> f64 {
        let start = Instant::now();
        self.to.copy_from_slice(black_box(&self.from));
        black_box(&mut self.to);
        (8 * self.from.len()) as f64 / start.elapsed().as_secs_f64() * 1e-9
    }
}

/// The machine's limits at one moment, of all threads together.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// GF/s of fused multiply-adds.
    pub peak: f64,
    /// GB/s of copying.
    pub copy: f64,
}

impl Limits {
    /// Seconds that arithmetic at the peak and, after it, bytes at the rate of copying take.
    pub fn seconds(self, work: Work) -> f64 {
        (work.flop / self.peak + work.bytes / self.copy) * 1e-9
    }

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
pub struct Beside {
    /// A pair of buffers for each thread.
    copies: Vec<Mutex<Copy>>,
    /// Threads that do the work, where it is more than the calling one.
    pool: Option<ThreadPool>,
}

impl Default for Beside {
    fn default() -> Self {
        Self { copies: vec![Mutex::default()], pool: None }
    }
}

impl Beside {
    /// Work and limits of so many threads. The work runs inside a pool of them.
    ///
    /// # Panics
    /// If the threads cannot be started.
    pub fn with_threads(threads: usize) -> Self {
        let build = || ThreadPoolBuilder::new().num_threads(threads).build().expect("threads start");
        Self { copies: (0..threads).map(|_| Mutex::default()).collect(), pool: (threads > 1).then(build) }
    }

    /// GB/s of all threads copying at once.
    fn copy(&self) -> f64 {
        self.sum(|i| self.copies[i].lock().expect("no sample panics").rate())
    }

    /// GF/s of all threads at once.
    fn peak(&self) -> f64 {
        self.sum(|_| fma_peak())
    }

    fn sum(&self, rate: impl Fn(usize) -> f64 + Sync) -> f64 {
        match &self.pool {
            Some(pool) => pool.broadcast(|thread| rate(thread.index())).into_iter().sum(),
            None => rate(0),
        }
    }

    /// The limits of now.
    pub fn limits(&self) -> Limits {
        Limits { copy: self.copy(), peak: self.peak() }
    }

    /// Runs `work` where the kernels find the threads.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match &self.pool {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }
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
        &self,
        group: &mut BenchmarkGroup<'_, WallTime>,
        name: &str,
        count: f64,
        mut work: impl FnMut() + Send,
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
                    let copy = self.copy();
                    self.run(|| {
                        let warm = Instant::now();
                        while warm.elapsed() < WARM {
                            work();
                        }
                    });
                    let before = Limits { copy, peak: self.peak() };
                    seconds = self.run(|| {
                        let start = Instant::now();
                        for _ in 0..iterations {
                            work();
                        }
                        start.elapsed().as_secs_f64()
                    });
                    let after = Limits { peak: self.peak(), copy: self.copy() };
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
