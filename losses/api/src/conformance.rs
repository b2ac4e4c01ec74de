//! The rules every loss keeps, as one check that a crate's tests run.
//!
//! [`check`] builds the loss afresh for each question and panics with the name of the loss and of the rule
//! it breaks. The oracle is the loss's own formula ([`MultiLabelLoss::reference`]) differentiated by
//! [`differentiate`], which shares no code with the fast path.

use crate::{Gradients, Label, LabelUse, LossError, LossGrad, LossInput, Mix, MultiLabelLoss, differentiate};

/// Largest difference between the f32 kernel and the f64 formula, relative to the entry ...
const RELATIVE: f64 = 1e-4;
/// ... and relative to the largest entry of the same array.
const OF_LARGEST: f64 = 2e-6;
/// ... or what rounding in f64 leaves of terms of size 1 that cancel.
const CANCELLED: f64 = 1e-15;

/// Makes a loss for so many classes.
pub type Build<'a> = &'a dyn Fn(usize) -> Box<dyn MultiLabelLoss>;

/// Holds a loss against every rule of this module.
///
/// A loss may refuse a batch with [`LossError::Classes`] or [`LossError::Label`]; such a batch is passed
/// over, but not all of them.
///
/// # Panics
/// If a rule is broken.
pub fn check(build: Build<'_>) {
    check_by_class(build);
    commutes_with_permutations_of(build, "classes");
}

/// The rules that a loss with different parameters for different classes keeps: all but that permuting the
/// classes permutes the gradient.
///
/// # Panics
/// If a rule is broken.
pub fn check_by_class(build: Build<'_>) {
    agrees_with_its_formula(build);
    ignores_unknown_cells(build);
    commutes_with_permutations_of(build, "rows");
    stays_finite(build);
    names_a_logit_that_is_not_finite(build);
    refuses_wrong_shapes(build);
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
    let mut evaluated = 0;
    let small = (1..=40).flat_map(|n| [(1, n), (n, 1)]);
    for (rows, classes) in small.chain([(3, 7), (5, 13), (16, 9), (4, 40), (20, 24)]) {
        let batch = Batch::random(build, rows, classes, 3.0);
        evaluated += usize::from(agrees(build, &batch));
    }
    for label in [Label::Negative, Label::Unknown, Label::Positive] {
        for rows in [1, 3] {
            let mut batch = Batch::random(build, rows, 11, 3.0);
            batch.labels.fill(label);
            evaluated += usize::from(agrees(build, &batch));
        }
    }
    for epoch in [1, 2, 5, 100] {
        let batch = Batch { epoch, ..Batch::random(build, 4, 9, 2.0) };
        evaluated += usize::from(agrees(build, &batch));
    }
    assert!(evaluated >= 40, "{}: refuses too much to be tested", build(2).info().name);
}

/// Whether the loss accepts the batch; panics if its fast path is not its formula there.
fn agrees(build: Build<'_>, batch: &Batch) -> bool {
    let name = build(batch.classes).info().name;
    let Some(fast) = batch.evaluate(&mut *build(batch.classes)) else { return false };
    let value = batch.with_input(|input| build(batch.classes).evaluate(input, LossGrad::Unneeded));
    assert_eq!(value, Ok(fast.0), "{name}: the value depends on whether the gradient is asked for");
    let slow = batch.reference(&*build(batch.classes));
    let case = format!("{name}, {} x {}, epoch {}", batch.rows, batch.classes, batch.epoch);
    assert_close(&[fast.0], &[slow.value], || format!("{case}: value"));
    for (matrix, (fast, slow)) in fast.1.iter().zip(&slow.logits).enumerate() {
        assert_close(fast, slow, || format!("{case}: gradient of logit matrix {matrix}"));
    }
    true
}

/// Where [`LabelUse::KnownOnly`] is claimed, unknown cells have a gradient of exactly 0, their logits do not
/// change a bit of the value, and a batch without known cells costs exactly 0.
///
/// # Panics
/// If a rule is broken.
pub fn ignores_unknown_cells(build: Build<'_>) {
    let info = build(7).info();
    if info.labels != LabelUse::KnownOnly {
        return;
    }
    let mut batch = Batch::random(build, 6, 7, 3.0);
    let before = batch.evaluate(&mut *build(7)).expect("a random batch is legal");
    for (z, label) in batch.z[0].iter_mut().zip(&batch.labels) {
        if !label.is_known() {
            *z *= -17.0;
        }
    }
    let after = batch.evaluate(&mut *build(7)).expect("a random batch is legal");
    assert_eq!(before, after, "{}: an unknown cell changes the loss", info.name);
    for (dz, label) in after.1[0].iter().zip(&batch.labels) {
        assert!(label.is_known() || *dz == 0.0, "{}: an unknown cell has gradient {dz}", info.name);
    }
    batch.labels.fill(Label::Unknown);
    let nothing = batch.evaluate(&mut *build(7)).expect("an unknown batch is legal");
    assert_eq!(nothing.0, 0.0, "{}: a batch of unknown cells has a value", info.name);
}

