//! Features in numbered shards: `img_emb/img_emb_0.npy`, `img_emb_1.npy`, ... as clip-retrieval writes them.

use crate::arrays::features::finite;
use crate::error::printed;
use crate::memory::reserved;
use crate::npy::{FeatureShape, MatrixFile};
use crate::{Content, FeatureTable, FormatError, ReadOptions, Table, shown};
use lacuna_labels::Features;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Reads a folder of shards `<name>_<number>.npy` (or `<name>.<number>.npy`), or one with such a folder `img_emb`.
///
/// Rows come in the order of the **numbers**: shard 10 after shard 9, which is not the order of the names. No number may
/// be missing and all shards have as many columns. There are no names of rows: clip-retrieval keeps them in Parquet
/// files, which are not read.
///
/// # Errors
/// [`FormatError::Array`] for a folder without shards, with those of several names, or with a gap;
/// [`FormatError::Mismatch`] for shards that differ in width.
pub(crate) fn read(path: &Path, options: &ReadOptions) -> Result<Content, FormatError> {
    let inner = path.join("img_emb");
    let folder = if inner.is_dir() { inner } else { path.to_path_buf() };
    let (name, shards) = shards(&folder, options.features.as_deref())?;
    // One file is open at a time: there may be thousands.
    let first = MatrixFile::open(&shards[0])?.features;
    let mut rows = Vec::with_capacity(shards.len());
    for shard in &shards {
        let shape = MatrixFile::open(shard)?.features;
        same_columns((&shards[0], &first), (shard, &shape))?;
        rows.push(shape.rows);
    }
    // Each file has as many bytes as its header says, so the sum cannot be absurd.
    let (columns, all) = (first.columns, rows.iter().fold(0_usize, |sum, &rows| sum.saturating_add(rows)));
    if all == 0 || columns == 0 {
        return Err(FormatError::Empty { path: folder, what: "rows" });
    }
    let cells = all.saturating_mul(columns);
    FormatError::within(&folder, "features", cells as u64, options.limits.cells)?;
    let mut values =
        reserved(cells).map_err(|bytes| FormatError::memory(&folder, "the features of all shards", bytes))?;
    let mut note = None;
    for (shard, rows) in shards.into_iter().zip(rows) {
        let start = values.len();
        let file = MatrixFile::open(&shard)?;
        if (file.features.rows, file.features.columns) != (rows, columns) {
            return Err(FormatError::bytes(&shard, 0, "the file changed while the shards were read"));
        }
        note = note.or_else(|| file.features.note(&shard));
        file.append_f32(&mut values).map_err(FormatError::npy(&shard))?;
        // Here, so that the file and the row within it are named.
        if let Some(i) = values[start..].iter().position(|value| !value.is_finite()) {
            let (row, column, value) = (i / columns, i % columns, values[start + i]);
            return Err(FormatError::NotFinite { path: shard, row, column, value });
        }
    }
    let features = Features::new(all, columns, values).map_err(finite(&folder))?;
    let features = Some(FeatureTable::Dense(features));
    let notes = note.into_iter().collect();
    Ok(Table {
        path: folder,
        features,
        image: first.image,
        notes,
        chosen_features: Some(name),
        ..Table::default()
    }
    .into())
}

/// Whether the rows of two shards have the same shape.
fn same_columns(one: (&Path, &FeatureShape), other: (&Path, &FeatureShape)) -> Result<(), FormatError> {
    let ((path, first), (other, shape)) = (one, other);
    if first.columns != shape.columns {
        let (count, other_count) = (first.columns, shape.columns);
        let (path, other) = (path.into(), other.into());
        return Err(FormatError::Mismatch { what: "columns", path, count, other, other_count });
    }
    same_image((path, first.image), (other, shape.image))
}

/// Whether the rows of two files are pictures of the same shape, or both none.
pub(crate) fn same_image(
    (path, image): (&Path, Option<[usize; 3]>),
    (other, other_image): (&Path, Option<[usize; 3]>),
) -> Result<(), FormatError> {
    if image == other_image {
        return Ok(());
    }
    let words = |image: Option<[usize; 3]>| match image {
        Some([channels, height, width]) => format!("pictures of shape ({channels}, {height}, {width})"),
        None => "lists of numbers".to_string(),
    };
    let problem =
        format!("the rows are {}, and those of {} are {}", words(other_image), printed(path), words(image));
    Err(FormatError::Unwritable { path: other.into(), problem })
}

/// Whether a folder has a shard.
pub(crate) fn recognises(folder: &Path) -> bool {
    let inner = folder.join("img_emb");
    families(if inner.is_dir() { &inner } else { folder }).is_ok_and(|families| !families.is_empty())
}

