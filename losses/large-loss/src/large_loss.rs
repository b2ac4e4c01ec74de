//! Rejection, temporary and permanent correction of large losses.

use crate::reference;
use crate::top::Top;
use lacuna_loss_api::pointwise::{self, Entry, Pointwise};
use lacuna_loss_api::{
    Dual, Interval, Label, LabelUse, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, ParamInfo,
    Real, Reduction, StateEntry, f32x8, math, only_state,
};

const PAPER: &str = "Kim, Kim, Akata and Lee, Large Loss Matters in Weakly Supervised Multi-Label \
                     Classification, CVPR";

const PARAMS: &[ParamInfo] = &[ParamInfo {
    name: "delta_rel",
    default: Some(0.2),
    range: Interval { low: 0.0, high: 100.0, open: true, whole: false },
    doc: "percent of the entries by which the share accepted as clean falls after every epoch. Chosen from 0.1, 0.2, 0.3, \
          0.4, 0.5 by validation in the authors' code",
}];

const fn info(name: &'static str, title: &'static str, formula: &'static str) -> LossInfo {
    let labels = LabelUse::UnknownAsUnknown;
    LossInfo { name, title, paper: PAPER, year: 2022, experimental: false, labels, formula, params: PARAMS }
}

static REJECT: LossInfo = info(
    "ll-r",
    "large loss rejection",
    "L = y lp + (1-y) ln; 0 for the unknown cells of the batch with the largest losses",
);
static CORRECT: LossInfo = info(
    "ll-ct",
    "large loss correction, temporary",
    "L = y lp + (1-y) ln; lp for the unknown cells of the batch with the largest losses",
);
static CORRECT_FOR_GOOD: LossInfo = info(
    "ll-cp",
    "large loss correction, permanent",
    "as ll-ct with a fixed share; corrected cells stay positive for the rest of the run",
);

/// What becomes of entries with large losses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// LL-R: they count nothing.
    Reject,
    /// LL-Ct: they count with the target flipped.
    Correct,
    /// LL-Cp: they count with the target flipped, and those above the threshold are positives from then on.
    CorrectForGood,
}

impl Scheme {
    /// Loss metadata under this scheme.
    pub const fn info(self) -> &'static LossInfo {
        match self {
            Scheme::Reject => &REJECT,
            Scheme::Correct => &CORRECT,
            Scheme::CorrectForGood => &CORRECT_FOR_GOOD,
        }
    }
}

/// The share of the entries of a batch that is treated as clean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CleanRate {
    /// 1 in the first epoch, less by `delta` (a share, not percent) in each that follows: the paper.
    Falling {
        /// What is subtracted after every epoch, in (0, 1).
        delta: f64,
    },
    /// The same in every epoch.
    Fixed {
        /// The share, in [0, 1].
        rate: f64,
    },
}

impl CleanRate {
    /// The share in an epoch counted from 0, by repeated subtraction as in the authors' code: its rounding decides
    /// whether a product just above a whole number is rounded up.
    pub fn at(self, epoch: usize) -> f64 {
        match self {
            CleanRate::Fixed { rate } => rate,
            CleanRate::Falling { delta } => {
                let mut rate = 1.0;
                for _ in 0..epoch {
                    if rate <= 0.0 {
                        return 0.0;
                    }
                    rate -= delta;
                }
                rate.max(0.0)
            }
        }
    }
}

/// Parameters of [`LargeLoss`].
#[derive(Clone, Debug, PartialEq)]
pub struct LargeLossConfig {
    /// The share of entries that is treated as clean.
    pub clean_rate: CleanRate,
    /// [`Scheme::CorrectForGood`]: share in (0, 1) of a batch that is corrected, in every epoch but those with a
    /// clean rate of 1.
    pub corrected_share: f64,
    /// [`Scheme::CorrectForGood`]: whether the entry at the threshold becomes positive for good as well.
    pub with_threshold: bool,
    /// How the entries become one number. Rejected entries are counted.
    pub reduction: Reduction,
}

