//! Expectation-maximisation over label sets with a prior on their size (experimental).
//!
//! ```
//! use lacuna_imprecise::{Imprecise, ImpreciseConfig};
//! use lacuna_loss_api::{Label, LossGrad, LossInput, MultiLabelLoss, Reduction};
//!
//! // One positive is seen and about one is expected: the other cells are pulled down, the more the likelier they are.
//! let z = [1.0, 0.5, -2.0];
//! let logits = [&z[..]];
//! let labels = [Label::Positive, Label::Unknown, Label::Unknown];
//! let mut dz = [0.0; 3];
//! let config = ImpreciseConfig { expected_positives: 1.0, strength: 1.0, reduction: Reduction::Sum };
//! Imprecise::new(config)?.evaluate(&LossInput::new(&logits, 1, 3, &labels), LossGrad::Into(&mut [&mut dz]))?;
//! assert!(dz[0] < 0.0 && dz[1] > dz[2] && dz[2] > 0.0);
//! # Ok::<(), lacuna_loss_api::LossError>(())
//! ```

mod posterior;
pub mod reference;
mod table;

pub use table::{ABOUT, ROWS};

use lacuna_loss_api::{
    Dual, Interval, Label, LabelUse, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, ParamInfo,
    Real, Reduction,
};
use posterior::Posterior;

static INFO: LossInfo = LossInfo {
    name: "imprecise",
    title: "imprecise label learning with a prior on the number of positives",
    paper: "Chen, Raj, Xie and others, Imprecise Label Learning: A Unified Framework for Learning with Various Imprecise Label \
            Configurations, NeurIPS 2024, arXiv 2305.12715",
    year: 2024,
    experimental: true,
    labels: LabelUse::UnknownAsUnknown,
    formula: "L = t lp + (1-t) ln, t = y where known, else P(y = 1 | known cells, number of positives ~ Poisson(k))",
    params: &[
        ParamInfo {
            name: "expected_positives",
            default: None,
            range: Interval::above(0.0),
            doc: "mean k of the number of positives of a row",
        },
        ParamInfo {
            name: "strength",
            default: Some(1.0),
            range: Interval::at_least(0.0),
            doc: "exponent of the prior; 0 leaves it out, and the loss is cross-entropy over known cells. 1 is our choice",
        },
    ],
};

/// Parameters of [`Imprecise`].
#[derive(Clone, Debug, PartialEq)]
pub struct ImpreciseConfig {
    /// Mean k > 0 of the number of positives of a row.
    pub expected_positives: f64,
    /// Exponent of the prior, at least 0.
    pub strength: f64,
    /// How the entries become one number.
    pub reduction: Reduction,
}

/// Expectation-maximisation over the label sets that agree with what was seen, under a prior on how many there are.
///
/// ```text
/// q_j = P(y_j = 1 | known cells),  P(y) ~ product of p^y n^(1-y) times r(number of positives),  r = Poisson(k)^strength
/// L = t lp + (1 - t) ln,   t = y on known cells, q on unknown ones (constant),   dL/dz = p - t
/// ```
/// The posterior is exact. It costs about C^2 operations a row.
#[derive(Clone, Debug)]
pub struct Imprecise {
    config: ImpreciseConfig,
    posterior: Posterior,
}

impl Imprecise {
    /// Loss metadata.
    pub const INFO: &LossInfo = &INFO;

    /// The loss with these parameters.
    ///
    /// # Errors
    /// [`LossError::Parameter`] if one is out of its range.
    pub fn new(config: ImpreciseConfig) -> Result<Self, LossError> {
        INFO.check("expected_positives", config.expected_positives)?;
        INFO.check("strength", config.strength)?;
        let posterior = Posterior::new(config.expected_positives, config.strength);
        Ok(Self { config, posterior })
    }
}

