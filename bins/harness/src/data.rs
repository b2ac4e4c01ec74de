//! The data of a benchmark, split and masked, shared by all of its runs.

use crate::{ClassTask, HarnessError, LabelCounts, MaskSource, ProtocolSpec, Stage, Unknown, Validation};
use lacuna_checks::Finding;
use lacuna_formats::{LabelTable, Limits, Table, shown};
use lacuna_labels::{FeatureSet, Features, Label, LabelMatrix, ObservedLabels};
use lacuna_losses::{LabelNeeds, LossRow};
use lacuna_protocols::{Holdout, Split, Subject};
use lacuna_source::{DataSource, Dataset};
use std::ops::Range;

/// Training, validation and test rows, and the observed labels that the losses need.
#[derive(Debug)]
pub struct SplitDataset {
    /// Short name: that of the embedded set, of the file or of the folder.
    pub name: String,
    /// A caveat to print with every table, if any.
    pub caveat: Option<&'static str>,
    /// All training rows, those that validate among them.
    pub train: FeatureSet,
    /// A second extraction of the features of the training rows.
    pub strong: Option<Features>,
    /// Background rows, which have no labels.
    pub background: Option<Features>,
    /// Test rows.
    pub test: FeatureSet,
    /// Channels, height and width of a row, where the features are pictures.
    pub image: Option<[usize; 3]>,
    /// Which training rows train, in the order of samplers that keep it, and which validate.
    pub split: Split,
    /// The rows that validate.
    pub val: ValRows,
    /// The rows of the test part that are tested on, ascending.
    pub tested: Vec<usize>,
    /// Mean number of true positives over all training rows, before the split.
    pub expected_positives: f64,
    /// Labels of all training rows, for each need and protocol that some row of the table has.
    observed: Vec<(LabelsKey, ObservedLabels)>,
    /// Losses that the labels cannot serve, and what they need.
    pub(crate) refused: Vec<(String, String)>,
    /// Where the observed labels come from: never [`MaskSource::Auto`].
    pub mask: MaskSource,
    /// BLAKE3 of names, classes, labels, observed labels and features.
    pub fingerprint: String,
    /// Notes of the reader.
    pub notes: Vec<String>,
    /// Problems found in the data.
    pub findings: Vec<Finding>,
    /// Every file that was read.
    pub files: Vec<std::path::PathBuf>,
    /// The opened source, with format and features filled in.
    pub source: DataSource,
    /// Which classes the labels are of, where they were cut.
    pub(crate) cut: Option<Cut>,
}

/// Which labels a row of the table uses: the needs of its loss, and the number of the protocol that draws them,
/// 0 for that of the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LabelsKey {
    pub(crate) need: LabelNeeds,
    pub(crate) protocol: usize,
}

/// A row of the table as the labels see it.
#[derive(Debug, PartialEq)]
pub(crate) struct LabelledRow {
    pub(crate) name: String,
    pub(crate) need: LabelNeeds,
    pub(crate) protocol: ProtocolSpec,
}

/// Rows that were read and examined, before they are split. Clones share the features.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    name: String,
    caveat: Option<&'static str>,
    train: FeatureSet,
    strong: Option<Features>,
    background: Option<Features>,
    test: FeatureSet,
    image: Option<[usize; 3]>,
    fingerprint: String,
    notes: Vec<String>,
    findings: Vec<Finding>,
    files: Vec<std::path::PathBuf>,
    source: DataSource,
    cut: Option<Cut>,
}

/// The slice of the classes that labels were cut to while they were lists.
#[derive(Clone, Debug)]
pub(crate) struct Cut {
    /// The classes.
    pub(crate) classes: Range<usize>,
    /// Number of all classes.
    pub(crate) all: usize,
    /// Known labels of each training row, over all classes.
    pub(crate) known: Vec<u32>,
    /// Mean number of positives of a training row, over all classes.
    expected_positives: f64,
}

impl Cut {
    /// Cuts the labels of both parts to the classes of a task, if those of the training rows are lists; `None` if they are not.
    fn of(train: &mut Table, test: &mut Table, task: ClassTask) -> Option<Self> {
        let Some(LabelTable::Lists(lists)) = &train.labels else { return None };
        if train.observed.is_some() {
            return None;
        }
        let (rows, all) = (lists.rows(), train.classes.len());
        let known = (0..rows).map(|row| lists.known(row) as u32).collect();
        let positives = |row| lists.row(row).filter(|(_, label)| label.is_positive()).count();
        let expected_positives = (0..rows).map(positives).sum::<usize>() as f64 / rows.max(1) as f64;
        let classes = task.classes(all);
        for part in [train, test] {
            part.labels = part.labels.take().map(|labels| labels.columns(classes.clone()));
            part.classes =
                (classes.clone()).map(|class| part.classes[class].to_string()).collect::<Vec<_>>().into();
        }
        Some(Self { classes, all, known, expected_positives })
    }
}

