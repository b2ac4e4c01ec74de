//! The rules on random batches: shapes, shares of labels, sizes of logits and epochs are drawn.

use super::batch::SplitMix;
use super::{
    Batch, Build, LabelUse, commutes_on, ignores_unknown_cells_of, is_finite, reads_unknown_as_negative_in,
};
use crate::Label;
use std::ops::Range;

/// Half of the spread of the logits: up to where terms of some losses cancel in f32.
const SPREADS: [f32; 5] = [0.0, 1e-30, 0.5, 3.0, 10.0];
/// Logits that a batch is made of beside others.
const EXTREMES: [f32; 13] =
    [0.0, -0.0, 1e-30, -1e-30, 20.0, -20.0, 88.0, -88.0, 104.0, -104.0, 1e4, -1e4, f32::MIN_POSITIVE];

/// Holds a loss against its rules on a random batch for every number of `cases`: unknown cells cost nothing or are read as negatives,
/// where that is claimed; permuting rows, and classes where they are `alike`, permutes the gradient; value and gradient are finite.
///
/// Returns how many batches the loss accepted; it may refuse some, as for [`check`](super::check).
///
/// # Panics
/// If a rule is broken.
pub fn keeps_the_rules_on_random_batches(build: Build<'_>, cases: Range<u64>, alike: bool) -> u64 {
    let info = build(7).info();
    let mut accepted = 0;
    for case in cases {
        let mut draws = SplitMix(case);
        let (rows, classes) = (1 + draws.below(6), 1 + draws.below(9));
        let spread = SPREADS[draws.below(SPREADS.len())];
        let mut batch = Batch::drawn(build, [rows, classes], spread, SplitMix(draws.next()));
        batch.epoch = [0, 0, 1, 3, 100][draws.below(5)];
        // Some batches have few known cells, and some lack a kind of label.
        let (one, other) = (draws.below(6), draws.below(3));
        let kinds = [Label::Negative, Label::Unknown, Label::Positive];
        if let Some(lost) = kinds.get(one) {
            batch.labels.iter_mut().filter(|label| *label == lost).for_each(|label| *label = kinds[other]);
        }
        if info.labels == LabelUse::OnePositive {
            batch.one_positive();
        }
        let Some(_) = batch.evaluate(&mut *build(classes)) else { continue };
        accepted += 1;
        match info.labels {
            LabelUse::KnownOnly => ignores_unknown_cells_of(build, batch.clone()),
            LabelUse::UnknownAsNegative | LabelUse::OnePositive => {
                reads_unknown_as_negative_in(build, batch.clone());
            }
            _ => {}
        }
        // Losses that select cells may take either of two that are alike.
        let (of_rows, of_classes) = (draws.order(rows), draws.order(classes));
        if (0.5..10.0).contains(&spread) {
            commutes_on([build; 2], "rows", &batch, &of_rows, true);
            if alike && !build(2).draws_classes() {
                commutes_on([build; 2], "classes", &batch, &of_classes, true);
            }
        }
        for z in batch.z.iter_mut().flatten() {
            if draws.below(2) == 0 {
                *z = EXTREMES[draws.below(EXTREMES.len())];
            }
        }
        is_finite(build, batch);
    }
    accepted
}
