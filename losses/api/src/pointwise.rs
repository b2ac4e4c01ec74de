//! The loop of every loss whose entries do not see each other.
//!
//! A pointwise loss is L = f * sum_ic l(z_ic, y_ic) with a factor f from the reduction. The loop, the
//! tail, the sum, the factor and the check for NaN and infinity stand here once.

use crate::{Label, LossError, LossGrad, LossInput, Reduction, math};
use lacuna_kernels::{f32x8, lanes};
use std::ops::Range;

/// One entry of a loss, eight at a time.
pub trait Pointwise {
    /// Value and derivative with respect to the logit, before the reduction. `#[inline(always)]`: as a call from the loop, Hill took 122
    /// us for 1,024 x 80 cells instead of 114, SPLC 118 instead of 106.
    ///
    /// `target` holds -1 (negative), 0 (unknown) or 1 (positive); with [`evaluate_soft`] it holds
    /// probabilities.
    fn at(&self, z: f32x8, target: f32x8) -> Entry;
}

/// One entry of a loss that differs from class to class, eight at a time.
///
/// Every [`Pointwise`] loss is one that does not look at the class.
pub trait ByClass {
    /// As [`Pointwise::at`], for the classes from `class` on.
    fn at(&self, class: usize, z: f32x8, target: f32x8) -> Entry;
}

impl<P: Pointwise> ByClass for P {
    #[inline(always)]
    fn at(&self, _: usize, z: f32x8, target: f32x8) -> Entry {
        Pointwise::at(self, z, target)
    }
}

/// A number for each class, read eight at a time; the lanes behind the last class hold its first number.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClassVector {
    lanes: Vec<f32>,
    classes: usize,
}

impl ClassVector {
    /// These numbers, rounded to f32.
    pub fn new(values: &[f64]) -> Self {
        let mut vector = Self::default();
        vector.set(values.iter().map(|&x| x as f32));
        vector
    }

    /// Other numbers; allocates only where there are more than there ever were.
    pub fn set(&mut self, values: impl Iterator<Item = f32>) {
        self.lanes.clear();
        self.lanes.extend(values);
        self.classes = self.lanes.len();
        let padding = self.lanes.first().copied().unwrap_or_default();
        self.lanes.resize(self.classes.next_multiple_of(8), padding);
    }

    /// The same from vectors of eight classes; their lanes behind the last class are read like any other.
    pub fn set_vectors(&mut self, classes: usize, vectors: impl Iterator<Item = f32x8>) {
        self.lanes.clear();
        self.lanes.extend(vectors.flat_map(f32x8::to_array));
        self.classes = classes;
        debug_assert_eq!(self.lanes.len(), classes.next_multiple_of(8), "a vector for every eight classes");
    }

    /// Keeps the numbers of these classes.
    pub fn cut(&mut self, classes: Range<usize>) {
        let kept: Vec<f32> = self.lanes[..self.classes][classes].to_vec();
        self.set(kept.into_iter());
    }

    /// How many classes there are.
    pub fn len(&self) -> usize {
        self.classes
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.classes == 0
    }

    /// The numbers of eight classes from `class` on, a multiple of 8.
    #[inline(always)]
    pub fn at(&self, class: usize) -> f32x8 {
        f32x8::new(*self.lanes[class..].first_chunk().expect("padded to full vectors"))
    }
}

/// What a loss is at eight entries: l = `value` + ln `factor`, dl/dz = `slope`.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The part of the loss that is summed as it is.
    pub value: f32x8,
    /// A number in [1, 2] whose logarithm belongs to the loss, 1 where there is none.
    ///
    /// The driver multiplies the factors of 64 entries and takes one logarithm of the product, which at
    /// most reaches 2^64. Measured on binary cross-entropy this halves the time of the whole loss.
    pub factor: f32x8,
    /// The derivative with respect to the logit.
    pub slope: f32x8,
}

impl Entry {
    /// A loss without a logarithm to be postponed.
    #[inline(always)]
    pub fn new(value: f32x8, slope: f32x8) -> Self {
        Self { value, factor: f32x8::splat(1.0), slope }
    }
}

