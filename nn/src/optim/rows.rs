//! Bookkeeping for parameters whose gradient holds single rows.
//!
//! A row without a gradient still moves while its moments are alive: momentum goes on. It is not moved in the step itself.
//! The constants of every step are kept, and the missed steps are replayed one after the other before the row is read
//! again, so that its bits are those of a row that was moved in every step. Once its moments have been flushed to zero a row
//! cannot move any more: it is at rest and is left alone until it has a gradient again.
//!
//! Constants are kept for [`KEPT`] steps, and a row that is not at rest is replayed before those of its first missed step are
//! overwritten: every step replays a share of these rows, those that were updated earliest. So a step costs what the rows with a
//! gradient cost, and at most as many others, whatever the number of rows, and every gradient is followed by one replay of at most
//! as many steps as it takes the moments to be flushed: some 700 with beta1 = 0.9. Weight decay moves every row in every step
//! for ever, so that all rows are replayed within KEPT steps, which together is the arithmetic of dense steps.

use super::state::{OptimizerStateError, RowsState, SlotState};
use lacuna_engine::Shape;
use std::ops::Range;

/// Steps between two looks at whether a row that has no gradient any more has come to rest.
const LOOK: u64 = 64;

/// Steps whose constants are kept. Longer than a row moves with beta1 = 0.9, and 40 KB for Adam.
pub(super) const KEPT: u64 = 1024;

/// When every row last had a gradient, and how far it has been moved.
#[derive(Default)]
pub(super) struct Rows {
    /// Step in which a row last had a gradient; 0 for never.
    touched: Vec<u64>,
    /// The last step that is in a row's numbers.
    updated: Vec<u64>,
    /// The rows that may move without a gradient, those that were updated earliest first.
    alive: Queue,
}

/// The numbers of the rows: what [`Rows`] moves.
pub(super) trait RowState {
    /// Updates a row with its gradient. It was at rest for `slept` steps before.
    fn update(&mut self, row: usize, slept: u64);

    /// Updates a row without a gradient in each of these steps.
    fn replay(&mut self, row: usize, steps: Range<u64>);

    /// Whether a row's moments are 0, so that it will not move without a gradient.
    fn is_at_rest(&self, row: usize) -> bool;
}

/// A row that was read, or had a gradient, while it was behind.
pub(super) struct Behind {
    /// The row.
    pub(super) row: usize,
    /// The last step that is in its numbers.
    pub(super) updated: u64,
}

impl Rows {
    /// Whether there is anything to keep: the parameter has had a gradient of rows.
    pub(super) fn started(&self) -> bool {
        !self.touched.is_empty()
    }

