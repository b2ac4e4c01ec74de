//! Cross-entropy that also asks of mixed rows for the union of their label sets, after LaSO (Alfassy et al., CVPR 2019).
//! Experimental: the README says what is known and what is ours.
//!
//! ```
//! use lacuna_label_set::union;
//! use lacuna_loss_api::Label::{Negative, Positive, Unknown};
//!
//! assert_eq!(union(Positive, Unknown), Positive); // whatever the other is
//! assert_eq!(union(Negative, Unknown), Unknown);
//! assert_eq!(union(Negative, Negative), Negative);
//! ```

pub mod reference;
mod table;

pub use table::{ABOUT, ROWS};

use lacuna_loss_api::pointwise::{self, Entry, Pointwise};
use lacuna_loss_api::{
    Dual, Interval, Label, LabelUse, LossError, LossGrad, LossInfo, LossInput, Mix, MultiLabelLoss,
    ParamInfo, Real, Reduction, Takes, f32x8, math,
};

static INFO: LossInfo = LossInfo {
    name: "label-set-mixup",
    title: "cross-entropy with the union of the label sets of mixed rows",
    paper: "after Alfassy et al., LaSO: Label-Set Operations Networks for Multi-Label Few-Shot Learning, CVPR",
    year: 2019,
    experimental: true,
    labels: LabelUse::KnownOnly,
    formula: "L = bce + weight (B/M) bce of the mixed rows, positive where either row is, negative where both are",
    params: &[ParamInfo {
        name: "weight",
        default: Some(1.0),
        range: Interval::at_least(0.0),
        doc: "weight of the mixed rows. 1 is our choice: they count as much as the rows of the batch",
    }],
};

/// The label of a class in the union of two label sets of which not everything is known: positive if one of them has
/// it, negative if both are known not to, else unknown.
pub fn union(a: Label, b: Label) -> Label {
    match (a, b) {
        (Label::Positive, _) | (_, Label::Positive) => Label::Positive,
        (Label::Negative, Label::Negative) => Label::Negative,
        _ => Label::Unknown,
    }
}

/// Parameters of [`LabelSetMixup`].
#[derive(Clone, Debug, PartialEq)]
pub struct LabelSetMixupConfig {
    /// Weight >= 0 of the mixed rows.
    pub weight: f64,
    /// How the entries become one number.
    pub reduction: Reduction,
}

impl Default for LabelSetMixupConfig {
    /// 1, mean.
    fn default() -> Self {
        Self { weight: 1.0, reduction: Reduction::Mean }
    }
}

/// Binary cross-entropy over known labels, and the same of mixed rows with the [`union`] of their labels.
///
/// The logit matrices are those of the batch `[B, C]` and of the mixed rows `[M, C]`, which [`Targets::mix`] describes.
/// ```text
/// L = f [sum over the batch of y lp + (1 - y) ln + weight (B / M) sum over mixed rows of u lp + (1 - u) ln]
/// dL/dz = f (p - y),   dL/dz~ = f weight (B / M) (p~ - u)
/// ```
/// f is the factor of the reduction, u the union. Unknown cells of either kind count exactly nothing. Without mixed
/// rows, as in a batch of one row, the second sum is 0.
///
/// [`Targets::mix`]: lacuna_loss_api::Targets::mix
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LabelSetMixup {
    config: LabelSetMixupConfig,
    /// Labels of the mixed rows, `[M, C]`.
    unions: Vec<Label>,
}

impl LabelSetMixup {
    /// Loss metadata.
    pub const INFO: &LossInfo = &INFO;

    /// The loss with these parameters.
    ///
    /// # Errors
    /// [`LossError::Parameter`] if the weight is negative or not finite.
    pub fn new(config: LabelSetMixupConfig) -> Result<Self, LossError> {
        INFO.check("weight", config.weight)?;
        Ok(Self { config, unions: Vec::new() })
    }

    /// What a mixed row's entry is multiplied with before the reduction.
    fn share(&self, input: &LossInput<'_>, mix: &Mix<'_>) -> f64 {
        self.config.weight * input.rows as f64 / mix.rows().max(1) as f64
    }
}

/// The labels of the mixed rows, row by row.
fn unions<'a>(labels: &'a [Label], classes: usize, mix: &'a Mix<'_>) -> impl Iterator<Item = Label> + 'a {
    mix.first.iter().zip(mix.second).flat_map(move |(&a, &b)| {
        let row = |i: u32| &labels[i as usize * classes..][..classes];
        row(a).iter().zip(row(b)).map(|(&a, &b)| union(a, b))
    })
}

