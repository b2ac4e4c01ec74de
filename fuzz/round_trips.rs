//! What is written is what is read: arrays and labels that the bytes describe.

use crate::in_folder;
use arbitrary::{Arbitrary, Result, Unstructured};
use lacuna_formats::{
    Compression, CsvLayout, Destination, LabelSheet, NpyArray, NpyData, NpzArchive, ReadOptions,
    SafetensorsFile, Strings, format, write_labels_csv, write_labels_jsonl, write_npz, write_safetensors,
};
use lacuna_labels::{Label, LabelMatrix};
use std::path::Path;

/// A name of up to eight characters: any, or those that mean something to a format.
fn name(u: &mut Unstructured<'_>) -> Result<String> {
    let length = u.int_in_range(0..=8)?;
    (0..length)
        .map(|_| match u.ratio(1, 2)? {
            true => u
                .choose(&[',', ';', '\t', '"', '\'', '=', ' ', '\n', '\r', '|', '[', '\\', '\u{feff}', 'a'])
                .copied(),
            false => char::arbitrary(u),
        })
        .collect()
}

fn numbers<'a, T: Arbitrary<'a>>(u: &mut Unstructured<'a>, count: usize) -> Result<Vec<T>> {
    (0..count).map(|_| T::arbitrary(u)).collect()
}

fn array(u: &mut Unstructured<'_>) -> Result<NpyArray> {
    let rank = u.int_in_range(0..=3)?;
    let shape = (0..rank).map(|_| u.int_in_range(0..=4)).collect::<Result<Vec<usize>>>()?;
    let count = shape.iter().product();
    let data = match u.int_in_range(0..=9)? {
        0 => NpyData::Bool(numbers(u, count)?),
        1 => NpyData::U8(numbers(u, count)?),
        2 => NpyData::I8(numbers(u, count)?),
        3 => NpyData::U16(numbers(u, count)?),
        4 => NpyData::I32(numbers(u, count)?),
        5 => NpyData::U32(numbers(u, count)?),
        6 => NpyData::I64(numbers(u, count)?),
        7 => NpyData::U64(numbers(u, count)?),
        8 => NpyData::F32(numbers(u, count)?),
        _ => NpyData::F64(numbers(u, count)?),
    };
    Ok(NpyArray::new(shape, data).expect("as many as the shape says"))
}

/// The bytes of an array: numbers that are no numbers are not equal to themselves.
fn bytes(array: &NpyArray) -> Vec<u8> {
    let mut bytes = Vec::new();
    array.write_to(&mut bytes).expect("memory takes all");
    bytes
}

/// Arrays through `.npy`, `.npz` and `.safetensors`.
pub fn arrays(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let made = (0..u.int_in_range(1..=3).unwrap_or(1)).map(|_| Ok((name(&mut u)?, array(&mut u)?)));
    let Ok(made) = made.collect::<Result<Vec<_>>>() else { return };
    let named: Vec<(&str, &NpyArray)> = made.iter().map(|(name, array)| (name.as_str(), array)).collect();
    in_folder(
        |_| {},
        |folder| {
            let path = folder.join("x.npy");
            named[0].1.save(Destination::replacing(&path)).expect("arrays can be written");
            assert_eq!(bytes(&NpyArray::open(&path).expect("it was written")), bytes(named[0].1));
            for compression in [Compression::Stored, Compression::Deflate] {
                let path = folder.join("x.npz");
                // Names that an archive cannot have are refused.
                if write_npz(Destination::replacing(&path), &named, compression).is_err() {
                    continue;
                }
                let mut archive = NpzArchive::open(&path).expect("it was written");
                for (name, array) in &named {
                    assert_eq!(bytes(&archive.read(name).expect("it was written")), bytes(array), "{name:?}");
                }
            }
            let path = folder.join("x.safetensors");
            if write_safetensors(Destination::replacing(&path), &named, &[("key", named[0].0)]).is_ok() {
                let mut file = SafetensorsFile::open(&path).expect("it was written");
                assert_eq!(file.metadata().get("key").map(String::as_str), Some(named[0].0));
                for (name, array) in &named {
                    assert_eq!(bytes(&file.read(name).expect("it was written")), bytes(array), "{name:?}");
                }
            }
        },
    );
}

/// Labels through CSV, TSV and JSON lines.
pub fn labels(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let mut made = || -> Result<_> {
        let (rows, classes) = (u.int_in_range(1..=4)?, u.int_in_range(1..=3)?);
        let names = (0..rows).map(|_| name(&mut u)).collect::<Result<Vec<_>>>()?;
        let classes = (0..classes).map(|_| name(&mut u)).collect::<Result<Vec<_>>>()?;
        let cells = (0..names.len() * classes.len())
            .map(|_| u.choose(&[Label::Positive, Label::Negative, Label::Unknown]).copied())
            .collect::<Result<Vec<_>>>()?;
        Ok((Strings::from(names), Strings::from(classes), cells))
    };
    let Ok((names, classes, cells)) = made() else { return };
    let labels = LabelMatrix::new(names.len(), classes.len(), cells).expect("as many as the shape says");
    let sheet = LabelSheet { names: &names, classes: &classes, labels: &labels };
    in_folder(
        |_| {},
        |folder| {
            let wide = |file: &str, layout| {
                let path = folder.join(file);
                // Names that a format loses are refused.
                if write_labels_csv(Destination::replacing(&path), sheet, layout).is_ok() {
                    same(&path, "csv", &sheet, layout == CsvLayout::Long);
                }
            };
            wide("x.csv", CsvLayout::Wide);
            wide("x.tsv", CsvLayout::Wide);
            wide("x.csv", CsvLayout::Long);
            let path = folder.join("x.jsonl");
            if write_labels_jsonl(Destination::replacing(&path), sheet).is_ok() {
                same(&path, "jsonl", &sheet, true);
            }
        },
    );
}

/// What is read, beside what was written. Lists leave out classes that no row names, and order them as they come.
fn same(path: &Path, name: &str, sheet: &LabelSheet<'_>, lists: bool) {
    let id = ReadOptions { id_column: Some("id".into()), ..ReadOptions::default() };
    let options = if name == "csv" { id } else { ReadOptions::default() };
    let table = match format(name).expect("a format of the table").read(path, &options) {
        Ok(content) => content.train,
        // A reader may ask what is meant; it must not answer something else.
        Err(_) => return,
    };
    assert_eq!(table.names.as_ref(), Some(sheet.names));
    if !lists {
        assert_eq!(&table.classes, sheet.classes);
    }
    let read =
        table.labels.expect("labels were written").to_observed(path, &options.limits).expect("they are few");
    for row in 0..sheet.names.len() {
        for (class, name) in sheet.classes.iter().enumerate() {
            let found = table.classes.iter().position(|other| other == name);
            let label = found.map_or(Label::Unknown, |found| read.row(row)[found]);
            assert_eq!(label, sheet.labels.row(row)[class], "row {row}, class {name:?}");
        }
    }
}