    /// What has to be saved; `None` for a parameter that never had a gradient of rows. Every row has to be up to date.
    pub(super) fn state(&self) -> Option<RowsState> {
        self.started().then(|| RowsState {
            touched: self.touched.clone(),
            updated: self.updated.clone(),
            alive: (0..self.touched.len()).map(|row| self.alive.has(row)).collect(),
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
        let mut rows =
            Self { touched: touched.clone(), updated: updated.clone(), alive: Queue::new(expected) };
        for row in 0..expected {
            if touched[row] > updated[row] || updated[row] > state.steps {
                return Err(OptimizerStateError::RowStep { parameter: parameter(), row });
            }
            // Nobody has the constants of the steps that it misses.
            if alive[row] && updated[row] < state.steps {
                return Err(OptimizerStateError::RowBehind { parameter: parameter(), row });
            }
            if alive[row] {
                rows.alive.push(row);
            }
        }
        Ok(rows)
    }

    /// The row that misses most of the steps up to `step`, if any misses one.
    pub(super) fn behind(&self, step: u64) -> Option<Behind> {
        let row = self.alive.first()?;
        (self.updated[row] < step).then(|| Behind { row, updated: self.updated[row] })
    }

    /// Moves a row by the steps that it misses, up to `step`.
    pub(super) fn catch_up(&mut self, row: usize, step: u64, state: &mut impl RowState) {
        if !self.started() || !self.alive.has(row) || self.updated[row] == step {
            return;
        }
        // Looks come at fixed ages, so that a row rests from the same step on in however many parts it is replayed.
        while self.updated[row] < step {
            let (touched, from) = (self.touched[row], self.updated[row]);
            let look = touched + ((from - touched) / LOOK + 1) * LOOK;
            let to = look.min(step);
            state.replay(row, from + 1..to + 1);
            self.updated[row] = to;
            if to == look && state.is_at_rest(row) {
                self.alive.remove(row);
                return;
            }
        }
        self.alive.remove(row);
        self.alive.push(row);
    }

    /// Moves every row by the steps that it misses, up to `step`.
    pub(super) fn catch_up_all(&mut self, step: u64, state: &mut impl RowState) {
        while let Some(Behind { row, .. }) = self.behind(step) {
            self.catch_up(row, step, state);
        }
    }

    /// Prepares a step whose gradient is dense: wakes every row; all of them will move, and may go on moving. Every row has to
    /// be up to date.
    pub(super) fn wake_all(&mut self, step: u64, mut wake: impl FnMut(usize, u64)) -> Result<(), Behind> {
        if let Some(behind) = self.behind(step - 1) {
            return Err(behind);
        }
        for (row, updated) in self.updated.iter_mut().enumerate() {
            let slept = step - 1 - *updated;
            if slept > 0 {
                wake(row, slept);
            }
            *updated = step;
            if !self.alive.has(row) {
                self.alive.push(row);
            }
        }
        Ok(())
    }

    /// A step in which these rows have a gradient. With `all`, every row is alive from the start: weight decay moves rows
    /// that no gradient ever reached.
    pub(super) fn step(
        &mut self,
        rows: usize,
        all: bool,
        with_gradient: &[u32],
        step: u64,
        state: &mut impl RowState,
    ) -> Result<(), Behind> {
        if !self.started() {
            self.touched = vec![0; rows];
            self.updated = vec![step - 1; rows];
            self.alive = Queue::new(rows);
            // Earlier steps, if there were any, had dense gradients and moved every row.
            if all || step > 1 {
                (0..rows).for_each(|row| self.alive.push(row));
            }
        }
        for row in with_gradient {
            let row = *row as usize;
            let slept = step - 1 - self.updated[row];
            if self.alive.has(row) {
                if slept > 0 {
                    return Err(Behind { row, updated: self.updated[row] });
                }
                self.alive.remove(row);
            }
            state.update(row, slept);
            (self.touched[row], self.updated[row]) = (step, step);
            self.alive.push(row);
        }
        // A share of those that move in each step, so that no step has to replay them all: after a dense gradient, and where
        // weight decay moves every row. Small tables are left behind, where forgetting to read rows through `catch_up` shows.
        for _ in 0..self.alive.count / KEPT as usize {
            match self.behind(step) {
                Some(Behind { row, .. }) => self.catch_up(row, step, state),
                None => break,
            }
        }
        // The constants of step + 1 will take the place of those of step + 1 - KEPT.
        while let Some(Behind { row, updated }) = self.behind(step)
            && updated + KEPT <= step
        {
            self.catch_up(row, step, state);
        }
        Ok(())
    }
}

/// Rows in an order, each at most once; to append one and to remove any takes the same time whatever the number.
#[derive(Default)]
struct Queue {
    /// Neighbours of each row, before and behind: `ABSENT` for a row that is not in the queue, `END` where there is none.
    links: Vec<[u32; 2]>,
    first: u32,
    last: u32,
    count: usize,
}

const ABSENT: u32 = u32::MAX;
const END: u32 = u32::MAX - 1;

impl Queue {
    /// An empty queue for rows below `rows`.
    fn new(rows: usize) -> Self {
        assert!(rows < END as usize, "a parameter of {rows} rows with gradients of single rows");
        Self { links: vec![[ABSENT; 2]; rows], first: END, last: END, count: 0 }
    }

    fn has(&self, row: usize) -> bool {
        self.links[row][0] != ABSENT
    }

    fn first(&self) -> Option<usize> {
        (!self.links.is_empty() && self.first != END).then_some(self.first as usize)
    }

    /// Appends a row that is not in the queue.
    fn push(&mut self, row: usize) {
        self.links[row] = [self.last, END];
        match self.last {
            END => self.first = row as u32,
            last => self.links[last as usize][1] = row as u32,
        }
        self.last = row as u32;
        self.count += 1;
    }

    /// Removes a row that is in the queue.
    fn remove(&mut self, row: usize) {
        let [before, behind] = std::mem::replace(&mut self.links[row], [ABSENT; 2]);
        match before {
            END => self.first = behind,
            before => self.links[before as usize][1] = behind,
        }
        match behind {
            END => self.last = before,
            behind => self.links[behind as usize][0] = before,
        }
        self.count -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows that come to rest 100 steps after their last gradient, and a diary.
    struct Diary {
        /// The last step in which a row had a gradient, and the last that is in its numbers.
        last: Vec<[u64; 2]>,
        step: u64,
        seen: Vec<(usize, Range<u64>, u64)>,
        rests: bool,
    }

    impl Diary {
        fn new(rows: usize) -> Self {
            Self { last: vec![[0; 2]; rows], step: 0, seen: vec![], rests: true }
        }
    }

    impl RowState for Diary {
        fn update(&mut self, row: usize, slept: u64) {
            self.last[row] = [self.step; 2];
            self.seen.push((row, self.step..self.step + 1, slept));
        }
        fn replay(&mut self, row: usize, steps: Range<u64>) {
            assert_eq!(steps.start, self.last[row][1] + 1, "every step once");
            self.last[row][1] = steps.end - 1;
            self.seen.push((row, steps, 0));
        }
        fn is_at_rest(&self, row: usize) -> bool {
            self.rests && self.last[row][1] - self.last[row][0] >= 100
        }
    }

    #[test]
    fn rows_are_replayed_when_they_are_read_and_rest_at_fixed_ages() {
        // However often the rows are brought up to date in between.
        for every in [1, 5, 64, 1000] {
            let (mut rows, mut diary) = (Rows::default(), Diary::new(5));
            for step in 1..=300 {
                diary.step = step;
                let touched: &[u32] = match step {
                    1 => &[3, 1, 2],
                    50 | 300 => &[2],
                    _ => &[],
                };
                touched.iter().for_each(|row| rows.catch_up(*row as usize, step - 1, &mut diary));
                assert!(rows.step(5, false, touched, step, &mut diary).is_ok());
                if step % every == 0 {
                    rows.catch_up_all(step, &mut diary);
                }
            }
            rows.catch_up_all(300, &mut diary);
            let replayed = |row: usize| {
                let of_row = diary.seen.iter().filter(|(other, ..)| *other == row);
                of_row.map(|(_, steps, _)| steps.end - steps.start).sum::<u64>()
            };
            // Looked at after 64 steps (still moving) and 128 (at rest), then left alone.
            assert_eq!([0, 1, 2, 3, 4].map(replayed), [0, 129, 49 + 129 + 1, 129, 0], "every {every}");
            assert_eq!(diary.seen.iter().rev().find(|(row, ..)| *row == 2), Some(&(2, 300..301, 300 - 179)));
            let state = rows.state().unwrap();
            assert_eq!(state.touched, [0, 1, 300, 1, 0]);
            assert_eq!(state.updated, [0, 129, 300, 129, 0]);
            assert_eq!(state.alive, [false, false, true, false, false]);
        }
    }

    #[test]
    fn a_row_that_nobody_reads_is_replayed_before_its_constants_go() {
        // All at once, and a share in each step.
        for count in [3, 3 * KEPT as usize] {
            let (mut rows, mut diary) = (Rows::default(), Diary::new(count));
            diary.rests = false;
            let touched: Vec<u32> = (0..count as u32).collect();
            for step in 1..=4 * KEPT {
                diary.step = step;
                let before = diary.seen.len();
                assert!(
                    rows.step(count, false, if step == 1 { &touched } else { &[] }, step, &mut diary).is_ok()
                );
                let oldest = diary.last.iter().map(|[_, updated]| *updated).min().unwrap();
                assert!(oldest + KEPT > step, "step {step}: a row has the steps up to {oldest}");
                let mut visited: Vec<usize> = diary.seen[before..].iter().map(|(row, ..)| *row).collect();
                visited.dedup();
                assert!(step == 1 || visited.len() <= 3, "step {step}: {visited:?}");
            }
        }
    }

    /// What a step costs is counted: rows with a gradient, rows that are replayed and steps of replays.
    #[test]
    fn the_cost_of_a_step_does_not_depend_on_the_number_of_rows() {
        for count in [100, 5_000, 500_000] {
            let [most, total] = cost(count, false);
            // The rows of the batch, and as many that nobody reads.
            assert!(most <= 2 * BATCH, "{count} rows: {most} were visited in one step");
            // Each gradient is followed by at most the 128 steps after which a row rests.
            assert!((1..=1 + 128).contains(&(total / (STEPS * BATCH))), "{count} rows: {total} updates");
        }
    }

    #[test]
    fn rows_that_decay_are_moved_a_share_in_each_step() {
        let [most, total] = cost(5_000, true);
        assert!(most <= BATCH + 5, "{most} were visited in one step");
        let behind = KEPT as usize * 5_000;
        assert!((STEPS * 5_000 - behind..=STEPS * 5_000).contains(&total), "{total} updates");
    }

    const BATCH: usize = 16;
    const STEPS: usize = 5_000;

    /// The most rows that a step visits, and the updates of all steps, with batches of random rows.
    fn cost(count: usize, all: bool) -> [usize; 2] {
        let (mut rows, mut diary) = (Rows::default(), Diary::new(count));
        diary.rests = !all;
        let (mut total, mut most) = (0, 0);
        let mut draw = 1u64;
        for step in 1..=STEPS as u64 {
            let mut batch: Vec<u32> = Vec::new();
            while batch.len() < BATCH {
                draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let row = ((draw >> 33) % count as u64) as u32;
                if !batch.contains(&row) {
                    batch.push(row);
                }
            }
            diary.step = step;
            diary.seen.clear();
            batch.iter().for_each(|row| rows.catch_up(*row as usize, step - 1, &mut diary));
            assert!(rows.step(count, all, &batch, step, &mut diary).is_ok());
            let mut visited: Vec<usize> = diary.seen.iter().map(|(row, ..)| *row).collect();
            visited.sort_unstable();
            visited.dedup();
            most = most.max(visited.len());
            total += diary.seen.iter().map(|(_, steps, _)| (steps.end - steps.start) as usize).sum::<usize>();
        }
        [most, total]
    }

    #[test]
    fn a_queue_keeps_its_order() {
        let mut queue = Queue::new(5);
        let order = |queue: &Queue| {
            let mut rows: Vec<usize> = queue.first().into_iter().collect();
            while let Some(last) = rows.last()
                && queue.links[*last][1] != END
            {
                rows.push(queue.links[*last][1] as usize);
            }
            rows
        };
        assert_eq!(order(&queue), []);
        [3, 0, 4, 1].into_iter().for_each(|row| queue.push(row));
        assert_eq!(order(&queue), [3, 0, 4, 1]);
        for (row, left) in [(0, vec![3, 4, 1]), (3, vec![4, 1]), (1, vec![4]), (4, vec![])] {
            queue.remove(row);
            assert_eq!((order(&queue), queue.count), (left.clone(), left.len()));
            assert!(!queue.has(row));
        }
        queue.push(2);
        assert_eq!(order(&queue), [2]);
    }
}
