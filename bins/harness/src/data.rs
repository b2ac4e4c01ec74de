//! The rows of a benchmark, split and masked, shared by all of its runs.

use crate::{HarnessError, ProtocolSpec};
use lacuna_formats::{FORMATS, LabelConvention, ReadOptions, SpmlFolder, open_data};
use lacuna_labels::{FeatureSet, Label, LabelMatrix, ObservedLabels};
use lacuna_losses::LabelNeeds;
use lacuna_protocols::{Holdout, SinglePositive, Split};
use lacuna_synthetic::{DEFAULT_SEED, SETS, synthetic_set};
use std::path::{Path, PathBuf};

/// Where rows come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataSource {
    /// A set that is made, by its name.
    Embedded(String),
    /// Files: a folder in the layout of the single-positive papers, or anything else that a format reads.
    Files {
        /// The folder or file.
        path: PathBuf,
        /// Rows to test on, where they are in a file of their own.
        test: Option<PathBuf>,
        /// Which features, where it has several.
        features: Option<String>,
        /// What -1 means in its observed labels.
        convention: Option<LabelConvention>,
    },
}

/// Where observed labels come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MaskSource {
    /// The folder's own observed labels where it has some, else drawn.
    #[default]
    Auto,
    /// Drawn from the truth, whatever the folder has.
    Drawn,
    /// The folder's own.
    File,
}

/// Rows to train, to validate and to test on, and the observed labels that the losses need.
#[derive(Debug)]
pub struct Benchmark {
    /// Short name: that of the embedded set or of the folder.
    pub name: String,
    /// What has to stand beside every table, if anything.
    pub caveat: Option<&'static str>,
    /// All training rows, those that validate among them.
    pub train: FeatureSet,
    /// Rows to test on.
    pub test: FeatureSet,
    /// Which training rows train and which validate.
    pub split: Split,
    /// Mean number of true positives over all training rows, before the split.
    pub expected_positives: f64,
    /// Labels of all training rows, for each need that some loss has.
    observed: Vec<(LabelNeeds, ObservedLabels)>,
    /// Where they come from, in words.
    pub mask: String,
    /// Whether they were drawn from the truth as published.
    pub mask_is_drawn: bool,
}

impl Benchmark {
    /// Loads the rows, splits them and makes the labels that `needs` asks for.
    ///
    /// # Errors
    /// [`HarnessError`] for a set that does not exist, and whatever the files or the split refuse.
    pub fn load(
        source: &DataSource,
        mask: MaskSource,
        protocol: &ProtocolSpec,
        needs: &[LabelNeeds],
    ) -> Result<Self, HarnessError> {
        let (name, caveat, train, test) = match source {
            DataSource::Embedded(name) => {
                let entry = synthetic_set(name).ok_or_else(|| HarnessError::UnknownSet {
                    name: name.clone(),
                    known: SETS.iter().map(|s| s.name).collect::<Vec<_>>().join(", "),
                })?;
                let set = entry.build(DEFAULT_SEED);
                (name.clone(), Some(entry.caveat), set.train, set.test)
            }
            DataSource::Files { path, test, features, convention } => {
                let options = ReadOptions {
                    convention: *convention,
                    features: features.clone(),
                    ..ReadOptions::default()
                };
                let is_spml = FORMATS
                    .iter()
                    .find(|format| format.recognises(path))
                    .is_none_or(|format| format.name == "spml");
                let (train, test) = match test {
                    None if is_spml && !path.is_file() => spml(path, &options)?,
                    _ => tables(path, test.as_deref(), &options)?,
                };
                let full = path.canonicalize().unwrap_or_else(|_| path.clone());
                let name = full.file_name().map_or("data".into(), |n| n.to_string_lossy().into_owned());
                (name, None, train, test)
            }
        };
        let split =
            Holdout { val_share: protocol.val_share, seed: protocol.split_seed }.split(train.rows())?;
        for (rows, what) in [(split.train.len(), "train"), (split.val.len(), "validate")] {
            if rows == 0 {
                let all = train.rows();
                return Err(HarnessError::Setting(format!(
                    "{name}: of {all} training rows, with a validation share of {}, none are left to {what} on",
                    protocol.val_share
                )));
            }
        }
        let from_file = match (mask, &train.observed) {
            (MaskSource::File, None) => {
                return Err(HarnessError::Setting(format!(
                    "{name} has no observed labels of its own; without --mask file they are drawn"
                )));
            }
            (MaskSource::Drawn, _) => None,
            (_, observed) => observed.clone(),
        };
        let seed = protocol.mask_seed;
        let mut observed: Vec<(LabelNeeds, ObservedLabels)> = Vec::new();
        for need in needs {
            if observed.iter().all(|(n, _)| n != need) {
                observed.push((*need, labels(*need, &train, from_file.as_ref(), seed)));
            }
        }
        let mask_is_drawn = from_file.is_none();
        let mask = match from_file {
            Some(_) => "observed labels of the data itself".to_string(),
            None => format!("one positive kept of each training row (seed {seed}), before the split"),
        };
        let expected_positives = train.truth.mean_positives_per_row();
        Ok(Self { name, caveat, train, test, split, expected_positives, observed, mask, mask_is_drawn })
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.train.truth.classes()
    }

