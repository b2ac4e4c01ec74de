//! Losses that allow for labels missing with a known probability (Jain, Prabhu and Varma, KDD 2016; Qaraei, Schultheis,
//! Gupta and Babbar; Schultheis and Babbar, "Unbiased Loss Functions for Multilabel Classification with Missing Labels",
//! arXiv 2109.11282).
//!
//! A label that is there is observed with the propensity p_c of its class, whatever the features; a label that is
//! not there is never observed. Then an observed positive stands for 1/p of them.
//!
//! ```
//! use lacuna_propensity::{Bound, Propensities, Propensity, Surrogate};
//! use lacuna_loss_api::{ClassStatistics, Reduction};
//!
//! let train = ClassStatistics::new(15000.0, vec![9000.0, 3.0])?;
//! let p = Propensities::default().of(&train)?;
//! assert!(p[0] > 0.9 && p[1] < 0.25); // labels of rare classes are the ones that get lost
//! let loss = Propensity::new(Bound::Upper, Surrogate::Bce, &p, Reduction::Mean)?;
//! # Ok::<(), lacuna_loss_api::LossError>(())
//! ```

pub mod reference;
mod table;

pub use table::{ABOUT, ROWS};

use lacuna_loss_api::pointwise::{self, ByClass, ClassVector, Entry};
use lacuna_loss_api::{
    ClassStatistics, Dual, Interval, Label, LabelUse, LossError, LossGrad, LossInfo, LossInput,
    MultiLabelLoss, ParamInfo, Real, Reduction, f32x8, math,
};
use std::ops::Range;

const PARAMS: &[ParamInfo] = &[
    ParamInfo {
        name: "a",
        default: Some(0.55),
        range: Interval::above(0.0),
        doc: "exponent A of the propensity model. 0.55 in general, 0.5 for Wikipedia, 0.6 for Amazon",
    },
    ParamInfo {
        name: "b",
        default: Some(1.5),
        range: Interval::at_least(0.0),
        doc: "offset B of the propensity model. 1.5 in general, 0.4 for Wikipedia, 2.6 for Amazon",
    },
];

const PAPER: &str = "Schultheis and Babbar, Unbiased Loss Functions for Multilabel Classification with Missing \
                     Labels, arXiv 2109.11282; propensities: Jain, Prabhu and Varma, KDD 2016";

const fn info(name: &'static str, title: &'static str, formula: &'static str) -> LossInfo {
    let labels = LabelUse::UnknownAsNegative;
    LossInfo { name, title, paper: PAPER, year: 2021, experimental: false, labels, formula, params: PARAMS }
}

const UNBIASED: &str = "L = y/p_c (l+ - l-) + l-, 1/p_c = 1 + (ln N - 1) (B+1)^A (n_c+B)^-A";
const UPPER: &str = "L = y (2/p_c - 1) l+ + (1-y) l-, 1/p_c = 1 + (ln N - 1) (B+1)^A (n_c+B)^-A";

static UNBIASED_BCE: LossInfo = info("unbiased-bce", "unbiased cross-entropy", UNBIASED);
static UNBIASED_HINGE: LossInfo = info("unbiased-hinge", "unbiased squared hinge", UNBIASED);
static UPPER_BCE: LossInfo = info("upper-bce", "upper bound of the unbiased cross-entropy", UPPER);
static UPPER_HINGE: LossInfo = info("upper-hinge", "upper bound of the unbiased squared hinge", UPPER);

/// Which estimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Right on average; negative and without a lower bound where p < 1.
    Unbiased,
    /// Above it, convex where the surrogate is, never negative.
    Upper,
}

/// What an entry costs as a positive (l+) and as a negative (l-).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surrogate {
    /// softplus(-z) and softplus(z).
    Bce,
    /// max(0, 1 - z)^2 and max(0, 1 + z)^2.
    SquaredHinge,
}

/// Loss metadata.
pub const fn info_of(bound: Bound, surrogate: Surrogate) -> &'static LossInfo {
    match (bound, surrogate) {
        (Bound::Unbiased, Surrogate::Bce) => &UNBIASED_BCE,
        (Bound::Unbiased, Surrogate::SquaredHinge) => &UNBIASED_HINGE,
        (Bound::Upper, Surrogate::Bce) => &UPPER_BCE,
        (Bound::Upper, Surrogate::SquaredHinge) => &UPPER_HINGE,
    }
}

