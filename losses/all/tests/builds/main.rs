//! Small training runs whose numbers are stored: the build for AVX2 and FMA and the portable one end within a tolerance of them.
//!
//! Bits are promised within one build and processor level alone, because fused multiply-adds round once where others round twice. What is
//! stated across builds is this tolerance. `.ci/write losses` adds the lines of new losses, from the build with FMA; lines that are there
//! stay as they are, so that a change of numbers is never written by the way. Where it is meant, their lines are deleted first.

use lacuna_engine::{Exec, Tape};
use lacuna_losses::{
    ClassStatistics, Context, LOSSES, Label, LabelNeeds, LabelUse, LossGrad, LossInput, LossRow, Options,
    Takes,
};
use lacuna_nn::{Activation, Adam, AdamConfig, Layer, Linear, Mlp, Mode, Optimizer};
use lacuna_protocols::Stream;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use std::path::Path;

const ROWS: usize = 20;
const FEATURES: usize = 11;
const CLASSES: usize = 5;
const STEPS: usize = 40;
/// Largest difference of a number, relative to it or to 1.
const TOLERANCE: f64 = 1e-4;

fn build(row: &'static LossRow) -> Box<dyn lacuna_losses::MultiLabelLoss> {
    let counts: Vec<f64> = (0..CLASSES).map(|c| 500.0 / (1 + c) as f64).collect();
    let pairs = (0..CLASSES * CLASSES).map(|i| {
        let (a, b) = (counts[i / CLASSES], counts[i % CLASSES]);
        if i % (CLASSES + 1) == 0 { a } else { a * b / 1000.0 }
    });
    let pairs = pairs.collect();
    let train = ClassStatistics::new(1000.0, counts).unwrap().with_co_occurrence(pairs).unwrap();
    let data = Context { classes: Some(CLASSES), expected_positives: Some(1.5) };
    row.build_for(&Options::default().within(data), &train).unwrap()
}

/// Features, and labels that depend on them, of the kinds that a row takes.
fn data(row: &LossRow) -> (Vec<f32>, Vec<Label>) {
    let mut stream = Stream::new(7, "builds");
    let x: Vec<f32> = (0..ROWS * FEATURES).map(|_| stream.normal() as f32).collect();
    let one = row.info.labels == LabelUse::OnePositive;
    let complete = matches!(row.needs, LabelNeeds::Complete | LabelNeeds::FullTruth);
    let label = |i: usize| {
        let (r, c) = (i / CLASSES, i % CLASSES);
        match (c == r % CLASSES, x[r * FEATURES + c] > 0.5, (r + 2 * c) % 3 == 0) {
            (true, ..) => Label::Positive,
            (_, true, _) if !one => Label::Positive,
            (.., true) if !complete => Label::Unknown,
            _ => Label::Negative,
        }
    };
    (x.clone(), (0..ROWS * CLASSES).map(label).collect())
}

/// Loss of the last step, sum and sum of sizes of the weights.
fn run(row: &'static LossRow, hidden: bool) -> [f64; 3] {
    let (features, labels) = data(row);
    let mut loss = build(row);
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut tape = Tape::with_exec(Exec::Serial);
    let head: Box<dyn Layer> = if hidden {
        Box::new(Mlp::new(&mut tape, &[FEATURES, 13, CLASSES], Activation::Relu, &mut rng))
    } else {
        Box::new(Linear::new(&mut tape, "head", FEATURES, CLASSES, &mut rng))
    };
    tape.seal();
    let mut adam = Adam::new(AdamConfig { lr: 0.01, ..AdamConfig::default() });
    let ids: Vec<u32> = (0..ROWS as u32).collect();
    let mut last = 0.0;
    for step in 0..STEPS {
        tape.reset();
        let x = tape.input_with([ROWS, FEATURES], |x| x.copy_from_slice(&features));
        let z = head.forward(&mut tape, x, Mode::Train { seed: 0, step: step as u64 });
        let value = tape.fused_loss(&[z], |z, dz| {
            let mut input = LossInput::new(&z[..1], ROWS, CLASSES, &labels);
            (input.sample_ids, input.epoch) = (&ids, step / 10);
            loss.evaluate(&input, LossGrad::Into(dz))
        });
        let value = value.unwrap();
        tape.backward(value);
        last = f64::from(tape.value(value)[0]);
        adam.step(&mut tape);
    }
    let weights = || tape.entries().flat_map(|entry| entry.value.iter().map(|w| f64::from(*w)));
    [last, weights().sum(), weights().map(f64::abs).sum()]
}

#[test]
fn every_build_ends_within_the_tolerance_of_the_stored_numbers() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/builds/numbers.txt");
    let mut found = Vec::new();
    for row in LOSSES.iter().filter(|row| row.takes == Takes::Logits) {
        for (head, hidden) in [("linear", false), ("mlp", true)] {
            found.push((format!("{} {head}", row.info.name), run(row, hidden)));
        }
    }
    let mut text = std::fs::read_to_string(&path).unwrap();
    if std::env::var_os("LACUNA_WRITE").is_some() {
        let there = |name: &str| text.lines().find(|line| line.starts_with(&format!("{name} ")));
        let lines = found.iter().map(|(name, [loss, sum, sizes])| {
            there(name)
                .map_or_else(|| format!("{name} {loss:e} {sum:e} {sizes:e}\n"), |line| format!("{line}\n"))
        });
        text = lines.collect();
        std::fs::write(&path, &text).unwrap();
    }
    let names = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    let (stored, there): (Vec<String>, Vec<&String>) =
        (text.lines().map(names).collect(), found.iter().map(|(name, _)| name).collect());
    let is_old = stored.iter().ne(there.iter().copied());
    assert!(
        !is_old,
        "losses/all/tests/builds/numbers.txt has other losses than the table: `.ci/write losses` adds the new ones"
    );
    let mut largest = 0.0_f64;
    for (line, (name, numbers)) in text.lines().zip(&found) {
        let stored = line.strip_prefix(name.as_str()).unwrap_or_else(|| panic!("{name}: {line}"));
        for (stored, number) in stored.split_whitespace().zip(numbers) {
            let stored: f64 = stored.parse().unwrap();
            let difference = (stored - number).abs() / stored.abs().max(1.0);
            largest = largest.max(difference);
            assert!(difference <= TOLERANCE, "{name}: {number}, stored {stored}");
        }
    }
    println!(
        "{} runs within {TOLERANCE:e} of the stored numbers; the largest difference is {largest:.1e}",
        found.len()
    );
}
