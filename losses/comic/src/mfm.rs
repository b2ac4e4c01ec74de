//! The multi-focal modifier of the authors' code.

use crate::config::{MFM, MFM_CLASS};
use crate::paper::check_classes;
use crate::{MfmConfig, reference};
use lacuna_loss_api::pointwise::{self, ClassVector, Target, load_targets};
use lacuna_loss_api::{
    ClassStatistics, Dual, Label, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, Real, f32x8,
    lanes, math,
};
use std::ops::Range;

/// An asymmetric loss weighted towards the tail, in which the classes that go with a row's positives count less.
///
/// ```text
/// h = (1 - ln(n_c / max n))^power,  A = co-occurrence / column sums
/// a = mean of the rows of A of the row's positives, with sum 1;  without attention or positives 0
/// xp = p (1 - a),  xn = min(n + clip, 1), and min(1.2 xn, 1) where a is not 0
/// y = 1: L = h (1 - xp)^g+ (-ln max(xp, e)),       dL/dz = -h (1 - xp)^g+ n [xp >= e]
/// y = 0: L = h (1 - xn)^(g- + h) (-ln max(xn, e)),  dL/dz =  h (1 - xn)^(g- + h) p n / (n + clip) [xn < 1] [xn >= e]
/// ```
/// The powers are constants for the derivative. Unknown and observed negative are the same.
///
/// wannature/COMIC@1de14e5cfb20, loss/PriorFocalModifierLoss.py and loss/Multi-GrainedFocalLoss.py.
#[derive(Clone, Debug, PartialEq)]
pub struct Mfm {
    config: MfmConfig,
    factors: Vec<f64>,
    /// Co-occurrence with columns of sum 1; empty without attention.
    conditional: Vec<f64>,
    kernel: Kernel,
    attention: Attention,
}

/// The attention of a row, kept so that a steady step allocates nothing.
#[derive(Clone, Debug, Default, PartialEq)]
struct Attention {
    row: Vec<f32x8>,
    /// The rows of the conditional matrix, each padded with zeros to full vectors.
    conditional: Vec<f32x8>,
}

impl Mfm {
    /// Loss metadata, with attention.
    pub const INFO: &LossInfo = &MFM;
    /// Loss metadata, without.
    pub const INFO_BY_CLASS: &LossInfo = &MFM_CLASS;

    /// The loss for these class frequencies; with attention they have to say which classes occur together.
    ///
    /// # Errors
    /// [`LossError::Parameter`] if a parameter is out of its range, [`LossError::Unsupported`] if a class has no
    /// positive or co-occurrence is needed and not known.
    pub fn new(config: MfmConfig, train: &ClassStatistics) -> Result<Self, LossError> {
        config.check()?;
        let name = config.info().name;
        let factors = reference::head_tail(train.nonzero(name)?, config.power);
        let conditional = match (config.attention, train.co_occurrence()) {
            (false, _) => Vec::new(),
            (true, Some(together)) => reference::conditional(together, train.classes()),
            (true, None) => {
                return Err(LossError::Unsupported(format!(
                    "{name} attends to classes that occur together, which these class frequencies do not tell"
                )));
            }
        };
        let mut kernel = Kernel::new(&config);
        kernel.set_factors(&factors, &config);
        let attention = Attention::new(&conditional, factors.len());
        Ok(Self { config, factors, conditional, kernel, attention })
    }

    /// The head-tail factors h_c >= 1.
    pub fn factors(&self) -> &[f64] {
        &self.factors
    }

    /// Attention `[C]` of a row with these labels.
    pub fn attention(&self, labels: &[Label]) -> Vec<f64> {
        if self.config.attention {
            reference::attention(labels, &self.conditional)
        } else {
            vec![0.0; labels.len()]
        }
    }