/// The propensity model of Jain et al.: 1 / p_c = 1 + (ln N - 1) (B + 1)^A (n_c + B)^-A.
///
/// kunaldahiya/pyxclib@5d130862df91, xclib/evaluation/xc_metrics.py (`compute_inv_propesity`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Propensities {
    /// Exponent A > 0.
    pub a: f64,
    /// Offset B >= 0.
    pub b: f64,
}

impl Default for Propensities {
    /// 0.55, 1.5.
    fn default() -> Self {
        Self { a: 0.55, b: 1.5 }
    }
}

impl Propensities {
    /// A = 0.5, B = 0.4.
    pub const WIKIPEDIA: Self = Self { a: 0.5, b: 0.4 };
    /// A = 0.6, B = 2.6.
    pub const AMAZON: Self = Self { a: 0.6, b: 2.6 };

    /// 1 / p_c of every class.
    ///
    /// # Errors
    /// [`LossError::Parameter`] for A, B out of their range, [`LossError::Unsupported`] for fewer than three rows,
    /// where p would exceed 1, and for a class without positives if B is 0.
    pub fn inverse(self, train: &ClassStatistics) -> Result<Vec<f64>, LossError> {
        UNBIASED_BCE.check("a", self.a)?;
        UNBIASED_BCE.check("b", self.b)?;
        if train.rows() < std::f64::consts::E {
            let message = format!("the propensity model needs three rows or more, not {}", train.rows());
            return Err(LossError::Unsupported(message));
        }
        let counts = train.positives();
        if let Some(class) = counts.iter().position(|n| n + self.b == 0.0) {
            let message = format!("with B = 0 the propensity of class {class}, which has no positive, is 0");
            return Err(LossError::Unsupported(message));
        }
        Ok(counts.iter().map(|&n| reference::inverse_propensity(n, train.rows(), self.a, self.b)).collect())
    }

    /// p_c of every class, in (0, 1].
    ///
    /// # Errors
    /// As [`inverse`](Self::inverse).
    pub fn of(self, train: &ClassStatistics) -> Result<Vec<f64>, LossError> {
        Ok(self.inverse(train)?.into_iter().map(f64::recip).collect())
    }
}

/// A one-versus-all loss that allows for missing positives.
///
/// ```text
/// unbiased:    L = y/p (l+ - l-) + l-
/// upper bound: L = y (2/p - 1) l+ + (1 - y) l-
/// ```
/// The unbiased form is negative for some entries and has no lower bound: with few positives it can be overfitted
/// without end. Unknown and observed negative are the same.
///
/// Schultheis and Babbar, arXiv 2109.11282; xmc-aalto/missing-labels-tmlr@3c691141a1cd.
#[derive(Clone, Debug, PartialEq)]
pub struct Propensity {
    bound: Bound,
    surrogate: Surrogate,
    reduction: Reduction,
    propensities: Vec<f64>,
    /// 1/p, or 2/p - 1 for the upper bound.
    weight: ClassVector,
}

impl Propensity {
    /// The loss for these propensities in (0, 1], one for each class.
    ///
    /// # Errors
    /// [`LossError::Parameter`] for one out of its range, [`LossError::Classes`] without any.
    pub fn new(
        bound: Bound,
        surrogate: Surrogate,
        propensities: &[f64],
        reduction: Reduction,
    ) -> Result<Self, LossError> {
        let (loss, range) = (info_of(bound, surrogate).name, Interval::closed(f64::MIN_POSITIVE, 1.0));
        if propensities.is_empty() {
            return Err(LossError::Classes { loss, needed: 1, found: 0 });
        }
        if let Some(&value) = propensities.iter().find(|p| !range.contains(**p)) {
            return Err(LossError::Parameter { loss, parameter: "propensity", value, range });
        }
        let weight = |p: &f64| if bound == Bound::Unbiased { 1.0 / p } else { 2.0 / p - 1.0 };
        let weight = ClassVector::new(&propensities.iter().map(weight).collect::<Vec<f64>>());
        Ok(Self { bound, surrogate, reduction, propensities: propensities.to_vec(), weight })
    }

    fn run<const UNBIASED: bool, const HINGE: bool>(
        &self,
        input: &LossInput<'_>,
        grad: LossGrad<'_, '_>,
    ) -> Result<f32, LossError> {
        let row = |_: &[Label]| (Kernel::<UNBIASED, HINGE> { weight: &self.weight }, 1.0);
        pointwise::evaluate_rows(self.info().name, input, grad, self.reduction, row)
    }
}

