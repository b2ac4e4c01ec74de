//! Bookkeeping for parameters whose gradient holds single rows.
//!
//! A row without a gradient still moves while its moments are alive: momentum goes on. Once they have been
//! flushed to zero it cannot move, and the row is left alone until it is touched again. So a table with a
//! row for every training sample costs a step what its recently used rows cost.

/// Rows that are touched now, and rows whose moments are alive.
#[derive(Default)]
pub(super) struct Rows {
    /// Step in which a row was last touched; 0 for never.
    touched: Vec<u64>,
    /// Step of the last update of a row, alive or not.
    updated: Vec<u64>,
    /// Rows whose moments may be other than 0.
    alive: Vec<u32>,
    is_alive: Vec<bool>,
}

/// What to do with a row in this step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RowUpdate {
    pub(super) row: usize,
    /// Whether the row has a gradient; its gradient is 0 otherwise.
    pub(super) has_gradient: bool,
    /// Steps in which the row was left alone because its moments were 0.
    pub(super) slept: u64,
}

impl Rows {
    /// Runs `update` on every row that has a gradient or moments that are alive. `update` says whether the
    /// row's moments are alive afterwards. With `all`, every row is alive from the start: weight decay moves
    /// rows that no gradient ever reached.
    pub(super) fn step(
        &mut self,
        rows: usize,
        all: bool,
        with_gradient: &[u32],
        step: u64,
        mut update: impl FnMut(RowUpdate) -> bool,
    ) {
        if self.touched.len() < rows {
            self.touched.resize(rows, 0);
            self.updated.resize(rows, step - 1);
            self.is_alive.resize(rows, all);
            self.alive.reserve(rows);
            if all {
                self.alive.extend(0..rows as u32);
            }
        }
        for row in with_gradient {
            let row_index = *row as usize;
            self.touched[row_index] = step;
            if !self.is_alive[row_index] {
                self.is_alive[row_index] = true;
                self.alive.push(*row);
            }
        }
        let (touched, updated, is_alive) = (&self.touched, &mut self.updated, &mut self.is_alive);
        self.alive.retain(|row| {
            let row = *row as usize;
            let slept = step - 1 - updated[row];
            updated[row] = step;
            let alive = update(RowUpdate { row, has_gradient: touched[row] == step, slept });
            is_alive[row] = alive;
            alive
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_sleep_and_wake() {
        let mut rows = Rows::default();
        let mut seen = Vec::new();
        // a row stays alive for two steps after its gradient
        let mut left = [0; 5];
        for (step, touched) in [(1, vec![3u32]), (2, vec![]), (3, vec![1]), (4, vec![]), (9, vec![3])] {
            rows.step(5, false, &touched, step, |u| {
                seen.push((step, u.row, u.has_gradient, u.slept));
                left[u.row] = if u.has_gradient { 2 } else { left[u.row] - 1 };
                left[u.row] > 0
            });
        }
        assert_eq!(
            seen,
            [
                (1, 3, true, 0),
                (2, 3, false, 0),
                (3, 3, false, 0),
                (3, 1, true, 2),
                (4, 1, false, 0),
                (9, 1, false, 4),
                (9, 3, true, 5),
            ]
        );
    }
}
