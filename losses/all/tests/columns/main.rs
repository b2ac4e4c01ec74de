//! The flag `by_column` of every row, and what it promises: a loss that is shown some columns of a batch, and the size of
//! the whole, leaves the gradient there that it leaves when it is shown all of them.

use lacuna_losses::{
    ClassStatistics, Context, LOSSES, Label, LabelUse, LossGrad, LossInput, LossRow, MultiLabelLoss, Options,
    Reduction, Takes, TrainPass, Whole,
};
use lacuna_protocols::Stream;
use std::ops::Range;

const ROWS: usize = 12;
const CLASSES: usize = 21;
/// Longer than every warm-up.
const EPOCHS: usize = 9;

fn build(row: &'static LossRow, reduction: Reduction) -> Box<dyn MultiLabelLoss> {
    let counts: Vec<f64> = (0..CLASSES).map(|c| 500.0 / (1 + c * 7 % CLASSES) as f64).collect();
    let together = (0..CLASSES * CLASSES).map(|i| {
        let (a, b) = (counts[i / CLASSES], counts[i % CLASSES]);
        // Some pairs of classes occur together more often than others.
        let more = if (i / CLASSES + i % CLASSES).is_multiple_of(3) { 1.9 } else { 0.3 };
        if i % (CLASSES + 1) == 0 { a } else { more * a * b / 1000.0 }
    });
    let together = together.collect();
    let train = ClassStatistics::new(1000.0, counts).unwrap().with_co_occurrence(together).unwrap();
    let data = Context { classes: Some(CLASSES), expected_positives: Some(1.5) };
    let mut options = Options { reduction: Some(reduction), ..Options::default().within(data) };
    // Shares and numbers of cells of a batch that leave some of its cells on either side.
    if row.info.param("delta_rel").is_some() {
        options = options.set("delta_rel", 11.0);
    }
    // At its default of 0 the attention to other classes has no slope.
    if row.info.param("gamma_class_ng").is_some() {
        options = options.set("gamma_pos", 1.0);
    }
    if row.info.param("prior_threshold").is_some() {
        options = options.set("prior_threshold", 0.3);
    }
    row.build_for(&options, &train).unwrap_or_else(|e| panic!("{}: {e}", row.info.name))
}

/// Logits and labels of a training set `[ROWS, CLASSES]`.
fn data(seed: u64) -> (Vec<f32>, Vec<Label>) {
    let mut draws = Stream::new(seed, "logits and labels");
    let mut draw = || draws.uniform_f64() as f32;
    let z = (0..ROWS * CLASSES).map(|_| 6.0 * draw() - 3.0).collect();
    let offset = (draw() * CLASSES as f32) as usize;
    let label = |i: usize| match (i % CLASSES == (i / CLASSES + offset) % CLASSES, draw()) {
        (true, _) => Label::Positive,
        (false, draw) if draw < 0.3 => Label::Negative,
        (false, draw) if draw < 0.5 => Label::Positive,
        _ => Label::Unknown,
    };
    (z, (0..ROWS * CLASSES).map(label).collect())
}

/// The columns `classes` of a matrix.
fn columns<T: Copy>(matrix: &[T], classes: &Range<usize>) -> Vec<T> {
    matrix.chunks(CLASSES).flat_map(|row| row[classes.clone()].to_vec()).collect()
}

/// Gradients, in bits, of a training on free logits that go downhill, for all epochs. Of a loss that was cut, `classes` are
/// the columns that it is shown.
fn train(
    loss: &mut dyn MultiLabelLoss,
    z: &[f32],
    labels: &[Label],
    classes: &Range<usize>,
) -> Vec<Vec<u32>> {
    let whole = Whole { cells: ROWS * CLASSES, known: 77 };
    let (mut z, labels, width) = (columns(z, classes), columns(labels, classes), classes.len());
    let ids: Vec<u32> = (0..ROWS as u32).collect();
    let mut bits = Vec::new();
    for epoch in 0..EPOCHS {
        loss.begin_epoch(epoch);
        let mut dz = vec![f32::NAN; z.len()];
        let logits = [&z[..]];
        let mut input = LossInput::new(&logits, ROWS, width, &labels);
        (input.sample_ids, input.epoch, input.step) = (&ids, epoch, epoch as u64);
        input.targets.whole = Some(whole);
        let value = loss.evaluate(&input, LossGrad::Into(&mut [&mut dz]));
        value.unwrap_or_else(|e| panic!("{}: {e}", loss.info().name));
        bits.push(dz.iter().map(|dz| dz.to_bits()).collect());
        z.iter_mut().zip(&dz).for_each(|(z, dz)| *z -= (20.0 * dz).clamp(-0.5, 0.5));
        if loss.wants_train_pass(epoch) {
            let pass = TrainPass { epoch, logits: &z, labels: &labels, rows: ROWS, classes: width };
            loss.end_epoch(&pass).unwrap_or_else(|e| panic!("{}: {e}", loss.info().name));
        }
    }
    bits
}

/// Whether the gradient of a column stays when logits and labels of all others are other ones. A loss that wants one positive in
/// every row looks at the labels of the others.
fn looks_at_no_other(row: &'static LossRow) -> bool {
    if row.info.labels == LabelUse::OnePositive {
        return false;
    }
    (0..6).all(|seed| {
        let ((mut z, mut labels), (other_z, other_labels)) = (data(seed), data(seed + 100));
        let column = 5 + seed as usize;
        let all = 0..CLASSES;
        let before = train(&mut *build(row, row.reduction), &z, &labels, &all);
        for i in (0..z.len()).filter(|i| i % CLASSES != column) {
            (z[i], labels[i]) = (other_z[i], other_labels[i]);
        }
        let after = train(&mut *build(row, row.reduction), &z, &labels, &all);
        let of_column = |bits: &[Vec<u32>]| -> Vec<Vec<u32>> {
            bits.iter().map(|dz| columns(dz, &(column..column + 1))).collect()
        };
        of_column(&before) == of_column(&after)
    })
}

#[test]
fn the_flag_is_true_of_the_losses_whose_gradient_looks_at_no_other_column() {
    let wrong: Vec<String> = LOSSES
        .iter()
        .map(|row| (row, row.takes == Takes::Logits && looks_at_no_other(row)))
        .filter(|(row, found)| row.by_column != *found)
        .map(|(row, found)| {
            format!("{} is {}", row.info.name, if found { "by column" } else { "not by column" })
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_slice_of_the_columns_has_the_gradient_of_the_whole() {
    let mut flagged = 0;
    for row in LOSSES.iter().filter(|row| row.by_column) {
        flagged += 1;
        for reduction in [Reduction::Mean, Reduction::Sum, Reduction::MeanKnown] {
            let (z, labels) = data(3);
            let all = train(&mut *build(row, reduction), &z, &labels, &(0..CLASSES));
            // Slices of every alignment, of one column, and the rest.
            for classes in [0..8, 8..16, 16..21, 0..1, 3..10, 13..21, 20..21, 0..CLASSES] {
                let mut loss = build(row, reduction);
                loss.cut(classes.clone());
                let slice = train(&mut *loss, &z, &labels, &classes);
                for (epoch, (all, slice)) in all.iter().zip(&slice).enumerate() {
                    assert_eq!(
                        &columns(all, &classes),
                        slice,
                        "{}, {reduction}, {classes:?}, epoch {epoch}",
                        row.info.name
                    );
                }
            }
        }
    }
    assert!(flagged > 20, "{flagged}");
}
