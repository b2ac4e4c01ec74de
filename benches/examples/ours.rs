//! Our side of `benches/peers`: does the work of the named rows and prints a line of JSON for each.
//!
//! ```sh
//! cargo run --release -p lacuna-benches --example ours -- linear mlp/128 --threads 2 --seconds 0.5
//! ```
//! A word is a row or the part of its name before the slash; without words all rows are measured. Inputs come from
//! `lacuna_benches::pattern`, so that the peers compute on the same numbers; `values` of a line are results by which
//! `benches/peers/run.py` sees that both sides did the same work.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the figures are what this program is for")]

use lacuna_benches::pattern::{INPUT, is_positive, logits, pattern, series};
use lacuna_benches::training::{BATCHES, CLASSES, FEATURES, NETS, Training};
use lacuna_benches::{AssumeNegative, Beside};
use lacuna_kernels::gemm::{Matrix, gemm};
use lacuna_kernels::{Exec, Write, cpu, map, math};
use lacuna_labels::{Label, TrueLabels};
use lacuna_losses::{LabelUse, LossGrad, LossInput, Options, find};
use lacuna_metrics::{
    Average, Confusions, MapConvention, OneSidedRows, RowRanking, Threshold, Undefined, mean_auroc,
    mean_average_precision,
};
use serde_json::{Value, json};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Losses whose formulas `pytorch.py` writes down.
const LOSSES: [&str; 5] = ["bce", "focal", "asl", "hill", "splc"];
/// Rows and epochs of the training run.
const RUN: (usize, usize) = (3_000, 10);
/// Rows that are scored.
const SCORED: usize = 40_000;

fn main() {
    cpu::check_or_exit();
    let rows = Rows::of_arguments(std::env::args().skip(1)).unwrap_or_else(|error| {
        eprintln!("error: {error}\nusage: ours [ROW...] [--threads N] [--seconds S] [--about]");
        std::process::exit(2);
    });
    // What runs outside the pool of `Beside`, on one thread, must not find one of all cores.
    rayon::ThreadPoolBuilder::new().num_threads(rows.threads).build_global().expect("the first pool");
    steps(&rows);
    losses(&rows);
    metrics(&rows);
    run(&rows);
    functions(&rows);
    products(&rows);
}

/// What is measured, and how.
struct Rows {
    words: Vec<String>,
    threads: usize,
    seconds: f64,
    beside: Beside,
}

impl Rows {
    fn of_arguments(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut words, mut threads, mut seconds) = (Vec::new(), 1, 0.5);
        while let Some(argument) = arguments.next() {
            let mut number = || {
                let value = arguments.next().ok_or(format!("{argument} needs a number"))?;
                value
                    .parse::<f64>()
                    .ok()
                    .filter(|x| *x > 0.0)
                    .ok_or(format!("{argument} {value}: not a number above 0"))
            };
            match argument.as_str() {
                "--threads" => threads = number()? as usize,
                "--seconds" => seconds = number()?,
                "--about" => {
                    println!("{}", about());
                    std::process::exit(0);
                }
                option if option.starts_with('-') => return Err(format!("unknown option {option}")),
                word => words.push(word.to_string()),
            }
        }
        Ok(Self { words, threads, seconds, beside: Beside::with_threads(threads) })
    }

    /// How operations may spread their work.
    fn exec(&self) -> Exec {
        if self.threads > 1 { Exec::Rayon } else { Exec::Serial }
    }

    /// Measures `work` if the row is wanted; `make` prepares it.
    fn row<W: FnMut() -> Vec<f64> + Send>(&self, name: &str, make: impl FnOnce() -> W) {
        let wanted =
            |word: &String| name == word || name.split_once('/').is_some_and(|(group, _)| group == word);
        if !self.words.is_empty() && !self.words.iter().any(wanted) {
            return;
        }
        let mut work = make();
        let before = self.beside.limits();
        let start = Instant::now();
        let values = self.beside.run(&mut work);
        let mut seconds = self.beside.run(|| {
            // A fifth of the time to warm up.
            while start.elapsed().as_secs_f64() < 0.2 * self.seconds {
                work();
            }
            let (mut seconds, start) = (Vec::new(), Instant::now());
            while seconds.is_empty() || start.elapsed().as_secs_f64() < self.seconds {
                let begin = Instant::now();
                work();
                seconds.push(begin.elapsed());
            }
            seconds
        });
        let after = self.beside.limits();
        seconds.sort();
        let median = seconds[seconds.len() / 2];
        let line = json!({
            "peer": "lacuna",
            "row": name,
            "threads": self.threads,
            "seconds": median.as_secs_f64(),
            "minimum": seconds.first().map(Duration::as_secs_f64),
            "samples": seconds.len(),
            "peak": 0.5 * (before.peak + after.peak),
            "copy": 0.5 * (before.copy + after.copy),
            "values": values,
        });
        println!("{line}");
    }
}

fn about() -> Value {
    json!({ "version": env!("CARGO_PKG_VERSION"), "instructions": cpu::running() })
}

/// Forward, loss, backward and Adam. Its value is the loss of the sixth step, of large batches of the second: it depends on
/// everything before it.
fn steps(rows: &Rows) {
    for net in NETS {
        for batch in BATCHES {
            rows.row(&format!("{}/{batch}", net.name()), || {
                let mut training = Training::new(net, batch, rows.exec());
                let before = if batch > 128 { 1 } else { 5 };
                let mut value = None;
                move || {
                    if value.is_none() {
                        (0..before).for_each(|_| _ = training.step());
                    }
                    let loss = f64::from(training.step());
                    vec![*value.get_or_insert(loss)]
                }
            });
        }
    }
}

