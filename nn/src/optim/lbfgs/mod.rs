//! L-BFGS, for objectives that are evaluated on all rows and trained to convergence.

mod history;
mod line_search;

use super::groups::{GroupRates, ParamGroup};
use super::state::{OptimizerStateError, STEPS, SlotState};
use history::{History, dot};
use lacuna_engine::{EntryKind, Grad, Tape, Var};
use line_search::{Trial, search};

/// Settings of [`Lbfgs`].
#[derive(Clone, Debug, PartialEq)]
pub struct LbfgsConfig {
    /// Pairs of steps and gradient changes that are kept, 10.
    pub history: usize,
    /// Evaluations of the objective in one iteration, at most, 25. At least 3 are allowed: at the start, at one trial
    /// and at the trial that was chosen.
    pub max_evaluations: usize,
    /// An objective whose largest derivative is at most this has converged, 1e-5.
    pub tolerance_grad: f64,
    /// An iteration that moves no parameter by more than this has converged, 1e-9.
    pub tolerance_change: f64,
    /// Factor k of the penalty k/2 |w|^2 that is added to the loss, 0.
    pub weight_decay: f32,
    /// Parameters with a weight decay of their own. The factors of the learning rate are not used: the line search
    /// finds the length of a step.
    pub groups: Vec<ParamGroup>,
}

impl Default for LbfgsConfig {
    fn default() -> Self {
        Self {
            history: 10,
            max_evaluations: 25,
            tolerance_grad: 1e-5,
            tolerance_change: 1e-9,
            weight_decay: 0.0,
            groups: Vec::new(),
        }
    }
}

/// What one iteration did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LbfgsProgress {
    /// The loss plus the penalty of the weight decay, where the parameters are now.
    pub value: f64,
    /// The largest absolute derivative there.
    pub gradient_norm: f64,
    /// Evaluations of the objective in this iteration.
    pub evaluations: usize,
    /// Whether the gradient is within its tolerance, or the iteration moved no parameter by more than
    /// `tolerance_change`: further iterations are of no use.
    pub converged: bool,
}

/// Limited-memory BFGS with a line search for the strong Wolfe conditions, over all parameters of a tape.
///
/// ```text
/// f(w) = loss(w) + sum over parameters of k/2 |w|^2
/// d = -H g by the two-loop recursion over the last pairs s = change of w, y = change of g
/// w = w + alpha d with f(w + alpha d) <= f(w) + 1e-4 alpha g.d and |f'(w + alpha d)| <= 0.9 |g.d|
/// ```
/// J. Nocedal, S. J. Wright, "Numerical Optimization", 2nd edition, algorithms 7.4, 7.5, 3.5 and 3.6. The first step, and
/// one after which the history was dropped, starts from the length min(1, 1 / |g|_1), as in PyTorch's `LBFGS`. Products
/// are summed in f64; parameters and gradients are f32.
///
/// The loss has to be the same function in every evaluation: all rows, no random masks, batch normalisation in
/// prediction mode. Parameters that the loss does not reach stay where they are and are not penalised.
///
/// ```
/// use lacuna_engine::{Tape, Tensor};
/// use lacuna_nn::{Lbfgs, LbfgsConfig};
///
/// let mut tape = Tape::new();
/// let w = tape.param("w", Tensor::zeros([2]));
/// tape.seal();
/// let mut lbfgs = Lbfgs::new(LbfgsConfig::default());
/// for _ in 0..20 {
///     let progress = lbfgs.iterate(&mut tape, |tape| {
///         let target = tape.input([2], &[1.0, -3.0]);
///         let error = tape.sub(w, target);
///         let square = tape.mul(error, error);
///         Ok::<_, std::convert::Infallible>(tape.sum(square))
///     })?;
///     if progress.converged {
///         break;
///     }
/// }
/// assert!(tape.value(w).iter().zip([1.0, -3.0]).all(|(w, e)| (w - e).abs() < 1e-5));
/// # Ok::<(), std::convert::Infallible>(())
/// ```
pub struct Lbfgs {
    config: LbfgsConfig,
    rates: GroupRates,
    history: History,
    iterations: u64,
    /// Names and sizes of the parameters, from the first iteration on.
    parameters: Vec<(String, usize)>,
    point: Option<Point>,
    // Kept from iteration to iteration.
    start: Vec<f32>,
    trial_gradient: Vec<f32>,
    direction: Vec<f64>,
}