/// The files of each name, by number.
type Families = BTreeMap<String, BTreeMap<u64, PathBuf>>;

fn families(folder: &Path) -> Result<Families, FormatError> {
    let mut families = Families::new();
    for entry in fs::read_dir(folder).map_err(FormatError::io(folder))? {
        let file = entry.map_err(FormatError::io(folder))?.path();
        let Some(stem) = file.file_name().and_then(|name| name.to_str()?.strip_suffix(".npy")) else {
            continue;
        };
        let Some(at) = stem.rfind(['_', '.']) else { continue };
        let (name, number) = (&stem[..at], &stem[at + 1..]);
        if let Some(number) = number.parse().ok().filter(|_| number.bytes().all(|byte| byte.is_ascii_digit()))
        {
            let before = families.entry(name.to_string()).or_default().insert(number, file.clone());
            if let Some(before) = before {
                let problem = format!("{} and {} have the same number", printed(&before), printed(&file));
                return Err(FormatError::Array { path: folder.into(), problem, found: Vec::new() });
            }
        }
    }
    Ok(families)
}

/// The name of the shards and the shards, by number.
fn shards(folder: &Path, wanted: Option<&str>) -> Result<(String, Vec<PathBuf>), FormatError> {
    let mut families = families(folder)?;
    let found: Vec<String> = families.keys().cloned().collect();
    let refuse =
        |problem: String| Err(FormatError::Array { path: folder.into(), problem, found: found.clone() });
    let wanted = wanted.or_else(|| families.contains_key("img_emb").then_some("img_emb"));
    if let Some(wanted) = wanted {
        families.retain(|name, _| name == wanted);
    }
    let (name, numbered) = match families.len() {
        1 => families.pop_first().expect("there is one"),
        0 => return refuse("there are no shards <name>_<number>.npy".into()),
        _ => return refuse("shards of several names: choose one for the features".into()),
    };
    let first = *numbered.keys().next().expect("a name has a number");
    let gap = numbered.keys().zip(first..).find(|(number, expected)| *number != expected);
    match gap {
        Some((_, missing)) => refuse(format!("shard {missing} of {} is missing", shown(&name))),
        None if first > 1 => {
            refuse(format!("shards of {} start with number {first}, not with 0 or 1", shown(&name)))
        }
        None => Ok((name, numbered.into_values().collect())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NpyArray, NpyData};

    fn write(folder: &Path, name: &str, rows: usize, columns: usize, first: f32) {
        let values = (0..rows * columns).map(|i| half::f16::from_f32(first + i as f32)).collect();
        let array = NpyArray::new(vec![rows, columns], NpyData::F16(values)).unwrap();
        array.save(crate::Destination::replacing(&folder.join(name))).unwrap();
    }

    #[test]
    fn shards_come_in_the_order_of_their_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("img_emb");
        fs::create_dir(&inner).unwrap();
        for shard in 0..12 {
            write(&inner, &format!("img_emb_{shard}.npy"), 1 + shard % 2, 2, 10.0 * shard as f32);
        }
        write(&inner, "text_emb_0.npy", 1, 3, 0.0);
        assert!(recognises(folder.path()) && recognises(&inner));
        let table = read(folder.path(), &ReadOptions::default()).unwrap().train;
        let Some(FeatureTable::Dense(features)) = table.features else { panic!() };
        assert_eq!((features.rows(), features.columns()), (18, 2));
        assert_eq!(features.row(17), [112.0, 113.0]);
        assert_eq!(features.row(15), [100.0, 101.0]);
    }

    #[test]
    fn gaps_widths_and_other_folders_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let error = || read(path, &ReadOptions::default()).unwrap_err().to_string();
        assert!(!recognises(path));
        assert!(error().contains("there are no shards"));
        write(path, "pd12m.00.npy", 1, 2, 0.0);
        write(path, "pd12m.02.npy", 1, 2, 0.0);
        assert!(error().contains("shard 1 of pd12m is missing"), "{}", error());
        write(path, "pd12m.01.npy", 1, 3, 0.0);
        assert!(error().contains("has 2 columns and"), "{}", error());
        write(path, "pd12m.1.npy", 1, 3, 0.0);
        assert!(error().contains("have the same number"));
        fs::remove_file(path.join("pd12m.1.npy")).unwrap();
        write(path, "pd12m.01.npy", 1, 2, f32::INFINITY);
        assert!(error().contains("pd12m.01.npy: row 0, column 0"), "{}", error());
        write(path, "other_0.npy", 1, 2, 0.0);
        assert!(error().contains("shards of several names"));
        let named = ReadOptions { features: Some("other".into()), ..ReadOptions::default() };
        assert_eq!(read(path, &named).unwrap().train.rows(), 1);
    }
}
