//! Learning rates that change from step to step.

use crate::Optimizer;

/// The learning rate, and where a schedule cycles it the momentum, of every optimiser step (counted from 0).
pub trait Schedule {
    /// The learning rate in force during step `step`.
    fn learning_rate(&self, step: u64) -> f64;

    /// The momentum (beta1 of Adam) in force, if the schedule sets one.
    fn momentum(&self, _step: u64) -> Option<f64> {
        None
    }

    /// Makes an optimiser ready for step `step`.
    fn apply(&self, step: u64, optimizer: &mut dyn Optimizer) {
        optimizer.set_learning_rate(self.learning_rate(step) as f32);
        if let Some(momentum) = self.momentum(step) {
            optimizer.set_momentum(momentum as f32);
        }
    }
}

/// The shape of a way from one number to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anneal {
    /// Half a period of a cosine.
    Cosine,
    /// A straight line.
    Linear,
}

impl Anneal {
    /// The number at a share in [0, 1] of the way.
    fn at(self, start: f64, end: f64, share: f64) -> f64 {
        match self {
            Anneal::Cosine => end + (start - end) / 2.0 * (1.0 + (std::f64::consts::PI * share).cos()),
            Anneal::Linear => (end - start) * share + start,
        }
    }
}

/// One cycle: up to the largest rate and down to almost nothing, the momentum the other way round.
///
/// ```text
/// start = max_lr / div_factor, end = start / final_div_factor
/// steps 0 .. pct_start total - 1: start -> max_lr, max_momentum -> base_momentum
/// then to total - 1: max_lr -> end, base_momentum -> max_momentum
/// three_phase: back down to start until 2 pct_start total - 2, then to end at max_momentum
/// ```
/// L. N. Smith, N. Topin, "Super-convergence: very fast training of neural networks using large learning rates", 2018,
/// with the step boundaries of `torch.optim.lr_scheduler.OneCycleLR`.
///
/// ```
/// use lacuna_nn::{OneCycle, Schedule};
///
/// let schedule = OneCycle { pct_start: 0.2, ..OneCycle::new(1e-4, 40) };
/// assert!((schedule.learning_rate(0) - 4e-6).abs() < 1e-18);
/// assert!((schedule.learning_rate(7) - 1e-4).abs() < 1e-18); // 0.2 x 40 - 1
/// assert_eq!(schedule.momentum(7), Some(0.85));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct OneCycle {
    /// The largest rate.
    pub max_lr: f64,
    /// Steps of the whole cycle.
    pub total_steps: u64,
    /// Share of the steps on the way up, 0.3.
    pub pct_start: f64,
    /// Largest rate / first rate, 25.
    pub div_factor: f64,
    /// First rate / last rate, 1e4.
    pub final_div_factor: f64,
    /// Momentum at the largest rate, 0.85; `None` leaves the momentum alone.
    pub momentum: Option<(f64, f64)>,
    /// Shape of the ways, cosine.
    pub anneal: Anneal,
    /// Whether the way down goes by the first rate.
    pub three_phase: bool,
}

impl OneCycle {
    /// A cycle with PyTorch's defaults.
    pub fn new(max_lr: f64, total_steps: u64) -> Self {
        Self {
            max_lr,
            total_steps,
            pct_start: 0.3,
            div_factor: 25.0,
            final_div_factor: 1e4,
            momentum: Some((0.85, 0.95)),
            anneal: Anneal::Cosine,
            three_phase: false,
        }
    }

    /// The value at a step of something that goes from its first number to its top and, at last, to its end.
    fn at(&self, step: u64, [first, top, end]: [f64; 3]) -> f64 {
        let total = self.total_steps as f64;
        let up = self.pct_start * total - 1.0;
        let phases: &[(f64, f64, f64)] = if self.three_phase {
            &[(up, first, top), (2.0 * self.pct_start * total - 2.0, top, first), (total - 1.0, first, end)]
        } else {
            &[(up, first, top), (total - 1.0, top, end)]
        };
        let step = step as f64;
        let mut begin = 0.0;
        for (i, &(finish, from, to)) in phases.iter().enumerate() {
            if step <= finish || i + 1 == phases.len() {
                let share = if finish > begin { ((step - begin) / (finish - begin)).min(1.0) } else { 1.0 };
                return self.anneal.at(from, to, share);
            }
            begin = finish;
        }
        end
    }
}