impl Default for LargeLossConfig {
    /// 0.2 percent, entries above the threshold only, mean.
    fn default() -> Self {
        Self::with_delta(0.002)
    }
}

impl LargeLossConfig {
    /// The clean rate falls by `delta`, and as much is corrected for good.
    pub fn with_delta(delta: f64) -> Self {
        Self {
            clean_rate: CleanRate::Falling { delta },
            corrected_share: delta,
            with_threshold: false,
            reduction: Reduction::Mean,
        }
    }
}

/// Assume-negative cross-entropy that treats the unknown cells with the largest losses as mislabelled.
///
/// ```text
/// E = lp on positives, ln on everything else;   U = E on unknown cells, 0 elsewhere
/// clean rate 1: L = mean E
/// otherwise: theta = the K-th largest U of the batch, K = ceil(B C (1 - clean rate)), LL-Cp: ceil(B C share)
///            U < theta: E;   else LL-R: 0, LL-Ct and LL-Cp: E with the target flipped
/// ```
/// theta and the choice are constants for the derivative. If K exceeds the number of unknown cells, theta is 0
/// and every entry is rejected or flipped, observed positives too: the authors' code does that, and so does this.
///
/// LL-Cp turns unknown cells with U above theta into positives for the rest of the run, by sample id, whenever
/// it is asked for a gradient and told the ids. They are part of the state.
///
/// Kim et al., CVPR 2022, section 4; snucml/LargeLossMatters@5025d16b37e7, losses.py (`compute_batch_loss`).
#[derive(Clone, Debug, PartialEq)]
pub struct LargeLoss {
    scheme: Scheme,
    config: LargeLossConfig,
    /// Cells that are positive for good, one bit each, `[samples, classes]`.
    corrected: Vec<u64>,
    /// Classes of the training set, 0 before the first correction.
    classes: usize,
    top: Top,
    labels: Vec<Label>,
}

impl LargeLoss {
    /// The loss of this scheme.
    ///
    /// # Errors
    /// [`LossError::Parameter`] if a share is out of its range.
    pub fn new(scheme: Scheme, config: LargeLossConfig) -> Result<Self, LossError> {
        let check = |parameter, value, range: Interval| match range.contains(value) {
            true => Ok(()),
            false => Err(LossError::Parameter { loss: scheme.info().name, parameter, value, range }),
        };
        match config.clean_rate {
            CleanRate::Falling { delta } => check("delta", delta, Interval::open(0.0, 1.0))?,
            CleanRate::Fixed { rate } => check("clean_rate", rate, Interval::closed(0.0, 1.0))?,
        }
        check("corrected_share", config.corrected_share, Interval::open(0.0, 1.0))?;
        let (corrected, labels) = (Vec::new(), Vec::new());
        Ok(Self { scheme, config, corrected, classes: 0, top: Top::default(), labels })
    }

    /// How many entries of a batch of n are treated as mislabelled; `None` if none are.
    fn rejected(&self, epoch: usize, n: usize) -> Option<usize> {
        let rate = self.config.clean_rate.at(epoch);
        if rate == 1.0 {
            return None;
        }
        let share =
            if self.scheme == Scheme::CorrectForGood { self.config.corrected_share } else { 1.0 - rate };
        Some(((n as f64 * share).ceil() as usize).clamp(1, n))
    }

    /// Whether an unknown cell of the training set has become a positive for good.
    pub fn is_corrected(&self, sample: usize, class: usize) -> bool {
        class < self.classes && self.bit(sample * self.classes + class)
    }

    fn bit(&self, cell: usize) -> bool {
        self.corrected.get(cell / 64).is_some_and(|word| word >> (cell % 64) & 1 == 1)
    }

    fn set(&mut self, cell: usize) {
        let word = cell / 64;
        if word >= self.corrected.len() {
            self.corrected.resize(capacity(word), 0);
        }
        self.corrected[word] |= 1 << (cell % 64);
    }

