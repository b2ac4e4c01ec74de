//! `lacuna doctor`: statistics of a data set and its problems.

use super::{Input, exit, screen};
use clap::Args;
use lacuna_checks::{Examination, PartReport, Severity};
use lacuna_formats::shown;
use serde::Serialize;
use std::path::Path;

/// Examines a data set: counts, long tail, pairs of classes, observed labels, duplicates, leakage, fingerprint
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct DoctorArgs {
    #[command(flatten)]
    input: Input,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "Examples:
  lacuna doctor features/
  lacuna doctor --features x.npy --labels y.npy --json
  lacuna doctor --features x.npy --names names.txt --labels tags.csv

Exit codes: 0 no errors in the data, 1 errors in the data, 2 invalid command
line or file.";

/// The results in the layout of the JSON output.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Counts and findings.
    #[serde(flatten)]
    pub found: Examination,
    /// The texts of findings that are errors.
    pub errors: Vec<String>,
    /// The texts of findings that are warnings.
    pub warnings: Vec<String>,
    /// Notes of the reader; also printed on standard error, one on each line.
    pub notes: Vec<String>,
}

impl From<Examination> for Report {
    fn from(found: Examination) -> Self {
        let of = |severity| {
            let findings = found.findings.iter().filter(|finding| finding.severity == severity);
            findings.map(|finding| finding.text.clone()).collect()
        };
        Self { errors: of(Severity::Error), warnings: of(Severity::Warning), notes: Vec::new(), found }
    }
}

/// Examines and prints; returns the exit code.
///
/// # Errors
/// Unreadable data, with the same error as in every other command.
pub fn run(args: &DoctorArgs) -> anyhow::Result<i32> {
    let report = examine(&args.input)?;
    match args.json {
        true => screen::json(&(serde_json::to_string(&report)? + "\n"))?,
        false => screen::out(&report.text(args.input.given()))?,
    }
    Ok(if report.errors.is_empty() { exit::DONE } else { exit::FOUND })
}

/// Examines a data set.
///
/// # Errors
/// Unreadable data.
pub fn examine(input: &Input) -> anyhow::Result<Report> {
    let data = input.open_unchecked()?;
    let mut report = Report::from(lacuna_checks::examine(&data.train, data.test.as_ref()));
    report.notes = data.notes;
    Ok(report)
}

/// Lines of text, broken between words so that they fit; what is continued is indented.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn push(&mut self, line: &str) {
        let indent = line.len() - line.trim_start().len();
        self.0.push_str(&screen::wrapped(line, indent + 4));
        self.0.push('\n');
    }
}

impl Report {
    fn text(&self, data: &Path) -> String {
        let mut lines = Lines::default();
        lines.push(&data.display().to_string());
        for part in &self.found.parts {
            lines.push("");
            part_text(part, &mut lines);
        }
        if self.found.parts.len() == 2 {
            lines.push("");
            let (rows, names) = (self.found.leaked_rows, self.found.leaked_names);
            lines.push(&format!(
                "leakage: {rows} test rows have the features of a training row, {names} its name"
            ));
        }
        if !self.found.fingerprint.is_empty() {
            lines.push(&format!("fingerprint: {}", self.found.fingerprint));
        }
        self.warnings.iter().for_each(|warning| lines.push(&format!("warning: {warning}")));
        self.errors.iter().for_each(|error| lines.push(&format!("error: {error}")));
        lines.0
    }
}

fn part_text(part: &PartReport, lines: &mut Lines) {
    lines.push(&format!(
        "{}: {} rows, {} features, {} classes",
        part.part, part.rows, part.columns, part.classes
    ));
    if part.classes > 0 {
        lines.push(&format!(
            "  cardinality {:.3}, density {:.4}, {} label sets, {:.1} % of the cells unknown",
            part.cardinality,
            part.density,
            part.label_sets,
            100.0 * part.unknown
        ));
        let mut by: Vec<String> = part
            .rows_by_positives
            .iter()
            .take(8)
            .map(|(positives, rows)| format!("{positives}: {rows}"))
            .collect();
        if part.rows_by_positives.len() > by.len() {
            by.push("...".into());
        }
        lines.push(&format!("  rows by positives  {}", by.join("  ")));
        let [head, medium, tail] = part.head_medium_tail;
        lines.push(&format!(
            "  long tail  head {head}, medium {medium}, tail {tail} classes (100, 20 rows); imbalance {:.1}",
            part.imbalance
        ));
        let count = |(name, count): &(String, usize)| format!("{} {count}", shown(name));
        let most: Vec<String> = part.class_counts.iter().take(5).map(count).collect();
        lines.push(&format!("  most  {}", most.join(", ")));
        // Where not all classes are listed, the last ones are not the rarest.
        if part.class_counts.len() == part.classes {
            let least: Vec<String> = part.class_counts.iter().rev().take(5).map(count).collect();
            lines.push(&format!("  least  {}", least.join(", ")));
        }
        let pair = |(a, b, rows): &(String, String, usize)| format!("{} + {} {rows}", shown(a), shown(b));
        let pairs: Vec<String> = part.together.iter().take(5).map(pair).collect();
        if !pairs.is_empty() {
            lines.push(&format!("  together  {}", pairs.join(", ")));
        }
    }
    if let Some(observed) = &part.observed {
        lines.push(&format!(
            "  observed  {} positive ({:.3} a row), {} negative ({:.3} a row), {} unknown ({:.3} a row); {} \
             contradict the truth; {} rows and {} of {} classes without a positive",
            observed.positives,
            observed.positives_per_row,
            observed.negatives,
            observed.negatives_per_row,
            observed.unknown,
            observed.unknown_per_row,
            observed.contradictions,
            observed.empty_rows,
            observed.empty_classes,
            observed.classes
        ));
    }
    if part.columns > 0 {
        lines.push(&format!(
            "  features  {} constant columns, {} duplicate rows, {} of them with other labels",
            part.constant_columns, part.duplicate_rows, part.contradictions
        ));
    }
    part.notes.iter().for_each(|note| lines.push(&format!("  note: {note}")));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words() {
        let mut lines = Lines::default();
        lines.push(&format!("  {} {} {}", "a".repeat(40), "b".repeat(37), "c".repeat(90)));
        lines.push("");
        lines.push("short  enough");
        let expected =
            format!("  {} {}\n      {}\n\nshort  enough\n", "a".repeat(40), "b".repeat(37), "c".repeat(90));
        assert_eq!(lines.0, expected);
        let mut lines = Lines::default();
        lines.push(&format!("  {} {}", "a".repeat(40), "b".repeat(38)));
        assert_eq!(lines.0.lines().count(), 2);
    }
}