impl Schedule for OneCycle {
    fn learning_rate(&self, step: u64) -> f64 {
        let first = self.max_lr / self.div_factor;
        self.at(step, [first, self.max_lr, first / self.final_div_factor])
    }

    fn momentum(&self, step: u64) -> Option<f64> {
        self.momentum.map(|(base, max)| self.at(step, [max, base, max]))
    }
}

/// The same rate at every step.
///
/// ```
/// use lacuna_nn::{Constant, Schedule};
///
/// assert_eq!(Constant { lr: 0.1 }.learning_rate(1000), 0.1);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    /// The rate.
    pub lr: f64,
}

impl Schedule for Constant {
    fn learning_rate(&self, _: u64) -> f64 {
        self.lr
    }
}

/// Half a period of a cosine, from the rate down to 0 at step `total_steps`; 0 from there on.
///
/// ```text
/// lr / 2 (1 + cos(pi step / total_steps))
/// ```
/// I. Loshchilov, F. Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017, equation 5 without
/// restarts; `torch.optim.lr_scheduler.CosineAnnealingLR` with `T_max = total_steps` and `eta_min = 0`.
///
/// ```
/// use lacuna_nn::{Cosine, Schedule};
///
/// let schedule = Cosine { lr: 1.0, total_steps: 4 };
/// let rates = [0, 1, 2, 3, 4, 9].map(|step| schedule.learning_rate(step));
/// let expected = [1.0, (2.0 + 2f64.sqrt()) / 4.0, 0.5, (2.0 - 2f64.sqrt()) / 4.0, 0.0, 0.0];
/// assert!(rates.iter().zip(expected).all(|(rate, e)| (rate - e).abs() < 1e-15));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Cosine {
    /// First rate.
    pub lr: f64,
    /// Steps of the whole schedule.
    pub total_steps: u64,
}

impl Schedule for Cosine {
    fn learning_rate(&self, step: u64) -> f64 {
        WarmupCosine { lr: self.lr, warmup_steps: 0, total_steps: self.total_steps }.learning_rate(step)
    }
}

/// A linear warm-up, then half a period of a cosine down to 0 at step `total_steps`; 0 from there on.
///
/// ```text
/// step < w:  lr (step + 1) / w                                           w = warmup_steps
/// else:      lr / 2 (1 + cos(pi (step - w) / (total_steps - w)))
/// ```
/// `torch.optim.lr_scheduler.LinearLR` (whose factor at step t is start + (1 - start) t / n, here with start = 1/w and
/// n = w - 1) followed by [`Cosine`].
///
/// ```
/// use lacuna_nn::{Schedule, WarmupCosine};
///
/// let schedule = WarmupCosine { lr: 1.0, warmup_steps: 4, total_steps: 8 };
/// assert_eq!([0, 1, 2, 3, 4].map(|step| schedule.learning_rate(step)), [0.25, 0.5, 0.75, 1.0, 1.0]);
/// assert!((schedule.learning_rate(6) - 0.5).abs() < 1e-15);
/// assert_eq!(schedule.learning_rate(8), 0.0);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct WarmupCosine {
    /// Rate after the warm-up.
    pub lr: f64,
    /// Steps of the warm-up.
    pub warmup_steps: u64,
    /// Steps of the whole schedule, warm-up included.
    pub total_steps: u64,
}

impl Schedule for WarmupCosine {
    fn learning_rate(&self, step: u64) -> f64 {
        let Self { lr, warmup_steps, total_steps } = *self;
        if step < warmup_steps {
            return lr * (step + 1) as f64 / warmup_steps as f64;
        }
        if step >= total_steps {
            return 0.0;
        }
        let share = (step - warmup_steps) as f64 / (total_steps - warmup_steps) as f64;
        Anneal::Cosine.at(lr, 0.0, share)
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Adam, AdamConfig};

