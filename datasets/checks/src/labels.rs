//! One pass over labels: a hash of each row, and counts.

use crate::rows::{RowHash, row_hash};
use lacuna_formats::{LabelLists, LabelTable};
use lacuna_labels::{Label, LabelMatrix};
use std::collections::BTreeMap;

/// Labels in either form, row by row.
#[derive(Clone, Copy)]
pub(crate) enum Labels<'a> {
    Dense(&'a LabelMatrix),
    Lists(&'a LabelLists),
}

impl<'a> From<&'a LabelTable> for Labels<'a> {
    fn from(labels: &'a LabelTable) -> Self {
        match labels {
            LabelTable::Dense(labels) => Labels::Dense(labels.matrix()),
            LabelTable::Lists(labels) => Labels::Lists(labels),
        }
    }
}

impl Labels<'_> {
    pub(crate) fn rows(self) -> usize {
        match self {
            Labels::Dense(labels) => labels.rows(),
            Labels::Lists(labels) => labels.rows(),
        }
    }

    pub(crate) fn classes(self) -> usize {
        match self {
            Labels::Dense(labels) => labels.classes(),
            Labels::Lists(labels) => labels.classes.len(),
        }
    }

    /// Writes every cell of a row.
    pub(crate) fn fill(self, row: usize, cells: &mut [Label]) {
        match self {
            Labels::Dense(labels) => cells.copy_from_slice(labels.row(row)),
            Labels::Lists(labels) => {
                cells.fill(labels.unlisted);
                labels.row(row).for_each(|(class, label)| cells[class] = label);
            }
        }
    }

    /// Calls `each` with every row.
    pub(crate) fn for_each(self, mut each: impl FnMut(usize, &RowLabels)) {
        let mut labels = RowLabels::default();
        // Without classes, the number of rows does not measure the data.
        let rows = if self.classes() == 0 { 0 } else { self.rows() };
        for row in 0..rows {
            labels.read(self, row);
            each(row, &labels);
        }
    }
}

/// The classes of a row, in increasing order: the positive ones, and the rarer of negative and unknown ones. So a row
/// takes as much memory as what was written down of it, and looks the same in both forms.
#[derive(Default)]
pub(crate) struct RowLabels {
    pub(crate) positives: Vec<u32>,
    pub(crate) negatives: usize,
    pub(crate) unknown: usize,
    rarer: Vec<u32>,
    /// What was listed, by class.
    entries: Vec<(u32, Label)>,
    others: Vec<u32>,
}

impl RowLabels {
    fn read(&mut self, labels: Labels<'_>, row: usize) {
        let classes = labels.classes();
        self.entries.clear();
        let most = match labels {
            Labels::Dense(labels) => {
                // The most frequent label need not be listed.
                let row = labels.row(row);
                let unknown = row.iter().filter(|label| !label.is_known()).count();
                let most = if 2 * unknown > classes { Label::Unknown } else { Label::Negative };
                let cells = row.iter().enumerate().filter(|(_, label)| **label != most);
                self.entries.extend(cells.map(|(class, &label)| (class as u32, label)));
                most
            }
            Labels::Lists(labels) => {
                self.entries.extend(labels.row(row).map(|(class, label)| (class as u32, label)));
                if !self.entries.is_sorted_by(|a, b| a.0 < b.0) {
                    // Stable, and the later word about a class wins.
                    self.entries.sort_by_key(|entry| std::cmp::Reverse(entry.0));
                    self.entries.reverse();
                    self.entries.dedup_by_key(|entry| entry.0);
                }
                labels.unlisted
            }
        };
        let assigned = |label| self.entries.iter().filter(move |entry| entry.1 == label).map(|entry| entry.0);
        self.positives.clear();
        self.rarer.clear();
        self.others.clear();
        self.positives.extend(assigned(Label::Positive));
        self.rarer.extend(assigned(Label::Negative));
        self.others.extend(assigned(Label::Unknown));
        let [negatives, unknown] = [self.rarer.len(), self.others.len()];
        let rest = classes - (self.positives.len() + negatives + unknown);
        let unlisted = |entries: &[(u32, Label)], list: &mut Vec<u32>| {
            let mut listed = entries.iter().filter(|entry| entry.1 != most).map(|entry| entry.0).peekable();
            list.clear();
            list.extend((0..classes as u32).filter(|class| listed.next_if_eq(class).is_none()));
        };
        match most {
            Label::Positive => {
                unlisted(&self.entries, &mut self.positives);
                (self.negatives, self.unknown) = (negatives, unknown);
            }
            Label::Negative => (self.negatives, self.unknown) = (negatives + rest, unknown),
            Label::Unknown => (self.negatives, self.unknown) = (negatives, unknown + rest),
        }
        // `rarer` holds the listed negatives now. Where it shall hold all of them and some are not listed, those are no
        // more than the unknown ones, which are.
        if self.negatives <= self.unknown {
            if most == Label::Negative {
                unlisted(&self.entries, &mut self.rarer);
            }
        } else if most == Label::Unknown {
            unlisted(&self.entries, &mut self.rarer);
        } else {
            std::mem::swap(&mut self.rarer, &mut self.others);
        }
    }

