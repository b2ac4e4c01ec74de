//! The rules every loss keeps, as one check that a crate's tests run.
//!
//! [`check`] builds the loss afresh for each question and panics with the name of the loss and of the rule
//! it breaks. The oracle is the loss's own formula ([`MultiLabelLoss::reference`]) differentiated by
//! [`differentiate`](crate::differentiate), which shares no code with the fast path.

mod batch;
#[cfg(test)]
mod broken;
mod named;
mod random;

use crate::{Label, LabelUse, LossError, LossGrad, LossInput, MultiLabelLoss};
use batch::{Batch, assert_close};
use named::named;
pub use random::keeps_the_rules_on_random_batches;

/// Makes a loss for so many classes.
pub type Build<'a> = &'a dyn Fn(usize) -> Box<dyn MultiLabelLoss>;

/// Holds a loss against every rule of this module.
///
/// A loss may refuse a batch with [`LossError::Classes`] or [`LossError::Label`]; such a batch is
/// ignored, but not all of them.
///
/// # Panics
/// If a rule is broken.
pub fn check(build: Build<'_>) {
    check_by_class(build);
    commutes_with_permutations_of_classes(build, build);
}

/// The rules that a loss with different parameters for different classes keeps: all but that permuting the
/// classes permutes the gradient.
///
/// # Panics
/// If a rule is broken.
pub fn check_by_class(build: Build<'_>) {
    agrees_with_its_formula(build);
    ignores_unknown_cells(build);
    reads_unknown_as_negative(build);
    commutes_with_permutations_of_rows(build);
    stays_finite(build);
    names_a_logit_that_is_not_finite(build);
    refuses_wrong_shapes(build);
    names_a_soft_target_that_is_none(build);
    names_a_row_without_its_positive(build);
    restores_its_state(build);
}

/// Value and gradient of the fast path are those of the formula, on random batches of every small size (all
/// SIMD tails), on batches of one kind of label and in later epochs; the value is the same bits whether or not
/// the gradient is asked for.
///
/// # Panics
/// If a rule is broken.
pub fn agrees_with_its_formula(build: Build<'_>) {
    let small = (1..=40).flat_map(|n| [(1, n), (n, 1)]);
    let sizes = small.chain([(3, 7), (5, 13), (16, 9), (4, 40), (20, 24)]);
    let sizes = sizes.map(|(rows, classes)| Batch::random(build, rows, classes, 3.0));
    let kinds = [Label::Negative, Label::Unknown, Label::Positive]
        .into_iter()
        .flat_map(|label| [(1, label), (3, label)]);
    let kinds = kinds.map(|(rows, label)| {
        let mut batch = Batch::random(build, rows, 11, 3.0);
        batch.labels.fill(label);
        batch
    });
    let epochs = [1, 2, 5, 100].map(|epoch| Batch { epoch, ..Batch::random(build, 4, 9, 2.0) });
    let evaluated = sizes.chain(kinds).chain(epochs).filter(|batch| agrees(build, batch)).count();
    assert!(evaluated >= 40, "{}: refuses too much to be tested", named(&*build(2)));
}

/// The same with logits far from 0, but not so far that f64 lacks e^z. For losses as they are published: [`check`] does not
/// ask it, since parameters can be chosen so that terms cancel there, of which f32 keeps no digits.
///
/// # Panics
/// If a rule is broken.
pub fn agrees_with_its_formula_far_out(build: Build<'_>) {
    for spread in [30.0, 80.0, 300.0] {
        for (rows, classes) in [(1, 13), (4, 9), (5, 16)] {
            agrees(build, &Batch::random(build, rows, classes, spread));
        }
    }
}

/// Whether the loss accepts the batch; panics if its fast path is not its formula there.
fn agrees(build: Build<'_>, batch: &Batch) -> bool {
    let name = named(&*build(batch.classes));
    let Some(fast) = batch.evaluate(&mut *build(batch.classes)) else { return false };
    let value = batch.with_input(|input| build(batch.classes).evaluate(input, LossGrad::Unneeded));
    assert_eq!(value, Ok(fast.0), "{name}: the value depends on whether the gradient is asked for");
    let slow = batch.reference(&*build(batch.classes));
    let case = format!("{name}, {} x {}, epoch {}", batch.rows, batch.classes, batch.epoch);
    assert_close(&[fast.0], &[slow.value], || format!("{case}: value"));
    for (matrix, (fast, slow)) in fast.1.iter().zip(&slow.logits).enumerate() {
        batch.assert_gradient(matrix, fast, slow, &case);
    }
    true
}

