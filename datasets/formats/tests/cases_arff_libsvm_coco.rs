//! Files as people have them in ARFF, LIBSVM and the formats of COCO's family.

use lacuna_formats::{Content, FeatureTable, Limits, ReadOptions, Table, open_data};
use lacuna_labels::Label::{self, Negative as N, Positive as P, Unknown as U};
use std::fs;

/// Reads files that stand beside each other; the first is opened.
fn open(files: &[(&str, &str)], options: &ReadOptions) -> Result<Content, String> {
    let folder = tempfile::tempdir().unwrap();
    files.iter().for_each(|(name, text)| fs::write(folder.path().join(name), text).unwrap());
    let folder = folder.path();
    open_data(&folder.join(files[0].0), options)
        .map_err(|error| error.to_string().replace(&format!("{}/", folder.display()), ""))
}

fn read(name: &str, text: &str) -> Result<Table, String> {
    open(&[(name, text)], &ReadOptions::default()).map(|content| content.train)
}

fn cells(table: &Table) -> Vec<Label> {
    let labels = table.labels.as_ref().unwrap();
    labels.to_observed(&table.path, &Limits::default()).unwrap().cells().to_vec()
}

fn columns(table: &Table) -> usize {
    table.features.as_ref().map_or(0, FeatureTable::columns)
}

fn values(table: Table) -> Vec<f32> {
    let features = table.features.unwrap();
    features.into_dense(&table.path, &Limits::default()).unwrap().values().to_vec()
}

// ARFF

#[test]
fn arff_labels_that_are_unknown() {
    let text = "% missing classes\n@relation 'Music: -C 2'\n\n@attribute calm {0,1}\n@attribute sad {0,1}\n\
        @attribute f1 numeric\n@attribute f2 numeric\n\n@data\n?,1,0.1,0.2\n0,?,0.3,0.4\n";
    let table = read("missing.arff", text).unwrap();
    assert_eq!((table.rows(), columns(&table), table.classes.len()), (2, 2, 2));
    assert_eq!(cells(&table), [U, P, N, U]);
    let sparse =
        text.replace("?,1,0.1,0.2", "{0 ?, 1 1, 2 0.1, 3 0.2}").replace("0,?,0.3,0.4", "{1 ?,2 0.3}");
    assert_eq!(cells(&read("missing.arff", &sparse).unwrap()), [U, P, N, U]);
}

#[test]
fn arff_labels_that_are_false_and_true() {
    let text = "@relation 'birds: -C -2'\n@attribute a1 numeric\n@attribute c1 {FALSE,TRUE}\n@attribute c2 {FALSE,TRUE}\n\
        @data\n0.5,TRUE,FALSE\n0.25,FALSE,TRUE\n";
    for (absent, present) in
        [("FALSE", "TRUE"), ("false", "true"), ("'no'", "'yes'"), ("N", "Y"), ("0", "1"), ("-1", "1")]
    {
        let text = text.replace("FALSE", absent).replace("TRUE", present);
        for text in
            [text.clone(), text.replace(&format!("{absent},{present}}}"), &format!("{present},{absent}}}"))]
        {
            let table = read("truefalse.arff", &text).unwrap();
            assert_eq!((table.rows(), columns(&table), table.classes.len()), (2, 1, 2));
            assert_eq!(cells(&table), [P, N, N, P], "{text}");
            let said = table.notes.iter().any(|note| note.contains("2 labels have the values -1 and 1"));
            assert_eq!(said, absent == "-1", "{:?}", table.notes);
        }
    }
    // Sparse rows leave out the first value, whatever it means.
    let sparse = text.replace("0.5,TRUE,FALSE", "{0 0.5, 1 TRUE}").replace("0.25,FALSE,TRUE", "{2 TRUE}");
    assert_eq!(cells(&read("truefalse.arff", &sparse).unwrap()), [P, N, N, P]);
    let error = read("truefalse.arff", &sparse.replace("FALSE,TRUE", "TRUE,FALSE")).unwrap_err();
    assert!(error.contains("the first value of `c1`, which is not absent: list absent first"), "{error}");
    let error = read("truefalse.arff", &text.replace("{FALSE,TRUE}", "{low,high}")).unwrap_err();
    assert_eq!(
        error,
        "truefalse.arff: line 5, column 1: the label `c1` has values other than 0 and 1, false and true, no and yes, n \
         and y, f and t, or -1 and 1: declare it with one of these pairs, as in {0,1}"
    );
}

