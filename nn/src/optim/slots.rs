//! The state that optimisers keep for each parameter, and the one loop over it.
//!
//! Adam and SGD differ in a formula for a few numbers. Everything around it is here: which group a parameter belongs
//! to, its step count, gradients of single rows, saving and restoring.

use super::Optimizer;
use super::groups::{GroupRates, ParamGroup, Rates};
use super::rows::{Behind, KEPT, RowState, Rows};
use super::state::{OptimizerStateError, SlotState};
use lacuna_engine::{EntryKind, EntryMut, Exec, Grad, Tape, Var};
use std::ops::Range;

/// An update that treats every element of a parameter alike, with N arrays of state of the parameter's size.
///
/// Implementing it for a configuration makes an optimiser of it: [`SlotOptimizer`].
pub trait Formula<const N: usize>: Send {
    /// Names of the arrays, under which they are saved.
    const ARRAYS: [&'static str; N];

    /// The constants of one step of one parameter. Those of some thousand steps are kept for parameters with gradients of
    /// single rows.
    type Step: Copy + Send + Sync;

    /// Learning rate, weight decay and parameter groups that the optimiser starts with.
    fn rates(&self) -> (f32, f32, Vec<ParamGroup>);

    /// Changes the momentum. A formula without one does nothing.
    fn set_momentum(&mut self, _momentum: f32) {}

    /// Computes the constants of the parameter's step `t`, counted from 1.
    fn prepare(&self, rates: Rates, t: u64) -> Self::Step;

    /// Updates elements and their state; all slices have the same length. A missing gradient is 0.
    ///
    /// Where the first array is 0, an element without a gradient must not move unless weight decay moves it: rows in
    /// that state are left alone.
    fn apply(step: &Self::Step, w: &mut [f32], arrays: [&mut [f32]; N], g: Option<&[f32]>);

    /// Updates elements and their state by several steps without a gradient, with the bits of [`apply`](Self::apply).
    fn replay(steps: &[Self::Step], w: &mut [f32], mut arrays: [&mut [f32]; N]) {
        for step in steps {
            Self::apply(step, w, arrays.each_mut().map(|array| &mut **array), None);
        }
    }

    /// Does to the state of a row what `steps` steps without a gradient would have done, while its first array was 0.
    fn catch_up(_step: &Self::Step, _arrays: [&mut [f32]; N], _steps: u64) {}
}

/// An optimiser made of a [`Formula`]: [`Adam`](super::Adam) and [`Sgd`](super::Sgd).
pub struct SlotOptimizer<F: Formula<N>, const N: usize> {
    formula: F,
    rates: GroupRates,
    /// By position of the parameter on the tape; `None` before its first gradient.
    slots: Vec<Option<Slot<F, N>>>,
}

/// The state of one parameter.
struct Slot<F: Formula<N>, const N: usize> {
    parameter: String,
    group: Option<usize>,
    /// Steps so far.
    t: u64,
    arrays: [Vec<f32>; N],
    rows: Rows,
    /// The constants of step s at place s % KEPT, for the last KEPT steps; empty for a parameter without gradients of rows.
    steps: Vec<F::Step>,
}

impl<F: Formula<N>, const N: usize> SlotOptimizer<F, N> {
    /// An optimiser without any history.
    pub fn new(formula: F) -> Self {
        let (lr, weight_decay, groups) = formula.rates();
        Self { formula, rates: GroupRates::new(lr, weight_decay, groups), slots: Vec::new() }
    }
}

impl<F: Formula<N>, const N: usize> Optimizer for SlotOptimizer<F, N> {
    fn step(&mut self, tape: &mut Tape) {
        let Self { formula, rates, slots } = self;
        let exec = tape.exec();
        tape.update_entries(|i, entry| {
            let Some(grad) = entry.grad else { return };
            if slots.len() <= i {
                slots.resize_with(i + 1, || None);
            }
            let slot = slots[i].get_or_insert_with(|| Slot {
                parameter: entry.name.to_owned(),
                group: rates.group_of(entry.name, entry.shape),
                t: 0,
                arrays: std::array::from_fn(|_| vec![0.0; entry.value.len()]),
                rows: Rows::default(),
                steps: Vec::new(),
            });
            slot.update(exec, formula, rates.of(slot.group), entry, grad);
        });
    }

