use super::*;
use crate::{FeatureTable, Limits};
use lacuna_labels::Label::{self, Negative as N, Positive as P};

const XML: &str = "<?xml version=\"1.0\"?>\n<!-- two -->\n<labels xmlns=\"http://mulan.sourceforge.net/labels\">\n\
    <label name=\"sea&amp;sky\"></label><label name='sun'/>\n</labels>\n";
const DENSE: &str = "% a comment\n@relation 'two labels'\n@ATTRIBUTE a numeric\n@attribute 'sea&sky' {0,1}\n\
    @attribute b {low, high}\n@attribute sun {0,1}\n@attribute c {2,4} % numbers\n@data\n0.5,1,high,0,4\n-1e-3, 0 , low, 1, 2\n";
const SPARSE: &str = "@relation x\n@attribute a real\n@attribute b integer\n@attribute sea&sky {0,1}\n\
    @attribute sun {0,1}\n\n@data\n{0 2.5, 3 1}\n{}\n{ 1 7 , 2 1 , 3 1 }\n";

fn mulan(arff: &str, xml: &str) -> Result<Table, String> {
    let options = ReadOptions::default();
    let read = || {
        let names = xml::labels(xml.as_bytes(), Path::new("x.xml"))?;
        parse(arff.as_bytes(), Path::new("x.arff"), Some((Path::new("x.xml"), &names)), &options)
    };
    read().map_err(|error: FormatError| error.to_string())
}

fn cells(table: &Table) -> Vec<Label> {
    let labels = table.labels.as_ref().unwrap();
    labels.to_observed(&table.path, &Limits::default()).unwrap().cells().to_vec()
}

fn values(table: Table) -> Vec<f32> {
    table.features.unwrap().into_dense(Path::new("x"), &Limits::default()).unwrap().values().to_vec()
}

#[test]
fn dense_rows() {
    let table = mulan(DENSE, XML).unwrap();
    assert_eq!(table.classes.to_vec(), ["sea&sky", "sun"]);
    assert_eq!(cells(&table), [P, N, N, P]);
    assert_eq!(values(table), [0.5, 1.0, 4.0, -1e-3, 0.0, 2.0]);
}

#[test]
fn sparse_rows() {
    let table = mulan(SPARSE, XML).unwrap();
    assert_eq!(cells(&table), [N, P, N, N, P, P]);
    assert!(matches!(table.features, Some(FeatureTable::Sparse(_))));
    assert_eq!(values(table), [2.5, 0.0, 0.0, 0.0, 0.0, 7.0]);
}

#[test]
fn meka_says_in_the_relation_which_attributes_are_labels() {
    let read = |count: i64| {
        let text = SPARSE.replace("@relation x", &format!("@relation 'name: -C {count} -split 2'"));
        let table = parse(text.as_bytes(), Path::new("x.arff"), None, &ReadOptions::default());
        table.map_err(|error| error.to_string())
    };
    assert_eq!(read(-2).unwrap().classes.to_vec(), ["sea&sky", "sun"]);
    assert!(read(2).unwrap_err().contains("`2.5` is no label"), "the first two are features");
    assert!(read(4).unwrap_err().contains("`-C 4` asks for 4 labels among 4 attributes"));
    let error = parse(SPARSE.as_bytes(), Path::new("x.arff"), None, &ReadOptions::default()).unwrap_err();
    assert!(error.to_string().contains("x.xml: there is no such file. Nothing says which"), "{error}");
}

#[test]
fn mistakes_in_the_header_have_a_line_and_a_column() {
    for (from, to, expected) in [
        ("@relation 'two labels'", "@relation 'two", "line 2, column 11: a quote is not closed"),
        ("@data", "@dat", "line 8, column 1: `@dat` is none of"),
        ("numeric", "number", "line 3, column 14: `number` is no type"),
        ("{low, high}", "{low high}", "line 5, column 19: `,` or `}` is expected"),
        ("{low, high}", "{}", "line 5, column 15: a nominal attribute needs a value"),
        ("{low, high}", "string", "the attribute `b` is a string or a date"),
        ("@attribute b", "@attribute a", "two attributes are called `a`"),
        ("@relation 'two labels'\n", "", "line 2, column 1: @relation comes first"),
        ("sun {0,1}", "sun {0,1,2}", "the label `sun` has values other than 0 and 1"),
        ("attribute sun", "attribute moon", "x.xml names the label `sun`, which is no attribute here"),
        ("numeric", "numeric x", "line 3, column 22: `x` is too much"),
    ] {
        assert!(DENSE.contains(from), "{from}");
        let error = mulan(&DENSE.replacen(from, to, 1), XML).unwrap_err();
        assert!(error.contains(expected), "{to}: {error}");
    }
}

