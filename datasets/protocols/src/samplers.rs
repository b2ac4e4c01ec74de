//! The order in which an epoch visits its rows. It depends on the seed and the number of the epoch alone, so epoch 7 can
//! be had without epochs 0 to 6.

use crate::Stream;
use lacuna_labels::LabelMatrix;

/// Every row once, shuffled.
///
/// ```
/// use lacuna_protocols::samplers::shuffled;
///
/// let mut order = shuffled(100, 7, 3);
/// assert_eq!(order, shuffled(100, 7, 3));
/// order.sort_unstable();
/// assert!(order.into_iter().eq(0..100));
/// ```
pub fn shuffled(rows: usize, seed: u64, epoch: u64) -> Vec<usize> {
    Stream::numbered(seed, "sampler shuffled", epoch).permutation(rows)
}

/// Rows of every class, those with the class.
fn rows_of_classes(labels: &LabelMatrix) -> Vec<Vec<usize>> {
    let of_class = |class| (0..labels.rows()).filter(|&row| labels.get(row, class).is_positive()).collect();
    (0..labels.classes()).map(of_class).collect()
}

/// A list that is gone through again and again, reshuffled each time.
struct Cycle {
    list: Vec<usize>,
    at: usize,
}

impl Cycle {
    fn next(&mut self, stream: &mut Stream) -> usize {
        if self.at == 0 {
            stream.shuffle(&mut self.list);
        }
        let value = self.list[self.at];
        self.at = (self.at + 1) % self.list.len();
        value
    }
}

/// The class-aware sampler of the distribution-balanced code: a reshuffled cycle of classes, and of each visited class
/// `in_a_row` rows from its own reshuffled cycle. Classes without rows are ignored.
///
/// An epoch has `max n_c * C / reduce` rows, truncated to a whole number.
///
/// ```
/// use lacuna_labels::TrueLabels;
/// use lacuna_protocols::samplers::ClassAware;
///
/// let labels = TrueLabels::from_fn(100, 4, |row, class| row % (1 << (2 * class)) == 0);
/// let order = ClassAware::default().epoch(&labels, 0, 0);
/// assert_eq!(order.len(), 100);
/// // The rarest class, two rows in a hundred, is in a quarter of the epoch.
/// assert!(order.iter().filter(|&&row| row % 64 == 0).count() >= 24);
/// ```
///
/// Source: wutong16/DistributionBalancedLoss, mllt/datasets/loader/sampler.py (`ClassAwareSampler`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassAware {
    /// Rows that a visited class gives; 3 in the published code.
    pub in_a_row: usize,
    /// What the length is divided by; 4 in the published code.
    pub reduce: usize,
}

impl Default for ClassAware {
    fn default() -> Self {
        Self { in_a_row: 3, reduce: 4 }
    }
}

impl ClassAware {
    /// Rows of an epoch for classes with these counts.
    ///
    /// # Panics
    /// If `reduce` is 0.
    pub fn length(&self, class_counts: &[usize]) -> usize {
        class_counts.iter().max().copied().unwrap_or_default() * class_counts.len() / self.reduce
    }

    /// The rows of an epoch.
    ///
    /// # Panics
    /// If `reduce` or `in_a_row` is 0.
    pub fn epoch(&self, labels: &LabelMatrix, seed: u64, epoch: u64) -> Vec<usize> {
        assert!(self.in_a_row > 0, "a visited class gives at least one row");
        let length = self.length(&labels.positives_per_class());
        let mut stream = Stream::numbered(seed, "sampler class-aware", epoch);
        let mut rows: Vec<Cycle> =
            rows_of_classes(labels).into_iter().map(|list| Cycle { list, at: 0 }).collect();
        let there: Vec<usize> = (0..rows.len()).filter(|&class| !rows[class].list.is_empty()).collect();
        let mut order = Vec::with_capacity(length);
        let mut classes = Cycle { list: there, at: 0 };
        while order.len() < length {
            let class = classes.next(&mut stream);
            for _ in 0..self.in_a_row.min(length - order.len()) {
                order.push(rows[class].next(&mut stream));
            }
        }
        order
    }
}

/// [`ClassAware`] whose cycles live on over the epochs, as in the published code: an epoch continues where the last one
/// stopped in the list of classes and in the list of each class's rows. Shuffles depend on the seed and the epoch in which
/// they happen; the places in the lists are state, which a checkpoint holds.
///
/// ```
/// use lacuna_labels::TrueLabels;
/// use lacuna_protocols::samplers::{ClassAware, ClassAwareCycles};
///
/// let labels = TrueLabels::from_fn(40, 2, |row, class| row % 4 != 3 || class == 1);
/// let mut sampler = ClassAwareCycles::new(&labels, ClassAware { in_a_row: 3, reduce: 4 });
/// let first = sampler.epoch(7, 0);
/// let saved = sampler.state();
/// let second = sampler.epoch(7, 1);
///
/// let mut other = ClassAwareCycles::new(&labels, ClassAware { in_a_row: 3, reduce: 4 });
/// assert!(other.restore(&saved));
/// assert_eq!(other.epoch(7, 1), second);
/// assert_eq!(first.len(), second.len());
/// ```
pub struct ClassAwareCycles {
    sampler: ClassAware,
    length: usize,
    classes: Cycle,
    /// Rows of every class.
    rows: Vec<Cycle>,
}

