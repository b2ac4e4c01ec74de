//! What is kept of a run, and of a benchmark.

use crate::Spec;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// One run: one loss, one seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Name of the loss.
    pub loss: String,
    /// Seed of first weights and of the order of rows.
    pub seed: u64,
    /// Epoch with the best validation mAP, counted from 1.
    pub best_epoch: usize,
    /// Validation mAP of that epoch, percent.
    pub val_map: f64,
    /// Test mAP with the weights of that epoch, percent.
    pub test_map: f64,
    /// Test AP of every class, percent.
    pub test_ap: Vec<f64>,
    /// Mean training loss of every epoch.
    pub epoch_losses: Vec<f64>,
    /// Validation mAP of every epoch, percent.
    pub epoch_val_maps: Vec<f64>,
    /// Wall time of the run, one thread, data already loaded.
    pub seconds: f64,
}

/// One loss over all seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LossReport {
    /// Name of the loss.
    pub loss: String,
    /// The labels it was handed, in words.
    pub sees: String,
    /// Mean test mAP over the seeds, percent.
    pub test_map_mean: f64,
    /// Standard deviation over the seeds (divided by their number), percent.
    pub test_map_std: f64,
    /// Best epoch of every seed, counted from 1.
    pub best_epochs: Vec<usize>,
    /// Mean wall time of a run, one thread, data already loaded.
    pub seconds_per_run: f64,
    /// Under which conventions the numbers were made.
    pub conventions: String,
}

impl LossReport {
    /// Mean and spread of the runs of one loss.
    ///
    /// # Panics
    /// For no runs.
    pub fn of(runs: &[RunRecord], sees: &str, conventions: &str) -> Self {
        assert!(!runs.is_empty(), "a report needs a run");
        let n = runs.len() as f64;
        let mean = runs.iter().map(|r| r.test_map).sum::<f64>() / n;
        let variance = runs.iter().map(|r| (r.test_map - mean).powi(2)).sum::<f64>() / n;
        Self {
            loss: runs[0].loss.clone(),
            sees: sees.to_string(),
            test_map_mean: mean,
            test_map_std: variance.sqrt(),
            best_epochs: runs.iter().map(|r| r.best_epoch).collect(),
            seconds_per_run: runs.iter().map(|r| r.seconds).sum::<f64>() / n,
            conventions: conventions.to_string(),
        }
    }
}

/// A finished benchmark.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Name of the benchmark.
    pub name: String,
    /// One line on what it is.
    pub title: String,
    /// Paper and repository it follows.
    pub source: String,
    /// Name of the data.
    pub data: String,
    /// What has to stand beside the table, if anything.
    pub caveat: Option<String>,
    /// The specification that was run, every setting resolved.
    pub spec: Spec,
    /// Every convention, one a line.
    pub conventions: Vec<String>,
    /// One line of the table for each loss.
    pub losses: Vec<LossReport>,
    /// Every run.
    pub runs: Vec<RunRecord>,
    /// Numbers to stand beside ours, by loss: (loss, text).
    pub published: Vec<(String, String)>,
    /// Wall time of all runs together.
    pub seconds: f64,
}

impl Report {
    /// What stands beside the number of a loss, empty where nothing is known.
    pub fn published(&self, loss: &str) -> &str {
        self.published.iter().find(|(l, _)| l == loss).map_or("", |(_, text)| text)
    }

    /// The report as a Markdown page.
    pub fn markdown(&self) -> String {
        let mut page = format!("# {} on {}\n\n{}.\n\n", self.name, self.data, self.title);
        let with_published = !self.published.is_empty();
        page.push_str("| loss | labels it sees | test mAP | best epochs | s/run |");
        page.push_str(if with_published { " elsewhere |\n" } else { "\n" });
        page.push_str("|---|---|---|---|---|");
        page.push_str(if with_published { "---|\n" } else { "\n" });
        for l in &self.losses {
            let epochs: Vec<String> = l.best_epochs.iter().map(usize::to_string).collect();
            let _ = write!(
                page,
                "| {} | {} | {:.2} ± {:.2} | {} | {:.3} |",
                l.loss,
                l.sees,
                l.test_map_mean,
                l.test_map_std,
                epochs.join(", "),
                l.seconds_per_run
            );
            if with_published {
                let _ = write!(page, " {} |", self.published(&l.loss));
            }
            page.push('\n');
        }
        page.push('\n');
        for line in self.conventions.iter().chain(&self.caveat) {
            let _ = writeln!(page, "- {line}");
        }
        let _ = writeln!(page, "- Follows: {}", self.source);
        page
    }
}
