//! The section of a run folder.

use super::classes::{self, RowAps};
use super::document::{Block, Cell, Head, Section, Table};
use super::plots::{Axis, Bar, EMPHASISED, Figure, Line, Scale, bars, lines};
use super::summary::Summary;
use super::values::{Kind, Value};
use super::{Options, data};
use crate::verdicts::{digits, metric_of_column};
use anyhow::bail;
use lacuna_formats::shown;
use lacuna_harness::{
    Comparison, DataLabel, Finished, LossReport, MetricReport, Published, RunFolder, column_title,
};

/// The row that others are compared with unless another is named.
pub(super) const ASSUME_NEGATIVE: &str = "an";

/// A run folder with everything that its section says.
struct Results<'a> {
    folder: &'a RunFolder,
    /// Each row of the table over its seeds.
    rows: Vec<LossReport>,
    baseline: usize,
    /// The row with the best mean of the first column among those that see the labels of the baseline, which is left out; of all
    /// rows where no other sees them.
    best: Option<usize>,
    comparison: Comparison,
    resamples: usize,
    columns: Vec<String>,
    /// Number of each row's colour and marks; `None` for a thin line.
    styles: Vec<Option<usize>>,
}

/// Section, line of the summary, and numbers.
pub(super) fn section(
    folder: &RunFolder,
    id: String,
    options: &Options,
) -> anyhow::Result<(Section, Summary, Vec<Value>)> {
    let results = Results::new(folder, options)?;
    let spec = folder.spec();
    let data_name = folder.data().map_or_else(|| spec.data.given().to_string(), |data| data.name.clone());
    let title = format!("{} on {}", shown(&spec.name), shown(&data_name));
    let mut blocks = vec![Block::text(format!("{}. Follows: {}.", spec.title, spec.source))];
    blocks.extend(notes(folder));
    blocks.push(Block::heading("Results"));
    blocks.push(Block::Table(results.table()));
    match &results.comparison {
        Err(problem) => blocks.push(Block::text(format!("No difference is tested: {problem}."))),
        Ok(_) => blocks.extend(results.intervals().map(|figure| Block::Figures { figures: vec![figure] })),
    }
    blocks.extend(results.published());
    let curves = results.curves();
    if !curves.is_empty() {
        blocks.push(Block::heading("Training"));
        blocks.push(Block::Figures { figures: curves });
    }
    blocks.extend(results.by_class());
    blocks.extend(folder.data().map(data::blocks).unwrap_or_default());
    blocks.extend(results.settings());
    let summary = results.summary(&id, &title);
    Ok((Section { id, title, blocks }, summary, results.values()))
}

/// What is not as it should be.
fn notes(folder: &RunFolder) -> Option<Block> {
    let mut items: Vec<String> = folder.notes().to_vec();
    let all = folder.spec().losses.len() * folder.spec().training.seeds as usize;
    let there = folder.runs().len();
    if there < all {
        items.push(format!("{there} of {all} runs have ended: numbers are over those that have"));
    }
    items.extend(folder.runs().iter().filter_map(|run| match &run.result {
        lacuna_harness::RunResult::Failed(failed) => {
            Some(format!("failed: {}, seed {}: {}", failed.loss, failed.seed, failed.failed))
        }
        lacuna_harness::RunResult::Finished(_) => None,
    }));
    (!items.is_empty()).then_some(Block::List { items })
}

/// A difference with its sign, and none where it rounds to 0.
pub(super) fn signed(x: f64, digits: usize) -> String {
    let text = format!("{x:+.digits$}");
    let is_zero = text.bytes().all(|byte| !(b'1'..=b'9').contains(&byte));
    if is_zero { text[1..].to_string() } else { text }
}

/// A metric of a row.
fn metric_of<'a>(row: &'a LossReport, name: &str) -> Option<&'a MetricReport> {
    row.metrics.iter().find(|metric| metric.name == name)
}

/// Whether more is better.
fn larger_is_better(metric: &str) -> bool {
    metric_of_column(metric).is_none_or(|row| row.larger_is_better)
}

/// `0.031`, and `< 0.001` where no more can be said.
fn p_value(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_string() } else { format!("{p:.3}") }
}

