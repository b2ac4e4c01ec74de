//! Pseudo-labels by class frequency.

use lacuna_loss_api::{Interval, Label, LossError};

/// How many of the unlabelled rows get pseudo-labels.
#[derive(Clone, Debug, PartialEq)]
pub struct CapConfig {
    /// Share in [0, 1] of the rows expected to be positive that are accepted as such. 1 at the start of the authors' code.
    pub pos_per: f64,
    /// Share in [0, 1] of the rows expected to be negative that are accepted as such. 1 at the start of the authors' code,
    /// which clips it to 0.998.
    pub neg_per: f64,
    /// Whether a class of which less than one row is expected takes the value at the other end of the order, as an index
    /// of -1 does in the authors' code: all rows are then positive. Without it no row is.
    pub wraps: bool,
}

impl Default for CapConfig {
    /// 1, 0.998, without the wrap.
    fn default() -> Self {
        Self { pos_per: 1.0, neg_per: 0.998, wraps: false }
    }
}

/// Thresholds of every class.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Thresholds {
    /// A probability from here on is a pseudo-positive.
    pub label: Vec<f64>,
    /// From here on it is accepted as positive.
    pub positive: Vec<f64>,
    /// Up to here a cell is accepted as negative.
    pub negative: Vec<f64>,
}

/// Places of the thresholds: the first two in the falling, the third in the rising order of the probabilities of a
/// class; -1 where less than one row is expected.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Indices {
    /// trunc(f N) - 1.
    pub label: Vec<i64>,
    /// trunc(pos_per f N) - 1.
    pub positive: Vec<i64>,
    /// trunc(neg_per (1 - f) N) - 1.
    pub negative: Vec<i64>,
}

/// Pseudo-labels of the unlabelled rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cap {
    /// Thresholds of every class.
    pub thresholds: Thresholds,
    /// Where they stand among the probabilities.
    pub indices: Indices,
    /// Whether a cell is a pseudo-positive, `[rows, classes]`.
    pub positive: Vec<bool>,
    /// Whether a cell takes part in the loss, `[rows, classes]`.
    pub mask: Vec<bool>,
}

impl Cap {
    /// The cells that take part as labels, the others as unknown.
    pub fn labels(&self) -> Vec<Label> {
        let cell = |(&positive, &counts): (&bool, &bool)| match (counts, positive) {
            (false, _) => Label::Unknown,
            (true, true) => Label::Positive,
            (true, false) => Label::Negative,
        };
        self.positive.iter().zip(&self.mask).map(cell).collect()
    }
}

