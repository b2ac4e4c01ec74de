//! One pass over features: a hash of each row, and the columns that never change.

use crate::rows::{RowHash, row_hash};
use lacuna_formats::{FeatureTable, SparseFeatures};
use lacuna_labels::Features;

/// The hashed content of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Every value, 4 bytes each.
    Dense,
    /// Columns and values of those that are not 0.
    Sparse,
}

/// The results of a pass over features.
#[derive(Debug)]
pub(crate) struct FeatureScan {
    pub(crate) columns: usize,
    pub(crate) sparse: bool,
    /// One for each row; none where there are no columns.
    pub(crate) hashes: Vec<RowHash>,
    pub(crate) constant_columns: usize,
    /// Row, column and value of the first that is not finite.
    pub(crate) not_finite: Option<(usize, usize, f32)>,
}

impl FeatureScan {
    pub(crate) fn of(features: &FeatureTable, form: Form) -> Self {
        match features {
            FeatureTable::Dense(features) => Self::of_dense(features, form),
            FeatureTable::Sparse(features) => Self::of_sparse(features),
        }
    }

    fn of_dense(features: &Features, form: Form) -> Self {
        let columns = features.columns();
        // Without columns, the number of rows does not measure the data.
        let rows = if columns == 0 { 0 } else { features.rows() };
        let mut hashes = vec![0; rows];
        let threads = match rows * columns < THREADED_VALUES {
            true => 1,
            false => std::thread::available_parallelism().map_or(1, usize::from),
        };
        let block = rows.div_ceil(threads).max(1);
        // Every block is compared with row 0, so a column is constant if it is in every block.
        let blocks: Vec<Vec<usize>> = std::thread::scope(|scope| {
            let scan = |(i, hashes)| move || hash_rows(features, form, i * block, hashes);
            let blocks = hashes.chunks_mut(block).enumerate().map(scan);
            if threads == 1 {
                return blocks.map(|scan| scan()).collect();
            }
            let threads: Vec<_> = blocks.map(|scan| scope.spawn(scan)).collect();
            threads.into_iter().map(|thread| thread.join().expect("hashing does not panic")).collect()
        });
        let in_all = |column: &&usize| blocks[1..].iter().all(|block| block.binary_search(column).is_ok());
        let constant = blocks.first().map_or(0, |first| first.iter().filter(in_all).count());
        let constant_columns = if rows > 1 { constant } else { 0 };
        Self { columns, sparse: false, hashes, constant_columns, not_finite: None }
    }

    fn of_sparse(features: &SparseFeatures) -> Self {
        let columns = features.columns();
        let rows = if columns == 0 { 0 } else { features.rows() };
        let mut hashes = Vec::with_capacity(rows);
        let mut bytes = Vec::new();
        let mut used = UsedColumns::new(features);
        // Columns that have the same value other than 0 in every row so far.
        let mut constant: Vec<(u32, f32)> = Vec::new();
        let mut not_finite = None;
        let mut entries: Vec<(u32, f32)> = Vec::new();
        for row in 0..rows {
            entries.clear();
            for (column, value) in features.row(row) {
                match entries.last_mut() {
                    // As in the dense matrix, the later value counts.
                    Some(last) if last.0 == column => last.1 = value,
                    _ => entries.push((column, value)),
                }
            }
            entries.retain(|&(_, value)| value != 0.0);
            if not_finite.is_none() {
                let first = entries.iter().find(|(_, value)| !value.is_finite());
                not_finite = first.map(|&(column, value)| (row, column as usize, value));
            }
            if row == 0 {
                constant.clone_from(&entries);
            } else if !constant.is_empty() {
                let mut rest = entries.iter().peekable();
                constant.retain(|entry| {
                    while rest.next_if(|other| other.0 < entry.0).is_some() {}
                    rest.peek() == Some(&entry)
                });
            }
            bytes.clear();
            for &(column, value) in &entries {
                used.insert(column);
                push_entry(&mut bytes, column as usize, value);
            }
            hashes.push(row_hash(&bytes));
        }
        let zeros = columns - used.count();
        let constant_columns = if rows > 1 { zeros + constant.len() } else { 0 };
        Self { columns, sparse: true, hashes, constant_columns, not_finite }
    }
}

/// Values from which on rows are hashed by all processors: one hashes 0.7 GB/s of rows below 4 KiB.
const THREADED_VALUES: usize = 1 << 20;

/// Hashes rows from `start` on; returns the columns in which they have the values of row 0, in order.
fn hash_rows(features: &Features, form: Form, start: usize, hashes: &mut [RowHash]) -> Vec<usize> {
    let columns = features.columns();
    let first = features.row(0);
    let mut constant: Vec<usize> = (0..columns).collect();
    let mut bytes = Vec::new();
    for (row, hash) in (start..).zip(hashes) {
        let x = features.row(row);
        constant.retain(|&column| x[column] == first[column]);
        match form {
            Form::Dense => {
                bytes.resize(4 * columns, 0);
                let (fields, _) = bytes.as_chunks_mut::<4>();
                fields.iter_mut().zip(x).for_each(|(field, x)| *field = x.to_le_bytes());
            }
            Form::Sparse => {
                bytes.clear();
                let entries = x.iter().enumerate().filter(|(_, x)| **x != 0.0);
                entries.for_each(|(column, &x)| push_entry(&mut bytes, column, x));
            }
        }
        *hash = row_hash(&bytes);
    }
    constant
}