    fn catch_up_rows(&mut self, tape: &mut Tape, parameter: Var, rows: &[u32]) {
        let Self { formula: _, rates, slots } = self;
        tape.update_entry(parameter, |i, entry| {
            if let Some(Some(slot)) = slots.get_mut(i) {
                let decays = rates.of(slot.group).weight_decay != 0.0;
                slot.catch_up(decays, entry, |t, bookkeeping, state| {
                    rows.iter().for_each(|row| bookkeeping.catch_up(*row as usize, t, state));
                });
            }
        });
    }

    fn catch_up(&mut self, tape: &mut Tape) {
        let Self { formula: _, rates, slots } = self;
        tape.update_entries(|i, entry| {
            if let Some(Some(slot)) = slots.get_mut(i) {
                let decays = rates.of(slot.group).weight_decay != 0.0;
                slot.catch_up(decays, entry, |t, bookkeeping, state| bookkeeping.catch_up_all(t, state));
            }
        });
    }

    fn learning_rate(&self) -> f32 {
        self.rates.lr
    }

    fn set_learning_rate(&mut self, lr: f32) {
        self.rates.lr = lr;
    }

    fn set_group_learning_rate(&mut self, group: usize, lr: f32) {
        self.rates.set(group, lr);
    }

    fn set_momentum(&mut self, momentum: f32) {
        self.formula.set_momentum(momentum);
    }

    fn state(&self) -> Vec<SlotState> {
        let slot = |slot: &Slot<F, N>| {
            if let Some(Behind { row, updated }) = slot.rows.behind(slot.t) {
                panic!(
                    "state of the optimiser: row {row} of `{}` misses the steps after step {updated} of {}: call `catch_up` \
                     before",
                    slot.parameter, slot.t
                );
            }
            SlotState {
                parameter: slot.parameter.clone(),
                steps: slot.t,
                arrays: F::ARRAYS
                    .iter()
                    .zip(&slot.arrays)
                    .map(|(name, x)| (name.to_string(), x.clone()))
                    .collect(),
                rows: slot.rows.state(),
            }
        };
        self.slots.iter().flatten().map(slot).collect()
    }

    fn restore(&mut self, slots: &[SlotState], tape: &Tape) -> Result<(), OptimizerStateError> {
        let mut restored: Vec<Option<Slot<F, N>>> = Vec::new();
        for state in slots {
            let parameter = state.parameter.clone();
            let mut entries = tape.entries().enumerate();
            let entry = entries.find(|(_, e)| e.kind == EntryKind::Param && e.name == parameter);
            let Some((i, entry)) = entry else {
                return Err(OptimizerStateError::UnknownParameter { parameter });
            };
            if restored.len() <= i {
                restored.resize_with(i + 1, || None);
            }
            if restored[i].is_some() {
                return Err(OptimizerStateError::Duplicate { parameter });
            }
            state.check(&F::ARRAYS, entry.value.len())?;
            restored[i] = Some(Slot {
                group: self.rates.group_of(entry.name, entry.shape),
                t: state.steps,
                arrays: std::array::from_fn(|array| state.arrays[array].1.clone()),
                rows: Rows::restore(state, entry.shape)?,
                steps: Vec::new(),
                parameter,
            });
        }
        self.slots = restored;
        Ok(())
    }
}

impl<F: Formula<N>, const N: usize> Slot<F, N> {
    fn update(&mut self, exec: Exec, formula: &F, rates: Rates, entry: EntryMut<'_>, grad: Grad<'_>) {
        self.t += 1;
        let (t, step) = (self.t, formula.prepare(rates, self.t));
        let mut arrays = self.arrays.each_mut().map(Vec::as_mut_slice);
        let behind = match grad {
            Grad::Dense(g) => {
                let cols = entry.value.len() / entry.shape.sizes().first().unwrap_or(&1);
                let woken = self.rows.wake_all(t, |row, slept| {
                    F::catch_up(&step, part(&mut arrays, row * cols..(row + 1) * cols), slept);
                });
                match exec {
                    Exec::Serial => F::apply(&step, entry.value, arrays, Some(g)),
                    Exec::Rayon => apply_in_parallel::<F, N>(&step, entry.value, arrays, g),
                }
                woken
            }
            Grad::Rows { rows, data } => {
                if self.steps.is_empty() {
                    self.steps = vec![step; KEPT as usize];
                }
                self.steps[(t % KEPT) as usize] = step;
                let (count, decays) = (entry.shape.sizes()[0], rates.weight_decay != 0.0);
                let cols = entry.value.len() / count;
                let mut state =
                    SlotRows::<F, N> { steps: &self.steps, t, decays, w: entry.value, arrays, data, cols };
                self.rows.step(count, decays, rows, t, &mut state)
            }
        };
        if let Err(Behind { row, updated }) = behind {
            panic!(
                "step {t} of the optimiser: row {row} of `{}` was read for a gradient and misses the steps after step \
                 {updated}: call `catch_up_rows` before the rows are read by `gather_rows`, and `catch_up` before the \
                 whole parameter {} is read",
                self.parameter, entry.shape
            );
        }
    }

