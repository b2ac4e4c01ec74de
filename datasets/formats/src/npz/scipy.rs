//! A sparse matrix in an archive, as `scipy.sparse.save_npz` writes it: `data`, `indices`, `indptr`, `shape`, `format`.

use super::NpzArchive;
use crate::arrays::sparse_labels;
use crate::error::within;
use crate::{Content, FeatureTable, FormatError, LabelTable, NpyData, ReadOptions, SparseFeatures, Table};
use std::io::{Read, Seek};
use std::path::Path;

/// Whether an archive is one sparse matrix.
pub(super) fn is_sparse<R: Read + Seek>(archive: &NpzArchive<R>) -> bool {
    let there = |name: &str| archive.names().any(|other| other == name);
    ["data", "indices", "indptr", "shape"].into_iter().all(there)
}

/// Reads it as features, or as labels where the options say so.
pub(super) fn read<R: Read + Seek>(
    archive: &mut NpzArchive<R>,
    path: &Path,
    options: &ReadOptions,
) -> Result<Content, FormatError> {
    let matrix = matrix(archive, path)?;
    let mut table = Table { path: path.into(), ..Table::default() };
    if options.labels {
        let lists = sparse_labels(&matrix, path, path, options.convention, false)?;
        table.classes = lists.classes.clone();
        table.labels = Some(LabelTable::Lists(lists));
    } else {
        table.features = Some(FeatureTable::Sparse(matrix));
    }
    Ok(table.into())
}

fn matrix<R: Read + Seek>(archive: &mut NpzArchive<R>, path: &Path) -> Result<SparseFeatures, FormatError> {
    let refuse = |problem: &str| {
        let problem = format!("invalid sparse matrix: {problem}");
        FormatError::Array { path: path.into(), problem, found: Vec::new() }
    };
    let has_format = archive.names().any(|name| name == "format");
    let format = match has_format {
        false => "csr".to_string(),
        true => {
            let array = archive.read("format")?;
            match array.data() {
                NpyData::Text(text) => text.get(0).unwrap_or_default().to_string(),
                NpyData::Bytes(bytes) => {
                    String::from_utf8_lossy(bytes.iter().next().unwrap_or_default()).into_owned()
                }
                _ => return Err(refuse("`format` is not a string")),
            }
        }
    };
    if format != "csr" && format != "csc" {
        return Err(refuse("unsupported format, expected csr or csc: convert it with `.tocsr()`"));
    }
    let mut integers = |name: &str| -> Result<Vec<usize>, FormatError> {
        let array = archive.read(name)?;
        let values = array.data().numbers().map_err(FormatError::npy(&within(path, name)))?;
        values
            .map(|value| {
                let whole = value >= 0.0 && value.fract() == 0.0 && value < 9e15;
                whole.then_some(value as usize).ok_or_else(|| refuse("an index is not an integer from 0 on"))
            })
            .collect()
    };
    let (shape, starts, indices) = (integers("shape")?, integers("indptr")?, integers("indices")?);
    let &[rows, columns] = &shape[..] else { return Err(refuse("expected two dimensions")) };
    let (outer, inner) = if format == "csr" { (rows, columns) } else { (columns, rows) };
    if starts.len() != outer.saturating_add(1) || starts[0] != 0 || !starts.is_sorted() {
        return Err(refuse("`indptr` does not have one start for each row, ascending from 0"));
    }
    let data = archive.read("data")?;
    let count = starts[outer];
    if indices.len() != count || data.data().len() != count {
        return Err(refuse("the lengths of `indices` and `data` do not match `indptr`"));
    }
    if format == "csc" {
        // Rows without an entry cost no byte of the file.
        FormatError::within(path, "rows of a sparse matrix", rows as u64, (1 << 20) + 8 * count as u64)?;
    }
    if inner > u32::MAX as usize - 1 || indices.iter().any(|&index| index >= inner) {
        return Err(refuse("an index is out of bounds"));
    }
    let values = data.data().numbers().map_err(FormatError::npy(&within(path, "data")))?;
    let mut entries: Vec<(u32, u32, f32)> = Vec::with_capacity(count);
    let mut at = 0;
    for (i, value) in values.enumerate() {
        while starts[at + 1] <= i {
            at += 1;
        }
        let narrow = value as f32;
        if !narrow.is_finite() {
            return Err(refuse("a value is not finite, or beyond the range of 32-bit floats"));
        }
        let (row, column) = if format == "csr" { (at, indices[i]) } else { (indices[i], at) };
        entries.push((row as u32, column as u32, narrow));
    }
    entries.sort_by_key(|entry| (entry.0, entry.1));
    if entries.windows(2).any(|pair| (pair[0].0, pair[0].1) == (pair[1].0, pair[1].1)) {
        return Err(refuse("duplicate cell: call `.sum_duplicates()` before saving"));
    }
    let mut sparse = SparseFeatures::new(columns);
    let mut entries = entries.into_iter().peekable();
    for row in 0..rows as u32 {
        while let Some((_, column, value)) = entries.next_if(|entry| entry.0 == row) {
            sparse.push(column as usize, value);
        }
        sparse.end_row();
    }
    Ok(sparse)
}

