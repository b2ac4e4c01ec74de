//! AnyLoss (Han, Moniz and Chawla, "AnyLoss: Transforming Classification Metrics into Loss Functions", KDD 2024):
//! metrics of the confusion matrix with a steep sigmoid in place of the threshold.
//!
//! ```
//! use lacuna_anyloss::{AnyLoss, AnyLossConfig, Metric};
//! use lacuna_loss_api::{Label, LossGrad, LossInput, MultiLabelLoss};
//!
//! let z = [0.02, -0.02, 0.01]; // three rows of one class
//! let labels = [Label::Positive, Label::Positive, Label::Unknown];
//! let (logits, mut dz) = ([&z[..]], [0.0; 3]);
//! let mut loss = AnyLoss::new(AnyLossConfig::new(Metric::FBeta { beta: 1.0 }))?;
//! let value = loss.evaluate(&LossInput::new(&logits, 3, 1, &labels), LossGrad::Into(&mut [&mut dz]))?;
//! assert!((0.4..0.6).contains(&value));
//! assert!(dz[1] < 0.0 && dz[2] > 0.0);
//! # Ok::<(), lacuna_loss_api::LossError>(())
//! ```

mod config;
pub mod reference;
mod table;

pub use config::{AnyLossConfig, Metric};
pub use table::{ABOUT, ROWS};

use lacuna_loss_api::columns::{self, ClassSums};
use lacuna_loss_api::{Dual, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, Real, f32x8, math};

/// 1 - a metric in which every decision is h = sigma(L (p - threshold)).
///
/// ```text
/// TP = sum of h over positives, TN = sum of 1 - h over the rest, S positives of n, H = sum of h
/// accuracy           (TP + TN) / n                              dM/dh = +-1 / n
/// F-beta             (1 + b^2) TP / D, D = b^2 S + H + eps         (1 + b^2)(y D - TP) / D^2
/// G-mean             sqrt(Q), Q = TP TN / (S (n - S) + eps)        (y TN - (1 - y) TP) / (S (n - S) + eps) / (2 sqrt Q)
/// balanced accuracy  ((n - S) TP + S TN) / E, E = 2 S (n - S) + eps   (y (n - S) - (1 - y) S) / E
/// L = 1 - M,  dL/dz = -dM/dh L h (1 - h) p n
/// ```
/// Macro: a metric for each class and their mean, over the classes that have one where eps is 0. Micro: one metric of
/// all cells. Unknown and observed negative are the same.
///
/// Han et al., KDD 2024, equations 6 to 14; doheonhan/anyloss@fb9859032fdb and
/// doheonhan/anyloss_extension@00743730d5e3.
#[derive(Clone, Debug, PartialEq)]
pub struct AnyLoss {
    config: AnyLossConfig,
    /// Per class: positives, TP, FN, FP, TN.
    sums: [ClassSums; 5],
    /// dL/dh of positives and of the rest.
    slopes: [Vec<f32>; 2],
}

impl AnyLoss {
    /// The loss with these parameters.
    ///
    /// # Errors
    /// [`LossError::Parameter`] if one is out of its range.
    pub fn new(config: AnyLossConfig) -> Result<Self, LossError> {
        config.check()?;
        let (sums, slopes) = Default::default();
        Ok(Self { config, sums, slopes })
    }

    /// What 1 - the metric is multiplied with: 1 for the mean, the other reductions in proportion.
    fn scale(&self, input: &LossInput<'_>) -> f64 {
        self.config.reduction.factor(&input.targets) * (input.rows * input.all_classes()) as f64
    }
}

/// Sums over the cells of a metric.
#[derive(Clone, Copy, Debug, Default)]
struct Cells {
    n: f64,
    positives: f64,
    tp: f64,
    missed: f64,
    fp: f64,
    tn: f64,
}

impl Cells {
    /// 1 - the metric, and the derivatives of the metric with respect to h of a positive and of another cell.
    fn shortfall(self, config: &AnyLossConfig) -> Option<(f64, [f64; 2])> {
        let Cells { n, positives: s, tp, missed, fp, tn } = self;
        let eps = config.eps;
        if !config.metric.is_defined(s, n, eps) {
            return None;
        }
        Some(match config.metric {
            Metric::Accuracy => ((missed + fp) / n, [1.0 / n, -1.0 / n]),
            Metric::FBeta { beta } => {
                let b2 = beta * beta;
                let d = b2 * s + tp + fp + eps;
                let short = (b2 * missed + fp + eps) / d;
                (short, [(1.0 + b2) * (d - tp) / (d * d), -(1.0 + b2) * tp / (d * d)])
            }
            Metric::GMean { root } => {
                let d = s * (n - s) + eps;
                let q = tp * tn / d;
                let short = (s * fp + (n - s) * missed - missed * fp + eps) / d;
                // At q = 0 the root has no slope; the cells that make it 0 are saturated and could not use it.
                let by = match (root, q > 0.0) {
                    (false, _) => 1.0,
                    (true, true) => 0.5 / q.sqrt(),
                    (true, false) => 0.0,
                };
                (if root { short / (1.0 + q.sqrt()) } else { short }, [by * tn / d, -by * tp / d])
            }
            Metric::BalancedAccuracy => {
                let d = 2.0 * s * (n - s) + eps;
                (((n - s) * missed + s * fp + eps) / d, [(n - s) / d, -s / d])
            }
        })
    }
}

