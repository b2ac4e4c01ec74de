//! Matching the columns and classes of the test rows with those of the training rows.
//!
//! Where both sides have names they are matched by name; where the numbers of a format are absolute, the narrower side has
//! zeros in what it does not mention; nothing is matched by position where names exist.

use crate::SourceError;
use lacuna_formats::{FeatureTable, LabelLists, LabelTable, SparseFeatures, Strings, Table, shown};
use lacuna_labels::{Features, LabelMatrix, ObservedLabels};
use std::collections::{HashMap, HashSet};

/// The training and test rows with the same columns and classes, and notes.
pub(crate) struct Aligned {
    pub(crate) train: Table,
    pub(crate) test: Table,
    pub(crate) notes: Vec<String>,
}

/// The two parts, and the files that their features are from.
pub(crate) struct Parts {
    pub(crate) train: Table,
    pub(crate) test: Table,
    pub(crate) train_features: String,
    pub(crate) test_features: String,
}

/// Matches features, then classes.
pub(crate) fn align(parts: Parts) -> Result<Aligned, SourceError> {
    let Parts { mut train, mut test, train_features, test_features } = parts;
    let mut notes = Vec::new();
    let differ = |problem: String| {
        let (train, test) = (train_features.clone(), test_features.clone());
        Err(SourceError::Parts { train, test, problem })
    };
    if train.image != test.image {
        let shape = |image: Option<[usize; 3]>| image.map_or("rows".to_string(), |s| format!("{s:?}"));
        let (train, test) = (shape(train.image), shape(test.image));
        return differ(format!("the features are {test} to test on and {train} to train on"));
    }
    match (train.feature_names.clone(), test.feature_names.clone()) {
        (Some(ours), Some(theirs)) if train.features.is_some() && test.features.is_some() => {
            let names = Names { what: "feature", train: &ours, test: &theirs };
            match names.order() {
                Ok(None) => {}
                Ok(Some(order)) => {
                    notes.push(format!(
                        "{test_features}: the features are in another order than in {train_features}; they were \
                         matched by name"
                    ));
                    reorder_features(&mut test, &order)?;
                    test.feature_names = Some(ours);
                }
                Err(problem) => return differ(problem),
            }
            if let Err(problem) = match_nominal(&train, &mut test) {
                return differ(problem);
            }
        }
        _ => {}
    }
    if let (Some(x), Some(y)) = (&train.features, &test.features)
        && x.columns() != y.columns()
    {
        let (x, y) = (x.columns(), y.columns());
        let sparse = |table: &Table| matches!(table.features, Some(FeatureTable::Sparse(_)));
        if !(train.absolute && test.absolute && sparse(&train) && sparse(&test)) {
            return differ(format!("there are {y} test features and {x} training features"));
        }
        let (narrow, wide) = if x < y { (&mut train, y) } else { (&mut test, x) };
        let name = if x < y { &train_features } else { &test_features };
        notes.push(format!(
            "{name}: {} columns of features of the other rows do not occur and are 0",
            x.abs_diff(y)
        ));
        if let Some(FeatureTable::Sparse(x)) = &mut narrow.features {
            x.widen(wide);
        }
    }
    align_classes(&mut train, &mut test, &mut notes)?;
    Ok(Aligned { train, test, notes })
}

/// Names of both sides.
struct Names<'a> {
    what: &'static str,
    train: &'a Strings,
    test: &'a Strings,
}

impl Names<'_> {
    /// For each name of the training side its place on the test side; `None` where the order is the same.
    fn order(&self) -> Result<Option<Vec<usize>>, String> {
        if self.train == self.test {
            return Ok(None);
        }
        let what = self.what;
        let place: HashMap<&str, usize> = self.test.iter().enumerate().map(|(i, name)| (name, i)).collect();
        let known: HashSet<&str> = self.train.iter().collect();
        if let Some(missing) = self.train.iter().find(|name| !place.contains_key(name)) {
            return Err(format!("the {what} `{}` of the training rows is missing", shown(missing)));
        }
        if let Some(more) = self.test.iter().find(|name| !known.contains(name)) {
            return Err(format!("the training rows do not have the {what} `{}`", shown(more)));
        }
        if self.train.len() != self.test.len() || place.len() != self.test.len() {
            return Err(format!("duplicate name of a {what}"));
        }
        Ok(Some(self.train.iter().map(|name| place[name]).collect()))
    }
}

