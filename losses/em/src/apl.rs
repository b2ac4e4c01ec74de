//! Entropy maximisation with asymmetric pseudo-labelling.

use crate::Preset;
use crate::em::{Kernel, NEGATIVE};
use crate::reference::{self, Target, lowest_open, quota};
use lacuna_loss_api::pointwise;
use lacuna_loss_api::{
    Dual, Interval, Label, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, Real, Reduction,
    StateEntry, TrainPass,
};

/// Parameters of [`EmApl`].
#[derive(Clone, Debug, PartialEq)]
pub struct EmAplConfig {
    /// Decides the name.
    pub preset: Preset,
    /// Weight >= 0 of the entropy of unknown cells.
    pub alpha: f64,
    /// Weight >= 0 of pseudo-negatives.
    pub beta: f64,
    /// Share in [0, 1] of the unknown cells that become pseudo-negatives in the end.
    pub neg_proportion: f64,
    /// Epochs of the run.
    pub num_epochs: usize,
    /// First epoch, counted from 1, after which cells are relabelled.
    pub warmup_epoch: usize,
    /// Guard e of the logarithms, in [0, 0.5]; 0 is the stable form.
    pub log_epsilon: f64,
    /// How the entries become one number.
    pub reduction: Reduction,
}

impl EmAplConfig {
    /// The published parameters: 10 epochs, share 0.9, guard 1e-5, mean.
    pub fn preset(preset: Preset) -> Self {
        let (alpha, beta, warmup_epoch) = preset.numbers();
        Self {
            preset,
            alpha,
            beta,
            neg_proportion: 0.9,
            num_epochs: 10,
            warmup_epoch,
            log_epsilon: 1e-5,
            reduction: Reduction::Mean,
        }
    }
}

impl Default for EmAplConfig {
    /// That of VOC.
    fn default() -> Self {
        Self::preset(Preset::Voc)
    }
}

/// [`Em`](crate::Em) that takes the least likely unknown cells for negatives, a few more after every epoch.
///
/// ```text
/// pseudo-negative with target s: L = beta [s L_e(p) + (1 - s) L_e(n)]
/// dL/dz = beta p n [-s / (p + e) + (1 - s) / (n + e)]
/// ```
/// After every epoch from `warmup_epoch` on, the trunc(neg_proportion U_c / (num_epochs - warmup_epoch)) least
/// likely cells of class c that are still unknown become pseudo-negatives; U_c is the number of unknown cells at
/// the start, and s the prediction at that time. Pseudo-labels are kept by sample id and are part of the state;
/// once there are some, every batch has to come with its sample ids.
///
/// Zhou et al., ECCV 2022, section 3.3; Correr-Zhou/SPML-AckTheUnknown@ae1ccafe0b03, losses.py
/// (`loss_EM_APL`), train.py (`aysmmetric_pseudo_labeling`).
///
/// ```
/// use lacuna_em::{EmApl, EmAplConfig, Preset};
/// use lacuna_loss_api::{Label, MultiLabelLoss, TrainPass};
///
/// let mut loss = EmApl::new(EmAplConfig::preset(Preset::Voc))?;
/// let logits: Vec<f32> = (0..20).map(|i| i as f32 * 0.1 - 1.0).collect();
/// let labels = [Label::Unknown; 20];
/// let train = |epoch| TrainPass { epoch, logits: &logits, labels: &labels, rows: 20, classes: 1 };
/// loss.end_epoch(&train(3))?; // the fourth epoch is still warm-up
/// assert_eq!(loss.pseudo_label(0, 0), None);
/// loss.end_epoch(&train(4))?; // 0.9 * 20 / 5 = 3.6
/// assert!(loss.pseudo_label(2, 0).is_some() && loss.pseudo_label(3, 0).is_none());
/// # Ok::<(), lacuna_loss_api::LossError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct EmApl {
    config: EmAplConfig,
    /// Soft targets of pseudo-negatives as -s, 0 elsewhere, `[rows, classes]` of the training set; empty until
    /// the first are made.
    overlay: Vec<f32>,
    classes: usize,
    /// U_c.
    unknown: Vec<usize>,
    /// Targets of the batch.
    targets: Vec<f32>,
}

