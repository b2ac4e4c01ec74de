//! Heads on features: their specification and their layers.

use crate::TrainError;
use lacuna_engine::{ConvOptions, Tape, Var, Window};
use lacuna_nn::{
    Activation, Conv2d, CosineClassifier, Flatten, Layer, Linear, MaxPool2d, Mlp, MlpConfig, MlpInit, Mode,
    Sequential,
};
use lacuna_protocols::Stream;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// The head on the features.
///
/// ```toml
/// head = "linear"
/// head = { mlp = [512, 128] }
/// head = { mlp = { hidden = [256], batch_norm = true, dropout = 0.5, activation = "none" } }
/// head = "cosine"
/// head = { cnn = { channels = [16, 32] } }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Head {
    /// One linear layer.
    #[default]
    Linear,
    /// Linear layers with batch normalisation, an activation and dropout between them.
    Mlp(MlpSpec),
    /// Scaled cosines between features and class weights.
    Cosine,
    /// For rows that are pictures: 3 x 3 convolutions, each followed by ReLU and a 2 x 2 maximum, then one linear layer.
    Cnn(CnnSpec),
}

/// Layers of a perceptron. In a specification, a list of hidden sizes is a perceptron with ReLU and no other options.
#[derive(Clone, Debug, PartialEq)]
pub struct MlpSpec {
    /// Hidden sizes.
    pub hidden: Vec<usize>,
    /// Between the layers: `relu`, `gelu`, `tanh`, `sigmoid` or `none`.
    pub activation: String,
    /// Whether each hidden layer is normalised by batch.
    pub batch_norm: bool,
    /// Probability with which a hidden number is 0 in training.
    pub dropout: f64,
    /// Nested dropout after the last hidden layer (experimental): in training every row keeps its first b units, with
    /// probabilities of b in proportion to this number to the power b; 1 is uniform, 0 leaves it out.
    pub nested_dropout: f64,
    /// First weights: `default`, or `distribution-balanced` for those of that paper's repository.
    pub init: String,
}

impl MlpSpec {
    /// ReLU between linear layers.
    pub fn plain(hidden: Vec<usize>) -> Self {
        Self {
            hidden,
            activation: "relu".to_string(),
            batch_norm: false,
            dropout: 0.0,
            nested_dropout: 0.0,
            init: "default".to_string(),
        }
    }

    fn config(&self) -> Result<MlpConfig, TrainError> {
        let wrong = |problem: String| Err(TrainError::Setting(format!("head: {problem}")));
        if self.hidden.is_empty() || self.hidden.contains(&0) {
            return wrong(format!("a hidden layer has at least one unit, and hidden = {:?}", self.hidden));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return wrong(format!("dropout = {}: expected a probability from 0 to below 1", self.dropout));
        }
        if !(0.0..=1.0).contains(&self.nested_dropout) {
            return wrong(format!(
                "nested_dropout = {}: expected the decay of its indices, above 0 and at most 1, or 0 for none",
                self.nested_dropout
            ));
        }
        let activation = match self.activation.as_str() {
            "relu" => Some(Activation::Relu),
            "gelu" => Some(Activation::Gelu),
            "tanh" => Some(Activation::Tanh),
            "sigmoid" => Some(Activation::Sigmoid),
            "none" => None,
            other => {
                return wrong(format!(
                    "activation = \"{other}\": expected relu, gelu, tanh, sigmoid or none"
                ));
            }
        };
        let init = match self.init.as_str() {
            "default" => MlpInit::Default,
            "distribution-balanced" => MlpInit::DistributionBalanced,
            other => {
                return wrong(format!("init = \"{other}\": expected default or distribution-balanced"));
            }
        };
        Ok(MlpConfig {
            hidden: self.hidden.clone(),
            activation,
            batch_norm: self.batch_norm,
            dropout: self.dropout as f32,
            nested_dropout: self.nested_dropout as f32,
            init,
        })
    }
}

/// The table form of [`MlpSpec`].
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MlpTable {
    hidden: Vec<usize>,
    #[serde(default = "relu")]
    activation: String,
    #[serde(default)]
    batch_norm: bool,
    #[serde(default)]
    dropout: f64,
    // Left out where it is 0: it decides the identity of runs that were stored before there was one.
    #[serde(default, skip_serializing_if = "is_zero")]
    nested_dropout: f64,
    #[serde(default = "default_init")]
    init: String,
}

fn is_zero(x: &f64) -> bool {
    *x == 0.0
}

fn relu() -> String {
    "relu".to_string()
}

fn default_init() -> String {
    "default".to_string()
}

impl Serialize for MlpSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if *self == Self::plain(self.hidden.clone()) {
            return self.hidden.serialize(serializer);
        }
        let Self { hidden, activation, batch_norm, dropout, nested_dropout, init } = self.clone();
        MlpTable { hidden, activation, batch_norm, dropout, nested_dropout, init }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for MlpSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "a list of hidden sizes, or a table with `hidden`, `activation`, \
            `batch_norm`, `dropout`, `nested_dropout` and `init`"
        )]
        enum Form {
            List(Vec<usize>),
            Table(MlpTable),
        }
        Ok(match Form::deserialize(deserializer)? {
            Form::List(hidden) => Self::plain(hidden),
            Form::Table(MlpTable { hidden, activation, batch_norm, dropout, nested_dropout, init }) => {
                Self { hidden, activation, batch_norm, dropout, nested_dropout, init }
            }
        })
    }
}

