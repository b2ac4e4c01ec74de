//! Batches of random logits and labels, and what a loss makes of them.

use super::Build;
use crate::explain::Cells;
use crate::{Gradients, Label, LabelUse, LossError, LossGrad, LossInput, Mix, MultiLabelLoss, differentiate};

/// Largest difference between the f32 kernel and the f64 formula, relative to the entry ...
const RELATIVE: f64 = 1e-4;
/// ... and relative to the largest entry of the same array.
const OF_LARGEST: f64 = 2e-6;
/// ... or what rounding in f64 leaves of terms of size 1 that cancel.
const CANCELLED: f64 = 1e-15;

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
#[derive(Clone)]
pub(super) struct SplitMix(pub(super) u64);

impl SplitMix {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// A number below this one.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// The numbers below this one in any order.
    pub(super) fn order(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        (1..n).rev().for_each(|i| order.swap(i, self.below(i + 1)));
        order
    }
}

/// A batch of its own.
#[derive(Clone)]
pub(super) struct Batch {
    pub(super) rows: usize,
    pub(super) classes: usize,
    pub(super) z: Vec<Vec<f32>>,
    pub(super) labels: Vec<Label>,
    /// Index of every row in a training set.
    pub(super) ids: Vec<u32>,
    pub(super) epoch: usize,
    /// First and second row of every mixed row, for losses that mix.
    pub(super) mix: Option<[Vec<u32>; 2]>,
}

impl Batch {
    /// Logits uniform in +-`spread`, labels of all three kinds; the same numbers for the same shape.
    pub(super) fn random(build: Build<'_>, rows: usize, classes: usize, spread: f32) -> Self {
        let draws = SplitMix(((rows as u64) << 32) ^ classes as u64);
        Self::drawn(build, [rows, classes], spread, draws)
    }

    /// The same with other draws.
    pub(super) fn drawn(
        build: Build<'_>,
        [rows, classes]: [usize; 2],
        spread: f32,
        mut draws: SplitMix,
    ) -> Self {
        let mut unit = || (draws.next() >> 40) as f32 / (1u32 << 24) as f32;
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
        let ids = (0..rows as u32).collect();
        let mut batch = Self { rows, classes, z, labels, ids, epoch: 0, mix };
        if loss.info().labels == LabelUse::OnePositive {
            batch.one_positive();
        }
        batch
    }

    /// Leaves one positive in every row, at places that differ.
    pub(super) fn one_positive(&mut self) {
        for (row, labels) in self.labels.chunks_mut(self.classes).enumerate() {
            labels.iter_mut().filter(|l| l.is_positive()).for_each(|l| *l = Label::Unknown);
            labels[row * 7 % labels.len()] = Label::Positive;
        }
    }

    pub(super) fn is_mixed(&self, matrix: usize) -> bool {
        self.mix.is_some() && matrix + 1 == self.z.len()
    }

    pub(super) fn with_input<T>(&self, f: impl FnOnce(&LossInput<'_>) -> T) -> T {
        let logits: Vec<&[f32]> = self.z.iter().map(Vec::as_slice).collect();
        let mut input = LossInput::new(&logits, self.rows, self.classes, &self.labels);
        (input.epoch, input.sample_ids) = (self.epoch, &self.ids);
        input.targets.mix = self.mix.as_ref().map(|[first, second]| Mix { first, second, lambda: 0.3 });
        f(&input)
    }

    /// Value and gradients, or `None` where the loss has no meaning for the batch.
    pub(super) fn evaluate(&self, loss: &mut dyn MultiLabelLoss) -> Option<(f32, Vec<Vec<f32>>)> {
        // NaN to begin with: a buffer that is added to, or not written, shows.
        let mut gradients: Vec<Vec<f32>> = self.z.iter().map(|z| vec![f32::NAN; z.len()]).collect();
        let mut buffers: Vec<&mut [f32]> = gradients.iter_mut().map(Vec::as_mut_slice).collect();
        match self.with_input(|input| loss.evaluate(input, LossGrad::Into(&mut buffers))) {
            Ok(value) => Some((value, gradients)),
            Err(LossError::Classes { .. } | LossError::Label { .. }) => None,
            Err(e) => panic!("{}: refuses a legal batch: {e}", loss.info().name),
        }
    }

    pub(super) fn reference(&self, loss: &dyn MultiLabelLoss) -> Gradients {
        let wide: Vec<Vec<f64>> = self.z.iter().map(|z| z.iter().map(|&z| f64::from(z)).collect()).collect();
        let wide: Vec<&[f64]> = wide.iter().map(Vec::as_slice).collect();
        self.with_input(|input| differentiate(loss, &wide, input))
    }
}

/// The first of the numbers of the fast code that is too far from the exact one.
pub(super) fn first_wrong(found: &[f32], expected: &[f64]) -> Option<usize> {
    let largest = expected.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
    found.iter().zip(expected).position(|(&f, &e)| {
        let bound = (RELATIVE * e.abs() + OF_LARGEST * largest).max(CANCELLED);
        // A comparison with NaN is false.
        let close = (f64::from(f) - e).abs() <= bound;
        !close
    })
}

/// Holds numbers of the fast code against exact ones.
pub(super) fn assert_close(found: &[f32], expected: &[f64], what: impl Fn() -> String) {
    assert_eq!(found.len(), expected.len(), "{}", what());
    if let Some(i) = first_wrong(found, expected) {
        panic!("{}: entry {i} is {}, not {}", what(), found[i], expected[i]);
    }
}

impl Batch {
    /// Holds a gradient of a logit matrix against the exact one.
    pub(super) fn assert_gradient(&self, matrix: usize, found: &[f32], expected: &[f64], what: &str) {
        assert_eq!(found.len(), expected.len(), "{what}");
        if let Some(cell) = first_wrong(found, expected) {
            let wide = |x: &[f32]| x.iter().map(|x| f64::from(*x)).collect::<Vec<f64>>();
            let logits = wide(&self.z[matrix]);
            let cells = Cells { logits: &logits, labels: &self.labels, classes: self.classes, names: None };
            panic!("{what}, logit matrix {matrix}: {}", cells.wrong(cell, &wide(found), expected));
        }
    }
}