/// Moves columns: `order[i]` is where column i is now.
fn reorder_features(table: &mut Table, order: &[usize]) -> Result<(), SourceError> {
    let mut place = vec![0; order.len()];
    order.iter().enumerate().for_each(|(new, &old)| place[old] = new);
    table.features = match table.features.take() {
        Some(FeatureTable::Dense(x)) => {
            let values = (0..x.rows()).flat_map(|row| order.iter().map(move |&column| (row, column)));
            let values = values.map(|(row, column)| x.row(row)[column]).collect();
            let moved = Features::new(x.rows(), x.columns(), values).expect("the same finite values");
            Some(FeatureTable::Dense(moved))
        }
        Some(FeatureTable::Sparse(x)) => {
            let mut moved = SparseFeatures::new(x.columns());
            for row in 0..x.rows() {
                x.row(row).for_each(|(column, value)| moved.push(place[column as usize], value));
                moved.end_row();
            }
            Some(FeatureTable::Sparse(moved))
        }
        None => None,
    };
    table.nominal.iter_mut().for_each(|(column, _)| *column = place[*column]);
    Ok(())
}

/// Nominal features are the numbers of their values: the values of the test side get the numbers of the training side.
fn match_nominal(train: &Table, test: &mut Table) -> Result<(), String> {
    let ours: HashMap<usize, &Strings> =
        train.nominal.iter().map(|(column, values)| (*column, values)).collect();
    let column_name = |column: usize| {
        let name = train.feature_names.as_ref().and_then(|names| names.get(column));
        name.map_or_else(|| format!("column {column}"), |name| format!("`{}`", shown(name)))
    };
    if let Some((column, _)) =
        train.nominal.iter().find(|(c, _)| test.nominal.iter().all(|(other, _)| other != c))
    {
        return Err(format!("the feature {} is nominal in the training rows alone", column_name(*column)));
    }
    let mut moved: HashMap<usize, Vec<f32>> = HashMap::new();
    for (column, theirs) in &test.nominal {
        let Some(ours) = ours.get(column) else {
            return Err(format!("the feature {} is nominal in the test rows alone", column_name(*column)));
        };
        if *ours == theirs {
            continue;
        }
        let number: HashMap<&str, usize> = ours.iter().enumerate().map(|(i, value)| (value, i)).collect();
        let unknown = theirs.iter().find(|value| !number.contains_key(value));
        if let Some(value) = unknown {
            return Err(format!(
                "the training rows do not have the value `{}` of the feature {}",
                shown(value),
                column_name(*column)
            ));
        }
        moved.insert(*column, theirs.iter().map(|value| number[value] as f32).collect());
    }
    if moved.is_empty() {
        return Ok(());
    }
    match test.features.take() {
        Some(FeatureTable::Dense(x)) => {
            let mut values = x.values().to_vec();
            for row in values.chunks_exact_mut(x.columns()) {
                for (column, numbers) in &moved {
                    // A mean in place of a missing value is the number of no value.
                    let value = row[*column];
                    if value.fract() != 0.0 || value < 0.0 || value as usize >= numbers.len() {
                        return Err(format!(
                            "the feature {} has a value that is not in its list",
                            column_name(*column)
                        ));
                    }
                    row[*column] = numbers[value as usize];
                }
            }
            let x = Features::new(x.rows(), x.columns(), values).expect("the same size, finite values");
            test.features = Some(FeatureTable::Dense(x));
            Ok(())
        }
        // The value that is not written down is the first one of the list.
        Some(FeatureTable::Sparse(_)) => {
            let column = moved.keys().min().copied().unwrap_or_default();
            Err(format!(
                "the values of the feature {} are in another order, which sparse rows cannot be matched by: list them \
                 in the same order",
                column_name(column)
            ))
        }
        None => Ok(()),
    }
}

