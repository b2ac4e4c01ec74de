//! The generalised robust loss.

use crate::schedule::{Point, Schedule};
use crate::{PAPER, reference};
use lacuna_loss_api::pointwise::{self, Entry, Pointwise};
use lacuna_loss_api::{
    Dual, Interval, Label, LabelUse, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, ParamInfo,
    Real, Reduction, f32x8, math,
};

pub(crate) const fn param(name: &'static str, default: f64, range: Interval, doc: &'static str) -> ParamInfo {
    ParamInfo { name, default: Some(default), range, doc }
}

const PSEUDO: &str =
    "w and b of the pseudo-label k = sigma(w p + b) at the start and at the end of the run (beta)";
const CONFIDENT: &str =
    "mu and sigma of the confidence exp(-(p-mu)^2 / (2 sigma^2)) at both ends of the run (alpha)";

/// Parameters of the loss of unknown cells, with these defaults.
pub(crate) const fn params(w_end: f64, b_end: f64, q3: f64) -> [ParamInfo; 13] {
    let positive = Interval::above(0.0);
    [
        param("w_start", 0.0, Interval::ANY, PSEUDO),
        param("w_end", w_end, Interval::ANY, PSEUDO),
        param("b_start", -2.0, Interval::ANY, PSEUDO),
        param("b_end", b_end, Interval::ANY, PSEUDO),
        param("mu_start", 0.5, Interval::ANY, CONFIDENT),
        param("sigma_start", 2.0, positive, CONFIDENT),
        param("mu_end", 0.8, Interval::ANY, CONFIDENT),
        param("sigma_end", 0.5, positive, CONFIDENT),
        param(
            "q2",
            0.01,
            positive,
            "exponent of the loss of a pseudo-positive: 0 is lp, 1 is 1 - p. Authors' code",
        ),
        param(
            "q3",
            q3,
            positive,
            "exponent of the loss of a pseudo-negative: 0 is ln, 1 is p. Authors' code",
        ),
        param("num_epochs", 8.0, Interval::whole_from(1.0), "epochs of the run. 8 in the authors' code"),
        param(
            "linear_init",
            0.0,
            Interval::whole_from(0.0),
            "epochs that keep the start, fewer than num_epochs. 0 in the authors' code",
        ),
        param(
            "log_epsilon",
            1e-7,
            Interval::closed(0.0, 0.5),
            "guard e of the logarithm of positives; 0 is the stable form. 1e-7 in the authors' code",
        ),
    ]
}

static VOC_PARAMS: [ParamInfo; 13] = params(2.0, -2.0, 1.0);
static COCO_PARAMS: [ParamInfo; 13] = params(10.0, -8.0, 1.0);
static CUB_PARAMS: [ParamInfo; 13] = params(10.0, -8.0, 1.5);

const fn info(name: &'static str, title: &'static str, params: &'static [ParamInfo]) -> LossInfo {
    LossInfo {
        name,
        title,
        paper: PAPER,
        year: 2024,
        experimental: false,
        labels: LabelUse::UnknownAsUnknown,
        formula: "L = Lp on positives; v [k (1-p^q2)/q2 + (1-k) (1-n^q3)/q3] on unknown cells",
        params,
    }
}

static VOC: LossInfo = info("gr-voc", "generalised robust loss, settings of VOC", &VOC_PARAMS);
static COCO: LossInfo = info("gr-coco", "generalised robust loss, settings of COCO", &COCO_PARAMS);
static CUB: LossInfo = info("gr-cub", "generalised robust loss, settings of CUB", &CUB_PARAMS);

/// Whose schedule is the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// The defaults of the repository, made for Pascal VOC.
    Voc,
    /// What GPR (ICCV 2025) uses with GR for COCO and NUS-WIDE.
    Coco,
    /// What GPR (ICCV 2025) uses with GR for CUB: that of COCO and q3 = 1.5.
    Cub,
}

