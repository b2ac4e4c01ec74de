//! The generalised pseudo-label robust loss, with the model's own predictions for pseudo-labels.

use crate::gr::{Robust, param, params};
use crate::{Confidence, Schedule, reference};
use lacuna_loss_api::guarded::BothLogs;
use lacuna_loss_api::pointwise::{self, Entry, Pointwise};
use lacuna_loss_api::{
    Dual, Interval, Label, LabelUse, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, ParamInfo,
    Real, Reduction, f32x8, math,
};

const GR_PARAMS: usize = 13;

const fn gpr_params(preset: GprPreset, w_end: f64, b_end: f64) -> [ParamInfo; GR_PARAMS + 6] {
    let Published { q3, num_epochs, lam_1, lam_2, reg } = preset.published();
    let of_gr = params(w_end, b_end, q3);
    let share = Interval::closed(0.0, 1.0);
    let last =
        param("reg", reg, Interval::at_least(0.0), "weight of the regulariser R. Authors' configuration");
    let mut all = [last; GR_PARAMS + 6];
    let mut i = 0;
    while i < GR_PARAMS {
        all[i] = of_gr[i];
        i += 1;
    }
    all[10] = param(
        "num_epochs",
        num_epochs as f64,
        Interval::whole_from(1.0),
        "epochs of the run. Authors' configuration",
    );
    all[13] = param(
        "threshold",
        0.8,
        Interval { low: 1e-6, high: 1.0, open: false, whole: false },
        "an unknown cell predicted at least this likely is a pseudo-positive; 1 leaves them out. Our choice: the centre of \
         the confidence at the end of the run",
    );
    all[14] = param("rho", 0.9, share, "target of a pseudo-positive. 0.9 in the authors' configurations");
    all[15] = param("lam_1", lam_1, share, "largest weight of a pseudo-positive. Authors' configuration");
    all[16] = param(
        "lam_2",
        lam_2,
        share,
        "smallest weight of a pseudo-positive, <= lam_1. Authors' configuration",
    );
    all[17] = ParamInfo {
        name: "expected_positives",
        default: None,
        range: Interval::at_least(0.0),
        doc: "expected number E of positives of a row; from the training labels where nothing is said",
    };
    all
}

static VOC_PARAMS: [ParamInfo; GR_PARAMS + 6] = gpr_params(GprPreset::Voc, 2.0, -2.0);
static COCO_PARAMS: [ParamInfo; GR_PARAMS + 6] = gpr_params(GprPreset::Coco, 10.0, -8.0);
static NUS_PARAMS: [ParamInfo; GR_PARAMS + 6] = gpr_params(GprPreset::Nus, 10.0, -8.0);
static CUB_PARAMS: [ParamInfo; GR_PARAMS + 6] = gpr_params(GprPreset::Cub, 10.0, -8.0);

const fn info(name: &'static str, title: &'static str, params: &'static [ParamInfo]) -> LossInfo {
    LossInfo {
        name,
        title,
        paper: "Tran, Vo, Nguyen, Dinh and Nguyen, More Reliable Pseudo-labels, Better Performance: A Generalized \
                Approach to Single Positive Multi-label Learning, ICCV, arXiv 2508.20381",
        year: 2025,
        experimental: true,
        labels: LabelUse::UnknownAsUnknown,
        formula: "L = Lp on positives; v Ln on negatives; unknown: u [rho Lp + (1-rho) Ln] if p >= threshold, u = 1-v \
                  clamped to [lam_2, lam_1], else as gr; + reg ((1/B) sum p - E)^2 / C^2",
        params,
    }
}

static VOC: LossInfo = info("gpr-voc", "GPR with pseudo-labels of its own, settings of VOC", &VOC_PARAMS);
static COCO: LossInfo = info("gpr-coco", "GPR with pseudo-labels of its own, settings of COCO", &COCO_PARAMS);
static NUS: LossInfo = info("gpr-nus", "GPR with pseudo-labels of its own, settings of NUS", &NUS_PARAMS);
static CUB: LossInfo = info("gpr-cub", "GPR with pseudo-labels of its own, settings of CUB", &CUB_PARAMS);

/// Whose configuration is the default.
///
/// Fsoft-AIC/AEVLP, coco.json@c24bb3c73e61 and configs/{pascal,nuswide,cub}.json@5aff282a1f1d.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GprPreset {
    /// Pascal VOC.
    Voc,
    /// COCO.
    Coco,
    /// NUS-WIDE.
    Nus,
    /// CUB.
    Cub,
}

