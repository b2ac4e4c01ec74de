//! Every loss of the tables written a second time, from operations of the tape: value and gradient of the fast code
//! are those of reverse-mode differentiation of the formula.

mod anyloss;
mod asl;
mod bce;
mod case;
mod comic;
mod configured;
mod csl;
mod em;
mod frequency;
mod gr;
mod hill;
mod imprecise;
mod label_set;
mod lac;
mod large_loss;
mod presence;
mod pu;
mod smile;
mod spml;
mod two_way;

use case::Case;
use lacuna_engine::{Tape, Var};
use lacuna_losses::explain::Cells;
use lacuna_losses::{
    ClassStatistics, Context, LOSSES, Label, LabelUse, LossError, LossGrad, LossInput, LossRow, Mix,
    MultiLabelLoss, Options, Reduction, TrainPass,
};
use std::collections::{HashMap, HashSet};

/// The reduced loss, as operations.
type Formula = fn(&mut Case<'_>) -> Var;

/// A file for each family. A row of the table without a formula fails the first test.
const FORMULAS: &[&[(&str, Formula)]] = &[
    anyloss::FORMULAS,
    asl::FORMULAS,
    bce::FORMULAS,
    comic::FORMULAS,
    csl::FORMULAS,
    em::FORMULAS,
    frequency::FORMULAS,
    gr::FORMULAS,
    hill::FORMULAS,
    imprecise::FORMULAS,
    label_set::FORMULAS,
    lac::FORMULAS,
    large_loss::FORMULAS,
    presence::FORMULAS,
    pu::FORMULAS,
    smile::FORMULAS,
    spml::FORMULAS,
    two_way::FORMULAS,
];

/// Of an entry ...
const RELATIVE: f64 = 2e-4;
/// ... and of the largest entry, or of what an entry counts in the reduction.
const OF_LARGEST: f64 = 1e-5;

#[test]
fn every_row_has_one_formula() {
    let mut seen = HashSet::new();
    for (name, _) in FORMULAS.iter().flat_map(|formulas| formulas.iter()) {
        assert!(seen.insert(*name), "{name} has two formulas");
    }
    let rows: HashSet<&str> = LOSSES.iter().map(|row| row.info.name).collect();
    let missing: Vec<&&str> = rows.difference(&seen).collect();
    let unknown: Vec<&&str> = seen.difference(&rows).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "losses without a formula, to be added to `FORMULAS` of a file in losses/all/tests/composed: {missing:?}; formulas of no loss: {unknown:?}"
    );
}

