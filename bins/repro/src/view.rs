//! What a person sees: a bar while it runs, a table at the end.

use comfy_table::{CellAlignment, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use lacuna_harness::{Plan, Progress as Event, Report};
use std::io::IsTerminal;

/// A progress bar on a terminal, one plain line a run elsewhere. Always on standard error.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(crate) fn new(plan: &Plan, jobs: usize) -> Self {
        let runs = plan.runs();
        eprintln!("{}: {runs} runs, {} at a time", plan.data().name, jobs.min(runs));
        for line in plan.conventions() {
            eprintln!("  {line}");
        }
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template(
                "[{elapsed_precise}] {wide_bar} {pos}/{len} epochs  {msg}  {eta} left",
            )
            .expect("the template is well-formed");
            ProgressBar::new(plan.epochs() as u64).with_style(style)
        });
        Self { bar }
    }

    pub(crate) fn show(&self, event: Event) {
        match (event, &self.bar) {
            (Event::Epoch { loss, seed, .. }, Some(bar)) => {
                bar.set_message(format!("{loss}, seed {seed}"));
                bar.inc(1);
            }
            (Event::Run(run), None) => eprintln!(
                "{}, seed {}: test mAP {:.2} (epoch {}), {:.2} s",
                run.loss, run.seed, run.test_map, run.best_epoch, run.seconds
            ),
            (Event::Epoch { .. }, None) | (Event::Run(_), Some(_)) => {}
        }
    }

    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// The table, with the conventions its numbers were made under.
pub(crate) fn table(report: &Report) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    let mut header = vec!["loss", "labels it sees", "test mAP", "best epochs", "s/run"];
    let with_published = !report.published.is_empty();
    if with_published {
        header.push("elsewhere");
    }
    table.set_header(header);
    for line in &report.losses {
        let epochs: Vec<String> = line.best_epochs.iter().map(usize::to_string).collect();
        let mut row = vec![
            line.loss.clone(),
            line.sees.clone(),
            format!("{:.2} ± {:.2}", line.test_map_mean, line.test_map_std),
            epochs.join(", "),
            format!("{:.3}", line.seconds_per_run),
        ];
        if with_published {
            row.push(report.published(&line.loss).to_string());
        }
        table.add_row(row);
    }
    for column in [2, 4] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = format!("{} on {}: {}\n{table}\n", report.name, report.data, report.title);
    for line in report.conventions.iter().chain(&report.caveat) {
        text.push_str(line);
        text.push('\n');
    }
    text.push_str(&format!("{} runs in {:.1} s", report.runs.len(), report.seconds));
    text
}