impl Opened {
    /// Reads all files of a source, whose labels have to be complete; those of a task's classes alone, if they are lists.
    pub(crate) fn new(source: &DataSource, task: Option<ClassTask>) -> Result<Self, HarnessError> {
        let Dataset {
            name, caveat, mut train, strong, background, test, notes, files, source: resolved, ..
        } = source.open()?;
        let Some(mut test) = test else {
            return Err(HarnessError::Setting(format!(
                "{} has no test rows: name them with --test FILE",
                source.given()
            )));
        };
        let examination = lacuna_checks::examine(&train, Some(&test));
        // Before they are dense: the labels of 100,000 classes are few, and their cells are not.
        let cut = task.and_then(|task| Cut::of(&mut train, &mut test, task));
        let image = train.image;
        let unlisted = source.unlisted.is_some();
        let (train, test) = (complete(train, "train", unlisted)?, complete(test, "test", unlisted)?);
        let fingerprint =
            lacuna_source::with_further(examination.fingerprint, strong.as_ref(), background.as_ref());
        let findings = examination.findings;
        let source = resolved;
        Ok(Self {
            name,
            caveat,
            train,
            strong,
            background,
            test,
            image,
            fingerprint,
            notes,
            findings,
            files,
            source,
            cut,
        })
    }
}