impl<'a> Results<'a> {
    fn new(folder: &'a RunFolder, options: &Options) -> anyhow::Result<Self> {
        let rows = folder.rows();
        let place = |name: &str| rows.iter().position(|row| row.loss == name);
        let baseline = match &options.baseline {
            None => place(ASSUME_NEGATIVE).unwrap_or(0),
            Some(name) => match place(name) {
                Some(place) => place,
                None => {
                    let names: Vec<String> = rows.iter().map(|row| shown(&row.loss)).collect();
                    let folder = folder.path().display();
                    bail!("--baseline {name}: {folder} has no such row; there are {}", names.join(", "))
                }
            },
        };
        let comparison = folder.compare(baseline, options.resamples)?;
        let columns = folder.spec().columns();
        let first = columns.first().map_or("map", String::as_str);
        let of = |row: &LossReport| {
            let mean = metric_of(row, first)?.mean?;
            Some(if larger_is_better(first) { mean } else { -mean })
        };
        let mut order: Vec<usize> = (0..rows.len()).filter(|i| of(&rows[*i]).is_some()).collect();
        order.sort_by(|a, b| of(&rows[*b]).partial_cmp(&of(&rows[*a])).unwrap_or(std::cmp::Ordering::Equal));
        let others = || order.iter().copied().filter(|i| *i != baseline);
        let best = others().find(|i| rows[*i].labels == rows[baseline].labels).or_else(|| others().next());
        // The baseline has the first style, the best of the others have the next ones.
        let mut styles = vec![None; rows.len()];
        styles[baseline] = Some(0);
        others().take(EMPHASISED - 1).enumerate().for_each(|(style, row)| styles[row] = Some(style + 1));
        Ok(Self {
            folder,
            rows,
            baseline,
            best,
            comparison,
            resamples: options.resamples.count,
            columns,
            styles,
        })
    }

    fn name(&self, row: usize) -> String {
        shown(&self.rows[row].loss)
    }

    fn table(&self) -> Table {
        let data = self.folder.data();
        let classes = self.rows.iter().find_map(|row| self.finished(row).next().map(|run| run.test_ap.len()));
        let tested = data.map(|data| data.classes.iter().filter(|class| class.test > 0).count());
        let tested = tested.or(classes).unwrap_or_default();
        let mut table = Table::new("", ["row", "#+ / - / ? a row"]);
        let number = |text: String| Head { text, number: true };
        table.header.extend(self.columns.iter().map(|column| number(column_title(column, tested))));
        let tests = self.comparison.as_ref().ok();
        let baseline = self.name(self.baseline);
        if tests.is_some() {
            table.header.push(number(format!("mAP minus {baseline} [95 %]")));
            table.header.push(number("p (Holm)".to_string()));
        }
        table.header.extend(["epochs", "s/run"].map(|text| number(text.to_string())));
        for (place, row) in self.rows.iter().enumerate() {
            let mut cells: Vec<Cell> = vec![self.name(place).into(), row.labels.short().into()];
            for (i, column) in self.columns.iter().enumerate() {
                let text = match (i, row.best_epochs.is_empty()) {
                    (0, true) => row.map(),
                    _ => row.metric(column),
                };
                cells.push(Cell { best: self.is_best(place, column), ..text.into() });
            }
            if let Some(tests) = tests {
                match &tests[place] {
                    Some(found) => {
                        let text = format!("{} [{:.2}, {:.2}]", signed(found.mean, 2), found.low, found.high);
                        let clear = found.holm < 0.05;
                        let shade = if !clear {
                            0
                        } else if found.mean > 0.0 {
                            2
                        } else {
                            -2
                        };
                        cells.push(Cell { shade, ..text.into() });
                        cells.push(p_value(found.holm).into());
                    }
                    None => cells.extend([Cell::default(), Cell::default()]),
                }
            }
            cells.push(row.epochs().into());
            cells.push(row.seconds_per_run.map_or_else(String::new, |s| format!("{s:.3}")).into());
            table.rows.push(cells);
        }
        table.notes = self.table_notes();
        table
    }