impl MultiLabelLoss for Imprecise {
    fn info(&self) -> &'static LossInfo {
        &INFO
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        input.check(INFO.name, 1, &grad)?;
        input.check_hard(INFO.name)?;
        if let Some(error) = input.first_non_finite() {
            return Err(error);
        }
        let factor = self.config.reduction.factor(&input.targets);
        let mut dz_rows = grad.into_single().map(|dz| dz.chunks_mut(input.classes));
        let mut total = 0.0;
        let rows = input.logits[0].chunks(input.classes).zip(input.targets.labels.chunks(input.classes));
        for (z, labels) in rows {
            let q = self.posterior.of_row(z, labels);
            let mut dz = dz_rows.as_mut().and_then(Iterator::next);
            for (class, ((&z, &label), q)) in z.iter().zip(labels).zip(q).enumerate() {
                let z = f64::from(z);
                // p - t, and (1 - t) - n where t is near 1: the smaller side is the exact one.
                let (lp, ln, p, n) = (Real::softplus(-z), z.softplus(), z.sigmoid(), (-z).sigmoid());
                let (cost, slope) = match label {
                    Label::Positive => (lp, -n),
                    Label::Negative => (ln, p),
                    Label::Unknown => (q.yes * lp + q.no * ln, p * q.no - n * q.yes),
                };
                total += cost;
                if let Some(dz) = &mut dz {
                    dz[class] = (factor * slope) as f32;
                }
            }
        }
        Ok((factor * total) as f32)
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let ImpreciseConfig { expected_positives, strength, reduction } = self.config;
        let rows = z[0].chunks(input.classes).zip(input.targets.labels.chunks(input.classes));
        let row = |(z, labels): (&[Dual], &[Label])| {
            let unknown = || z.iter().zip(labels).filter(|(_, l)| !l.is_known());
            let p: Vec<f64> = unknown().map(|(z, _)| z.value().sigmoid()).collect();
            let known = labels.iter().filter(|l| l.is_positive()).count();
            let mut q = reference::posterior(&p, known, expected_positives, strength).into_iter();
            let entry = |(&z, &label): (&Dual, &Label)| {
                let q = if label.is_known() { 0.0 } else { q.next().expect("one for each unknown cell") };
                reference::entry(z, label, q)
            };
            Dual::sum(z.iter().zip(labels).map(entry))
        };
        Dual::sum(rows.map(row)) * Dual::of(reduction.factor(&input.targets))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::conformance;

    fn build(expected_positives: f64, strength: f64) -> impl Fn(usize) -> Box<dyn MultiLabelLoss> {
        move |_| {
            let config = ImpreciseConfig { expected_positives, strength, reduction: Reduction::Mean };
            Box::new(Imprecise::new(config).unwrap())
        }
    }

    #[test]
    fn conforms() {
        for (expected_positives, strength) in [(1.5, 1.0), (2.9, 0.3), (30.0, 1.0), (0.2, 2.0), (1.5, 0.0)] {
            conformance::check(&build(expected_positives, strength));
        }
    }

    /// Without a prior the posterior is the prediction: nothing is learned from unknown cells.
    #[test]
    fn without_a_prior_unknown_cells_have_no_slope() {
        let z: Vec<f32> = (0..40).map(|i| (i as f32 * 0.7).sin() * 4.0).collect();
        let labels: Vec<Label> = (0..40)
            .map(|i| [Label::Positive, Label::Unknown, Label::Negative, Label::Unknown][i % 4])
            .collect();
        let logits = [&z[..]];
        let input = LossInput::new(&logits, 4, 10, &labels);
        let mut dz = vec![0.0; 40];
        build(1.5, 0.0)(10).evaluate(&input, LossGrad::Into(&mut [&mut dz])).unwrap();
        for ((dz, z), label) in dz.iter().zip(&z).zip(&labels) {
            let p = 1.0 / (1.0 + (-z).exp());
            let bce = match label {
                Label::Positive => p - 1.0,
                Label::Negative => p,
                Label::Unknown => 0.0,
            };
            assert!((dz - bce / 40.0).abs() < 1e-8, "{dz} against {bce} / 40");
        }
    }

    /// As many positives are expected as cells: the posterior of a row of equal cells is what enumeration gives.
    #[test]
    fn the_posterior_is_that_of_enumeration() {
        let (p, k, known) = ([0.3, 0.8, 0.55, 0.1], 2.0, 1);
        let q = reference::posterior(&p, known, k, 1.0);
        let (mut yes, mut all) = ([0.0; 4], 0.0);
        for set in 0..16u32 {
            let has = |j: usize| set >> j & 1 == 1;
            let likelihood: f64 = (0..4).map(|j| if has(j) { p[j] } else { 1.0 - p[j] }).product();
            let weight = likelihood * reference::log_prior(set.count_ones() as usize + known, k, 1.0).exp();
            all += weight;
            (0..4).filter(|j| has(*j)).for_each(|j| yes[j] += weight);
        }
        for (q, yes) in q.iter().zip(yes) {
            assert!((q - yes / all).abs() < 1e-12);
        }
    }

    #[test]
    fn a_thousand_classes_are_no_problem() {
        let z: Vec<f32> = (0..983).map(|i| if i % 3 == 0 { 9.0 } else { -9.0 }).collect();
        let labels = vec![Label::Unknown; 983];
        let logits = [&z[..]];
        let input = LossInput::new(&logits, 1, 983, &labels);
        let mut dz = vec![0.0; 983];
        let value = build(3.0, 1.0)(983).evaluate(&input, LossGrad::Into(&mut [&mut dz])).unwrap();
        assert!(value.is_finite() && dz.iter().all(|g| g.is_finite()));
        assert!(dz[0] > 0.0, "300 confident positives where 3 are expected are pulled down: {}", dz[0]);
    }

    #[test]
    fn parameters_are_checked() {
        for (expected_positives, strength) in [(0.0, 1.0), (1.0, -1.0), (f64::NAN, 1.0)] {
            let config = ImpreciseConfig { expected_positives, strength, reduction: Reduction::Mean };
            assert!(matches!(Imprecise::new(config), Err(LossError::Parameter { .. })));
        }
    }
}