impl SplitDataset {
    /// Loads the rows, splits them and makes the labels that `losses` need.
    ///
    /// # Errors
    /// [`HarnessError`] of the files or the split.
    pub fn load(
        source: &DataSource,
        protocol: &ProtocolSpec,
        losses: &[&'static LossRow],
    ) -> Result<Self, HarnessError> {
        let labelled = |row: &&LossRow| LabelledRow {
            name: row.info.name.to_string(),
            need: row.needs,
            protocol: protocol.clone(),
        };
        let rows: Vec<LabelledRow> = losses.iter().map(labelled).collect();
        Ok(Self::load_for(source, protocol, &rows)?.0)
    }

    /// As [`load`](Self::load), with the key of the labels of each row.
    pub(crate) fn load_for(
        source: &DataSource,
        protocol: &ProtocolSpec,
        rows: &[LabelledRow],
    ) -> Result<(Self, Vec<LabelsKey>), HarnessError> {
        Self::of(Opened::new(source, None)?, protocol, rows)
    }

    /// Splits rows that were read and makes the labels that the rows of the table need.
    pub(crate) fn of(
        opened: Opened,
        protocol: &ProtocolSpec,
        rows: &[LabelledRow],
    ) -> Result<(Self, Vec<LabelsKey>), HarnessError> {
        let Opened { train, test, strong, background, image, .. } = opened;
        let given = opened.source.given();
        let mask = match (protocol.mask, &train.observed) {
            (MaskSource::File, None) => {
                return Err(HarnessError::Setting(format!(
                    "{given} has no observed labels; without --mask file they are drawn"
                )));
            }
            (MaskSource::File | MaskSource::Auto, Some(_)) => MaskSource::File,
            (MaskSource::Drawn | MaskSource::Auto, _) => MaskSource::Drawn,
        };
        let drawn = Drawn::new(protocol, mask, &train)?;
        let (split, val, tested) = rows_of(given, protocol, drawn.as_ref(), &train, &test)?;
        let drawn = match drawn {
            None if mask == MaskSource::Drawn => Some(Drawn::after(protocol, &train, &split)?),
            drawn => drawn,
        };
        let order = drawn.as_ref().and_then(|drawn| drawn.order.as_ref());
        let split = match order {
            None => split,
            Some(order) => {
                let mut place = vec![usize::MAX; train.rows()];
                order.iter().enumerate().for_each(|(i, row)| place[*row] = i);
                let mut ordered = split.train;
                ordered.sort_by_key(|row| place[*row]);
                Split { train: ordered, val: split.val }
            }
        };
        let mut protocols: Vec<(ProtocolSpec, Option<Drawn>)> = vec![(protocol.clone(), drawn)];
        let mut observed: Vec<(LabelsKey, ObservedLabels)> = Vec::new();
        let (mut refused, mut keys) = (Vec::new(), Vec::new());
        for LabelledRow { name, need, protocol } in rows {
            let number = match protocols.iter().position(|(known, _)| known == protocol) {
                Some(number) => number,
                None => {
                    let drawn = (mask == MaskSource::Drawn).then(|| Drawn::again(protocol, &train, &split));
                    protocols.push((protocol.clone(), drawn.transpose()?));
                    protocols.len() - 1
                }
            };
            let key = LabelsKey { need: *need, protocol: number };
            if observed.iter().all(|(known, _)| *known != key) {
                let labels: ObservedLabels = match (&train.observed, &protocols[number].1, need) {
                    (_, _, LabelNeeds::FullTruth) => train.truth.clone().into(),
                    (Some(own), None, _) => own.clone(),
                    (_, Some(drawn), need) => drawn.labels(protocol, *need, &train)?,
                    (None, None, _) => unreachable!("labels are of the file or drawn"),
                };
                let labels = match (protocol.unknown, need) {
                    (Unknown::Negative, LabelNeeds::SinglePositive) => labels.assume_negative().into(),
                    _ => labels,
                };
                observed.push((key, labels));
            }
            let (_, labels) = observed.iter().find(|(known, _)| *known == key).expect("made above");
            if let Some(missing) = missing(*need, labels, &train, &split.train) {
                refused.push((name.clone(), format!("needs {missing}")));
            }
            keys.push(key);
        }
        let of_all = opened.cut.as_ref().map(|cut| cut.expected_positives);
        let expected_positives = of_all.unwrap_or_else(|| train.truth.mean_positives_per_row());
        let benchmark = Self {
            name: opened.name,
            caveat: opened.caveat,
            train,
            test,
            image,
            split,
            val,
            tested,
            expected_positives,
            observed,
            refused,
            mask,
            fingerprint: opened.fingerprint,
            strong,
            background,
            notes: opened.notes,
            findings: opened.findings,
            files: opened.files,
            source: opened.source,
            cut: opened.cut,
        };
        Ok((benchmark, keys))
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.cut.as_ref().map_or_else(|| self.train.truth.classes(), |cut| cut.all)
    }

    /// The labels of all training rows for a need that some loss had when loading, as the protocol of the specification
    /// draws them.
    ///
    /// # Panics
    /// For another need.
    pub fn observed(&self, need: LabelNeeds) -> &ObservedLabels {
        self.labels(LabelsKey { need, protocol: 0 })
    }

    /// The labels of all training rows for a key.
    pub(crate) fn labels(&self, key: LabelsKey) -> &ObservedLabels {
        let (_, labels) = self.observed.iter().find(|(known, _)| *known == key).expect("named when loading");
        labels
    }

    /// The labels of every key.
    pub(crate) fn each_observed(&self) -> impl Iterator<Item = (LabelsKey, &ObservedLabels)> {
        self.observed.iter().map(|(key, labels)| (*key, labels))
    }

    /// Counts of the labels for a loss with this need, over the rows that train.
    ///
    /// # Panics
    /// As [`observed`](Self::observed).
    pub fn label_counts(&self, need: LabelNeeds) -> LabelCounts {
        self.counts(LabelsKey { need, protocol: 0 })
    }

    /// The same for a key.
    pub(crate) fn counts(&self, key: LabelsKey) -> LabelCounts {
        LabelCounts::of(&self.labels(key).select(&self.split.train))
    }

    /// For every class whether a test row has it.
    pub fn tested_classes(&self) -> Vec<bool> {
        let truth = self.test.truth.select(&self.tested);
        truth.positives_per_class().iter().map(|&rows| rows > 0).collect()
    }
}

/// The rows as one set, whose labels are complete: a benchmark chooses epochs and tests by them. Unknown cells would be
/// taken for negative, which is wrong unless the lists are declared complete.
fn complete(table: Table, part: &str, unlisted: bool) -> Result<FeatureSet, HarnessError> {
    let limits = Limits::default();
    if let Some(labels) = &table.labels {
        let labels = labels.to_observed(&table.path, &limits)?;
        if let Some(first) = labels.cells().iter().position(|label| !label.is_known()) {
            let (row, class) = (first / labels.classes(), first % labels.classes());
            return Err(HarnessError::Incomplete {
                path: table.path.display().to_string(),
                part: part.to_string(),
                row,
                class: table.classes.get(class).map_or_else(|| format!("class {class}"), shown),
                unknown: labels.cells().iter().filter(|label| !label.is_known()).count(),
                cells: labels.cells().len(),
                unlisted,
            });
        }
    }
    Ok(table.into_set(&limits)?)
}

/// The labels that are missing for a need, over the rows that train; `None` if none are.
fn missing(need: LabelNeeds, own: &ObservedLabels, train: &FeatureSet, rows: &[usize]) -> Option<String> {
    let labels = || rows.iter().flat_map(|&row| own.row(row));
    let no = |wanted: Label| labels().all(|label| *label != wanted);
    let has_no_positive = || no(Label::Positive).then(|| "a positive label, and there is none".to_string());
    let unknown = |truth: &dyn Fn(Label) -> bool| {
        let cells = rows.iter().flat_map(|&row| own.row(row).iter().zip(train.truth.row(row)));
        cells.filter(|(seen, true_label)| !seen.is_known() && truth(**true_label)).count()
    };
    match need {
        LabelNeeds::FullTruth | LabelNeeds::SinglePositive => has_no_positive(),
        LabelNeeds::SinglePositiveOneNegative => has_no_positive()
            .or_else(|| no(Label::Negative).then(|| "negative labels, and there are none".to_string())),
        LabelNeeds::SinglePositiveAllNegatives => has_no_positive().or_else(|| {
            let hidden = unknown(&|label| label == Label::Negative);
            (hidden > 0).then(|| format!("every negative label, and {hidden} are unknown"))
        }),
        LabelNeeds::Complete => has_no_positive().or_else(|| {
            let hidden = unknown(&|_| true);
            (hidden > 0).then(|| format!("every label, and {hidden} are unknown"))
        }),
    }
}

/// Where the rows that validate come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValRows {
    /// They are rows of the training part, those of [`Split::val`].
    Train,
    /// They are the last rows of the test part, so many.
    TestEnd(usize),
    /// There are none.
    None,
}

