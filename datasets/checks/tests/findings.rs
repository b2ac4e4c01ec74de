//! Each finding on tables that have it and, in [`a_clean_set_has_no_findings`], on a table that has none.

use lacuna_checks::{Examination, Severity, examine, fingerprint, kind};
use lacuna_formats::{FeatureTable, LabelLists, LabelTable, SparseFeatures, Table};
use lacuna_labels::Label::{Negative as N, Positive as P, Unknown as U};
use lacuna_labels::{Features, Label, LabelMatrix};
use std::path::PathBuf;

fn dense(columns: usize, values: &[f32]) -> Option<FeatureTable> {
    let rows = values.len() / columns;
    Some(FeatureTable::Dense(Features::new(rows, columns, values.to_vec()).unwrap()))
}

fn sparse(columns: usize, rows: &[&[(usize, f32)]]) -> Option<FeatureTable> {
    let mut features = SparseFeatures::new(columns);
    for row in rows {
        row.iter().for_each(|&(column, value)| features.push(column, value));
        assert_eq!(features.end_row(), None);
    }
    Some(FeatureTable::Sparse(features))
}

fn matrix(classes: usize, cells: &[Label]) -> LabelMatrix {
    LabelMatrix::new(cells.len() / classes, classes, cells.to_vec()).unwrap()
}

fn labels(classes: usize, cells: &[Label]) -> Option<LabelTable> {
    Some(LabelTable::Dense(matrix(classes, cells).into()))
}

/// Three rows, two columns, two classes, and nothing wrong with them.
fn train() -> Table {
    Table {
        path: "train".into(),
        names: Some(vec!["a.jpg", "b.jpg", "c.jpg"].into()),
        features: dense(2, &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]),
        labels: labels(2, &[P, N, N, P, P, P]),
        observed: Some(matrix(2, &[P, U, N, P, U, P]).into()),
        classes: vec!["cat", "dog"].into(),
        ..Table::default()
    }
}

fn test() -> Table {
    Table {
        path: "test".into(),
        names: Some(vec!["d.jpg", "e.jpg"].into()),
        features: dense(2, &[6.0, 7.0, 8.0, 9.0]),
        labels: labels(2, &[P, N, N, P]),
        classes: vec!["cat", "dog"].into(),
        ..Table::default()
    }
}

/// Severity and text of the findings of a kind.
fn of_kind(found: &Examination, kind: &str) -> Vec<(Severity, String)> {
    let findings = found.findings.iter().filter(|finding| finding.kind == kind);
    findings.map(|finding| (finding.severity, finding.text.clone())).collect()
}

#[track_caller]
fn assert_only(found: &Examination, kind: &str, severity: Severity, text: &str) {
    assert_eq!(of_kind(found, kind), [(severity, text.to_string())], "{:#?}", found.findings);
    assert_eq!(found.findings.len(), 1, "{:#?}", found.findings);
}

use Severity::{Error, Warning};

#[test]
fn a_clean_set_has_no_findings() {
    let found = examine(&train(), Some(&test()));
    assert_eq!(found.findings, []);
    assert_eq!((found.leaked_rows, found.leaked_names, found.parts.len()), (0, 0, 2));
    let part = &found.parts[0];
    assert_eq!((part.part, part.rows, part.columns, part.classes), ("train", 3, 2, 2));
    assert_eq!((part.cardinality, part.density, part.unknown), (4.0 / 3.0, 2.0 / 3.0, 0.0));
    assert_eq!((part.empty_rows, part.label_sets, part.empty_classes), (0, 3, 0));
    assert_eq!(part.rows_by_positives.iter().collect::<Vec<_>>(), [(&1, &2), (&2, &1)]);
    assert_eq!(part.class_counts, [("cat".to_string(), 2), ("dog".to_string(), 2)]);
    assert_eq!(part.together, [("cat".to_string(), "dog".to_string(), 1)]);
    assert_eq!((part.imbalance, part.head_medium_tail), (1.0, [0, 0, 2]));
    assert_eq!((part.constant_columns, part.duplicate_rows, part.contradictions), (0, 0, 0));
    let observed = part.observed.as_ref().unwrap();
    assert_eq!((observed.positives, observed.negatives, observed.unknown), (3, 1, 2));
    assert_eq!((observed.positives_per_row, observed.negatives_per_row), (1.0, 1.0 / 3.0));
    assert_eq!((observed.empty_rows, observed.empty_classes, observed.contradictions), (0, 0, 0));
    assert_eq!(found.parts[1].observed, None);
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(json["parts"][0]["rows_by_positives"]["2"], 1);
}