impl Preset {
    /// Loss metadata under this preset.
    pub const fn info(self) -> &'static LossInfo {
        match self {
            Preset::Voc => &VOC,
            Preset::Coco => &COCO,
            Preset::Cub => &CUB,
        }
    }
}

/// Where k and v come from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Confidence {
    /// From a schedule over the epochs of the run.
    Scheduled(Schedule),
    /// The same in every epoch.
    Fixed(Point),
}

impl Confidence {
    pub(crate) fn at(self, epoch: usize) -> Point {
        match self {
            Confidence::Scheduled(schedule) => schedule.at(epoch),
            Confidence::Fixed(point) => point,
        }
    }

    pub(crate) fn check(self, info: &'static LossInfo) -> Result<(), LossError> {
        let (start, end) = match self {
            Confidence::Fixed(point) => (point, point),
            Confidence::Scheduled(schedule) => {
                info.check("num_epochs", schedule.num_epochs as f64)?;
                if schedule.linear_init >= schedule.num_epochs {
                    let high = schedule.num_epochs as f64 - 1.0;
                    let range = Interval { high, ..Interval::whole_from(0.0) };
                    let (parameter, value) = ("linear_init", schedule.linear_init as f64);
                    return Err(LossError::Parameter { loss: info.name, parameter, value, range });
                }
                (schedule.start, schedule.end)
            }
        };
        for (name, value) in [
            ("w_start", start.w),
            ("w_end", end.w),
            ("b_start", start.b),
            ("b_end", end.b),
            ("mu_start", start.mu),
            ("mu_end", end.mu),
            ("sigma_start", start.sigma),
            ("sigma_end", end.sigma),
        ] {
            info.check(name, value)?;
        }
        Ok(())
    }
}

/// Parameters of [`Gr`].
#[derive(Clone, Debug, PartialEq)]
pub struct GrConfig {
    /// Decides the name.
    pub preset: Preset,
    /// Pseudo-label and confidence over the run.
    pub confidence: Confidence,
    /// Exponent > 0 of the loss of a pseudo-positive.
    pub q2: f64,
    /// Exponent > 0 of the loss of a pseudo-negative.
    pub q3: f64,
    /// Guard e of the logarithm of positives, in [0, 0.5].
    pub log_epsilon: f64,
    /// How the entries become one number.
    pub reduction: Reduction,
}

impl GrConfig {
    /// q2 = 0.01, guard 1e-7, mean, and schedule and q3 of the preset.
    pub fn preset(preset: Preset) -> Self {
        let (schedule, q3) = match preset {
            Preset::Voc => (Schedule::VOC, 1.0),
            Preset::Coco => (Schedule::COCO, 1.0),
            Preset::Cub => (Schedule::COCO, 1.5),
        };
        let confidence = Confidence::Scheduled(schedule);
        Self { preset, confidence, q2: 0.01, q3, log_epsilon: 1e-7, reduction: Reduction::Mean }
    }
}

/// Gives every unknown cell a soft pseudo-label, and a weight by how confident it is.
///
/// ```text
/// y = 1:   L = -ln(p + e)
/// unknown: L = v [k (1 - p^q2)/q2 + (1 - k) (1 - n^q3)/q3],   dL/dz = v [-k p^q2 n + (1 - k) n^q3 p]
///          k = sigma(w p + b),   v = exp(-(p - mu)^2 / (2 sigma^2))
/// ```
/// k and v are constants for the derivative. w, b, mu and sigma move over the run, see [`Schedule`]; the epoch
/// comes with the input and there is no other state. An observed negative counts nothing, as in the authors' code.
///
/// Chen et al., IJCAI 2024, arXiv 2405.03501; yan4xi1/GRLoss@5e13f7f9d8e4, losses.py (`GR_loss`), models.py.
#[derive(Clone, Debug, PartialEq)]
pub struct Gr {
    config: GrConfig,
}

