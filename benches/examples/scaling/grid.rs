//! The grid of a study of single positives at the size of COCO, timed on a sample and extrapolated.

use crate::system;
use lacuna_benches::pattern::{is_positive, pattern};
use lacuna_benches::{features, fma_peak, median};
use lacuna_labels::{Features, Label, LabelMatrix, ObservedLabels, TrueLabels};
use lacuna_losses::{Context, Options, Reduction};
use lacuna_train::{Data, EvalLabels, EvalRows, EvalSet, Evaluation, LossChoice, Run, TrainSet, Training};
use serde_json::{Value, json};
use std::sync::Barrier;
use std::time::Instant;

/// Rows that train, those that an epoch is chosen by (20 % of 82,081), and test rows.
pub(crate) const ROWS: [usize; 3] = [65_665, 16_416, 40_137];
pub(crate) const FEATURES: usize = 2_048;
pub(crate) const CLASSES: usize = 80;
/// Losses of `bins/repro/specs/spml-methods.toml`, with the parameters that it gives them.
pub(crate) const LOSSES: [(&str, &[(&str, f64)]); 8] = [
    ("an", &[]),
    ("wan", &[]),
    ("epr", &[]),
    ("em", &[("alpha", 0.02)]),
    ("role", &[]),
    ("hill", &[]),
    ("gr-voc", &[("num_epochs", 25.0)]),
    ("asl-paper", &[]),
];
pub(crate) const BATCHES: [usize; 2] = [8, 16];
pub(crate) const EPOCHS: usize = 25;
/// Rates of the grid. Time does not depend on them but for numbers that a rate makes special, so the ends are sampled, one by each of
/// the threads.
pub(crate) const RATES: usize = 4;
const SAMPLED_RATES: [f64; 2] = [1e-2, 1e-5];
/// Parts of an epoch that are timed one by one.
pub(crate) const STRETCHES: usize = 8;
/// Minutes of two cores.
pub(crate) const GOAL: f64 = 18.0;
pub(crate) const RUNS: usize = LOSSES.len() * BATCHES.len() * RATES;

/// Rows of the sample: all, or a quarter in a quick run and where memory is short. A quarter is 134 MB, still several times the
/// caches.
pub(crate) fn rows(quick: bool) -> usize {
    let needed = 1.5 * (4 * (ROWS[0] + ROWS[1]) * FEATURES) as f64;
    let short = system::free_memory().is_some_and(|free| free < needed);
    if quick || short { ROWS[0] / 4 } else { ROWS[0] }
}

/// Two epochs of every combination of loss and batch on each of two threads, of which the second one is timed: label estimates of
/// ROLE move only after rows have been seen. The threads take the combinations in different orders, so that there are always two
/// runs at once and never two of the same.
pub(crate) fn sample(rows: usize) -> Value {
    let val = rows * ROWS[1] / ROWS[0];
    let data = Synthetic::new(rows, val);
    let count = LOSSES.len() * BATCHES.len();
    let barrier = Barrier::new(SAMPLED_RATES.len());
    let thread = |number: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread starts");
        barrier.wait();
        let combination = |i: usize| {
            let at = (i + number * count / SAMPLED_RATES.len()) % count;
            data.run(at / BATCHES.len(), BATCHES[at % BATCHES.len()], SAMPLED_RATES[number])
        };
        pool.install(|| (0..count).map(combination).collect::<Vec<Value>>())
    };
    let runs: Vec<Value> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..SAMPLED_RATES.len()).map(|number| scope.spawn(move || thread(number))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no run panics")).collect()
    });
    json!({ "rows": rows, "val": val, "runs": runs, "memory": system::peak_memory() })
}

/// Runs that are trained whole: the usual one, and the one whose steps change most over an epoch.
const WHOLE: [(&str, usize); 2] = [("hill", 16), ("role", 16)];

/// Seconds of whole runs, at once.
pub(crate) fn whole(rows: usize) -> Value {
    let data = Synthetic::new(rows, rows * ROWS[1] / ROWS[0]);
    let barrier = Barrier::new(WHOLE.len());
    let (data, barrier) = (&data, &barrier);
    let thread = |(name, batch): (&str, usize)| {
        let loss = LOSSES.iter().position(|loss| loss.0 == name).expect("one of the grid");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread starts");
        barrier.wait();
        pool.install(|| {
            let (start, mut run) = (Instant::now(), data.start(loss, batch, 1e-3));
            while !run.is_done() {
                run.epoch().expect("finite logits");
            }
            start.elapsed().as_secs_f64()
        })
    };
    let seconds: Vec<f64> = std::thread::scope(|scope| {
        let threads: Vec<_> = WHOLE.map(|run| scope.spawn(move || thread(run))).into();
        threads.into_iter().map(|thread| thread.join().expect("no run panics")).collect()
    });
    json!(seconds)
}

/// Features without a pattern, one positive in each row that trains, and true labels of validation rows.
struct Synthetic {
    features: Features,
    observed: ObservedLabels,
    truth: TrueLabels,
    train: Vec<u32>,
    val: Vec<u32>,
}