/// The objective where the last iteration ended.
struct Point {
    value: f64,
    gradient: Vec<f32>,
    /// The parameters; `None` after [`Lbfgs::restore`], where they are those of the tape.
    parameters: Option<Vec<f32>>,
}

/// Everything that decides the next iterations of an [`Lbfgs`], beside the parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct LbfgsState {
    /// Iterations so far.
    pub iterations: u64,
    /// The objective where the parameters are; `None` before the first iteration.
    pub value: Option<f64>,
    /// For each parameter the arrays `gradient` (if there is a value) and the pairs `s0`, `y0`, `s1`, `y1`, ..., oldest
    /// first.
    pub slots: Vec<SlotState>,
}

impl Lbfgs {
    /// An optimiser without any history.
    pub fn new(config: LbfgsConfig) -> Self {
        let rates = GroupRates::new(1.0, config.weight_decay, config.groups.clone());
        let history = History::new(config.history);
        Self {
            config,
            rates,
            history,
            iterations: 0,
            parameters: Vec::new(),
            point: None,
            start: Vec::new(),
            trial_gradient: Vec::new(),
            direction: Vec::new(),
        }
    }

    /// Moves the parameters of the tape by one step. `loss` records a scalar loss; it is called on a tape that has been
    /// reset, once for each evaluation, and the gradient is computed here.
    ///
    /// Where the objective is not finite from the start, nothing moves. The tape's parameters may be exchanged between
    /// two iterations, for instance by averages and back; if they were changed, the objective is evaluated again.
    ///
    /// # Errors
    /// The error of `loss`; the parameters are then where the iteration started.
    ///
    /// # Panics
    /// If the loss is not a scalar or the tape has other parameters than before.
    #[track_caller]
    pub fn iterate<E>(
        &mut self,
        tape: &mut Tape,
        mut loss: impl FnMut(&mut Tape) -> Result<Var, E>,
    ) -> Result<LbfgsProgress, E> {
        self.check_parameters(tape);
        let Self { config, rates, history, iterations, point, start, trial_gradient, direction, .. } = self;
        read_parameters(tape, start);
        let mut evaluations = 0;
        // What is known about the point where the parameters are.
        let known = point.take().filter(|p| {
            p.gradient.len() == start.len() && p.parameters.as_ref().is_none_or(|w| same_bits(w, start))
        });
        let (mut value, mut gradient) = match known {
            Some(known) => (known.value, known.gradient),
            None => {
                let mut gradient = Vec::new();
                evaluations += 1;
                (evaluate(tape, rates, &mut loss, &mut gradient)?, gradient)
            }
        };
        // The largest change of a parameter; NaN where another direction is still to be tried.
        let mut moved = 0.0f64;
        let finite = value.is_finite() && gradient.iter().all(|g| g.is_finite());
        if finite && largest(&gradient) > config.tolerance_grad {
            loop {
                history.direction(&gradient, direction);
                let mut slope = dot(&gradient, direction);
                if !(slope.is_finite() && slope < 0.0) {
                    history.clear();
                    history.direction(&gradient, direction);
                    slope = dot(&gradient, direction);
                }
                let l1: f64 = gradient.iter().map(|g| f64::from(g.abs())).sum();
                let first = if history.is_empty() { (1.0 / l1).min(1.0) } else { 1.0 };
                // One is kept for an accepted trial that was not the last.
                let limit = config.max_evaluations.saturating_sub(evaluations + 1).max(1);
                let mut last = 0.0;
                let found = search(Trial { alpha: 0.0, value, slope }, first, limit, |alpha| {
                    last = alpha;
                    write_parameters(tape, |i| (f64::from(start[i]) + alpha * direction[i]) as f32);
                    let value = evaluate(tape, rates, &mut loss, trial_gradient)?;
                    Ok(Trial { alpha, value, slope: dot(trial_gradient, direction) })
                });
                let found = match found {
                    Ok(found) => found,
                    Err(error) => {
                        write_parameters(tape, |i| start[i]);
                        *point = Some(Point { value, gradient, parameters: Some(start.clone()) });
                        return Err(error);
                    }
                };
                evaluations += found.evaluations;
                let Some(mut end) = found.accepted else {
                    write_parameters(tape, |i| start[i]);
                    if history.is_empty() {
                        break;
                    }
                    // The curvature that was seen does not fit here: once more along the gradient, in this iteration
                    // or the next.
                    history.clear();
                    if evaluations + 1 < config.max_evaluations {
                        continue;
                    }
                    moved = f64::NAN;
                    break;
                };
                if end.alpha != last {
                    // The search ended at an earlier trial.
                    let alpha = end.alpha;
                    write_parameters(tape, |i| (f64::from(start[i]) + alpha * direction[i]) as f32);
                    evaluations += 1;
                    match evaluate(tape, rates, &mut loss, trial_gradient) {
                        Ok(value) => end.value = value,
                        Err(error) => {
                            write_parameters(tape, |i| start[i]);
                            *point = Some(Point { value, gradient, parameters: Some(start.clone()) });
                            return Err(error);
                        }
                    }
                }
                let mut now = Vec::with_capacity(start.len());
                read_parameters(tape, &mut now);
                history.push(start.len(), |s, y| {
                    for (i, (s, y)) in s.iter_mut().zip(y).enumerate() {
                        *s = now[i] - start[i];
                        *y = trial_gradient[i] - gradient[i];
                        moved = moved.max(f64::from(s.abs()));
                    }
                });
                *start = now;
                value = end.value;
                std::mem::swap(&mut gradient, trial_gradient);
                break;
            }
        }
        *iterations += 1;
        let gradient_norm = largest(&gradient);
        let converged =
            finite && (gradient_norm <= config.tolerance_grad || moved <= config.tolerance_change);
        *point = Some(Point { value, gradient, parameters: Some(start.clone()) });
        Ok(LbfgsProgress { value, gradient_norm, evaluations, converged })
    }