#[test]
fn test_rows_with_the_features_of_training_rows_are_an_error_and_those_with_their_names_a_warning() {
    let mut leaky = test();
    leaky.features = dense(2, &[6.0, 7.0, 2.0, 3.0]);
    let found = examine(&train(), Some(&leaky));
    assert_only(
        &found,
        kind::TEST_ROWS_IN_TRAIN,
        Error,
        "1 of 2 test rows has the features of a training row, 0 of them the name of one as well: results on them \
         are invalid; the first is test row 1 (`e.jpg`), equal to train row 1 (`b.jpg`)",
    );
    assert_eq!((found.leaked_rows, found.leaked_names), (1, 0));

    leaky.names = Some(vec!["c.jpg", "b.jpg"].into());
    let found = examine(&train(), Some(&leaky));
    assert_eq!((found.leaked_rows, found.leaked_names), (1, 2));
    let [(severity, text)] = &of_kind(&found, kind::TEST_ROWS_IN_TRAIN)[..] else { panic!("{found:?}") };
    assert_eq!(*severity, Error);
    assert!(text.contains("1 of them the name of one as well"), "{text}");
    let expected = "2 of 2 test rows have the name of a training row, 1 of them the features of one as well; the first \
                    is test row 0 (`c.jpg`), in train row 2";
    assert_eq!(of_kind(&found, kind::TEST_NAMES_IN_TRAIN), [(Warning, expected.to_string())]);
}

#[test]
fn leakage_is_found_between_dense_and_sparse_features_and_between_sparse_ones_of_different_width() {
    let rows: [&[(usize, f32)]; 3] = [&[(1, 1.0)], &[(0, 2.0), (1, 3.0)], &[(0, 4.0), (1, 5.0)]];
    let mut leaky = test();
    leaky.features = sparse(2, &rows[1..]);
    assert_eq!(examine(&train(), Some(&leaky)).leaked_rows, 2);
    let mut sparse_train = train();
    sparse_train.features = sparse(7, &rows);
    let found = examine(&sparse_train, Some(&leaky));
    assert_eq!(found.leaked_rows, 2);
    let text = "train has 7 columns of features and test 2".to_string();
    assert_eq!(of_kind(&found, kind::COLUMNS_DIFFER), [(Warning, text)]);
    let mut narrow = test();
    narrow.features = dense(1, &[0.0, 1.0]);
    let text = "train has 2 columns of features and test 1; extract both with the same model";
    assert_only(&examine(&train(), Some(&narrow)), kind::COLUMNS_DIFFER, Error, text);
}

#[test]
fn observed_labels_that_contradict_the_truth() {
    let mut table = train();
    // Row 0 `dog` is negative in truth, row 2 `cat` positive.
    table.observed = Some(matrix(2, &[P, P, U, P, N, P]).into());
    let text = "train: 2 of 5 known observed labels contradict the true ones; the first is that of row 0 (`a.jpg`), \
                class 1 (`dog`)";
    let found = examine(&table, None);
    assert_only(&found, kind::OBSERVED_CONTRADICTS_TRUTH, Error, text);
    assert_eq!(found.parts[0].observed.as_ref().unwrap().contradictions, 2);
    // The same where the truth is in lists.
    let truth = matrix(2, &[P, N, N, P, P, P]);
    table.labels = Some(LabelTable::Lists(LabelLists::of(&truth, table.classes.clone(), N)));
    assert_only(&examine(&table, None), kind::OBSERVED_CONTRADICTS_TRUTH, Error, text);
    // What the truth does not know is not contradicted.
    table.labels = labels(2, &[P, U, N, P, U, P]);
    assert_eq!(examine(&table, None).parts[0].observed.as_ref().unwrap().contradictions, 0);
}

