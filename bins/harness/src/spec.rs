//! A benchmark as a TOML file says it.

use crate::HarnessError;
use lacuna_losses::Reduction;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A benchmark: data, protocol, training, losses, and what was published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Name on the command line.
    pub name: String,
    /// One line on what it is.
    pub title: String,
    /// Paper and repository it follows.
    pub source: String,
    /// Embedded set to use when no folder is given.
    pub data: String,
    /// Masks, split, selection, metric.
    pub protocol: ProtocolSpec,
    /// Head, optimiser and effort.
    pub training: TrainingSpec,
    /// The losses, in the order of the table.
    pub losses: Vec<LossSpec>,
    /// Numbers to stand beside ours.
    #[serde(default)]
    pub published: Vec<Published>,
}

/// How labels go missing, how rows are split and how the result is chosen. Defaults are the published ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProtocolSpec {
    /// Seed of the single-positive mask, drawn over all training rows before the split.
    pub mask_seed: u32,
    /// Seed of the split into training and validation rows.
    pub split_seed: u32,
    /// Share of the rows that validate.
    pub val_share: f64,
}

impl Default for ProtocolSpec {
    fn default() -> Self {
        Self { mask_seed: 1200, split_seed: 1200, val_share: 0.2 }
    }
}

/// Head, optimiser and effort.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingSpec {
    /// What stands on the features.
    #[serde(default)]
    pub head: Head,
    /// Epochs.
    pub epochs: usize,
    /// Rows of a batch; the last, incomplete batch of an epoch is dropped.
    pub batch: usize,
    /// Adam's learning rate.
    pub lr: f32,
    /// Number of seeds: 0, 1, ... Seeds vary first weights and the order of rows, not mask and split.
    pub seeds: u64,
    /// How the entries of a loss become one number: `mean`, `sum`, `mean_known`, or `default` for each
    /// method's own.
    pub reduction: String,
}

/// What stands on the features.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Head {
    /// One linear layer.
    #[default]
    Linear,
    /// Linear layers of these hidden sizes with ReLU between them.
    Mlp(Vec<usize>),
    /// For rows that are pictures: 3 x 3 convolutions, each followed by ReLU and a 2 x 2 maximum, then one
    /// linear layer.
    Cnn(CnnSpec),
}

/// A small convolutional net.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CnnSpec {
    /// Channels, height and width of a picture.
    pub image: [usize; 3],
    /// Output channels of each convolution.
    pub channels: Vec<usize>,
}

impl std::fmt::Display for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Head::Linear => write!(f, "linear"),
            Head::Mlp(hidden) => write!(f, "MLP {hidden:?}"),
            Head::Cnn(cnn) => write!(f, "CNN {:?} on {:?}", cnn.channels, cnn.image),
        }
    }
}

impl Head {
    /// Checks that the net can be built on rows of `features` numbers.
    pub(crate) fn check(&self, features: usize) -> Result<(), HarnessError> {
        let Head::Cnn(CnnSpec { image: [c, h, w], channels }) = self else { return Ok(()) };
        if c * h * w != features {
            return Err(HarnessError::Setting(format!(
                "head: pictures of {c} x {h} x {w} have {} numbers, and rows have {features}",
                c * h * w
            )));
        }
        let halved = 1usize << channels.len().min(31);
        if channels.is_empty() || channels.contains(&0) || h / halved == 0 || w / halved == 0 {
            return Err(HarnessError::Setting(format!(
                "head: {} convolutions with channels {channels:?} do not fit pictures of {h} x {w}",
                channels.len()
            )));
        }
        Ok(())
    }
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossSpec {
    /// Name in the table of losses.
    pub name: String,
    /// Parameters that differ from their defaults.
    #[serde(default)]
    pub params: BTreeMap<String, f64>,
}

/// A number to stand beside ours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// Name of the data folder or embedded set it holds for.
    pub data: String,
    /// Training rows of that set, those that validate included: another set of the same name is another set.
    pub train_rows: usize,
    /// Name of the loss.
    pub loss: String,
    /// Test mAP in percent.
    pub test_map: f64,
    /// How far ours may be from it, in percent; absent where the settings are not the same.
    pub tolerance: Option<f64>,
    /// Where it stands.
    pub source: String,
}

impl Spec {
    /// Reads a specification.
    ///
    /// # Errors
    /// [`HarnessError::Spec`] with line and column of what is wrong.
    pub fn parse(text: &str) -> Result<Self, HarnessError> {
        toml::from_str(text).map_err(|e| HarnessError::Spec(e.to_string().trim_end().replace('\n', " ")))
    }
}

/// Most epochs and most seeds: beyond any use, and small enough to be counted and stored.
const MOST: usize = 100_000;

impl TrainingSpec {
    /// The reduction, `None` for each method's own.
    pub(crate) fn reduction(&self) -> Result<Option<Reduction>, HarnessError> {
        match self.reduction.as_str() {
            "mean" => Ok(Some(Reduction::Mean)),
            "sum" => Ok(Some(Reduction::Sum)),
            "mean_known" => Ok(Some(Reduction::MeanKnown)),
            "default" => Ok(None),
            other => Err(HarnessError::Setting(format!(
                "reduction = \"{other}\": there are mean, sum, mean_known and default"
            ))),
        }
    }

    pub(crate) fn check(&self) -> Result<(), HarnessError> {
        let refuse = |what: &str| Err(HarnessError::Setting(what.to_string()));
        self.reduction()?;
        if self.epochs == 0 {
            return refuse("epochs = 0: at least one epoch is needed");
        }
        if self.batch == 0 {
            return refuse("batch = 0: a batch has at least one row");
        }
        if !(self.lr.is_finite() && self.lr > 0.0) {
            return Err(HarnessError::Setting(format!(
                "lr = {}: a learning rate is a positive number",
                self.lr
            )));
        }
        if self.epochs > MOST {
            return Err(HarnessError::Setting(format!("epochs = {}: at most {MOST}", self.epochs)));
        }
        if self.seeds == 0 {
            return refuse("seeds = 0: at least one run is needed");
        }
        if self.seeds > MOST as u64 {
            return Err(HarnessError::Setting(format!("seeds = {}: at most {MOST}", self.seeds)));
        }
        match &self.head {
            Head::Mlp(sizes) if sizes.contains(&0) => refuse("head: a hidden layer has at least one unit"),
            _ => Ok(()),
        }
    }
}
