use super::*;
use crate::{FeatureTable, KeptRows, Limits, MissingFeatures};
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
    assert!(read(2).unwrap_err().contains("invalid label `2.5`"), "the first two are features");
    assert!(read(4).unwrap_err().contains("`-C 4` asks for 4 labels among 4 attributes"));
    let error = parse(SPARSE.as_bytes(), Path::new("x.arff"), None, &ReadOptions::default()).unwrap_err();
    assert!(error.to_string().contains("x.xml: missing file. The labels are not declared"), "{error}");
}

#[test]
fn mistakes_in_the_header_have_a_line_and_a_column() {
    for (from, to, expected) in [
        ("@relation 'two labels'", "@relation 'two", "line 2, column 11: unterminated quote"),
        ("@data", "@dat", "line 8, column 1: unexpected `@dat`: expected"),
        ("numeric", "number", "line 3, column 14: unsupported attribute type `number`"),
        ("{low, high}", "{low high}", "line 5, column 19: expected `,` or `}`"),
        ("{low, high}", "{}", "line 5, column 15: a nominal attribute needs a value"),
        (
            "{low, high}",
            "string",
            "the attribute `b` is a string, which is not supported: remove the attribute, or",
        ),
        ("@attribute b", "@attribute a", "duplicate attribute `a`"),
        ("@relation 'two labels'\n", "", "line 2, column 1: expected @relation first"),
        ("sun {0,1}", "sun {0,1,2}", "the label `sun` has values other than 0 and 1"),
        ("attribute sun", "attribute moon", "x.xml names the label `sun`, which is not an attribute"),
        ("numeric", "numeric x", "line 3, column 22: unexpected `x`"),
    ] {
        assert!(DENSE.contains(from), "{from}");
        let error = mulan(&DENSE.replacen(from, to, 1), XML).unwrap_err();
        assert!(error.contains(expected), "{to}: {error}");
    }
}