#[test]
fn observed_labels_that_say_nothing_or_only_one_thing() {
    let with = |observed: [Label; 6]| {
        let table = Table { observed: Some(matrix(2, &observed).into()), ..train() };
        examine(&table, None)
    };
    let text = "train: all 6 observed labels are unknown";
    assert_only(&with([U; 6]), kind::OBSERVED_ALL_UNKNOWN, Error, text);
    let text = "train: no observed label is positive, 2 are negative";
    assert_only(&with([U, N, N, U, U, U]), kind::OBSERVED_NO_POSITIVE, Error, text);
    let text = "train: no observed label is negative, 3 are positive";
    assert_only(&with([P, U, U, P, U, P]), kind::OBSERVED_NO_NEGATIVE, Warning, text);
}

#[test]
fn labels_without_a_positive_and_rows_without_one() {
    let mut table = Table { observed: None, ..train() };
    table.labels = labels(2, &[N; 6]);
    let text = "train: no label is positive, 6 are negative and 0 unknown; are these the right labels?";
    assert_only(&examine(&table, None), kind::NO_POSITIVE, Error, text);
    table.labels = labels(2, &[P, N, N, N, N, P]);
    let found = examine(&table, None);
    let text = "train: 1 of 3 rows has no positive; the first is row 1 (`b.jpg`)";
    assert_only(&found, kind::ROWS_WITHOUT_POSITIVE, Warning, text);
    assert_eq!(found.parts[0].empty_rows, 1);
}

#[test]
fn unknown_labels_are_counted() {
    let mut table = Table { observed: None, ..train() };
    table.labels = labels(2, &[P, N, U, P, P, U]);
    let found = examine(&table, None);
    let text = "train: 2 of 6 labels are unknown; the first is that of row 1 (`b.jpg`), class 0 (`cat`)";
    assert_only(&found, kind::UNKNOWN_LABELS, Warning, text);
    assert_eq!((found.parts[0].unknown_cells, found.parts[0].unknown), (2, 1.0 / 3.0));
    table.labels = labels(2, &[P, U, U, P, P, U]);
    let text = "train: no label is negative, 3 are positive and the others unknown".to_string();
    assert_eq!(of_kind(&examine(&table, None), kind::NO_NEGATIVE), [(Warning, text)]);
    table.labels = labels(2, &[U; 6]);
    let text =
        "train: no label is positive, 0 are negative and 6 unknown; are these the right labels?".to_string();
    assert_eq!(of_kind(&examine(&table, None), kind::NO_POSITIVE), [(Error, text)]);
}

#[test]
fn classes_without_a_positive_in_either_part_and_classes_that_are_always_positive() {
    let mut table = Table { observed: None, ..train() };
    let mut other = test();
    table.labels = labels(2, &[P, N, P, N, P, N]);
    other.labels = labels(2, &[N, P, N, P]);
    let found = examine(&table, Some(&other));
    assert_eq!(
        of_kind(&found, kind::CLASSES_WITHOUT_POSITIVE),
        [
            (Warning, "train: 1 of 2 classes has no positive: class 1 (`dog`)".to_string()),
            (Warning, "test: 1 of 2 classes has no positive: class 0 (`cat`)".to_string()),
        ]
    );
    assert_eq!(
        of_kind(&found, kind::CLASSES_ALWAYS_POSITIVE),
        [
            (Warning, "train: 1 of 2 classes is positive in every row: class 0 (`cat`)".to_string()),
            (Warning, "test: 1 of 2 classes is positive in every row: class 1 (`dog`)".to_string()),
        ]
    );
    assert_eq!(found.findings.len(), 4);
    assert_eq!((found.parts[0].empty_classes, found.parts[1].empty_classes), (1, 1));
}

#[test]
fn constant_columns_and_duplicate_rows() {
    let mut table = train();
    table.features = dense(2, &[0.0, 1.0, 2.0, 1.0, 4.0, 1.0]);
    let text = "train: 1 of 2 columns has the same value in every row";
    assert_only(&examine(&table, None), kind::CONSTANT_COLUMNS, Warning, text);
    table.features = dense(2, &[0.0, 1.0, 2.0, 3.0, 0.0, 1.0]);
    let found = examine(&table, None);
    let text = "train: 1 of 3 rows has the features of an earlier row, 1 of them other labels; for example row 2 \
                (`c.jpg`) and row 0 (`a.jpg`)";
    assert_only(&found, kind::DUPLICATE_ROWS, Warning, text);
    assert_eq!((found.parts[0].duplicate_rows, found.parts[0].contradictions), (1, 1));
    table.labels = labels(2, &[P, P, N, P, P, P]);
    table.observed = None;
    let text = "train: 1 of 3 rows has the features of an earlier row and its labels; for example row 2 (`c.jpg`) and \
                row 0 (`a.jpg`)"
        .to_string();
    assert_eq!(of_kind(&examine(&table, None), kind::DUPLICATE_ROWS), [(Warning, text)]);
}