impl EmApl {
    /// The loss with these parameters.
    ///
    /// # Errors
    /// [`LossError::Parameter`] if one is out of its range or the warm-up is as long as the run.
    pub fn new(config: EmAplConfig) -> Result<Self, LossError> {
        let info = config.preset.em_apl();
        info.check("alpha", config.alpha)?;
        info.check("beta", config.beta)?;
        info.check("neg_proportion", config.neg_proportion)?;
        info.check("num_epochs", config.num_epochs as f64)?;
        info.check("warmup_epoch", config.warmup_epoch as f64)?;
        info.check("log_epsilon", config.log_epsilon)?;
        if config.warmup_epoch >= config.num_epochs {
            let range = Interval { high: config.num_epochs as f64 - 1.0, ..Interval::whole_from(0.0) };
            let (loss, parameter, value) = (info.name, "warmup_epoch", config.warmup_epoch as f64);
            return Err(LossError::Parameter { loss, parameter, value, range });
        }
        let (overlay, unknown, targets) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { config, overlay, classes: 0, unknown, targets })
    }

    /// The soft target of a cell of the training set, if it is a pseudo-negative.
    pub fn pseudo_label(&self, sample: usize, class: usize) -> Option<f32> {
        let value = *self.overlay.get(sample * self.classes + class)?;
        (value < 0.0).then_some(-value)
    }

    /// Makes a cell of a training set of `rows` x `classes` a pseudo-negative with the soft target s in (0, 1].
    ///
    /// # Errors
    /// [`LossError::Target`] for s outside (0, 1], [`LossError::Shape`] for a cell outside the set or another
    /// set than before.
    pub fn set_pseudo_label(
        &mut self,
        (rows, classes): (usize, usize),
        (sample, class): (usize, usize),
        s: f32,
    ) -> Result<(), LossError> {
        if !(s > 0.0 && s <= 1.0) {
            return Err(LossError::Target { row: sample, class, value: s });
        }
        self.size(rows, classes)?;
        if sample >= rows || class >= classes {
            let (what, found) = ("the pseudo-labels", sample.saturating_mul(classes).saturating_add(class));
            return Err(LossError::Shape { what, found, rows, classes });
        }
        self.overlay[sample * classes + class] = -s;
        Ok(())
    }

    /// Makes the overlay fit a training set; it may be set up once only.
    fn size(&mut self, rows: usize, classes: usize) -> Result<(), LossError> {
        if self.overlay.is_empty() {
            self.overlay.resize(rows * classes, 0.0);
            self.classes = classes;
        }
        let found = self.overlay.len();
        if found == rows * classes && self.classes == classes {
            return Ok(());
        }
        Err(LossError::Shape { what: "the pseudo-labels", found, rows, classes })
    }

    /// -s of the cells of a batch row, or nothing while there are no pseudo-labels.
    fn row(&self, input: &LossInput<'_>, row: usize) -> Result<Option<&[f32]>, LossError> {
        if self.overlay.is_empty() {
            return Ok(None);
        }
        if input.sample_ids.len() != input.rows {
            return Err(LossError::Unsupported(format!(
                "{} has pseudo-labels by sample id and needs the ids of the {} rows, not {}",
                self.info().name,
                input.rows,
                input.sample_ids.len()
            )));
        }
        let id = input.sample_ids[row] as usize;
        let cells = self.overlay.chunks(self.classes).nth(id);
        match cells.filter(|cells| cells.len() == input.classes) {
            Some(cells) => Ok(Some(cells)),
            None => Err(LossError::Unsupported(format!(
                "{}: no pseudo-labels for sample {id} with {} classes",
                self.info().name,
                input.classes
            ))),
        }
    }
}

