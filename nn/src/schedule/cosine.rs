//! Half a period of a cosine, with and without a warm-up.

use super::{Anneal, Schedule};

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
