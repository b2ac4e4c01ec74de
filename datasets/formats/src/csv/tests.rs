//! What is read from CSV, and what is refused.

use super::{CsvLayout, parse, read, write_labels_csv};
use crate::{CsvRecords, LabelConvention, LabelSheet, Limits, ReadOptions, Strings};
use Label::{Negative as N, Positive as P, Unknown as U};
use lacuna_labels::{Label, LabelMatrix};
use std::io::Cursor;
use std::path::Path;

/// Names, classes and cells.
type Read = (Vec<String>, Vec<String>, Vec<Label>);

fn read_text(text: &str, options: &ReadOptions) -> Result<Read, String> {
    let path = Path::new("x.csv");
    let table = parse(Cursor::new(text), path, options).map_err(|error| error.to_string())?;
    assert_eq!(table.path, path);
    let labels = table.labels.unwrap().to_observed(path, &options.limits).unwrap();
    Ok((table.names.unwrap().to_vec(), table.classes.to_vec(), labels.cells().to_vec()))
}

#[test]
fn wide_files() {
    let options = ReadOptions::default();
    let (names, classes, labels) = read_text("image,cat,dog\na.jpg,1,0\nb.jpg,,1\n", &options).unwrap();
    assert_eq!(
        (names, classes),
        (vec!["a.jpg".into(), "b.jpg".into()], vec!["cat".to_string(), "dog".into()])
    );
    assert_eq!(labels, [P, N, U, P]);
    let error = |text| read_text(text, &options).unwrap_err();
    assert!(
        error("id,cat,dog\ra,1,0\rb,0,1\r").contains("line 1, column 1: the only line has carriage returns")
    );
    let (_, classes, _) = read_text("id,\"a\rcat\"\na,1\n", &options).unwrap();
    assert_eq!(classes, ["a\rcat"]);
    assert!(error("id,cat\na,-1\n").starts_with("x.csv: line 2, column 3: column `cat`: -1 means"));
    assert_eq!(
        error("id,cat\na,1,0\n"),
        "x.csv: line 2, column 5: the line has 3 fields, expected 2 as in the first line"
    );
    assert_eq!(
        error("id,cat,dog\na,maybe,1\n"),
        "x.csv: line 2, column 3: column `cat`: invalid label `maybe`: expected 1, 0, -1, true, false, yes, no, or an \
         empty cell for unknown (if `cat` is not a class, leave it out with --ignore-columns `cat`, or name the classes with --classes A,B)"
    );
    let headless = error("a.jpg,dog\nb.jpg,cat\n");
    assert!(headless.ends_with(
        "(a file with names of labels needs a first line that names its columns, for instance `id,label`)"
    ));
    assert!(error("id,cat,cat\n").contains("line 1, column 8: the class `cat` has column 2 already"));
    assert!(error("id,cat\na,1\na,0\n").contains("duplicate name `a`: row 0 and row 1"));
    assert!(error("").contains("the first line names the columns"));
    assert!(error("id,cat\n,1\n").contains("the row has no name"));
    let csl = ReadOptions { convention: Some(LabelConvention::Csl), ..options.clone() };
    assert_eq!(read_text("id,cat,dog\na,-1,0\n", &csl).unwrap().2, [U, N]);
}

#[test]
fn long_files() {
    let options = ReadOptions::default();
    let text = "ImageID,Source,LabelName,Confidence\nb,x,dog,1\na,x,cat,0\nb,x,cat,1\nc,x,,\n";
    let (names, classes, labels) = read_text(text, &options).unwrap();
    assert_eq!(names, ["b", "a", "c"]);
    assert_eq!(classes, ["dog", "cat"]);
    assert_eq!(labels, [P, P, U, N, U, U]);
    let negative = ReadOptions { unlisted: Some(N), ..options.clone() };
    assert_eq!(read_text("id,label\na,cat\nb,dog\n", &negative).unwrap().2, [P, N, N, P]);
    let given = ReadOptions { classes: Some(vec!["dog", "cat"].into()), ..options.clone() };
    assert_eq!(read_text("id,label\na,cat\n", &given).unwrap().2, [U, P]);
    assert!(
        read_text("id,label\na,cow\n", &given).unwrap_err().contains("line 2, column 3: unknown class `cow`")
    );
    let error = read_text("id,label,value\na,cat,1\na,cat,0\n", &options).unwrap_err();
    assert!(error.contains("row `a`, class `cat` has two different labels"), "{error}");
}