    fn table_notes(&self) -> Vec<String> {
        let mut notes = vec![
            "+ / - / ? a row: mean numbers of positive, negative and unknown labels of a training row. Epochs: the chosen \
             ones, counted within the last phase. ±: standard deviation over seeds (divided by their number). Bold: the best of the rows that see the labels of the \
             baseline"
                .to_string(),
        ];
        if self.comparison.is_ok() {
            notes.push(format!(
                "mAP minus {}: mean difference over the seeds that both have, and 95 % interval of a paired bootstrap of {} \
                 resamples of the test rows and the seeds; p after Holm's correction over the {} rows",
                self.name(self.baseline),
                self.resamples,
                self.rows.len() - 1
            ));
        }
        let conventions = self.rows.iter().find(|row| !row.best_epochs.is_empty());
        let metrics = conventions
            .into_iter()
            .flat_map(|row| self.columns.iter().filter_map(|column| metric_of(row, column)));
        let said: Vec<String> =
            metrics.map(|metric| format!("{}: {}", metric.name, metric.convention)).collect();
        notes.extend((!said.is_empty()).then(|| said.join("; ")));
        notes
    }

    /// Whether a row has the best mean of a column among those that see the labels of the baseline.
    fn is_best(&self, place: usize, column: &str) -> bool {
        let labels = self.rows[self.baseline].labels;
        let fair: Vec<&LossReport> = self.rows.iter().filter(|row| row.labels == labels).collect();
        let mean = |row: &LossReport| metric_of(row, column).and_then(|metric| metric.mean);
        let row = &self.rows[place];
        let Some(own) = mean(row).filter(|_| row.labels == labels && fair.len() > 1) else { return false };
        let better = |other: f64| if larger_is_better(column) { other > own } else { other < own };
        !fair.into_iter().filter_map(mean).any(better)
    }

    fn intervals(&self) -> Option<Figure> {
        let tests = self.comparison.as_ref().ok()?;
        let bar = |(place, found): (usize, &Option<lacuna_harness::Difference>)| {
            let found = found.as_ref()?;
            let interval = Some((found.low, found.high));
            Some(Bar { name: self.name(place), value: found.mean, interval })
        };
        let all: Vec<Bar> = tests.iter().enumerate().filter_map(bar).collect();
        let axis = format!("difference in test mAP to {}, percentage points", self.name(self.baseline));
        bars("Differences with 95 % intervals", &axis, &all, "")
    }