    /// The labels of all training rows for a need that was named when loading.
    ///
    /// # Panics
    /// For another need.
    pub fn observed(&self, need: LabelNeeds) -> &ObservedLabels {
        let (_, labels) = self.observed.iter().find(|(n, _)| *n == need).expect("named when loading");
        labels
    }
}

/// A folder in the layout of the single-positive papers.
fn spml(path: &Path, options: &ReadOptions) -> Result<(FeatureSet, FeatureSet), HarnessError> {
    let mut folder = SpmlFolder::new(path);
    if let Some(features) = &options.features {
        folder = folder.features(features.as_str());
    }
    if let Some(convention) = options.convention {
        folder = folder.convention(convention);
    }
    let sets = folder.load()?;
    Ok((sets.train, sets.test))
}

/// Rows of any format, whose test rows are part of it or in a file of their own.
fn tables(
    path: &Path,
    test: Option<&Path>,
    options: &ReadOptions,
) -> Result<(FeatureSet, FeatureSet), HarnessError> {
    let content = open_data(path, options)?;
    let test = match test {
        Some(test) => Some(open_data(test, options)?.train),
        None => content.test,
    };
    let Some(test) = test else {
        let path = path.display();
        return Err(HarnessError::Setting(format!("{path} has no rows to test on; --test FILE names some")));
    };
    let limits = &options.limits;
    let (train, test) = (content.train.into_set(limits)?, test.into_set(limits)?);
    if train.features.columns() != test.features.columns() || train.classes != test.classes {
        return Err(HarnessError::Setting(format!(
            "{}: {} features and {} classes to train on, {} and {} to test on; both have to be the same, classes by \
             name and order",
            path.display(),
            train.features.columns(),
            train.classes.len(),
            test.features.columns(),
            test.classes.len()
        )));
    }
    for (set, what) in [(&train, "train"), (&test, "test")] {
        // Where nothing but observed labels is stored there is no truth to choose an epoch or to test by.
        if let Some(unknown) =
            set.observed.as_ref().and_then(|o| o.cells().iter().position(|l| !l.is_known()))
        {
            let classes = set.classes.len();
            return Err(HarnessError::Setting(format!(
                "{}: row {} of the rows to {what} on, class `{}`, has no label, and a benchmark measures by complete \
                 ones",
                path.display(),
                unknown / classes,
                set.classes[unknown % classes]
            )));
        }
    }
    Ok((train, test))
}

/// The labels that a loss with this need sees.
fn labels(
    need: LabelNeeds,
    train: &FeatureSet,
    from_file: Option<&ObservedLabels>,
    seed: u32,
) -> ObservedLabels {
    let draw = |negatives| SinglePositive { positives: 1, negatives, seed }.apply(&train.truth);
    match need {
        LabelNeeds::Complete | LabelNeeds::FullTruth => train.truth.clone().into(),
        LabelNeeds::SinglePositive => from_file.cloned().unwrap_or_else(|| draw(0)),
        // A file without a single observed negative has nothing to offer to such a loss.
        LabelNeeds::SinglePositiveOneNegative => {
            from_file.filter(|o| o.cells().contains(&Label::Negative)).cloned().unwrap_or_else(|| draw(1))
        }
        LabelNeeds::SinglePositiveAllNegatives => {
            let positives = from_file.cloned().unwrap_or_else(|| draw(0));
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
