//! Terminal output: a progress bar and the table.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use lacuna::cli::screen::{self, WIDTH, wrapped};
use lacuna_checks::Severity;
use lacuna_formats::shown;
use lacuna_harness::{Cells, Finished, Plan, Progress as Event, Report, RunResult, Store};
use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Time between two lines of progress where there is no terminal.
const BETWEEN_LINES: Duration = Duration::from_secs(30);

/// A progress bar on a terminal; elsewhere a plain line for each run, and one for all of them now and then. Always on standard
/// error, and nothing of it with `--quiet`.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    start: Instant,
    counts: Mutex<Counts>,
}

/// What has been trained so far.
#[derive(Default)]
struct Counts {
    /// Epochs of all runs.
    epochs: usize,
    /// Epochs that are over, with those of runs that were resumed.
    over: usize,
    /// Epochs that were trained here.
    trained: usize,
    /// Rows that were trained on here, over all epochs.
    rows: usize,
    /// The same of each run that has not ended, by identity.
    runs: HashMap<String, usize>,
    last_line: Duration,
}

impl Counts {
    fn epoch(&mut self, id: &str, rows: usize) {
        self.over += 1;
        self.trained += usize::from(rows > 0);
        self.rows += rows;
        match self.runs.get_mut(id) {
            Some(of_run) => *of_run += rows,
            None => {
                self.runs.insert(id.to_string(), rows);
            }
        }
    }

    /// A line of progress, where the last one is old enough.
    fn line(&mut self, elapsed: Duration) -> Option<String> {
        if elapsed < self.last_line + BETWEEN_LINES || self.trained == 0 {
            return None;
        }
        self.last_line = elapsed;
        let seconds = elapsed.as_secs_f64();
        let left = seconds / self.trained as f64 * self.epochs.saturating_sub(self.over) as f64;
        Some(format!(
            "{} of {} epochs, {} elapsed, about {} left, {}",
            self.over,
            self.epochs,
            clock(seconds),
            clock(left),
            rate(self.rows, seconds)
        ))
    }
}

/// Rows trained in a second.
fn rate(rows: usize, seconds: f64) -> String {
    format!("{:.0} samples/s", rows as f64 / seconds.max(1e-9))
}