/// Permuting `"rows"` or `"classes"` permutes the gradient and leaves the value.
///
/// # Panics
/// If a rule is broken.
pub fn commutes_with_permutations_of(build: Build<'_>, what: &str) {
    let (rows, classes) = (5, 11);
    let batch = Batch::random(build, rows, classes, 3.0);
    let Some(plain) = batch.evaluate(&mut *build(classes)) else { return };
    // 3 has no factor in common with 5 or 11, so i -> 3 i is a permutation of both.
    let by_row = |i: usize| (i / classes * 3 % rows) * classes + i % classes;
    let by_class = |i: usize| i / classes * classes + (i % classes) * 3 % classes;
    let from: &dyn Fn(usize) -> usize = if what == "rows" { &by_row } else { &by_class };
    // Mixed rows stay where they are when rows are permuted, but are made of rows that stand elsewhere.
    let stays = |matrix: usize| batch.is_mixed(matrix) && what == "rows";
    let place = |matrix: usize, i: usize| if stays(matrix) { i } else { from(i) };
    let moved = |row: u32| (0..rows).find(|r| r * 3 % rows == row as usize).expect("a permutation") as u32;
    let permuted = Batch {
        z: (0..).zip(&batch.z).map(|(m, z)| (0..z.len()).map(|i| z[place(m, i)]).collect()).collect(),
        labels: (0..rows * classes).map(|i| batch.labels[from(i)]).collect(),
        mix: batch.mix.as_ref().map(|[a, b]| match what {
            "rows" => [a, b].map(|list| list.iter().map(|&row| moved(row)).collect()),
            _ => [a.clone(), b.clone()],
        }),
        ..batch
    };
    let name = build(classes).info().name;
    let other = permuted.evaluate(&mut *build(classes)).expect("a permuted batch is as legal");
    assert_close(&[other.0], &[f64::from(plain.0)], || format!("{name}: value after permuting {what}"));
    for (matrix, (dz, plain)) in other.1.iter().zip(&plain.1).enumerate() {
        let expected: Vec<f64> = (0..dz.len()).map(|i| f64::from(plain[place(matrix, i)])).collect();
        assert_close(dz, &expected, || format!("{name}: gradient after permuting {what}"));
    }
}

/// Logits of 0, +-1e-30, +-30, +-80, +-104 and +-1e4 give a finite value and gradient for every label.
///
/// # Panics
/// If a rule is broken.
pub fn stays_finite(build: Build<'_>) {
    let levels = [
        0.0, -0.0, 1e-30, -1e-30, 20.0, -20.0, 30.0, -30.0, 80.0, -80.0, 88.0, -88.0, 104.0, -104.0, 1e4,
        -1e4,
    ];
    for labels in [
        [Label::Negative, Label::Unknown, Label::Positive],
        [Label::Unknown, Label::Positive, Label::Negative],
        [Label::Positive, Label::Negative, Label::Unknown],
    ] {
        let mut batch = Batch::random(build, 3, levels.len(), 1.0);
        for (matrix, z) in batch.z.iter_mut().enumerate() {
            for (i, z) in z.iter_mut().enumerate() {
                *z = levels[(i + 3 * matrix) % levels.len()];
            }
        }
        for (i, label) in batch.labels.iter_mut().enumerate() {
            *label = labels[i / levels.len()];
        }
        if build(levels.len()).info().labels == LabelUse::OnePositive {
            batch.one_positive();
        }
        for epoch in [0, 100] {
            batch.epoch = epoch;
            let Some((value, gradients)) = batch.evaluate(&mut *build(levels.len())) else { continue };
            let name = build(levels.len()).info().name;
            assert!(value.is_finite(), "{name}: {value} at extreme logits");
            for (i, dz) in gradients.iter().flatten().enumerate() {
                let i = i % batch.labels.len();
                let (z, label) = (batch.z[0][i], batch.labels[i]);
                assert!(dz.is_finite(), "{name}: gradient {dz} where z = {z}, label {label:?}");
            }
        }
    }
}

/// A NaN or infinite logit of any matrix is [`LossError::NonFinite`] with its row and class.
///
/// # Panics
/// If a rule is broken.
pub fn names_a_logit_that_is_not_finite(build: Build<'_>) {
    let (rows, classes) = (3, 7);
    for matrix in 0..build(classes).logit_matrices() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let last = Batch::random(build, rows, classes, 3.0).z[matrix].len() - 1;
            for at in [0, last / 2, last] {
                let mut batch = Batch::random(build, rows, classes, 3.0);
                batch.z[matrix][at] = bad;
                let mut loss = build(classes);
                let name = loss.info().name;
                let error = batch.with_input(|input| loss.evaluate(input, LossGrad::Unneeded));
                let Err(LossError::NonFinite { row, class, value }) = error else {
                    panic!("{name}: {bad} in logit matrix {matrix} gives {error:?}");
                };
                assert_eq!((row, class), (at / classes, at % classes), "{name}: names the wrong logit");
                assert_eq!(value.to_bits(), bad.to_bits(), "{name}: names the wrong value");
            }
        }
    }
}