/// What differs between the authors' configurations, apart from the schedule.
struct Published {
    q3: f64,
    num_epochs: usize,
    lam_1: f64,
    lam_2: f64,
    reg: f64,
}

impl GprPreset {
    /// Loss metadata under this preset.
    pub const fn info(self) -> &'static LossInfo {
        match self {
            GprPreset::Voc => &VOC,
            GprPreset::Coco => &COCO,
            GprPreset::Nus => &NUS,
            GprPreset::Cub => &CUB,
        }
    }

    const fn published(self) -> Published {
        match self {
            GprPreset::Voc => Published { q3: 1.0, num_epochs: 8, lam_1: 0.7, lam_2: 0.4, reg: 0.05 },
            GprPreset::Coco => Published { q3: 1.0, num_epochs: 8, lam_1: 0.7, lam_2: 0.5, reg: 0.001 },
            GprPreset::Nus => Published { q3: 1.0, num_epochs: 10, lam_1: 0.7, lam_2: 0.5, reg: 0.001 },
            GprPreset::Cub => Published { q3: 1.5, num_epochs: 10, lam_1: 0.8, lam_2: 0.2, reg: 0.01 },
        }
    }
}

/// Parameters of [`Gpr`].
#[derive(Clone, Debug, PartialEq)]
pub struct GprConfig {
    /// Decides the name.
    pub preset: GprPreset,
    /// Pseudo-label and confidence over the run, as in [`Gr`](crate::Gr).
    pub confidence: Confidence,
    /// Exponent > 0 of the loss of a soft pseudo-positive.
    pub q2: f64,
    /// Exponent > 0 of the loss of a soft pseudo-negative.
    pub q3: f64,
    /// Guard e of the logarithms, in [0, 0.5].
    pub log_epsilon: f64,
    /// An unknown cell with p >= this is a pseudo-positive, in (0, 1]; 1 leaves them out.
    pub threshold: f64,
    /// Target of a pseudo-positive, in [0, 1].
    pub rho: f64,
    /// Largest weight of a pseudo-positive, in [0, 1].
    pub lam_1: f64,
    /// Smallest weight of a pseudo-positive, in [0, lam_1].
    pub lam_2: f64,
    /// Expected number E >= 0 of positives of a row.
    pub expected_positives: f64,
    /// Weight >= 0 of the regulariser.
    pub reg: f64,
    /// How the loss is scaled; the regulariser with it.
    pub reduction: Reduction,
}

impl GprConfig {
    /// The authors' configuration for a data set, E as given, mean; the threshold is ours.
    pub fn preset(preset: GprPreset, expected_positives: f64) -> Self {
        let Published { q3, num_epochs, lam_1, lam_2, reg } = preset.published();
        let schedule = if preset == GprPreset::Voc { Schedule::VOC } else { Schedule::COCO };
        Self {
            preset,
            confidence: Confidence::Scheduled(Schedule { num_epochs, ..schedule }),
            q2: 0.01,
            q3,
            log_epsilon: 1e-7,
            threshold: 0.8,
            rho: 0.9,
            lam_1,
            lam_2,
            expected_positives,
            reg,
            reduction: Reduction::Mean,
        }
    }
}

/// GR with hard pseudo-positives, weak negatives and an expected number of positives.
///
/// ```text
/// y = 1:                      L = -ln(p + e)
/// y = 0:                      L = v (-ln(1 - p + e))
/// unknown, p >= threshold:    L = u [-rho ln(p + e) - (1 - rho) ln(1 - p + e)],  u = 1 - v clamped to [lam_2, lam_1]
/// unknown, p < threshold:     L = v [k (1 - p^q2)/q2 + (1 - k) (1 - n^q3)/q3], as in Gr
/// R = reg ((1/B) sum p - E)^2 / C^2 is added to the mean
/// ```
/// k, v, u and the choice of pseudo-positives are constants for the derivative, R is not. In the paper pseudo-positives
/// come from a model of images and text; the README says what is the paper's and what is ours.
///
/// Tran et al., ICCV 2025, arXiv 2508.20381; Fsoft-AIC/AEVLP@c24bb3c73e61, losses.py (`GPR_loss`).
///
/// ```
/// use lacuna_gr::{Gpr, GprConfig, GprPreset};
/// use lacuna_loss_api::{Label, LossGrad, LossInput, MultiLabelLoss};
///
/// let (z, labels) = ([2.0, 1.0], [Label::Unknown; 2]); // p = 0.88 and 0.73
/// let (logits, mut dz) = ([&z[..]], [0.0; 2]);
/// let mut loss = Gpr::new(GprConfig { reg: 0.0, ..GprConfig::preset(GprPreset::Voc, 1.5) })?;
/// loss.evaluate(&LossInput::new(&logits, 1, 2, &labels), LossGrad::Into(&mut [&mut dz]))?;
/// assert!(dz[0] < 0.0 && dz[1] > 0.0); // a pseudo-positive is pulled towards rho, the other cell is pushed down
/// # Ok::<(), lacuna_loss_api::LossError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Gpr {
    config: GprConfig,
    /// The logit from which on an unknown cell is a pseudo-positive.
    cut: f32,
}