#[test]
fn names_that_occur_twice() {
    let mut table = train();
    table.names = Some(vec!["a", "b\n", "b\n"].into());
    let text = "train: 1 of 3 rows has the name of an earlier row; `b\\n` is the name of row 1 and of row 2 (counted from 0)";
    assert_only(&examine(&table, None), kind::DUPLICATE_NAMES, Error, text);
    let table = Table { classes: vec!["cat", "cat"].into(), ..train() };
    let text = "train: `cat` is the name of class 0 and of class 1 (counted from 0)";
    assert_only(&examine(&table, None), kind::DUPLICATE_CLASSES, Error, text);
}

#[test]
fn parts_that_do_not_belong_together() {
    let table = Table { features: dense(2, &[0.0, 1.0, 2.0, 3.0]), ..train() };
    let found = examine(&table, None);
    let texts: Vec<String> =
        of_kind(&found, kind::ROWS_DIFFER).into_iter().map(|finding| finding.1).collect();
    assert_eq!(
        texts,
        [
            "train: 2 rows of features and 3 of labels: they do not match",
            "train: 2 rows of features and 3 of observed labels: they do not match",
            "train: 2 rows of features and 3 of names: they do not match",
        ]
    );
    let table = Table { observed: Some(matrix(3, &[P; 9]).into()), ..train() };
    let text = "train: 2 classes of labels and 3 of observed labels: they do not match".to_string();
    assert_eq!(of_kind(&examine(&table, None), kind::CLASSES_DIFFER), [(Error, text)]);
    let other = Table { classes: vec!["cat", "cow"].into(), ..test() };
    let text = "class 1 (counted from 0) is `dog` in train and `cow` in test; give both parts the same classes in the \
                same order";
    assert_only(&examine(&train(), Some(&other)), kind::CLASSES_DIFFER, Error, text);
    let other = Table { labels: labels(1, &[P, N]), classes: vec!["cat"].into(), ..test() };
    let text = "train has 2 classes and test 1; give both parts the same classes in the same order";
    assert_eq!(of_kind(&examine(&train(), Some(&other)), kind::CLASSES_DIFFER), [(Error, text.to_string())]);
}

#[test]
fn a_part_without_rows_columns_or_classes() {
    let found = examine(&Table::default(), None);
    assert_only(&found, kind::NO_ROWS, Error, "train: there are no rows");
    let mut table = Table { observed: None, names: None, classes: Vec::<&str>::new().into(), ..train() };
    table.features = Some(FeatureTable::Dense(Features::new(usize::MAX, 0, vec![]).unwrap()));
    table.labels = Some(LabelTable::Dense(LabelMatrix::new(usize::MAX, 0, vec![]).unwrap().into()));
    let found = examine(&table, None);
    assert_eq!(
        of_kind(&found, kind::NO_COLUMNS),
        [(Error, "train: the features have no columns".to_string())]
    );
    assert_eq!(
        of_kind(&found, kind::NO_CLASSES),
        [(Warning, "train: the labels have no classes".to_string())]
    );
    assert_eq!(found.findings.len(), 2);
}

#[test]
fn a_sparse_value_that_is_not_finite() {
    let table = Table { features: sparse(2, &[&[(0, 1.0)], &[(1, f32::NAN)], &[]]), ..train() };
    let text =
        "train: the feature of row 1 (`b.jpg`), column 1 is NaN; extract that row again or leave it out";
    assert_only(&examine(&table, None), kind::NOT_FINITE, Error, text);
}

#[test]
fn too_many_pairs_are_said_not_to_be_counted() {
    let classes: lacuna_formats::Strings = (0..5_000).map(|class| format!("c{class}")).collect();
    let mut lists = LabelLists::new(classes.clone(), N);
    (0..5_000).for_each(|class| lists.push(class, P));
    lists.end_row();
    let table = Table { labels: Some(LabelTable::Lists(lists)), classes, ..Table::default() };
    let part = &examine(&table, None).parts[0];
    assert_eq!(part.together, []);
    let note = "pairs of classes are not counted: the sum over rows of positives^2 is 25000000";
    assert_eq!(part.notes, [note]);
}