/// Where [`LabelUse::KnownOnly`] is claimed, unknown cells have a gradient of exactly 0, their logits do not
/// change a bit of the value, and a batch without known cells costs exactly 0 and has no gradient.
///
/// # Panics
/// If a rule is broken.
pub fn ignores_unknown_cells(build: Build<'_>) {
    let info = build(7).info();
    if info.labels != LabelUse::KnownOnly {
        return;
    }
    for (rows, classes) in [(6, 7), (1, 1), (1, 5), (3, 8), (2, 19)] {
        ignores_unknown_cells_of(build, Batch::random(build, rows, classes, 3.0));
    }
}

fn ignores_unknown_cells_of(build: Build<'_>, mut batch: Batch) {
    let (name, classes) = (named(&*build(batch.classes)), batch.classes);
    let before = batch.evaluate(&mut *build(classes)).expect("a random batch is legal");
    // A mixed row has other labels than the row of the batch in its place.
    let whole = (0..batch.z.len()).filter(|&matrix| !batch.is_mixed(matrix)).count();
    for z in &mut batch.z[..whole] {
        for (z, label) in z.iter_mut().zip(&batch.labels) {
            if !label.is_known() {
                *z *= -17.0;
            }
        }
    }
    let after = batch.evaluate(&mut *build(classes)).expect("a random batch is legal");
    assert_eq!(before, after, "{name}: an unknown cell changes the loss");
    for gradient in &after.1[..whole] {
        for (dz, label) in gradient.iter().zip(&batch.labels) {
            assert!(label.is_known() || *dz == 0.0, "{name}: an unknown cell has gradient {dz}");
        }
    }
    batch.labels.fill(Label::Unknown);
    let (value, gradients) = batch.evaluate(&mut *build(classes)).expect("an unknown batch is legal");
    assert_eq!(value, 0.0, "{name}: a batch of unknown cells has a value");
    let silent = gradients.iter().flatten().all(|dz| *dz == 0.0);
    assert!(silent, "{name}: a batch of unknown cells has a gradient");
}

/// Where an unknown cell is claimed to be read as a negative, observed negatives in its place change nothing but the
/// number of known cells, by which a mean over them is divided.
///
/// # Panics
/// If a rule is broken.
pub fn reads_unknown_as_negative(build: Build<'_>) {
    let info = build(7).info();
    if !matches!(info.labels, LabelUse::UnknownAsNegative | LabelUse::OnePositive) {
        return;
    }
    for (epoch, (rows, classes)) in [(6, 7), (1, 5), (3, 8), (2, 19)].into_iter().enumerate() {
        reads_unknown_as_negative_in(build, Batch { epoch, ..Batch::random(build, rows, classes, 3.0) });
    }
}

fn reads_unknown_as_negative_in(build: Build<'_>, mut batch: Batch) {
    let name = named(&*build(batch.classes));
    let known = |batch: &Batch| batch.labels.iter().filter(|l| l.is_known()).count().max(1) as f64;
    let (Some(before), few) = (batch.evaluate(&mut *build(batch.classes)), known(&batch)) else { return };
    batch.labels.iter_mut().filter(|l| !l.is_known()).for_each(|l| *l = Label::Negative);
    let after = batch.evaluate(&mut *build(batch.classes)).expect("fewer unknown cells are as legal");
    // The same bits, or those of another divisor.
    if after == before {
        return;
    }
    let ratio = few / known(&batch);
    let scaled = |x: &f32| f64::from(*x) * ratio;
    let what = || format!("{}: observed negatives for unknown cells", name);
    assert_close(&[after.0], &[scaled(&before.0)], what);
    for (after, before) in after.1.iter().zip(&before.1) {
        assert_close(after, &before.iter().map(scaled).collect::<Vec<f64>>(), what);
    }
}

/// Permuting rows permutes the gradient and leaves the value.
///
/// # Panics
/// If a rule is broken.
pub fn commutes_with_permutations_of_rows(build: Build<'_>) {
    commutes(build, build, "rows");
}

/// Permuting classes permutes the gradient and leaves the value, unless the loss draws classes. Class c of the loss `permuted` is class
/// [`moved`] c of the other; where classes are alike the two are the same.
///
/// # Panics
/// If a rule is broken.
pub fn commutes_with_permutations_of_classes(build: Build<'_>, permuted: Build<'_>) {
    commutes(build, permuted, "classes");
}

/// Where row or class i of `n` comes from when [`commutes_with_permutations_of_classes`] and its like permute: 3 i mod n,
/// a permutation unless n is a multiple of 3.
pub fn moved(i: usize, n: usize) -> usize {
    i * 3 % n
}