    /// The first class that is unknown; the number of classes where none is.
    fn first_unknown(&self) -> usize {
        if self.unknown < self.negatives {
            return self.rarer.first().map_or(self.positives.len() + self.negatives, |&class| class as usize);
        }
        // `rarer` are the negatives: the first number that is neither among them nor positive.
        let (mut positives, mut negatives) = (self.positives.iter().peekable(), self.rarer.iter().peekable());
        let mut class = 0;
        while positives.next_if_eq(&&class).is_some() || negatives.next_if_eq(&&class).is_some() {
            class += 1;
        }
        class as usize
    }

    fn hash(&self, bytes: &mut Vec<u8>) -> RowHash {
        bytes.clear();
        for count in [self.positives.len(), self.negatives, self.unknown] {
            bytes.extend((count as u64).to_le_bytes());
        }
        self.positives.iter().chain(&self.rarer).for_each(|class| bytes.extend(class.to_le_bytes()));
        row_hash(bytes)
    }
}

/// What a pass over labels finds.
#[derive(Debug, Default)]
pub(crate) struct LabelScan {
    pub(crate) rows: usize,
    pub(crate) classes: usize,
    /// One for each row, of all of its cells; none where there are no classes.
    pub(crate) hashes: Vec<RowHash>,
    pub(crate) positives: usize,
    pub(crate) negatives: usize,
    pub(crate) unknown: usize,
    /// Positives of each class; empty where there are no rows.
    pub(crate) counts: Vec<usize>,
    pub(crate) rows_by_positives: BTreeMap<usize, usize>,
    /// The first row without a positive.
    pub(crate) first_empty_row: Option<usize>,
    /// Row and class of the first unknown cell.
    pub(crate) first_unknown: Option<(usize, usize)>,
    /// Different sets of positives.
    pub(crate) label_sets: usize,
}

impl LabelScan {
    pub(crate) fn of(labels: Labels<'_>) -> Self {
        let (rows, classes) = (labels.rows(), labels.classes());
        let mut found = Self { rows, classes, ..Self::default() };
        if rows == 0 || classes == 0 {
            return found;
        }
        found.counts = vec![0; classes];
        found.hashes.reserve_exact(rows);
        let mut sets = Vec::with_capacity(rows);
        let mut bytes = Vec::new();
        labels.for_each(|row, labels| {
            let positives = labels.positives.len();
            found.positives += positives;
            found.negatives += labels.negatives;
            found.unknown += labels.unknown;
            labels.positives.iter().for_each(|&class| found.counts[class as usize] += 1);
            *found.rows_by_positives.entry(positives).or_default() += 1;
            if positives == 0 {
                found.first_empty_row.get_or_insert(row);
            }
            if labels.unknown > 0 && found.first_unknown.is_none() {
                found.first_unknown = Some((row, labels.first_unknown()));
            }
            found.hashes.push(labels.hash(&mut bytes));
            bytes.clear();
            labels.positives.iter().for_each(|class| bytes.extend(class.to_le_bytes()));
            sets.push(row_hash(&bytes));
        });
        sets.sort_unstable();
        sets.dedup();
        found.label_sets = sets.len();
        found
    }

