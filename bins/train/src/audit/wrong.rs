//! Labelled positives that are probably wrong.

use super::list::Sheet;
use super::{SHARE, probability};
use lacuna_labels::{Label, ObservedLabels};

/// Weight of the strongest other positive of the row, which is taken off: where another label explains the row, this one may be the
/// mistake. With 0.3 the precision at the number of wrong labels is 0 to 3 points higher than with 0 (wrong labels added to
/// UC Merced, scene, openclipart and film posters, and rows with one true label among candidates).
const OTHER: f64 = 0.3;

/// Scores of the labelled positives, by cell; the lowest is the most suspicious.
///
/// ```text
/// b - 0.3 max over the other labelled positives of the row of their b,   b = (z - mean z) / sd z + 0.4 (v - mean v) / sd v
/// ```
/// This is the score of missing labels without the share of the class. A row with one labelled positive takes off the median of the
/// others.
pub(super) fn scores(sheet: &Sheet) -> Vec<(u32, f32)> {
    let observed = &sheet.observed;
    let classes = observed.classes();
    let positives = |row: usize| {
        let labels = observed.row(row).iter().enumerate();
        labels.filter(|(_, label)| **label == Label::Positive).map(move |(class, _)| row * classes + class)
    };
    let base = |cell: usize| {
        f64::from(sheet.scores[cell]) + SHARE * sheet.votes.shares[cell % classes].ln() / sheet.deviation
    };
    let mut others: Vec<(usize, Option<f64>)> = Vec::new();
    for row in 0..observed.rows() {
        let (mut first, mut second) = (None, None);
        for cell in positives(row) {
            let b = base(cell);
            match first {
                Some((_, highest)) if b <= highest => {
                    second = Some(second.map_or(b, |other: f64| other.max(b)))
                }
                _ => (first, second) = (Some((cell, b)), first.map(|(_, b)| b)),
            }
        }
        others.extend(positives(row).map(|cell| match first {
            Some((strongest, b)) if strongest != cell => (cell, Some(b)),
            _ => (cell, second),
        }));
    }
    let mut known: Vec<f64> = others.iter().filter_map(|(_, other)| *other).collect();
    known.sort_by(f64::total_cmp);
    let median = known.get(known.len() / 2).copied().unwrap_or_default();
    let score = |(cell, other): (usize, Option<f64>)| {
        (cell as u32, (base(cell) - OTHER * other.unwrap_or(median)) as f32)
    };
    others.into_iter().map(score).collect()
}

/// Which labelled positives the confident joint counts as wrong, by cell: the probability of the class is below one half or below the
/// mean of its labelled positives, and that of its absence is at least the mean of the cells that are not labelled positive.
///
/// Northcutt, Jiang, Chuang: Confident Learning, JAIR 2021, equation (1), each class by itself as a task with two labels.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ConfidentJoint {
    /// Mean probability of the class where it is labelled positive, and of its absence elsewhere.
    thresholds: Vec<[f64; 2]>,
}

impl ConfidentJoint {
    pub(super) fn of(logits: &[f32], observed: &ObservedLabels) -> Self {
        let classes = observed.classes();
        let mut sums = vec![[(0.0, 0_usize); 2]; classes];
        for (cell, (z, label)) in logits.iter().zip(observed.cells()).enumerate() {
            let p = probability(*z);
            let (side, value) = if *label == Label::Positive { (0, p) } else { (1, 1.0 - p) };
            let (sum, count) = &mut sums[cell % classes][side];
            (*sum, *count) = (*sum + value, *count + 1);
        }
        let mean = |(sum, count): (f64, usize)| if count > 0 { sum / count as f64 } else { f64::INFINITY };
        Self { thresholds: sums.into_iter().map(|sides| sides.map(mean)).collect() }
    }

    /// Whether a labelled positive with this logit is counted as wrong.
    pub(super) fn is_wrong(&self, class: usize, z: f32) -> bool {
        let ([positive, negative], p) = (self.thresholds[class], probability(z));
        1.0 - p >= negative && (p < positive || p < 0.5)
    }
}