fn align_classes(train: &mut Table, test: &mut Table, notes: &mut Vec<String>) -> Result<(), SourceError> {
    if test.labels.is_none() || train.labels.is_none() || train.classes == test.classes {
        return Ok(());
    }
    let (ours, theirs) = (train.path.display().to_string(), test.path.display().to_string());
    let same_count = train.classes.len() == test.classes.len();
    // Classes without names are numbered: then there is nothing to match but their positions.
    if same_count && (is_numbered(&train.classes) || is_numbered(&test.classes)) {
        let unnamed = if is_numbered(&test.classes) { &theirs } else { &ours };
        notes.push(format!("{unnamed}: the classes have no names; they were matched by position"));
        let named = if is_numbered(&train.classes) { test.classes.clone() } else { train.classes.clone() };
        rename(train, &named);
        rename(test, &named);
        return Ok(());
    }
    let lists = |table: &Table| matches!(table.labels, Some(LabelTable::Lists(_)));
    let absolute = train.absolute && test.absolute && lists(train) && lists(test);
    if !same_count && absolute && is_numbered(&train.classes) && is_numbered(&test.classes) {
        let wide = if train.classes.len() > test.classes.len() {
            train.classes.clone()
        } else {
            test.classes.clone()
        };
        let name = if train.classes.len() < wide.len() { &ours } else { &theirs };
        let count = train.classes.len().abs_diff(test.classes.len());
        notes.push(format!("{name}: {count} classes of the other rows do not occur"));
        rename(train, &wide);
        rename(test, &wide);
        return Ok(());
    }
    let names = Names { what: "class", train: &train.classes, test: &test.classes };
    let order = match names.order() {
        Ok(order) => order,
        Err(problem) => return Err(SourceError::Parts { train: ours, test: theirs, problem }),
    };
    if let Some(order) = order {
        notes.push(format!(
            "{theirs}: the classes are in another order than in {ours}; they were matched by name"
        ));
        test.labels = test.labels.take().map(|labels| match labels {
            LabelTable::Dense(labels) => LabelTable::Dense(columns(&labels, &order)),
            LabelTable::Lists(lists) => LabelTable::Lists(lists_in_order(&lists, &order, &train.classes)),
        });
        test.observed = test.observed.take().map(|labels| columns(&labels, &order));
        // Areas and boxes are by class; test rows do not use them.
        test.annotations = None;
        test.classes = train.classes.clone();
    }
    Ok(())
}

/// Whether classes are called `class 0`, `class 1`, ...: names that readers give to those that have none.
pub(crate) fn is_numbered(classes: &Strings) -> bool {
    classes
        .iter()
        .enumerate()
        .all(|(i, name)| name.strip_prefix("class ").is_some_and(|n| n == i.to_string()))
}

/// Gives classes other names, or more classes to lists.
fn rename(table: &mut Table, classes: &Strings) {
    if let Some(LabelTable::Lists(lists)) = &mut table.labels {
        lists.classes = classes.clone();
    }
    table.classes = classes.clone();
}

fn columns(labels: &ObservedLabels, order: &[usize]) -> ObservedLabels {
    let cells = (0..labels.rows()).flat_map(|row| order.iter().map(move |&class| labels.get(row, class)));
    let cells = cells.collect();
    LabelMatrix::new(labels.rows(), order.len(), cells).expect("as many cells as before").into()
}