#[test]
fn every_loss_is_its_formula() {
    let formulas: HashMap<&str, Formula> =
        FORMULAS.iter().flat_map(|formulas| formulas.iter().copied()).collect();
    let mut wrong = Vec::new();
    for row in LOSSES {
        let Some(&formula) = formulas.get(row.info.name) else { continue };
        for (what, options) in variants(row) {
            for batch in batches(row) {
                let build = |train: &_| row.build_for(&options, train);
                if let Err(e) = agree(row, &build, formula, &options, &batch) {
                    wrong.push(format!("{} ({what}), {}: {e}", row.info.name, batch.what));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of them\n{}", wrong.len(), wrong.join("\n"));
}

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

/// The published parameters under every reduction, and each parameter at another of its values.
fn variants(row: &'static LossRow) -> Vec<(String, Options)> {
    let mut base = Options::default().within(Context { classes: None, expected_positives: Some(1.5) });
    // A share of a small batch that leaves some cells above the threshold.
    if row.info.param("delta_rel").is_some() {
        base = base.set("delta_rel", 11.0);
    }
    let mut variants = vec![("as published".to_owned(), base.clone())];
    for reduction in [Reduction::Sum, Reduction::Mean, Reduction::MeanKnown] {
        variants.push((format!("{reduction}"), base.clone().reduce(reduction)));
    }
    for param in row.info.params {
        let value = base.params.get(param.name).copied().or(param.default).unwrap_or(1.5);
        let others = [value * 0.7 + 0.1, value + 1.0, value * 0.5, 1.0 - value];
        let mut built =
            others.into_iter().filter(|x| *x != value && param.range.contains(*x)).filter_map(|x| {
                let options = base.clone().set(param.name, x);
                row.build_for(&options, &train(5)).is_ok().then_some((x, options))
            });
        let (x, options) = built.next().unwrap_or_else(|| panic!("{}: {}", row.info.name, param.name));
        variants.push((format!("{} = {x}", param.name), options));
    }
    variants
}

fn train(classes: usize) -> ClassStatistics {
    let counts: Vec<f64> = (0..classes).map(|c| 500.0 / (1 + c % 10) as f64).collect();
    let together = (0..classes * classes).map(|i| {
        let (a, b) = (i / classes, i % classes);
        // Classes that are far from each other do not occur together.
        match a.abs_diff(b) {
            0 => counts[a],
            1..=3 => counts[a] * counts[b] / 1000.0,
            _ => 0.0,
        }
    });
    let together = together.collect();
    ClassStatistics::new(1000.0, counts).unwrap().with_co_occurrence(together).unwrap()
}

struct Batch {
    what: &'static str,
    rows: usize,
    classes: usize,
    labels: Vec<Label>,
}

fn batches(row: &LossRow) -> Vec<Batch> {
    let mut draws = Draws(11);
    let single = |i: usize, classes: usize| {
        let class = i / classes * 5 % classes;
        if i % classes == class { Label::Positive } else { Label::Unknown }
    };
    let mut of = |what, rows: usize, classes: usize, label: &mut dyn FnMut(usize, f32) -> Label| {
        let labels = (0..rows * classes).map(|i| label(i, draws.unit())).collect();
        Batch { what, rows, classes, labels }
    };
    let mut batches = vec![
        of("single positives", 7, 11, &mut |i, _| single(i, 11)),
        of("a row with a single positive", 1, 6, &mut |i, _| single(i, 6)),
        of("single positives among some negatives", 6, 9, &mut |i, draw| match single(i, 9) {
            Label::Unknown if draw < 0.4 => Label::Negative,
            label => label,
        }),
    ];
    if row.info.labels == LabelUse::OnePositive {
        return batches;
    }
    let kind = |draw: f32| [Label::Positive, Label::Negative, Label::Unknown][(3.0 * draw) as usize];
    batches.push(of("random labels", 9, 8, &mut |_, draw| kind(draw)));
    batches.push(of("a row of random labels", 1, 13, &mut |_, draw| kind(draw)));
    for (what, label) in [
        ("all negative", Label::Negative),
        ("all unknown", Label::Unknown),
        ("all positive", Label::Positive),
    ] {
        batches.push(of(what, 5, 7, &mut |_, _| label));
    }
    batches
}

/// Makes the loss for a training set.
type Build<'a> = &'a dyn Fn(&ClassStatistics) -> Result<Box<dyn MultiLabelLoss>, LossError>;

/// Follows a loss through epochs of its own.
fn agree(
    row: &'static LossRow,
    build: Build<'_>,
    formula: Formula,
    options: &Options,
    batch: &Batch,
) -> Result<(), String> {
    let Batch { rows, classes, labels, .. } = batch;
    let (rows, classes) = (*rows, *classes);
    let train = train(classes);
    let mut loss = build(&train).map_err(|e| e.to_string())?;
    let (matrices, half) = (loss.logit_matrices(), rows as u32 / 2);
    let first: Vec<u32> = (0..half).rev().collect();
    let second: Vec<u32> = (rows as u32 - half..rows as u32).collect();
    let mix = loss.mixes().then_some(Mix { first: &first, second: &second, lambda: 0.3 });
    let ids: Vec<u32> = (0..rows as u32).rev().collect();
    // Two batches of the first epoch, of which the second finds what the first has changed.
    for (turn, epoch) in [0, 0, 1, 5, 6, 6, 9].into_iter().enumerate() {
        let mut draws = Draws(1 + turn as u64);
        let logits: Vec<Vec<f32>> = (0..matrices)
            .map(|matrix| {
                let mixed = mix.is_some() && matrix + 1 == matrices;
                let entries = if mixed { half as usize * classes } else { rows * classes };
                (0..entries).map(|_| 6.0 * draws.unit() - 3.0).collect()
            })
            .collect();
        let state = loss.state();
        let slices: Vec<&[f32]> = logits.iter().map(Vec::as_slice).collect();
        let mut input = LossInput::new(&slices, rows, classes, labels);
        (input.epoch, input.sample_ids, input.targets.mix) = (epoch, &ids, mix);
        let mut fast: Vec<Vec<f32>> = logits.iter().map(|z| vec![f32::NAN; z.len()]).collect();
        let mut buffers: Vec<&mut [f32]> = fast.iter_mut().map(Vec::as_mut_slice).collect();
        let value = loss.evaluate(&input, LossGrad::Into(&mut buffers)).map_err(|e| e.to_string())?;
        let mut tape = Tape::new();
        tape.seal();
        let shape = |z: &Vec<f32>| [z.len() / classes, classes];
        let z = logits.iter().map(|z| tape.variable(shape(z), z)).collect();
        let mut case = Case {
            tape,
            z,
            logits: &logits,
            labels,
            rows,
            classes,
            epoch,
            ids: &ids,
            mix,
            state: &state,
            train: &train,
            row,
            options,
        };
        let reduced = formula(&mut case);
        case.backward(reduced);
        let factor = case.factor();
        let exact = f64::from(case.value(reduced)[0]);
        let cells = factor * labels.len() as f64;
        close(value, exact, OF_LARGEST * cells).map_err(|e| format!("epoch {epoch}: value {e}"))?;
        for (matrix, dz) in fast.iter().enumerate() {
            let variable = case.z[matrix];
            let exact = case.grad(variable).map_or_else(|| vec![0.0; dz.len()], <[f32]>::to_vec);
            let largest = exact.iter().fold(0.0f32, |m, x| m.max(x.abs()));
            let absolute = OF_LARGEST * f64::from(largest).max(factor);
            let wrong =
                dz.iter().zip(&exact).position(|(&dz, &e)| close(dz, f64::from(e), absolute).is_err());
            if let Some(cell) = wrong {
                let wide = |x: &[f32]| x.iter().map(|x| f64::from(*x)).collect::<Vec<f64>>();
                let logits = wide(&logits[matrix]);
                let cells = Cells { logits: &logits, labels, classes, names: None };
                let said = cells.wrong(cell, &wide(dz), &wide(&exact));
                return Err(format!("epoch {epoch}, logit matrix {matrix}: {said}"));
            }
        }
        if loss.wants_train_pass(epoch) {
            // Row i has sample id i, which stands last in the batch if it comes first here.
            let turned = |x: &[f32]| x.chunks(classes).rev().flatten().copied().collect::<Vec<f32>>();
            let seen: Vec<Label> = labels.chunks(classes).rev().flatten().copied().collect();
            let pass = TrainPass { epoch, logits: &turned(&logits[0]), labels: &seen, rows, classes };
            loss.end_epoch(&pass).map_err(|e| e.to_string())?;
        }
    }
    Ok(())
}

fn close(found: f32, expected: f64, absolute: f64) -> Result<(), String> {
    let gap = (f64::from(found) - expected).abs();
    // Also false where one of them is NaN.
    if gap <= RELATIVE * expected.abs() + absolute {
        Ok(())
    } else {
        Err(format!("is {found}, not {expected}"))
    }
}