/// What may stand in a target matrix.
pub trait Target: Copy {
    /// Fills the lanes behind the last entry.
    const PADDING: Self;
    /// Eight targets as floats.
    fn load(lanes: &[Self; 8]) -> f32x8;
}

impl Target for Label {
    const PADDING: Self = Label::Unknown;
    #[inline(always)]
    fn load(lanes: &[Self; 8]) -> f32x8 {
        f32x8::new(lanes.map(|l| f32::from(l as i8)))
    }
}

impl Target for f32 {
    const PADDING: Self = 0.0;
    #[inline(always)]
    fn load(lanes: &[Self; 8]) -> f32x8 {
        f32x8::new(*lanes)
    }
}

/// The first eight targets as floats, or as many as there are and padding.
#[inline(always)]
pub fn load_targets<T: Target>(targets: &[T]) -> f32x8 {
    match targets.first_chunk() {
        Some(full) => T::load(full),
        None => T::load(&lanes::padded(targets, T::PADDING)),
    }
}

/// Entries whose values are added in one vector before the sum is carried on in f64: 64 vectors.
///
/// Short enough that eight f32 sums lose nothing that matters and that a product of 64 factors in [1, 2]
/// stays finite, long enough that the logarithm and the conversion do not show.
const BLOCK: usize = 512;

/// A pointwise loss `name` over the only logit matrix, and its derivative.
///
/// # Errors
/// [`LossError`] for shapes that do not fit, for soft targets, and for a NaN or infinite logit, naming row
/// and class.
pub fn evaluate(
    name: &'static str,
    loss: &impl Pointwise,
    input: &LossInput<'_>,
    grad: LossGrad<'_, '_>,
    reduction: Reduction,
) -> Result<f32, LossError> {
    input.check(name, 1, &grad)?;
    input.check_hard(name)?;
    let factor = reduction.factor(&input.targets);
    let total = sum(loss, input.logits[0], input.targets.labels, grad.into_single(), factor as f32);
    total.map(|s| (s * factor) as f32).ok_or_else(|| non_finite(input))
}

/// The same for a loss of probabilities `soft` `[rows, classes]` in place of labels.
///
/// # Errors
/// As [`evaluate`], and [`LossError::Target`] for a target outside [0, 1].
pub fn evaluate_soft(
    name: &'static str,
    loss: &impl Pointwise,
    input: &LossInput<'_>,
    soft: &[f32],
    grad: LossGrad<'_, '_>,
    reduction: Reduction,
) -> Result<f32, LossError> {
    input.check(name, 1, &grad)?;
    input.check_soft(soft)?;
    let factor = reduction.factor(&input.targets);
    let total = sum(loss, input.logits[0], soft, grad.into_single(), factor as f32);
    total.map(|s| (s * factor) as f32).ok_or_else(|| non_finite(input))
}

/// The same for a loss that differs from row to row or from class to class: `row` looks at the labels of a row
/// and gives the loss of its entries and a weight.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_rows<P: ByClass>(
    name: &'static str,
    input: &LossInput<'_>,
    grad: LossGrad<'_, '_>,
    reduction: Reduction,
    row: impl Fn(&[Label]) -> (P, f64),
) -> Result<f32, LossError> {
    input.check(name, 1, &grad)?;
    input.check_hard(name)?;
    let classes = input.classes;
    let factor = reduction.factor(&input.targets);
    let mut dz_rows = grad.into_single().map(|dz| dz.chunks_mut(classes));
    let mut total = 0.0;
    for (z, labels) in input.logits[0].chunks(classes).zip(input.targets.labels.chunks(classes)) {
        let (loss, weight) = row(labels);
        let weight = weight * factor;
        let dz = dz_rows.as_mut().and_then(Iterator::next);
        total += weight * sum(&loss, z, labels, dz, weight as f32).ok_or_else(|| non_finite(input))?;
    }
    Ok(total as f32)
}