    /// The labels of a batch with corrected cells as positives, entry by entry.
    fn label(&self, input: &LossInput<'_>, i: usize) -> Label {
        let label = input.targets.labels[i];
        let Some(&id) = input.sample_ids.get(i / input.classes) else { return label };
        match label {
            Label::Unknown if self.is_corrected(id as usize, i % input.classes) => Label::Positive,
            _ => label,
        }
    }
}

/// Words of an overlay that has the word `word`: a capacity that no set of less than four million cells outgrows; beyond, it
/// doubles.
fn capacity(word: usize) -> usize {
    (word + 1).next_power_of_two().max(1 << 16)
}

impl MultiLabelLoss for LargeLoss {
    fn info(&self) -> &'static LossInfo {
        self.scheme.info()
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        let name = self.info().name;
        input.check(name, 1, &grad)?;
        input.check_hard(name)?;
        if self.classes != 0 && input.classes != self.classes && !input.sample_ids.is_empty() {
            let message =
                format!("{name} has corrections for {} classes, not {}", self.classes, input.classes);
            return Err(LossError::Unsupported(message));
        }
        let mut overlaid = std::mem::take(&mut self.labels);
        let labels = if self.classes != 0 && !input.sample_ids.is_empty() {
            overlaid.clear();
            overlaid.extend((0..input.targets.labels.len()).map(|i| self.label(input, i)));
            &overlaid
        } else {
            input.targets.labels
        };
        let z = input.logits[0];
        let factor = self.config.reduction.factor(&input.targets);
        // On unknown cells U is an increasing function of z, so the comparison is made on logits; a NaN passes
        // through and is found in the sum.
        let rejected = self.rejected(input.epoch, z.len());
        let theta = rejected.map(|k| {
            let unknown = z.iter().zip(labels).filter(|(_, l)| !l.is_known()).map(|(z, _)| *z);
            self.top.kth_largest(k, unknown)
        });
        let train = matches!(grad, LossGrad::Into(_));
        let (dz, scale) = (grad.into_single(), factor as f32);
        let flip = self.scheme != Scheme::Reject;
        let sum = match theta {
            None => pointwise::sum(&Kernel::<false>::all_clean(), z, labels, dz, scale),
            Some(theta) if flip => pointwise::sum(&Kernel::<true>::at(theta), z, labels, dz, scale),
            Some(theta) => pointwise::sum(&Kernel::<false>::at(theta), z, labels, dz, scale),
        };
        let value = sum.map(|sum| (sum * factor) as f32).ok_or_else(|| pointwise::non_finite(input));
        if let (Ok(_), Some(theta), Scheme::CorrectForGood, true) = (&value, theta, self.scheme, train) {
            let threshold = theta.unwrap_or(f32::NEG_INFINITY);
            for (row, &id) in input.sample_ids.iter().enumerate().take(input.rows) {
                for class in 0..input.classes {
                    let i = row * input.classes + class;
                    let above = z[i] > threshold || (self.config.with_threshold && z[i] == threshold);
                    if above && !labels[i].is_known() {
                        self.classes = input.classes;
                        self.set(id as usize * input.classes + class);
                    }
                }
            }
        }
        self.labels = overlaid;
        value
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let labels: Vec<Label> = (0..input.targets.labels.len()).map(|i| self.label(input, i)).collect();
        let values: Vec<f64> = z[0].iter().map(|z| z.value()).collect();
        let kept = match self.rejected(input.epoch, values.len()) {
            None => vec![true; values.len()],
            Some(k) => {
                let losses = reference::unobserved_losses(&values, &labels);
                let theta = reference::kth_largest(&losses, k);
                losses.iter().map(|&loss| loss < theta).collect()
            }
        };
        let scale = self.config.reduction.factor(&input.targets) * values.len() as f64;
        reference::large_loss(z[0], &labels, &kept, self.scheme) * Dual::of(scale)
    }

    /// `corrected`: classes, then the cells that are positive for good, as sample * classes + class.
    fn labels_written(&self) -> Option<usize> {
        let written = self.corrected.iter().map(|word| word.count_ones() as usize).sum();
        (self.scheme == Scheme::CorrectForGood).then_some(written)
    }

    fn state(&self) -> Vec<StateEntry> {
        let words = (0..self.corrected.len()).filter(|&word| self.corrected[word] != 0);
        let cells = words.flat_map(|word| word * 64..(word + 1) * 64).filter(|&cell| self.bit(cell));
        let cells = cells.map(|cell| cell as f64);
        let values = std::iter::once(self.classes as f64).chain(cells).collect();
        vec![StateEntry { name: "corrected".to_owned(), values }]
    }

    fn restore(&mut self, entries: &[StateEntry]) -> Result<(), LossError> {
        let name = self.info().name;
        let values = only_state(name, "corrected", entries)?;
        let bad =
            |what: &str| LossError::State(format!("{name}: `corrected` holds classes and cells; {what}"));
        let [classes, cells @ ..] = values else { return Err(bad("it is empty")) };
        let whole = |x: f64| (x >= 0.0 && x.fract() == 0.0 && x <= f64::from(u32::MAX)).then_some(x as usize);
        let classes = whole(*classes).ok_or(bad("the classes are no number of classes"))?;
        if !cells.is_empty() && (classes == 0 || self.scheme != Scheme::CorrectForGood) {
            return Err(bad("this loss corrects none"));
        }
        // Sample ids are u32, and the cells come in order.
        let end = (f64::from(u32::MAX) + 1.0) * classes as f64;
        let mut next = 0.0;
        for &cell in cells {
            if !(cell >= next && cell < end && cell.fract() == 0.0) {
                return Err(bad("an entry is not a cell or is out of order"));
            }
            next = cell + 1.0;
        }
        let mut corrected = Vec::new();
        let words = cells.last().map_or(0, |&last| capacity(last as usize / 64));
        corrected.try_reserve_exact(words).map_err(|_| bad("there is not enough memory for so many"))?;
        corrected.resize(words, 0);
        (self.classes, self.corrected) = (classes, corrected);
        cells.iter().for_each(|&cell| self.set(cell as usize));
        Ok(())
    }
}