    fn finished(&self, row: &LossReport) -> impl Iterator<Item = &'a Finished> {
        let name = row.loss.clone();
        self.folder.runs().iter().filter_map(|run| run.result.finished()).filter(move |run| run.loss == name)
    }

    /// Ours beside the published numbers.
    fn published(&self) -> Vec<Block> {
        let published = &self.folder.spec().published;
        if published.is_empty() {
            return vec![];
        }
        let header = ["row", "metric", "#ours", "#elsewhere", "#difference", "#within", "source"];
        let mut table = Table::new("", header);
        for number in published {
            let ours = self.ours(number);
            let digits = digits(&number.metric);
            let difference = ours.and_then(|metric| metric.mean).map(|mean| mean - number.value);
            let within = match (number.tolerance, difference) {
                (Some(tolerance), Some(off)) if off.abs() <= tolerance => format!("yes (± {tolerance})"),
                (Some(tolerance), Some(_)) => format!("no (± {tolerance})"),
                _ => String::new(),
            };
            let memory = if number.memory { "; from memory" } else { "" };
            let row = self.rows.iter().find(|row| row.loss == number.loss);
            let row = [
                shown(&number.loss),
                number.metric.clone(),
                row.map_or_else(String::new, |row| row.metric(&number.metric)),
                format!("{:.digits$}", number.value),
                difference.map_or_else(String::new, |x| signed(x, digits)),
                within,
                format!("{}{memory}", number.source),
            ];
            table.rows.push(row.map(Cell::from).into());
        }
        if published.iter().any(|number| number.memory) {
            table.notes.push("from memory: the number was seen in no file".to_string());
        }
        vec![Block::heading("Beside numbers from elsewhere"), Block::Table(table)]
    }

    /// Our value of a published number.
    fn ours(&self, number: &Published) -> Option<&MetricReport> {
        let row = self.rows.iter().find(|row| row.loss == number.loss)?;
        metric_of(row, &number.metric)
    }

    /// Training loss, the metric of selection, and the hidden positives that are found, by epoch.
    fn curves(&self) -> Vec<Figure> {
        let epoch = Axis { title: "epoch", scale: Scale::Whole };
        let select = &self.folder.spec().evaluation.select;
        let of = |values: &dyn Fn(&Finished) -> Vec<f64>| -> Vec<Line> {
            let line = |(place, row): (usize, &LossReport)| {
                let runs: Vec<Vec<f64>> = self.finished(row).map(values).collect();
                let points = mean_by_epoch(&runs);
                (!points.is_empty()).then(|| Line {
                    name: row.loss.clone(),
                    points,
                    style: self.styles[place],
                })
            };
            self.rows.iter().enumerate().filter_map(line).collect()
        };
        let seeds = if self.folder.spec().training.seeds > 1 { "Mean over seeds. " } else { "" };
        let loss = lines(
            "Training loss",
            epoch,
            Axis { title: "loss", scale: Scale::Auto },
            &of(&|run| run.epoch_losses.clone()),
            &format!("{seeds}Each row has its own loss: heights of different rows cannot be compared."),
        );
        let val = lines(
            "Validation",
            epoch,
            Axis { title: select, scale: Scale::Linear },
            &of(&|run| run.epoch_vals.clone()),
            &format!("{seeds}The metric by which an epoch is chosen, on the rows that validate."),
        );
        let hidden = lines(
            "Hidden positives",
            epoch,
            Axis { title: "recall, percent", scale: Scale::Linear },
            &of(&|run| run.epoch_hidden.iter().map(|share| 100.0 * share).collect()),
            &format!(
                "{seeds}Of the N cells of the training rows without a known label that have the highest \
                 scores, the share that are hidden positives; N is the number of hidden positives."
            ),
        );
        [loss, val, hidden].into_iter().flatten().collect()
    }

    /// Mean test AP of each class over the runs of each row.
    fn aps(&self) -> Vec<RowAps> {
        let of = |(place, row): (usize, &LossReport)| {
            let runs: Vec<&[f64]> = self.finished(row).map(|run| run.test_ap.as_slice()).collect();
            let classes = runs.first().map_or(0, |ap| ap.len());
            let mean = |class: usize| runs.iter().map(|ap| ap[class]).sum::<f64>() / runs.len() as f64;
            let same = runs.iter().all(|ap| ap.len() == classes);
            let ap = if same { (0..classes).map(mean).collect() } else { vec![] };
            RowAps { name: row.loss.clone(), ap, style: self.styles[place] }
        };
        self.rows.iter().enumerate().map(of).collect()
    }

    fn by_class(&self) -> Vec<Block> {
        let data = self.folder.data();
        let tested = |class: usize| data.is_none_or(|data| is_tested(data, class));
        let best = self.best.map_or("", |best| &self.rows[best].loss);
        classes::blocks(&self.aps(), &self.rows[self.baseline].loss, best, data, tested)
    }

    fn settings(&self) -> Vec<Block> {
        let spec = self.folder.spec();
        let mut items = self.folder.data().map_or_else(Vec::new, |data| data.conventions.clone());
        let mut versions: Vec<String> = self
            .folder
            .runs()
            .iter()
            .map(|run| format!("{} {}", run.provenance.version, run.provenance.simd))
            .collect();
        versions.sort();
        versions.dedup();
        items.push(format!("Made by: lacuna {}", versions.join(", ")));
        items.push(format!("Folder: {}", self.folder.path().display()));
        if !spec.analysis.is_empty() {
            items.push(spec.analysis.split_whitespace().collect::<Vec<_>>().join(" "));
        }
        vec![Block::heading("Settings"), Block::List { items }]
    }

    fn summary(&self, id: &str, title: &str) -> Summary {
        let first = self.columns.first().map_or("map", String::as_str);
        let cell = |place: usize| format!("{}: {}", self.name(place), self.rows[place].metric(first));
        let published = &self.folder.spec().published;
        let judged = published
            .iter()
            .filter_map(|number| Some((number.tolerance?, self.ours(number)?.mean? - number.value)));
        let (mut within, mut all) = (0, 0);
        for (tolerance, off) in judged {
            all += 1;
            within += usize::from(off.abs() <= tolerance);
        }
        Summary {
            anchor: id.to_string(),
            title: title.to_string(),
            folder: self.folder.path().display().to_string(),
            runs: self.folder.runs().len(),
            baseline: cell(self.baseline),
            best: self.best.map_or_else(String::new, cell),
            said: match all {
                0 => String::new(),
                all => format!("{within} of {all} numbers from elsewhere within tolerance"),
            },
        }
    }

    fn values(&self) -> Vec<Value> {
        let folder = self.folder.path().display().to_string();
        let baseline = self.rows[self.baseline].loss.clone();
        let mut values = Vec::new();
        for (place, row) in self.rows.iter().enumerate() {
            for metric in &row.metrics {
                let published = self.folder.spec().published.iter();
                let elsewhere = { published }.find(|p| p.loss == row.loss && p.metric == metric.name);
                let value = Value {
                    folder: folder.clone(),
                    row: row.loss.clone(),
                    metric: metric.name.clone(),
                    chosen: "clean",
                    mean: metric.mean,
                    std: metric.std,
                    runs: Some(row.best_epochs.len()),
                    elsewhere: elsewhere.map(|p| p.value),
                    from_memory: elsewhere.map(|p| p.memory),
                    source: elsewhere.map_or_else(String::new, |p| p.source.clone()),
                    ..Value::default()
                };
                let tested = self.comparison.as_ref().ok().and_then(|tests| tests[place].as_ref());
                values.push(match tested.filter(|_| metric.name == "map") {
                    Some(found) => Value { baseline: baseline.clone(), ..value.with(found) },
                    None => value,
                });
            }
        }
        let aps = self.aps();
        let base = aps.iter().find(|row| row.name == baseline).map_or(&[][..], |row| &row.ap);
        let names = self.folder.data().map(|data| &data.classes);
        for row in &aps {
            let of_class = |(class, ap): (usize, &f64)| Value {
                folder: folder.clone(),
                kind: Kind::Class,
                row: row.name.clone(),
                class: Some(class),
                class_name: names
                    .and_then(|names| names.get(class))
                    .map_or_else(String::new, |c| c.name.clone()),
                metric: "ap".to_string(),
                chosen: "clean",
                mean: Some(*ap),
                baseline: baseline.clone(),
                difference: base.get(class).map(|base| ap - base),
                ..Value::default()
            };
            values.extend(row.ap.iter().enumerate().map(of_class));
        }
        values
    }
}

