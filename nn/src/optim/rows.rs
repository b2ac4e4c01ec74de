//! Bookkeeping for parameters whose gradient holds single rows.
//!
//! A row without a gradient still moves while its moments are alive: momentum goes on. Once they have been
//! flushed to zero it cannot move, and the row is left alone until it is touched again. So a table with a
//! row for every training sample costs a step what its recently used rows cost.

use super::state::{OptimizerStateError, RowsState, SlotState};
use lacuna_engine::Shape;
use std::ops::Range;

/// Steps between two looks at whether a row that is no longer touched has come to rest. Looking costs as much
/// as a third of an update.
const LOOK: u64 = 64;

/// When every row was last touched and updated.
#[derive(Default)]
pub(super) struct Rows {
    /// Step in which a row was last touched; 0 for never.
    touched: Vec<u64>,
    /// Step of the last update of a row.
    updated: Vec<u64>,
    /// Whether a row's moments may be other than 0.
    alive: Vec<bool>,
}

/// The numbers of the rows: what [`Rows::step`] moves.
pub(super) trait RowState {
    /// Updates consecutive rows, with their gradient or with a gradient of 0. The rows were left alone for
    /// `slept` steps because their moments were 0.
    fn update(&mut self, rows: Range<usize>, has_gradient: bool, slept: u64);

    /// Whether a row's moments are 0, so that it will not move without a gradient.
    fn is_at_rest(&self, row: usize) -> bool;
}

impl Rows {
    /// What has to be saved; `None` for a parameter that never had a gradient of rows.
    pub(super) fn state(&self) -> Option<RowsState> {
        (!self.touched.is_empty()).then(|| RowsState {
            touched: self.touched.clone(),
            updated: self.updated.clone(),
            alive: self.alive.clone(),
        })
    }

    /// The bookkeeping that a state holds for a parameter of shape `shape`.
    pub(super) fn restore(state: &SlotState, shape: Shape) -> Result<Self, OptimizerStateError> {
        let Some(RowsState { touched, updated, alive }) = &state.rows else { return Ok(Self::default()) };
        let parameter = || state.parameter.clone();
        let expected = shape.sizes().first().copied().unwrap_or(1);
        let found = [touched.len(), updated.len(), alive.len()];
        if found != [expected; 3] {
            return Err(OptimizerStateError::Rows { parameter: parameter(), expected, found });
        }
        let late = |(touched, updated): (&u64, &u64)| *touched.max(updated) > state.steps;
        if let Some(row) = touched.iter().zip(updated).position(late) {
            return Err(OptimizerStateError::RowStep { parameter: parameter(), row });
        }
        Ok(Self { touched: touched.clone(), updated: updated.clone(), alive: alive.clone() })
    }

    /// Prepares a step whose gradient is dense: wakes every row; all of them will move, and may go on moving.
    pub(super) fn wake_all(&mut self, step: u64, mut wake: impl FnMut(usize, u64)) {
        for (row, updated) in self.updated.iter_mut().enumerate() {
            let slept = step - 1 - *updated;
            if slept > 0 {
                wake(row, slept);
            }
            *updated = step;
        }
        self.alive.fill(true);
    }

    /// Moves every row that has a gradient or moments that are alive, in runs of consecutive rows that are
    /// treated alike. With `all`, every row is alive from the start: weight decay moves rows that no gradient
    /// ever reached.
    pub(super) fn step(
        &mut self,
        rows: usize,
        all: bool,
        with_gradient: &[u32],
        step: u64,
        state: &mut impl RowState,
    ) {
        if self.touched.len() < rows {
            self.touched.resize(rows, 0);
            self.updated.resize(rows, step - 1);
            // Earlier steps, if there were any, had dense gradients and moved every row.
            self.alive.resize(rows, all || step > 1);
        }
        for row in with_gradient {
            self.touched[*row as usize] = step;
            self.alive[*row as usize] = true;
        }
        let mut row = 0;
        while row < rows {
            if !self.alive[row] {
                row += 1;
                continue;
            }
            let kind = |r: usize| (self.touched[r] == step, step - 1 - self.updated[r]);
            let (has_gradient, slept) = kind(row);
            let mut end = row + 1;
            while end < rows && self.alive[end] && kind(end) == (has_gradient, slept) {
                end += 1;
            }
            state.update(row..end, has_gradient, slept);
            for row in row..end {
                self.updated[row] = step;
                let age = step - self.touched[row];
                if age > 0 && age.is_multiple_of(LOOK) {
                    self.alive[row] = !state.is_at_rest(row);
                }
            }
            row = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows that come to rest 100 steps after their last gradient, and a diary.
    #[derive(Default)]
    struct Diary {
        step: u64,
        last: [u64; 5],
        seen: Vec<(u64, Range<usize>, bool, u64)>,
    }

    impl RowState for Diary {
        fn update(&mut self, rows: Range<usize>, has_gradient: bool, slept: u64) {
            self.seen.push((self.step, rows.clone(), has_gradient, slept));
            if has_gradient {
                self.last[rows].fill(self.step);
            }
        }
        fn is_at_rest(&self, row: usize) -> bool {
            self.step - self.last[row] >= 100
        }
    }

    #[test]
    fn rows_sleep_and_wake_and_are_moved_in_runs() {
        let (mut rows, mut diary) = (Rows::default(), Diary::default());
        for step in 1..=200 {
            diary.step = step;
            let touched: &[u32] = match step {
                1 => &[3, 1, 2],
                200 => &[2],
                _ => &[],
            };
            rows.step(5, false, touched, step, &mut diary);
        }
        // Looked at after 64 steps (still moving) and 128 (at rest), then left alone.
        let quiet = (2..=129).map(|step| (step, 1..4, false, 0));
        let expected: Vec<_> =
            [(1, 1..4, true, 0)].into_iter().chain(quiet).chain([(200, 2..3, true, 70)]).collect();
        assert_eq!(diary.seen, expected);
    }
}