/// The kernel; `FLIP`: entries treated as mislabelled count with the target flipped, otherwise nothing.
struct Kernel<const FLIP: bool> {
    /// Unknown cells from here on are treated as mislabelled.
    theta: f32x8,
    /// All ones where every unknown cell is treated as mislabelled.
    nothing: f32x8,
}

impl<const FLIP: bool> Kernel<FLIP> {
    fn all_clean() -> Self {
        Self { theta: f32x8::splat(f32::INFINITY), nothing: f32x8::splat(0.0) }
    }

    /// `None`: more entries are to be rejected than are unknown.
    fn at(theta: Option<f32>) -> Self {
        match theta {
            Some(theta) => Self { theta: f32x8::splat(theta), ..Self::all_clean() },
            None => Self { nothing: f32x8::splat(1.0), ..Self::all_clean() },
        }
    }
}

impl<const FLIP: bool> Pointwise for Kernel<FLIP> {
    #[inline(always)]
    fn at(&self, z: f32x8, l: f32x8) -> Entry {
        let (zero, one) = (f32x8::splat(0.0), f32x8::splat(1.0));
        let rejected = (l.simd_eq(zero) & z.simd_ge(self.theta)) | self.nothing.simd_gt(zero);
        let sign = l.simd_gt(zero).select(one, -one);
        let sign = if FLIP { rejected.select(-sign, sign) } else { rejected.select(zero, sign) };
        // As in binary cross-entropy; sign 0 leaves value 0, factor 1 and slope 0.
        let m = sign * z;
        let e = math::exp_sat(-m.abs());
        let sigma = m.simd_ge(zero).select(e, one) / (one + e);
        Entry { value: (-m).fast_max(zero), factor: (sign * sign).mul_add(e, one), slope: -(sign * sigma) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::conformance;

    const SCHEMES: [Scheme; 3] = [Scheme::Reject, Scheme::Correct, Scheme::CorrectForGood];

    #[test]
    fn conforms() {
        for scheme in SCHEMES {
            for clean_rate in [
                CleanRate::Falling { delta: 0.05 },
                CleanRate::Fixed { rate: 0.9 },
                CleanRate::Fixed { rate: 0.1 },
                CleanRate::Fixed { rate: 1.0 },
            ] {
                for reduction in [Reduction::Mean, Reduction::Sum] {
                    let config = LargeLossConfig { clean_rate, reduction, ..Default::default() };
                    let config = LargeLossConfig { corrected_share: 0.2, ..config };
                    conformance::check(&|_| Box::new(LargeLoss::new(scheme, config.clone()).unwrap()));
                }
            }
        }
    }

    #[test]
    fn the_clean_rate_falls_by_repeated_subtraction() {
        let rate = CleanRate::Falling { delta: 0.1 };
        assert_eq!(rate.at(0), 1.0);
        assert_eq!(rate.at(3), 1.0 - 0.1 - 0.1 - 0.1); // 0.7000000000000001
        assert_eq!((rate.at(11), rate.at(usize::MAX)), (0.0, 0.0));
    }

    #[test]
    fn corrections_last_and_survive_a_checkpoint() {
        let z = [3.0, -1.0, 0.5, 2.0, -4.0, 1.0];
        let labels = [Label::Unknown; 6];
        let logits = [&z[..]];
        let (ids, mut dz) = ([9, 2], [f32::NAN; 6]);
        let mut input = LossInput::new(&logits, 2, 3, &labels);
        input.sample_ids = &ids;
        for (with_threshold, expected) in [(false, vec![27]), (true, vec![6, 27])] {
            let clean_rate = CleanRate::Fixed { rate: 0.9 };
            let config =
                LargeLossConfig { clean_rate, corrected_share: 0.3, with_threshold, ..Default::default() };
            let mut loss = LargeLoss::new(Scheme::CorrectForGood, config.clone()).unwrap();
            loss.evaluate(&input, LossGrad::Unneeded).unwrap();
            assert!(!loss.is_corrected(9, 0), "validation corrects nothing");
            loss.evaluate(&input, LossGrad::Into(&mut [&mut dz])).unwrap(); // K = 2: 3.0 and 2.0
            let values = [&[3][..], &expected].concat().iter().map(|&x| f64::from(x)).collect();
            let state = vec![StateEntry { name: "corrected".to_owned(), values }];
            assert_eq!(loss.state(), state);
            assert!(loss.is_corrected(9, 0) && loss.is_corrected(2, 0) == with_threshold);
            let mut restored = LargeLoss::new(Scheme::CorrectForGood, config).unwrap();
            restored.restore(&state).unwrap();
            let values = [&mut loss, &mut restored].map(|l| l.evaluate(&input, LossGrad::Unneeded).unwrap());
            assert_eq!(values[0].to_bits(), values[1].to_bits());
            let wide: Vec<f64> = z.iter().map(|&z| f64::from(z)).collect();
            let exact = lacuna_loss_api::differentiate(&loss, &[&wide], &input);
            assert!((f64::from(values[0]) - exact.value).abs() < 1e-6);
        }
    }

    #[test]
    fn parameters_are_checked() {
        for config in [
            LargeLossConfig { clean_rate: CleanRate::Fixed { rate: 1.1 }, ..Default::default() },
            LargeLossConfig { corrected_share: 0.0, ..Default::default() },
            LargeLossConfig::with_delta(f64::NAN),
        ] {
            assert!(matches!(LargeLoss::new(Scheme::Reject, config), Err(LossError::Parameter { .. })));
        }
    }
}
