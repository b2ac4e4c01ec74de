//! A benchmark as a TOML file says it.

use crate::{HarnessError, run_id};
use lacuna_losses::Reduction;
use lacuna_source::DataSource;
use serde::{Deserialize, Deserializer, Serialize};
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
    /// Where the rows come from: a table, or the name of an embedded set as text.
    #[serde(deserialize_with = "data")]
    pub data: DataSource,
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

/// `data = "voc-like"` is `[data] embedded = "voc-like"`.
fn data<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DataSource, D::Error> {
    struct Data;
    impl<'de> serde::de::Visitor<'de> for Data {
        type Value = DataSource;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("the name of an embedded set, or a table that names files")
        }
        fn visit_str<E>(self, name: &str) -> Result<DataSource, E> {
            Ok(DataSource::embedded(name))
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<DataSource, A::Error> {
            DataSource::deserialize(serde::de::value::MapAccessDeserializer::new(map))
        }
    }
    deserializer.deserialize_any(Data)
}

/// Where observed labels come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MaskSource {
    /// The data's own observed labels where it has some, else drawn. A record says which of the two it was.
    #[default]
    Auto,
    /// Drawn from the truth as published, whatever the data has.
    Drawn,
    /// The data's own.
    File,
}

/// How labels go missing, how rows are split and how the result is chosen. Defaults are the published ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProtocolSpec {
    /// Where observed labels come from.
    pub mask: MaskSource,
    /// Seed of the single-positive mask, drawn over all training rows before the split.
    pub mask_seed: u32,
    /// Seed of the split into training and validation rows.
    pub split_seed: u32,
    /// Share of the rows that validate.
    pub val_share: f64,
}

impl Default for ProtocolSpec {
    fn default() -> Self {
        Self { mask: MaskSource::Auto, mask_seed: 1200, split_seed: 1200, val_share: 0.2 }
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
    /// Channels, height and width of a picture; those of the data where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<[usize; 3]>,
    /// Output channels of each convolution.
    pub channels: Vec<usize>,
}

impl std::fmt::Display for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Head::Linear => write!(f, "linear"),
            Head::Mlp(hidden) => write!(f, "MLP {hidden:?}"),
            Head::Cnn(cnn) => match cnn.image {
                Some(image) => write!(f, "CNN {:?} on {image:?}", cnn.channels),
                None => write!(f, "CNN {:?}", cnn.channels),
            },
        }
    }
}

impl Head {
    /// The head with the shape of the data's pictures filled in, checked against rows of `features` numbers.
    pub(crate) fn on(
        &self,
        features: usize,
        classes: usize,
        data: Option<[usize; 3]>,
    ) -> Result<Head, HarnessError> {
        let head = self.on_rows(features, data)?;
        let weights = head.weights(features, classes);
        if weights > MOST_WEIGHTS {
            return Err(HarnessError::Setting(format!(
                "head: {head} on {features} features and {classes} classes has {weights} weights, and at most \
                 {MOST_WEIGHTS} are trained"
            )));
        }
        Ok(head)
    }

    /// Number of weights, as a float because it may be absurd.
    pub(crate) fn weights(&self, features: usize, classes: usize) -> f64 {
        let sizes: Vec<usize> = match self {
            Head::Linear => vec![features, classes],
            Head::Mlp(hidden) => [&[features], &hidden[..], &[classes]].concat(),
            Head::Cnn(CnnSpec { image, channels }) => {
                let [inputs, height, width] = image.unwrap_or_default();
                let layers = [&[inputs], &channels[..]].concat();
                let convolutions: f64 =
                    layers.windows(2).map(|pair| 9.0 * pair[0] as f64 * pair[1] as f64).sum();
                let pixels = (height >> channels.len()) as f64 * (width >> channels.len()) as f64;
                let last = layers.last().copied().unwrap_or_default() as f64;
                return convolutions + last * pixels * classes as f64;
            }
        };
        sizes.windows(2).map(|pair| pair[0] as f64 * pair[1] as f64).sum()
    }

    fn on_rows(&self, features: usize, data: Option<[usize; 3]>) -> Result<Head, HarnessError> {
        let Head::Cnn(CnnSpec { image, channels }) = self else { return Ok(self.clone()) };
        let refuse = |problem: String| Err(HarnessError::Setting(format!("head: {problem}")));
        let image @ [c, h, w] = match (*image, data) {
            (Some(image), Some(data)) if image != data => {
                return refuse(format!(
                    "it is made for pictures of {image:?} (channels, height, width), and those of the data are {data:?}"
                ));
            }
            (Some(image), _) | (None, Some(image)) => image,
            (None, None) => {
                return refuse(
                    "a CNN needs pictures: features of shape [N, C, H, W], or `image = [C, H, W]` in the specification"
                        .to_string(),
                );
            }
        };
        if c.checked_mul(h).and_then(|ch| ch.checked_mul(w)) != Some(features) {
            return refuse(format!(
                "pictures of {c} x {h} x {w} do not have as many numbers as a row, which has {features}"
            ));
        }
        let halved = 1usize << channels.len().min(31);
        if channels.is_empty() || channels.contains(&0) || h / halved == 0 || w / halved == 0 {
            return refuse(format!(
                "{} convolutions with channels {channels:?} do not fit pictures of {h} x {w}",
                channels.len()
            ));
        }
        Ok(Head::Cnn(CnnSpec { image: Some(image), channels: channels.clone() }))
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

    /// The specification as TOML.
    ///
    /// # Errors
    /// [`HarnessError::Spec`] where it cannot be written so.
    pub fn to_toml(&self) -> Result<String, HarnessError> {
        toml::to_string(self).map_err(|e| HarnessError::Spec(e.to_string()))
    }

    /// The identities of all runs, loss by loss and seed by seed; see [`run_id`]. The specification is one that was
    /// resolved: it has the fingerprint of its data.
    ///
    /// # Errors
    /// [`HarnessError::Spec`] without a fingerprint.
    pub fn run_ids(&self) -> Result<Vec<String>, HarnessError> {
        let none = || HarnessError::Spec("it has no fingerprint of its data".to_string());
        let fingerprint = self.data.fingerprint.as_deref().ok_or_else(none)?;
        let seeds = 0..self.training.seeds.min(MOST as u64);
        let runs = self.losses.iter().flat_map(|loss| seeds.clone().map(move |seed| (loss, seed)));
        runs.map(|(loss, seed)| run_id(fingerprint, &self.protocol, &self.training, loss, seed)).collect()
    }
}

/// Most weights of a head: 4 GiB, which Adam's moments make 16.
const MOST_WEIGHTS: f64 = (1_u64 << 30) as f64;

/// Most epochs and most seeds: beyond any use, and small enough to be counted and stored.
const MOST: usize = 100_000;

impl ProtocolSpec {
    pub(crate) fn check(&self) -> Result<(), HarnessError> {
        if self.val_share > 0.0 && self.val_share < 1.0 {
            return Ok(());
        }
        let share = self.val_share;
        Err(HarnessError::Setting(format!(
            "val_share = {share}: a share between 0 and 1 of the rows validates"
        )))
    }
}

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