impl Gpr {
    /// The loss with these parameters.
    ///
    /// # Errors
    /// [`LossError::Parameter`] if one is out of its range, `lam_2` exceeds `lam_1` or `linear_init` is as long as the
    /// run.
    pub fn new(config: GprConfig) -> Result<Self, LossError> {
        let info = config.preset.info();
        config.confidence.check(info)?;
        for (name, value) in [
            ("q2", config.q2),
            ("q3", config.q3),
            ("log_epsilon", config.log_epsilon),
            ("threshold", config.threshold),
            ("rho", config.rho),
            ("lam_1", config.lam_1),
            ("lam_2", config.lam_2),
            ("expected_positives", config.expected_positives),
            ("reg", config.reg),
        ] {
            info.check(name, value)?;
        }
        if config.lam_2 > config.lam_1 {
            let (parameter, value, range) = ("lam_2", config.lam_2, Interval::closed(0.0, config.lam_1));
            return Err(LossError::Parameter { loss: info.name, parameter, value, range });
        }
        let t = config.threshold;
        Ok(Self { cut: (t / (1.0 - t)).ln() as f32, config })
    }

    /// What the mean-reduced loss is multiplied with.
    fn scale(&self, input: &LossInput<'_>) -> f64 {
        self.config.reduction.factor(&input.targets) * input.targets.labels.len() as f64
    }
}

impl MultiLabelLoss for Gpr {
    fn info(&self) -> &'static LossInfo {
        self.config.preset.info()
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        let name = self.info().name;
        input.check(name, 1, &grad)?;
        input.check_hard(name)?;
        let GprConfig { q2, q3, log_epsilon, rho, lam_1, lam_2, expected_positives, reg, .. } = self.config;
        let (z, labels) = (input.logits[0], input.targets.labels);
        let (rows, classes) = (input.rows as f64, input.classes as f64);
        let sum = pointwise::sum(&Probability, z, labels, None, 1.0);
        let gap = sum.ok_or_else(|| pointwise::non_finite(input))? / rows - expected_positives;

        let lanes = |x: f64| f32x8::splat(x as f32);
        let terms = Terms {
            robust: Robust::new(self.config.confidence.at(input.epoch), q2, q3),
            cut: f32x8::splat(self.cut),
            guard: lanes(log_epsilon),
            rho: lanes(rho),
            most: lanes(lam_1),
            least: lanes(lam_2),
            pull: lanes(2.0 * reg * gap / classes),
        };
        let scale = self.scale(input);
        let by = scale / (rows * classes);
        let dz = grad.into_single();
        let entries = match q3 == 1.0 {
            true => pointwise::sum(&Kernel::<true>(terms), z, labels, dz, by as f32),
            false => pointwise::sum(&Kernel::<false>(terms), z, labels, dz, by as f32),
        };
        let entries = entries.expect("every logit is finite, as the sum of p was");
        Ok((by * entries + scale * reg * (gap / classes).powi(2)) as f32)
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let GprConfig { q2, q3, log_epsilon: e, rho, lam_1, lam_2, expected_positives, reg, .. } =
            self.config;
        let at = self.config.confidence.at(input.epoch);
        let entry = |(&z, &label): (&Dual, &Label)| {
            let p = Real::sigmoid(z.value());
            let v = reference::confidence(p, at);
            match label {
                Label::Positive => reference::positive(z, e),
                Label::Negative => reference::weighted(z, 0.0, v, e),
                Label::Unknown if z.value() >= f64::from(self.cut) => {
                    let u = reference::pseudo_positive_weight(v, lam_1, lam_2);
                    reference::weighted(z, u * rho, u * (1.0 - rho), e)
                }
                Label::Unknown => reference::unknown(z, reference::pseudo_label(p, at), v, q2, q3),
            }
        };
        let mean = Real::sum(z[0].iter().zip(input.targets.labels).map(entry)) / Dual::of(z[0].len() as f64);
        let regulariser = reference::expected_number(z[0], input.rows, input.classes, expected_positives);
        (mean + Dual::of(reg) * regulariser) * Dual::of(self.scale(input))
    }
}

