use super::*;
use crate::Limits;

fn read_text(text: &str, options: &ReadOptions) -> Result<Table, String> {
    parse(text.as_bytes(), Path::new("x.txt"), options).map_err(|error| error.to_string())
}

#[test]
fn rows_with_a_header() {
    let text = "3 5 4\n0,3 0:0.5 4:1\n 1:2\n2\n";
    let table = read_text(text, &ReadOptions::default()).unwrap();
    let features = table.features.unwrap().into_dense(Path::new("x"), &Limits::default()).unwrap();
    assert_eq!(features.row(0), [0.5, 0.0, 0.0, 0.0, 1.0]);
    assert_eq!(features.row(1)[1], 2.0);
    let labels = table.labels.unwrap().to_observed(Path::new("x"), &Limits::default()).unwrap();
    assert_eq!((labels.rows(), labels.positives_per_class()), (3, vec![1, 0, 1, 1]));
    for length in 0..text.len() - 1 {
        // A label may lose digits, a value as well, and a header of one number is a label; rows may not be lost.
        if text[..length].matches('\n').count() < 3 && length > 2 {
            assert!(read_text(&text[..length], &ReadOptions::default()).is_err(), "{length}");
        }
    }
}

#[test]
fn rows_without_a_header() {
    let table = read_text("1,0 1:1\n0 3:2.5\n", &ReadOptions::default()).unwrap();
    assert_eq!(table.features.as_ref().unwrap().columns(), 4);
    let one_based = ReadOptions { one_based: true, ..ReadOptions::default() };
    let table = read_text("1,0 1:1\n0 3:2.5\n", &one_based).unwrap();
    assert_eq!((table.features.unwrap().columns(), table.classes.len()), (3, 2));
    assert!(read_text("1 0:1\n", &one_based).unwrap_err().contains("columns are counted from 1"));
}

#[test]
fn mistakes_have_a_line_and_a_column() {
    let error = |text: &str| read_text(text, &ReadOptions::default()).unwrap_err();
    assert_eq!(
        error("1 5 2\n0,2 1:1\n"),
        "x.txt: line 2, column 3: invalid label `2`: expected a number below 2"
    );
    assert_eq!(
        error("1 5 2\n0 5:1\n"),
        "x.txt: line 2, column 3: invalid column 5: expected a number below 5"
    );
    assert_eq!(
        error("2 5 2\n0 4:1\n"),
        "x.txt: line 2, column 1: the header announces 2 rows, found 1: the file is truncated"
    );
    assert_eq!(error("0 1:1 1:2\n"), "x.txt: line 1, column 1: duplicate column 1");
    assert_eq!(error("0 1:x\n"), "x.txt: line 1, column 3: invalid entry `1:x`: expected `column:value`");
    assert_eq!(error("0 1:inf\n"), "x.txt: line 1, column 3: invalid number `inf`: expected a finite number");
    assert_eq!(
        error("0 1:1\n0 1:1 7:-1e300\n"),
        "x.txt: line 2, column 7: row 1, column 7 (counted from 0) is -1e300, which is beyond the range of 32-bit \
         floats; scale the column"
    );
    assert!(error("0,0 1:1\n").contains("duplicate label 0"));
    assert!(error("0 1:1\n\n").contains("line 2, column 1: the line is empty"));
    assert!(error("1073741823 1:1\n").contains("labels without names"));
    assert!(error("9999999999 1:1\n").contains(": expected a number below"));
    assert!(error("").contains("there are no rows"));
    assert!(error("1000000000 1000000000 1000000000\n0 1:1\n").contains("the file is truncated"));
}

fn labels_alone() -> ReadOptions {
    ReadOptions { labels: true, ..ReadOptions::default() }
}

fn lists(table: &Table) -> Vec<Vec<usize>> {
    let Some(LabelTable::Lists(lists)) = &table.labels else { panic!("no lists") };
    (0..lists.rows()).map(|row| lists.row(row).map(|(class, _)| class).collect()).collect()
}

fn values(table: Table) -> Vec<f32> {
    table.features.unwrap().into_dense(Path::new("x"), &Limits::default()).unwrap().values().to_vec()
}