impl MultiLabelLoss for Propensity {
    fn info(&self) -> &'static LossInfo {
        info_of(self.bound, self.surrogate)
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        let name = self.info().name;
        input.check(name, 1, &grad)?;
        if input.classes != self.propensities.len() {
            let (built, found) = (self.propensities.len(), input.classes);
            let message = format!("{name} was built for {built} classes, the batch has {found}");
            return Err(LossError::Unsupported(message));
        }
        match (self.bound, self.surrogate) {
            (Bound::Unbiased, Surrogate::Bce) => self.run::<true, false>(input, grad),
            (Bound::Unbiased, Surrogate::SquaredHinge) => self.run::<true, true>(input, grad),
            (Bound::Upper, Surrogate::Bce) => self.run::<false, false>(input, grad),
            (Bound::Upper, Surrogate::SquaredHinge) => self.run::<false, true>(input, grad),
        }
    }

    fn cut(&mut self, classes: Range<usize>) {
        self.propensities = self.propensities[classes.clone()].to_vec();
        self.weight.cut(classes);
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let entry = |(i, &z): (usize, &Dual)| {
            let p = self.propensities[i % input.classes];
            reference::propensity(z, input.targets.labels[i], p, self.surrogate, self.bound)
        };
        let sum = Real::sum(z[0].iter().enumerate().map(entry));
        sum * Dual::of(self.reduction.factor(&input.targets))
    }
}

struct Kernel<'a, const UNBIASED: bool, const HINGE: bool> {
    weight: &'a ClassVector,
}

impl<const UNBIASED: bool, const HINGE: bool> ByClass for Kernel<'_, UNBIASED, HINGE> {
    #[inline(always)]
    fn at(&self, class: usize, z: f32x8, l: f32x8) -> Entry {
        let (zero, one) = (f32x8::splat(0.0), f32x8::splat(1.0));
        let positive = l.simd_gt(zero);
        let w = self.weight.at(class);
        let (up, down, up_slope, down_slope) = if HINGE {
            let (a, b) = ((one - z).fast_max(zero), (one + z).fast_max(zero));
            (a * a, b * b, -(a + a), b + b)
        } else {
            let log = math::logistic(z);
            (log.neg_ln_p, log.neg_ln_n, -log.n, log.p)
        };
        let (value, slope) = if UNBIASED {
            // l+ - l- is -z for cross-entropy.
            let (gap, gap_slope) = if HINGE { (up - down, up_slope - down_slope) } else { (-z, -one) };
            (w.mul_add(gap, down), w.mul_add(gap_slope, down_slope))
        } else {
            (w * up, w * up_slope)
        };
        Entry::new(positive.select(value, down), positive.select(slope, down_slope))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::conformance;

    #[test]
    fn conforms() {
        for bound in [Bound::Unbiased, Bound::Upper] {
            for surrogate in [Surrogate::Bce, Surrogate::SquaredHinge] {
                for reduction in [Reduction::Mean, Reduction::Sum] {
                    let build = |step: f64| {
                        move |classes| {
                            let p: Vec<f64> = (0..classes).map(|c| 1.0 - step * (c % 9) as f64).collect();
                            Box::new(Propensity::new(bound, surrogate, &p, reduction).unwrap()) as Box<_>
                        }
                    };
                    conformance::check_by_class(&build(0.1));
                    conformance::check(&build(0.0));
                }
            }
        }
    }

    #[test]
    fn a_propensity_of_one_is_the_plain_loss() {
        let z = [1.5, -0.5];
        let logits = [&z[..]];
        let labels = [Label::Positive, Label::Unknown];
        let input = LossInput::new(&logits, 1, 2, &labels);
        let values = [Bound::Unbiased, Bound::Upper].map(|bound| {
            let mut loss = Propensity::new(bound, Surrogate::Bce, &[1.0, 1.0], Reduction::Sum).unwrap();
            loss.evaluate(&input, LossGrad::Unneeded).unwrap()
        });
        assert!((values[0] - values[1]).abs() < 1e-6);
    }

    #[test]
    fn propensities_and_parameters_are_checked() {
        for p in [0.0, 1.1, f64::NAN] {
            let error = Propensity::new(Bound::Upper, Surrogate::Bce, &[0.5, p], Reduction::Mean);
            assert!(matches!(error, Err(LossError::Parameter { .. })));
        }
        let small = ClassStatistics::new(2.0, vec![1.0]).unwrap();
        assert!(Propensities::default().of(&small).is_err());
        let train = ClassStatistics::new(100.0, vec![1.0, 50.0]).unwrap();
        assert!(Propensities { a: 0.0, b: 1.0 }.of(&train).is_err());
        assert!(Propensities::AMAZON.of(&train).unwrap().iter().all(|p| (0.0..=1.0).contains(p)));
    }
}