impl Gr {
    /// The loss with these parameters.
    ///
    /// # Errors
    /// [`LossError::Parameter`] if one is out of its range or `linear_init` is as long as the run.
    pub fn new(config: GrConfig) -> Result<Self, LossError> {
        let info = config.preset.info();
        config.confidence.check(info)?;
        for (name, value) in [("q2", config.q2), ("q3", config.q3), ("log_epsilon", config.log_epsilon)] {
            info.check(name, value)?;
        }
        Ok(Self { config })
    }

    /// The parameters of k and v in an epoch, counted from 0.
    pub fn point(&self, epoch: usize) -> Point {
        self.config.confidence.at(epoch)
    }
}

impl MultiLabelLoss for Gr {
    fn info(&self) -> &'static LossInfo {
        self.config.preset.info()
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        let GrConfig { q2, q3, log_epsilon, .. } = self.config;
        let robust = Robust::new(self.point(input.epoch), q2, q3);
        let guard = f32x8::splat(log_epsilon as f32);
        let (name, reduction) = (self.info().name, self.config.reduction);
        match self.config.q3 == 1.0 {
            true => pointwise::evaluate(name, &Kernel::<true> { robust, guard }, input, grad, reduction),
            false => pointwise::evaluate(name, &Kernel::<false> { robust, guard }, input, grad, reduction),
        }
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let GrConfig { q2, q3, log_epsilon, reduction, .. } = self.config;
        let at = self.point(input.epoch);
        let entry = |(&z, &label): (&Dual, &Label)| match label {
            Label::Positive => reference::positive(z, log_epsilon),
            Label::Negative => Dual::zero(),
            Label::Unknown => {
                let p = Real::sigmoid(z.value());
                reference::unknown(z, reference::pseudo_label(p, at), reference::confidence(p, at), q2, q3)
            }
        };
        let sum = Real::sum(z[0].iter().zip(input.targets.labels).map(entry));
        sum * Dual::of(reduction.factor(&input.targets))
    }
}

/// The entries.
struct Kernel<const LINEAR: bool> {
    robust: Robust,
    guard: f32x8,
}

impl<const LINEAR: bool> Pointwise for Kernel<LINEAR> {
    #[inline(always)]
    fn at(&self, z: f32x8, l: f32x8) -> Entry {
        let (zero, guard) = (f32x8::splat(0.0), self.guard);
        let log = math::logistic(z);
        let (p, n) = (log.p, log.n);
        let positive = l.simd_gt(zero);
        let (_, value, slope) = self.robust.at::<LINEAR>(&log);
        let unknown = l.simd_eq(zero);
        let (mut value, mut slope) = (unknown.select(value, zero), unknown.select(slope, zero));
        // One entry in twenty or fewer is a positive.
        if positive.any() {
            let x = p + guard;
            let guarded = -math::ln(x);
            let lp = guard.simd_gt(zero).select(guarded, log.neg_ln_p);
            value = positive.select(lp, value);
            slope = positive.select(-(p * n) / x, slope);
        }
        Entry::new(value, slope)
    }
}

/// v [k (1 - p^q2) / q2 + (1 - k) (1 - n^q3) / q3], eight at a time.
pub(crate) struct Robust {
    w: f32x8,
    b: f32x8,
    mu: f32x8,
    /// -1 / (2 sigma^2).
    bend: f32x8,
    q2: f32x8,
    q3: f32x8,
}

impl Robust {
    pub(crate) fn new(Point { w, b, mu, sigma }: Point, q2: f64, q3: f64) -> Self {
        let lanes = |x: f64| f32x8::splat(x as f32);
        let bend = lanes(-0.5 / (sigma * sigma));
        Self { w: lanes(w), b: lanes(b), mu: lanes(mu), bend, q2: lanes(q2), q3: lanes(q3) }
    }

