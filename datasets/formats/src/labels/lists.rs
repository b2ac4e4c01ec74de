//! Labels as lists: for each row the classes that something is known of.

use crate::chunks::Chunks;
use crate::memory::{reserved, zeros};
use crate::{FormatError, Limits, Strings};
use lacuna_labels::{Label, LabelMatrix, ObservedLabels};
use std::ops::Range;
use std::path::Path;

/// Labels of rows that say something about few of their classes, as most files have them.
///
/// ```
/// use lacuna_formats::{LabelLists, Limits};
/// use lacuna_labels::Label;
///
/// let mut lists = LabelLists::new(vec!["cat", "dog"].into(), Label::Unknown);
/// lists.push(0, Label::Positive);
/// lists.end_row();
/// lists.end_row();
/// let labels = lists.to_observed(std::path::Path::new("example"), &Limits::default())?;
/// assert_eq!(labels.row(0), [Label::Positive, Label::Unknown]);
/// # Ok::<(), lacuna_formats::FormatError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LabelLists {
    /// One name a class.
    pub classes: Strings,
    /// What a cell is that no list names.
    pub unlisted: Label,
    /// `class << 2 | code`.
    entries: Chunks<u32>,
    /// Where the list of each row ends.
    ends: Chunks<u32>,
}

/// Why entries make no lists.
#[derive(Debug)]
pub(crate) enum BadEntries {
    /// So many bytes could not be had.
    Memory(u64),
    /// A cell has two different labels.
    TwoLabels {
        /// The row of the cell.
        row: usize,
        /// Its class.
        class: usize,
        /// The names of the classes.
        classes: Strings,
    },
}

/// Labels of cells in any order, in little memory where cells of a row follow each other.
#[derive(Default)]
pub(crate) struct Entries {
    /// `class << 2 | label + 1` for a label, `row << 2 | 3` in front of those of a row.
    codes: Chunks<u32>,
    row: Option<u32>,
    count: u32,
}

impl Entries {
    /// Adds the label of a cell; `false`, and nothing happens, beyond 2^30 rows or classes and 2^32 labels.
    #[must_use]
    pub(crate) fn push(&mut self, row: u32, class: u32, label: Label) -> bool {
        let Some(count) = self.count.checked_add(1).filter(|_| u64::from(row.max(class)) < MOST_CLASSES)
        else {
            return false;
        };
        self.count = count;
        if self.row != Some(row) {
            self.row = Some(row);
            self.codes.push(row << 2 | 3);
        }
        self.codes.push(class << 2 | (label as i8 + 1) as u32);
        true
    }

    /// Number of labels.
    pub(crate) fn len(&self) -> usize {
        self.count as usize
    }

    /// Rows, and classes with their labels as lists have them.
    fn iter(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        decoded((0..self.codes.len()).map(|i| self.codes.get(i)))
    }

    /// As [`Entries::iter`]; memory is given back on the way.
    fn into_values(self) -> impl Iterator<Item = (u32, u32)> {
        decoded(self.codes.into_values())
    }
}

fn decoded(codes: impl Iterator<Item = u32>) -> impl Iterator<Item = (u32, u32)> {
    let mut row = 0;
    codes.filter_map(move |code| match code & 3 {
        3 => {
            row = code >> 2;
            None
        }
        _ => Some((row, code)),
    })
}

/// Classes that can be named by an entry.
const MOST_CLASSES: u64 = 1 << 30;

impl LabelLists {
    /// No rows yet.
    pub fn new(classes: Strings, unlisted: Label) -> Self {
        Self { classes, unlisted, entries: Chunks::default(), ends: Chunks::default() }
    }