fn commutes(build: Build<'_>, build_permuted: Build<'_>, what: &str) {
    if what == "classes" && build(2).draws_classes() {
        return;
    }
    for (rows, classes, epoch) in [(5, 11, 0), (7, 20, 5), (2, 8, 1), (1, 40, 2), (40, 1, 7)] {
        let batch = Batch { epoch, ..Batch::random(build, rows, classes, 3.0) };
        let length = if what == "rows" { rows } else { classes };
        let order: Vec<usize> = (0..length).map(|i| moved(i, length)).collect();
        commutes_on([build, build_permuted], what, &batch, &order, false);
    }
}

/// Row or class i of the permuted batch is `order[i]` of the other. Where terms of both signs may cancel, the value is as exact as f32 has
/// it relative to the sum of the sizes of the gradient.
fn commutes_on(
    [build, build_permuted]: [Build<'_>; 2],
    what: &str,
    batch: &Batch,
    order: &[usize],
    may_cancel: bool,
) {
    let (rows, classes) = (batch.rows, batch.classes);
    let Some(plain) = batch.evaluate(&mut *build(classes)) else { return };
    let by_row = |i: usize| order[i / classes] * classes + i % classes;
    let by_class = |i: usize| i / classes * classes + order[i % classes];
    let from: &dyn Fn(usize) -> usize = if what == "rows" { &by_row } else { &by_class };
    // Mixed rows stay where they are when rows are permuted, but are made of rows that stand elsewhere.
    let stays = |matrix: usize| batch.is_mixed(matrix) && what == "rows";
    let place = |matrix: usize, i: usize| if stays(matrix) { i } else { from(i) };
    let now_at = |row: u32| (0..rows).find(|&r| order[r] == row as usize).expect("a permutation") as u32;
    let permuted = Batch {
        z: (0..).zip(&batch.z).map(|(m, z)| (0..z.len()).map(|i| z[place(m, i)]).collect()).collect(),
        labels: (0..rows * classes).map(|i| batch.labels[from(i)]).collect(),
        ids: if what == "rows" {
            (0..rows).map(|i| batch.ids[order[i]]).collect()
        } else {
            batch.ids.clone()
        },
        mix: batch.mix.as_ref().map(|[a, b]| match what {
            "rows" => [a, b].map(|list| list.iter().map(|&row| now_at(row)).collect()),
            _ => [a.clone(), b.clone()],
        }),
        ..batch.clone()
    };
    let name = named(&*build(classes));
    let other = permuted.evaluate(&mut *build_permuted(classes)).expect("a permuted batch is as legal");
    let case = || format!("{name}, {rows} x {classes}, {what} permuted");
    let size = if may_cancel { plain.1.iter().flatten().map(|dz| dz.abs()).sum() } else { 0.0_f32 };
    assert_close(&[other.0, size], &[plain.0, size].map(f64::from), || format!("{}: value", case()));
    for (matrix, (dz, plain)) in other.1.iter().zip(&plain.1).enumerate() {
        let expected: Vec<f64> = (0..dz.len()).map(|i| f64::from(plain[place(matrix, i)])).collect();
        assert_close(dz, &expected, || format!("{}: gradient", case()));
    }
}

/// Logits of 0, +-1e-30, +-30, +-80, +-104 and +-1e4 give a finite value and gradient for every label, among others and
/// in batches that hold nothing else.
///
/// # Panics
/// If a rule is broken.
pub fn stays_finite(build: Build<'_>) {
    let levels = [
        0.0, -0.0, 1e-30, -1e-30, 20.0, -20.0, 30.0, -30.0, 80.0, -80.0, 88.0, -88.0, 104.0, -104.0, 1e4,
        -1e4,
    ];
    let [no, unknown, yes] = [Label::Negative, Label::Unknown, Label::Positive];
    for labels in [[no, unknown, yes], [unknown, yes, no], [yes, no, unknown]] {
        let mut batch = Batch::random(build, 3, levels.len(), 1.0);
        for (matrix, z) in batch.z.iter_mut().enumerate() {
            for (i, z) in z.iter_mut().enumerate() {
                *z = levels[(i + 3 * matrix) % levels.len()];
            }
        }
        for (i, label) in batch.labels.iter_mut().enumerate() {
            *label = labels[i / levels.len()];
        }
        is_finite(build, batch);
    }
    for rows in [1, 3] {
        for (i, level) in levels.into_iter().enumerate() {
            for of_rows in [[no; 3], [unknown; 3], [yes; 3], [yes, no, unknown]] {
                for other in [level, levels[(i + 5) % levels.len()]] {
                    let mut batch = Batch::random(build, rows, 5, 1.0);
                    batch.z.iter_mut().for_each(|z| z.fill(level));
                    batch.z.iter_mut().skip(1).for_each(|z| z.fill(other));
                    for (row, labels) in batch.labels.chunks_mut(5).enumerate() {
                        labels.fill(of_rows[row]);
                    }
                    is_finite(build, batch);
                }
            }
        }
    }
}

fn is_finite(build: Build<'_>, mut batch: Batch) {
    let name = named(&*build(batch.classes));
    if build(batch.classes).info().labels == LabelUse::OnePositive {
        batch.one_positive();
    }
    for epoch in [0, 100] {
        batch.epoch = epoch;
        let Some((value, gradients)) = batch.evaluate(&mut *build(batch.classes)) else { continue };
        let z = batch.z[0][0];
        assert!(value.is_finite(), "{name}: {value} at extreme logits, the first of which is {z}");
        for (i, dz) in gradients.iter().flatten().enumerate() {
            let i = i % batch.labels.len();
            let (z, label) = (batch.z[0][i], batch.labels[i]);
            assert!(dz.is_finite(), "{name}: gradient {dz} where z = {z}, label {label:?}");
        }
    }
}

/// A NaN or infinite logit of any matrix is [`LossError::NonFinite`] with its row and class, wherever it stands, also
/// under a label that does not count and whether or not a gradient is asked for. The loss is as it was before.
///
/// # Panics
/// If a rule is broken.
pub fn names_a_logit_that_is_not_finite(build: Build<'_>) {
    let (rows, classes) = (3, 7);
    for matrix in 0..build(classes).logit_matrices() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for at in 0..Batch::random(build, rows, classes, 3.0).z[matrix].len() {
                let legal = Batch { epoch: at, ..Batch::random(build, rows, classes, 3.0) };
                let mut batch = legal.clone();
                batch.z[matrix][at] = bad;
                let mut loss = build(classes);
                let (name, state) = (named(&*loss), loss.state());
                let mut gradients: Vec<Vec<f32>> = batch.z.iter().map(|z| vec![0.0; z.len()]).collect();
                let mut buffers: Vec<&mut [f32]> = gradients.iter_mut().map(Vec::as_mut_slice).collect();
                let wanted = at % 2 == 0;
                let error = batch.with_input(|input| {
                    let grad = if wanted { LossGrad::Into(&mut buffers) } else { LossGrad::Unneeded };
                    loss.evaluate(input, grad)
                });
                let Err(LossError::NonFinite { row, class, value }) = error else {
                    panic!("{name}: {bad} in logit matrix {matrix} gives {error:?}");
                };
                assert_eq!((row, class), (at / classes, at % classes), "{name}: names the wrong logit");
                assert_eq!(value.to_bits(), bad.to_bits(), "{name}: names the wrong value");
                assert_eq!(loss.state(), state, "{name}: a refused batch changes the state");
                let (after, fresh) = (legal.evaluate(&mut *loss), legal.evaluate(&mut *build(classes)));
                assert_eq!(after, fresh, "{name}: goes on differently after a refused batch");
            }
        }
    }
}