/// Value and gradient of a loss of 1024 rows and 80 classes.
fn losses(rows: &Rows) {
    const BATCH: usize = 1024;
    for name in LOSSES {
        rows.row(&format!("loss/{name}"), || {
            let row = find(name).expect("a row of the table");
            let rest = if row.info.labels == LabelUse::KnownOnly { Label::Negative } else { Label::Unknown };
            let mut loss = row.build(&Options::default()).expect("defaults are legal");
            let z = logits(BATCH * CLASSES, INPUT);
            let label = |i| if is_positive(i, 0.04) { Label::Positive } else { rest };
            let labels: Vec<Label> = (0..z.len()).map(label).collect();
            let mut dz = vec![0.0; z.len()];
            let mut sum = None;
            move || {
                let z = [&z[..]];
                // Past every warm-up.
                let input = LossInput { epoch: 100, ..LossInput::new(&z, BATCH, CLASSES, &labels) };
                let value =
                    loss.evaluate(black_box(&input), LossGrad::Into(&mut [&mut dz])).expect("finite logits");
                vec![value.into(), *sum.get_or_insert_with(|| size(&dz))]
            }
        });
    }
}

/// Sum of absolute values.
fn size(x: &[f32]) -> f64 {
    x.iter().map(|x| f64::from(x.abs())).sum()
}

fn metrics(rows: &Rows) {
    let cells = SCORED * CLASSES;
    let truth = TrueLabels::from_fn(SCORED, CLASSES, |row, class| is_positive(row * CLASSES + class, 0.036));
    // The sum of four uniform numbers, and 1/2 for positives.
    let score = |i: usize| {
        let noise: f64 = (3..7).map(|salt| f64::from(pattern(i, salt))).sum();
        (noise + if is_positive(i, 0.036) { 0.5 } else { 0.0 }) as f32
    };
    let scores: Vec<f32> = (0..cells).map(score).collect();
    let wide: Vec<f64> = scores.iter().map(|&score| score.into()).collect();
    let (scores, wide, truth) = (&scores[..], &wide[..], &truth);
    let ranking = || RowRanking::of(black_box(scores), truth, OneSidedRows::Perfect).expect("finite scores");
    let metric = |name: &str, value: &(dyn Fn() -> f64 + Sync)| {
        rows.row(&format!("metric/{name}"), || move || vec![value()]);
    };
    metric("map", &|| {
        mean_average_precision(black_box(scores), truth, MapConvention::SPML).expect("finite").map
    });
    metric("map-f64", &|| {
        mean_average_precision(black_box(wide), truth, MapConvention::SPML).expect("finite").map
    });
    metric("auroc", &|| mean_auroc(black_box(scores), truth, Undefined::Skip).expect("finite"));
    metric("f1", &|| {
        let found = Confusions::at(Threshold::above(0.5), black_box(scores), truth).expect("finite scores");
        found.f1(Average::Macro, Undefined::Zero)
    });
    metric("lrap", &|| ranking().average_precision);
    metric("ranking-loss", &|| ranking().ranking_loss);
    metric("coverage", &|| ranking().coverage);
}

/// A whole run of a linear head on fixed features: 10 epochs of Adam, batch 16, with the loss `an`, from shuffling and
/// gathering rows to the last step. Its value is the mean loss of the last epoch, which the order of the rows changes a
/// little.
fn run(rows: &Rows) {
    rows.row("run/an", || {
        let (count, epochs) = RUN;
        let rows = AssumeNegative::new(count, FEATURES, CLASSES);
        move || {
            let mut run = rows.start(16, epochs);
            let losses = (0..epochs).map(|_| run.epoch().expect("finite logits").loss);
            vec![losses.last().expect("ten epochs")]
        }
    });
}

/// Functions of one variable over 32 k floats, which stay in the second-level cache.
fn functions(rows: &Rows) {
    // A macro, since a function pointer would keep the loop from being compiled around the function.
    macro_rules! measure {
        ($($function:ident),*) => {$(
            rows.row(concat!("map/", stringify!($function)), || {
                let x: Vec<f32> = (0..32 * 1024).map(|i| 10.0 * (pattern(i, INPUT) + 0.5) + 0.01).collect();
                let mut y = vec![0.0; x.len()];
                let (exec, mut sum) = (rows.exec(), None);
                move || {
                    map::unary(exec, Write::Set, black_box(&x), &mut y, math::$function);
                    vec![*sum.get_or_insert_with(|| size(&y))]
                }
            });
        )*};
    }
    measure!(exp, ln, sigmoid, tanh);
}

/// z = x w, dw = x^T dz, and squares.
fn products(rows: &Rows) {
    let products = [
        ("forward-16", [16, FEATURES, CLASSES], false),
        ("forward-64", [64, FEATURES, CLASSES], false),
        ("forward-256", [256, FEATURES, CLASSES], false),
        ("weight-16", [FEATURES, 16, CLASSES], true),
        ("weight-64", [FEATURES, 64, CLASSES], true),
        ("weight-1024", [FEATURES, 1024, CLASSES], true),
        ("square-512", [512; 3], false),
        ("square-1024", [1024; 3], false),
    ];
    for (name, [m, k, n], transposed) in products {
        rows.row(&format!("product/{name}"), || {
            let (a, b) = (series(m * k, INPUT), series(k * n, INPUT + 1));
            let mut c = vec![0.0; m * n];
            let (exec, mut sum) = (rows.exec(), None);
            move || {
                let a = if transposed { Matrix::new(&a, k, m).transposed() } else { Matrix::new(&a, m, k) };
                gemm(exec, Write::Set, black_box(a), Matrix::new(&b, k, n), &mut c);
                vec![*sum.get_or_insert_with(|| size(&c))]
            }
        });
    }
}