impl MultiLabelLoss for AnyLoss {
    fn info(&self) -> &'static LossInfo {
        self.config.metric.info()
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        let name = self.info().name;
        input.check(name, 1, &grad)?;
        input.check_hard(name)?;
        if let Some(error) = input.first_non_finite() {
            return Err(error);
        }
        let (classes, rows, scale) = (input.classes, input.rows as f64, self.scale(input));
        let AnyLoss { config, sums, slopes } = self;
        let (zero, one) = (f32x8::splat(0.0), f32x8::splat(1.0));
        let amplification = f32x8::splat(config.amplification as f32);
        let threshold = f32x8::splat(config.threshold as f32);
        let [count, tp, missed, fp, tn] = sums;
        for sums in [&mut *count, &mut *tp, &mut *missed, &mut *fp, &mut *tn] {
            sums.clear(classes);
        }
        let mut cell = |class: usize, z: f32x8, label: f32x8| {
            let positive = label.simd_gt(zero);
            let (p, n) = math::sigmoid_pair(z);
            let (h, rest) = math::sigmoid_pair(amplification * (p - threshold));
            if positive.any() {
                count.add(class, positive.select(one, zero));
                tp.add(class, positive.select(h, zero));
                missed.add(class, positive.select(rest, zero));
            }
            fp.add(class, positive.select(zero, h));
            tn.add(class, positive.select(zero, rest));
            amplification * (h * rest) * (p * n)
        };
        let mut dz = grad.into_single();
        match &mut dz {
            Some(dz) => columns::write(input, dz, cell),
            None => columns::visit(input, |class, z, label| {
                cell(class, z, label);
            }),
        }
        let of_class = |class: usize| Cells {
            n: rows,
            positives: count.values()[class],
            tp: tp.values()[class],
            missed: missed.values()[class],
            fp: fp.values()[class],
            tn: tn.values()[class],
        };
        let all = (0..classes).map(of_class).fold(Cells::default(), |a, b| Cells {
            n: a.n + b.n,
            positives: a.positives + b.positives,
            tp: a.tp + b.tp,
            missed: a.missed + b.missed,
            fp: a.fp + b.fp,
            tn: a.tn + b.tn,
        });
        let short = |class: usize| if config.micro { all } else { of_class(class) }.shortfall(config);
        // Classes that others train count as well: a metric that looks at one class alone is defined for each.
        let (mut total, mut used) = (0.0, input.all_classes() - classes);
        for (value, _) in (0..classes).filter_map(short) {
            total += value;
            used += 1;
        }
        if let Some(dz) = dz {
            // A micro average was counted `classes` times above, but it has one derivative.
            let by = -scale / if config.micro { 1.0 } else { used.max(1) as f64 };
            for (i, slopes) in slopes.iter_mut().enumerate() {
                slopes.clear();
                slopes
                    .extend((0..classes).map(|class| short(class).map_or(0.0, |(_, d)| (by * d[i]) as f32)));
            }
            let [positive, rest] = &*slopes;
            let rows = dz.chunks_mut(classes).zip(input.targets.labels.chunks(classes));
            for (dz, labels) in rows {
                let slopes = positive.iter().zip(rest);
                for ((dz, label), (positive, rest)) in dz.iter_mut().zip(labels).zip(slopes) {
                    *dz *= if label.is_positive() { *positive } else { *rest };
                }
            }
        }
        Ok((scale * total / used.max(1) as f64) as f32)
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let loss = reference::any_loss(z[0], input.targets.labels, input.classes, &self.config);
        loss * <Dual as Real>::of(self.scale(input))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::{Label, Reduction, conformance};

    const METRICS: [Metric; 6] = [
        Metric::Accuracy,
        Metric::FBeta { beta: 1.0 },
        Metric::FBeta { beta: 2.0 },
        Metric::GMean { root: true },
        Metric::GMean { root: false },
        Metric::BalancedAccuracy,
    ];

    #[test]
    fn conforms() {
        for metric in METRICS {
            for micro in [false, true] {
                for (eps, amplification, threshold) in [(0.0, 73.0, 0.5), (1e-5, 10.0, 0.3)] {
                    let config =
                        AnyLossConfig { micro, eps, amplification, threshold, ..AnyLossConfig::new(metric) };
                    conformance::check(&|_| Box::new(AnyLoss::new(config.clone()).unwrap()));
                }
            }
        }
        let config = AnyLossConfig { reduction: Reduction::Sum, ..AnyLossConfig::new(Metric::Accuracy) };
        conformance::check(&|_| Box::new(AnyLoss::new(config.clone()).unwrap()));
    }

    #[test]
    fn a_batch_without_a_metric_costs_nothing() {
        let z = [0.1; 4];
        let logits = [&z[..]];
        for metric in &METRICS[1..] {
            let mut dz = [9.0; 4];
            let mut loss = AnyLoss::new(AnyLossConfig::new(*metric)).unwrap();
            let input = LossInput::new(&logits, 2, 2, &[Label::Unknown; 4]);
            assert_eq!(loss.evaluate(&input, LossGrad::Into(&mut [&mut dz])), Ok(0.0), "{metric:?}");
            assert_eq!(dz, [0.0; 4], "{metric:?}");
        }
    }

    #[test]
    fn parameters_are_checked() {
        let good = AnyLossConfig::new(Metric::Accuracy);
        for bad in [
            AnyLossConfig { amplification: 0.0, ..good },
            AnyLossConfig { threshold: 1.0, ..good },
            AnyLossConfig { eps: -1.0, ..good },
            AnyLossConfig::new(Metric::FBeta { beta: 0.0 }),
        ] {
            assert!(matches!(AnyLoss::new(bad), Err(LossError::Parameter { .. })));
        }
    }
}