/// The bare loop: the unscaled sum over all entries, or `None` where a logit is NaN or infinite; leaves
/// `scale` * slope in `dz`.
///
/// All slices have the same length; a shorter one ends the sum. For a loss that looks at the class the first
/// entry is class 0 and the slices are one row.
pub fn sum<T: Target>(
    loss: &impl ByClass,
    z: &[f32],
    targets: &[T],
    dz: Option<&mut [f32]>,
    scale: f32,
) -> Option<f64> {
    let scale = f32x8::splat(scale);
    let mut total = 0.0;
    // z * 0 is 0 for every finite z and NaN for the rest, so one accumulator finds any offender.
    let mut poison = f32x8::splat(0.0);
    let mut dz_blocks = dz.map(|dz| dz.chunks_mut(BLOCK));
    let mut class = 0;
    for (z, targets) in z.chunks(BLOCK).zip(targets.chunks(BLOCK)) {
        let dz = dz_blocks.as_mut().and_then(Iterator::next);
        let (mut value, mut product) = (f32x8::splat(0.0), f32x8::splat(1.0));
        let mut add = |z: f32x8, entry: Entry| {
            value += entry.value;
            product *= entry.factor;
            poison = z.mul_add(f32x8::splat(0.0), poison);
        };
        let (z_vectors, z_tail) = z.as_chunks::<8>();
        let (target_vectors, target_tail) = targets.as_chunks::<8>();
        let (dz_vectors, dz_tail) = match dz {
            Some(dz) => {
                let (vectors, tail) = dz.as_chunks_mut::<8>();
                (Some(vectors), Some(tail))
            }
            None => (None, None),
        };
        match dz_vectors {
            Some(dz_vectors) => {
                let (z_pairs, z_last) = z_vectors.as_chunks::<2>();
                let (target_pairs, target_last) = target_vectors.as_chunks::<2>();
                let (dz_pairs, dz_last) = dz_vectors.as_chunks_mut::<2>();
                for ((z, target), dz) in z_pairs.iter().zip(target_pairs).zip(dz_pairs) {
                    let z = z.map(f32x8::new);
                    let entries = [
                        loss.at(class, z[0], T::load(&target[0])),
                        loss.at(class + 8, z[1], T::load(&target[1])),
                    ];
                    class += 16;
                    add(z[0], entries[0]);
                    add(z[1], entries[1]);
                    *dz = entries.map(|entry| (entry.slope * scale).to_array());
                }
                for ((z, target), dz) in z_last.iter().zip(target_last).zip(dz_last) {
                    let z = f32x8::new(*z);
                    let entry = loss.at(class, z, T::load(target));
                    class += 8;
                    add(z, entry);
                    *dz = (entry.slope * scale).to_array();
                }
            }
            None => {
                for (z, target) in z_vectors.iter().zip(target_vectors) {
                    let z = f32x8::new(*z);
                    add(z, loss.at(class, z, T::load(target)));
                    class += 8;
                }
            }
        }
        if !z_tail.is_empty() {
            let n = z_tail.len();
            let z = lanes::load(z_tail);
            let entry = loss.at(class, z, load_targets(target_tail));
            let value = lanes::first(entry.value, n, 0.0);
            add(z, Entry { value, factor: lanes::first(entry.factor, n, 1.0), ..entry });
            if let Some(dz) = dz_tail {
                lanes::store(entry.slope * scale, dz);
            }
        }
        total += lane_sum(value + math::ln(product));
    }
    poison.simd_eq(f32x8::splat(0.0)).all().then_some(total)
}

/// The sum of eight lanes in f64.
#[inline(always)]
pub fn lane_sum(x: f32x8) -> f64 {
    x.to_array().into_iter().map(f64::from).sum()
}