/// A small convolutional net.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CnnSpec {
    /// Channels, height and width of a picture; those of the data by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<[usize; 3]>,
    /// Output channels of each convolution.
    pub channels: Vec<usize>,
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Head::Linear => write!(f, "linear"),
            Head::Cosine => write!(f, "cosine"),
            Head::Mlp(mlp) => {
                write!(f, "MLP {:?}", mlp.hidden)?;
                let plain = MlpSpec::plain(vec![]);
                if mlp.activation != plain.activation {
                    write!(f, ", activation {}", mlp.activation)?;
                }
                if mlp.batch_norm {
                    write!(f, ", batch norm")?;
                }
                if mlp.dropout > 0.0 {
                    write!(f, ", dropout {}", mlp.dropout)?;
                }
                if mlp.nested_dropout > 0.0 {
                    write!(f, ", nested dropout {}", mlp.nested_dropout)?;
                }
                if mlp.init != plain.init {
                    write!(f, ", first weights {}", mlp.init)?;
                }
                Ok(())
            }
            Head::Cnn(cnn) => match cnn.image {
                Some(image) => write!(f, "CNN {:?} on {image:?}", cnn.channels),
                None => write!(f, "CNN {:?}", cnn.channels),
            },
        }
    }
}

impl FromStr for Head {
    type Err = TrainError;

    /// As a command line names it: `linear`, `cosine`, `mlp:512`, `mlp:512,128`, `cnn:16,32`.
    fn from_str(text: &str) -> Result<Self, TrainError> {
        let wrong = || {
            let problem = "expected linear, cosine, mlp:512 (hidden sizes by comma) or cnn:16,32 (channels)";
            TrainError::Setting(format!("unknown head `{text}`: {problem}"))
        };
        let sizes = |list: &str| -> Result<Vec<usize>, TrainError> {
            list.split(',').map(|size| size.trim().parse().map_err(|_| wrong())).collect()
        };
        let head = match text.split_once(':') {
            None if text == "linear" => Head::Linear,
            None if text == "cosine" => Head::Cosine,
            Some(("mlp", hidden)) => Head::Mlp(MlpSpec::plain(sizes(hidden)?)),
            Some(("cnn", channels)) => Head::Cnn(CnnSpec { image: None, channels: sizes(channels)? }),
            _ => return Err(wrong()),
        };
        if let Head::Mlp(mlp) = &head {
            mlp.config()?;
        }
        Ok(head)
    }
}

/// Most weights of a head: 4 GiB, which Adam's moments make 16.
const MOST_WEIGHTS: f64 = (1_u64 << 30) as f64;

impl Head {
    /// The head with the shape of the data's pictures filled in, checked against rows of `features` numbers.
    ///
    /// # Errors
    /// [`TrainError::Setting`] for sizes that do not fit.
    pub fn on(&self, features: usize, classes: usize, data: Option<[usize; 3]>) -> Result<Head, TrainError> {
        let head = self.on_rows(features, data)?;
        let weights = head.weights(features, classes);
        if weights > MOST_WEIGHTS {
            return Err(TrainError::Setting(format!(
                "head: {head} on {features} features and {classes} classes has {weights} weights, and at most \
                 {MOST_WEIGHTS} are trained"
            )));
        }
        Ok(head)
    }

    /// Number of weights, as a float because it may be absurd.
    pub fn weights(&self, features: usize, classes: usize) -> f64 {
        let sizes: Vec<usize> = match self {
            Head::Linear | Head::Cosine => vec![features, classes],
            Head::Mlp(mlp) => [&[features], &mlp.hidden[..], &[classes]].concat(),
            Head::Cnn(CnnSpec { image, channels }) => {
                let [inputs, height, width] = image.unwrap_or_default();
                let layers = [&[inputs], &channels[..]].concat();
                let convolutions: f64 =
                    layers.windows(2).map(|pair| 9.0 * pair[0] as f64 * pair[1] as f64).sum();
                let halved = |side: usize| side.checked_shr(channels.len() as u32).unwrap_or(0) as f64;
                let pixels = halved(height) * halved(width);
                let last = layers.last().copied().unwrap_or_default() as f64;
                return convolutions + last * pixels * classes as f64;
            }
        };
        sizes.windows(2).map(|pair| pair[0] as f64 * pair[1] as f64).sum()
    }

