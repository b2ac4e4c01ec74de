//! The loop of every loss whose entries do not see each other.
//!
//! A pointwise loss is L = f * sum_ic l(z_ic, y_ic) with a factor f from the reduction. The loop, the
//! tail, the sum, the factor and the check for NaN and infinity stand here once.

use crate::{Label, LossError, LossGrad, LossInput, Reduction};
use lacuna_kernels::f32x8;

/// One entry of a loss, eight at a time.
pub trait Pointwise {
    /// Value and derivative with respect to the logit, before the reduction.
    ///
    /// `label` holds -1 (negative), 0 (unknown) or 1 (positive).
    fn at(&self, z: f32x8, label: f32x8) -> (f32x8, f32x8);
}

/// Entries whose values are added in one vector before the sum is carried on in f64.
///
/// 64 vectors: short enough that eight f32 sums lose nothing that matters, long enough that the
/// conversion does not show.
const BLOCK: usize = 512;

/// Sum or mean of a pointwise loss over the first logit matrix, and its derivative.
///
/// # Errors
/// [`LossError`] for shapes that do not fit and for a NaN or infinite logit, naming row and class.
pub fn evaluate(
    loss: &impl Pointwise,
    input: &LossInput<'_>,
    grad: LossGrad<'_, '_>,
    reduction: Reduction,
) -> Result<f32, LossError> {
    input.check("a pointwise loss", 1)?;
    let labels = input.targets.labels;
    let factor = reduction.factor(labels);
    let dz = match grad {
        LossGrad::Into(buffers) => Some(&mut *buffers[0]),
        LossGrad::Unneeded => None,
    };
    let sum = sum_entries(loss, input.logits[0], labels, dz, factor as f32);
    sum.map(|s| (s * factor) as f32).ok_or_else(|| non_finite(input))
}

/// The sum over all entries, or `None` where a logit is NaN or infinite.
fn sum_entries(
    loss: &impl Pointwise,
    z: &[f32],
    labels: &[Label],
    dz: Option<&mut [f32]>,
    factor: f32,
) -> Option<f64> {
    let scale = f32x8::splat(factor);
    let mut total = 0.0;
    // z * 0 is 0 for every finite z and NaN for the rest, so one accumulator finds any offender.
    let mut poison = f32x8::splat(0.0);
    let mut dz_blocks = dz.map(|dz| dz.chunks_mut(BLOCK));
    for (z, labels) in z.chunks(BLOCK).zip(labels.chunks(BLOCK)) {
        let dz = dz_blocks.as_mut().and_then(Iterator::next);
        let mut sum = f32x8::splat(0.0);
        let (z_vectors, z_tail) = z.as_chunks::<8>();
        let (label_vectors, label_tail) = labels.as_chunks::<8>();
        let (dz_vectors, dz_tail) = match dz {
            Some(dz) => {
                let (vectors, tail) = dz.as_chunks_mut::<8>();
                (Some(vectors), Some(tail))
            }
            None => (None, None),
        };
        match dz_vectors {
            Some(dz_vectors) => {
                for ((z, label), dz) in z_vectors.iter().zip(label_vectors).zip(dz_vectors) {
                    let z = f32x8::new(*z);
                    let (value, slope) = loss.at(z, load(label));
                    sum += value;
                    poison = z.mul_add(f32x8::splat(0.0), poison);
                    *dz = (slope * scale).to_array();
                }
            }
            None => {
                for (z, label) in z_vectors.iter().zip(label_vectors) {
                    let z = f32x8::new(*z);
                    sum += loss.at(z, load(label)).0;
                    poison = z.mul_add(f32x8::splat(0.0), poison);
                }
            }
        }
        if !z_tail.is_empty() {
            let n = z_tail.len();
            let (mut z8, mut label8) = ([0.0; 8], [Label::Unknown; 8]);
            z8[..n].copy_from_slice(z_tail);
            label8[..n].copy_from_slice(label_tail);
            let z = f32x8::new(z8);
            let (value, slope) = loss.at(z, load(&label8));
            let mut value = value.to_array();
            value[n..].fill(0.0);
            sum += f32x8::new(value);
            poison = z.mul_add(f32x8::splat(0.0), poison);
            if let Some(dz) = dz_tail {
                dz.copy_from_slice(&(slope * scale).to_array()[..n]);
            }
        }
        total += f64::from(sum.reduce_add());
    }
    poison.simd_eq(f32x8::splat(0.0)).all().then_some(total)
}

/// Eight labels as floats -1, 0, 1.
#[inline]
pub fn load(labels: &[Label; 8]) -> f32x8 {
    f32x8::new(labels.map(|l| l as i8 as f32))
}

/// The error for a batch in which some logit is not finite.
#[cold]
fn non_finite(input: &LossInput<'_>) -> LossError {
    input.first_non_finite().expect("a logit is not finite")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// l = z^2 for known entries, 0 for unknown ones.
    struct KnownSquare;

    impl Pointwise for KnownSquare {
        fn at(&self, z: f32x8, label: f32x8) -> (f32x8, f32x8) {
            let known = label * label;
            (z * z * known, (z + z) * known)
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
            let value =
                evaluate(&KnownSquare, &input, LossGrad::Into(&mut [&mut dz]), Reduction::MeanKnown).unwrap();
            let known: Vec<bool> = labels.iter().map(|l| l.is_known()).collect();
            let count = known.iter().filter(|k| **k).count().max(1) as f64;
            let sum: f64 = z.iter().zip(&known).filter(|(_, k)| **k).map(|(z, _)| f64::from(z * z)).sum();
            assert!((f64::from(value) - sum / count).abs() <= 1e-6 * (1.0 + sum / count), "{n}");
            for i in 0..n {
                let expected = if known[i] { 2.0 * f64::from(z[i]) / count } else { 0.0 };
                assert!((f64::from(dz[i]) - expected).abs() <= 1e-6 * (1.0 + expected.abs()), "{n}: {i}");
            }
            let alone = evaluate(&KnownSquare, &input, LossGrad::Unneeded, Reduction::MeanKnown).unwrap();
            assert_eq!(alone, value, "the value does not depend on whether a gradient was asked for");
        }
    }

    #[test]
    fn a_non_finite_logit_is_named() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for at in [0, 9, 11] {
                let (mut z, labels) = batch(12);
                z[at] = bad;
                let error = evaluate(
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
            evaluate(&KnownSquare, &input, LossGrad::Unneeded, Reduction::Sum)
        };
        assert!(matches!(run(2, 4, &labels), Err(LossError::Shape { what: "the logits", .. })));
        assert!(matches!(run(2, 3, &labels[1..]), Err(LossError::Shape { what: "the labels", .. })));
        assert!(run(2, 3, &labels).is_ok());
        let empty = LossInput::new(&[&[]], 0, 3, &[]);
        assert!(evaluate(&KnownSquare, &empty, LossGrad::Unneeded, Reduction::Sum).is_err());
    }
}
