//! Terminal output: a progress bar and the table.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use lacuna::cli::screen::{self, WIDTH, wrapped};
use lacuna_checks::Severity;
use lacuna_formats::shown;
use lacuna_harness::{Cells, Finished, Plan, Progress as Event, Report, RunResult, Store};
use std::io::IsTerminal;

/// A progress bar on a terminal, one plain line a run elsewhere. Always on standard error.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Says what is run, and what looks wrong with the data.
    pub(crate) fn new(plan: &Plan, store: &Store, jobs: usize) -> Self {
        let (runs, data) = (plan.runs(), plan.data());
        let kept = store.kept().iter().filter(|run| run.result.finished().is_some()).count();
        let there = if kept > 0 { format!(", {kept} of them there already") } else { String::new() };
        let name = shown(&data.name);
        let word = if runs == 1 { "run" } else { "runs" };
        screen::err(&format!("{name}: {runs} {word}{there}, {} at a time", jobs.min(runs)));
        for line in plan.conventions() {
            screen::err(&wrapped(&format!("  {line}"), 4));
        }
        for note in plan.notes().iter().chain(store.notes()) {
            screen::err(&format!("note: {note}"));
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
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template(
                "[{elapsed_precise}] {wide_bar} {pos}/{len} epochs  {msg}  {eta} left",
            )
            .expect("the template is well-formed");
            ProgressBar::new(epochs as u64).with_style(style)
        });
        Self { bar }
    }

    pub(crate) fn show(&self, event: Event) {
        self.show_at(None, event);
    }

    /// The same of a run at a point of a sweep.
    pub(crate) fn show_at(&self, point: Option<&str>, event: Event) {
        let point = point.map_or_else(String::new, |point| format!(", {point}"));
        let run = match (event, &self.bar) {
            (Event::Epoch { loss, seed, .. }, Some(bar)) => {
                bar.set_message(format!("{loss}, seed {seed}{point}"));
                return bar.inc(1);
            }
            (Event::Epoch { .. }, None) => return,
            (Event::Note(note), Some(bar)) => return bar.suspend(|| screen::err(&format!("note: {note}"))),
            (Event::Note(note), None) => return screen::err(&format!("note: {note}")),
            (Event::Run(run), _) => run,
        };
        match (&run.result, &self.bar) {
            (RunResult::Finished(end), None) => screen::err(&format!(
                "{}, seed {}{point}: {} (epoch {}), {:.2} s",
                end.loss,
                end.seed,
                first_metric(end),
                end.best_epoch,
                run.provenance.seconds
            )),
            (RunResult::Finished(_), Some(_)) => {}
            (RunResult::Failed(end), None) => screen::err(&format!("failed: {}", end.failed)),
            (RunResult::Failed(end), Some(bar)) => {
                bar.suspend(|| screen::err(&format!("failed: {}", end.failed)))
            }
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
