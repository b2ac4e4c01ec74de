//! Tables of results. They are derived from records and can be made again.

use crate::{LabelCounts, Published, RunRecord, RunResult};
use lacuna_formats::shown;
use lacuna_train::Evaluation;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// One loss over all seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LossReport {
    /// Name of the loss.
    pub loss: String,
    /// Description of its labels.
    pub sees: String,
    /// The same in numbers.
    pub labels: LabelCounts,
    /// Mean test mAP over the seeds that ran to their end, percent; `None` where none did.
    pub test_map_mean: Option<f64>,
    /// Standard deviation over the seeds (divided by their number), percent.
    pub test_map_std: Option<f64>,
    /// Mean test mAP over the classes that have a test positive, percent.
    pub test_map_present_mean: Option<f64>,
    /// Every metric over the seeds that ran to their end, in the order of the specification and then of the record.
    pub metrics: Vec<MetricReport>,
    /// Best epoch of every seed, counted from 1.
    pub best_epochs: Vec<usize>,
    /// Mean wall time of a run, one thread, data already loaded.
    pub seconds_per_run: Option<f64>,
    /// Why seeds failed, one sentence each.
    pub failed: Vec<String>,
    /// Under which conventions the numbers were made.
    pub conventions: String,
}

/// A metric over seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricReport {
    /// Name, as a record has it.
    pub name: String,
    /// Mean over the seeds; `None` where it is not defined for one of them.
    pub mean: Option<f64>,
    /// Standard deviation over the seeds (divided by their number).
    pub std: Option<f64>,
    /// Its convention.
    pub convention: String,
}

impl LossReport {
    /// Mean and spread of the runs of one row.
    pub fn of(
        loss: &str,
        labels: LabelCounts,
        runs: &[&RunRecord],
        evaluation: &Evaluation,
        conventions: &str,
    ) -> Self {
        let finished: Vec<_> =
            runs.iter().filter_map(|run| Some((run.result.finished()?, run.provenance.seconds))).collect();
        let n = finished.len() as f64;
        let mean = |values: &dyn Fn(usize) -> f64| {
            (!finished.is_empty()).then(|| (0..finished.len()).map(values).sum::<f64>() / n)
        };
        let over_seeds = |name: &str| {
            let value = |i: usize| finished[i].0.metric(name).unwrap_or(f64::NAN);
            let average = mean(&value);
            let variance = mean(&|i| (value(i) - average.unwrap_or_default()).powi(2));
            let defined = |x: Option<f64>| x.filter(|x| !x.is_nan());
            (defined(average), defined(variance.map(f64::sqrt)))
        };
        let names = || {
            let recorded = finished.first().into_iter().flat_map(|(run, _)| run.metrics.keys());
            let named = evaluation.metrics.iter();
            named.clone().chain(recorded.filter(move |name| !evaluation.metrics.contains(name)))
        };
        let metric = |name: &String| {
            let (mean, std) = over_seeds(name);
            let first = finished.first().and_then(|(run, _)| run.metrics.get(name));
            let convention = first.map(|value| value.convention.clone()).unwrap_or_default();
            MetricReport { name: name.clone(), mean, std, convention }
        };
        let metrics: Vec<MetricReport> = names().map(metric).collect();
        let (test_map_mean, test_map_std) = over_seeds("map");
        let failed = runs.iter().filter_map(|run| match &run.result {
            RunResult::Failed(run) => Some(run.failed.clone()),
            RunResult::Finished(_) => None,
        });
        Self {
            loss: loss.to_string(),
            sees: labels.to_string(),
            labels,
            test_map_mean,
            test_map_std,
            test_map_present_mean: over_seeds("map-present").0,
            metrics,
            best_epochs: finished.iter().map(|(run, _)| run.best_epoch).collect(),
            seconds_per_run: mean(&|i| finished[i].1),
            failed: failed.collect(),
            conventions: conventions.to_string(),
        }
    }

    /// Mean and, over several seeds, spread: `86.37 ± 0.31`.
    pub fn map(&self) -> String {
        match self.metric("map") {
            text if !text.is_empty() => text,
            _ if !self.best_epochs.is_empty() => String::new(),
            _ if self.failed.is_empty() => "not run".to_string(),
            _ => "failed".to_string(),
        }
    }

