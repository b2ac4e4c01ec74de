//! A small set for every procedure.

use lacuna_labels::{Features, Label, LabelMatrix, ObservedLabels, TrueLabels};
use lacuna_losses::Options;
use lacuna_protocols::Stream;
use lacuna_train::{
    Data, EvalLabels, EvalRows, EvalSet, Evaluation, Head, LossChoice, MlpSpec, Named, TrainSet, Training,
};

pub(crate) const CLASSES: usize = 5;
pub(crate) const FEATURES: usize = 12;

/// Rows whose labels follow from their features, with the labels of some of them.
pub(crate) struct Set {
    pub(crate) features: Features,
    pub(crate) truth: TrueLabels,
    pub(crate) observed: ObservedLabels,
    pub(crate) rows: Vec<u32>,
    pub(crate) val: Vec<u32>,
    pub(crate) val_truth: TrueLabels,
}

/// Which labels are known.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// One positive of each row.
    Positive,
    /// Every cell with probability one half.
    Half,
    /// All of every fourth row.
    Rows,
    /// Every cell.
    All,
}

impl Set {
    pub(crate) fn new(known: Known) -> Self {
        const ROWS: usize = 120;
        let mut stream = Stream::new(3, "small set");
        let features: Vec<f32> = (0..ROWS * FEATURES).map(|_| stream.normal() as f32).collect();
        let features = Features::new(ROWS, FEATURES, features).unwrap();
        let truth = TrueLabels::from_fn(ROWS, CLASSES, |row, class| {
            let x = features.row(row);
            x[class] + 0.5 * x[class + 5] > 0.4 - 0.1 * class as f32 || row % CLASSES == class
        });
        let mut cells = Vec::new();
        for row in 0..ROWS {
            let first = truth.row(row).iter().position(|label| label.is_positive()).unwrap();
            for class in 0..CLASSES {
                let shown = match known {
                    Known::Positive => class == first,
                    Known::Half => stream.uniform_f64() < 0.5,
                    Known::Rows => row % 4 == 0,
                    Known::All => true,
                };
                cells.push(if shown { truth.get(row, class) } else { Label::Unknown });
            }
        }
        let observed = LabelMatrix::new(ROWS, CLASSES, cells).unwrap().into();
        let val: Vec<usize> = (96..ROWS).collect();
        Self {
            val_truth: truth.select(&val),
            features,
            truth,
            observed,
            rows: (0..96).collect(),
            val: val.into_iter().map(|row| row as u32).collect(),
        }
    }

    pub(crate) fn data(&self) -> Data<'_> {
        let train = TrainSet::new(&self.features, &self.observed, &self.rows);
        let labels = EvalLabels::Complete(&self.val_truth);
        let val = EvalSet { features: (&self.features).into(), labels, rows: EvalRows::Some(&self.val) };
        let labels = EvalLabels::Complete(&self.truth);
        let test = EvalSet { features: (&self.features).into(), labels, rows: EvalRows::All };
        Data { val: Some(val), test: Some(test), ..Data::new(train) }
    }
}

/// A way to train, over labels that it can work with.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) set: Set,
    pub(crate) training: Training,
    pub(crate) loss: &'static str,
}

impl Case {
    pub(crate) fn choice(&self) -> LossChoice {
        let mut options = Options::default();
        options.context.classes = Some(CLASSES);
        options.context.expected_positives = Some(2.0);
        LossChoice::new(self.loss, options, &self.set.data().train).unwrap()
    }

    pub(crate) fn evaluation(&self) -> Evaluation {
        Evaluation { metrics: vec!["map".into(), "map-tail".into()], ..Evaluation::default() }
    }
}

/// Every procedure, with heads, samplers and everything else that has state.
pub(crate) fn procedures() -> Vec<Case> {
    let base =
        Training { batch: 10, epochs: 5, lr: 0.01, ema: Some(0.9), clip: Some(5.0), ..Training::default() };
    let mlp = |batch_norm: bool, dropout: f64| {
        Head::Mlp(MlpSpec { batch_norm, dropout, ..MlpSpec::plain(vec![16]) })
    };
    let case = |name: &str, known: Known, loss: &'static str, training: Training| Case {
        name: name.to_string(),
        set: Set::new(known),
        training: match training.procedure.name == name {
            // With settings of its own.
            true => training,
            false => Training { procedure: Named::new(name), ..training },
        },
        loss,
    };
    let two_phases = toml::from_str::<Training>(
        "lr = 0.01\nbatch = 10\nepochs = 3\nema = 0.9\n[[phases]]\nprocedure = \"plain\"\n\
         [[phases]]\nprocedure = \"two-phase\"\nhead = { mlp = [16] }\nstart = \"best\"",
    )
    .unwrap();
    vec![
        case("plain", Known::Positive, "an", base.clone()),
        case("plain", Known::Positive, "splc", Training { head: mlp(true, 0.3), ..base.clone() }),
        case(
            "plain",
            Known::Positive,
            "db-focal",
            Training { sampler: Named::new("class-aware"), head: mlp(false, 0.5), ..base.clone() },
        ),
        case("plain", Known::Positive, "rlc", Training { head: Head::Cosine, ..base.clone() }),
        case("estimator", Known::Positive, "role", base.clone()),
        case("mixup", Known::Positive, "pu-mlc-mixup", base.clone()),
        case("mixup", Known::Half, "label-set-mixup", base.clone()),
        case("branches", Known::Positive, "mfm", Training { head: Head::Cosine, ..base.clone() }),
        case("relabel", Known::Positive, "em-apl", base.clone()),
        case("relabel", Known::Positive, "ll-cp", base.clone()),
        case("relabel-cap", Known::Half, "bce", base.clone()),
        case("relabel-percentile", Known::Half, "bce", base.clone()),
        case("semi", Known::Rows, "bce", Training { batch: 16, ..base.clone() }),
        case("presence", Known::Positive, "presence-an-full", base.clone()),
        Case {
            training: Training { procedure: Named::new("presence").set("sphere", 1.0), ..base.clone() },
            ..case("presence", Known::Positive, "presence-full-weighted", base.clone())
        },
        case("smile", Known::Positive, "smile", base.clone()),
        case("semi", Known::Positive, "plc", base.clone()),
        case(
            "semi",
            Known::Positive,
            "plc",
            Training {
                procedure: Named::new("semi").set("lac", 1.0).set("queue", 32.0).set("embedding", 12.0),
                ..base.clone()
            },
        ),
        case(
            "mime",
            Known::Positive,
            "an",
            Training { procedure: Named::new("mime").set("z", 9.0).set("theta", 0.6), ..base.clone() },
        ),
        case("l2b", Known::Half, "bce", Training { head: mlp(true, 0.2), ..base.clone() }),
        case(
            "l2b",
            Known::Half,
            "an",
            Training { procedure: Named::new("l2b").set("pseudo", 0.0).set("held", 0.3), ..base.clone() },
        ),
        case(
            "plain",
            Known::Positive,
            "an-ls",
            Training {
                head: Head::Mlp(MlpSpec { nested_dropout: 0.9, ..MlpSpec::plain(vec![16]) }),
                ..base.clone()
            },
        ),
        case(
            "sampled-negatives",
            Known::Positive,
            "an",
            Training {
                procedure: Named::new("sampled-negatives").set("sampled", 1.0),
                batch: 3,
                ema: None,
                ..base.clone()
            },
        ),
        Case { name: "two-phase".to_string(), set: Set::new(Known::Half), training: two_phases, loss: "bce" },
    ]
}