#[test]
fn arff_types_without_a_blank_and_with_a_range() {
    let brace = "@relation 'm: -C 2'\n@attribute c1{0,1}\n@attribute c2{0,1}\n@attribute a1 numeric\n@data\n1,0,0.5\n0,1,0.25\n";
    let range = "@relation 'm: -C 2'\n@attribute c1 {0,1}\n@attribute c2 {0,1}\n@attribute legs INTEGER [0,9]\n\
        @attribute w real[0.0, 1.0]\n@data\n1,0,4,0.5\n0,1,2,0.25\n";
    for (text, expected) in [(brace, vec![0.5, 0.25]), (range, vec![4.0, 0.5, 2.0, 0.25])] {
        let table = read("x.arff", text).unwrap();
        assert_eq!((table.rows(), table.classes.to_vec()), (2, vec!["c1".to_string(), "c2".into()]));
        assert_eq!(cells(&table), [P, N, N, P]);
        assert_eq!(values(table), expected);
    }
}

#[test]
fn arff_columns_have_the_names_of_their_attributes() {
    let xml = ("m.xml", "<labels><label name=\"l1\"></label><label name=\"l2\"></label></labels>");
    let train = "@relation m\n@attribute f1 numeric\n@attribute f2 {low,high}\n@attribute l1 {0,1}\n@attribute l2 {0,1}\n\
        @data\n2.7,low,1,0\n0.4,high,0,1\n";
    let test = "@relation m\n@attribute f2 {high,low}\n@attribute f1 numeric\n@attribute l2 {0,1}\n@attribute l1 {0,1}\n\
        @data\nlow,2.7,0,1\n";
    let options = ReadOptions::default();
    let table = open(&[("m-train.arff", train), xml], &options).unwrap().train;
    assert_eq!(table.feature_names.as_ref().unwrap().to_vec(), ["f1", "f2"]);
    assert_eq!(table.classes.to_vec(), ["l1", "l2"]);
    assert_eq!((table.nominal[0].0, table.nominal[0].1.to_vec()), (1, vec!["low".into(), "high".into()]));
    let table = open(&[("m-test.arff", test), xml], &options).unwrap().train;
    assert_eq!(table.feature_names.as_ref().unwrap().to_vec(), ["f2", "f1"]);
    assert_eq!(table.classes.to_vec(), ["l2", "l1"]);
    assert_eq!((table.nominal[0].0, table.nominal[0].1.to_vec()), (0, vec!["high".into(), "low".into()]));
    assert_eq!(cells(&table), [N, P]);
    assert_eq!(values(table), [1.0, 2.7]);
}

// LIBSVM

fn rows(table: &Table) -> Vec<Vec<usize>> {
    let cells = cells(table);
    let rows = cells.chunks(table.classes.len());
    rows.map(|row| (0..row.len()).filter(|&class| row[class] == P).collect()).collect()
}