    /// (v, value, slope); `LINEAR`: q3 is 1, where (1 - n^q3) / q3 is p and n^q3 is n (the repository's default, and a
    /// fifth of the time).
    #[inline]
    pub(crate) fn at<const LINEAR: bool>(&self, log: &math::Logistic) -> (f32x8, f32x8, f32x8) {
        let Self { w, b, mu, bend, q2, q3 } = *self;
        let (p, n) = (log.p, log.n);
        let k = math::sigmoid(p.mul_add(w, b));
        let gap = p - mu;
        let v = math::exp_sat(bend * gap * gap);
        let (up, up_power) = generalised(log.neg_ln_p, q2);
        let (down, down_power) = if LINEAR { (p, n) } else { generalised(log.neg_ln_n, q3) };
        let (a, b) = (v * k, v * (f32x8::splat(1.0) - k));
        (v, a * up + b * down, b * down_power * p - a * up_power * n)
    }
}

/// (1 - u^q) / q and u^q of a probability u with the logarithm -ln u = `log`.
///
/// For q log < 1/2 the first is a series without the cancellation of 1 - u^q, and the second is found from it.
#[inline]
fn generalised(log: f32x8, q: f32x8) -> (f32x8, f32x8) {
    let c = f32x8::splat;
    let x = q * log;
    // (1 - e^-x) / x, with an error of x^7 / 8! < 2e-7.
    let series = x.mul_add(c(1.0 / 5040.0), c(-1.0 / 720.0));
    let series = x.mul_add(series, c(1.0 / 120.0));
    let series = x.mul_add(series, c(-1.0 / 24.0));
    let series = x.mul_add(series, c(1.0 / 6.0));
    let series = x.mul_add(series, c(-0.5));
    let near = log * x.mul_add(series, c(1.0));
    let small = x.simd_lt(c(0.5));
    let near_power = q.mul_neg_add(near, c(1.0));
    if small.all() {
        return (near, near_power);
    }
    // Selected in both, so that an entry does not depend on those beside it.
    let power = math::exp_sat(-x);
    (small.select(near, (c(1.0) - power) / q), small.select(near_power, power))
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::conformance;

    #[test]
    fn conforms() {
        for preset in [Preset::Voc, Preset::Coco] {
            for (q2, q3, log_epsilon) in
                [(0.01, 1.0, 1e-7), (0.3, 0.7, 0.0), (1.0, 0.01, 1e-5), (2.0, 1.5, 0.0)]
            {
                let config = GrConfig { q2, q3, log_epsilon, ..GrConfig::preset(preset) };
                conformance::check(&|_| Box::new(Gr::new(config.clone()).unwrap()));
            }
        }
        let point = Point { w: 1.25, b: -2.0, mu: 0.6, sigma: 0.3 };
        let config = GrConfig { confidence: Confidence::Fixed(point), ..GrConfig::preset(Preset::Voc) };
        conformance::check(&|_| Box::new(Gr::new(config.clone()).unwrap()));
    }

    #[test]
    fn parameters_are_checked() {
        let good = GrConfig::preset(Preset::Voc);
        let schedule = |linear_init, sigma| {
            let start = Point { sigma, ..Schedule::VOC.start };
            Confidence::Scheduled(Schedule { linear_init, start, ..Schedule::VOC })
        };
        for bad in [
            GrConfig { q2: 0.0, ..good },
            GrConfig { q3: f64::NAN, ..good },
            GrConfig { log_epsilon: -1.0, ..good },
            GrConfig { confidence: schedule(8, 2.0), ..good },
            GrConfig { confidence: schedule(0, 0.0), ..good },
        ] {
            assert!(matches!(Gr::new(bad), Err(LossError::Parameter { .. })));
        }
        assert!(Gr::new(GrConfig { confidence: schedule(7, 2.0), ..good }).is_ok());
        let late = Gr::new(GrConfig { confidence: schedule(8, 2.0), ..good }).unwrap_err().to_string();
        assert!(late.contains("7]"), "the last epoch of eight has the number 7: {late}");
    }
}