impl MultiLabelLoss for LabelSetMixup {
    fn info(&self) -> &'static LossInfo {
        &INFO
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        input.check(INFO.name, 2, &grad)?;
        input.check_hard(INFO.name)?;
        let Some(mix) = input.targets.mix else {
            return Err(LossError::Unsupported(format!("{} needs to know how rows were mixed", INFO.name)));
        };
        mix.check(input.rows)?;
        self.unions.clear();
        self.unions.extend(unions(input.targets.labels, input.classes, &mix));
        let (mut dz, mut dm) = (None, None);
        if let LossGrad::Into([first, second]) = grad {
            (dz, dm) = (Some(&mut **first), Some(&mut **second));
        }
        let (factor, share) = (self.config.reduction.factor(&input.targets), self.share(input, &mix));
        let whole = pointwise::sum(&Known, input.logits[0], input.targets.labels, dz, factor as f32);
        let mixed = pointwise::sum(&Known, input.logits[1], &self.unions, dm, (factor * share) as f32);
        match (whole, mixed) {
            (Some(whole), Some(mixed)) => Ok((factor * (whole + share * mixed)) as f32),
            _ => Err(pointwise::non_finite(input)),
        }
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let mix = input.targets.mix.expect("rows were mixed");
        let whole = z[0].iter().zip(input.targets.labels).map(|(&z, &l)| reference::bce(z, l));
        let mixed = z[1]
            .iter()
            .zip(unions(input.targets.labels, input.classes, &mix))
            .map(|(&z, l)| reference::bce(z, l));
        let sum = Real::sum(whole) + Dual::of(self.share(input, &mix)) * Real::sum(mixed);
        sum * Dual::of(self.config.reduction.factor(&input.targets))
    }

    fn takes(&self) -> Takes {
        Takes::MixedRows
    }
}

/// lp of positives, ln of negatives.
struct Known;

impl Pointwise for Known {
    #[inline(always)]
    fn at(&self, z: f32x8, l: f32x8) -> Entry {
        let zero = f32x8::splat(0.0);
        let log = math::logistic(z);
        let (positive, unknown) = (l.simd_gt(zero), l.simd_eq(zero));
        let value = positive.select(log.neg_ln_p, log.neg_ln_n);
        let slope = positive.select(-log.n, log.p);
        Entry::new(unknown.select(zero, value), unknown.select(zero, slope))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::conformance;

    #[test]
    fn conforms() {
        for weight in [0.0, 0.3, 1.0] {
            for reduction in [Reduction::Sum, Reduction::Mean, Reduction::MeanKnown] {
                let config = LabelSetMixupConfig { weight, reduction };
                conformance::check(&|_| Box::new(LabelSetMixup::new(config.clone()).unwrap()));
            }
        }
    }

    #[test]
    fn mixed_rows_are_asked_for_both_label_sets() {
        let (p, n, u) = (Label::Positive, Label::Negative, Label::Unknown);
        let labels = [p, n, u, n, n, p];
        let (z, mixed) = ([0.0; 6], [0.0; 3]);
        let logits = [&z[..], &mixed[..]];
        let mut input = LossInput::new(&logits, 2, 3, &labels);
        let (mut dz, mut dm) = ([0.0; 6], [0.0; 3]);
        let config = LabelSetMixupConfig { weight: 1.0, reduction: Reduction::Sum };
        let mut loss = LabelSetMixup::new(config).unwrap();
        let unmixed = [&z[..], &z[..]];
        let unmixed = LossInput::new(&unmixed, 2, 3, &labels);
        assert!(matches!(loss.evaluate(&unmixed, LossGrad::Unneeded), Err(LossError::Unsupported(_))));
        input.targets.mix = Some(Mix { first: &[0], second: &[1], lambda: 0.5 });
        loss.evaluate(&input, LossGrad::Into(&mut [&mut dz, &mut dm])).unwrap();
        assert_eq!(dm, [-1.0, 1.0, -1.0]); // (p - u) times 2 rows / 1 mixed row
        assert_eq!(dz, [-0.5, 0.5, 0.0, 0.5, 0.5, -0.5]);
    }

    #[test]
    fn a_weight_below_zero_is_refused() {
        for weight in [-0.1, f64::NAN] {
            let error = LabelSetMixup::new(LabelSetMixupConfig { weight, ..Default::default() }).unwrap_err();
            assert!(matches!(error, LossError::Parameter { parameter: "weight", .. }));
        }
    }
}