fn push_entry(bytes: &mut Vec<u8>, column: usize, value: f32) {
    bytes.extend((column as u64).to_le_bytes());
    bytes.extend(value.to_le_bytes());
}

/// The columns that occur. A file of one line can claim 2^30 columns, so a bit for each only where there are entries
/// enough to pay for them.
enum UsedColumns {
    Bits(Vec<u64>),
    List(Vec<u32>),
}

impl UsedColumns {
    fn new(features: &SparseFeatures) -> Self {
        if features.columns() / 64 <= features.entries() {
            UsedColumns::Bits(vec![0; features.columns().div_ceil(64)])
        } else {
            UsedColumns::List(Vec::new())
        }
    }

    fn insert(&mut self, column: u32) {
        match self {
            UsedColumns::Bits(bits) => bits[column as usize / 64] |= 1 << (column % 64),
            UsedColumns::List(list) => list.push(column),
        }
    }

    fn count(self) -> usize {
        match self {
            UsedColumns::Bits(bits) => bits.iter().map(|bits| bits.count_ones() as usize).sum(),
            UsedColumns::List(mut list) => {
                list.sort_unstable();
                list.dedup();
                list.len()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sparse(columns: usize, rows: &[&[(usize, f32)]]) -> FeatureTable {
        let mut features = SparseFeatures::new(columns);
        for row in rows {
            row.iter().for_each(|&(column, value)| features.push(column, value));
            features.end_row();
        }
        FeatureTable::Sparse(features)
    }

    #[test]
    fn columns_that_never_change_are_counted_in_both_forms() {
        let rows: [&[(usize, f32)]; 3] =
            [&[(0, 1.0), (1, 2.0), (3, 5.0)], &[(0, 1.0), (1, 3.0)], &[(0, 1.0), (1, 2.0), (3, 5.0)]];
        // Column 0 is 1 everywhere, column 2 is 0 everywhere.
        let found = FeatureScan::of(&sparse(4, &rows), Form::Sparse);
        assert_eq!(found.constant_columns, 2);
        let dense =
            Features::new(3, 4, vec![1.0, 2.0, 0.0, 5.0, 1.0, 3.0, 0.0, 0.0, 1.0, 2.0, -0.0, 5.0]).unwrap();
        for form in [Form::Dense, Form::Sparse] {
            assert_eq!(FeatureScan::of(&FeatureTable::Dense(dense.clone()), form).constant_columns, 2);
        }
        // The same rows have the same hashes whether they are stored dense or sparse.
        assert_eq!(FeatureScan::of(&FeatureTable::Dense(dense), Form::Sparse).hashes, found.hashes);
        // One entry in a column far out.
        let far = sparse(0, &[&[(4_000_000_000, 1.0)], &[]]);
        assert_eq!(FeatureScan::of(&far, Form::Sparse).constant_columns, 4_000_000_000);
        let one_row = Features::new(1, 2, vec![0.0; 2]).unwrap();
        assert_eq!(FeatureScan::of(&FeatureTable::Dense(one_row), Form::Dense).constant_columns, 0);
    }

    #[test]
    fn columns_that_change_in_one_block_of_rows_only_are_not_constant() {
        // Column 0 never changes, column 1 in the last row, column 2 in row 1, the others everywhere.
        let (rows, columns) = (3_000, 400);
        let value = |i: usize| match (i / columns, i % columns) {
            (_, 0) => 7.0,
            (row, 1) => f32::from(row == rows - 1),
            (row, 2) => f32::from(row == 1),
            _ => i as f32,
        };
        let features = Features::new(rows, columns, (0..rows * columns).map(value).collect()).unwrap();
        assert!(features.values().len() >= THREADED_VALUES);
        let found = FeatureScan::of(&FeatureTable::Dense(features.clone()), Form::Dense);
        assert_eq!(found.constant_columns, 1);
        for row in [0, 1, 1_500, rows - 1] {
            let one = FeatureTable::Dense(features.select(&[row]));
            assert_eq!(FeatureScan::of(&one, Form::Dense).hashes, [found.hashes[row]], "{row}");
        }
    }

    #[test]
    fn a_zero_that_is_written_down_and_a_second_value_change_nothing() {
        let a = FeatureScan::of(&sparse(3, &[&[(1, 0.0), (2, 5.0)]]), Form::Sparse);
        let b = FeatureScan::of(&sparse(3, &[&[(2, 4.0), (2, 5.0)]]), Form::Sparse);
        assert_eq!(a.hashes, b.hashes);
        let c = FeatureScan::of(&sparse(3, &[&[(1, 5.0)]]), Form::Sparse);
        assert_ne!(a.hashes, c.hashes);
        let broken = FeatureScan::of(&sparse(3, &[&[], &[(1, f32::INFINITY)]]), Form::Sparse);
        assert_eq!(broken.not_finite, Some((1, 1, f32::INFINITY)));
    }
}
