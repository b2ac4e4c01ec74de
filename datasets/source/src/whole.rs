//! Whether what one part of the data has is of the same rows and classes.

use crate::{Dataset, SourceError};
use lacuna_formats::{FeatureTable, LabelTable, Strings, Table, shown};
use std::collections::HashSet;

impl Dataset {
    /// Refuses a part whose features, labels, observed labels and names differ in their number of rows or classes, or in which two classes
    /// have one name. Readers of files with several arrays leave that to the checks of `lacuna doctor`, which say all that they find; who
    /// goes on without them asks here.
    ///
    /// # Errors
    /// [`SourceError::Setting`] with the file and both numbers.
    pub fn check_parts(&self) -> Result<(), SourceError> {
        std::iter::once(&self.train).chain(&self.test).try_for_each(whole)
    }
}

fn whole(table: &Table) -> Result<(), SourceError> {
    let refuse = |problem: String| Err(SourceError::Setting(format!("{}: {problem}", table.path.display())));
    let (labels, observed) = (table.labels.as_ref(), table.observed.as_ref());
    let rows = [
        ("features", table.features.as_ref().map(FeatureTable::rows)),
        ("labels", labels.map(LabelTable::rows)),
        ("observed labels", observed.map(|observed| observed.rows())),
        ("names", table.names.as_ref().map(Strings::len)),
    ];
    let classes = [
        ("labels", labels.map(LabelTable::classes)),
        ("observed labels", observed.map(|observed| observed.classes())),
        ("names of classes", Some(table.classes.len()).filter(|classes| *classes > 0)),
    ];
    for (what, counts) in [("rows", &rows[..]), ("classes", &classes[..])] {
        let mut counts = counts.iter().filter_map(|(of, count)| Some((of, (*count)?)));
        let Some((first, count)) = counts.next() else { continue };
        if let Some((other, differs)) = counts.find(|(_, other)| *other != count) {
            return refuse(format!(
                "its {first} have {count} {what} and its {other} {differs}, so that nobody can say which belong together: \
                 give both as many"
            ));
        }
    }
    let mut seen = HashSet::new();
    if let Some(twice) = table.classes.iter().find(|class| !seen.insert(*class)) {
        return refuse(format!("two classes are called `{}`: give each its own name", shown(twice)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DataSource;
    use lacuna_labels::{Features, Label, LabelMatrix, ObservedLabels};

    fn table(features: usize, labels: usize, classes: &[&str]) -> Table {
        let of = |rows: usize| {
            ObservedLabels::from(LabelMatrix::new(rows, 2, vec![Label::Negative; 2 * rows]).unwrap())
        };
        Table {
            path: "x.npz".into(),
            features: Some(FeatureTable::Dense(Features::new(features, 1, vec![1.0; features]).unwrap())),
            labels: Some(LabelTable::Dense(of(labels))),
            classes: classes.iter().map(|class| class.to_string()).collect(),
            ..Table::default()
        }
    }

    fn said(train: Table) -> Option<String> {
        let data = Dataset {
            name: String::new(),
            caveat: None,
            train,
            file_labels: None,
            strong: None,
            background: None,
            test: None,
            notes: Vec::new(),
            files: Vec::new(),
            source: DataSource::default(),
        };
        data.check_parts().err().map(|error| error.to_string())
    }

    /// A file with features of 40 rows and labels of 35 was converted as one of 40 rows.
    #[test]
    fn parts_of_different_rows_or_classes_are_refused() {
        assert_eq!(said(table(3, 3, &["cat", "dog"])), None);
        assert_eq!(said(table(3, 3, &[])), None);
        let error = said(table(3, 2, &[])).unwrap();
        assert!(error.contains("x.npz: its features have 3 rows and its labels 2"), "{error}");
        let error = said(table(2, 2, &["cat"])).unwrap();
        assert!(error.contains("its labels have 2 classes and its names of classes 1"), "{error}");
        let error = said(table(2, 2, &["cat", "cat"])).unwrap();
        assert!(error.contains("two classes are called `cat`"), "{error}");
        let observed = LabelMatrix::new(2, 1, vec![Label::Positive; 2]).unwrap().into();
        let error = said(Table { observed: Some(observed), ..table(2, 2, &[]) }).unwrap();
        assert!(error.contains("its labels have 2 classes and its observed labels 1"), "{error}");
        let names = Some(["a".to_string()].into_iter().collect());
        let error = said(Table { names, ..table(2, 2, &[]) }).unwrap();
        assert!(error.contains("its features have 2 rows and its names 1"), "{error}");
    }
}