    fn on_rows(&self, features: usize, data: Option<[usize; 3]>) -> Result<Head, TrainError> {
        if let Head::Mlp(mlp) = self {
            mlp.config()?;
        }
        let Head::Cnn(CnnSpec { image, channels }) = self else { return Ok(self.clone()) };
        let refuse = |problem: String| Err(TrainError::Setting(format!("head: {problem}")));
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
        let halved = 1usize.checked_shl(channels.len() as u32).unwrap_or(usize::MAX);
        if channels.is_empty() || channels.contains(&0) || h / halved == 0 || w / halved == 0 {
            return refuse(format!(
                "{} convolutions with channels {channels:?} do not fit pictures of {h} x {w}",
                channels.len()
            ));
        }
        Ok(Head::Cnn(CnnSpec { image: Some(image), channels: channels.clone() }))
    }

    /// Builds the layers on the tape, their first weights drawn from `rng`. The names of their parameters are those of
    /// PyTorch's `nn.Linear` or `nn.Sequential`.
    ///
    /// # Errors
    /// [`TrainError::Setting`] for a head that was not checked by [`Head::on`].
    pub fn build(
        &self,
        tape: &mut Tape,
        features: usize,
        classes: usize,
        rng: &mut Stream,
    ) -> Result<Box<dyn Layer + Send + Sync>, TrainError> {
        Ok(match self {
            Head::Linear => Box::new(Linear::new(tape, "", features, classes, rng)),
            Head::Cosine => Box::new(CosineClassifier::new(tape, "", features, classes, rng)),
            Head::Mlp(mlp) => Box::new(Mlp::with(tape, features, classes, &mlp.config()?, rng)),
            Head::Cnn(CnnSpec { image, channels: outputs }) => {
                let Some([channels, height, width]) = *image else {
                    return Err(TrainError::Setting(
                        "head: the shape of the pictures is not known".to_string(),
                    ));
                };
                let mut net = Sequential::new("").then(Picture([channels, height, width]));
                let (mut inputs, mut pixels) = (channels, [height, width]);
                for output in outputs {
                    let same = ConvOptions { padding: [1, 1], ..ConvOptions::default() };
                    net = net
                        .then_new(|name| Conv2d::new(tape, name, [inputs, *output], [3, 3], same, rng))
                        .then(Activation::Relu)
                        .then(MaxPool2d(Window::square(2, 2, 0)));
                    inputs = *output;
                    pixels = pixels.map(|side| side / 2);
                }
                let flat = inputs * pixels[0] * pixels[1];
                Box::new(net.then(Flatten).then_new(|name| Linear::new(tape, name, flat, classes, rng)))
            }
        })
    }
}

/// Rows of numbers as pictures: `[B, C H W]` to `[B, C, H, W]`.
struct Picture([usize; 3]);

impl Layer for Picture {
    fn forward(&self, tape: &mut Tape, x: Var, _: Mode) -> Var {
        let [channels, height, width] = self.0;
        let rows = tape.shape(x).sizes()[0];
        tape.reshape(x, [rows, channels, height, width])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_from_a_command_line() {
        let read = |text: &str| text.parse::<Head>().ok();
        assert_eq!((read("linear"), read("cosine")), (Some(Head::Linear), Some(Head::Cosine)));
        assert_eq!(read("mlp:512, 128"), Some(Head::Mlp(MlpSpec::plain(vec![512, 128]))));
        assert_eq!(read("cnn:16"), Some(Head::Cnn(CnnSpec { image: None, channels: vec![16] })));
        for wrong in ["", "mlp", "mlp:", "mlp:0", "mlp:a", "Linear", "linear:3", "mlp:-1"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    /// Without the biases.
    #[test]
    fn weights_are_those_of_all_layers() {
        let count = |head: &str| head.parse::<Head>().unwrap().weights(10, 4);
        assert_eq!(
            [count("linear"), count("cosine"), count("mlp:8,6")],
            [40.0, 40.0, 10.0 * 8.0 + 8.0 * 6.0 + 6.0 * 4.0]
        );
        // Two convolutions of 3 x 3, and halves of both sides after each: 2 channels become 8 and 5 of 3 x 6.
        let cnn = Head::Cnn(CnnSpec { image: Some([2, 12, 24]), channels: vec![8, 5] });
        assert_eq!(cnn.weights(2 * 12 * 24, 4), 9.0 * (2.0 * 8.0 + 8.0 * 5.0) + 5.0 * 3.0 * 6.0 * 4.0);
    }

    #[test]
    fn a_head_is_shown_with_what_differs_from_a_plain_one() {
        let mut mlp = MlpSpec::plain(vec![8, 4]);
        assert_eq!(Head::Mlp(mlp.clone()).to_string(), "MLP [8, 4]");
        (mlp.dropout, mlp.batch_norm) = (0.5, true);
        assert_eq!(Head::Mlp(mlp).to_string(), "MLP [8, 4], batch norm, dropout 0.5");
    }

    #[test]
    fn a_perceptron_with_an_empty_layer_is_refused() {
        for hidden in [vec![], vec![0], vec![4, 0], vec![0, 4]] {
            let error = Head::Mlp(MlpSpec::plain(hidden)).on(3, 2, None).unwrap_err().to_string();
            assert!(error.contains("a hidden layer has at least one unit"), "{error}");
        }
        assert!(Head::Mlp(MlpSpec::plain(vec![4, 1])).on(3, 2, None).is_ok());
    }
}
