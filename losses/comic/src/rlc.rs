//! The reflective label corrector.

use crate::config::RLC;
use crate::mfm::{Kernel, Piece};
use crate::paper::check_classes;
use crate::{RlcConfig, reference};
use lacuna_loss_api::columns::{self, ClassSums};
use lacuna_loss_api::pointwise::{self, ClassVector};
use lacuna_loss_api::{
    ClassStatistics, Dual, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, Real, StateEntry, f32x8,
    lanes, math,
};

/// Learns from labels to which it adds the cells that it is sure of, and counts them.
///
/// ```text
/// s = z - margin on observed positives, else z;  P_c = mean of sigma(s) over the batch
/// t = 1 where y = 1, or sigma(s) > tau and sigma(s) > P_c
/// counts n_c += cells added; h_c = (1 - ln(n_c / max n))^power from the new counts
/// L = batch_size / (sum of t) x sum of the modifier without attention at (s, t)
/// ```
/// t, h and the number of positives are constants for the derivative; without any positive the loss is 0. The counts
/// are state: they grow inside an epoch and start again from those of the training set in the first batch of a later
/// one. They grow in training only, that is where the derivative is asked for.
///
/// Zhang et al., ICCV 2023, section 3.2; wannature/COMIC@1de14e5cfb20, loss/ReflectiveLabelCorrectorLoss.py, which takes
/// the mean over the batch where the paper has one over all data seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Rlc {
    config: RlcConfig,
    /// Positives of the training set as it was observed.
    observed: Vec<f64>,
    /// The same and the cells added in this epoch.
    counts: Vec<f64>,
    epoch: usize,
    kernel: Kernel,
    scratch: Scratch,
}

/// Numbers of a batch, kept so that a steady step allocates nothing.
#[derive(Clone, Debug, Default, PartialEq)]
struct Scratch {
    sums: ClassSums,
    bounds: ClassVector,
    /// 1 observed positive, 2 added, 0 the rest.
    targets: Vec<f32>,
    counts: Vec<f64>,
    factors: Vec<f64>,
}

const ADDED: f32 = 2.0;

impl Rlc {
    /// Loss metadata.
    pub const INFO: &LossInfo = &RLC;

    /// The loss for these class frequencies.
    ///
    /// # Errors
    /// [`LossError::Parameter`] if a parameter is out of its range, [`LossError::Unsupported`] if a class has no
    /// positive.
    pub fn new(config: RlcConfig, train: &ClassStatistics) -> Result<Self, LossError> {
        config.check()?;
        let observed = train.nonzero(RLC.name)?.to_vec();
        let kernel = Kernel::new(&config.mfm);
        let counts = observed.clone();
        Ok(Self { config, observed, counts, epoch: 0, kernel, scratch: Scratch::default() })
    }

    /// Positives of each class, observed and added in this epoch.
    pub fn counts(&self) -> &[f64] {
        &self.counts
    }

    /// The head-tail factors that the counts of the moment give.
    pub fn factors(&self) -> Vec<f64> {
        reference::head_tail(&self.counts, self.config.mfm.power)
    }

    /// The counts that a batch of this epoch starts from.
    fn start(&self, epoch: usize) -> &[f64] {
        if epoch > self.epoch { &self.observed } else { &self.counts }
    }
}

