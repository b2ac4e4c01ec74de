//! The judgement: pure functions of numbers.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Pairs that a judgement needs at least.
pub(crate) const FEWEST_PAIRS: usize = 3;

/// Confidence of the interval of a mean change.
const CONFIDENCE: f64 = 0.95;

/// One run of one benchmark, and the machine's peak around it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Measured {
    /// Seconds of one iteration.
    pub(crate) seconds: f64,
    /// GF/s of fused multiply-adds of one core.
    pub(crate) peak: f64,
}

impl Measured {
    /// The operations that the peak does in the time of one iteration, in 1e9: the estimate divided by the time of one
    /// operation at the peak. A machine that runs at half of its speed for a while leaves it as it is.
    pub(crate) fn cost(self) -> f64 {
        self.seconds * self.peak
    }
}

/// What is said about a benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// Every pair is slower, the mean passes the threshold, and the interval excludes no change.
    Slower,
    /// The same in the other direction.
    Faster,
    /// Neither.
    Unchanged,
}

/// Changes from A to B as shares: 0.1 is a time that is 10 % longer.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Judgement {
    /// Of each pair.
    pub(crate) changes: Vec<f64>,
    /// The geometric mean of the pairs.
    pub(crate) mean: f64,
    /// Bounds of its interval of 95 %.
    pub(crate) interval: (f64, f64),
    pub(crate) verdict: Verdict,
}

/// Judges pairs of costs (A, B) of runs that followed each other. `threshold` is a share.
///
/// Ratios are averaged as logarithms, so that twice as slow and twice as fast cancel. The interval is Student's t over the
/// pairs: x +- t(n - 1) s / sqrt(n).
///
/// # Panics
/// For fewer than two pairs.
pub(crate) fn judge(pairs: &[(f64, f64)], threshold: f64) -> Judgement {
    let logs: Vec<f64> = pairs.iter().map(|(a, b)| (b / a).ln()).collect();
    let n = logs.len() as f64;
    let mean = logs.iter().sum::<f64>() / n;
    let variance = logs.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let t = StudentsT::new(0.0, 1.0, n - 1.0).expect("two pairs or more").inverse_cdf(0.5 + 0.5 * CONFIDENCE);
    let margin = t * (variance / n).sqrt();
    let share = |log: f64| log.exp_m1();
    let passes = |direction: f64| {
        logs.iter().all(|x| x * direction > 0.0)
            && (direction * (mean.exp() - 1.0) > threshold)
            && direction * mean - margin > 0.0
    };
    let verdict = match () {
        () if passes(1.0) => Verdict::Slower,
        () if passes(-1.0) => Verdict::Faster,
        () => Verdict::Unchanged,
    };
    Judgement {
        changes: logs.iter().map(|x| share(*x)).collect(),
        mean: share(mean),
        interval: (share(mean - margin), share(mean + margin)),
        verdict,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of a normal distribution, always the same ones.
    struct Noise(u64);

    impl Noise {
        fn uniform(&mut self) -> f64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((self.0 >> 11) as f64 + 0.5) / (1u64 << 53) as f64
        }

        fn normal(&mut self) -> f64 {
            let radius = (-2.0 * self.uniform().ln()).sqrt();
            radius * (std::f64::consts::TAU * self.uniform()).cos()
        }
    }

    /// How often in 10,000 draws B is called slower, where it takes `times` the time of A and each run is off by `spread`.
    fn slower(noise: &mut Noise, pairs: usize, times: f64, spread: f64) -> f64 {
        const DRAWS: usize = 10_000;
        let count = (0..DRAWS).filter(|_| {
            let mut run = |cost: f64| cost * (spread * noise.normal()).exp();
            let pairs: Vec<(f64, f64)> = (0..pairs).map(|_| (run(3.0), run(3.0 * times))).collect();
            judge(&pairs, 0.1).verdict == Verdict::Slower
        });
        count.count() as f64 / DRAWS as f64
    }

    #[test]
    fn noise_alone_does_not_fail() {
        let noise = &mut Noise(1);
        assert_eq!(slower(noise, 3, 1.0, 0.02), 0.0);
        assert_eq!(slower(noise, 3, 1.05, 0.01), 0.0, "5 % are below the threshold");
        // However loud: the interval is below 0 in one of 40 by its definition, and the mean has to pass as well.
        for spread in [0.05, 0.1, 0.3, 1.0] {
            for pairs in [3, 5, 8] {
                let share = slower(noise, pairs, 1.0, spread);
                assert!(share < 0.03, "{share} of {pairs} pairs with {spread}");
            }
        }
    }

    #[test]
    fn a_slowdown_fails() {
        let noise = &mut Noise(2);
        assert!(slower(noise, 3, 1.25, 0.01) > 0.999);
        assert!(slower(noise, 3, 1.25, 0.02) > 0.98);
        assert!(slower(noise, 5, 1.25, 0.05) > 0.9);
        assert!(slower(noise, 8, 1.25, 0.05) > 0.99);
    }

    #[test]
    fn each_of_the_three_conditions_holds_a_verdict_back() {
        let verdict = |changes: &[f64]| {
            let pairs: Vec<_> = changes.iter().map(|c| (2.0, 2.0 * (1.0 + c))).collect();
            judge(&pairs, 0.1).verdict
        };
        assert_eq!(verdict(&[0.2, 0.21, 0.19]), Verdict::Slower);
        assert_eq!(verdict(&[-0.2, -0.21, -0.19]), Verdict::Faster);
        assert_eq!(verdict(&[0.09, 0.09, 0.09]), Verdict::Unchanged, "below the threshold");
        // Mean 0.199 with an interval above 0, but one of many pairs says the opposite.
        let mut one_against = vec![0.22; 15];
        one_against.push(-0.01);
        assert!(judge(&[(1.0, 1.22); 15], 0.1).interval.0 > 0.0);
        assert_eq!(verdict(&one_against), Verdict::Unchanged, "signs");
        assert_eq!(verdict(&[0.01, 0.5, 0.02]), Verdict::Unchanged, "the interval has 0 in it");
        assert_eq!(verdict(&[0.0, 0.0, 0.0]), Verdict::Unchanged);
    }

    #[test]
    fn the_numbers_of_a_judgement() {
        // Logarithms 0.1, 0.2, 0.3: mean 0.2, s = 0.1, t(2) = 4.3027, margin 4.3027 * 0.1 / sqrt(3) = 0.24842.
        let pairs = [0.1f64, 0.2, 0.3].map(|x| (1.0, x.exp()));
        let judged = judge(&pairs, 0.1);
        assert!((judged.mean - 0.2f64.exp_m1()).abs() < 1e-12);
        assert!((judged.interval.0 - (0.2f64 - 0.248_42).exp_m1()).abs() < 1e-5);
        assert!((judged.interval.1 - (0.2f64 + 0.248_42).exp_m1()).abs() < 1e-5);
        assert!((judged.changes[2] - 0.3f64.exp_m1()).abs() < 1e-12);
    }

    #[test]
    fn the_machines_speed_cancels() {
        let fast = Measured { seconds: 1e-3, peak: 110.0 };
        let slow = Measured { seconds: 2e-3, peak: 55.0 };
        assert_eq!(fast.cost(), slow.cost());
    }
}
