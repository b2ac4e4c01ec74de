//! The rows of a benchmark, split and masked, shared by all of its runs.

use crate::{HarnessError, LabelCounts, MaskSource, ProtocolSpec};
use lacuna_checks::Finding;
use lacuna_formats::{Limits, Table, shown};
use lacuna_labels::{FeatureSet, Label, LabelMatrix, ObservedLabels};
use lacuna_losses::{LabelNeeds, LossRow};
use lacuna_protocols::{Holdout, SinglePositive, Split};
use lacuna_source::{DataSource, Dataset};

/// Rows to train, to validate and to test on, and the observed labels that the losses need.
#[derive(Debug)]
pub struct Benchmark {
    /// Short name: that of the embedded set, of the file or of the folder.
    pub name: String,
    /// What has to stand beside every table, if anything.
    pub caveat: Option<&'static str>,
    /// All training rows, those that validate among them.
    pub train: FeatureSet,
    /// Rows to test on.
    pub test: FeatureSet,
    /// Channels, height and width of a row, where the features are pictures.
    pub image: Option<[usize; 3]>,
    /// Which training rows train and which validate.
    pub split: Split,
    /// Mean number of true positives over all training rows, before the split.
    pub expected_positives: f64,
    /// Labels of all training rows, for each need that some loss has.
    observed: Vec<(LabelNeeds, ObservedLabels)>,
    /// Losses that the labels cannot serve, and what they need.
    pub(crate) refused: Vec<(&'static str, String)>,
    /// Where the observed labels come from: never [`MaskSource::Auto`].
    pub mask: MaskSource,
    /// BLAKE3 of names, classes, labels, observed labels and features.
    pub fingerprint: String,
    /// What was done while reading that a person should know.
    pub notes: Vec<String>,
    /// What looks wrong with the data.
    pub findings: Vec<Finding>,
    /// Every file that was read.
    pub files: Vec<std::path::PathBuf>,
    /// What was opened, with format and features filled in.
    pub source: DataSource,
}

impl Benchmark {
    /// Loads the rows, splits them and makes the labels that `losses` need.
    ///
    /// # Errors
    /// [`HarnessError`]: what the files or the split refuse.
    pub fn load(
        source: &DataSource,
        protocol: &ProtocolSpec,
        losses: &[&'static LossRow],
    ) -> Result<Self, HarnessError> {
        let Dataset { name, caveat, train, test, notes, files, source: resolved } = source.open()?;
        let given = source.given();
        let Some(test) = test else {
            return Err(HarnessError::Setting(format!(
                "{given} has no rows to test on; --test FILE names some"
            )));
        };
        let examination = lacuna_checks::examine(&train, Some(&test));
        let image = train.image;
        let unlisted = source.unlisted.is_some();
        let (train, test) = (complete(train, "train", unlisted)?, complete(test, "test", unlisted)?);
        let split =
            Holdout { val_share: protocol.val_share, seed: protocol.split_seed }.split(train.rows())?;
        for (rows, what) in [(split.train.len(), "train"), (split.val.len(), "validate")] {
            if rows == 0 {
                let (all, share) = (train.rows(), protocol.val_share);
                return Err(HarnessError::Setting(format!(
                    "{given}: of {all} training rows, with a validation share of {share}, none are left to {what} on"
                )));
            }
        }
        let mask = match (protocol.mask, &train.observed) {
            (MaskSource::File, None) => {
                return Err(HarnessError::Setting(format!(
                    "{given} has no observed labels of its own; without --mask file they are drawn"
                )));
            }
            (MaskSource::File | MaskSource::Auto, Some(_)) => MaskSource::File,
            (MaskSource::Drawn | MaskSource::Auto, _) => MaskSource::Drawn,
        };
        let mut observed: Vec<(LabelNeeds, ObservedLabels)> = Vec::new();
        let mut refused = Vec::new();
        for row in losses {
            let labels: ObservedLabels = match (&train.observed, mask, row.needs) {
                (_, _, LabelNeeds::FullTruth) => train.truth.clone().into(),
                (Some(own), MaskSource::File, _) => own.clone(),
                (_, _, need) => drawn(need, &train, protocol.mask_seed),
            };
            if let Some(missing) = missing(row.needs, &labels, &train, &split.train) {
                refused.push((row.info.name, format!("needs {missing}")));
            }
            if observed.iter().all(|(need, _)| *need != row.needs) {
                observed.push((row.needs, labels));
            }
        }
        let expected_positives = train.truth.mean_positives_per_row();
        Ok(Self {
            name,
            caveat,
            train,
            test,
            image,
            split,
            expected_positives,
            observed,
            refused,
            mask,
            fingerprint: examination.fingerprint,
            notes,
            findings: examination.findings,
            files,
            source: resolved,
        })
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.train.truth.classes()
    }

    /// The labels of all training rows for a need that some loss had when loading.
    ///
    /// # Panics
    /// For another need.
    pub fn observed(&self, need: LabelNeeds) -> &ObservedLabels {
        let (_, labels) = self.observed.iter().find(|(n, _)| *n == need).expect("named when loading");
        labels
    }

    /// Counts of the labels that a loss with this need is handed, over the rows that train.
    ///
    /// # Panics
    /// As [`observed`](Self::observed).
    pub fn label_counts(&self, need: LabelNeeds) -> LabelCounts {
        LabelCounts::of(&self.observed(need).select(&self.split.train))
    }

    /// For every class whether a test row has it.
    pub fn tested_classes(&self) -> Vec<bool> {
        self.test.truth.positives_per_class().iter().map(|&rows| rows > 0).collect()
    }
}

/// The rows as one set, whose labels are complete: a benchmark chooses epochs and tests by them. Unknown cells would be
/// taken for negative, which is a wrong number unless somebody says that the lists are complete.
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

/// What labels lack for a need, over the rows that train; `None` where they serve.
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

/// The labels that the published protocol draws from the truth for a need.
fn drawn(need: LabelNeeds, train: &FeatureSet, seed: u32) -> ObservedLabels {
    let draw = |negatives| SinglePositive { positives: 1, negatives, seed }.apply(&train.truth);
    match need {
        LabelNeeds::FullTruth | LabelNeeds::Complete => train.truth.clone().into(),
        LabelNeeds::SinglePositive => draw(0),
        LabelNeeds::SinglePositiveOneNegative => draw(1),
        LabelNeeds::SinglePositiveAllNegatives => {
            let positives = draw(0);
            let cells = positives.cells().iter().zip(train.truth.cells()).map(|(seen, truth)| match truth {
                Label::Negative => Label::Negative,
                _ => *seen,
            });
            let cells = cells.collect();
            LabelMatrix::new(train.rows(), train.truth.classes(), cells)
                .expect("the size is unchanged")
                .into()
        }
    }
}