#[test]
fn mistakes_in_rows_have_a_line_and_a_column() {
    for (from, to, expected) in [
        ("0.5,1,high,0,4", "0.5,1,high,0", "line 9, column 13: the row has 4 values of 5"),
        ("0.5,1,high,0,4", "0.5,1,high,0,4,7", "line 9, column 15: the row has more than 5 values"),
        ("0.5,1,high", "0.5,2,high", "line 9, column 5: `2` is no label: 0 or 1"),
        ("0.5,1,high", "0.5,1,wide", "line 9, column 7: `wide` is no value of the attribute `b`"),
        ("0.5,1", "?,1", "line 9, column 1: the value of `a` is missing (?)"),
        ("0.5,1", "nan,1", "line 9, column 1: `nan` is no finite number"),
        (
            "0.5,1",
            "1e99,1",
            "row 0, column 0 (counted from 0) is 1e99, which is beyond the range of 32-bit floats",
        ),
        ("0 , low", "-1e300 , low", "line 10, column 8: `-1e300` is no label: 0 or 1"),
        (
            "-1e-3,",
            "-1e300,",
            "line 10, column 1: row 1, column 0 (counted from 0) is -1e300, which is beyond",
        ),
        ("0.5,1", "x,1", "`x` is no finite number"),
        ("-1e-3", "{0 1}\n-1e-3", "line 10, column 1: dense and sparse rows are mixed"),
    ] {
        assert!(DENSE.contains(from), "{from}");
        let error = mulan(&DENSE.replacen(from, to, 1), XML).unwrap_err();
        assert!(error.contains(expected), "{to}: {error}");
    }
    for (from, to, expected) in [
        ("{}", "{4 1}", "line 9, column 2: `4` is none of the 4 attributes"),
        ("{}", "{-1 1}", "`-1` is none of the 4 attributes"),
        ("{}", "{99999999999999999999 1}", "is none of the 4 attributes"),
        ("{0 2.5, 3 1}", "{3 1, 0 2.5}", "line 8, column 7: attribute 0 comes out of order, or twice"),
        ("{0 2.5, 3 1}", "{0 2.5, 0 1}", "out of order, or twice"),
        ("{}", "{", "line 9, column 2: `` is none of"),
        ("{}", "{0 1", "line 9, column 5: `,` or `}` is expected"),
        ("sun {0,1}", "sun {1,0}", "line 8, column 1: sparse rows leave out the first value of `sun`"),
    ] {
        let error = mulan(&SPARSE.replacen(from, to, 1), XML).unwrap_err();
        assert!(error.contains(expected), "{to}: {error}");
    }
    assert!(mulan(&DENSE[..DENSE.find("0.5").unwrap()], XML).unwrap_err().contains("there are no rows"));
}

#[test]
fn the_list_of_labels_is_read_strictly() {
    let labels = |xml: &str| {
        let found = xml::labels(xml.as_bytes(), Path::new("x.xml"));
        found.map(|names| names.to_vec()).map_err(|error| error.to_string())
    };
    assert_eq!(labels(XML).unwrap(), ["sea&sky", "sun"]);
    let nested =
        "<labels><label name=\"a\"><label name=\"b\"/></label><label name=\"&#x63;&#100;\"/></labels>";
    assert_eq!(labels(nested).unwrap(), ["a", "b", "cd"]);
    for (xml, expected) in [
        ("<!DOCTYPE x [<!ENTITY a \"b\">]><labels/>", "line 1, column 1: document types, entities"),
        ("<labels>\n<label name=\"&a;\"/></labels>", "line 2, column 14: the entity &a; is not read"),
        ("<labels><label name=\"a & b\"/></labels>", "are written `&lt;` and `&amp;`"),
        ("<labels><label/></labels>", "a label has no name"),
        ("<labels><label name=\"\"/></labels>", "the name of a label is empty"),
        ("<labels><label name=\"a\"/><label name=\"a\"/></labels>", "the label `a` stands there twice"),
        ("<labels></labels>", "there are no labels"),
        ("<label name=\"a\"/>", "<label> is not expected here"),
        ("<labels><label name=\"a\"></labels></label>", "</labels> closes nothing"),
        ("<labels>text</labels>", "text is not expected here"),
        ("", "there is no <labels>"),
        ("<labels><label name=\"a\"/></labels><labels/>", "<labels> is not expected here"),
    ] {
        let error = labels(xml).unwrap_err();
        assert!(error.contains(expected), "{xml}: {error}");
    }
    let deep = "<labels>".to_string() + &"<label name=\"x\">".repeat(1_000);
    assert!(labels(&deep).unwrap_err().contains("nested more than 64 deep"));
    let end = XML.trim_end().len();
    for length in 0..end {
        assert!(labels(&XML[..length]).is_err(), "{length}");
    }
}

#[test]
fn files_and_folders() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("two.xml", XML);
    write("two-train.arff", DENSE);
    write("two-test.arff", DENSE);
    let content = read(folder.path(), &ReadOptions::default()).unwrap();
    assert_eq!((content.train.rows(), content.test.unwrap().rows()), (2, 2));
    write("two-test.arff", SPARSE);
    let error = read(folder.path(), &ReadOptions::default()).unwrap_err().to_string();
    assert!(error.contains("has 3 columns and"), "{error}");
    write("other-train.arff", SPARSE);
    let error = read(folder.path(), &ReadOptions::default()).unwrap_err().to_string();
    assert!(error.contains("one file whose name contains `train` is needed, and there are 2"), "{error}");
}
