//! Every row of the tables: a run that is broken off and goes on from its saved state gives the bits of one that was
//! not, and entries that are not a state are refused.

use lacuna_losses::{
    ClassStatistics, Context, LOSSES, Label, LabelUse, LossError, LossGrad, LossInput, LossRow, Mix,
    MultiLabelLoss, Options, StateEntry, TrainPass,
};

const ROWS: usize = 23;
const CLASSES: usize = 9;
const BATCH: usize = 5;
/// Steps of an epoch; the last batch is a short one.
const STEPS: usize = ROWS.div_ceil(BATCH);
/// Longer than every warm-up: those of EM with pseudo-labels are 3 to 5 epochs, the schedule of GR has 8.
const EPOCHS: usize = 9;

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), in [0, 1).
struct Draws(u64);

impl Draws {
    fn unit(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) >> 40) as f32 / (1u32 << 24) as f32
    }
}

fn build(row: &'static LossRow, classes: usize) -> Box<dyn MultiLabelLoss> {
    let counts: Vec<f64> = (0..classes).map(|c| 500.0 / (1 + c) as f64).collect();
    let together = (0..classes * classes).map(|i| {
        let (a, b) = (counts[i / classes], counts[i % classes]);
        if i % (classes + 1) == 0 { a } else { a * b / 1000.0 }
    });
    let together = together.collect();
    let train = ClassStatistics::new(1000.0, counts).unwrap().with_co_occurrence(together).unwrap();
    let data = Context { classes: Some(classes), expected_positives: Some(1.5) };
    let mut options = Options::default().within(data);
    // A share of a batch of 45 cells that leaves some of them above the threshold.
    if row.info.param("delta_rel").is_some() {
        options = options.set("delta_rel", 11.0);
    }
    row.build_for(&options, &train).unwrap_or_else(|e| panic!("{}: {e}", row.info.name))
}

/// Labels of the training set: what the method allows of single positives, negatives and unknown cells.
fn labels(row: &LossRow) -> Vec<Label> {
    let mut draws = Draws(7);
    let label = |i: usize| match (i % CLASSES == i / CLASSES % CLASSES, draws.unit()) {
        (true, _) => Label::Positive,
        (false, draw) if draw < 0.2 => Label::Negative,
        (false, draw) if draw < 0.3 && row.info.labels != LabelUse::OnePositive => Label::Positive,
        _ => Label::Unknown,
    };
    (0..ROWS * CLASSES).map(label).collect()
}

/// What a step left behind, in bits.
#[derive(Clone, Debug, PartialEq)]
struct Step {
    value: u32,
    gradients: Vec<Vec<u32>>,
    state: Vec<StateEntry>,
}

/// A training run on free logits, one for every cell, that go downhill.
struct Run {
    loss: Box<dyn MultiLabelLoss>,
    /// `[ROWS, CLASSES]` for every matrix but that of mixed rows, which is made of those of the first.
    z: Vec<Vec<f32>>,
    labels: Vec<Label>,
    step: usize,
}

impl Run {
    fn new(row: &'static LossRow) -> Self {
        let loss = build(row, CLASSES);
        let whole = loss.logit_matrices() - usize::from(loss.mixes());
        let mut draws = Draws(3);
        let matrix = |_| (0..ROWS * CLASSES).map(|_| 4.0 * draws.unit() - 2.0).collect();
        Self { z: (0..whole).map(matrix).collect(), labels: labels(row), loss, step: 0 }
    }

    /// The same run with its loss made anew from the saved state, which has been text in between.
    fn resumed(&self, row: &'static LossRow) -> Self {
        let mut loss = build(row, CLASSES);
        let text = serde_json::to_string(&self.loss.state()).unwrap();
        let state: Vec<StateEntry> = serde_json::from_str(&text).unwrap();
        loss.restore(&state).unwrap_or_else(|e| panic!("{} refuses its state: {e}", row.info.name));
        assert_eq!(loss.state(), self.loss.state(), "{}: the state is not what was restored", row.info.name);
        Self { loss, z: self.z.clone(), labels: self.labels.clone(), step: self.step }
    }

