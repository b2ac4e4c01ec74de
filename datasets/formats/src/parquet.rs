//! Parquet with a row for each row: lists of floats are features, lists of strings or integers labels (cargo feature
//! `parquet`).

mod footer;
mod pages;
mod source;
mod thrift;

use crate::labels::names::{Classes, numbered_classes, unique};
use crate::text::shown::escaped;
use crate::{
    Content, FeatureTable, FormatError, LabelLists, LabelTable, ReadOptions, Strings, Table, input, shown,
};
use ::parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader};
use ::parquet::arrow::{ProjectionMask, parquet_to_arrow_field_levels};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float16Type, Float32Type, Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Schema};
use lacuna_labels::{Features, Label};
use pages::Groups;
use source::Source;
use std::cell::Cell;
use std::fmt::Display;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::{Arc, Once};

/// Rows that are decoded at once.
const BATCH: usize = 1024;

/// Most characters of what the crate `parquet` says of a file.
const LONGEST_PROBLEM: usize = 200;

const NAMES: &[&str] = &["id", "name", "path", "file_name", "filename", "image", "image_path", "key", "url"];

/// Reads features, labels and names of rows.
///
/// Features are the column of [`ReadOptions::features`], else the only list of floats; labels that of
/// [`ReadOptions::label_array`], else the only list of strings or integers; names the first column of text with a usual
/// name. What is not listed is unknown unless [`ReadOptions::unlisted`] says otherwise.
pub(crate) fn read(path: &Path, options: &ReadOptions) -> Result<Content, FormatError> {
    let mut file = input::open_ordinary(path).map_err(FormatError::io(path))?;
    let broken = |error: String| {
        // The crate puts names of its errors before those of this one.
        let problem = error.rsplit_once("Parquet error: ").map_or(&*error, |(_, problem)| problem);
        let problem: String = problem.chars().take(LONGEST_PROBLEM).collect();
        FormatError::bytes(path, 0, format!("the Parquet file cannot be read: {}", escaped(&problem)))
    };
    footer::check(&mut file).map_err(FormatError::io(path))?.map_err(broken)?;
    let source = Source::description(file);
    let description =
        caught(|| ArrowReaderMetadata::load(&source, ArrowReaderOptions::new())).map_err(broken)?;
    let mut columns = Columns::of(description.schema(), path, options)?;
    // Only these are read: a file may have the images as well.
    let read = columns.numbered();
    let groups = Groups { source: Arc::new(source.pages()), metadata: description.metadata().clone() };
    let mut reader = caught(|| {
        let schema = description.parquet_schema();
        let mask = ProjectionMask::roots(schema, read);
        let levels = parquet_to_arrow_field_levels(schema, mask, Some(description.schema().fields()))?;
        ParquetRecordBatchReader::try_new_with_row_groups(&levels, &groups, BATCH, None)
    })
    .map_err(broken)?;
    let mut rows = Rows::new(path, options);
    while let Some(batch) = caught(|| reader.next().transpose()).map_err(broken)? {
        rows.push(&batch, &columns)?;
    }
    rows.table(columns)
}

thread_local! {
    /// Whether a panic of this thread is caught and becomes an error.
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// The answer of the crate `parquet`, which panics on some files that are not well formed: their sizes are negative, for
/// example. Such a panic is an error, of which nothing else is printed.
fn caught<T, E: Display>(work: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !CAUGHT.get() {
                before(panic);
            }
        }));
    });
    let outer = CAUGHT.replace(true);
    let answer = panic::catch_unwind(AssertUnwindSafe(work));
    CAUGHT.set(outer);
    match answer {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(panic) => {
            let message = panic.downcast_ref::<String>().map(String::as_str);
            Err(message.or(panic.downcast_ref::<&str>().copied()).unwrap_or("it is not well formed").into())
        }
    }
}