    /// Remembers the parameters in the first iteration and compares them in later ones.
    #[track_caller]
    fn check_parameters(&mut self, tape: &Tape) {
        let entries = || tape.entries().filter(|e| e.kind == EntryKind::Param);
        if self.parameters.is_empty() {
            self.parameters = entries().map(|e| (e.name.to_owned(), e.value.len())).collect();
        }
        let known = self.parameters.iter().map(|(name, len)| (name.as_str(), *len));
        assert!(
            known.eq(entries().map(|e| (e.name, e.value.len()))),
            "L-BFGS on a tape with other parameters"
        );
    }

    /// Everything that decides the next iterations, beside the parameters.
    pub fn state(&self) -> LbfgsState {
        let mut from = 0;
        let slot = |(name, len): &(String, usize)| {
            let at = from..from + len;
            from = at.end;
            let mut arrays = Vec::new();
            if let Some(point) = &self.point {
                arrays.push(("gradient".to_owned(), point.gradient[at.clone()].to_vec()));
            }
            for (i, pair) in self.history.pairs().enumerate() {
                arrays.push((format!("s{i}"), pair.s[at.clone()].to_vec()));
                arrays.push((format!("y{i}"), pair.y[at.clone()].to_vec()));
            }
            SlotState { parameter: name.clone(), steps: self.iterations, arrays, rows: None }
        };
        let slots = self.parameters.iter().map(slot).collect();
        LbfgsState { iterations: self.iterations, value: self.point.as_ref().map(|p| p.value), slots }
    }