#[test]
fn the_fingerprint_changes_with_every_content_and_not_with_the_path() {
    let all = |train: &Table, test: Option<&Table>| {
        let value = fingerprint(train, test);
        assert_eq!(value, examine(train, test).fingerprint);
        value
    };
    let same = Table { path: PathBuf::from("elsewhere"), notes: vec!["a note".into()], ..train() };
    assert_eq!(all(&train(), None), all(&same, None));
    let lists = LabelLists::of(&matrix(2, &[P, N, N, P, P, P]), same.classes.clone(), N);
    let same = Table { labels: Some(LabelTable::Lists(lists)), ..same };
    assert_eq!(all(&train(), None), all(&same, None), "labels in lists");
    let bit = f32::from_bits(5.0_f32.to_bits() ^ 1);
    let mut values = vec![
        all(&train(), None),
        all(&train(), Some(&test())),
        all(&test(), Some(&train())),
        all(&Table { names: Some(vec!["a.jpg", "b.jpg", "d.jpg"].into()), ..train() }, None),
        all(&Table { names: Some(vec!["a.jp", "gb.jpg", "c.jpg"].into()), ..train() }, None),
        all(&Table { names: None, ..train() }, None),
        all(&Table { classes: vec!["cat", "cow"].into(), ..train() }, None),
        all(&Table { labels: labels(2, &[P, N, N, P, P, N]), ..train() }, None),
        all(&Table { labels: labels(2, &[P, N, N, P, P, U]), ..train() }, None),
        all(&Table { labels: None, ..train() }, None),
        all(&Table { observed: Some(matrix(2, &[P, U, N, P, N, P]).into()), ..train() }, None),
        all(&Table { observed: Some(matrix(2, &[P, U, N, P, U, U]).into()), ..train() }, None),
        all(&Table { observed: None, ..train() }, None),
        all(&Table { features: dense(2, &[0.0, 1.0, 2.0, 3.0, 4.0, bit]), ..train() }, None),
        all(&Table { features: dense(2, &[-0.0, 1.0, 2.0, 3.0, 4.0, 5.0]), ..train() }, None),
        all(&Table { features: dense(3, &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]), ..train() }, None),
        all(&Table { features: None, ..train() }, None),
        all(&Table { image: Some([1, 1, 2]), ..train() }, None),
        all(&Table { image: Some([1, 2, 1]), ..train() }, None),
    ];
    let count = values.len();
    values.sort_unstable();
    values.dedup();
    assert_eq!(values.len(), count);
}

#[test]
fn classes_and_rows_without_an_observed_positive_are_counted() {
    let kinds = |observed: [Label; 6], truth: [Label; 6]| {
        let mut table = Table { observed: None, ..train() };
        table.labels = labels(2, &truth);
        table.observed = Some(LabelMatrix::new(3, 2, observed.to_vec()).unwrap().into());
        examine(&table, None)
            .findings
            .into_iter()
            .map(|finding| (finding.kind, finding.text))
            .collect::<Vec<_>>()
    };
    // The second class is never observed, and nothing is known of it; the last row has a positive that is hidden.
    let found = kinds([P, U, N, U, U, U], [P, P, N, P, N, P]);
    let of = |kind: &str| found.iter().find(|(k, _)| *k == kind).map(|(_, text)| text.as_str());
    assert_eq!(
        of(kind::OBSERVED_CLASSES_WITHOUT_POSITIVE),
        Some("train: 1 of 2 classes have true positives and no observed one: class 1 (`dog`)")
    );
    assert!(
        of(kind::OBSERVED_CLASSES_UNKNOWN).unwrap().contains("1 of 2 classes have no known observed label")
    );
    assert!(
        of(kind::OBSERVED_ROWS_WITHOUT_POSITIVE)
            .unwrap()
            .starts_with("train: 2 of 3 rows have no observed positive")
    );
    let found = kinds([P, U, N, P, P, N], [P, P, N, P, P, N]);
    assert!(
        found
            .iter()
            .all(|(kind, _)| !kind.starts_with("observed-classes") && !kind.starts_with("observed-rows"))
    );
}