    /// The unscaled sum over the batch at the logits `z`; `None` where one is not finite.
    pub(crate) fn sum(
        &mut self,
        z: &[f32],
        labels: &[Label],
        classes: usize,
        dz: Option<&mut [f32]>,
        scale: f32,
    ) -> Option<f64> {
        let Mfm { config, kernel, attention, .. } = self;
        let mut dz_rows = dz.map(|dz| dz.chunks_mut(classes));
        let (mut total, mut piece) = (0.0, Piece::new());
        for (z, labels) in z.chunks(classes).zip(labels.chunks(classes)) {
            let dz = dz_rows.as_mut().and_then(Iterator::next);
            let cell = |z: f32x8, label: f32x8| (z, label.simd_gt(f32x8::splat(0.0)));
            total += if config.attention {
                attention.of(labels, &mut kernel.attention);
                kernel.row::<true, _>(z, labels, cell, dz, scale, &mut piece)?
            } else {
                kernel.row::<false, _>(z, labels, cell, dz, scale, &mut piece)?
            };
        }
        Some(total)
    }

    /// The same formula in f64.
    pub(crate) fn reference_sum<R: Real>(&self, z: &[R], labels: &[Label]) -> R {
        self.reference_sum_in(z, labels, &mut Vec::new())
    }

    /// The same with memory for the attention of a row.
    pub(crate) fn reference_sum_in<R: Real>(&self, z: &[R], labels: &[Label], a: &mut Vec<f64>) -> R {
        let classes = self.factors.len();
        a.clear();
        a.resize(classes, 0.0);
        let row = |(z, labels): (&[R], &[Label])| {
            if self.config.attention {
                reference::attention_into(labels, &self.conditional, a);
            }
            let entry = |c: usize| {
                let (z, positive) = (z[c], labels[c].is_positive());
                reference::mfm(z, z.value(), positive, self.factors[c], a[c], &self.config)
            };
            R::sum((0..classes).map(entry))
        };
        R::sum(z.chunks(classes).zip(labels.chunks(classes)).map(row))
    }
}

impl Attention {
    fn new(conditional: &[f64], classes: usize) -> Self {
        let vector = |x: &[f64]| f32x8::new(std::array::from_fn(|i| x.get(i).map_or(0.0, |x| *x as f32)));
        let rows = conditional.chunks(classes);
        let conditional = rows.flat_map(|row| row.chunks(8).map(vector)).collect();
        Self { row: vec![f32x8::splat(0.0); classes.div_ceil(8)], conditional }
    }

    /// Leaves the attention of a row in `out`.
    fn of(&mut self, labels: &[Label], out: &mut ClassVector) {
        let (zero, vectors) = (f32x8::splat(0.0), self.row.len());
        self.row.fill(zero);
        // Positives are few: eight labels are looked at at once.
        for (first, labels) in (0..).step_by(8).zip(labels.chunks(8)) {
            let mut positives = load_targets(labels).simd_gt(zero).to_bitmask();
            while positives != 0 {
                let class = first + positives.trailing_zeros() as usize;
                positives &= positives - 1;
                for (a, x) in self.row.iter_mut().zip(&self.conditional[class * vectors..]) {
                    *a += *x;
                }
            }
        }
        let sum = self.row.iter().fold(zero, |sum, a| sum + *a).reduce_add();
        let by = f32x8::splat(if sum > 0.0 { 1.0 / sum } else { 0.0 });
        let one = f32x8::splat(1.0);
        out.set_vectors(labels.len(), self.row.iter().map(|a| (*a * by).fast_min(one)));
    }
}

impl MultiLabelLoss for Mfm {
    fn info(&self) -> &'static LossInfo {
        self.config.info()
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        let name = self.info().name;
        input.check(name, 1, &grad)?;
        input.check_hard(name)?;
        check_classes(name, self.factors.len(), input.classes)?;
        let factor = self.config.reduction.factor(&input.targets);
        let (z, labels) = (input.logits[0], input.targets.labels);
        let sum = self.sum(z, labels, input.classes, grad.into_single(), factor as f32);
        sum.map(|s| (s * factor) as f32).ok_or_else(|| pointwise::non_finite(input))
    }

    fn cut(&mut self, classes: Range<usize>) {
        self.factors = self.factors[classes].to_vec();
        self.kernel.set_factors(&self.factors, &self.config);
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let sum = self.reference_sum(z[0], input.targets.labels);
        sum * Dual::of(self.config.reduction.factor(&input.targets))
    }
}

/// The modifier on eight entries at a time; without attention it does not look at that vector.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Kernel {
    gamma_pos: f32x8,
    clip: f32x8,
    eps: f32x8,
    class_ng: f32x8,
    /// h.
    factors: ClassVector,
    /// g- + h.
    exponents: ClassVector,
    attention: ClassVector,
}