#[cfg(test)]
mod tests {
    use crate::{Compression, Content, FeatureTable, NpyArray, NpyData, ReadOptions, open_data, write_npz};

    fn read(
        shape: [i64; 2],
        starts: &[i32],
        indices: &[i32],
        format: &str,
        labels: bool,
    ) -> Result<Content, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npz");
        let array = |shape: Vec<usize>, data| NpyArray::new(shape, data).unwrap();
        let ones = array(vec![indices.len()], NpyData::F64(vec![1.0; indices.len()]));
        let (i, p) = (NpyData::I32(indices.to_vec()), NpyData::I32(starts.to_vec()));
        let (i, p) = (array(vec![indices.len()], i), array(vec![starts.len()], p));
        let shape = array(vec![2], NpyData::I64(shape.to_vec()));
        let format = array(vec![], NpyData::Text(vec![format].into()));
        let all = [("indices", &i), ("indptr", &p), ("format", &format), ("shape", &shape), ("data", &ones)];
        write_npz(&path, &all, Compression::Deflate).unwrap();
        open_data(&path, &ReadOptions { labels, ..ReadOptions::default() }).map_err(|error| error.to_string())
    }

    #[test]
    fn rows_and_columns_give_the_same_matrix() {
        // [[1, 0, 1], [0, 0, 0]]
        for (starts, indices, format) in [(&[0, 2, 2][..], [0, 2], "csr"), (&[0, 1, 1, 2], [0, 0], "csc")] {
            let content = read([2, 3], starts, &indices, format, false).unwrap();
            let Some(FeatureTable::Sparse(x)) = content.train.features else { panic!("sparse stays sparse") };
            assert_eq!((x.rows(), x.columns()), (2, 3));
            assert!(x.row(0).eq([(0, 1.0), (2, 1.0)]) && x.row(1).len() == 0);
        }
        let labels = read([2, 3], &[0, 2, 2], &[0, 2], "csr", true).unwrap().train.labels.unwrap();
        let labels = labels.to_observed(std::path::Path::new("x"), &Default::default()).unwrap();
        assert_eq!(labels.positives_per_class(), [1, 0, 1]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let error = |shape, starts: &[i32], indices: &[i32], format| {
            read(shape, starts, indices, format, false).unwrap_err()
        };
        assert!(error([2, 3], &[0, 2], &[0, 2], "csr").contains("one start for each row"));
        assert!(error([2, 3], &[0, 1, 2], &[0, 3], "csr").contains("out of bounds"));
        assert!(error([2, 3], &[0, 2, 2], &[1, 1], "csr").contains("duplicate cell"));
        assert!(error([2, 3], &[0, 2, 2], &[0, 2], "bsr").contains("expected csr or csc"));
        assert!(error([1 << 40, 1], &[0, 1], &[0], "csc").contains("rows of a sparse matrix"));
    }
}
