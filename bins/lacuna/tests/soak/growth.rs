//! Memory, descriptors and threads of this process over a long while.
#![cfg(target_os = "linux")]

use std::fs;
use std::time::{Duration, Instant};

/// Seconds of a campaign, from the environment; an hour where nothing is said.
pub(crate) fn seconds(variable: &str) -> f64 {
    std::env::var(variable).map_or(3600.0, |text| text.parse().expect("a number of seconds"))
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    seconds: f64,
    /// Resident bytes.
    memory: f64,
    descriptors: usize,
    threads: usize,
}

/// What was measured, a sample for each round.
pub(crate) struct Growth {
    name: &'static str,
    start: Instant,
    samples: Vec<Sample>,
    said: Duration,
}

/// Between two printed lines.
const EVERY: Duration = Duration::from_secs(60);

impl Growth {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, start: Instant::now(), samples: Vec::new(), said: Duration::ZERO }
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// A round is over.
    pub(crate) fn sample(&mut self) {
        // The samples themselves must not be what grows.
        if self.samples.is_empty() {
            self.samples.reserve_exact(1 << 18);
            self.samples.resize(1 << 18, Sample { seconds: 0.0, memory: 0.0, descriptors: 0, threads: 0 });
            self.samples.clear();
        }
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux says it");
        let memory = 1024.0 * kilobytes.trim().trim_end_matches(" kB").parse::<f64>().unwrap();
        let count = |folder: &str| fs::read_dir(folder).unwrap().count();
        let [descriptors, threads] = ["/proc/self/fd", "/proc/self/task"].map(count);
        let sample = Sample { seconds: self.seconds(), memory, descriptors, threads };
        if self.samples.is_empty() || self.start.elapsed() - self.said >= EVERY {
            self.said = self.start.elapsed();
            println!(
                "{}: {:.0} s, {} rounds, {:.1} MB resident, {descriptors} descriptors, {threads} threads",
                self.name,
                sample.seconds,
                self.samples.len() + 1,
                memory / 1e6
            );
        }
        self.samples.push(sample);
    }

    /// Fails where the second half of the time shows growth: more than 1 MiB by the line of least squares through its samples, or
    /// more descriptors or threads than in the half before.
    pub(crate) fn assert_none(&self) {
        let half = self.seconds() / 2.0;
        let (first, second): (Vec<Sample>, Vec<Sample>) =
            self.samples.iter().copied().partition(|sample| sample.seconds < half);
        assert!(first.len() > 1 && second.len() > 1, "too few rounds to see growth: {}", self.samples.len());
        let grown = slope(&second) * half;
        let most = |samples: &[Sample], of: fn(&Sample) -> usize| samples.iter().map(of).max().unwrap_or(0);
        let descriptors = [&first, &second].map(|half| most(half, |sample| sample.descriptors));
        let threads = [&first, &second].map(|half| most(half, |sample| sample.threads));
        println!(
            "soak: {}: {} rounds in {:.0} s; second half: {:+.0} kB of {:.1} MB resident, descriptors at most {}, threads at most {}",
            self.name,
            self.samples.len(),
            self.seconds(),
            grown / 1e3,
            second.last().map_or(0.0, |sample| sample.memory) / 1e6,
            descriptors[1],
            threads[1]
        );
        assert!(descriptors[1] <= descriptors[0], "descriptors: {descriptors:?}");
        assert!(threads[1] <= threads[0], "threads: {threads:?}");
        assert!(grown < f64::from(1 << 20), "{grown} bytes in {half} s");
    }
}

/// Bytes a second, by least squares.
fn slope(samples: &[Sample]) -> f64 {
    let n = samples.len() as f64;
    let mean = |of: fn(&Sample) -> f64| samples.iter().map(of).sum::<f64>() / n;
    let (t, m) = (mean(|sample| sample.seconds), mean(|sample| sample.memory));
    let covariance: f64 = samples.iter().map(|s| (s.seconds - t) * (s.memory - m)).sum();
    let variance: f64 = samples.iter().map(|s| (s.seconds - t).powi(2)).sum();
    covariance / variance
}