impl ClassAwareCycles {
    /// Cycles over these labels, at their start.
    ///
    /// # Panics
    /// If `reduce` or `in_a_row` is 0.
    pub fn new(labels: &LabelMatrix, sampler: ClassAware) -> Self {
        assert!(sampler.in_a_row > 0, "a visited class gives at least one row");
        let rows: Vec<Cycle> =
            rows_of_classes(labels).into_iter().map(|list| Cycle { list, at: 0 }).collect();
        let there = (0..rows.len()).filter(|&class| !rows[class].list.is_empty()).collect();
        let length = sampler.length(&labels.positives_per_class());
        Self { sampler, length, classes: Cycle { list: there, at: 0 }, rows }
    }

    /// Rows of an epoch.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The rows of the next epoch, the number of which decides its shuffles.
    pub fn epoch(&mut self, seed: u64, epoch: u64) -> Vec<usize> {
        let mut stream = Stream::numbered(seed, "sampler class-aware", epoch);
        let mut order = Vec::with_capacity(self.length);
        while order.len() < self.length && !self.classes.list.is_empty() {
            let class = self.classes.next(&mut stream);
            for _ in 0..self.sampler.in_a_row.min(self.length - order.len()) {
                order.push(self.rows[class].next(&mut stream));
            }
        }
        order
    }

    /// Lists and places, to be saved: for the classes and then for each class the place and the list.
    pub fn state(&self) -> Vec<Vec<usize>> {
        let of = |cycle: &Cycle| [&[cycle.at], &cycle.list[..]].concat();
        std::iter::once(&self.classes).chain(&self.rows).map(of).collect()
    }

    /// Goes on from saved lists and places; `false`, and nothing changed, where they are not of these labels.
    pub fn restore(&mut self, state: &[Vec<usize>]) -> bool {
        let cycles = || std::iter::once(&self.classes).chain(&self.rows);
        let sorted = |list: &[usize]| {
            let mut list = list.to_vec();
            list.sort_unstable();
            list
        };
        let fits = |(cycle, saved): (&Cycle, &Vec<usize>)| match saved.split_first() {
            Some((at, list)) => *at <= list.len() && sorted(list) == sorted(&cycle.list),
            None => false,
        };
        if state.len() != 1 + self.rows.len() || !cycles().zip(state).all(fits) {
            return false;
        }
        for (cycle, saved) in std::iter::once(&mut self.classes).chain(&mut self.rows).zip(state) {
            cycle.at = saved[0];
            cycle.list.copy_from_slice(&saved[1..]);
        }
        true
    }
}

/// As many draws as there are rows: a class by weight, then one of its rows uniformly. Empty without positives.
fn by_class(labels: &LabelMatrix, weight: impl Fn(usize) -> f64, stream: &mut Stream) -> Vec<usize> {
    let rows = rows_of_classes(labels);
    let mut sums = Vec::with_capacity(rows.len());
    let mut sum = 0.0;
    for of_class in &rows {
        sum += if of_class.is_empty() { 0.0 } else { weight(of_class.len()) };
        sums.push(sum);
    }
    if sum == 0.0 {
        return Vec::new();
    }
    let draw = |_| {
        let point = stream.uniform_f64() * sum;
        let class = sums.partition_point(|&end| end <= point);
        rows[class][stream.below(rows[class].len())]
    };
    (0..labels.rows()).map(draw).collect()
}

/// The balanced branch of COMIC: every class is as likely as any other; as many draws as there are rows.
///
/// ```
/// use lacuna_labels::TrueLabels;
/// use lacuna_protocols::samplers::balanced;
///
/// let labels = TrueLabels::from_fn(1_000, 2, |row, class| (row < 10) == (class == 1));
/// let rare = balanced(&labels, 0, 0).into_iter().filter(|&row| row < 10).count();
/// assert!((430..570).contains(&rare));
/// ```
pub fn balanced(labels: &LabelMatrix, seed: u64, epoch: u64) -> Vec<usize> {
    by_class(labels, |_| 1.0, &mut Stream::numbered(seed, "sampler balanced", epoch))
}

