//! What is in the data of a benchmark, what is missing of it, and how: `data.json` of a run folder.

use crate::{LabelCounts, Plan, ValRows};
use lacuna_checks::Severity;
use lacuna_labels::{Label, LabelMatrix};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The data of a plan in numbers. Names are those of the files: whoever shows them has to escape them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataLabel {
    /// Short name.
    pub name: String,
    /// BLAKE3 of names, classes, labels, observed labels and features.
    pub fingerprint: String,
    /// A caveat to print with every table, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caveat: Option<String>,
    /// Rows that train.
    pub train_rows: usize,
    /// Rows that validate.
    pub val_rows: usize,
    /// Rows that are tested on.
    pub test_rows: usize,
    /// Features of a row.
    pub features: usize,
    /// How labels go missing, in words.
    pub protocol: String,
    /// Every convention of the plan, one a line.
    pub conventions: Vec<String>,
    /// The classes, in their order.
    pub classes: Vec<ClassCounts>,
    /// The rows that train, by their number of true positives.
    pub rows_by_positives: BTreeMap<usize, usize>,
    /// The labels that rows of the table are trained on.
    pub labels: Vec<SeenLabels>,
    /// Problems found in the data.
    pub findings: Vec<FoundInData>,
}

/// A class in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassCounts {
    /// Its name.
    pub name: String,
    /// True positives among the rows that train.
    pub train: usize,
    /// Positives among the rows that are tested on.
    pub test: usize,
}

/// Labels that rows of the table are trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeenLabels {
    /// Names of these rows of the table.
    pub rows: Vec<String>,
    /// Mean numbers of positive, negative and unknown labels of a row.
    pub counts: LabelCounts,
    /// True positives that are not observed as such.
    pub hidden: usize,
    /// Observed positives of each class.
    pub positives: Vec<usize>,
    /// The rows that train, by their number of observed positives.
    pub rows_by_positives: BTreeMap<usize, usize>,
}

/// A problem in the data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundInData {
    /// Whether results on such data are wrong.
    pub error: bool,
    /// One line.
    pub text: String,
}

impl DataLabel {
    /// The label with the observed positives that most rows of the table see: the first labels that hide any, else the first.
    pub fn seen(&self) -> Option<&SeenLabels> {
        self.labels.iter().find(|seen| seen.hidden > 0).or(self.labels.first())
    }
}

impl Plan {
    /// The data of this plan in numbers.
    pub fn data_label(&self) -> DataLabel {
        let data = self.data();
        let (truth, rows) = (&data.train.truth, &data.split.train);
        let (train, rows_by_positives) = counted(truth, rows);
        let test = self.test_truth().positives_per_class();
        let classes = data.train.classes.iter().zip(&train).zip(&test);
        let mut labels: Vec<(_, SeenLabels)> = Vec::new();
        for (name, key) in self.label_keys() {
            if let Some((_, seen)) = labels.iter_mut().find(|(known, _)| *known == key) {
                seen.rows.push(name.to_string());
                continue;
            }
            let observed = data.labels(key);
            let hides = |(real, seen): &(&Label, &Label)| real.is_positive() && !seen.is_positive();
            let hidden = |row: &usize| truth.row(*row).iter().zip(observed.row(*row)).filter(hides).count();
            let (positives, rows_by_positives) = counted(observed, rows);
            let seen = SeenLabels {
                rows: vec![name.to_string()],
                counts: data.counts(key),
                hidden: rows.iter().map(hidden).sum(),
                positives,
                rows_by_positives,
            };
            labels.push((key, seen));
        }
        let class = |((name, train), test): ((&String, &usize), &usize)| ClassCounts {
            name: name.clone(),
            train: *train,
            test: *test,
        };
        let found = |found: &lacuna_checks::Finding| FoundInData {
            error: found.severity == Severity::Error,
            text: found.text.clone(),
        };
        DataLabel {
            name: data.name.clone(),
            fingerprint: data.fingerprint.clone(),
            caveat: data.caveat.map(str::to_string),
            train_rows: rows.len(),
            val_rows: match data.val {
                ValRows::Train => data.split.val.len(),
                ValRows::TestEnd(rows) => rows,
                ValRows::None => 0,
            },
            test_rows: data.tested.len(),
            features: data.train.features.columns(),
            protocol: self.mask(),
            conventions: self.conventions(),
            classes: classes.map(class).collect(),
            rows_by_positives,
            labels: labels.into_iter().map(|(_, seen)| seen).collect(),
            findings: data.findings.iter().map(found).collect(),
        }
    }
}

/// Positives of each class among some rows, and these rows by their number of positives.
fn counted(labels: &LabelMatrix, rows: &[usize]) -> (Vec<usize>, BTreeMap<usize, usize>) {
    let (mut of_class, mut by_number) = (vec![0; labels.classes()], BTreeMap::new());
    for row in rows {
        let mut positives = 0;
        for (label, count) in labels.row(*row).iter().zip(&mut of_class) {
            let positive = usize::from(label.is_positive());
            *count += positive;
            positives += positive;
        }
        *by_number.entry(positives).or_default() += 1;
    }
    (of_class, by_number)
}