/// Hours, minutes and seconds.
fn clock(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

impl Progress {
    /// Says what is run, and what looks wrong with the data.
    pub(crate) fn new(plan: &Plan, store: &Store, jobs: usize) -> Self {
        let (runs, data) = (plan.runs(), plan.data());
        let kept = store.kept().iter().filter(|run| run.result.finished().is_some()).count();
        let there = if kept > 0 { format!(", {kept} of them there already") } else { String::new() };
        let name = shown(&data.name);
        let word = if runs == 1 { "run" } else { "runs" };
        screen::info(&format!("{name}: {runs} {word}{there}, {} at a time", jobs.min(runs)));
        for line in plan.conventions() {
            screen::info(&wrapped(&format!("  {line}"), 4));
        }
        for note in plan.notes() {
            screen::err(&format!("note: {note}"));
        }
        for note in store.notes() {
            screen::info(&format!("note: {note}"));
        }
        findings(plan);
        Self::bar(plan)
    }

    /// The bar alone.
    pub(crate) fn bar(plan: &Plan) -> Self {
        Self::of(plan.epochs())
    }

    /// A bar of so many epochs.
    pub(crate) fn of(epochs: usize) -> Self {
        let bar = (std::io::stderr().is_terminal() && !screen::is_quiet()).then(|| {
            let style = ProgressStyle::with_template(
                "[{elapsed_precise}] {wide_bar} {pos}/{len} epochs  {msg}  {eta} left",
            )
            .expect("the template is well-formed");
            ProgressBar::new(epochs as u64).with_style(style)
        });
        Self { bar, start: Instant::now(), counts: Mutex::new(Counts { epochs, ..Counts::default() }) }
    }

    pub(crate) fn show(&self, event: Event) {
        self.show_at(None, event);
    }

    /// The same of a run at a point of a sweep.
    pub(crate) fn show_at(&self, point: Option<&str>, event: Event) {
        let point = point.map_or_else(String::new, |point| format!(", {point}"));
        let mut counts = self.counts.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        match event {
            Event::Epoch { id, loss, seed, rows, .. } => {
                counts.epoch(&id, rows);
                let elapsed = self.start.elapsed();
                let Some(bar) = &self.bar else {
                    return counts.line(elapsed).iter().for_each(|line| screen::info(line));
                };
                let rate = rate(counts.rows, elapsed.as_secs_f64());
                bar.set_message(format!("{loss}, seed {seed}{point}, {rate}"));
                bar.inc(1);
                if rows == 0 {
                    // Epochs that were over before say nothing about the time that is left.
                    bar.reset_eta();
                }
            }
            Event::Note(note) => self.above(|| screen::err(&format!("note: {note}"))),
            Event::Waiting(runs) => {
                self.above(|| screen::info(&format!("waiting for {runs} runs of other processes")))
            }
            Event::Run(run) => {
                let rows = counts.runs.remove(&run.id).unwrap_or_default();
                match &run.result {
                    RunResult::Finished(end) if self.bar.is_none() => screen::info(&format!(
                        "{}, seed {}{point}: {} (epoch {}), {:.2} s, {}",
                        end.loss,
                        end.seed,
                        first_metric(end),
                        end.best_epoch,
                        run.provenance.seconds,
                        rate(rows, run.provenance.seconds)
                    )),
                    RunResult::Finished(_) => {}
                    RunResult::Failed(end) => self.above(|| screen::err(&format!("failed: {}", end.failed))),
                }
            }
        }
    }

    /// Writes lines above the bar.
    fn above(&self, write: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Says what looks wrong with the data.
pub(crate) fn findings(plan: &Plan) {
    for finding in &plan.data().findings {
        let word = match finding.severity {
            Severity::Error => "error in the data",
            Severity::Warning => "warning",
        };
        screen::err(&format!("{word}: {}", finding.text));
    }
}

/// The first metric, by name and value.
fn first_metric(end: &Finished) -> String {
    match end.test_map() {
        Some(map) => format!("test mAP {map:.2}"),
        None => {
            let other = end.metrics.iter().find(|(name, _)| !name.starts_with("val."));
            other.map_or_else(String::new, |(name, value)| match value.value {
                Some(value) => format!("{name} {value:.4}"),
                None => format!("{name} not defined"),
            })
        }
    }
}

/// The table, with the conventions its numbers were made under.
pub(crate) fn table(report: &Report) -> String {
    let Cells { header, rows, numbers, notes } = report.cells();
    let table = grid(header, rows, numbers);
    let title = wrapped(&format!("{} on {}: {}", report.name, shown(&report.data), report.title), 2);
    let mut text = format!("{title}\n{table}\n");
    for line in notes.iter().chain(&report.conventions).chain(&report.caveat) {
        text.push_str(&wrapped(line, 2));
        text.push('\n');
    }
    let word = if report.runs.len() == 1 { "run" } else { "runs" };
    text.push_str(&format!("{} {word} in {:.1} s", report.runs.len(), report.seconds));
    text
}

/// Cells as a table that fits the width of a terminal, with numbers to the right.
pub(crate) fn grid(
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    numbers: impl IntoIterator<Item = usize>,
) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH as u16);
    table.set_header(header);
    rows.into_iter().for_each(|row| {
        table.add_row(row);
    });
    for column in numbers {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_progress_comes_every_30_seconds_with_the_time_that_is_left() {
        let mut counts = Counts { epochs: 100, ..Counts::default() };
        let after = Duration::from_secs;
        (0..20).for_each(|_| counts.epoch("resumed", 0));
        assert_eq!(counts.line(after(40)), None, "nothing was trained here");
        (0..20).for_each(|_| counts.epoch("a", 300));
        assert_eq!(counts.line(after(29)), None);
        let line = counts.line(after(40)).unwrap();
        // 20 epochs in 40 s, and 60 are left.
        assert_eq!(line, "40 of 100 epochs, 0:00:40 elapsed, about 0:02:00 left, 150 samples/s");
        assert_eq!(counts.line(after(69)), None);
        assert!(counts.line(after(70)).is_some());
        assert_eq!(counts.runs["a"], 6000);
        assert_eq!(clock(3723.4), "1:02:03");
    }
}
