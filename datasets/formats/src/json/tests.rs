//! What is read from JSON, and what is refused.

use super::{parse, read, write_labels_jsonl};
use crate::{LabelSheet, ReadOptions, Strings};
use Label::{Negative as N, Positive as P, Unknown as U};
use lacuna_labels::{Label, LabelMatrix};
use std::io::Cursor;
use std::path::Path;

/// Names, classes and cells.
type Read = (Vec<String>, Vec<String>, Vec<Label>);

fn read_text(text: &str, options: &ReadOptions) -> Result<Read, String> {
    let path = Path::new("x.jsonl");
    let table = parse(Cursor::new(text), path, options).map_err(|error| error.to_string())?;
    let labels = table.labels.unwrap().to_observed(path, &options.limits).unwrap();
    Ok((table.names.unwrap().to_vec(), table.classes.to_vec(), labels.cells().to_vec()))
}

#[test]
fn lists_and_objects() {
    let text = r#"{"id": "a", "labels": ["cat", "dog"], "note": {"deep": [1, 2]}}
{"image": 7, "labels": {"dog": 0, "cow": true, "cat": null}, "absent": ["fox"]}

{"id": "\u00e9", "labels": null}"#;
    let (names, classes, labels) = read_text(text, &ReadOptions::default()).unwrap();
    assert_eq!(names, ["a", "7", "é"]);
    assert_eq!(classes, ["cat", "dog", "cow", "fox"]);
    assert_eq!(labels, [P, P, U, U, U, N, P, N, U, U, U, U]);
}

#[test]
fn mistakes_have_a_line_and_a_column() {
    let error = |text: &str| read_text(text, &ReadOptions::default()).unwrap_err();
    assert!(
        error("{\"id\":\"a\",\"labels\":[]}\n{\"id\":\"b\",")
            .starts_with("x.jsonl: line 2, column 10: EOF while parsing")
    );
    assert!(error("{\"labels\":[]}").contains("the row has no name: its keys are `labels`"));
    assert!(error("{\"id\":\"a\",\"labels\":{\"cat\":2}}").contains("invalid label `2`"));
    assert!(error("{\"id\":\"a\",\"labels\":{\"cat\":-1}}").contains("choose the convention of this file"));
    assert!(error("{\"id\":\"a\",\"labels\":[\"x\",\"x\"]}").contains("the class `x` is listed twice"));
    assert!(
        error("{\"id\":\"a\",\"labels\":[]}\n{\"id\":\"a\",\"absent\":[]}")
            .contains("row 0 and row 1 (counted from 0)")
    );
    assert!(error("").contains("there are no rows"));
    assert!(error(&"[".repeat(100_000)).contains("invalid type"));
}

#[test]
fn what_is_written_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.jsonl");
    let (names, classes) = (Strings::from(vec!["a\"\n", " é"]), Strings::from(vec!["cat", "\\", " "]));
    let labels = LabelMatrix::new(2, 3, vec![P, N, U, N, U, P]).unwrap();
    write_labels_jsonl(&path, LabelSheet { names: &names, classes: &classes, labels: &labels }).unwrap();
    let options = ReadOptions { classes: Some(classes), ..ReadOptions::default() };
    let table = read(&path, &options).unwrap().train;
    assert_eq!(table.names, Some(names));
    assert_eq!(table.labels.unwrap().to_observed(&path, &options.limits).unwrap().matrix(), &labels);
}