    /// The lists of entries in any order. An entry may be repeated.
    pub(crate) fn of_entries(
        entries: Entries,
        rows: usize,
        classes: Strings,
        unlisted: Label,
    ) -> Result<Self, BadEntries> {
        let mut lists = Self::new(classes, unlisted);
        // The most entries that follow each other with one row, where rows are in order.
        let (mut longest, mut length, mut last, mut in_order) = (0, 0, 0, true);
        for (row, _) in entries.iter() {
            in_order &= last <= row;
            length = if row == last { length + 1 } else { 1 };
            longest = longest.max(length);
            last = row;
        }
        if in_order {
            let mut of_row = reserved(longest).map_err(BadEntries::Memory)?;
            let mut entries = entries.into_values().peekable();
            for row in 0..rows {
                of_row.clear();
                while let Some((_, code)) = entries.next_if(|entry| entry.0 as usize == row) {
                    of_row.push(code);
                }
                lists.push_row(row, &mut of_row)?;
            }
            return Ok(lists);
        }
        // Where the entries of each row start, then, when they have been put there, where they end.
        let mut ends: Vec<u32> = zeros(rows + 1).map_err(BadEntries::Memory)?;
        entries.iter().for_each(|(row, _)| ends[row as usize + 1] += 1);
        for row in 0..rows {
            ends[row + 1] += ends[row];
        }
        let mut sorted: Vec<u32> = zeros(entries.len()).map_err(BadEntries::Memory)?;
        for (row, code) in entries.into_values() {
            let end = &mut ends[row as usize];
            sorted[*end as usize] = code;
            *end += 1;
        }
        let mut start = 0;
        for (row, &end) in ends[..rows].iter().enumerate() {
            lists.push_row(row, &mut sorted[start..end as usize])?;
            start = end as usize;
        }
        Ok(lists)
    }

    /// Ends a row with these entries.
    fn push_row(&mut self, row: usize, entries: &mut [u32]) -> Result<(), BadEntries> {
        entries.sort_unstable();
        let mut before = None;
        for &entry in entries.iter() {
            match before {
                Some(same) if same == entry => continue,
                Some(other) if other >> 2 == entry >> 2 => {
                    let classes = std::mem::take(&mut self.classes);
                    return Err(BadEntries::TwoLabels { row, class: (entry >> 2) as usize, classes });
                }
                _ => self.entries.push(entry),
            }
            before = Some(entry);
        }
        self.end_row();
        Ok(())
    }

    /// Says what the label of a class in the row at hand is. A later word about the same cell wins.
    ///
    /// # Panics
    /// For a class from 2^30 on.
    pub fn push(&mut self, class: usize, label: Label) {
        assert!((class as u64) < MOST_CLASSES, "class {class} exceeds the limit of {MOST_CLASSES} classes");
        self.entries.push((class as u32) << 2 | (label as i8 + 1) as u32);
    }

    /// Ends the row at hand.
    ///
    /// # Panics
    /// Beyond 2^32 entries.
    pub fn end_row(&mut self) {
        self.ends.push(u32::try_from(self.entries.len()).expect("lists have at most 2^32 entries"));
    }