impl MultiLabelLoss for Rlc {
    fn info(&self) -> &'static LossInfo {
        &RLC
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        input.check(RLC.name, 1, &grad)?;
        input.check_hard(RLC.name)?;
        let classes = input.classes;
        check_classes(RLC.name, self.observed.len(), classes)?;
        if let Some(error) = input.first_non_finite() {
            return Err(error);
        }
        let mut dz = grad.into_single();
        if input.epoch < self.config.first_epoch {
            if let Some(dz) = dz {
                dz.fill(0.0);
            }
            return Ok(0.0);
        }
        let (zero, one) = (f32x8::splat(0.0), f32x8::splat(1.0));
        let (margin, tau) = (f32x8::splat(self.config.margin as f32), self.config.tau as f32);
        let added = f32x8::splat(ADDED);
        let mut scratch = std::mem::take(&mut self.scratch);
        let Scratch { sums, bounds, targets, counts, factors } = &mut scratch;
        sums.clear(classes);
        // The place of the targets holds sigma(s) before, and -1 for observed positives, whose target is known.
        targets.resize(input.logits[0].len(), 0.0);
        columns::write(input, targets, |class, z, label| {
            let positive = label.simd_gt(zero);
            let p = math::sigmoid(positive.select(z - margin, z));
            sums.add(class, p);
            positive.select(-one, p)
        });
        bounds.set(sums.values().iter().map(|sum| ((sum / input.rows as f64) as f32).max(tau)));
        sums.clear(classes);
        let mut positives = 0.0f64;
        for row in targets.chunks_mut(classes) {
            let mut of_row = zero;
            for (class, target) in (0..).step_by(8).zip(row.chunks_mut(8)) {
                let p = lanes::load(target);
                let sure = p.simd_gt(bounds.at(class));
                sums.add(class, sure.select(one, zero));
                let now = p.simd_lt(zero).select(one, sure.select(added, zero));
                of_row += now.simd_gt(zero).select(one, zero);
                lanes::store(now, target);
            }
            positives += pointwise::lane_sum(of_row);
        }
        counts.clear();
        counts.extend(self.start(input.epoch).iter().zip(sums.values()).map(|(count, added)| count + added));
        let most = counts.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        factors.clear();
        factors.extend(counts.iter().map(|n| (1.0 - (n / most).ln()).powf(self.config.mfm.power)));
        self.kernel.set_factors(factors, &self.config.mfm);
        if dz.is_some() {
            self.counts.copy_from_slice(counts);
            self.epoch = self.epoch.max(input.epoch);
        }
        let by = if positives > 0.0 { self.config.batch_size / positives } else { 0.0 };
        let by = by * self.config.mfm.reduction.factor(&input.targets);
        let cell =
            |z: f32x8, target: f32x8| (target.simd_eq(one).select(z - margin, z), target.simd_gt(zero));
        let mut dz_rows = dz.as_mut().map(|dz| dz.chunks_mut(classes));
        let (mut total, mut piece) = (0.0, Piece::new());
        for (z, targets) in input.logits[0].chunks(classes).zip(targets.chunks(classes)) {
            let dz = dz_rows.as_mut().and_then(Iterator::next);
            let of_row = self.kernel.row::<false, _>(z, targets, cell, dz, by as f32, &mut piece);
            total += of_row.expect("finite logits were asked for");
        }
        self.scratch = scratch;
        Ok((by * total) as f32)
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let RlcConfig { tau, margin, batch_size, first_epoch, mfm } = &self.config;
        if input.epoch < *first_epoch {
            return Dual::of(0.0);
        }
        let (labels, classes) = (input.targets.labels, input.classes);
        let shift = |i: usize| if labels[i].is_positive() { *margin } else { 0.0 };
        let s: Vec<Dual> = z[0].iter().enumerate().map(|(i, &z)| z - Dual::of(shift(i))).collect();
        let held: Vec<f64> = s.iter().map(|s| s.value()).collect();
        let added = reference::corrected(&held, labels, classes, *tau);
        let mut counts = self.start(input.epoch).to_vec();
        for (i, _) in added.iter().enumerate().filter(|(_, added)| **added) {
            counts[i % classes] += 1.0;
        }
        let h = reference::head_tail(&counts, mfm.power);
        let positive = |i: usize| labels[i].is_positive() || added[i];
        let positives = (0..s.len()).filter(|&i| positive(i)).count();
        if positives == 0 {
            return Dual::of(0.0);
        }
        let entry = |i: usize| reference::mfm(s[i], held[i], positive(i), h[i % classes], 0.0, mfm);
        let by = batch_size / positives as f64 * mfm.reduction.factor(&input.targets);
        Real::sum((0..s.len()).map(entry)) * Dual::of(by)
    }

    fn state(&self) -> Vec<StateEntry> {
        vec![
            StateEntry { name: "epoch".to_owned(), values: vec![self.epoch as f64] },
            StateEntry { name: "counts".to_owned(), values: self.counts.clone() },
        ]
    }

    fn restore(&mut self, entries: &[StateEntry]) -> Result<(), LossError> {
        let classes = self.observed.len();
        match entries {
            [epoch, counts] if epoch.name == "epoch" && counts.name == "counts" => {
                let whole = |x: f64| x >= 0.0 && x.fract() == 0.0 && x < 9e15;
                // Cells are added to the observed positives, never taken away.
                let legal = |(x, observed): (&f64, &f64)| x >= observed && x - observed < 9e15;
                let all_legal = || counts.values.iter().zip(&self.observed).all(legal);
                match epoch.values.as_slice() {
                    [e] if whole(*e) && counts.values.len() == classes && all_legal() => {
                        self.epoch = *e as usize;
                        self.counts.copy_from_slice(&counts.values);
                        Ok(())
                    }
                    _ => Err(LossError::State(format!("the state of rlc is an epoch and {classes} counts"))),
                }
            }
            _ => Err(LossError::State("rlc has the state entries `epoch` and `counts`".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MfmConfig;
    use crate::mfm::tests::train;
    use lacuna_loss_api::{Label, conformance};

    #[test]
    fn conforms() {
        let other = RlcConfig {
            tau: 0.4,
            margin: 0.5,
            batch_size: 7.0,
            mfm: MfmConfig { clip: 0.0, gamma_pos: 1.0, power: 0.5, ..MfmConfig::by_class() },
            ..Default::default()
        };
        let late = RlcConfig { first_epoch: 2, ..Default::default() };
        for config in [RlcConfig::default(), other, late] {
            let build = |long_tail: bool| {
                let config = config.clone();
                move |classes| {
                    Box::new(Rlc::new(config.clone(), &train(classes, long_tail)).unwrap()) as Box<_>
                }
            };
            conformance::check_by_class(&build(true));
            conformance::check(&build(false));
        }
    }

    #[test]
    fn counts_grow_in_an_epoch_and_start_again_in_the_next() {
        let mut loss = Rlc::new(RlcConfig::default(), &train(2, false)).unwrap();
        let (z, labels) = ([3.0, -1.0, -3.0, -1.0], [Label::Unknown; 4]);
        let logits = [&z[..]];
        let mut input = LossInput::new(&logits, 2, 2, &labels);
        let mut dz = [0.0; 4];
        let start = loss.counts().to_vec();
        loss.evaluate(&input, LossGrad::Unneeded).unwrap();
        assert_eq!(loss.counts(), start, "looking at the loss is not training");
        for grown in [1.0, 2.0] {
            loss.evaluate(&input, LossGrad::Into(&mut [&mut dz])).unwrap();
            assert_eq!(loss.counts(), [start[0] + grown, start[1]]);
        }
        input.epoch = 1;
        loss.evaluate(&input, LossGrad::Into(&mut [&mut dz])).unwrap();
        assert_eq!(loss.counts(), [start[0] + 1.0, start[1]]);
        assert!(loss.factors()[1] > loss.factors()[0]);
    }

    #[test]
    fn a_batch_without_positives_costs_nothing() {
        let mut loss = Rlc::new(RlcConfig::default(), &train(2, false)).unwrap();
        let z = [-1.0; 4];
        let logits = [&z[..]];
        let mut dz = [9.0; 4];
        let input = LossInput::new(&logits, 2, 2, &[Label::Unknown; 4]);
        assert_eq!(loss.evaluate(&input, LossGrad::Into(&mut [&mut dz])), Ok(0.0));
        assert_eq!(dz, [0.0; 4]);
    }

    #[test]
    fn foreign_states_and_parameters_are_refused() {
        let mut loss = Rlc::new(RlcConfig::default(), &train(2, false)).unwrap();
        let good = loss.state();
        for bad in [
            vec![],
            vec![good[0].clone()],
            vec![good[0].clone(), StateEntry { name: "counts".into(), values: vec![1.0] }],
            vec![good[0].clone(), StateEntry { name: "counts".into(), values: vec![1.0, f64::NAN] }],
            vec![StateEntry { name: "epoch".into(), values: vec![0.5] }, good[1].clone()],
        ] {
            assert!(matches!(loss.restore(&bad), Err(LossError::State(_))));
        }
        assert_eq!(loss.state(), good);
        let bad = RlcConfig { tau: 1.0, ..Default::default() };
        assert!(matches!(Rlc::new(bad, &train(2, false)), Err(LossError::Parameter { .. })));
        let bad = RlcConfig { mfm: MfmConfig::with_attention(), ..Default::default() };
        assert!(matches!(Rlc::new(bad, &train(2, false)), Err(LossError::Unsupported(_))));
    }
}
