//! `lacuna eval`: metrics of a head over known cells.

use super::head::{HeadArgs, fitted, known_cells, notes, number, warn_of_training_rows};
use super::labelled::{Labelled, LabelledInput};
use super::screen;
use super::train::{judged, lacks_negatives};
use crate::{EvalReport, Model, NamedMetric};
use clap::Args;
use std::path::PathBuf;

/// Measures a head by labels, of which only the known cells count
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct EvalArgs {
    #[command(flatten)]
    input: LabelledInput,
    #[command(flatten)]
    head: HeadArgs,
    /// Only these metrics, by comma [default: all]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    metrics: Option<Vec<String>>,
    /// A line for each class
    #[arg(long)]
    per_class: bool,
}

const EXAMPLES: &str = "Examples:
  lacuna eval --model head --features x.npy --names names.txt \\
    --labels y.csv --complete
  lacuna eval --model head --features x.npy --labels y.npy \\
    --label-convention csl --metrics map,cf1,of1 --per-class
  lacuna eval --model head --features x.npy --labels y.npy --complete \\
    --rows head/held_out.txt

Unknown cells are not counted. If the data has test rows, these are measured,
else all of its rows. Every number is printed with its convention.

Exit codes: 0 done, 2 invalid command line, file or data.";

/// The rows that a command measures a head by: test rows, where the data has some and no rows were named.
pub(crate) fn rows_of(input: &LabelledInput, model: &Model) -> anyhow::Result<Labelled> {
    Ok(rows_and_files(input, model)?.0)
}

/// As [`rows_of`], with every file that was read.
pub(crate) fn rows_and_files(
    input: &LabelledInput,
    model: &Model,
) -> anyhow::Result<(Labelled, Vec<PathBuf>)> {
    let opened = input.open_to_measure()?;
    let rows = match opened.test {
        Some(test) if !input.names_rows() => {
            screen::info("note: the test rows of the data are used");
            test
        }
        _ => opened.rows,
    };
    Ok((rows.widened(model.features())?, opened.files))
}

/// Measures and prints.
///
/// # Errors
/// A head, data or a metric that is refused.
pub fn run(args: &EvalArgs) -> anyhow::Result<()> {
    let model = args.head.load()?;
    let set = rows_of(&args.input, &model)?;
    warn_of_training_rows(&model, &args.head.model, &set);
    let rows = judged(&model, &set)?;
    notes(rows.notes());
    if lacks_negatives(&rows) {
        screen::err(
            "warning: no negative is known, so that every ranking and every prediction is perfect: numbers need known \
             negatives (--unlisted negative counts what is not listed as absent)",
        );
    }
    let names: Option<Vec<&str>> =
        args.metrics.as_ref().map(|names| names.iter().map(|name| name.trim()).collect());
    let report = rows.report(names.as_deref())?;
    let text = text(&report, &known_cells(&rows), args.per_class);
    match args.per_class {
        true => args.head.print.show(&text, &report),
        false => args.head.print.show(&text, &EvalReport { per_class: vec![], ..report.clone() }),
    }
}

/// The convention, without what is said once for all numbers.
pub(crate) fn convention(metric: &NamedMetric) -> &str {
    metric.value.convention.trim_end_matches(", over known cells only")
}

fn text(report: &EvalReport, known: &str, per_class: bool) -> String {
    let mut lines = vec![format!("{known}; every number is over known cells only")];
    for (classes, what) in [
        (&report.without_positives, "without a known positive"),
        (
            &report.without_negatives,
            "with positives and without a known negative: each ranking of them is perfect",
        ),
    ] {
        if !classes.is_empty() {
            let few: Vec<&str> = classes.iter().take(5).map(String::as_str).collect();
            let more = if classes.len() > 5 { ", ..." } else { "" };
            lines.push(format!("{} classes {what} ({}{more})", classes.len(), few.join(", ")));
        }
    }
    for metric in &report.metrics {
        let digits = if metric.value.convention.starts_with("percent") { 2 } else { 4 };
        let value = number(metric.value.value, digits);
        lines.push(format!("  {:<16} {value:>8}  {}", metric.name, convention(metric)));
    }
    let mut text: String = lines.iter().map(|line| screen::wrapped(line, 28) + "\n").collect();
    if per_class {
        text += &format!(
            "\n{:<24} {:>5} {:>6} {:>6} {:>6} {:>6} {:>6} {:>6}\n",
            "class", "pos", "neg", "AP", "P", "R", "F1", "p >"
        );
        for class in &report.per_class {
            let [ap, precision, recall, f1] =
                [class.ap, class.precision, class.recall, class.f1].map(|value| number(value, 1));
            text += &format!(
                "{} {:>5} {:>6} {ap:>6} {precision:>6} {recall:>6} {f1:>6} {:>6.3}\n",
                fitted(&class.class, 24),
                class.positives,
                class.negatives,
                class.threshold
            );
        }
    }
    text
}