/// Soft targets are refused, or each is a probability: one that is not is [`LossError::Target`] with row and class, too few
/// are [`LossError::Shape`], and zeros and ones are negatives and positives.
///
/// # Panics
/// If a rule is broken.
pub fn names_a_soft_target_that_is_none(build: Build<'_>) {
    let (rows, classes) = (3, 5);
    let mut batch = Batch::random(build, rows, classes, 2.0);
    batch.labels.iter_mut().filter(|l| !l.is_known()).for_each(|l| *l = Label::Negative);
    let name = named(&*build(classes));
    let run = |soft: &[f32]| {
        batch.with_input(|input| {
            let mut input = *input;
            input.targets.soft = Some(soft);
            build(classes).evaluate(&input, LossGrad::Unneeded)
        })
    };
    let soft: Vec<f32> = batch.labels.iter().map(|l| f32::from(u8::from(l.is_positive()))).collect();
    match run(&soft) {
        Err(LossError::Unsupported(_)) => {}
        Ok(value) => {
            let (hard, _) = batch.evaluate(&mut *build(classes)).expect("known labels are legal");
            assert_close(&[value], &[f64::from(hard)], || format!("{name}: soft targets of 0 and 1"));
            for bad in [-0.1, 1.5, f32::NAN, f32::INFINITY] {
                for at in 0..soft.len() {
                    let mut soft = soft.clone();
                    soft[at] = bad;
                    let error = run(&soft);
                    assert!(
                        matches!(error, Err(LossError::Target { row, class, .. })
                            if (row, class) == (at / classes, at % classes)),
                        "{name}: the soft target {bad} gives {error:?}"
                    );
                }
            }
            let error = run(&soft[1..]);
            assert!(
                matches!(error, Err(LossError::Shape { .. })),
                "{name}: a missing target gives {error:?}"
            );
        }
        Err(e) => panic!("{name}: soft targets give {e}"),
    }
}

