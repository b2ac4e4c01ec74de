//! Bringing the classes of the test rows into the order of those of the training rows.

use crate::SourceError;
use lacuna_formats::{FeatureTable, LabelLists, LabelTable, Strings, Table, shown};
use lacuna_labels::{LabelMatrix, ObservedLabels};
use std::collections::HashMap;

/// The test rows with their classes in the order of the training rows. Where both have the same names in another order,
/// the columns of the labels are moved; other names are an error that shows the first difference.
pub(crate) fn classes(train: &Table, mut test: Table) -> Result<Table, SourceError> {
    let differ = |problem: String| {
        Err(SourceError::Parts {
            train: train.path.display().to_string(),
            test: test.path.display().to_string(),
            problem,
        })
    };
    if let (Some(x), Some(y)) = (&train.features, &test.features)
        && x.columns() != y.columns()
    {
        let (x, y) = (FeatureTable::columns(x), FeatureTable::columns(y));
        return differ(format!("there are {y} features to test on and {x} to train on"));
    }
    if train.image != test.image {
        let shape = |image: Option<[usize; 3]>| image.map_or("rows".to_string(), |s| format!("{s:?}"));
        let problem = format!(
            "the features are {} to test on and {} to train on",
            shape(test.image),
            shape(train.image)
        );
        return differ(problem);
    }
    if test.labels.is_none() || train.labels.is_none() || train.classes == test.classes {
        return Ok(test);
    }
    let column: HashMap<&str, usize> = test.classes.iter().enumerate().map(|(i, name)| (name, i)).collect();
    let known: std::collections::HashSet<&str> = train.classes.iter().collect();
    if let Some(missing) = train.classes.iter().find(|name| !column.contains_key(name)) {
        return differ(format!(
            "the class `{}` is missing, and the rows to train on have it",
            shown(missing)
        ));
    }
    if let Some(more) = test.classes.iter().find(|name| !known.contains(name)) {
        return differ(format!("the class `{}` is unknown to the rows to train on", shown(more)));
    }
    // `order[i]` is the column in the test file of class i.
    let order: Vec<usize> = train.classes.iter().map(|name| column[name]).collect();
    if order.len() != test.classes.len() {
        return differ("a class stands there twice".to_string());
    }
    test.notes.push(format!(
        "{}: the classes stand in another order than in {}; they were matched by name",
        test.path.display(),
        train.path.display()
    ));
    test.labels = test.labels.map(|labels| match labels {
        LabelTable::Dense(labels) => LabelTable::Dense(columns(&labels, &order)),
        LabelTable::Lists(lists) => LabelTable::Lists(lists_in_order(&lists, &order, &train.classes)),
    });
    test.observed = test.observed.map(|labels| columns(&labels, &order));
    test.classes = train.classes.clone();
    Ok(test)
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