/// Missing and additional matrices, short labels, short gradients and empty batches are errors.
///
/// # Panics
/// If a rule is broken.
pub fn refuses_wrong_shapes(build: Build<'_>) {
    let (rows, classes) = (2, 3);
    let batch = Batch::random(build, rows, classes, 1.0);
    let name = build(classes).info().name;
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
    let name = build(classes).info().name;
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
    let name = loss.info().name;
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

/// A batch of its own.
#[derive(Clone)]
struct Batch {
    rows: usize,
    classes: usize,
    z: Vec<Vec<f32>>,
    labels: Vec<Label>,
    epoch: usize,
    /// First and second row of every mixed row, for losses that mix.
    mix: Option<[Vec<u32>; 2]>,
}

impl Batch {
    /// Logits uniform in +-`spread`, labels of all three kinds; the same numbers for the same shape.
    fn random(build: Build<'_>, rows: usize, classes: usize, spread: f32) -> Self {
        let mut state = ((rows as u64) << 32) ^ classes as u64;
        // SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
        let mut next = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut x = state;
            x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            x ^ (x >> 31)
        };
        let mut unit = || (next() >> 40) as f32 / (1u32 << 24) as f32;
        let n = rows * classes;
        let loss = build(classes);
        let matrices = loss.logit_matrices();
        let half = rows / 2;
        let entries = |matrix: usize| if loss.mixes() && matrix + 1 == matrices { half * classes } else { n };
        let z: Vec<Vec<f32>> = (0..matrices)
            .map(|matrix| (0..entries(matrix)).map(|_| (2.0 * unit() - 1.0) * spread).collect())
            .collect();
        let kinds = [Label::Positive, Label::Negative, Label::Unknown];
        let labels = (0..n).map(|_| kinds[(unit() * 3.0) as usize]).collect();
        let mix = loss.mixes().then(|| {
            let first = (0..half as u32).rev().collect();
            [first, (rows as u32 - half as u32..rows as u32).collect()]
        });
        let mut batch = Self { rows, classes, z, labels, epoch: 0, mix };
        if loss.info().labels == LabelUse::OnePositive {
            batch.one_positive();
        }
        batch
    }

    /// Leaves one positive in every row, at places that differ.
    fn one_positive(&mut self) {
        for (row, labels) in self.labels.chunks_mut(self.classes).enumerate() {
            labels.iter_mut().filter(|l| l.is_positive()).for_each(|l| *l = Label::Unknown);
            labels[row * 7 % labels.len()] = Label::Positive;
        }
    }

    fn is_mixed(&self, matrix: usize) -> bool {
        self.mix.is_some() && matrix + 1 == self.z.len()
    }

    fn with_input<T>(&self, f: impl FnOnce(&LossInput<'_>) -> T) -> T {
        let logits: Vec<&[f32]> = self.z.iter().map(Vec::as_slice).collect();
        let mut input = LossInput::new(&logits, self.rows, self.classes, &self.labels);
        input.epoch = self.epoch;
        input.targets.mix = self.mix.as_ref().map(|[first, second]| Mix { first, second, lambda: 0.3 });
        f(&input)
    }

    /// Value and gradients, or `None` where the loss has no meaning for the batch.
    fn evaluate(&self, loss: &mut dyn MultiLabelLoss) -> Option<(f32, Vec<Vec<f32>>)> {
        // NaN to begin with: a buffer that is added to, or not written, shows.
        let mut gradients: Vec<Vec<f32>> = self.z.iter().map(|z| vec![f32::NAN; z.len()]).collect();
        let mut buffers: Vec<&mut [f32]> = gradients.iter_mut().map(Vec::as_mut_slice).collect();
        match self.with_input(|input| loss.evaluate(input, LossGrad::Into(&mut buffers))) {
            Ok(value) => Some((value, gradients)),
            Err(LossError::Classes { .. } | LossError::Label { .. }) => None,
            Err(e) => panic!("{}: refuses a legal batch: {e}", loss.info().name),
        }
    }

    fn reference(&self, loss: &dyn MultiLabelLoss) -> Gradients {
        let wide: Vec<Vec<f64>> = self.z.iter().map(|z| z.iter().map(|&z| f64::from(z)).collect()).collect();
        let wide: Vec<&[f64]> = wide.iter().map(Vec::as_slice).collect();
        self.with_input(|input| differentiate(loss, &wide, input))
    }
}

fn assert_close(found: &[f32], expected: &[f64], what: impl Fn() -> String) {
    assert_eq!(found.len(), expected.len(), "{}", what());
    let largest = expected.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
    for (i, (&f, &e)) in found.iter().zip(expected).enumerate() {
        let bound = (RELATIVE * e.abs() + OF_LARGEST * largest).max(CANCELLED);
        let difference = (f64::from(f) - e).abs();
        assert!(difference <= bound, "{}: entry {i} is {f}, not {e}", what());
    }
}