impl Kernel {
    pub(crate) fn new(config: &MfmConfig) -> Self {
        let splat = |x: f64| f32x8::splat(x as f32);
        Self {
            gamma_pos: splat(config.gamma_pos),
            clip: splat(config.clip),
            eps: splat(config.eps),
            class_ng: splat(config.gamma_class_ng),
            factors: ClassVector::default(),
            exponents: ClassVector::default(),
            attention: ClassVector::default(),
        }
    }

    /// Takes these head-tail factors from now on.
    pub(crate) fn set_factors(&mut self, factors: &[f64], config: &MfmConfig) {
        self.factors.set(factors.iter().map(|&h| h as f32));
        self.exponents.set(factors.iter().map(|&h| (config.gamma_neg + h) as f32));
    }

    /// The unscaled sum over a row, `None` where a logit is not finite; leaves `scale` * slope in `dz`. `cell` makes of eight logits
    /// and targets the logits that the formula sees and the mask of the positives.
    ///
    /// Two logarithms, two exponentials and two divisions of one cell wait for each other. So each loop goes through the whole
    /// piece with one of them, where those of other cells do not wait: with all of them in one loop a cell took 1.5 times as long.
    pub(crate) fn row<const ATTENTION: bool, T: Target>(
        &self,
        z: &[f32],
        targets: &[T],
        cell: impl Fn(f32x8, f32x8) -> (f32x8, f32x8),
        mut dz: Option<&mut [f32]>,
        scale: f32,
        piece: &mut Piece,
    ) -> Option<f64> {
        let (zero, scale) = (f32x8::splat(0.0), f32x8::splat(scale));
        let mut total = 0.0;
        let mut poison = zero;
        for (start, z) in (0..).step_by(8 * PIECE).zip(z.chunks(8 * PIECE)) {
            let targets = &targets[start..start + z.len()];
            let terms = &mut piece.0[..z.len().div_ceil(8)];
            for (at, terms) in (0..).step_by(8).zip(&mut *terms) {
                let logits = lanes::load(&z[at..]);
                poison = logits.mul_add(zero, poison);
                let (s, positive) = cell(logits, load_targets(&targets[at..]));
                *terms = self.terms::<ATTENTION>(start + at, s, positive);
            }
            for terms in &mut *terms {
                // u^k = e^(k ln u)
                terms.u = terms.k * math::ln_normal(terms.u);
                terms.x = -math::ln_normal(terms.x);
            }
            let mut value = zero;
            for (at, terms) in (0..).step_by(8).zip(&*terms) {
                let weight = terms.h * math::exp_sat(terms.u);
                value += lanes::first(weight * terms.x, z.len() - at, 0.0);
                if let Some(dz) = &mut dz {
                    lanes::store(weight * terms.ratio * scale, &mut dz[start..][at..]);
                }
            }
            total += pointwise::lane_sum(value);
        }
        poison.simd_eq(zero).all().then_some(total)
    }

    /// Everything up to the logarithms, for the classes from `class` on.
    #[inline(always)]
    fn terms<const ATTENTION: bool>(&self, class: usize, z: f32x8, positive: f32x8) -> Terms {
        let (zero, one) = (f32x8::splat(0.0), f32x8::splat(1.0));
        let (p, n) = math::sigmoid_pair(z);
        let shifted = n + self.clip;
        let mut inside = shifted.simd_le(one);
        let (mut xp, mut away) = (p, n);
        let (mut xn, mut easy) = (shifted.fast_min(one), (p - self.clip).fast_max(zero));
        if ATTENTION {
            let a = self.attention.at(class);
            let attends = a.simd_gt(zero);
            (xp, away) = (p * (one - a), a.mul_add(p, n));
            let by = attends.select(self.class_ng, one);
            easy = attends.select((one - by * xn).fast_max(zero), easy);
            xn *= by;
            inside &= xn.simd_le(one);
            xn = xn.fast_min(one);
        }
        let x = positive.select(xp, xn);
        let u = positive.select(away, easy);
        let k = positive.select(self.gamma_pos, self.exponents.at(class));
        // u = 0 stands for a cell that costs nothing unless k = 0. There the power is taken of 1, not of something tiny:
        // subnormal results took three times as long.
        let costs = u.simd_gt(zero);
        let h = (costs | k.simd_eq(zero)).select(self.factors.at(class), zero);
        let ratio = positive.select(-n, p * n / shifted);
        let moves = x.simd_ge(self.eps) & (positive | inside);
        Terms { x: x.fast_max(self.eps), u: costs.select(u, one), k, h, ratio: moves.select(ratio, zero) }
    }
}