/// The labels drawn by a protocol before the split.
struct Drawn {
    /// Training rows that are left, ascending.
    rows: Vec<usize>,
    /// Labels of all training rows, unknown for those that are left out; `None` for single positives, whose draws depend
    /// on what a loss needs.
    labels: Option<ObservedLabels>,
    /// The order in which samplers that keep it visit the rows.
    order: Option<Vec<usize>>,
}

impl Drawn {
    /// Labels that are drawn before the split; `None` where the file's are used or they are drawn afterwards.
    fn new(
        protocol: &ProtocolSpec,
        mask: MaskSource,
        train: &FeatureSet,
    ) -> Result<Option<Self>, HarnessError> {
        if mask == MaskSource::File || protocol.stage == Stage::AfterSplit {
            return Ok(None);
        }
        let rows: Vec<usize> = (0..train.rows()).collect();
        Self::over(protocol, train, rows).map(Some)
    }

    /// Labels that are drawn over the rows that train alone.
    fn after(protocol: &ProtocolSpec, train: &FeatureSet, split: &Split) -> Result<Self, HarnessError> {
        Self::over(protocol, train, split.train.clone())
    }

    /// Labels of a row of the table whose protocol is another one: the rows stay those of the specification.
    fn again(protocol: &ProtocolSpec, train: &FeatureSet, split: &Split) -> Result<Self, HarnessError> {
        let drawn = match protocol.stage {
            Stage::AfterSplit => Self::after(protocol, train, split)?,
            Stage::BeforeSplit => Self::over(protocol, train, (0..train.rows()).collect())?,
        };
        if drawn.rows.len() != train.rows() && protocol.stage == Stage::BeforeSplit {
            return Err(HarnessError::Setting(format!(
                "protocol {}: it leaves rows out, and all rows of a table share the rows that train",
                protocol.name
            )));
        }
        Ok(drawn)
    }

    /// Labels drawn over these training rows.
    fn over(protocol: &ProtocolSpec, train: &FeatureSet, rows: Vec<usize>) -> Result<Self, HarnessError> {
        if protocol.name == "none" {
            return Ok(Self { rows, labels: Some(train.truth.clone().into()), order: None });
        }
        if protocol.name == "single-positive" && rows.len() == train.rows() {
            return Ok(Self { rows, labels: None, order: None });
        }
        let row = lacuna_protocols::protocol(&protocol.name).expect("checked with the specification");
        // All rows in their order are the features themselves, which are not copied.
        let all = rows.iter().copied().eq(0..train.rows());
        let features = if all { train.features.clone() } else { train.features.select(&rows) };
        let truth = train.truth.select(&rows);
        let subject = Subject { truth: &truth, features: Some(&features) };
        let outcome = row.apply(subject, protocol.seed.unwrap_or(row.seed), &protocol.values(row))?;
        let mut labels = LabelMatrix::filled(train.rows(), train.truth.classes(), Label::Unknown);
        let left: Vec<usize> = outcome.rows.iter().map(|i| rows[*i]).collect();
        for (i, row) in left.iter().enumerate() {
            labels.row_mut(*row).copy_from_slice(outcome.observed.row(i));
        }
        let order = outcome.order.map(|order| order.into_iter().map(|i| left[i]).collect());
        Ok(Self { rows: left, labels: Some(labels.into()), order })
    }