fn lists_in_order(lists: &LabelLists, order: &[usize], classes: &Strings) -> LabelLists {
    let mut place = vec![0; order.len()];
    order.iter().enumerate().for_each(|(new, &old)| place[old] = new);
    let mut moved = LabelLists::new(classes.clone(), lists.unlisted);
    for row in 0..lists.rows() {
        lists.row(row).for_each(|(class, label)| moved.push(place[class], label));
        moved.end_row();
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(list: &[&str]) -> Strings {
        list.iter().copied().collect()
    }

    fn dense(rows: &[&[f32]]) -> FeatureTable {
        let columns = rows[0].len();
        FeatureTable::Dense(Features::new(rows.len(), columns, rows.concat()).unwrap())
    }

    fn table(names: &[&str], features: FeatureTable) -> Table {
        Table { feature_names: Some(strings(names)), features: Some(features), ..Table::default() }
    }

    fn run(train: Table, test: Table) -> Result<Aligned, String> {
        let (train_features, test_features) = ("train".to_string(), "test".to_string());
        align(Parts { train, test, train_features, test_features }).map_err(|error| error.to_string())
    }

    #[test]
    fn features_are_matched_by_name_dense_and_sparse() {
        let train = || table(&["a", "b", "c"], dense(&[&[1.0, 2.0, 3.0]]));
        let aligned = run(train(), table(&["c", "a", "b"], dense(&[&[30.0, 10.0, 20.0]]))).unwrap();
        assert_eq!(aligned.test.features, Some(dense(&[&[10.0, 20.0, 30.0]])));
        assert!(aligned.notes[0].contains("matched by name"), "{:?}", aligned.notes);
        let mut sparse = SparseFeatures::new(3);
        sparse.push(0, 30.0);
        sparse.push(2, 20.0);
        sparse.end_row();
        let aligned = run(train(), table(&["c", "a", "b"], FeatureTable::Sparse(sparse))).unwrap();
        let moved = aligned
            .test
            .features
            .unwrap()
            .into_dense(std::path::Path::new("x"), &lacuna_formats::Limits::default())
            .unwrap();
        assert_eq!(moved.row(0), [0.0, 20.0, 30.0]);
        let error = run(train(), table(&["a", "b", "x"], dense(&[&[0.0; 3]]))).err().unwrap();
        assert!(error.contains("the feature `c` of the training rows is missing"), "{error}");
    }

    #[test]
    fn nominal_values_are_matched_by_name() {
        let with = |values: &[&str], x: f32| Table {
            nominal: vec![(0, strings(values))],
            ..table(&["color"], dense(&[&[x]]))
        };
        let aligned = run(with(&["red", "green"], 0.0), with(&["green", "red"], 0.0)).unwrap();
        assert_eq!(aligned.test.features, Some(dense(&[&[1.0]])), "green is number 1 to train on");
        let error = run(with(&["red", "green"], 0.0), with(&["green", "blue"], 0.0)).err().unwrap();
        assert!(error.contains("`blue`") && error.contains("`color`"), "{error}");
        let error = run(with(&["red"], 0.0), table(&["color"], dense(&[&[1.0]]))).err().unwrap();
        assert!(error.contains("nominal"), "{error}");
    }

    #[test]
    fn numbers_that_are_absolute_are_padded_and_others_refused() {
        let with = |columns: usize, absolute| {
            let mut x = SparseFeatures::new(columns);
            x.push(columns - 1, 1.0);
            x.end_row();
            Table { absolute, features: Some(FeatureTable::Sparse(x)), ..Table::default() }
        };
        let columns = |table: &Table| table.features.as_ref().unwrap().columns();
        let aligned = run(with(3, true), with(2, true)).unwrap();
        assert_eq!((columns(&aligned.train), columns(&aligned.test)), (3, 3));
        let aligned = run(with(1, true), with(2, true)).unwrap();
        assert_eq!((columns(&aligned.train), columns(&aligned.test)), (2, 2));
        assert!(aligned.notes[0].contains("1 columns"), "{:?}", aligned.notes);
        assert!(run(with(3, false), with(2, true)).err().unwrap().contains("2 test features and 3"));
        // Dense features have as many columns as they have.
        let dense = |columns: usize| Table {
            absolute: true,
            features: Some(dense(&[&vec![1.0; columns]])),
            ..Table::default()
        };
        assert!(run(dense(3), dense(2)).is_err());
    }

    #[test]
    fn classes_without_names_are_matched_by_position() {
        assert!(is_numbered(&strings(&["class 0", "class 1"])) && !is_numbered(&strings(&["class 1"])));
        let lists = |names: &[&str]| {
            let mut lists = LabelLists::new(strings(names), lacuna_labels::Label::Negative);
            lists.push(1, lacuna_labels::Label::Positive);
            lists.end_row();
            Table { classes: strings(names), labels: Some(LabelTable::Lists(lists)), ..Table::default() }
        };
        let aligned = run(lists(&["cat", "dog"]), lists(&["class 0", "class 1"])).unwrap();
        assert_eq!((aligned.test.classes, aligned.notes.len()), (strings(&["cat", "dog"]), 1));
        assert!(
            run(lists(&["cat", "dog"]), lists(&["cat", "fox"]))
                .err()
                .unwrap()
                .contains("`dog` of the training rows is missing")
        );
    }

    /// Test rows with the same classes in another order were once accepted as they were: a wrong mAP without an error.
    #[test]
    fn permuted_classes_of_test_rows_are_moved_and_other_numbers_of_classes_refused() {
        use lacuna_labels::Label::{self, Negative, Positive, Unknown};
        let dense = |names: &[&str], cells: &[Label]| {
            let labels = LabelMatrix::new(cells.len() / names.len(), names.len(), cells.to_vec()).unwrap();
            let observed: ObservedLabels = labels.into();
            Table { classes: strings(names), labels: Some(LabelTable::Dense(observed)), ..Table::default() }
        };
        let lists = |names: &[&str], positives: &[usize]| {
            let mut lists = LabelLists::new(strings(names), Negative);
            for &class in positives {
                lists.push(class, Positive);
                lists.end_row();
            }
            Table { classes: strings(names), labels: Some(LabelTable::Lists(lists)), ..Table::default() }
        };
        let cells = |table: Table| {
            let limits = lacuna_formats::Limits::default();
            table.labels.unwrap().to_observed(std::path::Path::new("x"), &limits).unwrap().cells().to_vec()
        };
        let train = || dense(&["a", "b", "c"], &[Positive; 3]);
        let rows = [Positive, Negative, Unknown, Negative, Positive, Positive];
        let same = run(train(), dense(&["a", "b", "c"], &rows)).unwrap();
        assert_eq!((same.notes.len(), cells(same.test)), (0, rows.to_vec()));
        let moved = run(train(), dense(&["c", "a", "b"], &rows)).unwrap();
        assert!(moved.notes[0].contains("the classes are in another order"), "{:?}", moved.notes);
        assert_eq!(moved.test.classes, strings(&["a", "b", "c"]));
        assert_eq!(cells(moved.test), [Negative, Unknown, Positive, Positive, Positive, Negative]);
        let moved = run(train(), lists(&["c", "a", "b"], &[0, 1])).unwrap();
        let expected = [Negative, Negative, Positive, Positive, Negative, Negative];
        assert_eq!(
            (moved.test.classes.clone(), cells(moved.test)),
            (strings(&["a", "b", "c"]), expected.to_vec())
        );
        let refused = |test: Table| run(train(), test).err().unwrap();
        assert!(refused(dense(&["a", "b"], &rows)).contains("class `c` of the training rows is missing"));
        let more = dense(&["a", "b", "c", "d", "e", "f"], &rows);
        assert!(refused(more).contains("the training rows do not have the class `d`"));
        assert!(refused(dense(&["a", "b", "x"], &rows)).contains("class `c`"));
    }
}
