//! Rates that fall in steps.

use super::Schedule;

/// lr gamma^floor(step / step_size): `torch.optim.lr_scheduler.StepLR`, usually counted in epochs.
///
/// ```
/// use lacuna_nn::{Schedule, StepDecay};
///
/// let schedule = StepDecay { lr: 1.0, step_size: 3, gamma: 0.5 };
/// assert_eq!([2, 3, 6].map(|step| schedule.learning_rate(step)), [1.0, 0.5, 0.25]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct StepDecay {
    /// First rate.
    pub lr: f64,
    /// Steps at the same rate, at least 1.
    pub step_size: u64,
    /// What the rate is multiplied with.
    pub gamma: f64,
}

impl Schedule for StepDecay {
    fn learning_rate(&self, step: u64) -> f64 {
        self.lr * self.gamma.powf((step / self.step_size.max(1)) as f64)
    }
}

/// A linear warm-up, then steps down.
///
/// ```text
/// regular = lr gamma^(milestones up to the step)
/// step < warmup_iters: regular (1 - (1 - step / warmup_iters)(1 - warmup_ratio))
/// ```
/// The step policy of wutong16/DistributionBalancedLoss@14460d0acda6: 0.02, 500 iterations from 1/3, milestones after
/// epochs 5 and 7.
///
/// ```
/// use lacuna_nn::{Schedule, WarmupSteps};
///
/// let schedule =
///     WarmupSteps { lr: 1.0, warmup_iters: 4, warmup_ratio: 0.5, milestones: vec![6], gamma: 0.1 };
/// assert_eq!([0, 2, 4, 5].map(|step| schedule.learning_rate(step)), [0.5, 0.75, 1.0, 1.0]);
/// assert!((schedule.learning_rate(6) - 0.1).abs() < 1e-15);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct WarmupSteps {
    /// Rate after the warm-up.
    pub lr: f64,
    /// Steps of the warm-up.
    pub warmup_iters: u64,
    /// First rate as a share of the regular one.
    pub warmup_ratio: f64,
    /// Steps from which the rate is multiplied once more.
    pub milestones: Vec<u64>,
    /// What it is multiplied with.
    pub gamma: f64,
}

impl Schedule for WarmupSteps {
    fn learning_rate(&self, step: u64) -> f64 {
        let passed = self.milestones.iter().filter(|&&milestone| milestone <= step).count();
        let regular = self.lr * self.gamma.powf(passed as f64);
        if step >= self.warmup_iters {
            return regular;
        }
        let left = 1.0 - step as f64 / self.warmup_iters as f64;
        regular * (1.0 - left * (1.0 - self.warmup_ratio))
    }
}