    /// A class that the row at hand names twice, or the bytes that finding it out would take.
    pub(crate) fn class_named_twice(&self) -> Result<Option<usize>, u64> {
        let start = self.ends.len().checked_sub(1).map_or(0, |last| self.ends.get(last) as usize);
        let classes = || (start..self.entries.len()).map(|i| self.entries.get(i) >> 2);
        if classes().zip(classes().skip(1)).all(|(one, next)| one < next) {
            return Ok(None);
        }
        let mut sorted = reserved(classes().len())?;
        sorted.extend(classes());
        sorted.sort_unstable();
        Ok(sorted.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0] as usize))
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.ends.len()
    }

    /// What is said about a row: classes and labels, in the order of the file.
    pub fn row(&self, row: usize) -> impl ExactSizeIterator<Item = (usize, Label)> + '_ {
        let start = if row == 0 { 0 } else { self.ends.get(row - 1) as usize };
        (start..self.ends.get(row) as usize).map(|i| {
            let entry = self.entries.get(i);
            let label = match entry & 3 {
                0 => Label::Negative,
                1 => Label::Unknown,
                _ => Label::Positive,
            };
            ((entry >> 2) as usize, label)
        })
    }

    /// Number of entries that say positive.
    pub fn positives(&self) -> usize {
        (0..self.rows()).map(|row| self.row(row).filter(|(_, label)| label.is_positive()).count()).sum()
    }

    /// Every cell of the matrix, `[rows, classes]`.
    ///
    /// # Errors
    /// [`FormatError::Limit`] where there are more cells than [`Limits::cells`].
    pub fn to_observed(&self, path: &Path, limits: &Limits) -> Result<ObservedLabels, FormatError> {
        let (rows, classes) = (self.rows(), self.classes.len());
        let cells = (rows as u64).saturating_mul(classes as u64);
        FormatError::within(path, "labels of a dense matrix", cells, limits.cells)?;
        let memory = |_| FormatError::memory(path, "labels of a dense matrix", cells);
        let mut matrix = LabelMatrix::try_filled(rows, classes, self.unlisted).map_err(memory)?;
        for row in 0..rows {
            let cells = matrix.row_mut(row);
            for (class, label) in self.row(row) {
                cells[class] = label;
            }
        }
        Ok(matrix.into())
    }

    /// The lists of some of the classes, which are numbered from 0 again.
    ///
    /// # Panics
    /// For a class that is not there.
    pub fn columns(&self, classes: Range<usize>) -> Self {
        let mut names = Strings::new();
        for class in classes.clone() {
            assert!(names.push(&self.classes[class]), "fewer names than before");
        }
        let mut cut = Self::new(names, self.unlisted);
        for row in 0..self.rows() {
            let kept = self.row(row).filter(|(class, _)| classes.contains(class));
            kept.for_each(|(class, label)| cut.push(class - classes.start, label));
            cut.end_row();
        }
        cut
    }

    /// Number of known labels of a row, over all classes.
    pub fn known(&self, row: usize) -> usize {
        let listed = |wanted: bool| self.row(row).filter(|(_, label)| label.is_known() == wanted).count();
        if self.unlisted.is_known() { self.classes.len() - listed(false) } else { listed(true) }
    }

    /// The rows named by `rows`, in that order.
    ///
    /// # Panics
    /// For a row that is not there, and beyond 2^32 entries.
    pub fn select(&self, rows: &[usize]) -> Self {
        let mut selected = Self::new(self.classes.clone(), self.unlisted);
        for &row in rows {
            self.row(row).for_each(|(class, label)| selected.push(class, label));
            selected.end_row();
        }
        selected
    }

    /// The lists of a matrix.
    pub fn of(matrix: &LabelMatrix, classes: Strings, unlisted: Label) -> Self {
        let mut lists = Self::new(classes, unlisted);
        for row in 0..matrix.rows() {
            for (class, &label) in matrix.row(row).iter().enumerate() {
                if label != unlisted {
                    lists.push(class, label);
                }
            }
            lists.end_row();
        }
        lists
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_in_any_order_make_the_same_lists() {
        use Label::{Negative as N, Positive as P, Unknown as U};
        let lists = |entries: &[(u32, u32, Label)]| {
            let mut list = Entries::default();
            entries.iter().for_each(|&(row, class, label)| assert!(list.push(row, class, label)));
            assert_eq!(list.len(), entries.len());
            LabelLists::of_entries(list, 3, vec!["a", "b"].into(), U)
        };
        let in_order = [(0, 1, N), (0, 0, P), (0, 1, N), (2, 0, P)];
        let expected = [P, N, U, U, P, U];
        assert!(!Entries::default().push(1 << 30, 0, P));
        for turned in 0..in_order.len() {
            let mut entries = in_order;
            entries.rotate_left(turned);
            let labels = lists(&entries).unwrap().to_observed(Path::new("x"), &Limits::default()).unwrap();
            assert_eq!(labels.cells(), expected);
        }
        for entries in [[(1, 1, N), (1, 1, P), (2, 0, P)], [(1, 1, N), (0, 0, P), (1, 1, P)]] {
            let error = lists(&entries).unwrap_err();
            assert!(matches!(error, BadEntries::TwoLabels { row: 1, class: 1, .. }), "{error:?}");
        }
    }

    #[test]
    fn a_matrix_comes_back() {
        use Label::{Negative as N, Positive as P, Unknown as U};
        let matrix = LabelMatrix::new(3, 2, vec![P, N, U, U, N, P]).unwrap();
        for unlisted in [U, N, P] {
            let lists = LabelLists::of(&matrix, vec!["a", "b"].into(), unlisted);
            let back = lists.to_observed(Path::new("x"), &Limits::default()).unwrap();
            assert_eq!(back.matrix(), &matrix);
            assert_eq!(lists.rows(), 3);
        }
        let lists = LabelLists::of(&matrix, vec!["a", "b"].into(), U);
        let selected = lists.select(&[2, 0]).to_observed(Path::new("x"), &Limits::default()).unwrap();
        assert_eq!(selected.matrix(), &matrix.select(&[2, 0]));
        assert_eq!(lists.positives(), 2);
        let error = lists.to_observed(Path::new("x"), &Limits { cells: 5, ..Limits::default() }).unwrap_err();
        assert!(error.to_string().contains("6 labels of a dense matrix"), "{error}");
    }
}