    /// The labels for a need.
    fn labels(
        &self,
        protocol: &ProtocolSpec,
        need: LabelNeeds,
        train: &FeatureSet,
    ) -> Result<ObservedLabels, HarnessError> {
        match &self.labels {
            Some(labels) => Ok(labels.clone()),
            None => single_positives(protocol, need, train),
        }
    }
}

/// The labels that the protocol of the single-positive papers draws from the truth for a need.
fn single_positives(
    protocol: &ProtocolSpec,
    need: LabelNeeds,
    train: &FeatureSet,
) -> Result<ObservedLabels, HarnessError> {
    let row = lacuna_protocols::protocol("single-positive").expect("it is in the table");
    let seed = protocol.seed.unwrap_or(row.seed);
    let settings = protocol.values(row);
    let draw = |negatives: f64| -> Result<ObservedLabels, HarnessError> {
        let values = [settings[0], settings[1].max(negatives)];
        let subject = Subject { truth: &train.truth, features: None };
        Ok(row.apply(subject, seed, &values)?.observed)
    };
    match need {
        LabelNeeds::FullTruth | LabelNeeds::Complete => Ok(train.truth.clone().into()),
        LabelNeeds::SinglePositive => draw(0.0),
        LabelNeeds::SinglePositiveOneNegative => draw(1.0),
        LabelNeeds::SinglePositiveAllNegatives => {
            let positives = draw(0.0)?;
            let cells = positives.cells().iter().zip(train.truth.cells()).map(|(seen, truth)| match truth {
                Label::Negative => Label::Negative,
                _ => *seen,
            });
            let cells = cells.collect();
            Ok(LabelMatrix::new(train.rows(), train.truth.classes(), cells)
                .expect("the size is unchanged")
                .into())
        }
    }
}

/// Rows that train and validate, where the latter are, and the rows that are tested on.
fn rows_of(
    given: &str,
    protocol: &ProtocolSpec,
    drawn: Option<&Drawn>,
    train: &FeatureSet,
    test: &FeatureSet,
) -> Result<(Split, ValRows, Vec<usize>), HarnessError> {
    let refuse = |problem: String| Err(HarnessError::Setting(format!("{given}: {problem}")));
    let all: Vec<usize> = (0..train.rows()).collect();
    let left = drawn.map_or(&all, |drawn| &drawn.rows);
    let (split, val) = match protocol.validation {
        Validation::Holdout => {
            let holdout = Holdout { val_share: protocol.val_share, seed: protocol.split_seed };
            let Split { mut train, mut val } = holdout.split(left.len())?;
            [&mut train, &mut val].into_iter().flatten().for_each(|i| *i = left[*i]);
            (Split { train, val }, ValRows::Train)
        }
        Validation::LeftOut => {
            let val = all.iter().copied().filter(|row| left.binary_search(row).is_err());
            let val: Vec<usize> = val.take(protocol.val_rows).collect();
            if val.len() < protocol.val_rows {
                return refuse(format!(
                    "validation = \"left-out\": {} training rows are left out, and val_rows = {}",
                    val.len(),
                    protocol.val_rows
                ));
            }
            (Split { train: left.clone(), val }, ValRows::Train)
        }
        Validation::TestEnd => {
            (Split { train: left.clone(), val: vec![] }, ValRows::TestEnd(protocol.val_rows))
        }
        Validation::None => (Split { train: left.clone(), val: vec![] }, ValRows::None),
    };
    let tested = match val {
        ValRows::TestEnd(rows) if rows >= test.rows() => {
            return refuse(format!(
                "validation = \"test-end\": val_rows = {rows} of {} test rows leave none to test on",
                test.rows()
            ));
        }
        ValRows::TestEnd(rows) => test.rows() - rows,
        _ => test.rows(),
    };
    for (rows, what) in [(split.train.len(), "train"), (split.val.len(), "validate")] {
        if rows == 0 && (what == "train" || val == ValRows::Train) {
            let (all, share) = (left.len(), protocol.val_share);
            return refuse(format!(
                "of {all} training rows, with a validation share of {share}, none are left to {what} on"
            ));
        }
    }
    Ok((split, val, (0..tested).collect()))
}