#[test]
fn comments_and_blanks_beside_commas() {
    let plain = "0,2 0:0.5 1:1\n1 1:0.25\n";
    for text in [
        plain,
        "# dumped\n#\n0,2 0:0.5 1:1 # a\n  # b\n1 1:0.25#c\n",
        "0, 2 0:0.5 1:1\n1 1:0.25\n",
        "0 ,2\t0:0.5 1:1\n1\t1:0.25\n",
        "2 , 0.0 0:0.5 1:1\n1.0 1:0.25\n",
        "2 2 3\n0,2 0:0.5 1:1\n1 1:0.25\n",
        "# header\n2 2\n0,2 0:0.5 1:1\n1 1:0.25\n",
    ] {
        let table = read_text(text, &ReadOptions::default()).unwrap();
        assert_eq!((lists(&table), table.classes.len()), (vec![vec![0, 2], vec![1]], 3), "{text}");
        assert!(table.absolute && table.notes.is_empty(), "{:?}", table.notes);
        assert_eq!(values(table), [0.5, 1.0, 0.0, 0.25], "{text}");
    }
    let error = |text: &str| read_text(text, &ReadOptions::default()).unwrap_err();
    assert!(error("0, 1:1\n").contains("line 1, column 4: missing label after the comma, found `1:1`"));
    assert!(error("0,,1 1:1\n").contains("column 3: missing label beside the comma"));
    assert!(error("1.5 1:1\n").contains("invalid label `1.5`: expected a number below"));
    assert!(error("-1 1:1\n").contains("invalid label `-1`: expected a number below"));
}

#[test]
fn query_numbers_are_passed_over_and_said() {
    let table = read_text("0 qid:1 0:1\n1 qid:2 1:1\n2 1:3\n", &ReadOptions::default()).unwrap();
    assert_eq!(table.notes, ["x.txt: the query numbers (qid) of 2 rows are not used"]);
    assert_eq!(values(table), [1.0, 0.0, 0.0, 1.0, 0.0, 3.0]);
    let error = read_text("0 qid:x 0:1\n", &ReadOptions::default()).unwrap_err();
    assert!(error.contains("line 1, column 3: invalid entry `qid:x`: expected `qid:number`"), "{error}");
    assert!(read_text("0 0:1 qid:1\n", &ReadOptions::default()).is_err());
}

