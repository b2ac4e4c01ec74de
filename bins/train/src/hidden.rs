//! How many hidden positives a model finds while it trains on labels without them.

use crate::TrainSet;
use lacuna_labels::{Label, TrueLabels};

/// The training cells among which positives are hidden.
pub(crate) struct HiddenPositives {
    /// Cells without a known label, or all negatives where negatives are assumed: the place among the cells of the rows that train,
    /// `row * classes + class`, and whether it is a positive.
    cells: Vec<(u32, bool)>,
    positives: usize,
    /// Score and hiddenness of each cell, packed so that the order of numbers is that of scores.
    ranking: Vec<u64>,
}

impl HiddenPositives {
    /// `None` where no positive is hidden, or where there are more cells than 32 bits count.
    pub(crate) fn of(train: &TrainSet<'_>, truth: &TrueLabels) -> Option<Self> {
        let classes = train.classes();
        let rows = || (0..train.len()).map(|id| (id, train.labels_of(id as u32)));
        let has_unknown = rows().any(|(_, labels)| labels.iter().any(|label| !label.is_known()));
        let sought = if has_unknown { Label::Unknown } else { Label::Negative };
        u32::try_from(train.len() * classes).ok()?;
        let mut cells = Vec::new();
        for (id, labels) in rows() {
            let truth = truth.row(train.rows[id] as usize);
            for (class, label) in labels.iter().enumerate().filter(|(_, label)| **label == sought) {
                debug_assert!(!label.is_positive());
                cells.push(((id * classes + class) as u32, truth[class].is_positive()));
            }
        }
        let positives = cells.iter().filter(|(_, positive)| *positive).count();
        (positives > 0).then_some(Self { cells, positives, ranking: Vec::new() })
    }

    /// The share of the hidden positives among as many cells, those with the highest logits; of equal logits the earlier cell.
    pub(crate) fn found(&mut self, logits: &[f32]) -> f64 {
        let Self { cells, positives, ranking } = self;
        // Bits of a float in the order of its value: all of a negative number are turned, the sign of others.
        let order = |x: f32| match x.to_bits() {
            bits if bits >> 31 == 1 => !bits,
            bits => bits | 1 << 31,
        };
        ranking.clear();
        // The highest score first, and of equals the first cell; the number of the cell leads back to whether it is a positive.
        let packed = |(i, (cell, _)): (usize, &(u32, bool))| {
            u64::from(!order(logits[*cell as usize])) << 32 | i as u64
        };
        ranking.extend(cells.iter().enumerate().map(packed));
        ranking.select_nth_unstable(*positives - 1);
        let found = ranking[..*positives].iter().filter(|packed| cells[(**packed & 0xffff_ffff) as usize].1);
        found.count() as f64 / *positives as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_labels::{Features, LabelMatrix};

    fn found(observed: &[Label], logits: &[f32]) -> Option<f64> {
        // Row 1 of the features does not train.
        let truth = TrueLabels::from_fn(3, 3, |row, class| {
            [[true, true, false], [true; 3], [false, true, true]][row][class]
        });
        let features = Features::new(3, 1, vec![0.0; 3]).unwrap();
        let observed = LabelMatrix::new(3, 3, observed.to_vec()).unwrap().into();
        let train = TrainSet::new(&features, &observed, &[0, 2]);
        HiddenPositives::of(&train, &truth).map(|mut hidden| hidden.found(logits))
    }

    #[test]
    fn the_best_cells_without_a_known_label_are_counted() {
        use Label::{Negative as N, Positive as P, Unknown as U};
        // Hidden: (0, 1) and (2, 2); unknown beside them: (0, 2), (2, 0).
        let observed = [P, U, U, P, P, P, U, P, U];
        assert_eq!(found(&observed, &[9.0, 1.0, -1.0, -2.0, 9.0, 0.5]), Some(1.0));
        assert_eq!(found(&observed, &[9.0, 1.0, 2.0, -2.0, 9.0, 0.5]), Some(0.5));
        assert_eq!(found(&observed, &[9.0, -3.0, -1.0, -2.0, 9.0, -4.0]), Some(0.0));
        // Assumed negatives are cells in which positives are hidden too, known ones beside unknown cells are not.
        let assumed = [P, N, N, P, P, P, N, P, N];
        assert_eq!(found(&assumed, &[9.0, 1.0, 2.0, -2.0, 9.0, 0.5]), Some(0.5));
        assert_eq!(found(&[P, U, N, P, P, P, N, P, P], &[9.0, -9.0, 2.0, 2.0, 9.0, 9.0]), Some(1.0));
        assert_eq!(found(&[P, P, U, P, P, P, U, P, P], &[0.0; 6]), None, "nothing is hidden");
    }
}
