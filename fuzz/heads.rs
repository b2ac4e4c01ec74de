//! Saved states of training and heads. Under the fuzzer their checksums are taken for right.

use crate::{in_folder, put, two};
use lacuna_formats::Destination;
use lacuna_labels::{Features, Label, LabelMatrix, ObservedLabels, TrueLabels};
use lacuna_losses::Options;
use lacuna_train::{
    Checkpoint, Data, EvalLabels, EvalRows, EvalSet, Evaluation, LossChoice, Model, Run, TrainError,
    TrainSet, Training,
};

const ROWS: usize = 8;
const CLASSES: usize = 2;

/// A run of two epochs over eight rows.
pub struct Small {
    features: Features,
    observed: ObservedLabels,
    truth: TrueLabels,
    rows: Vec<u32>,
}

impl Default for Small {
    fn default() -> Self {
        let values = (0..ROWS * 3).map(|i| ((i * 7) % 11) as f32 / 8.0 - 0.5).collect();
        let features = Features::new(ROWS, 3, values).expect("as many as the shape says");
        let label =
            |i: usize| if (i / CLASSES + i).is_multiple_of(3) { Label::Positive } else { Label::Unknown };
        let cells = (0..ROWS * CLASSES).map(label).collect();
        let observed = LabelMatrix::new(ROWS, CLASSES, cells).expect("as many as the shape says").into();
        let truth = TrueLabels::from_fn(ROWS, CLASSES, |row, class| (row + class) % 2 == 0);
        Self { features, observed, truth, rows: (0..6).collect() }
    }
}

impl Small {
    fn data(&self) -> Data<'_> {
        let train = TrainSet::new(&self.features, &self.observed, &self.rows);
        let labels = EvalLabels::Complete(&self.truth);
        let val = EvalSet { features: (&self.features).into(), labels, rows: EvalRows::All };
        Data { val: Some(val), ..Data::new(train) }
    }

    fn training() -> Training {
        Training { batch: 4, epochs: 2, lr: 0.01, ema: Some(0.9), ..Training::default() }
    }

    /// A loss with estimates, so that there are rows that optimisers move on their own.
    fn loss(&self) -> LossChoice {
        let mut options = Options::default();
        options.context.classes = Some(CLASSES);
        options.context.expected_positives = Some(1.0);
        LossChoice::new("role", options, &self.data().train).expect("a loss of the table")
    }

    /// The state after an epoch, which is the seed.
    pub fn checkpoint(&self) -> Checkpoint {
        let mut run =
            Run::new(self.data(), &Self::training(), &Evaluation::default(), self.loss(), 7).expect("a run");
        run.epoch().expect("an epoch");
        run.checkpoint()
    }

    /// Goes on from a saved state for an epoch.
    ///
    /// # Errors
    /// A state of another run.
    pub fn resume(&self, from: &Checkpoint) -> Result<(), TrainError> {
        let (training, evaluation) = (Self::training(), Evaluation::default());
        let mut run = Run::resume(self.data(), &training, &evaluation, self.loss(), 7, from)?;
        if !run.is_done() {
            run.epoch()?;
            let _ = run.checkpoint();
        }
        Ok(())
    }
}

thread_local! {
    static SMALL: Small = Small::default();
}

/// A saved state: it is read, written and read again, and a run goes on from it.
pub fn checkpoint(data: &[u8]) {
    in_folder(
        |_| {},
        |folder| {
            let (path, again) = (folder.join("state.safetensors"), folder.join("again.safetensors"));
            put(&path, data);
            let Ok(state) = Checkpoint::read(&path) else { return };
            let _ = SMALL.with(|small| small.resume(&state));
            state.write(Destination::replacing(&again)).expect("what was read can be written");
            Checkpoint::read(&again).expect("what was written can be read");
        },
    );
}

/// `head.json`, then `head.safetensors`: what is loaded predicts, and is saved and loaded again.
pub fn head(data: &[u8]) {
    in_folder(
        |_| {},
        |folder| {
            let (document, weights) = two(data);
            put(&folder.join("head.json"), document);
            put(&folder.join("head.safetensors"), weights);
            let Ok(model) = Model::load(folder) else { return };
            if model.features() <= 64 {
                let row = (0..model.features()).map(|i| i as f32 / 8.0 - 1.0).collect();
                let row = Features::new(1, model.features(), row).expect("as many as the shape says");
                if let Ok(predictions) = model.predict(&row) {
                    let _ = model.decide(&predictions);
                }
            }
            let again = folder.join("again");
            model.save_replacing(&again).expect("what was loaded can be saved");
            Model::load(&again).expect("what was saved can be loaded");
        },
    );
}
