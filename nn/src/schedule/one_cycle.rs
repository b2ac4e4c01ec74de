//! One cycle of the learning rate.

use super::{Anneal, Schedule};

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
