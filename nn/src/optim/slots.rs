//! The state that optimisers keep for each parameter, and the one loop over it.
//!
//! Adam and SGD differ in a formula for a few numbers. Everything around it is here: which group a parameter belongs
//! to, its step count, gradients of single rows, saving and restoring.

use super::Optimizer;
use super::groups::{GroupRates, ParamGroup, Rates};
use super::rows::{RowState, Rows};
use super::state::{OptimizerStateError, SlotState};
use lacuna_engine::{EntryKind, EntryMut, Grad, Tape};
use std::ops::Range;

/// An update that treats every element of a parameter alike, with N arrays of state of the parameter's size.
///
/// Implementing it for a configuration makes an optimiser of it: [`SlotOptimizer`].
pub trait Formula<const N: usize>: Send {
    /// Names of the arrays, under which they are saved.
    const ARRAYS: [&'static str; N];

    /// The constants of one step of one parameter.
    type Step;

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

    /// Does to the state of a row what `steps` steps without a gradient would have done, while its first array was 0.
    fn catch_up(_step: &Self::Step, _arrays: [&mut [f32]; N], _steps: u64) {}
}

/// An optimiser made of a [`Formula`]: [`Adam`](super::Adam) and [`Sgd`](super::Sgd).
pub struct SlotOptimizer<F, const N: usize> {
    formula: F,
    rates: GroupRates,
    /// By position of the parameter on the tape; `None` before its first gradient.
    slots: Vec<Option<Slot<N>>>,
}

/// The state of one parameter.
struct Slot<const N: usize> {
    parameter: String,
    group: Option<usize>,
    /// Steps so far.
    t: u64,
    arrays: [Vec<f32>; N],
    rows: Rows,
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
            });
            slot.update::<F>(formula, rates.of(slot.group), entry, grad);
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
        let slot = |slot: &Slot<N>| SlotState {
            parameter: slot.parameter.clone(),
            steps: slot.t,
            arrays: F::ARRAYS
                .iter()
                .zip(&slot.arrays)
                .map(|(name, x)| (name.to_string(), x.clone()))
                .collect(),
            rows: slot.rows.state(),
        };
        self.slots.iter().flatten().map(slot).collect()
    }

    fn restore(&mut self, slots: &[SlotState], tape: &Tape) -> Result<(), OptimizerStateError> {
        let mut restored: Vec<Option<Slot<N>>> = Vec::new();
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
            state.check_arrays(&F::ARRAYS, entry.value.len())?;
            restored[i] = Some(Slot {
                group: self.rates.group_of(entry.name, entry.shape),
                t: state.steps,
                arrays: std::array::from_fn(|array| state.arrays[array].1.clone()),
                rows: Rows::restore(state, entry.shape)?,
                parameter,
            });
        }
        self.slots = restored;
        Ok(())
    }
}

impl<const N: usize> Slot<N> {
    fn update<F: Formula<N>>(&mut self, formula: &F, rates: Rates, entry: EntryMut<'_>, grad: Grad<'_>) {
        self.t += 1;
        let step = formula.prepare(rates, self.t);
        let mut arrays = self.arrays.each_mut().map(Vec::as_mut_slice);
        match grad {
            Grad::Dense(g) => {
                let cols = entry.value.len() / entry.shape.sizes().first().unwrap_or(&1);
                self.rows.wake_all(self.t, |row, slept| {
                    F::catch_up(&step, part(&mut arrays, row * cols..(row + 1) * cols), slept);
                });
                F::apply(&step, entry.value, arrays, Some(g));
            }
            Grad::Rows { rows, data } => {
                let count = entry.shape.sizes()[0];
                let cols = entry.value.len() / count;
                let decays = rates.weight_decay != 0.0;
                let mut state = SlotRows::<F, N> { step, decays, w: entry.value, arrays, data, cols };
                self.rows.step(count, decays, rows, self.t, &mut state);
            }
        }
    }
}

/// The elements `at` of every array.
fn part<'a, const N: usize>(arrays: &'a mut [&mut [f32]; N], at: Range<usize>) -> [&'a mut [f32]; N] {
    arrays.each_mut().map(|array| &mut array[at.clone()])
}

/// A parameter with a gradient of rows.
struct SlotRows<'a, F: Formula<N>, const N: usize> {
    step: F::Step,
    /// Weight decay moves a row whether it has a gradient or not.
    decays: bool,
    w: &'a mut [f32],
    arrays: [&'a mut [f32]; N],
    /// The gradient, of which only the touched rows hold numbers.
    data: &'a [f32],
    cols: usize,
}

impl<F: Formula<N>, const N: usize> RowState for SlotRows<'_, F, N> {
    fn update(&mut self, rows: Range<usize>, has_gradient: bool, slept: u64) {
        let at = rows.start * self.cols..rows.end * self.cols;
        if slept > 0 {
            F::catch_up(&self.step, part(&mut self.arrays, at.clone()), slept);
        }
        let g = has_gradient.then(|| &self.data[at.clone()]);
        F::apply(&self.step, &mut self.w[at.clone()], part(&mut self.arrays, at), g);
    }

    fn is_at_rest(&self, row: usize) -> bool {
        let at = row * self.cols..(row + 1) * self.cols;
        !self.decays && self.arrays.first().is_none_or(|array| array[at].iter().all(|x| *x == 0.0))
    }
}