/// p, whatever the label.
struct Probability;

impl Pointwise for Probability {
    #[inline(always)]
    fn at(&self, z: f32x8, _: f32x8) -> Entry {
        let (p, n) = math::sigmoid_pair(z);
        Entry::new(p, p * n)
    }
}

struct Terms {
    robust: Robust,
    cut: f32x8,
    guard: f32x8,
    rho: f32x8,
    most: f32x8,
    least: f32x8,
    /// What R adds to a slope, over p n.
    pull: f32x8,
}

/// The entries, with the slope that R adds to each; `LINEAR` as in [`Robust::at`].
struct Kernel<const LINEAR: bool>(Terms);

impl<const LINEAR: bool> Pointwise for Kernel<LINEAR> {
    #[inline(always)]
    fn at(&self, z: f32x8, l: f32x8) -> Entry {
        let Terms { robust, cut, guard, rho, most, least, pull } = &self.0;
        let (zero, one) = (f32x8::splat(0.0), f32x8::splat(1.0));
        let log = math::logistic(z);
        let (v, mut value, mut slope) = robust.at::<LINEAR>(&log);
        let (positive, negative) = (l.simd_gt(zero), l.simd_lt(zero));
        let hard = positive | negative | z.simd_ge(*cut);
        // Few cells are known, or likely.
        if hard.any() {
            let u = (one - v).fast_max(*least).fast_min(*most);
            let a = positive.select(one, negative.select(zero, u * *rho));
            let b = positive.select(zero, negative.select(v, u * (one - *rho)));
            let logs = if guard.simd_gt(zero).any() {
                BothLogs::at::<true>(z, *guard)
            } else {
                BothLogs::at::<false>(z, *guard)
            };
            value = hard.select(a * logs.lp + b * logs.ln, value);
            slope = hard.select(logs.slope(a, b), slope);
        }
        Entry::new(value, pull.mul_add(log.p * log.n, slope))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Gr, GrConfig, Preset};
    use lacuna_loss_api::conformance;

    #[test]
    fn conforms() {
        for preset in [GprPreset::Voc, GprPreset::Coco, GprPreset::Nus, GprPreset::Cub] {
            for (threshold, log_epsilon, reg, reduction) in [
                (0.8, 1e-7, 0.05, Reduction::Mean),
                (0.3, 0.0, 2.0, Reduction::Sum),
                (1.0, 0.01, 0.0, Reduction::MeanKnown),
            ] {
                let config =
                    GprConfig { threshold, log_epsilon, reg, reduction, ..GprConfig::preset(preset, 1.5) };
                conformance::check(&|_| Box::new(Gpr::new(config.clone()).unwrap()));
            }
        }
    }

    fn evaluate(loss: &mut dyn MultiLabelLoss, z: &[f32], labels: &[Label], epoch: usize) -> (f32, Vec<f32>) {
        let (logits, mut dz) = ([z], vec![f32::NAN; z.len()]);
        let mut input = LossInput::new(&logits, 1, z.len(), labels);
        input.epoch = epoch;
        let value = loss.evaluate(&input, LossGrad::Into(&mut [&mut dz])).unwrap();
        (value, dz)
    }

