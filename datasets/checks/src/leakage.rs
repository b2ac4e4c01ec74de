//! Rows of the test part that are rows of the training part, and parts that do not belong together.

use crate::finding::have;
use crate::part::Part;
use crate::rows::common;
use crate::{Examination, Finding, kind, shown};

pub(crate) fn check(train: &Part<'_>, test: &Part<'_>, found: &mut Examination) {
    check_classes(train, test, found);
    let same_features = match (&train.features, &test.features) {
        (Some(a), Some(b)) => {
            if a.columns != b.columns {
                let text = format!("train has {} columns of features and test {}", a.columns, b.columns);
                found.findings.push(match a.sparse && b.sparse {
                    // The width of sparse rows may be no more than the last column that occurs.
                    true => Finding::warning(kind::COLUMNS_DIFFER, text),
                    false => {
                        let text = format!("{text}; extract both with the same model");
                        Finding::error(kind::COLUMNS_DIFFER, text)
                    }
                });
            }
            common(
                test.feature_order().iter().copied(),
                |row| b.hashes[row],
                train.feature_order().iter().copied(),
                |row| a.hashes[row],
            )
        }
        _ => Vec::new(),
    };
    let same_names = match (&train.table.names, &test.table.names) {
        (Some(a), Some(b)) => common(
            b.sorted().into_iter().map(|row| row as usize),
            |row| &b[row],
            a.sorted().into_iter().map(|row| row as usize),
            |row| &a[row],
        ),
        _ => Vec::new(),
    };
    found.leaked_rows = same_features.len();
    found.leaked_names = same_names.len();
    let all = test.rows();
    // Both lists are sorted by the row of the test part.
    let is_in = |pairs: &[(usize, usize)], row| pairs.binary_search_by_key(&row, |pair| pair.0).is_ok();
    if let Some(&(row, earlier)) = same_features.first() {
        let count = same_features.len();
        let named = same_features.iter().filter(|(row, _)| is_in(&same_names, *row)).count();
        let mut text = format!("{count} of {all} test rows {} the features of a training row", have(count));
        if train.table.names.is_some() && test.table.names.is_some() {
            text += &format!(", {named} of them the name of one as well");
        }
        text += &format!(
            ": results on them are invalid; the first is test {}, equal to train {}",
            test.row(row),
            train.row(earlier)
        );
        found.findings.push(Finding::error(kind::TEST_ROWS_IN_TRAIN, text));
    }
    if let Some(&(row, earlier)) = same_names.first() {
        let count = same_names.len();
        let mut text = format!("{count} of {all} test rows {} the name of a training row", have(count));
        if train.features.is_some() && test.features.is_some() {
            let equal = same_names.iter().filter(|(row, _)| is_in(&same_features, *row)).count();
            text += &format!(", {equal} of them the features of one as well");
        }
        text += &format!("; the first is test {}, in train row {earlier}", test.row(row));
        found.findings.push(Finding::warning(kind::TEST_NAMES_IN_TRAIN, text));
    }
}

fn check_classes(train: &Part<'_>, test: &Part<'_>, found: &mut Examination) {
    let mut differ = |text: String| {
        let text = format!("{text}; give both parts the same classes in the same order");
        found.findings.push(Finding::error(kind::CLASSES_DIFFER, text));
    };
    if let (Some(a), Some(b)) = (&train.labels, &test.labels)
        && a.classes != b.classes
    {
        return differ(format!("train has {} classes and test {}", a.classes, b.classes));
    }
    let (a, b) = (&train.table.classes, &test.table.classes);
    if !a.is_empty()
        && !b.is_empty()
        && let Some(class) = (0..a.len().max(b.len())).find(|&class| a.get(class) != b.get(class))
    {
        let name = |name: Option<&str>| match name {
            Some(name) => format!("`{}`", shown(name)),
            None => "missing".into(),
        };
        differ(format!(
            "class {class} (counted from 0) is {} in train and {} in test",
            name(a.get(class)),
            name(b.get(class))
        ));
    }
}