    /// Goes on from what [`state`](Self::state) gave, with the values that the parameters have at the next iteration.
    /// A state without slots and value, that of a new optimiser, starts without history.
    ///
    /// # Errors
    /// [`OptimizerStateError`] if the state does not name every parameter with arrays of its size, or has more pairs
    /// than the history keeps; the optimiser stays as it was.
    pub fn restore(&mut self, state: &LbfgsState, tape: &Tape) -> Result<(), OptimizerStateError> {
        if state.slots.is_empty() && state.value.is_none() {
            *self = Self::new(self.config.clone());
            return Ok(());
        }
        if let Some(slot) = state.slots.first()
            && state.iterations >= STEPS
        {
            let parameter = slot.parameter.clone();
            return Err(OptimizerStateError::Steps { parameter, steps: state.iterations });
        }
        let gradients = usize::from(state.value.is_some());
        let arrays = state.slots.first().map_or(0, |slot| slot.arrays.len());
        let pairs = (arrays.saturating_sub(gradients) / 2).min(self.config.history);
        let names: Vec<String> = ["gradient".to_owned()]
            .into_iter()
            .take(gradients)
            .chain((0..pairs).flat_map(|i| [format!("s{i}"), format!("y{i}")]))
            .collect();
        let mut flat = vec![Vec::new(); names.len()];
        let mut parameters = Vec::new();
        for entry in tape.entries().filter(|e| e.kind == EntryKind::Param) {
            let parameter = entry.name.to_owned();
            let mut named = state.slots.iter().filter(|slot| slot.parameter == parameter);
            let Some(slot) = named.next() else { return Err(OptimizerStateError::Missing { parameter }) };
            if named.next().is_some() {
                return Err(OptimizerStateError::Duplicate { parameter });
            }
            slot.check(&names, entry.value.len())?;
            for (flat, (_, values)) in flat.iter_mut().zip(&slot.arrays) {
                flat.extend_from_slice(values);
            }
            parameters.push((parameter, entry.value.len()));
        }
        let unknown =
            state.slots.iter().find(|slot| !parameters.iter().any(|(name, _)| *name == slot.parameter));
        if let Some(slot) = unknown {
            return Err(OptimizerStateError::UnknownParameter { parameter: slot.parameter.clone() });
        }
        let mut flat = flat.into_iter();
        self.point = state.value.map(|value| Point {
            value,
            gradient: flat.next().unwrap_or_default(),
            parameters: None,
        });
        self.history = History::new(self.config.history);
        while let (Some(s), Some(y)) = (flat.next(), flat.next()) {
            self.history.push(s.len(), |to_s, to_y| {
                to_s.copy_from_slice(&s);
                to_y.copy_from_slice(&y);
            });
        }
        self.iterations = state.iterations;
        self.parameters = parameters;
        Ok(())
    }
}

fn same_bits(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

/// The largest absolute number; NaN if there is one.
fn largest(x: &[f32]) -> f64 {
    let fold = x.iter().fold(0.0f32, |m, x| if x.is_nan() || x.abs() > m { x.abs() } else { m });
    f64::from(fold)
}

/// All parameters of a tape, one after the other.
fn read_parameters(tape: &Tape, out: &mut Vec<f32>) {
    out.clear();
    for entry in tape.entries().filter(|e| e.kind == EntryKind::Param) {
        out.extend_from_slice(entry.value);
    }
}

/// Sets all parameters of a tape; `value(i)` is the number at position i of [`read_parameters`].
fn write_parameters(tape: &mut Tape, value: impl Fn(usize) -> f32) {
    let mut from = 0;
    tape.update_entries(|_, entry| {
        if entry.kind == EntryKind::Param {
            entry.value.iter_mut().enumerate().for_each(|(i, w)| *w = value(from + i));
            from += entry.value.len();
        }
    });
}

/// The objective and its gradient at the parameters of the tape.
fn evaluate<E>(
    tape: &mut Tape,
    rates: &GroupRates,
    loss: &mut impl FnMut(&mut Tape) -> Result<Var, E>,
    gradient: &mut Vec<f32>,
) -> Result<f64, E> {
    tape.reset();
    let loss = loss(tape)?;
    tape.backward(loss);
    let mut value = f64::from(tape.value(loss)[0]);
    gradient.clear();
    for entry in tape.entries().filter(|e| e.kind == EntryKind::Param) {
        let from = gradient.len();
        gradient.resize(from + entry.value.len(), 0.0);
        let g = &mut gradient[from..];
        match entry.grad {
            None => continue,
            Some(Grad::Dense(dense)) => g.copy_from_slice(dense),
            Some(Grad::Rows { rows, data }) => {
                let columns = entry.value.len() / entry.shape.sizes()[0];
                for &row in rows {
                    let at = row as usize * columns..(row as usize + 1) * columns;
                    g[at.clone()].copy_from_slice(&data[at]);
                }
            }
        }
        let decay = rates.of(rates.group_of(entry.name, entry.shape)).weight_decay;
        if decay != 0.0 {
            value += 0.5 * f64::from(decay) * dot(entry.value, entry.value);
            g.iter_mut().zip(entry.value).for_each(|(g, w)| *g += decay * w);
        }
    }
    Ok(value)
}