#[test]
fn labels_that_are_words_are_classes_in_order_of_appearance() {
    let text = "tree,sky 0:1\nc# 1:1\n 0:1\nsky, tree 0:1\n";
    let table = read_text(text, &ReadOptions::default()).unwrap();
    assert_eq!(table.classes.to_vec(), ["tree", "sky", "c#"]);
    assert_eq!(lists(&table), [vec![0, 1], vec![2], vec![], vec![0, 1]]);
    let known = ReadOptions { classes: Some(vec!["c#", "sky", "tree"].into()), ..ReadOptions::default() };
    let table = read_text(text, &known).unwrap();
    assert_eq!(lists(&table), [vec![1, 2], vec![0], vec![], vec![1, 2]]);
    let table = read_text(&format!("4 2 4\n{text}"), &ReadOptions::default()).unwrap();
    assert!(table.notes[0].contains("the header announces 4 labels, and 3 occur"), "{:?}", table.notes);
    for (text, options, expected) in [
        (
            format!("4 2 2\n{text}"),
            ReadOptions::default(),
            "line 3, column 1: label 2 is out of range: the header announces 2",
        ),
        (
            text.replace("c#", "sea"),
            known,
            "line 2, column 1: unknown class `sea`: it is not in the list of classes",
        ),
        (
            "sky 0:1\n3 0:1\n".into(),
            ReadOptions::default(),
            "the label `3` is a number, and those before are",
        ),
        ("3 0:1\nsky 0:1\n".into(), ReadOptions::default(), "as the labels before are numbers"),
        ("sky,sky 0:1\n".into(), ReadOptions::default(), "duplicate label `sky`"),
        ("sky:x 0:1\n".into(), ReadOptions::default(), "invalid label `sky:x`: a label has no colon"),
        ("id,label\na.jpg,sky\n".into(), ReadOptions::default(), "x.txt: there are no features"),
    ] {
        let error = read_text(&text, &options).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let many: String = (0..4).map(|i| format!("word{i} 0:1\n")).collect();
    let few = ReadOptions { limits: Limits { entries: 3, ..Limits::default() }, ..ReadOptions::default() };
    assert!(read_text(&many, &few).unwrap_err().contains("more than 3 labels that are words"));
}

#[test]
fn a_header_of_one_number_is_checked_against_the_rows() {
    let table = read_text("2\n0 0:1\n1 1:1\n", &ReadOptions::default()).unwrap();
    assert_eq!(lists(&table), [[0], [1]]);
    assert_eq!(table.notes, ["x.txt: the first line, 2, is read as the number of rows"]);
    let error = read_text("3\n0 0:1\n1 1:1\n", &ReadOptions::default()).unwrap_err();
    assert_eq!(
        error,
        "x.txt: line 3, column 1: the header announces 3 rows, found 2; is the first line a row with the label 3? \
         Then write a header in front: rows columns labels"
    );
    // Rows of labels alone look like the header: it is a row, and that is said where it may be wrong.
    let table = read_text("2\n0\n1\n", &labels_alone()).unwrap();
    assert_eq!(lists(&table), [[2], [0], [1]]);
    assert!(table.notes[0].contains("read as a row with that label, not as the number of rows"));
    assert!(read_text("1\n0\n1\n", &labels_alone()).unwrap().notes.is_empty());
    assert_eq!(lists(&read_text("7\n", &labels_alone()).unwrap()), [[7]]);
    let error = read_text("1 2 2\n0 0:1\n1 1:1\n", &ReadOptions::default()).unwrap_err();
    assert!(error.contains("announces 1 rows, found 2: the header is wrong"), "{error}");
}

#[test]
fn features_and_labels_in_two_files() {
    for text in ["0:0.5 3:1\n1:2\n", "2 4\n0:0.5 3:1\n1:2\n", "2\n0:0.5 3:1 # a\n1:2\n"] {
        let table = read_text(text, &ReadOptions::default()).unwrap();
        assert!(table.labels.is_none() && table.classes.is_empty() && table.absolute, "{text}");
        assert_eq!(values(table), [0.5, 0.0, 0.0, 1.0, 0.0, 2.0, 0.0, 0.0]);
    }
    for (text, classes) in [
        ("0,3\n1\n", 4),
        ("0, 3.0 # a\n1\n", 4),
        ("2 5\n0,3\n1\n", 5),
        ("2 9 5\n0,3\n1\n", 5),
        ("2 5\n0:1 3:1.0\n1:1\n", 5),
        ("0:1 3:1\n1:1\n", 4),
    ] {
        let table = read_text(text, &labels_alone()).unwrap();
        assert!(table.features.is_none() && table.absolute);
        assert_eq!((lists(&table), table.classes.len()), (vec![vec![0, 3], vec![1]], classes), "{text}");
    }
    // Lines that are empty are rows where nothing else could be meant.
    for text in ["0\n\n2\n", "3 4\n0:1\n\n2:1\n"] {
        let table = read_text(text, &labels_alone()).unwrap();
        assert_eq!(lists(&table), [vec![0], vec![], vec![2]]);
        assert_eq!(table.notes, ["x.txt: 1 empty lines are read as rows without a label"]);
    }
    let table = read_text("3 4\n0:1\n\n2:1\n", &ReadOptions::default()).unwrap();
    assert_eq!((table.rows(), table.labels.is_none()), (3, true));
    for (text, expected) in [
        ("2 3\n0,3\n1\n", "line 2, column 1: label 3 is out of range: the header announces 3"),
        ("2 3\n0:1\n3:1\n", "line 3, column 1: invalid label `3`: expected a number below 3"),
        ("0:1\n1:0.5\n", "line 2, column 1: invalid entry `1:0.5`: expected `label:1`"),
        ("0:1\n1\n", "line 2, column 1: invalid entry `1`: expected `label:1`"),
        ("0:1 0:1\n", "duplicate label 0"),
        ("0 1:1\n\n", "line 2, column 1: the line is empty"),
    ] {
        let error = read_text(text, &labels_alone()).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }
    assert!(
        read_text("0:1\n\n", &ReadOptions::default()).unwrap_err().contains("line 2, column 1: the line is")
    );
}

#[test]
fn a_row_without_a_label_may_start_with_its_first_feature() {
    let table = read_text("1 0:1\n1:2\n0 0:3\n", &ReadOptions::default()).unwrap();
    assert_eq!(lists(&table), [vec![1], vec![], vec![0]]);
    assert_eq!(values(table), [1.0, 0.0, 0.0, 2.0, 3.0, 0.0]);
    let table = read_text("0:1\n1\n 1:2\n", &ReadOptions::default()).unwrap();
    assert_eq!(lists(&table), [vec![], vec![1], vec![]]);
    assert_eq!(values(table), [1.0, 0.0, 0.0, 0.0, 0.0, 2.0]);
}