/// Which column is what.
struct Columns {
    features: Option<usize>,
    labels: Option<usize>,
    names: Option<usize>,
    chosen: Option<String>,
}

fn item(data: &DataType) -> Option<&DataType> {
    match data {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            Some(item.data_type())
        }
        _ => None,
    }
}

fn is_text(data: &DataType) -> bool {
    matches!(data, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

impl Columns {
    fn of(schema: &Schema, path: &Path, options: &ReadOptions) -> Result<Self, FormatError> {
        let found = || schema.fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
        let choose = |named: &Option<String>, what: &str, option: &str, fits: &dyn Fn(&DataType) -> bool| {
            let refuse =
                |problem: String| Err(FormatError::Array { path: path.into(), problem, found: found() });
            let fields = schema.fields().iter().enumerate();
            let fit: Vec<usize> =
                fields.filter(|(_, field)| fits(field.data_type())).map(|(i, _)| i).collect();
            match (named, &fit[..]) {
                (Some(name), fit) => match fit.iter().find(|&&i| schema.field(i).name() == name) {
                    Some(&i) => Ok(Some(i)),
                    None => refuse(format!("no column `{}` is {what}", shown(name))),
                },
                (None, []) => Ok(None),
                (None, [only]) => Ok(Some(*only)),
                (None, _) => refuse(format!("several columns are {what}: {option} NAME chooses one")),
            }
        };
        let floats = |data: &DataType| {
            item(data)
                .is_some_and(|item| matches!(item, DataType::Float16 | DataType::Float32 | DataType::Float64))
        };
        let classes = |data: &DataType| item(data).is_some_and(|item| is_text(item) || item.is_integer());
        let features = choose(&options.features, "a list of floats", "--features", &floats)?;
        let labels = choose(&options.label_array, "a list of strings or integers", "--labels", &classes)?;
        if features.is_none() && labels.is_none() {
            let problem = "no column is a list of floats, of strings or of integers".into();
            return Err(FormatError::Array { path: path.into(), problem, found: found() });
        }
        let names = NAMES.iter().find_map(|name| {
            let fits = |field: &&std::sync::Arc<arrow_schema::Field>| field.name() == name;
            let place = schema.fields().iter().position(|field| fits(&field))?;
            let data = schema.field(place).data_type();
            (is_text(data) || data.is_integer()).then_some(place)
        });
        let chosen = features.map(|i| schema.field(i).name().clone());
        Ok(Self { features, labels, names, chosen })
    }

    /// The columns of the file that are read, in its order; from here on they are numbered among them.
    fn numbered(&mut self) -> Vec<usize> {
        let mut read: Vec<usize> = [self.features, self.labels, self.names].into_iter().flatten().collect();
        read.sort_unstable();
        read.dedup();
        for column in [&mut self.features, &mut self.labels, &mut self.names].into_iter().flatten() {
            *column = read.binary_search(column).expect("one of them");
        }
        read
    }
}

/// The values of a list in one row.
fn values(list: &ArrayRef, row: usize) -> Option<ArrayRef> {
    if list.is_null(row) {
        return None;
    }
    Some(match list.data_type() {
        DataType::List(_) => list.as_list::<i32>().value(row),
        DataType::LargeList(_) => list.as_list::<i64>().value(row),
        _ => list.as_fixed_size_list().value(row),
    })
}

/// Text or an integer as text.
fn text(array: &ArrayRef, i: usize) -> Option<String> {
    if array.is_null(i) {
        return None;
    }
    Some(match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(i).to_string(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(i).to_string(),
        DataType::Utf8View => array.as_string_view().value(i).to_string(),
        _ => integer(array, i)?.to_string(),
    })
}

fn integer(array: &ArrayRef, i: usize) -> Option<i64> {
    use arrow_array::types::{Int8Type, Int16Type, Int32Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type};
    Some(match array.data_type() {
        DataType::Int8 => array.as_primitive::<Int8Type>().value(i).into(),
        DataType::Int16 => array.as_primitive::<Int16Type>().value(i).into(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(i).into(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(i),
        DataType::UInt8 => array.as_primitive::<UInt8Type>().value(i).into(),
        DataType::UInt16 => array.as_primitive::<UInt16Type>().value(i).into(),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().value(i).into(),
        DataType::UInt64 => i64::try_from(array.as_primitive::<UInt64Type>().value(i)).ok()?,
        _ => return None,
    })
}

struct Rows<'a> {
    path: &'a Path,
    options: &'a ReadOptions,
    rows: usize,
    width: Option<usize>,
    values: Vec<f32>,
    names: Strings,
    classes: Classes,
    /// Classes that are numbers.
    numbered: Option<u64>,
    lists: LabelLists,
}

impl<'a> Rows<'a> {
    fn new(path: &'a Path, options: &'a ReadOptions) -> Self {
        Self {
            path,
            options,
            rows: 0,
            width: None,
            values: Vec::new(),
            names: Strings::new(),
            classes: Classes::new(options),
            numbered: None,
            lists: LabelLists::new(Strings::new(), options.unlisted.unwrap_or(Label::Unknown)),
        }
    }

    fn refuse<T>(&self, problem: String) -> Result<T, FormatError> {
        let problem = format!("row {} (counted from 0): {problem}", self.rows);
        Err(FormatError::Array { path: self.path.into(), problem, found: Vec::new() })
    }

    fn push(&mut self, batch: &RecordBatch, columns: &Columns) -> Result<(), FormatError> {
        for row in 0..batch.num_rows() {
            if let Some(column) = columns.features {
                self.features(values(batch.column(column), row))?;
            }
            if let Some(column) = columns.labels {
                self.labels(values(batch.column(column), row))?;
            }
            if let Some(column) = columns.names {
                let Some(name) = text(batch.column(column), row) else {
                    return self.refuse("it has no name".into());
                };
                if !self.names.push(&name) {
                    return self.refuse("names take more than 4 GiB".into());
                }
            }
            self.rows += 1;
        }
        Ok(())
    }

    fn features(&mut self, values: Option<ArrayRef>) -> Result<(), FormatError> {
        let Some(list) = values else { return self.refuse("it has no features".into()) };
        let width = *self.width.get_or_insert(list.len());
        if list.len() != width || width == 0 {
            return self
                .refuse(format!("it has {} features, expected {width} as in the first row", list.len()));
        }
        FormatError::within(
            self.path,
            "features",
            (self.values.len() + width) as u64,
            self.options.limits.cells,
        )?;
        for i in 0..width {
            let value = match list.data_type() {
                _ if list.is_null(i) => return self.refuse(format!("feature {i} is missing")),
                DataType::Float16 => f64::from(list.as_primitive::<Float16Type>().value(i).to_f32()),
                DataType::Float32 => f64::from(list.as_primitive::<Float32Type>().value(i)),
                _ => list.as_primitive::<Float64Type>().value(i),
            };
            let (path, row) = (self.path.into(), self.rows);
            match value as f32 {
                narrow if narrow.is_finite() => self.values.push(narrow),
                _ if value.is_finite() => return Err(FormatError::Range { path, row, column: i, value }),
                value => return Err(FormatError::NotFinite { path, row, column: i, value }),
            }
        }
        Ok(())
    }

    fn labels(&mut self, values: Option<ArrayRef>) -> Result<(), FormatError> {
        let Some(list) = values else {
            return self.refuse("its list of labels is null: write an empty list for no label".into());
        };
        let mut of_row = Vec::with_capacity(list.len());
        for i in 0..list.len() {
            let class = match list.data_type() {
                data if is_text(data) => match text(&list, i) {
                    Some(name) => self.classes.find(&name).or_else(|problem| self.refuse(problem))?,
                    None => return self.refuse("a label is null".into()),
                },
                _ => {
                    let most = self.options.limits.entries;
                    match integer(&list, i)
                        .and_then(|class| u64::try_from(class).ok())
                        .filter(|class| *class < most)
                    {
                        Some(class) => {
                            self.numbered = Some(self.numbered.unwrap_or_default().max(class + 1));
                            class as u32
                        }
                        None => {
                            return self
                                .refuse(format!("invalid class: expected a number from 0 to {}", most - 1));
                        }
                    }
                }
            };
            of_row.push(class);
        }
        of_row.sort_unstable();
        of_row.dedup();
        of_row.iter().for_each(|&class| self.lists.push(class as usize, Label::Positive));
        self.lists.end_row();
        Ok(())
    }

    fn table(mut self, columns: Columns) -> Result<Content, FormatError> {
        let path = self.path;
        if self.rows == 0 {
            return Err(FormatError::Empty { path: path.into(), what: "rows" });
        }
        let mut table = Table { path: path.into(), chosen_features: columns.chosen, ..Table::default() };
        if let Some(width) = self.width {
            let features =
                Features::new(self.rows, width, self.values).expect("as many finite values in every row");
            table.features = Some(FeatureTable::Dense(features));
        }
        if columns.names.is_some() {
            unique(path, &self.names)?;
            table.names = Some(self.names);
        }
        if columns.labels.is_some() {
            self.lists.classes = match self.numbered {
                Some(classes) => numbered_classes(path, classes as usize)?,
                None => self.classes.into_names(),
            };
            table.classes = self.lists.classes.clone();
            table.labels = Some(LabelTable::Lists(self.lists));
        }
        Ok(table.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::parquet::arrow::ArrowWriter;
    use ::parquet::basic::{Compression, Encoding};
    use ::parquet::file::properties::{WriterProperties, WriterVersion};
    use arrow_array::builder::{Float32Builder, ListBuilder, StringBuilder};
    use arrow_array::{FixedSizeListArray, StringArray};
    use std::fs::File;

    fn write(path: &Path, columns: Vec<(&str, ArrayRef)>) {
        write_as(path, columns, WriterProperties::default());
    }

    fn write_as(path: &Path, columns: Vec<(&str, ArrayRef)>, properties: WriterProperties) {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut writer =
            ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }

    fn floats(rows: &[&[f32]]) -> ArrayRef {
        let mut builder = ListBuilder::new(Float32Builder::new());
        rows.iter().for_each(|row| builder.append_value(row.iter().map(|x| Some(*x))));
        Arc::new(builder.finish())
    }

    fn tags(rows: &[&[&str]]) -> ArrayRef {
        let mut builder = ListBuilder::new(StringBuilder::new());
        rows.iter().for_each(|row| builder.append_value(row.iter().map(Some)));
        Arc::new(builder.finish())
    }

    #[test]
    fn lists_of_floats_and_strings_are_features_and_labels() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.parquet");
        let names: ArrayRef = Arc::new(StringArray::from(vec!["a.jpg", "b.jpg"]));
        let all = vec![
            ("path", names),
            ("embedding", floats(&[&[0.0, 1.0], &[2.0, 3.0]])),
            ("tags", tags(&[&["cat", "dog"], &[]])),
        ];
        write(&path, all);
        let table = crate::open_data(&path, &ReadOptions::default()).unwrap().train;
        assert_eq!(table.names.unwrap().to_vec(), ["a.jpg", "b.jpg"]);
        assert_eq!(table.classes.to_vec(), ["cat", "dog"]);
        let Some(FeatureTable::Dense(features)) = table.features else { panic!() };
        assert_eq!(features.row(1), [2.0, 3.0]);
        let labels = table.labels.unwrap().to_observed(&path, &Default::default()).unwrap();
        assert_eq!(labels.cells(), [Label::Positive, Label::Positive, Label::Unknown, Label::Unknown]);
        for length in 0..std::fs::read(&path).unwrap().len() {
            let cut = folder.path().join("cut.parquet");
            std::fs::write(&cut, &std::fs::read(&path).unwrap()[..length]).unwrap();
            assert!(read(&cut, &ReadOptions::default()).is_err(), "{length}");
        }
    }

    #[test]
    fn rows_that_do_not_fit_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.parquet");
        let error = |columns| {
            write(&path, columns);
            read(&path, &ReadOptions::default()).unwrap_err().to_string()
        };
        assert!(
            error(vec![("x", floats(&[&[0.0, 1.0], &[2.0]]))])
                .contains("row 1 (counted from 0): it has 1 features")
        );
        assert!(error(vec![("x", floats(&[&[f32::NAN]]))]).contains("row 0, column 0"));
        let two = vec![("x", floats(&[&[0.0]])), ("y", floats(&[&[0.0]]))];
        assert!(error(two).contains("--features NAME"));
        let fixed = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(
            vec![Some(vec![Some(1.0), None])],
            2,
        );
        assert!(error(vec![("x", Arc::new(fixed) as ArrayRef)]).contains("feature 1 is missing"));
    }
    /// The crate `parquet` panics on sizes below zero, which ended the program. In its numbers the last bit is the sign.
    #[test]
    fn a_size_below_zero_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.parquet");
        write(&path, vec![("x", floats(&[&[0.0, 1.0]]))]);
        let bytes = std::fs::read(&path).unwrap();
        let errors: Vec<String> = (0..bytes.len())
            .filter_map(|at| {
                let mut changed = bytes.clone();
                changed[at] ^= 1;
                std::fs::write(&path, changed).unwrap();
                Some(read(&path, &ReadOptions::default()).err()?.to_string())
            })
            .collect();
        assert!(errors.iter().any(|error| error.contains("should not be negative")), "{errors:?}");
        assert!(errors.iter().all(|error| error.contains("x.parquet")));
    }

    /// Lists of any width of floats and of any integers, and names that are integers.
    #[test]
    fn types_of_numbers() {
        use arrow_array::types::{
            Float16Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type,
            UInt64Type,
        };
        use arrow_array::{Float64Array, Int32Array, LargeListArray, ListArray};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.parquet");
        macro_rules! lists {
            ($($kind:ty),*) => {
                vec![$(Arc::new(ListArray::from_iter_primitive::<$kind, _, _>(
                    [Some(vec![Some(2), Some(0)]), Some(vec![Some(1)])],
                )) as ArrayRef),*]
            };
        }
        let all =
            lists![Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type];
        for labels in all {
            let x =
                Arc::new(LargeListArray::from_iter_primitive::<::arrow_array::types::Float64Type, _, _>([
                    Some(vec![Some(0.5)]),
                    Some(vec![Some(-2.0)]),
                ]));
            let id = Arc::new(Int32Array::from(vec![17, -4]));
            write(&path, vec![("labels", labels), ("id", id), ("x", x)]);
            let table = read(&path, &ReadOptions::default()).unwrap().train;
            assert_eq!(table.names.unwrap().to_vec(), ["17", "-4"]);
            let Some(FeatureTable::Dense(features)) = table.features else { panic!() };
            assert_eq!((features.row(0), features.row(1)), (&[0.5][..], &[-2.0][..]));
            let labels = table.labels.unwrap().to_observed(&path, &Default::default()).unwrap();
            let (p, u) = (Label::Positive, Label::Unknown);
            assert_eq!(labels.cells(), [p, u, p, u, p, u]);
        }
        let half = <Float16Type as arrow_array::ArrowPrimitiveType>::Native::from_bits;
        let x = ListArray::from_iter_primitive::<Float16Type, _, _>([Some(vec![
            Some(half(0x3e00)),
            Some(half(0xb400)),
        ])]);
        write(&path, vec![("x", Arc::new(x))]);
        let table = read(&path, &ReadOptions::default()).unwrap().train;
        let Some(FeatureTable::Dense(features)) = table.features else { panic!() };
        assert_eq!(features.row(0), [1.5, -0.25]);
        // No list, and a class below zero.
        write(&path, vec![("x", Arc::new(Float64Array::from(vec![1.0])))]);
        let error = read(&path, &ReadOptions::default()).unwrap_err().to_string();
        assert!(error.contains("no column is a list"), "{error}");
        let labels = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(-1)])]);
        write(&path, vec![("labels", Arc::new(labels))]);
        let error = read(&path, &ReadOptions::default()).unwrap_err().to_string();
        assert!(error.contains("row 0 (counted from 0): invalid class"), "{error}");
    }

    /// Every encoding of strings in both versions of pages, compressed or not, where most lists and strings are short.
    #[test]
    fn encodings_of_strings() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.parquet");
        // More than the 1024 rows of a batch, and the 128 lengths of a block.
        let rows: Vec<Vec<String>> = (0..3000)
            .map(|row| (0..row % 4).map(|tag| format!("tag {}", row * tag % 211)).collect())
            .collect();
        let rows: Vec<Vec<&str>> = rows.iter().map(|row| row.iter().map(String::as_str).collect()).collect();
        let all: Vec<&[&str]> = rows.iter().map(Vec::as_slice).collect();
        let mut encodings =
            vec![Encoding::PLAIN, Encoding::DELTA_LENGTH_BYTE_ARRAY, Encoding::DELTA_BYTE_ARRAY];
        encodings.push(Encoding::RLE_DICTIONARY);
        let mut first: Option<LabelLists> = None;
        for encoding in encodings {
            for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
                for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY] {
                    let properties = WriterProperties::builder()
                        .set_writer_version(version)
                        .set_compression(compression)
                        .set_dictionary_enabled(encoding == Encoding::RLE_DICTIONARY);
                    let properties = match encoding {
                        Encoding::RLE_DICTIONARY => properties,
                        _ => properties.set_encoding(encoding),
                    };
                    // Bytes are no column that is read, and come first.
                    let bytes: ArrayRef = Arc::new(arrow_array::BinaryArray::from_iter_values(
                        (0..3000).map(|row| vec![7; row % 50]),
                    ));
                    write_as(&path, vec![("image", bytes), ("tags", tags(&all))], properties.build());
                    let content = read(&path, &ReadOptions::default()).unwrap();
                    let Some(LabelTable::Lists(lists)) = content.train.labels else { panic!() };
                    assert_eq!(content.train.classes.len(), 211);
                    let first = first.get_or_insert_with(|| lists.clone());
                    assert_eq!(
                        first.to_observed(&path, &Default::default()).unwrap().cells(),
                        lists.to_observed(&path, &Default::default()).unwrap().cells()
                    );
                }
            }
        }
    }

    /// The crate `parquet` took 4.7 GB for a dictionary of two strings whose header says that it has 1.2 billion.
    #[test]
    fn a_dictionary_with_fewer_bytes_than_values_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.parquet");
        write(&path, vec![("tags", tags(&[&["cat", "dog"], &[]]))]);
        let bytes = std::fs::read(&path).unwrap();
        // The number of values is field 1 of field 7, behind a page of type 2 with its sizes in fields 2 and 3.
        assert_eq!((&bytes[4..6], &bytes[10..13]), (&[0x15, 4][..], &[0x4c, 0x15, 4][..]));
        let billions = [0x80, 0xb0, 0xb4, 0xf8, 8];
        std::fs::write(&path, [&bytes[..12], &billions, &bytes[13..]].concat()).unwrap();
        let error = read(&path, &ReadOptions::default()).unwrap_err().to_string();
        assert!(error.contains("a dictionary of 14 bytes says that it has 1200000000 values"), "{error}");
    }
}