    #[test]
    fn without_pseudo_positives_and_regulariser_it_is_gr() {
        let z: Vec<f32> = (0..29).map(|i| i as f32 * 0.6 - 8.0).collect();
        let labels: Vec<Label> =
            (0..29).map(|i| if i % 7 == 3 { Label::Positive } else { Label::Unknown }).collect();
        for (ours, theirs) in [(GprPreset::Voc, Preset::Voc), (GprPreset::Coco, Preset::Coco)] {
            let config = GprConfig { threshold: 1.0, reg: 0.0, ..GprConfig::preset(ours, 1.5) };
            let (mut gpr, mut gr) = (Gpr::new(config).unwrap(), Gr::new(GrConfig::preset(theirs)).unwrap());
            for epoch in [0, 4, 7] {
                let (a, b) = (evaluate(&mut gpr, &z, &labels, epoch), evaluate(&mut gr, &z, &labels, epoch));
                assert!((a.0 - b.0).abs() <= 1e-6 * b.0);
                for (i, (a, b)) in a.1.iter().zip(&b.1).enumerate() {
                    assert!((a - b).abs() <= 1e-5 * b.abs() + 1e-9, "{i}: {a} is not {b}");
                }
            }
        }
    }

    /// By hand at z = 0 and z = ln 9, so that p = 0.5 and 0.9, in the last epoch of VOC: mu = 0.8, sigma = 0.5.
    #[test]
    fn every_kind_of_cell_by_hand() {
        let nine = 9f32.ln();
        let config = GprConfig { log_epsilon: 0.0, reg: 0.5, ..GprConfig::preset(GprPreset::Voc, 2.0) };
        let mut loss = Gpr::new(config).unwrap();
        let labels = [Label::Positive, Label::Negative, Label::Unknown];
        let (value, dz) = evaluate(&mut loss, &[0.0, 0.0, nine], &labels, 7);
        let half = 0.5f64;
        let at_half = (-(0.3f64.powi(2)) / half).exp(); // v at p = 0.5
        let u = (1.0 - (-(0.1f64.powi(2)) / half).exp()).clamp(0.4, 0.7);
        assert_eq!(u, 0.4); // the confidence is so high that the weight ends at lam_2
        let ten = 10f64.ln();
        let pseudo = u * (0.9 * (10.0f64 / 9.0).ln() + 0.1 * ten);
        let gap: f64 = 1.9 - 2.0;
        let expected = (2f64.ln() + at_half * 2f64.ln() + pseudo) / 3.0 + 0.5 * gap * gap / 9.0;
        assert!((f64::from(value) - expected).abs() < 1e-6, "{value} is not {expected}");
        let pull = 0.5 * 2.0 * gap / 9.0;
        let slopes = [-half / 3.0 + pull * 0.25, at_half * half / 3.0 + pull * 0.25, pull * 0.09];
        for (dz, slope) in dz.iter().zip(slopes) {
            assert!((f64::from(*dz) - slope).abs() < 1e-6, "{dz} is not {slope}"); // rho = p: nothing pulls at the last
        }
    }

    #[test]
    fn presets_are_what_is_listed() {
        for preset in [GprPreset::Voc, GprPreset::Coco, GprPreset::Nus, GprPreset::Cub] {
            let config = GprConfig::preset(preset, 1.0);
            let Confidence::Scheduled(schedule) = config.confidence else { panic!("scheduled") };
            for (name, value) in [
                ("w_start", schedule.start.w),
                ("w_end", schedule.end.w),
                ("b_end", schedule.end.b),
                ("mu_end", schedule.end.mu),
                ("sigma_end", schedule.end.sigma),
                ("num_epochs", schedule.num_epochs as f64),
                ("q2", config.q2),
                ("q3", config.q3),
                ("log_epsilon", config.log_epsilon),
                ("threshold", config.threshold),
                ("rho", config.rho),
                ("lam_1", config.lam_1),
                ("lam_2", config.lam_2),
                ("reg", config.reg),
            ] {
                assert_eq!(preset.info().param(name).unwrap().default, Some(value), "{preset:?} {name}");
            }
        }
    }

    #[test]
    fn parameters_are_checked() {
        let good = || GprConfig::preset(GprPreset::Voc, 1.5);
        for bad in [
            GprConfig { threshold: 0.0, ..good() },
            GprConfig { rho: 1.1, ..good() },
            GprConfig { lam_2: 0.75, ..good() },
            GprConfig { lam_1: f64::NAN, ..good() },
            GprConfig { expected_positives: -1.0, ..good() },
            GprConfig { reg: f64::INFINITY, ..good() },
            GprConfig { q2: 0.0, ..good() },
        ] {
            assert!(matches!(Gpr::new(bad), Err(LossError::Parameter { .. })));
        }
        assert!(Gpr::new(GprConfig { lam_2: 0.7, ..good() }).is_ok());
    }
}
