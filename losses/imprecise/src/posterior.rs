//! The posterior of every unknown cell of a row, exactly, in two sweeps over the cells.

use lacuna_loss_api::{Label, Real};

/// Probability of a cell to be positive, and of being negative.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Belief {
    pub(crate) yes: f64,
    pub(crate) no: f64,
}

/// Scratch for the sweeps, and the prior.
///
/// With F_j(m) the probability of m positives among the first j unknown cells and B_j(m) what the prior makes of the rest,
/// given m so far,
/// ```text
/// F_j+1(m) = n_j F_j(m) + p_j F_j(m-1)              B_j(m) = n_j B_j+1(m) + p_j B_j+1(m+1),  B_U(m) = r(m + known)
/// q_j = p_j sum_m F_j(m) B_j+1(m+1) / (the same + n_j sum_m F_j(m) B_j+1(m))
/// ```
/// Nothing is subtracted. Each B_j is divided by its largest number, which cancels in q.
#[derive(Clone, Debug)]
pub(crate) struct Posterior {
    mean: f64,
    strength: f64,
    /// ln k! for as many k as were ever needed.
    log_factorials: Vec<f64>,
    /// All B_j one after the other, j = 0..=U, each of U + 1 numbers.
    backward: Vec<f64>,
    forward: Vec<f64>,
    cells: Vec<Belief>,
    row: Vec<Belief>,
}

/// What the prior makes of a number of positives is at least e^this times its largest: a row of a thousand cells may
/// demand numbers far below the smallest float.
const FLOOR: f64 = -600.0;

impl Posterior {
    pub(crate) fn new(mean: f64, strength: f64) -> Self {
        let (backward, forward, cells, row) = Default::default();
        Self { mean, strength, log_factorials: vec![0.0], backward, forward, cells, row }
    }

    /// Beliefs about all cells of a row; those about known ones mean nothing.
    pub(crate) fn of_row(&mut self, z: &[f32], labels: &[Label]) -> &[Belief] {
        self.row.clear();
        self.row.extend(z.iter().map(|&z| {
            let z = f64::from(z);
            Belief { yes: z.sigmoid(), no: (-z).sigmoid() }
        }));
        if self.strength == 0.0 {
            return &self.row;
        }
        self.cells.clear();
        self.cells.extend(self.row.iter().zip(labels).filter(|(_, l)| !l.is_known()).map(|(b, _)| *b));
        let known = labels.iter().filter(|l| l.is_positive()).count();
        self.sweep(known);
        let unknown = self.row.iter_mut().zip(labels).filter(|(_, l)| !l.is_known());
        unknown.zip(&self.cells).for_each(|((belief, _), posterior)| *belief = *posterior);
        &self.row
    }

    /// Turns the cells' predictions into posteriors.
    fn sweep(&mut self, known: usize) {
        let cells = self.cells.len();
        let width = cells + 1;
        while self.log_factorials.len() <= cells + known {
            let k = self.log_factorials.len();
            self.log_factorials.push(self.log_factorials[k - 1] + (k as f64).ln());
        }
        self.backward.resize(width * width, 0.0);
        let log_r = |m: usize| {
            let k = m + known;
            self.strength * (k as f64 * self.mean.ln() - self.log_factorials[k])
        };
        let top = (0..width).map(log_r).fold(f64::NEG_INFINITY, f64::max);
        for (m, b) in self.backward[cells * width..].iter_mut().enumerate() {
            *b = (log_r(m) - top).max(FLOOR).exp();
        }
        for j in (0..cells).rev() {
            let Belief { yes, no } = self.cells[j];
            let (before, after) = self.backward.split_at_mut((j + 1) * width);
            let (b, next) = (&mut before[j * width..], &after[..width]);
            // So many cells are behind, so m is at most j.
            let mut largest = 0.0f64;
            for m in 0..=j {
                b[m] = no * next[m] + yes * next[m + 1];
                largest = largest.max(b[m]);
            }
            if largest > 0.0 {
                b[..=j].iter_mut().for_each(|b| *b /= largest);
            }
        }
        self.forward.clear();
        self.forward.resize(width + 1, 0.0);
        self.forward[0] = 1.0;
        for j in 0..cells {
            let next = &self.backward[(j + 1) * width..][..width];
            let Belief { yes: p, no: n } = self.cells[j];
            let weighed = |shift: usize| -> f64 {
                self.forward[..=j].iter().zip(&next[shift..]).map(|(f, b)| f * b).sum()
            };
            let (yes, no) = (p * weighed(1), n * weighed(0));
            let sum = yes + no;
            // Where not even the sum is a float, what the model predicts says more than nothing.
            if sum > 0.0 {
                self.cells[j] = Belief { yes: yes / sum, no: no / sum };
            }
            for m in (0..=j + 1).rev() {
                let from_below = if m > 0 { p * self.forward[m - 1] } else { 0.0 };
                self.forward[m] = n * self.forward[m] + from_below;
            }
        }
    }
}