    #[test]
    fn a_cycle_reaches_its_ends_and_stays_there() {
        for anneal in [Anneal::Cosine, Anneal::Linear] {
            for three_phase in [false, true] {
                let schedule = OneCycle { anneal, three_phase, pct_start: 0.25, ..OneCycle::new(1.0, 20) };
                let close = |a: f64, b: f64| (a - b).abs() < 1e-12;
                assert!(close(schedule.learning_rate(0), 0.04));
                assert!(close(schedule.learning_rate(4), 1.0));
                assert!(close(schedule.learning_rate(19), 4e-6));
                assert!(close(schedule.learning_rate(99), 4e-6));
                assert!(close(schedule.momentum(4).unwrap(), 0.85));
                assert!(close(schedule.momentum(19).unwrap(), 0.95));
                if three_phase {
                    assert!(close(schedule.learning_rate(8), 0.04));
                    assert!(close(schedule.momentum(8).unwrap(), 0.95));
                }
            }
        }
        let short = OneCycle { pct_start: 0.0, ..OneCycle::new(1.0, 1) };
        assert!(short.learning_rate(0).is_finite());
    }

    /// The recursion of PyTorch's `CosineAnnealingLR` with eta_min 0:
    /// lr(t) = lr(t - 1) (1 + cos(pi t / T)) / (1 + cos(pi (t - 1) / T)).
    #[test]
    fn a_cosine_follows_the_recursion_of_pytorch() {
        let (lr, total_steps) = (0.3, 50);
        let cos = |step: u64| 1.0 + (std::f64::consts::PI * step as f64 / total_steps as f64).cos();
        let schedule = Cosine { lr, total_steps };
        let mut rate = lr;
        assert_eq!(schedule.learning_rate(0), lr);
        for step in 1..total_steps {
            rate *= cos(step) / cos(step - 1);
            assert!((schedule.learning_rate(step) - rate).abs() < 1e-13, "step {step}");
        }
        assert_eq!(schedule.learning_rate(total_steps), 0.0);
        assert_eq!(schedule.learning_rate(u64::MAX), 0.0);
    }

    /// The recursion of PyTorch's `LinearLR`: lr(t) = lr(t - 1) (1 + (end - start) / (n start + (t - 1)(end - start))).
    #[test]
    fn a_warm_up_follows_the_recursion_of_pytorch() {
        let (lr, warmup_steps, total_steps) = (0.3, 10, 35);
        let schedule = WarmupCosine { lr, warmup_steps, total_steps };
        let (start, n) = (1.0 / warmup_steps as f64, (warmup_steps - 1) as f64);
        let mut rate = lr * start;
        for step in 0..warmup_steps {
            if step > 0 {
                rate *= 1.0 + (1.0 - start) / (n * start + (step - 1) as f64 * (1.0 - start));
            }
            assert!((schedule.learning_rate(step) - rate).abs() < 1e-15, "step {step}");
        }
        let cosine = Cosine { lr, total_steps: total_steps - warmup_steps };
        for step in warmup_steps..total_steps + 3 {
            let expected = cosine.learning_rate(step - warmup_steps);
            assert!((schedule.learning_rate(step) - expected).abs() < 1e-15, "step {step}");
        }
    }

    #[test]
    fn schedules_without_steps_are_finite() {
        for (warmup_steps, total_steps) in [(0, 0), (3, 3), (5, 2), (0, 1)] {
            let schedule = WarmupCosine { lr: 1.0, warmup_steps, total_steps };
            assert!((0..8).all(|step| (0.0..=1.0).contains(&schedule.learning_rate(step))));
        }
        assert_eq!(Cosine { lr: 1.0, total_steps: 0 }.learning_rate(0), 0.0);
    }

    #[test]
    fn an_optimiser_is_made_ready() {
        let mut adam = Adam::new(AdamConfig::default());
        OneCycle::new(1.0, 20).apply(0, &mut adam);
        assert_eq!(adam.learning_rate(), 0.04);
    }
}
