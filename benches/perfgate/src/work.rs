//! The work that is counted: what a step of each key benchmark does, on one thread.

use lacuna_benches::pattern::{INPUT, is_positive, logits, pattern};
use lacuna_benches::training::{CLASSES, Net, Training};
use lacuna_engine::Exec;
use lacuna_labels::{Label, TrueLabels};
use lacuna_losses::{LossGrad, LossInput, MultiLabelLoss, Options, find};
use lacuna_metrics::{ApScratch, MapConvention};
use std::hint::black_box;

/// A row of [`WORK`].
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// Steps under callgrind, n of n and 2n: one where a step is long, because callgrind needs half a microsecond for a fused
    /// multiply-add of a vector. The buffers of a step have grown after the first one.
    pub(crate) steps: usize,
    /// Whether a step is one of training, which must not allocate.
    pub(crate) trains: bool,
    make: fn() -> Work,
}

/// Everything that is counted.
pub(crate) const WORK: &[Row] = &[
    Row { name: "linear/16", steps: 5, trains: true, make: || training(Net::Linear, 16) },
    Row { name: "mlp/128", steps: 1, trains: true, make: || training(Net::Mlp, 128) },
    Row { name: "cnn/16", steps: 1, trains: true, make: || training(Net::Cnn, 16) },
    Row { name: "hill/1024x80", steps: 5, trains: false, make: hill },
    Row { name: "map/2000x80", steps: 5, trains: false, make: map },
];

/// Work that is ready to go on.
pub(crate) enum Work {
    /// Forward, loss, backward, Adam.
    Training(Box<Training>),
    /// Value and gradient of the Hill loss.
    Hill { loss: Box<dyn MultiLabelLoss>, z: Vec<f32>, dz: Vec<f32>, labels: Vec<Label> },
    /// Mean average precision.
    Map { scratch: ApScratch<f32>, scores: Vec<f32>, truth: TrueLabels },
}

impl Row {
    /// The row of a name.
    pub(crate) fn of_name(name: &str) -> Option<&'static Row> {
        WORK.iter().find(|row| row.name == name)
    }

    /// The work before its first step.
    pub(crate) fn start(&self) -> Work {
        (self.make)()
    }
}

impl Work {
    /// One step.
    ///
    /// # Panics
    /// Never for the data of this module.
    pub(crate) fn step(&mut self) {
        match self {
            Work::Training(training) => {
                black_box(training.step());
            }
            Work::Hill { loss, z, dz, labels } => {
                let logits = [z.as_slice()];
                let input = LossInput::new(&logits, HILL_ROWS, CLASSES, labels);
                let value = loss.evaluate(black_box(&input), LossGrad::Into(&mut [dz]));
                black_box(value.expect("logits are finite"));
            }
            Work::Map { scratch, scores, truth } => {
                let found = scratch.evaluate(black_box(&scores[..]), &*truth);
                black_box(found.expect("scores are finite").map);
            }
        }
    }

    /// Nodes of the tape after a step, where there is one.
    pub(crate) fn nodes(&self) -> Option<usize> {
        match self {
            Work::Training(training) => Some(training.nodes()),
            Work::Hill { .. } | Work::Map { .. } => None,
        }
    }
}

const HILL_ROWS: usize = 1024;
const MAP_ROWS: usize = 2000;

fn training(net: Net, batch: usize) -> Work {
    Work::Training(Box::new(Training::new(net, batch, Exec::Serial)))
}

fn hill() -> Work {
    let n = HILL_ROWS * CLASSES;
    let label = |i| if is_positive(i, 0.04) { Label::Positive } else { Label::Unknown };
    Work::Hill {
        loss: find("hill").and_then(|row| row.build(&Options::default())).expect("a row of the table"),
        z: logits(n, INPUT),
        dz: vec![0.0; n],
        labels: (0..n).map(label).collect(),
    }
}

fn map() -> Work {
    let truth =
        TrueLabels::from_fn(MAP_ROWS, CLASSES, |row, class| is_positive(row * CLASSES + class, 0.036));
    let positive = |cell: usize| f32::from(u8::from(truth.cells()[cell].is_positive()));
    let scores = (0..MAP_ROWS * CLASSES).map(|i| pattern(i, INPUT) + 0.3 * positive(i)).collect();
    Work::Map { scratch: ApScratch::new(MapConvention::SPML), scores, truth }
}
