//! Rows drawn at random: a share of them, or folds.

use lacuna_protocols::Stream;

/// Numbers of the rows that train and of those that are held out, both in ascending order: a share of them drawn at random.
///
/// ```
/// let (train, held) = lacuna_train::hold_out(10, 0.2, 7);
/// assert_eq!((train.len(), held.len()), (8, 2));
/// assert_eq!((train, held), lacuna_train::hold_out(10, 0.2, 7));
/// ```
///
/// # Panics
/// Unless the share is from 0 to 1.
pub fn hold_out(rows: usize, share: f64, seed: u64) -> (Vec<usize>, Vec<usize>) {
    drawn(rows, share, Stream::new(seed, "rows held out to measure"))
}

/// The same with draws of its own.
pub(crate) fn drawn(rows: usize, share: f64, mut stream: Stream) -> (Vec<usize>, Vec<usize>) {
    assert!((0.0..=1.0).contains(&share), "a share of {share} of the rows");
    let order = stream.permutation(rows);
    let (held, train) = order.split_at((share * rows as f64).round() as usize);
    let (mut held, mut train) = (held.to_vec(), train.to_vec());
    held.sort_unstable();
    train.sort_unstable();
    (train, held)
}

/// Rows in folds whose sizes differ by one at most.
#[derive(Clone, Debug)]
pub(crate) struct Folds {
    order: Vec<usize>,
    count: usize,
}

impl Folds {
    /// Every `count`-th row of an order is of one fold.
    pub(crate) fn new(order: Vec<usize>, count: usize) -> Self {
        Self { order, count }
    }

    /// Rows of the other folds and of this one, both in ascending order.
    pub(crate) fn of(&self, fold: usize) -> (Vec<usize>, Vec<usize>) {
        let rows = |inside: bool| {
            let of = self.order.iter().enumerate().filter(|(i, _)| (i % self.count == fold) == inside);
            let mut rows: Vec<usize> = of.map(|(_, row)| *row).collect();
            rows.sort_unstable();
            rows
        };
        (rows(false), rows(true))
    }
}