    pub(crate) fn empty_rows(&self) -> usize {
        self.rows_by_positives.get(&0).copied().unwrap_or_default()
    }

    pub(crate) fn cells(&self) -> usize {
        self.positives + self.negatives + self.unknown
    }

    /// Classes without a positive.
    pub(crate) fn empty_classes(&self) -> usize {
        match self.counts.is_empty() {
            true => self.classes,
            false => self.counts.iter().filter(|&&count| count == 0).count(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Label::{Negative as N, Positive as P, Unknown as U};

    const ROWS: [[Label; 5]; 8] = [
        [P, N, U, U, N],
        [N, N, N, N, N],
        [U, U, U, U, U],
        [P, P, P, P, P],
        [N, U, U, P, U],
        [U, N, N, P, N],
        [U, U, U, N, N],
        [P, U, N, N, P],
    ];

    /// Hashes, counts of cells, the first unknown cell, positives of each class, label sets.
    type Found = (Vec<RowHash>, [usize; 3], Option<(usize, usize)>, Vec<usize>, usize);

    fn scan(labels: Labels<'_>) -> Found {
        let found = LabelScan::of(labels);
        let counts = [found.positives, found.negatives, found.unknown];
        (found.hashes, counts, found.first_unknown, found.counts, found.label_sets)
    }

    #[test]
    fn lists_and_matrices_of_the_same_labels_are_the_same() {
        let matrix = LabelMatrix::new(8, 5, ROWS.concat()).unwrap();
        let expected = scan(Labels::Dense(&matrix));
        assert_eq!(expected.1, [10, 15, 15]);
        assert_eq!(expected.2, Some((0, 2)));
        assert_eq!(expected.3, [3, 1, 1, 3, 2]);
        // {0}, {}, all, {3}, {0, 4}; three rows are empty and two have {3}.
        assert_eq!(expected.4, 5);
        for unlisted in [N, U, P] {
            let lists = LabelLists::of(&matrix, vec!["a", "b", "c", "d", "e"].into(), unlisted);
            assert_eq!(scan(Labels::Lists(&lists)), expected, "{unlisted:?}");
        }
        let mut cells = [U; 5];
        let lists = LabelLists::of(&matrix, vec!["a", "b", "c", "d", "e"].into(), N);
        Labels::Lists(&lists).fill(7, &mut cells);
        assert_eq!(cells, ROWS[7]);
    }

    #[test]
    fn every_row_of_three_classes_has_a_hash_of_its_own() {
        let all = [N, U, P];
        let mut cells = Vec::new();
        for i in 0..27 {
            cells.extend([all[i % 3], all[i / 3 % 3], all[i / 9]]);
        }
        let matrix = LabelMatrix::new(27, 3, cells).unwrap();
        let mut hashes = LabelScan::of(Labels::Dense(&matrix)).hashes;
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), 27);
        for row in 0..27 {
            let one = LabelMatrix::new(1, 3, matrix.row(row).to_vec()).unwrap();
            let first = one.row(0).iter().position(|label| !label.is_known()).map(|class| (0, class));
            assert_eq!(LabelScan::of(Labels::Dense(&one)).first_unknown, first, "{one:?}");
        }
    }

    #[test]
    fn the_later_word_about_a_class_wins() {
        let mut lists = LabelLists::new(vec!["a", "b", "c"].into(), U);
        for (class, label) in [(2, P), (0, N), (2, N), (0, P), (2, U), (1, N)] {
            lists.push(class, label);
        }
        lists.end_row();
        let matrix = LabelMatrix::new(1, 3, vec![P, N, U]).unwrap();
        assert_eq!(scan(Labels::Lists(&lists)), scan(Labels::Dense(&matrix)));
    }

    #[test]
    fn a_matrix_without_rows_or_without_classes_is_not_walked_through() {
        for (rows, classes) in [(0, usize::MAX), (usize::MAX, 0)] {
            let matrix = LabelMatrix::new(rows, classes, Vec::new()).unwrap();
            let found = LabelScan::of(Labels::Dense(&matrix));
            assert_eq!((found.rows, found.empty_classes()), (rows, classes));
        }
    }
}