    /// Mean and, over several seeds, spread of a metric; empty where it is not defined.
    pub fn metric(&self, name: &str) -> String {
        let found = self.metrics.iter().find(|metric| metric.name == name);
        let digits = if found.is_some_and(|metric| metric.convention.starts_with("percent")) { 2 } else { 4 };
        match found.map(|metric| (metric.mean, metric.std, self.best_epochs.len())) {
            Some((Some(mean), Some(std), 2..)) => format!("{mean:.digits$} ± {std:.digits$}"),
            Some((Some(mean), _, _)) => format!("{mean:.digits$}"),
            _ => String::new(),
        }
    }

    /// First and last of the best epochs: `4-5`.
    pub fn epochs(&self) -> String {
        match (self.best_epochs.iter().min(), self.best_epochs.iter().max()) {
            (Some(first), Some(last)) if first == last => first.to_string(),
            (Some(first), Some(last)) => format!("{first}-{last}"),
            _ => String::new(),
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
    /// A caveat to print with the table, if any.
    pub caveat: Option<String>,
    /// Every convention, one a line.
    pub conventions: Vec<String>,
    /// Metrics in the table, in the order of its columns.
    pub columns: Vec<String>,
    /// One line of the table for each loss.
    pub losses: Vec<LossReport>,
    /// Every run that ended.
    pub runs: Vec<RunRecord>,
    /// Reference numbers.
    pub published: Vec<Published>,
    /// Classes without a test positive.
    pub absent_classes: usize,
    /// All classes.
    pub classes: usize,
    /// Whether runs are missing because of an interruption.
    pub interrupted: bool,
    /// Wall time of all runs together.
    pub seconds: f64,
}

/// A table as rows of text; the programs and [`Report::markdown`] lay it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cells {
    /// Heads of the columns.
    pub header: Vec<String>,
    /// One row a loss.
    pub rows: Vec<Vec<String>>,
    /// Columns of numbers, which are set to the right.
    pub numbers: Vec<usize>,
    /// The notes below the table.
    pub notes: Vec<String>,
}

impl Cells {
    /// The table in Markdown, without the notes.
    pub fn markdown(&self) -> String {
        let Self { header, rows, numbers, .. } = self;
        let cell = |cell: &String| escape(cell);
        let line =
            |cells: &[String]| format!("| {} |\n", cells.iter().map(cell).collect::<Vec<_>>().join(" | "));
        let rule = (0..header.len()).map(|i| if numbers.contains(&i) { "---:" } else { "---" }.to_string());
        let mut table = line(header) + &line(&rule.collect::<Vec<_>>());
        rows.iter().for_each(|row| table.push_str(&line(row)));
        table
    }
}

impl Report {
    /// Whether a run failed.
    pub fn has_failures(&self) -> bool {
        self.losses.iter().any(|loss| !loss.failed.is_empty())
    }

    /// Whether a run ran to its end.
    pub fn has_results(&self) -> bool {
        self.losses.iter().any(|loss| !loss.best_epochs.is_empty())
    }

    /// The table.
    pub fn cells(&self) -> Cells {
        let mut header = vec!["loss".to_string(), "+ / - / ? a row".to_string()];
        let tested = self.classes - self.absent_classes;
        header.extend(self.columns.iter().map(|column| column_title(column, tested)));
        header.extend(["epochs", "s/run"].map(String::from));
        let with_published = !self.published.is_empty();
        if with_published {
            header.push("elsewhere".to_string());
        }
        let numbers = (2..header.len()).collect();
        let first = self.columns.first().map_or("map", String::as_str);
        let row = |line: &LossReport| {
            let mut row = vec![line.loss.clone(), line.labels.short()];
            for (i, column) in self.columns.iter().enumerate() {
                let shown = match (i, line.best_epochs.is_empty()) {
                    (0, true) => line.map(),
                    _ => line.metric(column),
                };
                // Means of the classes that are there have no spread of their own.
                row.push(match (column.as_str(), shown.split_once(" ± ")) {
                    ("map-present", Some((mean, _))) => mean.to_string(),
                    _ => shown,
                });
            }
            row.push(line.epochs());
            row.push(line.seconds_per_run.map_or_else(String::new, |seconds| format!("{seconds:.3}")));
            if with_published {
                let published = self.published.iter().find(|p| p.loss == line.loss && p.metric == first);
                row.push(published.map_or_else(String::new, |p| format!("{:.2}", p.value)));
            }
            row
        };
        let mut notes =
            vec!["+ / - / ? a row: mean numbers of positive, negative and unknown labels of a training row; epochs: \
                  the chosen ones, counted within the last phase"
                .to_string()];
        if with_published {
            let mut sources: Vec<&str> = self.published.iter().map(|p| p.source.as_str()).collect();
            sources.dedup();
            notes.push(format!("elsewhere: {}", sources.join(", ")));
        }
        for loss in &self.losses {
            let mut failed = loss.failed.clone();
            failed.dedup();
            notes.extend(failed.into_iter().map(|why| format!("failed: {why}")));
        }
        if self.interrupted {
            notes.push("interrupted: some runs are missing".to_string());
        }
        Cells { header, rows: self.losses.iter().map(row).collect(), numbers, notes }
    }