/// Whether a test row has a class.
pub(super) fn is_tested(data: &DataLabel, class: usize) -> bool {
    data.classes.get(class).is_none_or(|of| of.test > 0)
}

/// Means over the runs that reached an epoch, by its number from 1 on.
fn mean_by_epoch(runs: &[Vec<f64>]) -> Vec<(f64, f64)> {
    let longest = runs.iter().map(Vec::len).max().unwrap_or(0);
    let mean = |epoch: usize| {
        let values: Vec<f64> = runs.iter().filter_map(|run| run.get(epoch)).copied().collect();
        ((epoch + 1) as f64, values.iter().sum::<f64>() / values.len() as f64)
    };
    (0..longest).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_are_means_over_the_runs_that_reached_an_epoch() {
        let runs = [vec![1.0, 2.0, 3.0], vec![3.0, 4.0]];
        assert_eq!(mean_by_epoch(&runs), [(1.0, 2.0), (2.0, 3.0), (3.0, 3.0)]);
        assert_eq!(mean_by_epoch(&[]), []);
        assert_eq!([1.254, -0.001, -2.0].map(|x| signed(x, 2)), ["+1.25", "0.00", "-2.00"]);
        assert_eq!([0.0004, 0.0312, 1.0].map(p_value), ["< 0.001", "0.031", "1.000"]);
    }
}