impl Synthetic {
    fn new(rows: usize, val: usize) -> Self {
        let all = rows + val;
        let mut labels = vec![Label::Unknown; all * CLASSES];
        for (row, labels) in labels.chunks_exact_mut(CLASSES).enumerate() {
            let class = ((pattern(row, 3) + 0.5) * CLASSES as f32) as usize;
            labels[class.min(CLASSES - 1)] = Label::Positive;
        }
        Self {
            features: features(all, FEATURES),
            observed: LabelMatrix::new(all, CLASSES, labels).expect("as many as cells").into(),
            truth: TrueLabels::from_fn(val, CLASSES, |row, class| is_positive(row * CLASSES + class, 0.036)),
            train: (0..rows as u32).collect(),
            val: (rows as u32..all as u32).collect(),
        }
    }

    /// A run at its start.
    fn start(&self, loss: usize, batch: usize, lr: f64) -> Run<'_> {
        let (name, parameters) = LOSSES[loss];
        let train = TrainSet::new(&self.features, &self.observed, &self.train);
        let val = EvalSet {
            features: (&self.features).into(),
            labels: EvalLabels::Complete(&self.truth),
            rows: EvalRows::Some(&self.val),
        };
        // The positives of a row of COCO 2014.
        let context = Context { classes: Some(CLASSES), expected_positives: Some(2.9) };
        let options = Options { reduction: Some(Reduction::Mean), context, ..Options::default() };
        let options = parameters.iter().fold(options, |options, (name, value)| options.set(name, *value));
        let training = Training { batch, lr, epochs: EPOCHS, ..Training::default() };
        let loss = LossChoice::new(name, options, &train).expect("a row of the table");
        let data = Data { val: Some(val), ..Data::new(train) };
        Run::new(data, &training, &Evaluation::default(), loss, 0).expect("legal settings")
    }

    /// A run of two epochs: seconds of its making, of a step in each stretch of the second epoch, and of the rest of that epoch, which
    /// is the order of the rows and the validation rows' logits and mAP.
    fn run(&self, loss: usize, batch: usize, lr: f64) -> Value {
        let (name, start) = (LOSSES[loss].0, Instant::now());
        let mut run = self.start(loss, batch, lr);
        let made = start.elapsed().as_secs_f64();
        run.epoch().expect("finite logits");
        let steps = run.steps_per_epoch();
        let start = Instant::now();
        run.begin_epoch().expect("a run trains");
        let mut rest = start.elapsed().as_secs_f64();
        let (mut stretches, mut peaks, mut sum) = (vec![], vec![], 0.0);
        for part in 0..STRETCHES {
            let part = part * steps / STRETCHES..(part + 1) * steps / STRETCHES;
            let (start, count) = (Instant::now(), part.len() as f64);
            for step in part {
                sum += f64::from(run.step(step).expect("finite logits"));
            }
            stretches.push(start.elapsed().as_secs_f64() / count);
            peaks.push(fma_peak());
        }
        let start = Instant::now();
        run.end_epoch(sum / steps as f64).expect("a metric of finite logits");
        rest += start.elapsed().as_secs_f64();
        json!({
            "loss": name, "batch": batch, "made": made, "stretches": stretches, "rest": rest, "peaks": peaks,
        })
    }
}

/// A combination of loss and batch in all rounds.
pub(crate) struct Combination {
    pub(crate) loss: &'static str,
    pub(crate) batch: usize,
    /// Seconds of a step, in each stretch.
    steps: Vec<f64>,
    /// The mean of it in each sampled epoch.
    epochs: Vec<f64>,
    /// Seconds of an epoch that are no steps, of all validation rows.
    pub(crate) rest: f64,
    made: f64,
}

impl Combination {
    pub(crate) fn step(&self) -> f64 {
        mean(&self.steps)
    }

    /// Steps of an epoch of all rows.
    fn count(&self) -> f64 {
        (ROWS[0] / self.batch) as f64
    }

    /// Seconds of a run whose steps take `step`: epochs, the making of it, and the pass over the test rows at its end, which costs what
    /// one over the validation rows does for each row.
    pub(crate) fn run(&self, step: f64) -> f64 {
        let test = self.rest * ROWS[2] as f64 / ROWS[1] as f64;
        self.trained(step) + test
    }

    /// The same without test rows.
    fn trained(&self, step: f64) -> f64 {
        self.made + EPOCHS as f64 * (self.count() * step + self.rest)
    }

    /// Standard error of [`Self::run`] by the spread of the stretches.
    fn error(&self) -> f64 {
        let (mean, n) = (self.step(), self.steps.len() as f64);
        let variance = self.steps.iter().map(|step| (step - mean).powi(2)).sum::<f64>() / (n - 1.0);
        EPOCHS as f64 * self.count() * (variance / n).sqrt()
    }
}

fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