    /// The report as a Markdown page.
    pub fn markdown(&self) -> String {
        let cells = self.cells();
        let mut page = format!("# {} on {}\n\n{}.\n\n", self.name, escape(&shown(&self.data)), self.title);
        page.push_str(&cells.markdown());
        page.push('\n');
        for line in cells.notes.iter().chain(&self.conventions).chain(&self.caveat) {
            let _ = writeln!(page, "- {}", escape(line));
        }
        let _ = writeln!(page, "- Follows: {}", self.source);
        page
    }
}

/// The head of a metric's column; `tested` classes have a test positive. The values of other weights are columns too.
pub fn column_title(metric: &str, tested: usize) -> String {
    match metric {
        "map" => "test mAP".to_string(),
        "map-present" => format!("of {tested}"),
        other => other
            .strip_prefix("map")
            .filter(|rest| rest.starts_with(['.', '-']))
            .map_or_else(|| other.to_string(), |rest| format!("mAP {}", &rest[1..])),
    }
}

/// Text that came from a file, without what Markdown or HTML would act on.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Finished, Provenance};
    use lacuna_train::MetricValue;

    /// Of the ± of every table only the sign was asserted.
    #[test]
    fn mean_and_deviation_of_a_row_are_those_of_its_seeds() {
        let labels = LabelCounts { rows: 3, positives: 1.0, negatives: 0.0, unknown: 2.0 };
        let run = |seed: u64, map: f64| RunRecord {
            id: seed.to_string(),
            result: RunResult::Finished(Box::new(Finished {
                loss: "an".to_string(),
                seed,
                labels,
                best_epoch: 2 + seed as usize,
                averaged: false,
                metrics: [(
                    "map".to_string(),
                    MetricValue { value: Some(map), convention: "percent".into() },
                )]
                .into(),
                test_ap: vec![map],
                epoch_losses: vec![],
                epoch_vals: vec![],
                epoch_vals_averaged: vec![],
                epoch_hidden: vec![],
                observed_epoch: None,
                report: [].into(),
                weights: String::new(),
            })),
            provenance: Provenance { seconds: map, ..Provenance::here("data", 1) },
        };
        let runs = [run(0, 1.0), run(1, 2.0), run(2, 6.0)];
        let report = |runs: &[RunRecord]| {
            let runs: Vec<&RunRecord> = runs.iter().collect();
            LossReport::of("an", labels, &runs, &Evaluation::default(), "")
        };
        let three = report(&runs);
        assert_eq!((three.test_map_mean, three.seconds_per_run), (Some(3.0), Some(3.0)));
        let deviation = (14.0_f64 / 3.0).sqrt();
        assert!((three.test_map_std.unwrap() - deviation).abs() < 1e-12, "{:?}", three.test_map_std);
        assert_eq!((three.map().as_str(), three.epochs().as_str()), ("3.00 ± 2.16", "2-4"));
        let one = report(&runs[1..2]);
        assert_eq!((one.test_map_std, one.map().as_str(), one.epochs().as_str()), (Some(0.0), "2.00", "3"));
        assert_eq!((report(&[]).test_map_mean, report(&[]).map().as_str()), (None, "not run"));
    }
}