impl MultiLabelLoss for EmApl {
    fn info(&self) -> &'static LossInfo {
        self.config.preset.em_apl()
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        input.check(self.info().name, 1, &grad)?;
        input.check_hard(self.info().name)?;
        let mut targets = std::mem::take(&mut self.targets);
        targets.clear();
        let label = |label: &Label| match label {
            Label::Positive => 1.0,
            Label::Unknown => 0.0,
            Label::Negative => NEGATIVE,
        };
        targets.extend(input.targets.labels.iter().map(label));
        for (row, targets) in targets.chunks_mut(input.classes).enumerate() {
            let Some(cells) = self.row(input, row)? else { break };
            for (target, &pseudo) in targets.iter_mut().zip(cells) {
                if *target == 0.0 {
                    *target = pseudo;
                }
            }
        }
        let EmAplConfig { alpha, beta, log_epsilon: e, reduction, .. } = self.config;
        let factor = reduction.factor(&input.targets);
        let (z, dz, scale) = (input.logits[0], grad.into_single(), factor as f32);
        // A kernel with beta 0 would read -1 as an observed negative.
        let beta = beta.max(f64::from(f32::MIN_POSITIVE));
        let sum = if e > 0.0 {
            pointwise::sum(&Kernel::<true>::new(alpha, beta, e), z, &targets, dz, scale)
        } else {
            pointwise::sum(&Kernel::<false>::new(alpha, beta, e), z, &targets, dz, scale)
        };
        self.targets = targets;
        sum.map(|sum| (sum * factor) as f32).ok_or_else(|| pointwise::non_finite(input))
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let EmAplConfig { alpha, beta, log_epsilon, reduction, .. } = self.config;
        let target = |i: usize| match input.targets.labels[i] {
            Label::Positive => Target::Positive,
            Label::Negative => Target::Negative,
            Label::Unknown => {
                let sample = input.sample_ids.get(i / input.classes).copied();
                let pseudo = sample.and_then(|id| self.pseudo_label(id as usize, i % input.classes));
                pseudo.map_or(Target::Unknown, |s| Target::Pseudo(f64::from(s)))
            }
        };
        let entry = |(i, &z): (usize, &Dual)| reference::em(z, target(i), alpha, beta, log_epsilon);
        Real::sum(z[0].iter().enumerate().map(entry)) * Dual::of(reduction.factor(&input.targets))
    }

    fn wants_train_pass(&self, epoch: usize) -> bool {
        epoch + 1 >= self.config.warmup_epoch
    }

    fn end_epoch(&mut self, train: &TrainPass<'_>) -> Result<(), LossError> {
        if !self.wants_train_pass(train.epoch) {
            return Ok(());
        }
        train.check()?;
        let (rows, classes) = (train.rows, train.classes);
        self.size(rows, classes)?;
        if self.unknown.is_empty() {
            let column = |class: usize| train.labels[class..].iter().step_by(classes);
            let unknown = |class| column(class).filter(|l| **l == Label::Unknown).count();
            self.unknown = (0..classes).map(unknown).collect();
        }
        let rounds = self.config.num_epochs - self.config.warmup_epoch;
        for class in 0..classes {
            let cells = || (class..rows * classes).step_by(classes);
            let open: Vec<bool> =
                cells().map(|i| train.labels[i] == Label::Unknown && self.overlay[i] == 0.0).collect();
            let p: Vec<f64> = cells().map(|i| Real::sigmoid(f64::from(train.logits[i]))).collect();
            let count = quota(self.config.neg_proportion, self.unknown[class], rounds);
            for row in lowest_open(&open, &p, count) {
                self.overlay[row * classes + class] = -(p[row] as f32);
            }
        }
        Ok(())
    }

    /// `pseudo_labels`: rows, classes, then index and -s of every pseudo-negative. `unknown`: U_c.
    fn labels_written(&self) -> Option<usize> {
        Some(self.overlay.iter().filter(|value| **value != 0.0).count())
    }

    fn state(&self) -> Vec<StateEntry> {
        let rows = self.overlay.len().checked_div(self.classes).unwrap_or(0);
        let mut cells = vec![rows as f64, self.classes as f64];
        for (i, &value) in self.overlay.iter().enumerate().filter(|(_, value)| **value != 0.0) {
            cells.extend([i as f64, f64::from(value)]);
        }
        let unknown = self.unknown.iter().map(|&count| count as f64).collect();
        vec![
            StateEntry { name: "pseudo_labels".to_owned(), values: cells },
            StateEntry { name: "unknown".to_owned(), values: unknown },
        ]
    }

    fn restore(&mut self, entries: &[StateEntry]) -> Result<(), LossError> {
        let bad = |what: &str| LossError::State(format!("{}: {what}", self.info().name));
        let [cells, unknown] = entries else { return Err(bad("two state entries are expected")) };
        if (cells.name.as_str(), unknown.name.as_str()) != ("pseudo_labels", "unknown") {
            return Err(bad("the state entries are pseudo_labels and unknown"));
        }
        // Sample ids are u32, and so is everything that is counted here.
        let whole = |x: f64| (x >= 0.0 && x <= f64::from(u32::MAX) && x.fract() == 0.0).then_some(x as usize);
        let [rows, classes, cells @ ..] = cells.values.as_slice() else { return Err(bad("no shape")) };
        let shape =
            whole(*rows).zip(whole(*classes)).filter(|(rows, classes)| (*rows == 0) == (*classes == 0));
        let (rows, classes) = shape.ok_or(bad("no shape"))?;
        let count = rows.checked_mul(classes).ok_or(bad("no shape"))?;
        let mut overlay: Vec<f32> = Vec::new();
        overlay.try_reserve_exact(count).map_err(|_| bad("no memory for a training set of this shape"))?;
        overlay.resize(count, 0.0);
        let mut next = 0.0;
        for cell in cells.chunks(2) {
            let &[index, value] = cell else { return Err(bad("half a pseudo-label")) };
            let slot = if index >= next && index.fract() == 0.0 && index < count as f64 {
                overlay.get_mut(index as usize)
            } else {
                None
            };
            match slot.filter(|_| value >= -1.0 && (value as f32) < 0.0) {
                Some(slot) => *slot = value as f32,
                None => return Err(bad("a pseudo-label out of its order or outside (0, 1]")),
            }
            next = index + 1.0;
        }
        let unknown = unknown.values.iter().map(|&x| whole(x).filter(|u| *u <= rows));
        let unknown = unknown.collect::<Option<Vec<usize>>>();
        let unknown = unknown.filter(|u| u.is_empty() || u.len() == classes).ok_or(bad("no counts"))?;
        (self.overlay, self.classes, self.unknown) = (overlay, classes, unknown);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::{conformance, differentiate};

    #[test]
    fn conforms() {
        for (alpha, beta, log_epsilon) in [(0.2, 0.02, 1e-5), (0.1, 0.0, 0.0), (0.0, 0.9, 0.5)] {
            let config = EmAplConfig { alpha, beta, log_epsilon, ..Default::default() };
            conformance::check(&|_| Box::new(EmApl::new(config.clone()).unwrap()));
        }
    }

    #[test]
    fn pseudo_labels_agree_with_the_formula_and_survive_a_checkpoint() {
        let (rows, classes) = (30, 5);
        let z: Vec<f32> = (0..rows * classes).map(|i| (i as f32 * 1.3).sin() * 3.0).collect();
        let kinds = [Label::Unknown, Label::Unknown, Label::Positive, Label::Unknown, Label::Negative];
        let labels: Vec<Label> = (0..rows * classes).map(|i| kinds[i * 7 % 11 % 5]).collect();
        for (beta, log_epsilon) in [(0.9, 1e-5), (0.0, 0.0)] {
            let config = EmAplConfig { beta, log_epsilon, ..EmAplConfig::preset(Preset::Coco) };
            let mut loss = EmApl::new(config.clone()).unwrap();
            for epoch in 0..7 {
                loss.end_epoch(&TrainPass { epoch, logits: &z, labels: &labels, rows, classes }).unwrap();
            }
            assert!(loss.overlay.iter().filter(|v| **v != 0.0).count() > 20);
            let mut restored = EmApl::new(config).unwrap();
            restored.restore(&loss.state()).unwrap();
            assert_eq!(restored, EmApl { targets: Vec::new(), ..loss.clone() });

            let (ids, batch) = ([7, 0, 29], [7, 0, 29].map(|id| &z[id * classes..][..classes]).concat());
            let seen = [7, 0, 29].map(|id| &labels[id * classes..][..classes]).concat();
            let logits = [&batch[..]];
            let mut input = LossInput::new(&logits, 3, classes, &seen);
            let error = loss.evaluate(&input, LossGrad::Unneeded);
            assert!(matches!(error, Err(LossError::Unsupported(_))), "without ids");
            input.sample_ids = &ids;
            let mut dz = vec![f32::NAN; batch.len()];
            let value = loss.evaluate(&input, LossGrad::Into(&mut [&mut dz])).unwrap();
            let wide: Vec<f64> = batch.iter().map(|&z| f64::from(z)).collect();
            let exact = differentiate(&restored, &[&wide], &input);
            assert!((f64::from(value) - exact.value).abs() < 1e-6);
            for (dz, exact) in dz.iter().zip(&exact.logits[0]) {
                assert!((f64::from(*dz) - exact).abs() < 1e-6, "{dz} is not {exact}");
            }
        }
    }

    #[test]
    fn what_is_left_is_taken_and_no_more() {
        let z = [-3.0, -2.0, -1.0, 1.0];
        let labels = [Label::Unknown, Label::Positive, Label::Unknown, Label::Unknown];
        let config = EmAplConfig { num_epochs: 2, warmup_epoch: 0, ..Default::default() };
        let mut loss = EmApl::new(config).unwrap();
        // trunc(0.9 * 3 / 2) = 1 after every epoch, the positive passed over.
        let expected = [[true, false, false], [true, true, false], [true, true, true], [true, true, true]];
        for (epoch, expected) in expected.into_iter().enumerate() {
            loss.end_epoch(&TrainPass { epoch, logits: &z, labels: &labels, rows: 4, classes: 1 }).unwrap();
            assert_eq!([0, 2, 3].map(|row| loss.pseudo_label(row, 0).is_some()), expected);
            assert_eq!(loss.pseudo_label(1, 0), None);
        }
    }

    #[test]
    fn parameters_are_checked() {
        let good = EmAplConfig::default();
        for bad in [
            EmAplConfig { beta: -1.0, ..good },
            EmAplConfig { neg_proportion: 1.5, ..good },
            EmAplConfig { num_epochs: 5, ..good },
            EmAplConfig { num_epochs: 0, ..good },
        ] {
            assert!(matches!(EmApl::new(bad), Err(LossError::Parameter { .. })));
        }
        assert!(EmApl::new(EmAplConfig { warmup_epoch: 9, ..good }).is_ok());
    }
}