/// The tail branch of COMIC: a class is drawn with probability proportional to `max n / n_c`, so that the order of
/// frequencies is reversed; as many draws as there are rows.
///
/// ```
/// use lacuna_labels::TrueLabels;
/// use lacuna_protocols::samplers::reversed;
///
/// let labels = TrueLabels::from_fn(1_000, 2, |row, class| (row < 10) == (class == 1));
/// let common = reversed(&labels, 0, 0).into_iter().filter(|&row| row >= 10).count();
/// assert!(common < 40);
/// ```
pub fn reversed(labels: &LabelMatrix, seed: u64, epoch: u64) -> Vec<usize> {
    by_class(labels, |n| 1.0 / n as f64, &mut Stream::numbered(seed, "sampler reversed", epoch))
}

/// Blocks of consecutive rows in random order, and the rows of a few blocks at a time shuffled together: for features
/// that do not fit into memory, where reading rows one by one would take hours.
///
/// ```
/// use lacuna_protocols::samplers::BlockShuffle;
///
/// let order = BlockShuffle { block: 10, blocks: 2 }.epoch(95, 1, 0);
/// // Only two blocks are ever needed at the same time.
/// let mut first: Vec<usize> = order[..15].iter().map(|row| row / 10).collect();
/// first.sort_unstable();
/// first.dedup();
/// assert!(first.len() <= 2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockShuffle {
    /// Rows of a block.
    pub block: usize,
    /// Blocks in memory at the same time.
    pub blocks: usize,
}

impl BlockShuffle {
    /// Every row once.
    ///
    /// # Panics
    /// If `block` or `blocks` is 0.
    pub fn epoch(&self, rows: usize, seed: u64, epoch: u64) -> Vec<usize> {
        assert!(self.block > 0 && self.blocks > 0, "a block has a row, and one block is in memory");
        let mut stream = Stream::numbered(seed, "sampler blocks", epoch);
        let mut order = Vec::with_capacity(rows);
        for window in stream.permutation(rows.div_ceil(self.block)).chunks(self.blocks) {
            let start = order.len();
            for &block in window {
                order.extend(block * self.block..rows.min((block + 1) * self.block));
            }
            stream.shuffle(&mut order[start..]);
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_labels::TrueLabels;

    #[test]
    fn epochs_depend_on_seed_and_number_alone() {
        let labels = TrueLabels::from_fn(200, 5, |row, class| row % (class + 2) == 0);
        type Sampler<'a> = Box<dyn Fn(u64, u64) -> Vec<usize> + 'a>;
        let samplers: [Sampler<'_>; 5] = [
            Box::new(|seed, epoch| shuffled(200, seed, epoch)),
            Box::new(|seed, epoch| ClassAware::default().epoch(&labels, seed, epoch)),
            Box::new(|seed, epoch| balanced(&labels, seed, epoch)),
            Box::new(|seed, epoch| reversed(&labels, seed, epoch)),
            Box::new(|seed, epoch| BlockShuffle { block: 16, blocks: 3 }.epoch(200, seed, epoch)),
        ];
        for sampler in samplers {
            assert_eq!(sampler(1, 5), sampler(1, 5));
            assert_ne!(sampler(1, 5), sampler(1, 6));
            assert_ne!(sampler(1, 5), sampler(2, 5));
            assert!(sampler(1, 5).iter().all(|&row| row < 200));
        }
        let mut blocks = BlockShuffle { block: 16, blocks: 3 }.epoch(200, 1, 5);
        blocks.sort_unstable();
        assert!(blocks.into_iter().eq(0..200));
    }

    #[test]
    fn classes_without_rows_are_passed_over() {
        let labels = TrueLabels::from_fn(10, 3, |row, class| class == 1 && row < 4);
        assert_eq!(ClassAware::default().epoch(&labels, 0, 0).len(), 3);
        assert!(balanced(&labels, 0, 0).iter().chain(&reversed(&labels, 0, 0)).all(|&row| row < 4));
        let nothing = TrueLabels::from_fn(10, 3, |_, _| false);
        assert!(
            balanced(&nothing, 0, 0).is_empty() && ClassAware::default().epoch(&nothing, 0, 0).is_empty()
        );
    }

    /// A cycle that shuffled in the middle showed some rows twice and others never.
    #[test]
    fn every_pass_through_a_class_has_each_of_its_rows_once_in_an_order_of_its_own() {
        let labels = TrueLabels::from_fn(30, 1, |row, _| row % 2 == 0);
        // An epoch of 15 rows is one pass.
        let sampler = ClassAware { in_a_row: 7, reduce: 1 };
        let mut cycles = ClassAwareCycles::new(&labels, sampler);
        assert_eq!(cycles.length(), 15);
        let mut passes = Vec::new();
        for epoch in 0..4 {
            let fresh = sampler.epoch(&labels, 3, epoch);
            for order in [fresh, cycles.epoch(3, epoch)] {
                let mut rows = order.clone();
                rows.sort_unstable();
                assert!(rows.into_iter().eq((0..30).step_by(2)), "{order:?}");
                assert!(!order.is_sorted(), "{order:?}");
                passes.push(order);
            }
        }
        assert_ne!(passes[0], passes[2]);
    }
}