#[test]
fn mistakes_in_rows_have_a_line_and_a_column() {
    for (from, to, expected) in [
        ("0.5,1,high,0,4", "0.5,1,high,0", "line 9, column 13: the row has 4 values, expected 5"),
        ("0.5,1,high,0,4", "0.5,1,high,0,4,7", "line 9, column 15: the row has more than 5 values"),
        ("0.5,1,high", "0.5,2,high", "line 9, column 5: invalid label `2`: expected 0 or 1"),
        ("0.5,1,high", "0.5,1,wide", "line 9, column 7: invalid value `wide` of the attribute `b`"),
        ("0.5,1", "?,1", "line 9, column 1: the value of `a` is missing (?)"),
        ("0.5,1", "nan,1", "line 9, column 1: invalid number `nan`: expected a finite number"),
        (
            "0.5,1",
            "1e99,1",
            "row 0, column 0 (counted from 0) is 1e99, which is beyond the range of 32-bit floats",
        ),
        ("0 , low", "-1e300 , low", "line 10, column 8: invalid label `-1e300`: expected 0 or 1"),
        (
            "-1e-3,",
            "-1e300,",
            "line 10, column 1: row 1, column 0 (counted from 0) is -1e300, which is beyond",
        ),
        ("0.5,1", "x,1", "invalid number `x`: expected a finite number"),
        ("-1e-3", "{0 1}\n-1e-3", "line 10, column 1: dense and sparse rows are mixed"),
    ] {
        assert!(DENSE.contains(from), "{from}");
        let error = mulan(&DENSE.replacen(from, to, 1), XML).unwrap_err();
        assert!(error.contains(expected), "{to}: {error}");
    }
    for (from, to, expected) in [
        ("{}", "{4 1}", "line 9, column 2: invalid attribute `4`: expected a number below 4"),
        ("{}", "{-1 1}", "invalid attribute `-1`: expected a number below 4"),
        ("{}", "{99999999999999999999 1}", "expected a number below 4"),
        ("{0 2.5, 3 1}", "{3 1, 0 2.5}", "line 8, column 7: attribute 0 is duplicated or out of order"),
        ("{0 2.5, 3 1}", "{0 2.5, 0 1}", "duplicated or out of order"),
        ("{}", "{", "line 9, column 2: invalid attribute ``: expected"),
        ("{}", "{0 1", "line 9, column 5: expected `,` or `}`"),
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
        ("<labels>\n<label name=\"&a;\"/></labels>", "line 2, column 14: unsupported entity &a;"),
        ("<labels><label name=\"a & b\"/></labels>", "write `&lt;` or `&amp;`"),
        ("<labels><label/></labels>", "a label has no name"),
        ("<labels><label name=\"\"/></labels>", "the name of a label is empty"),
        ("<labels><label name=\"a\"/><label name=\"a\"/></labels>", "duplicate label `a`"),
        ("<labels></labels>", "there are no labels"),
        ("<label name=\"a\"/>", "unexpected <label>"),
        ("<labels><label name=\"a\"></labels></label>", "unexpected </labels>"),
        ("<labels>text</labels>", "unexpected text"),
        ("", "missing element <labels>"),
        ("<labels><label name=\"a\"/></labels><labels/>", "unexpected <labels>"),
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
    assert!(error.contains("expected one file whose name contains `train`, found 2"), "{error}");
}

#[test]
fn what_weka_meka_keel_and_moa_write_in_the_header() {
    let data = "@data\n1,0,4,0.5\n0,1,2,0.25\n";
    let attributes = "@attribute c1 {0,1}\n@attribute c2 {0,1}\n@attribute a1 numeric\n@attribute a2 real\n";
    let read = |header: &str| {
        let text = format!("{header}{data}");
        parse(text.as_bytes(), Path::new("x.arff"), None, &ReadOptions::default()).map_err(|e| e.to_string())
    };
    for header in [
        format!("@relation 'm: -C 2'\n{attributes}"),
        format!("@RELATION m: -C 2\n{}", attributes.replace("@attribute", "@ATTRIBUTE")),
        format!("@relation \"a \\\"b\\\": -C 2\" % why\n{attributes}"),
        format!("@relation m: -C 2 -split 5 % why\n{}", attributes.replace(" {", "{")),
        format!("@Relation\tm:\t-C\t2\n{}", attributes.replace(' ', "\t")),
        format!("@relation 'm: -C 2'\n{}", attributes.replace("{0,1}", "{ 0 , 1 , }% two")),
        format!(
            "@relation 'm: -C 2'\n{}",
            attributes.replace("numeric", "INTEGER [0,9]").replace("real", "real[0.0, 1e3] % range")
        ),
        format!("@relation 'm: -C 2'\n{}", attributes.replace("numeric", "Numeric{0.5}")),
        format!("@relation keel\n{attributes}@inputs a1, a2\n@outputs c1, c2\n"),
        format!("@relation keel\n{attributes}@output c1,'c2' % the labels\n"),
        format!("@relation keel\n{attributes}@input a1 \n@input a2\n"),
    ] {
        let table = read(&header).unwrap_or_else(|error| panic!("{header}: {error}"));
        assert_eq!(table.classes.to_vec(), ["c1", "c2"], "{header}");
        assert_eq!(table.feature_names.as_ref().unwrap().to_vec(), ["a1", "a2"], "{header}");
        assert_eq!(cells(&table), [P, N, N, P], "{header}");
        assert_eq!(table.notes.len(), usize::from(header.contains("{0.5}")), "{:?}", table.notes);
        assert_eq!(values(table), [4.0, 0.5, 2.0, 0.25], "{header}");
    }
    let meka = format!("@relation 'm: -C 2'\n{attributes}");
    for (from, to, expected) in [
        ("real", "real [0, 1", "line 5, column 20: invalid range: expected two numbers in brackets"),
        ("real", "real [0]", "line 5, column 20: invalid range: expected two numbers in brackets"),
        ("real", "real [0,1] x", "unexpected `x`"),
        ("real", "", "line 5, column 15: the type of the attribute is missing"),
        (
            "real",
            "date yyyy-MM-dd",
            "the attribute `a2` is a date, which is not supported: remove the attribute",
        ),
        ("real", "relational", "the attribute `a2` is relational"),
        ("real", "real {x}", "invalid weight: expected a number in braces"),
        ("{0,1}", "{0,0}", "line 2, column 15: the value `0` is listed twice"),
        ("{0,1}", "{low,high}", "the label `c1` has values other than 0 and 1, false and true"),
    ] {
        assert!(meka.contains(from));
        let error = read(&meka.replacen(from, to, 1)).unwrap_err();
        assert!(error.contains(expected), "{to}: {error}");
    }
    for (lists, expected) in [
        ("@inputs a1\n@outputs c1, c2\n", "the attribute `a2` is neither in @inputs nor in @outputs"),
        ("@inputs a1, a2, c1\n@outputs c1, c2\n", "the attribute `c1` is in both @inputs and @outputs"),
        ("@outputs c3\n", "@outputs names `c3`, which is not an attribute"),
        ("@inputs c1, c2, a1, a2\n", "every attribute is in @inputs"),
    ] {
        let error = read(&format!("@relation keel\n{attributes}{lists}")).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_brace_inside_a_name_stays_where_a_type_follows() {
    let text = "@relation 'm: -C 1'\n@attribute y{0,1}\n@attribute f{x} numeric\n@data\n1,2\n";
    let table = parse(text.as_bytes(), Path::new("x"), None, &ReadOptions::default()).unwrap();
    assert_eq!(table.classes.to_vec(), ["y"]);
    assert_eq!(table.feature_names.unwrap().to_vec(), ["f{x}"]);
}

#[test]
fn rows_with_comments_weights_trailing_commas_and_blanks() {
    for (from, to) in [
        ("0.5,1,high,0,4", "0.5,1,high,0,4,"),
        ("0.5,1,high,0,4", "0.5,1,high,0,4 % last"),
        ("0.5,1,high,0,4", "0.5,1,high,0,4%last, of all"),
        ("0.5,1,high,0,4", "\t0.5\t1\thigh\t0\t4"),
        ("0.5,1,high,0,4", "'0.5', \"1\" ,'high',0,4"),
        ("0.5,1,high,0,4", "% {1}\n0.5,1,high,0,4"),
    ] {
        let table = mulan(&DENSE.replacen(from, to, 1), XML).unwrap();
        assert_eq!(cells(&table), [P, N, N, P], "{to}");
        assert!(table.notes.is_empty(), "{:?}", table.notes);
        assert_eq!(values(table), [0.5, 1.0, 4.0, -1e-3, 0.0, 2.0], "{to}");
    }
    let weights = "x.arff: the weights of 1 rows are not used: every row counts the same";
    for row in ["0.5,1,high,0,4,{5}", "0.5,1,high,0,4, { 5 } % five", "0.5,1,high,0,4 {0.5}"] {
        let table = mulan(&DENSE.replacen("0.5,1,high,0,4", row, 1), XML).unwrap();
        assert_eq!(
            (cells(&table), table.notes.clone()),
            (vec![P, N, N, P], vec![weights.to_string()]),
            "{row}"
        );
    }
    for row in ["{0 2.5, 3 1},{5}", "{0 2.5, 3 1} {5}", "{0 2.5, 3 1, },{5}%five"] {
        let table = mulan(&SPARSE.replacen("{0 2.5, 3 1}", row, 1), XML).unwrap();
        assert_eq!(cells(&table), [N, P, N, N, P, P], "{row}");
        assert_eq!(table.notes, [weights], "{row}");
    }
    for (row, expected) in [
        ("0.5,1,high,0,4%", "line 9, column 14: the `%` of `4%` begins a comment in place of a value"),
        ("0.5,1,high,0 % four", "line 9, column 14: the row has 4 values, expected 5"),
        ("0.5,1,high,0,%four", "line 9, column 14: a value is missing"),
        ("0.5,1,high,0,4,{x}", "line 9, column 16: invalid weight: expected a number in braces"),
        ("0.5,1,high,0,4,{5},1", "unexpected `,1`"),
        ("0.5,1,'high'0,4", "line 9, column 13: expected `,`"),
    ] {
        let error = mulan(&DENSE.replacen("0.5,1,high,0,4", row, 1), XML).unwrap_err();
        assert!(error.contains(expected), "{row}: {error}");
    }
    // A percent sign inside a value that is listed belongs to it.
    let percent = DENSE.replace("high", "10%");
    assert_eq!(values(mulan(&percent, XML).unwrap()), [0.5, 1.0, 4.0, -1e-3, 0.0, 2.0]);
}

#[test]
fn missing_features_are_what_was_chosen() {
    let read = |text: &str, choice| {
        let options = ReadOptions { missing_features: choice, ..ReadOptions::default() };
        parse(text.as_bytes(), Path::new("x.arff"), None, &options).map_err(|error| error.to_string())
    };
    let header = "@relation 'm: -C 1'\n@attribute y {0,1}\n@attribute a real\n@attribute b {p,q}\n@data\n";
    let dense = format!("{header}1,?,p\n0,1,q\n?,4,q\n");
    let sparse = format!("{header}{{0 1, 1 ?}}\n{{1 1, 2 q}}\n{{0 ?, 1 4, 2 q}}\n");
    for text in [&dense, &sparse] {
        let error = read(text, MissingFeatures::Refuse).unwrap_err();
        assert!(
            error.contains("the value of `a` is missing (?): choose how to handle missing features with")
                && error.contains("--missing-features mean, zero or drop-rows"),
            "{error}"
        );
        let table = read(text, MissingFeatures::Mean).unwrap();
        assert_eq!(cells(&table), [P, N, Label::Unknown]);
        assert_eq!(
            table.notes,
            ["x.arff: 1 missing features are replaced by the means of their columns in this file"]
        );
        assert_eq!(values(table), [2.5, 0.0, 1.0, 1.0, 4.0, 1.0]);
        let table = read(text, MissingFeatures::Zero).unwrap();
        assert_eq!(table.notes, ["x.arff: 1 missing features are replaced by 0"]);
        assert_eq!(values(table), [0.0, 0.0, 1.0, 1.0, 4.0, 1.0]);
        let table = read(text, MissingFeatures::DropRows).unwrap();
        assert_eq!(cells(&table), [N, Label::Unknown]);
        let note = "x.arff: 1 rows with a missing feature are left out; the others are named by their numbers in the file, from 0";
        assert_eq!(table.notes, [note]);
        assert_eq!(table.names.as_ref().unwrap().to_vec(), ["1", "2"]);
        assert_eq!(table.kept, Some(KeptRows { kept: vec![1, 2], of: 3 }));
        assert!(table.rearranged.unwrap().contains("rows with a missing feature are left out"));
        assert_eq!(values(table), [1.0, 1.0, 4.0, 1.0]);
    }
    // What sparse rows leave out is 0 and counts.
    let text = format!("{header}{{1 ?}}\n{{}}\n{{1 3}}\n");
    assert_eq!(values(read(&text, MissingFeatures::Mean).unwrap()), [1.5, 0.0, 0.0, 0.0, 3.0, 0.0]);
    // The sum is taken in 64 bits.
    let text = format!("{header}0,16777216,p\n0,1,p\n0,1,p\n0,?,p\n");
    assert_eq!(values(read(&text, MissingFeatures::Mean).unwrap())[6], (16_777_218.0_f64 / 3.0) as f32);
    let text = format!("{header}1,?,p\n0,?,q\n");
    let error = read(&text, MissingFeatures::Mean).unwrap_err();
    assert!(error.contains("the attribute `a` is missing in every row, so that it has no mean"), "{error}");
    let error = read(&text, MissingFeatures::DropRows).unwrap_err();
    assert!(error.contains("there are no rows without a missing feature"), "{error}");
    let text = format!("{header}1,1,?\n0,1,q\n");
    let error = read(&text, MissingFeatures::Mean).unwrap_err();
    assert!(error.contains("the attribute `b` is missing in 1 rows, and its values are words"), "{error}");
    let error = read(&text, MissingFeatures::Refuse).unwrap_err();
    assert!(error.contains("--missing-features zero or drop-rows"), "{error}");
    // A quoted question mark is a value.
    let text = format!("{header}1,1,'?'\n").replace("{p,q}", "{'?',q}");
    assert_eq!(values(read(&text, MissingFeatures::Refuse).unwrap()), [1.0, 0.0]);
}

#[test]
fn nominal_words_are_listed_in_the_order_of_their_numbers() {
    let table = mulan(DENSE, XML).unwrap();
    assert_eq!(table.feature_names.as_ref().unwrap().to_vec(), ["a", "b", "c"]);
    let nominal: Vec<_> = table.nominal.iter().map(|(column, values)| (*column, values.to_vec())).collect();
    assert_eq!(nominal, [(1, vec!["low".to_string(), "high".into()])], "the values of `c` are numbers");
}

#[test]
fn the_relation_goes_before_the_xml_file_and_both_before_keel() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let classes = || {
        let table = read(&folder.path().join("m-train.arff"), &ReadOptions::default()).map(|c| c.train);
        table.map(|table| (table.classes.to_vec().join(" "), table.notes)).map_err(|error| error.to_string())
    };
    let list = |names: &[&str]| {
        let labels: String = names.iter().map(|name| format!("<label name=\"{name}\"/>")).collect();
        format!("<labels>{labels}</labels>")
    };
    let text = |relation: &str, lists: &str| {
        format!(
            "@relation '{relation}'\n@attribute a {{0,1}}\n@attribute b {{0,1}}\n@attribute c {{0,1}}\n{lists}@data\n1,0,1\n"
        )
    };
    write("m-train.arff", &text("m", ""));
    assert!(classes().unwrap_err().contains("The labels are not declared"));
    write("m-train.arff", &text("m", "@outputs c\n"));
    assert_eq!(classes().unwrap(), ("c".into(), vec![]));
    write("other.xml", &list(&["a"]));
    assert_eq!(classes().unwrap().0, "c", "the XML file has another name");
    write("m.xml", &list(&["b", "a"]));
    assert_eq!(classes().unwrap(), ("a b".into(), vec![]), "in the order of the attributes");
    write("m-train.arff", &text("m: -C 2", ""));
    assert_eq!(classes().unwrap(), ("a b".into(), vec![]));
    write("m-train.arff", &text("m: -C -1", ""));
    let (found, notes) = classes().unwrap();
    assert_eq!(found, "c");
    assert!(notes[0].contains("`-C -1` says which attributes are labels, and "), "{notes:?}");
    fs::remove_file(folder.path().join("m.xml")).unwrap();
    write("m-train.arff", &text("m", ""));
    assert_eq!(classes().unwrap().0, "a", "the only XML file there is");
    write("another.xml", &list(&["a"]));
    let error = classes().unwrap_err();
    assert!(
        error.contains("several XML files may list its labels: call the one that does m-train.xml"),
        "{error}"
    );
    assert!(error.contains("another.xml, other.xml"), "{error}");
}