/// Pseudo-labels from probabilities `[rows, classes]` of the unlabelled rows and the share f of every class `[classes]`
/// among the labelled ones.
///
/// With N rows, the probabilities of a class in falling order for the first two and in rising order for the third:
/// ```text
/// label threshold     the value at place trunc(f N) - 1;             pseudo-label = p >= it
/// positive threshold  the value at place trunc(pos_per f N) - 1
/// negative threshold  the value at place trunc(neg_per (1 - f) N) - 1
/// mask = p >= positive threshold or p <= negative threshold
/// ```
/// Xie et al., NeurIPS 2023, section 3.2; milkxie/SSMLL-CAP@b7dd8075d61b.
///
/// # Errors
/// [`LossError::Shape`] unless there are whole rows, [`LossError::NonFinite`] for a probability that is no number,
/// [`LossError::Parameter`] for a share outside [0, 1].
pub fn class_aware(probabilities: &[f64], frequencies: &[f64], config: &CapConfig) -> Result<Cap, LossError> {
    let (loss, range) = ("cap", Interval::closed(0.0, 1.0));
    let shares = frequencies.iter().map(|&f| ("frequency", f));
    let all = shares.chain([("pos_per", config.pos_per), ("neg_per", config.neg_per)]);
    for (parameter, value) in all {
        if !range.contains(value) {
            return Err(LossError::Parameter { loss, parameter, value, range });
        }
    }
    let (classes, found) = (frequencies.len(), probabilities.len());
    if classes == 0 || found == 0 || !found.is_multiple_of(classes) {
        let (what, rows) = ("the probabilities", found.div_ceil(classes.max(1)));
        return Err(LossError::Shape { what, found, rows, classes });
    }
    if let Some(i) = probabilities.iter().position(|p| !p.is_finite()) {
        let (row, class, value) = (i / classes, i % classes, probabilities[i] as f32);
        return Err(LossError::NonFinite { row, class, value });
    }
    let rows = (found / classes) as f64;
    let mut cap = Cap::default();
    let place = |share: f64| (share * rows).trunc() as i64 - 1;
    for (class, &f) in frequencies.iter().enumerate() {
        let mut rising: Vec<f64> = probabilities[class..].iter().step_by(classes).copied().collect();
        rising.sort_by(f64::total_cmp);
        let falling: Vec<f64> = rising.iter().rev().copied().collect();
        let at = |order: &[f64], index: i64, none: f64| match usize::try_from(index) {
            Ok(index) => order[index],
            Err(_) if config.wraps => order[order.len() - 1],
            Err(_) => none,
        };
        let [label, positive] = [place(f), place(config.pos_per * f)];
        let negative = place(config.neg_per * (1.0 - f));
        cap.indices.label.push(label);
        cap.indices.positive.push(positive);
        cap.indices.negative.push(negative);
        cap.thresholds.label.push(at(&falling, label, f64::INFINITY));
        cap.thresholds.positive.push(at(&falling, positive, f64::INFINITY));
        cap.thresholds.negative.push(at(&rising, negative, f64::NEG_INFINITY));
    }
    let Thresholds { label, positive, negative } = &cap.thresholds;
    let cells = || probabilities.iter().enumerate().map(|(i, &p)| (i % classes, p));
    cap.positive = cells().map(|(c, p)| p >= label[c]).collect();
    cap.mask = cells().map(|(c, p)| p >= positive[c] || p <= negative[c]).collect();
    Ok(cap)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_without_an_expected_row_has_no_pseudo_positive_unless_it_wraps() {
        let p = [0.9, 0.5, 0.1];
        let wraps = CapConfig { wraps: true, ..CapConfig::default() };
        let guarded = class_aware(&p, &[0.1], &CapConfig::default()).unwrap();
        assert_eq!((guarded.indices.label[0], &guarded.positive[..]), (-1, &[false; 3][..]));
        let wrapped = class_aware(&p, &[0.1], &wraps).unwrap();
        assert_eq!((wrapped.thresholds.label[0], &wrapped.positive[..]), (0.1, &[true; 3][..]));
        let never = class_aware(&p, &[1.0], &CapConfig::default()).unwrap();
        assert_eq!((never.indices.negative[0], &never.positive[..]), (-1, &[true; 3][..]));
        assert_eq!(never.labels(), [Label::Positive; 3]);
    }

    #[test]
    fn input_is_checked() {
        let config = CapConfig::default;
        assert!(matches!(class_aware(&[0.5; 3], &[0.1, 0.2], &config()), Err(LossError::Shape { .. })));
        assert!(matches!(class_aware(&[], &[0.1], &config()), Err(LossError::Shape { .. })));
        assert!(matches!(class_aware(&[0.5], &[], &config()), Err(LossError::Shape { .. })));
        let run = class_aware(&[0.5, f64::NAN], &[0.1, 0.2], &config());
        assert!(matches!(run, Err(LossError::NonFinite { row: 0, class: 1, .. })));
        for (f, config) in [
            (1.5, config()),
            (0.5, CapConfig { pos_per: -0.1, ..config() }),
            (0.5, CapConfig { neg_per: f64::NAN, ..config() }),
        ] {
            assert!(matches!(class_aware(&[0.5], &[f], &config), Err(LossError::Parameter { .. })));
        }
    }
}