    /// Moves rows by the steps that they miss; `which` says which.
    fn catch_up(
        &mut self,
        decays: bool,
        entry: EntryMut<'_>,
        which: impl FnOnce(u64, &mut Rows, &mut SlotRows<'_, F, N>),
    ) {
        if self.rows.behind(self.t).is_none() {
            return;
        }
        let arrays = self.arrays.each_mut().map(Vec::as_mut_slice);
        let cols = entry.value.len() / entry.shape.sizes()[0];
        let (steps, t) = (self.steps.as_slice(), self.t);
        let mut state = SlotRows { steps, t, decays, w: entry.value, arrays, data: &[], cols };
        which(t, &mut self.rows, &mut state);
    }
}

/// Elements that one task updates at least: about 15 us of Adam.
const BLOCK: usize = 32 * 1024;

/// [`Formula::apply`], halved until the pieces are small enough. Elements do not see each other, so the bits are the same.
fn apply_in_parallel<F: Formula<N>, const N: usize>(
    step: &F::Step,
    w: &mut [f32],
    arrays: [&mut [f32]; N],
    g: &[f32],
) {
    if w.len() < 2 * BLOCK {
        return F::apply(step, w, arrays, Some(g));
    }
    // At a multiple of a cache line, which is also one of a vector.
    let middle = (w.len() / 2).next_multiple_of(16);
    let (w, w_rest) = w.split_at_mut(middle);
    let (g, g_rest) = g.split_at(middle);
    let mut rest: [&mut [f32]; N] = std::array::from_fn(|_| Default::default());
    let mut rests = rest.iter_mut();
    let arrays = arrays.map(|array| {
        let (array, other) = array.split_at_mut(middle);
        *rests.next().expect("as many rests as arrays") = other;
        array
    });
    rayon::join(
        || apply_in_parallel::<F, N>(step, w, arrays, g),
        || apply_in_parallel::<F, N>(step, w_rest, rest, g_rest),
    );
}

/// The elements `at` of every array.
fn part<'a, const N: usize>(arrays: &'a mut [&mut [f32]; N], at: Range<usize>) -> [&'a mut [f32]; N] {
    arrays.each_mut().map(|array| &mut array[at.clone()])
}

/// A parameter with a gradient of rows.
struct SlotRows<'a, F: Formula<N>, const N: usize> {
    /// The constants of the last steps, as in [`Slot::steps`].
    steps: &'a [F::Step],
    /// The last step.
    t: u64,
    /// Weight decay moves a row whether it has a gradient or not.
    decays: bool,
    w: &'a mut [f32],
    arrays: [&'a mut [f32]; N],
    /// The gradient, of which only the touched rows hold numbers.
    data: &'a [f32],
    cols: usize,
}

impl<F: Formula<N>, const N: usize> RowState for SlotRows<'_, F, N> {
    fn update(&mut self, row: usize, slept: u64) {
        let at = row * self.cols..(row + 1) * self.cols;
        let step = &self.steps[(self.t % KEPT) as usize];
        if slept > 0 {
            F::catch_up(step, part(&mut self.arrays, at.clone()), slept);
        }
        F::apply(step, &mut self.w[at.clone()], part(&mut self.arrays, at.clone()), Some(&self.data[at]));
    }

    fn replay(&mut self, row: usize, steps: Range<u64>) {
        assert!(steps.end <= self.t + 1 && steps.start + KEPT > self.t, "steps {steps:?} of {}", self.t);
        let at = row * self.cols..(row + 1) * self.cols;
        // The places of the steps: a piece up to the end of the list, and one from its beginning on.
        let (from, count) = ((steps.start % KEPT) as usize, (steps.end - steps.start) as usize);
        let first = count.min(self.steps.len() - from);
        for piece in [&self.steps[from..from + first], &self.steps[..count - first]] {
            F::replay(piece, &mut self.w[at.clone()], part(&mut self.arrays, at.clone()));
        }
    }

    fn is_at_rest(&self, row: usize) -> bool {
        let at = row * self.cols..(row + 1) * self.cols;
        !self.decays && self.arrays.first().is_none_or(|array| array[at].iter().all(|x| *x == 0.0))
    }
}