/// The whole grid.
pub(crate) struct Total {
    pub(crate) combinations: Vec<Combination>,
    /// Minutes of two cores.
    pub(crate) minutes: f64,
    /// Standard error: the larger one of that by the stretches and that by the rounds.
    pub(crate) error: f64,
    /// If every epoch took what the fastest or the slowest sampled one of its combination did.
    pub(crate) range: [f64; 2],
    /// By each round alone.
    pub(crate) rounds: Vec<f64>,
    /// GF/s of one core between the stretches, while the other one trains.
    pub(crate) peak: f64,
    pub(crate) rows: f64,
    /// Most memory of the process, in bytes.
    pub(crate) memory: Option<f64>,
    /// Runs that were trained whole.
    pub(crate) whole: Option<Vec<Whole>>,
}

/// A run that was trained whole, beside what the sample says of it, in seconds.
pub(crate) struct Whole {
    pub(crate) loss: &'static str,
    pub(crate) batch: usize,
    pub(crate) took: f64,
    pub(crate) said: f64,
}

impl Total {
    /// The figure beside the goal.
    pub(crate) fn sentence(&self) -> String {
        format!(
            "{RUNS} runs in {:.1} minutes of two cores, standard error {:.2}, range {:.1} to {:.1}; goal: {GOAL} minutes",
            self.minutes, self.error, self.range[0], self.range[1]
        )
    }
}

/// Minutes of two cores of the whole grid, where a run of a combination takes so many seconds.
fn grid(combinations: &[Combination], run: impl Fn(&Combination) -> f64) -> f64 {
    RATES as f64 * combinations.iter().map(run).sum::<f64>() / 2.0 / 60.0
}

/// The grid from what the processes of the rounds answered.
pub(crate) fn extrapolate(rounds: &[Value], whole: Option<&Value>) -> Total {
    let combinations = combinations(rounds);
    let beside = |((loss, batch), took): ((&'static str, usize), f64)| {
        let one = combinations.iter().find(|one| one.loss == loss && one.batch == batch);
        Whole { loss, batch, took, said: one.map_or(f64::NAN, |one| one.trained(one.step())) }
    };
    let whole = whole.map(|seconds| WHOLE.into_iter().zip(numbers(seconds)).map(beside).collect());
    let of_epochs = |pick: fn(f64, f64) -> f64| {
        grid(&combinations, |one| one.run(one.epochs.iter().copied().reduce(pick).unwrap_or(f64::NAN)))
    };
    // Rates of a combination and combinations are independent of each other; the four runs of a combination are not, since
    // their step is the same estimate.
    let variance: f64 =
        combinations.iter().map(|one| (RATES as f64 * one.error() / 2.0 / 60.0).powi(2)).sum();
    let runs = || rounds.iter().flat_map(|round| round["runs"].as_array().into_iter().flatten());
    let peaks: Vec<f64> = runs().flat_map(|run| numbers(&run["peaks"])).collect();
    let of_rounds: Vec<f64> = rounds
        .iter()
        .map(|round| grid(&self::combinations(std::slice::from_ref(round)), |one| one.run(one.step())))
        .collect();
    // Stretches of a slow minute are not independent: rounds show it.
    let center = mean(&of_rounds);
    let n = of_rounds.len() as f64;
    let between =
        of_rounds.iter().map(|round| (round - center).powi(2)).sum::<f64>() / (n - 1.0).max(1.0) / n;
    Total {
        minutes: grid(&combinations, |one| one.run(one.step())),
        error: variance.max(between).sqrt(),
        range: [of_epochs(f64::min), of_epochs(f64::max)],
        rounds: of_rounds,
        peak: median(&peaks),
        rows: rounds.first().and_then(|round| round["rows"].as_f64()).unwrap_or(f64::NAN),
        memory: rounds.iter().filter_map(|round| round["memory"].as_f64()).reduce(f64::max),
        whole,
        combinations,
    }
}

fn combinations(rounds: &[Value]) -> Vec<Combination> {
    let mut all = vec![];
    for (loss, _) in LOSSES {
        for batch in BATCHES {
            let mut one =
                Combination { loss, batch, steps: vec![], epochs: vec![], rest: f64::NAN, made: f64::NAN };
            let (mut rest, mut made) = (vec![], vec![]);
            for round in rounds {
                // What is no step grows with the rows.
                let share = ROWS[1] as f64 / round["val"].as_f64().unwrap_or(f64::NAN);
                for run in round["runs"].as_array().into_iter().flatten() {
                    if run["loss"] == loss && run["batch"] == batch {
                        let steps = numbers(&run["stretches"]);
                        one.epochs.push(mean(&steps));
                        one.steps.extend(steps);
                        rest.extend(run["rest"].as_f64().map(|seconds| share * seconds));
                        made.extend(run["made"].as_f64().map(|seconds| share * seconds));
                    }
                }
            }
            (one.rest, one.made) = (mean(&rest), mean(&made));
            all.push(one);
        }
    }
    all
}

fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
}