/// Missing and additional matrices, short labels, short gradients and empty batches are errors.
///
/// # Panics
/// If a rule is broken.
pub fn refuses_wrong_shapes(build: Build<'_>) {
    let (rows, classes) = (2, 3);
    let batch = Batch::random(build, rows, classes, 1.0);
    let name = named(&*build(classes));
    let refused = |what: &str, input: &LossInput<'_>, grad: LossGrad<'_, '_>| {
        let result = build(classes).evaluate(input, grad);
        let shape = matches!(result, Err(LossError::Shape { .. } | LossError::Matrices { .. }));
        assert!(shape, "{name}: {what} gives {result:?}");
    };
    let logits: Vec<&[f32]> = batch.z.iter().map(Vec::as_slice).collect();
    let more = [&logits[..], &logits[..1]].concat();
    let fewer = &logits[1..];
    refused(
        "a logit matrix too many",
        &LossInput::new(&more, rows, classes, &batch.labels),
        LossGrad::Unneeded,
    );
    refused(
        "a logit matrix too few",
        &LossInput::new(fewer, rows, classes, &batch.labels),
        LossGrad::Unneeded,
    );
    refused(
        "a missing label",
        &LossInput::new(&logits, rows, classes, &batch.labels[1..]),
        LossGrad::Unneeded,
    );
    let empty: Vec<&[f32]> = logits.iter().map(|_| &[][..]).collect();
    refused("an empty batch", &LossInput::new(&empty, 0, classes, &[]), LossGrad::Unneeded);
    let mut short = vec![0.0; rows * classes - 1];
    let mut buffers: Vec<&mut [f32]> = vec![&mut short];
    let mut rest = vec![vec![0.0; rows * classes]; logits.len() - 1];
    buffers.extend(rest.iter_mut().map(Vec::as_mut_slice));
    let input = LossInput::new(&logits, rows, classes, &batch.labels);
    refused("a short gradient", &input, LossGrad::Into(&mut buffers));
}

/// A row without a positive and a row with two are [`LossError::Label`] with row and class, where
/// [`LabelUse::OnePositive`] is claimed.
///
/// # Panics
/// If a rule is broken.
pub fn names_a_row_without_its_positive(build: Build<'_>) {
    let (rows, classes) = (3, 5);
    if build(classes).info().labels != LabelUse::OnePositive {
        return;
    }
    let mut batch = Batch::random(build, rows, classes, 1.0);
    let name = named(&*build(classes));
    for (labels, at) in [([Label::Unknown; 5], 0), ([Label::Positive; 5], 1)] {
        batch.labels[classes..2 * classes].copy_from_slice(&labels);
        let error = batch.with_input(|input| build(classes).evaluate(input, LossGrad::Unneeded));
        assert!(
            matches!(error, Err(LossError::Label { row: 1, class, .. }) if class == at),
            "{name}: {labels:?} gives {error:?}"
        );
    }
}

/// A loss restored from a saved state goes on with the same bits, and a foreign state is an error.
///
/// # Panics
/// If a rule is broken.
pub fn restores_its_state(build: Build<'_>) {
    let first = Batch::random(build, 4, 9, 3.0);
    let second = Batch { epoch: 3, ..Batch::random(build, 5, 9, 2.0) };
    let mut loss = build(9);
    let name = named(&*loss);
    first.evaluate(&mut *loss);
    let state = loss.state();
    let expected = second.evaluate(&mut *loss);
    let mut restored = build(9);
    restored.restore(&state).unwrap_or_else(|e| panic!("{name}: refuses its own state: {e}"));
    assert_eq!(restored.state(), state, "{name}: the state changes when it is restored");
    assert_eq!(second.evaluate(&mut *restored), expected, "{name}: goes on differently after a restore");
    let foreign = crate::StateEntry { name: "of another loss".into(), values: vec![1.0] };
    let result = restored.restore(&[foreign]);
    assert!(matches!(result, Err(LossError::State(_))), "{name}: accepts a foreign state");
}