/// A table of one class that is called `label` was read as two classes, `yes` and `no`, without a word.
#[test]
fn labels_that_look_like_cells_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    let notes = |text: &str, options: &ReadOptions| {
        std::fs::write(&path, text).unwrap();
        let train = crate::open_data(&path, options).unwrap().train;
        (train.classes.to_vec(), train.notes.iter().any(|note| note.contains("names of two classes")))
    };
    let options = ReadOptions { labels: true, ..ReadOptions::default() };
    for (yes, no) in [("yes", "no"), ("True", "False"), ("1", "0")] {
        let text = format!("image,label\na,{yes}\nb,{no}\nc,{yes}\n");
        assert!(notes(&text, &options).1, "{text}");
        assert_eq!(
            notes(&text.replace("label", "cat"), &options),
            (vec!["cat".to_string()], false),
            "{text}"
        );
    }
    assert!(!notes("image,label\na,cat\nb,dog\n", &options).1);
}

/// Of two columns whose names are those of labels, one is left out or has the names of rows.
#[test]
fn a_column_that_is_not_of_labels_is_passed_over() {
    let ignored = ReadOptions { ignored_columns: vec!["label".into()], ..ReadOptions::default() };
    let (names, classes, _) = read_text("image,label,category\na.jpg,3,dog\n", &ignored).unwrap();
    assert_eq!((names, classes), (vec!["a.jpg".to_string()], vec!["dog".to_string()]));
    let id = ReadOptions { id_column: Some("label".into()), ..ReadOptions::default() };
    let (names, classes, _) = read_text("label,category\n3,dog\n", &id).unwrap();
    assert_eq!((names, classes), (vec!["3".to_string()], vec!["dog".to_string()]));
}

#[test]
fn records_say_where_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    std::fs::write(&path, "a,b\n1,2\n").unwrap();
    let mut records = CsvRecords::open(&path, &Limits::default()).unwrap();
    assert!(records.read().unwrap() && records.read().unwrap());
    assert_eq!(format!("{records:?}"), "CsvRecords { line: 2, .. }");
    assert_eq!((records.position("2"), records.position("3")), (Some(1), None));
}

#[test]
fn what_is_written_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let names = Strings::from(vec!["a,b", "=c\"d\"", "e\nf", "'-g"]);
    let classes = Strings::from(vec!["+cat; dog", "id"]);
    let labels = LabelMatrix::new(4, 2, vec![P, N, U, U, N, P, U, P]).unwrap();
    let sheet = LabelSheet { names: &names, classes: &classes, labels: &labels };
    for (file, layout) in [
        ("a.csv", CsvLayout::Wide),
        ("a.tsv", CsvLayout::Wide),
        ("b.csv", CsvLayout::Long),
        ("b.tsv", CsvLayout::Long),
    ] {
        let path = folder.path().join(file);
        write_labels_csv(&path, sheet, layout).unwrap();
        let options = ReadOptions { classes: Some(classes.clone()), ..ReadOptions::default() };
        let table = read(&path, &options).unwrap().train;
        assert_eq!(table.names.as_ref(), Some(&names), "{file}");
        let back = table.labels.unwrap().to_observed(&path, &options.limits).unwrap();
        assert_eq!(back.matrix(), &labels, "{file}");
    }
    let twice = Strings::from(vec!["a", "a", "b", "c"]);
    let path = folder.path().join("twice.csv");
    assert!(write_labels_csv(&path, LabelSheet { names: &twice, ..sheet }, CsvLayout::Wide).is_err());
    assert!(!path.exists());
}

/// Either of the two was once enough to lose the other: a name that is empty, and one with a blank at an end.
#[test]
fn names_that_csv_would_lose_are_refused_when_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.csv");
    let labels = LabelMatrix::new(1, 1, vec![P]).unwrap();
    let write = |name: &str, class: &str| {
        let (names, classes) = (Strings::from(vec![name]), Strings::from(vec![class]));
        let sheet = LabelSheet { names: &names, classes: &classes, labels: &labels };
        write_labels_csv(&path, sheet, CsvLayout::Wide).map_err(|error| error.to_string())
    };
    for lost in ["", " a", "a ", "\ta"] {
        for (name, class) in [(lost, "cat"), ("a.jpg", lost)] {
            let error = write(name, class).unwrap_err();
            assert!(error.contains("is empty or starts or ends with a blank"), "{lost:?}: {error}");
            assert!(!path.exists());
        }
    }
    write("a b.jpg", "a cat").unwrap();
}