/// The error for a batch in which some logit is not finite.
#[cold]
pub fn non_finite(input: &LossInput<'_>) -> LossError {
    input.first_non_finite().expect("a logit is not finite")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// l = z^2 for known entries, 0 for unknown ones.
    struct KnownSquare;

    impl Pointwise for KnownSquare {
        fn at(&self, z: f32x8, label: f32x8) -> Entry {
            let known = label * label;
            Entry::new(z * z * known, (z + z) * known)
        }
    }

    fn batch(n: usize) -> (Vec<f32>, Vec<Label>) {
        let kinds = [Label::Positive, Label::Unknown, Label::Negative];
        ((0..n).map(|i| i as f32 * 0.01 - 3.0).collect(), (0..n).map(|i| kinds[i % 3]).collect())
    }

    #[test]
    fn every_length_gives_what_a_scalar_loop_gives() {
        for n in (1..40).chain([511, 512, 513, 1024, 1543]) {
            let (z, labels) = batch(n);
            let logits = [&z[..]];
            let input = LossInput::new(&logits, 1, n, &labels);
            let mut dz = vec![f32::NAN; n];
            let grad = LossGrad::Into(&mut [&mut dz]);
            let value = evaluate("test", &KnownSquare, &input, grad, Reduction::MeanKnown).unwrap();
            let known: Vec<bool> = labels.iter().map(|l| l.is_known()).collect();
            let count = known.iter().filter(|k| **k).count().max(1) as f64;
            let sum: f64 = z.iter().zip(&known).filter(|(_, k)| **k).map(|(z, _)| f64::from(z * z)).sum();
            assert!((f64::from(value) - sum / count).abs() <= 1e-6 * (1.0 + sum / count), "{n}");
            for i in 0..n {
                let expected = if known[i] { 2.0 * f64::from(z[i]) / count } else { 0.0 };
                assert!((f64::from(dz[i]) - expected).abs() <= 1e-6 * (1.0 + expected.abs()), "{n}: {i}");
            }
            let alone =
                evaluate("test", &KnownSquare, &input, LossGrad::Unneeded, Reduction::MeanKnown).unwrap();
            assert_eq!(alone, value, "the value does not depend on whether a gradient was asked for");
        }
    }

    /// l = ln 1.5 for every entry, as a factor.
    struct LogOfFactor;

    impl Pointwise for LogOfFactor {
        fn at(&self, _: f32x8, _: f32x8) -> Entry {
            Entry { value: f32x8::splat(0.0), factor: f32x8::splat(1.5), slope: f32x8::splat(0.0) }
        }
    }

    #[test]
    fn factors_of_padding_lanes_do_not_count() {
        for n in [1, 7, 8, 9, 512, 515, 4099] {
            let total = sum(&LogOfFactor, &vec![0.0; n], &vec![Label::Unknown; n], None, 1.0).unwrap();
            assert!((total - n as f64 * 1.5f64.ln()).abs() < 1e-6 * n as f64, "{n}: {total}");
        }
    }

    #[test]
    fn rows_may_differ() {
        let (z, labels) = batch(35);
        let logits = [&z[..]];
        let input = LossInput::new(&logits, 5, 7, &labels);
        let weight = |labels: &[Label]| labels.iter().filter(|l| l.is_positive()).count() as f64;
        let mut dz = vec![f32::NAN; 35];
        let grad = LossGrad::Into(&mut [&mut dz]);
        let value =
            evaluate_rows("test", &input, grad, Reduction::Sum, |l| (KnownSquare, weight(l))).unwrap();
        let mut expected = 0.0;
        for i in 0..35 {
            let w = weight(&labels[i / 7 * 7..][..7]) as f32;
            let known = f32::from(u8::from(labels[i].is_known()));
            expected += f64::from(w * known * z[i] * z[i]);
            assert!((dz[i] - 2.0 * w * known * z[i]).abs() < 1e-5, "{i}");
        }
        assert!((f64::from(value) - expected).abs() < 1e-5 * expected);
    }

    /// l = w_c z.
    struct Weighted(ClassVector);

    impl ByClass for Weighted {
        fn at(&self, class: usize, z: f32x8, _: f32x8) -> Entry {
            let w = self.0.at(class);
            Entry::new(w * z, w)
        }
    }

    #[test]
    fn classes_may_differ() {
        for classes in [1, 7, 8, 9, 16, 23, 80, 519, 1033] {
            let (z, labels) = batch(3 * classes);
            let weights: Vec<f64> = (0..classes).map(|c| c as f64 * 0.5 - 3.0).collect();
            let kernel = Weighted(ClassVector::new(&weights));
            assert_eq!(kernel.0.len(), classes);
            let logits = [&z[..]];
            let input = LossInput::new(&logits, 3, classes, &labels);
            let mut dz = vec![f32::NAN; 3 * classes];
            let grad = LossGrad::Into(&mut [&mut dz]);
            let row = |_: &[Label]| (Weighted(kernel.0.clone()), 2.0);
            let value = evaluate_rows("test", &input, grad, Reduction::Sum, row).unwrap();
            let entry = |i: usize| 2.0 * weights[i % classes] * f64::from(z[i]);
            let exact: f64 = (0..z.len()).map(entry).sum();
            let size: f64 = (0..z.len()).map(|i| entry(i).abs()).sum();
            assert!((f64::from(value) - exact).abs() <= 1e-6 * size, "{classes}: {value} is not {exact}");
            for (i, dz) in dz.iter().enumerate() {
                assert_eq!(f64::from(*dz), 2.0 * weights[i % classes], "{classes}: {i}");
            }
            let alone = evaluate_rows("test", &input, LossGrad::Unneeded, Reduction::Sum, row).unwrap();
            assert_eq!(alone, value);
        }
    }

    #[test]
    fn soft_targets_are_probabilities() {
        let (z, labels) = batch(6);
        let logits = [&z[..]];
        let mut input = LossInput::new(&logits, 2, 3, &labels);
        for bad in [-0.1, 1.5, f32::NAN] {
            let soft = [0.0, 0.5, 1.0, 0.5, bad, 0.5];
            let run = evaluate_soft("test", &KnownSquare, &input, &soft, LossGrad::Unneeded, Reduction::Sum);
            assert!(matches!(run, Err(LossError::Target { row: 1, class: 1, .. })));
        }
        let soft = [0.5; 6];
        input.targets.soft = Some(&soft);
        let run = evaluate("test", &KnownSquare, &input, LossGrad::Unneeded, Reduction::Sum);
        assert!(
            matches!(run, Err(LossError::Unsupported(_))),
            "soft targets are never passed over in silence"
        );
    }

    #[test]
    fn a_gradient_of_the_wrong_size_is_refused() {
        let (z, labels) = batch(6);
        let logits = [&z[..]];
        let input = LossInput::new(&logits, 2, 3, &labels);
        let mut short = [0.0; 5];
        let run = evaluate("test", &KnownSquare, &input, LossGrad::Into(&mut [&mut short]), Reduction::Sum);
        assert!(matches!(run, Err(LossError::Shape { what: "the gradient", .. })));
        let run = evaluate("test", &KnownSquare, &input, LossGrad::Into(&mut []), Reduction::Sum);
        assert!(matches!(run, Err(LossError::Matrices { .. })));
    }

    #[test]
    fn a_non_finite_logit_is_named() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for at in [0, 9, 11] {
                let (mut z, labels) = batch(12);
                z[at] = bad;
                let error = evaluate(
                    "test",
                    &KnownSquare,
                    &LossInput::new(&[&z], 3, 4, &labels),
                    LossGrad::Unneeded,
                    Reduction::Sum,
                )
                .unwrap_err();
                assert!(
                    matches!(error, LossError::NonFinite { row, class, .. } if (row, class) == (at / 4, at % 4))
                );
            }
        }
    }

    #[test]
    fn shapes_are_checked() {
        let (z, labels) = batch(6);
        let run = |rows, classes, labels: &[Label]| {
            let logits = [&z[..]];
            let input = LossInput::new(&logits, rows, classes, labels);
            evaluate("test", &KnownSquare, &input, LossGrad::Unneeded, Reduction::Sum)
        };
        assert!(matches!(run(2, 4, &labels), Err(LossError::Shape { what: "the logits", .. })));
        assert!(matches!(run(2, 3, &labels[1..]), Err(LossError::Shape { what: "the labels", .. })));
        assert!(run(2, 3, &labels).is_ok());
        let empty = LossInput::new(&[&[]], 0, 3, &[]);
        assert!(evaluate("test", &KnownSquare, &empty, LossGrad::Unneeded, Reduction::Sum).is_err());
    }
}
