//! What stands beside the numbers of a plan.

use super::{Plan, PlannedLoss};
use crate::record::reduction_words;
use crate::{LossSpec, MaskSource};
use lacuna_losses::LabelNeeds;

impl Plan {
    /// Everything two people have to agree on to compare two numbers, one statement a line.
    pub fn conventions(&self) -> Vec<String> {
        let (t, p, d) = (&self.spec.training, &self.spec.protocol, &self.data);
        let reduction = reduction_words(t.reduction().ok().flatten());
        let absent = d.tested_classes().iter().filter(|tested| !**tested).count();
        let plural = |n: u64, one: &str| if n == 1 { format!("{n} {one}") } else { format!("{n} {one}s") };
        let mut lines = vec![
            format!(
                "Data: {} rows to train on, {} to validate, {} to test, {} features as they are, {} classes",
                d.split.train.len(),
                d.split.val.len(),
                d.test.rows(),
                d.train.features.columns(),
                d.classes()
            ),
            format!(
                "Labels: {}; split: {:.0} % of the training rows validate (seed {}); k = {:.4} positives a row",
                self.mask(),
                100.0 * p.val_share,
                p.split_seed,
                d.expected_positives
            ),
            format!(
                "Training: {} head, Adam lr {}, batch {} (last incomplete batch dropped), {}, loss \
                 reduction {reduction}",
                t.head,
                t.lr,
                t.batch,
                plural(t.epochs as u64, "epoch")
            ),
            format!(
                "Metric: test mAP in percent, {}, at the epoch with the best validation mAP on true labels (the \
                 first of equals); {}",
                lacuna_metrics::MapConvention::SPML,
                match t.seeds {
                    1 => "one seed of first weights and row order".to_string(),
                    n => format!(
                        "mean ± standard deviation (ddof 0) over {n} seeds of first weights and row order"
                    ),
                }
            ),
        ];
        if absent > 0 {
            lines.push(format!(
                "Classes without a test positive: {absent} of {}; they count as 0 in test mAP, and are left out of the \
                 mAP of the other {}",
                d.classes(),
                d.classes() - absent
            ));
        }
        lines.extend(self.empty_classes());
        let parameters = self.parameters();
        if !parameters.is_empty() {
            lines.push(format!("Parameters: {}", parameters.join(", ")));
        }
        lines
    }

    /// Which losses weigh by class frequency where some class has no positive to train on.
    fn empty_classes(&self) -> Option<String> {
        let by_frequency = self.losses.iter().filter(|loss| loss.statistics.is_some());
        let losses: Vec<(&str, usize)> = by_frequency
            .map(|loss| {
                let seen = self.data.observed(loss.row.needs).select(&self.data.split.train);
                (loss.row.info.name, seen.positives_per_class().iter().filter(|n| **n == 0).count())
            })
            .filter(|(_, empty)| *empty > 0)
            .collect();
        let empty = losses.first()?.1;
        let names: Vec<&str> = losses.iter().map(|(name, _)| *name).collect();
        let word = if empty == 1 { "class has" } else { "classes have" };
        Some(format!(
            "Classes without a positive to train on: {empty} {word} none and count as often as the rarest in the weights \
             of {}",
            names.join(", ")
        ))
    }

    /// Where the observed labels come from, in words and numbers.
    fn mask(&self) -> String {
        let (p, d) = (&self.spec.protocol, &self.data);
        let needs = self.losses.iter().map(|loss| loss.row.needs).find(|need| *need != LabelNeeds::FullTruth);
        let counts = needs.map(|need| d.label_counts(need));
        match (d.mask, counts) {
            (MaskSource::File, Some(counts)) => {
                format!("observed labels of the data itself, {counts}")
            }
            (_, Some(_)) => format!(
                "drawn from the true ones, one positive kept of each training row (seed {}), before the split",
                p.mask_seed
            ),
            (_, None) => "all true labels".to_string(),
        }
    }

    /// Losses with parameters that differ from their defaults, `splc.tau = 0.65`.
    fn parameters(&self) -> Vec<String> {
        let of = |loss: &LossSpec| -> Vec<String> {
            loss.params.iter().map(|(name, value)| format!("{}.{name} = {value}", loss.name)).collect()
        };
        self.asked.iter().flat_map(of).collect()
    }

    /// The conventions of one loss as one line: the labels it sees and its parameters included.
    pub(super) fn conventions_of(&self, loss: &PlannedLoss) -> String {
        let PlannedLoss { row, options, .. } = loss;
        let mut lines = self.conventions();
        lines.retain(|line| !line.starts_with("Parameters"));
        lines.push(format!("{} sees {}", row.info.name, self.data.label_counts(row.needs)));
        for (name, value) in &options.params {
            lines.push(format!("{name} = {value}"));
        }
        lines.join(". ")
    }
}