    /// One step, with what comes before and after it at the ends of an epoch.
    fn advance(&mut self) -> Step {
        let (epoch, in_epoch) = (self.step / STEPS, self.step % STEPS);
        let name = self.loss.info().name;
        if in_epoch == 0 {
            self.loss.begin_epoch(epoch);
        }
        // 7 has no factor in common with 23, so i -> 7 i + epoch is a permutation.
        let places = in_epoch * BATCH..ROWS.min((in_epoch + 1) * BATCH);
        let ids: Vec<u32> = places.map(|i| ((7 * i + epoch) % ROWS) as u32).collect();
        let of_batch = |z: &[f32]| {
            ids.iter().flat_map(|&id| &z[id as usize * CLASSES..][..CLASSES]).copied().collect::<Vec<f32>>()
        };
        let mut z: Vec<Vec<f32>> = self.z.iter().map(|z| of_batch(z)).collect();
        let half = ids.len() as u32 / 2;
        let (first, second): (Vec<u32>, Vec<u32>) =
            ((0..half).rev().collect(), (ids.len() as u32 - half..ids.len() as u32).collect());
        if self.loss.mixes() {
            let cell = |row: u32, c: usize| z[0][row as usize * CLASSES + c];
            let pairs = first.iter().zip(&second);
            let mixed = pairs.flat_map(|(&a, &b)| (0..CLASSES).map(move |c| (a, b, c)));
            z.push(mixed.map(|(a, b, c)| 0.3 * cell(a, c) + 0.7 * cell(b, c)).collect());
        }
        let seen: Vec<Label> =
            ids.iter().flat_map(|&id| &self.labels[id as usize * CLASSES..][..CLASSES]).copied().collect();
        let logits: Vec<&[f32]> = z.iter().map(Vec::as_slice).collect();
        let mut input = LossInput::new(&logits, ids.len(), CLASSES, &seen);
        (input.sample_ids, input.epoch, input.step) = (&ids, epoch, self.step as u64);
        if self.loss.mixes() {
            input.targets.mix = Some(Mix { first: &first, second: &second, lambda: 0.3 });
        }
        let mut gradients: Vec<Vec<f32>> = z.iter().map(|z| vec![f32::NAN; z.len()]).collect();
        let mut buffers: Vec<&mut [f32]> = gradients.iter_mut().map(Vec::as_mut_slice).collect();
        let value = self.loss.evaluate(&input, LossGrad::Into(&mut buffers));
        let value = value.unwrap_or_else(|e| panic!("{name}, step {}: {e}", self.step));
        for (z, dz) in self.z.iter_mut().zip(&gradients) {
            for (&id, dz) in ids.iter().zip(dz.chunks(CLASSES)) {
                for (z, dz) in z[id as usize * CLASSES..].iter_mut().zip(dz) {
                    *z -= dz.clamp(-0.3, 0.3);
                }
            }
        }
        if in_epoch + 1 == STEPS && self.loss.wants_train_pass(epoch) {
            let (logits, labels) = (&self.z[0], &self.labels);
            let train = TrainPass { epoch, logits, labels, rows: ROWS, classes: CLASSES };
            self.loss.end_epoch(&train).unwrap_or_else(|e| panic!("{name}, epoch {epoch}: {e}"));
        }
        self.step += 1;
        let bits = |x: &Vec<f32>| x.iter().map(|x| x.to_bits()).collect();
        let gradients = gradients.iter().map(bits).collect();
        Step { value: value.to_bits(), gradients, state: self.loss.state() }
    }
}

#[test]
fn a_run_goes_on_from_its_state_with_the_same_bits() {
    let mut changing = Vec::new();
    for row in LOSSES {
        let name = row.info.name;
        let last = EPOCHS * STEPS;
        let mut whole = Run::new(row);
        let before = whole.loss.state();
        let mut steps = Vec::new();
        let mut resumed = Vec::new();
        for step in 0..last {
            // At the beginning, inside epochs and where they end.
            if [0, 3, STEPS, 4 * STEPS + 2, 5 * STEPS, 7 * STEPS, 7 * STEPS + 1, last - 1].contains(&step) {
                resumed.push(whole.resumed(row));
            }
            steps.push(whole.advance());
        }
        for mut run in resumed {
            let from = run.step;
            for (step, expected) in steps.iter().enumerate().skip(from) {
                assert_eq!(&run.advance(), expected, "{name}: step {step} of a run resumed at step {from}");
            }
            assert_eq!(run.z, whole.z, "{name}: logits of a run resumed at step {from}");
        }
        if whole.loss.state() != before {
            changing.push(name);
        }
    }
    // What the run is there to exercise did happen.
    assert_eq!(
        changing,
        ["em-apl", "em-apl-coco", "em-apl-nus", "em-apl-cub", "ll-cp", "crisp", "rlc"],
        "losses whose state a run changes"
    );
}

#[test]
fn what_is_no_state_of_the_loss_is_refused_and_changes_nothing() {
    for row in LOSSES {
        let name = row.info.name;
        let mut run = Run::new(row);
        for _ in 0..6 * STEPS {
            run.advance();
        }
        let mut loss = run.loss;
        let own = loss.state();
        let entry =
            |name: &str, values: &[f64]| StateEntry { name: name.to_owned(), values: values.to_vec() };
        let mut wrong =
            vec![vec![entry("of another loss", &[1.0])], [&own[..], &[entry("more", &[])]].concat()];
        if !own.is_empty() {
            wrong.extend([vec![], [&own[..], &own[..1]].concat(), own[1..].to_vec()]);
        }
        for (i, whole) in own.iter().enumerate() {
            let with = |values: Vec<f64>| {
                let mut entries = own.clone();
                entries[i].values = values;
                entries
            };
            let mut renamed = own.clone();
            renamed[i].name.push('x');
            wrong.push(renamed);
            for at in 0..whole.values.len() {
                for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300] {
                    let mut values = whole.values.clone();
                    values[at] = bad;
                    wrong.push(with(values));
                }
            }
        }
        for entries in wrong {
            let result = loss.restore(&entries);
            assert!(matches!(result, Err(LossError::State(_))), "{name}: {entries:?} gives {result:?}");
            assert_eq!(loss.state(), own, "{name}: a refused state leaves something behind");
        }
        // Numbers that may or may not be a state: either refused or taken over as they are.
        for (i, whole) in own.iter().enumerate() {
            let mut odd = vec![vec![], [&whole.values[..], &[1.0]].concat()];
            for at in 0..whole.values.len() {
                odd.push(whole.values[..at].to_vec());
                for value in [-1.0, 0.0, 0.5, 3.0, 4e9, 8e15] {
                    odd.push(whole.values.clone());
                    odd.last_mut().unwrap()[at] = value;
                }
            }
            for values in odd {
                let mut entries = own.clone();
                entries[i].values = values;
                let mut other = build(row, CLASSES);
                let before = other.state();
                match other.restore(&entries) {
                    Ok(()) => assert_eq!(other.state(), entries, "{name}: takes over something else"),
                    Err(LossError::State(_)) => assert_eq!(other.state(), before, "{name}"),
                    Err(e) => panic!("{name}: {entries:?} gives {e}"),
                }
            }
        }
    }
}