/// Vectors that a loop of [`Kernel::row`] goes through: those of COCO's classes at once.
const PIECE: usize = 16;

/// Buffers for what the loops of [`Kernel::row`] hand on.
pub(crate) struct Piece([Terms; PIECE]);

impl Piece {
    pub(crate) fn new() -> Self {
        let zero = f32x8::splat(0.0);
        Self([Terms { x: zero, u: zero, k: zero, h: zero, ratio: zero }; PIECE])
    }
}

/// A cost is h u^k (-ln x), and its slope h u^k ratio.
#[derive(Clone, Copy)]
struct Terms {
    x: f32x8,
    u: f32x8,
    k: f32x8,
    h: f32x8,
    ratio: f32x8,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use lacuna_loss_api::conformance;

    /// A long tail of classes that all occur together, or equal classes.
    pub(crate) fn train(classes: usize, long_tail: bool) -> ClassStatistics {
        let count = |c: usize| if long_tail { 500.0 / (1 + c % 10) as f64 } else { 200.0 };
        let counts: Vec<f64> = (0..classes).map(count).collect();
        let together = (0..classes * classes).map(|i| {
            let (a, b) = (i / classes, i % classes);
            match (a == b, long_tail && (a + b) % 4 == 1) {
                (true, _) => counts[a],
                (false, true) => 0.0,
                (false, false) => counts[a] * counts[b] / 1000.0,
            }
        });
        let together = together.collect();
        ClassStatistics::new(1000.0, counts).unwrap().with_co_occurrence(together).unwrap()
    }

    #[test]
    fn conforms() {
        for published in [MfmConfig::with_attention(), MfmConfig::by_class()] {
            let other = MfmConfig {
                gamma_pos: 1.5,
                gamma_neg: 0.0,
                clip: 0.0,
                gamma_class_ng: 0.8,
                power: 1.0,
                eps: 1e-4,
                ..published
            };
            for config in [published, other] {
                let build = |long_tail: bool| {
                    let config = config.clone();
                    move |classes| {
                        Box::new(Mfm::new(config.clone(), &train(classes, long_tail)).unwrap()) as Box<_>
                    }
                };
                conformance::check_by_class(&build(true));
                conformance::check(&build(false));
            }
        }
    }

    /// With the counts of single positives a row attends to its positive alone: 1 - a is 0 there, and xp is below e.
    #[test]
    fn the_only_positive_of_a_row_has_no_gradient_where_nothing_occurs_together() {
        let positives = |i: usize| if i.is_multiple_of(4) { Label::Positive } else { Label::Unknown };
        let labels: Vec<Label> = (0..9).map(positives).collect();
        let logits = [&[0.5f32; 9][..]];
        let input = LossInput::new(&logits, 3, 3, &labels);
        let alone = ClassStatistics::with_pairs(&labels, 3).unwrap();
        for (statistics, learns) in [(alone, false), (train(3, false), true)] {
            let mut loss = Mfm::new(MfmConfig::with_attention(), &statistics).unwrap();
            let mut dz = [f32::NAN; 9];
            loss.evaluate(&input, LossGrad::Into(&mut [&mut dz])).unwrap();
            for i in [0, 4, 8] {
                assert_eq!(dz[i] < 0.0, learns, "{dz:?}");
            }
            assert!(dz[1] > 0.0, "the rest is pushed down: {dz:?}");
        }
    }

    #[test]
    fn attention_needs_co_occurrence() {
        let train = ClassStatistics::new(10.0, vec![5.0, 2.0]).unwrap();
        let error = Mfm::new(MfmConfig::with_attention(), &train);
        assert!(matches!(error, Err(LossError::Unsupported(_))));
        assert!(Mfm::new(MfmConfig::by_class(), &train).is_ok());
        let bad = MfmConfig { clip: 2.0, ..MfmConfig::by_class() };
        assert!(matches!(Mfm::new(bad, &train), Err(LossError::Parameter { .. })));
    }
}