#[test]
fn libsvm_comments_and_blanks() {
    let comment = "# Generated by a dumper\n# Column indices are zero-based\n#\n0,2 0:0.5 1:1\n1 1:0.25\n";
    let table = read("comment.svm", comment).unwrap();
    assert_eq!((table.rows(), columns(&table), table.classes.len()), (2, 2, 3));
    assert_eq!(rows(&table), [vec![0, 2], vec![1]]);
    let table = read("spaces.svm", "324, 674, 54 1:1 5:3\n3, 4 2:1\n").unwrap();
    assert_eq!((table.rows(), columns(&table), table.classes.len()), (2, 6, 675));
    assert_eq!(rows(&table), [vec![54, 324, 674], vec![3, 4]]);
    assert_eq!(values(table), [0.0, 1.0, 0.0, 0.0, 0.0, 3.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
}

#[test]
fn libsvm_numbers_of_columns_and_classes_are_absolute() {
    let train = read("train.svm", "2 0:0.847 5:1.652\n0,2 0:1.488 5:0.696\n").unwrap();
    let test = read("test_narrow.svm", "1 0:0.544 4:0.066\n").unwrap();
    assert!(train.absolute && test.absolute);
    assert_eq!((columns(&train), columns(&test)), (6, 5));
    assert_eq!((train.classes.len(), test.classes.len()), (3, 2));
    let wide = read("wide.svm", "1 6 3\n1 0:0.544 4:0.066\n").unwrap();
    assert_eq!((wide.absolute, columns(&wide), wide.classes.len()), (true, 6, 3));
}

#[test]
fn libsvm_features_and_labels_of_the_extreme_classification_repository() {
    let features = read("trn_X_Xf.svm", "2 3\n0:0.5 2:1\n1:2\n").unwrap();
    assert_eq!((features.rows(), columns(&features), features.labels.is_none()), (2, 3, true));
    let options = ReadOptions { labels: true, ..ReadOptions::default() };
    for text in ["2 4\n0:1 3:1\n1:1\n", "2 4\n0,3\n1\n"] {
        let labels = open(&[("trn_X_Y.svm", text)], &options).unwrap().train;
        assert_eq!((labels.features.is_none(), labels.classes.len()), (true, 4));
        assert_eq!(rows(&labels), [vec![0, 3], vec![1]]);
    }
}

// COCO and its relatives

const LVIS: &str = r#"{"images":[{"id":1,"file_name":"000000000001.jpg","neg_category_ids":[2],"not_exhaustive_category_ids":[3],"height":4,"width":4},{"id":2,"file_name":"000000000002.jpg","neg_category_ids":[1],"not_exhaustive_category_ids":[],"height":4,"width":4}],
"annotations":[{"id":1,"image_id":1,"category_id":1,"bbox":[0,0,1,1],"area":1},{"id":2,"image_id":1,"category_id":3,"bbox":[0,0,1,1],"area":1},{"id":3,"image_id":2,"category_id":2,"bbox":[0,0,1,1],"area":1}],
"categories":[{"id":1,"name":"aerosol_can","synset":"x","frequency":"r"},{"id":2,"name":"air","frequency":"c"},{"id":3,"name":"bolt","frequency":"f"},{"id":4,"name":"nut","frequency":"f"}]}"#;

fn names(table: &Table) -> Vec<String> {
    table.names.as_ref().unwrap().to_vec()
}

#[test]
fn coco_negatives_that_were_verified() {
    let table = read("lvis.json", LVIS).unwrap();
    assert_eq!(names(&table), ["000000000001.jpg", "000000000002.jpg"]);
    assert_eq!(table.classes.to_vec(), ["aerosol_can", "air", "bolt", "nut"]);
    assert_eq!(cells(&table), [P, N, P, U, N, P, U, U]);
    for (unlisted, expected) in [(U, [P, N, P, U, N, P, U, U]), (N, [P, N, P, N, N, P, N, N])] {
        let options = ReadOptions { unlisted: Some(unlisted), ..ReadOptions::default() };
        assert_eq!(cells(&open(&[("lvis.json", LVIS)], &options).unwrap().train), expected);
    }
    // A class that is not annotated exhaustively is unknown where there is no annotation.
    let text = LVIS.replace(
        r#""neg_category_ids":[2],"not_exhaustive_category_ids":[3]"#,
        r#""neg_category_ids":[2,4],"not_exhaustive_category_ids":[3,4]"#,
    );
    let options = ReadOptions { unlisted: Some(N), ..ReadOptions::default() };
    assert_eq!(cells(&open(&[("lvis.json", &text)], &options).unwrap().train), [P, N, P, U, N, P, N, N]);
    // Images with negatives alone are rows.
    let text = LVIS.replace(
        r#""images":["#,
        r#""images":[{"id":0,"coco_url":"http://x/val2017/0.jpg","neg_category_ids":[3]},"#,
    );
    let table = read("lvis.json", &text).unwrap();
    assert_eq!(names(&table)[0], "0.jpg");
    assert_eq!(cells(&table)[..4], [U, U, N, U]);
    // Without the key everything that is not listed is negative, as in COCO.
    let text = LVIS.replace("neg_category_ids", "other");
    assert_eq!(cells(&read("coco.json", &text).unwrap()), [P, N, P, N, N, P, N, N]);
}

#[test]
fn coco_url_is_the_name_where_file_name_is_missing() {
    let text = LVIS
        .replace(
            r#""file_name":"000000000001.jpg""#,
            r#""coco_url":"http://images.cocodataset.org/train2017/1.jpg?x=/y""#,
        )
        .replace(r#""file_name":"000000000002.jpg""#, r#""file_name":null,"coco_url":"2.jpg""#);
    assert_eq!(names(&read("lvis.json", &text).unwrap()), ["1.jpg", "2.jpg"]);
}

#[test]
fn coco_areas_and_places_of_objects() {
    let annotations = read("lvis.json", LVIS).unwrap().annotations.unwrap();
    let distance = 1.5_f32.hypot(1.5);
    assert_eq!(annotations.row(0).collect::<Vec<_>>(), [(0, 1.0, distance), (2, 1.0, distance)]);
    assert_eq!(annotations.row(1).collect::<Vec<_>>(), [(1, 1.0, distance)]);
}
